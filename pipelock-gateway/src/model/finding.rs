//! One match of one rule: facts, no opinion.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The rule of a finding that is the value of one of the workload's own environment variables; the variable's name follows
/// in parentheses. It is the reference's name for it.
pub const ENVIRONMENT_RULE: &str = "Environment Variable Leak";
/// The rule of a finding that stands in `dlp.secrets_file`.
pub const KNOWN_SECRET_RULE: &str = "Known Secret Leak";
/// The rule of a finding that is a canary token; its name follows in parentheses.
pub const CANARY_RULE: &str = "Canary Token";

/// Kinds of values that `redaction` can replace wherever they stand (pipelock-config.md §19).
pub const REDACTION_CLASSES: [&str; 19] = [
    "aws-access-key",
    "google-api-key",
    "github-token",
    "slack-token",
    "jwt",
    "ssh-private-key",
    "sha512",
    "sha256",
    "sha1",
    "md5",
    "ipv4",
    "cidr",
    "ipv6",
    "mac",
    "email",
    "fqdn",
    "ad-user",
    "ssn",
    "credit-card",
];

/// What a scanner found: which rule, where, how bad. Whether it is let through is the verdict's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name as configuration and the catalogue print it, for example `GitHub Token`.
    pub rule: Arc<str>,
    /// The kind of rule.
    pub family: Family,
    /// The rule's severity after validation.
    pub severity: Severity,
    /// The part of the message it was found in.
    pub surface: Surface,
    /// The rendering of the bytes in which it was visible.
    pub view: View,
    /// Where in the raw bytes of that part, end exclusive.
    pub span: Range<u64>,
    /// What may be said about the matched bytes.
    pub evidence: Evidence,
}

impl Finding {
    /// The environment variable whose value was found, when it is that kind of finding.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        self.rule.strip_prefix(ENVIRONMENT_RULE)?.strip_prefix(" (")?.strip_suffix(')')
    }

    /// Whether a canary token was found: it has no provider, and goes nowhere by right.
    #[must_use]
    pub fn is_canary(&self) -> bool {
        self.rule.starts_with(CANARY_RULE)
    }
}

/// The matched bytes as they may be printed: a length and a keyed fingerprint, never the bytes.
///
/// Two findings of the same secret in one process have the same fingerprint, so that an operator can tell one leak
/// from many; the key is random per process, so that the fingerprint cannot be searched for offline.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// Length of the match in bytes.
    pub len: u32,
    /// First 48 bits of a keyed hash.
    pub fingerprint: u64,
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redacted({}, {:012x})", self.len, self.fingerprint & 0xffff_ffff_ffff)
    }
}

/// The kind of rule a finding comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// A secret or personal number leaving.
    Dlp,
    /// Text in an answer that gives a model orders.
    Injection,
    /// A tool's definition that gives orders, or that is no longer what it was.
    ToolPoisoning,
    /// Arguments of a tool call that do damage.
    ToolCall,
    /// Calls that are harmless one by one and not in this order.
    ToolChain,
    /// A request target that hides something in its shape.
    Url,
    /// A bound of the scanner was reached; what lies beyond it was not judged.
    Limit,
}

impl Family {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dlp => "dlp",
            Self::Injection => "injection",
            Self::ToolPoisoning => "tool_poisoning",
            Self::ToolCall => "tool_call",
            Self::ToolChain => "tool_chain",
            Self::Url => "url",
            Self::Limit => "limit",
        }
    }
}

/// How bad a finding is; ordered, so that the worst of several is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Likely noise; logged.
    Low,
    /// Contextual: a number or an assignment that looks like a secret.
    Medium,
    /// A secret of limited reach, or one that has no checksum.
    High,
    /// A live credential by its own format.
    Critical,
}

impl Severity {
    /// The name used in configuration, logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The part of a message that was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// Request target: path and query.
    Url,
    /// A request header field, name and value.
    RequestHeader,
    /// Request body, content-coding removed.
    RequestBody,
    /// Request trailer fields.
    RequestTrailer,
    /// Response body, content-coding removed.
    Response,
    /// The definitions in an answer to `tools/list` (MCP).
    ToolDefinitions,
    /// A `tools/call` request (MCP).
    ToolCall,
    /// Any other answer of an MCP server.
    ToolResult,
    /// Calls of one session, in order.
    ToolChain,
}

impl Surface {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::RequestHeader => "request_header",
            Self::RequestBody => "request_body",
            Self::RequestTrailer => "request_trailer",
            Self::Response => "response",
            Self::ToolDefinitions => "mcp_tools_list",
            Self::ToolCall => "mcp_tool_call",
            Self::ToolResult => "mcp_response",
            Self::ToolChain => "tool_chain",
        }
    }
}

/// The rendering of the bytes in which a finding was visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// As sent.
    Raw,
    /// JSON string escapes undone.
    Text,
    /// Percent-encoding undone.
    Percent,
    /// Lower case, one blank for any white space, invisible characters and letters that only look like ASCII undone.
    Folded,
    /// Blanks, or what stands for them between the parts of a token, removed.
    Squashed,
    /// A run of base64, base32, hex or entities decoded.
    Decoded,
    /// Read from right to left.
    Reversed,
}

impl View {
    /// The name used in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Text => "text",
            Self::Percent => "percent",
            Self::Folded => "folded",
            Self::Squashed => "squashed",
            Self::Decoded => "decoded",
            Self::Reversed => "reversed",
        }
    }
}

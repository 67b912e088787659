//! What is to happen to a message, with the reason.

use crate::model::Finding;

/// The outcome for one message part, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Action {
    /// Nothing to say.
    #[default]
    Allow,
    /// Forward, and say so in the evidence.
    Warn,
    /// Forward with what was found replaced.
    Redact,
    /// Do not forward.
    Block,
}

impl Action {
    /// The name used in configuration, logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// Why a message is not forwarded: a stable code, told to the client; the same word is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockReason {
    /// A secret was found in what was about to leave.
    Secret,
    /// An answer, or the definition of a tool, gives a model orders.
    Injection,
    /// The arguments of a tool call, or calls in this order, do damage.
    ToolPolicy,
    /// The request target hides something in its shape.
    UrlShape,
    /// The body is larger than can be judged.
    BodyTooLarge,
    /// The body is not what its content-coding says.
    BodyUndecodable,
    /// The body has a content-coding that is not known, or too many of them.
    CodingUnknown,
    /// The body becomes too large when its content-coding is undone.
    DecodeLimit,
    /// The body is said to have parts, and cannot be taken apart.
    MultipartBroken,
    /// The body must be rewritten, and cannot be: it is no JSON, is read in two ways, or has left in part.
    Unredactable,
    /// A bound of the scanner was reached.
    ScanLimit,
    /// `Host` or `:authority` differs from the name the TLS session was opened for.
    AuthorityMismatch,
    /// `mode: strict` and the host is not in `api_allowlist`.
    NotInAllowlist,
    /// The configuration has changed since the connection was opened, and would not have it opened now.
    DestinationDenied,
    /// The same, because nothing proves any more that the address is that host's, which `mode: strict` wants.
    NameNotBound,
    /// The message is malformed in a way that two parsers could read differently (RFC 9112 §11.2).
    Framing,
    /// The request asks to switch to a protocol (WebSocket, for one) whose bytes cannot be shown to the judge yet.
    UpgradeUninspectable,
    /// The upstream's certificate did not verify.
    UpstreamTls,
    /// The upstream wants a client certificate, which only the workload has, and ended the handshake without.
    UpstreamClientCertificate,
    /// The upstream speaks no TLS version or cipher suite that the gateway does.
    UpstreamLegacyTls,
    /// The upstream could not be reached or answered nonsense.
    UpstreamUnavailable,
    /// The gateway is at a limit of its own.
    Overloaded,
    /// Receipts are required, and the last one could not be written.
    ReceiptsUnavailable,
    /// The kill switch is on: everything is refused.
    KillSwitch,
    /// Too many requests to this domain within a minute.
    RateLimited,
    /// Too many bytes to this domain within a minute.
    DataBudget,
    /// The session does what it never did, and `session_profiling` refuses that.
    SessionAnomaly,
    /// The session has leaked so often that everything of it is refused.
    SessionEscalated,
    /// The session was given orders by an answer, and this target is protected from such.
    Tainted,
}

impl BlockReason {
    /// Every reason.
    pub const ALL: [Self; 29] = [
        Self::Secret,
        Self::Injection,
        Self::ToolPolicy,
        Self::UrlShape,
        Self::BodyTooLarge,
        Self::BodyUndecodable,
        Self::CodingUnknown,
        Self::DecodeLimit,
        Self::MultipartBroken,
        Self::Unredactable,
        Self::ScanLimit,
        Self::AuthorityMismatch,
        Self::NotInAllowlist,
        Self::DestinationDenied,
        Self::NameNotBound,
        Self::Framing,
        Self::UpgradeUninspectable,
        Self::UpstreamTls,
        Self::UpstreamClientCertificate,
        Self::UpstreamLegacyTls,
        Self::UpstreamUnavailable,
        Self::Overloaded,
        Self::ReceiptsUnavailable,
        Self::KillSwitch,
        Self::RateLimited,
        Self::DataBudget,
        Self::SessionAnomaly,
        Self::SessionEscalated,
        Self::Tainted,
    ];

    /// The one key of the configuration that would let such a message pass; none where no setting should, or can.
    #[must_use]
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Self::Secret | Self::Injection | Self::ToolPolicy | Self::UrlShape => Some("suppress"),
            Self::BodyTooLarge => Some("limits.streamed_body_bytes"),
            Self::BodyUndecodable => Some("uninspectable.broken_coding"),
            Self::CodingUnknown => Some("uninspectable.unknown_coding"),
            Self::DecodeLimit => Some("uninspectable.decode_limit"),
            Self::MultipartBroken => Some("uninspectable.multipart"),
            Self::Unredactable => Some("redaction.allowlist_unparseable"),
            Self::NotInAllowlist => Some("api_allowlist"),
            Self::DestinationDenied => Some("trusted_domains"),
            Self::NameNotBound => Some("names.hosts"),
            Self::UpgradeUninspectable => Some("uninspectable.upgrade"),
            Self::UpstreamTls => Some("tls_interception.upstream_ca_files"),
            Self::UpstreamClientCertificate => Some("tls_interception.client_certificate_domains"),
            Self::UpstreamLegacyTls => Some("tls_interception.legacy_tls_domains"),
            Self::ReceiptsUnavailable => Some("flight_recorder.require_receipts"),
            Self::KillSwitch => Some("kill_switch.enabled"),
            Self::RateLimited => Some("fetch_proxy.monitoring.max_requests_per_minute"),
            Self::DataBudget => Some("fetch_proxy.monitoring.max_data_per_minute"),
            Self::SessionAnomaly => Some("session_profiling.anomaly_action"),
            Self::SessionEscalated => Some("adaptive_enforcement.levels"),
            Self::Tainted => Some("taint.protected_paths"),
            Self::ScanLimit
            | Self::AuthorityMismatch
            | Self::Framing
            | Self::UpstreamUnavailable
            | Self::Overloaded => None,
        }
    }

    /// The code in `X-Pipelock-Blocked`, in the body, in the audit record and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Injection => "injection",
            Self::ToolPolicy => "tool_policy",
            Self::UrlShape => "url_shape",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyUndecodable => "body_undecodable",
            Self::CodingUnknown => "coding_unknown",
            Self::DecodeLimit => "decode_limit",
            Self::MultipartBroken => "multipart_broken",
            Self::Unredactable => "unredactable",
            Self::ScanLimit => "scan_limit",
            Self::AuthorityMismatch => "authority_mismatch",
            Self::NotInAllowlist => "not_in_allowlist",
            Self::DestinationDenied => "destination_denied",
            Self::NameNotBound => "name_not_bound",
            Self::Framing => "framing",
            Self::UpgradeUninspectable => "upgrade_uninspectable",
            Self::UpstreamTls => "upstream_tls",
            Self::UpstreamClientCertificate => "upstream_client_certificate",
            Self::UpstreamLegacyTls => "upstream_legacy_tls",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::Overloaded => "overloaded",
            Self::ReceiptsUnavailable => "receipts_unavailable",
            Self::KillSwitch => "kill_switch",
            Self::RateLimited => "rate_limited",
            Self::DataBudget => "data_budget",
            Self::SessionAnomaly => "session_anomaly",
            Self::SessionEscalated => "session_escalated",
            Self::Tainted => "tainted",
        }
    }
}

/// Findings folded under the policy in force: one action and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is to happen.
    pub action: Action,
    /// Present exactly when `action` is [`Action::Block`], or when a block was turned into a warning by audit mode.
    pub reason: Option<BlockReason>,
    /// Everything that was found, also what was allowed.
    pub findings: Vec<Finding>,
    /// Whether the request target holds what must not be written down although nothing speaks against sending it: a credential on
    /// its way to its own provider.
    pub conceals_target: bool,
}

impl Verdict {
    /// Nothing found, nothing to say.
    #[must_use]
    pub fn allow() -> Self {
        Self::default()
    }

    /// A block without findings, for reasons other than content.
    #[must_use]
    pub fn block(reason: BlockReason) -> Self {
        Self { action: Action::Block, reason: Some(reason), ..Self::default() }
    }

    /// Whether the message must not be forwarded.
    #[must_use]
    pub fn is_block(&self) -> bool {
        self.action == Action::Block
    }

    /// Joins the verdict on another part of the same message: the worse action wins, findings add up.
    pub fn join(&mut self, other: Self) {
        if other.action > self.action || self.reason.is_none() {
            self.reason = other.reason.or(self.reason);
        }
        self.action = self.action.max(other.action);
        self.findings.extend(other.findings);
        self.conceals_target |= other.conceals_target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_verdict_wins_whatever_the_order() {
        for (first, second) in [
            (Verdict::allow(), Verdict::block(BlockReason::Secret)),
            (Verdict::block(BlockReason::Secret), Verdict::allow()),
        ] {
            let mut verdict = first;
            verdict.join(second);
            assert_eq!((verdict.action, verdict.reason), (Action::Block, Some(BlockReason::Secret)));
        }
    }
}

//! The sections about MCP: `mcp_input_scanning`, `mcp_tool_scanning`, `mcp_tool_policy`, `mcp_session_binding`,
//! `tool_chain_detection`, and `mcp_listener`, which is our own.
//!
//! Unlike in the reference they are all on where they are absent: they cost nothing while no MCP port is open, and an open one
//! without them would be a door without a lock. `action: block` lets severity and mode decide, as everywhere here.

mod chains;
mod listener;
mod policy;

use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{Key, Kind, TEXTS, WARN_BLOCK};

pub(super) use chains::TOOL_CHAIN_DETECTION;
pub use chains::ToolChainDetection;
pub(super) use listener::MCP_LISTENER;
pub use listener::{McpListener, McpState, RedisUrl};
pub(super) use policy::MCP_TOOL_POLICY;
pub use policy::{McpRedirect, McpRule, McpRuleAction};

pub(super) const MCP_INPUT_SCANNING: Key =
    Key::new("mcp_input_scanning", Kind::Map(INPUT_KEYS), "", "What clients send to the MCP port.");

const INPUT_KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "Whether messages of clients are judged. The reference's default is false.",
    ),
    Key::new(
        "action",
        WARN_BLOCK,
        "block",
        "`block`: severity and mode decide; `warn`: findings are reported and the message passes. The reference's default is warn.",
    ),
    Key::new(
        "on_parse_error",
        Kind::Words(&["block", "forward"]),
        "block",
        "`forward`: what is no JSON-RPC message is scanned as text and passes.",
    ),
];

pub(super) const MCP_TOOL_SCANNING: Key =
    Key::new("mcp_tool_scanning", Kind::Map(TOOL_KEYS), "", "How MCP servers define their tools.");

const TOOL_KEYS: &[Key] = &[
    Key::new("enabled", Kind::Bool, "true", "Whether definitions are judged. The reference's default is false."),
    Key::new("action", WARN_BLOCK, "block", "As in `mcp_input_scanning`."),
    Key::new(
        "detect_drift",
        Kind::Bool,
        "true",
        "Whether definitions are compared with the first that was seen. The reference's default is false.",
    ),
    Key::new(
        "acknowledged_definitions",
        TEXTS,
        "[]",
        "Digests of changed definitions that an operator accepts, 16 hexadecimal digits as the log prints them. A key of ours.",
    ),
];

pub(super) const MCP_SESSION_BINDING: Key =
    Key::new("mcp_session_binding", Kind::Map(BINDING_KEYS), "", "Calls against the tools that were listed.");

const BINDING_KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "Whether calls are held against the list. The reference's default is false.",
    ),
    Key::new("unknown_tool_action", WARN_BLOCK, "warn", "What becomes of a call of a tool that was not listed."),
    Key::new("no_baseline_action", WARN_BLOCK, "warn", "What becomes of a call before any list."),
];

/// Everything the MCP port asks the configuration.
#[derive(Clone, Debug, Default)]
pub struct Mcp {
    /// What clients send.
    pub input: McpInputScanning,
    /// How servers define their tools.
    pub tools: McpToolScanning,
    /// The operator's rules on calls; empty when switched off.
    pub rules: Vec<McpRule>,
    /// Calls against the tools that were listed.
    pub binding: McpSessionBinding,
    /// Calls in a row.
    pub chains: ToolChainDetection,
    /// The port itself.
    pub listener: McpListener,
}

/// `mcp_input_scanning`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpInputScanning {
    /// Whether messages of clients are judged.
    pub enabled: bool,
    /// `action: warn`: what is found is reported and the message passes.
    pub warn_only: bool,
    /// `on_parse_error: forward`: what is no JSON-RPC message is scanned as text and forwarded.
    pub forward_malformed: bool,
}

impl Default for McpInputScanning {
    fn default() -> Self {
        Self { enabled: true, warn_only: false, forward_malformed: false }
    }
}

/// `mcp_tool_scanning`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpToolScanning {
    /// Whether definitions are judged.
    pub enabled: bool,
    /// `action: warn`.
    pub warn_only: bool,
    /// Whether they are compared with those seen before.
    pub detect_drift: bool,
    /// Digests of changed definitions that are accepted: the first 16 hexadecimal digits, as the log prints them.
    pub acknowledged: Vec<String>,
}

impl Default for McpToolScanning {
    fn default() -> Self {
        Self { enabled: true, warn_only: false, detect_drift: true, acknowledged: Vec::new() }
    }
}

/// `mcp_session_binding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct McpSessionBinding {
    /// Whether calls are held against the list.
    pub enabled: bool,
    /// `unknown_tool_action: block`.
    pub block_unknown_tools: bool,
    /// `no_baseline_action: block`.
    pub block_without_baseline: bool,
}

impl Default for McpSessionBinding {
    fn default() -> Self {
        Self { enabled: true, block_unknown_tools: false, block_without_baseline: false }
    }
}

impl Mcp {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Error> {
        Ok(Self {
            input: top.read("mcp_input_scanning", McpInputScanning::default(), read_input)?,
            tools: top.read("mcp_tool_scanning", McpToolScanning::default(), read_tools)?,
            rules: top.read("mcp_tool_policy", Vec::new(), policy::read)?,
            binding: top.read("mcp_session_binding", McpSessionBinding::default(), read_binding)?,
            chains: top.read("tool_chain_detection", ToolChainDetection::default(), chains::read)?,
            listener: top.read("mcp_listener", McpListener::default(), McpListener::read)?,
        })
    }
}

/// `warn` or `block`, as a flag for the former.
fn warns(section: &Section<'_>) -> Result<bool, Error> {
    section.read("action", false, |action| action.choice(&[("block", false), ("warn", true)]))
}

fn read_input(value: &Value<'_>) -> Result<McpInputScanning, Error> {
    let section = value.section(INPUT_KEYS)?;
    Ok(McpInputScanning {
        enabled: section.read("enabled", true, Value::boolean)?,
        warn_only: warns(&section)?,
        forward_malformed: section
            .read("on_parse_error", false, |action| action.choice(&[("block", false), ("forward", true)]))?,
    })
}

fn read_tools(value: &Value<'_>) -> Result<McpToolScanning, Error> {
    let section = value.section(TOOL_KEYS)?;
    Ok(McpToolScanning {
        enabled: section.read("enabled", true, Value::boolean)?,
        warn_only: warns(&section)?,
        detect_drift: section.read("detect_drift", true, Value::boolean)?,
        acknowledged: section
            .read("acknowledged_definitions", Vec::new(), |list| list.list()?.iter().map(digest).collect())?,
    })
}

fn digest(value: &Value<'_>) -> Result<String, Error> {
    let text = value.text()?.to_ascii_lowercase();
    match text.get(..16) {
        Some(short) if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(short.to_owned()),
        _ => Err(value.refuse("is no digest; write the 16 hexadecimal digits that the log prints, in quotes")),
    }
}

fn read_binding(value: &Value<'_>) -> Result<McpSessionBinding, Error> {
    let section = value.section(BINDING_KEYS)?;
    let blocks = |key| section.read(key, false, |action| action.choice(&[("warn", false), ("block", true)]));
    Ok(McpSessionBinding {
        enabled: section.read("enabled", true, Value::boolean)?,
        block_unknown_tools: blocks("unknown_tool_action")?,
        block_without_baseline: blocks("no_baseline_action")?,
    })
}

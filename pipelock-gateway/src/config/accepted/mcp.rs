//! Sections about MCP (pipelock-config.md §8).

use crate::config::schema::{COUNT, Key, Kind, POSITIVE, TEXTS, WARN_BLOCK};

const NO_MCP: &str = "there is no MCP listener";

pub(in crate::config) const MCP_INPUT_SCANNING: Key = Key::new(
    "mcp_input_scanning",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether requests to tools are scanned."),
        Key::new("action", WARN_BLOCK, "warn", "What becomes of a request in which something is found."),
        Key::new(
            "on_parse_error",
            Kind::Words(&["block", "forward"]),
            "block",
            "What becomes of one that cannot be read.",
        ),
    ]),
    "",
    "Requests to MCP tools.",
)
.not_yet(NO_MCP);

pub(in crate::config) const MCP_TOOL_SCANNING: Key = Key::new(
    "mcp_tool_scanning",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether definitions of tools are scanned."),
        Key::new("action", WARN_BLOCK, "warn", "What becomes of a poisoned one."),
        Key::new("detect_drift", Kind::Bool, "false", "Whether a definition that changed is told."),
    ]),
    "",
    "Definitions of MCP tools.",
)
.not_yet(NO_MCP);

pub(in crate::config) const MCP_SESSION_BINDING: Key = Key::new(
    "mcp_session_binding",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether a session may call only tools it was shown."),
        Key::new("unknown_tool_action", WARN_BLOCK, "warn", "What becomes of a call of another."),
        Key::new("no_baseline_action", WARN_BLOCK, "warn", "What becomes of a call before any list."),
    ]),
    "",
    "Tools a session was shown.",
)
.not_yet(NO_MCP);

pub(in crate::config) const MCP_WS_LISTENER: Key = Key::new(
    "mcp_ws_listener",
    Kind::Map(&[
        Key::new("allowed_origins", TEXTS, "[]", "Origins besides loopback."),
        Key::new("max_connections", POSITIVE, "100", "Connections at once."),
    ]),
    "",
    "MCP over WebSocket.",
)
.not_yet(NO_MCP);

const RULE_ACTION: Kind = Kind::Words(&["warn", "block", "redirect"]);

pub(in crate::config) const MCP_TOOL_POLICY: Key = Key::new(
    "mcp_tool_policy",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether the rules are in force."),
        Key::new("action", RULE_ACTION, "warn", "For rules that name none."),
        Key::new(
            "rules",
            Kind::List(&Kind::Map(&[
                Key::new("name", Kind::Text, "", "What findings are called. Required."),
                Key::new("tool_pattern", Kind::Regex, "", "The tools it is about. Required."),
                Key::new("arg_pattern", Kind::Regex, "", "What an argument must match."),
                Key::new("arg_key", Kind::Regex, "", "The arguments that are looked at."),
                Key::new("action", RULE_ACTION, "", "What becomes of the call."),
                Key::new("redirect_profile", Kind::Text, "", "Where it is redirected to."),
            ])),
            "[]",
            "Rules for tool calls.",
        ),
        Key::new(
            "redirect_profiles",
            Kind::Named(&Kind::Map(&[
                Key::new("exec", TEXTS, "", "The command that answers instead. Required."),
                Key::new("reason", Kind::Text, "", "What is told."),
                Key::new("preserve_argv", Kind::Bool, "false", "Whether arguments are handed on."),
                Key::new("match_abs_path", Kind::Bool, "false", "Whether the command must be an absolute path."),
            ])),
            "",
            "Commands that answer instead of a tool.",
        ),
        Key::new("quarantine_dir", Kind::Path, "", "Where redirected files go."),
    ]),
    "",
    "Rules for tool calls.",
)
.not_yet(NO_MCP);

pub(in crate::config) const TOOL_CHAIN_DETECTION: Key = Key::new(
    "tool_chain_detection",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether calls are judged by their order."),
        Key::new("action", WARN_BLOCK, "warn", "For patterns of your own."),
        Key::new("window_size", POSITIVE, "20", "Calls that are looked back at."),
        Key::new("window_seconds", POSITIVE, "60", "How far back."),
        Key::new("max_gap", COUNT, "3", "Calls that may stand in between."),
        Key::new("tool_categories", Kind::Named(&TEXTS), "", "Tools of a category."),
        Key::new("pattern_overrides", Kind::Named(&WARN_BLOCK), "", "Actions of built-in patterns."),
        Key::new(
            "custom_patterns",
            Kind::List(&Kind::Map(&[
                Key::new("name", Kind::Text, "", "What findings are called. Required."),
                Key::new("sequence", TEXTS, "", "Two categories or more, in order. Required."),
                Key::new("severity", Kind::Words(&["medium", "high", "critical"]), "", "How bad it is."),
                Key::new("action", WARN_BLOCK, "", "What becomes of the call that completes it."),
            ])),
            "[]",
            "Patterns of your own.",
        ),
    ]),
    "",
    "Tool calls that do damage in their order.",
)
.not_yet(NO_MCP);

pub(in crate::config) const A2A_SCANNING: Key = Key::new(
    "a2a_scanning",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether A2A messages are known."),
        Key::new("action", WARN_BLOCK, "warn", "What becomes of a finding."),
        Key::new("scan_agent_cards", Kind::Bool, "true", "Whether cards are scanned."),
        Key::new("detect_card_drift", Kind::Bool, "true", "Whether a changed card is told."),
        Key::new("session_smuggling_detection", Kind::Bool, "true", "Whether foreign contexts are told."),
        Key::new("scan_raw_parts", Kind::Bool, "true", "Whether raw parts are scanned."),
        Key::new("max_context_messages", POSITIVE, "100", "Messages of a context."),
        Key::new("max_contexts", POSITIVE, "1000", "Contexts."),
        Key::new("max_raw_size", POSITIVE, "1048576", "Largest raw part."),
    ]),
    "",
    "Agent-to-agent messages.",
)
.not_yet("their bodies are judged like any other");

const MODE: Key = Key::new("mode", Kind::Words(&["pipelock", "sigstore", "any"]), "any", "Which signatures count.");

pub(in crate::config) const MCP_TOOL_PROVENANCE: Key = Key::new(
    "mcp_tool_provenance",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether signatures of tools are checked."),
        Key::new("action", WARN_BLOCK, "warn", "What becomes of an unsigned one."),
        MODE,
        Key::new("offline_only", Kind::Bool, "true", "Whether nothing is asked of a network."),
        Key::new("trusted_keys", TEXTS, "[]", "Keys that count."),
        Key::new("trusted_identities", TEXTS, "[]", "Identities that count."),
    ]),
    "",
    "Signatures of tool definitions.",
)
.not_yet(NO_MCP);

pub(in crate::config) const MCP_BINARY_INTEGRITY: Key = Key::new(
    "mcp_binary_integrity",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether hashes of server programs are checked."),
        Key::new("manifest_path", Kind::Path, "", "The hashes."),
        Key::new("action", WARN_BLOCK, "warn", "What becomes of another program."),
        Key::new("mode", Kind::Text, "", "Which hashes count."),
    ]),
    "",
    "Programs of MCP servers.",
)
.never("a gateway starts no MCP server; the image that does is checked where it is built");

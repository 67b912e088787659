//! Sections about MCP (pipelock-config.md §8).

use crate::config::schema::{Key, Kind, POSITIVE, TEXTS, WARN_BLOCK};

const NO_MCP: &str = "there is no MCP listener";

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

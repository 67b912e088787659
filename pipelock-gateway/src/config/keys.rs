//! The top level of the file. The reference's sections are all listed, so that a file written for it is never refused for a
//! name; those that nothing reads yet have their tables in [`super::accepted`].

use super::schema::{HOSTS, Key, Kind, NETWORKS};
use super::{
    accepted, canary_tokens, capture, credential_binding, cross_request, dlp, fetch_proxy, forward_proxy, kill_switch,
    logging, mcp, no_proxy, request_body, response_scanning, sessions, suppress, tls_interception, websocket_proxy,
};

/// The top level of the file.
pub(super) const TOP_LEVEL: &[Key] = &[
    Key::new("version", Kind::Count(0, 1), "1", "The schema version."),
    Key::new(
        "mode",
        Kind::Words(&["strict", "balanced", "audit"]),
        "balanced",
        "`strict`: only `api_allowlist` is reachable and medium findings block; `balanced`: critical and high findings block; `audit`: nothing is blocked, everything is recorded.",
    ),
    Key::new(
        "enforce",
        Kind::Bool,
        "",
        "false turns every block into a warning. Without it: false in mode audit, else true.",
    ),
    Key::new(
        "api_allowlist",
        HOSTS,
        "[]",
        "The only hosts strict mode admits. Without any file: model providers, chat services and code hosting.",
    ),
    Key::new(
        "trusted_domains",
        HOSTS,
        "[]",
        "Hosts that may resolve to private addresses. They are scanned like others.",
    ),
    Key::new(
        "tls_interception",
        Kind::Map(tls_interception::KEYS),
        "",
        "Whether TLS is opened, with which CA, and for whom it is not.",
    ),
    Key::new("no_proxy", Kind::Map(no_proxy::KEYS), "", "Destinations relayed unopened. A section of ours."),
    Key::new("capture", Kind::Map(capture::KEYS), "", "What the kernel steers. A section of ours."),
    Key::new("dlp", Kind::Map(dlp::KEYS), "", "What is looked for in content that leaves."),
    Key::new("canary_tokens", Kind::Map(canary_tokens::KEYS), "", "Planted tokens."),
    Key::new(
        "credential_binding",
        Kind::Map(credential_binding::KEYS),
        "",
        "Which credential may go to which host, and where in a request. A section of ours.",
    ),
    Key::new(
        "cross_request_detection",
        Kind::Map(cross_request::KEYS),
        "",
        "Secrets that leave in pieces, one request each.",
    ),
    Key::new(
        "response_scanning",
        Kind::Map(response_scanning::KEYS),
        "",
        "What becomes of answers that give orders to the model that would read them.",
    ),
    Key::new("logging", Kind::Map(logging::KEYS), "", "The audit log."),
    Key::new("fetch_proxy", Kind::Map(fetch_proxy::KEYS), "", "The reference's name for the main listener."),
    Key::new("forward_proxy", Kind::Map(forward_proxy::KEYS), "", "Who may use the explicit proxy, and for what."),
    Key::new(
        "request_body_scanning",
        Kind::Map(request_body::KEYS),
        "",
        "What becomes of what is found in bodies and header fields of requests.",
    ),
    Key::new(
        "suppress",
        Kind::List(&Kind::Map(suppress::KEYS)),
        "[]",
        "Findings that are known and harmless. A host counts once its certificate has proven it; in cleartext the address stands in its place.",
    ),
    Key::new("internal", NETWORKS, "", "Networks that names may not resolve to.")
        .not_yet("the built-in list is in force"),
    Key::new("ssrf", Kind::Map(forward_proxy::ssrf::KEYS), "", "Exceptions from what names may resolve to."),
    accepted::SEED_PHRASES,
    accepted::REDACTION,
    Key::new("websocket_proxy", Kind::Map(websocket_proxy::KEYS), "", "WebSocket connections of captured processes."),
    mcp::MCP_LISTENER,
    mcp::MCP_INPUT_SCANNING,
    mcp::MCP_TOOL_SCANNING,
    mcp::MCP_TOOL_POLICY,
    mcp::MCP_SESSION_BINDING,
    accepted::MCP_WS_LISTENER,
    mcp::TOOL_CHAIN_DETECTION,
    accepted::A2A_SCANNING,
    accepted::MCP_TOOL_PROVENANCE,
    accepted::MCP_BINARY_INTEGRITY,
    Key::new("kill_switch", Kind::Map(kill_switch::KEYS), "", "Refusing everything at once."),
    Key::new("session_profiling", Kind::Map(sessions::PROFILING), "", "What a session usually does."),
    Key::new(
        "adaptive_enforcement",
        Kind::Map(sessions::ADAPTIVE),
        "",
        "Growing stricter with a session that misbehaves.",
    ),
    accepted::AIRLOCK,
    accepted::AGENTS,
    accepted::FLIGHT_RECORDER,
    accepted::EMIT,
    accepted::SCAN_API,
    accepted::REVERSE_PROXY,
    accepted::HEALTH_WATCHDOG,
    Key::new("metrics_listen", Kind::Listen, "", "A port of its own for /metrics.")
        .not_yet("/metrics is on the main port"),
    Key::new("explain_blocks", Kind::Bool, "false", "Hints in refusals.")
        .not_yet("a refusal always names its reason and rules"),
    Key::new("default_agent_identity", Kind::Text, "", "Who a caller is that says nothing.")
        .not_yet("a workload is known by its cgroup"),
    Key::new("bind_default_agent_identity", Kind::Bool, "false", "Whether callers may say who they are.")
        .not_yet("they never may"),
    accepted::TAINT,
    accepted::MEDIATION_ENVELOPE,
    accepted::MEDIA_POLICY,
    accepted::BROWSER_SHIELD,
    accepted::BEHAVIORAL_BASELINE,
    accepted::ADDRESS_PROTECTION,
    accepted::RULES,
    accepted::SANDBOX,
    accepted::FILE_SENTRY,
    accepted::GIT_PROTECTION,
    accepted::SENTRY,
    Key::new("license_key", Kind::Text, "", "A licence.").never(accepted::NO_LICENCE),
    Key::new("license_file", Kind::Path, "", "A licence.").never(accepted::NO_LICENCE),
    Key::new("license_public_key", Kind::Text, "", "A licence.").never(accepted::NO_LICENCE),
];

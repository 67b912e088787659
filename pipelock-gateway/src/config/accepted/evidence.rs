//! Sections about evidence (pipelock-config.md §17).

use crate::config::schema::{COUNT, Key, Kind, POSITIVE, TEXTS};

const SEVERITY: Kind = Kind::Words(&["info", "warn", "critical"]);

pub(in crate::config) const EMIT: Key = Key::new(
    "emit",
    Kind::Map(&[
        Key::new("instance_id", Kind::Text, "", "What this gateway is called; the host's name."),
        Key::new(
            "webhook",
            Kind::Map(&[
                Key::new("url", Kind::Text, "", "Where events are posted. Required."),
                Key::new("min_severity", SEVERITY, "warn", "From which severity on."),
                Key::new("auth_token", Kind::Text, "", "Sent as a bearer token."),
                Key::new("timeout_seconds", POSITIVE, "5", "For one post."),
                Key::new("queue_size", POSITIVE, "64", "Events that may wait."),
            ]),
            "",
            "Events by HTTP.",
        ),
        Key::new(
            "syslog",
            Kind::Map(&[
                Key::new("address", Kind::Text, "", "udp:// or tcp://, a host and a port. Required."),
                Key::new("min_severity", SEVERITY, "warn", "From which severity on."),
                Key::new("facility", Kind::Text, "local0", "The facility."),
                Key::new("tag", Kind::Text, "pipelock", "The tag."),
            ]),
            "",
            "Events by syslog.",
        ),
        Key::new(
            "otlp",
            Kind::Map(&[
                Key::new("endpoint", Kind::Text, "", "The collector. Required."),
                Key::new("headers", Kind::Named(&Kind::Text), "", "Header fields for it."),
                Key::new("timeout_seconds", POSITIVE, "10", "For one post."),
                Key::new("min_severity", SEVERITY, "warn", "From which severity on."),
                Key::new("queue_size", POSITIVE, "256", "Events that may wait."),
                Key::new("gzip", Kind::Bool, "false", "Whether posts are compressed."),
            ]),
            "",
            "Events by OTLP.",
        ),
    ]),
    "",
    "Events for other systems.",
)
.not_yet("records go to the audit log only");

pub(in crate::config) const FLIGHT_RECORDER: Key = Key::new(
    "flight_recorder",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether receipts are written."),
        Key::new("require_receipts", Kind::Bool, "false", "Whether what cannot be written is refused."),
        Key::new("dir", Kind::Path, "", "Where. Inert without it."),
        Key::new("checkpoint_interval", COUNT, "1000", "Entries between signed checkpoints."),
        Key::new("retention_days", COUNT, "0", "How long files are kept; 0 for ever."),
        Key::new("redact", Kind::Bool, "true", "Whether content is left out."),
        Key::new("sign_checkpoints", Kind::Bool, "true", "Whether checkpoints are signed."),
        Key::new("signing_key_path", Kind::Path, "", "The Ed25519 key."),
        Key::new("max_entries_per_file", POSITIVE, "10000", "Entries of one file."),
        Key::new("raw_escrow", Kind::Bool, "false", "Whether content is kept encrypted."),
        Key::new("escrow_public_key", Kind::Text, "", "For whom."),
    ]),
    "",
    "Signed receipts of every decision.",
)
.not_yet("the audit log is what there is");

const TIMEOUTS: &[Key] = &[
    Key::new("read", Kind::Duration, "2s", "For the question."),
    Key::new("write", Kind::Duration, "2s", "For the answer."),
    Key::new("scan", Kind::Duration, "5s", "For the judgement."),
];

const KINDS: &[Key] = &[
    Key::new("url", Kind::Bool, "true", "Targets."),
    Key::new("dlp", Kind::Bool, "true", "Texts that leave."),
    Key::new("prompt_injection", Kind::Bool, "true", "Texts for a model."),
    Key::new("tool_call", Kind::Bool, "true", "Tool calls."),
];

pub(in crate::config) const SCAN_API: Key = Key::new(
    "scan_api",
    Kind::Map(&[
        Key::new("listen", Kind::Listen, "", "Where it answers; off without."),
        Key::new("auth", Kind::Map(&[Key::new("bearer_tokens", TEXTS, "[]", "Who may ask.")]), "", "Who may ask."),
        Key::new(
            "rate_limit",
            Kind::Map(&[
                Key::new("requests_per_minute", POSITIVE, "600", "For each token."),
                Key::new("burst", POSITIVE, "50", "At once."),
            ]),
            "",
            "How often.",
        ),
        Key::new("max_body_bytes", POSITIVE, "1048576", "Largest question."),
        Key::new(
            "field_limits",
            Kind::Map(&[
                Key::new("url", POSITIVE, "8192", "Largest URL."),
                Key::new("text", POSITIVE, "524288", "Largest text."),
                Key::new("content", POSITIVE, "524288", "Largest content."),
                Key::new("arguments", POSITIVE, "524288", "Largest arguments."),
            ]),
            "",
            "Bounds of single members.",
        ),
        Key::new("timeouts", Kind::Map(TIMEOUTS), "", "How long."),
        Key::new("connection_limit", POSITIVE, "100", "Connections at once."),
        Key::new("kinds", Kind::Map(KINDS), "", "What may be asked."),
    ]),
    "",
    "Judging messages for other programs.",
)
.not_yet("`pipelock scan` judges messages from a pipe");

pub(in crate::config) const HEALTH_WATCHDOG: Key = Key::new(
    "health_watchdog",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "true", "Whether parts of the gateway are watched."),
        Key::new("interval_seconds", POSITIVE, "2", "How often."),
        Key::new("expose_subsystems", Kind::Bool, "false", "Whether /health names them."),
    ]),
    "",
    "Watching the gateway's own parts.",
)
.not_yet("`/health` answers while the port is served; a failed accept loop ends the process");

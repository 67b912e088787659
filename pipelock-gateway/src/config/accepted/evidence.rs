//! Sections about evidence (pipelock-config.md §17).

use crate::config::schema::{Key, Kind, POSITIVE, TEXTS};

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

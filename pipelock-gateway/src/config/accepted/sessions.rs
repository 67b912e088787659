//! Sections about who may go on sending (pipelock-config.md §11 to §13).

use crate::config::schema::{ABOVE_ZERO, COUNT, HOSTS, Key, Kind, NETWORKS, POSITIVE, WARN_BLOCK};

pub(in crate::config) const KILL_SWITCH: Key = Key::new(
    "kill_switch",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "true: everything is refused now."),
        Key::new("sentinel_file", Kind::Path, "", "Everything is refused while this file is there."),
        Key::new("message", Kind::Text, "Emergency deny-all active", "What clients are told."),
        Key::new("health_exempt", Kind::Bool, "true", "Whether /health goes on answering."),
        Key::new("metrics_exempt", Kind::Bool, "true", "Whether /metrics does."),
        Key::new("api_exempt", Kind::Bool, "true", "Whether the switch itself does."),
        Key::new("api_token", Kind::Text, "", "Who has it may flip the switch; PIPELOCK_KILLSWITCH_API_TOKEN wins."),
        Key::new("api_listen", Kind::Listen, "", "A port of its own for the switch."),
        Key::new("allowlist_ips", NETWORKS, "[]", "Callers that are not refused."),
    ]),
    "",
    "Refusing everything at once.",
)
.not_yet("nothing can be refused at once yet");

pub(in crate::config) const SESSION_PROFILING: Key = Key::new(
    "session_profiling",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether sessions are watched."),
        Key::new("anomaly_action", WARN_BLOCK, "warn", "What becomes of an anomaly."),
        Key::new("domain_burst", POSITIVE, "5", "New domains in a window that are one."),
        Key::new("window_minutes", POSITIVE, "5", "The window."),
        Key::new("volume_spike_ratio", ABOVE_ZERO, "3.0", "Times the usual volume that are one."),
        Key::new("max_sessions", POSITIVE, "1000", "Sessions remembered."),
        Key::new("session_ttl_minutes", POSITIVE, "30", "How long a silent one is."),
        Key::new("cleanup_interval_seconds", POSITIVE, "60", "How often that is looked at."),
    ]),
    "",
    "What a workload usually does.",
)
.not_yet("sessions are not watched");

const LEVEL: Kind = Kind::Map(&[
    Key::new("upgrade_warn", Kind::Words(&["block", ""]), "block", "What becomes of a warning."),
    Key::new("upgrade_ask", Kind::Words(&["block", ""]), "", "What becomes of a question."),
    Key::new("block_all", Kind::Bool, "false", "Whether everything is refused."),
]);

pub(in crate::config) const ADAPTIVE_ENFORCEMENT: Key = Key::new(
    "adaptive_enforcement",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether a score is kept."),
        Key::new(
            "escalation_threshold",
            ABOVE_ZERO,
            "5.0",
            "The score of the first level; the others at twice and three times.",
        ),
        Key::new("decay_per_clean_request", ABOVE_ZERO, "0.5", "What a clean request takes off."),
        Key::new(
            "levels",
            Kind::Map(&[
                Key::new("elevated", LEVEL, "", "From the threshold on."),
                Key::new("high", LEVEL, "", "From twice the threshold on."),
                Key::new("critical", LEVEL, "", "From three times the threshold on."),
            ]),
            "",
            "What each level means.",
        ),
        Key::new("exempt_domains", HOSTS, "[]", "Hosts at which findings do not count."),
    ]),
    "",
    "Growing stricter with a workload that misbehaves.",
)
.not_yet("every request is judged alike");

const TRIGGER: Kind = Kind::Words(&["none", "soft", "hard", "drain"]);

pub(in crate::config) const AIRLOCK: Key = Key::new(
    "airlock",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether sessions are shut off by steps."),
        Key::new(
            "triggers",
            Kind::Map(&[
                Key::new("on_elevated", TRIGGER, "none", "At the first level."),
                Key::new("on_high", TRIGGER, "soft", "At the second."),
                Key::new("on_critical", TRIGGER, "hard", "At the third."),
                Key::new("on_severity", Kind::Words(&["critical", "high", ""]), "", "At a finding this bad."),
                Key::new("anomaly_count", COUNT, "0", "At so many anomalies."),
                Key::new("anomaly_window_minutes", POSITIVE, "5", "Within so long."),
            ]),
            "",
            "What leads to which step.",
        ),
        Key::new(
            "timers",
            Kind::Map(&[
                Key::new("soft_minutes", COUNT, "10", "How long the first step lasts."),
                Key::new("hard_minutes", COUNT, "5", "The second."),
                Key::new("drain_minutes", COUNT, "2", "The third."),
                Key::new("drain_timeout_seconds", COUNT, "30", "What open connections get."),
            ]),
            "",
            "How long each lasts.",
        ),
        Key::new(
            "tool_freeze",
            Kind::Map(&[
                Key::new("snapshot_on_entry", Kind::Bool, "true", "Whether tools are remembered."),
                Key::new("allow_cached_tools", Kind::Bool, "true", "Whether those may be called."),
            ]),
            "",
            "What becomes of tools.",
        ),
    ]),
    "",
    "Shutting a session off by steps.",
)
.not_yet("adaptive enforcement and the kill switch are what there is");

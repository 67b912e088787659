//! Sections about who may go on sending (pipelock-config.md §12).

use crate::config::schema::{COUNT, Key, Kind, POSITIVE};

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

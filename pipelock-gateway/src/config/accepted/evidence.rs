//! Sections about the gateway's own health (pipelock-config.md §17).

use crate::config::schema::{Key, Kind, POSITIVE};

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

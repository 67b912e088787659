//! `kill_switch`: refusing everything at once.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind, NETWORKS};

const BY_REASON: &str = "clients are told that the kill switch is on";

pub(super) const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Bool, "false", "true: everything is refused now, also in mode audit."),
    Key::new(
        "sentinel_file",
        Kind::Path,
        "",
        "Everything is refused while this file is there, or cannot be looked for.",
    ),
    Key::new("api_listen", Kind::Listen, "", "A port of its own for the switch and for sessions; needs `api_token`."),
    Key::new(
        "api_token",
        Kind::Text,
        "",
        "Who has it may flip the switch; the variable PIPELOCK_KILLSWITCH_API_TOKEN wins.",
    ),
    Key::new("allowlist_ips", NETWORKS, "[]", "Callers that are not refused.").not_yet("nobody is exempt"),
    Key::new("message", Kind::Text, "Emergency deny-all active", "What clients are told.").not_yet(BY_REASON),
    Key::new("health_exempt", Kind::Bool, "true", "Whether /health goes on answering.").not_yet("it does"),
    Key::new("metrics_exempt", Kind::Bool, "true", "Whether /metrics does.").not_yet("it does"),
    Key::new("api_exempt", Kind::Bool, "true", "Whether the switch itself does.").not_yet("it does"),
];

/// The kill switch.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KillSwitch {
    /// Whether it is on from the file.
    pub enabled: bool,
    /// It is on while this file is there.
    pub sentinel_file: Option<PathBuf>,
    /// Where its API listens.
    pub api_listen: Option<SocketAddr>,
    /// Who may use the API.
    pub api_token: Option<String>,
}

impl std::fmt::Debug for KillSwitch {
    /// Never the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KillSwitch")
            .field("enabled", &self.enabled)
            .field("sentinel_file", &self.sentinel_file)
            .field("api_listen", &self.api_listen)
            .field("api_token", &self.api_token.is_some())
            .finish()
    }
}

impl KillSwitch {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let token = section.field("api_token").map(|token| {
            let text = token.text()?;
            // Not quoted in the message: it must not end up in a log.
            if text.trim().is_empty() {
                Err(token.incomplete("is no token; write a long random one"))
            } else {
                Ok(text.to_owned())
            }
        });
        Ok(Self {
            enabled: section.read("enabled", false, Value::boolean)?,
            sentinel_file: section.read("sentinel_file", None, |file| file.path().map(Some))?,
            api_listen: section.read("api_listen", None, |listen| listen.listen().map(Some))?,
            api_token: token.transpose()?,
        })
    }
}

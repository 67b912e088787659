//! `response_scanning`: what becomes of answers that give orders to the model that would read them.

use super::error::Error;
use super::reader::{Keys, Value};
use crate::model::DomainList;

const KEYS: Keys = Keys {
    read: &["enabled", "action", "exempt_domains"],
    not_yet: &["ask_timeout_seconds", "include_defaults", "patterns", "sse_streaming"],
    no_effect: &[],
};

/// How answers are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseScanning {
    /// Whether they are looked into at all. The kinds of text that no model reads (images, archives) never are.
    pub enabled: bool,
    /// `action: warn`: what is found is reported and the answer passes.
    pub warn_only: bool,
    /// Hosts whose answers are not looked into.
    pub exempt_domains: DomainList,
}

impl Default for ResponseScanning {
    fn default() -> Self {
        Self { enabled: true, warn_only: false, exempt_domains: DomainList::default() }
    }
}

#[derive(Clone, Copy)]
enum Action {
    Block,
    Warn,
    /// Asked for, and not built: the safe neighbour is taken, and said.
    Instead,
}

impl ResponseScanning {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(&KEYS)?;
        let action = section.read("action", Action::Block, |action| {
            let known = [
                ("block", Action::Block),
                ("warn", Action::Warn),
                ("strip", Action::Instead),
                ("ask", Action::Instead),
            ];
            let chosen = action.choice(&known)?;
            if matches!(chosen, Action::Instead) {
                action.warn("is not built yet; such answers are blocked");
            }
            Ok(chosen)
        })?;
        Ok(Self {
            enabled: section.read("enabled", true, Value::boolean)?,
            warn_only: matches!(action, Action::Warn),
            exempt_domains: section.read("exempt_domains", DomainList::default(), Value::parse_list)?,
        })
    }
}

//! `response_scanning`: what becomes of answers that give orders to the model that would read them.

use super::error::Error;
use super::reader::Value;
use super::schema::{COUNT, HOSTS, Key, Kind, POSITIVE, WARN_BLOCK};
use crate::model::DomainList;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "Whether answers are looked into for orders to the model that would read them.",
    ),
    Key::new(
        "action",
        Kind::Words(&["block", "strip", "warn", "ask"]),
        "block",
        "What becomes of such an answer. The reference's default is warn. There is nobody to `ask` in a gateway: it blocks.",
    ),
    Key::new("exempt_domains", HOSTS, "[]", "Hosts whose answers are not looked into, once the name is proven."),
    Key::new("ask_timeout_seconds", POSITIVE, "30", "How long a person has to answer.")
        .never("there is no terminal to ask at; `ask` blocks"),
    Key::new("include_defaults", Kind::Bool, "true", "Whether the built-in patterns are in force.")
        .not_yet("they always are"),
    Key::new("patterns", Kind::List(&Kind::Map(PATTERN)), "[]", "Patterns of your own.")
        .not_yet("the built-in ones, which cover those of the reference, are in force"),
    Key::new("sse_streaming", Kind::Map(SSE), "", "Event streams.")
        .not_yet("they are judged like other answers, line by line, by `action`"),
];

const PATTERN: &[Key] = &[
    Key::new("name", Kind::Text, "", "What findings are called. Required."),
    Key::new("regex", Kind::Regex, "", "What to look for. Required."),
];

const SSE: &[Key] = &[
    Key::new("enabled", Kind::Bool, "true", "Whether events are looked into."),
    Key::new("action", WARN_BLOCK, "block", "What becomes of a stream in which something is found."),
    Key::new("max_event_bytes", COUNT, "65536", "Largest event."),
];

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
        let section = value.section(KEYS)?;
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

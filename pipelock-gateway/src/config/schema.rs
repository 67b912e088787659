//! What a configuration may contain: every key with its kind, default, meaning, and what comes of it here.
//!
//! Each section's file holds the table of its own keys, and the reader accepts exactly what stands in a table. The same
//! tables give the JSON Schema that editors complete from, the reference in `configuration.md`, and the notes of `check`
//! about keys without effect: there is no second list that could differ.

mod json;
mod markdown;

pub use json::json_schema;
pub use markdown::{reference, reference_json};

/// One key of a map.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What is in force without it, as it would be written; empty when that is nothing, or depends on the rest.
    pub default: &'static str,
    /// What comes of it.
    pub effect: Effect,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number between two bounds, both included.
    Count(u64, u64),
    /// A number above the first and up to the second.
    Number(f64, f64),
    /// Any text.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// For example `24h` or `1h30m`.
    Duration,
    /// A path; relative ones are taken against the folder of the file.
    Path,
    /// An address and a port to listen on.
    Listen,
    /// A host, `*.` and a domain, an address, or a network.
    Host,
    /// A network such as `10.0.0.0/8`, or one address.
    Network,
    /// A regular expression.
    Regex,
    /// A list of these.
    List(&'static Kind),
    /// A list of texts, or the same in one text with commas.
    TextOrList,
    /// A word, or a list of texts.
    WordOrList(&'static str),
    /// A map with names of the operator's choice.
    Named(&'static Kind),
    /// A map with these keys.
    Map(&'static [Key]),
    /// Anything that the section's own reader takes.
    Any,
}

/// What comes of a key in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it says.
    InForce,
    /// It is checked and has no effect yet; the text says what happens instead.
    NotYet(&'static str),
    /// It is checked and cannot mean anything in a network gateway; the text says why.
    Never(&'static str),
}

impl Key {
    /// A key that is in force.
    pub(super) const fn new(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Self {
        Self { name, kind, default, effect: Effect::InForce, doc }
    }

    /// The same key, checked only.
    pub(super) const fn not_yet(self, instead: &'static str) -> Self {
        Self { effect: Effect::NotYet(instead), ..self }
    }

    /// The same key, meaningless here.
    pub(super) const fn never(self, why: &'static str) -> Self {
        Self { effect: Effect::Never(why), ..self }
    }
}

/// Any whole number.
pub(super) const COUNT: Kind = Kind::Count(0, u64::MAX);
/// Any whole number but zero.
pub(super) const POSITIVE: Kind = Kind::Count(1, u64::MAX);
/// Any number above zero.
pub(super) const ABOVE_ZERO: Kind = Kind::Number(0.0, f64::MAX);
/// A list of hosts.
pub(super) const HOSTS: Kind = Kind::List(&Kind::Host);
/// A list of networks.
pub(super) const NETWORKS: Kind = Kind::List(&Kind::Network);
/// A list of texts.
pub(super) const TEXTS: Kind = Kind::List(&Kind::Text);
/// What the reference calls an action where only these two exist.
pub(super) const WARN_BLOCK: Kind = Kind::Words(&["warn", "block"]);

/// The whole file.
#[must_use]
pub fn top_level() -> &'static [Key] {
    super::keys::TOP_LEVEL
}

impl Kind {
    /// What it is called in messages and in the reference.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Count(0, u64::MAX) => "whole number".to_owned(),
            Self::Count(least, u64::MAX) => format!("whole number from {least}"),
            Self::Count(least, most) => format!("whole number from {least} to {most}"),
            Self::Number(..) => "number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Words(words) => words.join(", "),
            Self::Duration => "duration, such as 24h".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Listen => "address:port".to_owned(),
            Self::Host => "host, *.domain, address or network".to_owned(),
            Self::Network => "network".to_owned(),
            Self::Regex => "regular expression".to_owned(),
            Self::List(of) => format!("list: {}", of.name()),
            Self::TextOrList => "text or list".to_owned(),
            Self::WordOrList(word) => format!("{word}, or a list"),
            Self::Named(of) => format!("names, each with: {}", of.name()),
            Self::Map(_) => "map".to_owned(),
            Self::Any => "see the text".to_owned(),
        }
    }

    /// The keys of the map that this is, or a list or names of it.
    #[must_use]
    pub fn keys(self) -> Option<&'static [Key]> {
        match self {
            Self::Map(keys) => Some(keys),
            Self::List(of) | Self::Named(of) => of.keys(),
            _ => None,
        }
    }
}

//! `redaction`: values that are replaced in the bodies of requests instead of refusing them (pipelock-config.md §19).

use std::path::PathBuf;

use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{HOSTS, Key, Kind, TEXTS};
use crate::model::{DomainList, REDACTION_CLASSES};

const PROFILE: &[Key] = &[
    Key::new(
        "classes",
        TEXTS,
        "[]",
        "Kinds of values: aws-access-key, google-api-key, github-token, slack-token, jwt, ssh-private-key, sha512, sha256, sha1, md5, ipv4, cidr, ipv6, mac, email, fqdn, ad-user, ssn, credit-card.",
    ),
    Key::new("dictionaries", TEXTS, "[]", "Names of lists from `dictionaries`."),
];

const DICTIONARY: &[Key] = &[
    Key::new("class", Kind::Text, "", "What its placeholders are called. Required."),
    Key::new("entries", TEXTS, "[]", "The values."),
    Key::new("entries_file", Kind::Path, "", "A file of further ones, one a line; must exist."),
    Key::new("case_insensitive", Kind::Bool, "false", "Whether case does not count."),
    Key::new("word_boundary", Kind::Bool, "false", "Whether only whole words count."),
    Key::new("priority", Kind::Count(0, 1_000_000), "0", "Lists with a higher one go first."),
];

const LIMITS: &[Key] = &[
    Key::new("max_body_bytes", Kind::Count(1, 1 << 30), "10485760", "Largest body."),
    Key::new("max_redactions_per_request", Kind::Count(1, 1_000_000), "10000", "Values of one body."),
    Key::new("max_depth", Kind::Count(1, 512), "64", "Deepest JSON."),
];

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "false",
        "Whether values are replaced by `<pl:CLASS:N>` in JSON bodies of requests, before what is left is judged; the same value has the same N. What is no JSON, has a key twice, is a stream or a WebSocket message, or cannot be held whole, is refused. Not in mode audit, and not on the MCP port. Needs `default_profile`.",
    ),
    Key::new("default_profile", Kind::Text, "", "Which profile is in force."),
    Key::new("profiles", Kind::Named(&Kind::Map(PROFILE)), "", "What is replaced, by name of the profile."),
    Key::new("dictionaries", Kind::Named(&Kind::Map(DICTIONARY)), "", "Lists of values, by name."),
    Key::new(
        "allowlist_unparseable",
        HOSTS,
        "[]",
        "Hosts to which what is no JSON, or streams, may go as it is; a host counts once its certificate has proven it.",
    ),
    Key::new("limits", Kind::Map(LIMITS), "", "Bounds; beyond them a request is refused."),
    Key::new("strict_reload", Kind::Bool, "false", "Whether a reload may not weaken it.")
        .not_yet("what gets weaker is named in a warning and comes into force"),
];

/// What is replaced in bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Names from [`REDACTION_CLASSES`].
    pub classes: Vec<String>,
    /// Those of the profile, the first to go first.
    pub dictionaries: Vec<RedactionList>,
    /// Hosts to which what cannot be rewritten may go.
    pub exempt: DomainList,
    /// Bytes of a body.
    pub max_body_bytes: usize,
    /// Values of one body.
    pub max_redactions: usize,
    /// Deepest JSON.
    pub max_depth: usize,
}

/// A list of values.
#[derive(Clone, PartialEq, Eq)]
pub struct RedactionList {
    /// What placeholders are called.
    pub class: String,
    /// The values.
    pub entries: Vec<String>,
    /// Further ones, one a line.
    pub file: Option<PathBuf>,
    /// Whether case does not count.
    pub case_insensitive: bool,
    /// Whether only whole words count.
    pub word_boundary: bool,
}

impl std::fmt::Debug for RedactionList {
    /// Never the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedactionList")
            .field("class", &self.class)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// The section, checked also while it is switched off; `None` then.
pub(super) fn read(value: &Value<'_>) -> Result<Option<Redaction>, Error> {
    let section = value.section(KEYS)?;
    let enabled = section.read("enabled", false, Value::boolean)?;
    let dictionaries = match section.field("dictionaries") {
        Some(lists) => lists.entries()?.iter().map(dictionary).collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    let mut profiles = Vec::new();
    for (name, profile) in section.field("profiles").map_or(Ok(Vec::new()), |profiles| profiles.entries())? {
        profiles.push((name, read_profile(&profile, &dictionaries)?));
    }
    let chosen = match section.field("default_profile") {
        Some(name) => {
            let wanted = name.text()?;
            let found = profiles.into_iter().find(|(known, _)| *known == wanted);
            Some(found.ok_or_else(|| name.refuse("is no name from profiles; add it there, or write another one"))?.1)
        }
        None => None,
    };
    let (max_body_bytes, max_redactions, max_depth) = match section.field("limits") {
        Some(limits) => {
            let limits = limits.section(LIMITS)?;
            (
                size(&limits, "max_body_bytes", 10 << 20, 1 << 30)?,
                size(&limits, "max_redactions_per_request", 10_000, 1_000_000)?,
                size(&limits, "max_depth", 64, 512)?,
            )
        }
        None => (10 << 20, 10_000, 64),
    };
    let exempt = section.read("allowlist_unparseable", DomainList::default(), Value::parse_list)?;
    if !enabled {
        return Ok(None);
    }
    let Some((classes, names)) = chosen else {
        return Err(value.incomplete("enabled needs default_profile, the name of one of profiles; add both"));
    };
    let mut lists: Vec<_> = dictionaries.into_iter().filter(|(name, ..)| names.contains(name)).collect();
    lists.sort_by_key(|(_, priority, _)| std::cmp::Reverse(*priority));
    let dictionaries = lists.into_iter().map(|(_, _, list)| list).collect();
    Ok(Some(Redaction { classes, dictionaries, exempt, max_body_bytes, max_redactions, max_depth }))
}

/// Classes and names of lists.
type Profile = (Vec<String>, Vec<String>);

/// Name, priority, list.
type Named = (String, u64, RedactionList);

fn read_profile(value: &Value<'_>, dictionaries: &[Named]) -> Result<Profile, Error> {
    let section = value.section(PROFILE)?;
    let mut classes = Vec::new();
    for class in section.field("classes").map_or(Ok(Vec::new()), |classes| classes.list())? {
        let name = class.text()?;
        // The reference's documents also write the hashes like this.
        let known = REDACTION_CLASSES.iter().find(|known| **known == name.strip_prefix("hash-").unwrap_or(name));
        let known =
            known.ok_or_else(|| class.refuse(format!("is no class; write one of {}", REDACTION_CLASSES.join(", "))))?;
        classes.push((*known).to_owned());
    }
    let mut names = Vec::new();
    for list in section.field("dictionaries").map_or(Ok(Vec::new()), |names| names.list())? {
        let name = list.text()?;
        if !dictionaries.iter().any(|(known, ..)| known == name) {
            return Err(list.refuse("is no name from redaction.dictionaries; add it there"));
        }
        names.push(name.to_owned());
    }
    Ok((classes, names))
}

fn dictionary((name, value): &(&str, Value<'_>)) -> Result<Named, Error> {
    let section = value.section(DICTIONARY)?;
    let class =
        section.field("class").ok_or_else(|| value.incomplete("class is missing; add what placeholders say"))?;
    let word = class.text()?;
    // It stands in JSON and in forms, unescaped.
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(class.refuse("is no class; write small letters, digits and hyphens"));
    }
    let entries = match section.field("entries") {
        Some(list) => {
            list.list()?.iter().map(|entry| entry.text().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?
        }
        None => Vec::new(),
    };
    let file = section.read("entries_file", None, |file| file.path().map(Some))?;
    if entries.iter().all(|entry| entry.trim().is_empty()) && file.is_none() {
        return Err(value.incomplete("entries and entries_file are both missing; add values"));
    }
    let list = RedactionList {
        class: word.to_owned(),
        entries,
        file,
        case_insensitive: section.read("case_insensitive", false, Value::boolean)?,
        word_boundary: section.read("word_boundary", false, Value::boolean)?,
    };
    let priority = section.read("priority", 0, |n| n.count_in(0, 1_000_000))?;
    Ok(((*name).to_owned(), priority, list))
}

fn size(section: &Section<'_>, key: &str, default: usize, most: u64) -> Result<usize, Error> {
    section.read(key, default, |n| n.count_in(1, most).map(|n| usize::try_from(n).unwrap_or(usize::MAX)))
}

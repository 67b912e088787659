//! `taint`: what untrusted text a session has read, and what it may do then (pipelock-config.md §22).

use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{HOSTS, Key, Kind, TEXTS};
use crate::model::{DomainList, TaintPolicy, TaintStrictness};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "Whether it is remembered that a session was given an answer with orders in it. What was stopped before it reached the session does not count.",
    ),
    Key::new(
        "policy",
        Kind::Words(&["strict", "balanced", "permissive"]),
        "balanced",
        "`balanced`: such a session gets no warnings, but refusals; `strict`: so does one that was given any answer by a host outside of `allowlisted_domains`; `permissive`: it is only told (`taint_decision`). One step is given back every 5 minutes without news.",
    ),
    Key::new("recent_sources", Kind::Count(1, 1000), "10", "Hosts remembered of a session."),
    Key::new("allowlisted_domains", HOSTS, "[]", "Hosts whose text never counts."),
    Key::new(
        "protected_paths",
        TEXTS,
        "[]",
        "Targets that such a session may not reach, written as in `suppress.path`.",
    ),
    Key::new("elevated_paths", TEXTS, "[]", "Targets at which its requests are told."),
    Key::new("trust_overrides", Kind::List(&Kind::Any), "[]", "Exceptions with an end.")
        .not_yet("`allowlisted_domains` excepts a source for as long as it is listed"),
];

pub(super) fn read(value: &Value<'_>) -> Result<TaintPolicy, Error> {
    let section = value.section(KEYS)?;
    let default = TaintPolicy::default();
    let strictness = [
        ("strict", TaintStrictness::Strict),
        ("balanced", TaintStrictness::Balanced),
        ("permissive", TaintStrictness::Permissive),
    ];
    Ok(TaintPolicy {
        enabled: section.read("enabled", true, Value::boolean)?,
        strictness: section.read("policy", default.strictness, |policy| policy.choice(&strictness))?,
        recent_sources: section.read("recent_sources", default.recent_sources, |n| {
            n.count_in(1, 1000).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
        })?,
        trusted: section.read("allowlisted_domains", DomainList::default(), Value::parse_list)?,
        protected: targets(&section, "protected_paths")?,
        elevated: targets(&section, "elevated_paths")?,
    })
}

fn targets(section: &Section<'_>, key: &str) -> Result<Vec<String>, Error> {
    let Some(list) = section.field(key) else { return Ok(Vec::new()) };
    let mut targets = Vec::new();
    for entry in list.list()? {
        let text = entry.text()?.trim();
        if text.is_empty() {
            return Err(entry.refuse("is no target; write one such as api.example.com/admin/* or /v1/transfers"));
        }
        targets.push(text.to_owned());
    }
    Ok(targets)
}

//! `credential_binding`: which credential may go to which host, and where in a request. Not a section of the reference.
//!
//! The built-in table is a file in the same grammar, read by the same code, so that its every line is also an example of
//! what an operator may write. Whether a rule of the name exists is known only once rules are compiled, and said then.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::error::Error;
use super::reader::{Section, Source, Value};
use super::schema::{Key, Kind, TEXTS};
use super::yaml::{self, FaultKind};
use crate::model::{BoundHosts, BoundRules, CredentialBinding};

/// The built-in table.
const TABLE: &str = include_str!("../verdict/credential_binding.yaml");
/// What messages call it.
const TABLE_NAME: &str = "credential_binding.yaml (built in)";

/// Which credential may go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialBindings {
    /// All entries in force; their names differ.
    pub providers: Vec<CredentialBinding>,
    /// Names of the entries that the file itself has: rules they name must exist.
    pub own: HashSet<String>,
}

impl Default for CredentialBindings {
    /// The built-in table.
    ///
    /// # Panics
    /// When the file in this repository is not in its own grammar; a test reads it.
    fn default() -> Self {
        // Read once a process: each configuration that is loaded starts from it.
        static ENTRIES: LazyLock<Vec<CredentialBinding>> =
            LazyLock::new(|| built_in().expect("the built-in table is in its own grammar"));
        Self { providers: ENTRIES.clone(), own: HashSet::new() }
    }
}

/// Reads the built-in table.
fn built_in() -> Result<Vec<CredentialBinding>, Error> {
    let source = Source { file: Path::new(TABLE_NAME), folder: PathBuf::new(), warnings: RefCell::new(Vec::new()) };
    let tree = yaml::parse(TABLE).map_err(|fault| {
        let detail = match fault.kind {
            FaultKind::Syntax(detail) => detail,
            FaultKind::Duplicate { key, first } => format!("{key} is written twice, first in line {first}"),
        };
        Error::Syntax { place: source.place(fault.at), detail }
    })?;
    let Some(tree) = tree else { return Ok(Vec::new()) };
    providers(Value::root(&source, &tree).section(KEYS)?.field("providers").iter())
}

/// The same entries, at the top level.
pub(super) const PROVIDERS: Key = Key::new(
    "providers",
    Kind::List(&Kind::Map(PROVIDER)),
    "[]",
    "The same as `credential_binding.providers`: which credential may go to which host, and where in a request. A section of ours.",
);

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "include_defaults",
        Kind::Bool,
        "true",
        "Whether the built-in table is in force; an entry of the same name replaces one.",
    ),
    Key::new("providers", Kind::List(&Kind::Map(PROVIDER)), "[]", "Entries of your own."),
];

const PROVIDER: &[Key] = &[
    Key::new("provider", Kind::Text, "", "A name for the entry. Required."),
    Key::new("rules", Kind::WordOrList("any"), "", "The rules that find its credentials, as findings name them."),
    Key::new("variables", TEXTS, "[]", "The environment variables that hold them."),
    Key::new("hosts", Kind::WordOrList("any"), "", "Hosts they may go to. Required."),
    Key::new(
        "placements",
        TEXTS,
        "",
        "Where they stand: `header NAME [SCHEME]`, `query KEY`, `path /PREFIX`, `body KEY`. Required.",
    ),
];

impl CredentialBindings {
    /// Reads both places where entries may stand: the section, and the list at the top level.
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Error> {
        let section = top.field("credential_binding").map(|value| value.section(KEYS)).transpose()?;
        let include_defaults = match &section {
            Some(section) => section.read("include_defaults", true, Value::boolean)?,
            None => true,
        };
        let listed = section.as_ref().and_then(|section| section.field("providers"));
        let mut providers = providers(listed.iter().chain(&top.field("providers")))?;
        let own: HashSet<String> = providers.iter().map(|entry| entry.provider.clone()).collect();
        if include_defaults {
            let kept = Self::default().providers.into_iter().filter(|entry| !own.contains(&entry.provider));
            providers.extend(kept);
        } else if let Some(section) = section.filter(|_| providers.is_empty()) {
            section
                .value()
                .warn("include_defaults: false without providers: a key is blocked also at its own provider");
        }
        Ok(Self { providers, own })
    }
}

fn providers<'a>(lists: impl Iterator<Item = &'a Value<'a>>) -> Result<Vec<CredentialBinding>, Error> {
    let mut names = HashSet::new();
    let mut entries = Vec::new();
    for value in lists.map(Value::list).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        let entry = read_entry(&value)?;
        if !names.insert(entry.provider.clone()) {
            return Err(value.incomplete(format!("an entry named {:?} stands before; rename one", entry.provider)));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn read_entry(value: &Value<'_>) -> Result<CredentialBinding, Error> {
    let section = value.section(PROVIDER)?;
    let missing = |what: &str, remedy: &str| value.incomplete(format!("{what} is missing; {remedy}"));
    let provider = section.field("provider").ok_or_else(|| missing("provider", "add a name for the entry"))?;
    if provider.text()?.trim().is_empty() {
        return Err(provider.refuse("is no name; write one for the entry"));
    }
    let hosts = section.field("hosts").ok_or_else(|| missing("hosts", "list the provider's own, or write any"))?;
    let placements = section
        .field("placements")
        .ok_or_else(|| missing("placements", "list where its credentials stand, for example header x-api-key"))?;
    let rules = section.read("rules", BoundRules::Named(Vec::new()), read_rules)?;
    let variables = section.read("variables", Vec::new(), read_variables)?;
    if rules == BoundRules::Named(Vec::new()) && variables.is_empty() {
        return Err(missing("rules", "list the rules that find its credentials, or the variables that hold them"));
    }
    let hosts = read_hosts(&hosts)?;
    if rules == BoundRules::Any && hosts == BoundHosts::Any {
        return Err(
            value.incomplete("rules: any with hosts: any would excuse every secret; list the rules or the hosts")
        );
    }
    let entry = CredentialBinding {
        provider: provider.text()?.to_owned(),
        rules,
        variables,
        hosts,
        placements: placements.parse_list()?,
    };
    if entry.placements.is_empty() {
        return Err(
            placements.incomplete("is empty, so that the entry says nothing; list a place, or remove the entry")
        );
    }
    Ok(entry)
}

fn read_rules(value: &Value<'_>) -> Result<BoundRules, Error> {
    if value.is_scalar() {
        return is_any(value).map(|()| BoundRules::Any);
    }
    value.list()?.iter().map(|rule| rule.text().map(str::to_owned)).collect::<Result<_, _>>().map(BoundRules::Named)
}

fn is_any(value: &Value<'_>) -> Result<(), Error> {
    if value.text()? == "any" { Ok(()) } else { Err(value.refuse("is not accepted; write any, or a list")) }
}

fn read_hosts(value: &Value<'_>) -> Result<BoundHosts, Error> {
    if value.is_scalar() {
        return is_any(value).map(|()| BoundHosts::Any);
    }
    let list: crate::model::DomainList = value.parse_list()?;
    if list.is_empty() {
        return Err(value.incomplete("is empty, so that the entry says nothing; list a host, or remove the entry"));
    }
    Ok(BoundHosts::Listed(list))
}

fn read_variables(value: &Value<'_>) -> Result<Vec<String>, Error> {
    let name = |value: &Value<'_>| {
        let text = value.text()?;
        let ok = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if ok {
            Ok(text.to_owned())
        } else {
            Err(value.refuse("is no name of an environment variable; write one such as API_KEY"))
        }
    };
    value.list()?.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_in_its_own_grammar() {
        let table = built_in().unwrap_or_else(|error| panic!("{error}"));
        assert!(table.len() >= 50, "{} entries", table.len());
        for entry in &table {
            assert!(!entry.placements.is_empty(), "{}", entry.provider);
            let bare = entry.rules == BoundRules::Any && entry.hosts == BoundHosts::Any;
            assert!(!bare, "{} excuses everything", entry.provider);
        }
    }
}

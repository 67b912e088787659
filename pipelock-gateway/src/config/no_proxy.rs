//! `no_proxy`: destinations relayed unopened. Not a section of the reference, which leaves this to each client's
//! environment; here the list has the meanings those clients give it.

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind};
use crate::model::{NoProxyEntry, NoProxyList};

pub(super) const KEYS: &[Key] = &[Key::new(
    "list",
    Kind::TextOrList,
    "[]",
    "Hosts, domains (`.example.com`), networks and addresses, each with an optional port, as in the variable NO_PROXY.",
)];

/// Reads `list`: one text as in the environment variable, or a list of such texts.
pub(super) fn read(value: &Value<'_>) -> Result<NoProxyList, Error> {
    let section = value.section(KEYS)?;
    let Some(list) = section.field("list") else { return Ok(NoProxyList::default()) };
    let texts = if list.is_scalar() { vec![list.clone()] } else { list.list()? };
    let mut entries = NoProxyList::default();
    for text in &texts {
        let parsed = NoProxyList::parse(text.text()?).map_err(|(entry, reason)| text.refuse_part(&entry, reason))?;
        entries.extend(parsed.iter().cloned());
    }
    if entries.iter().any(NoProxyEntry::is_everything) {
        list.warn("* relays every connection unopened: nothing is scanned");
    }
    Ok(entries)
}

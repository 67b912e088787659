//! `no_proxy`: destinations relayed unopened. Not a section of the reference, which leaves this to each client's
//! environment; here the list has the meanings those clients give it.

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind};
use crate::model::{NoProxyEntry, NoProxyList};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "list",
        Kind::TextOrList,
        "[]",
        "Hosts, domains (`.example.com`), networks and addresses, each with an optional port, as in the variable NO_PROXY.",
    ),
    Key::new(
        "from_workload",
        Kind::Bool,
        "false",
        "Whether what the captured process's own `NO_PROXY` names is relayed unopened, too: names only where they are bound to the address, `*` never, and nothing that is refused without it. Whoever starts the process then decides what of it is scanned.",
    ),
];

/// The section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy {
    /// `list`.
    pub list: NoProxyList,
    /// Whether a workload's own variable counts, too.
    pub from_workload: bool,
}

pub(super) fn read(value: &Value<'_>) -> Result<NoProxy, Error> {
    let section = value.section(KEYS)?;
    Ok(NoProxy {
        list: section.read("list", NoProxyList::default(), read_list)?,
        from_workload: section.read("from_workload", false, Value::boolean)?,
    })
}

/// One text as in the environment variable, or a list of such texts.
fn read_list(list: &Value<'_>) -> Result<NoProxyList, Error> {
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

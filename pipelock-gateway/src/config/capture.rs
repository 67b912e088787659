//! `capture`: what the kernel steers to the gateway. Not a section of the reference, which has no kernel side.

use ipnet::IpNet;

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, NETWORKS};
use crate::model::parse_network;

pub(super) const KEYS: &[Key] = &[Key::new(
    "cidr_bypass",
    NETWORKS,
    "[]",
    "Networks the kernel lets through untouched: no dial, no record, not even a name.",
)];

/// What the kernel steers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// Networks the kernel programs let through untouched: no dial, no record, not even a name.
    pub cidr_bypass: Vec<IpNet>,
}

impl Capture {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let cidr_bypass = section.read("cidr_bypass", Vec::new(), |list| {
            list.list()?.iter().map(|net| parse_network(net.text()?).map_err(|reason| net.refuse(reason))).collect()
        })?;
        Ok(Self { cidr_bypass })
    }
}

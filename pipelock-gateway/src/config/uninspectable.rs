//! `uninspectable`: what becomes of what cannot be shown to a judge, cause by cause. A section of ours (gateway.md D11).

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind};
use crate::model::{Action, BlockReason};

const ACTION: Kind = Kind::Words(&["block", "warn", "allow"]);

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "unknown_coding",
        ACTION,
        "block",
        "A body with a content-coding that is not known, or with more than two of them.",
    ),
    Key::new(
        "broken_coding",
        ACTION,
        "block",
        "A body that is not what its content-coding says, or goes on behind its end.",
    ),
    Key::new(
        "decode_limit",
        ACTION,
        "block",
        "A body that becomes larger than `limits` allows when its coding is undone.",
    ),
    Key::new("oversize", ACTION, "block", "A body that is larger than `limits` allows."),
    Key::new("multipart", ACTION, "block", "A multipart body that cannot be taken apart, or has too many parts."),
    Key::new("upgrade", ACTION, "block", "A switch to a protocol other than WebSocket."),
];

/// What becomes of what cannot be shown. In mode `audit` a block is a warning, as everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uninspectable {
    /// Codings that are not known.
    pub unknown_coding: Action,
    /// Bodies that are not what their coding says.
    pub broken_coding: Action,
    /// Bodies that become too large.
    pub decode_limit: Action,
    /// Bodies that are too large.
    pub oversize: Action,
    /// Multipart bodies that cannot be taken apart.
    pub multipart: Action,
    /// Other protocols.
    pub upgrade: Action,
}

impl Default for Uninspectable {
    fn default() -> Self {
        let block = Action::Block;
        Self {
            unknown_coding: block,
            broken_coding: block,
            decode_limit: block,
            oversize: block,
            multipart: block,
            upgrade: block,
        }
    }
}

impl Uninspectable {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let read = |key| {
            section.read(key, Action::Block, |value| {
                value.choice(&[Action::Block, Action::Warn, Action::Allow].map(|action| (action.as_str(), action)))
            })
        };
        let read = Self {
            unknown_coding: read("unknown_coding")?,
            broken_coding: read("broken_coding")?,
            decode_limit: read("decode_limit")?,
            oversize: read("oversize")?,
            multipart: read("multipart")?,
            upgrade: read("upgrade")?,
        };
        if read != Self::default() {
            value.warn("lets pass what nobody has looked at; a workload that leaks knows how to be unreadable");
        }
        Ok(read)
    }

    /// What becomes of a message for this reason; those that are no question of being readable are blocked.
    #[must_use]
    pub fn action(&self, reason: BlockReason) -> Action {
        match reason {
            BlockReason::CodingUnknown => self.unknown_coding,
            BlockReason::BodyUndecodable => self.broken_coding,
            BlockReason::DecodeLimit => self.decode_limit,
            BlockReason::BodyTooLarge => self.oversize,
            BlockReason::MultipartBroken => self.multipart,
            BlockReason::UpgradeUninspectable => self.upgrade,
            _ => Action::Block,
        }
    }
}

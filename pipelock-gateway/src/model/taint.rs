//! Whether a session has been given text that may be orders, and what that means for what it sends next.

use crate::model::DomainList;

/// What a session has read; worst last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Taint {
    /// Nothing that matters.
    #[default]
    Clean,
    /// Text of somebody who is not trusted.
    Untrusted,
    /// Text in which orders were found.
    Hostile,
}

impl Taint {
    /// The name in logs, labels and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Untrusted => "untrusted",
            Self::Hostile => "hostile",
        }
    }
}

/// How much a taint matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaintStrictness {
    /// It is told and changes nothing.
    Permissive,
    /// Orders that were found make a session stricter.
    #[default]
    Balanced,
    /// So does every text of a host that is not trusted.
    Strict,
}

/// What is held against sessions that have read untrusted text.
#[derive(Clone, Debug, PartialEq)]
pub struct TaintPolicy {
    /// Whether it is remembered at all.
    pub enabled: bool,
    /// How much it matters.
    pub strictness: TaintStrictness,
    /// Sources remembered of a session.
    pub recent_sources: usize,
    /// Hosts whose text never counts.
    pub trusted: DomainList,
    /// Targets that a tainted session may not reach: patterns as in `suppress`.
    pub protected: Vec<String>,
    /// Targets at which its requests are told.
    pub elevated: Vec<String>,
}

impl Default for TaintPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            strictness: TaintStrictness::Balanced,
            recent_sources: 10,
            trusted: DomainList::default(),
            protected: Vec::new(),
            elevated: Vec::new(),
        }
    }
}

impl TaintPolicy {
    /// Whether a session with this taint is treated more strictly.
    #[must_use]
    pub fn matters(&self, taint: Taint) -> bool {
        let from = match self.strictness {
            _ if !self.enabled => return false,
            TaintStrictness::Permissive => return false,
            TaintStrictness::Balanced => Taint::Hostile,
            TaintStrictness::Strict => Taint::Untrusted,
        };
        taint >= from
    }

    /// Whether a text of a host that is not trusted is remembered, whatever it says.
    #[must_use]
    pub fn counts_every_text(&self) -> bool {
        self.enabled && self.strictness == TaintStrictness::Strict
    }
}

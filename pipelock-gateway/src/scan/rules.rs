//! The built-in rules: what a secret looks like, where it begins and ends, and how it is checked.
//!
//! A rule's expression is the *fixed core* of its format, not the whole token: an open tail would fire at each further
//! byte. The token around a core is found here and in [`crate::scan::window`] by walking byte classes, which needs no
//! second regular expression and is bounded. Rules without a rare literal (card numbers, base58 keys) would slow the
//! whole database down; they have no expression and belong to [`crate::scan::runs`].
//!
//! Names and severities are those of the Pipelock 2.3 catalogue where it has the rule.

mod keys;
mod money;
mod providers;

use super::validate::Check;
use crate::model::Severity;

/// A rule as it stands in the tables.
pub(super) struct BuiltIn {
    /// The name in findings, and what a user's rule of the same name replaces.
    pub(super) name: &'static str,
    /// When nothing casts doubt on the match.
    pub(super) severity: Severity,
    /// Part of the floor that no configuration can switch off.
    pub(super) floor: bool,
    /// How candidates are found.
    pub(super) lane: Lane,
}

/// How candidates of a rule are found.
pub(super) enum Lane {
    /// By an expression with a rare literal.
    Trigger(Trigger),
    /// By looking at runs of digits or letters.
    Run(RunKind),
}

/// What the run lane looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunKind {
    /// 15 to 19 digits, in one piece or grouped as printed on cards.
    Card,
    /// A country's letters and check digits, in one piece or in groups of four.
    Iban,
    /// 51 or 52 characters of base58.
    Wif,
    /// 64 hex digits, after `0x` or after words that say what they are.
    EthereumKey,
}

/// A rule that Hyperscan finds.
#[derive(Clone, Copy)]
pub(super) struct Trigger {
    /// Case-sensitive, at most 512 bytes wide.
    pub(super) expression: &'static str,
    /// Where the token begins, given where the expression ended.
    pub(super) begin: Begin,
    /// What may stand before the token.
    pub(super) left: Left,
    /// What follows the expression.
    pub(super) tail: Tail,
    /// Judges the whole token.
    pub(super) check: Option<fn(&[u8]) -> Check>,
}

/// Where the token begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begin {
    /// Where the expression begins.
    Expression,
    /// The expression ends with a token of this many bytes; what it matched before them is context.
    Last(u32),
    /// Before the expression: where `prefix` stands first among at most `reach` bytes of `class` in a row. When there are
    /// more of them than that, at the first of `reach`.
    Back { class: Class, reach: u32, prefix: &'static [u8] },
}

/// What may stand before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Anything: the prefix is so unusual that a secret glued to a word is still one.
    Any,
    /// No letter, digit or underscore, unless it belongs to an escape such as `\n`.
    Boundary,
}

/// What follows the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The token goes on while bytes are of this class, for at most [`MAX_TAIL`] bytes.
    Open(Class),
    /// The token ends here; a further byte of this class means that it is something else.
    Exact(Class),
}

/// Most bytes that a token goes on after its core. Bounds what is kept of a stream, and the work on a hit.
pub(super) const MAX_TAIL: u32 = 4096;

/// A set of bytes that tokens are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// None.
    Nothing,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, underscore.
    Word,
    /// Base64 with the URL alphabet: letters, digits, underscore, dash.
    WordDash,
    /// The same and the dot.
    WordDashDot,
    /// Base64 in either alphabet, with padding.
    Base64,
    /// What an address is made of, as people write it: everything but blanks, quotes, brackets and escapes.
    Address,
}

impl Class {
    pub(super) fn contains(self, byte: u8) -> bool {
        match self {
            Self::Nothing => false,
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::WordDash => Self::Word.contains(byte) || byte == b'-',
            Self::WordDashDot => Self::WordDash.contains(byte) || byte == b'.',
            Self::Address => byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'),
            Self::Base64 => Self::WordDash.contains(byte) || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// All built-in rules.
pub(super) fn built_in() -> impl Iterator<Item = &'static BuiltIn> {
    providers::RULES.iter().chain(keys::RULES).chain(money::RULES)
}

pub(super) mod samples;

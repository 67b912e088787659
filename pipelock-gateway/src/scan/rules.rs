//! The built-in rules: what a secret looks like, where it begins and ends, and how it is checked.
//!
//! A rule's expression is the *fixed core* of its format, not the whole token: an open tail would fire at each further
//! byte. The token around a core is found here and in [`crate::scan::window`] by walking byte classes, which needs no
//! second regular expression and is bounded. Rules without a rare literal (card numbers, base58 keys) would slow the
//! whole database down; they have no expression and belong to [`crate::scan::runs`].
//!
//! Names and severities are those of the Pipelock 2.3 catalogue where it has the rule.

mod clouds;
mod code;
mod keys;
mod models;
mod money;
mod payments;
pub(super) mod samples;
mod services;
mod words;
mod work;

use std::ops::Range;

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
    /// By an expression that finds words, and a function that reads what stands around them.
    Words(Words),
    /// By a rule of the lane above, which knows whose secret it read: the service's place in the table of them.
    Service(&'static Service),
}

/// A rule whose candidates only the words around them make recognisable.
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// Finds a name that may introduce a secret, and what stands between it and the value.
    pub(super) expression: &'static str,
    /// Reads the bytes around the place where the expression ended.
    pub(super) judge: Judge,
}

/// Reads [`LOOK_BEHIND`] bytes before and [`LOOK_AHEAD`] bytes after the given place in the text, as far as there are any.
pub(super) type Judge = fn(text: &[u8], at: usize) -> Option<Claim>;

/// Bytes before and after the end of an expression that a [`Judge`] may read.
pub(super) const LOOK_BEHIND: usize = 192;
/// See [`LOOK_BEHIND`].
pub(super) const LOOK_AHEAD: usize = 192;

/// What a [`Judge`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// The rule it belongs to, when that is not the one whose expression led there.
    pub(super) rule: Option<&'static str>,
    /// The secret's place in the text.
    pub(super) range: Range<usize>,
    /// Set when less is known about it than the rule assumes.
    pub(super) at_most: Option<Severity>,
}

/// A service whose keys have no form of their own: a random string is one when the name it is given mentions the service.
#[derive(Debug)]
pub(super) struct Service {
    /// How the service is called in the names of variables, lower case.
    pub(super) words: &'static [&'static str],
    /// What its keys are made of.
    pub(super) shape: Shape,
}

/// The form of a key without a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The alphabet.
    pub(super) class: Class,
    /// Shortest and longest length in bytes.
    pub(super) length: (u16, u16),
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
    /// Three parts joined by dots, the first the base64 of a number.
    DiscordBot,
    /// 3-2-4 digits joined by dashes.
    SocialSecurity,
    /// 12 to 24 words of the BIP-39 list.
    SeedPhrase,
    /// An address of a wallet.
    WalletAddress,
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
    /// Whatever it is: [`LOOK_AHEAD`] bytes of it are looked at.
    Ahead,
}

/// Most bytes that a token goes on after its core. Bounds what is kept of a stream, and the work on a hit.
pub(super) const MAX_TAIL: u32 = 2048;

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
    /// Hexadecimal digits.
    Hex,
    /// Hexadecimal digits and dashes, as in a UUID.
    HexDash,
    /// Parts of letters, digits, `_` and `-` joined by dots or colons.
    Dotted,
    /// What an address is made of, as people write it: everything but blanks, quotes, brackets and escapes.
    Address,
}

impl Class {
    pub(super) fn contains(self, byte: u8) -> bool {
        match self {
            Self::Nothing => false,
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Dotted => Self::WordDashDot.contains(byte) || byte == b':',
            Self::HexDash => byte.is_ascii_hexdigit() || byte == b'-',
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::WordDash => Self::Word.contains(byte) || byte == b'-',
            Self::WordDashDot => Self::WordDash.contains(byte) || byte == b'.',
            Self::Address => byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'),
            Self::Base64 => Self::WordDash.contains(byte) || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// All built-in rules, by what they are about.
pub(super) static GROUPS: [(&str, &[BuiltIn]); 9] = [
    ("models", models::RULES),
    ("clouds", clouds::RULES),
    ("code", code::RULES),
    ("work", work::RULES),
    ("payments", payments::RULES),
    ("keys", keys::RULES),
    ("money", money::RULES),
    ("words", words::RULES),
    ("services", services::RULES),
];

/// All built-in rules.
pub(super) fn built_in() -> impl Iterator<Item = &'static BuiltIn> {
    GROUPS.iter().flat_map(|(_, rules)| *rules)
}

/// The rules of services that are known by name only.
pub(super) fn services() -> impl Iterator<Item = &'static BuiltIn> {
    services::RULES.iter()
}

/// Whether a rule says no more than that a name which promises a secret has a value that may be one.
pub(super) fn is_assignment(name: &str) -> bool {
    matches!(
        name,
        "Secret Assignment" | "Password Assignment" | "Key Assignment" | "Credential in URL" | "Bearer Token"
    )
}

/// Whether a rule adds nothing where another one found something.
pub(super) fn is_echo(name: &str) -> bool {
    is_assignment(name) || name == "Number like a Social Security Number"
}

/// A key with a prefix unusual enough to count in the middle of a word, that goes on as long as `tail` does.
const fn any(name: &'static str, severity: Severity, expression: &'static str, tail: Class) -> BuiltIn {
    trigger(name, severity, expression, Left::Any, Tail::Open(tail), None)
}

/// A key whose prefix also ends ordinary words, so that it must begin one.
const fn word(name: &'static str, severity: Severity, expression: &'static str, tail: Class) -> BuiltIn {
    trigger(name, severity, expression, Left::Boundary, Tail::Open(tail), None)
}

/// The same for a key of known length: one more character of `class` makes it something else.
const fn whole(name: &'static str, severity: Severity, expression: &'static str, class: Class) -> BuiltIn {
    trigger(name, severity, expression, Left::Boundary, Tail::Exact(class), None)
}

const fn trigger(
    name: &'static str,
    severity: Severity,
    expression: &'static str,
    left: Left,
    tail: Tail,
    check: Option<fn(&[u8]) -> Check>,
) -> BuiltIn {
    let trigger = Trigger { expression, begin: Begin::Expression, left, tail, check };
    BuiltIn { name, severity, floor: false, lane: Lane::Trigger(trigger) }
}

/// Marks a rule as part of the floor.
const fn floor(rule: BuiltIn) -> BuiltIn {
    BuiltIn { floor: true, ..rule }
}

/// A rule that reads the words around a place.
const fn words(name: &'static str, severity: Severity, expression: &'static str, judge: Judge) -> BuiltIn {
    BuiltIn { name, severity, floor: false, lane: Lane::Words(Words { expression, judge }) }
}

//! Canary tokens in any case, and with anything between their letters: `T.r.a.p`, `trap 7rq2`, `TRAP-7rq2` (pipelock-config.md §20).
//!
//! Only letters and digits are compared, as lower case; what stands between two of them may be a few bytes long. Made-up values
//! are no secrets of anybody, so they are kept as they are.

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use super::Literal;

/// Letters and digits a token must have to be looked for like this; fewer occur by chance.
const LEAST: usize = 8;
/// Longest run of other bytes between two letters.
const GAP: u64 = 8;

/// The tokens of one table.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    tokens: Vec<Vec<u8>>,
    rules: Vec<Arc<str>>,
    automaton: Option<AhoCorasick>,
}

/// What one stream had last.
#[derive(Debug, Default)]
pub(super) struct SpreadScan {
    letters: Vec<u8>,
    places: Vec<u64>,
    end: u64,
}

impl Spread {
    pub(super) fn add(&mut self, literal: &Literal<'_>) {
        let token: Vec<u8> =
            literal.value.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        if token.len() >= LEAST {
            self.tokens.push(token);
            self.rules.push(Arc::clone(&literal.rule));
        }
    }

    /// Makes what was added ready.
    pub(super) fn finish(&mut self) {
        // It fails for more patterns than can be numbered; the exact forms are looked for all the same.
        self.automaton = if self.tokens.is_empty() { None } else { AhoCorasick::new(&self.tokens).ok() };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    fn longest(&self) -> usize {
        self.tokens.iter().map(Vec::len).max().unwrap_or(0)
    }
}

impl SpreadScan {
    /// Shows the next bytes; says where tokens end in them, and how many of the last bytes may belong to one that goes on.
    pub(super) fn push(&mut self, set: &Spread, bytes: &[u8], mut found: impl FnMut(&Arc<str>, Range<u64>)) -> u64 {
        let Some(automaton) = &set.automaton else { return 0 };
        let mut old = self.letters.len();
        for (byte, place) in bytes.iter().zip(self.end..) {
            if !byte.is_ascii_alphanumeric() {
                continue;
            }
            if self.places.last().is_some_and(|last| place - last > GAP + 1) {
                self.look(set, automaton, old, &mut found);
                self.letters.clear();
                self.places.clear();
                old = 0;
            }
            self.letters.push(byte.to_ascii_lowercase());
            self.places.push(place);
        }
        self.end += bytes.len() as u64;
        self.look(set, automaton, old, &mut found);
        let spare = self.letters.len().saturating_sub(set.longest().saturating_sub(1));
        self.letters.drain(..spare);
        self.places.drain(..spare);
        if self.places.last().is_some_and(|last| self.end - last > GAP + 1) {
            self.letters.clear();
            self.places.clear();
        }
        self.places.first().map_or(0, |first| self.end - first)
    }

    /// Reports tokens that end behind the first `old` letters.
    fn look(&self, set: &Spread, automaton: &AhoCorasick, old: usize, found: &mut impl FnMut(&Arc<str>, Range<u64>)) {
        for hit in automaton.find_overlapping_iter(&self.letters).filter(|hit| hit.end() > old) {
            let (first, last) = (self.places.get(hit.start()), self.places.get(hit.end() - 1));
            if let (Some(rule), Some(first), Some(last)) = (set.rules.get(hit.pattern().as_usize()), first, last) {
                found(rule, *first..last + 1);
            }
        }
    }
}

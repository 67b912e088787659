//! The run lane: secrets that have no rare literal and would slow down every other rule in one database.
//!
//! One pass over the bytes finds three shapes: groups of digits, two letters before two digits, and tokens, which are long
//! runs of what keys and base64 are made of. Sixty-four bytes at a time become masks ([`masks`]), and a few shifts find all
//! three without touching a byte again. The state between pieces is a few words, so what is found does not depend on how the
//! bytes were cut.
//!
//! What a shape means is not known here: [`super::candidates`] judges it, and the decoders read the same tokens.

mod masks;

use std::ops::Range;

pub(super) use self::masks::{Classes, Digits, Signs};
use self::masks::{Masks, classify};
use super::candidates::{self, Run};
use super::deep::{self, NumberWords, Way};

/// Shortest token that is reported.
const SHORTEST_TOKEN: u64 = 16;

/// Reports every run in `window` of `text` that means something.
///
/// A run belongs to the window that holds the byte after it, or to one that ends where the text ends. `text` must reach
/// [`candidates::BEHIND`] bytes before the window unless that is where it all begins, and [`candidates::AHEAD`] bytes after
/// it unless that is where it all ends.
#[cfg(test)]
pub(super) fn scan(text: &[u8], window: Range<usize>, report: impl FnMut(Run)) {
    scan_and_point(text, window, report, |_, _| {});
}

/// The same; `point` gets the runs that point to an expression in depth ([`deep`]).
pub(super) fn scan_and_point(
    text: &[u8],
    window: Range<usize>,
    mut report: impl FnMut(Run),
    mut point: impl FnMut(Way, Range<usize>),
) {
    let mut runs = Runs::resume(text, window.start);
    let mut words = NumberWords::default();
    let mut found = |found| {
        judge(&found, text, 0, &mut report);
        if let Some((way, run)) = pointed(&found, text, &mut words) {
            point(way, run);
        }
    };
    runs.feed(text.get(window.clone()).unwrap_or_default(), &mut found);
    if window.end == text.len() {
        runs.finish(found);
    }
}

/// From where on, not before `begin`, the next run of at least `shortest` (2 to 16) token bytes may begin: everything before belongs to
/// none. Answers a place near the end of `text` when there is none, since one may go on behind.
pub(super) fn next_token(text: &[u8], begin: usize, shortest: usize) -> usize {
    let mut at = begin;
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<64>) {
        let mask = masks::tokens(block);
        let (mut starts, mut length) = (mask, 1);
        while length < shortest {
            let more = length.min(shortest - length);
            starts &= starts >> more;
            length += more;
        }
        if starts != 0 {
            return at + starts.trailing_zeros() as usize;
        }
        // What begins in the rest of the block may be long enough.
        at += 65 - shortest;
    }
    at
}

/// Which of the first 64 bytes are letters, one bit each.
pub(super) fn letters(text: &[u8]) -> u64 {
    if let Some(block) = text.first_chunk::<64>() {
        return masks::letters(block);
    }
    classify(text).letters
}

/// What of the first 64 bytes may begin or end a token that is spelled out.
pub(super) fn signs(text: &[u8]) -> Signs {
    masks::signs(text)
}

/// What of the first 64 bytes numbers of characters are made of.
pub(super) fn number_digits(text: &[u8]) -> Digits {
    masks::number_digits(text)
}

/// What of the first 64 bytes tells pieces of a token from words.
pub(super) fn classes(text: &[u8]) -> Classes {
    masks::classes(text)
}

/// Has a run judged by what stands around it in `text`, whose first byte has the offset `first`.
pub(super) fn judge(found: &Found, text: &[u8], first: u64, report: &mut impl FnMut(Run)) {
    let place = |offset: u64| usize::try_from(offset.checked_sub(first)?).ok();
    match found {
        Found::Digits(groups) => {
            if let (Some(start), Some(end)) = (place(groups.start), place(groups.end)) {
                candidates::digits(text, start..end, report);
            }
        }
        Found::Code(at) => {
            if let Some(at) = place(*at) {
                candidates::code(text, at, report);
            }
        }
        Found::Token(run) => {
            // A longer one may begin before the text that is kept.
            if let (Some(start), Some(end)) = (place(run.start), place(run.end))
                && end - start <= candidates::LONGEST_TOKEN
            {
                candidates::token(text, start..end, report);
            }
        }
    }
}

/// The way that a run points, and where in the text it stands.
fn pointed(found: &Found, text: &[u8], words: &mut NumberWords) -> Option<(Way, Range<usize>)> {
    let place = |range: &Range<u64>| Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
    match found {
        Found::Digits(groups) => {
            let run = place(groups)?;
            deep::may_be_number(text, run.start, run.end, words).then_some((Way::Number, run))
        }
        Found::Token(token) => {
            let run = place(token)?;
            let judged = run.len() <= candidates::LONGEST_TOKEN;
            (judged && deep::may_be_shaped(text, run.start, run.end)).then_some((Way::Token, run))
        }
        Found::Code(_) => None,
    }
}

/// Something that was found. Offsets count from the first byte that was fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Groups of digits, joined by single blanks, dashes or dots, of eight bytes or more together. Reported at the end of
    /// each group, with the chain up to there, or the last [`candidates::LONGEST_CHAIN`] bytes of it.
    Digits(Range<u64>),
    /// The first of two digits that follow two letters, which no digit and at most one letter precedes.
    Code(u64),
    /// A whole run of 16 bytes or more of `[A-Za-z0-9+/_-]`, however long.
    Token(Range<u64>),
}

/// Finds runs in bytes that come in pieces. Everything is reported when the byte after it was seen; runs that end within one
/// block of 64 bytes may come in any order.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    /// How many bytes were fed.
    at: u64,
    /// Where the token began that is still going on; `at` when there is none.
    token: u64,
    /// The last 64 bytes, the newest highest: digits, letters, and what belongs to a chain of groups of digits.
    digits: u64,
    letters: u64,
    chain: u64,
    /// Whether the newest byte is a joint: it belongs to a chain if it stands between digits.
    joint: bool,
}

impl Runs {
    /// The state after the first `at` bytes of `text`, as far as it matters to tokens that are judged.
    fn resume(text: &[u8], at: usize) -> Self {
        /// Two blocks: no state but that of a token reaches further back.
        const HISTORY: usize = 128;
        let before = text.get(..at).unwrap_or_default();
        let history = before.split_at(at.saturating_sub(HISTORY).min(before.len()));
        let token =
            history.0.iter().rev().take(candidates::LONGEST_TOKEN + 1).take_while(|byte| is_token(**byte)).count();
        let begin = history.0.len() as u64;
        let mut runs = Self { at: begin, token: begin - token as u64, ..Self::default() };
        runs.feed(history.1, |_| {});
        runs
    }

    /// Looks at the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], mut report: impl FnMut(Found)) {
        for block in bytes.chunks(64) {
            self.block(&classify(block), block.len(), &mut report);
        }
    }

    /// There are no more bytes: reports what they ended.
    pub(super) fn finish(&mut self, mut report: impl FnMut(Found)) {
        // As if another byte followed that belongs to nothing.
        self.block(&Masks::default(), 1, &mut report);
    }

    /// The token that was still going on at the last byte fed, shorter than what is reported or not.
    #[cfg_attr(not(test), expect(dead_code, reason = "meant for the decoders, which look for runs themselves so far"))]
    pub(super) fn open_token(&self) -> Option<Range<u64>> {
        (self.token < self.at).then_some(self.token..self.at)
    }

    /// Looks at `length` more bytes.
    #[inline]
    fn block(&mut self, masks: &Masks, length: usize, report: &mut impl FnMut(Found)) {
        let before = |history: u64, mask: u64| u128::from(mask) << 64 | u128::from(history);
        let digits = before(self.digits, masks.digits);
        let letters = before(self.letters, masks.letters);
        // Of the bytes before, only the newest can become part of a chain by what follows.
        let joints = before(u64::from(self.joint) << 63, masks.joints) & digits << 1 & digits >> 1;
        let chain = before(self.chain, 0) | digits | joints;

        let two = chain & chain << 1;
        let four = two & two << 2;
        let seven = four & four << 3;
        let here = u64::MAX >> (64 - length);
        // The byte after a group, the group being the end of seven bytes of chain.
        let groups = upper(!digits & digits << 1 & seven << 1) & here;
        // The second digit after two letters that begin a word; of the letters before them, one may belong to an escape.
        let glued = digits << 4 | (letters << 4 & letters << 5);
        let codes = upper(digits & digits << 1 & letters << 2 & letters << 3 & !glued) & here;
        for place in bits(groups | codes) {
            let at = self.at + place;
            if groups >> place & 1 != 0 {
                let length = (chain << (64 - place)).leading_ones().min(candidates::LONGEST_CHAIN);
                report(Found::Digits(at - u64::from(length)..at));
            } else {
                report(Found::Code(at - 1));
            }
        }
        self.tokens(masks.tokens, length as u64, report);

        self.digits = lower(digits >> length);
        self.letters = lower(letters >> length);
        self.chain = lower(chain >> length);
        self.joint = masks.joints >> (length - 1) & 1 != 0;
        self.at += length as u64;
    }

    /// Finds the tokens that end in a block of `length` bytes, and the one that is still going on.
    #[inline]
    fn tokens(&mut self, mask: u64, length: u64, report: &mut impl FnMut(Found)) {
        let leading = u64::from(mask.trailing_ones());
        if leading >= length {
            return;
        }
        if self.at + leading >= self.token + SHORTEST_TOKEN {
            report(Found::Token(self.token..self.at + leading));
        }
        // Set where sixteen token bytes begin.
        let two = mask & mask >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let mut starts = eight & eight >> 8 & (u64::MAX << leading);
        while starts != 0 {
            let start = u64::from(starts.trailing_zeros());
            let end = start + u64::from((mask >> start).trailing_ones());
            if end >= length {
                break;
            }
            report(Found::Token(self.at + start..self.at + end));
            starts &= u64::MAX << end;
        }
        // Those that are missing are zeros.
        let trailing = u64::from((mask << (64 - length)).leading_ones());
        self.token = self.at + length - trailing;
    }
}

/// Whether tokens are made of this byte.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

/// The newer half of two masks.
fn upper(masks: u128) -> u64 {
    lower(masks >> 64)
}

/// The older half of two masks.
#[expect(clippy::cast_possible_truncation, reason = "the other half is not wanted")]
fn lower(masks: u128) -> u64 {
    masks as u64
}

/// The places of the bits that are set, lowest first.
pub(super) fn bits(mut mask: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        let place = (mask != 0).then_some(u64::from(mask.trailing_zeros()))?;
        mask &= mask - 1;
        Some(place)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::candidates::{AHEAD, BEHIND};
    use super::*;

    /// What [`Runs`] finds, found by looking at one byte after the other.
    fn reference(text: &[u8]) -> Vec<(u64, Found)> {
        let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
        let letter = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphabetic);
        let joint = |at: usize| matches!(text.get(at), Some(b' ' | b'-' | b'.'));
        let in_chain = |at: usize| digit(at) || (joint(at) && at > 0 && digit(at - 1) && digit(at + 1));
        let mut found = Vec::new();
        for at in 1..=text.len() {
            if digit(at - 1) && !digit(at) {
                let length = (0..at).rev().take_while(|&place| in_chain(place)).count();
                if length >= 7 {
                    let length = length.min(candidates::LONGEST_CHAIN as usize);
                    found.push((at as u64, Found::Digits((at - length) as u64..at as u64)));
                }
            }
            let glued = |at: usize| at >= 1 && (digit(at - 1) || (at >= 2 && letter(at - 1) && letter(at - 2)));
            if at >= 3 && digit(at) && digit(at - 1) && letter(at - 2) && letter(at - 3) && !glued(at - 3) {
                found.push((at as u64, Found::Code(at as u64 - 1)));
            }
            if text.get(at).is_none_or(|&byte| !is_token(byte)) {
                let length = (0..at).rev().take_while(|&place| is_token(text[place])).count();
                if length >= 16 {
                    found.push((at as u64, Found::Token((at - length) as u64..at as u64)));
                }
            }
        }
        found
    }

    /// Sorted by shape, as only within a shape the order of reports is that of the text.
    fn sorted(mut found: Vec<Found>) -> Vec<Found> {
        found.sort_by_key(|found| match found {
            Found::Digits(range) => (0, range.end),
            Found::Code(at) => (1, *at),
            Found::Token(range) => (2, range.end),
        });
        found
    }

    fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Found> {
        let mut runs = Runs::default();
        let mut found = Vec::new();
        for piece in pieces {
            runs.feed(piece, |run| found.push(run));
        }
        runs.finish(|run| found.push(run));
        found
    }

    #[test]
    fn runs_that_end_at_the_edge_of_a_block_or_a_piece_are_found_whole() {
        for start in 0..200 {
            for length in [7, 8, 9, 15, 16, 17, 63, 64, 65, 128, 200] {
                for (byte, other) in [(b'7', b' '), (b'7', b'x'), (b'x', b'.'), (b'x', b'7')] {
                    let text = [vec![other; start], vec![byte; length], vec![b'"'; 3]].concat();
                    let expected = sorted(reference(&text).into_iter().map(|(_, found)| found).collect());
                    for edge in [start, start + length, start + length + 1] {
                        let (first, second) = text.split_at(edge);
                        assert_eq!(sorted(in_pieces([first, second])), expected, "{start} {length} {edge}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_token_that_goes_on_is_known_from_its_first_byte() {
        let mut runs = Runs::default();
        assert_eq!(runs.open_token(), None);
        runs.feed(b"key: abc", |_| panic!("nothing has ended"));
        assert_eq!(runs.open_token(), Some(5..8));
        runs.feed(&[b'x'; 500], |_| panic!("nothing has ended"));
        assert_eq!(runs.open_token(), Some(5..508));
        let mut found = Vec::new();
        runs.feed(b"\"", |run| found.push(run));
        assert_eq!((found, runs.open_token()), (vec![Found::Token(5..508)], None));
    }

    /// Text in which runs of every length and every kind of neighbour are likely.
    fn runs_text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            "[0-9]{1,5}[ .-]",
            "[0-9]{1,20}",
            "[a-zA-Z]{2}[0-9]{1,4}",
            "[a-zA-Z0-9+/_-]{1,40}",
            "[a-zA-Z0-9+/_-]{60,140}",
            "[ .:\"\\\\=,-]{1,3}",
            "[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4}",
            Just("1 2-3.4 ".repeat(12)),
        ];
        let bytes = prop::collection::vec(any::<u8>(), 0..20);
        prop::collection::vec(prop_oneof![9 => part.prop_map(String::into_bytes), 1 => bytes], 0..12)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn every_run_is_what_looking_at_each_byte_finds(text in runs_text(), step in 1usize..150) {
            let expected = sorted(reference(&text).into_iter().map(|(_, found)| found).collect());
            prop_assert_eq!(&sorted(in_pieces([text.as_slice()])), &expected);
            prop_assert_eq!(&sorted(in_pieces(text.chunks(step))), &expected);
        }

        #[test]
        fn windows_of_any_size_see_what_one_window_sees(
            parts in prop::collection::vec(prop_oneof![
                "[ a-zA-Z0-9.\\\\n-]{0,40}",
                Just("4111 1111 1111 1111".to_owned()), Just("4111111111111111".to_owned()),
                Just("DE89 3704 0044 0532 0130 00".to_owned()), Just("DE89370400440532013000".to_owned()),
                Just("KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617".to_owned()),
                Just("private key 0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318".to_owned()),
                Just("a".repeat(80)),
            ], 0..8),
            step in 1usize..90,
        ) {
            let text = parts.join(" ");
            let bytes = text.as_bytes();
            let mut expected = Vec::new();
            scan(bytes, 0..bytes.len(), |run| expected.push(run));
            let mut found = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let end = (at + step).min(bytes.len());
                // Only what the contract promises is visible.
                let first = at.saturating_sub(BEHIND);
                let visible = &bytes[first..(end + AHEAD).min(bytes.len())];
                scan(visible, at - first..end - first, |run| {
                    found.push(Run { range: run.range.start + first..run.range.end + first, ..run });
                });
                at = end;
            }
            let order = |run: &Run| (run.range.start, run.range.end);
            expected.sort_by_key(order);
            found.sort_by_key(order);
            prop_assert_eq!(found, expected);
        }
    }
}

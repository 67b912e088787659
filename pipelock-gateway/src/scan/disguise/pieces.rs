//! Tokens with a blank or a line break every so many characters.
//!
//! What gives them away is white space at equal distances, whatever else is in between. Taking just that out restores the
//! token with the blanks of its own. The search looks at masks of sixty-four bytes. Prose has four blanks at equal distances
//! in every other line, so the masks also say whether what they divide can be anything but words ([`Sight`]).

use std::ops::Range;

use crate::scan::wiped::Wiped;

use super::Kept;
use crate::scan::runs::{self, Classes};

/// Distances between two blanks: pieces of one to sixteen bytes.
const STRIDES: Range<usize> = 2..18;
/// Blanks at equal distances that are looked at.
const BLANKS: usize = 4;
/// Blanks of its own that a token may have in the same stretch.
const OWN: usize = 4;
/// Distances between two line breaks that are looked at: pieces of four to thirty-two bytes.
const LINES: Range<usize> = 5..34;
/// Most bytes of a number on each side of a line break, and before it of words that say what it is.
const NUMBER: usize = 28;
const WORDS: usize = 40;
/// Words for numbers that are worth joining. Without one a column of numbers would be full of cards.
const NAMES: [&[u8]; 8] = [b"card", b"visa", b"amex", b"iban", b"routing", b"aba", b"ssn", b"social"];
/// Bytes at an end of a stretch that are looked at once more for what belongs to the last piece: more than any rule's core.
const EDGE: usize = 640;
/// Longest stretch of pieces. What is longer is cut.
const LONGEST: usize = 1536;
/// How far a stretch that was cut begins again before its end: a key in pieces of two.
const OVERLAP: usize = 384;
/// Most digits of a number, with some to spare.
const DIGITS: usize = 24;
/// Bytes of the mask.
const BLOCK: usize = 64;
/// Equal distances that no sentence has, so that what is in between need not look like a token.
const MANY: usize = 7;

/// A stretch with what divided it taken out.
pub(super) struct Joined {
    pub(super) place: Range<usize>,
    pub(super) bytes: Wiped,
}

/// What is known of the next block, the two before it and the one behind it, one bit a byte.
#[derive(Clone, Copy, Debug, Default)]
struct Sight {
    classes: [Classes; 4],
    /// Where the kind of byte changes as it does in tokens: letter to digit, digit to letter, small to large. White space in
    /// between does not count, and more than one byte of it counts as a change, since what lies before is not looked at.
    changes: [u64; 4],
    /// Those of them that are capitals behind small letters.
    capitals: [u64; 4],
    /// The first digit behind two capitals, which may begin an IBAN.
    countries: [u64; 4],
}

/// Place of the next block's first byte in a [`Sight`].
const HERE: usize = 2 * BLOCK;

impl Sight {
    /// Goes on by one block, to see `classes` behind.
    fn pass(&mut self, next: Classes) {
        let [_, second, third, fourth] = self.classes;
        let earlier =
            |of: fn(&Classes) -> u64, distance: usize| of(&next) << distance | of(&fourth) >> (BLOCK - distance);
        let blank = earlier(|classes| classes.blanks, 1);
        // The byte before, or the one before a blank.
        let last = |of: fn(&Classes) -> u64| earlier(of, 1) | blank & earlier(of, 2);
        let letters: fn(&Classes) -> u64 = |classes| classes.large | classes.small;
        let two_blanks = !next.blanks & blank & earlier(|classes| classes.blanks, 2);
        let capitals = next.large & last(|classes| classes.small);
        let changes =
            next.digits & last(letters) | letters(&next) & last(|classes| classes.digits) | capitals | two_blanks;
        let large: fn(&Classes) -> u64 = |classes| classes.large;
        let (one, two) = (earlier(large, 1), earlier(large, 2));
        // With at most one blank among the three; more of them are changes.
        let countries = next.digits
            & (one & (two | earlier(|classes| classes.blanks, 2) & earlier(large, 3))
                | blank & two & earlier(large, 3));
        self.classes = [second, third, fourth, next];
        self.changes = [self.changes[1], self.changes[2], self.changes[3], changes];
        self.capitals = [self.capitals[1], self.capitals[2], self.capitals[3], capitals];
        self.countries = [self.countries[1], self.countries[2], self.countries[3], countries];
    }

    fn is_blank(&self, place: usize) -> bool {
        self.classes.get(place / BLOCK).is_some_and(|classes| classes.blanks >> (place % BLOCK) & 1 != 0)
    }

    /// How many bits of the mask of each block are set in a range of places, which is not empty.
    fn count(&self, mask: impl Fn(&Self, usize) -> u64, range: &Range<usize>) -> u32 {
        let blocks = range.start / BLOCK..=(range.end - 1) / BLOCK;
        let within = blocks.map(|block| {
            let start = range.start.saturating_sub(block * BLOCK);
            let end = range.end.saturating_sub(block * BLOCK).min(BLOCK);
            (mask(self, block) >> start << start) & u64::MAX >> (BLOCK - end)
        });
        within.map(u64::count_ones).sum()
    }

    fn class(&self, block: usize) -> Classes {
        self.classes.get(block).copied().unwrap_or_default()
    }

    fn blanks(&self, range: &Range<usize>) -> u32 {
        self.count(|sight, block| sight.class(block).blanks, range)
    }

    /// Whether bytes of several kinds stand in there, as [`is_mixed`] asks.
    fn is_mixed(&self, range: &Range<usize>) -> bool {
        self.count(|sight, block| Self::block(&sight.changes, block), range) > 1
            || self.count(|sight, block| Self::block(&sight.countries, block), range) > 0
    }

    /// The same, and more of them than a number between two words brings.
    fn is_more_than_a_number(&self, range: &Range<usize>) -> bool {
        self.count(|sight, block| Self::block(&sight.changes, block), range) > 2
            || self.count(|sight, block| Self::block(&sight.capitals, block), range) > 1
            || self.count(|sight, block| Self::block(&sight.countries, block), range) > 0
    }

    fn block(masks: &[u64; 4], block: usize) -> u64 {
        masks.get(block).copied().unwrap_or_default()
    }

    /// Whether the four dividers of which the last stands at `last`, or seven of them, may divide a token and not words.
    ///
    /// A token that was cut has no blanks but those that cut it, so two pieces side by side have none, and bytes of several
    /// kinds. A number may have its own: most of what stands there are digits then.
    fn may_be_pieces(&self, last: usize, stride: usize) -> bool {
        let divides = |number: usize| last.checked_sub(number * stride).is_some_and(|place| self.is_blank(place));
        if (BLANKS..MANY).all(divides) {
            return true;
        }
        let first = last - (BLANKS - 1) * stride;
        let all = first.saturating_sub(stride)..last + stride;
        if !self.is_mixed(&all) && !self.is_mostly_digits(&all) {
            return false;
        }
        let whole = |number: usize| self.blanks(&(last - number * stride + 1..last - (number - 1) * stride)) == 0;
        let [third, second, first_gap] = [whole(1), whole(2), whole(3)];
        (third && second) && self.is_more_than_a_number(&(last.saturating_sub(3 * stride)..last + stride))
            || (second && first_gap) && self.is_more_than_a_number(&(first.saturating_sub(stride)..last))
            || self.is_mostly_digits(&all)
    }

    fn is_mostly_digits(&self, range: &Range<usize>) -> bool {
        let digits = self.count(|sight, block| sight.class(block).digits, range);
        let letters = |sight: &Self, block| sight.class(block).large | sight.class(block).small;
        digits >= 6 && digits >= self.count(letters, range)
    }

    /// The first of the dividers in a row up to the one at `first` that stands at `least` or behind.
    fn first_divider(&self, mut first: usize, stride: usize, least: usize) -> usize {
        while let Some(before) = first.checked_sub(stride)
            && before >= least
            && self.is_blank(before)
        {
            first = before;
        }
        first
    }
}

/// The search for pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// View offset of the next block, and what is known around it.
    at: u64,
    sight: Sight,
    /// Whether the block behind it is part of that already.
    sighted: bool,
    /// View offset of the first block.
    began: u64,
    /// View offset of the last line break but one, and of the last.
    lines: [Option<u64>; 2],
    /// View offset before which no broken number begins any more.
    number: u64,
    /// For each stride the view offset before which nothing begins any more; the first is for lines.
    done: [u64; STRIDES.end],
}

impl Pieces {
    pub(super) fn starting_at(offset: u64) -> Self {
        Self { at: offset, began: offset, done: [offset; STRIDES.end], ..Self::default() }
    }

    /// View offset from which on bytes may belong to pieces that go on.
    pub(super) fn open_since(&self) -> u64 {
        self.at.saturating_sub(HERE as u64)
    }

    /// Reports stretches of pieces in what is new.
    pub(super) fn search(&mut self, text: Kept<'_>, mut report: impl FnMut(Joined)) {
        loop {
            let from = text.index(self.at);
            let here = text.bytes.len() - from;
            // The block behind is looked at as well.
            if here == 0 || here < 2 * BLOCK && !text.last {
                return;
            }
            if !std::mem::replace(&mut self.sighted, true) {
                if self.at == self.began {
                    self.sight.pass(runs::classes(text.get(from..text.bytes.len().min(from + BLOCK))));
                }
                let next = from + BLOCK..text.bytes.len().min(from + 2 * BLOCK);
                self.sight.pass(runs::classes(text.get(next)));
            }
            let breaks = self.sight.class(2).breaks;
            if !self.strides(text, &mut report) || !self.equal_lines(text, breaks, &mut report) {
                // Something goes on behind what is here: this block is looked at again.
                return;
            }
            self.pass_lines(breaks);
            self.at += BLOCK as u64;
            self.sighted = false;
        }
    }

    /// Blanks at equal distances, the fourth of which is in this block. Answers whether all of what they divide was there.
    fn strides(&mut self, text: Kept<'_>, report: &mut impl FnMut(Joined)) -> bool {
        let sight = self.sight;
        let (before, here) = (sight.class(1).blanks, sight.class(2).blanks);
        if here == 0 {
            return true;
        }
        for stride in STRIDES {
            // The blanks that stood so many bytes before; the longest distance is shorter than a mask.
            let earlier = |distance: usize| here << distance | before >> (BLOCK - distance);
            let mut ends = here & earlier(stride) & earlier(2 * stride);
            if ends != 0 {
                ends &= earlier(3 * stride);
            }
            while ends != 0 {
                let place = HERE + ends.trailing_zeros() as usize;
                ends &= ends - 1;
                let first = place - (BLANKS - 1) * stride;
                // Columns of a table have more blanks than a token.
                let own =
                    (u128::from(here) << BLOCK | u128::from(before)) >> (first - BLOCK) & ((1 << (place - first)) - 1);
                if own.count_ones() as usize >= BLANKS + OWN {
                    continue;
                }
                let done = self.done.get(stride).copied().unwrap_or_default();
                let at = self.at;
                let offset = |place: usize| (at + place as u64).saturating_sub(HERE as u64);
                if offset(first) < done || !sight.may_be_pieces(place, stride) {
                    continue;
                }
                let least = usize::try_from((done + HERE as u64).saturating_sub(self.at)).unwrap_or(usize::MAX);
                let first = offset(sight.first_divider(first, stride, least));
                if !self.stretch(text, first, stride, stride, report) {
                    return false;
                }
            }
        }
        true
    }

    /// A line that is one piece of a token, after a line that ends with another of the same length.
    fn equal_lines(&mut self, text: Kept<'_>, breaks: u64, report: &mut impl FnMut(Joined)) -> bool {
        let mut lines = self.lines;
        for place in runs::bits(breaks) {
            let at = self.at + place;
            if !self.broken_number(text, at, report) {
                return false;
            }
            if let Some(before) = lines[1]
                && let Ok(stride) = usize::try_from(at - before)
                && LINES.contains(&stride)
                && before >= self.done[0]
            {
                let line = text.get(text.index(before + 1)..text.index(at));
                let end = text.index(before);
                let tail = text.get(end.saturating_sub(stride)..end);
                let piece = tail.iter().rev().take_while(|&&byte| is_token(byte)).count();
                if piece + 1 == stride
                    && line.iter().all(|&byte| is_token(byte))
                    && !self.stretch(text, before, stride, 0, report)
                {
                    return false;
                }
            }
            lines = [lines[1], Some(at)];
        }
        true
    }

    /// A number that goes on behind the line break at `at`, after words that say what it is.
    fn broken_number(&mut self, text: Kept<'_>, at: u64, report: &mut impl FnMut(Joined)) -> bool {
        let place = text.index(at);
        let is_digit = |place: usize| text.bytes.get(place).is_some_and(u8::is_ascii_digit);
        if at < self.number || place == 0 || !is_digit(place - 1) {
            return true;
        }
        if place + NUMBER >= text.bytes.len() && !text.last {
            return false;
        }
        if !is_digit(place + 1) {
            return true;
        }
        let in_number = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'\n');
        let before = text.get(place.saturating_sub(NUMBER)..place).iter().rev().take_while(in_number).count();
        let after = text.get(place..text.bytes.len().min(place + NUMBER)).iter().take_while(in_number).count();
        let range = place - before..place + after;
        self.number = text.first + range.end as u64;
        let bytes = Wiped::collect(range.len(), text.get(range.clone()).iter().copied().filter(|&byte| byte != b'\n'));
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        if is_named(text, range.start) && (9..=19).contains(&digits) {
            report(Joined { place: range, bytes });
        }
        true
    }

    fn pass_lines(&mut self, breaks: u64) {
        for place in runs::bits(breaks) {
            self.lines = [self.lines[1], Some(self.at + place)];
        }
    }

    /// Follows white space from `first` on in equal strides. Answers whether the whole stretch was there.
    fn stretch(
        &mut self,
        text: Kept<'_>,
        first: u64,
        stride: usize,
        slot: usize,
        report: &mut impl FnMut(Joined),
    ) -> bool {
        let begin = text.index(first);
        let mut last = begin;
        while text.bytes.get(last + stride).copied().is_some_and(is_blank) && last - begin < LONGEST {
            last += stride;
        }
        let end = last + stride;
        if end >= text.bytes.len() && !text.last {
            return false;
        }
        let end = end.min(text.bytes.len());
        if let Some(done) = self.done.get_mut(slot) {
            let cut = last - begin >= LONGEST;
            *done = text.first + if cut { last - OVERLAP / stride * stride } else { last } as u64;
        }
        let count = (last - begin) / stride + 1;
        let pieces = text.get(begin.saturating_sub(stride - 1)..end);
        if count < MANY && !is_mixed(pieces) {
            return true;
        }
        // Every matrix is full of cards when its columns are joined.
        let numeric = !pieces.iter().any(u8::is_ascii_alphabetic);
        if numeric && pieces.iter().filter(|byte| byte.is_ascii_digit()).count() > DIGITS && !is_named(text, begin) {
            return true;
        }
        // The white space before the first piece, or behind the last, may be there in any case.
        let own_first = begin.checked_sub(1).and_then(|before| text.bytes.get(before)).copied().is_some_and(is_token);
        let own_last = text.get(last + 1..end).iter().take_while(|&&byte| is_token(byte)).count() > 0;
        let variants = [(own_first, own_last, true), (false, own_last, own_first), (own_first, false, own_last)];
        for (drop_first, drop_last, _) in variants.into_iter().filter(|variant| variant.2) {
            let mut bytes = Wiped::with_capacity(end - begin);
            for divider in (begin..=last).step_by(stride) {
                let kept = divider == begin && !drop_first || divider == last && !drop_last;
                bytes.extend_from_slice(text.get(divider + usize::from(!kept)..end.min(divider + stride)));
            }
            let before = text.get(begin.saturating_sub(stride - 1)..begin);
            if may_be_a_token(before, &bytes, count) {
                // Between its ends a long stretch is the same in all variants.
                match (drop_first == own_first, drop_last == own_last) {
                    (false, _) => bytes.truncate(EDGE),
                    (_, false) => {
                        let same = bytes.len().saturating_sub(EDGE);
                        bytes.drain(..same);
                    }
                    _ => {}
                }
                report(Joined { place: begin..end, bytes });
            }
        }
        true
    }
}

/// Whether words before `start` say that a number follows.
fn is_named(text: Kept<'_>, start: usize) -> bool {
    let words = text.get(start.saturating_sub(WORDS)..start).to_ascii_lowercase();
    NAMES.iter().any(|name| memchr::memmem::find(&words, name).is_some())
}

/// Whether pieces have what [`may_be_a_token`] asks for, however they are joined: looked at first, as nearly all are words.
fn is_mixed(pieces: &[u8]) -> bool {
    // One digit changes the kind twice, a capital once. All bytes are looked at without a branch, so many together.
    let (digits, large) = pieces.iter().fold((0u8, 0u8), |(digits, large), byte| {
        (
            digits.saturating_add(u8::from(byte.is_ascii_digit())),
            large.saturating_add(u8::from(byte.is_ascii_uppercase())),
        )
    });
    if digits == 0 && large < 2 {
        return false;
    }
    let (mut pairs, mut capitals) = (0, 0);
    let mut last = b' ';
    for &byte in pieces.iter().filter(|&&byte| !is_blank(byte)) {
        let digit = byte.is_ascii_digit();
        // Two capitals before digits may begin an IBAN.
        if digit && last.is_ascii_uppercase() && capitals > 1 {
            return true;
        }
        let change = digit && last.is_ascii_alphabetic()
            || byte.is_ascii_alphabetic() && last.is_ascii_digit()
            || byte.is_ascii_uppercase() && last.is_ascii_lowercase();
        pairs += usize::from(change);
        capitals = if byte.is_ascii_uppercase() { capitals + 1 } else { 0 };
        last = byte;
    }
    pairs > 1
}

/// Whether joined pieces may be a token, `before` being the first: letters of both cases and digits mixed, the beginning of
/// an IBAN, or more pieces than a sentence has by chance.
fn may_be_a_token(before: &[u8], joined: &[u8], blanks: usize) -> bool {
    let mixed = |bytes: &[u8]| {
        let pairs = bytes.windows(2).filter(|pair| match pair {
            [a, b] => {
                a.is_ascii_digit() && b.is_ascii_alphabetic()
                    || a.is_ascii_alphabetic() && b.is_ascii_digit()
                    || a.is_ascii_lowercase() && b.is_ascii_uppercase()
            }
            _ => false,
        });
        pairs.take(2).count()
    };
    let country = |four: &[u8]| {
        matches!(four, [a, b, c, d]
            if a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit())
    };
    let iban = before.windows(4).chain(joined.windows(4).take(5)).any(country);
    joined.len() >= 8 && (blanks >= MANY || iban || mixed(before) + mixed(joined) > 1)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'.')
}

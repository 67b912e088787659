//! Tokens that a program puts together: from the numbers of their characters, from literals in a row, from the lines of a mail.
//!
//! `String.fromCharCode(103, 104)`, `chr(103)+chr(104)`, `0x67, 0x68`, `67:68`, `\147\150`, `"gh" + "p_"`, `["gh", "p_"].join`,
//! `gh=70=\n_`. Each search begins with what is rare in other text (many short numbers close together, a quote before an
//! operator, an equals sign before two digits) and reads on from there; what is put together is scanned by who asked. How far a
//! sequence may go is bounded, and what is found does not depend on how the text was cut.

use std::ops::Range;

use crate::scan::wiped::Wiped;

use super::{Kept, LONGEST};
use crate::scan::runs::{self, Digits};

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Numbers of one kind in a block before it is looked at closely: a call for each character has six or seven of them.
const MANY: u32 = 5;
/// The same for numbers that ordinary text does not have.
const SOME: u32 = 3;
/// Fewest characters spelled as numbers, and fewest of a token that was put together.
const LEAST: usize = 12;
/// Most bytes between two numbers: `)+String.fromCharCode(`.
const BETWEEN: usize = 24;
/// Most bytes between two literals.
const JOINT: usize = 20;
/// Most bytes of a literal.
const LITERAL: usize = 200;
/// Bytes before and behind the list that may say that its literals are joined.
const CALL: usize = 48;
/// Longest name of a field that is told from a word.
const FIELD: usize = 64;
/// Bytes of a word before an escape of quoted-printable, and of all of it.
const BEFORE: usize = 128;
const QUOTED: usize = 1024;

/// What was put together, and where it stood.
pub(super) struct Joined {
    pub(super) place: Range<usize>,
    pub(super) bytes: Wiped,
}

/// The searches: view offset of the next block, and those up to which each has looked.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    at: u64,
    codes: u64,
    literals: u64,
    quoted: u64,
}

/// What became of a sequence.
enum Read {
    /// It ends behind what is here.
    Open,
    /// It ends here, with something to report or not.
    Ended(usize, Option<Joined>),
}

impl Spelled {
    pub(super) fn starting_at(offset: u64) -> Self {
        Self { at: offset, codes: offset, literals: offset, quoted: offset }
    }

    /// View offset from which on bytes may belong to a sequence that goes on.
    pub(super) fn open_since(&self) -> u64 {
        self.at
    }

    /// Reports what is spelled in what is new.
    pub(super) fn search(&mut self, text: Kept<'_>, mut report: impl FnMut(Joined)) {
        loop {
            let from = text.index(self.at);
            let block = text.get(from..text.bytes.len().min(from + BLOCK));
            if block.is_empty() || block.len() < BLOCK && !text.last {
                return;
            }
            let signs = runs::signs(block);
            let whole = self.literals(text, signs.quotes, &mut report)
                && self.quoted(text, signs.equals, &mut report)
                && self.codes(text, block, signs.digits, &mut report);
            if !whole {
                // Something goes on behind what is here: this block is looked at again.
                return;
            }
            self.at += block.len() as u64;
        }
    }

    /// Numbers that begin in the next block, of which `digits` are digits. Answers whether all of them were there.
    fn codes(&mut self, text: Kept<'_>, block: &[u8], digits: u64, report: &mut impl FnMut(Joined)) -> bool {
        // What was read in one way may be read in another.
        let (from, done) = (text.index(self.at), text.index(self.codes));
        // Nearly all text has fewer numbers than that.
        if (digits & !(digits << 1)).count_ones() < SOME || done >= from + block.len() {
            return true;
        }
        for radix in radices(runs::number_digits(block)) {
            let Some(found) = codes_around(text, from, done, radix) else { return false };
            for joined in found {
                self.codes = self.codes.max(text.first + joined.place.end as u64);
                report(joined);
            }
        }
        true
    }

    /// Literals in a row, of which one ends in the next block, where `quotes` are the quotes.
    fn literals(&mut self, text: Kept<'_>, quotes: u64, report: &mut impl FnMut(Joined)) -> bool {
        let at = self.at;
        for quote in runs::bits(quotes).map(|place| text.index(at + place)) {
            if quote < text.index(self.literals) {
                continue;
            }
            match text.bytes.get(quote + 1) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b'+' | b'.' | b'&' | b'|' | b'\\' | b'<' | b'~' | b',' | b')') => {}
                None if !text.last => {}
                _ => continue,
            }
            self.literals = text.first + quote as u64;
            match literals_around(text, quote) {
                Read::Open => return false,
                Read::Ended(end, joined) => {
                    self.literals = text.first + end.max(quote + 1) as u64;
                    joined.into_iter().for_each(&mut *report);
                }
            }
        }
        true
    }

    /// Quoted-printable around the signs in the next block that `equals` marks.
    fn quoted(&mut self, text: Kept<'_>, equals: u64, report: &mut impl FnMut(Joined)) -> bool {
        let at = self.at;
        for sign in runs::bits(equals).map(|place| text.index(at + place)) {
            if sign < text.index(self.quoted) {
                continue;
            }
            self.quoted = text.first + sign as u64;
            let next = text.get(sign + 1..text.bytes.len().min(sign + 4));
            if next.len() < 3 && !text.last {
                return false;
            }
            if unquoted(next).is_none() {
                continue;
            }
            match quoted_around(text, sign) {
                Read::Open => return false,
                Read::Ended(end, joined) => {
                    self.quoted = text.first + end.max(sign + 1) as u64;
                    joined.into_iter().for_each(&mut *report);
                }
            }
        }
        true
    }
}

/// How a character is written as a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Radix {
    /// `0x67`.
    Marked,
    /// `\147`.
    Octal,
    /// `01100111`.
    Binary,
    /// `67`.
    Hex,
    /// `103`.
    Decimal,
}

/// The ways in which a block of 64 bytes may spell characters.
///
/// A number of a character is a whole run of letters and digits and of few lengths; dates, hashes and identifiers have longer
/// ones. Runs that an edge of the block cuts count whatever they may be.
fn radices(digits: Digits) -> impl Iterator<Item = Radix> {
    let Digits { alphanumeric, decimal, hexadecimal, marks, backslashes } = digits;
    // Codes of printable characters begin with a digit in every radix.
    let starts = alphanumeric & !(alphanumeric << 1) & decimal;
    let behind = |mask: u64, distance: u32| mask >> distance | !(u64::MAX >> distance);
    let ends = |distance: u32| !(alphanumeric >> distance);
    let two = starts & behind(hexadecimal, 1) & ends(2);
    let three = starts & behind(decimal, 1) & behind(decimal, 2) & ends(3);
    let marked = starts & behind(marks, 1) & behind(hexadecimal, 2) & behind(hexadecimal, 3) & ends(4);
    let binary = (1..7).fold(starts, |starts, distance| starts & behind(decimal, distance)) & (ends(7) | ends(8));
    let decimal = two & behind(decimal, 1) | three;
    let octal = three & (backslashes << 1 | 1);
    let kinds = [
        (Radix::Marked, marked, SOME),
        (Radix::Octal, octal, SOME),
        (Radix::Binary, binary, SOME),
        (Radix::Hex, two, MANY),
        (Radix::Decimal, decimal, MANY),
    ];
    kinds.into_iter().filter(|(_, starts, least)| starts.count_ones() >= *least).map(|(radix, ..)| radix)
}

/// Reads what is spelled as numbers in and around the block at `from`: it may have begun in the block before, but not before
/// `done`. Answers nothing when it ends behind what is here.
fn codes_around(text: Kept<'_>, from: usize, done: usize, radix: Radix) -> Option<Vec<Joined>> {
    let bound = from + LONGEST;
    let bytes = text.get(0..text.bytes.len().min(bound));
    let is_open = |at: usize| !text.last && bytes.len() < bound && at + BETWEEN >= bytes.len();
    if is_open(from + BLOCK) {
        return None;
    }
    let mut found = Vec::new();
    let mut at = from.saturating_sub(BLOCK).max(done);
    while let Some(begin) = (at..bytes.len().min(from + BLOCK)).find(|&at| code(bytes, at, radix).is_some()) {
        let (stop, spelled) = codes(bytes, begin, radix);
        if is_open(stop) {
            return None;
        }
        if spelled.len() >= LEAST {
            found.push(Joined { place: begin..stop, bytes: spelled });
        }
        at = stop.max(begin + 1);
    }
    Some(found)
}

/// The characters that the numbers from `begin` on stand for, and where they end. What stands between is always the same but
/// for white space.
fn codes(bytes: &[u8], begin: usize, radix: Radix) -> (usize, Wiped) {
    let mut spelled = Wiped::with_capacity((bytes.len() - begin) / 3 + 1);
    let (mut at, mut end) = (begin, begin);
    let mut divider: Option<&[u8]> = None;
    while let Some((character, after)) = code(bytes, at, radix) {
        spelled.push(character);
        end = after;
        let Some(next) = next_code(bytes, after, radix) else { break };
        let between = bytes.get(after..next).unwrap_or_default();
        let same = |first: &[u8]| {
            let seen =
                |part: &[u8]| part.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>();
            first == between || seen(first) == seen(between)
        };
        if !same(divider.get_or_insert(between)) {
            break;
        }
        at = next;
    }
    (end, spelled)
}

/// The character whose number stands at `at`, when it is a printable one, and where the number ends.
fn code(bytes: &[u8], at: usize, radix: Radix) -> Option<(u8, usize)> {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied();
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric()) || (radix == Radix::Octal && before != Some(b'\\')) {
        return None;
    }
    let rest = bytes.get(at..)?;
    let length = rest.iter().take(9).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let (digits, base) = match (radix, rest.get(..length)?) {
        (Radix::Marked, [b'0', b'x' | b'X', digits @ ..]) if digits.len() == 2 => (digits, 16),
        (Radix::Octal, digits) if length == 3 => (digits, 8),
        (Radix::Binary, digits) if matches!(length, 7 | 8) => (digits, 2),
        (Radix::Hex, digits) if length == 2 => (digits, 16),
        (Radix::Decimal, digits) if matches!(length, 2 | 3) => (digits, 10),
        _ => return None,
    };
    let value = digits.iter().try_fold(0, |value, &digit| Some(value * base + char::from(digit).to_digit(base)?))?;
    let character = u8::try_from(value).ok()?;
    matches!(character, b' '..=b'~' | b'\t' | b'\n' | b'\r').then_some((character, at + length))
}

/// Where the next number begins behind `end`: after signs, and at most the name of a function.
fn next_code(bytes: &[u8], end: usize, radix: Radix) -> Option<usize> {
    let mut at = end;
    while at - end <= BETWEEN {
        let byte = *bytes.get(at)?;
        if !byte.is_ascii_alphanumeric() {
            at += 1;
        } else if at > end && code(bytes, at, radix).is_some() {
            return Some(at);
        } else {
            let name = bytes.get(at..)?.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            if name == 0 {
                return None;
            }
            at += name;
        }
    }
    None
}

/// What stands between two literals.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Operator,
    /// Of a list, whose elements may be joined.
    Comma,
}

/// Reads literals in a row, the first of which may end with the quote at `quote`.
fn literals_around(text: Kept<'_>, quote: usize) -> Read {
    let bound = quote + LONGEST;
    let bytes = text.get(0..text.bytes.len().min(bound));
    let is_open = !text.last && bytes.len() < bound;
    if is_open && quote + JOINT + 2 >= bytes.len() {
        return Read::Open;
    }
    let nothing = Read::Ended(quote + 1, None);
    let Some((mut next, mut joint)) = joint(bytes, quote + 1) else { return nothing };
    let Some(&mark) = bytes.get(quote) else { return nothing };
    let before = text.get(quote.saturating_sub(LITERAL)..quote);
    let Some(length) = memchr::memrchr(mark, before).map(|open| before.len() - open - 1) else { return nothing };
    let first = quote - length;
    if !literal(text.get(first..quote)) {
        return nothing;
    }
    // Only the places: nearly all of what stands in a row is no token, and needs no copy.
    let mut row: Vec<_> = std::iter::once(first..quote).collect();
    let (mut end, mut total, mut is_list) = (quote + 1, length, false);
    let mut longest = length;
    while let Some(&mark) = bytes.get(next) {
        let rest = bytes.get(next + 1..).unwrap_or_default();
        let Some(length) = memchr::memchr(mark, rest.get(..rest.len().min(LITERAL)).unwrap_or_default()) else {
            if is_open && rest.len() < LITERAL {
                return Read::Open;
            }
            break;
        };
        let piece = rest.get(..length).unwrap_or_default();
        if !literal(piece) || total + length > LONGEST {
            break;
        }
        row.push(next + 1..next + 1 + length);
        total += length;
        is_list |= joint == Joint::Comma;
        longest = longest.max(length);
        end = next + 1 + length + 1;
        if is_open && end + JOINT.max(CALL) >= bytes.len() {
            return Read::Open;
        }
        match self::joint(bytes, end) {
            Some(found) => (next, joint) = found,
            None => break,
        }
    }
    let begin = first - 1;
    let parts = || row.iter().map(|piece| text.get(piece.clone()));
    let worth = row.len() > 1 && total >= LEAST && parts().any(|piece| piece.iter().any(u8::is_ascii_digit));
    // A list of characters is a token in any case.
    if !worth || is_list && longest > 1 && !is_joined(text, begin..end) {
        return Read::Ended(if row.len() > 2 { end } else { quote + 1 }, None);
    }
    let bytes = Wiped::collect(total, parts().flatten().copied());
    Read::Ended(end, Some(Joined { place: begin..end, bytes }))
}

/// Where the next literal begins when what stands at `at`, behind one, joins the two.
fn joint(bytes: &[u8], at: usize) -> Option<(usize, Joint)> {
    let (mut operator, mut comma, mut blank) = (false, false, false);
    for (place, &byte) in bytes.get(at..)?.iter().enumerate().take(JOINT) {
        match byte {
            b'"' | b'\'' if operator || (blank && !comma) => return Some((at + place, Joint::Operator)),
            b'"' | b'\'' if comma => return Some((at + place, Joint::Comma)),
            b'+' | b'.' | b'&' | b'|' | b'\\' | b'<' | b'~' => operator = true,
            b',' => comma = true,
            b' ' | b'\t' | b'\r' | b'\n' => blank = true,
            b'(' | b')' => {}
            // The mark of a kind of literal.
            b'f' | b'r' | b'b' | b'u' if matches!(bytes.get(at + place + 1), Some(b'"' | b'\'')) => {}
            _ => return None,
        }
    }
    None
}

/// Whether the bytes between two quotes may be a piece of a token.
fn literal(piece: &[u8]) -> bool {
    piece.iter().all(|&byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\'))
}

/// Whether a call around a list says that its elements become one.
fn is_joined(text: Kept<'_>, list: Range<usize>) -> bool {
    let before = text.get(list.start.saturating_sub(CALL)..list.start);
    let after = text.get(list.end..text.bytes.len().min(list.end + CALL));
    [before, after].into_iter().any(|part| {
        [&b"join"[..], b"oncat", b"paste0", b"implode"].iter().any(|call| memchr::memmem::find(part, call).is_some())
    })
}

/// Reads the word around the sign at `sign`, an escape of quoted-printable or the break of a line that goes on (RFC 2045 §6.7).
fn quoted_around(text: Kept<'_>, sign: usize) -> Read {
    let in_word = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>');
    let before = text.get(sign.saturating_sub(BEFORE)..sign).iter().rev().take_while(|byte| in_word(byte)).count();
    let begin = sign - before;
    let bound = sign + QUOTED;
    let bytes = text.get(0..text.bytes.len().min(bound));
    let mut plain = Wiped::with_capacity(before + QUOTED);
    plain.extend_from_slice(text.get(begin..sign));
    let (mut at, mut escapes, mut telling) = (sign, 0, false);
    while let Some(byte) = bytes.get(at) {
        let escape = bytes.get(at + 1..).and_then(unquoted);
        let escape = match escape {
            Some((None, length)) => match goes_on(bytes, at, length) {
                // What follows is not there yet, and may say that this is no break of quoted-printable.
                None if !text.last && bytes.len() < bound => return Read::Open,
                goes_on => escape.filter(|_| goes_on != Some(false)),
            },
            escape => escape,
        };
        match (byte, escape) {
            (b'=', Some((escaped, length))) => {
                escapes += 1;
                // What nobody has a reason to escape, within a token.
                telling |= escaped.is_none_or(|byte| matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b':'));
                plain.extend(escaped);
                at += 1 + length;
            }
            _ if in_word(byte) => {
                plain.push(*byte);
                at += 1;
            }
            _ => break,
        }
    }
    if !text.last && at + 3 >= bytes.len() && bytes.len() < bound {
        return Read::Open;
    }
    let worth = (telling || escapes > 2) && plain.len() >= LEAST && plain.iter().any(u8::is_ascii_digit);
    Read::Ended(at, worth.then_some(Joined { place: begin..at, bytes: plain }))
}

/// Whether the line that ends with the sign at `sign` goes on after a break of `length` bytes. Base64 ends with such a sign, too: not
/// behind another one, which quoted-printable would have escaped, and not before a field of a message. `None` when there is too
/// little to tell.
fn goes_on(bytes: &[u8], sign: usize, length: usize) -> Option<bool> {
    if sign.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'=') {
        return Some(false);
    }
    let next = bytes.get(sign + 1 + length..).unwrap_or_default();
    let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let name = next.iter().take(FIELD).take_while(in_name).count();
    match next.get(name..name + 2) {
        _ if name == FIELD => Some(true),
        Some(end) => Some(name == 0 || end != b": "),
        None => None,
    }
}

/// What follows an equals sign: the character it stands for, or none when the line goes on; and the bytes that takes.
fn unquoted(next: &[u8]) -> Option<(Option<u8>, usize)> {
    match *next {
        [b'\n', ..] => Some((None, 1)),
        [b'\r', b'\n', ..] => Some((None, 2)),
        [high, low, ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
            value.is_ascii_graphic().then_some((Some(value), 2))
        }
        _ => None,
    }
}

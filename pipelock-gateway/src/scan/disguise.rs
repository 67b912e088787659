//! Secrets in disguise: encoded, reversed or cut into pieces inside a text that is otherwise as it seems.
//!
//! A view is searched for long runs of letters and digits and for words of one length in a row. Each is undone in every way
//! that it may have been made, and what comes out is scanned as a message of its own, together with the words before it,
//! which say what it is. How deep that goes and how much of it there may be is bounded. What a whole stream is wrapped in is
//! undone before ([`super::decode`]); this is for what has to be guessed.

mod codecs;
mod pieces;
mod spelled;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use super::wiped::Wiped;

use self::codecs::Attempt;
use self::pieces::Pieces;
use self::spelled::Spelled;
use super::deep::Way;
use super::engine::{RuleSet, sign};
use super::hyperscan::{Fed, Hits};
use super::injection::squash;
use super::normalize::fold;
use super::stream::{StreamScan, reads_language};
use super::window::is_answer;
use super::{runs, seed};
use crate::model::{Evidence, Family, Finding, Severity, Surface, View};

/// Shortest run worth a look: nine digits in base64.
const SHORTEST: usize = 12;
/// Shorter runs of letters alone are words.
const WORDY: usize = 24;
/// Most of a run that is looked at in one go, and how far the next look begins behind. Multiples of 64, so that base64 inside
/// base64 inside base64 begins with a whole group each time. What two looks have in common is longer than the widest core of
/// a rule in base64.
const LOOK: usize = 1920;
const STEP: usize = 960;
/// Bytes to either side of a run that belong to the word around it.
const WORD: usize = 256;
/// Bytes before a run that may say what it is.
const CONTEXT: usize = 192;
/// Bytes before the position that have to be kept.
pub(super) const BEHIND: usize = CONTEXT + WORD;
/// Most bytes of a disguise that is still going on.
pub(super) const LONGEST: usize = LOOK + WORD;
/// How many disguises may be worn over one another.
const DEPTH: u8 = 3;
/// Bytes that may be scanned again, per byte of the view and at all.
const AGAIN_PER_BYTE: u64 = 4;
const AGAIN: u64 = 64 << 10;

/// Hits of the matcher before a disguise that are let pass.
const CONTEXT_HITS: usize = 32;

/// What some bytes were found under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Masks {
    depth: u8,
    /// Whether one of them was reading from right to left: a second time would undo it.
    reversed: bool,
    /// Whether pieces were joined: what is left then has none.
    joined: bool,
}

impl Masks {
    /// They are as they were sent.
    pub(super) const NONE: Self = Self { depth: 0, reversed: false, joined: false };

    /// As many as there may be, so that nothing is looked for below.
    #[cfg(feature = "testing")]
    pub(super) const ALL: Self = Self { depth: DEPTH, reversed: true, joined: true };

    fn and(self, view: View) -> Self {
        Self {
            depth: self.depth + 1,
            reversed: self.reversed || view == View::Reversed,
            joined: self.joined || view == View::Squashed,
        }
    }
}

/// The search of one view.
#[derive(Debug)]
pub(super) struct Disguises {
    masks: Masks,
    /// View offset up to which runs have been searched for; inside a run that goes on, or just after a byte that is in none.
    at: u64,
    /// Whether `at` is inside a run.
    inside: bool,
    /// View offset up to which words have been tried in reverse.
    reversed: u64,
    pieces: Pieces,
    spelled: Spelled,
    /// Bytes that were scanned again.
    again: u64,
    exhausted: bool,
}

/// The text of a view as far as it is kept.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    pub(super) bytes: &'a [u8],
    /// View offset of the first byte.
    pub(super) first: u64,
    /// Whether nothing follows.
    pub(super) last: bool,
}

impl<'a> Kept<'a> {
    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.bytes.len())
    }

    fn get(&self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }
}

/// Something found in disguise: the place of the disguise in the view, and what is below it.
pub(super) struct Unmasked {
    pub(super) place: Range<u64>,
    pub(super) finding: Finding,
}

/// What a run is made of: a table, since this is asked for one byte in ten.
static RUN: [bool; 256] = {
    let mut run = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        run[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    run
};

fn in_run(byte: u8) -> bool {
    RUN[usize::from(byte)]
}

/// What an address or an assignment is made of.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b',' | b';')
}

impl Disguises {
    /// A search of bytes that were found under `masks`, if one more disguise is allowed there.
    pub(super) fn below(masks: Masks) -> Option<Self> {
        (masks.depth < DEPTH).then(|| Self {
            masks,
            at: 0,
            inside: false,
            reversed: 0,
            pieces: Pieces::default(),
            spelled: Spelled::default(),
            again: 0,
            exhausted: false,
        })
    }

    /// Begins again at another place of the view.
    pub(super) fn restart(&mut self, offset: u64) {
        (self.at, self.inside, self.reversed) = (offset, false, offset);
        self.pieces = Pieces::starting_at(offset);
        self.spelled = Spelled::starting_at(offset);
    }

    /// View offset from which on bytes may still belong to a disguise.
    pub(super) fn open_since(&self) -> u64 {
        self.at.min(self.pieces.open_since()).min(self.spelled.open_since())
    }

    /// Looks at what is new in `text`.
    pub(super) fn search(&mut self, set: &Arc<RuleSet>, surface: Surface, text: Kept<'_>, out: &mut Vec<Unmasked>) {
        let end = text.first + text.bytes.len() as u64;
        let left = (AGAIN + AGAIN_PER_BYTE * end).saturating_sub(self.again);
        let room = Wiped::default();
        let mut search = Search { set, surface, masks: self.masks, text, left, exhausted: false, room, out };
        while let Some(run) = self.next_run(text) {
            search.run(&run, &mut self.reversed);
        }
        // Only what leaves has a reason to be cut; answers that are spaced out are a matter of language.
        if self.masks.joined || is_answer(surface) {
            self.pieces = Pieces::starting_at(end);
            self.spelled = Spelled::starting_at(end);
        } else {
            self.pieces.search(text, |joined| search.scan(&joined.place, &joined.bytes, View::Squashed));
            self.spelled.search(text, |joined| search.scan(&joined.place, &joined.bytes, View::Squashed));
        }
        let (still_left, exhausted) = (search.left, search.exhausted);
        self.again += left - still_left;
        if exhausted && !std::mem::replace(&mut self.exhausted, true) {
            out.push(Unmasked { place: end..end, finding: limit("decoded bytes", surface) });
        }
    }

    /// The next run that is complete, or long enough to be looked at before it is.
    fn next_run(&mut self, text: Kept<'_>) -> Option<Run> {
        loop {
            let run = self.look_for_run(text)?;
            if run.is_some() {
                return run;
            }
        }
    }

    /// The same; `Some(None)` when what comes first needs no look.
    #[expect(clippy::option_option, reason = "the outer one says whether there is anything left, as in an iterator")]
    fn look_for_run(&mut self, text: Kept<'_>) -> Option<Option<Run>> {
        let bytes = text.bytes;
        let mut begin = text.index(self.at);
        if !self.inside {
            begin = runs::next_token(bytes, begin, SHORTEST);
        }
        loop {
            let probe = begin + SHORTEST - 1;
            let Some(stretch) = bytes.get(begin..=probe) else { break };
            if self.inside {
                break;
            }
            match stretch.iter().rposition(|&byte| !in_run(byte)) {
                Some(gap) => begin += gap + 1,
                None => break,
            }
        }
        self.at = text.first + begin as u64;
        // Most runs are words, dates and identifiers, which need no second look.
        if !self.inside
            && let Some(length) = ordinary(bytes.get(begin..).unwrap_or_default())
        {
            self.at = text.first + (begin + length) as u64;
            return Some(None);
        }
        let length = run_length(text, begin)?;
        let end = begin + length;
        if length == LOOK {
            let run = Run { range: begin..end, continued: self.inside, goes_on: true };
            // Line breaks do not count, so that groups go on where they would without them.
            let step = text.get(begin..end).iter().enumerate().filter(|&(_, &byte)| in_run(byte)).nth(STEP);
            (self.at, self.inside) = (self.at + step.map_or(STEP, |(step, _)| step) as u64, true);
            return Some(Some(run));
        }
        // The word around the run has to be known as well.
        let word = text.get(end..bytes.len().min(end + WORD)).iter().take_while(|&&byte| in_word(byte)).count();
        let complete = text.last || word == WORD || end + word < bytes.len();
        let is_run = length >= SHORTEST;
        if !complete && is_run || (end == bytes.len() && !text.last) {
            return None;
        }
        let continued = std::mem::replace(&mut self.inside, false);
        if is_run {
            self.at = text.first + end as u64;
            return Some(Some(Run { range: begin..end, continued, goes_on: false }));
        }
        if continued {
            self.at = text.first + end as u64;
            return Some(None);
        }
        None
    }
}

/// How long the run at `begin` is, at most [`LOOK`], line breaks within wrapped base64 included. `None` when that depends on
/// what is not here yet.
fn run_length(text: Kept<'_>, begin: usize) -> Option<usize> {
    let most = begin + LOOK;
    let mut end = begin;
    loop {
        let rest = text.get(end..text.bytes.len().min(most));
        end += rest.iter().take_while(|&&byte| in_run(byte)).count();
        let (width, next) = match *text.get(end..text.bytes.len()) {
            [b'\n', next, ..] => (1, next),
            [b'\r', b'\n', next, ..] => (2, next),
            [b'\n' | b'\r'] | [b'\r', b'\n'] if !text.last && is_wrapped(text, end) => return None,
            _ => return Some(end - begin),
        };
        if end == most || !in_run(next) || !is_wrapped(text, end) {
            return Some(end - begin);
        }
        end += width;
        if end >= most {
            return Some(LOOK);
        }
    }
}

/// Whether the line that ends at `end` is as long as those of encoders: MIME and PEM for base64, `xxd` for hex.
fn is_wrapped(text: Kept<'_>, end: usize) -> bool {
    let line = text.get(end.saturating_sub(80)..end).iter().rev().take_while(|&&byte| in_run(byte)).count();
    matches!(line, 60 | 64 | 76)
}

/// A run in what is kept of a view.
#[derive(Debug)]
struct Run {
    range: Range<usize>,
    /// Whether it began before, a multiple of [`STEP`] bytes ago, and whether it goes on behind.
    continued: bool,
    goes_on: bool,
}

/// What is needed to look at one candidate after the other.
struct Search<'a> {
    set: &'a Arc<RuleSet>,
    surface: Surface,
    masks: Masks,
    text: Kept<'a>,
    /// Bytes that may still be scanned again; whether there was not enough once.
    left: u64,
    exhausted: bool,
    /// Where guesses are decoded.
    room: Wiped,
    out: &'a mut Vec<Unmasked>,
}

impl Search<'_> {
    /// Tries a run in every way.
    fn run(&mut self, run: &Run, reversed: &mut u64) {
        let token = self.text.get(run.range.clone());
        if token.len() < WORDY && is_word(token) {
            return;
        }
        let wrapped = memchr::memchr(b'\n', token).is_some();
        // A line of such a length and the next one need not belong together.
        let mut lines = token.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty());
        if wrapped
            && let (Some(first), Some(second), None) = (lines.next(), lines.next(), lines.next())
            && !run.continued
            && !run.goes_on
        {
            let (start, end) = (run.range.start, run.range.end);
            for range in [start..start + first.len(), end - second.len()..end] {
                if range.len() >= SHORTEST {
                    self.run(&Run { range, continued: false, goes_on: false }, reversed);
                }
            }
        }
        let unwrapped: Wiped;
        let token = if wrapped {
            unwrapped = Wiped::collect(token.len(), token.iter().copied().filter(|&byte| in_run(byte)));
            &unwrapped
        } else {
            token
        };
        let mut decoded = Vec::new();
        if self.room.capacity() == 0 {
            self.room = Wiped::with_capacity(LOOK);
        }
        codecs::attempts(token, run.continued, &mut self.room, |attempt| decoded.push(attempt));
        let any = !decoded.is_empty();
        for Attempt { bytes } in decoded {
            self.scan(&run.range, &bytes, View::Decoded);
        }
        if any || is_answer(self.surface) {
            return;
        }
        if !wrapped && codecs::is_rotated(token) {
            self.rotate(&run.range);
        }
        if !self.masks.reversed && !run.continued && !run.goes_on && !wrapped && may_be_reversed(token) {
            self.reverse(&run.range, reversed);
        }
    }

    /// Tries the word around a run from right to left.
    fn reverse(&mut self, run: &Range<usize>, reversed: &mut u64) {
        let before = self.text.get(run.start.saturating_sub(WORD)..run.start);
        let start = run.start - before.iter().rev().take_while(|&&byte| in_word(byte)).count();
        // The name of what is assigned stays in front, where it says what it is.
        let named =
            self.text.get(start..run.start).iter().rposition(|&byte| byte == b'=').map_or(start, |at| start + at + 1);
        let start = named.max(self.text.index(*reversed)).min(run.start);
        if self.text.index(*reversed) > run.start {
            return;
        }
        let after = self.text.get(run.end..self.text.bytes.len().min(run.end + WORD));
        let end = run.end + after.iter().take_while(|&&byte| in_word(byte)).count();
        *reversed = self.text.first + end as u64;
        let backward = Wiped::collect(end - start, self.text.get(start..end).iter().rev().copied());
        self.scan(&(start..end), &backward, View::Reversed);
    }

    /// Tries the word that begins with a run with its letters moved by half the alphabet.
    fn rotate(&mut self, run: &Range<usize>) {
        let after = self.text.get(run.end..self.text.bytes.len().min(run.end + WORD));
        let end = run.end + after.iter().take_while(|&&byte| in_word(byte)).count();
        let word = self.text.get(run.start..end).iter().map(|&byte| codecs::rotated(byte));
        let plain = Wiped::collect(end - run.start, word);
        self.scan(&(run.start..end), &plain, View::Decoded);
    }

    /// Scans what was below a disguise, as if it stood there undisguised.
    fn scan(&mut self, place: &Range<usize>, plain: &[u8], view: View) {
        // To look whether it is worth it costs about half of that.
        let half = plain.len() as u64 / 2;
        if self.left < plain.len() as u64 {
            self.exhausted = true;
            return;
        }
        self.left -= half;
        let context = self.text.get(place.start.saturating_sub(CONTEXT)..place.start);
        if !self.promises(context, plain, view) {
            return;
        }
        self.left -= plain.len() as u64 - half;
        let mut scan =
            StreamScan::nested(Arc::clone(self.set), self.surface, self.masks.and(view), context.len() + plain.len());
        scan.push(context);
        scan.push(plain);
        let inside = context.len() as u64..(context.len() + plain.len()) as u64;
        let view_place = self.text.first + place.start as u64..self.text.first + place.end as u64;
        for mut finding in scan.finish() {
            let within = finding.span.end > inside.start;
            let limit = finding.family == Family::Limit;
            // A value that its name gives away is one in either direction, and was found in the other.
            let symmetric = view == View::Reversed && self.set.is_told_by_words(&finding.rule);
            if (within || limit) && !symmetric {
                finding.view = view;
                self.out.push(Unmasked { place: view_place.clone(), finding });
            }
        }
    }
}

impl Search<'_> {
    /// Whether a scan of `plain` could find anything at all.
    ///
    /// Nearly all that comes out of a guess is nothing. Opening a scan costs more than a look at the bytes by everything
    /// that would begin a finding: the matcher, the run lane, an escape, a further disguise.
    fn promises(&self, context: &[u8], plain: &[u8], view: View) -> bool {
        if plain.iter().any(|&byte| byte >= 0x80 || matches!(byte, b'\\' | b'%' | b'&')) {
            return true;
        }
        if self.is_hit(context, plain) || self.is_run(context, plain) || self.is_language(context, plain) {
            return true;
        }
        let masks = self.masks.and(view);
        if masks.depth >= DEPTH {
            return false;
        }
        // The first piece of what was joined stands before it.
        let glued = context.iter().rev().take_while(|&&byte| in_word(byte)).count();
        let begin = context.get(context.len() - glued..).unwrap_or_default();
        let whole = Wiped::concat(&[begin, plain]);
        let tokens = || whole.split(|&byte| !in_run(byte)).filter(|token| token.len() >= SHORTEST);
        let mut further = false;
        let mut room = Wiped::with_capacity(whole.len());
        for token in tokens().filter(|token| token.len() >= WORDY || !is_word(token)) {
            codecs::attempts(token, false, &mut room, |_| further = true);
        }
        if !further && !masks.reversed && !is_answer(self.surface) && tokens().any(may_be_reversed) {
            let backward = Wiped::collect(whole.len(), whole.iter().rev().copied());
            further = self.is_hit(context, &backward) || self.is_run(context, &backward);
        }
        further
    }

    /// Whether the matcher hits in `plain`.
    fn is_hit(&self, context: &[u8], plain: &[u8]) -> bool {
        let answer = is_answer(self.surface);
        let searched = self.set.searched(answer);
        let text = Wiped::concat(&[context, plain]);
        let mut hits = Hits::with_capacity(CONTEXT_HITS);
        let mut stream = self.set.generation.open(&searched.database);
        if stream.feed(&text, &mut hits) != Fed::All {
            return true;
        }
        let mut promising = false;
        for hit in hits.as_slice() {
            let end = usize::try_from(hit.end).unwrap_or(usize::MAX);
            match searched.rule(hit.expression).map(sign) {
                Some(Some(sign)) => promising |= (sign.is_promising)(&text, end),
                _ if end > context.len() => return true,
                _ => {}
            }
        }
        drop(hits);
        let mut any = false;
        if promising {
            self.set.dig(Way::Sign, answer, &text, |end, _| any |= end > context.len());
        }
        any
    }

    /// Whether `plain` may hold an order to a model.
    fn is_language(&self, context: &[u8], plain: &[u8]) -> bool {
        if !reads_language(self.surface) {
            return false;
        }
        let folded = Wiped::from(fold(&Wiped::concat(&[context, plain])));
        let mut hits = Hits::with_capacity(1);
        let mut stream = self.set.generation.open(&self.set.language);
        let fed = stream.feed(&folded, &mut hits);
        fed != Fed::All || !hits.as_slice().is_empty() || squash(&folded).is_some()
    }

    /// Whether the run lane reports something in `plain`.
    fn is_run(&self, context: &[u8], plain: &[u8]) -> bool {
        if is_answer(self.surface) {
            return false;
        }
        let text = Wiped::concat(&[context, plain]);
        let window = context.len()..text.len();
        let mut any = false;
        let pointed = std::cell::Cell::new(false);
        runs::scan_and_point(&text, window.clone(), |_| any = true, |_, _| pointed.set(true));
        any |= pointed.get();
        if !any {
            seed::scan(&text, window, &mut |_| any = true);
        }
        any
    }
}

/// What bytes of a run are, one bit each, for [`ordinary`]; zero for all others.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        if RUN[byte as usize] {
            let small_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            kinds[byte as usize] = ANY
                | (byte.is_ascii_digit() as u8 * DIGIT)
                | (byte.is_ascii_uppercase() as u8 * LARGE)
                | (byte.is_ascii_lowercase() as u8 * SMALL)
                | ((!small_digit && !matches!(byte, b'-' | b'T')) as u8 * OTHER);
        }
        byte += 1;
    }
    kinds
};
const ANY: u8 = 1;
const DIGIT: u8 = 2;
const LARGE: u8 = 4;
const SMALL: u8 = 8;
/// What does not occur in dates, times and identifiers of hexadecimal digits.
const OTHER: u8 = 16;

/// Length of the run at the beginning of `text` when it ends within it and [`Search::run`] would try nothing: a short word; a
/// date or an identifier whose parts are too short to be text in hexadecimal.
fn ordinary(text: &[u8]) -> Option<usize> {
    let (mut kinds, mut last, mut inner_capitals, mut length) = (0, 0, 0, 0);
    for &byte in text.get(..MOST_ORDINARY).unwrap_or(text) {
        let kind = KINDS[usize::from(byte)];
        if kind == 0 {
            if length < SHORTEST {
                return None;
            }
            let word = length < WORDY && kinds & DIGIT == 0 && inner_capitals == 0 && last & SMALL != 0;
            let token = text.get(..length).unwrap_or_default();
            let plain = word || kinds & OTHER == 0 && !may_be_reversed(token) && !has_long_part(token);
            return plain.then_some(length);
        }
        // A capital behind a small letter.
        inner_capitals |= last & SMALL & (kind & LARGE) << 1;
        kinds |= kind;
        last = kind;
        length += 1;
    }
    None
}

/// Longer runs are looked at in any case.
const MOST_ORDINARY: usize = 40;

/// Whether a stretch without dashes has digits enough for a short text in hexadecimal.
fn has_long_part(token: &[u8]) -> bool {
    token.split(|&byte| byte == b'-').any(|part| part.len() >= 16)
}

/// Whether a token is written like a word, or like several: small letters with at most a capital in front.
fn is_word(token: &[u8]) -> bool {
    let mut after_small = false;
    token.iter().all(|byte| {
        let fits = !(byte.is_ascii_digit() || (after_small && byte.is_ascii_uppercase()));
        after_small = byte.is_ascii_lowercase();
        fits
    }) && after_small
}

/// Whether a token may make sense from right to left: not when it is all digits, or a hash or UUID.
fn may_be_reversed(token: &[u8]) -> bool {
    let any = |is: fn(&u8) -> bool| token.iter().any(is);
    let hash = token.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
        && matches!(token.len(), 32 | 36 | 40 | 64 | 128);
    token.len() >= 16 && any(u8::is_ascii_digit) && any(u8::is_ascii_alphabetic) && !hash
}

fn limit(what: &str, surface: Surface) -> Finding {
    Finding {
        rule: format!("Scan Limit: {what}").into(),
        family: Family::Limit,
        severity: Severity::High,
        surface,
        view: View::Decoded,
        span: 0..0,
        evidence: Evidence { len: 0, fingerprint: 0 },
    }
}

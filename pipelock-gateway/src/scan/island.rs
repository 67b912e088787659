//! A view that is looked at only where it differs from one that is always looked at.
//!
//! Most of a text is the same in every view, and scanning it once is enough. A stretch in which something was decoded is
//! scanned together with what a match needs before and behind it. Where the stretches lie depends on the text alone, not on
//! how it was cut.

use std::iter::Peekable;

use super::wiped::Wiped;

use super::decode::{LONGEST, RawLength, STRETCH, first_of, last_of, raw_len};
use super::window::{CONTEXT, Window};
use crate::model::Finding;

/// The stretches of one view.
pub(super) struct Island {
    window: Window,
    /// Whether a stretch is going on, and where it ends unless more is decoded before.
    awake: bool,
    until: u64,
    /// A stretch that was told and may need one of its own once the one that goes on has ended.
    carried: Option<u64>,
    /// View and raw offset just after the newest byte.
    seen: u64,
    seen_raw: u64,
    /// The newest bytes, kept in case that a stretch begins with them, and the raw length of each.
    before: Wiped,
    before_raw: Vec<RawLength>,
    /// How many bytes before and behind a decoded one a match may span.
    lead: usize,
}

impl Island {
    /// A view in which a match spans at most `reach` bytes, which will see about `expected`, and whose first byte stands at
    /// `first_raw`.
    pub(super) fn new(window: Window, reach: usize, expected: usize, first_raw: u64) -> Self {
        let lead = reach + CONTEXT + 8;
        let most = lead + 2 * usize::try_from(STRETCH).unwrap_or_default();
        let room = expected.saturating_mul(2).saturating_add(LONGEST).min(most);
        Self {
            window,
            awake: false,
            until: 0,
            carried: None,
            seen: 0,
            seen_raw: first_raw,
            before: Wiped::with_capacity(room),
            before_raw: Vec::with_capacity(room),
            lead,
        }
    }

    /// Takes the next bytes; without `raw_lengths` each stands for itself. `marks` are the stretches of [`STRETCH`] bytes in
    /// which something was decoded, by their first view offset, in order; the first may have begun before these bytes.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        raw_lengths: Option<&[RawLength]>,
        marks: &[u64],
        found: &mut Vec<Finding>,
    ) {
        let base = self.seen;
        let end = base + bytes.len() as u64;
        let mut marks = self.carried.take().into_iter().chain(marks.iter().copied()).peekable();
        let mut at = base;
        while at < end {
            if self.awake {
                self.until = self.extended(self.until, &mut marks);
                let until = self.until.min(end);
                self.feed(bytes, raw_lengths, base, at..until, found);
                at = until;
                if at == self.until {
                    self.window.pause(found);
                    self.awake = false;
                }
            } else {
                // A stretch that is over already belonged to what was seen.
                let Some(mark) = marks.next() else { break };
                self.until = self.extended(self.end_of(mark), &mut marks);
                self.open(mark, base, bytes, raw_lengths, found);
                at = at.max(self.until.min(end));
            }
        }
        // All that is left lies in one stretch, the last of those that what goes on reaches into.
        self.carried = marks.next();
        self.remember(bytes, raw_lengths);
    }

    /// Where a stretch that ends at `until` ends with all those that lie in it.
    fn extended(&self, mut until: u64, marks: &mut Peekable<impl Iterator<Item = u64>>) -> u64 {
        while let Some(mark) = marks.next_if(|mark| mark + STRETCH <= until) {
            until = until.max(self.end_of(mark));
        }
        until
    }

    /// The view is complete.
    pub(super) fn finish(&mut self, found: &mut Vec<Finding>) {
        if self.awake {
            self.window.finish(found);
            self.awake = false;
        }
    }

    /// Raw bytes at the end in which a match may still begin.
    pub(super) fn undecided(&self) -> usize {
        let asleep = raw_len(last_of(&self.before_raw, self.lead));
        if self.awake { self.window.undecided().max(asleep) } else { asleep }
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.window.heap_bytes() + self.before.capacity() + 2 * self.before_raw.capacity()
    }

    fn end_of(&self, mark: u64) -> u64 {
        mark + STRETCH + self.lead as u64
    }

    /// Begins a stretch around `mark` that ends at `until`, and feeds it all there is of it.
    fn open(
        &mut self,
        mark: u64,
        base: u64,
        bytes: &[u8],
        raw_lengths: Option<&[RawLength]>,
        found: &mut Vec<Finding>,
    ) {
        let oldest = base - self.before.len() as u64;
        let start = mark.saturating_sub(self.lead as u64).max(oldest);
        let end = base + bytes.len() as u64;
        let skip = usize::try_from(start - oldest).unwrap_or(usize::MAX).min(self.before.len());
        let kept = raw_len(self.before_raw.get(skip..).unwrap_or_default()) as u64;
        if start <= base {
            self.window.restart(start, self.seen_raw - kept);
            self.window.push(
                self.before.get(skip..).unwrap_or_default(),
                self.before_raw.get(skip..).unwrap_or_default(),
                found,
            );
            self.awake = true;
            self.feed(bytes, raw_lengths, base, base..self.until.min(end), found);
        } else {
            let skipped = usize::try_from(start - base).unwrap_or(usize::MAX).min(bytes.len());
            let raw = raw_lengths.map_or(skipped, |lengths| raw_len(first_of(lengths, skipped)));
            self.window.restart(start, self.seen_raw + raw as u64);
            self.awake = true;
            self.feed(bytes, raw_lengths, base, start..self.until.min(end), found);
        }
        if self.until <= end {
            self.window.pause(found);
            self.awake = false;
        }
    }

    fn feed(
        &mut self,
        bytes: &[u8],
        raw_lengths: Option<&[RawLength]>,
        base: u64,
        range: std::ops::Range<u64>,
        found: &mut Vec<Finding>,
    ) {
        let place = |offset: u64| usize::try_from(offset.saturating_sub(base)).unwrap_or(usize::MAX).min(bytes.len());
        let range = place(range.start)..place(range.end).max(place(range.start));
        let lengths = raw_lengths.and_then(|lengths| lengths.get(range.clone())).unwrap_or_default();
        self.window.push(bytes.get(range).unwrap_or_default(), lengths, found);
    }

    /// Keeps what a stretch that begins with later bytes may need of these.
    fn remember(&mut self, bytes: &[u8], raw_lengths: Option<&[RawLength]>) {
        self.seen += bytes.len() as u64;
        self.seen_raw += raw_lengths.map_or(bytes.len(), raw_len) as u64;
        let keep = self.lead + usize::try_from(STRETCH).unwrap_or_default();
        let newest = bytes.len().min(keep);
        let forget = (self.before.len() + newest).saturating_sub(keep).min(self.before.len());
        self.before.drain(..forget);
        self.before_raw.drain(..forget);
        self.before.extend_from_slice(bytes.get(bytes.len() - newest..).unwrap_or_default());
        match raw_lengths {
            None => self.before_raw.resize(self.before.len(), RawLength::ONE),
            Some(lengths) => self.before_raw.extend_from_slice(lengths.get(bytes.len() - newest..).unwrap_or_default()),
        }
    }
}

/// The stretches of `raw_lengths`, whose first byte has the view offset `base`, in which a byte is not what it was.
pub(super) fn changed_stretches(raw_lengths: &[RawLength], base: u64, marks: &mut Vec<u64>) {
    stretches(raw_lengths, base, marks, |lengths| lengths.iter().fold(false, |any, raw| any | raw.is_changed()));
}

/// The stretches of `bytes`, the first of which has the view offset `base`, that are not ASCII.
pub(super) fn foreign_stretches(bytes: &[u8], base: u64, marks: &mut Vec<u64>) {
    if !bytes.is_ascii() {
        stretches(bytes, base, marks, |bytes| !bytes.is_ascii());
    }
}

fn stretches<T>(items: &[T], base: u64, marks: &mut Vec<u64>, is_marked: impl Fn(&[T]) -> bool) {
    let mut rest = items;
    let mut at = base;
    while !rest.is_empty() {
        let room = usize::try_from(STRETCH - at % STRETCH).unwrap_or(1).min(rest.len());
        let (stretch, after) = rest.split_at(room);
        if is_marked(stretch) {
            marks.push(at / STRETCH * STRETCH);
        }
        at += room as u64;
        rest = after;
    }
}

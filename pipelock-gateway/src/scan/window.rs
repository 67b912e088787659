//! One view of a stream: its bytes fed to the matcher, and the tail of them kept until everything in it is decided.
//!
//! What is found must not depend on how the bytes were cut. Therefore every decision waits until the bytes it looks at are
//! there, hits are settled in the order of their ends, and limits count per stretch of the text and not per call.
//! Memory is bounded by [`CAPACITY`] whatever the input; a limit reached ends the view with a finding.
//!
//! A window may also show a stretch from the middle of a view ([`Window::restart`]). What happens to begin at the cut is then
//! no token, and what is still open at the end of the stretch is not decided ([`Window::pause`]).

mod decide;

use std::ops::Range;
use std::sync::Arc;

use self::decide::FINDINGS_PER_RULE;
use super::candidates;
use super::decode::{LONGEST, RawLength, first_of, last_of, raw_len};
use super::deep::{self, Way};
use super::disguise::{self, Disguises, Kept, Masks, Unmasked};
use super::engine::{Finder, MAX_WIDTH, RuleSet, sign};
use super::hyperscan::{Fed, Hit, Hits, Stream};
use super::rules::{MAX_TAIL, Tail};
use super::runs;
use super::seed;
use super::wiped::Wiped;
use crate::model::{Evidence, Family, Finding, Severity, Surface, View};

/// Most bytes given to [`Window::push`] at once.
pub(super) const SLICE: usize = 1024;
/// View bytes for which hits are counted together.
const BLOCK: u64 = 4096;
/// Hits on tokens allowed in one block. Benign text has fewer than one in 32 KiB; a list of nothing but keys has about a
/// hundred.
pub(super) const HITS_PER_BLOCK: usize = 160;
/// Hits of all kinds allowed in one block. Names of secrets are ordinary words: a table of redacted tokens has one in
/// twenty bytes, and each may be read in several ways.
pub(super) const ALL_HITS_PER_BLOCK: usize = 1024;
/// Confirmations allowed in a view: a number of them, and one more for so many bytes.
const CONFIRMS: u64 = 4096;
const BYTES_PER_CONFIRM: u64 = 64;
/// The same for reading what stands around a name, of which there are more.
const BYTES_PER_JUDGEMENT: u64 = 16;
/// Bytes before a token that are looked at.
pub(super) const CONTEXT: usize = 64;
/// Escapes that a decoder flushes at once may exceed a slice by this much.
const SLACK: usize = 2 * LONGEST;
/// Most bytes kept: a slice, a token or a disguise that is still going on, and what stands before it.
pub(super) const CAPACITY: usize = {
    let token = MAX_TAIL as usize + 2 * MAX_WIDTH as usize + disguise::BEHIND;
    let disguised = disguise::LONGEST + disguise::BEHIND;
    SLICE + SLACK + if token > disguised { token } else { disguised }
};

/// A hit whose token is still going on.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// View offset just after the core.
    end: u64,
    /// Bytes of the tail seen so far.
    tail: u32,
    rule: u16,
}

/// What a rule has found in this view so far.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    rule: u16,
    /// View offset up to which a finding of full severity reaches: a hit inside is part of it.
    covered: u64,
    /// Findings of full severity, and of each lower one.
    counts: [u8; 5],
}

/// Whether a surface is something that comes in: what is secret there is not ours, except for what the floor is about.
pub(super) fn is_answer(surface: Surface) -> bool {
    matches!(surface, Surface::Response | Surface::ToolResult | Surface::ToolDefinitions)
}

/// One view of one stream.
pub(super) struct Window {
    view: View,
    surface: Surface,
    set: Arc<RuleSet>,
    /// `None` once the view is complete or has ended early, and while there is nothing to see.
    stream: Option<Stream>,
    /// Bytes that are reserved when the first come.
    capacity: usize,
    /// Set once a limit was reported.
    ended: bool,
    /// A rule found more than is written down, and that was said.
    overflowed: bool,
    /// View offset at which the stretch begins that the matcher sees; anything but zero is a cut.
    origin: u64,
    /// The newest bytes of the view.
    kept: Wiped,
    /// For each kept byte the raw bytes it stands for; `None` in the raw view.
    raw_lengths: Option<Vec<RawLength>>,
    /// View offset and raw offset of the first kept byte.
    first: u64,
    first_raw: u64,
    /// View offset up to which the matcher and the run lane have seen the bytes.
    fed: u64,
    lane: u64,
    /// The search for what is encoded, reversed or cut into pieces.
    disguises: Option<Disguises>,
    /// Hits on tokens, and hits of all kinds.
    hits_in_block: usize,
    all_hits_in_block: usize,
    confirms: u64,
    judgements: u64,
    /// How many bytes of the view had to be seen for what is settled so far.
    settled_at: u64,
    pending: Vec<Pending>,
    seen: Vec<Seen>,
}

impl Window {
    /// A view that will see about `expected` bytes, once it is told where it begins; `mapped` when they may stand for more or
    /// fewer raw bytes.
    pub(super) fn open(set: Arc<RuleSet>, surface: Surface, view: View, mapped: bool, expected: usize) -> Self {
        Self {
            view,
            surface,
            stream: None,
            capacity: expected.saturating_mul(2).saturating_add(SLACK).min(CAPACITY),
            ended: false,
            overflowed: false,
            origin: 0,
            kept: Wiped::default(),
            raw_lengths: mapped.then(Vec::new),
            first: 0,
            first_raw: 0,
            fed: 0,
            lane: 0,
            disguises: None,
            hits_in_block: 0,
            all_hits_in_block: 0,
            confirms: 0,
            judgements: 0,
            settled_at: 0,
            pending: Vec::new(),
            seen: Vec::new(),
            set,
        }
    }

    /// Begins again with a stretch that starts at `offset` of the view, which stands at `raw` of the raw bytes. A limit that
    /// was reached before stays.
    pub(super) fn restart(&mut self, offset: u64, raw: u64) {
        let searched = self.set.searched(is_answer(self.surface));
        self.stream = (!self.ended).then(|| self.set.generation.open(&searched.database));
        if self.kept.capacity() == 0 {
            // Reserved at once: growing would leave copies of the bytes behind in freed memory.
            self.kept = Wiped::with_capacity(self.capacity);
            if let Some(lengths) = &mut self.raw_lengths {
                lengths.reserve_exact(self.capacity);
            }
        }
        self.kept.clear();
        if let Some(lengths) = &mut self.raw_lengths {
            lengths.clear();
        }
        (self.origin, self.first, self.fed, self.lane) = (offset, offset, offset, offset);
        (self.first_raw, self.hits_in_block, self.all_hits_in_block) = (raw, 0, 0);
        if let Some(disguises) = &mut self.disguises {
            disguises.restart(offset);
        }
        self.pending.clear();
        self.seen.iter_mut().for_each(|seen| seen.covered = 0);
    }

    /// Looks below disguises, too; the bytes themselves were found under `masks`.
    pub(super) fn unmasking(mut self, masks: Masks) -> Self {
        self.disguises = Disguises::below(masks);
        self
    }

    /// Leaves the stretch: decides about tokens whose core is long complete, and forgets the others, which another view
    /// has seen whole.
    pub(super) fn pause(&mut self, found: &mut Vec<Finding>) {
        let long_ago = self.end().saturating_sub(u64::from(MAX_WIDTH) / 2);
        self.pending.retain(|pending| pending.end <= long_ago);
        self.settle(true, found);
        self.pending.clear();
        self.stream = None;
    }

    /// Takes the next bytes, and the raw length of each if the view is mapped.
    pub(super) fn push(&mut self, bytes: &[u8], raw_lengths: &[RawLength], found: &mut Vec<Finding>) {
        for (place, slice) in bytes.chunks(SLICE).enumerate() {
            if self.stream.is_none() {
                return;
            }
            self.make_room(slice.len());
            self.kept.extend_from_slice(slice);
            if let Some(lengths) = &mut self.raw_lengths {
                let at = place * SLICE;
                lengths.extend_from_slice(raw_lengths.get(at..at + slice.len()).unwrap_or_default());
            }
            self.advance(found);
        }
    }

    /// The view is complete: decides what is still open.
    pub(super) fn finish(&mut self, found: &mut Vec<Finding>) {
        self.run_lane(self.end(), found);
        self.unmask(self.end(), true, found);
        if let Some(stream) = self.stream.take() {
            let mut hits = Hits::with_capacity(ALL_HITS_PER_BLOCK);
            let fed = stream.finish(&mut hits);
            // The view ends here anyway, so that no flood of tokens needs to end it.
            let _flooded = self.take_hits(hits.as_slice());
            drop(hits);
            self.settle(true, found);
            if fed != Fed::All {
                self.limit("trigger hits", self.end(), found);
            }
        }
    }

    /// Raw bytes at the end of what was pushed in which a match may still begin.
    pub(super) fn undecided(&self) -> usize {
        if self.stream.is_none() {
            return 0;
        }
        let kept = self.kept.len().saturating_sub(self.settled_len());
        match &self.raw_lengths {
            None => kept,
            Some(lengths) => raw_len(last_of(lengths, kept)),
        }
    }

    /// Heap memory of the view, without the matcher's own.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.kept.capacity()
            + self.raw_lengths.as_ref().map_or(0, |lengths| 2 * lengths.capacity())
            + self.pending.capacity() * size_of::<Pending>()
            + self.seen.capacity() * size_of::<Seen>()
    }

    /// How many of the kept bytes no match can begin in any more.
    fn settled_len(&self) -> usize {
        let oldest_open = self.pending.first().map_or(self.end(), |pending| pending.end);
        let settled = self.index(oldest_open).saturating_sub(self.set.reach + 2);
        self.disguises.as_ref().map_or(settled, |disguises| settled.min(self.index(disguises.open_since())))
    }

    /// View offset just after the newest byte.
    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Place of a view offset among the kept bytes.
    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.kept.len())
    }

    fn byte(&self, offset: u64) -> Option<u8> {
        self.kept.get(self.index(offset)).copied()
    }

    /// Forgets decided bytes when `more` would not fit.
    fn make_room(&mut self, more: usize) {
        if self.kept.len() + more <= self.kept.capacity() {
            return;
        }
        let behind_lane = self.index(self.lane).saturating_sub(candidates::BEHIND);
        let before = if self.disguises.is_some() { disguise::BEHIND } else { CONTEXT };
        let forget = self.settled_len().saturating_sub(before).min(behind_lane);
        self.first += forget as u64;
        self.first_raw += match &mut self.raw_lengths {
            None => forget as u64,
            Some(lengths) => raw_len(lengths.drain(..forget).as_slice()) as u64,
        };
        self.kept.drain(..forget);
        debug_assert!(
            self.kept.len() + more <= self.kept.capacity(),
            "the bound of a view's memory is wrong: {} and {more} more",
            self.kept.len()
        );
    }

    /// Scans what was added.
    fn advance(&mut self, found: &mut Vec<Finding>) {
        while self.stream.is_some() && self.fed < self.end() {
            let block_end = (self.fed / BLOCK + 1) * BLOCK;
            let until = block_end.min(self.end());
            if self.fed.is_multiple_of(BLOCK) {
                (self.hits_in_block, self.all_hits_in_block) = (0, 0);
            }
            let mut hits = Hits::with_capacity(ALL_HITS_PER_BLOCK);
            hits.clear(ALL_HITS_PER_BLOCK.saturating_sub(self.all_hits_in_block));
            let bytes = self.kept.get(self.index(self.fed)..self.index(until)).unwrap_or_default();
            let fed = self.stream.as_mut().map_or(Fed::Dead, |stream| stream.feed(bytes, &mut hits));
            self.fed = until;
            let flooded = self.take_hits(hits.as_slice());
            let stopped = (fed != Fed::All).then(|| hits.overflow().map_or(until, |end| self.origin + end));
            // What is scanned below needs them again.
            drop(hits);
            if let Some(at) = flooded.into_iter().chain(stopped).min() {
                self.overflow(at, found);
                return;
            }
            self.settle(false, found);
        }
        self.run_lane(self.end().saturating_sub(candidates::AHEAD as u64), found);
        self.unmask(self.end(), false, found);
    }

    /// Looks below the disguises in what is new, up to `until`; `last` when nothing follows.
    fn unmask(&mut self, until: u64, last: bool, found: &mut Vec<Finding>) {
        let until = self.index(until);
        let Some(disguises) = self.disguises.as_mut().filter(|_| self.stream.is_some()) else { return };
        let text = Kept { bytes: self.kept.get(..until).unwrap_or_default(), first: self.first, last };
        let mut unmasked = Vec::new();
        disguises.search(&self.set, self.surface, text, &mut unmasked);
        for Unmasked { place, mut finding } in unmasked {
            finding.span = self.raw_offset(place.start)..self.raw_offset(place.end);
            found.push(finding);
        }
    }

    /// There were too many hits, the first of them ending at `at`: settles what was decided by then, and ends the view.
    fn overflow(&mut self, at: u64, found: &mut Vec<Finding>) {
        // The bytes after it may or may not be here already; they must not matter.
        let visible = self.index(at);
        self.kept.truncate(visible);
        if let Some(lengths) = &mut self.raw_lengths {
            lengths.truncate(visible);
        }
        // Of the hits that end there, which came first is up to the library.
        self.pending.retain(|pending| pending.end < at);
        self.settle(false, found);
        self.limit("trigger hits", at, found);
    }

    /// Waits for what follows the hits; where the first of those on tokens ended for which there is no room in the block.
    fn take_hits(&mut self, hits: &[Hit]) -> Option<u64> {
        self.all_hits_in_block += hits.len();
        let room = HITS_PER_BLOCK.saturating_sub(self.hits_in_block);
        let set = Arc::clone(&self.set);
        let is_token =
            |rule: u16| set.rules.get(usize::from(rule)).is_some_and(|rule| matches!(rule.finder, Finder::Trigger(_)));
        let searched = set.searched(is_answer(self.surface));
        let hits = hits.iter().filter_map(|hit| {
            Some(Pending { end: self.origin + hit.end, tail: 0, rule: searched.rule(hit.expression)? })
        });
        let mut tokens: Vec<u64> = Vec::new();
        for hit in hits {
            if is_token(hit.rule) {
                tokens.push(hit.end);
            }
            // Nearly all of the words that may be the name of a secret are not: they need not wait.
            let seen = hit.end + deep::AHEAD as u64 <= self.end();
            if !seen || sign(hit.rule).is_none_or(|sign| self.is_promising(hit, sign)) {
                self.pending.push(hit);
            }
        }
        // The library orders hits by their end only as far as it likes.
        self.pending.sort_by_key(|pending| (pending.end, pending.rule));
        tokens.sort_unstable();
        self.hits_in_block += tokens.len();
        tokens.get(room).copied()
    }

    /// Lets the run lane decide everything up to `until`, which is [`candidates::AHEAD`] bytes before the newest or the very end.
    fn run_lane(&mut self, until: u64, found: &mut Vec<Finding>) {
        if self.stream.is_none() || until <= self.lane || is_answer(self.surface) {
            self.lane = self.lane.max(until);
            return;
        }
        let window = self.index(self.lane)..self.index(until);
        let (mut reported, mut pointed) = (Vec::new(), Vec::new());
        runs::scan_and_point(&self.kept, window.clone(), |run| reported.push(run), |way, run| pointed.push((way, run)));
        seed::scan(&self.kept, window, &mut |run| reported.push(run));
        self.lane = until;
        for run in reported {
            let Some(rule) = self.set.run_rule(run.kind) else { continue };
            let range = self.first + run.range.start as u64..self.first + run.range.end as u64;
            self.report(rule, range, run.at_most, found);
        }
        for (way, run) in pointed {
            let range = self.first + run.start as u64..self.first + run.end as u64;
            self.look_deeper(way, range, found);
        }
    }

    /// Matches the expressions that a run of digits or a token points to.
    fn look_deeper(&mut self, way: Way, run: Range<u64>, found: &mut Vec<Finding>) {
        let (stretch, least) = match way {
            // The letter that ends some numbers, and a dash before it.
            Way::Number => (run.end.saturating_sub(deep::NAMED as u64)..run.end + 2, run.end),
            Way::Sign | Way::Token => (run.start.saturating_sub(deep::BEHIND as u64)..run.end + 1, run.start + 1),
        };
        for hit in self.dig(way, stretch, least) {
            match self.set.rules.get(usize::from(hit.rule)).map(|rule| &rule.finder) {
                Some(Finder::Words(judge)) => self.judge(hit, *judge, found),
                Some(Finder::Trigger(_)) => self.wait_for(hit, 0),
                _ => {}
            }
        }
    }

    /// What is matched in depth in a stretch, and ends at `least` or behind.
    fn dig(&self, way: Way, stretch: Range<u64>, least: u64) -> Vec<Pending> {
        let start = stretch.start.max(self.first);
        let text = self.kept.get(self.index(start)..self.index(stretch.end)).unwrap_or_default();
        let mut hits = Vec::new();
        self.set.dig(way, is_answer(self.surface), text, |end, rule| {
            let end = start + end as u64;
            if end >= least {
                hits.push(Pending { end, tail: 0, rule });
            }
        });
        hits
    }

    /// Adds a hit to those from `first` on that wait, in the order of their ends.
    fn wait_for(&mut self, hit: Pending, first: usize) {
        let order = |pending: &Pending| (pending.end, pending.rule);
        let waiting = self.pending.get(first..).unwrap_or_default();
        let place = waiting.partition_point(|pending| order(pending) < order(&hit));
        if waiting.get(place).is_none_or(|pending| order(pending) != order(&hit)) {
            self.pending.insert(first + place, hit);
        }
    }

    /// Whether the text around a sign makes it worth a closer look.
    fn is_promising(&self, hit: Pending, sign: &deep::Sign) -> bool {
        let start = hit.end.saturating_sub(deep::BEHIND as u64).max(self.first);
        let text = self.kept.get(self.index(start)..self.index(hit.end + deep::AHEAD as u64)).unwrap_or_default();
        (sign.is_promising)(text, self.index(hit.end) - self.index(start))
    }

    /// Decides pending hits in order, up to the first whose token is still going on.
    fn settle(&mut self, last: bool, found: &mut Vec<Finding>) {
        let set = Arc::clone(&self.set);
        let mut decided = 0;
        while let Some(mut hit) = self.pending.get(decided).copied() {
            if let Some(sign) = sign(hit.rule) {
                let visible = hit.end + deep::AHEAD as u64;
                if visible > self.end() && !last {
                    break;
                }
                decided += 1;
                self.settled_at = self.settled_at.max(visible.min(self.end()));
                if !self.is_promising(hit, sign) {
                    continue;
                }
                self.judgements += 1;
                if self.judgements > CONFIRMS + hit.end / BYTES_PER_JUDGEMENT {
                    self.limit("confirmations", self.settled_at, found);
                    return;
                }
                let stretch = hit.end.saturating_sub(deep::BEHIND as u64)..visible;
                for hit in self.dig(Way::Sign, stretch, hit.end) {
                    self.wait_for(hit, decided);
                }
                continue;
            }
            let Some(rule) = set.rules.get(usize::from(hit.rule)) else { break };
            let (tail, limit) = match &rule.finder {
                Finder::Trigger(confirm) => (confirm.tail, FINDINGS_PER_RULE),
                Finder::Words(_) => (Tail::Ahead, u8::MAX),
                Finder::Run(_) | Finder::Service => break,
            };
            let seen = self.seen(hit.rule);
            // One more than is written down is still looked at, so that it can be said that there is one.
            let wanted = seen.counts[0] < limit || (!self.overflowed && rule.severity >= Severity::High);
            if seen.covered < hit.end && wanted {
                let decided_at = self.decided_at(&mut hit, tail);
                if decided_at.is_none() && !last {
                    if let Some(pending) = self.pending.get_mut(decided) {
                        *pending = hit;
                    }
                    break;
                }
                self.settled_at = self.settled_at.max(decided_at.unwrap_or(self.end()));
                if matches!(rule.finder, Finder::Words(_)) {
                    self.judgements += 1;
                } else {
                    // A long tail is work, too.
                    self.confirms += 1 + u64::from(hit.tail) / 256;
                }
                if self.confirms > CONFIRMS + hit.end / BYTES_PER_CONFIRM
                    || self.judgements > CONFIRMS + hit.end / BYTES_PER_JUDGEMENT
                {
                    self.limit("confirmations", self.settled_at, found);
                    return;
                }
                match &rule.finder {
                    Finder::Trigger(confirm) => self.confirm(hit, rule, confirm, found),
                    Finder::Words(judge) => self.judge(hit, *judge, found),
                    Finder::Run(_) | Finder::Service => {}
                }
            }
            decided += 1;
        }
        self.pending.drain(..decided);
    }

    /// Ends the view after `at` bytes of it: a limit was reached, and what lies behind is not judged.
    fn limit(&mut self, what: &str, at: u64, found: &mut Vec<Finding>) {
        // Where the lane stands depends on the last cut; where it would stand had every byte come alone does not.
        self.run_lane(at.saturating_sub(1 + candidates::AHEAD as u64), found);
        self.unmask(at.saturating_sub(1), false, found);
        // Settling may have ended the view already; at the end of data the stream is gone, but the limit is news.
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.stream = None;
        self.pending.clear();
        let place = self.raw_offset(at);
        found.push(Finding {
            rule: format!("Scan Limit: {what}").into(),
            family: Family::Limit,
            severity: Severity::High,
            surface: self.surface,
            view: self.view,
            span: place..place,
            evidence: Evidence { len: 0, fingerprint: 0 },
        });
    }

    fn raw_offset(&self, offset: u64) -> u64 {
        let kept = self.index(offset);
        self.first_raw
            + match &self.raw_lengths {
                None => kept as u64,
                Some(lengths) => raw_len(first_of(lengths, kept)) as u64,
            }
    }
}

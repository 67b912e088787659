//! The views for language: folded text, and the same without blanks where it is spaced out or spelt with digits.
//!
//! Only answers have them. Expressions and judgement are those of [`super::injection`]; here is what a stream needs: the text
//! in pieces, enough of it kept on both sides of a hit, and limits.

use std::ops::Range;
use std::sync::Arc;

use super::wiped::Wiped;

use super::decode::{Decoded, RawLength, first_of, raw_len};
use super::engine::RuleSet;
use super::evidence::evidence;
use super::hyperscan::{Fed, Hits, Stream};
use super::injection::{self, Match, REACH};
use super::normalize::{Folder, Normalizer};
use super::window::{HITS_PER_BLOCK, SLICE};
use crate::model::{Evidence, Family, Finding, Severity, Surface, View};

/// Folded bytes for which hits are counted together, and after which the text is looked at without blanks.
const BLOCK: u64 = 2048;
/// Folded bytes before a block that are looked at with it.
const OVERLAP: usize = 512;
/// Most bytes kept.
const CAPACITY: usize = 2 * SLICE + 2048 + OVERLAP + REACH;
/// Findings of one family after which more of the same say nothing new.
const FINDINGS_PER_RULE: usize = 16;

/// Folded text of one stream.
pub(super) struct Language {
    set: Arc<RuleSet>,
    surface: Surface,
    normalizer: Normalizer,
    folder: Folder,
    stream: Option<Stream>,
    ended: bool,
    kept: Wiped,
    raw_lengths: Vec<RawLength>,
    first: u64,
    first_raw: u64,
    fed: u64,
    hits_in_block: usize,
    /// Hits that wait for the text behind them: their ends and expressions.
    pending: Vec<(u64, u32)>,
    /// Where the next anchor of concepts is judged.
    anchors_from: u64,
    /// Up to where blocks have been looked at without blanks.
    squashed: u64,
    /// Whether there were more hits without blanks than can be looked at.
    flooded: bool,
    matches: Vec<Known>,
}

/// A match that was reported.
struct Known {
    rule: &'static str,
    severity: Severity,
    end: u64,
    count: usize,
}

impl Language {
    pub(super) fn open(set: Arc<RuleSet>, surface: Surface, first_raw: u64) -> Self {
        Self {
            stream: Some(set.generation.open(&set.language)),
            set,
            surface,
            normalizer: Normalizer::small(),
            folder: Folder::default(),
            ended: false,
            kept: Wiped::default(),
            raw_lengths: Vec::new(),
            first: 0,
            first_raw,
            fed: 0,
            hits_in_block: 0,
            pending: Vec::new(),
            anchors_from: 0,
            squashed: 0,
            flooded: false,
            matches: Vec::new(),
        }
    }

    /// Takes the next bytes of unwrapped text, `spare` being room to work in.
    pub(super) fn push(&mut self, text: &Decoded, spare: [&mut Decoded; 2], last: bool, found: &mut Vec<Finding>) {
        if self.ended {
            return;
        }
        let [small, folded] = spare;
        folded.clear();
        if text.bytes.is_ascii() && self.normalizer.is_idle() {
            self.folder.push(text, folded);
        } else {
            small.clear();
            self.normalizer.push(text, small);
            if last {
                self.normalizer.finish(small);
            }
            self.folder.push(small, folded);
        }
        for (bytes, raw) in folded.bytes.chunks(SLICE).zip(folded.raw_lengths.chunks(SLICE)) {
            self.take(bytes, raw, found);
        }
    }

    /// The text is complete.
    pub(super) fn finish(&mut self, found: &mut Vec<Finding>) {
        let Some(stream) = self.stream.take() else { return };
        let mut hits = Hits::with_capacity(HITS_PER_BLOCK);
        let _ = stream.finish(&mut hits);
        self.wait_for(&hits);
        self.settle(true, found);
        self.squash(self.end(), found);
    }

    /// Raw bytes at the end in which a match may still begin.
    pub(super) fn undecided(&self) -> usize {
        if self.ended {
            return 0;
        }
        let open = self.pending.first().map_or(self.end(), |&(end, _)| end);
        let open = self.index(open).saturating_sub(2 * REACH).min(self.index(self.squashed).saturating_sub(OVERLAP));
        raw_len(self.raw_lengths.get(open..).unwrap_or_default()) + self.normalizer.held() + self.folder.held()
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.kept.capacity() + 2 * self.raw_lengths.capacity() + 16 * self.pending.capacity()
    }

    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.kept.len())
    }

    fn take(&mut self, bytes: &[u8], raw: &[RawLength], found: &mut Vec<Finding>) {
        if self.kept.capacity() == 0 {
            self.kept = Wiped::with_capacity(CAPACITY);
            self.raw_lengths.reserve_exact(CAPACITY);
        }
        self.make_room(bytes.len());
        self.kept.extend_from_slice(bytes);
        self.raw_lengths.extend_from_slice(raw);
        let mut hits = Hits::with_capacity(HITS_PER_BLOCK);
        while self.stream.is_some() && self.fed < self.end() {
            let block_end = (self.fed / BLOCK + 1) * BLOCK;
            let until = block_end.min(self.end());
            if self.fed.is_multiple_of(BLOCK) {
                self.hits_in_block = 0;
            }
            hits.clear(HITS_PER_BLOCK - self.hits_in_block);
            let bytes = self.kept.get(self.index(self.fed)..self.index(until)).unwrap_or_default();
            let fed = self.stream.as_mut().map_or(Fed::Dead, |stream| stream.feed(bytes, &mut hits));
            self.fed = until;
            self.hits_in_block += hits.as_slice().len();
            self.wait_for(&hits);
            if fed != Fed::All {
                self.limit(hits.overflow().unwrap_or(until), found);
                return;
            }
            self.settle(false, found);
            if until == block_end {
                self.squash(until, found);
            }
        }
    }

    fn make_room(&mut self, more: usize) {
        if self.kept.len() + more <= CAPACITY {
            return;
        }
        let oldest = self.pending.first().map_or(self.end(), |&(end, _)| end);
        let keep = self.index(oldest).saturating_sub(REACH).min(self.index(self.squashed).saturating_sub(OVERLAP));
        self.first += keep as u64;
        self.first_raw += raw_len(self.raw_lengths.drain(..keep).as_slice()) as u64;
        self.kept.drain(..keep);
    }

    fn wait_for(&mut self, hits: &Hits) {
        self.pending.extend(hits.as_slice().iter().map(|hit| (hit.end, hit.expression)));
        self.pending.sort_unstable();
    }

    /// Judges the hits behind which there is text enough.
    fn settle(&mut self, last: bool, found: &mut Vec<Finding>) {
        let ready = self.pending.iter().take_while(|&&(end, _)| last || end + REACH as u64 <= self.end()).count();
        for (end, expression) in self.pending.drain(..ready).collect::<Vec<_>>() {
            if injection::is_anchor(expression) {
                if end < self.anchors_from {
                    continue;
                }
                self.anchors_from = end + injection::APART;
            }
            let at = self.index(end);
            let window = at.saturating_sub(REACH)..self.kept.len().min(at + REACH);
            let bytes = self.kept.get(window.clone()).unwrap_or_default();
            if let Some(matched) = injection::confirm(bytes, expression, at - window.start) {
                let start = self.first + window.start as u64;
                let place = start + matched.range.start as u64..start + matched.range.end as u64;
                self.report(&matched, place, View::Folded, found);
            }
        }
    }

    /// Looks at the block that ends at `until`, and at what stands before it, without blanks.
    fn squash(&mut self, until: u64, found: &mut Vec<Finding>) {
        let place = self.index(self.squashed).saturating_sub(OVERLAP)..self.index(until);
        self.squashed = until;
        let Some(text) = injection::squash(self.kept.get(place.clone()).unwrap_or_default()) else { return };
        let text = Wiped::from(text);
        let mut hits = Hits::with_capacity(HITS_PER_BLOCK);
        let mut stream = self.set.generation.open(&self.set.squashed);
        let fed = stream.feed(&text, &mut hits);
        if fed == Fed::All {
            let _ = stream.finish(&mut hits);
        }
        for hit in hits.as_slice() {
            let end = usize::try_from(hit.end).unwrap_or(usize::MAX).min(text.len());
            let window = end.saturating_sub(REACH)..text.len().min(end + REACH);
            let bytes = text.get(window.clone()).unwrap_or_default();
            if let Some(matched) = injection::confirm_squashed(bytes, hit.expression, end - window.start) {
                // Which letters it is made of is lost; it stands in this block.
                let place = self.first + place.start as u64..self.first + place.end as u64;
                self.report(&matched, place, View::Squashed, found);
            }
        }
        // A flood of hits that come to nothing may stand before one that counts.
        if fed != Fed::All && !std::mem::replace(&mut self.flooded, true) {
            self.report_limit(until, View::Squashed, found);
        }
    }

    fn report(&mut self, matched: &Match, place: Range<u64>, view: View, found: &mut Vec<Finding>) {
        let known = self.matches.iter().position(|known| known.rule == matched.rule).unwrap_or_else(|| {
            self.matches.push(Known { rule: matched.rule, severity: Severity::Low, end: 0, count: 0 });
            self.matches.len() - 1
        });
        let Some(known) = self.matches.get_mut(known) else { return };
        // Several triggers of one family lead to the same place.
        let repeated = known.count >= FINDINGS_PER_RULE || place.start < known.end;
        if repeated && known.severity >= matched.severity {
            return;
        }
        known.count += 1;
        known.severity = known.severity.max(matched.severity);
        known.end = known.end.max(place.end);
        let token = self.kept.get(self.index(place.start)..self.index(place.end)).unwrap_or_default();
        found.push(Finding {
            rule: matched.rule.into(),
            family: Family::Injection,
            severity: matched.severity,
            surface: self.surface,
            view,
            span: self.raw_offset(place.start)..self.raw_offset(place.end),
            evidence: evidence(token),
        });
    }

    fn limit(&mut self, at: u64, found: &mut Vec<Finding>) {
        self.pending.retain(|&(end, _)| end < at);
        self.settle(true, found);
        self.pending.clear();
        self.stream = None;
        self.ended = true;
        self.report_limit(at, View::Folded, found);
    }

    fn report_limit(&self, at: u64, view: View, found: &mut Vec<Finding>) {
        let place = self.raw_offset(at);
        found.push(Finding {
            rule: "Scan Limit: trigger hits".into(),
            family: Family::Limit,
            severity: Severity::High,
            surface: self.surface,
            view,
            span: place..place,
            evidence: Evidence { len: 0, fingerprint: 0 },
        });
    }

    fn raw_offset(&self, offset: u64) -> u64 {
        self.first_raw + raw_len(first_of(&self.raw_lengths, self.index(offset))) as u64
    }
}

//! A scan of bytes that come in pieces: the views of them, and one list of findings.
//!
//! ```text
//! raw ─► unescape, normalise ─► text ─► undo whatever is still wrapped, three times ─► unwrapped ─► fold ─► folded
//! ```
//!
//! One of raw and text is scanned whole: the text of what begins like JSON, the raw bytes of anything else. The others are
//! scanned only where they differ ([`super::island`]). Folded text is for language and made on answers only.

use std::fmt;
use std::sync::Arc;

use super::decode::{Decoded, Decoder, Escapes, LONGEST};
use super::disguise::Masks;
use super::engine::RuleSet;
use super::evidence::evidence;
use super::island::{Island, changed_stretches, foreign_stretches};
use super::language::Language;
use super::normalize::Normalizer;
use super::rules;
use super::window::{SLICE, Window};
use crate::model::{Family, Finding, Severity, Surface, View};

/// How a stream is to be scanned.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamOptions {
    /// What its text is wrapped in.
    pub encoding: Encoding,
}

/// What the text of a stream is wrapped in as a whole. Escapes inside the text are found out by the scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Nothing, or JSON: told apart by its first byte. Text that only begins like JSON is scanned as completely.
    #[default]
    Plain,
    /// The same.
    Json,
    /// Percent-encoding with the plus sign for a blank: request targets, form bodies.
    Percent,
}

/// Where a scan stands after a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many of the last bytes pushed so far are not final: a match may still begin in them.
    pub hold: usize,
    /// How many matches there are so far. When it grows, [`StreamScan::so_far`] says more.
    pub found: usize,
}

/// A scan of one stream of bytes, fed in order.
///
/// At most 64 KiB whatever the length of the stream, released and overwritten on drop. Dropping it early is fine.
pub struct StreamScan {
    views: Option<Views>,
    /// What opening the views takes, until the first byte that is no white space says which.
    opening: Opening,
    found: Vec<Finding>,
}

struct Opening {
    set: Arc<RuleSet>,
    surface: Surface,
    encoding: Encoding,
    expected: usize,
    /// What these bytes were found under.
    masks: Masks,
    /// White space before everything else.
    blanks: u64,
}

/// A view that is scanned whole, or only where it differs from another.
enum Scanned {
    Whole(Window),
    Where(Island),
}

impl Scanned {
    fn undecided(&self) -> usize {
        match self {
            Self::Whole(window) => window.undecided(),
            Self::Where(island) => island.undecided(),
        }
    }

    fn finish(&mut self, found: &mut Vec<Finding>) {
        match self {
            Self::Whole(window) => window.finish(found),
            Self::Where(island) => island.finish(found),
        }
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Whole(window) => window.heap_bytes(),
            Self::Where(island) => island.heap_bytes(),
        }
    }
}

/// The views of one stream.
struct Views {
    surface: Surface,
    /// A flood of invisible characters was reported.
    flooded: bool,
    raw: Scanned,
    text: Scanned,
    unwrapped: Island,
    /// Text for language, on answers.
    language: Option<Language>,
    decoder: Decoder,
    normalizer: Normalizer,
    unwrap: [Decoder; 3],
    unwrap_normalizer: Normalizer,
    /// Bytes taken; bytes of the text; bytes of the unwrapped text.
    taken: u64,
    text_taken: u64,
    unwrapped_taken: u64,
    /// Decoded bytes of one slice, on their way from stage to stage.
    transit: [Decoded; 2],
    folding: Decoded,
    marks: Vec<u64>,
}

impl fmt::Debug for StreamScan {
    /// Never the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamScan").field("found", &self.found.len()).finish_non_exhaustive()
    }
}

impl StreamScan {
    pub(super) fn open(set: Arc<RuleSet>, surface: Surface, options: StreamOptions, expected: usize) -> Self {
        Self {
            views: None,
            opening: Opening { set, surface, encoding: options.encoding, expected, masks: Masks::NONE, blanks: 0 },
            found: Vec::new(),
        }
    }

    /// A scan of bytes that were found in disguise.
    pub(super) fn nested(set: Arc<RuleSet>, surface: Surface, masks: Masks, expected: usize) -> Self {
        let mut scan = Self::open(set, surface, StreamOptions::default(), expected);
        scan.opening.masks = masks;
        scan
    }

    /// Shows the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        let mut bytes = bytes;
        if self.views.is_none() {
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.opening.blanks += blanks as u64;
            bytes = bytes.get(blanks..).unwrap_or_default();
            self.views = bytes.first().map(|&first| Views::open(&self.opening, first));
        }
        let Some(views) = &mut self.views else { return Progress { hold: 0, found: 0 } };
        for slice in bytes.chunks(SLICE) {
            views.push(slice, &mut self.found);
        }
        Progress { hold: views.undecided(), found: self.found.len() }
    }

    /// Memory of the scan, without the findings, which hold no more than 64 of a kind.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.views.as_ref().map_or(0, Views::heap_bytes)
    }

    /// What has been found so far, each secret once. More may follow.
    #[must_use]
    pub fn so_far(&self) -> Vec<Finding> {
        merge(self.found.clone())
    }

    /// The stream is complete: everything that was found, each secret once, in the order of the text.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        if let Some(views) = &mut self.views {
            views.finish(&mut self.found);
        }
        merge(self.found)
    }
}

impl Views {
    fn open(opening: &Opening, first: u8) -> Self {
        let Opening { set, surface, encoding, expected, masks, blanks } = opening;
        let open = |view, mapped| {
            let mut window = Window::open(Arc::clone(set), *surface, view, mapped, *expected).unmasking(*masks);
            window.restart(0, *blanks);
            window
        };
        let island = |view, mapped| {
            let window = Window::open(Arc::clone(set), *surface, view, mapped, *expected).unmasking(*masks);
            Island::new(window, set.reach, *expected, *blanks)
        };
        let (raw, text, escapes) = match encoding {
            Encoding::Percent => {
                (Scanned::Whole(open(View::Raw, false)), Scanned::Whole(open(View::Percent, true)), Escapes::Percent)
            }
            _ if matches!(first, b'{' | b'[' | b'"') => {
                (Scanned::Where(island(View::Raw, false)), Scanned::Whole(open(View::Text, true)), Escapes::Json)
            }
            _ => (Scanned::Whole(open(View::Raw, false)), Scanned::Where(island(View::Text, true)), Escapes::Json),
        };
        let slice = SLICE.min(*expected);
        Self {
            surface: *surface,
            raw,
            text,
            unwrapped: island(View::Percent, true),
            language: reads_language(*surface).then(|| Language::open(Arc::clone(set), *surface, *blanks)),
            decoder: Decoder::new(escapes),
            normalizer: Normalizer::default(),
            unwrap: std::array::from_fn(|_| Decoder::new(Escapes::Any)),
            unwrap_normalizer: Normalizer::default(),
            taken: 0,
            text_taken: 0,
            unwrapped_taken: 0,
            transit: [Decoded::for_slices(slice), Decoded::for_slices(slice)],
            folding: Decoded::for_slices(if reads_language(*surface) { slice } else { 0 }),
            marks: Vec::new(),
            flooded: false,
        }
    }

    fn push(&mut self, raw: &[u8], found: &mut Vec<Finding>) {
        let [first, _] = &mut self.transit;
        first.clear();
        self.decoder.push(raw, first);
        self.show_raw(raw, found);
        let text = self.normalize(false);
        self.show_text(text, false, found);
    }

    fn finish(&mut self, found: &mut Vec<Finding>) {
        let [first, _] = &mut self.transit;
        first.clear();
        self.decoder.finish(first);
        self.raw.finish(found);
        let text = self.normalize(true);
        self.show_text(text, true, found);
        self.text.finish(found);
        self.unwrapped.finish(found);
        if let Some(language) = &mut self.language {
            language.finish(found);
        }
    }

    /// Raw bytes at the end in which a match may still begin.
    fn undecided(&self) -> usize {
        let text = self.decoder.held() + self.normalizer.held();
        let unwrapped = text + self.unwrap.iter().map(Decoder::held).sum::<usize>() + self.unwrap_normalizer.held();
        let language = self.language.as_ref().map_or(0, Language::undecided);
        let open = self.raw.undecided().max(text + self.text.undecided()).max(unwrapped + self.unwrapped.undecided());
        open.max(unwrapped + language)
    }

    #[cfg(test)]
    fn heap_bytes(&self) -> usize {
        let transit = self.transit.iter().map(|buffer| buffer.bytes.capacity() + 2 * buffer.raw_lengths.capacity());
        self.raw.heap_bytes()
            + self.text.heap_bytes()
            + self.unwrapped.heap_bytes()
            + self.language.as_ref().map_or(0, Language::heap_bytes)
            + self.folding.bytes.capacity()
            + 2 * self.folding.raw_lengths.capacity()
            + transit.sum::<usize>()
            + 8 * self.marks.capacity()
    }

    fn show_raw(&mut self, raw: &[u8], found: &mut Vec<Finding>) {
        match &mut self.raw {
            Scanned::Whole(window) => window.push(raw, &[], found),
            Scanned::Where(island) => {
                self.marks.clear();
                foreign_stretches(raw, self.taken, &mut self.marks);
                self.marks.extend_from_slice(&self.decoder.hidden);
                self.marks.sort_unstable();
                self.marks.dedup();
                island.push(raw, None, &self.marks, found);
            }
        }
        self.decoder.hidden.clear();
        self.taken += raw.len() as u64;
    }

    /// Replaces what only looks like ASCII in the first buffer. Answers which buffer holds the result.
    fn normalize(&mut self, last: bool) -> usize {
        let [from, to] = &mut self.transit;
        if from.bytes.is_ascii() && self.normalizer.is_idle() {
            return 0;
        }
        to.clear();
        self.normalizer.push(from, to);
        if last {
            self.normalizer.finish(to);
        }
        1
    }

    /// Scans the text that is in the buffer `text` of the two, and goes on from there.
    fn show_text(&mut self, text: usize, last: bool, found: &mut Vec<Finding>) {
        let Some(decoded) = self.transit.get(text) else { return };
        match &mut self.text {
            Scanned::Whole(window) => window.push(&decoded.bytes, &decoded.raw_lengths, found),
            Scanned::Where(island) => {
                self.marks.clear();
                if decoded.changed {
                    changed_stretches(&decoded.raw_lengths, self.text_taken, &mut self.marks);
                }
                island.push(&decoded.bytes, Some(&decoded.raw_lengths), &self.marks, found);
            }
        }
        self.text_taken += decoded.bytes.len() as u64;
        let unwrapped = self.unwrap(text, last);
        self.show_unwrapped(unwrapped, last, found);
        self.report_flood(found);
    }

    /// From where on invisible characters are not dropped any more depends on the text alone, what hides behind is not
    /// looked for: that is said once, without a place.
    fn report_flood(&mut self, found: &mut Vec<Finding>) {
        let flooded = self.normalizer.is_flooded() || self.unwrap_normalizer.is_flooded();
        if !flooded || std::mem::replace(&mut self.flooded, true) {
            return;
        }
        found.push(Finding {
            rule: "Scan Limit: invisible characters".into(),
            family: Family::Limit,
            severity: Severity::High,
            surface: self.surface,
            view: View::Text,
            span: 0..0,
            evidence: evidence(&[]),
        });
    }

    /// Undoes what is still wrapped. Answers which buffer holds the result.
    fn unwrap(&mut self, text: usize, last: bool) -> usize {
        let [first, second] = &mut self.transit;
        let (mut from, mut to) = if text == 0 { (first, second) } else { (second, first) };
        // What the text differs from the raw bytes in is known already; what counts is what is undone here.
        from.accept();
        let mut at = text;
        let mut undoes = None;
        for decoder in &mut self.unwrap {
            let is_first = at == text && !from.changed;
            let wanted = if is_first {
                // What the first of them lets pass, the others do as well.
                *undoes.get_or_insert_with(|| decoder.may_undo(&from.bytes))
            } else {
                let tail = from.bytes.len().saturating_sub(LONGEST);
                from.changed || from.bytes.get(tail..).is_some_and(|tail| decoder.introducer(tail).is_some())
            };
            if !wanted && decoder.is_idle() {
                continue;
            }
            to.clear();
            to.changed = from.changed;
            decoder.push_decoded(from, to);
            if last {
                decoder.finish(to);
            }
            std::mem::swap(&mut from, &mut to);
            at = 1 - at;
        }
        if from.bytes.is_ascii() && self.unwrap_normalizer.is_idle() {
            return at;
        }
        to.clear();
        to.changed = from.changed;
        self.unwrap_normalizer.push(from, to);
        if last {
            self.unwrap_normalizer.finish(to);
        }
        1 - at
    }

    fn show_unwrapped(&mut self, unwrapped: usize, last: bool, found: &mut Vec<Finding>) {
        let [first, second] = &mut self.transit;
        let (decoded, spare) = if unwrapped == 0 { (first, second) } else { (second, first) };
        self.marks.clear();
        if decoded.changed {
            changed_stretches(&decoded.raw_lengths, self.unwrapped_taken, &mut self.marks);
        }
        self.unwrapped_taken += decoded.bytes.len() as u64;
        self.unwrapped.push(&decoded.bytes, Some(&decoded.raw_lengths), &self.marks, found);
        if let Some(language) = &mut self.language {
            language.push(decoded, [spare, &mut self.folding], last, found);
        }
    }
}

/// Whether orders to a model are looked for. Definitions of tools are made of orders, and have their own analysis.
pub(super) fn reads_language(surface: Surface) -> bool {
    matches!(surface, Surface::Response | Surface::ToolResult)
}

/// Keeps one of several findings of one rule that overlap in the raw bytes: the worst; then one that needed no guess; then the
/// longest, since an escape may cut a token short in the raw view; then the one that needs no decoding.
fn merge(found: Vec<Finding>) -> Vec<Finding> {
    let guess = |finding: &Finding| matches!(finding.view, View::Decoded | View::Squashed | View::Reversed);
    let (guessed, seen): (Vec<_>, Vec<_>) = found.into_iter().partition(guess);
    let mut merged = cluster(seen);
    // A guess covers a whole disguise. It must not swallow what was seen plainly, and adds nothing where that was as bad.
    let known = |guess: &Finding| {
        let overlaps = |seen: &Finding| seen.span.start < guess.span.end && guess.span.start < seen.span.end;
        merged.iter().any(|seen| seen.rule == guess.rule && seen.severity >= guess.severity && overlaps(seen))
    };
    let new: Vec<_> = cluster(guessed).into_iter().filter(|guess| !known(guess)).collect();
    merged.extend(new);
    // Stable, so that findings at one place stay in the order of their rules' names.
    merged.sort_by_key(|finding| (finding.span.start, finding.span.end));
    without_echoes(merged)
}

/// Keeps one of several findings of one rule that overlap.
fn cluster(mut found: Vec<Finding>) -> Vec<Finding> {
    let order =
        |finding: &Finding| (finding.rule.clone(), finding.span.start, finding.span.end, view_order(finding.view));
    found.sort_by_key(order);
    let mut merged: Vec<Finding> = Vec::with_capacity(found.len());
    // How far the cluster reaches to which the last of `merged` belongs.
    let mut reach = 0;
    for finding in found {
        match merged.last_mut() {
            Some(kept) if kept.rule == finding.rule && finding.span.start < reach => {
                reach = reach.max(finding.span.end);
                let worth = |finding: &Finding| (finding.severity, finding.span.end - finding.span.start);
                if worth(&finding) > worth(kept) {
                    *kept = finding;
                }
            }
            _ => {
                reach = finding.span.end;
                merged.push(finding);
            }
        }
    }
    merged
}

/// Drops what only says that a name has a value where another rule says what that value is.
fn without_echoes(mut found: Vec<Finding>) -> Vec<Finding> {
    let echo = |finding: &Finding| finding.family == Family::Dlp && rules::is_echo(&finding.rule);
    let mut reach = 0;
    // Where each of the others begins, and how far those up to it reach.
    let known: Vec<(u64, u64)> = found
        .iter()
        .filter(|finding| finding.family == Family::Dlp && !echo(finding) && finding.severity >= Severity::Medium)
        .map(|finding| {
            reach = reach.max(finding.span.end);
            (finding.span.start, reach)
        })
        .collect();
    found.retain(|finding| {
        let before = known.partition_point(|(start, _)| *start < finding.span.end);
        let covered =
            before.checked_sub(1).and_then(|last| known.get(last)).is_some_and(|(_, end)| *end > finding.span.start);
        !(echo(finding) && covered)
    });
    found
}

fn view_order(view: View) -> u8 {
    match view {
        View::Raw => 0,
        View::Text => 1,
        View::Percent => 2,
        View::Folded => 3,
        View::Decoded => 4,
        View::Squashed => 5,
        View::Reversed => 6,
    }
}

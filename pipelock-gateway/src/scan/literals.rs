//! Values that are secrets because of where they are from, whatever they look like: the environment of a workload, a file of
//! known secrets, canary tokens.
//!
//! A value is looked for as it is and in the forms in which one leaves: base64 in its three phases and both alphabets, hex,
//! base32 in its five phases, percent-encoding, JSON escapes. All forms are compiled into one table of *keyed hashes*: once
//! [`Literals::compile`] has returned, no value is left here, so a dump of this process's memory holds none. Tables of
//! several processes can be joined for the same reason.
//!
//! The search samples the text at every third place: each form is at least [`MIN_FORM`] bytes long, so that one of three
//! windows of [`WINDOW`] bytes at its beginning falls on such a place. A bitmap rejects nearly all places; what passes is
//! looked up, and the whole form is compared by hash. Where pieces were cut never matters: places count from the beginning
//! of the stream, and each is decided only when the longest form would have come in.
//!
//! It does not choose what is a secret ([`super::environment`]) and reads no files. Next: findings go to the verdict.

mod spread;

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::{Arc, OnceLock};

use super::evidence::evidence;
use super::forms::{self, Form};
use super::stream::Progress;
use super::wiped::Wiped;
use crate::model::{Family, Finding, Severity, Surface, View};
use spread::{Spread, SpreadScan};

/// Bytes of a form that are looked at first.
const WINDOW: usize = 6;
/// Every how many places the text is sampled.
const STRIDE: usize = 3;
/// Shortest form that is sure to be sampled.
pub(super) const MIN_FORM: usize = WINDOW + STRIDE - 1;
/// Longest part of a value that is looked for; of a longer one, its middle is. A private key in PEM begins like all others.
pub(super) const MAX_VALUE: usize = 96;
/// Forms in one table; about 800 values. More are not compiled, and that is said.
const MAX_FORMS: usize = 16_384;
/// Comparisons of whole forms that fail, before a text is taken for an attack on this search: a number of them, and one
/// more for so many bytes.
const CHECKS: u64 = 4096;
const BYTES_PER_CHECK: u64 = 32;
/// Findings of one stream after which more say nothing new.
const MAX_FINDINGS: usize = 64;
/// Most bytes taken at once.
const SLICE: usize = 4096;
/// Bits of the bitmap: 32 KiB, the size of a first-level cache, and a thousandth full with a hundred values.
const BITMAP_BITS: u32 = 18;

/// One value to look for. `Debug` shows neither it nor its length.
pub struct Literal<'a> {
    /// The name of its findings.
    pub rule: Arc<str>,
    /// The value. Shorter ones than 8 bytes are not looked for.
    pub value: Cow<'a, [u8]>,
    /// Whether letters may have changed their case, and other bytes stand between them.
    pub caseless: bool,
}

impl fmt::Debug for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Literal").field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// Values made ready, as hashes. Immutable; share it.
#[derive(Clone, Default)]
pub struct Literals {
    /// By the hash of a window: the forms it may begin.
    candidates: HashMap<u32, Vec<Candidate>>,
    bitmap: Box<[u64]>,
    rules: Vec<Arc<str>>,
    forms: usize,
    longest: usize,
    dropped: usize,
    /// Those whose letters may stand apart.
    spread: Spread,
}

impl fmt::Debug for Literals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Literals").field("rules", &self.rules.len()).field("forms", &self.forms).finish_non_exhaustive()
    }
}

/// A form that a window may belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Candidate {
    /// Of the whole form.
    hash: u64,
    length: u16,
    /// How many bytes before the window the form begins.
    before: u8,
    view: View,
    rule: u16,
}

/// Keys of the hashes, drawn once a process.
fn keys() -> &'static (RandomState, u64) {
    static KEYS: OnceLock<(RandomState, u64)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let state = RandomState::new();
        let odd = state.hash_one("window") | 1;
        (state, odd)
    })
}

/// Hash of the window that begins with `bytes`; 32 of its 48 bits cannot be undone.
fn window_hash(bytes: &[u8], multiplier: u64) -> Option<u32> {
    let word = match bytes.first_chunk::<8>() {
        // One load where there are bytes enough, which is nearly always.
        Some(eight) => u64::from_le_bytes(*eight) << 16 >> 16,
        None => bytes.first_chunk::<WINDOW>()?.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    u32::try_from(word.wrapping_mul(multiplier) >> 32).ok()
}

impl Literals {
    /// Makes values ready: well under a millisecond for an environment. Values that are too short, and forms beyond the
    /// bound, are left out; see [`Self::left_out`].
    #[must_use]
    pub fn compile<'a>(values: impl IntoIterator<Item = Literal<'a>>) -> Self {
        let mut compiled = Self::default();
        for value in values {
            compiled.add(&value);
        }
        compiled.make_bitmap();
        compiled.spread.finish();
        compiled
    }

    /// Both tables in one.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let mut joined = Self { bitmap: Box::default(), ..self.clone() };
        joined.dropped += other.dropped;
        if joined.spread.is_empty() {
            joined.spread = other.spread.clone();
        }
        for (window, candidates) in &other.candidates {
            for candidate in candidates {
                let Some(rule) = other.rules.get(usize::from(candidate.rule)).and_then(|rule| joined.rule(rule)) else {
                    joined.dropped += 1;
                    continue;
                };
                joined.insert(*window, Candidate { rule, ..*candidate });
            }
        }
        joined.longest = joined.longest.max(other.longest);
        joined.make_bitmap();
        joined
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Names under which values are found.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &**rule)
    }

    /// Values and forms that there was no room for, or that are too short.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.dropped
    }

    /// Scans a complete, short input.
    #[must_use]
    pub fn scan(self: &Arc<Self>, surface: Surface, bytes: &[u8]) -> Vec<Finding> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut scan = self.open(surface, bytes.len().min(SLICE));
        scan.push(bytes);
        scan.finish()
    }

    /// Opens a scan of bytes that come in pieces.
    #[must_use]
    pub fn stream(self: &Arc<Self>, surface: Surface) -> LiteralScan {
        self.open(surface, SLICE)
    }

    /// Opens a scan of pieces of at most `slice` bytes.
    fn open(self: &Arc<Self>, surface: Surface, slice: usize) -> LiteralScan {
        LiteralScan {
            // Reserved at once: growing would leave copies of the bytes behind in freed memory.
            kept: Wiped::with_capacity(slice + self.longest + 4 * STRIDE),
            set: Arc::clone(self),
            surface,
            first: 0,
            next: 0,
            covered: 0,
            checks: 0,
            ended: false,
            spread: SpreadScan::default(),
            told: Vec::new(),
            found: Vec::new(),
        }
    }

    fn add(&mut self, literal: &Literal<'_>) {
        if literal.value.len() < MIN_FORM {
            self.dropped += 1;
            return;
        }
        let Some(rule) = self.rule(&literal.rule) else {
            self.dropped += 1;
            return;
        };
        if literal.caseless {
            self.spread.add(literal);
        }
        let (hasher, multiplier) = keys();
        forms::each(middle(&literal.value), literal.caseless, |Form { bytes, view }| {
            let Ok(length) = u16::try_from(bytes.len()) else { return };
            if bytes.len() < MIN_FORM {
                return;
            }
            self.longest = self.longest.max(bytes.len());
            let hash = hasher.hash_one(bytes);
            for before in 0..STRIDE {
                let Some(window) = bytes.get(before..).and_then(|rest| window_hash(rest, *multiplier)) else {
                    continue;
                };
                self.insert(window, Candidate { hash, length, before: u8::try_from(before).unwrap_or(0), view, rule });
            }
        });
    }

    fn insert(&mut self, window: u32, candidate: Candidate) {
        if self.forms >= MAX_FORMS * STRIDE {
            self.dropped += 1;
            return;
        }
        let list = self.candidates.entry(window).or_default();
        // One value under two names, or a form that equals another: the first name is told.
        let same = |other: &Candidate| other.hash == candidate.hash && other.before == candidate.before;
        if !list.iter().any(same) {
            list.push(candidate);
            self.forms += 1;
        }
    }

    fn rule(&mut self, name: &Arc<str>) -> Option<u16> {
        let place = self.rules.iter().position(|rule| rule == name).unwrap_or_else(|| {
            self.rules.push(Arc::clone(name));
            self.rules.len() - 1
        });
        u16::try_from(place).ok()
    }

    fn make_bitmap(&mut self) {
        if self.candidates.is_empty() {
            return;
        }
        let mut bitmap = vec![0u64; (1 << BITMAP_BITS) / 64].into_boxed_slice();
        for window in self.candidates.keys() {
            let (word, bit) = bit_of(*window);
            if let Some(word) = bitmap.get_mut(word) {
                *word |= bit;
            }
        }
        self.bitmap = bitmap;
    }

    /// Whether a window with this hash may begin anything.
    fn may_begin(&self, window: u32) -> bool {
        let (word, bit) = bit_of(window);
        self.bitmap.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// The middle of a long value: where it differs most from others of its kind.
fn middle(value: &[u8]) -> &[u8] {
    let start = value.len().saturating_sub(MAX_VALUE) / 2;
    value.get(start..value.len().min(start + MAX_VALUE)).unwrap_or(value)
}

fn bit_of(window: u32) -> (usize, u64) {
    let index = window >> (32 - BITMAP_BITS);
    ((index / 64) as usize, 1 << (index % 64))
}

/// A scan of one stream for the values of one table.
pub struct LiteralScan {
    set: Arc<Literals>,
    surface: Surface,
    /// The newest bytes: those that a form may still reach back to.
    kept: Wiped,
    /// Stream offset of the first kept byte.
    first: u64,
    /// Stream offset of the next place to sample.
    next: u64,
    /// Stream offset up to which the last finding reaches.
    covered: u64,
    checks: u64,
    ended: bool,
    spread: SpreadScan,
    /// What that one has told: the same place is not told twice.
    told: Vec<(Arc<str>, std::ops::Range<u64>)>,
    found: Vec<Finding>,
}

impl fmt::Debug for LiteralScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiteralScan").field("found", &self.found.len()).finish_non_exhaustive()
    }
}

impl LiteralScan {
    /// Shows the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        let apart = self.look_apart(bytes);
        for slice in bytes.chunks(SLICE) {
            if self.ended {
                break;
            }
            self.make_room(slice.len());
            self.kept.extend_from_slice(slice);
            self.sample(self.end().saturating_sub((self.set.longest + STRIDE) as u64));
        }
        let undecided = self.end().saturating_sub(self.next.saturating_sub(STRIDE as u64));
        Progress {
            hold: usize::try_from(undecided).unwrap_or(usize::MAX).min(self.kept.len()).max(apart),
            found: self.found.len(),
        }
    }

    /// Looks for tokens whose letters stand apart; how many of the last bytes may belong to one.
    fn look_apart(&mut self, bytes: &[u8]) -> usize {
        if self.set.spread.is_empty() || self.told.len() >= MAX_FINDINGS {
            return 0;
        }
        let (set, told) = (Arc::clone(&self.set), &mut self.told);
        let before = told.len();
        let hold = self.spread.push(&set.spread, bytes, |rule, span| told.push((Arc::clone(rule), span)));
        for (rule, span) in self.told.iter().skip(before).take(MAX_FINDINGS) {
            let evidence = evidence(rule.as_bytes());
            let (rule, span, surface) = (Arc::clone(rule), span.clone(), self.surface);
            let (family, severity, view) = (Family::Dlp, Severity::Critical, View::Squashed);
            self.found.push(Finding { rule, family, severity, surface, view, span, evidence });
        }
        usize::try_from(hold).unwrap_or(usize::MAX)
    }

    /// What has been found so far.
    #[must_use]
    pub fn so_far(&self) -> &[Finding] {
        &self.found
    }

    /// The stream is complete.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        self.sample(self.end());
        self.found
    }

    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    fn make_room(&mut self, more: usize) {
        if self.kept.len() + more <= self.kept.capacity() {
            return;
        }
        // Places to come look back by less than a stride.
        let needed = self.next.saturating_sub(STRIDE as u64).saturating_sub(self.first);
        let forget = usize::try_from(needed).unwrap_or(0).min(self.kept.len());
        self.kept.drain(..forget);
        self.first += forget as u64;
    }

    /// Decides all places before `until`.
    fn sample(&mut self, until: u64) {
        let set = Arc::clone(&self.set);
        let multiplier = keys().1;
        while self.next < until && !self.ended {
            let from = usize::try_from(self.next - self.first).unwrap_or(usize::MAX);
            let left = usize::try_from(until - self.next).unwrap_or(usize::MAX);
            let places = self.kept.get(from..).unwrap_or_default();
            let passes = |place: &usize| {
                let rest = places.get(*place..).unwrap_or_default();
                window_hash(rest, multiplier).is_some_and(|window| set.may_begin(window))
            };
            let Some(place) = (0..left).step_by(STRIDE).find(passes) else {
                self.next += left.next_multiple_of(STRIDE) as u64;
                return;
            };
            self.next += place as u64;
            self.look_up(&set, multiplier);
            self.next += STRIDE as u64;
        }
    }

    /// Compares the forms that the window at the next place may begin.
    fn look_up(&mut self, set: &Literals, multiplier: u64) {
        let at = usize::try_from(self.next - self.first).unwrap_or(usize::MAX);
        let candidates = self
            .kept
            .get(at..)
            .and_then(|rest| window_hash(rest, multiplier))
            .and_then(|window| set.candidates.get(&window))
            .map_or(&[] as &[Candidate], Vec::as_slice);
        for candidate in candidates {
            let Some(start) = at.checked_sub(usize::from(candidate.before)) else { continue };
            let range = start..start + usize::from(candidate.length);
            let Some(bytes) = self.kept.get(range.clone()) else { continue };
            let span = self.first + range.start as u64..self.first + range.end as u64;
            if span.start < self.covered {
                continue;
            }
            self.checks += 1;
            if keys().0.hash_one(bytes) == candidate.hash {
                self.checks -= 1;
                let Some(rule) = set.rules.get(usize::from(candidate.rule)) else { continue };
                if self
                    .told
                    .iter()
                    .any(|(told, place)| told == rule && place.start < span.end && span.start < place.end)
                {
                    continue;
                }
                let evidence = evidence(bytes);
                self.report(Arc::clone(rule), Family::Dlp, Severity::Critical, candidate.view, span, evidence);
            } else if self.checks > CHECKS + span.end / BYTES_PER_CHECK {
                self.report(
                    "literal comparisons".into(),
                    Family::Limit,
                    Severity::High,
                    View::Raw,
                    span,
                    evidence(b""),
                );
                self.ended = true;
                return;
            }
        }
    }

    fn report(
        &mut self,
        rule: Arc<str>,
        family: Family,
        severity: Severity,
        view: View,
        span: std::ops::Range<u64>,
        evidence: crate::model::Evidence,
    ) {
        self.covered = span.end;
        if self.found.len() < MAX_FINDINGS {
            let surface = self.surface;
            self.found.push(Finding { rule, family, severity, surface, view, span, evidence });
        } else if self.found.len() == MAX_FINDINGS {
            // Those before may all be excused by their place, so that this one is the leak.
            let (rule, family) = ("Scan Limit: known values".into(), Family::Limit);
            let finding =
                Finding { rule, family, severity: Severity::High, surface: self.surface, view, span, evidence };
            self.found.push(finding);
        }
    }
}

#[cfg(test)]
mod tests;

//! What `cargo xtask train-injection` sees of the scanner: the very sentences that would be judged, and their features.

use std::collections::BTreeMap;

use super::classifier::Model;
use super::score::{sentence, windows_of};
use super::whole::judge_body_with;
use super::{REACH, TABLES, classifier, expressions, hits, judge};

pub use super::whole::folded_body;
use crate::model::Severity;

/// A sentence as `classifier` would be asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The folded bytes.
    pub sentence: Vec<u8>,
    /// Where it begins in the folded text.
    pub at: usize,
    /// The points that patterns alone would give it.
    pub points: i32,
}

/// Every sentence of a folded text that a pattern leads to, once each.
#[must_use]
pub fn examples(folded: &[u8]) -> Vec<Example> {
    debug_assert!(TABLES.owners.len() <= expressions().len(), "anchors of concepts come last");
    let mut found: BTreeMap<usize, Example> = BTreeMap::new();
    for (end, expression) in hits(folded, 0).unwrap_or_default() {
        let Some(ready) =
            usize::try_from(expression).ok().and_then(|place| TABLES.families.get(*TABLES.owners.get(place)?))
        else {
            continue;
        };
        let first = end.saturating_sub(REACH);
        let window = folded.get(first..folded.len().min(end + REACH)).unwrap_or_default();
        if let Some((points, range)) = windows_of(ready, window, end - first) {
            let text = sentence(window, &range);
            let at = first + range.start;
            let entry = found.entry(at).or_insert(Example { sentence: text.to_vec(), at, points });
            entry.points = entry.points.max(points);
        }
    }
    found.into_values().collect()
}

/// Buckets and counts of a sentence's features, sorted by bucket, and how many features there were.
#[must_use]
pub fn features(sentence: &[u8]) -> (Vec<(usize, u32)>, u32) {
    let (mut counts, mut total) = (BTreeMap::new(), 0);
    classifier::each_feature(sentence, |bucket| {
        *counts.entry(bucket).or_insert(0) += 1;
        total += 1;
    });
    (counts.into_iter().collect(), total)
}

/// The worst severity in a body under other weights; no bytes are a model without an opinion.
#[must_use]
pub fn worst(weights: &[u8], body: &[u8]) -> Option<Severity> {
    judge_body_with(Model::read(weights), body).into_iter().map(|(_, found)| found.severity).max()
}

/// What the weights of so many features are divided by.
#[must_use]
pub fn root(count: u32) -> i64 {
    classifier::root(count)
}

/// The log-odds in thousandths under other weights.
#[must_use]
pub fn log_odds_with(weights: &[u8], sentence: &[u8]) -> i32 {
    Model::read(weights).log_odds(sentence)
}

/// Number of weights.
pub const BUCKETS: usize = classifier::BUCKETS;

/// How many triggers a folded text has: what remains to be judged with the text around it.
#[must_use]
pub fn trigger_hits(folded: &[u8]) -> usize {
    hits(folded, 0).map_or(0, |hits| hits.len())
}

/// How many matches a folded text has in all.
#[must_use]
pub fn matches(folded: &[u8]) -> usize {
    judge(folded).map_or(0, |found| found.len())
}

/// How often each trigger hits in a folded text, most frequent first.
#[must_use]
pub fn frequent_triggers(folded: &[u8]) -> Vec<(usize, &'static str)> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for (_, expression) in hits(folded, 0).unwrap_or_default() {
        *counts.entry(expression).or_default() += 1;
    }
    let named = |(expression, count): (u32, usize)| {
        let source = usize::try_from(expression).ok().and_then(|place| expressions().get(place));
        (count, source.map_or("", |expression| expression.source.as_str()))
    };
    let mut found: Vec<_> = counts.into_iter().map(named).collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found
}

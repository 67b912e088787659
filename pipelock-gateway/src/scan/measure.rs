//! Parts of the scanner by themselves, so that a benchmark can say which of them costs what.
//!
//! Only with the `testing` feature, and no part of what the scanner promises: the functions follow the code they measure.
//! Nothing here is a test; nothing here is called by the product.

use std::fmt;
use std::sync::Arc;

use super::deep;
use super::disguise::Masks;
use super::engine::Engine;
use super::hyperscan::{Expression, Generation, Hits};
use super::injection;
use super::normalize;
use super::rules::{self, Lane};
use super::runs::{self, Runs};
use super::seed;
use super::stream::StreamScan;
use crate::model::Surface;

/// Runs of digits and tokens that the run lane finds, without judging them.
#[must_use]
pub fn runs(text: &[u8]) -> usize {
    let mut count = 0;
    let mut runs = Runs::default();
    runs.feed(text, |_| count += 1);
    runs.finish(|_| count += 1);
    count
}

/// Tokens that the run lane finds and that pass their validators.
#[must_use]
pub fn judged_runs(text: &[u8]) -> usize {
    let mut count = 0;
    let pointed = std::cell::Cell::new(0);
    runs::scan_and_point(text, 0..text.len(), |_| count += 1, |_, _| pointed.set(pointed.get() + 1));
    count += pointed.get();
    count
}

/// Phrases that seeds of wallets are.
#[must_use]
pub fn seed_phrases(text: &[u8]) -> usize {
    let mut count = 0;
    seed::scan(text, 0..text.len(), &mut |_| count += 1);
    count
}

/// A whole scan that looks below no disguise, in pieces.
#[must_use]
pub fn undisguised(engine: &Engine, surface: Surface, text: &[u8], piece: usize) -> usize {
    let mut scan = StreamScan::nested(engine.rule_set(), surface, Masks::ALL, usize::MAX);
    for bytes in text.chunks(piece) {
        scan.push(bytes);
    }
    scan.finish().len()
}

/// The groups of built-in rules.
pub fn groups() -> impl Iterator<Item = &'static str> {
    rules::GROUPS.iter().map(|(group, _)| *group)
}

/// Whether a rule belongs to a group.
#[must_use]
pub fn is_in_group(rule: &str, group: &str) -> bool {
    rules::GROUPS.iter().any(|(name, rules)| *name == group && rules.iter().any(|known| known.name == rule))
}

/// The built-in rules that the matcher looks for: name and expression.
pub fn expressions() -> impl Iterator<Item = (&'static str, &'static str)> {
    rules::built_in().filter_map(|rule| match rule.lane {
        Lane::Trigger(trigger) => Some((rule.name, trigger.expression)),
        Lane::Words(words) => Some((rule.name, words.expression)),
        Lane::Run(_) | Lane::Service(_) => None,
    })
}

/// The triggers of the injection families, for folded text.
pub fn injection_expressions() -> impl Iterator<Item = &'static str> {
    injection::expressions().iter().map(|expression| expression.source.as_str())
}

/// Text as the injection families see it.
#[must_use]
pub fn folded(text: &[u8]) -> Vec<u8> {
    normalize::fold(text)
}

/// The matcher alone: expressions in one database, whose hits nobody confirms.
pub struct Triggers {
    generation: Arc<Generation>,
}

impl fmt::Debug for Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Triggers").finish_non_exhaustive()
    }
}

impl Triggers {
    /// The main database: all of [`expressions`] but those that signs point to, and the signs.
    ///
    /// # Panics
    /// When they do not compile.
    #[must_use]
    pub fn built_in() -> Self {
        Self::built_in_except(|_| false, false)
    }

    /// The same, but for some rules, or the signs.
    ///
    /// # Panics
    /// When they do not compile.
    #[must_use]
    pub fn built_in_except(is_left_out: impl Fn(&str) -> bool, without_signs: bool) -> Self {
        let expressions = expressions().filter(|(rule, _)| deep::way_to(rule).is_none() && !is_left_out(rule));
        let expressions = expressions.map(|(_, source)| Expression { source: source.to_owned(), caseless: false });
        let signs = deep::SIGNS.iter().filter(|_| !without_signs).map(deep::Sign::expression);
        let all: Vec<_> = expressions.chain(signs).collect();
        Self { generation: Generation::compile(&[&all]).expect("the expressions compile") }
    }

    /// These expressions.
    ///
    /// # Panics
    /// When they do not compile.
    #[must_use]
    pub fn of<'a>(expressions: impl Iterator<Item = &'a str>) -> Self {
        let expression = |source: &str| Expression { source: source.to_owned(), caseless: false };
        let expressions: Vec<_> = expressions.map(expression).collect();
        Self { generation: Generation::compile(&[&expressions]).expect("the expressions compile") }
    }

    /// How often they match in `text`, scanned in pieces as a stream.
    #[must_use]
    pub fn hits(&self, text: &[u8], piece: usize) -> usize {
        let Some(database) = self.generation.database(0) else { return 0 };
        let mut hits = Hits::with_capacity(1 << 14);
        let mut stream = self.generation.open(database);
        for bytes in text.chunks(piece) {
            let _ = stream.feed(bytes, &mut hits);
        }
        let _ = stream.finish(&mut hits);
        hits.as_slice().len()
    }
}

//! Finds text in answers that gives a model orders.
//!
//! ```text
//!  folded text ─► triggers (rare fragments, one Hyperscan pass) ─► confirm: patterns of the family around the hit
//!                                                                      + what stands around them + classifier ─► score
//! ```
//!
//! Beside the families, which know wordings, `concepts` knows ideas: what is said close together in any words.
//!
//! Everything here looks at *folded* text (`normalize::fold`): small letters, one blank for any white space, invisible
//! characters and look-alikes undone. A trigger costs something on every byte, so it is a rare fragment and says little; a
//! hit is judged with `REACH` bytes on both sides and nothing else, so that the result depends neither on how the text was
//! cut nor on what came before. Talk about injection, manuals and bank letters pass by score, not by a list of exceptions.
//!
//! It does not decode and does not fold; the views do. Requests are never judged here: an application's own system prompt
//! is made of orders to the model. Matches become findings of [`crate::model::Family::Injection`].

mod actions;
mod agents;
mod classes;
mod classifier;
mod concepts;
mod english;
mod languages;
mod score;
mod squashed;
#[cfg(any(test, feature = "testing"))]
pub mod training;
#[cfg(any(test, feature = "testing"))]
mod whole;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use regex::bytes::{Regex, RegexBuilder};

use classifier::Model;

use super::hyperscan::{Expression, Fed, Generation, Hits};
use super::normalize::fold;
use crate::model::Severity;

pub(super) use concepts::{APART, RULE as DIRECTIVE};
pub(super) use squashed::{confirm as confirm_squashed, expressions as squashed_expressions, squash};

/// Bytes of folded text on both sides of a hit's end that [`confirm`] may look at.
pub(super) const REACH: usize = 512;

/// What one kind of attack looks like.
struct Family {
    /// The name in findings. Several tables may contribute to one name.
    rule: &'static str,
    /// The severity when nothing casts doubt on a match. Less sure matches are [`Severity::Medium`].
    severity: Severity,
    /// Fragments that are rare in ordinary text; Hyperscan syntax, at most 512 bytes wide.
    triggers: &'static [&'static str],
    /// What must stand around a trigger, and how many points that is worth.
    patterns: &'static [(i32, &'static str)],
}

/// All families. The order is that of [`expressions`].
fn families() -> impl Iterator<Item = &'static Family> {
    english::FAMILIES.iter().chain(agents::FAMILIES).chain(actions::FAMILIES).chain(languages::FAMILIES)
}

/// A family ready to confirm.
struct Ready {
    family: &'static Family,
    patterns: Vec<(i32, Regex)>,
}

/// Families and triggers, folded and compiled once a process, when first needed.
struct Tables {
    families: Vec<Ready>,
    /// For each expression its family; those after them are anchors of concepts.
    owners: Vec<usize>,
    expressions: Vec<Expression>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables { families: Vec::new(), owners: Vec::new(), expressions: Vec::new() };
    for (place, family) in families().enumerate() {
        for trigger in family.triggers {
            tables.owners.push(place);
            tables.expressions.push(Expression { source: folded_source(trigger), caseless: false });
        }
        // A pattern that does not compile is a mistake in a constant; a test compiles each of them.
        let patterns = family.patterns.iter().filter_map(|&(points, pattern)| Some((points, searcher(pattern).ok()?)));
        tables.families.push(Ready { family, patterns: patterns.collect() });
    }
    let anchors = concepts::triggers().into_iter();
    tables.expressions.extend(anchors.map(|source| Expression { source, caseless: false }));
    tables
});

/// An expression as it is matched: classes written out, and folded as the text is.
fn folded_source(pattern: &str) -> String {
    String::from_utf8_lossy(&fold(classes::expand(pattern).as_bytes())).into_owned()
}

fn searcher(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&folded_source(pattern)).unicode(false).dot_matches_new_line(true).build()
}

/// The triggers, for the database of folded text. A hit's expression number is its place in this list.
pub(super) fn expressions() -> &'static [Expression] {
    &TABLES.expressions
}

/// An order to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The name of the family.
    pub rule: &'static str,
    /// How sure the match is, and how bad.
    pub severity: Severity,
    /// Where it stands in the text that was shown.
    pub range: Range<usize>,
}

/// Judges a hit of the trigger `expression` that ended at `end` in `window`.
///
/// `window` should hold [`REACH`] bytes on both sides of `end` where the text has them; what lies further away is not looked
/// at. The range of the match is one of `window`.
pub(super) fn confirm(window: &[u8], expression: u32, end: usize) -> Option<Match> {
    confirm_with(Model::built_in(), window, expression, end)
}

/// Whether an expression is an anchor of concepts. Anchors less than [`APART`] behind a judged one need no judgement.
pub(super) fn is_anchor(expression: u32) -> bool {
    usize::try_from(expression).is_ok_and(|place| (TABLES.owners.len()..TABLES.expressions.len()).contains(&place))
}

fn confirm_with(model: Model<'_>, window: &[u8], expression: u32, end: usize) -> Option<Match> {
    if is_anchor(expression) {
        let first = end.saturating_sub(REACH);
        let near = window.get(first..window.len().min(end.saturating_add(REACH)))?;
        let found = concepts::judge(near, end - first)?;
        return Some(Match { range: found.range.start + first..found.range.end + first, ..found });
    }
    let ready = TABLES.families.get(*TABLES.owners.get(usize::try_from(expression).ok()?)?)?;
    let first = end.saturating_sub(REACH);
    let near = window.get(first..window.len().min(end.saturating_add(REACH)))?;
    let found = score::judge(model, ready, near, end - first)?;
    let range = found.range.start + first..found.range.end + first;
    Some(Match { rule: ready.family.rule, severity: found.severity, range })
}

/// Most hits that [`judge`] confirms, so that a text made of triggers stays linear.
const CONFIRMS: usize = 1 << 14;

static DATABASES: LazyLock<Option<Arc<Generation>>> = LazyLock::new(|| {
    let squashed = squashed::expressions();
    Generation::compile(&[expressions(), squashed]).ok()
});

/// Everything in a whole folded text: one match a family and place, in the order of the text.
///
/// For tool definitions, decoded runs and tests; streams feed the same expressions to their own database. `None` when the
/// matcher cannot be set up on this machine, which loading the rules has reported by then.
pub(super) fn judge(folded: &[u8]) -> Option<Vec<Match>> {
    judge_with(Model::built_in(), folded)
}

fn judge_with(model: Model<'_>, folded: &[u8]) -> Option<Vec<Match>> {
    Some(collect(folded, hits(folded, 0)?, |window, expression, end| confirm_with(model, window, expression, end)))
}

/// The same for text without blanks ([`squash`]), where only the core families are looked for.
#[cfg(any(test, feature = "testing"))]
pub(super) fn judge_squashed(squashed: &[u8]) -> Option<Vec<Match>> {
    Some(collect(squashed, hits(squashed, 1)?, squashed::confirm))
}

/// Ends and expressions of all triggers in a text.
fn hits(text: &[u8], database: usize) -> Option<Vec<(usize, u32)>> {
    let generation = DATABASES.as_ref()?;
    let mut hits = Hits::with_capacity(CONFIRMS);
    let mut stream = generation.open(generation.database(database)?);
    if stream.feed(text, &mut hits) != Fed::Dead {
        let _ = stream.finish(&mut hits);
    }
    let mut found: Vec<_> =
        hits.as_slice().iter().filter_map(|hit| Some((usize::try_from(hit.end).ok()?, hit.expression))).collect();
    found.sort_unstable();
    found.dedup();
    Some(found)
}

fn collect(text: &[u8], hits: Vec<(usize, u32)>, confirm: impl Fn(&[u8], u32, usize) -> Option<Match>) -> Vec<Match> {
    let mut matches: Vec<Match> = Vec::new();
    let mut judged_until = 0;
    for (end, expression) in hits {
        if is_anchor(expression) {
            if end < judged_until {
                continue;
            }
            judged_until = end + usize::try_from(APART).unwrap_or_default();
        }
        let first = end.saturating_sub(REACH);
        let window = text.get(first..text.len().min(end + REACH)).unwrap_or_default();
        let Some(found) = confirm(window, expression, end - first) else { continue };
        let found = Match { range: found.range.start + first..found.range.end + first, ..found };
        // Several triggers of one family lead to the same place: the worst of them is kept.
        match matches.iter_mut().rev().take(16).find(|known| known.rule == found.rule && overlap(known, &found)) {
            Some(known) if known.severity < found.severity => *known = found,
            Some(_) => {}
            None => matches.push(found),
        }
    }
    matches
}

fn overlap(one: &Match, other: &Match) -> bool {
    one.range.start < other.range.end && other.range.start < one.range.end
}

#[cfg(test)]
mod tests;

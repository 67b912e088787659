//! What each expression costs by itself: how often it fires on a text, and a way for the caller to take the time.
//!
//! A rule is expensive when it has no rare literal, or when its literal is not rare in what people write. Each expression
//! gets a database of its own; what it adds to the common one is less, so this ranks and does not add up. The clock is the
//! caller's.

use std::fmt;
use std::sync::Arc;

use super::engine::{Error, RuleSpec};
use super::hyperscan::{Expression, Fed, Generation, Hits, MAX_SLICE};
use super::rules::{self, Lane};

/// One expression, ready to be fed a text.
pub struct Probe {
    /// The rule whose expression it is.
    pub rule: String,
    generation: Arc<Generation>,
}

/// A probe for every expression that is in force under `spec`. Takes some milliseconds each.
///
/// # Errors
/// When an expression does not compile.
pub fn probes(spec: &RuleSpec) -> Result<Vec<Probe>, Error> {
    let replaced = |name: &str| spec.user.iter().any(|rule| rule.name == name);
    let built_in = rules::built_in()
        .filter(|rule| rule.floor || (spec.include_defaults && !replaced(rule.name)))
        .filter_map(|rule| match &rule.lane {
            Lane::Trigger(trigger) => {
                Some((rule.name, Expression { source: trigger.expression.to_owned(), caseless: false }))
            }
            Lane::Words(words) => {
                Some((rule.name, Expression { source: words.expression.to_owned(), caseless: false }))
            }
            Lane::Run(_) | Lane::Service(_) => None,
        });
    let user = spec
        .user
        .iter()
        .map(|rule| (rule.name.as_str(), Expression { source: rule.expression.clone(), caseless: true }));
    built_in
        .chain(user)
        .map(|(rule, expression)| {
            let generation = Generation::compile(&[&[expression]]).map_err(Error::Matcher)?;
            Ok(Probe { rule: rule.to_owned(), generation })
        })
        .collect()
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("rule", &self.rule).finish_non_exhaustive()
    }
}

impl Probe {
    /// How often the expression fires on `text`. Counts up to 64 Ki hits in 64 KiB.
    #[must_use]
    pub fn hits(&self, text: &[u8]) -> usize {
        let Some(database) = self.generation.database(0) else { return 0 };
        let mut stream = self.generation.open(database);
        let mut hits = Hits::with_capacity(MAX_SLICE);
        let mut count = 0;
        for slice in text.chunks(MAX_SLICE) {
            hits.clear(MAX_SLICE);
            let Fed::All = stream.feed(slice, &mut hits) else { break };
            count += hits.as_slice().len();
        }
        count
    }
}

//! What is looked for, as a person may read it: every built-in rule with its facts and samples.
//!
//! A view of the tables, made on request; the engine does not use it. `pipelock rules` prints it and tries the samples.

use super::rules::samples::{SAMPLES, Samples};
use super::rules::{self, BuiltIn, Lane};
use super::url;
use crate::model::{Family, Severity, Surface, View};

/// Facts about one built-in rule.
#[derive(Clone, Debug)]
pub struct RuleFacts {
    /// The name in findings.
    pub name: &'static str,
    /// The kind of rule.
    pub family: Family,
    /// The highest severity its findings have; doubt lowers it.
    pub severity: Severity,
    /// Whether no configuration can switch it off.
    pub floor: bool,
    /// How candidates are found: by an expression, with its source, or by other means.
    pub finder: RuleFinder,
    /// Whether a candidate must pass a checksum, or a check of its form.
    pub checked: bool,
    /// The renderings of a message it is looked for in.
    pub views: &'static [View],
    /// A surface on which its samples are found.
    pub surface: Surface,
    /// Texts it must find; made up.
    pub found: &'static [&'static str],
    /// Look-alikes it must leave alone.
    pub ignored: &'static [&'static str],
}

/// How candidates of a rule are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleFinder {
    /// By this expression.
    Expression(&'static str),
    /// By runs of digits or letters of certain lengths, without an expression.
    Run,
    /// By the words before a value: the name of a service, and what its secrets are called.
    Words,
    /// By the shape of the message.
    Shape,
}

/// Renderings of text in which secrets are looked for.
const TEXT_VIEWS: &[View] = &[View::Raw, View::Text, View::Percent];

/// Every built-in rule, ordered by family and then as the tables have them.
#[must_use]
pub fn catalogue() -> Vec<RuleFacts> {
    rules::built_in().map(secret).chain(url::RULES.iter().map(shape)).collect()
}

fn secret(rule: &BuiltIn) -> RuleFacts {
    let (finder, checked) = match &rule.lane {
        Lane::Trigger(trigger) => (RuleFinder::Expression(trigger.expression), trigger.check.is_some()),
        Lane::Run(_) => (RuleFinder::Run, true),
        Lane::Words(words) => (RuleFinder::Expression(words.expression), true),
        Lane::Service(_) => (RuleFinder::Words, true),
    };
    let samples = SAMPLES.iter().find(|samples| samples.rule == rule.name);
    RuleFacts {
        name: rule.name,
        family: Family::Dlp,
        severity: rule.severity,
        floor: rule.floor,
        finder,
        checked,
        views: TEXT_VIEWS,
        surface: Surface::RequestBody,
        found: samples.map_or(&[], |samples| samples.found),
        ignored: samples.map_or(&[], |samples| samples.ignored),
    }
}

fn shape(rule: &(&'static str, Severity, Samples)) -> RuleFacts {
    let (name, severity, samples) = rule;
    RuleFacts {
        name,
        family: Family::Url,
        severity: *severity,
        floor: false,
        finder: RuleFinder::Shape,
        checked: false,
        views: &[View::Raw, View::Percent],
        surface: Surface::Url,
        found: samples.found,
        ignored: samples.ignored,
    }
}

//! What is looked for, as a person may read it: every built-in rule with its facts and samples.
//!
//! A view of the tables, made on request; the engine does not use it. `pipelock rules` prints it and tries the samples.

mod behaviour;

use serde_json::Value;

use self::behaviour::{BEHAVIOURS, Behaviour};
use super::rules::samples::{SAMPLES, Samples};
use super::rules::{self, BuiltIn, Lane};
use super::url;
use super::{Engine, Message, Payload};
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
    /// By what the text asks for, or the call would do.
    Behaviour,
}

/// What the rule `name` says of a sample `text` on `surface`, at its worst; `None` when it says nothing. On a surface that
/// takes messages a JSON text is shown as one.
#[must_use]
pub fn reaction(engine: &Engine, surface: Surface, name: &str, text: &str) -> Option<Severity> {
    let takes_messages = matches!(surface, Surface::ToolDefinitions | Surface::ToolCall | Surface::ToolChain);
    let message: Option<Value> = if takes_messages { serde_json::from_str(text).ok() } else { None };
    let payload = message.as_ref().map_or(Payload::Bytes(text.as_bytes()), Payload::Json);
    let findings = engine.examine(&Message { surface, payload, content_type: None });
    findings.iter().filter(|finding| *finding.rule == *name).map(|finding| finding.severity).max()
}

/// Whether a rule reacts to a sample as it must: a text to find is found, a look-alike is written down (low) at most.
#[must_use]
pub fn keeps_promise(reaction: Option<Severity>, is_to_be_found: bool) -> bool {
    if is_to_be_found { reaction.is_some() } else { reaction < Some(Severity::Medium) }
}

/// Renderings of an answer in which orders are looked for.
const ANSWER_VIEWS: &[View] = &[View::Folded, View::Squashed, View::Decoded, View::Reversed];
/// Renderings of text in which secrets are looked for.
const TEXT_VIEWS: &[View] = &[View::Raw, View::Text, View::Percent, View::Decoded, View::Squashed, View::Reversed];

/// Every built-in rule, ordered by family and then as the tables have them.
#[must_use]
pub fn catalogue() -> Vec<RuleFacts> {
    let behaviours = BEHAVIOURS.iter().map(behaviour);
    rules::built_in().map(secret).chain(url::RULES.iter().map(shape)).chain(behaviours).collect()
}

fn behaviour(rule: &Behaviour) -> RuleFacts {
    RuleFacts {
        name: rule.name,
        family: rule.family,
        severity: rule.severity,
        floor: false,
        finder: RuleFinder::Behaviour,
        checked: true,
        views: if rule.family == Family::Injection { ANSWER_VIEWS } else { &[View::Text] },
        surface: rule.surface,
        found: rule.found,
        ignored: rule.ignored,
    }
}

/// Whether a rule of this name is built in and part of the floor, which no configuration can switch off.
#[must_use]
pub fn is_floor_rule(name: &str) -> bool {
    rules::built_in().any(|rule| rule.floor && rule.name == name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::RuleSpec;

    #[test]
    fn every_rule_keeps_what_its_samples_promise() {
        let engine = Engine::compile(&RuleSpec::default()).unwrap();
        let mut broken = Vec::new();
        for rule in catalogue() {
            // Samples of secrets are counted with their tables.
            assert!(rule.family == Family::Dlp || !rule.found.is_empty(), "{} has no sample", rule.name);
            for (texts, expected) in [(rule.found, true), (rule.ignored, false)] {
                let react = |text: &&&str| reaction(&engine, rule.surface, rule.name, text);
                let wrong = texts.iter().filter(|text| !keeps_promise(react(text), expected));
                broken.extend(wrong.map(|text| (rule.name, rule.family.as_str(), expected, *text)));
            }
        }
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

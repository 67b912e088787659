//! What every rule must be to be let in: bounded, or nothing of a stream could be released; and cheap, since one expression
//! without a rare literal slows all others down. Times are for the benchmark (`cargo xtask bench scan --marginal`); here are
//! the causes of them that can be counted.

use super::super::engine::MAX_WIDTH;
use super::super::hyperscan::{Expression, Fed, Generation, Hits};
use super::super::injection;
use super::super::rules::{Begin, Lane};
use super::*;

/// Ordinary text for one trigger hit: the gate for all rules of a database together.
const TEXT_FOR_A_HIT: usize = 32 << 10;

/// The expressions of the built-in rules about secrets.
fn secrets() -> impl Iterator<Item = (&'static str, Expression)> {
    let expression = |source: &str| Expression { source: source.to_owned(), caseless: false };
    rules::built_in().filter_map(move |rule| match rule.lane {
        Lane::Trigger(trigger) => Some((rule.name, expression(trigger.expression))),
        Lane::Words(words) => Some((rule.name, expression(words.expression))),
        Lane::Run(_) | Lane::Service(_) => None,
    })
}

/// Those about instructions, for folded text.
fn instructions() -> impl Iterator<Item = (&'static str, Expression)> {
    let named = |expression: &'static Expression| (expression.source.as_str(), expression.clone());
    injection::expressions().iter().map(named)
}

/// How often the expressions match in `text`, each by its place, and how many bytes a stream of them takes.
fn hits(expressions: &[Expression], text: &[u8]) -> (Vec<usize>, usize) {
    let generation = Generation::compile(&[expressions]).unwrap();
    let database = generation.database(0).unwrap();
    let mut stream = generation.open(database);
    let mut counts = vec![0; expressions.len()];
    let mut hits = Hits::with_capacity(1 << 16);
    for bytes in text.chunks(64 << 10) {
        hits.clear(1 << 16);
        assert_eq!(stream.feed(bytes, &mut hits), Fed::All);
        hits.as_slice().iter().for_each(|hit| counts[hit.expression as usize] += 1);
    }
    (counts, database.stream_bytes())
}

#[test]
fn rules_are_bounded() {
    for (rule, expression) in secrets().chain(instructions()) {
        let width = expression.width().unwrap();
        assert!(width.min > 0, "{rule} matches nothing at all");
        assert!(width.max.is_some_and(|max| max <= MAX_WIDTH), "{rule}: {width:?}");
    }
    for rule in rules::built_in() {
        if let Lane::Trigger(trigger) = rule.lane
            && let Begin::Last(token) = trigger.begin
        {
            let width = Expression { source: trigger.expression.to_owned(), caseless: false }.width().unwrap();
            assert!(token <= width.min, "{}", rule.name);
        }
    }
}

/// Rules whose expressions have a gap in them, or are several of different lengths.
const GAPS: [&str; 10] = [
    "AWS Bedrock API Key",
    "Azure App Configuration Secret",
    "Google Storage HMAC Key",
    "Yandex IAM Token",
    "Doppler Token",
    "GitLab Token",
    "Authress Service Key",
    "IFTTT Webhook",
    "Square Access Token",
    "Kubernetes Secret",
];

#[test]
fn rules_fire_once_for_a_token() {
    // An expression that ends with a repetition of many lengths fires at each of them.
    for rule in rules::built_in() {
        if let Lane::Trigger(trigger) = rule.lane {
            let width = Expression { source: trigger.expression.to_owned(), caseless: false }.width().unwrap();
            let spread = width.max.unwrap() - width.min;
            assert!(spread <= 32 || GAPS.contains(&rule.name), "{}: {spread}", rule.name);
        }
    }
}

#[test]
fn rules_are_cheap() {
    // Names of secrets stand in it on purpose, and rules that read names must look at each; without them nothing is left.
    let text =
        String::from_utf8(benign(1 << 20)).unwrap().replace("secret_access_key", "region").replace("token", "row");
    let text = text.into_bytes();
    let folded = text.to_ascii_lowercase();
    let databases: [(Vec<_>, &[u8]); 2] = [(secrets().collect(), &text), (instructions().collect(), &folded)];
    for (expressions, text) in databases {
        let (rules, expressions): (Vec<_>, Vec<_>) = expressions.into_iter().unzip();
        let (counts, stream) = hits(&expressions, text);
        let mut worst: Vec<_> = counts.iter().zip(&rules).filter(|(count, _)| **count > 0).collect();
        worst.sort_unstable();
        let all: usize = counts.iter().sum();
        assert!(all <= text.len() / TEXT_FOR_A_HIT, "{all} hits in a MiB: {worst:?}");
        // Five streams a connection and direction are to stay below 5 KiB.
        assert!(stream <= 1000, "{stream} bytes a stream");
    }
}

#[test]
fn the_gate_for_cheap_rules_sees_an_expensive_one() {
    let expression = |source: &str| Expression { source: source.to_owned(), caseless: false };
    let (counts, _) = hits(&[expression("AKIA[A-Z0-9]{16}"), expression("[a-z]{3} [a-z]{3}")], &benign(1 << 20));
    assert_eq!(counts[0], 0);
    assert!(counts[1] > (1 << 20) / TEXT_FOR_A_HIT);
}

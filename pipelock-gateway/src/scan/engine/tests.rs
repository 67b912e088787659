//! The gates that a rule from configuration has to pass.

use super::*;

fn rule(name: &str, expression: &str) -> UserRule {
    UserRule { name: name.to_owned(), expression: expression.to_owned(), severity: Severity::High, validator: None }
}

fn only(user: Vec<UserRule>) -> Result<Engine, Error> {
    Engine::compile(&RuleSpec { include_defaults: false, user })
}

fn found(engine: &Engine, text: &str) -> Vec<(String, Range)> {
    let findings = engine.scan(Surface::RequestHeader, text.as_bytes());
    findings.into_iter().map(|finding| (finding.rule.to_string(), finding.span)).collect()
}

type Range = std::ops::Range<u64>;

#[test]
fn a_rule_of_the_user_matches_without_regard_to_case_and_once() {
    let engine = only(vec![rule("Internal Token", r"\bacme-[0-9a-f]{8,12}\b")]).unwrap();
    assert_eq!(found(&engine, "x ACME-0123456789AB y"), [("Internal Token".to_owned(), 2..19)]);
    assert_eq!(found(&engine, "x ACMEX-0123456789AB"), []);
    let engine = only(vec![rule("Ticket", "[A-Z]{3}-[0-9]{4,9}")]).unwrap();
    assert_eq!(found(&engine, "ABC-123456789 DEF-4321"), [("Ticket".to_owned(), 0..8), ("Ticket".to_owned(), 14..22)]);
}

#[test]
fn an_unbounded_rule_is_refused_with_a_bounded_core() {
    for (expression, core) in [
        (r"acme-[a-z+*]{20,}", Some(r"acme-[a-z+*]{20}")),
        (r"acme\+[0-9]+", Some(r"acme\+[0-9]")),
        (r"acme.*key", Some(r"acme.{0,32}key")),
        (r"a+b", Some(r"a{1,32}b")),
        (r"a{600,}", None),
    ] {
        match only(vec![rule("Mine", expression)]) {
            Err(Error::Unbounded { name, core: proposed }) => {
                assert_eq!((name.as_str(), proposed.as_deref()), ("Mine", core), "{expression}");
            }
            other => panic!("{expression}: {other:?}"),
        }
    }
    let error = only(vec![rule("Mine", "acme-[a-z]{20,}")]).unwrap_err().to_string();
    assert!(error.contains("\"Mine\"") && error.contains("acme-[a-z]{20}"), "{error}");
}

#[test]
fn rules_outside_the_gates_are_errors_that_name_them() {
    for (expression, expected) in
        [("a{600}", "512"), ("a(", "does not compile"), ("(?=a)b", "does not compile"), ("a?", "empty string")]
    {
        let error = only(vec![rule("Mine", expression)]).unwrap_err().to_string();
        assert!(error.contains("\"Mine\"") && error.contains(expected), "{expression}: {error}");
    }
    assert!(matches!(only(vec![rule(" ", "abc")]), Err(Error::Nameless { .. })));
    assert!(matches!(only(vec![rule("A", "abc"), rule("A", "def")]), Err(Error::Duplicate { .. })));
}

#[test]
fn the_floor_stays_whatever_configuration_says() {
    let key = concat!("AKIA", "Q3EGUHZV7XKPRD5M");
    let engine = only(vec![rule("AWS Access ID", "never-matches-anything")]).unwrap();
    assert_eq!(found(&engine, key), [("AWS Access ID".to_owned(), 0..20)]);
    assert_eq!(found(&engine, "4111111111111111"), [], "cards are not part of the floor");
}

#[test]
fn a_rule_of_the_user_replaces_the_built_in_of_its_name() {
    let spec = RuleSpec { include_defaults: true, user: vec![rule("Linear API Key", "linear-[0-9]{6}")] };
    let engine = Engine::compile(&spec).unwrap();
    assert_eq!(found(&engine, concat!("lin_api_", "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz")), []);
    assert_eq!(found(&engine, "linear-123456"), [("Linear API Key".to_owned(), 0..13)]);
}

#[test]
fn a_validator_of_the_user_is_obeyed() {
    let routing = UserRule { validator: Some(Validator::Aba), ..rule("Routing Number", "[0-9]{9}") };
    let engine = only(vec![routing]).unwrap();
    assert_eq!(found(&engine, "021000021 021000022"), [("Routing Number".to_owned(), 0..9)]);
}

#[test]
fn engines_of_two_generations_work_side_by_side() {
    let old = only(vec![rule("Old", "old-token")]).unwrap();
    let mut running = old.stream(Surface::RequestBody, StreamOptions::default());
    running.push(b"old-");
    drop(old);
    let new = only(vec![rule("New", "new-token")]).unwrap();
    assert_eq!(found(&new, "old-token new-token"), [("New".to_owned(), 10..19)]);
    running.push(b"token");
    assert_eq!(running.finish().len(), 1);
}

//! What `pipelock rules` prints, and when it fails.

use insta::assert_snapshot;

use super::*;

/// Runs a command on a configuration of this text.
fn run_on(
    text: Option<&str>,
    command: impl FnOnce(Option<std::path::PathBuf>) -> RulesCommand,
) -> (u8, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = text.map(|text| {
        let path = folder.path().join("pipelock.yaml");
        std::fs::write(&path, text).unwrap();
        path
    });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&command(path), &mut out, &mut err);
    let cut = |bytes| String::from_utf8(bytes).unwrap().replace(&format!("{}/", folder.path().display()), "");
    (code, cut(out), cut(err))
}

fn show(name: &str) -> (u8, String, String) {
    run_on(None, |config| RulesCommand::Show { name: name.to_owned(), config, json: false })
}

#[test]
fn every_built_in_sample_keeps_its_promise() {
    let (code, out, err) = run_on(None, |config| RulesCommand::Test { config, json: false });
    assert_eq!((code, err.as_str()), (FINE, ""), "{out}");
    assert!(out.ends_with(", 0 wrong\n"), "{out}");
}

#[test]
fn a_rule_of_the_file_is_tried_on_its_own_samples() {
    let pattern = "dlp:\n  patterns:\n    - name: Ticket\n      regex: 'tkt_[a-f0-9]{8}'\n      samples:\n";
    let test = |samples: &str| {
        run_on(Some(&format!("{pattern}{samples}")), |config| RulesCommand::Test { config, json: false })
    };
    let (_, out, _) = test("        found: [x tkt_0123abcd]\n        ignored: [tkt_0123]\n");
    assert!(!out.contains("Ticket"), "{out}");
    let (code, out, _) = test("        found: [tkt_0123abcd, tkt_0123]\n        ignored: [tkt_01234567]\n");
    assert_eq!(code, FAILED);
    assert!(
        out.contains("Ticket: found sample 2 is not found\nTicket: ignored sample 1 is found and must not be\n"),
        "{out}"
    );
}

#[test]
fn a_rule_without_bound_is_refused_with_a_core_that_is_bounded() {
    let text = "dlp:\n  patterns:\n    - {name: Ticket, regex: 'tkt_[a-f0-9]{8,}'}\n";
    let (code, out, err) = run_on(Some(text), |config| RulesCommand::Test { config, json: false });
    assert_eq!((code, out.as_str()), (EXIT_CONFIG, ""));
    assert_snapshot!(err, @r#"error: pipelock.yaml: dlp: rule "Ticket": the expression can match without bound; write a bounded core instead, for example "tkt_[a-f0-9]{8}""#);
}

#[test]
fn a_rule_is_shown_by_any_part_of_its_name_that_is_its_own() {
    let (code, out, _) = show("iban");
    assert_eq!(code, FINE);
    assert!(out.starts_with("IBAN\n  severity   "), "{out}");
    assert!(show("traversal").1.contains("  found      /static/%2e%2e"));
    let (code, _, err) = show("github");
    assert_eq!(code, FAILED);
    assert!(err.contains("could be any of: ") && err.contains("GitHub Fine-Grained PAT"), "{err}");
    assert_eq!(show("no such rule").0, FAILED);
}

#[test]
fn the_list_has_every_rule_once_and_as_json_with_its_samples() {
    let (code, out, _) = run_on(None, |config| RulesCommand::List { config, json: true });
    assert_eq!(code, FINE);
    let rules: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut names: Vec<_> = rules.iter().map(|rule| (rule["family"].to_string(), rule["name"].to_string())).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(rules.iter().any(|rule| rule["origin"] == "floor" && rule["samples"]["found"][0].is_string()));
    let (_, text, _) = run_on(None, |config| RulesCommand::List { config, json: false });
    assert!(text.ends_with(&format!("{all} rules\n")), "{text}");
}

#[test]
fn a_file_that_switches_the_defaults_off_leaves_the_floor() {
    let text = "dlp:\n  include_defaults: false\n  patterns:\n    - {name: Ticket, regex: 'tkt_[a-f0-9]{8}'}\n";
    let (_, out, _) = run_on(Some(text), |config| RulesCommand::List { config, json: false });
    assert!(out.contains("GitHub Token") && out.contains("Ticket") && !out.contains("Linear"), "{out}");
}

#[test]
fn what_fires_often_is_told() {
    let rules = Rules::load(None).unwrap();
    let mut out = Vec::new();
    let text = "lin_api_0123456789012345678901234567890123456789 ".repeat(64);
    assert_eq!(cost(&rules, true, text.as_bytes(), &mut out).unwrap(), FINE);
    let hits = |rule: &str| {
        let costs = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut costs = costs.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
        costs.find(|cost| cost["rule"] == rule).unwrap()["hits_per_mib"].as_f64().unwrap()
    };
    assert!((hits("Linear API Key") - f64::from(1 << 20) / 49.0).abs() < 1.0);
    assert!(hits("Groq API Key") < 0.1);
    assert!(cost(&rules, false, &b""[..], &mut out).is_err());
}

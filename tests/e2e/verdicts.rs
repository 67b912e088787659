//! What the operator can change about a verdict: the key that a refusal names lets it pass, sessions are held to their bounds,
//! and the kill switch refuses everything.

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::{Reply, curl_argv};
use pipelock_tests::e2e;
use pipelock_tests::gateway::{Exec, Outcome};
use pipelock_tests::harness::Case;
use pipelock_tests::node::Node;
use pipelock_tests::secrets::Secret;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        e2e!(key_that_a_block_names_lets_it_pass, needs: [Bpf, CgroupV2, Pipelock, Curl], named_key),
        e2e!(body_action_warn_reports_and_lets_pass, needs: [Bpf, CgroupV2, Pipelock, Curl], body_action),
        e2e!(sentinel_file_refuses_everything_with_503_and_says_who, needs: [Bpf, CgroupV2, Pipelock, Curl], sentinel),
        e2e!(requests_beyond_the_bound_are_answered_429, needs: [Bpf, CgroupV2, Pipelock, Curl], rate_limit),
        e2e!(session_that_leaks_again_and_again_is_refused_altogether, needs: [Bpf, CgroupV2, Pipelock, Curl], escalation),
    ]
}

const URL: &str = "https://api.example.test/v1/notes";

/// The node's own configuration with these lines behind it.
fn config(node: &Node, more: &str) -> String {
    format!(
        "mode: balanced\ntls_interception:\n  enabled: true\n  upstream_ca_files: ['{}']\n{more}",
        node.root_pem().display()
    )
}

fn post(node: &Node, more: &str, body: &str) -> Result<Outcome> {
    Exec::on(node).config(config(node, more)).run(curl_argv(&[], URL, body))
}

/// Sends bodies one after the other over one connection, and returns what came back.
fn post_all(node: &Node, more: &str, bodies: &[String]) -> Result<(Vec<Reply>, Outcome)> {
    let mut argv = Vec::new();
    for (n, body) in bodies.iter().enumerate() {
        let one = curl_argv(&[], URL, body);
        if n == 0 {
            argv = one;
        } else {
            argv.push("--next".into());
            argv.extend(one.into_iter().skip(1));
        }
    }
    let outcome = Exec::on(node).config(config(node, more)).run(argv)?;
    let replies = outcome.finished.stdout.lines().map(Reply::parse).collect::<Result<_>>()?;
    Ok((replies, outcome))
}

/// One row for each reason a file can do something about: what is blocked, the key that the record names, and that key applied.
fn named_key(node: &Node) -> Result<()> {
    let leak = format!(r#"{{"note":"{}"}}"#, Secret::github().value);
    for (before, body, reason, setting, after) in [
        ("", leak.as_str(), "secret", "suppress", "suppress: [{rule: 'RULE', path: api.example.test/v1/}]\n"),
        (
            "dlp: {patterns: [{name: Ticket, regex: 'TKT-[0-9]{8}', severity: high}]}\n",
            r#"{"note":"TKT-48151623"}"#,
            "secret",
            "suppress",
            "suppress: [{rule: 'RULE', path: api.example.test/v1/}]\ndlp: {patterns: [{name: Ticket, regex: 'TKT-[0-9]{8}', severity: high}]}\n",
        ),
    ] {
        let outcome = post(node, before, body)?;
        let record = outcome.only_request()?;
        ensure!(record["event"] == "blocked" && record["reason"] == reason, "{outcome:#?}");
        ensure!(record["setting"] == setting, "{record}");
        let rule = record["findings"][0]["rule"].as_str().unwrap_or_default();
        let outcome = post(node, &after.replace("RULE", rule), body)?;
        let reply = Reply::parse(&outcome.finished.stdout)?;
        ensure!(reply.status == 200, "{setting} did not let it pass: {outcome:#?}");
    }
    Ok(())
}

fn body_action(node: &Node) -> Result<()> {
    let leak = format!(r#"{{"note":"{}"}}"#, Secret::github().value);
    let outcome = post(node, "request_body_scanning: {action: warn}\n", &leak)?;
    ensure!(Reply::parse(&outcome.finished.stdout)?.status == 200, "{outcome:#?}");
    let record = outcome.only_request()?;
    ensure!(record["action"] == "warn" && record["reason"] == "secret", "{record}");
    Ok(())
}

fn sentinel(node: &Node) -> Result<()> {
    let file = node.directory().join("stop");
    std::fs::write(&file, "").context("writing the sentinel file")?;
    let more = format!("kill_switch: {{sentinel_file: '{}'}}\n", file.display());
    // The file is looked for as soon as the gateway runs; curl asks again should it have been faster.
    let mut argv = curl_argv(&["--retry", "0"], URL, "clean");
    argv.splice(0..0, ["sh".into(), "-c".into(), "read line; exec \"$@\"".into(), "sh".into()]);
    let mut session = Exec::on(node).config(config(node, &more)).start(argv)?;
    // The record of the switch is on disk before the command is let go.
    session.wait_for_record("\"event\":\"kill_switch\"")?;
    session.process.say("go")?;
    let outcome = session.finish()?;
    let reply = Reply::parse(&outcome.finished.stdout)?;
    ensure!(reply.status == 503 && reply.blocked.as_deref() == Some("kill_switch"), "{outcome:#?}");
    let record =
        outcome.audit.iter().find(|record| record["event"] == "kill_switch").context("no record of the switch")?;
    ensure!(record["source"] == "sentinel" && record["by"].as_str().is_some_and(|by| by.ends_with("stop")), "{record}");
    Ok(())
}

fn rate_limit(node: &Node) -> Result<()> {
    let bodies: Vec<String> = (0..4).map(|n| format!("clean {n}")).collect();
    let (replies, outcome) = post_all(node, "fetch_proxy:\n  monitoring: {max_requests_per_minute: 2}\n", &bodies)?;
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    ensure!(statuses == [200, 200, 429, 429], "{statuses:?}: {outcome:#?}");
    Ok(())
}

fn escalation(node: &Node) -> Result<()> {
    let leak = format!(r#"{{"note":"{}"}}"#, Secret::github().value);
    let bodies: Vec<String> = std::iter::repeat_n(leak, 5).chain(["clean".to_owned()]).collect();
    let more = "session_profiling: {enabled: true}\nadaptive_enforcement: {enabled: true}\n";
    let (replies, outcome) = post_all(node, more, &bodies)?;
    let last = replies.last().context("no reply")?;
    ensure!(last.status == 403 && last.blocked.as_deref() == Some("session_escalated"), "{replies:?}");
    let levels: Vec<_> = outcome.audit.iter().filter(|record| record["event"] == "adaptive_escalation").collect();
    ensure!(levels.len() == 3 && levels[2]["to"] == "critical", "{levels:?}");
    Ok(())
}

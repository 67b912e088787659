//! Sure's providers: the normal call of each passes in every proxy-variable shape without a finding, and what it carries is
//! stopped on its way to anybody else.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::Shape;
use pipelock_tests::gateway::{Exec, Outcome};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::node::{API, Node};
use pipelock_tests::process::{self, DEADLINE};
use pipelock_tests::providers::{self, Call, Library};
use serde::Deserialize;

const NEEDS: [Need; 6] = [Need::Bpf, Need::CgroupV2, Need::Pipelock, Need::Ruby, Need::HttParty, Need::Faraday];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Shape::ALL
        .into_iter()
        .map(|shape| {
            let name = format!("providers::normal_call_of_each_passes_with_{}", shape.as_str());
            Case::new(name, NEEDS, move |node| normal(node, shape))
        })
        .collect();
    cases.push(Case::new("providers::credential_of_each_is_stopped_on_its_way_to_another", NEEDS, elsewhere));
    cases.push(Case::new("providers::without_the_gateway_every_credential_leaks", NEEDS, leaks));
    cases
}

/// What the script says of one call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    provider: String,
    status: u16,
    blocked: Option<String>,
    error: Option<String>,
}

fn script(node: &Node, calls: &[Call]) -> Result<[PathBuf; 3]> {
    let file = node.directory().join("calls.json");
    std::fs::write(&file, serde_json::to_string(calls)?).context("writing the calls")?;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/providers.rb");
    Ok(["ruby".into(), script, file])
}

fn answers(stdout: &str, calls: &[Call]) -> Result<Vec<Answer>> {
    let answers: Vec<Answer> =
        stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("an answer")?;
    ensure!(answers.iter().map(|answer| &answer.provider).eq(calls.iter().map(|call| call.provider)), "{answers:#?}");
    Ok(answers)
}

fn send(node: &Node, calls: &[Call], shape: Shape) -> Result<(Vec<Answer>, Outcome)> {
    let mut exec = Exec::on(node);
    for (name, value) in variables(shape) {
        exec = exec.env(name, &value);
    }
    let outcome = exec.run(script(node, calls)?)?;
    let answers = answers(&outcome.finished.stdout, calls).with_context(|| outcome.finished.stderr.clone())?;
    Ok((answers, outcome))
}

/// Those of the shape, with every provider in `NO_PROXY` where it has one.
fn variables(shape: Shape) -> Vec<(&'static str, String)> {
    let mut variables = shape.variables();
    for (name, value) in &mut variables {
        if *name == "NO_PROXY" {
            value.push(',');
            value.push_str(&providers::HOSTS.join(","));
        }
    }
    variables
}

fn normal(node: &Node, shape: Shape) -> Result<()> {
    let calls = providers::calls();
    let (answers, outcome) = send(node, &calls, shape)?;
    let stopped: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    ensure!(stopped.is_empty(), "{stopped:#?}\n{}", outcome.audit_text);
    for record in outcome.requests() {
        ensure!(record["findings"].as_array().is_some_and(Vec::is_empty), "a finding in {record}");
    }
    // Judged once each: none went past the gateway, none was judged at both doors.
    let seen: Vec<&str> = outcome.requests().map(|record| record["host"].as_str().unwrap_or_default()).collect();
    let sent: Vec<&str> = calls.iter().map(Call::host).collect();
    ensure!(seen == sent, "{seen:#?}");
    Ok(())
}

/// The same credentials, written into a note for somebody else.
fn spilt() -> Vec<Call> {
    let given_away = |call: Call| Call {
        library: Library::Net,
        method: "POST",
        url: format!("https://{API}/v1/notes"),
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: serde_json::json!({ "note": call.spilt }).to_string(),
        ..call
    };
    providers::calls().into_iter().filter(|call| !call.spilt.is_empty()).map(given_away).collect()
}

fn elsewhere(node: &Node) -> Result<()> {
    let calls = spilt();
    let (answers, outcome) = send(node, &calls, Shape::None)?;
    let passed: Vec<_> = answers
        .iter()
        .filter(|answer| (answer.status, answer.blocked.as_deref(), &answer.error) != (403, Some("secret"), &None))
        .collect();
    ensure!(passed.is_empty(), "{passed:#?}\n{}", outcome.audit_text);
    ensure!(node.upstream().journal().connections().iter().all(|c| c.requests.is_empty()), "something arrived");
    Ok(())
}

/// The control: without the gateway each of them does arrive.
fn leaks(node: &Node) -> Result<()> {
    let calls = spilt();
    let argv = script(node, &calls)?;
    let mut command = node.direct_command(&argv[0]);
    command.args(&argv[1..]);
    let finished = process::run(command, DEADLINE)?;
    let answers = answers(&finished.stdout, &calls).with_context(|| finished.stderr.clone())?;
    ensure!(answers.iter().all(|answer| answer.status == 200), "{answers:#?}");
    Ok(())
}

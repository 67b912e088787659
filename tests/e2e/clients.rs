//! Every client in every environment: what is clean arrives as if nothing stood in between, what leaks does not arrive.

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::{self, Client, Reply, Shape};
use pipelock_tests::gateway::{Exec, Outcome};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::node::Node;
use pipelock_tests::secrets::Secret;
use pipelock_tests::upstream::{Connection, Request};

use crate::control::direct;

const CLEAN: &str = r#"{"note":"nothing to see here","number":7,"umlaut":"\u00fc"}"#;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for client in clients::ALL {
        for shape in Shape::ALL {
            let name = |claim: &str| format!("{}::{}::{claim}", client.name, shape.as_str());
            let needs = [Need::Bpf, Need::CgroupV2, Need::Pipelock].into_iter().chain(client.needs.iter().copied());
            cases.push(Case::new(name("clean_post_arrives_byte_identical"), needs.clone(), move |node| {
                clean_post_arrives(node, client, shape)
            }));
            cases.push(Case::new(name("leak_is_stopped"), needs, move |node| leak_is_stopped(node, client, shape)));
        }
    }
    cases
}

fn clean_post_arrives(node: &Node, client: &Client, shape: Shape) -> Result<()> {
    let expected = direct(node, client, CLEAN)?;
    let seen = node.upstream().journal().connection_count();
    let (outcome, reply) = through_gateway(node, client, shape, CLEAN)?;
    ensure!(reply.status == 200 && reply.blocked.is_none(), "{reply:?}\n{outcome:#?}");
    let connections = node.upstream().journal().since(seen);
    let arrived = only_request(&connections).with_context(|| format!("{outcome:#?}"))?;
    same_request(&arrived, &expected)?;
    check_record(client, shape, &outcome, "allowed", 200)
}

fn leak_is_stopped(node: &Node, client: &Client, shape: Shape) -> Result<()> {
    let secret = match shape {
        Shape::None => Secret::github(),
        Shape::HttpsProxy => Secret::openai(),
        Shape::ProxyAndNoProxy => Secret::aws(),
    };
    let body = format!(r#"{{"note":"please keep this","key":"{}"}}"#, secret.value);
    let (outcome, reply) = through_gateway(node, client, shape, &body)?;
    ensure!(
        reply.status == 403 && reply.blocked.as_deref() == Some("secret"),
        "{secret:?} was not stopped: {reply:?}\n{outcome:#?}"
    );
    nothing_arrived(&secret, &node.upstream().journal().connections())?;
    ensure!(!secret.leaked_into(outcome.audit_text.as_bytes()), "the audit log holds the secret");
    ensure!(!secret.leaked_into(outcome.finished.stderr.as_bytes()), "standard error holds the secret");
    let record = outcome.only_request()?;
    ensure!(record["reason"] == "secret" && record["action"] == "block", "{record:#}");
    ensure!(record["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{record:#}");
    check_record(client, shape, &outcome, "blocked", 403)
}

/// Runs a client under `pipelock exec` in an environment.
pub(crate) fn through_gateway(node: &Node, client: &Client, shape: Shape, body: &str) -> Result<(Outcome, Reply)> {
    let mut exec = Exec::on(node);
    for (name, value) in shape.variables() {
        exec = exec.env(name, &value);
    }
    let outcome = exec.run(client.argv(body))?;
    ensure!(outcome.code() == Some(0), "pipelock exec failed: {outcome:#?}");
    let reply = Reply::parse(&outcome.finished.stdout).with_context(|| format!("{outcome:#?}"))?;
    Ok((outcome, reply))
}

/// Exactly one record of the request and one of its connection, which say where it went and through which door.
fn check_record(client: &Client, shape: Shape, outcome: &Outcome, event: &str, status: u16) -> Result<()> {
    let request = outcome.only_request()?;
    ensure!(request["event"] == event && request["status"] == status, "{request:#}");
    ensure!(request["host"] == client.host && request["method"] == "POST", "{request:#}");
    let connection = outcome.only_connection()?;
    let explicit = client.asks_proxy(shape);
    let door = if explicit { "explicit" } else { "captured" };
    ensure!(connection["front_door"] == door && request["front_door"] == door, "not through {door}: {connection:#}");
    ensure!(connection["decision"] == "intercept" && connection["requests"] == 1, "{connection:#}");
    ensure!(connection["connection"] == request["connection"], "the records do not belong together: {outcome:#?}");
    if !explicit {
        let executable = connection["workload"]["executable"].as_str().unwrap_or_default();
        ensure!(!executable.is_empty(), "no workload in {connection:#}");
    }
    let summary = outcome.finished.stderr.lines().filter(|line| line.starts_with("pipelock: c")).collect::<Vec<_>>();
    ensure!(summary.len() == 1 && summary[0].contains(client.host), "summary lines: {summary:?}\n{outcome:#?}");
    Ok(())
}

/// The only request among some connections.
pub(crate) fn only_request(connections: &[Connection]) -> Result<Request> {
    let requests = connections.iter().flat_map(|connection| &connection.requests).collect::<Vec<_>>();
    ensure!(requests.len() == 1, "expected one request at the upstream: {connections:#?}");
    Ok(requests[0].clone())
}

/// Nothing of a request reached the upstream: no head, no byte under TLS, and nowhere a part of the secret.
pub(crate) fn nothing_arrived(secret: &Secret, connections: &[Connection]) -> Result<()> {
    for connection in connections {
        ensure!(connection.requests.is_empty(), "a request arrived: {:#?}", connection.requests);
        ensure!(!secret.leaked_into(&connection.received), "a part of the secret arrived: {connection:#?}");
        // An HTTP/2 connection begins with a preface before any request.
        let silent = connection.received.is_empty() || connection.alpn.as_deref() == Some("h2");
        ensure!(silent, "bytes arrived: {:?}", String::from_utf8_lossy(&connection.received));
    }
    Ok(())
}

/// Byte for byte over HTTP/1.1. Over HTTP/2 the fields in their order and the body: compressed headers have no bytes of
/// their own.
fn same_request(arrived: &Request, expected: &Request) -> Result<()> {
    let text = |request: &Request| String::from_utf8_lossy(&request.raw).into_owned();
    ensure!(arrived.raw == expected.raw, "through the gateway:\n{}\ndirectly:\n{}", text(arrived), text(expected));
    ensure!(arrived == expected, "through the gateway: {arrived:#?}\ndirectly: {expected:#?}");
    Ok(())
}

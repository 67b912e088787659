//! Controls: what the other cases take for granted, shown without the gateway.
//!
//! If a client could not leak here, a case that shows it being stopped would show nothing.

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::{self, Client, Reply};
use pipelock_tests::e2e;
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::node::{APP_V4, Node};
use pipelock_tests::process::{self, DEADLINE};
use pipelock_tests::secrets::Secret;
use pipelock_tests::upstream::Request;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        e2e!(without_the_gateway_nothing_leaves_the_node, needs: [Python], no_way_out),
        e2e!(without_the_gateway_udp_443_is_accepted, needs: [Python], udp_is_accepted),
    ];
    cases.extend(clients::ALL.iter().map(|client| {
        Case::new(
            format!("control::without_the_gateway_{}_leaks", client.name),
            client.needs.iter().copied(),
            move |node| leaks(node, client),
        )
    }));
    cases
}

/// Runs a client without the gateway and returns what the upstream saw of it.
pub(crate) fn direct(node: &Node, client: &Client, body: &str) -> Result<Request> {
    let seen = node.upstream().journal().connection_count();
    let argv = client.argv(body);
    let mut command = node.direct_command(&argv[0]);
    command.args(&argv[1..]);
    let finished = process::run(command, DEADLINE)?;
    let reply = Reply::parse(&finished.stdout).with_context(|| finished.stderr.clone())?;
    ensure!(reply.status == 200 && reply.error.is_none(), "without the gateway: {reply:?} {}", finished.stderr);
    let connections = node.upstream().journal().since(seen);
    ensure!(connections.iter().all(|c| c.peer.ip() == APP_V4), "unexpected peers: {connections:#?}");
    let mut requests = connections.into_iter().flat_map(|connection| connection.requests);
    let request = requests.next().context("no request arrived")?;
    ensure!(requests.next().is_none(), "more than one request arrived");
    Ok(request)
}

fn leaks(node: &Node, client: &Client) -> Result<()> {
    let secret = Secret::github();
    let request = direct(node, client, &format!(r#"{{"note":"{}"}}"#, secret.value))?;
    ensure!(secret.leaked_into(&request.body), "the secret did not arrive: {request:?}");
    Ok(())
}

/// A connection to an address nobody has must fail inside the node, not find a way to the machine's network.
fn no_way_out(node: &Node) -> Result<()> {
    let argv = clients::raw_argv(&["post", "plain", "192.0.2.1", "x"]);
    let mut command = node.direct_command(&argv[0]);
    command.args(&argv[1..]);
    let finished = process::run(command, DEADLINE)?;
    let reply = Reply::parse(&finished.stdout)?;
    ensure!(reply.error.is_some(), "something answered at an address nobody has: {finished:?}");
    ensure!(node.upstream().journal().connection_count() == 0, "the upstream took a connection that was not for it");
    Ok(())
}

fn udp_is_accepted(node: &Node) -> Result<()> {
    let argv = clients::raw_argv(&["udp", "unconnected", "203.0.113.10", "443"]);
    let mut command = node.direct_command(&argv[0]);
    command.args(&argv[1..]);
    let finished = process::run(command, DEADLINE)?;
    ensure!(finished.stdout.contains(r#""errno": 0"#), "{finished:?}");
    Ok(())
}

/// Needs of the hand-made sockets.
pub(crate) const RAW: [Need; 2] = [Need::Python, Need::Ipv6];

//! Ways to open a socket: whichever a program chooses, its connection is judged and it sees the peer it asked for.

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::{Reply, raw_argv};
use pipelock_tests::gateway::Exec;
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::node::Node;
use pipelock_tests::secrets::Secret;

use crate::clients::{nothing_arrived, only_request};
use crate::control::RAW;

/// How it connects, the address it gives, the address `getpeername` must show.
const WAYS: &[(&str, &str, &str, &str)] = &[
    ("ipv4", "plain", "203.0.113.10", "203.0.113.10"),
    ("ipv6", "plain", "2001:db8:2::10", "2001:db8:2::10"),
    ("v4_mapped", "mapped", "203.0.113.10", "::ffff:203.0.113.10"),
    ("non_blocking", "non_blocking", "203.0.113.10", "203.0.113.10"),
    ("source_bound", "bound", "203.0.113.10", "203.0.113.10"),
];

/// Where QUIC would go, and how.
const QUIC: &[(&str, &str, &str)] = &[
    ("ipv4_unconnected", "unconnected", "203.0.113.10"),
    ("ipv4_connected", "connected", "203.0.113.10"),
    ("ipv6_unconnected", "unconnected", "2001:db8:2::10"),
    ("ipv6_connected", "connected", "2001:db8:2::10"),
    ("v4_mapped_unconnected", "unconnected", "::ffff:203.0.113.10"),
    ("v4_mapped_connected", "connected", "::ffff:203.0.113.10"),
];

pub(crate) fn cases() -> Vec<Case> {
    let needs = || [Need::Bpf, Need::CgroupV2, Need::Pipelock].into_iter().chain(RAW);
    let mut cases = Vec::new();
    for &(name, way, address, peer) in WAYS {
        cases.push(Case::new(format!("socket::{name}::is_judged_and_sees_its_peer"), needs(), move |node| {
            is_judged(node, way, address, peer)
        }));
    }
    for &(name, how, address) in QUIC {
        cases.push(Case::new(format!("quic::{name}::is_refused_with_eperm"), needs(), move |node| {
            udp_answers(node, how, address, "443", "EPERM")
        }));
    }
    cases.push(Case::new("quic::another_udp_port_is_left_alone", needs(), |node| {
        udp_answers(node, "unconnected", "203.0.113.10", "4433", "0")
    }));
    cases
}

fn is_judged(node: &Node, way: &str, address: &str, peer: &str) -> Result<()> {
    let secret = Secret::github();
    let reply = post(node, way, address, &secret.value)?;
    ensure!(reply.status == 403 && reply.blocked.as_deref() == Some("secret"), "{reply:?}");
    nothing_arrived(&secret, &node.upstream().journal().connections())?;

    let seen = node.upstream().journal().connection_count();
    let reply = post(node, way, address, "clean")?;
    ensure!(reply.status == 200, "{reply:?}");
    ensure!(reply.peer.as_deref() == Some(peer), "getpeername said {:?}, not {peer}", reply.peer);
    let connections = node.upstream().journal().since(seen);
    ensure!(only_request(&connections)?.body == b"clean", "{connections:#?}");
    ensure!(connections.iter().all(|c| c.local.ip().to_string() == address), "went elsewhere: {connections:#?}");
    Ok(())
}

fn post(node: &Node, way: &str, address: &str, body: &str) -> Result<Reply> {
    let outcome = Exec::on(node).run(raw_argv(&["post", way, address, body]))?;
    let reply = Reply::parse(&outcome.finished.stdout).with_context(|| format!("{outcome:#?}"))?;
    ensure!(reply.error.is_none(), "{reply:?}\n{outcome:#?}");
    let record = outcome.only_connection()?;
    let original = record["original_dst"].as_str().unwrap_or_default();
    ensure!(original.contains(address), "recorded destination {original}, not {address}: {record:#}");
    Ok(reply)
}

fn udp_answers(node: &Node, how: &str, address: &str, port: &str, expected: &str) -> Result<()> {
    let outcome = Exec::on(node).run(raw_argv(&["udp", how, address, port]))?;
    let said: serde_json::Value = serde_json::from_str(outcome.finished.stdout.trim())?;
    let errno = said["errno"].as_str().map_or_else(|| said["errno"].to_string(), str::to_owned);
    ensure!(errno == expected, "a datagram to {address}:{port} gave {errno}, not {expected}\n{outcome:#?}");
    Ok(())
}

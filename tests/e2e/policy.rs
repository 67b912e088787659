//! Rules through the wire: what `no_proxy` lists, the allow-list and the modes do to real connections.
//!
//! Whether a connection was opened is asked of TLS itself: a curl that trusts only the upstream's own root succeeds when
//! the bytes were relayed unopened and fails with exit code 60 when the gateway showed a certificate it minted.

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::{Reply, curl_argv, raw_argv};
use pipelock_tests::e2e;
use pipelock_tests::gateway::{Exec, Outcome};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::node::{API, Node};
use pipelock_tests::secrets::Secret;
use pipelock_tests::upstream::{Connection, Event, SMTP_BANNER};

use crate::clients::nothing_arrived;

/// curl's exit code for a certificate it does not trust (`CURLE_PEER_FAILED_VERIFICATION`).
const CURL_UNTRUSTED: i32 = 60;

/// A `no_proxy.list` entry, a URL, and the reason the connection's record must give: it is opened when that is an
/// intercept reason.
const NO_PROXY: &[(&str, &str, &str, &str)] = &[
    ("exact_name", "api.example.test", "https://api.example.test/", "no_proxy_name"),
    ("another_case", "API.Example.TEST", "https://api.example.test/", "no_proxy_name"),
    ("suffix", "example.test", "https://api.example.test/", "no_proxy_name"),
    ("suffix_with_dot", ".example.test", "https://api.example.test/", "no_proxy_name"),
    ("suffix_only_at_a_label", "example.test", "https://notexample.test/", "default"),
    ("another_name", "other.example.test", "https://api.example.test/", "default"),
    ("name_and_port", "api.example.test:443", "https://api.example.test/", "no_proxy_name"),
    ("name_and_its_other_port", "api.example.test:8443", "https://api.example.test:8443/", "no_proxy_name"),
    ("name_and_another_port", "api.example.test:8443", "https://api.example.test/", "default"),
    ("address", "203.0.113.10", "https://api.example.test/", "no_proxy_address"),
    ("another_address", "203.0.113.10", "https://other.example.test/", "default"),
    ("cidr", "203.0.113.0/28", "https://other.example.test/", "no_proxy_address"),
    ("cidr_ipv6", "2001:db8:2::/64", "https://six.example.test/", "no_proxy_address"),
    ("everything", "*", "https://api.example.test/", "no_proxy_address"),
];

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Pipelock, Need::Curl];
    let mut cases: Vec<Case> = NO_PROXY
        .iter()
        .map(|&(name, entry, url, reason)| {
            let verb = if reason == "default" { "is_opened" } else { "is_relayed" };
            Case::new(format!("no_proxy::{name}::{verb}"), needs, move |node| no_proxy(node, entry, url, reason))
        })
        .collect();
    cases.extend([
        e2e!(passthrough_domain_is_relayed_unopened, needs: [Bpf, CgroupV2, Pipelock, Curl], passthrough_domain),
        e2e!(trusted_name_at_a_strange_address_is_opened, needs: [Bpf, CgroupV2, Pipelock, Curl], spoofed_name),
        e2e!(no_proxy_variable_of_the_application_opens_no_door, needs: [Bpf, CgroupV2, Pipelock, Curl], own_no_proxy),
        e2e!(no_proxy_variable_of_the_application_counts_where_the_operator_says_so, needs: [Bpf, CgroupV2, Pipelock, Curl], honoured_no_proxy),
        e2e!(strict_mode_reaches_only_the_allow_list, needs: [Bpf, CgroupV2, Pipelock, Curl], strict),
        e2e!(audit_mode_passes_a_leak_and_records_it, needs: [Bpf, CgroupV2, Pipelock, Curl], audit),
        e2e!(client_without_our_ca_fails_and_is_not_passed_through, needs: [Bpf, CgroupV2, Pipelock, Curl], untrusting),
        e2e!(upstream_with_an_unknown_certificate_is_a_502, needs: [Bpf, CgroupV2, Pipelock, Curl], untrusted_upstream),
        e2e!(server_that_speaks_first_is_heard_at_once, needs: [Bpf, CgroupV2, Pipelock, Python], server_first),
        e2e!(opaque_protocol_flows_when_bypassed, needs: [Bpf, CgroupV2, Pipelock, Python], opaque),
    ]);
    cases
}

/// Runs curl, which trusts only the upstream's own root, and returns what it said.
fn strangers_curl(node: &Node, exec: Exec<'_>, flags: &[&str], url: &str, body: &str) -> Result<Outcome> {
    let root = node.root_pem().to_string_lossy().into_owned();
    let flags = [&["--cacert", root.as_str()], flags].concat();
    exec.run(curl_argv(&flags, url, body))
}

fn no_proxy(node: &Node, entry: &str, url: &str, reason: &str) -> Result<()> {
    let outcome = strangers_curl(node, Exec::on(node).no_proxy(entry), &[], url, "clean")?;
    let record = outcome.only_connection()?;
    ensure!(record["reason"] == reason, "{entry} on {url}: {record:#}");
    if reason == "default" {
        ensure!(outcome.code() == Some(CURL_UNTRUSTED), "{entry} on {url} was not opened: {outcome:#?}");
    } else {
        let reply = Reply::parse(&outcome.finished.stdout).with_context(|| format!("{outcome:#?}"))?;
        ensure!(reply.status == 200, "{entry} on {url} was not relayed: {reply:?}\n{outcome:#?}");
        ensure!(record["decision"] == "passthrough" && record["requests"] == 0, "{record:#}");
    }
    Ok(())
}

fn passthrough_domain(node: &Node) -> Result<()> {
    let outcome = strangers_curl(node, Exec::on(node).passthrough(API), &[], "https://api.example.test/", "clean")?;
    ensure!(Reply::parse(&outcome.finished.stdout)?.status == 200, "{outcome:#?}");
    ensure!(outcome.only_connection()?["reason"] == "passthrough_domain", "{outcome:#?}");
    Ok(())
}

/// The name of a listed host with the address of another: the list must not cover it.
fn spoofed_name(node: &Node) -> Result<()> {
    let secret = Secret::github();
    let exec = || Exec::on(node).no_proxy(API);
    let lie = ["--resolve", "api.example.test:443:203.0.113.12"];
    let outcome = strangers_curl(node, exec(), &lie, "https://api.example.test/", "clean")?;
    ensure!(outcome.code() == Some(CURL_UNTRUSTED), "relayed by name alone: {outcome:#?}");
    ensure!(outcome.only_connection()?["reason"] == "name_not_bound", "{outcome:#?}");
    let outcome = exec().run(curl_argv(&lie, "https://api.example.test/", &secret.value))?;
    ensure!(Reply::parse(&outcome.finished.stdout)?.blocked.as_deref() == Some("secret"), "{outcome:#?}");
    nothing_arrived(&secret, &node.upstream().journal().connections())
}

/// What an application writes into its own environment is no rule of the gateway's.
fn own_no_proxy(node: &Node) -> Result<()> {
    let secret = Secret::openai();
    let exec = Exec::on(node).env("NO_PROXY", "*").env("no_proxy", "*");
    let outcome = exec.run(curl_argv(&[], "https://api.example.test/", &secret.value))?;
    ensure!(Reply::parse(&outcome.finished.stdout)?.blocked.as_deref() == Some("secret"), "{outcome:#?}");
    nothing_arrived(&secret, &node.upstream().journal().connections())
}

/// The variable of the very process, read from its environment; `*` in it is never honoured.
fn honoured_no_proxy(node: &Node) -> Result<()> {
    let config = format!(
        "tls_interception:\n  enabled: true\n  upstream_ca_files: ['{}']\nno_proxy: {{from_workload: true}}\n",
        node.root_pem().display()
    );
    for (variable, value, reason) in [
        ("NO_PROXY", "localhost,.example.test", "no_proxy_workload"),
        ("no_proxy", "203.0.113.0/28", "no_proxy_workload"),
        ("NO_PROXY", "other.example.test", "default"),
        ("NO_PROXY", "*", "default"),
    ] {
        let exec = Exec::on(node).config(config.as_str()).env(variable, value);
        let outcome = strangers_curl(node, exec, &[], "https://api.example.test/", "clean")?;
        ensure!(outcome.only_connection()?["reason"] == reason, "{variable}={value}: {outcome:#?}");
        let expected = if reason == "default" { CURL_UNTRUSTED } else { 0 };
        ensure!(outcome.code() == Some(expected), "{variable}={value}: {outcome:#?}");
    }
    Ok(())
}

fn strict(node: &Node) -> Result<()> {
    let exec = || Exec::on(node).mode("strict").allow(API);
    let outcome = exec().run(curl_argv(&[], "https://api.example.test/", "clean"))?;
    ensure!(Reply::parse(&outcome.finished.stdout)?.status == 200, "the listed host is refused: {outcome:#?}");
    let seen = node.upstream().journal().connection_count();
    let outcome = exec().run(curl_argv(&[], "https://other.example.test/", "clean"))?;
    let status = Reply::parse(&outcome.finished.stdout).map_or(0, |reply| reply.status);
    ensure!(status == 0 || status == 403, "another host was reached: {outcome:#?}");
    ensure!(outcome.audit.iter().any(|record| record["reason"] == "not_in_allowlist"), "{outcome:#?}");
    let arrived = node.upstream().journal().since(seen);
    ensure!(arrived.iter().all(|c| c.received.is_empty() && c.requests.is_empty()), "{arrived:#?}");
    Ok(())
}

fn audit(node: &Node) -> Result<()> {
    let secret = Secret::github();
    let outcome = Exec::on(node).mode("audit").run(curl_argv(&[], "https://api.example.test/", &secret.value))?;
    ensure!(Reply::parse(&outcome.finished.stdout)?.status == 200, "{outcome:#?}");
    let requests = node.upstream().journal().requests();
    ensure!(requests.len() == 1 && requests[0].body == secret.value.as_bytes(), "{requests:#?}");
    let record = outcome.only_request()?;
    ensure!(record["event"] == "allowed" && record["action"] == "warn" && record["reason"] == "secret", "{record:#}");
    ensure!(record["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{record:#}");
    ensure!(!secret.leaked_into(outcome.audit_text.as_bytes()), "the audit log holds the secret");
    Ok(())
}

fn untrusting(node: &Node) -> Result<()> {
    let secret = Secret::aws();
    let outcome = strangers_curl(node, Exec::on(node), &[], "https://api.example.test/", &secret.value)?;
    ensure!(outcome.code() == Some(CURL_UNTRUSTED), "{outcome:#?}");
    let record = outcome.only_connection()?;
    ensure!(record["end"] == "rejected_certificate" && record["decision"] == "intercept", "{record:#}");
    let line = outcome.finished.stderr.lines().find(|line| line.starts_with("pipelock: c")).unwrap_or_default();
    let told = ["does not trust", "NOT passed through"].iter().all(|words| line.contains(words));
    ensure!(line.contains(API) && told, "the log line does not tell why: {line:?}");
    nothing_arrived(&secret, &node.upstream().journal().connections())
}

/// The gateway does not trust an upstream for a client: without the private root in its configuration, the answer is
/// 502, and the request stays here.
fn untrusted_upstream(node: &Node) -> Result<()> {
    let secret = Secret::github();
    let config = "version: 1\nmode: balanced\ntls_interception:\n  enabled: true\n";
    let outcome = Exec::on(node).config(config).run(curl_argv(&[], "https://api.example.test/", &secret.value))?;
    let reply = Reply::parse(&outcome.finished.stdout)?;
    ensure!(reply.status == 502 && reply.blocked.as_deref() == Some("upstream_tls"), "{reply:?}\n{outcome:#?}");
    nothing_arrived(&secret, &node.upstream().journal().connections())
}

fn server_first(node: &Node) -> Result<()> {
    let outcome = Exec::on(node).no_proxy("203.0.113.25/32").run(raw_argv(&["smtp", "203.0.113.25"]))?;
    ensure!(outcome.finished.stdout.contains(SMTP_BANNER.trim_end()), "{outcome:#?}");
    ensure!(outcome.only_connection()?["decision"] == "passthrough", "{outcome:#?}");
    let connection = only_connection(node)?;
    // The client says nothing before it has the greeting, so this order cannot come about if anybody waits for it.
    let expected = [
        Event::Sent(SMTP_BANNER.into()),
        Event::Received(b"EHLO test\r\n".to_vec()),
        Event::Sent(b"250 ok\r\n".to_vec()),
        Event::Received(b"QUIT\r\n".to_vec()),
    ];
    ensure!(connection.events == expected, "{:#?}", connection.events);
    Ok(())
}

fn opaque(node: &Node) -> Result<()> {
    let outcome = Exec::on(node).no_proxy("203.0.113.63:6379").run(raw_argv(&["redis", "203.0.113.63"]))?;
    ensure!(outcome.finished.stdout.contains("+PONG"), "{outcome:#?}");
    ensure!(outcome.only_connection()?["reason"] == "no_proxy_address", "{outcome:#?}");
    // The client sends QUIT only when it has the answer to PING: each line went through without waiting for a second.
    let expected = [
        Event::Received(b"PING\r\n".to_vec()),
        Event::Sent(b"+PONG\r\n".to_vec()),
        Event::Received(b"QUIT\r\n".to_vec()),
    ];
    let connection = only_connection(node)?;
    ensure!(connection.events == expected, "{:#?}", connection.events);
    Ok(())
}

fn only_connection(node: &Node) -> Result<Connection> {
    let mut connections = node.upstream().journal().connections();
    ensure!(connections.len() == 1, "{connections:#?}");
    connections.pop().context("no connection")
}

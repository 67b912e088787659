//! What `cargo xtask run` shows: real clients that try to leak, in every proxy environment, and what became of it.
//!
//! Needs no Internet: the hosts the clients call live in a network namespace of their own, with TLS under a private root.
//! A row is only printed as kept when three witnesses agree: the client's answer, the gateway's audit log, and the
//! upstream's journal of the bytes that reached it. Exits 1 when a row is not as promised, 2 when the machine lacks
//! something. Everything it made is gone when it ends.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is its purpose")]

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use pipelock_tests::clients::{self, Client, Reply, Shape};
use pipelock_tests::gateway::{Exec, Outcome};
use pipelock_tests::need::Need;
use pipelock_tests::node::{self, Node};
use pipelock_tests::secrets::Secret;

/// Without these there is nothing to show.
const REQUIRED: &[Need] =
    &[Need::Root, Need::Namespaces, Need::Bpf, Need::CgroupV2, Need::Pipelock, Need::Ruby, Need::Python3, Need::Curl];

/// Who is shown; those whose needs are missing are named and left out.
const SHOWN: &[&str] = &[
    "ruby_net_http_nil_proxy",
    "ruby_net_http_block",
    "ruby_httparty",
    "ruby_faraday",
    "python_urllib",
    "python_openai_sdk",
    "curl_h1",
    "curl_h2",
    "node_fetch",
];

fn main() -> ExitCode {
    let missing = REQUIRED.iter().filter(|need| !need.probe().present).collect::<Vec<_>>();
    if !missing.is_empty() {
        eprintln!("The demo cannot run here:");
        for need in missing {
            eprintln!("  {need:<12} {}\n  {:<12} -> {}", need.probe().evidence, "", need.remedy());
        }
        return ExitCode::from(2);
    }
    match demo() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every row and prints the table; false when a promise was broken.
fn demo() -> Result<bool> {
    node::sweep()?;
    eprintln!("Making two network namespaces, a cable between them, and an upstream with TLS under a private root.");
    let node = Node::new()?;
    let shown = SHOWN.iter().filter_map(|name| clients::named(name)).collect::<Vec<_>>();
    let (ready, absent): (Vec<&Client>, Vec<&Client>) =
        shown.into_iter().partition(|client| client.needs.iter().all(|need| need.probe().present));
    for client in absent {
        let remedies = client.needs.iter().filter(|need| !need.probe().present).map(|need| need.remedy());
        eprintln!("Left out: {} ({})", client.title, remedies.collect::<Vec<_>>().join("; "));
    }
    let total = ready.len() * Shape::ALL.len() * 2;
    let mut rows = Vec::new();
    for client in ready {
        for shape in Shape::ALL {
            for secret in [None, Some(secret_for(shape))] {
                let what = secret.as_ref().map_or("a clean request", |secret| secret.kind);
                eprintln!("[{:>2}/{total}] {} ({}): {what}", rows.len() + 1, client.title, shape.title());
                rows.push(row(&node, client, shape, secret.as_ref())?);
            }
        }
    }
    print_table(&rows);
    let broken = rows.iter().filter(|row| row.broken.is_some()).count();
    println!();
    if broken == 0 {
        println!("{total} of {total} as promised: every clean request arrived, nothing of a secret did.");
        println!("\nNow one of your own, in this terminal and with your own network:\n");
        println!("    cargo xtask run -- curl -sS https://example.com -d 'hello'");
        println!("    cargo xtask run -- ruby your_script.rb");
    } else {
        println!("{broken} of {total} NOT as promised.");
    }
    Ok(broken == 0)
}

fn secret_for(shape: Shape) -> Secret {
    match shape {
        Shape::None => Secret::github(),
        Shape::HttpsProxy => Secret::openai(),
        Shape::ProxyAndNoProxy => Secret::aws(),
    }
}

/// One line of the table.
struct Row {
    cells: [String; 7],
    broken: Option<String>,
}

fn row(node: &Node, client: &Client, shape: Shape, secret: Option<&Secret>) -> Result<Row> {
    let seen = node.upstream().journal().connection_count();
    let mut exec = Exec::on(node);
    for (name, value) in shape.variables() {
        exec = exec.env(name, &value);
    }
    let body = match secret {
        None => r#"{"note":"hello"}"#.to_owned(),
        Some(secret) => format!(r#"{{"note":"hello","key":"{}"}}"#, secret.value),
    };
    let outcome = exec.run(client.argv(&body))?;
    let said = Reply::parse(&outcome.finished.stdout)
        .with_context(|| format!("pipelock said: {}", outcome.finished.stderr.trim()));
    let reply = said.as_ref().cloned().unwrap_or_default();
    let record = outcome.requests().next().cloned().unwrap_or_default();
    let text = |key: &str| record[key].as_str().unwrap_or("-").to_owned();
    let rules = record["findings"]
        .as_array()
        .map(|findings| findings.iter().filter_map(|finding| finding["rule"].as_str()).collect::<Vec<_>>().join(", "));
    let why = match rules.filter(|rules| !rules.is_empty()) {
        Some(rules) => format!("{}: {rules}", text("reason")),
        None => "nothing found".to_owned(),
    };
    let broken =
        said.and_then(|reply| promise(node, seen, &outcome, &reply, secret)).err().map(|error| format!("{error:#}"));
    let cells = [
        client.title.to_owned(),
        shape.title().to_owned(),
        secret.map_or("clean", |secret| secret.kind).to_owned(),
        format!("{} ({})", text("host"), text("original_dst")),
        text("front_door"),
        format!("{} ({})", text("event"), reply.status),
        why,
    ];
    Ok(Row { cells, broken })
}

/// Whether client, audit log and upstream agree that what should happen did.
fn promise(node: &Node, seen: usize, outcome: &Outcome, reply: &Reply, secret: Option<&Secret>) -> Result<()> {
    let connections = node.upstream().journal().since(seen);
    let arrived = connections.iter().flat_map(|connection| &connection.requests).count();
    let event = outcome.only_request()?["event"].as_str().unwrap_or_default();
    match secret {
        None => {
            ensure!(reply.status == 200, "a clean request got {reply:?}");
            ensure!(event == "allowed", "the audit log calls it {event}");
            ensure!(arrived == 1, "{arrived} requests reached the upstream");
        }
        Some(secret) => {
            ensure!(reply.status == 403 && reply.blocked.is_some(), "the client got {reply:?}");
            ensure!(event == "blocked", "the audit log calls it {event}");
            ensure!(arrived == 0, "the request reached the upstream");
            if connections.iter().any(|connection| secret.leaked_into(&connection.received)) {
                bail!("a part of the secret reached the upstream");
            }
        }
    }
    Ok(())
}

fn print_table(rows: &[Row]) {
    const TITLES: [&str; 7] = ["CLIENT", "PROXY VARIABLES", "SENT", "MEANT TO GO TO", "DOOR", "VERDICT", "WHY"];
    let mut widths = TITLES.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>();
        padded.join("  ").trim_end().to_owned()
    };
    println!("\n{}", line(&TITLES.map(str::to_owned)));
    for row in rows {
        println!("{}", line(&row.cells));
        if let Some(broken) = &row.broken {
            println!("    NOT AS PROMISED: {broken}");
        }
    }
}

//! What the gateway costs, as ratios within one run: `cargo xtask bench`.
//!
//! Measures the hooks by the statistics the kernel keeps on programs, `connect()` by a clock around the system call, and
//! requests by a load client and an echo server that are processes of their own. Rounds of the compared paths alternate,
//! so that a machine that changes speed changes all of them. Prints the tables and writes them to
//! `tests/benches/`, whose README.md says how to read them. `bench http` compares with other proxies, `bench mcp` is about the MCP port. The load client and the echo server are
//! this same program under another first argument; see [`pipelock_tests::bench`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the tables are its purpose")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use pipelock_tests::bench::{echo, http, load, mcp, report};
use pipelock_tests::need::Need;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match arguments.next().as_deref() {
        Some("echo") => arguments.next().context("bench echo FILE").and_then(|file| echo::serve(file.as_ref())),
        Some("load") => arguments.next().context("bench load FILE").and_then(|file| load::obey(file.as_ref())),
        Some("http-upstream") => {
            arguments.next().context("bench http-upstream DIR").and_then(|files| http::upstream::serve(files.as_ref()))
        }
        Some("http-load") => {
            let route = arguments.next().context("bench http-load ROUTE FILE…");
            route.and_then(|route| http::load::obey(&route, &arguments.map(Into::into).collect::<Vec<_>>()))
        }
        Some("mcp-echo") => {
            let port = arguments.next().and_then(|port| port.parse().ok());
            port.context("bench mcp-echo PORT").and_then(mcp::echo)
        }
        Some("mcp") => measure(Some("RESULTS-mcp.md"), mcp::run),
        Some("http") => {
            let only: Vec<String> = arguments.collect();
            let file = only.is_empty().then_some("RESULTS-http.md");
            measure(file, |progress| http::report::run(&only, progress))
        }
        _ => measure(Some("RESULTS.md"), report::run),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `None` for a part of the whole, which is only shown.
fn measure(file: Option<&str>, run: impl FnOnce(fn(&str)) -> Result<String>) -> Result<()> {
    let needs = [Need::Root, Need::Namespaces, Need::Bpf, Need::CgroupV2, Need::Pipelock, Need::Bpftool];
    for need in needs {
        anyhow::ensure!(need.probe().present, "{need} is missing ({}): {}", need.probe().evidence, need.remedy());
    }
    let text = run(|progress| eprintln!("{progress}"))?;
    println!("{text}");
    let Some(file) = file else { return Ok(()) };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(file);
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
}

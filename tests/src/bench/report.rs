//! Drives echo servers and load clients over the paths that are compared, and makes the tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::load::CONNECTIONS;
use super::tree::cpu_seconds;
use crate::gateway::{self, Exec, Session};
use crate::node::{API_V4, Node};
use crate::process::{self, DEADLINE, Running};

/// Rounds of each comparison; the paths alternate within a round.
const ROUNDS: usize = 7;
/// Connections a path and round of the `connect()` comparison.
const CONNECTS: usize = 1000;
/// How long each path is kept busy in a round of the request comparison.
const BUSY: Duration = Duration::from_secs(2);

/// How the load client reaches the echo server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Without `pipelock`.
    Direct,
    /// Captured cgroup, but the kernel programs let the destination through (`capture.cidr_bypass`).
    KernelBypass,
    /// Steered to the gateway, which relays unopened (`no_proxy.list`).
    Passthrough,
    /// Steered, opened, scanned.
    Intercept,
}

impl Path {
    /// The configuration for this path, besides trust in the echo server's root.
    fn rules(self) -> String {
        match self {
            Self::Direct | Self::Intercept => String::new(),
            Self::KernelBypass => format!("capture:\n  cidr_bypass: [\"{API_V4}/32\"]\n"),
            Self::Passthrough => format!("no_proxy:\n  list: [\"{API_V4}/32\"]\n"),
        }
    }
}

/// One path, set up: an echo server outside, a load client inside. Each has a node of its own, so that two gateways do
/// not meet in one network namespace.
struct Lane {
    load: Load,
    echo: Running,
    read: usize,
    // Last: the processes above live in its namespaces.
    _node: Box<Node>,
}

enum Load {
    Direct(Running),
    Captured(Session),
}

impl Load {
    fn process(&mut self) -> &mut Running {
        match self {
            Self::Direct(process) => process,
            Self::Captured(session) => &mut session.process,
        }
    }
}

impl Lane {
    fn open(path: Path) -> Result<Self> {
        let node = Box::new(Node::new()?);
        let own = std::env::current_exe().context("own path")?;
        let root: PathBuf = node.directory().join("echo-root.pem");
        let mut command = node.outside_command(&own);
        command.arg("echo").arg(&root);
        let echo = Running::start(command)?;
        echo.wait_for_output("ready")?;
        let mut load = if path == Path::Direct {
            let mut command = node.command(&own);
            command.arg("load").arg(&root);
            Load::Direct(Running::start(command)?)
        } else {
            let config = format!(
                "version: 1\nmode: balanced\ntls_interception:\n  enabled: true\n  upstream_ca_files: [\"{}\"]\n{}",
                root.display(),
                path.rules()
            );
            Load::Captured(Exec::on(&node).config(config).start([
                own.as_os_str(),
                "load".as_ref(),
                root.as_os_str(),
            ])?)
        };
        load.process().wait_for_output("ready")?;
        let read = load.process().output().len();
        Ok(Self { load, echo, read, _node: node })
    }

    /// Gives the load client a command and returns its answer.
    fn ask(&mut self, command: &str) -> Result<Value> {
        let process = self.load.process();
        process.say(command)?;
        let answer = process.wait_for_more(self.read, "\n", DEADLINE)?;
        self.read += answer.len();
        serde_json::from_str(answer.trim()).with_context(|| format!("the load client said {answer:?}"))
    }

    /// CPU time of the gateway and of the echo server so far. The gateway is the `pipelock exec` process; its command is
    /// another and is not counted.
    fn cpu(&mut self) -> Result<(f64, f64)> {
        Ok((cpu_seconds(self.load.process().pid())?, cpu_seconds(self.echo.pid())?))
    }

    fn requests(&mut self) -> Result<Round> {
        let before = self.cpu()?;
        let answer = self.ask(&format!("requests {}", BUSY.as_millis()))?;
        let after = self.cpu()?;
        let requests = answer["requests"].as_f64().context("requests")?;
        let rate = requests / answer["seconds"].as_f64().context("seconds")?;
        let each = |seconds: f64| seconds / requests * 1e6;
        Ok(Round { rate, gateway_us: each(after.0 - before.0), echo_us: each(after.1 - before.1) })
    }
}

/// One path in one round.
struct Round {
    rate: f64,
    gateway_us: f64,
    echo_us: f64,
}

/// Runs everything and returns the text of `RESULTS.md`.
///
/// # Errors
/// When a part cannot be set up or an exchange fails.
pub fn run(progress: impl Fn(&str)) -> Result<String> {
    let mut text = heading()?;
    progress("hooks: kernel statistics while 5000 connections are made");
    hooks(&mut text)?;
    progress("connect(): none, bypass, redirect in turn");
    connects(&mut text, &progress)?;
    progress("requests: direct, passthrough, intercept in turn");
    requests(&mut text, &progress)?;
    Ok(text)
}

fn heading() -> Result<String> {
    Ok(format!(
        "# Results\n\nWritten by `cargo xtask bench`; README.md beside it says how to read it. Compare within this file \
         only.\n\n{}\n",
        machine()?
    ))
}

/// What the figures were taken on, in one paragraph.
pub(super) fn machine() -> Result<String> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("kernel release")?;
    let processors = std::thread::available_parallelism().context("processors")?;
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, m)| m);
    let binary = gateway::binary();
    let profile = if binary.components().any(|part| part.as_os_str() == "release") { "release" } else { "NOT release" };
    Ok(format!(
        "Linux {}, {processors} processors ({model}), pipelock built as {profile}. Client, gateway and server share the \
         processors.",
        kernel.trim()
    ))
}

/// Cost of each program by the kernel's own statistics.
fn hooks(text: &mut String) -> Result<()> {
    writeln!(text, "\n## Hooks\n\nKernel statistics (`run_time_ns ÷ run_cnt`), their own overhead included.\n")?;
    writeln!(text, "| path | program | runs a connection | ns a run |\n|---|---|---:|---:|")?;
    let _statistics = aya::sys::enable_stats(aya::sys::Stats::RunTime).context("BPF_ENABLE_STATS")?;
    for (title, path) in [("redirect", Path::Intercept), ("bypass", Path::KernelBypass)] {
        let before = programs()?;
        let mut lane = Lane::open(path)?;
        let idle = programs()?;
        let count = 5000;
        lane.ask(&format!("connect {count}"))?;
        for (id, program) in programs()?.into_iter().filter(|(id, _)| !before.contains_key(id)) {
            let earlier = idle.get(&id).map_or((0.0, 0.0), |p| (p.runs, p.nanoseconds));
            let (runs, time) = (program.runs - earlier.0, program.nanoseconds - earlier.1);
            if runs > 0.0 {
                let each = runs / f64::from(count);
                writeln!(text, "| {title} | {} | {each:.1} | {:.0} |", program.name, time / runs)?;
            }
        }
    }
    Ok(())
}

struct Program {
    name: String,
    runs: f64,
    nanoseconds: f64,
}

/// Every loaded program with its statistics, by id. aya does not show them, `bpftool` does.
fn programs() -> Result<BTreeMap<u64, Program>> {
    let mut command = Command::new("bpftool");
    command.args(["--json", "prog", "show"]);
    let finished = process::run(command, DEADLINE)?;
    ensure!(finished.status.success(), "bpftool: {}", finished.stderr);
    let list: Vec<Value> = serde_json::from_str(&finished.stdout).context("bpftool's output")?;
    let one = |entry: &Value| {
        let number = |key: &str| entry[key].as_f64().unwrap_or_default();
        let name = entry["name"].as_str().unwrap_or("?").to_owned();
        Some((entry["id"].as_u64()?, Program { name, runs: number("run_cnt"), nanoseconds: number("run_time_ns") }))
    };
    Ok(list.iter().filter_map(one).collect())
}

fn connects(text: &mut String, progress: &impl Fn(&str)) -> Result<()> {
    let paths = [("none", Path::Direct), ("bypass", Path::KernelBypass), ("redirect", Path::Intercept)];
    let mut lanes = paths.map(|(_, path)| Lane::open(path));
    let mut medians = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        progress(&format!("  round {} of {ROUNDS}", round + 1));
        for (lane, medians) in lanes.iter_mut().zip(&mut medians) {
            let lane = lane.as_mut().map_err(|error| anyhow::anyhow!("{error:#}"))?;
            let answer = lane.ask(&format!("connect {CONNECTS}"))?;
            medians.push(answer["median_ns"].as_f64().context("median_ns")? / 1000.0);
        }
    }
    writeln!(
        text,
        "\n## `connect()`\n\nMedian of {CONNECTS} calls, {ROUNDS} alternating rounds, over a virtual cable.\n"
    )?;
    writeln!(text, "| path | µs, median (range) of rounds | ÷ none, median (range) |\n|---|---:|---:|")?;
    for ((title, _), times) in paths.iter().zip(&medians) {
        let ratios = times.iter().zip(&medians[0]).map(|(time, none)| time / none).collect();
        writeln!(text, "| {title} | {} | {} |", spread(times.clone(), 1), spread(ratios, 2))?;
    }
    Ok(())
}

fn requests(text: &mut String, progress: &impl Fn(&str)) -> Result<()> {
    let paths = [("direct", Path::Direct), ("passthrough", Path::Passthrough), ("intercept + scan", Path::Intercept)];
    let mut lanes = paths.map(|(_, path)| Lane::open(path));
    let mut rounds = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        progress(&format!("  round {} of {ROUNDS}", round + 1));
        for (lane, rounds) in lanes.iter_mut().zip(&mut rounds) {
            rounds.push(lane.as_mut().map_err(|error| anyhow::anyhow!("{error:#}"))?.requests()?);
        }
    }
    writeln!(
        text,
        "\n## Requests\n\nTLS 1.3, HTTP/1.1 keep-alive, {CONNECTIONS} connections, {} bytes each way, {ROUNDS} alternating \
         rounds of {} s. Median (range) of rounds.\n",
        super::BODY.len(),
        BUSY.as_secs()
    )?;
    writeln!(text, "| path | requests/s | ÷ direct | gateway CPU µs a request | gateway CPU ÷ echo server CPU |")?;
    writeln!(text, "|---|---:|---:|---:|---:|")?;
    for ((title, path), measured) in paths.iter().zip(&rounds) {
        let rates = measured.iter().map(|round| round.rate).collect();
        let ratios = measured.iter().zip(&rounds[0]).map(|(round, direct)| round.rate / direct.rate).collect();
        let (cpu, relation) = if *path == Path::Direct {
            ("-".to_owned(), "-".to_owned())
        } else {
            let relations = measured.iter().map(|round| round.gateway_us / round.echo_us).collect();
            (spread(measured.iter().map(|round| round.gateway_us).collect(), 1), spread(relations, 2))
        };
        writeln!(text, "| {title} | {} | {} | {cpu} | {relation} |", spread(rates, 0), spread(ratios, 2))?;
    }
    Ok(())
}

/// `median (smallest–largest)`.
pub(super) fn spread(mut values: Vec<f64>, decimals: usize) -> String {
    values.sort_by(f64::total_cmp);
    match (values.first(), values.get(values.len() / 2), values.last()) {
        (Some(least), Some(median), Some(most)) => {
            format!("**{median:.decimals$}** ({least:.decimals$}–{most:.decimals$})")
        }
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_median_and_range() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0], 1), "**2.0** (1.0–3.0)");
        assert_eq!(spread(Vec::new(), 1), "-");
    }
}

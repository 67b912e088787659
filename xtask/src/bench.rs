//! `cargo xtask bench`: figures measured in one run, on one machine, as ratios.
//!
//! Only builds and starts; the programs that measure are the tests crate's `bench` (hooks, `connect()`, requests, on the
//! real data path) and the gateway's criterion benches (scanning). How to read the figures stands beside each of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::command::Cmd;
use crate::e2e::{self, Kind};
use crate::{deps, workspace};

/// Which figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Cost of the hooks, of `connect()` (none, bypassed, steered), and of a request (direct, passed through, scanned).
    DataPath,
    /// Scanning alone: what is promised of it and what was measured.
    Scan,
    /// HTTP through the gateway beside haproxy, nginx, Squid and mitmproxy.
    Http,
    /// The MCP port beside a direct connection.
    Mcp,
    /// All of them.
    All,
}

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_enum, default_value = "all")]
    subject: Subject,
    /// Scan: keep this build, as the one that `--against` compares later builds with.
    #[arg(long)]
    keep: bool,
    /// Scan: run this build and the kept one in turns, and print the ratio of the two for each line.
    #[arg(long)]
    against: bool,
    /// Http: only what has one of these words in its title, and do not keep the result.
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// Scan: what views, lanes and groups of rules cost, as the difference with and without them.
    #[arg(long)]
    marginal: bool,
}

/// Builds with optimisation and measures.
///
/// # Errors
/// When something does not build, or a measurement fails.
pub(crate) fn bench(args: &Args) -> Result<()> {
    if matches!(args.subject, Subject::DataPath | Subject::All) {
        deps::ensure_clients()?;
        data_path(&[], &[])?;
    }
    if matches!(args.subject, Subject::Http | Subject::All) {
        deps::ensure_rivals()?;
        let mitmdump = e2e::python_environment(e2e::Python::Mitmproxy)?.with_file_name("mitmdump");
        let words: Vec<&str> = ["http"].into_iter().chain(args.only.iter().map(String::as_str)).collect();
        data_path(&words, &[("PIPELOCK_MITMDUMP", &mitmdump)])?;
    }
    if matches!(args.subject, Subject::Mcp | Subject::All) {
        deps::ensure_build()?;
        data_path(&["mcp"], &[])?;
    }
    if matches!(args.subject, Subject::Scan | Subject::All) {
        scan(args)?;
    }
    Ok(())
}

/// Runs of each build when two are compared, in turns.
const TURNS: usize = 5;

fn scan(args: &Args) -> Result<()> {
    deps::ensure_build()?;
    let built = e2e::build_binary("pipelock-gateway", Kind::Bench("scan"), &["--features", "testing"])?;
    let kept = workspace::target_dir().join("bench").join("scan");
    if args.against {
        return compare(&kept, &built);
    }
    if args.keep {
        std::fs::create_dir_all(workspace::target_dir().join("bench")).context("making target/bench")?;
        std::fs::copy(&built, &kept).with_context(|| format!("copying to {}", kept.display()))?;
        println!("kept as {}", kept.display());
        return Ok(());
    }
    let cmd = Cmd::new(built).args(args.marginal.then_some("--marginal"));
    println!("\n==> {cmd}");
    cmd.run()
}

/// Runs two builds in turns, so that a slow minute hits both, and prints how the medians of their lines relate.
fn compare(before: &PathBuf, after: &PathBuf) -> Result<()> {
    if !before.is_file() {
        bail!("no build is kept; make one with: cargo xtask bench scan --keep");
    }
    let mut times: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    for turn in 0..TURNS {
        println!("turn {} of {TURNS}", turn + 1);
        for (side, program) in [before, after].into_iter().enumerate() {
            for (line, time) in figures(&Cmd::new(program).arg("--lines").stdout()?) {
                times.entry(line).or_default()[side].push(time);
            }
        }
    }
    println!("\n{:<34}{:>14}{:>14}{:>10}", "", "before ns/KiB", "after ns/KiB", "ratio");
    for (line, [before, after]) in times {
        let [before, after] = [before, after].map(|times| median(times) * 1024.0);
        println!("{line:<34}{before:>14.1}{after:>14.1}{:>10.2}", after / before);
    }
    Ok(())
}

/// Lines of a name, a tab, and nanoseconds a byte.
fn figures(text: &str) -> impl Iterator<Item = (String, f64)> {
    text.lines().filter_map(|line| {
        let (name, time) = line.split_once('\t')?;
        Some((name.to_owned(), time.parse().ok()?))
    })
}

/// NaN for a line that one of the builds does not have.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Starts the tests crate's `bench`, as root, with these words and variables.
fn data_path(words: &[&str], variables: &[(&str, &Path)]) -> Result<()> {
    let pipelock = e2e::build_binary("pipelock-gateway", Kind::Bin("pipelock"), &["--release"])?;
    let bench = e2e::build_binary("pipelock-tests", Kind::Bin("bench"), &["--release"])?;
    let cmd = Cmd::new(bench).args(words).env("PIPELOCK_BIN", pipelock);
    let cmd = variables.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
    let cmd = if workspace::is_root()? {
        e2e::mount_bpf_fs()?;
        cmd
    } else {
        cmd.under_sudo()
    };
    println!("\n==> {cmd}");
    cmd.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_and_other_lines_are_not() {
        let read: Vec<_> = figures("lane/runs/1m\t0.25\nwarning: noise\nx\ty\n").collect();
        assert_eq!(read, [("lane/runs/1m".to_owned(), 0.25)]);
    }

    #[test]
    fn the_median_of_nothing_is_no_number() {
        assert!(median(Vec::new()).is_nan());
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}

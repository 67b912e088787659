//! `cargo xtask eval`: how much of what it should find the scanner finds, and how often it cries wolf.
//!
//! Builds `pipelock`, sends every record of a labelled corpus through `pipelock scan`, and scores the verdicts by the rules of
//! the corpora's README: [`corpus`] reads, [`score`] counts, [`targets`] compares with what the product promises,
//! [`report`] writes. The corpora are not part of the repository; without them nothing is measured and nothing is pretended.
//!
//! Exit codes: 0 measured; 1 something failed, or with `--check` a target was missed; 2 there is no corpus.

mod corpus;
mod report;
mod score;
mod targets;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::command::Cmd;
use crate::e2e::{self, Kind};
use crate::{deps, workspace};
use corpus::Corpus;
use score::{Score, Verdicts};

/// Where the development corpora lie when nothing else is said, relative to the workspace.
const CORPUS: &str = "../shared/corpora/dev";
/// The table of the last run.
const RESULTS: &str = "tests/eval/RESULTS.md";
/// There is nothing to measure on.
const NO_CORPUS: u8 = 2;

/// What to measure on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of `*.jsonl` or `*.jsonl.gz` files. Default: ../shared/corpora/dev beside the workspace.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Configuration file for `pipelock scan`. Default: none, which is balanced mode with the built-in rules.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the table to tests/eval/RESULTS.md.
    #[arg(long)]
    update: bool,
    /// Fail when a target is missed.
    #[arg(long)]
    check: bool,
    /// Measure an optimised build, whose speed means something. Verdicts are the same.
    #[arg(long)]
    release: bool,
    /// Keep the verdicts in this file, for `score.py` or a look.
    #[arg(long, value_name = "FILE")]
    verdicts: Option<PathBuf>,
}

/// Measures and prints; see the exit codes above.
pub(crate) fn eval(args: &Args) -> ExitCode {
    let dir = args.corpus.clone().unwrap_or_else(|| workspace::root().join(CORPUS));
    let corpus = match Corpus::load(&dir) {
        Ok(Some(corpus)) => corpus,
        Ok(None) => {
            eprintln!("xtask eval: NOTHING WAS MEASURED: no *.jsonl or *.jsonl.gz files in {}", dir.display());
            eprintln!("xtask eval: name a directory with --corpus DIR; the record format is in tests/eval/README.md");
            return ExitCode::from(NO_CORPUS);
        }
        Err(error) => return failed(&error),
    };
    match measure(args, &corpus) {
        Ok(missed) if args.check && missed > 0 => failed(&anyhow::anyhow!("{missed} target(s) missed")),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("xtask eval: {error:#}");
    ExitCode::FAILURE
}

/// Returns how many targets were missed.
fn measure(args: &Args, corpus: &Corpus) -> Result<usize> {
    deps::ensure_build()?;
    let options: &[&str] = if args.release { &["--release"] } else { &[] };
    let pipelock = e2e::build_binary("pipelock-gateway", Kind::Bin("pipelock"), options)?;
    let mut scan = Cmd::new(&pipelock).arg("scan");
    if let Some(config) = &args.config {
        scan = scan.arg("--config").arg(std::path::absolute(config).context("finding the configuration")?);
    }
    println!("\n==> {scan} < {} records", corpus.rows.len());
    let (answers, elapsed) = judge(&scan, corpus)?;
    if let Some(file) = &args.verdicts {
        std::fs::write(file, answers.join("\n") + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    let verdicts = Verdicts::parse(&answers)?;
    let score = Score::new(corpus, &verdicts);
    let targets = targets::judge(corpus, &verdicts);
    let costs = costs(&pipelock, corpus)?;
    let run = report::Run {
        date: Cmd::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).stdout()?.trim().to_owned(),
        commit: commit(),
        corpus: format!("{} files, {} records, SHA-256 {}", corpus.files, corpus.rows.len(), corpus.digest),
        speed: speed(corpus, elapsed, args.release),
    };
    print!("{}", report::terminal(&run, &score, &targets, &costs));
    if args.update {
        let path = workspace::root().join(RESULTS);
        std::fs::write(&path, report::markdown(&run, &score, &targets, &costs))
            .with_context(|| format!("writing {RESULTS}"))?;
        println!("\nwritten to {RESULTS}");
    }
    Ok(targets.iter().filter(|target| !target.met).count())
}

/// Sends all records through one process; returns its lines and the time it took.
fn judge(scan: &Cmd, corpus: &Corpus) -> Result<(Vec<String>, Duration)> {
    let begun = Instant::now();
    let mut child = scan.spawn_filter().with_context(|| format!("starting `{scan}`"))?;
    let mut input = child.stdin.take().context("standard input was asked to be a pipe")?;
    let output = child.stdout.take().context("standard output was asked to be a pipe")?;
    let answers = std::thread::scope(|scope| {
        // A thread of its own: both pipes fill up when only one side is served.
        let writer = scope.spawn(move || {
            for row in &corpus.rows {
                input.write_all(row.line.as_bytes())?;
                input.write_all(b"\n")?;
            }
            std::io::Result::Ok(())
        });
        let answers: std::io::Result<Vec<String>> = BufReader::new(output).lines().collect();
        let written = writer.join().unwrap_or_else(|_| Err(std::io::Error::other("the writer panicked")));
        written.and(answers)
    });
    let answers = answers.with_context(|| format!("talking to `{scan}`"))?;
    let status = child.wait()?;
    // 1 means that a line was not understood, which the score counts as missing.
    if !matches!(status.code(), Some(0 | 1)) {
        bail!("`{scan}` failed: {status}");
    }
    Ok((answers, begun.elapsed()))
}

/// What an expression costs, as `pipelock rules cost --json` says it.
#[derive(Clone, Debug, Deserialize)]
struct Cost {
    rule: String,
    hits_per_mib: f64,
    ns_per_byte_alone: f64,
}

/// Costs of all expressions on the benign texts of the corpus, dearest first.
fn costs(pipelock: &Path, corpus: &Corpus) -> Result<Vec<Cost>> {
    let text = corpus.benign_text();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let command = Cmd::new(pipelock).args(["rules", "cost", "--json"]);
    let mut child = command.spawn_filter().with_context(|| format!("starting `{command}`"))?;
    let mut input = child.stdin.take().context("standard input was asked to be a pipe")?;
    input.write_all(&text).and_then(|()| input.flush()).with_context(|| format!("writing to `{command}`"))?;
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("`{command}` failed: {}", output.status);
    }
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).context("reading costs")).collect()
}

/// The commit, marked when the tree differs from it.
fn commit() -> String {
    let git = |args: &[&str]| Cmd::new("git").args(args).stdout().ok().map(|text| text.trim().to_owned());
    match git(&["rev-parse", "--short", "HEAD"]) {
        Some(head) if git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| text.is_empty()) => {
            head
        }
        Some(head) => format!("{head}, with changes that are not committed"),
        None => "unknown".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
fn speed(corpus: &Corpus, elapsed: Duration, release: bool) -> String {
    let megabytes = corpus.rows.iter().map(|row| row.size).sum::<usize>() as f64 / 1e6;
    let build = if release { "an optimised build" } else { "a development build" };
    format!(
        "{megabytes:.1} MB of payload in {:.1} s with {build}, reading and writing JSON included",
        elapsed.as_secs_f64()
    )
}

//! `cargo xtask fuzz`: hostile bytes for the readers of hostile bytes, until a claim breaks or the count is full.
//!
//! Only builds and starts: the claims are in `pipelock_gateway::fuzzing`, the targets in `pipelock-gateway/fuzz`. What is found
//! belongs into `fuzz/seeds/TARGET`, where a unit test tries it from then on.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::command::Cmd;
use crate::{deps, workspace};

/// The crate of the targets.
const FUZZ_DIR: &str = "pipelock-gateway/fuzz";
/// The tool behind it, as `cargo install` knows it.
const CARGO_FUZZ: &str = "cargo-fuzz";

/// What to try.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which target; without one, all in turn.
    target: Option<String>,
    /// How many executions.
    #[arg(long, default_value_t = 100_000)]
    runs: u64,
    /// Longest input in bytes; without it, as much as the target needs to reach all of its states.
    #[arg(long)]
    max_len: Option<u32>,
    /// With `AddressSanitizer`: half as fast or less, and it only sees what is compiled here, not libhs.
    #[arg(long)]
    address: bool,
    /// Only build.
    #[arg(long)]
    build: bool,
}

/// Longest input of a target. Readers that work byte by byte know all their states after a few hundred bytes, and are tried
/// ten times as often with inputs of that length; what scans whole messages wants longer ones.
fn max_len(target: &str) -> u32 {
    match target {
        "normalize" | "decode" | "runs" => 160,
        "hello" | "framing" | "sse" | "websocket" | "coding" | "multipart" => 384,
        "record" | "url" => 512,
        _ => 2048,
    }
}

/// Builds and runs the targets asked for.
///
/// # Errors
/// When the tool is missing, a target does not build, or a claim breaks; the message of libFuzzer names the input.
pub(crate) fn fuzz(args: &Args) -> Result<()> {
    deps::ensure_build()?;
    if workspace::find_program(CARGO_FUZZ).is_none() {
        bail!("{CARGO_FUZZ} is not installed; install it with: cargo install {CARGO_FUZZ} --locked");
    }
    let all = targets()?;
    let wanted = match &args.target {
        Some(target) if all.contains(target) => vec![target.clone()],
        Some(target) => bail!("no target is called {target:?}; there are: {}", all.join(", ")),
        None => all,
    };
    for target in wanted {
        let cmd = command(args, &target)?;
        println!("\n==> {cmd}");
        cmd.run()?;
    }
    Ok(())
}

/// The coverage instrumentation and the sanitizers are unstable flags; with the bootstrap switch the stable compiler of this
/// workspace takes them, so that no second toolchain is needed.
fn command(args: &Args, target: &str) -> Result<Cmd> {
    let sanitizer = if args.address { "address" } else { "none" };
    let target_dir = workspace::target_dir().join("fuzz");
    let verb = if args.build { "build" } else { "run" };
    let cmd = Cmd::new("cargo")
        .args(["fuzz", verb, "--fuzz-dir", FUZZ_DIR, "--sanitizer", sanitizer])
        // One unit, the default, takes minutes longer to build and runs hardly faster.
        .args(["--codegen-units", "16", "--target-dir"])
        .arg(&target_dir)
        .arg(target)
        .env("RUSTC_BOOTSTRAP", "1");
    if args.build {
        return Ok(cmd);
    }
    // New inputs go to the first directory, which is not committed; the seeds are only read.
    let corpus = target_dir.join("corpus").join(target);
    std::fs::create_dir_all(&corpus).with_context(|| format!("making {}", corpus.display()))?;
    let seeds = PathBuf::from(FUZZ_DIR).join("seeds").join(target);
    let limits = [
        format!("-runs={}", args.runs),
        format!("-max_len={}", args.max_len.unwrap_or_else(|| max_len(target))),
        "-timeout=10".to_owned(),
    ];
    Ok(cmd.arg(corpus).arg(workspace::root().join(seeds)).arg("--").args(limits).arg("-print_final_stats=1"))
}

/// Names of the targets: the files in `fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let dir = workspace::root().join(FUZZ_DIR).join("fuzz_targets");
    let entries = std::fs::read_dir(&dir).with_context(|| format!("listing {}", dir.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_binary_seeds_and_a_claim() {
        let read = |file: &str| std::fs::read_to_string(workspace::root().join(file)).unwrap();
        let (manifest, claims) = (read("pipelock-gateway/fuzz/Cargo.toml"), read("pipelock-gateway/src/fuzzing.rs"));
        let targets = targets().unwrap();
        assert!(targets.len() >= 7, "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"\n")), "{target}");
            assert!(workspace::root().join(FUZZ_DIR).join("seeds").join(&target).is_dir(), "{target}");
            assert!(claims.contains(&target), "{target}");
        }
    }
}

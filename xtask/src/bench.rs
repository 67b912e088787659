//! `cargo xtask bench`: figures measured in one run, on one machine, as ratios.
//!
//! Only builds and starts; the programs that measure are the tests crate's `bench` (connections and requests, on the real
//! data path) and the gateway's criterion benches (scanning). How to read the figures stands beside each of them.

use anyhow::Result;
use clap::ValueEnum;

use crate::command::Cmd;
use crate::e2e::{self, Kind};
use crate::{deps, workspace};

/// Which figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Cost of the hooks, and of `connect()`: none, bypassed, steered.
    Connect,
    /// Requests a second and CPU a request: direct, passed through, intercepted and scanned.
    Http,
    /// Scanning alone, in MB/s.
    Scan,
    /// All of them.
    All,
}

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_enum, default_value = "all")]
    subject: Subject,
}

/// Builds with optimisation and measures.
///
/// # Errors
/// When something does not build, or a measurement fails.
pub(crate) fn bench(args: &Args) -> Result<()> {
    deps::ensure_build()?;
    let data_path: &[&str] = match args.subject {
        Subject::Connect => &["connect"],
        Subject::Http => &["http"],
        Subject::Scan => &[],
        Subject::All => &["connect", "http"],
    };
    if !data_path.is_empty() {
        measure_data_path(data_path)?;
    }
    if matches!(args.subject, Subject::Scan | Subject::All) {
        let scan = Cmd::cargo("bench --package pipelock-gateway");
        println!("\n==> {scan}");
        scan.run()?;
    }
    Ok(())
}

fn measure_data_path(subjects: &[&str]) -> Result<()> {
    let pipelock = e2e::build_binary("pipelock-gateway", Kind::Bin("pipelock"), &["--release"])?;
    let bench = e2e::build_binary("pipelock-tests", Kind::Bin("bench"), &["--release"])?;
    if workspace::is_root()? {
        e2e::mount_bpf_fs()?;
    }
    for subject in subjects {
        let cmd = Cmd::new(&bench).arg(subject).env("PIPELOCK_BIN", &pipelock);
        let cmd = if workspace::is_root()? { cmd } else { cmd.under_sudo() };
        println!("\n==> {cmd}");
        cmd.run()?;
    }
    Ok(())
}

//! `cargo xtask run`: see it work, on the demo or on a command of one's own.
//!
//! Builds first, so that what runs is what is in the editor. The demo itself is a program of the tests crate; a command is
//! run by `pipelock exec`, which this process becomes.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::command::Cmd;
use crate::e2e::{self, Kind};
use crate::{deps, workspace};

/// What to run, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration file; without one the defaults apply.
    #[arg(long)]
    config: Option<PathBuf>,
    /// `strict`, `balanced` or `audit`; wins over the file.
    #[arg(long)]
    mode: Option<String>,
    /// Where audit records go, as JSON lines.
    #[arg(long)]
    audit_log: Option<PathBuf>,
    /// Where `/health` and `/metrics` answer.
    #[arg(long)]
    admin_listen: Option<String>,
    /// Loads the BPF object that logs, and prints what it says.
    #[arg(long)]
    ebpf_log: bool,
    /// Optimised build.
    #[arg(long)]
    release: bool,
    /// The command to capture; none runs the demo.
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Runs the demo, or becomes `pipelock exec` for a command.
///
/// # Errors
/// When something is missing, does not build, or the demo is not as promised.
pub(crate) fn run(args: &Args) -> Result<()> {
    let options = build_options(args);
    if args.command.is_empty() {
        if args.for_a_command_only() {
            bail!("these options belong to a command: cargo xtask run [OPTIONS] -- CMD ARG...");
        }
        return demo(&options);
    }
    deps::ensure_build()?;
    if args.ebpf_log {
        // The object that logs is never committed; the feature uses what this leaves in the target directory.
        Cmd::cargo("xtask build-ebpf --debug").run()?;
    }
    let pipelock = e2e::build_binary("pipelock-gateway", Kind::Bin("pipelock"), &options)?;
    Err(exec_line(args, Cmd::new(pipelock)).exec())
}

impl Args {
    fn for_a_command_only(&self) -> bool {
        self.config.is_some()
            || self.mode.is_some()
            || self.audit_log.is_some()
            || self.admin_listen.is_some()
            || self.ebpf_log
    }
}

fn build_options(args: &Args) -> Vec<&'static str> {
    let release = args.release.then_some("--release");
    let log = args.ebpf_log.then_some("--features=ebpf-log");
    release.into_iter().chain(log).collect()
}

/// `pipelock exec` where the person stands: relative paths are theirs, not the workspace's.
fn exec_line(args: &Args, pipelock: Cmd) -> Cmd {
    let mut cmd = pipelock.in_current_dir().arg("exec");
    let words = [("--mode", &args.mode), ("--admin-listen", &args.admin_listen)];
    for (flag, value) in words.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?))) {
        cmd = cmd.arg(flag).arg(value);
    }
    let paths = [("--config", &args.config), ("--audit-log", &args.audit_log)];
    for (flag, path) in paths.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?))) {
        cmd = cmd.arg(flag).arg(path);
    }
    cmd.arg("--").args(&args.command)
}

fn demo(options: &[&str]) -> Result<()> {
    deps::ensure_clients()?;
    let pipelock = e2e::build_binary("pipelock-gateway", Kind::Bin("pipelock"), options)?;
    let demo = e2e::build_binary("pipelock-tests", Kind::Bin("demo"), &[])?;
    let python = e2e::python_environment(e2e::Python::Clients)?;
    let cmd = Cmd::new(demo).env("PIPELOCK_BIN", pipelock).env("PIPELOCK_PYTHON", python);
    if workspace::is_root()? {
        e2e::mount_bpf_fs()?;
        return cmd.run();
    }
    println!("the demo makes a cgroup, network namespaces and loads programs into the kernel: continuing under sudo");
    cmd.under_sudo().run()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &[&str]) -> Args {
        Line::parse_from([&["run"], line].concat()).args
    }

    #[test]
    fn flags_after_the_dashes_belong_to_the_command() {
        let args = parse(&["--mode", "audit", "--config", "c.yaml", "--", "curl", "--config", "x y"]);
        let line = exec_line(&args, Cmd::new("pipelock")).to_string();
        assert_eq!(line, "pipelock exec --mode audit --config c.yaml -- curl --config 'x y'");
    }

    #[test]
    fn build_flags_do_not_reach_pipelock() {
        let args = parse(&["--release", "--ebpf-log", "--", "true"]);
        assert_eq!(build_options(&args), ["--release", "--features=ebpf-log"]);
        assert_eq!(exec_line(&args, Cmd::new("pipelock")).to_string(), "pipelock exec -- true");
    }

    #[test]
    fn options_of_a_command_without_a_command_are_refused() {
        let error = run(&parse(&["--mode", "strict"])).unwrap_err().to_string();
        assert!(error.contains("-- CMD ARG..."), "{error}");
    }
}

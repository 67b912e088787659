//! `cargo xtask check`: everything that can be judged without running the product.
//!
//! Only plans the steps; [`crate::steps`] runs them. Needs no privilege. Tests are the next task.

use anyhow::{Context as _, Result};

use crate::command::Cmd;
use crate::steps::{self, Step};
use crate::{deploy_lint, deps, tidy, workspace};

/// Crates and the features each is linted with, alone: in a workspace run cargo unifies features, and code that only
/// builds because a neighbour turned a feature on would pass.
const LINTED: [(&str, &[&str]); 5] = [
    ("pipelock-common", &["", "user"]),
    ("pipelock-gateway", &["", "testing"]),
    ("pipelock-gateway", &["ebpf-log"]),
    ("pipelock-tests", &[""]),
    ("xtask", &[""]),
];

/// Runs all checks.
///
/// # Errors
/// The first check that fails.
pub(crate) fn check() -> Result<()> {
    deps::ensure_build()?;
    let mut plan = vec![
        Step::command("formatting", Cmd::cargo("fmt --all --check")),
        Step::task("tidy", "cargo xtask tidy", tidy::tidy),
    ];
    plan.extend(LINTED.iter().flat_map(|(package, features)| features.iter().map(|feature| clippy(package, feature))));
    plan.push(clippy_ebpf());
    plan.push(docs());
    plan.push(Step::task("licences, bans, sources", "cargo xtask check", deny));
    plan.push(committed_object());
    plan.push(Step::task("Helm chart and Kustomize", "cargo xtask deploy-lint", deploy_lint::compare));
    steps::run(plan)
}

fn clippy(package: &str, feature: &str) -> Step {
    let mut cmd = Cmd::cargo("clippy --all-targets --package").arg(package);
    let mut name = format!("clippy {package}");
    if !feature.is_empty() {
        cmd = cmd.arg("--features").arg(feature);
        name = format!("{name} with {feature}");
    }
    Step::command(name, cmd.args(["--", "-D", "warnings"]))
}

/// The kernel programs are linted for the host with the stable compiler. aya's BPF crates need unstable features, hence the
/// bootstrap switch; a program without std cannot unwind, hence the panic strategy. Its own target directory, because build
/// scripts watch the switch: in the common one it would make the next step build half of the graph anew.
fn clippy_ebpf() -> Step {
    let target = workspace::target_dir().join("lint-ebpf");
    let cmd = Cmd::cargo("clippy --package pipelock-ebpf --target-dir").arg(target).args(["--", "-D", "warnings"]);
    Step::command("clippy pipelock-ebpf", cmd.env("RUSTC_BOOTSTRAP", "1").env("CARGO_PROFILE_DEV_PANIC", "abort"))
}

fn docs() -> Step {
    let cmd = Cmd::cargo("doc --no-deps --workspace --exclude pipelock-ebpf");
    Step::command("documentation", cmd.env("RUSTDOCFLAGS", "-D warnings"))
}

fn deny() -> Result<()> {
    let tool =
        workspace::find_program("cargo-deny").context("cargo-deny is not installed: cargo xtask install-deps")?;
    let cmd = Cmd::new(tool).args(["check", "licenses", "bans", "sources"]);
    println!("    {cmd}");
    cmd.run()
}

/// In CI the toolchain must be there, or the bytes would never be compared by anyone.
fn committed_object() -> Step {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let require = in_ci.then_some("--require-toolchain");
    Step::command("committed BPF object", Cmd::cargo("xtask build-ebpf --check").args(require))
}

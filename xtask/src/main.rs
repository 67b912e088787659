//! `cargo xtask <task>`: every command a contributor or CI runs, in Rust.
//!
//! A task plans and runs other programs (cargo, apt, the built binaries) and says what it runs, so that each step can be
//! repeated by hand. It never decides what the product does. Nothing comes after it: tasks end in an exit code.
#![expect(clippy::print_stdout, reason = "a build tool talks to the person who typed the command")]

mod bench;
mod build_ebpf;
mod check;
mod command;
mod deploy_lint;
mod deps;
mod e2e;
mod eval;
mod fuzz;
mod guest;
mod image;
mod run;
mod steps;
mod suite;
mod tidy;
mod train;
mod valgrind;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the Pipelock eBPF workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, clippy, docs, licences, tidy and the committed BPF object: all that needs no privilege and no running.
    Check,
    /// The habits that lints cannot check: file docs, import arrows, TODOs, tables in step with the code.
    Tidy,
    /// Unit, integration and privileged end-to-end tests.
    Test,
    /// Only the end-to-end tests: real kernel programs, real clients.
    E2e(e2e::Args),
    /// Without a command: the demo. With `-- CMD`: builds, then runs CMD captured.
    Run(run::Args),
    /// Benchmarks; prints ratios measured in one run.
    Bench(bench::Args),
    /// Recall and false positives of `pipelock scan` on labelled records, against the targets of the product.
    Eval(eval::Args),
    /// Fuzzes the readers of hostile bytes; without a target, all of them in turn.
    Fuzz(fuzz::Args),
    /// Makes the weights of the injection classifier again from a corpus, with a table of held-out sources.
    TrainInjection(train::Args),
    /// The Helm chart and what is made from it: every value, every guard, schemas, snapshots, `pipelock check`.
    DeployLint(deploy_lint::Args),
    /// The container image as an archive, and a list of its parts, from this machine's packages: no registry, no engine.
    Image(image::Args),
    /// Rebuilds the BPF object, or checks that the committed one is what the source gives.
    BuildEbpf(build_ebpf::Args),
    /// The tests of the wrapper around Hyperscan, where every access to memory is checked.
    Valgrind,
    /// Installs what a bare Debian machine lacks, for building and for tests.
    InstallDeps,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Check => check::check(),
        Task::Tidy => tidy::tidy(),
        Task::Test => suite::test(),
        Task::E2e(args) => e2e::e2e(&args),
        Task::Run(args) => run::run(&args),
        Task::Bench(args) => bench::bench(&args),
        Task::Eval(args) => return eval::eval(&args),
        Task::Fuzz(args) => fuzz::fuzz(&args),
        Task::TrainInjection(args) => train::train(&args),
        Task::DeployLint(args) => deploy_lint::deploy_lint(&args),
        Task::Image(args) => image::image(&args),
        Task::BuildEbpf(args) => build_ebpf::build(&args),
        Task::Valgrind => valgrind::valgrind(),
        Task::InstallDeps => deps::install_all(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

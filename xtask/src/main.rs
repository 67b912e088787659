//! `cargo xtask <task>`.

mod build_ebpf;

use clap::Parser;

/// Every command a contributor or CI runs.
#[derive(Debug, Parser)]
enum Task {
    /// Build the kernel programs, or check the committed object.
    BuildEbpf(build_ebpf::Args),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::BuildEbpf(args) => build_ebpf::build(&args),
    }
}

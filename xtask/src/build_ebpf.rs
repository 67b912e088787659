//! Placeholder until the kernel branch brings `cargo xtask build-ebpf`; it fails, so that nothing can pass by it.

/// How to build the object.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Compares instead of writing.
    #[arg(long)]
    pub(crate) check: bool,
    /// Builds the object that logs.
    #[arg(long)]
    pub(crate) debug: bool,
    /// Fails when no toolchain for BPF is there.
    #[arg(long)]
    pub(crate) require_toolchain: bool,
}

pub(crate) fn build(args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("build-ebpf is not merged yet ({args:?})")
}

//! Passes a BPF object through this kernel's verifier with the gateway's own loader, and drops it again.
//!
//! For `cargo xtask build-ebpf --check` under another toolchain than the recorded one. Attaches and pins nothing.

use anyhow::Context;
use pipelock_gateway::capture::{probe, verify_object};

fn main() -> anyhow::Result<()> {
    let path = std::env::args_os().nth(1).context("usage: load-object FILE")?;
    let object = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let report = probe::probe(&probe::ThisKernel);
    verify_object(&object, &report).with_context(|| format!("loading {}", path.display()))
}

//! Finding a compiler that makes BPF objects: rustup's nightly with rust-src, or Debian's `rustc-web` packages.
//!
//! Nothing is installed here; what is missing is named with the command that brings it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

/// Little-endian BPF: every architecture this product runs on.
pub(super) const TARGET: &str = "bpfel-unknown-none";

/// What decides the bytes of the object besides its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Versions {
    /// First line of `rustc -vV`.
    rustc: String,
    /// Its LLVM.
    llvm: String,
    /// `bpf-linker --version`.
    bpf_linker: String,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (LLVM {}), {}", self.rustc, self.llvm, self.bpf_linker)
    }
}

/// A usable compiler.
#[derive(Debug)]
pub(super) struct Toolchain {
    pub(super) versions: Versions,
    cargo: PathBuf,
    rustc: PathBuf,
    sysroot: PathBuf,
    linker_dir: PathBuf,
}

/// All usable compilers, in order of preference.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) first: Toolchain,
    pub(super) others: Vec<Toolchain>,
}

/// Looks for compilers and the linker.
pub(super) fn find() -> Result<Found> {
    let (linker_dir, bpf_linker) = find_linker()?;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for candidate in [rustup_nightly(), debian()] {
        match candidate.and_then(|(cargo, rustc)| describe(cargo, rustc, &linker_dir, &bpf_linker)) {
            Ok(toolchain) => found.push(toolchain),
            Err(reason) => missing.push(format!("{reason:#}")),
        }
    }
    let mut found = found.into_iter();
    match found.next() {
        Some(first) => Ok(Found { first, others: found.collect() }),
        None => Err(anyhow!(
            "there is no compiler for {TARGET}: {}. Install one of:\n  rustup toolchain install nightly --component \
             rust-src\n  apt-get install rustc-web rust-web-src cargo-web",
            missing.join("; ")
        )),
    }
}

impl Toolchain {
    pub(super) fn cargo_path(&self) -> &Path {
        &self.cargo
    }

    /// Cargo, set up so that neither the caller's environment nor the place of the checkout shows in the object.
    pub(super) fn cargo(&self, root: &Path, target_dir: &Path) -> Command {
        let mut command = Command::new(&self.cargo);
        for (name, _) in std::env::vars_os() {
            let Some(text) = name.to_str() else { continue };
            let cargo_own = text.starts_with("CARGO_") && text != "CARGO_HOME" && !text.starts_with("CARGO_NET_");
            let leaks = ["CARGO", "RUSTFLAGS", "RUSTC", "RUSTC_WRAPPER", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"];
            if cargo_own && !text.starts_with("CARGO_REGISTR") || leaks.contains(&text) {
                command.env_remove(name);
            }
        }
        let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        let mut flags = vec![
            // BTF is made from debug information; `elf` removes the rest of it afterwards.
            "-Cdebuginfo=2".to_owned(),
            "-Clink-arg=--btf".to_owned(),
            // Selects the bindings' register layouts, which these hooks do not use: one value, so one object.
            "--cfg=bpf_target_arch=\"x86_64\"".to_owned(),
            remap(&cargo_home(), "/cargo"),
            remap(&self.sysroot.join("lib/rustlib/src/rust"), "/rust"),
            remap(root, "/pipelock"),
        ];
        // The last match wins: where a registry's sources are unpacked is named after that registry, which is nobody's business.
        flags.extend(registry_sources().iter().map(|sources| remap(sources, "/deps")));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(self.linker_dir.clone()).chain(std::env::split_paths(&path));
        command
            .current_dir(root)
            .env("PATH", std::env::join_paths(dirs).unwrap_or(path.clone()))
            .env("RUSTC", &self.rustc)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", target_dir)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        command
    }
}

fn rustup_nightly() -> Result<(PathBuf, PathBuf)> {
    let which = |tool| output(Command::new("rustup").args(["which", "--toolchain", "nightly", tool]));
    let rustc = which("rustc").context("rustup has no nightly")?;
    Ok((which("cargo")?.into(), rustc.into()))
}

fn debian() -> Result<(PathBuf, PathBuf)> {
    let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
    if cargo.exists() && rustc.exists() {
        Ok((cargo, rustc))
    } else {
        Err(anyhow!("Debian's /usr/bin/cargo and /usr/bin/rustc are not installed"))
    }
}

fn describe(cargo: PathBuf, rustc: PathBuf, linker_dir: &Path, bpf_linker: &str) -> Result<Toolchain> {
    let sysroot = PathBuf::from(output(Command::new(&rustc).args(["--print", "sysroot"]))?);
    let core = sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml");
    if !core.exists() {
        return Err(anyhow!("{} has no rust-src ({} is missing)", rustc.display(), core.display()));
    }
    let verbose = output(Command::new(&rustc).arg("-vV"))?;
    let llvm = verbose.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let versions = Versions {
        rustc: verbose.lines().next().unwrap_or_default().to_owned(),
        llvm: llvm.context("rustc does not tell its LLVM version")?.to_owned(),
        bpf_linker: bpf_linker.to_owned(),
    };
    Ok(Toolchain { versions, cargo, rustc, sysroot, linker_dir: linker_dir.to_owned() })
}

fn find_linker() -> Result<(PathBuf, String)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(cargo_home().join("bin")).chain(std::env::split_paths(&path));
    let dir = dirs.into_iter().find(|dir| dir.join("bpf-linker").exists()).context(
        "bpf-linker is missing. Install it against the LLVM of the compiler used, for example:\n  \
         apt-get install llvm-22-dev libpolly-22-dev\n  \
         LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker --version 0.13.0",
    )?;
    let version = output(Command::new(dir.join("bpf-linker")).arg("--version"))?;
    Ok((dir, version))
}

/// Where crates are unpacked, one directory a registry; there once they have been fetched.
fn registry_sources() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cargo_home().join("registry/src")).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn cargo_home() -> PathBuf {
    let default = || std::env::home_dir().unwrap_or_else(|| PathBuf::from("/root")).join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(default, PathBuf::from)
}

fn output(command: &mut Command) -> Result<String> {
    let what = format!("{command:?}");
    let output = command.output().with_context(|| format!("starting {what}"))?;
    if !output.status.success() {
        return Err(anyhow!("{what} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

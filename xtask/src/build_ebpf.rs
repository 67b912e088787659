//! `cargo xtask build-ebpf`: compiles the kernel programs, or proves that the committed object is what its source makes.
//!
//! The object is committed beside its source with a manifest, so that a plain `cargo build` needs no eBPF toolchain. This
//! task rebuilds it with whichever toolchain is there (rustup's nightly with rust-src, or Debian's packages) and writes
//! both; `--check` compares. It installs nothing: it says what to install.

mod elf;
mod source;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use toolchain::Toolchain;

const OBJECT: &str = "pipelock-ebpf/pipelock.bpf.o";
const MANIFEST: &str = "pipelock-ebpf/pipelock.bpf.json";

/// `cargo xtask build-ebpf`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Prove that the committed object belongs to the committed source, and change nothing.
    #[arg(long)]
    check: bool,
    /// With --check: fail where a missing toolchain or privilege leaves something unproved.
    #[arg(long, requires = "check")]
    require_toolchain: bool,
    /// Build the object with log calls to target/bpf-debug/pipelock.bpf.o, for `--features ebpf-log`.
    #[arg(long, conflicts_with = "check")]
    debug: bool,
}

/// What is recorded about the committed object.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// See [`source::hash`].
    source_sha256: String,
    object_sha256: String,
    object_bytes: usize,
    toolchain: toolchain::Versions,
}

/// Builds the object, or checks it.
pub(crate) fn build(args: &Args) -> Result<()> {
    let root = workspace_root()?;
    if args.check {
        check(&root, args.require_toolchain)
    } else if args.debug {
        let out = root.join("target/bpf-debug/pipelock.bpf.o");
        let object = compile(&root, &choose(&root)?, "target/bpf-debug", &["--features", "log"])?;
        std::fs::write(&out, object).with_context(|| format!("writing {}", out.display()))?;
        eprintln!("wrote {}; run with `--features ebpf-log`", out.display());
        Ok(())
    } else {
        write(&root)
    }
}

fn write(root: &Path) -> Result<()> {
    let toolchain = choose(root)?;
    let object = compile(root, &toolchain, "target/bpf", &[])?;
    let manifest = Manifest {
        source_sha256: source::hash(root)?,
        object_sha256: source::sha256_hex(&object),
        object_bytes: object.len(),
        toolchain: toolchain.versions,
    };
    std::fs::write(root.join(OBJECT), &object).with_context(|| format!("writing {OBJECT}"))?;
    let mut text = serde_json::to_string_pretty(&manifest)?;
    text.push('\n');
    std::fs::write(root.join(MANIFEST), text).with_context(|| format!("writing {MANIFEST}"))?;
    eprintln!("wrote {OBJECT} ({} bytes) and {MANIFEST}", object.len());
    Ok(())
}

fn check(root: &Path, require_toolchain: bool) -> Result<()> {
    let manifest = read_manifest(root)?;
    let object = std::fs::read(root.join(OBJECT)).with_context(|| format!("reading {OBJECT}"))?;
    if source::sha256_hex(&object) != manifest.object_sha256 {
        bail!("{OBJECT} is not the object its manifest describes; run `cargo xtask build-ebpf`");
    }
    let source = source::hash(root)?;
    if source != manifest.source_sha256 {
        bail!(
            "the kernel programs changed since {OBJECT} was built (source {source}, manifest {}); \
             run `cargo xtask build-ebpf` and commit both files",
            manifest.source_sha256
        );
    }
    eprintln!("ok: source hash and object hash are those of the manifest");
    let toolchain = match toolchain::find() {
        Ok(found) => prefer(found, Some(&manifest.toolchain)),
        Err(missing) if require_toolchain => return Err(missing),
        Err(missing) => {
            eprintln!("NOT CHECKED: whether this source compiles to these bytes, because {missing:#}");
            return Ok(());
        }
    };
    let rebuilt = compile(root, &toolchain, "target/bpf", &[])?;
    if toolchain.versions == manifest.toolchain {
        if rebuilt != object {
            let kept = root.join("target/bpf/rebuilt.bpf.o");
            std::fs::write(&kept, &rebuilt)?;
            bail!("{OBJECT} differs from what its source makes under the recorded toolchain; see {}", kept.display());
        }
        eprintln!("ok: rebuilt under the recorded toolchain, byte for byte the same");
        return Ok(());
    }
    eprintln!(
        "could not compare bytes: recorded toolchain is {}, here is {}; loading the rebuilt object instead",
        manifest.toolchain, toolchain.versions
    );
    load_into_kernel(root, &rebuilt, require_toolchain)
}

/// Loads a rebuilt object through the gateway's own loader: every program passes this kernel's verifier, nothing is
/// attached or pinned.
fn load_into_kernel(root: &Path, object: &[u8], required: bool) -> Result<()> {
    let path = root.join("target/bpf/rebuilt.bpf.o");
    std::fs::write(&path, object).with_context(|| format!("writing {}", path.display()))?;
    if !is_root() {
        if required {
            bail!("loading the rebuilt object needs root");
        }
        eprintln!("NOT CHECKED: whether the rebuilt object loads, because that needs root");
        return Ok(());
    }
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args(["run", "--quiet", "--package", "pipelock-gateway", "--example", "load-object", "--"])
        .arg(&path)
        .status()
        .context("starting cargo")?;
    if !status.success() {
        bail!("the rebuilt object does not load into this kernel");
    }
    eprintln!("ok: the rebuilt object loads into this kernel");
    Ok(())
}

/// Compiles and strips; returns the object's bytes.
fn compile(root: &Path, toolchain: &Toolchain, target_dir: &str, extra: &[&str]) -> Result<Vec<u8>> {
    let target_dir = root.join(target_dir);
    // Unpacked first: their directories can only be remapped when they are there.
    let fetched = toolchain.cargo(root, &target_dir).args(["fetch", "--locked", "--quiet"]).status();
    if !fetched.is_ok_and(|status| status.success()) {
        bail!("fetching the crates of the kernel programs failed");
    }
    let status = toolchain
        .cargo(root, &target_dir)
        .args(["build", "--locked", "--package", "pipelock-ebpf", "--profile", "bpf"])
        .args(["-Z", "build-std=core", "--target", toolchain::TARGET])
        .args(extra)
        .status()
        .with_context(|| format!("starting {}", toolchain.cargo_path().display()))?;
    if !status.success() {
        bail!(
            "compiling the kernel programs with {} failed; bpf-linker must be built against the LLVM of that rustc \
             (`LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker --version 0.13.0`)",
            toolchain.versions
        );
    }
    let built = target_dir.join(toolchain::TARGET).join("bpf/pipelock-ebpf");
    let bytes = std::fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
    elf::without_debug_sections(&bytes).with_context(|| format!("stripping {}", built.display()))
}

/// The toolchain to build with: the recorded one if it is here, else the first found.
fn choose(root: &Path) -> Result<Toolchain> {
    let recorded = read_manifest(root).ok().map(|manifest| manifest.toolchain);
    Ok(prefer(toolchain::find()?, recorded.as_ref()))
}

fn prefer(mut found: toolchain::Found, recorded: Option<&toolchain::Versions>) -> Toolchain {
    let at = found.others.iter().position(|toolchain| Some(&toolchain.versions) == recorded);
    match at {
        Some(at) if Some(&found.first.versions) != recorded => found.others.swap_remove(at),
        _ => found.first,
    }
}

fn read_manifest(root: &Path) -> Result<Manifest> {
    let text = std::fs::read_to_string(root.join(MANIFEST)).with_context(|| format!("reading {MANIFEST}"))?;
    serde_json::from_str(&text).with_context(|| format!("parsing {MANIFEST}"))
}

fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask has no parent directory")?.to_owned())
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("Uid:")).and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

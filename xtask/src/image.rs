//! `cargo xtask image`: the image, made from this machine's Debian packages without a registry or a container engine.
//!
//! The same steps as `deploy/Dockerfile`: the binary, every library it names at the place where the loader looks for it, and
//! public roots; no shell, no package manager. The result is an archive that `docker load` and `ctr images import` read, and a
//! list of what is inside (`CycloneDX`). Files have no times and no owners, so the same input gives the same bytes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::command::Cmd;
use crate::{deps, workspace};

mod sbom;

/// What the image is called unless it is said.
pub(crate) const NAME: &str = concat!("pipelock-ebpf:", env!("CARGO_PKG_VERSION"));
/// Roots that upstreams are judged by. Debian's `ca-certificates` makes it.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Nobody in particular; without targets the gateway needs no privilege.
const USER: &str = "65532:65532";

/// What to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name and tag inside the archive.
    #[arg(long, default_value = NAME)]
    name: String,
    /// A binary that is built already, instead of a release build.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The archive. Default: target/image/pipelock-ebpf.tar, with pipelock-ebpf.cdx.json beside it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only fill this directory with what the image holds, the list of its parts included: what `deploy/Dockerfile` does.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    rootfs: Option<PathBuf>,
}

/// Builds the image and says what it is and how to load it.
///
/// # Errors
/// When it cannot be built, or this machine's libraries cannot be told.
pub(crate) fn image(args: &Args) -> Result<()> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => release_binary()?,
    };
    if let Some(root) = &args.rootfs {
        let sbom = furnish(root, &binary)?;
        println!("{}: {} components", root.display(), components(&sbom));
        return Ok(());
    }
    let output = args.output.clone().unwrap_or_else(|| workspace::target_dir().join("image/pipelock-ebpf.tar"));
    let made = build(&binary, &args.name, &output)?;
    println!("{}: {} bytes, image {}", output.display(), fs::metadata(&output)?.len(), made.id);
    println!("{}: {} components", made.sbom.display(), made.components);
    println!("\n    docker load --input {0}\n    ctr --namespace k8s.io images import {0}", output.display());
    Ok(())
}

fn release_binary() -> Result<PathBuf> {
    deps::ensure_build()?;
    Cmd::cargo("build --locked --release --package pipelock-gateway --bin pipelock").run()?;
    Ok(workspace::target_dir().join("release/pipelock"))
}

/// An image that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// `sha256:…` of its configuration, which is what Docker calls its id.
    pub(crate) id: String,
    /// Where the list of its parts is.
    pub(crate) sbom: PathBuf,
    /// How many there are.
    pub(crate) components: usize,
}

/// Makes the archive `output` with the list of parts beside it.
///
/// # Errors
/// As [`image`].
pub(crate) fn build(binary: &Path, name: &str, output: &Path) -> Result<Made> {
    let directory = output.parent().context("the archive needs a directory")?;
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let work = tempfile::Builder::new().prefix("image-").tempdir_in(directory).context("a place to work in")?;
    let root = work.path().join("rootfs");
    let sbom = furnish(&root, binary)?;
    let beside = output.with_extension("cdx.json");
    write(&beside, &serde_json::to_vec_pretty(&sbom)?, 0o644)?;
    let id = pack(work.path(), &root, name, output)?;
    Ok(Made { id, sbom: beside, components: components(&sbom) })
}

/// Fills the root of the image, the list of its parts included, and returns that.
fn furnish(root: &Path, binary: &Path) -> Result<serde_json::Value> {
    let sbom = sbom::list(&fill(root, binary)?)?;
    write(&root.join("usr/share/sbom/pipelock-ebpf.cdx.json"), &serde_json::to_vec_pretty(&sbom)?, 0o644)?;
    Ok(sbom)
}

fn components(sbom: &serde_json::Value) -> usize {
    sbom["components"].as_array().map_or(0, Vec::len)
}

/// Fills the root of the image; the libraries that were taken, as this machine has them.
fn fill(root: &Path, binary: &Path) -> Result<Vec<PathBuf>> {
    let copy = |from: &Path, to: &Path, mode| {
        let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
        write(to, &bytes, mode)
    };
    copy(binary, &root.join("pipelock"), 0o755)?;
    let libraries = libraries(&Cmd::new("ldd").arg(binary).stdout()?)?;
    for library in &libraries {
        copy(library, &root.join(library.strip_prefix("/").unwrap_or(library)), 0o755)?;
    }
    copy(Path::new(ROOTS), &root.join(ROOTS.trim_start_matches('/')), 0o644)?;
    write(&root.join("etc/passwd"), b"root:x:0:0::/:/pipelock\nnonroot:x:65532:65532::/:/pipelock\n", 0o644)?;
    for (path, mode) in [("tmp", 0o1777), ("run", 0o755), ("etc/pipelock", 0o755)] {
        let path = root.join(path);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    Ok(libraries)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let directory = path.parent().context("a file is in a directory")?;
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(|| format!("{}", path.display()))
}

/// What `ldd` names: `name => /path (address)`, and the loader itself, `/path (address)`. The kernel's own object has no path.
fn libraries(ldd: &str) -> Result<Vec<PathBuf>> {
    ensure!(!ldd.contains("not found"), "a library is missing here:\n{ldd}");
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    let mut found: Vec<_> = ldd.lines().filter_map(path).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// One layer, one configuration, one manifest. Source: the image specification 1.2 of Docker ("Combined Image JSON + Filesystem
/// Changeset Format"), which `docker load` and containerd read.
fn pack(work: &Path, root: &Path, name: &str, output: &Path) -> Result<String> {
    let archive = work.join("archive");
    fs::create_dir_all(&archive)?;
    let layer = archive.join("layer.tar");
    tar(root, &layer)?;
    let diff = format!("sha256:{}", digest(&fs::read(&layer)?));
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {
            "Entrypoint": ["/pipelock"],
            "User": USER,
            "ExposedPorts": {"8888/tcp": {}, "8889/tcp": {}},
            "Env": ["PATH=/"],
            "WorkingDir": "/",
            "Healthcheck": {
                "Test": ["CMD", "/pipelock", "healthcheck", "--addr", "127.0.0.1:8888"],
                "Interval": 10_000_000_000_u64, "Timeout": 5_000_000_000_u64, "StartPeriod": 30_000_000_000_u64, "Retries": 3,
            },
            "Labels": {"org.opencontainers.image.version": env!("CARGO_PKG_VERSION"), "org.opencontainers.image.licenses": "Apache-2.0"},
        },
        "rootfs": {"type": "layers", "diff_ids": [diff]},
        "history": [{"created_by": "cargo xtask image"}],
    });
    let config = serde_json::to_vec(&config)?;
    let id = digest(&config);
    fs::write(archive.join(format!("{id}.json")), &config)?;
    let manifest = json!([{"Config": format!("{id}.json"), "RepoTags": [name], "Layers": ["layer.tar"]}]);
    fs::write(archive.join("manifest.json"), serde_json::to_vec(&manifest)?)?;
    tar(&archive, output)?;
    Ok(format!("sha256:{id}"))
}

/// The same directory gives the same bytes.
fn tar(directory: &Path, into: &Path) -> Result<()> {
    let fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
    Cmd::new("tar").args(fixed).arg("-C").arg(directory).arg("-cf").arg(into).arg(".").run()
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_that_is_named_is_taken_and_a_missing_one_is_an_error() {
        let ldd = "\tlinux-vdso.so.1 (0x1)\n\tlibhs.so.5 => /lib/x86_64-linux-gnu/libhs.so.5 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let paths = ["/lib/x86_64-linux-gnu/libhs.so.5", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(libraries(ldd).unwrap(), paths);
        assert!(libraries("\tlibhs.so.5 => not found\n").is_err());
    }

    #[test]
    fn an_image_holds_what_its_binary_needs_and_is_the_same_when_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let output = directory.path().join(name);
            let made = build(Path::new("/bin/true"), "x:1", &output).unwrap();
            (made.id, fs::read(output).unwrap())
        };
        let (first, again) = (make("a.tar"), make("b.tar"));
        assert_eq!(first, again);
        let listed = Cmd::new("tar").args(["-xOf"]).arg(directory.path().join("a.tar")).arg("./layer.tar");
        fs::write(directory.path().join("layer.tar"), listed.output().unwrap().stdout).unwrap();
        let names = Cmd::new("tar").arg("-tf").arg(directory.path().join("layer.tar")).stdout().unwrap();
        for wanted in ["./pipelock\n", "libc.so.6\n", "ca-certificates.crt\n", "pipelock-ebpf.cdx.json\n"] {
            assert!(names.contains(wanted), "{wanted}: {names}");
        }
        assert!(!names.contains("/bin/"), "there is nothing else to run: {names}");
    }
}

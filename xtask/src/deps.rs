//! What the build and the tests need beyond a Rust toolchain, how to see whether it is there, and how to get it.
//!
//! The only place that knows names of packages. Installs on Debian as root; elsewhere it says what to install and stops.
//! Nothing is fetched but packages of a registry, through its ordinary client.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::Cmd;
use crate::workspace;

/// The version of the tool behind `cargo deny`; also the one whose `deny.toml` we write.
const CARGO_DENY: &str = "0.20.2";
/// Its LLVM must be the one of Debian's `rustc-web`, or it cannot read the bitcode.
const BPF_LINKER: &str = "0.13.0";
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";

/// One Debian package and the sign that what it brings is there, whoever brought it.
#[derive(Debug)]
struct Package {
    name: &'static str,
    why: &'static str,
    sign: Sign,
}

#[derive(Debug)]
enum Sign {
    /// This command succeeds.
    Runs(&'static [&'static str]),
    /// dpkg has it: libraries and toolchains of which only the packaged one will do.
    Installed,
}

/// Needed by every build.
const BUILD: &[Package] = &[
    Package { name: "pkg-config", why: "finds libhs", sign: Sign::Runs(&["pkg-config", "--version"]) },
    Package { name: "libhyperscan-dev", why: "the matcher", sign: Sign::Runs(&["pkg-config", "--exists", "libhs"]) },
];

/// Needed by the demo and the end-to-end tests: real clients, and namespaces for them to live in.
const CLIENTS: &[Package] = &[
    Package { name: "iproute2", why: "network namespaces", sign: Sign::Runs(&["ip", "-V"]) },
    Package { name: "bpftool", why: "statistics of programs", sign: Sign::Runs(&["bpftool", "version"]) },
    Package { name: "ca-certificates", why: "roots for clients", sign: Sign::Installed },
    Package { name: "openssl", why: "judges certificates", sign: Sign::Runs(&["openssl", "version"]) },
    Package {
        name: "default-jre-headless",
        why: "Java reads the trust store",
        sign: Sign::Runs(&["keytool", "-help"]),
    },
    Package { name: "curl", why: "a client", sign: Sign::Runs(&["curl", "--version"]) },
    Package {
        name: "ruby",
        why: "a client",
        sign: Sign::Runs(&["ruby", "-e", "require 'net/http'; require 'openssl'"]),
    },
    Package { name: "ruby-httparty", why: "a client", sign: Sign::Runs(&["ruby", "-e", "require 'httparty'"]) },
    Package { name: "ruby-faraday", why: "a client", sign: Sign::Runs(&["ruby", "-e", "require 'faraday'"]) },
    Package { name: "ruby-aws-sdk-s3", why: "a client", sign: Sign::Runs(&["ruby", "-e", "require 'aws-sdk-s3'"]) },
    Package { name: "nginx-light", why: "a server", sign: Sign::Runs(&["nginx", "-v"]) },
    Package {
        name: "redis-server",
        why: "state that replicas share",
        sign: Sign::Runs(&["redis-server", "--version"]),
    },
    Package { name: "chromium", why: "opens a report", sign: Sign::Runs(&["chromium", "--version"]) },
    Package { name: "containerd", why: "runs pods", sign: Sign::Runs(&["containerd", "--version"]) },
    Package { name: "containernetworking-plugins", why: "connects pods", sign: Sign::Installed },
    Package { name: "docker.io", why: "runs the Compose stack", sign: Sign::Runs(&["dockerd", "--version"]) },
    Package {
        name: "docker-compose",
        why: "runs the Compose stack",
        sign: Sign::Runs(&["docker-compose", "--version"]),
    },
    Package { name: "musl-tools", why: "builds a client", sign: Sign::Runs(&["musl-gcc", "--version"]) },
    Package { name: "nodejs", why: "a client", sign: Sign::Runs(&["node", "--version"]) },
    Package {
        name: "python3-venv",
        why: "a place for Python clients",
        sign: Sign::Runs(&["python3", "-c", "import venv, ensurepip"]),
    },
];

/// Needed by the tests of the wrapper around foreign memory; without it they are skipped, and that is said.
const MEMORY: &[Package] =
    &[Package { name: "valgrind", why: "checks memory", sign: Sign::Runs(&["valgrind", "--version"]) }];

/// Needed only by `cargo xtask bench http`: proxies to compare with.
const RIVALS: &[Package] = &[
    Package { name: "haproxy", why: "a proxy to compare with", sign: Sign::Runs(&["haproxy", "-v"]) },
    Package { name: "squid-openssl", why: "a proxy to compare with", sign: Sign::Installed },
];

/// Needed only by `cargo xtask e2e -k`: a machine for another kernel, and its first root.
const GUEST: &[Package] = &[
    Package {
        name: "qemu-system-x86",
        why: "boots other kernels",
        sign: Sign::Runs(&["qemu-system-x86_64", "--version"]),
    },
    Package { name: "busybox-static", why: "the first root of a guest", sign: Sign::Installed },
    Package { name: "xz-utils", why: "modules of kernels", sign: Sign::Runs(&["xz", "--version"]) },
];

/// Needed only to rebuild the committed BPF object: a compiler whose LLVM has the BPF target and whose `core` has source.
const EBPF: &[Package] = &[
    Package { name: "rustc-web", why: "compiles for BPF", sign: Sign::Installed },
    Package { name: "cargo-web", why: "its cargo", sign: Sign::Installed },
    Package { name: "rust-web-src", why: "source of core", sign: Sign::Installed },
    Package { name: "g++", why: "LLVM is C++", sign: Sign::Runs(&["c++", "--version"]) },
    Package { name: "llvm-22-dev", why: "bpf-linker links it", sign: Sign::Installed },
    Package { name: "libpolly-22-dev", why: "llvm-config asks for it", sign: Sign::Installed },
];

impl Package {
    fn is_present(&self) -> bool {
        match self.sign {
            Sign::Runs([program, args @ ..]) => Cmd::new(program).args(args).succeeds(),
            Sign::Runs([]) => false,
            Sign::Installed => {
                let query = Cmd::new("dpkg-query").args(["-W", "-f=${Status}", self.name]);
                // dpkg-query also knows removed packages, with another status; its error for unknown ones is not news.
                query.succeeds() && query.stdout().is_ok_and(|status| status == "install ok installed")
            }
        }
    }
}

/// `cargo xtask install-deps`: everything, so that afterwards every other task can run.
///
/// # Errors
/// When this is not Debian or not root and something is missing, or an installation fails.
pub(crate) fn install_all() -> Result<()> {
    ensure(&[BUILD, CLIENTS, MEMORY, EBPF])?;
    cargo_tool("bpf-linker", BPF_LINKER, || {
        Cmd::cargo("install bpf-linker --locked --no-default-features --features llvm-22 --version")
            .arg(BPF_LINKER)
            .env("LLVM_PREFIX", LLVM_PREFIX)
    })?;
    cargo_tool("cargo-deny", CARGO_DENY, || {
        // Built once and run for seconds: half the optimisation is a third of the build time.
        Cmd::cargo("install cargo-deny --locked --no-default-features --version")
            .arg(CARGO_DENY)
            .env("CARGO_PROFILE_RELEASE_LTO", "false")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
    })
}

/// What the build needs.
///
/// # Errors
/// As [`install_all`].
pub(crate) fn ensure_build() -> Result<()> {
    ensure(&[BUILD])
}

/// What the build, the demo and the end-to-end tests need.
///
/// # Errors
/// As [`install_all`].
pub(crate) fn ensure_clients() -> Result<()> {
    ensure(&[BUILD, CLIENTS])
}

/// What the comparison with other proxies needs beside [`ensure_clients`].
///
/// # Errors
/// As [`install_all`].
pub(crate) fn ensure_rivals() -> Result<()> {
    ensure(&[BUILD, CLIENTS, RIVALS])
}

/// What booting another kernel needs beside [`ensure_clients`].
///
/// # Errors
/// As [`install_all`].
pub(crate) fn ensure_guest() -> Result<()> {
    ensure(&[GUEST])
}

fn ensure(groups: &[&'static [Package]]) -> Result<()> {
    let missing: Vec<_> = groups.iter().copied().flatten().filter(|package| !package.is_present()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        println!("missing: {:<18} {}", package.name, package.why);
    }
    let install = Cmd::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends", "-o", "Acquire::Retries=3"])
        .args(missing.iter().map(|package| package.name))
        .env("DEBIAN_FRONTEND", "noninteractive");
    if workspace::find_program("apt-get").is_none() {
        bail!("this is not a Debian machine: install what these packages bring, then try again");
    }
    if !workspace::is_root()? {
        let names: Vec<_> = missing.iter().map(|package| package.name).collect();
        bail!("not root; install them with: sudo apt-get install --no-install-recommends {}", names.join(" "));
    }
    let update = Cmd::new("apt-get").args(["update", "-q", "-o", "Acquire::Retries=3"]);
    println!("    {update}\n    {install}");
    update.run()?;
    install.run()?;
    let still: Vec<_> = missing.iter().filter(|package| !package.is_present()).map(|package| package.name).collect();
    if !still.is_empty() {
        bail!("installed, yet not usable: {} (another {} earlier on PATH?)", still.join(", "), still[0]);
    }
    Ok(())
}

/// The release of Debian whose containerd has a Node Resource Interface (1.7; that of Debian 12 is 1.6).
const NEXT_DEBIAN: &str = "trixie";

/// Unpacks a newer containerd below `place`, beside what this machine has installed, and tells where its programs are. The machine's
/// own list of packages is left alone.
///
/// # Errors
/// When this is not Debian, or its mirror does not have the release.
pub(crate) fn newer_containerd(place: &Path) -> Result<PathBuf> {
    let programs = place.join("root/usr/bin");
    if programs.join("containerd").exists() {
        return Ok(programs);
    }
    let format =
        ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Component: main"];
    let mirrors = Cmd::new("apt-get").args(format).stdout()?;
    let mirror = mirrors.lines().next().context("apt knows no mirror of Debian")?;
    for directory in ["lists/partial", "cache/archives/partial", "state"] {
        std::fs::create_dir_all(place.join(directory)).with_context(|| format!("making {}", place.display()))?;
    }
    let sources = place.join("sources.list");
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    std::fs::write(&sources, format!("deb [signed-by={keys}] {mirror} {NEXT_DEBIAN} main\n")).context("writing")?;
    let option = |name: &str, value: &Path| format!("{name}={}", value.display());
    let apt = || {
        let own = [
            option("Dir::Etc::SourceList", &sources),
            option("Dir::Etc::SourceParts", Path::new("-")),
            option("Dir::State", &place.join("state")),
            option("Dir::State::Lists", &place.join("lists")),
            option("Dir::Cache", &place.join("cache")),
        ];
        own.into_iter()
            .fold(Cmd::new("apt-get").args(["-q", "-o", "Acquire::Retries=3"]), |cmd, one| cmd.arg("-o").arg(one))
    };
    apt().arg("update").run()?;
    // Downloads into the directory it stands in.
    let packages = place.join("packages");
    std::fs::create_dir_all(&packages)?;
    apt().args(["download", "containerd"]).in_dir(&packages).run()?;
    let package = std::fs::read_dir(&packages)?.next().context("nothing was downloaded")??.path();
    Cmd::new("dpkg").arg("-x").arg(package).arg(place.join("root")).run()?;
    Ok(programs)
}

/// Installs a cargo tool where `cargo install` does, unless one of that name is already found.
fn cargo_tool(name: &str, version: &str, install: impl FnOnce() -> Cmd) -> Result<()> {
    if let Some(found) = workspace::find_program(name) {
        println!("{name}: {}", found.display());
        return Ok(());
    }
    let build = workspace::target_dir().join("tools-build");
    let install = install().arg("--target-dir").arg(&build);
    println!("{name} {version}: not found, building it\n    {install}");
    install.run().with_context(|| format!("installing {name}"))?;
    // The objects of a finished tool are of no more use and are larger than the tool by far.
    std::fs::remove_dir_all(&build).with_context(|| format!("removing {}", build.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_looked_for_and_not_assumed() {
        let package = |sign| Package { name: "no-such-package-anywhere", why: "", sign };
        assert!(package(Sign::Runs(&["true"])).is_present());
        assert!(!package(Sign::Runs(&["false"])).is_present());
        assert!(!package(Sign::Runs(&["no-such-program-on-any-machine"])).is_present());
        assert!(!package(Sign::Installed).is_present());
    }

    #[test]
    fn nothing_missing_is_not_an_error_for_anyone() {
        ensure(&[]).unwrap();
    }

    #[test]
    fn no_package_is_listed_twice() {
        let mut names: Vec<_> = [BUILD, CLIENTS, MEMORY, RIVALS, GUEST, EBPF]
            .iter()
            .copied()
            .flatten()
            .map(|package| package.name)
            .collect();
        let listed = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), listed);
    }
}

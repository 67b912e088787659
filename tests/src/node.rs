//! One machine in two network namespaces: an application's side and, joined by a virtual cable, "the Internet".
//!
//! Nothing has a route out: the default route of the application's side ends in the upstream namespace, which forwards
//! nothing. The application's side also has its own `/etc/hosts`, so that `api.openai.com` means the upstream double.
//! Namespaces are anonymous and every node has its own, so nodes can live side by side and die with their processes.
//! Next: [`crate::gateway`] runs `pipelock exec` in it; [`crate::clients`] are what it runs.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::pki::Root;
use crate::process::{self, DEADLINE};
use crate::providers;
use crate::sys::{self, Namespaces};
use crate::upstream::Upstream;

/// The application's addresses.
pub const APP_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
/// See [`APP_V4`].
pub const APP_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
/// Where [`API`] lives.
pub const API_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// Where [`SIX`] lives.
pub const API_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0x10);
/// Where [`OPENAI`] lives.
pub const OPENAI_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 11);
/// Where [`OTHER`] lives.
pub const OTHER_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 12);
/// Where all hosts of [`providers`] live that have no address of their own here.
pub const PROVIDERS_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 20);
/// Where [`MAIL`] lives.
pub const MAIL_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 25);
/// Where [`REDIS`] lives.
pub const REDIS_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 63);

/// An HTTPS API, IPv4 only.
pub const API: &str = "api.example.test";
/// The same API, IPv6 only.
pub const SIX: &str = "six.example.test";
/// The name a real SDK has built in.
pub const OPENAI: &str = "api.openai.com";
/// A second API, for rules that must not cover it.
pub const OTHER: &str = "other.example.test";
/// Ends in `example.test` without a dot in between: suffix rules must not cover it.
pub const LOOKALIKE: &str = "notexample.test";
/// An SMTP server.
pub const MAIL: &str = "mail.example.test";
/// A Redis-like server.
pub const REDIS: &str = "redis.example.test";

const HOSTS: &[(&str, IpAddr)] = &[
    ("localhost", IpAddr::V4(Ipv4Addr::LOCALHOST)),
    (API, IpAddr::V4(API_V4)),
    (SIX, IpAddr::V6(API_V6)),
    (OPENAI, IpAddr::V4(OPENAI_V4)),
    (OTHER, IpAddr::V4(OTHER_V4)),
    (LOOKALIKE, IpAddr::V4(OTHER_V4)),
    (MAIL, IpAddr::V4(MAIL_V4)),
    (REDIS, IpAddr::V4(REDIS_V4)),
];

/// Every name of the node.
fn hosts() -> impl Iterator<Item = (&'static str, IpAddr)> {
    let own = |name: &str| HOSTS.iter().any(|(other, _)| *other == name);
    let providers = providers::HOSTS.iter().filter(move |name| !own(name));
    HOSTS.iter().copied().chain(providers.map(|name| (*name, IpAddr::V4(PROVIDERS_V4))))
}

/// Beginning of the name of every directory a node makes under the system's temporary directory.
const DIRECTORY_PREFIX: &str = "pipelock-e2e-";

/// Variables with which a client trusts the upstream's own root, for runs without the gateway; the gateway sets the same
/// ones for runs through it.
pub const TRUST_VARIABLES: &[&str] = &["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];

/// The topology; everything in it ends when it is dropped.
#[derive(Debug)]
pub struct Node {
    app: Namespaces,
    outside: Namespaces,
    upstream: Upstream,
    root_pem: PathBuf,
    leaf_pem: PathBuf,
    // Last: the servers and namespaces above use files in it.
    directory: TempDir,
}

impl Node {
    /// Builds the namespaces, the cable, the name table, and starts the upstream double.
    ///
    /// # Errors
    /// Without root, or when `ip` (iproute2) is missing.
    pub fn new() -> Result<Self> {
        mount_bpffs()?;
        let directory = tempfile::Builder::new()
            .prefix(&format!("{DIRECTORY_PREFIX}{}-", std::process::id()))
            .tempdir()
            .context("making the node's directory")?;
        let path = directory.path();
        open_to_all(path)?;
        let root = Root::generate()?;
        let root_pem = path.join("upstream-root.pem");
        std::fs::write(&root_pem, root.pem()).context("writing the upstream root")?;
        let app = Namespaces { net: sys::new_network()?, mount: Some(sys::new_mounts(name_table(path)?)?) };
        let outside = Namespaces { net: sys::new_network()?, mount: None };
        cable(&app, &outside)?;
        let names: Vec<&str> = hosts().map(|(name, _)| name).collect();
        let addresses: Vec<IpAddr> = HOSTS.iter().map(|(_, address)| *address).filter(|a| !a.is_loopback()).collect();
        let leaf_pem = path.join("upstream-leaf.pem");
        std::fs::write(&leaf_pem, root.leaf_pem(&names)?).context("writing the upstream's certificate")?;
        let upstream = Upstream::start(&outside.net, root.server_config(&names, &addresses, &["h2", "http/1.1"])?)?;
        Ok(Self { app, outside, upstream, root_pem, leaf_pem, directory })
    }

    /// A command that will run on the application's side, with an empty environment but for `PATH`, `HOME` and `LANG`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.directory()).env("LANG", "C.UTF-8");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        self.app.enter(&mut command);
        command
    }

    /// The same, trusting the upstream's own root: how a client runs without the gateway.
    pub fn direct_command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command(program);
        for variable in TRUST_VARIABLES {
            command.env(variable, &self.root_pem);
        }
        command
    }

    /// A command that will run on the upstream's side.
    pub fn outside_command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        self.outside.enter(&mut command);
        command
    }

    /// The servers.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The application's namespaces.
    #[must_use]
    pub fn app(&self) -> &Namespaces {
        &self.app
    }

    /// The upstream's namespaces.
    #[must_use]
    pub fn outside(&self) -> &Namespaces {
        &self.outside
    }

    /// The upstream's root certificate, PEM.
    #[must_use]
    pub fn root_pem(&self) -> &Path {
        &self.root_pem
    }

    /// A certificate for every name of the node and its key, PEM, for servers that are programs of their own.
    #[must_use]
    pub fn leaf_pem(&self) -> &Path {
        &self.leaf_pem
    }

    /// A directory that vanishes with the node.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes the directories of earlier runs that were killed before they could do it themselves.
///
/// # Errors
/// When the temporary directory cannot be read.
pub fn sweep() -> Result<()> {
    let entries = std::fs::read_dir(std::env::temp_dir()).context("reading the temporary directory")?;
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY_PREFIX)?.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
    Ok(())
}

/// Makes sure that the file system for pinned programs is there before any mount namespace is copied: one mounted later
/// would be invisible inside.
fn mount_bpffs() -> Result<()> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("reading /proc/self/mounts")?;
    if mounts.lines().any(|line| line.split(' ').nth(1) == Some("/sys/fs/bpf")) {
        return Ok(());
    }
    let mut mount = Command::new("mount");
    mount.args(["-t", "bpf", "bpf", "/sys/fs/bpf"]);
    succeed(mount)
}

/// The files that stand in for `/etc/hosts` and `/etc/resolv.conf`, with what they are mounted over.
fn name_table(directory: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut table = String::new();
    for (name, address) in hosts() {
        writeln!(table, "{address} {name}").context("formatting the hosts table")?;
    }
    // Nothing listens there, so a name that is not in the table fails at once instead of after a timeout.
    let resolver = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    [("hosts", table.as_str()), ("resolv.conf", resolver)]
        .into_iter()
        .map(|(name, text)| {
            let file = directory.join(name);
            std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
            // A bind mount follows a symbolic link (systemd-resolved makes resolv.conf one), so mount over its target.
            let over = Path::new("/etc").join(name);
            Ok((file, std::fs::canonicalize(&over).unwrap_or(over)))
        })
        .collect()
}

/// Joins the two namespaces and gives both sides their addresses.
fn cable(app: &Namespaces, outside: &Namespaces) -> Result<()> {
    let peer = outside.net_path();
    let peer = peer.to_string_lossy();
    ip(app, &format!("link add eth0 type veth peer name eth0 netns {peer}"))?;
    for side in [app, outside] {
        ip(side, "link set lo up")?;
        ip(side, "link set eth0 up")?;
    }
    ip(app, &format!("addr add {APP_V4}/24 dev eth0"))?;
    ip(app, &format!("addr add {APP_V6}/64 dev eth0 nodad"))?;
    for (_, address) in HOSTS.iter().filter(|(name, address)| !address.is_loopback() && *name != LOOKALIKE) {
        let mask = if address.is_ipv4() { "24" } else { "64 nodad" };
        let (length, flags) = mask.split_once(' ').unwrap_or((mask, ""));
        ip(outside, format!("addr add {address}/{length} dev eth0 {flags}").trim_end())?;
    }
    ip(outside, &format!("addr add {PROVIDERS_V4}/24 dev eth0"))?;
    // On-link default routes: every address is asked for on the cable, whose far end forwards nothing.
    ip(app, "route add default dev eth0")?;
    ip(app, "-6 route add default dev eth0")?;
    ip(outside, &format!("route add {APP_V4}/32 dev eth0"))?;
    ip(outside, &format!("-6 route add {APP_V6}/128 dev eth0"))
}

fn ip(side: &Namespaces, arguments: &str) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(arguments.split(' '));
    Namespaces { net: std::sync::Arc::clone(&side.net), mount: None }.enter(&mut command);
    succeed(command)
}

fn succeed(command: Command) -> Result<()> {
    let described = format!("{command:?}");
    let finished = process::run(command, DEADLINE)?;
    ensure!(finished.status.success(), "{described}: {}", finished.stderr.trim());
    Ok(())
}

/// Lets processes of other users read the certificate: some cases drop root.
fn open_to_all(directory: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).context("opening the node's directory")
}

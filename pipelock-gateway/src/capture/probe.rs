//! What this kernel and our privileges can do, asked once at start.
//!
//! Each need is tried, not derived from a version number, and comes back with the evidence and, where it is missing, the
//! remedy. Judging is a pure function over [`Kernel`]'s answers, so that every verdict can be tested without that kernel.

use std::fmt;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::{Error, cgroup, sys};

/// `CAP_NET_ADMIN`, `CAP_SYS_ADMIN`, `CAP_PERFMON`, `CAP_BPF`: include/uapi/linux/capability.h.
const CAPABILITIES: [(u32, &str); 4] =
    [(39, "CAP_BPF"), (38, "CAP_PERFMON"), (12, "CAP_NET_ADMIN"), (CAP_SYS_ADMIN, "CAP_SYS_ADMIN")];
const CAP_SYS_ADMIN: u32 = 21;

/// Something the datapath needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The capabilities to load programs, mount a bpffs and make cgroups.
    Root,
    /// The kernel loads cgroup socket-address programs.
    Bpf,
    /// A cgroup-v2 hierarchy that can be written.
    CgroupV2,
    /// The kernel's own type information, which aya reads map layouts against.
    Btf,
    /// A file system that programs and maps can be pinned on; mounted when it is not there.
    Bpffs,
    /// `SO_NETNS_COOKIE` (5.14), half of a flow's identity.
    NetnsCookie,
    /// `bpf_set_retval` (5.18). Optional: without it every refusal is `EPERM`, and IPv6 fallback is slower.
    SetRetval,
}

impl Need {
    /// Every need, in the order they are asked.
    pub const ALL: [Self; 7] =
        [Self::Root, Self::Bpf, Self::CgroupV2, Self::Btf, Self::Bpffs, Self::NetnsCookie, Self::SetRetval];

    /// The name used in tables and in `PIPELOCK_REQUIRE`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Bpf => "bpf",
            Self::CgroupV2 => "cgroup_v2",
            Self::Btf => "btf",
            Self::Bpffs => "bpffs",
            Self::NetnsCookie => "netns_cookie",
            Self::SetRetval => "set_retval",
        }
    }

    /// Whether the datapath works without it.
    #[must_use]
    pub fn is_optional(self) -> bool {
        self == Self::SetRetval
    }
}

/// Whether a need is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is; what showed it.
    Present {
        /// What was seen.
        evidence: String,
    },
    /// It is not.
    Missing {
        /// What was tried, and what the kernel said: `bpf(PROG_LOAD): EPERM`.
        evidence: String,
        /// What to do about it.
        remedy: String,
    },
}

/// The answers, one a need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<(Need, State)>);

/// The questions. Implemented by [`ThisKernel`], and by doubles in tests.
pub trait Kernel {
    /// The effective capability set of this process, one bit a capability.
    fn capabilities(&self) -> io::Result<u64>;
    /// Loads a trivial connect program.
    fn load_program(&self) -> io::Result<()>;
    /// Loads one that calls `bpf_set_retval`.
    fn load_set_retval(&self) -> io::Result<()>;
    /// The mount table: the lines of `/proc/self/mounts`.
    fn mounts(&self) -> io::Result<String>;
    /// Whether a file exists.
    fn exists(&self, path: &Path) -> bool;
    /// The network namespace cookie of a fresh socket.
    fn netns_cookie(&self) -> io::Result<u64>;
}

/// The kernel this process runs on.
#[derive(Clone, Copy, Debug)]
pub struct ThisKernel;

impl Kernel for ThisKernel {
    fn capabilities(&self) -> io::Result<u64> {
        let status = fs::read_to_string("/proc/self/status")?;
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        u64::from_str_radix(effective.unwrap_or_default().trim(), 16).map_err(io::Error::other)
    }

    fn load_program(&self) -> io::Result<()> {
        sys::load_probe_program(false)
    }

    fn load_set_retval(&self) -> io::Result<()> {
        sys::load_probe_program(true)
    }

    fn mounts(&self) -> io::Result<String> {
        fs::read_to_string("/proc/self/mounts")
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn netns_cookie(&self) -> io::Result<u64> {
        // Any socket will do; this one is never connected.
        sys::netns_cookie(UdpSocket::bind("127.0.0.1:0")?.as_fd())
    }
}

/// Asks everything.
pub fn probe(kernel: &impl Kernel) -> Report {
    Report(Need::ALL.map(|need| (need, answer(kernel, need))).into())
}

fn answer(kernel: &impl Kernel, need: Need) -> State {
    match need {
        Need::Root => capabilities(kernel),
        Need::Bpf => tried("bpf(PROG_LOAD)", kernel.load_program(), "run as root, on Linux 5.15 or newer"),
        Need::CgroupV2 => match kernel.mounts().map(|mounts| cgroup::root_in(&mounts)) {
            Ok(Some(path)) => State::present(format!("cgroup2 on {}", path.display())),
            Ok(None) => State::missing(
                "no cgroup2 in /proc/self/mounts",
                "mount one: mount -t cgroup2 none /sys/fs/cgroup/unified; in a container, use the host's cgroup namespace",
            ),
            Err(error) => State::failed("reading /proc/self/mounts", &error, "mount /proc"),
        },
        Need::Btf => {
            let path = "/sys/kernel/btf/vmlinux";
            if kernel.exists(Path::new(path)) {
                State::present(path)
            } else {
                State::missing(format!("{path} does not exist"), "use a kernel built with CONFIG_DEBUG_INFO_BTF")
            }
        }
        Need::Bpffs => match kernel.mounts().map(|mounts| bpffs_in(&mounts, Path::new("/sys/fs/bpf"))) {
            Ok(true) => State::present("bpf on /sys/fs/bpf"),
            Ok(false) if kernel.exists(Path::new("/sys/fs/bpf")) => {
                State::present("/sys/fs/bpf can be mounted for the run")
            }
            Ok(false) => {
                State::missing("/sys/fs/bpf does not exist", "mount /sys, on a kernel with CONFIG_BPF_SYSCALL")
            }
            Err(error) => State::failed("reading /proc/self/mounts", &error, "mount /proc"),
        },
        Need::NetnsCookie => match kernel.netns_cookie() {
            Ok(cookie) => State::present(format!("getsockopt(SO_NETNS_COOKIE) = {cookie}")),
            Err(error) => State::failed("getsockopt(SO_NETNS_COOKIE)", &error, "use Linux 5.15 or newer"),
        },
        Need::SetRetval => tried(
            "bpf(PROG_LOAD) with bpf_set_retval",
            kernel.load_set_retval(),
            "use Linux 5.18 or newer; until then refused connections see EPERM",
        ),
    }
}

fn capabilities(kernel: &impl Kernel) -> State {
    let held = match kernel.capabilities() {
        Ok(held) => held,
        Err(error) => return State::failed("reading /proc/self/status", &error, "mount /proc"),
    };
    let has = |bit: u32| held & (1 << bit) != 0;
    // bpf_capable() and perfmon_capable() in include/linux/capability.h accept CAP_SYS_ADMIN for the first two.
    let implied = |name: &str| has(CAP_SYS_ADMIN) && matches!(name, "CAP_BPF" | "CAP_PERFMON");
    let missing: Vec<&str> =
        CAPABILITIES.iter().filter(|(bit, name)| !has(*bit) && !implied(name)).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        State::present("all capabilities needed are effective")
    } else {
        let missing = missing.join(", ");
        State::missing(format!("missing {missing}"), format!("run as root (sudo), or grant {missing}"))
    }
}

fn tried(what: &str, result: io::Result<()>, remedy: &str) -> State {
    match result {
        Ok(()) => State::present(format!("{what} works")),
        Err(error) => State::failed(what, &error, remedy),
    }
}

/// Whether a path is a mounted bpffs, in a mount table.
pub(super) fn bpffs_in(mounts: &str, at: &Path) -> bool {
    let fields = |line: &str| line.split(' ').skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    // The last mount on a path hides those before it.
    let top = mounts.lines().map(fields).rfind(|f| f.first().map(PathBuf::from).as_deref() == Some(at));
    top.is_some_and(|f| f.get(1).is_some_and(|kind| kind == "bpf"))
}

impl State {
    fn present(evidence: impl Into<String>) -> Self {
        Self::Present { evidence: evidence.into() }
    }

    fn missing(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Missing { evidence: evidence.into(), remedy: remedy.into() }
    }

    fn failed(what: &str, error: &io::Error, remedy: &str) -> Self {
        Self::missing(format!("{what}: {}", errno_name(error)), remedy)
    }
}

/// `EPERM` reads better in a table than its sentence.
fn errno_name(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::EACCES) => "EACCES".to_owned(),
        Some(libc::EINVAL) => "EINVAL".to_owned(),
        Some(libc::ENOSYS) => "ENOSYS".to_owned(),
        Some(libc::ENOPROTOOPT) => "ENOPROTOOPT".to_owned(),
        _ => error.to_string(),
    }
}

impl Report {
    /// Every need with its state, in the order of [`Need::ALL`].
    pub fn states(&self) -> impl Iterator<Item = (Need, &State)> {
        self.0.iter().map(|(need, state)| (*need, state))
    }

    /// Whether a need is met.
    #[must_use]
    pub fn has(&self, need: Need) -> bool {
        self.states().any(|(other, state)| other == need && matches!(state, State::Present { .. }))
    }

    pub(super) fn has_set_retval(&self) -> bool {
        self.has(Need::SetRetval)
    }

    /// # Errors
    /// [`Error::Missing`] naming every need that is not met and not optional, with evidence and remedy.
    pub fn require(&self) -> Result<(), Error> {
        let line = |(need, state): (Need, &State)| match state {
            State::Missing { evidence, remedy } if !need.is_optional() => {
                Some(format!("{}: {evidence}; {remedy}", need.as_str()))
            }
            _ => None,
        };
        let missing: Vec<String> = self.states().filter_map(line).collect();
        if missing.is_empty() { Ok(()) } else { Err(Error::Missing { needs: missing.join("\n") }) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (need, state) in self.states() {
            match state {
                State::Present { evidence } => writeln!(f, "{:<13} present  {evidence}", need.as_str())?,
                State::Missing { evidence, remedy } => {
                    writeln!(f, "{:<13} MISSING  {evidence}; {remedy}", need.as_str())?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake {
        capabilities: u64,
        load: Option<i32>,
        set_retval: Option<i32>,
        mounts: &'static str,
        files: &'static [&'static str],
    }

    const ROOT: Fake = Fake {
        capabilities: u64::MAX,
        load: None,
        set_retval: None,
        mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n",
        files: &["/sys/kernel/btf/vmlinux", "/sys/fs/bpf"],
    };

    fn result(errno: Option<i32>) -> io::Result<()> {
        errno.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    impl Kernel for Fake {
        fn capabilities(&self) -> io::Result<u64> {
            Ok(self.capabilities)
        }
        fn load_program(&self) -> io::Result<()> {
            result(self.load)
        }
        fn load_set_retval(&self) -> io::Result<()> {
            result(self.set_retval)
        }
        fn mounts(&self) -> io::Result<String> {
            Ok(self.mounts.to_owned())
        }
        fn exists(&self, path: &Path) -> bool {
            self.files.iter().any(|file| Path::new(file) == path)
        }
        fn netns_cookie(&self) -> io::Result<u64> {
            Ok(1)
        }
    }

    fn refusal(kernel: &Fake) -> String {
        probe(kernel).require().unwrap_err().to_string()
    }

    #[test]
    fn complete_kernel_is_accepted() {
        probe(&ROOT).require().unwrap();
    }

    #[test]
    fn exactly_the_missing_capabilities_are_named() {
        let without_perfmon = Fake { capabilities: 1 << 39 | 1 << 12, ..ROOT };
        let told = refusal(&without_perfmon);
        assert!(told.contains("grant CAP_PERFMON, CAP_SYS_ADMIN"), "{told}");
        let only_sys_admin = Fake { capabilities: 1 << 21, ..ROOT };
        let told = refusal(&only_sys_admin);
        assert!(told.contains("missing CAP_NET_ADMIN;"), "CAP_SYS_ADMIN stands in for BPF and PERFMON: {told}");
    }

    #[test]
    fn refused_load_is_told_with_its_errno() {
        let told = refusal(&Fake { load: Some(libc::EPERM), ..ROOT });
        assert!(told.contains("bpf: bpf(PROG_LOAD): EPERM; run as root"), "{told}");
    }

    #[test]
    fn old_kernel_without_set_retval_is_accepted_and_reported() {
        let report = probe(&Fake { set_retval: Some(libc::EINVAL), ..ROOT });
        report.require().unwrap();
        assert!(!report.has(Need::SetRetval));
        assert!(report.to_string().contains("set_retval    MISSING"), "{report}");
    }

    #[test]
    fn missing_hierarchy_and_type_information_are_named_together() {
        let told = refusal(&Fake { mounts: "", files: &["/sys/fs/bpf"], ..ROOT });
        assert!(told.contains("cgroup_v2:") && told.contains("btf:"), "{told}");
    }

    #[test]
    fn bpffs_that_is_hidden_by_another_mount_does_not_count() {
        let at = Path::new("/sys/fs/bpf");
        assert!(bpffs_in("none /sys/fs/bpf bpf rw 0 0\n", at));
        assert!(!bpffs_in("none /sys/fs/bpf bpf rw 0 0\ntmpfs /sys/fs/bpf tmpfs rw 0 0\n", at));
        assert!(!bpffs_in("none /sys/fs/bpf/x bpf rw 0 0\n", at));
    }
}

//! The kernel's side of a connection: programs, maps, cgroups, namespaces.
//!
//! Everything that needs privilege stands behind [`Datapath`], so that it can move into a helper process without touching
//! the rest. Raw kernel records become [`crate::model`] types here and nowhere else; no other module names aya or a map.
//! Next stage: [`crate::connection`] accepts from the listeners of an [`Armed`] target.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::model::{CgroupId, NetnsCookie, OriginalDst, Workload};

pub mod cgroup;
mod denials;
mod environment;
mod listen;
mod local;
#[cfg(feature = "ebpf-log")]
mod log;
mod maps;
pub mod probe;
mod programs;
mod run;
mod sys;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod uncaptured;

pub use denials::{Denial, Denials};
pub use environment::{Environment, Process};
pub use local::{LocalDatapath, verify_object};
pub use pipelock_common::DenialReason;
pub use run::{Layout, Run, Swept, sweep_stale};
pub use uncaptured::Uncaptured;

/// What is to be captured, and how.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// Directory of the cgroup (v2) whose processes are captured.
    pub cgroup: PathBuf,
    /// Destinations the kernel lets through untouched; both families.
    pub bypass: Vec<IpNet>,
    /// Whether the gateway can reach IPv6 destinations; when not, `connect()` answers `ENETUNREACH` so that Happy
    /// Eyeballs falls back.
    pub ipv6_upstream: bool,
    /// Refuse UDP/443 with `EPERM`, so that clients use TCP.
    pub deny_quic: bool,
}

/// A captured target: listeners are bound, policy is written, programs are attached, in that order.
#[derive(Debug)]
pub struct Armed {
    /// Handle for [`Datapath::disarm`].
    pub id: u64,
    /// Listeners inside the target's network namespace, IPv4 and, where the namespace has it, IPv6. Non-blocking.
    pub listeners: Vec<TcpListener>,
    /// That namespace.
    pub netns: NetnsCookie,
}

/// The four addresses by which an accepted socket is known to the kernel programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowTuple {
    /// The namespace of the listener.
    pub netns: NetnsCookie,
    /// `getpeername` of the accepted socket.
    pub peer: SocketAddr,
    /// `getsockname` of the accepted socket.
    pub local: SocketAddr,
}

/// What the kernel programs recorded about a steered socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steered {
    /// Where it meant to go.
    pub original_dst: OriginalDst,
    /// Who opened it.
    pub workload: Workload,
}

/// Kernel-side counters, summed over CPUs, since the programs were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// TCP connections steered to a listener.
    pub redirected: u64,
    /// Connections and datagrams let through by loopback or CIDR rules.
    pub bypassed: u64,
    /// Operations refused: QUIC, raw sockets, reserved ports.
    pub denied: u64,
    /// Records that could not be stored; such a connection is reset.
    pub lost: u64,
}

/// The seam to everything privileged.
///
/// Implemented in-process by [`LocalDatapath`] over aya, and by `testing::FakeDatapath` without a kernel.
pub trait Datapath: Send + Sync + 'static {
    /// Captures a target. On error nothing stays attached.
    fn arm(&self, target: &TargetSpec) -> Result<Armed, Error>;

    /// Detaches the programs, then forgets the policy. Connections accepted before go on.
    fn disarm(&self, id: u64) -> Result<(), Error>;

    /// Reads and deletes what the programs recorded about an accepted socket; `None` when nothing steered it, and then
    /// the caller must reset it, never guess.
    fn take(&self, flow: FlowTuple) -> Result<Option<Steered>, Error>;

    /// Marks a socket as the gateway's own, so that no program ever steers it. Must be called before `connect()`.
    fn mark_own(&self, socket: BorrowedFd<'_>) -> Result<(), Error>;

    /// Tells the programs that the accept loop is alive.
    fn beat(&self) -> Result<(), Error>;

    /// Reads the environments of the process that opened a connection and of those beside it in its cgroup, less those that
    /// are `known`; empty when the process itself is. Reads files of `/proc`, so call it where blocking is allowed.
    ///
    /// # Errors
    /// [`Error::Io`] when the process has ended, or cannot be read from here.
    fn environments(&self, workload: &Workload, known: &dyn Fn(Process) -> bool) -> Result<Vec<Environment>, Error>;

    /// Reads the kernel-side counters.
    fn counters(&self) -> Result<Counters, Error>;
}

/// What went wrong at the kernel boundary. Each variant names what was attempted and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel or our privileges lack something.
    #[error("this machine cannot capture connections:\n{needs}")]
    Missing {
        /// One line a need: name, evidence, remedy.
        needs: String,
    },
    /// No cgroup-v2 hierarchy is mounted.
    #[error("no cgroup2 file system is mounted (mount -t cgroup2 none /sys/fs/cgroup/unified)")]
    NoCgroup2,
    /// The directory is not a cgroup-v2 directory below the root.
    #[error("{path} is not a cgroup-v2 directory below the root of the hierarchy")]
    NotCgroup2 {
        /// What was given.
        path: PathBuf,
    },
    /// Killed processes did not leave in time; their programs stay attached.
    #[error("processes are left in {path}; they stay captured")]
    CgroupBusy {
        /// Their cgroup.
        path: PathBuf,
    },
    /// This process is itself in the cgroup that is to be killed.
    #[error("{path} belongs to a dead run, and this process is inside it; start from outside")]
    InsideDeadRun {
        /// That cgroup.
        path: PathBuf,
    },
    /// This gateway was started without the kernel side.
    #[error("this gateway was started without targets, so it captures nothing")]
    NothingCaptured,
    /// The target is armed already.
    #[error("{path} is captured already")]
    AlreadyArmed {
        /// Its cgroup.
        path: PathBuf,
    },
    /// Nothing is armed under this handle.
    #[error("no target {id} is armed")]
    UnknownTarget {
        /// The handle.
        id: u64,
    },
    /// Targets at more depths of the cgroup tree than the programs look at, or more than can be numbered.
    #[error("too many targets, or targets at more than {} depths of the cgroup tree", pipelock_common::MAX_LEVELS)]
    TooManyTargets,
    /// The embedded object cannot be parsed, or its maps cannot be made.
    #[error("opening the BPF object")]
    Object {
        /// aya's reason.
        #[source]
        source: Box<aya::EbpfError>,
    },
    /// The object does not hold a program it should.
    #[error("the BPF object has no program {program}")]
    ProgramMissing {
        /// Its name.
        program: &'static str,
    },
    /// The object does not hold a map it should.
    #[error("the BPF object has no map {map}")]
    MapMissing {
        /// Its name.
        map: &'static str,
    },
    /// The kernel refuses a program.
    #[error("loading program {program}")]
    Verify {
        /// Its name.
        program: &'static str,
        /// aya's reason, with the verifier's log.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// A program cannot be attached. `EPERM` with all capabilities: an ancestor holds an exclusive attachment.
    #[error("attaching program {program} to {cgroup}")]
    Attach {
        /// Its name.
        program: &'static str,
        /// Where.
        cgroup: PathBuf,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// A link or map cannot be pinned.
    #[error("pinning {path}")]
    Pin {
        /// Its name on the bpffs.
        path: PathBuf,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// A map has another type or size than this version expects, or cannot be read.
    #[error("reading map {map}")]
    MapType {
        /// Its name.
        map: &'static str,
        /// aya's reason.
        #[source]
        source: aya::maps::MapError,
    },
    /// A map operation failed.
    #[error("{operation} an entry of map {map}")]
    Map {
        /// Its name.
        map: &'static str,
        /// What was done.
        operation: &'static str,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// A listener cannot be bound.
    #[error("listening on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// The two ends of a flow are of different families; it was not steered by us.
    #[error("flow {flow:?} mixes address families")]
    MixedFamilies {
        /// The flow.
        flow: FlowTuple,
    },
    /// The record found is not about this flow. The connection must be reset.
    #[error("the record of flow {flow:?} is not about it")]
    RecordMismatch {
        /// The flow.
        flow: FlowTuple,
    },
    /// A file, directory, mount or descriptor operation failed.
    #[error("{operation} {path}")]
    Io {
        /// What was done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
}

impl Error {
    fn io(operation: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { operation, path: path.as_ref().to_owned(), source }
    }

    fn map(map: &'static str, operation: &'static str, source: io::Error) -> Self {
        Self::Map { map, operation, source }
    }
}

/// Who opened a socket, as the programs recorded it. The executable is looked up now, so it may be gone, or be that of
/// a process which took the pid since; it is for people to read, not to decide by.
fn workload(cgroup: CgroupId, netns: NetnsCookie, pid: u32, uid: u32) -> Workload {
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    // The name is the workload's choice and is printed: no control character of it may reach a terminal or a log.
    let printable =
        |path: PathBuf| path.to_string_lossy().chars().filter(|c| !c.is_control()).collect::<String>().into();
    let executable = executable.map(printable);
    Workload { cgroup, netns, pid, uid, executable }
}

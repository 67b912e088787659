//! The kernel's side of a connection: programs, maps, cgroups, namespaces.
//!
//! Everything that needs privilege stands behind [`Datapath`], so that it can move into a helper process without touching
//! the rest. Raw kernel records become [`crate::model`] types here and nowhere else; no other module names aya or a map.
//! Next stage: [`crate::connection`] accepts from the listeners of an [`Armed`] target.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::{CgroupId, NetnsCookie, OriginalDst, Workload};

mod armed;
mod belt;
mod bundles;
pub mod cgroup;
mod classifier;
mod denials;
pub mod doctor;
mod environment;
mod flow;
mod foreign;
mod handover;
pub mod helper;
mod listen;
mod local;
#[cfg(feature = "ebpf-log")]
mod log;
mod maps;
mod netlink;
mod netns;
mod node;
mod old_sockets;
pub mod probe;
mod programs;
mod resolver;
mod run;
mod sys;
mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod uncaptured;
mod wires;

pub use bundles::{ShownBundle, shown_bundles};
pub use denials::{Denial, Denials};
pub use environment::{Environment, Process};
pub use handover::{Inherited, Offer, Sockets};
pub use local::{LocalDatapath, verify_object};
pub use node::Node;
pub use pipelock_common::DenialReason;
pub use resolver::{Datagram, Place, ResolverSocket};
pub use run::{Layout, Run, Swept, sweep_stale};
pub use sys::{close_on_exec, inherited_descriptor};
pub use target::{Attachment, Netns, Scope, TargetCounters, TargetPolicy, TargetSpec, Weakness, WhenDead};
pub use uncaptured::Uncaptured;

/// A captured target: listeners are bound, policy is written, programs are attached, in that order.
#[derive(Debug)]
pub struct Armed {
    /// Handle for [`Datapath::disarm`].
    pub id: u64,
    /// Listeners inside the target's network namespace, IPv4 and, where the namespace has it, IPv6. Non-blocking.
    pub listeners: Vec<TcpListener>,
    /// Sockets that captured DNS queries are steered to, in the same namespace. Empty unless the policy asks for it.
    pub resolvers: Vec<ResolverSocket>,
    /// That namespace.
    pub netns: NetnsCookie,
    /// In what it is less than fully protected.
    pub weaknesses: Vec<Weakness>,
    /// How many connections from before it was captured were ended.
    pub ended: usize,
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

/// For whom the queries of one place are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The server that the workload asks.
    pub server: SocketAddr,
    /// Who asks; the process is the one that asked last.
    pub workload: Workload,
}

/// Kernel-side counters, summed over CPUs, since the programs were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// TCP connections steered to a listener.
    pub redirected: u64,
    /// Connections and datagrams let through by loopback or CIDR rules.
    pub bypassed: u64,
    /// Operations refused: QUIC, raw sockets, reserved ports.
    pub denied: u64,
    /// Records that could not be stored; such a connection is reset.
    pub lost: u64,
    /// Operations let through because no gateway gave a sign of life.
    pub failed_open: u64,
    /// Operations let through because their target is only observed.
    pub observed: u64,
    /// DNS queries steered to a resolver.
    pub dns: u64,
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

    /// Whom the queries that arrive at a place of a target are for; `None` when nothing was steered there.
    fn asked(&self, _id: u64, _place: Place) -> Result<Option<Asked>, Error> {
        Ok(None)
    }

    /// A socket inside the network namespace of a target, marked as the gateway's own and non-blocking: for servers that only the
    /// target can reach, because they listen on its loopback. Enters the namespace, so call it where blocking is allowed.
    ///
    /// # Errors
    /// [`Error::NoSuchNamespace`] when no target lives there.
    fn socket_inside(&self, netns: NetnsCookie, domain: socket2::Domain, kind: socket2::Type)
    -> Result<OwnedFd, Error>;

    /// Whether a namespace is the gateway's own.
    fn is_own_netns(&self, _netns: NetnsCookie) -> bool {
        true
    }

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

    /// Reads those of one target.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`], or what reading the map says.
    fn target_counters(&self, _id: u64) -> Result<TargetCounters, Error> {
        Ok(TargetCounters::default())
    }

    /// The names of the programs by which a target is captured now. None when its cgroup has gone.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`].
    fn links(&self, _id: u64) -> Result<Vec<&'static str>, Error> {
        Ok(Vec::new())
    }

    /// Removes records of steered connections that nobody came for; to be called about once a minute. How many that were.
    ///
    /// # Errors
    /// What the map says.
    fn sweep_flows(&self) -> Result<usize, Error> {
        Ok(0)
    }
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
    /// The daemon of this machine runs already.
    #[error("a gateway runs on this machine already (it holds {lock})")]
    AnotherGateway {
        /// What it holds.
        lock: PathBuf,
    },
    /// This gateway was started without the kernel side.
    #[error("this gateway was started without targets, so it captures nothing")]
    NothingCaptured,
    /// The target is armed already.
    #[error("{target} is captured already")]
    AlreadyArmed {
        /// Its name.
        target: String,
    },
    /// A target without a cgroup needs programs at the root of the hierarchy.
    #[error(
        "{target} has no cgroup of its own; only programs at the root of the hierarchy can capture it (capture.attach: root)"
    )]
    NeedsRoot {
        /// Its name.
        target: String,
    },
    /// A target that is told by its namespace must not share the gateway's.
    #[error("{target} shares the gateway's network namespace, and has no cgroup to tell it by")]
    OwnNetwork {
        /// Its name.
        target: String,
    },
    /// A foreign program keeps ours out.
    #[error(
        "attaching program {program} to {cgroup}: program {ids} on {at} lets no other in; detach it there, or attach it with the flag `multi`"
    )]
    Blocked {
        /// Its name.
        program: &'static str,
        /// Where.
        cgroup: PathBuf,
        /// The cgroup that holds the other one.
        at: PathBuf,
        /// Its id, for bpftool.
        ids: String,
    },
    /// Nothing is armed under this handle.
    #[error("no target {id} is armed")]
    UnknownTarget {
        /// The handle.
        id: u64,
    },
    /// The helper refuses, or failed.
    #[error("the helper: {why}")]
    Helper {
        /// Its words.
        why: String,
        /// `PermissionDenied`: it may not. `NotFound`: a file is not there. Else it could not.
        kind: io::ErrorKind,
    },
    /// No armed target lives in that namespace.
    #[error("no target is captured in network namespace {}", netns.0)]
    NoSuchNamespace {
        /// Its cookie.
        netns: NetnsCookie,
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

/// Loads the smallest program there is and lets go of it.
///
/// # Errors
/// What bpf(2) says.
pub fn try_bpf() -> io::Result<()> {
    sys::load_probe_program(false)
}

/// A socket without an address, non-blocking, in the calling thread's namespace.
fn plain_socket(domain: socket2::Domain, kind: socket2::Type) -> Result<OwnedFd, Error> {
    let socket = socket2::Socket::new(domain, kind.nonblocking().cloexec(), None);
    socket.map(Into::into).map_err(|e| Error::io("making", "a socket", e))
}

/// Who opened a socket, as the programs recorded it. The executable is looked up now, so it may be gone, or be that of
/// a process which took the pid since; it is for people to read, not to decide by.
fn workload(cgroup: CgroupId, netns: NetnsCookie, pid: u32, uid: u32) -> Workload {
    let executable = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    // The name is the workload's choice and is printed: no control character of it may reach a terminal or a log.
    let printable =
        |path: PathBuf| path.to_string_lossy().chars().filter(|c| !c.is_control()).collect::<String>().into();
    let executable = executable.map(printable);
    Workload { cgroup, netns, pid, uid, executable, target: None }
}

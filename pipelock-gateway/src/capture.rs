//! The kernel's side of a connection: programs, maps, cgroups, namespaces.
//!
//! Everything that needs privilege stands behind [`Datapath`], so that it can move into a helper process without touching
//! the rest. Raw kernel records become [`crate::model`] types here and nowhere else; no other module names aya or a map.
//! Next stage: [`crate::connection`] accepts from the listeners of an [`Armed`] target.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::model::{NetnsCookie, OriginalDst, Workload};

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
/// Implemented in-process by `LocalDatapath` over aya, and by a double in tests.
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

    /// Reads the kernel-side counters.
    fn counters(&self) -> Result<Counters, Error>;
}

/// What went wrong at the kernel boundary. Each variant names what was attempted and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {}

//! Who opened a socket, as the kernel tells it; nothing here can be claimed by the workload itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A cgroup-v2 id: the inode number of the cgroup's directory.
///
/// Source: `bpf_get_current_cgroup_id` in include/uapi/linux/bpf.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CgroupId(pub u64);

/// A network namespace, for as long as it lives and never reused.
///
/// Source: `SO_NETNS_COOKIE` in include/uapi/asm-generic/socket.h, `bpf_get_netns_cookie`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetnsCookie(pub u64);

/// What a workload was captured as: a container, a pod, a cgroup of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The target's name, unique among those of a process.
    pub name: String,
    /// What the runtime, or the configuration, says of it.
    pub labels: BTreeMap<String, String>,
}

/// The process that opened a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its cgroup at `connect()`.
    pub cgroup: CgroupId,
    /// The namespace its socket lives in.
    pub netns: NetnsCookie,
    /// Its thread-group id in the initial pid namespace, at `connect()`; may have ended since.
    pub pid: u32,
    /// Its real user id at `connect()`.
    pub uid: u32,
    /// The file it runs, where `/proc/<pid>/exe` could still be read.
    pub executable: Option<Arc<str>>,
    /// The target it belongs to: the one by whose listener the kernel steered its socket.
    pub target: Option<Arc<Target>>,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.executable {
            Some(path) => write!(f, "{}[{}]", path.rsplit('/').next().unwrap_or(path), self.pid),
            None => write!(f, "pid {}", self.pid),
        }
    }
}

//! What is to be captured and how, and what became of it: the words in which the rest of the gateway speaks of targets.
//!
//! Plain values; [`super::Datapath`] does the work. Discovery makes [`TargetSpec`]s, `connection::Targets` keeps them armed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// What is to be captured, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// For people: a container's name, a pod's, "exec". Unique among the targets of a process; a metric label.
    pub name: String,
    /// What discovery knows besides, such as `image` or `pod_namespace`; `workloads` of the configuration goes by them.
    pub labels: BTreeMap<String, String>,
    /// Whose sockets.
    pub scope: Scope,
    /// Where its sockets live, and so where the listeners have to be.
    pub netns: Netns,
    /// How they are treated.
    pub policy: TargetPolicy,
}

/// Whose sockets belong to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of a cgroup (v2) and all below it: its directory.
    Cgroup(PathBuf),
    /// Those of the network namespace, whatever their cgroup: for runtimes that use cgroup v1. Needs [`Attachment::Root`],
    /// and a namespace that is not the gateway's own.
    Netns,
}

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Netns {
    /// That of the calling thread.
    Own,
    /// That of a process, by its id in our pid namespace.
    OfProcess(u32),
    /// One with a name in the file system, such as `/run/netns/blue`.
    At(PathBuf),
}

/// How a target's sockets are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the kernel's record")]
pub struct TargetPolicy {
    /// Destinations the kernel lets through untouched; both families.
    pub bypass: Vec<IpNet>,
    /// Whether the gateway can reach IPv6 destinations; when not, `connect()` answers `ENETUNREACH` so that Happy
    /// Eyeballs falls back.
    pub ipv6_upstream: bool,
    /// Refuse UDP/443 with `EPERM`, so that clients use TCP.
    pub deny_quic: bool,
    /// Refuse all other UDP that `bypass` does not name, DNS excepted when it is captured.
    pub deny_udp: bool,
    /// Steer UDP/53 to a resolver of the gateway.
    pub dns: bool,
    /// Somebody else has a resolver on loopback in the namespace, and asks other servers from in there: Docker does. Its datagrams
    /// may leave while the gateway lives, and the target may ask it itself while none does.
    pub resolver_inside: bool,
    /// What happens when the gateway is dead.
    pub when_dead: WhenDead,
    /// Count only: steer and refuse nothing.
    pub observe: bool,
    /// Drop new flows that leave its interfaces beside the gateway, whoever in its namespace sends them.
    pub seatbelt: bool,
    /// A bundle of certificates that is mounted into its containers, over the file of their distribution. Needs a cgroup.
    pub mount_bundle: Option<PathBuf>,
}

impl Default for TargetPolicy {
    /// The safest that breaks no ordinary program.
    fn default() -> Self {
        Self {
            bypass: Vec::new(),
            ipv6_upstream: true,
            deny_quic: true,
            deny_udp: false,
            dns: false,
            resolver_inside: false,
            when_dead: WhenDead::Refuse,
            observe: false,
            seatbelt: true,
            mount_bundle: None,
        }
    }
}

/// What the programs do while no gateway gives a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenDead {
    /// Fail closed: connections are refused.
    Refuse,
    /// Fail open: connections go direct once the last sign of life is older than this.
    Direct {
        /// Longer than a few beats of half a second.
        after: Duration,
    },
}

/// Where the programs are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attachment {
    /// To each target's cgroup. Nobody else's sockets run through them.
    #[default]
    PerTarget,
    /// Once, to the root of the hierarchy. They run for every socket of the machine and pick out the targets' by cgroup of the
    /// task and by namespace: also sockets that a target was handed from outside, and processes that left their cgroup.
    Root,
}

/// Why a captured target is less than fully protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weakness {
    /// Nothing is steered or refused, only counted.
    Observed,
    /// It goes direct when the gateway dies.
    FailsOpen,
    /// It shares the gateway's network namespace, so that packets cannot be told from others'.
    SharedNetwork,
    /// An interface of it has no filter on a host side here: frames made by hand are not seen there.
    NoSeatbelt,
    /// Connections from before could not be ended and go on unjudged.
    OldConnections,
}

impl Weakness {
    /// The one of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        const ALL: [Weakness; 5] = [
            Weakness::Observed,
            Weakness::FailsOpen,
            Weakness::SharedNetwork,
            Weakness::NoSeatbelt,
            Weakness::OldConnections,
        ];
        ALL.into_iter().find(|weakness| weakness.as_str() == name)
    }

    /// The name used in tables and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::FailsOpen => "fails_open",
            Self::SharedNetwork => "shared_network",
            Self::NoSeatbelt => "no_seatbelt",
            Self::OldConnections => "old_connections",
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the kernel programs did for one target since it was armed; like [`super::Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TargetCounters {
    /// TCP connections steered to its listeners.
    pub redirected: u64,
    /// Operations let through by CIDR rules.
    pub bypassed: u64,
    /// Operations refused.
    pub denied: u64,
    /// Operations let through because no gateway gave a sign of life.
    pub failed_open: u64,
    /// Operations let through because the target is only observed.
    pub observed: u64,
    /// DNS queries steered to its resolver.
    pub dns: u64,
    /// Packets that the filter on its interface dropped.
    pub dropped: u64,
}

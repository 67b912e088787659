//! What may be asked of a session, and how strict it has grown. A session is a workload, or an address at the explicit proxy
//! port, where the kernel does not tell who asks.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::model::{CgroupId, DomainList, TaintPolicy};

/// Who a session is of. A captured workload is known by its cgroup, which it cannot choose; never by an address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionKey {
    /// A captured workload.
    Workload(CgroupId),
    /// A caller of the explicit proxy port.
    Caller(IpAddr),
    /// A client of the MCP port.
    Principal(Principal),
}

/// A client of the MCP port: a part of a hash of its token's subject, of its token, or of its address where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(pub u64);

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload(cgroup) => write!(f, "cgroup-{}", cgroup.0),
            Self::Caller(address) => write!(f, "caller-{address}"),
            Self::Principal(principal) => write!(f, "principal-{principal}"),
        }
    }
}

/// How strict the gateway has grown with a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// As with everybody.
    #[default]
    Normal,
    /// From the threshold on.
    Elevated,
    /// From twice the threshold on.
    High,
    /// From three times the threshold on.
    Critical,
}

impl Level {
    /// The name in logs and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Elevated => "elevated",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a level means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelEffect {
    /// What would be a warning is refused.
    pub upgrade_warn: bool,
    /// Everything is refused.
    pub block_all: bool,
}

/// What sessions are held to.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionPolicy {
    /// Requests a minute to one domain; none for no bound.
    pub requests_per_minute: Option<u64>,
    /// Bytes a minute to one domain; none for no bound.
    pub bytes_per_minute: Option<u64>,
    /// Whether anomalies are looked for.
    pub profiling: bool,
    /// Whether they are refused.
    pub block_anomalies: bool,
    /// New domains in a window beyond which they are one.
    pub domain_burst: usize,
    /// That window.
    pub window: Duration,
    /// Times the bytes of a usual minute that are one.
    pub volume_spike_ratio: f64,
    /// Sessions remembered.
    pub max_sessions: usize,
    /// A session silent for so long begins anew.
    pub ttl: Duration,
    /// Whether a score is kept.
    pub adaptive: bool,
    /// The score of the first level.
    pub threshold: f64,
    /// What a clean request takes off.
    pub decay: f64,
    /// Elevated, high, critical.
    pub effects: [LevelEffect; 3],
    /// Hosts at which findings do not count.
    pub exempt_domains: DomainList,
    /// What untrusted text means for it.
    pub taint: TaintPolicy,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        let strict = LevelEffect { upgrade_warn: true, block_all: false };
        Self {
            requests_per_minute: None,
            bytes_per_minute: None,
            profiling: false,
            block_anomalies: false,
            domain_burst: 5,
            window: Duration::from_mins(5),
            volume_spike_ratio: 3.0,
            max_sessions: 1000,
            ttl: Duration::from_mins(30),
            adaptive: false,
            threshold: 5.0,
            decay: 0.5,
            effects: [strict, strict, LevelEffect { block_all: true, ..strict }],
            exempt_domains: DomainList::default(),
            taint: TaintPolicy::default(),
        }
    }
}

impl SessionPolicy {
    /// Whether anything is to be remembered of sessions at all.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.watches() || self.taint.enabled
    }

    /// Whether requests are counted.
    #[must_use]
    pub fn watches(&self) -> bool {
        self.requests_per_minute.is_some() || self.bytes_per_minute.is_some() || self.profiling
    }

    /// What a level means.
    #[must_use]
    pub fn effect(&self, level: Level) -> LevelEffect {
        let [elevated, high, critical] = self.effects;
        match level {
            Level::Normal => LevelEffect::default(),
            Level::Elevated => elevated,
            Level::High => high,
            Level::Critical => critical,
        }
    }

    /// The same, to be changed; [`Level::Normal`] means nothing and is that of [`Level::Elevated`].
    pub fn effect_mut(&mut self, level: Level) -> &mut LevelEffect {
        let [elevated, high, critical] = &mut self.effects;
        match level {
            Level::Normal | Level::Elevated => elevated,
            Level::High => high,
            Level::Critical => critical,
        }
    }
}

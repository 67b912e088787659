//! `capture`: what the kernel steers to the gateway. Not a section of the reference, which has no kernel side.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::discover::{self, Discover};
use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{Key, Kind, NETWORKS};
use crate::model::parse_network;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "cidr_bypass",
        NETWORKS,
        "[]",
        "Networks the kernel lets through untouched: no dial, no record, not even a name.",
    ),
    Key::new(
        "attach",
        Kind::Words(&["target", "root"]),
        "target",
        "Where `pipelock run` attaches its programs: to each target's cgroup, or once to the root of the hierarchy, where they also see sockets that a target was handed from outside, and capture targets that have no cgroup of their own.",
    ),
    Key::new(
        "ready_when",
        Kind::Words(&["captured", "serving"]),
        "captured",
        "When `/ready` of `pipelock run` says yes: once every target is captured, or as soon as the ports are open.",
    ),
    Key::new(
        "separate",
        Kind::Bool,
        "true",
        "Whether `pipelock run`, as root, leaves what needs privilege to a helper process and serves without any.",
    ),
    Key::new("targets", Kind::List(&Kind::Map(TARGET)), "[]", "What `pipelock run` captures."),
    Key::new(
        "discover",
        Kind::List(&Kind::Map(discover::KEYS)),
        "[]",
        "What `pipelock run` captures as it comes and goes: containers, pods, cgroups.",
    ),
];

const TARGET: &[Key] = &[
    Key::new("name", Kind::Text, "", "What tables and metrics call it. Required."),
    Key::new(
        "cgroup",
        Kind::Path,
        "",
        "Its cgroup (v2): a path below the root of the hierarchy, such as /system.slice/agent.service. Without one, everything in the network namespace of `netns` is captured, which needs attach: root.",
    ),
    Key::new(
        "netns",
        Kind::Path,
        "",
        "Its network namespace, such as /run/netns/blue or /proc/4711/ns/net. Without one it shares the gateway's.",
    ),
    Key::new("labels", Kind::Named(&Kind::Text), "", "What `workloads` knows it by, besides its name."),
    CIDR_BYPASS,
    DENY_QUIC,
    DENY_UDP,
    DNS,
    SEATBELT,
    MOUNT_BUNDLE,
    OBSERVE,
    WHEN_DEAD,
    FAIL_OPEN_AFTER,
];

// How a target is treated: the same keys wherever targets are named.
pub(super) const CIDR_BYPASS: Key =
    Key::new("cidr_bypass", NETWORKS, "[]", "Networks the kernel lets through for this target, beside those of all.");
pub(super) const DENY_QUIC: Key =
    Key::new("deny_quic", Kind::Bool, "true", "Refuse UDP to port 443, so that clients use TCP.");
pub(super) const DENY_UDP: Key =
    Key::new("deny_udp", Kind::Bool, "false", "Refuse all UDP that no bypass names, DNS excepted where `dns` is on.");
pub(super) const DNS: Key = Key::new(
    "dns",
    Kind::Bool,
    "true",
    "Answer its DNS queries through the gateway, which judges them and asks the same servers. Servers in `cidr_bypass` are left alone.",
);
pub(super) const SEATBELT: Key = Key::new(
    "seatbelt",
    Kind::Bool,
    "true",
    "Drop new connections and refused datagrams that leave the interfaces of its namespace beside the gateway, whoever in there sends them. Turn it off where others share the namespace and are no targets.",
);
pub(super) const MOUNT_BUNDLE: Key = Key::new(
    "mount_bundle",
    Kind::Path,
    "",
    "A bundle of certificates in PEM, such as `pipelock trust render` makes, that is mounted read-only into its containers over the file of their distribution: when they are captured, when they start again, and renewed when the file changes. Without one nothing is mounted.",
);
pub(super) const OBSERVE: Key = Key::new("observe", Kind::Bool, "false", "Count only: steer and refuse nothing.");
pub(super) const WHEN_DEAD: Key = Key::new(
    "when_dead",
    Kind::Words(&["refuse", "direct"]),
    "refuse",
    "What the kernel does with new connections while no gateway gives a sign of life.",
);
pub(super) const FAIL_OPEN_AFTER: Key = Key::new(
    "fail_open_after",
    Kind::Duration,
    "3s",
    "With when_dead: direct, how old the last sign of life must be. From 2s on.",
);

/// Shorter than this a gateway that is only busy would be taken for dead: it beats twice a second.
const MIN_FAIL_OPEN: Duration = Duration::from_secs(2);
/// Twice the beats that may be missed.
const FAILS_OPEN_AFTER: Duration = Duration::from_secs(3);

/// What the kernel steers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Networks the kernel programs let through untouched: no dial, no record, not even a name.
    pub cidr_bypass: Vec<IpNet>,
    /// Whether the programs are attached once, to the root of the hierarchy.
    pub at_root: bool,
    /// Whether `/ready` waits for every target to be captured.
    pub ready_when_captured: bool,
    /// Whether what needs privilege is a process of its own.
    pub separate: bool,
    /// What the daemon captures.
    pub targets: Vec<CaptureTarget>,
    /// What it finds and captures by itself.
    pub discover: Vec<Discover>,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            cidr_bypass: Vec::new(),
            at_root: false,
            ready_when_captured: true,
            separate: true,
            targets: Vec::new(),
            discover: Vec::new(),
        }
    }
}

/// One target of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureTarget {
    /// What tables and metrics call it; unique.
    pub name: String,
    /// Below the root of the hierarchy; `None` when its namespace is its scope.
    pub cgroup: Option<PathBuf>,
    /// `None` for the gateway's own.
    pub netns: Option<PathBuf>,
    /// What `workloads` knows it by.
    pub labels: BTreeMap<String, String>,
    /// How it is treated.
    pub treatment: Treatment,
}

/// How a target is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each key of the file")]
pub struct Treatment {
    /// Networks the kernel lets through, beside [`Capture::cidr_bypass`].
    pub cidr_bypass: Vec<IpNet>,
    /// Refuse UDP to port 443.
    pub deny_quic: bool,
    /// Refuse all UDP that no bypass names.
    pub deny_udp: bool,
    /// Answer its DNS queries.
    pub dns: bool,
    /// Drop new flows that leave its namespace beside the gateway.
    pub seatbelt: bool,
    /// A bundle of certificates for its containers.
    pub mount_bundle: Option<PathBuf>,
    /// Count only.
    pub observe: bool,
    /// Age of the last sign of life from which connections go direct; `None` to refuse them.
    pub fail_open_after: Option<Duration>,
}

impl Capture {
    /// Whether nothing is to be captured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.discover.is_empty()
    }

    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let at_root = section.read("attach", false, |v| v.choice(&[("target", false), ("root", true)]))?;
        let (mut targets, mut names) = (Vec::new(), HashSet::new());
        for entry in section.field("targets").map_or(Ok(Vec::new()), |list| list.list())? {
            let target = CaptureTarget::read(&entry, at_root)?;
            if !names.insert(target.name.clone()) {
                return Err(entry.incomplete(format!("a target named {:?} stands before; rename one", target.name)));
            }
            targets.push(target);
        }
        let ready_when_captured =
            section.read("ready_when", true, |v| v.choice(&[("captured", true), ("serving", false)]))?;
        let discover =
            section.read("discover", Vec::new(), |list| list.list()?.iter().map(Discover::read).collect())?;
        let separate = section.read("separate", true, Value::boolean)?;
        Ok(Self { cidr_bypass: networks(&section)?, at_root, ready_when_captured, separate, targets, discover })
    }
}

impl CaptureTarget {
    fn read(value: &Value<'_>, at_root: bool) -> Result<Self, Error> {
        let section = value.section(TARGET)?;
        let name = section.field("name").ok_or_else(|| value.incomplete("name is missing; add one for tables"))?;
        if name.text()?.trim().is_empty() {
            return Err(name.refuse("is no name; write one for tables"));
        }
        // Absolute or not, both mean below the root: the hierarchy is mounted at different places.
        let cgroup =
            section.read("cgroup", None, |v| v.text().map(|text| Some(PathBuf::from(text.trim_start_matches('/')))))?;
        let netns = section.read("netns", None, |v| v.path().map(Some))?;
        match (&cgroup, &netns) {
            (None, None) => return Err(value.incomplete("names neither cgroup nor netns; add what is to be captured")),
            (None, Some(_)) if !at_root => {
                return Err(value.incomplete("has no cgroup, which needs attach: root; add one of them"));
            }
            (Some(path), _) if path.components().next().is_none() => {
                return Err(value.incomplete("the root of the hierarchy is everything; name a cgroup below it"));
            }
            _ => {}
        }
        if let (None, Some(bundle)) = (&cgroup, section.field("mount_bundle")) {
            return Err(bundle.refuse("needs a cgroup, by which containers are found; add it"));
        }
        let labels = section.read("labels", BTreeMap::new(), super::workloads::labels)?;
        Ok(Self { name: name.text()?.trim().to_owned(), cgroup, netns, labels, treatment: Treatment::read(&section)? })
    }
}

impl Treatment {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, Error> {
        let open = section.read("when_dead", false, |v| v.choice(&[("refuse", false), ("direct", true)]))?;
        let after = section.read("fail_open_after", FAILS_OPEN_AFTER, |v| {
            let after = v.duration()?;
            if after < MIN_FAIL_OPEN { Err(v.refuse("is shorter than 2s, four signs of life")) } else { Ok(after) }
        })?;
        Ok(Self {
            cidr_bypass: networks(section)?,
            deny_quic: section.read("deny_quic", true, Value::boolean)?,
            deny_udp: section.read("deny_udp", false, Value::boolean)?,
            dns: section.read("dns", true, Value::boolean)?,
            seatbelt: section.read("seatbelt", true, Value::boolean)?,
            mount_bundle: section.read("mount_bundle", None, |v| v.path().map(Some))?,
            observe: section.read("observe", false, Value::boolean)?,
            fail_open_after: open.then_some(after),
        })
    }
}

fn networks(section: &Section<'_>) -> Result<Vec<IpNet>, Error> {
    section.read("cidr_bypass", Vec::new(), |list| {
        list.list()?.iter().map(|net| parse_network(net.text()?).map_err(|reason| net.refuse(reason))).collect()
    })
}

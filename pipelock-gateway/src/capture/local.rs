//! The datapath of this machine: programs loaded, targets armed and disarmed, steered connections looked up.
//!
//! One object and one set of maps serve all targets of a process, whatever their namespaces. Maps and links are pinned, so
//! that a killed gateway leaves its targets refused and not direct; its successor finds them, puts its own programs behind
//! the links and detaches what nobody claims.
//! Next: the caller accepts from the listeners of an [`Armed`] target and asks [`Datapath::take`].

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use aya::maps::{MapData, RingBuf};
use pipelock_common::{LAYOUT_VERSION, Policy, UNLISTED_TARGET, policy_flag};
use socket2::{Domain, Type};

use super::armed::{self, Target, Targets};
use super::bundles::Bundles;
use super::cgroup::{self, Cgroup};
use super::denials::Denials;
use super::flow::Sweep;
use super::listen::{self, Listeners, Ports};
use super::maps::{self, Maps};
use super::old_sockets::{self, Ended, Old};
use super::probe::Report;
use super::programs::{self, Opening, Programs};
use super::target::{Attachment, Scope, TargetCounters, TargetSpec, Weakness};
use super::wires::Wires;
use super::{
    Armed, Asked, Counters, Datapath, Environment, Error, FlowTuple, Place, Process, ResolverSocket, Steered, belt,
    environment, flow, netns, plain_socket, resolver, sys, wires,
};
use crate::model::{NetnsCookie, Workload};

/// Directory of the links of [`Attachment::Root`], beside those of cgroups, which are numbers.
const ROOT_LINKS: &str = "root";
/// How long a container that is being started may take to get its first interface; one without a network has none at all.
const WIRED_WITHIN: Duration = Duration::from_secs(2);
/// When none has come for so long, it has them all.
const WIRED_FOR: Duration = Duration::from_millis(100);
/// Directory of the links of interfaces, by their number.
const SEATBELTS: &str = "seatbelts";

/// The kernel programs of this process, behind [`Datapath`].
///
/// Dropping it closes descriptors and detaches nothing: links are pinned, so that connects of captured processes are
/// refused when the gateway dies. [`Datapath::disarm`] detaches one target, `Run::finish` or `Node::uninstall` all.
pub struct LocalDatapath {
    maps: Maps,
    programs: Programs,
    attachment: Attachment,
    pins: PathBuf,
    own_netns: NetnsCookie,
    targets: Mutex<Targets>,
    sweep: Mutex<Sweep>,
    events: Mutex<Option<RingBuf<MapData>>>,
    bundles: OnceLock<Bundles>,
    /// Connections from before the capture that an earlier process ended, by target.
    ended_before: Mutex<HashMap<String, usize>>,
}

impl std::fmt::Debug for LocalDatapath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalDatapath").field("pins", &self.pins).finish_non_exhaustive()
    }
}

impl LocalDatapath {
    /// As [`Self::open`], with programs attached to each target.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn load(pins: &Path, report: &Report) -> Result<Self, Error> {
        Self::open(pins, report, Attachment::PerTarget)
    }

    /// Loads the programs with the maps pinned under `pins/maps`, those of an earlier process or new ones; links are pinned
    /// under `pins/links`. Attaches nothing and detaches nothing; see [`Self::settle`].
    ///
    /// Maps of another layout are set aside: their programs stay attached, and refuse, until [`Self::settle`].
    ///
    /// # Errors
    /// [`Error::Missing`] when the kernel or our privileges lack something (`report` says what), [`Error::Verify`] when
    /// the kernel refuses a program.
    pub fn open(pins: &Path, report: &Report, attachment: Attachment) -> Result<Self, Error> {
        report.require()?;
        let maps_dir = pins.join("maps");
        set_aside_other_layouts(pins)?;
        std::fs::create_dir_all(&maps_dir).map_err(|e| Error::io("making", &maps_dir, e))?;
        let at_root = attachment == Attachment::Root;
        let mut object = programs::open_object(Opening {
            have_set_retval: report.has_set_retval(),
            at_root,
            pins: Some(&maps_dir),
        })?;
        let programs = Programs::load(&mut object)?;
        #[cfg(feature = "ebpf-log")]
        super::log::start(&mut object)?;
        let (maps, events) = Maps::take_from(&mut object)?;
        let targets = Targets::found(&maps)?;
        maps.set_levels(targets.levels()?)?;
        Ok(Self {
            maps,
            programs,
            attachment,
            pins: pins.to_owned(),
            own_netns: own_netns()?,
            targets: Mutex::new(targets),
            sweep: Mutex::default(),
            events: Mutex::new(Some(events)),
            bundles: OnceLock::new(),
            ended_before: Mutex::default(),
        })
    }

    /// What an earlier process told of the connections that it ended: a target that was captured since has them still.
    pub fn ended_before(&self, ended: impl IntoIterator<Item = (String, usize)>) {
        self.ended_before.lock().unwrap_or_else(PoisonError::into_inner).extend(ended);
    }

    /// The stream of refused operations; `None` after the first call. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Io`] when the runtime cannot watch the ring buffer.
    pub fn denials(&self) -> Result<Option<Denials>, Error> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        events.map(Denials::new).transpose()
    }

    /// From now on, bundles of certificates are shown to the containers of targets that ask for it; copies and a report of it are kept
    /// in this directory. Called once.
    ///
    /// # Errors
    /// [`Error::Io`] when no thread can be started.
    pub fn keep_bundles_in(&self, directory: &Path) -> Result<(), Error> {
        if self.bundles.get().is_none() {
            let _ = self.bundles.set(Bundles::begin(directory)?);
        }
        Ok(())
    }

    /// Takes over listeners of a predecessor that still lives: a target that is armed with the same namespace and ports gets
    /// them instead of new ones, with what waits in their queues.
    pub fn inherit(&self, listeners: Vec<std::net::TcpListener>, resolvers: Vec<std::net::UdpSocket>) {
        self.targets().inherit(listeners, resolvers);
    }

    /// Detaches what an earlier process left and nobody armed again, and forgets its policies. Called once, when everything
    /// that is to be captured is armed; until then such targets stay as they were.
    ///
    /// # Errors
    /// The first failure; the rest is tried all the same.
    pub fn settle(&self) -> Result<usize, Error> {
        let mut targets = self.targets();
        let mut failure = None;
        let mut keep = |result: Result<(), Error>| {
            if let Err(error) = result {
                failure.get_or_insert(error);
            }
        };
        let kept: Vec<PathBuf> = targets.armed.values().map(|target| self.links_of(target)).collect();
        let mut detached = 0;
        for name in list(&self.pins.join("links"))? {
            let path = self.pins.join("links").join(name);
            if !kept.contains(&path) {
                keep(programs::detach(&path));
                detached += 1;
            }
        }
        keep(self.forget_other_belts(&targets));
        let aside = self.pins.join("aside");
        for interface in belt::worn(&aside.join(SEATBELTS))? {
            keep(belt::detach(interface, &aside.join(SEATBELTS)));
        }
        for name in list(&aside.join("links"))? {
            keep(programs::detach(&aside.join("links").join(name)));
            detached += 1;
        }
        keep(gone(std::fs::remove_dir_all(&aside)).map_err(|e| Error::io("removing", &aside, e)));
        for (cgroup, policy) in targets.unclaimed_cgroups() {
            keep(self.maps.forget_cgroup(cgroup));
            keep(self.forget_group(&policy));
        }
        for (cookie, policy) in targets.unclaimed_namespaces() {
            keep(self.maps.forget_netns(cookie));
            keep(self.forget_group(&policy));
        }
        targets.forget_found();
        keep(self.maps.set_levels(targets.levels()?));
        keep(self.write_unlisted(&targets));
        failure.map_or(Ok(detached), Err)
    }

    fn forget_group(&self, policy: &Policy) -> Result<(), Error> {
        self.maps.end_counting(policy.group)?;
        self.maps.forget_dns(policy.group)?;
        for network in self.maps.allowed(policy.group)? {
            self.maps.disallow(policy.group, network)?;
        }
        Ok(())
    }

    fn targets(&self) -> MutexGuard<'_, Targets> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links_of(&self, target: &Target) -> PathBuf {
        let name = match (&self.attachment, &target.cgroup) {
            (Attachment::PerTarget, Some(cgroup)) => cgroup.id().0.to_string(),
            _ => ROOT_LINKS.to_owned(),
        };
        self.pins.join("links").join(name)
    }

    /// Writes everything the programs read about a target. The policy comes last: until then there is none, or an earlier
    /// one. What an earlier process let through and this one does not is taken back.
    fn write(&self, targets: &Targets, target: &Target) -> Result<(), Error> {
        let group = target.policy.group;
        self.maps.begin_counting(group)?;
        for network in self.maps.allowed(group)? {
            if !target.bypass.contains(&network) {
                self.maps.disallow(group, network)?;
            }
        }
        for network in &target.bypass {
            self.maps.allow(group, *network)?;
        }
        self.maps.beat()?;
        self.maps.set_levels(targets.levels()?)?;
        if let Some(cgroup) = &target.cgroup {
            self.maps.set_cgroup(cgroup.id().0, &target.policy)?;
        }
        self.write_netns(targets, target.netns)?;
        self.write_unlisted(targets)
    }

    /// Takes back what [`Self::write`] wrote; `targets` no longer holds the target.
    fn erase(&self, targets: &Targets, target: &Target) -> Result<(), Error> {
        if let Some(cgroup) = &target.cgroup {
            self.maps.forget_cgroup(cgroup.id().0)?;
        }
        self.write_netns(targets, target.netns)?;
        self.write_unlisted(targets)?;
        self.maps.set_levels(targets.levels()?)?;
        self.forget_group(&target.policy)
    }

    /// What no cgroup tells is governed by the first target of its namespace, unless others live there too: the gateway's own
    /// namespace is never a target's.
    fn write_netns(&self, targets: &Targets, netns: NetnsCookie) -> Result<(), Error> {
        match targets.owner(netns) {
            Some(owner) if netns != self.own_netns => self.maps.set_netns(netns.0, &owner.policy),
            _ => self.maps.forget_netns(netns.0),
        }
    }

    /// While there is one target, its policy also governs sockets whose task has left its cgroup, and kernel workers.
    /// With several, the namespace tells whose such a socket was, or it is refused.
    fn write_unlisted(&self, targets: &Targets) -> Result<(), Error> {
        match targets.only() {
            Some(only) => self.maps.set_cgroup(UNLISTED_TARGET, &only.policy),
            None => self.maps.forget_cgroup(UNLISTED_TARGET),
        }
    }

    fn attach(&self, target: &Target) -> Result<(), Error> {
        let root = match (&self.attachment, &target.cgroup) {
            (Attachment::PerTarget, Some(cgroup)) => return self.programs.attach(cgroup, &self.links_of(target)),
            _ => Cgroup::open(&cgroup::find_root()?)?,
        };
        self.programs.attach(&root, &self.links_of(target))
    }

    /// Detaches, unless others share the links.
    fn detach(&self, targets: &Targets, target: &Target) -> Result<(), Error> {
        let links = self.links_of(target);
        let shared = targets.armed.values().any(|other| self.links_of(other) == links);
        if shared { Ok(()) } else { programs::detach(&links) }
    }

    /// Puts the seatbelt on the interfaces of a namespace, or takes it off when no target there wears one.
    fn write_belts(&self, targets: &mut Targets, netns: NetnsCookie) -> Result<(), Error> {
        let pins = self.pins.join(SEATBELTS);
        let Some(interfaces) = targets.belts.get(&netns).cloned() else { return Ok(()) };
        if let Some(target) = targets.belted(netns) {
            for interface in interfaces {
                self.maps.set_belt(interface, &target.policy)?;
                belt::attach(self.programs.seatbelt(), interface, &pins)?;
            }
            return Ok(());
        }
        targets.belts.remove(&netns);
        for interface in interfaces {
            belt::detach(interface, &pins)?;
            self.maps.forget_belt(interface)?;
        }
        Ok(())
    }

    /// Takes the seatbelt off every interface whose namespace is nobody's.
    fn forget_other_belts(&self, targets: &Targets) -> Result<(), Error> {
        let pins = self.pins.join(SEATBELTS);
        let ours = |interface: u32| targets.belts.values().flatten().any(|number| *number == interface);
        for interface in belt::worn(&pins)?.into_iter().filter(|number| !ours(*number)) {
            belt::detach(interface, &pins)?;
        }
        for interface in self.maps.belts()?.into_iter().filter(|number| !ours(*number)) {
            self.maps.forget_belt(interface)?;
        }
        Ok(())
    }

    /// Puts the seatbelt on a target's namespace; whether every interface of it wears one now.
    fn belt(&self, targets: &mut Targets, target: &Target, wires: &Wires) -> Result<bool, Error> {
        if wires.host_side.is_empty() {
            return Ok(false);
        }
        targets.belts.insert(target.netns, wires.host_side.clone());
        let worn = self.write_belts(targets, target.netns);
        if worn.is_err() {
            for interface in targets.belts.remove(&target.netns).unwrap_or_default() {
                // What could not be put on may not be there to be taken off; the first error is the one to tell.
                let _ = belt::detach(interface, &self.pins.join(SEATBELTS));
                let _ = self.maps.forget_belt(interface);
            }
        }
        worn.map(|()| wires.elsewhere == 0)
    }

    /// The interfaces of a target's namespace. A container of Docker that is being started gets them one by one, after its first
    /// process is there and before its program begins: they are waited for.
    fn wires(&self, spec: &TargetSpec, target: &Target) -> Result<Wires, Error> {
        if !target.seatbelt || target.netns == self.own_netns {
            return Ok(Wires::default());
        }
        let mut wires = wires::between_us_and(&target.namespace)?;
        if !spec.policy.resolver_inside || wires != Wires::default() {
            return Ok(wires);
        }
        let (until, mut changed) = (Instant::now() + WIRED_WITHIN, Instant::now());
        while Instant::now() < until && (wires == Wires::default() || changed.elapsed() < WIRED_FOR) {
            #[expect(
                clippy::disallowed_methods,
                reason = "an interface tells another namespace nothing when it comes"
            )]
            std::thread::sleep(WIRED_FOR / 10);
            let now = wires::between_us_and(&target.namespace)?;
            if now != wires {
                (wires, changed) = (now, Instant::now());
            }
        }
        Ok(wires)
    }

    /// See [`policy_flag::RESOLVER_INSIDE`].
    fn allow_resolver_inside(&self, targets: &mut Targets, group: u32) -> Result<(), Error> {
        let Some(target) = targets.armed.get_mut(&group) else { return Ok(()) };
        target.policy.flags |= policy_flag::RESOLVER_INSIDE;
        let target = target.clone();
        self.write(targets, &target)?;
        self.write_belts(targets, target.netns)
    }

    /// Listeners in the target's namespace: those of a predecessor, those ports again, or new ones.
    fn listeners(
        &self,
        spec: &TargetSpec,
        namespace: &std::fs::File,
        before: Option<&Policy>,
    ) -> Result<(Listeners, NetnsCookie), Error> {
        let ports = before.map(|policy| Ports { v4: policy.port4, v6: policy.port6, dns: policy.dns_port });
        let ports = ports.unwrap_or_default();
        let cookie = netns::inside(namespace, own_netns)?;
        if let Some(inherited) = self.targets().take_inherited(cookie, ports, spec.policy.dns) {
            return Ok((inherited, cookie));
        }
        let listeners = netns::inside(namespace, || listen::bind(ports, spec.policy.dns))?;
        Ok((listeners, cookie))
    }
}

impl Datapath for LocalDatapath {
    fn arm(&self, spec: &TargetSpec) -> Result<Armed, Error> {
        let cgroup = match &spec.scope {
            Scope::Cgroup(path) => Some(Cgroup::open(path)?),
            Scope::Netns if self.attachment == Attachment::PerTarget => {
                return Err(Error::NeedsRoot { target: spec.name.clone() });
            }
            Scope::Netns => None,
        };
        let level = cgroup.as_ref().map(armed::level).transpose()?.unwrap_or(0);
        let before = match &cgroup {
            Some(cgroup) => self.targets().found_policy(cgroup.id()),
            None => None,
        };
        let namespace = Arc::new(spec.netns.open()?);
        let (listeners, netns) = self.listeners(spec, &namespace, before.as_ref())?;
        if cgroup.is_none() && netns == self.own_netns {
            return Err(Error::OwnNetwork { target: spec.name.clone() });
        }
        let mut targets = self.targets();
        if targets.armed.values().any(|other| other.is_same(cgroup.as_ref(), netns)) {
            return Err(Error::AlreadyArmed { target: spec.name.clone() });
        }
        let before = before.or_else(|| targets.found_namespace(netns).filter(|_| cgroup.is_none()));
        let group = match before {
            Some(policy) => policy.group,
            None => targets.next_group()?,
        };
        let policy = armed::policy(group, &spec.policy, &listeners)?;
        let resolvers = if listeners.dns.is_empty() {
            Vec::new()
        } else {
            ResolverSocket::all(listeners.dns).map_err(|e| Error::io("reading", "resolver addresses", e))?
        };
        let bypass = armed::networks(&spec.policy.bypass);
        let (namespace_kept, seatbelt) = (Arc::clone(&namespace), spec.policy.seatbelt);
        let target = Target { cgroup, level, netns, namespace: namespace_kept, seatbelt, bypass, policy };
        targets.armed.insert(group, target.clone());
        let done = self.write(&targets, &target).and_then(|()| self.attach(&target));
        if let Err(error) = done {
            targets.armed.remove(&group);
            // Nothing is attached, so what stays in the maps is read by nobody; the first error is the one to tell.
            let _ = self.erase(&targets, &target);
            return Err(error);
        }
        // Others are not held up by what this one waits for.
        drop(targets);
        let wires = told(self.wires(spec, &target), spec).unwrap_or_default();
        let mut targets = self.targets();
        let mut weaknesses = armed::weaknesses(&spec.policy);
        if netns == self.own_netns {
            weaknesses.push(Weakness::SharedNetwork);
        } else if !told(self.belt(&mut targets, &target, &wires), spec).unwrap_or(false) {
            weaknesses.push(Weakness::NoSeatbelt);
        } else if spec.policy.dns && spec.policy.resolver_inside {
            // Only now: the seatbelt is what keeps such a resolver from asking others for a target that asks it itself.
            told(self.allow_resolver_inside(&mut targets, group), spec);
        }
        drop(targets);
        // A target that was captured before has nothing from before; what it has was steered or allowed.
        let ended = match before {
            None if !spec.policy.observe => told(end_old_sockets(&target, &namespace), spec),
            _ => Some(Ended::default()),
        };
        let earlier = match before {
            Some(_) => self.ended_before.lock().unwrap_or_else(PoisonError::into_inner).remove(&spec.name),
            None => None,
        };
        if ended.is_none_or(|ended| ended.left > 0) {
            weaknesses.push(Weakness::OldConnections);
        }
        let ended = ended.unwrap_or_default().destroyed;
        if ended > 0 {
            tracing::info!(target_name = spec.name, ended, "connections from before the capture were ended");
        }
        if let (Some(bundles), Some(source), Some(cgroup)) =
            (self.bundles.get(), &spec.policy.mount_bundle, &target.cgroup)
        {
            bundles.show(group, &spec.name, cgroup.path(), source);
        }
        let ended = ended.saturating_add(earlier.unwrap_or(0));
        let listeners_tcp = std::iter::once(listeners.v4).chain(listeners.v6).collect();
        Ok(Armed { id: u64::from(group), listeners: listeners_tcp, resolvers, netns, weaknesses, ended })
    }

    fn disarm(&self, id: u64) -> Result<(), Error> {
        let mut targets = self.targets();
        let found = u32::try_from(id).ok().and_then(|group| targets.armed.remove(&group));
        let target = found.ok_or(Error::UnknownTarget { id })?;
        self.bundles.get().into_iter().for_each(|bundles| bundles.forget(target.policy.group));
        // Links first: a program without its policy would refuse everything.
        if let Err(error) = self.detach(&targets, &target) {
            targets.armed.insert(target.policy.group, target);
            return Err(error);
        }
        self.erase(&targets, &target)?;
        self.write_belts(&mut targets, target.netns)
    }

    fn take(&self, flow: FlowTuple) -> Result<Option<Steered>, Error> {
        flow::take(&self.maps, flow)
    }

    fn mark_own(&self, socket: BorrowedFd<'_>) -> Result<(), Error> {
        self.maps.mark_own(socket)
    }

    fn asked(&self, id: u64, place: Place) -> Result<Option<Asked>, Error> {
        let group = u32::try_from(id).map_err(|_| Error::UnknownTarget { id })?;
        let Some(server) = self.maps.dns_server(group, place.0)? else { return Ok(None) };
        let netns = self.targets().armed.get(&group).map(|target| target.netns).ok_or(Error::UnknownTarget { id })?;
        Ok(resolver::asked(&server, netns))
    }

    fn socket_inside(&self, netns: NetnsCookie, domain: Domain, kind: Type) -> Result<OwnedFd, Error> {
        let namespace = self.targets().namespace(netns).ok_or(Error::NoSuchNamespace { netns })?;
        let socket = if netns == self.own_netns {
            plain_socket(domain, kind)?
        } else {
            netns::inside(&namespace, || plain_socket(domain, kind))?
        };
        self.maps.mark_own(socket.as_fd())?;
        Ok(socket)
    }

    fn is_own_netns(&self, netns: NetnsCookie) -> bool {
        netns == self.own_netns
    }

    fn beat(&self) -> Result<(), Error> {
        self.maps.beat()
    }

    fn environments(&self, workload: &Workload, known: &dyn Fn(Process) -> bool) -> Result<Vec<Environment>, Error> {
        environment::read(workload, known)
    }

    fn counters(&self) -> Result<Counters, Error> {
        self.maps.counters()
    }

    fn target_counters(&self, id: u64) -> Result<TargetCounters, Error> {
        let group = u32::try_from(id).map_err(|_| Error::UnknownTarget { id })?;
        self.maps.target_counters(group)
    }

    fn links(&self, id: u64) -> Result<Vec<&'static str>, Error> {
        let group = u32::try_from(id).map_err(|_| Error::UnknownTarget { id })?;
        let targets = self.targets();
        let target = targets.armed.get(&group).ok_or(Error::UnknownTarget { id })?;
        Ok(programs::attached(&self.links_of(target)))
    }

    fn sweep_flows(&self) -> Result<usize, Error> {
        self.sweep.lock().unwrap_or_else(PoisonError::into_inner).run(&self.maps)
    }
}

/// What makes a target less protected, but no less captured, is logged and becomes a weakness.
fn told<T>(result: Result<T, Error>, spec: &TargetSpec) -> Option<T> {
    result
        .inspect_err(|error| {
            tracing::warn!(target_name = spec.name, error = %crate::model::error_chain(error), "less than protected");
        })
        .ok()
}

fn end_old_sockets(target: &Target, namespace: &std::fs::File) -> Result<Ended, Error> {
    let old = Old { cgroup: target.cgroup.as_ref(), bypass: &target.bypass, flags: target.policy.flags };
    netns::inside(namespace, || old_sockets::end(&old))
}

/// The calling thread's network namespace.
pub(super) fn own_netns() -> Result<NetnsCookie, Error> {
    let failed = |e| Error::io("reading", "SO_NETNS_COOKIE", e);
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::DGRAM, None).map_err(failed)?;
    sys::netns_cookie(socket.as_fd()).map(NetnsCookie).map_err(failed)
}

/// Maps of another layout cannot be used, and their programs must not be detached before ours are attached.
fn set_aside_other_layouts(pins: &Path) -> Result<(), Error> {
    let maps = pins.join("maps");
    if !maps.exists() || maps::pinned_version(&maps) == Some(u32::from(LAYOUT_VERSION)) {
        return Ok(());
    }
    let aside = pins.join("aside");
    std::fs::create_dir_all(&aside).map_err(|e| Error::io("making", &aside, e))?;
    for name in ["maps", "links", SEATBELTS] {
        let (from, to) = (pins.join(name), aside.join(name));
        gone(std::fs::rename(&from, &to)).map_err(|e| Error::io("setting aside", &from, e))?;
    }
    Ok(())
}

fn gone(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Names in a directory; none when there is no such directory.
fn list(dir: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
    match std::fs::read_dir(dir) {
        Ok(entries) => Ok(entries.filter_map(Result::ok).map(|entry| entry.file_name()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("listing", dir, error)),
    }
}

/// Passes the embedded object through this kernel's verifier and drops it again.
pub(super) fn verify_embedded(report: &Report) -> Result<(), Error> {
    report.require()?;
    let opening = Opening { have_set_retval: report.has_set_retval(), at_root: false, pins: None };
    Programs::load(&mut programs::open_object(opening)?).map(drop)
}

/// Passes an object through this kernel's verifier and drops it again; nothing is attached or pinned.
///
/// # Errors
/// [`Error::Object`] or [`Error::Verify`].
pub fn verify_object(object: &[u8], report: &Report) -> Result<(), Error> {
    report.require()?;
    let mut object = programs::parse_object(
        object,
        Opening { have_set_retval: report.has_set_retval(), at_root: false, pins: None },
    )?;
    Programs::load(&mut object).map(drop)
}

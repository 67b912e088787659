//! The captured targets of this process: armed, served, watched, and told about.
//!
//! Discovery adds and removes targets by name while traffic flows; this keeps their accept loops, beats the heart of the kernel
//! programs for as long as all of them turn, and knows of each what it is protected by and since when. A target that could not
//! be captured stays in the list with the reason: a list of successes only would be a lie of omission.

use std::collections::BTreeMap;
use std::net::{TcpListener as StdListener, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Accepted, Acceptor, ConnIds, Gate, Pulse, Questions};
use crate::capture::{self, Armed, Datapath, Netns, ResolverSocket, Scope, TargetCounters, TargetSpec, Weakness};
use crate::model::Target;

/// How often the programs are told that the accept loops live (kernel-datapath.md §3).
const BEAT: Duration = Duration::from_millis(500);
/// A loop that has not turned for this long is stuck: four of its own turns.
const STUCK: Duration = Duration::from_secs(2);
/// How often left-over records are swept, in beats: once a minute.
const SWEEP: u32 = 120;
/// How often it is asked whether targets are still there, in beats.
const LOOK: u32 = 4;
/// How often targets that are wanted and not captured are looked at.
const RETRY_LOOK: Duration = Duration::from_secs(1);
/// How long the first failure of a wanted target is waited out, and how long the last one; doubled in between.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The captured targets.
pub struct Targets {
    datapath: Arc<dyn Datapath>,
    gate: Arc<Gate>,
    ids: Arc<ConnIds>,
    accepted: Arc<dyn Accepted>,
    pulse: Arc<Pulse>,
    entries: Mutex<BTreeMap<String, Entry>>,
    loops: TaskTracker,
}

struct Entry {
    spec: TargetSpec,
    since: SystemTime,
    state: State,
    /// `None` for one that is not tried again by itself.
    wanted: Option<Wanted>,
}

/// A target that is to be captured whenever it can be.
#[derive(Clone, Copy)]
struct Wanted {
    failures: u32,
    again: Instant,
    /// Whether its cgroup and namespace could be found at the last attempt.
    was_there: bool,
}

impl Wanted {
    fn after(failures: u32, spec: &TargetSpec) -> Self {
        let wait = RETRY.0.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RETRY.1);
        Self { failures, again: Instant::now() + wait, was_there: is_there(spec) }
    }
}

enum State {
    /// Being armed by a task of its own.
    Arming,
    Served {
        id: u64,
        weaknesses: Vec<Weakness>,
        /// Connections from before that were ended.
        ended: usize,
        stop: CancellationToken,
        /// The same sockets as in the loops, for a successor.
        sockets: Vec<StdListener>,
        resolvers: Vec<UdpSocket>,
    },
    Failed {
        reason: String,
    },
}

/// How well a target is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Whatever it does goes through the gateway or is refused.
    Protected,
    /// It is captured, but not against everything.
    Partial(Vec<Weakness>),
    /// It is not captured; why.
    Unprotected(String),
}

impl Protection {
    /// The name used in tables and metric labels.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Partial(_) => "partial",
            Self::Unprotected(_) => "unprotected",
        }
    }
}

/// What is known of one target.
#[derive(Clone, Debug)]
pub struct TargetStatus {
    /// What it was asked to be.
    pub spec: TargetSpec,
    /// How well it is protected.
    pub protection: Protection,
    /// Since when it is in that state.
    pub since: SystemTime,
    /// The kernel programs it is captured by.
    pub links: Vec<&'static str>,
    /// What they did for it.
    pub counters: TargetCounters,
    /// Connections from before it was captured that were ended.
    pub ended: u64,
}

/// What went wrong with a target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is one of that name.
    #[error("there is a target called {name:?} already")]
    NameTaken {
        /// Its name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no target called {name:?}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// It could not be armed or disarmed.
    #[error("target {name:?}")]
    Capture {
        /// Its name.
        name: String,
        /// What the datapath said.
        #[source]
        source: Box<capture::Error>,
    },
    /// A listener could not be watched, or the task that arms was cut.
    #[error("serving target {name:?}")]
    Serve {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Targets {
    /// No targets yet. All share the limits of one gate.
    #[must_use]
    pub fn new(datapath: Arc<dyn Datapath>, gate: Arc<Gate>, ids: Arc<ConnIds>, accepted: Arc<dyn Accepted>) -> Self {
        let (pulse, entries, loops) = (Arc::default(), Mutex::default(), TaskTracker::new());
        Self { datapath, gate, ids, accepted, pulse, entries, loops }
    }

    /// Captures a target and serves it. One that failed before is tried again; on failure it stays listed with the reason.
    ///
    /// Dropping the future leaves a target that is being armed listed as such; only [`Self::remove`] ends it.
    ///
    /// # Errors
    /// [`Error::NameTaken`] when it is captured already, [`Error::Capture`] when it cannot be.
    pub async fn add(&self, spec: TargetSpec) -> Result<(), Error> {
        self.try_add(spec, None).await
    }

    /// As [`Self::add`], and on failure, or when its cgroup has gone, it is tried again: after a while that grows, and as soon as
    /// its cgroup and namespace appear. [`Self::retry`] does that.
    ///
    /// # Errors
    /// As [`Self::add`], for the first attempt.
    pub async fn want(&self, spec: TargetSpec) -> Result<(), Error> {
        let wanted = Wanted::after(0, &spec);
        self.try_add(spec, Some(wanted)).await
    }

    async fn try_add(&self, spec: TargetSpec, wanted: Option<Wanted>) -> Result<(), Error> {
        let name = spec.name.clone();
        self.reserve(&spec, wanted)?;
        let datapath = Arc::clone(&self.datapath);
        // Entering namespaces and passing the kernel's checks blocks.
        let armed = tokio::task::spawn_blocking(move || datapath.arm(&spec)).await;
        let served = match armed {
            Ok(Ok(armed)) => self.serve(&name, armed),
            Ok(Err(source)) => Err(Error::Capture { name: name.clone(), source: Box::new(source) }),
            Err(cut) => Err(Error::Serve { name: name.clone(), source: std::io::Error::other(cut) }),
        };
        let (state, outcome) = match served {
            Ok(state) => (state, Ok(())),
            Err(error) => (State::Failed { reason: crate::model::error_chain(&error) }, Err(error)),
        };
        if let Some(entry) = self.entries().get_mut(&name) {
            let failures = entry.wanted.map_or(0, |wanted| wanted.failures);
            let failed = outcome.is_err();
            if let Some(wanted) = &mut entry.wanted {
                *wanted = if failed { Wanted::after(failures + 1, &entry.spec) } else { Wanted::after(0, &entry.spec) };
            }
            entry.state = state;
            entry.since = SystemTime::now();
        }
        outcome
    }

    /// Tries wanted targets again until `shutdown`.
    pub async fn retry(&self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(RETRY_LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            for (spec, wanted) in self.due() {
                let name = spec.name.clone();
                match self.try_add(spec, Some(wanted)).await {
                    Ok(()) => tracing::info!(target_name = name, "captured at last"),
                    Err(error) => {
                        tracing::debug!(target_name = name, error = %crate::model::error_chain(&error), "not captured yet");
                    }
                }
            }
        }
    }

    /// Wanted targets whose time has come, or that have appeared.
    fn due(&self) -> Vec<(TargetSpec, Wanted)> {
        let now = Instant::now();
        let is_due = |entry: &Entry| match (&entry.state, entry.wanted) {
            (State::Failed { .. }, Some(wanted)) => {
                (now >= wanted.again || (!wanted.was_there && is_there(&entry.spec))).then_some(wanted)
            }
            _ => None,
        };
        self.entries().values().filter_map(|entry| Some((entry.spec.clone(), is_due(entry)?))).collect()
    }

    /// Whether every target is captured; true without one.
    #[must_use]
    pub fn all_captured(&self) -> bool {
        self.entries().values().all(|entry| matches!(entry.state, State::Served { .. }))
    }

    /// The sockets of every target that is served, for a successor: listeners, and those that queries arrive at.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn sockets(&self) -> std::io::Result<(Vec<StdListener>, Vec<UdpSocket>)> {
        let entries = self.entries();
        let (mut listeners, mut queries) = (Vec::new(), Vec::new());
        for entry in entries.values() {
            if let State::Served { sockets, resolvers, .. } = &entry.state {
                for socket in sockets {
                    listeners.push(socket.try_clone()?);
                }
                for socket in resolvers {
                    queries.push(socket.try_clone()?);
                }
            }
        }
        Ok((listeners, queries))
    }

    /// Serves a target that was armed before there was a runtime to serve it.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn adopt(&self, spec: &TargetSpec, armed: Armed) -> Result<(), Error> {
        self.reserve(spec, None)?;
        let state = self.serve(&spec.name, armed)?;
        if let Some(entry) = self.entries().get_mut(&spec.name) {
            entry.state = state;
        }
        Ok(())
    }

    fn reserve(&self, spec: &TargetSpec, wanted: Option<Wanted>) -> Result<(), Error> {
        let mut entries = self.entries();
        match entries.get(&spec.name).map(|entry| &entry.state) {
            None | Some(State::Failed { .. }) => {}
            Some(State::Arming | State::Served { .. }) => return Err(Error::NameTaken { name: spec.name.clone() }),
        }
        let entry = Entry { spec: spec.clone(), since: SystemTime::now(), state: State::Arming, wanted };
        entries.insert(spec.name.clone(), entry);
        Ok(())
    }

    fn serve(&self, name: &str, armed: Armed) -> Result<State, Error> {
        let stop = CancellationToken::new();
        let Armed { id, listeners, resolvers: questions, netns, weaknesses, ended } = armed;
        let sockets: Result<Vec<StdListener>, _> = listeners.iter().map(StdListener::try_clone).collect();
        let resolvers: Result<Vec<UdpSocket>, _> = questions.iter().map(ResolverSocket::try_clone_socket).collect();
        let watched: Result<Vec<TcpListener>, _> = listeners.into_iter().map(watch).collect();
        let (watched, sockets, resolvers) = match watched.and_then(|watched| Ok((watched, sockets?, resolvers?))) {
            Ok(all) => all,
            Err(source) => {
                // Closed listeners and attached programs would refuse everything of a target that is listed as failed.
                let _ = self.datapath.disarm(id);
                return Err(Error::Serve { name: name.to_owned(), source });
            }
        };
        let target = self.entries().get(name).map(|entry| {
            let TargetSpec { name, labels, .. } = &entry.spec;
            Arc::new(Target { name: name.clone(), labels: labels.clone() })
        });
        for listener in watched {
            let acceptor = Acceptor {
                target: target.clone(),
                datapath: Arc::clone(&self.datapath),
                netns,
                gate: Arc::clone(&self.gate),
                ids: Arc::clone(&self.ids),
                accepted: Arc::clone(&self.accepted),
            };
            if let Ok(address) = listener.local_addr() {
                self.accepted.listening(address);
            }
            let (name, stop, turning) = (name.to_owned(), stop.clone(), self.pulse.join());
            self.loops.spawn(async move {
                if let Err(error) = acceptor.run(listener, stop, turning).await {
                    tracing::error!(target_name = name, error = %crate::model::error_chain(&error), "an accept loop has ended");
                }
            });
        }
        for socket in questions {
            let datapath = Arc::clone(&self.datapath);
            let (named, stop, turning) = (target.clone(), stop.clone(), self.pulse.join());
            let questions = Questions { target: id, named, netns, socket, datapath, stop, turning };
            self.loops.spawn(self.accepted.resolve(questions));
        }
        Ok(State::Served { id, weaknesses, ended, stop, sockets, resolvers })
    }

    /// Ends the capture of a target: its programs are detached, its listeners closed. Connections accepted before go on.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Capture`] when the programs cannot be detached, and then it stays as it is.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let unknown = || Error::Unknown { name: name.to_owned() };
        let id = match self.entries().get(name).map(|entry| &entry.state) {
            Some(State::Served { id, .. }) => Some(*id),
            Some(State::Failed { .. }) => None,
            Some(State::Arming) | None => return Err(unknown()),
        };
        if let Some(id) = id {
            let datapath = Arc::clone(&self.datapath);
            let disarmed = tokio::task::spawn_blocking(move || datapath.disarm(id)).await;
            match disarmed {
                Ok(disarmed) => {
                    disarmed.map_err(|source| Error::Capture { name: name.to_owned(), source: Box::new(source) })?;
                }
                Err(cut) => return Err(Error::Serve { name: name.to_owned(), source: std::io::Error::other(cut) }),
            }
        }
        let removed = self.entries().remove(name);
        if let Some(Entry { state: State::Served { stop, .. }, .. }) = removed {
            stop.cancel();
        }
        Ok(())
    }

    /// Says of a target that it is not captured, and why; for what discovery knows before anything is tried.
    pub fn report_unprotected(&self, spec: TargetSpec, reason: String) {
        let name = spec.name.clone();
        let entry = Entry { spec, since: SystemTime::now(), state: State::Failed { reason }, wanted: None };
        let mut entries = self.entries();
        if !matches!(entries.get(&name).map(|entry| &entry.state), Some(State::Served { .. } | State::Arming)) {
            entries.insert(name, entry);
        }
    }

    /// Every target, by name.
    #[must_use]
    pub fn list(&self) -> Vec<TargetStatus> {
        self.entries().values().map(|entry| self.status(entry)).collect()
    }

    fn status(&self, entry: &Entry) -> TargetStatus {
        let (protection, id) = match &entry.state {
            State::Arming => (Protection::Unprotected("being captured".to_owned()), None),
            State::Failed { reason } => (Protection::Unprotected(reason.clone()), None),
            State::Served { id, weaknesses, .. } if weaknesses.is_empty() => (Protection::Protected, Some(*id)),
            State::Served { id, weaknesses, .. } => (Protection::Partial(weaknesses.clone()), Some(*id)),
        };
        let links = id.and_then(|id| self.datapath.links(id).ok()).unwrap_or_default();
        let counters = id.and_then(|id| self.datapath.target_counters(id).ok()).unwrap_or_default();
        let ended = match &entry.state {
            State::Served { ended, .. } => u64::try_from(*ended).unwrap_or(u64::MAX),
            _ => 0,
        };
        TargetStatus { spec: entry.spec.clone(), protection, since: entry.since, links, counters, ended }
    }

    /// Beats while all loops turn, sweeps left-over records, lets go of targets whose cgroup has gone. On `shutdown` it stops
    /// accepting and returns.
    pub async fn watch(&self, shutdown: CancellationToken) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turn = 0_u32;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return self.stop_accepting().await,
                _ = beat.tick() => turn = turn.wrapping_add(1),
            }
            let told =
                |error: &capture::Error| tracing::error!(error = %crate::model::error_chain(error), "the datapath");
            if self.pulse.is_alive(STUCK) {
                let _ = self.datapath.beat().inspect_err(told);
            } else {
                tracing::error!("an accept loop does not turn: the kernel programs are told nothing");
            }
            if turn.is_multiple_of(SWEEP) {
                let _ = self.datapath.sweep_flows().inspect_err(told);
            }
            if turn.is_multiple_of(LOOK) {
                for (spec, wanted) in self.gone() {
                    tracing::info!(target_name = spec.name, "the cgroup of a target has gone");
                    let removed = self.remove(&spec.name).await;
                    if let (Ok(()), Some(_)) = (removed, wanted) {
                        self.wait_for(spec);
                    }
                }
            }
        }
    }

    /// Targets whose cgroup is no more: their listeners would keep a dead namespace alive.
    fn gone(&self) -> Vec<(TargetSpec, Option<Wanted>)> {
        let gone = |entry: &Entry| match (&entry.state, &entry.spec.scope) {
            (State::Served { .. }, Scope::Cgroup(path)) => !path.exists(),
            _ => false,
        };
        self.entries().values().filter(|entry| gone(entry)).map(|entry| (entry.spec.clone(), entry.wanted)).collect()
    }

    /// Lists a wanted target that has gone, until it appears again.
    fn wait_for(&self, spec: TargetSpec) {
        let reason = "its cgroup has gone; it is captured when it appears again".to_owned();
        let (name, wanted) = (spec.name.clone(), Wanted { was_there: false, ..Wanted::after(1, &spec) });
        let entry = Entry { spec, since: SystemTime::now(), state: State::Failed { reason }, wanted: Some(wanted) };
        self.entries().entry(name).or_insert(entry);
    }

    /// Stops accepting everywhere and leaves the programs attached: nothing goes out until somebody accepts again.
    pub async fn stop_accepting(&self) {
        for entry in self.entries().values_mut() {
            if let State::Served { stop, sockets, resolvers, .. } = &mut entry.state {
                stop.cancel();
                resolvers.clear();
                // Kept open they would take connections that nobody accepts.
                sockets.clear();
            }
        }
        self.loops.close();
        self.loops.wait().await;
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what a target is told by can be found now.
fn is_there(spec: &TargetSpec) -> bool {
    let cgroup = match &spec.scope {
        Scope::Cgroup(path) => path.exists(),
        Scope::Netns => true,
    };
    cgroup
        && match &spec.netns {
            Netns::Own => true,
            Netns::OfProcess(pid) => std::path::Path::new("/proc").join(pid.to_string()).exists(),
            Netns::At(path) => path.exists(),
        }
}

fn watch(listener: StdListener) -> std::io::Result<TcpListener> {
    TcpListener::from_std(listener)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;
    use crate::capture::testing::FakeDatapath;
    use crate::capture::{Netns, TargetPolicy};
    use crate::connection::{Connection, Refused};

    struct Nobody;

    impl Accepted for Nobody {
        fn serve(&self, _connection: Connection) {}
        fn refused(&self, _refused: Refused) {}
    }

    fn spec(name: &str) -> TargetSpec {
        let policy = TargetPolicy::default();
        let scope = Scope::Cgroup("/".into());
        TargetSpec { name: name.to_owned(), labels: BTreeMap::new(), scope, netns: Netns::Own, policy }
    }

    fn targets(datapath: &Arc<FakeDatapath>) -> Targets {
        let datapath = Arc::clone(datapath) as Arc<dyn Datapath>;
        Targets::new(datapath, Gate::new(8, 8), Arc::default(), Arc::new(Nobody))
    }

    #[tokio::test]
    async fn a_target_is_served_from_add_to_remove_and_its_listeners_close() {
        let datapath = Arc::new(FakeDatapath::new());
        let targets = targets(&datapath);
        targets.add(spec("blue")).await.unwrap();
        assert!(matches!(targets.add(spec("blue")).await, Err(Error::NameTaken { .. })));
        let status = targets.list();
        assert_eq!((status.len(), &status[0].protection), (1, &Protection::Protected));
        let listening = datapath.last_listeners();
        TcpStream::connect(listening[0]).unwrap();
        targets.remove("blue").await.unwrap();
        targets.stop_accepting().await;
        assert!(TcpStream::connect(listening[0]).is_err(), "nobody listens any more");
        assert!(targets.list().is_empty() && matches!(targets.remove("blue").await, Err(Error::Unknown { .. })));
    }

    #[tokio::test]
    async fn a_target_that_cannot_be_captured_is_listed_with_the_reason_and_can_be_tried_again() {
        let datapath = Arc::new(FakeDatapath::new());
        let targets = targets(&datapath);
        datapath.refuse_to_arm(true);
        assert!(targets.add(spec("blue")).await.is_err());
        let Protection::Unprotected(reason) = &targets.list()[0].protection else { panic!("captured") };
        assert!(reason.contains("blue"), "{reason}");
        datapath.refuse_to_arm(false);
        targets.add(spec("blue")).await.unwrap();
        assert_eq!(targets.list()[0].protection, Protection::Protected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wanted_target_is_tried_again_until_it_is_captured_and_waits_longer_each_time() {
        let datapath = Arc::new(FakeDatapath::new());
        let targets = targets(&datapath);
        datapath.refuse_to_arm(true);
        assert!(targets.want(spec("blue")).await.is_err() && !targets.all_captured());
        let shutdown = CancellationToken::new();
        let while_refused = tokio::time::timeout(Duration::from_mins(10), targets.retry(shutdown.clone())).await;
        assert!(while_refused.is_err());
        let attempts = datapath.attempts();
        assert!((8..=20).contains(&attempts), "{attempts} attempts in ten minutes");
        datapath.refuse_to_arm(false);
        let _ = tokio::time::timeout(Duration::from_secs(62), targets.retry(shutdown)).await;
        assert!(targets.all_captured());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wanted_target_that_appears_is_captured_at_once_and_again_after_it_went() {
        let datapath = Arc::new(FakeDatapath::new());
        let targets = targets(&datapath);
        let directory = tempfile::tempdir().unwrap();
        let cgroup = directory.path().join("later");
        datapath.refuse_to_arm(true);
        let wanted = TargetSpec { scope: Scope::Cgroup(cgroup.clone()), ..spec("later") };
        for _ in 0..8 {
            // The wait grows to a minute; it appears long before that is over.
            let _ = targets.want(wanted.clone()).await;
            let _ = tokio::time::timeout(Duration::from_mins(1), targets.retry(CancellationToken::new())).await;
        }
        datapath.refuse_to_arm(false);
        std::fs::create_dir(&cgroup).unwrap();
        let _ = tokio::time::timeout(RETRY_LOOK * 3, targets.retry(CancellationToken::new())).await;
        assert!(targets.all_captured(), "it appeared");
        std::fs::remove_dir(&cgroup).unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(5), targets.watch(CancellationToken::new())).await;
        assert_eq!(targets.list().len(), 1, "a wanted one stays listed");
        assert!(!targets.all_captured());
        std::fs::create_dir(&cgroup).unwrap();
        let _ = tokio::time::timeout(RETRY_LOOK * 3, targets.retry(CancellationToken::new())).await;
        assert!(targets.all_captured(), "it came again");
    }

    #[tokio::test(start_paused = true)]
    async fn the_heart_beats_while_loops_turn() {
        let datapath = Arc::new(FakeDatapath::new());
        let targets = targets(&datapath);
        targets.add(spec("blue")).await.unwrap();
        let shutdown = CancellationToken::new();
        let watched = tokio::time::timeout(Duration::from_secs(10), targets.watch(shutdown.clone())).await;
        assert!(watched.is_err(), "it watches until it is told to stop");
        assert!(datapath.beats() >= 10, "{}", datapath.beats());
    }
}

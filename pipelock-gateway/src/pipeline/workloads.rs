//! What is remembered of a workload from one connection to the next: the values it must not leak, what its `NO_PROXY` names, and
//! the pieces it sent.
//!
//! A workload is a cgroup. The environment of each of its processes is read once, when that process first opens a
//! connection that is to be judged, together with those of the processes beside it; that connection waits for the reading,
//! a few milliseconds. When a process cannot be read (it has ended, or `/proc` shows another pid namespace) the connection
//! goes on under the rules alone, and that is counted: a short-lived process is no reason to break its traffic, and somebody
//! who hides an environment could as well have had none. What was read from others stays in force.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::capture::{Datapath, Process};
use crate::config::CrossRequest;
use crate::control::Session;
use crate::model::{CgroupId, NoProxyList, SecretVariables, Workload};
use crate::report::Metrics;
use crate::report::metrics::EnvironmentRead;
use crate::scan::{EnvironmentSecret, Literals, Ring, environment_secrets};

/// Workloads remembered; the one seen longest ago is forgotten first.
const MAX_WORKLOADS: usize = 1024;
/// Processes of one workload that are known to have been read.
const MAX_PROCESSES: usize = 4096;
/// Processes of one workload with a `NO_PROXY` unlike those of the others before them; what further ones ask for is not honoured.
const MAX_LISTS: usize = 256;
/// `/proc/<pid>/environ` waits for the process's memory lock, which the process may hold as long as it likes.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// All workloads.
pub(super) struct Workloads {
    datapath: Arc<dyn Datapath>,
    known: Mutex<HashMap<CgroupId, Arc<Known>>>,
    epoch: Instant,
    /// Counts secrets that were put together from pieces.
    metrics: Option<Metrics>,
}

/// Who sends on one connection, and what is known of them.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) workloads: Arc<Workloads>,
    /// `None` on the explicit proxy port, where the kernel does not tell who asks.
    pub(super) known: Option<Arc<Known>>,
    /// What must not leave, as it was known when the connection began.
    pub(super) secrets: Arc<Literals>,
    /// What is held against it.
    pub(super) session: Option<Arc<Session>>,
}

impl Sender {
    /// Somebody of whom nothing is remembered.
    pub(super) fn unknown(workloads: Arc<Workloads>) -> Self {
        Self { workloads, known: None, secrets: Arc::default(), session: None }
    }
}

/// One workload.
#[derive(Debug, Default)]
pub(super) struct Known {
    state: Mutex<State>,
    /// Held while its environments are read.
    turn: Arc<tokio::sync::Mutex<()>>,
    ring: Mutex<Option<Ring>>,
}

#[derive(Debug, Default)]
struct State {
    processes: HashSet<Process>,
    secrets: Arc<Literals>,
    /// What processes ask for by their `NO_PROXY`, where that is anything; a pid is that of the process read last.
    no_proxy: HashMap<u32, Arc<NoProxyList>>,
    used: Option<Instant>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workloads {
    pub(super) fn new(datapath: Arc<dyn Datapath>) -> Self {
        Self { datapath, known: Mutex::default(), epoch: Instant::now(), metrics: None }
    }

    /// The same, with what is found in pieces counted.
    pub(super) fn counted(self, metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// A finding was left out that the operator knows to be harmless.
    pub(super) fn suppressed(&self, rule: &str) {
        if let Some(metrics) = &self.metrics {
            metrics.suppressed(rule);
        }
    }

    /// A request completed a secret of which pieces had been sent before.
    pub(super) fn completed(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.pieces_matched();
        }
    }

    /// What is remembered of a workload, made if there is nothing yet.
    pub(super) fn of(&self, workload: &Workload) -> Arc<Known> {
        let mut known = lock(&self.known);
        if known.len() >= MAX_WORKLOADS && !known.contains_key(&workload.cgroup) {
            let oldest = known.iter().min_by_key(|(_, known)| lock(&known.state).used).map(|(cgroup, _)| *cgroup);
            oldest.map(|cgroup| known.remove(&cgroup));
        }
        let found = Arc::clone(known.entry(workload.cgroup).or_default());
        lock(&found.state).used = Some(Instant::now());
        found
    }

    /// Time since the gateway began, which is what pieces are dated by.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The values that this workload must not leak; reads what has not been read yet.
    ///
    /// Dropping the future loses nothing: the reading goes on and the next connection finds it done.
    pub(super) async fn secrets(
        &self,
        known: &Arc<Known>,
        workload: &Workload,
        variables: &Arc<SecretVariables>,
        metrics: &Metrics,
    ) -> Arc<Literals> {
        self.read(known, workload, variables, metrics).await;
        Arc::clone(&lock(&known.state).secrets)
    }

    /// What the process that opened a connection asks for by its own `NO_PROXY`; reads what has not been read yet.
    pub(super) async fn no_proxy(
        &self,
        known: &Arc<Known>,
        workload: &Workload,
        variables: &Arc<SecretVariables>,
        metrics: &Metrics,
    ) -> Option<Arc<NoProxyList>> {
        // What was read of an earlier process with this pid says nothing of this one.
        let read = self.read(known, workload, variables, metrics).await;
        let current = matches!(read, EnvironmentRead::Known | EnvironmentRead::Read);
        lock(&known.state).no_proxy.get(&workload.pid).filter(|_| current).cloned()
    }

    async fn read(
        &self,
        known: &Arc<Known>,
        workload: &Workload,
        variables: &Arc<SecretVariables>,
        metrics: &Metrics,
    ) -> EnvironmentRead {
        let (datapath, workload, shared) = (Arc::clone(&self.datapath), workload.clone(), Arc::clone(known));
        let variables = Arc::clone(variables);
        // One reading at a time: a process that makes its own environment slow to read must not occupy a thread for each of its
        // connections. The turn is given back by the reading itself, also when nobody waits for it any more.
        let reading = async {
            let turn = Arc::clone(&known.turn).lock_owned().await;
            tokio::task::spawn_blocking(move || {
                let _turn = turn;
                shared.read(&*datapath, &workload, &variables)
            })
            .await
        };
        let outcome = match tokio::time::timeout(READ_TIMEOUT, reading).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => EnvironmentRead::Timeout,
        };
        metrics.environment_read(outcome);
        outcome
    }
}

impl Known {
    /// Reads the environments that are new and adds their secrets. No lock is held while files are read.
    fn read(&self, datapath: &dyn Datapath, workload: &Workload, variables: &SecretVariables) -> EnvironmentRead {
        let known = |process: Process| lock(&self.state).processes.contains(&process);
        let environments = match datapath.environments(workload, &known) {
            Ok(environments) if environments.is_empty() => return EnvironmentRead::Known,
            Ok(environments) => environments,
            Err(error) => {
                tracing::debug!(error = %crate::model::error_chain(&error), %workload, "environment not read");
                return EnvironmentRead::Unreadable;
            }
        };
        let secrets: Vec<EnvironmentSecret> =
            environments.iter().flat_map(|environment| environment_secrets(&environment.bytes, variables)).collect();
        let compiled = Literals::compile(secrets.iter().map(EnvironmentSecret::literal));
        drop(secrets);
        let mut state = lock(&self.state);
        if !compiled.is_empty() {
            let joined = state.secrets.joined(&compiled);
            if joined.left_out() > 0 {
                tracing::warn!(left_out = joined.left_out(), %workload, "more secrets in the environment than are looked for");
            }
            state.secrets = Arc::new(joined);
        }
        if state.processes.len() > MAX_PROCESSES {
            state.processes.clear();
            state.no_proxy.clear();
        }
        state.no_proxy.remove(&workload.pid);
        for environment in &environments {
            state.asks(environment.process.pid, NoProxyList::of_environment(&environment.bytes));
        }
        state.processes.extend(environments.iter().map(|environment| environment.process));
        EnvironmentRead::Read
    }

    /// Works with the ring of pieces.
    pub(super) fn with_ring<R>(&self, settings: CrossRequest, work: impl FnOnce(&mut Ring) -> R) -> R {
        let mut ring = lock(&self.ring);
        work(ring.get_or_insert_with(|| Ring::new(settings.max_buffer_bytes.get(), settings.window)))
    }
}

impl State {
    /// Takes note of what a process asks for. Processes that ask for the same share a list.
    fn asks(&mut self, pid: u32, list: NoProxyList) {
        self.no_proxy.remove(&pid);
        if list.is_empty() {
            return;
        }
        let known = self.no_proxy.values().find(|known| ***known == list).cloned();
        if known.is_some() || self.no_proxy.len() < MAX_LISTS {
            self.no_proxy.insert(pid, known.unwrap_or_else(|| Arc::new(list)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::testing::{FakeDatapath, NETNS};
    use crate::model::Surface;

    fn workload(pid: u32, cgroup: u64) -> Workload {
        Workload { cgroup: CgroupId(cgroup), netns: NETNS, pid, uid: 0, executable: None, target: None }
    }

    async fn found(workloads: &Workloads, workload: &Workload, text: &str) -> usize {
        let known = workloads.of(workload);
        let secrets = workloads.secrets(&known, workload, &Arc::default(), &Metrics::new("test")).await;
        secrets.scan(Surface::RequestBody, text.as_bytes()).len()
    }

    #[tokio::test]
    async fn each_process_is_read_once_and_a_workload_knows_what_any_of_its_processes_had() {
        let datapath = Arc::new(FakeDatapath::new());
        let workloads = Workloads::new(Arc::clone(&datapath) as Arc<dyn Datapath>);
        let (first, second) = (concat!("hT4x9", "Qz1mK"), concat!("zz9x8", "c7v6b"));
        datapath.set_environ(&[&format!("API_TOKEN={first}"), "PATH=/bin"]);
        assert_eq!(found(&workloads, &workload(1, 7), first).await, 1);
        datapath.set_environ(&[&format!("API_TOKEN={second}")]);
        assert_eq!(found(&workloads, &workload(1, 7), second).await, 0, "read already");
        assert_eq!(found(&workloads, &workload(2, 7), second).await, 1);
        assert_eq!(found(&workloads, &workload(2, 7), first).await, 1, "of the process beside it");
        datapath.set_environ(&[]);
        assert_eq!(found(&workloads, &workload(3, 8), first).await, 0, "another workload");
    }

    #[tokio::test]
    async fn each_process_asks_for_itself_what_its_no_proxy_names() {
        let datapath = Arc::new(FakeDatapath::new());
        let workloads = Workloads::new(Arc::clone(&datapath) as Arc<dyn Datapath>);
        let known = workloads.of(&workload(1, 7));
        let metrics = Metrics::new("test");
        let variables = Arc::default();
        let asked = async |pid| {
            let list = workloads.no_proxy(&known, &workload(pid, 7), &variables, &metrics).await;
            list.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        datapath.set_environ(&["NO_PROXY=a.test,*"]);
        assert_eq!(asked(1).await, Some(vec!["a.test".to_owned()]));
        datapath.set_environ(&["PATH=/bin"]);
        assert_eq!(asked(2).await, None, "of the process beside it");
        assert_eq!(asked(1).await, Some(vec!["a.test".to_owned()]), "read once");
        for pid in 3..2000 {
            lock(&known.state).asks(pid, NoProxyList::parse(&format!("h{pid}.test")).unwrap());
        }
        assert_eq!(lock(&known.state).no_proxy.len(), MAX_LISTS);
        lock(&known.state).asks(1, NoProxyList::default());
        assert_eq!(asked(1).await, None);
    }

    #[test]
    fn workloads_are_bounded() {
        let workloads = Workloads::new(Arc::new(FakeDatapath::new()));
        for cgroup in 0..2000 {
            workloads.of(&workload(1, cgroup));
        }
        assert_eq!(lock(&workloads.known).len(), MAX_WORKLOADS);
        assert!(lock(&workloads.known).contains_key(&CgroupId(1999)));
    }
}

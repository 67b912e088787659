//! Finds the containers that are to be captured, on this machine only: no cluster is asked, no token needed.
//!
//! A [`Source`] lists what it selects and says when something may have changed; a list that is made again is right even when
//! an event was lost. [`Watch`] turns lists into what appeared and what went. Decides nothing about policy and touches no
//! kernel program: the command line arms what it is told here.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

mod cgroup;
pub mod docker;

pub use docker::Docker;

/// How long a list is trusted without an event.
const RECONCILE: Duration = Duration::from_secs(10);
/// Between two tries of a runtime that does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// A running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Unique among what runs; a container that is started again keeps it.
    pub name: String,
    /// The process it began with, in the pid namespace of `/proc`.
    pub pid: u32,
    /// Its cgroup (v2), below the root of the hierarchy.
    pub cgroup: PathBuf,
    /// Whether it has no network namespace of its own; then its connections cannot be told from the machine's.
    pub host_network: bool,
    /// What the runtime says of it.
    pub labels: BTreeMap<String, String>,
}

/// What became of the containers since the last look. One that was started again is in both.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Started.
    pub appeared: Vec<Found>,
    /// Names of those that ended.
    pub gone: Vec<String>,
}

/// What a source answers with, some time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Something that knows containers.
pub trait Source: Send + Sync {
    /// Those selected that run now.
    fn list(&self) -> Answer<'_, Vec<Found>>;

    /// Returns when something may have changed since the last call. Dropping the future loses nothing: the next list is whole.
    fn changed(&mut self) -> Answer<'_, ()>;
}

/// What went wrong with a runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Its socket cannot be reached.
    #[error("connecting to {socket} (is the runtime up, and its socket mounted here?)")]
    Connect {
        /// The socket.
        socket: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It broke off in the middle of an answer.
    #[error("asking {socket} for {path}")]
    Http {
        /// The socket.
        socket: PathBuf,
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It refuses.
    #[error("{socket} answers {status} to {path}")]
    Refused {
        /// The socket.
        socket: PathBuf,
        /// What was asked for.
        path: String,
        /// The status.
        status: u16,
    },
    /// It answers something else than its interface says.
    #[error("an answer of {socket} to {path} is not understood")]
    Answer {
        /// The socket.
        socket: PathBuf,
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A container's cgroup cannot be told.
    #[error("reading {path}")]
    Cgroup {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process is in no cgroup of the v2 hierarchy but its root.
    #[error("{path} names no cgroup (v2) below the root: the runtime uses cgroup v1")]
    NoCgroup2 {
        /// The file.
        path: PathBuf,
    },
}

/// A source, and what it said last.
pub struct Watch<S> {
    source: S,
    known: BTreeMap<String, Found>,
}

impl<S: Source> Watch<S> {
    /// Nothing is known yet.
    pub fn new(source: S) -> Self {
        Self { source, known: BTreeMap::new() }
    }

    /// Looks now.
    ///
    /// # Errors
    /// When the runtime cannot be asked; then what was known stays known, and nothing is said to be gone.
    pub async fn look(&mut self) -> Result<Changes, Error> {
        let now: BTreeMap<_, _> =
            self.source.list().await?.into_iter().map(|found| (found.name.clone(), found)).collect();
        // A container that was started again has its name, and nothing else of what it was.
        let gone = self.known.iter().filter(|(name, was)| now.get(*name) != Some(was)).map(|(name, _)| name.clone());
        let gone = gone.collect();
        let appeared = now.values().filter(|found| self.known.get(&found.name) != Some(found)).cloned().collect();
        self.known = now;
        Ok(Changes { appeared, gone })
    }

    /// Looks again once the source says so, and at the latest when the last list is too old. A runtime that is away is waited
    /// for.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub async fn next(&mut self) -> Result<Changes, Error> {
        let waited = tokio::time::timeout(RECONCILE, self.source.changed()).await;
        if let Ok(Err(error)) = waited {
            // Nothing tells when it is back, so this is a pause.
            let _ = tokio::time::timeout(RETRY, std::future::pending::<()>()).await;
            tracing::warn!(error = %crate::model::error_chain(&error), "events of the runtime broke off");
        }
        self.look().await
    }
}

/// Where the cgroup of a process is, as a path below the root of the v2 hierarchy, whatever cgroup namespace we are in.
///
/// # Errors
/// [`Error::Cgroup`], [`Error::NoCgroup2`].
pub fn cgroup_of(proc: &Path, pid: u32) -> Result<PathBuf, Error> {
    cgroup::of(proc, pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lists(std::sync::Mutex<Vec<Vec<(&'static str, u32)>>>);

    impl Source for Lists {
        fn list(&self) -> Answer<'_, Vec<Found>> {
            let names = self.0.lock().unwrap().remove(0);
            Box::pin(async move { Ok(names.into_iter().map(found).collect()) })
        }

        fn changed(&mut self) -> Answer<'_, ()> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn found((name, pid): (&str, u32)) -> Found {
        let (cgroup, labels) = (PathBuf::from(name), BTreeMap::new());
        Found { name: name.to_owned(), pid, cgroup, host_network: false, labels }
    }

    #[tokio::test]
    async fn what_appeared_went_and_began_again_is_told_once() {
        let lists = vec![vec![("a", 1), ("b", 2)], vec![("a", 1), ("b", 2)], vec![("b", 7), ("c", 3)], vec![]];
        let mut watch = Watch::new(Lists(std::sync::Mutex::new(lists)));
        let names = |changes: Changes| {
            let appeared: Vec<_> = changes.appeared.into_iter().map(|found| found.name).collect();
            (appeared.join(" "), changes.gone.join(" "))
        };
        assert_eq!(names(watch.look().await.unwrap()), ("a b".into(), String::new()));
        assert_eq!(names(watch.next().await.unwrap()), (String::new(), String::new()));
        assert_eq!(names(watch.next().await.unwrap()), ("b c".into(), "a b".into()), "b was started again");
        assert_eq!(names(watch.next().await.unwrap()), (String::new(), "b c".into()));
    }
}

//! Finds what is to be captured, on this machine only: no cluster is asked, no token needed.
//!
//! A [`Source`] lists what it selects and says when something may have changed; a list that is made again is right even when
//! an event was lost. [`Watch`] turns lists into what appeared and what went. Decides nothing about policy and touches no
//! kernel program: the command line arms what it is told here.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod cgroup;
pub mod cri;
mod docker;
mod groups;
mod hierarchy;
mod select;

pub use cri::{Cri, Pods};
pub use docker::{Compose, Docker};
pub use groups::Groups;
pub use hierarchy::Hierarchy;
pub use select::Labels;

/// How long a list may be trusted without an event.
pub const RECONCILE: Duration = Duration::from_secs(10);
/// Between two tries of a runtime that does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// Something that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Unique among what runs; a container that is started again keeps it.
    pub name: String,
    /// One of its processes, in the pid namespace of `/proc`.
    pub pid: u32,
    /// Its cgroup (v2), below the root of the hierarchy; `None` where the runtime leaves it in the root.
    pub cgroup: Option<PathBuf>,
    /// The inode of that cgroup, which is its id; 0 without one.
    pub cgroup_id: u64,
    /// The inode of its network namespace.
    pub netns: u64,
    /// What the runtime says of it.
    pub labels: BTreeMap<String, String>,
}

impl Found {
    /// Whether the other is this one, and not one that was started again: a process may be another one of the same.
    fn is_same(&self, other: &Self) -> bool {
        let of = |one: &Self| (one.cgroup_id, one.netns);
        of(self) == of(other) && self.cgroup == other.cgroup
    }
}

/// What became of the containers since the last look. One that was started again is in both.
#[derive(Debug, Default)]
pub struct Changes {
    /// Started.
    pub appeared: Vec<Found>,
    /// Names of those that ended.
    pub gone: Vec<String>,
}

/// What a source answers with, some time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Something that knows what runs.
pub trait Source: Send {
    /// Those selected that run now, or are about to.
    fn list(&mut self) -> Answer<'_, Vec<Found>>;

    /// Returns when something may have changed since the last call. Dropping the future loses nothing: the next list is whole.
    fn changed(&mut self) -> Answer<'_, ()>;

    /// Told the names of all that is captured, after each list was acted upon: a source that holds somebody back until then
    /// answers now.
    fn settled(&mut self, _captured: &BTreeSet<String>) {}
}

/// Somebody who lists what runs: a source, or whoever asks one for us.
pub trait Look: Send {
    /// What runs: now, or once something may have changed, and then at the latest after `within`.
    fn look(&mut self, within: Option<Duration>) -> Answer<'_, Vec<Found>>;

    /// See [`Source::settled`].
    fn settled(&mut self, _captured: &BTreeSet<String>) {}
}

/// A source that is asked from here.
struct Here<S>(S);

impl<S: Source> Look for Here<S> {
    fn look(&mut self, within: Option<Duration>) -> Answer<'_, Vec<Found>> {
        Box::pin(async move {
            let Some(within) = within else { return self.0.list().await };
            let waited = tokio::time::timeout(within, self.0.changed()).await;
            if let Ok(Err(error)) = waited {
                // Nothing tells when it is back, so this is a pause.
                let _ = tokio::time::timeout(RETRY, std::future::pending::<()>()).await;
                tracing::warn!(error = %crate::model::error_chain(&error), "events of the runtime broke off");
            }
            self.0.list().await
        })
    }

    fn settled(&mut self, captured: &BTreeSet<String>) {
        self.0.settled(captured);
    }
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
    /// A runtime refuses a call.
    #[error("{socket} answers {path} with status {code}: {message}")]
    Grpc {
        /// The socket.
        socket: PathBuf,
        /// The method.
        path: String,
        /// The status; 5 is "not found".
        code: u32,
        /// Its words.
        message: String,
    },
    /// Who asks it for us says so.
    #[error("{why}")]
    Told {
        /// Its words.
        why: String,
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
}

/// Somebody who lists, and what was listed last.
pub struct Watch {
    looking: Box<dyn Look>,
    known: BTreeMap<String, Found>,
}

impl Watch {
    /// Asks a source from here. Nothing is known yet.
    pub fn new(source: impl Source + 'static) -> Self {
        Self::over(Here(source))
    }

    /// Asks whoever asks a source. Nothing is known yet.
    pub fn over(looking: impl Look + 'static) -> Self {
        Self { looking: Box::new(looking), known: BTreeMap::new() }
    }

    /// Looks now.
    ///
    /// # Errors
    /// When the runtime cannot be asked; then what was known stays known, and nothing is said to be gone.
    pub async fn look(&mut self) -> Result<Changes, Error> {
        let now = self.looking.look(None).await?;
        Ok(self.changes(now))
    }

    /// Looks again once something may have changed, and at the latest after `within`: events may be lost. A runtime that is away
    /// is waited for.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub async fn next(&mut self, within: Duration) -> Result<Changes, Error> {
        let now = self.looking.look(Some(within)).await?;
        Ok(self.changes(now))
    }

    fn changes(&mut self, now: Vec<Found>) -> Changes {
        let now: BTreeMap<_, _> = now.into_iter().map(|found| (found.name.clone(), found)).collect();
        // What was started again has its name, and nothing else of what it was.
        let stayed = |name: &String| self.known.get(name).zip(now.get(name)).is_some_and(|(was, is)| was.is_same(is));
        let gone = self.known.keys().filter(|name| !stayed(name)).cloned().collect();
        let appeared = now.values().filter(|found| !stayed(&found.name)).cloned().collect();
        self.known = now;
        Changes { appeared, gone }
    }

    /// Tells the source the names of all that is captured now.
    pub fn settled(&mut self, captured: &BTreeSet<String>) {
        self.looking.settled(captured);
    }

    /// What was found last under a name.
    pub fn known(&self, name: &str) -> Option<&Found> {
        self.known.get(name)
    }

    /// Everything that was found last, by name.
    pub fn all(&self) -> impl Iterator<Item = &Found> {
        self.known.values()
    }
}

/// Where the cgroup of a process is, as a path below the root of the v2 hierarchy, whatever cgroup namespace we are in; `None`
/// for the root itself.
///
/// # Errors
/// [`Error::Cgroup`].
pub fn cgroup_of(pid: u32) -> Result<Option<PathBuf>, Error> {
    cgroup::of("/proc".as_ref(), pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lists(std::sync::Mutex<Vec<Vec<(&'static str, u32)>>>);

    impl Source for Lists {
        fn list(&mut self) -> Answer<'_, Vec<Found>> {
            let names = self.0.lock().unwrap().remove(0);
            Box::pin(async move { Ok(names.into_iter().map(found).collect()) })
        }

        fn changed(&mut self) -> Answer<'_, ()> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn found((name, pid): (&str, u32)) -> Found {
        let (cgroup, labels) = (Some(PathBuf::from(name)), BTreeMap::new());
        Found { name: name.to_owned(), pid, cgroup, cgroup_id: u64::from(pid), netns: 1, labels }
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
        assert_eq!(names(watch.next(RECONCILE).await.unwrap()), (String::new(), String::new()));
        assert_eq!(names(watch.next(RECONCILE).await.unwrap()), ("b c".into(), "a b".into()), "b was started again");
        assert_eq!(names(watch.next(RECONCILE).await.unwrap()), (String::new(), "b c".into()));
    }
}

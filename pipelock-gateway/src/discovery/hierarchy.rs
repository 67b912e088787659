//! The cgroup-v2 hierarchy as a source of news: which directories appear, which processes are in one.
//!
//! A runtime makes a container's cgroup, puts a process in and prepares its network before it starts the program. Whoever
//! watches the directories knows of a container before the runtime tells of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::{Found, cgroup};

/// Where processes and cgroups are found.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    /// Where the v2 hierarchy is mounted.
    pub root: PathBuf,
    /// Where processes are: `/proc`.
    pub proc: PathBuf,
}

impl Hierarchy {
    /// That of this machine, mounted at `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, proc: "/proc".into() }
    }

    /// What runs as the process `pid`, wherever its cgroup is; `None` when it has ended.
    pub(super) fn found(&self, name: &str, pid: u32) -> Option<Found> {
        let cgroup = match cgroup::of(&self.proc, pid) {
            Ok(cgroup) => cgroup,
            Err(error) => {
                if self.proc.join(pid.to_string()).exists() {
                    tracing::error!(container = name, error = %crate::model::error_chain(&error), "its cgroup is unknown");
                }
                return None;
            }
        };
        self.found_in(name, cgroup, pid)
    }

    /// The same for a process whose cgroup is known; no cgroup means the root of the hierarchy.
    pub(super) fn found_in(&self, name: &str, cgroup: Option<PathBuf>, pid: u32) -> Option<Found> {
        let netns = self.netns(pid)?;
        let id = match &cgroup {
            Some(path) => fs::metadata(self.root.join(path)).ok()?.ino(),
            None => 0,
        };
        let labels = std::collections::BTreeMap::new();
        Some(Found { name: name.to_owned(), pid, cgroup, cgroup_id: id, netns, labels })
    }

    /// The network namespace of a process, as its inode.
    pub(super) fn netns(&self, pid: u32) -> Option<u64> {
        fs::metadata(self.proc.join(pid.to_string()).join("ns/net")).ok().map(|metadata| metadata.ino())
    }

    /// Whether a process is the first of a pid namespace: the init of a container, whose other namespaces were made before it.
    /// The runtime's helpers before it are in none of their own. Source: `NSpid` in `proc_pid_status(5)`.
    pub(super) fn is_init(&self, pid: u32) -> bool {
        let status = fs::read_to_string(self.proc.join(pid.to_string()).join("status")).unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        let mut ids = ids.split_whitespace();
        ids.next().is_some() && ids.next_back() == Some("1")
    }

    /// The processes of a cgroup below the root, in the order the kernel tells them; those of cgroups below it after them.
    pub(super) fn processes(&self, cgroup: &Path) -> Vec<u32> {
        fn collect(directory: &Path, into: &mut Vec<u32>) {
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            into.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid != 0));
            for entry in fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    collect(&entry.path(), into);
                }
            }
        }
        let mut found = Vec::new();
        collect(&self.root.join(cgroup), &mut found);
        found
    }

    /// Names of the cgroups in one below the root; none when there is no such cgroup.
    pub(super) fn children(&self, cgroup: &Path) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(cgroup)).into_iter().flatten().filter_map(Result::ok);
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        directories.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

/// Tells when cgroups are made or removed in some directories, or a process comes into one of some others.
pub(super) struct News {
    root: PathBuf,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl News {
    /// Of nothing yet. Without inotify there is no news, and lists that are made again have to do.
    pub(super) fn of(root: PathBuf) -> Self {
        let changed = Arc::new(Notify::new());
        let ring = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| !event.kind.is_access()) {
                ring.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| tracing::warn!(%error, "cgroups are not watched")).ok();
        Self { root, watcher, watched: BTreeSet::new(), changed }
    }

    /// Watches these and no others: cgroups, for what is made in them, or files of cgroups. What is not there is passed over.
    pub(super) fn follow(&mut self, wanted: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for path in self.watched.difference(wanted) {
            // It may have gone, and its watch with it.
            let _ = watcher.unwatch(&self.root.join(path));
        }
        self.watched.retain(|path| wanted.contains(path) && self.root.join(path).exists());
        for path in wanted {
            if !self.watched.contains(path) && watcher.watch(&self.root.join(path), RecursiveMode::NonRecursive).is_ok()
            {
                self.watched.insert(path.clone());
                // What was made before the watch was not told.
                self.changed.notify_one();
            }
        }
    }

    /// Waits for the next change. Dropping the future loses nothing.
    pub(super) async fn next(&self) {
        self.changed.notified().await;
    }
}

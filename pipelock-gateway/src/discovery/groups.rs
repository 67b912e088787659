//! Cgroups by their paths, as they come and go: services of systemd, or whatever has a place of its own in the hierarchy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::hierarchy::News;
use super::select::fits;
use super::{Answer, Found, Hierarchy, Source};

/// The hierarchy itself, and patterns of paths in it.
pub struct Groups {
    hierarchy: Hierarchy,
    patterns: Vec<String>,
    news: News,
}

impl Groups {
    /// Patterns are paths below the root without a leading slash; `*` stands for text within one name.
    #[must_use]
    pub fn new(hierarchy: Hierarchy, patterns: Vec<String>) -> Self {
        let news = News::of(hierarchy.root.clone());
        Self { hierarchy, patterns, news }
    }

    /// Every cgroup that fits, and every directory in which one may appear.
    fn walk(&self) -> (Vec<PathBuf>, BTreeSet<PathBuf>) {
        let (mut fitting, mut watched) = (BTreeSet::new(), BTreeSet::new());
        for pattern in &self.patterns {
            let mut level = vec![PathBuf::new()];
            for part in pattern.split('/') {
                watched.extend(level.iter().cloned());
                let below = |path: &PathBuf| {
                    let names = self.hierarchy.children(path).into_iter().filter(|name| fits(part, name));
                    names.map(|name| path.join(name)).collect::<Vec<_>>()
                };
                level = level.iter().flat_map(below).collect();
            }
            fitting.extend(level);
        }
        (fitting.into_iter().collect(), watched)
    }

    /// Of an empty one the network is not known: it is taken to be ours, as that of a machine's services is. When its first
    /// process comes with another one, it is let go and captured again.
    fn found(&self, cgroup: &Path) -> Option<Found> {
        let pid = self.hierarchy.processes(cgroup).into_iter().find(|pid| self.hierarchy.netns(*pid).is_some());
        let pid = pid.unwrap_or_else(std::process::id);
        self.hierarchy.found_in(&cgroup.display().to_string(), Some(cgroup.to_owned()), pid)
    }
}

impl Source for Groups {
    fn list(&mut self) -> Answer<'_, Vec<Found>> {
        let (fitting, mut watched) = self.walk();
        // Told when the first process comes, and when the last has gone.
        watched.extend(fitting.iter().map(|path| path.join("cgroup.events")));
        self.news.follow(&watched);
        let found = fitting.iter().filter_map(|path| self.found(path)).collect();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn changed(&mut self) -> Answer<'_, ()> {
        Box::pin(async {
            self.news.next().await;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn names(groups: &mut Groups) -> Vec<String> {
        groups.list().await.unwrap().into_iter().map(|found| found.name).collect()
    }

    #[tokio::test]
    async fn cgroups_that_fit_are_found_as_they_are_made_and_gone_when_they_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        fs::create_dir_all(root.join("system.slice/agent-1.service")).unwrap();
        fs::create_dir_all(root.join("system.slice/other.service")).unwrap();
        let mut groups = Groups::new(Hierarchy::new(root.clone()), vec!["system.slice/agent-*.service".to_owned()]);
        assert_eq!(names(&mut groups).await, ["system.slice/agent-1.service"]);
        groups.changed().await.unwrap();
        fs::create_dir(root.join("system.slice/agent-2.service")).unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(10), groups.changed()).await.unwrap().unwrap();
        assert_eq!(names(&mut groups).await, ["system.slice/agent-1.service", "system.slice/agent-2.service"]);
        fs::remove_dir(root.join("system.slice/agent-1.service")).unwrap();
        assert_eq!(names(&mut groups).await, ["system.slice/agent-2.service"]);
    }
}

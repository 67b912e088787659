//! What a run could leave behind on the machine: kernel objects, pins, cgroups, run files.
//!
//! Compared before and after, so nothing needs to be known about how the gateway names its things, and what was there
//! before does not matter. Only meaningful while no other case runs (`Case::alone`).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::eventually;

/// A picture of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces(BTreeSet<String>);

impl Traces {
    /// Takes the picture.
    ///
    /// # Errors
    /// When the kernel does not let us list its BPF objects.
    pub fn take() -> Result<Self> {
        let mut found = BTreeSet::new();
        for program in aya::programs::loaded_programs() {
            // An object may go away between being listed and being looked at; then it is no trace.
            let Ok(program) = program else { continue };
            found.insert(format!("program {} {}", program.id(), String::from_utf8_lossy(program.name())));
        }
        for map in aya::maps::loaded_maps() {
            let Ok(map) = map else { continue };
            found.insert(format!("map {} {}", map.id(), String::from_utf8_lossy(map.name())));
        }
        for link in aya::programs::loaded_links() {
            let Ok(link) = link else { continue };
            found.insert(format!("link {}", link.id()));
        }
        for root in ["/sys/fs/bpf", "/run/pipelock"] {
            walk(Path::new(root), "file", &mut found, |_| true);
        }
        walk(&cgroup_root()?, "cgroup", &mut found, Path::is_dir);
        Ok(Self(found))
    }

    /// What is in this picture and was not in the earlier one.
    #[must_use]
    pub fn new_since(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }

    /// Waits until nothing is left that was not there before; the kernel frees programs and maps a moment after the
    /// last descriptor closes.
    ///
    /// # Errors
    /// Lists what is still there.
    pub fn expect_none_new(&self) -> Result<()> {
        eventually(Duration::from_secs(10), || {
            let now = Self::take().map_err(|error| format!("{error:#}"))?;
            let left = now.new_since(self);
            if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:#?}")) }
        })
    }
}

fn walk(directory: &Path, kind: &str, found: &mut BTreeSet<String>, counts: fn(&Path) -> bool) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if counts(&path) {
            found.insert(format!("{kind} {}", path.display()));
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, kind, found, counts);
        }
    }
}

fn cgroup_root() -> Result<std::path::PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("reading /proc/self/mounts")?;
    let line =
        mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")).context("no cgroup2 is mounted")?;
    Ok(line.split(' ').nth(1).unwrap_or_default().into())
}

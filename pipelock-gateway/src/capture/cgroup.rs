//! cgroup-v2 directories: where the hierarchy is, making one, putting a command in, killing what is left, removing it.
//!
//! Knows nothing of programs or maps. The kernel's interface is files; every error names the file.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Error, sys};
use crate::model::CgroupId;

/// How long killed processes may take to leave. A process in an uninterruptible wait can take longer; then the cgroup and
/// its programs stay.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);

/// A cgroup directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
    id: CgroupId,
}

/// Where the v2 hierarchy is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` beside v1.
///
/// # Errors
/// [`Error::NoCgroup2`] when there is none.
pub fn find_root() -> Result<PathBuf, Error> {
    let mounts = fs::read_to_string("/proc/self/mounts").map_err(|e| Error::io("reading", "/proc/self/mounts", e))?;
    root_in(&mounts).ok_or(Error::NoCgroup2)
}

/// The first cgroup2 mount in a mount table (`/proc/self/mounts`).
pub(super) fn root_in(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let path = fields.nth(1)?;
        (fields.next()? == "cgroup2").then(|| PathBuf::from(path))
    })
}

impl Cgroup {
    /// Opens an existing cgroup.
    ///
    /// # Errors
    /// [`Error::NotCgroup2`] when the directory is not in the v2 hierarchy: programs attached there would see nothing.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let metadata = fs::metadata(path).map_err(|e| Error::io("opening", path, e))?;
        if !path.join("cgroup.procs").exists() || !path.join("cgroup.controllers").exists() {
            return Err(Error::NotCgroup2 { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), id: CgroupId(metadata.ino()) })
    }

    /// Makes one, parents included.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::NotCgroup2`] when the parent is not in the v2 hierarchy.
    pub fn create(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(|e| Error::io("making", path, e))?;
        Self::open(path)
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its id, as the kernel programs see it.
    pub fn id(&self) -> CgroupId {
        self.id
    }

    /// Makes `command` run inside: it enters after `fork` and before `exec`, so that nothing of it ever runs outside.
    ///
    /// # Errors
    /// [`Error::Io`] when the cgroup is gone.
    pub fn enter_on_exec(&self, command: &mut Command) -> Result<(), Error> {
        let path = self.path.join("cgroup.procs");
        let procs = File::options().write(true).open(&path).map_err(|e| Error::io("opening", &path, e))?;
        sys::enter_on_exec(command, procs.into());
        Ok(())
    }

    /// Kills every process in it and below, and waits until they are gone (5.14).
    ///
    /// # Errors
    /// [`Error::CgroupBusy`] when some are still there after ten seconds.
    pub fn kill(&self) -> Result<(), Error> {
        let path = self.path.join("cgroup.kill");
        fs::write(&path, "1").map_err(|e| Error::io("writing", &path, e))?;
        self.wait_until_empty(LEAVE_DEADLINE)
    }

    /// Waits until no live process is left in it or below.
    ///
    /// # Errors
    /// [`Error::CgroupBusy`] when some are still there at the deadline.
    pub fn wait_until_empty(&self, deadline: Duration) -> Result<(), Error> {
        let path = self.path.join("cgroup.events");
        let failed = |e| Error::io("reading", &path, e);
        let mut events = File::open(&path).map_err(failed)?;
        let end = Instant::now() + deadline;
        loop {
            let mut text = String::new();
            events.rewind().map_err(failed)?;
            events.read_to_string(&mut text).map_err(failed)?;
            if text.lines().any(|line| line == "populated 0") {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::CgroupBusy { path: self.path.clone() });
            }
            // kernfs raises POLLPRI when the file changes.
            let timeout = Timespec::try_from(left).map_err(|e| failed(io::Error::other(e)))?;
            poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&timeout)).map_err(|e| failed(e.into()))?;
        }
    }

    /// Removes it and the cgroups the workload made below. All must be empty.
    ///
    /// # Errors
    /// [`Error::Io`] naming the directory that stays.
    pub fn remove(&self) -> Result<(), Error> {
        remove_tree(&self.path)
    }
}

/// Removes cgroups from the leaves up: their files cannot be removed, so this is not `remove_dir_all`.
fn remove_tree(path: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(path).map_err(|e| Error::io("listing", path, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("listing", path, e))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(path).map_err(|e| Error::io("removing", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_and_pure_hierarchies_are_found() {
        let hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
        assert_eq!(root_in(hybrid), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(root_in("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"), Some("/sys/fs/cgroup".into()));
        assert_eq!(root_in("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"), None);
        assert_eq!(root_in("cgroup2 /elsewhere tmpfs rw 0 0\n"), None, "the type decides, not the device name");
    }

    #[test]
    fn ordinary_directory_is_not_taken_for_a_cgroup() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Cgroup::open(dir.path()), Err(Error::NotCgroup2 { .. })));
    }
}

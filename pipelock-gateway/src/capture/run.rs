//! The life of one local run: what it leaves on the machine, and how every trace of it goes away again.
//!
//! A run owns a cgroup, a directory of pins on a bpffs, and a directory with a locked file that says its process lives.
//! When that process is killed, the pins keep the programs attached, so captured processes get `ECONNREFUSED` instead of a
//! way out; the next start finds the lock free, kills what is left in the cgroup and removes everything.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cgroup::{self, Cgroup};
use super::{Error, belt, probe, programs, sys};

const STATE_VERSION: u32 = 1;

/// Name of our directories in the cgroup hierarchy and on the bpffs.
const NAME: &str = "pipelock";

/// Where runs leave things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Directory of run directories and locks, `/run/pipelock`.
    pub state: PathBuf,
    /// Where a bpffs is, or will be mounted: `/sys/fs/bpf`.
    pub bpffs: PathBuf,
    /// Root of the cgroup-v2 hierarchy.
    pub cgroups: PathBuf,
}

impl Layout {
    /// This machine's.
    ///
    /// # Errors
    /// [`Error::NoCgroup2`] when there is no cgroup-v2 hierarchy.
    pub fn system() -> Result<Self, Error> {
        Ok(Self { state: "/run/pipelock".into(), bpffs: "/sys/fs/bpf".into(), cgroups: cgroup::find_root()? })
    }

    /// Where something of ours is pinned.
    pub(super) fn pins_of(&self, name: &str) -> PathBuf {
        self.bpffs.join(NAME).join(name)
    }

    fn runs(&self) -> PathBuf {
        self.state.join("runs")
    }

    /// Exists while the bpffs is one that we mounted.
    fn mount_marker(&self) -> PathBuf {
        self.state.join("bpffs-mounted")
    }
}

/// What a run leaves behind, written before anything is made.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    version: u32,
    /// Of the gateway; for people, since the lock says whether it lives.
    pid: u32,
    cgroup: PathBuf,
    pins: PathBuf,
}

/// A run of this process. Dropping it removes its traces as far as possible; [`Run::finish`] tells what failed.
#[derive(Debug)]
pub struct Run {
    layout: Layout,
    id: String,
    cgroup: Cgroup,
    pins: PathBuf,
    /// Locked for as long as this process lives; never inherited, being close-on-exec.
    _lock: File,
    finished: bool,
}

/// What a sweep removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Ids of dead runs.
    pub runs: Vec<String>,
}

impl Run {
    /// Makes the run directory, the bpffs if there is none, the pin directory and the cgroup. On error nothing stays.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::NotCgroup2`], naming the path.
    pub fn start(layout: &Layout) -> Result<Self, Error> {
        let _machine = MachineLock::acquire(layout)?;
        let id = format!("{}-{:x}", std::process::id(), sys::boot_ns());
        let dir = layout.runs().join(&id);
        make_passable_dir(&dir)?;
        let started = Self::start_in(layout, &id, &dir);
        if started.is_err() {
            let _ = Leftover::of(layout, &id).remove(layout);
            let _ = remove_shared(layout);
        }
        started
    }

    fn start_in(layout: &Layout, id: &str, dir: &Path) -> Result<Self, Error> {
        let path = dir.join("lock");
        let lock = make_private_file(&path).map_err(|e| Error::io("making", &path, e))?;
        lock.try_lock().map_err(|e| Error::io("locking", &path, e.into()))?;
        let leftover = Leftover::of(layout, id);
        let state = State {
            version: STATE_VERSION,
            pid: std::process::id(),
            cgroup: leftover.cgroup.clone(),
            pins: leftover.pins.clone(),
        };
        let path = dir.join("state.json");
        let text = serde_json::to_vec_pretty(&state).map_err(|e| Error::io("writing", &path, e.into()))?;
        fs::write(&path, text).map_err(|e| Error::io("writing", &path, e))?;
        mount_bpffs(layout)?;
        make_private_dir(&leftover.pins)?;
        let cgroup = Cgroup::create(&leftover.cgroup)?;
        Ok(Self {
            layout: layout.clone(),
            id: id.to_owned(),
            cgroup,
            pins: leftover.pins,
            _lock: lock,
            finished: false,
        })
    }

    /// Its name: the process id and the time of its start.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The cgroup whose processes are to be captured; empty at first.
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// A directory for files that go away with the run. Every user may pass through it.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.layout.runs().join(&self.id)
    }

    /// The directory for `LocalDatapath::load`.
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// Kills what is left in the cgroup, detaches and removes everything.
    ///
    /// # Errors
    /// The first failure. Programs stay attached while processes are left: they must not go on unprotected.
    pub fn finish(mut self) -> Result<(), Error> {
        self.clean()
    }

    fn clean(&mut self) -> Result<(), Error> {
        self.finished = true;
        let _machine = MachineLock::acquire(&self.layout)?;
        Leftover::of(&self.layout, &self.id).remove(&self.layout)?;
        remove_shared(&self.layout)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.clean()
        {
            tracing::warn!(run = %self.id, %error, "traces of this run stay until the next start");
        }
    }
}

/// Removes what dead runs left: kills the processes in their cgroups first, then detaches the programs.
///
/// # Errors
/// The first failure; other runs are swept all the same. What could not be removed is found again next time.
pub fn sweep_stale(layout: &Layout) -> Result<Swept, Error> {
    if !layout.runs().exists() {
        return Ok(Swept::default());
    }
    let _machine = MachineLock::acquire(layout)?;
    let mut swept = Swept::default();
    let mut failure = None;
    // The last run may have ended, and taken the directory along, before we had the lock.
    let ids = if layout.runs().exists() { list(&layout.runs())? } else { Vec::new() };
    for id in ids {
        match sweep_one(layout, &id) {
            Ok(true) => swept.runs.push(id),
            Ok(false) => {}
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    remove_shared(layout)?;
    failure.map_or(Ok(swept), Err)
}

/// Whether the run was dead, and is gone now.
fn sweep_one(layout: &Layout, id: &str) -> Result<bool, Error> {
    let path = layout.runs().join(id).join("lock");
    match File::open(&path) {
        // The descriptor, and with it the lock, is closed before the directory goes; the machine lock keeps others out.
        Ok(lock) => match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path, error)),
        },
        // Killed between making the directory and the lock, both under the machine lock, which we hold.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("opening", &path, error)),
    }
    Leftover::of(layout, id).remove(layout)?;
    Ok(true)
}

/// What a run left.
#[derive(Debug)]
struct Leftover {
    dir: PathBuf,
    cgroup: PathBuf,
    pins: PathBuf,
}

impl Leftover {
    /// From the run's state, or, when it was killed before it wrote one, from the id. Paths that are not ours are not
    /// believed: what is in that cgroup will be killed.
    fn of(layout: &Layout, id: &str) -> Self {
        let dir = layout.runs().join(id);
        let derived = State {
            version: STATE_VERSION,
            pid: 0,
            cgroup: layout.cgroups.join(NAME).join(id),
            pins: layout.pins_of(id),
        };
        let read = fs::read(dir.join("state.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let ours = |state: &State| {
            let named = |path: &Path| path.ends_with(Path::new(NAME).join(id));
            state.version == STATE_VERSION && named(&state.cgroup) && named(&state.pins)
        };
        let state = read.filter(ours).unwrap_or(derived);
        Self { dir, cgroup: state.cgroup, pins: state.pins }
    }

    /// Processes first, then programs, then the rest: nothing captured ever runs uncaptured.
    fn remove(&self, layout: &Layout) -> Result<(), Error> {
        if self.cgroup.exists() {
            let cgroup = Cgroup::open(&self.cgroup)?;
            refuse_to_kill_ourselves(&self.cgroup, &layout.cgroups)?;
            cgroup.kill()?;
        }
        remove_pins(&self.pins)?;
        if self.cgroup.exists() {
            Cgroup::open(&self.cgroup)?.remove()?;
        }
        gone(fs::remove_dir_all(&self.dir)).map_err(|e| Error::io("removing", &self.dir, e))
    }
}

/// A sweep started from inside a dead run's cgroup would kill itself half-way.
fn refuse_to_kill_ourselves(cgroup: &Path, root: &Path) -> Result<(), Error> {
    let own = fs::read_to_string("/proc/self/cgroup").map_err(|e| Error::io("reading", "/proc/self/cgroup", e))?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    if root.join(path).starts_with(cgroup) {
        return Err(Error::InsideDeadRun { path: cgroup.to_owned() });
    }
    Ok(())
}

pub(super) fn remove_pins(pins: &Path) -> Result<(), Error> {
    if !pins.exists() {
        return Ok(());
    }
    let links = pins.join("links");
    if links.exists() {
        for target in list(&links)? {
            programs::detach(&links.join(target))?;
        }
    }
    let belts = pins.join("seatbelts");
    for interface in belt::worn(&belts)? {
        belt::detach(interface, &belts)?;
    }
    fs::remove_dir_all(pins).map_err(|e| Error::io("removing", pins, e))
}

/// Removes what runs share, when none is left: our directories, and the bpffs if we mounted it and nobody else uses it.
pub(super) fn remove_shared(layout: &Layout) -> Result<(), Error> {
    for dir in [layout.cgroups.join(NAME), layout.bpffs.join(NAME), layout.runs()] {
        match gone(fs::remove_dir(&dir)) {
            Err(error) if in_use(&error) => {}
            // The hierarchy as our container has it. Nothing of it is ours: what makes cgroups can write there.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
            other => other.map_err(|e| Error::io("removing", &dir, e))?,
        }
    }
    let marker = layout.mount_marker();
    if marker.exists() && !layout.runs().exists() && is_unused(&layout.bpffs)? {
        rustix::mount::unmount(&layout.bpffs, rustix::mount::UnmountFlags::empty())
            .map_err(|e| Error::io("unmounting", &layout.bpffs, e.into()))?;
        fs::remove_file(&marker).map_err(|e| Error::io("removing", &marker, e))?;
    }
    Ok(())
}

/// Whether nothing is pinned on a bpffs. A kernel with `CONFIG_BPF_PRELOAD` puts two iterators of its own on each
/// (`bpf_preload_list` in kernel/bpf/inode.c).
fn is_unused(bpffs: &Path) -> Result<bool, Error> {
    Ok(list(bpffs)?.iter().all(|name| name == "maps.debug" || name == "progs.debug"))
}

fn in_use(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOTEMPTY | libc::EBUSY))
}

pub(super) fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

pub(super) fn list(dir: &Path) -> Result<Vec<String>, Error> {
    let failed = |e| Error::io("listing", dir, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

pub(super) fn make_private_dir(path: &Path) -> Result<(), Error> {
    make_dir(path, 0o700)
}

/// A directory that other users may pass through to what they know the name of, and not look into: a captured command
/// that is not root reads its trust files in ours.
pub(super) fn make_passable_dir(path: &Path) -> Result<(), Error> {
    make_dir(path, 0o711)
}

fn make_dir(path: &Path, mode: u32) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(|e| Error::io("making", path, e))
}

/// Nobody else may open a lock: an unprivileged reader could hold it, and a dead run would look alive for ever.
pub(super) fn make_private_file(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

pub(super) fn mount_bpffs(layout: &Layout) -> Result<(), Error> {
    let mounts = fs::read_to_string("/proc/self/mounts").map_err(|e| Error::io("reading", "/proc/self/mounts", e))?;
    if probe::bpffs_in(&mounts, &layout.bpffs) {
        return Ok(());
    }
    // The marker first: a mount without it would stay for ever, a marker without a mount is harmless.
    let marker = layout.mount_marker();
    fs::write(&marker, "").map_err(|e| Error::io("writing", &marker, e))?;
    rustix::mount::mount(c"bpf", &layout.bpffs, c"bpf", rustix::mount::MountFlags::empty(), c"mode=0700")
        .map_err(|e| Error::io("mounting a bpffs on", &layout.bpffs, e.into()))
}

/// Serialises starts, ends and sweeps on one machine. The file goes with the last run, so that nothing stays.
#[derive(Debug)]
pub(super) struct MachineLock {
    file: File,
    layout: Layout,
}

impl MachineLock {
    pub(super) fn acquire(layout: &Layout) -> Result<Self, Error> {
        let path = layout.state.join("lock");
        loop {
            make_passable_dir(&layout.state)?;
            let file = match make_private_file(&path) {
                // Another process removed the directory between the two calls.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|e| Error::io("making", &path, e))?,
            };
            file.lock().map_err(|e| Error::io("locking", &path, e))?;
            // Whoever held it may have removed the file: then this lock keeps nobody out.
            let held = file.metadata().map_err(|e| Error::io("reading", &path, e))?.ino();
            if fs::metadata(&path).is_ok_and(|metadata| metadata.ino() == held) {
                return Ok(Self { file, layout: layout.clone() });
            }
        }
    }
}

impl Drop for MachineLock {
    fn drop(&mut self) {
        if !self.layout.runs().exists() && !self.layout.mount_marker().exists() {
            // Best effort: an empty directory in /run harms nobody.
            let _ = fs::remove_file(self.layout.state.join("lock"));
            let _ = fs::remove_dir(&self.layout.state);
        }
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(root: &Path) -> Layout {
        Layout { state: root.join("state"), bpffs: root.join("bpf"), cgroups: root.join("cgroup") }
    }

    #[test]
    fn state_that_points_elsewhere_is_not_believed() {
        let root = tempfile::tempdir().unwrap();
        let layout = layout(root.path());
        let dir = layout.runs().join("1-a");
        fs::create_dir_all(&dir).unwrap();
        let state = |cgroup: &str, pins: &str| {
            let state = State { version: STATE_VERSION, pid: 1, cgroup: cgroup.into(), pins: pins.into() };
            fs::write(dir.join("state.json"), serde_json::to_vec(&state).unwrap()).unwrap();
            Leftover::of(&layout, "1-a").cgroup
        };
        assert_eq!(state("/elsewhere/pipelock/1-a", "/bpf/pipelock/1-a"), Path::new("/elsewhere/pipelock/1-a"));
        let derived = layout.cgroups.join("pipelock/1-a");
        assert_eq!(state("/sys/fs/cgroup/system.slice", "/bpf/pipelock/1-a"), derived);
        assert_eq!(state("/elsewhere/pipelock/1-a", "/"), derived);
        fs::write(dir.join("state.json"), "{").unwrap();
        assert_eq!(Leftover::of(&layout, "1-a").cgroup, derived);
    }

    #[test]
    fn sweep_spares_living_runs_and_removes_dead_ones() {
        let root = tempfile::tempdir().unwrap();
        let layout = layout(root.path());
        for id in ["1-alive", "2-dead", "3-killed-before-its-lock"] {
            fs::create_dir_all(layout.runs().join(id)).unwrap();
        }
        let lock = File::create(layout.runs().join("1-alive/lock")).unwrap();
        lock.lock().unwrap();
        File::create(layout.runs().join("2-dead/lock")).unwrap();
        let swept = sweep_stale(&layout).unwrap();
        assert_eq!(swept.runs, ["2-dead", "3-killed-before-its-lock"]);
        assert_eq!(list(&layout.runs()).unwrap(), ["1-alive"]);
        lock.unlock().unwrap();
        assert_eq!(sweep_stale(&layout).unwrap().runs, ["1-alive"]);
        assert!(!layout.state.exists(), "the last sweep leaves nothing");
    }

    #[test]
    fn sweep_of_a_clean_machine_makes_nothing() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(sweep_stale(&layout(root.path())).unwrap(), Swept::default());
        assert_eq!(list(root.path()).unwrap(), [] as [&str; 0]);
    }
}

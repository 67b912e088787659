//! What the daemon leaves on a machine: pins that outlive it, so that a dead gateway means refused and not direct.
//!
//! There is one gateway a node. Its successor finds the pins, arms the same targets again and lets go of what nobody claims
//! ([`LocalDatapath::settle`]); only [`Node::uninstall`] takes everything away. Unlike a run of `exec`, the daemon owns no
//! cgroup and never ends a process.
//!
//! [`LocalDatapath::settle`]: super::LocalDatapath::settle

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Error;
use super::handover::{self, Inherited, Offer};
use super::run::{
    Layout, MachineLock, gone, list, make_passable_dir, make_private_dir, make_private_file, mount_bpffs, remove_pins,
    remove_shared,
};

/// Name of the daemon's directories, beside those of runs, whose names begin with a number.
const NODE: &str = "node";

/// The right of this process to be the gateway of the machine; given back when it ends, however it ends.
#[derive(Debug)]
pub struct Node {
    pins: PathBuf,
    directory: PathBuf,
    /// Locked for as long as this process lives, or a successor that was given it; never inherited, being close-on-exec.
    lock: File,
}

impl Node {
    /// Takes the place, makes the bpffs if there is none, and the directory of pins if there is none.
    ///
    /// # Errors
    /// [`Error::AnotherGateway`] when one runs already; [`Error::Io`], naming the path.
    pub fn start(layout: &Layout) -> Result<Self, Error> {
        let _machine = MachineLock::acquire(layout)?;
        let dir = directory(layout);
        make_passable_dir(&dir)?;
        let path = dir.join("lock");
        let lock = make_private_file(&path).map_err(|e| Error::io("making", &path, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::AnotherGateway { lock: path }),
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path, error)),
        }
        mount_bpffs(layout)?;
        let pins = pins(layout);
        make_private_dir(&pins)?;
        Ok(Self { pins, directory: dir, lock })
    }

    /// Takes over the place of a predecessor that handed its lock over.
    ///
    /// # Errors
    /// [`Error::Io`], naming the path.
    pub fn adopt(layout: &Layout, lock: File) -> Result<Self, Error> {
        mount_bpffs(layout)?;
        let pins = pins(layout);
        make_private_dir(&pins)?;
        Ok(Self { pins, directory: directory(layout), lock })
    }

    /// Asks the gateway that runs for its sockets; `None` when none runs.
    ///
    /// # Errors
    /// [`Error::Io`] when it answers wrongly, or not.
    pub fn ask(layout: &Layout) -> Result<Option<Inherited>, Error> {
        handover::ask(&directory(layout))
    }

    /// Opens the place where a successor asks this gateway for its sockets.
    ///
    /// # Errors
    /// [`Error::Io`], naming the path.
    pub fn offer(&self) -> Result<Offer, Error> {
        Offer::open(&self.directory)
    }

    /// The lock, for a successor. It is the same lock: held until both have let go of it.
    ///
    /// # Errors
    /// [`Error::Io`] when the process has no descriptors left.
    pub fn lock(&self) -> Result<File, Error> {
        self.lock.try_clone().map_err(|e| Error::io("duplicating", "the lock", e))
    }

    /// Whether the place is free: no gateway runs.
    ///
    /// # Errors
    /// [`Error::Io`] when that cannot be told.
    pub fn is_free(layout: &Layout) -> Result<bool, Error> {
        let path = directory(layout).join("lock");
        match File::open(&path) {
            Ok(lock) => Ok(!matches!(lock.try_lock(), Err(TryLockError::WouldBlock))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Error::io("opening", &path, error)),
        }
    }

    /// Keeps the list of targets that is shown to people. A reader sees the old one or the new one, never half of one.
    ///
    /// # Errors
    /// [`Error::Io`], naming the path.
    pub fn tell(&self, text: &str) -> Result<(), Error> {
        let path = list_of_targets(&self.directory);
        let new = path.with_extension("new");
        let replaced = || {
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&new, &path)
        };
        replaced().map_err(|e| Error::io("writing", &path, e))
    }

    /// What [`Self::tell`] kept last, by this process or an earlier one; `None` when there is nothing.
    ///
    /// # Errors
    /// [`Error::Io`], naming the path.
    pub fn told(layout: &Layout) -> Result<Option<String>, Error> {
        let path = list_of_targets(&directory(layout));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("reading", &path, error)),
        }
    }

    /// The directory for `LocalDatapath::open`.
    #[must_use]
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// Detaches every program of the daemon and removes every trace of it; whether there was any. Processes that were
    /// captured go on, uncaptured.
    ///
    /// # Errors
    /// [`Error::AnotherGateway`] while one runs; the first failure otherwise.
    pub fn uninstall(layout: &Layout) -> Result<bool, Error> {
        let (dir, pins) = (directory(layout), pins(layout));
        // What may not be looked at is not gone.
        let there = |path: &Path| path.try_exists().map_err(|e| Error::io("looking at", path, e));
        if !there(&dir)? && !there(&pins)? {
            return Ok(false);
        }
        let _machine = MachineLock::acquire(layout)?;
        let path = dir.join("lock");
        if let Ok(lock) = File::open(&path)
            && matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
        {
            return Err(Error::AnotherGateway { lock: path });
        }
        remove_pins(&pins.join("aside"))?;
        remove_pins(&pins)?;
        gone(fs::remove_dir_all(&dir)).map_err(|e| Error::io("removing", &dir, e))?;
        remove_shared(layout)?;
        Ok(true)
    }

    /// The cgroups and namespaces that pinned programs capture now, whoever serves them: one line a directory of links.
    ///
    /// # Errors
    /// [`Error::Io`] when the pins cannot be read.
    pub fn pinned(layout: &Layout) -> Result<Vec<String>, Error> {
        match list(&pins(layout).join("links")) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }
}

fn directory(layout: &Layout) -> PathBuf {
    layout.state.join(NODE)
}

fn list_of_targets(directory: &Path) -> PathBuf {
    directory.join("targets.json")
}

fn pins(layout: &Layout) -> PathBuf {
    layout.pins_of(NODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_gateway_a_node_and_uninstalling_a_clean_machine_makes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let layout = Layout { state: at("state"), bpffs: at("bpf"), cgroups: at("cgroup") };
        assert!(!Node::uninstall(&layout).unwrap());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        fs::create_dir_all(directory(&layout)).unwrap();
        let lock = File::create(directory(&layout).join("lock")).unwrap();
        lock.lock().unwrap();
        assert!(matches!(Node::start(&layout), Err(Error::AnotherGateway { .. })));
        assert!(matches!(Node::uninstall(&layout), Err(Error::AnotherGateway { .. })));
        drop(lock);
        assert!(Node::uninstall(&layout).unwrap());
        assert!(!layout.state.exists(), "nothing stays");
    }
}

//! Namespaces: making them, and starting threads and processes inside them.
//!
//! The only file of this crate with `unsafe`: Rust cannot express that a closure run between `fork` and `exec` must not
//! allocate or lock, nor that a thread which unshares its file system attributes must not share them any more. Nothing
//! here has a name in the file system; a namespace lives exactly as long as the descriptors and processes in it, so a
//! crashed test run leaves none behind. Next: [`crate::node`] lays the topology over these namespaces.
#![expect(unsafe_code, reason = "setns between fork and exec, and unshare, have no safe form")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// Where a process of the topology runs: its network, and, for the application's side, its view of the file system.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// The network namespace.
    pub net: Arc<OwnedFd>,
    /// The mount namespace with its own `/etc/hosts`; `None` means the host's.
    pub mount: Option<Arc<OwnedFd>>,
}

impl Namespaces {
    /// Makes `command` start inside these namespaces, in a process group of its own, and die with the thread that
    /// started it.
    pub fn enter(&self, command: &mut Command) {
        let net = Arc::clone(&self.net);
        let mount = self.mount.clone();
        command.process_group(0);
        let hook = move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
            if let Some(mount) = &mount {
                move_into_link_name_space(mount.as_fd(), Some(LinkNameSpaceType::Mount))?;
            }
            Ok(())
        };
        // SAFETY: the closure makes three system calls and touches only descriptors it owns; it neither allocates nor
        // takes a lock, so it is sound between fork and exec of a threaded process.
        unsafe { command.pre_exec(hook) };
    }

    /// A path that names the network namespace to other tools, such as `ip link … netns PATH`.
    #[must_use]
    pub fn net_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.net.as_raw_fd()))
    }
}

/// Makes an empty network namespace.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`.
pub fn new_network() -> Result<Arc<OwnedFd>> {
    on_throwaway_thread(|| {
        // SAFETY: this thread was made for this call and ends after it; no other code runs in the new namespace.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.context("unshare(CLONE_NEWNET)")?;
        open_own("net")
    })
}

/// Makes a private copy of the mount tree in which each `(shown, at)` pair has the file `shown` mounted over `at`.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`; `ENOENT` when a file to mount over does not exist.
pub fn new_mounts(overlays: Vec<(PathBuf, PathBuf)>) -> Result<Arc<OwnedFd>> {
    on_throwaway_thread(move || {
        // SAFETY: CLONE_FS gives this throwaway thread its own root and working directory, as CLONE_NEWNS demands of a
        // threaded process; the other threads keep theirs.
        unsafe { unshare_unsafe(UnshareFlags::FS | UnshareFlags::NEWNS) }.context("unshare(CLONE_NEWNS)")?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .context("make mounts private")?;
        for (shown, at) in overlays {
            mount_bind(&shown, &at).with_context(|| format!("mounting {} over {}", shown.display(), at.display()))?;
        }
        open_own("mnt")
    })
}

/// Runs `work` on a new thread inside the network namespace; sockets made there stay there for life.
pub fn spawn_in_network<T: Send + 'static>(
    name: &str,
    net: &Arc<OwnedFd>,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<std::thread::JoinHandle<io::Result<T>>> {
    let net = Arc::clone(net);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(work())
    })
}

fn open_own(kind: &str) -> Result<Arc<OwnedFd>> {
    let path = format!("/proc/thread-self/ns/{kind}");
    let file = File::open(&path).with_context(|| format!("opening {path}"))?;
    Ok(Arc::new(file.into()))
}

fn on_throwaway_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match std::thread::spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

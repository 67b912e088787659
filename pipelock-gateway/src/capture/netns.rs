//! Work inside another network namespace, on a thread made for it.
//!
//! A socket keeps the namespace it was made in for life, so the thread can end at once and one runtime serves them all. A
//! worker of the runtime must never enter one: it would take the tasks it runs next along.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Error;
use super::target::Netns;

impl Netns {
    /// Where it can be opened.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Own => "/proc/thread-self/ns/net".into(),
            Self::OfProcess(pid) => format!("/proc/{pid}/ns/net").into(),
            Self::At(path) => path.clone(),
        }
    }

    /// Opens it: what is done later happens in the namespace this is now.
    ///
    /// # Errors
    /// [`Error::Io`] when the process has ended or the name is gone.
    pub(super) fn open(&self) -> Result<File, Error> {
        let path = self.path();
        File::open(&path).map_err(|e| Error::io("opening", path, e))
    }
}

/// Runs `work` inside a namespace and waits for it.
///
/// # Errors
/// [`Error::Io`] when the namespace cannot be entered (`EPERM` without `CAP_SYS_ADMIN`), or what `work` says.
pub(super) fn inside<T: Send>(netns: &File, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let entered = || {
        move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| Error::io("entering", "a network namespace", e.into()))?;
        work()
    };
    let joined = std::thread::scope(|scope| scope.spawn(entered).join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

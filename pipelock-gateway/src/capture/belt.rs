//! Where the seatbelt is fastened: ingress of the host side of a target's interface, by a link (tcx, 6.6) or, on an older kernel, as a
//! filter of a `clsact` queueing discipline (4.5).
//!
//! Both outlive the process. A link is pinned under the interface's number. A filter is held by its interface, so that only its
//! number is kept, as a directory among the pins; a second one says that the discipline came with it and goes with it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use super::{Error, classifier, programs, sys};

/// Beginnings of the names that stand for a filter, and for a discipline that was made for it.
const FILTER: &str = "filter-";
const DISCIPLINE: &str = "clsact-";

/// Puts the program on an interface, or in the place of the one an earlier process put there.
///
/// # Errors
/// [`Error::Io`] or [`Error::Pin`]; then it is not attached.
pub(super) fn attach(program: BorrowedFd<'_>, interface: u32, pins: &Path) -> Result<(), Error> {
    make(pins)?;
    let path = link_pin(interface, pins);
    if path.exists() {
        let link = sys::obj_get(&path).map_err(|e| Error::io("opening", &path, e))?;
        // Of tcx the interface is the low half; it is zero when the interface is gone.
        let at = sys::link_target(link.as_fd()).map_err(|e| Error::io("reading", &path, e))?;
        if at & u64::from(u32::MAX) == u64::from(interface) {
            return sys::link_update(link.as_fd(), program).map_err(|e| Error::io("updating", &path, e));
        }
        programs::detach_one(&path)?;
    }
    match sys::link_create_tcx(program, interface) {
        Ok(link) => sys::obj_pin(link.as_fd(), &path).map_err(|source| Error::Pin { path, source }),
        // The kernel knows no such attachment.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => attach_filter(program, interface, pins),
        Err(error) => Err(failed(error, interface)),
    }
}

fn attach_filter(program: BorrowedFd<'_>, interface: u32, pins: &Path) -> Result<(), Error> {
    if classifier::make_discipline(interface).map_err(|e| failed(e, interface))? {
        make(&pins.join(format!("{DISCIPLINE}{interface}")))?;
    }
    // Before the filter: one that nobody knows of would stay for ever, a name without a filter is harmless.
    make(&pins.join(format!("{FILTER}{interface}")))?;
    classifier::put(program, interface).map_err(|e| failed(e, interface))
}

/// Takes the seatbelt off an interface, if it has one.
///
/// # Errors
/// [`Error::Io`] when it cannot be detached or its pin not be removed.
pub(super) fn detach(interface: u32, pins: &Path) -> Result<(), Error> {
    let path = link_pin(interface, pins);
    if path.exists() {
        programs::detach_one(&path)?;
    }
    let (filter, discipline) =
        (pins.join(format!("{FILTER}{interface}")), pins.join(format!("{DISCIPLINE}{interface}")));
    if filter.exists() {
        classifier::take_off(interface)
            .map_err(|e| Error::io("detaching the seatbelt of interface", interface.to_string(), e))?;
        fs::remove_dir(&filter).map_err(|e| Error::io("removing", &filter, e))?;
    }
    if discipline.exists() {
        classifier::remove_discipline(interface)
            .map_err(|e| Error::io("removing clsact of interface", interface.to_string(), e))?;
        fs::remove_dir(&discipline).map_err(|e| Error::io("removing", &discipline, e))?;
    }
    Ok(())
}

/// The interfaces that wear one of ours, by what is pinned; none when there is no such directory.
///
/// # Errors
/// [`Error::Io`] when the pins cannot be listed.
pub(super) fn worn(pins: &Path) -> Result<BTreeSet<u32>, Error> {
    match fs::read_dir(pins) {
        Ok(entries) => Ok(entries.filter_map(|entry| number(entry.ok()?.file_name().to_str()?)).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(Error::io("listing", pins, error)),
    }
}

fn number(name: &str) -> Option<u32> {
    let name = name.strip_prefix(FILTER).or_else(|| name.strip_prefix(DISCIPLINE)).unwrap_or(name);
    name.parse().ok()
}

fn link_pin(interface: u32, pins: &Path) -> PathBuf {
    pins.join(interface.to_string())
}

fn make(directory: &Path) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(|e| Error::io("making", directory, e))
}

fn failed(error: io::Error, interface: u32) -> Error {
    Error::io("attaching the seatbelt to interface", interface.to_string(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_known_by_any_of_their_pins() {
        let pins = tempfile::tempdir().unwrap();
        for name in ["7", "filter-9", "clsact-9", "clsact-11", "filter-x", "other"] {
            fs::create_dir(pins.path().join(name)).unwrap();
        }
        assert_eq!(worn(pins.path()).unwrap(), BTreeSet::from([7, 9, 11]));
        assert_eq!(worn(&pins.path().join("nowhere")).unwrap(), BTreeSet::new());
    }
}

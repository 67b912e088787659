//! Loads the kernel programs, attaches them to a cgroup, pins the links.
//!
//! The object is compiled into the gateway (`cargo xtask build-ebpf`). Links are made by raw system calls, because aya has
//! no pinnable link for `sock_ops`; one way for all programs is simpler than two.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use aya::programs::{CgroupSock, CgroupSockAddr, ProgramError, ProgramFd, SchedClassifier, SockOps};
use aya::{Ebpf, EbpfLoader};

use super::cgroup::Cgroup;
use super::{Error, foreign, maps, sys};

/// The committed object, aligned as the ELF parser needs it.
#[cfg(not(feature = "ebpf-log"))]
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelock-ebpf/pipelock.bpf.o"));

/// Where the log-calling object is, made by `cargo xtask build-ebpf --debug`.
#[cfg(feature = "ebpf-log")]
const DEBUG_OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bpf-debug/pipelock.bpf.o");

enum Kind {
    SockAddr,
    Sock,
    SockOps,
}

/// Every program: its name in the object, its kind, and its `enum bpf_attach_type` (include/uapi/linux/bpf.h).
///
/// In the order of attachment: what records comes before what steers, so that no connection is steered without its
/// record being published; reverse for detachment.
const PROGRAMS: [(&str, Kind, u32); 12] = [
    ("pl_sockops", Kind::SockOps, 3),
    ("pl_getpeername4", Kind::SockAddr, 29),
    ("pl_getpeername6", Kind::SockAddr, 30),
    ("pl_recvmsg4", Kind::SockAddr, 19),
    ("pl_recvmsg6", Kind::SockAddr, 20),
    ("pl_bind4", Kind::SockAddr, 8),
    ("pl_bind6", Kind::SockAddr, 9),
    ("pl_sock_create", Kind::Sock, 2),
    ("pl_sendmsg4", Kind::SockAddr, 14),
    ("pl_sendmsg6", Kind::SockAddr, 15),
    ("pl_connect6", Kind::SockAddr, 11),
    ("pl_connect4", Kind::SockAddr, 10),
];

/// What is attached to interfaces, not to cgroups.
const SEATBELT: &str = "pl_seatbelt";

/// The programs of cgroups with their attach types.
pub(super) fn hooks() -> impl Iterator<Item = (&'static str, u32)> {
    PROGRAMS.iter().map(|(name, _, attach_type)| (*name, *attach_type))
}

/// Loaded programs, attached to nothing.
#[derive(Debug)]
pub(super) struct Programs {
    of_cgroups: Vec<(&'static str, u32, OwnedFd)>,
    seatbelt: OwnedFd,
}

/// How an object is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening<'a> {
    pub(super) have_set_retval: bool,
    /// For [`super::Attachment::Root`].
    pub(super) at_root: bool,
    /// Where the maps are pinned: those that are there already are used, others are made.
    pub(super) pins: Option<&'a Path>,
}

/// Creates the maps and relocates the programs of the object; see [`Programs::load`] for loading them.
pub(super) fn open_object(opening: Opening<'_>) -> Result<Ebpf, Error> {
    #[cfg(feature = "ebpf-log")]
    let object = &fs::read(DEBUG_OBJECT).map_err(|e| Error::io("reading", DEBUG_OBJECT, e))?;
    #[cfg(not(feature = "ebpf-log"))]
    let object = OBJECT;
    parse_object(object, opening)
}

/// As [`open_object`], for an object that is not the embedded one.
pub(super) fn parse_object(object: &[u8], opening: Opening<'_>) -> Result<Ebpf, Error> {
    let (have_set_retval, at_root) = (u8::from(opening.have_set_retval), u8::from(opening.at_root));
    let mut loader = EbpfLoader::new();
    loader.override_global("HAVE_SET_RETVAL", &have_set_retval, true).override_global("AT_ROOT", &at_root, true);
    if let Some(pins) = opening.pins {
        for name in maps::PINNED {
            loader.map_pin_path(name, pins.join(name));
        }
    }
    loader.load(object).map_err(|source| Error::Object { source: Box::new(source) })
}

impl Programs {
    /// Loads every program into the kernel, through its verifier.
    ///
    /// # Errors
    /// [`Error::Verify`] with the verifier's own words in the source.
    pub(super) fn load(object: &mut Ebpf) -> Result<Self, Error> {
        let mut loaded = Vec::with_capacity(PROGRAMS.len());
        for (name, kind, attach_type) in PROGRAMS {
            let program = object.program_mut(name).ok_or(Error::ProgramMissing { program: name })?;
            let fd = match kind {
                Kind::SockAddr => load_sock_addr(program.try_into()),
                Kind::Sock => load_sock(program.try_into()),
                Kind::SockOps => load_sock_ops(program.try_into()),
            }
            .map_err(|source| Error::Verify { program: name, source: Box::new(source) })?;
            let fd = fd.as_fd().try_clone_to_owned().map_err(|e| Error::io("duplicating", name, e))?;
            loaded.push((name, attach_type, fd));
        }
        let program = object.program_mut(SEATBELT).ok_or(Error::ProgramMissing { program: SEATBELT })?;
        let fd = load_classifier(program.try_into())
            .map_err(|source| Error::Verify { program: SEATBELT, source: Box::new(source) })?;
        let seatbelt = fd.as_fd().try_clone_to_owned().map_err(|e| Error::io("duplicating", SEATBELT, e))?;
        Ok(Self { of_cgroups: loaded, seatbelt })
    }

    /// Attaches every program to a cgroup and pins the links in a directory; all or nothing. Links that an earlier process
    /// pinned there for the same cgroup get our programs instead of theirs, without a moment in which none is attached.
    ///
    /// # Errors
    /// [`Error::Attach`], [`Error::Blocked`] or [`Error::Pin`]; then nothing stays attached.
    pub(super) fn attach(&self, cgroup: &Cgroup, pins: &Path) -> Result<(), Error> {
        let directory = File::open(cgroup.path()).map_err(|e| Error::io("opening", cgroup.path(), e))?;
        fs::create_dir_all(pins).map_err(|e| Error::io("making", pins, e))?;
        let attached = self.of_cgroups.iter().try_for_each(|(name, attach_type, program)| {
            let path = pins.join(name);
            if path.exists() {
                if replace(&path, cgroup, program.as_fd())? {
                    return Ok(());
                }
                detach_one(&path)?;
            }
            // Dropping the link's descriptor without a pin detaches it.
            let link = sys::link_create(program.as_fd(), directory.as_fd(), *attach_type)
                .map_err(|source| foreign::why_not(name, cgroup, *attach_type, source))?;
            sys::obj_pin(link.as_fd(), &path).map_err(|source| Error::Pin { path, source })
        });
        if attached.is_err() {
            // The first error is the one to tell; a pin that cannot be removed shows up in the sweep.
            let _ = detach(pins);
        }
        attached
    }

    /// The program that is put on interfaces, by [`super::belt`].
    pub(super) fn seatbelt(&self) -> BorrowedFd<'_> {
        self.seatbelt.as_fd()
    }
}

/// Puts a program behind a pinned link; whether that is still attached to the cgroup.
fn replace(path: &Path, cgroup: &Cgroup, program: BorrowedFd<'_>) -> Result<bool, Error> {
    let link = sys::obj_get(path).map_err(|e| Error::io("opening", path, e))?;
    let attached = sys::link_target(link.as_fd()).map_err(|e| Error::io("reading", path, e))?;
    if attached != cgroup.id().0 {
        return Ok(false);
    }
    sys::link_update(link.as_fd(), program).map_err(|e| Error::io("updating", path, e))?;
    Ok(true)
}

/// The programs whose links are pinned in a directory and still attached to something.
pub(super) fn attached(pins: &Path) -> Vec<&'static str> {
    let is_attached = |name: &&str| {
        sys::obj_get(&pins.join(name)).and_then(|link| sys::link_target(link.as_fd())).is_ok_and(|at| at != 0)
    };
    PROGRAMS.iter().map(|(name, ..)| *name).filter(is_attached).collect()
}

/// Detaches every link pinned in a directory, connect hooks first, and removes the directory.
///
/// Detaching is explicit, because removing the last pin only schedules it.
///
/// # Errors
/// The first failure; the rest is tried all the same.
pub(super) fn detach(pins: &Path) -> Result<(), Error> {
    let mut failure = None;
    let known = PROGRAMS.iter().rev().map(|(name, ..)| pins.join(name));
    for path in known.filter(|path| path.exists()) {
        if let Err(error) = detach_one(&path) {
            failure.get_or_insert(error);
        }
    }
    match failure {
        Some(error) => Err(error),
        None => match fs::remove_dir(pins) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|e| Error::io("removing", pins, e)),
        },
    }
}

/// Detaches the link pinned there and removes the pin.
///
/// # Errors
/// [`Error::Io`] when it cannot be detached or its pin not be removed.
pub(super) fn detach_one(path: &Path) -> Result<(), Error> {
    let link = sys::obj_get(path).map_err(|e| Error::io("opening", path, e))?;
    // ENOLINK-like failures mean the cgroup is gone and the link a zombie; its pin still has to go.
    let detached = sys::link_detach(link.as_fd());
    fs::remove_file(path).map_err(|e| Error::io("removing", path, e))?;
    match detached {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Err(Error::io("detaching", path, error)),
        _ => Ok(()),
    }
}

fn load_sock_addr(program: Result<&mut CgroupSockAddr, ProgramError>) -> Result<&ProgramFd, ProgramError> {
    let program = program?;
    program.load()?;
    program.fd()
}

fn load_sock(program: Result<&mut CgroupSock, ProgramError>) -> Result<&ProgramFd, ProgramError> {
    let program = program?;
    program.load()?;
    program.fd()
}

fn load_classifier(program: Result<&mut SchedClassifier, ProgramError>) -> Result<&ProgramFd, ProgramError> {
    let program = program?;
    program.load()?;
    program.fd()
}

fn load_sock_ops(program: Result<&mut SockOps, ProgramError>) -> Result<&ProgramFd, ProgramError> {
    let program = program?;
    program.load()?;
    program.fd()
}

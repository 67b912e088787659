//! Loads the kernel programs, attaches them to a cgroup, pins the links.
//!
//! The object is compiled into the gateway (`cargo xtask build-ebpf`). Links are made by raw system calls, because aya has
//! no pinnable link for `sock_ops`; one way for all programs is simpler than two.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use aya::programs::{CgroupSock, CgroupSockAddr, ProgramError, ProgramFd, SockOps};
use aya::{Ebpf, EbpfLoader};

use super::{Error, sys};

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

/// Loaded programs, attached to nothing.
#[derive(Debug)]
pub(super) struct Programs(Vec<(&'static str, u32, OwnedFd)>);

/// Creates the maps and relocates the programs of the object; see [`Programs::load`] for loading them.
pub(super) fn open_object(have_set_retval: bool) -> Result<Ebpf, Error> {
    #[cfg(feature = "ebpf-log")]
    let object = &fs::read(DEBUG_OBJECT).map_err(|e| Error::io("reading", DEBUG_OBJECT, e))?;
    #[cfg(not(feature = "ebpf-log"))]
    let object = OBJECT;
    parse_object(object, have_set_retval)
}

/// As [`open_object`], for an object that is not the embedded one.
pub(super) fn parse_object(object: &[u8], have_set_retval: bool) -> Result<Ebpf, Error> {
    EbpfLoader::new()
        .override_global("HAVE_SET_RETVAL", &u8::from(have_set_retval), true)
        .load(object)
        .map_err(|source| Error::Object { source: Box::new(source) })
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
        Ok(Self(loaded))
    }

    /// Attaches every program to a cgroup and pins the links in a new directory; all or nothing.
    ///
    /// # Errors
    /// [`Error::Attach`] or [`Error::Pin`]; then nothing stays attached.
    pub(super) fn attach(&self, cgroup: BorrowedFd<'_>, cgroup_path: &Path, pins: &Path) -> Result<(), Error> {
        fs::create_dir_all(pins).map_err(|e| Error::io("making", pins, e))?;
        let attached = self.0.iter().try_for_each(|(name, attach_type, program)| {
            // Dropping the link's descriptor without a pin detaches it.
            let link = sys::link_create(program.as_fd(), cgroup, *attach_type).map_err(|source| Error::Attach {
                program: name,
                cgroup: cgroup_path.to_owned(),
                source,
            })?;
            let path = pins.join(name);
            sys::obj_pin(link.as_fd(), &path).map_err(|source| Error::Pin { path, source })
        });
        if attached.is_err() {
            // The first error is the one to tell; a pin that cannot be removed shows up in the sweep.
            let _ = detach(pins);
        }
        attached
    }
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
        None => fs::remove_dir(pins).map_err(|e| Error::io("removing", pins, e)),
    }
}

fn detach_one(path: &PathBuf) -> Result<(), Error> {
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

fn load_sock_ops(program: Result<&mut SockOps, ProgramError>) -> Result<&ProgramFd, ProgramError> {
    let program = program?;
    program.load()?;
    program.fd()
}

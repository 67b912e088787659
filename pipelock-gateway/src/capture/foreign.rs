//! Programs that are not ours, on the way from a cgroup to the root: who keeps us from attaching.
//!
//! Since 4.15 several programs can share a cgroup, if the first one was attached so. One that was not (`bpftool cgroup attach`
//! without `multi`, very old managers) keeps every later one out, there and below. It is named and left alone.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use super::cgroup::{self, Cgroup};
use super::{Error, sys};

/// The error for a link that could not be made: `EPERM` with all capabilities means that a foreign program is in the way.
pub(super) fn why_not(program: &'static str, cgroup: &Cgroup, attach_type: u32, source: io::Error) -> Error {
    let refused = source.raw_os_error() == Some(libc::EPERM);
    match refused.then(|| blocker(cgroup, attach_type)).flatten() {
        Some((at, ids)) => Error::Blocked { program, cgroup: cgroup.path().to_owned(), at, ids },
        None => Error::Attach { program, cgroup: cgroup.path().to_owned(), source },
    }
}

/// The nearest cgroup, upwards, that holds a program and lets no other in.
fn blocker(cgroup: &Cgroup, attach_type: u32) -> Option<(std::path::PathBuf, String)> {
    let root = cgroup::find_root().ok()?;
    for directory in cgroup.path().ancestors().take_while(|path| path.starts_with(&root)) {
        let Ok((ids, shares)) =
            File::open(directory).and_then(|file| sys::attached_programs(file.as_fd(), attach_type))
        else {
            continue;
        };
        if !ids.is_empty() && !shares {
            let ids = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            return Some((directory.to_owned(), ids));
        }
    }
    None
}

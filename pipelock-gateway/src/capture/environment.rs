//! The environments of captured processes, as the kernel keeps them.
//!
//! Soft by nature: the process may have ended, its pid may be another's by now, or `/proc` may show another pid namespace.
//! What is read belongs to a process in the cgroup that the programs recorded, or it is not read. Which values are secrets
//! is decided elsewhere. Next: `pipeline` turns values into something to look for, and forgets them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Error, cgroup};
use crate::model::Workload;

/// Most bytes read of one environment. Linux allows 6 MiB for arguments and environment together (`_STK_LIM` / 4 * 3).
const MAX_ENVIRON_BYTES: u64 = 1 << 20;
/// Processes looked at beside the one that connects.
const MAX_NEIGHBOURS: usize = 64;

/// One life of a process between two `execve()`: a pid alone comes back, and one process may change its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Process {
    /// Its id in this process's pid namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot: field 22 of `/proc/<pid>/stat` (proc(5)).
    pub started: u64,
    /// Where its environment lies in its memory, field 50: another place after each `execve()`.
    pub environment_at: u64,
}

/// The environment of one process. `Debug` shows whose.
#[derive(Clone)]
pub struct Environment {
    /// Whose.
    pub process: Process,
    /// `NAME=value` records, each ended by a zero byte; overwritten when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("process", &self.process).finish_non_exhaustive()
    }
}

/// Reads the environments of the process that connects and of its neighbours in the cgroup, less those that are `known`.
///
/// Neighbours count because a program need not carry a secret in its own environment to send it: `env -i curl` is started
/// by somebody who has one. None is read while the process that connects is known itself.
pub(super) fn read(workload: &Workload, known: &dyn Fn(Process) -> bool) -> Result<Vec<Environment>, Error> {
    let own = process(workload.pid)?;
    if known(own) {
        return Ok(Vec::new());
    }
    let directory = cgroup_of(workload)?;
    // That its own cannot be read is no reason to leave its neighbours unread.
    let mut environments: Vec<_> =
        environ(workload.pid).into_iter().map(|bytes| Environment { process: own, bytes }).collect();
    let path = directory.join("cgroup.procs");
    let list = fs::read_to_string(&path).map_err(|e| Error::io("reading", &path, e))?;
    let neighbours = list.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != workload.pid);
    for pid in neighbours.take(MAX_NEIGHBOURS) {
        // One of them may end at any time; the others are still worth reading.
        let Ok(neighbour) = process(pid) else { continue };
        if !known(neighbour)
            && let Ok(bytes) = environ(pid)
        {
            environments.push(Environment { process: neighbour, bytes });
        }
    }
    Ok(environments)
}

/// The process that connects, then its neighbours: those whose environments [`read`] would read.
pub(super) fn processes(workload: &Workload) -> Result<Vec<Process>, Error> {
    let own = process(workload.pid)?;
    let path = cgroup_of(workload)?.join("cgroup.procs");
    let list = fs::read_to_string(&path).map_err(|e| Error::io("reading", &path, e))?;
    let neighbours = list.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != workload.pid);
    let neighbours = neighbours.take(MAX_NEIGHBOURS).filter_map(|pid| process(pid).ok());
    Ok(std::iter::once(own).chain(neighbours).collect())
}

/// Where the recorded cgroup is, if the process is still in it: otherwise the pid may be somebody else's.
pub(super) fn cgroup_of(workload: &Workload) -> Result<PathBuf, Error> {
    let path = PathBuf::from(format!("/proc/{}/cgroup", workload.pid));
    let text = fs::read_to_string(&path).map_err(|e| Error::io("reading", &path, e))?;
    let below = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let directory = cgroup::find_root()?.join(below);
    let id = fs::metadata(&directory).map_err(|e| Error::io("opening", &directory, e))?.ino();
    if id == workload.cgroup.0 {
        return Ok(directory);
    }
    Err(Error::io("finding the recorded cgroup in", &path, io::ErrorKind::NotFound.into()))
}

fn process(pid: u32) -> Result<Process, Error> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let text = fs::read(&path).map_err(|e| Error::io("reading", &path, e))?;
    parse_stat(pid, &text).ok_or_else(|| Error::io("parsing", &path, io::ErrorKind::InvalidData.into()))
}

/// Fields 22 and 50. The second field is the program's own choice in parentheses, and may hold any of the separators.
fn parse_stat(pid: u32, text: &[u8]) -> Option<Process> {
    let after = text.get(memchr::memrchr(b')', text)? + 1..)?;
    let mut fields = std::str::from_utf8(after).ok()?.split_ascii_whitespace();
    // The first of these is field 3.
    let started = fields.nth(22 - 3)?.parse().ok()?;
    let environment_at = fields.nth(50 - 22 - 1)?.parse().ok()?;
    Some(Process { pid, started, environment_at })
}

fn environ(pid: u32) -> Result<Zeroizing<Vec<u8>>, Error> {
    let path = PathBuf::from(format!("/proc/{pid}/environ"));
    read_environ(&path).map_err(|e| Error::io("reading", &path, e))
}

fn read_environ(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = File::open(path)?.take(MAX_ENVIRON_BYTES);
    // Read through a buffer of fixed size into one reserved at once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let mut piece = Zeroizing::new([0u8; 4096]);
    loop {
        let length = file.read(piece.as_mut_slice())?;
        if length == 0 {
            return Ok(bytes);
        }
        if bytes.len() + length > bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(bytes.capacity() * 2));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_by_its_start_and_its_environment_whatever_it_calls_itself() {
        let fields: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        for name in ["ruby", "a b) c (d", ") R 1 2 3"] {
            let stat = format!("77 ({name}) {}\n", fields.join(" "));
            assert_eq!(parse_stat(77, stat.as_bytes()), Some(Process { pid: 77, started: 22, environment_at: 50 }));
        }
        assert_eq!(parse_stat(77, b"77 (x) R 1 2"), None);
        assert_eq!(parse_stat(77, b""), None);
    }

    #[test]
    fn this_process_and_its_environment_can_be_read() {
        let own = process(std::process::id()).unwrap();
        assert!(own.started > 0);
        // Variables a test sets later are not there: the kernel shows what execve() was given.
        let environ = environ(std::process::id()).unwrap();
        assert!(environ.split(|byte| *byte == 0).any(|record| record.starts_with(b"PATH=")));
        assert!(process(u32::MAX).is_err());
    }
}

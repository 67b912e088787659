//! Where a process' cgroup is in the v2 hierarchy. Reads `/proc`, and enters the cgroup namespace of process 1 to do so when
//! ours is another one: there, paths are told from our own cgroup upwards, and cannot be followed from the root.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Error;

/// `None` for a process in the root of the hierarchy, as where the runtime uses cgroup v1.
pub(super) fn of(proc: &Path, pid: u32) -> Result<Option<PathBuf>, Error> {
    let path = proc.join(pid.to_string()).join("cgroup");
    let text = read(proc, &path).map_err(|source| Error::Cgroup { path: path.clone(), source })?;
    Ok(in_table(&text))
}

/// The v2 line, `0::/path`; none when it is the root, which is everybody's. Source: `cgroups(7)`.
fn in_table(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let usable = !path.is_empty() && !path.split('/').any(|part| part == "..");
    usable.then(|| PathBuf::from(path))
}

fn read(proc: &Path, path: &Path) -> io::Result<String> {
    let (ours, first) = (proc.join("self/ns/cgroup"), proc.join("1/ns/cgroup"));
    // Where either cannot be looked at, there is nothing to enter.
    let same = match (fs::metadata(&ours), fs::metadata(&first)) {
        (Ok(ours), Ok(first)) => ours.ino() == first.ino(),
        _ => true,
    };
    if same {
        return fs::read_to_string(path);
    }
    let namespace = fs::File::open(first)?;
    let path = path.to_owned();
    // A thread of its own, which ends with it: the namespace must not stick to a worker.
    let reader = std::thread::spawn(move || {
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::ControlGroup))?;
        fs::read_to_string(path)
    });
    reader.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread has ended")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cgroup_below_the_root_is_one() {
        let hybrid = "12:cpu:/docker/abc\n0::/docker/abc\n";
        assert_eq!(in_table(hybrid), Some(PathBuf::from("docker/abc")));
        let systemd = "0::/system.slice/docker-abc.scope\n";
        assert_eq!(in_table(systemd), Some(PathBuf::from("system.slice/docker-abc.scope")));
        for text in ["0::/\n", "12:cpu:/docker/abc\n", "", "0::/../../kubepods/pod1\n"] {
            assert_eq!(in_table(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_process_that_has_gone_is_an_error() {
        assert!(matches!(of(Path::new("/proc"), u32::MAX), Err(Error::Cgroup { .. })));
    }
}

//! Where things are: the workspace root, the target directory, and whether this process is root.
//!
//! Reads the environment and the file system; changes neither.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    // This crate is a direct child of the root; the path is baked in, as xtask never runs anywhere but where it was built.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ has a parent directory")
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR`, else `target/` at the root.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root().join(dir),
        _ => root().join("target"),
    }
}

/// Where `cargo install` puts tools: `CARGO_HOME`, else `~/.cargo`; `None` without a home.
fn cargo_home() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    std::env::var_os("CARGO_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from).or_else(home)
}

/// Whether the effective user is root.
///
/// # Errors
/// When `/proc` is not mounted.
pub(crate) fn is_root() -> Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    Ok(effective_uid(&status).context("no Uid line in /proc/self/status")? == 0)
}

/// The second field of the `Uid:` line: real, effective, saved, file system. Source: `proc_pid_status(5)`.
fn effective_uid(status: &str) -> Option<u32> {
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    uids.split_whitespace().nth(1)?.parse().ok()
}

/// The first executable file called `name` on `PATH` or where `cargo install` puts tools.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(cargo_home().map(|home| home.join("bin")))
        .map(|dir| dir.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_the_directory_of_the_workspace_manifest() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn effective_uid_is_not_the_real_one() {
        assert_eq!(effective_uid("Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\n"), Some(0));
        assert_eq!(effective_uid("Uid:\t0\t1000\t0\t0\n"), Some(1000));
        assert_eq!(effective_uid("Gid:\t0\t0\t0\t0\n"), None);
        assert_eq!(effective_uid("Uid:\t0\n"), None);
    }

    #[test]
    fn programs_are_found_on_the_path_only_when_executable() {
        assert!(find_program("sh").is_some());
        assert!(find_program("no-such-program-on-any-machine").is_none());
    }
}

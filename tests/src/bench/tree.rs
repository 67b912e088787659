//! What a process and those it started have used: processor time and memory, from `/proc`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc/<pid>/stat`: `USER_HZ`, fixed by the ABI on `x86_64` and `aarch64`, whatever `CONFIG_HZ`.
const USER_HZ: f64 = 100.0;

/// User and system time of a process and its threads, in seconds.
///
/// # Errors
/// When there is no such process.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let fields = stat(pid)?;
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("stat fields");
    Ok((ticks(11)? + ticks(12)?) / USER_HZ)
}

/// `root` and what descends from it, without `except` and what descends from that: a gateway without its command.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn family(root: u32, except: Option<u32>) -> Result<Vec<u32>> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").context("reading /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that has ended meanwhile has used what it used; the next look does without it.
        let Ok(fields) = stat(pid) else { continue };
        if let Some(parent) = fields.get(1).and_then(|parent| parent.parse::<u32>().ok()) {
            parents.insert(pid, parent);
        }
    }
    let belongs = |pid: &u32| {
        let mut at = *pid;
        loop {
            if Some(at) == except {
                return false;
            }
            if at == root {
                return true;
            }
            match parents.get(&at) {
                Some(&parent) => at = parent,
                None => return false,
            }
        }
    };
    Ok(parents.keys().copied().filter(belongs).collect())
}

/// Memory that is a process's own share, in KiB: pages shared by several processes count in parts.
///
/// Source: proc(5), `Pss` of `/proc/<pid>/smaps_rollup`.
///
/// # Errors
/// When there is no such process.
pub fn memory_kib(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).context("Pss is no number")
}

/// Fields of `/proc/<pid>/stat` from the third (state) on: the name in field 2 may hold spaces, so count after its `)`.
fn stat(pid: u32) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("/proc/{pid}/stat"))?;
    Ok(text.rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_use_is_readable_and_that_of_nobody_is_an_error() {
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
        assert!(memory_kib(std::process::id()).unwrap() > 100.0);
        assert!(cpu_seconds(u32::MAX).is_err());
    }

    #[test]
    fn a_child_belongs_to_the_family_unless_it_is_excepted() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (own, other) = (std::process::id(), child.id());
        let with = family(own, None).unwrap();
        let without = family(own, Some(other)).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(with.contains(&own) && with.contains(&other), "{with:?}");
        assert!(without.contains(&own) && !without.contains(&other), "{without:?}");
    }
}

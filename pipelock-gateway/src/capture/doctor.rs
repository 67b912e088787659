//! What stands between this machine and a full capture: every need of [`super::probe`], and everything that makes a capture less
//! than it could be, each with the evidence and the remedy.
//!
//! Looks and tries, changes nothing. `pipelock doctor` and the installer's check print the same list.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::process::{Resource, getrlimit};
use serde::Serialize;

use super::probe::{self, State, ThisKernel};
use super::{cgroup, classifier, local, old_sockets, programs, sys};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Capture works, with less than it could have.
    Warn,
    /// Capture does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name; stable, for scripts.
    pub name: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
    /// What to do about it; empty when there is nothing to do.
    pub remedy: String,
}

impl Check {
    fn ok(name: &'static str, evidence: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Ok, evidence: evidence.into(), remedy: String::new() }
    }

    fn not(name: &'static str, outcome: Outcome, evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, outcome, evidence: evidence.into(), remedy: remedy.into() }
    }

    /// A trial whose failure is a warning.
    fn tried(name: &'static str, what: &str, result: io::Result<()>, remedy: &str) -> Self {
        match result {
            Ok(()) => Self::ok(name, format!("{what} works")),
            Err(error) => Self::not(name, Outcome::Warn, format!("{what}: {error}"), remedy),
        }
    }
}

/// Looks at everything.
#[must_use]
pub fn examine() -> Vec<Check> {
    let report = probe::probe(&ThisKernel);
    let mut checks: Vec<Check> = report.states().map(|(need, state)| of_need(need, state)).collect();
    checks.push(kernel());
    checks.push(match local::verify_embedded(&report) {
        Ok(()) => Check::ok("programs", "the verifier accepts every program"),
        Err(error) => Check::not("programs", Outcome::Fail, crate::model::error_chain(&error), "see the lines above"),
    });
    checks.push(cgroup_namespace());
    checks.extend(foreign_programs());
    checks.push(Check::tried(
        "old_connections",
        "SOCK_DESTROY over sock_diag",
        old_sockets::can_end(),
        "use a kernel with CONFIG_INET_DIAG, CONFIG_INET_UDP_DIAG and CONFIG_INET_DIAG_DESTROY; until then connections from before the capture go on",
    ));
    checks.push(seatbelt());
    checks.push(number(
        "somaxconn",
        "/proc/sys/net/core/somaxconn",
        4096,
        "sysctl net.core.somaxconn=4096; with less, bursts of connections wait for a second attempt",
    ));
    checks.push(number("jit", "/proc/sys/net/core/bpf_jit_enable", 1, "sysctl net.core.bpf_jit_enable=1"));
    checks.push(descriptors());
    checks.extend(lockdown());
    checks
}

fn of_need(need: probe::Need, state: &State) -> Check {
    match state {
        State::Present { evidence } => Check::ok(need.as_str(), evidence),
        State::Missing { evidence, remedy } => {
            let outcome = if need.is_optional() { Outcome::Warn } else { Outcome::Fail };
            Check::not(need.as_str(), outcome, evidence, remedy)
        }
    }
}

fn kernel() -> Check {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let remedy = "use Linux 5.15 or newer, better 6.6";
    match version(&release) {
        Some(version) if version >= (5, 15) => Check::ok("kernel", release),
        Some(_) => Check::not("kernel", Outcome::Fail, release, remedy),
        None => Check::not("kernel", Outcome::Warn, format!("{release} is no version"), remedy),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// In a cgroup namespace of its own, what looks like the root is a container's cgroup: programs attached below it reach nobody
/// else, and the paths of targets mean nothing. The true root has the inode 1 (`kernfs_create_root` in fs/kernfs/dir.c).
fn cgroup_namespace() -> Check {
    const NAME: &str = "cgroup_namespace";
    let remedy = "run with the host's cgroup namespace and hierarchy (cgroup: host)";
    match cgroup::find_root().map(|root| fs::metadata(&root).map(|metadata| (root, metadata.ino()))) {
        Ok(Ok((root, 1))) => Check::ok(NAME, format!("{} is the root of the hierarchy", root.display())),
        Ok(Ok((root, inode))) => {
            Check::not(NAME, Outcome::Fail, format!("{} is cgroup {inode}, not the root", root.display()), remedy)
        }
        Ok(Err(error)) => Check::not(NAME, Outcome::Fail, error.to_string(), remedy),
        Err(error) => Check::not(NAME, Outcome::Fail, error.to_string(), remedy),
    }
}

/// Programs of others at the root of the hierarchy, for each hook of ours.
fn foreign_programs() -> Vec<Check> {
    const NAME: &str = "foreign_programs";
    // A hierarchy that is not there is told by other checks.
    let Ok(Ok(directory)) = cgroup::find_root().map(File::open) else { return Vec::new() };
    let mut found = Vec::new();
    for (hook, attach_type) in programs::hooks() {
        match sys::attached_programs(directory.as_fd(), attach_type) {
            Ok((ids, shares)) if !ids.is_empty() => {
                let ids = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                found.push(if shares {
                    Check::ok(NAME, format!("program {ids} at the root, beside which {hook} can be attached"))
                } else {
                    let remedy = "detach it, or attach it with the flag `multi`";
                    let evidence = format!("program {ids} at the root lets no other in ({hook})");
                    Check::not(NAME, Outcome::Fail, evidence, remedy)
                });
            }
            Ok(_) => {}
            Err(error) => {
                let evidence = format!("asking for programs at the root: {error}");
                return vec![Check::not(NAME, Outcome::Warn, evidence, "run as root")];
            }
        }
    }
    if found.is_empty() {
        found.push(Check::ok(NAME, "none at the root of the hierarchy"));
    }
    found
}

/// By a link, or else as a filter.
fn seatbelt() -> Check {
    const NAME: &str = "seatbelt";
    if sys::has_tcx().is_ok() {
        return Check::ok(NAME, "attaching to interfaces (tcx) works");
    }
    Check::tried(
        NAME,
        "attaching to interfaces (a filter of clsact)",
        classifier::can_attach(),
        "load the kernel's modules sch_ingress and cls_bpf, or use Linux 6.6 or newer; until then packets made by hand (AF_PACKET) are not seen: drop CAP_NET_RAW",
    )
}

fn number(name: &'static str, path: &str, least: u64, remedy: &str) -> Check {
    match fs::read_to_string(path).map(|text| text.trim().parse::<u64>()) {
        Ok(Ok(value)) if value >= least => Check::ok(name, format!("{path} is {value}")),
        Ok(Ok(value)) => Check::not(name, Outcome::Warn, format!("{path} is {value}"), remedy),
        Ok(Err(error)) => Check::not(name, Outcome::Warn, format!("{path}: {error}"), remedy),
        Err(error) => Check::not(name, Outcome::Warn, format!("{path}: {error}"), remedy),
    }
}

/// Two for each connection, and some for each target.
fn descriptors() -> Check {
    const LEAST: u64 = 40_000;
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < LEAST => {
            let remedy = "raise it (LimitNOFILE=, ulimit -Hn)";
            Check::not("descriptors", Outcome::Warn, format!("at most {limit} open files"), remedy)
        }
        limit => {
            Check::ok("descriptors", limit.map_or_else(|| "no limit".to_owned(), |n| format!("at most {n} open files")))
        }
    }
}

/// Only where the kernel tells.
fn lockdown() -> Option<Check> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    Some(if text.contains("[confidentiality]") {
        let remedy = "boot with lockdown=integrity: confidentiality may keep programs from reading what they need";
        Check::not("lockdown", Outcome::Warn, text.trim(), remedy)
    } else {
        Check::ok("lockdown", text.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_any_release() {
        for (release, expected) in [
            ("6.18.44-fc", Some((6, 18))),
            ("5.15.0-1057-aws", Some((5, 15))),
            ("6.1-rc2", Some((6, 1))),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(version(release), expected, "{release}");
        }
    }

    #[test]
    fn everything_is_looked_at_and_what_is_wrong_has_a_remedy() {
        let checks = examine();
        for name in ["bpf", "kernel", "programs", "cgroup_namespace", "old_connections", "seatbelt", "somaxconn", "jit"]
        {
            assert!(checks.iter().any(|check| check.name == name), "{name}");
        }
        assert!(checks.iter().all(|check| check.outcome == Outcome::Ok || !check.remedy.is_empty()), "{checks:?}");
    }
}

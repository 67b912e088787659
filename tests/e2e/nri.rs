//! Pods held back by a real containerd until they are captured: its Node Resource Interface, which Debian 12's is too old for.
//!
//! `PIPELOCK_NRI_CONTAINERD` names the directory of a containerd 1.7 or later with its shim; without it there is no such case, and
//! that is said. `cargo xtask nri` gets one and runs this.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;

use crate::daemon::{Counting, SERVER};
use crate::pods::{Machine, direct};

/// Pods that come and go one after the other; `PIPELOCK_PODS` for more of them.
const CHURN: usize = 20;

pub(crate) fn cases() -> Vec<Case> {
    let Some(containerd) = std::env::var_os("PIPELOCK_NRI_CONTAINERD").map(PathBuf::from) else {
        eprintln!("nri: PIPELOCK_NRI_CONTAINERD names no containerd; `cargo xtask nri` runs these cases");
        return Vec::new();
    };
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock, Need::Containerd];
    let name = "nri::no_pod_that_the_runtime_holds_back_gets_past_the_gateway_though_none_of_them_waits";
    vec![Case::new(name, needs, |_| held_back(containerd)).alone()]
}

fn held_back(containerd: PathBuf) -> Result<()> {
    let mut machine = Machine::new(Some(containerd))?;
    let mut server = Counting::start(machine.command("python3"), SERVER)?;
    machine.start_gateway()?;
    machine.wait_for_plugin()?;
    let machine = &machine;
    // Of the same release, and not to be captured: the control that a pod could go out directly.
    let redis = machine.pod("redis-0", "redis")?;
    redis.ask()?;
    ensure!(machine.out("redis-0").contains("200"), "{:?}", machine.out("redis-0"));
    ensure!(direct(&mut server)? == 1, "the control did not come by itself");

    let many = std::env::var("PIPELOCK_PODS").ok().and_then(|text| text.parse().ok()).unwrap_or(CHURN);
    let mut made = Vec::new();
    for number in 0..many {
        let name = format!("job-{number}");
        let begun = Instant::now();
        let pod = machine.pod(&name, "web")?;
        made.push(begun.elapsed());
        pod.ask()?;
        ensure!(machine.out(&name).contains("200"), "{name}: {:?}", machine.out(&name));
        pod.end()?;
    }
    let past = direct(&mut server)? - 1;
    made.sort_unstable();
    let at = |part: usize| made.get(made.len() * part / 100).copied().unwrap_or(Duration::ZERO);
    eprintln!(
        "{many} pods held back: {past} past the gateway; a sandbox took {:?}, {:?} at the 95th percentile",
        at(50),
        at(95)
    );
    ensure!(past == 0, "{past} of {many} pods reached the server past the gateway");
    redis.end()
}

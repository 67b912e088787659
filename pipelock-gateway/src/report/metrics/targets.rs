//! What the kernel programs did for each target, as metrics, read when somebody asks and not before.
//!
//! The label is the target's name, which comes from configuration or discovery. A target that has gone is shown no more.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts};

use crate::capture::TargetCounters;

/// One target at the time of a scrape.
#[derive(Clone, Debug)]
pub struct TargetSample {
    /// Its name.
    pub name: String,
    /// `protected`, `partial` or `unprotected`.
    pub protection: &'static str,
    /// What the programs counted.
    pub counters: TargetCounters,
    /// Connections from before the capture that were ended.
    pub ended: u64,
}

/// Where targets are read.
pub type TargetSource = Box<dyn Fn() -> Vec<TargetSample> + Send + Sync>;

/// Asks its source on each collection.
pub(super) struct TargetCollector {
    source: TargetSource,
    // Also serialises collections, because what is shown is built anew by each.
    families: Mutex<Families>,
    descs: Vec<Desc>,
}

struct Families {
    counters: [IntCounterVec; 8],
    protection: IntGaugeVec,
}

impl TargetCollector {
    /// Names and helps are constants of this file, so building them fails only if one of them is malformed.
    pub(super) fn new(source: TargetSource) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &["target"]);
        let counters = [
            counter("pipelock_target_redirected_total", "TCP connections of a target steered to a listener.")?,
            counter("pipelock_target_bypassed_total", "Operations of a target let through by CIDR rules.")?,
            counter("pipelock_target_denied_total", "Operations of a target refused in the kernel.")?,
            counter(
                "pipelock_target_failed_open_total",
                "Operations of a target let through because no gateway gave a sign of life.",
            )?,
            counter(
                "pipelock_target_observed_total",
                "Operations of a target let through because it is only observed.",
            )?,
            counter("pipelock_target_dns_total", "DNS queries of a target steered to the gateway's resolver.")?,
            counter(
                "pipelock_target_dropped_total",
                "Packets that left a target beside the gateway and were dropped.",
            )?,
            counter("pipelock_target_ended_total", "Connections from before the capture that were ended.")?,
        ];
        let help = Opts::new("pipelock_target_protection", "1 for the state a target is in.");
        let protection = IntGaugeVec::new(help, &["target", "state"])?;
        let descs = counters.iter().flat_map(Collector::desc).chain(protection.desc()).cloned().collect();
        Ok(Self { source, families: Mutex::new(Families { counters, protection }), descs })
    }
}

impl Collector for TargetCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let samples = (self.source)();
        let families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        families.counters.iter().for_each(IntCounterVec::reset);
        families.protection.reset();
        for TargetSample { name, protection, counters: now, ended } in &samples {
            let values =
                [now.redirected, now.bypassed, now.denied, now.failed_open, now.observed, now.dns, now.dropped, *ended];
            for (counter, value) in families.counters.iter().zip(values) {
                counter.with_label_values(&[name.as_str()]).inc_by(value);
            }
            families.protection.with_label_values(&[name.as_str(), protection]).set(1);
        }
        families.counters.iter().flat_map(Collector::collect).chain(families.protection.collect()).collect()
    }
}

impl fmt::Debug for TargetCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetCollector").finish_non_exhaustive()
    }
}

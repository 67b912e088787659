//! The kernel programs' counters as metrics, read when somebody asks and not before.
//!
//! It does not keep values of its own: the maps are the truth, and they start at zero whenever programs are loaded anew,
//! which Prometheus reads as a counter reset.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, Opts};

use crate::capture::Counters;

/// Where the counters are read; `None` when they cannot be, and then no sample is shown rather than a wrong one.
pub type KernelSource = Box<dyn Fn() -> Option<Counters> + Send + Sync>;

/// Asks its source on each collection.
pub(super) struct KernelCollector {
    source: KernelSource,
    // Also serialises collections, because setting a counter is two steps.
    counters: Mutex<[IntCounter; 7]>,
    descs: Vec<Desc>,
}

impl KernelCollector {
    /// Names and helps are constants of this file, so building them fails only if one of them is malformed.
    pub(super) fn new(source: KernelSource) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| IntCounter::with_opts(Opts::new(name, help));
        let counters = [
            counter("pipelock_kernel_redirected_total", "TCP connections the kernel programs steered to a listener.")?,
            counter(
                "pipelock_kernel_bypassed_total",
                "Connections and datagrams let through by loopback or CIDR rules.",
            )?,
            counter(
                "pipelock_kernel_denied_total",
                "Operations refused in the kernel: QUIC, raw sockets, reserved ports.",
            )?,
            counter(
                "pipelock_kernel_lost_total",
                "Flow records the kernel could not store; such a connection is reset.",
            )?,
            counter(
                "pipelock_kernel_failed_open_total",
                "Operations let through because no gateway gave a sign of life and the target may fail open.",
            )?,
            counter("pipelock_kernel_observed_total", "Operations let through because the target is only observed.")?,
            counter("pipelock_kernel_dns_total", "DNS queries steered to the gateway's resolver.")?,
        ];
        let descs = counters.iter().flat_map(|c| c.desc().into_iter().cloned()).collect();
        Ok(Self { source, counters: Mutex::new(counters), descs })
    }
}

impl Collector for KernelCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(now) = (self.source)() else { return Vec::new() };
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let values = [now.redirected, now.bypassed, now.denied, now.lost, now.failed_open, now.observed, now.dns];
        counters
            .iter()
            .zip(values)
            .flat_map(|(counter, value)| {
                counter.reset();
                counter.inc_by(value);
                counter.collect()
            })
            .collect()
    }
}

impl fmt::Debug for KernelCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelCollector").finish_non_exhaustive()
    }
}

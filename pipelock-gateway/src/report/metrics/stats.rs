//! The counters as one answer for people and scripts, in the shape of the reference's `/stats`.
//!
//! Blocked hosts stand in it, which are no metric label because there is no end to them: the most frequent are kept, and their
//! counts are upper bounds once more hosts were blocked than are kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus::IntCounterVec;
use prometheus::core::Collector;
use serde::Serialize;

use super::{DEFAULT_AGENT, Metrics};

/// Blocked hosts counted; names are the workloads' choice.
const KEPT: usize = 512;
/// Entries of a list in the answer, as the reference has them.
const SHOWN: usize = 10;

/// What has happened since the start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Requests that were judged.
    pub requests: Requests,
    /// `CONNECT` requests.
    pub tunnels: u64,
    /// WebSocket connections that ended.
    pub websockets: u64,
    /// Hosts requests to which were blocked, the most frequent first.
    pub top_blocked_domains: Vec<Counted>,
    /// What found something, the most frequent first.
    pub top_scanners: Vec<Counted>,
    /// Sessions, where they are watched.
    pub sessions: Sessions,
    /// Secrets that left in pieces.
    pub cross_request_detection: CrossRequests,
    /// Findings that `suppress` left out, by rule.
    pub suppressed: Vec<Counted>,
}

/// Requests by what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Requests {
    /// All.
    pub total: u64,
    /// Forwarded.
    pub allowed: u64,
    /// Refused.
    pub blocked: u64,
    /// Refused of all, from 0 to 1.
    pub block_rate: f64,
}

/// A name and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sessions {
    /// Remembered now.
    pub active: i64,
    /// Requests that were unusual for their session.
    pub anomalies: u64,
    /// Times that a session reached a higher level.
    pub escalations: u64,
    /// Kinds of what was unusual, the most frequent first.
    pub top_anomalies: Vec<Counted>,
}

/// Secrets that left in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CrossRequests {
    /// Those that were put together.
    pub dlp_matches: u64,
}

/// The most frequent of an endless set of names: when it is full, the rarest gives its place and its count to a new one
/// (Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and top-k elements in data streams", 2005).
#[derive(Debug, Default)]
pub(super) struct Frequent(Mutex<HashMap<String, u64>>);

impl Frequent {
    pub(super) fn count(&self, name: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(name) {
            *count += 1;
            return;
        }
        let mut inherited = 0;
        if counts.len() >= KEPT {
            let rarest = counts.iter().min_by_key(|(_, count)| **count).map(|(name, count)| (name.clone(), *count));
            if let Some((name, count)) = rarest {
                counts.remove(&name);
                inherited = count;
            }
        }
        counts.insert(name.to_owned(), inherited + 1);
    }

    fn top(&self) -> Vec<Counted> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        top(counts.iter().map(|(name, count)| Counted { name: name.clone(), count: *count }).collect())
    }
}

/// The most frequent ones; equal ones by name, so that the answer does not flicker.
fn top(mut counted: Vec<Counted>) -> Vec<Counted> {
    counted.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    counted.truncate(SHOWN);
    counted
}

impl Metrics {
    /// What has happened since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let f = &*self.0;
        let requests = |result: &str| f.requests.with_label_values(&[result, DEFAULT_AGENT]).get();
        let (allowed, blocked) = (requests("allowed"), requests("blocked"));
        let total = allowed + blocked;
        #[expect(clippy::cast_precision_loss, reason = "a share; nobody counts to 2^52 requests")]
        let block_rate = if total == 0 { 0.0 } else { blocked as f64 / total as f64 };
        let scanners = by_label(&f.scanner_hits, "scanner");
        Stats {
            requests: Requests { total, allowed, blocked, block_rate },
            tunnels: by_label(&f.tunnels, "result").iter().map(|counted| counted.count).sum(),
            websockets: by_label(&f.ws_connections, "result").iter().map(|counted| counted.count).sum(),
            top_blocked_domains: f.blocked_hosts.top(),
            top_scanners: top(scanners),
            sessions: Sessions {
                active: f.sessions_active.get(),
                anomalies: by_label(&f.session_anomalies, "type").iter().map(|counted| counted.count).sum(),
                escalations: by_label(&f.session_escalations, "from").iter().map(|counted| counted.count).sum(),
                top_anomalies: top(by_label(&f.session_anomalies, "type")),
            },
            cross_request_detection: CrossRequests { dlp_matches: f.pieces_matched.get() },
            suppressed: top(by_label(&f.suppressed, "rule")),
        }
    }
}

/// The counters of a family, each under the value of one of its labels.
fn by_label(family: &IntCounterVec, label: &str) -> Vec<Counted> {
    let families = family.collect();
    let metrics = families.iter().flat_map(prometheus::proto::MetricFamily::get_metric);
    let counted = metrics.filter_map(|metric| {
        let name = metric.get_label().iter().find(|pair| pair.name() == label)?.value().to_owned();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a counter of whole numbers from 0"
        )]
        Some(Counted { name, count: metric.get_counter().get_value() as u64 })
    });
    counted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_names_survive_a_flood_of_others() {
        let frequent = Frequent::default();
        for i in 0..5000 {
            frequent.count("often.test");
            frequent.count(&format!("n{i}.test"));
        }
        let top = frequent.top();
        assert_eq!(top.len(), SHOWN);
        assert_eq!(top.first(), Some(&Counted { name: "often.test".to_owned(), count: 5000 }));
        assert!(frequent.0.lock().unwrap().len() <= KEPT);
    }
}

//! The flight recorder: a signed receipt of every decision, each chained to the one before.
//!
//! It holds no content: a receipt names rules, hosts and workloads. Receipts are queued, so a slow disk loses and counts them
//! and never delays traffic; whether a loss refuses what comes next is `require_receipts`, asked by the pipeline through
//! [`super::Report::receipts_in_order`]. How a line is signed is in `chain`, how files are written in `store`, where they are kept in
//! `shelf`, and how somebody else checks them in [`verify`].

mod chain;
mod shelf;
mod store;
#[cfg(test)]
mod tests;
pub mod verify;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use super::metrics::{Metrics, RecordLoss};
use super::text::clean;
use super::writer::{Consume, Writer};
use crate::model::{ConnectionRecord, EventRecord, RequestRecord, Verdict, Workload};

pub use chain::{SigningKey, generate_key};
pub use shelf::{Begun, Directory, Shelf, set_shelf};

use store::Store;

/// Receipts that may wait: 64 MiB at a kilobyte each would be more than a disk that is stuck deserves.
const QUEUE_RECEIPTS: usize = 8192;
/// Longest host in a receipt: a DNS name and a port.
const MAX_TARGET_BYTES: usize = 300;
/// Rules named in one receipt.
const MAX_RULES: usize = 16;

/// Where receipts go, and how many are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlightOptions {
    /// The directory; made when missing, with mode 0700.
    pub directory: PathBuf,
    /// The Ed25519 key, PKCS#8 in PEM.
    pub signing_key: PathBuf,
    /// Receipts of one file.
    pub max_entries_per_file: u64,
    /// Files older than so many days are removed; 0 keeps them for ever.
    pub retention_days: u64,
    /// The oldest files are removed when all together are larger; 0 is no bound.
    pub max_total_bytes: u64,
    /// Whether nothing may pass while receipts cannot be written.
    pub required: bool,
    /// What the chain says of the gateway: its version.
    pub version: &'static str,
    /// Digest of the configuration in force at the start.
    pub policy: String,
}

/// The recorder, open.
pub(super) struct Flight {
    writer: Writer<Receipt>,
    state: Arc<State>,
    required: bool,
}

/// What the writing thread tells.
#[derive(Debug)]
pub(super) struct State {
    /// Cleared by a receipt that was lost, set by the next one that is on disk.
    in_order: AtomicBool,
    /// Receipts on disk so far, of this run.
    acknowledged: AtomicU64,
    policy: RwLock<Arc<str>>,
}

impl Flight {
    /// Opens the directory, repairs what a crash left half-written, and starts the writing thread.
    ///
    /// # Errors
    /// When the key or the directory cannot be used, or another gateway uses it.
    pub(super) fn open(options: FlightOptions, metrics: &Metrics) -> Result<Self, super::Error> {
        let state = Arc::new(State {
            in_order: AtomicBool::new(true),
            acknowledged: AtomicU64::new(0),
            policy: RwLock::new(options.policy.as_str().into()),
        });
        let required = options.required;
        let store = Store::open(options).map_err(super::Error::Flight)?;
        let recorder = Recorder { store, state: Arc::clone(&state), metrics: metrics.clone() };
        let counted = metrics.clone();
        let count = Arc::new(move |cause: RecordLoss, lost| counted.receipts_lost(cause, lost));
        let writer = Writer::with("pipelock-flight", QUEUE_RECEIPTS, recorder, count)?;
        Ok(Self { writer, state, required })
    }

    /// A request's receipt.
    pub(super) fn request(&self, record: &RequestRecord) {
        let (layer, pattern) = layer_and_patterns(&record.verdict);
        self.push(Receipt {
            action_type: "request",
            verdict: record.verdict.action.as_str(),
            layer,
            pattern,
            transport: record.front_door.as_str(),
            // The host alone: a path can hold names of people, and a receipt is kept for long.
            target: clean(&format!("{}://{}", record.scheme, record.host), MAX_TARGET_BYTES).into_owned(),
            request_id: Some(record.id.to_string()),
            connection: record.id.conn.to_string(),
            workload: record.workload.as_ref().map(Actor::from),
            ..self.empty()
        });
    }

    /// A connection's receipt: what was relayed unopened or refused is evidence, too.
    pub(super) fn connection(&self, record: &ConnectionRecord) {
        let (decision, reason) = record.decision_words();
        let target = match (&record.name, record.original_dst) {
            (Some(name), _) => name.to_string(),
            (None, Some(dst)) => dst.socket_addr().to_string(),
            (None, None) => String::new(),
        };
        self.push(Receipt {
            action_type: "connection",
            verdict: decision,
            layer: Some(reason),
            transport: record.front_door.as_str(),
            target: clean(&target, MAX_TARGET_BYTES).into_owned(),
            connection: record.id.to_string(),
            workload: record.workload.as_ref().map(Actor::from),
            ..self.empty()
        });
    }

    /// What an operator or a session did.
    pub(super) fn event(&self, record: &EventRecord) {
        self.push(Receipt { action_type: record.event, verdict: record.level, ..self.empty() });
    }

    /// Which configuration is in force from now on.
    pub(super) fn policy(&self, digest: &str) {
        *self.state.policy.write().unwrap_or_else(PoisonError::into_inner) = digest.into();
    }

    /// Whether traffic may go on: always, unless receipts are required and one was lost.
    pub(super) fn in_order(&self) -> bool {
        !self.required || self.state.in_order.load(Ordering::Acquire)
    }

    /// Receipts of this run that are on disk.
    pub(super) fn acknowledged(&self) -> u64 {
        self.state.acknowledged.load(Ordering::Acquire)
    }

    /// See [`Writer::close`].
    pub(super) fn close(&self, deadline: Instant) -> Result<(), u64> {
        self.writer.close(deadline)
    }

    fn push(&self, receipt: Receipt) {
        if !self.writer.push(receipt) {
            self.state.in_order.store(false, Ordering::Release);
        }
    }

    fn empty(&self) -> Receipt {
        Receipt {
            time: Timestamp::now().to_string(),
            action_id: chain::action_id(Timestamp::now().as_millisecond()),
            action_type: "",
            verdict: "",
            layer: None,
            pattern: Vec::new(),
            transport: "",
            target: String::new(),
            request_id: None,
            connection: String::new(),
            workload: None,
            policy_hash: Arc::clone(&self.state.policy.read().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

/// What one receipt says, before it is chained and signed.
#[derive(Debug, Serialize)]
pub(super) struct Receipt {
    time: String,
    action_id: String,
    action_type: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pattern: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    transport: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<Actor>,
    #[serde(serialize_with = "shown")]
    policy_hash: Arc<str>,
}

fn shown<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Who acted, as the kernel knows them.
#[derive(Debug, Serialize)]
struct Actor {
    pid: u32,
    cgroup: u64,
    netns: u64,
}

impl From<&Workload> for Actor {
    fn from(workload: &Workload) -> Self {
        Self { pid: workload.pid, cgroup: workload.cgroup.0, netns: workload.netns.0 }
    }
}

fn layer_and_patterns(verdict: &Verdict) -> (Option<&'static str>, Vec<String>) {
    let reason = verdict.reason.map(crate::model::BlockReason::as_str);
    let layer = reason.or_else(|| verdict.findings.first().map(|finding| finding.family.as_str()));
    let mut pattern: Vec<String> = verdict.findings.iter().map(|finding| finding.rule.to_string()).collect();
    pattern.sort_unstable();
    pattern.dedup();
    pattern.truncate(MAX_RULES);
    (layer, pattern)
}

/// The thread's side.
struct Recorder {
    store: Store,
    state: Arc<State>,
    metrics: Metrics,
}

impl Consume<Receipt> for Recorder {
    fn consume(&mut self, batch: &mut Vec<Receipt>) -> u64 {
        let receipts = batch.len() as u64;
        match self.store.append(batch) {
            Ok(()) => {
                self.metrics.receipts(receipts);
                self.state.acknowledged.fetch_add(receipts, Ordering::AcqRel);
                self.state.in_order.store(true, Ordering::Release);
                0
            }
            Err(error) => {
                self.state.in_order.store(false, Ordering::Release);
                if let Some(unsaid) = self.store.complain() {
                    let error = crate::model::error_chain(&error);
                    tracing::error!(%error, lost = receipts, unsaid, "receipts could not be written and are lost");
                }
                receipts
            }
        }
    }
}

/// Why receipts cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlightError {
    /// The key cannot be read.
    #[error("reading the signing key {path}")]
    ReadKey {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The key is no Ed25519 key.
    #[error("{path} holds no Ed25519 private key in PEM (PKCS#8); make one with `pipelock keygen`")]
    NotAKey {
        /// As configured.
        path: PathBuf,
    },
    /// Others may read the key.
    #[error("{path} is a private key that others may use (mode {mode:04o}, at most 0640)")]
    OpenKey {
        /// As configured.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another process records there.
    #[error("{path} is in use by another gateway")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The last receipt cannot be continued.
    #[error("{path} ends in a line that is no receipt; look at it with `pipelock verify-receipt`, then move it away")]
    NotAReceipt {
        /// The file.
        path: PathBuf,
    },
    /// A file or the directory.
    #[error("{doing} {path}")]
    File {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

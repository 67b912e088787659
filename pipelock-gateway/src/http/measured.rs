//! What is counted of one exchange, at whichever door it came in: the figures, the verdict so far, and the record they make.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::model::{FrontDoor, HttpVersion, RequestId, RequestRecord, Verdict};

/// Findings kept of an exchange that has any number of messages.
const MAX_FINDINGS: usize = 64;

/// The figures of one exchange; shared by whoever carries a part of it.
pub(crate) struct Measured {
    pub(crate) id: RequestId,
    started: Instant,
    status: AtomicU16,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    scan_nanos: AtomicU64,
    verdict: Mutex<Verdict>,
}

impl Measured {
    /// Begins to count.
    pub(crate) fn new(id: RequestId) -> Self {
        Self {
            id,
            started: Instant::now(),
            status: AtomicU16::new(0),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            scan_nanos: AtomicU64::new(0),
            verdict: Mutex::new(Verdict::allow()),
        }
    }

    /// Runs a call of the judge and counts its time.
    pub(crate) fn timed<T>(&self, judge: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let outcome = judge();
        self.scan_nanos.fetch_add(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
        outcome
    }

    /// Joins a verdict on a part and says what the whole has come to.
    pub(crate) fn judged(&self, verdict: Verdict) -> Verdict {
        let mut whole = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        whole.join(verdict);
        whole.clone()
    }

    /// Joins a verdict on one of any number of parts; whether that part is blocked. Only so many findings are kept.
    pub(crate) fn judged_part(&self, mut verdict: Verdict) -> bool {
        let blocks = verdict.is_block();
        let mut whole = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        if !blocks {
            verdict.findings.truncate(MAX_FINDINGS.saturating_sub(whole.findings.len()));
        }
        whole.join(verdict);
        blocks
    }

    /// What the whole has come to so far.
    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The status the client was told.
    pub(crate) fn answered(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Relaxed);
    }

    /// More body came from who asks.
    pub(crate) fn request_body(&self, bytes: usize) {
        self.request_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// More body went to who asks.
    pub(crate) fn response_body(&self, bytes: usize) {
        self.response_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// The verdict on the whole, taken out for the record.
    pub(crate) fn take_verdict(&mut self) -> Verdict {
        std::mem::take(self.verdict.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// The record of the exchange, as far as it is counted: who, where and what are for the door to fill in.
    pub(crate) fn record(&self, front_door: FrontDoor, verdict: Verdict) -> RequestRecord {
        RequestRecord {
            id: self.id,
            front_door,
            workload: None,
            client: None,
            original_dst: None,
            host: String::new(),
            scheme: "",
            version: HttpVersion::Http1,
            method: String::new(),
            path: String::new(),
            status: Some(self.status.load(Relaxed)).filter(|status| *status != 0),
            request_bytes: self.request_bytes.load(Relaxed),
            response_bytes: self.response_bytes.load(Relaxed),
            duration: self.started.elapsed(),
            scan_duration: Duration::from_nanos(self.scan_nanos.load(Relaxed)),
            websocket: None,
            mcp: None,
            verdict,
        }
    }
}

//! What is known of one exchange, and its single record when the last part of it is gone.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::request::Parts;

use super::jsonrpc::{Content, Message};
use super::{Judge, Key};
use crate::model::{FrontDoor, HttpVersion, McpRecord, Principal, RequestId, RequestRecord, Surface, Verdict};

/// One exchange being logged; shared by whoever carries a part of it.
pub(super) struct Log {
    judge: Arc<dyn Judge>,
    pub(super) id: RequestId,
    host: String,
    scheme: &'static str,
    method: String,
    path: String,
    started: Instant,
    status: AtomicU16,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    scan_nanos: AtomicU64,
    verdict: Mutex<Verdict>,
    mcp: Mutex<McpRecord>,
}

impl Log {
    pub(super) fn open(
        judge: &Arc<dyn Judge>,
        id: RequestId,
        upstream: (&str, &'static str),
        head: &Parts,
    ) -> Arc<Self> {
        Arc::new(Self {
            judge: Arc::clone(judge),
            id,
            host: upstream.0.to_owned(),
            scheme: upstream.1,
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            started: Instant::now(),
            status: AtomicU16::new(0),
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            scan_nanos: AtomicU64::new(0),
            verdict: Mutex::new(Verdict::allow()),
            mcp: Mutex::default(),
        })
    }

    /// Counts time spent judging.
    pub(super) fn timed<T>(&self, judge: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let outcome = judge();
        self.scan_nanos.fetch_add(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
        outcome
    }

    /// Joins the verdict on a part.
    pub(super) fn judged(&self, verdict: Verdict) {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).join(verdict);
    }

    /// Who sent it.
    pub(super) fn sent_by(&self, principal: Principal) {
        self.mcp.lock().unwrap_or_else(PoisonError::into_inner).principal = Some(principal);
    }

    /// What it holds: the first message's method, and the tool it calls.
    pub(super) fn messages(&self, revision: &'static str, content: &Content, session: Option<Key>) {
        let first = content.messages().first();
        let mut record = self.mcp.lock().unwrap_or_else(PoisonError::into_inner);
        record.revision = Some(revision);
        record.messages = u32::try_from(content.messages().len()).unwrap_or(u32::MAX);
        record.method = first.and_then(Message::method).map(str::to_owned);
        record.tool = first.and_then(Message::tool).map(str::to_owned);
        record.session = session.map(|session| u64::try_from(session.0 >> 64).unwrap_or_default());
    }

    pub(super) fn answered(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Relaxed);
    }

    pub(super) fn request_body(&self, bytes: usize) {
        self.request_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn response_body(&self, bytes: usize) {
        self.response_bytes.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let verdict = std::mem::take(self.verdict.get_mut().unwrap_or_else(PoisonError::into_inner));
        // What was found in the target may stand in its path.
        let leaks = verdict.findings.iter().any(|finding| finding.surface == Surface::Url);
        let path = if leaks { "/<redacted>".to_owned() } else { std::mem::take(&mut self.path) };
        self.judge.done(RequestRecord {
            id: self.id,
            front_door: FrontDoor::Mcp,
            workload: None,
            original_dst: None,
            host: std::mem::take(&mut self.host),
            scheme: self.scheme,
            version: HttpVersion::Http1,
            method: std::mem::take(&mut self.method),
            path,
            status: Some(self.status.load(Relaxed)).filter(|status| *status != 0),
            request_bytes: self.request_bytes.load(Relaxed),
            response_bytes: self.response_bytes.load(Relaxed),
            duration: self.started.elapsed(),
            scan_duration: Duration::from_nanos(self.scan_nanos.load(Relaxed)),
            websocket: None,
            mcp: Some(std::mem::take(self.mcp.get_mut().unwrap_or_else(PoisonError::into_inner))),
            verdict,
        });
    }
}

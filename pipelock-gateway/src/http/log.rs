//! What is known of one exchange, and its single record at the end.
//!
//! Shared by whoever still carries a part of the exchange (request body, response body, relay). The record is sent when
//! the last of them is dropped, so there is exactly one, also when the client vanishes halfway.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::request::Parts;
use tokio::sync::Notify;
use tokio::time::interval;

use super::inspect::{Exchange, Inspect};
use super::measured::Measured;
use crate::model::{Action, BlockReason, PeerName, RequestId, RequestRecord, Surface, Verdict, WebSocketRecord};

/// Counters of one connection, kept by its exchanges.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: AtomicU32,
    pub(super) blocked: AtomicU32,
    /// HTTP/1 only: no exchange is open, so what is read next belongs to a new head.
    pub(super) awaiting_head: AtomicBool,
    /// HTTP/1 only: part of a head has been read.
    pub(super) in_head: AtomicBool,
    /// Exchanges that have not ended.
    pub(super) open: AtomicU32,
    /// Counts whatever is read or written on either leg.
    pub(super) moved: AtomicU32,
    pub(super) resets: Mutex<Resets>,
    /// Rung when too many requests were reset.
    pub(super) calm: Notify,
}

/// Requests that were reset before they were answered, within a minute.
#[derive(Debug, Default)]
pub(super) struct Resets {
    since: Option<Instant>,
    count: u32,
}

/// What the bound on resets is counted over.
const RESETS_WITHIN: Duration = Duration::from_mins(1);

impl Tally {
    /// A request was reset before it was answered; `most` of them may be within a minute.
    pub(super) fn cancelled(&self, most: u32) {
        let mut resets = self.resets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if resets.since.is_none_or(|since| now.duration_since(since) > RESETS_WITHIN) {
            *resets = Resets { since: Some(now), count: 0 };
        }
        resets.count = resets.count.saturating_add(1);
        if resets.count > most {
            self.calm.notify_one();
        }
    }

    /// Completes when nothing has been read or written for `period`, at the latest when it has not for two.
    pub(super) async fn stalled(&self, period: Duration) {
        let mut ticks = interval(period);
        ticks.tick().await;
        let mut seen = self.moved.load(Relaxed);
        loop {
            ticks.tick().await;
            let now = self.moved.load(Relaxed);
            if std::mem::replace(&mut seen, now) == now {
                return;
            }
        }
    }
}

/// One exchange being logged.
pub(super) struct ExchangeLog {
    inspect: Arc<dyn Inspect>,
    exchange: Arc<Exchange>,
    tally: Arc<Tally>,
    measured: Measured,
    method: String,
    path: String,
    host: Mutex<String>,
    websocket: Mutex<Option<WebSocketRecord>>,
    /// Whether a judge that looks has looked at the request line.
    target_judged: AtomicBool,
}

impl ExchangeLog {
    /// Opens the log of a request whose head has been read.
    pub(super) fn open(
        inspect: &Arc<dyn Inspect>,
        exchange: &Arc<Exchange>,
        tally: &Arc<Tally>,
        id: RequestId,
        head: &Parts,
    ) -> Arc<Self> {
        let (method, path) = (head.method.as_str().to_owned(), head.uri.path().to_owned());
        Arc::new(Self::new(inspect, exchange, tally, id, method, path))
    }

    /// What was asked for, without the query.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Records a request that broke before its head could be read; it has neither method nor path.
    pub(super) fn unreadable(
        inspect: &Arc<dyn Inspect>,
        exchange: &Arc<Exchange>,
        tally: &Arc<Tally>,
        id: RequestId,
        status: StatusCode,
    ) {
        let log = Self::new(inspect, exchange, tally, id, String::new(), String::new());
        log.judged(Verdict::block(BlockReason::Framing));
        log.answered(status);
    }

    fn new(
        inspect: &Arc<dyn Inspect>,
        exchange: &Arc<Exchange>,
        tally: &Arc<Tally>,
        id: RequestId,
        method: String,
        path: String,
    ) -> Self {
        tally.requests.fetch_add(1, Relaxed);
        tally.open.fetch_add(1, Relaxed);
        let host = match (&exchange.name, exchange.original_dst) {
            (Some(PeerName::Dns(name)), _) => name.to_string(),
            (Some(PeerName::Ip(ip)), _) => ip.to_string(),
            (None, Some(dst)) => dst.ip().to_string(),
            (None, None) => String::new(),
        };
        Self {
            inspect: Arc::clone(inspect),
            exchange: Arc::clone(exchange),
            tally: Arc::clone(tally),
            measured: Measured::new(id),
            method,
            path,
            host: Mutex::new(host),
            websocket: Mutex::new(None),
            target_judged: AtomicBool::new(false),
        }
    }

    /// The host the request itself named.
    pub(super) fn named(&self, host: String) {
        *self.host.lock().unwrap_or_else(PoisonError::into_inner) = host;
    }

    /// The request line was shown to the judge, and this is what it said.
    pub(super) fn judged_head(&self, verdict: Verdict) -> Verdict {
        // A block for another reason than what was found means that the judge had no need to look.
        let looked = verdict.action < Action::Block || !verdict.findings.is_empty();
        self.target_judged.store(looked, Relaxed);
        self.judged(verdict)
    }

    /// Changes what is counted of a WebSocket connection.
    pub(super) fn websocket(&self, change: impl FnOnce(&mut WebSocketRecord)) {
        change(self.websocket.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default());
    }
}

impl Deref for ExchangeLog {
    type Target = Measured;

    fn deref(&self) -> &Measured {
        &self.measured
    }
}

impl Drop for ExchangeLog {
    fn drop(&mut self) {
        let verdict = self.measured.take_verdict();
        if verdict.action == Action::Block {
            self.tally.blocked.fetch_add(1, Relaxed);
        }
        self.tally.awaiting_head.store(true, Relaxed);
        self.tally.open.fetch_sub(1, Relaxed);
        // A record holds no secret: what was found in the request line may be in it, and what nobody has judged may hold
        // anything.
        let found = verdict.conceals_target || verdict.findings.iter().any(|finding| finding.surface == Surface::Url);
        let shown = self.target_judged.load(Relaxed) && !found;
        let word = |text: &mut String, hidden: &str| if shown { std::mem::take(text) } else { hidden.to_owned() };
        let (path, method) = (word(&mut self.path, "/<redacted>"), word(&mut self.method, "<redacted>"));
        self.inspect.exchange_done(RequestRecord {
            workload: self.exchange.workload.clone(),
            client: self.exchange.client,
            original_dst: self.exchange.original_dst,
            host: std::mem::take(self.host.get_mut().unwrap_or_else(PoisonError::into_inner)),
            scheme: self.exchange.scheme,
            version: self.exchange.version,
            method,
            path,
            websocket: self.websocket.get_mut().unwrap_or_else(PoisonError::into_inner).take(),
            ..self.measured.record(self.exchange.front_door, verdict)
        });
    }
}

//! The snapshot in force, and what becomes of connections that were admitted under an earlier one.
//!
//! A connection pins the snapshot it was opened under for everything that must not change under it: keys, roots, the name it
//! was opened for. Two things follow the latest one all the same, because an operator who forbids something means now:
//! a connection that is relayed unopened is cut when the rules in force would not relay it any more, and each request on an
//! opened one is judged by the rules in force when its head comes. Shutdown is another signal: it never cuts what may go on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use http::request::Parts;
use tokio_util::sync::CancellationToken;

use super::judge::Judge;
use super::snapshot::Snapshot;
use super::workloads::Sender;
use crate::http::{BodyInspect, Exchange, Inspect, WebSocketMeter};
use crate::model::{
    BlockReason, Decision, DenyReason, FrontDoor, InterceptReason, Limit, NoProxyList, OriginalDst, PeerName, Protocol,
    RequestId, RequestRecord, Target, Verdict,
};
use crate::policy::{AddressDecision, Binding, Fallback, NameInput, Rules};
use crate::report::Report;

/// The snapshot in force and the connections that depend on it.
pub(super) struct Live {
    current: ArcSwap<Snapshot>,
    epoch: AtomicU64,
    relays: Mutex<HashMap<u64, Relay>>,
    last_relay: AtomicU64,
}

struct Relay {
    question: Question,
    /// It is opened: it may go on as long as it is not refused.
    opened: bool,
    cut: CancellationToken,
}

impl Relay {
    fn goes_on(&self, snapshot: &Arc<Snapshot>, own_listeners: &[SocketAddr]) -> bool {
        let snapshot = snapshot.of(self.question.target.as_deref());
        match self.question.ask(&snapshot.rules, own_listeners) {
            Decision::Passthrough(_) => true,
            Decision::Intercept(_) => self.opened,
            Decision::Deny(_) => false,
        }
    }
}

/// A place among the relayed connections; given back when dropped.
pub(super) struct Watched<'a> {
    live: &'a Live,
    id: u64,
    cut: CancellationToken,
}

impl Live {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self {
            current: ArcSwap::from_pointee(snapshot),
            epoch: AtomicU64::new(1),
            relays: Mutex::default(),
            last_relay: AtomicU64::new(0),
        }
    }

    /// The snapshot for a connection to pin.
    pub(super) fn pin(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// How many snapshots there were, from 1.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Puts a snapshot in force and tells connections that it forbids. Returns its number, and how many of these are relayed:
    /// they are cut for certain, an opened one only when something is under way on it.
    pub(super) fn replace(&self, snapshot: Snapshot, own_listeners: &[SocketAddr]) -> (u64, usize) {
        // Under the lock, so that a connection which registers meanwhile is asked about by somebody: by us, or by itself
        // against what we have stored.
        let relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Arc::new(snapshot);
        self.current.store(Arc::clone(&snapshot));
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        let forbidden = relays.values().filter(|relay| !relay.goes_on(&snapshot, own_listeners));
        (epoch, forbidden.inspect(|relay| relay.cut.cancel()).filter(|relay| !relay.opened).count())
    }

    /// Registers a connection that is about to be relayed unopened.
    pub(super) fn watch(&self, question: Question, own_listeners: &[SocketAddr]) -> Watched<'_> {
        self.register(question, false, own_listeners)
    }

    /// Registers a connection that is opened: what is under way on it ends when the rules come to refuse it.
    pub(super) fn watch_opened(&self, question: Question, own_listeners: &[SocketAddr]) -> Watched<'_> {
        self.register(question, true, own_listeners)
    }

    fn register(&self, question: Question, opened: bool, own_listeners: &[SocketAddr]) -> Watched<'_> {
        let (id, cut) = (self.last_relay.fetch_add(1, Ordering::Relaxed), CancellationToken::new());
        let mut relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        // It was decided under a snapshot that may have gone since.
        let relay = Relay { question, opened, cut: cut.clone() };
        if !relay.goes_on(&self.current.load(), own_listeners) {
            cut.cancel();
        }
        relays.insert(id, relay);
        Watched { live: self, id, cut }
    }
}

impl Watched<'_> {
    /// Cancelled when the connection must end.
    pub(super) fn token(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Whether the connection must end.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Completes when the connection must end.
    pub(super) async fn cut(&self) {
        self.cut.cancelled().await;
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.live.relays.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// What policy was asked about a connection, kept so that it can be asked again.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) front_door: FrontDoor,
    pub(super) dst: OriginalDst,
    /// Whose rules hold.
    pub(super) target: Option<Arc<Target>>,
    /// What a CONNECT asked for.
    pub(super) connect_host: Option<PeerName>,
    /// Absent where the address alone decided and nobody listened.
    pub(super) heard: Option<Named>,
    /// Why it is relayed although policy would have it opened.
    pub(super) fallback: Option<Fallback>,
}

/// What was heard, as far as policy asks for it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) protocol: Protocol,
    pub(super) name: Option<PeerName>,
    pub(super) binding: Binding,
    pub(super) ech: bool,
    /// What the workload's own environment asks for.
    pub(super) own_no_proxy: Option<Arc<NoProxyList>>,
}

impl Question {
    /// What these rules answer.
    pub(super) fn ask(&self, rules: &Rules, own_listeners: &[SocketAddr]) -> Decision {
        let by_address = match self.front_door {
            FrontDoor::Captured | FrontDoor::Mcp => rules.address(self.dst, own_listeners),
            FrontDoor::Explicit => {
                let host = self.connect_host.clone().unwrap_or(PeerName::Ip(self.dst.ip()));
                rules.connect_address(&host, self.dst, own_listeners)
            }
        };
        match (by_address, &self.heard) {
            (AddressDecision::Deny(reason), _) => Decision::Deny(reason),
            (AddressDecision::Passthrough(reason), _) => Decision::Passthrough(reason),
            (AddressDecision::Continue, None) => Decision::Intercept(InterceptReason::Default),
            (AddressDecision::Continue, Some(heard)) => {
                let input = self.input(heard);
                let relayed = self.fallback.and_then(|wish| rules.fallback(&input, wish));
                relayed.map_or_else(|| rules.name(&input), Decision::Passthrough)
            }
        }
    }

    /// What is known, as policy is asked about it.
    pub(super) fn input<'a>(&'a self, heard: &'a Named) -> NameInput<'a> {
        NameInput {
            protocol: heard.protocol,
            name: heard.name.as_ref(),
            dst: self.dst,
            binding: heard.binding,
            ech: heard.ech,
            connect_host: self.connect_host.as_ref(),
            own_no_proxy: heard.own_no_proxy.as_deref(),
        }
    }
}

/// Judges each request of one connection by the rules that are in force when its head comes.
pub(super) struct LiveJudge {
    live: Arc<Live>,
    question: Question,
    own_listeners: Arc<[SocketAddr]>,
    sender: Sender,
    report: Report,
    /// Writes the records, whichever snapshot judged.
    first: Judge,
    latest: ArcSwap<Judging>,
}

/// A snapshot and its answer about this connection.
struct Judging {
    /// What was in force for all when it was made; `None` when that is not known.
    base: Option<Arc<Snapshot>>,
    /// `None` under the snapshot that the connection was admitted by: [`LiveJudge::first`] judges.
    judge: Option<Judge>,
    refused: Option<BlockReason>,
}

impl LiveJudge {
    pub(super) fn new(
        live: Arc<Live>,
        snapshot: &Arc<Snapshot>,
        (question, own_listeners): (Question, Arc<[SocketAddr]>),
        sender: Sender,
        report: Report,
    ) -> Self {
        let first = Judge::new(Arc::clone(snapshot), sender.clone(), report.clone());
        // A reload may have come between: then the first request asks again.
        let base = Some(live.pin()).filter(|base| Arc::ptr_eq(&base.of(question.target.as_deref()), snapshot));
        let judging = Judging { base, judge: None, refused: None };
        Self { live, question, own_listeners, sender, report, first, latest: ArcSwap::from_pointee(judging) }
    }

    /// Requests that have ended so far.
    pub(super) fn judged(&self) -> u32 {
        self.first.judged()
    }

    /// Takes note of a snapshot that has come into force since the last request.
    fn follow(&self) {
        let current = self.live.current.load();
        if self.latest.load().base.as_ref().is_some_and(|base| Arc::ptr_eq(&current, base)) {
            return;
        }
        let snapshot = current.of(self.question.target.as_deref());
        let refused = match self.question.ask(&snapshot.rules, &self.own_listeners) {
            Decision::Deny(DenyReason::NotInAllowlist) => Some(BlockReason::NotInAllowlist),
            Decision::Deny(DenyReason::NameNotBound) => Some(BlockReason::NameNotBound),
            Decision::Deny(_) => Some(BlockReason::DestinationDenied),
            Decision::Intercept(_) | Decision::Passthrough(_) => None,
        };
        let judge = Some(Judge::new(Arc::clone(&snapshot), self.sender.clone(), self.report.clone()));
        self.latest.store(Arc::new(Judging { base: Some(Arc::clone(&current)), judge, refused }));
    }

    fn with<R>(&self, ask: impl FnOnce(&Judge) -> R) -> R {
        let latest = self.latest.load();
        ask(latest.judge.as_ref().unwrap_or(&self.first))
    }
}

impl Inspect for LiveJudge {
    fn request_head(&self, exchange: &Exchange, id: RequestId, head: &Parts) -> Verdict {
        self.follow();
        if !self.report.receipts_in_order() {
            return Verdict::block(BlockReason::ReceiptsUnavailable);
        }
        match self.latest.load().refused {
            Some(reason) => Verdict::block(reason),
            None => self.with(|judge| judge.request_head(exchange, id, head)),
        }
    }

    fn request_body(&self, exchange: &Exchange, id: RequestId, head: &Parts) -> Box<dyn BodyInspect> {
        self.with(|judge| judge.request_body(exchange, id, head))
    }

    fn response_body(
        &self,
        exchange: &Exchange,
        id: RequestId,
        path: &str,
        head: &http::response::Parts,
    ) -> Option<Box<dyn BodyInspect>> {
        self.with(|judge| judge.response_body(exchange, id, path, head))
    }

    fn rewritten(&self, exchange: &Exchange, id: RequestId, head: &Parts, body: &[u8]) -> (Verdict, Option<Vec<u8>>) {
        self.with(|judge| judge.rewritten(exchange, id, head, body))
    }

    fn rewritten_answer(
        &self,
        exchange: &Exchange,
        id: RequestId,
        path: &str,
        head: &http::response::Parts,
        body: &[u8],
    ) -> (Verdict, Option<Vec<u8>>) {
        self.with(|judge| judge.rewritten_answer(exchange, id, path, head, body))
    }

    fn uninspectable(&self, exchange: &Exchange, id: RequestId, reason: BlockReason) -> Verdict {
        self.with(|judge| judge.uninspectable(exchange, id, reason))
    }

    fn uninspectable_answer(&self, exchange: &Exchange, id: RequestId, reason: BlockReason) -> Verdict {
        self.with(|judge| judge.uninspectable_answer(exchange, id, reason))
    }

    fn websocket_opened(&self) -> Box<dyn WebSocketMeter> {
        self.first.websocket_opened()
    }

    fn limit_reached(&self, limit: Limit) {
        self.report.metrics().limit_reached(limit);
    }

    fn exchange_done(&self, record: RequestRecord) {
        self.first.exchange_done(record);
    }
}

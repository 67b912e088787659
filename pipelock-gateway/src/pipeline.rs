//! The one place that joins the stages; reads top to bottom like the picture in [`crate`].
//!
//! ```text
//! accept ─► address policy ─► dial ─► first bytes ─► name policy ─┬─► relay
//!                                                                 ├─► TLS upstream, TLS downstream ─► http ─► judge
//!                                                                 ├─► http (cleartext) ─► judge
//!                                                                 └─► reset
//! ```
//! Invariants kept here: every connection ends in exactly one record, whatever happens to its task; a snapshot is pinned
//! for the life of a connection; what cannot be judged is refused.

mod compiled;
mod door;
mod draft;
mod first_bytes;
mod heard;
mod intercept;
mod judge;
mod live;
mod mcp;
mod questions;
mod scan_api;
mod snapshot;
mod trust;
mod workloads;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capture::Datapath;
use crate::connection::{self, Accepted, ConnIds, Connection, Counted, Dialer, Gate, Questions, Refused, relay, reset};
use crate::control::{Control, KillSource};
use crate::forward::{Handed, Hatch};
use crate::http::BodyBudget;
use crate::model::{
    BoundBy, ConnectionEnd, Decision, DenyReason, EventRecord, FrontDoor, InterceptReason, Limit, NoProxyList,
    OriginalDst, PassthroughReason, PeerName, Protocol, ServerName, Side, Workload,
};
use crate::names::{Names, SystemFiles};
use crate::policy::{AddressDecision, Binding, NameInput};
use crate::report::Report;
use crate::report::metrics::UpstreamError;
use crate::tls::Prefixed;

pub(crate) use compiled::kept_rules;
pub use compiled::{
    compiled_rules_directory, compiled_rules_file, keep_compiled_rules, keeps_compiled_rules, read_compiled,
    read_compiled_rules,
};
pub use door::Entrance;
use draft::Draft;
use first_bytes::{FirstBytes, Patience, first_bytes};
use heard::{Greeting, Heard};
use intercept::Opening;
use live::{Live, Named, Question};
pub use mcp::{McpError, McpJudge, McpPolicy};
use questions::{DNS_PORT, Resolution};
pub use scan_api::judge_url;
pub use snapshot::{Error, Opener, Snapshot, SnapshotOptions, user_rule};
use workloads::Workloads;

/// The workload's side: always a socket, whichever door it came through.
type Downstream = Counted<TcpStream>;

/// Most bytes that the task of a connection keeps for as long as it lives. Measured at 4.2 KiB; it had been 13.
const TASK_BYTES: usize = 6 << 10;

/// Everything connections share.
pub struct Gateway {
    dialer: Dialer,
    live: Arc<Live>,
    names: Arc<Names>,
    report: Report,
    ids: Arc<ConnIds>,
    /// Random per process, the first part of every request id.
    instance: u32,
    /// Addresses this process listens on; a destination among them is a loop.
    own_listeners: Mutex<Arc<[SocketAddr]>>,
    /// Counts captured connections, where there are any.
    gate: OnceLock<Arc<Gate>>,
    /// The explicit proxy port, for captured clients that mean to go there.
    door: OnceLock<(SocketAddr, Hatch)>,
    tasks: TaskTracker,
    drain: CancellationToken,
    budget: BodyBudget,
    /// TLS handshakes under way.
    handshakes: AtomicUsize,
    workloads: Arc<Workloads>,
    resolution: Resolution,
    control: Arc<Control>,
}

impl Gateway {
    /// A gateway that serves nothing yet; give it to acceptors and doors.
    #[must_use]
    pub fn new(datapath: Arc<dyn Datapath>, snapshot: Snapshot, report: Report, instance: u32) -> Arc<Self> {
        let killed = snapshot.kill_switch.enabled;
        let budget = BodyBudget::new(snapshot.bounds.held_bytes);
        report.metrics().snapshot_replaced(1);
        if let Some(opener) = &snapshot.tls {
            report.metrics().ca_in_force(opener.ca.not_after(), true);
        }
        let gateway = Arc::new(Self {
            names: Arc::new(names(&datapath, &snapshot)),
            workloads: Arc::new(Workloads::new(Arc::clone(&datapath)).counted(report.metrics().clone())),
            resolution: Resolution::new(Arc::clone(&datapath)),
            dialer: Dialer::new(datapath),
            live: Arc::new(Live::new(snapshot)),
            report,
            ids: Arc::default(),
            instance,
            own_listeners: Mutex::new(Arc::new([])),
            gate: OnceLock::new(),
            door: OnceLock::new(),
            tasks: TaskTracker::new(),
            drain: CancellationToken::new(),
            budget,
            handshakes: AtomicUsize::new(0),
            control: Arc::default(),
        });
        gateway.flip(KillSource::Config, killed, "kill_switch.enabled");
        gateway
    }

    /// Connection numbers, shared by all front doors.
    pub fn ids(&self) -> Arc<ConnIds> {
        Arc::clone(&self.ids)
    }

    /// Addresses of names, and what binds the one to the other. What captures DNS records here what workloads were told.
    #[must_use]
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Tells the gateway an address it listens on, so that nobody is sent round in circles.
    pub fn add_own_listener(&self, address: SocketAddr) {
        let mut own = self.own_listeners.lock().unwrap_or_else(PoisonError::into_inner);
        *own = own.iter().copied().chain([address]).collect();
    }

    /// Tells the gateway what counts captured connections, so that its limits follow the configuration. A second call has no
    /// effect.
    pub fn set_gate(&self, gate: Arc<Gate>) {
        let _ = self.gate.set(gate);
    }

    /// Tells the gateway where its explicit proxy is: captured connections that mean to go there are handed over, so that what
    /// is asked inside is judged, once, and with the workload known. A second call has no effect.
    pub fn set_door(&self, address: SocketAddr, hatch: Hatch) {
        let _ = self.door.set((address, hatch));
    }

    /// The hatch of the explicit proxy, when this is one of its addresses.
    fn door_at(&self, dst: OriginalDst) -> Option<&Hatch> {
        let (address, hatch) = self.door.get().filter(|(address, _)| address.port() == dst.port())?;
        let here = address.ip().to_canonical() == dst.ip()
            // Only an address of this machine can be bound to; whether it is one changes with its interfaces.
            || (address.ip().is_unspecified() && std::net::UdpSocket::bind((dst.ip(), 0)).is_ok());
        here.then_some(hatch)
    }

    /// The Scan API with the rules of this gateway, for a listener of its own.
    #[must_use]
    pub fn scan_api(self: &Arc<Self>, settings: crate::config::ScanApi) -> Arc<crate::scan_api::ScanApi> {
        let judge = Arc::new(scan_api::ApiJudge(Arc::clone(self)));
        crate::scan_api::ScanApi::new(settings, judge, self.metrics().clone())
    }

    /// What is counted.
    pub fn metrics(&self) -> &crate::report::Metrics {
        self.report.metrics()
    }

    /// Detection rules in force.
    pub fn rule_count(&self) -> usize {
        self.live.pin().engine.rule_count()
    }

    /// Whether TLS is opened.
    pub fn opens_tls(&self) -> bool {
        self.live.pin().tls.is_some()
    }

    /// The snapshot in force; what is built from a changed file may take over parts of it.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.live.pin()
    }

    /// How many snapshots there were, from 1.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.live.epoch()
    }

    /// What holds across connections and configurations.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Writes down what is no connection and no request.
    pub fn write_down(&self, level: &'static str, event: &'static str, fields: Vec<(&'static str, String)>) {
        self.report.event(EventRecord { level, event, fields });
    }

    /// Turns one source of the kill switch on or off, and records by whom if that changes anything.
    pub fn flip(&self, source: KillSource, on: bool, by: &str) {
        if self.control.kill.set(source, on) {
            self.flipped(source, by);
        }
    }

    /// Turns one source of the kill switch over, and records by whom.
    pub fn toggle(&self, source: KillSource, by: &str) {
        self.control.kill.toggle(source);
        self.flipped(source, by);
    }

    fn flipped(&self, source: KillSource, by: &str) {
        let (on, active) = (self.control.kill.is_on(source), self.control.kill.is_active());
        self.metrics().kill_switch(source.as_str(), on);
        let fields = vec![
            ("source", source.as_str().to_owned()),
            ("on", on.to_string()),
            ("active", active.to_string()),
            ("by", by.to_owned()),
        ];
        self.report.event(EventRecord { level: "critical", event: "kill_switch", fields });
    }

    /// Puts a snapshot in force for every connection and request that begins from now on, and cuts connections that are
    /// relayed unopened and would not be any more. Returns how many were cut.
    pub fn replace(&self, snapshot: Snapshot) -> usize {
        if let Some(opener) = &snapshot.tls {
            let before = self.live.pin();
            let new = !before.tls.as_ref().is_some_and(|before| before.ca.is_same(&opener.ca));
            self.metrics().ca_in_force(opener.ca.not_after(), new);
        }
        self.flip(KillSource::Config, snapshot.kill_switch.enabled, "kill_switch.enabled");
        self.names.configure(&snapshot.names);
        if let Some(gate) = self.gate.get() {
            gate.set(snapshot.bounds.connections, snapshot.bounds.connections_per_workload);
        }
        let (epoch, cut) = self.live.replace(snapshot, &self.own_listeners());
        self.metrics().snapshot_replaced(epoch);
        cut
    }

    /// Tells the evidence which configuration is in force.
    pub fn policy_in_force(&self, digest: &str) {
        self.report.policy_in_force(digest);
    }

    fn own_listeners(&self) -> Arc<[SocketAddr]> {
        Arc::clone(&self.own_listeners.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks open connections to finish, waits for them until `deadline`, then drops what is left.
    pub async fn drain(&self, deadline: Duration) {
        self.drain.cancel();
        self.tasks.close();
        if tokio::time::timeout(deadline, self.tasks.wait()).await.is_err() {
            tracing::info!(open = self.tasks.len(), "connections still open after the drain deadline are cut");
        }
    }

    /// Waits until nothing is open, at most for `within`, and asks nobody to finish: what was accepted a moment ago gets to its
    /// first request. For a gateway whose successor accepts already.
    pub async fn linger(&self, within: Duration) {
        self.tasks.close();
        let _ = tokio::time::timeout(within, self.tasks.wait()).await;
    }

    /// The life of a captured connection.
    async fn captured(self: &Arc<Self>, connection: Connection) {
        let Connection { id, stream, peer, original_dst, workload, accepted, permit } = connection;
        let target = workload.target.clone();
        let snapshot = self.live.pin().of(target.as_deref());
        let mut draft = Draft::new(self.report.clone(), id, FrontDoor::Captured, peer, accepted);
        if let Some(hatch) = self.door_at(original_dst) {
            draft.steered(original_dst, workload.clone());
            hand_over(hatch, draft, Handed { stream, peer, workload, permit: Box::new(permit) });
            return;
        }
        draft.steered(original_dst, workload);
        let downstream = Counted::new(stream, draft.counts());
        if original_dst.port() == DNS_PORT {
            let end = Box::pin(self.answer_stream(&mut draft, original_dst, downstream)).await;
            draft.finish(end);
            return;
        }
        let end = match snapshot.rules.address(original_dst, &self.own_listeners()) {
            AddressDecision::Deny(reason) => {
                draft.decide(Decision::Deny(reason));
                reset(downstream.into_inner());
                ConnectionEnd::Denied
            }
            AddressDecision::Passthrough(reason) => {
                draft.decide(Decision::Passthrough(reason));
                let front_door = FrontDoor::Captured;
                let question =
                    Question { front_door, dst: original_dst, target, connect_host: None, heard: None, fallback: None };
                match self.dial(original_dst.socket_addr()).await {
                    Ok(upstream) => self.relayed(question, Prefixed::new(Bytes::new(), downstream), upstream).await,
                    Err(error) => upstream_unreachable(downstream, &error),
                }
            }
            AddressDecision::Continue => match self.dial(original_dst.socket_addr()).await {
                Ok(upstream) => {
                    self.converse(
                        &snapshot,
                        &mut draft,
                        Parties { dst: original_dst, connect_host: None, downstream, read: Bytes::new(), upstream },
                    )
                    .await
                }
                Err(error) => upstream_unreachable(downstream, &error),
            },
        };
        draft.finish(end);
        drop(permit);
    }

    /// Connects to an upstream, and counts how that went.
    async fn dial(&self, address: SocketAddr) -> Result<TcpStream, connection::Error> {
        let begun = Instant::now();
        let dialled = self.dialer.connect(address, self.live.pin().bounds.connect_timeout).await;
        match &dialled {
            Ok(_) => self.report.metrics().upstream_connected(begun.elapsed()),
            Err(connection::Error::Connect { source, .. }) => {
                self.report.metrics().upstream_error(UpstreamError::of(source));
            }
            Err(connection::Error::ConnectTimeout { .. }) => {
                self.report.metrics().limit_reached(Limit::ConnectTimeout);
                self.report.metrics().upstream_error(UpstreamError::Timeout);
            }
            Err(_) => self.report.metrics().upstream_error(UpstreamError::Other),
        }
        dialled
    }

    /// From two connected sockets on; both front doors meet here.
    async fn converse(
        self: &Arc<Self>,
        snapshot: &Arc<Snapshot>,
        draft: &mut Draft,
        parties: Parties,
    ) -> ConnectionEnd {
        let Parties { dst, connect_host, mut downstream, read, mut upstream } = parties;
        let bounds = &snapshot.bounds;
        let patience = Patience { greeting: bounds.greeting_timeout, silence: bounds.silence_timeout };
        let first = tokio::select! {
            first = first_bytes(&mut downstream, &mut upstream, read, patience) => first,
            () = self.drain.cancelled() => {
                reset(downstream.into_inner());
                return ConnectionEnd::Closed;
            }
        };
        let FirstBytes { spoken, from_downstream, from_upstream } = match first {
            Ok(first) => first,
            Err((side, error)) => {
                if error.kind() == io::ErrorKind::TimedOut {
                    let silent = draft.counts().up() == 0;
                    let limit = if silent { Limit::SilenceTimeout } else { Limit::GreetingTimeout };
                    self.report.metrics().limit_reached(limit);
                }
                reset(downstream.into_inner());
                return failed(side, &error);
            }
        };
        let heard = Heard::new(spoken, &from_downstream);
        if heard.protocol == Protocol::Empty {
            return ConnectionEnd::Closed;
        }
        let own_no_proxy = self.own_no_proxy(snapshot, draft.workload()).await;
        let input = NameInput {
            protocol: heard.protocol,
            name: heard.name.as_ref(),
            dst,
            binding: Binding::Unknown,
            ech: heard.encrypted_client_hello,
            connect_host: connect_host.as_ref(),
            own_no_proxy: own_no_proxy.as_deref(),
        };
        let peer = input.peer();
        draft.heard(heard.protocol, peer.clone());
        let (decision, binding, bound_by) = self.decide(snapshot, draft.workload(), input).await;
        let told = match &heard.name {
            None if !matches!(decision, Decision::Passthrough(_)) => self.told_name(snapshot, draft.workload(), input),
            _ => None,
        };
        let (decision, binding, bound_by, name) = match told {
            Some((decision, name)) => (decision, Binding::Bound, Some(BoundBy::WorkloadDns.as_str()), Some(name)),
            None => (decision, binding, bound_by, heard.name.clone()),
        };
        draft.bound_by(bound_by);
        let decision = self.forbid(snapshot, name.as_ref().unwrap_or(&peer), &heard.greeting, decision);
        draft.decide(decision);
        let ech = heard.encrypted_client_hello;
        let named = Named { protocol: heard.protocol, name, binding, ech, own_no_proxy };
        let question = Question {
            front_door: draft.front_door(),
            dst,
            target: draft.target(),
            connect_host,
            heard: Some(named),
            fallback: None,
        };
        let downstream = Prefixed::new(from_downstream, downstream);
        match (decision, heard.greeting) {
            (Decision::Deny(_), _) => {
                reset(downstream.into_parts().1.into_inner());
                ConnectionEnd::Denied
            }
            (Decision::Passthrough(_), _) => {
                self.relayed(question, downstream, Prefixed::new(from_upstream, upstream)).await
            }
            (Decision::Intercept(_), Greeting::Tls(hello)) => {
                let upstream = Prefixed::new(from_upstream, upstream);
                let name = Some(peer);
                let opening = Opening { snapshot, draft, question, name, dst, downstream, upstream };
                self.intercept_tls(opening, &hello).await
            }
            (Decision::Intercept(_), Greeting::Http(version)) => {
                let upstream = Prefixed::new(from_upstream, upstream);
                let name = heard.name;
                let opening = Opening { snapshot, draft, question, name, dst, downstream, upstream };
                self.intercept_http(opening, version).await
            }
            // Broken TLS: policy means it to be opened, and it cannot be. Only where nothing is enforced may it pass.
            (Decision::Intercept(_), Greeting::Other) if !snapshot.verdict.enforce => {
                draft.decide(Decision::Passthrough(PassthroughReason::Audit));
                self.relayed(question, downstream, Prefixed::new(from_upstream, upstream)).await
            }
            (Decision::Intercept(_), Greeting::Other) => {
                draft.decide(Decision::Deny(DenyReason::Opaque));
                reset(downstream.into_parts().1.into_inner());
                ConnectionEnd::Denied
            }
        }
    }

    /// What stands above policy: hosts that may not be reached, and the kill switch. A request that can be answered is answered
    /// with 503 further on; everything else is refused here.
    fn forbid(&self, snapshot: &Snapshot, peer: &PeerName, greeting: &Greeting, decision: Decision) -> Decision {
        let answerable =
            matches!(decision, Decision::Intercept(_)) && matches!(greeting, Greeting::Tls(_) | Greeting::Http(_));
        if self.control.kill.is_active() && !answerable {
            self.metrics().kill_switch_denied("connection");
            return Decision::Deny(DenyReason::KillSwitch);
        }
        if snapshot.verdict.enforce && snapshot.blocklist.matches(peer) {
            return Decision::Deny(DenyReason::Blocklisted);
        }
        decision
    }

    /// Asks policy; where only a missing binding of name to address stands against a rule, finds out and asks again. What bound
    /// it is told beside, where it was asked.
    async fn decide(
        &self,
        snapshot: &Snapshot,
        workload: Option<&Workload>,
        input: NameInput<'_>,
    ) -> (Decision, Binding, Option<&'static str>) {
        let peer = input.peer();
        let PeerName::Dns(name) = &peer else { return (snapshot.rules.name(&input), input.binding, None) };
        // The explicit door resolved the host of a CONNECT itself and dialled what it got; a name inside that differs from
        // it, or one inside a CONNECT to an address, has no such proof.
        let resolved_here = input.connect_host == Some(&peer);
        let binding = if resolved_here { Binding::Bound } else { Binding::Unknown };
        let decision = snapshot.rules.name(&NameInput { binding, ..input });
        let hangs_on_binding = matches!(
            decision,
            Decision::Intercept(InterceptReason::NameNotBound) | Decision::Deny(DenyReason::NameNotBound)
        );
        if resolved_here || !hangs_on_binding {
            return (decision, binding, resolved_here.then_some(BoundBy::OwnResolver.as_str()));
        }
        let (binding, by) = self.binding(workload, name, input.dst).await;
        (snapshot.rules.name(&NameInput { binding, ..input }), binding, Some(by))
    }

    /// For a connection that names nobody: a name under which the workload was told this address, if it is one that is relayed
    /// unopened. Databases and mail speak no name, some TLS clients send none, and a list by name would never hold for them.
    fn told_name(
        &self,
        snapshot: &Snapshot,
        workload: Option<&Workload>,
        input: NameInput<'_>,
    ) -> Option<(Decision, PeerName)> {
        let names = self.names.told(workload?.cgroup, input.dst.ip());
        names.into_iter().map(PeerName::Dns).find_map(|name| {
            let decision = snapshot.rules.name(&NameInput { name: Some(&name), binding: Binding::Bound, ..input });
            let Decision::Passthrough(reason) = decision else { return None };
            let listed = matches!(
                reason,
                PassthroughReason::NoProxyName
                    | PassthroughReason::NoProxyWorkload
                    | PassthroughReason::PassthroughDomain
            );
            listed.then_some((decision, name))
        })
    }

    /// What the process that opened a connection asks for by its own `NO_PROXY`, where that is honoured; waits for its
    /// environment to be read, where that has not been done yet.
    async fn own_no_proxy(&self, snapshot: &Snapshot, workload: Option<&Workload>) -> Option<Arc<NoProxyList>> {
        let workload = workload.filter(|_| snapshot.rules.asks_for_own_no_proxy())?;
        let known = self.workloads.of(workload);
        self.workloads.no_proxy(&known, workload, &snapshot.environment, self.metrics()).await
    }

    /// Whether something other than the workload says that `name` is where it went, and what: as the metric calls it.
    async fn binding(
        &self,
        workload: Option<&Workload>,
        name: &ServerName,
        dst: OriginalDst,
    ) -> (Binding, &'static str) {
        let bound = self.names.bound(workload.map(|workload| workload.cgroup), name, dst.ip()).await;
        self.metrics().name_binding(bound);
        bound.map_or((Binding::NotBound, "none"), |by| (Binding::Bound, by.as_str()))
    }

    /// Relays both ways until the ends are done or the rules in force would not relay any more; says how that ended.
    async fn relayed<U>(&self, question: Question, mut downstream: Prefixed<Downstream>, upstream: U) -> ConnectionEnd
    where
        U: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let watched = self.live.watch(question, &self.own_listeners());
        let idle = self.live.pin().bounds.relay_idle_timeout;
        let ended = tokio::select! {
            biased;
            () = watched.cut() => None,
            () = self.control.kill.activated() => None,
            ended = relay(&mut downstream, upstream, idle) => Some(ended),
        };
        if let Some(Err((Side::Gateway, error))) = &ended
            && error.kind() == io::ErrorKind::TimedOut
        {
            self.report.metrics().limit_reached(Limit::RelayIdleTimeout);
        }
        match ended {
            Some(Ok(())) => ConnectionEnd::Closed,
            Some(Err((side, error))) => failed(side, &error),
            None => {
                let why = if watched.is_cut() {
                    self.report.metrics().policy_cut();
                    "the configuration now in force does not relay it unopened"
                } else {
                    "the kill switch was turned on"
                };
                reset(downstream.into_parts().1.into_inner());
                failed(Side::Gateway, &io::Error::other(why))
            }
        }
    }
}

/// The resolver of a gateway, whose sockets no program steers.
fn names(datapath: &Arc<dyn Datapath>, snapshot: &Snapshot) -> Names {
    let datapath = Arc::clone(datapath);
    let mark = move |socket: std::os::fd::BorrowedFd<'_>| datapath.mark_own(socket).map_err(io::Error::other);
    Names::new(&snapshot.names, SystemFiles::default(), Arc::new(mark))
}

/// Two connected sockets and what is known about them.
struct Parties {
    /// The address that was dialled.
    dst: OriginalDst,
    /// What a CONNECT asked for.
    connect_host: Option<PeerName>,
    downstream: Downstream,
    /// Read from the downstream already.
    read: Bytes,
    upstream: TcpStream,
}

impl Accepted for Arc<Gateway> {
    fn serve(&self, connection: Connection) {
        let gateway = Arc::clone(self);
        let open = self.report.metrics().connection_opened(FrontDoor::Captured);
        let task = async move {
            gateway.captured(connection).await;
            drop(open);
        };
        // What grows this grows each connection, idle ones too: box what is needed for a moment, or seldom.
        debug_assert!(size_of_val(&task) <= TASK_BYTES, "a connection's task has {} bytes", size_of_val(&task));
        self.tasks.spawn(task);
    }

    fn limit_reached(&self, limit: Limit) {
        self.report.metrics().limit_reached(limit);
    }

    fn resolve(&self, questions: Questions) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Arc::clone(self).answer_datagrams(questions))
    }

    fn listening(&self, address: SocketAddr) {
        self.add_own_listener(address);
    }

    fn refused(&self, refused: Refused) {
        let Refused { id, peer, steered, reason } = refused;
        let mut draft = Draft::new(self.report.clone(), id, FrontDoor::Captured, peer, Instant::now());
        if let Some(steered) = steered {
            draft.steered(steered.original_dst, steered.workload);
        }
        draft.decide(Decision::Deny(reason));
        draft.finish(ConnectionEnd::Denied);
    }
}

/// Gives a captured connection to the explicit proxy.
fn hand_over(hatch: &Hatch, mut draft: Draft, handed: Handed) {
    draft.decide(Decision::Passthrough(PassthroughReason::OwnProxy));
    match hatch.hand(handed) {
        Ok(()) => draft.finish(ConnectionEnd::Closed),
        Err(refused) => {
            reset(refused.stream);
            draft.decide(Decision::Deny(DenyReason::TooManyConnections));
            draft.finish(ConnectionEnd::Denied);
        }
    }
}

/// The workload's `connect()` has succeeded already, so a reset is the nearest thing to the refusal it would have seen.
fn upstream_unreachable(downstream: Downstream, error: &connection::Error) -> ConnectionEnd {
    reset(downstream.into_inner());
    let side = match error {
        connection::Error::Connect { .. } | connection::Error::ConnectTimeout { .. } => Side::Upstream,
        _ => Side::Gateway,
    };
    failed(side, error)
}

fn failed(side: Side, error: &dyn std::error::Error) -> ConnectionEnd {
    ConnectionEnd::Failed { side, detail: crate::model::error_chain(error) }
}

//! Opening a connection: TLS on both legs, then HTTP, every request before the judge.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::draft::Draft;
use super::judge::RefuseAll;
use super::live::{LiveJudge, Question};
use super::workloads::Sender;
use super::{Downstream, Gateway, Snapshot, failed};
use crate::connection::{Counted, reset};
use crate::control::Session;
use crate::http::{self, BodyBudget, Exchange, Inspect, Io, Redial, RequestIds, Session as HttpSession, TellRefusal};
use crate::model::{
    Alpn, BlockReason, ConnectionEnd, Decision, HttpVersion, Limit, OriginalDst, PassthroughReason, PeerName,
    SessionKey, Side,
};
use crate::policy::{Binding, Fallback};
use crate::report::metrics::{TlsIntercept, UpstreamError};
use crate::sniff::ClientHello;
use crate::tls::{self, Prefixed};

/// Both legs of a connection that is opened.
struct Legs {
    downstream: Box<dyn Io>,
    /// Or why there is none: without an error nothing was tried.
    upstream: Result<Upstream, Option<tls::Error>>,
    /// What is spoken with the workload.
    alpn: Option<Alpn>,
    /// The kill switch was on.
    killed: bool,
}

/// The leg towards the upstream.
struct Upstream {
    stream: Box<dyn Io>,
    alpn: Option<Alpn>,
    /// It had asked for a client certificate.
    wants_certificate: bool,
}

/// Why there are no legs.
enum Unopened {
    /// It is to be relayed, by the answer to this question.
    Relay(Box<(Question, Prefixed<Downstream>)>),
    /// It is over.
    Ended(ConnectionEnd),
}

/// How long a connection lives on which every request is refused.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(30);

/// A connection that is to be opened, as far as both ways of opening share it.
pub(super) struct Opening<'a> {
    pub(super) snapshot: &'a Arc<Snapshot>,
    pub(super) draft: &'a mut Draft,
    /// What policy was asked, to ask again when the rules change.
    pub(super) question: Question,
    /// Whom the workload believes it talks to; `None` on cleartext that has not said so yet.
    pub(super) name: Option<PeerName>,
    pub(super) dst: OriginalDst,
    pub(super) downstream: Prefixed<Downstream>,
    pub(super) upstream: Prefixed<TcpStream>,
}

#[derive(Clone, Copy)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Gateway {
    /// Upstream TLS first, so that its choice of ALPN can be given to the workload, then downstream TLS, then HTTP.
    pub(super) async fn intercept_tls(&self, opening: Opening<'_>, hello: &ClientHello) -> ConnectionEnd {
        let Opening { snapshot, draft, question, name, dst, downstream, upstream } = opening;
        let name = name.unwrap_or(PeerName::Ip(dst.ip()));
        // Boxed, because handshakes take much room for a short time, and their connection lives on without it.
        let shaking = Box::pin(self.open_legs((snapshot, draft), &question, (&name, hello), downstream, upstream));
        let Legs { downstream, upstream, alpn, killed } = match shaking.await {
            Ok(legs) => legs,
            Err(Unopened::Relay(relay)) => {
                let (instead, downstream) = *relay;
                return self.relay_instead(draft, instead, downstream).await;
            }
            Err(Unopened::Ended(end)) => return end,
        };
        let version = if alpn == Some(Alpn::H2) { HttpVersion::Http2 } else { HttpVersion::Http1 };
        match upstream {
            Ok(Upstream { stream, wants_certificate, alpn }) => {
                let redial = self.redial_tls(Arc::clone(snapshot), draft.requester(), name.clone(), dst, alpn);
                let mut session = self.session(draft, version, Scheme::Https, Some(name), Some(redial));
                session.refusal = wants_certificate.then_some(refused as _);
                let end = self.serve_http((snapshot, question), draft, session, downstream, stream).await;
                if wants_certificate { labelled(end) } else { end }
            }
            Err(error) => {
                let session = self.session(draft, version, Scheme::Https, Some(name), None);
                let unopenable = error.as_ref().and_then(unopenable);
                let reason = match unopenable {
                    _ if killed => BlockReason::KillSwitch,
                    Some((_, reason)) => reason,
                    None => BlockReason::UpstreamTls,
                };
                self.refuse_all(draft, reason, session, downstream).await;
                error.map_or(ConnectionEnd::Closed, |error| failed(Side::Upstream, &error))
            }
        }
    }

    /// Both handshakes.
    async fn open_legs(
        &self,
        (snapshot, draft): (&Arc<Snapshot>, &Draft),
        question: &Question,
        (name, hello): (&PeerName, &ClientHello),
        downstream: Prefixed<Downstream>,
        upstream: Prefixed<TcpStream>,
    ) -> Result<Legs, Unopened> {
        let metrics = self.report.metrics();
        let ended = |downstream: Prefixed<Downstream>, side, error: &dyn std::error::Error| {
            reset(downstream.into_parts().1.into_inner());
            Err(Unopened::Ended(failed(side, error)))
        };
        let Some(opener) = &snapshot.tls else {
            let error = io::Error::other("interception was decided without a certificate authority");
            return ended(downstream, Side::Gateway, &error);
        };
        let Some(handshaking) = self.handshaking(snapshot.bounds.tls_handshakes) else {
            let error = io::Error::other("more TLS handshakes than limits.tls_handshakes allows");
            return ended(downstream, Side::Gateway, &error);
        };
        let (offer, requester) = (hello.http_alpn(), draft.requester());
        let key_kind = tls::KeyKind::for_client(hello.accepts_ecdsa());
        let begun = Instant::now();
        // Nothing more goes out while everything is refused, not even a handshake.
        let killed = self.control.kill.is_active();
        let connector = opener.upstream.for_requester(requester);
        let connected = if killed { None } else { Some(connector.connect(upstream, name, &offer).await) };
        let leg = match connected {
            None => Err(None),
            Some(Ok(leg)) => {
                metrics.tls_handshake(Side::Upstream, begun.elapsed());
                if leg.client_certificate_requested {
                    metrics.client_certificate_requested();
                    let wish = Fallback::ClientCertificate;
                    if let Some(question) = self.falls_back(snapshot, draft, question, wish).await {
                        return Err(Unopened::Relay(Box::new((question, downstream))));
                    }
                }
                Ok(leg)
            }
            Some(Err(error @ tls::Error::UpstreamCertificate { .. })) => {
                metrics.upstream_error(UpstreamError::Certificate);
                Err(Some(error))
            }
            Some(Err(error)) => {
                self.note_timeout(&error);
                metrics.upstream_error(UpstreamError::Tls);
                if error.wants_client_certificate() {
                    metrics.client_certificate_requested();
                }
                let Some((wish, _)) = unopenable(&error) else { return ended(downstream, Side::Upstream, &error) };
                if let Some(question) = self.falls_back(snapshot, draft, question, wish).await {
                    return Err(Unopened::Relay(Box::new((question, downstream))));
                }
                Err(Some(error))
            }
        };
        // Without an upstream there is nothing to mirror; the workload's own first choice carries the 502.
        let alpn = leg.as_ref().map_or_else(|_| offer.first().copied(), |leg| leg.alpn);
        let (begun, minted) = (Instant::now(), opener.leaves.minted());
        let leaf = match opener.leaves.leaf_for(requester, name, key_kind).await {
            Ok(leaf) => {
                if opener.leaves.minted() > minted {
                    metrics.leaf_minted(begun.elapsed());
                    metrics.tls_cert_cache_size(opener.leaves.cached());
                }
                leaf
            }
            Err(error) => {
                if matches!(error, tls::Error::MintRate { .. }) {
                    metrics.limit_reached(Limit::NewCertificates);
                }
                return ended(downstream, error.side(), &error);
            }
        };
        let begun = Instant::now();
        let downstream: Box<dyn Io> = match opener.downstream.accept(downstream, leaf, alpn).await {
            Ok(stream) => {
                metrics.tls_handshake(Side::Downstream, begun.elapsed());
                Box::new(stream)
            }
            Err(tls::Error::ClientRejected { detail }) => {
                metrics.tls_intercept(TlsIntercept::HandshakeError);
                return Err(Unopened::Ended(ConnectionEnd::DownstreamRejectedCertificate { detail }));
            }
            Err(error) => {
                self.note_timeout(&error);
                metrics.tls_intercept(TlsIntercept::HandshakeError);
                return Err(Unopened::Ended(failed(Side::Downstream, &error)));
            }
        };
        drop(handshaking);
        metrics.tls_intercept(TlsIntercept::Intercepted);
        let upstream = leg.map(|tls::UpstreamTls { stream, alpn, client_certificate_requested }| Upstream {
            stream: Box::new(stream),
            alpn,
            wants_certificate: client_certificate_requested,
        });
        Ok(Legs { downstream, upstream, alpn, killed })
    }

    /// A place among the TLS handshakes under way; `None` when there is none.
    fn handshaking(&self, most: usize) -> Option<Handshaking<'_>> {
        let taken = Handshaking(&self.handshakes);
        if self.handshakes.fetch_add(1, Ordering::AcqRel) < most {
            return Some(taken);
        }
        self.report.metrics().limit_reached(Limit::TlsHandshakes);
        None
    }

    fn note_timeout(&self, error: &tls::Error) {
        if matches!(error, tls::Error::Timeout { .. }) {
            self.report.metrics().limit_reached(Limit::HandshakeTimeout);
        }
    }

    /// Whether a connection that cannot be opened is relayed unopened instead; what policy was asked for it, if so.
    async fn falls_back(
        &self,
        snapshot: &Snapshot,
        draft: &Draft,
        question: &Question,
        wish: Fallback,
    ) -> Option<Question> {
        let mut heard = question.heard.clone()?;
        let peer = question.input(&heard).peer();
        if !snapshot.rules.may_fall_back(&peer, wish) {
            return None;
        }
        if let PeerName::Dns(name) = &peer
            && heard.binding == Binding::Unknown
        {
            heard.binding = self.binding(draft.workload(), name, question.dst).await.0;
        }
        let question = Question { heard: Some(heard), fallback: Some(wish), ..question.clone() };
        matches!(question.ask(&snapshot.rules, &self.own_listeners()), Decision::Passthrough(_)).then_some(question)
    }

    /// Dials once more and relays: of the workload's bytes only its `ClientHello` has been read, and that is replayed.
    async fn relay_instead(
        &self,
        draft: &mut Draft,
        question: Question,
        downstream: Prefixed<Downstream>,
    ) -> ConnectionEnd {
        let reason = match question.fallback {
            Some(Fallback::LegacyTls) => PassthroughReason::LegacyTls,
            Some(Fallback::ClientCertificate) | None => PassthroughReason::ClientCertificate,
        };
        draft.decide(Decision::Passthrough(reason));
        match self.dial(question.dst.socket_addr()).await {
            Ok(upstream) => self.relayed(question, downstream, upstream).await,
            Err(error) => {
                reset(downstream.into_parts().1.into_inner());
                failed(Side::Upstream, &error)
            }
        }
    }

    /// Cleartext HTTP: nothing to open, everything to judge.
    pub(super) async fn intercept_http(&self, opening: Opening<'_>, version: HttpVersion) -> ConnectionEnd {
        let Opening { snapshot, draft, question, name, dst, downstream, upstream } = opening;
        let session = self.session(draft, version, Scheme::Http, name, Some(self.redial_tcp(dst)));
        if self.control.kill.is_active() {
            self.refuse_all(draft, BlockReason::KillSwitch, session, downstream).await;
            return ConnectionEnd::Denied;
        }
        self.serve_http((snapshot, question), draft, session, downstream, upstream).await
    }

    /// Serves a leg of requests in absolute form, as a task of its own.
    #[expect(clippy::too_many_arguments, reason = "two streams and what is known of them; a struct would be used once")]
    pub(super) fn absolute(
        self: &Arc<Self>,
        snapshot: &Arc<Snapshot>,
        mut draft: Draft,
        question: Question,
        (host, dst): (PeerName, OriginalDst),
        downstream: tokio::io::DuplexStream,
        upstream: impl Io + 'static,
        scheme: Scheme,
    ) {
        let (gateway, snapshot) = (Arc::clone(self), Arc::clone(snapshot));
        let open = self.report.metrics().connection_opened(draft.front_door());
        self.tasks.spawn(async move {
            let redial = match scheme {
                Scheme::Http => gateway.redial_tcp(dst),
                Scheme::Https => {
                    gateway.redial_tls(Arc::clone(&snapshot), draft.requester(), host.clone(), dst, Some(Alpn::Http11))
                }
            };
            let session = gateway.session(&draft, HttpVersion::Http1, scheme, Some(host), Some(redial));
            let downstream = Counted::new(downstream, draft.counts());
            let served = gateway.serve_http((&snapshot, question), &mut draft, session, downstream, upstream);
            let end = Box::pin(served).await;
            draft.finish(end);
            drop(open);
        });
    }

    /// Serves HTTP between two opened legs.
    async fn serve_http(
        &self,
        (snapshot, question): (&Arc<Snapshot>, Question),
        draft: &mut Draft,
        session: Opened,
        downstream: impl Io + 'static,
        upstream: impl Io + 'static,
    ) -> ConnectionEnd {
        let sender = self.sender(snapshot, draft).await;
        let asked = (question, self.own_listeners());
        let watched = self.live.watch_opened(asked.0.clone(), &asked.1);
        let judge = LiveJudge::new(Arc::clone(&self.live), snapshot, asked, sender, self.report.clone());
        let judge = Arc::new(judge);
        let session = session.before(Arc::clone(&judge) as _, snapshot.limits, watched.token());
        // Boxed: the HTTP state machines are tens of KiB that a relayed or refused connection must not carry.
        let served = tokio::select! {
            biased;
            // Whatever is on its way ends where it is; what comes next is answered with 503.
            () = self.control.kill.activated() => None,
            served = Box::pin(http::serve(downstream, upstream, session)) => Some(served),
        };
        draft.requests(judge.judged());
        match served {
            Some(Ok(_)) => ConnectionEnd::Closed,
            Some(Err(error)) => {
                match error {
                    http::Error::Flood(_) | http::Error::Cancelled => self.report.metrics().http2_flood(),
                    http::Error::Forbidden => self.report.metrics().policy_cut(),
                    _ => {}
                }
                failed(error.side(), &error)
            }
            None => failed(Side::Gateway, &io::Error::other("the kill switch was turned on")),
        }
    }

    /// What is remembered of who sends; waits for its environment to be read, where that has not been done yet.
    async fn sender(&self, snapshot: &Snapshot, draft: &Draft) -> Sender {
        let session = self.session_of(snapshot, draft);
        let Some(workload) = draft.workload() else {
            return Sender { session, ..Sender::unknown(Arc::clone(&self.workloads)) };
        };
        let known = self.workloads.of(workload);
        let secrets = if snapshot.scans_environment {
            self.workloads.secrets(&known, workload, &snapshot.environment, self.report.metrics()).await
        } else {
            Arc::default()
        };
        Sender { workloads: Arc::clone(&self.workloads), known: Some(known), secrets, session }
    }

    /// The session a connection belongs to, where sessions are watched.
    fn session_of(&self, snapshot: &Snapshot, draft: &Draft) -> Option<Arc<Session>> {
        if !snapshot.sessions.remembers() {
            return None;
        }
        let key = match draft.workload() {
            Some(workload) => SessionKey::Workload(workload.cgroup),
            None => SessionKey::Caller(draft.peer()?.ip()),
        };
        let session = self.control.sessions.of(key, &snapshot.sessions, Instant::now());
        self.report.metrics().sessions_active(self.control.sessions.len());
        Some(session)
    }

    /// Answers every request with a block: the upstream cannot be trusted, and a reset would only make clients retry.
    async fn refuse_all(&self, draft: &mut Draft, reason: BlockReason, session: Opened, downstream: impl Io + 'static) {
        let judge = Arc::new(RefuseAll::new(reason, self.report.clone()));
        let session = session.before(Arc::clone(&judge) as _, http::Limits::default(), CancellationToken::new());
        // Nothing is ever sent on it: the judge refuses each head. Kept open so that it does not look like a failure.
        let (upstream, _held) = tokio::io::duplex(64 * 1024);
        let serving = Box::pin(http::serve(downstream, upstream, session));
        // Bounded, so that a client which keeps the connection notices when the upstream has been mended.
        let served = tokio::select! {
            served = tokio::time::timeout(REFUSAL_LIFETIME, serving) => served,
            // The next request is to be served as usual.
            () = self.control.kill.released(), if reason == BlockReason::KillSwitch => return,
        };
        if let Ok(Err(error)) = served {
            tracing::debug!(
                error = %crate::model::error_chain(&error),
                "telling a workload that its upstream is not to be trusted"
            );
        }
        draft.requests(judge.judged());
    }

    /// All that HTTP needs to know but its judge.
    fn session(
        &self,
        draft: &Draft,
        version: HttpVersion,
        scheme: Scheme,
        name: Option<PeerName>,
        redial: Option<Redial>,
    ) -> Opened {
        let exchange = Arc::new(draft.exchange(version, scheme.as_str(), name));
        let ids = RequestIds::new(self.instance, draft.id());
        Opened { exchange, budget: self.budget.clone(), ids, redial, refusal: None, shutdown: self.drain.clone() }
    }

    /// Another cleartext connection to the same address.
    fn redial_tcp(&self, dst: OriginalDst) -> Redial {
        let (dialer, patience) = (self.dialer.clone(), self.live.pin().bounds.connect_timeout);
        Arc::new(move || {
            let dialer = dialer.clone();
            Box::pin(async move {
                let stream = dialer.connect(dst.socket_addr(), patience).await.map_err(io::Error::other)?;
                Ok(Box::new(stream) as Box<dyn Io>)
            })
        })
    }

    /// Another TLS connection to the same address, verified for the same name, speaking the same protocol.
    fn redial_tls(
        &self,
        snapshot: Arc<Snapshot>,
        requester: u64,
        name: PeerName,
        dst: OriginalDst,
        alpn: Option<Alpn>,
    ) -> Redial {
        let dialer = self.dialer.clone();
        Arc::new(move || {
            let (dialer, snapshot, name) = (dialer.clone(), Arc::clone(&snapshot), name.clone());
            Box::pin(async move {
                let opener = snapshot.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                let stream = dialer.connect(dst.socket_addr(), snapshot.bounds.connect_timeout).await;
                let stream = stream.map_err(io::Error::other)?;
                let upstream = opener.upstream.for_requester(requester);
                let leg = upstream.connect(stream, &name, alpn.as_slice()).await.map_err(io::Error::other)?;
                if leg.alpn != alpn {
                    return Err(io::Error::other("the upstream chose another protocol than before"));
                }
                Ok(Box::new(leg.stream) as Box<dyn Io>)
            })
        })
    }
}

/// Counts as a handshake under way until dropped.
struct Handshaking<'a>(&'a AtomicUsize);

impl Drop for Handshaking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What kind of upstream this is that cannot be opened, and what its requests are answered with.
fn unopenable(error: &tls::Error) -> Option<(Fallback, BlockReason)> {
    if error.wants_client_certificate() {
        Some((Fallback::ClientCertificate, BlockReason::UpstreamClientCertificate))
    } else if error.is_legacy_tls() {
        Some((Fallback::LegacyTls, BlockReason::UpstreamLegacyTls))
    } else {
        None
    }
}

/// What requests are answered with by an upstream that had asked for a client certificate and breaks off for want of it.
fn refused(error: &io::Error) -> Option<BlockReason> {
    tls::refuses_for_certificate(error).then_some(BlockReason::UpstreamClientCertificate)
}

/// The same of one that breaks off without saying why.
fn labelled(end: ConnectionEnd) -> ConnectionEnd {
    match end {
        ConnectionEnd::Failed { side: Side::Upstream, detail } => {
            let why =
                "the upstream had asked for a client certificate, see tls_interception.client_certificate_domains";
            ConnectionEnd::Failed { side: Side::Upstream, detail: format!("{detail} ({why})") }
        }
        end => end,
    }
}

/// A [`HttpSession`] without its judge.
struct Opened {
    exchange: Arc<Exchange>,
    budget: BodyBudget,
    ids: RequestIds,
    redial: Option<Redial>,
    refusal: Option<TellRefusal>,
    shutdown: CancellationToken,
}

impl Opened {
    fn before(self, inspect: Arc<dyn Inspect>, limits: http::Limits, forbidden: CancellationToken) -> HttpSession {
        let Self { exchange, budget, ids, redial, refusal, shutdown } = self;
        HttpSession { exchange, inspect, limits, budget, ids, redial, refusal, shutdown, forbidden }
    }
}

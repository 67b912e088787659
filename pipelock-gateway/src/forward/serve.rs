//! Accepting on the explicit proxy port: one task a connection, HTTP/1 until a tunnel opens.
//!
//! HTTP/2 is not offered: over cleartext nobody's proxy client speaks it. Next: [`super::Opened::run`], in the same task.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::VIA;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::absolute::{self, Absolute, Pool};
use super::refusal::{Answer, Failure, plain};
use super::route::{self, Route};
use super::target::{self, Target};
use super::{AnswerLocal, ConnectRequest, Opened, Options, RefusedConnect, Rules, Tunnel, Tunnelled};
use crate::http::{Accepted, Acceptor, Port};
use crate::model::{DenyReason, Limit, PeerName, ServerName, Workload, error_chain};
use crate::names::Resolve;
use crate::report::Metrics;
use crate::report::metrics::{ExplicitKind, ExplicitOutcome, OpenGauge, UpstreamError};

/// Largest request head (gateway.md §11); requests in absolute form carry cookies.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long a socket that we will not read any more is kept, so that the last answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes thrown away meanwhile.
const LINGER_BYTES: usize = 64 * 1024;

/// Connections handed over that wait to be served; beyond this they are refused, as a full backlog would.
const HANDED: usize = 128;

/// The explicit proxy port.
pub struct Door<T: Tunnel> {
    shared: Arc<Shared<T>>,
    hatch: mpsc::Sender<Handed>,
    handed: mpsc::Receiver<Handed>,
}

/// A connection that was captured on its way to this door: it is served as if it had been accepted here.
pub struct Handed {
    /// The socket.
    pub stream: TcpStream,
    /// The client's end.
    pub peer: SocketAddr,
    /// Who opened it.
    pub workload: Workload,
    /// Held until it has ended.
    pub permit: Box<dyn Send>,
}

/// Where captured connections are handed over.
#[derive(Clone)]
pub struct Hatch(mpsc::Sender<Handed>);

impl Hatch {
    /// Hands a connection over; gives it back when too many wait or the door is closed.
    ///
    /// # Errors
    /// The connection.
    pub fn hand(&self, connection: Handed) -> Result<(), Box<Handed>> {
        self.0.try_send(connection).map_err(|error| Box::new(error.into_inner()))
    }
}

/// Who is on the other side of a connection.
#[derive(Clone)]
struct Client {
    peer: SocketAddr,
    /// The address it reached us at.
    local: SocketAddr,
    workload: Option<Workload>,
}

struct Shared<T: Tunnel> {
    options: Options,
    tunnel: T,
    resolver: Arc<dyn Resolve>,
    rules: Arc<dyn Rules>,
    local: Arc<dyn AnswerLocal>,
    metrics: Metrics,
    tunnels: Arc<Semaphore>,
    pool: Pool,
    via: HeaderValue,
}

/// What a connection's task takes over when its CONNECT was answered: the upstream, and its place among the tunnels.
struct Waiting<O> {
    opened: O,
    _permit: OwnedSemaphorePermit,
    _gauge: OpenGauge,
}

impl<T: Tunnel> Door<T> {
    /// A door that is not open yet.
    pub fn new(
        options: Options,
        tunnel: T,
        resolver: Arc<dyn Resolve>,
        rules: Arc<dyn Rules>,
        local: Arc<dyn AnswerLocal>,
        metrics: Metrics,
    ) -> Self {
        let tunnels = Arc::new(Semaphore::new(options.max_tunnels));
        let (hatch, handed) = mpsc::channel(HANDED);
        let pool = Pool::default();
        let shared = Shared { options, tunnel, resolver, rules, local, metrics, tunnels, pool, via: via() };
        Self { shared: Arc::new(shared), hatch, handed }
    }

    /// Where captured connections to this door are handed over.
    #[must_use]
    pub fn hatch(&self) -> Hatch {
        Hatch(self.hatch.clone())
    }

    /// Serves until `shutdown`, then closes idle connections and waits for the others and for tunnels, however long these
    /// last: the caller knows the drain time. Dropping the future ends them all at once.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let Self { shared, hatch: _hatch, mut handed } = self;
        let mut port = Acceptor::new(Arc::clone(&shared), listener, shared.options.max_connections, shutdown.clone());
        loop {
            let next = tokio::select! {
                biased;
                next = port.next() => next,
                Some(Handed { stream, peer, workload, permit }) = handed.recv() => {
                    let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
                    port.spawn(async move {
                        shared.connection(stream, peer, Some(workload), shutdown).await;
                        drop(permit);
                    });
                    continue;
                }
            };
            let Some(Accepted { stream, peer, place }) = next else { break };
            let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
            port.spawn(async move {
                let _place = place;
                shared.connection(stream, peer, None, shutdown).await;
            });
        }
        port.finish().await;
    }
}

impl<T: Tunnel> Port for Shared<T> {
    const NAME: &'static str = "explicit proxy port";

    fn panicked(&self) {
        self.metrics.panicked();
    }

    fn turned_away(&self) {
        self.metrics.limit_reached(Limit::ProxyConnections);
        self.metrics.explicit_request(ExplicitKind::Unparsed, ExplicitOutcome::Overloaded);
    }
}

impl<T: Tunnel> Shared<T> {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        workload: Option<Workload>,
        shutdown: CancellationToken,
    ) {
        // Latency of small writes; failing to set it costs only that.
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return };
        let client = Arc::new(Client { peer, local, workload });
        let waiting: Arc<Mutex<Option<Waiting<T::Opened>>>> = Arc::default();
        let service = service_fn({
            let (shared, waiting) = (Arc::clone(&self), Arc::clone(&waiting));
            move |request| {
                let (shared, waiting, client) = (Arc::clone(&shared), Arc::clone(&waiting), Arc::clone(&client));
                // Boxed because polling without shutdown needs a future that can be moved.
                Box::pin(async move { Ok::<_, Infallible>(shared.answer(request, &client, &waiting).await) })
            }
        });
        let mut conn = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.header_timeout)
            .preserve_header_case(true)
            .auto_date_header(false)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);

        let served = {
            let mut stopping = pin!(shutdown.cancelled());
            let mut stopped = false;
            loop {
                tokio::select! {
                    served = poll_fn(|cx| conn.poll_without_shutdown(cx)) => break served,
                    () = &mut stopping, if !stopped => {
                        stopped = true;
                        std::pin::Pin::new(&mut conn).graceful_shutdown();
                    }
                }
            }
        };
        let parts = conn.into_parts();
        let stream = parts.io.into_inner();
        match (served, take(&waiting)) {
            (Ok(()), Some(Waiting { opened, _permit, _gauge })) => {
                let run = opened.run(Tunnelled { stream, read: parts.read_buf });
                match self.rules.access().max_tunnel {
                    // What is left of it ends like a connection that is cut: the record says so.
                    Some(longest) => drop(timeout(longest, run).await),
                    None => run.await,
                }
            }
            (Ok(()), None) => linger(stream).await,
            (Err(error), _) => {
                if error.is_parse() {
                    self.metrics.explicit_request(ExplicitKind::Unparsed, ExplicitOutcome::Invalid);
                }
                tracing::debug!(%peer, %error, "explicit proxy connection ended early");
                linger(stream).await;
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        client: &Client,
        waiting: &Mutex<Option<Waiting<T::Opened>>>,
    ) -> Answer {
        let (head, body) = request.into_parts();
        let (kind, outcome, answer) = match route::of(&head) {
            Route::Connect(target) => {
                let opened = match self.admit(client, &head.headers, "CONNECT ") {
                    Ok(()) => self.open(&target, client).await,
                    Err(failure) => Err(failure),
                };
                let (outcome, answer) = match opened {
                    Ok(opened) => {
                        *waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
                        (ExplicitOutcome::Served, Response::new(Either::Left(Full::default())))
                    }
                    Err(failure) => (failure.outcome(), failure.answer("CONNECT ", self.explains())),
                };
                (ExplicitKind::Connect, outcome, answer)
            }
            Route::Absolute => {
                let (outcome, answer) = self.absolute(head, body, client).await;
                (ExplicitKind::Absolute, outcome, answer)
            }
            Route::Origin { .. }
                if !is_probe(head.uri.path()) && !self.rules.access().admits_source(client.peer.ip()) =>
            {
                let failure = Failure::Denied(DenyReason::SourceNotAllowed);
                (ExplicitKind::Origin, failure.outcome(), failure.answer("", self.explains()))
            }
            Route::Origin { foreign } => {
                let answer = self.local.answer(&head.method, head.uri.path());
                if foreign && answer.status() == StatusCode::NOT_FOUND {
                    let why = "Host names another server; a request to a proxy has an absolute target";
                    (ExplicitKind::Origin, ExplicitOutcome::Invalid, plain(StatusCode::BAD_REQUEST, why))
                } else {
                    (ExplicitKind::Origin, ExplicitOutcome::Served, answer.map(|body| Either::Left(Full::new(body))))
                }
            }
            Route::Invalid(why) => {
                (ExplicitKind::Unparsed, ExplicitOutcome::Invalid, plain(StatusCode::BAD_REQUEST, why))
            }
        };
        self.metrics.explicit_request(kind, outcome);
        answer
    }

    /// Whether refusals say what would change them.
    fn explains(&self) -> bool {
        self.rules.access().explains
    }

    /// Whether this client may use the proxy at all.
    fn admit(&self, client: &Client, headers: &HeaderMap, what: &str) -> Result<(), Failure> {
        let access = self.rules.access();
        if !access.enabled {
            return Err(Failure::Denied(DenyReason::ProxyOff));
        }
        // A captured client's address is that of its own namespace; the kernel has told who it is.
        if client.workload.is_none() && !access.admits_source(client.peer.ip()) {
            tracing::warn!(peer = %client.peer, "{what}refused: forward_proxy.allowed_sources does not name this client");
            return Err(Failure::Denied(DenyReason::SourceNotAllowed));
        }
        if access.authenticates(headers) { Ok(()) } else { Err(Failure::Unauthenticated) }
    }

    /// Everything between a request in absolute form and its answer.
    async fn absolute(&self, head: Parts, body: Incoming, client: &Client) -> (ExplicitOutcome, Answer) {
        let fail = |failure: &Failure| (failure.outcome(), failure.answer("", self.explains()));
        if let Err(failure) = self.admit(client, &head.headers, "") {
            return fail(&failure);
        }
        if absolute::has_been_here(&head.headers, &self.via) {
            return fail(&Failure::Denied(DenyReason::Loop));
        }
        let absolute = match Absolute::parse(&head) {
            Ok(absolute) => absolute,
            Err(why) => return (ExplicitOutcome::Invalid, plain(StatusCode::BAD_REQUEST, why)),
        };
        let key = absolute::Key::new((client.peer.ip(), client.workload.as_ref().map(|w| w.cgroup)), &absolute);
        let mut request = Request::from_parts(absolute::outgoing(head, &absolute, &self.via), body);
        // A rule that has changed since the leg was opened is the judge's to follow; here it only saves dialling.
        while let Some(sender) = self.pool.take(&key) {
            match sender.send(request, &self.pool, key.clone()).await {
                Ok(answer) => return outcome_of(answer, &self.via),
                Err(Some(unsent)) => request = *unsent,
                Err(None) => return fail(&Failure::Unreachable),
            }
        }
        let sender = match self.leg(&absolute, client).await {
            Ok(sender) => sender,
            Err(failure) => return fail(&failure),
        };
        match sender.send(request, &self.pool, key).await {
            Ok(answer) => outcome_of(answer, &self.via),
            Err(_) => fail(&Failure::Unreachable),
        }
    }

    /// A fresh leg for requests in absolute form.
    async fn leg(&self, absolute: &Absolute, client: &Client) -> Result<absolute::Sender, Failure> {
        let request = self.checked(&absolute.target, client).await?.1;
        let leg = match timeout(self.options.open_timeout, self.tunnel.forward(request, absolute.https)).await {
            Ok(opened) => opened?,
            Err(_) => return Err(Failure::TimedOut),
        };
        absolute::Sender::begin(leg).await.map_err(|_| Failure::Unreachable)
    }

    /// A request whose destination may be dialled, and its place among the tunnels.
    async fn checked(
        &self,
        target: &Target,
        client: &Client,
    ) -> Result<(OwnedSemaphorePermit, ConnectRequest), Failure> {
        let peer = client.peer;
        let (permit, addrs) = self.permit(target, client.local).await.inspect_err(|failure| {
            if let Failure::Denied(reason) = failure {
                let Target { host, port } = target.clone();
                self.tunnel.refused(RefusedConnect { host, port, peer, reason: *reason });
            }
        })?;
        let Target { host, port } = target.clone();
        Ok((permit, ConnectRequest { host, port, addrs, peer, workload: client.workload.clone() }))
    }

    /// Everything between a CONNECT head and its 200.
    async fn open(&self, target: &Target, client: &Client) -> Result<Waiting<T::Opened>, Failure> {
        let (permit, request) = self.checked(target, client).await?;
        match timeout(self.options.open_timeout, self.tunnel.open(request)).await {
            Ok(Ok(opened)) => Ok(Waiting { opened, _permit: permit, _gauge: self.metrics.tunnel_opened() }),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// All rules of this door, cheapest first, and none after the addresses are known: they are what is dialled.
    async fn permit(
        &self,
        Target { host, port }: &Target,
        local: SocketAddr,
    ) -> Result<(OwnedSemaphorePermit, Vec<SocketAddr>), Failure> {
        if !self.rules.access().admits_port(*port) {
            return Err(Failure::Denied(DenyReason::PortNotAllowed));
        }
        self.rules.admit(host, *port).map_err(Failure::Denied)?;
        let permit = Arc::clone(&self.tunnels).try_acquire_owned().map_err(|_| {
            self.metrics.limit_reached(Limit::ProxyTunnels);
            Failure::Denied(DenyReason::TooManyConnections)
        })?;
        let addresses = match host {
            PeerName::Ip(ip) => vec![*ip],
            PeerName::Dns(name) => self.resolve(name).await?,
        };
        let check = |address| {
            if is_door(address, local) { Err(DenyReason::Loop) } else { self.rules.check_address(host, address) }
        };
        let addrs = target::check_all(&addresses, *port, check).map_err(Failure::Denied)?;
        Ok((permit, addrs))
    }

    /// The addresses of a name, at least one. Called once a CONNECT; a second answer could be another one.
    async fn resolve(&self, name: &ServerName) -> Result<Vec<IpAddr>, Failure> {
        let error = match self.resolver.resolve(name).await {
            Ok(answer) => return Ok(answer.addresses),
            Err(error) => error,
        };
        tracing::debug!(%name, error = %error_chain(&error), "a CONNECT host could not be resolved");
        self.metrics.upstream_error(UpstreamError::Resolve);
        Err(Failure::Resolve)
    }
}

/// Whether dialling `address` would come back through the socket address a client reached this door at. The listener may be
/// bound to every address of the machine, so its loopback is as much the door as the address that was used.
fn is_door(address: SocketAddr, local: SocketAddr) -> bool {
    let loops = |ip: IpAddr| ip == local.ip().to_canonical() || ip.is_loopback();
    address.port() == local.port() && loops(address.ip())
}

/// Paths that answer whoever asks: the kubelet's address is in no list.
fn is_probe(path: &str) -> bool {
    matches!(path, "/health" | "/healthz" | "/ready")
}

/// Counts what the pipeline answered, and marks that it came through here.
fn outcome_of(mut answer: Answer, via: &HeaderValue) -> (ExplicitOutcome, Answer) {
    let outcome = if absolute::was_refused(&answer) { ExplicitOutcome::Blocked } else { ExplicitOutcome::Served };
    answer.headers_mut().append(VIA, via.clone());
    (outcome, answer)
}

/// Our name in `Via`, random per process so that another gateway's is no loop (RFC 9110 §7.6.3 allows a pseudonym).
fn via() -> HeaderValue {
    use std::hash::{BuildHasher, Hasher};
    let token = std::hash::RandomState::new().build_hasher().finish() >> 32;
    HeaderValue::from_str(&format!("1.1 pipelock-{token:08x}")).unwrap_or(HeaderValue::from_static("1.1 pipelock"))
}

fn take<O>(waiting: &Mutex<Option<O>>) -> Option<O> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Ends our side and throws away what still comes, for a moment: closing a socket with unread bytes resets it, and a reset
/// can overtake the answer that says why (RFC 9112 §9.6).
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let drain = async {
        let mut buffer = [0; 1024];
        let mut left = LINGER_BYTES;
        while let Ok(n) = stream.read(&mut buffer).await
            && n > 0
            && left > n
        {
            left -= n;
        }
    };
    let _ = timeout(LINGER, drain).await;
}

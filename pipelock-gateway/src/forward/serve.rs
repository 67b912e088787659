//! Accepting on the explicit proxy port: one task a connection, HTTP/1 until a tunnel opens.
//!
//! HTTP/2 is not offered: over cleartext nobody's proxy client speaks it. Next: [`super::Opened::run`], in the same task.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::route::{self, Route};
use super::target::{self, Target};
use super::{
    AnswerLocal, ConnectRequest, DEFAULT_PORTS, Opened, Options, RefusedConnect, Resolve, Rules, Tunnel, TunnelError,
    Tunnelled,
};
use crate::model::{DenyReason, PeerName, ServerName};
use crate::report::Metrics;
use crate::report::metrics::{ExplicitKind, ExplicitOutcome, OpenGauge, UpstreamError};

/// Largest request head. CONNECT heads and probes are a few hundred bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a socket that we will not read any more is kept, so that the last answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes thrown away meanwhile.
const LINGER_BYTES: usize = 64 * 1024;

/// Pause when the process is out of descriptors (gateway.md §11); without it the accept loop would spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// The word in `X-Pipelock-Blocked` that tells our refusals from an origin's.
const BLOCKED: HeaderName = HeaderName::from_static("x-pipelock-blocked");

type Answer = Response<Full<Bytes>>;

/// The explicit proxy port.
pub struct Door<T: Tunnel>(Arc<Shared<T>>);

struct Shared<T: Tunnel> {
    options: Options,
    tunnel: T,
    resolver: Arc<dyn Resolve>,
    rules: Arc<dyn Rules>,
    local: Arc<dyn AnswerLocal>,
    metrics: Metrics,
    tunnels: Arc<Semaphore>,
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
        Self(Arc::new(Shared { options, tunnel, resolver, rules, local, metrics, tunnels }))
    }

    /// Serves until `shutdown`, then closes idle connections and waits for the others and for tunnels, however long these
    /// last: the caller knows the drain time. Dropping the future ends them all at once.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let connections = Arc::new(Semaphore::new(self.0.options.max_connections));
        let mut tasks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = tasks.join_next() => {
                    self.0.reap(ended);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match Arc::clone(&connections).try_acquire_owned() {
                    Ok(permit) => {
                        let shared = Arc::clone(&self.0);
                        let shutdown = shutdown.clone();
                        tasks.spawn(async move {
                            let _permit = permit;
                            shared.connection(stream, peer, shutdown).await;
                        });
                    }
                    Err(_) => self.0.turn_away(&stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the explicit proxy port");
                    let _ = timeout(ACCEPT_BACKOFF, shutdown.cancelled()).await;
                }
            }
        }
        drop(listener);
        while let Some(ended) = tasks.join_next().await {
            self.0.reap(ended);
        }
    }
}

impl<T: Tunnel> Shared<T> {
    fn reap(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            self.metrics.panicked();
            tracing::error!("a connection on the explicit proxy port panicked; only it has ended");
        }
    }

    /// Resets a connection beyond the limit; an answer would cost what there is none of.
    fn turn_away(&self, stream: &TcpStream) {
        self.metrics.explicit_request(ExplicitKind::Unparsed, ExplicitOutcome::Overloaded);
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, shutdown: CancellationToken) {
        // Latency of small writes; failing to set it costs only that.
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return };
        let waiting: Arc<Mutex<Option<Waiting<T::Opened>>>> = Arc::default();
        let service = service_fn({
            let (shared, waiting) = (Arc::clone(&self), Arc::clone(&waiting));
            move |request| {
                let (shared, waiting) = (Arc::clone(&shared), Arc::clone(&waiting));
                // Boxed because polling without shutdown needs a future that can be moved.
                Box::pin(async move { Ok::<_, Infallible>(shared.answer(request, peer, local, &waiting).await) })
            }
        });
        let mut conn = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.header_timeout)
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
                opened.run(Tunnelled { stream, read: parts.read_buf }).await;
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
        peer: SocketAddr,
        local: SocketAddr,
        waiting: &Mutex<Option<Waiting<T::Opened>>>,
    ) -> Answer {
        let (head, _body) = request.into_parts();
        let (kind, outcome, answer) = match route::of(&head) {
            Route::Connect(target) => {
                let (outcome, answer) = match self.open(&target, peer, local).await {
                    Ok(opened) => {
                        *waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
                        (ExplicitOutcome::Served, Response::new(Full::default()))
                    }
                    Err(failure) => (failure.outcome(), failure.answer()),
                };
                (ExplicitKind::Connect, outcome, answer)
            }
            Route::Absolute => (ExplicitKind::Absolute, ExplicitOutcome::Unsupported, absolute_form()),
            Route::Origin { foreign } => {
                let answer = self.local.answer(&head.method, head.uri.path());
                if foreign && answer.status() == StatusCode::NOT_FOUND {
                    let why = "Host names another server; a request to a proxy has an absolute target";
                    (ExplicitKind::Origin, ExplicitOutcome::Invalid, plain(StatusCode::BAD_REQUEST, why))
                } else {
                    (ExplicitKind::Origin, ExplicitOutcome::Served, answer.map(Full::new))
                }
            }
            Route::Invalid(why) => {
                (ExplicitKind::Unparsed, ExplicitOutcome::Invalid, plain(StatusCode::BAD_REQUEST, why))
            }
        };
        self.metrics.explicit_request(kind, outcome);
        answer
    }

    /// Everything between a CONNECT head and its 200.
    async fn open(&self, target: &Target, peer: SocketAddr, local: SocketAddr) -> Result<Waiting<T::Opened>, Failure> {
        let (permit, addrs) = self.permit(target, local).await.inspect_err(|failure| {
            if let Failure::Denied(reason) = failure {
                let Target { host, port } = target.clone();
                self.tunnel.refused(RefusedConnect { host, port, peer, reason: *reason });
            }
        })?;
        let request = ConnectRequest { host: target.host.clone(), port: target.port, addrs, peer };
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
        if !DEFAULT_PORTS.contains(port) && !self.options.extra_ports.contains(port) {
            return Err(Failure::Denied(DenyReason::PortNotAllowed));
        }
        self.rules.admit(host, *port).map_err(Failure::Denied)?;
        let permit = Arc::clone(&self.tunnels)
            .try_acquire_owned()
            .map_err(|_| Failure::Denied(DenyReason::TooManyConnections))?;
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
        let resolved = timeout(self.options.resolve_timeout, self.resolver.resolve(name)).await;
        let error = match resolved {
            Ok(Ok(addresses)) if !addresses.is_empty() => return Ok(addresses),
            Ok(Ok(_)) => io::Error::other("no addresses"),
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        tracing::debug!(%name, %error, "a CONNECT host could not be resolved");
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

/// Why a CONNECT is not answered with 200.
#[derive(Debug)]
enum Failure {
    Denied(DenyReason),
    Resolve,
    Unreachable,
    TimedOut,
    Overloaded,
}

impl From<TunnelError> for Failure {
    fn from(error: TunnelError) -> Self {
        match error {
            TunnelError::Denied(reason) => Self::Denied(reason),
            TunnelError::Unreachable(_) => Self::Unreachable,
            TunnelError::TimedOut => Self::TimedOut,
            TunnelError::Overloaded => Self::Overloaded,
        }
    }
}

impl Failure {
    fn outcome(&self) -> ExplicitOutcome {
        match self {
            Self::Denied(DenyReason::TooManyConnections) | Self::Overloaded => ExplicitOutcome::Overloaded,
            Self::Denied(_) => ExplicitOutcome::Blocked,
            Self::Resolve | Self::Unreachable | Self::TimedOut => ExplicitOutcome::Failed,
        }
    }

    /// The answer tells a stable code and nothing else: addresses of private names are not the client's to learn.
    fn answer(&self) -> Answer {
        let (status, code) = match self {
            Self::Denied(reason @ DenyReason::TooManyConnections) => (StatusCode::SERVICE_UNAVAILABLE, reason.as_str()),
            Self::Denied(reason) => (StatusCode::FORBIDDEN, reason.as_str()),
            Self::Resolve => (StatusCode::BAD_GATEWAY, "resolve_failed"),
            Self::Unreachable => (StatusCode::BAD_GATEWAY, "upstream_unavailable"),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        };
        let mut answer = plain(status, &format!("CONNECT blocked: {code}"));
        answer.headers_mut().insert(BLOCKED, HeaderValue::from_static(code));
        answer
    }
}

fn absolute_form() -> Answer {
    const BODY: &str = concat!(
        r#"{"error":{"type":"pipelock_unsupported","code":"absolute_form","#,
        r#""message":"absolute-form proxying is not yet supported"}}"#,
        "\n"
    );
    with_type(
        StatusCode::NOT_IMPLEMENTED,
        HeaderValue::from_static("application/json"),
        Bytes::from_static(BODY.as_bytes()),
    )
}

fn plain(status: StatusCode, text: &str) -> Answer {
    with_type(status, HeaderValue::from_static("text/plain; charset=utf-8"), format!("{text}\n").into())
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
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

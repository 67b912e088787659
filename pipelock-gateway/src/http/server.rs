//! Drives one intercepted connection: hyper's server on the workload's leg, its client on the upstream's.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::downstream::{Downstream, Unread};
use super::exchange::{self, Connection};
use super::log::{ExchangeLog, Tally};
use super::rest::Unsettled;
use super::tasks::Tasks;
use super::upstream::{Io, Upstream};
use super::{Error, Served, Session, settings};
use crate::model::{HttpVersion, Limit, Side};

/// How long the last words on an HTTP/2 connection that is ended may take.
const PARTING: Duration = Duration::from_secs(1);

/// Serves a workload's connection until it ends, each request judged before anything of it reaches `upstream`.
///
/// Both streams are connected and, where TLS is spoken, past their handshakes with the same ALPN. The legs mirror each
/// other: when the upstream closes, the workload's connection is drained. Dropping the future ends everything at once;
/// every request that was read still ends in exactly one [`super::Inspect::exchange_done`].
///
/// # Errors
/// [`Error`] says how the connection broke and whose side it was; refused requests and orderly closes are no errors.
pub fn serve(
    downstream: impl Io + 'static,
    upstream: impl Io + 'static,
    session: Session,
) -> impl Future<Output = Result<Served, Error>> + Send {
    // Boxed before anything else: a TLS stream is more than a KiB, and each function it is handed on to would keep a place for it.
    serve_boxed(Box::new(downstream), Box::new(upstream), session)
}

async fn serve_boxed(downstream: Box<dyn Io>, upstream: Box<dyn Io>, session: Session) -> Result<Served, Error> {
    let Session { exchange, inspect, limits, budget, ids, redial, refusal, shutdown, forbidden } = session;
    let version = exchange.version;
    let tally = Arc::new(Tally { awaiting_head: AtomicBool::new(true), ..Tally::default() });
    let unread = Arc::new(Unread::default());
    let (tasks, _end_with_this_future) = Tasks::new();
    let connection = Arc::new(Connection {
        upstream: Upstream::open(upstream, version, (redial, refusal), (limits, Arc::clone(&tally))).await?,
        broken: OnceLock::new(),
        exchange,
        inspect,
        limits,
        budget,
        ids,
        tasks: tasks.clone(),
        tally: Arc::clone(&tally),
        shutdown: shutdown.clone(),
        forbidden,
        unread: Arc::clone(&unread),
    });
    let head_timeout = (version == HttpVersion::Http1).then_some(limits.head);
    let io = Downstream::new(downstream, Arc::clone(&tally), unread, head_timeout);
    let ended = match version {
        HttpVersion::Http1 => serve_http1(io, &connection, &shutdown).await?,
        HttpVersion::Http2 => serve_http2(TokioIo::new(io), &connection, &shutdown).await?,
    };
    // A protocol switch: what is left of the upstream's leg gives its stream away.
    let finished = tasks.finished();
    tokio::pin!(finished);
    poll_fn(|cx| {
        let _ = connection.upstream.poll_drive(cx);
        finished.as_mut().poll(cx)
    })
    .await;
    let outcome = ended.or_else(|error| connection.classify(error));
    outcome.map(|()| Served { requests: tally.requests.load(Relaxed), blocked: tally.blocked.load(Relaxed) })
}

/// How an HTTP/1 connection stopped being driven.
enum Pause {
    /// It is over.
    Ended(hyper::Result<()>),
    /// Nothing is under way on either leg.
    Idle,
    /// It must not go on.
    Broken(Error),
}

/// HTTP/1: both legs are driven here, in turns with times in which hyper has neither.
async fn serve_http1(
    mut io: Downstream<Box<dyn Io>>,
    connection: &Arc<Connection>,
    shutdown: &CancellationToken,
) -> Result<hyper::Result<()>, Error> {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Idleness is bounded while the connection rests, a head that has begun by `Downstream`.
        .header_read_timeout(None)
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(connection.limits.head_fields)
        .max_header_size(connection.limits.head_bytes)
        .max_buf_size(connection.limits.head_bytes)
        .half_close(true);
    loop {
        let shared = Arc::clone(connection);
        // Boxed: hyper keeps the future inside its connection, which would make every idle connection as large as a busy one.
        let service = service_fn(move |request| Box::pin(exchange::serve(Arc::clone(&shared), request)));
        let unsettled = io.unsettled();
        let mut server = Box::new(builder.serve_connection(TokioIo::new(io), service).with_upgrades());
        match drive(server.as_mut(), connection, &unsettled, shutdown).await {
            Pause::Ended(ended) => return Ok(ended),
            Pause::Broken(error) => return Err(error),
            Pause::Idle => {}
        }
        // In a block of its own, or its box would live to the end of the turn.
        let parts = {
            let server = server;
            server.into_parts()
        };
        let Some(http1::Parts { io: stream, read_buf, .. }) = parts else { return Ok(Ok(())) };
        io = stream.into_inner();
        io.put_back(&read_buf);
        drop(read_buf);
        if !rest(&mut io, connection, shutdown).await {
            // Whatever the workload says to that: the connection is over.
            let _ = io.shutdown().await;
            return Ok(Ok(()));
        }
        connection.upstream.wake().await?;
    }
}

/// Drives both legs until the workload's has ended or both are idle. Drains when the upstream has gone or the gateway is asked
/// to stop.
async fn drive<S>(
    server: &mut S,
    connection: &Arc<Connection>,
    unsettled: &Unsettled,
    shutdown: &CancellationToken,
) -> Pause
where
    S: Drive,
{
    // Looked at now and then, so that a request sets no timer.
    let every = connection.limits.rest.max(Duration::from_millis(1));
    let mut tick = interval_at(Instant::now() + every, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(shutdown.cancelled());
    let mut forbidden = pin!(connection.forbidden.cancelled());
    let (mut draining, mut served, mut is_forbidden) = (false, None, false);
    let mut still = Still::new(connection);
    poll_fn(|cx| {
        if !is_forbidden && forbidden.as_mut().poll(cx).is_ready() {
            is_forbidden = true;
            if connection.tally.open.load(Relaxed) > 0 {
                return Poll::Ready(Pause::Broken(Error::Forbidden));
            }
        }
        if let Poll::Ready(ended) = Pin::new(&mut *server).poll(cx) {
            return Poll::Ready(Pause::Ended(ended));
        }
        // One that refuses is gone, and the workload is told so at its next request.
        let gone = connection.upstream.poll_drive(cx).is_ready() && connection.upstream.refused().is_none();
        if draining {
            while tick.poll_tick(cx).is_ready() {
                if let Some(error) = still.broken(unsettled) {
                    return Poll::Ready(Pause::Broken(error));
                }
            }
            return Poll::Pending;
        }
        if gone || stop.as_mut().poll(cx).is_ready() {
            draining = true;
            Pin::new(&mut *server).drain();
            return Pin::new(&mut *server).poll(cx).map(Pause::Ended);
        }
        while tick.poll_tick(cx).is_ready() {
            let tally = &connection.tally;
            let before = served.replace(tally.requests.load(Relaxed));
            let idle = before == served
                && tally.awaiting_head.load(Relaxed)
                && !tally.in_head.load(Relaxed)
                && !unsettled.is_set();
            if idle && (connection.upstream.rest() || connection.upstream.refused().is_some()) {
                return Poll::Ready(Pause::Idle);
            }
            if let Some(error) = still.broken(unsettled) {
                return Poll::Ready(Pause::Broken(error));
            }
        }
        Poll::Pending
    })
    .await
}

/// Since when nothing has moved.
struct Still<'a> {
    connection: &'a Connection,
    moved: u32,
    since: Instant,
}

impl<'a> Still<'a> {
    fn new(connection: &'a Connection) -> Self {
        Self { connection, moved: connection.tally.moved.load(Relaxed), since: Instant::now() }
    }

    /// Looks again: an error once that has been for too long.
    fn broken(&mut self, unsettled: &Unsettled) -> Option<Error> {
        let moved = self.connection.tally.moved.load(Relaxed);
        if std::mem::replace(&mut self.moved, moved) != moved {
            self.since = Instant::now();
            return None;
        }
        let after = self.connection.longest_silence();
        (self.since.elapsed() >= after).then(|| self.connection.stalled(unsettled.is_set()))
    }
}

/// Waits until one of two legs that hyper does not have says something; `false` when the connection is to end instead.
async fn rest(io: &mut Downstream<Box<dyn Io>>, connection: &Connection, shutdown: &CancellationToken) -> bool {
    let stirred = poll_fn(|cx| {
        // Both are asked, so that both wake this task.
        let downstream = io.poll_stir(cx).is_ready();
        if connection.upstream.poll_stir(cx).is_ready() || downstream { Poll::Ready(()) } else { Poll::Pending }
    });
    let idle = connection.limits.idle.saturating_sub(connection.limits.rest);
    let stirred = async {
        tokio::select! {
            biased;
            () = stirred => true,
            () = shutdown.cancelled() => false,
        }
    };
    timeout(idle, stirred).await.unwrap_or_else(|_| {
        connection.inspect.limit_reached(Limit::KeepaliveTimeout);
        false
    })
}

/// A server connection of hyper's.
trait Drive: Future<Output = hyper::Result<()>> + Unpin {
    /// Finishes what is under way and takes on nothing more.
    fn drain(self: Pin<&mut Self>);
}

impl<I, S, B> Drive for http1::UpgradeableConnection<I, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: Read + Write + Unpin + Send + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    Self: Unpin,
{
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn serve_http2(
    io: TokioIo<Downstream<Box<dyn Io>>>,
    connection: &Arc<Connection>,
    shutdown: &CancellationToken,
) -> Result<hyper::Result<()>, Error> {
    let shared = Arc::clone(connection);
    let service = service_fn(move |request| Box::pin(exchange::serve(Arc::clone(&shared), request)));
    let upstream_streams = u32::try_from(connection.upstream.max_streams().await).unwrap_or(u32::MAX);
    let server = http2::Builder::new(connection.tasks.clone())
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(settings::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(settings::CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(connection.limits.max_streams.min(upstream_streams).max(1))
        .max_header_list_size(settings::header_list_bytes(&connection.limits))
        .max_pending_accept_reset_streams(settings::MAX_PENDING_RESETS)
        .max_local_error_reset_streams(settings::MAX_LOCAL_RESETS)
        .serve_connection(io, service);
    tokio::pin!(server);
    let broken = broken_http2(connection);
    tokio::pin!(broken);
    let error = tokio::select! {
        ended = &mut server => return Ok(ended),
        error = &mut broken => error,
        () = async { tokio::select! {
            () = connection.upstream.gone() => {}
            () = shutdown.cancelled() => {}
        }} => {
            server.as_mut().graceful_shutdown();
            tokio::select! {
                ended = &mut server => return Ok(ended),
                error = &mut broken => error,
            }
        }
    };
    // What is said last is GOAWAY, as far as it gets.
    server.as_mut().graceful_shutdown();
    let parting = timeout(PARTING, server).await;
    match error {
        // Nothing was under way.
        None => Ok(parting.unwrap_or(Ok(()))),
        Some(error) => Err(error),
    }
}

/// Completes when an HTTP/2 connection must not go on: with why, or without an error when nothing was under way.
async fn broken_http2(connection: &Connection) -> Option<Error> {
    let tally = &connection.tally;
    let stalled = tally.stalled(connection.longest_silence());
    tokio::pin!(stalled);
    let mut forbidden = false;
    loop {
        tokio::select! {
            () = tally.calm.notified() => {
                connection.inspect.limit_reached(Limit::CancelledRequests);
                return Some(Error::Cancelled);
            }
            () = &mut stalled => {
                let error = connection.stalled(false);
                return (tally.open.load(Relaxed) > 0).then_some(error);
            }
            () = connection.forbidden.cancelled(), if !forbidden => {
                forbidden = true;
                if tally.open.load(Relaxed) > 0 {
                    return Some(Error::Forbidden);
                }
            }
        }
    }
}

impl Connection {
    /// How long nothing may move. A response head may take its own time.
    fn longest_silence(&self) -> Duration {
        self.limits.stream_idle.max(self.limits.response_head)
    }

    /// Nothing has moved for as long as it may not.
    fn stalled(&self, unsettled: bool) -> Error {
        self.inspect.limit_reached(Limit::StreamIdleTimeout);
        let side = if unsettled { Side::Downstream } else { Side::Upstream };
        Error::Stalled { side, after: self.longest_silence() }
    }

    /// Tells a broken connection from one that ended as connections do.
    fn classify(&self, error: hyper::Error) -> Result<(), Error> {
        if error.is_parse() {
            // hyper has answered by itself and no service was called; the evidence must not miss it.
            let too_large = error.is_parse_too_large();
            let status = if too_large { StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            if too_large {
                self.inspect.limit_reached(Limit::HeadBytes);
            }
            ExchangeLog::unreadable(&self.inspect, &self.exchange, &self.tally, self.ids.next(), status);
            return Ok(());
        }
        if error.is_timeout() {
            return Ok(());
        }
        if self.tally.in_head.load(Relaxed) && is_late(&error) {
            self.inspect.limit_reached(Limit::HeadTimeout);
        }
        if Error::is_flood(&error) {
            return Err(Error::Flood(error));
        }
        Err(match self.broken.get() {
            Some(Side::Upstream) => Error::Upstream(error),
            Some(Side::Gateway) => Error::Stopped,
            Some(Side::Downstream) | None => Error::Downstream(error),
        })
    }
}

/// Whether a head took too long, as `Downstream` says it.
fn is_late(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::TimedOut)
}

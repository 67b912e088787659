//! Drives one intercepted connection: hyper's server on the workload's leg, its client on the upstream's.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use http::StatusCode;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;

use super::downstream::{Downstream, Unread};
use super::exchange::{self, Connection};
use super::log::{ExchangeLog, Tally};
use super::tasks::Tasks;
use super::upstream::{Io, Upstream};
use super::{Error, Served, Session, settings};
use crate::model::{HttpVersion, Side};

/// Serves a workload's connection until it ends, each request judged before anything of it reaches `upstream`.
///
/// Both streams are connected and, where TLS is spoken, past their handshakes with the same ALPN. The legs mirror each
/// other: when the upstream closes, the workload's connection is drained. Dropping the future ends everything at once;
/// every request that was read still ends in exactly one [`super::Inspect::exchange_done`].
///
/// # Errors
/// [`Error`] says how the connection broke and whose side it was; refused requests and orderly closes are no errors.
pub async fn serve(
    downstream: impl Io + 'static,
    upstream: impl Io + 'static,
    session: Session,
) -> Result<Served, Error> {
    let Session { exchange, inspect, limits, budget, ids, redial, shutdown } = session;
    let version = exchange.version;
    let tally = Arc::new(Tally { awaiting_head: AtomicBool::new(true), ..Tally::default() });
    let unread = Arc::new(Unread::default());
    let (tasks, _end_with_this_future) = Tasks::new();
    let connection = Arc::new(Connection {
        upstream: Upstream::open(upstream, version, redial).await?,
        broken: OnceLock::new(),
        exchange,
        inspect,
        limits,
        budget,
        ids,
        tasks: tasks.clone(),
        tally: Arc::clone(&tally),
        shutdown: shutdown.clone(),
        unread: Arc::clone(&unread),
    });
    let head_timeout = (version == HttpVersion::Http1).then_some(limits.head);
    let io = TokioIo::new(Downstream::new(downstream, Arc::clone(&tally), unread, head_timeout));
    let ended = match version {
        HttpVersion::Http1 => serve_http1(io, &connection, &shutdown).await,
        HttpVersion::Http2 => serve_http2(io, &connection, &shutdown).await,
    };
    tasks.finished().await;
    let outcome = ended.or_else(|error| connection.classify(error));
    outcome.map(|()| Served { requests: tally.requests.load(Relaxed), blocked: tally.blocked.load(Relaxed) })
}

/// Awaits a server connection, and drains it when the upstream has gone or the gateway is asked to stop.
macro_rules! run_until_drained {
    ($server:ident, $connection:ident, $shutdown:ident) => {{
        tokio::pin!($server);
        tokio::select! {
            ended = &mut $server => ended,
            () = async { tokio::select! {
                () = $connection.upstream.gone() => {}
                () = $shutdown.cancelled() => {}
            }} => {
                $server.as_mut().graceful_shutdown();
                $server.await
            }
        }
    }};
}

async fn serve_http1<I: Io + 'static>(
    io: TokioIo<Downstream<I>>,
    connection: &Arc<Connection>,
    shutdown: &CancellationToken,
) -> hyper::Result<()> {
    let shared = Arc::clone(connection);
    // Boxed: hyper keeps the future inside its connection, which would make every idle connection as large as a busy one.
    let service = service_fn(move |request| Box::pin(exchange::serve(Arc::clone(&shared), request)));
    let server = http1::Builder::new()
        .timer(TokioTimer::new())
        // Measured from when hyper begins to wait, so it bounds idleness; `Downstream` bounds a head that has begun.
        .header_read_timeout(connection.limits.idle)
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(settings::MAX_HEADERS)
        .max_header_size(settings::MAX_HEAD_BYTES)
        .max_buf_size(settings::MAX_HEAD_BYTES)
        .half_close(true)
        .serve_connection(io, service)
        .with_upgrades();
    run_until_drained!(server, connection, shutdown)
}

async fn serve_http2<I: Io + 'static>(
    io: TokioIo<Downstream<I>>,
    connection: &Arc<Connection>,
    shutdown: &CancellationToken,
) -> hyper::Result<()> {
    let shared = Arc::clone(connection);
    let service = service_fn(move |request| Box::pin(exchange::serve(Arc::clone(&shared), request)));
    let upstream_streams = u32::try_from(connection.upstream.max_streams().await).unwrap_or(u32::MAX);
    let server = http2::Builder::new(connection.tasks.clone())
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(settings::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(settings::CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(connection.limits.max_streams.min(upstream_streams).max(1))
        .max_header_list_size(settings::MAX_HEAD_BYTES_H2)
        .max_pending_accept_reset_streams(settings::MAX_PENDING_RESETS)
        .max_local_error_reset_streams(settings::MAX_LOCAL_RESETS)
        .serve_connection(io, service);
    run_until_drained!(server, connection, shutdown)
}

impl Connection {
    /// Tells a broken connection from one that ended as connections do.
    fn classify(&self, error: hyper::Error) -> Result<(), Error> {
        if error.is_parse() {
            // hyper has answered by itself and no service was called; the evidence must not miss it.
            let too_large = error.is_parse_too_large();
            let status = if too_large { StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            ExchangeLog::unreadable(&self.inspect, &self.exchange, &self.tally, self.ids.next(), status);
            return Ok(());
        }
        if error.is_timeout() {
            return Ok(());
        }
        Err(match self.broken.get() {
            Some(Side::Upstream) => Error::Upstream(error),
            Some(Side::Gateway) => Error::Stopped,
            Some(Side::Downstream) | None => Error::Downstream(error),
        })
    }
}

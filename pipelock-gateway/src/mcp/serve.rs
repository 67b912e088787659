//! Accepting on the MCP port: one task a connection, HTTP/1.1.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::pool::Pool;
use super::state::State;
use super::{Endpoint, Judge, Note, Store};
use crate::http::{Accepted, Acceptor, BodyBudget, Port, Redial};

/// Bounds of the door.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections at once; one more is reset.
    pub max_connections: usize,
    /// Streams at once; one more is answered 503.
    pub max_streams: usize,
    /// From accept, or from the end of the last answer, to the end of a request head.
    pub head_timeout: Duration,
    /// How long the server may think; tools take minutes.
    pub response_head: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 2048,
            max_streams: 256,
            head_timeout: Duration::from_secs(75),
            response_head: Duration::from_mins(10),
        }
    }
}

/// The MCP port.
pub struct Door(Arc<Shared>);

/// What connections share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) endpoint: Endpoint,
    pub(super) pool: Pool,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) state: State,
    pub(super) budget: BodyBudget,
    pub(super) streams: Arc<Semaphore>,
    /// Whether the port is on loopback only.
    pub(super) on_loopback: Mutex<bool>,
}

impl Door {
    /// A door that is not open yet. `dial` opens a connection to the endpoint, TLS and verification included.
    pub fn new(
        options: Options,
        endpoint: Endpoint,
        dial: Redial,
        judge: Arc<dyn Judge>,
        store: Arc<dyn Store>,
        budget: BodyBudget,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(options.max_streams));
        let pool = Pool::new(dial, options.response_head);
        let state = State::new(store, &endpoint);
        Self(Arc::new(Shared {
            options,
            endpoint,
            pool,
            judge,
            state,
            budget,
            streams,
            on_loopback: Mutex::new(false),
        }))
    }

    /// Serves until `shutdown`, then lets what is open finish; streams end then, since clients resume them. Dropping the
    /// future ends everything at once.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let loopback = listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        *self.0.on_loopback.lock().unwrap_or_else(PoisonError::into_inner) = loopback;
        let most = self.0.options.max_connections;
        let mut port = Acceptor::new(Arc::clone(&self.0), listener, most, shutdown.clone());
        while let Some(Accepted { stream, peer, place }) = port.next().await {
            let (shared, shutdown) = (Arc::clone(&self.0), shutdown.clone());
            port.spawn(async move {
                let _place = place;
                shared.connection(stream, peer, shutdown).await;
            });
        }
        port.finish().await;
    }
}

impl Port for Shared {
    const NAME: &'static str = "MCP port";

    fn panicked(&self) {
        self.judge.note(Note::Panic);
    }

    fn turned_away(&self) {}
}

impl Shared {
    pub(super) fn on_loopback(&self) -> bool {
        *self.on_loopback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, shutdown: CancellationToken) {
        // Latency of small writes; failing to set it costs only that.
        let _ = stream.set_nodelay(true);
        let _open = Open::new(&self.judge);
        let ids = Arc::new(self.judge.accepted(peer));
        let peer: IpAddr = peer.ip().to_canonical();
        let service = service_fn({
            let (shared, shutdown) = (Arc::clone(&self), shutdown.clone());
            move |request| {
                let (shared, ids, shutdown) = (Arc::clone(&shared), Arc::clone(&ids), shutdown.clone());
                // Boxed: the exchange's state is large and an idle connection must not carry it.
                async move { Ok::<_, Infallible>(Box::pin(shared.exchange(request, peer, ids.next(), shutdown)).await) }
            }
        });
        let conn = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.options.head_timeout)
            .preserve_header_case(true)
            .auto_date_header(false)
            .max_headers(128)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        let mut conn = pin!(conn);
        let mut stopping = pin!(shutdown.cancelled());
        let mut stopped = false;
        loop {
            tokio::select! {
                served = conn.as_mut() => {
                    if let Err(error) = served {
                        tracing::debug!(%peer, %error, "a connection on the MCP port ended early");
                    }
                    return;
                }
                () = &mut stopping, if !stopped => {
                    stopped = true;
                    conn.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Counts a connection as open until dropped.
struct Open(Arc<dyn Judge>);

impl Open {
    fn new(judge: &Arc<dyn Judge>) -> Self {
        judge.note(Note::Connection(true));
        Self(Arc::clone(judge))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.note(Note::Connection(false));
    }
}

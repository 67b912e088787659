//! The leg to the upstream: one connection, mirrored.
//!
//! There is no pool: identity bound to a connection, close and GOAWAY stay what they are without us. When the upstream has
//! closed an idle connection while a body was being held, and nothing of the request was written, the same address is
//! dialled once more through [`Redial`]; otherwise nothing is ever retried here, the client decides.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, Notify};
use tokio_util::task::AbortOnDropHandle;

use super::Error;
use super::body::ToUpstream;
use super::settings;
use crate::model::HttpVersion;

/// A stream of either kind, TCP or TLS.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Dials the same upstream again, TLS and verification included; the ALPN must come out as before.
pub type Redial = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>> + Send + Sync>;

/// The leg, shared by the requests of one connection.
pub(super) struct Upstream {
    version: HttpVersion,
    leg: Mutex<Leg>,
    redial: Option<Redial>,
    /// Rung when a connection to the upstream has ended, so that the workload's can follow.
    gone: Arc<Gone>,
}

/// How the workload's leg learns that the upstream's has ended.
#[derive(Default)]
struct Gone {
    ended: Notify,
    /// A protocol switch is being asked for: hyper's part ends with the `101`, the connection does not.
    switching: AtomicBool,
}

impl Gone {
    fn ring(&self) {
        if !self.switching.load(Relaxed) {
            self.ended.notify_one();
        }
    }
}

struct Leg {
    sender: Sender,
    max_streams: usize,
    /// Runs the connection; dropping it closes the leg.
    _driver: AbortOnDropHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<ToUpstream>),
    Http2(http2::SendRequest<ToUpstream>),
}

type Sent = Result<Response<Incoming>, Box<TrySendError<Request<ToUpstream>>>>;

impl Upstream {
    /// Speaks the first bytes on a connected stream.
    pub(super) async fn open(
        io: impl Io + 'static,
        version: HttpVersion,
        redial: Option<Redial>,
    ) -> Result<Self, Error> {
        let gone = Arc::new(Gone::default());
        let leg = Leg::open(io, version, Arc::clone(&gone)).await?;
        Ok(Self { version, leg: Mutex::new(leg), redial, gone })
    }

    /// Completes when a connection to the upstream has ended.
    pub(super) async fn gone(&self) {
        self.gone.ended.notified().await;
    }

    /// Says whether the request being sent asks to switch protocols, and later that the answer was not to.
    pub(super) fn set_switching(&self, switching: bool) {
        self.gone.switching.store(switching, Relaxed);
    }

    /// How many streams the upstream takes at once, as far as it had said when the leg was opened.
    pub(super) async fn max_streams(&self) -> usize {
        self.leg.lock().await.max_streams
    }

    /// Sends a request and waits for the response head. Dropping the future cancels the request upstream.
    pub(super) async fn send(&self, request: Request<ToUpstream>) -> Result<Response<Incoming>, Error> {
        let mut returned = match self.try_send(request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        // Handed back: not a byte of it was written.
        match (returned.take_message(), &self.redial) {
            (Some(request), Some(redial)) => {
                let io = redial().await.map_err(Error::Redial)?;
                *self.leg.lock().await = Leg::open(io, self.version, Arc::clone(&self.gone)).await?;
                self.try_send(request).await.map_err(|error| Error::upstream(error.into_error()))
            }
            _ => Err(Error::upstream(returned.into_error())),
        }
    }

    async fn try_send(&self, request: Request<ToUpstream>) -> Sent {
        let mut leg = self.leg.lock().await;
        match &mut leg.sender {
            // The lock is held until the head is there: requests come one after the other anyway. `ready` also waits for
            // the end of the last response; its error says the same as the one sending gives, with the request lost.
            Sender::Http1(sender) => {
                let _ = sender.ready().await;
                sender.try_send_request(request).await.map_err(Box::new)
            }
            Sender::Http2(sender) => {
                let mut sender = sender.clone();
                drop(leg);
                sender.try_send_request(request).await.map_err(Box::new)
            }
        }
    }
}

impl Leg {
    async fn open(io: impl Io + 'static, version: HttpVersion, gone: Arc<Gone>) -> Result<Self, Error> {
        let io = TokioIo::new(io);
        let (sender, max_streams, driver) = match version {
            HttpVersion::Http1 => {
                let (sender, connection) = http1::Builder::new()
                    .preserve_header_case(true)
                    .max_headers(settings::MAX_HEADERS)
                    .max_buf_size(settings::MAX_HEAD_BYTES)
                    .handshake(io)
                    .await
                    .map_err(Error::upstream)?;
                let driver = tokio::spawn(async move {
                    // Requests in flight learn of an error themselves; without one there is nobody to tell.
                    let _ = connection.with_upgrades().await;
                    gone.ring();
                });
                (Sender::Http1(sender), 1, driver)
            }
            HttpVersion::Http2 => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .initial_stream_window_size(settings::STREAM_WINDOW_BYTES)
                    .initial_connection_window_size(settings::CONNECTION_WINDOW_BYTES)
                    .max_header_list_size(settings::MAX_HEAD_BYTES_H2)
                    .max_pending_accept_reset_streams(settings::MAX_PENDING_RESETS)
                    .max_local_error_reset_streams(settings::MAX_LOCAL_RESETS)
                    .handshake(io)
                    .await
                    .map_err(Error::upstream)?;
                let max_streams = connection.current_max_send_streams();
                let driver = tokio::spawn(async move {
                    let _ = connection.await;
                    gone.ring();
                });
                (Sender::Http2(sender), max_streams, driver)
            }
        };
        Ok(Self { sender, max_streams, _driver: AbortOnDropHandle::new(driver) })
    }
}

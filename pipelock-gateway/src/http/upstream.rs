//! The leg to the upstream: one connection, mirrored.
//!
//! There is no pool: identity bound to a connection, close and GOAWAY stay what they are without us. When the upstream has
//! closed an idle connection while a body was being held, and nothing of the request was written, the same address is
//! dialled once more through [`Redial`]; otherwise nothing is ever retried here, the client decides.
//!
//! An HTTP/1 connection is driven by the task of the workload's, see [`Upstream::poll_drive`]: one request costs no change of
//! thread. Between requests it can be put to rest, which gives hyper's buffers back and keeps the stream.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex as StdMutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Mutex, Notify};
use tokio_util::task::AbortOnDropHandle;

use super::body::ToUpstream;
use super::downstream::Moving;
use super::log::Tally;
use super::rest::{Restful, Unsettled};
use super::{Error, Limits, settings};
use crate::model::{BlockReason, HttpVersion};

/// A stream of either kind, TCP or TLS.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Dials the same upstream again, TLS and verification included; the ALPN must come out as before.
pub type Redial = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>> + Send + Sync>;

/// Tells from an error of the upstream's stream whether it refuses to be spoken with, and why.
pub type TellRefusal = fn(&io::Error) -> Option<BlockReason>;

/// The leg, shared by the requests of one connection.
pub(super) struct Upstream {
    version: HttpVersion,
    leg: Mutex<Leg>,
    /// The HTTP/1 connection behind the leg's sender. Locked for no longer than it is polled, and by nothing that it polls.
    line: StdMutex<Line>,
    redial: Option<Redial>,
    refusal: Option<Arc<Refusal>>,
    /// A protocol switch is being asked for: hyper's part ends with the `101`, the connection does not.
    switching: AtomicBool,
    /// Rung when an HTTP/2 connection has ended.
    ended: Arc<Notify>,
    limits: Limits,
    tally: Arc<Tally>,
}

/// An upstream that may refuse to be spoken with after its leg was opened.
pub(super) struct Refusal {
    tell: TellRefusal,
    told: OnceLock<BlockReason>,
}

impl Refusal {
    /// Takes note of an error of its stream.
    pub(super) fn note(&self, error: &io::Error) {
        if let Some(reason) = (self.tell)(error) {
            let _ = self.told.set(reason);
        }
    }
}

type Stream = Moving<Box<dyn Io>>;

/// An HTTP/1 connection and what drives it.
enum Line {
    /// hyper speaks.
    Open(Box<http1::Connection<TokioIo<Restful<Stream>>, ToUpstream>>, Unsettled),
    /// hyper speaks, and gives the stream away when the upstream agrees to switch.
    Switching(Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>),
    /// Nobody speaks.
    Resting(Restful<Stream>),
    /// It is over, or there is none: HTTP/2.
    Ended,
}

struct Leg {
    sender: Sender,
    max_streams: usize,
    /// Runs an HTTP/2 connection; dropping it closes the leg.
    _driver: Option<AbortOnDropHandle<()>>,
}

enum Sender {
    /// None while an HTTP/1 connection rests: its queue alone has room for 32 requests.
    Resting,
    Http1(http1::SendRequest<ToUpstream>),
    Http2(http2::SendRequest<ToUpstream>),
}

type Sent = Result<Response<Incoming>, Box<TrySendError<Request<ToUpstream>>>>;

impl Upstream {
    /// Speaks the first bytes on a connected stream.
    pub(super) async fn open(
        io: Box<dyn Io>,
        version: HttpVersion,
        (redial, refusal): (Option<Redial>, Option<TellRefusal>),
        (limits, tally): (Limits, Arc<Tally>),
    ) -> Result<Self, Error> {
        let ended = Arc::new(Notify::new());
        let refusal = refusal.map(|tell| Arc::new(Refusal { tell, told: OnceLock::new() }));
        let io = Moving::new(io, Arc::clone(&tally), refusal.clone());
        let (leg, line) = open(io, version, &ended, &limits).await?;
        let (leg, line) = (Mutex::new(leg), StdMutex::new(line));
        Ok(Self { version, leg, line, redial, refusal, switching: AtomicBool::new(false), ended, limits, tally })
    }

    /// Drives an HTTP/1 connection; ready when it has ended, so that the workload's can follow.
    pub(super) fn poll_drive(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut line = self.line();
        if self.switching.load(Relaxed)
            && matches!(*line, Line::Open(..))
            && let Line::Open(open, _) = std::mem::replace(&mut *line, Line::Ended)
        {
            *line = Line::Switching(Box::pin(open.with_upgrades()));
        }
        let polled = match &mut *line {
            Line::Open(connection, _) => Pin::new(connection.as_mut()).poll(cx),
            Line::Switching(connection) => connection.as_mut().poll(cx),
            Line::Resting(_) => return Poll::Pending,
            Line::Ended => Poll::Ready(Ok(())),
        };
        // Requests in flight learn of an error themselves; without one there is nobody to tell.
        let Poll::Ready(_) = polled else { return Poll::Pending };
        let over = std::mem::replace(&mut *line, Line::Ended);
        drop(line);
        drop(over);
        if self.switching.load(Relaxed) { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Completes when an HTTP/2 connection has ended, unless it has because the upstream refuses.
    pub(super) async fn gone(&self) {
        self.ended.notified().await;
        if self.refused().is_some() {
            std::future::pending::<()>().await;
        }
    }

    /// Why the upstream refuses to be spoken with, if it does.
    pub(super) fn refused(&self) -> Option<BlockReason> {
        self.refusal.as_ref().and_then(|refusal| refusal.told.get()).copied()
    }

    /// Says whether the request being sent asks to switch protocols, and later that the answer was not to.
    pub(super) fn set_switching(&self, switching: bool) {
        self.switching.store(switching, Relaxed);
    }

    /// How many streams the upstream takes at once, as far as it had said when the leg was opened.
    pub(super) async fn max_streams(&self) -> usize {
        self.leg.lock().await.max_streams
    }

    /// Puts an HTTP/1 connection to rest, if nothing is under way on it; whether that was so.
    pub(super) fn rest(&self) -> bool {
        let Ok(mut leg) = self.leg.try_lock() else { return false };
        let mut line = self.line();
        let idle = matches!(&leg.sender, Sender::Http1(sender) if sender.is_ready());
        if !idle || !matches!(&*line, Line::Open(_, unsettled) if !unsettled.is_set()) {
            return false;
        }
        let Line::Open(connection, _) = std::mem::replace(&mut *line, Line::Ended) else { return false };
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        let mut io = io.into_inner();
        io.unread(&read_buf);
        leg.sender = Sender::Resting;
        *line = Line::Resting(io);
        true
    }

    /// Ready when something comes from an upstream that rests, its end included.
    pub(super) fn poll_stir(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.line() {
            Line::Resting(io) => io.poll_stir(cx),
            // It has said its last word.
            Line::Ended if self.refused().is_some() => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// Lets hyper speak again on a connection that rests.
    pub(super) async fn wake(&self) -> Result<(), Error> {
        let mut leg = self.leg.lock().await;
        let resting = {
            let mut line = self.line();
            match std::mem::replace(&mut *line, Line::Ended) {
                Line::Resting(io) => io,
                other => {
                    *line = other;
                    return Ok(());
                }
            }
        };
        let (sender, line) = open_http1(resting, &self.limits).await?;
        leg.sender = Sender::Http1(sender);
        *self.line() = line;
        Ok(())
    }

    /// Sends a request and waits for the response head. Dropping the future cancels the request upstream.
    pub(super) async fn send(&self, request: Request<ToUpstream>) -> Result<Response<Incoming>, Error> {
        let mut returned = match self.try_send(request).await? {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        // Handed back: not a byte of it was written.
        match (returned.take_message(), &self.redial) {
            (Some(request), Some(redial)) if self.refused().is_none() => {
                let io = redial().await.map_err(Error::Redial)?;
                let io = Moving::new(io, Arc::clone(&self.tally), self.refusal.clone());
                let (leg, line) = open(io, self.version, &self.ended, &self.limits).await?;
                *self.leg.lock().await = leg;
                *self.line() = line;
                self.try_send(request).await?.map_err(|error| Error::upstream(error.into_error()))
            }
            _ => Err(Error::upstream(returned.into_error())),
        }
    }

    async fn try_send(&self, request: Request<ToUpstream>) -> Result<Sent, Error> {
        let mut leg = self.leg.lock().await;
        Ok(match &mut leg.sender {
            // Whoever serves requests has woken it before.
            Sender::Resting => return Err(Error::Redial(io::ErrorKind::NotConnected.into())),
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
        })
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(io: Stream, version: HttpVersion, ended: &Arc<Notify>, limits: &Limits) -> Result<(Leg, Line), Error> {
    match version {
        HttpVersion::Http1 => {
            let (sender, line) = open_http1(Restful::new(io), limits).await?;
            Ok((Leg { sender: Sender::Http1(sender), max_streams: 1, _driver: None }, line))
        }
        HttpVersion::Http2 => Ok((open_http2(io, Arc::clone(ended), limits).await?, Line::Ended)),
    }
}

async fn open_http1(io: Restful<Stream>, limits: &Limits) -> Result<(http1::SendRequest<ToUpstream>, Line), Error> {
    let unsettled = io.unsettled();
    let (sender, connection) = http1::Builder::new()
        .preserve_header_case(true)
        .max_headers(limits.head_fields)
        .max_buf_size(limits.head_bytes)
        .handshake(TokioIo::new(io))
        .await
        .map_err(Error::upstream)?;
    Ok((sender, Line::Open(Box::new(connection), unsettled)))
}

async fn open_http2(io: Stream, ended: Arc<Notify>, limits: &Limits) -> Result<Leg, Error> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(settings::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(settings::CONNECTION_WINDOW_BYTES)
        .max_header_list_size(settings::header_list_bytes(limits))
        .max_pending_accept_reset_streams(settings::MAX_PENDING_RESETS)
        .max_local_error_reset_streams(settings::MAX_LOCAL_RESETS)
        .handshake(TokioIo::new(io))
        .await
        .map_err(Error::upstream)?;
    let max_streams = connection.current_max_send_streams();
    let driver = tokio::spawn(async move {
        let _ = connection.await;
        ended.notify_one();
    });
    Ok(Leg { sender: Sender::Http2(sender), max_streams, _driver: Some(AbortOnDropHandle::new(driver)) })
}

//! Connections to the one upstream: HTTP/1.1, kept for the next request, dialled through what the pipeline gives.
//!
//! Nothing is bound to a connection here (who asks is said in each request), so they are shared. A request is sent a second
//! time only when the first connection turned out to be closed before a byte of it was written. A connection has no task of
//! its own: whoever waits for something on it moves it, so that an exchange is no hand-over between threads.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{sleep, timeout};

use crate::http::{Io, Redial};

/// Idle connections kept.
const MAX_IDLE: usize = 128;
/// How long; shorter than Puma's 20 s and Node's 5 s are answered by trying again.
const IDLE: Duration = Duration::from_secs(10);
/// TCP and TLS together; longer than the dialler's own limit.
const DIAL: Duration = Duration::from_secs(15);

/// The upstream leg.
pub(super) struct Pool {
    dial: Redial,
    idle: Arc<Idle>,
    response_head: Duration,
}

/// A connection, and who puts requests on it.
struct Leg {
    sender: SendRequest<Full<Bytes>>,
    wire: Wire,
}

/// The part of a connection that moves bytes, until it ends.
struct Wire(Option<Pin<Box<Moved>>>);

type Moved = Connection<TokioIo<Box<dyn Io>>, Full<Bytes>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// No connection.
    #[error("connecting to the MCP upstream")]
    Dial(#[source] std::io::Error),
    /// The connection broke.
    #[error("http with the MCP upstream")]
    Http(#[source] hyper::Error),
    /// No answer in time.
    #[error("the MCP upstream did not answer within {0:?}")]
    Timeout(Duration),
}

/// The body of an answer and the connection it comes on; dropping it before its end closes that, which cancels the work.
pub(super) struct Answer {
    body: Incoming,
    leg: Leg,
    idle: Arc<Idle>,
}

impl Wire {
    /// Moves what can be moved now.
    fn advance(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = &mut self.0 else { return };
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to the MCP upstream ended");
            }
            self.0 = None;
        }
    }

    /// Waits for something that happens on the connection.
    async fn until<F: Future>(&mut self, step: F) -> F::Output {
        let mut step = pin!(step);
        poll_fn(|cx| {
            self.advance(cx);
            step.as_mut().poll(cx)
        })
        .await
    }
}

impl Answer {
    /// Keeps the connection for the next request; only after the answer's last byte was read.
    pub(super) fn give_back(self) {
        let Self { leg, idle, .. } = self;
        if leg.wire.0.is_some() && !leg.sender.is_closed() {
            idle.keep(leg);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, leg, .. } = &mut *self;
        // Asking first says that more is wanted; without that nothing more is read.
        let mut body = Pin::new(body);
        if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
            return Poll::Ready(frame);
        }
        leg.wire.advance(cx);
        body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Connections that wait for a request, the one used last at the end.
#[derive(Default)]
struct Idle(Mutex<Resting>);

#[derive(Default)]
struct Resting {
    legs: Vec<(Leg, Instant)>,
    /// A task closes those that rest too long.
    watched: bool,
}

impl Resting {
    /// Closes those that have waited too long.
    fn prune(&mut self) {
        let fresh = self.legs.iter().position(|(_, since)| since.elapsed() < IDLE);
        self.legs.drain(..fresh.unwrap_or(self.legs.len()));
    }
}

impl Idle {
    fn lock(&self) -> MutexGuard<'_, Resting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(self: Arc<Self>, leg: Leg) {
        let mut resting = self.lock();
        if resting.legs.len() < MAX_IDLE {
            resting.legs.push((leg, Instant::now()));
        }
        if !std::mem::replace(&mut resting.watched, true) {
            tokio::spawn(watch(Arc::downgrade(&self)));
        }
    }

    fn take(&self) -> Option<Leg> {
        // The one used last is the one least likely to have been closed.
        let (leg, since) = self.lock().legs.pop()?;
        (since.elapsed() < IDLE).then_some(leg)
    }
}

/// Closes connections that nobody uses, until there are none.
async fn watch(idle: Weak<Idle>) {
    loop {
        #[expect(clippy::disallowed_methods, reason = "that a connection is not used is no event")]
        sleep(IDLE).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut resting = idle.lock();
        resting.prune();
        if resting.legs.is_empty() {
            resting.watched = false;
            return;
        }
    }
}

impl Pool {
    pub(super) fn new(dial: Redial, response_head: Duration) -> Self {
        Self { dial, idle: Arc::default(), response_head }
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Answer>, Error> {
        let mut request = request;
        loop {
            let kept = self.idle.take();
            let reused = kept.is_some();
            let mut leg = match kept {
                Some(leg) => leg,
                None => self.dial().await?,
            };
            let Leg { sender, wire } = &mut leg;
            // One that was closed meanwhile is told here.
            if wire.until(sender.ready()).await.is_err() && reused {
                continue;
            }
            let sent = timeout(self.response_head, wire.until(sender.try_send_request(request))).await;
            match sent.map_err(|_| Error::Timeout(self.response_head))? {
                Ok(response) => return Ok(response.map(|body| Answer { body, leg, idle: Arc::clone(&self.idle) })),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(Error::Http(error.into_error())),
                },
            }
        }
    }

    async fn dial(&self) -> Result<Leg, Error> {
        let timed_out = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let io = timeout(DIAL, (self.dial)()).await.map_err(|_| Error::Dial(timed_out()))?.map_err(Error::Dial)?;
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .max_headers(128)
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(io))
            .await
            .map_err(Error::Http)?;
        Ok(Leg { sender, wire: Wire(Some(Box::pin(connection))) })
    }
}

//! Connections to the one upstream: HTTP/1.1, kept for the next request, dialled through what the pipeline gives.
//!
//! Nothing is bound to a connection here (who asks is said in each request), so they are shared. A request is sent a second
//! time only when the first connection turned out to be closed before a byte of it was written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::http::Redial;

/// Idle connections kept.
const MAX_IDLE: usize = 128;
/// How long; shorter than Puma's 20 s and Node's 5 s are answered by trying again.
const IDLE: Duration = Duration::from_secs(10);
/// TCP and TLS together; longer than the dialler's own limit.
const DIAL: Duration = Duration::from_secs(15);

/// The upstream leg.
pub(super) struct Pool {
    dial: Redial,
    idle: Arc<Mutex<Vec<(Leg, Instant)>>>,
    response_head: Duration,
}

type Leg = SendRequest<Full<Bytes>>;

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

/// A connection in use; given back when the answer has been read to its end.
pub(super) struct Borrowed {
    leg: Leg,
    idle: Arc<Mutex<Vec<(Leg, Instant)>>>,
}

impl Borrowed {
    /// Keeps the connection for the next request; only after the answer's last byte was read.
    pub(super) fn give_back(self) {
        if self.leg.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push((self.leg, Instant::now()));
        }
    }
}

impl Pool {
    pub(super) fn new(dial: Redial, response_head: Duration) -> Self {
        Self { dial, idle: Arc::default(), response_head }
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<(Response<Incoming>, Borrowed), Error> {
        let mut request = request;
        loop {
            let kept = self.take();
            let reused = kept.is_some();
            let mut leg = match kept {
                Some(leg) => leg,
                None => self.dial().await?,
            };
            // A leg that was given back may still be finishing; one that ended is told here.
            if leg.ready().await.is_err() && reused {
                continue;
            }
            let sent = timeout(self.response_head, leg.try_send_request(request)).await;
            match sent.map_err(|_| Error::Timeout(self.response_head))? {
                Ok(response) => return Ok((response, Borrowed { leg, idle: Arc::clone(&self.idle) })),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(Error::Http(error.into_error())),
                },
            }
        }
    }

    fn take(&self) -> Option<Leg> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The one used last is the one least likely to have been closed.
        while let Some((leg, since)) = idle.pop() {
            if since.elapsed() < IDLE && !leg.is_closed() {
                return Some(leg);
            }
        }
        None
    }

    async fn dial(&self) -> Result<Leg, Error> {
        let timed_out = || std::io::Error::from(std::io::ErrorKind::TimedOut);
        let io = timeout(DIAL, (self.dial)()).await.map_err(|_| Error::Dial(timed_out()))?.map_err(Error::Dial)?;
        let (leg, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .max_headers(128)
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(io))
            .await
            .map_err(Error::Http)?;
        // It ends by itself when the sender and the body of the last answer are gone.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the MCP upstream ended");
            }
        });
        Ok(leg)
    }
}

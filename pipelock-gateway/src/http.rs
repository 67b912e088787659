//! HTTP on both legs: serve the workload, ask the upstream, show what passes to a judge, enforce what it says.
//!
//! Versions are never translated: both legs speak what the upstream chose. This module enforces a
//! [`crate::model::Verdict`] and never forms one; rules live behind [`Inspect`]. A request travels `exchange` (check, judge
//! the head) → `upload` (hold and judge the body) → `upstream`; the answer comes back through `download` (judge the body,
//! held or on its way) and `body`, and `log` hands one record to the judge at the end.
//!
//! What both ends can notice is a table in `ARCHITECTURE.md`, which `tests/http/differential` holds this module to. Beside it,
//! a client that has shut down its writing side is still answered, so one that left for good is noticed by writing.

mod accept;
mod block;
mod body;
mod budget;
mod coding;
mod download;
mod downstream;
mod envelopes;
mod exchange;
mod framing;
#[cfg(feature = "testing")]
pub mod fuzzing;
mod hygiene;
mod inspect;
mod judged;
mod log;
mod measured;
pub mod multipart;
mod rest;
mod server;
mod settings;
pub mod sse;
mod tasks;
mod upgrade;
mod upload;
mod upstream;
mod websocket;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub(crate) use accept::{Accepted, Acceptor, Port};
pub use budget::BodyBudget;
pub(crate) use budget::Lease;
pub(crate) use coding::Decoder;
pub use inspect::{BodyInspect, Exchange, Inspect, Release, Step, WebSocketMeter};
pub(crate) use measured::Measured;
pub use server::serve;
pub use upstream::{Io, Redial, TellRefusal};
pub use websocket::WebSocketLimits;

use crate::model::{ConnId, RequestId, Side};

/// What [`serve`] needs to know beside the two streams.
pub struct Session {
    /// The connection, as the judge sees it; its version is spoken on both legs.
    pub exchange: Arc<Exchange>,
    /// The judge.
    pub inspect: Arc<dyn Inspect>,
    /// Bounds for this connection.
    pub limits: Limits,
    /// Bound on held bytes, shared by the process.
    pub budget: BodyBudget,
    /// Numbers the requests.
    pub ids: RequestIds,
    /// Reaches the same upstream again when it closed an idle connection under a request that was still being held.
    /// Without it such a request is not answered, which clients take as a closed connection.
    pub redial: Option<Redial>,
    /// Tells from an error of the upstream's stream that it refuses to be spoken with, and why: then requests are answered with
    /// that instead of ending as it did.
    pub refusal: Option<TellRefusal>,
    /// When cancelled: finish what is open, accept nothing new (GOAWAY on HTTP/2). Dropping the future is the hard stop.
    pub shutdown: CancellationToken,
    /// When cancelled: the rules in force forbid the connection. What is under way ends where it is; a connection on which
    /// nothing is goes on, and the judge tells its next request.
    pub forbidden: CancellationToken,
}

/// Bounds on one connection. The defaults are those of gateway-wide configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request body bytes that are held until all of them are judged.
    pub max_body_bytes: usize,
    /// Bytes of a larger body, which is judged while it passes and broken off before its end when something is found; beyond
    /// it is put to [`Inspect::uninspectable`]. Not above [`Limits::max_body_bytes`]: no body passes that was not held.
    pub max_streamed_bytes: u64,
    /// Bytes a body may decode to.
    pub max_decoded_bytes: u64,
    /// Decoded bytes for each byte received, beyond the first MiB.
    pub max_decode_ratio: u64,
    /// How long a body waits for room in [`BodyBudget`].
    pub budget_patience: Duration,
    /// How long a body may pause.
    pub body_idle: Duration,
    /// Bytes a second that a body which is held must come to on average ...
    pub body_rate: u32,
    /// ... once it has taken so long.
    pub slow_after: Duration,
    /// Bytes of a head, and of an HTTP/1 read buffer.
    pub head_bytes: usize,
    /// Fields of an HTTP/1 head.
    pub head_fields: usize,
    /// How long a head may take from its first byte.
    pub head: Duration,
    /// How long a connection may wait for its next request (HTTP/1).
    pub idle: Duration,
    /// How long nothing must happen on an HTTP/1 connection before its buffers are given back.
    pub rest: Duration,
    /// How long an upstream may think before its response head; language models take minutes.
    pub response_head: Duration,
    /// How long nothing may move on either leg; a response head may take longer all the same.
    pub stream_idle: Duration,
    /// HTTP/2 requests open at once.
    pub max_streams: u32,
    /// HTTP/2 requests that may be reset within a minute before they are answered.
    pub max_cancelled: u32,
    /// What holds for WebSocket connections.
    pub websocket: WebSocketLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 5 << 20,
            max_streamed_bytes: 64 << 20,
            max_decoded_bytes: 50 << 20,
            max_decode_ratio: 100,
            budget_patience: Duration::from_secs(10),
            body_idle: Duration::from_secs(30),
            body_rate: 1024,
            slow_after: Duration::from_mins(1),
            head_bytes: 64 << 10,
            head_fields: 128,
            head: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            rest: Duration::from_millis(250),
            response_head: Duration::from_mins(10),
            stream_idle: Duration::from_mins(10),
            max_streams: 200,
            max_cancelled: 600,
            websocket: WebSocketLimits::default(),
        }
    }
}

/// Numbers the requests of one connection, from 1.
#[derive(Debug)]
pub struct RequestIds {
    instance: u32,
    conn: ConnId,
    last: AtomicU32,
}

impl RequestIds {
    /// Ids of connection `conn` in the gateway process `instance`.
    #[must_use]
    pub fn new(instance: u32, conn: ConnId) -> Self {
        Self { instance, conn, last: AtomicU32::new(0) }
    }

    /// What the ids of this connection begin with, as they are printed.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{:08x}-{}-", self.instance, self.conn)
    }

    pub(crate) fn next(&self) -> RequestId {
        let sequence = self.last.fetch_add(1, Relaxed).wrapping_add(1);
        RequestId { instance: self.instance, conn: self.conn, sequence }
    }
}

/// What was served on a connection that ended in an orderly way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Requests, whatever became of them.
    pub requests: u32,
    /// Those answered in the upstream's place.
    pub blocked: u32,
}

/// How a connection, or an exchange on it, ended other than it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workload resets HTTP/2 requests again and again before they are answered.
    #[error("more requests were reset than may be within a minute")]
    Cancelled,
    /// Nothing has moved on either leg for too long.
    #[error("nothing has moved for {after:?}")]
    Stalled {
        /// Who was to say or to take something next.
        side: Side,
        /// The limit.
        after: Duration,
    },
    /// The rules that came into force meanwhile forbid what was under way.
    #[error("the configuration now in force forbids it")]
    Forbidden,
    /// The workload's connection failed or ended in the middle of a message.
    #[error("http with the workload")]
    Downstream(#[source] hyper::Error),
    /// The workload floods its HTTP/2 connection with frames, and was told to calm down (RFC 9113 §10.5).
    #[error("flood of http/2 frames from the workload")]
    Flood(#[source] hyper::Error),
    /// The upstream's did. The workload's connection was ended in the same way.
    #[error("http with the upstream")]
    Upstream(#[source] hyper::Error),
    /// The upstream had closed an idle connection and could not be reached again.
    #[error("dialling the upstream again")]
    Redial(#[source] io::Error),
    /// The upstream accepted the request and sent no response head.
    #[error("no response head within {0:?}")]
    ResponseTimeout(Duration),
    /// The workload stopped sending a body it had begun, or sends it too slowly.
    #[error("request body stalled")]
    BodyTimeout,
    /// The target cannot be written as an HTTP/2 request.
    #[error("request target has no usable authority")]
    Target(#[source] http::Error),
    /// The judge stopped a body that was on its way; what was held back of it is gone.
    #[error("body stopped by its judge")]
    Stopped,
}

impl Error {
    fn downstream(error: hyper::Error) -> Self {
        Self::Downstream(error)
    }

    /// Whether `error` is our own judgement that the other side sends too many frames of a kind.
    fn is_flood(error: &hyper::Error) -> bool {
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
        source.is_some_and(|error| error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
    }

    /// Of a request that went wrong on the upstream's leg. A body that ended in an error of ours, because the workload stalled
    /// or left, breaks that leg without being its fault.
    fn upstream(error: hyper::Error) -> Self {
        let mut cause = std::error::Error::source(&error);
        while let Some(current) = cause {
            match current.downcast_ref::<Self>() {
                Some(Self::BodyTimeout) => return Self::BodyTimeout,
                Some(Self::Stopped) => return Self::Stopped,
                Some(Self::Downstream(_)) => return Self::Downstream(error),
                _ => cause = current.source(),
            }
        }
        Self::Upstream(error)
    }

    /// Whose side it was.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Downstream(_) | Self::Flood(_) | Self::Cancelled | Self::BodyTimeout | Self::Target(_) => {
                Side::Downstream
            }
            Self::Upstream(_) | Self::Redial(_) | Self::ResponseTimeout(_) => Side::Upstream,
            Self::Stopped | Self::Forbidden => Side::Gateway,
            Self::Stalled { side, .. } => *side,
        }
    }
}

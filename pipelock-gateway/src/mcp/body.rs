//! Bodies: held from either side up to a bound, and what the client is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::log::Log;
use super::pool::Answer;
use crate::http::{BodyBudget, Lease};

/// How long a body may pause while it is held.
const IDLE: Duration = Duration::from_mins(1);
/// How long a body waits for room in the budget of the process.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a body could not be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotHeld {
    /// More bytes than allowed.
    TooLarge,
    /// The process holds too much already.
    NoRoom,
    /// The sender stopped or vanished.
    Broken,
}

/// A complete body and the room it takes up.
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _lease: Lease,
}

/// Reads a body to its end.
pub(super) async fn hold(
    mut body: impl Body<Data = Bytes> + Unpin,
    limit: usize,
    budget: &BodyBudget,
) -> Result<Held, NotHeld> {
    let mut lease = budget.lease();
    let expected = body.size_hint().upper().unwrap_or(0);
    if expected > limit as u64 {
        return Err(NotHeld::TooLarge);
    }
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = timeout(IDLE, body.frame()).await.map_err(|_| NotHeld::Broken)? {
        let Ok(data) = frame.map_err(|_| NotHeld::Broken)?.into_data() else { continue };
        let total = first.as_ref().map_or(all.len(), Bytes::len) + data.len();
        if total > limit {
            return Err(NotHeld::TooLarge);
        }
        if !lease.cover(total, PATIENCE).await {
            return Err(NotHeld::NoRoom);
        }
        // Most messages come in one frame and are not copied.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(begun) => {
                all.reserve(usize::try_from(expected).unwrap_or(0).max(total));
                all.extend_from_slice(&begun);
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(Held { bytes: first.unwrap_or_else(|| all.freeze()), _lease: lease })
}

/// A stream ended other than it should; the client must not take it for complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the upstream's answer broke off")]
pub(super) struct BrokenOff;

/// A body as the client gets it; holds the exchange open in the log until it has left.
pub(super) enum ToClient {
    /// All there is.
    Whole { bytes: Option<Bytes>, log: Option<Arc<Log>> },
    /// Events as they are judged.
    Events { events: mpsc::Receiver<Result<Bytes, BrokenOff>>, log: Arc<Log> },
    /// The upstream's, unjudged: pages for a browser.
    Relayed { body: Answer, log: Arc<Log> },
}

impl Body for ToClient {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let (frame, log) = match &mut *self {
            Self::Whole { bytes, log } => {
                let frame = bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok);
                (frame, log.as_ref())
            }
            Self::Events { events, log } => (std::task::ready!(events.poll_recv(cx)), Some(&*log)),
            Self::Relayed { body, log } => {
                let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
                let data = frame.map(|frame| match frame.map(Frame::into_data) {
                    Ok(Ok(data)) => Ok(data),
                    Ok(Err(_)) => Ok(Bytes::new()),
                    Err(_) => Err(BrokenOff),
                });
                (data, Some(&*log))
            }
        };
        if let (Some(Ok(bytes)), Some(log)) = (&frame, log) {
            log.response_body(bytes.len());
        }
        Poll::Ready(frame.map(|frame| frame.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { bytes, .. } => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Events { .. } => false,
            Self::Relayed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { bytes, .. } => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Events { .. } => SizeHint::default(),
            Self::Relayed { body, .. } => body.size_hint(),
        }
    }
}

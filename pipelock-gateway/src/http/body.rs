//! Bodies on their way: held until judged, judged while they pass, or relayed.
//!
//! Frames are the original `Bytes`; only small ones are copied together, so that a body sent byte by byte cannot pin a read
//! buffer for each byte. How a body is framed (length, chunks, `END_STREAM`) is decided by the head and by
//! [`Body::is_end_stream`]: hints are withheld on purpose, because hyper would turn them into fields nobody sent.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::Error;
use super::budget::Lease;
use super::coding::Decoder;
use super::inspect::Release;
use super::judged::JudgedStream;
use super::log::ExchangeLog;

/// Frames below this are copied together.
const SMALL_BYTES: usize = 2048;
/// ... into frames of this size.
const JOINED_BYTES: usize = 16 * 1024;

/// A body held in memory, in full or up to where judging gave up.
pub(super) struct Held {
    chunks: VecDeque<Bytes>,
    /// Small frames being joined, behind `chunks`.
    tail: BytesMut,
    bytes: usize,
    trailers: Option<HeaderMap>,
    /// A frame has been taken out.
    started: bool,
    /// Its length after it was rewritten.
    rewritten: Option<usize>,
    /// What this occupies of the process-wide budget.
    pub(super) lease: Lease,
}

impl Held {
    pub(super) fn new(lease: Lease) -> Self {
        Self {
            chunks: VecDeque::new(),
            tail: BytesMut::new(),
            bytes: 0,
            trailers: None,
            started: false,
            rewritten: None,
            lease,
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a frame; empty ones vanish.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        if chunk.len() < SMALL_BYTES {
            self.tail.extend_from_slice(&chunk);
            if self.tail.len() >= JOINED_BYTES {
                self.close_tail();
            }
        } else {
            self.close_tail();
            self.chunks.push_back(chunk);
        }
    }

    /// Ends the body with trailer fields.
    pub(super) fn end_with(&mut self, trailers: HeaderMap) {
        self.trailers = Some(trailers);
    }

    /// What is held, coding undone by `decoder`; `None` where that fails or gives more than `most` bytes.
    pub(super) fn decoded(&mut self, decoder: Option<Decoder>, most: usize) -> Option<Zeroizing<Vec<u8>>> {
        self.close_tail();
        // Reserved at once where that can be known: growing would leave copies of what may be a secret.
        let mut whole = Zeroizing::new(Vec::with_capacity(self.bytes));
        let Some(mut decoder) = decoder else {
            self.chunks.iter().for_each(|chunk| whole.extend_from_slice(chunk));
            return Some(whole);
        };
        for chunk in &self.chunks {
            let mut take = |bytes: &[u8]| {
                whole.extend_from_slice(bytes);
                if whole.len() > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            if decoder.push(chunk, &mut take).ok()?.is_break() {
                return None;
            }
        }
        decoder.finish().ok()?;
        Some(whole)
    }

    /// Puts other bytes in the place of all that is held; trailer fields stay.
    pub(super) fn replace(&mut self, bytes: Vec<u8>) {
        self.chunks.clear();
        self.tail.clear();
        self.bytes = bytes.len();
        self.rewritten = Some(bytes.len());
        if !bytes.is_empty() {
            self.chunks.push_back(Bytes::from(bytes));
        }
    }

    /// Takes up to `limit` bytes from the front.
    pub(super) fn take(&mut self, limit: usize) -> Option<Bytes> {
        if self.chunks.is_empty() {
            self.close_tail();
        }
        let front = self.chunks.front_mut().filter(|_| limit > 0)?;
        let chunk = if front.len() <= limit { self.chunks.pop_front()? } else { front.split_to(limit) };
        self.bytes -= chunk.len();
        self.started = true;
        self.lease.keep(self.bytes);
        Some(chunk)
    }

    /// Drops all but the first `kept` bytes, and the trailer fields.
    pub(super) fn forget(&mut self, kept: usize) {
        let mut left = kept.min(self.bytes);
        self.bytes = left;
        self.close_tail();
        for chunk in &mut self.chunks {
            chunk.truncate(left);
            left -= chunk.len();
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        self.trailers = None;
        self.started = true;
    }

    /// Takes the trailer fields, once.
    pub(super) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
    }

    fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        self.take(usize::MAX).map(Frame::data).or_else(|| self.take_trailers().map(Frame::trailers))
    }

    /// True behind the last frame, so that `END_STREAM` and the last chunk go out with it; never before the first one,
    /// because then no framing at all would be written for a body that is there and empty.
    pub(super) fn is_end(&self) -> bool {
        self.started && self.bytes == 0 && self.trailers.is_none()
    }
}

/// A request body as the upstream gets it.
pub(super) enum ToUpstream {
    /// The request ends with its head.
    Empty,
    /// Judged in full. Boxed like the others: hyper makes room for 32 requests on each connection.
    Held(Box<Held>),
    /// Not judged in full and let through all the same.
    Open(Box<Open>),
    /// Judged while it passes.
    Judged(Box<JudgedStream>),
}

/// What was read of a body so far, then the rest.
pub(super) struct Open {
    pub(super) held: Held,
    pub(super) rest: Incoming,
    pub(super) log: Arc<ExchangeLog>,
}

impl ToUpstream {
    /// The length of a body that was rewritten.
    pub(super) fn rewritten(&self) -> Option<usize> {
        if let Self::Held(held) = self { held.rewritten } else { None }
    }
}

impl Body for ToUpstream {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Held(held) => Poll::Ready(held.next_frame().map(Ok)),
            Self::Open(open) => {
                let Open { held, rest, log } = &mut **open;
                if let Some(frame) = held.next_frame() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                let frame = ready!(Pin::new(rest).poll_frame(cx));
                if let Some(Ok(frame)) = &frame {
                    log.request_body(frame.data_ref().map_or(0, Bytes::len));
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Error::downstream)))
            }
            Self::Judged(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held(held) => held.is_end(),
            Self::Open(_) | Self::Judged(_) => false,
        }
    }

    /// Unknown, always: a known length would make hyper add `content-length` to an HTTP/2 request that came without.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A response body as the workload gets it. Holds the exchange open in the log until its last byte is written.
pub(super) enum ToWorkload {
    /// Our own answer.
    Own { body: Full<Bytes>, log: Arc<ExchangeLog> },
    /// The upstream's, frame by frame.
    Relayed {
        body: Incoming,
        log: Arc<ExchangeLog>,
        /// Set when the judge stops a request whose response has begun: the response must not end as if complete.
        stopped: Option<CancellationToken>,
    },
    /// The upstream's, judged before or while it passes.
    Judged {
        stream: Box<JudgedStream>,
        /// How it broke while it was read ahead; told behind what came before.
        failed: Option<Error>,
    },
    /// None: the connection changes hands.
    Switched,
}

impl ToWorkload {
    /// The length of a body that was rewritten.
    pub(super) fn rewritten(&self) -> Option<usize> {
        if let Self::Judged { stream, .. } = self { stream.held.rewritten } else { None }
    }

    /// Whether it may end otherwise than announced: a stream of events, which is ended with an event of ours when it is stopped.
    pub(super) fn may_change_length(&self) -> bool {
        matches!(self, Self::Judged { stream, .. } if stream.release != Release::Lines && stream.decoder.is_none())
    }
}

impl Body for ToWorkload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let (frame, log) = match &mut *self {
            Self::Own { body, log } => match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => (Some(Ok(frame)), log),
                None => (None, log),
            },
            Self::Relayed { body, log, stopped } => {
                if stopped.as_ref().is_some_and(CancellationToken::is_cancelled) {
                    return Poll::Ready(Some(Err(Error::Stopped)));
                }
                (ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Error::upstream)), log)
            }
            Self::Judged { stream, failed } => match ready!(stream.poll_frame(cx)) {
                None => (failed.take().map(Err), &mut stream.log),
                frame => (frame, &mut stream.log),
            },
            Self::Switched => return Poll::Ready(None),
        };
        if let Some(Ok(frame)) = &frame {
            log.response_body(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own { body, .. } => body.is_end_stream(),
            Self::Relayed { body, .. } => body.is_end_stream(),
            Self::Judged { stream, failed } => failed.is_none() && stream.is_end_stream(),
            Self::Switched => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own { body, .. } => body.size_hint(),
            Self::Relayed { body, .. } => body.size_hint(),
            // Of a known length the head speaks; hyper would add one to an answer that came chunked.
            Self::Judged { .. } => SizeHint::default(),
            Self::Switched => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::BodyBudget;

    fn held() -> Held {
        Held::new(BodyBudget::new(1 << 20).lease())
    }

    #[test]
    fn small_frames_are_joined_and_large_ones_kept() {
        let mut body = held();
        for _ in 0..20_000 {
            body.push(Bytes::from_static(b"x"));
        }
        let large = Bytes::from(vec![b'y'; 5000]);
        body.push(large.clone());
        body.push(Bytes::from_static(b"z"));
        assert_eq!(body.bytes(), 25_001);

        let mut sizes = Vec::new();
        while let Some(chunk) = body.take(usize::MAX) {
            if chunk.first() == Some(&b'y') {
                assert_eq!(chunk.as_ptr(), large.as_ptr(), "large frames are not copied");
            }
            sizes.push(chunk.len());
        }
        assert_eq!(sizes, [16_384, 20_000 - 16_384, 5000, 1]);
        assert!(body.is_end());
    }

    #[test]
    fn an_empty_body_that_is_there_is_not_at_its_end_before_it_was_polled() {
        assert!(!held().is_end(), "chunked framing of nothing must be written");
        assert!(ToUpstream::Empty.is_end_stream());
    }
}

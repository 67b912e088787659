//! A request body that is judged while it passes, for calls that answer before the request ends (gRPC, Connect).
//!
//! Such a body cannot be held until its end: client and server may take turns. So bytes are released once no match can
//! begin in them any more ([`Step::Hold`]), and a stop aborts the upstream's stream before its end: the upstream sees an
//! incomplete request, never the bytes that were held back. The length-prefixed messages are shown as they are sent, five
//! byte prefix included; compressed ones are refused before a judge is opened.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::body::Held;
use super::inspect::{BodyInspect, Exchange, Inspect, Step};
use super::log::ExchangeLog;
use crate::model::{Action, BlockReason, RequestId, Verdict};

/// A body, its judge, and what the judge holds back.
pub(super) struct JudgedStream {
    pub(super) body: Incoming,
    /// `None` after the verdict.
    pub(super) judge: Option<Box<dyn BodyInspect>>,
    pub(super) held: Held,
    /// Bytes at the front of `held` that may go.
    pub(super) released: usize,
    /// More than this is never held back; a judge that asks for it cannot judge this body.
    pub(super) max_held: usize,
    pub(super) ended: bool,
    pub(super) inspect: Arc<dyn Inspect>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) id: RequestId,
    pub(super) log: Arc<ExchangeLog>,
    /// Tells the response side.
    pub(super) stopped: CancellationToken,
}

impl JudgedStream {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Some(chunk) = self.held.take(self.released) {
                self.released -= chunk.len();
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if self.ended {
                return Poll::Ready(self.held.take_trailers().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            let step = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.take_in(frame),
                Some(Err(error)) => return Poll::Ready(Some(Err(Error::downstream(error)))),
                None => {
                    self.ended = true;
                    self.conclude(false)
                }
            };
            if let Err(stopped) = step {
                self.stopped.cancel();
                return Poll::Ready(Some(Err(stopped)));
            }
        }
    }

    fn take_in(&mut self, frame: Frame<Bytes>) -> Result<(), Error> {
        let frame = match frame.into_data() {
            Ok(data) => return self.take_in_data(data),
            Err(other) => other,
        };
        if let Ok(trailers) = frame.into_trailers() {
            if let Some(judge) = &mut self.judge {
                self.log.timed(|| judge.trailers(&trailers));
            }
            self.held.end_with(trailers);
        }
        Ok(())
    }

    fn take_in_data(&mut self, data: Bytes) -> Result<(), Error> {
        self.log.request_body(data.len());
        let step = match &mut self.judge {
            Some(judge) => self.log.timed(|| judge.push(&data)),
            None => Step::Hold(0),
        };
        self.held.push(data);
        match step {
            Step::Stop => self.conclude(true),
            Step::Hold(back) => {
                self.released = self.held.bytes().saturating_sub(back);
                if self.held.bytes() - self.released > self.max_held { self.give_up() } else { Ok(()) }
            }
        }
    }

    /// The judge has seen all it wants: either everything may go, or nothing more.
    fn conclude(&mut self, stopped: bool) -> Result<(), Error> {
        let Some(judge) = self.judge.take() else {
            self.released = self.held.bytes();
            return Ok(());
        };
        let verdict = self.log.timed(|| judge.finish());
        // A stop means block. Only a warning, said in so many words by audit mode, lets the body pass.
        if stopped && verdict.action == Action::Allow {
            self.log.judged(Verdict::block(BlockReason::ScanLimit));
        }
        if self.log.judged(verdict).is_block() {
            return Err(Error::Stopped);
        }
        self.released = self.held.bytes();
        Ok(())
    }

    fn give_up(&mut self) -> Result<(), Error> {
        let verdict = self.inspect.uninspectable(&self.exchange, self.id, BlockReason::BodyTooLarge);
        if self.log.judged(verdict).is_block() {
            return Err(Error::Stopped);
        }
        self.conclude(false)
    }
}

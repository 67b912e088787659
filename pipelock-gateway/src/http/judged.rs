//! A body that is judged while it passes: requests that are answered before they end (gRPC, Connect), and answers.
//!
//! Such a body cannot be held until its end: client and server may take turns, and readers wait for the first line. So bytes
//! are released once no match can begin in them any more ([`Step::Hold`]), and a stop aborts the stream before its end: the
//! other side sees an incomplete message, never the bytes that were held back. Length-prefixed messages are shown as they
//! are sent, five byte prefix included; compressed ones are refused before a judge is opened. When the sender pauses behind a
//! whole message, that message is decided: client and server may be waiting for each other.
//!
//! An answer is also released up to its last line end whenever its upstream pauses, because a reader waits for lines (server-sent
//! events, NDJSON). What a judge finds over several such lines is found at the last of them.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::body::Held;
use super::coding::{Decoder, Undecodable};
use super::envelopes::Envelopes;
use super::inspect::{BodyInspect, Exchange, Inspect, Release, Step};
use super::log::ExchangeLog;
use super::sse::deltas::Dialect;
use super::{Error, Limits, block};
use crate::model::{Action, BlockReason, Limit, RequestId, Verdict};

/// Which way a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the workload to the upstream.
    Request,
    /// From the upstream to the workload.
    Response,
}

/// A body, its judge, and what the judge holds back.
pub(super) struct JudgedStream {
    pub(super) direction: Direction,
    pub(super) body: Incoming,
    /// `None` after the verdict.
    pub(super) judge: Option<Box<dyn BodyInspect>>,
    /// Undoes the content-coding for the judge's eyes.
    pub(super) decoder: Option<Decoder>,
    pub(super) held: Held,
    pub(super) progress: Progress,
    /// More than this is never held back; a judge that asks for it cannot judge this body.
    pub(super) max_held: usize,
    /// No more than this may come.
    pub(super) max_bytes: u64,
    pub(super) ended: bool,
    pub(super) inspect: Arc<dyn Inspect>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) id: RequestId,
    pub(super) log: Arc<ExchangeLog>,
    /// Tells the response side of a request.
    pub(super) stopped: CancellationToken,
    /// What lets bytes of an answer go.
    pub(super) release: Release,
    /// Where messages end, in a call that takes turns.
    pub(super) messages: Option<Envelopes>,
    /// Runs while an answer pauses.
    pub(super) pause: Option<Pin<Box<Sleep>>>,
    /// Whether the judge may have an answer rewritten: while none of it has been passed on.
    pub(super) rewritable: bool,
    /// It is complete and to be rewritten.
    pub(super) to_rewrite: bool,
    /// Said in place of what was stopped, so that the answer ends as one of its provider's that went wrong.
    pub(super) parting: Option<Bytes>,
}

/// How reading ahead ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// The body is complete and judged.
    Ended,
    /// There is more of it than was to be read, or it takes longer.
    More,
    /// There was no room to hold it.
    Overloaded,
}

impl JudgedStream {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Some(chunk) = self.held.take(self.progress.releasable()) {
                self.progress.left += chunk.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if self.ended {
                if let Some(parting) = self.parting.take() {
                    return Poll::Ready(Some(Ok(Frame::data(parting))));
                }
                return Poll::Ready(self.held.take_trailers().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            let Poll::Ready(step) = self.poll_take(cx) else {
                match self.poll_pause(cx) {
                    Ok(true) => continue,
                    Ok(false) => return Poll::Pending,
                    Err(error) => return self.fail(error),
                }
            };
            self.pause = None;
            if let Err(error) = step {
                return self.fail(error);
            }
        }
    }

    fn fail(&self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if matches!(error, Error::Stopped) {
            self.stopped.cancel();
        }
        Poll::Ready(Some(Err(error)))
    }

    /// The sender says nothing for now: whether that lets bytes of an answer go. A request may not pause for ever.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        if self.messages.is_some_and(|messages| messages.is_between()) && self.progress.withheld() > 0 {
            return self.end_message();
        }
        let patience = match self.release {
            Release::Lines => return Ok(self.progress.release_lines()),
            Release::Steps => return Ok(false),
            Release::StepsFor(patience) => patience,
        };
        if self.direction == Direction::Response && self.progress.withheld() == 0 {
            return Ok(false);
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        if pause.as_mut().poll(cx).is_pending() {
            return Ok(false);
        }
        if self.direction == Direction::Request {
            self.inspect.limit_reached(Limit::BodyPauseTimeout);
            return Err(Error::BodyTimeout);
        }
        let hold = self.judge.as_mut().map_or(0, |judge| judge.lapsed());
        Ok(self.progress.release_but(hold))
    }

    /// The sender waits behind a whole message: its peer must see the end of it before either goes on. The judge is shown line
    /// ends until nothing of the message is undecided, so that what begins in it is not found across the next one.
    fn end_message(&mut self) -> Result<bool, Error> {
        let Some(judge) = &mut self.judge else { return Ok(false) };
        match self.log.timed(|| settle(judge.as_mut())) {
            ControlFlow::Break(()) => self.conclude(true)?,
            ControlFlow::Continue(true) => self.progress.release_all(),
            ControlFlow::Continue(false) => return Ok(false),
        }
        Ok(true)
    }

    /// Reads and judges up to `limit` bytes before any leaves, for at most `patience`.
    pub(super) async fn read_ahead(
        &mut self,
        limit: usize,
        patience: Duration,
        limits: &Limits,
    ) -> Result<Ahead, Error> {
        let deadline = Instant::now() + patience;
        while !self.ended {
            if self.held.bytes() > limit {
                return Ok(Ahead::More);
            }
            match timeout_at(deadline, poll_fn(|cx| self.poll_take(cx))).await {
                Ok(taken) => taken?,
                Err(_) => return Ok(Ahead::More),
            }
            let held = self.held.bytes();
            if !self.held.lease.cover(held, limits.budget_patience).await {
                return Ok(Ahead::Overloaded);
            }
        }
        Ok(Ahead::Ended)
    }

    /// From now on it is passed on as it comes, and nothing of it can be replaced any more.
    pub(super) fn pass_on(&mut self) -> Result<(), Error> {
        self.rewritable = false;
        match self.judge.as_mut().map(|judge| judge.rewritable(false)) {
            Some(Step::Stop) => self.conclude(true),
            _ => Ok(()),
        }
    }

    /// What is left of a body that was to be rewritten: other bytes, or those that came.
    pub(super) fn rewritten(&mut self, new: Option<Vec<u8>>) {
        self.to_rewrite = false;
        if let Some(new) = new {
            let bytes = new.len() as u64;
            self.held.replace(new);
            self.progress = Progress { received: bytes, ..Progress::default() };
            self.decoder = None;
        }
        self.progress.release_all();
    }

    /// Whether the last frame has gone out.
    pub(super) fn is_end_stream(&self) -> bool {
        self.ended && self.held.is_end() && self.parting.is_none()
    }

    /// Nothing more comes; what was judged final may still go, the rest is forgotten.
    pub(super) fn cut(&mut self) {
        self.ended = true;
        self.judge = None;
    }

    /// Takes in one frame, or the end.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => self.take_in(frame),
            Some(Err(error)) => Err(match self.direction {
                Direction::Request => Error::downstream(error),
                Direction::Response => Error::upstream(error),
            }),
            None => {
                self.ended = true;
                self.conclude(false)
            }
        })
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
        if self.direction == Direction::Request {
            // An answer is counted when it is written.
            self.log.request_body(data.len());
        }
        if let Some(messages) = &mut self.messages {
            messages.push(&data);
        }
        let Self { judge, decoder, progress, log, .. } = self;
        let shown = if let Some(judge) = judge {
            log.timed(|| progress.show(judge.as_mut(), decoder.as_mut(), &data))
        } else {
            progress.pass(data.len());
            Ok(ControlFlow::Continue(()))
        };
        self.held.push(data);
        match shown {
            Ok(ControlFlow::Break(())) => self.conclude(true),
            Ok(ControlFlow::Continue(()))
                if self.progress.withheld() > self.max_held as u64 || self.progress.received > self.max_bytes =>
            {
                self.inspect.limit_reached(Limit::StreamedBodyBytes);
                self.give_up(BlockReason::BodyTooLarge)
            }
            Ok(ControlFlow::Continue(())) => Ok(()),
            Err(error) => {
                error.limit().into_iter().for_each(|limit| self.inspect.limit_reached(limit));
                self.give_up(error.reason())
            }
        }
    }

    /// The judge has seen all it wants: either everything may go, or nothing more.
    fn conclude(&mut self, stopped: bool) -> Result<(), Error> {
        let Some(judge) = self.judge.take() else {
            self.progress.release_all();
            return Ok(());
        };
        let coded = self.decoder.is_some();
        let dialect = judge.dialect().filter(|_| self.direction == Direction::Response && !coded);
        let incomplete = !stopped && self.decoder.take().is_some_and(|decoder| decoder.finish().is_err());
        let mut verdict = self.log.timed(|| judge.finish());
        if verdict.action == Action::Redact {
            if self.rewritable && !stopped && !incomplete {
                self.to_rewrite = true;
                return Ok(());
            }
            verdict = Verdict { findings: verdict.findings, ..Verdict::block(BlockReason::Unredactable) };
        }
        // A stop means block. Only a warning, said in so many words by audit mode, lets the body pass.
        if stopped && verdict.action == Action::Allow {
            self.log.judged(Verdict::block(BlockReason::ScanLimit));
        }
        let verdict = self.log.judged(verdict);
        if verdict.is_block() {
            return self.part(dialect, &verdict);
        }
        if incomplete {
            return self.give_up(BlockReason::BodyUndecodable);
        }
        self.progress.release_all();
        Ok(())
    }

    /// Ends a body that is stopped: as its provider would, where that is known, or else so that it cannot be taken for complete.
    fn part(&mut self, dialect: Option<Dialect>, verdict: &Verdict) -> Result<(), Error> {
        let Some(dialect) = dialect else { return Err(Error::Stopped) };
        let (code, message) = block::said(verdict);
        self.parting = Some(dialect.error_event(code, &message, &self.id.to_string()).into());
        self.held.forget(self.progress.releasable());
        self.ended = true;
        Ok(())
    }

    fn give_up(&mut self, reason: BlockReason) -> Result<(), Error> {
        self.decoder = None;
        let verdict = match self.direction {
            Direction::Request => self.inspect.uninspectable(&self.exchange, self.id, reason),
            Direction::Response => self.inspect.uninspectable_answer(&self.exchange, self.id, reason),
        };
        if self.log.judged(verdict).is_block() {
            return Err(Error::Stopped);
        }
        self.conclude(false)
    }
}

/// Shows line ends until no byte before them is undecided; whether that was reached.
fn settle(judge: &mut dyn BodyInspect) -> ControlFlow<(), bool> {
    const LINE_ENDS: [u8; 512] = [b'\n'; 512];
    // More than any judge holds back.
    const MOST: usize = 16 << 10;
    let mut shown = 0;
    while shown < MOST {
        shown += LINE_ENDS.len();
        match judge.push(&LINE_ENDS) {
            Step::Hold(hold) if hold <= shown => return ControlFlow::Continue(true),
            Step::Hold(_) => {}
            Step::Stop => return ControlFlow::Break(()),
        }
    }
    ControlFlow::Continue(false)
}

/// How far a body has come: received, shown, released and gone. Offsets count from its beginning.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Bytes received, as they were sent.
    received: u64,
    /// Of these, how many may go.
    released: u64,
    /// Of these, how many have gone.
    left: u64,
    /// Bytes shown to the judge, coding undone.
    shown: u64,
    /// End of the last complete line among them.
    line_end: u64,
    /// The last byte received never goes before the end: a length announced makes it the end of the message.
    keeps_last: bool,
    /// For coded bodies: where each piece ended, as received and as shown. A piece is released as a whole.
    pieces: VecDeque<(u64, u64)>,
}

impl Progress {
    /// At the beginning of a body; with `keeps_last` its last byte waits for the verdict on all of it.
    pub(super) fn keeping_last(keeps_last: bool) -> Self {
        Self { keeps_last, ..Self::default() }
    }

    /// Shows a piece to the judge and releases what that makes final.
    pub(super) fn show(
        &mut self,
        judge: &mut dyn BodyInspect,
        decoder: Option<&mut Decoder>,
        data: &[u8],
    ) -> Result<ControlFlow<()>, Undecodable> {
        let coded = decoder.is_some();
        let mut back = None;
        let (shown, line_end) = (&mut self.shown, &mut self.line_end);
        let mut push = |bytes: &[u8]| {
            let step = judge.push(bytes);
            if let Some(at) = memchr::memrchr(b'\n', bytes) {
                *line_end = *shown + at as u64 + 1;
            }
            *shown += bytes.len() as u64;
            match step {
                Step::Hold(hold) => {
                    back = Some(hold as u64);
                    ControlFlow::Continue(())
                }
                Step::Stop => ControlFlow::Break(()),
            }
        };
        let flow = match decoder {
            Some(decoder) => decoder.push(data, &mut push)?,
            None => push(data),
        };
        self.received += data.len() as u64;
        if coded {
            self.pieces.push_back((self.received, self.shown));
        }
        if let (ControlFlow::Continue(()), Some(back)) = (flow, back) {
            self.release_shown(self.shown.saturating_sub(back), coded);
        }
        Ok(flow)
    }

    /// Bytes that no judge wants to see.
    fn pass(&mut self, bytes: usize) {
        self.received += bytes as u64;
        self.release_all();
    }

    /// Everything shown before `final_end` may go.
    fn release_shown(&mut self, final_end: u64, coded: bool) {
        if !coded {
            let end = if self.keeps_last { final_end.min(self.received.saturating_sub(1)) } else { final_end };
            self.released = self.released.max(end);
            return;
        }
        while let Some(&(received, shown)) = self.pieces.front() {
            if shown > final_end || (self.keeps_last && received == self.received) {
                break;
            }
            self.released = self.released.max(received);
            self.pieces.pop_front();
        }
    }

    /// Releases up to the last line end; whether that was more than before.
    fn release_lines(&mut self) -> bool {
        let before = self.released;
        let coded = !self.pieces.is_empty() || self.shown != self.received;
        self.release_shown(self.line_end, coded);
        self.released > before
    }

    /// Releases all but the last `hold` bytes shown; whether that was more than before.
    fn release_but(&mut self, hold: usize) -> bool {
        let before = self.released;
        let coded = !self.pieces.is_empty() || self.shown != self.received;
        self.release_shown(self.shown.saturating_sub(hold as u64), coded);
        self.released > before
    }

    fn release_all(&mut self) {
        self.released = self.received;
        self.pieces.clear();
    }

    /// Bytes at the front of what is held that may go.
    fn releasable(&self) -> usize {
        usize::try_from(self.released.saturating_sub(self.left)).unwrap_or(usize::MAX)
    }

    /// Bytes received that may not go yet.
    fn withheld(&self) -> u64 {
        self.received.saturating_sub(self.released)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    /// A judge that always holds the last `0` bytes shown.
    struct Holds(usize);

    impl BodyInspect for Holds {
        fn push(&mut self, _: &[u8]) -> Step {
            Step::Hold(self.0)
        }
        fn trailers(&mut self, _: &HeaderMap) {}
        fn finish(self: Box<Self>) -> Verdict {
            Verdict::allow()
        }
    }

    #[test]
    fn a_pause_releases_whole_lines_and_nothing_of_the_next() {
        let mut progress = Progress::default();
        let mut judge = Holds(10);
        assert!(progress.show(&mut judge, None, b"data: one\n\ndata: t").unwrap().is_continue());
        assert_eq!(progress.releasable(), 8);
        assert!(progress.release_lines());
        assert_eq!(progress.releasable(), 11);
        assert!(!progress.release_lines());
        progress.left = 11;
        assert!(progress.show(&mut judge, None, b"wo\n").unwrap().is_continue());
        assert_eq!(progress.releasable(), 0);
        assert!(progress.release_lines());
        assert_eq!(progress.releasable(), 10);
    }

    #[test]
    fn coded_pieces_leave_whole_and_only_when_all_they_stand_for_is_final() {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&b"line one\nline two\nthe end, not yet a line".repeat(3)).unwrap();
        let body = gzip.finish().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_ENCODING, http::HeaderValue::from_static("gzip"));
        let mut decoder = Decoder::for_head(&headers, 1 << 20, 100).unwrap();
        let mut progress = Progress::default();
        let mut judge = Holds(5);
        for piece in body.chunks(7) {
            assert!(progress.show(&mut judge, decoder.as_mut(), piece).unwrap().is_continue());
            let released = progress.released;
            assert!(released == progress.received || released % 7 == 0, "{released}");
        }
        assert!(progress.withheld() > 0, "the last piece stands for bytes that are not final");
        progress.release_all();
        assert_eq!(progress.withheld(), 0);
    }
}

//! Reads a request body, shows it to the judge and keeps it until the verdict.
//!
//! Bodies are shown with their content-coding undone and kept as they came. What cannot be shown (too large, undecodable)
//! is put to the judge as such; if it may pass all the same, the rest is streamed without being kept.

use std::error::Error as StdError;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Error;
use super::body::{Held, Open, ToUpstream};
use super::coding::Decoder;
use super::envelopes::Envelopes;
use super::exchange::{Running, Upload};
use super::inspect::{BodyInspect, Release, Step};
use super::judged::{Direction, JudgedStream, Progress};
use crate::model::{Action, BlockReason, Limit, Verdict};

/// How taking in one frame ended, when it ended the body.
#[derive(Clone, Copy)]
enum Halt {
    /// The judge has seen enough.
    Stopped,
    /// It cannot be shown.
    Unshowable(BlockReason, Option<Limit>),
    /// More than can be held has come.
    Full,
    /// No room for it.
    Overloaded,
}

/// A body being read, and its judge.
struct Reading {
    judge: Box<dyn BodyInspect>,
    decoder: Option<Decoder>,
    held: Held,
    progress: Progress,
}

impl Running {
    /// Reads and judges the body of `head`, as far as it takes.
    pub(super) async fn upload(&self, head: &Parts, body: Incoming) -> Result<Upload, Error> {
        if body.is_end_stream() {
            return Ok(Upload::Forward { body: ToUpstream::Empty, stopped: None });
        }
        let limits = &self.connection.limits;
        if streams_both_ways(&head.headers) {
            return Ok(self.judge_on_the_way(head, body));
        }
        if declared_length(&head.headers).is_some_and(|length| length > self.most_bytes()) {
            self.reached(Limit::StreamedBodyBytes);
            return Ok(self.give_up(BlockReason::BodyTooLarge, None, self.nothing_held(), Some(body)));
        }
        match Decoder::for_head(&head.headers, limits.max_decoded_bytes, limits.max_decode_ratio) {
            Ok(decoder) => self.hold(head, body, decoder).await,
            Err(error) => Ok(self.give_up(error.reason(), None, self.nothing_held(), Some(body))),
        }
    }

    async fn hold(&self, head: &Parts, mut body: Incoming, decoder: Option<Decoder>) -> Result<Upload, Error> {
        let started = Instant::now();
        // Where the end is known to the upstream, the last byte must not leave before the verdict on all of them.
        let progress = Progress::keeping_last(head.headers.contains_key(header::CONTENT_LENGTH));
        let mut reading = Reading { judge: self.open_judge(head), decoder, held: self.nothing_held(), progress };
        reading.judge.rewritable(true);
        loop {
            let frame = match timeout(self.connection.limits.body_idle, body.frame()).await {
                Err(_) => {
                    self.reached(Limit::BodyPauseTimeout);
                    return Err(Error::BodyTimeout);
                }
                Ok(None) => return Ok(self.conclude(head, reading)),
                Ok(Some(Err(error))) if is_malformed(&error) => {
                    self.log.judged(Verdict::block(BlockReason::Framing));
                    return Ok(Upload::Refused { unread: true });
                }
                Ok(Some(Err(error))) => return Err(Error::downstream(error)),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Err(halt) = self.take_in(&mut reading, frame).await {
                return Ok(self.halt(halt, reading, body));
            }
            if self.is_too_slow(reading.held.bytes(), started.elapsed()) {
                self.reached(Limit::BodyBytesPerSecond);
                return Err(Error::BodyTimeout);
            }
        }
    }

    async fn take_in(&self, reading: &mut Reading, frame: Frame<Bytes>) -> Result<(), Halt> {
        let Reading { judge, decoder, held, progress } = reading;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => {
                if let Ok(trailers) = other.into_trailers() {
                    self.log.timed(|| judge.trailers(&trailers));
                    held.end_with(trailers);
                }
                return Ok(());
            }
        };
        self.log.request_body(data.len());
        let total = held.bytes().saturating_add(data.len());
        let limits = &self.connection.limits;
        let full = total > limits.max_body_bytes;
        if full && self.most_bytes() <= limits.max_body_bytes as u64 {
            held.push(data);
            return Err(Halt::Unshowable(BlockReason::BodyTooLarge, Some(Limit::StreamedBodyBytes)));
        }
        if !held.lease.cover(total, limits.budget_patience).await {
            return Err(Halt::Overloaded);
        }
        let shown = self.log.timed(|| progress.show(judge.as_mut(), decoder.as_mut(), &data));
        held.push(data);
        match shown {
            Ok(ControlFlow::Continue(())) if full => Err(Halt::Full),
            Ok(ControlFlow::Continue(())) => Ok(()),
            Ok(ControlFlow::Break(())) => Err(Halt::Stopped),
            Err(error) => Err(Halt::Unshowable(error.reason(), error.limit())),
        }
    }

    /// The body is complete.
    fn conclude(&self, head: &Parts, reading: Reading) -> Upload {
        let Reading { judge, decoder, held, .. } = reading;
        if decoder.is_some_and(|decoder| decoder.finish().is_err()) {
            return self.give_up(BlockReason::BodyUndecodable, Some(judge), held, None);
        }
        let verdict = self.log.timed(|| judge.finish());
        if verdict.action == Action::Redact {
            return self.rewrite(head, held);
        }
        if self.log.judged(verdict).is_block() {
            return Upload::Refused { unread: false };
        }
        Upload::Forward { body: ToUpstream::Held(Box::new(held)), stopped: None }
    }

    /// Has what must not leave replaced, and what is left judged as it goes.
    fn rewrite(&self, head: &Parts, mut held: Held) -> Upload {
        let limits = &self.connection.limits;
        // Its chunks are signed one by one.
        let signed = head
            .headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .any(|coding| String::from_utf8_lossy(coding.as_bytes()).to_ascii_lowercase().contains("aws-chunked"));
        let decoder = Decoder::for_head(&head.headers, limits.max_decoded_bytes, limits.max_decode_ratio);
        let whole = decoder.ok().filter(|_| !signed).and_then(|decoder| held.decoded(decoder, limits.max_body_bytes));
        let Some(whole) = whole else {
            self.log.judged(Verdict::block(BlockReason::Unredactable));
            return Upload::Refused { unread: false };
        };
        let connection = &self.connection;
        let rewrite = || connection.inspect.rewritten(&connection.exchange, self.id, head, &whole);
        let (verdict, new) = self.log.timed(rewrite);
        if self.log.judged(verdict).is_block() {
            return Upload::Refused { unread: false };
        }
        if let Some(new) = new {
            held.replace(new);
        }
        Upload::Forward { body: ToUpstream::Held(Box::new(held)), stopped: None }
    }

    fn halt(&self, halt: Halt, reading: Reading, rest: Incoming) -> Upload {
        match halt {
            Halt::Unshowable(reason, limit) => {
                if let Some(limit) = limit {
                    self.reached(limit);
                }
                self.give_up(reason, Some(reading.judge), reading.held, Some(rest))
            }
            Halt::Full => self.stream_on(reading, rest),
            Halt::Overloaded => {
                self.reached(Limit::HeldBytes);
                self.log.judged(Verdict::block(BlockReason::Overloaded));
                Upload::Refused { unread: true }
            }
            Halt::Stopped => {
                let verdict = self.log.timed(|| reading.judge.finish());
                // A stop means block. Only a warning, said in so many words by audit mode, lets the body pass.
                if verdict.action == Action::Allow {
                    self.log.judged(Verdict::block(BlockReason::ScanLimit));
                }
                if self.log.judged(verdict).is_block() {
                    return Upload::Refused { unread: !rest.is_end_stream() };
                }
                self.open(reading.held, Some(rest))
            }
        }
    }

    /// Puts a body that cannot be shown to the judge. What was shown of it counts as well.
    fn give_up(
        &self,
        reason: BlockReason,
        judge: Option<Box<dyn BodyInspect>>,
        held: Held,
        rest: Option<Incoming>,
    ) -> Upload {
        if let Some(mut judge) = judge {
            judge.rewritable(false);
            let verdict = self.log.timed(|| judge.finish());
            self.log.judged(verdict);
        }
        if self.cannot_show(reason) {
            return Upload::Refused { unread: rest.is_some() };
        }
        self.open(held, rest)
    }

    /// Lets the rest through as it comes.
    fn open(&self, held: Held, rest: Option<Incoming>) -> Upload {
        let body = match rest {
            Some(rest) => ToUpstream::Open(Box::new(Open { held, rest, log: Arc::clone(&self.log) })),
            None => ToUpstream::Held(Box::new(held)),
        };
        Upload::Forward { body, stopped: None }
    }

    fn judge_on_the_way(&self, head: &Parts, body: Incoming) -> Upload {
        if is_compressed_stream(&head.headers) {
            return self.give_up(BlockReason::CodingUnknown, None, self.nothing_held(), Some(body));
        }
        let (judge, held) = (self.open_judge(head), self.nothing_held());
        let reading = Reading { judge, decoder: None, held, progress: Progress::default() };
        // Client and server may think for as long as they like.
        self.forward_judged(reading, body, (Release::Steps, Some(Envelopes::default())), u64::MAX)
    }

    /// Goes on with a body that is larger than can be held: what is final of it leaves, and the rest is judged on its way.
    fn stream_on(&self, mut reading: Reading, rest: Incoming) -> Upload {
        if reading.judge.rewritable(false) == Step::Stop {
            return self.halt(Halt::Stopped, reading, rest);
        }
        let release = Release::StepsFor(self.connection.limits.body_idle);
        self.forward_judged(reading, rest, (release, None), self.most_bytes())
    }

    /// More bytes than this are not read of a body whose end is awaited.
    fn most_bytes(&self) -> u64 {
        let limits = &self.connection.limits;
        limits.max_streamed_bytes.max(limits.max_body_bytes as u64)
    }

    fn forward_judged(
        &self,
        reading: Reading,
        body: Incoming,
        (release, messages): (Release, Option<Envelopes>),
        max_bytes: u64,
    ) -> Upload {
        let Reading { judge, decoder, held, progress } = reading;
        let stopped = CancellationToken::new();
        let stream = JudgedStream {
            direction: Direction::Request,
            body,
            judge: Some(judge),
            held,
            decoder,
            progress,
            max_held: self.connection.limits.max_body_bytes.saturating_mul(2),
            max_bytes,
            ended: false,
            inspect: Arc::clone(&self.connection.inspect),
            exchange: Arc::clone(&self.connection.exchange),
            id: self.id,
            log: Arc::clone(&self.log),
            stopped: stopped.clone(),
            release,
            messages,
            pause: None,
            rewritable: false,
            to_rewrite: false,
            parting: None,
        };
        Upload::Forward { body: ToUpstream::Judged(Box::new(stream)), stopped: Some(stopped) }
    }

    /// Whether a body has taken so long that it only serves to occupy the budget.
    fn is_too_slow(&self, bytes: usize, elapsed: Duration) -> bool {
        let limits = &self.connection.limits;
        let least = elapsed.as_secs_f64() * f64::from(limits.body_rate);
        #[expect(clippy::cast_precision_loss, reason = "off by less than a byte in a billion")]
        let sent = bytes as f64;
        elapsed > limits.slow_after && sent < least
    }

    fn open_judge(&self, head: &Parts) -> Box<dyn BodyInspect> {
        self.log.timed(|| self.connection.inspect.request_body(&self.connection.exchange, self.id, head))
    }

    fn nothing_held(&self) -> Held {
        Held::new(self.connection.budget.lease())
    }
}

/// Calls whose request may stay open while the response already flows.
pub(super) fn streams_both_ways(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value.starts_with(b"application/grpc") || value.starts_with(b"application/connect+")
    })
}

/// Whether the messages of such a call are compressed one by one, or the stream as a whole.
fn is_compressed_stream(headers: &HeaderMap) -> bool {
    ["grpc-encoding", "connect-content-encoding", "content-encoding"]
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

pub(super) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a body ended in bytes that are no chunk, rather than because the workload left.
fn is_malformed(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<io::Error>() {
            return matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
        }
        cause = current.source();
    }
    false
}

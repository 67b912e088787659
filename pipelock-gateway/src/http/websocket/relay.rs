//! Carries the frames of one WebSocket connection, each direction judged by message.
//!
//! A data message is held, with the frames it came in, until its judge has seen all of it; control frames pass at once, also
//! between its fragments, and their content is judged by itself. Since nothing leaves but whole frames, a Close of our own
//! can be put between them at any time: 1008 when something was found, 1009 when a message is larger than can be held, 1002
//! when frames cannot be followed, 1013 without room, 1001 when the gateway drains or nobody speaks. Behind a Close nothing
//! more passes in that direction.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::request::Parts;
use http::{header, response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::WebSocketLimits;
use super::frame::{self, From, Kind, Part, Reader};
use crate::http::BodyBudget;
use crate::http::budget::Lease;
use crate::http::exchange::Running;
use crate::http::inspect::{BodyInspect, Exchange, Inspect, Step, WebSocketMeter};
use crate::http::log::ExchangeLog;
use crate::http::upstream::Io;
use crate::model::{Action, BlockReason, RequestId, Verdict, WebSocketRecord};

/// Read at once, first and when much is coming.
const READ_BYTES: (usize, usize) = (2 * 1024, 16 * 1024);
/// How long the two sides have to take a Close of ours, and to answer it.
const CLOSING: Duration = Duration::from_secs(3);

/// What both directions know.
struct Context {
    inspect: Arc<dyn Inspect>,
    exchange: Arc<Exchange>,
    id: RequestId,
    log: Arc<ExchangeLog>,
    meter: Box<dyn WebSocketMeter>,
    limits: WebSocketLimits,
    budget: BodyBudget,
    budget_patience: Duration,
    /// The handshake, as the judges of messages see it: without a type, which is the handshake's and not a message's.
    request: Parts,
    response: response::Parts,
    begun: Instant,
    /// When something was last read, in milliseconds from the beginning.
    last_read: AtomicU64,
}

/// A connection that has switched.
pub(in crate::http) struct Conversation(Context);

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Its sender has closed; told to the receiver.
    Eof,
    /// A socket failed.
    Broken,
    /// The gateway ends both, with this code.
    Close(u16),
}

impl Conversation {
    pub(in crate::http) fn new(
        running: &Running,
        meter: Box<dyn WebSocketMeter>,
        mut request: Parts,
        answer: &response::Parts,
    ) -> Self {
        let connection = &running.connection;
        request.headers.remove(header::CONTENT_TYPE);
        let mut response = http::Response::new(()).into_parts().0;
        response.status = answer.status;
        Self(Context {
            inspect: Arc::clone(&connection.inspect),
            exchange: Arc::clone(&connection.exchange),
            id: running.id,
            log: Arc::clone(&running.log),
            meter,
            limits: connection.limits.websocket,
            budget: connection.budget.clone(),
            budget_patience: connection.limits.budget_patience,
            request,
            response,
            begun: Instant::now(),
            last_read: AtomicU64::new(0),
        })
    }

    /// Relays until both sides have closed, or one of them must be.
    pub(in crate::http) async fn run(
        self,
        downstream: impl Io + 'static,
        upstream: impl Io + 'static,
        (shutdown, forbidden): (CancellationToken, CancellationToken),
    ) {
        let context = &self.0;
        let ((down_read, down_write), (up_read, up_write)) = (split(downstream), split(upstream));
        let mut up = Way::new(context, From::Client, down_read, up_write);
        let mut down = Way::new(context, From::Server, up_read, down_write);
        let ended = run_both(context, &mut up, &mut down, (&shutdown, &forbidden)).await;
        if let Ended::Close(code) = ended {
            context.log.websocket(|record| record.closed_with = Some(code));
            let reason =
                context.log.verdict().reason.filter(|_| code != 1001).map_or("going away", BlockReason::as_str);
            let text = format!("pipelock: {reason} ({})", context.id);
            let deadline = Instant::now() + CLOSING;
            // One that does not take it in time has its connection closed all the same.
            let _ = tokio::join!(up.close(code, &text, deadline), down.close(code, &text, deadline));
            let _ = tokio::join!(up.drain(deadline), down.drain(deadline));
        }
    }
}

/// Runs both directions until both have ended, or one must end both.
async fn run_both<A: Io, B: Io>(
    context: &Context,
    up: &mut Way<'_, A, B>,
    down: &mut Way<'_, B, A>,
    (shutdown, forbidden): (&CancellationToken, &CancellationToken),
) -> Ended {
    let (up, down) = (up.run(), down.run());
    tokio::pin!(up, down);
    let (mut up_ended, mut down_ended) = (false, false);
    let max_age = async {
        match context.limits.max_age {
            Some(age) => sleep_until(context.begun + age).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(max_age);
    loop {
        let ended = tokio::select! {
            ended = &mut up, if !up_ended => { up_ended = true; ended }
            ended = &mut down, if !down_ended => { down_ended = true; ended }
            () = shutdown.cancelled() => Ended::Close(1001),
            () = forbidden.cancelled() => {
                context.log.judged(Verdict::block(BlockReason::DestinationDenied));
                Ended::Close(1008)
            }
            () = &mut max_age => Ended::Close(1001),
            () = context.nobody_speaks() => Ended::Close(1001),
        };
        if ended != Ended::Eof || (up_ended && down_ended) {
            return ended;
        }
    }
}

impl Context {
    /// Completes when neither side has sent anything for as long as is allowed.
    async fn nobody_speaks(&self) {
        loop {
            let last = self.begun + Duration::from_millis(self.last_read.load(Relaxed));
            let deadline = last + self.limits.idle;
            if deadline <= Instant::now() {
                return;
            }
            sleep_until(deadline).await;
        }
    }

    fn has_read(&self) {
        self.last_read.store(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    fn open_judge(&self, from: From) -> Option<Box<dyn BodyInspect>> {
        self.log.timed(|| match from {
            From::Client => Some(self.inspect.request_body(&self.exchange, self.id, &self.request)),
            From::Server => {
                self.inspect.response_body(&self.exchange, self.id, self.request.uri.path(), &self.response)
            }
        })
    }

    /// Joins a verdict; the code to close with when it blocks.
    fn judged(&self, verdict: Verdict, code: u16) -> Result<(), Ended> {
        if self.log.judged_part(verdict) { Err(Ended::Close(code)) } else { Ok(()) }
    }

    fn cannot_show(&self, from: From, reason: BlockReason, code: u16) -> Result<(), Ended> {
        let verdict = match from {
            From::Client => self.inspect.uninspectable(&self.exchange, self.id, reason),
            From::Server => self.inspect.uninspectable_answer(&self.exchange, self.id, reason),
        };
        self.judged(verdict, code)
    }
}

/// One direction: frames read on one side, written on the other.
struct Way<'a, R, W> {
    read: ReadHalf<R>,
    write: WriteHalf<W>,
    reader: Reader,
    messages: Messages<'a>,
}

/// The frames of one direction, from read to judged.
struct Messages<'a> {
    context: &'a Context,
    from: From,
    /// Judged, not yet written.
    out: BytesMut,
    /// The control frame being read: as sent, and its content.
    control: (Vec<u8>, Vec<u8>),
    message: Message,
    /// A Close has passed.
    closed: bool,
    /// Why reading stopped.
    stopped: Option<Ended>,
}

/// The data message being read.
struct Message {
    /// Its frames as sent.
    held: BytesMut,
    /// Content of the frames begun.
    len: u64,
    judge: Option<Box<dyn BodyInspect>>,
    /// It passes as it comes: nobody judges it, or it was judged to the point where the rest may go.
    passes: bool,
    lease: Lease,
}

impl<'a, R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Way<'a, R, W> {
    fn new(context: &'a Context, from: From, read: ReadHalf<R>, write: WriteHalf<W>) -> Self {
        let lease = context.budget.lease();
        let message = Message { held: BytesMut::new(), len: 0, judge: None, passes: false, lease };
        let messages = Messages {
            context,
            from,
            out: BytesMut::new(),
            control: (Vec::new(), Vec::new()),
            message,
            closed: false,
            stopped: None,
        };
        Self { read, write, reader: Reader::new(from), messages }
    }

    async fn run(&mut self) -> Ended {
        let mut buffer = vec![0; READ_BYTES.0];
        loop {
            let taken = match self.read.read(&mut buffer).await {
                Err(_) => return Ended::Broken,
                Ok(0) => return if self.write.shutdown().await.is_ok() { Ended::Eof } else { Ended::Broken },
                Ok(read) => {
                    let bytes = buffer.get(..read).unwrap_or_default();
                    self.messages.context.has_read();
                    self.take(bytes)
                }
            };
            if self.flush().await.is_err() {
                return Ended::Broken;
            }
            if let Err(ended) = taken {
                return ended;
            }
            if !self.messages.cover().await {
                let overloaded = Verdict::block(BlockReason::Overloaded);
                return self.messages.context.judged(overloaded, 1013).err().unwrap_or(Ended::Broken);
            }
            if buffer.len() < READ_BYTES.1 && !self.messages.message.held.is_empty() {
                buffer.resize(READ_BYTES.1, 0);
            }
        }
    }

    /// Reads the frames in `bytes`; what of them may go is in `out`.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let Self { reader, messages, .. } = self;
        if messages.closed {
            return Ok(());
        }
        let Ok(_) = reader.push(bytes, |part| messages.part(part)) else {
            messages.context.judged(Verdict::block(BlockReason::Framing), 1002)?;
            return Err(Ended::Close(1002));
        };
        messages.stopped.map_or(Ok(()), Err)
    }

    /// Writes what may go. What was not written when this is dropped is still there.
    async fn flush(&mut self) -> std::io::Result<()> {
        let Messages { context, from, out, .. } = &mut self.messages;
        if out.is_empty() {
            return Ok(());
        }
        while out.has_remaining() {
            let written = self.write.write_buf(out).await?;
            if written == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            match from {
                From::Client => context.log.request_body(written),
                From::Server => context.log.response_body(written),
            }
            context.meter.passed(*from == From::Client, written);
        }
        self.write.flush().await
    }

    /// Tells the receiver of this direction that the connection ends.
    async fn close(&mut self, code: u16, reason: &str, deadline: Instant) {
        let closing = async {
            self.flush().await?;
            // A message that passes unjudged may have left in part; a frame of ours would be taken for its content.
            let mid_frame = self.messages.message.passes && !self.reader.at_frame_end();
            if !self.messages.closed && !mid_frame {
                let mask = match self.messages.from {
                    From::Client => Some(random_mask()),
                    From::Server => None,
                };
                self.write.write_all(&frame::close(code, reason, mask)).await?;
            }
            self.write.shutdown().await
        };
        // It is gone, then.
        let _ = timeout_at(deadline, closing).await;
    }

    /// Reads and drops what its sender still sends: closing a socket with unread bytes would take the Close frame with it.
    async fn drain(&mut self, deadline: Instant) {
        let mut waste = [0; 4096];
        while let Ok(Ok(read)) = timeout_at(deadline, self.read.read(&mut waste)).await
            && read > 0
        {}
    }
}

impl Messages<'_> {
    fn part(&mut self, part: Part<'_>) -> ControlFlow<()> {
        let outcome = match part {
            Part::Header { raw, frame } => self.header(raw, frame),
            Part::Content { raw, plain, frame } if frame.kind.is_control() => {
                self.control.0.extend_from_slice(raw);
                self.control.1.extend_from_slice(plain);
                Ok(())
            }
            Part::Content { raw, plain, .. } => self.content(raw, plain),
            Part::End(frame) if frame.kind.is_control() => self.end_control(frame.kind),
            Part::End(frame) if frame.fin => self.end_message(),
            Part::End(_) => Ok(()),
        };
        match outcome {
            Ok(()) if !self.closed => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(ended) => {
                self.stopped = Some(ended);
                ControlFlow::Break(())
            }
        }
    }

    fn header(&mut self, raw: &[u8], frame: frame::Frame) -> Result<(), Ended> {
        let (context, from) = (self.context, self.from);
        context.log.websocket(|record| count(record, frame.kind));
        context.meter.frame(name(frame.kind));
        if frame.kind.is_control() {
            raw.clone_into(&mut self.control.0);
            self.control.1.clear();
            return Ok(());
        }
        if frame.kind != Kind::Continuation {
            self.message.len = 0;
            self.message.judge = context.open_judge(from);
            self.message.passes = self.message.judge.is_none();
            if frame.kind == Kind::Binary && !context.limits.binary {
                context.cannot_show(from, BlockReason::UpgradeUninspectable, 1008)?;
            }
        }
        self.message.len = self.message.len.saturating_add(frame.len);
        if !self.message.passes && self.message.len > context.limits.max_message_bytes as u64 {
            context.cannot_show(from, BlockReason::BodyTooLarge, 1009)?;
            // It may pass all the same; what was shown of it counts as well.
            self.conclude()?;
        }
        self.keep(raw);
        Ok(())
    }

    fn content(&mut self, raw: &[u8], plain: &[u8]) -> Result<(), Ended> {
        self.keep(raw);
        let context = self.context;
        let Some(judge) = &mut self.message.judge else { return Ok(()) };
        match context.log.timed(|| judge.push(plain)) {
            Step::Hold(_) => Ok(()),
            Step::Stop => self.conclude_stopped(),
        }
    }

    /// Frames of a message that is being judged are held, of others they go.
    fn keep(&mut self, raw: &[u8]) {
        let place = if self.message.passes { &mut self.out } else { &mut self.message.held };
        place.extend_from_slice(raw);
    }

    fn end_control(&mut self, kind: Kind) -> Result<(), Ended> {
        let context = self.context;
        let (raw, content) = (&self.control.0, &self.control.1);
        if !content.is_empty()
            && let Some(mut judge) = context.open_judge(self.from)
        {
            let verdict = context.log.timed(|| {
                // A stop comes with the verdict that says why.
                judge.push(content);
                judge.finish()
            });
            context.judged(verdict, 1008)?;
        }
        self.out.extend_from_slice(raw);
        self.closed = kind == Kind::Close;
        Ok(())
    }

    fn end_message(&mut self) -> Result<(), Ended> {
        self.conclude()?;
        let up = self.from == From::Client;
        self.context
            .log
            .websocket(|record| *(if up { &mut record.messages_up } else { &mut record.messages_down }) += 1);
        Ok(())
    }

    /// The judge has seen all it can: a block, or everything held may go.
    fn conclude(&mut self) -> Result<(), Ended> {
        if let Some(judge) = self.message.judge.take() {
            self.context.judged(self.context.log.timed(|| judge.finish()), 1008)?;
        }
        self.release();
        Ok(())
    }

    /// A stop means block. Only a warning, said in so many words by audit mode, lets the message pass.
    fn conclude_stopped(&mut self) -> Result<(), Ended> {
        if let Some(judge) = self.message.judge.take() {
            let verdict = self.context.log.timed(|| judge.finish());
            let silent = verdict.action == Action::Allow;
            self.context.judged(verdict, 1008)?;
            if silent {
                self.context.judged(Verdict::block(BlockReason::ScanLimit), 1008)?;
            }
        }
        self.release();
        Ok(())
    }

    fn release(&mut self) {
        self.message.passes = true;
        self.out.unsplit(self.message.held.split());
        self.message.lease = self.context.budget.lease();
    }

    /// Accounts for what is held.
    async fn cover(&mut self) -> bool {
        let held = self.message.held.len();
        held == 0 || self.message.lease.cover(held, self.context.budget_patience).await
    }
}

fn count(record: &mut WebSocketRecord, kind: Kind) {
    let place = match kind {
        Kind::Text => &mut record.text,
        Kind::Binary => &mut record.binary,
        Kind::Continuation => &mut record.continuation,
        Kind::Ping => &mut record.ping,
        Kind::Pong => &mut record.pong,
        Kind::Close => &mut record.close,
    };
    *place += 1;
}

/// As [`WebSocketRecord::frames`] calls it.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Binary => "binary",
        Kind::Continuation => "continuation",
        Kind::Ping => "ping",
        Kind::Pong => "pong",
        Kind::Close => "close",
    }
}

/// Unpredictable, so that no upstream behind a careless proxy can be made to see bytes of our choosing (RFC 6455 §10.3).
fn random_mask() -> [u8; 4] {
    let mut mask = [0; 4];
    // Without randomness the frame is still well-formed.
    let _ = aws_lc_rs::rand::fill(&mut mask);
    mask
}

//! Shows an answer to the judge on its way to the workload.
//!
//! An answer whose length is known and small enough is held until the verdict, so that a workload gets a clean refusal in
//! its place. One of unknown length is held for a moment, which is all that most need, and then judged while it passes; a
//! stream of events is judged while it passes from its first byte. Bytes are forwarded as they came, coding included.

use std::sync::Arc;
use std::time::Duration;

use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use http_body::Body;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::body::{Held, ToWorkload};
use super::coding::Decoder;
use super::exchange::Running;
use super::judged::{Ahead, Direction, JudgedStream, Progress};
use super::upload::declared_length;
use crate::model::{BlockReason, Limit, Verdict};

/// How much of an answer of unknown length is read before its head is passed on ...
const AHEAD_BYTES: usize = 256 * 1024;
/// ... and how long that may take. Long enough for an answer that is sent in one go, too short to be felt.
const AHEAD_TIME: Duration = Duration::from_millis(50);

/// How long an answer of known length may take before it is judged while it passes: one that trickles, or stalls, must reach
/// the workload as far as it goes, and not occupy the budget meanwhile.
const HOLD_TIME: Duration = Duration::from_secs(1);

/// The answer must not reach the workload; the log's verdict says why.
pub(super) struct Withheld;

impl Running {
    /// Judges the body of an answer, as far as can be before its head is passed on.
    pub(super) async fn download(
        &self,
        head: &Parts,
        body: Incoming,
        stopped: Option<CancellationToken>,
    ) -> Result<ToWorkload, Withheld> {
        let connection = &self.connection;
        let relayed = |body| ToWorkload::Relayed { body, log: Arc::clone(&self.log), stopped: stopped.clone() };
        // A request that is still being judged decides about the answer as well.
        if stopped.is_some() || !has_body(&self.method, head.status) || body.is_end_stream() {
            return Ok(relayed(body));
        }
        let open = || connection.inspect.response_body(&connection.exchange, self.id, self.log.path(), head);
        let Some(judge) = self.log.timed(open) else { return Ok(relayed(body)) };
        let limits = &connection.limits;
        // What is decoded is looked at and forgotten, so that only the ratio needs a bound.
        let decoder = match Decoder::for_answer(&head.headers, u64::MAX, limits.max_decode_ratio) {
            Ok(decoder) => decoder,
            Err(error) => {
                let verdict = connection.inspect.uninspectable_answer(&connection.exchange, self.id, error.reason());
                return if self.log.judged(verdict).is_block() { Err(Withheld) } else { Ok(relayed(body)) };
            }
        };
        let release = judge.release();
        let mut stream = Box::new(JudgedStream {
            direction: Direction::Response,
            body,
            judge: Some(judge),
            decoder,
            held: Held::new(connection.budget.lease()),
            progress: Progress::default(),
            max_held: limits.max_body_bytes,
            max_bytes: u64::MAX,
            ended: false,
            inspect: Arc::clone(&connection.inspect),
            exchange: Arc::clone(&connection.exchange),
            id: self.id,
            log: Arc::clone(&self.log),
            stopped: CancellationToken::new(),
            release,
            messages: None,
            pause: None,
            rewritable: true,
            to_rewrite: false,
            parting: None,
        });
        let (bytes, patience) = match declared_length(&head.headers) {
            _ if is_event_stream(&head.headers) => {
                stream.rewritable = false;
                return Ok(ToWorkload::Judged { stream, failed: None });
            }
            Some(length) if length <= limits.max_body_bytes as u64 => (limits.max_body_bytes, HOLD_TIME),
            _ => (AHEAD_BYTES, AHEAD_TIME),
        };
        if let Some(judge) = &mut stream.judge {
            judge.rewritable(true);
        }
        let read = match stream.read_ahead(bytes, patience, limits).await {
            Ok(Ahead::More) => stream.pass_on().map(|()| Ahead::More),
            read => read,
        };
        match read {
            Ok(Ahead::Ended) if stream.to_rewrite => self.rewrite_answer(head, stream),
            Ok(Ahead::Ended | Ahead::More) => Ok(ToWorkload::Judged { stream, failed: None }),
            Ok(Ahead::Overloaded) => {
                self.reached(Limit::HeldBytes);
                self.log.judged(Verdict::block(BlockReason::Overloaded));
                Err(Withheld)
            }
            Err(Error::Stopped) => Err(Withheld),
            // The upstream failed in the middle: what came before is passed on, and the answer ends as it did.
            Err(error) => {
                stream.cut();
                Ok(ToWorkload::Judged { stream, failed: Some(error) })
            }
        }
    }
}

impl Running {
    /// Has orders in an answer replaced, and what is left judged as it goes.
    fn rewrite_answer(&self, head: &Parts, mut stream: Box<JudgedStream>) -> Result<ToWorkload, Withheld> {
        let connection = &self.connection;
        let limits = &connection.limits;
        let decoder = Decoder::for_answer(&head.headers, limits.max_decoded_bytes, limits.max_decode_ratio);
        let whole = decoder.ok().and_then(|decoder| stream.held.decoded(decoder, limits.max_body_bytes));
        let Some(whole) = whole else {
            self.log.judged(Verdict::block(BlockReason::Unredactable));
            return Err(Withheld);
        };
        let (inspect, path) = (&connection.inspect, self.log.path());
        let rewrite = || inspect.rewritten_answer(&connection.exchange, self.id, path, head, &whole);
        let (verdict, new) = self.log.timed(rewrite);
        if self.log.judged(verdict).is_block() {
            return Err(Withheld);
        }
        stream.rewritten(new);
        Ok(ToWorkload::Judged { stream, failed: None })
    }
}

/// Whether an answer can have a body at all (RFC 9112 §6.3).
fn has_body(method: &Method, status: StatusCode) -> bool {
    let never = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) || status.is_informational();
    method != Method::HEAD && !never
}

/// A stream of events, whose reader waits for each (WHATWG HTML §9.2).
fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
    })
}

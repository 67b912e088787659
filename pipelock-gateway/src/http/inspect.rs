//! How a message part is shown to a judge, and what may come back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;

use super::sse::deltas::Dialect;
use crate::model::{
    BlockReason, FrontDoor, HttpVersion, Limit, OriginalDst, PeerName, RequestId, RequestRecord, Verdict, Workload,
};

/// What the judge may know about the connection an exchange belongs to. One a connection, shared by its requests.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which door it came through.
    pub front_door: FrontDoor,
    /// Who opened it.
    pub workload: Option<Workload>,
    /// The address it came from.
    pub client: Option<IpAddr>,
    /// Where it meant to go.
    pub original_dst: Option<OriginalDst>,
    /// The name the session was opened for: SNI, CONNECT host, or the address. For cleartext, `None` until `Host` is read.
    pub name: Option<PeerName>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The version on both legs.
    pub version: HttpVersion,
}

/// Counts what passes on one WebSocket connection, as it passes: some stay open for days.
pub trait WebSocketMeter: Send + Sync {
    /// A frame has come, of a kind by the names of [`crate::model::WebSocketRecord::frames`].
    fn frame(&self, kind: &'static str);

    /// Bytes of frames have gone on, towards the upstream or towards the workload.
    fn passed(&self, up: bool, bytes: usize);
}

/// Counts nothing.
impl WebSocketMeter for () {
    fn frame(&self, _: &'static str) {}

    fn passed(&self, _: bool, _: usize) {}
}

/// A judge of messages. Called on a runtime thread: what it does must be bounded by the bytes it is given.
pub trait Inspect: Send + Sync + 'static {
    /// Judges method, target and header fields, before anything leaves.
    fn request_head(&self, exchange: &Exchange, id: RequestId, head: &Parts) -> Verdict;

    /// Opens a judge for the body that follows `head`. Bytes are pushed after content-coding was removed.
    fn request_body(&self, exchange: &Exchange, id: RequestId, head: &Parts) -> Box<dyn BodyInspect>;

    /// Opens a judge for the body of the answer with `head` to a request for `path`; `None` when answers of this kind are not
    /// judged.
    fn response_body(
        &self,
        exchange: &Exchange,
        id: RequestId,
        path: &str,
        head: &http::response::Parts,
    ) -> Option<Box<dyn BodyInspect>>;

    /// What a request's body becomes of which the verdict was [`crate::model::Action::Redact`]: a verdict on what goes, and the
    /// new bytes where they differ. `body` is all of it, coding undone. Asked only where [`BodyInspect::rewritable`] was told yes.
    fn rewritten(&self, _: &Exchange, _: RequestId, _: &Parts, _body: &[u8]) -> (Verdict, Option<Vec<u8>>) {
        (Verdict::block(BlockReason::Unredactable), None)
    }

    /// The same for an answer.
    fn rewritten_answer(
        &self,
        _: &Exchange,
        _: RequestId,
        _path: &str,
        _: &http::response::Parts,
        _body: &[u8],
    ) -> (Verdict, Option<Vec<u8>>) {
        (Verdict::block(BlockReason::Unredactable), None)
    }

    /// What to do with a message that cannot be shown: a body that is too large or has a coding that cannot be undone, a
    /// switch to another protocol. The verdict carries `reason`. Anything but [`crate::model::Action::Block`] lets what was
    /// not shown pass unjudged; audit mode answers [`crate::model::Action::Warn`].
    fn uninspectable(&self, exchange: &Exchange, id: RequestId, reason: BlockReason) -> Verdict;

    /// The same for an answer.
    fn uninspectable_answer(&self, exchange: &Exchange, id: RequestId, reason: BlockReason) -> Verdict {
        self.uninspectable(exchange, id, reason)
    }

    /// A WebSocket connection has been opened; it counts as open until what is returned is dropped.
    fn websocket_opened(&self) -> Box<dyn WebSocketMeter> {
        Box::new(())
    }

    /// Hears that a bound was reached.
    fn limit_reached(&self, _limit: Limit) {}

    /// Takes the record of a finished exchange: exactly one for each request, also for one whose head could not be parsed
    /// (no method, no path) or whose client vanished. Called while values are dropped, so it must neither block nor panic:
    /// a slow sink loses records and never delays traffic.
    fn exchange_done(&self, record: RequestRecord);
}

/// A judge of one body, fed in order.
pub trait BodyInspect: Send {
    /// Shows the next bytes.
    fn push(&mut self, bytes: &[u8]) -> Step;

    /// Says whether all of the body will be at hand at its end, so that the verdict may be
    /// [`crate::model::Action::Redact`]. Told no, which is how it begins, a judge must block instead, also for what it has seen
    /// already: then this answers [`Step::Stop`].
    fn rewritable(&mut self, _whole: bool) -> Step {
        Step::Hold(0)
    }

    /// What lets bytes go, beside what [`BodyInspect::push`] says; asked of judges of answers.
    fn release(&self) -> Release {
        Release::Lines
    }

    /// Nothing more has come for as long as [`Release::StepsFor`] says: how many of the last bytes are still not to go.
    fn lapsed(&mut self) -> usize {
        usize::MAX
    }

    /// Whose language a stream of events speaks, when it is known: such a stream is not broken off, but ended as that
    /// provider ends one in which something went wrong.
    fn dialect(&self) -> Option<Dialect> {
        None
    }

    /// Shows the trailer fields, if there are any, after the last bytes and before [`BodyInspect::finish`].
    fn trailers(&mut self, trailers: &HeaderMap);

    /// The body is complete: the verdict on all of it.
    fn finish(self: Box<Self>) -> Verdict;
}

/// What lets the bytes of an answer go that is judged on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Steps, and a pause of the upstream: up to the last line end, because a reader waits for lines.
    Lines,
    /// Steps alone.
    Steps,
    /// Steps, and a pause of this length, see [`BodyInspect::lapsed`].
    StepsFor(Duration),
}

/// What may happen with the bytes shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All but the last `n` bytes shown are final: no match can begin in them any more. Bodies that are held until the
    /// verdict do not depend on it; calls that stream both ways release everything else at once, so `n` must stay below
    /// the length of the longest match, or the two sides wait for each other.
    Hold(usize),
    /// The body is to be blocked; no further bytes need to be shown. [`BodyInspect::finish`] says why, and must block or
    /// at least warn: a stop whose verdict allows is taken as a block.
    Stop,
}

impl<T: Inspect + ?Sized> Inspect for Arc<T> {
    fn request_head(&self, exchange: &Exchange, id: RequestId, head: &Parts) -> Verdict {
        (**self).request_head(exchange, id, head)
    }

    fn request_body(&self, exchange: &Exchange, id: RequestId, head: &Parts) -> Box<dyn BodyInspect> {
        (**self).request_body(exchange, id, head)
    }

    fn response_body(
        &self,
        exchange: &Exchange,
        id: RequestId,
        path: &str,
        head: &http::response::Parts,
    ) -> Option<Box<dyn BodyInspect>> {
        (**self).response_body(exchange, id, path, head)
    }

    fn rewritten(&self, exchange: &Exchange, id: RequestId, head: &Parts, body: &[u8]) -> (Verdict, Option<Vec<u8>>) {
        (**self).rewritten(exchange, id, head, body)
    }

    fn rewritten_answer(
        &self,
        exchange: &Exchange,
        id: RequestId,
        path: &str,
        head: &http::response::Parts,
        body: &[u8],
    ) -> (Verdict, Option<Vec<u8>>) {
        (**self).rewritten_answer(exchange, id, path, head, body)
    }

    fn uninspectable(&self, exchange: &Exchange, id: RequestId, reason: BlockReason) -> Verdict {
        (**self).uninspectable(exchange, id, reason)
    }

    fn uninspectable_answer(&self, exchange: &Exchange, id: RequestId, reason: BlockReason) -> Verdict {
        (**self).uninspectable_answer(exchange, id, reason)
    }

    fn websocket_opened(&self) -> Box<dyn WebSocketMeter> {
        (**self).websocket_opened()
    }

    fn limit_reached(&self, limit: Limit) {
        (**self).limit_reached(limit);
    }

    fn exchange_done(&self, record: RequestRecord) {
        (**self).exchange_done(record);
    }
}

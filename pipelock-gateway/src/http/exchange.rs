//! One request from its head to the answer: check, judge, hold, forward or refuse.
//!
//! Nothing of a request, not even its head, is written upstream before the verdict on the whole; the exception are calls
//! that stream both ways, whose bodies pass through `judged`. What to do is the judge's decision and only enforced.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::block::{Blocked, is_grpc};
use super::body::{ToUpstream, ToWorkload};
use super::download::Withheld;
use super::downstream::Unread;
use super::hygiene::{self, Leave};
use super::log::{ExchangeLog, Tally};
use super::tasks::Tasks;
use super::upstream::Upstream;
use super::{BodyBudget, Error, Exchange, Inspect, Limits, RequestIds, framing, upgrade, upload, websocket};
use crate::model::{BlockReason, HttpVersion, Limit, RequestId, Side, Verdict};

/// How much of a refused HTTP/2 body is read: the window a client may fill before it hears anything (RFC 9113 §6.9.2).
const READ_OUT_BYTES: usize = 65_535;
/// How long that may take; a client that waits for the answer before it sends loses no more than this.
const READ_OUT_TIME: Duration = Duration::from_millis(500);

/// What the requests of one connection share.
pub(super) struct Connection {
    pub(super) exchange: Arc<Exchange>,
    pub(super) inspect: Arc<dyn Inspect>,
    pub(super) limits: Limits,
    pub(super) budget: BodyBudget,
    pub(super) ids: RequestIds,
    pub(super) upstream: Upstream,
    pub(super) tally: Arc<Tally>,
    pub(super) unread: Arc<Unread>,
    pub(super) tasks: Tasks,
    /// When cancelled, long conversations are to end.
    pub(super) shutdown: CancellationToken,
    /// When cancelled, whatever is under way ends.
    pub(super) forbidden: CancellationToken,
    /// Whose fault it was that a request got no answer; hyper only says that the service failed.
    pub(super) broken: OnceLock<Side>,
}

/// Serves one request. An error means that there is to be no answer: the connection, or the stream on HTTP/2, ends as the
/// upstream's did, so that the client's own rules for retrying hold.
pub(super) async fn serve(
    connection: Arc<Connection>,
    mut request: Request<Incoming>,
) -> Result<Response<ToWorkload>, Error> {
    connection.tally.awaiting_head.store(false, Relaxed);
    connection.tally.in_head.store(false, Relaxed);
    let downstream_switch = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let id = connection.ids.next();
    let log = ExchangeLog::open(&connection.inspect, &connection.exchange, &connection.tally, id, &head);
    let request = Running { method: head.method.clone(), grpc: is_grpc(&head.headers), connection, id, log };
    let unanswered = Unanswered { connection: &request.connection };
    let outcome = request.run(head, body, downstream_switch).await;
    std::mem::forget(unanswered);
    if let Err(error) = &outcome {
        let _ = request.connection.broken.set(error.side());
    }
    outcome
}

/// Dropped when a request is given up before its answer has begun: the workload has reset the stream.
struct Unanswered<'a> {
    connection: &'a Connection,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let connection = self.connection;
        if connection.exchange.version == HttpVersion::Http2 {
            connection.tally.cancelled(connection.limits.max_cancelled);
        }
    }
}

/// One request being served.
pub(super) struct Running {
    pub(super) connection: Arc<Connection>,
    pub(super) id: RequestId,
    pub(super) log: Arc<ExchangeLog>,
    pub(super) method: Method,
    grpc: bool,
}

/// A protocol that a request asks to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// Its messages can be judged.
    WebSocket,
    /// Nothing of it can be shown to a judge.
    Unreadable,
}

/// What is needed once the upstream has agreed to one.
struct Switching {
    downstream: OnUpgrade,
    /// The request as forwarded, of a WebSocket.
    handshake: Option<Box<Parts>>,
}

/// What became of a request body.
pub(super) enum Upload {
    /// It may go.
    Forward {
        body: ToUpstream,
        /// Cancelled when the judge stops it on the way.
        stopped: Option<CancellationToken>,
    },
    /// The log's verdict says why not.
    Refused {
        /// Part of it has not been read.
        unread: bool,
    },
}

impl Running {
    async fn run(
        &self,
        mut head: Parts,
        body: Incoming,
        downstream_switch: OnUpgrade,
    ) -> Result<Response<ToWorkload>, Error> {
        let switch = self.asks_to_switch(&head);
        let unreadable = switch == Some(Switch::Unreadable);
        if !self.admit(&head) || (unreadable && self.cannot_show(BlockReason::UpgradeUninspectable)) {
            let unread = !body.is_end_stream();
            if unread && !self.is_http1() {
                read_out(body).await;
            }
            return Ok(self.refuse(unread));
        }
        let both_ways = upload::streams_both_ways(&head.headers);
        let (body, stopped) = match self.upload(&head, body).await? {
            Upload::Forward { body, stopped } => (body, stopped),
            Upload::Refused { unread } => return Ok(self.refuse(unread)),
        };
        let leave = Leave {
            out_expect: !body.is_end_stream(),
            in_upgrade: switch.is_some(),
            out_extensions: switch == Some(Switch::WebSocket),
            ..Leave::default()
        };
        self.prepare_head(&mut head, leave)?;
        if let Some(length) = body.rewritten() {
            hygiene::rewritten(&mut head.headers, length);
        }
        if switch.is_some() {
            self.connection.upstream.set_switching(true);
        }
        let switching = match switch {
            None => None,
            Some(Switch::Unreadable) => Some(Switching { downstream: downstream_switch, handshake: None }),
            Some(Switch::WebSocket) => {
                Some(Switching { downstream: downstream_switch, handshake: Some(Box::new(head.clone())) })
            }
        };
        match self.forward(Request::from_parts(head, body), stopped.as_ref()).await {
            // A large body that is stopped now may have been answered already; nothing of the answer has been passed on.
            Ok(_) if !both_ways && stopped.as_ref().is_some_and(CancellationToken::is_cancelled) => {
                Ok(self.refuse(true))
            }
            Ok(response) => Ok(self.relay(response, switching, stopped.filter(|_| both_ways)).await),
            // The judge's stop surfaces as a failure of the body it refused.
            Err(_) if stopped.as_ref().is_some_and(CancellationToken::is_cancelled) => Ok(self.refuse(true)),
            Err(Error::Upstream(error)) if error.is_parse() => Ok(self.unusable_upstream()),
            Err(Error::Upstream(error)) => match self.connection.upstream.refused() {
                Some(reason) => {
                    self.log.judged(Verdict::block(reason));
                    Ok(self.refuse(true))
                }
                None => Err(Error::Upstream(error)),
            },
            Err(error) => Err(error),
        }
    }

    /// Judges the head; `false` when the request ends here.
    fn admit(&self, head: &Parts) -> bool {
        let exchange = &self.connection.exchange;
        let Ok(addressee) = framing::check(head) else {
            self.log.judged(Verdict::block(BlockReason::Framing));
            return false;
        };
        if let Some(addressee) = addressee {
            self.log.named(addressee.display(exchange.scheme));
            let peer = exchange.name.as_ref();
            if peer.is_some_and(|peer| !addressee.is_peer(peer, exchange.scheme, exchange.original_dst)) {
                self.log.judged(Verdict::block(BlockReason::AuthorityMismatch));
                return false;
            }
        }
        let verdict = self.log.timed(|| self.connection.inspect.request_head(exchange, self.id, head));
        !self.log.judged_head(verdict).is_block()
    }

    /// Asks what to do with something that cannot be judged; `true` when it must not pass.
    pub(super) fn cannot_show(&self, reason: BlockReason) -> bool {
        let verdict = self.connection.inspect.uninspectable(&self.connection.exchange, self.id, reason);
        self.log.judged(verdict).is_block()
    }

    /// A bound of the configuration was reached.
    pub(super) fn reached(&self, limit: Limit) {
        self.connection.inspect.limit_reached(limit);
    }

    fn asks_to_switch(&self, head: &Parts) -> Option<Switch> {
        let headers = &head.headers;
        if !self.is_http1() || !headers.contains_key(header::UPGRADE) || hygiene::upgrade_is_h2c_only(headers) {
            return None;
        }
        let readable = self.connection.limits.websocket.enabled && websocket::is_asked_for(head);
        Some(if readable { Switch::WebSocket } else { Switch::Unreadable })
    }

    pub(super) fn is_http1(&self) -> bool {
        self.connection.exchange.version == HttpVersion::Http1
    }

    /// Turns the head as it came into the head as it goes.
    fn prepare_head(&self, head: &mut Parts, leave: Leave) -> Result<(), Error> {
        if !self.is_http1() && head.uri.authority().is_none() {
            // A request translated from HTTP/1 may carry `Host` instead (RFC 9113 §8.3.1); hyper needs the whole URI.
            let host = head.headers.get(header::HOST).map(http::HeaderValue::as_bytes).unwrap_or_default();
            let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
            head.uri = Uri::builder()
                .scheme(self.connection.exchange.scheme)
                .authority(host)
                .path_and_query(path)
                .build()
                .map_err(Error::Target)?;
        }
        head.headers = hygiene::forwarded(std::mem::take(&mut head.headers), leave);
        Ok(())
    }

    async fn forward(
        &self,
        request: Request<ToUpstream>,
        stopped: Option<&CancellationToken>,
    ) -> Result<Response<Incoming>, Error> {
        let response_head = self.connection.limits.response_head;
        let send = timeout(response_head, self.connection.upstream.send(request));
        let sent = match stopped {
            None => send.await,
            Some(stopped) => stopped.run_until_cancelled(send).await.ok_or(Error::Stopped)?,
        };
        sent.map_err(|_| {
            self.reached(Limit::ResponseTimeout);
            Error::ResponseTimeout(response_head)
        })?
    }

    async fn relay(
        &self,
        response: Response<Incoming>,
        switching: Option<Switching>,
        stopped: Option<CancellationToken>,
    ) -> Response<ToWorkload> {
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switching.is_some() && !switched {
            self.connection.upstream.set_switching(false);
        }
        let (response, body) = match (switched, switching) {
            (true, Some(Switching { downstream, handshake: None })) => {
                let response = upgrade::relay(&self.connection, response, downstream, &self.log);
                (response, ToWorkload::Switched)
            }
            (true, Some(Switching { downstream, handshake: Some(request) }))
                if websocket::is_agreed_to(response.headers()) =>
            {
                (self.converse(*request, response, downstream), ToWorkload::Switched)
            }
            // Nobody asked for this protocol; what follows could not be read.
            (true, _) => return self.unusable_upstream(),
            (false, _) => {
                let (head, body) = response.into_parts();
                match self.download(&head, body, stopped).await {
                    Ok(body) => (Response::from_parts(head, ()), body),
                    Err(Withheld) => return self.refuse(false),
                }
            }
        };
        self.log.answered(response.status());
        let (mut head, ()) = response.into_parts();
        let leave = Leave { in_upgrade: switched, out_length: body.may_change_length(), ..Leave::default() };
        head.headers = hygiene::forwarded(head.headers, leave);
        if let Some(length) = body.rewritten() {
            hygiene::rewritten(&mut head.headers, length);
        }
        Response::from_parts(head, body)
    }

    fn unusable_upstream(&self) -> Response<ToWorkload> {
        self.log.judged(Verdict::block(BlockReason::UpstreamUnavailable));
        self.refuse(true)
    }

    /// Answers in the upstream's place.
    fn refuse(&self, body_unread: bool) -> Response<ToWorkload> {
        if body_unread && self.is_http1() {
            self.connection.unread.set();
        }
        let verdict = self.log.verdict();
        let answer = Blocked {
            version: self.connection.exchange.version,
            method: &self.method,
            grpc: self.grpc,
            id: self.id,
            verdict: &verdict,
            body_unread,
        }
        .answer();
        self.log.answered(answer.status());
        answer.map(|body| ToWorkload::Own { body, log: Arc::clone(&self.log) })
    }
}

/// Reads what is left of a refused HTTP/2 request, within bounds, before it is answered.
///
/// A body that is dropped makes h2 send `RST_STREAM` right behind the answer. RFC 9113 §8.1 allows that and asks clients to
/// keep the answer, but curl 7.88 that was about to send more reports `CURLE_HTTP2_STREAM` and loses it. HTTP/1 has no
/// such frame; what [`Unread`] does there comes after the answer.
async fn read_out(mut body: Incoming) {
    let mut left = READ_OUT_BYTES;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, bytes::Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Time out or not, the answer follows.
    let _ = timeout(READ_OUT_TIME, reading).await;
}

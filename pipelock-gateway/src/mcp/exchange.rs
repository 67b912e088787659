//! One request from its head to the answer: route it, hold it, ask the judge, forward it, judge what comes back.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::answer::{self, Refusal, json_response};
use super::body::{NotHeld, ToClient, hold};
use super::era::Era;
use super::jsonrpc::Id;
use super::log::Log;
use super::pool::Answer;
use super::route::{self, Route, Stranger};
use super::serve::Shared;
use super::state::Caller;
use super::{Key, Note, Settings, Unavailable};
use crate::model::{BlockReason, Principal, RequestId, Verdict, error_chain};

/// A body of registration or login.
const MAX_LOGIN_BODY: usize = 1 << 20;

/// What the parts of one exchange share.
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Arc<Settings>,
    pub(super) log: Arc<Log>,
    pub(super) caller: Caller,
    /// Who sends, as it is counted.
    pub(super) principal: Principal,
    pub(super) era: Era,
    /// What was asked and has not been answered yet.
    pub(super) questions: Vec<Id>,
    /// A further page of a list was asked for.
    pub(super) pages: bool,
    /// The status of the answer is one of failure.
    pub(super) failed: bool,
}

/// State that must be known could not be reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateNeeded;

/// What goes upstream.
pub(super) struct Forwarded {
    pub(super) head: Parts,
    pub(super) target: PathAndQuery,
    pub(super) body: Bytes,
}

impl Exchange {
    pub(super) fn id(&self) -> RequestId {
        self.log.id
    }

    /// What the state says. Where it could not be reached: what this process knows, or a refusal, as configured.
    pub(super) fn without_state<T>(&self, outcome: Result<T, Unavailable<T>>) -> Result<T, StateNeeded> {
        match outcome {
            Ok(value) => Ok(value),
            Err(_) if self.refuses_without_state() => Err(StateNeeded),
            Err(Unavailable { alone }) => Ok(alone),
        }
    }

    /// Counts that the state could not be reached, and says whether what depends on it is refused.
    pub(super) fn refuses_without_state(&self) -> bool {
        self.shared.judge.note(Note::StateUnavailable);
        self.settings.refuse_without_state
    }
}

impl Shared {
    /// Serves one request.
    pub(super) async fn exchange(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        id: RequestId,
        shutdown: CancellationToken,
    ) -> Response<ToClient> {
        let (head, body) = request.into_parts();
        let settings = self.judge.settings();
        let route = route::of(&head.method, &head.uri, &self.endpoint, |path| self.state.is_announced(path));
        if route == Route::Health {
            return own(json_response(StatusCode::OK, &json!({ "status": "ok" })), None);
        }
        let log = Log::open(&self.judge, id, (self.endpoint.authority.as_str(), self.endpoint.scheme()), &head);
        let judge = Arc::clone(&self.judge);
        let serving = Box::pin(self.routed(route, (head, body), peer, settings, Arc::clone(&log), shutdown));
        tokio::select! {
            biased;
            // What is under way ends too; it holds for everybody, whatever was found.
            () = judge.killed() => {
                let (reason, refusal) = (BlockReason::KillSwitch, Refusal::new(-32004, "pipelock: kill switch active"));
                let body = refusal.object(&Value::Null, Some(reason), id);
                log.judged_part(Verdict::block(reason));
                let answer = json_response(StatusCode::SERVICE_UNAVAILABLE, &body);
                own(answer::marked(answer, reason, id), Some(&log))
            }
            answer = serving => answer,
        }
    }

    /// Serves a request that is not about this gateway itself.
    async fn routed(
        self: Arc<Self>,
        route: Route,
        (mut head, body): (Parts, Incoming),
        peer: IpAddr,
        settings: Arc<Settings>,
        log: Arc<Log>,
        shutdown: CancellationToken,
    ) -> Response<ToClient> {
        let id = log.id;
        let refuse = |status, refusal: &Refusal, reason| {
            let body = refusal.object(&Value::Null, Some(reason), id);
            log.judged_part(Verdict::block(reason));
            own(answer::marked(json_response(status, &body), reason, id), Some(&log))
        };
        if let Err(stranger) = route::admit(&head.headers, &settings, self.on_loopback()) {
            let words = match stranger {
                Stranger::Origin => "pipelock: origin is not allowed",
                Stranger::Host => "pipelock: host is not allowed",
            };
            // A JSON-RPC error without an id (revision 2025-11-25, "Security warning").
            let reason = BlockReason::AuthorityMismatch;
            let mut body = Refusal::new(-32600, words).object(&Value::Null, Some(reason), id);
            body.as_object_mut().map(|body| body.remove("id"));
            log.judged_part(Verdict::block(reason));
            return own(answer::marked(json_response(StatusCode::FORBIDDEN, &body), reason, id), Some(&log));
        }
        let principal = self.state.principal(&head.headers, peer);
        log.sent_by(principal);
        let admitted = self.judge.admit(principal, &self.endpoint.authority);
        if let Some(reason) = admitted.reason.filter(|_| admitted.is_block()) {
            let refusal = Refusal::new(-32600, format!("pipelock: {}", reason.as_str().replace('_', " ")));
            return refuse(StatusCode::TOO_MANY_REQUESTS, &refusal, reason);
        }
        log.judged_part(admitted);
        stamp(&mut head, peer);
        match route {
            Route::Health | Route::Nowhere => {
                let body = json!({ "error": "not found" });
                own(json_response(StatusCode::NOT_FOUND, &body), Some(&log))
            }
            Route::Login(target) => self.login(head, body, target, &log).await,
            Route::Mcp(target) => {
                let verdict = log.timed(|| self.judge.head(&head));
                let blocked = verdict.is_block();
                let reason = verdict.reason.unwrap_or(BlockReason::Secret);
                if blocked {
                    let refusal = Refusal::of_sent(&verdict);
                    log.judged_part(verdict);
                    return refuse(StatusCode::FORBIDDEN, &refusal, reason);
                }
                log.judged_part(verdict);
                let old = (target.path() != self.endpoint.path.path()).then(|| target.as_str().to_owned());
                // On the stream of 2024-11-05 nobody has a session yet: its first event names one.
                let named = old.as_deref().filter(|_| head.method == Method::POST);
                let caller = self.state.caller(&head.headers, named);
                let exchange = Exchange {
                    era: Era::of(&head.headers, None),
                    questions: Vec::new(),
                    pages: false,
                    failed: false,
                    settings,
                    caller,
                    principal,
                    log,
                    shared: Arc::clone(&self),
                };
                let request = Forwarded { head, target, body: Bytes::new() };
                exchange.mcp(request, body, shutdown).await
            }
        }
    }

    /// Forwards discovery, registration and login. Their forms hold codes and tokens that are on their way to the server that
    /// gave them, and a browser reads the answers: nothing here is for a judge.
    async fn login(&self, head: Parts, body: Incoming, target: PathAndQuery, log: &Arc<Log>) -> Response<ToClient> {
        let held = match hold(body, MAX_LOGIN_BODY, &self.budget).await {
            Ok(held) => held,
            Err(error) => return own(not_held(error, log.id), Some(log)),
        };
        log.request_body(held.bytes.len());
        let request = Forwarded { head, target, body: held.bytes.clone() };
        match self.forward(request).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                strip(&mut head.headers);
                log.answered(head.status);
                Response::from_parts(head, ToClient::Relayed { body, log: Arc::clone(log) })
            }
            Err(response) => {
                log.judged_part(Verdict { reason: Some(BlockReason::UpstreamUnavailable), ..Verdict::allow() });
                own(response, Some(log))
            }
        }
    }

    /// Sends a request upstream. What fails becomes the answer for the client.
    pub(super) async fn forward(&self, request: Forwarded) -> Result<Response<Answer>, Response<Bytes>> {
        let Forwarded { mut head, target, body } = request;
        strip(&mut head.headers);
        head.uri = target.into();
        head.version = http::Version::HTTP_11;
        if let Ok(host) = HeaderValue::from_str(self.endpoint.authority.as_str()) {
            head.headers.insert(header::HOST, host);
        }
        // What is coded cannot be judged as it comes; servers of JSON and events rarely care to.
        if head.headers.contains_key(header::ACCEPT_ENCODING) {
            head.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        // Bodies are held, so `100 Continue` has been said.
        head.headers.remove(header::EXPECT);
        if head.headers.contains_key(header::TRANSFER_ENCODING) || !body.is_empty() {
            head.headers.remove(header::TRANSFER_ENCODING);
            head.headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        self.pool.send(Request::from_parts(head, Full::new(body))).await.map_err(|error| {
            tracing::warn!(error = %error_chain(&error), "the MCP upstream gave no answer");
            let body = Refusal::new(-32003, "pipelock: upstream error");
            let body = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": body.code, "message": body.message } });
            json_response(StatusCode::BAD_GATEWAY, &body)
        })
    }
}

/// Says to the upstream who came, and by which name, so that it can write URLs that lead back here.
fn stamp(head: &mut Parts, peer: IpAddr) {
    let headers = &mut head.headers;
    let mut chain: Vec<&[u8]> = headers.get_all(&FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
    let peer = peer.to_string();
    chain.push(peer.as_bytes());
    let value = HeaderValue::from_bytes(&chain.join(&b", "[..]));
    let host = headers.get(header::HOST).cloned();
    if let Ok(value) = value {
        headers.insert(FORWARDED_FOR.clone(), value);
    }
    // What stands before us has opened the TLS of the client, and has said so.
    if !headers.contains_key(&FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO.clone(), HeaderValue::from_static("http"));
    }
    if let (false, Some(host)) = (headers.contains_key(&FORWARDED_HOST), host) {
        headers.insert(FORWARDED_HOST.clone(), host);
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Takes hop-by-hop fields off (RFC 9110 §7.6.1); everything else goes on, in its order.
pub(super) fn strip(headers: &mut HeaderMap) {
    const HOP_BY_HOP: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "te",
        "upgrade",
        "trailer",
    ];
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        // Fields that carry the message are not made hop-by-hop by naming them: that would change what was judged.
        .filter(|name| {
            !matches!(name.as_str(), "host" | "content-length" | "content-type" | "authorization" | "transfer-encoding")
                && !name.starts_with("mcp-")
        })
        .collect();
    let drops = |name: &HeaderName| HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|n| n == name.as_str());
    if !headers.keys().any(drops) {
        return;
    }
    let kept = headers.iter().filter(|(name, _)| !drops(name)).map(|(name, value)| (name.clone(), value.clone()));
    *headers = kept.collect();
}

/// An answer of this door's own.
pub(super) fn own(response: Response<Bytes>, log: Option<&Arc<Log>>) -> Response<ToClient> {
    if let Some(log) = log {
        log.answered(response.status());
    }
    response.map(|bytes| ToClient::Whole { bytes: Some(bytes), log: log.map(Arc::clone) })
}

/// The answer to a body that could not be held.
pub(super) fn not_held(error: NotHeld, id: RequestId) -> Response<Bytes> {
    let (status, reason, words) = match error {
        NotHeld::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            BlockReason::BodyTooLarge,
            "pipelock: request is larger than can be inspected",
        ),
        NotHeld::NoRoom => {
            (StatusCode::SERVICE_UNAVAILABLE, BlockReason::Overloaded, "pipelock: gateway is at its limit")
        }
        NotHeld::Broken => (StatusCode::BAD_REQUEST, BlockReason::Framing, "pipelock: request body is incomplete"),
    };
    let body = Refusal::new(-32600, words).object(&Value::Null, Some(reason), id);
    answer::marked(json_response(status, &body), reason, id)
}

/// The key of a session's name in a header, if there is one.
pub(super) fn session_name(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("mcp-session-id").map(HeaderValue::as_bytes)
}

/// Whether two keys are of the same owner.
pub(super) fn is_foreign(owner: Option<Key>, caller: &Caller) -> bool {
    owner.is_some_and(|owner| owner != caller.principal)
}

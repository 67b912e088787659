//! What the client sends: read once, held against session, revision, policy and rules, and then forwarded as it came.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Refusal, json_response};
use super::body::{ToClient, hold};
use super::era::{self, Era};
use super::exchange::{Exchange, Forwarded, is_foreign, not_held, own};
use super::jsonrpc::{Content, Id, Kind, Message};
use super::policy::{self, Outcome};
use super::state::{id_key, key, tool_key};
use super::{Entering, NotReplaced, Note, Pinned, Redirect, redirect, upload};
use crate::model::{Action, BlockReason, Evidence, Family, Finding, Severity, Surface, Verdict, View};

/// Bodies from here on are read and judged on a thread of their own, so that one upload does not stop all other requests.
pub(super) const LARGE: usize = 256 << 10;

/// What became of the messages of a request.
pub(super) enum Judged {
    /// Another body than the one that came, where something in it was replaced.
    Forward(Option<Bytes>),
    Answer(Response<Bytes>),
    /// A program answers, which is told the call.
    Redirect(Id, Redirect, Bytes),
}

impl Exchange {
    /// Serves a request to the MCP endpoint.
    pub(super) async fn mcp(
        mut self,
        mut request: Forwarded,
        body: Incoming,
        shutdown: CancellationToken,
    ) -> Response<ToClient> {
        let limit = self.settings.max_upload_bytes.max(self.settings.max_body_bytes);
        let held = match hold(body, limit, &self.shared.budget).await {
            Ok(held) => held,
            Err(error) => {
                self.log.judged_part(Verdict::block(BlockReason::BodyTooLarge));
                return own(not_held(error, self.id()), Some(&self.log));
            }
        };
        self.log.request_body(held.bytes.len());
        let judged = match request.head.method {
            Method::POST => self.post(&request, &held.bytes).await,
            Method::GET | Method::DELETE | Method::OPTIONS | Method::HEAD => self.other(&request, &held.bytes).await,
            _ => Judged::Answer(method_not_allowed()),
        };
        match judged {
            Judged::Answer(response) => return own(response, Some(&self.log)),
            Judged::Redirect(id, profile, body) => return self.redirected(&id, &profile, &body).await,
            Judged::Forward(replaced) => request.body = replaced.unwrap_or_else(|| held.bytes.clone()),
        }
        let (method, session) = (request.head.method.clone(), self.caller.session);
        let shared = Arc::clone(&self.shared);
        // Dropping the future, which is what a client that went away comes to, closes the leg: that cancels the work.
        match shared.forward(request).await {
            Ok(response) => {
                drop(held);
                self.received(&method, session, response, shutdown).await
            }
            Err(response) => {
                self.log.judged_part(Verdict { reason: Some(BlockReason::UpstreamUnavailable), ..Verdict::allow() });
                own(self.with_id(response), Some(&self.log))
            }
        }
    }

    /// The upstream error with the id of the only request, so that its client can tell which one failed.
    fn with_id(&self, response: Response<Bytes>) -> Response<Bytes> {
        let [id] = self.questions.as_slice() else { return response };
        let refusal = Refusal::new(-32003, "pipelock: upstream error");
        json_response(
            response.status(),
            &refusal.object(&id.to_value(), Some(BlockReason::UpstreamUnavailable), self.id()),
        )
    }

    /// GET, DELETE, OPTIONS: the session is whose it is, and there is nothing to judge in them.
    async fn other(&mut self, request: &Forwarded, body: &Bytes) -> Judged {
        if !body.is_empty() {
            return self.refuse(
                StatusCode::BAD_REQUEST,
                -32600,
                "pipelock: a body has no meaning here",
                BlockReason::Framing,
            );
        }
        let _ = request;
        let entering = Entering { session: self.caller.session, ..Entering::default() };
        match self.enter(&entering).await {
            Ok(_) => Judged::Forward(None),
            Err(answer) => answer,
        }
    }

    async fn post(&mut self, request: &Forwarded, bytes: &Bytes) -> Judged {
        let headers = &request.head.headers;
        if headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            let reason = BlockReason::BodyUndecodable;
            return self.refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                -32600,
                "pipelock: coded messages cannot be inspected",
                reason,
            );
        }
        if !is_json(headers.get(header::CONTENT_TYPE)) {
            let reason = BlockReason::Framing;
            return self.refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                -32600,
                "pipelock: messages are application/json",
                reason,
            );
        }
        let read = if bytes.len() < LARGE {
            Content::read(bytes)
        } else {
            let bytes = bytes.clone();
            // The task only fails when it panics, which reading does not; it is a refusal all the same.
            tokio::task::spawn_blocking(move || Content::read(&bytes))
                .await
                .unwrap_or(Err(super::jsonrpc::Malformed::Json))
        };
        let content = match read {
            Ok(content) => content,
            Err(fault) => return self.malformed(bytes, fault.code(), &fault.to_string()),
        };
        if let Some(answer) = self.shape(request, &content, bytes.len()) {
            return answer;
        }
        if self.shared.judge.replaces() {
            return match self.replaced(request, &content, bytes).await {
                Ok(None) => self.messages(content, bytes, None).await,
                Ok(Some((content, bytes))) => self.messages(content, &bytes, Some(&bytes)).await,
                Err(NotReplaced) => self.not_replaced(),
            };
        }
        self.messages(content, bytes, None).await
    }

    /// Bytes that are no message: refused, unless nothing is enforced or the configuration lets them pass.
    fn malformed(&mut self, bytes: &Bytes, code: i64, what: &str) -> Judged {
        let verdict = self.shared.judge.enforce(Verdict::block(BlockReason::Framing));
        if verdict.is_block() && !self.settings.forward_malformed {
            return self.refuse(StatusCode::BAD_REQUEST, code, &format!("pipelock: {what}"), BlockReason::Framing);
        }
        if self.shared.judge.replaces() {
            return self.not_replaced();
        }
        let text = self.log.timed(|| self.shared.judge.sent_text(bytes));
        let blocked = text.is_block();
        let reason = text.reason.unwrap_or(BlockReason::Secret);
        let refusal = Refusal::of_sent(&text);
        self.log.judged_part(text);
        if blocked {
            return self.refuse(StatusCode::BAD_REQUEST, refusal.code, &refusal.message, reason);
        }
        self.log.judged_part(Verdict { action: Action::Warn, ..verdict });
        Judged::Forward(None)
    }

    /// What of a request is refused by its shape, before a judge is asked.
    fn shape(&mut self, request: &Forwarded, content: &Content, len: usize) -> Option<Judged> {
        let headers = &request.head.headers;
        let first = content.messages().first();
        self.era = Era::of(headers, first);
        self.questions = content.messages().iter().filter_map(Message::request_id).cloned().collect();
        self.pages = content.messages().iter().any(|message| message.value.pointer("/params/cursor").is_some());
        if len > self.settings.max_body_bytes && !self.is_upload(content) {
            let words = "pipelock: request is larger than can be inspected";
            return Some(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, -32600, words, BlockReason::BodyTooLarge));
        }
        if matches!(content, Content::Batch(_)) && !self.era.allows_batches() {
            let words = "pipelock: batch requests are not supported by this revision of MCP";
            return Some(self.refuse(StatusCode::BAD_REQUEST, -32600, words, BlockReason::Framing));
        }
        if self.era == Era::Unknown && !self.settings.forward_unknown_revisions {
            let words = "pipelock: unknown protocol version";
            return Some(self.refuse(StatusCode::BAD_REQUEST, -32600, words, BlockReason::Framing));
        }
        if self.era == Era::Stateless
            && let Some(Err(fault)) = first.map(|message| era::agree(headers, message))
        {
            let words = format!("Header mismatch: {fault}");
            return Some(self.refuse(StatusCode::BAD_REQUEST, -32020, &words, BlockReason::Framing));
        }
        // Two questions with one id would make one answer stand for both.
        let repeated = self
            .questions
            .iter()
            .enumerate()
            .any(|(at, id)| self.questions.iter().skip(at + 1).any(|other| other == id));
        if repeated {
            return Some(self.refuse(
                StatusCode::BAD_REQUEST,
                -32600,
                "pipelock: an id occurs twice",
                BlockReason::Framing,
            ));
        }
        None
    }

    pub(super) fn is_upload(&self, content: &Content) -> bool {
        matches!(content, Content::One(message) if message.tool().is_some_and(|tool| self.settings.upload_tools.contains(tool)))
    }

    async fn messages(&mut self, content: Content, bytes: &Bytes, replaced: Option<&Bytes>) -> Judged {
        let asks = match self.caller.session {
            Some(_) => self.questions.iter().map(id_key).collect(),
            // Without a session every answer comes on the exchange it belongs to.
            None => Vec::new(),
        };
        let calls: Vec<&str> = content.messages().iter().filter_map(Message::tool).collect();
        let first_tool = calls.first().copied().map(tool_key);
        let entering = Entering {
            session: self.caller.session,
            scope: Some(self.caller.scope),
            tool: first_tool.filter(|_| self.settings.binding.enabled),
            asks,
        };
        let known = match self.enter(&entering).await {
            Ok(known) => known,
            Err(answer) => return answer,
        };
        let mut pinned = vec![known];
        // Batches are rare; each further call is asked for by itself.
        for tool in calls.iter().skip(1).filter(|_| self.settings.binding.enabled) {
            let entering =
                Entering { scope: Some(self.caller.scope), tool: Some(tool_key(tool)), ..Entering::default() };
            match self.enter(&entering).await {
                Ok(known) => pinned.push(known),
                Err(answer) => return answer,
            }
        }
        self.log.messages(self.era.as_str(), &content, self.caller.session);
        let mut pinned = pinned.into_iter();
        let mut redirect = None;
        let mut verdicts = Vec::new();
        let content = Arc::new(content);
        for (at, message) in content.messages().iter().enumerate() {
            let known = message.tool().and_then(|_| pinned.next()).flatten();
            let mut verdict = self.rules(&content, at, bytes.len()).await;
            if let Some(tool) = message.tool() {
                match (self.policy(tool, message), message.request_id()) {
                    ((policed, None), _) => verdict.join(policed),
                    ((policed, Some(profile)), Some(id)) => {
                        verdict.join(policed);
                        redirect = Some((id.clone(), profile));
                    }
                    // Nobody waits for what the program would say, and the server is not to be told.
                    ((policed, Some(_)), None) => {
                        verdict.join(Verdict { findings: policed.findings, ..Verdict::block(BlockReason::ToolPolicy) });
                    }
                }
                if let Some(known) = known {
                    verdict.join(self.binding(tool, known).await);
                }
                if self.settings.chains && !verdict.is_block() {
                    verdict.join(self.shared.state.observe(self.caller.scope, &*self.shared.judge, &message.value));
                }
            }
            verdict = self.shared.judge.settled(self.principal, message.tool(), verdict);
            let outcome = if redirect.is_some() && !verdict.is_block() { "redirect" } else { verdict.action.as_str() };
            self.shared.judge.note(Note::Message { era: self.era.as_str(), method: method_label(message), outcome });
            verdicts.push(verdict);
        }
        let blocked = verdicts.iter().any(Verdict::is_block);
        let answer = blocked.then(|| self.blocked(&content, &verdicts));
        for verdict in verdicts {
            self.log.judged_part(verdict);
        }
        match (answer, redirect) {
            (Some(answer), _) => Judged::Answer(answer),
            // A batch of which one call is answered elsewhere cannot go on as it came.
            (None, Some(_)) if matches!(*content, Content::Batch(_)) => {
                let words = "pipelock: a redirected call cannot be part of a batch";
                self.refuse(StatusCode::OK, -32002, words, BlockReason::ToolPolicy)
            }
            (None, Some((id, profile))) => Judged::Redirect(id, profile, bytes.clone()),
            (None, None) => Judged::Forward(replaced.cloned()),
        }
    }

    /// What the rules say of one message.
    async fn rules(&self, content: &Arc<Content>, at: usize, bytes: usize) -> Verdict {
        let uploads = self.is_upload(content);
        let look = move |judge: &dyn super::Judge, content: &Content| {
            let Some(message) = content.messages().get(at) else { return Verdict::allow() };
            let call = message.method() == Some("tools/call");
            let lifted = if uploads { upload::lift(&message.value) } else { None };
            match lifted {
                Some((rest, files)) => {
                    let mut verdict = judge.sent(&rest, call);
                    for file in &files {
                        verdict.join(judge.sent_text(file));
                    }
                    verdict
                }
                None => judge.sent(&message.value, call),
            }
        };
        if bytes < LARGE {
            return self.log.timed(|| look(&*self.shared.judge, content));
        }
        let (judge, content, log) = (Arc::clone(&self.shared.judge), Arc::clone(content), Arc::clone(&self.log));
        let judged = tokio::task::spawn_blocking(move || log.timed(|| look(&*judge, &content))).await;
        // A judge that panicked has not judged.
        judged.unwrap_or_else(|_| self.shared.judge.enforce(Verdict::block(BlockReason::ScanLimit)))
    }

    /// The operator's own rules on calls.
    fn policy(&self, tool: &str, message: &Message) -> (Verdict, Option<Redirect>) {
        let arguments = message.value.pointer("/params/arguments").unwrap_or(&Value::Null);
        let matched = policy::judge(&self.settings.rules, tool, arguments);
        let findings =
            matched.iter().map(|rule| finding(Family::ToolCall, &rule.name, Severity::Medium, Surface::ToolCall, tool));
        let findings: Vec<Finding> = findings.collect();
        match policy::outcome(&matched) {
            Outcome::Pass if findings.is_empty() => (Verdict::allow(), None),
            Outcome::Pass => (Verdict { action: Action::Warn, reason: None, findings, ..Verdict::default() }, None),
            Outcome::Block => {
                let verdict = Verdict { findings, ..Verdict::block(BlockReason::ToolPolicy) };
                (self.shared.judge.enforce(verdict), None)
            }
            Outcome::Redirect(profile) => {
                // Where nothing is enforced the server answers.
                let enforced = self.shared.judge.enforce(Verdict::block(BlockReason::ToolPolicy)).is_block();
                let verdict = Verdict { action: Action::Warn, reason: None, findings, ..Verdict::default() };
                (verdict, enforced.then(|| profile.clone()))
            }
        }
    }

    /// A call that does not fit what was listed.
    async fn binding(&self, tool: &str, known: Pinned) -> Verdict {
        let (rule, action) = match known {
            Pinned::Listed => return Verdict::allow(),
            Pinned::Unlisted => ("Unknown Tool", self.settings.binding.unknown_tool),
            Pinned::NoBaseline => ("Tool Called Before List", self.settings.binding.no_baseline),
        };
        let severity = if action == Action::Block { Severity::High } else { Severity::Medium };
        let findings = vec![finding(Family::ToolCall, rule, severity, Surface::ToolCall, tool)];
        if action == Action::Block {
            return self.shared.judge.enforce(Verdict { findings, ..Verdict::block(BlockReason::ToolPolicy) });
        }
        // Said once for each tool of a principal: an agent that never lists would fill the log.
        let what = key(rule, &[tool.as_bytes()]);
        let first = self.shared.state.store.first_report(self.caller.baseline, what).await;
        if first.unwrap_or_else(|away| away.alone) {
            Verdict { action, reason: None, findings, ..Verdict::default() }
        } else {
            Verdict::allow()
        }
    }

    /// Asks the state about a request; `Err` is the answer when the session is somebody else's, or the state must be known.
    async fn enter(&self, entering: &Entering) -> Result<Option<Pinned>, Judged> {
        if entering.session.is_none() && entering.tool.is_none() && entering.asks.is_empty() {
            return Ok(None);
        }
        let entered = self.shared.state.store.enter(entering).await;
        let away = entered.is_err();
        let Ok(entered) = self.without_state(entered) else {
            let words = "pipelock: session state cannot be reached";
            return Err(self.refuse(StatusCode::SERVICE_UNAVAILABLE, -32003, words, BlockReason::Overloaded));
        };
        if entering.session.is_some() && is_foreign(entered.owner, &self.caller) {
            // As if unknown (revision 2025-03-26, "Session Management"): a client then begins anew.
            let words = "Session not found";
            return Err(self.refuse(StatusCode::NOT_FOUND, -32001, words, BlockReason::AuthorityMismatch));
        }
        // No list was seen here, which says nothing while another replica's memory cannot be asked.
        let unknown = away && entered.tool == Pinned::NoBaseline;
        Ok(Some(entered.tool).filter(|_| entering.tool.is_some() && !unknown))
    }

    /// An answer in the server's place, with the id of the request when there is one.
    pub(super) fn refuse_value(&self, code: i64, words: &str, reason: BlockReason) -> Value {
        let id = match self.questions.as_slice() {
            [id] => id.to_value(),
            _ => Value::Null,
        };
        Refusal::new(code, words).object(&id, Some(reason), self.id())
    }

    pub(super) fn refuse(&self, status: StatusCode, code: i64, words: &str, reason: BlockReason) -> Judged {
        self.log.judged_part(Verdict::block(reason));
        let body = self.refuse_value(code, words, reason);
        Judged::Answer(answer::marked(json_response(status, &body), reason, self.id()))
    }

    /// The answer to messages of which at least one is blocked: an error for each request, 202 when there is none.
    fn blocked(&self, content: &Content, verdicts: &[Verdict]) -> Response<Bytes> {
        let worst = verdicts.iter().find(|verdict| verdict.is_block());
        let reason = worst.and_then(|verdict| verdict.reason).unwrap_or(BlockReason::ScanLimit);
        let errors = content.messages().iter().zip(verdicts).filter_map(|(message, verdict)| {
            let id = message.request_id()?.to_value();
            Some(if verdict.is_block() {
                Refusal::of_sent(verdict).object(&id, verdict.reason, self.id())
            } else {
                Refusal::new(-32600, "pipelock: another message of the batch was blocked").object(&id, None, self.id())
            })
        });
        let mut errors: Vec<Value> = errors.collect();
        let response = match (content, errors.len()) {
            // A notification, or an answer of the client: there is nobody who waits for an error.
            (_, 0) => answer::empty(StatusCode::ACCEPTED),
            (Content::One(_), _) => json_response(StatusCode::OK, &errors.swap_remove(0)),
            (Content::Batch(_), _) => json_response(StatusCode::OK, &Value::Array(errors)),
        };
        answer::marked(response, reason, self.id())
    }

    /// Runs the program of a profile and answers with what it says, judged like an answer of the server.
    async fn redirected(&mut self, id: &Id, profile: &Redirect, request: &Bytes) -> Response<ToClient> {
        let refused = |this: &Self, code, words: &str, reason| {
            this.log.judged_part(Verdict::block(reason));
            own(
                answer::marked(
                    json_response(StatusCode::OK, &this.refuse_value(code, words, reason)),
                    reason,
                    this.id(),
                ),
                Some(&this.log),
            )
        };
        let output = match redirect::run(profile, request).await {
            Ok(output) => output,
            Err(error) => {
                tracing::warn!(profile = profile.profile, error = %crate::model::error_chain(&error), "a redirect failed; the call is blocked");
                return refused(self, -32002, "pipelock: request blocked by tool call policy", BlockReason::ToolPolicy);
            }
        };
        let result = redirect::result(&id.to_value(), profile, &output);
        let verdict = self.log.timed(|| self.shared.judge.received(&result));
        let blocked = verdict.is_block();
        let reason = verdict.reason.unwrap_or(BlockReason::Injection);
        self.log.judged_part(verdict);
        if blocked {
            return refused(self, -32001, "pipelock: output of the redirect was blocked", reason);
        }
        own(json_response(StatusCode::OK, &result), Some(&self.log))
    }
}

/// A finding of this door's own, about a name that is shown as a fingerprint only.
pub(super) fn finding(family: Family, rule: &str, severity: Severity, surface: Surface, about: &str) -> Finding {
    let fingerprint = key("evidence", &[about.as_bytes()]).0 >> 80;
    Finding {
        rule: rule.into(),
        family,
        severity,
        surface,
        view: View::Text,
        span: 0..0,
        evidence: Evidence {
            len: u32::try_from(about.len()).unwrap_or(u32::MAX),
            fingerprint: u64::try_from(fingerprint).unwrap_or_default(),
        },
    }
}

fn method_label(message: &Message) -> &'static str {
    match &message.kind {
        Kind::Response { .. } => "response",
        Kind::Notification { .. } => "notification",
        Kind::Request { method, .. } => match method.as_str() {
            "initialize" => "initialize",
            "tools/list" => "tools/list",
            "tools/call" => "tools/call",
            _ => "other",
        },
    }
}

/// `application/json`, parameters ignored. Without a type it is taken for JSON, since nothing else is read from it.
fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type.is_none_or(|kind| {
        let essence = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        essence.eq_ignore_ascii_case(b"application/json")
    })
}

fn method_not_allowed() -> Response<Bytes> {
    let mut response =
        json_response(StatusCode::METHOD_NOT_ALLOWED, &serde_json::json!({ "error": "method not allowed" }));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, DELETE, OPTIONS"));
    response
}

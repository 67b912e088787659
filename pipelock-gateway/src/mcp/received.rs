//! What the server answers: judged whole, and forwarded as it came or replaced by an error with the same id.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, Response, StatusCode, header};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Refusal, json_response};
use super::body::{Held, NotHeld, ToClient, hold};
use super::events;
use super::exchange::{Exchange, own, session_name, strip};
use super::jsonrpc::{Content, Id, Kind, Malformed};
use super::lists::Cut;
use super::pool::Answer;
use super::sent::{LARGE, finding};
use super::state::{id_key, key};
use super::{Compared, Definition, Key, Listed, Note};
use crate::http::Decoder;
use crate::model::{BlockReason, Family, Finding, Severity, Surface, Verdict};

/// Decoded bytes for each byte received.
const MAX_RATIO: u64 = 100;

impl Exchange {
    /// Takes the answer of the server on to the client.
    pub(super) async fn received(
        mut self,
        method: &Method,
        session: Option<Key>,
        response: Response<Answer>,
        shutdown: CancellationToken,
    ) -> Response<ToClient> {
        let (mut head, mut body) = response.into_parts();
        strip(&mut head.headers);
        self.note_session(method, session, &head).await;
        self.log.answered(head.status);
        self.failed = !head.status.is_success();
        if is_events(&head.headers) {
            if coded(&head.headers) {
                // What cannot be read cannot be cut into events, and nobody asked for a coding.
                return self.refused(BlockReason::BodyUndecodable);
            }
            let Ok(place) = Arc::clone(&self.shared.streams).try_acquire_owned() else {
                self.log.judged_part(Verdict::block(BlockReason::Overloaded));
                let body = self.refuse_value(-32003, "pipelock: gateway is at its limit", BlockReason::Overloaded);
                return own(json_response(StatusCode::SERVICE_UNAVAILABLE, &body), Some(&self.log));
            };
            return events::stream(self, head, body, place, shutdown);
        }
        let held = match hold(&mut body, self.settings.max_answer_bytes, &self.shared.budget).await {
            Ok(held) => held,
            Err(error) => return self.not_held(error),
        };
        body.give_back();
        self.answer(method, head, held).await
    }

    /// Keeps up with who has which session.
    async fn note_session(&mut self, method: &Method, session: Option<Key>, head: &Parts) {
        let ended = head.status == StatusCode::NOT_FOUND || (*method == Method::DELETE && head.status.is_success());
        if let (Some(session), true) = (session, ended) {
            let _ = self.without_state(self.shared.state.store.forget(session, self.caller.scope).await);
            self.shared.state.forget_calls(self.caller.scope);
        }
        let Some(name) = session_name(&head.headers).filter(|_| head.status.is_success()) else { return };
        let caller = self.shared.state.caller_of(self.caller.principal, Some(name));
        // Many servers say the same name each time; another one is another session.
        if caller.session != session {
            self.caller = caller;
            self.bind().await;
        }
    }

    /// Remembers that this principal has this session.
    pub(super) async fn bind(&self) {
        if let Some(session) = self.caller.session {
            let _ = self.without_state(self.shared.state.store.bind(session, self.caller.principal).await);
        }
    }

    async fn answer(mut self, method: &Method, head: Parts, held: Held) -> Response<ToClient> {
        let bytes = held.bytes.clone();
        if bytes.is_empty() {
            return self.pass(head, bytes);
        }
        let Some(plain) = decoded(&head.headers, &bytes, self.settings.max_answer_bytes) else {
            let verdict = self.shared.judge.enforce(Verdict::block(BlockReason::BodyUndecodable));
            if verdict.is_block() {
                return self.refused(BlockReason::BodyUndecodable);
            }
            self.log.judged_part(verdict);
            return self.pass(head, bytes);
        };
        let cut = if is_json(&head.headers) { Cut::of(&plain) } else { None };
        if let Some((cut, listed)) = cut.as_ref().and_then(|cut| Some((cut, self.listed_before(cut)?))) {
            return match self.judge_listed(&cut.id, listed).await {
                None => self.pass(head, bytes),
                Some(error) => own(self.marked(json_response(StatusCode::OK, &error)), Some(&self.log)),
            };
        }
        let read = if is_json(&head.headers) { Some(read(&plain).await) } else { None };
        let content = match read {
            Some(Ok(content)) => content,
            // A server that says JSON where a message is due, and sends what two readers could read differently.
            Some(Err(fault)) if head.status.is_success() && *method == Method::POST && !self.questions.is_empty() => {
                let verdict = self.shared.judge.enforce(Verdict::block(BlockReason::Framing));
                tracing::warn!(request = %self.id(), %fault, "an answer of the MCP upstream is no JSON-RPC message");
                if verdict.is_block() {
                    return self.refused(BlockReason::Framing);
                }
                self.log.judged_part(verdict);
                return self.text(head, bytes, &plain);
            }
            _ => return self.text(head, bytes, &plain),
        };
        match self.judge_content(plain.len(), content, cut).await {
            None => self.pass(head, bytes),
            Some(replaced) => {
                let replaced = replaced.unwrap_or_else(|| {
                    self.refuse_value(-32000, "pipelock: MCP response blocked", BlockReason::Injection)
                });
                own(self.marked(json_response(StatusCode::OK, &replaced)), Some(&self.log))
            }
        }
    }

    /// What a list comes to that was read and judged before, under another id.
    pub(super) fn listed_before(&self, cut: &Cut) -> Option<Listed> {
        self.log.timed(|| self.shared.judge.listed_before(cut.ends()))
    }

    /// Judges such a list as the answer that it is: `None` when it may pass, else the error in its place.
    pub(super) async fn judge_listed(&mut self, id: &Id, listed: Listed) -> Option<Value> {
        let verdict = if self.is_answer(Some(id), false).await {
            self.judge_definitions(listed).await
        } else {
            self.unsolicited()
        };
        let error = verdict
            .is_block()
            .then(|| Refusal::of_received(&verdict).object(&id.to_value(), verdict.reason, self.id()));
        self.log.judged_part(verdict);
        error
    }

    /// Judges all messages of a body or an event of so many bytes, of which a list is known again by its `cut`. `None`: it may
    /// pass as it is; else what stands in its place, if anything.
    pub(super) async fn judge_content(
        &mut self,
        bytes: usize,
        content: Content,
        cut: Option<Cut>,
    ) -> Option<Option<Value>> {
        let batch = matches!(content, Content::Batch(_));
        let (content, cut) = (Arc::new(content), cut.map(Arc::new));
        let mut blocked = false;
        let mut replaced = Vec::new();
        for at in 0..content.messages().len() {
            let verdict = self.judge_message(bytes, &content, at, cut.as_ref()).await;
            let message = content.messages().get(at)?;
            if verdict.is_block() {
                blocked = true;
                replaced.extend(answer::replacement(message, &verdict, self.id()));
            } else if matches!(message.kind, Kind::Response { .. }) {
                replaced.push(message.value.clone());
            }
            self.log.judged_part(verdict);
        }
        if !blocked {
            return None;
        }
        Some(match (batch, replaced.len()) {
            (_, 0) => None,
            (true, _) => Some(Value::Array(replaced)),
            (false, _) => Some(replaced.swap_remove(0)),
        })
    }

    async fn judge_message(
        &mut self,
        bytes: usize,
        content: &Arc<Content>,
        at: usize,
        cut: Option<&Arc<Cut>>,
    ) -> Verdict {
        let Some(message) = content.messages().get(at) else { return Verdict::allow() };
        if let Kind::Response { id } = &message.kind
            && !self.is_answer(id.as_ref(), message.value.get("error").is_some()).await
        {
            return self.unsolicited();
        }
        let (judge, log, cut) = (Arc::clone(&self.shared.judge), Arc::clone(&self.log), cut.map(Arc::clone));
        if message.lists_tools() {
            let content = Arc::clone(content);
            let look = move || {
                let message = content.messages().get(at).map_or(&Value::Null, |message| &message.value);
                let cut = cut.as_deref().filter(|cut| cut.holds(&content));
                log.timed(|| judge.listed(message, cut.map(Cut::ends)))
            };
            return match apart(bytes, look).await {
                Some(listed) => self.judge_definitions(listed).await,
                None => self.not_judged(),
            };
        }
        if bytes < LARGE {
            return log.timed(|| judge.received(&message.value));
        }
        let content = Arc::clone(content);
        let look = move || {
            let value = content.messages().get(at).map(|message| &message.value);
            log.timed(|| value.map_or_else(Verdict::allow, |value| judge.received(value)))
        };
        apart(bytes, look).await.unwrap_or_else(|| self.not_judged())
    }

    /// A judge that panicked has not judged.
    fn not_judged(&self) -> Verdict {
        self.shared.judge.enforce(Verdict::block(BlockReason::ScanLimit))
    }

    /// An answer that nobody asked for.
    fn unsolicited(&self) -> Verdict {
        let findings = vec![finding(Family::ToolCall, "Unsolicited Response", Severity::High, Surface::ToolResult, "")];
        self.shared.judge.enforce(Verdict { findings, ..Verdict::block(BlockReason::ToolPolicy) })
    }

    async fn judge_definitions(&self, listed: Listed) -> Verdict {
        let Listed { mut verdict, definitions } = listed;
        // What is not shown to the client is no list of anything.
        if !verdict.is_block() {
            verdict.join(self.definitions(&definitions).await);
        }
        verdict
    }

    /// Whether somebody waits for this answer. Errors about what could not be read carry no id.
    async fn is_answer(&mut self, id: Option<&Id>, is_error: bool) -> bool {
        // A status of failure ends the exchange it came on and no other, whatever name its error goes by: the SDK for Python
        // calls it "server-error".
        if is_error && self.failed {
            return true;
        }
        let Some(id) = id else { return is_error };
        if let Some(at) = self.questions.iter().position(|asked| asked == id) {
            self.questions.swap_remove(at);
            return true;
        }
        if *id == Id::Null && is_error {
            return true;
        }
        if self.caller.session.is_none() {
            return false;
        }
        match self.shared.state.store.was_asked(self.caller.scope, id_key(id)).await {
            Ok(asked) => asked,
            // It may have been asked at another replica.
            Err(away) => away.alone || !self.refuses_without_state(),
        }
    }

    /// Pins the tools of a list and compares them with what they were.
    async fn definitions(&self, now: &[Definition]) -> Verdict {
        let store = &self.shared.state.store;
        let names: Vec<Key> = now.iter().map(|definition| definition.key).collect();
        // Neither waits for the other's answer.
        let before = async {
            let compared = store.compare(self.caller.baseline, now);
            if self.settings.detect_drift { compared.await } else { Ok(Compared::default()) }
        };
        let (pinned, compared) = tokio::join!(store.pin(self.caller.scope, &names), before);
        let (Ok(()), Ok(compared)) = (self.without_state(pinned), self.without_state(compared)) else {
            return self.shared.judge.enforce(Verdict::block(BlockReason::Overloaded));
        };
        if compared.new.is_empty() && compared.changed.is_empty() {
            return Verdict::allow();
        }
        let (mut findings, mut new) = (Vec::new(), Vec::new());
        for (at, before) in &compared.changed {
            let Some(definition) = now.get(*at) else { continue };
            findings.extend(self.drift(before, definition).await);
        }
        for definition in compared.new.iter().filter_map(|at| now.get(*at)) {
            // The next page of a list is no change of it.
            if compared.known && !self.pages {
                findings.push(drift_finding("Tool Added", Severity::Low, &definition.name));
            }
            new.push((definition.name.clone(), definition.facts.clone()));
        }
        if !new.is_empty() {
            let _ = self.without_state(store.remember(self.caller.baseline, &new).await);
        }
        self.shared.judge.fold_definitions(findings)
    }

    /// A definition that is not what it was. The one that was seen first stays the measure until an operator accepts this one.
    async fn drift(&self, before: &[u8], now: &Definition) -> Option<Finding> {
        let store = &self.shared.state.store;
        let short = now.digest.get(..16).unwrap_or(&now.digest);
        let change = self.shared.judge.change(before, now);
        let accepted = self.settings.acknowledged.contains(short);
        let Some(change) = change.filter(|_| !accepted) else {
            let _ = self.without_state(store.adopt(self.caller.baseline, &now.name, &now.facts).await);
            return None;
        };
        let what = key("drift", &[now.name.as_bytes(), now.digest.as_bytes()]);
        let first = store.first_report(self.caller.baseline, what).await.unwrap_or_else(|away| away.alone);
        if first {
            self.shared.judge.note(Note::Drift);
            tracing::warn!(
                tool = ?now.name,
                digest = short,
                severity = change.severity.as_str(),
                request = %self.id(),
                "the definition of a tool is no longer what it was: {}; to accept it, add its digest to \
                 mcp_tool_scanning.acknowledged_definitions",
                change.diff
            );
        }
        // What is harmless is said once; what is not stays so.
        (first || change.severity >= Severity::High)
            .then(|| drift_finding("Tool Definition Drift", change.severity, &now.name))
    }

    /// An answer that is no message: pages of errors, the 401 of a login that is due.
    fn text(self, head: Parts, bytes: Bytes, plain: &[u8]) -> Response<ToClient> {
        let verdict = self.log.timed(|| self.shared.judge.received_text(plain));
        let blocked = verdict.is_block();
        let reason = verdict.reason.unwrap_or(BlockReason::Injection);
        self.log.judged_part(verdict);
        if blocked { self.refused(reason) } else { self.pass(head, bytes) }
    }

    fn pass(self, head: Parts, bytes: Bytes) -> Response<ToClient> {
        Response::from_parts(head, ToClient::Whole { bytes: Some(bytes), log: Some(self.log) })
    }

    /// Our answer in place of one that may not be shown.
    fn refused(self, reason: BlockReason) -> Response<ToClient> {
        let verdict = Verdict::block(reason);
        let refusal = Refusal::of_received(&verdict);
        self.log.judged_part(verdict);
        let body = self.refuse_value(refusal.code, &refusal.message, reason);
        let status = if self.questions.is_empty() { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
        own(answer::marked(json_response(status, &body), reason, self.id()), Some(&self.log))
    }

    fn not_held(self, error: NotHeld) -> Response<ToClient> {
        match error {
            NotHeld::TooLarge => self.refused(BlockReason::BodyTooLarge),
            NotHeld::NoRoom => self.refused(BlockReason::Overloaded),
            NotHeld::Broken => {
                self.log.judged_part(Verdict { reason: Some(BlockReason::UpstreamUnavailable), ..Verdict::allow() });
                let body = self.refuse_value(-32003, "pipelock: upstream error", BlockReason::UpstreamUnavailable);
                own(json_response(StatusCode::BAD_GATEWAY, &body), Some(&self.log))
            }
        }
    }

    fn marked(&self, response: Response<Bytes>) -> Response<Bytes> {
        answer::marked(response, BlockReason::Injection, self.id())
    }
}

fn drift_finding(rule: &str, severity: Severity, tool: &str) -> Finding {
    finding(Family::ToolPoisoning, rule, severity, Surface::ToolDefinitions, tool)
}

async fn read(bytes: &Bytes) -> Result<Content, Malformed> {
    let text = bytes.clone();
    // It only fails when it panics, which reading does not; it is unreadable all the same.
    apart(bytes.len(), move || Content::read(&text)).await.unwrap_or(Err(Malformed::Json))
}

/// Does what takes long with so many bytes on a thread of its own; `None` when it panicked there.
pub(super) async fn apart<T: Send + 'static>(bytes: usize, look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if bytes < LARGE { Some(look()) } else { tokio::task::spawn_blocking(look).await.ok() }
}

/// The body without its coding; `None` when that cannot be undone.
fn decoded(headers: &HeaderMap, bytes: &Bytes, limit: usize) -> Option<Bytes> {
    let Some(mut decoder) = Decoder::for_answer(headers, limit as u64, MAX_RATIO).ok()? else {
        return Some(bytes.clone());
    };
    let mut plain = Vec::new();
    let mut take = |piece: &[u8]| {
        plain.extend_from_slice(piece);
        ControlFlow::Continue(())
    };
    decoder.push(bytes, &mut take).ok()?.is_continue().then_some(())?;
    decoder.finish().ok()?;
    Some(plain.into())
}

fn essence(headers: &HeaderMap) -> Vec<u8> {
    let kind = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase()
}

fn is_events(headers: &HeaderMap) -> bool {
    essence(headers) == b"text/event-stream"
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = essence(headers);
    essence == b"application/json" || essence.ends_with(b"+json")
}

fn coded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

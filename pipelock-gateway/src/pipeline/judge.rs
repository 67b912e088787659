//! The judge that HTTP asks: scans what it is shown, folds findings into verdicts, and hands records to the report.

mod events;
mod parts;
mod rewrite;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime};

use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroize;

use events::EventJudge;
use parts::{PartsJudge, binary_class};

use super::snapshot::Snapshot;
use super::trust;
use super::workloads::Sender;
use crate::config::{OnOrders, OnSecret};
use crate::control::{Refused, Session};
use crate::http::multipart::Fault;
use crate::http::{BodyInspect, Exchange, Inspect, Step, WebSocketMeter};
use crate::model::{
    Action, BlockReason, EventRecord, Finding, Limit, PeerName, RequestId, RequestRecord, SessionPolicy, Surface,
    Verdict,
};
use crate::report::metrics::OpenWebSocket;
use crate::report::{Metrics, Report};
use crate::scan::{Encoding, Fields, LiteralScan, Literals, Piece, Pieces, StreamOptions, StreamScan, Syntax};
use crate::verdict::{self, Place};

/// Judges the requests of one connection by the snapshot that connection was opened under.
pub(super) struct Judge {
    scanner: Scanner,
    report: Report,
    judged: AtomicU32,
}

/// What a judge and the judges of its bodies share: what is in force, and who sends.
#[derive(Clone)]
struct Scanner(Arc<Snapshot>, Sender);

impl Judge {
    pub(super) fn new(snapshot: Arc<Snapshot>, sender: Sender, report: Report) -> Self {
        Self { scanner: Scanner(snapshot, sender), report, judged: AtomicU32::new(0) }
    }

    /// Requests that have ended so far.
    pub(super) fn judged(&self) -> u32 {
        self.judged.load(Ordering::Relaxed)
    }
}

impl Scanner {
    /// Leaves out what the operator knows to be harmless at this target.
    fn without_suppressed(&self, mut findings: Vec<Finding>, target: &str) -> Vec<Finding> {
        if !self.0.suppressions.is_empty() && !findings.is_empty() {
            self.0.suppressions.retain(&mut findings, target, SystemTime::now());
        }
        findings
    }

    /// Counts what [`Scanner::without_suppressed`] leaves out; asked once, when everything is found.
    fn note_suppressed(&self, findings: &[Finding], target: &str) {
        if self.0.suppressions.is_empty() || findings.is_empty() {
            return;
        }
        for rule in self.0.suppressions.retain(&mut findings.to_vec(), target, SystemTime::now()) {
            self.1.workloads.suppressed(&rule);
        }
    }

    /// One verdict on what was found in a body or header fields of a request, where configuration may ask for warnings only.
    fn fold_content(&self, findings: Vec<Finding>, target: &str) -> Verdict {
        let mut verdict = self.0.fold(self.without_suppressed(findings, target));
        if self.0.requests.on_secret == OnSecret::Warn {
            verdict.action = verdict.action.min(Action::Warn);
        }
        verdict
    }

    /// Asks of who sends, before anything is looked at.
    fn admit(&self, peer: &Peer) -> Verdict {
        let Some(session) = self.1.session.as_ref().filter(|_| self.0.sessions.watches()) else {
            return Verdict::allow();
        };
        match session.admit(&peer.said, &self.0.sessions, Instant::now()) {
            Some(Refused { enforced: true, reason }) => verdict::refuse(self.0.verdict, reason),
            Some(Refused { enforced: false, reason }) => {
                Verdict { action: Action::Warn, reason: Some(reason), findings: Vec::new(), ..Verdict::default() }
            }
            None => Verdict::allow(),
        }
    }

    /// Treats a request more strictly whose sender was given orders by an answer.
    fn distrusted(&self, target: &str, verdict: Verdict) -> Verdict {
        match &self.1.session {
            Some(session) => trust::distrusted(&self.0, session, target, verdict),
            None => verdict,
        }
    }

    /// A session that has lost its trust gets no warnings.
    fn upgraded(&self, peer: &Peer, verdict: Verdict) -> Verdict {
        match &self.1.session {
            Some(session) => trust::upgraded(&self.0, session, &peer.said, verdict),
            None => verdict,
        }
    }

    /// The same for an answer, where configuration may ask for warnings only.
    fn fold_answer(&self, findings: Vec<Finding>, target: &str) -> Verdict {
        self.soften_answer(self.0.fold(self.without_suppressed(findings, target)))
    }

    fn cannot_show_answer(&self, reason: BlockReason) -> Verdict {
        self.soften_answer(self.cannot_show(reason))
    }

    fn cannot_show(&self, reason: BlockReason) -> Verdict {
        verdict::uninspectable(self.0.verdict, self.0.uninspectable.action(reason), reason)
    }

    fn soften_answer(&self, mut verdict: Verdict) -> Verdict {
        if self.0.responses.on_orders == OnOrders::Warn {
            verdict.action = verdict.action.min(Action::Warn);
        }
        verdict
    }

    /// The values that this workload must not send, and those that nobody must.
    fn literals(&self) -> impl Iterator<Item = &Arc<Literals>> {
        [&self.1.secrets, &self.0.known_secrets].into_iter().filter(|literals| !literals.is_empty())
    }

    /// Everything that a complete, short text holds: by its format, and by being a known value.
    fn scan(&self, surface: Surface, bytes: &[u8]) -> Vec<Finding> {
        let mut findings = self.0.engine.scan(surface, bytes);
        findings.extend(self.known(surface, bytes));
        findings
    }

    fn known(&self, surface: Surface, bytes: &[u8]) -> impl Iterator<Item = Finding> {
        self.literals().flat_map(move |literals| literals.scan(surface, bytes))
    }

    /// Findings in the request line: method, and the whole target with its authority. Credentials in a place that the table
    /// names are left out. The second part are those of patterns that are exempt for this host: never enforced, but known, so
    /// that the path they stand in is not written down.
    fn request_line_findings(&self, peer: &Peer, head: &Parts) -> (Vec<Finding>, Vec<Finding>) {
        let line = format!("{} {}", head.method, head.uri);
        let mut findings = self.0.engine.scan_url(line.as_bytes());
        findings.extend(self.known(Surface::Url, line.as_bytes()));
        let all = findings.clone();
        self.0.bindings.retain_leaks(&mut findings, peer.proven(), |f| verdict::in_target(line.as_bytes(), &f.span));
        let exempt = |f: &Finding| peer.proven().is_some_and(|host| self.0.patterns.is_exempt(&f.rule, host));
        let (known, leaks): (Vec<_>, Vec<_>) = all.into_iter().partition(|f| exempt(f) || !findings.contains(f));
        (leaks, known)
    }

    /// Findings in a set of header fields, those left out that are credentials on their way to their own provider.
    ///
    /// All fields in one pass, as they would stand in a message: opening a scan costs more than a field of usual length.
    fn header_findings(&self, peer: &Peer, headers: &HeaderMap, surface: Surface) -> Vec<Finding> {
        let mut block = Vec::with_capacity(1024);
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                block.extend_from_slice(part);
            }
        }
        let mut findings = self.scan(surface, &block);
        self.0.bindings.retain_leaks(&mut findings, peer.proven(), |f| verdict::in_fields(&block, &f.span));
        block.zeroize();
        findings
    }

    /// Whether pieces are put together for this sender.
    fn joins_pieces(&self) -> bool {
        self.0.cross_request.enabled && self.1.known.is_some()
    }

    /// What the pieces of a message complete, together with those that this workload sent before.
    fn completed(&self, peer: &Peer, pieces: Vec<Piece>) -> Vec<Finding> {
        let Some(known) = self.1.known.as_ref().filter(|_| self.joins_pieces() && !pieces.is_empty()) else {
            return Vec::new();
        };
        let scan = |text: &[u8]| self.scan(Surface::RequestBody, text);
        known.with_ring(self.0.cross_request, |ring| ring.offer(&peer.said, pieces, self.1.workloads.now(), scan))
    }

    /// Findings of pieces joined to a verdict, as the configuration wants them.
    fn join_pieces(&self, mut verdict: Verdict, findings: Vec<Finding>) -> Verdict {
        if findings.is_empty() {
            return verdict;
        }
        self.1.workloads.completed();
        verdict.join(if self.0.cross_request.warn_only {
            Verdict { action: Action::Warn, reason: None, findings, ..Verdict::default() }
        } else {
            self.0.fold(findings)
        });
        verdict
    }

    /// A judge of a request's body.
    fn open_body(&self, exchange: &Exchange, head: &Parts) -> BodyJudge {
        let open = |encoding| self.0.engine.stream(Surface::RequestBody, StreamOptions { encoding });
        // The type is the workload's word, and a wrong one must not hide an escape: every body is read as JSON text, too,
        // which is harmless on other text, and what may be a form also as one.
        let form = head.headers.get_all(http::header::CONTENT_TYPE).iter().any(is_form);
        let mut streams = vec![open(Encoding::Json)];
        if form {
            streams.push(open(Encoding::Percent));
        }
        let known = self.literals().map(|literals| literals.stream(Surface::RequestBody)).collect();
        let peer = Peer::of(exchange);
        let syntax = if form { Syntax::Form } else { Syntax::Json };
        // Hosts for which no place in a body is listed, nearly all, cost no walk.
        let places = self.0.bindings.body_places(peer.proven());
        let fields = (!places.is_empty()).then(|| Fields::new(syntax, places));
        let pieces = self.joins_pieces().then(|| Pieces::new(syntax));
        let scanner = self.clone();
        let target = peer.target(exchange, head.uri.path());
        let replaces_values = self.replaces_values();
        BodyJudge {
            scanner,
            streams,
            known,
            parts: PartsJudge::new(self, &head.headers),
            binary: None,
            fields,
            pieces,
            peer,
            target,
            found: 0,
            trailers: Vec::new(),
            replaces_values,
            rewritable: false,
            waits: false,
        }
    }
}

impl Inspect for Judge {
    fn request_head(&self, exchange: &Exchange, _id: RequestId, head: &Parts) -> Verdict {
        let peer = Peer::of(exchange);
        let mut verdict = self.scanner.admit(&peer);
        if verdict.is_block() {
            return verdict;
        }
        let target = peer.target(exchange, head.uri.path());
        let (findings, expected) = self.scanner.request_line_findings(&peer, head);
        self.scanner.note_suppressed(&findings, &target);
        verdict.join(self.scanner.0.fold(self.scanner.without_suppressed(findings, &target)));
        if self.scanner.0.requests.scan_headers {
            let findings = self.scanner.header_findings(&peer, &head.headers, Surface::RequestHeader);
            self.scanner.note_suppressed(&findings, &target);
            verdict.join(self.scanner.fold_content(findings, &target));
        }
        verdict.join(Verdict { conceals_target: !expected.is_empty(), ..Verdict::allow() });
        let query = head.uri.query().filter(|_| self.scanner.joins_pieces() && !verdict.is_block());
        let pieces = query.map_or_else(Vec::new, |query| {
            let mut pieces = Pieces::new(Syntax::Form);
            pieces.push(query.as_bytes());
            pieces.finish()
        });
        let completed =
            self.scanner.completed(&peer, pieces).into_iter().map(|f| Finding { surface: Surface::Url, ..f });
        let verdict = self.scanner.join_pieces(verdict, completed.collect());
        let verdict = self.scanner.distrusted(&target, verdict);
        self.scanner.upgraded(&peer, verdict)
    }

    fn request_body(&self, exchange: &Exchange, _id: RequestId, head: &Parts) -> Box<dyn BodyInspect> {
        if !self.scanner.0.requests.enabled {
            return Box::new(Unjudged);
        }
        let mut body = self.scanner.open_body(exchange, head);
        let class = head.headers.get(http::header::CONTENT_TYPE).and_then(|kind| binary_class(kind.as_bytes()));
        body.binary = Some(BinaryBytes { metrics: self.report.metrics().clone(), class });
        Box::new(body)
    }

    fn response_body(
        &self,
        exchange: &Exchange,
        _id: RequestId,
        path: &str,
        head: &http::response::Parts,
    ) -> Option<Box<dyn BodyInspect>> {
        let events = is_event_stream(&head.headers);
        if events && !self.scanner.0.responses.sse.enabled {
            return None;
        }
        if let Some(class) = head.headers.get(http::header::CONTENT_TYPE).and_then(|kind| binary_class(kind.as_bytes()))
        {
            self.report.metrics().binary_answer(class);
        }
        let peer = Peer::of(exchange);
        if !is_text(&head.headers) || !self.scanner.0.judges_answers_of(peer.proven()) {
            return None;
        }
        let target = peer.target(exchange, path);
        let stream = self.scanner.0.engine.stream(Surface::Response, StreamOptions { encoding: Encoding::Json });
        if events {
            let settings = self.scanner.0.responses.sse;
            return Some(Box::new(EventJudge::new(self.scanner.clone(), target, settings, stream)));
        }
        Some(Box::new(AnswerJudge { scanner: self.scanner.clone(), target, stream, found: 0, rewritable: false }))
    }

    fn rewritten(&self, exchange: &Exchange, _id: RequestId, head: &Parts, body: &[u8]) -> (Verdict, Option<Vec<u8>>) {
        self.scanner.rewrite(exchange, head, body)
    }

    fn rewritten_answer(
        &self,
        exchange: &Exchange,
        _id: RequestId,
        path: &str,
        _head: &http::response::Parts,
        body: &[u8],
    ) -> (Verdict, Option<Vec<u8>>) {
        self.scanner.rewrite_answer(&Peer::of(exchange).target(exchange, path), body)
    }

    fn uninspectable(&self, _exchange: &Exchange, _id: RequestId, reason: BlockReason) -> Verdict {
        self.scanner.cannot_show(reason)
    }

    fn uninspectable_answer(&self, _exchange: &Exchange, _id: RequestId, reason: BlockReason) -> Verdict {
        self.scanner.cannot_show_answer(reason)
    }

    fn websocket_opened(&self) -> Box<dyn WebSocketMeter> {
        Box::new(Meter(self.report.metrics().websocket_opened()))
    }

    fn limit_reached(&self, limit: Limit) {
        self.report.metrics().limit_reached(limit);
    }

    fn exchange_done(&self, record: RequestRecord) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        let Scanner(snapshot, sender) = &self.scanner;
        if let Some(session) = &sender.session {
            if snapshot.sessions.watches() {
                note_end(&self.report, session, &snapshot.sessions, &record);
            }
            if let Some(taint) = trust::given(&snapshot.sessions, &record) {
                trust::note(&self.report, session, &snapshot.sessions, &record, taint);
            }
        }
        self.report.request(record);
    }
}

/// Counts an open WebSocket in the metrics.
struct Meter(OpenWebSocket);

impl WebSocketMeter for Meter {
    fn frame(&self, kind: &'static str) {
        self.0.frame(kind);
    }

    fn passed(&self, up: bool, bytes: usize) {
        self.0.passed(up, bytes);
    }
}

/// Takes note of a request of a session that ended.
pub(super) fn note_end(report: &Report, session: &Session, policy: &SessionPolicy, record: &RequestRecord) {
    let bytes = record.request_bytes.saturating_add(record.response_bytes);
    let noted = session.ended(&record.host, bytes, &record.verdict, policy, Instant::now());
    if let Some(escalation) = noted.escalation {
        let (from, to) = (escalation.from.as_str(), escalation.to.as_str());
        report.metrics().session_escalated(from, to);
        let fields = vec![
            ("session", noted.key.to_string()),
            ("from", from.to_owned()),
            ("to", to.to_owned()),
            ("request_id", record.id.to_string()),
        ];
        report.event(EventRecord { level: "warn", event: "adaptive_escalation", fields });
    }
    let burst = record.verdict.reason == Some(BlockReason::SessionAnomaly);
    for kind in [burst.then_some("domain_burst"), noted.spike.then_some("volume_spike")].into_iter().flatten() {
        report.metrics().session_anomaly(kind);
        let fields = vec![
            ("session", noted.key.to_string()),
            ("kind", kind.to_owned()),
            ("host", record.host.clone()),
            ("action", record.verdict.action.as_str().to_owned()),
            ("request_id", record.id.to_string()),
        ];
        report.event(EventRecord { level: "warn", event: "session_anomaly", fields });
    }
}

/// Judges one body, in one or two readings.
struct BodyJudge {
    scanner: Scanner,
    streams: Vec<StreamScan>,
    /// Known values, beside the rules.
    known: Vec<LiteralScan>,
    /// Its parts, where it has such.
    parts: Option<PartsJudge>,
    /// Counts what is no text; absent where a body is judged again.
    binary: Option<BinaryBytes>,
    /// Where credentials of the host's own may stand.
    fields: Option<Fields>,
    /// What may be a part of a secret.
    pieces: Option<Pieces>,
    peer: Peer,
    /// Where it goes, for what is suppressed there.
    target: String,
    /// Matches at the last look; more of them are a reason to fold again.
    found: usize,
    trailers: Vec<Finding>,
    /// Values of `redaction` are replaced in it before anything else counts.
    replaces_values: bool,
    /// Its parts can still be replaced.
    rewritable: bool,
    /// Something in it is to be replaced, so that nothing of it may go.
    waits: bool,
}

/// Counts bytes of types that are no text. They are scanned as bytes, and nothing inside their format is.
struct BinaryBytes {
    metrics: Metrics,
    class: Option<&'static str>,
}

impl BodyJudge {
    /// What becomes of a body that cannot be taken apart.
    fn not_taken_apart(&self) -> Option<Verdict> {
        self.parts.as_ref()?.fault()?;
        Some(self.scanner.cannot_show(BlockReason::MultipartBroken))
    }

    /// Leaves out credentials that stand where the table says.
    fn leaks(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        if let Some(fields) = &self.fields {
            let places = |f: &Finding| fields.places_of(&f.span).map(Place::Body).collect::<Vec<_>>();
            self.scanner.0.bindings.retain_leaks(&mut findings, self.peer.proven(), places);
        }
        findings
    }

    fn fold(&self, findings: Vec<Finding>) -> Verdict {
        if self.rewritable {
            self.scanner.fold_rewritable(findings, &self.target)
        } else {
            self.scanner.fold_content(findings, &self.target)
        }
    }

    /// It may not go as it is, because of what must be replaced in it, and can no longer be changed.
    fn is_stuck(&self) -> bool {
        self.replaces_values && !self.rewritable && !self.scanner.may_go_unredacted(&self.peer)
    }

    fn count(&self) {
        let (Some(binary), Some(parts)) = (&self.binary, &self.parts) else { return };
        for (class, bytes) in parts.binary_bytes() {
            binary.metrics.binary_bytes(class, bytes);
        }
        if parts.fault() == Some(Fault::TooMany) {
            binary.metrics.limit_reached(Limit::MultipartParts);
        }
    }

    fn so_far(&self) -> Vec<Finding> {
        let known = self.known.iter().flat_map(|known| known.so_far().to_vec());
        let parts = self.parts.iter().flat_map(PartsJudge::so_far);
        self.leaks(self.streams.iter().flat_map(StreamScan::so_far).chain(known).chain(parts).collect())
    }

    /// Everything found; nothing can be shown any more.
    fn findings(&mut self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        let streams = std::mem::take(&mut self.streams).into_iter().flat_map(StreamScan::finish);
        for found in streams.chain(std::mem::take(&mut self.known).into_iter().flat_map(LiteralScan::finish)) {
            // Two readings of one body find what is not escaped twice.
            if !findings.iter().any(|f| f.rule == found.rule && f.span == found.span) {
                findings.push(found);
            }
        }
        for found in self.parts.as_mut().map(PartsJudge::finish).unwrap_or_default() {
            // Mostly the scan of the whole has found it as well.
            if !findings.iter().any(|f| f.rule == found.rule && f.evidence == found.evidence) {
                findings.push(found);
            }
        }
        self.fields.iter_mut().for_each(Fields::finish);
        let mut findings = self.leaks(findings);
        findings.append(&mut self.trailers);
        findings
    }
}

impl BodyInspect for BodyJudge {
    fn push(&mut self, bytes: &[u8]) -> Step {
        let (mut hold, mut found) = (0, 0);
        self.fields.iter_mut().for_each(|fields| fields.push(bytes));
        self.pieces.iter_mut().for_each(|pieces| pieces.push(bytes));
        let rules = self.streams.iter_mut().map(|stream| stream.push(bytes));
        for progress in rules.chain(self.known.iter_mut().map(|known| known.push(bytes))) {
            hold = hold.max(progress.hold);
            found += progress.found;
        }
        if let Some(BinaryBytes { metrics, class: Some(class) }) = &self.binary {
            metrics.binary_bytes(class, bytes.len());
        }
        if let Some(parts) = &mut self.parts {
            let standing = parts.push(bytes);
            hold = hold.max(standing.hold);
            found += standing.found;
            if parts.fault().is_some() && self.not_taken_apart().is_some_and(|verdict| verdict.is_block()) {
                return Step::Stop;
            }
        }
        if self.is_stuck() {
            return Step::Stop;
        }
        if self.replaces_values && self.rewritable {
            // What it says is looked at when values have been replaced.
            return Step::Hold(usize::MAX);
        }
        if found > self.found {
            self.found = found;
            // A body that streams on must stop now; one that is held loses nothing by it.
            match self.fold(self.so_far()).action {
                Action::Block => return Step::Stop,
                Action::Redact => self.waits = true,
                Action::Allow | Action::Warn => {}
            }
        }
        Step::Hold(if self.waits { usize::MAX } else { hold })
    }

    fn rewritable(&mut self, whole: bool) -> Step {
        self.rewritable = whole;
        self.waits &= whole;
        let stuck = self.is_stuck();
        if stuck || (!whole && self.found > 0 && self.fold(self.so_far()).is_block()) {
            return Step::Stop;
        }
        Step::Hold(0)
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        self.trailers = self.scanner.header_findings(&self.peer, trailers, Surface::RequestTrailer);
    }

    fn finish(mut self: Box<Self>) -> Verdict {
        if self.replaces_values && self.rewritable {
            return Verdict { action: Action::Redact, ..Verdict::default() };
        }
        let stuck = self.is_stuck();
        let findings = self.findings();
        self.scanner.note_suppressed(&findings, &self.target);
        let mut verdict = self.fold(findings);
        if let Some(broken) = self.not_taken_apart() {
            verdict.join(broken);
        }
        self.count();
        if verdict.action == Action::Redact {
            return verdict;
        }
        if stuck {
            verdict.join(verdict::refuse(self.scanner.0.verdict, BlockReason::Unredactable));
        }
        // What is stopped has not left, so it is no piece of anything.
        let pieces = self.pieces.take().filter(|_| !verdict.is_block()).map(Pieces::finish).unwrap_or_default();
        let completed = self.scanner.completed(&self.peer, pieces);
        self.scanner.upgraded(&self.peer, self.scanner.join_pieces(verdict, completed))
    }
}

/// A body that the configuration leaves unjudged.
struct Unjudged;

impl BodyInspect for Unjudged {
    fn push(&mut self, _bytes: &[u8]) -> Step {
        Step::Hold(0)
    }

    fn trailers(&mut self, _trailers: &HeaderMap) {}

    fn finish(self: Box<Self>) -> Verdict {
        Verdict::allow()
    }
}

/// Refuses everything for one reason that has nothing to do with content.
pub(super) struct RefuseAll {
    reason: BlockReason,
    report: Report,
    judged: AtomicU32,
}

impl RefuseAll {
    pub(super) fn new(reason: BlockReason, report: Report) -> Self {
        Self { reason, report, judged: AtomicU32::new(0) }
    }

    /// Requests that have ended so far.
    pub(super) fn judged(&self) -> u32 {
        self.judged.load(Ordering::Relaxed)
    }
}

impl Inspect for RefuseAll {
    fn request_head(&self, _exchange: &Exchange, _id: RequestId, _head: &Parts) -> Verdict {
        Verdict::block(self.reason)
    }

    fn request_body(&self, _exchange: &Exchange, _id: RequestId, _head: &Parts) -> Box<dyn BodyInspect> {
        Box::new(RefuseBody(self.reason))
    }

    fn response_body(
        &self,
        _exchange: &Exchange,
        _id: RequestId,
        _path: &str,
        _head: &http::response::Parts,
    ) -> Option<Box<dyn BodyInspect>> {
        Some(Box::new(RefuseBody(self.reason)))
    }

    fn uninspectable(&self, _exchange: &Exchange, _id: RequestId, reason: BlockReason) -> Verdict {
        Verdict::block(reason)
    }

    fn limit_reached(&self, limit: Limit) {
        self.report.metrics().limit_reached(limit);
    }

    fn exchange_done(&self, record: RequestRecord) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        self.report.request(record);
    }
}

struct RefuseBody(BlockReason);

impl BodyInspect for RefuseBody {
    fn push(&mut self, _bytes: &[u8]) -> Step {
        Step::Stop
    }

    fn trailers(&mut self, _trailers: &HeaderMap) {}

    fn finish(self: Box<Self>) -> Verdict {
        Verdict::block(self.0)
    }
}

/// Judges the body of an answer.
struct AnswerJudge {
    scanner: Scanner,
    /// What was asked for, for what is suppressed there.
    target: String,
    stream: StreamScan,
    /// Matches at the last look.
    found: usize,
    /// None of it has been passed on.
    rewritable: bool,
}

impl AnswerJudge {
    fn fold(&self, findings: Vec<Finding>) -> Verdict {
        if self.rewritable {
            self.scanner.fold_strippable(findings, &self.target)
        } else {
            self.scanner.fold_answer(findings, &self.target)
        }
    }
}

impl BodyInspect for AnswerJudge {
    fn push(&mut self, bytes: &[u8]) -> Step {
        let progress = self.stream.push(bytes);
        if progress.found > self.found {
            self.found = progress.found;
            if self.fold(self.stream.so_far()).is_block() {
                return Step::Stop;
            }
        }
        Step::Hold(progress.hold)
    }

    /// While it is, nothing of it has left, whatever was said to be final.
    fn rewritable(&mut self, whole: bool) -> Step {
        self.rewritable = whole;
        if !whole && self.found > 0 && self.fold(self.stream.so_far()).is_block() { Step::Stop } else { Step::Hold(0) }
    }

    /// No model reads them.
    fn trailers(&mut self, _trailers: &HeaderMap) {}

    fn finish(self: Box<Self>) -> Verdict {
        let Self { scanner, target, stream, rewritable, .. } = *self;
        let findings = stream.finish();
        scanner.note_suppressed(&findings, &target);
        if rewritable { scanner.fold_strippable(findings, &target) } else { scanner.fold_answer(findings, &target) }
    }
}

/// Whether an answer is text that a model may come to read. Without a type it is; of `application` types those that are text.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(http::header::CONTENT_TYPE) else { return true };
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let textual =
        ["json", "xml", "javascript", "ecmascript", "yaml", "x-www-form-urlencoded", "ndjson", "jsonl", "html"];
    kind.is_empty()
        || kind.starts_with("text/")
        || kind.starts_with("message/")
        || kind.starts_with("multipart/")
        || (kind.starts_with("application/") && textual.iter().any(|word| kind.ends_with(word)))
        || kind == "image/svg+xml"
}

/// A stream of events (WHATWG HTML §9.2), parameters ignored.
fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| has_essence(kind, b"text/event-stream"))
}

/// Whom a message is for.
#[derive(Debug)]
struct Peer {
    proven: Option<PeerName>,
    /// As far as the workload says so, or the address; to tell destinations apart, not to trust them.
    said: String,
}

impl Peer {
    /// Only a session that was opened for a name has proof of it: the upstream's certificate. `Host` in cleartext is the
    /// workload's word, and no leak becomes a delivery by it.
    fn of(exchange: &Exchange) -> Self {
        let said = match (&exchange.name, exchange.original_dst) {
            (Some(name), _) => name.to_string(),
            (None, Some(dst)) => dst.ip().to_string(),
            (None, None) => String::new(),
        };
        let proven = exchange.name.clone().filter(|_| exchange.scheme == "https");
        Self { proven, said }
    }

    fn proven(&self) -> Option<&PeerName> {
        self.proven.as_ref()
    }

    /// Where a request goes, without the query. The host stands in it only when it is proven: what is harmless at one host must
    /// not be excused at another by a name the workload made up.
    fn target(&self, exchange: &Exchange, path: &str) -> String {
        let host = match (&self.proven, exchange.original_dst) {
            (Some(name), _) => name.to_string(),
            (None, Some(dst)) => dst.ip().to_string(),
            (None, None) => String::new(),
        };
        format!("{}://{host}{path}", exchange.scheme)
    }
}

/// `application/x-www-form-urlencoded`, parameters ignored.
fn is_form(content_type: &HeaderValue) -> bool {
    has_essence(content_type, b"application/x-www-form-urlencoded")
}

/// Whether a type is this one, whatever its parameters.
fn has_essence(content_type: &HeaderValue, wanted: &[u8]) -> bool {
    let essence = content_type.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(wanted)
}

#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::testing::FakeDatapath;
    use crate::model::{FrontDoor, HttpVersion, ServerName};
    use crate::pipeline::workloads::Workloads;

    fn host(name: &str) -> PeerName {
        PeerName::Dns(ServerName::parse(name).unwrap())
    }

    fn to(name: Option<&str>) -> Peer {
        Peer { proven: name.map(host), said: name.unwrap_or_default().to_owned() }
    }

    fn nobody() -> Sender {
        Sender::unknown(Arc::new(Workloads::new(Arc::new(FakeDatapath::new()))))
    }

    fn exchange(scheme: &'static str) -> Exchange {
        Exchange {
            front_door: FrontDoor::Captured,
            workload: None,
            client: None,
            original_dst: None,
            name: Some(PeerName::Dns(ServerName::parse("api.openai.com").unwrap())),
            scheme,
            version: HttpVersion::Http1,
        }
    }

    #[test]
    fn a_host_header_in_cleartext_proves_nothing() {
        assert_eq!(Peer::of(&exchange("https")).proven(), Some(&host("api.openai.com")));
        assert_eq!(Peer::of(&exchange("http")).proven(), None);
    }

    #[test]
    fn forms_are_known_by_any_spelling_of_their_type() {
        for (text, form) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-URLEncoded ; charset=utf-8", true),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_form(&HeaderValue::from_static(text)), form, "{text}");
        }
    }

    #[test]
    fn a_form_hides_neither_json_nor_its_own_escapes() {
        let engine = crate::scan::Engine::compile(&crate::scan::RuleSpec::default()).unwrap();
        let key = concat!("lin_api_", "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz");
        let pem = concat!("-----BEGIN+RSA+PRIV", "ATE+KEY-----%0AMIIEpAIBAAKCAQEA");
        for body in [format!(r#"{{"t":"\u006c{}"}}"#, &key[1..]), format!("t=%6c{}", &key[1..]), format!("t={pem}")] {
            let streams = [Encoding::Json, Encoding::Percent].map(|encoding| {
                let mut stream = engine.stream(Surface::RequestBody, StreamOptions { encoding });
                stream.push(body.as_bytes());
                stream.finish()
            });
            assert!(streams.iter().any(|found| !found.is_empty()), "{body}");
        }
    }

    pub(super) fn scanner() -> Scanner {
        let options = crate::pipeline::SnapshotOptions {
            open_tls: false,
            roots: crate::tls::RootLocations::default(),
            now: std::time::SystemTime::now(),
        };
        Scanner(Arc::new(Snapshot::build(&crate::config::Config::default(), &options).unwrap()), nobody())
    }

    #[test]
    fn method_and_authority_are_judged_like_the_path() {
        let scanner = scanner();
        let key = concat!("AKIA", "QYLPMN5HHHFPZAM2");
        for (method, uri, findings) in [
            ("POST", "/clean".to_owned(), 0),
            (key, "/".to_owned(), 1),
            ("GET", format!("/{key}"), 1),
            ("GET", format!("http://{key}.example.test/"), 1),
        ] {
            let request = http::Request::builder().method(method).uri(&uri).body(()).unwrap();
            let (found, _) = scanner.request_line_findings(&to(None), &request.into_parts().0);
            assert_eq!(found.len(), findings, "{method} {uri}");
        }
    }

    #[test]
    fn a_key_is_excused_in_its_own_field_and_not_in_the_next() {
        let scanner = scanner();
        let key = concat!(
            "sk-ant-api03-",
            "k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWzk7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWzAA"
        );
        let found = |field: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static("*/*"));
            headers.insert(field, HeaderValue::from_str(key).unwrap());
            headers.insert("x-last", HeaderValue::from_static("1"));
            let peer = to(Some("api.anthropic.com"));
            scanner.header_findings(&peer, &headers, Surface::RequestHeader).len()
        };
        assert_eq!((found("x-api-key"), found("x-other")), (0, 1));
    }
}

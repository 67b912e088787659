//! The judge that HTTP asks: scans what it is shown, folds findings into verdicts, and hands records to the report.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::snapshot::Snapshot;
use crate::http::{BodyInspect, Exchange, Inspect, Step};
use crate::model::{Action, BlockReason, Finding, PeerName, RequestId, RequestRecord, Surface, Verdict};
use crate::report::Report;
use crate::scan::{Encoding, StreamOptions, StreamScan};
use crate::verdict::{self, is_expected_placement};

/// Judges the requests of one connection by the snapshot that connection was opened under.
pub(super) struct Judge {
    scanner: Scanner,
    report: Report,
    judged: AtomicU32,
}

/// What a judge and the judges of its bodies share.
#[derive(Clone)]
struct Scanner(Arc<Snapshot>);

impl Judge {
    pub(super) fn new(snapshot: Arc<Snapshot>, report: Report) -> Self {
        Self { scanner: Scanner(snapshot), report, judged: AtomicU32::new(0) }
    }

    /// Requests that have ended so far.
    pub(super) fn judged(&self) -> u32 {
        self.judged.load(Ordering::Relaxed)
    }
}

impl Scanner {
    /// One verdict on all findings of a part. Rules that only warn are folded apart, so that they never block.
    fn fold(&self, findings: Vec<Finding>) -> Verdict {
        let (warn_only, enforced): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|f| self.0.patterns.only_warns(&f.rule));
        let mut verdict = verdict::fold(&self.0.verdict, enforced);
        if !warn_only.is_empty() {
            verdict.join(Verdict { action: Action::Warn, reason: None, findings: warn_only });
        }
        verdict
    }

    /// Findings in the request target; patterns may be exempt for some hosts there.
    fn target_findings(&self, host: &str, target: &str) -> Vec<Finding> {
        let mut findings = self.0.engine.scan(Surface::Url, target.as_bytes());
        findings.retain(|f| !self.0.patterns.is_exempt(&f.rule, host));
        findings
    }

    /// Findings in a set of header fields, those left out that are credentials on their way to their own provider.
    fn header_findings(&self, host: &str, headers: &HeaderMap, surface: Surface) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut line = Vec::new();
        for (name, value) in headers {
            // Scanned in one piece, because rules that go by context look for it on the left.
            line.clear();
            line.extend_from_slice(name.as_str().as_bytes());
            line.extend_from_slice(b": ");
            line.extend_from_slice(value.as_bytes());
            let found = self.0.engine.scan(surface, &line);
            findings.extend(found.into_iter().filter(|f| !is_expected_placement(&f.rule, name.as_str(), host)));
        }
        findings
    }
}

impl Inspect for Judge {
    fn request_head(&self, exchange: &Exchange, _id: RequestId, head: &Parts) -> Verdict {
        let host = host_of(exchange, head);
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let mut findings = self.scanner.target_findings(&host, target);
        findings.extend(self.scanner.header_findings(&host, &head.headers, Surface::RequestHeader));
        self.scanner.fold(findings)
    }

    fn request_body(&self, exchange: &Exchange, _id: RequestId, head: &Parts) -> Box<dyn BodyInspect> {
        let encoding = encoding_of(head.headers.get(http::header::CONTENT_TYPE));
        let stream = self.scanner.0.engine.stream(Surface::RequestBody, StreamOptions { encoding });
        let host = host_of(exchange, head).into_owned();
        Box::new(BodyJudge { scanner: self.scanner.clone(), stream, host, found: 0, trailers: Vec::new() })
    }

    fn uninspectable(&self, _exchange: &Exchange, _id: RequestId, reason: BlockReason) -> Verdict {
        verdict::uninspectable(&self.scanner.0.verdict, reason)
    }

    fn exchange_done(&self, record: RequestRecord) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        self.report.request(record);
    }
}

/// Judges one body.
struct BodyJudge {
    scanner: Scanner,
    stream: StreamScan,
    host: String,
    /// Matches at the last look; more of them are a reason to fold again.
    found: usize,
    trailers: Vec<Finding>,
}

impl BodyInspect for BodyJudge {
    fn push(&mut self, bytes: &[u8]) -> Step {
        let progress = self.stream.push(bytes);
        if progress.found > self.found {
            self.found = progress.found;
            // A body that streams on must stop now; one that is held loses nothing by it.
            if self.scanner.fold(self.stream.so_far()).is_block() {
                return Step::Stop;
            }
        }
        Step::Hold(progress.hold)
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        self.trailers = self.scanner.header_findings(&self.host, trailers, Surface::RequestTrailer);
    }

    fn finish(self: Box<Self>) -> Verdict {
        let mut findings = self.stream.finish();
        findings.extend(self.trailers);
        self.scanner.fold(findings)
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

    fn uninspectable(&self, _exchange: &Exchange, _id: RequestId, reason: BlockReason) -> Verdict {
        Verdict::block(reason)
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

/// The host a credential is on its way to: the verified name of the session, or `Host` in cleartext.
fn host_of<'a>(exchange: &'a Exchange, head: &'a Parts) -> Cow<'a, str> {
    match &exchange.name {
        Some(PeerName::Dns(name)) => Cow::Borrowed(name.as_str()),
        Some(PeerName::Ip(ip)) => Cow::Owned(ip.to_string()),
        None => {
            let from_header = head.headers.get(http::header::HOST).and_then(|v| v.to_str().ok());
            let host = head.uri.host().or(from_header).unwrap_or_default();
            Cow::Owned(host.rsplit_once(':').map_or(host, |(name, _port)| name).to_ascii_lowercase())
        }
    }
}

/// How the text of a body is wrapped. The type is the workload's word, so all but forms are read as JSON text, too: that
/// view is harmless on other text, and a wrong type must not hide an escape.
fn encoding_of(content_type: Option<&HeaderValue>) -> Encoding {
    let essence = content_type.and_then(|v| v.to_str().ok()).and_then(|v| v.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Encoding::Percent
    } else {
        Encoding::Json
    }
}

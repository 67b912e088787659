//! Replaces what must not pass in a body that is at hand as a whole, and judges what is left as it goes.
//!
//! Two things are replaced in requests: values of the classes and lists of `redaction`, whatever the rules say of them, and with
//! `request_body_scanning.action: redact` what the rules found. In answers orders go, with `response_scanning.action: strip`.
//! What is replaced is not taken on trust: the new body is judged once more, as one that may not be changed.

use http::request::Parts;

use super::{AnswerJudge, BodyJudge, Peer, Scanner, is_form};
use crate::config::{OnOrders, OnSecret};
use crate::http::{BodyInspect, Exchange};
use crate::model::{Action, BlockReason, Family, Finding, Surface, Verdict};
use crate::scan::StreamOptions;
use crate::verdict;
use crate::verdict::redact::{self, Mark, Placeholders, Reach, Shape};

/// A verdict on what goes, and the new bytes where they differ from those that came.
pub(super) type Rewritten = (Verdict, Option<Vec<u8>>);

impl Scanner {
    /// Whether values of `redaction` are replaced in requests. Where nothing is enforced nothing is changed either.
    pub(super) fn replaces_values(&self) -> bool {
        self.0.redaction.is_some() && self.0.verdict.blocks()
    }

    /// Whether a body that cannot be rewritten may go to this peer all the same.
    pub(super) fn may_go_unredacted(&self, peer: &Peer) -> bool {
        let exempt = self.0.redaction.as_ref().map(|redaction| &redaction.exempt);
        exempt.is_some_and(|exempt| peer.proven().is_some_and(|host| exempt.matches(host)))
    }

    /// Whether a finding in a request's body is one that is replaced. A canary token is not: that somebody sends it is the alarm.
    fn is_replaced(&self, finding: &Finding) -> bool {
        self.0.requests.on_secret == OnSecret::Redact
            && self.0.verdict.blocks()
            && finding.family == Family::Dlp
            && finding.surface == Surface::RequestBody
            && !finding.is_canary()
            && !self.0.patterns.only_warns(&finding.rule)
            && self.0.verdict.action(finding) >= Action::Warn
    }

    /// A verdict on findings in a body of which parts may still be replaced: what would be by itself no longer blocks.
    pub(super) fn fold_rewritable(&self, findings: Vec<Finding>, target: &str) -> Verdict {
        let (replaced, left): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| self.is_replaced(finding));
        let replaced = self.without_suppressed(replaced, target);
        let mut verdict = self.fold_content(left, target);
        if !replaced.is_empty() {
            verdict.join(Verdict { action: Action::Redact, reason: None, findings: replaced, ..Verdict::default() });
        }
        verdict
    }

    /// Whether orders in an answer are replaced.
    pub(super) fn strips(&self) -> bool {
        self.0.responses.on_orders == OnOrders::Strip && self.0.verdict.blocks()
    }

    /// The same for an answer.
    pub(super) fn fold_strippable(&self, findings: Vec<Finding>, target: &str) -> Verdict {
        let findings = self.without_suppressed(findings, target);
        let strip = |finding: &Finding| {
            self.strips() && finding.family == Family::Injection && self.0.verdict.action(finding) == Action::Block
        };
        let (stripped, left): (Vec<_>, Vec<_>) = findings.into_iter().partition(strip);
        let mut verdict = self.fold_answer(left, target);
        if !stripped.is_empty() {
            verdict.join(Verdict { action: Action::Redact, reason: None, findings: stripped, ..Verdict::default() });
        }
        verdict
    }

    /// What a request's body becomes.
    pub(super) fn rewrite(&self, exchange: &Exchange, head: &Parts, body: &[u8]) -> Rewritten {
        let peer = Peer::of(exchange);
        let mut placeholders = Placeholders::default();
        let mut new = None;
        if let Some(redaction) = self.0.redaction.as_ref().filter(|_| self.replaces_values()) {
            match redaction.redactor.apply(body, &mut placeholders) {
                Ok(redacted) => new = Some(redacted),
                Err(redact::Unredactable::NotJson) if self.may_go_unredacted(&peer) => {}
                Err(error) => {
                    tracing::debug!(%error, "a body was refused");
                    return (verdict::refuse(self.0.verdict, BlockReason::Unredactable), None);
                }
            }
        }
        let seen = new.as_deref().unwrap_or(body);
        let open = || BodyJudge { replaces_values: false, ..self.open_body(exchange, head) };
        let mut judge = open();
        // Pieces are remembered of what goes, not of what is about to be replaced.
        judge.pieces = None;
        judge.push(seen);
        let mut replaced = judge.found();
        replaced.retain(|finding| self.is_replaced(finding));
        let replaced = self.without_suppressed(replaced, &peer.target(exchange, head.uri.path()));
        if !replaced.is_empty() {
            let form = head.headers.get_all(http::header::CONTENT_TYPE).iter().any(is_form);
            let shape = if form { Shape::Form } else { Shape::Text };
            new = Some(redact::replace(seen, shape, Reach::Part, marks(&replaced, None), &mut placeholders));
        }
        let mut judge = open();
        judge.push(new.as_deref().unwrap_or(body));
        let mut verdict = Box::new(judge).finish();
        if placeholders.given() == 0 {
            return (verdict, None);
        }
        verdict.join(Verdict { action: Action::Redact, reason: None, findings: replaced, ..Verdict::default() });
        (verdict, new)
    }

    /// What an answer's body becomes.
    pub(super) fn rewrite_answer(&self, target: &str, body: &[u8]) -> Rewritten {
        let judge = || {
            let stream =
                self.0.engine.stream(Surface::Response, StreamOptions { encoding: crate::scan::Encoding::Json });
            let mut judge =
                AnswerJudge { scanner: self.clone(), target: target.to_owned(), stream, found: 0, rewritable: false };
            move |body: &[u8]| {
                judge.push(body);
                judge
            }
        };
        let found = judge()(body).stream.finish();
        let stripped = self.fold_strippable(found, target).findings;
        let stripped: Vec<Finding> = stripped
            .into_iter()
            .filter(|finding| finding.family == Family::Injection && self.0.verdict.action(finding) == Action::Block)
            .collect();
        let mut placeholders = Placeholders::default();
        let marks = self.narrowed(target, body, marks(&stripped, Some("injection")));
        let new = redact::replace(body, Shape::Text, Reach::Whole, marks, &mut placeholders);
        let mut verdict = Box::new(judge()(&new)).finish();
        verdict.join(Verdict { action: Action::Redact, reason: None, findings: stripped, ..Verdict::default() });
        (verdict, Some(new))
    }
}

impl Scanner {
    /// Of the lines that marks reach over, those that are orders by themselves; a finding names the sentences around as well. All
    /// of them where none is. What is left out here and was needed is found when the rest is judged.
    fn narrowed(&self, target: &str, body: &[u8], marks: Vec<Mark>) -> Vec<Mark> {
        if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
            return marks;
        }
        let mut narrowed = Vec::new();
        for mark in marks {
            let mut lines = Vec::new();
            let mut at = 0;
            for line in body.split_inclusive(|byte| *byte == b'\n') {
                let span = at..at + line.len();
                at = span.end;
                let text = line.trim_ascii_end().len();
                if span.start >= mark.span.end || span.end <= mark.span.start || text == 0 {
                    continue;
                }
                let found = self.0.engine.scan(Surface::Response, line);
                if self.fold_strippable(found, target).action >= Action::Redact {
                    lines.push(Mark { span: span.start..span.start + text, class: mark.class.clone() });
                }
            }
            if lines.is_empty() { narrowed.push(mark) } else { narrowed.extend(lines) }
        }
        narrowed
    }
}

impl BodyJudge {
    /// Everything found in what was shown, which is all there is.
    fn found(mut self) -> Vec<Finding> {
        self.findings()
    }
}

/// Where findings stand, under the names of their rules or one for all.
fn marks(findings: &[Finding], class: Option<&str>) -> Vec<Mark> {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    findings
        .iter()
        .map(|finding| Mark {
            span: place(finding.span.start)..place(finding.span.end),
            class: class.map_or_else(|| redact::class_of(&finding.rule), str::to_owned),
        })
        .collect()
}

//! Findings on their way out: one a rule, the worst.

use crate::model::{Family, Finding, Severity, Surface, View};
use crate::scan::evidence::evidence;

/// Collects what the rules of one message say.
#[derive(Debug)]
pub(super) struct Report {
    surface: Surface,
    family: Family,
    found: Vec<Finding>,
    /// Bytes of code inside code that may still be judged.
    left: usize,
}

/// Bytes of code inside code that are judged of one message. What nests does so within its own length, unless it was made
/// to unfold.
const NESTED_BYTES: usize = 1024 * 1024;

impl Report {
    pub(super) fn new(surface: Surface, family: Family) -> Self {
        Self { surface, family, found: Vec::new(), left: NESTED_BYTES }
    }

    /// Adds a finding, or makes the one there is of this rule worse. `text` is what it was seen in.
    pub(super) fn add(&mut self, rule: &str, severity: Severity, view: View, text: &str) {
        self.add_as(self.family, rule, severity, view, text);
    }

    /// Adds an order to a model that the rules of injection found.
    pub(super) fn injection(&mut self, rule: &str, severity: Severity, view: View, text: &str) {
        self.add_as(Family::Injection, rule, severity, view, text);
    }

    /// A bound was reached; what lies beyond was not judged.
    pub(super) fn limit(&mut self, rule: &str) {
        self.add_as(Family::Limit, rule, Severity::High, View::Raw, "");
    }

    fn add_as(&mut self, family: Family, rule: &str, severity: Severity, view: View, text: &str) {
        if let Some(known) = self.found.iter_mut().find(|known| &*known.rule == rule) {
            if severity > known.severity {
                known.severity = severity;
                known.view = view;
                known.evidence = evidence(text.as_bytes());
            }
            return;
        }
        self.found.push(Finding {
            rule: rule.into(),
            family,
            severity,
            surface: self.surface,
            view,
            span: 0..0,
            evidence: evidence(text.as_bytes()),
        });
    }

    /// Takes what judging nested text costs from the budget; false when it is used up.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let cost = bytes + 256;
        let enough = self.left >= cost;
        self.left = self.left.saturating_sub(cost);
        enough
    }

    /// The worst there is so far.
    pub(super) fn worst(&self) -> Option<Severity> {
        self.found.iter().map(|finding| finding.severity).max()
    }

    /// Whether a rule has fired with at least this severity.
    pub(super) fn at_least(&self, rule: &str, severity: Severity) -> bool {
        self.found.iter().any(|finding| &*finding.rule == rule && finding.severity >= severity)
    }

    /// Drops what another report says already.
    pub(super) fn without(&mut self, other: &Self) {
        self.found.retain(|finding| !other.at_least(&finding.rule, finding.severity));
    }

    /// Takes over what another report holds.
    pub(super) fn absorb(&mut self, other: Self) {
        for finding in other.found {
            match self.found.iter_mut().find(|known| known.rule == finding.rule) {
                Some(known) if known.severity >= finding.severity => {}
                Some(known) => *known = finding,
                None => self.found.push(finding),
            }
        }
    }

    /// The findings. They are about the message as a whole, so their span is all of its `len` bytes.
    pub(super) fn finish(self, len: u64) -> Vec<Finding> {
        let mut found = self.found;
        for finding in &mut found {
            finding.span = 0..len;
        }
        found
    }
}

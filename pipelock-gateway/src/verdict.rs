//! Folds findings into one verdict, under the policy in force. Pure: no I/O, no clock, no memory of earlier messages.
//!
//! It does not know how a finding was made, and does not enforce what it says: `http` does. Unknown means block: what could
//! not be judged is refused unless the policy only watches.
//!
//! | severity | strict | balanced | audit, or `enforce: false` |
//! |---|---|---|---|
//! | critical, high | block | block | warn |
//! | medium | block | warn | warn |
//! | low | warn | allow | allow |
//! | a limit of the scanner | block | block | warn |

mod binding;
mod place;
pub mod redact;
mod suppress;

pub use binding::Bindings;
pub use place::{Place, in_fields, in_target};
pub use suppress::{Suppressions, matches as matches_target};

use crate::model::{Action, BlockReason, Family, Finding, Mode, Severity, Verdict};

/// What findings lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `mode` of the configuration.
    pub mode: Mode,
    /// `enforce` of the configuration: false turns every block into a warning, as audit mode does.
    pub enforce: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { mode: Mode::default(), enforce: true }
    }
}

impl Policy {
    /// Whether anything is blocked at all.
    #[must_use]
    pub fn blocks(self) -> bool {
        self.enforce && self.mode != Mode::Audit
    }

    /// What one finding asks for, before audit mode softens it.
    #[must_use]
    pub fn action(self, finding: &Finding) -> Action {
        match (finding.family, finding.severity) {
            (Family::Limit, _) | (_, Severity::Critical | Severity::High) => Action::Block,
            (_, Severity::Medium) if self.mode == Mode::Strict => Action::Block,
            (_, Severity::Medium) => Action::Warn,
            (_, Severity::Low) if self.mode == Mode::Strict => Action::Warn,
            (_, Severity::Low) => Action::Allow,
        }
    }
}

/// Which of several families gives the reason: the last one here. A secret rather than a limit, since it is what the sender
/// can do something about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Limit,
    Url,
    Tools,
    Injection,
    Secret,
}

impl Weight {
    fn of(family: Family) -> Self {
        match family {
            Family::Dlp => Self::Secret,
            Family::Injection | Family::ToolPoisoning => Self::Injection,
            Family::ToolCall | Family::ToolChain => Self::Tools,
            Family::Url => Self::Url,
            Family::Limit => Self::Limit,
        }
    }

    fn reason(self) -> BlockReason {
        match self {
            Self::Secret => BlockReason::Secret,
            Self::Injection => BlockReason::Injection,
            Self::Tools => BlockReason::ToolPolicy,
            Self::Url => BlockReason::UrlShape,
            Self::Limit => BlockReason::ScanLimit,
        }
    }
}

/// One verdict on everything that was found in a message part.
///
/// The order of `findings` does not matter; in the verdict the worst stand first, and the reason is that of `Weight`. A policy
/// that only watches answers [`Action::Warn`] and still names the reason it would have blocked for.
#[must_use]
pub fn fold(policy: Policy, mut findings: Vec<Finding>) -> Verdict {
    let mut action = Action::Allow;
    let mut reason = None;
    for finding in &findings {
        let asked = policy.action(finding);
        action = action.max(asked);
        if asked == Action::Block {
            reason = reason.max(Some(Weight::of(finding.family)));
        }
    }
    let reason = reason.map(Weight::reason);
    if !policy.blocks() {
        action = action.min(Action::Warn);
    }
    findings.sort_by(|a, b| {
        let place = |finding: &Finding| (finding.surface.as_str(), finding.span.start, finding.span.end);
        let rest = |finding: &Finding| (finding.view.as_str(), finding.family.as_str(), finding.evidence.fingerprint);
        b.severity
            .cmp(&a.severity)
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.rule.cmp(&b.rule))
            .then_with(|| rest(a).cmp(&rest(b)))
    });
    Verdict { action, reason, findings, ..Verdict::default() }
}

/// The same verdict for a session that has lost its trust: a warning is a refusal, with the reason of its worst finding.
#[must_use]
pub fn escalate(policy: Policy, mut verdict: Verdict) -> Verdict {
    if policy.blocks() && verdict.action == Action::Warn {
        verdict.action = Action::Block;
        verdict.reason = verdict.reason.or_else(|| verdict.findings.first().map(|f| Weight::of(f.family).reason()));
    }
    verdict
}

/// A refusal for a reason beside content; a warning where nothing is enforced.
#[must_use]
pub fn refuse(policy: Policy, reason: BlockReason) -> Verdict {
    uninspectable(policy, Action::Block, reason)
}

/// The verdict on a message part that could not be shown to the scanner: too large, an unknown coding, a broken encoding.
/// `configured` is what the configuration has for this reason.
#[must_use]
pub fn uninspectable(policy: Policy, configured: Action, reason: BlockReason) -> Verdict {
    let action = if policy.blocks() { configured } else { configured.min(Action::Warn) };
    if action == Action::Allow {
        return Verdict::allow();
    }
    Verdict { action, reason: Some(reason), findings: Vec::new(), ..Verdict::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Evidence, Surface, View};

    const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    fn finding(family: Family, severity: Severity, place: u64) -> Finding {
        Finding {
            rule: format!("Rule {}", place % 3).into(),
            family,
            severity,
            surface: if place.is_multiple_of(2) { Surface::Url } else { Surface::RequestBody },
            view: View::Raw,
            span: place..place + 4,
            evidence: Evidence { len: 4, fingerprint: place },
        }
    }

    fn policies() -> Vec<Policy> {
        let modes = [Mode::Strict, Mode::Balanced, Mode::Audit];
        modes.into_iter().flat_map(|mode| [true, false].map(|enforce| Policy { mode, enforce })).collect()
    }

    #[test]
    fn each_mode_acts_on_each_severity_as_the_table_says() {
        use Action::{Allow, Block, Warn};
        for (mode, expected) in [
            (Mode::Strict, [Warn, Block, Block, Block]),
            (Mode::Balanced, [Allow, Warn, Block, Block]),
            (Mode::Audit, [Allow, Warn, Warn, Warn]),
        ] {
            for (severity, action) in SEVERITIES.into_iter().zip(expected) {
                let policy = Policy { mode, enforce: true };
                let verdict = fold(policy, vec![finding(Family::Dlp, severity, 0)]);
                assert_eq!(verdict.action, action, "{mode} {severity:?}");
                let would_block = action == Block || (mode == Mode::Audit && severity >= Severity::High);
                assert_eq!(verdict.reason, would_block.then_some(BlockReason::Secret), "{mode} {severity:?}");
            }
        }
    }

    #[test]
    fn a_policy_that_only_watches_never_blocks_and_names_the_reason() {
        for policy in policies().into_iter().filter(|policy| !policy.enforce || policy.mode == Mode::Audit) {
            let verdict = fold(policy, vec![finding(Family::Dlp, Severity::Critical, 0)]);
            assert_eq!((verdict.action, verdict.reason), (Action::Warn, Some(BlockReason::Secret)), "{policy:?}");
            let verdict = uninspectable(policy, Action::Block, BlockReason::BodyTooLarge);
            assert_eq!((verdict.action, verdict.reason), (Action::Warn, Some(BlockReason::BodyTooLarge)), "{policy:?}");
        }
    }

    #[test]
    fn what_could_not_be_judged_is_blocked() {
        for mode in [Mode::Strict, Mode::Balanced] {
            let policy = Policy { mode, enforce: true };
            assert!(uninspectable(policy, Action::Block, BlockReason::BodyUndecodable).is_block());
            let verdict = fold(policy, vec![finding(Family::Limit, Severity::Low, 0)]);
            assert_eq!((verdict.action, verdict.reason), (Action::Block, Some(BlockReason::ScanLimit)));
        }
        assert_eq!(fold(Policy::default(), Vec::new()), Verdict::allow());
    }

    #[test]
    fn a_secret_is_the_reason_rather_than_a_limit() {
        let both = vec![finding(Family::Limit, Severity::High, 0), finding(Family::Dlp, Severity::High, 1)];
        assert_eq!(fold(Policy::default(), both).reason, Some(BlockReason::Secret));
        let harmless = vec![finding(Family::Limit, Severity::High, 0), finding(Family::Dlp, Severity::Low, 1)];
        assert_eq!(fold(Policy::default(), harmless).reason, Some(BlockReason::ScanLimit));
    }

    fn findings() -> impl Strategy<Value = Vec<Finding>> {
        let family = prop::sample::select(vec![Family::Dlp, Family::Limit]);
        let one = (family, prop::sample::select(SEVERITIES.to_vec()), 0u64..50);
        prop::collection::vec(one.prop_map(|(family, severity, place)| finding(family, severity, place)), 0..8)
    }

    proptest! {
        #[test]
        fn order_does_not_matter((findings, shuffled) in findings().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))) {
            for policy in policies() {
                prop_assert_eq!(fold(policy, findings.clone()), fold(policy, shuffled.clone()));
            }
        }

        #[test]
        fn one_more_finding_never_makes_it_milder(findings in findings(), more in findings()) {
            for policy in policies() {
                let few = fold(policy, findings.clone());
                let all = fold(policy, findings.iter().chain(&more).cloned().collect());
                prop_assert!(all.action >= few.action);
                prop_assert_eq!(all.findings.len(), findings.len() + more.len());
            }
        }

        #[test]
        fn strict_is_never_milder_than_balanced_and_audit_never_blocks(findings in findings()) {
            let under = |mode| fold(Policy { mode, enforce: true }, findings.clone()).action;
            prop_assert!(under(Mode::Strict) >= under(Mode::Balanced));
            prop_assert!(under(Mode::Audit) < Action::Block);
        }
    }
}

//! What becomes of a hit: its token found and validated, or what stands around it read, and the finding written down.

use std::ops::Range;
use std::sync::Arc;

use super::super::base64_run;
use super::super::candidates::left_boundary;
use super::super::context::escape_length;
use super::super::engine::{Confirm, Rule, Start};
use super::super::evidence::evidence;
use super::super::rules::{Class, Judge, LOOK_AHEAD, LOOK_BEHIND, Left, MAX_TAIL, Tail};
use super::super::validate::Check;
use super::{CONTEXT, Pending, Seen, Window};
use crate::model::{Family, Finding, Severity};

/// Starts tried for one hit before its shortest match is reported.
const STARTS_PER_HIT: usize = 16;
/// Findings of one rule, at its full severity and below it, after which more of the same say nothing new.
pub(super) const FINDINGS_PER_RULE: u8 = 64;

impl Window {
    /// Follows the tail of a token as far as there are bytes. Answers how many bytes of the view had to be seen to know
    /// where it ends; `None` while it goes on.
    pub(super) fn decided_at(&self, hit: &mut Pending, tail: Tail) -> Option<u64> {
        let class = match tail {
            Tail::Exact(_) => return self.byte(hit.end).map(|_| hit.end + 1),
            Tail::Ahead => return self.byte(hit.end + LOOK_AHEAD as u64 - 1).map(|_| hit.end + LOOK_AHEAD as u64),
            Tail::Open(Class::Nothing) => return Some(hit.end),
            Tail::Open(class) => class,
        };
        while hit.tail < MAX_TAIL {
            let next = hit.end + u64::from(hit.tail);
            if !class.contains(self.byte(next)?) {
                return Some(next + 1);
            }
            hit.tail += 1;
        }
        Some(hit.end + u64::from(MAX_TAIL))
    }

    /// Checks what surrounds a hit, finds its token, and has it validated.
    pub(super) fn confirm(&mut self, hit: Pending, rule: &Rule, confirm: &Confirm, found: &mut Vec<Finding>) {
        if let Tail::Exact(class) = confirm.tail
            && self.byte(hit.end).is_some_and(|byte| class.contains(byte))
        {
            return;
        }
        let Some(start) = self.start(hit, confirm) else { return };
        if start < self.seen(hit.rule).covered {
            return;
        }
        let range = start..hit.end + u64::from(hit.tail);
        if confirm.short_prefix {
            let core = self.kept.get(self.index(start)..self.index(hit.end)).unwrap_or_default();
            let before = self.kept.get(..self.index(start)).unwrap_or_default();
            // A stretch of a view knows of nothing before its beginning.
            let since = usize::try_from(start.saturating_sub(self.origin)).unwrap_or(usize::MAX);
            let before = before.get(before.len().saturating_sub(since)..).unwrap_or_default();
            if base64_run::is_within(before, core, self.origin > 0) {
                return;
            }
        }
        let token = self.kept.get(self.index(range.start)..self.index(range.end)).unwrap_or_default();
        let core = self.kept.get(self.index(range.start)..self.index(hit.end)).unwrap_or_default();
        // What follows the core is up to whoever wrote it: it may tell more about a token, but must not talk it down.
        let checked = confirm.check.map_or(Check::Pass, |check| match check(core) {
            Check::Pass => Check::Pass,
            lower => lower.or(check(token)),
        });
        match checked {
            Check::Pass => self.report(hit.rule, range, None, found),
            Check::Doubt(at_most) => self.report(hit.rule, range, Some(at_most.min(rule.severity)), found),
            Check::Reject => {}
        }
    }

    /// Has what stands around a hit read.
    pub(super) fn judge(&mut self, hit: Pending, judge: Judge, found: &mut Vec<Finding>) {
        let at = self.index(hit.end);
        // No more than is promised, so that the outcome cannot depend on what else happens to be kept.
        let first = at.saturating_sub(LOOK_BEHIND);
        let text = self.kept.get(first..self.kept.len().min(at + LOOK_AHEAD)).unwrap_or_default();
        let Some(claim) = judge(text, at - first) else { return };
        let rule = match claim.rule {
            None => Some(hit.rule),
            Some(name) => self.set.named(name),
        };
        let Some(rule) = rule else { return };
        let place = |at: usize| self.first + (first + at) as u64;
        self.report(rule, place(claim.range.start)..place(claim.range.end), claim.at_most, found);
    }

    /// Where the token of a hit begins; `None` when what stands before it rules it out.
    fn start(&mut self, hit: Pending, confirm: &Confirm) -> Option<u64> {
        let start = match &confirm.start {
            Start::Fixed(width) => hit.end.checked_sub(u64::from(*width))?,
            Start::Back { width, class, reach, prefix } => {
                let core = self.index(hit.end.checked_sub(u64::from(*width))?);
                let before = self.kept.get(..core)?;
                let length =
                    before.iter().rev().take(*reach as usize).take_while(|&&byte| class.contains(byte)).count();
                let back = before.get(core - length..)?;
                let glued = if length < *reach as usize { memchr::memmem::find(back, prefix)? } else { 0 };
                // The letter of an escape belongs to no token: `\t1234`.
                let start = core - length + glued;
                let escape = match start.checked_sub(1).and_then(|before| self.kept.get(before)) {
                    Some(b'\\') if glued == 0 => escape_length(self.kept.get(start..core).unwrap_or_default()),
                    _ => 0,
                };
                self.first + (start + escape) as u64
            }
            Start::Search { regex, min, max } => {
                let end = self.index(hit.end);
                let earliest = end.saturating_sub(*max as usize);
                // One byte of context on each side, for word boundaries in a user's expression. The one after is known to
                // be here only if the tail waited for it.
                let haystack_start = earliest.saturating_sub(1);
                let after = usize::from(matches!(confirm.tail, Tail::Exact(_)));
                let haystack = self.kept.get(haystack_start..(end + after).min(self.kept.len()))?;
                let mut from = earliest - haystack_start;
                let mut start = end - *min as usize;
                for _ in 0..STARTS_PER_HIT {
                    let Some(candidate) = regex.find_at(haystack, from) else { break };
                    self.confirms += 1;
                    if candidate.end() + haystack_start >= end {
                        start = start.min(candidate.start() + haystack_start);
                        break;
                    }
                    from = candidate.start() + 1;
                }
                self.first + start as u64
            }
        };
        let before = self.kept.get(..self.index(start)).unwrap_or_default();
        (confirm.left == Left::Any || left_boundary(before)).then_some(start)
    }

    pub(super) fn report(&mut self, rule: u16, range: Range<u64>, at_most: Option<Severity>, found: &mut Vec<Finding>) {
        let Some(known) = self.set.rules.get(usize::from(rule)) else { return };
        if self.origin > 0 && range.start < self.origin + CONTEXT as u64 {
            // What looks like its beginning may be the cut.
            return;
        }
        let (name, full) = (Arc::clone(&known.name), known.severity);
        let seen = self.seen_mut(rule);
        if at_most.is_none() {
            seen.covered = seen.covered.max(range.end);
        }
        // Counted apart, so that no number of small doubts crowds out a greater one.
        let place = match at_most {
            None => 0,
            Some(Severity::Low) => 1,
            Some(Severity::Medium) => 2,
            Some(Severity::High) => 3,
            Some(Severity::Critical) => 4,
        };
        let count = &mut seen.counts[place];
        if *count == FINDINGS_PER_RULE {
            // What is only counted says nothing new, unless the verdict excuses findings by their place: then the ones that
            // were written down may be excused and the next one is the leak.
            if at_most.is_none() && full >= Severity::High && !std::mem::replace(&mut self.overflowed, true) {
                found.push(self.more_than_written(range));
            }
            return;
        }
        *count += 1;
        let token = self.kept.get(self.index(range.start)..self.index(range.end)).unwrap_or_default();
        found.push(Finding {
            rule: name,
            family: Family::Dlp,
            severity: at_most.unwrap_or(full).min(full),
            surface: self.surface,
            view: self.view,
            span: self.raw_offset(range.start)..self.raw_offset(range.end),
            evidence: evidence(token),
        });
    }

    /// Said once, when a rule found more that blocks than is written down.
    fn more_than_written(&self, range: Range<u64>) -> Finding {
        Finding {
            rule: "Scan Limit: findings of one rule".into(),
            family: Family::Limit,
            severity: Severity::High,
            surface: self.surface,
            view: self.view,
            span: self.raw_offset(range.start)..self.raw_offset(range.end),
            evidence: evidence(&[]),
        }
    }

    pub(super) fn seen(&self, rule: u16) -> Seen {
        self.seen.iter().find(|seen| seen.rule == rule).copied().unwrap_or_default()
    }

    fn seen_mut(&mut self, rule: u16) -> &mut Seen {
        let place = self.seen.iter().position(|seen| seen.rule == rule).unwrap_or_else(|| {
            self.seen.push(Seen { rule, ..Seen::default() });
            self.seen.len() - 1
        });
        &mut self.seen[place]
    }
}

//! What untrusted text a session has been given: somebody who has read orders may carry them out with what it sends next.
//!
//! Bounded: so many sources, and each step down after a while without news. Time comes in as an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::{Taint, TaintPolicy};

/// One step down after so long without news (as with levels of a session).
const DE_ESCALATE: Duration = Duration::from_mins(5);

/// The taint of one session.
#[derive(Debug)]
pub(super) struct Tainted {
    taint: Taint,
    since: Instant,
    /// Newest last.
    sources: VecDeque<String>,
}

impl Tainted {
    pub(super) fn none(now: Instant) -> Self {
        Self { taint: Taint::Clean, since: now, sources: VecDeque::new() }
    }

    /// Takes note of a source; whether that made the session worse.
    pub(super) fn by(&mut self, source: &str, taint: Taint, policy: &TaintPolicy, now: Instant) -> bool {
        self.settle(now);
        if taint < self.taint {
            return false;
        }
        if !self.sources.iter().any(|known| known == source) {
            self.sources.push_back(source.chars().take(253).collect());
            while self.sources.len() > policy.recent_sources {
                self.sources.pop_front();
            }
        }
        let worse = taint > self.taint;
        (self.taint, self.since) = (taint, now);
        worse
    }

    pub(super) fn taint(&mut self, now: Instant) -> Taint {
        self.settle(now);
        self.taint
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &String> {
        self.sources.iter()
    }

    fn settle(&mut self, now: Instant) {
        while self.taint > Taint::Clean && now.saturating_duration_since(self.since) >= DE_ESCALATE {
            self.taint = if self.taint == Taint::Hostile { Taint::Untrusted } else { Taint::Clean };
            self.since += DE_ESCALATE;
            if self.taint == Taint::Clean {
                self.sources.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taint_grows_at_once_goes_step_by_step_and_remembers_few_sources() {
        let policy = TaintPolicy { recent_sources: 2, ..TaintPolicy::default() };
        let begun = Instant::now();
        let mut tainted = Tainted::none(begun);
        assert_eq!(tainted.taint(begun), Taint::Clean);
        assert!(tainted.by("a.test", Taint::Untrusted, &policy, begun));
        assert!(!tainted.by("b.test", Taint::Untrusted, &policy, begun), "no news");
        assert!(tainted.by("c.test", Taint::Hostile, &policy, begun));
        assert!(!tainted.by("d.test", Taint::Untrusted, &policy, begun), "less than it is");
        assert_eq!(tainted.sources().collect::<Vec<_>>(), ["b.test", "c.test"]);
        let after = |minutes| begun + Duration::from_mins(minutes);
        assert_eq!(tainted.taint(after(4)), Taint::Hostile);
        assert_eq!(tainted.taint(after(5)), Taint::Untrusted);
        assert_eq!(tainted.taint(after(9)), Taint::Untrusted);
        assert_eq!(tainted.taint(after(10)), Taint::Clean);
        assert_eq!(tainted.sources().count(), 0);
    }
}

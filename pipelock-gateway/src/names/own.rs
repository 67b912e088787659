//! What the gateway's own resolver has said of names: the last answers, and those of the last hour.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use super::{Answer, Resolve};
use crate::model::ServerName;

/// Names remembered; more than any sane list of rules matches, little enough to bound memory.
const CAPACITY: usize = 4096;
/// Addresses remembered for one name (gateway.md §6).
const ADDRESSES: usize = 64;
/// Addresses count this long after they were last in an answer: CDNs rotate them, and clients keep connections.
const HISTORY: Duration = Duration::from_hours(1);
/// An answer is not asked for again before this, however short its TTL: the question is a workload's to repeat.
const MIN_FRESH: Duration = Duration::from_secs(10);
/// An answer is asked for again after this, however long its TTL; also the time a failure is believed.
const MAX_FRESH: Duration = Duration::from_mins(1);
/// Names asked for again at one look; the rest wait for the next, so that a flood of names does not become one of questions.
const REFRESHED_AT_ONCE: usize = 32;

/// Answers by name.
pub(super) struct OwnAnswers {
    names: Cache<ServerName, Arc<Mutex<Seen>>>,
}

#[derive(Default)]
struct Seen {
    /// When the last answer, or failure, has to be asked for again.
    stale: Option<Instant>,
    /// When somebody last wanted to know.
    wanted: Option<Instant>,
    addresses: Vec<(IpAddr, Instant)>,
}

impl Default for OwnAnswers {
    fn default() -> Self {
        Self { names: Cache::new(CAPACITY) }
    }
}

impl OwnAnswers {
    /// Whether `name` has `address` now or had it within the last hour; asks `resolver` where the last answer has ended.
    pub(super) async fn has(&self, name: &ServerName, address: IpAddr, resolver: &dyn Resolve) -> bool {
        let seen = self.of(name);
        // Held while asking: a second connection waits for the first one's answer instead of being told "not bound".
        let mut seen = seen.lock().await;
        let now = Instant::now();
        seen.wanted = Some(now);
        if seen.has(address, now) {
            return true;
        }
        if seen.stale.is_some_and(|stale| now < stale) {
            return false;
        }
        seen.ask(name, resolver).await;
        seen.has(address, Instant::now())
    }

    /// Takes note of an answer that was asked for elsewhere.
    pub(super) async fn learn(&self, name: &ServerName, answer: &Answer) {
        let seen = self.of(name);
        let mut seen = seen.lock().await;
        seen.learn(answer, Instant::now());
    }

    /// Asks again about names that somebody wanted to know of within the last hour and whose answers have ended.
    pub(super) async fn refresh(&self, resolver: &dyn Resolve) {
        let now = Instant::now();
        let due = self.names.iter().filter(|(_, seen)| seen.try_lock().is_ok_and(|seen| seen.is_due(now)));
        let due: Vec<_> = due.take(REFRESHED_AT_ONCE).collect();
        for (name, seen) in due {
            let mut seen = seen.lock().await;
            if seen.is_due(Instant::now()) {
                seen.ask(&name, resolver).await;
            }
        }
    }

    /// Names remembered.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Lets every answer end now.
    #[cfg(test)]
    pub(super) async fn end_all(&self) {
        for (_, seen) in self.names.iter() {
            seen.lock().await.stale = Some(Instant::now());
        }
    }

    fn of(&self, name: &ServerName) -> Arc<Mutex<Seen>> {
        let Ok(seen) = self.names.get_or_insert_with(name, || Ok::<_, Infallible>(Arc::default()));
        seen
    }
}

impl Seen {
    fn has(&self, address: IpAddr, now: Instant) -> bool {
        self.addresses.iter().any(|(known, at)| *known == address && now.saturating_duration_since(*at) < HISTORY)
    }

    fn is_due(&self, now: Instant) -> bool {
        let wanted = self.wanted.is_some_and(|wanted| now.saturating_duration_since(wanted) < HISTORY);
        wanted && self.stale.is_none_or(|stale| stale <= now)
    }

    async fn ask(&mut self, name: &ServerName, resolver: &dyn Resolve) {
        match resolver.resolve(name).await {
            Ok(answer) => self.learn(&answer, Instant::now()),
            Err(error) => {
                tracing::debug!(%name, error = %crate::model::error_chain(&error), "a name that a rule matches has no address");
                // Addresses of the last hour stay: a resolver that fails for a moment must not close what it opened.
                self.stale = Some(Instant::now() + MAX_FRESH);
            }
        }
    }

    fn learn(&mut self, answer: &Answer, now: Instant) {
        self.stale = Some(now + answer.ttl.clamp(MIN_FRESH, MAX_FRESH));
        self.addresses
            .retain(|(known, at)| !answer.addresses.contains(known) && now.saturating_duration_since(*at) < HISTORY);
        self.addresses.extend(answer.addresses.iter().map(|ip| (ip.to_canonical(), now)));
        let surplus = self.addresses.len().saturating_sub(ADDRESSES);
        self.addresses.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_bounded_and_the_newest_stay() {
        let mut seen = Seen::default();
        let now = Instant::now();
        for i in 0..200u8 {
            let addresses = vec![IpAddr::from([203, 0, 113, i])];
            seen.learn(&Answer { addresses, ttl: Duration::ZERO }, now);
        }
        assert_eq!(seen.addresses.len(), ADDRESSES);
        assert!(seen.has(IpAddr::from([203, 0, 113, 199]), now));
    }

    #[test]
    fn an_address_of_a_past_answer_counts_for_an_hour() {
        let mut seen = Seen::default();
        let (now, old): (_, IpAddr) = (Instant::now(), "203.0.113.1".parse().unwrap());
        seen.learn(&Answer { addresses: vec![old], ttl: Duration::ZERO }, now);
        let new: IpAddr = "203.0.113.2".parse().unwrap();
        seen.learn(&Answer { addresses: vec![new], ttl: Duration::ZERO }, now + Duration::from_mins(30));
        assert!(seen.has(old, now + Duration::from_mins(59)));
        assert!(!seen.has(old, now + HISTORY));
        assert!(seen.has(new, now + HISTORY));
    }
}

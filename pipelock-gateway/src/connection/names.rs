//! Is a name bound to an address? Asked only where a rule would let a connection through unopened because of its name.
//!
//! SNI and Host are the client's own words; a workload that wants out can put a trusted name on any address. So such a
//! rule holds only where the gateway's own resolver gives the same address for the name (gateway.md §6). CDNs rotate
//! their answers: what was seen within the last hour still counts. The workload's own DNS answers are not seen yet.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::model::ServerName;

/// Names remembered; more than any sane rule list matches, little enough to bound memory.
const CAPACITY: usize = 4096;
/// Addresses remembered for one name.
const ADDRESSES: usize = 64;
/// Answers are asked for again after this; the TTL is not visible through the system's resolver.
const FRESH: Duration = Duration::from_mins(1);
/// Addresses count this long after they were last seen in an answer.
const HISTORY: Duration = Duration::from_hours(1);
/// A resolver that takes longer is the same as one that does not know.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Remembers which addresses names had.
pub struct NameBindings {
    names: Cache<ServerName, Arc<Mutex<Seen>>>,
}

#[derive(Default)]
struct Seen {
    asked: Option<Instant>,
    addresses: Vec<(IpAddr, Instant)>,
}

impl Default for NameBindings {
    fn default() -> Self {
        Self { names: Cache::new(CAPACITY) }
    }
}

impl NameBindings {
    /// Whether the system's resolver binds `name` to `address`, now or within the last hour.
    pub async fn is_bound(&self, name: &ServerName, address: IpAddr) -> bool {
        self.is_bound_by(name, address, resolve).await
    }

    async fn is_bound_by<F, Fut>(&self, name: &ServerName, address: IpAddr, resolve: F) -> bool
    where
        F: FnOnce(ServerName) -> Fut,
        Fut: Future<Output = Vec<IpAddr>>,
    {
        let Ok(seen) = self.names.get_or_insert_with(name, || Ok::<_, Infallible>(Arc::default()));
        // Held while asking: a second connection waits for the first one's answer instead of being told "not bound".
        let mut seen = seen.lock().await;
        let now = Instant::now();
        if seen.has(address, now) {
            return true;
        }
        if seen.asked.is_some_and(|asked| now.duration_since(asked) < FRESH) {
            return false;
        }
        let answers = resolve(name.clone()).await;
        seen.asked = Some(now);
        seen.learn(&answers, now);
        seen.has(address, now)
    }
}

impl Seen {
    fn has(&self, address: IpAddr, now: Instant) -> bool {
        self.addresses.iter().any(|(known, at)| *known == address && now.saturating_duration_since(*at) < HISTORY)
    }

    fn learn(&mut self, answers: &[IpAddr], now: Instant) {
        self.addresses.retain(|(known, at)| !answers.contains(known) && now.duration_since(*at) < HISTORY);
        self.addresses.extend(answers.iter().map(|ip| (ip.to_canonical(), now)));
        let surplus = self.addresses.len().saturating_sub(ADDRESSES);
        self.addresses.drain(..surplus);
    }
}

async fn resolve(name: ServerName) -> Vec<IpAddr> {
    match tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name.as_str(), 0))).await {
        Ok(Ok(addresses)) => addresses.map(|a| a.ip()).collect(),
        Ok(Err(error)) => {
            tracing::debug!(%name, %error, "the resolver does not know a name that a rule matches");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_bound_only_to_addresses_its_own_zone_gave() {
        let bindings = NameBindings::default();
        let name = ServerName::parse("api.example.test").unwrap();
        let [good, evil]: [IpAddr; 2] = ["203.0.113.10".parse().unwrap(), "203.0.113.66".parse().unwrap()];
        let answer = |_| async move { vec![good] };
        assert!(bindings.is_bound_by(&name, good, answer).await);
        assert!(!bindings.is_bound_by(&name, evil, answer).await);
    }

    #[tokio::test]
    async fn the_resolver_is_not_asked_again_for_a_fresh_answer() {
        let bindings = NameBindings::default();
        let name = ServerName::parse("api.example.test").unwrap();
        let evil: IpAddr = "203.0.113.66".parse().unwrap();
        assert!(!bindings.is_bound_by(&name, evil, |_| async { Vec::new() }).await);
        let asked_again = |_| async { unreachable!("a second question within a minute") };
        assert!(!bindings.is_bound_by(&name, evil, asked_again).await);
    }

    #[test]
    fn addresses_are_bounded_and_the_newest_stay() {
        let mut seen = Seen::default();
        let now = Instant::now();
        for i in 0..200u8 {
            seen.learn(&[IpAddr::from([203, 0, 113, i])], now);
        }
        assert_eq!(seen.addresses.len(), ADDRESSES);
        assert!(seen.has(IpAddr::from([203, 0, 113, 199]), now));
    }
}

//! What is remembered of each session: how much it sends to whom, what it usually does, and its score.
//!
//! Memory is bounded: so many sessions, so many domains of each. Time comes in as an argument, so that tests need no clock.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::taint::Tainted;
use crate::model::{Action, BlockReason, Level, PeerName, ServerName, SessionKey, SessionPolicy, Taint, Verdict};

/// Domains of one session that are counted apart; further ones share one account.
const MAX_DOMAINS: usize = 256;
/// One level is given back after so long (pipelock-config.md §12).
const DE_ESCALATE: Duration = Duration::from_mins(5);
/// What a leak adds to the score, and what a warning does.
const BLOCK_SIGNAL: f64 = 3.0;
const NEAR_MISS: f64 = 1.0;
/// Minutes that must have been seen before one can be unusual, and bytes below which none is.
const USUAL_MINUTES: u32 = 3;
const UNUSUAL_BYTES: u64 = 64 * 1024;
const MINUTE: Duration = Duration::from_mins(1);

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<SessionKey, Arc<Session>>>);

/// One session.
#[derive(Debug)]
pub struct Session {
    key: SessionKey,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: Instant,
    requests: u64,
    blocked: u64,
    anomalies: u64,
    domains: HashMap<String, Account>,
    /// When domains were first seen, newest last.
    first_seen: VecDeque<Instant>,
    minute: Instant,
    minute_bytes: u64,
    usual_minutes: u32,
    usual_bytes: f64,
    score: f64,
    level: Level,
    level_since: Instant,
    tainted: Tainted,
}

/// What went to one domain.
#[derive(Debug)]
struct Account {
    requests: Rate,
    bytes: Rate,
}

/// Amounts of the minute that runs and of the one before, which counts by the part of it that is not yet a minute ago.
#[derive(Debug)]
struct Rate {
    begun: Instant,
    current: u64,
    previous: u64,
}

/// Why a request is refused before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Whether this alone refuses it, or only a warning is asked for.
    pub enforced: bool,
    /// Why.
    pub reason: BlockReason,
}

/// What came of a request that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The level changed.
    pub escalation: Option<Escalation>,
    /// Its bytes left what is usual behind.
    pub spike: bool,
    /// Whose session it is.
    pub key: SessionKey,
}

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Before.
    pub from: Level,
    /// After.
    pub to: Level,
}

/// A session as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionView {
    /// Whose.
    pub key: SessionKey,
    /// Its level.
    pub level: Level,
    /// Its score.
    pub score: f64,
    /// Requests that ended.
    pub requests: u64,
    /// Those that were blocked.
    pub blocked: u64,
    /// Anomalies.
    pub anomalies: u64,
    /// Domains it has talked to, those that are counted apart.
    pub domains: Vec<String>,
    /// What untrusted text it has been given.
    pub taint: Taint,
    /// By whom, newest last.
    pub tainted_by: Vec<String>,
    /// Since its last request.
    pub silent: Duration,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self { begun: now, current: 0, previous: 0 }
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.begun);
        if elapsed >= 2 * MINUTE {
            *self = Self::new(now);
        } else if elapsed >= MINUTE {
            (self.previous, self.current) = (self.current, 0);
            self.begun += MINUTE;
        }
    }

    fn add(&mut self, amount: u64, now: Instant) {
        self.roll(now);
        self.current = self.current.saturating_add(amount);
    }

    /// The amount of the last minute, estimated.
    fn last_minute(&mut self, now: Instant) -> u64 {
        self.roll(now);
        let elapsed = now.saturating_duration_since(self.begun).min(MINUTE);
        let left = MINUTE.saturating_sub(elapsed).as_millis();
        let previous = (u128::from(self.previous) * left).div_ceil(MINUTE.as_millis());
        self.current.saturating_add(u64::try_from(previous).unwrap_or(u64::MAX))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// The session of this key, begun if there is none or it was silent too long. The one silent longest makes room.
    pub fn of(&self, key: SessionKey, policy: &SessionPolicy, now: Instant) -> Arc<Session> {
        let mut sessions = lock(&self.0);
        let silent = |session: &Session| now.saturating_duration_since(lock(&session.state).last);
        if let Some(known) = sessions.get(&key).filter(|session| silent(session) < policy.ttl) {
            return Arc::clone(known);
        }
        sessions.retain(|_, session| silent(session) < policy.ttl);
        while sessions.len() >= policy.max_sessions {
            let Some(oldest) = sessions.iter().max_by_key(|(_, session)| silent(session)).map(|(key, _)| *key) else {
                break;
            };
            sessions.remove(&oldest);
        }
        let session = Arc::new(Session { key, state: Mutex::new(State::new(now)) });
        sessions.insert(key, Arc::clone(&session));
        session
    }

    /// Sessions remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All sessions, by key.
    #[must_use]
    pub fn list(&self, now: Instant) -> Vec<SessionView> {
        let mut views: Vec<SessionView> = lock(&self.0).values().map(|session| session.view(now)).collect();
        views.sort_by_key(|view| view.key);
        views
    }

    /// Forgets score, level and accounts of a session; says whether there was one.
    pub fn reset(&self, key: &str, now: Instant) -> bool {
        let sessions = lock(&self.0);
        let found = sessions.values().find(|session| session.key.to_string() == key);
        found.inspect(|session| *lock(&session.state) = State::new(now)).is_some()
    }
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            last: now,
            requests: 0,
            blocked: 0,
            anomalies: 0,
            domains: HashMap::new(),
            first_seen: VecDeque::new(),
            minute: now,
            minute_bytes: 0,
            usual_minutes: 0,
            usual_bytes: 0.0,
            score: 0.0,
            level: Level::Normal,
            level_since: now,
            tainted: Tainted::none(now),
        }
    }

    /// The account of a domain, and whether it is a new one.
    fn account(&mut self, domain: &str, now: Instant) -> (&mut Account, bool) {
        let known = self.domains.contains_key(domain);
        let domain = if known || self.domains.len() < MAX_DOMAINS { domain } else { "" };
        let account = self.domains.entry(domain.to_owned());
        (account.or_insert_with(|| Account { requests: Rate::new(now), bytes: Rate::new(now) }), !known)
    }

    /// Gives levels back that were held long enough.
    fn settle(&mut self, policy: &SessionPolicy, now: Instant) {
        while self.level > Level::Normal && now.saturating_duration_since(self.level_since) >= DE_ESCALATE {
            self.level = match self.level {
                Level::Critical => Level::High,
                Level::High => Level::Elevated,
                Level::Elevated | Level::Normal => Level::Normal,
            };
            self.level_since += DE_ESCALATE;
            self.score = policy.threshold / 2.0;
        }
    }
}

impl Session {
    /// The level now.
    pub fn level(&self, policy: &SessionPolicy, now: Instant) -> Level {
        let mut state = lock(&self.state);
        state.settle(policy, now);
        state.level
    }

    /// Counts a request to `host` and says whether it is one too many, unusual, or of a session that has lost its trust.
    pub fn admit(&self, host: &str, policy: &SessionPolicy, now: Instant) -> Option<Refused> {
        let mut state = lock(&self.state);
        state.settle(policy, now);
        state.last = now;
        let domain = base_domain(host);
        let (account, new) = state.account(domain, now);
        let over = |rate: &mut Rate, bound: Option<u64>| bound.is_some_and(|bound| rate.last_minute(now) >= bound);
        let refused = if over(&mut account.requests, policy.requests_per_minute) {
            Some(Refused { enforced: true, reason: BlockReason::RateLimited })
        } else if over(&mut account.bytes, policy.bytes_per_minute) {
            Some(Refused { enforced: true, reason: BlockReason::DataBudget })
        } else {
            account.requests.add(1, now);
            None
        };
        let anomaly = policy.profiling && state.is_burst(new, policy, now);
        if anomaly {
            state.anomalies += 1;
        }
        if policy.adaptive && policy.effect(state.level).block_all {
            return Some(Refused { enforced: true, reason: BlockReason::SessionEscalated });
        }
        let unusual =
            anomaly.then_some(Refused { enforced: policy.block_anomalies, reason: BlockReason::SessionAnomaly });
        refused.or(unusual)
    }

    /// Takes note of a request that ended: its bytes, and what was found in it.
    pub fn ended(&self, host: &str, bytes: u64, verdict: &Verdict, policy: &SessionPolicy, now: Instant) -> Noted {
        let mut state = lock(&self.state);
        state.requests += 1;
        state.blocked += u64::from(verdict.is_block());
        let domain = base_domain(host);
        state.account(domain, now).0.bytes.add(bytes, now);
        let spike = policy.profiling && state.is_spike(bytes, policy, now);
        state.anomalies += u64::from(spike);
        if !policy.adaptive || exempt(host, policy) {
            return Noted { escalation: None, spike, key: self.key };
        }
        let before = state.level;
        state.score = match signal(verdict) {
            Some(signal) => state.score + signal,
            None if verdict.is_block() => state.score,
            None => (state.score - policy.decay).max(0.0),
        };
        let reached = match state.score / policy.threshold {
            times if times >= 3.0 => Level::Critical,
            times if times >= 2.0 => Level::High,
            times if times >= 1.0 => Level::Elevated,
            _ => Level::Normal,
        };
        if reached > before {
            (state.level, state.level_since) = (reached, now);
        }
        let escalation = (reached > before).then_some(Escalation { from: before, to: reached });
        Noted { escalation, spike, key: self.key }
    }

    /// Whose it is.
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// Takes note of text that the session was given; whether that made it worse.
    pub fn tainted_by(&self, source: &str, taint: Taint, policy: &SessionPolicy, now: Instant) -> bool {
        lock(&self.state).tainted.by(source, taint, &policy.taint, now)
    }

    /// What it has been given.
    pub fn taint(&self, now: Instant) -> Taint {
        lock(&self.state).tainted.taint(now)
    }

    /// Whether what would be a warning is refused for this session at `host`.
    pub fn upgrades(&self, host: &str, policy: &SessionPolicy, now: Instant) -> bool {
        policy.adaptive && !exempt(host, policy) && policy.effect(self.level(policy, now)).upgrade_warn
    }

    fn view(&self, now: Instant) -> SessionView {
        let mut state = lock(&self.state);
        let taint = state.tainted.taint(now);
        let mut domains: Vec<String> = state.domains.keys().filter(|domain| !domain.is_empty()).cloned().collect();
        domains.sort();
        SessionView {
            key: self.key,
            level: state.level,
            score: state.score,
            requests: state.requests,
            blocked: state.blocked,
            anomalies: state.anomalies,
            domains,
            taint,
            tainted_by: state.tainted.sources().cloned().collect(),
            silent: now.saturating_duration_since(state.last),
        }
    }
}

impl State {
    /// Whether a new domain is one too many within the window. The first ones of a session are its usual ones.
    fn is_burst(&mut self, new: bool, policy: &SessionPolicy, now: Instant) -> bool {
        while self.first_seen.front().is_some_and(|seen| now.saturating_duration_since(*seen) >= policy.window) {
            self.first_seen.pop_front();
        }
        if new && self.first_seen.len() <= MAX_DOMAINS {
            self.first_seen.push_back(now);
        }
        new && self.first_seen.len() > policy.domain_burst
    }

    /// Whether this minute's bytes leave what is usual behind; told once a minute.
    fn is_spike(&mut self, bytes: u64, policy: &SessionPolicy, now: Instant) -> bool {
        if now.saturating_duration_since(self.minute) >= MINUTE {
            #[expect(clippy::cast_precision_loss, reason = "an average of bytes needs no last digit")]
            let bytes = self.minute_bytes as f64;
            self.usual_bytes += (bytes - self.usual_bytes) / f64::from(self.usual_minutes + 1);
            self.usual_minutes = self.usual_minutes.saturating_add(1).min(60);
            (self.minute, self.minute_bytes) = (now, 0);
        }
        let before = self.minute_bytes;
        self.minute_bytes = before.saturating_add(bytes);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a product of positive numbers; `as` saturates"
        )]
        let bound = ((self.usual_bytes * policy.volume_spike_ratio) as u64).max(UNUSUAL_BYTES);
        self.usual_minutes >= USUAL_MINUTES && before < bound && self.minute_bytes >= bound
    }
}

/// What a verdict adds to the score. Only what was found in what the session itself sent counts: a host that is not allowed, a
/// private address, a limit or an answer of an upstream says nothing about who asked.
fn signal(verdict: &Verdict) -> Option<f64> {
    use crate::model::Surface;
    let own = verdict
        .findings
        .iter()
        .any(|finding| finding.surface != Surface::Response && finding.surface != Surface::ToolResult);
    match (verdict.action, verdict.reason) {
        _ if !own => None,
        (Action::Block, Some(BlockReason::Secret | BlockReason::UrlShape | BlockReason::ToolPolicy)) => {
            Some(BLOCK_SIGNAL)
        }
        (Action::Warn, _) => Some(NEAR_MISS),
        _ => None,
    }
}

fn exempt(host: &str, policy: &SessionPolicy) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    ServerName::parse(name).is_ok_and(|name| policy.exempt_domains.matches(&PeerName::Dns(name)))
}

/// The last two labels of a host, or all of an address.
fn base_domain(host: &str) -> &str {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    if name.parse::<std::net::IpAddr>().is_ok() || name.starts_with('[') {
        return name;
    }
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    match (dots.next(), dots.next()) {
        (Some(_), Some(second)) => name.get(second + 1..).unwrap_or(name),
        _ => name,
    }
}

#[cfg(test)]
mod tests;

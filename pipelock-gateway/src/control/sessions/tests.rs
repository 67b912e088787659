//! Sessions: rates, budgets, anomalies, levels, and what never counts.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::model::{CgroupId, Evidence, Family, Finding, Severity, Surface, View};

fn key(n: u64) -> SessionKey {
    SessionKey::Workload(CgroupId(n))
}

fn session(policy: &SessionPolicy, now: Instant) -> Arc<Session> {
    Sessions::default().of(key(1), policy, now)
}

fn leak(action: Action, reason: Option<BlockReason>, surface: Surface) -> Verdict {
    let evidence = Evidence { len: 4, fingerprint: 1 };
    let finding = Finding {
        rule: "Rule".into(),
        family: Family::Dlp,
        severity: Severity::High,
        surface,
        view: View::Raw,
        span: 0..4,
        evidence,
    };
    Verdict { action, reason, findings: vec![finding], ..Verdict::default() }
}

#[test]
fn a_minute_holds_so_many_requests_to_a_domain_and_not_more() {
    let (policy, start) = (SessionPolicy { requests_per_minute: Some(3), ..SessionPolicy::default() }, Instant::now());
    let session = session(&policy, start);
    let ask = |host, after| session.admit(host, &policy, start + Duration::from_secs(after)).map(|r| r.reason);
    for _ in 0..3 {
        assert_eq!(ask("a.example.com", 0), None);
    }
    assert_eq!(ask("b.example.com:443", 1), Some(BlockReason::RateLimited), "one domain");
    assert_eq!(ask("example.org", 1), None, "another");
    assert_eq!(ask("a.example.com", 61), Some(BlockReason::RateLimited), "most of them are not a minute ago");
    assert_eq!(ask("a.example.com", 119), None);
}

#[test]
fn a_minute_holds_so_many_bytes() {
    let (policy, now) = (SessionPolicy { bytes_per_minute: Some(1000), ..SessionPolicy::default() }, Instant::now());
    let session = session(&policy, now);
    assert_eq!(session.admit("a.example.com", &policy, now), None);
    session.ended("a.example.com", 1000, &Verdict::allow(), &policy, now);
    assert_eq!(session.admit("a.example.com", &policy, now).unwrap().reason, BlockReason::DataBudget);
    assert_eq!(session.admit("a.example.com", &policy, now + 2 * MINUTE), None);
}

#[test]
fn leaks_escalate_and_time_gives_levels_back() {
    let policy = SessionPolicy { profiling: true, adaptive: true, domain_burst: 100, ..SessionPolicy::default() };
    let now = Instant::now();
    let session = session(&policy, now);
    let blocked = leak(Action::Block, Some(BlockReason::Secret), Surface::RequestBody);
    let to: Vec<_> =
        (0..5).map(|_| session.ended("a.test", 1, &blocked, &policy, now).escalation.map(|e| e.to)).collect();
    assert_eq!(to, [None, Some(Level::Elevated), None, Some(Level::High), Some(Level::Critical)]);
    assert_eq!(session.admit("a.test", &policy, now).unwrap().reason, BlockReason::SessionEscalated);
    assert_eq!(session.level(&policy, now + DE_ESCALATE), Level::High);
    assert_eq!(session.admit("a.test", &policy, now + DE_ESCALATE), None);
    assert_eq!(session.level(&policy, now + 3 * DE_ESCALATE), Level::Normal);
}

#[test]
fn refusals_by_the_configuration_and_answers_of_others_never_feed_the_score() {
    let policy = SessionPolicy { profiling: true, adaptive: true, ..SessionPolicy::default() };
    let now = Instant::now();
    let session = session(&policy, now);
    for reason in [
        BlockReason::NotInAllowlist,
        BlockReason::DestinationDenied,
        BlockReason::RateLimited,
        BlockReason::SessionEscalated,
        BlockReason::KillSwitch,
        BlockReason::ReceiptsUnavailable,
        BlockReason::Overloaded,
        BlockReason::UpstreamTls,
    ] {
        session.ended("a.test", 1, &Verdict::block(reason), &policy, now);
    }
    let injected = leak(Action::Block, Some(BlockReason::Injection), Surface::Response);
    session.ended("a.test", 1, &injected, &policy, now);
    assert_eq!((session.view(now).score, session.view(now).level), (0.0, Level::Normal));
    session.ended("a.test", 1, &leak(Action::Warn, None, Surface::Url), &policy, now);
    assert!((session.view(now).score - NEAR_MISS).abs() < 1e-9);
}

#[test]
fn many_new_domains_at_once_and_an_unusual_volume_are_anomalies() {
    let policy = SessionPolicy { profiling: true, block_anomalies: true, domain_burst: 2, ..SessionPolicy::default() };
    let start = Instant::now();
    let session = session(&policy, start);
    let asked: Vec<_> = ["a.test", "b.test", "c.test", "a.test"].map(|host| session.admit(host, &policy, start)).into();
    let anomaly = Some(Refused { enforced: true, reason: BlockReason::SessionAnomaly });
    assert_eq!(asked, [None, None, anomaly, None]);
    for minute in 0..5 {
        session.ended("a.test", 1000, &Verdict::allow(), &policy, start + minute * MINUTE);
    }
    assert_eq!(session.view(start).anomalies, 1);
    session.ended("a.test", 10 << 20, &Verdict::allow(), &policy, start + 5 * MINUTE);
    assert_eq!(session.view(start).anomalies, 2);
}

#[test]
fn sessions_and_their_domains_are_bounded_and_workloads_behind_one_address_stay_apart() {
    let policy = SessionPolicy { max_sessions: 10, ..SessionPolicy::default() };
    let (sessions, start) = (Sessions::default(), Instant::now());
    for n in 0..50 {
        sessions.of(key(n), &policy, start + Duration::from_secs(n));
    }
    assert_eq!(sessions.len(), 10);
    let session = sessions.of(key(49), &policy, start);
    for n in 0..2000 {
        session.admit(&format!("host.domain{n}.test"), &policy, start);
    }
    assert!(lock(&session.state).domains.len() <= MAX_DOMAINS + 1);
    let caller = SessionKey::Caller(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let later = start + MINUTE;
    assert!(!Arc::ptr_eq(&sessions.of(key(1), &policy, later), &sessions.of(caller, &policy, later)));
    assert!(sessions.reset("cgroup-1", later) && !sessions.reset("cgroup-777", later));
}

#[test]
fn domains_are_the_last_two_labels() {
    for (host, domain) in [
        ("a.b.example.com", "example.com"),
        ("example.com:8443", "example.com"),
        ("localhost", "localhost"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ] {
        assert_eq!(base_domain(host), domain);
    }
}

//! The lines a person reads, and what is forgotten once they are printed.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::model::{DenyReason, FrontDoor, PassthroughReason, Severity, Side, Surface, Verdict};
use crate::report::tests::{blocked, connection, finding, request};

const PLAIN: SummaryOptions = SummaryOptions { colour: false };

fn tally(records: &[RequestRecord]) -> Tally {
    let mut tally = Tally::default();
    for record in records {
        tally.add(record);
    }
    tally
}

fn outcome(action: Action, reason: Option<BlockReason>, rules: &[&str]) -> RequestRecord {
    let findings = rules.iter().map(|rule| finding(rule, Severity::High, Surface::RequestBody)).collect();
    RequestRecord { verdict: Verdict { action, reason, findings, ..Verdict::default() }, ..request(3, 1) }
}

#[test]
fn a_blocked_secret_is_told_by_its_rule() {
    let tally = tally(&[request(3, 1), blocked(3, 2)]);
    assert_eq!(
        line(&connection(3), &tally, PLAIN),
        "pipelock: c3 ruby[1234] -> api.example.test (203.0.113.10:443) intercept: 2 requests, 1 blocked (secret: GitHub Token)"
    );
}

#[test]
fn every_outcome_has_its_words() {
    let head = "pipelock: c3 ruby[1234] -> api.example.test (203.0.113.10:443) ";
    let one = ConnectionRecord { requests: 1, ..connection(3) };
    let with = |decision, end| ConnectionRecord { decision, end, requests: 0, ..connection(3) };
    let passthrough = Some(Decision::Passthrough(PassthroughReason::NoProxyName));
    let rejected = ConnectionEnd::DownstreamRejectedCertificate { detail: "alert unknown_ca".into() };
    let failed = ConnectionEnd::Failed { side: Side::Upstream, detail: "refused\u{1b}[1m".into() };
    for (record, records, want) in [
        (one.clone(), vec![request(3, 1)], "intercept: 1 request, all allowed"),
        (with(connection(3).decision, ConnectionEnd::Closed), vec![], "intercept: 0 requests"),
        (
            connection(3),
            vec![
                outcome(Action::Warn, None, &["Card Number"]),
                outcome(Action::Block, Some(BlockReason::Framing), &[]),
            ],
            "intercept: 2 requests, 1 warned (finding: Card Number), 1 blocked (framing)",
        ),
        (
            connection(3),
            vec![
                outcome(Action::Block, Some(BlockReason::Secret), &["A", "B", "A"]),
                outcome(Action::Block, Some(BlockReason::BodyTooLarge), &[]),
                outcome(Action::Block, Some(BlockReason::Secret), &["C"]),
            ],
            "intercept: 3 requests, 3 blocked (secret: A, B, C; body_too_large)",
        ),
        (with(passthrough, ConnectionEnd::Closed), vec![], "passthrough (no_proxy_name): 1.4 KiB up, 900 B down"),
        (
            with(Some(Decision::Deny(DenyReason::NotInAllowlist)), ConnectionEnd::Denied),
            vec![],
            "denied: not_in_allowlist",
        ),
        (
            with(connection(3).decision, rejected),
            vec![],
            "rejected: client does not trust the CA: alert unknown_ca; it was NOT passed through; make it trust the CA, \
             or set tls_interception.passthrough_domains: [\"api.example.test\"]",
        ),
        (with(connection(3).decision, failed), vec![], "intercept: 0 requests; failed (upstream): refused[1m"),
    ] {
        assert_eq!(line(&record, &tally(&records), PLAIN), format!("{head}{want}"));
    }
}

#[test]
fn a_destination_is_shown_by_what_is_known_of_it() {
    let record = connection(3);
    let ip = PeerName::Ip("203.0.113.10".parse().unwrap());
    for (name, dst, want) in [
        (record.name.clone(), record.original_dst, "api.example.test (203.0.113.10:443)"),
        (None, record.original_dst, "203.0.113.10:443"),
        (Some(ip.clone()), record.original_dst, "203.0.113.10:443"),
        (Some(ip), None, "203.0.113.10"),
        (None, None, "unknown destination"),
    ] {
        assert_eq!(destination(&ConnectionRecord { name, original_dst: dst, ..connection(3) }), want);
    }
    let explicit = ConnectionRecord { workload: None, front_door: FrontDoor::Explicit, ..connection(3) };
    assert_eq!(who(&explicit), "127.0.0.1:53210");
}

#[test]
fn colour_marks_the_outcome_only_when_asked_for() {
    let tally = tally(&[blocked(3, 1)]);
    let coloured = line(&connection(3), &tally, SummaryOptions { colour: true });
    assert!(coloured.ends_with("\x1b[31m1 blocked (secret: GitHub Token)\x1b[0m"), "{coloured:?}");
    assert!(!line(&connection(3), &tally, PLAIN).contains('\x1b'));
}

#[test]
fn sizes_have_at_most_four_digits_and_are_never_rounded_up() {
    for (bytes, want) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1023.9 KiB"),
        (1_048_576, "1.0 MiB"),
        (5_905_580_032, "5.5 GiB"),
        (u64::MAX, "16383.9 PiB"),
    ] {
        assert_eq!(Size(bytes).to_string(), want);
    }
}

#[test]
fn a_tally_is_bounded_whatever_a_connection_sends() {
    let mut tally = Tally::default();
    for i in 0..1000 {
        tally.add(&outcome(Action::Block, Some(BlockReason::Secret), &[&format!("rule {i}")]));
    }
    assert_eq!((tally.blocked.count, tally.blocked.causes.len()), (1000, MAX_CAUSES));
    assert!(line(&connection(3), &tally, PLAIN).ends_with("rule 5, …)"));
}

struct Lines(mpsc::Sender<Vec<u8>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_printed_connection_is_forgotten_and_others_keep_their_tally() {
    let (sender, receiver) = mpsc::channel();
    let summary = Summary::to(Sink::new("lines", Lines(sender)), PLAIN, &Metrics::new("t")).unwrap();
    summary.request(&blocked(1, 1));
    summary.request(&request(2, 1));
    summary.connection(&connection(1));
    assert_eq!(summary.tallies.lock().unwrap().keys().collect::<Vec<_>>(), [&ConnId(2)]);
    for conn in 10..u64::try_from(MAX_TALLIES).unwrap() + 100 {
        summary.request(&request(conn, 1));
    }
    assert_eq!(summary.tallies.lock().unwrap().len(), MAX_TALLIES);
    summary.connection(&connection(2));
    summary.close(Instant::now() + Duration::from_secs(10)).unwrap();
    drop(summary);
    let text = String::from_utf8(receiver.iter().flatten().collect()).unwrap();
    let ends: Vec<_> = text.lines().map(|line| line.split("intercept: ").nth(1).unwrap()).collect();
    assert_eq!(ends, ["2 requests, 1 blocked (secret: GitHub Token)", "2 requests, all allowed"]);
}

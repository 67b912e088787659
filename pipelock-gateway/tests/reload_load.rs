//! Reloads under load: no request fails for them, and none is judged by half a policy. A program of its own, because it keeps
//! all processors busy for a minute and a half, and tests beside it would wait.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "clippy's test exemption covers functions marked #[test], not their helpers")]

#[expect(dead_code, reason = "shared with tests/gateway, which uses all of it")]
#[path = "gateway/rig.rs"]
mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rig::{Rig, ask};

/// Each policy leaves alone what the other stops, so that exactly one of the two is found in every request: none or both
/// would be half of each.
const RULES: &str = "dlp:\n  patterns:\n    - {name: Ticket, regex: 'TKT-[0-9]{8}', severity: high}\n    - {name: Order, regex: 'ORD-[0-9]{8}', severity: high}\n";
const REQUEST: &str = "POST /?order=ORD-48151623 HTTP/1.1\r\nHost: api.example.test\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nTKT-48151623";

/// Of these one in ten is broken.
const RELOADS: usize = 1_000;
/// While so many requests are answered.
const REQUESTS: usize = 50_000;
const CLIENTS: usize = 8;

fn policy(leaves_alone: &str) -> String {
    format!("{RULES}suppress:\n  - {{rule: {leaves_alone}, path: api.example.test/}}\n")
}

/// What clients have seen, by the policy that stopped it.
#[derive(Default)]
struct Seen {
    asked: AtomicUsize,
    by_ticket: AtomicUsize,
    by_order: AtomicUsize,
    /// All reloads are done; until then requests go on, however many there were.
    reloaded: AtomicBool,
}

impl Seen {
    fn all(&self) -> usize {
        self.by_ticket.load(Ordering::Relaxed) + self.by_order.load(Ordering::Relaxed)
    }
}

async fn client(rig: Arc<Rig>, seen: Arc<Seen>) {
    let mut client = rig.connect().await;
    while seen.asked.fetch_add(1, Ordering::Relaxed) < REQUESTS || !seen.reloaded.load(Ordering::Acquire) {
        let answer = loop {
            match ask(&mut client, REQUEST).await {
                Some(answer) => break answer,
                // A blocked request may end its connection, never without an answer: what failed is the next one.
                None => client = rig.connect().await,
            }
        };
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        match (answer.contains("Ticket"), answer.contains("Order")) {
            (true, false) => seen.by_ticket.fetch_add(1, Ordering::Relaxed),
            (false, true) => seen.by_order.fetch_add(1, Ordering::Relaxed),
            _ => panic!("half a policy: {answer}"),
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_one_in_ten_broken_fail_none_of_50_000_requests_and_none_sees_half_a_policy() {
    let rig = Arc::new(Rig::new(&policy("Ticket")).await);
    let seen = Arc::new(Seen::default());
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(client(Arc::clone(&rig), Arc::clone(&seen)))).collect();
    let (reloading, counted) = (Arc::clone(&rig), Arc::clone(&seen));
    let reloads = tokio::task::spawn_blocking(move || {
        let mut longest = Duration::ZERO;
        for n in 0..RELOADS {
            if n % 10 == 9 {
                let epoch = reloading.gateway.epoch();
                let error = reloading.try_reconfigure("dlp:\n  patterns: [{name: Half}]\n").unwrap_err();
                assert!(error.contains("pipelock.yaml:2:14") && error.contains("regex"), "{error}");
                assert_eq!(reloading.gateway.epoch(), epoch, "the old one stays");
            } else {
                let begun = Instant::now();
                reloading.try_reconfigure(&policy(if n % 2 == 0 { "Order" } else { "Ticket" })).unwrap();
                longest = longest.max(begun.elapsed());
            }
            // As evenly among the requests as can be: the next one waits for its share of them.
            while counted.all() < REQUESTS * n / RELOADS {
                #[expect(clippy::disallowed_methods, reason = "requests are counted, and tell nobody")]
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        counted.reloaded.store(true, Ordering::Release);
        longest
    });
    for client in clients {
        client.await.unwrap();
    }
    let longest = reloads.await.unwrap();
    let (by_ticket, by_order) = (seen.by_ticket.load(Ordering::Relaxed), seen.by_order.load(Ordering::Relaxed));
    println!(
        "{RELOADS} reloads in {:.1} s during {} requests; the longest took {longest:?}; {by_ticket} stopped by one policy, {by_order} by the other",
        begun.elapsed().as_secs_f64(),
        seen.all(),
    );
    assert!(seen.all() >= REQUESTS, "every request was answered: {}", seen.all());
    assert!(by_ticket > REQUESTS / 10 && by_order > REQUESTS / 10, "both were in force: {by_ticket}, {by_order}");
    assert!(rig.upstream.seen().is_empty(), "nothing got through");
}

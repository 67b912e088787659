//! Reloads under load: no request fails for them, and none is judged by half a policy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::rig::{Rig, ask};

/// Each policy leaves alone what the other stops, so that exactly one of the two is found in every request: none or both
/// would be half of each.
const RULES: &str = "dlp:\n  patterns:\n    - {name: Ticket, regex: 'TKT-[0-9]{8}', severity: high}\n    - {name: Order, regex: 'ORD-[0-9]{8}', severity: high}\n";
const REQUEST: &str = "POST /?order=ORD-48151623 HTTP/1.1\r\nHost: api.example.test\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nTKT-48151623";

fn policy(leaves_alone: &str) -> String {
    format!("{RULES}suppress:\n  - {{rule: {leaves_alone}, path: api.example.test/}}\n")
}

/// How many, unless `PIPELOCK_RELOADS` says so: a debug build compiles slowly.
const RELOADS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_one_in_ten_broken_fail_no_request_and_none_sees_half_a_policy() {
    let reloads = std::env::var("PIPELOCK_RELOADS").ok().and_then(|n| n.parse().ok()).unwrap_or(RELOADS);
    let rig = Arc::new(Rig::new(&policy("Ticket")).await);
    let done = Arc::new(AtomicBool::new(false));
    let (by_ticket, by_order) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (rig, done) = (Arc::clone(&rig), Arc::clone(&done));
            let (by_ticket, by_order) = (Arc::clone(&by_ticket), Arc::clone(&by_order));
            tokio::spawn(async move {
                let mut client = rig.connect().await;
                while !done.load(Ordering::Acquire) {
                    let Some(answer) = ask(&mut client, REQUEST).await else {
                        // A blocked request may end its connection, never without an answer.
                        client = rig.connect().await;
                        continue;
                    };
                    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
                    let found = (answer.contains("Ticket"), answer.contains("Order"));
                    match found {
                        (true, false) => by_ticket.fetch_add(1, Ordering::Relaxed),
                        (false, true) => by_order.fetch_add(1, Ordering::Relaxed),
                        _ => panic!("half a policy: {answer}"),
                    };
                }
            })
        })
        .collect();
    let mut broken = 0;
    for n in 0..reloads {
        let rig = Arc::clone(&rig);
        if n % 10 == 9 {
            let epoch = rig.metric("pipelock_snapshot_epoch");
            let error = rig.try_reconfigure("dlp:\n  patterns: [{name: Half}]\n").unwrap_err();
            assert!(error.contains("pipelock.yaml:2:14") && error.contains("regex"), "{error}");
            assert_eq!(rig.metric("pipelock_snapshot_epoch"), epoch, "the old one stays");
            broken += 1;
        } else {
            let leaves_alone = if n % 2 == 0 { "Order" } else { "Ticket" };
            let text = policy(leaves_alone);
            tokio::task::spawn_blocking(move || rig.try_reconfigure(&text).unwrap()).await.unwrap();
        }
    }
    done.store(true, Ordering::Release);
    for client in clients {
        client.await.unwrap();
    }
    let (by_ticket, by_order) = (by_ticket.load(Ordering::Relaxed), by_order.load(Ordering::Relaxed));
    println!("{reloads} reloads, {broken} broken; {by_ticket} requests stopped by one policy, {by_order} by the other");
    assert!(by_ticket > 0 && by_order > 0, "both policies were in force: {by_ticket}, {by_order}");
    assert!(rig.upstream.seen().is_empty(), "nothing got through");
}

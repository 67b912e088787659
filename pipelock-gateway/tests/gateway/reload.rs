//! What a changed configuration means for connections that are open.

use tokio::io::AsyncReadExt;

use super::rig::{NAME, Rig, ask, get, within};

/// Words the upstream never sees when they are looked for.
const TICKET: &str = "GET /?q=TKT-48151623 HTTP/1.1\r\nHost: api.example.test\r\n\r\n";

#[tokio::test]
async fn an_opened_connection_is_judged_by_the_rules_in_force_at_each_request() {
    let rig = Rig::new("").await;
    let mut client = rig.connect().await;
    assert!(ask(&mut client, TICKET).await.unwrap().starts_with("HTTP/1.1 200"));
    rig.reconfigure("dlp:\n  patterns:\n    - {name: Ticket, regex: 'TKT-[0-9]{8}', severity: high}\n");
    let blocked = ask(&mut client, TICKET).await.unwrap();
    assert!(blocked.starts_with("HTTP/1.1 403") && blocked.contains("(Ticket)"), "{blocked}");
    assert_eq!(rig.upstream.seen().len(), 1);
    rig.reconfigure("");
    assert!(ask(&mut client, TICKET).await.unwrap().starts_with("HTTP/1.1 200"), "and back, on the same connection");
}

#[tokio::test]
async fn a_host_that_is_not_admitted_any_more_gets_no_further_request() {
    let rig = Rig::new("").await;
    let mut client = rig.connect().await;
    assert!(ask(&mut client, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200"));
    rig.reconfigure("mode: strict\napi_allowlist: [other.example.test]\n");
    let blocked = ask(&mut client, &get(NAME)).await.unwrap();
    assert!(blocked.starts_with("HTTP/1.1 403") && blocked.contains("not_in_allowlist"), "{blocked}");
    assert_eq!(rig.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_relayed_connection_is_cut_when_it_is_to_be_opened_and_not_before() {
    let off = "tls_interception: {enabled: false}\n";
    let rig = Rig::new(off).await;
    let mut client = rig.connect().await;
    assert!(ask(&mut client, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(rig.reconfigure(&format!("{off}trusted_domains: [a.example.test]\n")), 0);
    assert!(ask(&mut client, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200"), "still relayed");
    assert_eq!(rig.reconfigure("tls_interception: {enabled: true}\n"), 1);
    let ended = within(client.read(&mut [0; 1])).await;
    assert!(ended.is_err(), "reset, not closed: {ended:?}");
    assert_eq!(rig.metric("pipelock_policy_cut_total").as_deref(), Some("1"));
}

#[tokio::test]
async fn shutdown_does_not_cut_what_is_relayed() {
    let rig = Rig::new("tls_interception: {enabled: false}\n").await;
    let mut client = rig.connect().await;
    assert!(ask(&mut client, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200"));
    let draining = rig.gateway.drain(super::rig::DEADLINE);
    let asking = async {
        assert!(ask(&mut client, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200"));
        drop(client);
    };
    within(async { tokio::join!(draining, asking) }).await;
}

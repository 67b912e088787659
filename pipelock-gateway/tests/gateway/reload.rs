//! What a changed configuration means for connections that are open.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::{NAME, PrivateRoot, Rig, Upstream, ask, get, message, within};

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
async fn only_connections_that_were_cut_are_counted_as_cut() {
    let upstream = Upstream::answering(|mut stream| async move {
        while let Some(request) = message(&mut stream).await {
            // `/slow` is answered in part.
            let answer = if request.starts_with("GET /slow ") {
                "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\nok"
            } else {
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let rig = Rig::in_front_of("", PrivateRoot::new(), upstream);
    let (mut idle, mut busy) =
        (TcpStream::connect(rig.listener).await.unwrap(), TcpStream::connect(rig.listener).await.unwrap());
    assert!(ask(&mut idle, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200"));
    busy.write_all(get(NAME).replacen("GET /", "GET /slow", 1).as_bytes()).await.unwrap();
    let mut begun = Vec::new();
    while !begun.ends_with(b"\r\n\r\nok") {
        assert_ne!(within(busy.read_buf(&mut begun)).await.unwrap(), 0);
    }
    rig.reconfigure("mode: strict\napi_allowlist: [other.example.test]\n");
    let mut rest = Vec::new();
    let _ = within(busy.read_to_end(&mut rest)).await;
    let told = ask(&mut idle, &get(NAME)).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 403"), "an idle one goes on, and its next request is told: {told}");
    let counted = async {
        while rig.metric("pipelock_policy_cut_total").as_deref() != Some("1") {
            tokio::task::yield_now().await;
        }
    };
    within(counted).await;
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

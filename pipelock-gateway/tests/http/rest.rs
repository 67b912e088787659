//! Idle connections give their buffers back, and nobody notices.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::{Rig, Setup, within};

const GET: &str = "GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A connection that rests at the first opportunity.
async fn start(idle: Duration) -> Rig {
    let setup = Setup::http1().limits(|limits| {
        limits.rest = Duration::from_millis(1);
        limits.idle = idle;
    });
    setup.start().await
}

async fn exchange(rig: &mut Rig) {
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;
}

/// Long enough to come to rest; what must hold does not hang on it.
async fn pause() {
    #[expect(clippy::disallowed_methods, reason = "nobody tells that a connection came to rest")]
    tokio::time::sleep(Duration::from_millis(15)).await;
}

#[tokio::test]
async fn requests_with_pauses_between_them_are_served() {
    let mut rig = start(Duration::from_secs(75)).await;
    for _ in 0..20 {
        pause().await;
        exchange(&mut rig).await;
    }
    // In pieces, with a pause in the head, in the body, and before the answer.
    let post = "POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 10\r\n\r\n";
    for piece in [&post[..1], &post[1..30], &post[30..], "first", "later"] {
        rig.send(piece).await;
        pause().await;
    }
    rig.upstream_gets(format!("{post}firstlater")).await;
    pause().await;
    for piece in [&OK[..10], &OK[10..]] {
        rig.respond(piece).await;
        pause().await;
    }
    rig.client_gets(OK).await;
    let closed = rig.close().await;
    assert_eq!(closed.upstream_got, b"");
    assert_eq!(closed.served.unwrap().requests, 21);
}

#[tokio::test]
async fn a_connection_at_rest_follows_its_upstream() {
    let mut rig = start(Duration::from_secs(75)).await;
    exchange(&mut rig).await;
    pause().await;
    rig.upstream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    within(rig.client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"");
    within(rig.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_at_rest_ends_when_it_was_idle_for_too_long() {
    let mut rig = start(Duration::from_millis(50)).await;
    exchange(&mut rig).await;
    let mut rest = Vec::new();
    within(rig.client.read_to_end(&mut rest)).await.unwrap();
    let mut rest = Vec::new();
    within(rig.upstream.read_to_end(&mut rest)).await.unwrap();
    within(rig.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_at_rest_is_drained_at_once() {
    let mut rig = start(Duration::from_secs(75)).await;
    exchange(&mut rig).await;
    pause().await;
    rig.shutdown.cancel();
    let mut rest = Vec::new();
    within(rig.client.read_to_end(&mut rest)).await.unwrap();
    within(rig.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_that_begins_at_rest_must_still_arrive_promptly() {
    let setup = Setup::http1().limits(|limits| {
        limits.rest = Duration::from_millis(1);
        limits.head = Duration::from_millis(50);
    });
    let mut rig = setup.start().await;
    pause().await;
    rig.send("GET / HTTP/1.1\r\nHos").await;
    let mut rest = Vec::new();
    let _ = within(rig.client.read_to_end(&mut rest)).await;
    assert_eq!(rig.close().await.upstream_got, b"");
}

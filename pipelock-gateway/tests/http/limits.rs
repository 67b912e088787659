//! Bounds: sizes, budgets, deadlines.

use std::time::Duration;

use pipelock_gateway::http::BodyBudget;
use pipelock_gateway::model::{Action, BlockReason, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::{MARKER, Setup, within};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LARGE: usize = 8 << 20;

fn large_post() -> Vec<u8> {
    let mut request =
        format!("POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: {LARGE}\r\n\r\n").into_bytes();
    request.resize(request.len() + LARGE, b'x');
    request
}

fn large_chunked() -> Vec<u8> {
    let mut request = b"POST / HTTP/1.1\r\nHost: api.example.test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
    for _ in 0..LARGE / 0x10000 {
        request.extend_from_slice(&chunk);
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

#[tokio::test]
async fn a_body_too_large_is_answered_while_it_is_still_being_sent() {
    for request in [large_post(), large_chunked()] {
        let mut rig = Setup::http1().limits(|limits| limits.max_streamed_bytes = 0).start().await;
        // Like Net::HTTP: write everything, then read. A reset instead of an answer would fail here.
        rig.send(&request).await;
        let answer = rig.client_answer().await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("x-pipelock-blocked: body_too_large\r\n"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::BodyTooLarge));
        assert_eq!(rig.close().await.upstream_got, b"");
    }
}

#[tokio::test]
async fn a_body_too_large_streams_through_in_audit() {
    for request in [large_post(), large_chunked()] {
        let mut rig = Setup::http1().limits(|limits| limits.max_streamed_bytes = 0).audit().start().await;
        let (mut read_half, mut write_half) = rig.client.split();
        let mut got = Vec::new();
        let sending = write_half.write_all(&request);
        let receiving = async {
            while !(got.ends_with(b"\r\n0\r\n\r\n") || got.len() == request.len()) {
                rig.upstream.read_buf(&mut got).await?;
            }
            std::io::Result::Ok(())
        };
        let (sent, received) = within(async { tokio::join!(sending, receiving) }).await;
        sent.unwrap();
        received.unwrap();
        let head = got.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let bytes = memchr::memchr_iter(b'x', &got[head..]).count();
        assert_eq!(bytes, LARGE, "every byte arrives");
        rig.upstream.write_all(OK.as_bytes()).await.unwrap();
        let mut answer = vec![0; OK.len()];
        within(read_half.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, OK.as_bytes());
        let record = rig.record().await;
        assert_eq!((record.verdict.action, record.request_bytes), (Action::Warn, LARGE as u64));
    }
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_held_and_arrives() {
    let size = 5 << 20;
    let mut request =
        format!("POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: {size}\r\n\r\n").into_bytes();
    request.resize(request.len() + size, b'x');
    let mut rig = Setup::http1().start().await;
    rig.send(&request).await;
    let mut got = vec![0; request.len()];
    within(rig.upstream.read_exact(&mut got)).await.unwrap();
    assert!(got == request, "the largest body arrives byte-identical");
}

#[tokio::test]
async fn a_spent_budget_is_told_as_overload() {
    let budget = BodyBudget::new(4096);
    let setup = || {
        let mut setup = Setup::http1().limits(|limits| limits.budget_patience = Duration::from_millis(50));
        setup.budget = budget.clone();
        setup
    };
    let part = "POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 8\r\n\r\nhalf";
    let mut holder = setup().start().await;
    holder.send(part).await;
    holder.pushed().await;

    let mut late = setup().start().await;
    late.send(part).await;
    let answer = late.client_answer().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(late.close().await.upstream_got, b"");

    // What was held is given back once it has left.
    holder.send("half").await;
    holder.upstream_gets(format!("{part}half")).await;
    let mut third = setup().start().await;
    third.send(format!("{part}half")).await;
    third.upstream_gets(format!("{part}half")).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let mut rig = Setup::http1().limits(|limits| limits.head = Duration::from_millis(50)).start().await;
    rig.send("GET / HTTP/1.1\r\nHost: api.exa").await;
    let mut rest = Vec::new();
    let _ = within(rig.client.read_to_end(&mut rest)).await;
    assert_eq!(rig.close().await.upstream_got, b"");
}

#[tokio::test]
async fn an_idle_connection_may_wait_longer_than_a_head() {
    let limits = |limits: &mut pipelock_gateway::http::Limits| {
        limits.head = Duration::from_millis(1);
        limits.idle = Duration::from_millis(300);
    };
    let mut rig = Setup::http1().limits(limits).start().await;
    let request = "GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n";
    rig.send(request).await;
    rig.upstream_gets(request).await;
    // Longer than a head may take: the clock of the first head must not run on.
    tokio::time::timeout(Duration::from_millis(100), rig.upstream.read_u8()).await.unwrap_err();
    rig.respond(OK).await;
    rig.client_gets(OK).await;
    tokio::time::timeout(Duration::from_millis(100), rig.client.read_u8()).await.expect_err("still open");
    rig.send(request).await;
    rig.upstream_gets(request).await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;
    let mut rest = Vec::new();
    within(rig.client.read_to_end(&mut rest)).await.unwrap();
    assert!(within(rig.served).await.unwrap().is_ok(), "idleness is an orderly end");
}

#[tokio::test]
async fn a_body_that_stalls_is_cut_off() {
    let mut rig = Setup::http1().limits(|limits| limits.body_idle = Duration::from_millis(50)).start().await;
    rig.send("POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 8\r\n\r\nhalf").await;
    let mut rest = Vec::new();
    let _ = within(rig.client.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
    let closed = rig.close().await;
    assert_eq!(closed.upstream_got, b"");
    assert_eq!(closed.records.len(), 1);
}

#[tokio::test]
async fn a_head_too_large_is_refused_and_recorded() {
    for (why, head) in [
        ("bytes", format!("GET / HTTP/1.1\r\nHost: api.example.test\r\nX: {}\r\n\r\n", "x".repeat(70_000))),
        ("fields", format!("GET / HTTP/1.1\r\nHost: api.example.test\r\n{}\r\n", "X: y\r\n".repeat(200))),
    ] {
        let mut rig = Setup::http1().start().await;
        rig.send(head).await;
        let answer = rig.client_answer().await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{why}: {answer}");
        let closed = rig.close().await;
        assert_eq!(closed.records[0].status, Some(431), "{why}");
        assert_eq!(closed.upstream_got, b"");
    }
}

#[tokio::test]
async fn a_bomb_is_undecodable() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; 60 << 20]).unwrap();
    encoder.write_all(MARKER.as_bytes()).unwrap();
    let bomb = encoder.finish().unwrap();
    let mut rig = Setup::http1().start().await;
    rig.send(format!(
        "POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    ))
    .await;
    rig.send(&bomb).await;
    let answer = rig.client_answer().await;
    assert!(answer.contains("x-pipelock-blocked: decode_limit\r\n"), "{answer}");
    assert!(rig.shown().len() < 10 << 20, "not unpacked to its end");
}

#[tokio::test]
async fn the_future_of_a_connection_stays_small() {
    // One of these exists for every intercepted connection; growth here is memory times ten thousand.
    for setup in [Setup::http1(), Setup::http2()] {
        let rig = setup.start().await;
        assert!(rig.future_bytes <= 4 * 1024, "{} bytes", rig.future_bytes);
    }
}

/// Sends a request while the upstream is read to the end of what reaches it.
async fn upload(rig: &mut crate::rig::Rig, request: &[u8]) -> Vec<u8> {
    let (client, upstream) = (&mut rig.client, &mut rig.upstream);
    let mut got = Vec::new();
    let receiving = async {
        while !(got.ends_with(b"\r\n0\r\n\r\n") || got.len() == request.len()) && upstream.read_buf(&mut got).await? > 0
        {
        }
        std::io::Result::Ok(())
    };
    // Where it is stopped both may fail.
    let _ = within(async { tokio::join!(client.write_all(request), receiving) }).await;
    got
}

#[tokio::test]
async fn a_body_larger_than_is_held_passes_judged() {
    for request in [large_post(), large_chunked()] {
        let mut rig = Setup::http1().start().await;
        let got = upload(&mut rig, &request).await;
        let head = got.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        assert_eq!(memchr::memchr_iter(b'x', &got[head..]).count(), LARGE, "every byte arrives");
        rig.respond(OK).await;
        rig.client_gets(OK).await;
        let record = rig.record().await;
        assert_eq!((record.verdict.action, record.request_bytes), (Action::Allow, LARGE as u64));
        assert_eq!(rig.shown().len(), LARGE, "all of it was shown to the judge");
    }
}

#[tokio::test]
async fn a_secret_at_the_end_of_a_large_body_never_arrives_and_the_request_never_ends() {
    for mut request in [large_post(), large_chunked()] {
        // The last bytes of the body, whatever the framing.
        let end = request.len() - if request.ends_with(b"0\r\n\r\n") { 7 } else { 0 };
        request[end - MARKER.len()..end].copy_from_slice(MARKER.as_bytes());
        let mut rig = Setup::http1().start().await;
        let got = upload(&mut rig, &request).await;
        assert!(got.len() < request.len() && !got.ends_with(b"0\r\n\r\n"), "incomplete: {}", got.len());
        assert!(memchr::memmem::find(&got, &MARKER.as_bytes()[..3]).is_none(), "nothing of the secret");
        let answer = rig.client_answer().await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::Secret));
    }
}

#[tokio::test]
async fn the_answer_to_a_large_body_is_judged_too() {
    let mut rig = Setup::http1().start().await;
    upload(&mut rig, &large_post()).await;
    let body = format!("please {MARKER}");
    rig.respond(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        .await;
    assert!(rig.client_answer().await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn a_body_that_outgrows_what_may_stream_is_broken_off() {
    let mut rig = Setup::http1().limits(|limits| limits.max_streamed_bytes = 6 << 20).start().await;
    let got = upload(&mut rig, &large_chunked()).await;
    assert!(!got.ends_with(b"0\r\n\r\n"), "the upstream never sees its end");
    let answer = rig.client_answer().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_large_body_that_stalls_on_its_way_is_given_up() {
    let mut rig = Setup::http1().limits(|limits| limits.body_idle = Duration::from_millis(100)).start().await;
    let request = large_post();
    let got = upload(&mut rig, &request[..request.len() - 1000]).await;
    assert!(got.len() < request.len());
    assert!(within(rig.served).await.unwrap().is_err());
}

#[tokio::test]
async fn a_streamed_upload_that_stalls_is_the_workloads_doing() {
    let setup = Setup::http1().limits(|limits| {
        limits.max_body_bytes = 1024;
        limits.body_idle = Duration::from_millis(100);
    });
    let mut rig = setup.start().await;
    rig.send("POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 90000\r\n\r\n").await;
    rig.send(vec![b'x'; 50_000]).await;
    let mut rest = Vec::new();
    let _ = within(rig.client.read_to_end(&mut rest)).await;
    let ended = within(rig.served).await.unwrap();
    assert_eq!(ended.unwrap_err().side(), Side::Downstream);
}

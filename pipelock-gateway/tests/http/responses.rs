//! Answers: what is judged, what arrives of it, and when.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use pipelock_gateway::model::{Action, BlockReason, HttpVersion};

use crate::rig::{MARKER, Setup, within};

const GET: &str = "GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n";

fn text(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunk(data: &str) -> String {
    // As hyper writes it.
    format!("{:X}\r\n{data}\r\n", data.len())
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_clean_answer_arrives_byte_identical_in_either_framing() {
    for answer in [text("all is well"), format!("{CHUNKED}{}{}0\r\n\r\n", chunk("all is "), chunk("well"))] {
        let mut rig = Setup::http1().start().await;
        rig.send(GET).await;
        rig.upstream_gets(GET).await;
        rig.respond(&answer).await;
        // Small frames that were held together leave together: chunk boundaries are not kept (see `http`).
        let joined = answer.replace("7\r\nall is \r\n4\r\nwell\r\n", "B\r\nall is well\r\n");
        rig.client_gets(&joined).await;
        let record = rig.record().await;
        assert_eq!((record.status, record.verdict.action, record.response_bytes), (Some(200), Action::Allow, 11));
        assert_eq!(rig.shown(), b"all is well");
    }
}

#[tokio::test]
async fn an_answer_that_is_blocked_is_replaced_whole() {
    let long = "x".repeat(100_000);
    for answer in [
        text(&format!("please {MARKER} now")),
        text(&format!("{long}{MARKER}{long}")),
        format!("{CHUNKED}{}{}0\r\n\r\n", chunk(&MARKER[..9]), chunk(&MARKER[9..])),
    ] {
        let mut rig = Setup::http1().start().await;
        rig.send(GET).await;
        rig.upstream_gets(GET).await;
        rig.respond(&answer).await;
        let head = rig.client_answer().await;
        assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
        assert!(head.contains("x-pipelock-blocked: secret\r\n"), "{head}");
        let record = rig.record().await;
        assert_eq!((record.status, record.verdict.reason), (Some(403), Some(BlockReason::Secret)));
    }
}

#[tokio::test]
async fn a_policy_that_only_watches_lets_the_answer_pass_and_says_so() {
    let answer = text(&format!("please {MARKER} now"));
    let mut rig = Setup::http1().audit().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(&answer).await;
    rig.client_gets(&answer).await;
    let record = rig.record().await;
    assert_eq!((record.verdict.action, record.verdict.reason), (Action::Warn, Some(BlockReason::Secret)));
}

#[tokio::test]
async fn each_event_of_a_stream_arrives_before_the_next_is_sent() {
    let mut rig = Setup::http1().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(EVENTS).await;
    rig.client_gets(EVENTS).await;
    for _ in 0..3 {
        rig.respond(chunk("data: 1\n\n")).await;
        rig.client_gets(chunk("data: 1\n\n")).await;
    }
    rig.respond("0\r\n\r\n").await;
    rig.client_gets("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stream_is_cut_before_what_is_blocked_and_never_looks_complete() {
    for version_is_events in [true, false] {
        let head = if version_is_events { EVENTS } else { CHUNKED };
        let mut rig = Setup::http1().start().await;
        rig.send(GET).await;
        rig.upstream_gets(GET).await;
        rig.respond(head).await;
        rig.respond(chunk("data: first\n\n")).await;
        rig.client_gets(head).await;
        rig.client_gets(chunk("data: first\n\n")).await;
        rig.respond(chunk(&format!("data: {}", &MARKER[..8]))).await;
        rig.respond(chunk(&MARKER[8..])).await;
        let mut rest = Vec::new();
        // An end without the last chunk; whether it is a reset or a close is the system's business.
        let _ = within(tokio::io::AsyncReadExt::read_to_end(&mut rig.client, &mut rest)).await;
        let rest = String::from_utf8_lossy(&rest);
        assert!(!rest.contains(&MARKER[..1]) && !rest.contains("0\r\n\r\n"), "{rest:?}");
        assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::Secret));
    }
}

#[tokio::test]
async fn what_no_model_reads_is_relayed_unseen() {
    for (kind, method) in [("image/png", "GET"), ("text/plain", "HEAD")] {
        let request = format!("{method} / HTTP/1.1\r\nHost: api.example.test\r\n\r\n");
        let body = if method == "HEAD" { "" } else { MARKER };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 17\r\n\r\n{body}");
        let mut rig = Setup::http1().start().await;
        rig.send(&request).await;
        rig.upstream_gets(&request).await;
        rig.respond(&answer).await;
        rig.client_gets(&answer).await;
        assert_eq!(rig.record().await.verdict.action, Action::Allow);
        assert_eq!(rig.shown(), b"");
    }
}

#[tokio::test]
async fn codings_are_undone_for_the_judge_and_kept_for_the_client() {
    let coded = |coding: &str, body: &str| -> Vec<u8> {
        match coding {
            "gzip" => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body.as_bytes()).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(body.as_bytes(), 3).unwrap(),
        }
    };
    for coding in ["gzip", "zstd"] {
        for (body, passes) in [("all is well".to_owned(), true), (format!("please {MARKER} now"), false)] {
            let body = coded(coding, &body);
            let mut answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            answer.extend_from_slice(&body);
            let mut rig = Setup::http1().start().await;
            rig.send(GET).await;
            rig.upstream_gets(GET).await;
            rig.respond(&answer).await;
            if passes {
                rig.client_gets(&answer).await;
            } else {
                assert!(rig.client_answer().await.starts_with("HTTP/1.1 403"), "{coding}");
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_coding_is_not_passed_on_unseen() {
    let mut rig = Setup::http1().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: compress\r\nContent-Length: 1\r\n\r\nx",
    )
    .await;
    let head = rig.client_answer().await;
    assert!(head.contains("x-pipelock-blocked: coding_unknown\r\n"), "{head}");
}

#[tokio::test]
async fn an_answer_cut_short_by_its_upstream_stays_cut_short() {
    let mut rig = Setup::http1().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n\r\nonly this much").await;
    within(tokio::io::AsyncWriteExt::shutdown(&mut rig.upstream)).await.unwrap();
    let mut got = Vec::new();
    let _ = within(tokio::io::AsyncReadExt::read_to_end(&mut rig.client, &mut got)).await;
    let got = String::from_utf8(got).unwrap();
    assert!(got.is_empty() || got.contains("Content-Length: 50\r\n"), "{got}");
    assert!(!got.contains("this much"), "the end was never judged: {got}");
}

#[tokio::test]
async fn on_http2_a_blocked_answer_is_replaced_as_well() {
    let rig = Setup { version: HttpVersion::Http2, ..Setup::http1() }.start().await;
    let (mut client, connection) = h2::client::handshake(rig.client).await.unwrap();
    tokio::spawn(connection);
    let mut upstream = h2::server::handshake(rig.upstream).await.unwrap();
    let request = http::Request::get("https://api.example.test/").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let (_, mut respond) = within(upstream.accept()).await.unwrap().unwrap();
    let head = http::Response::builder().header("content-type", "text/plain").body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    stream.send_data(format!("please {MARKER}").into(), true).unwrap();
    tokio::spawn(async move { while upstream.accept().await.is_some() {} });
    let response = within(response).await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["x-pipelock-blocked"], "secret");
}

#[tokio::test]
async fn an_answer_that_stalls_arrives_as_far_as_it_goes() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n";
    let mut rig = Setup::http1().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    // The upstream says no more until the workload has seen this.
    rig.respond(format!("{head}a first line\n")).await;
    rig.client_gets(format!("{head}a first line\n")).await;
    rig.respond("x".repeat(5000 - 13)).await;
    rig.client_gets("x".repeat(5000 - 13)).await;
    assert_eq!(rig.record().await.verdict.action, Action::Allow);
}

/// The head of a stream of events in a provider's dialect.
fn provider(dialect: &str) -> String {
    EVENTS.replacen("\r\n\r\n", &format!("\r\nX-Dialect: {dialect}\r\n\r\n"), 1)
}

#[tokio::test]
async fn a_providers_stream_leaves_event_by_event_and_keep_alives_at_once() {
    let head = provider("openai");
    let mut rig = Setup::http1().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(&head).await;
    rig.client_gets(&head).await;
    for (sent, seen) in [
        ("data: 1\n\n", "data: 1\n\n"),
        (": keep-alive\n\n", ": keep-alive\n\n"),
        ("data: 2\r\n\r\ndata: th", "data: 2\r\n\r\n"),
        // Original bytes, in the pieces they came in.
        ("ree\r\r", "data: th|ree\r\r"),
    ] {
        rig.respond(chunk(sent)).await;
        for piece in seen.split_inclusive('|') {
            rig.client_gets(chunk(piece.trim_end_matches('|'))).await;
        }
    }
    rig.respond("0\r\n\r\n").await;
    rig.client_gets("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stopped_stream_of_a_provider_ends_with_its_error_event() {
    for (dialect, begins) in [("openai", "data: {\"error\":{"), ("anthropic", "event: error\ndata: {\"error\":{")] {
        let head = provider(dialect);
        let mut rig = Setup::http1().start().await;
        rig.send(GET).await;
        rig.upstream_gets(GET).await;
        rig.respond(&head).await;
        rig.respond(chunk("data: first\n\n")).await;
        rig.client_gets(&head).await;
        rig.client_gets(chunk("data: first\n\n")).await;
        // An event that is complete behind the last one goes with it; the one that is stopped does not.
        rig.respond(chunk(&format!("data: {MARKER}\n\n"))).await;
        let mut rest = Vec::new();
        within(async {
            while !rest.ends_with(b"0\r\n\r\n") {
                rest.push(tokio::io::AsyncReadExt::read_u8(&mut rig.client).await.unwrap());
            }
        })
        .await;
        let rest = String::from_utf8(rest).unwrap();
        let (_, event) = rest.split_once("\r\n").unwrap();
        assert!(event.starts_with(begins) && event.contains("\"code\":\"secret\""), "{event}");
        assert!(event.ends_with("\n\n\r\n0\r\n\r\n") && !event.contains(MARKER), "a clean end: {event}");
        let record = rig.record().await;
        assert_eq!((record.status, record.verdict.reason), (Some(200), Some(BlockReason::Secret)));
    }
}

#[tokio::test]
async fn a_providers_stream_of_known_length_can_still_be_stopped() {
    let head = provider("openai").replace("Transfer-Encoding: chunked", "Content-Length: 100");
    let mut rig = Setup::http1().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(head).await;
    rig.respond(format!("data: {MARKER}\n\n")).await;
    let head = rig.client_head().await;
    assert!(!head.to_lowercase().contains("content-length") && head.contains("transfer-encoding: chunked"), "{head}");
}

//! HTTP/1.1: what passes is unchanged, what is blocked never arrives.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use pipelock_gateway::http::{Error, Io};
use pipelock_gateway::model::{Action, BlockReason, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::rig::{MARKER, Setup, pair, within};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn post(body: &str) -> String {
    format!("POST /v1 HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunked(chunks: &[&str]) -> String {
    let mut body = String::new();
    for chunk in chunks {
        write!(body, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
    }
    format!("POST /v1 HTTP/1.1\r\nHost: api.example.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n")
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_clean_request_arrives_byte_identical() {
    for request in [
        "GET /a%2fb?x=%20&y=+ HTTP/1.1\r\nhOsT: api.example.test\r\nX-Zed: 1\r\nacCept: */*\r\nA: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: API.example.test:443\r\nCookie: a=1\r\nCookie: b=2\r\nAuthorization: Bearer t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.test\r\nConnection: keep-alive\r\nKeep-Alive: 30\r\n\r\n",
        "GET /with-body HTTP/1.1\r\nContent-Length: 4\r\nHost: api.example.test\r\n\r\nbody",
        "POST /v1 HTTP/1.1\r\nHost: api.example.test\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"clean\":true}"
            .trim_end_matches('}'),
        "POST /empty HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 0\r\n\r\n",
        "POST /none HTTP/1.1\r\nHost: api.example.test\r\n\r\n",
        "PUT /chunks HTTP/1.1\r\nHost: api.example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "PUT /no-chunks HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: api.example.test\r\n\r\n0\r\n\r\n",
        "PUT /trailers HTTP/1.1\r\nHost: api.example.test\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: api.example.test\r\n\r\n",
        "PROPFIND /x HTTP/1.1\r\nHost: api.example.test\r\nDepth: 1\r\n\r\n",
    ] {
        let mut rig = Setup::http1().start().await;
        rig.send(request).await;
        rig.upstream_gets(request).await;
        rig.respond(OK).await;
        rig.client_gets(OK).await;
        let record = rig.record().await;
        assert_eq!((record.status, record.verdict.action), (Some(200), Action::Allow), "{request}");
        let closed = rig.close().await;
        assert_eq!(closed.upstream_got, b"", "nothing is added to {request}");
        assert_eq!(closed.served.unwrap().requests, 1);
    }
}

#[tokio::test]
async fn a_response_arrives_byte_identical() {
    for (method, response) in [
        ("GET", "HTTP/1.1 200 Sure Thing\r\nSeT-cOOkie: a=1\r\nSet-Cookie: b=2\r\nX: y\r\nContent-Length: 2\r\n\r\nok"),
        ("GET", "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngone\r\n0\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n"),
        ("POST", "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: x\r\nContent-Length: 0\r\n\r\n"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n",
        ),
    ] {
        let mut rig = Setup::http1().start().await;
        let request =
            format!("{method} / HTTP/1.1\r\nHost: api.example.test\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
        rig.send(&request).await;
        rig.upstream_gets(&request).await;
        rig.respond(response).await;
        rig.client_gets(response).await;
        // The connection is still good for another exchange, and nothing was added behind the first response.
        rig.send(post("x")).await;
        rig.upstream_gets(post("x")).await;
        rig.respond(OK).await;
        rig.client_gets(OK).await;
        assert_eq!(rig.close().await.records.len(), 2, "{response}");
    }
}

#[tokio::test]
async fn a_response_streams_frame_by_frame() {
    let mut rig = Setup::http1().start().await;
    rig.send("GET /events HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await;
    rig.upstream_gets("GET /events HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await;
    rig.respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n").await;
    rig.client_gets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n").await;
    // Each event must arrive before the next one is sent.
    for _ in 0..3 {
        rig.respond("9\r\ndata: 1\n\n\r\n").await;
        rig.client_gets("9\r\ndata: 1\n\n\r\n").await;
    }
    rig.respond("0\r\n\r\n").await;
    rig.client_gets("0\r\n\r\n").await;
    assert_eq!(rig.record().await.response_bytes, 27);
}

#[tokio::test]
async fn a_blocked_request_never_arrives_not_even_its_head() {
    let in_trailer = format!(
        "POST / HTTP/1.1\r\nHost: api.example.test\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nok\r\n0\r\nx: {MARKER}\r\n\r\n"
    );
    let in_header = format!("GET / HTTP/1.1\r\nHost: api.example.test\r\nX-Key: {MARKER}\r\n\r\n");
    let in_target = format!("GET /{MARKER}?a HTTP/1.1\r\nHost: api.example.test\r\n\r\n");
    for (request, closes) in [
        (post(&format!("key={MARKER}")), false),
        (chunked(&["key=", MARKER, "&more=1"]), true),
        (in_trailer, false),
        (in_header, false),
        (in_target, false),
    ] {
        let mut rig = Setup::http1().start().await;
        rig.send(&request).await;
        let answer = rig.client_answer().await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{request}: {answer}");
        assert!(answer.contains("x-pipelock-blocked: secret\r\n"), "{answer}");
        assert!(answer.contains("x-pipelock-request-id: 0000beef-c7-1\r\n"), "{answer}");
        assert!(!closes || answer.contains("connection: close\r\n"), "{answer}");
        let record = rig.record().await;
        assert_eq!((record.status, record.verdict.action), (Some(403), Action::Block));
        assert_eq!(record.verdict.reason, Some(BlockReason::Secret));
        assert!(!record.path.contains(MARKER), "a record holds no secret");
        let closed = rig.close().await;
        assert_eq!(String::from_utf8_lossy(&closed.upstream_got), "", "{request}");
        assert_eq!(closed.served.unwrap().blocked, 1);
    }
}

#[tokio::test]
async fn a_secret_split_over_segments_is_stopped() {
    let request = post(&format!("key={MARKER}"));
    let (first, second) = request.split_at(request.len() - 5);
    let mut rig = Setup::http1().start().await;
    rig.send(first).await;
    assert_eq!(rig.pushed().await, first.split("\r\n\r\n").nth(1).unwrap().as_bytes());
    rig.send(second).await;
    assert!(rig.client_answer().await.starts_with("HTTP/1.1 403 "));
    assert_eq!(rig.close().await.upstream_got, b"");
}

#[tokio::test]
async fn a_secret_split_over_chunks_is_stopped() {
    let (one, two) = MARKER.split_at(6);
    let mut rig = Setup::http1().start().await;
    rig.send(chunked(&["a=", one, two])).await;
    assert!(rig.client_answer().await.starts_with("HTTP/1.1 403 "));
    assert_eq!(rig.close().await.upstream_got, b"");
}

#[tokio::test]
async fn a_compressed_body_is_judged_decoded_and_forwarded_unchanged() {
    for (body, blocked) in [(gzip(b"clean and clear"), false), (gzip(MARKER.as_bytes()), true)] {
        let mut request = format!(
            "POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend(&body);
        let mut rig = Setup::http1().start().await;
        rig.send(&request).await;
        if blocked {
            assert!(rig.client_answer().await.starts_with("HTTP/1.1 403 "));
            assert_eq!(rig.close().await.upstream_got, b"");
        } else {
            let mut got = vec![0; request.len()];
            within(rig.upstream.read_exact(&mut got)).await.unwrap();
            assert_eq!(got, request);
            assert_eq!(rig.shown(), b"clean and clear");
        }
    }
}

#[tokio::test]
async fn an_undecodable_body_is_blocked_and_passes_in_audit() {
    let (unknown, broken) = (BlockReason::CodingUnknown, BlockReason::BodyUndecodable);
    for (coding, reason) in [("br", unknown), ("gzip, gzip, gzip", unknown), ("zstd", broken), ("gzip", broken)] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Encoding: {coding}\r\nContent-Length: 4\r\n\r\nbody"
        );
        let mut rig = Setup::http1().start().await;
        rig.send(&request).await;
        let answer = rig.client_answer().await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains(&format!("x-pipelock-blocked: {}\r\n", reason.as_str())), "{answer}");
        assert_eq!(rig.close().await.upstream_got, b"");

        let mut rig = Setup::http1().audit().start().await;
        rig.send(&request).await;
        rig.upstream_gets(&request).await;
        rig.respond(OK).await;
        rig.client_gets(OK).await;
        let record = rig.record().await;
        assert_eq!(record.verdict.reason, Some(reason));
        assert_eq!((record.verdict.action, record.request_bytes), (Action::Warn, 4));
    }
}

#[tokio::test]
async fn a_found_secret_passes_in_audit_and_is_recorded() {
    let request = post(MARKER);
    let mut rig = Setup::http1().audit().start().await;
    rig.send(&request).await;
    rig.upstream_gets(&request).await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;
    let record = rig.record().await;
    assert_eq!((record.verdict.action, record.verdict.findings.len()), (Action::Warn, 1));
}

#[tokio::test]
async fn a_connection_serves_many_requests_also_pipelined() {
    let mut rig = Setup::http1().start().await;
    for turn in 0..3 {
        rig.send(post(&turn.to_string())).await;
        rig.upstream_gets(post(&turn.to_string())).await;
        rig.respond(OK).await;
        rig.client_gets(OK).await;
    }
    rig.send([post("a"), post("b")].concat()).await;
    for body in ["a", "b"] {
        rig.upstream_gets(post(body)).await;
        rig.respond(OK).await;
        rig.client_gets(OK).await;
    }
    let closed = rig.close().await;
    let ids: Vec<_> = closed.records.iter().map(|record| record.id.sequence).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    assert_eq!(closed.served.unwrap().requests, 5);
}

#[tokio::test]
async fn a_blocked_request_does_not_end_a_connection_whose_body_was_read() {
    let mut rig = Setup::http1().start().await;
    rig.send(post(MARKER)).await;
    let answer = rig.client_answer().await;
    assert!(!answer.contains("connection: close"), "{answer}");
    rig.send(post("clean")).await;
    rig.upstream_gets(post("clean")).await;
}

#[tokio::test]
async fn a_request_sent_byte_by_byte_arrives_whole() {
    let request = chunked(&["slow", "and", "steady"]);
    let mut rig = Setup::http1().start().await;
    for byte in request.as_bytes() {
        rig.send([*byte]).await;
    }
    // Small chunks are joined: the bytes of the body are the same, their boundaries are not.
    let joined = chunked(&["slowandsteady"]).replace("d\r\nslow", "D\r\nslow");
    rig.upstream_gets(joined).await;
}

#[tokio::test]
async fn expect_is_answered_here_and_not_passed_on() {
    let head = "POST / HTTP/1.1\r\nHost: api.example.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let mut rig = Setup::http1().start().await;
    rig.send(head).await;
    rig.client_gets("HTTP/1.1 100 Continue\r\n\r\n").await;
    rig.send("body").await;
    rig.upstream_gets("POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 4\r\n\r\nbody").await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;

    // Refused by its head alone: no 100, the body is never asked for.
    let mut rig = Setup::http1().start().await;
    rig.send(head.replace("\r\n\r\n", &format!("\r\nX-Key: {MARKER}\r\n\r\n"))).await;
    assert!(rig.client_answer().await.starts_with("HTTP/1.1 403 "));
    assert_eq!(rig.close().await.upstream_got, b"");
}

#[tokio::test]
async fn a_request_for_another_name_is_misdirected() {
    for host in ["evil.example.test", "api.example.test:8080", "203.0.113.10", "api.example.test.evil.test"] {
        let mut rig = Setup::http1().start().await;
        rig.send(format!("GET /unjudged HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let answer = rig.client_answer().await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{host}: {answer}");
        let record = rig.record().await;
        // Nobody has looked at this request line, so nobody knows whether it may be written down.
        assert_eq!((record.method.as_str(), record.path.as_str()), ("<redacted>", "/<redacted>"));
        assert_eq!(record.verdict.reason, Some(BlockReason::AuthorityMismatch));
        assert_eq!(record.host, host);
        assert_eq!(rig.close().await.upstream_got, b"", "{host}");
    }
    let mut unnamed = Setup::http1();
    unnamed.name = None;
    let mut rig = unnamed.start().await;
    rig.send("GET / HTTP/1.1\r\nHost: anything.test\r\n\r\n").await;
    rig.upstream_gets("GET / HTTP/1.1\r\nHost: anything.test\r\n\r\n").await;
}

#[tokio::test]
async fn an_upstream_that_closes_without_an_answer_is_mirrored() {
    let mut rig = Setup::http1().start().await;
    rig.send(post("x")).await;
    rig.upstream_gets(post("x")).await;
    rig.upstream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    within(rig.client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"", "no answer is made up");
    let closed = rig.close().await;
    assert_eq!(closed.served.unwrap_err().side(), Side::Upstream);
    assert_eq!(closed.records.len(), 1);
    assert_eq!(closed.records[0].status, None);
}

#[tokio::test]
async fn a_response_cut_short_never_looks_complete() {
    for (response, seen) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        ),
    ] {
        let mut rig = Setup::http1().start().await;
        rig.send(post("x")).await;
        rig.upstream_gets(post("x")).await;
        rig.respond(response).await;
        rig.client_gets(seen).await;
        rig.upstream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = within(rig.client.read_to_end(&mut rest)).await;
        assert_eq!(rest, b"", "no final chunk, no filling up");
        assert_eq!(rig.record().await.response_bytes, 5);
    }
}

#[tokio::test]
async fn nonsense_from_the_upstream_is_a_bad_gateway() {
    let mut rig = Setup::http1().start().await;
    rig.send(post("x")).await;
    rig.upstream_gets(post("x")).await;
    rig.respond("SSH-2.0-nonsense\r\n\r\n").await;
    let answer = rig.client_answer().await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("x-pipelock-blocked: upstream_unavailable\r\n"), "{answer}");
}

#[tokio::test]
async fn an_idle_upstream_that_closes_takes_the_workload_along() {
    let mut rig = Setup::http1().start().await;
    rig.send(post("x")).await;
    rig.upstream_gets(post("x")).await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;
    rig.upstream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    within(rig.client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"");
    assert!(within(rig.served).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_request_held_while_the_upstream_closed_is_sent_on_a_new_connection() {
    let (dialled_in, mut dialled) = mpsc::unbounded_channel();
    let mut setup = Setup::http1();
    setup.redial = Some(Arc::new(move || {
        let dialled_in = dialled_in.clone();
        Box::pin(async move {
            let (near, far) = pair().await;
            dialled_in.send(far).unwrap();
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }));
    let mut rig = setup.start().await;
    let request = post("held");
    let (first, second) = request.split_at(request.len() - 2);
    rig.send(first).await;
    rig.pushed().await;
    // The idle upstream gives up while the body is still on its way; nothing was written to it.
    rig.upstream.shutdown().await.unwrap();
    let mut nothing = Vec::new();
    within(rig.upstream.read_to_end(&mut nothing)).await.unwrap();
    assert_eq!(nothing, b"");
    rig.send(second).await;
    rig.upstream = within(dialled.recv()).await.unwrap();
    rig.upstream_gets(&request).await;
    rig.respond(OK).await;
    assert!(rig.client_head().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_workload_that_leaves_mid_body_leaves_one_record_and_nothing_upstream() {
    let mut rig = Setup::http1().start().await;
    rig.send("POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 100\r\n\r\npart").await;
    rig.pushed().await;
    let closed = rig.close().await;
    assert_eq!(closed.upstream_got, b"");
    assert_eq!(closed.served.unwrap_err().side(), Side::Downstream);
    let [record] = &closed.records[..] else { panic!("one record, not {:?}", closed.records) };
    assert_eq!((record.status, record.request_bytes), (None, 4));
}

#[tokio::test]
async fn a_workload_that_leaves_mid_response_cancels_the_upstream() {
    let mut rig = Setup::http1().start().await;
    rig.send(post("x")).await;
    rig.upstream_gets(post("x")).await;
    rig.respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    rig.client_head().await;
    rig.client.set_zero_linger().unwrap();
    let (unused, _) = pair().await;
    drop(std::mem::replace(&mut rig.client, unused));
    // Keep talking until the gateway hangs up on us.
    let cancelled = async {
        while rig.upstream.write_all(b"5\r\n12345\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(cancelled).await;
    assert_eq!(rig.record().await.status, Some(200));
    assert!(matches!(within(rig.served).await.unwrap(), Err(Error::Downstream(_))));
}

#[tokio::test]
async fn a_hard_stop_leaves_one_record_and_closes_both_legs() {
    let mut rig = Setup::http1().start().await;
    rig.send(post("x")).await;
    rig.upstream_gets(post("x")).await;
    rig.served.abort();
    assert_eq!(rig.record().await.status, None);
    for end in [&mut rig.client, &mut rig.upstream] {
        let mut rest = Vec::new();
        let _ = within(end.read_to_end(&mut rest)).await;
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn switching_to_what_cannot_be_read_is_refused_and_copied_in_audit() {
    let request = "GET /irc HTTP/1.1\r\nHost: api.example.test\r\nUpgrade: irc/6.9\r\nConnection: Upgrade\r\n\r\n";
    let mut rig = Setup::http1().start().await;
    rig.send(request).await;
    let answer = rig.client_answer().await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("x-pipelock-blocked: upgrade_uninspectable\r\n"), "{answer}");
    assert_eq!(rig.close().await.upstream_got, b"");

    let mut rig = Setup::http1().audit().start().await;
    rig.send(request).await;
    rig.upstream_gets(request).await;
    let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: irc/6.9\r\nConnection: Upgrade\r\n\r\n";
    rig.respond([switched, "hello"].concat()).await;
    rig.client_gets([switched, "hello"].concat()).await;
    rig.send("back").await;
    rig.upstream_gets("back").await;
    let closed = rig.close().await;
    let [record] = &closed.records[..] else { panic!("one record, not {:?}", closed.records) };
    assert_eq!((record.status, record.request_bytes, record.response_bytes), (Some(101), 4, 5));
}

#[tokio::test]
async fn h2c_is_not_offered_on() {
    let mut rig = Setup::http1().start().await;
    rig.send(
        "GET / HTTP/1.1\r\nHost: api.example.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAAP__\r\nAccept: */*\r\n\r\n",
    )
    .await;
    rig.upstream_gets("GET / HTTP/1.1\r\nHost: api.example.test\r\nAccept: */*\r\n\r\n").await;
}

#[tokio::test]
async fn old_clients_get_old_answers() {
    let mut rig = Setup::http1().start().await;
    rig.send("GET / HTTP/1.0\r\n\r\n").await;
    rig.upstream_gets("GET / HTTP/1.0\r\n\r\n").await;
    rig.respond("HTTP/1.1 200 OK\r\n\r\nuntil the end").await;
    rig.upstream.shutdown().await.unwrap();
    let mut answer = String::new();
    within(rig.client.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
}

#[tokio::test]
async fn a_drain_finishes_what_is_open_and_closes() {
    let mut rig = Setup::http1().start().await;
    rig.send(post("x")).await;
    rig.upstream_gets(post("x")).await;
    rig.shutdown.cancel();
    rig.respond(OK).await;
    let head = rig.client_head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let mut rest = Vec::new();
    within(rig.client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"ok");
    assert!(within(rig.served).await.unwrap().is_ok());
}

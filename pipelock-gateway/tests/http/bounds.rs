//! The bounds of `limits` on one connection: each, set small, ends what it is about, is told as such, and leaves alone what is
//! legitimate. Bounds on sizes are in `limits`, floods of frames in `floods`.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::client;
use http::Request;
use pipelock_gateway::http::{Error, Limits};
use pipelock_gateway::model::{Limit, Side};
use tokio::io::AsyncReadExt;

use crate::rig::{Rig, Setup, pair, within};

const GET: &str = "GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const POST: &str = "POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 8\r\n\r\n";

/// Short, and still long enough for what must not be cut.
const SHORT: Duration = Duration::from_millis(60);

async fn start(change: impl FnOnce(&mut Limits)) -> Rig {
    Setup::http1().limits(change).start().await
}

/// Reads what is left for the workload; the connection ends.
async fn ends(rig: &mut Rig) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = within(rig.client.read_to_end(&mut rest)).await;
    rest
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off_and_told() {
    let mut rig = start(|limits| limits.head = SHORT).await;
    rig.send(&GET[..20]).await;
    assert_eq!(rig.limit().await, Limit::HeadTimeout);
    assert_eq!(ends(&mut rig).await, b"");
    assert_eq!(rig.close().await.upstream_got, b"", "nothing of it has left");
}

#[tokio::test]
async fn a_head_may_be_as_large_as_is_configured() {
    let mut rig = start(|limits| limits.head_bytes = 8192).await;
    let head = |bytes: usize| format!("GET / HTTP/1.1\r\nHost: api.example.test\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    rig.send(head(7000)).await;
    rig.upstream_gets(head(7000)).await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;
    rig.send(head(9000)).await;
    assert!(rig.client_answer().await.starts_with("HTTP/1.1 431 "));
    assert_eq!(rig.limit().await, Limit::HeadBytes);
}

#[tokio::test]
async fn a_head_may_have_as_many_fields_as_are_configured() {
    let mut rig = start(|limits| limits.head_fields = 16).await;
    rig.send(format!("GET / HTTP/1.1\r\nHost: api.example.test\r\n{}\r\n", "X: y\r\n".repeat(17))).await;
    assert!(rig.client_answer().await.starts_with("HTTP/1.1 431 "));
    assert_eq!(rig.limit().await, Limit::HeadBytes);
}

#[tokio::test]
async fn a_body_that_pauses_is_given_up_and_told() {
    let mut rig = start(|limits| limits.body_idle = SHORT).await;
    rig.send(format!("{POST}half")).await;
    assert_eq!(rig.limit().await, Limit::BodyPauseTimeout);
    assert_eq!(ends(&mut rig).await, b"");
    assert_eq!(rig.close().await.upstream_got, b"");
}

#[tokio::test]
async fn a_body_that_trickles_without_a_pause_is_given_up_as_too_slow() {
    let mut rig = start(|limits| {
        limits.body_rate = 1 << 20;
        limits.slow_after = SHORT;
    })
    .await;
    rig.send("POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 100000\r\n\r\n").await;
    // Byte after byte, until it is cut off: each is well within the pause that is allowed.
    let sending = async {
        while tokio::io::AsyncWriteExt::write_all(&mut rig.client, b"x").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(sending).await;
    assert_eq!(rig.limit().await, Limit::BodyBytesPerSecond);
    assert_eq!(rig.close().await.upstream_got, b"");
}

#[tokio::test]
async fn a_body_may_be_slow_where_no_rate_is_asked_for() {
    let mut rig = start(|limits| {
        limits.body_rate = 0;
        limits.slow_after = Duration::from_millis(1);
    })
    .await;
    rig.send(POST).await;
    for byte in ["s", "l", "o", "w", "b", "o", "d", "y"] {
        rig.send(byte).await;
        rig.pushed().await;
    }
    rig.upstream_gets(format!("{POST}slowbody")).await;
}

#[tokio::test]
async fn an_upstream_may_think_for_as_long_as_is_configured() {
    let mut rig = start(|limits| limits.response_head = SHORT).await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    assert_eq!(rig.limit().await, Limit::ResponseTimeout);
    assert_eq!(ends(&mut rig).await, b"", "no answer: the workload's own rules for retrying hold");
    let ended = rig.close().await.served.unwrap_err();
    assert_eq!(ended.side(), Side::Upstream);
}

#[tokio::test]
async fn a_connection_without_a_next_request_ends_in_an_orderly_way() {
    let mut rig = start(|limits| {
        limits.rest = Duration::from_millis(1);
        limits.idle = SHORT;
    })
    .await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;
    assert_eq!(rig.limit().await, Limit::KeepaliveTimeout);
    assert_eq!(ends(&mut rig).await, b"");
    rig.close().await.served.unwrap();
}

fn still(limits: &mut Limits) {
    limits.rest = Duration::from_millis(10);
    limits.response_head = SHORT;
    limits.stream_idle = SHORT;
}

#[tokio::test]
async fn a_stream_of_events_that_falls_silent_for_too_long_is_ended() {
    let mut rig = start(still).await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    rig.respond(format!("{head}6\r\ndata:\n\r\n")).await;
    rig.client_head().await;
    assert_eq!(rig.limit().await, Limit::StreamIdleTimeout);
    assert!(!ends(&mut rig).await.ends_with(b"0\r\n\r\n"), "it is not taken for complete");
    let ended = rig.close().await.served.unwrap_err();
    assert!(matches!(ended, Error::Stalled { side: Side::Upstream, .. }), "{ended:?}");
}

#[tokio::test]
async fn a_stream_that_says_something_now_and_then_goes_on() {
    let mut rig = start(still).await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    rig.client_head().await;
    // Several times as long as silence may last.
    let until = tokio::time::Instant::now() + 4 * SHORT;
    while tokio::time::Instant::now() < until {
        rig.respond("6\r\n: on\n\n\r\n").await;
        rig.client_gets("6\r\n: on\n\n\r\n").await;
        let _ = tokio::time::timeout(SHORT / 4, rig.client.read_u8()).await.expect_err("nothing more than that");
    }
    rig.respond("0\r\n\r\n").await;
    rig.client_gets("0\r\n\r\n").await;
}

#[tokio::test]
async fn a_workload_that_takes_nothing_is_not_waited_for_without_end() {
    let mut rig = start(still).await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    let size = 64 << 20;
    rig.respond(format!("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {size}\r\n\r\n")).await;
    let (upstream, spare) = (rig.upstream, pair().await.0);
    rig.upstream = spare;
    let sending = tokio::spawn(async move {
        let mut upstream = upstream;
        // Until nobody takes it any more, and then until it is cut off.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut upstream, &vec![0; size]).await;
    });
    assert_eq!(rig.limit().await, Limit::StreamIdleTimeout);
    let ended = within(rig.served).await.unwrap().unwrap_err();
    assert!(matches!(ended, Error::Stalled { .. }), "{ended:?}");
    within(sending).await.unwrap();
}

/// An HTTP/2 upstream that answers nothing, and says when a request has come.
fn silent_upstream(rig: &mut Rig, spare: tokio::net::TcpStream) -> tokio::sync::mpsc::UnboundedReceiver<()> {
    let socket = std::mem::replace(&mut rig.upstream, spare);
    let (came, arrivals) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let mut held = Vec::new();
        while let Some(Ok(request)) = connection.accept().await {
            held.push(request);
            let _ = came.send(());
        }
    });
    arrivals
}

async fn http2_client(rig: &mut Rig) -> (client::SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let socket = std::mem::replace(&mut rig.client, pair().await.0);
    let (requests, connection) = within(client::handshake(socket)).await.unwrap();
    (requests, tokio::spawn(connection))
}

fn get() -> Request<()> {
    Request::get("https://api.example.test/").body(()).unwrap()
}

#[tokio::test]
async fn requests_that_are_reset_one_by_one_end_the_connection_however_slowly_they_come() {
    let mut rig = Setup::http2().limits(|limits| limits.max_cancelled = 5).start().await;
    let mut arrivals = silent_upstream(&mut rig, pair().await.0);
    let (mut requests, driver) = http2_client(&mut rig).await;
    for _ in 0..6 {
        // One at a time, each gone through to the upstream before it is reset: no rate of frames gives it away.
        within(poll_fn(|cx| requests.poll_ready(cx))).await.unwrap();
        let (answer, mut stream) = requests.send_request(get(), true).unwrap();
        within(arrivals.recv()).await.unwrap();
        stream.send_reset(h2::Reason::CANCEL);
        drop(answer);
    }
    assert_eq!(rig.limit().await, Limit::CancelledRequests);
    let ended = within(rig.served).await.unwrap().unwrap_err();
    assert!(matches!(ended, Error::Cancelled), "{ended:?}");
    assert_eq!(ended.side(), Side::Downstream);
    let _ = within(driver).await.unwrap();
}

#[tokio::test]
async fn as_many_resets_as_are_allowed_disturb_nobody() {
    let mut rig = Setup::http2().limits(|limits| limits.max_cancelled = 5).start().await;
    let mut arrivals = silent_upstream(&mut rig, pair().await.0);
    let (mut requests, _driver) = http2_client(&mut rig).await;
    for number in 0..7 {
        within(poll_fn(|cx| requests.poll_ready(cx))).await.unwrap();
        let (answer, mut stream) = requests.send_request(get(), true).unwrap();
        within(arrivals.recv()).await.expect("the connection serves");
        if number < 5 {
            stream.send_reset(h2::Reason::CANCEL);
            drop(answer);
            rig.record().await;
        } else {
            std::mem::forget((answer, stream));
        }
    }
}

#[tokio::test]
async fn an_http2_connection_without_requests_ends_with_goaway() {
    let mut rig = Setup::http2().limits(still).start().await;
    let mut upstream = std::mem::replace(&mut rig.upstream, pair().await.0);
    let (_requests, driver) = http2_client(&mut rig).await;
    assert_eq!(rig.limit().await, Limit::StreamIdleTimeout);
    within(driver).await.unwrap().expect("an orderly end");
    within(rig.served).await.unwrap().expect("nothing was under way");
    let mut rest = Vec::new();
    let _ = within(upstream.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn an_http2_request_that_nobody_answers_is_reset_and_its_connection_goes_on() {
    // Silence on the connection is allowed for much longer: which of the two bounds comes first must not be the machine's choice.
    let mut rig = Setup::http2().limits(|limits| limits.response_head = SHORT).start().await;
    let mut arrivals = silent_upstream(&mut rig, pair().await.0);
    let (mut requests, _driver) = http2_client(&mut rig).await;
    for _ in 0..2 {
        within(poll_fn(|cx| requests.poll_ready(cx))).await.unwrap();
        let (answer, _stream) = requests.send_request(get(), true).unwrap();
        within(arrivals.recv()).await.expect("the connection serves");
        assert!(within(answer).await.unwrap_err().is_reset());
        assert_eq!(rig.limit().await, Limit::ResponseTimeout);
    }
}

#[tokio::test]
async fn an_http2_answer_that_falls_silent_ends_with_its_connection() {
    let mut rig = Setup::http2().limits(still).start().await;
    let socket = std::mem::replace(&mut rig.upstream, pair().await.0);
    let answering = tokio::spawn(async move {
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"first"), false).unwrap();
        // Driven until the gateway ends it.
        while let Some(Ok(_)) = connection.accept().await {}
        drop(body);
    });
    let (mut requests, driver) = http2_client(&mut rig).await;
    let (answer, _stream) = requests.send_request(get(), true).unwrap();
    let mut body = within(answer).await.unwrap().into_body();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), "first");
    assert_eq!(rig.limit().await, Limit::StreamIdleTimeout);
    within(body.data()).await.unwrap().expect_err("not taken for complete");
    let ended = within(rig.served).await.unwrap().unwrap_err();
    assert!(matches!(ended, Error::Stalled { .. }), "{ended:?}");
    let _ = within(driver).await;
    within(answering).await.unwrap();
}

#[tokio::test]
async fn what_is_under_way_ends_when_it_comes_to_be_forbidden_and_the_rest_is_told() {
    let mut rig = Setup::http1().start().await;
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\nfirst").await;
    rig.client_head().await;
    rig.client_gets("first").await;
    rig.forbidden.cancel();
    assert_eq!(ends(&mut rig).await, b"");
    let ended = rig.close().await.served.unwrap_err();
    assert!(matches!(ended, Error::Forbidden), "{ended:?}");

    let mut idle = Setup::http1().start().await;
    idle.send(GET).await;
    idle.upstream_gets(GET).await;
    idle.respond(OK).await;
    idle.client_gets(OK).await;
    idle.forbidden.cancel();
    // The connection goes on: its next request is the judge's to refuse.
    idle.send(GET).await;
    idle.upstream_gets(GET).await;
}

//! HTTP/2: frames keep their shape, a refused stream does not disturb the others, calls that stream are judged on the way.

use bytes::Bytes;
use h2::{Reason, RecvStream, client, server};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use pipelock_gateway::model::{Action, BlockReason};
use tokio::net::TcpStream;

use crate::rig::{MARKER, Rig, Setup, pair, within};

/// Both ends of an HTTP/2 connection through the gateway.
struct Legs {
    rig: Rig,
    client: client::SendRequest<Bytes>,
    upstream: server::Connection<TcpStream, Bytes>,
}

impl Legs {
    async fn start(setup: Setup) -> Self {
        let mut rig = setup.start().await;
        let (client_io, upstream_io) = (swap(&mut rig.client).await, swap(&mut rig.upstream).await);
        let (client, upstream) =
            within(async { tokio::join!(client::handshake(client_io), server::handshake(upstream_io)) }).await;
        let ((client, connection), upstream) = (client.unwrap(), upstream.unwrap());
        tokio::spawn(connection);
        Self { rig, client: within(client.ready()).await.unwrap(), upstream }
    }

    /// The next request the upstream gets, while its connection runs.
    async fn accept(&mut self) -> (Request<RecvStream>, server::SendResponse<Bytes>) {
        within(self.upstream.accept()).await.expect("a request").unwrap()
    }
}

/// Takes a socket out of the rig and leaves an unconnected one.
async fn swap(place: &mut TcpStream) -> TcpStream {
    std::mem::replace(place, pair().await.0)
}

fn request(method: Method, content_type: &str) -> Request<()> {
    Request::builder()
        .method(method)
        .uri("https://api.example.test/v1?x=%20")
        .header("content-type", content_type)
        .header("x-b", "1")
        .header("x-a", "2")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(())
        .unwrap()
}

/// Reads a body to its end while the upstream's connection is driven.
async fn collect(
    upstream: &mut server::Connection<TcpStream, Bytes>,
    body: &mut RecvStream,
) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    within(async {
        loop {
            tokio::select! {
                data = body.data() => match data {
                    Some(data) => {
                        let data = data?;
                        body.flow_control().release_capacity(data.len())?;
                        all.extend_from_slice(&data);
                    }
                    None => return Ok(all),
                },
                more = upstream.accept() => assert!(more.is_none(), "one request only"),
            }
        }
    })
    .await
}

/// Runs the upstream's connection while something else is awaited.
async fn driving<T>(upstream: &mut server::Connection<TcpStream, Bytes>, step: impl Future<Output = T>) -> T {
    within(async {
        tokio::pin!(step);
        tokio::select! {
            done = &mut step => done,
            more = upstream.accept() => match more {
                Some(_) => panic!("no further request was expected"),
                None => step.await,
            },
        }
    })
    .await
}

#[tokio::test]
async fn a_clean_request_keeps_its_fields_and_its_end() {
    let mut legs = Legs::start(Setup::http2()).await;
    let (response, _) = legs.client.send_request(request(Method::GET, "text/plain"), true).unwrap();
    let (got, mut respond) = legs.accept().await;
    assert!(got.body().is_end_stream(), "END_STREAM stays on HEADERS");
    assert_eq!(got.uri(), "https://api.example.test/v1?x=%20");
    let fields: Vec<_> = got.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        fields,
        [("content-type", "text/plain"), ("x-b", "1"), ("x-a", "2"), ("cookie", "a=1"), ("cookie", "b=2")],
        "nothing added, nothing reordered"
    );
    let mut out = respond.send_response(Response::new(()), false).unwrap();
    out.send_data(Bytes::from_static(b"ok"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    out.send_trailers(trailers).unwrap();

    let upstream = &mut legs.upstream;
    let response = driving(upstream, response).await.unwrap();
    assert!(response.headers().is_empty(), "no date, no length: {:?}", response.headers());
    let mut body = response.into_body();
    assert_eq!(driving(upstream, body.data()).await.unwrap().unwrap(), "ok");
    let trailers = driving(upstream, body.trailers()).await.unwrap().unwrap();
    assert_eq!(trailers["x-sum"], "1");
    let record = legs.rig.record().await;
    assert_eq!((record.status, record.response_bytes), (Some(200), 2));
}

#[tokio::test]
async fn a_clean_body_and_its_trailers_arrive() {
    let mut legs = Legs::start(Setup::http2()).await;
    let (_response, mut body) = legs.client.send_request(request(Method::POST, "text/plain"), false).unwrap();
    body.send_data(Bytes::from_static(b"one "), false).unwrap();
    body.send_data(Bytes::from_static(b"two"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    body.send_trailers(trailers).unwrap();
    let (mut got, _respond) = legs.accept().await;
    assert!(!got.headers().contains_key("content-length"), "no length is made up");
    assert_eq!(collect(&mut legs.upstream, got.body_mut()).await.unwrap(), b"one two");
    let trailers = driving(&mut legs.upstream, got.body_mut().trailers()).await.unwrap().unwrap();
    assert_eq!(trailers["x-sum"], "1");
}

#[tokio::test]
async fn a_secret_split_over_data_frames_is_stopped_and_other_streams_live_on() {
    let (one, two) = MARKER.split_at(7);
    let mut legs = Legs::start(Setup::http2()).await;
    let (blocked, mut body) = legs.client.send_request(request(Method::POST, "text/plain"), false).unwrap();
    body.send_data(Bytes::copy_from_slice(one.as_bytes()), false).unwrap();
    assert_eq!(legs.rig.pushed().await, one.as_bytes());
    body.send_data(Bytes::copy_from_slice(two.as_bytes()), false).unwrap();
    let response = driving(&mut legs.upstream, blocked).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["x-pipelock-blocked"], "secret");
    assert!(!response.headers().contains_key("connection"));
    let record = legs.rig.record().await;
    assert_eq!(record.verdict.reason, Some(BlockReason::Secret));

    let (_response, _) = legs.client.send_request(request(Method::GET, "text/plain"), true).unwrap();
    let (got, _) = legs.accept().await;
    assert_eq!(got.method(), Method::GET, "the first request the upstream ever sees");
}

#[tokio::test]
async fn block_answers_on_http2() {
    for (method, uri, status) in [
        (Method::GET, "https://evil.example.test/", 421),
        (Method::HEAD, "https://evil.example.test/", 421),
        (Method::CONNECT, "api.example.test:443", 400),
    ] {
        let mut legs = Legs::start(Setup::http2()).await;
        let request = Request::builder().method(method.clone()).uri(uri).body(()).unwrap();
        let (response, _) = legs.client.send_request(request, true).unwrap();
        let response = driving(&mut legs.upstream, response).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {uri}");
        assert_eq!(response.body().is_end_stream(), method == Method::HEAD, "{method}");
        assert_eq!(legs.rig.record().await.status, Some(status));
    }
}

#[tokio::test]
async fn host_and_authority_must_agree() {
    let mut legs = Legs::start(Setup::http2()).await;
    let mut request = request(Method::GET, "text/plain");
    request.headers_mut().insert("host", HeaderValue::from_static("evil.test"));
    let (response, _) = legs.client.send_request(request, true).unwrap();
    let response = driving(&mut legs.upstream, response).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_call_that_streams_both_ways_takes_turns() {
    let mut legs = Legs::start(Setup::http2()).await;
    let (response, mut out) = legs.client.send_request(request(Method::POST, "application/grpc"), false).unwrap();
    let message = "a message that is longer than what is held back, but its end has not come";
    let length = u32::try_from(message.len()).unwrap() + 4;
    let message = [[0].as_slice(), &length.to_be_bytes(), message.as_bytes()].concat();
    out.send_data(Bytes::from(message.clone()), false).unwrap();

    let (mut got, mut respond) = legs.accept().await;
    let upstream = &mut legs.upstream;
    let first = driving(upstream, got.body_mut().data()).await.unwrap().unwrap();
    let released = message.len() - (MARKER.len() - 1);
    assert_eq!(first, message[..released], "the tail in which a match could begin is held back");
    out.send_data(Bytes::from_static(b" yet"), false).unwrap();
    let rest = [&message[released..], b" yet"].concat();
    let mut got_rest = Vec::new();
    while got_rest.len() < rest.len() {
        got_rest.extend_from_slice(&driving(upstream, got.body_mut().data()).await.unwrap().unwrap());
    }
    assert_eq!(got_rest, rest, "a whole message is not held back while its sender waits");

    // The upstream answers before the request has ended.
    let mut answer = respond.send_response(Response::new(()), false).unwrap();
    answer.send_data(Bytes::from_static(b"turn"), false).unwrap();
    let mut response = driving(upstream, response).await.unwrap().into_body();
    assert_eq!(driving(upstream, response.data()).await.unwrap().unwrap(), "turn");

    out.send_data(Bytes::new(), true).unwrap();
    assert_eq!(collect(upstream, got.body_mut()).await.unwrap(), b"");
    answer.send_data(Bytes::new(), true).unwrap();
    let end = driving(upstream, response.data()).await.transpose().unwrap();
    assert!(end.is_none_or(|data| data.is_empty()) && response.is_end_stream());
    let record = legs.rig.record().await;
    assert_eq!((record.verdict.action, record.request_bytes), (Action::Allow, message.len() as u64 + 4));
}

#[tokio::test]
async fn a_secret_in_a_streamed_call_aborts_it_before_it_arrives() {
    let (one, two) = MARKER.split_at(9);
    let mut legs = Legs::start(Setup::http2()).await;
    let (response, mut out) = legs.client.send_request(request(Method::POST, "application/grpc+proto"), false).unwrap();
    out.send_data(Bytes::from(format!("harmless beginning {one}")), false).unwrap();
    let (mut got, _respond) = legs.accept().await;
    let mut seen = driving(&mut legs.upstream, got.body_mut().data()).await.unwrap().unwrap().to_vec();
    out.send_data(Bytes::from(format!("{two} and more")), false).unwrap();

    let response = driving(&mut legs.upstream, response).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["grpc-status"]),
        (StatusCode::OK, &HeaderValue::from_static("7"))
    );
    let ended = loop {
        match driving(&mut legs.upstream, got.body_mut().data()).await {
            Some(Ok(data)) => seen.extend_from_slice(&data),
            other => break other,
        }
    };
    assert!(matches!(ended, Some(Err(_))), "the upstream sees an abort, not an end");
    let seen = String::from_utf8(seen).unwrap();
    assert!("harmless beginning ".starts_with(&seen), "nothing of the secret arrived: {seen}");
    let record = legs.rig.record().await;
    assert_eq!((record.verdict.reason, record.status), (Some(BlockReason::Secret), Some(200)));
}

#[tokio::test]
async fn compressed_messages_of_a_call_cannot_be_judged() {
    let mut legs = Legs::start(Setup::http2()).await;
    let mut request = request(Method::POST, "application/grpc");
    request.headers_mut().insert("grpc-encoding", HeaderValue::from_static("gzip"));
    let (response, _out) = legs.client.send_request(request, false).unwrap();
    let response = driving(&mut legs.upstream, response).await.unwrap();
    assert_eq!(response.headers()["x-pipelock-blocked"], "coding_unknown");
}

#[tokio::test]
async fn a_body_larger_than_the_windows_is_held_and_arrives() {
    let size = 4 << 20;
    let mut legs = Legs::start(Setup::http2()).await;
    let (_response, mut out) = legs.client.send_request(request(Method::POST, "text/plain"), false).unwrap();
    out.send_data(Bytes::from(vec![b'x'; size]), true).unwrap();
    let (mut got, _respond) = legs.accept().await;
    assert_eq!(collect(&mut legs.upstream, got.body_mut()).await.unwrap().len(), size);
    assert_eq!(legs.rig.shown().len(), size, "all of it was judged before any of it arrived");
}

#[tokio::test]
async fn a_cancelled_stream_is_cancelled_upstream() {
    let mut legs = Legs::start(Setup::http2()).await;
    let (response, mut out) = legs.client.send_request(request(Method::GET, "text/plain"), true).unwrap();
    let (_got, mut respond) = legs.accept().await;
    out.send_reset(Reason::CANCEL);
    drop(response);
    let reset = driving(&mut legs.upstream, std::future::poll_fn(|cx| respond.poll_reset(cx))).await.unwrap();
    assert_eq!(reset, Reason::CANCEL);
    assert_eq!(legs.rig.record().await.status, None);
}

#[tokio::test]
async fn a_reset_by_the_upstream_reaches_the_workload_with_its_code() {
    let mut legs = Legs::start(Setup::http2()).await;
    let (response, _) = legs.client.send_request(request(Method::GET, "text/plain"), true).unwrap();
    let (_got, mut respond) = legs.accept().await;
    respond.send_reset(Reason::REFUSED_STREAM);
    let error = driving(&mut legs.upstream, response).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::REFUSED_STREAM));
}

#[tokio::test]
async fn a_response_cut_short_is_a_reset() {
    let mut legs = Legs::start(Setup::http2()).await;
    let (response, _) = legs.client.send_request(request(Method::GET, "text/plain"), true).unwrap();
    let (_got, mut respond) = legs.accept().await;
    let mut out = respond.send_response(Response::new(()), false).unwrap();
    out.send_data(Bytes::from_static(b"half"), false).unwrap();
    let mut body = driving(&mut legs.upstream, response).await.unwrap().into_body();
    assert_eq!(driving(&mut legs.upstream, body.data()).await.unwrap().unwrap(), "half");
    out.send_reset(Reason::INTERNAL_ERROR);
    let error = driving(&mut legs.upstream, body.data()).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn a_drain_says_goaway_and_finishes_what_is_open() {
    let mut legs = Legs::start(Setup::http2()).await;
    let (response, _) = legs.client.send_request(request(Method::GET, "text/plain"), true).unwrap();
    let (_got, mut respond) = legs.accept().await;
    legs.rig.shutdown.cancel();
    respond.send_response(Response::new(()), true).unwrap();
    let response = driving(&mut legs.upstream, response).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(within(legs.rig.served).await.unwrap().is_ok());
}

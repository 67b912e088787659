//! Draining under load: when the gateway is asked to stop, everything that is under way on connections of each kind is finished,
//! and each is told in its own language that nothing more is taken: `Connection: close`, GOAWAY, Close 1001.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use crate::rig::{Rig, Setup, pair, within};

/// Connections of each kind.
const EACH: usize = 12;
const GET: &str = "GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GONE: Duration = Duration::from_secs(20);

/// What all connections of a run share.
struct Run {
    /// Passed when every connection has something under way.
    loaded: Barrier,
    /// Given out when draining has begun: only then do the upstreams go on.
    drained: Semaphore,
    finished: AtomicUsize,
}

impl Run {
    /// Something is under way: waits until that is so everywhere and draining has begun.
    async fn under_way(&self) {
        let _ = self.loaded.wait().await;
        self.drained.acquire().await.unwrap().forget();
    }

    fn finished(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn gone(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    tokio::time::timeout(GONE, stream.read_to_end(&mut rest)).await.expect("it ends").unwrap();
    rest
}

/// A request whose answer has not begun.
async fn waiting(rig: &mut Rig, run: &Run) {
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    run.under_way().await;
    rig.respond(OK).await;
    let head = read_head(&mut rig.client).await;
    assert!(head.to_ascii_lowercase().contains("connection: close"), "{head}");
    assert_eq!(gone(&mut rig.client).await, b"ok");
}

/// An answer of which a part has come.
async fn streaming(rig: &mut Rig, run: &Run) {
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    rig.respond(format!("{head}D\r\ndata: first\n\n\r\n")).await;
    read_head(&mut rig.client).await;
    rig.client_gets("D\r\ndata: first\n\n\r\n").await;
    run.under_way().await;
    rig.respond("C\r\ndata: last\n\n\r\n0\r\n\r\n").await;
    assert_eq!(gone(&mut rig.client).await, b"C\r\ndata: last\n\n\r\n0\r\n\r\n");
}

/// A body that is still being sent.
async fn uploading(rig: &mut Rig, run: &Run) {
    let post = "POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 10\r\n\r\n";
    rig.send(format!("{post}first")).await;
    rig.pushed().await;
    run.under_way().await;
    rig.send("later").await;
    rig.upstream_gets(format!("{post}firstlater")).await;
    rig.respond(OK).await;
    read_head(&mut rig.client).await;
    assert_eq!(gone(&mut rig.client).await, b"ok");
}

/// Nothing: it ends at once.
async fn idle(rig: &mut Rig, run: &Run) {
    rig.send(GET).await;
    rig.upstream_gets(GET).await;
    rig.respond(OK).await;
    rig.client_gets(OK).await;
    run.under_way().await;
    assert_eq!(gone(&mut rig.client).await, b"");
}

/// Messages in both directions: both sides are told 1001.
async fn websocket(rig: &mut Rig, run: &Run) {
    let ask = "GET /ws HTTP/1.1\r\nHost: api.example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
               Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let agree = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    rig.send(ask).await;
    rig.upstream_gets(ask).await;
    rig.respond(agree).await;
    read_head(&mut rig.client).await;
    rig.respond(b"\x81\x05hello").await;
    rig.client_gets(b"\x81\x05hello").await;
    run.under_way().await;
    for stream in [&mut rig.client, &mut rig.upstream] {
        let mut frame = [0; 4];
        within(stream.read_exact(&mut frame)).await.unwrap();
        // The one to the upstream is masked (RFC 6455 §5.1), its code behind the key.
        assert_eq!(frame[0], 0x88, "a Close");
        if frame[1] & 0x80 == 0 {
            assert_eq!(u16::from_be_bytes([frame[2], frame[3]]), 1001);
        } else {
            let mut rest = [0; 4];
            within(stream.read_exact(&mut rest)).await.unwrap();
            let code = [rest[2] ^ frame[2], rest[3] ^ frame[3]];
            assert_eq!(u16::from_be_bytes(code), 1001);
        }
    }
    // Both agree, and the connection ends.
    let _ = rig.client.write_all(b"\x88\x82\0\0\0\0\x03\xe9").await;
    let _ = rig.upstream.write_all(b"\x88\x02\x03\xe9").await;
    gone(&mut rig.client).await;
}

/// Two streams, one answered and one of which a part has come: both are finished behind GOAWAY, and a new one is not taken.
async fn http2(rig: &mut Rig, run: &Run) {
    let upstream = std::mem::replace(&mut rig.upstream, pair().await.0);
    let (go, mut waits) = tokio::sync::mpsc::channel::<()>(1);
    let serving = tokio::spawn(async move {
        let mut connection = h2::server::handshake(upstream).await.unwrap();
        let (one, one_answer) = connection.accept().await.unwrap().unwrap();
        let (_, other_answer) = connection.accept().await.unwrap().unwrap();
        // Streams keep no order among one another.
        let in_order = one.uri().path() == "/first";
        let (mut first, mut second) = if in_order { (one_answer, other_answer) } else { (other_answer, one_answer) };
        let mut body = second.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"part"), false).unwrap();
        let drive = tokio::spawn(async move { while connection.accept().await.is_some() {} });
        waits.recv().await;
        body.send_data(Bytes::from_static(b" rest"), true).unwrap();
        first.send_response(Response::new(()), false).unwrap().send_data(Bytes::from_static(b"ok"), true).unwrap();
        drive.await.unwrap();
    });
    let client = std::mem::replace(&mut rig.client, pair().await.0);
    let (requests, connection) = h2::client::handshake(client).await.unwrap();
    let driver = tokio::spawn(connection);
    let get = |path: &str| Request::get(format!("https://api.example.test{path}")).body(()).unwrap();
    let mut requests = requests.ready().await.unwrap();
    let (first, _) = requests.send_request(get("/first"), true).unwrap();
    let mut requests = requests.ready().await.unwrap();
    let (second, _) = requests.send_request(get("/second"), true).unwrap();
    let mut body = within(second).await.unwrap().into_body();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), "part");
    run.under_way().await;
    go.send(()).await.unwrap();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), " rest");
    let mut first = within(first).await.unwrap().into_body();
    assert_eq!(within(first.data()).await.unwrap().unwrap(), "ok");
    drop((requests, body, first));
    // It was told to go away, and goes.
    tokio::time::timeout(GONE, driver).await.expect("the connection ends").unwrap().expect("in an orderly way");
    within(serving).await.unwrap();
}

type Kind = for<'a> fn(&'a mut Rig, &'a Run) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_on_connections_of_each_kind_is_finished() {
    let kinds: [(&str, bool, Kind); 6] = [
        ("waiting", false, |rig, run| Box::pin(waiting(rig, run))),
        ("streaming", false, |rig, run| Box::pin(streaming(rig, run))),
        ("uploading", false, |rig, run| Box::pin(uploading(rig, run))),
        ("idle", false, |rig, run| Box::pin(idle(rig, run))),
        ("websocket", false, |rig, run| Box::pin(websocket(rig, run))),
        ("http2", true, |rig, run| Box::pin(http2(rig, run))),
    ];
    let count = kinds.len() * EACH;
    let run =
        Arc::new(Run { loaded: Barrier::new(count + 1), drained: Semaphore::new(0), finished: AtomicUsize::new(0) });
    let mut playing = JoinSet::new();
    let mut stops = Vec::new();
    for (name, h2, play) in kinds {
        for _ in 0..EACH {
            let setup = if h2 { Setup::http2() } else { Setup::http1() };
            let mut rig = setup.start().await;
            stops.push(rig.shutdown.clone());
            let run = Arc::clone(&run);
            playing.spawn(async move {
                play(&mut rig, &run).await;
                run.finished();
                // Whatever was under way has ended as it should: no error of the connection.
                drop((rig.client, rig.upstream));
                let served = within(rig.served).await.unwrap();
                assert!(served.is_ok(), "{name}: {served:?}");
            });
        }
    }
    // One that fails before would be waited for by all others.
    tokio::select! {
        _ = within(run.loaded.wait()) => {}
        Some(failed) = playing.join_next() => failed.unwrap(),
    }
    stops.iter().for_each(tokio_util::sync::CancellationToken::cancel);
    run.drained.add_permits(count);
    while let Some(played) = playing.join_next().await {
        played.unwrap();
    }
    assert_eq!(run.finished.load(Ordering::Relaxed), count);
}

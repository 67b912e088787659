//! What a connection costs in heap, through the whole pipeline with TLS on both legs and all rules.
//!
//! Client and upstream live in this process too: what they take is measured without a gateway first, and subtracted. A binary
//! of its own, because it counts the memory of the whole process. What the kernel takes for sockets, and what the allocator
//! leaves between two pieces, is `cargo xtask bench http`'s to see.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "clippy's test exemption covers functions marked #[test], not their helpers")]

#[expect(dead_code, reason = "shared with tests/gateway, which uses all of it")]
#[path = "gateway/rig.rs"]
mod rig;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use peak_alloc::PeakAlloc;
use rig::{DEADLINE, NAME, PrivateRoot, Rig, Upstream, get, message};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Connections over which is averaged; those before warm up what is made once.
const COUNT: usize = 100;
const WARM: usize = 20;

/// Most heap of a connection between two requests: 24 KiB are allowed (gateway.md §11), 23.6 were measured, the rest is for
/// tables that grow in steps.
const IDLE_BYTES: usize = 25 << 10;
/// Most heap of a connection on which events come: 44 KiB of it are the scan of two texts (raw and joined), 42 KiB what hyper takes
/// for four buffers and a queue.
const STREAMING_BYTES: usize = 108 << 10;

/// The head of an event stream, and its first event: shown to the judge and passed on, with more to come.
const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n";

/// Answers requests for `/` with 200, and others with a stream of events that does not end.
async fn upstream(root: &PrivateRoot) -> Upstream {
    let acceptor = TlsAcceptor::from(Arc::new(root.server()));
    Upstream::answering(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while let Some(request) = message(&mut stream).await {
                let answer = if request.starts_with("GET / ") {
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()
                } else {
                    format!("{STREAM}{:x}\r\n{EVENT}\r\n", EVENT.len())
                };
                if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

struct Client {
    connector: TlsConnector,
    address: SocketAddr,
    request: String,
    /// What the answer ends with.
    ending: &'static str,
    open: Vec<TlsStream<TcpStream>>,
}

impl Client {
    fn new(rig: &Rig, address: SocketAddr, streaming: bool) -> Self {
        let (request, ending) =
            if streaming { (get(NAME).replacen("GET / ", "GET /events ", 1), "\n\n\r\n") } else { (get(NAME), "ok") };
        let connector = TlsConnector::from(Arc::new(rig.client()));
        Self { connector, address, request, ending, open: Vec::with_capacity(WARM + COUNT) }
    }

    /// Opens so many connections more, each with one request.
    async fn open(&mut self, count: usize) {
        for _ in 0..count {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let name = ServerName::try_from(NAME).unwrap();
            let mut stream = self.connector.connect(name, stream).await.unwrap();
            stream.write_all(self.request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(self.ending.as_bytes()) {
                assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
            }
            self.open.push(stream);
        }
    }

    /// Heap of one connection, looked at again and again until it is no more than `most`: buffers are given back a while
    /// after a connection has become idle.
    async fn each(mut self, most: usize, within: Duration) -> usize {
        // Nothing tells when the allocator has seen it all, so it is looked at now and then.
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        self.open(WARM).await;
        // Those that warm up are to be at rest, or what they give back later would be taken for ours.
        let (mut usage, mut same) = (0, 0);
        let settling = async {
            while same < 15 {
                looks.tick().await;
                let now = MEMORY.current_usage();
                same = if now == usage { same + 1 } else { 0 };
                usage = now;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), settling).await;
        let before = MEMORY.current_usage();
        self.open(COUNT).await;
        let end = tokio::time::Instant::now() + within;
        loop {
            let each = MEMORY.current_usage().saturating_sub(before) / COUNT;
            if each <= most || tokio::time::Instant::now() > end {
                return each;
            }
            looks.tick().await;
        }
    }
}

/// Heap of one connection in the gateway alone.
async fn heap(streaming: bool, most: usize) -> usize {
    let root = PrivateRoot::new();
    let upstream = upstream(&root).await;
    let rig = Rig::in_front_of("mode: balanced\n", root, upstream);
    let direct = Client::new(&rig, rig.upstream.address, streaming).each(0, Duration::from_secs(1)).await;
    let with = Client::new(&rig, rig.listener, streaming).each(most + direct, Duration::from_secs(15)).await;
    with.saturating_sub(direct)
}

/// One test, since tests in one process would count each other's memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intercepted_connection_takes_no_more_heap_than_promised_idle_or_streaming() {
    let idle = tokio::time::timeout(DEADLINE * 3, heap(false, IDLE_BYTES)).await.unwrap();
    let streaming = tokio::time::timeout(DEADLINE * 3, heap(true, STREAMING_BYTES)).await.unwrap();
    println!("idle {idle} bytes, streaming {streaming} bytes");
    assert!(idle <= IDLE_BYTES, "an idle connection takes {idle} bytes");
    assert!(streaming <= STREAMING_BYTES, "a streaming connection takes {streaming} bytes");
}

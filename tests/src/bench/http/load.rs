//! The load client: obeys one [`Order`] a line on standard input and answers each with one line of JSON.
//!
//! The same program runs directly, captured, and through other proxies; it knows only its [`Route`]. Every answer is
//! checked for its status and length: a contender that refuses or cuts has failed, and is not a fast one.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls_pki_types::ServerName;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{EXPLICIT, FRONT, PORT, monotonic_ns, text};
use crate::node::{API, API_V4};
use crate::pki;
use crate::process::DEADLINE;

/// How the upstream is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By its address; a captured client does no more.
    Direct,
    /// By a reverse proxy on loopback, which has its name.
    Front,
    /// By `CONNECT` to an explicit proxy on loopback.
    Explicit,
}

impl Route {
    /// The word for it on a command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Front => "front",
            Self::Explicit => "explicit",
        }
    }

    fn parse(word: &str) -> Result<Self> {
        [Self::Direct, Self::Front, Self::Explicit]
            .into_iter()
            .find(|route| route.as_str() == word)
            .with_context(|| format!("unknown route {word:?}"))
    }

    fn address(self) -> SocketAddr {
        match self {
            Self::Direct => SocketAddr::from((API_V4, PORT)),
            Self::Front => SocketAddr::from((Ipv4Addr::LOCALHOST, FRONT)),
            Self::Explicit => SocketAddr::from((Ipv4Addr::LOCALHOST, EXPLICIT)),
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// Keep `connections` busy with requests of `up` bytes and answers of `down` bytes for `ms` milliseconds.
    Requests {
        /// HTTP/2, one stream a connection at a time; else HTTP/1.1.
        h2: bool,
        /// Bytes of each request body.
        up: usize,
        /// Bytes of each answer.
        down: usize,
        /// Connections kept open.
        connections: usize,
        /// How long.
        ms: u64,
    },
    /// New connections, each with a full handshake and one small request, `parallel` at a time, for `ms` milliseconds.
    Connections {
        /// How many at a time.
        parallel: usize,
        /// How long.
        ms: u64,
    },
    /// Opens `count` connections with one small request each and keeps them, beside those kept already.
    Keep {
        /// How many.
        count: usize,
    },
    /// The same with `count` streams of events that never end, one event every `micros` microseconds; each has brought one.
    Stream {
        /// How many.
        count: usize,
        /// Time between events.
        micros: u64,
    },
    /// Reads `streams` streams of `count` events, one every `micros` microseconds, and tells how late events were.
    Events {
        /// Streams at the same time.
        streams: usize,
        /// Events a stream.
        count: usize,
        /// Time between events.
        micros: u64,
    },
}

struct Client {
    route: Route,
    tls: [Arc<ClientConfig>; 2],
    kept: Vec<Sender>,
    /// Streams that are read for as long as the client lives.
    streams: usize,
}

/// One open connection.
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// Obeys orders until the end of standard input. Trusts the roots in `roots` and, if set, in `SSL_CERT_FILE`.
///
/// # Errors
/// When nothing answers at the start; an order that fails is answered with `failed`.
#[expect(clippy::print_stdout, reason = "the answers go there")]
pub fn obey(route: &str, roots: &[PathBuf]) -> Result<()> {
    let trusted = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let files: Vec<&Path> = roots.iter().chain(&trusted).map(AsRef::as_ref).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut client = Client {
        route: Route::parse(route)?,
        tls: [config(&files, false)?, config(&files, true)?],
        kept: Vec::new(),
        streams: 0,
    };
    runtime.block_on(client.reachable())?;
    println!("ready {}", std::process::id());
    for line in std::io::stdin().lock().lines() {
        let order = serde_json::from_str(&line?).context("an order")?;
        let done = runtime.block_on(client.carry_out(order));
        let answer = done.unwrap_or_else(|error| json!({ "failed": format!("{error:#}") }));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// No resumption, so that each connection costs what a first one costs.
fn config(files: &[&Path], h2: bool) -> Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::clone(&*pki::trusting(files)?);
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![if h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(Arc::new(config))
}

impl Client {
    /// A contender that was just started may not listen yet.
    async fn reachable(&self) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            match self.open(false).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => return Err(error.context("nothing answers")),
                Err(_) => {}
            }
        }
    }

    async fn carry_out(&mut self, order: Order) -> Result<Value> {
        match order {
            Order::Requests { h2, up, down, connections, ms } => {
                self.requests(h2, (up, down), connections, Duration::from_millis(ms)).await
            }
            Order::Connections { parallel, ms } => self.connections(parallel, Duration::from_millis(ms)).await,
            Order::Keep { count } => self.keep(count).await,
            Order::Stream { count, micros } => self.stream(count, micros).await,
            Order::Events { streams, count, micros } => self.events(streams, count, micros).await,
        }
    }

    async fn open(&self, h2: bool) -> Result<Sender> {
        let mut socket = TcpStream::connect(self.route.address()).await.context("connect")?;
        socket.set_nodelay(true)?;
        if self.route == Route::Explicit {
            tunnel(&mut socket).await.context("CONNECT")?;
        }
        let [one, two] = &self.tls;
        let connector = TlsConnector::from(Arc::clone(if h2 { two } else { one }));
        let stream = connector.connect(ServerName::try_from(API)?, socket).await.context("TLS")?;
        let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        ensure!(agreed == h2, "asked for HTTP/2: {h2}, agreed on it: {agreed}");
        let stream = TokioIo::new(stream);
        if h2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.initial_stream_window_size(1 << 20).initial_connection_window_size(4 << 20);
            let (sender, connection) = builder.handshake(stream).await?;
            tokio::spawn(connection);
            return Ok(Sender::Two(sender));
        }
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Sender::One(sender))
    }

    async fn requests(&self, h2: bool, (up, down): (usize, usize), count: usize, time: Duration) -> Result<Value> {
        let body = Bytes::from(text::json(up));
        let mut senders = Vec::new();
        for _ in 0..count {
            let mut sender = self.open(h2).await?;
            // One before the clock starts: the first request on a connection pays for what stands behind it to be set up.
            sender.exchange(&body, down).await?;
            senders.push(sender);
        }
        let done = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let end = start + time;
        let tasks = senders.into_iter().map(|mut sender| {
            let (done, body) = (Arc::clone(&done), body.clone());
            tokio::spawn(async move {
                while Instant::now() < end {
                    sender.exchange(&body, down).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        Ok(json!({ "count": done.load(Ordering::Relaxed), "seconds": start.elapsed().as_secs_f64() }))
    }

    async fn connections(&self, parallel: usize, time: Duration) -> Result<Value> {
        let body = Bytes::from(text::json(SMALL));
        let start = Instant::now();
        let end = start + time;
        let workers = (0..parallel).map(|_| async {
            let mut count = 0_u64;
            while Instant::now() < end {
                self.open(false).await?.exchange(&body, SMALL).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
        let mut count = 0;
        for done in join_all(workers.collect()).await {
            count += done?;
        }
        Ok(json!({ "count": count, "seconds": start.elapsed().as_secs_f64() }))
    }

    async fn keep(&mut self, count: usize) -> Result<Value> {
        let body = Bytes::from(text::json(SMALL));
        for _ in 0..count {
            let mut sender = self.open(false).await?;
            sender.exchange(&body, SMALL).await?;
            self.kept.push(sender);
        }
        Ok(json!({ "open": self.kept.len() }))
    }

    async fn stream(&mut self, count: usize, micros: u64) -> Result<Value> {
        for _ in 0..count {
            let mut sender = self.open(false).await?;
            let request = Request::get(format!("/events/{}/{micros}", u32::MAX)).header("host", authority());
            let response = sender.send(request.body(Full::default())?).await?;
            ensure!(response.status() == 200, "events were answered {}", response.status());
            let mut body = response.into_body();
            body.frame().await.context("a stream without an event")??;
            tokio::spawn(async move {
                let _open = sender;
                while let Some(Ok(_)) = body.frame().await {}
            });
            self.streams += 1;
        }
        Ok(json!({ "open": self.streams }))
    }

    async fn events(&self, streams: usize, count: usize, micros: u64) -> Result<Value> {
        let readers = (0..streams).map(|_| async {
            let mut sender = self.open(false).await?;
            let request = Request::get(format!("/events/{count}/{micros}")).header("host", authority());
            let response = sender.send(request.body(Full::default())?).await?;
            read_events(response).await
        });
        let mut late = Vec::new();
        for read in join_all(readers.collect()).await {
            let read = read?;
            ensure!(read.len() == count, "{} of {count} events came", read.len());
            late.extend(read);
        }
        late.sort_unstable();
        let at = |share: usize| late.get(late.len() * share / 100).copied().unwrap_or_default();
        Ok(json!({ "p50_ns": at(50), "p99_ns": at(99) }))
    }
}

/// Bytes of the body of a small request and its answer.
const SMALL: usize = 64;

/// How late each event was, in nanoseconds.
async fn read_events(response: Response<hyper::body::Incoming>) -> Result<Vec<u64>> {
    ensure!(response.status() == 200, "events were answered {}", response.status());
    let mut body = response.into_body();
    let (mut text, mut late) = (Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let now = monotonic_ns();
        let Ok(data) = frame?.into_data() else { continue };
        text.extend_from_slice(&data);
        while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            let json = event.strip_prefix(b"data: ").context("an event without data")?;
            let value: Value = serde_json::from_slice(json).context("an event's JSON")?;
            late.push(now.saturating_sub(value["at"].as_u64().context("when the event was sent")?));
        }
    }
    Ok(late)
}

impl Sender {
    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<hyper::body::Incoming>> {
        match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// One request and its answer, which must be a 200 of exactly `down` bytes.
    async fn exchange(&mut self, body: &Bytes, down: usize) -> Result<()> {
        let (target, host) = match self {
            Self::One(_) => (format!("/answer/{down}"), Some(authority())),
            Self::Two(_) => (format!("https://{}/answer/{down}", authority()), None),
        };
        let mut request = Request::post(target).header("content-type", "application/json");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let response = self.send(request.body(Full::new(body.clone()))?).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        ensure!(status == 200 && length == down, "answered {status} with {length} bytes instead of {down}");
        Ok(())
    }
}

fn authority() -> String {
    format!("{API}:{PORT}")
}

/// Asks an explicit proxy for a tunnel to the upstream.
async fn tunnel(socket: &mut TcpStream) -> Result<()> {
    let ask = format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", authority());
    socket.write_all(ask.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < 8192, "a head without end");
        head.push(socket.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 200") && !head.starts_with(b"HTTP/1.0 200") {
        bail!("{}", String::from_utf8_lossy(&head));
    }
    Ok(())
}

/// Drives futures that borrow, side by side on this task.
async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut left: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut done: Vec<Option<T>> = left.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (slot, result) in left.iter_mut().zip(&mut done) {
            if let Some(future) = slot
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = None;
                *result = Some(value);
            }
        }
        if left.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_line_it_is_written_on() {
        let order = Order::Requests { h2: true, up: 1, down: 2, connections: 3, ms: 4 };
        let line = serde_json::to_string(&order).unwrap();
        assert!(!line.contains('\n'));
        let Order::Requests { h2, up, down, connections, ms } = serde_json::from_str(&line).unwrap() else {
            panic!("another order: {line}");
        };
        assert_eq!((h2, up, down, connections, ms), (true, 1, 2, 3, 4));
    }

    #[test]
    fn routes_are_read_as_they_are_written() {
        for route in [Route::Direct, Route::Front, Route::Explicit] {
            assert_eq!(Route::parse(route.as_str()).unwrap(), route);
        }
        assert!(Route::parse("tunnel").is_err());
    }
}

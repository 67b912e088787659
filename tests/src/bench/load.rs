//! The load client: waits for a command a line on standard input and answers each with one line of JSON.
//!
//! `connect N` opens and resets N connections one after another and tells the median time of `connect()` alone.
//! `requests MS` keeps [`CONNECTIONS`] connections busy for that long and tells how many requests were answered. It knows
//! nothing of the gateway: the same process runs directly, past it, and through it.

use std::io::{BufRead, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::{BODY, PORT};
use crate::node::{API, API_V4};
use crate::pki;

/// Connections kept busy at the same time.
pub const CONNECTIONS: usize = 16;

/// Obeys commands until the end of standard input. Trusts the roots in `root_file` and, if set, in `SSL_CERT_FILE`.
///
/// # Errors
/// When a command fails.
#[expect(clippy::print_stdout, reason = "the answers go there")]
pub fn obey(root_file: &Path) -> Result<()> {
    let trusted = [Some(root_file.to_owned()), std::env::var_os("SSL_CERT_FILE").map(Into::into)];
    let tls = pki::trusting(&trusted.into_iter().flatten().collect::<Vec<_>>())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.split_once(' ') {
            Some(("connect", count)) => connect(count.parse()?)?,
            Some(("requests", milliseconds)) => {
                runtime.block_on(requests(Arc::clone(&tls), Duration::from_millis(milliseconds.parse()?)))?
            }
            _ => bail!("unknown command {line:?}"),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The median of `count` times of `connect()`; each connection is reset, so that no port waits in `TIME_WAIT`.
fn connect(count: usize) -> Result<serde_json::Value> {
    let target = SocketAddr::from((API_V4, PORT)).into();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_linger(Some(Duration::ZERO))?;
        let start = Instant::now();
        socket.connect(&target).context("connect")?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(serde_json::json!({ "median_ns": u64::try_from(times[count / 2].as_nanos())? }))
}

async fn requests(tls: Arc<ClientConfig>, duration: Duration) -> Result<serde_json::Value> {
    let done = Arc::new(AtomicU64::new(0));
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let socket = TcpStream::connect((API_V4, PORT)).context("connect")?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let socket = tokio::net::TcpStream::from_std(socket)?;
        let connector = TlsConnector::from(Arc::clone(&tls));
        let mut stream = connector.connect(ServerName::try_from(API)?, socket).await.context("TLS")?;
        // One before the clock starts: the first request on a connection pays for what stands behind it to be set up.
        exchange(&mut stream, &mut Vec::new()).await?;
        streams.push(stream);
    }
    let start = Instant::now();
    let end = start + duration;
    let tasks = streams.into_iter().map(|mut stream| {
        let done = Arc::clone(&done);
        tokio::spawn(async move {
            let mut buffer = Vec::with_capacity(1024);
            while Instant::now() < end {
                exchange(&mut stream, &mut buffer).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(serde_json::json!({ "requests": done.load(Ordering::Relaxed), "seconds": seconds }))
}

/// One request and its answer, which must be a 200 of exactly the expected length.
async fn exchange<S>(stream: &mut S, buffer: &mut Vec<u8>) -> Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    const HEAD: &str = "POST /echo HTTP/1.1\r\nHost: api.example.test:9443\r\nContent-Type: application/json\r\n";
    let request = format!("{HEAD}Content-Length: {}\r\n\r\n{BODY}", BODY.len());
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the connection ended within an answer");
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            ensure!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(buffer));
            if buffer.len() >= head + 4 + BODY.len() {
                return Ok(());
            }
        }
    }
}

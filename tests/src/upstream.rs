//! The Internet as the tests see it: servers that write down, byte for byte, what reached them.
//!
//! One thread inside the upstream network namespace serves TLS on 443 (HTTP/1.1 by `http1`, HTTP/2 by `http2`),
//! cleartext HTTP on 80, a protocol whose server speaks first on 25 and one that is neither HTTP nor TLS on 6379
//! (`plain`). Nothing is asserted here; tests read the [`Journal`]. Deliberately not a general web server: the answers
//! are as short as the clients accept.

mod http1;
mod http2;
mod journal;
mod plain;

use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub use journal::{Connection, Event, Journal, Request};
use journal::{Entry, Recorded};

use crate::sys;

/// TLS: HTTP/1.1 and HTTP/2.
pub const HTTPS: u16 = 443;
/// Cleartext HTTP/1.1.
pub const HTTP: u16 = 80;
/// The server speaks first.
pub const SMTP: u16 = 25;
/// A protocol the gateway does not open.
pub const REDIS: u16 = 6379;
/// TLS as on [`HTTPS`]; a second port for rules that name one.
pub const ALT_HTTPS: u16 = 8443;

/// What the SMTP double says on accept.
pub const SMTP_BANNER: &str = "220 mail.example.test ESMTP\r\n";

/// The running servers; dropped, they stop and their thread is joined.
#[derive(Debug)]
pub struct Upstream {
    journal: Arc<Journal>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<Result<()>>>>,
}

impl Upstream {
    /// Starts the servers on every address of the namespace and returns once they listen.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub fn start(net: &Arc<OwnedFd>, tls: Arc<ServerConfig>) -> Result<Self> {
        let journal = Arc::new(Journal::default());
        let (stop, stopped) = oneshot::channel();
        let (ready, listening) = std::sync::mpsc::channel();
        let thread = sys::spawn_in_network("upstream", net, {
            let journal = Arc::clone(&journal);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
                runtime.block_on(async {
                    let listeners = bind_all();
                    let failed = listeners.is_err();
                    // The receiver waits for exactly this message, so it cannot be gone.
                    ready.send(listeners.as_ref().map(|_| ()).map_err(|e| anyhow!("{e:#}"))).ok();
                    if failed {
                        return;
                    }
                    for (kind, listener) in listeners.into_iter().flatten() {
                        tokio::spawn(accept_loop(
                            listener,
                            kind,
                            TlsAcceptor::from(Arc::clone(&tls)),
                            Arc::clone(&journal),
                        ));
                    }
                    stopped.await.ok();
                });
                Ok(())
            }
        })
        .context("starting the upstream thread")?;
        let upstream = Self { journal, stop: Some(stop), thread: Some(thread) };
        listening.recv().context("the upstream thread ended before it listened")??;
        Ok(upstream)
    }

    /// What has reached the servers so far.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread already printed its message; the test that depends on it fails by its own deadline.
            thread.join().ok();
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Tls,
    Http,
    Smtp,
    Redis,
}

fn bind_all() -> Result<Vec<(Kind, TcpListener)>> {
    [(Kind::Tls, HTTPS), (Kind::Tls, ALT_HTTPS), (Kind::Http, HTTP), (Kind::Smtp, SMTP), (Kind::Redis, REDIS)]
        .into_iter()
        .map(|(kind, port)| {
            let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None)?;
            // One dual-stack socket a port: IPv4 peers appear as v4-mapped and are recorded as IPv4.
            socket.set_only_v6(false)?;
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
            socket.listen(1024)?;
            anyhow::Ok((kind, TcpListener::from_std(socket.into())?))
        })
        .collect::<Result<Vec<_>>>()
        .context("binding the upstream's ports")
}

async fn accept_loop(listener: TcpListener, kind: Kind, tls: TlsAcceptor, journal: Arc<Journal>) {
    while let Ok((stream, peer)) = listener.accept().await {
        let Ok(local) = stream.local_addr() else { continue };
        // Without this the two short writes of an answer wait for each other's acknowledgement.
        stream.set_nodelay(true).ok();
        let entry = journal.open(canonical(peer), canonical(local));
        tokio::spawn(serve(stream, kind, tls.clone(), entry));
    }
}

async fn serve(stream: TcpStream, kind: Kind, tls: TlsAcceptor, entry: Entry) {
    let outcome = match kind {
        Kind::Http => http1::serve(Recorded::new(stream, entry.clone()), &entry).await,
        Kind::Smtp => plain::smtp(Recorded::new(stream, entry.clone()), &entry).await,
        Kind::Redis => plain::redis(Recorded::new(stream, entry.clone()), &entry).await,
        Kind::Tls => serve_tls(stream, tls, &entry).await,
    };
    entry.close(outcome.err().map(|error| error.to_string()));
}

async fn serve_tls(stream: TcpStream, tls: TlsAcceptor, entry: &Entry) -> std::io::Result<()> {
    let stream = tls.accept(stream).await?;
    let session = stream.get_ref().1;
    let alpn = session.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
    entry.tls(session.server_name().map(str::to_owned), alpn.clone());
    let stream = Recorded::new(stream, entry.clone());
    if alpn.as_deref() == Some("h2") { http2::serve(stream, entry).await } else { http1::serve(stream, entry).await }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

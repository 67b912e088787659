//! What reached the upstream double, in order.
//!
//! Everything is copied here before it is parsed, so that a test can look for a secret also in what was no valid request.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One connection that reached the upstream.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who connected, v4-mapped addresses as IPv4.
    pub peer: SocketAddr,
    /// The address it connected to.
    pub local: SocketAddr,
    /// The server name of its `ClientHello`.
    pub sni: Option<String>,
    /// The application protocol that was agreed on.
    pub alpn: Option<String>,
    /// Everything it sent, under TLS if there was any.
    pub received: Vec<u8>,
    /// The HTTP requests among that. An HTTP/2 request stands here as soon as its head arrived.
    pub requests: Vec<Request>,
    /// What was said by whom, in order, for protocols where the order is the point.
    pub events: Vec<Event>,
    /// Whether it has ended, and with which error if not cleanly.
    pub closed: Option<Option<String>>,
}

/// One HTTP request as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: &'static str,
    /// The method as sent.
    pub method: String,
    /// Request target: the path for HTTP/2.
    pub target: String,
    /// Header lines in order, with the letter case they arrived in; pseudo header fields of HTTP/2 come first.
    pub headers: Vec<(String, String)>,
    /// The body, transfer coding removed.
    pub body: Vec<u8>,
    /// Head and framed body exactly as they arrived; empty for HTTP/2, whose header compression has state.
    pub raw: Vec<u8>,
    /// Whether the end of the body was seen.
    pub complete: bool,
}

impl Request {
    /// The value of the first header of that name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Something said on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The upstream wrote this.
    Sent(Vec<u8>),
    /// The upstream read this.
    Received(Vec<u8>),
}

/// All connections since the start, oldest first.
#[derive(Debug, Default)]
pub struct Journal {
    connections: Mutex<Vec<Connection>>,
    changed: Condvar,
}

impl Journal {
    /// A copy of every connection so far.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.lock().clone()
    }

    /// How many connections there were so far.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.lock().len()
    }

    /// A copy of every request so far, oldest connection first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.lock().iter().flat_map(|connection| connection.requests.clone()).collect()
    }

    /// The connections that came after the first `count`.
    #[must_use]
    pub fn since(&self, count: usize) -> Vec<Connection> {
        self.lock().iter().skip(count).cloned().collect()
    }

    /// Waits until `holds` is true of the connections.
    ///
    /// # Errors
    /// After `deadline`, naming `what` and printing the journal.
    pub fn wait_for(&self, what: &str, deadline: Duration, holds: impl Fn(&[Connection]) -> bool) -> Result<()> {
        let end = Instant::now() + deadline;
        let mut connections = self.lock();
        while !holds(&connections) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("the upstream did not see {what} within {deadline:?}; it saw {connections:#?}");
            }
            connections = self.changed.wait_timeout(connections, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    pub(super) fn open(self: &Arc<Self>, peer: SocketAddr, local: SocketAddr) -> Entry {
        let mut connections = self.lock();
        connections.push(Connection {
            peer,
            local,
            sni: None,
            alpn: None,
            received: Vec::new(),
            requests: Vec::new(),
            events: Vec::new(),
            closed: None,
        });
        self.changed.notify_all();
        Entry { journal: Arc::clone(self), index: connections.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        // A panic while holding the lock leaves at worst a half-written record, which the test then sees.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection in the journal.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    journal: Arc<Journal>,
    index: usize,
}

impl Entry {
    pub(super) fn tls(&self, sni: Option<String>, alpn: Option<String>) {
        self.update(|connection| (connection.sni, connection.alpn) = (sni, alpn));
    }

    pub(super) fn event(&self, event: Event) {
        self.update(|connection| connection.events.push(event));
    }

    pub(super) fn request(&self, request: Request) -> usize {
        self.update(|connection| {
            connection.requests.push(request);
            connection.requests.len() - 1
        })
    }

    pub(super) fn with_request(&self, number: usize, change: impl FnOnce(&mut Request)) {
        self.update(|connection| connection.requests.get_mut(number).map(change));
    }

    pub(super) fn close(&self, error: Option<String>) {
        self.update(|connection| connection.closed = Some(error));
    }

    fn update<T>(&self, change: impl FnOnce(&mut Connection) -> T) -> T {
        let mut connections = self.journal.lock();
        let result = change(&mut connections[self.index]);
        self.journal.changed.notify_all();
        result
    }
}

/// A stream whose read bytes go into the journal before anybody parses them.
#[derive(Debug)]
pub(super) struct Recorded<S> {
    stream: S,
    entry: Entry,
}

impl<S> Recorded<S> {
    pub(super) fn new(stream: S, entry: Entry) -> Self {
        Self { stream, entry }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let fresh = buffer.filled()[before..].to_vec();
        self.entry.update(|connection| connection.received.extend(fresh));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

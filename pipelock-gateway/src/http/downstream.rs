//! The workload's leg as hyper sees it: two things hyper has no setting for.
//!
//! *A head must arrive promptly, an idle connection may wait.* hyper's header timeout starts when it begins to wait, so it
//! cannot be both; it is used for idleness, and this measures from the first byte of a head.
//!
//! *An answer must survive a body that nobody reads.* Closing a socket with unread bytes makes the kernel send RST, which
//! throws away an answer the client has not read yet: a client that is still uploading would see a reset instead of 403 or
//! 413. So after such an answer the write side is closed first and the rest is read and dropped for a while.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::log::Tally;
use super::rest::{Restful, Unsettled};
use super::upstream::Refusal;

/// How long an unread body is drained after the answer; nginx's `lingering_timeout` and `lingering_time` bracket it.
const LINGER: Duration = Duration::from_secs(10);

/// Set when an answer is given while the request body is still arriving.
#[derive(Debug, Default)]
pub(super) struct Unread(AtomicBool);

impl Unread {
    pub(super) fn set(&self) {
        self.0.store(true, Relaxed);
    }
}

/// The workload's leg, over TLS or not.
pub(super) struct Downstream<I> {
    io: Restful<I>,
    tally: Arc<Tally>,
    unread: Arc<Unread>,
    /// `None` on HTTP/2, where streams interleave and a connection has no moment of waiting for a head.
    head_timeout: Option<Duration>,
    /// Runs while a head is arriving.
    arriving: Option<Arriving>,
    closing: Closing,
}

/// A head of which bytes were read.
struct Arriving {
    deadline: Instant,
    /// Made when the rest of it has to be waited for, which is rare.
    alarm: Option<Pin<Box<Sleep>>>,
    /// How many requests had been served when its first byte came: another number means that it has become a request.
    after: u32,
}

enum Closing {
    No,
    Draining { until: Pin<Box<Sleep>> },
    Done,
}

impl<I> Downstream<I> {
    pub(super) fn new(io: I, tally: Arc<Tally>, unread: Arc<Unread>, head_timeout: Option<Duration>) -> Self {
        Self { io: Restful::new(io), tally, unread, head_timeout, arriving: None, closing: Closing::No }
    }

    /// Tells later whether everything that was written has left.
    pub(super) fn unsettled(&self) -> Unsettled {
        self.io.unsettled()
    }

    /// Puts back what was read of it.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.io.unread(bytes);
    }

    /// Whether part of a head was read that has not become a request.
    fn mid_head(&self) -> bool {
        self.arriving.as_ref().is_some_and(|head| head.after == self.tally.requests.load(Relaxed))
    }
}

impl<I: AsyncRead + Unpin> Downstream<I> {
    /// See [`Restful::poll_stir`].
    pub(super) fn poll_stir(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.io.poll_stir(cx)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Downstream<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.tally.moved.fetch_add(1, Relaxed);
        }
        let Some(head_timeout) = self.head_timeout else {
            return read;
        };
        if !self.mid_head() {
            self.arriving = None;
        }
        let has_read = read.is_ready() && buf.filled().len() > before;
        if has_read && self.arriving.is_none() && self.tally.awaiting_head.load(Relaxed) {
            let (deadline, after) = (Instant::now() + head_timeout, self.tally.requests.load(Relaxed));
            self.arriving = Some(Arriving { deadline, alarm: None, after });
            self.tally.in_head.store(true, Relaxed);
        }
        if let (Poll::Pending, Some(head)) = (&read, &mut self.arriving) {
            let alarm = head.alarm.get_or_insert_with(|| Box::pin(sleep_until(head.deadline)));
            ready!(alarm.as_mut().poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "request head took too long")));
        }
        read
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Downstream<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if written.is_ready() {
            self.tally.moved.fetch_add(1, Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.closing {
                Closing::No => {
                    ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
                    // Mid-head, hyper has answered 400 or 431 by itself.
                    this.closing = if this.unread.0.load(Relaxed) || this.mid_head() {
                        Closing::Draining { until: Box::pin(sleep_until(Instant::now() + LINGER)) }
                    } else {
                        Closing::Done
                    };
                }
                Closing::Draining { until } => {
                    let over = until.as_mut().poll(cx).is_ready() || ready!(poll_discard(&mut this.io, cx));
                    if over {
                        this.closing = Closing::Done;
                    }
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        if written.is_ready() {
            self.tally.moved.fetch_add(1, Relaxed);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// The upstream's leg: says when something moves on it, and when it is refused.
pub(super) struct Moving<I> {
    io: I,
    tally: Arc<Tally>,
    refusal: Option<Arc<Refusal>>,
}

impl<I> Moving<I> {
    pub(super) fn new(io: I, tally: Arc<Tally>, refusal: Option<Arc<Refusal>>) -> Self {
        Self { io, tally, refusal }
    }

    fn note<T>(&self, polled: Poll<T>) -> Poll<T> {
        if polled.is_ready() {
            self.tally.moved.fetch_add(1, Relaxed);
        }
        polled
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Moving<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if let (Poll::Ready(Err(error)), Some(refusal)) = (&read, &self.refusal) {
            refusal.note(error);
        }
        self.note(read)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Moving<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// Reads and drops one buffer; `true` when the other side is done, in whatever way.
fn poll_discard<I: AsyncRead + Unpin>(io: &mut I, cx: &mut Context<'_>) -> Poll<bool> {
    let mut waste = [0; 4096];
    let mut buf = ReadBuf::new(&mut waste);
    match ready!(Pin::new(io).poll_read(cx, &mut buf)) {
        Ok(()) => Poll::Ready(buf.filled().is_empty()),
        Err(_) => Poll::Ready(true),
    }
}

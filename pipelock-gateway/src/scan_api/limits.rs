//! Bounds of the Scan API that are not sizes: how often a token may ask, and how long an answer may lie untaken.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A bucket for each token: it holds `burst` questions and is filled evenly.
pub(super) struct Buckets {
    per_second: f64,
    burst: f64,
    levels: Vec<Mutex<(f64, Instant)>>,
}

impl Buckets {
    pub(super) fn new(tokens: usize, per_minute: u32, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst);
        let levels = (0..tokens).map(|_| Mutex::new((burst, now))).collect();
        Self { per_second: f64::from(per_minute) / 60.0, burst, levels }
    }

    /// Takes one question out of a bucket, or says in how many whole seconds there will be one.
    pub(super) fn take(&self, token: usize, now: Instant) -> Result<(), u32> {
        let Some(bucket) = self.levels.get(token) else { return Err(60) };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, at) = *bucket;
        let filled = (level + now.saturating_duration_since(at).as_secs_f64() * self.per_second).min(self.burst);
        if filled < 1.0 {
            *bucket = (filled, now);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1 and 60, and `as` saturates"
            )]
            return Err(((1.0 - filled) / self.per_second).ceil().max(1.0) as u32);
        }
        *bucket = (filled - 1.0, now);
        Ok(())
    }
}

/// A stream whose writes fail when the peer takes nothing for too long.
pub(super) struct Patient {
    stream: TcpStream,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, waiting: None }
    }

    fn bounded<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.waiting = None;
            return wrote;
        }
        let patience = self.patience;
        #[expect(clippy::disallowed_methods, reason = "the time that a write may take, polled beside it")]
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.bounded(cx, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bounded(cx, closed)
    }
}

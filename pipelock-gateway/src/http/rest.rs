//! A stream that can be watched without hyper, so that an idle connection needs none of hyper's buffers.
//!
//! Four buffers of 8 KiB are what hyper holds for two idle legs, and nothing is in them. Between requests its halves are taken
//! apart and only the streams are kept; the first byte of either side puts them together again.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream, what was read of it too early, and whether everything written has left.
pub(super) struct Restful<I> {
    io: I,
    /// Comes before what the stream says next.
    unread: Bytes,
    /// Bytes were written and not flushed.
    unsettled: Unsettled,
}

/// Whether bytes were written to a stream and not flushed, for who has given the stream away.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsettled(Arc<AtomicBool>);

impl Unsettled {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl<I> Restful<I> {
    pub(super) fn new(io: I) -> Self {
        Self { io, unread: Bytes::new(), unsettled: Unsettled::default() }
    }

    /// Puts back what was read of it. Copied: `bytes` is the end of a read buffer, which it would keep in memory, nearly always
    /// for nothing.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.unread = [bytes, &self.unread].concat().into();
        }
    }

    /// Tells later whether everything that was written has left.
    pub(super) fn unsettled(&self) -> Unsettled {
        self.unsettled.clone()
    }
}

impl<I: AsyncRead + Unpin> Restful<I> {
    /// Ready when the other side says something, or nothing more; what it said is read again by the next reader.
    pub(super) fn poll_stir(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.unread.is_empty() {
            return Poll::Ready(());
        }
        // One byte tells. The end and an error are told again to who reads next.
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, &mut buffer) else { return Poll::Pending };
        if read.is_ok() && !buffer.filled().is_empty() {
            self.unread = Bytes::copy_from_slice(buffer.filled());
        }
        Poll::Ready(())
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Restful<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let taken = self.unread.len().min(buf.remaining());
        buf.put_slice(self.unread.get(..taken).unwrap_or_default());
        self.unread.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Restful<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.unsettled.0.store(true, Relaxed);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        if flushed.is_ready() {
            self.unsettled.0.store(false, Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unsettled.0.store(true, Relaxed);
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_stirs_a_stream_is_read_again() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut near = Restful::new(near);
        far.write_all(b"hello").await.unwrap();
        poll_fn(|cx| near.poll_stir(cx)).await;
        poll_fn(|cx| near.poll_stir(cx)).await;
        near.unread(b"say ");
        drop(far);
        let mut all = String::new();
        near.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "say hello");
        poll_fn(|cx| near.poll_stir(cx)).await;
        assert_eq!(near.read(&mut [0]).await.unwrap(), 0, "the end stirs, and is told again");
    }

    #[tokio::test]
    async fn a_stream_is_settled_once_it_was_flushed() {
        let (_far, near) = tokio::io::duplex(64);
        let mut near = Restful::new(near);
        let unsettled = near.unsettled();
        near.write_all(b"x").await.unwrap();
        assert!(unsettled.is_set());
        near.flush().await.unwrap();
        assert!(!unsettled.is_set());
    }
}

//! Who speaks first, and what: the race between both sides of a connection.
//!
//! Nothing is peeked with a fixed size: bytes are read into growing buffers until [`crate::sniff`] is certain, and are
//! replayed to whoever serves the connection. Silence is legitimate (pools open connections early); a half-said
//! greeting is not, because treating it as "unknown" would be a way around the scanner.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::model::Side;
use crate::sniff::{self, HostHint, MAX_HEAD_BYTES, Sniff, http1_host};

/// How long the first words may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A greeting that has begun must be complete after this.
    pub(super) greeting: Duration,
    /// Connections on which nobody says anything are closed after this.
    pub(super) silence: Duration,
}

/// What was said before the connection's protocol was certain. Both buffers must be replayed.
#[derive(Debug)]
pub(super) struct FirstBytes {
    /// What the workload's bytes are.
    pub(super) spoken: Spoken,
    /// Read from the workload.
    pub(super) from_downstream: Bytes,
    /// Read from the upstream.
    pub(super) from_upstream: Bytes,
}

/// The outcome of the race.
#[derive(Debug)]
pub(super) enum Spoken {
    /// The workload spoke, and this is what.
    Downstream(Sniff),
    /// The upstream spoke before the workload had said anything.
    ServerFirst,
    /// A side closed before anybody had said anything.
    Nothing,
}

/// Waits for the first words; `read` was read from the downstream already.
///
/// # Errors
/// The side that failed; [`io::ErrorKind::TimedOut`] for a greeting that stays incomplete, or a silence too long, and
/// [`io::ErrorKind::UnexpectedEof`] for a greeting cut short.
pub(super) async fn first_bytes<D, U>(
    downstream: &mut D,
    upstream: &mut U,
    read: Bytes,
    patience: Patience,
) -> Result<FirstBytes, (Side, io::Error)>
where
    D: AsyncRead + Unpin,
    U: AsyncRead + Unpin,
{
    let mut greeting = Greeting { bytes: BytesMut::from(read.as_ref()), head_ends: HeadEnd::default() };
    let mut from_upstream = BytesMut::new();
    let mut deadline = Instant::now() + patience.silence;
    let mut upstream_spoke = false;
    loop {
        let spoken = greeting.spoken(false);
        if let Some(spoken) = spoken {
            return Ok(greeting.done(spoken, from_upstream));
        }
        if !greeting.bytes.is_empty() {
            deadline = deadline.min(Instant::now() + patience.greeting);
        }
        tokio::select! {
            biased;
            read = downstream.read_buf(&mut greeting.bytes) => {
                if read.map_err(|e| (Side::Downstream, e))? == 0 {
                    let spoken = greeting.spoken(true).ok_or((Side::Downstream, io::ErrorKind::UnexpectedEof.into()))?;
                    return Ok(greeting.done(spoken, from_upstream));
                }
            }
            // Once it has spoken it is not asked again: what counts is what the workload has begun to say.
            read = upstream.read_buf(&mut from_upstream), if !upstream_spoke => {
                match (read.map_err(|e| (Side::Upstream, e))?, greeting.bytes.is_empty()) {
                    (0, true) => return Ok(greeting.done(Spoken::Nothing, from_upstream)),
                    (_, true) => return Ok(greeting.done(Spoken::ServerFirst, from_upstream)),
                    // An answer, or an end, before the end of the question does not make it another protocol.
                    (_, false) => upstream_spoke = true,
                }
            }
            () = tokio::time::sleep_until(deadline) => return Err((Side::Downstream, io::ErrorKind::TimedOut.into())),
        }
    }
}

/// What the workload has said so far.
struct Greeting {
    bytes: BytesMut,
    head_ends: HeadEnd,
}

impl Greeting {
    /// What it is; `None` while that is not certain. `ended` when nothing more will come.
    fn spoken(&mut self, ended: bool) -> Option<Spoken> {
        match sniff::classify(&self.bytes) {
            _ if self.bytes.is_empty() => ended.then_some(Spoken::Nothing),
            Sniff::NeedMore => None,
            // Rules go by host, so the whole head is awaited; a head cut short is the HTTP parser's to refuse.
            Sniff::Http1 if !ended && !self.head_ends.seen(&self.bytes) => None,
            sniffed => Some(Spoken::Downstream(sniffed)),
        }
    }

    fn done(self, spoken: Spoken, from_upstream: BytesMut) -> FirstBytes {
        FirstBytes { spoken, from_downstream: self.bytes.freeze(), from_upstream: from_upstream.freeze() }
    }
}

/// Finds the end of an HTTP/1 head without looking at a byte twice, however it trickles in.
#[derive(Default)]
struct HeadEnd {
    looked_at: usize,
}

impl HeadEnd {
    /// Whether an empty line has come, or more than a head may have.
    fn seen(&mut self, bytes: &[u8]) -> bool {
        // Three bytes back, because an empty line may straddle two reads.
        let news = bytes.get(self.looked_at.saturating_sub(3)..).unwrap_or_default();
        self.looked_at = bytes.len();
        let ends = |mark: &[u8]| memchr::memmem::find(news, mark).is_some();
        bytes.len() >= MAX_HEAD_BYTES || ((ends(b"\n\r\n") || ends(b"\n\n")) && http1_host(bytes) != HostHint::NeedMore)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    const PATIENCE: Patience = Patience { greeting: Duration::from_secs(30), silence: Duration::from_mins(10) };

    #[tokio::test]
    async fn an_early_answer_does_not_make_a_half_said_greeting_opaque() {
        let (mut client, mut downstream) = tokio::io::duplex(1024);
        let (mut server, mut upstream) = tokio::io::duplex(1024);
        let classified = tokio::spawn(async move {
            first_bytes(&mut downstream, &mut upstream, Bytes::new(), PATIENCE)
                .await
                .map(|first| (first.spoken, first.from_upstream))
        });
        client.write_all(b"POST /").await.unwrap();
        server.write_all(b"!").await.unwrap();
        client.write_all(b" HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
        let (spoken, from_upstream) = classified.await.unwrap().unwrap();
        assert!(matches!(spoken, Spoken::Downstream(Sniff::Http1)), "{spoken:?}");
        assert!(from_upstream.is_empty() || from_upstream.as_ref() == b"!");
    }

    #[tokio::test]
    async fn bytes_that_came_with_connect_are_all_kept() {
        let (_client, mut downstream) = tokio::io::duplex(16);
        let (_server, mut upstream) = tokio::io::duplex(16);
        let request = [b"POST / HTTP/1.1\r\nHost: a.test\r\n\r\n".as_slice(), &[b'x'; 10_000]].concat();
        let first = first_bytes(&mut downstream, &mut upstream, Bytes::from(request.clone()), PATIENCE).await.unwrap();
        assert_eq!(first.from_downstream, request);
    }

    #[tokio::test]
    async fn a_banner_is_heard_at_once() {
        let (_client, mut downstream) = tokio::io::duplex(16);
        let (mut server, mut upstream) = tokio::io::duplex(16);
        server.write_all(b"220 ready\r\n").await.unwrap();
        let first = first_bytes(&mut downstream, &mut upstream, Bytes::new(), PATIENCE).await.unwrap();
        assert!(matches!(first.spoken, Spoken::ServerFirst));
        assert_eq!(first.from_upstream.as_ref(), b"220 ready\r\n");
    }
}

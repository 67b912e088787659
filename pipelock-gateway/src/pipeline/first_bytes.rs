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
use crate::sniff::{self, HostHint, OpaqueKind, Sniff};

/// A started greeting must be complete after this (gateway.md §11).
const GREETING_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections on which nobody says anything are closed after this (gateway.md §11, stream idle).
const SILENCE_TIMEOUT: Duration = Duration::from_secs(600);

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
) -> Result<FirstBytes, (Side, io::Error)>
where
    D: AsyncRead + Unpin,
    U: AsyncRead + Unpin,
{
    let mut from_downstream = BytesMut::with_capacity(2048);
    // Replayed in front, so that a greeting that came along with a CONNECT head is classified before anything is read.
    let downstream = &mut read.chain(downstream);
    let mut from_upstream = BytesMut::new();
    let mut deadline = Instant::now() + SILENCE_TIMEOUT;
    loop {
        let spoken = tokio::select! {
            biased;
            read = downstream.read_buf(&mut from_downstream) => {
                let ended = read.map_err(|e| (Side::Downstream, e))? == 0;
                match sniff::classify(&from_downstream) {
                    _ if ended && from_downstream.is_empty() => Some(Spoken::Nothing),
                    Sniff::NeedMore if ended => return Err((Side::Downstream, io::ErrorKind::UnexpectedEof.into())),
                    Sniff::NeedMore => None,
                    // Rules go by host, so the whole head is awaited; a head cut short is the HTTP parser's to refuse.
                    Sniff::Http1 if !ended && sniff::http1_host(&from_downstream) == HostHint::NeedMore => None,
                    sniffed => Some(Spoken::Downstream(sniffed)),
                }
            }
            read = upstream.read_buf(&mut from_upstream) => {
                match (read.map_err(|e| (Side::Upstream, e))?, from_downstream.is_empty()) {
                    (0, _) => Some(Spoken::Nothing),
                    (_, true) => Some(Spoken::ServerFirst),
                    (_, false) => Some(Spoken::Downstream(match sniff::classify(&from_downstream) {
                        // An answer before the end of the question does not make it another protocol.
                        Sniff::Http1 => Sniff::Http1,
                        // It answers half a greeting; whatever that protocol is, it is none that is opened here.
                        _ => Sniff::Opaque(OpaqueKind::Unknown),
                    })),
                }
            }
            () = tokio::time::sleep_until(deadline) => return Err((Side::Downstream, io::ErrorKind::TimedOut.into())),
        };
        if let Some(spoken) = spoken {
            return Ok(FirstBytes {
                spoken,
                from_downstream: from_downstream.freeze(),
                from_upstream: from_upstream.freeze(),
            });
        }
        deadline = deadline.min(Instant::now() + GREETING_TIMEOUT);
    }
}

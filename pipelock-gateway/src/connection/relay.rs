//! Bytes both ways, unopened, with half-closes carried across.
//!
//! User-space copy: measured faster than sockmap and no slower than splice on loopback (kernel-datapath.md §10).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::model::Side;

/// Small flows must not cost much memory; 16 KiB is one TLS record.
const FIRST_BUFFER_BYTES: usize = 16 * 1024;
/// Bulk flows get this after a few full reads; measured 0.64 of direct against 0.52 with 64 KiB.
const BULK_BUFFER_BYTES: usize = 256 * 1024;
/// Full reads in a row that make a flow a bulk flow.
const BULK_AFTER_FULL_READS: u32 = 8;

/// Relays until both directions have ended, or either fails, or nothing moved for `idle`.
///
/// The first end of one direction is passed on as a half-close; the other goes on. Dropping the future drops both
/// streams where they are.
///
/// # Errors
/// The side whose socket failed, with the kernel's word for it; idleness is [`io::ErrorKind::TimedOut`] on
/// [`Side::Gateway`].
pub async fn relay<D, U>(downstream: D, upstream: U, idle: Duration) -> Result<(), (Side, io::Error)>
where
    D: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let (mut down_read, mut down_write) = tokio::io::split(downstream);
    let (mut up_read, mut up_write) = tokio::io::split(upstream);
    let activity = Activity::default();
    let up = pump(&mut down_read, &mut up_write, Side::Downstream, Side::Upstream, &activity);
    let down = pump(&mut up_read, &mut down_write, Side::Upstream, Side::Downstream, &activity);
    tokio::select! {
        result = async { tokio::try_join!(up, down) } => result.map(|_| ()),
        () = activity.idle_for(idle) => Err((Side::Gateway, io::ErrorKind::TimedOut.into())),
    }
}

async fn pump<R, W>(
    read: &mut R,
    write: &mut W,
    from: Side,
    to: Side,
    activity: &Activity,
) -> Result<(), (Side, io::Error)>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; FIRST_BUFFER_BYTES];
    let mut full_reads = 0;
    loop {
        let n = read.read(&mut buffer).await.map_err(|e| (from, e))?;
        activity.mark();
        let Some(chunk) = buffer.get(..n).filter(|chunk| !chunk.is_empty()) else { break };
        write.write_all(chunk).await.map_err(|e| (to, e))?;
        write.flush().await.map_err(|e| (to, e))?;
        full_reads = if n == buffer.len() { full_reads + 1 } else { 0 };
        if full_reads == BULK_AFTER_FULL_READS && buffer.len() < BULK_BUFFER_BYTES {
            buffer.resize(BULK_BUFFER_BYTES, 0);
        }
    }
    // The peer may be gone already; then the other direction says so.
    match write.shutdown().await {
        Err(error) if error.kind() != io::ErrorKind::NotConnected => Err((to, error)),
        _ => Ok(()),
    }
}

/// Whether anything moved lately, without a timer per read.
#[derive(Default)]
struct Activity(AtomicU64);

impl Activity {
    fn mark(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends once a whole period passed without a mark; so it notices between one and two periods after the last.
    async fn idle_for(&self, period: Duration) {
        let mut ticks = tokio::time::interval(period);
        ticks.tick().await;
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            ticks.tick().await;
            let now = self.0.load(Ordering::Relaxed);
            if std::mem::replace(&mut seen, now) == now {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn half_close_goes_across_and_the_answer_still_comes() {
        let (mut client, downstream) = tokio::io::duplex(1024);
        let (mut server, upstream) = tokio::io::duplex(1024);
        let relaying = tokio::spawn(relay(downstream, upstream, Duration::from_secs(600)));
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        got.clear();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"answer");
        relaying.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_relay_ends() {
        let (_client, downstream) = tokio::io::duplex(8);
        let (_server, upstream) = tokio::io::duplex(8);
        let (side, error) = relay(downstream, upstream, Duration::from_secs(600)).await.unwrap_err();
        assert_eq!((side, error.kind()), (Side::Gateway, io::ErrorKind::TimedOut));
    }
}

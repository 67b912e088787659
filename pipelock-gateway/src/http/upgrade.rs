//! Copies bytes after a protocol switch that may pass unjudged.
//!
//! Which is only in audit mode: elsewhere a request that asks to switch is refused before it is forwarded, because a
//! `WebSocket` would be a way around the judge. Frames are not parsed here yet.

use std::sync::Arc;

use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::exchange::Connection;
use super::log::ExchangeLog;
use crate::model::Limit;

/// Starts the copy and returns the head of the `101` answer. The exchange stays open in the log until either side closes.
pub(super) fn relay(
    connection: &Arc<Connection>,
    mut response: Response<Incoming>,
    downstream: OnUpgrade,
    log: &Arc<ExchangeLog>,
) -> Response<()> {
    let upstream = hyper::upgrade::on(&mut response);
    let (log, of) = (Arc::clone(log), Arc::clone(connection));
    connection.tasks.start(async move {
        let (Ok(downstream), Ok(upstream)) = tokio::join!(downstream, upstream) else {
            return;
        };
        let (mut downstream, mut upstream) = (TokioIo::new(downstream), TokioIo::new(upstream));
        // An error is one side being gone; the other is closed by dropping it, which is what it would have seen.
        let copied = tokio::select! {
            copied = copy_bidirectional(&mut downstream, &mut upstream) => copied,
            () = of.tally.stalled(of.limits.stream_idle) => {
                of.inspect.limit_reached(Limit::StreamIdleTimeout);
                return;
            }
            () = of.forbidden.cancelled() => return,
        };
        if let Ok((up, down)) = copied {
            log.request_body(usize::try_from(up).unwrap_or(usize::MAX));
            log.response_body(usize::try_from(down).unwrap_or(usize::MAX));
        }
    });
    response.map(|_| ())
}

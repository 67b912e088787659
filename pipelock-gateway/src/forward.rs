//! The explicit proxy door, for clients that were told of a proxy: CONNECT and requests in absolute form, into the same
//! pipeline as captured traffic.
//!
//! It learns a destination from text a client chose, so it is also the place that keeps this gateway from being a door into
//! private networks: names are resolved once, every address is checked, and only a checked address is dialled. It opens no
//! TLS and judges no content. One port also answers questions about the gateway itself ([`AnswerLocal`]). Next: a
//! [`Tunnel`], which the pipeline implements, takes the bytes that follow the CONNECT head.

mod absolute;
mod access;
mod refusal;
mod route;
mod serve;
mod target;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Method, Response};
use tokio::io::DuplexStream;
use tokio::net::TcpStream;

use crate::model::{DenyReason, PeerName, Workload};

pub use absolute::forwards;
pub use access::{Access, Credentials};
pub use serve::{Door, Handed, Hatch};

/// Ports every configuration may CONNECT to: https and http. Others are what makes an open proxy a pivot.
pub const DEFAULT_PORTS: [u16; 2] = [443, 80];

/// The word in `X-Pipelock-Blocked` that tells our refusals from an origin's.
const BLOCKED: HeaderName = HeaderName::from_static("x-pipelock-blocked");

/// Bounds of the door. All of them, so that a test can make each of them small.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections at once; one more is reset.
    pub max_connections: usize,
    /// Tunnels at once, fewer than connections, so that a gateway full of tunnels still answers its liveness probe.
    pub max_tunnels: usize,
    /// From accept, or from the end of the last answer, to the end of a request head.
    pub header_timeout: Duration,
    /// For [`Tunnel::open`]. Longer than the pipeline's own connect timeout, which knows better what happened.
    pub open_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_tunnels: 960,
            header_timeout: Duration::from_secs(15),
            open_timeout: Duration::from_secs(15),
        }
    }
}

/// A CONNECT request whose destination may be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// The host it named. The inner TLS session must be for the same one.
    pub host: PeerName,
    /// The port it named.
    pub port: u16,
    /// Where that is: never empty, every one checked, in the resolver's order. To be dialled as they are; resolving the name
    /// again would undo the check (DNS rebinding).
    pub addrs: Vec<SocketAddr>,
    /// Who asks.
    pub peer: SocketAddr,
    /// Which workload that is, when its connection was captured on the way here.
    pub workload: Option<Workload>,
}

/// A CONNECT request that a rule refused before anything was dialled, to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedConnect {
    /// The host it named.
    pub host: PeerName,
    /// The port it named.
    pub port: u16,
    /// Who asked.
    pub peer: SocketAddr,
    /// Why not.
    pub reason: DenyReason,
}

/// The way on from this door. Implemented by the pipeline.
pub trait Tunnel: Send + Sync + 'static {
    /// An upstream connection that waits for the client's bytes.
    type Opened: Opened;

    /// Dials one of the checked addresses. The client is told 200 when this succeeds, and not before.
    ///
    /// Dropping the future cancels: the client hung up, or the time was over. The implementation records its own failures.
    fn open(&self, request: ConnectRequest) -> impl Future<Output = Result<Self::Opened, TunnelError>> + Send;

    /// Dials for requests in absolute form: what is sent on the leg is judged and goes to that server, over TLS if `https`.
    ///
    /// Dropping the future cancels. The implementation records its own failures.
    fn forward(&self, request: ConnectRequest, https: bool) -> impl Future<Output = Result<Leg, TunnelError>> + Send;

    /// Takes note of a request that came to nothing by a rule of this door. Must not block.
    fn refused(&self, refused: RefusedConnect);
}

/// A dialled upstream. Dropped without [`Opened::run`] when the client was gone before it could be answered.
pub trait Opened: Send + 'static {
    /// Serves the tunnel until both sides are done.
    fn run(self, client: Tunnelled) -> impl Future<Output = ()> + Send;
}

/// A stream on which HTTP/1.1 requests in origin form are judged and answered. It may be used for several.
#[derive(Debug)]
pub struct Leg {
    /// Our end.
    pub stream: DuplexStream,
    /// Refusals by the judge carry a request id that begins so.
    pub own_ids: Arc<str>,
}

/// The client's side of a tunnel, after the 200 was sent.
#[derive(Debug)]
pub struct Tunnelled {
    /// The socket.
    pub stream: TcpStream,
    /// What the client sent behind the CONNECT head and was read with it; comes before anything `stream` yields.
    pub read: Bytes,
}

/// Why a tunnel was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// Policy refused it. Answered with 403.
    #[error("refused: {}", .0.as_str())]
    Denied(DenyReason),
    /// The upstream's certificate does not verify, or it does not speak TLS. Answered with 502.
    #[error("TLS with the upstream")]
    Tls(#[source] io::Error),
    /// TLS would have to be opened, and the configuration does not. Answered with 501.
    #[error("tls_interception is off")]
    NoTls,
    /// None of the addresses took the connection. Answered with 502.
    #[error("upstream cannot be reached")]
    Unreachable(#[source] io::Error),
    /// None of the addresses answered in time. Answered with 504.
    #[error("upstream did not answer in time")]
    TimedOut,
    /// A limit of the gateway is reached. Answered with 503.
    #[error("too many connections")]
    Overloaded,
}

/// What the configuration in force says about destinations.
pub trait Rules: Send + Sync + 'static {
    /// Who may use the proxy.
    fn access(&self) -> Arc<Access>;

    /// Whether the name may be asked for at all. Asked before it is resolved, because a DNS question carries data out, too.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, host: &PeerName, port: u16) -> Result<(), DenyReason>;

    /// Whether an address that `host` is, or resolved to, may be dialled. The door's own address need not be known here.
    ///
    /// # Errors
    /// Why not.
    fn check_address(&self, host: &PeerName, address: SocketAddr) -> Result<(), DenyReason>;
}

/// Answers requests for the gateway itself.
pub trait AnswerLocal: Send + Sync + 'static {
    /// The answer; 404 for a path it does not know. `path` comes without the query.
    fn answer(&self, method: &Method, path: &str) -> Response<Bytes>;
}

//! From a listener to a [`Connection`]: accept, ask the datapath where the socket meant to go, apply limits.
//!
//! A socket that nothing steered is reset and counted, never guessed about. This module reads no byte of the stream;
//! the next stage, [`crate::sniff`], does. Dialling and relaying live here too, because both are about sockets only.

mod dial;
mod gate;
mod pulse;
mod relay;
mod stream;
pub mod targets;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::capture::{self, Datapath, FlowTuple, ResolverSocket, Steered};
use crate::model::{ConnId, DenyReason, Limit, NetnsCookie, OriginalDst, Target, Workload};

pub use dial::Dialer;
pub use gate::{Gate, Permit};
pub use pulse::{Pulse, TURN, Turning};
pub use relay::relay;
pub use stream::{ByteCounts, Counted};
pub use targets::Targets;

/// How long the accept loop waits after the process ran out of descriptors.
///
/// Long enough that a few connections end, short enough that clients do not notice (gateway.md §11).
const EMFILE_PAUSE: Duration = Duration::from_millis(50);

/// An accepted socket whose origin is known.
#[derive(Debug)]
pub struct Connection {
    /// Its number.
    pub id: ConnId,
    /// The downstream socket; `TCP_NODELAY` is set.
    pub stream: TcpStream,
    /// The workload's end.
    pub peer: SocketAddr,
    /// Where it meant to go.
    pub original_dst: OriginalDst,
    /// Who opened it.
    pub workload: Workload,
    /// When it was accepted.
    pub accepted: Instant,
    /// Its place under the connection limits.
    pub permit: Permit,
}

/// A socket that was refused before it became a [`Connection`]; it has been reset.
#[derive(Debug)]
pub struct Refused {
    /// Its number.
    pub id: ConnId,
    /// The other end.
    pub peer: SocketAddr,
    /// Where it meant to go and who opened it, when something steered it.
    pub steered: Option<Steered>,
    /// Why.
    pub reason: DenyReason,
}

/// What went wrong between a listener and a connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The listener does not work any more.
    #[error("accepting on {listener}")]
    Accept {
        /// The listener's address.
        listener: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A socket for the upstream leg could not be made or marked.
    #[error("preparing a socket to {address}")]
    PrepareSocket {
        /// Where it was to go.
        address: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The datapath refused to mark a socket as the gateway's own.
    #[error("marking a socket to {address} as the gateway's own")]
    MarkOwn {
        /// Where it was to go.
        address: SocketAddr,
        /// What the datapath said.
        #[source]
        source: Box<capture::Error>,
    },
    /// There is no address to connect to.
    #[error("{name} has no address")]
    NoAddress {
        /// Who was asked for.
        name: String,
    },
    /// The upstream did not accept the connection.
    #[error("connecting to {address}")]
    Connect {
        /// The upstream.
        address: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The upstream did not answer in time.
    #[error("connecting to {address}: no answer in {timeout:?}")]
    ConnectTimeout {
        /// The upstream.
        address: SocketAddr,
        /// The limit.
        timeout: Duration,
    },
}

/// Hands out connection numbers; one a process, shared by all front doors.
#[derive(Debug, Default)]
pub struct ConnIds(AtomicU64);

impl ConnIds {
    /// The next number, from 1.
    pub fn next(&self) -> ConnId {
        ConnId(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// What becomes of accepted sockets.
pub trait Accepted: Send + Sync + 'static {
    /// Takes over a connection. Must return at once: what serves it is a task of its own.
    fn serve(&self, connection: Connection);

    /// Hears of a socket that was reset.
    fn refused(&self, refused: Refused);

    /// Hears that a bound was reached.
    fn limit_reached(&self, _limit: Limit) {}

    /// Answers the DNS queries of a target until it is told to stop. One that answers none lets them go unanswered.
    fn resolve(&self, questions: Questions) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        questions.turning.retire();
        Box::pin(std::future::ready(()))
    }

    /// Hears of an address this process listens on from now on.
    fn listening(&self, _address: SocketAddr) {}
}

/// One socket at which DNS queries of an armed target arrive.
pub struct Questions {
    /// Handle of the target in the datapath.
    pub target: u64,
    /// The target itself: rules may be for some targets only.
    pub named: Option<Arc<Target>>,
    /// Its namespace.
    pub netns: NetnsCookie,
    /// Where they arrive.
    pub socket: ResolverSocket,
    /// The kernel's side.
    pub datapath: Arc<dyn Datapath>,
    /// Ends when no more are to be answered.
    pub stop: CancellationToken,
    /// To be told about every half second, as an accept loop does.
    pub turning: Turning,
}

/// One listener of an armed target.
pub struct Acceptor {
    /// The kernel's side.
    pub datapath: Arc<dyn Datapath>,
    /// Whose listener it is: programs steer the sockets of one target to it and of no other.
    pub target: Option<Arc<Target>>,
    /// The namespace of the listener.
    pub netns: NetnsCookie,
    /// The connection limits.
    pub gate: Arc<Gate>,
    /// Connection numbers.
    pub ids: Arc<ConnIds>,
    /// Where connections go.
    pub accepted: Arc<dyn Accepted>,
}

impl Acceptor {
    /// Accepts until `shutdown`, then closes the listener. Says through `turning` that it does.
    ///
    /// # Errors
    /// [`Error::Accept`] when the listener itself fails; errors of single sockets are not that.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken, turning: Turning) -> Result<(), Error> {
        let mut idle = tokio::time::interval(pulse::TURN);
        idle.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reserve = Reserve::take();
        loop {
            turning.turn();
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => {
                    turning.retire();
                    return Ok(());
                }
                accepted = listener.accept() => accepted,
                _ = idle.tick() => continue,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_about_one_socket(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                }
                Err(error) if is_out_of_resources(&error) => {
                    tracing::warn!(%error, "out of descriptors or memory; accepting again shortly");
                    self.accepted.limit_reached(Limit::ReservedDescriptors);
                    if reserve.spend() {
                        // One that waits learns now that it waits in vain.
                        if let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
                            reset(stream);
                        }
                        reserve = Reserve::take();
                    }
                    let _ = tokio::time::timeout(EMFILE_PAUSE, shutdown.cancelled()).await;
                }
                Err(source) => {
                    let listener = listener.local_addr().map_or_else(|_| "a listener".to_owned(), |a| a.to_string());
                    return Err(Error::Accept { listener, source });
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let id = self.ids.next();
        let accepted = Instant::now();
        let Some(steered) = self.original_dst(&stream, peer) else {
            self.refuse(id, stream, peer, None, DenyReason::NotSteered);
            return;
        };
        let permit = match self.gate.enter(steered.workload.cgroup) {
            Ok(permit) => permit,
            Err(limit) => {
                self.accepted.limit_reached(limit);
                self.refuse(id, stream, peer, Some(steered), DenyReason::TooManyConnections);
                return;
            }
        };
        // Small writes (TLS records, SSE events) must leave at once; a failure only costs latency.
        let _ = stream.set_nodelay(true);
        let Steered { original_dst, workload } = steered;
        self.accepted.serve(Connection { id, stream, peer, original_dst, workload, accepted, permit });
    }

    /// Takes the kernel's record of a socket; a failing look-up is the same as no record, because both mean "unknown".
    fn original_dst(&self, stream: &TcpStream, peer: SocketAddr) -> Option<Steered> {
        let local = stream.local_addr().ok()?;
        match self.datapath.take(FlowTuple { netns: self.netns, peer, local }) {
            Ok(steered) => steered.map(|mut steered| {
                steered.workload.target.clone_from(&self.target);
                steered
            }),
            Err(error) => {
                tracing::error!(error = %crate::model::error_chain(&error), "reading an original destination");
                None
            }
        }
    }

    fn refuse(&self, id: ConnId, stream: TcpStream, peer: SocketAddr, steered: Option<Steered>, reason: DenyReason) {
        reset(stream);
        self.accepted.refused(Refused { id, peer, steered, reason });
    }
}

/// A descriptor that is given up when there is no other, so that a client can be told.
struct Reserve(Option<OwnedFd>);

impl Reserve {
    fn take() -> Self {
        Self(std::fs::File::open("/dev/null").ok().map(OwnedFd::from))
    }

    /// Whether there was one.
    fn spend(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// Closes a socket with RST, so that the workload sees a failure and not an orderly end.
pub fn reset(stream: TcpStream) {
    // A failure leaves an orderly close, which is still a close.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

/// accept(2): network errors already pending on the new socket are reported by accept itself.
fn is_about_one_socket(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::PermissionDenied
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}

fn is_out_of_resources(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

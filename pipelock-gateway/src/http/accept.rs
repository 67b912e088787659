//! Accepting on a port of our own, for every door that has one: a task a connection, a bound on them, an end in peace.
//!
//! What a connection is for is the door's to know; captured connections are accepted elsewhere, in each target's namespace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Pause when the process is out of descriptors (gateway.md §11); without it the loop would spin.
const BACKOFF: Duration = Duration::from_millis(50);

/// What a door wants to know of its port beside the connections.
pub(crate) trait Port {
    /// What the port is called in the log.
    const NAME: &'static str;

    /// A connection's task panicked; only it has ended.
    fn panicked(&self);

    /// A connection beyond the bound was reset; an answer would cost what there is none of.
    fn turned_away(&self);
}

/// A port and the tasks of its connections. Dropping it ends them all at once.
pub(crate) struct Acceptor<P> {
    door: Arc<P>,
    listener: TcpListener,
    room: Arc<Semaphore>,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

/// A connection; it counts for as long as the place is held.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) place: OwnedSemaphorePermit,
}

impl<P: Port> Acceptor<P> {
    /// A port on which nothing was accepted yet, with room for `most` connections at once.
    pub(crate) fn new(door: Arc<P>, listener: TcpListener, most: usize, shutdown: CancellationToken) -> Self {
        Self { door, listener, room: Arc::new(Semaphore::new(most)), tasks: JoinSet::new(), shutdown }
    }

    /// The next connection; `None` when nothing is accepted any more. Dropping the future loses no connection.
    pub(crate) async fn next(&mut self) -> Option<Accepted> {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                Some(ended) = self.tasks.join_next() => {
                    self.reap(ended);
                    continue;
                }
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
                        return Some(Accepted { stream, peer, place });
                    }
                    self.door.turned_away();
                    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the {}", P::NAME);
                    let _ = timeout(BACKOFF, self.shutdown.cancelled()).await;
                }
            }
        }
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn spawn(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(connection);
    }

    /// Closes the port and waits for what is open, however long that lasts.
    pub(crate) async fn finish(self) {
        let Self { door, listener, mut tasks, .. } = self;
        drop(listener);
        while let Some(ended) = tasks.join_next().await {
            reap(&*door, ended);
        }
    }

    fn reap(&self, ended: Result<(), JoinError>) {
        reap(&*self.door, ended);
    }
}

fn reap<P: Port>(door: &P, ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        door.panicked();
        tracing::error!("a connection on the {} panicked; only it has ended", P::NAME);
    }
}

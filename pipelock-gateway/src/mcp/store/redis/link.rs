//! The one connection to a Redis: opened again when it breaks, with the writes that were made meanwhile.
//!
//! Questions share it (answers come in order). A task of its own opens it and replays the queue before anybody else may use it,
//! so that what was written is there when it is asked for. Nobody waits for a Redis that is known to be away.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, Pipeline, RedisConnectionInfo};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::RedisAddress;
use crate::http::Redial;

/// How long an answer may take; a request waits this much once, then Redis is taken to be away.
const ANSWER: Duration = Duration::from_secs(2);
/// TCP, TLS and login together.
const CONNECT: Duration = Duration::from_secs(5);
/// Between two tries, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Writes kept while Redis is away, and their bytes. One more is not taken; what it said is still known here and given to
/// Redis when it is asked for.
const MAX_QUEUED: usize = 10_000;
const MAX_QUEUED_BYTES: usize = 16 << 20;

/// How the connection is.
#[derive(Clone)]
enum View {
    /// Being opened, for the first time or after it broke: worth a moment's wait.
    Opening,
    /// Up; the number tells this connection from the next.
    Up(MultiplexedConnection, u64),
    /// The last try failed.
    Away,
}

/// Writes in their order.
#[derive(Default)]
struct Queue {
    writes: VecDeque<(Pipeline, usize)>,
    bytes: usize,
}

struct Shared {
    view: watch::Sender<View>,
    queue: Mutex<Queue>,
    /// Something was put into the queue.
    waiting: Arc<Notify>,
    dial: Redial,
    login: RedisConnectionInfo,
    /// For the log: host and port.
    place: String,
}

/// The connection. Dropping it ends its task.
pub(super) struct Link(Arc<Shared>);

impl Link {
    pub(super) fn new(address: &RedisAddress, dial: Redial) -> Self {
        let view = watch::Sender::new(View::Opening);
        let (login, place) = (address.login.clone(), format!("{address:?}"));
        let shared = Arc::new(Shared { view, queue: Mutex::default(), waiting: Arc::default(), dial, login, place });
        tokio::spawn(keep(Arc::downgrade(&shared), shared.view.subscribe()));
        Self(shared)
    }

    /// Asks; `None` when there is no answer. Asked a second time when the connection turns out to be a dead one: questions may
    /// be repeated.
    pub(super) async fn ask<T: FromRedisValue>(&self, pipe: &Pipeline) -> Option<T> {
        for _ in 0..2 {
            let (mut connection, number) = self.connection().await?;
            match pipe.query_async(&mut connection).await {
                Ok(answer) => return Some(answer),
                Err(error) => {
                    self.0.broken(number, &error);
                    if !error.is_io_error() || error.is_timeout() {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Writes; false when Redis did not take it, and it is kept for later or lost.
    pub(super) async fn tell(&self, pipe: Pipeline) -> bool {
        if self.0.lock().writes.is_empty()
            && let Some((mut connection, number)) = self.connection().await
        {
            match pipe.exec_async(&mut connection).await {
                Ok(()) => return true,
                Err(error) => self.0.broken(number, &error),
            }
        }
        self.0.keep_for_later(pipe);
        false
    }

    pub(super) fn queued(&self) -> usize {
        self.0.lock().writes.len()
    }

    async fn connection(&self) -> Option<(MultiplexedConnection, u64)> {
        let mut view = self.0.view.subscribe();
        let Ok(settled) = timeout(ANSWER, view.wait_for(|view| !matches!(view, View::Opening))).await else {
            // Whoever comes next need not wait as long.
            self.0.view.send_if_modified(|view| {
                let opening = matches!(view, View::Opening);
                if opening {
                    *view = View::Away;
                }
                opening
            });
            return None;
        };
        match &*settled.ok()? {
            View::Up(connection, number) => Some((connection.clone(), *number)),
            View::Opening | View::Away => None,
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This connection is of no more use. Only the first who says so changes anything.
    fn broken(&self, number: u64, error: &redis::RedisError) {
        let changed = self.view.send_if_modified(|view| {
            let same = matches!(view, View::Up(_, now) if *now == number);
            if same {
                *view = View::Opening;
            }
            same
        });
        if changed {
            tracing::warn!(redis = self.place, %error, "the Redis of mcp_listener.state no longer answers");
        }
    }

    fn keep_for_later(&self, pipe: Pipeline) {
        let size = pipe.get_packed_pipeline().len();
        let mut queue = self.lock();
        if queue.writes.len() >= MAX_QUEUED || queue.bytes + size > MAX_QUEUED_BYTES {
            tracing::debug!(redis = self.place, "too many writes wait for Redis; this one is not kept");
            return;
        }
        queue.bytes += size;
        queue.writes.push_back((pipe, size));
        drop(queue);
        self.waiting.notify_one();
    }

    async fn open(&self) -> Result<MultiplexedConnection, String> {
        let opening = async {
            let io = (self.dial)().await.map_err(|error| error.to_string())?;
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER));
            let opened = MultiplexedConnection::new_with_config(&self.login, io, config).await;
            let (mut connection, driver) = opened.map_err(|error| error.to_string())?;
            tokio::spawn(driver);
            // A replica that cannot be written to is not the Redis we look for.
            let seen = redis::cmd("SET").arg("pipelock:mcp:seen").arg(1).arg("EX").arg(60).to_owned();
            seen.exec_async(&mut connection).await.map_err(|error| error.to_string())?;
            self.replay(&mut connection).await.map_err(|error| error.to_string())?;
            Ok(connection)
        };
        timeout(CONNECT, opening).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    /// Sends what waits, oldest first; each write leaves the queue when Redis has taken it.
    async fn replay(&self, connection: &mut MultiplexedConnection) -> redis::RedisResult<()> {
        loop {
            let Some((next, size)) = self.lock().writes.front().cloned() else { return Ok(()) };
            next.exec_async(connection).await?;
            let mut queue = self.lock();
            queue.writes.pop_front();
            queue.bytes = queue.bytes.saturating_sub(size);
        }
    }
}

/// Opens the connection whenever there is none.
async fn keep(shared: Weak<Shared>, mut view: watch::Receiver<View>) {
    let (mut pause, mut number, mut away) = (FIRST_PAUSE, 0, false);
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let up = match &*view.borrow_and_update() {
            View::Up(connection, number) => Some((connection.clone(), *number)),
            View::Opening | View::Away => None,
        };
        if let Some((mut connection, number)) = up {
            // A write that came while the queue was being sent is in it now.
            if let Err(error) = shared.replay(&mut connection).await {
                shared.broken(number, &error);
                continue;
            }
            let waiting = Arc::clone(&shared.waiting);
            drop((shared, connection));
            tokio::select! {
                // Ends with the store: the sender is gone then.
                changed = view.changed() => if changed.is_err() { return },
                () = waiting.notified() => {}
            }
            continue;
        }
        match shared.open().await {
            Ok(connection) => {
                number += 1;
                if away {
                    tracing::info!(redis = shared.place, "the Redis of mcp_listener.state answers again");
                }
                (pause, away) = (FIRST_PAUSE, false);
                shared.view.send_replace(View::Up(connection, number));
            }
            Err(error) => {
                if !away {
                    tracing::warn!(redis = shared.place, error, "the Redis of mcp_listener.state cannot be reached");
                }
                away = true;
                shared.view.send_replace(View::Away);
                drop(shared);
                #[expect(clippy::disallowed_methods, reason = "a server that is away tells nobody when it is back")]
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

//! The one connection to a Redis: opened again when it breaks, with the writes that were made meanwhile and with what this
//! process knows, since the Redis that answers then may be an empty or an older one.
//!
//! Questions share it (answers come in order). It lives on a thread of its own: judging keeps the threads of requests busy for
//! longer than a Redis takes, and an answer that waits behind that is no Redis that is away. Nobody may use a connection before
//! it was given what it lacks, and nobody waits for a Redis that is known to be away.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, Pipeline, RedisConnectionInfo};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::RedisAddress;
use crate::http::Redial;

/// How long an answer may take; a request waits this much once, then Redis is taken to be away.
const ANSWER: Duration = Duration::from_secs(2);
/// TCP, TLS and login together.
const CONNECT: Duration = Duration::from_secs(5);
/// Between two tries, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Writes kept while Redis is away, and their bytes. One more is not taken; what it said is still known here and given to
/// Redis when it is asked for.
const MAX_QUEUED: usize = 10_000;
const MAX_QUEUED_BYTES: usize = 16 << 20;

/// What this process knows, as writes that say it to a Redis which does not.
pub(super) type Known = Box<dyn Fn() -> Box<dyn Iterator<Item = Pipeline> + Send> + Send + Sync>;

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
    known: Known,
    dial: Redial,
    login: RedisConnectionInfo,
    /// For the log: host and port.
    place: String,
}

/// The connection. Dropping it ends its thread.
pub(super) struct Link {
    shared: Arc<Shared>,
    thread: Handle,
}

impl Link {
    /// # Errors
    /// When the system gives no thread or nothing to wait by.
    pub(super) fn new(address: &RedisAddress, dial: Redial, known: Known) -> io::Result<Self> {
        let view = watch::Sender::new(View::Opening);
        let (login, place) = (address.login.clone(), format!("{address:?}"));
        let shared =
            Arc::new(Shared { view, queue: Mutex::default(), waiting: Arc::default(), known, dial, login, place });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = runtime.handle().clone();
        let keeping = keep(Arc::downgrade(&shared), shared.view.subscribe());
        std::thread::Builder::new().name("mcp-redis".to_owned()).spawn(move || runtime.block_on(keeping))?;
        Ok(Self { shared, thread })
    }

    /// Asks; `None` when there is no answer.
    pub(super) async fn ask<T: FromRedisValue + Send + 'static>(&self, pipe: Pipeline) -> Option<T> {
        let shared = Arc::clone(&self.shared);
        self.thread.spawn(async move { shared.ask(&pipe).await }).await.ok().flatten()
    }

    /// Writes; false when Redis did not take it, and it is kept for later or lost.
    pub(super) async fn tell(&self, pipe: Pipeline) -> bool {
        let shared = Arc::clone(&self.shared);
        self.thread.spawn(async move { shared.tell(pipe).await }).await.unwrap_or(false)
    }

    pub(super) fn queued(&self) -> usize {
        self.shared.lock().writes.len()
    }
}

impl Shared {
    /// Asked a second time when the connection turns out to be a dead one: questions may be repeated, and so may writes, which
    /// add or replace.
    async fn ask<T: FromRedisValue>(&self, pipe: &Pipeline) -> Option<T> {
        for _ in 0..2 {
            let (mut connection, number) = self.connection().await?;
            match pipe.query_async(&mut connection).await {
                Ok(answer) => return Some(answer),
                Err(error) => {
                    self.broken(number, &error);
                    if !error.is_io_error() || error.is_timeout() {
                        return None;
                    }
                }
            }
        }
        None
    }

    async fn tell(&self, pipe: Pipeline) -> bool {
        // What waits goes first.
        if self.lock().writes.is_empty() && self.ask::<()>(&pipe).await.is_some() {
            return true;
        }
        self.keep_for_later(pipe);
        false
    }

    async fn connection(&self) -> Option<(MultiplexedConnection, u64)> {
        let mut view = self.view.subscribe();
        let Ok(settled) = timeout(ANSWER, view.wait_for(|view| !matches!(view, View::Opening))).await else {
            // Whoever comes next need not wait as long.
            self.view.send_if_modified(|view| {
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This connection is of no more use. Only the first who says so changes anything.
    fn broken(&self, number: u64, error: &dyn Display) {
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

    /// A connection to a Redis that knows all that is known here, and the task that carries it.
    async fn open(&self) -> Result<(MultiplexedConnection, JoinHandle<()>), String> {
        let opening = async {
            let io = (self.dial)().await.map_err(|error| error.to_string())?;
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER));
            let opened = MultiplexedConnection::new_with_config(&self.login, io, config).await;
            let (connection, driver) = opened.map_err(|error| error.to_string())?;
            Ok((connection, tokio::spawn(driver)))
        };
        let opened = timeout(CONNECT, opening).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let (mut connection, carrier) = opened?;
        match self.bring_up_to_date(&mut connection).await {
            Ok(()) => Ok((connection, carrier)),
            Err(error) => {
                carrier.abort();
                Err(error.to_string())
            }
        }
    }

    async fn bring_up_to_date(&self, connection: &mut MultiplexedConnection) -> redis::RedisResult<()> {
        // A replica that cannot be written to is not the Redis we look for.
        let seen = redis::cmd("SET").arg("pipelock:mcp:seen").arg(1).arg("EX").arg(60).to_owned();
        seen.exec_async(connection).await?;
        self.replay(connection).await?;
        for pipe in (self.known)() {
            pipe.exec_async(connection).await?;
        }
        Ok(())
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
        let Some(held) = shared.upgrade() else { return };
        match held.open().await {
            Ok((connection, carrier)) => {
                number += 1;
                if away {
                    tracing::info!(redis = held.place, "the Redis of mcp_listener.state answers again");
                }
                (pause, away) = (FIRST_PAUSE, false);
                held.view.send_replace(View::Up(connection.clone(), number));
                drop(held);
                attend(&shared, connection, number, carrier, &mut view).await;
            }
            Err(error) => {
                if !away {
                    tracing::warn!(redis = held.place, error, "the Redis of mcp_listener.state cannot be reached");
                }
                away = true;
                held.view.send_replace(View::Away);
                drop(held);
                #[expect(clippy::disallowed_methods, reason = "a server that is away tells nobody when it is back")]
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Looks after a connection until it is of no more use, which is noticed before anybody asks.
async fn attend(
    shared: &Weak<Shared>,
    mut connection: MultiplexedConnection,
    number: u64,
    mut carrier: JoinHandle<()>,
    view: &mut watch::Receiver<View>,
) {
    loop {
        let Some(held) = shared.upgrade() else { break };
        if !matches!(&*view.borrow_and_update(), View::Up(_, now) if *now == number) {
            break;
        }
        // A write that came while the queue was being sent is in it now.
        if let Err(error) = held.replay(&mut connection).await {
            held.broken(number, &error);
            break;
        }
        let waiting = Arc::clone(&held.waiting);
        drop(held);
        tokio::select! {
            // Ends with the store: the sender is gone then.
            changed = view.changed() => if changed.is_err() { break },
            () = waiting.notified() => {}
            _ = &mut carrier => {
                if let Some(held) = shared.upgrade() {
                    held.broken(number, &"it closed the connection");
                }
                return;
            }
        }
    }
    carrier.abort();
}

//! State that replicas share, in a Redis: each question is one round trip, each answer is held against what this process
//! has seen itself.
//!
//! ```text
//!  question ─► own memory ─► link ─► Redis     up: both answers are merged, and what Redis lacks is given to it again
//!                  │           └─ away ─► queue (writes) ─► replayed before the link is up again
//!                  └─► the answer of this process alone, in `Unavailable`
//! ```
//!
//! Redis has the last word on definitions, so that replicas agree. Whose a session is, is not undone by it: what this process
//! saw or was told first holds, so that no Redis that was emptied, restored or replaced gives a session to somebody else.
//! Where it knows nothing, this process's memory holds and repairs it: all of it when a connection is opened, one entry when
//! it is asked for. Entries are hashes, as everywhere in this state; keys begin with `pipelock:mcp:` and expire. What is not
//! here: locks, scripts, clusters. All operations add or replace whole entries, so that the order in which replicas come does
//! not matter.

mod address;
mod link;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redis::{FromRedisValue, Pipeline};

use super::memory::{IDLE, MAX_ASKED, MAX_REPORTED, MAX_TOOLS};
use super::{Compared, Entered, Entering, Key, MemoryStore, Pinned, Store, Unavailable, Waiting};
use crate::http::Redial;
use crate::mcp::Definition;
pub use address::{InvalidRedisAddress, RedisAddress};
use link::Link;

/// Definitions and what was said of them, since their last use. A server that is not asked for so long is met anew.
const BASELINE_LIFE: Duration = Duration::from_hours(24 * 90);

/// The store of replicas.
pub struct RedisStore {
    alone: Arc<MemoryStore>,
    link: Link,
}

impl RedisStore {
    /// A store that begins to connect at once, and never waits for it. `dial` opens a connection to the address, TLS and
    /// verification included.
    ///
    /// # Errors
    /// When the system gives no thread for it.
    pub fn new(address: &RedisAddress, dial: Redial) -> io::Result<Self> {
        let alone = Arc::new(MemoryStore::new());
        let known = Arc::clone(&alone);
        let link = Link::new(address, dial, Box::new(move || Box::new(everything(Arc::clone(&known)))))?;
        Ok(Self { alone, link })
    }

    /// Writes that wait for Redis to come back.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.link.queued()
    }

    async fn ask<T: FromRedisValue + Send + 'static>(&self, pipe: Pipeline) -> Option<T> {
        self.link.ask(pipe).await
    }

    /// Sends what must not get lost.
    async fn tell<T>(&self, pipe: Pipeline, alone: T) -> Result<T, Unavailable<T>> {
        if self.link.tell(pipe).await { Ok(alone) } else { Err(Unavailable { alone }) }
    }

    async fn shared_enter(&self, entering: &Entering) -> Result<Entered, Unavailable<Entered>> {
        let alone = known(self.alone.enter(entering).await);
        let (owner, tools, asked) = (
            named("owner", entering.session.unwrap_or(NOBODY)),
            named("tools", entering.scope.unwrap_or(NOBODY)),
            named("asked", entering.scope.unwrap_or(NOBODY)),
        );
        let tool = text(entering.tool.unwrap_or(NOBODY));
        let mut pipe = redis::pipe();
        pipe.get(&owner).expire(&owner, seconds(IDLE)).ignore();
        pipe.sismember(&tools, tool).exists(&tools).expire(&tools, seconds(IDLE)).ignore();
        if !entering.asks.is_empty() {
            for id in &entering.asks {
                pipe.zadd(&asked, text(*id), now()).ignore();
            }
            bound(&mut pipe, &asked, MAX_ASKED, IDLE);
        }
        let Some((shared, listed, exists)) = self.ask::<(Option<String>, bool, bool)>(pipe).await else {
            return Err(Unavailable { alone });
        };
        let shared = shared.and_then(|owner| key(&owner));
        let own = match (entering.session, shared, alone.owner) {
            (Some(session), Some(shared), None) => Some(known(self.alone.bind(session, shared).await)),
            (Some(session), None, Some(own)) => Some(known(self.bind(session, own).await)),
            (_, _, own) => own,
        };
        let owner = first_owner(own, shared);
        let (Some(scope), Some(_)) = (entering.scope, entering.tool) else {
            return Ok(Entered { owner, tool: alone.tool });
        };
        // Seen here and lost there: the list is given again, whatever the tool.
        if (!exists || !listed) && alone.tool == Pinned::Listed || !exists && alone.tool == Pinned::Unlisted {
            let own = self.alone.tools(scope).unwrap_or_default();
            let _ = self.pin(scope, &own).await;
        }
        // Seen there and not here: taken over, so that it holds while Redis is away.
        if exists && alone.tool == Pinned::NoBaseline {
            let mut pipe = redis::pipe();
            pipe.smembers(&tools);
            if let Some((all,)) = self.ask::<(Vec<String>,)>(pipe).await {
                let all: Vec<Key> = all.iter().filter_map(|member| key(member)).collect();
                let _ = self.alone.pin(scope, &all).await;
            }
        }
        let tool = match (listed, exists, alone.tool) {
            (true, ..) | (_, _, Pinned::Listed) => Pinned::Listed,
            (_, true, _) | (_, _, Pinned::Unlisted) => Pinned::Unlisted,
            _ => Pinned::NoBaseline,
        };
        Ok(Entered { owner, tool })
    }

    async fn shared_bind(&self, session: Key, owner: Key) -> Result<Key, Unavailable<Key>> {
        let alone = known(self.alone.bind(session, owner).await);
        self.tell(owned(&[(session, alone)]), alone).await
    }

    async fn shared_pin(&self, scope: Key, tools: &[Key]) -> Result<(), Unavailable<()>> {
        let _ = self.alone.pin(scope, tools).await;
        // What the memory had no room for is not given to Redis either: a server may list new tools without end.
        let kept: HashSet<Key> = self.alone.tools(scope).unwrap_or_default().into_iter().collect();
        let new: Vec<Key> = tools.iter().copied().filter(|tool| kept.contains(tool)).collect();
        let mut write = redis::pipe();
        list(&mut write, scope, &new);
        self.tell(write, ()).await
    }

    async fn shared_definitions(&self, baseline: Key) -> Result<Definitions, Unavailable<Definitions>> {
        let alone = self.alone.definitions(baseline);
        let name = named("definitions", baseline);
        let mut pipe = redis::pipe();
        pipe.hgetall(&name).expire(&name, seconds(BASELINE_LIFE)).ignore();
        let Some((shared,)) = self.ask::<(Definitions,)>(pipe).await else {
            return Err(Unavailable { alone });
        };
        let there: HashSet<&str> = shared.iter().map(|(tool, _)| tool.as_str()).collect();
        let lost: Definitions = alone.into_iter().filter(|(tool, _)| !there.contains(tool.as_str())).collect();
        if !lost.is_empty() {
            let mut write = redis::pipe();
            remember(&mut write, baseline, &lost);
            let _ = self.tell(write, ()).await;
        }
        let _ = self.alone.remember(baseline, &shared).await;
        Ok(shared.into_iter().chain(lost).collect())
    }

    async fn shared_first_report(&self, baseline: Key, what: Key) -> Result<bool, Unavailable<bool>> {
        let alone = known(self.alone.first_report(baseline, what).await);
        if !alone {
            return Ok(false);
        }
        let name = named("reported", baseline);
        let mut pipe = redis::pipe();
        pipe.cmd("ZADD").arg(&name).arg("NX").arg(now()).arg(text(what));
        bound(&mut pipe, &name, MAX_REPORTED, BASELINE_LIFE);
        match self.ask::<(i64,)>(pipe).await {
            Some((added,)) => Ok(added > 0),
            None => Err(Unavailable { alone }),
        }
    }
}

/// Whose a session is, by what this process saw or was told first and by what Redis says now: the former holds, so that no Redis
/// that was restored or replaced gives a session to somebody else.
fn first_owner(own: Option<Key>, shared: Option<Key>) -> Option<Key> {
    own.or(shared)
}

/// Tool names with what is remembered of each.
type Definitions = Vec<(String, Vec<u8>)>;

/// A member or key that no hash comes to but by a chance of one in 2^128.
const NOBODY: Key = Key(0);

/// Sessions, scopes or baselines of one pipeline when all are given again; tens of kilobytes each.
const GIVEN_AT_ONCE: usize = 64;

/// Everything this process knows, as writes.
fn everything(memory: Arc<MemoryStore>) -> impl Iterator<Item = Pipeline> + Send {
    let (owners, lists, baselines) = (memory.owners(), memory.lists(), memory.baselines());
    let owners = chunks(owners).map(|some| owned(&some));
    let of_lists = Arc::clone(&memory);
    let lists = chunks(lists).map(move |some| {
        let mut pipe = redis::pipe();
        for scope in some {
            if let Some(tools) = of_lists.peek_tools(scope) {
                list(&mut pipe, scope, &tools);
            }
        }
        pipe
    });
    let baselines = chunks(baselines).map(move |some| {
        let mut pipe = redis::pipe();
        for baseline in some {
            remember(&mut pipe, baseline, &memory.peek_definitions(baseline));
        }
        pipe
    });
    owners.chain(lists).chain(baselines).filter(|pipe| !pipe.is_empty())
}

fn chunks<T: Clone>(all: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut all = all.into_iter();
    std::iter::from_fn(move || Some(all.by_ref().take(GIVEN_AT_ONCE).collect()))
        .take_while(|some: &Vec<T>| !some.is_empty())
}

/// Says whose sessions are. The first word counts: NX.
fn owned(sessions: &[(Key, Key)]) -> Pipeline {
    let mut pipe = redis::pipe();
    for (session, owner) in sessions {
        pipe.cmd("SET").arg(named("owner", *session)).arg(text(*owner)).arg("NX");
        pipe.arg("EX").arg(seconds(IDLE)).ignore();
    }
    pipe
}

fn list(pipe: &mut Pipeline, scope: Key, tools: &[Key]) {
    let name = named("tools", scope);
    // An empty list is one, too; the first member stands for it.
    let members: Vec<String> = [NOBODY].iter().chain(tools).map(|tool| text(*tool)).collect();
    pipe.sadd(&name, members).ignore().expire(&name, seconds(IDLE)).ignore();
}

fn remember(pipe: &mut Pipeline, baseline: Key, definitions: &[(String, Vec<u8>)]) {
    let name = named("definitions", baseline);
    for (tool, facts) in definitions.iter().take(MAX_TOOLS) {
        pipe.hset_nx(&name, tool, facts).ignore();
    }
    pipe.expire(&name, seconds(BASELINE_LIFE)).ignore();
}

/// Keeps the newest of a sorted set, and for how long.
fn bound(pipe: &mut Pipeline, name: &str, most: usize, life: Duration) {
    let beyond = -isize::try_from(most).unwrap_or(isize::MAX) - 1;
    pipe.zremrangebyrank(name, 0, beyond).ignore().expire(name, seconds(life)).ignore();
}

fn named(kind: &str, key: Key) -> String {
    format!("pipelock:mcp:{kind}:{:032x}", key.0)
}

fn text(key: Key) -> String {
    format!("{:032x}", key.0)
}

fn key(text: &str) -> Option<Key> {
    u128::from_str_radix(text, 16).ok().map(Key)
}

fn seconds(life: Duration) -> i64 {
    i64::try_from(life.as_secs()).unwrap_or(i64::MAX)
}

/// Milliseconds of the clock: only an order, and replicas whose clocks differ only forget each other's sooner.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An answer of the memory, which always has one.
fn known<T>(answer: Result<T, Unavailable<T>>) -> T {
    answer.unwrap_or_else(|unavailable| unavailable.alone)
}

/// Boxes a question.
fn waiting<'a, T>(asked: impl Future<Output = Result<T, Unavailable<T>>> + Send + 'a) -> Waiting<'a, T> {
    Box::pin(asked)
}

impl Store for RedisStore {
    fn enter<'a>(&'a self, entering: &'a Entering) -> Waiting<'a, Entered> {
        waiting(self.shared_enter(entering))
    }

    fn bind(&self, session: Key, owner: Key) -> Waiting<'_, Key> {
        waiting(self.shared_bind(session, owner))
    }

    fn forget(&self, session: Key, scope: Key) -> Waiting<'_, ()> {
        waiting(async move {
            let _ = self.alone.forget(session, scope).await;
            let mut pipe = redis::pipe();
            let names = [named("owner", session), named("tools", scope), named("asked", scope)];
            pipe.del(names.as_slice()).ignore();
            self.tell(pipe, ()).await
        })
    }

    fn pin<'a>(&'a self, scope: Key, tools: &'a [Key]) -> Waiting<'a, ()> {
        waiting(self.shared_pin(scope, tools))
    }

    fn was_asked(&self, scope: Key, id: Key) -> Waiting<'_, bool> {
        waiting(async move {
            let alone = known(self.alone.was_asked(scope, id).await);
            if alone {
                return Ok(true);
            }
            let mut pipe = redis::pipe();
            pipe.zscore(named("asked", scope), text(id));
            let asked = self.ask::<(Option<f64>,)>(pipe).await;
            asked.map(|(score,)| score.is_some()).ok_or(Unavailable { alone })
        })
    }

    fn compare<'a>(&'a self, baseline: Key, now: &'a [Definition]) -> Waiting<'a, Compared> {
        waiting(async move {
            let with = |known: &Definitions| {
                let known: HashMap<&str, &[u8]> =
                    known.iter().map(|(tool, facts)| (tool.as_str(), facts.as_slice())).collect();
                Compared::of(now, !known.is_empty(), |name| known.get(name).copied())
            };
            match self.shared_definitions(baseline).await {
                Ok(shared) => Ok(with(&shared)),
                Err(Unavailable { alone }) => Err(Unavailable { alone: with(&alone) }),
            }
        })
    }

    fn remember<'a>(&'a self, baseline: Key, definitions: &'a [(String, Vec<u8>)]) -> Waiting<'a, ()> {
        waiting(async move {
            let _ = self.alone.remember(baseline, definitions).await;
            let kept = self.alone.definitions(baseline);
            let kept: HashSet<&str> = kept.iter().map(|(tool, _)| tool.as_str()).collect();
            // As with lists: bounded by what the memory took.
            let new: Definitions =
                definitions.iter().filter(|(tool, _)| kept.contains(tool.as_str())).cloned().collect();
            let mut write = redis::pipe();
            remember(&mut write, baseline, &new);
            self.tell(write, ()).await
        })
    }

    fn adopt<'a>(&'a self, baseline: Key, tool: &'a str, facts: &'a [u8]) -> Waiting<'a, ()> {
        waiting(async move {
            let _ = self.alone.adopt(baseline, tool, facts).await;
            let name = named("definitions", baseline);
            let mut pipe = redis::pipe();
            pipe.hset(&name, tool, facts).ignore().expire(&name, seconds(BASELINE_LIFE)).ignore();
            self.tell(pipe, ()).await
        })
    }

    fn first_report(&self, baseline: Key, what: Key) -> Waiting<'_, bool> {
        waiting(self.shared_first_report(baseline, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_a_session_was_first_here_it_stays_whatever_redis_says() {
        for (own, shared, owner) in [
            (None, None, None),
            (None, Some(1), Some(1)),
            (Some(2), None, Some(2)),
            (Some(2), Some(2), Some(2)),
            (Some(2), Some(1), Some(2)),
        ] {
            assert_eq!(first_owner(own.map(Key), shared.map(Key)), owner.map(Key), "{own:?} {shared:?}");
        }
    }
}

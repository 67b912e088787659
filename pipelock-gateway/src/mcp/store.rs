//! What is remembered across requests and, where replicas share it, across processes: who owns a session, which tools were
//! listed, how they were defined, which requests wait for an answer.
//!
//! Everything is a hash or a digest; neither tokens nor texts are kept. Operations only ever add or replace whole entries, so
//! that replicas that write at the same time agree afterwards.

mod memory;
mod redis;

use std::future::Future;
use std::pin::Pin;

use super::Definition;
pub use memory::MemoryStore;
pub use redis::{InvalidRedisAddress, RedisAddress, RedisStore};

/// 128 bits of a hash: of a session, a principal, a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u128);

/// The state could not be reached; what depends on it is decided by the configured fail mode: refused, or gone on with what
/// this process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable<T> {
    /// The answer of this process alone.
    pub alone: T,
}

/// What a request brings.
#[derive(Clone, Debug, Default)]
pub struct Entering {
    /// The session it belongs to by its own word.
    pub session: Option<Key>,
    /// What its state is kept under: the session, or the principal where there is none.
    pub scope: Option<Key>,
    /// The tool it calls.
    pub tool: Option<Key>,
    /// Requests that want an answer.
    pub asks: Vec<Key>,
}

/// What was known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Whose the session is; `None` for one never heard of.
    pub owner: Option<Key>,
    /// How the tool stands to the list.
    pub tool: Pinned,
}

/// How a tool stands to the lists that were seen in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// No list was seen.
    NoBaseline,
    /// It was listed.
    Listed,
    /// Others were listed.
    Unlisted,
}

/// How definitions stand to those that are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Whether any are.
    pub known: bool,
    /// Those that are not, by their place.
    pub new: Vec<usize>,
    /// Those that are others now: the place, and the facts that are remembered.
    pub changed: Vec<(usize, Vec<u8>)>,
}

impl Compared {
    /// Compares with what `remembered` says of a tool's name.
    fn of<'a>(now: &[Definition], known: bool, remembered: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        let mut compared = Self { known, ..Self::default() };
        for (at, definition) in now.iter().enumerate() {
            match remembered(&definition.name) {
                None => compared.new.push(at),
                Some(before) if before == definition.facts => {}
                Some(before) => compared.changed.push((at, before.to_vec())),
            }
        }
        compared
    }
}

/// An answer of a store.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable<T>>> + Send + 'a>>;

/// A place for state. Implementations bound what they keep and forget what was not used for an hour, definitions excepted.
pub trait Store: Send + Sync + 'static {
    /// Asks about a request and notes what it waits for, in one step.
    fn enter<'a>(&'a self, entering: &'a Entering) -> Waiting<'a, Entered>;

    /// Remembers whose a session is; the first word counts. Answers whose it is now.
    fn bind(&self, session: Key, owner: Key) -> Waiting<'_, Key>;

    /// Forgets a session and what was kept for it.
    fn forget(&self, session: Key, scope: Key) -> Waiting<'_, ()>;

    /// Adds tools to the list of a scope; a list may be empty and is one then.
    fn pin<'a>(&'a self, scope: Key, tools: &'a [Key]) -> Waiting<'a, ()>;

    /// Whether a request with this id was asked in the scope.
    fn was_asked(&self, scope: Key, id: Key) -> Waiting<'_, bool>;

    /// Holds definitions against those remembered under a key.
    fn compare<'a>(&'a self, baseline: Key, now: &'a [Definition]) -> Waiting<'a, Compared>;

    /// Remembers definitions, tool name and facts, that are not yet; those that are stay as they are.
    fn remember<'a>(&'a self, baseline: Key, definitions: &'a [(String, Vec<u8>)]) -> Waiting<'a, ()>;

    /// Replaces one.
    fn adopt<'a>(&'a self, baseline: Key, tool: &'a str, facts: &'a [u8]) -> Waiting<'a, ()>;

    /// Whether this is the first time that `what` is reported under a key.
    fn first_report(&self, baseline: Key, what: Key) -> Waiting<'_, bool>;
}

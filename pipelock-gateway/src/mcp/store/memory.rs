//! State of one process: bounded, and gone with it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Compared, Entered, Entering, Key, Pinned, Store, Waiting};
use crate::mcp::Definition;

/// Scopes, sessions and baselines each (gateway.md §13.2); the one unused longest goes first.
const MAX_ENTRIES: usize = 10_000;
/// Sessions and scopes unused for this long are forgotten (gateway.md §13.2).
pub(super) const IDLE: Duration = Duration::from_hours(1);
/// Tools of a scope or baseline.
pub(super) const MAX_TOOLS: usize = 10_000;
/// Questions of a scope (detections.md (f)).
pub(super) const MAX_ASKED: usize = 1_000;
/// Things reported of a baseline.
pub(super) const MAX_REPORTED: usize = 1_000;

/// The store without replicas.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    owners: Table<Key>,
    scopes: Table<Scope>,
    baselines: Table<Baseline>,
}

#[derive(Debug, Default)]
struct Scope {
    /// `None` until a list was seen.
    tools: Option<HashSet<Key>>,
    asked: VecDeque<Key>,
}

#[derive(Debug, Default)]
struct Baseline {
    tools: BTreeMap<String, Vec<u8>>,
    reported: VecDeque<Key>,
}

/// Entries with the time of their last use.
#[derive(Debug)]
struct Table<T>(HashMap<Key, (T, Instant)>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Table<T> {
    fn find(&mut self, key: Key, idle: Option<Duration>) -> Option<&mut T> {
        let stale = |used: &Instant| idle.is_some_and(|idle| used.elapsed() >= idle);
        if self.0.get(&key).is_some_and(|(_, used)| stale(used)) {
            self.0.remove(&key);
        }
        let (entry, used) = self.0.get_mut(&key)?;
        *used = Instant::now();
        Some(entry)
    }

    fn find_or(&mut self, key: Key, idle: Option<Duration>, make: impl FnOnce() -> T) -> &mut T {
        if self.find(key, idle).is_none() && self.0.len() >= MAX_ENTRIES {
            self.make_room();
        }
        &mut self.0.entry(key).or_insert_with(|| (make(), Instant::now())).0
    }

    /// Looks without that being a use.
    fn peek(&self, key: Key, idle: Option<Duration>) -> Option<&T> {
        let (entry, used) = self.0.get(&key)?;
        idle.is_none_or(|idle| used.elapsed() < idle).then_some(entry)
    }

    /// Drops a sixteenth, so that a full table is not searched for every new entry.
    fn make_room(&mut self) {
        let mut times: Vec<Instant> = self.0.values().map(|(_, used)| *used).collect();
        times.sort_unstable();
        if let Some(&before) = times.get(MAX_ENTRIES / 16) {
            self.0.retain(|_, (_, used)| *used > before);
        }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many sessions and scopes are kept.
    #[must_use]
    pub fn scopes(&self) -> usize {
        self.lock().scopes.0.len()
    }

    /// The tools that were listed in a scope; `None` where no list was seen.
    pub(super) fn tools(&self, scope: Key) -> Option<Vec<Key>> {
        let mut kept = self.lock();
        kept.scopes.find(scope, Some(IDLE))?.tools.as_ref().map(|tools| tools.iter().copied().collect())
    }

    /// Whose all sessions are.
    pub(super) fn owners(&self) -> Vec<(Key, Key)> {
        let kept = self.lock();
        let recent = kept.owners.0.iter().filter(|(_, (_, used))| used.elapsed() < IDLE);
        recent.map(|(session, (owner, _))| (*session, *owner)).collect()
    }

    /// All scopes in which a list may have been seen.
    pub(super) fn lists(&self) -> Vec<Key> {
        self.lock().scopes.0.keys().copied().collect()
    }

    /// The tools that were listed in a scope; nothing is made younger by asking.
    pub(super) fn peek_tools(&self, scope: Key) -> Option<Vec<Key>> {
        let kept = self.lock();
        kept.scopes.peek(scope, Some(IDLE))?.tools.as_ref().map(|tools| tools.iter().copied().collect())
    }

    /// All baselines.
    pub(super) fn baselines(&self) -> Vec<Key> {
        self.lock().baselines.0.keys().copied().collect()
    }

    /// The definitions of a baseline.
    pub(super) fn definitions(&self, baseline: Key) -> Vec<(String, Vec<u8>)> {
        let mut kept = self.lock();
        let tools = kept.baselines.find(baseline, None).map(|known| known.tools.clone()).unwrap_or_default();
        tools.into_iter().collect()
    }

    /// The definitions of a baseline; nothing is made younger by asking.
    pub(super) fn peek_definitions(&self, baseline: Key) -> Vec<(String, Vec<u8>)> {
        let kept = self.lock();
        let known = kept.baselines.peek(baseline, None).map(|known| known.tools.clone()).unwrap_or_default();
        known.into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(queue: &mut VecDeque<Key>, key: Key, most: usize) -> bool {
    if queue.contains(&key) {
        return false;
    }
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(key);
    true
}

fn done<'a, T: Send + 'a>(value: T) -> Waiting<'a, T> {
    Box::pin(ready(Ok(value)))
}

impl Store for MemoryStore {
    fn enter<'a>(&'a self, entering: &'a Entering) -> Waiting<'a, Entered> {
        let mut kept = self.lock();
        let owner = entering.session.and_then(|session| kept.owners.find(session, Some(IDLE)).copied());
        let mut tool = Pinned::NoBaseline;
        if let Some(key) = entering.scope {
            if !entering.asks.is_empty() {
                let scope = kept.scopes.find_or(key, Some(IDLE), Scope::default);
                for id in &entering.asks {
                    remember(&mut scope.asked, *id, MAX_ASKED);
                }
            }
            if let (Some(wanted), Some(scope)) = (entering.tool, kept.scopes.find(key, Some(IDLE))) {
                tool = match &scope.tools {
                    None => Pinned::NoBaseline,
                    Some(tools) if tools.contains(&wanted) => Pinned::Listed,
                    Some(_) => Pinned::Unlisted,
                };
            }
        }
        done(Entered { owner, tool })
    }

    fn bind(&self, session: Key, owner: Key) -> Waiting<'_, Key> {
        done(*self.lock().owners.find_or(session, Some(IDLE), || owner))
    }

    fn forget(&self, session: Key, scope: Key) -> Waiting<'_, ()> {
        let mut kept = self.lock();
        kept.owners.0.remove(&session);
        kept.scopes.0.remove(&scope);
        done(())
    }

    fn pin<'a>(&'a self, scope: Key, tools: &'a [Key]) -> Waiting<'a, ()> {
        let mut kept = self.lock();
        let scope = kept.scopes.find_or(scope, Some(IDLE), Scope::default);
        let pinned = scope.tools.get_or_insert_default();
        let room = MAX_TOOLS.saturating_sub(pinned.len());
        pinned.extend(tools.iter().take(room).copied());
        done(())
    }

    fn was_asked(&self, scope: Key, id: Key) -> Waiting<'_, bool> {
        done(self.lock().scopes.find(scope, Some(IDLE)).is_some_and(|scope| scope.asked.contains(&id)))
    }

    fn compare<'a>(&'a self, baseline: Key, now: &'a [Definition]) -> Waiting<'a, Compared> {
        let mut kept = self.lock();
        let known = kept.baselines.find(baseline, None).map(|known| &known.tools).filter(|tools| !tools.is_empty());
        done(Compared::of(now, known.is_some(), |name| known?.get(name).map(Vec::as_slice)))
    }

    fn remember<'a>(&'a self, baseline: Key, definitions: &'a [(String, Vec<u8>)]) -> Waiting<'a, ()> {
        let mut kept = self.lock();
        let known = kept.baselines.find_or(baseline, None, Baseline::default);
        for (tool, facts) in definitions {
            if known.tools.len() < MAX_TOOLS {
                known.tools.entry(tool.clone()).or_insert_with(|| facts.clone());
            }
        }
        done(())
    }

    fn adopt<'a>(&'a self, baseline: Key, tool: &'a str, facts: &'a [u8]) -> Waiting<'a, ()> {
        let mut kept = self.lock();
        let known = kept.baselines.find_or(baseline, None, Baseline::default);
        if let Some(entry) = known.tools.get_mut(tool) {
            *entry = facts.to_vec();
        } else if known.tools.len() < MAX_TOOLS {
            known.tools.insert(tool.to_owned(), facts.to_vec());
        }
        done(())
    }

    fn first_report(&self, baseline: Key, what: Key) -> Waiting<'_, bool> {
        let mut kept = self.lock();
        let known = kept.baselines.find_or(baseline, None, Baseline::default);
        done(remember(&mut known.reported, what, MAX_REPORTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tools_are_pinned_to_their_scope_and_the_first_owner_stays() {
        let store = MemoryStore::new();
        let asking =
            |tool| Entering { session: Some(Key(1)), scope: Some(Key(2)), tool: Some(Key(tool)), asks: vec![Key(70)] };
        let seen = store.enter(&asking(5)).await.unwrap();
        assert_eq!(seen, Entered { owner: None, tool: Pinned::NoBaseline });
        store.pin(Key(2), &[Key(5)]).await.unwrap();
        assert_eq!(store.bind(Key(1), Key(9)).await.unwrap(), Key(9));
        assert_eq!(store.bind(Key(1), Key(8)).await.unwrap(), Key(9));
        let seen = store.enter(&asking(5)).await.unwrap();
        assert_eq!(seen, Entered { owner: Some(Key(9)), tool: Pinned::Listed });
        assert_eq!(store.enter(&asking(6)).await.unwrap().tool, Pinned::Unlisted);
        assert!(store.was_asked(Key(2), Key(70)).await.unwrap());
        assert!(!store.was_asked(Key(3), Key(70)).await.unwrap());
        store.forget(Key(1), Key(2)).await.unwrap();
        assert_eq!(store.enter(&asking(5)).await.unwrap(), Entered { owner: None, tool: Pinned::NoBaseline });
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let store = MemoryStore::new();
        for key in 0..12_000u128 {
            store.pin(Key(key), &[Key(1)]).await.unwrap();
        }
        assert!(store.scopes() <= MAX_ENTRIES);
        let entering = Entering { scope: Some(Key(11_999)), tool: Some(Key(1)), ..Entering::default() };
        assert_eq!(store.enter(&entering).await.unwrap().tool, Pinned::Listed, "the newest stays");
    }

    #[tokio::test]
    async fn a_definition_stays_until_another_is_adopted_and_is_reported_once() {
        let store = MemoryStore::new();
        let known = |facts: &[u8]| vec![("read".to_owned(), facts.to_vec())];
        store.remember(Key(1), &known(b"one")).await.unwrap();
        store.remember(Key(1), &known(b"two")).await.unwrap();
        assert_eq!(store.definitions(Key(1)), known(b"one"));
        let now = [("read", &b"two"[..]), ("write", b"one")]
            .map(|(name, facts)| Definition::new(name.to_owned(), String::new(), facts.to_vec(), Vec::new()));
        let compared = Compared { known: true, new: vec![1], changed: vec![(0, b"one".to_vec())] };
        assert_eq!(store.compare(Key(1), &now).await.unwrap(), compared);
        let nothing = Compared { known: false, new: vec![0, 1], changed: Vec::new() };
        assert_eq!(store.compare(Key(2), &now).await.unwrap(), nothing);
        store.adopt(Key(1), "read", b"two").await.unwrap();
        assert_eq!(store.definitions(Key(1)), known(b"two"));
        let compared = Compared { known: true, new: vec![1], changed: Vec::new() };
        assert_eq!(store.compare(Key(1), &now).await.unwrap(), compared);
        assert!(store.first_report(Key(1), Key(7)).await.unwrap());
        assert!(!store.first_report(Key(1), Key(7)).await.unwrap());
    }
}

//! Who asks, in which session, and what is remembered of that; the process's own part is the recent calls of each session.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::era::base64;
use super::jsonrpc::Id;
use super::{Chain, Endpoint, Judge, Key, Store};
use crate::model::{Principal, Verdict};

/// Sessions whose calls are remembered (gateway.md §13.2), and for how long after the last one.
const MAX_CHAINS: usize = 10_000;
const CHAIN_IDLE: Duration = Duration::from_hours(1);
/// POST targets that `endpoint` events have named.
const MAX_ANNOUNCED: usize = 1_000;

/// All that is remembered.
pub(super) struct State {
    pub(super) store: Arc<dyn Store>,
    server: String,
    chains: Mutex<HashMap<Key, LastCalls>>,
    begun: Instant,
    announced: Mutex<VecDeque<String>>,
}

/// The recent calls of a session, and when the last one came.
type LastCalls = (Box<dyn Chain>, Instant);

/// Who sends a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// A hash of what proves who it is.
    pub(super) principal: Key,
    /// A hash of the session it names.
    pub(super) session: Option<Key>,
    /// What its state is kept under.
    pub(super) scope: Key,
    /// What definitions are kept under.
    pub(super) baseline: Key,
}

impl State {
    pub(super) fn new(store: Arc<dyn Store>, endpoint: &Endpoint) -> Self {
        let server = format!("{}://{}{}", endpoint.scheme(), endpoint.authority, endpoint.path);
        Self { store, server, chains: Mutex::default(), begun: Instant::now(), announced: Mutex::default() }
    }

    /// Reads who asks from a head. `target` is the endpoint's own of 2024-11-05, which names the session in its query.
    pub(super) fn caller(&self, headers: &HeaderMap, target: Option<&str>) -> Caller {
        let principal = principal(headers);
        let named = headers.get("mcp-session-id").map(http::HeaderValue::as_bytes).or(target.map(str::as_bytes));
        self.caller_of(principal, named)
    }

    /// The number under which a principal is counted and shown: of its token, or of its address where it has none.
    #[expect(clippy::unused_self, reason = "asked of the state like everything about who comes")]
    pub(super) fn principal(&self, headers: &HeaderMap, peer: IpAddr) -> Principal {
        let key = if headers.contains_key(header::AUTHORIZATION) {
            principal(headers)
        } else {
            key("address", &[peer.to_string().as_bytes()])
        };
        Principal(u64::try_from(key.0 >> 64).unwrap_or_default())
    }

    /// The same principal in a session that has just been given a name.
    pub(super) fn caller_of(&self, principal: Key, session: Option<&[u8]>) -> Caller {
        let session = session.map(|name| key("session", &[self.server.as_bytes(), name]));
        let bytes = principal.0.to_be_bytes();
        let scope = match session {
            Some(session) => key("scope", &[&bytes, &session.0.to_be_bytes()]),
            None => key("scope", &[self.server.as_bytes(), &bytes]),
        };
        Caller { principal, session, scope, baseline: key("baseline", &[self.server.as_bytes(), &bytes]) }
    }

    /// Takes a call of a session into account, unless what it completes is to be refused.
    pub(super) fn observe(&self, scope: Key, judge: &dyn Judge, message: &Value) -> Verdict {
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if chains.len() >= MAX_CHAINS && !chains.contains_key(&scope) {
            chains.retain(|_, (_, used)| used.elapsed() < CHAIN_IDLE);
            if chains.len() >= MAX_CHAINS {
                let mut times: Vec<Instant> = chains.values().map(|(_, used)| *used).collect();
                times.sort_unstable();
                let before = times.get(MAX_CHAINS / 16).copied();
                chains.retain(|_, (_, used)| before.is_none_or(|before| *used > before));
            }
        }
        let (chain, used) = chains.entry(scope).or_insert_with(|| (judge.chain(), Instant::now()));
        *used = Instant::now();
        let verdict = judge.fold_chain(chain.observe(self.begun.elapsed(), message));
        if verdict.is_block() {
            chain.take_back();
        }
        verdict
    }

    /// Forgets the calls of a session.
    pub(super) fn forget_calls(&self, scope: Key) {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner).remove(&scope);
    }

    /// A path to which messages may be posted from now on.
    pub(super) fn announce(&self, path: &str) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        if !announced.iter().any(|known| known == path) {
            if announced.len() >= MAX_ANNOUNCED {
                announced.pop_front();
            }
            announced.push_back(path.to_owned());
        }
    }

    pub(super) fn is_announced(&self, path: &str) -> bool {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == path)
    }
}

/// A hash of parts, kept apart by their lengths.
pub(super) fn key(kind: &str, parts: &[&[u8]]) -> Key {
    let mut hasher = Sha256::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    Key(digest.iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte)))
}

/// The key of a request's id, its type included.
pub(super) fn id_key(id: &Id) -> Key {
    key("id", &[id.to_value().to_string().as_bytes()])
}

/// The key of a tool's name.
pub(super) fn tool_key(name: &str) -> Key {
    key("tool", &[name.as_bytes()])
}

/// Whose request it is: by the subject of a token that says one, else by the token. A token is renewed every few hours and
/// the session goes on; what a forged one claims is the server's to refuse, and its answer is then no session of anybody.
fn principal(headers: &HeaderMap) -> Key {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => key("nobody", &[]),
        (Some(value), None) => match subject(value.as_bytes()) {
            Some(subject) => key("subject", &[subject.as_bytes()]),
            None => key("token", &[value.as_bytes()]),
        },
        (Some(first), Some(second)) => key("token", &[first.as_bytes(), second.as_bytes()]),
    }
}

/// `iss` and `sub` of a JSON Web Token (RFC 7519 §4.1), unverified.
fn subject(authorization: &[u8]) -> Option<String> {
    let token = authorization.split(|byte| *byte == b' ').rfind(|part| !part.is_empty())?;
    let mut parts = token.split(|byte| *byte == b'.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let standard: Vec<u8> = claims
        .iter()
        .map(|byte| {
            if *byte == b'-' {
                b'+'
            } else if *byte == b'_' {
                b'/'
            } else {
                *byte
            }
        })
        .collect();
    let claims: Value = serde_json::from_slice(&base64(&standard)?).ok()?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    Some(format!("{:?} {:?}", claim("iss"), claim("sub")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn a_renewed_token_is_the_same_principal_and_another_subject_is_not() {
        // {"iss":"a","sub":"u1","exp":1} and {"iss":"a","sub":"u1","exp":2} and {"iss":"a","sub":"u2"}
        let first = principal(&with("Bearer e30.eyJpc3MiOiJhIiwic3ViIjoidTEiLCJleHAiOjF9.x"));
        let renewed = principal(&with("Bearer e30.eyJpc3MiOiJhIiwic3ViIjoidTEiLCJleHAiOjJ9.y"));
        let other = principal(&with("Bearer e30.eyJpc3MiOiJhIiwic3ViIjoidTIifQ.x"));
        assert_eq!(first, renewed);
        assert_ne!(first, other);
        assert_ne!(principal(&with("Bearer opaque-1")), principal(&with("Bearer opaque-2")));
        assert_ne!(principal(&HeaderMap::new()), principal(&with("Bearer opaque-1")));
    }

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        assert_ne!(key("a", &[b"bc", b"d"]), key("a", &[b"b", b"cd"]));
    }
}

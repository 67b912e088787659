//! The shape of a tunnel: data carried in names that are asked once, below one domain whose server the receiver runs.
//!
//! Single names tell little: CDNs, mail and telemetry have long labels that look random. A tunnel must send many of them, all
//! different, below one domain; an ordinary program asks the same few names again and again. So what is counted is the bytes of
//! *distinct* long names below a domain, and of text that comes back from there, in a window of time.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::Query;

/// How long names are counted together.
const WINDOW: Duration = Duration::from_mins(5);
/// Names with fewer bytes below their domain are what programs have: hosts, services, shards.
const LONG_NAME: usize = 32;
/// What may be sent in a window: 64 names of the least length, or 16 full ones. A credential of 40 bytes is found by its format; this
/// is for what has none.
const SENT: usize = 2048;
/// What may come back as text in a window. The longest honest records (keys of mail, chains of senders) have 2 or 3 KiB each.
const RECEIVED: usize = 32 * 1024;
/// Domains watched at once, over all workloads; the oldest window is forgotten first.
const WINDOWS: usize = 4096;
/// Names remembered of one domain.
const NAMES: usize = 256;
/// Second levels below which everybody can register: `co.uk`, `com.au`.
const SHARED_SECOND: usize = 3;

/// What workloads asked lately. One for all of them.
#[derive(Default)]
pub struct Tunnels {
    windows: HashMap<(u64, String), Window>,
    hash: RandomState,
}

struct Window {
    since: Instant,
    names: HashSet<u64>,
    sent: usize,
    received: usize,
}

impl Tunnels {
    /// Takes note of a query; how many bytes were sent below its domain when that is more than a program sends.
    pub fn asked(&mut self, workload: u64, query: &Query, now: Instant) -> Option<usize> {
        let name = query.dotted();
        let parent = parent(query)?;
        let below = name.len().saturating_sub(parent.len() + 1);
        // Reverse look-ups are long by nature, and nobody but the owner of the addresses receives them.
        if below < LONG_NAME || parent.rsplit_once('.').is_some_and(|(_, top)| top.eq_ignore_ascii_case("arpa")) {
            return None;
        }
        let hash = self.hash.hash_one(name.to_ascii_lowercase());
        let window = self.window(workload, parent, now);
        if window.names.len() < NAMES && !window.names.insert(hash) {
            return None;
        }
        window.sent += below;
        (window.sent > SENT).then_some(window.sent)
    }

    /// Takes note of an answer; how many bytes of text came from its domain when that is more than a program receives.
    pub fn answered(&mut self, workload: u64, query: &Query, text_bytes: usize, now: Instant) -> Option<usize> {
        if text_bytes == 0 {
            return None;
        }
        let window = self.window(workload, parent(query)?, now);
        window.received += text_bytes;
        (window.received > RECEIVED).then_some(window.received)
    }

    fn window(&mut self, workload: u64, parent: String, now: Instant) -> &mut Window {
        let key = (workload, parent);
        if self.windows.len() >= WINDOWS && !self.windows.contains_key(&key) {
            self.windows.retain(|_, window| now.saturating_duration_since(window.since) < WINDOW);
            if self.windows.len() >= WINDOWS {
                let oldest = self.windows.iter().min_by_key(|(_, window)| window.since).map(|(key, _)| key.clone());
                oldest.map(|key| self.windows.remove(&key));
            }
        }
        let new = || Window { since: now, names: HashSet::new(), sent: 0, received: 0 };
        let window = self.windows.entry(key).or_insert_with(new);
        if now.saturating_duration_since(window.since) >= WINDOW {
            *window = new();
        }
        window
    }
}

/// The domain that somebody registered, as far as the name alone tells: its last two labels, three where the second is one that
/// everybody registers below. `None` for the root and for single labels.
#[must_use]
pub fn parent(query: &Query) -> Option<String> {
    let name = query.name();
    let mut labels = name.rsplit('.');
    let (top, second) = (labels.next()?, labels.next()?);
    let third = labels.next().filter(|_| top.len() == 2 && second.len() <= SHARED_SECOND);
    Some(match third {
        Some(third) => format!("{third}.{second}.{top}"),
        None => format!("{second}.{top}"),
    })
}

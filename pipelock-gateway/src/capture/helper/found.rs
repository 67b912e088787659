//! What the sources of `capture.discover` list, kept by the helper and captured at once, whoever asks for it or not.
//!
//! Whoever looks ([`super::Service::found`]) says what a source lists and how it is to be treated; a proxy is told the list, and given
//! the listeners of what it names. It can neither add to the list nor keep something in it from being captured. The list itself
//! is not understood here.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::capture::TargetSpec;

/// How long the first list of a source may take: a runtime that does not answer is an error before that.
const FIRST: Duration = Duration::from_secs(30);

/// What one look at a source found.
#[derive(Debug, Default)]
pub struct News {
    /// Names of what has ended since the last look; what began again is there as well.
    pub gone: Vec<String>,
    /// All that runs now and is to be captured.
    pub specs: Vec<TargetSpec>,
    /// All that runs now, for the proxy.
    pub list: Vec<u8>,
}

/// What one source said last.
#[derive(Debug)]
struct Listed {
    /// Lists so far, those that are the same as the one before not counted.
    number: u64,
    list: Result<Vec<u8>, String>,
    specs: HashMap<String, TargetSpec>,
}

/// What all sources said last, by their place in the configuration.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    listed: Mutex<HashMap<u32, Listed>>,
    changed: Condvar,
}

impl Default for Listed {
    fn default() -> Self {
        Self { number: 0, list: Ok(Vec::new()), specs: HashMap::new() }
    }
}

impl Sightings {
    /// What is to be captured from now on; told to nobody yet, so that it can be captured before.
    pub(super) fn expect(&self, source: u32, specs: &[TargetSpec]) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let specs = specs.iter().map(|spec| (spec.name.clone(), spec.clone())).collect();
        listed.entry(source).or_default().specs = specs;
    }

    /// Tells who waits, if it is new.
    pub(super) fn tell(&self, source: u32, list: Result<Vec<u8>, String>) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let of = listed.entry(source).or_default();
        if of.number == 0 || of.list != list {
            of.number += 1;
            of.list = list;
            self.changed.notify_all();
        }
    }

    /// The list that is newer than the one of that number, or the same once more after `within`; the first is waited for longer.
    pub(super) fn wait(&self, source: u32, seen: u64, within: Duration) -> Result<(u64, Vec<u8>), String> {
        let until = Instant::now() + if seen == 0 { FIRST } else { within.min(FIRST) };
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let number = listed.get(&source).map_or(0, |of| of.number);
            let left = until.saturating_duration_since(Instant::now());
            if number > seen || left.is_zero() {
                let of = listed.get(&source).filter(|of| of.number > 0);
                let of = of.ok_or_else(|| "what runs is not known yet".to_owned())?;
                return of.list.clone().map(|list| (of.number, list));
            }
            let waited = self.changed.wait_timeout(listed, left);
            listed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How something of that name is to be treated.
    pub(super) fn spec(&self, name: &str) -> Option<TargetSpec> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.values().find_map(|of| of.specs.get(name).cloned())
    }

    /// Everything that is to be captured now.
    pub(super) fn names(&self) -> Vec<String> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.values().flat_map(|of| of.specs.keys().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_list_is_told_once_it_is_another_and_a_failure_is_news_too() {
        let sightings = Arc::new(Sightings::default());
        assert!(sightings.wait(0, 1, Duration::ZERO).is_err(), "nothing was looked for yet");
        let waiting = Arc::clone(&sightings);
        let waiting = std::thread::spawn(move || waiting.wait(0, 0, Duration::ZERO));
        sightings.tell(0, Ok(b"[]".to_vec()));
        assert_eq!(waiting.join().unwrap(), Ok((1, b"[]".to_vec())));
        sightings.tell(0, Ok(b"[]".to_vec()));
        assert_eq!(sightings.wait(0, 1, Duration::ZERO), Ok((1, b"[]".to_vec())), "the same once more");
        sightings.tell(0, Err("away".to_owned()));
        assert_eq!(sightings.wait(0, 1, FIRST), Err("away".to_owned()));
        sightings.tell(0, Ok(b"[1]".to_vec()));
        assert_eq!(sightings.wait(0, 1, FIRST), Ok((3, b"[1]".to_vec())));
        assert!(sightings.wait(1, 1, Duration::ZERO).is_err(), "another source");
    }
}

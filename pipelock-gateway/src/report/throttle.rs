//! Says how often the same thing may be logged.
//!
//! It reads no clock (time is an argument) and logs nothing itself. A peer chooses the keys, so the table is bounded.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Admits each key once an interval; keys beyond the capacity wait until others expire.
#[derive(Debug)]
pub(super) struct Throttle {
    interval: Duration,
    capacity: usize,
    admitted: HashMap<Box<str>, Instant>,
    suppressed: u64,
}

impl Throttle {
    /// A throttle that has admitted nothing yet.
    pub(super) fn new(interval: Duration, capacity: usize) -> Self {
        Self { interval, capacity, admitted: HashMap::new(), suppressed: 0 }
    }

    /// Whether `key` may be logged at `now`; if so, how many messages were suppressed since the last admitted one.
    pub(super) fn admit(&mut self, key: &str, now: Instant) -> Option<u64> {
        let interval = self.interval;
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < interval;
        if self.admitted.get(key).is_some_and(is_recent) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        if self.admitted.len() >= self.capacity {
            self.admitted.retain(|_, at| is_recent(at));
        }
        if self.admitted.len() >= self.capacity && !self.admitted.contains_key(key) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.admitted.insert(key.into(), now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn each_key_is_admitted_once_an_interval_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut throttle = Throttle::new(MINUTE, 8);
        assert_eq!(throttle.admit("a", start), Some(0));
        assert_eq!(throttle.admit("a", start + MINUTE / 2), None);
        assert_eq!(throttle.admit("b", start + MINUTE / 2), Some(1));
        assert_eq!(throttle.admit("a", start + MINUTE), Some(0));
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_recovers() {
        let start = Instant::now();
        let mut throttle = Throttle::new(MINUTE, 4);
        let admitted = (0..100).filter(|i| throttle.admit(&i.to_string(), start).is_some()).count();
        assert_eq!((admitted, throttle.admitted.len()), (4, 4));
        assert_eq!(throttle.admit("later", start + MINUTE), Some(96));
    }
}

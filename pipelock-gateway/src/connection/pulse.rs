//! Signs of life of the accept loops, from which the heartbeat of the kernel programs is made.
//!
//! A timer alone would go on beating in a process whose loops are stuck; targets that fail open would then wait in vain. So each
//! loop says that it turns, and nobody beats while one of them does not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a loop says that it turns, also when nobody connects.
pub const TURN: Duration = Duration::from_millis(500);

/// All loops of one process.
#[derive(Debug)]
pub struct Pulse {
    epoch: Instant,
    loops: Mutex<Vec<Arc<Life>>>,
}

#[derive(Debug)]
struct Life {
    turned_ms: AtomicU64,
    ended: AtomicBool,
    failed: AtomicBool,
}

/// One loop's own end. Dropped without [`Turning::retire`] the loop counts as failed, and nobody beats any more.
#[derive(Debug)]
pub struct Turning {
    epoch: Instant,
    life: Arc<Life>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { epoch: Instant::now(), loops: Mutex::default() }
    }
}

impl Pulse {
    /// A new loop, turning.
    pub fn join(&self) -> Turning {
        let life = Arc::new(Life {
            turned_ms: AtomicU64::new(millis(self.epoch)),
            ended: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        });
        self.loops.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&life));
        Turning { epoch: self.epoch, life }
    }

    /// Whether every loop has turned within this time and none has failed. Without a loop there is nobody to accept.
    pub fn is_alive(&self, within: Duration) -> bool {
        let mut loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        loops.retain(|life| !life.ended.load(Ordering::Relaxed));
        let (now, within) = (millis(self.epoch), u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
        let turns = |life: &Arc<Life>| {
            !life.failed.load(Ordering::Relaxed) && now.saturating_sub(life.turned_ms.load(Ordering::Relaxed)) <= within
        };
        loops.iter().all(turns)
    }
}

impl Turning {
    /// The loop has turned.
    pub fn turn(&self) {
        self.life.turned_ms.store(millis(self.epoch), Ordering::Relaxed);
    }

    /// The loop ends because it was asked to.
    pub fn retire(self) {
        self.life.ended.store(true, Ordering::Relaxed);
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        if !self.life.ended.load(Ordering::Relaxed) {
            self.life.failed.store(true, Ordering::Relaxed);
        }
    }
}

fn millis(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stuck_or_failed_loop_silences_the_heart_and_a_retired_one_does_not() {
        let pulse = Pulse::default();
        let (first, second) = (pulse.join(), pulse.join());
        assert!(pulse.is_alive(Duration::from_mins(1)));
        first.retire();
        assert!(pulse.is_alive(Duration::from_mins(1)));
        let epoch = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        second.life.turned_ms.store(0, Ordering::Relaxed);
        let later = Pulse { epoch, loops: Mutex::new(vec![Arc::clone(&second.life)]) };
        assert!(!later.is_alive(Duration::from_secs(2)), "stuck for five seconds");
        second.turn();
        drop(second);
        assert!(!pulse.is_alive(Duration::from_mins(1)), "failed");
    }
}

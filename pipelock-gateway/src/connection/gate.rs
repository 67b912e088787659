//! Connection limits: how many at once, overall and for each workload.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{CgroupId, Limit};

/// Counts connections in and out. Bounded: a workload has an entry only while it has a connection.
#[derive(Debug)]
pub struct Gate {
    total: AtomicUsize,
    per_workload: AtomicUsize,
    /// What there is room for whatever was configured, and the bound that says so.
    most: (usize, Limit),
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_workload: HashMap<CgroupId, usize>,
}

/// A place under the limits, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    workload: CgroupId,
}

impl Gate {
    /// Limits in connections; gateway.md §11 has the defaults.
    #[must_use]
    pub fn new(total: usize, per_workload: usize) -> Arc<Self> {
        Self::with_room(total, per_workload, usize::MAX)
    }

    /// The same, but never more in all than `most`, for which there are descriptors.
    #[must_use]
    pub fn with_room(total: usize, per_workload: usize, most: usize) -> Arc<Self> {
        let (total, per_workload) = (AtomicUsize::new(total), AtomicUsize::new(per_workload));
        Arc::new(Self { total, per_workload, most: (most, Limit::ReservedDescriptors), open: Mutex::default() })
    }

    /// Changes both limits; connections that are open stay.
    pub fn set(&self, total: usize, per_workload: usize) {
        self.total.store(total, Relaxed);
        self.per_workload.store(per_workload, Relaxed);
    }

    /// Takes a place.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn enter(self: &Arc<Self>, workload: CgroupId) -> Result<Permit, Limit> {
        // Counters stay right whatever panicked while holding the lock: each critical section is one assignment.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.most.0 {
            return Err(self.most.1);
        }
        if open.total >= self.total.load(Relaxed) {
            return Err(Limit::Connections);
        }
        let mine = open.by_workload.get(&workload).copied().unwrap_or_default();
        if mine >= self.per_workload.load(Relaxed) {
            return Err(Limit::ConnectionsPerWorkload);
        }
        open.by_workload.insert(workload, mine + 1);
        open.total += 1;
        Ok(Permit { gate: Arc::clone(self), workload })
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        if let Entry::Occupied(mut entry) = open.by_workload.entry(self.workload) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_workload_cannot_take_every_place() {
        let gate = Gate::new(3, 2);
        let (a, b) = (CgroupId(1), CgroupId(2));
        let held = (gate.enter(a).unwrap(), gate.enter(a).unwrap());
        assert_eq!(gate.enter(a).unwrap_err(), Limit::ConnectionsPerWorkload);
        let other = gate.enter(b).unwrap();
        assert_eq!(gate.enter(b).unwrap_err(), Limit::Connections);
        gate.set(4, 2);
        let more = gate.enter(b).expect("a limit that was raised");
        drop(more);
        let small = Gate::with_room(100, 100, 1);
        let held_here = small.enter(a).unwrap();
        assert_eq!(small.enter(b).unwrap_err(), Limit::ReservedDescriptors);
        drop(held_here);
        drop(held);
        assert_eq!(gate.open(), 1);
        drop(other);
        assert_eq!(gate.open(), 0);
        assert!(gate.open.lock().unwrap().by_workload.is_empty(), "nothing is kept for workloads without connections");
    }
}

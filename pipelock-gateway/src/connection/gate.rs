//! Connection limits: how many at once, overall and for each workload.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::CgroupId;

/// Counts connections in and out. Bounded: a workload has an entry only while it has a connection.
#[derive(Debug)]
pub struct Gate {
    total: usize,
    per_workload: usize,
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
        Arc::new(Self { total, per_workload, open: Mutex::default() })
    }

    /// Takes a place; `None` when either limit is reached.
    #[must_use]
    pub fn enter(self: &Arc<Self>, workload: CgroupId) -> Option<Permit> {
        // Counters stay right whatever panicked while holding the lock: each critical section is one assignment.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.total {
            return None;
        }
        let mine = open.by_workload.entry(workload).or_default();
        if *mine >= self.per_workload {
            return None;
        }
        *mine += 1;
        open.total += 1;
        Some(Permit { gate: Arc::clone(self), workload })
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
        assert!(gate.enter(a).is_none(), "its own limit");
        let other = gate.enter(b).unwrap();
        assert!(gate.enter(b).is_none(), "the limit of all");
        drop(held);
        assert_eq!(gate.open(), 1);
        drop(other);
        assert_eq!(gate.open(), 0);
        assert!(gate.open.lock().unwrap().by_workload.is_empty(), "nothing is kept for workloads without connections");
    }
}

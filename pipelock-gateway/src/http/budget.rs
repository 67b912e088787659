//! How many body bytes the whole process may hold back at once.
//!
//! A body waits in memory until it is judged, so the sum over all connections needs a bound of its own: without it 16 000
//! connections times 5 MiB is the workload's choice. It does not bound what hyper buffers (windows and read buffers do).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Permits are counted in pages, so that 256 MiB and more fit the semaphore's `u32`.
const PAGE_BYTES: usize = 4096;
/// Bodies beyond one page reserve in steps of this size, so that a long body does not visit the semaphore on every frame.
const STEP_BYTES: usize = 64 * 1024;

/// A bound on held-back body bytes, shared by every connection of the process. Cloning shares it.
#[derive(Clone, Debug)]
pub struct BodyBudget(Arc<Semaphore>);

impl BodyBudget {
    /// A budget of `bytes`, rounded down to whole 4 KiB pages.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / PAGE_BYTES).min(Semaphore::MAX_PERMITS))))
    }

    /// An empty lease on this budget.
    pub(crate) fn lease(&self) -> Lease {
        Lease { budget: self.clone(), held: None }
    }
}

/// What one body holds of the budget; given back when dropped, that is when the body has left or was refused.
pub(crate) struct Lease {
    budget: BodyBudget,
    held: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Makes sure that `total_bytes` are covered, waiting at most `patience`; `false` when the budget stayed exhausted.
    ///
    /// Waiting is back-pressure: while this waits the connection is not read.
    pub(crate) async fn cover(&mut self, total_bytes: usize, patience: Duration) -> bool {
        let rounded = if total_bytes <= PAGE_BYTES { PAGE_BYTES } else { total_bytes.next_multiple_of(STEP_BYTES) };
        let held_pages = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from((rounded / PAGE_BYTES).saturating_sub(held_pages)).unwrap_or(u32::MAX);
        if missing == 0 {
            return true;
        }
        let more = Arc::clone(&self.budget.0).acquire_many_owned(missing);
        match timeout(patience, more).await {
            Ok(Ok(permit)) => {
                match &mut self.held {
                    Some(held) => held.merge(permit),
                    None => self.held = Some(permit),
                }
                true
            }
            // The semaphore is never closed; an error here could only mean that, and then nothing may be held either.
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Gives back what is not needed for `total_bytes`, in steps.
    pub(crate) fn keep(&mut self, total_bytes: usize) {
        let needed = total_bytes.next_multiple_of(STEP_BYTES) / PAGE_BYTES;
        if let Some(held) = &mut self.held
            && held.num_permits() >= needed + STEP_BYTES / PAGE_BYTES
        {
            let spare = held.num_permits() - needed;
            drop(held.split(spare));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_grows_until_the_budget_is_spent_and_gives_it_back() {
        let budget = BodyBudget::new(128 * 1024);
        let mut first = budget.lease();
        assert!(first.cover(10, Duration::ZERO).await);
        assert!(first.cover(100_000, Duration::from_millis(10)).await, "grows to two steps");

        let mut second = budget.lease();
        assert!(!second.cover(1, Duration::from_millis(10)).await, "nothing is left");
        first.keep(70_000);
        assert!(!second.cover(1, Duration::from_millis(10)).await, "two steps are still needed");
        first.keep(10);
        assert!(second.cover(1, Duration::from_millis(10)).await, "what has left is given back");
        drop((first, second));
        let mut second = budget.lease();
        assert!(second.cover(128 * 1024, Duration::from_millis(10)).await, "a dropped lease is given back");
    }
}

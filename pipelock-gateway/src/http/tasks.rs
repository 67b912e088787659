//! Tasks that belong to a connection and must not outlive it: HTTP/2 streams, relays after an upgrade.

use std::future::Future;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Where they are started; hyper runs its streams here.
#[derive(Clone, Debug)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    cancelled: CancellationToken,
}

impl Tasks {
    /// A group of tasks, and the guard that ends them when the connection's future is dropped.
    pub(super) fn new() -> (Self, DropGuard) {
        let cancelled = CancellationToken::new();
        let guard = cancelled.clone().drop_guard();
        (Self { tracker: TaskTracker::new(), cancelled }, guard)
    }

    /// Starts a task.
    pub(super) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancelled = self.cancelled.clone();
        self.tracker.spawn(async move {
            cancelled.run_until_cancelled(task).await;
        });
    }

    /// Waits until all of them have ended.
    pub(super) async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.start(task);
    }
}

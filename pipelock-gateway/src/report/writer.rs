//! A thread that takes records to where they go, behind a bounded queue that never makes traffic wait.
//!
//! When whoever takes them is slower than the traffic, or broken, records are dropped and counted; that is the only thing that
//! can happen to them besides being taken. It does not know what a record says: [`super::audit`], [`super::summary`] and
//! [`super::flight`] do.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Error;
use super::metrics::{Metrics, RecordLoss};
use super::throttle::Throttle;

/// Records that may wait. At 3 KiB a record, which is what the cuts of [`super::audit`] allow, 24 MiB.
pub(super) const QUEUE_RECORDS: usize = 8192;

/// Records written with one system call, so that a burst does not cost one each.
const BATCH_RECORDS: usize = 256;

/// How long the first record of a batch waits for others, unless the batch is full before. Without it every request under
/// load wakes the thread: that alone was a tenth of the gateway's processor time.
const GATHER: Duration = Duration::from_millis(5);

/// A broken sink is logged once in this time, however many records it loses.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// Who takes records, on the writer's thread.
pub(super) trait Consume<T>: Send + 'static {
    /// Takes a batch, leaving it empty; returns how many of it were lost.
    fn consume(&mut self, batch: &mut Vec<T>) -> u64;
}

/// Where losses are counted.
pub(super) type CountLoss = Arc<dyn Fn(RecordLoss, u64) + Send + Sync>;

/// Something that prints as one line.
pub(super) trait Line: Send + 'static {
    /// Appends the line, with its line feed.
    fn append_to(&self, out: &mut Vec<u8>);
}

impl Line for String {
    fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
        out.push(b'\n');
    }
}

/// Where lines go, unbuffered: each batch is handed to the kernel when it is complete.
pub(super) struct Sink {
    name: String,
    out: Box<dyn Write + Send>,
    /// Whether the last write ended in the middle of a line, so that the next one must begin on a fresh one.
    torn: bool,
}

impl Sink {
    /// Any writer; `name` is what the log calls it when it fails.
    pub(super) fn new(name: impl Into<String>, out: impl Write + Send + 'static) -> Self {
        Self { name: name.into(), out: Box::new(out), torn: false }
    }

    /// A second descriptor of this process's standard output, past the buffer of [`io::stdout`].
    pub(super) fn stdout() -> io::Result<Self> {
        use std::os::fd::AsFd;
        Ok(Self::new("standard output", File::from(io::stdout().as_fd().try_clone_to_owned()?)))
    }

    /// The same of standard error.
    pub(super) fn stderr() -> io::Result<Self> {
        use std::os::fd::AsFd;
        Ok(Self::new("standard error", File::from(io::stderr().as_fd().try_clone_to_owned()?)))
    }

    /// Writes lines that end at the offsets `ends`; on error, says how many of them did not get through whole.
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), (u64, io::Error)> {
        if self.torn {
            self.out.write_all(b"\n").map_err(|error| (ends.len() as u64, error))?;
            self.torn = false;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let error = match self.out.write(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(n) => {
                    rest = rest.get(n..).unwrap_or_default();
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let written = bytes.len() - rest.len();
            self.torn = written > 0 && !ends.contains(&written);
            let lost = ends.iter().filter(|end| **end > written).count();
            return Err((lost as u64, error));
        }
        Ok(())
    }
}

/// Lines on their way to sinks.
struct Lines {
    sinks: Vec<Sink>,
    complaints: Throttle,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<T: Line> Consume<T> for Lines {
    fn consume(&mut self, batch: &mut Vec<T>) -> u64 {
        self.bytes.clear();
        self.ends.clear();
        for record in batch.drain(..) {
            record.append_to(&mut self.bytes);
            self.ends.push(self.bytes.len());
        }
        let mut total = 0;
        for sink in &mut self.sinks {
            let Err((lost, error)) = sink.write(&self.bytes, &self.ends) else { continue };
            total += lost;
            if let Some(unsaid) = self.complaints.admit(&sink.name, Instant::now()) {
                tracing::error!(sink = sink.name, %error, lost, unsaid, "records could not be written and are lost");
            }
        }
        total
    }
}

/// Handle to the thread. Dropping it lets the thread write what is queued and end, without waiting for it.
pub(super) struct Writer<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    capacity: usize,
    count_loss: CountLoss,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Signalled when there is something to write, or the writer is closing.
    wake: Condvar,
    /// Signalled when the thread has ended.
    finished: Condvar,
}

struct State<T> {
    queue: VecDeque<T>,
    /// Records taken from the queue and not yet written.
    writing: usize,
    closing: bool,
    finished: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under the lock, and the state is valid at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Line> Writer<T> {
    /// Starts a thread that writes lines.
    ///
    /// # Errors
    /// [`Error::Thread`] when the system has no thread to give.
    pub(super) fn spawn(thread_name: &str, sinks: Vec<Sink>, metrics: Metrics) -> Result<Self, Error> {
        let complaints = Throttle::new(COMPLAINT_INTERVAL, sinks.len());
        let lines = Lines { sinks, complaints, bytes: Vec::new(), ends: Vec::with_capacity(BATCH_RECORDS) };
        let count = Arc::new(move |cause, records| metrics.records_lost(cause, records));
        Self::with(thread_name, QUEUE_RECORDS, lines, count)
    }
}

impl<T: Send + 'static> Writer<T> {
    /// Starts the thread, behind a queue of `capacity` records.
    ///
    /// # Errors
    /// [`Error::Thread`] when the system has no thread to give.
    pub(super) fn with(
        thread_name: &str,
        capacity: usize,
        consumer: impl Consume<T>,
        count_loss: CountLoss,
    ) -> Result<Self, Error> {
        let state = State { queue: VecDeque::new(), writing: 0, closing: false, finished: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), finished: Condvar::new() });
        let worker =
            Worker { shared: Arc::clone(&shared), consumer: Some(consumer), count_loss: Arc::clone(&count_loss) };
        thread::Builder::new().name(thread_name.to_owned()).spawn(move || worker.run()).map_err(Error::Thread)?;
        Ok(Self { shared, capacity, count_loss })
    }

    /// Queues a record; drops and counts it when the queue is full or closed, and says whether it was queued. Takes one
    /// uncontended lock.
    pub(super) fn push(&self, record: T) -> bool {
        let mut state = self.shared.lock();
        let loss = if state.closing {
            Some(RecordLoss::Closed)
        } else if state.queue.len() >= self.capacity {
            Some(RecordLoss::QueueFull)
        } else {
            state.queue.push_back(record);
            None
        };
        // The thread waits for the first record of a batch, and then for the last.
        let awaited = matches!(state.queue.len(), 1 | BATCH_RECORDS);
        drop(state);
        match loss {
            None if awaited => self.shared.wake.notify_one(),
            None => {}
            Some(cause) => (self.count_loss)(cause, 1),
        }
        loss.is_none()
    }

    /// Takes no more records and waits until those queued are written, at most until `deadline`.
    ///
    /// # Errors
    /// The number of records given up at the deadline; they are counted as lost.
    pub(super) fn close(&self, deadline: Instant) -> Result<(), u64> {
        let mut state = self.shared.lock();
        state.closing = true;
        self.shared.wake.notify_all();
        while !state.finished {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let lost = (std::mem::take(&mut state.queue).len() + state.writing) as u64;
                drop(state);
                (self.count_loss)(RecordLoss::Closed, lost);
                return Err(lost);
            }
            state = self.shared.finished.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl<T: Send + 'static> Drop for Writer<T> {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_all();
    }
}

/// The thread's side.
struct Worker<T: Send + 'static, C: Consume<T>> {
    shared: Arc<Shared<T>>,
    /// Gone before anybody is told that the thread has ended: its own end may write, too.
    consumer: Option<C>,
    count_loss: CountLoss,
}

impl<T: Send + 'static, C: Consume<T>> Worker<T, C> {
    fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_RECORDS);
        while self.next_batch(&mut batch) {
            let lost = self.consumer.as_mut().map_or(0, |consumer| consumer.consume(&mut batch));
            batch.clear();
            if lost > 0 {
                (self.count_loss)(RecordLoss::WriteError, lost);
            }
        }
    }

    /// Waits for records; `false` when closing and none are left.
    fn next_batch(&self, batch: &mut Vec<T>) -> bool {
        let mut state = self.shared.lock();
        state.writing = 0;
        while state.queue.is_empty() && !state.closing {
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let filling = |state: &mut State<T>| state.queue.len() < BATCH_RECORDS && !state.closing;
        let gathered = self.shared.wake.wait_timeout_while(state, GATHER, filling);
        let mut state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        let take = state.queue.len().min(BATCH_RECORDS);
        batch.extend(state.queue.drain(..take));
        state.writing = take;
        take > 0
    }
}

impl<T: Send + 'static, C: Consume<T>> Drop for Worker<T, C> {
    /// Also when a line panicked while it was formatted, so that closing never waits for a thread that is gone.
    fn drop(&mut self) {
        drop(self.consumer.take());
        let mut state = self.shared.lock();
        state.closing = true;
        state.finished = true;
        self.shared.finished.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A sink whose every write waits for a permit and then reports what it was given.
    struct Gate {
        permits: mpsc::Receiver<io::Result<usize>>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A dropped permit sender opens the gate for good.
            let allowed = self.permits.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            let _ = self.written.send(bytes[..allowed].to_vec());
            Ok(allowed)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Lets one write through, with at most so many bytes, or fails it.
    type Permits = mpsc::Sender<io::Result<usize>>;

    fn gated() -> (Writer<String>, Permits, mpsc::Receiver<Vec<u8>>, Metrics) {
        let (permit, permits) = mpsc::channel();
        let (written, seen) = mpsc::channel();
        let metrics = Metrics::new("test");
        let sink = Sink::new("gate", Gate { permits, written });
        (Writer::spawn("test-writer", vec![sink], metrics.clone()).unwrap(), permit, seen, metrics)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    fn text(seen: &mpsc::Receiver<Vec<u8>>) -> String {
        String::from_utf8(seen.iter().flatten().collect()).unwrap()
    }

    #[test]
    fn a_stuck_sink_never_blocks_and_loses_exactly_what_does_not_fit() {
        let (writer, permit, seen, metrics) = gated();
        let total = QUEUE_RECORDS + BATCH_RECORDS + 100;
        for i in 0..total {
            writer.push(i.to_string());
        }
        let rendered = metrics.render();
        drop(permit);
        writer.close(soon()).unwrap();
        drop(writer);
        let lines = text(&seen).lines().count();
        let lost = total - lines;
        assert!((100..=100 + BATCH_RECORDS).contains(&lost), "{lost}");
        assert!(
            rendered.contains(&format!("pipelock_audit_records_lost_total{{cause=\"queue_full\"}} {lost}\n")),
            "{rendered}"
        );
    }

    #[test]
    fn closing_writes_what_is_queued_and_later_records_count_as_lost() {
        let (writer, permit, seen, metrics) = gated();
        writer.push("one".into());
        writer.push("two".into());
        drop(permit);
        writer.close(soon()).unwrap();
        writer.push("three".into());
        drop(writer);
        assert_eq!(text(&seen), "one\ntwo\n");
        assert!(metrics.render().contains("pipelock_audit_records_lost_total{cause=\"closed\"} 1\n"));
    }

    #[test]
    fn closing_gives_up_at_its_deadline() {
        let (writer, _permit, _seen, metrics) = gated();
        writer.push("stuck".into());
        assert_eq!(writer.close(Instant::now()), Err(1));
        assert!(metrics.render().contains("pipelock_audit_records_lost_total{cause=\"closed\"} 1\n"));
    }

    #[test]
    fn after_a_torn_write_the_next_record_begins_on_a_line_of_its_own() {
        let (written, seen) = mpsc::channel();
        let (permit, permits) = mpsc::channel();
        let mut sink = Sink::new("disk", Gate { permits, written });
        permit.send(Ok(6)).unwrap();
        permit.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        let (lost, error) = sink.write(b"first\nsecond\n", &[6, 13]).unwrap_err();
        assert_eq!((lost, error.kind(), sink.torn), (1, io::ErrorKind::StorageFull, false));

        permit.send(Ok(3)).unwrap();
        permit.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        let (lost, _) = sink.write(b"third\n", &[6]).unwrap_err();
        assert_eq!((lost, sink.torn), (1, true));

        drop(permit);
        sink.write(b"fourth\n", &[7]).unwrap();
        drop(sink);
        assert_eq!(text(&seen), "first\nthi\nfourth\n");
    }

    #[test]
    fn a_full_disk_is_counted_and_the_writer_goes_on() {
        let (writer, permit, seen, metrics) = gated();
        permit.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        writer.push("lost".into());
        // The first record is written alone or with the second; so it is waited for before the second is queued.
        let deadline = soon();
        while !metrics.render().contains("cause=\"write_error\"} 1") {
            assert!(Instant::now() < deadline, "{}", metrics.render());
            std::thread::yield_now();
        }
        drop(permit);
        writer.push("kept".into());
        writer.close(soon()).unwrap();
        drop(writer);
        assert_eq!(text(&seen), "kept\n");
    }
}

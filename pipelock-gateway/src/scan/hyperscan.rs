//! The only user of the `hyperscan` crate, and the only foreign memory of the scanner.
//!
//! The crate is sound only for callers who know what it leaves out; this file is that knowledge, so that the rest of
//! [`crate::scan`] cannot get it wrong:
//!
//! * a [`Stream`] holds its [`Database`], because the crate's stream does not, and closing a stream after its database
//!   was freed reads freed memory;
//! * dropping a [`Stream`] closes it, because the crate's `Drop` does nothing and leaks the state;
//! * a stream that was terminated, or that failed, is dead: [`Stream::feed`] answers [`Fed::Dead`] and never "clean";
//! * slices are at most [`MAX_SLICE`] long, because the crate casts lengths to `u32`;
//! * the callback only pushes into a vector reserved before the call; it cannot panic, which would abort the process;
//! * scratch is grown over all databases when they are compiled, and reaches callers through a closure only, so that it
//!   can neither be shared between threads nor be held across an `.await`;
//! * no start-of-match, no extended parameters (the crate drops them silently in multi-pattern builds), no vectored or
//!   reader mode; only [`kept`] deserialises, since the crate trusts its input;
//! * every database finds a planted sample through the shared scratch before it is used.
//!
//! It knows expressions and offsets. What a hit means is decided in [`crate::scan::engine`].

mod kept;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hyperscan::{
    Builder as _, HsError, Matching, Pattern, PatternFlags, Patterns, Platform, Scratch, ScratchRef, StreamingDatabase,
};

pub use kept::Store;

/// Longest slice handed to the library in one call. Far below the 4 GiB where the crate's cast to `u32` would scan a part
/// only, and small enough that one call cannot occupy a runtime thread for long.
pub(super) const MAX_SLICE: usize = 64 * 1024;

/// Added to every database and looked for when it is loaded. Never reported.
const SELF_TEST_SAMPLE: &[u8] = b"pipelock-self-test:0f5d7c1e";
/// The expression that finds [`SELF_TEST_SAMPLE`].
const SELF_TEST_EXPRESSION: &str = "pipelock-self-test:0f5d7c1e";
/// Its identifier; rule identifiers are far smaller.
const SELF_TEST_ID: u32 = i32::MAX as u32;

/// Why a set of databases could not be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library refuses this processor.
    #[error("this processor lacks the vector instructions that libhs needs (SSSE3; SSE4.2 for Vectorscan)")]
    Platform(#[source] hyperscan::Error),
    /// An expression is outside the library's syntax or too large.
    #[error("the expression does not compile: {0}")]
    Expression(String),
    /// The set as a whole does not compile.
    #[error("the rule set does not compile")]
    Compile(#[source] hyperscan::Error),
    /// A thread that compiled a part of it did not come back.
    #[error("compiling the rule set was interrupted")]
    Interrupted,
    /// No memory for scratch space.
    #[error("scratch space for the rule set cannot be allocated")]
    Scratch(#[source] hyperscan::Error),
    /// A database did not find the sample planted for it.
    #[error("database {database} does not find its planted sample; this build of libhs must not be used")]
    SelfTest {
        /// Its place in the set.
        database: usize,
    },
}

/// One expression, in the library's syntax. `.` matches every byte; text is bytes, never code points.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) source: String,
    pub(super) caseless: bool,
}

impl Expression {
    fn pattern(&self, id: usize) -> Pattern {
        let case = if self.caseless { PatternFlags::CASELESS } else { PatternFlags::empty() };
        Pattern {
            expression: self.source.clone(),
            flags: PatternFlags::DOTALL | case,
            id: Some(id),
            ext: hyperscan::ExprExt::default(),
            som: None,
        }
    }

    /// How many bytes a match can span.
    pub(super) fn width(&self) -> Result<Width, Error> {
        let info = self.pattern(0).info().map_err(|error| Error::Expression(error.to_string()))?;
        // The library says "unbounded" with the largest unsigned int.
        let max = u32::try_from(info.max_width()).ok().filter(|&max| max != u32::MAX);
        Ok(Width { min: u32::try_from(info.min_width()).unwrap_or(u32::MAX), max })
    }
}

/// Shortest and longest match in bytes; no longest one when the expression is unbounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    pub(super) min: u32,
    pub(super) max: Option<u32>,
}

/// One match: which expression (its index), and the stream offset just after its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) end: u64,
    pub(super) expression: u32,
}

/// Hits for which a thread keeps room: asking for it anew costs as much as scanning a short stretch.
const HITS_PER_THREAD: usize = 1024;

/// Where the callback puts hits: at most as many as were reserved, then an overflow mark.
#[derive(Debug)]
pub(super) struct Hits {
    list: Vec<Hit>,
    limit: usize,
    overflow: Option<u64>,
}

impl Hits {
    /// Reserves room for `capacity` hits, the most that one call can report.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let kept = ROOM.try_with(Cell::take).unwrap_or_default();
        let list = if kept.capacity() >= capacity { kept } else { Vec::with_capacity(capacity) };
        Self { list, limit: capacity, overflow: None }
    }

    /// Forgets the hits of the call before and allows at most `limit` in the next one.
    pub(super) fn clear(&mut self, limit: usize) {
        self.list.clear();
        self.overflow = None;
        self.limit = limit.min(self.list.capacity());
    }

    /// The hits of the last call, in the order the library reported them.
    pub(super) fn as_slice(&self) -> &[Hit] {
        &self.list
    }

    /// Where the first hit ended for which there was no room.
    pub(super) fn overflow(&self) -> Option<u64> {
        self.overflow
    }
}

impl Drop for Hits {
    fn drop(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        list.clear();
        // A thread that is ending keeps nothing; of two the larger one is kept.
        let _ = ROOM.try_with(|room| {
            let kept = room.take();
            room.set(if list.capacity() > kept.capacity() && list.capacity() <= HITS_PER_THREAD { list } else { kept });
        });
    }
}

/// How a slice was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Fed {
    /// All of it was scanned.
    All,
    /// There were more hits than [`Hits`] may hold; what follows them was not scanned and the stream is dead.
    Overflow,
    /// The stream had been terminated before, or the library failed: nothing was scanned.
    Dead,
}

/// A compiled set of expressions. Immutable, shared by all threads.
pub(super) struct Database {
    compiled: StreamingDatabase,
}

impl Database {
    /// Takes what was kept for these expressions, or compiles them and keeps that.
    fn obtain(expressions: &[Expression], store: Option<&dyn Store>) -> Result<Self, Error> {
        let Some(store) = store else { return Self::compile(expressions) };
        let name = kept::name(expressions);
        if let Some(compiled) = store.load(&name).and_then(|bytes| kept::read(&bytes, &name)) {
            return Ok(Self { compiled });
        }
        let database = Self::compile(expressions)?;
        if let Some(bytes) = kept::write(&database.compiled, &name) {
            store.save(&name, &bytes);
        }
        Ok(database)
    }

    fn compile(expressions: &[Expression]) -> Result<Self, Error> {
        let mut patterns: Vec<Pattern> =
            expressions.iter().enumerate().map(|(id, expression)| expression.pattern(id)).collect();
        let canary = Expression { source: SELF_TEST_EXPRESSION.to_owned(), caseless: false };
        patterns.push(canary.pattern(SELF_TEST_ID as usize));
        let compiled = Patterns(patterns).build().map_err(Error::Compile)?;
        Ok(Self { compiled })
    }

    /// Memory of one open stream in bytes, as the library counts it.
    #[cfg(test)]
    pub(super) fn stream_bytes(&self) -> usize {
        self.compiled.stream_size().unwrap_or(usize::MAX)
    }

    /// Scans the planted sample in two pieces, through the scratch that all databases share.
    fn finds_its_sample(self: &Arc<Self>, scratch: &ScratchRef) -> bool {
        let Ok(stream) = self.compiled.open_stream() else { return false };
        let mut found = false;
        let (first, second) = SELF_TEST_SAMPLE.split_at(SELF_TEST_SAMPLE.len() / 2);
        for piece in [first, second] {
            let callback = |id: u32, _from: u64, _to: u64, _flags: u32| {
                found |= id == SELF_TEST_ID;
                Matching::Continue
            };
            if stream.scan(piece, scratch, callback).is_err() {
                found = false;
                break;
            }
        }
        stream.close(scratch, ()).is_ok() && found
    }
}

/// All databases of one rule set, and the scratch that serves every one of them.
pub(super) struct Generation {
    number: u64,
    databases: Box<[Arc<Database>]>,
    /// Cloned once a thread. Behind a lock because scratch may be read by one thread at a time only.
    prototype: Mutex<Scratch>,
}

/// The next [`Generation::number`].
static NEXT_GENERATION: AtomicU64 = AtomicU64::new(0);

/// Scratch kept by one thread. During a reload two generations are in use; older ones are dropped.
const SCRATCH_PER_THREAD: usize = 2;

thread_local! {
    static ROOM: Cell<Vec<Hit>> = const { Cell::new(Vec::new()) };
    static SCRATCH: RefCell<Vec<(u64, Scratch)>> = const { RefCell::new(Vec::new()) };
}

impl Generation {
    /// The same as [`Self::compile_with`] without a place to keep anything.
    pub(super) fn compile(sets: &[&[Expression]]) -> Result<Arc<Self>, Error> {
        Self::compile_with(sets, None)
    }

    /// Compiles one database for each list of expressions, or takes what `store` has of it, allocates scratch over all of
    /// them, and tests each.
    ///
    /// Takes about 2 ms an expression, each database on a thread of its own; call it from a thread that may block.
    pub(super) fn compile_with(sets: &[&[Expression]], store: Option<&dyn Store>) -> Result<Arc<Self>, Error> {
        require_platform(Platform::is_valid())?;
        let databases: Box<[_]> = std::thread::scope(|threads| {
            let compiling: Vec<_> = sets.iter().map(|set| threads.spawn(|| Database::obtain(set, store))).collect();
            compiling
                .into_iter()
                .map(|thread| thread.join().unwrap_or(Err(Error::Interrupted)).map(Arc::new))
                .collect::<Result<_, _>>()
        })?;
        let mut prototype: Option<Scratch> = None;
        for database in &databases {
            prototype = Some(match prototype.take() {
                None => database.compiled.alloc_scratch().map_err(Error::Scratch)?,
                Some(mut scratch) => match database.compiled.realloc_scratch(&mut scratch) {
                    Ok(_) => scratch,
                    Err(error) => {
                        // The library has freed the old region and the crate still points at it: freeing it again on
                        // drop would be worse than losing a few KiB of a start that fails.
                        std::mem::forget(scratch);
                        return Err(Error::Scratch(error));
                    }
                },
            });
        }
        let Some(prototype) = prototype else {
            return Err(Error::Expression("a generation needs at least one database".to_owned()));
        };
        for (index, database) in databases.iter().enumerate() {
            if !database.finds_its_sample(&prototype) {
                return Err(Error::SelfTest { database: index });
            }
        }
        let number = NEXT_GENERATION.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Self { number, databases, prototype: Mutex::new(prototype) }))
    }

    /// The database compiled from the `index`-th list.
    pub(super) fn database(&self, index: usize) -> Option<&Arc<Database>> {
        self.databases.get(index)
    }

    /// Opens a stream on one of the databases.
    pub(super) fn open(self: &Arc<Self>, database: &Arc<Database>) -> Stream {
        // Failing to open means out of memory; such a stream is born dead and its owner reports a limit.
        let state = database.compiled.open_stream().ok();
        #[cfg(test)]
        tests::count_open(state.is_some());
        Stream { dead: state.is_none(), state, generation: Arc::clone(self), _database: Arc::clone(database) }
    }

    /// Runs `work` with this thread's scratch. `work` cannot await, so scratch never outlives a poll.
    fn with_scratch<R>(&self, work: impl FnOnce(&ScratchRef) -> R) -> R {
        let mut work = Some(work);
        let done = SCRATCH.try_with(|cell| {
            let mut kept = cell.try_borrow_mut().ok()?;
            let work = work.take()?;
            let place = kept.iter().position(|(number, _)| *number == self.number).unwrap_or_else(|| {
                if kept.len() == SCRATCH_PER_THREAD {
                    kept.remove(0);
                }
                kept.push((self.number, self.clone_scratch()));
                kept.len() - 1
            });
            kept.get(place).map(|(_, scratch)| work(scratch))
        });
        match (done, work) {
            (Ok(Some(result)), _) => result,
            // The thread is ending and its scratch is gone, or it is in use further up the stack: a fresh one will do.
            (_, Some(work)) => work(&self.clone_scratch()),
            (_, None) => unreachable!("work is taken only on the path that returns its result"),
        }
    }

    fn clone_scratch(&self) -> Scratch {
        self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn require_platform(answer: Result<(), hyperscan::Error>) -> Result<(), Error> {
    answer.map_err(Error::Platform)
}

/// The state of matching one sequence of bytes against one database, fed in order.
///
/// Dropping it closes it. The fields keep the database and its scratch alive for as long as the state is.
pub(super) struct Stream {
    /// `None` once closed, or when it could not be opened.
    state: Option<hyperscan::Stream>,
    dead: bool,
    generation: Arc<Generation>,
    /// Never read: it is here so that the database is freed after the state, whatever happens to the generation.
    _database: Arc<Database>,
}

impl Stream {
    /// Scans the next bytes and collects their hits; what `hits` held before is kept, and counts against its limit.
    pub(super) fn feed(&mut self, bytes: &[u8], hits: &mut Hits) -> Fed {
        let Some(state) = self.state.as_ref().filter(|_| !self.dead) else { return Fed::Dead };
        let fed = self.generation.with_scratch(|scratch| {
            for slice in bytes.chunks(MAX_SLICE) {
                match outcome(&state.scan(slice, scratch, collect(hits))) {
                    Fed::All => {}
                    stopped => return stopped,
                }
            }
            Fed::All
        });
        self.dead = fed != Fed::All;
        fed
    }

    /// Ends the stream and collects the hits that only the end of data can decide.
    pub(super) fn finish(mut self, hits: &mut Hits) -> Fed {
        let Some(state) = self.state.take() else { return Fed::Dead };
        if self.dead {
            self.close(state);
            return Fed::Dead;
        }
        #[cfg(test)]
        tests::count_close();
        self.generation.with_scratch(|scratch| outcome(&state.close(scratch, collect(hits))))
    }

    /// Frees the state without looking for further matches.
    fn close(&self, state: hyperscan::Stream) {
        #[cfg(test)]
        tests::count_close();
        // The library can refuse only null or misused arguments here, and a destructor has nobody to tell.
        let _ = self.generation.with_scratch(|scratch| state.close(scratch, ()));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            self.close(state);
        }
    }
}

/// The callback. It must not panic: unwinding out of an `extern "C"` function aborts the process. `push` stays within the
/// capacity that [`Hits::with_capacity`] reserved, so it does not even allocate.
fn collect(hits: &mut Hits) -> impl FnMut(u32, u64, u64, u32) -> Matching {
    |id, _from, to, _flags| {
        if id == SELF_TEST_ID {
            return Matching::Continue;
        }
        if hits.list.len() >= hits.limit {
            hits.overflow = Some(to);
            return Matching::Terminate;
        }
        hits.list.push(Hit { end: to, expression: id });
        Matching::Continue
    }
}

/// What the crate's answer means for the stream. Only the callback terminates a scan, and only on overflow.
fn outcome(answer: &Result<(), hyperscan::Error>) -> Fed {
    match answer {
        Ok(()) => Fed::All,
        Err(hyperscan::Error::Hyperscan(HsError::ScanTerminated)) => Fed::Overflow,
        Err(_) => Fed::Dead,
    }
}

#[cfg(test)]
mod tests;

//! Every hazard of the crate that the wrapper exists for, as a test.

use std::cell::Cell;
use std::fs;

use super::*;

thread_local! {
    /// Streams opened less streams closed on this thread; each test has a thread of its own.
    static OPEN: Cell<i64> = const { Cell::new(0) };
}

pub(super) fn count_open(opened: bool) {
    OPEN.set(OPEN.get() + i64::from(opened));
}

pub(super) fn count_close() {
    // A stream may be dropped while its thread is being torn down.
    let _ = OPEN.try_with(|open| open.set(open.get() - 1));
}

fn expression(source: &str) -> Expression {
    Expression { source: source.to_owned(), caseless: false }
}

fn generation(sources: &[&str]) -> Arc<Generation> {
    let set: Vec<_> = sources.iter().map(|source| expression(source)).collect();
    Generation::compile(&[&set]).unwrap()
}

fn open(generation: &Arc<Generation>) -> Stream {
    generation.open(generation.database(0).unwrap())
}

fn ends(hits: &Hits) -> Vec<u64> {
    hits.as_slice().iter().map(|hit| hit.end).collect()
}

#[test]
fn stream_outlives_every_other_handle_of_its_database() {
    let mut hits = Hits::with_capacity(8);
    let mut stream = {
        let generation = generation(&["needle"]);
        open(&generation)
    };
    assert_eq!(stream.feed(b"hay nee", &mut hits), Fed::All);
    assert_eq!(stream.feed(b"dle hay", &mut hits), Fed::All);
    assert_eq!(stream.finish(&mut hits), Fed::All);
    assert_eq!(ends(&hits), [10]);
}

#[test]
fn a_stream_that_is_dropped_is_closed() {
    let generation = generation(&["needle"]);
    drop(open(&generation));
    let mut fed = open(&generation);
    assert_eq!(fed.feed(b"needle", &mut Hits::with_capacity(8)), Fed::All);
    assert_eq!(OPEN.get(), 1);
    drop(fed);
    assert_eq!(open(&generation).finish(&mut Hits::with_capacity(8)), Fed::All);
    assert_eq!(OPEN.get(), 0);
}

#[test]
fn dropping_streams_gives_their_memory_back() {
    fn resident_bytes() -> usize {
        let pages: usize = fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }
    // Bounded gaps make the state of one stream large enough that losing the streams could not be overlooked.
    let sources: Vec<_> = (0..40).map(|n| format!("a{n}[xyz]{{20,90}}b{n}")).collect();
    let generation = generation(&sources.iter().map(String::as_str).collect::<Vec<_>>());
    let each = generation.database(0).unwrap().stream_bytes();
    let rounds = (256 << 20) / each;
    drop(open(&generation));
    let before = resident_bytes();
    for _ in 0..rounds {
        drop(open(&generation));
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{rounds} streams of {each} bytes were opened and dropped, {grown} bytes remain");
}

#[test]
fn a_terminated_stream_is_dead_and_is_still_closed() {
    let generation = generation(&["a"]);
    let mut stream = open(&generation);
    let mut hits = Hits::with_capacity(3);
    assert_eq!(stream.feed(b"aaaaa", &mut hits), Fed::Overflow);
    assert_eq!(ends(&hits), [1, 2, 3]);
    assert_eq!(hits.overflow(), Some(4));
    hits.clear(3);
    assert_eq!(stream.feed(b"a", &mut hits), Fed::Dead, "a dead stream must not look clean");
    assert_eq!(ends(&hits), [0; 0]);
    drop(stream);

    let mut stream = open(&generation);
    assert_eq!(stream.feed(b"aaaaa", &mut hits), Fed::Overflow);
    assert_eq!(stream.finish(&mut hits), Fed::Dead);
    assert_eq!(OPEN.get(), 0);
}

#[test]
fn as_many_hits_as_were_reserved_are_no_overflow() {
    let generation = generation(&["a"]);
    let mut stream = open(&generation);
    let mut hits = Hits::with_capacity(3);
    assert_eq!(stream.feed(b"aaa", &mut hits), Fed::All);
    hits.clear(1);
    assert_eq!(stream.feed(b"aa", &mut hits), Fed::Overflow, "the limit of one call may be lower than the capacity");
    assert_eq!(ends(&hits), [4]);
}

#[test]
fn slices_longer_than_the_limit_are_scanned_whole() {
    let generation = generation(&["needle"]);
    let mut stream = open(&generation);
    let mut hits = Hits::with_capacity(8);
    let mut bytes = vec![b'.'; 3 * MAX_SLICE];
    let straddling = MAX_SLICE - 3;
    bytes[straddling..straddling + 6].copy_from_slice(b"needle");
    let last = bytes.len() - 6;
    bytes[last..].copy_from_slice(b"needle");
    assert_eq!(stream.feed(&bytes, &mut hits), Fed::All);
    assert_eq!(ends(&hits), [straddling as u64 + 6, 3 * MAX_SLICE as u64]);
}

#[test]
fn one_scratch_serves_databases_of_different_size_in_any_order() {
    let small = [expression("needle")];
    let large: Vec<_> = (0..60).map(|n| expression(&format!("k{n}[a-z]{{8,40}}=[0-9]{{{}}}", n % 7 + 3))).collect();
    for sets in [[&small[..], &large[..]], [&large[..], &small[..]]] {
        let generation = Generation::compile(&sets).unwrap();
        let mut streams: Vec<_> = (0..2).map(|index| generation.open(generation.database(index).unwrap())).collect();
        for (stream, set) in streams.iter_mut().zip(sets) {
            let mut hits = Hits::with_capacity(8);
            let (text, end) = if set.len() == 1 { ("needle", 6) } else { ("k7abcdefghij=1234567890", 16) };
            assert_eq!(stream.feed(text.as_bytes(), &mut hits), Fed::All);
            assert_eq!(ends(&hits), [end]);
        }
    }
}

#[test]
fn threads_scan_one_database_at_the_same_time() {
    let generation = generation(&["needle"]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut hits = Hits::with_capacity(8);
                    let mut stream = open(&generation);
                    assert_eq!(stream.feed(b"hay needle", &mut hits), Fed::All);
                    assert_eq!(ends(&hits), [10]);
                }
            });
        }
    });
}

#[test]
fn a_stream_may_be_dropped_after_its_thread_lost_its_scratch() {
    thread_local! {
        /// Initialised before the wrapper's own thread local, hence destroyed after it.
        static LATE: RefCell<Option<Stream>> = const { RefCell::new(None) };
    }
    let generation = generation(&["needle"]);
    std::thread::spawn(move || {
        LATE.set(None);
        let mut stream = open(&generation);
        assert_eq!(stream.feed(b"nee", &mut Hits::with_capacity(1)), Fed::All);
        LATE.set(Some(stream));
    })
    .join()
    .unwrap();
}

#[test]
fn a_reload_keeps_old_streams_working_on_the_same_thread() {
    let old = generation(&["old"]);
    let mut running = open(&old);
    let mut hits = Hits::with_capacity(8);
    assert_eq!(running.feed(b"o", &mut hits), Fed::All);
    for _ in 0..3 {
        let new = generation(&["new"]);
        let mut stream = open(&new);
        hits.clear(8);
        assert_eq!(stream.feed(b"new", &mut hits), Fed::All);
        assert_eq!(ends(&hits), [3]);
    }
    drop(old);
    hits.clear(8);
    assert_eq!(running.feed(b"ld", &mut hits), Fed::All);
    assert_eq!(ends(&hits), [3]);
}

#[test]
fn end_of_data_decides_hits_at_finish() {
    let generation = generation(&["tail$"]);
    let mut stream = open(&generation);
    let mut hits = Hits::with_capacity(8);
    assert_eq!(stream.feed(b"tail", &mut hits), Fed::All);
    assert_eq!(ends(&hits), [0; 0]);
    assert_eq!(stream.finish(&mut hits), Fed::All);
    assert_eq!(ends(&hits), [4]);
}

#[test]
fn the_planted_sample_is_found_and_never_reported() {
    let generation = generation(&["needle"]);
    let database = generation.database(0).unwrap();
    assert!(generation.with_scratch(|scratch| database.finds_its_sample(scratch)));
    let mut hits = Hits::with_capacity(8);
    assert_eq!(open(&generation).feed(SELF_TEST_SAMPLE, &mut hits), Fed::All);
    assert_eq!(ends(&hits), [0; 0]);
}

#[test]
fn a_processor_the_library_refuses_is_a_clear_error() {
    let error = require_platform(Err(HsError::ArchError.into())).unwrap_err();
    assert!(error.to_string().contains("processor lacks"), "{error}");
    assert!(require_platform(Ok(())).is_ok());
}

#[test]
fn widths_are_known_and_unbounded_ones_are_told_apart() {
    assert_eq!(expression("ab{2,5}").width().unwrap(), Width { min: 3, max: Some(6) });
    assert_eq!(expression("ab+").width().unwrap(), Width { min: 2, max: None });
    assert!(matches!(expression("a(").width(), Err(Error::Expression(_))));
    assert!(matches!(expression("a\0b").width(), Err(Error::Expression(_))));
}

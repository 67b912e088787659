//! A long upload with a secret deep inside: nothing of it may be released before it is found, and the scan must not grow.
//!
//! The gateway releases what [`Progress::hold`] says is final. Here that is done for a hundred megabytes (in a debug build,
//! which is fifty times slower, for one and a half), in slices as they come from a socket, with the secret across the edge of two of
//! them. A binary of its own, because it counts the memory of the whole process.

#[path = "../benches/scan/benign.rs"]
mod benign;

use peak_alloc::PeakAlloc;
use pipelock_gateway::model::{Finding, Surface};
use pipelock_gateway::scan::{Encoding, Engine, Progress, RuleSpec, StreamOptions};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const SLICE: usize = 16 << 10;
const SLICES: usize = if cfg!(debug_assertions) { 100 } else { 6100 };
/// Most heap that one stream may use: between two pieces, and while one of them is looked at.
const MOST: usize = 64 << 10;

/// What became of an upload.
struct Upload {
    /// Raw bytes that had been released when something was found.
    released: u64,
    findings: Vec<Finding>,
    /// Heap of the stream at its peak.
    heap: usize,
}

/// Sends `slices` slices of ordinary text with `secret` written over them at `place`.
fn upload(engine: &Engine, encoding: Encoding, secret: &[u8], place: usize, slices: usize) -> Upload {
    let ordinary = benign::benign(64 * SLICE);
    let mut slice = vec![0; SLICE];
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut scan = engine.stream(Surface::RequestBody, StreamOptions { encoding });
    let mut released = 0;
    for number in 0..slices {
        let begin = number * SLICE;
        slice.copy_from_slice(&ordinary[begin % ordinary.len()..][..SLICE]);
        for (offset, byte) in secret.iter().enumerate() {
            if (begin..begin + SLICE).contains(&(place + offset)) {
                slice[place + offset - begin] = *byte;
            }
        }
        let Progress { hold, found } = scan.push(&slice);
        if found == 0 {
            released = released.max((begin + SLICE - hold) as u64);
        }
    }
    let findings = scan.finish();
    Upload { released, findings, heap: MEMORY.peak_usage().saturating_sub(before) }
}

/// One test, since tests in one process would count each other's memory.
#[test]
fn nothing_of_a_secret_deep_in_an_upload_is_released_and_memory_stays_flat() {
    let engine = Engine::compile(&RuleSpec::default()).unwrap();
    let key = [" glpat-", "k7Rq2VxLm9Tz0Bw4Hs6J", " "].concat();
    let card = [" 4111 1111", " 1111 1111 "].concat();
    // In a debug build 1.1 MB deep, else 70 MB.
    let edge = SLICES * 7 / 10 * SLICE;
    for (secret, rule) in [(key, "GitLab PAT"), (card, "Credit Card Number")] {
        for encoding in [Encoding::Plain, Encoding::Json] {
            // What is allocated once, by the thread or for expressions on their first use, is not the stream's.
            upload(&engine, encoding, secret.as_bytes(), 23 * SLICE - 9, 24);
            for place in [edge - 9, edge - secret.len() + 1, edge - 1] {
                if cfg!(debug_assertions) && place != edge - 9 {
                    continue;
                }
                let upload = upload(&engine, encoding, secret.as_bytes(), place, SLICES);
                let begin = (place + 1) as u64;
                let names: Vec<_> = upload.findings.iter().map(|finding| &*finding.rule).collect();
                assert_eq!(names, [rule], "at {place}");
                let span = &upload.findings[0].span;
                assert_eq!((span.start, span.end), (begin, begin + secret.len() as u64 - 2), "{rule} at {place}");
                let late = begin.saturating_sub(upload.released);
                assert!(upload.released <= begin, "{} bytes of {rule} at {place} are gone", upload.released - begin);
                assert!(late <= MOST as u64, "{late} bytes before {rule} were held back");
                assert!(upload.heap <= MOST, "{} bytes of heap for {rule}, {encoding:?}", upload.heap);
            }
        }
    }
}

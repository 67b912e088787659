//! Parts of the scanner by themselves, so that a benchmark can say which of them costs what.
//!
//! Only with the `testing` feature, and no part of what the scanner promises: the functions follow the code they measure.
//! Nothing here is a test; nothing here is called by the product.

use std::sync::Arc;

use super::engine::Engine;
use super::hyperscan::Hits;
use super::runs::{self, Runs};

/// Runs of digits and tokens that the run lane finds, without judging them.
#[must_use]
pub fn runs(text: &[u8]) -> usize {
    let mut count = 0;
    let mut runs = Runs::default();
    runs.feed(text, |_| count += 1);
    runs.finish(|_| count += 1);
    count
}

/// Tokens that the run lane finds and that pass their validators.
#[must_use]
pub fn judged_runs(text: &[u8]) -> usize {
    let mut count = 0;
    runs::scan(text, 0..text.len(), |_| count += 1);
    count
}

/// Hits of the rules' triggers in `text`, unconfirmed: what the matcher alone costs.
#[must_use]
pub fn trigger_hits(engine: &Engine, text: &[u8], piece: usize) -> usize {
    let set = engine.rules();
    let mut hits = Hits::with_capacity(4096);
    let mut stream = set.generation.open(&Arc::clone(&set.text));
    for bytes in text.chunks(piece) {
        let _ = stream.feed(bytes, &mut hits);
    }
    let _ = stream.finish(&mut hits);
    hits.as_slice().len()
}

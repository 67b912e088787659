//! Tells orders to a model from other prose: a linear model over hashed pieces of the sentence.
//!
//! Runs of three to five characters, words, and pairs of words are hashed into [`BUCKETS`] weights of one byte each; digits
//! count as one character. The weights are made by `cargo xtask train-injection` (see `weights.txt` for the
//! data, the parameters and what cross-validation over held-out sources gave) and are part of the source. It is pure: the same
//! bytes give the same answer on every machine.

use std::ops::Range;

/// Number of weights; a power of two.
pub(super) const BUCKETS: usize = 1 << 14;
/// Most points that the classifier gives.
pub(super) const MOST: i32 = 2;

/// The weights in force: four bytes of bias, four of scale, then one for each bucket ([`Model::read`]).
static WEIGHTS: &[u8] = include_bytes!("weights.bin");

/// Thresholds of the log-odds, in thousandths, for one and for two points. Chosen on held-out sources.
const THRESHOLDS: [i32; 2] = [500, 2000];

/// Weights, wherever they are from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model<'a> {
    /// Log-odds of a sentence without features, in thousandths.
    bias: i32,
    /// What a weight of one is worth, in millionths.
    scale: i32,
    weights: &'a [u8],
}

impl<'a> Model<'a> {
    /// Reads two numbers of four bytes, least byte first, and a signed byte for each bucket. No bytes are a model without an
    /// opinion.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let (header, weights) = bytes.split_at_checked(8).unwrap_or_default();
        let number = |range: Range<usize>| {
            header.get(range).and_then(|bytes| bytes.try_into().ok()).map_or(0, i32::from_le_bytes)
        };
        Self { bias: number(0..4), scale: number(4..8), weights }
    }

    /// The weights that are part of the source.
    pub(super) fn built_in() -> Model<'static> {
        Model::read(WEIGHTS)
    }

    /// Points for the sentence being an order to a model.
    pub(super) fn points(&self, sentence: &[u8]) -> i32 {
        if self.weights.is_empty() {
            return 0;
        }
        let [high, very_high] = THRESHOLDS;
        match self.log_odds(sentence) {
            odds if odds >= very_high => MOST,
            odds if odds >= high => 1,
            _ => 0,
        }
    }

    /// The log-odds in thousandths.
    pub(super) fn log_odds(&self, sentence: &[u8]) -> i32 {
        let (mut sum, mut count) = (0i64, 0u32);
        each_feature(sentence, |bucket| {
            sum += self.weights.get(bucket).map_or(0, |&weight| i64::from(weight.cast_signed()));
            count += 1;
        });
        let odds = sum * i64::from(self.scale) / root(count) / 1000 + i64::from(self.bias);
        i32::try_from(odds.clamp(-30_000, 30_000)).unwrap_or_default()
    }
}

/// What the weights of `count` features are divided by, so that long sentences are not more extreme than short ones.
pub(super) fn root(count: u32) -> i64 {
    i64::from(count.max(1).isqrt())
}

/// Calls `each` with the bucket of every feature of a folded sentence.
pub(super) fn each_feature(sentence: &[u8], mut each: impl FnMut(usize)) {
    for length in 3..=5usize {
        for piece in sentence.windows(length) {
            each(bucket(0x9e37_79b9 ^ u32::try_from(length).unwrap_or_default(), piece));
        }
    }
    let mut before = 0;
    for word in sentence.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty()) {
        let hash = mix(0x85eb_ca6b, word);
        each(fold_hash(hash));
        each(fold_hash(hash.rotate_left(7) ^ before));
        before = hash;
    }
}

/// Whether a byte belongs to a word; every byte of a character outside ASCII does.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'_'
}

fn bucket(seed: u32, piece: &[u8]) -> usize {
    fold_hash(mix(seed, piece))
}

/// FNV-1a with a seed; digits are all the same.
fn mix(seed: u32, piece: &[u8]) -> u32 {
    piece.iter().fold(seed, |hash, &byte| {
        let byte = if byte.is_ascii_digit() { b'0' } else { byte };
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn fold_hash(hash: u32) -> usize {
    let hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    usize::try_from(hash >> 8).unwrap_or_default() & (BUCKETS - 1)
}

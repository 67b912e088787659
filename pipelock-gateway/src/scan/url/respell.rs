//! Other spellings of a target, in which a secret shows that was cut up to fit into it.
//!
//! Three: the host with its dots removed (a key spread over labels, as it would be for a name server to collect), the
//! pieces of path and query one by one (so that an encoded piece begins where its encoder began), and the query's values
//! behind one another. The engine scans them like any other text; a finding there stands for the whole part.

use std::ops::Range;

use super::escape::decoded;
use super::{pairs, pieces, split};
use crate::model::View;

/// Fewest characters that can hold a secret.
const LEAST: usize = 16;
/// Longest text that is made of one target. A target is bounded by the HTTP parser; this bounds the work on one that came
/// another way.
const MOST: usize = 64 * 1024;
/// Between two spellings: a byte that no token and no decoder continues over.
const BORDER: &[u8] = b"\0\0";

/// Text to scan, and which part of the target each stretch of it stands for.
#[derive(Debug, Default)]
pub(super) struct Respelling {
    pub(super) text: Vec<u8>,
    stretches: Vec<(Range<usize>, Range<usize>, View)>,
}

impl Respelling {
    fn add(&mut self, text: &[u8], part: Range<usize>, view: View) {
        if text.len() < LEAST || self.text.len() + text.len() > MOST {
            return;
        }
        let start = self.text.len();
        self.text.extend_from_slice(text);
        self.stretches.push((start..self.text.len(), part, view));
        self.text.extend_from_slice(BORDER);
    }

    /// The part of the target that a place in the text stands for.
    pub(super) fn origin(&self, at: u64) -> Option<(Range<usize>, View)> {
        let at = usize::try_from(at).ok()?;
        let next = self.stretches.partition_point(|(stretch, ..)| stretch.start <= at);
        let (stretch, part, view) = self.stretches.get(next.checked_sub(1)?)?;
        stretch.contains(&at).then(|| (part.clone(), *view))
    }
}

/// The spellings worth scanning; none for most targets.
pub(super) fn respell(target: &[u8]) -> Respelling {
    let parts = split(target);
    let mut respelling = Respelling::default();
    let text = |range: &Range<usize>| target.get(range.clone()).unwrap_or_default();

    let host = text(&parts.host);
    let undotted: Vec<u8> = host.iter().copied().filter(|byte| *byte != b'.').collect();
    // Three labels are a host and its domain; a cut secret needs more.
    if host.len() - undotted.len() > 2 {
        respelling.add(&undotted, parts.host.clone(), View::Squashed);
    }
    for segment in pieces(target, parts.path.clone(), |byte| byte == b'/') {
        if is_mixed(text(&segment)) {
            respelling.add(&decoded(text(&segment)), segment, View::Percent);
        }
    }
    let mut joined = Vec::new();
    let mut values = 0;
    for (_, value) in pairs(target, parts.query.clone()) {
        if is_mixed(text(&value)) {
            respelling.add(&decoded(text(&value)), value.clone(), View::Percent);
        }
        if joined.len() < MOST {
            joined.extend(decoded(text(&value)));
            values += 1;
        }
    }
    if values > 1 {
        respelling.add(&joined, parts.query, View::Squashed);
    }
    respelling
}

/// Whether a piece can be encoded text: what only has small letters and dashes is words.
fn is_mixed(piece: &[u8]) -> bool {
    piece.len() >= LEAST && piece.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

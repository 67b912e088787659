//! A scan of bytes that come in pieces: one or two views of them, and one list of findings.

use std::fmt;
use std::sync::Arc;

use super::decode::{Decoded, Decoder, Escapes};
use super::engine::RuleSet;
use super::hyperscan::Hits;
use super::window::{HITS_PER_BLOCK, SLICE, Window};
use crate::model::{Finding, Surface, View};

/// How a stream is to be scanned.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamOptions {
    /// What its text is wrapped in.
    pub encoding: Encoding,
}

/// What the text of a stream is wrapped in. The bytes as sent are always scanned; this adds a second view of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Nothing.
    #[default]
    Plain,
    /// JSON string escapes. Harmless on text that is no JSON.
    Json,
    /// Percent-encoding: request targets, form bodies.
    Percent,
}

/// Where a scan stands after a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many of the last bytes pushed so far are not final: a match may still begin in them.
    pub hold: usize,
    /// How many matches there are so far. When it grows, [`StreamScan::so_far`] says more.
    pub found: usize,
}

/// A scan of one stream of bytes, fed in order.
///
/// At most 64 KiB whatever the length of the stream, released and overwritten on drop. Dropping it early is fine.
pub struct StreamScan {
    raw: Window,
    decoded: Option<(Decoder, Window)>,
    /// Decoded bytes of one slice, on their way into a window.
    transit: Decoded,
    hits: Hits,
    found: Vec<Finding>,
}

impl fmt::Debug for StreamScan {
    /// Never the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamScan").field("found", &self.found.len()).finish_non_exhaustive()
    }
}

impl StreamScan {
    pub(super) fn open(set: Arc<RuleSet>, surface: Surface, options: StreamOptions, expected: usize) -> Self {
        let decoder = match options.encoding {
            Encoding::Plain => None,
            Encoding::Json => Some((Escapes::Json, View::Text)),
            Encoding::Percent => Some((Escapes::Percent, View::Percent)),
        };
        let decoded = decoder
            .map(|(escapes, view)| (Decoder::new(escapes), Window::open(Arc::clone(&set), surface, view, expected)));
        Self {
            raw: Window::open(set, surface, View::Raw, expected),
            decoded,
            transit: Decoded::for_slices(if options.encoding == Encoding::Plain { 0 } else { SLICE.min(expected) }),
            hits: Hits::with_capacity(HITS_PER_BLOCK),
            found: Vec::new(),
        }
    }

    /// Shows the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        for slice in bytes.chunks(SLICE) {
            self.raw.push(slice, &mut self.hits, &mut self.found);
            if let Some((decoder, window)) = &mut self.decoded {
                decoder.push(slice, &mut self.transit);
                window.push_decoded(&self.transit, &mut self.hits, &mut self.found);
                self.transit.clear();
            }
        }
        let decoded = self.decoded.as_ref().map_or(0, |(decoder, window)| decoder.held() + window.undecided());
        Progress { hold: self.raw.undecided().max(decoded), found: self.found.len() }
    }

    /// Memory of the scan, without the findings, which hold no more than 64 of a kind.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        let windows = [Some(&self.raw), self.decoded.as_ref().map(|(_, window)| window)];
        size_of::<Self>()
            + windows.into_iter().flatten().map(Window::heap_bytes).sum::<usize>()
            + self.transit.bytes.capacity()
            + self.transit.raw_lengths.capacity()
            + HITS_PER_BLOCK * size_of::<super::hyperscan::Hit>()
    }

    /// What has been found so far, each secret once. More may follow.
    #[must_use]
    pub fn so_far(&self) -> Vec<Finding> {
        merge(self.found.clone())
    }

    /// The stream is complete: everything that was found, each secret once, in the order of the text.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        self.raw.finish(&mut self.hits, &mut self.found);
        if let Some((decoder, window)) = &mut self.decoded {
            decoder.finish(&mut self.transit);
            window.push_decoded(&self.transit, &mut self.hits, &mut self.found);
            window.finish(&mut self.hits, &mut self.found);
        }
        merge(self.found)
    }
}

/// Keeps one of several findings of one rule that overlap in the raw bytes: the worst; then the longest, since an escape
/// may cut a token short in the raw view; then the one that needs no decoding.
fn merge(mut found: Vec<Finding>) -> Vec<Finding> {
    let order =
        |finding: &Finding| (finding.rule.clone(), finding.span.start, finding.span.end, view_order(finding.view));
    found.sort_by_key(order);
    let mut merged: Vec<Finding> = Vec::with_capacity(found.len());
    // How far the cluster reaches to which the last of `merged` belongs.
    let mut reach = 0;
    for finding in found {
        match merged.last_mut() {
            Some(kept) if kept.rule == finding.rule && finding.span.start < reach => {
                reach = reach.max(finding.span.end);
                let worth = |finding: &Finding| (finding.severity, finding.span.end - finding.span.start);
                if worth(&finding) > worth(kept) {
                    *kept = finding;
                }
            }
            _ => {
                reach = finding.span.end;
                merged.push(finding);
            }
        }
    }
    // Stable, so that findings at one place stay in the order of their rules' names.
    merged.sort_by_key(|finding| (finding.span.start, finding.span.end));
    merged
}

fn view_order(view: View) -> u8 {
    match view {
        View::Raw => 0,
        View::Text => 1,
        View::Percent => 2,
        View::Folded => 3,
        View::Decoded => 4,
        View::Squashed => 5,
        View::Reversed => 6,
    }
}

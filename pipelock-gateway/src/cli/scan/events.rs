//! What a model says in the events of a streamed answer, joined as whoever reads it joins it.
//!
//! On the wire each event is judged as it comes (`pipeline::judge`); here all of them are at hand.

use std::collections::BTreeMap;

use crate::http::sse::Parser;
use crate::http::sse::deltas::{self, Channel};

/// Whether a media type is that of a stream of events.
pub(super) fn is_stream(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|kind| {
        kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

/// The texts that grow in a body of events, each from its first piece to its last.
pub(super) fn texts(body: &[u8]) -> Vec<Vec<u8>> {
    let mut texts: BTreeMap<Channel, Vec<u8>> = BTreeMap::new();
    let mut parser = Parser::new(body.len());
    // No event is larger than all of them.
    let _ = parser.push(body, |event| {
        for (channel, piece) in deltas::read(event.data).pieces {
            texts.entry(channel).or_default().extend_from_slice(piece.as_bytes());
        }
    });
    texts.into_values().collect()
}

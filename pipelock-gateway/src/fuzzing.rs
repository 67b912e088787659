//! The claims that fuzzing tries, in one place for the fuzz crate, which may not reach into modules.
//!
//! Under the feature `testing` only, and no interface: names change with the code they try.

pub use crate::capture::helper::fuzzing::helper;
use crate::cli::scan::Record;
pub use crate::dns::fuzzing::dns;
pub use crate::http::fuzzing::{coding, framing, multipart, sse, websocket};
pub use crate::mcp::fuzzing::{mcp_agree, mcp_message, mcp_sse};
pub use crate::scan::fuzzing::{decode, normalize, numbers, runs, stream, text, tools, url};
pub use crate::sniff::fuzzing::hello;

/// Any line is a record or an error, and any record can be shown to the engine.
pub fn record(line: &[u8]) {
    if let Ok(record) = Record::parse(line) {
        let message = record.message();
        assert!(message.surface.as_str().is_ascii());
        assert!(!record.id.get().is_empty());
    }
}

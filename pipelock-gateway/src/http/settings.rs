//! What the two legs are told, the same for every connection.

use super::Limits;

/// Bytes a stream may send ahead. Fixed, so that streams times windows bound the memory.
pub(super) const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes a connection may send ahead.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Streams that were reset before we took them up (rapid reset, CVE-2023-44487).
pub(super) const MAX_PENDING_RESETS: usize = 20;
/// Streams reset by us for the peer's errors before the connection is given up.
pub(super) const MAX_LOCAL_RESETS: usize = 128;

/// The bound on a head as HTTP/2 counts it: 32 bytes added for each field (RFC 9113 §6.5.2).
pub(super) fn header_list_bytes(limits: &Limits) -> u32 {
    u32::try_from(limits.head_bytes).unwrap_or(u32::MAX)
}

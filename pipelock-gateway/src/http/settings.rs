//! What the two legs are told, the same for every connection.

/// Header fields in one head (nginx and hyper: 100; some single-sign-on front ends need a few more).
pub(super) const MAX_HEADERS: usize = 128;
/// Bytes of one head, and of an HTTP/1 read buffer.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The same bound as HTTP/2 counts it: 32 bytes added for each field (RFC 9113 §6.5.2).
pub(super) const MAX_HEAD_BYTES_H2: u32 = 64 * 1024;
/// Bytes a stream may send ahead. Fixed, so that streams times windows bound the memory.
pub(super) const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes a connection may send ahead.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Streams that were reset before we took them up (rapid reset, CVE-2023-44487).
pub(super) const MAX_PENDING_RESETS: usize = 20;
/// Streams reset by us for the peer's errors before the connection is given up.
pub(super) const MAX_LOCAL_RESETS: usize = 128;

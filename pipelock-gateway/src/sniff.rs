//! What a workload speaks, told from its first bytes.
//!
//! Pure: the caller reads into one growing buffer and asks again after each read. Every answer but [`Sniff::NeedMore`] is
//! final, and is given at the first byte at which it is certain, so that protocols which are not opened never wait. Nothing
//! here decides what happens to a connection: the answer goes to `policy`, the buffer is replayed to whoever serves it.
//! STARTTLS is not recognised: a protocol that begins in cleartext is what it begins as.

mod client_hello;
#[cfg(feature = "testing")]
pub(crate) mod fuzzing;
mod http1;

pub use client_hello::{ClientHello, Malformed, OfferedAlpn, Sni};
pub use http1::{HostHint, MAX_HEAD_BYTES, http1_host};

use crate::model::Protocol;

/// The most that a caller ever needs to buffer before the answer is final: 64 KiB of handshake in 16 records.
pub const MAX_PREFIX_BYTES: usize =
    client_hello::MAX_HANDSHAKE_BYTES + client_hello::MAX_RECORDS * client_hello::RECORD_HEADER_BYTES;

/// The HTTP/2 connection preface (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes of a connection turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sniff {
    /// Not certain yet: read on and ask again with everything read so far.
    NeedMore,
    /// A complete TLS `ClientHello`. Boxed, because it is far larger than the other answers.
    Tls(Box<ClientHello>),
    /// It began as TLS and then broke the format, or a bound of this parser.
    MalformedTls(Malformed),
    /// An HTTP/1 request line has begun; [`http1_host`] reads the host once the head is complete.
    Http1,
    /// The whole HTTP/2 preface in cleartext ("prior knowledge").
    Http2,
    /// Something that is not opened.
    Opaque(OpaqueKind),
}

impl Sniff {
    /// The protocol for records and metrics; `None` while it is not certain. Malformed TLS counts as TLS.
    #[must_use]
    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::NeedMore => None,
            Self::Tls(_) | Self::MalformedTls(_) => Some(Protocol::Tls),
            Self::Http1 => Some(Protocol::Http1),
            Self::Http2 => Some(Protocol::Http2),
            Self::Opaque(_) => Some(Protocol::Opaque),
        }
    }
}

/// Which unopened protocol it looks like. For logs only: certainty that it is opaque comes before certainty of the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpaqueKind {
    /// A `PostgreSQL` `SSLRequest` or `GSSENCRequest` (`PostgreSQL` manual, "Message Formats").
    Postgres,
    /// An SSH identification string (RFC 4253 §4.2).
    Ssh,
    /// A Redis command as a RESP array of bulk strings.
    Resp,
    /// None of the above.
    Unknown,
}

impl OpaqueKind {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Ssh => "ssh",
            Self::Resp => "resp",
            Self::Unknown => "unknown",
        }
    }
}

/// Tells what `prefix`, all the bytes received so far, is the beginning of.
///
/// Once an answer other than [`Sniff::NeedMore`] is given for a prefix, every longer prefix that begins with it gets the
/// same. The work is linear in the prefix and allocates only for a complete `ClientHello`.
#[must_use]
pub fn classify(prefix: &[u8]) -> Sniff {
    match prefix {
        [] | [0x14..=0x17 | 0x80..=0xff] | [0x16, 0x03] | [0x80..=0xff, _] | [0x80..=0xff, _, 0x01] => Sniff::NeedMore,
        // RFC 8446 §5.1 tells servers to ignore the minor version, and OpenSSL does: a bound here would be a way past us.
        [0x16, 0x03, _, ..] => match client_hello::parse(prefix) {
            Ok(Some(hello)) => Sniff::Tls(Box::new(hello)),
            Ok(None) => Sniff::NeedMore,
            Err(malformed) => Sniff::MalformedTls(malformed),
        },
        // Records that no connection begins with, but after which some servers still take a hello, and the hello of SSLv2
        // (RFC 5246 §E.2), which OpenSSL still parses. None of them is opened, so none may pass for an unknown protocol.
        [0x14 | 0x15 | 0x17, 0x03, ..] => Sniff::MalformedTls(Malformed::Record),
        [0x80..=0xff, _, 0x01, 0x02 | 0x03, ..] => Sniff::MalformedTls(Malformed::NotClientHello),
        _ => classify_cleartext(prefix),
    }
}

fn classify_cleartext(prefix: &[u8]) -> Sniff {
    if prefix.starts_with(HTTP2_PREFACE) {
        return Sniff::Http2;
    }
    if HTTP2_PREFACE.starts_with(prefix) {
        return Sniff::NeedMore;
    }
    // Both begin like an HTTP token, so they are looked at before it: `SSH-` is four token characters, `*` is one.
    if prefix.starts_with(b"SSH-") {
        return Sniff::Opaque(OpaqueKind::Ssh);
    }
    if is_resp_array(prefix) {
        return Sniff::Opaque(OpaqueKind::Resp);
    }
    match http1::request_line(prefix) {
        http1::RequestLine::Incomplete => Sniff::NeedMore,
        http1::RequestLine::Http => Sniff::Http1,
        http1::RequestLine::Not => Sniff::Opaque(opaque_kind(prefix)),
    }
}

/// `*<digits>\r`: the only spelling of a RESP array head (Redis serialization protocol specification, "Arrays").
fn is_resp_array(prefix: &[u8]) -> bool {
    let Some(rest) = prefix.strip_prefix(b"*") else { return false };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && rest.get(digits) == Some(&b'\r')
}

fn opaque_kind(prefix: &[u8]) -> OpaqueKind {
    match prefix {
        [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f | 0x30, ..] => OpaqueKind::Postgres,
        _ => OpaqueKind::Unknown,
    }
}

#[cfg(test)]
mod tests;

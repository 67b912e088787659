//! HTTP/1 in the first bytes: whether a request line has begun, and which host a complete head names.
//!
//! There is no list of methods, because `WebDAV` and custom verbs exist; the shape of the request line is what counts. Framing
//! and header hygiene are not checked here: `http` parses the same bytes again when it serves them.

use std::net::{IpAddr, Ipv6Addr};

use crate::model::ServerName;

/// The most bytes a request head may have before its host is looked for in vain (gateway limit, 64 KiB).
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The most header fields a head may have, as in `http`.
const MAX_HEADERS: usize = 128;

/// The longest method taken for one. The longest registered, `UPDATEREDIRECTREF`, has 17 bytes; some servers hand any
/// token to the application, so this is generous.
const MAX_METHOD_BYTES: usize = 256;

/// Bytes of line ends in front of a request that are read past.
const MAX_BLANK_LINE_BYTES: usize = 256;

/// Blanks between method and target that are read past.
const MAX_BLANKS: usize = 256;

/// The longest URI scheme taken for one; `https` has 5 bytes, the longest registered ones about 36.
const MAX_SCHEME_BYTES: usize = 40;

/// Which host a cleartext HTTP/1 request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostHint {
    /// The head is not complete: read on and ask again.
    NeedMore,
    /// A DNS name, with the port if one was given.
    Name(ServerName, Option<u16>),
    /// An address literal, with the port if one was given.
    Address(IpAddr, Option<u16>),
    /// The head is complete and names no host; only HTTP/1.0 may do that.
    Absent,
    /// The head is malformed or too large, names more than one host, or one that is no host. Never to be trusted by a rule.
    Invalid,
}

/// Whether a prefix begins with an HTTP/1 request line (RFC 9112 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestLine {
    Incomplete,
    Http,
    Not,
}

/// Recognises a method, blanks, and the beginning of a request target.
///
/// A target in origin form or asterisk form shows at its first byte. A letter may as well be the argument of a line-based
/// protocol (`EHLO example.com`, `USER anonymous`, `SET key 1`), so there the whole scheme up to `://` is awaited; authority
/// form belongs to `CONNECT` alone (RFC 9112 §3.2.3). Blank lines in front (RFC 9112 §2.2) and more blanks than one are
/// what lenient servers read past: whatever *they* would take for a request must be one here, and the parser behind this
/// refuses what it does not like.
pub(super) fn request_line(prefix: &[u8]) -> RequestLine {
    let blank_lines = prefix.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let line = prefix.get(blank_lines..).unwrap_or_default();
    if line.is_empty() {
        return if blank_lines > MAX_BLANK_LINE_BYTES { RequestLine::Not } else { RequestLine::Incomplete };
    }
    let method_bytes = line.iter().take_while(|b| is_token_char(**b)).count();
    let (method, rest) = line.split_at(method_bytes);
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    if method_bytes > MAX_METHOD_BYTES || blanks > MAX_BLANKS || (method.is_empty() && rest.first() != Some(&b' ')) {
        return RequestLine::Not;
    }
    match rest.get(blanks..).unwrap_or_default() {
        [] => RequestLine::Incomplete,
        _ if blanks == 0 || method.is_empty() => RequestLine::Not,
        [b'/' | b'*', ..] => RequestLine::Http,
        [first, ..] if method == b"CONNECT" && (*first == b'[' || first.is_ascii_alphanumeric()) => RequestLine::Http,
        target => absolute_form(target),
    }
}

/// `scheme "://"` (RFC 3986 §3.1). Any scheme counts: refusing to open an unknown one would let it pass unjudged.
fn absolute_form(target: &[u8]) -> RequestLine {
    if !target.first().is_some_and(u8::is_ascii_alphabetic) {
        return RequestLine::Not;
    }
    let scheme_char = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let scheme_bytes = target.iter().take_while(scheme_char).count();
    let rest = target.get(scheme_bytes..).unwrap_or_default();
    if scheme_bytes > MAX_SCHEME_BYTES {
        RequestLine::Not
    } else if rest.starts_with(b"://") {
        RequestLine::Http
    } else if b"://".starts_with(rest) {
        RequestLine::Incomplete
    } else {
        RequestLine::Not
    }
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// Reads the host that a cleartext HTTP/1 request is for, once its head is complete.
///
/// The authority of an absolute-form or authority-form target wins over `Host` (RFC 9112 §3.2.2). `prefix` is everything
/// received so far; bytes after the head are not looked at.
#[must_use]
pub fn http1_host(prefix: &[u8]) -> HostHint {
    let bounded = prefix.get(..MAX_HEAD_BYTES).unwrap_or(prefix);
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bounded) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if prefix.len() < MAX_HEAD_BYTES => return HostHint::NeedMore,
        Ok(httparse::Status::Partial) | Err(_) => return HostHint::Invalid,
    }
    let target = request.path.unwrap_or_default();
    let method = request.method.unwrap_or_default();
    let mut hosts = request.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("host"));
    let host = hosts.next().map(|h| h.value);
    // Two `Host` fields are two readings of one message (RFC 9112 §3.2 demands a 400); neither may reach a rule.
    if hosts.next().is_some() {
        return HostHint::Invalid;
    }
    if let Some(authority) = target_authority(method, target) {
        return authority_hint(authority);
    }
    match host.map(std::str::from_utf8) {
        None => HostHint::Absent,
        Some(Ok(text)) if text.trim().is_empty() => HostHint::Absent,
        Some(Ok(text)) => authority_hint(text.trim()),
        Some(Err(_)) => HostHint::Invalid,
    }
}

/// The authority in a request target, if its form has one.
fn target_authority<'t>(method: &str, target: &'t str) -> Option<&'t str> {
    if method == "CONNECT" {
        return Some(target);
    }
    if target.starts_with('/') || target == "*" {
        return None;
    }
    let (_, after) = target.split_once("://")?;
    after.split(['/', '?', '#']).next()
}

/// The text is no authority.
struct BadAuthority;

/// Splits `host[:port]` (RFC 3986 §3.2). User information is refused: it is deprecated for HTTP, and a name before `@` is
/// how readers are made to disagree about the host.
fn authority_hint(text: &str) -> HostHint {
    parse_authority(text).unwrap_or(HostHint::Invalid)
}

fn parse_authority(text: &str) -> Result<HostHint, BadAuthority> {
    if let Some(rest) = text.strip_prefix('[') {
        let (literal, after) = rest.split_once(']').ok_or(BadAuthority)?;
        let ip: Ipv6Addr = literal.parse().map_err(|_| BadAuthority)?;
        let port = match after.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if after.is_empty() => None,
            None => return Err(BadAuthority),
        };
        return Ok(HostHint::Address(IpAddr::V6(ip), port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, parse_port(port)?),
        None => (text, None),
    };
    if let Ok(ip) = host.parse() {
        return Ok(HostHint::Address(IpAddr::V4(ip), port));
    }
    ServerName::parse(host).map(|name| HostHint::Name(name, port)).map_err(|_| BadAuthority)
}

/// A port of digits only; an empty one counts as absent (RFC 3986 §3.2.3).
fn parse_port(text: &str) -> Result<Option<u16>, BadAuthority> {
    if text.is_empty() {
        return Ok(None);
    }
    // `u16::from_str` would accept a leading `+`.
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadAuthority);
    }
    text.parse().map(Some).map_err(|_| BadAuthority)
}

//! Refuses requests that two parsers could read differently, and finds out whom a request is addressed to.
//!
//! Pure, over a head that hyper has parsed. What hyper refuses itself (obs-fold, bad `Content-Length`, `Transfer-Encoding`
//! on HTTP/1.0, whitespace before a colon) never arrives here; what it accepts too kindly (RFC 9112 §11.2) ends here. A
//! request with both `Transfer-Encoding` and `Content-Length` cannot be told from one with the former alone, because
//! hyper drops the latter: that is sound, since the head is written anew from what was judged, and the connection closes.

use std::net::IpAddr;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, Version, header};

use crate::model::{OriginalDst, PeerName};

/// The request is malformed, or ambiguous enough to be treated so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Whom a request is addressed to, normalised: lower case, no trailing dot, no brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addressee {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// Fields that must not be turned into hop-by-hop ones by naming them in `Connection`: dropping them on the way would
/// make the upstream see another request than the one judged.
const NEVER_HOP_BY_HOP: [&str; 7] =
    ["host", "content-length", "content-type", "content-encoding", "transfer-encoding", "authorization", "cookie"];

/// Checks the parts of a head on which framing and routing depend.
pub(super) fn check(head: &Parts) -> Result<Option<Addressee>, Malformed> {
    // Inside an opened session CONNECT asks for a tunnel through the upstream; nothing in it could be judged.
    if head.method == Method::CONNECT {
        return Err(Malformed);
    }
    check_transfer_encoding(&head.headers)?;
    check_connection(&head.headers)?;
    addressee(head)
}

/// RFC 9112 §6.1 allows a list; real clients send exactly `chunked`, smugglers send everything else.
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), Malformed> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Malformed),
    }
}

fn check_connection(headers: &HeaderMap) -> Result<(), Malformed> {
    for value in headers.get_all(header::CONNECTION) {
        let text = value.to_str().map_err(|_| Malformed)?;
        for option in text.split(',').map(|option| option.trim().to_ascii_lowercase()) {
            if NEVER_HOP_BY_HOP.contains(&option.as_str()) || option.starts_with(':') || option.starts_with("mcp-") {
                return Err(Malformed);
            }
        }
    }
    Ok(())
}

/// Reads `Host` and the target's authority, which must agree (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn addressee(head: &Parts) -> Result<Option<Addressee>, Malformed> {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err(Malformed),
        (Some(value), None) => Some(parse_authority(value.as_bytes())?),
        (None, None) if head.version == Version::HTTP_11 => return Err(Malformed),
        (None, None) => None,
    };
    let target = head.uri.authority().map(normalise).transpose()?;
    match (host, target) {
        (Some(host), Some(target)) if host != target => Err(Malformed),
        (host, target) => match target.or(host) {
            // HTTP/2 has no request without an authority that we could send on.
            None if head.version == Version::HTTP_2 => Err(Malformed),
            found => Ok(found),
        },
    }
}

fn parse_authority(bytes: &[u8]) -> Result<Addressee, Malformed> {
    normalise(&Authority::try_from(bytes).map_err(|_| Malformed)?)
}

fn normalise(authority: &Authority) -> Result<Addressee, Malformed> {
    // User information has no place in `Host`, and in a target it is how a link lies about where it goes.
    if authority.as_str().contains('@') {
        return Err(Malformed);
    }
    let host = authority.host();
    let port = match authority.as_str().get(host.len()..).unwrap_or_default() {
        "" | ":" => None,
        text => {
            let digits = text.strip_prefix(':').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            Some(digits.and_then(|digits| digits.parse().ok()).ok_or(Malformed)?)
        }
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    if bare.is_empty() {
        return Err(Malformed);
    }
    Ok(Addressee { host: bare.to_ascii_lowercase(), port })
}

impl Addressee {
    /// Whether this is who the session was opened for. The port may be left out, be the scheme's own, or the one dialled.
    pub(super) fn is_peer(&self, peer: &PeerName, scheme: &str, original_dst: Option<OriginalDst>) -> bool {
        let host_fits = match peer {
            PeerName::Dns(name) => self.host == name.as_str(),
            PeerName::Ip(ip) => self.host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical() == ip.to_canonical()),
        };
        let port_fits = match (self.port, original_dst) {
            (None, _) | (Some(_), None) => true,
            (Some(port), Some(dst)) => port == default_port(scheme) || port == dst.port(),
        };
        host_fits && port_fits
    }

    /// The host as the audit log writes it: the port only when it is not the scheme's own.
    pub(super) fn display(&self, scheme: &str) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) if port != default_port(scheme) => format!("{host}:{port}"),
            _ => host,
        }
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::model::ServerName;

    fn head(target: &str, version: Version, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(target).version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn ambiguous_heads_are_malformed() {
        for (why, target, fields) in [
            ("no host", "/", vec![]),
            ("two hosts", "/", vec![("host", "a.test"), ("host", "b.test")]),
            ("two equal hosts", "/", vec![("host", "a.test"), ("host", "a.test")]),
            ("a host list", "/", vec![("host", "a.test, b.test")]),
            ("an empty host", "/", vec![("host", "")]),
            ("user information", "/", vec![("host", "a.test@b.test")]),
            ("a port that is no number", "/", vec![("host", "a.test:8o")]),
            ("a port that is too large", "/", vec![("host", "a.test:70000")]),
            ("target and host differ", "http://b.test/", vec![("host", "a.test")]),
            ("gzip, chunked", "/", vec![("host", "a.test"), ("transfer-encoding", "gzip, chunked")]),
            (
                "chunked twice",
                "/",
                vec![("host", "a.test"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            ),
            ("connection names host", "/", vec![("host", "a.test"), ("connection", "close, Host")]),
            ("connection names content-length", "/", vec![("host", "a.test"), ("connection", "content-length")]),
            ("connection names cookie", "/", vec![("host", "a.test"), ("connection", "Cookie")]),
            ("connection names an mcp field", "/", vec![("host", "a.test"), ("connection", "Mcp-Session-Id")]),
        ] {
            assert_eq!(check(&head(target, Version::HTTP_11, &fields)), Err(Malformed), "{why}");
        }
    }

    #[test]
    fn connect_is_malformed_inside_a_session() {
        let mut parts = head("a.test:443", Version::HTTP_11, &[("host", "a.test:443")]);
        parts.method = Method::CONNECT;
        assert_eq!(check(&parts), Err(Malformed));
    }

    #[test]
    fn the_addressee_is_normalised() {
        for (target, fields, host, port) in [
            ("/", vec![("host", "API.Example.Test.")], "api.example.test", None),
            ("/", vec![("host", "a.test:8443")], "a.test", Some(8443)),
            ("/", vec![("host", "[2001:DB8::1]:443")], "2001:db8::1", Some(443)),
            ("http://a.test/x", vec![("host", "A.test")], "a.test", None),
        ] {
            let found = check(&head(target, Version::HTTP_11, &fields)).unwrap().unwrap();
            assert_eq!((found.host.as_str(), found.port), (host, port));
        }
    }

    #[test]
    fn old_requests_may_leave_the_host_out_but_h2_may_not() {
        assert_eq!(check(&head("/", Version::HTTP_10, &[])), Ok(None));
        assert_eq!(check(&head("/", Version::HTTP_2, &[])), Err(Malformed));
    }

    #[test]
    fn only_the_peer_of_the_session_is_the_peer() {
        let dns = PeerName::Dns(ServerName::parse("api.example.test").unwrap());
        let ip = PeerName::Ip("203.0.113.7".parse().unwrap());
        let dst = OriginalDst::new("203.0.113.7:8443".parse().unwrap());
        for (host, peer, fits) in [
            ("api.example.test", &dns, true),
            ("api.example.test:443", &dns, true),
            ("api.example.test:8443", &dns, true),
            ("api.example.test:9000", &dns, false),
            ("evil.example.test", &dns, false),
            ("203.0.113.7", &dns, false),
            ("203.0.113.7", &ip, true),
            ("[::ffff:203.0.113.7]", &ip, true),
            ("203.0.113.8", &ip, false),
            ("api.example.test", &ip, false),
        ] {
            let addressee = parse_authority(host.as_bytes()).unwrap();
            assert_eq!(addressee.is_peer(peer, "https", Some(dst)), fits, "{host} on {peer}");
        }
    }
}

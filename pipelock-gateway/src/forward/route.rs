//! Which of the things this port offers a request head asks for. Pure.
//!
//! The form of the request target decides (RFC 9112 §3.2), never its path alone: a proxy that takes origin-form for a
//! proxy request can be made to forward by anyone who can name it in a URL. Next: [`super::serve`] acts on it.

use std::net::IpAddr;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, Version};

use super::target::Target;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A tunnel.
    Connect(Target),
    /// Forwarding of one request.
    Absolute,
    /// A question to this gateway. `foreign` when `Host` names somebody else.
    Origin { foreign: bool },
    /// Nothing we could act on without guessing.
    Invalid(&'static str),
}

/// Classifies a request head.
pub(super) fn of(head: &Parts) -> Route {
    if head.method == Method::CONNECT {
        return connect(head);
    }
    if head.uri.scheme().is_some() {
        return Route::Absolute;
    }
    if head.uri.authority().is_some() {
        return Route::Invalid("authority-form is for CONNECT only");
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Route::Origin { foreign: host.to_str().map_or(true, is_foreign) },
        (None, _) if head.version == Version::HTTP_10 => Route::Origin { foreign: false },
        // RFC 9112 §3.2: a server must answer both with 400.
        (None, _) => Route::Invalid("missing Host"),
        (Some(_), Some(_)) => Route::Invalid("more than one Host"),
    }
}

fn connect(head: &Parts) -> Route {
    let uri = &head.uri;
    // Two parsers could disagree whether what follows is this body or the tunnel's first bytes (RFC 9110 §9.3.6).
    if has_body(&head.headers) {
        return Route::Invalid("CONNECT must not have a body");
    }
    let authority_form = uri.scheme().is_none() && uri.path_and_query().is_none_or(|path| path.as_str().is_empty());
    match uri.authority().filter(|_| authority_form).and_then(Target::parse) {
        Some(target) => Route::Connect(target),
        None => Route::Invalid("CONNECT wants host:port"),
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

/// Whether a `Host` names another server than this machine. Addresses cannot be told apart from ours, so they count as ours.
fn is_foreign(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return true };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_err() && !host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, uri: &str, version: Version, headers: &[(&str, &str)]) -> Route {
        let mut request = http::Request::builder().method(method).uri(uri).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_form_of_the_target_decides() {
        let own = [("host", "127.0.0.1:8888")];
        let is_invalid = |route: &Route| matches!(route, Route::Invalid(_));
        let v11 = Version::HTTP_11;
        assert!(matches!(route("CONNECT", "example.test:443", v11, &own), Route::Connect(_)));
        assert!(matches!(route("CONNECT", "example.test:443", Version::HTTP_10, &[]), Route::Connect(_)));
        assert_eq!(route("GET", "http://example.test/", v11, &own), Route::Absolute);
        assert_eq!(route("GET", "/health", v11, &own), Route::Origin { foreign: false });
        assert_eq!(route("OPTIONS", "*", v11, &own), Route::Origin { foreign: false });
        assert_eq!(route("GET", "/health", Version::HTTP_10, &[]), Route::Origin { foreign: false });
        for (method, uri, headers) in [
            ("CONNECT", "http://example.test:443/", &own[..]),
            ("CONNECT", "/example.test:443", &own),
            ("CONNECT", "example.test", &own),
            ("CONNECT", "u@example.test:443", &own),
            ("CONNECT", "example.test:443", &[("content-length", "5")]),
            ("CONNECT", "example.test:443", &[("transfer-encoding", "chunked")]),
            ("GET", "example.test:443", &own),
            ("GET", "/health", &[]),
            ("GET", "/health", &[("host", "a"), ("host", "b")]),
        ] {
            let route = route(method, uri, v11, headers);
            assert!(is_invalid(&route), "{method} {uri}: {route:?}");
        }
    }

    #[test]
    fn a_host_is_foreign_unless_it_is_this_machine() {
        for (host, foreign) in [
            ("127.0.0.1:8888", false),
            ("10.2.3.4", false),
            ("[::1]:8888", false),
            ("LOCALHOST:8888", false),
            ("evil.test", true),
            ("localhost.evil.test", true),
            ("not a host", true),
            ("", true),
        ] {
            assert_eq!(is_foreign(host), foreign, "{host}");
        }
    }
}

//! Where a request goes, and whether it may come: paths, `Origin`, `Host`. Pure.
//!
//! The upstream is one URL from the command line, never from a request. `/` and `/mcp` are its endpoint; discovery, client
//! registration and login are forwarded so that OAuth works through this port; everything else is not there.

use std::net::IpAddr;

use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Method, header};

use super::Settings;

/// The MCP endpoint behind this door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `https`, else `http`.
    pub tls: bool,
    /// Host and port as written, for `Host`.
    pub authority: Authority,
    /// Of the endpoint.
    pub path: PathAndQuery,
}

/// Why a text is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no MCP endpoint; write a URL such as http://web:3000/mcp, without user information or fragment")]
pub struct InvalidEndpoint;

impl std::str::FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        if text.contains('#') {
            return Err(InvalidEndpoint);
        }
        let parts = text.parse::<Uri>().map_err(|_| InvalidEndpoint)?.into_parts();
        let tls = match parts.scheme {
            Some(scheme) if scheme == Scheme::HTTPS => true,
            Some(scheme) if scheme == Scheme::HTTP => false,
            _ => return Err(InvalidEndpoint),
        };
        let authority = parts.authority.filter(|authority| !authority.as_str().contains('@')).ok_or(InvalidEndpoint)?;
        if authority.host().is_empty() {
            return Err(InvalidEndpoint);
        }
        let path = parts.path_and_query.unwrap_or(PathAndQuery::from_static("/"));
        Ok(Self { tls, authority, path })
    }
}

impl Endpoint {
    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The port, written or the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A question about this gateway.
    Health,
    /// The MCP endpoint, under this target upstream.
    Mcp(PathAndQuery),
    /// Discovery, registration, login: forwarded, for browsers and OAuth libraries.
    Login(PathAndQuery),
    /// Nothing is there.
    Nowhere,
}

/// Paths of the two-endpoint transport of 2024-11-05 in the servers there are; others are learnt from the stream.
const OLD_PATHS: [&str; 4] = ["/sse", "/message", "/messages", "/messages/"];

/// Finds the route of a target. `announced` knows the targets that an `endpoint` event has named.
pub(super) fn of(method: &Method, uri: &Uri, endpoint: &Endpoint, announced: impl Fn(&str) -> bool) -> Route {
    let path = uri.path();
    // Dots are resolved by some servers and not by others; no client of this door needs them.
    if path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    }) || path.contains('\\')
    {
        return Route::Nowhere;
    }
    let target = |path: &str| {
        let text = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        PathAndQuery::try_from(text).ok()
    };
    let found = match path {
        "/health" if method == Method::GET => return Route::Health,
        "/" | "/mcp" => target(endpoint.path.path()).map(Route::Mcp),
        _ if path == endpoint.path.path() => target(path).map(Route::Mcp),
        _ if OLD_PATHS.contains(&path) || announced(path) => target(path).map(Route::Mcp),
        "/register" | "/oauth" => target(path).map(Route::Login),
        _ if path.starts_with("/oauth/") || path.starts_with("/.well-known/") => target(path).map(Route::Login),
        _ => None,
    };
    found.unwrap_or(Route::Nowhere)
}

/// Why a request may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// A web page of a foreign origin (revision 2025-11-25: 403).
    Origin,
    /// A name this door is not called by: DNS rebinding.
    Host,
}

/// Whether a browser, or somebody who was led here by a foreign name, is behind a request.
pub(super) fn admit(headers: &HeaderMap, settings: &Settings, on_loopback: bool) -> Result<(), Stranger> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if !origins.all(|origin| origin_fits(origin, settings)) {
        return Err(Stranger::Origin);
    }
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let Ok(authority) = Authority::try_from(host) else { return Err(Stranger::Host) };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let fits = if settings.allowed_hosts.is_empty() {
        !on_loopback || is_loopback(&name)
    } else {
        settings.allowed_hosts.contains(&name) || (on_loopback && is_loopback(&name))
    };
    fits.then_some(()).ok_or(Stranger::Host)
}

fn origin_fits(origin: &HeaderValue, settings: &Settings) -> bool {
    let Ok(text) = origin.to_str() else { return false };
    let text = text.to_ascii_lowercase();
    if settings.allowed_origins.contains(&text) {
        return true;
    }
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.and_then(|host| host.parse::<Authority>().ok()).is_some_and(|authority| is_loopback(authority.host()))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare == "localhost" || bare.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        "http://web:3000/mcp".parse().unwrap()
    }

    #[test]
    fn an_endpoint_is_a_plain_http_url() {
        let https: Endpoint = "https://[2001:db8::1]/x?y=1".parse().unwrap();
        assert_eq!((https.tls, https.host(), https.port(), https.path.as_str()), (true, "2001:db8::1", 443, "/x?y=1"));
        assert_eq!((endpoint().host(), endpoint().port()), ("web", 3000));
        for bad in ["", "web:3000", "ftp://web/", "http://u:p@web/mcp", "http://", "/mcp", "http://web/mcp#x"] {
            assert_eq!(bad.parse::<Endpoint>(), Err(InvalidEndpoint), "{bad}");
        }
    }

    #[test]
    fn only_what_belongs_to_mcp_has_a_way() {
        let path = |text: &'static str| PathAndQuery::from_static(text);
        for (method, target, route) in [
            ("GET", "/health", Route::Health),
            ("POST", "/", Route::Mcp(path("/mcp"))),
            ("POST", "/mcp?a=1", Route::Mcp(path("/mcp?a=1"))),
            ("GET", "/sse", Route::Mcp(path("/sse"))),
            ("POST", "/announced?s=1", Route::Mcp(path("/announced?s=1"))),
            (
                "GET",
                "/.well-known/oauth-protected-resource",
                Route::Login(path("/.well-known/oauth-protected-resource")),
            ),
            ("POST", "/oauth/token", Route::Login(path("/oauth/token"))),
            ("POST", "/register", Route::Login(path("/register"))),
            ("GET", "/settings", Route::Nowhere),
            ("GET", "/oauth/../settings", Route::Nowhere),
            ("GET", "/oauth/%2e%2E/settings", Route::Nowhere),
            ("GET", "/oauthx", Route::Nowhere),
        ] {
            let method = method.parse().unwrap();
            let found = of(&method, &target.parse().unwrap(), &endpoint(), |path| path == "/announced");
            assert_eq!(found, route, "{target}");
        }
    }

    #[test]
    fn foreign_pages_and_foreign_names_stay_out() {
        let settings = Settings {
            allowed_origins: ["https://app.example.test".to_owned()].into(),
            allowed_hosts: ["mcp.example.test".to_owned()].into(),
            ..Settings::default()
        };
        for (origin, host, outcome) in [
            (None, "mcp.example.test", Ok(())),
            (None, "MCP.example.test.:8889", Ok(())),
            (Some("https://app.example.test"), "mcp.example.test", Ok(())),
            (Some("http://localhost:6274"), "mcp.example.test", Ok(())),
            (Some("http://127.0.0.1"), "mcp.example.test", Ok(())),
            (Some("https://evil.example.test"), "mcp.example.test", Err(Stranger::Origin)),
            (Some("https://localhost.evil.test"), "mcp.example.test", Err(Stranger::Origin)),
            (Some("null"), "mcp.example.test", Err(Stranger::Origin)),
            (None, "evil.example.test", Err(Stranger::Host)),
            (None, "127.0.0.1:8889", Err(Stranger::Host)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(admit(&headers, &settings, false), outcome, "{origin:?} {host}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "rebound.test".parse().unwrap());
        assert_eq!(admit(&headers, &Settings::default(), true), Err(Stranger::Host));
        assert_eq!(admit(&headers, &Settings::default(), false), Ok(()));
    }
}

//! Requests in absolute form (`GET http://host/path`, RFC 9112 §3.2.2): made into requests in origin form and sent into the
//! pipeline, where they are judged like captured ones.
//!
//! A [`super::Leg`] is the pipeline's end of that: a stream on which HTTP/1.1 is spoken, with the judge and the upstream
//! behind it. Legs are kept for further requests of the *same* client to the same server, never for others: a connection can
//! carry an identity. What a block looks like is the reference's (surfaces.md §3) with our header fields.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::target::Target;
use super::{BLOCKED, Leg};
use crate::model::CgroupId;

/// Legs kept for one client and server.
const MAX_IDLE: usize = 8;
/// Legs kept in all.
const MAX_POOLED: usize = 512;
/// How long a leg is kept unused.
const IDLE: Duration = Duration::from_mins(1);
/// A request that is still being answered after this is not waited for to keep its leg.
const BUSY: Duration = Duration::from_mins(10);
/// Largest answer of the judge's own; it names rules.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;
/// Largest head on a leg.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What an answer's body is made of.
pub(super) type Body = Either<Full<Bytes>, Incoming>;

/// Where a request in absolute form goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Absolute {
    pub(super) https: bool,
    pub(super) target: Target,
    /// `Host` as the upstream gets it.
    host: String,
    /// Path and query.
    path: Uri,
}

impl Absolute {
    /// Reads the target; `None` with the reason when it is no request that can be forwarded.
    pub(super) fn parse(head: &Parts) -> Result<Self, &'static str> {
        let https = match head.uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("only http and https are forwarded"),
        };
        let authority = head.uri.authority().ok_or("the target names no host")?;
        let default_port = if https { 443 } else { 80 };
        let target = Target::parse_or(authority, default_port).ok_or("the target names no host that could be asked")?;
        // A difference is an attempt to be read in two ways (RFC 9112 §3.2.2 would have us trust the target alone).
        let mut hosts = head.headers.get_all(HOST).iter();
        match (hosts.next(), hosts.next()) {
            (None, _) => {}
            (Some(host), None) if host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) => {}
            (Some(host), None) => {
                let named = host.to_str().ok().and_then(|host| Target::parse_or(&host.parse().ok()?, default_port));
                if named.as_ref() != Some(&target) {
                    return Err("Host differs from the target");
                }
            }
            (Some(_), Some(_)) => return Err("more than one Host"),
        }
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let path = path.parse().map_err(|_| "the target cannot be written in origin form")?;
        Ok(Self { https, target, host: authority.as_str().to_owned(), path })
    }
}

/// Whether a request for this target, written in absolute form, would be forwarded at all.
#[must_use]
pub fn forwards(target: &str) -> bool {
    let request = http::Request::builder().uri(target).body(());
    request.is_ok_and(|request| Absolute::parse(&request.into_parts().0).is_ok())
}

/// Whose leg it is, and to whom. Never shared with anybody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    source: (IpAddr, Option<CgroupId>),
    https: bool,
    host: String,
    port: u16,
}

impl Key {
    pub(super) fn new(source: (IpAddr, Option<CgroupId>), absolute: &Absolute) -> Self {
        let Target { host, port } = &absolute.target;
        Self { source, https: absolute.https, host: host.to_string(), port: *port }
    }
}

/// A leg on which HTTP has begun.
pub(super) struct Sender {
    requests: SendRequest<Incoming>,
    /// Answers whose id begins so are the judge's own.
    own_ids: Arc<str>,
}

/// Legs that wait for another request.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Kept>>);

/// Each with the time since when it waits.
type Kept = HashMap<Key, Vec<(Sender, Instant)>>;

impl Pool {
    /// A leg of this client to this server, if one is left.
    pub(super) fn take(&self, key: &Key) -> Option<Sender> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = pool.get_mut(key)?;
        let found = std::iter::from_fn(|| kept.pop()).find(|(sender, since)| sender.is_usable(*since));
        if kept.is_empty() {
            pool.remove(key);
        }
        found.map(|(sender, _)| sender)
    }

    /// Keeps a leg once its answer is through.
    fn keep(&self, key: Key, mut sender: Sender) {
        let pool = self.clone();
        tokio::spawn(async move {
            let ready = tokio::time::timeout(BUSY, sender.requests.ready()).await;
            if !matches!(ready, Ok(Ok(()))) {
                return;
            }
            let mut pool = pool.0.lock().unwrap_or_else(PoisonError::into_inner);
            pool.retain(|_, kept| {
                kept.retain(|(sender, since)| sender.is_usable(*since));
                !kept.is_empty()
            });
            let total: usize = pool.values().map(Vec::len).sum();
            let kept = pool.entry(key).or_default();
            if kept.len() < MAX_IDLE && total < MAX_POOLED {
                kept.push((sender, Instant::now()));
            }
        });
    }
}

impl Sender {
    /// Begins HTTP on a leg.
    ///
    /// # Errors
    /// When the pipeline has given it up already.
    pub(super) async fn begin(leg: Leg) -> Result<Self, hyper::Error> {
        let builder = http1::Builder::new().preserve_header_case(true).max_buf_size(MAX_HEAD_BYTES).clone();
        let (requests, connection) = builder.handshake(TokioIo::new(leg.stream)).await?;
        // Ends with the sender, or with the pipeline's end.
        tokio::spawn(connection);
        Ok(Self { requests, own_ids: leg.own_ids })
    }

    fn is_usable(&self, since: Instant) -> bool {
        since.elapsed() < IDLE && !self.requests.is_closed()
    }

    /// Sends one request. One that could not be sent comes back, to be sent on another leg: nothing of it was written.
    ///
    /// # Errors
    /// The request, or nothing when it is lost.
    pub(super) async fn send(
        mut self,
        request: Request<Incoming>,
        pool: &Pool,
        key: Key,
    ) -> Result<Response<Body>, Option<Box<Request<Incoming>>>> {
        let response =
            self.requests.try_send_request(request).await.map_err(|mut error| error.take_message().map(Box::new))?;
        let own_ids = Arc::clone(&self.own_ids);
        pool.keep(key, self);
        Ok(as_the_reference_says(response, &own_ids).await)
    }
}

/// The head as it goes into the pipeline.
pub(super) fn outgoing(mut head: Parts, absolute: &Absolute, via: &HeaderValue) -> Parts {
    let mut headers = HeaderMap::with_capacity(head.headers.len() + 2);
    let mut hosted = false;
    for (name, value) in forwarded(&head.headers) {
        if name == HOST {
            hosted = true;
            // As the client spelt it, when that means the same; checked before.
            headers.append(name, value.clone());
        } else {
            headers.append(name.clone(), value.clone());
        }
    }
    if !hosted && let Ok(host) = HeaderValue::from_str(&absolute.host) {
        headers.insert(HOST, host);
    }
    headers.append(VIA, via.clone());
    head.headers = headers;
    head.uri = absolute.path.clone();
    head.version = Version::HTTP_11;
    head
}

/// Fields that concern more than one hop, in their order (RFC 9110 §7.6.1).
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|option| option.trim().to_ascii_lowercase()))
        // Naming these would take them off, and with them the meaning of the message.
        .filter(|option| {
            !matches!(option.as_str(), "host" | "content-length" | "transfer-encoding" | "authorization" | "cookie")
        })
        .collect();
    headers.iter().filter(move |(name, value)| match name.as_str() {
        "connection" | "keep-alive" | "proxy-connection" => false,
        _ if **name == PROXY_AUTHORIZATION || **name == PROXY_AUTHENTICATE || **name == UPGRADE => false,
        _ if **name == TE => value.as_bytes().eq_ignore_ascii_case(b"trailers"),
        name => !named.iter().any(|option| option == name),
    })
}

/// Whether a request has come through here before.
pub(super) fn has_been_here(headers: &HeaderMap, via: &HeaderValue) -> bool {
    let is_ours = |value: &HeaderValue| {
        value.as_bytes().split(|byte| *byte == b',').any(|hop| hop.trim_ascii() == via.as_bytes())
    };
    headers.get_all(VIA).iter().any(is_ours)
}

/// An answer of the judge's own in the shape that clients of the reference know; everything else as it is.
async fn as_the_reference_says(response: Response<Incoming>, own_ids: &str) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let own = |headers: &HeaderMap| {
        let id = headers.get("x-pipelock-request-id").is_some_and(|id| id.as_bytes().starts_with(own_ids.as_bytes()));
        let json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        id && json && headers.contains_key(BLOCKED)
    };
    if !own(&head.headers) {
        head.headers = forwarded(&head.headers).map(|(name, value)| (name.clone(), value.clone())).fold(
            HeaderMap::with_capacity(head.headers.len()),
            |mut kept, (name, value)| {
                kept.append(name, value);
                kept
            },
        );
        return Response::from_parts(head, Either::Right(body));
    }
    let collected = Limited::new(body, MAX_REFUSAL_BYTES).collect().await;
    let message = collected.ok().and_then(|body| {
        let refusal: serde_json::Value = serde_json::from_slice(&body.to_bytes()).ok()?;
        Some(refusal.pointer("/error/message")?.as_str()?.to_owned())
    });
    let text = format!("{}\n", message.as_deref().unwrap_or("blocked"));
    // Built anew: a removal would change the order, and the length has changed.
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        if name == CONTENT_TYPE {
            headers.append(name, HeaderValue::from_static("text/plain; charset=utf-8"));
        } else if ![CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING].contains(name) {
            headers.append(name, value.clone());
        }
    }
    head.headers = headers;
    Response::from_parts(head, Either::Left(Full::new(text.into())))
}

/// The status of an answer decides how it is counted.
pub(super) fn was_refused(response: &Response<Body>) -> bool {
    response.headers().contains_key(BLOCKED) && response.status() != StatusCode::OK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_cannot_be_read_in_one_way_only_is_refused() {
        for (uri, host, want) in [
            ("http://a.test/x?y=%20", Some("a.test"), Ok("a.test 80 /x?y=%20")),
            ("http://a.test", Some("A.TEST:80"), Ok("a.test 80 /")),
            ("http://a.test:8080/", None, Ok("a.test 8080 /")),
            ("https://a.test/", None, Ok("a.test 443 /")),
            ("http://[2001:db8::1]/", None, Ok("2001:db8::1 80 /")),
            ("http://a.test/", Some("b.test"), Err("Host differs from the target")),
            ("http://a.test/", Some("a.test:81"), Err("Host differs from the target")),
            ("http://u:p@a.test/", None, Err("the target names no host that could be asked")),
            ("ftp://a.test/", None, Err("only http and https are forwarded")),
        ] {
            let headers: Vec<_> = host.map(|host| ("host", host)).into_iter().collect();
            let parsed = Absolute::parse(&head(uri, &headers));
            let parsed = parsed.map(|a| format!("{} {} {}", a.target.host, a.target.port, a.path));
            assert_eq!(parsed, want.map(str::to_owned), "{uri} {host:?}");
        }
    }

    #[test]
    fn what_concerns_this_hop_stays_here() {
        let request = head(
            "http://a.test/x",
            &[
                ("host", "a.test"),
                ("proxy-authorization", "Basic x"),
                ("proxy-connection", "keep-alive"),
                ("connection", "close, X-Hop, Host, Cookie"),
                ("x-hop", "1"),
                ("cookie", "a=b"),
                ("te", "gzip"),
                ("upgrade", "websocket"),
                ("accept", "*/*"),
            ],
        );
        let absolute = Absolute::parse(&request).unwrap();
        let sent = outgoing(request, &absolute, &HeaderValue::from_static("1.1 pipelock"));
        let fields: Vec<_> = sent.headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
        assert_eq!(fields, ["host: a.test", "cookie: a=b", "accept: */*", "via: 1.1 pipelock"]);
        assert_eq!(sent.uri, "/x");
    }
}

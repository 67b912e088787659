//! Takes hop-by-hop fields off a head before it is written on the other leg.
//!
//! The legs are one to one, so `Connection: close` and `keep-alive` (and the `Keep-Alive` that goes with them) hold for both
//! and are kept as sent; everything else that `Connection` names is dropped, as RFC 9110 §7.6.1 asks. A new map is built by
//! filtering, because `HeaderMap::remove` moves the last field into the gap and so changes the order.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::websocket;

/// What is to be left out beside hop-by-hop fields.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four questions that do not depend on each other")]
pub(super) struct Leave {
    /// The body was held back, so that `100 Continue` has been said already; the upstream gets the body at once.
    pub(super) out_expect: bool,
    /// Both sides agreed to switch protocols: `Upgrade` is part of the agreement.
    pub(super) in_upgrade: bool,
    /// The request asks for a WebSocket, whose extensions would hide what it says.
    pub(super) out_extensions: bool,
    /// The body may come out shorter or longer than announced.
    pub(super) out_length: bool,
}

/// The fields of `headers` that go on to the other leg, in their order; the same map when nothing is to be dropped.
pub(super) fn forwarded(headers: HeaderMap, leave: Leave) -> HeaderMap {
    let options = Options::read(&headers, leave);
    let untouched = options.named.is_empty()
        && !options.rewritten
        && !headers.keys().any(|name| drops(name, leave))
        && headers.get_all(header::TE).iter().all(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    if untouched {
        return headers;
    }
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut connection_written = false;
    for (name, value) in &headers {
        if *name == header::CONNECTION {
            if !options.rewritten {
                kept.append(name, value.clone());
            } else if let (Some(line), false) = (&options.line, connection_written) {
                kept.append(name, line.clone());
                connection_written = true;
            }
        } else if *name == header::TE {
            if names_trailers(value) && !kept.contains_key(header::TE) {
                kept.append(name, HeaderValue::from_static("trailers"));
            }
        } else if !drops(name, leave) && !options.named.contains(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// Says of a body that was rewritten what is true now: its length where one was said, no coding, and no digest of what it was.
pub(super) fn rewritten(headers: &mut HeaderMap, length: usize) {
    const DIGESTS: [&str; 4] = ["content-md5", "digest", "content-digest", "repr-digest"];
    let of_old_body =
        |name: &HeaderName| *name == header::CONTENT_ENCODING || DIGESTS.iter().any(|digest| name == *digest);
    // By filtering, because removing changes the order.
    let kept = headers.iter().filter(|(name, _)| !of_old_body(name));
    *headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(said) = headers.get_mut(header::CONTENT_LENGTH) {
        *said = HeaderValue::from(length);
    }
}

/// Whether the only protocol asked for is cleartext HTTP/2, which is never granted: the request goes on as HTTP/1.1
/// without the question (RFC 9113 §3.1 obsoletes it, and it is a known way around proxies).
pub(super) fn upgrade_is_h2c_only(headers: &HeaderMap) -> bool {
    let mut tokens = headers
        .get_all(header::UPGRADE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .peekable();
    tokens.peek().is_some() && tokens.all(|token| token.eq_ignore_ascii_case(b"h2c"))
}

fn drops(name: &HeaderName, leave: Leave) -> bool {
    match name.as_str() {
        "proxy-connection" | "http2-settings" => true,
        "expect" => leave.out_expect,
        "content-length" => leave.out_length,
        "upgrade" => !leave.in_upgrade,
        websocket::EXTENSIONS => leave.out_extensions,
        _ => false,
    }
}

/// What the `Connection` fields of one head say.
struct Options {
    /// Fields they name, which are dropped.
    named: Vec<HeaderName>,
    /// Options of no concern to the other leg were among them, so the line is written anew.
    rewritten: bool,
    /// The new line, if anything is left to say.
    line: Option<HeaderValue>,
}

impl Options {
    fn read(headers: &HeaderMap, leave: Leave) -> Self {
        let mut found = Self { named: Vec::new(), rewritten: false, line: None };
        let mut left = Vec::new();
        for value in headers.get_all(header::CONNECTION) {
            // Not text: `framing` refuses such a request; in a response nothing can be made of it.
            let Ok(text) = value.to_str() else {
                found.rewritten = true;
                continue;
            };
            for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
                let lower = option.to_ascii_lowercase();
                let keeps = match lower.as_str() {
                    "close" | "keep-alive" => true,
                    "te" => headers.get_all(header::TE).iter().any(names_trailers),
                    "upgrade" => leave.in_upgrade,
                    _ => false,
                };
                if keeps {
                    left.push(option);
                    continue;
                }
                found.rewritten = true;
                // `TE` and `Upgrade` have rules of their own; for the rest, being named means being dropped.
                if !matches!(lower.as_str(), "te" | "upgrade")
                    && let Ok(name) = HeaderName::from_bytes(lower.as_bytes())
                {
                    found.named.push(name);
                }
            }
        }
        if !left.is_empty() {
            found.line = HeaderValue::from_str(&left.join(", ")).ok();
        }
        found
    }
}

fn names_trailers(te: &HeaderValue) -> bool {
    te.as_bytes().split(|b| *b == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = Vec<(&'static str, &'static str)>;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).fold(
            HeaderMap::new(),
            |mut map, (name, value)| {
                map.append(name, value);
                map
            },
        )
    }

    #[test]
    fn hop_by_hop_fields_stay_here_and_the_order_is_kept() {
        let plain = Leave::default();
        let upgrading = Leave { in_upgrade: true, ..plain };
        let held = Leave { out_expect: true, ..plain };
        let cases: [(&str, Leave, Fields, Fields); 8] = [
            (
                "nothing to do",
                plain,
                vec![("host", "a"), ("connection", "keep-alive"), ("keep-alive", "5"), ("expect", "100-continue")],
                vec![("host", "a"), ("connection", "keep-alive"), ("keep-alive", "5"), ("expect", "100-continue")],
            ),
            (
                "named fields",
                plain,
                vec![("a", "1"), ("x-hop", "2"), ("b", "3"), ("connection", "close, X-Hop"), ("c", "4")],
                vec![("a", "1"), ("b", "3"), ("connection", "close"), ("c", "4")],
            ),
            ("expect of a held body", held, vec![("expect", "100-continue"), ("z", "1")], vec![("z", "1")]),
            (
                "te",
                plain,
                vec![("connection", "TE, close"), ("te", "gzip, trailers")],
                vec![("connection", "TE, close"), ("te", "trailers")],
            ),
            ("te without trailers", plain, vec![("te", "gzip"), ("b", "1")], vec![("b", "1")]),
            (
                "h2c",
                plain,
                vec![
                    ("connection", "Upgrade, HTTP2-Settings"),
                    ("upgrade", "h2c"),
                    ("http2-settings", "AA"),
                    ("b", "1"),
                ],
                vec![("b", "1")],
            ),
            (
                "agreed upgrade",
                upgrading,
                vec![("connection", "Upgrade"), ("upgrade", "websocket")],
                vec![("connection", "Upgrade"), ("upgrade", "websocket")],
            ),
            (
                "proxy-connection",
                plain,
                vec![("proxy-connection", "x"), ("cookie", "a"), ("cookie", "b")],
                vec![("cookie", "a"), ("cookie", "b")],
            ),
        ];
        for (why, leave, fields, want) in cases {
            let got = forwarded(map(&fields), leave);
            let got: Vec<_> = got.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
            assert_eq!(got, want, "{why}");
        }
    }

    #[test]
    fn only_h2c_alone_is_h2c() {
        assert!(upgrade_is_h2c_only(&map(&[("upgrade", "h2c")])));
        assert!(!upgrade_is_h2c_only(&map(&[("upgrade", "h2c, websocket")])));
        assert!(!upgrade_is_h2c_only(&map(&[("upgrade", "websocket")])));
        assert!(!upgrade_is_h2c_only(&map(&[])));
    }
}

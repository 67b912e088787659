//! The shapes of HTTP/2.

use bytes::Bytes;
use h2::Reason;

use super::two::{End, Part, Shape};

type Fields = Vec<(&'static str, &'static str)>;

const TARGET: &str = "https://api.example.test/v1";

fn shape(name: impl Into<String>, method: &'static str, up: Part, status: u16, down: Part) -> Shape {
    Shape { name: name.into(), method, target: TARGET, up, status, down }
}

fn nothing() -> Part {
    Part::default()
}

fn fields(fields: Fields) -> Part {
    Part { fields, ..Part::default() }
}

fn data(kind: &'static str, pieces: &[&'static str]) -> Part {
    let data = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
    Part { fields: vec![("content-type", kind)], data, end: End::Flag }
}

fn ok() -> Part {
    data("application/json", &["{}"])
}

pub(super) fn all() -> Vec<Shape> {
    let mut all = Vec::new();
    for method in ["GET", "DELETE", "OPTIONS", "PROPFIND", "PURGE", "HEAD"] {
        let down = if method == "HEAD" { fields(vec![("content-length", "9")]) } else { ok() };
        all.push(shape(format!("method {method}"), method, nothing(), 200, down));
    }
    for method in ["POST", "PUT", "PATCH", "QUERY"] {
        all.push(shape(format!("method {method} with a body"), method, data("text/plain", &["hello"]), 200, ok()));
    }
    for target in ["/", "/a%2fb?x=%20&y=+", "/?", "/a//b/./c", "/~!$&'()*+,;=:@"] {
        let target: &'static str = Box::leak(format!("https://api.example.test{target}").into_boxed_str());
        all.push(Shape { target, ..shape(format!("target {target}"), "GET", nothing(), 200, ok()) });
    }
    for code in
        [200, 201, 202, 206, 299, 300, 400, 401, 403, 404, 409, 418, 422, 429, 451, 500, 502, 503, 529, 599, 999]
    {
        all.push(shape(format!("status {code}"), "GET", nothing(), code, ok()));
    }
    for code in [204, 304] {
        all.push(shape(format!("status {code}"), "GET", nothing(), code, fields(vec![("etag", "\"1\"")])));
    }
    for code in [301, 303, 308] {
        let away = fields(vec![("location", "https://other.example.test/x?y#z")]);
        all.push(shape(format!("redirect {code}"), "GET", nothing(), code, away));
    }
    all.extend(heads());
    all.extend(bodies());
    all.extend(ends());
    all
}

fn heads() -> Vec<Shape> {
    let request: [(&str, Fields); 9] = [
        ("order", vec![("zeta", "1"), ("alpha", "2"), ("mid", "3")]),
        ("duplicates", vec![("x-a", "1"), ("x-a", "2"), ("x-b", "3")]),
        ("cookies split", vec![("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]),
        ("te", vec![("te", "trailers")]),
        ("authorization", vec![("authorization", "Bearer abc")]),
        ("a long value", vec![("x-long", Box::leak("v".repeat(20_000).into_boxed_str()))]),
        ("an empty value", vec![("x-empty", "")]),
        (
            "tracing",
            vec![("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("baggage", "a=b")],
        ),
        ("priority", vec![("priority", "u=1, i"), ("early-data", "1")]),
    ];
    let response: [(&str, Fields); 5] = [
        ("cookies", vec![("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2")]),
        ("order", vec![("zeta", "1"), ("alpha", "2"), ("date", "x"), ("server", "y")]),
        ("limits", vec![("x-ratelimit-remaining", "1"), ("retry-after", "5"), ("request-id", "req_1")]),
        ("length", vec![("content-length", "0")]),
        ("alternative services", vec![("alt-svc", "h3=\":443\"; ma=86400")]),
    ];
    let requests = request
        .into_iter()
        .map(|(name, head)| shape(format!("request fields: {name}"), "GET", fields(head), 200, ok()));
    let responses = response
        .into_iter()
        .map(|(name, head)| shape(format!("response fields: {name}"), "GET", nothing(), 200, fields(head)));
    requests.chain(responses).collect()
}

fn bodies() -> Vec<Shape> {
    let mut all = Vec::new();
    for kind in
        ["application/json", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "image/png"]
    {
        all.push(shape(format!("request of {kind}"), "POST", data(kind, &["some", " body"]), 200, ok()));
        all.push(shape(format!("answer of {kind}"), "GET", nothing(), 200, data(kind, &["some", " body"])));
    }
    let with_length = Part { fields: vec![("content-length", "5")], ..data("text/plain", &["hello"]) };
    let declared = Part { fields: vec![("content-length", "5")], data: with_length.data.clone(), end: End::Flag };
    let large = |kind| Part {
        fields: vec![("content-type", kind)],
        data: vec![Bytes::from(vec![b'x'; 60_000])],
        end: End::Flag,
    };
    let empty = |kind| Part { fields: vec![("content-type", kind)], data: Vec::new(), end: End::Empty };
    let events = || data("text/event-stream", &["data: one\n\n", "data: two\n\n", ": done\n\n"]);
    all.push(shape("a request with its length", "POST", declared.clone(), 200, ok()));
    all.push(shape("an answer with its length", "GET", nothing(), 200, declared));
    all.push(shape("60 kB up", "POST", large("text/plain"), 200, ok()));
    all.push(shape("60 kB of text down", "GET", nothing(), 200, large("text/plain")));
    all.push(shape("60 kB of bytes down", "GET", nothing(), 200, large("application/pdf")));
    all.push(shape("an empty frame up", "POST", empty("text/plain"), 200, ok()));
    all.push(shape("an empty frame down", "GET", nothing(), 200, empty("text/plain")));
    all.push(shape("a stream of events", "GET", nothing(), 200, events()));
    all
}

fn ends() -> Vec<Shape> {
    let trailing = |kind, end| Part { end, ..data(kind, &["\0\0\0\0\u{2}hi"]) };
    let status = || End::Trailers(vec![("grpc-status", "0"), ("grpc-message", "fine")]);
    let only = fields(vec![("content-type", "application/grpc"), ("grpc-status", "5"), ("grpc-message", "no such")]);
    let call = |end| trailing("application/grpc", end);
    let reset = |reason| Part { end: End::Reset(reason), ..fields(vec![("content-type", "text/plain")]) };
    let mut all = vec![
        shape("a unary call", "POST", call(End::Flag), 200, call(status())),
        shape("a call that ends with an empty frame", "POST", call(End::Empty), 200, call(status())),
        shape("a call answered with trailers only", "POST", call(End::Flag), 200, only),
        shape("a Connect call", "POST", trailing("application/connect+proto", End::Flag), 200, ok()),
        shape("request trailers", "POST", trailing("text/plain", End::Trailers(vec![("x-sum", "1")])), 200, ok()),
        shape("answer trailers", "GET", nothing(), 200, trailing("text/plain", End::Trailers(vec![("x-sum", "1")]))),
        shape(
            "trailers and no data",
            "GET",
            nothing(),
            200,
            Part { end: End::Trailers(vec![("x", "1")]), ..nothing() },
        ),
        shape("an answer before the body ends", "POST", call(End::Flag), 200, only_head()),
    ];
    for reason in [Reason::REFUSED_STREAM, Reason::CANCEL, Reason::INTERNAL_ERROR, Reason::HTTP_1_1_REQUIRED] {
        all.push(shape(format!("reset with {reason:?}"), "GET", nothing(), 200, reset(reason)));
    }
    all
}

fn only_head() -> Part {
    fields(vec![("content-type", "application/grpc"), ("grpc-status", "12")])
}

//! The shapes of HTTP/1.1.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::difference::Difference::{self, *};
use super::one::{Ends, Shape};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const NONE: &[Difference] = &[];

/// A request to our host: its line, further field lines, its body.
fn request(line: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: api.example.test\r\n{fields}\r\n{body}").into_bytes()
}

/// An answer: status and reason, field lines, body.
fn response(status: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}\r\n{body}").into_bytes()
}

fn shape(
    name: impl Into<String>,
    request: Vec<u8>,
    response: impl Into<Vec<u8>>,
    differs: &'static [Difference],
) -> Shape {
    Shape { name: name.into(), request, response: response.into(), ends: Ends::KeepAlive, differs }
}

fn ending(shape: Shape) -> Shape {
    Shape { ends: Ends::Upstream, ..shape }
}

pub(super) fn all() -> Vec<Shape> {
    let mut all = Vec::new();
    all.extend(methods());
    all.extend(targets());
    all.extend(request_fields());
    all.extend(request_bodies());
    all.extend(statuses());
    all.extend(response_fields());
    all.extend(response_bodies());
    all.extend(bodiless());
    all.extend(endings());
    all.extend(switches());
    all
}

fn methods() -> impl Iterator<Item = Shape> {
    let bare =
        ["GET", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "PURGE", "M-SEARCH", "get", "X", "VERSION-CONTROL"];
    let bare = bare
        .into_iter()
        .map(|method| shape(format!("method {method}"), request(&format!("{method} /"), "", ""), OK, NONE));
    let full = ["POST", "PUT", "PATCH", "DELETE", "QUERY", "GET"].into_iter().map(|method| {
        let sent = request(&format!("{method} /"), "Content-Length: 5\r\n", "hello");
        shape(format!("method {method} with a body"), sent, OK, NONE)
    });
    let empty = ["POST", "PUT"].into_iter().flat_map(|method| {
        [("Content-Length: 0\r\n", "length 0"), ("", "nothing")].map(|(fields, how)| {
            shape(format!("{method} with {how}"), request(&format!("{method} /"), fields, ""), OK, NONE)
        })
    });
    bare.chain(full).chain(empty)
}

fn targets() -> impl Iterator<Item = Shape> {
    [
        "/a%2fb%2Fc", "/a//b/../c/./d", "/?", "/??a=b&&c", "/?x=%20+%2B&y=%zz", "/a;v=1/b", "/~user/!$&'()*+,=:@", "/[x]|{y}",
        "/very/long/path/with/many/segments/that/goes/on/and/on/for/a/while/until/it/is/quite/long/indeed?and=a&query=too",
        "http://api.example.test/absolute?x=1",
    ]
    .into_iter()
    .map(|target| shape(format!("target {target}"), request(&format!("GET {target}"), "", ""), OK, NONE))
    .chain([shape("target *", request("OPTIONS *", "", ""), OK, NONE)])
}

fn request_fields() -> impl Iterator<Item = Shape> {
    let rows: [(&str, &str, &'static [Difference]); 33] = [
        ("case", "aCCept: */*\r\nX-ZED: 1\r\nx-lower: 2\r\nX_Under: 3\r\n", NONE),
        ("order", "Z: 1\r\nA: 2\r\nM: 3\r\nB: 4\r\nY: 5\r\nC: 6\r\n", NONE),
        ("duplicates together", "X-A: 1\r\nX-A: 2\r\nX-A: 1\r\n", NONE),
        ("duplicates of another case", "X-A: 1\r\nx-a: 2\r\n", NONE),
        ("duplicates apart", "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n", &[Regrouped]),
        ("cookies split", "Cookie: a=1\r\nCookie: b=2\r\nCookie: c=3\r\n", NONE),
        ("cookies apart", "Cookie: a=1\r\nAccept: */*\r\nCookie: b=2\r\n", &[Regrouped]),
        ("one long cookie", "Cookie: a=1; b=\"two words\"; c=3%20; d=\r\n", NONE),
        ("empty value", "X-Empty:\r\n", NONE),
        ("empty value with a blank", "X-Empty: \r\nX-After: 1\r\n", &[Spaces]),
        ("no blank behind the colon", "X-Tight:value\r\n", &[Spaces]),
        ("blanks around a value", "X-Wide: \t value \t\r\n", &[Spaces]),
        ("blanks in a value", "X-In: a  b\tc\r\n", NONE),
        ("Latin-1 in a value", "X-Name: Jos\u{e9}\r\n", NONE),
        (
            "a list in a value",
            "Accept: text/html;q=0.8, */*;q=0.1\r\nAccept-Encoding: gzip, br, identity;q=0\r\n",
            NONE,
        ),
        ("authorization", "Authorization: Bearer abc.def-ghi_jkl~+/=\r\n", NONE),
        ("conditions", "If-None-Match: W/\"x\", \"y\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", NONE),
        ("ranges", "Range: bytes=0-1,5-\r\nIf-Range: \"x\"\r\n", NONE),
        ("forwarding fields", "Via: 1.1 other\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n", NONE),
        ("date and server", "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: x\r\n", NONE),
        ("connection keep-alive", "Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n", NONE),
        ("Keep-Alive in another case", "connection: Keep-Alive\r\n", NONE),
        ("a field named by connection", "X-Hop: 1\r\nConnection: keep-alive, X-Hop\r\nX-After: 2\r\n", &[HopByHop]),
        ("connection names what is not there", "Connection: x-nothing\r\n", &[HopByHop]),
        ("TE trailers", "TE: trailers\r\nConnection: TE\r\n", NONE),
        ("TE with codings", "TE: gzip, trailers\r\nConnection: TE, keep-alive\r\n", &[HopByHop]),
        ("TE without trailers", "TE: deflate\r\nX-After: 1\r\n", &[HopByHop]),
        ("proxy-connection", "Proxy-Connection: keep-alive\r\nX-After: 1\r\n", &[HopByHop]),
        ("proxy-authorization", "Proxy-Authorization: Basic eDp5\r\n", NONE),
        ("h2c", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n", &[HopByHop]),
        (
            "tracing",
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n",
            NONE,
        ),
        ("priority", "Priority: u=1, i\r\nEarly-Data: 1\r\nDNT: 1\r\nSec-Fetch-Mode: cors\r\n", NONE),
        ("upgrade-insecure-requests", "Upgrade-Insecure-Requests: 1\r\n", NONE),
    ];
    let many = (0..100).fold(String::new(), |many, number| many + &format!("X-Field-{number}: {number}\r\n"));
    let long = format!("X-Long: {}\r\n", "v".repeat(30_000));
    let latin = |mut shape: Shape| {
        shape.request =
            String::from_utf8(shape.request).unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        shape
    };
    rows.into_iter()
        .map(move |(name, fields, differs)| {
            latin(shape(format!("request fields: {name}"), request("GET /", fields, ""), OK, differs))
        })
        .chain([
            shape("a hundred fields", request("GET /", &many, ""), OK, NONE),
            shape("a field of 30 kB", request("GET /", &long, ""), OK, NONE),
            shape("host last", b"GET / HTTP/1.1\r\nA: 1\r\nHost: api.example.test\r\n\r\n".to_vec(), OK, NONE),
            shape("host in another case", b"GET / HTTP/1.1\r\nhOST: API.Example.TEST:443\r\n\r\n".to_vec(), OK, NONE),
            shape("bare line feeds", b"GET / HTTP/1.1\r\nHost: api.example.test\nX: 1\n\r\n".to_vec(), OK, &[LineEnds]),
            ending(shape(
                "HTTP/1.0",
                b"GET / HTTP/1.0\r\nHost: api.example.test\r\n\r\n".to_vec(),
                OK,
                &[Version, Close],
            )),
            shape(
                "HTTP/1.0 kept alive",
                b"GET / HTTP/1.0\r\nHost: api.example.test\r\nConnection: keep-alive\r\n\r\n".to_vec(),
                response("200 OK", "Connection: keep-alive\r\nContent-Length: 2\r\n", "ok"),
                &[Version],
            ),
        ])
}

fn coded(coding: &str, content: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(content, 3).unwrap(),
        "identity" => content.to_vec(),
        "gzip, deflate" => coded("deflate", &coded("gzip", content)),
        other => panic!("no encoder for {other}"),
    }
}

const MULTIPART: &str = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--b\r\n\
    Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";

fn request_bodies() -> impl Iterator<Item = Shape> {
    let kinds = [
        ("application/json", r#"{"a":[1,2,{"b":"\u00e9"}]}"#),
        ("application/json; charset=utf-8", "null"),
        ("application/x-www-form-urlencoded", "a=1&b=%20two&c=&a=3"),
        ("multipart/form-data; boundary=b", MULTIPART),
        ("multipart/mixed; boundary=\"b\"", MULTIPART),
        ("text/plain", "plain \u{263a} text\r\nwith lines\n"),
        ("application/octet-stream", "\0\u{1}\u{2}\u{7f}"),
        ("application/x-ndjson", "{\"a\":1}\n{\"b\":2}\n"),
        ("application/graphql", "query { me { name } }"),
        ("application/xml", "<?xml version=\"1.0\"?><a b='c'>&amp;</a>"),
        ("image/png", "\u{89}PNG not really"),
    ];
    let framed = kinds.into_iter().flat_map(|(kind, body)| {
        let length = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        let chunks = format!("Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n");
        let chunked = format!("{:X}\r\n{body}\r\n0\r\n\r\n", body.len());
        [
            shape(format!("request of {kind}"), request("POST /v1", &length, body), OK, NONE),
            shape(format!("request of {kind}, chunked"), request("POST /v1", &chunks, &chunked), OK, NONE),
        ]
    });
    let codings = ["gzip", "deflate", "zstd", "identity", "gzip, deflate"].into_iter().map(|coding| {
        let body = coded(coding, &b"coded content ".repeat(50));
        let fields = format!("Content-Encoding: {coding}\r\nContent-Length: {}\r\n", body.len());
        let mut sent = request("POST /v1", &fields, "");
        sent.extend(body);
        shape(format!("request coded as {coding}"), sent, OK, NONE)
    });
    let large = "x".repeat(1 << 20);
    let length = format!("Content-Length: {}\r\n", large.len());
    let in_chunks: String = format!("4000\r\n{}\r\n", "y".repeat(0x4000)).repeat(64) + "0\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let declared = "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n";
    let s3 = "Content-Encoding: aws-chunked\r\nX-Amz-Decoded-Content-Length: 5\r\nContent-Length: 15\r\n";
    framed.chain(codings).chain([
        shape("a MiB by length", request("PUT /", &length, &large), OK, NONE),
        shape("a MiB in chunks", request("PUT /", chunked, &in_chunks), OK, &[Chunks]),
        shape(
            "chunks byte by byte",
            request("PUT /", chunked, "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"),
            OK,
            &[Chunks],
        ),
        shape("chunk extensions", request("PUT /", chunked, "3;a=b;c=\"d\"\r\nabc\r\n0;last\r\n\r\n"), OK, &[Chunks]),
        shape("chunk sizes with zeros", request("PUT /", chunked, "0003\r\nabc\r\n000\r\n\r\n"), OK, &[Chunks]),
        shape("no chunk but the last", request("PUT /", chunked, "0\r\n\r\n"), OK, NONE),
        shape("trailers declared", request("PUT /", declared, "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"), OK, &[TrailerCase]),
        shape("trailers not declared", request("PUT /", chunked, "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"), OK, &[Trailers]),
        shape(
            "chunked in another case",
            request("PUT /", "transfer-encoding: Chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"),
            OK,
            NONE,
        ),
        shape(
            "expect, body held",
            request("PUT /", "Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"),
            OK,
            &[Expect],
        ),
        shape(
            "expect, chunked",
            request("PUT /", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            OK,
            &[Expect],
        ),
        shape("aws-chunked", request("PUT /b/k", s3, "5\r\nhello\r\n0\r\n\r\n"), OK, NONE),
    ])
}

fn statuses() -> impl Iterator<Item = Shape> {
    let codes = [
        "200 OK",
        "200 Sure Thing",
        "200 ",
        "201 Created",
        "202 Accepted",
        "203 Non-Authoritative Information",
        "206 Partial Content",
        "207 Multi-Status",
        "226 IM Used",
        "299 Odd",
        "300 Multiple Choices",
        "400 Bad Request",
        "401 Unauthorized",
        "402 Payment Required",
        "403 Forbidden",
        "404 not found at all",
        "405 Method Not Allowed",
        "407 Proxy Authentication Required",
        "409 Conflict",
        "410 Gone",
        "413 Payload Too Large",
        "418 I'm a teapot",
        "421 Misdirected Request",
        "422 Unprocessable",
        "425 Too Early",
        "429 Too Many Requests",
        "451 Unavailable For Legal Reasons",
        "499 Client Closed",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "529 Overloaded",
        "599 Network",
        "600 Beyond",
        "999 Most",
    ];
    let plain = codes.into_iter().map(|code| {
        shape(format!("status {code}"), request("GET /", "", ""), response(code, "Content-Length: 2\r\n", "ok"), NONE)
    });
    let redirects =
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"];
    let redirects = redirects.into_iter().map(|code| {
        let fields = "Location: https://other.example.test/x?y=1#z\r\nContent-Length: 0\r\n";
        shape(
            format!("redirect {code}"),
            request("POST /", "Content-Length: 2\r\n", "hi"),
            response(code, fields, ""),
            NONE,
        )
    });
    let interim = [
        ("100 unasked", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("102", "HTTP/1.1 102 Processing\r\n\r\n"),
        ("103", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"),
        ("103 twice", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n"),
    ];
    let interim = interim.into_iter().map(|(name, before)| {
        shape(format!("interim {name}"), request("GET /", "", ""), format!("{before}{OK}"), &[Informational])
    });
    plain.chain(redirects).chain(interim)
}

fn response_fields() -> impl Iterator<Item = Shape> {
    let rows: [(&str, &str, &'static [Difference]); 17] = [
        ("case and order", "zeta: 1\r\nALPHA: 2\r\nX-mIxEd: 3\r\n", NONE),
        (
            "cookies",
            "Set-Cookie: a=1; Path=/; HttpOnly\r\nset-cookie: b=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT\r\n",
            NONE,
        ),
        ("cookies apart", "Set-Cookie: a=1\r\nX: 1\r\nSet-Cookie: b=2\r\n", &[Regrouped]),
        ("no date, no server", "", NONE),
        ("date and server", "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: nginx\r\n", NONE),
        ("challenges", "WWW-Authenticate: Basic realm=\"a, b\"\r\nWWW-Authenticate: Bearer\r\n", NONE),
        ("proxy challenge", "Proxy-Authenticate: Basic realm=x\r\n", NONE),
        (
            "caching",
            "Cache-Control: no-store, max-age=0\r\nAge: 0\r\nVary: *\r\nETag: W/\"x\"\r\nExpires: -1\r\n",
            NONE,
        ),
        (
            "security policies",
            "Strict-Transport-Security: max-age=1\r\nContent-Security-Policy: default-src 'self'\r\n",
            NONE,
        ),
        (
            "limits",
            "x-ratelimit-remaining: 1\r\nretry-after: 5\r\nopenai-processing-ms: 12\r\nrequest-id: req_1\r\n",
            NONE,
        ),
        ("keep-alive", "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", NONE),
        ("a field named by connection", "Connection: X-Hop\r\nX-Hop: 1\r\nX-After: 1\r\n", &[HopByHop]),
        ("alternative services", "Alt-Svc: h3=\":443\"; ma=86400\r\n", NONE),
        ("an upgrade offered", "Upgrade: h2c\r\nConnection: Upgrade\r\n", &[HopByHop]),
        ("tight and wide values", "X-Tight:1\r\nX-Wide:   2  \r\n", &[Spaces]),
        ("an empty value", "X-Empty: \r\n", NONE),
        ("trailing fields announced and not sent", "Trailer: X-Sum\r\n", NONE),
    ];
    rows.into_iter().map(|(name, fields, differs)| {
        let fields = format!("{fields}Content-Length: 2\r\n");
        shape(format!("response fields: {name}"), request("GET /", "", ""), response("200 OK", &fields, "ok"), differs)
    })
}

fn response_bodies() -> impl Iterator<Item = Shape> {
    let kinds = [
        "application/json",
        "text/plain",
        "text/html; charset=utf-8",
        "application/octet-stream",
        "image/png",
        "audio/mpeg",
    ];
    let kinds = kinds.into_iter().flat_map(|kind| {
        let length = format!("Content-Type: {kind}\r\nContent-Length: 9\r\n");
        let chunks = format!("Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n");
        let asked = || request("GET /", "", "");
        [
            shape(format!("answer of {kind}"), asked(), response("200 OK", &length, "some body"), NONE),
            shape(
                format!("answer of {kind}, chunked"),
                asked(),
                response("200 OK", &chunks, "9\r\nsome body\r\n0\r\n\r\n"),
                NONE,
            ),
            shape(format!("empty answer of {kind}"), asked(), response("200 OK", &length.replace('9', "0"), ""), NONE),
        ]
    });
    let codings = ["gzip", "deflate", "zstd", "gzip, deflate"].into_iter().map(|coding| {
        let body = coded(coding, &b"coded content ".repeat(50));
        let fields =
            format!("Content-Type: text/plain\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n", body.len());
        let mut sent = response("200 OK", &fields, "");
        sent.extend(body);
        shape(format!("answer coded as {coding}"), request("GET /", "", ""), sent, NONE)
    });
    let large = "x".repeat(1 << 20);
    let length = |kind: &str| format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", 1 << 20);
    let pieces: String = format!("4000\r\n{}\r\n", "y".repeat(0x4000)).repeat(64) + "0\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let declared = "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n";
    let asks = "TE: trailers\r\nConnection: TE\r\n";
    let events = "data: one\n\nid: 1\ndata: two\n\n: comment\n\n";
    let stream = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";
    let of_length =
        format!("Content-Type: text/event-stream\r\nX-Dialect: openai\r\nContent-Length: {}\r\n", events.len());
    let asked = || request("GET /", "", "");
    let trailing = |fields: &str, body: &str| response("200 OK", fields, body);
    kinds.chain(codings).chain([
        shape("a MiB of text", asked(), response("200 OK", &length("text/plain"), &large), NONE),
        shape("a MiB of bytes", asked(), response("200 OK", &length("application/pdf"), &large), NONE),
        shape("a MiB in chunks", asked(), trailing(chunked, &pieces), &[Chunks]),
        shape("chunk extensions", asked(), trailing(chunked, "2;x=y\r\nok\r\n0\r\n\r\n"), &[Chunks]),
        shape("no chunk but the last", asked(), trailing(chunked, "0\r\n\r\n"), NONE),
        shape(
            "trailers asked for",
            request("GET /", asks, ""),
            trailing(declared, "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"),
            &[TrailerCase],
        ),
        shape("trailers not asked for", asked(), trailing(declared, "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"), &[Trailers]),
        shape(
            "trailers not declared",
            request("GET /", asks, ""),
            trailing(chunked, "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"),
            &[Trailers],
        ),
        shape(
            "a stream of events",
            asked(),
            trailing(stream, &format!("{:X}\r\n{events}\r\n0\r\n\r\n", events.len())),
            &[Chunks],
        ),
        shape("events of known length", asked(), response("200 OK", &of_length, events), &[EventLength]),
        shape(
            "ranges",
            asked(),
            response("206 Partial Content", "Content-Range: bytes 0-1/9\r\nContent-Length: 2\r\n", "so"),
            NONE,
        ),
    ])
}

fn bodiless() -> impl Iterator<Item = Shape> {
    let head = || request("HEAD /", "", "");
    let get = || request("GET /", "", "");
    let rows: Vec<Shape> = vec![
        shape("HEAD with a length", head(), response("200 OK", "Content-Length: 99\r\n", ""), NONE),
        shape("HEAD with length 0", head(), response("200 OK", "Content-Length: 0\r\n", ""), NONE),
        shape("HEAD with neither", head(), response("200 OK", "X: 1\r\n", ""), NONE),
        shape(
            "HEAD of what is chunked",
            head(),
            response("200 OK", "Transfer-Encoding: chunked\r\nX: 1\r\n", ""),
            &[HeadCoding],
        ),
        shape(
            "HEAD not found",
            head(),
            response("404 Not Found", "Content-Length: 9\r\nContent-Type: text/html\r\n", ""),
            NONE,
        ),
        shape("204", get(), response("204 No Content", "X: 1\r\n", ""), NONE),
        shape("204 to DELETE", request("DELETE /1", "", ""), response("204 No Content", "", ""), NONE),
        shape("304", get(), response("304 Not Modified", "ETag: \"1\"\r\n", ""), NONE),
        shape(
            "304 with a length",
            get(),
            response("304 Not Modified", "ETag: \"1\"\r\nContent-Length: 9\r\n", ""),
            &[NotModifiedLength],
        ),
        shape("205", get(), response("205 Reset Content", "Content-Length: 0\r\n", ""), NONE),
    ];
    rows.into_iter()
}

fn endings() -> impl Iterator<Item = Shape> {
    let asked = |fields: &str| request("GET /", fields, "");
    let close = "Connection: close\r\nContent-Length: 2\r\n";
    let old = |fields: &str, body: &str| format!("HTTP/1.0 200 OK\r\n{fields}\r\n{body}");
    [
        shape("the upstream closes", asked(""), response("200 OK", close, "ok"), &[Close]),
        shape("the workload asks to close", asked("Connection: close\r\n"), response("200 OK", close, "ok"), &[Close]),
        shape("the workload alone asks to close", asked("Connection: close\r\n"), OK, &[Close]),
        shape("an end without a word", asked(""), OK, &[Close]),
        shape(
            "until the end",
            asked(""),
            response("200 OK", "Content-Type: text/plain\r\n", "all of it"),
            &[CloseDelimited, Close],
        ),
        shape(
            "bytes until the end",
            asked(""),
            response("200 OK", "Content-Type: image/gif\r\n", "GIF89a"),
            &[CloseDelimited, Close],
        ),
        shape("nothing until the end", asked(""), response("200 OK", "X: 1\r\n", ""), &[CloseDelimited, Close]),
        shape("HTTP/1.0 with a length", asked(""), old("Content-Length: 2\r\n", "ok"), &[Close]),
        shape(
            "chunks and close",
            asked(""),
            response("200 OK", "Connection: close\r\nTransfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"),
            &[Close],
        ),
        shape(
            "Connection: Close",
            asked(""),
            response("200 OK", "connection: Close\r\nContent-Length: 2\r\n", "ok"),
            &[Close],
        ),
    ]
    .into_iter()
    .map(ending)
}

fn switches() -> impl Iterator<Item = Shape> {
    let handshake = |more: &str| {
        request(
            "GET /ws",
            &format!(
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Version: 13\r\n{more}"
            ),
            "",
        )
    };
    let agreed = |more: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{more}\r\n"
        )
    };
    // "hello" with a mask of zeros, and without.
    let text = || Ends::Switched(b"\x81\x85\0\0\0\0hello".to_vec(), b"\x81\x05hello".to_vec());
    let ping = Ends::Switched(b"\x89\x82\0\0\0\0hi".to_vec(), b"\x8a\x02hi".to_vec());
    let parts =
        Ends::Switched(b"\x01\x82\0\0\0\0he\x80\x83\0\0\0\0llo".to_vec(), b"\x02\x02\x01\x02\x80\x01\x03".to_vec());
    let refused = response("400 Bad Request", "Content-Length: 2\r\n", "no");
    [
        Shape { ends: text(), ..shape("websocket", handshake(""), agreed(""), NONE) },
        Shape {
            ends: text(),
            ..shape(
                "websocket with a subprotocol",
                handshake("Sec-WebSocket-Protocol: a, b\r\nOrigin: https://x.test\r\n"),
                agreed("Sec-WebSocket-Protocol: b\r\n"),
                NONE,
            )
        },
        Shape {
            ends: text(),
            ..shape(
                "websocket with extensions",
                handshake("Sec-WebSocket-Extensions: permessage-deflate\r\nX-After: 1\r\n"),
                agreed(""),
                &[Extensions],
            )
        },
        Shape { ends: ping, ..shape("websocket ping", handshake(""), agreed(""), NONE) },
        Shape { ends: parts, ..shape("websocket in fragments", handshake(""), agreed(""), NONE) },
        shape("websocket refused", handshake(""), refused, NONE),
    ]
    .into_iter()
}

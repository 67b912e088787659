//! Requests that two parsers could read differently: refused, or made unambiguous by being written anew.

use pipelock_gateway::model::BlockReason;
use tokio::io::AsyncReadExt;

use crate::rig::{Setup, within};

const HOST: &str = "Host: api.example.test";

#[tokio::test]
async fn ambiguous_requests_are_refused_and_nothing_arrives() {
    for (why, request) in [
        ("no host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n".to_owned()),
        ("two hosts", format!("GET / HTTP/1.1\r\n{HOST}\r\nHost: evil.test\r\n\r\n")),
        ("two equal hosts", format!("GET / HTTP/1.1\r\n{HOST}\r\n{HOST}\r\n\r\n")),
        ("target against host", format!("GET https://evil.test/ HTTP/1.1\r\n{HOST}\r\n\r\n")),
        ("TE list", format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
        (
            "TE twice",
            format!(
                "POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "TE not final chunked",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ),
        ("TE misspelt", format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")),
        (
            "TE identity",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx"),
        ),
        (
            "TE with a control byte",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            "space before the colon",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("TE on HTTP/1.0", format!("POST / HTTP/1.0\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        ("CL with a sign", format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: +1\r\n\r\nx")),
        ("CL list", format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 1, 1\r\n\r\nx")),
        (
            "CL twice, differing",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        ),
        ("CL negative", format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: -1\r\n\r\nx")),
        ("CL in hexadecimal", format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 0x1\r\n\r\nx")),
        ("CL beyond 64 bits", format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 99999999999999999999\r\n\r\nx")),
        ("obs-fold", format!("GET / HTTP/1.1\r\n{HOST}\r\nX: a\r\n b\r\n\r\n")),
        ("a NUL in a value", format!("GET / HTTP/1.1\r\n{HOST}\r\nX: a\0b\r\n\r\n")),
        ("a lone CR in a value", format!("GET / HTTP/1.1\r\n{HOST}\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n")),
        ("a field without a name", format!("GET / HTTP/1.1\r\n{HOST}\r\n: x\r\n\r\n")),
        ("CONNECT inside", format!("CONNECT api.example.test:443 HTTP/1.1\r\n{HOST}\r\n\r\n")),
        (
            "connection names content-length",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nConnection: Content-Length\r\nContent-Length: 1\r\n\r\nx"),
        ),
        ("connection names host", format!("GET / HTTP/1.1\r\n{HOST}\r\nConnection: close, host\r\n\r\n")),
        ("connection names authorization", format!("GET / HTTP/1.1\r\n{HOST}\r\nConnection: Authorization\r\n\r\n")),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned()),
        ("HTTP/2 version", format!("GET / HTTP/2.0\r\n{HOST}\r\n\r\n")),
        (
            "TE with a parameter",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
        ),
        ("TE in quotes", format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n")),
        (
            "TE chunked, identity",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        ),
        (
            "TE that begins like chunked",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"),
        ),
        ("TE with a comma", format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n")),
        ("TE empty", format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n")),
        (
            "connection names transfer-encoding",
            format!(
                "POST / HTTP/1.1\r\n{HOST}\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        ("CL with a blank inside", format!("GET / HTTP/1.1\r\n{HOST}\r\nContent-Length: 1 1\r\n\r\n")),
        ("CL with a semicolon", format!("GET / HTTP/1.1\r\n{HOST}\r\nContent-Length: 1;\r\n\r\n")),
        ("CL empty", format!("GET / HTTP/1.1\r\n{HOST}\r\nContent-Length:\r\n\r\n")),
        ("a blank in a field name", format!("GET / HTTP/1.1\r\n{HOST}\r\nX Y: 1\r\n\r\n")),
        ("a field name with a control byte", format!("GET / HTTP/1.1\r\n{HOST}\r\nX\x01Y: 1\r\n\r\n")),
        ("connection names cookie", format!("GET / HTTP/1.1\r\n{HOST}\r\nConnection: cookie\r\nCookie: a=1\r\n\r\n")),
        (
            "connection names an MCP field",
            format!("GET / HTTP/1.1\r\n{HOST}\r\nConnection: Mcp-Session-Id\r\nMcp-Session-Id: 1\r\n\r\n"),
        ),
        (
            "connection names content-type",
            format!("GET / HTTP/1.1\r\n{HOST}\r\nConnection: Content-Type\r\nContent-Type: text/plain\r\n\r\n"),
        ),
        ("a host with a blank", "GET / HTTP/1.1\r\nHost: api.example.test evil.test\r\n\r\n".to_owned()),
        ("a host list", "GET / HTTP/1.1\r\nHost: api.example.test, evil.test\r\n\r\n".to_owned()),
        ("a host with user information", "GET / HTTP/1.1\r\nHost: api.example.test@evil.test\r\n\r\n".to_owned()),
        ("an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned()),
        ("a blank in the target", "GET /a b HTTP/1.1\r\nHost: api.example.test\r\n\r\n".to_owned()),
        ("a control byte in the target", "GET /a\x01b HTTP/1.1\r\nHost: api.example.test\r\n\r\n".to_owned()),
        (
            "a chunk size with a sign",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n"),
        ),
        (
            "a chunk size in C notation",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n"),
        ),
        (
            "a negative chunk size",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n"),
        ),
        (
            "an empty chunk size",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n"),
        ),
        (
            "a broken chunk size",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n0\r\n\r\n"),
        ),
        (
            "a chunk size beyond 64 bits",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx"),
        ),
        (
            "a chunk longer than its size",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n"),
        ),
    ] {
        let mut rig = Setup::http1().start().await;
        rig.send(&request).await;
        let mut answer = Vec::new();
        let _ = within(async {
            while !answer.windows(4).any(|window| window == b"\r\n\r\n") && rig.client.read_buf(&mut answer).await? > 0
            {
            }
            std::io::Result::Ok(())
        })
        .await;
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{why}: {:?}", String::from_utf8_lossy(&answer));
        let closed = rig.close().await;
        assert_eq!(String::from_utf8_lossy(&closed.upstream_got), "", "{why}");
        let [record] = &closed.records[..] else { panic!("{why}: one record, not {:?}", closed.records) };
        assert_eq!((record.status, record.verdict.reason), (Some(400), Some(BlockReason::Framing)), "{why}");
    }
}

#[tokio::test]
async fn what_is_accepted_is_written_anew_without_ambiguity() {
    let plain = format!("GET / HTTP/1.1\r\n{HOST}\r\nX: y\r\n\r\n");
    let chunked = format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    for (why, request, upstream_sees) in [
        ("bare LF", format!("GET / HTTP/1.1\n{HOST}\nX: y\n\n"), plain.clone()),
        ("empty lines first", format!("\r\n\r\n{plain}"), plain.clone()),
        (
            "CL then TE",
            format!(
                "POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
            ),
            chunked.clone(),
        ),
        (
            "TE then CL",
            format!(
                "POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n1\r\nx\r\n0\r\n\r\n"
            ),
            chunked.clone(),
        ),
        (
            "equal CLs",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
            format!("POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 1\r\n\r\nx"),
        ),
        (
            "chunk extensions",
            format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\nx\r\n0\r\n\r\n"),
            chunked.clone(),
        ),
        (
            "hop-by-hop fields",
            format!("GET / HTTP/1.1\r\n{HOST}\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX: y\r\n\r\n"),
            plain.clone(),
        ),
    ] {
        let mut rig = Setup::http1().start().await;
        rig.send(&request).await;
        rig.upstream_gets(&upstream_sees).await;
        rig.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert!(rig.client_head().await.starts_with("HTTP/1.1 200 "), "{why}");
        assert_eq!(String::from_utf8_lossy(&rig.close().await.upstream_got), "", "{why}");
    }
}

#[tokio::test]
async fn bytes_behind_an_ambiguous_request_are_never_taken_for_another() {
    // To a reader of Content-Length the body is six bytes and `GET /admin` a request of its own; to a reader of
    // Transfer-Encoding the body is empty and the rest is one. Either way the connection ends here.
    let request = format!(
        "POST / HTTP/1.1\r\n{HOST}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
         GET /admin HTTP/1.1\r\n{HOST}\r\n\r\n"
    );
    let mut rig = Setup::http1().start().await;
    rig.send(&request).await;
    rig.upstream_gets(format!("POST / HTTP/1.1\r\n{HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).await;
    rig.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let head = rig.client_head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut rest = Vec::new();
    let _ = within(rig.client.read_to_end(&mut rest)).await;
    assert_eq!(String::from_utf8_lossy(&rest), "", "no second response");
    assert_eq!(String::from_utf8_lossy(&rig.close().await.upstream_got), "");
}

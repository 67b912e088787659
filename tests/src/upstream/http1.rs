//! HTTP/1.1 read by hand, because a library would hide what the tests are about: letter case, order and framing.
//!
//! Understands exactly what the clients under test send: `Content-Length`, `chunked` without extensions' meaning, and
//! `Expect: 100-continue`. Anything else ends the connection with an error, which the journal keeps.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::journal::{Entry, Request};

/// A body the client never gets to the end of: asked for with `/hold`, so that a transfer can be cut in the middle.
const HOLD_LENGTH: usize = 1 << 20;

pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, entry: &Entry) -> io::Result<()> {
    let mut wire = Wire { stream, buffer: Vec::new() };
    while let Some(request) = read_request(&mut wire).await? {
        let target = request.target.clone();
        let streaming = request.body.windows(14).any(|w| w == br#""stream": true"#)
            || request.body.windows(13).any(|w| w == br#""stream":true"#);
        let received = request.body.len();
        let head_only = request.method == "HEAD";
        let last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        entry.request(request);
        match target.split('?').next().unwrap_or_default() {
            "/hold" => return hold(&mut wire).await,
            "/v1/chat/completions" if streaming => wire.stream.write_all(&completion_stream()).await?,
            "/v1/chat/completions" => wire.stream.write_all(&answer(&completion(), false)).await?,
            _ => wire.stream.write_all(&answer(&format!(r#"{{"received":{received}}}"#), head_only)).await?,
        }
        wire.stream.flush().await?;
        if last {
            break;
        }
    }
    wire.stream.shutdown().await
}

struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads more; `false` at the end of the stream.
    async fn more(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    async fn until(&mut self, length: usize) -> io::Result<()> {
        while self.buffer.len() < length {
            if !self.more().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// The end of the line that starts at `start`, after its CRLF.
    async fn line_end(&mut self, start: usize) -> io::Result<usize> {
        loop {
            if let Some(at) = find(&self.buffer[start..], b"\r\n") {
                return Ok(start + at + 2);
            }
            self.until(self.buffer.len() + 1).await?;
        }
    }
}

async fn read_request<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> io::Result<Option<Request>> {
    let head_end = loop {
        if let Some(at) = find(&wire.buffer, b"\r\n\r\n") {
            break at + 4;
        }
        if !wire.more().await? {
            return if wire.buffer.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
    };
    let mut request = parse_head(&wire.buffer[..head_end])?;
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        wire.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        wire.stream.flush().await?;
    }
    let end = if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        read_chunks(wire, head_end, &mut request.body).await?
    } else {
        let length: usize = match request.header("content-length") {
            Some(text) => text.parse().map_err(|_| bad("content-length"))?,
            None => 0,
        };
        wire.until(head_end + length).await?;
        request.body = wire.buffer[head_end..head_end + length].to_vec();
        head_end + length
    };
    request.raw = wire.buffer.drain(..end).collect();
    request.complete = true;
    Ok(Some(request))
}

fn parse_head(head: &[u8]) -> io::Result<Request> {
    let text = std::str::from_utf8(head).map_err(|_| bad("head is not UTF-8"))?;
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
        return Err(bad("request line"));
    };
    let headers = lines
        .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| bad("header line"))?;
    Ok(Request { version: "HTTP/1.1", method: method.into(), target: target.into(), headers, ..Request::default() })
}

/// Decodes chunks from `at` on into `body`; returns where the message ends. Trailers are read and kept in `raw` only.
async fn read_chunks<S: AsyncRead + Unpin>(wire: &mut Wire<S>, mut at: usize, body: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let line_end = wire.line_end(at).await?;
        let line = std::str::from_utf8(&wire.buffer[at..line_end - 2]).map_err(|_| bad("chunk size"))?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| bad("chunk size"))?;
        at = line_end;
        if size == 0 {
            break;
        }
        wire.until(at + size + 2).await?;
        body.extend_from_slice(&wire.buffer[at..at + size]);
        at += size + 2;
    }
    loop {
        let line_end = wire.line_end(at).await?;
        if line_end == at + 2 {
            return Ok(line_end);
        }
        at = line_end;
    }
}

/// Sends the beginning of a long answer, then waits for the other side to hang up.
async fn hold<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {HOLD_LENGTH}\r\n\r\n");
    wire.stream.write_all(head.as_bytes()).await?;
    // A whole line: of text that has not ended its line, the gateway holds back what a match could still begin in.
    wire.stream.write_all(&[&[b'.'; 1023][..], b"\n"].concat()).await?;
    wire.stream.flush().await?;
    while wire.more().await? {}
    Ok(())
}

fn answer(body: &str, head_only: bool) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Upstream: double\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    if head_only { head.into_bytes() } else { (head + body).into_bytes() }
}

/// A chat completion as the `OpenAI` API shapes it (object `chat.completion`).
fn completion() -> String {
    serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-test",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    })
    .to_string()
}

/// The same as server-sent events, one chunk an event.
fn completion_stream() -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let delta = |content: &str, finish: Option<&str>| {
        serde_json::json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-test",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": finish}],
        })
        .to_string()
    };
    for data in [delta("hel", None), delta("lo", Some("stop")), "[DONE]".to_owned()] {
        let event = format!("data: {data}\n\n");
        out.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("malformed request: {what}"))
}

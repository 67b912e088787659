//! HTTP/1 messages as bytes: read from a socket to their end, and no further.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt};

/// One message. Text is Latin-1, so that no byte is lost.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) start: String,
    pub(super) fields: Vec<String>,
    /// As framed: chunk lines and trailers included.
    pub(super) body: Vec<u8>,
}

/// What is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    /// An answer to the method HEAD or to another one.
    Response {
        to_head: bool,
    },
}

impl Message {
    /// Reads one message; `None` at the end of the connection.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), kind: Kind) -> Option<Self> {
        let mut message = Self::read_head(from).await?;
        message.read_body(from, kind).await;
        Some(message)
    }

    pub(super) async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\n\r\n") {
            head.push(from.read_u8().await.ok()?);
        }
        let head = latin(&head);
        let mut lines = head.split_inclusive('\n').map(str::to_owned);
        let start = lines.next()?;
        let mut fields: Vec<String> = lines.collect();
        fields.pop();
        Some(Self { start, fields, body: Vec::new() })
    }

    pub(super) async fn read_body(&mut self, from: &mut (impl AsyncRead + Unpin), kind: Kind) {
        let chunked = self.values("transfer-encoding").any(|value| value.to_ascii_lowercase().contains("chunked"));
        let length = self.values("content-length").next().and_then(|value| value.parse().ok());
        let status = self.status();
        if kind == (Kind::Response { to_head: true }) || matches!(status, 100..200 | 204 | 304) {
            return;
        }
        match length {
            _ if chunked => self.read_chunks(from).await,
            Some(length) => {
                self.body = vec![0; length];
                if let Err(error) = from.read_exact(&mut self.body).await {
                    self.body = format!("body ended early: {error}").into_bytes();
                }
            }
            None if kind == Kind::Request => {}
            None => drop(from.read_to_end(&mut self.body).await),
        }
    }

    async fn read_chunks(&mut self, from: &mut (impl AsyncRead + Unpin)) {
        loop {
            let line = self.read_line(from).await;
            let size = line.split([';', '\r', '\n']).next().map(str::trim).unwrap_or_default();
            let Ok(size) = usize::from_str_radix(size, 16) else { return };
            if size == 0 {
                while !matches!(self.read_line(from).await.as_str(), "\r\n" | "\n" | "") {}
                return;
            }
            let at = self.body.len();
            self.body.resize(at + size + 2, b'!');
            if from.read_exact(self.body.get_mut(at..).unwrap()).await.is_err() {
                return;
            }
        }
    }

    async fn read_line(&mut self, from: &mut (impl AsyncRead + Unpin)) -> String {
        let at = self.body.len();
        while let Ok(byte) = from.read_u8().await {
            self.body.push(byte);
            if byte == b'\n' {
                break;
            }
        }
        latin(self.body.get(at..).unwrap())
    }

    /// 0 for a request.
    pub(super) fn status(&self) -> u16 {
        let code = self.start.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        code.and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// Values of the fields of this name, in lower case, without white space around them.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |line| is_named(line, name))
            .filter_map(|line| Some(line.split_once(':')?.1.trim()))
    }

    /// Drops the fields of this name.
    pub(super) fn without(&mut self, name: &str) {
        self.fields.retain(|line| !is_named(line, name));
    }

    /// The chunks as one, without extensions.
    pub(super) fn join_chunks(&mut self) {
        let mut rest = self.body.as_slice();
        let mut content = Vec::new();
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
            let (line, after) = rest.split_at(end + 1);
            let line = latin(line);
            let size = usize::from_str_radix(line.split([';', '\r', '\n']).next().unwrap().trim(), 16).unwrap();
            if size == 0 {
                let trailers = after.to_vec();
                self.body = chunk(&content);
                self.body.extend(trailers);
                return;
            }
            content.extend(&after[..size]);
            rest = &after[size + 2..];
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let head: String =
            std::iter::once(&self.start).chain(&self.fields).map(String::as_str).chain(["\r\n"]).collect();
        let mut bytes: Vec<u8> = head.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
        bytes.extend(&self.body);
        bytes
    }
}

/// Content as one chunk and the line that begins the last.
pub(super) fn chunk(content: &[u8]) -> Vec<u8> {
    let mut body = if content.is_empty() { Vec::new() } else { format!("{:X}\r\n", content.len()).into_bytes() };
    body.extend(content);
    body.extend_from_slice(if content.is_empty() { b"0\r\n" } else { b"\r\n0\r\n" });
    body
}

pub(super) fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn is_named(line: &str, name: &str) -> bool {
    line.split(':').next().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = latin(&self.bytes());
        text.truncate(900);
        write!(f, "{text:?}")
    }
}

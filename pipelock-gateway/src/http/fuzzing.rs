//! What must hold for any bytes a peer may send, tried by the fuzz crate through [`crate::fuzzing`]. No interface.
#![expect(clippy::missing_panics_doc, reason = "a panic is how a claim is found to be broken")]

use std::ops::ControlFlow;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use super::coding::Decoder;
use super::multipart::{Event, Reader as MultipartReader};
use super::sse::{Parser, deltas};
use super::websocket::frame::{From, Part, Reader};
use super::{framing, hygiene};

/// Splits off a byte that says how the rest is cut into pieces.
fn cut(input: &[u8]) -> (u8, usize, &[u8]) {
    match input {
        [how, size, rest @ ..] => (*how, usize::from(*size).max(1), rest),
        _ => (0, 1, &[]),
    }
}

/// Events are the same however the stream is cut, memory is bounded, and an error event of ours is always one event.
pub fn sse(input: &[u8]) {
    const MAX: usize = 512;
    let (_, size, stream) = cut(input);
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut parser, mut events) = (Parser::new(MAX), Vec::new());
        for piece in pieces {
            let before = parser.settled();
            // Whether an event over the bound is told again depends on the cut; what is told of others does not.
            let _ = parser.push(piece, |event| {
                assert!(event.data.len() <= MAX && event.name.len() <= MAX);
                if let Some(dialect) = deltas::read(event.data).dialect {
                    let message = String::from_utf8_lossy(event.data);
                    let mut told = 0;
                    let parting = dialect.error_event("secret", &message, "id");
                    assert!(Parser::new(1 << 20).push(&parting, |_| told += 1).is_ok());
                    assert_eq!(told, 1);
                }
                events.push((event.name.to_vec(), event.data.to_vec(), event.id.map(<[u8]>::to_vec)));
            });
            assert!(parser.settled() >= before);
        }
        (events, parser.settled())
    };
    assert_eq!(read(&mut std::iter::once(stream)), read(&mut stream.chunks(size)));
}

/// Parts are the same however the body is cut, and what is told of them are bytes of the body.
pub fn multipart(input: &[u8]) {
    let (how, size, body) = cut(input);
    let boundary = match how % 3 {
        0 => "multipart/form-data; boundary=b",
        1 => "multipart/mixed; boundary=\"--\"",
        _ => "multipart/form-data; boundary=a-b",
    };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let kind = HeaderValue::from_static(boundary);
        let Ok(Some(mut reader)) = MultipartReader::for_type(&kind, 20) else { return (Vec::new(), false) };
        let (mut told, mut bytes) = (Vec::new(), 0);
        let mut sink = |event: Event<'_>| match event {
            Event::Part(head) => told.push((format!("{head:?}"), Vec::new(), 0)),
            Event::Data(data) => {
                bytes += data.len();
                if let Some((_, content, _)) = told.last_mut() {
                    content.extend_from_slice(data);
                }
            }
            Event::End => {
                if let Some((.., ends)) = told.last_mut() {
                    *ends += 1;
                }
            }
        };
        let mut fine = true;
        for piece in pieces {
            fine = fine && reader.push(piece, &mut sink).is_ok();
        }
        fine = fine && reader.finish(&mut sink).is_ok();
        assert!(bytes <= body.len());
        (if fine { told } else { Vec::new() }, fine)
    };
    assert_eq!(read(&mut std::iter::once(body)), read(&mut body.chunks(size)));
}

/// Frames are the same however the stream is cut, and what is told of it are its own bytes in order.
pub fn websocket(input: &[u8]) {
    let (how, size, stream) = cut(input);
    let from = if how & 1 == 0 { From::Client } else { From::Server };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut reader, mut raw, mut frames, mut content) = (Reader::new(from), Vec::new(), Vec::new(), Vec::new());
        let mut fault = None;
        for piece in pieces {
            let outcome = reader.push(piece, |part| {
                match part {
                    Part::Header { raw: header, .. } => raw.extend_from_slice(header),
                    Part::Content { raw: bytes, plain, .. } => {
                        assert_eq!(bytes.len(), plain.len());
                        raw.extend_from_slice(bytes);
                        content.extend_from_slice(plain);
                    }
                    Part::End(frame) => {
                        assert_eq!(content.len() as u64, frame.len);
                        assert!(!frame.kind.is_control() || frame.len <= 125);
                        frames.push((frame, std::mem::take(&mut content)));
                    }
                }
                ControlFlow::Continue(())
            });
            if let Err(found) = outcome {
                fault = Some(found);
                break;
            }
        }
        (raw, frames, fault)
    };
    let whole = read(&mut std::iter::once(stream));
    assert!(stream.starts_with(&whole.0));
    assert_eq!(whole, read(&mut stream.chunks(size)));
}

/// What a coded body decodes to does not depend on the cut, and is within the bounds.
pub fn coding(input: &[u8]) {
    const MAX: u64 = 1 << 20;
    let (how, size, body) = cut(input);
    let name = match how % 8 {
        0 => "gzip",
        1 => "deflate",
        2 => "zstd",
        3 => "br",
        4 => "gzip, gzip",
        5 => "deflate, br",
        6 => "br, zstd",
        _ => "identity, x-gzip",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::for_answer(&headers, MAX, 100).ok().flatten()?;
        let mut out = Vec::new();
        for piece in pieces {
            let _: ControlFlow<()> = decoder
                .push(piece, &mut |bytes| {
                    out.extend_from_slice(bytes);
                    ControlFlow::Continue(())
                })
                .ok()?;
            assert!(out.len() as u64 <= MAX);
        }
        decoder.finish().ok().map(|()| out)
    };
    let (whole, pieces) = (read(&mut std::iter::once(body)), read(&mut body.chunks(size)));
    // The ratio is taken over what has come so far, so that a cut may refuse earlier; what both accept is the same.
    if let (Some(whole), Some(pieces)) = (whole, pieces) {
        assert_eq!(whole, pieces);
    }
}

/// Any head that parses is refused or made unambiguous: one host, one framing, no hop-by-hop field of others.
pub fn framing(input: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(_)) = parsed.parse(input) else { return };
    let (Some(method), Some(path)) = (parsed.method, parsed.path) else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), path.parse::<Uri>()) else { return };
    let mut request = Request::new(());
    (*request.method_mut(), *request.uri_mut()) = (method, uri);
    for field in parsed.headers.iter() {
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value))
        else {
            return;
        };
        request.headers_mut().append(name, value);
    }
    let (head, ()) = request.into_parts();
    let Ok(addressee) = framing::check(&head) else { return };
    if let Some(addressee) = addressee {
        let shown = addressee.display("https");
        assert!(
            !shown.is_empty() && !shown.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'@' || byte < b'!')
        );
    }
    let kept = hygiene::forwarded(head.headers.clone(), hygiene::Leave::default());
    assert!(kept.get_all(header::HOST).iter().eq(head.headers.get_all(header::HOST).iter()));
    for name in [header::CONTENT_LENGTH, header::AUTHORIZATION, header::COOKIE, header::CONTENT_TYPE] {
        assert!(kept.get_all(&name).iter().eq(head.headers.get_all(&name).iter()), "{name}");
    }
    assert!(kept.get_all(header::TRANSFER_ENCODING).iter().count() <= 1);
    assert!(!kept.contains_key("http2-settings") && !kept.contains_key(header::UPGRADE));
}

#[cfg(test)]
mod tests {
    /// Inputs kept in the repository, the ones that broke something among them.
    fn try_seeds(target: &str, claim: fn(&[u8])) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        assert!(!seeds.is_empty(), "{target}");
        for seed in seeds {
            claim(&std::fs::read(seed.unwrap().path()).unwrap());
        }
    }

    #[test]
    fn claims_hold_for_the_kept_inputs() {
        try_seeds("sse", super::sse);
        try_seeds("websocket", super::websocket);
        try_seeds("multipart", super::multipart);
        try_seeds("coding", super::coding);
        try_seeds("framing", super::framing);
    }
}

//! What must hold for any bytes that a client or a server of MCP may send, tried by the fuzz crate through
//! [`crate::fuzzing`]. No interface.
#![expect(clippy::missing_panics_doc, reason = "a panic is how a claim is found to be broken")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::era::{self, Era};
use super::jsonrpc::{Content, Id, Kind, Malformed, Message};
use super::lists::Cut;
use super::sse::{Event, Events};
use crate::http::sse::Parser;

/// Levels of a value: 0 for a scalar.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Equal but for the last digit of a fraction, which `serde_json` reads as fast as it can and not as exactly.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| alike(value, other)))
        }
        (Value::Number(one), Value::Number(other)) => {
            let near = |one: f64, other: f64| (one - other).abs() <= one.abs() * 1e-15;
            one == other || matches!((one.as_f64(), other.as_f64()), (Some(one), Some(other)) if near(one, other))
        }
        _ => one == other,
    }
}

/// What is read as a message is what `serde_json` reads, what is refused as no JSON is none for it either, and a message is
/// of one kind only.
pub fn mcp_message(input: &[u8]) {
    let plain = serde_json::from_slice::<Value>(input);
    let content = match Content::read(input) {
        Err(Malformed::Utf8 | Malformed::Json) => return assert!(plain.is_err(), "refused as no JSON"),
        Err(_) => return,
        Ok(content) => content,
    };
    let plain = plain.expect("what we read is JSON");
    assert!(depth(&plain) <= 64);
    let values: Vec<&Value> = match &plain {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    assert_eq!(content.messages().len(), values.len());
    known_again(input, &content);
    for (message, value) in content.messages().iter().zip(values) {
        assert_eq!(message.value, *value);
        assert_eq!(value.get("jsonrpc").and_then(Value::as_str), Some("2.0"));
        let answers = value.get("result").is_some() || value.get("error").is_some();
        let (id, method) = (value.get("id"), value.get("method").and_then(Value::as_str));
        match &message.kind {
            Kind::Request { id: read, .. } => assert!(!answers && method.is_some() && Some(&read.to_value()) == id),
            Kind::Notification { .. } => assert!(!answers && method.is_some() && id.is_none()),
            Kind::Response { id: read } => {
                assert!(answers && value.get("method").is_none() && read.as_ref().map(Id::to_value).as_ref() == id);
            }
        }
        // What is written anew, when one of a batch is replaced, says the same.
        let again = Content::read(message.value.to_string().as_bytes()).expect("what we write is a message");
        let again = again.messages().first().map(|again| &again.value);
        assert!(again.is_some_and(|again| alike(again, &message.value)), "{again:?} {:?}", message.value);
    }
}

/// A list that is known again by what stands around its id reads as the one that was judged, but for the id.
fn known_again(input: &[u8], content: &Content) {
    let Some(cut) = Cut::of(&Bytes::copy_from_slice(input)).filter(|cut| cut.holds(content)) else { return };
    let (before, behind) = cut.ends();
    for id in ["7", "-20417", "\"\\\"\\u0069d\"", "1.5", "{}", "8,\"id\":9"] {
        let other = Bytes::from([before, id.as_bytes(), behind].concat());
        let Some(known) = Cut::of(&other).filter(|known| known.ends() == cut.ends()) else { continue };
        let mut expected = content.messages().first().expect("a cut one is one").value.clone();
        expected["id"] = known.id.to_value();
        assert_eq!(super::jsonrpc::value(&other), Ok(expected));
    }
}

/// Events do not depend on the cut, no byte is lost, another reader is told of the same ones, and one with other data is
/// still one.
pub fn mcp_sse(input: &[u8]) {
    let (size, stream) = match input {
        [size, rest @ ..] => (usize::from(*size).max(1), rest),
        [] => return,
    };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut events, mut found) = (Events::default(), Vec::<Event>::new());
        for piece in pieces {
            events.push(piece);
            while let Some(event) = events.next() {
                found.push(event);
            }
        }
        let rest = events.rest();
        let bytes: Vec<u8> = found.iter().chain(&rest).flat_map(|event| event.bytes.clone()).collect();
        assert_eq!(bytes, stream);
        found
    };
    let told = |events: &[Event]| -> Vec<(Vec<u8>, Vec<u8>)> {
        events.iter().filter_map(|event| Some((event.name.clone(), event.data.clone()?))).collect()
    };
    let whole = read(&mut std::iter::once(stream));
    assert_eq!(told(&whole), told(&read(&mut stream.chunks(size))));
    let mut others = Vec::new();
    Parser::new(1 << 20)
        .push(stream, |event| others.push((event.name.to_vec(), event.data.to_vec())))
        .expect("no event is larger than the input");
    assert_eq!(told(&whole), others);
    for event in whole.iter().filter(|event| event.data.is_some()) {
        let written = event.with_data("{}");
        let mut again = Vec::new();
        Parser::new(1 << 20)
            .push(&written, |event| again.push((event.name.to_vec(), event.data.to_vec())))
            .expect("no event is larger than the input");
        assert_eq!(again, [(event.name.clone(), b"{}".to_vec())]);
    }
}

/// A stateless request that passes says the same in its header fields and its body.
///
/// The input is lines of `name: value` up to an empty one, then the body.
pub fn mcp_agree(input: &[u8]) {
    let Some(end) = memchr::memmem::find(input, b"\n\n") else { return };
    let (head, body) = (input.get(..end).unwrap_or_default(), input.get(end + 2..).unwrap_or_default());
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii())) {
            headers.append(name, value);
        }
    }
    let Ok(Content::One(message)) = Content::read(body) else { return };
    let era = Era::of(&headers, Some(&message));
    if era::agree(&headers, &message).is_err() {
        return;
    }
    let Some(method) = message.method() else { return };
    assert!(says(&headers, "mcp-method", method), "{headers:?}");
    let meta = message.value.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion").and_then(Value::as_str);
    if let Some(version) = meta {
        assert!(says(&headers, "mcp-protocol-version", version));
        // The one that was compared is the one that decided.
        assert!(version < "2026-07-28" || matches!(era, Era::Stateless | Era::Unknown));
    }
    if let Some(tool) = Message::tool(&message) {
        assert!(says(&headers, "mcp-name", tool));
    }
}

/// Whether a field is there once and says `text`, plainly or as `=?base64?…?=`.
fn says(headers: &HeaderMap, name: &str, text: &str) -> bool {
    let values: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    let [value] = values.as_slice() else { return false };
    let value = value.as_bytes().trim_ascii();
    if value == text.as_bytes() {
        return true;
    }
    let coded = value.get(9..value.len().saturating_sub(2)).unwrap_or_default();
    coded.trim_ascii_end().iter().filter(|byte| **byte != b'=').copied().eq(written(text.as_bytes()))
}

/// Base64 without padding, written here once more: a reader is not tried by itself.
fn written(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |at| DIGITS[usize::try_from(bits >> (18 - 6 * at) & 63).unwrap_or(0)])
    })
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
        try_seeds("mcp_message", super::mcp_message);
        try_seeds("mcp_sse", super::mcp_sse);
        try_seeds("mcp_agree", super::mcp_agree);
    }
}

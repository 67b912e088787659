//! One line of input: a message on a surface, and whom it is for.
//!
//! Pure, and total on any bytes: what is not a record is an error that says what is missing. A payload that is text is kept
//! as bytes, so that a string which is no Unicode (a lone `\ud800`) is judged rather than refused. The record goes on to
//! the engine; nothing here knows a rule.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::Surface;
use crate::scan::{Message, Payload};

/// Names of surfaces in records, and what their payload must be.
const SURFACES: [(&str, Surface, Wanted); 8] = [
    ("request_body", Surface::RequestBody, Wanted::Text),
    ("header", Surface::RequestHeader, Wanted::Text),
    ("url", Surface::Url, Wanted::Text),
    ("response", Surface::Response, Wanted::Text),
    ("mcp_tools_list", Surface::ToolDefinitions, Wanted::Message),
    ("mcp_tool_call", Surface::ToolCall, Wanted::Message),
    ("mcp_response", Surface::ToolResult, Wanted::Message),
    ("tool_chain", Surface::ToolChain, Wanted::Calls),
];

/// What a payload must be on a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The exact bytes.
    Text,
    /// A JSON-RPC message, as an object or as the text of one.
    Message,
    /// Calls in order.
    Calls,
}

/// A message to judge.
#[derive(Debug)]
pub struct Record<'a> {
    /// The JSON of the id, a string or a number, as it was written.
    pub id: &'a RawValue,
    /// Where the message was seen.
    pub surface: Surface,
    /// What was seen.
    pub payload: Content,
    /// The media type of a body.
    pub content_type: Option<Cow<'a, str>>,
    /// Whom it is for: a host name, taken as proven. Lower case, without a port.
    pub host: Option<String>,
}

/// The payload of a record.
pub enum Content {
    /// The exact bytes. They may be a secret: never printed.
    Text(Vec<u8>),
    /// A message, a pair of them, or calls.
    Json(Value),
}

impl std::fmt::Debug for Content {
    /// Never the content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(bytes) => write!(f, "Text({})", bytes.len()),
            Self::Json(_) => f.write_str("Json"),
        }
    }
}

/// Why a line is no record.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// Broken JSON, or a member of another type.
    #[error("{0}")]
    Json(String),
    /// A member is missing, or null.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The id is neither string nor number.
    #[error("id must be a string or a number")]
    Id,
    /// No such surface.
    #[error("surface {given:?} is unknown; it is one of {}", SURFACES.map(|(name, ..)| name).join(", "))]
    Surface {
        /// As written, cut short.
        given: String,
    },
    /// The payload does not fit the surface.
    #[error("payload of {surface} must be {wanted}, not {given}")]
    Payload {
        /// The surface.
        surface: &'static str,
        /// What was expected.
        wanted: &'static str,
        /// What was there.
        given: &'static str,
    },
}

/// A line as it is written; other members are left alone.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    surface: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    content_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    host: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> {
    /// Reads one line, without its line break.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it; never any of the payload.
    pub fn parse(line: &'a [u8]) -> Result<Self, Error> {
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(Error::NotAnObject);
        }
        let line: Line<'a> = serde_json::from_slice(line).map_err(|error| Error::json(&error))?;
        let id = line.id.ok_or(Error::Missing("id"))?;
        if !id.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit()) {
            return Err(Error::Id);
        }
        let named = line.surface.ok_or(Error::Missing("surface"))?;
        let Some((name, surface, wanted)) = SURFACES.into_iter().find(|(name, ..)| *name == named) else {
            return Err(Error::Surface { given: named.chars().take(40).collect() });
        };
        let payload = line.payload.ok_or(Error::Missing("payload"))?;
        let payload = content(name, wanted, payload)?;
        let surface = match (surface, &payload) {
            // An array of calls is a session, whatever it is called.
            (Surface::ToolCall, Content::Json(Value::Array(_))) => Surface::ToolChain,
            _ => surface,
        };
        Ok(Self {
            id,
            surface,
            payload,
            content_type: line.content_type,
            host: line.host.as_deref().and_then(host_name),
        })
    }

    /// The message for the engine.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        let payload = match &self.payload {
            Content::Text(text) => Payload::Bytes(text),
            Content::Json(value) => Payload::Json(value),
        };
        Message { surface: self.surface, payload, content_type: self.content_type.as_deref() }
    }
}

impl Error {
    /// The parser counts lines of its own, of which there is only one.
    fn json(error: &serde_json::Error) -> Self {
        let text = error.to_string().replace(" at line 1 column ", " at column ");
        Self::Json(if error.is_data() { text } else { format!("not JSON: {text}") })
    }
}

/// A host as policy knows it; an empty one is none.
fn host_name(host: &str) -> Option<String> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

fn content(surface: &'static str, wanted: Wanted, payload: &RawValue) -> Result<Content, Error> {
    let refuse = |wanted, given| Err(Error::Payload { surface, wanted, given });
    let given = match payload.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    };
    match (wanted, given) {
        (_, "a string") => {
            let text = bytes_of(payload)?;
            // The text of a message is a message; text that is none is judged as it is.
            let message = if wanted == Wanted::Text { None } else { serde_json::from_slice(&text).ok() };
            Ok(message
                .filter(|value: &Value| value.is_object() || value.is_array())
                .map_or(Content::Text(text), Content::Json))
        }
        (Wanted::Message, "an object" | "an array") | (Wanted::Calls, "an array") => {
            serde_json::from_str(payload.get()).map(Content::Json).map_err(|error| Error::json(&error))
        }
        (Wanted::Text, _) => refuse("a string, the exact bytes", given),
        (Wanted::Message, _) => refuse("a JSON-RPC message or an array of them", given),
        (Wanted::Calls, _) => refuse("an array of calls", given),
    }
}

/// The bytes of a JSON string. As bytes rather than as a string, because only then a lone surrogate passes.
fn bytes_of(payload: &RawValue) -> Result<Vec<u8>, Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
    let mut parser = serde_json::Deserializer::from_str(payload.get());
    parser.deserialize_bytes(Bytes).map_err(|error| Error::json(&error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(line: &str) -> String {
        Record::parse(line.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_record_is_read_with_what_it_may_hold() {
        let line = r#"{"id":"a","surface":"request_body","payload":"x\u00e9\n","content_type":"text/plain","host":"API.Example.com:443","category":"ignored"}"#;
        let record = Record::parse(line.as_bytes()).unwrap();
        assert_eq!((record.id.get(), record.surface), ("\"a\"", Surface::RequestBody));
        assert_eq!(
            (record.content_type.as_deref(), record.host.as_deref()),
            (Some("text/plain"), Some("api.example.com"))
        );
        assert!(matches!(record.payload, Content::Text(text) if text == "xé\n".as_bytes()));
    }

    #[test]
    fn every_surface_takes_the_payload_it_names() {
        for (surface, payload, expected) in [
            ("header", r#""A: b""#, Surface::RequestHeader),
            ("url", r#""/x""#, Surface::Url),
            ("response", r#""""#, Surface::Response),
            ("mcp_tools_list", r#"{"before":{},"after":{}}"#, Surface::ToolDefinitions),
            ("mcp_tool_call", r#"{"method":"tools/call"}"#, Surface::ToolCall),
            ("mcp_tool_call", r#""{\"method\":\"tools/call\"}""#, Surface::ToolCall),
            ("mcp_tool_call", r#"[{"tool":"a","args":{}}]"#, Surface::ToolChain),
            ("tool_chain", "[]", Surface::ToolChain),
            ("mcp_response", r#"{"result":{}}"#, Surface::ToolResult),
            ("mcp_response", r#""not JSON""#, Surface::ToolResult),
        ] {
            let line = format!(r#"{{"id":1,"surface":"{surface}","payload":{payload}}}"#);
            assert_eq!(Record::parse(line.as_bytes()).unwrap().surface, expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, message) in [
            ("", "not a JSON object"),
            ("[1]", "not a JSON object"),
            (r#"["a","url","/"]"#, "not a JSON object"),
            (r#"{"surface":"url","payload":""}"#, "id is missing"),
            (r#"{"id":null,"surface":"url","payload":""}"#, "id is missing"),
            (r#"{"id":{},"surface":"url","payload":""}"#, "id must be a string or a number"),
            (r#"{"id":"a","payload":""}"#, "surface is missing"),
            (r#"{"id":"a","surface":"url"}"#, "payload is missing"),
            (
                r#"{"id":"a","surface":"url","payload":{}}"#,
                "payload of url must be a string, the exact bytes, not an object",
            ),
            (
                r#"{"id":"a","surface":"tool_chain","payload":{}}"#,
                "payload of tool_chain must be an array of calls, not an object",
            ),
            (
                r#"{"id":"a","surface":"mcp_response","payload":7}"#,
                "payload of mcp_response must be a JSON-RPC message or an array of them, not a number",
            ),
            (r#"{"id":"a","id":"b","surface":"url","payload":""}"#, "duplicate field `id` at column 14"),
        ] {
            assert_eq!(error(line), message, "{line}");
        }
        assert!(
            error(r#"{"id":"a","surface":"web","payload":""}"#)
                .starts_with(r#"surface "web" is unknown; it is one of request_body, header"#)
        );
        assert!(error(r#"{"id":"a","surface""#).starts_with("not JSON: EOF while parsing"));
        assert!(error("{\"id\":\"\u{7}\"}").starts_with("not JSON: control character"));
    }

    #[test]
    fn a_string_that_is_no_unicode_is_still_judged() {
        let record = Record::parse(br#"{"id":"\ud800","surface":"request_body","payload":"a\ud800b"}"#).unwrap();
        assert!(matches!(record.payload, Content::Text(text) if text == b"a\xed\xa0\x80b"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::parse(&line);
        }

        #[test]
        fn a_text_payload_comes_out_as_it_went_in(text in any::<String>()) {
            let line = serde_json::json!({ "id": 1, "surface": "response", "payload": text }).to_string();
            let record = Record::parse(line.as_bytes()).unwrap();
            prop_assert!(matches!(record.payload, Content::Text(bytes) if bytes == text.as_bytes()));
        }
    }
}

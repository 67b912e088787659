//! One complete message on one surface, as `pipelock scan` reads it and as the MCP listener sees it.
//!
//! This is only the switchboard: which analysis a surface gets. It does not know modes, hosts or actions; what is found goes
//! to [`crate::verdict`] like everything else.

use serde_json::Value;

use super::engine::Engine;
use super::stream::{Encoding, StreamOptions};
use super::tools;
use crate::model::{Finding, Surface};

/// A message and where it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Where.
    pub surface: Surface,
    /// What.
    pub payload: Payload<'a>,
    /// The media type of a body, parameters included (RFC 9110 §8.3).
    pub content_type: Option<&'a str>,
}

/// The content of a message.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    /// The exact body, header line or URL.
    Bytes(&'a [u8]),
    /// A JSON-RPC message; `{"before", "after"}` for definitions that drift; an array of calls for a chain.
    Json(&'a Value),
}

/// What the structure of an MCP message shows. Such findings are about the message as a whole.
fn structured(surface: Surface, value: &Value, len: usize) -> Vec<Finding> {
    let mut found = match surface {
        Surface::ToolDefinitions => tools::judge_definitions(value),
        Surface::ToolCall => tools::judge_call(value),
        Surface::ToolChain => tools::judge_chain(value),
        _ => Vec::new(),
    };
    for finding in &mut found {
        finding.span = 0..u64::try_from(len).unwrap_or(u64::MAX);
    }
    found
}

impl std::fmt::Debug for Payload<'_> {
    /// Never the content: it may be the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Json(_) => f.write_str("Json"),
        }
    }
}

impl Engine {
    /// Everything that is found in a message.
    #[must_use]
    pub fn examine(&self, message: &Message<'_>) -> Vec<Finding> {
        let Message { surface, payload, content_type } = *message;
        match (surface, payload) {
            (Surface::Url, Payload::Bytes(bytes)) => self.scan_url(bytes),
            (Surface::RequestHeader | Surface::RequestTrailer, Payload::Bytes(bytes)) => self.scan(surface, bytes),
            (_, Payload::Bytes(bytes)) => self.body(surface, bytes, content_type),
            (_, Payload::Json(value)) => {
                let bytes = value.to_string();
                let mut found = self.body(surface, bytes.as_bytes(), Some("application/json"));
                tools::settle(surface, value, &mut found);
                found.extend(structured(surface, value, bytes.len()));
                found
            }
        }
    }

    /// A complete body, read as JSON text whatever its type says, and also as a form when it says that.
    fn body(&self, surface: Surface, bytes: &[u8], content_type: Option<&str>) -> Vec<Finding> {
        let form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let encodings = [Some(Encoding::Json), form.then_some(Encoding::Percent)];
        let scan = |encoding| {
            let mut stream = self.stream(surface, StreamOptions { encoding });
            stream.push(bytes);
            stream.finish()
        };
        encodings.into_iter().flatten().flat_map(scan).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_a_log_does_not_show_what_it_holds() {
        let value = serde_json::json!({ "password": "hunter2" });
        for payload in [Payload::Bytes(b"hunter2"), Payload::Json(&value)] {
            let message = Message { surface: Surface::RequestBody, payload, content_type: None };
            assert!(!format!("{message:?}").contains("hunter2") && !format!("{message:?}").contains("104, 117"));
        }
    }
}

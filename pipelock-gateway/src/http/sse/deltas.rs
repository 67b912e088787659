//! What providers of language models put into server-sent events: pieces of text, each belonging to one of several that
//! grow at the same time.
//!
//! A phrase that is split over tokens stands in no single event; whoever wants to find it joins the pieces of one
//! [`Channel`]. Told by the shape of the data and not by the host, so that gateways and local models that speak a provider's
//! dialect are read alike. Pure; what is not understood yields nothing.
//!
//! Sources: OpenAI API reference, "Chat completion chunk object" and "Streaming events" of the Responses API; Anthropic
//! API reference, "Streaming messages".

use serde_json::Value;

/// Whose dialect a stream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `choices[].delta`, and the older `choices[].text`.
    OpenAiChat,
    /// Events named `response.…`.
    OpenAiResponses,
    /// Events named `content_block_…` and `message_…`.
    Anthropic,
}

/// One of the texts that grow in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// What kind of text, by a hash of its name; collisions only join two texts.
    kind: u64,
    /// Which choice, output item or content block.
    index: u64,
    /// Which tool call of the choice, or part of the item.
    part: u64,
}

/// The data of one event, as far as it is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deltas {
    /// `None` when it is no known provider's.
    pub dialect: Option<Dialect>,
    /// Pieces of text, in order.
    pub pieces: Vec<(Channel, String)>,
}

/// Reads the data of an event. Invalid UTF-8 is read as most clients read it, with replacement characters.
#[must_use]
pub fn read(data: &[u8]) -> Deltas {
    let text = String::from_utf8_lossy(data);
    let Ok(Value::Object(event)) = serde_json::from_str::<Value>(&text) else { return Deltas::default() };
    let mut pieces = Vec::new();
    let dialect = if let Some(Value::Array(choices)) = event.get("choices") {
        for (place, choice) in choices.iter().enumerate() {
            read_choice(choice, place as u64, &mut pieces);
        }
        Some(Dialect::OpenAiChat)
    } else {
        match event.get("type").and_then(Value::as_str) {
            Some(kind) if kind.starts_with("response.") => {
                // Sound is base64; it says nothing, and its pieces are large.
                let text = event.get("delta").and_then(Value::as_str).filter(|_| !kind.contains("audio.delta"));
                if let Some(text) = text {
                    let (index, part) = (number(&event, "output_index"), number(&event, "content_index"));
                    pieces.push((Channel { kind: hash(kind), index, part }, text.to_owned()));
                }
                Some(Dialect::OpenAiResponses)
            }
            Some("content_block_delta") => {
                let index = number(&event, "index");
                if let Some(Value::Object(delta)) = event.get("delta") {
                    for name in ["text", "partial_json", "thinking"] {
                        if let Some(text) = delta.get(name).and_then(Value::as_str) {
                            pieces.push((Channel { kind: hash(name), index, part: 0 }, text.to_owned()));
                        }
                    }
                }
                Some(Dialect::Anthropic)
            }
            Some("content_block_start") => {
                // A block may begin with some of its text.
                let text = event.get("content_block").and_then(|block| block.get("text")).and_then(Value::as_str);
                if let Some(text) = text {
                    let index = number(&event, "index");
                    pieces.push((Channel { kind: hash("text"), index, part: 0 }, text.to_owned()));
                }
                Some(Dialect::Anthropic)
            }
            Some("message_start" | "message_delta" | "message_stop" | "content_block_stop") => Some(Dialect::Anthropic),
            _ => None,
        }
    };
    pieces.retain(|(_, text)| !text.is_empty());
    Deltas { dialect, pieces }
}

fn read_choice(choice: &Value, place: u64, pieces: &mut Vec<(Channel, String)>) {
    let index = choice.get("index").and_then(Value::as_u64).unwrap_or(place);
    let mut piece = |name: &str, part: u64, text: Option<&Value>| {
        if let Some(text) = text.and_then(Value::as_str) {
            pieces.push((Channel { kind: hash(name), index, part }, text.to_owned()));
        }
    };
    piece("content", 0, choice.get("text"));
    let Some(delta) = choice.get("delta") else { return };
    // Reasoning has no name that all agree on.
    for name in ["content", "refusal", "reasoning_content", "reasoning"] {
        piece(name, 0, delta.get(name));
    }
    piece("arguments", u64::MAX, delta.get("function_call").and_then(|call| call.get("arguments")));
    if let Some(Value::Array(calls)) = delta.get("tool_calls") {
        for (at, call) in calls.iter().enumerate() {
            let part = call.get("index").and_then(Value::as_u64).unwrap_or(at as u64);
            piece("arguments", part, call.get("function").and_then(|function| function.get("arguments")));
        }
    }
}

fn number(event: &serde_json::Map<String, Value>, name: &str) -> u64 {
    event.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// FNV-1a, 64 bits.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Dialect {
    /// An event by which this provider reports that something went wrong in the middle of a stream: its SDK raises an error,
    /// and does not ask again for an answer that was paid for.
    #[must_use]
    pub fn error_event(self, code: &str, message: &str, request_id: &str) -> Vec<u8> {
        let (kind, param) = ("pipelock_blocked", Value::Null);
        let error = serde_json::json!({
            "type": kind, "code": code, "message": message, "param": param, "request_id": request_id,
        });
        match self {
            Self::OpenAiChat => format!("data: {}\n\n", serde_json::json!({ "error": error })),
            Self::OpenAiResponses => {
                // Some readers look for the members of an error event, others for the object `error`.
                let event = serde_json::json!({
                    "type": "error", "code": code, "message": message, "param": param, "error": error,
                });
                format!("event: error\ndata: {event}\n\n")
            }
            Self::Anthropic => {
                format!("event: error\ndata: {}\n\n", serde_json::json!({ "type": "error", "error": error }))
            }
        }
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(events: &[&str]) -> Vec<String> {
        let mut texts: Vec<(Channel, String)> = Vec::new();
        for event in events {
            for (channel, piece) in read(event.as_bytes()).pieces {
                match texts.iter_mut().find(|(known, _)| *known == channel) {
                    Some((_, text)) => text.push_str(&piece),
                    None => texts.push((channel, piece)),
                }
            }
        }
        texts.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn pieces_of_each_provider_are_joined_by_channel() {
        for (dialect, events, texts) in [
            (
                Dialect::OpenAiChat,
                vec![
                    r#"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
                    r#"{"choices":[{"index":0,"delta":{"content":"ig"}},{"index":1,"delta":{"content":"other"}}]}"#,
                    r#"{"choices":[{"index":1,"delta":{"content":" one"}},{"index":0,"delta":{"content":"nore"}}]}"#,
                    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"name":"f","arguments":"{\"a\""}}]}}]}"#,
                    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":":1}"}}]}}]}"#,
                    r#"{"choices":[],"usage":{"total_tokens":3}}"#,
                ],
                vec!["ignore", "other one", "{\"a\":1}"],
            ),
            (
                Dialect::OpenAiResponses,
                vec![
                    r#"{"type":"response.created","response":{"id":"r"}}"#,
                    r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"one "}"#,
                    r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{"}"#,
                    r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"two"}"#,
                    r#"{"type":"response.output_audio.delta","output_index":0,"delta":"AAAA"}"#,
                ],
                vec!["one two", "{"],
            ),
            (
                Dialect::Anthropic,
                vec![
                    r#"{"type":"message_start","message":{"id":"m"}}"#,
                    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a"}}"#,
                    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}"#,
                    r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
                    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"c"}}"#,
                    r#"{"type":"content_block_delta","index":2,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
                    r#"{"type":"content_block_delta","index":2,"delta":{"type":"signature_delta","signature":"xyz"}}"#,
                ],
                vec!["abc", "{}", "hm"],
            ),
        ] {
            assert_eq!(joined(&events), texts, "{dialect:?}");
            for event in events {
                assert_eq!(read(event.as_bytes()).dialect, Some(dialect), "{event}");
            }
        }
    }

    #[test]
    fn other_data_is_no_providers() {
        for data in
            ["", "[DONE]", "[1]", "{\"a\":1}", "{\"type\":\"ping\"}", "{\"jsonrpc\":\"2.0\"}", "{\"choices\":3}", "{"]
        {
            assert_eq!(read(data.as_bytes()), Deltas::default(), "{data}");
        }
    }

    #[test]
    fn an_error_event_is_one_event_whose_data_is_an_error() {
        for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic] {
            let event = dialect.error_event("injection", "blocked: \"x\"\n", "id-1");
            let mut seen = Vec::new();
            crate::http::sse::Parser::new(4096).push(&event, |event| seen.push(event.data.to_vec())).unwrap();
            let [data] = &seen[..] else { panic!("one event") };
            let data: Value = serde_json::from_slice(data).unwrap();
            assert_eq!(data["error"]["message"], "blocked: \"x\"\n");
        }
    }
}

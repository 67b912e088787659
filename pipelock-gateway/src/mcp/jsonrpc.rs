//! Reads JSON-RPC 2.0 messages strictly: what two parsers could read differently is refused, so that what is judged is what
//! the server behind us reads.
//!
//! Pure. Refused are duplicate keys (also such that differ in case only, where a server's parser may not tell them apart),
//! text that is no UTF-8, more than 64 levels, ids other than strings and whole numbers, messages that are two kinds at once.
//! The bytes go on as they came; only the value read from them is judged.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Levels of arrays and objects. Deepest that a tool schema in the wild has is about 20 (gateway.md §13.2).
const MAX_DEPTH: usize = 64;
/// Messages of a batch.
const MAX_BATCH: usize = 1000;
/// Keys that decide what a message is. Parsers that ignore case would take `Method` for `method`.
const DECISIVE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// Why bytes are no message that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// Not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// Not JSON.
    #[error("not JSON")]
    Json,
    /// An object has a key twice.
    #[error("an object has a key twice")]
    DuplicateKey,
    /// More levels than [`MAX_DEPTH`].
    #[error("nested deeper than 64 levels")]
    Depth,
    /// Neither object nor array of objects.
    #[error("not a JSON-RPC message")]
    NotAMessage,
    /// A batch that is empty or has too many messages.
    #[error("not a batch of 1 to 1000 messages")]
    Batch,
    /// `id` is neither string nor whole number.
    #[error("id is neither string nor whole number")]
    Id,
}

impl Malformed {
    /// The JSON-RPC error code for it (JSON-RPC 2.0 §5.1).
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Utf8 | Self::Json => -32700,
            Self::DuplicateKey | Self::Depth | Self::NotAMessage | Self::Batch | Self::Id => -32600,
        }
    }
}

/// An id as it was written: a string, a whole number, or null, which servers treat as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    /// `null`.
    Null,
    /// A whole number.
    Number(Number),
    /// Text.
    Text(String),
}

impl Id {
    pub(super) fn read(value: &Value) -> Result<Self, Malformed> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Number(number) if number.is_i64() || number.is_u64() => Ok(Self::Number(number.clone())),
            Value::String(text) => Ok(Self::Text(text.clone())),
            _ => Err(Malformed::Id),
        }
    }

    /// The JSON of it.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
        }
    }
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Wants an answer.
    Request { id: Id, method: String },
    /// Wants none.
    Notification { method: String },
    /// Is one. `id` is missing from errors about messages that could not be read.
    Response { id: Option<Id> },
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) value: Value,
}

impl Message {
    fn read(value: Value) -> Result<Self, Malformed> {
        let Value::Object(members) = &value else { return Err(Malformed::NotAMessage) };
        for key in members.keys() {
            if DECISIVE.iter().any(|known| key != known && key.eq_ignore_ascii_case(known)) {
                return Err(Malformed::DuplicateKey);
            }
        }
        if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(Malformed::NotAMessage);
        }
        let id = members.get("id").map(Id::read).transpose()?;
        let answers = members.contains_key("result") || members.contains_key("error");
        let kind = match (members.get("method"), id, answers) {
            (Some(Value::String(method)), Some(id), false) => Kind::Request { id, method: method.clone() },
            (Some(Value::String(method)), None, false) => Kind::Notification { method: method.clone() },
            (None, id, true) => Kind::Response { id },
            _ => return Err(Malformed::NotAMessage),
        };
        Ok(Self { kind, value })
    }

    /// The method of a request or notification.
    pub(crate) fn method(&self) -> Option<&str> {
        match &self.kind {
            Kind::Request { method, .. } | Kind::Notification { method } => Some(method),
            Kind::Response { .. } => None,
        }
    }

    /// The id of a request.
    pub(crate) fn request_id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Request { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The tool that a `tools/call` names.
    pub(crate) fn tool(&self) -> Option<&str> {
        if self.method() != Some("tools/call") {
            return None;
        }
        self.value.pointer("/params/name").and_then(Value::as_str)
    }

    /// Whether it lists tools, by its shape: on a stream nobody says which question it answers.
    pub(crate) fn lists_tools(&self) -> bool {
        self.value.pointer("/result/tools").is_some_and(Value::is_array)
    }
}

/// What a body holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// A message.
    One(Box<Message>),
    /// Messages in an array (revision 2025-03-26).
    Batch(Vec<Message>),
}

impl Content {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it, never any of it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        match value(bytes)? {
            Value::Array(items) if (1..=MAX_BATCH).contains(&items.len()) => {
                items.into_iter().map(Message::read).collect::<Result<_, _>>().map(Self::Batch)
            }
            Value::Array(_) => Err(Malformed::Batch),
            value => Message::read(value).map(|message| Self::One(Box::new(message))),
        }
    }

    /// The messages.
    pub(crate) fn messages(&self) -> &[Message] {
        match self {
            Self::One(message) => std::slice::from_ref(&**message),
            Self::Batch(messages) => messages,
        }
    }
}

/// Reads one JSON text strictly.
///
/// # Errors
/// As [`Content::read`].
pub(crate) fn value(bytes: &[u8]) -> Result<Value, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Utf8)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut fault = None;
    let read = Strict { depth: 0, fault: &mut fault }.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|_| fault.unwrap_or(Malformed::Json))
}

/// Builds a [`Value`] and notes why it stopped.
struct Strict<'a> {
    depth: usize,
    fault: &'a mut Option<Malformed>,
}

impl Strict<'_> {
    fn deeper(&mut self) -> Strict<'_> {
        Strict { depth: self.depth + 1, fault: self.fault }
    }

    fn stop<T, E: de::Error>(&mut self, fault: Malformed) -> Result<T, E> {
        *self.fault = Some(fault);
        Err(E::custom(fault))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        if self.depth >= MAX_DEPTH {
            return self.stop(Malformed::Depth);
        }
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper())? {
            read.push(item);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        if self.depth >= MAX_DEPTH {
            return self.stop(Malformed::Depth);
        }
        let mut read = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let member = members.next_value_seed(self.deeper())?;
            if read.insert(key, member).is_some() {
                return self.stop(Malformed::DuplicateKey);
            }
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Result<Kind, Malformed> {
        Content::read(text.as_bytes()).map(|content| content.messages().first().unwrap().kind.clone())
    }

    #[test]
    fn messages_are_told_apart() {
        let text = |text: &str| Id::Text(text.to_owned());
        for (json, kind) in [
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
                Kind::Request { id: Id::Number(1.into()), method: "ping".into() },
            ),
            (r#"{"jsonrpc":"2.0","id":"1","method":"ping"}"#, Kind::Request { id: text("1"), method: "ping".into() }),
            (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, Kind::Request { id: Id::Null, method: "x".into() }),
            (r#" {"jsonrpc":"2.0","method":"x"} "#, Kind::Notification { method: "x".into() }),
            (r#"{"jsonrpc":"2.0","id":-7,"result":{}}"#, Kind::Response { id: Some(Id::Number((-7).into())) }),
            (r#"{"jsonrpc":"2.0","error":{}}"#, Kind::Response { id: None }),
            (r#"{"jsonrpc":"2.0","id":"a\u0062","result":null}"#, Kind::Response { id: Some(text("ab")) }),
        ] {
            assert_eq!(one(json), Ok(kind), "{json}");
        }
    }

    #[test]
    fn what_parsers_could_read_differently_is_refused() {
        let deep = |levels: usize| {
            let (open, shut) = ("[".repeat(levels), "]".repeat(levels));
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{open}{shut}}}"#)
        };
        assert!(one(&deep(63)).is_ok());
        for (json, why) in [
            (deep(64), Malformed::Depth),
            (deep(10_000), Malformed::Depth),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#.into(), Malformed::DuplicateKey),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","m\u0065thod":"b"}"#.into(), Malformed::DuplicateKey),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"n":{"k":1,"k":1}}}"#.into(), Malformed::DuplicateKey),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}"#.into(), Malformed::DuplicateKey),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#.into(), Malformed::NotAMessage),
            (r#"{"jsonrpc":"2.0","id":1}"#.into(), Malformed::NotAMessage),
            (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#.into(), Malformed::NotAMessage),
            (r#"{"id":1,"method":"a"}"#.into(), Malformed::NotAMessage),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#.into(), Malformed::Id),
            (r#"{"jsonrpc":"2.0","id":1e2,"method":"a"}"#.into(), Malformed::Id),
            (r#"{"jsonrpc":"2.0","id":98765432109876543210,"method":"a"}"#.into(), Malformed::Id),
            (r#"{"jsonrpc":"2.0","id":true,"method":"a"}"#.into(), Malformed::Id),
            (r#"{"jsonrpc":"2.0","id":[1],"method":"a"}"#.into(), Malformed::Id),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#.into(), Malformed::NotAMessage),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a"} x"#.into(), Malformed::Json),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a"}{"jsonrpc":"2.0"}"#.into(), Malformed::Json),
            (r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#.into(), Malformed::Json),
            ("\u{feff}{}".into(), Malformed::Json),
            ("null".into(), Malformed::NotAMessage),
            ("7".into(), Malformed::NotAMessage),
            ("[]".into(), Malformed::Batch),
            ("[[]]".into(), Malformed::NotAMessage),
            (String::new(), Malformed::Json),
        ] {
            assert_eq!(one(&json), Err(why), "{json:.80}");
        }
        assert_eq!(Content::read(b"{\"a\":\"\xff\"}"), Err(Malformed::Utf8));
        assert_eq!(Content::read(b"{\"a\":\"\xed\xa0\x80\"}"), Err(Malformed::Utf8));
    }

    #[test]
    fn a_batch_is_read_in_order() {
        let batch =
            br#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}},{"jsonrpc":"2.0","method":"b"}]"#;
        let content = Content::read(batch).unwrap();
        let methods: Vec<_> = content.messages().iter().map(|message| message.method().unwrap()).collect();
        assert_eq!(methods, ["tools/call", "b"]);
        assert_eq!(content.messages().first().unwrap().tool(), Some("a"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Content::read(&bytes);
        }

        /// What we read is what `serde_json` reads, wherever we read at all.
        #[test]
        fn the_strict_reading_is_the_ordinary_one(text in r#"[\[\]{}:,"0-9a-c\\u. etrufalsn-]{0,60}"#) {
            if let Ok(read) = value(text.as_bytes()) {
                prop_assert_eq!(read, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}

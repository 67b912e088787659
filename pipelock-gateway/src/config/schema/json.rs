//! The tables as a JSON Schema (draft 2020-12), for editors.

use serde_json::{Map, Value, json};

use super::{Effect, Key, Kind, top_level};

/// The schema of the whole file, with a line feed at the end.
#[must_use]
pub fn json_schema() -> String {
    let mut schema = map(top_level());
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("title".to_owned(), json!("pipelock.yaml"));
    }
    // Serialising a value cannot fail.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

fn map(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    // A null is as good as no key, everywhere.
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut schema = kind(key.kind);
    let note = match key.effect {
        Effect::InForce => String::new(),
        Effect::NotYet(instead) => format!(" Not in force yet: {instead}."),
        Effect::Never(why) => format!(" No effect here: {why}."),
    };
    if let Value::Object(members) = &mut schema {
        members.insert("description".to_owned(), json!(format!("{}{note}", key.doc)));
        if let Ok(default) = serde_json::from_str::<Value>(key.default) {
            members.insert("default".to_owned(), default);
        } else if !key.default.is_empty() {
            members.insert("default".to_owned(), json!(key.default));
        }
    }
    schema
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Bool => json!({ "type": ["boolean", "null"] }),
        Kind::Count(least, u64::MAX) => json!({ "type": ["integer", "null"], "minimum": least }),
        Kind::Count(least, most) => json!({ "type": ["integer", "null"], "minimum": least, "maximum": most }),
        Kind::Number(least, f64::MAX) => json!({ "type": ["number", "null"], "exclusiveMinimum": least }),
        Kind::Number(least, most) => json!({ "type": ["number", "null"], "exclusiveMinimum": least, "maximum": most }),
        Kind::Words(words) => {
            let words: Vec<Value> = words.iter().map(|word| json!(word)).chain([Value::Null]).collect();
            json!({ "enum": words })
        }
        Kind::Duration => {
            json!({ "type": ["string", "null"], "pattern": "^\\+?(\\d+(\\.\\d*)?|\\.\\d+)(h|m|s|ms|us|µs|ns)" })
        }
        Kind::Listen => json!({ "type": ["string", "null"], "pattern": ":\\d+$" }),
        Kind::Regex => json!({ "type": "string", "format": "regex" }),
        Kind::Text | Kind::Path | Kind::Host | Kind::Network => json!({ "type": ["string", "null"] }),
        Kind::List(of) => json!({ "type": ["array", "null"], "items": self::kind(*of) }),
        Kind::TextOrList => json!({ "type": ["string", "array", "null"], "items": { "type": "string" } }),
        Kind::WordOrList(word) => {
            json!({ "oneOf": [{ "const": word }, { "type": "array", "items": { "type": "string" } }] })
        }
        Kind::Named(of) => json!({ "type": ["object", "null"], "additionalProperties": self::kind(*of) }),
        Kind::Map(keys) => map(keys),
        Kind::Any => json!({}),
    }
}

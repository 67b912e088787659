//! Files inside calls: their text is judged as what it is, not as megabytes of base64.
//!
//! Only for the tools that are configured as uploads. A file that is no text (a PDF, a picture) is not looked into: nothing in
//! it is read by a model on the way, and patterns in compressed bytes are noise.

use serde_json::{Map, Value};

use super::era::base64;

/// Strings from here on are taken for files; shorter ones are judged as they stand.
const SMALLEST: usize = 4096;
/// Bytes of a file that say whether it is text.
const LOOKED_AT: usize = 64 << 10;

/// The call with its files taken out, and the text of those that are text. `None` when there is no file in it.
pub(super) fn lift(message: &Value) -> Option<(Value, Vec<Vec<u8>>)> {
    let arguments = message.pointer("/params/arguments")?.as_object()?;
    let mut files = Vec::new();
    let mut kept = Map::new();
    for (name, value) in arguments {
        match value.as_str().and_then(file) {
            Some(file) => {
                kept.insert(name.clone(), Value::String(String::new()));
                files.push(file);
            }
            None => drop(kept.insert(name.clone(), value.clone())),
        }
    }
    if files.is_empty() {
        return None;
    }
    files.retain(|file| is_text(file));
    let without = |from: &Value, key: &str, instead: Value| {
        let members = from.as_object().into_iter().flatten();
        let others = members.filter(|(name, _)| *name != key).map(|(name, value)| (name.clone(), value.clone()));
        Value::Object(others.chain([(key.to_owned(), instead)]).collect())
    };
    let params = without(message.get("params")?, "arguments", Value::Object(kept));
    Some((without(message, "params", params), files))
}

/// The file in an argument, if there is one.
pub(super) fn file(argument: &str) -> Option<Vec<u8>> {
    if argument.len() >= SMALLEST { base64(argument.as_bytes()) } else { None }
}

/// Whether a file is text.
pub(super) fn is_text(file: &[u8]) -> bool {
    let start = file.get(..LOOKED_AT.min(file.len())).unwrap_or_default();
    let utf16 = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    let known = [&b"%PDF-"[..], b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff"];
    // Statements in Latin-1 are text, too: only control characters tell.
    utf16
        || (!known.iter().any(|magic| start.starts_with(magic))
            && !start.iter().any(|byte| matches!(byte, 0..=8 | 14..=26)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_lifted_and_only_text_is_kept() {
        let call = |content: &str| json!({"id": 1, "method": "tools/call", "params": {"name": "u", "arguments": {"filename": "a", "c": content}}});
        let text = "QUFB".repeat(2000);
        let (rest, files) = lift(&call(&text)).unwrap();
        assert_eq!(files, [b"AAA".repeat(2000)]);
        assert_eq!(rest, call(""));
        let pdf = format!("JVBERi0x{}", "QUFB".repeat(2000));
        assert_eq!(lift(&call(&pdf)).unwrap().1, Vec::<Vec<u8>>::new());
        assert_eq!(lift(&call("QUFB")), None);
        assert_eq!(lift(&call(&"not base64! ".repeat(1000))), None);
    }
}

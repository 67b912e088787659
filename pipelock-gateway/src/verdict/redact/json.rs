//! Reads JSON strictly (RFC 8259) and says where its strings and scalars stand; nothing is converted.
//!
//! An object with a key twice is refused: a reader that takes the other one would read what was not looked at. No recursion, so
//! that depth costs memory and never the stack.

use std::collections::HashSet;
use std::ops::Range;

use super::Unredactable;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// The name of a member.
    Key,
    /// A string.
    Text,
    /// A number, `true`, `false` or `null`.
    Scalar,
}

/// A string, with its quotes, or a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) kind: TokenKind,
}

/// An open array, or an open object with the keys it has had.
enum Open {
    Array,
    Object(HashSet<Vec<u8>>),
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// In an array that may be empty.
    ValueOrEnd,
    Key,
    /// In an object that may be empty.
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// The tokens of a document, in order.
pub(super) fn tokens(body: &[u8], max_depth: usize) -> Result<Vec<Token>, Unredactable> {
    // Everything else is ASCII, or inside of strings.
    std::str::from_utf8(body).map_err(|_| Unredactable::NotJson)?;
    let mut tokens = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut next = Next::Value;
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        let after_value = |open: &[Open]| if open.is_empty() { Next::Nothing } else { Next::CommaOrEnd };
        match (byte, next) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => at += 1,
            (b'{' | b'[', Next::Value | Next::ValueOrEnd) => {
                if open.len() >= max_depth {
                    return Err(Unredactable::TooDeep);
                }
                let object = byte == b'{';
                open.push(if object { Open::Object(HashSet::new()) } else { Open::Array });
                next = if object { Next::KeyOrEnd } else { Next::ValueOrEnd };
                at += 1;
            }
            (b'}', Next::KeyOrEnd | Next::CommaOrEnd) if matches!(open.last(), Some(Open::Object(_))) => {
                open.pop();
                next = after_value(&open);
                at += 1;
            }
            (b']', Next::ValueOrEnd | Next::CommaOrEnd) if matches!(open.last(), Some(Open::Array)) => {
                open.pop();
                next = after_value(&open);
                at += 1;
            }
            (b',', Next::CommaOrEnd) => {
                next = if matches!(open.last(), Some(Open::Object(_))) { Next::Key } else { Next::Value };
                at += 1;
            }
            (b':', Next::Colon) => {
                next = Next::Value;
                at += 1;
            }
            (b'"', Next::Key | Next::KeyOrEnd) => {
                let span = string(body, at)?;
                let Some(Open::Object(keys)) = open.last_mut() else { return Err(Unredactable::NotJson) };
                if !keys.insert(decoded(body.get(span.clone()).unwrap_or_default())) {
                    return Err(Unredactable::DuplicateKey);
                }
                at = span.end;
                tokens.push(Token { span, kind: TokenKind::Key });
                next = Next::Colon;
            }
            (b'"', Next::Value | Next::ValueOrEnd) => {
                let span = string(body, at)?;
                at = span.end;
                tokens.push(Token { span, kind: TokenKind::Text });
                next = after_value(&open);
            }
            (_, Next::Value | Next::ValueOrEnd) => {
                let rest = body.get(at..).unwrap_or_default();
                let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
                let span = at..at + len.count();
                let scalar = body.get(span.clone()).unwrap_or_default();
                // Numbers have a grammar of their own; the parser that knows it keeps what it cannot hold as text.
                if serde_json::from_slice::<&serde_json::value::RawValue>(scalar).is_err() {
                    return Err(Unredactable::NotJson);
                }
                at = span.end;
                tokens.push(Token { span, kind: TokenKind::Scalar });
                next = after_value(&open);
            }
            _ => return Err(Unredactable::NotJson),
        }
    }
    if next == Next::Nothing { Ok(tokens) } else { Err(Unredactable::NotJson) }
}

/// The string that begins here, quotes included.
fn string(body: &[u8], start: usize) -> Result<Range<usize>, Unredactable> {
    let mut at = start + 1;
    loop {
        match body.get(at).ok_or(Unredactable::NotJson)? {
            b'"' => return Ok(start..at + 1),
            b'\\' => {
                let escape = body.get(at + 1).ok_or(Unredactable::NotJson)?;
                at += match escape {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                    b'u' => {
                        let digits = body.get(at + 2..at + 6).ok_or(Unredactable::NotJson)?;
                        if !digits.iter().all(u8::is_ascii_hexdigit) {
                            return Err(Unredactable::NotJson);
                        }
                        6
                    }
                    _ => return Err(Unredactable::NotJson),
                };
            }
            0..0x20 => return Err(Unredactable::NotJson),
            _ => at += 1,
        }
    }
}

/// Whether these bytes are one whole string.
pub(super) fn is_string(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'"')
        && std::str::from_utf8(bytes).is_ok()
        && string(bytes, 0).is_ok_and(|span| span.end == bytes.len())
}

/// A string's text, quotes and escapes undone; one that is no Unicode (a lone surrogate) as it is written.
pub(super) fn text(raw: &[u8]) -> Option<String> {
    serde_json::from_slice(raw).ok()
}

fn decoded(raw: &[u8]) -> Vec<u8> {
    text(raw).map_or_else(|| raw.to_vec(), String::into_bytes)
}

//! Replaces parts of a body by typed placeholders: `<pl:CLASS:N>`, where the same value has the same number. Pure.
//!
//! In JSON the result is JSON again, whatever the parts cut through: inside of a string a part is replaced where it stands, and
//! the whole value where that would break an escape; a number becomes a string. What is not touched stays byte for byte as it
//! was. Whether enough was replaced is not decided here: who asks has the result judged again.

mod classes;
mod json;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;

pub use classes::{Dictionary, Limits, Redactor};
use json::{Token, TokenKind};

/// Deepest JSON that is rewritten by what was found in it; the scanner reads no deeper.
const MAX_DEPTH: usize = 512;

/// A part that must go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where, in the bytes of the body.
    pub span: Range<usize>,
    /// What it is called in the placeholder.
    pub class: String,
}

/// How much around a mark goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Part,
    /// The value it stands in; in what is no JSON, the lines.
    Whole,
}

/// How a placeholder is written outside of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As it is.
    Text,
    /// With percent signs, as in `application/x-www-form-urlencoded`.
    Form,
}

/// Why a body cannot be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unredactable {
    /// It is larger than allowed.
    #[error("the body is larger than redaction.limits.max_body_bytes")]
    TooLarge,
    /// It is not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// An object has a key twice: which one counts is up to its reader.
    #[error("an object has a key twice")]
    DuplicateKey,
    /// It is nested too deeply.
    #[error("the body is nested too deeply")]
    TooDeep,
    /// There is too much to replace.
    #[error("there is more to replace than redaction.limits.max_redactions_per_request")]
    TooMany,
}

/// The placeholders of one message.
#[derive(Debug, Default)]
pub struct Placeholders {
    known: HashMap<(String, Vec<u8>), usize>,
    last: HashMap<String, usize>,
    given: usize,
}

impl Placeholders {
    /// How many values were replaced, each as often as it stood there.
    #[must_use]
    pub fn given(&self) -> usize {
        self.given
    }

    fn of(&mut self, class: &str, value: &[u8]) -> String {
        self.given += 1;
        let number = *self.known.entry((class.to_owned(), value.to_vec())).or_insert_with(|| {
            let last = self.last.entry(class.to_owned()).or_default();
            *last += 1;
            *last
        });
        format!("<pl:{class}:{number}>")
    }
}

impl Drop for Placeholders {
    /// The keys are the very values that must not leave.
    fn drop(&mut self) {
        for ((_, mut value), _) in self.known.drain() {
            zeroize::Zeroize::zeroize(&mut value);
        }
    }
}

/// A rule's name as a class: `GitHub Token` is `github-token`.
#[must_use]
pub fn class_of(rule: &str) -> String {
    let words = rule.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let class = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    if class.is_empty() { "value".to_owned() } else { class }
}

/// Replaces the marked parts.
#[must_use]
pub fn replace(
    body: &[u8],
    shape: Shape,
    reach: Reach,
    mut marks: Vec<Mark>,
    placeholders: &mut Placeholders,
) -> Vec<u8> {
    marks.retain(|mark| mark.span.start < mark.span.end && mark.span.end <= body.len());
    if let Ok(tokens) = json::tokens(body, MAX_DEPTH) {
        return in_json(body, &tokens, reach, &united(marks), placeholders);
    }
    if reach == Reach::Whole {
        for mark in &mut marks {
            mark.span = lines_around(body, &mark.span);
        }
    }
    let mut out = Vec::with_capacity(body.len());
    let mut done = 0;
    for mark in united(marks) {
        out.extend_from_slice(body.get(done..mark.span.start).unwrap_or_default());
        let value = body.get(mark.span.clone()).unwrap_or_default();
        let placeholder = placeholders.of(&mark.class, value);
        match shape {
            Shape::Text => out.extend_from_slice(placeholder.as_bytes()),
            Shape::Form => out
                .extend_from_slice(placeholder.replace('<', "%3C").replace(':', "%3A").replace('>', "%3E").as_bytes()),
        }
        done = mark.span.end;
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    out
}

/// In order, those that overlap as one, called as the first.
fn united(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by_key(|mark| (mark.span.start, std::cmp::Reverse(mark.span.end)));
    let mut united: Vec<Mark> = Vec::with_capacity(marks.len());
    for mark in marks {
        match united.last_mut() {
            Some(last) if mark.span.start < last.span.end => last.span.end = last.span.end.max(mark.span.end),
            _ => united.push(mark),
        }
    }
    united
}

fn lines_around(body: &[u8], span: &Range<usize>) -> Range<usize> {
    let before = body.get(..span.start).unwrap_or_default();
    let behind = body.get(span.end..).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\n', behind).map_or(body.len(), |at| span.end + at);
    start..end
}

fn in_json(body: &[u8], tokens: &[Token], reach: Reach, marks: &[Mark], placeholders: &mut Placeholders) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut done = 0;
    let mut first = 0;
    for token in tokens {
        while marks.get(first).is_some_and(|mark| mark.span.end <= token.span.start) {
            first += 1;
        }
        let rest = marks.get(first..).unwrap_or_default();
        let over = rest.iter().take_while(|mark| mark.span.start < token.span.end);
        // A part that begins in a name and ends in its value says what the value is: the name stays.
        let over: Vec<&Mark> =
            over.filter(|mark| token.kind != TokenKind::Key || mark.span.end <= token.span.end).collect();
        // Where the whole text goes, a part reaches no further than what it says, and numbers say nothing.
        if reach == Reach::Whole && token.kind == TokenKind::Scalar {
            continue;
        }
        if over.is_empty() {
            continue;
        }
        out.extend_from_slice(body.get(done..token.span.start).unwrap_or_default());
        let raw = body.get(token.span.clone()).unwrap_or_default();
        out.extend_from_slice(&in_token(raw, token, reach, &over, placeholders));
        done = token.span.end;
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    out
}

/// A token with its marked parts replaced.
fn in_token(raw: &[u8], token: &Token, reach: Reach, over: &[&Mark], placeholders: &mut Placeholders) -> Vec<u8> {
    let inside = token.span.start + 1..token.span.end.saturating_sub(1);
    let fits = |mark: &&Mark| inside.start <= mark.span.start && mark.span.end <= inside.end;
    let class = over.first().map_or("value", |mark| mark.class.as_str());
    if token.kind == TokenKind::Scalar || reach == Reach::Whole || !over.iter().all(fits) {
        return quoted(&placeholders.of(class, raw));
    }
    let spliced = |placeholder: &mut dyn FnMut(&str, &[u8]) -> String| {
        let mut out = Vec::with_capacity(raw.len());
        let mut done = 0;
        for mark in over {
            let part = mark.span.start - token.span.start..mark.span.end - token.span.start;
            out.extend_from_slice(raw.get(done..part.start).unwrap_or_default());
            let value = raw.get(part.clone()).unwrap_or_default();
            out.extend_from_slice(placeholder(&mark.class, value).as_bytes());
            done = part.end;
        }
        out.extend_from_slice(raw.get(done..).unwrap_or_default());
        out
    };
    // A part may begin or end inside of an escape.
    if json::is_string(&spliced(&mut |_, _| "x".to_owned())) {
        return spliced(&mut |class, value| placeholders.of(class, value));
    }
    quoted(&placeholders.of(class, raw))
}

/// Placeholders hold nothing that JSON would escape.
fn quoted(placeholder: &str) -> Vec<u8> {
    format!("\"{placeholder}\"").into_bytes()
}

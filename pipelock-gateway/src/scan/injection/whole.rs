//! A complete body judged at once: escapes undone, runs decoded, folded, and shown to [`super::judge`].
//!
//! For training, which asks for a verdict on every row under weights that are not in force; a stream gets the same and more
//! from its views, piece by piece.

use std::ops::Range;

use super::super::normalize::fold;
use super::classifier::Model;
use super::{Match, judge_squashed, judge_with, squash};
use crate::model::View;

/// Shortest run of an encoding's alphabet that is decoded.
const SHORTEST_RUN: usize = 24;
/// Runs decoded in one body.
const RUNS: usize = 256;

/// The folded text of a body: JSON escapes undone twice (JSON within JSON), HTML entities undone.
#[must_use]
pub fn folded_body(body: &[u8]) -> Vec<u8> {
    fold(&entities(&unescape(&unescape(body))))
}

/// Everything found in a body under some weights, and in which view.
pub(super) fn judge_body_with(model: Model<'_>, body: &[u8]) -> Vec<(View, Match)> {
    let judge = |folded: &[u8]| judge_with(model, folded);
    let text = entities(&unescape(&unescape(body)));
    let folded = fold(&text);
    let mut found = Vec::new();
    let mut add = |view: View, matches: Option<Vec<Match>>| {
        found.extend(matches.unwrap_or_default().into_iter().map(|one| (view, one)));
    };
    add(View::Folded, judge(&folded));
    if let Some(squashed) = squash(&folded) {
        add(View::Squashed, judge_squashed(&squashed));
    }
    for decoded in decoded_runs(&text) {
        add(View::Decoded, judge(&fold(&decoded)));
    }
    if text.contains(&b'%') {
        let undone = percent(&text);
        if undone.len() < text.len() {
            add(View::Percent, judge(&fold(&undone)));
        }
    }
    found
}

/// JSON string escapes undone wherever they stand.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escape = if byte == b'\\' { after.first() } else { None };
        let plain = match escape {
            Some(b'n' | b'r' | b't') => b'\n',
            Some(&other @ (b'"' | b'\\' | b'/')) => other,
            Some(b'u') => {
                if let Some((character, length)) = code_point(after) {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = after.get(length..).unwrap_or_default();
                    continue;
                }
                out.push(byte);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.push(plain);
        rest = after.get(1..).unwrap_or_default();
    }
    out
}

/// The character of `u0041` or of a surrogate pair, and the bytes it takes.
fn code_point(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(1)?;
    if (0xd800..0xdc00).contains(&first) && text.get(5..7) == Some(b"\\u") {
        let second = unit(7)?.checked_sub(0xdc00).filter(|&low| low < 0x400)?;
        return Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)?, 11));
    }
    Some((char::from_u32(first)?, 5))
}

/// The entities that any text of HTML needs, and numbered ones.
fn entities(text: &[u8]) -> Vec<u8> {
    const NAMED: &[(&[u8], u8)] =
        &[(b"lt;", b'<'), (b"gt;", b'>'), (b"amp;", b'&'), (b"quot;", b'"'), (b"apos;", b'\''), (b"nbsp;", b' ')];
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'&' {
            if let Some((name, character)) = NAMED.iter().find(|(name, _)| after.starts_with(name)) {
                out.push(*character);
                rest = after.get(name.len()..).unwrap_or_default();
                continue;
            }
            if let Some((character, length)) = numbered(after) {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after.get(length..).unwrap_or_default();
                continue;
            }
        }
        out.push(byte);
    }
    out
}

/// The character of `#39;` or `#x27;`, and the bytes it takes.
fn numbered(text: &[u8]) -> Option<(char, usize)> {
    let digits = text.strip_prefix(b"#")?;
    let end = digits.iter().take(9).position(|&byte| byte == b';')?;
    let number = std::str::from_utf8(digits.get(..end)?).ok()?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    Some((char::from_u32(code.ok()?)?, end + 2))
}

fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let decoded = (byte == b'%').then(|| after.get(..2).and_then(hex)).flatten();
        match decoded {
            Some(decoded) => {
                out.extend(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => out.push(byte),
        }
    }
    out
}

/// What runs of base64 and hex stand for, where that is text.
fn decoded_runs(text: &[u8]) -> Vec<Vec<u8>> {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let mut decoded = Vec::new();
    let mut start = 0;
    while start < text.len() && decoded.len() < RUNS {
        let run: Range<usize> = start
            ..text
                .get(start..)
                .unwrap_or_default()
                .iter()
                .position(|&byte| !alphabet(byte))
                .map_or(text.len(), |len| start + len);
        start = run.end + 1;
        let Some(run) = text.get(run).filter(|run| run.len() >= SHORTEST_RUN) else { continue };
        let readings = [hex(run), base64(run)];
        decoded.extend(readings.into_iter().flatten().filter(|reading| is_text(reading)));
    }
    decoded
}

fn hex(run: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    run.chunks_exact(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn base64(run: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let (mut bits, mut count, mut out) = (0u32, 0, Vec::with_capacity(run.len()));
    for &byte in run {
        bits = bits << 6 | u32::from(value(byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}

fn is_text(bytes: &[u8]) -> bool {
    let readable = bytes.iter().filter(|&&byte| byte == b'\n' || (0x20..0x7f).contains(&byte) || byte >= 0x80).count();
    readable * 10 >= bytes.len() * 9 && std::str::from_utf8(bytes).is_ok_and(|text| text.contains(' '))
}

//! Targets that break out: of their line with CR and LF, of their folder with `..`, plain or encoded once or twice.
//!
//! Encoded line breaks and single dots also occur in honest text (a message to be shared, a relative link). So what counts
//! is what they would do where they stand: a line break before something that reads as a header field, a step upwards that
//! no client would send, since clients resolve dot segments before they send (RFC 3986 §5.2.4).

use std::ops::Range;

use super::{CRLF, Parts, Shape, TRAVERSAL, pairs, pieces};
use crate::model::Severity;

/// Header fields that are worth forging, lower case: each changes what the next reader does.
const FORGED: &[&[u8]] = &[
    b"set-cookie",
    b"cookie",
    b"location",
    b"host",
    b"content-",
    b"transfer-encoding",
    b"access-control-",
    b"authorization",
    b"connection",
    b"refresh",
    b"x-",
];

/// Files that a climb is made for.
const TREASURES: &[&[u8]] = &[
    b"etc/passwd",
    b"etc/shadow",
    b"etc/hosts",
    b"win.ini",
    b"boot.ini",
    b"web.config",
    b"web-inf",
    b"proc/self",
    b".ssh",
    b".aws",
    b".env",
    b".git/",
    b"id_rsa",
    b"config/master.key",
    b"config/credentials",
];

/// How many rounds of percent-encoding are undone.
const ROUNDS: usize = 3;

/// Line breaks, raw or encoded. One finding for each target: the worst.
pub(super) fn line_breaks(target: &[u8], parts: &Parts, found: &mut Vec<Shape>) {
    let text = target.get(parts.all.clone()).unwrap_or_default();
    if let Some(at) = memchr::memchr2(b'\r', b'\n', text) {
        // A line break at the very end is how the line was handed over, not what it says.
        if !text.get(at..).unwrap_or_default().trim_ascii().is_empty() {
            let at = parts.all.start + at;
            found.push(Shape { rule: CRLF, severity: Severity::High, span: at..at + 1, encoded: false });
            return;
        }
    }
    let mut worst: Option<(Severity, Range<usize>)> = None;
    let mut at = parts.all.start;
    while let Some(step) = target.get(at..parts.all.end).and_then(|rest| memchr::memchr(b'%', rest)) {
        at += step;
        let Some(length) = encoded_break(target.get(at..parts.all.end).unwrap_or_default()) else {
            at += 1;
            continue;
        };
        let after = at + length;
        let forged = target.get(after..parts.all.end).and_then(forgery);
        let severity = forged.unwrap_or(if parts.query.contains(&at) { Severity::Low } else { Severity::Medium });
        if worst.as_ref().is_none_or(|(known, _)| severity > *known) {
            worst = Some((severity, at..after));
        }
        at = after;
    }
    found.extend(worst.map(|(severity, span)| Shape { rule: CRLF, severity, span, encoded: true }));
}

/// The length of `%0d`, `%0a`, `%250d`, `%25250a` and so on at the start of `text`.
fn encoded_break(text: &[u8]) -> Option<usize> {
    let mut rest = text.strip_prefix(b"%")?;
    for _ in 1..ROUNDS {
        rest = rest.strip_prefix(b"25").unwrap_or(rest);
    }
    match rest {
        [b'0', b'd' | b'D' | b'a' | b'A', ..] => Some(text.len() - rest.len() + 2),
        _ => None,
    }
}

/// What the text after a line break would be to the next reader: a header field or a whole request is a forgery.
fn forgery(text: &[u8]) -> Option<Severity> {
    let mut line = decoded(text.get(..96).unwrap_or(text));
    // The other half of CR LF, and blank lines before a forged body.
    let start = line.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
    line.drain(..start);
    line.make_ascii_lowercase();
    if line.starts_with(b"http/")
        || [b"get /".as_slice(), b"post /", b"put /"].iter().any(|verb| line.starts_with(verb))
    {
        return Some(Severity::High);
    }
    let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    if name == 0 || line.get(name) != Some(&b':') {
        return None;
    }
    Some(if FORGED.iter().any(|field| line.starts_with(field)) { Severity::High } else { Severity::Medium })
}

/// Dot segments in the path, and climbs in query values.
pub(super) fn traversal(target: &[u8], parts: &Parts, found: &mut Vec<Shape>) {
    let path = target.get(parts.path.clone()).unwrap_or_default();
    found.extend(climb(path, true).map(|(severity, encoded)| Shape {
        rule: TRAVERSAL,
        severity,
        span: parts.path.clone(),
        encoded,
    }));
    for (_, value) in pairs(target, parts.query.clone()) {
        let text = target.get(value.clone()).unwrap_or_default();
        if let Some((severity, encoded)) = climb(text, false) {
            found.push(Shape { rule: TRAVERSAL, severity, span: value, encoded });
            return;
        }
    }
}

/// How bad the steps upwards in `text` are, and whether they were encoded. In a path any is bad, since clients resolve
/// them; elsewhere one alone is a relative link.
fn climb(text: &[u8], is_path: bool) -> Option<(Severity, bool)> {
    memchr::memchr2(b'.', b'%', text)?;
    let plain = steps(text);
    let lowered = decoded(text).to_ascii_lowercase();
    let all = steps(&lowered);
    if all == 0 {
        return None;
    }
    let hidden = all > plain;
    let treasure = TREASURES.iter().any(|file| memchr::memmem::find(&lowered, file).is_some());
    let severity = match (is_path, hidden, all) {
        _ if treasure => Severity::High,
        (true, true, _) | (false, true, 3..) => Severity::High,
        (true, false, _) | (false, _, 2..) => Severity::Medium,
        (false, _, _) => return None,
    };
    Some((severity, hidden))
}

/// How many segments of `text` are `..`, in the spellings servers are known to take for it.
fn steps(text: &[u8]) -> usize {
    let is_step = |piece: &Range<usize>| {
        let piece = text.get(piece.clone()).unwrap_or_default();
        // `..;` is a segment with a parameter, which Java servers drop before they resolve it.
        piece == b".." || piece.starts_with(b"..;")
    };
    pieces(text, 0..text.len(), |byte| matches!(byte, b'/' | b'\\')).filter(is_step).count()
}

/// Percent-encoding undone, up to [`ROUNDS`] times, overlong dots and slashes included (CVE-2000-0884 and its heirs).
pub(super) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut current = text.to_vec();
    for _ in 0..ROUNDS {
        if memchr::memchr(b'%', &current).is_none() {
            break;
        }
        let next = undo(&current);
        if next.len() == current.len() {
            break;
        }
        current = next;
    }
    current
}

fn undo(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let [b'%', b'c' | b'C', b'0', b'%', b'a' | b'A', low, after @ ..] = rest
            && let Some(character) = match low {
                b'e' | b'E' => Some(b'.'),
                b'f' | b'F' => Some(b'/'),
                _ => None,
            }
        {
            out.push(character);
            rest = after;
            continue;
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        if let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            out.extend(u8::try_from(high << 4 | low));
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

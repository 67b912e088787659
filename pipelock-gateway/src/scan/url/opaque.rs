//! Parts of a target that look like cargo: long, random-looking, under no name that explains them.
//!
//! The thresholds are those of the reference (4.5 bits a character from 20 characters on in path and query, 4.0 from 8 on in
//! a label), and what they hit is *opaque*, not *bad*: an id, a signature and stolen bytes look the same. So one opaque part
//! is only written down (low), and a warning takes more of it than any honest id has. Hex never reaches 4.5 bits, which lets
//! hashes, UUIDs and wallet addresses pass by themselves.

use std::ops::Range;

use super::escape::decoded;
use super::{HOST_ENTROPY, PATH_ENTROPY, Parts, QUERY_ENTROPY, Shape, pairs, pieces};
use crate::model::Severity;

/// Bits a character from which text of a path or a query is opaque.
const TEXT_BITS: f64 = 4.5;
/// The fewest characters for which that can be said.
const TEXT_LEAST: usize = 20;
/// Bits a character from which a label is opaque.
const LABEL_BITS: f64 = 4.0;
/// The fewest characters for which that can be said: sixteen different ones are needed for four bits.
const LABEL_LEAST: usize = 16;
/// Opaque bytes in one value or segment that are a cargo. Session tokens, signatures of 2048 bit RSA and page cursors that
/// stand under no telling name stay below.
const CARGO: usize = 384;
/// Opaque bytes of one label, or of several together, that are a cargo. Ids that platforms put into host names are of 32.
const LABEL_CARGO: usize = 40;
const LABELS_CARGO: usize = 60;
/// An opaque text changes between capitals, small letters and digits at least once in so many characters. Words, also
/// camel-cased and hyphenated ones, do so less often.
const RESTLESS: usize = 4;

/// Platforms that name hosts after accounts or deployments, by the end of the name.
const PLATFORMS: &[&[u8]] = &[
    b".r2.cloudflarestorage.com",
    b".r2.dev",
    b".ingest.sentry.io",
    b".sentry.io",
    b".on.aws",
    b".amazonaws.com",
    b".cloudfront.net",
    b".run.app",
    b".googleusercontent.com",
    b".azurewebsites.net",
    b".azurecontainerapps.io",
    b".windows.net",
    b".supabase.co",
    b".vercel.app",
    b".pages.dev",
    b".workers.dev",
    b".herokuapp.com",
    b".fly.dev",
    b".onrender.com",
    b".netlify.app",
    b".onion",
];

/// Query names whose values are opaque by design, without dashes and underscores, lower case: signatures, cursors, one-time
/// codes, click ids.
const OPAQUE_BY_DESIGN: &[&[u8]] = &[
    b"sig",
    b"signature",
    b"sign",
    b"hmac",
    b"mac",
    b"policy",
    b"credential",
    b"cursor",
    b"continuation",
    b"continuationkey",
    b"continuationtoken",
    b"after",
    b"before",
    b"next",
    b"nexttoken",
    b"pagetoken",
    b"startingafter",
    b"endingbefore",
    b"synctoken",
    b"state",
    b"nonce",
    b"code",
    b"codechallenge",
    b"codeverifier",
    b"crumb",
    b"samlrequest",
    b"samlresponse",
    b"relaystate",
    b"idtoken",
    b"loginhint",
    b"request",
    b"assertion",
    b"gclid",
    b"fbclid",
    b"msclkid",
    b"tx",
    b"xpub",
    b"addresses",
    b"wallets",
];

/// Labels of the host.
pub(super) fn host(target: &[u8], parts: &Parts, found: &mut Vec<Shape>) {
    let name = target.get(parts.host.clone()).unwrap_or_default().to_ascii_lowercase();
    if name.len() < LABEL_LEAST || PLATFORMS.iter().any(|platform| name.ends_with(platform)) {
        return;
    }
    let (mut opaque, mut longest, mut labels) = (0, 0, 0);
    for label in pieces(&name, 0..name.len(), |byte| byte == b'.') {
        let label = name.get(label).unwrap_or_default();
        if is_opaque_label(label) {
            opaque += label.len();
            longest = longest.max(label.len());
            labels += 1;
        }
    }
    if labels == 0 {
        return;
    }
    let cargo = longest >= LABEL_CARGO || (labels > 1 && opaque >= LABELS_CARGO);
    let severity = if cargo { Severity::Medium } else { Severity::Low };
    found.push(Shape { rule: HOST_ENTROPY, severity, span: parts.host.clone(), encoded: false });
}

fn is_opaque_label(label: &[u8]) -> bool {
    if label.len() < LABEL_LEAST || label.starts_with(b"xn--") || is_identifier(label) {
        return false;
    }
    let hex = label.iter().all(u8::is_ascii_hexdigit);
    restless(label) && (entropy(label) >= LABEL_BITS || (hex && label.len() >= LABEL_CARGO))
}

/// Whole tokens of a known shape: MD5, SHA-1 and Git (32, 40 hex digits), UUIDs.
fn is_identifier(token: &[u8]) -> bool {
    let hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    match token.len() {
        32 | 40 | 64 => hex(token),
        36 => token.split(|byte| *byte == b'-').map(<[u8]>::len).eq([8, 4, 4, 4, 12]),
        _ => false,
    }
}

/// Segments of the path.
pub(super) fn path(target: &[u8], parts: &Parts, found: &mut Vec<Shape>) {
    let segments = pieces(target, parts.path.clone(), |byte| byte == b'/');
    found.extend(worst(PATH_ENTROPY, segments.map(|segment| (opaque_bytes(target, segment.clone()), segment))));
}

/// Values of the query.
pub(super) fn query(target: &[u8], parts: &Parts, found: &mut Vec<Shape>) {
    let values = pairs(target, parts.query.clone()).map(|(name, value)| {
        let name = target.get(name).unwrap_or_default();
        let opaque = if is_opaque_by_design(name) { 0 } else { opaque_bytes(target, value.clone()) };
        (opaque, value)
    });
    found.extend(worst(QUERY_ENTROPY, values));
}

/// One finding for the part that carries most.
fn worst(rule: &'static str, parts: impl Iterator<Item = (usize, Range<usize>)>) -> Option<Shape> {
    let (opaque, span) = parts.max_by_key(|(opaque, _)| *opaque).filter(|(opaque, _)| *opaque > 0)?;
    let severity = if opaque >= CARGO { Severity::Medium } else { Severity::Low };
    Some(Shape { rule, severity, span, encoded: false })
}

fn is_opaque_by_design(name: &[u8]) -> bool {
    let name: Vec<u8> =
        name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).take(64).collect();
    // Request signing of the object stores: AWS SigV4, Google, Azure.
    let signing = [b"xamz".as_slice(), b"xgoog", b"xms"].iter().any(|vendor| name.starts_with(vendor));
    signing || name.ends_with(b"id") || OPAQUE_BY_DESIGN.contains(&name.as_slice())
}

/// How many bytes of a part belong to opaque tokens, percent-encoding undone.
fn opaque_bytes(target: &[u8], part: Range<usize>) -> usize {
    let text = target.get(part).unwrap_or_default();
    if text.len() < TEXT_LEAST {
        return 0;
    }
    let text = decoded(text);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-~".contains(&byte);
    let tokens = text.split(|byte| !is_token(*byte));
    let opaque = |token: &&[u8]| token.len() >= TEXT_LEAST && restless(token) && entropy(token) >= TEXT_BITS;
    tokens.filter(opaque).map(<[u8]>::len).sum()
}

/// Whether capitals, small letters and digits alternate as they do in random text.
fn restless(token: &[u8]) -> bool {
    let class = |byte: &u8| match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    let changes = token.iter().zip(token.iter().skip(1)).filter(|(a, b)| class(a) != class(b)).count();
    changes * RESTLESS >= token.len()
}

/// Shannon entropy in bits a byte.
#[expect(clippy::cast_precision_loss, reason = "counts of bytes of one URL, far below 2^52")]
fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let all = text.len() as f64;
    let bits = |count: u32| {
        let share = f64::from(count) / all;
        -share * share.log2()
    };
    counts.into_iter().filter(|count| *count > 0).map(bits).sum()
}

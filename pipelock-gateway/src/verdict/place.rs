//! Where in a request's head a finding stands: which header field, which query parameter, or the path.
//!
//! Works on the bytes as they were shown to the scanner, so that the place is that of the finding's own span. A span that
//! belongs to two places belongs to none. Bodies have their own walk, [`crate::scan::Fields`], since they do not come in one
//! piece. Next: [`super::binding`] compares the place with those that a provider documents.

use std::ops::Range;

use crate::model::BodyPlace;

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// In the value of a header or trailer field.
    Header {
        /// The field's name as sent.
        name: &'a [u8],
        /// The first word of a value of several: what `Authorization` calls a scheme.
        scheme: Option<&'a [u8]>,
    },
    /// In a parameter of the query.
    Query(&'a [u8]),
    /// In the path; all of it, as sent.
    Path(&'a [u8]),
    /// In a member of the body.
    Body(&'a BodyPlace),
}

/// The place of a span in `METHOD TARGET`, as it was scanned: origin-form or absolute-form (RFC 9112 §3.2).
#[must_use]
pub fn in_target<'a>(line: &'a [u8], span: &Range<u64>) -> Option<Place<'a>> {
    let span = local(span)?;
    // No method, for those who have only a URL.
    let target = memchr::memchr(b' ', line).map_or(0, |blank| blank + 1);
    // Only a target that begins with a scheme has an authority; further on `://` is part of a value.
    let head = line.get(target..)?.split(|byte| b"/?".contains(byte)).next()?;
    let absolute = head.ends_with(b":") && line.get(target + head.len()..)?.starts_with(b"//");
    let authority = if absolute { target + head.len() + 2 } else { target };
    let rest = line.get(authority..)?;
    let ends = |mark: u8, from: usize| {
        memchr::memchr(mark, line.get(from..).unwrap_or_default()).map_or(line.len(), |at| from + at)
    };
    let path = authority + rest.iter().position(|byte| b"/?".contains(byte))?;
    let query = ends(b'?', path);
    if span.end <= query {
        return (span.start >= target).then_some(Place::Path(line.get(path..query)?));
    }
    let mut begin = query + 1;
    while begin <= span.start && begin <= line.len() {
        let end = ends(b'&', begin);
        if span.end <= end {
            let key = line.get(begin..end)?.split(|byte| *byte == b'=').next()?;
            return Some(Place::Query(key));
        }
        begin = end + 1;
    }
    None
}

/// The place of a span in fields as a message has them, each ended by CR LF.
#[must_use]
pub fn in_fields<'a>(block: &'a [u8], span: &Range<u64>) -> Option<Place<'a>> {
    let span = local(span)?;
    let begin = memchr::memrchr(b'\n', block.get(..span.start)?).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\r', block.get(begin..)?).map_or(block.len(), |at| begin + at);
    if span.end > end {
        return None;
    }
    let line = block.get(begin..end)?;
    let colon = memchr::memchr(b':', line)?;
    let value = line.get(colon + 1..)?.trim_ascii();
    let scheme = memchr::memchr(b' ', value).and_then(|blank| value.get(..blank));
    Some(Place::Header { name: line.get(..colon)?, scheme })
}

fn local(span: &Range<u64>) -> Option<Range<usize>> {
    Some(usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span_of(text: &str, part: &str) -> Range<u64> {
        let start = text.find(part).unwrap();
        start as u64..(start + part.len()) as u64
    }

    #[test]
    fn a_span_of_a_target_is_in_the_path_or_in_one_parameter() {
        for (line, part, place) in [
            ("GET /a/KEY/b?x=1", "KEY", Some(Place::Path(b"/a/KEY/b"))),
            ("GET /a?x=1&api_token=KEY&y=2", "KEY", Some(Place::Query(b"api_token"))),
            ("GET /a?x=1&api_token=KEY&y=2", "api_token=KEY", Some(Place::Query(b"api_token"))),
            ("GET /a?x=1&api_token=KEY&y=2", "KEY&y=2", None),
            ("GET /a?KEY", "KEY", Some(Place::Query(b"KEY"))),
            ("GET /a?x=KEY?=&b", "KEY?", Some(Place::Query(b"x"))),
            ("GET https://h.test/p?k=KEY", "KEY", Some(Place::Query(b"k"))),
            ("GET https://h.test/services/KEY", "https://h.test/services/KEY", Some(Place::Path(b"/services/KEY"))),
            ("https://h.test/p?k=KEY", "KEY", Some(Place::Query(b"k"))),
            ("GET https://KEY.test/p", "KEY", Some(Place::Path(b"/p"))),
            ("GET /botKEY/setWebhook?url=https://h.test/x", "KEY", Some(Place::Path(b"/botKEY/setWebhook"))),
            ("GET /bot1/send?text=KEY&u=://x/bot", "KEY", Some(Place::Query(b"text"))),
            ("GET /auth?redirect_uri=https://h.test/cb&k=KEY", "KEY", Some(Place::Query(b"k"))),
            ("KEY /p?k=v", "KEY", None),
            ("GET /p?k=v", "p?k=v", None),
            ("GET *", "*", None),
        ] {
            assert_eq!(in_target(line.as_bytes(), &span_of(line, part)), place, "{part} in {line}");
        }
    }

    #[test]
    fn a_span_of_fields_is_in_one_field() {
        let block = "Accept: */*\r\nAuthorization: Bearer KEY\r\nX-Api-Key: KEY2\r\nX-Bare:KEY3\r\n";
        let place = |part| in_fields(block.as_bytes(), &span_of(block, part));
        let header = |name: &'static str, scheme: Option<&'static str>| {
            Some(Place::Header { name: name.as_bytes(), scheme: scheme.map(str::as_bytes) })
        };
        assert_eq!(place("KEY\r"[..3].as_ref()), header("Authorization", Some("Bearer")));
        assert_eq!(place("KEY2"), header("X-Api-Key", None));
        assert_eq!(place("KEY3"), header("X-Bare", None));
        assert_eq!(place("Bearer KEY\r\nX-Api"), None);
        assert_eq!(in_fields(b"no colon", &(0..2)), None);
    }

    proptest! {
        #[test]
        fn no_text_and_no_span_panics(text in r"[ -~\r\n]{0,40}", start in 0u64..50, length in 0u64..20) {
            let _ = in_target(text.as_bytes(), &(start..start + length));
            let _ = in_fields(text.as_bytes(), &(start..start + length));
        }
    }
}

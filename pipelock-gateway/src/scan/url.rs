//! The shape of a request target: what a URL says by how it is built rather than by which token stands in it.
//!
//! Four questions, all answered from the bytes alone: does it break out of its line (CR, LF), does it climb out of its
//! folder (`..`), is it longer than servers accept, and does a host label, a path segment or a query value look like cargo.
//! High entropy alone never blocks: ids, signatures and cursors are opaque by design, so a short opaque part is only
//! written down and a long one under no known name is a warning. It resolves nothing, knows no allow lists, and does not
//! look for secrets itself; [`respell`] hands the engine the spellings in which one could hide from a reader of the
//! whole target. What is found goes to [`super::engine`] and from there to the verdict.

mod escape;
mod opaque;
mod respell;
mod samples;

use std::ops::Range;

use super::engine::Engine;
use super::evidence::evidence;
use crate::model::{Family, Finding, Severity, Surface, View};
pub(super) use samples::RULES;

/// Longest target that common servers take: nginx refuses above 8 KiB (`large_client_header_buffers`), Apache httpd above
/// 8190 bytes (`LimitRequestLine`). What is longer is written for another reader.
const TOO_LONG: usize = 8 * 1024;

const CRLF: &str = "CRLF Injection";
const TRAVERSAL: &str = "Path Traversal";
const HOST_ENTROPY: &str = "High Entropy Host Label";
const PATH_ENTROPY: &str = "High Entropy Path Segment";
const QUERY_ENTROPY: &str = "High Entropy Query Value";
const LENGTH: &str = "Overlong URL";

/// Something about the shape of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rule: &'static str,
    pub(super) severity: Severity,
    pub(super) span: Range<usize>,
    /// Seen only after undoing percent-encoding.
    pub(super) encoded: bool,
}

/// A target taken apart. Every range may be empty; a fragment is in none of them, since it is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Parts {
    /// Host without user information and port.
    host: Range<usize>,
    path: Range<usize>,
    query: Range<usize>,
    /// Where the target begins, after a method and a blank, and where its fragment does.
    all: Range<usize>,
}

impl Engine {
    /// Scans a request target, absolute or in origin form, alone or behind a method and a blank: for secrets, also in
    /// spellings that cut one up, and for a shape that hides something. Sorted by place.
    #[must_use]
    pub fn scan_url(&self, target: &[u8]) -> Vec<Finding> {
        let mut found = self.scan(Surface::Url, target);
        self.scan_respelled(target, &mut found);
        found.extend(shapes(target).into_iter().map(|shape| shape.finding(target)));
        found.sort_by_key(|finding| (finding.span.start, finding.span.end));
        found
    }

    /// Adds what only shows in another spelling. Putting parts together also makes numbers that nobody wrote, so only what
    /// is known by its own format counts.
    fn scan_respelled(&self, target: &[u8], found: &mut Vec<Finding>) {
        let respelling = respell::respell(target);
        if respelling.text.is_empty() {
            return;
        }
        for finding in self.scan(Surface::Url, &respelling.text) {
            let known = found.iter().any(|other| other.rule == finding.rule);
            let Some((part, view)) = respelling.origin(finding.span.start) else { continue };
            if !known && finding.severity >= Severity::High {
                found.push(Finding { span: part.start as u64..part.end as u64, view, ..finding });
            }
        }
    }
}

impl Shape {
    fn finding(self, target: &[u8]) -> Finding {
        Finding {
            rule: self.rule.into(),
            family: Family::Url,
            severity: self.severity,
            surface: Surface::Url,
            view: if self.encoded { View::Percent } else { View::Raw },
            evidence: evidence(target.get(self.span.clone()).unwrap_or_default()),
            span: self.span.start as u64..self.span.end as u64,
        }
    }
}

/// Everything that is remarkable about the shape of `target`: an absolute URL, a target in origin form, or either behind a
/// method and a blank.
pub(super) fn shapes(target: &[u8]) -> Vec<Shape> {
    let parts = split(target);
    let mut found = Vec::new();
    escape::line_breaks(target, &parts, &mut found);
    escape::traversal(target, &parts, &mut found);
    opaque::host(target, &parts, &mut found);
    opaque::path(target, &parts, &mut found);
    opaque::query(target, &parts, &mut found);
    if parts.all.len() > TOO_LONG {
        found.push(Shape { rule: LENGTH, severity: Severity::Medium, span: parts.all, encoded: false });
    }
    found
}

/// Takes a target apart by RFC 3986 §3, without refusing anything: what is no URL is a path.
fn split(target: &[u8]) -> Parts {
    let start = after_method(target);
    let rest = target.get(start..).unwrap_or_default();
    let end = memchr::memchr(b'#', rest).map_or(target.len(), |at| start + at);
    let Authority { range, form } = authority(target, start..end);
    let host = host_in(target, range.clone());
    let path_start = if form { end } else { range.end };
    let rest = target.get(path_start..end).unwrap_or_default();
    let query_mark = memchr::memchr(b'?', rest).map_or(end, |at| path_start + at);
    Parts { host, path: path_start..query_mark, query: (query_mark + 1).min(end)..end, all: start..end }
}

/// `GET https://…`: a method is at most 20 capital letters (RFC 9110 §9.1; the longest registered has 17).
fn after_method(target: &[u8]) -> usize {
    let letters = target.iter().take(20).take_while(|byte| byte.is_ascii_uppercase()).count();
    if letters > 0 && target.get(letters) == Some(&b' ') { letters + 1 } else { 0 }
}

struct Authority {
    range: Range<usize>,
    /// The target is nothing but an authority, as in `CONNECT host:443`.
    form: bool,
}

fn authority(target: &[u8], all: Range<usize>) -> Authority {
    let rest = target.get(all.clone()).unwrap_or_default();
    let scheme = rest.iter().take(16).take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    let start = match rest.get(scheme..) {
        Some([b':', b'/', b'/', ..]) if scheme > 0 => all.start + scheme + 3,
        _ if rest.starts_with(b"//") => all.start + 2,
        _ => {
            // `host:443` and nothing else.
            let port = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let colon = rest.len().checked_sub(port + 1).and_then(|at| rest.get(at)) == Some(&b':');
            let form = port > 0 && colon && !rest.iter().any(|byte| b"/?".contains(byte));
            let end = if form { all.end } else { all.start };
            return Authority { range: all.start..end, form };
        }
    };
    let rest = target.get(start..all.end).unwrap_or_default();
    let length = rest.iter().position(|byte| b"/?\\".contains(byte)).unwrap_or(rest.len());
    Authority { range: start..start + length, form: false }
}

fn host_in(target: &[u8], authority: Range<usize>) -> Range<usize> {
    let text = target.get(authority.clone()).unwrap_or_default();
    let start = memchr::memrchr(b'@', text).map_or(0, |at| at + 1);
    let host = text.get(start..).unwrap_or_default();
    // An IPv6 literal has colons of its own and no labels.
    let end = if host.starts_with(b"[") { 0 } else { memchr::memchr(b':', host).unwrap_or(host.len()) };
    authority.start + start..authority.start + start + end
}

/// The pieces of `range` between separators, empty ones left out.
fn pieces(target: &[u8], range: Range<usize>, is_separator: fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let text = target.get(range.clone()).unwrap_or_default();
    let mut at = range.start;
    text.split(move |byte| is_separator(*byte)).filter_map(move |piece| {
        let here = at..at + piece.len();
        at = here.end + 1;
        (!piece.is_empty()).then_some(here)
    })
}

/// The pairs of a query: name and value, the value empty where there is none (WHATWG URL §5.1).
fn pairs(target: &[u8], query: Range<usize>) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    pieces(target, query, |byte| byte == b'&' || byte == b';').map(|pair| {
        let text = target.get(pair.clone()).unwrap_or_default();
        match memchr::memchr(b'=', text) {
            Some(at) => (pair.start..pair.start + at, pair.start + at + 1..pair.end),
            // A value without a name: `?eyJ…`.
            None => (pair.start..pair.start, pair),
        }
    })
}

#[cfg(test)]
mod tests;

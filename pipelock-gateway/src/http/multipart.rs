//! Takes a multipart body apart while it arrives (RFC 2046 §5.1, RFC 7578), for the judge's eyes only.
//!
//! What a lenient reader could take for another boundary than a strict one does (a bare line feed in front of it, more text on its
//! line, a head that is no head) is a [`Fault`] and not a guess: bytes behind it might be another part to the server. Parts that
//! are multipart themselves are taken apart as well. Contents are told in order; nothing of them is kept but what may be the
//! beginning of a boundary.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use memchr::memmem;

/// Longest boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;
/// What may stand behind a boundary on its line: blanks and the line end.
const MAX_LINE_BYTES: usize = 64;
/// Largest head of a part.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How deep parts may lie in one another.
const MAX_DEPTH: usize = 4;

/// Why a body cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its type names no boundary that could be one.
    #[error("no usable boundary")]
    Boundary,
    /// Two readers could see different boundaries.
    #[error("ambiguous boundary")]
    Ambiguous,
    /// The head of a part cannot be read, or is too large.
    #[error("malformed head of a part")]
    Head,
    /// More parts, or deeper ones, than are looked at.
    #[error("too many parts")]
    TooMany,
    /// It ends before its last boundary.
    #[error("no end")]
    Unfinished,
}

/// What comes next in a body.
#[derive(Debug)]
pub enum Event<'a> {
    /// A part begins: its head.
    Part(&'a HeaderMap),
    /// Content of the part that began last and has not ended.
    Data(&'a [u8]),
    /// That part ends.
    End,
}

/// Receives what is found.
pub type Sink<'a> = &'a mut dyn FnMut(Event<'_>);

/// Follows one body, or one part that has parts.
#[derive(Debug)]
pub struct Reader {
    /// Line feed, two dashes, boundary.
    needle: Vec<u8>,
    /// Not yet told.
    pending: Vec<u8>,
    /// Bytes at the beginning of what follows that are no content: the line end that was added, or ends a head.
    lead: usize,
    at: At,
    /// A part that has parts itself.
    inner: Option<Box<Reader>>,
    depth: usize,
    parts_left: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Preamble,
    Head,
    Content,
    Epilogue,
}

/// The line that begins with a boundary, as far as it has come.
enum Line {
    /// A part follows behind so many bytes.
    Part(usize),
    /// It was the last boundary.
    Last,
    /// It is not complete.
    More,
}

impl Reader {
    /// For a body of this type, of up to `max_parts` parts in all; `None` when the type is not multipart.
    ///
    /// # Errors
    /// [`Fault::Boundary`].
    pub fn for_type(content_type: &HeaderValue, max_parts: usize) -> Result<Option<Self>, Fault> {
        match boundary(content_type.as_bytes())? {
            Some(boundary) => Ok(Some(Self::new(&boundary, 0, max_parts))),
            None => Ok(None),
        }
    }

    fn new(boundary: &[u8], depth: usize, parts_left: usize) -> Self {
        let needle = [b"\n--", boundary].concat();
        // A boundary may stand at the very beginning, where no line end comes before it.
        Self { needle, pending: b"\r\n".to_vec(), lead: 2, at: At::Preamble, inner: None, depth, parts_left }
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    /// Why it cannot go on; the reader must not be used again.
    pub fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<(), Fault> {
        if self.at == At::Epilogue {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut rest = pending.as_slice();
        loop {
            let before = (rest.len(), self.at);
            rest = match self.at {
                At::Epilogue => return Ok(()),
                At::Head => self.head(rest, sink)?,
                At::Preamble | At::Content => self.content(rest, sink)?,
            };
            if (rest.len(), self.at) == before {
                break;
            }
        }
        self.pending = rest.to_vec();
        Ok(())
    }

    /// The body is complete.
    ///
    /// # Errors
    /// [`Fault::Unfinished`] when its last boundary has not come.
    pub fn finish(mut self, sink: Sink<'_>) -> Result<(), Fault> {
        if self.at != At::Epilogue {
            // The line of the last boundary need not end.
            self.push(b"\r\n", sink)?;
        }
        if self.at == At::Epilogue { Ok(()) } else { Err(Fault::Unfinished) }
    }

    /// Content up to the next boundary, or as far as none can have begun in it. Returns what is left.
    fn content<'b>(&mut self, bytes: &'b [u8], sink: Sink<'_>) -> Result<&'b [u8], Fault> {
        let Some(found) = memmem::find(bytes, &self.needle) else {
            // The carriage return in front of a boundary may be the last byte that came.
            let kept = bytes.len().min(self.needle.len());
            let (told, rest) = bytes.split_at(bytes.len() - kept);
            self.tell(told, sink)?;
            return Ok(rest);
        };
        let (content, boundary) = bytes.split_at(found);
        let (_, line) = boundary.split_at(self.needle.len());
        let content = content.strip_suffix(b"\r").ok_or(Fault::Ambiguous)?;
        match end_of_line(line)? {
            Line::More => {
                self.tell(content, sink)?;
                Ok(bytes.get(content.len()..).unwrap_or_default())
            }
            Line::Part(skipped) => {
                self.end_part(content, sink)?;
                self.parts_left = self.parts_left.checked_sub(1).ok_or(Fault::TooMany)?;
                self.at = At::Head;
                Ok(line.get(skipped..).unwrap_or_default())
            }
            Line::Last => {
                self.end_part(content, sink)?;
                self.at = At::Epilogue;
                Ok(&[])
            }
        }
    }

    /// The head of a part, once it is complete.
    fn head<'b>(&mut self, bytes: &'b [u8], sink: Sink<'_>) -> Result<&'b [u8], Fault> {
        let (head, length) = match memmem::find(bytes, b"\r\n\r\n") {
            _ if bytes.starts_with(b"\r\n") => (&[][..], 2),
            Some(end) if end <= MAX_HEAD_BYTES => (bytes.get(..end).unwrap_or_default(), end + 4),
            None if bytes.len() <= MAX_HEAD_BYTES => return Ok(bytes),
            _ => return Err(Fault::Head),
        };
        let fields = fields(head)?;
        let inner = match fields.get(header::CONTENT_TYPE) {
            Some(kind) => boundary(kind.as_bytes())?,
            None => None,
        };
        sink(Event::Part(&fields));
        if let Some(boundary) = inner {
            if self.depth + 1 == MAX_DEPTH {
                return Err(Fault::TooMany);
            }
            self.inner = Some(Box::new(Self::new(&boundary, self.depth + 1, self.parts_left)));
        }
        (self.at, self.lead) = (At::Content, 2);
        // An empty part has its boundary right behind its head: the line end of the head is the one in front of it.
        Ok(bytes.get(length - 2..).unwrap_or_default())
    }

    /// Tells content of the part, or has it taken apart. What comes before the first part and behind the last is nobody's.
    fn tell(&mut self, content: &[u8], sink: Sink<'_>) -> Result<(), Fault> {
        let lead = self.lead.min(content.len());
        self.lead -= lead;
        let content = content.get(lead..).unwrap_or_default();
        if self.at == At::Preamble || content.is_empty() {
            return Ok(());
        }
        if let Some(inner) = &mut self.inner {
            inner.push(content, sink)
        } else {
            sink(Event::Data(content));
            Ok(())
        }
    }

    fn end_part(&mut self, content: &[u8], sink: Sink<'_>) -> Result<(), Fault> {
        self.tell(content, sink)?;
        if let Some(inner) = self.inner.take() {
            self.parts_left = inner.parts_left;
            inner.finish(sink)?;
        }
        if self.at == At::Content {
            sink(Event::End);
        }
        Ok(())
    }
}

/// What stands behind a boundary on its line.
fn end_of_line(line: &[u8]) -> Result<Line, Fault> {
    if matches!(line, [] | [b'-']) {
        return Ok(Line::More);
    }
    let last = line.starts_with(b"--");
    let blanks = if last { line.get(2..).unwrap_or_default() } else { line };
    let end = blanks.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    match end.and_then(|end| Some((end, blanks.get(end..)?))) {
        _ if line.len() > MAX_LINE_BYTES
            && memchr::memchr(b'\n', line.get(..MAX_LINE_BYTES).unwrap_or_default()).is_none() =>
        {
            Err(Fault::Ambiguous)
        }
        None | Some((_, [b'\r'])) => Ok(Line::More),
        Some((_, [b'\r', b'\n', ..])) if last => Ok(Line::Last),
        Some((end, [b'\r', b'\n', ..])) => Ok(Line::Part(end + 2)),
        Some(_) => Err(Fault::Ambiguous),
    }
}

/// The fields of a part's head. Folded lines, which mail readers and some clients write, are joined.
fn fields(head: &[u8]) -> Result<HeaderMap, Fault> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line.first(), lines.last_mut()) {
            (Some(b' ' | b'\t'), Some(last)) => last.extend_from_slice(line),
            _ => lines.push(line.to_vec()),
        }
    }
    // Only line ends of two bytes were counted as such.
    if memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head.get(at - 1) != Some(&b'\r')) {
        return Err(Fault::Ambiguous);
    }
    let mut fields = HeaderMap::new();
    for line in &lines {
        let colon = memchr::memchr(b':', line).ok_or(Fault::Head)?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).map_err(|_| Fault::Head)?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        fields.append(name, HeaderValue::from_bytes(value).map_err(|_| Fault::Head)?);
    }
    Ok(fields)
}

/// The boundary that a type names; `None` for a type that is not multipart.
fn boundary(content_type: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let is_multipart = content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    if !is_multipart {
        return Ok(None);
    }
    let mut found = None;
    for (name, value) in parameters(content_type) {
        if name.eq_ignore_ascii_case(b"boundary") {
            if found.is_some() {
                return Err(Fault::Boundary);
            }
            found = Some(value);
        }
    }
    let is_usable = |boundary: &Vec<u8>| {
        !boundary.is_empty()
            && boundary.len() <= MAX_BOUNDARY_BYTES
            && boundary.iter().all(|byte| (0x20..0x7f).contains(byte))
            && boundary.last() != Some(&b' ')
    };
    found.filter(is_usable).map(Some).ok_or(Fault::Boundary)
}

/// Parameters of a field value, quotes undone.
pub(crate) fn parameters(value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut parameters = Vec::new();
    let mut rest = value;
    while let Some(at) = memchr::memchr(b';', rest) {
        rest = rest.get(at + 1..).unwrap_or_default().trim_ascii_start();
        let Some(equals) = memchr::memchr2(b'=', b';', rest) else { break };
        if rest.get(equals) == Some(&b';') {
            rest = rest.get(equals..).unwrap_or_default();
            continue;
        }
        let (name, after) = rest.split_at(equals);
        let after = after.get(1..).unwrap_or_default();
        let (text, left) = if let Some(quoted) = after.strip_prefix(b"\"") {
            unquoted(quoted)
        } else {
            let end = memchr::memchr(b';', after).unwrap_or(after.len());
            let (text, left) = after.split_at(end);
            (text.trim_ascii().to_vec(), left)
        };
        parameters.push((name.trim_ascii().to_vec(), text));
        rest = left;
    }
    parameters
}

fn unquoted(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut text = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (text, quoted.get(at + 1..).unwrap_or_default()),
            b'\\' => text.extend(bytes.next().map(|(_, byte)| *byte)),
            _ => text.push(*byte),
        }
    }
    (text, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a body, pushed in pieces of `chunk` bytes.
    fn told(kind: &str, body: &[u8], chunk: usize) -> Result<Vec<String>, Fault> {
        let kind = HeaderValue::from_str(kind).unwrap();
        let mut reader = Reader::for_type(&kind, 10)?.expect("a multipart type");
        let mut told: Vec<String> = Vec::new();
        let mut sink = |event: Event<'_>| match event {
            Event::Part(head) => {
                let fields: Vec<String> =
                    head.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
                told.push(format!("[{}] ", fields.join(", ")));
            }
            Event::Data(data) => told.last_mut().unwrap().push_str(&String::from_utf8_lossy(data)),
            Event::End => told.last_mut().unwrap().push('.'),
        };
        for piece in body.chunks(chunk) {
            reader.push(piece, &mut sink)?;
        }
        reader.finish(&mut sink)?;
        Ok(told)
    }

    const FORM: &str = "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--b \t\r\n\
        Content-Type: text/plain\r\nX-Folded: some\r\n\tmore\r\n\r\ntwo\r\n--\r\nlines\r\n--b\r\n\r\nno head\r\n--b\r\n\r\n\r\n--b--\r\nepilogue";

    #[test]
    fn parts_are_told_the_same_however_the_body_was_cut() {
        let whole = told("multipart/form-data; boundary=b", FORM.as_bytes(), usize::MAX).unwrap();
        assert_eq!(
            whole,
            [
                "[content-disposition=form-data; name=\"a\"] one.",
                "[content-type=text/plain, x-folded=some\tmore] two\r\n--\r\nlines.",
                "[] no head.",
                "[] .",
            ]
        );
        for chunk in 1..FORM.len() {
            assert_eq!(told("multipart/form-data; boundary=b", FORM.as_bytes(), chunk).unwrap(), whole, "by {chunk}");
        }
    }

    #[test]
    fn parts_of_parts_are_told_too() {
        let body = "--o\r\nContent-Type: multipart/mixed; boundary=\"i n\"\r\n\r\n--i n\r\n\r\nx\r\n--i n--\r\n--o\r\n\r\ny\r\n--o--";
        for chunk in [1, 2, 5, usize::MAX] {
            let told = told("Multipart/Mixed; charset=utf-8; Boundary=o", body.as_bytes(), chunk).unwrap();
            assert_eq!(told, ["[content-type=multipart/mixed; boundary=\"i n\"] ", "[] x..", "[] y."], "by {chunk}");
        }
    }

    #[test]
    fn what_two_readers_could_take_apart_differently_is_a_fault() {
        let many = "--b\r\n\r\nx\r\n".repeat(11) + "--b--";
        let level = |n: usize| format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1);
        let deep = (0..5).fold(String::new(), |deep, n| deep + &level(n));
        for (why, kind, body, fault) in [
            ("a bare line feed in front", "b", "--b\r\n\r\nx\n--b--\r\n", Fault::Ambiguous),
            ("text behind a boundary", "b", "--b\r\n\r\nx\r\n--bound\r\n\r\ny\r\n--b--", Fault::Ambiguous),
            ("a bare line feed behind", "b", "--b\n\r\nx\r\n--b--", Fault::Ambiguous),
            ("a bare line feed in a head", "b", "--b\r\nA: 1\nB: 2\r\n\r\nx\r\n--b--", Fault::Ambiguous),
            ("a line that is no field", "b", "--b\r\nnothing\r\n\r\nx\r\n--b--", Fault::Head),
            ("no end", "b", "--b\r\n\r\nx\r\n--b\r\n", Fault::Unfinished),
            ("no part", "b", "nothing", Fault::Unfinished),
            ("too many", "b", &many, Fault::TooMany),
            ("too deep", "b0", &deep, Fault::TooMany),
        ] {
            for chunk in [1, usize::MAX] {
                let told = told(&format!("multipart/form-data; boundary={kind}"), body.as_bytes(), chunk);
                assert_eq!(told, Err(fault), "{why}, by {chunk}");
            }
        }
        for kind in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/x; boundary=a; boundary=b"] {
            assert_eq!(told(kind, b"", 1), Err(Fault::Boundary), "{kind}");
        }
        let plain = HeaderValue::from_static("application/json; boundary=b");
        assert!(Reader::for_type(&plain, 1).unwrap().is_none());
    }
}

//! Cuts a byte stream into server-sent events without changing a byte of it.
//!
//! Pure; cuts do not depend on how the bytes arrived. Line ends are LF, CR and CRLF, a byte order mark may lead, comments and
//! unknown fields belong to the event they stand in (HTML Living Standard, "Server-sent events", parsing). What an event says
//! is read from a copy; the original bytes are what goes on.

use std::ops::Range;

/// Collects bytes and hands out whole events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were looked at.
    seen: usize,
    /// Where the line begins that is being looked at.
    line: usize,
    /// The last byte was a CR that ended a line; an LF right behind belongs to it.
    after_cr: bool,
    /// The stream has begun, so that a byte order mark is none any more.
    begun: bool,
}

/// One event and everything that stood before it since the last: its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// As received.
    pub(crate) bytes: Vec<u8>,
    /// `event`, empty for the default.
    pub(crate) name: Vec<u8>,
    /// The joined `data` lines; `None` when there is none, and so nothing is dispatched.
    pub(crate) data: Option<Vec<u8>>,
    /// The line that sets `id`, with its line end, as received.
    pub(crate) id_line: Option<Range<usize>>,
}

impl Events {
    /// Takes more bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that wait for the end of their event.
    pub(crate) fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next complete event. A comment or a blank line alone is one without data.
    pub(crate) fn next(&mut self) -> Option<Event> {
        while let Some(&byte) = self.buffer.get(self.seen) {
            if self.after_cr {
                self.after_cr = false;
                if byte == b'\n' {
                    self.seen += 1;
                    self.line = self.seen;
                    continue;
                }
            }
            let at = self.seen;
            self.seen += 1;
            if !matches!(byte, b'\n' | b'\r') {
                continue;
            }
            self.after_cr = byte == b'\r';
            // A byte order mark is one on the first line only.
            let mark = !self.begun && self.line == 0 && self.buffer.get(..at) == Some(b"\xef\xbb\xbf");
            let empty = self.line == at || mark;
            self.line = self.seen;
            if empty {
                // An LF that belongs to this CR goes with the event when it is here already; else with the next one.
                if self.after_cr && self.buffer.get(self.seen) == Some(&b'\n') {
                    self.seen += 1;
                    self.line = self.seen;
                    self.after_cr = false;
                }
                return Some(self.take());
            }
        }
        None
    }

    /// What is left when the stream ends: an event that is never dispatched.
    pub(crate) fn rest(mut self) -> Option<Event> {
        (!self.buffer.is_empty()).then(|| {
            self.seen = self.buffer.len();
            self.take()
        })
    }

    fn take(&mut self) -> Event {
        let rest = self.buffer.split_off(self.seen);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        self.seen = 0;
        self.line = 0;
        let event = read(bytes, !self.begun);
        self.begun = true;
        event
    }
}

/// Reads the fields of one event.
fn read(bytes: Vec<u8>, first: bool) -> Event {
    let mut event = Event { bytes: Vec::new(), name: Vec::new(), data: None, id_line: None };
    let mut at = if first && bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let ended = match rest.get(length..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([_, ..]) => 1,
            _ => 0,
        };
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default()),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut event.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => event.data = Some(value.to_vec()),
            },
            b"event" => event.name = value.to_vec(),
            b"id" => event.id_line = Some(at..at + length + ended),
            _ => {}
        }
        at += length + ended;
    }
    event.bytes = bytes;
    event
}

impl Event {
    /// The same event with other data; its `id` stays, so that a client can resume behind it.
    pub(crate) fn with_data(&self, data: &str) -> Vec<u8> {
        let mut text = Vec::with_capacity(data.len() + 64);
        if !self.name.is_empty() {
            text.extend_from_slice(b"event: ");
            text.extend_from_slice(&self.name);
            text.push(b'\n');
        }
        if let Some(line) = self.id_line.clone().and_then(|line| self.bytes.get(line)) {
            text.extend_from_slice(line.trim_ascii_end());
            text.push(b'\n');
        }
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(data.as_bytes());
        text.extend_from_slice(b"\n\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(stream: &[u8], cut: usize) -> Vec<Event> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for piece in stream.chunks(cut.max(1)) {
            events.push(piece);
            while let Some(event) = events.next() {
                found.push(event);
            }
        }
        found.extend(events.rest());
        found
    }

    fn data(stream: &[u8]) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        all(stream, usize::MAX).iter().map(|event| (text(&event.name), event.data.as_deref().map(text))).collect()
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let some = |name: &str, data: &str| (name.to_owned(), Some(data.to_owned()));
        for (stream, found) in [
            (&b"data: one\n\ndata:two\n\n"[..], vec![some("", "one"), some("", "two")]),
            (b"event: message\r\ndata: a\r\ndata: b\r\n\r\n", vec![some("message", "a\nb")]),
            (b"data: x\r\rdata: y\r\r", vec![some("", "x"), some("", "y")]),
            (b"\xef\xbb\xbfdata:  x\n\n", vec![some("", " x")]),
            (b": ping\n\n", vec![(String::new(), None)]),
            (b"id: 7\ndata\n\n", vec![some("", "")]),
            (b"retry: 5\n\ndata: cut", vec![(String::new(), None), some("", "cut")]),
        ] {
            assert_eq!(data(stream), found, "{}", String::from_utf8_lossy(stream));
        }
    }

    #[test]
    fn another_content_keeps_name_and_id() {
        let events = all(b": note\r\nevent: message\r\nid: a-7\r\ndata: {}\r\n\r\n", usize::MAX);
        assert_eq!(events.first().unwrap().with_data("[]"), b"event: message\nid: a-7\ndata: []\n\n");
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_cuts_do_not_matter(stream in r"[adtei: \n\r\u{feff}]{0,80}", cut in 1usize..9) {
            let stream = stream.as_bytes();
            let cut_up = all(stream, cut);
            let joined: Vec<u8> = cut_up.iter().flat_map(|event| event.bytes.clone()).collect();
            prop_assert_eq!(&joined, stream);
            let said = |events: Vec<Event>| -> Vec<_> {
                events.into_iter().filter_map(|event| event.data.map(|data| (event.name, data))).collect()
            };
            prop_assert_eq!(said(cut_up), said(all(stream, usize::MAX)));
        }
    }
}

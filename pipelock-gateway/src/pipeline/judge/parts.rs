//! The parts of a multipart body, each judged by its own type, beside the judgement on the body as a whole.
//!
//! As a whole such a body is text that happens to hold dashes: what a part's own coding or escapes hide would be looked for in the
//! wrong reading. So each part has a scan of its own, with its transfer or content coding undone; its fields are looked at with
//! the encoding of file names (RFC 8187) undone. Parts of types that are no text are only counted here: the scan of the whole
//! has looked at their bytes.

use std::collections::BTreeMap;

use http::{HeaderMap, header};

use super::Scanner;
use crate::http::Decoder;
use crate::http::multipart::{Event, Fault, Reader, parameters};
use crate::model::{Finding, Surface};
use crate::scan::{Encoding, LiteralScan, StreamOptions, StreamScan};

/// What is known of the parts of one body.
pub(super) struct PartsJudge {
    scanner: Scanner,
    /// `None` once it cannot go on.
    reader: Option<Reader>,
    fault: Option<Fault>,
    limits: crate::http::Limits,
    current: Option<Part>,
    /// In parts that have ended, and in the heads of all.
    found: Vec<Finding>,
    /// Bytes of parts that are no text, by class.
    binary: BTreeMap<&'static str, usize>,
}

/// A part that has begun.
struct Part {
    scan: Option<PartScan>,
    coding: Coding,
    /// Bytes of it so far, as sent.
    bytes: usize,
    /// What it counts as, when it is no text.
    class: Option<&'static str>,
}

/// The rules, and values that are known, over the content of one part.
struct PartScan {
    rules: StreamScan,
    known: Vec<LiteralScan>,
    /// After the last bytes.
    hold: usize,
    found: usize,
}

impl PartScan {
    fn push(&mut self, bytes: &[u8]) {
        let known = self.known.iter_mut().map(|known| known.push(bytes));
        let progress = std::iter::once(self.rules.push(bytes)).chain(known);
        (self.hold, self.found) =
            progress.fold((0, 0), |(hold, found), progress| (hold.max(progress.hold), found + progress.found));
    }

    fn so_far(&self) -> impl Iterator<Item = Finding> {
        let known = self.known.iter().flat_map(|known| known.so_far().to_vec());
        self.rules.so_far().into_iter().chain(known)
    }

    fn finish(self) -> impl Iterator<Item = Finding> {
        self.rules.finish().into_iter().chain(self.known.into_iter().flat_map(LiteralScan::finish))
    }
}

/// How the content of a part is wrapped.
enum Coding {
    None,
    Base64(Base64),
    QuotedPrintable(Vec<u8>),
    Content(Box<Decoder>),
}

/// Where the judgement on the parts stands.
pub(super) struct Standing {
    /// How many of the last bytes are not final.
    pub(super) hold: usize,
    /// How many matches there are so far.
    pub(super) found: usize,
}

impl PartsJudge {
    /// For a body of this type; `None` when it is not multipart.
    pub(super) fn new(scanner: &Scanner, headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?;
        let limits = scanner.0.limits;
        let (reader, fault) = match Reader::for_type(kind, scanner.0.bounds.multipart_parts) {
            Ok(reader) => (Some(reader?), None),
            Err(fault) => (None, Some(fault)),
        };
        Some(Self {
            scanner: scanner.clone(),
            reader,
            fault,
            limits,
            current: None,
            found: Vec::new(),
            binary: BTreeMap::new(),
        })
    }

    /// Why the body cannot be taken apart, if it cannot.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Bytes of parts that are no text, by class.
    pub(super) fn binary_bytes(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.binary.iter().map(|(class, bytes)| (*class, *bytes))
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Standing {
        if let Some(mut reader) = self.reader.take() {
            match self.follow(|sink| reader.push(bytes, sink)) {
                Ok(()) => self.reader = Some(reader),
                Err(fault) => self.fault = Some(fault),
            }
        }
        self.standing()
    }

    /// The body is complete: what was found in its parts.
    pub(super) fn finish(&mut self) -> Vec<Finding> {
        if let Some(reader) = self.reader.take()
            && let Err(fault) = self.follow(|sink| reader.finish(sink))
        {
            self.fault = Some(fault);
        }
        self.end_part();
        std::mem::take(&mut self.found)
    }

    /// What was found so far.
    pub(super) fn so_far(&self) -> Vec<Finding> {
        let open = self.current.iter().filter_map(|part| part.scan.as_ref()).flat_map(PartScan::so_far);
        self.found.iter().cloned().chain(open).collect()
    }

    fn follow(&mut self, read: impl FnOnce(&mut dyn FnMut(Event<'_>)) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut broken = None;
        let read = read(&mut |event| {
            let taken = match event {
                Event::Part(head) => self.begin_part(head),
                Event::Data(data) => self.take(data),
                Event::End => self.end_part(),
            };
            broken = broken.or(taken);
        });
        broken.map_or(read, Err)
    }

    fn begin_part(&mut self, head: &HeaderMap) -> Option<Fault> {
        self.end_part();
        let mut fields = Vec::new();
        for (name, value) in head {
            for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                fields.extend_from_slice(piece);
            }
            for (name, value) in parameters(value.as_bytes()).into_iter().filter(|(name, _)| name.ends_with(b"*")) {
                fields.extend_from_slice(&name);
                fields.push(b'=');
                fields.extend(percent_decoded(&value));
                fields.extend_from_slice(b"\r\n");
            }
        }
        self.found.extend(self.scanner.scan(Surface::RequestBody, &fields));
        let kind = head.get(header::CONTENT_TYPE);
        let class = kind.and_then(|kind| binary_class(kind.as_bytes()));
        let coding = match self.coding(head) {
            Ok(coding) => coding,
            Err(fault) => return Some(fault),
        };
        // What is coded is looked at whatever it says to be: the whole's scan saw only its code.
        let looked_at = class.is_none() || !matches!(coding, Coding::None);
        let encoding = if kind.is_some_and(super::is_form) { Encoding::Percent } else { Encoding::Json };
        let open = || PartScan {
            rules: self.scanner.0.engine.stream(Surface::RequestBody, StreamOptions { encoding }),
            known: self.scanner.literals().map(|literals| literals.stream(Surface::RequestBody)).collect(),
            hold: 0,
            found: 0,
        };
        self.current = Some(Part { scan: looked_at.then(open), coding, bytes: 0, class });
        None
    }

    /// How the content of a part is wrapped (RFC 2045 §6, deprecated for forms by RFC 7578 §4.7 and still understood).
    fn coding(&self, head: &HeaderMap) -> Result<Coding, Fault> {
        let decoder = Decoder::for_head(head, self.limits.max_decoded_bytes, self.limits.max_decode_ratio);
        if let Some(decoder) = decoder.map_err(|_| Fault::Head)? {
            return Ok(Coding::Content(Box::new(decoder)));
        }
        let mut transfer = head.get_all("content-transfer-encoding").iter();
        match (transfer.next().map(|coding| coding.as_bytes().to_ascii_lowercase()), transfer.next()) {
            (_, Some(_)) => Err(Fault::Ambiguous),
            (None, None) => Ok(Coding::None),
            (Some(coding), None) => match coding.trim_ascii() {
                b"7bit" | b"8bit" | b"binary" => Ok(Coding::None),
                b"base64" => Ok(Coding::Base64(Base64::default())),
                b"quoted-printable" => Ok(Coding::QuotedPrintable(Vec::new())),
                _ => Err(Fault::Head),
            },
        }
    }

    fn take(&mut self, data: &[u8]) -> Option<Fault> {
        let Some(part) = &mut self.current else { return None };
        part.bytes = part.bytes.saturating_add(data.len());
        let Some(scan) = &mut part.scan else { return None };
        match &mut part.coding {
            Coding::None => scan.push(data),
            Coding::Base64(base64) => scan.push(&base64.decode(data)),
            Coding::QuotedPrintable(pending) => scan.push(&unquoted(pending, data)),
            Coding::Content(decoder) => {
                let decoded = decoder.push(data, &mut |plain| {
                    scan.push(plain);
                    std::ops::ControlFlow::Continue(())
                });
                return decoded.err().map(|_| Fault::Head);
            }
        }
        None
    }

    fn end_part(&mut self) -> Option<Fault> {
        let mut part = self.current.take()?;
        if let Some(class) = part.class {
            *self.binary.entry(class).or_default() += part.bytes;
        }
        let complete = match &part.coding {
            Coding::Content(decoder) => decoder.finish().is_ok(),
            _ => true,
        };
        self.found.extend(part.scan.take().into_iter().flat_map(PartScan::finish));
        (!complete).then_some(Fault::Head)
    }

    fn standing(&self) -> Standing {
        let mut standing = Standing { hold: 0, found: self.found.len() };
        if let Some(Part { scan: Some(scan), coding, bytes, .. }) = &self.current {
            standing.found += scan.found;
            // Of a coding only this is known: how many bytes make one, at most.
            standing.hold = match coding {
                Coding::None => scan.hold,
                Coding::Base64(_) | Coding::QuotedPrintable(_) => scan.hold.saturating_mul(4).saturating_add(8),
                Coding::Content(_) => *bytes,
            }
            .min(*bytes);
        }
        standing
    }
}

/// Undoes percent-encoding where there is any.
fn percent_decoded(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        let coded = match after {
            [high, low, next @ ..] if *byte == b'%' => digit(*high).zip(digit(*low)).map(|digits| (digits, next)),
            _ => None,
        };
        rest = if let Some(((high, low), next)) = coded {
            plain.push(high << 4 | low);
            next
        } else {
            plain.push(*byte);
            after
        };
    }
    plain
}

/// A hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Undoes base64 as lenient readers do: what is none of its characters is passed over.
#[derive(Default)]
struct Base64 {
    bits: u32,
    held: u32,
}

impl Base64 {
    fn decode(&mut self, data: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(data.len() / 4 * 3 + 3);
        for byte in data {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                b'=' => {
                    *self = Self::default();
                    continue;
                }
                _ => continue,
            };
            self.bits = self.bits << 6 | u32::from(value);
            self.held += 6;
            if self.held >= 8 {
                self.held -= 8;
                plain.push((self.bits >> self.held & 0xff) as u8);
                self.bits &= (1 << self.held) - 1;
            }
        }
        plain
    }
}

/// Undoes quoted-printable (RFC 2045 §6.7); `pending` is the beginning of an escape that was cut.
fn unquoted(pending: &mut Vec<u8>, data: &[u8]) -> Vec<u8> {
    let coded = [std::mem::take(pending), data.to_vec()].concat();
    let mut plain = Vec::with_capacity(coded.len());
    let mut rest = coded.as_slice();
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'=', [] | [_]) => {
                *pending = rest.to_vec();
                break;
            }
            (b'=', [b'\r', b'\n', next @ ..] | [b'\n', next @ ..]) => next,
            (b'=', [high, low, next @ ..]) => {
                if let (Some(high), Some(low)) = (digit(*high), digit(*low)) {
                    plain.push(high << 4 | low);
                    next
                } else {
                    plain.push(b'=');
                    after
                }
            }
            _ => {
                plain.push(*byte);
                after
            }
        };
    }
    plain
}

/// What a type counts as that is no text; `None` for text, and for what may be.
pub(super) fn binary_class(content_type: &[u8]) -> Option<&'static str> {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let (kind, sub) = essence.split_at(memchr::memchr(b'/', &essence)?);
    let is_one_of = |names: &[&[u8]]| names.contains(&sub.get(1..).unwrap_or_default());
    match kind {
        b"image" if !sub.ends_with(b"xml") => Some("image"),
        b"audio" => Some("audio"),
        b"video" => Some("video"),
        b"font" => Some("font"),
        b"application" if is_one_of(&[b"pdf"]) => Some("pdf"),
        b"application"
            if is_one_of(&[b"zip", b"gzip", b"x-gzip", b"x-tar", b"x-7z-compressed", b"zstd", b"x-bzip2"]) =>
        {
            Some("archive")
        }
        b"application" if is_one_of(&[b"octet-stream", b"wasm", b"protobuf", b"x-protobuf", b"msgpack"]) => {
            Some("other")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer_codings_are_undone_however_they_were_cut() {
        let (text, coded) = (b"a secret, in base64", b"YSBzZWNy\r\nZXQsIGluIGJhc2U2NA==");
        for chunk in 1..coded.len() {
            let mut base64 = Base64::default();
            let plain: Vec<u8> = coded.chunks(chunk).flat_map(|piece| base64.decode(piece)).collect();
            assert_eq!(plain, text, "by {chunk}");
        }
        let quoted = b"a=20sec=\r\nret=3D =zz";
        for chunk in 1..quoted.len() {
            let mut pending = Vec::new();
            let plain: Vec<u8> = quoted.chunks(chunk).flat_map(|piece| unquoted(&mut pending, piece)).collect();
            assert_eq!(plain, b"a secret= =zz", "by {chunk}");
        }
    }

    #[test]
    fn types_that_are_no_text_are_told_apart() {
        for (kind, class) in [
            ("image/PNG", Some("image")),
            ("image/svg+xml", None),
            ("application/pdf; name=x", Some("pdf")),
            ("application/json", None),
            ("text/plain", None),
            ("application/octet-stream", Some("other")),
            ("nonsense", None),
        ] {
            assert_eq!(binary_class(kind.as_bytes()), class, "{kind}");
        }
    }
}

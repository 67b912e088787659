//! The decoded view: escapes undone byte by byte, with a map back to the raw bytes.
//!
//! There is no parser here. JSON escapes are undone wherever they stand, in keys, values and malformed documents alike, so
//! that nothing can hide in a difference between two parsers. What is not an escape passes through unchanged. The state
//! between pieces is at most twelve bytes, and the output does not depend on where the input was cut.

use zeroize::{Zeroize as _, Zeroizing};

/// Longest escape: a surrogate pair, `\uD83D\uDE00`.
const LONGEST: usize = 12;

/// What has to be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// RFC 8259 §7: `\n`, `\/`, `\u0041`, surrogate pairs.
    Json,
    /// RFC 3986 §2.1: `%41`, and the plus sign of forms, which stands for a blank (WHATWG URL §5.1). A base64 secret that
    /// was sent with bare plus signs is found in the bytes as sent.
    Percent,
}

/// Decoded bytes, and for each how many raw bytes it stands for.
///
/// The first byte of a decoded escape carries the escape's whole length and the others carry none, so that the sum over
/// any stretch is its length in raw bytes.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) raw_lengths: Vec<u16>,
}

impl Decoded {
    /// Reserves room for what a slice of `slice` bytes can decode to: growing would leave copies behind in freed memory.
    pub(super) fn for_slices(slice: usize) -> Self {
        let room = slice + LONGEST;
        Self { bytes: Zeroizing::new(Vec::with_capacity(room)), raw_lengths: Vec::with_capacity(room) }
    }

    pub(super) fn plain(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.raw_lengths.resize(self.bytes.len(), 1);
    }

    pub(super) fn escape(&mut self, decoded: &[u8], raw_length: u16) {
        self.bytes.extend_from_slice(decoded);
        self.raw_lengths.push(raw_length);
        self.raw_lengths.resize(self.bytes.len(), 0);
    }

    /// Empties it. The bytes are overwritten by the next slice, and on drop: wiping them each time cost more than the scan.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.raw_lengths.clear();
    }
}

/// Undoes one kind of escape over a sequence of pieces.
#[derive(Debug)]
pub(super) struct Decoder {
    escapes: Escapes,
    /// The beginning of an escape whose end was not seen yet.
    held: [u8; LONGEST],
    held_len: usize,
}

/// What the held bytes turned out to be.
enum Parsed {
    /// Still open.
    Incomplete,
    /// This many of them are an escape for a character.
    Character(char, u8),
    /// This many of them are an escape for a byte.
    Byte(u8, u8),
    /// This many of them are no escape at all.
    Verbatim(usize),
}

impl Decoder {
    pub(super) fn new(escapes: Escapes) -> Self {
        Self { escapes, held: [0; LONGEST], held_len: 0 }
    }

    /// The byte every escape begins with.
    fn introducer(&self) -> u8 {
        match self.escapes {
            Escapes::Json => b'\\',
            Escapes::Percent => b'%',
        }
    }

    /// Raw bytes taken that no decoded byte stands for yet.
    pub(super) fn held(&self) -> usize {
        self.held_len
    }

    /// Decodes the next piece. At most [`LONGEST`] bytes more come out than went in.
    pub(super) fn push(&mut self, mut raw: &[u8], out: &mut Decoded) {
        while let Some(&first) = raw.first() {
            if self.held_len == 0 {
                let plain = memchr::memchr(self.introducer(), raw).unwrap_or(raw.len());
                let (before, rest) = raw.split_at(plain);
                unescaped(self.escapes, out, before);
                raw = rest;
                if let Some((&introducer, rest)) = raw.split_first() {
                    self.hold(introducer);
                    raw = rest;
                }
            } else {
                self.hold(first);
                raw = raw.get(1..).unwrap_or_default();
                self.resolve(out, false);
            }
        }
    }

    /// The input is complete: an open escape is none.
    pub(super) fn finish(&mut self, out: &mut Decoded) {
        self.resolve(out, true);
    }

    fn hold(&mut self, byte: u8) {
        // `resolve` runs after every byte and an escape is complete at LONGEST, so there is always room.
        if let Some(place) = self.held.get_mut(self.held_len) {
            *place = byte;
            self.held_len += 1;
        }
    }

    /// Emits what is decided about the held bytes and keeps the rest.
    fn resolve(&mut self, out: &mut Decoded, last: bool) {
        while self.held_len > 0 {
            let held = &self.held[..self.held_len];
            let used = if held[0] == self.introducer() {
                let parsed = match self.escapes {
                    Escapes::Json => parse_json(held),
                    Escapes::Percent => parse_percent(held),
                };
                match parsed {
                    Parsed::Incomplete if !last => return,
                    Parsed::Incomplete => {
                        unescaped(self.escapes, out, &held[..1]);
                        1
                    }
                    Parsed::Character(character, used) => {
                        out.escape(character.encode_utf8(&mut [0; 4]).as_bytes(), u16::from(used));
                        usize::from(used)
                    }
                    Parsed::Byte(byte, used) => {
                        out.escape(&[byte], u16::from(used));
                        usize::from(used)
                    }
                    Parsed::Verbatim(used) => {
                        unescaped(self.escapes, out, &held[..used]);
                        used
                    }
                }
            } else {
                unescaped(self.escapes, out, &held[..1]);
                1
            };
            self.held.copy_within(used..self.held_len, 0);
            self.held_len -= used;
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

/// Reads the escape that `held`, which begins with a backslash, may be.
fn parse_json(held: &[u8]) -> Parsed {
    let byte = match held.get(1) {
        None => return Parsed::Incomplete,
        Some(b'u') => return parse_unicode(held),
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(&same @ (b'"' | b'\\' | b'/')) => same,
        Some(_) => return Parsed::Verbatim(2),
    };
    Parsed::Byte(byte, 2)
}

/// Reads `\uXXXX` or a pair of surrogates. A surrogate without its partner becomes U+FFFD, as in every lenient parser.
fn parse_unicode(held: &[u8]) -> Parsed {
    let unit = match hex_unit(held.get(2..).unwrap_or_default()) {
        HexUnit::Open => return Parsed::Incomplete,
        HexUnit::Broken(digits) => return Parsed::Verbatim(2 + digits),
        HexUnit::Unit(unit) => unit,
    };
    let lone = Parsed::Character(char::REPLACEMENT_CHARACTER, 6);
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit).map_or(lone, |character| Parsed::Character(character, 6));
    }
    match held.get(6..).unwrap_or_default() {
        [] | b"\\" => Parsed::Incomplete,
        [b'\\', b'u', digits @ ..] => match hex_unit(digits) {
            HexUnit::Open => Parsed::Incomplete,
            HexUnit::Unit(low @ 0xdc00..0xe000) => {
                let combined = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                char::from_u32(combined).map_or(lone, |character| Parsed::Character(character, 12))
            }
            HexUnit::Unit(_) | HexUnit::Broken(_) => lone,
        },
        _ => lone,
    }
}

/// Four hex digits, as far as they go.
enum HexUnit {
    Open,
    /// This many digits, then something else.
    Broken(usize),
    Unit(u32),
}

fn hex_unit(text: &[u8]) -> HexUnit {
    let mut unit = 0;
    for place in 0..4 {
        match text.get(place).map(|&byte| char::from(byte).to_digit(16)) {
            None => return HexUnit::Open,
            Some(None) => return HexUnit::Broken(place),
            Some(Some(digit)) => unit = unit << 4 | digit,
        }
    }
    HexUnit::Unit(unit)
}

/// Reads the escape that `held`, which begins with a percent sign, may be.
fn parse_percent(held: &[u8]) -> Parsed {
    let digit = |place: usize| held.get(place).map(|&byte| char::from(byte).to_digit(16));
    match (digit(1), digit(2)) {
        (Some(None), _) => Parsed::Verbatim(1),
        (Some(Some(_)), Some(None)) => Parsed::Verbatim(2),
        (Some(Some(high)), Some(Some(low))) => Parsed::Byte((high << 4 | low).to_le_bytes()[0], 3),
        (None, _) | (Some(Some(_)), None) => Parsed::Incomplete,
    }
}

/// Bytes that are no escape; in a form a plus sign among them stands for a blank.
fn unescaped(escapes: Escapes, out: &mut Decoded, bytes: &[u8]) {
    let before = out.bytes.len();
    out.plain(bytes);
    if escapes == Escapes::Percent {
        for byte in out.bytes.iter_mut().skip(before).filter(|byte| **byte == b'+') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(escapes: Escapes, pieces: &[&[u8]]) -> (Vec<u8>, Vec<u16>) {
        let mut decoder = Decoder::new(escapes);
        let mut out = Decoded::for_slices(0);
        for piece in pieces {
            decoder.push(piece, &mut out);
        }
        decoder.finish(&mut out);
        (out.bytes.to_vec(), out.raw_lengths.clone())
    }

    fn json(text: &str) -> String {
        String::from_utf8(decode(Escapes::Json, &[text.as_bytes()]).0).unwrap()
    }

    #[test]
    fn json_escapes_are_undone() {
        for (raw, decoded) in [
            (r#"a\nb\t\r\b\f\"\\\/z"#, "a\nb\t\r\u{8}\u{c}\"\\/z"),
            (r"\u0041\u00e9\u20AC", "Aé€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\\n", r"\n"),
            (r"plain", "plain"),
        ] {
            assert_eq!(json(raw), decoded, "{raw}");
        }
    }

    #[test]
    fn what_is_no_escape_passes_unchanged() {
        for raw in [r"\x41", r"\u12", r"\u12g4", r"\", r"C:\Users", r"\u", "\\u00\\"] {
            assert_eq!(json(raw), raw);
        }
        assert_eq!(json(r"\u00\n"), "\\u00\n");
        assert_eq!(json(r"\ud83dx"), "\u{fffd}x");
        assert_eq!(json(r"\ud83d\n"), "\u{fffd}\n");
        assert_eq!(json(r"\ud83d\u0041"), "\u{fffd}A");
        assert_eq!(json(r"\ude00"), "\u{fffd}");
        assert_eq!(json(r"\ud83d"), r"\ud83d");
    }

    #[test]
    fn percent_escapes_are_undone() {
        for (raw, decoded) in [
            ("a%20b%2F", "a b/"),
            ("%", "%"),
            ("%4", "%4"),
            ("%g1%41", "%g1A"),
            ("%4%41", "%4A"),
            ("%%41", "%A"),
            ("a+b%2B", "a b+"),
            ("%+", "% "),
        ] {
            assert_eq!(decode(Escapes::Percent, &[raw.as_bytes()]).0, decoded.as_bytes(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn cutting_the_input_anywhere_changes_nothing(
            parts in prop::collection::vec(prop_oneof![
                Just(r"\".to_owned()), Just(r"\u".to_owned()), Just(r"\ud83d".to_owned()), Just(r"\ude00".to_owned()),
                Just("%".to_owned()), Just("%4".to_owned()), "[a-f0-9nu/\\\\%]{0,6}", "\\PC{0,4}",
            ], 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let raw = parts.concat().into_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(raw.len() + 1)).chain([0, raw.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &raw[pair[0]..pair[1]]).collect();
            for escapes in [Escapes::Json, Escapes::Percent] {
                let whole = decode(escapes, &[&raw]);
                prop_assert_eq!(&decode(escapes, &pieces), &whole);
                prop_assert_eq!(whole.1.iter().map(|&len| usize::from(len)).sum::<usize>(), raw.len());
                prop_assert_eq!(whole.0.len(), whole.1.len());
                prop_assert!(whole.0.len() <= raw.len());
            }
        }
    }
}

//! Escapes undone byte by byte, with a map back to the raw bytes.
//!
//! There is no parser here. Escapes are undone wherever they stand, in keys, values and malformed documents alike, so that
//! nothing can hide in a difference between two parsers. What is not an escape passes through unchanged. The state between
//! pieces is at most twelve bytes, and the output does not depend on where the input was cut. Encodings that have to be
//! guessed, such as base64, are the business of [`super::disguise`]; what characters look like, of [`super::normalize`].

mod parse;

use zeroize::Zeroize as _;

use super::wiped::Wiped;
use parse::{Parsed, parse_any, parse_json, parse_percent};

/// Longest escape: a surrogate pair, `\uD83D\uDE00`.
pub(super) const LONGEST: usize = 12;
/// Places are marked to the stretch of this many bytes.
pub(super) const STRETCH: u64 = 64;

/// Raw bytes that a decoded byte stands for, with a mark when it is not what stood there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawLength(u16);

impl RawLength {
    /// A byte that stands for itself.
    pub(super) const ONE: Self = Self(1);
    const CHANGED: u16 = 1 << 15;

    /// A byte that was made of so many others; of a great many, as many as can be counted.
    pub(super) fn changed(raw: usize) -> Self {
        Self(u16::try_from(raw).unwrap_or(u16::MAX) & !Self::CHANGED | Self::CHANGED)
    }

    pub(super) fn get(self) -> usize {
        usize::from(self.0 & !Self::CHANGED)
    }

    pub(super) fn is_changed(self) -> bool {
        self.0 & Self::CHANGED != 0
    }

    /// The same without the mark.
    pub(super) fn unmarked(self) -> Self {
        Self(self.0 & !Self::CHANGED)
    }
}

/// How many raw bytes they are together.
pub(super) fn raw_len(lengths: &[RawLength]) -> usize {
    // Narrow sums of a bounded number of them, so that many are added at once: this is asked of every byte.
    let sums = lengths
        .chunks(1 << 16)
        .map(|some| some.iter().fold(0u32, |sum, length| sum.wrapping_add(u32::from(length.0 & !RawLength::CHANGED))));
    sums.map(|sum| usize::try_from(sum).unwrap_or(usize::MAX)).sum()
}

/// The first `count` of them, or all.
pub(super) fn first_of(lengths: &[RawLength], count: usize) -> &[RawLength] {
    lengths.get(..count).unwrap_or(lengths)
}

/// The last `count` of them, or all.
pub(super) fn last_of(lengths: &[RawLength], count: usize) -> &[RawLength] {
    lengths.get(lengths.len().saturating_sub(count)..).unwrap_or_default()
}

/// What has to be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// RFC 8259 §7: `\n`, `\/`, `\u0041`, surrogate pairs.
    Json,
    /// RFC 3986 §2.1: `%41`, and the plus sign of forms, which stands for a blank (WHATWG URL §5.1). A base64 secret that
    /// was sent with bare plus signs is found in the bytes as sent.
    Percent,
    /// Whatever may be undone by who gets the text: those of JSON and of JavaScript (`\x41`, `\u{41}`), `%41`, and the
    /// character references of HTML (`&#65;`, `&#x41;`, some names).
    Any,
}

/// Decoded bytes, and for each how many raw bytes it stands for.
///
/// The first byte of a decoded escape carries the escape's whole length and the others carry none, so that the sum over
/// any stretch is its length in raw bytes.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) bytes: Wiped,
    pub(super) raw_lengths: Vec<RawLength>,
    /// Whether any byte is not what it was, or does not stand for one.
    pub(super) changed: bool,
}

impl Decoded {
    /// Reserves room for what a slice of `slice` bytes can decode to: growing would leave copies behind in freed memory.
    pub(super) fn for_slices(slice: usize) -> Self {
        let room = slice + 2 * LONGEST;
        Self { bytes: Wiped::with_capacity(room), raw_lengths: Vec::with_capacity(room), changed: false }
    }

    /// Adds bytes that stand for themselves.
    pub(super) fn plain(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.raw_lengths.resize(self.bytes.len(), RawLength::ONE);
    }

    /// Adds bytes that stand for `raw_length` others.
    pub(super) fn escape(&mut self, decoded: &[u8], raw_length: usize) {
        self.changed = true;
        self.bytes.extend_from_slice(decoded);
        self.raw_lengths.push(RawLength::changed(raw_length));
        self.raw_lengths.resize(self.bytes.len(), RawLength(0));
    }

    /// Adds bytes and the raw lengths that they came with.
    pub(super) fn copy(&mut self, bytes: &[u8], raw_lengths: &[RawLength]) {
        self.bytes.extend_from_slice(bytes);
        self.raw_lengths.extend_from_slice(raw_lengths);
    }

    /// Forgets what is not as it was: from here on this is what stands there.
    pub(super) fn accept(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.raw_lengths.iter_mut().for_each(|length| *length = length.unmarked());
        }
    }

    /// Empties it. The bytes are overwritten by the next slice, and on drop: wiping them each time cost more than the scan.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.raw_lengths.clear();
        self.changed = false;
    }
}

/// Undoes one kind of escape over a sequence of pieces.
#[derive(Debug)]
pub(super) struct Decoder {
    escapes: Escapes,
    /// The beginning of an escape whose end was not seen yet, and the raw bytes each of its bytes stands for.
    held: [u8; LONGEST],
    held_raw: [RawLength; LONGEST],
    held_len: usize,
    /// Bytes taken so far.
    taken: u64,
    /// Stretches of the input in which letters were written as escapes, not only line breaks and quotes.
    pub(super) hidden: Vec<u64>,
}

impl Decoder {
    pub(super) fn new(escapes: Escapes) -> Self {
        Self {
            escapes,
            held: [0; LONGEST],
            held_raw: [RawLength::ONE; LONGEST],
            held_len: 0,
            taken: 0,
            hidden: Vec::new(),
        }
    }

    /// Whether bytes without an introducer would pass unchanged.
    pub(super) fn is_idle(&self) -> bool {
        self.held_len == 0
    }

    /// The next byte an escape may begin with.
    pub(super) fn introducer(&self, bytes: &[u8]) -> Option<usize> {
        match self.escapes {
            Escapes::Json => memchr::memchr(b'\\', bytes),
            Escapes::Percent => memchr::memchr2(b'%', b'+', bytes),
            Escapes::Any => memchr::memchr3(b'\\', b'%', b'&', bytes),
        }
    }

    /// Raw bytes taken that no decoded byte stands for yet.
    pub(super) fn held(&self) -> usize {
        raw_len(first_of(&self.held_raw, self.held_len))
    }

    /// Decodes the next piece of raw bytes. At most [`LONGEST`] bytes more come out than went in.
    pub(super) fn push(&mut self, mut raw: &[u8], out: &mut Decoded) {
        while let Some(&first) = raw.first() {
            if self.held_len == 0 {
                let plain = self.introducer(raw).unwrap_or(raw.len());
                let (before, rest) = raw.split_at(plain);
                out.plain(before);
                self.taken += before.len() as u64;
                raw = rest;
                if let Some(parsed) = self.at_once(raw) {
                    let used = self.pass(parsed, raw, None, out);
                    raw = raw.get(used..).unwrap_or_default();
                } else if let Some((&introducer, rest)) = raw.split_first() {
                    self.hold(introducer, RawLength::ONE);
                    raw = rest;
                    self.resolve(out, false);
                }
            } else {
                self.hold(first, RawLength::ONE);
                raw = raw.get(1..).unwrap_or_default();
                self.resolve(out, false);
            }
        }
    }

    /// Decodes the next piece of bytes that were decoded before.
    pub(super) fn push_decoded(&mut self, from: &Decoded, out: &mut Decoded) {
        let (mut bytes, mut raw) = (from.bytes.as_slice(), from.raw_lengths.as_slice());
        while !bytes.is_empty() {
            let plain = if self.held_len == 0 { self.introducer(bytes).unwrap_or(bytes.len()) } else { 0 };
            let (before, rest) = bytes.split_at(plain);
            let (before_raw, rest_raw) = raw.split_at(plain.min(raw.len()));
            out.copy(before, before_raw);
            self.taken += before.len() as u64;
            if self.held_len == 0
                && let Some(parsed) = self.at_once(rest)
            {
                let used = self.pass(parsed, rest, Some(rest_raw), out);
                (bytes, raw) = (rest.get(used..).unwrap_or_default(), rest_raw.get(used..).unwrap_or_default());
                continue;
            }
            let (Some((&next, after)), Some((&length, after_raw))) = (rest.split_first(), rest_raw.split_first())
            else {
                return;
            };
            self.hold(next, length);
            self.resolve(out, false);
            (bytes, raw) = (after, after_raw);
        }
    }

    /// The input is complete: an open escape is none.
    pub(super) fn finish(&mut self, out: &mut Decoded) {
        self.resolve(out, true);
    }

    /// Whether anything in `bytes` is an escape, or may turn out to be one.
    pub(super) fn may_undo(&self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while let Some(at) = self.introducer(rest) {
            rest = rest.get(at..).unwrap_or_default();
            match self.at_once(rest) {
                Some(Parsed::Verbatim(used)) => rest = rest.get(used..).unwrap_or_default(),
                _ => return true,
            }
        }
        false
    }

    /// What stands at the beginning of `bytes`, which is not empty, when that can be told from what is there.
    fn at_once(&self, bytes: &[u8]) -> Option<Parsed> {
        let longest = bytes.get(..LONGEST).unwrap_or(bytes);
        let parsed = match self.escapes {
            _ if longest.is_empty() => return None,
            Escapes::Json => parse_json(longest, false),
            Escapes::Percent => parse_percent(longest),
            Escapes::Any => parse_any(longest, false),
        };
        match parsed {
            Parsed::Incomplete if longest.len() < LONGEST => None,
            Parsed::Incomplete => Some(Parsed::Verbatim(1)),
            parsed => Some(parsed),
        }
    }

    /// Emits what stands at the beginning of `bytes`; answers how many of them that takes.
    fn pass(&mut self, parsed: Parsed, bytes: &[u8], raw: Option<&[RawLength]>, out: &mut Decoded) -> usize {
        let raw_of = |used: usize| raw.map_or(used, |raw| raw_len(first_of(raw, used)));
        let used = match parsed {
            Parsed::Incomplete => 1,
            Parsed::Verbatim(used) | Parsed::Character(_, used) | Parsed::Byte(_, used) => used.clamp(1, bytes.len()),
        };
        self.taken += used as u64;
        match parsed {
            Parsed::Incomplete | Parsed::Verbatim(_) => match raw {
                None => out.plain(bytes.get(..used).unwrap_or_default()),
                Some(raw) => {
                    out.copy(bytes.get(..used).unwrap_or_default(), raw.get(..used).unwrap_or_default());
                }
            },
            Parsed::Character(character, _) => {
                self.hide(self.taken);
                out.escape(character.encode_utf8(&mut [0; 4]).as_bytes(), raw_of(used));
            }
            Parsed::Byte(byte, _) => out.escape(&[byte], raw_of(used)),
        }
        used
    }

    fn hold(&mut self, byte: u8, raw: RawLength) {
        self.taken += 1;
        // `resolve` runs after every byte and an escape is complete at LONGEST, so there is always room.
        if let (Some(place), Some(length)) = (self.held.get_mut(self.held_len), self.held_raw.get_mut(self.held_len)) {
            *place = byte;
            *length = raw;
            self.held_len += 1;
        }
    }

    /// Emits what is decided about the held bytes and keeps the rest.
    fn resolve(&mut self, out: &mut Decoded, last: bool) {
        while self.held_len > 0 {
            let held = &self.held[..self.held_len];
            let parsed = match self.escapes {
                Escapes::Json if held[0] == b'\\' => parse_json(held, last),
                Escapes::Percent => parse_percent(held),
                Escapes::Any => parse_any(held, last),
                Escapes::Json => Parsed::Verbatim(1),
            };
            let used = match parsed {
                Parsed::Incomplete if !last && self.held_len < LONGEST => return,
                Parsed::Incomplete => self.verbatim(1, out),
                Parsed::Verbatim(used) => self.verbatim(used, out),
                Parsed::Character(character, used) => {
                    self.hide(self.taken - (self.held_len - used.min(self.held_len)) as u64);
                    self.escape(character.encode_utf8(&mut [0; 4]).as_bytes(), used, out)
                }
                Parsed::Byte(byte, used) => self.escape(&[byte], used, out),
            };
            self.held.copy_within(used..self.held_len, 0);
            self.held_raw.copy_within(used..self.held_len, 0);
            self.held_len -= used;
        }
    }

    fn verbatim(&self, used: usize, out: &mut Decoded) -> usize {
        let used = used.clamp(1, self.held_len);
        out.copy(&self.held[..used], &self.held_raw[..used]);
        used
    }

    fn escape(&self, decoded: &[u8], used: usize, out: &mut Decoded) -> usize {
        let used = used.clamp(1, self.held_len);
        out.escape(decoded, raw_len(&self.held_raw[..used]));
        used
    }

    /// Marks the stretch in which an escape for a letter ends, just before `end`.
    fn hide(&mut self, end: u64) {
        let stretch = end.saturating_sub(1) / STRETCH * STRETCH;
        if self.hidden.last() != Some(&stretch) {
            self.hidden.push(stretch);
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(escapes: Escapes, pieces: &[&[u8]]) -> (Vec<u8>, Vec<RawLength>) {
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
        assert_eq!(json(r"\ud83d"), "\u{fffd}");
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
                prop_assert_eq!(raw_len(&whole.1), raw.len());
                prop_assert_eq!(whole.0.len(), whole.1.len());
                prop_assert!(whole.0.len() <= raw.len());
            }
        }
    }
}

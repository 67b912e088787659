//! The ways in which a known value is written when it leaves: as it is, encoded, escaped.
//!
//! Encodings that work on groups of bytes are written for each phase at which the value may begin within a group, less the
//! characters that its neighbours share. Every buffer is overwritten when it is dropped. Next: [`super::literals`].

use zeroize::Zeroizing;

use crate::model::View;

/// One form of a value.
pub(super) struct Form<'a> {
    pub(super) bytes: &'a [u8],
    /// The rendering in which the value would be visible.
    pub(super) view: View,
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE32_LOWER: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const HEX_LOWER: &[u8; 16] = b"0123456789abcdef";
const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Calls `take` with each form, equal ones possibly twice.
pub(super) fn each(value: &[u8], caseless: bool, mut take: impl FnMut(Form<'_>)) {
    plain(value, &mut take);
    if caseless {
        plain(&Zeroizing::new(value.to_ascii_lowercase()), &mut take);
        plain(&Zeroizing::new(value.to_ascii_uppercase()), &mut take);
    }
}

fn plain(value: &[u8], take: &mut impl FnMut(Form<'_>)) {
    take(Form { bytes: value, view: View::Raw });
    let reversed: Zeroizing<Vec<u8>> = Zeroizing::new(value.iter().rev().copied().collect());
    take(Form { bytes: &reversed, view: View::Reversed });
    let mut decoded = |bytes: Zeroizing<Vec<u8>>| take(Form { bytes: &bytes, view: View::Decoded });
    for alphabet in [BASE64, BASE64_URL] {
        (0..3).for_each(|phase| decoded(bit_groups(value, phase, 6, alphabet)));
    }
    for alphabet in [BASE32, BASE32_LOWER] {
        (0..5).for_each(|phase| decoded(bit_groups(value, phase, 5, alphabet)));
    }
    for digits in [HEX_LOWER, HEX_UPPER] {
        decoded(bit_groups(value, 0, 4, digits));
    }
    // Base64 twice, as the phases of the outer one fall: the inner text stands alone there as a rule.
    let inner = bit_groups(value, 0, 6, BASE64);
    (0..3).for_each(|phase| decoded(bit_groups(&inner, phase, 6, BASE64)));
    for digits in [HEX_LOWER, HEX_UPPER] {
        take(Form { bytes: &percent(value, digits, false), view: View::Percent });
        take(Form { bytes: &percent(value, digits, true), view: View::Percent });
        take(Form { bytes: &json(value, digits, false), view: View::Text });
        take(Form { bytes: &json(value, digits, true), view: View::Text });
    }
}

/// The value in groups of `bits`, when `phase` bytes stand before it in its group: only characters that the value alone
/// decides.
fn bit_groups(value: &[u8], phase: usize, bits: usize, alphabet: &[u8]) -> Zeroizing<Vec<u8>> {
    let skipped = (phase * 8).div_ceil(bits) * bits - phase * 8;
    let total = value.len() * 8;
    let bit_at = |at: usize| value.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let group = |start: usize| (0..bits).fold(0u8, |group, bit| group << 1 | bit_at(start + bit));
    let starts = (skipped..).step_by(bits).take_while(|start| start + bits <= total);
    let mut text = Zeroizing::new(Vec::with_capacity(total / bits + 1));
    text.extend(starts.filter_map(|start| alphabet.get(usize::from(group(start)))));
    text
}

/// Percent-encoding (RFC 3986 §2.1) of all but unreserved characters, or as forms write it: a blank as `+`.
fn percent(value: &[u8], digits: &[u8; 16], form: bool) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for &byte in value {
        match byte {
            b' ' if form => text.push(b'+'),
            b'*' if form => text.push(byte),
            b'~' if form => hex(&mut text, b"%", byte, digits),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => text.push(byte),
            _ => hex(&mut text, b"%", byte, digits),
        }
    }
    text
}

/// A JSON string's escapes (RFC 8259 §7); `wary` as those write it who escape what HTML would take for its own.
fn json(value: &[u8], digits: &[u8; 16], wary: bool) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for &byte in value {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', byte]),
            b'/' if wary => text.extend_from_slice(br"\/"),
            b'<' | b'>' | b'&' | b'\'' if wary => hex(&mut text, br"\u00", byte, digits),
            b'\n' => text.extend_from_slice(br"\n"),
            b'\r' => text.extend_from_slice(br"\r"),
            b'\t' => text.extend_from_slice(br"\t"),
            _ => text.push(byte),
        }
    }
    text
}

fn hex(text: &mut Vec<u8>, before: &[u8], byte: u8, digits: &[u8; 16]) {
    text.extend_from_slice(before);
    text.extend([byte >> 4, byte & 15].iter().filter_map(|digit| digits.get(usize::from(*digit))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_agree_with_the_examples_of_the_standard() {
        // RFC 4648 §10.
        let text = |value: &str, phase, bits, alphabet: &[u8]| {
            String::from_utf8(bit_groups(value.as_bytes(), phase, bits, alphabet).to_vec()).unwrap()
        };
        assert_eq!(text("foobar", 0, 6, BASE64), "Zm9vYmFy");
        assert_eq!(text("foobar", 0, 5, BASE32), "MZXW6YTBO", "MZXW6YTBOI====== less what the padding decides");
        assert_eq!(text("foobar", 0, 4, HEX_UPPER), "666F6F626172");
        // "xfoobar" is eGZvb2Jhcg==, "xxfoobar" is eHhmb29iYXI=.
        assert_eq!(text("foobar", 1, 6, BASE64), "Zvb2Jhc");
        assert_eq!(text("foobar", 2, 6, BASE64), "mb29iYX");
    }

    #[test]
    fn escapes_are_those_that_encoders_write() {
        let value = br#"a/b+c"d ~"#;
        let text = |bytes: Zeroizing<Vec<u8>>| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text(percent(value, HEX_UPPER, false)), "a%2Fb%2Bc%22d%20~");
        assert_eq!(text(percent(value, HEX_LOWER, true)), "a%2fb%2bc%22d+%7e");
        assert_eq!(text(json(value, HEX_LOWER, false)), r#"a/b+c\"d ~"#);
        assert_eq!(text(json(b"a/b&c", HEX_LOWER, true)), r"a\/b\u0026c");
    }
}

//! Encodings that have no introducer: base64 in both alphabets, base32, hex, and what may be compressed below.
//!
//! An attempt counts when what comes out is text in part; random bytes are no text for long.

use std::io::Read as _;

use crate::scan::wiped::Wiped;

use super::{SHORTEST, WORDY, is_word};

/// Bytes that came out of one way of decoding.
pub(super) struct Attempt {
    pub(super) bytes: Wiped,
}

/// Printable bytes in a row that random bytes do not have: one in 150 000 places begins so many.
const TEXT: usize = 12;
/// Bytes that are text when all of them are printable: one run of nine in ten thousand is by chance.
const SHORT: usize = 8;
/// Most bytes that are inflated of one run: below this are a token and the document around it.
const INFLATED: u64 = 8 << 10;

/// Reports every way of decoding `token` that yields text. When it is `continued`, it did not begin where it does here.
///
/// What a token is joined to by a character of base64, as in a path or after a name, is decoded apart from it as well. One
/// way is enough only where nearly everything became text: otherwise what is text may be there to hide what is not.
///
/// Nearly every guess is wrong, so all are made in the one buffer `room`, and only what is text is copied.
pub(super) fn attempts(token: &[u8], continued: bool, room: &mut Wiped, mut report: impl FnMut(Attempt)) {
    let mut keep = |bytes: &[u8]| {
        let Some(bytes) = accept(bytes, continued) else { return false };
        let all = is_nearly_all_text(&bytes);
        report(Attempt { bytes });
        all
    };
    if digits(token, room, &mut keep) {
        return;
    }
    // A date, a hash or a UUID is no text in base64, whatever it is joined from.
    if alphabets(token) & NUMBER != 0 {
        for part in token.split(|&byte| joins(byte)).filter(|part| part.len() >= 2 * SHORT && part.len() < token.len())
        {
            digits(part, room, &mut keep);
        }
        return;
    }
    let phases = base64_phases(token);
    let mut decoded = 0;
    let mut start = 0;
    for part in token.split(|&byte| joins(byte)) {
        let own = part.len() >= SHORTEST && part.len() < token.len();
        let phase = phases >> (start % 4) & 1 != 0;
        if own
            && ((part.len() >= WORDY || !is_word(part)) && digits(part, room, &mut keep)
                || phase && base64(part, room) && keep(room))
        {
            decoded += part.len();
        }
        start += part.len() + 1;
    }
    if decoded * 8 >= token.len() * 7 {
        return;
    }
    // A token in front may have joined the run, so that it does not begin with a group.
    for phase in (0..4).filter(|phase| phases >> phase & 1 != 0) {
        if token.get(phase..).is_some_and(|token| base64(token, room)) && keep(room) {
            return;
        }
    }
}

/// Tries hex, which may begin with a half byte that is not its own, and base32.
fn digits(token: &[u8], room: &mut Wiped, keep: &mut impl FnMut(&[u8]) -> bool) -> bool {
    // `0x` and the half byte may stand in front of what is all hexadecimal.
    let alphabets = alphabets(token.get(2..).unwrap_or_default());
    let hexadecimal = alphabets & HEXADECIMAL != 0;
    hexadecimal
        && (hex(token, room) && keep(room) || token.get(1..).is_some_and(|token| hex(token, room)) && keep(room))
        || alphabets & (BASE32_LARGE | BASE32_SMALL) != 0 && base32(token, room) && keep(room)
}

/// Alphabets, one bit each: see [`alphabets`].
const HEXADECIMAL: u8 = 1;
const BASE32_LARGE: u8 = 2;
const BASE32_SMALL: u8 = 4;
/// Small hexadecimal digits, dashes, and the letter of a timestamp.
const NUMBER: u8 = 8;

static ALPHABETS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        let digit = matches!(byte, b'2'..=b'7');
        table[byte as usize] = (byte.is_ascii_hexdigit() as u8 * HEXADECIMAL)
            | ((digit || byte.is_ascii_uppercase()) as u8 * BASE32_LARGE)
            | ((digit || byte.is_ascii_lowercase()) as u8 * BASE32_SMALL)
            | (matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-' | b'T') as u8 * NUMBER);
        byte += 1;
    }
    table
};

/// The alphabets that all bytes of a token belong to.
fn alphabets(token: &[u8]) -> u8 {
    // Nearly every token is ruled out within a few bytes.
    let mut alphabets = HEXADECIMAL | BASE32_LARGE | BASE32_SMALL | NUMBER;
    for &byte in token {
        alphabets &= ALPHABETS[usize::from(byte)];
        if alphabets == 0 {
            break;
        }
    }
    alphabets
}

/// Whether a character of base64 also stands between words.
fn joins(byte: u8) -> bool {
    matches!(byte, b'/' | b'+' | b'-' | b'_')
}

/// Whether at most one byte in eight is no text.
fn is_nearly_all_text(bytes: &[u8]) -> bool {
    let text = bytes.iter().filter(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')).count();
    text * 8 >= bytes.len() * 7 || std::str::from_utf8(bytes).is_ok()
}

/// What of decoded bytes is text: all, or what is left without the zeros of UTF-16, or inflated.
fn accept(bytes: &[u8], continued: bool) -> Option<Wiped> {
    // A look at all bytes together is faster than one at every second. It comes first: zeros are UTF-8, too.
    if memchr::memchr(0, bytes).is_some() {
        let zeros = |skipped: usize| bytes.iter().skip(skipped).step_by(2).filter(|&&byte| byte == 0).count();
        let zeros = zeros(1).max(zeros(0));
        if zeros >= TEXT && zeros * 5 >= bytes.len() * 2 {
            let narrow = Wiped::collect(bytes.len(), bytes.iter().copied().filter(|&byte| byte != 0));
            return has_text(&narrow).then_some(narrow);
        }
    }
    if has_text(bytes) {
        return Some(Wiped::concat(&[bytes]));
    }
    if continued {
        return None;
    }
    inflate(bytes).filter(|bytes| has_text(bytes))
}

fn has_text(bytes: &[u8]) -> bool {
    let mut row = 0;
    if bytes.len() < TEXT {
        return bytes.len() >= SHORT && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    }
    bytes.iter().any(|&byte| {
        let printable = matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
        row = if printable { row + 1 } else { 0 };
        row >= TEXT
    }) || (bytes.len() >= TEXT
        && std::str::from_utf8(bytes.get(..bytes.len().saturating_sub(4)).unwrap_or_default()).is_ok())
}

/// Undoes gzip and zlib, told by their first bytes (RFC 1952 §2.3.1, RFC 1950 §2.2). A stream that is cut short gives what
/// it has.
fn inflate(bytes: &[u8]) -> Option<Wiped> {
    let mut plain = Wiped::default();
    let limit = INFLATED;
    // An error at the end means that the rest is missing or broken: what came before it counts.
    let _ = match bytes {
        [0x1f, 0x8b, 8, ..] => flate2::read::GzDecoder::new(bytes).take(limit).read_to_end(&mut plain),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            flate2::read::ZlibDecoder::new(bytes).take(limit).read_to_end(&mut plain)
        }
        _ => return None,
    };
    Some(plain)
}

/// A letter half the alphabet away; any other byte as it is.
pub(super) fn rotated(byte: u8) -> u8 {
    match byte {
        b'a'..=b'm' | b'A'..=b'M' => byte + 13,
        b'n'..=b'z' | b'N'..=b'Z' => byte - 13,
        _ => byte,
    }
}

/// Whether a token begins like a well-known credential whose letters were moved by half the alphabet. Undoing that everywhere
/// would be a second scan of everything for a cipher that protects nothing.
pub(super) fn is_rotated(token: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 24] = [
        b"ghp_",
        b"gho_",
        b"ghs_",
        b"ghu_",
        b"ghr_",
        b"github_pat_",
        b"glpat-",
        b"sk-ant-",
        b"sk-proj-",
        b"sk-svcacct-",
        b"AKIA",
        b"ASIA",
        b"xoxb-",
        b"xoxp-",
        b"sk_live_",
        b"rk_live_",
        b"npm_",
        b"pypi-",
        b"AIza",
        b"SG",
        b"hf_",
        b"gsk_",
        b"dop_v1_",
        b"shpat_",
    ];
    let begins = |beginning: &&[u8]| {
        token.len() > beginning.len() && beginning.iter().zip(token).all(|(&byte, &own)| rotated(own) == byte)
    };
    BEGINNINGS.iter().any(begins)
}

/// The value of each hexadecimal digit; 16 for anything else.
static HEX: [u8; 256] = {
    let mut table = [16u8; 256];
    let mut value = 0u8;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// Decodes into `out`; whether the token is hexadecimal.
fn hex(token: &[u8], out: &mut Wiped) -> bool {
    let digits = token.strip_prefix(b"0x").unwrap_or(token);
    let nibble = |byte: u8| HEX[usize::from(byte)];
    if !digits.iter().all(|&byte| nibble(byte) < 16) {
        return false;
    }
    // A hash is no text, and needs no decoding for that.
    if !may_be_text(digits) {
        return false;
    }
    out.clear();
    out.extend(digits.as_chunks::<2>().0.iter().map(|&[high, low]| nibble(high) << 4 | nibble(low)));
    true
}

/// Whether hexadecimal digits may be those of something that [`accept`] accepts.
fn may_be_text(digits: &[u8]) -> bool {
    if digits.len() < 2 * TEXT + 2 {
        return true;
    }
    let pairs = digits.as_chunks::<2>().0;
    let (mut row, mut longest, mut zeros) = (0, 0, 0);
    for &[high, low] in pairs {
        let printable = matches!(high, b'2'..=b'7') || high == b'0' && matches!(low, b'9' | b'a' | b'A' | b'd' | b'D');
        row = if printable { row + 1 } else { 0 };
        longest = usize::max(longest, row);
        zeros += usize::from(high == b'0' && low == b'0');
    }
    let mut head = [0; 12];
    for (place, &[high, low]) in head.iter_mut().zip(pairs) {
        *place = HEX[usize::from(high)] << 4 | HEX[usize::from(low)];
    }
    let sound = head.get(..pairs.len().saturating_sub(4)).unwrap_or(&head);
    // UTF-16 is half zeros; other UTF-8, and what is packed, is told by how it begins.
    longest >= TEXT || zeros >= TEXT || matches!(head, [0x1f, 0x8b, 8, ..] | [0x78, ..]) || is_beginning_of_utf8(sound)
}

/// Whether bytes are UTF-8, of which the last character may be cut.
fn is_beginning_of_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// RFC 4648 §6, in capitals or small letters: decodes into `out`; whether the token is of that alphabet.
fn base32(token: &[u8], out: &mut Wiped) -> bool {
    let small = token.iter().any(u8::is_ascii_lowercase);
    let fits = |byte: &u8| {
        matches!(byte, b'2'..=b'7') || if small { byte.is_ascii_lowercase() } else { byte.is_ascii_uppercase() }
    };
    if !token.iter().all(fits) {
        return false;
    }
    out.clear();
    let (mut bits, mut count) = (0u32, 0);
    for &byte in token {
        let value = match byte {
            b'A'..=b'Z' if !small => byte - b'A',
            b'a'..=b'z' if small => byte - b'a',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return false,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count).to_le_bytes()[0]);
        }
    }
    true
}

/// What each byte stands for in base64, in either alphabet (RFC 4648 §4, §5); 64 for none.
static BASE64: [u8; 256] = {
    let mut table = [64u8; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0u8;
    while value < 64 {
        table[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

/// At which of the first four places a group may begin so that [`accept`] accepts what comes out: one bit each. Looked at
/// first, as nearly all runs are words and names.
fn base64_phases(token: &[u8]) -> u8 {
    // UTF-16 is half zeros; gzip and zlib begin with a number.
    let zeros = memchr::memchr_iter(b'A', token).count();
    let head = token.get(..6).unwrap_or(token);
    let packed = head.windows(2).any(|pair| matches!(pair, b"H4" | [b'e', b'A'..=b'N']));
    if zeros * 4 > token.len() || packed {
        return 0b1111;
    }
    // Twelve printable bytes in a row fill three groups and the last byte before them at least; a short text is printable as
    // a whole.
    let short = token.len() < 20;
    let (mut full, mut last, mut phases) = (0u16, 0u16, 0u8);
    let class = |byte: &u8| PRINTABLE_BITS[usize::from(*byte)];
    let (mut a, mut b) = (token.first().map_or(0, class), token.get(1).map_or(0, class));
    for (place, c) in token.iter().skip(2).map(class).enumerate() {
        full = full << 1 | u16::from(a & b >> 1 & c >> 2 & 1);
        last = last << 1 | u16::from(c >> 2 & 1);
        (a, b) = (b, c);
        let row = full & full >> 4 & if short { 1 } else { full >> 8 & last >> 12 };
        phases |= u8::from(row & 1 != 0) << (place % 4);
    }
    // Other UTF-8 is so from its first byte on.
    for phase in 0..4usize {
        if phases >> phase & 1 == 0 && token.get(phase..).is_some_and(begins_like_utf8) {
            phases |= 1 << phase;
        }
    }
    phases
}

/// For each byte of base64 whether its value allows printable bytes as the first, second or third of a group: one bit each.
static PRINTABLE_BITS: [u8; 256] = {
    let mut bits = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = BASE64[byte];
        if value < 64 {
            // High bits of the first byte, of the second and of the third; tabs and line breaks begin with four zeros.
            let first = matches!(value, 2..=3 | 8..=31);
            let second = matches!(value & 15, 0 | 2..=7);
            bits[byte] = first as u8 | (second as u8) << 1 | ((value & 2 == 0) as u8) << 2;
        }
        byte += 1;
    }
    bits
};

fn begins_like_utf8(token: &[u8]) -> bool {
    let value = |byte: u8| BASE64[usize::from(byte)];
    // The first byte of a character is neither of 0x80..0xc0 nor above 0xf4.
    if token.first().is_none_or(|&first| matches!(value(first), 32..48 | 62..)) {
        return false;
    }
    // The second byte goes on a character exactly when the first began one.
    if let &[a, b, c, ..] = token {
        let (first, second) = (value(a) << 2 | value(b) >> 4 & 3, value(b) << 4 | value(c) >> 2 & 15);
        if (first >= 0x80) != (0x80..0xc0).contains(&second) {
            return false;
        }
    }
    let mut head = [0; 12];
    for (place, &[a, b, c, d]) in head.as_chunks_mut::<3>().0.iter_mut().zip(token.as_chunks::<4>().0) {
        let bits =
            u32::from(value(a)) << 18 | u32::from(value(b)) << 12 | u32::from(value(c)) << 6 | u32::from(value(d));
        let [_, high, middle, low] = bits.to_be_bytes();
        *place = [high, middle, low];
    }
    is_beginning_of_utf8(&head)
}

/// Base64 without its padding, decoded into `out`; whether there was any.
fn base64(token: &[u8], out: &mut Wiped) -> bool {
    out.clear();
    let value = |byte: u8| u32::from(BASE64[usize::from(byte)]);
    let (groups, rest) = token.as_chunks::<4>();
    for &[a, b, c, d] in groups {
        let bits = value(a) << 18 | value(b) << 12 | value(c) << 6 | value(d);
        let [high, middle, low, _] = (bits << 8).to_be_bytes();
        out.extend([high, middle, low]);
    }
    match *rest {
        [a, b] => out.push((value(a) << 2 | value(b) >> 4).to_le_bytes()[0]),
        [a, b, c] => {
            let bits = value(a) << 10 | value(b) << 4 | value(c) >> 2;
            out.extend([bits.to_le_bytes()[1], bits.to_le_bytes()[0]]);
        }
        _ => {}
    }
    !out.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &[u8]) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut encoded = String::new();
        for group in text.chunks(3) {
            let bits = group.iter().chain([&0, &0]).take(3).fold(0usize, |bits, &byte| bits << 8 | usize::from(byte));
            for place in 0..=group.len() {
                encoded.push(char::from(alphabet[bits >> (18 - 6 * place) & 63]));
            }
        }
        encoded
    }

    fn decoded(token: &str) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        attempts(token.as_bytes(), false, &mut Wiped::default(), |attempt| all.push(attempt.bytes.to_vec()));
        all
    }

    #[test]
    fn text_in_base64_is_found_wherever_its_groups_begin() {
        let wide: Vec<u8> = "password=Tr0ub4dor".bytes().flat_map(|byte| [byte, 0]).collect();
        let mixed = [&[0xff, 0x00, 0x9c, 0xfe, 0x81][..], b"pin: 4921 for the safe", &[0xf9, 0x88]].concat();
        for text in [b"078-05-1120".as_slice(), "пароль от сейфа".as_bytes(), b"user:hunter2-and-more", &wide, &mixed]
        {
            for before in ["", "x", "xy", "xyz"] {
                let token = format!("{before}{}", encode(text));
                assert!(!decoded(&token).is_empty(), "{token}");
            }
        }
    }

    #[test]
    fn names_and_numbers_are_not_decoded() {
        for token in ["2026-11-21T21", "7f3a9c21-0026-4fa6-8b79-273b10a6d4af", "created_at_timestamp_2026"] {
            assert_eq!(decoded(token), Vec::<Vec<u8>>::new(), "{token}");
        }
    }
}

//! Sixty-four bytes become one bit each: digit, letter, token byte, joint.
//!
//! With the vector instructions that every processor of the target has; `wide` does the same in ordinary integers where
//! there are none. What the bits mean together is found in [`super`].

use wide::u8x16;

/// One bit a byte, the first byte lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Masks {
    /// `0-9`.
    pub(super) digits: u64,
    /// `A-Za-z`.
    pub(super) letters: u64,
    /// `A-Za-z0-9+/_-`.
    pub(super) tokens: u64,
    /// What joins groups of digits: a blank, a dash, a dot.
    pub(super) joints: u64,
}

/// Classifies up to 64 bytes; those that are missing are nothing.
#[inline]
pub(super) fn classify(bytes: &[u8]) -> Masks {
    whole(padded(bytes, &mut [0; 64]))
}

#[inline]
fn whole(block: &[u8; 64]) -> Masks {
    let mut masks = Masks::default();
    for (place, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let (digits, letters) = (within(bytes, b'0', 10), within(bytes | u8x16::splat(0x20), b'a', 26));
        let dash = is(bytes, b'-');
        let tokens = digits | letters | others(bytes) | dash;
        let joints = is(bytes, b' ') | dash | is(bytes, b'.');
        masks.digits |= u64::from(digits.to_bitmask()) << (16 * place);
        masks.letters |= u64::from(letters.to_bitmask()) << (16 * place);
        masks.tokens |= u64::from(tokens.to_bitmask()) << (16 * place);
        masks.joints |= u64::from(joints.to_bitmask()) << (16 * place);
    }
    masks
}

/// Which of 64 bytes are token bytes.
#[inline]
pub(super) fn tokens(block: &[u8; 64]) -> u64 {
    let mut mask = 0;
    for (place, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let tokens =
            within(bytes, b'0', 10) | within(bytes | u8x16::splat(0x20), b'a', 26) | others(bytes) | is(bytes, b'-');
        mask |= u64::from(tokens.to_bitmask()) << (16 * place);
    }
    mask
}

/// Which of 64 bytes are letters.
#[inline]
pub(super) fn letters(block: &[u8; 64]) -> u64 {
    let mut mask = 0;
    for (place, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let letters = within(u8x16::new(*bytes) | u8x16::splat(0x20), b'a', 26);
        mask |= u64::from(letters.to_bitmask()) << (16 * place);
    }
    mask
}

/// What a token that is spelled out begins or ends with, one bit a byte.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Signs {
    /// `"` and `'`.
    pub(in crate::scan) quotes: u64,
    /// `=`.
    pub(in crate::scan) equals: u64,
    /// `0-9`.
    pub(in crate::scan) digits: u64,
}

/// Classifies up to 64 bytes; those that are missing are nothing.
#[inline]
pub(super) fn signs(bytes: &[u8]) -> Signs {
    let mut signs = Signs::default();
    for (place, bytes) in padded(bytes, &mut [0; 64]).as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let mask = |bytes: u8x16| u64::from(bytes.to_bitmask()) << (16 * place);
        signs.quotes |= mask(is(bytes, b'"') | is(bytes, b'\''));
        signs.equals |= mask(is(bytes, b'='));
        signs.digits |= mask(within(bytes, b'0', 10));
    }
    signs
}

/// The first 64 bytes, in `room` when there are fewer.
#[inline]
fn padded<'a>(bytes: &'a [u8], room: &'a mut [u8; 64]) -> &'a [u8; 64] {
    bytes.first_chunk().unwrap_or_else(|| {
        for (place, byte) in room.iter_mut().zip(bytes) {
            *place = *byte;
        }
        room
    })
}

/// What tells pieces of a token from words, one bit a byte.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Classes {
    /// Blanks and line breaks.
    pub(in crate::scan) blanks: u64,
    /// Line breaks.
    pub(in crate::scan) breaks: u64,
    /// `0-9`.
    pub(in crate::scan) digits: u64,
    /// `A-Z`.
    pub(in crate::scan) large: u64,
    /// `a-z`.
    pub(in crate::scan) small: u64,
}

/// Classifies up to 64 bytes; those that are missing are nothing.
#[inline]
pub(super) fn classes(bytes: &[u8]) -> Classes {
    let mut classes = Classes::default();
    for (place, bytes) in padded(bytes, &mut [0; 64]).as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let mask = |bytes: u8x16| u64::from(bytes.to_bitmask()) << (16 * place);
        let breaks = is(bytes, b'\n');
        classes.breaks |= mask(breaks);
        classes.blanks |= mask(is(bytes, b' ') | breaks);
        classes.digits |= mask(within(bytes, b'0', 10));
        classes.large |= mask(within(bytes, b'A', 26));
        classes.small |= mask(within(bytes, b'a', 26));
    }
    classes
}

/// What numbers of characters are made of, one bit a byte.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Digits {
    /// `0-9A-Za-z`.
    pub(in crate::scan) alphanumeric: u64,
    /// `0-9`.
    pub(in crate::scan) decimal: u64,
    /// `0-9A-Fa-f`.
    pub(in crate::scan) hexadecimal: u64,
    /// `x` and `X`.
    pub(in crate::scan) marks: u64,
    /// Backslashes.
    pub(in crate::scan) backslashes: u64,
}

/// Classifies up to 64 bytes; those that are missing are nothing.
#[inline]
pub(super) fn number_digits(bytes: &[u8]) -> Digits {
    let mut digits = Digits::default();
    for (place, bytes) in padded(bytes, &mut [0; 64]).as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let small = bytes | u8x16::splat(0x20);
        let mask = |bytes: u8x16| u64::from(bytes.to_bitmask()) << (16 * place);
        let decimal = within(bytes, b'0', 10);
        digits.decimal |= mask(decimal);
        digits.alphanumeric |= mask(decimal | within(small, b'a', 26));
        digits.hexadecimal |= mask(decimal | within(small, b'a', 6));
        digits.marks |= mask(is(small, b'x'));
        digits.backslashes |= mask(is(bytes, b'\\'));
    }
    digits
}

#[inline]
fn is(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.simd_eq(u8x16::splat(byte))
}

/// Bytes from `first` on, `count` of them: their distance is at most `count - 1`.
#[inline]
fn within(bytes: u8x16, first: u8, count: u8) -> u8x16 {
    let distance = bytes - u8x16::splat(first);
    distance.min(u8x16::splat(count - 1)).simd_eq(distance)
}

/// What tokens are made of beside letters, digits and the dash: `+` and `/`, which differ in one bit, and `_`.
#[inline]
fn others(bytes: u8x16) -> u8x16 {
    is(bytes | u8x16::splat(b'+' ^ b'/'), b'/') | is(bytes, b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytewise(block: &[u8; 64]) -> Masks {
        let mut masks = Masks::default();
        for (place, byte) in block.iter().enumerate() {
            let bit = |is: bool| u64::from(is) << place;
            masks.digits |= bit(byte.is_ascii_digit());
            masks.letters |= bit(byte.is_ascii_alphabetic());
            masks.tokens |= bit(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-'));
            masks.joints |= bit(matches!(byte, b' ' | b'-' | b'.'));
        }
        masks
    }

    #[test]
    fn every_byte_is_judged_alike_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..64 {
                for other in [b'x', b'7', b'-', 0xff, 0] {
                    let mut block = [other; 64];
                    block[place] = byte;
                    let masks = bytewise(&block);
                    assert_eq!(whole(&block), masks, "{byte:#x} at {place}, others {other:#x}");
                    assert_eq!((tokens(&block), letters(&block)), (masks.tokens, masks.letters));
                    assert_eq!((signs(&block).digits, number_digits(&block).decimal), (masks.digits, masks.digits));
                    let is_set = |mask: u64| mask >> place & 1 != 0;
                    let (signs, digits) = (signs(&block), number_digits(&block));
                    assert_eq!(is_set(signs.quotes), matches!(byte, b'"' | b'\''), "{byte:#x}");
                    assert_eq!(is_set(signs.equals), byte == b'=', "{byte:#x}");
                    assert_eq!(is_set(digits.alphanumeric), byte.is_ascii_alphanumeric(), "{byte:#x}");
                    assert_eq!(is_set(digits.hexadecimal), byte.is_ascii_hexdigit(), "{byte:#x}");
                    assert_eq!(is_set(digits.marks), matches!(byte, b'x' | b'X'), "{byte:#x}");
                    assert_eq!(is_set(digits.backslashes), byte == b'\\', "{byte:#x}");
                }
            }
        }
    }

    #[test]
    fn missing_bytes_are_nothing() {
        for length in 0..64 {
            let masks = classify(&[b'0'; 64][..length]);
            assert_eq!(masks.digits, (1 << length) - 1);
            assert_eq!((masks.tokens, masks.letters, masks.joints), (masks.digits, 0, 0));
        }
    }
}

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
    if let Some(block) = bytes.first_chunk::<64>() {
        return whole(block);
    }
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(bytes) {
        *place = *byte;
    }
    whole(&block)
}

#[inline]
fn whole(block: &[u8; 64]) -> Masks {
    let mut masks = Masks::default();
    for (place, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let [digits, letters, tokens, joints] = sixteen(u8x16::new(*bytes));
        masks.digits |= u64::from(digits) << (16 * place);
        masks.letters |= u64::from(letters) << (16 * place);
        masks.tokens |= u64::from(tokens) << (16 * place);
        masks.joints |= u64::from(joints) << (16 * place);
    }
    masks
}

/// Digits, letters, token bytes, joints of sixteen bytes.
#[inline]
fn sixteen(bytes: u8x16) -> [u32; 4] {
    let is = |bytes: u8x16, byte: u8| bytes.simd_eq(u8x16::splat(byte));
    // Bytes from `first` on, `count` of them: their distance is at most `count - 1`.
    let within = |bytes: u8x16, first: u8, count: u8| {
        let distance = bytes - u8x16::splat(first);
        distance.min(u8x16::splat(count - 1)).simd_eq(distance)
    };
    let digits = within(bytes, b'0', 10);
    let letters = within(bytes | u8x16::splat(0x20), b'a', 26);
    let dash = is(bytes, b'-');
    // `+` and `/` differ in one bit.
    let others = is(bytes | u8x16::splat(b'+' ^ b'/'), b'/') | dash | is(bytes, b'_');
    let joints = is(bytes, b' ') | dash | is(bytes, b'.');
    [digits, letters, digits | letters | others, joints].map(u8x16::to_bitmask)
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
                    assert_eq!(whole(&block), bytewise(&block), "{byte:#x} at {place}, others {other:#x}");
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

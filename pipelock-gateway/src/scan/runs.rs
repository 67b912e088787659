//! The run lane: secrets that have no rare literal and would slow down every other rule in one database.
//!
//! It looks for the ends of digit runs and of long alphanumeric runs, and decides each candidate on the spot from the bytes
//! around it. To have those, it stays [`candidates::AHEAD`] bytes behind the newest byte and expects [`candidates::BEHIND`] bytes to be kept before
//! where it stopped; then a candidate's fate depends on the text alone and not on how it was cut.
//!
//! Digits are found with masks of 64 bytes in ordinary integers; of the letters only every fiftieth is looked at unless it may
//! stand in a long run.

use std::ops::Range;

use super::candidates::{self, Run};

/// Shortest and longest alphanumeric run of interest: a key in base58, a key in hex with its `0x`.
const SHORTEST_RUN: usize = 51;
const LONGEST_RUN: usize = 66;

/// Reports every token whose deciding byte lies in `window` of `text`.
///
/// The deciding byte is a run's last, or the first check digit of an IBAN. `text` must reach [`candidates::BEHIND`] bytes before the
/// window unless that is where it all begins, and [`candidates::AHEAD`] bytes after it unless that is where it all ends.
pub(super) fn scan(text: &[u8], window: Range<usize>, mut report: impl FnMut(Run)) {
    digits(text, window.clone(), &mut report);
    long_runs(text, window, &mut report);
}

/// Visits the digit runs in `window` that can matter: the end of one of fifteen or more, or of a group of four or five after
/// another group, may end a card number; the start of one of two or more may be an IBAN's check digits. Sixty-four bytes
/// become a mask of digits, and a few shifts find all of these.
fn digits(text: &[u8], window: Range<usize>, report: &mut impl FnMut(Run)) {
    let mut at = window.start;
    // The mask of the bytes before, so that runs are seen across its edge.
    let history = text.get(at.saturating_sub(64)..at).unwrap_or_default();
    let mut before = digit_mask(history, 0).unbounded_shl(64 - u32::try_from(history.len()).unwrap_or(64));
    while at < window.end {
        let mask = digit_mask(text, at);
        let next = u64::from(is_digit(text, at + 64));
        let here = u64::MAX >> (64 - (window.end - at).min(64));
        // The upper half is `mask`; the lower half is what stood before it, longer than any card.
        let digits = u128::from(mask) << 64 | u128::from(before);
        let two = digits & digits << 1;
        let four = two & two << 2;
        let eight = four & four << 4;
        let fifteen = eight & eight << 7;
        // A last group of four or five digits, a byte that is none, and a digit.
        let grouped = (four & !(digits << 4) & digits << 5) | (four & digits << 4 & !(digits << 5) & digits << 6);
        let last = !(mask >> 1 | next << 63);
        let ends = upper(fifteen | grouped) & last & here;
        let starts = mask & !upper(digits << 1) & (mask >> 1 | next << 63) & here;
        for place in bits(ends) {
            let end = at + place + 1;
            candidates::digits(text, chain_start(text, end)..end, report);
        }
        for place in bits(starts) {
            candidates::code(text, at + place, report);
        }
        before = mask;
        at += 64;
    }
}

/// The newer half of two masks.
fn upper(masks: u128) -> u64 {
    u64::try_from(masks >> 64).unwrap_or_default()
}

/// The places of the bits that are set, lowest first.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (mask != 0).then_some(mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(place)
    })
}

/// Which of the 64 bytes from `at` on are ASCII digits; those behind the end are none.
fn digit_mask(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<64>() {
        Some(bytes) => bytes
            .as_chunks::<8>()
            .0
            .iter()
            .enumerate()
            .fold(0, |mask, (word, bytes)| mask | digit_bits(u64::from_le_bytes(*bytes)) << (8 * word)),
        None => rest.iter().enumerate().fold(0, |mask, (place, byte)| mask | u64::from(byte.is_ascii_digit()) << place),
    }
}

/// One bit for each of eight bytes, set for digits. `x ^ 0x30` maps the digits to 0..=9 and nothing else below ten; adding
/// 0x76 to seven bits sets the eighth for ten and above, without a carry into the next byte.
fn digit_bits(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let mapped = eight ^ (ONES * 0x30);
    let others = ((mapped & (ONES * 0x7f)) + ONES * 0x76) | mapped;
    // Gathers the highest bits of eight bytes into one byte.
    ((!others & (ONES * 0x80)) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// Where the chain of digit groups begins that ends at `end`, or as far back as is shown of one.
fn chain_start(text: &[u8], end: usize) -> usize {
    let mut start = end;
    while start > 0 && end - start < candidates::LONGEST_CHAIN {
        let joined = matches!(text.get(start - 1), Some(b' ' | b'-' | b'.')) && start >= 2 && is_digit(text, start - 2);
        match is_digit(text, start - 1) {
            true => start -= 1,
            false if joined => start -= 1,
            false => break,
        }
    }
    start
}

/// Letters and digits, as a table: the comparison of three ranges is what the lane would spend most of its time on.
static LETTERS: [bool; 256] = {
    let mut letters = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        letters[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    letters
};

fn is_letter(byte: u8) -> bool {
    LETTERS[usize::from(byte)]
}

/// Visits alphanumeric runs of 51 to 66 bytes whose last byte lies in `window`.
///
/// A run that long covers one of any 51 consecutive positions, so most text is skipped by looking at one byte in fifty.
fn long_runs(text: &[u8], window: Range<usize>, report: &mut impl FnMut(Run)) {
    let letter = |at: usize| text.get(at).is_some_and(|&byte| is_letter(byte));
    // The run that reaches into the window began before it.
    let mut begin = window.start;
    while begin > 0 && letter(begin - 1) && window.start - begin <= LONGEST_RUN {
        begin -= 1;
    }
    loop {
        // A run of interest whose last byte lies in the window has its 51st there as well.
        let probe = begin + SHORTEST_RUN - 1;
        if probe >= window.end {
            return;
        }
        let Some(stretch) = text.get(begin..=probe) else { return };
        if let Some(gap) = stretch.iter().rposition(|&byte| !is_letter(byte)) {
            begin += gap + 1;
            continue;
        }
        let mut end = probe + 1;
        while letter(end) && end - begin <= LONGEST_RUN {
            end += 1;
        }
        if letter(end) {
            // Too long to be a key: base64, or an identifier. Nothing inside it counts.
            while end < window.end && letter(end) {
                end += 1;
            }
        } else if window.contains(&(end - 1)) {
            candidates::token(text, begin..end, report);
        }
        begin = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::candidates::{AHEAD, BEHIND};
    use super::*;

    #[test]
    fn eight_bytes_at_once_are_judged_like_each_alone() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                for other in [b'x', b'7', 0xff, 0] {
                    let mut eight = [other; 8];
                    eight[place] = byte;
                    let expected =
                        eight.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(byte.is_ascii_digit()));
                    assert_eq!(digit_bits(u64::from_le_bytes(eight)), expected, "{eight:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn windows_of_any_size_see_what_one_window_sees(
            parts in prop::collection::vec(prop_oneof![
                "[ a-zA-Z0-9.\\\\n-]{0,40}",
                Just("4111 1111 1111 1111".to_owned()), Just("4111111111111111".to_owned()),
                Just("DE89 3704 0044 0532 0130 00".to_owned()), Just("DE89370400440532013000".to_owned()),
                Just("KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617".to_owned()),
                Just("private key 0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318".to_owned()),
                Just("a".repeat(80)),
            ], 0..8),
            step in 1usize..90,
        ) {
            let text = parts.join(" ");
            let bytes = text.as_bytes();
            let mut expected = Vec::new();
            scan(bytes, 0..bytes.len(), |run| expected.push(run));
            let mut found = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let end = (at + step).min(bytes.len());
                // Only what the contract promises is visible.
                let first = at.saturating_sub(BEHIND);
                let visible = &bytes[first..(end + AHEAD).min(bytes.len())];
                scan(visible, at - first..end - first, |run| {
                    found.push(Run { range: run.range.start + first..run.range.end + first, ..run });
                });
                at = end;
            }
            let order = |run: &Run| (run.range.start, run.range.end);
            expected.sort_by_key(order);
            found.sort_by_key(order);
            prop_assert_eq!(found, expected);
        }
    }
}

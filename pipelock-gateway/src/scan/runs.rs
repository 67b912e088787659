//! The run lane: secrets that have no rare literal and would slow down every other rule in one database.
//!
//! It looks for the ends of digit runs and of long alphanumeric runs, and decides each candidate on the spot from the bytes
//! around it. To have those, it stays [`AHEAD`] bytes behind the newest byte and expects [`BEHIND`] bytes to be kept before
//! where it stopped; then a candidate's fate depends on the text alone and not on how it was cut.
//!
//! Digits are found with masks of 64 bytes in ordinary integers; of the letters only every fiftieth is looked at unless it may
//! stand in a long run.

use std::ops::Range;

use super::rules::RunKind;
use super::validate::{self, Check};
use crate::model::Severity;

/// Bytes after a candidate's first byte that deciding on it may need: a grouped IBAN, its separators and one more.
pub(super) const AHEAD: usize = 34 + 8 + 2;
/// Bytes before the lane's position that deciding may need: a key, what stands before it, and the words that name it.
pub(super) const BEHIND: usize = LONGEST_RUN + 1 + CONTEXT;
/// Bytes before a token in which words can say what it is.
const CONTEXT: usize = 48;
/// Shortest and longest alphanumeric run of interest: a key in base58, a key in hex with its `0x`.
const SHORTEST_RUN: usize = 51;
const LONGEST_RUN: usize = 66;

/// A token that passed its validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) kind: RunKind,
    /// Its place in the text.
    pub(super) range: Range<usize>,
    /// Set when less is known about it than the rule assumes: the severity is at most this.
    pub(super) at_most: Option<Severity>,
}

/// Reports every token whose deciding byte lies in `window` of `text`.
///
/// The deciding byte is a run's last, or the first check digit of an IBAN. `text` must reach [`BEHIND`] bytes before the
/// window unless that is where it all begins, and [`AHEAD`] bytes after it unless that is where it all ends.
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
            if let Some(range) = card_ending_at(text, at + place + 1) {
                report(Run { kind: RunKind::Card, range, at_most: None });
            }
        }
        for place in bits(starts) {
            if let Some(range) = iban_around(text, at + place) {
                report(Run { kind: RunKind::Iban, range, at_most: None });
            }
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

/// The card number whose last digit is just before `end`, in the groups that are printed on cards.
fn card_ending_at(text: &[u8], end: usize) -> Option<Range<usize>> {
    let mut groups = [0usize; 4];
    let mut separator = None;
    let mut at = end;
    for count in 1..=groups.len() {
        let length = text.get(..at)?.iter().rev().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        // Groups are found last to first.
        if !(count == 1 && matches!(length, 15..=19) || matches!(length, 4..=6)) {
            return None;
        }
        let place = groups.len() - count;
        *groups.get_mut(place)? = length;
        at -= length;
        let shape = groups.get(place..)?;
        if printed_on_cards(shape) && stands_alone(text, at..end) && validate::card(text.get(at..end)?) == Check::Pass {
            return Some(at..end);
        }
        let (Some(&before), true) = (text.get(..at)?.last(), at >= 2 && is_digit(text, at - 2)) else { return None };
        if !matches!(before, b' ' | b'-') || separator.is_some_and(|separator| separator != before) {
            return None;
        }
        separator = Some(before);
        at -= 1;
    }
    None
}

/// How the digits of a card are grouped. Any other grouping is some other number; every group has four digits or more, which
/// is what [`digits`] looks for.
fn printed_on_cards(groups: &[usize]) -> bool {
    matches!(groups, [15..=19] | [4, 4, 4, 4] | [4, 6, 5])
}

/// Whether the digits at `range` are a number of their own, not part of a word, a decimal, a UUID or a longer number.
fn stands_alone(text: &[u8], range: Range<usize>) -> bool {
    let glued_after = match (text.get(range.end), text.get(range.end + 1)) {
        (Some(byte), _) if byte.is_ascii_alphanumeric() || *byte == b'_' => true,
        (Some(b'.' | b'-'), Some(next)) => next.is_ascii_alphanumeric(),
        _ => false,
    };
    let before = text.get(..range.start).unwrap_or_default();
    let glued_before = match before {
        [.., previous, b'.' | b'-'] => previous.is_ascii_alphanumeric(),
        _ => !left_boundary(before),
    };
    !glued_after && !glued_before
}

/// Whether a word may begin after `before`: at the start, after anything that is no letter, digit or underscore, and after
/// an escape of JSON, whose last byte looks like a letter (`\nAKIA…`) while a reader of the document sees a line break.
pub(super) fn left_boundary(before: &[u8]) -> bool {
    match before {
        [] | [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f'] => true,
        [.., last] => {
            let unicode = before.split_last_chunk::<6>().is_some_and(
                |(_, escape)| matches!(escape, [b'\\', b'u', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit)),
            );
            unicode || !(last.is_ascii_alphanumeric() || *last == b'_')
        }
    }
}

/// The IBAN whose first check digit is at `at`.
fn iban_around(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(2)?;
    let country = text.get(start..at)?.first_chunk::<2>()?;
    if !country[1].is_ascii_alphabetic() || !country[0].is_ascii_alphabetic() {
        return None;
    }
    let length = validate::iban_length([country[0].to_ascii_uppercase(), country[1].to_ascii_uppercase()])?;
    if !is_digit(text, at + 1) || !left_boundary(text.get(..start)?) {
        return None;
    }
    let mut end = start;
    let mut taken = 0;
    while taken < length {
        match text.get(end)? {
            byte if byte.is_ascii_alphanumeric() => taken += 1,
            // Groups of four, as on paper; anywhere else a separator ends the number.
            b' ' | b'-' if taken % 4 == 0 && text.get(end - 1)?.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        end += 1;
    }
    let goes_on = text.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (!goes_on && validate::iban(text.get(start..end)?) == Check::Pass).then_some(start..end)
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
            candidates(text, begin..end, report);
        }
        begin = end + 1;
    }
}

/// Tries what a run of alphanumeric bytes can be, with and without a first byte that belongs to an escape.
fn candidates(text: &[u8], run: Range<usize>, report: &mut impl FnMut(Run)) {
    let escaped = run.start > 0 && text.get(run.start - 1) == Some(&b'\\');
    for begin in [Some(run.start), escaped.then_some(run.start + 1)].into_iter().flatten() {
        let range = begin..run.end;
        let token = text.get(range.clone()).unwrap_or_default();
        match token.len() {
            51 | 52 if validate::wif(token) == Check::Pass => {
                report(Run { kind: RunKind::Wif, range, at_most: None });
            }
            64 | 66 => {
                let at_most = match ethereum(text, &range, token) {
                    Check::Pass => None,
                    Check::Doubt(at_most) => Some(at_most),
                    Check::Reject => continue,
                };
                report(Run { kind: RunKind::EthereumKey, range, at_most });
            }
            _ => {}
        }
    }
}

/// Whether 64 hex digits are a key: so say the words before them. With `0x` and no such words they are mostly the hash of a
/// transaction, worth a line in the log; without either they are any SHA-256.
fn ethereum(text: &[u8], range: &Range<usize>, token: &[u8]) -> Check {
    let (prefixed, digits) = match token {
        [b'0', b'x' | b'X', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Check::Reject;
    }
    let before = text.get(range.start.saturating_sub(CONTEXT)..range.start).unwrap_or_default();
    if !prefixed && before.ends_with(b"_") {
        // The hex part of a token that has a prefix, and a rule, of its own.
        return Check::Reject;
    }
    let context = before.to_ascii_lowercase();
    let says = |word: &&[u8]| memchr::memmem::find(&context, word).is_some();
    let named = [b"private".as_slice(), b"priv_key", b"privkey", b"wallet_key"].iter().any(says)
        || (prefixed && [b"secret".as_slice(), b"mnemonic"].iter().any(says));
    match (named, prefixed) {
        (true, _) => Check::Pass,
        (false, true) => Check::Doubt(Severity::Low),
        (false, false) => Check::Reject,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Vec<(RunKind, &str)> {
        let mut found = Vec::new();
        scan(text.as_bytes(), 0..text.len(), |run| found.push((run.kind, &text[run.range])));
        found
    }

    #[test]
    fn cards_are_found_in_the_groups_they_are_printed_in() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "3782 822463 10005",
            "6445 6445 6445 6445",
        ] {
            assert_eq!(whole(text), [(RunKind::Card, text)]);
            let sentence = format!("Card: {text}, valid 12/27.");
            assert_eq!(whole(&sentence), [(RunKind::Card, text)]);
            let escaped = format!(r"x\n{text}\n");
            assert_eq!(whole(&escaped), [(RunKind::Card, text)]);
        }
        assert_eq!(whole("7 4111 1111 1111 1111 1234"), [(RunKind::Card, "4111 1111 1111 1111")]);
        assert_eq!(whole("4111111111111111 5555555555554444").len(), 2);
    }

    #[test]
    fn numbers_that_only_contain_a_card_are_none() {
        for text in [
            "14111111111111111",
            "41111111111111110000",
            "0.4111111111111111",
            "4111111111111111.5",
            "4111111111111112",
            "41 11 11 11 11 11 11 11",
            "4111 1111-1111 1111",
            "a4111111111111111",
            "123e4567-4111-1111-1111-111111111111",
            "4111111111111111-0",
            "4111_1111_1111_1111",
            "4111111111111111a",
        ] {
            assert_eq!(whole(text), [], "{text}");
        }
    }

    #[test]
    fn ibans_are_found_plain_and_in_groups() {
        for text in ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "gb29-NWBK-6016-1331-9268-19"] {
            assert_eq!(whole(&format!("to {text} now")), [(RunKind::Iban, text)]);
            assert_eq!(whole(text), [(RunKind::Iban, text)]);
        }
        for text in [
            "DE89370400440532013001",
            "XDE89370400440532013000",
            "DE893704004405320130001",
            "DE89 370 40044 0532013000",
        ] {
            assert_eq!(whole(text), [], "{text}");
        }
    }

    #[test]
    fn keys_are_found_between_other_text() {
        let wif = "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617";
        assert_eq!(whole(wif), [(RunKind::Wif, wif)]);
        for text in [format!("key={wif};"), format!(r"a\n{wif}"), format!("{}. {wif}", "word ".repeat(60))] {
            assert_eq!(whole(&text), [(RunKind::Wif, wif)], "{text}");
        }
        assert_eq!(whole(&format!("a{wif}")), []);
        assert_eq!(whole(&format!("{} {wif}", "a".repeat(500))), [(RunKind::Wif, wif)]);
        assert_eq!(whole(&format!("{}{wif}", "a".repeat(500))), []);
    }

    #[test]
    fn hex_is_a_key_only_when_it_is_called_one() {
        let hex = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
        let severity = |text: &str| {
            let mut found = Vec::new();
            scan(text.as_bytes(), 0..text.len(), |run| found.push(run.at_most));
            found
        };
        assert_eq!(severity(&format!("PRIVATE_KEY=0x{hex}")), [None]);
        assert_eq!(severity(&format!("{{\"privateKey\": \"{hex}\"}}")), [None]);
        assert_eq!(severity(&format!("tx 0x{hex} mined")), [Some(Severity::Low)]);
        assert_eq!(severity(&format!("sha256:{hex}")), []);
    }

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

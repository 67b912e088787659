//! What a run of digits or letters means: a card number, an IBAN, a key, or nothing.
//!
//! [`super::runs`] finds the runs and knows nothing of them; here each is judged from the text around it, which reaches
//! [`BEHIND`] bytes before the run's last byte and [`AHEAD`] bytes after it unless the text begins or ends there. So a
//! verdict depends on the text alone and not on how it was cut. What passes becomes a finding in [`super::window`].
//!
//! Three entries, one for each shape that is found: [`digits`], [`code`] and [`token`].

use std::ops::Range;

use super::rules::RunKind;
use super::validate::{self, Check};
use crate::model::Severity;

/// Bytes after the byte that ends a run which judging may need: a grouped IBAN, its separators and one more.
pub(super) const AHEAD: usize = 34 + 8 + 2;
/// Bytes before the end of a run that judging may need: the run, what stands before it, and the words that name it.
pub(super) const BEHIND: usize = LONGEST_TOKEN + 1 + CONTEXT;
/// Bytes before a token in which words can say what it is.
const CONTEXT: usize = 48;
/// The shortest key that has no other mark than its length: in base58.
const SHORTEST_KEY: usize = 51;
/// Longer tokens are not judged: base64 and identifiers. Bounds what a stream must keep.
pub(super) const LONGEST_TOKEN: usize = 256;
/// Bytes of a chain of digit groups that are shown at most; no number of interest is longer.
pub(super) const LONGEST_CHAIN: u32 = 64;

/// A token that passed its validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) kind: RunKind,
    /// Its place in the text.
    pub(super) range: Range<usize>,
    /// Set when less is known about it than the rule assumes: the severity is at most this.
    pub(super) at_most: Option<Severity>,
}

/// Judges the digits in `groups`: groups joined by single blanks, dashes or dots, of which the last ends at `groups.end` and
/// is followed by no digit. Called once for each group that ends something of seven bytes or more; the chain may go on
/// behind, and it may have begun before `groups.start` when it is longer than [`LONGEST_CHAIN`].
pub(super) fn digits(text: &[u8], groups: Range<usize>, report: &mut impl FnMut(Run)) {
    social_security(text, groups.end, report);
    if let Some(range) = card_ending_at(text, groups.end) {
        report(Run { kind: RunKind::Card, range, at_most: None });
    }
}

/// Judges what has two letters just before `at` and two digits at it.
pub(super) fn code(text: &[u8], at: usize, report: &mut impl FnMut(Run)) {
    if let Some(range) = iban_around(text, at) {
        report(Run { kind: RunKind::Iban, range, at_most: None });
    }
}

/// Judges a whole run of 16 to [`LONGEST_TOKEN`] bytes of `[A-Za-z0-9+/_-]`.
pub(super) fn token(text: &[u8], run: Range<usize>, report: &mut impl FnMut(Run)) {
    let bytes = text.get(run.clone()).unwrap_or_default();
    discord(text, &run, report);
    address(bytes, &run, report);
    if bytes.len() < SHORTEST_KEY {
        return;
    }
    let mut begin = run.start;
    for part in bytes.split(|byte| !byte.is_ascii_alphanumeric()) {
        alphanumeric(text, begin..begin + part.len(), report);
        begin += part.len() + 1;
    }
}

/// Three, two and four digits joined by dashes and standing alone. Without words nothing but their ranges tells them from
/// other numbers; those with words have rules of their own.
fn social_security(text: &[u8], end: usize, report: &mut impl FnMut(Run)) {
    let Some(start) = end.checked_sub(11) else { return };
    let number = text.get(start..end).unwrap_or_default();
    let [_, _, _, b'-', _, _, b'-', _, _, _, _] = number else { return };
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 9 && stands_alone(text, start..end) && validate::social_security(number) {
        report(Run { kind: RunKind::SocialSecurity, range: start..end, at_most: None });
    }
}

/// The signature of a Discord bot's token, when `run` is one: before it stand a time, and the bot's number in base64.
fn discord(text: &[u8], run: &Range<usize>, report: &mut impl FnMut(Run)) {
    let signature = run.end - run.start;
    let Some((before, b'.')) =
        text.get(..run.start).and_then(|before| before.split_last().map(|(dot, before)| (before, *dot)))
    else {
        return;
    };
    let part = |text: &[u8]| {
        text.iter()
            .rev()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count()
    };
    let time = part(before);
    let Some(rest) = before.get(..before.len() - time) else { return };
    if !(27..=40).contains(&signature) || time != 6 || rest.last() != Some(&b'.') {
        return;
    }
    let rest = rest.get(..rest.len() - 1).unwrap_or_default();
    let length = part(rest);
    let start = rest.len() - length;
    let bot = validate::base64(rest.get(start..).unwrap_or_default());
    let first = rest.get(start);
    if !(24..=28).contains(&length) || !matches!(first, Some(b'M' | b'N' | b'O')) {
        return;
    }
    let number = bot.len() >= 17 && bot.iter().all(u8::is_ascii_digit);
    let random = validate::varied(text.get(run.clone()).unwrap_or_default()) == Check::Pass;
    if number || random {
        report(Run { kind: RunKind::DiscordBot, range: start..run.end, at_most: (!number).then_some(Severity::High) });
    }
}

/// An address of a wallet: public, but it links a person to what the wallet holds. Ethereum's have no checksum that is always
/// written, the newer ones of Bitcoin are told by their prefix and alphabet.
fn address(token: &[u8], run: &Range<usize>, report: &mut impl FnMut(Run)) {
    let bech32 = |text: &[u8]| text.iter().all(|byte| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(byte));
    let known = match token {
        [b'0', b'x', digits @ ..] => digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit),
        [b'b', b'c', b'1', rest @ ..] => (38..=60).contains(&rest.len()) && bech32(rest),
        [b'1' | b'3', ..] => (26..=35).contains(&token.len()) && validate::bitcoin_address(token),
        _ => false,
    };
    if known {
        report(Run { kind: RunKind::WalletAddress, range: run.clone(), at_most: None });
    }
}

/// The card number whose last digit is just before `end`, in the groups that are printed on cards.
fn card_ending_at(text: &[u8], end: usize) -> Option<Range<usize>> {
    let mut groups = [0usize; 5];
    let mut separator = None;
    let mut at = end;
    for count in 1..=groups.len() {
        let length = text.get(..at)?.iter().rev().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        // Groups are found last to first.
        if !(count == 1 && matches!(length, 3 | 13..=19) || matches!(length, 4..=6)) {
            return None;
        }
        let place = groups.len() - count;
        *groups.get_mut(place)? = length;
        at -= length;
        let shape = groups.get(place..)?;
        if printed_on_cards(shape) && stands_alone(text, at..end) && is_card(text, at..end) {
            return Some(at..end);
        }
        let (Some(&before), true) = (text.get(..at)?.last(), at >= 2 && is_digit(text, at - 2)) else { return None };
        if !matches!(before, b' ' | b'-' | b'.') || separator.is_some_and(|separator| separator != before) {
            return None;
        }
        separator = Some(before);
        at -= 1;
    }
    None
}

/// Whether issuer and checksum are those of a card; issuers that share their numbers with much else need a word for it.
fn is_card(text: &[u8], range: Range<usize>) -> bool {
    let before = text.get(..range.start).unwrap_or_default();
    // The middle of an account number: `RS35 2600 0560 …`.
    let account = before.strip_suffix(b" ").and_then(|before| before.last_chunk::<4>());
    if account.is_some_and(|[a, b, c, d]| {
        [a, b].iter().all(|byte| byte.is_ascii_uppercase()) && [c, d].iter().all(|byte| byte.is_ascii_digit())
    }) {
        return false;
    }
    match validate::card(text.get(range).unwrap_or_default()) {
        Check::Pass => true,
        Check::Doubt(_) => {
            let context = before.get(before.len().saturating_sub(CONTEXT)..).unwrap_or_default().to_ascii_lowercase();
            [&b"card"[..], b"visa", b"maestro", b"diners", b"credit", b"debit", b"karte", b"tarjeta", b"carte"]
                .iter()
                .any(|word| memchr::memmem::find(&context, word).is_some())
        }
        Check::Reject => false,
    }
}

/// How the digits of a card are grouped. Any other grouping is some other number.
fn printed_on_cards(groups: &[usize]) -> bool {
    matches!(groups, [13..=19] | [4, 4, 4, 3 | 4] | [4, 6, 4 | 5] | [4, 4, 4, 4, 3])
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
            b' ' | b'-' | b'.' if taken % 4 == 0 && text.get(end - 1)?.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        end += 1;
    }
    let goes_on = text.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (!goes_on && validate::iban(text.get(start..end)?) == Check::Pass).then_some(start..end)
}

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

/// Tries what a run of alphanumeric bytes can be, with and without a first byte that belongs to an escape.
fn alphanumeric(text: &[u8], run: Range<usize>, report: &mut impl FnMut(Run)) {
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
        || (prefixed && [b"secret".as_slice(), b"mnemonic", b"hardhat", b"accounts: [", b"deployer"].iter().any(says));
    match (named, prefixed) {
        (true, _) => Check::Pass,
        (false, true) => Check::Doubt(Severity::Low),
        (false, false) => Check::Reject,
    }
}

#[cfg(test)]
mod tests {
    use super::super::runs::scan;
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
}

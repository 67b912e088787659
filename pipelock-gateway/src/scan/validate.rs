//! Checksums and issuer tables: whether bytes of the right shape are the real thing.
//!
//! Pure functions over short slices, called on candidates only. They say how sure one may be; what follows from that is
//! the rule's severity and, later, the verdict.

use sha2::{Digest as _, Sha256};

use super::rules::MAX_TAIL;
use crate::model::Severity;

/// What a validator thinks of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Genuine as far as its format can tell: the rule's own severity.
    Pass,
    /// Of the right shape, but a check failed that a genuine one would pass: at most this severity.
    Doubt(Severity),
    /// Not what the rule looks for.
    Reject,
}

impl Check {
    fn pass_if(genuine: bool) -> Self {
        if genuine { Self::Pass } else { Self::Reject }
    }

    /// The better of two opinions.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Pass, _) | (_, Self::Pass) => Self::Pass,
            (Self::Reject, check) | (check, Self::Reject) => check,
            (Self::Doubt(one), Self::Doubt(two)) => Self::Doubt(one.max(two)),
        }
    }
}

/// Luhn (ISO/IEC 7812-1 annex B) over the digits of `text`; separators are skipped.
pub(super) fn luhn(text: &[u8]) -> bool {
    let mut sum = 0u32;
    let mut digits = 0usize;
    for digit in text.iter().rev().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0')) {
        let doubled = if digits % 2 == 1 { digit * 2 } else { digit };
        sum += doubled / 10 + doubled % 10;
        digits += 1;
    }
    digits > 1 && sum.is_multiple_of(10)
}

/// A payment card number: issuer prefix, the lengths that issuer uses, Luhn. A doubt when the issuer's numbers begin and end
/// like many that are no cards.
pub(super) fn card(text: &[u8]) -> Check {
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
    if !luhn(&digits) || !digits.iter().any(|digit| *digit != digits[0]) {
        return Check::Reject;
    }
    let length = digits.len();
    match (prefix(&digits, 1), prefix(&digits, 2), prefix(&digits, 3), prefix(&digits, 4)) {
        // Visa. Its 13-digit numbers are no longer issued, and would make every 13th timestamp a card.
        (4, ..) if matches!(length, 16 | 19) => Check::Pass,
        // Mastercard, the old range and the one of 2017.
        (_, 51..=55, ..) | (.., 2221..=2720) if length == 16 => Check::Pass,
        // American Express.
        (_, 34 | 37, ..) if length == 15 => Check::Pass,
        // JCB, Discover, UnionPay.
        (.., 3528..=3589 | 6011) | (_, _, 644..=649, _) | (_, 62 | 65, ..) if (16..=19).contains(&length) => {
            Check::Pass
        }
        // Mir, RuPay; Visa as it was; Diners Club; Maestro and national schemes; airlines.
        (.., 2200..=2204) | (_, 60 | 81 | 82, ..) if length == 16 => Check::Doubt(Severity::Medium),
        (4, ..) if length == 13 => Check::Doubt(Severity::Medium),
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305 | 309, _) if (14..=16).contains(&length) => {
            Check::Doubt(Severity::Medium)
        }
        (_, 50 | 56..=69, ..) if (13..=19).contains(&length) => Check::Doubt(Severity::Medium),
        (1, ..) if length == 15 => Check::Doubt(Severity::Medium),
        _ => Check::Reject,
    }
}

/// The first digits as a number.
fn prefix(digits: &[u8], length: usize) -> u32 {
    digits.iter().take(length).fold(0, |number, digit| number * 10 + u32::from(digit.saturating_sub(b'0')))
}

/// An account number by ISO 13616: country, its length, and remainder 1 modulo 97. Separators are skipped.
pub(super) fn iban(text: &[u8]) -> Check {
    let plain: Vec<u8> = text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect();
    let Some((country, _)) = plain.split_first_chunk::<2>() else { return Check::Reject };
    Check::pass_if(iban_length(*country) == Some(plain.len()) && mod97(&plain))
}

/// ISO 7064 MOD 97-10 as IBANs use it: the first four characters moved to the end, letters as two digits.
fn mod97(plain: &[u8]) -> bool {
    let rotated = plain.iter().skip(4).chain(plain.iter().take(4));
    let remainder = rotated.fold(0u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.to_ascii_uppercase().wrapping_sub(b'A')) + 10) % 97,
    });
    plain.len() > 4 && remainder == 1
}

/// Length of an IBAN of `country` (upper case), from the ISO 13616 registry, release 99.
pub(super) fn iban_length(country: [u8; 2]) -> Option<usize> {
    let length = match &country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FK" | b"FO" | b"GL" | b"NL" | b"SD" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"MN" | b"XK" => 20,
        b"CH" | b"CR" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"VA" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"OM" | b"SO" | b"TL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"LY" | b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"BI" | b"DJ" | b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HN" | b"HU" | b"LB" | b"NI" | b"PL" | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" | b"YE" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        b"RU" => 33,
        _ => return None,
    };
    Some(length)
}

/// A routing number of US banks: prefix range and the 3-7-1 weights of the American Bankers Association.
pub(super) fn aba(text: &[u8]) -> Check {
    let digits: Vec<u32> =
        text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0')).collect();
    let [first, second, ..] = digits[..] else { return Check::Reject };
    let prefix_in_use = matches!(first * 10 + second, 0..=12 | 21..=32 | 61..=72 | 80);
    let sum: u32 = digits.iter().zip([3, 7, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    // Six zeros at the end are a test number of a payment service.
    let made_up = digits.iter().rev().take(6).all(|&digit| digit == 0);
    Check::pass_if(digits.len() == 9 && prefix_in_use && sum.is_multiple_of(10) && !made_up)
}

/// GitHub's tokens of 2021: prefix, 30 random characters, and their CRC-32 as six base-62 digits.
///
/// A wrong checksum lowers the severity by one step and no further. It proves that GitHub would refuse this very string,
/// but not that nothing leaked: whoever smuggles a token out can change one character on purpose, and newer, longer
/// tokens carry no checksum of this kind.
pub(super) fn github(token: &[u8]) -> Check {
    let Some((_prefix, body)) = token.split_at_checked(4) else { return Check::Doubt(Severity::High) };
    let Some((random, checksum)) = body.split_last_chunk::<6>() else { return Check::Doubt(Severity::High) };
    // `ghp_xxxx...`: a picture of a token.
    if distinct(body) < 5 {
        return Check::Doubt(Severity::Low);
    }
    let mut crc = flate2::Crc::new();
    crc.update(random);
    if random.len() == 30 && base62(crc.sum()) == *checksum { Check::Pass } else { Check::Doubt(Severity::High) }
}

/// Six base-62 digits, most significant first.
fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

/// A Bitcoin private key in wallet import format: `Base58Check`, version 0x80, 32 bytes of key, 01 when compressed.
pub(super) fn wif(text: &[u8]) -> Check {
    let Some(payload) = base58check(text) else { return Check::Reject };
    Check::pass_if(match payload.split_first() {
        Some((0x80, key)) => key.len() == 32 || (key.len() == 33 && key.last() == Some(&1)),
        _ => false,
    })
}

/// A Bitcoin address of the first generations: `Base58Check` over a version and 20 bytes.
pub(super) fn bitcoin_address(text: &[u8]) -> bool {
    base58check(text).is_some_and(|payload| payload.len() == 21 && matches!(payload.first(), Some(0 | 5)))
}

/// A BIP-32 extended private key: `Base58Check` over 78 bytes. Wallets differ in their version bytes, so those are free; a
/// wrong checksum is a doubt, because one mistyped character does not protect the other 110.
pub(super) fn extended_key(text: &[u8]) -> Check {
    match base58check(text) {
        Some(payload) if payload.len() == 78 => Check::Pass,
        _ => Check::Doubt(Severity::High),
    }
}

/// Decodes `Base58Check`; `None` when a character or the checksum is wrong. Quadratic, for at most 112 characters.
fn base58check(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if text.len() > 112 {
        return None;
    }
    let zeros = text.iter().take_while(|&&byte| byte == b'1').count();
    let mut little_endian: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text {
        let mut carry = ALPHABET.iter().position(|letter| letter == byte)?;
        for place in &mut little_endian {
            carry += usize::from(*place) * 58;
            *place = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        while carry > 0 {
            little_endian.push(carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    little_endian.extend(std::iter::repeat_n(0, zeros));
    little_endian.reverse();
    let (payload, checksum) = little_endian.split_last_chunk::<4>()?;
    let digest = Sha256::digest(Sha256::digest(payload));
    digest.starts_with(checksum).then(|| payload.to_vec())
}

/// A token of this length may go on beyond what of it is followed.
const LONG_TOKEN_BYTES: usize = MAX_TAIL as usize;

/// A signed token by RFC 7519: three parts, the first a JSON object with `alg`. Without that it only looks like one.
pub(super) fn jwt(token: &[u8]) -> Check {
    let mut parts = token.split(|&byte| byte == b'.');
    let header = parts.next().unwrap_or_default();
    // The signature of one with long claims is further away than was looked.
    let signed = token.len() >= LONG_TOKEN_BYTES || parts.nth(1).is_some_and(|signature| signature.len() >= 10);
    if !signed {
        return Check::Reject;
    }
    if !header.starts_with(b"ey") {
        // Its beginning is further back than was looked, as when the header carries a certificate.
        return Check::Doubt(Severity::Medium);
    }
    // A name may be glued to the token (`key_eyJ…`): each `ey` may be where it begins.
    let begins = memchr::memmem::find_iter(header, b"ey").take(16).filter_map(|at| header.get(at..));
    let is_header = |candidate: &[u8]| {
        let decoded = base64(candidate);
        decoded.starts_with(b"{") && memchr::memmem::find(&decoded, b"\"alg\"").is_some()
    };
    if begins.into_iter().any(is_header) { Check::Pass } else { Check::Doubt(Severity::Low) }
}

/// Decodes base64 of either alphabet as far as it goes, padding or not.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => break,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(bits.unbounded_shr(held).to_le_bytes()[0]);
        }
    }
    bytes
}

/// A key that is random over letters and digits has all three classes; an identifier or a slug seldom does.
pub(super) fn mixed(token: &[u8]) -> Check {
    let has = |class: fn(&u8) -> bool| token.iter().any(class);
    Check::pass_if(has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
}

/// Whether letters are no word of a language: too few of them are vowels. Ordinary text has two in five, random letters one
/// in five.
pub(super) fn unpronounceable(letters: &[u8]) -> bool {
    let vowels = letters.iter().filter(|byte| b"aeiouAEIOU".contains(byte)).count();
    let humps = letters.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    vowels * 10 < letters.len() * 3 || humps * 5 > letters.len()
}

/// Pieces of keys that documentation makes up.
const MADE_UP: [&[u8]; 13] = [
    b"example",
    b"abc123",
    b"a1b2c3d4",
    b"d4c3b2a1",
    b"123456789",
    b"987654321",
    b"abcdefgh",
    b"your",
    b"xxxxxx",
    b"placeholder",
    b"random",
    b"......",
    b"******",
];

/// Whether a token with a prefix of its own is one that documentation made up: it says so, counts, or repeats itself.
pub(super) fn genuine(token: &[u8]) -> Check {
    let lower = token.to_ascii_lowercase();
    let steps = lower.windows(2).filter(|pair| pair[0] == pair[1] || pair[1] == pair[0].wrapping_add(1)).count();
    let made_up = MADE_UP.iter().any(|piece| memchr::memmem::find(&lower, piece).is_some()) || steps * 2 > lower.len();
    if made_up { Check::Doubt(Severity::Low) } else { Check::Pass }
}

/// A token that was drawn at random is no identifier: it has digits among its letters, or letters that make no words; it is
/// not one character over and over, and not the alphabet.
pub(super) fn varied(token: &[u8]) -> Check {
    // What stands before the random part is the issuer's prefix.
    let body = token.get(token.len() / 4..).unwrap_or_default();
    let digits = body.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = body.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    if distinct(body) < 5 || !((digits > 0 && (letters > 0 || digits > 9)) || (letters >= 12 && unpronounceable(body)))
    {
        return Check::Reject;
    }
    genuine(token)
}

fn distinct(text: &[u8]) -> usize {
    let mut seen = [false; 256];
    text.iter().filter(|&&byte| !std::mem::replace(&mut seen[usize::from(byte)], true)).count()
}

/// Tokens of Sanity are letters and digits, 102 to 202 of them with their prefix.
pub(super) fn sanity(token: &[u8]) -> Check {
    if (102..=202).contains(&token.len()) { mixed(token) } else { Check::Reject }
}

/// Slack's tokens begin with numbers of the workspace and the user.
pub(super) fn slack(token: &[u8]) -> Check {
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits < 4 { Check::Reject } else { varied(token) }
}

/// A short token without a telling prefix: more than one digit among its letters.
pub(super) fn numbered(token: &[u8]) -> Check {
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits < 2 || digits + 6 > token.len() { Check::Reject } else { varied(token) }
}

/// Keys of Azure with a mark in their middle have 84 characters.
pub(super) fn azure_annotated(token: &[u8]) -> Check {
    if token.len() == 84 { varied(token) } else { Check::Reject }
}

/// Letters and digits that alternate as random ones do, and not a name with a number at its end.
pub(super) fn scattered(token: &[u8]) -> Check {
    let changes = token.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    Check::pass_if(changes >= 6)
}

/// The secret of an AWS key: random base64, not the one that AWS prints in its documentation.
pub(super) fn aws_secret(token: &[u8]) -> Check {
    let secret = token.get(token.len().saturating_sub(40)..).unwrap_or_default();
    // Read from right to left, the name that stood before it belongs to a piece of the same value.
    let example = [&b"EXAMPLE"[..], b"ELPMAXE"].iter().any(|word| memchr::memmem::find(token, word).is_some());
    if example { Check::Doubt(Severity::Low) } else { varied_or(secret, Check::Reject) }
}

/// Identifiers of AWS; those of its documentation end with EXAMPLE.
pub(super) fn aws_id(token: &[u8]) -> Check {
    if token.ends_with(b"EXAMPLE") { Check::Doubt(Severity::Low) } else { varied_or(token, Check::Reject) }
}

fn varied_or(token: &[u8], other: Check) -> Check {
    if distinct(token.get(4..).unwrap_or_default()) < 5 { other } else { Check::Pass }
}

/// npm's tokens carry the same checksum as GitHub's.
pub(super) fn npm(token: &[u8]) -> Check {
    match (github(token), varied(token)) {
        (Check::Pass, _) => Check::Pass,
        (doubt, Check::Pass) => doubt,
        _ => Check::Reject,
    }
}

/// `SK` and 32 hex digits of one case that are not all alike.
pub(super) fn twilio(token: &[u8]) -> Check {
    varied_or(token, Check::Reject)
}

/// A bearer token of Twitter's application interface; long runs of the letter A occur in base64 of zeroes, too.
pub(super) fn bearer(token: &[u8]) -> Check {
    varied(token.get(20..).unwrap_or_default())
}

/// Bot tokens of Telegram: the bot's number, a colon, 35 characters. `bot` may be glued to it in an address.
pub(super) fn telegram(token: &[u8]) -> Check {
    let number = token.iter().position(|&byte| byte == b':').and_then(|colon| token.get(..colon)).unwrap_or_default();
    let number = number.strip_prefix(b"bot").unwrap_or(number);
    Check::pass_if((8..=10).contains(&number.len()) && number.iter().all(u8::is_ascii_digit))
}

/// Keys of Azure that carry the signature of their service in the middle are of a few lengths only.
pub(super) fn azure_signed(token: &[u8]) -> Check {
    Check::pass_if(matches!(token.len(), 44 | 52 | 56 | 84 | 88) && varied(token) == Check::Pass)
}

/// Base64 of the header line of a private key.
pub(super) fn encoded_pem(token: &[u8]) -> Check {
    Check::pass_if(memchr::memmem::find(&base64(token), b"PRIVATE KEY").is_some())
}

/// A setup token of `SimpleFIN`: the base64 of an address at which access can be claimed once.
pub(super) fn simplefin(token: &[u8]) -> Check {
    let address = base64(token);
    Check::pass_if(address.starts_with(b"http") && memchr::memmem::find(&address, b"/claim/").is_some())
}

/// A number that the US Social Security Administration may have given out: not area 000, 666 or 900 and above, not group 00,
/// not serial 0000; nor one that was printed on a leaflet.
pub(super) fn social_security(text: &[u8]) -> bool {
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    digits.len() == 9
        && !matches!(part(0..3), b"000" | b"666" | [b'9', _, _])
        && part(3..5) != b"00"
        && part(5..9) != b"0000"
        && !matches!(&*digits, b"123456789" | b"078051120" | b"219099999" | b"111111111" | b"987654321")
}

/// The address of a database with a password in it. One that is a variable to be filled in is none, and one that is a
/// placeholder of documentation is a doubt.
pub(super) fn database_url(url: &[u8]) -> Check {
    const PLACEHOLDERS: [&[u8]; 8] =
        [b"password", b"pass", b"passwd", b"pwd", b"changeme", b"secret", b"postgres", b"example"];
    let Some(authority) = memchr::memmem::find(url, b"://").and_then(|scheme| url.get(scheme + 3..)) else {
        return Check::Reject;
    };
    // RFC 3986 §3.2: user information ends at the last `@` before the path; the password begins at its first colon.
    let authority = authority.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
    let Some(user_info) = memchr::memrchr(b'@', authority).and_then(|at| authority.get(..at)) else {
        return Check::Reject;
    };
    let Some(password) = memchr::memchr(b':', user_info).and_then(|colon| user_info.get(colon + 1..)) else {
        return Check::Reject;
    };
    // A whole reference and nothing else: a password may well begin with such a sign.
    let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let within = |open: &[u8], close: &[u8]| password.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let variable = within(b"$", b"").is_some_and(is_name)
        || [
            (&b"${"[..], &b"}"[..]),
            (b"{", b"}"),
            (b"{{", b"}}"),
            (b"%(", b")s"),
            (b"[", b"]"),
            (b"<", b">"),
            (b"(", b")"),
        ]
        .iter()
        .any(|(o, c)| within(o, c).is_some());
    if variable || password.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.')) {
        return Check::Reject;
    }
    let placeholder = PLACEHOLDERS.iter().any(|word| password.eq_ignore_ascii_case(word));
    let host = memchr::memrchr(b'@', authority).and_then(|at| authority.get(at + 1..)).unwrap_or_default();
    let own = [&b"localhost"[..], b"127.0.0.1", b"host", b"hostname"];
    let own = own.iter().any(|name| host.split(|&byte| byte == b':').next().is_some_and(|host| host == *name));
    match (placeholder, own) {
        // What every manual shows: nobody else's database, and nobody's password.
        (true, true) => Check::Doubt(Severity::Low),
        (true, false) => Check::Doubt(Severity::Medium),
        _ => Check::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_accepts_the_example_of_the_standard_and_no_neighbour() {
        assert!(luhn(b"79927398713"));
        assert!(luhn(b"7992-7398 713"));
        for last in (b'0'..=b'9').filter(|&last| last != b'3') {
            assert!(!luhn(&[b"7992739871".as_slice(), &[last]].concat()));
        }
        assert!(!luhn(b"0") && !luhn(b""));
    }

    #[test]
    fn the_better_of_two_opinions_counts() {
        let (low, high) = (Check::Doubt(Severity::Low), Check::Doubt(Severity::High));
        assert_eq!((low.or(high), high.or(low), low.or(Check::Reject)), (high, high, low));
        assert_eq!((Check::Reject.or(Check::Pass), Check::Reject.or(Check::Reject)), (Check::Pass, Check::Reject));
    }

    #[test]
    fn cards_need_issuer_length_and_checksum() {
        for good in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "6445644564456445",
        ] {
            assert_eq!(card(good.as_bytes()), Check::Pass, "{good}");
        }
        for bad in ["4111111111111112", "9111111111111111", "411111111111111", "37828224631000", "0000000000000000", ""]
        {
            assert_eq!(card(bad.as_bytes()), Check::Reject, "{bad}");
        }
    }

    #[test]
    fn ibans_need_country_length_and_remainder() {
        for good in
            ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "fr1420041010050500013m02606", "NO9386011117947"]
        {
            assert_eq!(iban(good.as_bytes()), Check::Pass, "{good}");
        }
        for bad in ["DE89370400440532013001", "DE8937040044053201300", "ZZ89370400440532013000", "DE", ""] {
            assert_eq!(iban(bad.as_bytes()), Check::Reject, "{bad}");
        }
    }

    #[test]
    fn routing_numbers_need_prefix_and_weights() {
        assert_eq!(aba(b"021000021"), Check::Pass);
        assert_eq!(aba(b"0210-0002-1"), Check::Pass);
        for bad in ["021000022", "991000021", "02100002", ""] {
            assert_eq!(aba(bad.as_bytes()), Check::Reject, "{bad}");
        }
    }

    #[test]
    fn a_github_checksum_confirms_and_a_wrong_one_lowers() {
        // A sample published with the description of the format; revoked long ago.
        let token = concat!("ghp", "_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17");
        assert_eq!(github(token.as_bytes()), Check::Pass);
        let corrupted = token.replace("zQW", "zQX");
        assert_eq!(github(corrupted.as_bytes()), Check::Doubt(Severity::High));
        assert_eq!(github(b"gh"), Check::Doubt(Severity::High));
    }

    #[test]
    fn wallet_keys_need_their_checksum() {
        // The example key of the Bitcoin wiki's description of the format, and its compressed form.
        let plain = concat!("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", "");
        let compressed = concat!("KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617", "");
        assert_eq!(wif(plain.as_bytes()), Check::Pass);
        assert_eq!(wif(compressed.as_bytes()), Check::Pass);
        assert_eq!(wif(plain.replace("Hue", "Huf").as_bytes()), Check::Reject);
        assert_eq!(wif(b"5O0Il"), Check::Reject);
        assert_eq!(wif(&[b'1'; 4000]), Check::Reject);
    }

    #[test]
    fn a_jwt_names_its_algorithm() {
        let signature = "a".repeat(20);
        let real = format!("{}.eyJzdWIiOiIxIn0.{signature}", "eyJhbGciOiJIUzI1NiJ9");
        assert_eq!(jwt(real.as_bytes()), Check::Pass);
        let other = format!("{}.eyJzdWIiOiIxIn0.{signature}", "eyJmb28iOiJiYXIifQ");
        assert_eq!(jwt(other.as_bytes()), Check::Doubt(Severity::Low));
        assert_eq!(jwt(&real.as_bytes()[3..]), Check::Doubt(Severity::Medium));
        assert_eq!(jwt(b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x"), Check::Reject);
        assert_eq!(jwt(b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0"), Check::Reject);
    }

    #[test]
    fn database_passwords_that_are_placeholders_are_told_apart() {
        for (url, expected) in [
            ("postgres://app:hT4!x9@db/app", Check::Pass),
            ("postgres://app:a:b@db", Check::Pass),
            ("redis://:hT4x9@cache:6379/0", Check::Pass),
            ("postgres://app:p@ss@db", Check::Pass),
            ("postgres://app:%24ecret@db", Check::Pass),
            ("postgres://app:Password@db", Check::Doubt(Severity::Medium)),
            ("postgres://user:password@localhost:5432/app", Check::Doubt(Severity::Low)),
            ("postgres://app:****@db", Check::Reject),
            ("postgres://app:@db", Check::Reject),
            ("postgres://app@db:5432/x?y=a:b@c", Check::Reject),
            ("postgres://app:$DB_PASSWORD@db", Check::Reject),
            ("postgres://app:%(password)s@db", Check::Reject),
        ] {
            assert_eq!(database_url(url.as_bytes()), expected, "{url}");
        }
    }
}

//! Expressions that would slow every other one down, matched only where something cheap says that they may.
//!
//! An expression whose literals are ordinary words (`secret`, `token`), two letters or none at all costs more than the other
//! three hundred together. So the main database looks for *signs* of them: plain literals, and a glance at the bytes around
//! each. Numbers and tokens without a literal are pointed out by the run lane. Only there, in a stretch of [`BEHIND`] and
//! [`AHEAD`] bytes, the expressions themselves are matched, in databases of their own; what they hit is treated like any hit.
//! A glance must never say no where an expression matches: the samples of each rule and a test here, with
//! whatever the expressions can match, hold it to that.

use std::ops::Range;

use super::hyperscan::Expression;

/// Bytes before and behind the end of a sign in which an expression may match. No expression here is wider.
pub(super) const BEHIND: usize = 160;
/// See [`BEHIND`].
pub(super) const AHEAD: usize = 160;

/// What points to an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A literal: see [`SIGNS`].
    Sign = 0,
    /// A group of digits that words stand before.
    Number = 1,
    /// A token of the run lane.
    Token = 2,
}

/// How many of them there are.
pub(super) const WAYS: usize = 3;

/// Which way leads to the expression of a built-in rule; `None` for those that are matched everywhere.
pub(super) fn way_to(rule: &str) -> Option<Way> {
    match rule {
        "Secret Assignment"
        | "Password Assignment"
        | "Password in a Sentence"
        | "Key Assignment"
        | "Credential in URL"
        | "Bearer Token"
        | "Command Line Credentials"
        | "Credentials in URL"
        | "AWS Secret Key"
        | "GCP Service Account Key"
        | "Kubernetes Secret" => Some(Way::Sign),
        "Social Security Number"
        | "US Taxpayer Number"
        | "US Routing Number"
        | "NHS Number"
        | "Aadhaar Number"
        | "Canadian Social Insurance Number"
        | "Brazilian CPF"
        | "German Tax Number"
        | "Dutch Citizen Number"
        | "Polish PESEL"
        | "Australian Tax File Number"
        | "Swedish Personal Number"
        | "Norwegian Birth Number"
        | "South African Identity Number"
        | "Turkish Identity Number"
        | "French Social Security Number"
        | "Chinese Identity Number"
        | "Singaporean NRIC"
        | "Spanish Identity Number" => Some(Way::Number),
        "Bitwarden Access Token"
        | "HashiCorp Vault Legacy Token"
        | "Sanity Token"
        | "Airtable Token"
        | "Facebook Application Token"
        | "Mailchimp API Key" => Some(Way::Token),
        _ => None,
    }
}

/// A literal, and whether the bytes around its end are worth a closer look.
pub(super) struct Sign {
    literal: &'static str,
    caseless: bool,
    pub(super) is_promising: fn(text: &[u8], at: usize) -> bool,
    /// Whether a rule of the floor is behind it.
    pub(super) floor: bool,
}

impl Sign {
    pub(super) fn expression(&self) -> Expression {
        Expression { source: regex::escape(self.literal), caseless: self.caseless }
    }
}

const fn key(literal: &'static str) -> Sign {
    Sign { literal, caseless: true, is_promising: may_be_key, floor: false }
}

const fn password(literal: &'static str) -> Sign {
    Sign { literal, caseless: true, is_promising: may_be_password, floor: false }
}

const fn floor(literal: &'static str) -> Sign {
    Sign { literal, caseless: true, is_promising: may_be_key, floor: true }
}

const fn exact(literal: &'static str, is_promising: fn(&[u8], usize) -> bool) -> Sign {
    Sign { literal, caseless: false, is_promising, floor: false }
}

/// The signs, in the order of their numbers.
pub(super) static SIGNS: &[Sign] = &[
    key("secret"),
    key("credential"),
    key("token"),
    key("_auth"),
    key("\"auth"),
    key("'auth"),
    key("-auth"),
    key("apilogin"),
    key("api_login"),
    key("login_with_api_key"),
    key("sonarlogin"),
    key("sonar.login"),
    key("reporterid"),
    key("reporter_id"),
    key("contribsys__com"),
    key("accessid"),
    key("access_id"),
    key("derivation_salt"),
    password("authorization"),
    password("passwd"),
    password("password"),
    password("passphrase"),
    password("passcode"),
    password("passwort"),
    password("_pass"),
    password(".pass"),
    password("-pass"),
    password("pwd"),
    floor("_key"),
    floor("-key"),
    key("apikey"),
    key("api key"),
    floor("accesskey"),
    floor("access key"),
    floor("secretkey"),
    floor("secret key"),
    key("privatekey"),
    key("private key"),
    key("presharedkey"),
    key("preshared key"),
    key("authkey"),
    key("masterkey"),
    key("signingkey"),
    key("encryptionkey"),
    key("?key"),
    key("&key"),
    exact("Key", may_be_key),
    exact(" -u", is_option),
    exact("\t-u", is_option),
    exact("--user", is_option),
    exact("-proxy-user", is_option),
    exact("://", has_user_information),
    exact("\"service_account\"", always),
];

/// Whether a name that ends about `at` may have a key for its value.
fn may_be_key(text: &[u8], at: usize) -> bool {
    has_value(text, at, |value| {
        let value = value.get(..8);
        value.is_some_and(|value| {
            value.iter().all(|&byte| is_value(byte) && !matches!(byte, b'(' | b')')) && value.last() != Some(&b'.')
        })
    }) || is_other(text, at)
}

fn may_be_password(text: &[u8], at: usize) -> bool {
    has_value(text, at, |value| value.get(..6).is_some_and(|value| value.iter().all(|&byte| is_value(byte))))
        || is_other(text, at)
        || is_told(text, at)
}

/// Whether a sentence goes on that says what it is: `password for the NAS is …`.
fn is_told(text: &[u8], at: usize) -> bool {
    const VERBS: [&[u8]; 6] = [b"is", b"ist", b"was", b"set to", b"changed to", b"remains"];
    let rest = text.get(at..text.len().min(at + 72)).unwrap_or_default();
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t');
    rest.first().is_some_and(|&byte| is_blank(byte))
        && (1..rest.len()).any(|start| {
            let before = rest.get(start - 1).is_some_and(|&byte| is_blank(byte));
            before
                && VERBS.iter().any(|verb| {
                    rest.get(start..start + verb.len()).is_some_and(|word| word.eq_ignore_ascii_case(verb))
                        && rest.get(start + verb.len()).is_some_and(|&byte| is_blank(byte) || byte == b':')
                })
        })
}

/// Whether an operator follows the name, and then a value.
fn has_value(text: &[u8], at: usize, is_value: fn(&[u8]) -> bool) -> bool {
    let rest = text.get(at..text.len().min(at + AHEAD)).unwrap_or_default();
    let name = rest.iter().take_while(|&&byte| in_name(byte)).count();
    let Some(rest) = rest.get(name..).filter(|_| name <= 28) else { return false };
    let joint = rest.iter().take_while(|&&byte| is_joint(byte) || is_blank(byte)).count();
    let joined = rest.get(..joint).unwrap_or_default();
    // `{"name": "PASSWORD", "value": "…"}`, `key="PASSWORD" value="…"`.
    if rest.get(joint..joint + 5).is_some_and(|word| word.eq_ignore_ascii_case(b"value")) {
        return true;
    }
    if !joined.iter().any(|byte| matches!(byte, b':' | b'=' | b'|' | b'>' | b',')) {
        return false;
    }
    // What opens the value may belong to it, and a letter may stand before its quote: `b"…"`.
    let opening = rest.iter().take(48).take_while(|&&byte| opens(byte)).count();
    (1..=opening.max(joint)).any(|start| rest.get(start..).is_some_and(is_value))
}

/// `\s` of an expression: one more than [`u8::is_ascii_whitespace`].
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b']' | b'-')
}

fn is_joint(byte: u8) -> bool {
    matches!(
        byte,
        b'"' | b'\'' | b'`' | b'\\' | b')' | b']' | b':' | b'=' | b'|' | b'>' | b',' | b'(' | b'[' | b'{' | b'<'
    )
}

fn opens(byte: u8) -> bool {
    is_joint(byte) || is_blank(byte) || matches!(byte, b'u' | b'b' | b'r' | b'f')
}

fn is_value(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b',' | b';' | b'&' | b'<' | b'>')
}

/// What else a name of a secret may be part of: an option, a key behind nothing but a blank, a document of Kubernetes.
fn is_other(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(BEHIND)..at).unwrap_or_default();
    let after = text.get(at..).unwrap_or_default();
    let blank = matches!(after.first(), Some(b' ' | b'\t'));
    let near = |length: usize| before.get(before.len().saturating_sub(length)..).unwrap_or_default();
    if blank {
        let option = near(20)
            .windows(2)
            .any(|pair| matches!(pair, [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | b'"' | b'\'' | b'`', b'-']));
        let user = near(8).eq_ignore_ascii_case(b"password")
            && before.windows(5).any(|word| {
                word.eq_ignore_ascii_case(b"login")
                    || word.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"user"))
            });
        if option || user {
            return true;
        }
    }
    if near(3).eq_ignore_ascii_case(b"key") {
        let joint = after
            .iter()
            .take(8)
            .take_while(|&&byte| is_blank(byte) || matches!(byte, b'"' | b'\'' | b'\\' | b':' | b'=' | b'>' | b','))
            .count();
        let key = after.get(joint..).unwrap_or_default().iter().take(40);
        return joint > 0
            && key.take_while(|&&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+')).count() == 40;
    }
    if near(6).eq_ignore_ascii_case(b"secret") {
        let before = before.get(..before.len() - 6).unwrap_or_default();
        return before
            .get(before.len().saturating_sub(16)..)
            .unwrap_or_default()
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"kind"));
    }
    false
}

fn is_option(text: &[u8], at: usize) -> bool {
    matches!(text.get(at), Some(b' ' | b'='))
}

/// Whether an `@` follows before an address ends.
fn has_user_information(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..text.len().min(at + AHEAD)).unwrap_or_default();
    let ends = |byte: &&u8| {
        !(byte.is_ascii_whitespace()
            || matches!(**byte, 0x0b | b'/' | b'?' | b'#' | b'"' | b'\'' | b'\\' | b'<' | b'>' | b'@'))
    };
    let length = rest.iter().take_while(ends).count();
    rest.get(length) == Some(&b'@')
}

fn always(_: &[u8], _: usize) -> bool {
    true
}

/// Words of the rules about numbers, or what those begin with: one of them stands before each number of theirs.
const WORDS: &[&[u8]] = &[
    b"ssn",
    b"social",
    b"soc sec",
    b"soc.sec",
    b"itin",
    b"tax",
    b"routing",
    b"aba",
    b"rtn",
    b"nhs",
    b"adha",
    b"uidai",
    b"sin n",
    b"\"sin",
    b"assurance",
    b"cpf",
    b"steuer",
    b"idnr",
    b"bsn",
    b"burger",
    b"sofi",
    b"pesel",
    b"tfn",
    b"personn",
    b"identity",
    b"dselsn",
    b"id number",
    b"rsa id",
    b"tckn",
    b"kimlik",
    b"insee",
    b"nir",
    b"curit",
    b"de s",
    b"\xe8\xba\xab",
    b"shenfen",
    b"resident id",
    b"national id",
    b"id card",
    b"nric",
    b"fin n",
    b"dni",
    b"nif",
    b"nie",
];

/// One bit for the first three bytes of each word, folded: small enough to stay in the nearest cache, which an automaton for
/// all of them is not.
static BEGINNINGS: [u64; 64] = {
    let mut bits = [0; 64];
    let mut word = 0;
    while word < WORDS.len() {
        let place = beginning(WORDS[word][0], WORDS[word][1], WORDS[word][2]);
        bits[place / 64] |= 1 << (place % 64);
        word += 1;
    }
    bits
};

const fn beginning(one: u8, two: u8, three: u8) -> usize {
    let folded = (one | 0x20) as usize | ((two | 0x20) as usize) << 8 | ((three | 0x20) as usize) << 16;
    folded.wrapping_mul(0x9e37_79b1) >> 20 & 4095
}

/// Longest of [`WORDS`].
const LONGEST_WORD: usize = {
    let (mut word, mut longest) = (0, 0);
    while word < WORDS.len() {
        if WORDS[word].len() > longest {
            longest = WORDS[word].len();
        }
        word += 1;
    }
    longest
};

/// Where the last of [`WORDS`] in a text begins, in capitals or small letters.
fn last_word(text: &[u8]) -> Option<usize> {
    let begins = |&[one, two, three]: &[u8; 3]| {
        let place = beginning(one, two, three);
        BEGINNINGS.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 != 0)
    };
    let is_word = |place: &usize| {
        let text = text.get(*place..).unwrap_or_default();
        let is = |word: &&[u8]| text.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
        WORDS.iter().any(is)
    };
    let mut places = text.array_windows().enumerate().rev().filter(|(_, three)| begins(three)).map(|(place, _)| place);
    places.find(is_word)
}

/// The words before the numbers of one text, which are looked for once although many numbers may stand behind them.
#[derive(Debug, Default)]
pub(super) struct NumberWords {
    /// Where they were looked for, and where the last one begins.
    searched: Range<usize>,
    last: Option<usize>,
}

impl NumberWords {
    /// Whether one of them stands in `range` of the text.
    fn stand_in(&mut self, text: &[u8], range: Range<usize>) -> bool {
        let goes_on = self.searched.contains(&range.start) && self.searched.end <= range.end;
        let mut from = range.start;
        if goes_on {
            if self.last.is_some_and(|word| word >= range.start) {
                return true;
            }
            // A word may have been cut where the search ended.
            from = from.max(self.searched.end.saturating_sub(LONGEST_WORD));
        }
        let found = last_word(text.get(from..range.end).unwrap_or_default()).map(|place| from + place);
        self.last = found.or(self.last.filter(|_| goes_on));
        self.searched = if goes_on { self.searched.start..range.end } else { range };
        found.is_some()
    }
}

/// Most bytes before the end of a number in which its words stand, and before its beginning.
pub(super) const NAMED: usize = 96;
const BEFORE_NUMBER: usize = 60;

/// Whether a number of a person may end with the digits that end at `end`, which began at `start` or earlier.
pub(super) fn may_be_number(text: &[u8], start: usize, end: usize, words: &mut NumberWords) -> bool {
    let group = text.get(start..end).unwrap_or_default();
    let last = group.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match (text.get(end), text.get(end + 1)) {
        (Some(byte), _) if byte.is_ascii_alphabetic() => last >= 7,
        // A dash before the letter of a Spanish number.
        (Some(b'-'), Some(byte)) if byte.is_ascii_alphabetic() => last >= 7,
        _ => group.iter().filter(|byte| byte.is_ascii_digit()).count() >= 9,
    };
    // No word, and what stands between it and the number, is longer.
    number && words.stand_in(text, start.saturating_sub(BEFORE_NUMBER)..start)
}

/// Whether a token at `start..end` may be, or end, one that an expression without a literal describes.
pub(super) fn may_be_shaped(text: &[u8], start: usize, end: usize) -> bool {
    let token = text.get(start..end).unwrap_or_default();
    let before = text.get(..start).unwrap_or_default();
    let vault = token.len() >= 24 && matches!(before, [.., b's' | b'b' | b'r', b'.']);
    let airtable = token.len() >= 64 && before.last() == Some(&b'.') && before.len() > 17;
    let bitwarden = token.len() >= 22 && before.last() == Some(&b':') && before.len() > 31;
    let facebook = token.len() >= 27 && matches!(before, [.., digit, b'|'] if digit.is_ascii_digit());
    let mailchimp = token.len() >= 36 && memchr::memmem::find(token, b"-us").is_some();
    let sanity = token.len() >= 101 && memchr::memmem::find(token, b"sk").is_some();
    vault
        || airtable && before.get(before.len() - 18..).is_some_and(|before| before.starts_with(b"pat"))
        || bitwarden && before.get(before.len() - 32..).is_some_and(|before| before.first() == Some(&b'.'))
        || facebook
        || mailchimp
        || sanity
}

#[cfg(test)]
mod tests {
    use super::super::rules::{self, Lane};
    use super::*;

    #[test]
    fn every_rule_that_is_looked_for_in_depth_exists_and_fits_into_a_stretch() {
        let mut deep = 0;
        for rule in rules::built_in() {
            let expression = match rule.lane {
                Lane::Trigger(trigger) => trigger.expression,
                Lane::Words(words) => words.expression,
                Lane::Run(_) | Lane::Service(_) => continue,
            };
            if way_to(rule.name).is_none() {
                continue;
            }
            deep += 1;
            let width = Expression { source: expression.to_owned(), caseless: false }.width().unwrap();
            assert!(width.max.is_some_and(|max| max as usize <= BEHIND), "{}: {width:?}", rule.name);
        }
        assert_eq!(deep, 36, "a rule was renamed: name it in `way_to` again");
    }

    proptest::proptest! {
        #[test]
        fn whatever_an_expression_matches_a_sign_points_to(
            rule in proptest::sample::select(signed()),
            seed in proptest::arbitrary::any::<u64>(),
        ) {
            use proptest::strategy::{Strategy as _, ValueTree as _};
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            let random = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &bytes);
            let mut runner = proptest::test_runner::TestRunner::new_with_rng(proptest::test_runner::Config::default(), random);
            let matching = proptest::string::bytes_regex(&format!("(?s-u){}", rule.1)).unwrap();
            let text = [b"x \"", matching.new_tree(&mut runner).unwrap().current().as_slice(), b"\n"].concat();
            let small = text.to_ascii_lowercase();
            let promising = SIGNS.iter().any(|sign| {
                let haystack = if sign.caseless { &small } else { &text };
                memchr::memmem::find_iter(haystack, sign.literal.as_bytes())
                    .any(|at| (sign.is_promising)(&text, at + sign.literal.len()))
            });
            proptest::prop_assert!(promising, "{}: {}", rule.0, text.escape_ascii());
        }
    }

    /// The rules that signs point to, and their expressions.
    fn signed() -> Vec<(&'static str, &'static str)> {
        let expression = |rule: &'static rules::BuiltIn| match rule.lane {
            Lane::Trigger(trigger) => Some((rule.name, trigger.expression)),
            Lane::Words(words) => Some((rule.name, words.expression)),
            Lane::Run(_) | Lane::Service(_) => None,
        };
        rules::built_in().filter_map(expression).filter(|(rule, _)| way_to(rule) == Some(Way::Sign)).collect()
    }

    #[test]
    fn ordinary_uses_of_the_words_are_not_promising() {
        for text in [
            "the token is below",
            "let token = parse(&args[1])?;",
            "secret_access_key = process.env.KEY; // never",
            "a secret, and a password or two",
            "see https://example.test/path?page=2&sort=desc",
        ] {
            for sign in SIGNS {
                let found = memchr::memmem::find(text.as_bytes(), sign.literal.as_bytes());
                let promising = found.is_some_and(|at| (sign.is_promising)(text.as_bytes(), at + sign.literal.len()));
                assert!(!promising, "{} in {text}", sign.literal);
            }
        }
    }
}

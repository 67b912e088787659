//! Text made to be expensive: what an attacker would send to slow a scanner down. Shared by the benchmark, which holds its
//! cost against ordinary text, and the tests, which hold its findings and its bounds.

/// Floods of `size` bytes each, with a name.
pub(crate) fn floods(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let repeat = |unit: &[u8]| unit.iter().copied().cycle().take(size).collect::<Vec<u8>>();
    let mut floods: Vec<_> = PREFIXES.iter().map(|(name, unit)| (*name, repeat(unit.as_bytes()))).collect();
    let alphabet = |alphabet: &'static [u8]| {
        let mut next = random();
        (0..size).map(|_| alphabet[next() % alphabet.len()]).collect::<Vec<u8>>()
    };
    floods.push(("digit_soup", alphabet(b"0123456789 -.")));
    floods.push(("random_digits", alphabet(b"0123456789")));
    floods.push(("random_hex", alphabet(b"0123456789abcdef")));
    floods.push(("random_base64", alphabet(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")));
    let mut next = random();
    floods.push(("random_bytes", (0..size).map(|_| next().to_le_bytes()[0]).collect()));
    floods
}

/// Beginnings of what rules look for, escapes that lead nowhere, characters that are not seen.
const PREFIXES: [(&str, &str); 27] = [
    ("one_letter", "A"),
    ("one_digit", "0"),
    ("blanks", " "),
    ("openai", "sk-"),
    ("slack", "xoxb-"),
    ("aws", "AKIA"),
    ("aws_words", "aws secret "),
    ("jwt", "eyJaaa"),
    ("azure", "aaa1Q~"),
    ("github", "ghp_"),
    ("assignment", "token="),
    ("private_key", "-----BEGIN "),
    ("service_account", "\"type\":\"service_account\","),
    ("userinfo", "https://a:b"),
    ("image_link", "![](https://a?"),
    ("previous", "previous "),
    ("ignore", "ignore all previous "),
    ("cards", "4111 1111 1111 111"),
    ("ibans", "DE89 3704 0044 0532 "),
    ("groups", "1-2.3 "),
    ("percent", "%25"),
    ("backslashes", "\\\\"),
    ("unclosed_escape", "\\u00"),
    ("lone_surrogates", "\\ud83d"),
    ("zero_width", "\u{200b}"),
    ("expanding", "\u{fdfa}"),
    ("hidden_letters", "i\u{200b}g\u{200b}n\u{200b}o\u{200b}r\u{200b}e\u{200b} "),
];

/// Xorshift64: repeatable, and good enough to look random.
fn random() -> impl FnMut() -> usize {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 16).unwrap_or_default()
    }
}

//! The value after a name: how far it goes, and whether it looks like a secret.

use std::ops::Range;

use super::names::Name;

/// A value and how it is written.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) range: Range<usize>,
    /// It stands in quotes.
    pub(super) quoted: bool,
    /// What follows says that this is itself a name.
    pub(super) is_key: bool,
}

/// The value that begins at `start`.
pub(super) fn at(text: &[u8], start: usize) -> Option<Value> {
    let before = text.get(..start)?;
    let quote = before.last().copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let rest = text.get(start..)?;
    let length = match quote {
        Some(quote) => rest.iter().position(|&byte| byte == quote || matches!(byte, b'\n' | b'\r' | b'\\')),
        None => rest.iter().position(|&byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b',' | b';' | b'&' | b'<' | b'|')
        }),
    }
    .unwrap_or(rest.len());
    let range = start..start + length;
    let mut after = rest.get(length..)?;
    while let [b'"' | b'\'' | b'\\' | b' ', more @ ..] = after {
        after = more;
    }
    let value = text.get(range.clone())?;
    let is_key = matches!(after, [b':', ..] | [b'=', b'=' | b'"' | b'\'' | b' ', ..]) || value.ends_with(b":");
    Some(Value { range, quoted: quote.is_some(), is_key })
}

/// How references begin, in the languages in which programs and configuration are written.
const BEGINNINGS: &[&[u8]] = &[
    b"$",
    b"{",
    b"<",
    b"%(",
    b"%{",
    b"#{",
    b"@",
    b"[",
    b"(",
    b"&",
    b"*",
    b"!",
    b"process.",
    b"os.",
    b"env.",
    b"env[",
    b"env(",
    b"self.",
    b"this.",
    b"config.",
    b"settings.",
    b"req.",
    b"request.",
    b"params",
    b"var.",
    b"local.",
    b"data.",
    b"secrets.",
    b"vault:",
    b"ssm:",
    b"arn:",
    b"http://",
    b"https://",
    b"file:",
    b"./",
    b"../",
    b"~/",
    b"/etc/",
    b"/run/",
    b"/var/",
    b"/home/",
    b"/usr/",
    b"/tmp/",
    b"/opt/",
    b"C:\\",
    b"op://",
    b"ref+",
    b"projects/",
    b"enc[",
    b"encrypted",
    b"rails.",
    b"system.",
    b"getenv",
    b"get_",
    b"load_",
    b"function",
    b"lambda",
    b"async ",
    b"await ",
    b"new ",
    b"return",
    b"string",
    b"str(",
    b"bytes",
    b"base64.",
    b"json.",
    b"crypto.",
    b"uuid",
    b"random",
    b"generate",
    b"data:",
    b"localhost",
];

/// What stands inside of them.
const INSIDE: &[&[u8]] = &[
    b"()",
    b"${",
    b"{{",
    b"}}",
    b"::",
    b"->",
    b"%s",
    b"getenv",
    b"environ",
    b"[\"",
    b"['",
    b"=>",
    b"\\(",
    b"${{",
    b"#{",
    b"...",
    b"\xe2\x80\xa6",
];

/// How they end.
const ENDS: &[&[u8]] = &[
    b".pem", b".key", b".json", b".yml", b".yaml", b".txt", b".crt", b".p12", b".pfx", b".env", b".rb", b".py", b".js",
    b".ts", b".go", b".html", b")", b"(", b"{", b"[", b">",
];

/// Whether a value only says where the secret is: a variable, a call, a path, an address.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let begins = |prefix: &&[u8]| value.len() >= prefix.len() && value[..prefix.len()].eq_ignore_ascii_case(prefix);
    BEGINNINGS.iter().any(begins)
        || INSIDE.iter().any(|part| memchr::memmem::find(value, part).is_some())
        || ENDS.iter().any(|end| value.ends_with(end))
        || (value.contains(&b'(') && value.iter().all(u8::is_ascii_graphic))
        || is_path(value)
        || is_identifier(value)
}

/// `some.module.name`, `SOME_CONSTANT`, `some-slug`: words joined, each of letters only or of digits only.
fn is_identifier(value: &[u8]) -> bool {
    let mut parts =
        value.split(|byte| matches!(byte, b'.' | b'_' | b'-' | b'/' | b' ' | b':')).filter(|part| !part.is_empty());
    let joined = value.iter().any(|byte| matches!(byte, b'.' | b'_' | b'-' | b'/' | b' ' | b':'));
    let wordy = |part: &[u8]| {
        part.iter().all(u8::is_ascii_digit) && part.len() <= 4
            || part.iter().all(u8::is_ascii_lowercase) && part.len() <= 16 && part.len() > 1
            || part.iter().all(u8::is_ascii_uppercase) && part.len() <= 12 && part.len() > 1
            || is_capitalised(part)
    };
    joined && parts.all(wordy)
}

fn is_capitalised(part: &[u8]) -> bool {
    // Humps of two or more letters: `myTokenValue`.
    let mut run = 0;
    let mut humps = 0;
    for &byte in part {
        if !byte.is_ascii_alphabetic() {
            return false;
        }
        if byte.is_ascii_uppercase() {
            humps += 1;
            if run == 1 && humps > 1 {
                return false;
            }
            run = 1;
        } else {
            run += 1;
        }
    }
    part.len() <= 32 && part.len() > 1 && humps * 3 <= part.len()
}

fn is_path(value: &[u8]) -> bool {
    value.contains(&b'/')
        && value
            .split(|&byte| matches!(byte, b'/' | b'#' | b'.' | b'-' | b'_'))
            .all(|part| part.iter().all(u8::is_ascii_lowercase) || is_capitalised(part) || part.len() < 3)
}

/// Words of documentation that stand where a secret would.
const PLACEHOLDERS: &[&[u8]] = &[
    b"your",
    b"example",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"change-me",
    b"replace",
    b"insert",
    b"dummy",
    b"redacted",
    b"xxxx",
    b"****",
    b"....",
    b"----",
    b"____",
    b"todo",
    b"fixme",
    b"sample",
    b"notreal",
    b"not-a-real",
    b"not_a_real",
    b"fake",
    b"enter_",
    b"enter-",
    b"<",
    b"can-be-any",
    b"mock",
    b"abcdefgh",
    b"abcdef123",
    b"0123456789",
    b"1234567",
    b"987654321",
    b"deadbeef",
    b"lorem",
    b"foobar",
    b"null",
    b"undefined",
    b"[filtered]",
    b"hidden",
    b"token-here",
    b"key-here",
    b"secret-here",
    b"_here",
    b"mytoken",
    b"my-token",
    b"my_token",
    b"my-api",
    b"my_api",
    b"mysecret",
    b"my-secret",
    b"my_secret",
    b"somekey",
    b"some-key",
    b"a1b2c3",
    b"d4c3b2",
    b"_secret_",
    b"pst_test_",
    b"iauth_",
    b"ipi_",
    b"[password",
    b"testtest",
    b"test-token",
    b"test_token",
    b"test-key",
    b"test_key",
    b"test-api",
    b"test-secret",
];

/// Whether a value stands for a secret in a text about secrets.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    if PLACEHOLDERS.iter().any(|word| memchr::memmem::find(&lower, word).is_some()) {
        return true;
    }
    // Few different characters, or neighbours that count up or repeat for most of its length.
    let distinct = distinct(&lower);
    let steps = lower.windows(2).filter(|pair| pair[1] == pair[0] || pair[1] == pair[0].wrapping_add(1)).count();
    let limit = if lower.len() >= 12 { 5 } else { 3 };
    distinct < limit || (lower.len() >= 8 && steps * 2 > lower.len()) || repeats(&lower)
}

/// One short piece over and over.
fn repeats(value: &[u8]) -> bool {
    value.len() >= 12 && (1..=4).any(|period| value.iter().zip(value.iter().skip(period)).all(|(a, b)| a == b))
}

fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    value.iter().filter(|&&byte| !std::mem::replace(&mut seen[usize::from(byte)], true)).count()
}

/// Bits per byte of a value's own distribution.
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0u16; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let total = f32::from(u16::try_from(value.len()).unwrap_or(u16::MAX)).max(1.0);
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| f32::from(count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Whether a machine may have drawn it: long enough, of one piece, and no word.
pub(super) fn looks_random(value: &[u8]) -> bool {
    if value.len() < 8 || !value.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    let has = |class: fn(&u8) -> bool| value.iter().any(class);
    let (digits, letters) = (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic));
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let least = if value.len() < 16 { 2.7 } else { 3.0 };
    if entropy(value) < least {
        return false;
    }
    match (digits, letters) {
        (true, true) => value.len() >= 10 || mixed || value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2,
        (true, false) => value.len() >= 16,
        (false, true) => value.len() >= 12 && super::super::validate::unpronounceable(value),
        (false, false) => false,
    }
}

/// Words that stand after `password:` in forms, schemas and programs.
const NOT_PASSWORDS: &[&[u8]] = &[
    b"string",
    b"password",
    b"required",
    b"optional",
    b"true",
    b"false",
    b"none",
    b"nil",
    b"text",
    b"input",
    b"secret",
    b"value",
    b"field",
    b"invalid",
    b"incorrect",
    b"missing",
    b"wrong",
    b"reset",
    b"forgot",
    b"forgotten",
    b"strong",
    b"weak",
    b"expired",
    b"protected",
    b"encrypted",
    b"hashed",
    b"varchar",
    b"username",
    b"admin_password",
    b"db_password",
    b"boolean",
    b"object",
    b"number",
    b"integer",
    b"authentication",
    b"changed",
];

/// Whether a person may have thought of it as a password and written it down here.
pub(super) fn could_be_password(value: &[u8], written: &Value, name: &Name<'_>) -> bool {
    if value.len() < 5 || value.len() > 128 || !value.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    if NOT_PASSWORDS.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return false;
    }
    let classes: [fn(&u8) -> bool; 4] =
        [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_punctuation];
    let count = classes.iter().filter(|class| value.iter().any(class)).count();
    let capitals = name.text.iter().all(|byte| !byte.is_ascii_lowercase());
    match count {
        // A bare word is a password only where nothing else can stand: in a file of variables.
        0 | 1 => name.tight && !written.quoted && value.len() >= 8 && (capitals || name.in_query),
        2 => name.tight || written.quoted || value.iter().any(u8::is_ascii_digit),
        _ => true,
    }
}

/// Whether a part of an address is to be filled in.
pub(super) fn is_variable(value: &[u8]) -> bool {
    let any = |bytes: &[u8]| value.iter().any(|byte| bytes.contains(byte));
    // `%40` is a character of a password; any other percent sign belongs to a template.
    let is_escape = |three: &[u8]| matches!(three, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    let template =
        (0..value.len()).any(|at| value.get(at) == Some(&b'%') && !value.get(at..at + 3).is_some_and(is_escape));
    any(b"${}<>[]") || template || (!value.is_empty() && value.iter().all(|byte| b"*xX.".contains(byte)))
}

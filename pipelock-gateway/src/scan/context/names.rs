//! The name before a value: where it is, and whether it says that the value is a secret.

/// A name and where it stands.
#[derive(Debug)]
pub(super) struct Name<'a> {
    /// The name as written: letters, digits, `_`, `-`, `.`.
    pub(super) text: &'a [u8],
    /// What stands before it, up to the end of what is looked at.
    pub(super) context: &'a [u8],
    /// It is a parameter of a request target.
    pub(super) in_query: bool,
    /// Between it and the value there is `=` and nothing else, as in a file of variables.
    pub(super) tight: bool,
}

/// What kind of secret a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something a person thought of.
    Password,
    /// Something a machine drew at random.
    Key,
}

/// Longest name that is read.
const LONGEST: usize = 64;

/// The name whose value begins just after `before`.
pub(super) fn before(before: &[u8]) -> Option<Name<'_>> {
    let mut end = skip(before, before.len(), is_filler);
    let joint = before.get(end..)?;
    let mut tight = matches!(joint, b"=");
    // `<add key="Password" value="…">` and `{"name": "PASSWORD", "value": "…"}`.
    let word = start_of_word(before, end);
    if before.get(word..end)?.eq_ignore_ascii_case(b"value") {
        end = skip(before, word, is_filler);
        tight = false;
    }
    let start = start_of_word(before, end);
    let text = before.get(start..end)?;
    let context = before.get(..start)?;
    (!text.is_empty()).then(|| Name {
        text,
        context,
        in_query: tight && matches!(context.last(), Some(b'?' | b'&')),
        tight,
    })
}

fn skip(text: &[u8], from: usize, class: fn(u8) -> bool) -> usize {
    text.get(..from).unwrap_or_default().iter().rposition(|&byte| !class(byte)).map_or(0, |at| at + 1)
}

/// How much of the text after a backslash belongs to an escape of JSON.
pub(in crate::scan) fn escape_length(after: &[u8]) -> usize {
    match after {
        [b'u', digits @ ..] if digits.len() >= 4 && digits.iter().take(4).all(u8::is_ascii_hexdigit) => 5,
        [b'n' | b't' | b'r' | b'b' | b'f', ..] => 1,
        _ => 0,
    }
}

fn start_of_word(text: &[u8], end: usize) -> usize {
    let start = skip(text, end, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    // An escape before a name is not part of it: `\npassword`.
    let escape = match start.checked_sub(1).and_then(|before| text.get(before)) {
        Some(b'\\') => escape_length(text.get(start..end).unwrap_or_default()),
        _ => 0,
    };
    (start + if escape < end - start { escape } else { 0 }).max(end.saturating_sub(LONGEST))
}

/// What may stand between a name and its value.
fn is_filler(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(
            byte,
            b'"' | b'\''
                | b'`'
                | b'\\'
                | b':'
                | b'='
                | b'>'
                | b'|'
                | b','
                | b'('
                | b')'
                | b'['
                | b']'
                | b'{'
                | b'<'
                | b'?'
        )
}

/// Lower case, letters and digits only.
pub(super) fn squash(text: &[u8]) -> Vec<u8> {
    text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
}

/// Whether a squashed text contains a word; short words only at its start, since they occur inside others.
pub(super) fn mentions(squashed: &[u8], word: &str) -> bool {
    if word.len() < 4 {
        squashed.starts_with(word.as_bytes())
    } else {
        memchr::memmem::find(squashed, word.as_bytes()).is_some()
    }
}

pub(super) fn is_authorization(name: &[u8]) -> bool {
    squash(name).ends_with(b"authorization")
}

/// The words of a name: cut at everything but letters and digits, and where lower case turns into upper.
pub(super) fn words(name: &[u8]) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = vec![Vec::new()];
    let mut previous = b'_';
    for (place, &byte) in name.iter().enumerate() {
        let next_is_lower = name.get(place + 1).is_some_and(u8::is_ascii_lowercase);
        let hump = byte.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_digit()
                || (previous.is_ascii_uppercase() && next_is_lower));
        if !byte.is_ascii_alphanumeric() || hump {
            words.push(Vec::new());
        }
        if let (true, Some(word)) = (byte.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(byte.to_ascii_lowercase());
        }
        previous = byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Ends of names whose value is about a secret and is none: `token_count`, `password_field`.
const ABOUT: &[&str] = &[
    "id",
    "ids",
    "name",
    "names",
    "url",
    "uri",
    "endpoint",
    "path",
    "file",
    "filename",
    "dir",
    "type",
    "types",
    "count",
    "counts",
    "length",
    "len",
    "size",
    "limit",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "expired",
    "at",
    "in",
    "policy",
    "required",
    "enabled",
    "disabled",
    "field",
    "label",
    "hint",
    "placeholder",
    "description",
    "title",
    "usage",
    "format",
    "header",
    "headers",
    "prefix",
    "suffix",
    "version",
    "status",
    "state",
    "algorithm",
    "alg",
    "rotation",
    "manager",
    "provider",
    "store",
    "resolver",
    "validator",
    "generator",
    "service",
    "class",
    "function",
    "method",
    "error",
    "message",
    "text",
    "help",
    "link",
    "page",
    "pages",
    "date",
    "time",
    "timestamp",
    "arn",
    "ref",
    "reference",
    "selector",
    "env",
    "var",
    "variable",
    "index",
    "kind",
    "scheme",
    "scope",
    "scopes",
    "issuer",
    "audience",
    "usd",
    "price",
    "cost",
    "budget",
    "mode",
    "level",
    "strength",
    "confirmation",
    "check",
    "exists",
    "valid",
    "changed",
    "column",
    "mapping",
    "map",
    "set",
    "list",
    "bytes",
    "tokens",
    "logprob",
    "logprobs",
    "details",
    "params",
    "options",
    "config",
    "settings",
    "schema",
    "example",
];

/// Words anywhere in a name by which its value is public, or a position in a list.
const PUBLIC: &[&str] = &[
    "public",
    "publishable",
    "pub",
    "anon",
    "next",
    "prev",
    "previous",
    "continuation",
    "continue",
    "page",
    "paging",
    "cursor",
    "sync",
    "max",
    "min",
    "num",
    "total",
    "csrf",
    "xsrf",
    "authenticity",
    "cancellation",
    "sort",
    "partition",
    "foreign",
    "cache",
    "idempotency",
    "idempotent",
    "dedup",
    "object",
    "row",
    "translation",
    "i18n",
    "locale",
    "stop",
    "bos",
    "eos",
    "pad",
    "unk",
    "mask",
    "sep",
    "cls",
    "prompt",
    "completion",
    "input",
    "output",
    "reasoning",
    "cached",
    "author",
    "authors",
    "hash",
    "digest",
    "fingerprint",
    "checksum",
    "thumbprint",
    "etag",
    "answer",
    "question",
    "blob",
    "tree",
];

/// What may follow the word key.
const STAGES: &[&str] = &[
    "base",
    "value",
    "val",
    "raw",
    "b64",
    "base64",
    "hex",
    "old",
    "new",
    "live",
    "test",
    "prod",
    "production",
    "dev",
    "development",
    "staging",
    "sandbox",
    "primary",
    "secondary",
    "backup",
    "default",
    "v",
    "v1",
    "v2",
    "v3",
    "a",
    "b",
    "local",
    "main",
    "pair",
    "salt",
];

/// What a name promises; `None` when it does not promise a secret.
pub(super) fn kind(name: &[u8], squashed: &[u8]) -> Option<Kind> {
    let words = words(name);
    let is = |word: &[u8], list: &[&str]| list.iter().any(|known| known.as_bytes() == word);
    let last = words.iter().rev().find(|word| !word.iter().all(u8::is_ascii_digit))?;
    let encryption = memchr::memmem::find(squashed, b"encryption").is_some();
    let known = [&b"reporterid"[..], b"sumologicaccessid", b"sumoaccessid"].iter().any(|name| squashed.ends_with(name));
    if is(last, ABOUT) && !encryption && !known || words.iter().any(|word| is(word, PUBLIC)) {
        return None;
    }
    let any = |list: &[&str]| words.iter().any(|word| is(word, list));
    if any(&[
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "pass",
        "passwort",
        "contrasena",
        "motdepasse",
        "pin",
        "psw",
    ]) || [&b"password"[..], b"passwd", b"passphrase"].iter().any(|word| squashed.ends_with(word))
    {
        return Some(Kind::Password);
    }
    let strong = [
        "secret",
        "secrets",
        "token",
        "apikey",
        "authkey",
        "accesskey",
        "secretkey",
        "privatekey",
        "privkey",
        "masterkey",
        "credential",
        "credentials",
        "auth",
        "authtoken",
        "accesstoken",
        "apitoken",
        "secretkeybase",
        "login",
        "salt",
        "bearer",
    ];
    // A key, or authentication, is a secret when nothing but a number or a stage follows: `AuthSource` is none.
    let tail = words.iter().rev().position(|word| is(word, &["key", "keys", "auth", "authorization"]));
    let follows = tail.map(|tail| &words[words.len() - tail..]);
    let key = follows
        .is_some_and(|follows| follows.iter().all(|word| word.iter().all(u8::is_ascii_digit) || is(word, STAGES)))
        && !encryption_is_missing(&words);
    let ends = [
        &b"token"[..],
        b"secret",
        b"apikey",
        b"secretkey",
        b"reporterid",
        b"accessid",
        b"login",
        b"contribsyscom",
        b"loginwithapikey",
    ]
    .iter()
    .any(|word| squashed.ends_with(word));
    (any(&strong) || key || ends).then_some(Kind::Key)
}

/// `primary_key` is a column unless it is one for encryption.
fn encryption_is_missing(words: &[Vec<u8>]) -> bool {
    let has = |word: &[u8]| words.iter().any(|candidate| candidate == word);
    has(b"primary") && !has(b"encryption") && !has(b"access") && !has(b"account") && !has(b"storage")
}

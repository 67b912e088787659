//! Which values of a process's environment are secrets: the variable's name says so, or the operator does, and the value does
//! not contradict it.
//!
//! Names decide, because a value alone cannot: a path or a list of hosts has more entropy than many a password. A value that
//! is a word, a number, a switch or a path is left out even under such a name, since it would be found in ordinary text. Of
//! an address with a password in it, only the password counts. Reading `/proc` is [`crate::capture`]'s business.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::literals::{Literal, MIN_FORM};
use crate::model::{ENVIRONMENT_RULE, SecretVariables};

/// Values taken of one process.
const MAX_VALUES: usize = 256;
/// Longest name that is printed.
const MAX_NAME: usize = 64;
/// A run of letters longer than this is no word.
const LONGEST_WORD: usize = 14;

/// Parts of names that mean a secret wherever they stand.
const MARKS: &[&str] = &[
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "TOKEN",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "MASTER_KEY",
];
/// Ends of names that mean one.
const ENDS: &[&str] = &["_KEY", "_PASS", "_PWD", "_SALT", "_PIN", "_AUTHENTICATION", "_KEY_BASE"];
/// Ends and parts that mean something else about a secret, or a key that is public.
const NOT_ENDS: &[&str] =
    &["_ID", "_FILE", "_PATH", "_DIR", "_NAME", "_URL", "_URI", "_HOST", "_LENGTH", "_TTL", "_HEADER"];
const NOT_MARKS: &[&str] = &["PUBLIC", "PUBLISHABLE", "GPG_KEY", "SSH_AUTH_SOCK"];

/// A secret of an environment. `Debug` shows the variable only.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvironmentSecret {
    /// The variable.
    pub variable: String,
    /// Its value, or the password in it.
    pub value: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for EnvironmentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentSecret").field("variable", &self.variable).finish_non_exhaustive()
    }
}

impl EnvironmentSecret {
    /// What a scan looks for.
    #[must_use]
    pub fn literal(&self) -> Literal<'_> {
        let rule: Arc<str> = format!("{ENVIRONMENT_RULE} ({})", self.variable).into();
        Literal { rule, value: self.value.as_slice().into(), caseless: false }
    }
}

/// The secrets in `environ`: `NAME=value` records, each ended by a zero byte, as `/proc/<pid>/environ` has them (proc(5)).
///
/// A value under several names comes under the first.
#[must_use]
pub fn environment_secrets(environ: &[u8], variables: &SecretVariables) -> Vec<EnvironmentSecret> {
    let min_length = variables.min_length.max(MIN_FORM);
    let mut secrets: Vec<EnvironmentSecret> = Vec::new();
    let mut seen = HashSet::new();
    for record in environ.split(|byte| *byte == 0) {
        let Some(equals) = memchr::memchr(b'=', record) else { continue };
        let (name, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
        let Some(name) = printable(name) else { continue };
        let password = password_of(value);
        let named = variables.names.iter().any(|listed| listed.matches(&name));
        if variables.ignored.iter().any(|listed| listed.matches(&name)) {
            continue;
        }
        let value = match &password {
            Some(password) => password.as_slice(),
            None if named => value.trim_ascii(),
            None if is_address(value) || !names_a_secret(&name) => continue,
            None => value.trim_ascii(),
        };
        // What the operator names may look like words: a passphrase does.
        let may_be = may_be_secret(value, variables.min_entropy) && (named || !is_ordinary(value));
        if value.len() >= min_length && may_be && seen.insert(value.to_vec()) {
            secrets.push(EnvironmentSecret { variable: name, value: Zeroizing::new(value.to_vec()) });
            if secrets.len() == MAX_VALUES {
                break;
            }
        }
    }
    for value in seen {
        drop(Zeroizing::new(value));
    }
    secrets
}

/// A name as it may stand in a log; other bytes are the workload's choice and are not printed.
fn printable(name: &[u8]) -> Option<String> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    (name.len() <= MAX_NAME && name.iter().all(fits)).then(|| name.iter().map(|byte| char::from(*byte)).collect())
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let excluded = NOT_ENDS.iter().any(|end| name.ends_with(end)) || NOT_MARKS.iter().any(|mark| name.contains(mark));
    !excluded && (MARKS.iter().any(|mark| name.contains(mark)) || ENDS.iter().any(|end| name.ends_with(end)))
}

fn is_address(value: &[u8]) -> bool {
    let scheme = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    scheme > 1 && value.get(scheme..).is_some_and(|rest| rest.starts_with(b"://"))
}

/// The password in `scheme://user:password@host`, percent-encoding undone: what a client sends elsewhere is the password
/// itself.
fn password_of(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if !is_address(value) {
        return None;
    }
    let rest = value.get(memchr::memmem::find(value, b"://")? + 3..)?;
    let authority = rest.split(|byte| b"/?#".contains(byte)).next()?;
    let userinfo = authority.get(..memchr::memrchr(b'@', authority)?)?;
    let password = userinfo.get(memchr::memchr(b':', userinfo)? + 1..)?;
    let mut decoded = Zeroizing::new(Vec::with_capacity(password.len()));
    let mut bytes = password.iter();
    while let Some(&byte) = bytes.next() {
        let digits = bytes.as_slice().first_chunk::<2>().and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.filter(|_| byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                bytes.nth(1);
            }
            None => decoded.push(byte),
        }
    }
    Some(decoded)
}

/// Whether a value is no mere repetition.
fn may_be_secret(value: &[u8], min_entropy: f64) -> bool {
    let distinct = value.iter().collect::<HashSet<_>>().len();
    distinct >= 6 && entropy(value) >= min_entropy
}

/// Words, numbers, switches, paths and placeholders, which stand in ordinary text.
fn is_ordinary(value: &[u8]) -> bool {
    let separator = |byte: &u8| b"-_. ,:;/\\".contains(byte);
    let word = |part: &[u8]| {
        let letters = part.iter().all(u8::is_ascii_alphabetic);
        let number = part.iter().all(u8::is_ascii_digit) && part.len() < 20;
        // Capitals inside are how keys look, not words.
        let mixed = part.iter().skip(1).any(u8::is_ascii_uppercase) && part.iter().any(u8::is_ascii_lowercase);
        number || (letters && !mixed && part.len() <= LONGEST_WORD)
    };
    let placeholder =
        value.starts_with(b"${") || value.starts_with(b"{{") || value.starts_with(b"<") || value.starts_with(b"[");
    let path = [b"/".as_slice(), b"./", b"../", b"~/"].iter().any(|start| value.starts_with(start))
        && memchr::memchr_iter(b'/', value).count() > 1
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-~".contains(byte))
        && value.split(|byte| *byte == b'/').all(|part| part.len() <= 32);
    placeholder || path || value.split(separator).all(word)
}

/// Bits a byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(environ: &[&str]) -> Vec<(String, String)> {
        found_by(&SecretVariables::default(), environ)
    }

    fn found_by(variables: &SecretVariables, environ: &[&str]) -> Vec<(String, String)> {
        let text = environ.join("\0") + "\0";
        let text_of = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        environment_secrets(text.as_bytes(), variables)
            .iter()
            .map(|s| (s.variable.clone(), text_of(&s.value)))
            .collect()
    }

    #[test]
    fn names_that_mean_a_secret_are_taken_and_others_are_not() {
        let value = concat!("k7Rq2VxL", "m9Tz0Bw4");
        for name in [
            "OPENAI_ACCESS_TOKEN",
            "SECRET_KEY_BASE",
            "RAILS_MASTER_KEY",
            "POSTGRES_PASSWORD",
            "CLIENT_SECRET_V2",
            "ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY",
            "ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT",
            "SKYLIGHT_AUTHENTICATION",
            "db_password",
            "TWELVE_DATA_API_KEY",
        ] {
            assert_eq!(found(&[&format!("{name}={value}")]), [(name.to_owned(), value.to_owned())]);
        }
        for name in
            ["HOSTNAME", "AWS_ACCESS_KEY_ID", "LANGFUSE_PUBLIC_KEY", "GPG_KEY", "TLS_KEY_FILE", "KEYBOARD", "PATH"]
        {
            assert_eq!(found(&[&format!("{name}={value}")]), [], "{name}");
        }
    }

    #[test]
    fn values_that_stand_in_ordinary_text_are_left_out() {
        for value in [
            "true",
            "short1",
            "password",
            "changeme-please",
            "sure_password",
            "token-can-be-any-value-for-ollama",
            "1234567890123",
            "2026-11-21",
            "/run/secrets/openai_token",
            "https://login.example.com/oauth2/token",
            "${OPENAI_TOKEN_FROM_VAULT}",
            "<your-api-key-goes-here>",
            "aaaaaaaaaaaaaaaa",
            "example.com,example.org",
        ] {
            assert_eq!(found(&[&format!("API_TOKEN={value}")]), [], "{value}");
        }
        for value in [
            "hT4x9Qz1",
            "qwlkejrhzxmcnbvpoiuytw",
            "correct-horse-battery-st4ple",
            "/w7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9Q+x==",
        ] {
            assert_eq!(found(&[&format!("API_TOKEN={value}")]).len(), 1, "{value}");
        }
    }

    #[test]
    fn of_an_address_the_password_counts_whatever_the_variable_is_called() {
        let url = |password: &str| format!("DATABASE_URL=postgres://app:{password}@db.internal:5432/sure");
        assert_eq!(found(&[&url("hT4x9Qz1")]), [("DATABASE_URL".to_owned(), "hT4x9Qz1".to_owned())]);
        assert_eq!(found(&[&url("hT4%40x9%2FQz")])[0].1, "hT4@x9/Qz");
        assert_eq!(found(&["CACHE=redis://:hT4x9Qz1@cache:6379/0"])[0].1, "hT4x9Qz1");
        assert_eq!(found(&["SENTRY_DSN=https://0f1e2d3c4b5a6978@o1.ingest.sentry.io/2"]), []);
        assert_eq!(found(&["API_TOKEN_URL=https://a.example.com/x?y"]), []);
    }

    #[test]
    fn one_value_under_two_names_comes_once_and_no_name_reaches_a_log_unseen() {
        let all =
            found(&["A_TOKEN=hT4x9Qz1mK", "B_TOKEN=hT4x9Qz1mK", "C\n_TOKEN=zz9x8c7v6b", "novalue", "=hT4x9Qz2mK"]);
        assert_eq!(all, [("A_TOKEN".to_owned(), "hT4x9Qz1mK".to_owned())]);
    }

    #[test]
    fn the_operator_adds_names_takes_names_away_and_sets_the_bounds() {
        let value = concat!("k7Rq2VxL", "m9Tz0Bw4");
        let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>();
        let variables = SecretVariables {
            names: names(&["LEDGER_*", "WORDS"]),
            ignored: names(&["CI_TOKEN"]),
            ..SecretVariables::default()
        };
        let environ = [
            format!("LEDGER_SEED={value}"),
            format!("CI_TOKEN={value}x"),
            "WORDS=correct horse battery staple".to_owned(),
            "OTHER_PASSPHRASE=correct horse battery staple".to_owned(),
            "LEDGER_FLAG=aaaaaaaaaaaa".to_owned(),
        ];
        let environ: Vec<&str> = environ.iter().map(String::as_str).collect();
        let named = |found: Vec<(String, String)>| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(named(found_by(&variables, &environ)), ["LEDGER_SEED", "WORDS"]);
        let longer = SecretVariables { min_length: 20, ..variables.clone() };
        assert_eq!(named(found_by(&longer, &environ)), ["WORDS"]);
        let denser = SecretVariables { min_entropy: 3.6, ..variables };
        assert_eq!(named(found_by(&denser, &environ)), ["LEDGER_SEED"]);
    }

    proptest! {
        #[test]
        fn no_environment_panics(environ in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = environment_secrets(&environ, &SecretVariables::default());
        }
    }
}

//! `canary_tokens`: made-up credentials that are planted somewhere and must never be seen leaving.

use std::collections::HashSet;
use std::fmt;

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind};

pub(super) const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Bool, "false", "Whether the tokens are looked for."),
    Key::new(
        "tokens",
        Kind::List(&Kind::Map(TOKEN)),
        "[]",
        "Made-up credentials that are planted somewhere and must never be seen leaving.",
    ),
];

const TOKEN: &[Key] = &[
    Key::new("name", Kind::Text, "", "What findings call it. Required."),
    Key::new("value", Kind::Text, "", "The token, at least 8 characters. Required."),
    Key::new("env_var", Kind::Text, "", "The variable it was planted in, for your own notes."),
];

/// A shorter one would be found in ordinary text; the reference's limit.
const MIN_LENGTH: usize = 8;

/// One planted token.
#[derive(Clone, PartialEq, Eq)]
pub struct CanaryToken {
    /// What findings call it.
    pub name: String,
    /// The token.
    pub value: String,
}

impl fmt::Debug for CanaryToken {
    /// Never the value: a token that stands in a log is no trap any more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CanaryToken").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads the section; checked also while it is switched off, as in the reference, and then empty.
pub(super) fn read(value: &Value<'_>) -> Result<Vec<CanaryToken>, Error> {
    let section = value.section(KEYS)?;
    let enabled = section.read("enabled", false, Value::boolean)?;
    let (mut tokens, mut names, mut values) = (Vec::new(), HashSet::new(), HashSet::new());
    for entry in section.field("tokens").map_or(Ok(Vec::new()), |list| list.list())? {
        let token = read_token(&entry)?;
        if !names.insert(token.name.to_lowercase()) {
            return Err(entry.incomplete(format!("a token named {:?} stands before; rename one", token.name)));
        }
        if !values.insert(token.value.clone()) {
            return Err(entry.incomplete("another token has this value; make a new one"));
        }
        tokens.push(token);
    }
    if enabled && tokens.is_empty() {
        return Err(value.incomplete("enabled needs tokens; add one, or remove enabled"));
    }
    Ok(if enabled { tokens } else { Vec::new() })
}

fn read_token(value: &Value<'_>) -> Result<CanaryToken, Error> {
    let section = value.section(TOKEN)?;
    let name = section.field("name").ok_or_else(|| value.incomplete("name is missing; add one to report"))?;
    let token = section.field("value").ok_or_else(|| value.incomplete("value is missing; add the planted token"))?;
    if name.text()?.trim().is_empty() {
        return Err(name.refuse("is no name; write one to report"));
    }
    // Not quoted in the message: it must not end up in a log.
    if token.text()?.trim().len() < MIN_LENGTH {
        return Err(
            token.incomplete(format!("is shorter than {MIN_LENGTH} characters, which occur by chance; make it longer"))
        );
    }
    if let Some(variable) = section.field("env_var") {
        let text = variable.text()?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if text.is_empty() || !text.bytes().all(fits) || text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            return Err(variable.refuse("is no name of an environment variable; write one such as AWS_SECRET_KEY"));
        }
    }
    Ok(CanaryToken { name: name.text()?.to_owned(), value: token.text()?.trim().to_owned() })
}

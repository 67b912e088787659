//! Credentials as HTTP carries them: the `Authorization` field, and user information in addresses.

use super::{Claim, claim, names, values};
use crate::model::Severity;
use crate::scan::validate;

/// What follows `Authorization:`; `start` is the first byte of its scheme.
pub(super) fn authorization(text: &[u8], start: usize) -> Option<Claim> {
    let rest = text.get(start..)?;
    let scheme = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')?;
    let mut value = start + scheme;
    let scheme = rest.get(..scheme)?.to_ascii_lowercase();
    let blanks = text.get(value..)?.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b'+').count();
    if blanks == 0 {
        // The whole value is the credential: `Authorization: 0f1e…`.
        return opaque(text, start);
    }
    value += blanks;
    match &*scheme {
        b"basic" => basic_value(text, value),
        b"bearer" | b"token" | b"apikey" | b"api-key" | b"key" | b"bot" | b"apitoken" | b"sso-key" | b"genie"
        | b"genieKey" => opaque(text, value),
        _ => None,
    }
}

/// Judges `Basic …` wherever it stands; `at` is eight bytes into what follows it.
pub(in crate::scan) fn basic(text: &[u8], at: usize) -> Option<Claim> {
    basic_value(text, at.checked_sub(8)?)
}

/// RFC 7617: the base64 of a name, a colon and a password.
fn basic_value(text: &[u8], start: usize) -> Option<Claim> {
    let rest = text.get(start..)?;
    let length = rest
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')));
    let length = length.unwrap_or(rest.len());
    let decoded = validate::base64(rest.get(..length)?);
    let colon = memchr::memchr(b':', &decoded)?;
    let password = decoded.get(colon + 1..)?;
    let printable = decoded.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ' || *byte >= 0x80);
    if length < 8 || !printable || (password.is_empty() && colon < 16) {
        return None;
    }
    let at_most = values::is_placeholder(password).then_some(Severity::Medium);
    Some(claim(Some("HTTP Basic Credentials"), start..start + length, at_most))
}

fn opaque(text: &[u8], start: usize) -> Option<Claim> {
    let value = values::at(text, start)?;
    let bytes = text.get(value.range.clone())?;
    let genuine = !values::is_reference(bytes) && !values::is_placeholder(bytes) && values::looks_random(bytes);
    genuine.then(|| claim(Some("Bearer Token"), value.range, None))
}

/// Schemes with a rule of their own.
const DATABASES: [&[u8]; 9] =
    [b"postgres", b"mysql", b"mariadb", b"mongodb", b"redis", b"amqp", b"mssql", b"sqlserver", b"cockroach"];

/// Judges user information in an address; `at` is just behind its `@`. Those of databases have a rule of their own.
pub(in crate::scan) fn url(text: &[u8], at: usize) -> Option<Claim> {
    let before = text.get(..at.checked_sub(1)?)?;
    let scheme = memchr::memmem::rfind(before, b"://")?;
    let begin = before
        .get(..scheme)?
        .iter()
        .rposition(|byte| !byte.is_ascii_alphanumeric() && *byte != b'+')
        .map_or(0, |place| place + 1);
    // The letter of an escape is not part of the scheme: `\thttps`.
    let escaped = begin > 0 && before.get(begin - 1) == Some(&b'\\');
    let begin = begin + if escaped { names::escape_length(before.get(begin..scheme)?) } else { 0 };
    let name = before.get(begin..scheme)?.to_ascii_lowercase();
    if name.is_empty() || DATABASES.iter().any(|database| memchr::memmem::find(&name, database).is_some()) {
        return None;
    }
    let user_info = before.get(scheme + 3..)?;
    let colon = memchr::memchr(b':', user_info)?;
    let password = user_info.get(colon + 1..)?;
    let host = text.get(at)?;
    if values::is_variable(password)
        || values::is_variable(user_info)
        || !(host.is_ascii_alphanumeric() || *host == b'[')
    {
        return None;
    }
    let known = [&b"password"[..], b"pass", b"passwd", b"pwd", b"secret", b"token"]
        .iter()
        .any(|word| password.eq_ignore_ascii_case(word));
    let at_most = (known || values::is_placeholder(password) || password.len() < 4).then_some(Severity::Medium);
    Some(claim(None, begin..at, at_most))
}

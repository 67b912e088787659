//! Secrets in the arguments of commands: `--password …`, `curl -u name:…`, `login … password …`.

use super::{Claim, SEEN_OF_PASSWORDS, claim, values};

/// Judges an argument that names itself, or a word that stands before a password; `at` is
/// [`SEEN_OF_PASSWORDS`] bytes into the value.
pub(in crate::scan) fn argument(text: &[u8], at: usize) -> Option<Claim> {
    let value = values::at(text, at.checked_sub(SEEN_OF_PASSWORDS)?)?;
    let bytes = text.get(value.range.clone())?;
    let genuine = !values::is_reference(bytes)
        && !values::is_placeholder(bytes)
        && bytes.iter().all(u8::is_ascii_graphic)
        && (value.quoted || bytes.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_punctuation()))
        && !bytes.starts_with(b"-");
    genuine.then(|| claim(Some("Password Assignment"), value.range, None))
}

/// Judges what a sentence calls a password; `at` is [`SEEN_OF_PASSWORDS`] bytes into it. Sentences go on with words, so it has
/// to be made of three kinds of characters.
pub(in crate::scan) fn told(text: &[u8], at: usize) -> Option<Claim> {
    let value = values::at(text, at.checked_sub(SEEN_OF_PASSWORDS)?)?;
    let bytes = text.get(value.range.clone())?.trim_ascii_end();
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let has = |class: fn(&u8) -> bool| usize::from(bytes.iter().any(class));
    let kinds = has(u8::is_ascii_digit)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_punctuation);
    // Versions, dates and addresses have three kinds as well.
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let genuine = (8..=64).contains(&bytes.len())
        && kinds >= 3
        && letters >= 3
        && bytes.iter().all(u8::is_ascii_graphic)
        && memchr::memmem::find(bytes, b"://").is_none()
        && !values::is_placeholder(bytes)
        && !bytes.starts_with(b"${")
        && !bytes.starts_with(b"<");
    genuine.then(|| claim(None, value.range.start..value.range.start + bytes.len(), None))
}

/// Words that stand for a password.
const NO_PASSWORDS: [&[u8]; 10] =
    [b"password", b"passwd", b"pass", b"pwd", b"token", b"secret", b"apikey", b"mypassword", b"yyy", b"key"];

/// Judges `name:password` behind `-u` or `--user`; `at` is three bytes into the password.
pub(in crate::scan) fn user_and_password(text: &[u8], at: usize) -> Option<Claim> {
    let value = values::at(text, at.checked_sub(3)?)?;
    let bytes = text.get(value.range.clone())?;
    let numbers = bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
    let before = text.get(..at.checked_sub(3)?)?;
    let joint = before.iter().rev().take_while(|byte| matches!(byte, b':' | b'"' | b'\'' | b'\\')).count();
    let user =
        before.get(..before.len() - joint)?.rsplit(|byte| matches!(byte, b' ' | b'=' | b'"' | b'\'' | b'\\')).next()?;
    let password: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    if NO_PASSWORDS.iter().any(|word| password.eq_ignore_ascii_case(word)) || password == user || user.starts_with(b"$")
    {
        return None;
    }
    let variable = bytes.iter().any(|byte| matches!(byte, b'[' | b']'))
        || values::is_variable(bytes)
        || bytes.starts_with(b"$")
        || bytes.starts_with(b"%");
    let genuine = !variable && !values::is_placeholder(bytes) && bytes.len() >= 4 && (!numbers || bytes.len() > 6);
    genuine.then(|| claim(None, value.range, None))
}

//! Secrets that only the words around them make recognisable: `DATADOG_API_KEY=0f1e…` and its many spellings.
//!
//! The matcher finds a name that may introduce a secret, what stands between it and the value, and the value's first bytes;
//! here all of that is read again, backwards and forwards, and judged: is the name one of a secret ([`names`]), and does the
//! value look like one and not like a placeholder, a reference or a word ([`values`]). A name that mentions a service makes
//! it a key of that service. Nothing here has a checksum to go by, so what is not a known service's is of medium severity.
//! Numbers that need words are in [`numbers`]. What is claimed becomes a finding in [`super::window`].

mod command;
mod http;
mod key;
mod names;
pub(super) mod numbers;
mod values;

use std::ops::Range;

use super::rules::{self, Claim, Lane, Shape};
use crate::model::Severity;

pub(super) use command::{argument, told, user_and_password};
pub(super) use http::{basic, url};
pub(super) use key::pem;
pub(super) use names::escape_length;

/// Bytes of a value that an expression includes, so that it fires on names that have a value, and not on each name.
pub(super) const SEEN: usize = 8;
/// The same for passwords, which are shorter, and for the arguments of commands.
pub(super) const SEEN_OF_PASSWORDS: usize = 6;

/// Judges `name = value` in any of its spellings; `at` is [`SEEN`] bytes into the value.
pub(super) fn assignment(text: &[u8], at: usize) -> Option<Claim> {
    value_at(text, at.checked_sub(SEEN)?)
}

/// The same, where the name is a password's; `at` is [`SEEN_OF_PASSWORDS`] bytes into the value.
pub(super) fn password(text: &[u8], at: usize) -> Option<Claim> {
    value_at(text, at.checked_sub(SEEN_OF_PASSWORDS)?)
}

fn value_at(text: &[u8], start: usize) -> Option<Claim> {
    let before = text.get(..start)?;
    let name = names::before(before)?;
    if names::is_authorization(name.text) {
        return http::authorization(text, start);
    }
    let value = values::at(text, start)?;
    judge(text, &name, &value)
}

/// Whether the value of such a name is a secret, and whose.
fn judge(text: &[u8], name: &names::Name<'_>, value: &values::Value) -> Option<Claim> {
    let bytes = text.get(value.range.clone())?;
    let squashed = names::squash(name.text);
    let kind = names::kind(name.text, &squashed)?;
    if values::is_reference(bytes) || values::is_placeholder(bytes) || value.is_key {
        return None;
    }
    if let Some((rule, strict)) = service(&squashed, name.context, bytes) {
        return (strict || values::looks_random(bytes)).then(|| claim(Some(rule), value.range.clone(), None));
    }
    let plausible = match kind {
        names::Kind::Password => values::could_be_password(bytes, value, name),
        names::Kind::Key => values::looks_random(bytes),
    };
    if !plausible {
        return None;
    }
    let rule = match kind {
        _ if name.in_query => "Credential in URL",
        names::Kind::Password => "Password Assignment",
        names::Kind::Key if squashed.ends_with(b"key") => "Key Assignment",
        names::Kind::Key => "Secret Assignment",
    };
    Some(claim(Some(rule), value.range.clone(), None))
}

fn claim(rule: Option<&'static str>, range: Range<usize>, at_most: Option<Severity>) -> Claim {
    Claim { rule, range, at_most }
}

/// The rule of the service that a name or the words before it mention, when the value has the form of its keys; and whether
/// that form is proof enough.
fn service(squashed: &[u8], context: &[u8], value: &[u8]) -> Option<(&'static str, bool)> {
    let value = value.strip_prefix(b"base64:").unwrap_or(value);
    let context = names::squash(context);
    let mut nearby = None;
    for rule in rules::services() {
        let Lane::Service(service) = rule.lane else { continue };
        if !fits(value, service.shape) {
            continue;
        }
        let says = |text: &[u8]| service.words.iter().any(|word| names::mentions(text, word));
        if says(squashed) {
            return Some((rule.name, false));
        }
        if nearby.is_none() && says(&context) {
            nearby = Some((rule.name, false));
        }
    }
    nearby
}

fn fits(value: &[u8], shape: Shape) -> bool {
    let (least, most) = shape.length;
    (usize::from(least)..=usize::from(most)).contains(&value.len())
        && value.iter().all(|&byte| shape.class.contains(byte))
}

#[cfg(test)]
mod tests;

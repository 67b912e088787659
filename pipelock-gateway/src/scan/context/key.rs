//! The header line of a private key, and whether a key follows.

use super::{Claim, claim};
use crate::model::Severity;

/// Judges the line that ends about `at`. A line alone is talk about keys when other talk follows; where the data ends with it,
/// or where a body follows, it is a key.
pub(in crate::scan) fn pem(text: &[u8], at: usize) -> Option<Claim> {
    let line = memchr::memmem::rfind(text.get(..at)?, b"BEGIN")?;
    let dashes = text.get(..line)?.iter().rev().take_while(|byte| matches!(byte, b'-' | b' ')).count();
    let rest = text.get(at..)?;
    let rest = rest.get(rest.iter().take_while(|&&byte| byte == b'-').count()..).unwrap_or_default();
    let body = rest
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')))
        .any(|run| run.len() >= 24 && run.iter().any(u8::is_ascii_digit) || run.len() >= 48);
    let ends = !rest.iter().any(u8::is_ascii_alphanumeric) || rest.len() < 24;
    let at_most = (!body && !ends).then_some(Severity::Medium);
    Some(claim(None, line - dashes..at, at_most))
}

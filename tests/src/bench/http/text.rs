//! Bodies for the benchmark: JSON as chat APIs carry it, of an exact length, the same in every run.
//!
//! Prose of a small vocabulary, with the escapes, numbers, ids and punctuation of real messages, because a scanner's cost
//! hangs on them. Holds nothing that any rule reports.

use std::fmt::Write as _;

const WORDS: &str = "the account balance for March shows a transfer of rent and groceries which were lower than last \
    month because you asked me to compare spending with your budget here is a summary by category most of it went into \
    dining savings goal remains on track if nothing changes before summer please tell whether insurance should count as \
    a fixed cost";

/// JSON of exactly `length` bytes; at least the 29 of an empty message.
#[must_use]
pub fn json(length: usize) -> String {
    const HEAD: &str = r#"{"role":"user","content":""#;
    const TAIL: &str = r#"."}"#;
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut state: u32 = 0x9e37_79b9;
    let mut text = String::with_capacity(length + 32);
    text.push_str(HEAD);
    let end = length.saturating_sub(TAIL.len());
    while text.len() < end {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let pick = (state >> 8) as usize;
        match pick % 31 {
            0 => text.push_str("\\n\\n"),
            1 => drop(write!(text, "{}.{:02} ", pick % 9000, pick % 100)),
            2 => drop(write!(text, "2026-{:02}-{:02}, ", pick % 12 + 1, pick % 28 + 1)),
            3 => text.push_str("\\\"budget\\\" "),
            _ => {
                text.push_str(words.get(pick % words.len()).copied().unwrap_or("and"));
                text.push_str(if pick.is_multiple_of(11) { ", " } else { " " });
            }
        }
    }
    text.truncate(end);
    // A cut escape would swallow the closing quote.
    while text.ends_with('\\') {
        text.pop();
    }
    let missing = end - text.len();
    text.extend(std::iter::repeat_n('x', missing));
    text.push_str(TAIL);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_length_asked_for_and_are_json() {
        for length in [29, 30, 64, 1024, 4097, 65_536] {
            let text = json(length);
            assert_eq!(text.len(), length);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{length}: {e}"));
            assert_eq!(value["role"], "user");
        }
    }
}

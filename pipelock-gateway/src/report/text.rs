//! Text from peers, made fit for a line of a log or a terminal.
//!
//! It does not know what the text means, and it does not quote: JSON and the summary line do that. Next: the writers of
//! [`super::audit`] and [`super::summary`].

use std::borrow::Cow;

/// Removes control and bidirectional-formatting characters and cuts at `max_bytes`, marking a cut with `…`.
///
/// Control characters drive terminals (escape sequences, line breaks that forge records); bidirectional ones make a name
/// read as another name. Borrows when there is nothing to do, which is nearly always.
pub(crate) fn clean(text: &str, max_bytes: usize) -> Cow<'_, str> {
    if text.len() <= max_bytes && !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(max_bytes) + '…'.len_utf8());
    for character in text.chars().filter(|c| !is_hostile(*c)) {
        if out.len() + character.len_utf8() > max_bytes {
            out.push('…');
            break;
        }
        out.push(character);
    }
    Cow::Owned(out)
}

/// [`clean`] in place, for strings about to be queued, so that a queue of records has a bound in bytes.
pub(super) fn clean_in_place(text: &mut String, max_bytes: usize) {
    if let Cow::Owned(cleaned) = clean(text, max_bytes) {
        *text = cleaned;
    }
}

/// Characters that never belong in a log line: C0, DEL and C1 controls, line and paragraph separators, and the
/// bidirectional controls (Unicode `Bidi_Control`, UAX #9 §2).
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_and_bidi_controls_do_not_survive() {
        for (text, want) in [
            ("plain.example.test", "plain.example.test"),
            ("a\u{1b}[31mred", "a[31mred"),
            ("two\r\nlines", "twolines"),
            ("del\u{7f}c1\u{9b}31m", "delc131m"),
            ("user\u{202e}gpj.exe\u{2066}\u{200f}", "usergpj.exe"),
            ("sep\u{2028}para\u{2029}", "seppara"),
            ("ünïcode ✓", "ünïcode ✓"),
        ] {
            assert_eq!(clean(text, 100), want, "{text:?}");
        }
    }

    #[test]
    fn a_cut_is_marked_and_falls_between_characters() {
        assert_eq!(clean("abcdef", 6), "abcdef");
        assert_eq!(clean("abcdefg", 6), "abcdef…");
        assert_eq!(clean("aéé", 4), "aé…");
    }
}

//! Whether a token is a piece of something larger: an image or a document in base64, in which every short prefix occurs.
//!
//! Only what stands before a token is looked at, so that nothing has to be waited for. The first bytes of such a run are
//! therefore not recognised as one, which costs one false finding in very many documents. A token with a character that
//! base64 does not have is never a piece of it. What the base64 itself hides is a matter of [`super::disguise`].

/// Bytes before a token that must be base64.
pub(super) const BASE64_BEHIND: usize = 320;
/// Shortest line of a run that is broken into lines, as those of mail (76), of PEM files (64) and of `uuencode` (60) are.
const LINE: usize = 56;

/// Whether `token` goes on a run of base64 at the end of `before`; `cut` when more may have stood before that.
pub(super) fn is_within(before: &[u8], token: &[u8], cut: bool) -> bool {
    if !token.iter().all(|&byte| is_base64(byte)) {
        return false;
    }
    let behind = before.get(before.len().saturating_sub(BASE64_BEHIND)..).unwrap_or_default();
    if behind.len() < BASE64_BEHIND && !cut {
        return false;
    }
    // Random base64 of this length has all kinds of characters; a path or a list of hashes has not.
    let has = |class: fn(&u8) -> bool| behind.iter().any(class);
    has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(|byte| matches!(byte, b'+' | b'/'))
        && is_run(behind)
}

/// Base64 from the first byte to the last, in lines that are long except for the first and the last.
fn is_run(text: &[u8]) -> bool {
    let mut rest = text;
    let mut line = usize::MAX;
    while let Some((&byte, after)) = rest.split_first() {
        let line_break = line_break(rest);
        if line_break > 0 {
            if line < LINE {
                return false;
            }
            line = 0;
            rest = rest.get(line_break..).unwrap_or_default();
        } else if is_base64(byte) {
            line = line.saturating_add(1);
            rest = after;
        } else {
            return false;
        }
    }
    true
}

/// Length of a line break at the start, as it stands in text or in a string of JSON.
fn line_break(text: &[u8]) -> usize {
    match text {
        [b'\n', ..] => 1,
        [b'\\', b'r', b'\\', b'n', ..] => 4,
        [b'\r', b'\n', ..] | [b'\\', b'n', ..] => 2,
        // The end of one that the cut went through.
        _ => 0,
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random base64 in lines of `columns`, broken by `line_break`.
    fn lines(columns: usize, line_break: &str) -> Vec<u8> {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut state = 7u32;
        let mut text = Vec::new();
        for place in 1..=2000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(ALPHABET[(state >> 26) as usize]);
            if place % columns == 0 {
                text.extend_from_slice(line_break.as_bytes());
            }
        }
        text
    }

    #[test]
    fn a_token_is_within_base64_in_one_piece_or_in_lines_wherever_it_stands() {
        for (columns, line_break) in [(5000, ""), (76, "\r\n"), (64, "\n"), (60, "\\n"), (76, "\\r\\n")] {
            let text = lines(columns, line_break);
            let last_break = [b'\r', b'\n', b'\\'];
            for at in (BASE64_BEHIND + 8..text.len() - 20).filter(|&at| !last_break.contains(&text[at - 1])) {
                if text[at..].iter().take(20).all(|&byte| is_base64(byte)) && text[at - 1] != b'r' {
                    assert!(is_within(&text[..at], &text[at..at + 20], false), "{columns} {at}");
                }
            }
        }
    }

    #[test]
    fn other_surroundings_are_no_base64() {
        let run = lines(5000, "");
        let token = b"AKIAQ7RX2VLM9TZ5BW4H";
        assert!(!is_within(&run[..200], token, false), "too short a run");
        assert!(is_within(&run[..200], token, true), "of which the beginning is not here");
        assert!(!is_within(&[&run[..], b"\",\"key\":\""].concat(), token, false), "another value");
        assert!(!is_within(&[&run[..], b" "].concat(), token, false));
        assert!(!is_within(&run, b"ghp_k7Rq2VxLm9Tz0Bw4Hs6J", false), "an underscore is not base64");
        assert!(!is_within(&lines(20, "\n"), token, false), "a list of short keys");
        assert!(!is_within(&b"0123456789abcdef".repeat(40), token, false), "a list of hashes");
    }
}

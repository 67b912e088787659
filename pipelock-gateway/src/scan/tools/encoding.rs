//! Encodings that hide text in arguments and definitions, for short texts that are complete.
//!
//! The streaming decoders of bodies are elsewhere in `scan`; these are for what a shell or a model would decode itself.

/// Longest text that is decoded.
const MAX: usize = 256 * 1024;

/// The bytes of base64 in either alphabet, with white space and padding anywhere; `None` when it is something else.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut buffer, mut bits) = (0u32, 0u8);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        buffer = buffer << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits).to_le_bytes()[0]);
        }
    }
    Some(out)
}

/// Base64 that says something readable.
pub(super) fn base64_text(text: &str) -> Option<String> {
    base64(text).and_then(readable)
}

/// Base32 (RFC 4648 §6) that says something readable.
pub(super) fn base32_text(text: &str) -> Option<String> {
    if text.len() > MAX {
        return None;
    }
    let mut out = Vec::new();
    let (mut buffer, mut bits) = (0u32, 0u8);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            b'=' | b'\n' | b'\r' | b' ' => continue,
            _ => return None,
        };
        buffer = buffer << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits).to_le_bytes()[0]);
        }
    }
    readable(out)
}

/// Hex digits, with white space between, that say something readable.
pub(super) fn hex_text(text: &str) -> Option<String> {
    if text.len() > MAX {
        return None;
    }
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| character.to_digit(16).map(|digit| digit.to_le_bytes()[0]))
        .collect();
    let bytes = digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit)).collect();
    readable(bytes)
}

/// Base64 of UTF-16 (little endian), as `powershell -EncodedCommand` wants it.
pub(super) fn powershell_text(text: &str) -> Option<String> {
    let bytes = base64(text)?;
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| pair.iter().rev().fold(0, |unit, &byte| unit << 8 | u16::from(byte)))
        .collect();
    let decoded = String::from_utf16_lossy(&units);
    readable(decoded.into_bytes())
}

/// Percent-encoding undone; other bytes stay.
pub(super) fn percent_text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let mut digit = || ahead.next().and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(), digit()) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low).to_le_bytes()[0]);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Bytes as text, if nearly all of it can be read.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let odd =
        text.chars().filter(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')).count();
    (!text.is_empty() && odd * 20 <= text.chars().count()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_reads_again() {
        assert_eq!(base64_text("cm0gLXJmIH4="), Some("rm -rf ~".to_owned()));
        assert_eq!(base64_text("cm0g\nLXJmIH4"), Some("rm -rf ~".to_owned()));
        assert_eq!(base32_text("NRZSALLMME======"), Some("ls -la".to_owned()));
        assert_eq!(hex_text("6c 73"), Some("ls".to_owned()));
        assert_eq!(powershell_text("bABzACAALQBsAGEA"), Some("ls -la".to_owned()));
        assert_eq!(percent_text("%0Acat%20/etc%2Fhosts%"), "\ncat /etc/hosts%");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(base64_text("not base64!"), None);
        assert_eq!(base64_text("AAAAAAAAAAAA"), None);
        assert_eq!(hex_text("xyz"), None);
        assert_eq!(base64_text(""), None);
    }
}

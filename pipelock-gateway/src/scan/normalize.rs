//! What a reader takes a character for: invisible ones for nothing, and those that only look like ASCII for ASCII.
//!
//! One character is judged at a time, without a look at its neighbours, so that the result depends neither on how the text
//! was cut nor on which words stand around it, and a rule written in any alphabet can be folded by the same function as the
//! text it is to match. Letters of other alphabets that look like no letter of ours stay as they are; so do bytes that are
//! no UTF-8. It does not undo escapes: those are gone before ([`super::decode`]).

mod tables;

use tables::{SEVERAL, SINGLE};

/// What a character stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Itself.
    Itself,
    /// Nothing: it is not visible, or an accent on the character before.
    Nothing,
    /// One byte of ASCII.
    Byte(u8),
    /// Several of them.
    Several(&'static str),
}

/// What `character` stands for to a reader. Case is kept.
pub(super) fn meaning(character: char) -> Meaning {
    let code = u32::from(character);
    match code {
        0..0x80 => Meaning::Itself,
        // Kana, Han and Hangul: the bulk of what is not ASCII and has no meaning but itself.
        0x3040..=0x9fff | 0xac00..=0xd7a3 => Meaning::Itself,
        0x85 | 0x2028 | 0x2029 => Meaning::Byte(b'\n'),
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x2800 | 0x3000 => Meaning::Byte(b' '),
        // Tags spell ASCII that nobody sees (UTS #51 C.1). So do variation selectors, whose number is a byte.
        0xe0020..=0xe007e => ascii(code - 0xe0000),
        0xe0110..=0xe016e => ascii(code - 0xe0100 + 16),
        _ if is_invisible(code) || is_accent(code) => Meaning::Nothing,
        _ => mapped(character),
    }
}

fn ascii(code: u32) -> Meaning {
    u8::try_from(code).map_or(Meaning::Nothing, Meaning::Byte)
}

/// Default ignorable code points (Unicode, `DerivedCoreProperties.txt`), and the ones between text and its annotation.
fn is_invisible(code: u32) -> bool {
    matches!(
        code,
        0xad | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
            | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff
    )
}

/// Combining marks of the blocks that serve all scripts. Marks of one script are part of its spelling.
fn is_accent(code: u32) -> bool {
    matches!(code, 0x300..=0x36f | 0x483..=0x489 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe20..=0xfe2f)
}

fn mapped(character: char) -> Meaning {
    let code = u32::from(character);
    let place = SINGLE.partition_point(|&(first, _)| first <= code);
    let single = place.checked_sub(1).and_then(|place| SINGLE.get(place)).and_then(|&(first, bytes)| {
        let offset = usize::try_from(code - first).ok()?;
        bytes.as_bytes().get(offset).copied().filter(|&byte| byte != b' ')
    });
    if let Some(byte) = single {
        return Meaning::Byte(byte);
    }
    match SEVERAL.binary_search_by_key(&character, |&(mapped, _)| mapped) {
        Ok(place) => SEVERAL.get(place).map_or(Meaning::Itself, |&(_, text)| Meaning::Several(text)),
        Err(_) => Meaning::Itself,
    }
}

/// Text as a model reads it and as rules about language are written: what looks like ASCII is ASCII, invisible characters
/// and accents are gone, letters are small, and any white space is one blank.
pub(super) fn fold(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut blank = false;
    let mut push = |bytes: &[u8]| {
        for &byte in bytes {
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
            if !(space && blank) {
                out.push(if space { b' ' } else { byte.to_ascii_lowercase() });
            }
            blank = space;
        }
    };
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match meaning(character) {
                Meaning::Itself => push(character.encode_utf8(&mut [0; 4]).as_bytes()),
                Meaning::Nothing => {}
                Meaning::Byte(byte) => push(&[byte]),
                Meaning::Several(text) => push(text.as_bytes()),
            }
        }
        push(chunk.invalid());
    }
    out
}

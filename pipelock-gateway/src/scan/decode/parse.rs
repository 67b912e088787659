//! The grammar of escapes: what the bytes from an introducer on may be. Pure; [`super::Decoder`] feeds it byte by byte.

/// What the held bytes turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Still open.
    Incomplete,
    /// This many of them are an escape for a character.
    Character(char, usize),
    /// This many of them are an escape for a byte.
    Byte(u8, usize),
    /// This many of them are no escape at all.
    Verbatim(usize),
}

/// Reads the escape that `held`, which begins with a backslash, may be.
pub(super) fn parse_json(held: &[u8], last: bool) -> Parsed {
    let byte = match held.get(1) {
        None => return Parsed::Incomplete,
        Some(b'u') => return parse_unicode(held, last),
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(&same @ (b'"' | b'\\' | b'/')) => same,
        Some(_) => return Parsed::Verbatim(2),
    };
    Parsed::Byte(byte, 2)
}

/// Reads `\uXXXX` or a pair of surrogates. A surrogate without its partner becomes U+FFFD, as in every lenient parser.
fn parse_unicode(held: &[u8], last: bool) -> Parsed {
    let unit = match hex_unit(held.get(2..).unwrap_or_default()) {
        HexUnit::Open => return Parsed::Incomplete,
        HexUnit::Broken(digits) => return Parsed::Verbatim(2 + digits),
        HexUnit::Unit(unit) => unit,
    };
    let lone = Parsed::Character(char::REPLACEMENT_CHARACTER, 6);
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit).map_or(lone, |character| Parsed::Character(character, 6));
    }
    match held.get(6..).unwrap_or_default() {
        [] | b"\\" if !last => Parsed::Incomplete,
        [b'\\', b'u', digits @ ..] => match hex_unit(digits) {
            HexUnit::Open if !last => Parsed::Incomplete,
            HexUnit::Unit(low @ 0xdc00..0xe000) => {
                let combined = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                char::from_u32(combined).map_or(lone, |character| Parsed::Character(character, 12))
            }
            _ => lone,
        },
        _ => lone,
    }
}

/// Four hex digits, as far as they go.
enum HexUnit {
    Open,
    /// This many digits, then something else.
    Broken(usize),
    Unit(u32),
}

fn hex_unit(text: &[u8]) -> HexUnit {
    let mut unit = 0;
    for place in 0..4 {
        match text.get(place).map(|&byte| char::from(byte).to_digit(16)) {
            None => return HexUnit::Open,
            Some(None) => return HexUnit::Broken(place),
            Some(Some(digit)) => unit = unit << 4 | digit,
        }
    }
    HexUnit::Unit(unit)
}

/// Two hex digits after an introducer of `width` bytes.
fn hex_byte(held: &[u8], width: usize) -> Parsed {
    let digit = |place: usize| held.get(place).map(|&byte| char::from(byte).to_digit(16));
    match (digit(width), digit(width + 1)) {
        (Some(None), _) => Parsed::Verbatim(width),
        (Some(Some(_)), Some(None)) => Parsed::Verbatim(width + 1),
        (Some(Some(high)), Some(Some(low))) => Parsed::Byte((high << 4 | low).to_le_bytes()[0], width + 2),
        (None, _) | (Some(Some(_)), None) => Parsed::Incomplete,
    }
}

/// Reads the escape that `held`, which begins with a percent or plus sign, may be.
pub(super) fn parse_percent(held: &[u8]) -> Parsed {
    match held.first() {
        Some(b'%') => hex_byte(held, 1),
        Some(b'+') => Parsed::Byte(b' ', 1),
        _ => Parsed::Verbatim(1),
    }
}

/// Reads the escape of any kind that `held` may begin with.
pub(super) fn parse_any(held: &[u8], last: bool) -> Parsed {
    match held {
        [b'%', ..] => hex_byte(held, 1),
        [b'&', ..] => parse_reference(held, last),
        [b'\\', b'x' | b'X', ..] => hex_byte(held, 2),
        [b'\\', b'u', b'{', digits @ ..] => match number(digits, 16, b'}', last) {
            Number::Open => Parsed::Incomplete,
            Number::Is(character, used) => Parsed::Character(character, 3 + used),
            Number::None => Parsed::Verbatim(3),
        },
        [b'\\', ..] => parse_json(held, last),
        _ => Parsed::Verbatim(1),
    }
}

/// Reads a character reference of HTML (WHATWG HTML §13.5). Without its semicolon a number counts as well, as in browsers.
fn parse_reference(held: &[u8], last: bool) -> Parsed {
    let (radix, digits, before) = match held {
        [_, b'#', b'x' | b'X', digits @ ..] => (16, digits, 3),
        [_, b'#', digits @ ..] => (10, digits, 2),
        [_, name @ ..] => return parse_name(name),
        [] => return Parsed::Incomplete,
    };
    match number(digits, radix, b';', last) {
        Number::Open => Parsed::Incomplete,
        Number::Is(character, used) => Parsed::Character(character, before + used),
        Number::None => Parsed::Verbatim(before),
    }
}

/// A number that ends with a certain byte, which belongs to it, or with anything that is no digit, which does not.
enum Number {
    Open,
    /// The character, and how many bytes were used.
    Is(char, usize),
    None,
}

/// Most digits that a number may have, zeros in front included.
const DIGITS: usize = 8;

fn number(text: &[u8], radix: u32, end: u8, last: bool) -> Number {
    let digits = text.iter().take(DIGITS).take_while(|&&byte| char::from(byte).is_digit(radix)).count();
    let closed = match text.get(digits) {
        None if !last && digits < DIGITS => return Number::Open,
        next => next == Some(&end),
    };
    let value = text
        .iter()
        .take(digits)
        .try_fold(0u32, |value, &byte| value.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?));
    match value.filter(|_| digits > 0).and_then(char::from_u32) {
        Some(character) => Number::Is(character, digits + usize::from(closed)),
        None => Number::None,
    }
}

/// Names of references for characters that occur in keys, addresses and sentences.
const NAMES: [(&[u8], u8); 31] = [
    (b"amp;", b'&'),
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"nbsp;", b' '),
    (b"sol;", b'/'),
    (b"bsol;", b'\\'),
    (b"lowbar;", b'_'),
    (b"hyphen;", b'-'),
    (b"dash;", b'-'),
    (b"minus;", b'-'),
    (b"period;", b'.'),
    (b"comma;", b','),
    (b"colon;", b':'),
    (b"semi;", b';'),
    (b"equals;", b'='),
    (b"plus;", b'+'),
    (b"commat;", b'@'),
    (b"num;", b'#'),
    (b"percnt;", b'%'),
    (b"dollar;", b'$'),
    (b"excl;", b'!'),
    (b"quest;", b'?'),
    (b"ast;", b'*'),
    (b"lpar;", b'('),
    (b"rpar;", b')'),
    (b"grave;", b'`'),
    (b"Tab;", b'\t'),
    (b"NewLine;", b'\n'),
    (b"verbar;", b'|'),
];

fn parse_name(name: &[u8]) -> Parsed {
    // Most of them stand in addresses and programs, and no name is longer.
    if name.get(..8).is_some_and(|name| !name.contains(&b';')) {
        return Parsed::Verbatim(1);
    }
    if let Some((full, byte)) = NAMES.iter().find(|(full, _)| name.starts_with(full)) {
        return Parsed::Byte(*byte, 1 + full.len());
    }
    if NAMES.iter().any(|(full, _)| full.starts_with(name)) { Parsed::Incomplete } else { Parsed::Verbatim(1) }
}

//! What begins with a dollar sign.

use super::read::{Cursor, Word, substituted};
use super::{MAX_VALUE, Reader};

impl Reader {
    /// Reads the expansion at the cursor, which stands on the dollar sign.
    pub(super) fn dollar(&mut self, cursor: &mut Cursor, word: &mut Word, quoted: bool, depth: u8, decoded: bool) {
        let next = cursor.peek(1);
        match next {
            Some('\'') if !quoted => {
                cursor.at += 2;
                let text = ansi_c(cursor);
                word.disguised |= text.1;
                word.push_str(&text.0);
            }
            Some('"') if !quoted => cursor.at += 1,
            Some('(') if cursor.peek(2) == Some('(') => {
                cursor.at += 3;
                let inner = cursor.balanced('(', ')');
                if cursor.peek(0) == Some(')') {
                    cursor.at += 1;
                }
                // Commands inside arithmetic run too.
                if inner.contains("$(") || inner.contains('`') {
                    self.script_text(&format!(": {inner}"), depth + 1, decoded);
                }
                word.push('0');
            }
            Some('(') => {
                cursor.at += 2;
                let inner = cursor.balanced('(', ')');
                let output = self.script_text(&inner, depth + 1, decoded);
                substituted(word, output, &inner, quoted);
            }
            Some('{') => {
                cursor.at += 2;
                let inner = cursor.balanced('{', '}');
                self.parameter(&inner, word, quoted);
            }
            Some('@' | '*') => {
                cursor.at += 2;
                let inside = cursor.peek(0).is_some_and(char::is_alphanumeric);
                word.disguised |= inside && !quoted;
            }
            Some('#' | '?' | '$' | '!' | '-') => {
                cursor.at += 2;
                word.push('0');
            }
            Some(digit) if digit.is_ascii_digit() => {
                cursor.at += 2;
                if digit == '0' {
                    word.push_str("bash");
                } else if cursor.peek(0).is_some_and(char::is_alphanumeric) {
                    word.disguised |= !quoted;
                }
            }
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                cursor.at += 1;
                let mut name = String::new();
                while let Some(character) = cursor.peek(0).filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(character);
                    cursor.at += 1;
                }
                self.variable(&name, cursor, word, quoted);
            }
            _ => {
                cursor.at += 1;
                word.push('$');
            }
        }
    }

    /// `$name`, whose end is known.
    fn variable(&mut self, name: &str, cursor: &mut Cursor, word: &mut Word, quoted: bool) {
        if name == "IFS" {
            self.blank(word, quoted);
            // `$IFS$9` keeps the next letter from joining the name.
            if cursor.peek(0) == Some('$') && cursor.peek(1).is_some_and(|digit| digit.is_ascii_digit()) {
                cursor.at += 2;
            }
            return;
        }
        self.value(name, word, quoted);
    }

    /// A blank written as `$IFS`.
    fn blank(&mut self, word: &mut Word, quoted: bool) {
        self.script.disguised |= !quoted;
        let value = self.variables.get("IFS").cloned().unwrap_or_else(|| " ".to_owned());
        if quoted {
            word.push_str(&value);
        } else {
            word.push_split(" ");
        }
    }

    fn value(&mut self, name: &str, word: &mut Word, quoted: bool) {
        word.expansions += 1;
        let known = self.variables.get(name).cloned();
        let cost = known.as_ref().map_or(0, String::len);
        if cost > self.characters {
            // Doubling a variable again and again costs what it produces.
            self.script.truncated = true;
            return;
        }
        self.characters -= cost;
        match known {
            Some(value) if quoted => word.push_str(&value),
            Some(value) => {
                // `IFS=,; $cmd`: another separator that the attacker chose.
                let separator = self.variables.get("IFS").filter(|ifs| !ifs.trim().is_empty()).cloned();
                match separator {
                    Some(separator) => {
                        let blanks: String =
                            value.chars().map(|c| if separator.contains(c) { ' ' } else { c }).collect();
                        self.script.disguised |= blanks != value;
                        word.push_split(&blanks);
                    }
                    None => word.push_split(&value),
                }
            }
            // A short unset name is there to cut a word in two: `c${u}at`.
            None if name.len() <= 2 => word.expansions -= 1,
            None => word.push_str(&format!("${name}")),
        }
    }

    /// `${…}`.
    fn parameter(&mut self, inner: &str, word: &mut Word, quoted: bool) {
        if let Some(name) = inner.strip_prefix('!') {
            let target = self.variables.get(name).cloned().unwrap_or_default();
            word.disguised |= !quoted;
            self.value(&target, word, quoted);
            return;
        }
        let inner = inner.strip_prefix('#').unwrap_or(inner);
        let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
        let (name, operation) = inner.split_at(end);
        if name == "IFS" {
            self.blank(word, quoted);
            return;
        }
        if name.is_empty() {
            // `${@}`, `${*}`: nothing, in the middle of a word.
            word.disguised |= !quoted && word.literal > 0;
            return;
        }
        let known = self.variables.get(name).cloned();
        let operation =
            operation.strip_prefix('[').map_or(operation, |rest| rest.split_once(']').map_or("", |(_, rest)| rest));
        let result = match (known, operation) {
            (_, "") => {
                self.value(name, word, quoted);
                return;
            }
            (None, operation) if operation.starts_with([':', '-', '=']) => {
                let default = operation.trim_start_matches([':', '-', '=', '+', '?']);
                default.to_owned()
            }
            (None, _) => return,
            (Some(value), operation) => apply(&value, operation),
        };
        word.expansions += 1;
        if quoted { word.push_str(&result) } else { word.push_split(&result) }
    }
}

/// `:offset:length`, `/old/new`, `^^`, `,,`, `%suffix`, `#prefix`; anything else leaves the value.
fn apply(value: &str, operation: &str) -> String {
    if let Some(slice) = operation.strip_prefix(':') {
        let mut parts = slice.splitn(2, ':');
        let number = |part: Option<&str>| part.map(|part| part.trim().parse::<i64>().unwrap_or(0));
        let count = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
        let offset = number(parts.next()).unwrap_or(0);
        let offset = if offset < 0 { (count + offset).max(0) } else { offset.min(count) };
        let len = number(parts.next()).unwrap_or(count);
        let len = if len < 0 { (count - offset + len).max(0) } else { len };
        let (offset, len) = (usize::try_from(offset).unwrap_or(0), usize::try_from(len).unwrap_or(0));
        return value.chars().skip(offset).take(len).collect();
    }
    if let Some(replace) = operation.strip_prefix('/') {
        let (all, replace) = replace.strip_prefix('/').map_or((false, replace), |rest| (true, rest));
        let (old, new) = replace.split_once('/').unwrap_or((replace, ""));
        if old.is_empty() {
            return value.to_owned();
        }
        let replaced = if all { value.replace(old, new) } else { value.replacen(old, new, 1) };
        return if replaced.len() > MAX_VALUE { value.to_owned() } else { replaced };
    }
    match operation {
        "^^" => value.to_uppercase(),
        ",," => value.to_lowercase(),
        _ => {
            if let Some(suffix) = operation.strip_prefix("%%").or_else(|| operation.strip_prefix('%')) {
                value.strip_suffix(suffix).unwrap_or(value).to_owned()
            } else if let Some(prefix) = operation.strip_prefix("##").or_else(|| operation.strip_prefix('#')) {
                value.strip_prefix(prefix).unwrap_or(value).to_owned()
            } else {
                value.to_owned()
            }
        }
    }
}

/// `$'…'`: the text, and whether ordinary letters were written as numbers.
fn ansi_c(cursor: &mut Cursor) -> (String, bool) {
    let (mut inner, mut numbers) = (String::new(), 0usize);
    while let Some(character) = cursor.peek(0) {
        cursor.at += 1;
        match character {
            '\'' => break,
            '\\' => {
                inner.push('\\');
                if let Some(next) = cursor.peek(0) {
                    numbers += usize::from(matches!(next, 'x' | 'u' | '0'..='7'));
                    inner.push(next);
                    cursor.at += 1;
                }
            }
            character => inner.push(character),
        }
    }
    let decoded = unescape(&inner);
    let letters = decoded.chars().filter(char::is_ascii_alphanumeric).count();
    (decoded, numbers >= 3 && letters >= 2)
}

/// `\xHH`, `\NNN`, `\uHHHH` and the single letters of `printf`, `echo -e` and `$'…'`.
pub(super) fn unescape(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut at = 0;
    let number = |from: usize, radix: u32, most: usize| {
        let digits: String = characters.iter().skip(from).take(most).take_while(|c| c.is_digit(radix)).collect();
        u32::from_str_radix(&digits, radix).ok().map(|value| (value, digits.len()))
    };
    let push = |bytes: &mut Vec<u8>, character: char| {
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    };
    while let Some(&character) = characters.get(at) {
        at += 1;
        if character != '\\' {
            push(&mut bytes, character);
            continue;
        }
        let Some(&kind) = characters.get(at) else {
            bytes.push(b'\\');
            break;
        };
        at += 1;
        match kind {
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'r' => bytes.push(b'\r'),
            'a' => bytes.push(7),
            'e' | 'E' => bytes.push(0x1b),
            '\\' | '\'' | '"' | '?' => push(&mut bytes, kind),
            'x' => match number(at, 16, 2) {
                Some((value, used)) => {
                    bytes.push(value.to_le_bytes()[0]);
                    at += used;
                }
                None => bytes.extend_from_slice(b"\\x"),
            },
            'u' | 'U' => match number(at, 16, if kind == 'u' { 4 } else { 8 }) {
                Some((value, used)) => {
                    push(&mut bytes, char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
                    at += used;
                }
                None => bytes.extend_from_slice(b"\\u"),
            },
            '0'..='7' => {
                // `echo -e` wants a leading zero before three digits, `printf` none.
                let from = if kind == '0' { at } else { at - 1 };
                match number(from, 8, 3) {
                    Some((value, used)) => {
                        bytes.push(value.to_le_bytes()[0]);
                        at = from + used;
                    }
                    None => bytes.push(0),
                }
            }
            other => {
                bytes.push(b'\\');
                push(&mut bytes, other);
            }
        }
    }
    bytes.retain(|&byte| byte != 0);
    String::from_utf8_lossy(&bytes).into_owned()
}

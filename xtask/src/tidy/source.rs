//! A Rust file as tidy sees it: which bytes are code, comment or string literal, and which are only compiled for tests.
//!
//! A lexer for exactly these three kinds and no parser: it knows nested block comments, raw strings, and that `'a` is a
//! lifetime but `'"'` a character. The rules in [`super`] read what it yields.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Problem;

/// One file, split.
#[derive(Debug)]
pub(super) struct Source {
    file: PathBuf,
    text: String,
    /// `text` with comments, string contents and test-only items blanked; the same length, the same line breaks.
    code: String,
    comments: Vec<Range<usize>>,
    strings: Vec<Range<usize>>,
    tests: Vec<Range<usize>>,
}

impl Source {
    /// Splits `text`, the content of `file` (relative to the workspace root).
    pub(super) fn parse(file: &Path, text: &str) -> Self {
        let Split { comments, strings } = split(text);
        let mut code = text.as_bytes().to_vec();
        for range in comments.iter().chain(&strings) {
            blank(&mut code, range.clone());
        }
        let tests = test_items(&code);
        for range in &tests {
            blank(&mut code, range.clone());
        }
        // Blanking replaces whole comments and literals, whose ends are ASCII, so what stays is valid UTF-8.
        let code = String::from_utf8_lossy(&code).into_owned();
        Self { file: file.to_owned(), text: text.to_owned(), code, comments, strings, tests }
    }

    /// The path relative to the workspace root.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The file as it is.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The file with comments, string contents and test-only items blanked; offsets are those of [`Self::text`].
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// Comments with their offset, those of tests included.
    pub(super) fn comments(&self) -> impl Iterator<Item = (usize, &str)> {
        self.comments.iter().filter_map(|range| Some((range.start, self.text.get(range.clone())?)))
    }

    /// Contents of string literals with their offset, as written between the quotes, those of tests left out.
    pub(super) fn strings(&self) -> impl Iterator<Item = (usize, &str)> {
        let shipped = self.strings.iter().filter(|range| !self.tests.iter().any(|test| test.contains(&range.start)));
        shipped.filter_map(|range| Some((range.start, self.text.get(range.clone())?)))
    }

    /// Whether all of the file is for tests: `tests.rs`, `testing.rs`, or below a `tests` or `benches` directory.
    pub(super) fn is_test_file(&self) -> bool {
        let is =
            |names: &[&str], path: &Path| path.file_stem().is_some_and(|stem| names.iter().any(|name| stem == *name));
        is(&["tests", "testing"], &self.file)
            || self.file.ancestors().skip(1).any(|dir| is(&["tests", "testing", "benches"], dir))
    }

    /// Lines outside test-only items.
    pub(super) fn lines_without_tests(&self) -> usize {
        let lines = |text: &str| text.lines().count();
        let in_tests: usize = self.tests.iter().filter_map(|range| self.text.get(range.clone())).map(lines).sum();
        lines(&self.text).saturating_sub(in_tests)
    }

    /// A problem at a byte offset.
    pub(super) fn problem(&self, offset: usize, text: impl Into<String>) -> Problem {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        Problem { file: self.file.clone(), line, text: text.into() }
    }
}

fn blank(code: &mut [u8], range: Range<usize>) {
    for byte in code.get_mut(range).unwrap_or_default() {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[derive(Debug, Default)]
struct Split {
    comments: Vec<Range<usize>>,
    strings: Vec<Range<usize>>,
}

fn split(text: &str) -> Split {
    let bytes = text.as_bytes();
    let mut split = Split::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            split.comments.push(at..end);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = at + block_comment_len(rest);
            split.comments.push(at..end);
            at = end;
        } else if let Some((open, hashes)) = raw_string_open(bytes, at) {
            let content = at + open;
            let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            let len = bytes[content..].windows(close.len()).position(|window| window == close);
            let end = content + len.unwrap_or(bytes.len() - content);
            split.strings.push(content..end);
            at = end + close.len();
        } else if rest[0] == b'"' {
            let end = at + 1 + quoted_len(&rest[1..], b'"');
            split.strings.push(at + 1..end);
            at = end + 1;
        } else if rest[0] == b'\'' {
            at += char_literal_len(rest).unwrap_or(1);
        } else {
            at += 1;
        }
    }
    split
}

fn block_comment_len(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth = depth.saturating_sub(1),
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// `r"`, `r#"`, `br##"`, `cr"`: the length up to the content, and how many `#`.
fn raw_string_open(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = bytes.get(at..)?;
    // An identifier that ends in r, or a raw identifier such as `r#type`, is no string.
    let joined =
        at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let prefix = [b"r".as_slice(), b"br", b"cr"].into_iter().find(|prefix| !joined && rest.starts_with(prefix))?.len();
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    (rest.get(prefix + hashes) == Some(&b'"')).then_some((prefix + hashes + 1, hashes))
}

/// The length of what stands before an unescaped `quote`.
fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        if *byte == quote {
            return at;
        }
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    rest.len()
}

/// The length of a character literal at the start of `rest`, `None` when the quote begins a lifetime.
fn char_literal_len(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some(quoted_len(&rest[1..], b'\'') + 2);
    }
    // One character of up to four bytes, then the closing quote.
    let width = std::str::from_utf8(rest.get(1..)?.get(..4).or(rest.get(1..))?)
        .map_or_else(|error| error.valid_up_to(), str::len)
        .min(4);
    let first = std::str::from_utf8(rest.get(1..=width)?).ok()?.chars().next()?.len_utf8();
    (rest.get(1 + first) == Some(&b'\'')).then_some(first + 2)
}

/// Items behind `#[cfg(test)]` or `#[cfg(any(test, …))]`: from the attribute to the closing brace or semicolon.
fn test_items(code: &[u8]) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for attribute in [b"#[cfg(test)]".as_slice(), b"#[cfg(any(test"] {
        let mut at = 0;
        while let Some(found) = code[at..].windows(attribute.len()).position(|window| window == attribute) {
            let start = at + found;
            let end = item_end(code, start);
            items.push(start..end);
            at = end;
        }
    }
    items.sort_by_key(|range| range.start);
    // An item inside another one is already counted.
    items.dedup_by(|later, earlier| earlier.end >= later.end);
    items
}

/// Attributes stand in brackets; the item ends with the first `;` or balanced `{…}` outside of any bracket.
fn item_end(code: &[u8], start: usize) -> usize {
    let mut round_and_square = 0_usize;
    let mut braces = 0_usize;
    for (offset, byte) in code[start..].iter().enumerate() {
        match byte {
            b'(' | b'[' => round_and_square += 1,
            b')' | b']' => round_and_square = round_and_square.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && round_and_square == 0 {
                    return start + offset + 1;
                }
            }
            b';' if braces == 0 && round_and_square == 0 => return start + offset + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Source {
        Source::parse(Path::new("pipelock-gateway/src/policy.rs"), text)
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let source = parse("let a = \"crate::x // no\"; // crate::y\n/* crate::z /* nested */ still */ let b = 1;\n");
        assert_eq!(
            source.code().split_whitespace().collect::<Vec<_>>(),
            ["let", "a", "=", "\"", "\";", "let", "b", "=", "1;"]
        );
        assert_eq!(source.strings().map(|(_, s)| s).collect::<Vec<_>>(), ["crate::x // no"]);
        assert_eq!(source.comments().count(), 2);
        assert_eq!(source.code().len(), source.text().len());
    }

    #[test]
    fn raw_strings_escapes_and_quote_characters_do_not_confuse_the_lexer() {
        let text = r###"f(r#"a " b"#, b"\"", '"', '\'', 'é', '\u{1F600}', r"\", br##"x"#y"##); fn g<'a>(x: &'a str) {} let s = "end";"###;
        let strings: Vec<_> = parse(text).strings().map(|(_, s)| s.to_owned()).collect();
        assert_eq!(strings, ["a \" b", "\\\"", "\\", "x\"#y", "end"]);
    }

    #[test]
    fn raw_identifiers_are_not_strings() {
        let strings: Vec<_> = parse("let r#type = var; f(\"x\");").strings().map(|(_, s)| s.to_owned()).collect();
        assert_eq!(strings, ["x"]);
    }

    #[test]
    fn unterminated_literals_end_with_the_file() {
        for text in ["\"abc", "r#\"abc\"", "/* abc", "'", "'\\", "\"\\"] {
            assert_eq!(parse(text).code().len(), text.len(), "{text}");
        }
    }

    #[test]
    fn test_only_items_are_blanked_and_not_counted() {
        let text = "use crate::model;\n#[cfg(test)]\nmod tests {\n    use crate::report; // {\n    fn f() { \"}\"; }\n}\nfn after() {}\n";
        let source = parse(text);
        assert!(source.code().contains("crate::model") && source.code().contains("fn after"));
        assert!(!source.code().contains("crate::report"));
        assert_eq!(source.lines_without_tests(), 2);
        assert_eq!(source.strings().count(), 0);
    }

    #[test]
    fn a_test_module_in_its_own_file_is_one_line() {
        let source = parse("#[cfg(any(test, feature = \"testing\"))]\npub mod testing;\nuse crate::model;\n");
        assert!(!source.code().contains("testing"));
        assert!(source.code().contains("crate::model"));
    }

    #[test]
    fn test_files_are_known_by_their_path() {
        let is = |path: &str| Source::parse(Path::new(path), "").is_test_file();
        assert!(is("pipelock-gateway/src/policy/tests.rs"));
        assert!(is("pipelock-gateway/tests/loopback.rs"));
        assert!(is("pipelock-gateway/src/testing/upstream.rs"));
        assert!(is("tests/src/node.rs"));
        assert!(!is("pipelock-gateway/src/policy/names.rs"));
    }
}

//! The tokeniser: text to pipelines of simple commands, expanding while it goes.

#![expect(clippy::match_same_arms, reason = "one arm a character or a case; merging them would hide the table")]

use super::{Layer, MAX_COMMANDS, MAX_DEPTH, MAX_TEXT, MAX_VALUE, Pipeline, Reader, Redirect, Simple};

/// Stand for unquoted `{`, `,` and `}` until a word is complete; from the private use area, so never in real text.
const OPEN: char = '\u{e0f0}';
const COMMA: char = '\u{e0f1}';
const CLOSE: char = '\u{e0f2}';
/// Brace expansion of one word stops here.
const MAX_BRACED: usize = 32;
/// Words of one command; the kernel allows more, nobody types more.
const MAX_WORDS: usize = 16 * 1024;
/// Longest directory that is remembered for the commands after it.
const MAX_DIRECTORY: usize = 256;
/// Words longer than this keep their braces: expanding one takes its length for each group.
const MAX_BRACED_WORD: usize = 512;

/// A position in text.
pub(super) struct Cursor {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.chars().take(MAX_TEXT).collect(), at: 0 }
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn starts_with(&self, expected: &str) -> bool {
        expected.chars().enumerate().all(|(ahead, character)| self.peek(ahead) == Some(character))
    }

    fn slice(&self, from: usize, to: usize) -> String {
        self.text.get(from..to.min(self.text.len())).unwrap_or_default().iter().collect()
    }

    /// The text up to the bracket that closes the one just passed, which is passed too. Quotes inside are respected.
    pub(super) fn balanced(&mut self, open: char, close: char) -> String {
        let from = self.at;
        let (mut depth, mut quote) = (1u32, None);
        while let Some(character) = self.peek(0) {
            self.at += 1;
            match (quote, character) {
                (_, '\\') if quote != Some('\'') => self.at += 1,
                (Some(open_quote), character) if character == open_quote => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(character),
                (None, character) if character == open => depth += 1,
                (None, character) if character == close => {
                    depth -= 1;
                    if depth == 0 {
                        return self.slice(from, self.at - 1);
                    }
                }
                _ => {}
            }
        }
        self.slice(from, self.text.len())
    }

    /// The text up to the next backtick, with the escapes that backticks need undone.
    pub(super) fn backticks(&mut self) -> String {
        let mut inner = String::new();
        while let Some(character) = self.peek(0) {
            self.at += 1;
            match character {
                '`' => break,
                '\\' if matches!(self.peek(0), Some('`' | '\\' | '$')) => {
                    inner.extend(self.peek(0));
                    self.at += 1;
                }
                character => inner.push(character),
            }
        }
        inner
    }
}

/// A word being read. Unquoted expansions may split it into several.
#[derive(Default)]
pub(super) struct Word {
    fields: Vec<String>,
    current: String,
    /// Whether `current` is a word even when empty, because of quotes.
    quoted: bool,
    /// Whether quotes, backslashes or expansions cut through what would be a plain name.
    pub(super) disguised: bool,
    /// How many variables were expanded into it, and whether anything else is in it.
    pub(super) expansions: u32,
    /// Letters that were written as such.
    pub(super) literal: usize,
}

impl Word {
    pub(super) fn push(&mut self, character: char) {
        if self.current.len() < MAX_VALUE {
            self.current.push(character);
        }
    }

    pub(super) fn push_str(&mut self, text: &str) {
        text.chars().for_each(|character| self.push(character));
    }

    /// Adds the result of an unquoted expansion: white space in it ends a word.
    pub(super) fn push_split(&mut self, text: &str) {
        let mut pieces = text.split_whitespace();
        if text.starts_with(char::is_whitespace) {
            self.end_field();
        }
        if let Some(first) = pieces.next() {
            self.push_str(first);
        }
        for piece in pieces {
            self.end_field();
            self.push_str(piece);
        }
        if text.ends_with(char::is_whitespace) {
            self.end_field();
        }
    }

    fn end_field(&mut self) {
        if !self.current.is_empty() || self.quoted {
            self.fields.push(std::mem::take(&mut self.current));
            self.quoted = false;
        }
    }

    fn finish(mut self) -> Vec<String> {
        self.end_field();
        self.fields.iter().flat_map(|field| braces(field)).collect()
    }
}

/// `a{b,c}d` becomes `abd acd`; braces without a comma stay.
fn braces(word: &str) -> Vec<String> {
    let restored = |text: &str| text.replace(OPEN, "{").replace(COMMA, ",").replace(CLOSE, "}");
    if word.len() > MAX_BRACED_WORD {
        return vec![restored(word)];
    }
    let mut open = vec![word.to_owned()];
    let mut done = Vec::new();
    while let Some(word) = open.pop() {
        // The innermost group first: the last opening brace and the first closing one after it.
        let group = word.rfind(OPEN).and_then(|from| word.get(from..)?.find(CLOSE).map(|len| (from, from + len)));
        let Some((from, to)) = group else {
            done.push(restored(&word));
            continue;
        };
        let (before, after) =
            (word.get(..from).unwrap_or_default(), word.get(to + CLOSE.len_utf8()..).unwrap_or_default());
        let inner = word.get(from + OPEN.len_utf8()..to).unwrap_or_default();
        if !inner.contains(COMMA) || open.len() + done.len() >= MAX_BRACED {
            open.push(format!("{before}{{{}}}{after}", restored(inner)));
            continue;
        }
        for part in inner.split(COMMA).rev() {
            open.push(format!("{before}{part}{after}"));
        }
    }
    done
}

/// What is known while one text is read.
struct State {
    current: Simple,
    stages: Vec<Simple>,
    /// Delimiters of here-documents, whether they are quoted, and the stage each belongs to.
    documents: Vec<(String, bool, usize)>,
    depth: u8,
    decoded: bool,
    output: Option<String>,
}

impl Reader {
    /// Reads text as a script of its own; returns what it would print, as far as that is known.
    pub(super) fn script_text(&mut self, text: &str, depth: u8, decoded: bool) -> Option<String> {
        if depth > MAX_DEPTH || text.len() > self.characters || text.len() > MAX_TEXT {
            self.script.truncated = true;
        }
        if depth > MAX_DEPTH || self.characters == 0 {
            return None;
        }
        self.characters = self.characters.saturating_sub(text.len());
        let mut cursor = Cursor::new(text);
        self.script.layers.push(Layer { text: text.chars().take(MAX_TEXT).collect(), decoded });
        let mut state = State {
            current: Simple::default(),
            stages: Vec::new(),
            documents: Vec::new(),
            depth,
            decoded,
            output: None,
        };
        while cursor.peek(0).is_some() {
            self.token(&mut cursor, &mut state);
        }
        self.end_pipeline(&mut state);
        state.output
    }

    fn token(&mut self, cursor: &mut Cursor, state: &mut State) {
        let Some(character) = cursor.peek(0) else { return };
        let next = cursor.peek(1);
        match character {
            ' ' | '\t' | '\r' => cursor.at += 1,
            '\\' if matches!(next, Some('\n')) => cursor.at += 2,
            '\n' => {
                cursor.at += 1;
                here_documents(cursor, state);
                self.end_pipeline(state);
            }
            ';' => {
                cursor.at += 1;
                self.end_pipeline(state);
            }
            '&' if next == Some('>') => redirect(self, cursor, state),
            '&' => {
                cursor.at += 1;
                self.end_pipeline(state);
            }
            '|' if next == Some('|') => {
                cursor.at += 2;
                self.end_pipeline(state);
            }
            '|' => {
                cursor.at += if next == Some('&') { 2 } else { 1 };
                state.stages.push(std::mem::take(&mut state.current));
            }
            '(' if next == Some('(') && state.current.words.is_empty() => {
                cursor.at += 2;
                cursor.balanced('(', ')');
            }
            '(' | ')' => {
                cursor.at += 1;
                if character == ')' || !state.current.words.is_empty() {
                    self.end_pipeline(state);
                }
            }
            '#' => {
                while cursor.peek(0).is_some_and(|character| character != '\n') {
                    cursor.at += 1;
                }
            }
            '<' | '>' if next == Some('(') => {
                cursor.at += 2;
                let inner = cursor.balanced('(', ')');
                self.process_substitution(&inner, state);
            }
            '<' | '>' => redirect(self, cursor, state),
            _ => self.word(cursor, state),
        }
    }

    /// `<(command)`: a file that holds the command's output. A shell or `source` before it would run that output.
    fn process_substitution(&mut self, inner: &str, state: &mut State) {
        let output = self.script_text(inner, state.depth + 1, state.decoded);
        let runs = state.current.words.first().map(|word| super::program(word));
        if runs.is_some_and(|name| {
            super::is_shell(&name) || super::is_interpreter(&name) || matches!(&*name, "source" | ".")
        }) {
            match output {
                Some(text) => {
                    self.script_text(&text, state.depth + 1, true);
                }
                None => self.note_source(inner),
            }
        }
        state.current.words.push("/dev/fd/63".to_owned());
    }

    /// Remembers which program's output would be run.
    pub(super) fn note_source(&mut self, inner: &str) {
        let name = inner.split_whitespace().map(super::program).find(|name| {
            matches!(
                name.as_str(),
                "curl" | "wget" | "fetch" | "lynx" | "aria2c" | "http" | "https" | "lwp-download" | "get" | "axel"
            )
        });
        if let Some(name) = name {
            self.script.runs_output_of.push(name);
        }
    }

    fn word(&mut self, cursor: &mut Cursor, state: &mut State) {
        let from = cursor.at;
        let word = self.one_word(cursor, state.depth, state.decoded);
        if cursor.at == from {
            // Nothing was consumed: a character that begins no word must not stop the reader.
            cursor.at += 1;
            return;
        }
        // A digit right before a redirection is a descriptor.
        let disguised = word.disguised || (word.expansions >= 2 && word.literal == 0);
        let first = state.current.words.is_empty();
        let raw = cursor.slice(from, cursor.at);
        if matches!(cursor.peek(0), Some('<' | '>')) && raw.chars().all(|character| character.is_ascii_digit()) {
            return;
        }
        let fields = word.finish();
        if first && is_assignment(&raw) {
            if let Some((name, value)) = fields.join(" ").split_once('=') {
                let (name, append) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
                let name = name.split('[').next().unwrap_or(name).to_owned();
                let mut value = value.to_owned();
                if append && let Some(before) = self.variables.get(&name) {
                    value = format!("{before}{value}");
                }
                value.truncate(value.floor_char_boundary(MAX_VALUE));
                state.current.assignments.push((name, value));
            }
            return;
        }
        if first && fields.len() == 1 && is_keyword(&raw) {
            return;
        }
        if first {
            state.current.disguised |= disguised;
            let program = fields.first().is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_lowercase()));
            let argument = fields.iter().skip(1).any(|field| field.contains('/') || field.starts_with('-'));
            if program && argument && raw.starts_with('{') && raw.contains(',') {
                self.script.disguised = true;
            }
        } else if disguised && fields.iter().any(|field| field.starts_with(['/', '~', '.'])) {
            self.script.disguised = true;
        }
        if state.current.words.len() + fields.len() > MAX_WORDS {
            self.script.truncated = true;
            return;
        }
        state.current.words.extend(fields);
    }

    /// Reads one word, up to an unquoted separator.
    pub(super) fn one_word(&mut self, cursor: &mut Cursor, depth: u8, decoded: bool) -> Word {
        let mut word = Word::default();
        while let Some(character) = cursor.peek(0) {
            match character {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | ')' => break,
                '(' => {
                    // `name=(a b)`: an array. Anything else is the start of a function or of a group.
                    if !word.current.ends_with('=') {
                        break;
                    }
                    cursor.at += 1;
                    let inner = cursor.balanced('(', ')');
                    word.push_str(&inner);
                }
                '\'' => {
                    cursor.at += 1;
                    let from = cursor.at;
                    while cursor.peek(0).is_some_and(|character| character != '\'') {
                        cursor.at += 1;
                    }
                    let inner = cursor.slice(from, cursor.at);
                    cursor.at += 1;
                    cuts(&mut word, cursor, inner.is_empty() || inner.chars().count() <= 2 && is_name(&inner));
                    word.quoted = true;
                    word.push_str(&inner);
                }
                '"' => {
                    cursor.at += 1;
                    let before = word.current.len();
                    self.double_quoted(cursor, &mut word, depth, decoded);
                    let added = word.current.get(before..).unwrap_or_default().to_owned();
                    cuts(&mut word, cursor, added.is_empty() || added.chars().count() <= 2 && is_name(&added));
                    word.quoted = true;
                }
                '\\' => {
                    let next = cursor.peek(1);
                    cursor.at += 2;
                    match next {
                        Some('\n') => {}
                        Some(next) => {
                            let inside =
                                word.current.chars().last().is_some_and(|c| c.is_ascii_alphabetic() || c == '/')
                                    && !word.current.contains([':', '*', '.', '$', '%'])
                                    && next.is_ascii_alphabetic()
                                    && cursor
                                        .peek(0)
                                        .is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '\\' | '/' | '-'));
                            word.disguised |= inside;
                            word.push(next);
                        }
                        None => {}
                    }
                }
                '$' => self.dollar(cursor, &mut word, false, depth, decoded),
                '`' => {
                    cursor.at += 1;
                    let inner = cursor.backticks();
                    let output = self.script_text(&inner, depth + 1, decoded);
                    substituted(&mut word, output, &inner, false);
                }
                '{' | ',' | '}' => {
                    cursor.at += 1;
                    word.push(match character {
                        '{' => OPEN,
                        ',' => COMMA,
                        _ => CLOSE,
                    });
                }
                character => {
                    cursor.at += 1;
                    word.literal += 1;
                    word.push(character);
                }
            }
        }
        word
    }

    fn double_quoted(&mut self, cursor: &mut Cursor, word: &mut Word, depth: u8, decoded: bool) {
        while let Some(character) = cursor.peek(0) {
            match character {
                '"' => {
                    cursor.at += 1;
                    return;
                }
                '\\' => {
                    match cursor.peek(1) {
                        Some('\n') | None => {}
                        Some(next @ ('$' | '`' | '"' | '\\')) => word.push(next),
                        Some(next) => {
                            word.push('\\');
                            word.push(next);
                        }
                    }
                    cursor.at += 2;
                }
                '$' => self.dollar(cursor, word, true, depth, decoded),
                '`' => {
                    cursor.at += 1;
                    let inner = cursor.backticks();
                    let output = self.script_text(&inner, depth + 1, decoded);
                    substituted(word, output, &inner, true);
                }
                character => {
                    cursor.at += 1;
                    word.push(character);
                }
            }
        }
    }

    fn end_pipeline(&mut self, state: &mut State) {
        let last = std::mem::take(&mut state.current);
        let mut stages = std::mem::take(&mut state.stages);
        stages.push(last);
        stages.retain(|stage| !(stage.words.is_empty() && stage.assignments.is_empty() && stage.redirects.is_empty()));
        if stages.is_empty() {
            return;
        }
        if self.commands + stages.len() > MAX_COMMANDS {
            self.script.truncated = true;
            return;
        }
        self.commands += stages.len();
        if let [only] = stages.as_slice() {
            self.remember(only);
        }
        let output = self.flow(&stages, state.depth, state.decoded);
        if let Some(output) = output {
            let kept = state.output.get_or_insert_default();
            if kept.len() + output.len() < MAX_VALUE {
                if !kept.is_empty() && !kept.ends_with('\n') {
                    kept.push('\n');
                }
                kept.push_str(&output);
            }
        }
        for stage in &mut stages {
            stage.directory.clone_from(&self.directory);
            if let [program, directory] = stage.words.as_slice()
                && matches!(program.as_str(), "cd" | "pushd")
                && directory.len() <= MAX_DIRECTORY
            {
                self.directory = Some(directory.clone());
            }
            self.unwrap(stage, state.depth, state.decoded);
        }
        self.script.pipelines.push(Pipeline { stages, decoded: state.decoded });
    }

    /// Variables that a command sets for those after it.
    fn remember(&mut self, command: &Simple) {
        let exported = matches!(
            command.words.first().map(String::as_str),
            Some("export" | "declare" | "local" | "readonly" | "typeset" | "set")
        );
        if command.words.is_empty() {
            for (name, value) in &command.assignments {
                self.variables.insert(name.clone(), value.clone());
            }
        } else if exported {
            for (name, value) in command.words.iter().filter_map(|word| word.split_once('=')) {
                self.variables.insert(name.to_owned(), value.to_owned());
            }
        } else if let [first, name, keyword, value, ..] = command.words.as_slice()
            && first == "for"
            && keyword == "in"
        {
            self.variables.insert(name.clone(), value.clone());
        }
    }
}

/// Notes quotes that stand in the middle of a name: `c''at`, `w"h"o`.
fn cuts(word: &mut Word, cursor: &Cursor, short: bool) {
    let before = word.current.chars().last().is_some_and(char::is_alphanumeric);
    let after = cursor.peek(0).is_some_and(|character| character.is_alphanumeric() || matches!(character, '\'' | '"'));
    let first = word.literal == 0 && word.current.chars().count() <= 2;
    word.disguised |= short && after && (before || first);
}

fn is_name(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_alphanumeric())
}

fn is_assignment(raw: &str) -> bool {
    let Some((name, _)) = raw.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split('[').next().unwrap_or(name);
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn is_keyword(raw: &str) -> bool {
    matches!(
        raw,
        "if" | "then"
            | "else"
            | "elif"
            | "fi"
            | "do"
            | "done"
            | "while"
            | "until"
            | "esac"
            | "{"
            | "}"
            | "!"
            | "time"
            | "coproc"
    )
}

/// Reads `> file`, `2>&1`, `<<EOF`, `<<< text`.
fn redirect(reader: &mut Reader, cursor: &mut Cursor, state: &mut State) {
    const OPERATORS: [&str; 11] = ["<<<", "<<-", "&>>", "<<", ">>", "&>", ">&", "<&", ">|", "<>", ">"];
    let operator = OPERATORS.iter().find(|operator| cursor.starts_with(operator)).copied().unwrap_or("<");
    cursor.at += operator.chars().count();
    while matches!(cursor.peek(0), Some(' ' | '\t')) {
        cursor.at += 1;
    }
    let from = cursor.at;
    if matches!(cursor.peek(0), Some('<' | '>')) && cursor.peek(1) == Some('(') {
        // `< <(command)`
        cursor.at += 2;
        let inner = cursor.balanced('(', ')');
        reader.process_substitution(&inner, state);
        return;
    }
    let word = reader.one_word(cursor, state.depth, state.decoded);
    let raw = cursor.slice(from, cursor.at);
    let target = word.finish().join(" ");
    match operator {
        "<<" | "<<-" => {
            let quoted = raw.contains(['\'', '"', '\\']);
            let stage = state.stages.len();
            state.documents.push((target, quoted, stage));
        }
        "<<<" => state.current.input = Some(target),
        operator => state.current.redirects.push(Redirect { operator: operator.to_owned(), target }),
    }
}

/// Reads the bodies of the here-documents that were announced on the line just ended.
fn here_documents(cursor: &mut Cursor, state: &mut State) {
    for (delimiter, _, stage) in std::mem::take(&mut state.documents) {
        let mut body = String::new();
        while cursor.peek(0).is_some() {
            let from = cursor.at;
            while cursor.peek(0).is_some_and(|character| character != '\n') {
                cursor.at += 1;
            }
            let line = cursor.slice(from, cursor.at);
            cursor.at += 1;
            if line.trim() == delimiter {
                break;
            }
            body.push_str(&line);
            body.push('\n');
        }
        match state.stages.get_mut(stage) {
            Some(earlier) => earlier.input = Some(body),
            None => state.current.input = Some(body),
        }
    }
}

/// Puts the output of a command substitution into a word. What is unknown is kept as a name in brackets, so that it
/// neither vanishes nor is mistaken for text.
pub(super) fn substituted(word: &mut Word, output: Option<String>, inner: &str, quoted: bool) {
    word.expansions += 1;
    let text = output.unwrap_or_else(|| format!("$({})", inner.split_whitespace().next().unwrap_or_default()));
    let text = text.trim_end_matches('\n');
    if quoted { word.push_str(text) } else { word.push_split(text) }
}

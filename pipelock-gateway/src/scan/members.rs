//! Walks a body as it comes in and says which member of a JSON object, or of a form, each byte belongs to.
//!
//! Only what placements and fragments need: names, levels and offsets. It is no validator and builds no tree; where the
//! text is not what it claims to be the walk ends, and nothing more is attributed to any member, so a finding there is
//! excused by nothing. Memory is bounded by depth and by the length of names. Next: [`super::fields`] keeps the places
//! that were asked for, and [`super::fragments`] the values that look like parts of a token.

/// Longest name that is kept; a longer one is a name that nobody asks for.
const MAX_NAME: usize = 64;
/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 64;

/// How the members of a body are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// JSON (RFC 8259).
    Json,
    /// `application/x-www-form-urlencoded`, and the query of a URL.
    Form,
}

/// What the walk comes across, in the order of the text. Offsets count from the first byte walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The value of a member begins; `name` is where its name begins. Level 1 is the outermost object.
    Member { key: &'a [u8], level: usize, name: u64 },
    /// A scalar begins that belongs to the member of this key: its value, or an element of the list that is its value.
    Scalar { key: &'a [u8], level: usize, name: u64 },
    /// Bytes of that scalar as written, quotes removed, escapes not.
    Bytes(&'a [u8]),
    /// The scalar ends before this offset.
    ScalarEnd(u64),
    /// The member that began last at this level ends before this offset.
    MemberEnd { level: usize, end: u64 },
}

/// A walk over one body.
#[derive(Debug)]
pub(super) struct Members {
    syntax: Syntax,
    at: u64,
    state: State,
    /// Open objects and arrays, JSON only.
    frames: Vec<Frame>,
    /// The names of the members that are open, one behind the other.
    names: Vec<u8>,
    /// Where the name being read begins.
    name_at: u64,
    name_too_long: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    object: bool,
    /// How many objects are open with it.
    level: usize,
    /// Where the name of its open member begins among `names`, and in the text.
    key: usize,
    name: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a value.
    Value,
    /// After the brace of an object, or after a comma in one.
    Name,
    InName,
    AfterName,
    InString,
    /// In a number or a word.
    InWord,
    AfterValue,
    /// It is not what it claims to be, or deeper than is followed.
    Lost,
}

impl Members {
    pub(super) fn new(syntax: Syntax) -> Self {
        let state = if syntax == Syntax::Json { State::Value } else { State::InName };
        Self {
            syntax,
            at: 0,
            state,
            frames: Vec::new(),
            names: Vec::new(),
            name_at: 0,
            name_too_long: false,
            escaped: false,
        }
    }

    /// Walks on.
    pub(super) fn push(&mut self, bytes: &[u8], mut event: impl FnMut(Event<'_>)) {
        match self.syntax {
            Syntax::Json => self.json(bytes, &mut event),
            Syntax::Form => self.form(bytes, &mut event),
        }
    }

    /// The body is complete.
    pub(super) fn finish(&mut self, mut event: impl FnMut(Event<'_>)) {
        match self.state {
            State::InWord | State::InString => event(Event::ScalarEnd(self.at)),
            _ => {}
        }
        if self.syntax == Syntax::Form && self.state == State::InWord {
            event(Event::MemberEnd { level: 1, end: self.at });
        }
        self.state = State::Lost;
    }

    fn form(&mut self, mut bytes: &[u8], event: &mut impl FnMut(Event<'_>)) {
        while let Some(&byte) = bytes.first() {
            let taken = match (self.state, byte) {
                (State::InName, b'=') => {
                    let key: &[u8] = if self.name_too_long { b"" } else { &self.names };
                    event(Event::Member { key, level: 1, name: self.name_at });
                    event(Event::Scalar { key, level: 1, name: self.name_at });
                    self.state = State::InWord;
                    1
                }
                (State::InName, b'&') => {
                    self.next_name(self.at + 1);
                    1
                }
                (State::InName, _) => {
                    self.name_byte(byte);
                    1
                }
                (State::InWord, b'&') => {
                    event(Event::ScalarEnd(self.at));
                    event(Event::MemberEnd { level: 1, end: self.at });
                    self.next_name(self.at + 1);
                    1
                }
                (State::InWord, _) => {
                    let length = memchr::memchr(b'&', bytes).unwrap_or(bytes.len());
                    event(Event::Bytes(bytes.get(..length).unwrap_or_default()));
                    length
                }
                _ => bytes.len(),
            };
            self.at += taken as u64;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    fn next_name(&mut self, at: u64) {
        self.state = State::InName;
        self.names.clear();
        self.name_at = at;
        self.name_too_long = false;
    }

    fn name_byte(&mut self, byte: u8) {
        let begun = self.frames.last().map_or(0, |frame| frame.key);
        if self.names.len() - begun.min(self.names.len()) < MAX_NAME {
            self.names.push(byte);
        } else {
            self.name_too_long = true;
        }
    }

    fn json(&mut self, mut bytes: &[u8], event: &mut impl FnMut(Event<'_>)) {
        while let Some(&byte) = bytes.first() {
            let taken = match self.state {
                State::InString => self.string(bytes, event),
                State::Lost => bytes.len(),
                _ => self.json_byte(byte, event),
            };
            self.at += taken as u64;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// A stretch of a string that is a value: up to its end, or to an escape.
    fn string(&mut self, bytes: &[u8], event: &mut impl FnMut(Event<'_>)) -> usize {
        if self.escaped {
            self.escaped = false;
            event(Event::Bytes(bytes.get(..1).unwrap_or_default()));
            return 1;
        }
        let length = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        let ends = bytes.get(length) == Some(&b'"');
        // The backslash belongs to the value as written.
        let kept = if bytes.get(length) == Some(&b'\\') { length + 1 } else { length };
        if kept > 0 {
            event(Event::Bytes(bytes.get(..kept).unwrap_or_default()));
        }
        if ends {
            event(Event::ScalarEnd(self.at + length as u64));
            self.state = State::AfterValue;
            return length + 1;
        }
        self.escaped = kept > length;
        kept
    }

    /// One byte outside a string that is a value. Answers how many bytes are done: none when a word has just ended.
    fn json_byte(&mut self, byte: u8, event: &mut impl FnMut(Event<'_>)) -> usize {
        match (self.state, byte) {
            (State::InName, _) => self.name(byte),
            (State::InWord, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') => {
                event(Event::ScalarEnd(self.at));
                self.state = State::AfterValue;
                return 0;
            }
            (State::InWord, _) => event(Event::Bytes(&[byte])),
            (_, b' ' | b'\t' | b'\r' | b'\n') => {}
            (State::Name, b'"') => {
                self.state = State::InName;
                self.name_at = self.at;
                self.name_too_long = false;
            }
            (State::AfterName, b':') => {
                self.state = State::Value;
                self.open_member(event);
            }
            (State::Value, b'{') => self.open(true),
            (State::Value, b'[') => self.open(false),
            (State::Value | State::AfterValue, b']') => self.close(false, event),
            (State::Name | State::AfterValue, b'}') => self.close(true, event),
            (State::Value, b'"') => {
                self.scalar(event);
                self.state = State::InString;
            }
            (State::Value, b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                self.scalar(event);
                event(Event::Bytes(&[byte]));
                self.state = State::InWord;
            }
            (State::AfterValue, b',') => match self.frames.last() {
                Some(frame) if frame.object => {
                    self.end_member(event);
                    self.state = State::Name;
                }
                Some(_) => self.state = State::Value,
                None => self.state = State::Lost,
            },
            // JSON lines: the next document begins.
            (State::AfterValue, b'{' | b'[') if self.frames.is_empty() => self.open(byte == b'{'),
            _ => self.state = State::Lost,
        }
        1
    }

    fn name(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => {
                self.escaped = false;
                self.name_byte(byte);
            }
            b'"' => self.state = State::AfterName,
            _ => {
                // Kept with its backslash, so that an escaped name equals no name that is asked for.
                self.escaped = byte == b'\\';
                self.name_byte(byte);
            }
        }
    }

    fn open(&mut self, object: bool) {
        if self.frames.len() == MAX_DEPTH {
            self.state = State::Lost;
            return;
        }
        let level = self.level() + usize::from(object);
        self.frames.push(Frame { object, level, key: self.names.len(), name: self.at });
        self.state = if object { State::Name } else { State::Value };
    }

    fn close(&mut self, object: bool, event: &mut impl FnMut(Event<'_>)) {
        match self.frames.last() {
            Some(frame) if frame.object == object => {
                if object && self.state == State::AfterValue {
                    self.end_member(event);
                }
                if let Some(frame) = self.frames.pop() {
                    self.names.truncate(frame.key);
                }
                self.state = State::AfterValue;
            }
            _ => self.state = State::Lost,
        }
    }

    fn level(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.level)
    }

    fn open_member(&mut self, event: &mut impl FnMut(Event<'_>)) {
        if self.name_too_long
            && let Some(frame) = self.frames.last()
        {
            self.names.truncate(frame.key);
        }
        let at = self.name_at;
        if let Some(frame) = self.frames.last_mut() {
            frame.name = at;
        }
        let (key, level, name) = self.member();
        event(Event::Member { key, level, name });
    }

    fn end_member(&mut self, event: &mut impl FnMut(Event<'_>)) {
        event(Event::MemberEnd { level: self.level(), end: self.at });
        if let Some(frame) = self.frames.last() {
            self.names.truncate(frame.key);
        }
    }

    fn scalar(&mut self, event: &mut impl FnMut(Event<'_>)) {
        let (key, level, name) = self.member();
        event(Event::Scalar { key, level, name });
    }

    /// The member that is open in the innermost object: lists belong to the member whose value they are.
    fn member(&self) -> (&[u8], usize, u64) {
        let above = self.frames.iter().rev().skip_while(|frame| !frame.object);
        let Some(frame) = above.take(1).next() else { return (b"", 0, self.at) };
        // Lists open no names, so that of the innermost object is the last.
        (self.names.get(frame.key..).unwrap_or_default(), frame.level, frame.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every scalar as `level key value`, and the range of name and value.
    fn scalars(syntax: Syntax, pieces: &[&[u8]]) -> Vec<(String, std::ops::Range<u64>)> {
        let mut members = Members::new(syntax);
        let mut all: Vec<(String, std::ops::Range<u64>)> = Vec::new();
        let mut take = |event: Event<'_>| match event {
            Event::Scalar { key, level, name } => {
                all.push((format!("{level} {} ", String::from_utf8_lossy(key)), name..0));
            }
            Event::Bytes(bytes) => all.last_mut().unwrap().0.push_str(&String::from_utf8_lossy(bytes)),
            Event::ScalarEnd(end) => all.last_mut().unwrap().1.end = end,
            Event::Member { .. } | Event::MemberEnd { .. } => {}
        };
        for piece in pieces {
            members.push(piece, &mut take);
        }
        members.finish(&mut take);
        all
    }

    fn texts(syntax: Syntax, text: &str) -> Vec<String> {
        scalars(syntax, &[text.as_bytes()]).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn values_belong_to_the_innermost_member() {
        let text = r#" {"a": "x", "b": {"c": [1, {"d": "y"}, "z"], "e": true}, "f": [], "g": "q\"r\\"} "#;
        assert_eq!(texts(Syntax::Json, text), ["1 a x", "2 c 1", "3 d y", "2 c z", "2 e true", r#"1 g q\"r\\"#]);
        assert_eq!(texts(Syntax::Json, r#"["x", [["y"]]]"#), ["0  x", "0  y"]);
        assert_eq!(texts(Syntax::Json, "{\"a\":1}\n{\"b\":2}"), ["1 a 1", "1 b 2"], "one document a line");
        assert_eq!(texts(Syntax::Form, "a=x&b&c=y%3D=z&=&d="), ["1 a x", "1 c y%3D=z", "1  ", "1 d "]);
    }

    #[test]
    fn a_name_in_disguise_or_too_long_is_not_the_name() {
        assert_eq!(texts(Syntax::Json, r#"{"\u0061": "x"}"#), [r"1 \u0061 x"]);
        let long = "k".repeat(200);
        assert_eq!(texts(Syntax::Json, &format!(r#"{{"{long}": "x", "b": "y"}}"#)), ["1  x", "1 b y"]);
        assert_eq!(texts(Syntax::Form, &format!("{long}=x&b=y")), ["1  x", "1 b y"]);
    }

    #[test]
    fn what_is_no_json_is_attributed_to_nobody() {
        for text in ["plain words", r#"{"a" "b": "c"}"#, r#"{"a": "x"]"#, r#"{a: "x"}"#] {
            assert!(texts(Syntax::Json, text).iter().all(|found| found.ends_with("a x")), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(texts(Syntax::Json, &format!("{deep}\"x\"")), [] as [&str; 0]);
    }

    #[test]
    fn ranges_reach_from_the_name_to_the_end_of_the_value() {
        let text = r#"{"access_token": "tok"}"#;
        assert_eq!(scalars(Syntax::Json, &[text.as_bytes()])[0].1, 1..21);
        assert_eq!(scalars(Syntax::Form, &[b"a=1&token=tok&b"])[1].1, 4..13);
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing_and_no_text_panics(text in r#"[\[\]{}",:\\ a1&=]{0,60}"#, cut in 0usize..60) {
            for syntax in [Syntax::Json, Syntax::Form] {
                let bytes = text.as_bytes();
                let (left, right) = bytes.split_at(cut.min(bytes.len()));
                prop_assert_eq!(scalars(syntax, &[bytes]), scalars(syntax, &[left, right]));
            }
        }
    }
}

//! YAML as a tree in which every value knows its line and column.
//!
//! Built from parser events and not through serde, because nearly every mistake in a configuration is found after the
//! text was parsed, and a message about it has to say where. Scalars stay text here: what `off` or `1` is depends on what
//! the key wants, as in the reference (yaml.v3 is driven by its target types, too). Nothing here knows any key.
//!
//! Deliberately less than YAML: one document, no tags but `!!str`, no merge keys, no key twice, bounded depth. Aliases
//! share their target, so they cannot multiply it. Next: [`super::reader`].

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

/// Deeper nesting than any section has, and shallow enough to recurse over.
const MAX_DEPTH: usize = 32;

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl From<Span> for Mark {
    fn from(span: Span) -> Self {
        Self { line: span.start.line(), column: span.start.col() + 1 }
    }
}

/// One value.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) kind: Kind,
    /// 1 for a scalar, 1 more than the deepest child for others.
    depth: usize,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind {
    /// As written, escapes undone; `quoted` when it cannot be anything but text.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A key and its value; keys of one map differ.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Mark,
    pub(super) key: String,
    pub(super) value: Rc<Node>,
}

/// What a plain scalar is by itself (YAML 1.2 core schema, section 10.3.2, numbers coarsely).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Null,
    Bool(bool),
    Number,
    Text,
}

impl Shape {
    /// Decides by the text alone.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ if is_number(text) => Self::Number,
            _ => Self::Text,
        }
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = |prefix, radix| {
        unsigned.strip_prefix(prefix).is_some_and(|d: &str| !d.is_empty() && d.chars().all(|c| c.is_digit(radix)))
    };
    let special = matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    // `parse::<f64>` also reads `inf`, `nan` and `infinity`, which are words in YAML.
    let decimal = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') && unsigned.parse::<f64>().is_ok();
    special || decimal || radix("0x", 16) || radix("0o", 8)
}

/// Why a text is no tree.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Mark,
    pub(super) kind: FaultKind,
}

#[derive(Debug)]
pub(super) enum FaultKind {
    /// The parser's own words, or ours for what is YAML but not accepted.
    Syntax(String),
    /// A key twice in one map; its full path, and the line of the first.
    Duplicate { key: String, first: usize },
}

fn fault<T>(at: Mark, detail: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { at, kind: FaultKind::Syntax(detail.into()) })
}

/// Parses one document; `None` when the text has none, or an empty one.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, span.into())?,
            Err(error) => {
                let at = Mark { line: error.marker().line(), column: error.marker().col() + 1 };
                return fault(at, error.info());
            }
        }
    }
    Ok(builder.root.and_then(Rc::into_inner))
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Rc<Node>>,
    documents: usize,
    anchors: HashMap<usize, Rc<Node>>,
}

/// A list or map whose end was not seen yet.
struct Open {
    at: Mark,
    anchor: usize,
    children: Children,
}

enum Children {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<Entry>, lines: HashMap<String, usize>, key: Option<(Mark, String)> },
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Mark) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return fault(at, "a second document begins here; keep one in a file");
                }
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => self.value(Rc::clone(node), at)?,
                None => return fault(at, "an alias that stands inside its own anchor has no end; write the value out"),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = is_text_tag(tag.as_deref(), at)? || style != ScalarStyle::Plain;
                let node = Node { at, kind: Kind::Scalar { text: text.into_owned(), quoted }, depth: 1 };
                self.finish(node, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => self.open(at, anchor, tag.as_deref(), Children::List(Vec::new()))?,
            Event::MappingStart(anchor, tag) => {
                let children = Children::Map { entries: Vec::new(), lines: HashMap::new(), key: None };
                self.open(at, anchor, tag.as_deref(), children)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let (node, anchor) = open.close();
                    self.finish(node, anchor)?;
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, at: Mark, anchor: usize, tag: Option<&Tag>, children: Children) -> Result<(), Fault> {
        is_text_tag(tag, at)?;
        if let Some(Open { children: Children::Map { key: None, .. }, .. }) = self.open.last() {
            return fault(at, "a key must be text, not a list or a map");
        }
        if self.open.len() >= MAX_DEPTH {
            return fault(at, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.open.push(Open { at, anchor, children });
        Ok(())
    }

    /// Takes a complete node and remembers it for aliases.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        let (at, node) = (node.at, Rc::new(node));
        // Anchors number from 1; a document's root is kept alone, so that it can be unwrapped.
        if anchor > 0 && !self.open.is_empty() {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.value(node, at)
    }

    /// Puts a node where it belongs: it is the root, the next of a list, a key, or a key's value.
    fn value(&mut self, node: Rc<Node>, at: Mark) -> Result<(), Fault> {
        // An alias adds its target's depth to that of the place it stands in.
        if self.open.len() + node.depth > MAX_DEPTH {
            return fault(at, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        match self.open.last_mut().map(|open| &mut open.children) {
            None => self.root = Some(node),
            Some(Children::List(list)) => list.push(node),
            Some(Children::Map { entries, lines, key }) => {
                if let Some((at, key)) = key.take() {
                    entries.push(Entry { at, key, value: node });
                    return Ok(());
                }
                let name = key_text(&node, at)?;
                if let Some(first) = lines.insert(name.clone(), at.line) {
                    return Err(Fault { at, kind: FaultKind::Duplicate { key: join(&self.path(), &name), first } });
                }
                *key = Some((at, name));
            }
        }
        Ok(())
    }

    /// The key path of the innermost open map, for messages.
    fn path(&self) -> String {
        self.open.iter().fold(String::new(), |path, open| match &open.children {
            Children::List(list) => format!("{path}[{}]", list.len()),
            Children::Map { key: Some((_, key)), .. } => join(&path, key),
            Children::Map { key: None, .. } => path,
        })
    }
}

/// Appends a key to a path: `tls_interception` and `ca_cert` give `tls_interception.ca_cert`.
///
/// Paths are for messages, so that a key nobody would write is quoted: it could otherwise break the line.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_graphic());
    let key = if plain { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn key_text(node: &Node, at: Mark) -> Result<String, Fault> {
    match &node.kind {
        Kind::Scalar { text, quoted: false } if text == "<<" => {
            fault(at, "merge keys are not read; write the keys out")
        }
        Kind::Scalar { text, .. } => Ok(text.clone()),
        Kind::List(_) | Kind::Map(_) => fault(at, "a key must be text, not a list or a map"),
    }
}

/// YAML 1.2, section 10.3.1.
const CORE_TAGS: [&str; 7] = ["str", "null", "bool", "int", "float", "seq", "map"];

/// Whether a tag makes a value text. Tags of the core schema that say what a value is anyway are accepted.
fn is_text_tag(tag: Option<&Tag>, at: Mark) -> Result<bool, Fault> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() && CORE_TAGS.contains(&tag.suffix.as_str()) => Ok(tag.suffix == "str"),
        Some(tag) => fault(at, format!("the tag {tag} has no meaning here; remove it")),
    }
}

impl Open {
    fn close(self) -> (Node, usize) {
        let kind = match self.children {
            Children::List(list) => Kind::List(list),
            Children::Map { entries, .. } => Kind::Map(entries),
        };
        let deepest = match &kind {
            Kind::Scalar { .. } => None,
            Kind::List(list) => list.iter().map(|node| node.depth).max(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.depth).max(),
        };
        (Node { at: self.at, kind, depth: 1 + deepest.unwrap_or(0) }, self.anchor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tree as the other YAML implementation would have it.
    fn to_oracle(node: &Node) -> serde_yaml::Value {
        use serde_yaml::Value;
        match &node.kind {
            Kind::Scalar { text, quoted: true } => Value::String(text.clone()),
            Kind::Scalar { text, .. } => match Shape::of(text) {
                Shape::Null => Value::Null,
                Shape::Bool(value) => Value::Bool(value),
                // Numbers are compared as text: their value is read where one is wanted.
                Shape::Number | Shape::Text => Value::String(text.clone()),
            },
            Kind::List(list) => list.iter().map(|node| to_oracle(node)).collect(),
            Kind::Map(entries) => Value::Mapping(
                entries.iter().map(|entry| (Value::String(entry.key.clone()), to_oracle(&entry.value))).collect(),
            ),
        }
    }

    /// Every number and every key as text, so that only structure and strings are compared.
    fn flatten(value: serde_yaml::Value, source: &mut impl FnMut(&serde_yaml::Number) -> String) -> serde_yaml::Value {
        use serde_yaml::Value;
        match value {
            Value::Number(number) => Value::String(source(&number)),
            Value::Sequence(list) => list.into_iter().map(|value| flatten(value, source)).collect(),
            Value::Mapping(map) => {
                Value::Mapping(map.into_iter().map(|(k, v)| (flatten(k, source), flatten(v, source))).collect())
            }
            other => other,
        }
    }

    #[test]
    fn both_parsers_read_a_configuration_alike() {
        for text in [
            "mode: strict\napi_allowlist: [a.test, '*.b.test', \"c.test\"]\n",
            "a: &x [one, two]\nb: *x\n",
            "text: |\n  first\n  second\nfolded: >-\n  first\n  second\n",
            "quoted: 'it''s'\nescaped: \"tab\\tnl\\nu\\u00e9\"\n",
            "nothing:\ntilde: ~\nword: null\nquoted: ''\n",
            "yes: no\non: off\ntrue_: true\nfalse_: False\n",
            "- a\n- - b\n  - c\n- {d: e}\n",
            "# only a comment\n---\nmode: audit # why not\n...\n",
            "\u{feff}mode: audit\n",
            "win: dows\r\nline: ends\r\n",
            "deep: {a: {b: {c: [1.2.3.4, '::1', 10.0.0.0/8, 127.0.0.1:8888]}}}\n",
        ] {
            let ours = parse(text).unwrap().map(|node| to_oracle(&node));
            let theirs = serde_yaml::from_str(text).unwrap();
            assert_eq!(ours, Some(flatten(theirs, &mut ToString::to_string)), "{text}");
        }
    }

    #[test]
    fn plain_scalars_have_the_shape_of_the_core_schema() {
        for (text, shape) in [
            ("", Shape::Null),
            ("~", Shape::Null),
            ("null", Shape::Null),
            ("true", Shape::Bool(true)),
            ("FALSE", Shape::Bool(false)),
            ("yes", Shape::Text),
            ("0", Shape::Number),
            ("-12", Shape::Number),
            ("1.5e3", Shape::Number),
            (".5", Shape::Number),
            ("0x1F", Shape::Number),
            ("0o17", Shape::Number),
            (".inf", Shape::Number),
            (".nan", Shape::Number),
            ("inf", Shape::Text),
            ("nan", Shape::Text),
            ("0x", Shape::Text),
            ("24h", Shape::Text),
            ("1.2.3.4", Shape::Text),
            ("-", Shape::Text),
            (".", Shape::Text),
        ] {
            assert_eq!(Shape::of(text), shape, "{text:?}");
        }
    }

    #[test]
    fn aliases_are_read_but_cannot_multiply_or_recurse() {
        let level = |n: usize| match n {
            0 => "a0: &a0 [x]\n".to_owned(),
            _ => format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")),
        };
        let bomb: String = (0..100).map(level).collect();
        for (text, message) in [
            (bomb.as_str(), "nested deeper than 32 levels"),
            ("a: &a [*a]\n", "an alias that stands inside its own anchor has no end; write the value out"),
        ] {
            let Err(Fault { kind: FaultKind::Syntax(detail), .. }) = parse(text) else { panic!("{text}") };
            assert_eq!(detail, message);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-c:\\-\\[\\]{}&*!|>'\"#%@`,? \n\t~0-9.\\\\\u{feff}\u{e9}]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn texts_both_parsers_accept_have_one_meaning(
            text in "([a-c]{1,2}: ?([a-c]{1,3}|'[a-c ]{0,3}'|\\[[a-c](, [a-c]){0,2}\\]|\n  - [a-c]{1,2}\n  - [a-c])?\n){0,5}",
        ) {
            if let (Ok(Some(ours)), Ok(theirs)) = (parse(&text), serde_yaml::from_str::<serde_yaml::Value>(&text)) {
                prop_assert_eq!(to_oracle(&ours), theirs, "{}", text);
            }
        }
    }
}

//! Reads typed values from the marked tree, with the key path and the place at hand for every message.
//!
//! A section says once which keys it reads and which it knows but does not honour yet; everything else in it is an
//! error. What a value *means* is the section's own file's business.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::{Error, Hint, Place, Problem, Warning};
use super::yaml::{Entry, Kind, Mark, Node, Shape, join};

/// What all values of one file share.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// As named by the caller, for messages.
    pub(super) file: &'a Path,
    /// What relative paths are relative to.
    pub(super) folder: PathBuf,
    pub(super) warnings: RefCell<Vec<Warning>>,
}

impl Source<'_> {
    pub(super) fn place(&self, at: Mark) -> Place {
        Place { file: self.file.to_owned(), at }
    }
}

/// A value under its full key path.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    source: &'a Source<'a>,
    node: &'a Node,
    key: String,
}

/// The keys of one map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    /// Read here.
    pub(super) read: &'static [&'static str],
    /// Keys of the reference that are accepted with a warning, their values unchecked.
    pub(super) not_yet: &'static [&'static str],
    /// Keys of the reference that cannot mean anything in a network gateway.
    pub(super) no_effect: &'static [&'static str],
}

impl Keys {
    /// A section of which every key is read.
    pub(super) const fn all(read: &'static [&'static str]) -> Self {
        Self { read, not_yet: &[], no_effect: &[] }
    }

    fn hint(&self, wrong: &str) -> Hint {
        let known = || [self.read, self.not_yet, self.no_effect].into_iter().flatten().copied();
        let spelt = wrong.to_ascii_lowercase();
        known()
            .map(|key| (strsim::damerau_levenshtein(key, &spelt), key))
            .filter(|(distance, key)| *distance <= (key.len() / 3).max(1))
            .min()
            .map_or_else(|| Hint::Known(self.read.to_vec()), |(_, key)| Hint::DidYouMean(key))
    }
}

impl<'a> Value<'a> {
    /// The root of a file.
    pub(super) fn root(source: &'a Source<'a>, node: &'a Node) -> Self {
        Self { source, node, key: String::new() }
    }

    /// An error about this value as a whole: what is missing from it, or contradicts another.
    pub(super) fn incomplete(&self, problem: impl Into<String>) -> Error {
        self.problem(Problem::Incomplete(problem.into()))
    }

    /// An error about this scalar: why it is not accepted, and what to write instead.
    pub(super) fn refuse(&self, reason: impl fmt::Display) -> Error {
        let value = match &self.node.kind {
            Kind::Scalar { text, .. } => text.clone(),
            Kind::List(_) | Kind::Map(_) => return self.incomplete(reason.to_string()),
        };
        self.problem(Problem::Value { value, reason: reason.to_string() })
    }

    /// An error about one part of this text, such as one entry of a list written in one line.
    pub(super) fn refuse_part(&self, part: &str, reason: impl fmt::Display) -> Error {
        self.problem(Problem::Value { value: part.to_owned(), reason: reason.to_string() })
    }

    fn problem(&self, problem: Problem) -> Error {
        // Only the root has no key of its own.
        let key = if self.key.is_empty() { "the file".to_owned() } else { self.key.clone() };
        Error::Invalid { place: self.source.place(self.node.at), key, problem }
    }

    /// Records a warning about this value.
    pub(super) fn warn(&self, message: impl Into<String>) {
        self.source.warnings.borrow_mut().push(Warning {
            place: Some(self.source.place(self.node.at)),
            key: self.key.clone(),
            message: message.into(),
        });
    }

    fn mismatch(&self, expected: &'static str, remedy: &'static str) -> Error {
        let found = match &self.node.kind {
            Kind::Scalar { quoted: true, .. } => "text",
            Kind::Scalar { text, .. } => match Shape::of(text) {
                Shape::Null => "nothing",
                Shape::Bool(_) => "true or false",
                Shape::Number => "a number",
                Shape::Text => "text",
            },
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map of keys",
        };
        self.problem(Problem::Type { expected, found, remedy })
    }

    /// Whether there is nothing: `key:`, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.node.kind, Kind::Scalar { text, quoted: false } if Shape::of(text) == Shape::Null)
    }

    /// Text; a bare number or boolean is refused, so that `name: 1e3` cannot change its spelling in silence.
    pub(super) fn text(&self) -> Result<&'a str, Error> {
        match &self.node.kind {
            Kind::Scalar { text, quoted } if *quoted || Shape::of(text) == Shape::Text => Ok(text),
            _ => Err(self.mismatch("text", "put it in quotes")),
        }
    }

    /// `true` or `false`, and YAML 1.1's other words for them, which the reference's parser reads where it wants one.
    pub(super) fn boolean(&self) -> Result<bool, Error> {
        match &self.node.kind {
            Kind::Scalar { text, quoted: false } => match (Shape::of(text), text.to_ascii_lowercase().as_str()) {
                (Shape::Bool(value), _) => Ok(value),
                (_, "yes" | "on" | "y") => Ok(true),
                (_, "no" | "off" | "n") => Ok(false),
                _ => Err(self.mismatch("true or false", "write one of the two")),
            },
            _ => Err(self.mismatch("true or false", "write one of the two, without quotes")),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self) -> Result<u64, Error> {
        match &self.node.kind {
            Kind::Scalar { text, quoted: false } if Shape::of(text) == Shape::Number => {
                text.parse().map_err(|_| self.refuse("is not a whole number from 0 up; write one in decimal digits"))
            }
            _ => Err(self.mismatch("a whole number", "write it in digits, without quotes")),
        }
    }

    /// Text that a type reads by itself; its error is a phrase that continues the quoted value.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, Error> {
        self.text()?.parse().map_err(|reason: T::Err| self.refuse(reason))
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Result<T, Error> {
        let text = self.text()?;
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.refuse(format!("is not accepted; write one of {}", words.join(", ")))
        })
    }

    /// A path, relative ones against the folder the file is in.
    pub(super) fn path(&self) -> Result<PathBuf, Error> {
        let text = self.text()?;
        if text.trim().is_empty() {
            return Err(self.refuse("is no path; write one, or remove the key"));
        }
        if text == "~" || text.starts_with("~/") {
            return Err(self.refuse("begins with ~, which only a shell expands; write the whole path"));
        }
        Ok(self.source.folder.join(text))
    }

    /// The values of a list.
    pub(super) fn list(&self) -> Result<Vec<Value<'a>>, Error> {
        let Kind::List(nodes) = &self.node.kind else {
            return Err(self.mismatch("a list", "write each entry on a line of its own, after a dash"));
        };
        let item = |(index, node): (usize, &'a std::rc::Rc<Node>)| Value {
            source: self.source,
            node,
            key: format!("{}[{index}]", self.key),
        };
        Ok(nodes.iter().enumerate().map(item).collect())
    }

    /// A list of texts that a type reads by itself.
    pub(super) fn parse_list<T, C>(&self) -> Result<C, Error>
    where
        T: FromStr<Err: fmt::Display>,
        C: FromIterator<T>,
    {
        self.list()?.iter().map(Value::parse).collect()
    }

    /// Whether this is text, for keys that take text or a list.
    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.node.kind, Kind::Scalar { .. })
    }

    /// The value of one key of a map whose other keys nobody reads yet.
    pub(super) fn member(&self, key: &str) -> Option<Self> {
        let Kind::Map(entries) = &self.node.kind else { return None };
        let entry = entries.iter().find(|entry| entry.key == key)?;
        Some(Self { source: self.source, node: &entry.value, key: join(&self.key, key) })
    }

    /// A map with these keys; warns of those that have no effect, refuses those that do not exist.
    pub(super) fn section(&self, keys: &Keys) -> Result<Section<'a>, Error> {
        let Kind::Map(entries) = &self.node.kind else {
            return Err(self.mismatch("a map of keys", "write each as key: value on a line of its own"));
        };
        let section = Section { value: self.clone(), entries };
        for entry in entries {
            let name = entry.key.as_str();
            if keys.read.contains(&name) {
                continue;
            }
            if keys.not_yet.contains(&name) {
                section.at(entry).warn_at(entry.at, "not yet supported: this version acts as if it were absent");
            } else if keys.no_effect.contains(&name) {
                section.at(entry).warn_at(entry.at, "no effect in a network gateway");
            } else {
                let place = self.source.place(entry.at);
                let problem = Problem::UnknownKey(keys.hint(name));
                return Err(Error::Invalid { place, key: section.at(entry).key, problem });
            }
        }
        Ok(section)
    }

    fn warn_at(&self, at: Mark, message: &str) {
        self.source.warnings.borrow_mut().push(Warning {
            place: Some(self.source.place(at)),
            key: self.key.clone(),
            message: message.to_owned(),
        });
    }
}

/// A map whose keys were checked.
#[derive(Debug)]
pub(super) struct Section<'a> {
    value: Value<'a>,
    entries: &'a [Entry],
}

impl<'a> Section<'a> {
    fn at(&self, entry: &'a Entry) -> Value<'a> {
        Value { source: self.value.source, node: &entry.value, key: join(&self.value.key, &entry.key) }
    }

    /// The map itself, for errors about all of it.
    pub(super) fn value(&self) -> &Value<'a> {
        &self.value
    }

    /// The value of a key; a null is as good as no key, as in the reference.
    pub(super) fn field(&self, key: &str) -> Option<Value<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.at(entry)).filter(|value| !value.is_null())
    }

    /// The value of a key read by `read`, or its default where there is none.
    pub(super) fn read<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.field(key).map_or(Ok(default), |value| read(&value))
    }
}

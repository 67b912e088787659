//! Reads typed values from the marked tree, with the key path and the place at hand for every message.
//!
//! A section says once which keys it reads and which it knows but does not honour yet; everything else in it is an
//! error. What a value *means* is the section's own file's business.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::duration::parse_duration;
use super::error::{Error, Hint, Place, Problem, Warning};
use super::fetch_proxy::parse_listen;
use super::schema::{self, Effect, Key};
use super::yaml::{Entry, Kind, Mark, Node, Shape, join};
use crate::model::{DomainPattern, parse_network};

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

/// A whole number written with an exponent, as far as floating point holds them all.
fn whole(text: &str) -> Option<u64> {
    let number: f64 = text.parse().ok().filter(|_| text.contains(['e', 'E']))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
    let fits = (number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number)).then_some(number as u64);
    fits
}

/// What the writer of an unknown key may have meant.
fn hint(keys: &'static [Key], wrong: &str) -> Hint {
    let spelt = wrong.to_ascii_lowercase();
    keys.iter()
        .map(|key| (strsim::damerau_levenshtein(key.name, &spelt), key.name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min()
        .map_or_else(|| Hint::Known(keys.iter().map(|key| key.name).collect()), |(_, name)| Hint::DidYouMean(name))
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
                // Helm writes 10485760 as 1.048576e+07, and the reference's parser takes it.
                text.parse()
                    .ok()
                    .or_else(|| whole(text))
                    .ok_or_else(|| self.refuse("is not a whole number from 0 up; write one in decimal digits"))
            }
            _ => Err(self.mismatch("a whole number", "write it in digits, without quotes")),
        }
    }

    /// A whole number within bounds, both included.
    pub(super) fn count_in(&self, least: u64, most: u64) -> Result<u64, Error> {
        let count = self.count()?;
        if (least..=most).contains(&count) {
            return Ok(count);
        }
        let bounds = if most == u64::MAX { format!("from {least} up") } else { format!("from {least} to {most}") };
        Err(self.refuse(format!("is outside of what makes sense; write a number {bounds}")))
    }

    /// A number above `least` and up to `most`.
    pub(super) fn number_in(&self, least: f64, most: f64) -> Result<f64, Error> {
        let number: f64 = match &self.node.kind {
            Kind::Scalar { text, quoted: false } if Shape::of(text) == Shape::Number => {
                text.parse().map_err(|_| self.refuse("is no decimal number; write one such as 4.5"))?
            }
            _ => return Err(self.mismatch("a number", "write it in digits, without quotes")),
        };
        if number > least && number <= most {
            return Ok(number);
        }
        let bounds = if most >= f64::MAX { format!("above {least}") } else { format!("above {least}, at most {most}") };
        Err(self.refuse(format!("is outside of what makes sense; write a number {bounds}")))
    }

    /// A duration that is not zero.
    pub(super) fn duration(&self) -> Result<Duration, Error> {
        let duration = parse_duration(self.text()?).map_err(|reason| self.refuse(reason))?;
        if duration.is_zero() {
            return Err(self.refuse("is no time at all; write for example 24h"));
        }
        Ok(duration)
    }

    /// An address and a port to listen on.
    pub(super) fn listen(&self) -> Result<SocketAddr, Error> {
        parse_listen(self.text()?).ok_or_else(|| {
            self.refuse("is no address to listen on; write an IP address and a port, for example 127.0.0.1:8888")
        })
    }

    /// Checks a value that nobody reads: its kind and, in maps, its keys.
    fn check(&self, kind: schema::Kind) -> Result<(), Error> {
        if self.is_null() {
            return Ok(());
        }
        match kind {
            schema::Kind::Bool => self.boolean().map(drop),
            schema::Kind::Count(least, most) => self.count_in(least, most).map(drop),
            schema::Kind::Number(least, most) => self.number_in(least, most).map(drop),
            schema::Kind::Text | schema::Kind::Path => self.text().map(drop),
            schema::Kind::Words(words) => self.word(words).map(drop),
            schema::Kind::Duration => self.duration().map(drop),
            schema::Kind::Listen => self.listen().map(drop),
            schema::Kind::Host => self.parse::<DomainPattern>().map(drop),
            schema::Kind::Network => parse_network(self.text()?).map(drop).map_err(|reason| self.refuse(reason)),
            schema::Kind::Regex => self.regex(),
            schema::Kind::List(of) => self.list()?.iter().try_for_each(|value| value.check(*of)),
            schema::Kind::TextOrList | schema::Kind::WordOrList(_) if self.is_scalar() => self.text().map(drop),
            schema::Kind::TextOrList | schema::Kind::WordOrList(_) => {
                self.list()?.iter().try_for_each(|value| value.text().map(drop))
            }
            schema::Kind::Named(of) => self.entries()?.iter().try_for_each(|(_, value)| value.check(*of)),
            schema::Kind::Map(keys) => {
                let Kind::Map(entries) = &self.node.kind else { return Err(self.no_map()) };
                entries.iter().try_for_each(|entry| {
                    let value = Value { source: self.source, node: &entry.value, key: join(&self.key, &entry.key) };
                    match keys.iter().find(|key| key.name == entry.key) {
                        Some(key) => value.check(key.kind),
                        None => Err(value.unknown(entry.at, keys, &entry.key)),
                    }
                })
            }
            schema::Kind::Any => Ok(()),
        }
    }

    /// Whether a regular expression compiles.
    fn regex(&self) -> Result<(), Error> {
        regex::Regex::new(self.text()?).map(drop).map_err(|error| {
            let report = error.to_string();
            let line = report.lines().last().unwrap_or_default();
            self.refuse(format!("is not a regular expression: {}", line.strip_prefix("error: ").unwrap_or(line)))
        })
    }

    /// One of these words.
    pub(super) fn word(&self, words: &[&'static str]) -> Result<&'static str, Error> {
        let text = self.text()?;
        words
            .iter()
            .find(|word| **word == text)
            .copied()
            .ok_or_else(|| self.refuse(format!("is not accepted; write one of {}", words.join(", "))))
    }

    /// The values of a map whose keys are names of the operator's choice.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Value<'a>)>, Error> {
        let Kind::Map(entries) = &self.node.kind else { return Err(self.no_map()) };
        let value =
            |entry: &'a Entry| Value { source: self.source, node: &entry.value, key: join(&self.key, &entry.key) };
        Ok(entries.iter().map(|entry| (entry.key.as_str(), value(entry))).collect())
    }

    fn no_map(&self) -> Error {
        self.mismatch("a map of keys", "write each as key: value on a line of its own")
    }

    fn unknown(&self, at: Mark, keys: &'static [Key], name: &str) -> Error {
        let problem = Problem::UnknownKey(hint(keys, name));
        Error::Invalid { place: self.source.place(at), key: self.key.clone(), problem }
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

    /// A map with these keys; warns of those that have no effect, refuses those that do not exist.
    pub(super) fn section(&self, keys: &'static [Key]) -> Result<Section<'a>, Error> {
        let Kind::Map(entries) = &self.node.kind else { return Err(self.no_map()) };
        let section = Section { value: self.clone(), entries };
        for entry in entries {
            let value = section.at(entry);
            let Some(key) = keys.iter().find(|key| key.name == entry.key) else {
                return Err(value.unknown(entry.at, keys, &entry.key));
            };
            let note = match key.effect {
                Effect::InForce => continue,
                Effect::NotYet(instead) => format!("not in force yet: {instead}"),
                Effect::Never(why) => format!("no effect: {why}"),
            };
            value.check(key.kind)?;
            if !value.is_off(key.default) {
                value.warn_at(entry.at, &note);
            }
        }
        Ok(section)
    }

    /// Whether a key without effect asks for nothing: it is empty, says its default, or is a section that is switched off.
    fn is_off(&self, default: &str) -> bool {
        match &self.node.kind {
            Kind::Scalar { text, .. } => self.is_null() || text == default,
            Kind::List(items) => items.is_empty(),
            Kind::Map(entries) => {
                let off = |entry: &Entry| {
                    entry.key == "enabled"
                        && matches!(&entry.value.kind, Kind::Scalar { text, quoted: false } if Shape::of(text) == Shape::Bool(false))
                };
                entries.is_empty() || entries.iter().any(off)
            }
        }
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

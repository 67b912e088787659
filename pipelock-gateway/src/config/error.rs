//! What can be wrong with a configuration file, and the form in which it is said: `file:line:column: key: problem; remedy`.

use std::fmt::{self, Write as _};
use std::io;
use std::path::PathBuf;

use super::yaml::Mark;

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named by the caller.
    pub file: PathBuf,
    /// Line and column.
    pub at: Mark,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.at.line, self.at.column)
    }
}

/// Why there is no configuration. Every variant names the file, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is missing or unreadable.
    #[error("{}: cannot be read; check that it exists and that this user may read it", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{}: is larger than {max_bytes} bytes; is this the right file?", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit.
        max_bytes: u64,
    },
    /// The file is not UTF-8.
    #[error("{}:{line}: is not UTF-8 text; save the file as UTF-8", file.display())]
    NotText {
        /// The file.
        file: PathBuf,
        /// The first line that is not, from 1.
        line: usize,
    },
    /// The file is not YAML, or YAML that is not accepted.
    #[error("{place}: {detail}")]
    Syntax {
        /// Where.
        place: Place,
        /// What.
        detail: String,
    },
    /// A key or its value is wrong.
    #[error("{place}: {key}: {problem}")]
    Invalid {
        /// Where.
        place: Place,
        /// The full path of the key, for example `dlp.patterns[2].regex`.
        key: String,
        /// What, and what to do.
        problem: Problem,
    },
    /// Strict mode was asked for on the command line, but the configuration lists no hosts.
    #[error("mode strict needs api_allowlist, but {origin} lists no host; add the hosts that may be reached")]
    StrictWithoutHosts {
        /// The file, or `the default configuration`.
        origin: String,
    },
}

/// What is wrong with a key or its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No key of this name exists here.
    #[error("is not a known key; {0}")]
    UnknownKey(Hint),
    /// A key twice in one map.
    #[error("is written twice, first in line {first}; keep one")]
    Duplicate {
        /// The line of the first.
        first: usize,
    },
    /// A value of another kind than the key takes.
    #[error("must be {expected}, not {found}; {remedy}")]
    Type {
        /// What the key takes.
        expected: &'static str,
        /// What is there.
        found: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// A value of the right kind that is not accepted, why, and what to write.
    #[error("{} {reason}", Shown(value))]
    Value {
        /// The value, as written.
        value: String,
        /// Why, and what to write instead.
        reason: String,
    },
    /// The section lacks something, or two keys contradict each other.
    #[error("{0}")]
    Incomplete(String),
}

/// A longer list helps nobody; the reference does.
const MAX_KEYS_TOLD: usize = 16;

/// What the writer of an unknown key may have meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A known key that is spelt nearly so.
    DidYouMean(&'static str),
    /// There is none; these are the keys of this section.
    Known(Vec<&'static str>),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DidYouMean(key) => write!(f, "did you mean {key}?"),
            Self::Known(keys) if keys.len() > MAX_KEYS_TOLD => f.write_str("none is spelt like it"),
            Self::Known(keys) => write!(f, "the keys here are {}", keys.join(", ")),
        }
    }
}

/// Quotes a value for a message: one line, control characters shown, cut where it is long. Backslashes stay single, as
/// the value is often a regular expression.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 80;
        f.write_char('"')?;
        for c in self.0.chars().take(MAX_CHARS) {
            match c {
                '\\' | '"' | '\'' => f.write_char(c)?,
                _ => c.escape_debug().try_for_each(|c| f.write_char(c))?,
            }
        }
        let dots = if self.0.chars().nth(MAX_CHARS).is_some() { "…" } else { "" };
        write!(f, "{dots}\"")
    }
}

/// Something that is accepted, but that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where; `None` when it comes from the command line.
    pub place: Option<Place>,
    /// The full path of the key.
    pub key: String,
    /// What, in one phrase.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}: {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}

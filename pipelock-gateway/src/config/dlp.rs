//! `dlp`: what is looked for in content that leaves.
//!
//! A pattern's syntax is checked here, so that the message has a line. Whether the scanner can compile it within its
//! width bounds is [`crate::scan`]'s to say.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use regex::RegexBuilder;

use super::error::Error;
use super::reader::Value;
use super::schema::{HOSTS, Key, Kind, TEXTS};
use crate::model::{DomainList, Severity, Validator};

// `action` of this section is reserved in the reference and an error there as well as here.
pub(super) const KEYS: &[Key] = &[
    Key::new(
        "include_defaults",
        Kind::Bool,
        "true",
        "Whether the built-in rules are in force; a pattern of the same name replaces one. The floor always is.",
    ),
    Key::new("patterns", Kind::List(&Kind::Map(PATTERN)), "[]", "Rules of your own."),
    Key::new(
        "scan_env",
        Kind::Bool,
        "true",
        "Whether values of the captured processes' own environment must not leave, in any encoding.",
    ),
    Key::new(
        "min_env_secret_length",
        Kind::Count(8, 4096),
        "8",
        "Shortest such value. The reference's default is 16; here only variables whose names say secret count.",
    ),
    Key::new(
        "secrets_file",
        Kind::Path,
        "",
        "A file of further values, one a line, mode 0640 or narrower; it must exist.",
    ),
];

const PATTERN: &[Key] = &[
    Key::new("name", Kind::Text, "", "What findings are called. Required."),
    Key::new("regex", Kind::Regex, "", "What to look for, without regard to case, at most 512 bytes wide. Required."),
    Key::new("severity", Kind::Words(&["critical", "high", "medium", "low"]), "high", "How bad a match is."),
    Key::new("validator", Kind::Words(&["luhn", "mod97", "aba", "wif"]), "", "A checksum that a match must pass."),
    Key::new("exempt_domains", HOSTS, "[]", "Hosts to which a match in the URL may go."),
    Key::new("action", Kind::Words(&["warn"]), "", "`warn`: matches are reported and never enforced."),
    Key::new("samples", Kind::Map(SAMPLES), "", "Texts that `pipelock rules test` tries it on."),
];

const SAMPLES: &[Key] = &[
    Key::new("found", TEXTS, "[]", "Texts it must find."),
    Key::new("ignored", TEXTS, "[]", "Texts it must leave alone."),
];

/// Shorter values stand in ordinary text by chance.
const MIN_SECRET_LENGTH: usize = 8;

/// Permission bits a file of secrets may not have: anything for others, and more than reading for the group.
const FORBIDDEN_MODE: u32 = 0o037;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dlp {
    /// Whether the built-in patterns are in force; one of `patterns` with the same name replaces a built-in.
    pub include_defaults: bool,
    /// Patterns of the file; names differ.
    pub patterns: Vec<DlpPattern>,
    /// Whether values of a workload's own environment are looked for in what it sends.
    pub scan_env: bool,
    /// A file of further values to look for, one a line; existing and private when checked.
    pub secrets_file: Option<PathBuf>,
}

/// A pattern of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DlpPattern {
    /// What findings are called.
    pub name: String,
    /// The expression in the syntax of the `regex` crate, always matched without regard to case; never matches nothing.
    pub regex: String,
    /// How bad a match is; [`Severity::High`] unless written, so that a pattern without one blocks.
    pub severity: Severity,
    /// What a match must also satisfy.
    pub validator: Option<Validator>,
    /// Hosts to which a match in the URL may go.
    pub exempt_domains: DomainList,
    /// `action: warn`: matches are reported and never enforced.
    pub warn_only: bool,
    /// Texts that `pipelock rules test` tries it on.
    pub samples: PatternSamples,
}

/// What a pattern promises.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PatternSamples {
    /// Texts it must find.
    pub found: Vec<String>,
    /// Texts it must leave alone.
    pub ignored: Vec<String>,
}

impl PatternSamples {
    fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(SAMPLES)?;
        let texts = |list: &Value<'_>| list.list()?.iter().map(|text| Ok(text.text()?.to_owned())).collect();
        Ok(Self {
            found: section.read("found", Vec::new(), texts)?,
            ignored: section.read("ignored", Vec::new(), texts)?,
        })
    }
}

impl Default for Dlp {
    fn default() -> Self {
        Self { include_defaults: true, patterns: Vec::new(), scan_env: true, secrets_file: None }
    }
}

impl Dlp {
    /// Reads the section, and beside it what it says of `workload_env`.
    pub(super) fn read(value: &Value<'_>, min_length: &mut Option<usize>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        *min_length = section.read("min_env_secret_length", None, |length| read_length(length).map(Some))?;
        let dlp = Self {
            include_defaults: section.read("include_defaults", true, Value::boolean)?,
            patterns: section.read("patterns", Vec::new(), read_patterns)?,
            scan_env: section.read("scan_env", true, Value::boolean)?,
            secrets_file: section.read("secrets_file", None, |file| private_file(file).map(Some))?,
        };
        if !dlp.include_defaults && dlp.patterns.is_empty() {
            section.value().warn(
                "include_defaults: false without patterns: of all formats only those of the floor are looked for",
            );
        }
        Ok(dlp)
    }
}

fn read_length(value: &Value<'_>) -> Result<usize, Error> {
    let length = usize::try_from(value.count()?).ok().filter(|length| (MIN_SECRET_LENGTH..=4096).contains(length));
    length.ok_or_else(|| {
        value.refuse(format!(
            "is no length for a secret: shorter values stand in ordinary text; write a number from {MIN_SECRET_LENGTH} to 4096"
        ))
    })
}

/// A file of secrets: it exists, and others may not read it.
pub(super) fn private_file(value: &Value<'_>) -> Result<PathBuf, Error> {
    let path = value.path()?;
    let file = crate::files::metadata(&path).map_err(|error| {
        value.refuse(format!("cannot be used: {} ({error}); create it, or correct the path", path.display()))
    })?;
    if !file.is_file() {
        return Err(value.refuse(format!("is not a file ({}); name one with a secret on each line", path.display())));
    }
    let mode = file.permissions().mode() & 0o777;
    if mode & FORBIDDEN_MODE != 0 {
        return Err(value.refuse(format!(
            "holds secrets that others may read (mode {mode:04o}, at most 0640); run: chmod 0640 {}",
            path.display()
        )));
    }
    Ok(path)
}

fn read_patterns(list: &Value<'_>) -> Result<Vec<DlpPattern>, Error> {
    let mut names = HashSet::new();
    let mut patterns = Vec::new();
    for value in list.list()? {
        let pattern = DlpPattern::read(&value)?;
        if !names.insert(pattern.name.clone()) {
            return Err(value.incomplete(format!("a pattern named {:?} stands before; rename one", pattern.name)));
        }
        patterns.push(pattern);
    }
    Ok(patterns)
}

impl DlpPattern {
    fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(PATTERN)?;
        let name = section.field("name").ok_or_else(|| value.incomplete("name is missing; add one to report"))?;
        let regex = section.field("regex").ok_or_else(|| value.incomplete("regex is missing; add what to look for"))?;
        if name.text()?.trim().is_empty() {
            return Err(name.refuse("is no name; write one to report"));
        }
        check_regex(&regex)?;
        let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
        Ok(Self {
            name: name.text()?.to_owned(),
            regex: regex.text()?.to_owned(),
            severity: section.read("severity", Severity::High, |severity| {
                severity.choice(&severities.map(|severity| (severity.as_str(), severity)))
            })?,
            validator: section
                .read("validator", None, |word| word.choice(&Validator::ALL.map(|v| (v.as_str(), v))).map(Some))?,
            exempt_domains: section.read("exempt_domains", DomainList::default(), Value::parse_list)?,
            warn_only: section.read("action", false, |action| action.choice(&[("warn", true)]))?,
            samples: section.read("samples", PatternSamples::default(), PatternSamples::read)?,
        })
    }
}

fn check_regex(value: &Value<'_>) -> Result<(), Error> {
    let compiled = RegexBuilder::new(value.text()?).case_insensitive(true).build().map_err(|error| {
        value.refuse(match error {
            regex::Error::Syntax(report) => format!("is not a regular expression: {}", last_line(&report)),
            regex::Error::CompiledTooBig(limit) => {
                format!("compiles to more than {limit} bytes; use smaller repetitions")
            }
            other => format!("is not accepted: {other}"),
        })
    })?;
    if compiled.is_match("") {
        return Err(value.refuse("matches the empty text, so it would find a secret in everything; require something"));
    }
    Ok(())
}

/// What is wrong, without the drawing above it: `error: unclosed group` gives `unclosed group`.
fn last_line(report: &str) -> &str {
    let line = report.lines().last().unwrap_or(report);
    line.strip_prefix("error: ").unwrap_or(line)
}

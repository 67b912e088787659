//! `cargo xtask tidy`: the habits that lints cannot check.
//!
//! Each rule reads sources as text split into code, comments and string literals ([`source`]); nothing is compiled and no
//! macro is expanded. That is enough for habits, and fast enough to run before every commit. Problems are printed as
//! `file:line: what`, warnings do not fail.

mod arrows;
mod source;
mod tables;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::workspace;
use source::Source;

/// Directories that hold this workspace's Rust sources.
const CRATES: [&str; 5] = ["pipelock-common", "pipelock-ebpf", "pipelock-gateway", "tests", "xtask"];

/// Longer files hold more than one subject. Tests at the foot of a file do not count.
const LONG_FILE_LINES: usize = 700;

/// A broken habit, with where it was seen.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    /// Relative to the workspace root.
    file: PathBuf,
    /// Counted from 1.
    line: usize,
    text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.text)
    }
}

/// What was found: problems fail the task, warnings are only printed.
#[derive(Debug, Default)]
struct Report {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// Checks the whole workspace.
///
/// # Errors
/// When any rule is broken, or a file cannot be read.
pub(crate) fn tidy() -> Result<()> {
    let report = inspect(workspace::root())?;
    for warning in &report.warnings {
        println!("warning: {warning}");
    }
    for problem in &report.problems {
        println!("error: {problem}");
    }
    if !report.problems.is_empty() {
        bail!("tidy found {} problem(s)", report.problems.len());
    }
    println!("tidy: file docs, import arrows, TODOs and tables are in order");
    Ok(())
}

/// Applies every rule to the tree below `root`.
fn inspect(root: &Path) -> Result<Report> {
    let mut report = Report::default();
    let mut sources = Vec::new();
    for dir in CRATES {
        for file in rust_files(&root.join(dir))? {
            let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            let relative = file.strip_prefix(root).context("a file outside the root it was found under")?;
            sources.push(Source::parse(relative, &text));
        }
    }
    for source in &sources {
        report.problems.extend(missing_file_docs(source));
        report.problems.extend(bare_todos(source));
        report.problems.extend(arrows::check(source));
        report.warnings.extend(too_long(source));
    }
    report.problems.extend(tables::check(root, &sources)?);
    report.problems.sort();
    report.warnings.sort();
    Ok(report)
}

/// Every `.rs` file below `dir`, sorted; `target` and hidden directories are not entered. A missing directory is empty.
fn rust_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for entry in entries {
            let entry = entry.with_context(|| format!("listing {}", dir.display()))?;
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // `file_type` does not follow links: a link to a directory above would never end.
            if entry.file_type().with_context(|| format!("looking at {}", path.display()))?.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    waiting.push(path);
                }
            } else if Path::new(name.as_ref()).extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn missing_file_docs(source: &Source) -> Option<Problem> {
    let first = source.text().lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let documented = first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    (!documented).then(|| source.problem(0, "the file must open with `//!`: what for, what not, where data goes next"))
}

/// `TODO` is a promise; one without an issue is forgotten.
fn bare_todos(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (offset, comment) in source.comments() {
        let mut at = offset;
        for line in comment.split_inclusive('\n') {
            for word in ["TODO", "FIXME", "XXX"] {
                if has_word(line, word) && !names_an_issue(line) {
                    problems.push(source.problem(at, format!("{word} without an issue number, as in `{word}(#12)`")));
                }
            }
            at += line.len();
        }
    }
    problems
}

/// `#` directly followed by a digit.
fn names_an_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `word` not as a part of a longer identifier, and not quoted as `` `word` ``, which speaks about it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '`');
        !joins(before) && !joins(after)
    })
}

fn too_long(source: &Source) -> Option<Problem> {
    if source.is_test_file() {
        return None;
    }
    let lines = source.lines_without_tests();
    (lines > LONG_FILE_LINES).then(|| source.problem(0, format!("{lines} lines without tests; split it by subject")))
}

#[cfg(test)]
mod tests;

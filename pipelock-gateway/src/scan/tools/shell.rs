//! Reads shell text as a shell would, without running anything: what is said behind quotes, escapes, variables, pipes and
//! encodings.
//!
//! ```text
//!  text ─► read: tokens, expansion ─► pipelines of simple commands ─► unwrap (sudo, sh -c, ssh host …)
//!            ▲                                     │
//!            └── text that a command would run ◄───┴─ flow: what echo, printf, rev, base64 -d … would print
//! ```
//!
//! Everything is bounded: depth, characters read over all rounds, commands kept. A bound that is reached sets
//! [`Script::truncated`], which becomes a finding; it is never silence. What a program outside the handful of `flow` would
//! print is unknown and stays unknown. The rules are in `commands`.

mod expand;
mod flow;
mod read;
mod unwrap;

use std::collections::HashMap;

/// How often text found inside text is read again. Real scripts nest two or three deep; the catalogue asks for 10 rounds.
const MAX_DEPTH: u8 = 10;
/// Commands kept of one script.
const MAX_COMMANDS: usize = 4096;
/// Characters read over all rounds, beyond four times the text itself.
const EXTRA_CHARACTERS: usize = 64 * 1024;
/// Longest text whose characters are looked at one by one. Longer ones are read up to here.
const MAX_TEXT: usize = 256 * 1024;
/// Longest value of a variable, longest word, longest output of a command, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// One command without pipes: `A=1 program word word > file`.
#[derive(Clone, Debug, Default)]
pub(super) struct Simple {
    /// Program and arguments, everything expanded that can be.
    pub(super) words: Vec<String>,
    /// Variables set for it, or for the rest of the script when there is no program.
    pub(super) assignments: Vec<(String, String)>,
    /// Where its output goes and its input comes from.
    pub(super) redirects: Vec<Redirect>,
    /// A here-document or here-string.
    pub(super) input: Option<String>,
    /// Whether the program's name was taken apart so that it cannot be read: `c''at`, `w\ho`, `$a$b`.
    pub(super) disguised: bool,
    /// The directory that an earlier `cd` went to.
    pub(super) directory: Option<String>,
    /// The last program like `sudo` that was taken away in front of it.
    pub(super) wrapper: Option<String>,
}

/// `> file` and its relatives.
#[derive(Clone, Debug)]
pub(super) struct Redirect {
    /// `>`, `>>`, `<`, `>&`, `<>`…
    pub(super) operator: String,
    /// The file or descriptor.
    pub(super) target: String,
}

impl Redirect {
    /// Whether it writes.
    pub(super) fn writes(&self) -> bool {
        self.operator.contains('>')
    }
}

/// Commands joined by pipes.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipeline {
    pub(super) stages: Vec<Simple>,
    /// Whether it was inside text that had to be decoded first.
    pub(super) decoded: bool,
}

/// A text that would run as a script, in one of the rounds.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) text: String,
    /// Whether it was encoded in the round before.
    pub(super) decoded: bool,
}

/// Source code of another language that a command would run.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) text: String,
    pub(super) decoded: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) pipelines: Vec<Pipeline>,
    /// The text itself first.
    pub(super) layers: Vec<Layer>,
    pub(super) code: Vec<Code>,
    /// Whether a blank was written as `$IFS`, a word cut by `$@`, a command built by braces or pieced from variables.
    pub(super) disguised: bool,
    /// Whether a decoder's output would be run.
    pub(super) runs_decoded: bool,
    /// Whether a program's output that cannot be known would be run: of `curl`, for example. The program's name.
    pub(super) runs_output_of: Vec<String>,
    /// Whether a bound was reached, so that something was not read.
    pub(super) truncated: bool,
}

/// State of reading: variables, budgets and what has been found so far.
struct Reader {
    script: Script,
    variables: HashMap<String, String>,
    commands: usize,
    directory: Option<String>,
    /// Characters that may still be read.
    characters: usize,
}

/// Reads a script.
pub(super) fn read(text: &str) -> Script {
    let mut variables = HashMap::new();
    for (name, value) in [
        ("HOME", "/home/user"),
        ("PWD", "/home/user"),
        ("OLDPWD", "/home/user"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("SHELL", "/bin/bash"),
        ("USER", "user"),
        ("TMPDIR", "/tmp"),
        ("IFS", " "),
        ("HISTFILE", "/home/user/.bash_history"),
        ("0", "bash"),
        ("BASH", "/bin/bash"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let characters = text.len().saturating_mul(4).saturating_add(EXTRA_CHARACTERS);
    let mut reader = Reader { script: Script::default(), variables, commands: 0, directory: None, characters };
    reader.script_text(text, 0, false);
    reader.script
}

/// The program's name without directory, extension and case.
pub(super) fn program(word: &str) -> String {
    let word = word.trim();
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word).to_lowercase();
    let name = name.strip_suffix(".exe").map_or(name.clone(), str::to_owned);
    if let Some(variable) = name.strip_prefix('$') {
        // An unset variable at the place of a program is most often named after it: `$PYTHON`, `$which_gpg`.
        let last = variable.trim_matches(['{', '}']).rsplit('_').next().unwrap_or(variable);
        return match last {
            "exe" | "bin" | "cmd" | "path" => variable.split('_').next().unwrap_or(variable).to_owned(),
            last => last.to_owned(),
        };
    }
    name
}

/// Whether a program runs the text it is given.
pub(super) fn is_shell(program: &str) -> bool {
    matches!(
        program,
        "sh" | "bash"
            | "zsh"
            | "dash"
            | "ksh"
            | "ash"
            | "csh"
            | "tcsh"
            | "fish"
            | "mksh"
            | "rbash"
            | "pwsh"
            | "powershell"
    )
}

/// Whether a program runs source code given on its standard input.
pub(super) fn is_interpreter(program: &str) -> bool {
    let bare = program.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    matches!(
        bare,
        "python"
            | "perl"
            | "ruby"
            | "node"
            | "nodejs"
            | "php"
            | "lua"
            | "pypy"
            | "deno"
            | "bun"
            | "tclsh"
            | "osascript"
    )
}

#[cfg(test)]
mod tests;

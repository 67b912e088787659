//! Which commands do damage: rules over what `shell` has read.
//!
//! Severity says how sure it is that no honest agent does this: critical and high are blocked in balanced mode, medium is a
//! warning and is for what administrators do every day too, low is only noted.

mod code;
mod files;
mod network;
mod patterns;
mod system;
mod windows;

use super::paths;
use super::report::Report;
use super::shell::{self, Script, Simple};
use crate::model::{Severity, View};

pub(super) use patterns::{injects, metadata_host as metadata_address, suspicious_url};

/// A simple command, with what rules ask about it.
struct Command<'a> {
    /// The program, without directory and extension, in lower case.
    name: String,
    args: &'a [String],
    simple: &'a Simple,
    view: View,
}

impl<'a> Command<'a> {
    fn new(simple: &'a Simple, decoded: bool) -> Self {
        let name = simple.words.first().map(|word| shell::program(word)).unwrap_or_default();
        let view = if decoded { View::Decoded } else { View::Text };
        Self { name, args: simple.words.get(1..).unwrap_or_default(), simple, view }
    }

    fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    /// Whether one of these words is an argument. Case matters for options only: `-p` is not `-P`.
    fn has(&self, words: &[&str]) -> bool {
        let same = |argument: &str, word: &str| {
            if word.starts_with(['-', '+']) { argument == word } else { argument.eq_ignore_ascii_case(word) }
        };
        self.args.iter().any(|argument| words.iter().any(|word| same(argument, word)))
    }

    /// Whether a word stands at the front of an argument.
    fn has_prefix(&self, prefixes: &[&str]) -> bool {
        self.args.iter().any(|argument| prefixes.iter().any(|prefix| argument.starts_with(prefix)))
    }

    /// Whether a single-letter option is given, alone or in a bundle.
    fn short(&self, letter: char) -> bool {
        self.args.iter().any(|argument| {
            argument.starts_with('-') && !argument.starts_with("--") && argument.len() <= 8 && argument.contains(letter)
        })
    }

    /// The argument that follows one of these options, joined to it or not.
    fn value(&self, options: &[&str]) -> Option<&'a str> {
        for (place, argument) in self.args.iter().enumerate() {
            for option in options {
                if argument == option {
                    return self.args.get(place + 1).map(String::as_str);
                }
                if option.starts_with("--")
                    && let Some(value) = argument.strip_prefix(option).and_then(|rest| rest.strip_prefix('='))
                {
                    return Some(value);
                }
            }
        }
        None
    }

    /// Arguments that are no options.
    fn operands(&self) -> impl Iterator<Item = &'a str> {
        self.args.iter().map(String::as_str).filter(|argument| !argument.starts_with('-') || argument.len() == 1)
    }

    fn first(&self) -> &'a str {
        self.operands().next().unwrap_or_default()
    }

    fn text(&self) -> String {
        self.simple.words.join(" ")
    }
}

/// What the rules of a file write to.
struct Judge<'a> {
    report: &'a mut Report,
}

impl Judge<'_> {
    fn add(&mut self, command: &Command<'_>, rule: &str, severity: Severity) {
        self.report.add(rule, severity, command.view, &command.text());
    }
}

/// Longest command line that is judged without its quotes having been respected, in bytes.
const MAX_RAW: usize = 64 * 1024;

/// Judges the value of an argument that is a command line.
pub(super) fn judge(text: &str, report: &mut Report) {
    judge_text(text, report);
    patterns::injected(text, report);
}

/// Judges a script, which may be one of several languages.
pub(super) fn judge_text(text: &str, report: &mut Report) {
    let script = shell::read(text);
    judge_script(&script, 0, report);
    windows::judge(text.get(..text.floor_char_boundary(MAX_RAW)).unwrap_or_default(), View::Text, report);
    for variant in patterns::transport_decoded(text) {
        let script = shell::read(&variant);
        let mut inner = Report::new(crate::model::Surface::ToolCall, crate::model::Family::ToolCall);
        judge_script(&script, 0, &mut inner);
        report.absorb(inner);
    }
}

fn judge_script(script: &Script, depth: u8, report: &mut Report) {
    if script.truncated {
        report.limit("Command Length");
    }
    if script.runs_decoded {
        report.add("Encoded Command Execution", Severity::High, View::Decoded, "");
    }
    if script.disguised || script.pipelines.iter().flat_map(|pipeline| &pipeline.stages).any(|stage| stage.disguised) {
        report.add("Shell Obfuscation", Severity::Medium, View::Text, "");
    }
    for layer in &script.layers {
        let view = if layer.decoded { View::Decoded } else { View::Text };
        patterns::judge(&layer.text, view, report);
        if layer.decoded {
            windows::judge(&layer.text, view, report);
        }
    }
    network::runs_download(script, report);
    let mut judge = Judge { report };
    for pipeline in &script.pipelines {
        let commands: Vec<Command<'_>> =
            pipeline.stages.iter().map(|stage| Command::new(stage, pipeline.decoded)).collect();
        for command in &commands {
            files::judge(command, &mut judge);
            system::judge(command, &mut judge);
            network::judge(command, &mut judge);
        }
        network::judge_pipeline(&commands, &mut judge);
        system::judge_pipeline(&commands, &mut judge);
    }
    for code in &script.code {
        code::judge(&code.text, code.decoded, depth + 1, report);
    }
}

/// Judges source code of a scripting language.
pub(super) fn judge_code(text: &str, report: &mut Report) {
    code::judge(text, false, 0, report);
}

/// What an argument refers to when it is `name=path`, `@path` or `key=@path`.
fn path_of(argument: &str) -> &str {
    let argument = argument
        .rsplit_once('@')
        .map_or(argument, |(_, path)| if path.contains('/') || path.starts_with('.') { path } else { argument });
    match argument.split_once('=') {
        Some((name, path)) if !name.contains('/') => path.trim_start_matches(['@', '<']),
        _ => argument,
    }
}

/// The worst credential that is named in some words.
fn worst_credential<'w>(words: impl Iterator<Item = &'w str>) -> Option<Severity> {
    words.filter_map(|word| paths::credential(path_of(word))).max()
}

#[cfg(test)]
mod tests;

//! What well-known filters would print, so that text can be followed through a pipe into the shell that would run it.

#![expect(clippy::match_same_arms, reason = "one arm a character or a case; merging them would hide the table")]

use super::expand::unescape;
use super::{Code, MAX_VALUE, Reader, Simple, is_interpreter, is_shell, program};
use crate::scan::tools::encoding;

/// What one command in a pipe does with text.
enum Step {
    /// Its output is known.
    Prints(String),
    /// It is known and was encoded before.
    Decodes(String),
    /// It runs its input.
    Runs,
    /// It runs its input as another language.
    RunsCode,
    /// Nobody knows.
    Unknown,
}

impl Reader {
    /// Follows text through a pipeline: reads again what would be run, returns what would be printed.
    pub(super) fn flow(&mut self, stages: &[Simple], depth: u8, decoded: bool) -> Option<String> {
        let mut text: Option<String> = None;
        let mut was_decoded = decoded;
        let mut fetched: Option<&Simple> = None;
        for stage in stages {
            let input = stage.input.clone().or_else(|| text.take());
            match step(stage, input.as_deref()) {
                Step::Prints(output) => text = Some(output),
                Step::Decodes(output) => {
                    was_decoded = true;
                    text = Some(output);
                }
                Step::Runs => {
                    self.script.runs_decoded |= was_decoded && !decoded && input.is_some();
                    text = match &input {
                        Some(script) => self.script_text(script, depth + 1, was_decoded),
                        None => None,
                    };
                    if input.is_none()
                        && let Some(source) = fetched
                    {
                        self.note_source(&source.words.join(" "));
                        self.script.runs_decoded |= stages.iter().any(is_decoder);
                    }
                }
                Step::RunsCode => {
                    if let Some(code) = input {
                        self.script.runs_decoded |= was_decoded && !decoded;
                        self.script.code.push(Code { text: code, decoded: was_decoded });
                    } else if let Some(source) = fetched {
                        self.note_source(&source.words.join(" "));
                    }
                }
                Step::Unknown => {}
            }
            fetched = fetched.or(Some(stage));
        }
        text.map(|mut text| {
            text.truncate(text.floor_char_boundary(MAX_VALUE));
            text
        })
    }
}

/// Whether a command turns encoded text into plain text.
pub(super) fn is_decoder(stage: &Simple) -> bool {
    let Some(first) = stage.words.first() else { return false };
    let arguments = stage.words.get(1..).unwrap_or_default();
    let has = |flags: &[&str]| arguments.iter().any(|word| flags.contains(&word.as_str()));
    match program(first).as_str() {
        "base64" | "base32" | "gbase64" | "basenc" => {
            has(&["-d", "-D", "--decode", "-di", "-id", "-dw0"])
                || arguments.iter().any(|word| word.starts_with("--dec"))
        }
        "b64decode" | "uudecode" | "rev" | "tac" | "gunzip" | "zcat" | "bunzip2" | "unxz" => true,
        "xxd" => arguments.iter().any(|word| word.starts_with("-r") || word.starts_with("-pr")),
        "openssl" => has(&["-d", "-base64", "base64"]) && has(&["-d"]),
        "tr" => arguments.len() >= 2 && !has(&["-d"]),
        _ => false,
    }
}

fn step(stage: &Simple, input: Option<&str>) -> Step {
    let mut words = stage.words.as_slice();
    while let [first, rest @ ..] = words {
        if matches!(
            program(first).as_str(),
            "sudo" | "doas" | "command" | "builtin" | "exec" | "env" | "nohup" | "busybox"
        ) && rest.first().is_some_and(|next| !next.starts_with('-'))
        {
            words = rest;
        } else {
            break;
        }
    }
    let [first, arguments @ ..] = words else { return Step::Unknown };
    let name = program(first);
    let plain = |arguments: &[String]| arguments.iter().all(|word| word.starts_with('-'));
    let known = |output: Option<String>| output.map_or(Step::Unknown, Step::Prints);
    let decodes = |output: Option<String>| output.map_or(Step::Unknown, Step::Decodes);
    match name.as_str() {
        "echo" => Step::Prints(echo(arguments)),
        "printf" => match printf(arguments) {
            (output, true) => Step::Decodes(output),
            (output, false) => Step::Prints(output),
        },
        "which" | "command" | "type" => known(arguments.iter().find(|word| !word.starts_with('-')).cloned()),
        "cat" if plain(arguments) => known(input.map(str::to_owned)),
        "tee" => known(input.map(str::to_owned)),
        "rev" => decodes(input.map(|text| text.lines().map(reverse).collect::<Vec<_>>().join("\n"))),
        "tac" => known(input.map(|text| text.lines().rev().collect::<Vec<_>>().join("\n"))),
        "tr" => decodes(input.and_then(|text| translate(text, arguments))),
        "sed" => known(input.and_then(|text| substitute(text, arguments))),
        "base64" | "gbase64" | "openssl" | "b64decode" if is_decoder(stage) => {
            decodes(input.and_then(|text| encoding::base64_text(text.trim())))
        }
        "base32" if is_decoder(stage) => decodes(input.and_then(|text| encoding::base32_text(text.trim()))),
        "xxd" if is_decoder(stage) => decodes(input.and_then(|text| encoding::hex_text(text.trim()))),
        "xargs" if arguments.iter().any(|word| is_shell(&program(word))) => Step::Runs,
        "source" | "." if arguments.iter().any(|word| word == "/dev/stdin") => Step::Runs,
        name if is_shell(name)
            && (plain(arguments) || arguments.iter().any(|word| word == "/dev/stdin" || word == "-s")) =>
        {
            if arguments.iter().any(|word| word == "-c") { Step::Unknown } else { Step::Runs }
        }
        name if is_interpreter(name)
            && (plain(arguments) || arguments.iter().any(|word| word == "-" || word == "/dev/stdin")) =>
        {
            if arguments.iter().any(|word| matches!(word.as_str(), "-c" | "-e" | "-r" | "-m")) {
                Step::Unknown
            } else {
                Step::RunsCode
            }
        }
        _ => Step::Unknown,
    }
}

fn echo(arguments: &[String]) -> String {
    let flags = arguments.iter().take_while(|word| matches!(word.as_str(), "-n" | "-e" | "-E" | "-ne" | "-en")).count();
    let escapes = arguments.iter().take(flags).any(|word| word.contains('e'));
    let text = arguments.get(flags..).unwrap_or_default().join(" ");
    // Some shells' own echo undoes escapes without being asked; where there are only escapes, that was the intention.
    if escapes || text.starts_with("\\x") { unescape(&text) } else { text }
}

/// The output of `printf`, and whether letters in it were written as numbers.
fn printf(arguments: &[String]) -> (String, bool) {
    let arguments = match arguments {
        [flag, rest @ ..] if flag == "--" => rest,
        other => other,
    };
    let Some((format, values)) = arguments.split_first() else { return (String::new(), false) };
    let numbers =
        |text: &str| text.matches("\\x").count() + text.matches("\\1").count() + text.matches("\\0").count() >= 3;
    let mut encoded = numbers(format);
    let mut values = values.iter();
    let mut output = String::new();
    let format = unescape(format);
    loop {
        let before = values.len();
        let mut characters = format.chars().peekable();
        while let Some(character) = characters.next() {
            if character != '%' {
                output.push(character);
                continue;
            }
            while characters.peek().is_some_and(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | '+')) {
                characters.next();
            }
            match characters.next() {
                Some('%') => output.push('%'),
                Some('b') => {
                    let value = values.next().map_or("", String::as_str);
                    encoded |= numbers(value);
                    output.push_str(&unescape(value));
                }
                Some(_) => output.push_str(values.next().map_or("", String::as_str)),
                None => output.push('%'),
            }
        }
        if values.len() == 0 || values.len() == before || output.len() > MAX_VALUE {
            return (output, encoded);
        }
    }
}

fn reverse(line: &str) -> String {
    line.chars().rev().collect()
}

/// `tr SET1 SET2` and `tr -d SET`.
fn translate(text: &str, arguments: &[String]) -> Option<String> {
    if let [flag, set] = arguments
        && flag == "-d"
    {
        let set = ranges(set);
        return Some(text.chars().filter(|character| !set.contains(character)).collect());
    }
    let [from, to] = arguments else { return None };
    let (from, to) = (ranges(from), ranges(to));
    let last = *to.last()?;
    let map = |character: char| match from.iter().position(|&known| known == character) {
        Some(place) => to.get(place).copied().unwrap_or(last),
        None => character,
    };
    Some(text.chars().map(map).collect())
}

/// The characters of a set of `tr`.
fn ranges(set: &str) -> Vec<char> {
    let unescaped = unescape(set);
    let set: Vec<char> = unescaped.trim_matches(['[', ']']).chars().take(256).collect();
    let mut characters = Vec::new();
    let mut at = 0;
    while let Some(&first) = set.get(at) {
        match (set.get(at + 1), set.get(at + 2)) {
            (Some('-'), Some(&last)) if first <= last && u32::from(last) - u32::from(first) < 256 => {
                characters.extend(first..=last);
                at += 3;
            }
            _ => {
                characters.push(first);
                at += 1;
            }
        }
    }
    characters
}

/// `sed s/old/new/g` with plain text for `old`.
fn substitute(text: &str, arguments: &[String]) -> Option<String> {
    let script = arguments.iter().find(|word| !word.starts_with('-'))?;
    let mut parts = script.strip_prefix('s')?.chars();
    let separator = parts.next()?;
    let rest = parts.as_str();
    let mut fields = rest.split(separator);
    let (old, new, flags) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
    if old.is_empty() || old.contains(['[', '*', '^', '$', '\\']) {
        return None;
    }
    let replaced = if flags.contains('g') { text.replace(old, new) } else { text.replacen(old, new, 1) };
    (replaced.len() <= MAX_VALUE).then_some(replaced)
}

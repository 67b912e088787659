//! Source code of scripting languages, as far as it starts shells: string literals that are run, shells that are spawned.
//!
//! It is no parser: literals are taken as they stand, and a literal is judged as a command when the code runs commands at
//! all.

use std::sync::LazyLock;

use regex::Regex;

use super::{Report, View, judge_script, paths, patterns};
use crate::model::Severity::{self, Critical, High, Medium};
use crate::scan::tools::{encoding, shell};

/// How often decoded literals are looked into.
const MAX_DEPTH: u8 = 4;
/// Literals judged of one piece of code.
const MAX_LITERALS: usize = 64;

static RUNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:os\.)?(?:system|popen|execl?[vp]*e?|spawn\w*|posix_spawn)\s*\(|subprocess|child_process|\bqx\b|`[^`]+`|shell_exec|passthru|proc_open|os\.execute|io\.popen|Runtime|ProcessBuilder|Kernel\.|%x|\bexec\b|\bsystem\b|do shell script|:!|\bpty\b|run_command|Open3").ok()
});

static ENCODED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)b64decode|base64|decode_base64|atob|from_?hex|unhexlify|codecs\.decode|fromCharCode|bytes\.fromhex|pack\s*\(|marshal|zlib|rot.?13|unpack").ok()
});

static EXECUTES_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:exec|eval|compile|system|popen|Function|instance_eval|loadstring|assert)\s*\(|\beval\b|\bsubprocess\b").ok()
});

static SPAWNS_SHELL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:pty\.spawn|os\.system|os\.exec\w*|exec|system|spawn\w*|popen|execute|call|run|posix_spawn|shell)\s*[\s("'\[]+\s*(?:/usr)?(?:/bin/)(?:ba|da|z|k|c)?sh\b|(?:^|\n|:)!\s*(?:/bin/)?(?:ba|z)?sh\b|\bshell\s+/bin/|!\s*/bin/(?:ba)?sh|set shell="#).ok()
});

static FETCHES_AND_RUNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?is)\b(?:exec|eval|compile|system|Function)\s*\(.{0,80}(?:urlopen|requests\.get|http\.get|Net::HTTP|open-uri|file_get_contents\s*\(\s*.https?|LWP|urllib)").ok()
});

static DESTROYS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:rmtree|removeSync|rm_rf|remove_entry|rmSync|rmdirSync|unlinkSync|File\.delete|rimraf)\s*\(?\s*['"](/|~|C:)['"/]?"#).ok()
});

/// The same for a home directory that is not spelt out.
static DESTROYS_HOME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let (deletes, home) = (
        r"(?:rmtree|rm_rf|rmSync|rmdirSync|removeSync|remove_dir_all|rimraf|FileUtils\.rm\w*)\b",
        r"(?:\bhome\(\)|expanduser|homedir\(|Dir\.home|\bHOME\b)",
    );
    Regex::new(&format!(r"(?is){deletes}.{{0,200}}{home}|{home}.{{0,200}}{deletes}")).ok()
});

/// Everything an application keeps to itself, printed or collected: its configuration, or a column of credentials.
static DUMPS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\bRails\.application\.(?:credentials|secrets)(?:\.(?:to_h|config|inspect|read|secret_key_base)\b|\s*[;)\n]|\s*$)|\bcredentials\.(?:to_h|config|read)\b|\.(?:pluck|map|select|values_list|only)\s*\(\s*&?[:'\x22](?:access_token|refresh_token|api_key|password_digest|encrypted_password|password_hash|otp_secret|secret\w*|private_key)\b|\bsettings\.SECRET_KEY\b").ok()
});

static SETUID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\bset(?:res)?uid\s*\(\s*0|Process::Sys\.setuid|POSIX::setuid|posix_setuid|setuid\s*=\s*0").ok()
});

fn matches(expression: &LazyLock<Option<Regex>>, text: &str) -> bool {
    expression.as_ref().is_some_and(|expression| expression.is_match(text))
}

/// Judges code.
pub(super) fn judge(text: &str, decoded: bool, depth: u8, report: &mut Report) {
    if depth > MAX_DEPTH || !report.spend(text.len()) {
        report.limit("Command Length");
        return;
    }
    let view = if decoded { View::Decoded } else { View::Text };
    patterns::judge(text, view, report);
    if matches(&SPAWNS_SHELL, text) {
        report.add("Shell Escape", Medium, view, text);
    }
    if matches(&DESTROYS, text) {
        report.add("Destructive File Delete", High, view, text);
    }
    if matches(&DESTROYS_HOME, text) {
        report.add("Destructive File Delete", High, view, text);
    }
    if matches(&DUMPS, text) {
        report.add("Credential Dumping", High, view, text);
    }
    if matches(&SETUID, text) {
        report.add("Privilege Escalation", High, view, text);
    }
    let runs = matches(&RUNS, text);
    let encoded = matches(&ENCODED, text);
    if matches(&FETCHES_AND_RUNS, text) {
        report.add("Download and Execute", High, view, text);
    }
    if encoded && matches(&EXECUTES_TEXT, text) {
        report.add("Encoded Command Execution", High, View::Decoded, text);
    }
    let literals = literals(text);
    if runs {
        for literal in &literals {
            judge_script(&shell::read(literal), depth, report);
        }
        let together = literals.join(" ");
        if literals.len() > 1 && together.len() < 4096 {
            judge_script(&shell::read(&together), depth, report);
        }
    }
    reads(text, &literals, view, report);
    if encoded {
        for literal in literals.iter().filter(|literal| literal.len() >= 8) {
            let inner = encoding::base64_text(literal).or_else(|| encoding::hex_text(literal));
            if let Some(inner) = inner {
                judge_script(&shell::read(&inner), depth, report);
                judge(&inner, true, depth + 1, report);
            }
        }
    }
}

/// Credentials that code opens by itself.
fn reads(text: &str, literals: &[String], view: View, report: &mut Report) {
    let opens = [
        "open(",
        "readfile",
        "readFileSync",
        "File.read",
        "File.open",
        "read_text",
        "fopen",
        "slurp",
        "file_get_contents",
        "getline",
        "include",
        ".import",
        "load_file",
    ];
    if !opens.iter().any(|call| text.to_lowercase().contains(&call.to_lowercase())) {
        return;
    }
    let worst = literals.iter().filter_map(|literal| paths::credential(literal)).max();
    let worst = worst.or_else(|| literals.iter().any(|literal| paths::is_accounts(literal)).then_some(Medium));
    if let Some(severity) = worst {
        let sends = ["requests.", "urlopen", "http", "socket", "fetch("].iter().any(|name| text.contains(name));
        let severity: Severity = if sends { Critical } else { severity };
        report.add("Credential File Access", severity, view, text);
    }
}

/// The string literals of code: between quotes of any kind, escapes kept apart.
fn literals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if !matches!(character, '\'' | '"' | '`') {
            continue;
        }
        let mut literal = String::new();
        while let Some(inner) = characters.next() {
            match inner {
                '\\' => match characters.next() {
                    Some(escaped @ ('\'' | '"' | '\\' | '`')) => literal.push(escaped),
                    Some('n') => literal.push('\n'),
                    Some(escaped) => {
                        literal.push('\\');
                        literal.push(escaped);
                    }
                    None => break,
                },
                inner if inner == character => break,
                inner => literal.push(inner),
            }
        }
        if !literal.trim().is_empty() && found.len() < MAX_LITERALS {
            found.push(literal);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        for expression in [
            &RUNS,
            &ENCODED,
            &EXECUTES_TEXT,
            &SPAWNS_SHELL,
            &DESTROYS,
            &DESTROYS_HOME,
            &DUMPS,
            &SETUID,
            &FETCHES_AND_RUNS,
        ] {
            assert!(expression.is_some());
        }
    }

    #[test]
    fn literals_are_what_stands_between_quotes() {
        assert_eq!(literals(r#"f('a b', "c\"d", '')"#), ["a b", "c\"d"]);
    }
}

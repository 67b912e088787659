//! The arguments of a tool call: which of them are commands, paths, addresses or queries, and what they would do.
//!
//! Tools are judged by the words of their names and their arguments by the words of their keys, since every server calls them
//! differently. Secrets in arguments are found by the engine's DLP rules over the serialised message, not here.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::report::Report;
use super::{commands, paths, text, words};
use crate::model::Severity::{self, High, Low, Medium};
use crate::model::{Evidence, Family, Surface, View};
use crate::scan::evidence::evidence;

/// Values visited in the arguments of one call.
const MAX_NODES: usize = 20_000;
/// Longest value that is looked at for an injected command: prose that long is content.
const MAX_PARAMETER: usize = 2048;
/// Calls of one message.
const MAX_CALLS: usize = 1000;

/// A call of a tool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) tool: &'a str,
    pub(super) arguments: &'a Value,
}

/// The call that a message makes: a JSON-RPC `tools/call`, `{"tool","args"}`, or the shape of a chat completion.
pub(super) fn call(message: &Value) -> Option<Call<'_>> {
    let params = message.get("params").unwrap_or(message);
    let inner = params.get("function").unwrap_or(params);
    let tool =
        ["name", "tool", "tool_name", "toolName"].iter().find_map(|key| inner.get(key)).and_then(Value::as_str)?;
    let arguments =
        ["arguments", "args", "input", "parameters"].iter().find_map(|key| inner.get(key)).unwrap_or(&Value::Null);
    Some(Call { tool, arguments })
}

/// All calls of a message: itself, or those of a batch. The second value says whether some were left out.
pub(super) fn calls(message: &Value) -> (Vec<Call<'_>>, bool) {
    match message {
        Value::Array(batch) => (batch.iter().take(MAX_CALLS).filter_map(call).collect(), batch.len() > MAX_CALLS),
        single => (call(single).into_iter().collect(), false),
    }
}

/// What a tool does, by the words of its name.
#[derive(Clone, Copy, Debug, Default)]
struct Tool {
    executes: bool,
    reads: bool,
    writes: bool,
}

impl Tool {
    fn of(name: &str) -> Self {
        let words = words::split(name);
        let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
        let data = has(&[
            "sql", "query", "queries", "database", "db", "report", "test", "tests", "workflow", "search", "trade",
            "order",
        ]);
        let strong = has(&[
            "shell",
            "bash",
            "exec",
            "cmd",
            "command",
            "commands",
            "terminal",
            "spawn",
            "sh",
            "zsh",
            "powershell",
            "pwsh",
            "console",
            "subprocess",
            "eval",
            "ssh",
            "process",
        ]);
        let weak = has(&[
            "run",
            "execute",
            "invoke",
            "interpreter",
            "repl",
            "runner",
            "sandbox",
            "executor",
            "executes",
            "launch",
            "launcher",
            "cli",
            "python",
            "python3",
            "py",
            "ruby",
            "irb",
            "rails",
            "perl",
            "php",
            "node",
            "nodejs",
            "javascript",
            "js",
        ]) || words.iter().any(|word| is_executor(word));
        Self {
            executes: strong && (!data || has(&["shell", "bash", "terminal"])) || weak && !data,
            reads: has(&[
                "read", "get", "view", "cat", "head", "tail", "open", "load", "retrieve", "access", "fetch", "show",
                "download", "search", "grep", "copy", "upload", "send", "attach",
            ]),
            writes: has(&[
                "write", "create", "save", "update", "edit", "modify", "put", "append", "insert", "replace", "move",
                "copy", "patch", "delete", "remove", "upload", "touch", "rename",
            ]),
        }
    }
}

/// Whether a word without a seam in it ends like the name of what runs things: `pyexec`, `webshell`, `jsrepl`.
fn is_executor(word: &str) -> bool {
    ["exec", "shell", "bash", "repl", "eval", "sandbox", "terminal"]
        .iter()
        .any(|end| word.len() > end.len() && word.ends_with(end))
}

/// What an argument is, by the words of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Command,
    /// A command only where the tool executes things: `args`, `code`, `input`.
    MaybeCommand,
    Path,
    Address,
    Query,
    Content,
    Other,
}

fn role(key: &str) -> Role {
    let words = words::split(key);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    if has(&[
        "command",
        "commands",
        "cmd",
        "cmds",
        "cmdline",
        "commandline",
        "shell",
        "bash",
        "script",
        "powershell",
        "sh",
        "terminal",
        "exec",
    ]) {
        Role::Command
    } else if has(&["sql", "statement"]) {
        Role::Query
    } else if has(&[
        "path",
        "paths",
        "file",
        "files",
        "filename",
        "filepath",
        "dir",
        "directory",
        "folder",
        "source",
        "destination",
        "dest",
        "location",
        "target",
        "attachment",
        "attachments",
        "pathname",
        "cwd",
    ]) {
        Role::Path
    } else if has(&[
        "url", "uri", "link", "endpoint", "host", "hostname", "address", "domain", "webhook", "server", "ip",
    ]) {
        Role::Address
    } else if has(&[
        "args",
        "arguments",
        "argv",
        "code",
        "run",
        "program",
        "input",
        "expression",
        "entrypoint",
        "stdin",
        "snippet",
        "task",
        "src",
        "ruby",
        "python",
        "py",
        "js",
        "javascript",
        "perl",
        "php",
        "node",
        "do",
        "cli",
    ]) {
        Role::MaybeCommand
    } else if has(&[
        "content",
        "contents",
        "text",
        "body",
        "message",
        "description",
        "prompt",
        "markdown",
        "html",
        "diff",
        "patch",
        "data",
        "note",
        "notes",
        "comment",
        "title",
        "summary",
        "subject",
        "caption",
        "lyrics",
        "question",
        "answer",
        "instructions",
        "bio",
        "review",
    ]) {
        Role::Content
    } else if has(&["query", "queries"]) {
        Role::Query
    } else {
        Role::Other
    }
}

/// Judges one call.
pub(super) fn judge(call: &Call<'_>, report: &mut Report) {
    let tool = Tool::of(call.tool);
    // Arguments of chat completions are JSON in a string.
    let parsed: Option<Value> = call.arguments.as_str().and_then(|text| serde_json::from_str(text).ok());
    let arguments = parsed.as_ref().unwrap_or(call.arguments);
    let mut judged_command = false;
    if let Some(line) = command_line(arguments, tool) {
        judge_command(&line, report);
        judged_command = true;
    }
    let language = arguments
        .get("language")
        .or_else(|| arguments.get("lang"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_lowercase();
    let mut open: Vec<(&str, &Value)> = vec![("", arguments)];
    let mut nodes = 0;
    while let Some((key, value)) = open.pop() {
        nodes += 1;
        if nodes > MAX_NODES {
            report.limit("Tool Arguments");
            return;
        }
        match value {
            Value::Array(items) => {
                if tool.executes && matches!(role(key), Role::Command | Role::MaybeCommand) {
                    // Judged as one line already; what a shell is given to run is a script of its own.
                    if judged_command && items.iter().all(Value::is_string) {
                        for script in given_scripts(items) {
                            commands::judge_text(&text::plain(script), report);
                        }
                        continue;
                    }
                }
                open.extend(items.iter().map(|item| (key, item)));
            }
            Value::Object(members) => open.extend(members.iter().map(|(name, inner)| (name.as_str(), inner))),
            Value::String(raw) => {
                let plain = text::plain(raw);
                argument(key, &plain, tool, &language, call, report);
            }
            _ => {}
        }
    }
    written_script(arguments, tool, report);
    searched(call, report);
}

/// A command given in parts: `{"command": "rm", "args": ["-rf", "/"]}` or `["bash", "-c", "…"]`.
fn command_line(arguments: &Value, tool: Tool) -> Option<String> {
    let members = arguments.as_object()?;
    let quote = |word: &str| {
        let safe = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c));
        if safe { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    let list = |value: &Value| -> Option<String> {
        let words = value.as_array()?.iter().take(4096).map(|item| item.as_str().map(|word| quote(&text::plain(word))));
        words.collect::<Option<Vec<_>>>().map(|words| words.join(" "))
    };
    let program = |key: &str| matches!(key, "program" | "executable" | "binary" | "bin" | "exe" | "entrypoint");
    let command = members.iter().find(|(key, _)| role(key) == Role::Command);
    let command = command.or_else(|| members.iter().find(|(key, _)| tool.executes && program(key)));
    let rest = members.iter().find(|(key, _)| matches!(key.as_str(), "args" | "arguments" | "argv" | "params"));
    match (command, rest) {
        (Some((_, Value::String(program))), Some((_, Value::Array(_)))) => {
            let rest = rest.and_then(|(_, value)| list(value))?;
            Some(format!("{program} {rest}"))
        }
        (Some((_, Value::String(program))), Some((_, Value::String(rest)))) => Some(format!("{program} {rest}")),
        (Some((_, value @ Value::Array(items))), _) => {
            // A list of whole commands is a script; a list of words is one command.
            let whole = items.iter().filter_map(Value::as_str).any(|item| item.contains(' '))
                && !items.iter().filter_map(Value::as_str).any(|item| item.starts_with('-'));
            if whole {
                let lines: Vec<String> = items.iter().filter_map(Value::as_str).map(text::plain).collect();
                Some(lines.join("\n"))
            } else {
                list(value)
            }
        }
        (None, Some((_, value))) if tool.executes => {
            let line = list(value)?;
            // `{"recipe": "tar", "argv": […]}`
            let named = members.values().filter_map(Value::as_str).find(|word| PROGRAMS.contains(word));
            Some(match named {
                Some(program) => format!("{program} {line}"),
                None if line.starts_with(['-', '/']) => format!("sh {line}"),
                None => line,
            })
        }
        _ => None,
    }
}

/// What follows `-c` and its like in a list of arguments.
fn given_scripts(items: &[Value]) -> impl Iterator<Item = &str> {
    items.windows(2).filter_map(|pair| {
        let [option, script] = pair else { return None };
        let option = option.as_str()?.to_ascii_lowercase();
        let runs =
            matches!(option.as_str(), "-c" | "-lc" | "-ic" | "-e" | "/c" | "/k" | "-command" | "--command" | "--eval");
        script.as_str().filter(|_| runs)
    })
}

/// Programs whose name alone says that a text is a command line, when what follows is no prose.
const PROGRAMS: &[&str] = &[
    "awk",
    "base64",
    "bash",
    "bitsadmin",
    "bcdedit",
    "busybox",
    "cat",
    "certutil",
    "chattr",
    "chmod",
    "chown",
    "chroot",
    "cmd",
    "cp",
    "crontab",
    "cscript",
    "curl",
    "dd",
    "del",
    "dig",
    "docker",
    "echo",
    "env",
    "eval",
    "exec",
    "find",
    "gdb",
    "gpg",
    "grep",
    "history",
    "iex",
    "insmod",
    "iptables",
    "journalctl",
    "kill",
    "kubectl",
    "launchctl",
    "ln",
    "lua",
    "mimikatz",
    "mimikatz.exe",
    "mkfifo",
    "mkfs",
    "mount",
    "mshta",
    "msiexec",
    "mv",
    "nc",
    "ncat",
    "net",
    "netcat",
    "netsh",
    "node",
    "nohup",
    "nsenter",
    "ntdsutil",
    "openssl",
    "osascript",
    "perl",
    "php",
    "pkexec",
    "powershell",
    "powershell.exe",
    "printf",
    "procdump",
    "procdump64.exe",
    "psql",
    "pwsh",
    "python",
    "python2",
    "python3",
    "rclone",
    "reg",
    "regsvr32",
    "rm",
    "rsync",
    "ruby",
    "rundll32",
    "rundll32.exe",
    "sc",
    "schtasks",
    "scp",
    "security",
    "sed",
    "setcap",
    "setenforce",
    "sh",
    "shred",
    "socat",
    "sqlite3",
    "ssh",
    "strings",
    "su",
    "sudo",
    "systemctl",
    "tar",
    "tee",
    "telnet",
    "touch",
    "ufw",
    "unshadow",
    "useradd",
    "usermod",
    "vssadmin",
    "vaultcmd",
    "wevtutil",
    "wget",
    "wmic",
    "wscript",
    "xxd",
    "zsh",
];

/// Whether a tool keeps or sends the text it is given: a manual with commands in it is none.
fn passes_on(call: &Call<'_>, tool: Tool) -> bool {
    const WORDS: [&str; 12] = [
        "send",
        "post",
        "message",
        "comment",
        "reply",
        "note",
        "mail",
        "email",
        "publish",
        "translate",
        "summarize",
        "chat",
    ];
    tool.writes
        || call.arguments.as_object().is_some_and(|members| members.len() > 2)
        || words::split(call.tool).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// Whether a text for a tool of unknown purpose is a command line and no prose: a program, and what programs are given.
fn looks_like_command(value: &str) -> bool {
    if value.len() > MAX_PARAMETER || value.contains("\n\n") {
        return false;
    }
    let mut words = value.split_ascii_whitespace().skip_while(|word| matches!(*word, "sudo" | "nohup" | "(" | "time"));
    let Some(first) = words.next() else { return false };
    let program = first.trim_start_matches(['(', '$', '`', '"', '\'', '&']).rsplit('/').next().unwrap_or_default();
    let telling = |word: &str| {
        let known_sign = word.starts_with(['-', '/', '~', '.', '$', '\'', '"', '<', '>', '&', '|', '%', '@'])
            || word.contains(['/', '\\', '=', '|', ';', '$', '*', '`'])
            || word.contains("::")
            || word.contains("&&");
        known_sign && !word.starts_with("--\u{20}")
    };
    PROGRAMS.contains(&program.to_ascii_lowercase().as_str()) && words.clone().take(4).any(telling)
        || first.contains('=') && value.contains(';') && value.contains('$')
        || ["iex ", "iex(", "&(", "(new-object", "set-mppreference", "add-mppreference"]
            .iter()
            .any(|opening| value.get(..opening.len()).is_some_and(|front| front.eq_ignore_ascii_case(opening)))
}

/// Calls and imports that stand in programs and in no prose.
static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?m)^\s*(?:import|from)\s+\w[\w.]*(?:\s*(?:,|;|$)|\s+(?:import|as)\s)|\brequire\(\s*['\x22`]|__import__\(|\b(?:eval|exec|system|spawn|Function|popen)\s*\(|\bProcess\.|\bnew\s+\w[\w:.]*\(|;\s*\w[\w.]*\(|=>\s*[{(]").ok()
});

/// Whether a text is source code of a scripting language.
fn looks_like_code(value: &str) -> bool {
    value.len() <= MAX_PARAMETER * 8
        && value.contains(['(', '.'])
        && CODE.as_ref().is_some_and(|expression| expression.is_match(value))
}

fn judge_command(line: &str, report: &mut Report) {
    commands::judge(line, report);
}

/// Judges one string.
fn argument(key: &str, value: &str, tool: Tool, language: &str, call: &Call<'_>, report: &mut Report) {
    if value.len() < 2 {
        return;
    }
    let role = role(key);
    let unkeyed = key.is_empty();
    let script = match role {
        Role::Command => true,
        Role::MaybeCommand => tool.executes || unkeyed,
        // The only argument of a tool that executes things is what it executes.
        Role::Other | Role::Content | Role::Query => {
            tool.executes && (unkeyed || call.arguments.as_object().is_some_and(|members| members.len() == 1))
        }
        Role::Path | Role::Address => false,
    };
    if script {
        let is_code = role != Role::Command || !language.is_empty() || looks_like_code(value);
        let foreign = !matches!(language, "" | "bash" | "sh" | "shell" | "zsh" | "powershell");
        if is_code {
            commands::judge_code(value, report);
        }
        if !foreign && is_code {
            commands::judge_text(value, report);
        } else if !foreign {
            judge_command(value, report);
        }
        return;
    }
    if (role != Role::Content || !passes_on(call, tool)) && looks_like_command(value) {
        // Nobody said that it will be run: only what does damage beyond doubt counts.
        let mut inner = Report::new(Surface::ToolCall, Family::ToolCall);
        commands::judge_text(value, &mut inner);
        report.absorb(inner);
    }
    if !passes_on(call, tool) && looks_like_code(value) {
        let mut inner = Report::new(Surface::ToolCall, Family::ToolCall);
        commands::judge_code(value, &mut inner);
        report.absorb(inner);
    }
    if commands::metadata_address(value) && !matches!(role, Role::Content) {
        report.add("Cloud Metadata Access", High, View::Text, value);
    }
    if role != Role::Query
        && role != Role::Content
        && JOINED_QUERY.as_ref().is_some_and(|expression| expression.is_match(value))
    {
        report.add("Command Injection", High, View::Text, value);
    }
    match role {
        Role::Path => path(value, tool, report),
        Role::Address => address(value, tool, report),
        Role::Query => query(value, report),
        _ => {}
    }
    if role == Role::Other
        && (value.starts_with(['/', '~'])
            || value.contains("../")
            || value.starts_with("file:")
            || tool.writes && is_like_a_path(value))
        && !value.contains(char::is_whitespace)
    {
        path(value, tool, report);
    }
    if !matches!(role, Role::Content) && value.len() <= MAX_PARAMETER && commands::injects(value) {
        let severity = if role == Role::Query || role == Role::MaybeCommand { Medium } else { High };
        report.add("Command Injection", severity, View::Text, value);
    }
}

/// `../../..` in its spellings, from a place that a caller should not leave.
static TRAVERSAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\.\.[/\\]){3,}|(?:\.\.|%2e%2e|%252e%252e|\.%2e|%2e\.)(?:%2f|%5c|%252f|%c0%af)|\.\.\.\.//|\.\.;/|%00|(?:\.\.[/\\])+(?:etc|proc|windows|root|home|var|users)[/\\]").ok()
});

fn path(value: &str, tool: Tool, report: &mut Report) {
    let looks = !tool.reads && !tool.writes;
    if TRAVERSAL.as_ref().is_some_and(|expression| expression.is_match(value)) {
        report.add("Path Traversal", Medium, View::Text, value);
    }
    let decoded = super::encoding::percent_text(value);
    let value = decoded.as_str();
    if let Some(severity) = paths::credential(value) {
        let severity: Severity = if tool.writes && !tool.reads { Low } else { severity };
        report.add("Credential File Access", severity, View::Text, value);
    }
    if paths::is_accounts(value) {
        report.add("Credential File Access", Medium, View::Text, value);
    }
    if tool.writes || looks {
        let least = |severity: Severity| if looks { severity.min(Medium) } else { severity };
        if let Some(severity) = paths::persistence(value) {
            report.add("Persistence Path Write", least(severity), View::Text, value);
        }
        if paths::is_profile(value) {
            report.add("Shell Profile Modification", Medium, View::Text, value);
        }
        if paths::is_history(value) || paths::is_log(value) {
            report.add("Audit Log Tampering", Medium, View::Text, value);
        }
    }
}

fn address(value: &str, tool: Tool, report: &mut Report) {
    let lower = value.to_lowercase();
    if lower.starts_with("file:") {
        path(value, tool, report);
        report.add("Local File Address", Low, View::Text, value);
    }
    if ["gopher://", "dict://", "php://", "expect://", "jar:http", "netdoc:", "ldap://"]
        .iter()
        .any(|scheme| lower.starts_with(scheme))
    {
        report.add("Suspicious Destination", Medium, View::Text, value);
    }
    if let Some(severity) = commands::suspicious_url(value) {
        report.add("Suspicious Destination", severity, View::Text, value);
    }
}

/// Statements that destroy, or that leave the database.
static SQL: LazyLock<Vec<(Severity, Regex)>> = LazyLock::new(|| {
    let joined = format!(r"(?i)union\s+(?:all\s+)?select\s+[^;]{{0,160}}{SECRET_COLUMN}");
    let rules = [
        (High, joined.as_str()),
        (
            High,
            r"(?i)xp_cmdshell|sp_oacreate|\binto\s+(?:out|dump)file\b|\bload_file\s*\(|copy\s+[^;]{1,200}\b(?:from|to)\s+program\b|pg_read_file|lo_import|utl_http|dbms_scheduler|sys_exec\s*\(",
        ),
        (
            Medium,
            r"(?i)(?:^|;)\s*(?:drop\s+(?:table|database|schema|user|view)|truncate\s+(?:table\s+)?\w|delete\s+from\s+[\w.\x22`]+\s*(?:;|$)|update\s+[\w.]+\s+set\s+[^;]{1,200}(?:;|$))",
        ),
        (
            Medium,
            r#"(?i)['"]\s*(?:or|and)\s+['"]?\w{1,8}['"]?\s*=\s*['"]?\w{1,8}|union\s+(?:all\s+)?select\s+[^;]{0,120}(?:information_schema|pg_shadow|mysql\.user|@@version|null\s*,\s*null)|;\s*(?:waitfor\s+delay|select\s+pg_sleep|sleep\s*\()"#,
        ),
    ];
    rules.into_iter().filter_map(|(severity, source)| Some((severity, Regex::new(source).ok()?))).collect()
});

/// Columns that hold credentials.
const SECRET_COLUMN: &str = r"\b(?:password\w*|passwd|pwd_hash|encrypted_password|otp_secret|api_key|access_token|refresh_token|secret_key|session_token|ssn|card_number)\b";

/// A second query in a value that is to be a condition.
static JOINED_QUERY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(r"(?i)\bunion\s+(?:all\s+)?select\s+[^;]{{0,160}}{SECRET_COLUMN}[^;]{{0,160}}\bfrom\b")).ok()
});

fn query(value: &str, report: &mut Report) {
    for (severity, expression) in SQL.iter() {
        let Some(found) = expression.find(value) else { continue };
        // An update is destructive without a condition only.
        let update = found.as_str().to_lowercase().contains("update");
        if !(update && value.to_lowercase().contains("where")) {
            report.add("Destructive Query", *severity, View::Text, found.as_str());
        }
    }
}

/// Whether a value under any key may name a file.
fn is_like_a_path(value: &str) -> bool {
    value.len() < 256 && value.contains('/') && !value.contains("://") && !value.contains(char::is_whitespace)
}

/// A search of a whole machine for what secrets are called.
fn searched(call: &Call<'_>, report: &mut Report) {
    const SEARCHES: [&str; 6] = ["grep", "search", "find", "rg", "ripgrep", "locate"];
    let words = words::split(call.tool);
    if !words.iter().any(|word| SEARCHES.iter().any(|search| word == search)) {
        return;
    }
    let Some(members) = call.arguments.as_object() else { return };
    let everywhere = members
        .values()
        .filter_map(Value::as_str)
        .any(|value| value.starts_with(['/', '~']) && paths::is_system(value));
    let wanted = members
        .values()
        .filter_map(Value::as_str)
        .find(|value| SECRET_NAMES.as_ref().is_some_and(|expression| expression.is_match(value)));
    if let (true, Some(wanted)) = (everywhere, wanted) {
        report.add("Credential Dumping", Medium, View::Text, wanted);
    }
}

/// What stands before secrets.
static SECRET_NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)private key|passw(?:or)?d|secret|api[_-]?key|access[_-]?token|credential|aws_access|id_rsa|\.pem\b|\.kdbx\b").ok()
});

/// A file that is written to be run: what is in it counts, though less than a command.
fn written_script(arguments: &Value, tool: Tool, report: &mut Report) {
    if !tool.writes {
        return;
    }
    let Some(members) = arguments.as_object() else { return };
    let target = members
        .iter()
        .find(|(key, value)| role(key) == Role::Path && value.is_string())
        .or_else(|| members.iter().find(|(_, value)| value.as_str().is_some_and(is_like_a_path)))
        .and_then(|(_, value)| value.as_str());
    let Some(target) = target else { return };
    let extension = target.rsplit('.').next().unwrap_or_default().to_lowercase();
    let runs =
        matches!(extension.as_str(), "sh" | "bash" | "zsh" | "ps1" | "bat" | "cmd" | "service" | "plist" | "command")
            || paths::is_profile(target)
            || paths::persistence(target).is_some();
    if !runs {
        return;
    }
    let content = members.iter().filter(|(key, _)| role(key) == Role::Content).filter_map(|(_, value)| value.as_str());
    for script in content {
        let mut inner = Report::new(Surface::ToolCall, Family::ToolCall);
        commands::judge(&text::plain(script), &mut inner);
        if inner.worst().is_some_and(|worst| worst >= High) {
            report.add("Dangerous Script Written", Medium, View::Text, target);
        }
    }
}

/// The values of parameters that are passwords by their own name, as far as findings can be compared with them.
pub(super) fn passwords(message: &Value) -> Vec<Evidence> {
    let messages = message.as_array().map_or(std::slice::from_ref(message), Vec::as_slice);
    let members =
        messages.iter().take(MAX_CALLS).filter_map(call).filter_map(|call| call.arguments.as_object()).flatten();
    members
        .filter(|(key, _)| {
            words::split(key)
                .iter()
                .any(|word| matches!(word.as_str(), "password" | "passwd" | "pwd" | "passphrase" | "pass"))
        })
        .filter_map(|(_, value)| value.as_str())
        .map(|value| evidence(value.as_bytes()))
        .collect()
}

/// The commands of a call as text, for rules that look at several calls together.
pub(super) fn command_text(call: &Call<'_>) -> Option<String> {
    let tool = Tool::of(call.tool);
    if let Some(line) = command_line(call.arguments, tool) {
        return Some(line);
    }
    let members = call.arguments.as_object()?;
    let only = members.len() == 1 && tool.executes;
    members
        .iter()
        .find(|(key, value)| {
            value.is_string()
                && (role(key) == Role::Command || only || tool.executes && role(key) == Role::MaybeCommand)
        })
        .and_then(|(_, value)| value.as_str())
        .map(text::plain)
}

//! Poisoned tool definitions: every string a model would read, the names of parameters, and the names of tools beside each
//! other.
//!
//! Knows nothing of what was there before; `drift` does.

use std::collections::HashMap;

use serde_json::Value;

use super::report::Report;
use super::text::{self, Channel};
use super::{commands, directives, known, words};
use crate::model::Severity::{High, Low, Medium};
use crate::model::View;
use crate::scan::injection;
use crate::scan::normalize::fold;

/// Tools judged of one list (RFC-less bound of the catalogue: what an inventory holds).
pub(super) const MAX_TOOLS: usize = 10_000;
/// Values visited of one definition. A definition of this size would fill every model's context.
const MAX_NODES: usize = 20_000;
/// Words of a description that say what a tool is about.
const MAX_WORDS: usize = 2048;
/// Bytes of text judged of one definition.
const MAX_TEXT: usize = 512 * 1024;

/// The tools of an answer to `tools/list`, in any of the shapes they come in: the whole message, its result, or the array.
pub(super) fn tools(message: &Value) -> Vec<&Value> {
    let list = [message.pointer("/result/tools"), message.pointer("/params/tools"), message.get("tools")];
    let list = list.into_iter().flatten().find_map(Value::as_array).or_else(|| message.as_array());
    let Some(list) = list else {
        // One definition alone.
        let alone = message.get("name").is_some()
            && (message.get("inputSchema").is_some() || message.get("description").is_some());
        return if alone { vec![message] } else { Vec::new() };
    };
    // A batch of answers holds several lists.
    list.iter()
        .flat_map(|entry| match entry.pointer("/result/tools").and_then(Value::as_array) {
            Some(inner) => inner.iter().collect::<Vec<_>>(),
            None => vec![entry],
        })
        .filter(|tool| tool.is_object())
        .collect()
}

/// A tool's name; some frameworks wrap the definition in `function`.
pub(super) fn name(tool: &Value) -> &str {
    tool.get("name").or_else(|| tool.pointer("/function/name")).and_then(Value::as_str).unwrap_or_default()
}

/// One string of a definition and the key it stands under.
pub(super) struct Leaf<'a> {
    pub(super) key: &'a str,
    pub(super) text: &'a str,
}

/// Everything a definition says.
#[derive(Default)]
pub(super) struct Content<'a> {
    pub(super) leaves: Vec<Leaf<'a>>,
    pub(super) parameters: Vec<&'a str>,
    /// Whether a bound was reached.
    pub(super) cut: bool,
}

/// Takes a definition apart. Iterative, so that depth costs no stack.
pub(super) fn content(tool: &Value) -> Content<'_> {
    let mut content = Content::default();
    let mut open: Vec<(&str, &Value)> = vec![("", tool)];
    let (mut nodes, mut bytes) = (0, 0);
    while let Some((key, value)) = open.pop() {
        nodes += 1;
        if nodes > MAX_NODES || bytes > MAX_TEXT {
            content.cut = true;
            break;
        }
        match value {
            Value::String(text) => {
                bytes += text.len();
                content.leaves.push(Leaf { key, text });
            }
            Value::Array(items) => open.extend(items.iter().rev().map(|item| (key, item))),
            Value::Object(members) => {
                let names_parameters = matches!(key, "properties" | "patternProperties");
                if names_parameters {
                    content.parameters.extend(members.keys().map(String::as_str));
                }
                // A parameter may be called `properties` or `title`; its schema is none of these.
                open.extend(
                    members
                        .iter()
                        .rev()
                        .map(|(name, inner)| (if names_parameters { "parameter" } else { name.as_str() }, inner)),
                );
            }
            _ => {}
        }
    }
    content
}

/// Judges all definitions of a list.
pub(super) fn judge(message: &Value, report: &mut Report) {
    let tools = tools(message);
    if tools.len() > MAX_TOOLS {
        report.limit("Tool Definitions");
    }
    for tool in tools.iter().take(MAX_TOOLS) {
        judge_tool(tool, report);
    }
    overlaps(tools.get(..MAX_TOOLS.min(tools.len())).unwrap_or_default(), report);
}

/// Judges one definition by itself.
pub(super) fn judge_tool(tool: &Value, report: &mut Report) {
    let content = content(tool);
    if content.cut {
        report.limit("Tool Definitions");
    }
    for leaf in &content.leaves {
        judge_leaf(leaf, report);
    }
    let mut about = words::split(name(tool));
    let description = tool.get("description").and_then(Value::as_str).unwrap_or_default();
    about.extend(description.split_whitespace().take(MAX_WORDS).flat_map(words::split));
    for parameter in &content.parameters {
        judge_parameter(parameter, &about, report);
        judge_leaf(&Leaf { key: "name", text: parameter }, report);
    }
    lean_on_known(tool, report);
}

fn judge_leaf(leaf: &Leaf<'_>, report: &mut Report) {
    for reading in text::readings(leaf.text) {
        if reading.channel == Channel::Invisible && reading.view == View::Decoded && !leaf.text.is_ascii() {
            report.add("Hidden Text Channel", High, View::Decoded, &reading.text);
        }
        for found in injection::judge(&fold(reading.text.as_bytes())).unwrap_or_default() {
            // Definitions are full of imperatives ("do not show ids to the user"), so in the open only the families without an
            // honest use in them count; what was hidden counts whatever it says.
            let telling = [
                "Prompt Injection",
                "Role Override",
                "Jailbreak Attempt",
                "System Override",
                "Important Message",
                "Simulated User",
            ];
            let told = found.severity >= High && telling.contains(&found.rule) || found.rule == injection::DIRECTIVE;
            if told || reading.channel != Channel::Plain {
                report.injection(found.rule, found.severity, reading.view, &reading.text);
            }
        }
        for directive in directives::find(&reading) {
            report.add(directive.rule, directive.severity, reading.view, &reading.text);
        }
    }
    // A value that a schema offers is sent as it stands.
    if matches!(leaf.key, "default" | "enum" | "examples" | "example" | "const") && commands::injects(leaf.text) {
        report.add("Dangerous Capability", High, View::Text, leaf.text);
    }
    // A list of letters that says a sentence only to a model: names are names, not prose.
    let names = matches!(leaf.key, "name" | "title") && leaf.text.len() > 200;
    if names {
        report.add("Hidden Instruction", Medium, View::Text, leaf.text);
    }
}

fn has(words: &[String], wanted: &[&str]) -> bool {
    words.iter().any(|word| wanted.contains(&word.as_str()))
}

fn pair(words: &[String], first: &str, second: &str) -> bool {
    words.windows(2).any(|pair| matches!(pair, [a, b] if a == first && b.starts_with(second)))
}

/// Judges what a parameter is called: data that a tool has no business with, in a tool that is about something else.
fn judge_parameter(parameter: &str, about: &[String], report: &mut Report) {
    let words = words::split(parameter);
    let key = ["ssh", "rsa"].iter().any(|kind| pair(&words, kind, "key") || pair(&words, "id", kind))
        || pair(&words, "private", "key")
        || pair(&words, "secret", "key")
        || pair(&words, "api", "key")
        || pair(&words, "access", "token")
        || pair(&words, "env", "secret")
        || has(
            &words,
            &["credentials", "credential", "passwords", "passwd", "idrsa", "sshkey", "mnemonic", "keychain", "dotenv"],
        )
        || pair(&words, "seed", "phrase")
        || pair(&words, "env", "var")
        || pair(&words, "environment", "var");
    let moves = has(
        &words,
        &[
            "content", "contents", "read", "dump", "send", "file", "data", "raw", "body", "copy", "exfil", "steal",
            "leak", "collect", "all", "full", "user", "text", "from",
        ],
    );
    if key && moves && words.len() >= 3 {
        report.add("Exfiltration Parameter Name", High, View::Text, parameter);
        return;
    }
    let strong = has(&words, &["ssh"]) && has(&words, &["key", "keys"])
        || pair(&words, "id", "rsa")
        || pair(&words, "seed", "phrase")
        || has(&words, &["mnemonic", "idrsa", "sshkey", "keychain"])
        || pair(&words, "master", "password");
    let about_keys = [
        "ssh",
        "key",
        "keys",
        "server",
        "remote",
        "host",
        "deploy",
        "git",
        "sftp",
        "wallet",
        "vm",
        "instance",
        "connect",
        "credential",
        "credentials",
        "auth",
        "crypto",
        "sign",
        "mnemonic",
    ];
    if strong && !has(about, &about_keys) {
        report.add("Out-of-Scope Parameter", Medium, View::Text, parameter);
    }
    let dialogue = ["conversation", "chat", "dialog", "dialogue"].iter().any(|kind| {
        ["history", "log", "context", "transcript", "content", "messages"].iter().any(|what| pair(&words, kind, what))
    }) || (has(&words, &["previous", "prior", "full", "entire", "all"])
        && has(&words, &["conversation", "messages", "chat", "prompt", "prompts"]))
        || pair(&words, "message", "history");
    let about_dialogue = [
        "chat",
        "conversation",
        "conversations",
        "message",
        "messages",
        "memory",
        "memories",
        "summarize",
        "summary",
        "prompt",
        "prompts",
        "completion",
        "llm",
        "agent",
        "agents",
        "assistant",
        "thread",
        "dialog",
        "context",
        "slack",
        "discord",
        "ask",
        "channel",
    ];
    if dialogue && !has(about, &about_dialogue) {
        report.add("Out-of-Scope Parameter", Medium, View::Text, parameter);
    }
    // Which model asks is of no use to a tool that is not about models; it tells an attacker which words work.
    let model = has(&words, &["llm", "gpt", "claude"])
        && has(&words, &["name", "model", "id", "version", "provider", "type"])
        || pair(&words, "system", "prompt")
        || pair(&words, "system", "message")
        || pair(&words, "assistant", "prompt")
        || pair(&words, "tool", "call") && has(&words, &["history", "list", "calls", "log"])
        || pair(&words, "chain", "of") && has(&words, &["thought"])
        || has(&words, &["calling", "caller"]) && has(&words, &["model", "agent", "llm"]);
    let concerns = [
        "model",
        "models",
        "prompt",
        "prompts",
        "completion",
        "completions",
        "agent",
        "agents",
        "embedding",
        "embeddings",
        "inference",
        "finetune",
        "chatbot",
        "assistant",
        "generate",
        "generation",
        "openai",
        "anthropic",
        "llms",
    ];
    let concerned = concerned_with(about, &concerns, &words);
    if model && !concerned {
        report.add("Out-of-Scope Parameter", Medium, View::Text, parameter);
    }
}

/// Whether a tool is about a subject beyond naming and describing this one parameter.
fn concerned_with(about: &[String], subject: &[&str], parameter: &[String]) -> bool {
    // The parameter's own line in a docstring repeats its words: `page_title: The page title that is shown`.
    let mentions = about.iter().filter(|word| subject.contains(&word.as_str())).count();
    let documents =
        about.windows(parameter.len().max(1)).any(|window| window.iter().zip(parameter).all(|(word, own)| word == own));
    mentions > if documents { 2 } else { 0 }
}

/// A name that is another, well-known one with something added, or misspelt.
fn lean_on_known(tool: &Value, report: &mut Report) {
    let name = name(tool);
    let plain = text::plain(name);
    // A name in another script than ours has letters that look like ours; among ours, or all of them, they are there to deceive.
    if plain != name && (name.bytes().any(|byte| byte.is_ascii_alphabetic()) || plain.is_ascii()) {
        report.add("Tool Name Overlap", High, View::Folded, name);
        return;
    }
    let words = words::split(name);
    let joined = words.join("_");
    if known::is_known(&joined) {
        return;
    }
    if known::bare(&words).is_some_and(|bare| known::is_known(&bare)) {
        report.add("Tool Name Overlap", Medium, View::Text, name);
    } else if known::misspelt(&joined).is_some() {
        report.add("Tool Name Overlap", Low, View::Text, name);
    }
}

/// Two tools of one list of which one leans on the other.
fn overlaps(tools: &[&Value], report: &mut Report) {
    let mut seen: HashMap<String, &Value> = HashMap::new();
    for tool in tools {
        let joined = words::split(&text::plain(name(tool))).join("_");
        match seen.get(&joined) {
            Some(earlier) if earlier.get("description") != tool.get("description") => {
                // The same words in another spelling: which of them a model calls is chance.
                let severity = if name(earlier) == name(tool) { Medium } else { Low };
                report.add("Tool Name Overlap", severity, View::Text, name(tool));
            }
            Some(_) => {}
            None => {
                seen.insert(joined, tool);
            }
        }
    }
    for tool in tools {
        let words = words::split(name(tool));
        if known::boasts(&words) && known::bare(&words).is_some_and(|bare| seen.contains_key(&bare)) {
            report.add("Tool Name Overlap", Medium, View::Text, name(tool));
        }
    }
}

//! Definitions that are no longer what they were: the baseline of a server's tools, and what a change means.
//!
//! A server may improve a description; that is noted. A change that brings an order to the model, a parameter for secrets,
//! or a hint that says the opposite of before is an attack on trust that was already given.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::definitions::{self, MAX_TOOLS};
use super::report::Report;
use super::words;
use crate::model::Severity::{High, Low, Medium};
use crate::model::{Family, Finding, Severity, Surface, View};

/// How deep a definition is canonicalised. Deeper parts of a schema are no longer told apart; `serde_json` reads 128.
const MAX_DEPTH: usize = 128;

/// What is remembered of a tool: 32 bytes of digest and a few numbers, never its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) digest: [u8; 32],
    /// Bytes of all its strings.
    pub(super) text: usize,
    pub(super) parameters: usize,
    /// What its words say it can do, as bits of [`CAPABILITIES`].
    pub(super) capabilities: u16,
    /// Whether its annotations promise that it only reads.
    pub(super) read_only: bool,
    /// The worst that was found in it.
    pub(super) worst: Option<Severity>,
}

/// Words that say what a tool can do; a change that adds one changes what a user agreed to.
const CAPABILITIES: [&[&str]; 6] = [
    &["execute", "exec", "shell", "bash", "command", "spawn", "eval"],
    &["delete", "remove", "erase", "drop", "destroy", "wipe"],
    &["upload", "send", "post", "forward", "transmit", "email", "webhook"],
    &["transfer", "pay", "payment", "withdraw", "purchase"],
    &["password", "credential", "credentials", "secret", "secrets", "token", "ssh"],
    &["admin", "root", "sudo", "privileged"],
];

/// The definitions of one server as they were last seen.
///
/// The first list is the baseline and causes no finding of drift. A change is reported once: then it is the baseline. At most
/// 10 000 tools are remembered, some hundred bytes each; more are a finding.
#[derive(Debug, Default)]
pub struct Inventory {
    tools: HashMap<Box<str>, Known>,
    begun: bool,
}

impl Inventory {
    /// An inventory of a server that has not been asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tools are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Whether a tool has been listed, so that a call of it is no surprise.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.tools.contains_key(name)
    }

    /// Compares a list (a JSON-RPC answer to `tools/list`, its result, or the array) with what is known, remembers it, and
    /// says what changed. What is wrong with a definition by itself is not repeated here, unless it is new.
    pub fn observe(&mut self, list: &Value) -> Vec<Finding> {
        let mut report = Report::new(Surface::ToolDefinitions, Family::ToolPoisoning);
        for tool in definitions::tools(list).into_iter().take(MAX_TOOLS) {
            let name = definitions::name(tool);
            if name.is_empty() {
                continue;
            }
            let now = known(tool);
            match self.tools.get(name) {
                Some(before) if before.digest == now.digest => continue,
                Some(before) => changed(name, before, &now, &mut report),
                None if self.begun => report.add("Tool Added", Low, View::Text, name),
                None => {}
            }
            if self.tools.len() >= MAX_TOOLS && !self.tools.contains_key(name) {
                report.limit("Tool Inventory");
                break;
            }
            self.tools.insert(name.into(), now);
        }
        self.begun = true;
        report.finish(0)
    }
}

/// What a change means.
fn changed(name: &str, before: &Known, now: &Known, report: &mut Report) {
    report.add("Tool Definition Drift", severity(before, now), View::Text, name);
}

/// How bad a change is.
pub(super) fn severity(before: &Known, now: &Known) -> Severity {
    let mut severity = Low;
    if now.worst.is_some_and(|worst| worst >= Medium && before.worst.is_none_or(|earlier| worst > earlier)) {
        severity = High;
    }
    let gained = now.capabilities & !before.capabilities;
    if gained != 0 && before.read_only && !now.read_only {
        severity = severity.max(High);
    } else if (gained != 0 && now.text > before.text + 40) || (before.read_only && !now.read_only) {
        severity = severity.max(Medium);
    }
    // A definition that suddenly has much more to say than it ever had.
    if now.text > before.text.saturating_mul(2).saturating_add(600) {
        severity = severity.max(Medium);
    }
    if now.parameters > before.parameters && gained & (1 << 4) != 0 {
        severity = severity.max(High);
    }
    severity
}

/// What is remembered of a definition.
pub(super) fn known(tool: &Value) -> Known {
    let mut report = Report::new(Surface::ToolDefinitions, Family::ToolPoisoning);
    definitions::judge_tool(tool, &mut report);
    let content = definitions::content(tool);
    let mut capabilities = 0;
    let texts =
        content.leaves.iter().filter(|leaf| !matches!(leaf.key, "enum" | "default" | "examples")).map(|leaf| leaf.text);
    for word in texts.chain(content.parameters.iter().copied()).flat_map(split_prose) {
        for (bit, group) in CAPABILITIES.iter().enumerate() {
            if group.contains(&word.as_str()) {
                capabilities |= 1 << bit;
            }
        }
    }
    let mut hasher = Sha256::new();
    digest(tool, "", 0, &mut hasher);
    let hint = |name: &str| tool.pointer(&format!("/annotations/{name}")).and_then(Value::as_bool);
    Known {
        digest: hasher.finalize().into(),
        text: content.leaves.iter().filter(|leaf| leaf.key != "enum").map(|leaf| leaf.text.len()).sum(),
        parameters: content.parameters.len(),
        capabilities,
        read_only: hint("readOnlyHint") == Some(true) || hint("destructiveHint") == Some(false),
        worst: report.worst(),
    }
}

/// Words of prose; longer than a name may be.
fn split_prose(text: &str) -> Vec<String> {
    text.split_whitespace().take(4096).flat_map(words::split).collect()
}

/// Feeds a definition to the hash in an order that does not depend on the order of keys. Values of `enum` are data of users
/// as often as not (accounts, categories), so only their presence counts.
fn digest(value: &Value, key: &str, depth: usize, hasher: &mut Sha256) {
    let mark = |hasher: &mut Sha256, kind: u8, len: usize| {
        hasher.update([kind]);
        hasher.update(u64::try_from(len).unwrap_or(u64::MAX).to_le_bytes());
    };
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Null => mark(hasher, b'n', 0),
        Value::Bool(flag) => mark(hasher, b'b', usize::from(*flag)),
        Value::Number(number) => {
            let text = number.to_string();
            mark(hasher, b'0', text.len());
            hasher.update(text.as_bytes());
        }
        Value::String(text) => {
            mark(hasher, b's', text.len());
            hasher.update(text.as_bytes());
        }
        Value::Array(_) if key == "enum" => mark(hasher, b'e', 0),
        Value::Array(items) => {
            mark(hasher, b'a', items.len());
            // The order of required names carries no meaning.
            if key == "required" && items.iter().all(Value::is_string) {
                let mut names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                names.sort_unstable();
                for name in names {
                    mark(hasher, b's', name.len());
                    hasher.update(name.as_bytes());
                }
                return;
            }
            for item in items {
                digest(item, key, depth + 1, hasher);
            }
        }
        Value::Object(members) => {
            mark(hasher, b'o', members.len());
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            for name in names {
                mark(hasher, b'k', name.len());
                hasher.update(name.as_bytes());
                if let Some(inner) = members.get(name) {
                    // A parameter that is called `enum` is no enumeration.
                    let inner_key = if key == "properties" { "" } else { name.as_str() };
                    digest(inner, inner_key, depth + 1, hasher);
                }
            }
        }
    }
}

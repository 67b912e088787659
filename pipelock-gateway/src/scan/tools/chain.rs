//! Calls that are harmless one by one and not in this order.
//!
//! A chain is a subsequence of a session's recent calls. Nearly every agent reads, then writes, then runs, so the shape
//! alone is only noted; it becomes a warning when something in it touched what it should not: credentials, persistence, a
//! command that was itself worth a note. No clock is read: every call brings its time. Which tools are what, how far is looked
//! back, and patterns beside the built-in ones are in [`ToolChains`], which may change from one call to the next.

mod rules;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::arguments::{self, Call};
use super::report::Report;
use super::{commands, paths, words};
use crate::model::Severity::{High, Low, Medium};
use crate::model::{Family, Finding, Severity, Surface, View};
pub use rules::ToolChains;

/// Command lines of a session that are judged together, in bytes.
const MAX_SCRIPT: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Execute,
    Network,
    List,
    Environment,
    Persist,
    Delete,
    /// A category of the operator's, by a hash of its name: the same after a change of configuration.
    Own(u64),
}

/// A chain: its name, its steps, and its severity when nothing in it is worth a note, and otherwise.
struct Chain {
    name: &'static str,
    steps: &'static [Kind],
    plain: Severity,
    aggravated: Severity,
}

const CHAINS: [Chain; 13] = [
    chain("Read Then Execute", &[Kind::Read, Kind::Execute], Low, Medium),
    chain("Read Write Send", &[Kind::Read, Kind::Write, Kind::Network], Low, High),
    chain("Environment Then Network", &[Kind::Environment, Kind::Network], Medium, High),
    chain("Directory Scan", &[Kind::List, Kind::List, Kind::Read], Low, Medium),
    chain("Write Then Execute", &[Kind::Write, Kind::Execute], Low, Medium),
    chain("Write Chmod Execute", &[Kind::Write, Kind::Execute, Kind::Execute], Low, Medium),
    chain("Sensitive Read Then Write", &[Kind::Read, Kind::Write], Low, Medium),
    chain("Shell Burst", &[Kind::Execute, Kind::Execute, Kind::Execute, Kind::Execute], Low, Medium),
    chain("Write Then Persist", &[Kind::Write, Kind::Persist], Medium, High),
    chain("Persist Then Call Back", &[Kind::Persist, Kind::Network], Medium, High),
    chain("Sensitive Read Then Send", &[Kind::Read, Kind::Network], Low, High),
    chain("Send Then Delete", &[Kind::Network, Kind::Delete], Low, Medium),
    chain("Private Read Then Publish", &[Kind::Read, Kind::Network], Low, Medium),
];

const fn chain(name: &'static str, steps: &'static [Kind], plain: Severity, aggravated: Severity) -> Chain {
    Chain { name, steps, plain, aggravated }
}

/// One call, as far as chains care.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts about one call, independent of each other")]
struct Step {
    at: Duration,
    kind: Kind,
    /// Whether the call by itself touched credentials, persistence or anything worth more than a note.
    sensitive: bool,
    /// Whether there was anything to note at all.
    noted: bool,
    /// Whether it is about mail or messages.
    messages: bool,
    /// Whether it reads what people keep to themselves, or puts something where everybody can read it.
    private: bool,
    publishes: bool,
}

/// The recent calls of one session: as many as the rules look back on, and 16 KiB of their command lines.
#[derive(Debug, Default)]
pub struct ToolSession {
    steps: VecDeque<Step>,
    script: String,
    /// Rules that fired already, so that one chain is reported once.
    reported: Vec<(Box<str>, Severity)>,
    /// What it was before the last call.
    before: Before,
}

/// What a session was before a call.
#[derive(Debug, Default)]
struct Before {
    steps: VecDeque<Step>,
    script: usize,
    reported: Vec<(Box<str>, Severity)>,
}

impl ToolSession {
    /// A session without calls.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a call into account (a JSON-RPC `tools/call`, or `{"tool","args"}`) that was made at `at`, counted from any fixed
    /// moment, and says which chains it completes. What its arguments do by themselves is not repeated. Messages that are no
    /// calls change nothing.
    pub fn observe(&mut self, rules: &ToolChains, at: Duration, message: &Value) -> Vec<Finding> {
        self.before.steps.clone_from(&self.steps);
        self.before.reported.clone_from(&self.reported);
        self.before.script = self.script.len();
        let mut report = Report::new(Surface::ToolChain, Family::ToolChain);
        let (calls, _) = arguments::calls(message);
        for call in &calls {
            self.step(rules, at, call, &mut report);
        }
        let mut found = report.finish(0);
        found.retain(|finding| {
            let known = self.reported.iter_mut().find(|(rule, _)| **rule == *finding.rule);
            match known {
                Some((_, severity)) if *severity >= finding.severity => false,
                Some((_, severity)) => {
                    *severity = finding.severity;
                    true
                }
                None => {
                    self.reported.push((Box::from(&*finding.rule), finding.severity));
                    true
                }
            }
        });
        found
    }

    /// The last call that was observed was not made, because it was refused: it is no step of anything, and made again it is
    /// reported again.
    pub fn take_back(&mut self) {
        self.steps.clone_from(&self.before.steps);
        self.reported.clone_from(&self.before.reported);
        if self.before.script <= self.script.len() {
            self.script.truncate(self.script.floor_char_boundary(self.before.script));
        }
    }

    fn step(&mut self, rules: &ToolChains, at: Duration, call: &Call<'_>, report: &mut Report) {
        let mut own = Report::new(Surface::ToolCall, Family::ToolCall);
        arguments::judge(call, &mut own);
        let worst = own.worst();
        let words = words::split(call.tool);
        if let Some(kind) = kind(rules, &words, call, &own) {
            let sensitive = worst >= Some(Medium) || names_secrets(call);
            let messages = words
                .iter()
                .any(|word| matches!(word.as_str(), "email" | "emails" | "mail" | "message" | "messages" | "sms"));
            let private = kind == Kind::Read && words.iter().any(|word| PRIVATE.contains(&word.as_str()));
            let publishes = kind == Kind::Network && publishes(call);
            self.steps.push_back(Step { at, kind, sensitive, noted: worst.is_some(), messages, private, publishes });
        }
        while self.steps.len() > rules.window_calls
            || self.steps.front().is_some_and(|first| at.checked_sub(first.at).is_some_and(|age| age > rules.window))
        {
            self.steps.pop_front();
        }
        self.chains(rules, report);
        self.together(call, &own, report);
    }

    /// Which chains end in the last call.
    fn chains(&self, rules: &ToolChains, report: &mut Report) {
        for chain in &CHAINS {
            let Some(steps) = self.latest(chain.steps, rules.max_gap) else { continue };
            let sensitive = steps.iter().any(|step| step.sensitive);
            let aggravated = match chain.name {
                "Shell Burst" => {
                    steps.iter().any(|step| step.noted)
                        || self.steps.iter().filter(|step| step.kind == Kind::Execute).any(|step| step.noted)
                }
                "Send Then Delete" => steps.iter().all(|step| step.messages),
                "Private Read Then Publish" => {
                    steps.first().is_some_and(|first| first.private) && steps.last().is_some_and(|last| last.publishes)
                }
                "Sensitive Read Then Write" | "Sensitive Read Then Send" | "Read Then Execute" => {
                    steps.first().is_some_and(|first| first.sensitive)
                }
                _ => sensitive,
            };
            // Its shape is that of another chain, which is noted in any case.
            if !aggravated && chain.name == "Private Read Then Publish" {
                continue;
            }
            // A name alone is no proof that something secret was read; what is in the arguments is.
            let severity = if aggravated { chain.aggravated } else { chain.plain };
            let severity = if steps.iter().any(|step| step.noted) { severity } else { severity.min(Medium) };
            report.add(chain.name, severity, View::Text, chain.name);
        }
        for pattern in &rules.patterns {
            if self.latest(&pattern.steps, rules.max_gap).is_some() {
                report.add(&pattern.name, pattern.severity, View::Text, &pattern.name);
            }
        }
        // What is sent is a secret by its own name, and something was read before.
        let sends = self.steps.back().filter(|last| last.kind == Kind::Network);
        let mut reads = self
            .steps
            .iter()
            .rev()
            .skip(1)
            .take(rules.max_gap.saturating_add(1))
            .filter(|step| matches!(step.kind, Kind::Read | Kind::List | Kind::Environment));
        if sends.is_some_and(|send| reads.any(|read| send.sensitive || read.sensitive)) {
            report.add("Sensitive Read Then Send", Medium, View::Text, "sent");
        }
    }

    /// The steps of a chain that ends in the last call, with at most `max_gap` other calls between two. Of several ways to take
    /// them, one that begins with what is sensitive, then one that holds it, then the nearest.
    fn latest(&self, wanted: &[Kind], max_gap: usize) -> Option<Vec<Step>> {
        let (end, last) = self.steps.iter().enumerate().next_back()?;
        let (ends_in, before) = wanted.split_last()?;
        if last.kind != *ends_in {
            return None;
        }
        let weight = |way: &[Step]| {
            let first = way.last().is_some_and(|step| step.sensitive);
            (first, way.iter().any(|step| step.sensitive))
        };
        // The place of the first step that was taken, and the steps, last one first.
        let mut ways = vec![(end, vec![*last])];
        for kind in before.iter().rev() {
            let mut longer: Vec<(usize, Vec<Step>)> = Vec::new();
            let candidates = self.steps.iter().enumerate().take(end).rev().filter(|(_, step)| step.kind == *kind);
            for (place, step) in candidates {
                let within = |first: usize| first > place && first - place <= max_gap.saturating_add(1);
                // The first of equals is the nearest.
                let best = ways.iter().filter(|(first, _)| within(*first)).rev().max_by_key(|(_, way)| weight(way));
                if let Some((_, way)) = best {
                    let mut way = way.clone();
                    way.push(*step);
                    longer.push((place, way));
                }
            }
            ways = longer;
        }
        let (_, mut way) = ways.into_iter().rev().max_by_key(|(_, way)| weight(way))?;
        way.reverse();
        Some(way)
    }

    /// The command lines of the session as one script: what was cut into several calls to look harmless.
    fn together(&mut self, call: &Call<'_>, own: &Report, report: &mut Report) {
        let Some(line) = arguments::command_text(call) else { return };
        let first = self.script.is_empty();
        if self.script.len() + line.len() > MAX_SCRIPT {
            self.script.clear();
        }
        if line.len() > MAX_SCRIPT {
            return;
        }
        self.script.push_str(&line);
        self.script.push('\n');
        if first {
            return;
        }
        let mut joined = Report::new(Surface::ToolChain, Family::ToolChain);
        commands::judge(&self.script, &mut joined);
        joined.without(own);
        report.absorb(joined);
    }
}

/// What a call does: by what the operator says of the tool, else by the words of its name, in the catalogue's order of
/// precedence; and by its arguments.
fn kind(rules: &ToolChains, words: &[String], call: &Call<'_>, own: &Report) -> Option<Kind> {
    let named = rules.category(call.tool).or_else(|| by_words(words))?;
    let persists = [
        "Persistence Path Write",
        "Cron Job Persistence",
        "Systemd Service Persistence",
        "Launch Agent Persistence",
        "Scheduled Task Persistence",
    ];
    if matches!(named, Kind::Write | Kind::Execute) && persists.iter().any(|rule| own.at_least(rule, Medium)) {
        return Some(Kind::Persist);
    }
    // A shell can do anything; what it does here counts.
    if named == Kind::Execute {
        let line = arguments::command_text(call).unwrap_or_default();
        let program = line.split_whitespace().next().map(super::shell::program).unwrap_or_default();
        return Some(match program.as_str() {
            "env" | "printenv" => Kind::Environment,
            "curl" | "wget" | "nc" | "scp" | "ftp" => Kind::Network,
            _ => Kind::Execute,
        });
    }
    Some(named)
}

/// What a tool does by the words of its name.
fn by_words(words: &[String]) -> Option<Kind> {
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let asks = has(&["status", "list", "show", "get", "check", "info"]);
    Some(
        if has(&[
            "shell",
            "bash",
            "run",
            "execute",
            "exec",
            "cmd",
            "spawn",
            "eval",
            "sh",
            "zsh",
            "powershell",
            "terminal",
            "command",
        ]) {
            Kind::Execute
        } else if has(&["crontab", "cron", "systemctl", "systemd", "launchd", "launchctl", "autostart"]) && !asks {
            Kind::Persist
        } else if has(&[
            "env",
            "environ",
            "getenv",
            "secret",
            "secrets",
            "credential",
            "credentials",
            "password",
            "passwords",
            "keychain",
            "vault",
        ]) {
            Kind::Environment
        } else if has(&["delete", "remove", "trash", "erase", "purge"]) {
            Kind::Delete
        } else if has(&[
            "fetch", "curl", "wget", "http", "request", "send", "post", "upload", "api", "webhook", "publish", "share",
            "email", "reply", "forward",
        ]) && !has(&["get", "read", "list", "search"])
        {
            Kind::Network
        } else if has(&["write", "create", "save", "update", "edit", "modify", "put", "append", "insert", "add", "set"])
        {
            Kind::Write
        } else if has(&["read", "get", "view", "cat", "head", "tail", "open", "load", "retrieve", "access", "download"])
        {
            Kind::Read
        } else if has(&["list", "ls", "dir", "find", "glob", "search", "scan", "enumerate", "walk"]) {
            Kind::List
        } else {
            return None;
        },
    )
}

/// Words in the names of tools that read what people keep to themselves.
const PRIVATE: [&str; 20] = [
    "email",
    "emails",
    "mail",
    "inbox",
    "message",
    "messages",
    "channel",
    "channels",
    "conversation",
    "contacts",
    "calendar",
    "customer",
    "customers",
    "users",
    "transactions",
    "payments",
    "payroll",
    "accounts",
    "records",
    "patients",
];

/// Whether a call puts content at an address of the web: it names one, and has something to put there.
fn publishes(call: &Call<'_>) -> bool {
    let Value::Object(arguments) = call.arguments else { return false };
    let is_address =
        |value: &Value| value.as_str().is_some_and(|text| text.contains("://") || text.starts_with("www."));
    let content = ["content", "body", "data", "text", "payload", "html", "file"];
    arguments.values().any(is_address) && content.iter().any(|name| arguments.contains_key(*name))
}

/// Words in values that name what nobody should send on.
const SECRETS: [&str; 17] = [
    "password",
    "passport",
    "credit card",
    "credit_card",
    "card number",
    "social security",
    "security code",
    "verification code",
    "one-time code",
    "api key",
    "api_key",
    "private key",
    "bank account",
    "secret key",
    "access token",
    "iban",
    "2fa code",
];

fn names_secrets(call: &Call<'_>) -> bool {
    let mut open = vec![call.arguments];
    let mut left = 4096usize;
    while let Some(value) = open.pop() {
        left = left.saturating_sub(1);
        if left == 0 {
            return false;
        }
        match value {
            Value::String(text) => {
                let text = text.get(..text.floor_char_boundary(4096)).unwrap_or_default().to_lowercase();
                if SECRETS.iter().any(|word| text.contains(word))
                    || (text.contains('/') && paths::credential(&text).is_some())
                {
                    return true;
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
    false
}

//! `mcp_tool_policy`: the operator's rules on tool calls and the programs that answer in a server's place.

use std::path::PathBuf;
use std::time::Duration;

use regex::{Regex, RegexBuilder};

use super::super::error::Error;
use super::super::reader::{Section, Value};
use super::super::schema::{Key, Kind, TEXTS};

/// Compiled size of one expression; calls are matched on the data path.
const MAX_COMPILED_BYTES: usize = 1 << 20;

pub(in crate::config) const MCP_TOOL_POLICY: Key = Key::new(
    "mcp_tool_policy",
    Kind::Map(KEYS),
    "",
    "Rules of your own for tool calls, beside the built-in ones on commands, which are always in force.",
);

const ACTION: Kind = Kind::Words(&["warn", "allow", "block", "redirect"]);

const KEYS: &[Key] = &[
    Key::new("enabled", Kind::Bool, "false", "Whether these rules are in force."),
    Key::new("action", ACTION, "warn", "For rules that name none."),
    Key::new("rules", Kind::List(&Kind::Map(RULE_KEYS)), "[]", "The rules; the strictest that matches decides."),
    Key::new(
        "redirect_profiles",
        Kind::Named(&Kind::Map(PROFILE_KEYS)),
        "",
        "Programs that answer in the place of a tool: no shell, a clean environment, the call on standard input.",
    ),
    Key::new("quarantine_dir", Kind::Path, "", "Where redirected files go.").never("files of tools are not here"),
];

const RULE_KEYS: &[Key] = &[
    Key::new("name", Kind::Text, "", "What findings are called. Required."),
    Key::new("tool_pattern", Kind::Regex, "", "The tools it is about; not anchored. Required."),
    Key::new("arg_pattern", Kind::Regex, "", "What an argument must match."),
    Key::new("arg_key", Kind::Regex, "", "The top-level arguments that are looked at."),
    Key::new("action", ACTION, "", "What becomes of the call."),
    Key::new("redirect_profile", Kind::Text, "", "The profile that answers; required for redirect."),
];

const PROFILE_KEYS: &[Key] = &[
    Key::new("exec", TEXTS, "", "The program, by its absolute path, and its arguments. Required."),
    Key::new("reason", Kind::Text, "", "What the client is told."),
    Key::new("timeout", Kind::Duration, "10s", "How long it may take. A key of ours."),
    Key::new("max_output_bytes", Kind::Count(1, 4_194_304), "65536", "How much of its output is used. A key of ours."),
    Key::new("match_abs_path", Kind::Bool, "true", "Whether it must be an absolute path.").never("it always must"),
    Key::new("preserve_argv", Kind::Bool, "false", "Whether arguments are handed on.")
        .not_yet("the call is on standard input"),
];

/// One rule.
#[derive(Clone, Debug)]
pub struct McpRule {
    /// Its name in findings.
    pub name: String,
    /// Which tools; not anchored unless written so.
    pub tool: Regex,
    /// What an argument must look like.
    pub argument: Option<Regex>,
    /// Which top-level arguments are looked at.
    pub key: Option<Regex>,
    /// What becomes of the call.
    pub action: McpRuleAction,
}

/// What becomes of a call that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum McpRuleAction {
    /// It goes on, and is reported.
    Warn,
    /// It is refused.
    Block,
    /// A program answers it.
    Redirect(McpRedirect),
}

/// One of `redirect_profiles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpRedirect {
    /// Its name.
    pub profile: String,
    /// The program and its arguments.
    pub exec: Vec<PathBuf>,
    /// What the client is told.
    pub reason: String,
    /// How long it may take.
    pub timeout: Duration,
    /// Bytes of output that are used.
    pub max_output_bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Warn,
    Block,
    Redirect,
}

const WORDS: [(&str, Word); 4] =
    [("warn", Word::Warn), ("allow", Word::Warn), ("block", Word::Block), ("redirect", Word::Redirect)];

/// The rules in force.
pub(super) fn read(value: &Value<'_>) -> Result<Vec<McpRule>, Error> {
    let section = value.section(KEYS)?;
    let enabled = section.read("enabled", false, Value::boolean)?;
    let default = section.read("action", Word::Warn, |action| action.choice(&WORDS))?;
    let profiles = match section.field("redirect_profiles") {
        Some(value) => {
            value.entries()?.iter().map(|(name, value)| read_profile(name, value)).collect::<Result<Vec<_>, _>>()?
        }
        None => Vec::new(),
    };
    let rules = match section.field("rules") {
        Some(rules) => {
            rules.list()?.iter().map(|rule| read_rule(rule, default, &profiles)).collect::<Result<Vec<_>, _>>()?
        }
        None => Vec::new(),
    };
    if enabled && rules.is_empty() {
        value.warn("enabled without rules of its own: only the built-in rules on commands apply");
    }
    Ok(if enabled { rules } else { Vec::new() })
}

fn read_rule(value: &Value<'_>, default: Word, profiles: &[McpRedirect]) -> Result<McpRule, Error> {
    let section = value.section(RULE_KEYS)?;
    let required =
        |key: &str| section.field(key).ok_or_else(|| value.incomplete(format!("{key} is missing; add it to the rule")));
    let optional = |key: &str| section.field(key).map(|value| regex(&value)).transpose();
    let (argument, key) = (optional("arg_pattern")?, optional("arg_key")?);
    if key.is_some() && argument.is_none() {
        return Err(value.incomplete("arg_key needs arg_pattern; add what the argument must look like"));
    }
    let action = match section.read("action", default, |action| action.choice(&WORDS))? {
        Word::Warn => McpRuleAction::Warn,
        Word::Block => McpRuleAction::Block,
        Word::Redirect => McpRuleAction::Redirect(profile(value, &section, profiles)?),
    };
    Ok(McpRule {
        name: required("name")?.text()?.to_owned(),
        tool: regex(&required("tool_pattern")?)?,
        argument,
        key,
        action,
    })
}

fn profile(value: &Value<'_>, section: &Section<'_>, profiles: &[McpRedirect]) -> Result<McpRedirect, Error> {
    let Some(named) = section.field("redirect_profile") else {
        return Err(value.incomplete("redirect_profile is missing; name one of redirect_profiles"));
    };
    let name = named.text()?;
    let found = profiles.iter().find(|profile| profile.profile == name);
    found.cloned().ok_or_else(|| named.refuse("is none of redirect_profiles; add it there"))
}

fn read_profile(name: &str, value: &Value<'_>) -> Result<McpRedirect, Error> {
    let section = value.section(PROFILE_KEYS)?;
    let exec: Vec<PathBuf> = match section.field("exec") {
        Some(list) => list.list()?.iter().map(|part| part.text().map(PathBuf::from)).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let Some(program) = exec.first().filter(|program| !program.as_os_str().is_empty()) else {
        return Err(value.incomplete("exec is missing; write the program and its arguments as a list"));
    };
    // The program is run without a shell and without our PATH: only a whole path says which one.
    if !program.is_absolute() {
        return Err(value.incomplete("exec must begin with the absolute path of a program"));
    }
    let max_output_bytes = section.read("max_output_bytes", 64 << 10, |size| {
        let bytes = size.count()?;
        usize::try_from(bytes)
            .ok()
            .filter(|bytes| (1..=4 << 20).contains(bytes))
            .ok_or_else(|| size.refuse("is no bound on output; write a number of bytes from 1 to 4194304"))
    })?;
    Ok(McpRedirect {
        profile: name.to_owned(),
        exec,
        reason: section.read("reason", String::new(), |reason| reason.text().map(str::to_owned))?,
        timeout: section.read("timeout", Duration::from_secs(10), Value::duration)?,
        max_output_bytes,
    })
}

fn regex(value: &Value<'_>) -> Result<Regex, Error> {
    RegexBuilder::new(value.text()?).size_limit(MAX_COMPILED_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => value.refuse("is too large when compiled; write a smaller expression"),
        error => {
            let text = error.to_string();
            value.refuse(format!("is not a regular expression: {}", text.lines().last().unwrap_or_default().trim()))
        }
    })
}

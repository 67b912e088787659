//! `tool_chain_detection`: calls that do damage in their order.

use std::time::Duration;

use super::super::error::Error;
use super::super::reader::{Section, Value};
use super::super::schema::{Key, Kind, TEXTS, WARN_BLOCK};
use super::warns;
use crate::model::{BUILT_IN_CHAINS, ChainPattern, ChainRules, Severity, ToolCategory};

/// Calls that are looked back on: each session keeps as many.
const MAX_WINDOW: u64 = 200;
/// Sessions are forgotten after an hour.
const MAX_SECONDS: u64 = 3600;
/// Patterns of the operator's, which every call is held against.
const MAX_PATTERNS: usize = 100;
/// Steps of one.
const MAX_STEPS: usize = 20;

pub(in crate::config) const TOOL_CHAIN_DETECTION: Key =
    Key::new("tool_chain_detection", Kind::Map(KEYS), "", "Tool calls that do damage in their order.");

const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "true",
        "Whether calls are judged by their order. The reference's default is false.",
    ),
    Key::new(
        "action",
        WARN_BLOCK,
        "block",
        "As in `mcp_input_scanning`; for built-in patterns and for those of `custom_patterns` that name none.",
    ),
    Key::new("window_size", Kind::Count(1, MAX_WINDOW), "20", "Calls that are looked back on."),
    Key::new("window_seconds", Kind::Count(1, MAX_SECONDS), "60", "How far back."),
    Key::new("max_gap", Kind::Count(0, MAX_WINDOW), "3", "Calls that may stand between two steps."),
    Key::new(
        "tool_categories",
        Kind::Named(&TEXTS),
        "",
        "Tools of a category, by name or with `*` and `?`. Categories are exec, persist, env, network, delete, write, read, list, and names of your own. What is not listed is told by the words of its name.",
    ),
    Key::new(
        "pattern_overrides",
        Kind::Named(&WARN_BLOCK),
        "",
        "What becomes of the call that completes a built-in pattern, whatever is in the calls: `block` or `warn` for read-then-exec, read-write-send and so on. Without it the shape alone is nothing, and severity and mode decide.",
    ),
    Key::new("custom_patterns", Kind::List(&Kind::Map(PATTERN_KEYS)), "[]", "Patterns of your own."),
];

const PATTERN_KEYS: &[Key] = &[
    Key::new("name", Kind::Text, "", "What findings are called. Required."),
    Key::new("sequence", TEXTS, "", "Two categories or more, in order. Required."),
    Key::new("severity", Kind::Words(&["medium", "high", "critical"]), "high", "How bad it is."),
    Key::new(
        "action",
        WARN_BLOCK,
        "",
        "What becomes of the call that completes it. Without it, as the section and the severity say.",
    ),
];

/// `tool_chain_detection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolChainDetection {
    /// Whether calls in a row are looked at.
    pub enabled: bool,
    /// `action: warn`.
    pub warn_only: bool,
    /// Window, gap, categories and patterns.
    pub rules: ChainRules,
    /// Findings whose outcome is fixed: by name, true for a block.
    pub actions: Vec<(String, bool)>,
}

impl Default for ToolChainDetection {
    fn default() -> Self {
        Self { enabled: true, warn_only: false, rules: ChainRules::default(), actions: Vec::new() }
    }
}

pub(super) fn read(value: &Value<'_>) -> Result<ToolChainDetection, Error> {
    let section = value.section(KEYS)?;
    let enabled = section.read("enabled", true, Value::boolean)?;
    let defaults = ChainRules::default();
    let number = |key, default: usize, least, most| {
        section.read(key, default, |count| {
            count.count_in(least, most).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
        })
    };
    let mut rules = ChainRules {
        window_calls: number("window_size", defaults.window_calls, 1, MAX_WINDOW)?,
        window: section.read("window_seconds", defaults.window, |seconds| {
            seconds.count_in(1, MAX_SECONDS).map(Duration::from_secs)
        })?,
        max_gap: number("max_gap", defaults.max_gap, 0, MAX_WINDOW)?,
        categories: section.read("tool_categories", Vec::new(), read_categories)?,
        patterns: Vec::new(),
    };
    let mut actions = section.read("pattern_overrides", Vec::new(), read_overrides)?;
    if let Some(list) = section.field("custom_patterns") {
        let patterns = list.list()?;
        if patterns.len() > MAX_PATTERNS {
            return Err(
                list.incomplete(format!("has more than {MAX_PATTERNS} entries; every call is held against each"))
            );
        }
        for pattern in &patterns {
            let (read, blocks) = read_pattern(pattern, &rules)?;
            actions.extend(blocks.map(|blocks| (read.name.clone(), blocks)));
            rules.patterns.push(read);
        }
    }
    Ok(ToolChainDetection { enabled, warn_only: warns(&section)?, rules, actions })
}

/// In the order of the built-in ones, since a tool is of the first category that lists it; the operator's own follow.
fn read_categories(value: &Value<'_>) -> Result<Vec<(ToolCategory, Vec<String>)>, Error> {
    let mut categories = Vec::new();
    for (name, tools) in value.entries()? {
        if name.trim().is_empty() {
            return Err(value.incomplete("a category has no name; write one before the colon"));
        }
        let tools: Vec<String> =
            tools.list()?.iter().map(|tool| tool.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        categories.push((ToolCategory::named(name), tools));
    }
    let place = |category: &ToolCategory| ToolCategory::BUILT_IN.iter().position(|(_, known)| known == category);
    categories.sort_by_key(|(category, _)| place(category).unwrap_or(usize::MAX));
    Ok(categories)
}

fn read_overrides(value: &Value<'_>) -> Result<Vec<(String, bool)>, Error> {
    let mut overrides = Vec::new();
    for (name, action) in value.entries()? {
        let Some((_, finding)) = BUILT_IN_CHAINS.iter().find(|(short, long)| *short == name || *long == name) else {
            let known: Vec<&str> = BUILT_IN_CHAINS.iter().map(|(short, _)| *short).collect();
            return Err(action.incomplete(format!("there is no such pattern; write one of {}", known.join(", "))));
        };
        overrides.push(((*finding).to_owned(), action.choice(&ACTIONS)?));
    }
    Ok(overrides)
}

const ACTIONS: [(&str, bool); 2] = [("warn", false), ("block", true)];

fn read_pattern(value: &Value<'_>, rules: &ChainRules) -> Result<(ChainPattern, Option<bool>), Error> {
    let section: Section<'_> = value.section(PATTERN_KEYS)?;
    let required = |key: &str| {
        section.field(key).ok_or_else(|| value.incomplete(format!("{key} is missing; add it to the pattern")))
    };
    let named = required("name")?;
    let name = named.text()?;
    let taken = BUILT_IN_CHAINS.iter().any(|(short, long)| *short == name || *long == name)
        || rules.patterns.iter().any(|pattern| pattern.name == name);
    if taken {
        return Err(named.refuse("is the name of another pattern; choose one of its own"));
    }
    let sequence = required("sequence")?;
    let steps = sequence.list()?.iter().map(|step| category(step, rules)).collect::<Result<Vec<_>, _>>()?;
    if !(2..=MAX_STEPS).contains(&steps.len()) {
        return Err(sequence.incomplete(format!("needs from two to {MAX_STEPS} categories, in their order")));
    }
    let severities = [("medium", Severity::Medium), ("high", Severity::High), ("critical", Severity::Critical)];
    let severity = section.read("severity", Severity::High, |severity| severity.choice(&severities))?;
    let blocks = section.field("action").map(|action| action.choice(&ACTIONS)).transpose()?;
    Ok((ChainPattern { name: name.to_owned(), steps, severity }, blocks))
}

fn category(value: &Value<'_>, rules: &ChainRules) -> Result<ToolCategory, Error> {
    let category = ToolCategory::named(value.text()?);
    let known =
        !matches!(category, ToolCategory::Own(_)) || rules.categories.iter().any(|(listed, _)| *listed == category);
    if known {
        return Ok(category);
    }
    let names: Vec<&str> = ToolCategory::BUILT_IN.iter().map(|(name, _)| *name).collect();
    Err(value
        .refuse(format!("is no category; write one of {}, or list its tools in tool_categories", names.join(", "))))
}

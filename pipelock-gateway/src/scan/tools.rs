//! What agents and MCP servers say to each other: tool definitions, tool calls, and calls in a row.
//!
//! ```text
//!  tools/list ─► definitions (text, directives, known) ─┬─► Finding
//!              └► drift: Inventory, one a server ───────┤
//!  tools/call ─► arguments ─► shell ─► commands ────────┤
//!              └► chain: ToolSession, one a session ────┘
//! ```
//!
//! Pure: no I/O, no clock; state lives in [`Inventory`] and [`ToolSession`], which their owner keeps. Bounded on any JSON: depth
//! costs no stack, every loop has a limit, and a limit that is reached is a finding of [`Family::Limit`]. Secrets in definitions
//! and arguments are the business of the engine's rules, which run beside this over the serialised message.

mod arguments;
mod chain;
mod commands;
mod definitions;
mod directives;
mod drift;
mod encoding;
mod known;
mod paths;
mod remembered;
mod report;
mod shell;
mod text;
mod words;

use std::time::Duration;

use serde_json::Value;

pub use chain::{ToolChains, ToolSession};
pub use drift::Inventory;
pub use remembered::ToolFacts;

use crate::model::{Family, Finding, Severity, Surface};
use report::Report;

/// Lowers what the engine's rules say about text that is where it belongs: a password in the parameter that asks for one, an
/// example in a definition. Only findings that rest on the words around a value; what is a key by its own format stays.
pub(super) fn settle(surface: Surface, message: &Value, found: &mut [Finding]) {
    let expected = match surface {
        Surface::ToolCall | Surface::ToolChain => arguments::passwords(message),
        _ => Vec::new(),
    };
    for finding in
        found.iter_mut().filter(|finding| finding.family == Family::Dlp && finding.severity == Severity::Medium)
    {
        if surface == Surface::ToolDefinitions || expected.contains(&finding.evidence) {
            finding.severity = Severity::Low;
        }
    }
}

/// What is wrong with the definitions in an answer to `tools/list`, or in `{"before", "after"}`: then also what changed.
pub(super) fn judge_definitions(message: &Value) -> Vec<Finding> {
    let mut report = Report::new(Surface::ToolDefinitions, Family::ToolPoisoning);
    let (Some(before), Some(after)) = (message.get("before"), message.get("after")) else {
        definitions::judge(message, &mut report);
        return report.finish(0);
    };
    definitions::judge(after, &mut report);
    let mut found = report.finish(0);
    let mut inventory = Inventory::new();
    inventory.observe(before);
    found.extend(inventory.observe(after));
    found
}

/// What the arguments of a call, or of a batch of calls, would do.
pub(super) fn judge_call(message: &Value) -> Vec<Finding> {
    let mut report = Report::new(Surface::ToolCall, Family::ToolCall);
    let (calls, cut) = arguments::calls(message);
    for call in &calls {
        arguments::judge(call, &mut report);
    }
    if cut {
        report.limit("Tool Calls");
    }
    report.finish(0)
}

/// What the calls of a session, in order, would do: each by itself, and together. They are taken to be a second apart.
pub(super) fn judge_chain(messages: &Value) -> Vec<Finding> {
    let single = std::slice::from_ref(messages);
    let messages = messages.as_array().map_or(single, Vec::as_slice);
    let (mut session, rules) = (ToolSession::new(), ToolChains::default());
    let mut found = Vec::new();
    for (second, message) in (0..).zip(messages) {
        found.extend(judge_call(message));
        found.extend(session.observe(&rules, Duration::from_secs(second), message));
    }
    found
}

#[cfg(test)]
mod tests;

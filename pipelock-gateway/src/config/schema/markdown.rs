//! The tables as the reference for people, `pipelock-gateway/configuration.md`.

use std::fmt::Write as _;

use super::{Effect, Key, Kind, top_level};

const HEAD: &str = "# pipelock.yaml, key by key

Made from the tables of the reader by `pipelock generate reference`; a test keeps it current. An editor completes keys from
[pipelock.schema.json](pipelock.schema.json): write `# yaml-language-server: $schema=<path to it>` as the first line.

A key that stands here is checked, also where it has no effect; any other key is an error with its line and column. An empty
value (`key:`) is as good as none. *Not yet* and *no effect* are also told by `pipelock check` for the keys a file has.
";

/// The whole reference.
#[must_use]
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    let (maps, plain): (Vec<&Key>, Vec<&Key>) = top_level().iter().partition(|key| key.kind.keys().is_some());
    out.push_str("\n## Top level\n\n");
    table(&mut out, plain.iter().map(|key| (key.name.to_owned(), **key)));
    for section in maps {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n## `{}`\n\n{}{}\n\n", section.name, section.doc, note(section.effect));
        let mut rows = Vec::new();
        flatten(&mut rows, "", section.kind);
        table(&mut out, rows.into_iter());
    }
    out
}

/// The same as a JSON list: every key with its path, kind, default, meaning, and what comes of it here.
#[must_use]
pub fn reference_json() -> String {
    let mut rows = Vec::new();
    for key in top_level() {
        rows.push((key.name.to_owned(), *key));
        let mut below = Vec::new();
        flatten(&mut below, "", key.kind);
        let root = match key.kind {
            Kind::List(_) | Kind::Named(_) => key.name.to_owned(),
            _ => format!("{}.", key.name),
        };
        rows.extend(below.into_iter().map(|(path, below)| (format!("{root}{path}"), below)));
    }
    let one = |(path, key): (String, Key)| {
        let (in_force, instead) = match key.effect {
            Effect::InForce => (true, None),
            Effect::NotYet(instead) => (false, Some(instead)),
            Effect::Never(why) => (false, Some(why)),
        };
        serde_json::json!({
            "path": path, "kind": key.kind.name(), "default": (!key.default.is_empty()).then_some(key.default),
            "doc": key.doc, "in_force": in_force, "instead": instead,
        })
    };
    rows.into_iter().map(one).collect::<serde_json::Value>().to_string() + "\n"
}

/// The keys below one, with their paths.
fn flatten(rows: &mut Vec<(String, Key)>, path: &str, kind: Kind) {
    let prefix = match kind {
        Kind::List(_) => format!("{path}[]."),
        Kind::Named(_) => format!("{path}{}NAME.", if path.is_empty() { "" } else { "." }),
        _ if path.is_empty() => String::new(),
        _ => format!("{path}."),
    };
    for key in kind.keys().unwrap_or_default() {
        let path = format!("{prefix}{}", key.name);
        rows.push((path.clone(), *key));
        flatten(rows, &path, key.kind);
    }
}

fn table(out: &mut String, rows: impl Iterator<Item = (String, Key)>) {
    out.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for (path, key) in rows {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", cell(key.default)) };
        let meaning = format!("{}{}", key.doc, note(key.effect));
        let _ = writeln!(out, "| `{path}` | {} | {default} | {} |", cell(&key.kind.name()), cell(&meaning));
    }
}

fn note(effect: Effect) -> String {
    match effect {
        Effect::InForce => String::new(),
        Effect::NotYet(instead) => format!(" *Not yet: {instead}.*"),
        Effect::Never(why) => format!(" *No effect: {why}.*"),
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

//! The chart as Helm renders it: a small Python program that loads Helm's library, asked line by line.
//!
//! Knows the shape of its answers; what they should be is the other files' business.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::CHART;
use crate::command::Cmd;

/// The names under which everything is rendered: those of the app's own release, so that names meet.
pub(super) const RELEASE: &str = "sure";
pub(super) const NAMESPACE: &str = "finance";

/// The renderer, running.
pub(super) struct Chart {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Version of Helm's library.
    pub(super) helm: String,
    /// Kubernetes versions whose schemas judge.
    pub(super) versions: Vec<String>,
    /// What the chart's `values.yaml` says.
    pub(super) values: Value,
    /// What `helm lint --strict` has against the chart.
    pub(super) lint: Vec<String>,
    renderings: usize,
}

#[derive(Deserialize)]
struct Hello {
    helm: String,
    versions: Vec<String>,
    values: Value,
    lint: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Error { error: String },
    Rendered(Rendered),
}

/// One rendering.
#[derive(Debug, Deserialize)]
pub(super) struct Rendered {
    pub(super) objects: Vec<Value>,
    /// Files of the `ConfigMap` that are YAML, read; by name.
    configs: Map<String, Value>,
    /// All objects as text, in the order of their templates.
    pub(super) text: String,
    pub(super) notes: String,
    /// What the schemas have against it.
    pub(super) invalid: Vec<String>,
}

impl Chart {
    /// Starts the renderer and reads what it says of the chart.
    pub(super) fn start(python: &Path) -> Result<Self> {
        let mut child = Cmd::new(python).arg("deploy/lint/render.py").arg(CHART).spawn_filter()?;
        let asks = child.stdin.take().context("the renderer has no standard input")?;
        let mut answers = BufReader::new(child.stdout.take().context("the renderer has no standard output")?);
        let mut line = String::new();
        answers.read_line(&mut line).context("reading from the renderer")?;
        let hello: Hello = serde_json::from_str(&line).context("the renderer did not start")?;
        let Hello { helm, versions, values, lint } = hello;
        Ok(Self { child, asks: Some(asks), answers, helm, versions, values, lint, renderings: 0 })
    }

    /// Renders with these values and has the objects judged; the error is Helm's own text when it refuses.
    pub(super) fn try_render(&mut self, values: &Value) -> Result<Result<Rendered, String>> {
        self.ask(values, true)
    }

    fn ask(&mut self, values: &Value, validate: bool) -> Result<Result<Rendered, String>> {
        self.renderings += 1;
        let ask = json!({"values": values, "release": RELEASE, "namespace": NAMESPACE, "validate": validate});
        let asks = self.asks.as_mut().context("the renderer was stopped")?;
        writeln!(asks, "{ask}").and_then(|()| asks.flush()).context("writing to the renderer")?;
        let mut line = String::new();
        self.answers.read_line(&mut line).context("reading from the renderer")?;
        if line.is_empty() {
            bail!("the renderer ended; its last words are above");
        }
        match serde_json::from_str(&line).context("an answer of the renderer")? {
            Answer::Error { error } => Ok(Err(error)),
            Answer::Rendered(rendered) => Ok(Ok(rendered)),
        }
    }

    /// Renders with values that must be accepted.
    pub(super) fn render(&mut self, values: &Value) -> Result<Rendered> {
        match self.try_render(values)? {
            Ok(rendered) => Ok(rendered),
            Err(error) => bail!("Helm refuses {values}: {error}"),
        }
    }

    /// Renders what changes no more than the text of a `ConfigMap`, which no schema looks into.
    pub(super) fn render_unjudged(&mut self, values: &Value) -> Result<Rendered> {
        match self.ask(values, false)? {
            Ok(rendered) => Ok(rendered),
            Err(error) => bail!("Helm refuses {values}: {error}"),
        }
    }

    pub(super) fn renderings(&self) -> usize {
        self.renderings
    }
}

impl Drop for Chart {
    fn drop(&mut self) {
        // Closing its input ends it.
        self.asks = None;
        let _ = self.child.wait();
    }
}

impl Rendered {
    /// The object of a kind whose name ends so; the first when there are several.
    pub(super) fn object(&self, kind: &str, name_end: &str) -> Option<&Value> {
        let name = |object: &Value| object.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
        let mut of_kind = self.objects.iter().filter(|object| object["kind"] == kind);
        of_kind.find(|object| name(object).is_some_and(|name| name.ends_with(name_end)))
    }

    /// The gateway's `pipelock.yaml`, read; null when there is none.
    pub(super) fn config(&self) -> &Value {
        self.configs.get("pipelock.yaml").unwrap_or(&Value::Null)
    }

    /// Each configuration file of the `ConfigMap`, as text.
    pub(super) fn config_texts(&self) -> Vec<(String, String)> {
        let maps = self.objects.iter().filter(|object| object["kind"] == "ConfigMap");
        let files = maps.filter_map(|map| map["data"].as_object()).flatten();
        let texts = files.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())));
        texts
            .filter(|(name, _)| {
                name.starts_with("pipelock") && Path::new(name).extension().is_some_and(|e| e == "yaml")
            })
            .collect()
    }
}

/// Lays one value over another: maps key by key, all else replaced, as Helm lays values over defaults.
pub(super) fn overlay(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                overlay(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// `{"a": {"b": value}}` for `a.b`.
pub(super) fn at(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inner, key| {
        let mut map = Map::new();
        map.insert(key.to_owned(), inner);
        Value::Object(map)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_laid_over_one_another_key_by_key() {
        let mut values = at("a.b", json!(1));
        overlay(&mut values, at("a.c", json!([2])));
        overlay(&mut values, at("a.b", json!(false)));
        assert_eq!(values, json!({"a": {"b": false, "c": [2]}}));
    }

    #[test]
    fn a_rendering_is_not_taken_for_an_error() {
        let text = r#"{"objects": [], "configs": {}, "text": "", "notes": "", "invalid": []}"#;
        assert!(matches!(serde_json::from_str(text).unwrap(), Answer::Rendered(_)));
        assert!(matches!(serde_json::from_str(r#"{"error": "no"}"#).unwrap(), Answer::Error { .. }));
    }
}

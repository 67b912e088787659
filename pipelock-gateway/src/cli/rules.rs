//! `pipelock rules`: what is looked for, read from the same tables and the same configuration that a gateway runs on.
//!
//! `list` and `show` print, `test` tries: every sample of every rule goes through the compiled engine as a message would.
//! Samples of built-in rules are made up and may be printed; those of the configuration are whatever its author wrote, so
//! `test` names them by number.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::{EXIT_CONFIG, RulesCommand};
use crate::config::Config;
use crate::model::{Surface, error_chain};
use crate::scan::{self, Engine, Probe, RuleFacts, RuleFinder, RuleSpec, UserRule};

/// All is well.
const FINE: u8 = 0;
/// A sample behaves otherwise than promised, or there is no such rule.
const FAILED: u8 = 1;

/// Runs one of the commands; returns the exit code. The answer goes to `out`, errors to `err`.
pub fn run(command: &RulesCommand, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let (RulesCommand::List { config, .. }
    | RulesCommand::Show { config, .. }
    | RulesCommand::Cost { config, .. }
    | RulesCommand::Test { config, .. }) = command;
    let rules = match Rules::load(config.as_deref()) {
        Ok(rules) => rules,
        Err(message) => {
            let _ = writeln!(err, "error: {message}");
            return EXIT_CONFIG;
        }
    };
    let outcome = match command {
        RulesCommand::List { json: true, .. } => list_json(&rules.list, out).map(|()| FINE),
        RulesCommand::List { json: false, .. } => list(&rules.list, out).map(|()| FINE),
        RulesCommand::Show { name, json, .. } => show(&rules.list, name, *json, out, err),
        RulesCommand::Cost { json, .. } => cost(&rules, *json, io::stdin(), out),
        RulesCommand::Test { json, .. } => test(&rules, *json, out),
    };
    outcome.unwrap_or_else(|error| {
        // Who closed our output wants no more of it.
        if error.kind() != io::ErrorKind::BrokenPipe {
            let _ = writeln!(err, "error: {error}");
        }
        FAILED
    })
}

/// The rules in force.
struct Rules {
    spec: RuleSpec,
    engine: Engine,
    list: Vec<Rule>,
}

/// One rule, of either origin.
#[derive(Debug, Serialize)]
struct Rule {
    name: String,
    family: &'static str,
    severity: &'static str,
    origin: Origin,
    finder: Finder,
    validator: Option<String>,
    views: Vec<&'static str>,
    #[serde(skip)]
    surface: Surface,
    samples: Samples,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Origin {
    /// Built in, and no configuration can switch it off.
    Floor,
    /// Built in.
    BuiltIn,
    /// Of the configuration file.
    Configuration,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Finder {
    Expression(String),
    Run,
    Words,
    Shape,
    Behaviour,
}

#[derive(Debug, Serialize)]
struct Samples {
    found: Vec<String>,
    ignored: Vec<String>,
}

impl Rules {
    fn load(path: Option<&Path>) -> Result<Self, String> {
        let loaded = path.map_or_else(|| Ok((Config::default(), Vec::new())), Config::load);
        let (config, _) = loaded.map_err(|error| error_chain(&error))?;
        let patterns = &config.dlp.patterns;
        let user: Vec<UserRule> = patterns.iter().map(crate::pipeline::user_rule).collect();
        let spec = RuleSpec { include_defaults: config.dlp.include_defaults, user };
        let engine = Engine::compile_with(&spec, crate::pipeline::kept_rules())
            .map_err(|error| format!("{}: dlp: {}", config.source, error_chain(&error)))?;
        let replaced = |name: &str| patterns.iter().any(|pattern| pattern.name == name);
        // As the engine has it: the floor stays, whatever the file says.
        let in_force = |rule: &RuleFacts| {
            rule.floor || rule.family != crate::model::Family::Dlp || (spec.include_defaults && !replaced(rule.name))
        };
        let mut rules: Vec<Rule> = scan::catalogue().iter().filter(|rule| in_force(rule)).map(built_in).collect();
        let views = rules.iter().find(|rule| rule.surface == Surface::RequestBody).map(|rule| rule.views.clone());
        for pattern in patterns {
            rules.push(Rule {
                name: pattern.name.clone(),
                family: crate::model::Family::Dlp.as_str(),
                severity: pattern.severity.as_str(),
                origin: Origin::Configuration,
                finder: Finder::Expression(pattern.regex.clone()),
                validator: pattern.validator.map(|validator| validator.as_str().to_owned()),
                views: views.clone().unwrap_or_default(),
                surface: Surface::RequestBody,
                samples: Samples { found: pattern.samples.found.clone(), ignored: pattern.samples.ignored.clone() },
            });
        }
        Ok(Self { spec, engine, list: rules })
    }
}

fn built_in(facts: &RuleFacts) -> Rule {
    let texts = |samples: &[&str]| samples.iter().map(|sample| (*sample).to_owned()).collect();
    Rule {
        name: facts.name.to_owned(),
        family: facts.family.as_str(),
        severity: facts.severity.as_str(),
        origin: if facts.floor { Origin::Floor } else { Origin::BuiltIn },
        finder: match facts.finder {
            RuleFinder::Expression(source) => Finder::Expression(source.to_owned()),
            RuleFinder::Run => Finder::Run,
            RuleFinder::Words => Finder::Words,
            RuleFinder::Shape => Finder::Shape,
            RuleFinder::Behaviour => Finder::Behaviour,
        },
        validator: facts.checked.then(|| "form or checksum".to_owned()),
        views: facts.views.iter().map(|view| view.as_str()).collect(),
        surface: facts.surface,
        samples: Samples { found: texts(facts.found), ignored: texts(facts.ignored) },
    }
}

fn list(rules: &[Rule], out: &mut impl Write) -> io::Result<()> {
    let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or_default();
    for rule in rules {
        let samples = rule.samples.found.len() + rule.samples.ignored.len();
        let checked = if rule.validator.is_some() { "checked" } else { "" };
        writeln!(
            out,
            "{:<width$}  {:<8}  {:<14}  {:<13}  {checked:<7}  {samples:>2} samples",
            rule.name, rule.severity, rule.family, rule.origin
        )?;
    }
    writeln!(out, "{} rules", rules.len())?;
    out.flush()
}

fn list_json(rules: &[Rule], out: &mut impl Write) -> io::Result<()> {
    for rule in rules {
        serde_json::to_writer(&mut *out, rule)?;
        writeln!(out)?;
    }
    out.flush()
}

fn show(rules: &[Rule], name: &str, json: bool, out: &mut impl Write, err: &mut impl Write) -> io::Result<u8> {
    let wanted = name.to_lowercase();
    // Rules of two families may have one name: what a tool says of itself and what an answer says.
    let exact: Vec<&Rule> = rules.iter().filter(|rule| rule.name.to_lowercase() == wanted).collect();
    let partly: Vec<&Rule> = rules.iter().filter(|rule| rule.name.to_lowercase().contains(&wanted)).collect();
    match (exact.as_slice(), partly.as_slice()) {
        (several @ [_, ..], _) | ([], several @ [_]) => {
            if json {
                serde_json::to_writer(&mut *out, several)?;
                writeln!(out)?;
            } else {
                several.iter().try_for_each(|rule| write!(out, "{rule}"))?;
            }
            out.flush().map(|()| FINE)
        }
        ([], []) => {
            writeln!(err, "error: no rule is called {name:?}; `pipelock rules list` names them all")?;
            Ok(FAILED)
        }
        ([], several) => {
            let names: Vec<&str> = several.iter().map(|rule| rule.name.as_str()).collect();
            writeln!(err, "error: {name:?} could be any of: {}", names.join(", "))?;
            Ok(FAILED)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Floor => "always on",
            Self::BuiltIn => "built-in",
            Self::Configuration => "configuration",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  severity   {} at most, family {}", self.severity, self.family)?;
        writeln!(f, "  origin     {}", self.origin)?;
        let finder = match &self.finder {
            Finder::Expression(source) => source,
            Finder::Run => "runs of digits or letters, without an expression",
            Finder::Words => "the words before a value",
            Finder::Shape => "the shape of the message",
            Finder::Behaviour => "what a text asks for, or what a call would do",
        };
        writeln!(f, "  matches    {finder}")?;
        writeln!(f, "  validator  {}", self.validator.as_deref().unwrap_or("none"))?;
        writeln!(f, "  views      {}", self.views.join(", "))?;
        for (what, samples) in [("found", &self.samples.found), ("ignored", &self.samples.ignored)] {
            for sample in samples {
                // Some samples are long because being long is what they show.
                let shown: String = sample.chars().take(160).collect();
                let rest =
                    if shown.len() < sample.len() { format!("… ({} bytes)", sample.len()) } else { String::new() };
                writeln!(f, "  {what:<9}  {}{rest}", shown.escape_debug())?;
            }
        }
        Ok(())
    }
}

/// Most text that costs are measured on.
const COST_TEXT: u64 = 64 << 20;

/// What one expression costs on a text.
#[derive(Debug, Serialize)]
struct Cost {
    rule: String,
    hits_per_mib: f64,
    /// Time of a database that holds nothing else. In the common one an expression adds less.
    ns_per_byte_alone: f64,
}

fn cost(rules: &Rules, json: bool, input: impl Read, out: &mut impl Write) -> io::Result<u8> {
    let mut text = Vec::new();
    input.take(COST_TEXT).read_to_end(&mut text)?;
    if text.is_empty() {
        return Err(io::Error::other("no text on standard input to measure on"));
    }
    let probes = scan::probes(&rules.spec).map_err(io::Error::other)?;
    let mut costs: Vec<Cost> = probes.iter().map(|probe| measure(probe, &text)).collect();
    costs.sort_by(|a, b| b.ns_per_byte_alone.total_cmp(&a.ns_per_byte_alone));
    for cost in &costs {
        if json {
            serde_json::to_writer(&mut *out, cost)?;
            writeln!(out)?;
        } else {
            let Cost { rule, hits_per_mib, ns_per_byte_alone } = cost;
            writeln!(out, "{ns_per_byte_alone:>7.4} ns/byte alone  {hits_per_mib:>9.2} hits/MiB  {rule}")?;
        }
    }
    out.flush()?;
    Ok(FINE)
}

#[expect(clippy::cast_precision_loss, reason = "sizes of a text in memory, shown with four digits")]
fn measure(probe: &Probe, text: &[u8]) -> Cost {
    let bytes = text.len() as f64;
    let mut hits = 0;
    // The best of three: what is slower was disturbed.
    let time = (0..3).map(|_| {
        let begun = Instant::now();
        hits = probe.hits(text);
        begun.elapsed().as_secs_f64()
    });
    let seconds = time.fold(f64::INFINITY, f64::min);
    Cost {
        rule: probe.rule.clone(),
        hits_per_mib: hits as f64 * f64::from(1 << 20) / bytes,
        ns_per_byte_alone: seconds * 1e9 / bytes,
    }
}

/// Tries all samples; says which misbehave, then how many were tried.
fn test(rules: &Rules, json: bool, out: &mut impl Write) -> io::Result<u8> {
    let (mut tried, mut wrong, mut bare) = (0, Vec::new(), Vec::new());
    for rule in &rules.list {
        for (samples, expected) in [(&rule.samples.found, true), (&rule.samples.ignored, false)] {
            for (number, sample) in samples.iter().enumerate() {
                tried += 1;
                let reaction = scan::reaction(&rules.engine, rule.surface, &rule.name, sample);
                if !scan::keeps_promise(reaction, expected) {
                    let what = if expected { "is not found" } else { "is found and must not be" };
                    wrong.push(format!("{}: {} sample {} {what}", rule.name, kind(expected), number + 1));
                }
            }
        }
        if rule.samples.found.is_empty() {
            bare.push(rule.name.as_str());
        }
    }
    if json {
        let answer = serde_json::json!({
            "samples": tried, "rules": rules.list.len(), "wrong": wrong, "without_samples": bare,
        });
        writeln!(out, "{answer}")?;
    } else {
        for line in &wrong {
            writeln!(out, "{line}")?;
        }
        if !bare.is_empty() {
            writeln!(out, "without a sample to find: {}", bare.join(", "))?;
        }
        writeln!(out, "{tried} samples of {} rules, {} wrong", rules.list.len(), wrong.len())?;
    }
    out.flush()?;
    Ok(if wrong.is_empty() { FINE } else { FAILED })
}

fn kind(found: bool) -> &'static str {
    if found { "found" } else { "ignored" }
}

#[cfg(test)]
mod tests;

//! `pipelock simulate` and `pipelock audit score`: how much of a configuration holds, as a number and a letter.
//!
//! `simulate` sends attacks through the rules ([`super::selftest`]); `audit score` looks at what the file switches on. Neither
//! knows what runs: a score of 100 says nothing about workloads that are not captured.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::selftest::{self, Outcome};
use super::{EXIT_CONFIG, ScoreArgs};
use crate::config::{Config, LogOutput, OnOrders, OnSecret};
use crate::model::{Mode, error_chain};

/// A: 90 and more, then in tens down to D; F below 60 (surfaces.md §7).
fn letter(score: u64) -> &'static str {
    match score {
        90.. => "A",
        80.. => "B",
        70.. => "C",
        60.. => "D",
        _ => "F",
    }
}

/// A number and a letter, with what they are made of.
#[derive(Debug, Serialize)]
struct Score {
    #[serde(rename = "score")]
    points: u64,
    grade: &'static str,
    parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    name: &'static str,
    /// 0 to 100.
    score: u64,
    /// What would raise it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Score {
    fn of(parts: Vec<Part>) -> Self {
        let sum: u64 = parts.iter().map(|part| part.score).sum();
        let score = sum.checked_div(parts.len() as u64).unwrap_or(0);
        Self { points: score, grade: letter(score), parts }
    }

    fn tell(&self, json: bool, out: &mut impl Write) -> io::Result<()> {
        if json {
            return serde_json::to_string(self).map_err(io::Error::from).and_then(|text| writeln!(out, "{text}"));
        }
        for part in &self.parts {
            writeln!(out, "{:>3}  {:<22} {}", part.score, part.name, part.advice.as_deref().unwrap_or_default())?;
        }
        writeln!(out, "{:>3}  grade {}", self.points, self.grade)
    }
}

/// Attacks by category: what share is found. Exit code 0, whatever the grade; [`EXIT_CONFIG`] for a bad configuration.
pub fn simulate(args: &ScoreArgs, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let built = load(args.config.as_deref())
        .and_then(|config| super::scan::snapshot(args.config.as_deref()).map(|snapshot| (config, snapshot)));
    let (config, snapshot) = match built {
        Ok(built) => built,
        Err(message) => return refused(&message, err),
    };
    let results = selftest::run(&config, &snapshot, &[]);
    let parts = selftest::CATEGORIES.into_iter().map(|name| {
        let of = |passed: bool| {
            let passes = |result| !passed || result == Outcome::Passed;
            results.cases.iter().filter(|ran| ran.category == name && passes(ran.result)).count() as u64
        };
        let missed = results.cases.iter().find(|ran| ran.category == name && ran.result != Outcome::Passed);
        let advice =
            missed.map(|ran| ran.key.map_or_else(|| format!("not so: {}", ran.name), |key| format!("switch on {key}")));
        Part { name, score: (100 * of(true)).checked_div(of(false)).unwrap_or(0), advice }
    });
    told(&Score::of(parts.collect()), args.json, out)
}

/// What a configuration switches on. Exit code 0, whatever the grade; [`EXIT_CONFIG`] for a bad configuration.
pub fn audit_score(args: &ScoreArgs, out: &mut impl Write, err: &mut impl Write) -> u8 {
    match load(args.config.as_deref()) {
        Ok(config) => told(&Score::of(parts(&config)), args.json, out),
        Err(message) => refused(&message, err),
    }
}

fn load(path: Option<&Path>) -> Result<Config, String> {
    let loaded = path.map_or_else(|| Ok((Config::default(), Vec::new())), Config::load);
    loaded.map(|(config, _)| config).map_err(|error| error_chain(&error))
}

fn refused(message: &str, err: &mut impl Write) -> u8 {
    let _ = writeln!(err, "error: {message}");
    EXIT_CONFIG
}

fn told(score: &Score, json: bool, out: &mut impl Write) -> u8 {
    u8::from(score.tell(json, out).and_then(|()| out.flush()).is_err())
}

/// Twelve looks at a configuration.
fn parts(config: &Config) -> Vec<Part> {
    // Full marks, half of them for what only warns, none for what is off.
    let graded = |name, on: bool, warns: bool, advice: &str| {
        let score = match (on, warns) {
            (false, _) => 0,
            (true, true) => 50,
            (true, false) => 100,
        };
        Part { name, score, advice: (score < 100).then(|| advice.to_owned()) }
    };
    let mode = match config.effective_mode() {
        Mode::Strict => 100,
        Mode::Balanced => 80,
        Mode::Audit => 0,
    };
    let strict = (mode < 100).then(|| "mode: strict with api_allowlist admits listed hosts only".to_owned());
    let passthrough = config.tls_interception.passthrough_domains.iter().count() + config.no_proxy.list.iter().count();
    let (mcp, responses, requests) = (&config.mcp, &config.response_scanning, &config.request_bodies);
    let kill = &config.kill_switch;
    vec![
        Part { name: "mode", score: mode, advice: strict },
        graded(
            "tls interception",
            config.tls_interception.enabled == Some(true),
            false,
            "tls_interception.enabled: true, with a CA that clients trust",
        ),
        graded(
            "unopened hosts",
            true,
            passthrough > 10,
            "tls_interception.passthrough_domains and no_proxy.list name many hosts",
        ),
        graded(
            "request bodies",
            requests.enabled && requests.scan_headers,
            requests.on_secret == OnSecret::Warn,
            "request_body_scanning: enabled, scan_headers, action: block",
        ),
        graded(
            "secrets",
            config.dlp.include_defaults && config.dlp.scan_env,
            false,
            "dlp.include_defaults and dlp.scan_env: true",
        ),
        graded(
            "secrets in pieces",
            config.cross_request.enabled,
            config.cross_request.warn_only,
            "cross_request_detection.enabled: true, action: block",
        ),
        graded(
            "answers",
            responses.enabled,
            responses.on_orders == OnOrders::Warn,
            "response_scanning: enabled, action: block",
        ),
        graded("MCP calls", mcp.input.enabled, mcp.input.warn_only, "mcp_input_scanning: enabled, action: block"),
        graded(
            "MCP tools",
            mcp.tools.enabled && mcp.tools.detect_drift,
            mcp.tools.warn_only,
            "mcp_tool_scanning: enabled, detect_drift, action: block",
        ),
        graded(
            "chains of calls",
            mcp.chains.enabled,
            mcp.chains.warn_only,
            "tool_chain_detection.enabled: true, action: block",
        ),
        graded(
            "kill switch",
            kill.sentinel_file.is_some() || kill.api_listen.is_some(),
            false,
            "kill_switch.sentinel_file or api_listen with a token",
        ),
        graded(
            "evidence",
            config.flight_recorder.is_some(),
            matches!(config.logging.output, LogOutput::Stdout) && config.flight_recorder.is_none(),
            "flight_recorder with dir and signing_key_path",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_the_bounds_of_the_reference() {
        for (score, grade) in [(100, "A"), (90, "A"), (89, "B"), (80, "B"), (79, "C"), (60, "D"), (59, "F"), (0, "F")] {
            assert_eq!(letter(score), grade);
        }
    }

    #[test]
    fn there_are_twelve_looks_and_each_that_is_not_full_says_what_would_raise_it() {
        let parts = parts(&Config::default());
        assert_eq!(parts.len(), 12);
        assert!(parts.iter().all(|part| (part.score == 100) == part.advice.is_none()), "{parts:#?}");
    }
}

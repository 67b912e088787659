//! `pipelock check`: reads a configuration as the daemon would, and says what it means or what is wrong with it.
//!
//! It builds everything a gateway would put in force (rules compiled, certificates and keys read and matched) and throws it
//! away: a file that passes here starts. No socket is opened and no kernel program loaded.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::config::{self, Config, LogFormat, LogOutput, TlsInterception, Warning};
use crate::model::Mode;
use crate::pipeline::{Snapshot, SnapshotOptions};
use crate::tls::RootLocations;

/// The file is valid, perhaps with warnings.
const VALID: u8 = 0;
/// The result could not be written.
const NOT_WRITTEN: u8 = 1;
/// The file is not valid, or cannot be read.
const INVALID: u8 = 2;

/// Checks a file, or shows the defaults where there is none, and returns the exit code: 0 valid, 1 the output could not
/// be written, 2 invalid.
///
/// The policy in force goes to `out`; warnings and errors go to `err`, one line each.
pub fn check(path: Option<&Path>, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let loaded = path.map_or_else(|| Ok((Config::default(), Vec::new())), Config::load);
    let (config, warnings) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return explain(&error, err).map_or(NOT_WRITTEN, |()| INVALID),
    };
    match Snapshot::build(&config, &build_options(&config)) {
        Ok(_) => report(&config, &warnings, out, err).map_or(NOT_WRITTEN, |()| VALID),
        Err(error) => {
            let placed = write!(err, "error: {}: ", config.source);
            placed.and_then(|()| explain_chain(&error, err)).map_or(NOT_WRITTEN, |()| INVALID)
        }
    }
}

/// The same for programs: one object with everything on `out`, and the same exit codes.
pub fn check_json(path: Option<&Path>, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let named = path.map_or_else(|| "defaults".to_owned(), |path| path.display().to_string());
    let loaded = path.map_or_else(|| Ok((Config::default(), Vec::new())), Config::load);
    let built = loaded.map_err(|error| crate::model::error_chain(&error)).and_then(|(config, warnings)| {
        let built = Snapshot::build(&config, &build_options(&config));
        built.map(|_| (config, warnings)).map_err(|error| crate::model::error_chain(&error))
    });
    let answer = match &built {
        Ok((config, warnings)) => {
            let policy = summary(config).into_iter().map(|(what, value)| (what.replace(' ', "_"), value.into()));
            let warning = |warning: &Warning| {
                let at = warning.place.as_ref().map(|place| (place.at.line, place.at.column));
                serde_json::json!({
                    "line": at.map(|at| at.0), "column": at.map(|at| at.1),
                    "key": warning.key, "message": warning.message,
                })
            };
            serde_json::json!({
                "source": named, "valid": true, "error": null,
                "policy": serde_json::Value::Object(policy.collect()),
                "warnings": warnings.iter().map(warning).collect::<Vec<_>>(),
            })
        }
        Err(error) => serde_json::json!({ "source": named, "valid": false, "error": error, "warnings": [] }),
    };
    if let Err(error) = writeln!(out, "{answer}").and_then(|()| out.flush()) {
        let _ = writeln!(err, "error: {error}");
        return NOT_WRITTEN;
    }
    if built.is_ok() { VALID } else { INVALID }
}

/// What a gateway started with this file would ask for.
fn build_options(config: &Config) -> SnapshotOptions {
    SnapshotOptions {
        open_tls: config.tls_interception.enabled.unwrap_or(true),
        roots: RootLocations::from_variables(|name| std::env::var_os(name)),
        now: SystemTime::now(),
    }
}

fn report(config: &Config, warnings: &[Warning], out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
    for warning in warnings {
        writeln!(err, "warning: {warning}")?;
    }
    writeln!(out, "{}: valid{}", config.source, count(warnings.len(), ", with ", "warning"))?;
    for (what, value) in summary(config) {
        writeln!(out, "  {what:<18} {value}")?;
    }
    out.flush()
}

/// The error and its causes, outermost first.
fn explain(error: &config::Error, err: &mut impl Write) -> io::Result<()> {
    write!(err, "error: ")?;
    explain_chain(error, err)
}

fn explain_chain(error: &dyn std::error::Error, err: &mut impl Write) -> io::Result<()> {
    writeln!(err, "{}", crate::model::error_chain(error))
}

/// The policy in force, in the order in which a connection meets it.
fn summary(config: &Config) -> Vec<(&'static str, String)> {
    let listed = |reachable: &str| format!("{reachable}{}", join(&config.api_allowlist));
    vec![
        ("digest", config.source.digest().to_owned()),
        ("mode", mode(config)),
        ("not captured", or_none(join(&config.capture.cidr_bypass))),
        ("not opened", not_opened(config)),
        ("hosts", if config.mode == Mode::Strict { listed("only ") } else { "all".to_owned() }),
        ("private addresses", or_none(join(&config.trusted_domains))),
        ("TLS", tls(&config.tls_interception)),
        ("patterns", patterns(config)),
        ("audit log", logging(config)),
        ("proxy and admin", config.fetch_proxy.listen.to_string()),
    ]
}

fn mode(config: &Config) -> String {
    let effect = match config.effective_mode() {
        Mode::Strict => "listed hosts only; medium findings block, too",
        Mode::Balanced => "critical and high findings block",
        Mode::Audit => "nothing is blocked, everything is recorded",
    };
    format!("{} ({effect})", config.mode)
}

fn not_opened(config: &Config) -> String {
    let own = config.no_proxy.from_workload.then(|| "what a workload's own NO_PROXY names".to_owned());
    or_none(join(config.no_proxy.list.iter().map(ToString::to_string).chain(passthrough(config)).chain(own)))
}

fn passthrough(config: &Config) -> impl Iterator<Item = String> {
    config.tls_interception.passthrough_domains.iter().map(|host| format!("{host} (TLS)"))
}

fn tls(tls: &TlsInterception) -> String {
    if tls.enabled == Some(false) {
        return "relayed unopened".to_owned();
    }
    let ca = match &tls.ca {
        Some(ca) => format!("with the CA {}", ca.cert.display()),
        None => "with a CA the gateway makes".to_owned(),
    };
    let who = if tls.enabled.is_none() { "opened by pipelock exec" } else { "opened" };
    format!("{who}, {ca}{}", count(tls.upstream_ca_files.len(), "; ", "further upstream root file"))
}

fn patterns(config: &Config) -> String {
    let own = config.dlp.patterns.len();
    match (config.dlp.include_defaults, own) {
        (true, 0) => "built-in".to_owned(),
        (true, _) => format!("built-in and {own} of this file"),
        (false, _) => format!("{own} of this file, none built-in"),
    }
}

fn logging(config: &Config) -> String {
    let format = match config.logging.format {
        LogFormat::Json => "JSON lines",
        LogFormat::Text => "text",
    };
    let output = match &config.logging.output {
        LogOutput::Stdout => "standard output".to_owned(),
        LogOutput::File(path) => path.display().to_string(),
        LogOutput::Both(path) => format!("standard output and {}", path.display()),
    };
    let left_out = match (config.logging.include_allowed, config.logging.include_blocked) {
        (true, true) => "",
        (false, true) => ", without allowed requests",
        (true, false) => ", without blocked requests",
        (false, false) => ", without requests",
    };
    format!("{format} to {output}{left_out}")
}

/// Nothing for none, else for example `, with 2 warnings`.
fn count(n: usize, before: &str, what: &str) -> String {
    match n {
        0 => String::new(),
        1 => format!("{before}1 {what}"),
        _ => format!("{before}{n} {what}s"),
    }
}

fn join(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    /// Runs the check on a file of this text; the folder's name is cut from what it prints.
    fn run(text: &str) -> (u8, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipelock.yaml");
        std::fs::write(&path, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(Some(&path), &mut out, &mut err);
        let cut = |bytes| String::from_utf8(bytes).unwrap().replace(&format!("{}/", folder.path().display()), "");
        (code, cut(out), cut(err))
    }

    #[test]
    fn no_file_shows_the_defaults() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(check(None, &mut out, &mut err), VALID);
        assert!(err.is_empty());
        assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
    the default configuration: valid
      digest             defaults
      mode               balanced (critical and high findings block)
      not captured       none
      not opened         api.stripe.com (TLS), files.stripe.com (TLS), connect.stripe.com (TLS)
      hosts              all
      private addresses  none
      TLS                opened by pipelock exec, with a CA the gateway makes
      patterns           built-in
      audit log          JSON lines to standard output
      proxy and admin    127.0.0.1:8888
    "#);
    }

    #[test]
    fn a_valid_file_shows_the_policy_in_force_and_its_warnings() {
        let (code, out, err) = run("mode: strict\n\
             api_allowlist: [api.example.com, '*.example.org']\n\
             trusted_domains: ['*.corp.example.com']\n\
             tls_interception:\n  enabled: true\n  passthrough_domains: [pinned.example.com]\n\
             no_proxy:\n  list: .svc.cluster.local, 10.0.0.0/8\n\
             capture:\n  cidr_bypass: [192.0.2.0/24]\n\
             dlp:\n  patterns:\n    - {name: Ticket, regex: 'TKT-[0-9]{8}'}\n\
             logging:\n  output: both\n  file: audit.jsonl\n  include_allowed: false\n\
             fetch_proxy:\n  listen: 0.0.0.0:8888\n\
             sandbox:\n  enabled: true\n\
             kill_switch:\n  enabled: false\n");
        assert_eq!(code, VALID);
        assert_snapshot!(out, @r#"
    pipelock.yaml: valid, with 2 warnings
      digest             e3ec63dc63b2508e0716fb5c6fed88d2fdfe5469e98e0fdb96546e3f2c9b4ca8
      mode               strict (listed hosts only; medium findings block, too)
      not captured       192.0.2.0/24
      not opened         svc.cluster.local, 10.0.0.0/8, pinned.example.com (TLS)
      hosts              only api.example.com, *.example.org
      private addresses  *.corp.example.com
      TLS                opened, with a CA the gateway makes
      patterns           built-in and 1 of this file
      audit log          JSON lines to standard output and audit.jsonl, without allowed requests
      proxy and admin    0.0.0.0:8888
    "#);
        assert_snapshot!(err, @r#"
    warning: pipelock.yaml:19:11: fetch_proxy.listen: the proxy is open to everyone who can reach this address; 127.0.0.1 keeps it local
    warning: pipelock.yaml:20:1: sandbox: no effect: a gateway starts no agent; the pod's or the unit's own settings jail it
    "#);
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_exit_code_2() {
        let (code, out, err) = run("mode: balanced\ntrusted_domain: [a.example.com]\n");
        assert_eq!((code, out.as_str()), (INVALID, ""));
        assert_snapshot!(err, @"error: pipelock.yaml:2:1: trusted_domain: is not a known key; did you mean trusted_domains?");
    }

    #[test]
    fn a_missing_file_is_said_with_its_cause() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(Some(Path::new("/nonexistent/pipelock.yaml")), &mut out, &mut err);
        assert_eq!((code, out.as_slice()), (INVALID, &b""[..]));
        assert_snapshot!(String::from_utf8(err).unwrap(), @"error: /nonexistent/pipelock.yaml: cannot be read; check that it exists and that this user may read it: No such file or directory (os error 2)");
    }

    #[test]
    fn output_that_cannot_be_written_is_not_success() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert_eq!(check(None, &mut Closed, &mut Closed), NOT_WRITTEN);
    }
}

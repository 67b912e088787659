//! `pipelock check`: reads a configuration as the daemon would, and says what it means or what is wrong with it.
//!
//! It builds everything a gateway would put in force (rules compiled, certificates and keys read and matched) and throws it
//! away: a file that passes here starts. No socket is opened and no kernel program loaded.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use crate::config::{self, Config, LogFormat, LogOutput, OnOrders, OnSecret, TlsInterception, Warning};
use crate::model::Mode;
use crate::pipeline::{Snapshot, SnapshotOptions, judge_url};
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

/// The URL would be refused.
const REFUSED: u8 = 1;

/// Says whether a request for a URL would be refused, and returns the exit code: 0 not, 1 refused or not written, 2 invalid.
pub fn check_url(path: Option<&Path>, url: &str, json: bool, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let loaded = path.map_or_else(|| Ok((Config::default(), Vec::new())), Config::load);
    let (config, _) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return explain(&error, err).map_or(NOT_WRITTEN, |()| INVALID),
    };
    let snapshot = match Snapshot::build(&config, &build_options(&config)) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let placed = write!(err, "error: {}: ", config.source);
            return placed.and_then(|()| explain_chain(&error, err)).map_or(NOT_WRITTEN, |()| INVALID);
        }
    };
    let judged = judge_url(&snapshot, &[config.fetch_proxy.listen], url);
    // What was given may hold a secret: it is not printed again.
    let told = if json {
        let reason = |reason: &crate::scan_api::Reason| {
            serde_json::json!({
                "scanner": reason.scanner, "rule": reason.rule_id, "severity": reason.severity.as_str(),
                "message": reason.message,
            })
        };
        let reasons: Vec<_> = judged.reasons.iter().map(reason).collect();
        writeln!(out, "{}", serde_json::json!({ "allowed": !judged.denied, "reasons": reasons }))
    } else {
        let word = if judged.denied { "blocked" } else { "allowed" };
        let reasons = judged.reasons.iter().map(|reason| format!("{} ({})", reason.message, reason.rule_id));
        let reasons = join(reasons);
        writeln!(out, "{word}{}{reasons}", if reasons.is_empty() { "" } else { ": " })
    };
    match told.and_then(|()| out.flush()) {
        Ok(()) if !judged.denied => VALID,
        Ok(()) => REFUSED,
        Err(_) => NOT_WRITTEN,
    }
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
        ("environment", environment(config)),
        ("requests", requests(config)),
        ("answers", answers(config)),
        ("exceptions", exceptions(config)),
        ("sessions", sessions(config)),
        ("kill switch", kill_switch(config)),
        ("receipts", receipts(config)),
        ("events to", events(config)),
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

fn environment(config: &Config) -> String {
    if !config.dlp.scan_env {
        return "not looked for".to_owned();
    }
    let variables = &config.workload_env;
    format!(
        "secrets of captured processes' variables, from {} bytes on{}",
        variables.min_length,
        count(variables.files.len(), "; ", "file of them")
    )
}

fn requests(config: &Config) -> String {
    let found = match config.request_bodies.on_secret {
        OnSecret::ByMode => "what is found is treated as the mode says",
        OnSecret::Warn => "what is found in bodies and header fields is only warned of",
        OnSecret::Redact => "what is found in bodies is replaced",
    };
    let values = if config.redaction.is_some() { "; values of redaction are replaced" } else { "" };
    match (config.request_bodies.enabled, config.request_bodies.scan_headers) {
        (true, true) => format!("{found}{values}"),
        (true, false) => format!("{found}; header fields are not looked at{values}"),
        (false, true) => format!("bodies are NOT looked at; {found}"),
        (false, false) => "neither bodies nor header fields are looked at".to_owned(),
    }
}

fn answers(config: &Config) -> String {
    let answers = &config.response_scanning;
    if !answers.enabled {
        return "not looked at".to_owned();
    }
    let orders = match answers.on_orders {
        OnOrders::Block => "orders to a model are blocked",
        OnOrders::Strip => "orders to a model are replaced",
        OnOrders::Warn => "orders to a model are only warned of",
    };
    format!("{orders}{}", count(answers.exempt_domains.iter().count(), "; except those of ", "host"))
}

fn exceptions(config: &Config) -> String {
    let known = count(config.suppressions.len(), "", "suppressed finding");
    let others = count(config.workloads.len(), "", "set of rules for some workloads");
    or_none(join([known, others].into_iter().filter(|text| !text.is_empty())))
}

fn sessions(config: &Config) -> String {
    let policy = &config.sessions;
    let bound = |bound: Option<u64>, what: &str| bound.map(|most| format!("{most} {what} a minute to one domain"));
    let said = [
        bound(policy.requests_per_minute, "requests"),
        bound(policy.bytes_per_minute, "bytes"),
        policy.profiling.then(|| "profiled".to_owned()),
        policy.adaptive.then(|| "escalating".to_owned()),
        policy.taint.enabled.then(|| "tainted by orders in answers".to_owned()),
        config.cross_request.enabled.then(|| "pieces of secrets put together".to_owned()),
    ];
    or_none(join(said.into_iter().flatten()))
}

fn kill_switch(config: &Config) -> String {
    let switch = &config.kill_switch;
    let state = if switch.enabled { "ON: everything is refused" } else { "off" };
    let file = switch.sentinel_file.as_ref().map(|file| format!("file {}", file.display()));
    let api = switch.api_listen.map(|address| format!("API on {address}"));
    let by = ["SIGUSR1".to_owned()].into_iter().chain(file).chain(api);
    format!("{state}; turned by {}", join(by))
}

fn receipts(config: &Config) -> String {
    match &config.flight_recorder {
        None => "none".to_owned(),
        Some(recorder) if recorder.required => {
            format!("in {}; without them nothing passes", recorder.directory.display())
        }
        Some(recorder) => format!("in {}", recorder.directory.display()),
    }
}

fn events(config: &Config) -> String {
    let emit = &config.emit;
    let names = [
        emit.webhook.is_some().then_some("webhook"),
        emit.syslog.is_some().then_some("syslog"),
        emit.otlp.is_some().then_some("OTLP"),
    ];
    or_none(join(names.into_iter().flatten()))
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
      environment        secrets of captured processes' variables, from 8 bytes on
      requests           what is found is treated as the mode says
      answers            orders to a model are blocked
      exceptions         none
      sessions           tainted by orders in answers, pieces of secrets put together
      kill switch        off; turned by SIGUSR1
      receipts           none
      events to          none
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
      environment        secrets of captured processes' variables, from 8 bytes on
      requests           what is found is treated as the mode says
      answers            orders to a model are blocked
      exceptions         none
      sessions           tainted by orders in answers, pieces of secrets put together
      kill switch        off; turned by SIGUSR1
      receipts           none
      events to          none
      audit log          JSON lines to standard output and audit.jsonl, without allowed requests
      proxy and admin    0.0.0.0:8888
    "#);
        assert_snapshot!(err, @r#"
    warning: pipelock.yaml:19:11: fetch_proxy.listen: the proxy is open to everyone who can reach this address; 127.0.0.1 keeps it local
    warning: pipelock.yaml:20:1: sandbox: no effect: a gateway starts no agent; the pod's or the unit's own settings jail it
    "#);
    }

    #[test]
    fn a_url_is_judged_by_where_it_leads_and_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipelock.yaml");
        std::fs::write(&path, "mode: strict\napi_allowlist: [api.example.com]\n").unwrap();
        let key = concat!("AKIA", "QYLPMN5HHHFPZAM2");
        for (url, code, part) in [
            ("https://api.example.com/v1/items", VALID, "allowed"),
            ("https://other.example.com/", REFUSED, "URL-Allowlist"),
            (&format!("https://api.example.com/?k={key}"), REFUSED, "DLP-URL-Exfil"),
            ("gopher://api.example.com/", REFUSED, "URL-Scheme"),
        ] {
            for json in [false, true] {
                let (mut out, mut err) = (Vec::new(), Vec::new());
                assert_eq!(check_url(Some(&path), url, json, &mut out, &mut err), code, "{url}");
                let out = String::from_utf8(out).unwrap();
                assert!(out.contains(part) && err.is_empty() && !out.contains(key), "{url}: {out}");
                let allowed = serde_json::from_str::<serde_json::Value>(&out).map(|told| told["allowed"] == true);
                assert_eq!(allowed.ok(), json.then_some(code == VALID), "{out}");
            }
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        std::fs::write(&path, "mode: sometimes\n").unwrap();
        assert_eq!(check_url(Some(&path), "https://a.example.com/", false, &mut out, &mut err), INVALID);
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

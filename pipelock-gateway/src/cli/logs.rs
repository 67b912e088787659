//! `pipelock logs` and `pipelock explain`: the audit log, read by a person.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::events::{self, Condition};
use super::{EXIT_CONFIG, ExplainArgs, LogSource, LogsArgs};
use crate::config::{Config, LogOutput};

/// How often a followed file is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Prints records; exit code 0, 1 when the output ended, [`EXIT_CONFIG`] when there is no log to read.
pub fn logs(args: &LogsArgs, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let colour = !args.json && io::stdout().is_terminal();
    finish(print(args, colour, out), err)
}

fn finish(outcome: anyhow::Result<u8>, err: &mut impl Write) -> u8 {
    outcome.unwrap_or_else(|error| {
        let closed = error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
        if closed {
            // Who closed our output wants no more of it.
            return 1;
        }
        let _ = writeln!(err, "pipelock: {error:#}");
        EXIT_CONFIG
    })
}

/// The file that is named, or the one of the configuration.
pub(super) fn source(source: &LogSource) -> anyhow::Result<PathBuf> {
    if let Some(file) = &source.file {
        return Ok(file.clone());
    }
    let hint = "name the audit log with --file; - is standard input";
    let path = source.config.as_deref().with_context(|| hint.to_owned())?;
    let (config, _) = Config::load(path)?;
    match config.logging.output {
        LogOutput::File(file) | LogOutput::Both(file) => Ok(file),
        LogOutput::Stdout => anyhow::bail!("{}: logging.output is stdout; {hint}", path.display()),
    }
}

/// The file, or standard input for `-`.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn io::BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

fn wanted(args: &LogsArgs, record: &Value) -> bool {
    args.filter.iter().all(|condition: &Condition| condition.holds(record))
}

fn show(args: &LogsArgs, record: &Value, colour: bool, out: &mut impl Write) -> io::Result<()> {
    if args.json { writeln!(out, "{record}") } else { writeln!(out, "{}", events::line(record, colour)) }
}

fn print(args: &LogsArgs, colour: bool, out: &mut impl Write) -> anyhow::Result<u8> {
    let path = source(&args.source)?;
    let input = open(&path)?;
    let last = args.last.unwrap_or(usize::MAX);
    let mut kept: VecDeque<Value> = VecDeque::new();
    events::each(input, |record| {
        if !wanted(args, &record) {
            return Ok(());
        }
        if last == usize::MAX {
            return show(args, &record, colour, out);
        }
        if kept.len() == last {
            kept.pop_front();
        }
        if last > 0 {
            kept.push_back(record);
        }
        Ok(())
    })?;
    for record in &kept {
        show(args, record, colour, out)?;
    }
    out.flush()?;
    if args.follow && path != Path::new("-") {
        follow(args, &path, colour, out)?;
    }
    Ok(0)
}

/// Prints what is appended, for as long as somebody reads; a file that was replaced or cut is begun anew.
#[expect(clippy::disallowed_methods, reason = "not every file system tells of writes; looking works on all")]
fn follow(args: &LogsArgs, path: &Path, colour: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    let mut at = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
    let mut rest = Vec::new();
    loop {
        at += io::Read::read_to_end(&mut file, &mut rest)? as u64;
        if let Some(end) = memchr::memrchr(b'\n', &rest) {
            let whole: Vec<u8> = rest.drain(..=end).collect();
            events::each(
                &whole[..],
                |record| {
                    if wanted(args, &record) { show(args, &record, colour, out) } else { Ok(()) }
                },
            )?;
            out.flush()?;
        }
        std::thread::sleep(LOOK);
        let (Ok(here), Ok(now)) = (file.metadata(), std::fs::metadata(path)) else { continue };
        if here.ino() != now.ino() || now.len() < at {
            let Ok(fresh) = File::open(path) else { continue };
            (file, at) = (fresh, 0);
            rest.clear();
        }
    }
}

/// Says what was seen of a request and what would change its outcome; exit code 0, 1 when the log does not have it.
pub fn explain(args: &ExplainArgs, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let told = source(&args.source).and_then(|path| {
        let mut found = None;
        events::each(open(&path)?, |record| {
            let wanted = args.request_id.as_str();
            let is_request = matches!(record["event"].as_str(), Some("allowed" | "blocked"));
            let is_connection = record["event"] == "connection" && record["connection"] == wanted;
            if is_connection || (is_request && record["request_id"] == wanted) {
                found = Some(record);
            }
            Ok(())
        })?;
        let Some(record) = found else {
            writeln!(err, "pipelock: {} has no request or connection {}", path.display(), args.request_id)?;
            return Ok(1);
        };
        if args.json {
            let answer = serde_json::json!({ "record": record, "change": change(&record) });
            writeln!(out, "{answer}")?;
        } else {
            tell(&record, out)?;
        }
        out.flush()?;
        Ok(0)
    });
    finish(told, err)
}

fn tell(record: &Value, out: &mut impl Write) -> io::Result<()> {
    let shown = |value: &Value| match value {
        Value::String(text) => crate::report::clean(text, 2048).into_owned(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut row = |name: &str, text: String| writeln!(out, "{name:<14} {text}");
    if record["event"] == "connection" {
        row("connection", shown(&record["connection"]))?;
        row("time", shown(&record["time"]))?;
        row("what", format!("{} to {}", shown(&record["protocol"]), shown(&record["name"])))?;
    } else {
        row("request", shown(&record["request_id"]))?;
        row("time", shown(&record["time"]))?;
        row("what", format!("{} {}", shown(&record["method"]), shown(&record["url"])))?;
    }
    row("went to", format!("{} ({})", shown(&record["original_dst"]), shown(&record["front_door"])))?;
    if record["workload"].is_object() {
        let workload = &record["workload"];
        let (program, pid, uid) = (shown(&workload["executable"]), shown(&workload["pid"]), shown(&workload["uid"]));
        row("sent by", format!("{program}, pid {pid}, uid {uid}, cgroup {}", shown(&workload["cgroup"])))?;
    }
    let reason = record["reason"].as_str().map_or_else(String::new, |reason| format!(" ({reason})"));
    if record["event"] == "connection" {
        row("outcome", format!("{}{reason}, {} requests", shown(&record["decision"]), shown(&record["requests"])))?;
        row("end", format!("{} {}", shown(&record["end"]), record["detail"].as_str().unwrap_or_default()))?;
    } else {
        row("outcome", format!("{}{reason}, status {}", shown(&record["action"]), shown(&record["status"])))?;
    }
    for finding in record["findings"].as_array().into_iter().flatten() {
        let (rule, severity) = (shown(&finding["rule"]), shown(&finding["severity"]));
        let place =
            format!("{} bytes at {} of the {}", finding["length"], finding["offset"], shown(&finding["surface"]));
        row("found", format!("{rule}, {severity}: {place}, seen as {}", shown(&finding["view"])))?;
    }
    match change(record) {
        Some(change) => {
            writeln!(out, "\nTo let such a request pass, and only if it is harmless:\n")?;
            change.lines().try_for_each(|line| writeln!(out, "    {line}"))
        }
        None if record["action"] == "block" || record["decision"] == "deny" => {
            writeln!(out, "\nNo setting lets such a request pass.")
        }
        None => Ok(()),
    }
}

/// What to write into the configuration, or to do where that is no matter of a few lines; `None` where nothing is to be changed,
/// or can be.
fn change(record: &Value) -> Option<String> {
    let setting = record["setting"].as_str()?;
    let host = record["host"].as_str().or(record["name"].as_str()).unwrap_or_default();
    // Lists of hosts mean every port.
    let host = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    // JSON strings are YAML strings.
    let quoted = |text: &str| Value::from(crate::report::clean(text, 512)).to_string();
    let without_query = record["url"].as_str().unwrap_or_default();
    let path = without_query.split_once("://").map_or(without_query, |(_, rest)| rest);
    Some(match setting {
        "suppress" => {
            let mut names: Vec<&str> = events::rules(record).collect();
            names.sort_unstable();
            names.dedup();
            names.iter().fold("suppress:".to_owned(), |text, rule| {
                format!("{text}\n  - rule: {}\n    path: {}\n    reason: say why", quoted(rule), quoted(path))
            })
        }
        "api_allowlist"
        | "trusted_domains"
        | "no_proxy.list"
        | "redaction.allowlist_unparseable"
        | "tls_interception.client_certificate_domains"
        | "tls_interception.legacy_tls_domains" => nested(setting, &format!("[{}]", quoted(host))),
        "names.hosts" => {
            let address = record["original_dst"].as_str().and_then(|dst| dst.parse::<std::net::SocketAddr>().ok());
            let address = address.map_or_else(String::new, |address| address.ip().to_string());
            nested(setting, &format!("{{{}: [{}]}}", quoted(host), quoted(&address)))
        }
        "session_profiling.anomaly_action" => nested(setting, "warn"),
        "flight_recorder.require_receipts" => {
            "make room for receipts: the log of the gateway says what the disk lacks; \
             or set flight_recorder.require_receipts to false and restart"
                .to_owned()
        }
        "kill_switch.enabled" => {
            "find out who turned the kill switch on, pipelock kill-switch status, then: pipelock kill-switch off"
                .to_owned()
        }
        "tls_interception.upstream_ca_files" => {
            format!("add the file with the root of {host} to {setting}")
        }
        "taint.protected_paths" | "fetch_proxy.monitoring.blocklist" => format!("take it off {setting}"),
        "adaptive_enforcement.levels" => {
            format!("pipelock session reset; or weaken what a level does in {setting}")
        }
        _ if setting.starts_with("uninspectable.") => nested(setting, "allow"),
        _ if setting.starts_with("limits.") || setting.contains("max_") => format!("raise {setting}"),
        other => format!("change {other}"),
    })
}

/// A key with its value, as it stands in the file.
fn nested(key: &str, value: &str) -> String {
    let mut lines = String::new();
    let last = key.matches('.').count();
    for (depth, part) in key.split('.').enumerate() {
        let end = if depth == last { format!(" {value}") } else { "\n".to_owned() };
        // Writing to a string cannot fail.
        let _ = write!(lines, "{}{part}:{end}", "  ".repeat(depth));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;
    use crate::model::{BlockReason, DenyReason};

    const LOG: &str = concat!(
        r#"{"time":"2026-11-28T07:00:00.000Z","event":"blocked","request_id":"a-1","method":"POST","url":"https://api.example.test/v1/notes","host":"api.example.test","status":403,"action":"block","reason":"secret","setting":"suppress","front_door":"captured","original_dst":"203.0.113.10:443","workload":{"pid":7,"uid":0,"executable":"/usr/bin/curl","cgroup":1,"netns":2},"findings":[{"rule":"GitHub Token","severity":"critical","surface":"request_body","view":"raw","offset":9,"length":40}]}"#,
        "\n",
        r#"{"time":"2026-11-28T07:00:01.000Z","event":"allowed","request_id":"a-2","method":"GET","url":"https://api.example.test/","host":"api.example.test","status":200,"action":"allow","reason":null,"findings":[]}"#,
        "\nnot a record\n",
    );

    fn file() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, LOG).unwrap();
        file
    }

    fn source(file: &tempfile::NamedTempFile) -> LogSource {
        LogSource { file: Some(file.path().to_owned()), config: None }
    }

    #[test]
    fn logs_filters_and_keeps_the_last() {
        let file = file();
        for (filter, last, lines) in
            [("event=blocked", None, 1), ("host~example", Some(1), 1), ("host~example", None, 2)]
        {
            let filter = vec![filter.parse().unwrap()];
            let args = LogsArgs { source: source(&file), last, filter, follow: false, json: false };
            let mut out = Vec::new();
            assert_eq!(logs(&args, &mut out, &mut Vec::new()), 0);
            assert_eq!(String::from_utf8(out).unwrap().lines().count(), lines);
        }
    }

    #[test]
    fn explain_names_rule_place_and_the_lines_that_would_change_it() {
        let file = file();
        let args = |id: &str| ExplainArgs { request_id: id.to_owned(), source: source(&file), json: false };
        let mut out = Vec::new();
        assert_eq!(explain(&args("a-1"), &mut out, &mut Vec::new()), 0);
        let text = String::from_utf8(out).unwrap();
        for part in [
            "GitHub Token, critical: 40 bytes at 9 of the request_body",
            "/usr/bin/curl, pid 7",
            "path: \"api.example.test/v1/notes\"",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let mut err = Vec::new();
        assert_eq!(explain(&args("a-9"), &mut Vec::new(), &mut err), 1);
        assert!(String::from_utf8(err).unwrap().contains("has no request or connection a-9"));
    }

    /// For every key that a refusal can name.
    #[test]
    fn what_explain_says_to_write_is_a_configuration_that_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipelock.yaml");
        let settings = BlockReason::ALL.iter().filter_map(|reason| reason.setting());
        let settings = settings.chain(DenyReason::ALL.iter().filter_map(|reason| reason.setting()));
        let mut lines_to_write = 0;
        for setting in settings {
            let mut record: Value = serde_json::from_str(LOG.lines().next().unwrap()).unwrap();
            record["setting"] = setting.into();
            record["host"] = "api.example.test:8443".into();
            let said = change(&record).unwrap();
            // Whatever is said of it, the key is one of the file.
            let known = setting.split('.').try_fold(schema::top_level(), |keys, part| {
                keys.iter().find(|key| key.name == part).map(|key| key.kind.keys().unwrap_or_default())
            });
            assert!(known.is_some(), "{setting} is no key");
            assert!(said.contains(setting.rsplit('.').next().unwrap()) || setting.starts_with("kill_switch"), "{said}");
            let section = format!("{}:", setting.split('.').next().unwrap());
            if said.starts_with(&section) {
                std::fs::write(&path, &said).unwrap();
                let (_, _) = Config::load(&path).unwrap_or_else(|error| panic!("{error}: {said}"));
                lines_to_write += 1;
            }
        }
        assert!(lines_to_write > 10, "{lines_to_write}");
    }

    #[test]
    fn a_refused_connection_is_explained_by_its_number() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let record = r#"{"time":"2026-11-28T07:00:00.000Z","event":"connection","connection":"c7","front_door":"captured","original_dst":"203.0.113.10:443","name":"api.example.test","protocol":"tls","decision":"deny","reason":"not_in_allowlist","setting":"api_allowlist","requests":0,"end":"denied"}"#;
        std::fs::write(&file, format!("{record}\n")).unwrap();
        let args = ExplainArgs { request_id: "c7".to_owned(), source: source(&file), json: false };
        let mut out = Vec::new();
        assert_eq!(explain(&args, &mut out, &mut Vec::new()), 0);
        let text = String::from_utf8(out).unwrap();
        for part in ["tls to api.example.test", "deny (not_in_allowlist)", "api_allowlist: [\"api.example.test\"]"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_missing_log_is_an_error_that_names_it() {
        let file = Some("/nonexistent/audit.jsonl".into());
        let args = LogsArgs {
            source: LogSource { file, config: None },
            last: None,
            filter: Vec::new(),
            follow: false,
            json: false,
        };
        let mut err = Vec::new();
        assert_eq!(logs(&args, &mut Vec::new(), &mut err), EXIT_CONFIG);
        assert!(String::from_utf8(err).unwrap().contains("/nonexistent/audit.jsonl"));
    }
}

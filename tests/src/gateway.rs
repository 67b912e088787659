//! `pipelock exec` under test: its configuration, its run, and what it wrote down.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::node::Node;
use crate::process::{DEADLINE, Finished, Running, eventually};

/// How long one run may take: the scanner's database is compiled at the start, by an unoptimised build, beside another.
const RUN_DEADLINE: Duration = Duration::from_mins(5);

/// The explicit proxy door inside the application's namespace, as proxy variables name it.
pub const PROXY_URL: &str = "http://127.0.0.1:8888";

/// The `pipelock` binary: `PIPELOCK_BIN`, else the one beside the test executable.
#[must_use]
pub fn binary() -> PathBuf {
    std::env::var_os("PIPELOCK_BIN").map_or_else(|| built("pipelock"), PathBuf::from)
}

/// A binary of this workspace's own build, `target/<profile>/<name>`: the running test executable stands in
/// `target/<profile>` or in `deps` below it.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let executable = std::env::current_exe().unwrap_or_default();
    let directory = executable.parent().unwrap_or(Path::new("."));
    let directory = if directory.ends_with("deps") { directory.parent().unwrap_or(directory) } else { directory };
    directory.join(name)
}

/// One use of `pipelock exec` on a node.
#[derive(Clone, Debug)]
pub struct Exec<'node> {
    node: &'node Node,
    mode: &'static str,
    no_proxy: Vec<String>,
    api_allowlist: Vec<String>,
    passthrough_domains: Vec<String>,
    environment: Vec<(String, String)>,
    config: Option<String>,
    quiet: bool,
}

impl<'node> Exec<'node> {
    /// Balanced mode, interception on, the node's root trusted for upstreams, no other rule.
    #[must_use]
    pub fn on(node: &'node Node) -> Self {
        Self {
            node,
            mode: "balanced",
            no_proxy: Vec::new(),
            api_allowlist: Vec::new(),
            passthrough_domains: Vec::new(),
            environment: Vec::new(),
            config: None,
            quiet: false,
        }
    }

    /// Sets `mode`.
    #[must_use]
    pub fn mode(mut self, mode: &'static str) -> Self {
        self.mode = mode;
        self
    }

    /// Adds an entry to `no_proxy.list`.
    #[must_use]
    pub fn no_proxy(mut self, entry: &str) -> Self {
        self.no_proxy.push(entry.to_owned());
        self
    }

    /// Adds a host to `api_allowlist`.
    #[must_use]
    pub fn allow(mut self, host: &str) -> Self {
        self.api_allowlist.push(host.to_owned());
        self
    }

    /// Adds a host to `tls_interception.passthrough_domains`.
    #[must_use]
    pub fn passthrough(mut self, host: &str) -> Self {
        self.passthrough_domains.push(host.to_owned());
        self
    }

    /// Sets a variable for `pipelock`, and so for the command it runs.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Uses this text as the configuration instead of one made from the settings above.
    #[must_use]
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Some(text.into());
        self
    }

    /// No line for each connection.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Runs a command through the gateway to its end.
    ///
    /// # Errors
    /// When `pipelock` cannot be started or does not end in time; not when the command fails.
    pub fn run<A: AsRef<std::ffi::OsStr>>(self, argv: impl IntoIterator<Item = A>) -> Result<Outcome> {
        self.start(argv)?.finish()
    }

    /// Starts a command through the gateway.
    ///
    /// # Errors
    /// When `pipelock` cannot be started.
    pub fn start<A: AsRef<std::ffi::OsStr>>(self, argv: impl IntoIterator<Item = A>) -> Result<Session> {
        let (mut command, audit_log) = self.prepare()?;
        command.arg("--").args(argv);
        Ok(Session { process: Running::start(command)?, audit_log })
    }

    /// The command line up to `--`, with its configuration written.
    fn prepare(self) -> Result<(Command, PathBuf)> {
        let run = tempfile::Builder::new().prefix("run-").tempdir_in(self.node.directory()).context("run directory")?;
        // Kept until the node goes, because the process started from it outlives this function.
        let run = run.keep();
        let config = run.join("pipelock.yaml");
        let audit_log = run.join("audit.jsonl");
        let text = self.config.clone().map_or_else(|| self.settings(), Ok)?;
        std::fs::write(&config, text).context("writing the configuration")?;
        let mut command = self.node.command(binary());
        command.arg("exec").arg("--config").arg(config).arg("--audit-log").arg(&audit_log);
        command.args(self.quiet.then_some("--quiet")).envs(self.environment);
        Ok((command, audit_log))
    }

    fn settings(&self) -> Result<String> {
        let mut text = String::new();
        writeln!(text, "version: 1\nmode: {}", self.mode)?;
        list(&mut text, "api_allowlist", &self.api_allowlist)?;
        writeln!(text, "tls_interception:\n  enabled: true")?;
        list(&mut text, "  upstream_ca_files", &[self.node.root_pem().display().to_string()])?;
        list(&mut text, "  passthrough_domains", &self.passthrough_domains)?;
        if !self.no_proxy.is_empty() {
            writeln!(text, "no_proxy:")?;
            list(&mut text, "  list", &self.no_proxy)?;
        }
        Ok(text)
    }
}

/// Writes a YAML list on one line; JSON strings are YAML strings.
fn list(text: &mut String, key: &str, items: &[String]) -> Result<()> {
    if !items.is_empty() {
        writeln!(text, "{key}: {}", serde_json::to_string(items)?)?;
    }
    Ok(())
}

/// A run that goes on.
#[derive(Debug)]
pub struct Session {
    /// The `pipelock exec` process.
    pub process: Running,
    audit_log: PathBuf,
}

impl Session {
    /// Waits until the audit log holds this text.
    ///
    /// # Errors
    /// After [`DEADLINE`].
    pub fn wait_for_record(&self, text: &str) -> Result<()> {
        eventually(DEADLINE, || {
            let log = std::fs::read_to_string(&self.audit_log).unwrap_or_default();
            if log.contains(text) { Ok(()) } else { Err(format!("no record with {text} in {log:?}")) }
        })
    }

    /// Waits for it to end.
    ///
    /// # Errors
    /// When it does not in time, or its audit log is not JSON lines.
    pub fn finish(self) -> Result<Outcome> {
        let finished = self.process.finish(RUN_DEADLINE)?;
        let text = std::fs::read_to_string(&self.audit_log).unwrap_or_default();
        let audit = text
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("audit record is not JSON: {line}")))
            .collect::<Result<Vec<Value>>>()?;
        Ok(Outcome { finished, audit, audit_text: text })
    }
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit status and output of `pipelock exec`.
    pub finished: Finished,
    /// The audit log.
    pub audit: Vec<Value>,
    /// The audit log as text, to look for what must not stand in it.
    pub audit_text: String,
}

impl Outcome {
    /// The exit code; `None` when a signal ended `pipelock` itself.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.finished.status.code()
    }

    /// The audit records of connections.
    pub fn connections(&self) -> impl Iterator<Item = &Value> {
        self.audit.iter().filter(|record| record["event"] == "connection")
    }

    /// The audit records of requests, `allowed` and `blocked`.
    pub fn requests(&self) -> impl Iterator<Item = &Value> {
        self.audit.iter().filter(|record| record["event"] == "allowed" || record["event"] == "blocked")
    }

    /// The only audit record of a request.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn only_request(&self) -> Result<&Value> {
        only(self.requests()).with_context(|| format!("request records of {self:#?}"))
    }

    /// The only audit record of a connection.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn only_connection(&self) -> Result<&Value> {
        only(self.connections()).with_context(|| format!("connection records of {self:#?}"))
    }
}

fn only<'a>(mut records: impl Iterator<Item = &'a Value>) -> Result<&'a Value> {
    match (records.next(), records.next()) {
        (Some(record), None) => Ok(record),
        (None, _) => anyhow::bail!("expected one record, found none"),
        (Some(_), Some(_)) => anyhow::bail!("expected one record, found more"),
    }
}

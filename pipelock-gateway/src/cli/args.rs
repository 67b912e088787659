//! The arguments of each command, as they are typed.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::events;
use crate::model::Mode;

/// Arguments of `pipelock run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The channels to the helper, by number: for the process that it starts.
    #[arg(long, hide = true, value_name = "FDS")]
    pub helper: Option<String>,
    /// Configuration file (pipelock.yaml). Without one: the defaults, with TLS relayed unopened.
    #[arg(short, long, value_name = "FILE", env = "PIPELOCK_CONFIG")]
    pub config: Option<PathBuf>,
    /// Overrides `mode` of the configuration.
    #[arg(short, long, value_name = "MODE", value_parser = parse_mode)]
    pub mode: Option<Mode>,
    /// Where the proxy, /health and /metrics listen. Default: `fetch_proxy.listen`, 127.0.0.1:8888.
    #[arg(short, long, value_name = "ADDR", value_parser = parse_listen)]
    pub listen: Option<SocketAddr>,
    /// Where the MCP reverse proxy listens.
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    pub mcp_listen: Option<SocketAddr>,
    /// The MCP endpoint behind it, for example `http://web:3000/mcp`.
    #[arg(long, value_name = "URL")]
    pub mcp_upstream: Option<String>,
    /// Take the place of the gateway that runs: its listeners, so that no connection is refused. It stops accepting when this
    /// one serves, finishes what is open, and ends. Without one that captures something, this is an ordinary start.
    #[arg(long)]
    pub take_over: bool,
}

/// Arguments of `pipelock wait`.
#[derive(Clone, Debug, Args)]
pub struct WaitArgs {
    /// How long at most.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub timeout: std::time::Duration,
    /// One JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pipelock exec`.
#[derive(Clone, Debug, Args)]
pub struct ExecArgs {
    /// Configuration file (pipelock.yaml). Without one: balanced mode, TLS opened with a CA made for this run.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Append one JSON record a connection and one a request to this file.
    #[arg(long, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// Overrides `mode` of the configuration.
    #[arg(short, long, value_name = "MODE", value_parser = parse_mode)]
    pub mode: Option<Mode>,
    /// Where /health, /metrics and the explicit proxy listen. Default: `fetch_proxy.listen`, 127.0.0.1:8888; where that
    /// default is taken, another port is chosen and printed.
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,
    /// Do not print a line for each connection.
    #[arg(short, long)]
    pub quiet: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Arguments of `pipelock check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Configuration file (pipelock.yaml).
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One JSON object on standard output: what is in force, warnings, and what is wrong.
    #[arg(long)]
    pub json: bool,
    /// Whether a request for this URL would be refused; exit code 1 if so. Nothing is resolved or dialled.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// Arguments of `pipelock install-check`.
#[derive(Clone, Debug, Args)]
pub struct InstallCheckArgs {
    /// The configuration that is to be installed: its sources and its port are looked at.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pipelock scan`.
#[derive(Clone, Debug, Args)]
pub struct ScanArgs {
    /// Configuration file (pipelock.yaml): its mode and its rules are in force. Without one: balanced mode, built-in rules.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How many records are judged at once. Default: one a processor.
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// What `pipelock rules` does.
#[derive(Clone, Debug, Subcommand)]
pub enum RulesCommand {
    /// One line a rule.
    List {
        /// Configuration file (pipelock.yaml), for its own rules and what it switches off.
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// JSON lines, one rule each, samples included.
        #[arg(long)]
        json: bool,
    },
    /// Everything about one rule: what it matches, what it is checked by, its samples.
    Show {
        /// Name of the rule, in any case; a part of it will do when no other rule has it.
        name: String,
        /// Configuration file (pipelock.yaml).
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// What each expression costs on the text on standard input: how often it fires, and its time alone. Dearest first.
    Cost {
        /// Configuration file (pipelock.yaml).
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// JSON lines, one expression each.
        #[arg(long)]
        json: bool,
    },
    /// Try every rule on its samples: exit code 1 when one that must be found is not, or one that must not be is.
    Test {
        /// Configuration file (pipelock.yaml).
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// One JSON object: what was tried, and what is wrong.
        #[arg(long)]
        json: bool,
    },
}

/// Whom to ask, and as who.
#[derive(Clone, Debug, Args)]
pub struct ApiArgs {
    /// Where the API listens: `kill_switch.api_listen` of the gateway.
    #[arg(long, value_name = "URL", env = "PIPELOCK_API_URL", default_value = "http://127.0.0.1:9091")]
    pub api_url: String,
    /// The token: `kill_switch.api_token` of the gateway.
    #[arg(long, value_name = "TOKEN", env = "PIPELOCK_KILLSWITCH_API_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `pipelock kill-switch` does.
#[derive(Clone, Debug, Subcommand)]
pub enum KillSwitchCommand {
    /// Refuse everything.
    On(ApiArgs),
    /// Stop refusing, unless another source says otherwise.
    Off(ApiArgs),
    /// Which sources say so.
    Status(ApiArgs),
}

/// What `pipelock session` does.
#[derive(Clone, Debug, Subcommand)]
pub enum SessionCommand {
    /// All sessions.
    List(ApiArgs),
    /// One session.
    Inspect {
        /// As the list shows it.
        key: String,
        /// Whom to ask.
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Forget the score and the level of a session.
    Reset {
        /// As the list shows it.
        key: String,
        /// Whom to ask.
        #[command(flatten)]
        api: ApiArgs,
    },
}

/// What `pipelock generate` writes.
#[derive(Clone, Debug, Subcommand)]
pub enum GenerateCommand {
    /// A pipelock.yaml to begin with.
    Config {
        /// How strict.
        #[arg(long, value_enum, default_value_t = Preset::Balanced)]
        preset: Preset,
        /// The file to write; it must not exist. Default: standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// One JSON object: the preset, its text, and where it was written.
        #[arg(long)]
        json: bool,
    },
    /// The JSON Schema of pipelock.yaml, for editors.
    Schema,
    /// The reference of every key, in Markdown.
    Reference {
        /// A JSON list instead: every key with its path, kind, default, meaning and what comes of it here.
        #[arg(long)]
        json: bool,
    },
    /// Completions for a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
    /// Manual pages, one a command.
    Man {
        /// The directory to write them to.
        directory: PathBuf,
        /// A JSON list of what was written.
        #[arg(long)]
        json: bool,
    },
}

/// A configuration to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// Only listed hosts.
    Strict,
    /// Every host; credentials are stopped.
    Balanced,
    /// Nothing is stopped.
    Audit,
}

/// Arguments of `pipelock healthcheck`.
#[derive(Clone, Debug, Args)]
pub struct HealthcheckArgs {
    /// Where the gateway answers /health.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8888")]
    pub addr: String,
    /// One JSON object on standard output.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pipelock test`.
#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Configuration file (pipelock.yaml).
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only these categories, separated by commas: dlp, entropy, scheme, `response_injection`, `mcp_response`, `mcp_input`,
    /// `mcp_tools`, clean.
    #[arg(long, value_name = "NAMES")]
    pub category: Vec<String>,
    /// Exit code 1 also for what the configuration has switched off.
    #[arg(long)]
    pub fail_on_gap: bool,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// No colours on a terminal.
    #[arg(long)]
    pub no_color: bool,
}

/// Arguments of `pipelock simulate` and `pipelock audit score`.
#[derive(Clone, Debug, Args)]
pub struct ScoreArgs {
    /// Configuration file (pipelock.yaml).
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What `pipelock audit` does.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// Twelve looks at a configuration, 0 to 100, and a grade.
    Score(ScoreArgs),
}

/// Which audit log.
#[derive(Clone, Debug, Args)]
pub struct LogSource {
    /// The audit log (JSON lines); - is standard input.
    #[arg(long, visible_alias = "input", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Configuration file whose `logging.file` it is.
    #[arg(short, long, value_name = "FILE", env = "PIPELOCK_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Arguments of `pipelock logs`.
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// Which.
    #[command(flatten)]
    pub source: LogSource,
    /// Only the last N.
    #[arg(short = 'n', long, value_name = "N")]
    pub last: Option<usize>,
    /// Only records of which this holds: name=value, name!=value or name~part, for example event=blocked or rule~GitHub. All
    /// of several must hold.
    #[arg(long, value_name = "CONDITION")]
    pub filter: Vec<events::Condition>,
    /// Go on with what is appended.
    #[arg(short, long)]
    pub follow: bool,
    /// The records as they are.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pipelock explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// As a refusal and the audit log show it.
    pub request_id: String,
    /// Which log.
    #[command(flatten)]
    pub source: LogSource,
    /// JSON instead of lines for people.
    #[arg(long)]
    pub json: bool,
}

/// What a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// One page that stands alone.
    Html,
    /// The numbers.
    Json,
}

/// Arguments of `pipelock report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// Which log.
    #[command(flatten)]
    pub source: LogSource,
    /// What to write.
    #[arg(long, value_enum, default_value_t = ReportFormat::Html)]
    pub format: ReportFormat,
    /// Where to. Default: standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The heading.
    #[arg(long, default_value = "Pipelock report")]
    pub title: String,
    /// From this time on, as records write it: 2026-11-28 or 2026-11-28T07:00.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Up to this time.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only the last N days.
    #[arg(long, value_name = "N", conflicts_with = "since", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub days: Option<u32>,
}

/// Arguments of `pipelock keygen`.
#[derive(Clone, Debug, Args)]
pub struct KeygenArgs {
    /// Where the private key goes, with mode 0600; it must not exist.
    #[arg(value_name = "FILE")]
    pub key: PathBuf,
    /// One JSON object with the two files.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `pipelock verify-receipt`.
#[derive(Clone, Debug, Args)]
pub struct VerifyReceiptArgs {
    /// The public key, as `pipelock keygen` writes it.
    #[arg(short, long, value_name = "FILE")]
    pub key: PathBuf,
    /// JSON instead of lines for people.
    #[arg(long)]
    pub json: bool,
    /// A directory of receipts, or one file.
    #[arg(value_name = "PATH")]
    pub receipts: PathBuf,
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    text.parse().map_err(|e: crate::model::InvalidMode| e.to_string())
}

fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::parse_duration(text).map_err(|reason| reason.to_string())
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    crate::config::parse_listen(text)
        .ok_or_else(|| "write an IP address and a port, for example 127.0.0.1:8888".to_owned())
}

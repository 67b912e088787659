//! The command line: one file a command, each a function from typed arguments to an exit code.
//!
//! Exit codes are the reference's: 0 fine, 1 a check failed, 2 the configuration or the machine is not fit, 10 and above
//! belong to a wrapped command (surfaces.md §7). Messages go to stderr and are one line each. This is the edge of the
//! library, where errors are printed once: it may use `anyhow`, nothing else may.

pub mod ca;
mod capture;
pub mod check;
mod control_api;
mod discover;
mod doctor;
pub mod events;
pub mod exec;
pub mod generate;
pub mod logs;
mod mcp;
pub mod posture;
mod privilege;
pub mod receipts;
mod reload;
pub mod remote;
pub mod report;
pub mod rules;
pub mod run;
pub mod scan;
pub mod selftest;
mod serve;
mod startup;
pub mod trust;
mod wait;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::model::Mode;

/// The configuration or the machine is not fit for what was asked.
pub const EXIT_CONFIG: u8 = 2;

/// Pipelock eBPF: redirects what a program sends, looks into it, and stops secrets.
#[derive(Debug, Parser)]
#[command(name = "pipelock", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway as a daemon: explicit proxy, /health and /metrics on one port, until SIGTERM or SIGINT.
    Run(RunArgs),
    /// What the daemon of this machine captures, how well, since when; exit code 1 when something is not captured.
    Targets {
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Remove all kernel programs that `run` left attached. What was captured goes on uncaptured.
    Uninstall,
    /// Hold an app until its own connections are redirected: for an init container. Exit code 1 when they are not in time.
    Wait(WaitArgs),
    /// Run a command with every outbound connection of it, and of all it starts, going through the gateway.
    Exec(ExecArgs),
    /// Check a configuration file and print the policy in force.
    Check(CheckArgs),
    /// Judge messages as the gateway would, without a network: JSON lines on standard input, one verdict a line on standard
    /// output, in the same order.
    Scan(ScanArgs),
    /// What is looked for: every rule with its severity and samples.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Refuse everything at once, or stop refusing, at a running gateway.
    #[command(subcommand)]
    KillSwitch(KillSwitchCommand),
    /// What a running gateway remembers of those who send.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Write a configuration to begin with, its JSON Schema, the reference, shell completions or manual pages.
    #[command(subcommand)]
    Generate(GenerateCommand),
    /// The authority that signs leaves: make it, show it, hand it out, rotate it.
    #[command(subcommand, alias = "tls")]
    Ca(ca::CaCommand),
    /// What makes clients trust the authority, and whether they do.
    #[command(subcommand)]
    Trust(ca::TrustCommand),
    /// Send attacks and ordinary messages through the rules of a configuration: exit code 1 when one is not judged as it should be.
    Test(TestArgs),
    /// The same attacks as a scorecard: a share by category, and a grade.
    Simulate(ScoreArgs),
    /// How much of what there is a configuration switches on.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print records of the audit log, filtered, as they come when asked.
    Logs(LogsArgs),
    /// What was seen of one request, which rule, and which key would change it.
    Explain(ExplainArgs),
    /// What the audit log adds up to: one HTML page that loads nothing, or JSON.
    Report(ReportArgs),
    /// The version of this program.
    Version {
        /// JSON instead of a line.
        #[arg(long)]
        json: bool,
    },
    /// Make the key pair of the flight recorder: FILE, and FILE.pub to verify with.
    Keygen(KeygenArgs),
    /// Check receipts of the flight recorder: exit code 0 when every signature and link holds, 1 when not.
    VerifyReceipt(VerifyReceiptArgs),
    /// Ask a running gateway whether it is healthy: exit code 0 if so, 1 if not.
    Healthcheck(HealthcheckArgs),
    /// What this kernel and this user can do, need by need, with the remedy for what is missing.
    Probe,
    /// Everything that stands between this machine and a full capture, with the evidence and the remedy; exit code 2 when
    /// capture cannot work.
    Doctor {
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `pipelock run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
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
    },
    /// The JSON Schema of pipelock.yaml, for editors.
    Schema,
    /// The reference of every key, in Markdown.
    Reference,
    /// Completions for a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
    /// Manual pages, one a command.
    Man {
        /// The directory to write them to.
        directory: PathBuf,
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
}

/// Arguments of `pipelock keygen`.
#[derive(Clone, Debug, Args)]
pub struct KeygenArgs {
    /// Where the private key goes, with mode 0600; it must not exist.
    #[arg(value_name = "FILE")]
    pub key: PathBuf,
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

/// Runs what the command line asks for.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    if matches!(
        cli.command,
        Command::Run(_) | Command::Exec(_) | Command::Check(_) | Command::Scan(_) | Command::Rules(_)
    ) {
        let is_root = rustix::process::geteuid().is_root();
        let directory = crate::pipeline::compiled_rules_directory(|name| std::env::var_os(name), is_root);
        crate::pipeline::keep_compiled_rules(directory.as_deref());
    }
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Targets { json } => targets(json),
        Command::Uninstall => uninstall(),
        Command::Wait(args) => wait::run(&args, &mut io::stdout()),
        Command::Exec(args) => exec::run(&args),
        Command::Check(args) => {
            ExitCode::from(check::check(args.config.as_deref(), &mut io::stdout(), &mut io::stderr()))
        }
        Command::Scan(args) => ExitCode::from(scan::run(&args)),
        Command::Rules(command) => ExitCode::from(rules::run(&command, &mut io::stdout(), &mut io::stderr())),
        Command::KillSwitch(command) => {
            ExitCode::from(remote::kill_switch(&command, &mut io::stdout(), &mut io::stderr()))
        }
        Command::Session(command) => ExitCode::from(remote::session(&command, &mut io::stdout(), &mut io::stderr())),
        Command::Generate(command) => {
            ExitCode::from(generate::generate(&command, &mut io::stdout(), &mut io::stderr()))
        }
        Command::Ca(command) => ExitCode::from(ca::run(&command, &mut io::stdout(), &mut io::stderr())),
        Command::Trust(ca::TrustCommand::Check(args)) => trust::check(&args),
        Command::Trust(command) => ExitCode::from(ca::run_trust(&command, &mut io::stdout(), &mut io::stderr())),
        Command::Test(args) => ExitCode::from(selftest::test(&args, &mut io::stdout(), &mut io::stderr())),
        Command::Simulate(args) => ExitCode::from(posture::simulate(&args, &mut io::stdout(), &mut io::stderr())),
        Command::Audit(AuditCommand::Score(args)) => {
            ExitCode::from(posture::audit_score(&args, &mut io::stdout(), &mut io::stderr()))
        }
        Command::Logs(args) => ExitCode::from(logs::logs(&args, &mut io::stdout(), &mut io::stderr())),
        Command::Explain(args) => ExitCode::from(logs::explain(&args, &mut io::stdout(), &mut io::stderr())),
        Command::Report(args) => ExitCode::from(report::report(&args, &mut io::stdout(), &mut io::stderr())),
        Command::Version { json } => version(json),
        Command::Keygen(args) => ExitCode::from(receipts::keygen(&args, &mut io::stdout(), &mut io::stderr())),
        Command::VerifyReceipt(args) => {
            ExitCode::from(receipts::verify_receipt(&args, &mut io::stdout(), &mut io::stderr()))
        }
        Command::Healthcheck(args) => healthcheck(&args),
        Command::Probe => probe(),
        Command::Doctor { json } => examine(json),
    }
}

/// Log lines go to stderr; `PIPELOCK_LOG` takes what `tracing_subscriber::EnvFilter` does, and is `warn` when not set
/// (with everything the BPF object logs, in builds that carry the one that does).
pub fn init_log() {
    let unset = if cfg!(feature = "ebpf-log") { "warn,pipelock_ebpf=trace" } else { "warn" };
    let filter = EnvFilter::try_from_env("PIPELOCK_LOG").unwrap_or_else(|_| EnvFilter::new(unset));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).compact().init();
}

fn healthcheck(args: &HealthcheckArgs) -> ExitCode {
    // A name, too: a Service is known by one. The first address decides, as clients of it would have it.
    let resolved = args.addr.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    let Some(address) = resolved else {
        let _ = writeln!(io::stderr(), "pipelock: {} is not ADDRESS:PORT, or its name has no address", args.addr);
        return ExitCode::FAILURE;
    };
    match crate::admin::healthcheck(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pipelock: {}", crate::model::error_chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn version(json: bool) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let line = if json { format!(r#"{{"version":"{version}"}}"#) } else { format!("pipelock {version}") };
    if writeln!(io::stdout(), "{line}").is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn targets(json: bool) -> ExitCode {
    match capture::show(json, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pipelock: {error:#}");
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn uninstall() -> ExitCode {
    match capture::uninstall(&mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pipelock: {error:#}");
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

fn examine(json: bool) -> ExitCode {
    match doctor::run(json, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_CONFIG),
        Err(error) => {
            let _ = writeln!(io::stderr(), "pipelock: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn probe() -> ExitCode {
    let report = crate::capture::probe::probe(&crate::capture::probe::ThisKernel);
    let _ = write!(io::stdout(), "{report}");
    if report.require().is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CONFIG) }
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

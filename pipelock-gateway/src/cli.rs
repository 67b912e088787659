//! The command line: one file a command, each a function from typed arguments to an exit code.
//!
//! Exit codes are the reference's: 0 fine, 1 a check failed, 2 the configuration or the machine is not fit, 3 everything is
//! refused, 10 a wrapped command failed by itself (surfaces.md §7); `exec` ends with its command's own code. Messages go to stderr and are one line each. This is the edge of the
//! library, where errors are printed once: it may use `anyhow`, nothing else may.

mod args;
pub mod ca;
mod capture;
pub mod check;
mod confine;
mod control_api;
mod discover;
mod doctor;
pub mod events;
pub mod exec;
pub mod generate;
mod install_check;
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
mod separate;
mod serve;
mod startup;
pub mod trust;
mod wait;

use std::io::{self, Write};
use std::net::ToSocketAddrs as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

pub use args::{
    ApiArgs, AuditCommand, CheckArgs, ExecArgs, ExplainArgs, GenerateCommand, HealthcheckArgs, InstallCheckArgs,
    KeygenArgs, KillSwitchCommand, LogSource, LogsArgs, Preset, ReportArgs, ReportFormat, RulesCommand, RunArgs,
    ScanArgs, ScoreArgs, SessionCommand, TestArgs, VerifyReceiptArgs, WaitArgs,
};

/// The configuration or the machine is not fit for what was asked.
pub const EXIT_CONFIG: u8 = 2;

/// A wrapped command failed by itself, so that what was asked is not known. `exec` ends with its command's own code instead.
pub const EXIT_COMMAND: u8 = 10;

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
    Uninstall {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
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
    /// Tries what a proxy process must not be able to do: here, and in a process confined like one. One line of JSON each.
    #[command(hide = true)]
    Confinement {
        /// For the process that is confined.
        #[arg(long, hide = true)]
        inside: bool,
    },
    /// What this kernel and this user can do, need by need, with the remedy for what is missing.
    Probe {
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Everything that stands between this machine and a full capture, with the evidence and the remedy; exit code 2 when
    /// capture cannot work.
    #[command(visible_alias = "diagnose")]
    Doctor {
        /// A configuration that is to be valid, too.
        #[arg(short, long, value_name = "FILE")]
        config: Option<std::path::PathBuf>,
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
        /// There are no colours here; for scripts of the reference.
        #[arg(long)]
        no_color: bool,
    },
    /// What an installation on this machine would meet: the list of `doctor`, the configuration, container runtimes, the network
    /// of pods, ports, an earlier gateway. Exit code 2 when something stands in the way.
    InstallCheck(InstallCheckArgs),
}
/// Runs what the command line asks for.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    // The proxy process of a helper has it read them.
    let helped = matches!(&cli.command, Command::Run(args) if args.helper.is_some());
    if matches!(
        cli.command,
        Command::Run(_) | Command::Exec(_) | Command::Check(_) | Command::Scan(_) | Command::Rules(_)
    ) && !helped
    {
        let is_root = rustix::process::geteuid().is_root();
        let directory = crate::pipeline::compiled_rules_directory(|name| std::env::var_os(name), is_root);
        crate::pipeline::keep_compiled_rules(directory.as_deref());
    }
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Confinement { inside } => separate::try_confinement(inside, &mut io::stdout()),
        Command::Targets { json } => targets(json),
        Command::Uninstall { json } => uninstall(json),
        Command::Wait(args) => wait::run(&args, &mut io::stdout()),
        Command::Exec(args) => exec::run(&args),
        Command::Check(args) => {
            let path = args.config.as_deref();
            ExitCode::from(match (&args.url, args.json) {
                (Some(url), json) => check::check_url(path, url, json, &mut io::stdout(), &mut io::stderr()),
                (None, true) => check::check_json(path, &mut io::stdout(), &mut io::stderr()),
                (None, false) => check::check(path, &mut io::stdout(), &mut io::stderr()),
            })
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
        Command::Probe { json } => probe(json),
        Command::Doctor { config, json, no_color: _ } => {
            examined(doctor::run(config.as_deref(), json, &mut io::stdout()))
        }
        Command::InstallCheck(args) => examined(install_check::run(&args, &mut io::stdout())),
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
    let asked = match resolved {
        Some(address) => crate::admin::healthcheck(address).map_err(|error| crate::model::error_chain(&error)),
        None => Err(format!("{} is not ADDRESS:PORT, or its name has no address", args.addr)),
    };
    if let Err(why) = &asked {
        let _ = writeln!(io::stderr(), "pipelock: {why}");
    }
    let told = if args.json {
        let answer = serde_json::json!({ "healthy": asked.is_ok(), "addr": args.addr, "error": asked.as_ref().err() });
        writeln!(io::stdout(), "{answer}")
    } else {
        Ok(())
    };
    if asked.is_ok() && told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn version(json: bool) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let line = if json { format!(r#"{{"version":"{version}"}}"#) } else { format!("pipelock {version}") };
    if writeln!(io::stdout(), "{line}").is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Says what went wrong: [`EXIT_CONFIG`], or a failure where only the output could not be written.
fn unfit(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "pipelock: {error:#}");
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::BrokenPipe | io::ErrorKind::StorageFull) => ExitCode::FAILURE,
        _ => ExitCode::from(EXIT_CONFIG),
    }
}

fn targets(json: bool) -> ExitCode {
    match capture::show(json, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => unfit(&error),
    }
}

fn uninstall(json: bool) -> ExitCode {
    match capture::uninstall(json, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => unfit(&error),
    }
}

fn examined(outcome: anyhow::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_CONFIG),
        Err(error) => {
            let _ = writeln!(io::stderr(), "pipelock: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn probe(json: bool) -> ExitCode {
    use crate::capture::probe::{State, ThisKernel};
    let report = crate::capture::probe::probe(&ThisKernel);
    let told = if json {
        let answer = |(need, state): (crate::capture::probe::Need, &State)| match state {
            State::Present { evidence } => {
                serde_json::json!({ "need": need.as_str(), "present": true, "evidence": evidence })
            }
            State::Missing { evidence, remedy } => serde_json::json!({
                "need": need.as_str(), "present": false, "evidence": evidence, "remedy": remedy,
            }),
        };
        writeln!(io::stdout(), "{}", report.states().map(answer).collect::<serde_json::Value>())
    } else {
        write!(io::stdout(), "{report}")
    };
    match (told, report.require()) {
        (Err(_), _) => ExitCode::FAILURE,
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (Ok(()), Err(_)) => ExitCode::from(EXIT_CONFIG),
    }
}

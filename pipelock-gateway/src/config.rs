//! The configuration file, `pipelock.yaml`, read strictly into values that need no further check.
//!
//! A file is parsed once into a tree that knows lines and columns, each section reads its own part of it, and the result
//! is one immutable [`Config`]; a reload makes a new one. Defaults live here and nowhere else. Strict means: a key that
//! does not exist, a value of the wrong kind, a key twice or a second document is an error that names file, line, column,
//! key, value and remedy. Sections of the reference that this version does not honour yet are known by name and give a
//! warning; their content is not checked.
//!
//! Nothing here opens a socket, loads a key, compiles a rule or reads a clock. Files that are *named* are only looked at:
//! whether they exist, and who may read a private key. Next: the pipeline hands each stage the part it needs.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::model::{DomainList, Mode, SecretVariables, SessionPolicy, Suppression};

mod accepted;
mod canary_tokens;
mod capture;
mod credential_binding;
mod cross_request;
mod discover;
mod dlp;
mod duration;
mod emit;
mod error;
mod fetch_proxy;
mod files;
mod flight_recorder;
mod forward_proxy;
mod keys;
mod kill_switch;
mod limits;
mod logging;
mod mcp;
mod names;
mod no_proxy;
mod reader;
mod redaction;
mod request_body;
mod response_scanning;
mod scan_api;
pub mod schema;
mod sessions;
mod suppress;
mod taint;
mod tls_interception;
mod uninspectable;
mod websocket_proxy;
mod workload_env;
mod workloads;
mod yaml;

#[cfg(test)]
mod tests;

pub use canary_tokens::CanaryToken;
pub use capture::{Capture, CaptureTarget, Treatment};
pub use credential_binding::CredentialBindings;
pub use cross_request::CrossRequest;
pub use discover::{Discover, DiscoverFrom};
pub use dlp::{Dlp, DlpPattern, PatternSamples};
pub use duration::{InvalidDuration, parse_duration};
pub use emit::{Emit, Post as EmitPost, Severity as EmitSeverity, Syslog as EmitSyslog};
pub use error::{Error, Hint, Place, Problem, Warning};
pub use fetch_proxy::{FetchProxy, parse_listen};
pub use flight_recorder::FlightRecorder;
pub use forward_proxy::ForwardProxy;
pub use kill_switch::KillSwitch;
pub use limits::Limits;
pub use logging::{LogFormat, LogOutput, Logging};
pub use mcp::{
    Mcp, McpInputScanning, McpListener, McpRedirect, McpRule, McpRuleAction, McpSessionBinding, McpState,
    McpToolScanning, RedisUrl, ToolChainDetection,
};
pub use names::Names;
pub use no_proxy::NoProxy;
pub use redaction::{Redaction, RedactionList};
pub use request_body::{OnSecret, RequestBodyScanning};
pub use response_scanning::{OnOrders, ResponseScanning, SseMode, SseStreaming};
pub use scan_api::ScanApi;
pub use tls_interception::{CaFiles, TlsInterception};
pub use uninspectable::Uninspectable;
pub use websocket_proxy::WebSocketProxy;
pub use workloads::WorkloadRules;
pub use yaml::Mark;

use reader::{Section, Source, Value};
use yaml::FaultKind;

/// No configuration is near this size, and everything read is held in memory several times over.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The schema this build reads.
const SCHEMA_VERSION: u64 = 1;

/// Hosts strict mode admits where there is no file: model providers, chat services and code hosting, after the reference.
const DEFAULT_ALLOWLIST: [&str; 9] = [
    "*.anthropic.com",
    "*.openai.com",
    "api.telegram.org",
    "*.discord.com",
    "gateway.discord.gg",
    "*.slack.com",
    "github.com",
    "*.github.com",
    "*.githubusercontent.com",
];

/// One configuration, checked. Holds no secret, so that `Debug` is safe to log.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it is from.
    pub source: ConfigSource,
    /// How strictly content and hosts are judged.
    pub mode: Mode,
    /// `enforce` as written; `None` leaves it to the mode, see [`Config::enforces`].
    pub enforce: Option<bool>,
    /// Hosts that may resolve to private addresses. They are scanned like others.
    pub trusted_domains: DomainList,
    /// The only hosts strict mode admits; never empty in strict mode.
    pub api_allowlist: DomainList,
    /// Opening TLS.
    pub tls_interception: TlsInterception,
    /// Destinations relayed unopened.
    pub no_proxy: NoProxy,
    /// How the gateway itself finds addresses.
    pub names: Names,
    /// What the kernel steers.
    pub capture: Capture,
    /// What is looked for in content that leaves.
    pub dlp: Dlp,
    /// Which variables of the captured processes hold secrets.
    pub workload_env: SecretVariables,
    /// Planted tokens that must never leave.
    pub canary_tokens: Vec<CanaryToken>,
    /// Which credential may go where.
    pub credential_binding: CredentialBindings,
    /// Secrets that leave in pieces.
    pub cross_request: CrossRequest,
    /// What becomes of answers.
    pub response_scanning: ResponseScanning,
    /// WebSocket connections.
    pub websocket_proxy: WebSocketProxy,
    /// What becomes of what is found in requests.
    pub request_bodies: RequestBodyScanning,
    /// What becomes of what cannot be shown to a judge.
    pub uninspectable: Uninspectable,
    /// Bounds and patience.
    pub limits: Limits,
    /// What is replaced in bodies of requests; `None` when nothing is.
    pub redaction: Option<Redaction>,
    /// Findings that are known and harmless.
    pub suppressions: Vec<Suppression>,
    /// Refusing everything at once.
    pub kill_switch: KillSwitch,
    /// What sessions are held to.
    pub sessions: SessionPolicy,
    /// The audit log.
    pub logging: Logging,
    /// The explicit proxy and admin port.
    pub fetch_proxy: FetchProxy,
    /// Whether refusals of the explicit proxy name the key that decides.
    pub explain_blocks: bool,
    /// Who may use the explicit proxy, and for what.
    pub forward_proxy: ForwardProxy,
    /// Private networks that the explicit proxy may reach under any name.
    pub ssrf_allowlist: Vec<ipnet::IpNet>,
    /// Events for other systems.
    pub emit: Emit,
    /// Signed receipts; `None` when none are written.
    pub flight_recorder: Option<FlightRecorder>,
    /// Judging messages for other programs; `None` where nothing listens.
    pub scan_api: Option<ScanApi>,
    /// Other rules for some workloads; the first that fits.
    pub workloads: Vec<WorkloadRules>,
    /// The MCP port.
    pub mcp: Mcp,
}

/// Where a configuration is from, for logs and `/health`: equal digests mean equal files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// No file was given.
    Defaults,
    /// This file.
    File {
        /// As given.
        path: PathBuf,
        /// SHA-256 of its bytes, lower-case hexadecimal.
        sha256: String,
    },
}

impl ConfigSource {
    /// The digest as the reference prints it: 64 hexadecimal digits, or the word `defaults`.
    #[must_use]
    pub fn digest(&self) -> &str {
        match self {
            Self::Defaults => "defaults",
            Self::File { sha256, .. } => sha256,
        }
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("the default configuration"),
            Self::File { path, .. } => path.display().fmt(f),
        }
    }
}

impl Default for Config {
    /// What is in force without a file. Differs from an empty file in one thing: `api_allowlist` has entries.
    fn default() -> Self {
        let api_allowlist = DEFAULT_ALLOWLIST.iter().filter_map(|pattern| pattern.parse().ok()).collect();
        Self { api_allowlist, ..Self::empty(ConfigSource::Defaults) }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The first thing that is wrong with it; see [`Error`]. Warnings are for what is accepted all the same.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), Error> {
        let failed = |source| Error::Read { file: path.to_owned(), source };
        let mut bytes = Vec::new();
        // Measured while reading, because the size of a pipe or of a file being written says nothing.
        crate::files::open(path).map_err(failed)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::TooLarge { file: path.to_owned(), max_bytes: MAX_FILE_BYTES });
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Error::NotText { file: path.to_owned(), line: memchr::memchr_iter(b'\n', before).count() + 1 }
        })?;
        let sha256 = hex(&Sha256::digest(&bytes));
        Self::parse(text, path, ConfigSource::File { path: path.to_owned(), sha256 })
    }

    /// Checks the text of a file. Relative paths in it are taken against the folder of `path`.
    fn parse(text: &str, path: &Path, source: ConfigSource) -> Result<(Self, Vec<Warning>), Error> {
        // Made absolute now, so that a later change of the working directory does not move the files.
        let absolute = std::path::absolute(path).map_err(|source| Error::Read { file: path.to_owned(), source })?;
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        let context = Source { file: path, folder, warnings: RefCell::new(Vec::new()) };
        let tree = yaml::parse(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|fault| {
            let place = context.place(fault.at);
            match fault.kind {
                FaultKind::Syntax(detail) => Error::Syntax { place, detail },
                FaultKind::Duplicate { key, first } => {
                    Error::Invalid { place, key, problem: Problem::Duplicate { first } }
                }
            }
        })?;
        let config = match tree.as_ref().map(|node| Value::root(&context, node)) {
            Some(root) if !root.is_null() => Self::read(&root.section(keys::TOP_LEVEL)?, source)?,
            _ => Self::empty(source),
        };
        let mut warnings = context.warnings.into_inner();
        warnings.sort_by_key(|warning| warning.place.as_ref().map(|place| (place.at.line, place.at.column)));
        Ok((config, warnings))
    }

    /// What an empty file means.
    fn empty(source: ConfigSource) -> Self {
        Self {
            source,
            mode: Mode::default(),
            enforce: None,
            trusted_domains: DomainList::default(),
            api_allowlist: DomainList::default(),
            tls_interception: TlsInterception::default(),
            no_proxy: NoProxy::default(),
            names: Names::default(),
            capture: Capture::default(),
            dlp: Dlp::default(),
            workload_env: SecretVariables::default(),
            canary_tokens: Vec::new(),
            credential_binding: CredentialBindings::default(),
            cross_request: CrossRequest::default(),
            response_scanning: ResponseScanning::default(),
            websocket_proxy: WebSocketProxy::default(),
            request_bodies: RequestBodyScanning::default(),
            uninspectable: Uninspectable::default(),
            limits: Limits::default(),
            redaction: None,
            suppressions: Vec::new(),
            kill_switch: KillSwitch::default(),
            sessions: SessionPolicy::default(),
            logging: Logging::default(),
            fetch_proxy: FetchProxy::default(),
            explain_blocks: false,
            forward_proxy: ForwardProxy::default(),
            ssrf_allowlist: Vec::new(),
            emit: Emit::default(),
            flight_recorder: None,
            scan_api: None,
            workloads: Vec::new(),
            mcp: Mcp::default(),
        }
    }

    fn read(top: &Section<'_>, source: ConfigSource) -> Result<Self, Error> {
        check_version(top)?;
        let mut min_length = None;
        let mut config = Self {
            source,
            mode: top.read("mode", Mode::default(), |mode| {
                mode.choice(&[Mode::Strict, Mode::Balanced, Mode::Audit].map(|mode| (mode.as_str(), mode)))
            })?,
            enforce: top.read("enforce", None, |enforce| enforce.boolean().map(Some))?,
            trusted_domains: top.read("trusted_domains", DomainList::default(), Value::parse_list)?,
            api_allowlist: top.read("api_allowlist", DomainList::default(), Value::parse_list)?,
            tls_interception: top.read("tls_interception", TlsInterception::default(), TlsInterception::read)?,
            no_proxy: top.read("no_proxy", NoProxy::default(), no_proxy::read)?,
            names: top.read("names", Names::default(), Names::read)?,
            capture: top.read("capture", Capture::default(), Capture::read)?,
            dlp: top.read("dlp", Dlp::default(), |dlp| Dlp::read(dlp, &mut min_length))?,
            workload_env: match top.field("workload_env") {
                Some(variables) => workload_env::read(&variables, min_length)?,
                None => workload_env::without(min_length),
            },
            canary_tokens: top.read("canary_tokens", Vec::new(), canary_tokens::read)?,
            credential_binding: CredentialBindings::read(top)?,
            cross_request: top.read("cross_request_detection", CrossRequest::default(), CrossRequest::read)?,
            response_scanning: top.read("response_scanning", ResponseScanning::default(), ResponseScanning::read)?,
            websocket_proxy: top.read("websocket_proxy", WebSocketProxy::default(), WebSocketProxy::read)?,
            request_bodies: top.read(
                "request_body_scanning",
                RequestBodyScanning::default(),
                RequestBodyScanning::read,
            )?,
            uninspectable: top.read("uninspectable", Uninspectable::default(), Uninspectable::read)?,
            limits: top.read("limits", Limits::default(), Limits::read)?,
            redaction: top.read("redaction", None, redaction::read)?,
            suppressions: top.read("suppress", Vec::new(), suppress::read)?,
            kill_switch: top.read("kill_switch", KillSwitch::default(), KillSwitch::read)?,
            sessions: read_sessions(top)?,
            logging: top.read("logging", Logging::default(), Logging::read)?,
            fetch_proxy: top.read("fetch_proxy", FetchProxy::default(), FetchProxy::read)?,
            explain_blocks: top.read("explain_blocks", false, Value::boolean)?,
            forward_proxy: top.read("forward_proxy", ForwardProxy::default(), ForwardProxy::read)?,
            ssrf_allowlist: top.read("ssrf", Vec::new(), forward_proxy::ssrf::read)?,
            emit: top.read("emit", Emit::default(), Emit::read)?,
            flight_recorder: top.read("flight_recorder", None, flight_recorder::read)?,
            scan_api: top.read("scan_api", None, scan_api::read)?,
            workloads: top.read("workloads", Vec::new(), workloads::read)?,
            mcp: Mcp::read(top)?,
        };
        config.sessions.requests_per_minute = config.fetch_proxy.requests_per_minute;
        config.sessions.bytes_per_minute = config.fetch_proxy.bytes_per_minute;
        config.check_mode(top)?;
        if let Some(entries) = top.field("workloads") {
            workloads::check(&config, &entries)?;
        }
        if let Some(redaction) =
            top.field("redaction").filter(|_| config.redaction.is_some() && !config.request_bodies.enabled)
        {
            return Err(
                redaction.incomplete("enabled needs request_body_scanning.enabled: true; remove one of the two")
            );
        }
        Ok(config)
    }

    fn check_mode(&self, top: &Section<'_>) -> Result<(), Error> {
        if self.lacks_hosts()
            && let Some(mode) = top.field("mode")
        {
            let at = top.field("api_allowlist").unwrap_or(mode);
            return Err(at.incomplete("strict mode needs hosts in api_allowlist; add those that may be reached"));
        }
        if self.mode == Mode::Audit
            && self.enforce == Some(true)
            && let Some(enforce) = top.field("enforce")
        {
            enforce.warn("mode audit with enforce: true blocks like balanced; remove enforce to only record");
        }
        Ok(())
    }

    fn lacks_hosts(&self) -> bool {
        self.mode == Mode::Strict && self.api_allowlist.is_empty()
    }

    /// Whether blocks are carried out: as `enforce` says, else yes unless in audit mode.
    #[must_use]
    pub fn enforces(&self) -> bool {
        self.enforce.unwrap_or(self.mode != Mode::Audit)
    }

    /// The mode by which content is to be judged, with `enforce` folded in: [`Mode::Audit`] exactly when nothing is to be
    /// blocked.
    #[must_use]
    pub fn effective_mode(&self) -> Mode {
        match (self.enforces(), self.mode) {
            (false, _) => Mode::Audit,
            (true, Mode::Audit) => Mode::Balanced,
            (true, mode) => mode,
        }
    }

    /// The same configuration with the mode from a command line.
    ///
    /// `enforce` stays as the file has it, and a warning says so where it makes the mode toothless.
    ///
    /// # Errors
    /// [`Error::StrictWithoutHosts`] when the mode is strict and the file lists no host.
    pub fn with_mode(self, mode: Mode) -> Result<(Self, Vec<Warning>), Error> {
        let config = Self { mode, ..self };
        if config.lacks_hosts() {
            return Err(Error::StrictWithoutHosts { origin: config.source.to_string() });
        }
        let message = match (mode, config.enforce) {
            (Mode::Strict | Mode::Balanced, Some(false)) => {
                Some(format!("false in {} stays in force under mode {mode}: nothing is blocked", config.source))
            }
            (Mode::Audit, Some(true)) => {
                Some(format!("true in {} stays in force under mode audit: it blocks like balanced", config.source))
            }
            _ => None,
        };
        let warnings = message.map(|message| Warning { place: None, key: "enforce".to_owned(), message });
        Ok((config, warnings.into_iter().collect()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What sessions are held to stands in three sections.
fn read_sessions(top: &Section<'_>) -> Result<SessionPolicy, Error> {
    let mut policy = SessionPolicy::default();
    if let Some(value) = top.field("session_profiling") {
        sessions::read_profiling(&value, &mut policy)?;
    }
    if let Some(value) = top.field("adaptive_enforcement") {
        sessions::read_adaptive(&value, &mut policy)?;
    }
    policy.taint = top.read("taint", policy.taint, taint::read)?;
    Ok(policy)
}

fn check_version(top: &Section<'_>) -> Result<(), Error> {
    let Some(version) = top.field("version") else { return Ok(()) };
    match version.count()? {
        // 0 is how the reference writes "not given".
        0 | SCHEMA_VERSION => Ok(()),
        _ => Err(version.refuse(format!("is not a schema version this build reads; write {SCHEMA_VERSION}"))),
    }
}

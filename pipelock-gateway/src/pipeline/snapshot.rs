//! Everything a decision depends on, built once from configuration and never changed: a connection pins one.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::compiled::kept_rules;
use crate::config::{
    self, Config, CredentialBindings, CrossRequest, DlpPattern, ForwardProxy, KillSwitch, Limits, OnOrders,
    RequestBodyScanning, ResponseScanning, Uninspectable, WorkloadRules,
};
use crate::forward::{Access, Credentials};
use crate::model::{
    Action, BoundRules, CANARY_RULE, DomainList, Finding, KNOWN_SECRET_RULE, PeerName, SecretVariables, SessionPolicy,
    Target, Verdict,
};
use crate::{http, names, policy, scan, tls, verdict};

/// Rules, engine and TLS of one configuration.
pub struct Snapshot {
    /// Names and addresses.
    pub rules: policy::Rules,
    /// Multi-pattern databases.
    pub engine: scan::Engine,
    /// What the engine was made from.
    spec: scan::RuleSpec,
    /// How findings become verdicts.
    pub verdict: verdict::Policy,
    /// What the file says of single patterns beyond how they match.
    pub patterns: PatternNotes,
    /// Which credential may go where.
    pub bindings: verdict::Bindings,
    /// Values to look for that do not depend on the workload: `dlp.secrets_file`, canary tokens.
    pub known_secrets: Arc<scan::Literals>,
    /// Which values of a workload's environment are secrets.
    pub environment: Arc<SecretVariables>,
    /// Whether they are looked for in what it sends (`dlp.scan_env`).
    pub scans_environment: bool,
    /// Whether and how pieces are put together across requests.
    pub cross_request: CrossRequest,
    /// What becomes of answers.
    pub responses: ResponseScanning,
    /// Bounds on opened connections.
    pub limits: http::Limits,
    /// Bounds and patience beyond those.
    pub bounds: Limits,
    /// What becomes of what cannot be shown.
    pub uninspectable: Uninspectable,
    /// Who may use the explicit proxy.
    pub access: Arc<Access>,
    /// What the MCP port asks.
    pub mcp: super::McpPolicy,
    /// What becomes of what is found in requests.
    pub requests: RequestBodyScanning,
    /// What is replaced in bodies of requests.
    pub redaction: Option<Redaction>,
    /// Findings that are known and harmless.
    pub suppressions: verdict::Suppressions,
    /// The kill switch as the file has it.
    pub kill_switch: KillSwitch,
    /// What sessions are held to.
    pub sessions: SessionPolicy,
    /// How names are resolved.
    pub names: names::Settings,
    /// Hosts that may not be reached.
    pub blocklist: DomainList,
    /// Present exactly when TLS is opened.
    pub tls: Option<Opener>,
    /// Other snapshots for some workloads; the first that fits.
    pub workloads: Vec<(WorkloadRules, Arc<Self>)>,
}

/// What is replaced in bodies.
pub struct Redaction {
    /// Finds and replaces.
    pub redactor: verdict::redact::Redactor,
    /// Hosts to which what cannot be rewritten may go.
    pub exempt: DomainList,
}

/// Patterns of the file that are not enforced everywhere.
#[derive(Debug, Default)]
pub struct PatternNotes {
    warn_only: HashSet<String>,
    exempt: HashMap<String, DomainList>,
}

impl PatternNotes {
    fn new(patterns: &[DlpPattern]) -> Self {
        // Findings are told apart by name, and the floor does not bend to a pattern that borrows one of its names.
        let own = || patterns.iter().filter(|pattern| !is_reserved(&pattern.name));
        let warn_only = own().filter(|p| p.warn_only).map(|p| p.name.clone()).collect();
        let exempt = own().map(|p| (p.name.clone(), p.exempt_domains.clone())).collect();
        Self { warn_only, exempt }
    }

    /// Whether matches of this rule are reported and never enforced (`action: warn`).
    #[must_use]
    pub fn only_warns(&self, rule: &str) -> bool {
        self.warn_only.contains(rule)
    }

    /// Whether a match in the URL may go to this host (`exempt_domains`).
    #[must_use]
    pub fn is_exempt(&self, rule: &str, host: &PeerName) -> bool {
        self.exempt.get(rule).is_some_and(|domains| domains.matches(host))
    }
}

/// Names whose findings no pattern of the file may soften.
fn is_reserved(name: &str) -> bool {
    name == KNOWN_SECRET_RULE
        || name.starts_with(CANARY_RULE)
        || name.starts_with("Environment Variable Leak")
        || scan::is_floor_rule(name)
}

impl Snapshot {
    /// Whether answers of `host` are looked into; only a proven name can be exempt.
    #[must_use]
    pub fn judges_answers_of(&self, host: Option<&PeerName>) -> bool {
        self.responses.enabled && !host.is_some_and(|host| self.responses.exempt_domains.matches(host))
    }
}

/// What opening TLS takes.
pub struct Opener {
    /// Signs leaves.
    pub ca: Arc<tls::CertificateAuthority>,
    /// Leaves minted so far.
    pub leaves: Arc<tls::Leaves>,
    /// Whether the authority was made by this process and is not on disk.
    made_here: bool,
    leaf_settings: tls::LeafSettings,
    /// Towards the original destination.
    pub upstream: tls::Upstream,
    /// Towards the workload.
    pub downstream: tls::Downstream,
}

/// What does not come from the configuration file.
pub struct SnapshotOptions {
    /// Whether TLS is opened where the file leaves it open.
    pub open_tls: bool,
    /// Where upstream roots are looked for.
    pub roots: tls::RootLocations,
    /// The time certificates are checked and made for.
    pub now: SystemTime,
}

/// Why a configuration cannot be put in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A detection rule.
    #[error("dlp")]
    Engine(#[source] scan::Error),
    /// An entry of the file names a rule that does not exist.
    #[error("credential_binding: {provider:?}: no rule is called {rule:?}; {}", match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => "write its name as findings carry it, or remove it".to_owned(),
    })]
    NoSuchRule {
        /// The entry.
        provider: String,
        /// What it names.
        rule: String,
        /// The rule that is spelt nearly so.
        near: Option<String>,
    },
    /// The file of known secrets cannot be read.
    #[error("dlp.secrets_file: reading {}", path.display())]
    SecretsFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of variables cannot be read.
    #[error("workload_env.files: reading {}", path.display())]
    VariablesFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The lists of `redaction`.
    #[error("redaction.dictionaries: {problem}")]
    RedactionLists {
        /// What is wrong with them.
        problem: String,
    },
    /// The file of passwords for the explicit proxy.
    #[error("forward_proxy.credentials_file: {}: {problem}", path.display())]
    Credentials {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificates or keys.
    #[error("tls_interception")]
    Tls(#[source] tls::Error),
}

impl Snapshot {
    /// Compiles rules and loads or makes certificates: about a third of a second.
    ///
    /// # Errors
    /// What a person has to mend in the configuration, by section.
    pub fn build(config: &Config, options: &SnapshotOptions) -> Result<Self, Error> {
        Self::build_after(config, options, None)
    }

    /// The same for a changed configuration. Takes over from `before` what clients would miss: an authority that was made
    /// and not loaded, leaves as long as the authority is the same, and session tickets.
    ///
    /// # Errors
    /// As [`Snapshot::build`]; `before` stays as it is.
    pub fn rebuild(config: &Config, options: &SnapshotOptions, before: &Self) -> Result<Self, Error> {
        Self::build_after(config, options, Some(before))
    }

    /// What holds for workloads of this target.
    #[must_use]
    pub fn of(self: &Arc<Self>, target: Option<&Target>) -> Arc<Self> {
        let special = target.and_then(|target| self.workloads.iter().find(|(rules, _)| rules.are_for(target)));
        Arc::clone(special.map_or(self, |(_, snapshot)| snapshot))
    }

    fn build_after(config: &Config, options: &SnapshotOptions, before: Option<&Self>) -> Result<Self, Error> {
        let mut snapshot = Self::build_one(config, options, before)?;
        for rules in &config.workloads {
            // The same engine, authority and leaves: nothing is compiled or made for it.
            let special = Self::build_one(&rules.applied_to(config), options, Some(&snapshot))?;
            snapshot.workloads.push((rules.clone(), Arc::new(special)));
        }
        Ok(snapshot)
    }

    fn build_one(config: &Config, options: &SnapshotOptions, before: Option<&Self>) -> Result<Self, Error> {
        let mode = config.effective_mode();
        let rules = policy::Rules::new(policy::Spec {
            mode: config.mode,
            enforce: config.enforces(),
            api_allowlist: config.api_allowlist.clone(),
            trusted_domains: config.trusted_domains.clone(),
            passthrough_domains: config.tls_interception.passthrough_domains.clone(),
            client_certificate_domains: config.tls_interception.client_certificate_domains.clone(),
            legacy_tls_domains: config.tls_interception.legacy_tls_domains.clone(),
            no_proxy: config.no_proxy.list.clone(),
            no_proxy_from_workload: config.no_proxy.from_workload,
            ssrf_allowlist: config.ssrf_allowlist.clone(),
            cidr_bypass: config.capture.cidr_bypass.clone(),
            tls_interception: options.open_tls,
        });
        let user = config.dlp.patterns.iter().map(user_rule).collect();
        let spec = scan::RuleSpec { include_defaults: config.dlp.include_defaults, user };
        let engine = match before {
            // Nothing else goes into it, and compiling takes the longest of all.
            Some(before) if before.spec == spec => before.engine.clone(),
            _ => scan::Engine::compile_with(&spec, kept_rules()).map_err(Error::Engine)?,
        };
        check_rules(&config.credential_binding, &engine)?;
        let known_secrets = Arc::new(known_secrets(config)?);
        let verdict = verdict::Policy { mode, enforce: config.enforces() };
        let opened_before = before.and_then(|snapshot| snapshot.tls.as_ref());
        let build = || Opener::build(config, options, opened_before);
        let tls = options.open_tls.then(build).transpose().map_err(Error::Tls)?;
        Ok(Self {
            rules,
            engine,
            spec,
            verdict,
            patterns: PatternNotes::new(&config.dlp.patterns),
            bindings: verdict::Bindings::new(config.credential_binding.providers.clone()),
            known_secrets,
            environment: Arc::new(config.workload_env.clone()),
            scans_environment: config.dlp.scan_env,
            cross_request: config.cross_request,
            responses: config.response_scanning.clone(),
            limits: limits(config),
            bounds: config.limits.clone(),
            uninspectable: config.uninspectable,
            access: Arc::new(access(&config.forward_proxy, config.explain_blocks)?),
            mcp: super::McpPolicy::new(&config.mcp, config.response_scanning.on_orders == OnOrders::Warn),
            requests: config.request_bodies,
            redaction: config.redaction.as_ref().map(redaction).transpose()?,
            suppressions: verdict::Suppressions::new(config.suppressions.clone()),
            kill_switch: config.kill_switch.clone(),
            sessions: config.sessions.clone(),
            names: names::Settings {
                hosts: config.names.hosts.clone(),
                servers: config.names.servers.clone(),
                timeout: config.names.timeout,
                believed: config.names.workload_servers.clone(),
            },
            blocklist: config.fetch_proxy.blocklist.clone(),
            tls,
            workloads: Vec::new(),
        })
    }

    /// One verdict on all findings of a part. Rules that only warn are folded apart, so that they never block.
    #[must_use]
    pub fn fold(&self, findings: Vec<Finding>) -> Verdict {
        let (warn_only, enforced): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| self.patterns.only_warns(&finding.rule));
        let mut verdict = verdict::fold(self.verdict, enforced);
        if !warn_only.is_empty() {
            verdict.join(Verdict { action: Action::Warn, reason: None, findings: warn_only, ..Verdict::default() });
        }
        verdict
    }
}

impl Opener {
    fn build(config: &Config, options: &SnapshotOptions, before: Option<&Self>) -> Result<Self, tls::Error> {
        let settings = &config.tls_interception;
        let ca = match (&settings.ca, before) {
            (Some(files), _) => Arc::new(tls::CertificateAuthority::load(&files.cert, &files.key, options.now)?),
            // Clients were told to trust the one that was made; another would be unknown to all of them.
            (None, Some(before)) if before.made_here => Arc::clone(&before.ca),
            (None, _) => Arc::new(tls::CertificateAuthority::generate(options.now)?),
        };
        let leaf_settings = tls::LeafSettings {
            ttl: settings.cert_ttl,
            capacity: settings.cert_cache_size.get(),
            per_second: config.limits.new_certificates_per_second,
            at_once: config.limits.new_certificates_at_once,
        };
        let roots = tls::Roots::load(&options.roots, &settings.upstream_ca_files, &ca)?;
        let same = |before: &&Self| before.ca.is_same(&ca) && before.leaf_settings == leaf_settings;
        Ok(Self {
            leaves: match before.filter(same) {
                Some(before) => Arc::clone(&before.leaves),
                None => Arc::new(tls::Leaves::with_settings(Arc::clone(&ca), leaf_settings)),
            },
            upstream: tls::Upstream::new(&roots)?.with_handshake_timeout(config.limits.handshake_timeout),
            // Tickets name no authority: a session that was opened under the last one goes on.
            downstream: before
                .map_or_else(tls::Downstream::new, |before| Ok(before.downstream.clone()))?
                .with_handshake_timeout(config.limits.handshake_timeout),
            made_here: settings.ca.is_none(),
            leaf_settings,
            ca,
        })
    }
}

/// What the file says of bounds.
fn limits(config: &Config) -> http::Limits {
    let websocket = &config.websocket_proxy;
    http::Limits {
        websocket: http::WebSocketLimits {
            enabled: websocket.enabled,
            binary: websocket.allow_binary_frames,
            max_message_bytes: websocket.max_message_bytes.get(),
            idle: websocket.idle_timeout,
            max_age: websocket.max_connection,
        },
        max_body_bytes: config.request_bodies.max_body_bytes,
        max_streamed_bytes: config.limits.streamed_body_bytes,
        max_decoded_bytes: config.limits.decoded_bytes,
        max_decode_ratio: config.limits.decode_ratio,
        budget_patience: config.limits.held_patience,
        body_idle: config.limits.body_pause_timeout,
        body_rate: config.limits.body_bytes_per_second,
        slow_after: config.limits.slow_body_after,
        head_bytes: config.limits.head_bytes,
        head_fields: config.limits.head_fields,
        head: config.limits.head_timeout,
        idle: config.limits.keepalive_timeout,
        rest: http::Limits::default().rest,
        response_head: config.limits.response_timeout,
        stream_idle: config.limits.stream_idle_timeout,
        max_streams: config.limits.streams_per_connection,
        max_cancelled: config.limits.cancelled_requests_per_minute,
    }
}

/// Rules that the file's own entries name must exist; the built-in table may speak of rules that are switched off.
fn check_rules(bindings: &CredentialBindings, engine: &scan::Engine) -> Result<(), Error> {
    let own = bindings.providers.iter().filter(|entry| bindings.own.contains(&entry.provider));
    for entry in own {
        let BoundRules::Named(rules) = &entry.rules else { continue };
        let unknown = |rule: &&String| !engine.rule_names().any(|name| name == *rule) && **rule != KNOWN_SECRET_RULE;
        if let Some(rule) = rules.iter().find(unknown) {
            let distance = |name: &&str| strsim::damerau_levenshtein(&name.to_lowercase(), &rule.to_lowercase());
            let near = engine.rule_names().min_by_key(distance).filter(|name| distance(name) <= rule.len() / 3);
            let (provider, rule) = (entry.provider.clone(), rule.clone());
            return Err(Error::NoSuchRule { provider, rule, near: near.map(str::to_owned) });
        }
    }
    Ok(())
}

/// Values that the configuration itself names. The file's bytes are overwritten once they are hashes.
fn known_secrets(config: &Config) -> Result<scan::Literals, Error> {
    let mut text = Zeroizing::new(Vec::new());
    if let Some(path) = &config.dlp.secrets_file {
        text = Zeroizing::new(
            crate::files::read(path).map_err(|source| Error::SecretsFile { path: path.clone(), source })?,
        );
    }
    let known: Arc<str> = KNOWN_SECRET_RULE.into();
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let lines = lines.map(|value| scan::Literal { rule: Arc::clone(&known), value: value.into(), caseless: false });
    let canaries = config.canary_tokens.iter().map(|token| scan::Literal {
        rule: format!("{CANARY_RULE} ({})", token.name).into(),
        value: token.value.as_bytes().into(),
        caseless: true,
    });
    let variables = secrets_of_files(&config.workload_env)?;
    let variables = variables.iter().map(scan::EnvironmentSecret::literal);
    let compiled = scan::Literals::compile(canaries.chain(lines).chain(variables));
    if compiled.left_out() > 0 {
        tracing::warn!(
            left_out = compiled.left_out(),
            "known secrets are too short or too many and are not looked for"
        );
    }
    Ok(compiled)
}

/// The secrets in files of `NAME=value` lines, found under their variables as those of an environment are.
fn secrets_of_files(variables: &SecretVariables) -> Result<Vec<scan::EnvironmentSecret>, Error> {
    let mut secrets = Vec::new();
    for path in &variables.files {
        let read = crate::files::read(path);
        let text = Zeroizing::new(read.map_err(|source| Error::VariablesFile { path: path.clone(), source })?);
        let mut environ = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            let line = line.strip_prefix(b"export ").unwrap_or(line).trim_ascii_start();
            let Some(equals) = memchr::memchr(b'=', line).filter(|_| !line.starts_with(b"#")) else { continue };
            let (name, value) = line.split_at(equals + 1);
            let quoted = [b'"', b'\''].iter().find_map(|mark| value.strip_prefix(&[*mark])?.strip_suffix(&[*mark]));
            environ.extend_from_slice(name);
            environ.extend_from_slice(quoted.unwrap_or(value));
            environ.push(0);
        }
        secrets.extend(scan::environment_secrets(&environ, variables));
    }
    Ok(secrets)
}

/// What is replaced in bodies, with the lists from their files.
fn redaction(settings: &config::Redaction) -> Result<Redaction, Error> {
    let mut dictionaries = Vec::new();
    for list in &settings.dictionaries {
        let mut entries: Vec<String> = list.entries.clone();
        if let Some(path) = &list.file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Error::RedactionLists { problem: format!("{}: {error}", path.display()) })?;
            entries.extend(text.lines().map(str::trim).map(str::to_owned));
        }
        entries.retain(|entry| !entry.trim().is_empty());
        dictionaries.push(verdict::redact::Dictionary {
            class: list.class.clone(),
            entries,
            case_insensitive: list.case_insensitive,
            word_boundary: list.word_boundary,
        });
    }
    let limits = verdict::redact::Limits {
        max_body_bytes: settings.max_body_bytes,
        max_redactions: settings.max_redactions,
        max_depth: settings.max_depth,
    };
    let redactor = verdict::redact::Redactor::new(&settings.classes, &dictionaries, limits)
        .map_err(|error| Error::RedactionLists { problem: error.to_string() })?;
    Ok(Redaction { redactor, exempt: settings.exempt.clone() })
}

/// Who may use the explicit proxy. The file's bytes are overwritten once they are digests.
fn access(proxy: &ForwardProxy, explains: bool) -> Result<Access, Error> {
    let credentials = match &proxy.credentials_file {
        None => None,
        Some(path) => {
            let failed = |problem: String| Error::Credentials { path: path.clone(), problem };
            let text = Zeroizing::new(crate::files::read(path).map_err(|error| failed(error.to_string()))?);
            let parsed = Credentials::parse(&text);
            Some(parsed.map_err(|line| failed(format!("line {line} is not user:password")))?)
        }
    };
    Ok(Access {
        enabled: proxy.enabled,
        ports: proxy.connect_ports.iter().map(|port| port.get()).collect(),
        sources: proxy.allowed_sources.clone(),
        credentials,
        max_tunnel: proxy.max_tunnel,
        explains,
    })
}

/// A pattern of the file as the engine takes it.
#[must_use]
pub fn user_rule(pattern: &DlpPattern) -> scan::UserRule {
    scan::UserRule {
        name: pattern.name.clone(),
        expression: pattern.regex.clone(),
        severity: pattern.severity,
        validator: pattern.validator,
    }
}

//! Everything a decision depends on, built once from configuration and never changed: a connection pins one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{Config, DlpPattern, ResponseScanning};
use crate::model::{Action, DomainList, Finding, PeerName, ServerName, Verdict};
use crate::{policy, scan, tls, verdict};

/// Rules, engine and TLS of one configuration.
pub struct Snapshot {
    /// Names and addresses.
    pub rules: policy::Rules,
    /// Multi-pattern databases.
    pub engine: scan::Engine,
    /// How findings become verdicts.
    pub verdict: verdict::Policy,
    /// What the file says of single patterns beyond how they match.
    pub patterns: PatternNotes,
    /// What becomes of answers.
    pub responses: ResponseScanning,
    /// Present exactly when TLS is opened.
    pub tls: Option<Opener>,
}

/// Patterns of the file that are not enforced everywhere.
#[derive(Debug, Default)]
pub struct PatternNotes {
    warn_only: HashSet<String>,
    exempt: HashMap<String, DomainList>,
}

impl PatternNotes {
    fn new(patterns: &[DlpPattern]) -> Self {
        let warn_only = patterns.iter().filter(|p| p.warn_only).map(|p| p.name.clone()).collect();
        let exempt = patterns.iter().map(|p| (p.name.clone(), p.exempt_domains.clone())).collect();
        Self { warn_only, exempt }
    }

    /// Whether matches of this rule are reported and never enforced (`action: warn`).
    #[must_use]
    pub fn only_warns(&self, rule: &str) -> bool {
        self.warn_only.contains(rule)
    }

    /// Whether a match in the URL may go to this host (`exempt_domains`).
    #[must_use]
    pub fn is_exempt(&self, rule: &str, host: &str) -> bool {
        let Some(domains) = self.exempt.get(rule) else { return false };
        ServerName::parse(host).is_ok_and(|name| domains.matches(&PeerName::Dns(name)))
    }
}

impl Snapshot {
    /// Whether answers of `host` are looked into; only a proven name can be exempt.
    #[must_use]
    pub fn judges_answers_of(&self, host: Option<&str>) -> bool {
        let exempt = |host: &str| {
            ServerName::parse(host).is_ok_and(|name| self.responses.exempt_domains.matches(&PeerName::Dns(name)))
        };
        self.responses.enabled && !host.is_some_and(exempt)
    }
}

/// What opening TLS takes.
pub struct Opener {
    /// Signs leaves.
    pub ca: Arc<tls::CertificateAuthority>,
    /// Leaves minted so far.
    pub leaves: tls::Leaves,
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
        let mode = config.effective_mode();
        let rules = policy::Rules::new(policy::Spec {
            mode: config.mode,
            enforce: config.enforces(),
            api_allowlist: config.api_allowlist.clone(),
            trusted_domains: config.trusted_domains.clone(),
            passthrough_domains: config.tls_interception.passthrough_domains.clone(),
            no_proxy: config.no_proxy.clone(),
            cidr_bypass: config.capture.cidr_bypass.clone(),
            tls_interception: options.open_tls,
        });
        let user = config.dlp.patterns.iter().map(user_rule).collect();
        let spec = scan::RuleSpec { include_defaults: config.dlp.include_defaults, user };
        let engine = scan::Engine::compile(&spec).map_err(Error::Engine)?;
        let verdict = verdict::Policy { mode, enforce: config.enforces() };
        let tls = options.open_tls.then(|| Opener::build(config, options)).transpose().map_err(Error::Tls)?;
        let patterns = PatternNotes::new(&config.dlp.patterns);
        Ok(Self { rules, engine, verdict, patterns, responses: config.response_scanning.clone(), tls })
    }

    /// One verdict on all findings of a part. Rules that only warn are folded apart, so that they never block.
    #[must_use]
    pub fn fold(&self, findings: Vec<Finding>) -> Verdict {
        let (warn_only, enforced): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| self.patterns.only_warns(&finding.rule));
        let mut verdict = verdict::fold(self.verdict, enforced);
        if !warn_only.is_empty() {
            verdict.join(Verdict { action: Action::Warn, reason: None, findings: warn_only });
        }
        verdict
    }
}

impl Opener {
    fn build(config: &Config, options: &SnapshotOptions) -> Result<Self, tls::Error> {
        let settings = &config.tls_interception;
        let ca = Arc::new(match &settings.ca {
            Some(files) => tls::CertificateAuthority::load(&files.cert, &files.key, options.now)?,
            None => tls::CertificateAuthority::generate(options.now)?,
        });
        let leaf_settings = tls::LeafSettings { ttl: settings.cert_ttl, capacity: settings.cert_cache_size.get() };
        let roots = tls::Roots::load(&options.roots, &settings.upstream_ca_files, &ca)?;
        Ok(Self {
            leaves: tls::Leaves::with_settings(Arc::clone(&ca), leaf_settings),
            upstream: tls::Upstream::new(&roots)?,
            downstream: tls::Downstream::new()?,
            ca,
        })
    }
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

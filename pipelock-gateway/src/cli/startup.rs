//! What every command that is a gateway does before it serves: configuration, limits, log, runtime, the door's listener.
//!
//! Each step fails with one line that says what to do. Nothing here captures; `exec` and `run` differ in that.

use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use tokio::runtime::Runtime;

use crate::config::{Config, EmitSeverity, LogFormat};
use crate::model::Mode;
use crate::report::emit::{EmitOptions, PostOptions, Severity, Shape, SyslogOptions};
use crate::report::flight::FlightOptions;
use crate::report::{AuditFormat, AuditOptions, AuditOutput};

/// One line on stderr; a closed stderr is no reason to fail.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "pipelock: {line}");
}

/// The file's configuration, or the defaults, with the mode of the command line on top; warnings are said.
pub(super) fn configuration(path: Option<&Path>, mode: Option<Mode>) -> anyhow::Result<Config> {
    let (config, mut warnings) = match path {
        Some(path) => Config::load(path)?,
        None => (Config::default(), Vec::new()),
    };
    let config = match mode {
        Some(mode) => {
            let (config, more) = config.with_mode(mode)?;
            warnings.extend(more);
            config
        }
        None => config,
    };
    for warning in warnings {
        say(&format!("warning: {warning}"));
    }
    Ok(config)
}

/// One worker a processor, at most four: the work is short, and what is judged needs processors too.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    built.context("starting the runtime")
}

/// No core dump may hold the CA key or a body, and a busy gateway may need many descriptors. Both are best effort.
pub(super) fn harden() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..getrlimit(Resource::Core) });
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
}

/// The audit log as the file describes it, to where the command says.
pub(super) fn audit_options(config: &Config, output: AuditOutput) -> AuditOptions {
    let logging = &config.logging;
    let format = match logging.format {
        LogFormat::Json => AuditFormat::Json,
        LogFormat::Text => AuditFormat::Text,
    };
    let (include_allowed, include_blocked) = (logging.include_allowed, logging.include_blocked);
    AuditOptions { format, output, include_allowed, include_blocked }
}

/// The flight recorder as the file describes it.
pub(super) fn flight_options(config: &Config) -> Option<FlightOptions> {
    let recorder = config.flight_recorder.as_ref()?;
    Some(FlightOptions {
        directory: recorder.directory.clone(),
        signing_key: recorder.signing_key.clone(),
        max_entries_per_file: recorder.max_entries_per_file,
        retention_days: recorder.retention_days,
        max_total_bytes: recorder.max_total_bytes,
        required: recorder.required,
        version: env!("CARGO_PKG_VERSION"),
        policy: config.source.digest().to_owned(),
    })
}

/// Receivers of events as the file describes them; those by https are verified by the machine's roots.
pub(super) fn emit_options(config: &Config) -> anyhow::Result<EmitOptions> {
    let emit = &config.emit;
    let host = || {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        name.trim().to_owned()
    };
    let mut options =
        EmitOptions { instance: emit.instance_id.clone().unwrap_or_else(host), posts: Vec::new(), syslog: None };
    options.syslog = emit.syslog.as_ref().map(|syslog| SyslogOptions {
        tcp: syslog.tcp,
        address: syslog.address.clone(),
        min_severity: severity(syslog.min_severity),
        facility: syslog.facility,
        tag: syslog.tag.clone(),
    });
    let gzip = emit.otlp_gzip;
    let posts = [(&emit.webhook, Shape::Webhook), (&emit.otlp, Shape::Otlp { gzip })];
    for (post, shape) in posts.into_iter().filter_map(|(post, shape)| post.as_ref().map(|post| (post, shape))) {
        options.posts.push(PostOptions {
            url: post.url.clone(),
            shape,
            headers: post.headers.clone(),
            timeout: post.timeout,
            min_severity: severity(post.min_severity),
            queue: post.queue,
            tls: receivers_tls()?,
        });
    }
    Ok(options)
}

fn severity(severity: EmitSeverity) -> Severity {
    match severity {
        EmitSeverity::Info => Severity::Info,
        EmitSeverity::Warn => Severity::Warn,
        EmitSeverity::Critical => Severity::Critical,
    }
}

/// The machine's own roots, not those of upstreams: a receiver is the operator's.
fn receivers_tls() -> anyhow::Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(Arc::new(builder.context("TLS for receivers of events")?.with_root_certificates(roots).with_no_client_auth()))
}

/// Random enough to tell runs apart in one log: the standard library seeds its hashers from the kernel.
pub(super) fn random_instance() -> u32 {
    let [a, b, c, d, ..] = std::hash::RandomState::new().build_hasher().finish().to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

/// Whether this namespace has an IPv6 address that reaches further than the link.
///
/// Source: fields of `/proc/net/if_inet6` are address, index, prefix length, scope, flags, device
/// (`if6_seq_show` in net/ipv6/addrconf.c); scope 00 is global.
pub(super) fn has_global_ipv6(table: &Path) -> bool {
    let Ok(text) = fs::read_to_string(table) else { return false };
    text.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(3);
        matches!((fields.next(), fields.nth(1)), (Some("00"), Some(device)) if device != "lo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_global_address_on_a_device_counts_as_ipv6() {
        let directory = tempfile::tempdir().unwrap();
        let table = directory.path().join("if_inet6");
        for (line, global) in [
            ("00000000000000000000000000000001 01 80 10 80       lo\n", false),
            ("fe800000000000000000000000000001 02 40 20 80     eth0\n", false),
            ("20010db8000000000000000000000002 02 40 00 80     eth0\n", true),
            ("20010db8000000000000000000000002 01 80 00 80       lo\n", false),
            ("", false),
        ] {
            fs::write(&table, line).unwrap();
            assert_eq!(has_global_ipv6(&table), global, "{line:?}");
        }
        assert!(!has_global_ipv6(&directory.path().join("absent")), "a kernel without IPv6");
    }
}

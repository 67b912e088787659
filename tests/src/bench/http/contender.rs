//! What stands between client and upstream: nothing, ours in its ways of working, or another proxy with the configuration
//! that makes it do the same: open TLS, verify the upstream, keep connections.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::load::Route;
use super::{EXPLICIT, FRONT, PORT};
use crate::node::{API, API_V4, Node};
use crate::process::{self, DEADLINE};

/// One of those compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// Nothing.
    Direct,
    /// Ours, relaying unopened.
    Passthrough,
    /// Ours, opening TLS and HTTP, with only the rules that cannot be switched off.
    Intercept,
    /// Ours as it is delivered.
    InterceptScan,
    /// haproxy, terminating and re-encrypting.
    Haproxy,
    /// nginx, the same; HTTP/1.1 towards the upstream.
    Nginx,
    /// Squid with ssl-bump.
    Squid,
    /// mitmproxy.
    Mitmproxy,
}

impl Contender {
    /// All, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Direct,
        Self::Passthrough,
        Self::Intercept,
        Self::InterceptScan,
        Self::Haproxy,
        Self::Nginx,
        Self::Squid,
        Self::Mitmproxy,
    ];

    /// Its name in the table.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Passthrough => "pipelock, passthrough",
            Self::Intercept => "pipelock, intercept",
            Self::InterceptScan => "pipelock, intercept + scan",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Squid => "Squid ssl-bump",
            Self::Mitmproxy => "mitmproxy",
        }
    }

    /// How the client reaches the upstream.
    #[must_use]
    pub const fn route(self) -> Route {
        match self {
            Self::Haproxy | Self::Nginx => Route::Front,
            Self::Squid | Self::Mitmproxy => Route::Explicit,
            _ => Route::Direct,
        }
    }

    /// Whether it speaks HTTP/2 with the client.
    #[must_use]
    pub const fn speaks_h2(self) -> bool {
        !matches!(self, Self::Squid)
    }

    /// The configuration of ours; `None` for the others.
    #[must_use]
    pub fn pipelock_config(self, files: &Path) -> Option<String> {
        let rules = match self {
            Self::Passthrough => format!("no_proxy:\n  list: [\"{API_V4}/32\"]\n"),
            Self::Intercept => "dlp:\n  include_defaults: false\nresponse_scanning:\n  enabled: false\n".to_owned(),
            Self::InterceptScan => String::new(),
            _ => return None,
        };
        let root = files.join("root.pem");
        Some(format!(
            "version: 1\nmode: balanced\nrequest_body_scanning:\n  max_body_bytes: 16777216\ntls_interception:\n  \
             enabled: true\n  upstream_ca_files: [\"{}\"]\nlimits:\n  connections_per_workload: 16384\n{rules}",
            root.display()
        ))
    }

    /// The command of another proxy on the application's side, its configuration written to `files`; `None` for ours and
    /// for nothing.
    ///
    /// # Errors
    /// When its files cannot be prepared.
    pub fn command(self, node: &Node, files: &Path) -> Result<Option<Command>> {
        let command = match self {
            Self::Haproxy => {
                let mut command = node.command("haproxy");
                command.arg("-db").arg("-f").arg(write(files, "haproxy.cfg", &haproxy(files))?);
                command
            }
            Self::Nginx => {
                let mut command = node.command("nginx");
                command.arg("-p").arg(files).arg("-c").arg(write(files, "nginx.conf", &nginx(files))?);
                command
            }
            Self::Squid => {
                certificates_of_squid(files)?;
                let mut command = node.command("squid");
                command.arg("-N").arg("-f").arg(write(files, "squid.conf", &squid(files))?);
                command
            }
            Self::Mitmproxy => {
                let home = files.join("mitmproxy");
                std::fs::create_dir_all(&home).context("making mitmproxy's directory")?;
                std::fs::copy(files.join("ca.pem"), home.join("mitmproxy-ca.pem")).context("giving mitmproxy a CA")?;
                let mut command = node.command(mitmdump()?);
                command.args(["--quiet", "--listen-host", "127.0.0.1", "--listen-port", &EXPLICIT.to_string()]);
                command.arg("--set").arg(format!("confdir={}", home.display()));
                command
                    .arg("--set")
                    .arg(format!("ssl_verify_upstream_trusted_ca={}", files.join("root.pem").display()));
                // Without it an event stream is held until its end.
                command.args(["--set", "stream_large_bodies=1"]);
                command
            }
            _ => return Ok(None),
        };
        Ok(Some(command))
    }
}

/// Where `cargo xtask bench http` put mitmproxy.
fn mitmdump() -> Result<PathBuf> {
    std::env::var_os("PIPELOCK_MITMDUMP")
        .map(PathBuf::from)
        .context("PIPELOCK_MITMDUMP is not set: cargo xtask bench http")
}

fn write(directory: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = directory.join(name);
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

fn haproxy(files: &Path) -> String {
    let files = files.display();
    format!(
        "global\n  nbthread 2\n  maxconn 8000\n\
         defaults\n  mode http\n  timeout connect 10s\n  timeout client 600s\n  timeout server 600s\n\
         frontend front\n  bind 127.0.0.1:{FRONT} ssl crt {files}/front.pem alpn h2,http/1.1\n  \
           use_backend two if {{ ssl_fc_alpn -i h2 }}\n  default_backend one\n\
         backend one\n  server s {API_V4}:{PORT} ssl verify required ca-file {files}/root.pem sni str({API}) verifyhost {API} alpn http/1.1\n\
         backend two\n  server s {API_V4}:{PORT} ssl verify required ca-file {files}/root.pem sni str({API}) verifyhost {API} alpn h2\n"
    )
}

fn nginx(files: &Path) -> String {
    let files = files.display();
    format!(
        "daemon off;\nuser root;\nworker_processes 2;\npid {files}/nginx.pid;\nerror_log {files}/nginx.log warn;\n\
         events {{ worker_connections 8000; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {files}/b;\n  proxy_temp_path {files}/p;\n  \
           fastcgi_temp_path {files}/f;\n  uwsgi_temp_path {files}/u;\n  scgi_temp_path {files}/s;\n  \
           client_max_body_size 32m;\n  client_body_buffer_size 128k;\n  keepalive_requests 1000000000;\n  \
           upstream api {{ server {API_V4}:{PORT}; keepalive 64; keepalive_requests 1000000000; }}\n  \
           server {{\n    listen 127.0.0.1:{FRONT} ssl http2;\n    ssl_certificate {files}/front.pem;\n    \
             ssl_certificate_key {files}/front.pem;\n    location / {{\n      proxy_pass https://api;\n      \
             proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_set_header Host $http_host;\n      \
             proxy_ssl_verify on;\n      proxy_ssl_trusted_certificate {files}/root.pem;\n      proxy_ssl_name {API};\n      \
             proxy_ssl_server_name on;\n      proxy_read_timeout 600s;\n      proxy_buffering off;\n    }}\n  }}\n}}\n"
    )
}

fn squid(files: &Path) -> String {
    let files = files.display();
    format!(
        "http_port 127.0.0.1:{EXPLICIT} ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=4MB \
         tls-cert={files}/ca.pem\n\
         sslcrtd_program {CERTGEN} -s {files}/ssl_db -M 4MB\nsslcrtd_children 2\n\
         tls_outgoing_options cafile={files}/root.pem\nssl_bump bump all\n\
         acl all_ports port 0-65535\nhttp_access allow all_ports\ncache deny all\naccess_log none\n\
         cache_log {files}/squid/cache.log\npid_filename none\ncoredump_dir {files}/squid\n\
         cache_effective_user proxy\ncache_mem 8 MB\nshutdown_lifetime 1 seconds\nmax_filedescriptors 16000\n"
    )
}

/// The helper with which Squid mints.
const CERTGEN: &str = "/usr/lib/squid/security_file_certgen";

/// Squid gives up root and must own what it writes.
fn certificates_of_squid(files: &Path) -> Result<()> {
    std::fs::create_dir_all(files.join("squid")).context("making Squid's directory")?;
    let mut make = Command::new(CERTGEN);
    make.args(["-c", "-s"]).arg(files.join("ssl_db")).args(["-M", "4MB"]);
    let mut give = Command::new("chown");
    give.args(["-R", "proxy:proxy"]).args([files.join("ssl_db"), files.join("squid"), files.join("ca.pem")]);
    for command in [make, give] {
        let described = format!("{command:?}");
        let finished = process::run(command, DEADLINE)?;
        ensure!(finished.status.success(), "{described}: {}", finished.stderr.trim());
    }
    Ok(())
}

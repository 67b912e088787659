//! Usage: `static-client URL BODY`: posts over TLS and prints one JSON line, as the scripts in `tests/clients/` do.
//!
//! Exists to be linked statically: no preloaded library, no shim of the C library and no runtime hook can steer it, so
//! what captures it is the kernel. It looks at no proxy variable; it trusts what `SSL_CERT_FILE` names. For
//! the same reason it uses nothing of this crate's library: that knows the gateway, and with it a C++ library.
#![expect(clippy::print_stdout, reason = "the line on standard output is its purpose")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

fn main() {
    let line = match post() {
        Ok((status, blocked)) => serde_json::json!({ "status": status, "blocked": blocked }),
        Err(error) => serde_json::json!({ "error": format!("{error:#}") }),
    };
    println!("{line}");
}

fn post() -> Result<(u16, Option<String>)> {
    let mut arguments = std::env::args().skip(1);
    let url: http::Uri = arguments.next().context("usage: static-client URL BODY")?.parse().context("the URL")?;
    let body = arguments.next().context("usage: static-client URL BODY")?;
    let host = url.host().context("the URL has no host")?.to_owned();
    let socket = TcpStream::connect((host.as_str(), url.port_u16().unwrap_or(443))).context("connect")?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let trusted = std::env::var_os("SSL_CERT_FILE").context("SSL_CERT_FILE")?;
    let session = ClientConnection::new(trusting(trusted.as_ref())?, ServerName::try_from(host.clone())?)?;
    let mut stream = StreamOwned::new(session, socket);
    let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nX-CamelCase-Probe: kept\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).context("sending")?;
    let mut answer = Vec::new();
    // A peer that hangs up without close_notify has still answered; what counts is the head.
    stream
        .read_to_end(&mut answer)
        .or_else(|error| if answer.is_empty() { Err(error) } else { Ok(0) })
        .context("answer")?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).context("no status line")?.parse().context("status")?;
    let blocked = answer
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("x-pipelock-blocked: ").map(str::to_owned));
    Ok((status, blocked))
}

fn trusting(file: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).with_context(|| format!("reading {}", file.display()))? {
        // A system's bundle may hold roots rustls does not understand; the one that matters shows in the handshake.
        roots.add(certificate?).ok();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

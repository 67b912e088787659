//! The MCP port of `pipelock run`: its two flags, its listener, its task.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::RunArgs;
use super::serve::Loops;
use crate::config::Config;
use crate::mcp::{Endpoint, MemoryStore, Options, RedisAddress, Store};
use crate::pipeline::Gateway;
use crate::tls::{CertificateAuthority, RootLocations, Roots};

/// A port that is bound and not served yet.
pub(super) struct Port {
    pub(super) listener: TcpListener,
    endpoint: Endpoint,
    roots: Roots,
}

/// Binds the port where both flags are given, and complains about one without the other.
///
/// A listener of a predecessor at that address is taken instead.
pub(super) fn bind(
    args: &RunArgs,
    config: &Config,
    locations: &RootLocations,
    inherited: Option<TcpListener>,
) -> anyhow::Result<Option<Port>> {
    let (address, upstream) = match (args.mcp_listen, &args.mcp_upstream) {
        (Some(address), Some(upstream)) => (address, upstream),
        (None, None) => return Ok(None),
        (Some(_), None) => anyhow::bail!("--mcp-listen needs --mcp-upstream, the MCP endpoint behind it"),
        (None, Some(_)) => anyhow::bail!("--mcp-upstream needs --mcp-listen, an address such as 127.0.0.1:8889"),
    };
    let endpoint: Endpoint = upstream.parse().with_context(|| format!("--mcp-upstream {upstream}"))?;
    // Nobody has this authority's certificates, so that none can be taken for an upstream's: roots are loaded against one.
    let own = Arc::new(CertificateAuthority::generate(SystemTime::now())?);
    let roots = Roots::load(locations, &config.tls_interception.upstream_ca_files, &own)?;
    let listener = match inherited.filter(|listener| listener.local_addr().is_ok_and(|at| at == address)) {
        Some(listener) => listener,
        None => TcpListener::bind(address).with_context(|| format!("listening on {address}"))?,
    };
    listener.set_nonblocking(true).context("preparing the MCP listener")?;
    Ok(Some(Port { listener, endpoint, roots }))
}

/// Opens the port. The task ends when the shutdown came and the last request was answered.
pub(super) fn open(
    door_task: &mut Loops,
    gateway: &Arc<Gateway>,
    config: &Config,
    port: Port,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let store = store(gateway, config, &port.roots)?;
    let door = gateway.mcp_door(port.endpoint, &port.roots, store, Options::default())?;
    let listener = tokio::net::TcpListener::from_std(port.listener).context("watching the MCP listener")?;
    let shutdown = shutdown.clone();
    door_task.spawn(async move {
        door.serve(listener, shutdown).await;
        Ok(())
    });
    Ok(())
}

/// Where state is kept.
fn store(gateway: &Gateway, config: &Config, roots: &Roots) -> anyhow::Result<Arc<dyn Store>> {
    let Some(url) = &config.mcp.listener.state.redis else { return Ok(Arc::new(MemoryStore::new())) };
    let address: RedisAddress = url.reveal().parse().context("mcp_listener.state.redis")?;
    Ok(Arc::new(gateway.mcp_redis(&address, roots).context("mcp_listener.state.redis")?))
}

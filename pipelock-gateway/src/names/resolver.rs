//! The gateway's own resolver: `/etc/hosts`, then the servers of `/etc/resolv.conf` with its search domains, over UDP and TCP.
//!
//! The C library's resolver is not used: it tells no TTL, blocks a thread for each question, and its sockets could not be marked
//! as the gateway's own. Answers are cached for as long as they hold. The two files are looked at again when they change.

use std::collections::HashMap;
use std::fs;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{RuntimeProvider, TokioHandle, TokioTime};
use hickory_resolver::proto::rr::{Name, RecordType};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::{Answer, Error, Resolve, Resolving, Settings};
use crate::model::ServerName;

/// Responses kept; each is one name and one record type.
const CACHED_RESPONSES: u64 = 8192;
/// An answer is kept at least this long: a TTL of nothing would let a workload ask our servers as often as it likes.
const MIN_TTL: Duration = Duration::from_secs(1);
/// That a name does not exist is believed this long at most.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(30);
/// How long the second address family is waited for once the first has answered.
const OTHER_FAMILY: Duration = Duration::from_millis(500);
/// Addresses of one name in the file of hosts.
const MAX_PER_HOST: usize = 64;
/// How often it is asked whether the system's files have changed.
const LOOK: Duration = Duration::from_secs(1);
/// For a TCP connection to a server when the resolver names no limit of its own.
const TCP_CONNECT: Duration = Duration::from_secs(5);
/// Whom the C library asks when nobody is named (`resolv.conf(5)`).
const DEFAULT_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Marks a socket as the gateway's own before anything is sent on it.
pub type MarkSocket = Arc<dyn Fn(BorrowedFd<'_>) -> io::Result<()> + Send + Sync>;

/// Where the system says how names are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFiles {
    /// Servers, search domains, timeouts: `resolv.conf(5)`.
    pub resolv_conf: PathBuf,
    /// Names and their addresses: `hosts(5)`.
    pub hosts: PathBuf,
}

impl Default for SystemFiles {
    fn default() -> Self {
        Self { resolv_conf: "/etc/resolv.conf".into(), hosts: "/etc/hosts".into() }
    }
}

/// The gateway's own resolver.
pub struct Resolver {
    files: SystemFiles,
    sockets: Sockets,
    state: Mutex<State>,
}

struct State {
    servers: Vec<SocketAddr>,
    timeout: Duration,
    looked: Instant,
    stamps: Stamps,
    hosts: Arc<HashMap<ServerName, Vec<IpAddr>>>,
    /// `None` when the last attempt to build one failed; the next look tries again.
    built: Option<hickory_resolver::Resolver<Sockets>>,
}

/// What tells a changed file from an unchanged one.
type Stamps = [Option<(SystemTime, u64)>; 2];

impl Resolver {
    /// A resolver that asks as `settings` and the system's files say.
    #[must_use]
    pub fn new(settings: &Settings, files: SystemFiles, mark: MarkSocket) -> Self {
        let sockets = Sockets { mark, handle: TokioHandle::default() };
        let (servers, timeout) = (settings.servers.clone(), settings.timeout);
        let stamps = stamps(&files);
        let built = build(&files, &servers, timeout, &sockets);
        let hosts = Arc::new(read_hosts(&files.hosts));
        let state = State { servers, timeout, looked: Instant::now(), stamps, hosts, built };
        Self { files, sockets, state: Mutex::new(state) }
    }

    /// Puts changed settings in force; what was cached is kept unless the servers changed.
    pub fn configure(&self, settings: &Settings) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.servers != settings.servers || state.timeout != settings.timeout {
            (state.servers, state.timeout) = (settings.servers.clone(), settings.timeout);
            state.built = build(&self.files, &state.servers, state.timeout, &self.sockets);
        }
    }

    /// Whether this resolver asks a server.
    pub(super) fn asks(&self, server: IpAddr) -> bool {
        // Files that have changed are seen here, too.
        let _ = self.current();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.servers.is_empty() {
            system_config(&self.files.resolv_conf).0.name_servers().iter().any(|own| own.ip.to_canonical() == server)
        } else {
            state.servers.iter().any(|own| own.ip().to_canonical() == server)
        }
    }

    /// What is in force; looks at the system's files first.
    fn current(&self) -> Current {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.saturating_duration_since(state.looked) >= LOOK {
            state.looked = now;
            let stamps = stamps(&self.files);
            if stamps != state.stamps || state.built.is_none() {
                state.stamps = stamps;
                state.hosts = Arc::new(read_hosts(&self.files.hosts));
                state.built = build(&self.files, &state.servers, state.timeout, &self.sockets);
            }
        }
        Current { resolver: state.built.clone(), hosts: Arc::clone(&state.hosts), timeout: state.timeout }
    }
}

/// What one question is asked by.
struct Current {
    resolver: Option<hickory_resolver::Resolver<Sockets>>,
    hosts: Arc<HashMap<ServerName, Vec<IpAddr>>>,
    timeout: Duration,
}

impl Resolve for Resolver {
    fn resolve<'a>(&'a self, name: &'a ServerName) -> Resolving<'a> {
        Box::pin(async move {
            let lookup_failed = |source: NetError| Error::Lookup { name: name.clone(), source: Box::new(source) };
            let Current { resolver, hosts, timeout } = self.current();
            if let Some(addresses) = hosts.get(name) {
                return Ok(Answer { addresses: addresses.clone(), ttl: LOOK });
            }
            let resolver = resolver.ok_or_else(|| lookup_failed(NetError::NoConnections))?;
            // Relative, so that search domains apply as they do for the workload; no IDNA, names are A-labels here.
            let asked = Name::from_ascii(name.as_str()).map_err(|error| lookup_failed(error.into()))?;
            let found = match tokio::time::timeout(timeout, both_families(&resolver, &asked)).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) if error.is_nx_domain() || error.is_no_records_found() => Found::default(),
                Ok(Err(NetError::Timeout)) | Err(_) => {
                    return Err(Error::Timeout { name: name.clone(), after: timeout });
                }
                Ok(Err(error)) => return Err(lookup_failed(error)),
            };
            let Found { addresses, ends: Some(ends) } = found else {
                return Err(Error::NoAddress { name: name.clone() });
            };
            Ok(Answer { addresses, ttl: ends.saturating_duration_since(Instant::now()) })
        })
    }
}

/// What was found so far; `ends` is present exactly when there is an address.
#[derive(Default)]
struct Found {
    addresses: Vec<IpAddr>,
    ends: Option<Instant>,
}

impl Found {
    fn add(&mut self, lookup: &Lookup) {
        for address in lookup.answers().iter().filter_map(|record| record.data.ip_addr()) {
            let address = address.to_canonical();
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
            let ends = lookup.valid_until();
            self.ends = Some(self.ends.map_or(ends, |known| known.min(ends)));
        }
    }
}

/// Asks for IPv4 and IPv6 at once, IPv4 first in the answer. When one has answered, the other is not waited for as long as it
/// likes: servers that drop questions for IPv6 are many (RFC 8305 §3).
async fn both_families(resolver: &hickory_resolver::Resolver<Sockets>, name: &Name) -> Result<Found, NetError> {
    let mut v4 = Box::pin(resolver.lookup(name.clone(), RecordType::A));
    let mut v6 = Box::pin(resolver.lookup(name.clone(), RecordType::AAAA));
    let (first, v4_was_first) = tokio::select! {
        found = &mut v4 => (found, true),
        found = &mut v6 => (found, false),
    };
    let other = if v4_was_first { v6 } else { v4 };
    let second = match &first {
        Ok(_) => tokio::time::timeout(OTHER_FAMILY, other).await.unwrap_or(Err(NetError::Timeout)),
        Err(_) => other.await,
    };
    let (v4, v6) = if v4_was_first { (first, second) } else { (second, first) };
    let mut found = Found::default();
    match (v4, v6) {
        (Err(v4), Err(v6)) => return Err(if v4.is_no_records_found() { v6 } else { v4 }),
        (v4, v6) => [v4, v6].iter().flatten().for_each(|lookup| found.add(lookup)),
    }
    Ok(found)
}

fn stamps(files: &SystemFiles) -> Stamps {
    let stamp = |path: &Path| fs::metadata(path).ok().and_then(|file| Some((file.modified().ok()?, file.len())));
    [stamp(&files.resolv_conf), stamp(&files.hosts)]
}

fn build(
    files: &SystemFiles,
    servers: &[SocketAddr],
    timeout: Duration,
    sockets: &Sockets,
) -> Option<hickory_resolver::Resolver<Sockets>> {
    let (config, options) = system_config(&files.resolv_conf);
    let config = if servers.is_empty() {
        config
    } else {
        let (domain, search, _) = config.into_parts();
        ResolverConfig::from_parts(domain, search, servers.iter().map(|server| name_server(*server)).collect())
    };
    let mut builder = hickory_resolver::Resolver::builder_with_config(config, sockets.clone());
    let asked = builder.options_mut();
    // The whole question has `timeout`; an attempt that takes all of it would leave no second one.
    let attempt = options.timeout.min(timeout / 2).max(Duration::from_millis(100));
    *asked = options;
    asked.timeout = attempt;
    asked.cache_size = CACHED_RESPONSES;
    asked.positive_min_ttl = Some(MIN_TTL);
    asked.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
    asked.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    // Its own reading of hosts would go on to ask DNS for the family that the file does not have.
    asked.use_hosts_file = ResolveHosts::Never;
    builder.build().inspect_err(|error| tracing::warn!(%error, "names cannot be resolved")).ok()
}

/// Reads `hosts(5)`: an address and its names on each line. A name that stands there is asked of nobody else, in neither family.
fn read_hosts(path: &Path) -> HashMap<ServerName, Vec<IpAddr>> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(%error, path = %path.display(), "the file of hosts cannot be read");
        }
        String::new()
    });
    let mut hosts: HashMap<ServerName, Vec<IpAddr>> = HashMap::new();
    for line in text.lines().filter_map(|line| line.split('#').next()) {
        let mut words = line.split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
        for name in words.filter_map(|word| ServerName::parse(word).ok()) {
            let known = hosts.entry(name).or_default();
            if known.len() < MAX_PER_HOST && !known.contains(&address.to_canonical()) {
                known.push(address.to_canonical());
            }
        }
    }
    hosts
}

/// What `resolv.conf` says; the C library's defaults where there is none.
fn system_config(path: &Path) -> (ResolverConfig, ResolverOpts) {
    let parsed = fs::read(path).map_err(NetError::from).and_then(hickory_resolver::system_conf::parse_resolv_conf);
    parsed.unwrap_or_else(|error| {
        tracing::debug!(%error, path = %path.display(), "no usable list of name servers; asking the one on this machine");
        let servers = vec![NameServerConfig::udp_and_tcp(DEFAULT_SERVER)];
        (ResolverConfig::from_parts(None, Vec::new(), servers), ResolverOpts::default())
    })
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    NameServerConfig::new(address.ip(), true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}

/// Makes the resolver's sockets and marks each as the gateway's own, so that no program steers a question back to us.
#[derive(Clone)]
struct Sockets {
    mark: MarkSocket,
    handle: TokioHandle,
}

impl Sockets {
    fn prepare(&self, of: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(of), kind.nonblocking().cloexec(), Some(protocol))?;
        (self.mark)(socket.as_fd())?;
        Ok(socket)
    }

    fn udp(&self, local: SocketAddr) -> io::Result<UdpSocket> {
        let socket = self.prepare(local, Type::DGRAM, Protocol::UDP)?;
        socket.bind(&local.into())?;
        UdpSocket::from_std(socket.into())
    }
}

impl RuntimeProvider for Sockets {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = UdpSocket;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> Self::Handle {
        self.handle.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Future<Output = io::Result<Self::Tcp>> + Send>> {
        let socket = self.prepare(server, Type::STREAM, Protocol::TCP);
        Box::pin(async move {
            let socket = socket?;
            if let Some(local) = local {
                socket.bind(&local.into())?;
            }
            let connecting = TcpSocket::from_std_stream(socket.into()).connect(server);
            let stream = tokio::time::timeout(timeout.unwrap_or(TCP_CONNECT), connecting).await;
            stream.unwrap_or(Err(io::ErrorKind::TimedOut.into())).map(AsyncIoTokioAsStd)
        })
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        _server: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Self::Udp>> + Send>> {
        Box::pin(std::future::ready(self.udp(local)))
    }
}

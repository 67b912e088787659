//! Which addresses a name has, and whether an address belongs to a name.
//!
//! Two questions, one module. [`Resolve`] asks for the addresses of a name: the explicit proxy dials what it is told. A
//! *binding* asks the reverse: a workload went to an address and says it meant a name, and a rule would let that name through
//! unopened. SNI and Host are the workload's own words, so such a rule holds only where something other than the workload binds
//! the name to the address (gateway.md §6). In the order of their strength:
//!
//! 1. `names.hosts`: the operator's word. A name that stands there is bound to those addresses and no others.
//! 2. DNS answers that the workload itself received from a resolver it cannot choose ([`Names::record`]).
//! 3. The gateway's own resolver, now or within the last hour, because the answers of CDNs rotate. Names that are in use are
//!    asked for again in the background ([`Names::run`]), so that the history has the answers between two connections.
//!
//! It decides nothing: [`crate::policy`] is told whether a name is bound. Names come from workloads, so everything kept is bounded.

mod observed;
mod own;
mod resolver;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::model::{BoundBy, CgroupId, ServerName};

use observed::Observed;
use own::OwnAnswers;
pub use resolver::{MarkSocket, Resolver, SystemFiles};

/// How often names in use are looked through for answers that have ended.
const REFRESH: Duration = Duration::from_secs(5);

/// What the configuration says of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses that the operator gives names, before any resolver is asked.
    pub hosts: HashMap<ServerName, Vec<IpAddr>>,
    /// Whom to ask; empty for those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// For one name, all attempts together.
    pub timeout: Duration,
    /// Servers of workloads whose answers bind names, beside those that the gateway asks itself.
    pub believed: Vec<IpAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hosts: HashMap::new(), servers: Vec::new(), timeout: Duration::from_secs(5), believed: Vec::new() }
    }
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// At least one, IPv4-mapped ones as IPv4, in the resolver's order.
    pub addresses: Vec<IpAddr>,
    /// How long they hold.
    pub ttl: Duration,
}

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The resolver says that there is no such name, or no address for it.
    #[error("{name} has no address")]
    NoAddress {
        /// Who was asked for.
        name: ServerName,
    },
    /// Nobody answered in time.
    #[error("no answer about {name} within {after:?}")]
    Timeout {
        /// Who was asked for.
        name: ServerName,
        /// The limit.
        after: Duration,
    },
    /// The question could not be asked, or the answer not be read.
    #[error("looking {name} up")]
    Lookup {
        /// Who was asked for.
        name: ServerName,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Asks for the addresses of names.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a name, at least one. Dropping the future gives the question up.
    fn resolve<'a>(&'a self, name: &'a ServerName) -> Resolving<'a>;
}

/// The answer of a [`Resolve`].
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// The resolver of this gateway and everything it remembers of names.
pub struct Names {
    hosts: ArcSwap<HashMap<ServerName, Vec<IpAddr>>>,
    believed: ArcSwap<Vec<IpAddr>>,
    observed: Observed,
    own: OwnAnswers,
    resolver: Arc<dyn Resolve>,
    /// The same, where it is the gateway's own and follows the configuration.
    configurable: Option<Arc<Resolver>>,
}

impl Names {
    /// With the gateway's own resolver, whose sockets go through `mark`.
    #[must_use]
    pub fn new(settings: &Settings, files: SystemFiles, mark: MarkSocket) -> Self {
        let resolver = Arc::new(Resolver::new(settings, files, mark));
        Self { configurable: Some(Arc::clone(&resolver)), ..Self::over(resolver, settings) }
    }

    /// The same over any resolver; `settings.servers` and `settings.timeout` are its own business.
    #[must_use]
    pub fn over(resolver: Arc<dyn Resolve>, settings: &Settings) -> Self {
        Self {
            hosts: ArcSwap::from_pointee(settings.hosts.clone()),
            believed: ArcSwap::from_pointee(settings.believed.clone()),
            observed: Observed::default(),
            own: OwnAnswers::default(),
            resolver,
            configurable: None,
        }
    }

    /// Puts changed settings in force. What was learnt so far is kept: it was true when it was learnt.
    pub fn configure(&self, settings: &Settings) {
        self.hosts.store(Arc::new(settings.hosts.clone()));
        self.believed.store(Arc::new(settings.believed.clone()));
        if let Some(resolver) = &self.configurable {
            resolver.configure(settings);
        }
    }

    /// Takes note of a DNS answer that a workload received: `name` has `addresses` for `ttl`.
    ///
    /// Call it only with answers of a resolver that the workload cannot choose or impersonate: whoever controls what comes in
    /// here decides what is relayed unopened. With an alias (`CNAME`) the name is the one that was asked for.
    pub fn record(&self, workload: CgroupId, name: &ServerName, addresses: &[IpAddr], ttl: Duration) {
        self.observed.record(workload, name, addresses, ttl, Instant::now());
    }

    /// Whether answers of a server may be recorded: it is one that this gateway asks itself, or that the operator named. A server on
    /// loopback is another one in each namespace: `here` says that it is the gateway's.
    #[must_use]
    pub fn believes(&self, server: IpAddr, here: bool) -> bool {
        let server = server.to_canonical();
        let own = || self.configurable.as_ref().is_some_and(|resolver| resolver.asks(server));
        self.believed.load().contains(&server) || ((here || !server.is_loopback()) && own())
    }

    /// The names under which a workload was told an address.
    #[must_use]
    pub fn told(&self, workload: CgroupId, address: IpAddr) -> Vec<ServerName> {
        self.observed.names_of(workload, address.to_canonical(), Instant::now())
    }

    /// Forgets what a workload was told; for one that has ended.
    pub fn forget(&self, workload: CgroupId) {
        self.observed.forget(workload);
    }

    /// What binds `name` to `address`, if anything does. Asks the own resolver where nothing else is known, which takes up to
    /// `names.timeout`; a name that cannot be resolved is not bound.
    pub async fn bound(&self, workload: Option<CgroupId>, name: &ServerName, address: IpAddr) -> Option<BoundBy> {
        let address = address.to_canonical();
        if let Some(listed) = self.hosts.load().get(name) {
            return listed.contains(&address).then_some(BoundBy::Hosts);
        }
        if workload.is_some_and(|workload| self.observed.has(workload, name, address, Instant::now())) {
            return Some(BoundBy::WorkloadDns);
        }
        self.own.has(name, address, &*self.resolver).await.then_some(BoundBy::OwnResolver)
    }

    /// Keeps the answers about names in use fresh until `shutdown`.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(REFRESH);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.own.refresh(&*self.resolver) => {}
            }
        }
    }

    /// Names of which answers are remembered: by the own resolver, and of workloads.
    #[must_use]
    pub fn remembered(&self) -> (usize, usize) {
        (self.own.len(), self.observed.len())
    }
}

impl Resolve for Names {
    /// What `names.hosts` says, else the resolver; its answer is remembered as binding the name.
    fn resolve<'a>(&'a self, name: &'a ServerName) -> Resolving<'a> {
        if let Some(listed) = self.hosts.load().get(name) {
            let answer = Answer { addresses: listed.clone(), ttl: REFRESH };
            return Box::pin(std::future::ready(Ok(answer)));
        }
        Box::pin(async move {
            let answer = self.resolver.resolve(name).await?;
            self.own.learn(name, &answer).await;
            Ok(answer)
        })
    }
}

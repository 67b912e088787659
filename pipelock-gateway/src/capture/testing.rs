//! A datapath without a kernel, for tests of the stages behind it.
//!
//! Binds plain loopback listeners; a test says for each client socket where it "meant to go" and then connects to the
//! listener directly. Nothing is steered, refused or marked.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::{Domain, Type};

use super::{
    Armed, Asked, Counters, Datapath, Environment, Error, FlowTuple, Place, Process, ResolverSocket, Steered,
    TargetSpec, listen, plain_socket,
};
use crate::model::{CgroupId, NetnsCookie, OriginalDst, Workload};

/// The namespace every flow of a [`FakeDatapath`] is in.
pub const NETNS: NetnsCookie = NetnsCookie(1);

/// See the module.
#[derive(Debug, Default)]
pub struct FakeDatapath {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last_id: u64,
    armed: HashSet<u64>,
    by_peer: HashMap<SocketAddr, Steered>,
    by_default: Option<Steered>,
    marked: usize,
    beats: u64,
    environ: Vec<u8>,
    last_listeners: Vec<SocketAddr>,
    refuses: bool,
    attempts: usize,
    counters: Counters,
    dns_server: Option<SocketAddr>,
}

impl FakeDatapath {
    /// One that knows no flow.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says where the client socket bound to `peer` meant to go. Taken once, like the real record.
    pub fn steer(&self, peer: SocketAddr, original_dst: SocketAddr) {
        self.inner().by_peer.insert(peer, steered(original_dst));
    }

    /// Says where every client nobody spoke about meant to go.
    pub fn steer_all(&self, original_dst: SocketAddr) {
        self.inner().by_default = Some(steered(original_dst));
    }

    /// Says what the environment of every process is: `NAME=value` records, each ended by a zero byte.
    pub fn set_environ(&self, records: &[&str]) {
        self.inner().environ = records.iter().flat_map(|record| record.bytes().chain([0])).collect();
    }

    /// From now on targets are armed with resolver sockets, and every query is for this server.
    pub fn ask_all(&self, server: SocketAddr) {
        self.inner().dns_server = Some(server);
    }

    /// How many sockets were marked as the gateway's own.
    pub fn marked(&self) -> usize {
        self.inner().marked
    }

    /// How many heartbeats there were.
    pub fn beats(&self) -> u64 {
        self.inner().beats
    }

    /// Where the target that was armed last is listened for.
    pub fn last_listeners(&self) -> Vec<SocketAddr> {
        self.inner().last_listeners.clone()
    }

    /// From now on, or no longer, nothing can be armed.
    pub fn refuse_to_arm(&self, refuse: bool) {
        self.inner().refuses = refuse;
    }

    /// How often something was to be armed.
    pub fn attempts(&self) -> usize {
        self.inner().attempts
    }

    /// Whether a target is armed.
    pub fn is_armed(&self, id: u64) -> bool {
        self.inner().armed.contains(&id)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the kernel would have recorded for this very process.
fn steered(original_dst: SocketAddr) -> Steered {
    let workload = Workload {
        cgroup: CgroupId(1),
        netns: NETNS,
        pid: std::process::id(),
        uid: 0,
        executable: Some("/usr/bin/test-client".into()),
        target: None,
    };
    Steered { original_dst: OriginalDst::new(original_dst), workload }
}

impl Datapath for FakeDatapath {
    fn arm(&self, target: &TargetSpec) -> Result<Armed, Error> {
        self.inner().attempts += 1;
        if self.inner().refuses {
            return Err(Error::AlreadyArmed { target: target.name.clone() });
        }
        let listen = |ip: IpAddr| {
            let address = SocketAddr::new(ip, 0);
            let listener = TcpListener::bind(address).map_err(|source| Error::Listen { address, source })?;
            listener.set_nonblocking(true).map_err(|source| Error::Listen { address, source })?;
            Ok::<_, Error>(listener)
        };
        let listeners: Vec<_> = std::iter::once(listen(Ipv4Addr::LOCALHOST.into())?)
            .chain(listen(Ipv6Addr::LOCALHOST.into()).ok())
            .collect();
        let mut inner = self.inner();
        inner.last_listeners = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        inner.last_id += 1;
        let id = inner.last_id;
        inner.armed.insert(id);
        let resolvers = match inner.dns_server {
            Some(_) => {
                let failed = |e| Error::io("binding", "resolver sockets", e);
                ResolverSocket::all(listen::bind(listen::Ports::default(), true)?.dns).map_err(failed)?
            }
            None => Vec::new(),
        };
        Ok(Armed { id, listeners, resolvers, netns: NETNS, weaknesses: Vec::new(), ended: 0 })
    }

    fn disarm(&self, id: u64) -> Result<(), Error> {
        if self.inner().armed.remove(&id) { Ok(()) } else { Err(Error::UnknownTarget { id }) }
    }

    fn take(&self, flow: FlowTuple) -> Result<Option<Steered>, Error> {
        let mut inner = self.inner();
        let found = inner.by_peer.remove(&flow.peer).or_else(|| inner.by_default.clone());
        inner.counters.redirected += u64::from(found.is_some());
        Ok(found)
    }

    fn mark_own(&self, socket: BorrowedFd<'_>) -> Result<(), Error> {
        debug_assert!(socket.as_fd().as_raw_fd() >= 0);
        self.inner().marked += 1;
        Ok(())
    }

    fn asked(&self, _id: u64, _place: Place) -> Result<Option<Asked>, Error> {
        let server = self.inner().dns_server;
        Ok(server.map(|server| Asked { server, workload: steered(server).workload }))
    }

    fn socket_inside(&self, _netns: NetnsCookie, domain: Domain, kind: Type) -> Result<OwnedFd, Error> {
        self.inner().marked += 1;
        plain_socket(domain, kind)
    }

    fn beat(&self) -> Result<(), Error> {
        self.inner().beats += 1;
        Ok(())
    }

    fn environments(&self, workload: &Workload, known: &dyn Fn(Process) -> bool) -> Result<Vec<Environment>, Error> {
        let process = Process { pid: workload.pid, started: 1, environment_at: 1 };
        let bytes = self.inner().environ.clone().into();
        Ok(if known(process) { Vec::new() } else { vec![Environment { process, bytes }] })
    }

    fn counters(&self) -> Result<Counters, Error> {
        Ok(self.inner().counters)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::TcpStream;

    use super::*;
    use crate::capture::{Netns, Scope, TargetPolicy};

    #[test]
    fn registered_flow_is_taken_once() {
        let datapath = FakeDatapath::new();
        let spec = TargetSpec {
            name: "test".to_owned(),
            labels: BTreeMap::new(),
            scope: Scope::Cgroup("/".into()),
            netns: Netns::Own,
            policy: TargetPolicy::default(),
        };
        let armed = datapath.arm(&spec).unwrap();
        let listener = armed.listeners.first().unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let flow =
            FlowTuple { netns: armed.netns, peer: client.local_addr().unwrap(), local: listener.local_addr().unwrap() };
        assert_eq!(datapath.take(flow).unwrap(), None, "dialled directly");
        datapath.steer(flow.peer, "203.0.113.10:443".parse().unwrap());
        let taken = datapath.take(flow).unwrap().unwrap();
        assert_eq!(taken.original_dst.to_string(), "203.0.113.10:443");
        assert_eq!(datapath.take(flow).unwrap(), None);
        datapath.disarm(armed.id).unwrap();
        assert!(datapath.disarm(armed.id).is_err());
    }
}

//! The proxy's end: a [`Datapath`] without privilege.

use std::fs::File;
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Type};
use zeroize::Zeroizing;

use super::packet::{self, MAX_PACKET};
use super::protocol::{Reply, Request, Who, encode, reply};
use crate::capture::handover::{self, Sockets};
use crate::capture::{
    Armed, Asked, Counters, Datapath, Environment, Error, FlowTuple, Place, Process, ResolverSocket, Steered,
    TargetCounters, TargetSpec, Weakness,
};
use crate::files::Access;
use crate::model::{NetnsCookie, Workload};

/// Channels that serve connections; the last two are for what takes long, and for a successor.
const SLOW: usize = 2;
/// Most bytes of all environments of one answer.
const MAX_ENVIRONMENTS: u64 = 96 << 20;
/// Most bytes of a list of what runs: a thousand containers with many labels are a few megabytes.
const MAX_LIST: u64 = 64 << 20;
/// A piece of the list of targets; written as JSON, a byte may become six.
const PIECE: usize = 16 << 10;

/// Asks the helper for everything that needs privilege.
#[derive(Debug)]
pub struct Helped {
    channels: Vec<Mutex<OwnedFd>>,
    /// One for each source of `capture.discover`: who waits for its news waits on it.
    looking: Vec<Mutex<OwnedFd>>,
    next: AtomicUsize,
    own_netns: NetnsCookie,
}

/// A program of the kernel's side by its name, which the helper tells as text.
const LINKS: [&str; 12] = [
    "pl_sockops",
    "pl_getpeername4",
    "pl_getpeername6",
    "pl_recvmsg4",
    "pl_recvmsg6",
    "pl_bind4",
    "pl_bind6",
    "pl_sock_create",
    "pl_sendmsg4",
    "pl_sendmsg6",
    "pl_connect6",
    "pl_connect4",
];

impl Helped {
    /// Over the proxy's ends of the channels, at least three, and of one more for each source of `capture.discover`.
    ///
    /// # Errors
    /// When there are fewer, or the namespace of this process cannot be told.
    pub fn new(channels: Vec<OwnedFd>, looking: Vec<OwnedFd>) -> Result<Self, Error> {
        if channels.len() <= SLOW {
            return Err(failed("too few channels"));
        }
        let own_netns = crate::capture::local::own_netns()?;
        let each = |channels: Vec<OwnedFd>| channels.into_iter().map(Mutex::new).collect();
        Ok(Self { channels: each(channels), looking: each(looking), next: AtomicUsize::new(0), own_netns })
    }

    /// On one of the channels for short questions: a free one, else the next.
    fn quick(&self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(Reply, Vec<OwnedFd>), Error> {
        let quick = self.channels.len() - SLOW;
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for offset in 0..quick {
            let Some(channel) = self.channels.get((first + offset) % quick) else { continue };
            if let Ok(channel) = channel.try_lock() {
                return ask(channel.as_fd(), request, fds);
            }
        }
        self.on(first % quick, request, fds)
    }

    fn slow(&self, request: &Request) -> Result<(Reply, Vec<OwnedFd>), Error> {
        self.on(self.channels.len() - SLOW, request, &[])
    }

    fn on(&self, index: usize, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(Reply, Vec<OwnedFd>), Error> {
        let channel = self.channels.get(index).ok_or_else(|| failed("no such channel"))?;
        ask(channel.lock().unwrap_or_else(PoisonError::into_inner).as_fd(), request, fds)
    }

    /// Opens a file that the configuration names.
    ///
    /// # Errors
    /// What the helper says.
    pub fn open(&self, path: &Path, access: Access) -> io::Result<File> {
        let request = Request::Open { path: path.to_owned(), append: access == Access::Append };
        let answered = self.slow(&request).map_err(|error| match error {
            Error::Helper { kind, why } => io::Error::new(kind, why),
            other => io::Error::other(other),
        })?;
        let fd = answered.1.into_iter().next().ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(fd.into())
    }

    /// A compiled rule set that the helper keeps; `None` when it has none of that name.
    ///
    /// # Errors
    /// What the helper says.
    pub fn compiled(&self, name: &str) -> Result<Option<File>, Error> {
        let (_, fds) = self.slow(&Request::Compiled { name: name.to_owned() })?;
        Ok(fds.into_iter().next().map(File::from))
    }

    /// Takes the directory of receipts for as long as the file is open, and what the helper says is there already.
    ///
    /// # Errors
    /// What the helper says.
    pub fn receipts(&self) -> Result<(String, File), Error> {
        let (answered, fds) = self.slow(&Request::Receipts)?;
        match (answered, fds.into_iter().next()) {
            (Reply::Receipts { begun }, Some(lock)) => Ok((begun, lock.into())),
            _ => Err(unexpected()),
        }
    }

    /// A new file for receipts of this run, from the one of that number on.
    ///
    /// # Errors
    /// What the helper says.
    pub fn next_receipts(&self, run: &str, first: u64) -> Result<File, Error> {
        let (_, fds) = self.slow(&Request::NextReceipts { run: run.to_owned(), first })?;
        fds.into_iter().next().map(File::from).ok_or_else(unexpected)
    }

    /// The ports of the daemon: the proxy's, and that of MCP where there is one.
    ///
    /// # Errors
    /// What the helper says.
    pub fn ports(&self) -> Result<(TcpListener, Option<TcpListener>), Error> {
        let mut fds = self.slow(&Request::Ports)?.1.into_iter();
        let door = fds.next().ok_or_else(|| failed("no port came"))?;
        Ok((door.into(), fds.next().map(TcpListener::from)))
    }

    /// Lets go of what an earlier daemon captured and this one does not. How many that were.
    ///
    /// # Errors
    /// What the helper says: it refuses while a target is not armed.
    pub fn settle(&self) -> Result<usize, Error> {
        count(&self.slow(&Request::Settle)?.0)
    }

    /// Keeps the list for `pipelock targets`.
    ///
    /// # Errors
    /// What the helper says.
    pub fn tell(&self, text: &str) -> Result<(), Error> {
        let mut rest = text;
        loop {
            let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
            let last = more.is_empty();
            done(&self.slow(&Request::Tell { text: piece.to_owned(), last })?.0)?;
            if last {
                return Ok(());
            }
            rest = more;
        }
    }

    /// What a source of `capture.discover` lists, with the number of the list: once it is not the one numbered `seen` any more, and at
    /// the latest after `within`. Blocks.
    ///
    /// # Errors
    /// What the helper says: that the runtime does not answer, for one.
    pub fn look(&self, source: usize, seen: u64, within: Duration) -> Result<(u64, Vec<u8>), Error> {
        let channel = self.looking.get(source).ok_or_else(|| failed("no such source"))?;
        let number = u32::try_from(source).map_err(|_| unexpected())?;
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let request = Request::Look { source: number, seen, within };
        let channel = channel.lock().unwrap_or_else(PoisonError::into_inner);
        let (answered, fds) = ask(channel.as_fd(), &request, &[])?;
        let Reply::Found { number, length } = answered else { return Err(unexpected()) };
        let file: File = fds.into_iter().next().ok_or_else(unexpected)?.into();
        let mut list = Vec::new();
        file.take(MAX_LIST).read_to_end(&mut list).map_err(|e| Error::io("reading", "a list", e))?;
        if list.len() as u64 == length { Ok((number, list)) } else { Err(unexpected()) }
    }

    /// Says that everything is served; whether there was a predecessor to be told.
    ///
    /// # Errors
    /// What the helper says.
    pub fn serving(&self) -> Result<bool, Error> {
        count(&self.slow(&Request::Serving)?.0).map(|told| told > 0)
    }

    /// Waits for a successor, gives it what `gather` returns and the right to be the gateway, and returns when it serves. Blocks.
    ///
    /// # Errors
    /// What the helper says; a successor that fails is forgotten.
    pub fn hand_over(&self, gather: impl Fn() -> io::Result<Sockets>) -> Result<(), Error> {
        loop {
            let (_, fds) = self.on(self.channels.len() - 1, &Request::Successor, &[])?;
            let mut fds = fds.into_iter();
            let (Some(peer), Some(lock)) = (fds.next(), fds.next()) else { return Err(failed("no successor came")) };
            let lock: File = lock.into();
            let all = || Ok(Sockets { lock: Some(lock.try_clone()?), ..gather()? });
            match handover::give(&peer, all) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, "a successor did not come to serve; this gateway goes on"),
            }
        }
    }
}

impl Datapath for Helped {
    fn arm(&self, target: &TargetSpec) -> Result<Armed, Error> {
        let (answered, fds) = self.slow(&Request::Arm { name: target.name.clone() })?;
        let Reply::Armed { id, netns, listeners, weaknesses, ended } = answered else { return Err(unexpected()) };
        let mut fds = fds.into_iter();
        let count = usize::try_from(listeners).map_err(|_| unexpected())?;
        let listeners = fds.by_ref().take(count).map(TcpListener::from).collect();
        let resolvers = fds.map(std::net::UdpSocket::from).collect::<Vec<_>>();
        let resolvers = if resolvers.is_empty() {
            Vec::new()
        } else {
            ResolverSocket::all(resolvers).map_err(|e| Error::io("reading", "resolver addresses", e))?
        };
        let weaknesses = weaknesses.iter().filter_map(|name| Weakness::named(name)).collect();
        let ended = usize::try_from(ended).unwrap_or(usize::MAX);
        Ok(Armed { id, listeners, resolvers, netns: NetnsCookie(netns), weaknesses, ended })
    }

    fn disarm(&self, id: u64) -> Result<(), Error> {
        done(&self.slow(&Request::Disarm { id })?.0)
    }

    fn take(&self, flow: FlowTuple) -> Result<Option<Steered>, Error> {
        self.quick(&Request::take(flow), &[])?.0.into_steered().ok_or_else(unexpected)
    }

    fn mark_own(&self, socket: BorrowedFd<'_>) -> Result<(), Error> {
        done(&self.quick(&Request::MarkOwn, &[socket])?.0)
    }

    fn asked(&self, id: u64, place: Place) -> Result<Option<Asked>, Error> {
        match self.quick(&Request::Asked { id, place: place.0 }, &[])?.0 {
            Reply::Asked { server, workload } => Ok(Some(Asked { server, workload: workload.workload() })),
            Reply::Nothing => Ok(None),
            _ => Err(unexpected()),
        }
    }

    fn socket_inside(&self, netns: NetnsCookie, domain: Domain, kind: Type) -> Result<OwnedFd, Error> {
        let request =
            Request::SocketInside { netns: netns.0, v6: domain == Domain::IPV6, stream: kind == Type::STREAM };
        self.quick(&request, &[])?.1.into_iter().next().ok_or_else(unexpected)
    }

    fn is_own_netns(&self, netns: NetnsCookie) -> bool {
        netns == self.own_netns
    }

    fn beat(&self) -> Result<(), Error> {
        done(&self.quick(&Request::Beat, &[])?.0)
    }

    fn environments(&self, workload: &Workload, known: &dyn Fn(Process) -> bool) -> Result<Vec<Environment>, Error> {
        let who = Who::from(workload);
        let Reply::Processes(processes) = self.quick(&Request::Processes { workload: who.clone() }, &[])?.0 else {
            return Err(unexpected());
        };
        // The first is the one that connects: while it is known, none is read.
        if processes.first().is_none_or(|own| known(*own)) {
            return Ok(Vec::new());
        }
        let wanted = processes.into_iter().filter(|process| !known(*process)).collect();
        let (answered, fds) = self.quick(&Request::Environments { workload: who, wanted }, &[])?;
        let Reply::Environments(lengths) = answered else { return Err(unexpected()) };
        let mut file: File = fds.into_iter().next().ok_or_else(unexpected)?.into();
        if lengths.iter().map(|(_, length)| *length).fold(0, u64::saturating_add) > MAX_ENVIRONMENTS {
            return Err(unexpected());
        }
        let read = |(process, length): (Process, u64)| {
            let mut bytes = Zeroizing::new(vec![0; usize::try_from(length).map_err(|_| unexpected())?]);
            file.read_exact(&mut bytes).map_err(|e| Error::io("reading", "environments", e))?;
            Ok(Environment { process, bytes })
        };
        lengths.into_iter().map(read).collect()
    }

    fn counters(&self) -> Result<Counters, Error> {
        match self.quick(&Request::Counters, &[])?.0 {
            Reply::Counters(counters) => Ok(counters),
            _ => Err(unexpected()),
        }
    }

    fn target_counters(&self, id: u64) -> Result<TargetCounters, Error> {
        match self.quick(&Request::TargetCounters { id }, &[])?.0 {
            Reply::TargetCounters(counters) => Ok(counters),
            _ => Err(unexpected()),
        }
    }

    fn links(&self, id: u64) -> Result<Vec<&'static str>, Error> {
        let Reply::Links(names) = self.quick(&Request::Links { id }, &[])?.0 else { return Err(unexpected()) };
        Ok(LINKS.into_iter().filter(|link| names.iter().any(|name| name == link)).collect())
    }

    fn sweep_flows(&self) -> Result<usize, Error> {
        count(&self.slow(&Request::SweepFlows)?.0)
    }
}

fn ask(channel: BorrowedFd<'_>, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(Reply, Vec<OwnedFd>), Error> {
    let lost = |e: io::Error| Error::io("asking", "the helper", e);
    packet::send(channel, &encode(request).map_err(lost)?, fds).map_err(lost)?;
    let mut buffer = vec![0; MAX_PACKET];
    let received = packet::receive(channel, &mut buffer).map_err(lost)?;
    let (length, fds) = received.ok_or_else(|| lost(io::ErrorKind::UnexpectedEof.into()))?;
    match reply(buffer.get(..length).unwrap_or_default()).map_err(lost)? {
        Reply::Failed { why, cause } => Err(Error::Helper { why, kind: cause.kind() }),
        answered => Ok((answered, fds)),
    }
}

fn failed(why: &str) -> Error {
    Error::Helper { why: why.to_owned(), kind: io::ErrorKind::Other }
}

fn unexpected() -> Error {
    failed("it answered something else")
}

fn done(answered: &Reply) -> Result<(), Error> {
    if *answered == Reply::Done { Ok(()) } else { Err(unexpected()) }
}

fn count(answered: &Reply) -> Result<usize, Error> {
    match answered {
        Reply::Count { count } => Ok(usize::try_from(*count).unwrap_or(usize::MAX)),
        _ => Err(unexpected()),
    }
}

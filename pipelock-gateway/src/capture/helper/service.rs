//! The helper's end: holds every request against what the configuration says, then does it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::{Domain, Type};

use super::packet::{self, MAX_PACKET};
use super::protocol::{Cause, Reply, Request, encode, request};
use crate::capture::{
    Datapath, Error, FlowTuple, Inherited, LocalDatapath, Netns, Node, Offer, Place, Process, Scope, TargetSpec,
    cgroup, environment,
};
use crate::model::{NetnsCookie, Workload, error_chain};

/// The files that a proxy may have opened.
pub trait Files: Send + Sync {
    /// Whether the configuration, as it is now, names this file to be read.
    fn may_read(&self, path: &Path) -> bool;
    /// Whether the configuration, as it was at the start, names this file to be added to.
    fn may_append(&self, path: &Path) -> bool;
}

/// Everything a proxy can ask for.
pub struct Service {
    datapath: Arc<LocalDatapath>,
    node: Arc<Node>,
    specs: HashMap<String, TargetSpec>,
    /// Names of what is armed, by handle.
    armed: Mutex<HashMap<u64, String>>,
    files: Box<dyn Files>,
    ports: (TcpListener, Option<TcpListener>),
    /// Where the list for `pipelock targets` is kept.
    list: PathBuf,
    predecessor: Mutex<Option<Inherited>>,
    offer: Mutex<Option<Offer>>,
}

/// What a reply brings along.
#[derive(Default)]
struct Beside(Vec<OwnedFd>);

type Answer = Result<(Reply, Beside), Error>;

impl Service {
    /// For these targets, ports and files.
    #[must_use]
    pub fn new(
        (datapath, node): (Arc<LocalDatapath>, Arc<Node>),
        specs: Vec<TargetSpec>,
        files: Box<dyn Files>,
        ports: (TcpListener, Option<TcpListener>),
        list: PathBuf,
        predecessor: Option<Inherited>,
    ) -> Self {
        let specs = specs.into_iter().map(|spec| (spec.name.clone(), spec)).collect();
        let (armed, offer) = (Mutex::default(), Mutex::default());
        Self { datapath, node, specs, armed, files, ports, list, predecessor: Mutex::new(predecessor), offer }
    }

    /// Answers one channel until its other end is closed.
    pub fn serve(&self, channel: &OwnedFd) {
        let mut buffer = vec![0; MAX_PACKET];
        loop {
            let (length, fds) = match packet::receive(channel.as_fd(), &mut buffer) {
                Ok(Some(received)) => received,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "a channel of the proxy has ended");
                    return;
                }
            };
            let asked = request(buffer.get(..length).unwrap_or_default());
            let answer = match asked {
                Ok(asked) => self.answer(asked, &fds),
                Err(_) => Err(refused("no request")),
            };
            let (reply, beside) = answer.unwrap_or_else(|error| {
                (Reply::Failed { why: error_chain(&error), cause: Cause::of(&error) }, Beside::default())
            });
            let fds: Vec<BorrowedFd<'_>> = beside.0.iter().map(AsFd::as_fd).collect();
            let sent = encode(&reply).and_then(|bytes| packet::send(channel.as_fd(), &bytes, &fds));
            if let Err(error) = sent {
                tracing::error!(%error, "a channel of the proxy has ended");
                return;
            }
        }
    }

    fn answer(&self, asked: Request, fds: &[OwnedFd]) -> Answer {
        let plain = |reply| Ok((reply, Beside::default()));
        match asked {
            Request::Take { netns, peer, local } => {
                let flow = FlowTuple { netns: NetnsCookie(netns), peer, local };
                plain(Reply::steered(self.datapath.take(flow)?.as_ref()))
            }
            Request::MarkOwn => {
                let socket = fds.first().ok_or_else(|| refused("no socket beside it"))?;
                self.datapath.mark_own(socket.as_fd())?;
                plain(Reply::Done)
            }
            Request::Asked { id, place } => {
                let asked = self.datapath.asked(id, Place(place))?;
                plain(Reply::asked(asked.as_ref()))
            }
            Request::SocketInside { netns, v6, stream } => {
                let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
                let kind = if stream { Type::STREAM } else { Type::DGRAM };
                let socket = self.datapath.socket_inside(NetnsCookie(netns), domain, kind)?;
                Ok((Reply::Descriptor, Beside(vec![socket])))
            }
            Request::Beat => {
                self.datapath.beat()?;
                plain(Reply::Done)
            }
            Request::Counters => plain(Reply::Counters(self.datapath.counters()?)),
            Request::TargetCounters { id } => plain(Reply::TargetCounters(self.datapath.target_counters(id)?)),
            Request::Links { id } => {
                let links = self.datapath.links(id)?.into_iter().map(str::to_owned).collect();
                plain(Reply::Links(links))
            }
            Request::SweepFlows => plain(count(self.datapath.sweep_flows()?)),
            Request::Arm { name } => self.arm(&name),
            Request::Disarm { id } => self.disarm(id),
            Request::Settle => self.settle(),
            Request::Processes { workload } => {
                let workload = self.captured(workload.workload())?;
                plain(Reply::Processes(environment::processes(&workload)?))
            }
            Request::Environments { workload, wanted } => {
                let workload = self.captured(workload.workload())?;
                environments(&workload, &wanted)
            }
            Request::Open { path, append } => self.open(&path, append),
            Request::Ports => {
                let again = |port: &TcpListener| port.try_clone().map(OwnedFd::from);
                let ports = [Some(&self.ports.0), self.ports.1.as_ref()].into_iter().flatten().map(again);
                let ports = ports.collect::<io::Result<_>>().map_err(|e| Error::io("duplicating", "a port", e))?;
                Ok((Reply::Ports, Beside(ports)))
            }
            Request::Tell { text } => {
                replace(&self.list, text.as_bytes()).map_err(|e| Error::io("writing", &self.list, e))?;
                plain(Reply::Done)
            }
            Request::Successor => self.successor(),
            Request::Serving => {
                let predecessor = lock(&self.predecessor).take();
                let told = usize::from(predecessor.is_some());
                // One that has ended meanwhile need not be told.
                let _ = predecessor.map(Inherited::serving);
                plain(count(told))
            }
        }
    }

    /// By its name, treated as the configuration of this process says.
    fn arm(&self, name: &str) -> Answer {
        let spec = self.specs.get(name).ok_or_else(|| refused("no target of that name"))?;
        let armed = self.datapath.arm(spec)?;
        lock(&self.armed).insert(armed.id, name.to_owned());
        let listeners = u32::try_from(armed.listeners.len()).unwrap_or(u32::MAX);
        let weaknesses = armed.weaknesses.iter().map(|weakness| weakness.as_str().to_owned()).collect();
        let ended = u64::try_from(armed.ended).unwrap_or(u64::MAX);
        let reply = Reply::Armed { id: armed.id, netns: armed.netns.0, listeners, weaknesses, ended };
        let listeners = armed.listeners.into_iter().map(OwnedFd::from);
        // Nothing is kept here: what the proxy closes is closed, and connections are refused at once.
        let resolvers = armed.resolvers.into_iter().map(|socket| OwnedFd::from(socket.into_socket()));
        Ok((reply, Beside(listeners.chain(resolvers).collect())))
    }

    /// Only what has gone by itself: a proxy that lets go of a living target would let it out.
    fn disarm(&self, id: u64) -> Answer {
        let mut armed = lock(&self.armed);
        let spec = armed.get(&id).and_then(|name| self.specs.get(name)).ok_or(Error::UnknownTarget { id })?;
        let lives = match (&spec.scope, &spec.netns) {
            (Scope::Cgroup(path), _) | (Scope::Netns, Netns::At(path)) => path.exists(),
            (Scope::Netns, _) => true,
        };
        if lives {
            return Err(refused("the target is still there"));
        }
        self.datapath.disarm(id)?;
        armed.remove(&id);
        Ok((Reply::Done, Beside::default()))
    }

    /// Only when everything that the configuration names is armed.
    fn settle(&self) -> Answer {
        let armed = lock(&self.armed);
        if let Some(name) = self.specs.keys().find(|name| !armed.values().any(|other| other == *name)) {
            return Err(Error::Helper {
                why: format!("{name} is not captured yet"),
                kind: io::ErrorKind::PermissionDenied,
            });
        }
        Ok((count(self.datapath.settle()?), Beside::default()))
    }

    /// The workload again, if its cgroup is one of a target's or below it.
    fn captured(&self, workload: Workload) -> Result<Workload, Error> {
        let path = environment::cgroup_of(&workload)?;
        let inside = |spec: &TargetSpec| match &spec.scope {
            Scope::Cgroup(cgroup) => path.starts_with(cgroup),
            Scope::Netns => shares(&spec.netns, workload.pid),
        };
        let armed = lock(&self.armed);
        let captured = armed.values().filter_map(|name| self.specs.get(name)).any(inside);
        if captured && path != cgroup::find_root()? { Ok(workload) } else { Err(refused("no captured process")) }
    }

    fn open(&self, path: &Path, append: bool) -> Answer {
        let may = if append { self.files.may_append(path) } else { self.files.may_read(path) };
        if !may {
            return Err(refused("the configuration does not name that file"));
        }
        let opened = if append { crate::files::append(path) } else { File::open(path) };
        let file = opened.map_err(|e| Error::io("opening", path, e))?;
        Ok((Reply::Descriptor, Beside(vec![file.into()])))
    }

    /// Blocks until somebody asks for the sockets.
    fn successor(&self) -> Answer {
        let mut offer = lock(&self.offer);
        if offer.is_none() {
            *offer = Some(self.node.offer()?);
        }
        let Some(offer) = offer.as_ref() else { return Err(refused("no offer")) };
        let peer = offer.accept()?;
        let lock = self.node.lock()?;
        Ok((Reply::Successor, Beside(vec![peer, lock.into()])))
    }
}

fn environments(workload: &Workload, wanted: &[Process]) -> Answer {
    let failed = |e: io::Error| Error::io("passing", "environments", e);
    let read = environment::read(workload, &|process| !wanted.contains(&process))?;
    let memory =
        rustix::fs::memfd_create(c"environments", rustix::fs::MemfdFlags::CLOEXEC).map_err(|e| failed(e.into()))?;
    let mut file: File = memory.into();
    let mut lengths = Vec::new();
    for environment in read {
        file.write_all(&environment.bytes).map_err(failed)?;
        lengths.push((environment.process, environment.bytes.len() as u64));
    }
    file.rewind().map_err(failed)?;
    Ok((Reply::Environments(lengths), Beside(vec![file.into()])))
}

/// Whether a process lives in the namespace of a target that is told by it.
fn shares(netns: &Netns, pid: u32) -> bool {
    let inode = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let theirs = inode(Path::new(&format!("/proc/{pid}/ns/net")));
    theirs.is_some() && theirs == inode(&netns.path())
}

/// A reader sees the old file or the new one, never half of one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let new = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    std::fs::rename(new, path)
}

fn count(count: usize) -> Reply {
    Reply::Count { count: u64::try_from(count).unwrap_or(u64::MAX) }
}

fn refused(why: &str) -> Error {
    Error::Helper { why: why.to_owned(), kind: io::ErrorKind::PermissionDenied }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The helper's end: holds every request against what the configuration says, then does it.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Type};

use super::found::{News, Sightings};
use super::packet::{self, MAX_PACKET};
use super::protocol::{Cause, Reply, Request, encode, request};
use crate::capture::{
    Armed, Datapath, Error, FlowTuple, Inherited, LocalDatapath, Netns, Node, Offer, Place, Process, Scope, TargetSpec,
    cgroup, environment,
};
use crate::model::{NetnsCookie, Workload, error_chain};

/// The longest list of targets that is kept: some thirty thousand.
const MAX_TOLD: usize = 16 << 20;

/// The files that a proxy may have opened, and that are kept for it.
pub trait Files: Send + Sync {
    /// Whether the configuration, as it is now, names this file to be read.
    fn may_read(&self, path: &Path) -> bool;
    /// Whether the configuration, as it was at the start, names this file to be added to.
    fn may_append(&self, path: &Path) -> bool;
    /// A compiled rule set, to be read; `None` when there is none of that name.
    fn compiled(&self, _name: &str) -> Option<File> {
        None
    }
    /// Takes the directory of receipts for as long as the file is open; what is there already, in words that the proxy knows.
    ///
    /// # Errors
    /// When there are none to be kept, or they cannot be.
    fn receipts(&self) -> io::Result<(String, File)> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
    /// A new file of receipts, to be written.
    ///
    /// # Errors
    /// As [`Self::receipts`].
    fn next_receipts(&self, _run: &str, _first: u64) -> io::Result<File> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
    /// The proxy serves.
    fn serving(&self) {}
}

/// Everything a proxy can ask for.
pub struct Service {
    datapath: Arc<LocalDatapath>,
    node: Arc<Node>,
    specs: HashMap<String, TargetSpec>,
    sightings: Sightings,
    /// Names of what is armed, by handle.
    armed: Mutex<HashMap<u64, String>>,
    /// What was found and armed, until the proxy asks for it, by name.
    ready: Mutex<HashMap<String, Armed>>,
    files: Box<dyn Files>,
    ports: (TcpListener, Option<TcpListener>),
    /// Pieces of the list for `pipelock targets` that have come.
    telling: Mutex<String>,
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
        predecessor: Option<Inherited>,
    ) -> Self {
        Self {
            datapath,
            node,
            specs: specs.into_iter().map(|spec| (spec.name.clone(), spec)).collect(),
            sightings: Sightings::default(),
            armed: Mutex::default(),
            ready: Mutex::default(),
            files,
            ports,
            telling: Mutex::default(),
            predecessor: Mutex::new(predecessor),
            offer: Mutex::default(),
        }
    }

    /// What a look at a source found: what has ended is let go, what runs is captured, and only then is the proxy told. Whether all
    /// of it is captured.
    pub fn found(&self, source: u32, looked: Result<News, String>) -> bool {
        let News { gone, specs, list } = match looked {
            Ok(news) => news,
            Err(why) => {
                self.sightings.tell(source, Err(why));
                return true;
            }
        };
        self.sightings.expect(source, &specs);
        for name in gone {
            self.let_go(&name);
        }
        let all = std::thread::scope(|scope| {
            let armed: Vec<String> = lock(&self.armed).values().cloned().collect();
            let new = specs.iter().filter(|spec| !armed.contains(&spec.name));
            // All at once: each is about to begin.
            let capturing: Vec<_> = new.map(|spec| scope.spawn(|| self.capture(spec))).collect();
            capturing.into_iter().all(|one| one.join().unwrap_or(false))
        });
        self.sightings.tell(source, Ok(list));
        all
    }

    /// Names of everything that is captured now.
    #[must_use]
    pub fn captured_names(&self) -> BTreeSet<String> {
        lock(&self.armed).values().cloned().collect()
    }

    fn capture(&self, spec: &TargetSpec) -> bool {
        match self.datapath.arm(spec) {
            Ok(armed) => {
                lock(&self.armed).insert(armed.id, spec.name.clone());
                lock(&self.ready).insert(spec.name.clone(), armed);
                true
            }
            // The proxy asks for it again, and tells why it cannot be.
            Err(error) => {
                tracing::debug!(target_name = spec.name, error = %error_chain(&error), "not captured");
                false
            }
        }
    }

    fn let_go(&self, name: &str) {
        lock(&self.ready).remove(name);
        let mut armed = lock(&self.armed);
        let ids: Vec<u64> = armed.iter().filter(|(_, other)| *other == name).map(|(id, _)| *id).collect();
        for id in ids {
            match self.datapath.disarm(id) {
                Ok(()) => drop(armed.remove(&id)),
                Err(error) => tracing::debug!(target_name = name, error = %error_chain(&error), "letting go"),
            }
        }
    }

    fn spec(&self, name: &str) -> Option<TargetSpec> {
        self.specs.get(name).cloned().or_else(|| self.sightings.spec(name))
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
            Request::Compiled { name } => match self.files.compiled(&name) {
                Some(file) => Ok((Reply::Descriptor, Beside(vec![file.into()]))),
                None => plain(Reply::Nothing),
            },
            Request::Receipts => {
                let (begun, lock) = self.files.receipts().map_err(|e| Error::io("keeping", "receipts", e))?;
                Ok((Reply::Receipts { begun }, Beside(vec![lock.into()])))
            }
            Request::NextReceipts { run, first } => {
                let file = self.files.next_receipts(&run, first).map_err(|e| Error::io("keeping", "receipts", e))?;
                Ok((Reply::Descriptor, Beside(vec![file.into()])))
            }
            Request::Ports => {
                let again = |port: &TcpListener| port.try_clone().map(OwnedFd::from);
                let ports = [Some(&self.ports.0), self.ports.1.as_ref()].into_iter().flatten().map(again);
                let ports = ports.collect::<io::Result<_>>().map_err(|e| Error::io("duplicating", "a port", e))?;
                Ok((Reply::Ports, Beside(ports)))
            }
            Request::Tell { text, last } => {
                let mut telling = lock(&self.telling);
                if telling.len().saturating_add(text.len()) > MAX_TOLD {
                    telling.clear();
                    return Err(refused("a list that is too long"));
                }
                telling.push_str(&text);
                if last {
                    self.node.tell(&std::mem::take(&mut *telling))?;
                }
                plain(Reply::Done)
            }
            Request::Look { source, seen, within } => {
                let failed = |why| Error::Helper { why, kind: io::ErrorKind::Other };
                let (number, list) =
                    self.sightings.wait(source, seen, Duration::from_millis(within)).map_err(failed)?;
                let file = in_memory(c"list", &[&list]).map_err(|e| Error::io("passing", "a list", e))?;
                Ok((Reply::Found { number, length: list.len() as u64 }, Beside(vec![file])))
            }
            Request::Successor => self.successor(),
            Request::Serving => {
                self.files.serving();
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
        let ready = lock(&self.ready).remove(name);
        let armed = if let Some(armed) = ready {
            armed
        } else {
            let spec = self.spec(name).ok_or_else(|| refused("no target of that name"))?;
            let armed = self.datapath.arm(&spec)?;
            lock(&self.armed).insert(armed.id, name.to_owned());
            armed
        };
        let listeners = u32::try_from(armed.listeners.len()).unwrap_or(u32::MAX);
        let weaknesses = armed.weaknesses.iter().map(|weakness| weakness.as_str().to_owned()).collect();
        let ended = u64::try_from(armed.ended).unwrap_or(u64::MAX);
        let reply = Reply::Armed { id: armed.id, netns: armed.netns.0, listeners, weaknesses, ended };
        let listeners = armed.listeners.into_iter().map(OwnedFd::from);
        // Nothing is kept here: what the proxy closes is closed, and connections are refused at once.
        let resolvers = armed.resolvers.into_iter().map(|socket| OwnedFd::from(socket.into_socket()));
        Ok((reply, Beside(listeners.chain(resolvers).collect())))
    }

    /// Only what has gone by itself: a proxy that lets go of a living target would let it out. What was let go here, because
    /// who looks said that it has ended, is let go.
    fn disarm(&self, id: u64) -> Answer {
        let mut armed = lock(&self.armed);
        let Some(name) = armed.get(&id) else { return Ok((Reply::Done, Beside::default())) };
        let lives = match self.spec(name) {
            Some(TargetSpec { scope: Scope::Cgroup(path), .. } | TargetSpec { netns: Netns::At(path), .. }) => {
                path.exists()
            }
            Some(_) => true,
            None => false,
        };
        if lives {
            return Err(refused("the target is still there"));
        }
        self.datapath.disarm(id)?;
        armed.remove(&id);
        Ok((Reply::Done, Beside::default()))
    }

    /// Only when everything that the configuration names or selects is armed.
    fn settle(&self) -> Answer {
        let armed = lock(&self.armed);
        let mut wanted = self.specs.keys().cloned().chain(self.sightings.names());
        if let Some(name) = wanted.find(|name| !armed.values().any(|other| other == name)) {
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
        let armed: Vec<String> = lock(&self.armed).values().cloned().collect();
        let captured = armed.iter().filter_map(|name| self.spec(name)).any(|spec| inside(&spec));
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
    let read = environment::read(workload, &|process| !wanted.contains(&process))?;
    let lengths = read.iter().map(|one| (one.process, one.bytes.len() as u64)).collect();
    let bytes: Vec<&[u8]> = read.iter().map(|one| one.bytes.as_slice()).collect();
    let file = in_memory(c"environments", &bytes).map_err(|e| Error::io("passing", "environments", e))?;
    Ok((Reply::Environments(lengths), Beside(vec![file])))
}

/// A file that has no name, with these bytes, to be read from its beginning.
fn in_memory(name: &std::ffi::CStr, pieces: &[&[u8]]) -> io::Result<OwnedFd> {
    let mut file: File = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)?.into();
    for piece in pieces {
        file.write_all(piece)?;
    }
    file.rewind()?;
    Ok(file.into())
}

/// Whether a process lives in the namespace of a target that is told by it.
fn shares(netns: &Netns, pid: u32) -> bool {
    let inode = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let theirs = inode(Path::new(&format!("/proc/{pid}/ns/net")));
    theirs.is_some() && theirs == inode(&netns.path())
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

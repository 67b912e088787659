//! Listeners and the daemon's lock, from a gateway to its successor: how an upgrade refuses nobody.
//!
//! The gateway that runs offers; a successor (`pipelock run --take-over`) asks, serves the same sockets beside it, and says so.
//! Only then does the first stop accepting. What waits in an accept queue belongs to the socket and not to a process, and the
//! lock travels as a descriptor, so that it is never free in between. Either side may end at any step: the other goes on.
//!
//! The protocol: packets over a unix socket that only the same user may open. `PLH1` asks; each answer is one byte that says
//! what the one descriptor beside it is, then a zero byte without one; `S` says "serving". Bytes are judged strictly: the
//! peer may be of another version.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen, recvmsg, sendmsg,
    socket_with,
};

use super::Error;

const ASK: &[u8] = b"PLH1";
const SERVING: &[u8] = b"S";
const END: u8 = 0;
/// Descriptors of one hand-over: more than any machine has listeners, fewer than would exhaust a process.
const MAX_SOCKETS: usize = 16_384;
/// How long one packet may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A successor loads programs and rules between asking and serving.
const START: Duration = Duration::from_mins(2);

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lock,
    Door,
    Mcp,
    Listener,
    Resolver,
}

const KINDS: [(u8, Kind); 5] =
    [(1, Kind::Lock), (2, Kind::Door), (3, Kind::Mcp), (4, Kind::Listener), (5, Kind::Resolver)];

/// What is handed over.
#[derive(Debug, Default)]
pub struct Sockets {
    /// The right to be this machine's gateway.
    pub lock: Option<File>,
    /// The explicit proxy and admin port.
    pub door: Option<TcpListener>,
    /// The MCP port.
    pub mcp: Option<TcpListener>,
    /// Listeners of targets, in their namespaces.
    pub listeners: Vec<TcpListener>,
    /// Sockets that DNS queries are steered to.
    pub resolvers: Vec<UdpSocket>,
}

/// The successor's end, until it serves.
#[derive(Debug)]
pub struct Inherited {
    /// What came.
    pub sockets: Sockets,
    predecessor: OwnedFd,
}

/// The running gateway's end.
#[derive(Debug)]
pub struct Offer {
    socket: OwnedFd,
}

/// Where the running gateway is asked.
pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("handover")
}

impl Offer {
    /// Opens the socket at which a successor asks, in place of that of a predecessor.
    pub(super) fn open(directory: &Path) -> Result<Self, Error> {
        let (path, new) = (path(directory), directory.join("handover.new"));
        let failed = |e: io::Error| Error::io("listening on", &path, e);
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|e| failed(e.into()))?;
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let address = SocketAddrUnix::new(&new).map_err(|e| failed(e.into()))?;
        bind(&socket, &address).map_err(|e| failed(e.into()))?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        listen(&socket, 1).map_err(|e| failed(e.into()))?;
        // From here on nobody finds the predecessor's any more.
        std::fs::rename(&new, &path).map_err(failed)?;
        Ok(Self { socket })
    }

    /// Waits for somebody who asks, and may.
    ///
    /// # Errors
    /// [`Error::Io`] when the socket itself fails.
    pub(super) fn accept(&self) -> Result<OwnedFd, Error> {
        loop {
            let peer = accept_with(&self.socket, SocketFlags::CLOEXEC)
                .map_err(|e| Error::io("accepting on", "the hand-over socket", e.into()))?;
            if is_ours(&peer).unwrap_or(false) {
                return Ok(peer);
            }
        }
    }

    /// Waits for a successor, gives it what `gather` returns, and returns when it serves. A successor that fails is forgotten,
    /// and the next one waited for. Blocks; a thread of its own calls it.
    ///
    /// # Errors
    /// [`Error::Io`] when the socket itself fails.
    pub fn hand_over(&self, gather: impl Fn() -> io::Result<Sockets>) -> Result<(), Error> {
        loop {
            let peer = self.accept()?;
            match give(&peer, &gather) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, "a successor did not come to serve; this gateway goes on"),
            }
        }
    }
}

/// Whether the other end is of the same user.
fn is_ours(peer: &OwnedFd) -> io::Result<bool> {
    Ok(socket_peercred(peer)?.uid == rustix::process::geteuid())
}

/// One successor, from its question to its word that it serves.
pub(super) fn give(peer: &OwnedFd, gather: impl Fn() -> io::Result<Sockets>) -> io::Result<()> {
    set_socket_timeout(peer, Timeout::Recv, Some(PATIENCE))?;
    set_socket_timeout(peer, Timeout::Send, Some(PATIENCE))?;
    let (asked, _) = receive(peer)?;
    if asked != ASK {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "another version of the protocol"));
    }
    let sockets = gather()?;
    let one = |kind: Kind, fd: OwnedFd| {
        let code = KINDS.iter().find(|(_, other)| *other == kind).map_or(END, |(code, _)| *code);
        transmit(peer, &[code], Some(&fd))
    };
    sockets.lock.into_iter().try_for_each(|lock| one(Kind::Lock, lock.into()))?;
    sockets.door.into_iter().try_for_each(|door| one(Kind::Door, door.into()))?;
    sockets.mcp.into_iter().try_for_each(|mcp| one(Kind::Mcp, mcp.into()))?;
    sockets.listeners.into_iter().try_for_each(|listener| one(Kind::Listener, listener.into()))?;
    sockets.resolvers.into_iter().try_for_each(|resolver| one(Kind::Resolver, resolver.into()))?;
    transmit(peer, &[END], None)?;
    set_socket_timeout(peer, Timeout::Recv, Some(START))?;
    match receive(peer)?.0.as_slice() {
        SERVING => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before it served")),
    }
}

/// Asks the running gateway for its sockets; `None` when none runs that would give them.
///
/// # Errors
/// [`Error::Io`] when one answers wrongly or not at all.
pub(super) fn ask(directory: &Path) -> Result<Option<Inherited>, Error> {
    let path = path(directory);
    let failed = |e: io::Error| Error::io("asking for the sockets of the running gateway at", &path, e);
    let predecessor = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|e| failed(e.into()))?;
    let address = SocketAddrUnix::new(&path).map_err(|e| failed(e.into()))?;
    match connect(&predecessor, &address).map_err(io::Error::from) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        other => other.map_err(failed)?,
    }
    let sockets = take(&predecessor).map_err(failed)?;
    Ok(Some(Inherited { sockets, predecessor }))
}

fn take(predecessor: &OwnedFd) -> io::Result<Sockets> {
    set_socket_timeout(predecessor, Timeout::Recv, Some(PATIENCE))?;
    transmit(predecessor, ASK, None)?;
    let wrong = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut sockets = Sockets::default();
    for _ in 0..MAX_SOCKETS {
        let (bytes, fd) = receive(predecessor)?;
        let [code] = *bytes.as_slice() else { return Err(wrong("a packet of another length")) };
        if code == END {
            return Ok(sockets);
        }
        let kind = KINDS.iter().find(|(other, _)| *other == code).map(|(_, kind)| *kind);
        let fd = fd.ok_or_else(|| wrong("a packet without its descriptor"))?;
        match kind.ok_or_else(|| wrong("a descriptor of an unknown kind"))? {
            Kind::Lock => sockets.lock = Some(fd.into()),
            Kind::Door => sockets.door = Some(fd.into()),
            Kind::Mcp => sockets.mcp = Some(fd.into()),
            Kind::Listener => sockets.listeners.push(fd.into()),
            Kind::Resolver => sockets.resolvers.push(fd.into()),
        }
    }
    Err(wrong("more sockets than a gateway has"))
}

impl Inherited {
    /// Tells the predecessor that everything is served, so that it stops accepting.
    ///
    /// # Errors
    /// [`Error::Io`] when it is gone; then there is nobody to be told.
    pub fn serving(self) -> Result<(), Error> {
        transmit(&self.predecessor, SERVING, None).map_err(|e| Error::io("telling", "the predecessor", e))
    }
}

fn transmit(to: &OwnedFd, bytes: &[u8], fd: Option<&OwnedFd>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd.as_fd()]);
    if let Some(fds) = &fds {
        ancillary.push(SendAncillaryMessage::ScmRights(fds));
    }
    sendmsg(to, &[io::IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// One packet, and the descriptor beside it.
fn receive(from: &OwnedFd) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let mut bytes = [0; 16];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let read = recvmsg(from, &mut [io::IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let fd = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok((bytes.get(..read).unwrap_or_default().to_vec(), fd))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::os::fd::AsRawFd;

    use super::*;

    fn sockets(listener: &TcpListener) -> io::Result<Sockets> {
        Ok(Sockets { listeners: vec![listener.try_clone()?], ..Sockets::default() })
    }

    #[test]
    fn what_waits_to_be_accepted_is_served_by_the_successor() {
        let directory = tempfile::tempdir().unwrap();
        let offer = Offer::open(directory.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let given = listener.try_clone().unwrap();
        let predecessor = std::thread::spawn(move || offer.hand_over(|| sockets(&given)));
        let inherited = ask(directory.path()).unwrap().unwrap();
        drop(listener);
        assert!(inherited.sockets.door.is_none() && inherited.sockets.lock.is_none());
        let (mut stream, _) = inherited.sockets.listeners.first().unwrap().accept().unwrap();
        inherited.serving().unwrap();
        predecessor.join().unwrap().unwrap();
        stream.write_all(b"abc").unwrap();
        let mut said = [0; 3];
        client.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"abc");
    }

    #[test]
    fn a_successor_that_fails_is_forgotten_and_the_next_one_served() {
        let directory = tempfile::tempdir().unwrap();
        let offer = Offer::open(directory.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let predecessor = std::thread::spawn(move || offer.hand_over(|| sockets(&listener)));
        drop(ask(directory.path()).unwrap().unwrap());
        let strange = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        connect(&strange, &SocketAddrUnix::new(path(directory.path())).unwrap()).unwrap();
        transmit(&strange, b"PLH9", None).unwrap();
        assert!(receive(&strange).is_ok_and(|(bytes, fd)| bytes.is_empty() && fd.is_none()), "nothing is given");
        ask(directory.path()).unwrap().unwrap().serving().unwrap();
        predecessor.join().unwrap().unwrap();
    }

    #[test]
    fn nobody_there_is_no_error_and_the_newest_offer_is_the_one_that_is_found() {
        let directory = tempfile::tempdir().unwrap();
        assert!(ask(directory.path()).unwrap().is_none());
        let first = Offer::open(directory.path()).unwrap();
        let second = Offer::open(directory.path()).unwrap();
        assert_ne!(first.socket.as_raw_fd(), second.socket.as_raw_fd());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let served = std::thread::spawn(move || second.hand_over(|| sockets(&listener)));
        ask(directory.path()).unwrap().unwrap().serving().unwrap();
        served.join().unwrap().unwrap();
        drop(first);
        assert!(ask(directory.path()).unwrap().is_none(), "a socket without a listener is nobody");
    }
}

//! Ends the connections that a target had before it was captured: no program ever sees what they carry.
//!
//! Only what leads outside: peers on loopback and in bypassed networks go on, and so do connections from outside to a port the
//! target listens on. Connected UDP sockets are ended like TCP ones, because sending on them runs through no hook.
//! Needs `CONFIG_INET_DIAG_DESTROY`, and the cgroup in the answers (5.9).
//!
//! Source: `include/uapi/linux/inet_diag.h`, `SOCK_DESTROY` in `include/uapi/linux/sock_diag.h`.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ipnet::IpNet;
use pipelock_common::{Udp, judge_udp};

use super::Error;
use super::cgroup::Cgroup;
use super::netlink::{Netlink, SOCK_DIAG, find, u16_at, u64_at};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
const INET_DIAG_CGROUP_ID: u16 = 21;
/// Length of `struct inet_diag_msg`, behind which attributes follow.
const DIAG_MESSAGE: usize = 72;
/// Length of `struct inet_diag_sockid`.
const SOCKET_ID: usize = 48;

const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE: u8 = 7;
/// `TCP_LISTEN`.
const TCP_PASSIVE: u8 = 10;
/// States of a TCP socket that may still send: all but `TIME_WAIT`, `CLOSE` and `NEW_SYN_RECV`.
const TCP_STATES: u32 = 0x0fff & !(1 << 6 | 1 << TCP_CLOSE);
const UDP_STATES: u32 = 1 << TCP_ESTABLISHED;

/// Whose old sockets, and which of them may stay.
#[derive(Debug)]
pub(super) struct Old<'a> {
    /// `None`: of everything in the namespace.
    pub(super) cgroup: Option<&'a Cgroup>,
    pub(super) bypass: &'a [IpNet],
    /// Of the target's policy: datagrams that it allows need no end.
    pub(super) flags: u32,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) destroyed: usize,
    /// Found, and not ended.
    pub(super) left: usize,
}

/// One socket of a dump.
#[derive(Debug)]
struct Found {
    family: u8,
    protocol: u8,
    state: u8,
    id: [u8; SOCKET_ID],
    local_port: u16,
    peer: SocketAddr,
    cgroup: Option<u64>,
}

/// Ends them in the calling thread's namespace.
///
/// # Errors
/// [`Error::Io`] when the kernel cannot be asked.
pub(super) fn end(old: &Old<'_>) -> Result<Ended, Error> {
    let failed = |e: io::Error| Error::io("asking for", "sockets from before (sock_diag)", e);
    let members = old.cgroup.map(|cgroup| subtree(cgroup.path())).transpose()?;
    let mut netlink = Netlink::open(SOCK_DIAG).map_err(failed)?;
    let mut sockets = Vec::new();
    for (protocol, states) in [(libc::IPPROTO_TCP, TCP_STATES), (libc::IPPROTO_UDP, UDP_STATES)] {
        for family in [libc::AF_INET, libc::AF_INET6] {
            let (family, protocol) = (family.to_le_bytes()[0], protocol.to_le_bytes()[0]);
            let request = request(family, protocol, states, &[0; SOCKET_ID]);
            let answer = netlink.dump(SOCK_DIAG_BY_FAMILY, &request).map_err(failed)?;
            sockets.extend(answer.iter().filter_map(|message| Found::read(&message.body, protocol)));
        }
    }
    let listening: HashSet<u16> =
        sockets.iter().filter(|s| s.state == TCP_PASSIVE).map(|socket| socket.local_port).collect();
    let mut ended = Ended::default();
    for socket in sockets.iter().filter(|socket| socket.is_to_end(old, &listening)) {
        match (&members, socket.cgroup) {
            (None, _) => {}
            (Some(members), Some(cgroup)) if members.contains(&cgroup) => {}
            (Some(_), Some(_)) => continue,
            (Some(_), None) => {
                // A kernel that does not tell whose it is.
                ended.left += 1;
                continue;
            }
        }
        match netlink.request(SOCK_DESTROY, &request(socket.family, socket.protocol, u32::MAX, &socket.id)) {
            Ok(_) => ended.destroyed += 1,
            // It ended meanwhile.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection from before the capture cannot be ended");
                ended.left += 1;
            }
        }
    }
    Ok(ended)
}

/// `struct inet_diag_req_v2`.
fn request(family: u8, protocol: u8, states: u32, id: &[u8; SOCKET_ID]) -> Vec<u8> {
    let mut bytes = vec![family, protocol, 0, 0];
    bytes.extend(states.to_ne_bytes());
    bytes.extend(id);
    if id.iter().all(|byte| *byte == 0) {
        // INET_DIAG_NOCOOKIE, in both halves.
        bytes.splice(bytes.len() - 8.., [0xff; 8]);
    }
    bytes
}

impl Found {
    fn read(body: &[u8], protocol: u8) -> Option<Self> {
        let [family, state, ..] = *body else { return None };
        let id: [u8; SOCKET_ID] = *body.get(4..)?.first_chunk()?;
        let port = |at: usize| u16_at(&id, at).map(u16::from_be);
        let address = id.get(20..36)?;
        let ip = if i32::from(family) == libc::AF_INET {
            IpAddr::from(*address.first_chunk::<4>()?)
        } else {
            IpAddr::from(*address.first_chunk::<16>()?)
        };
        let cgroup = find(body.get(DIAG_MESSAGE..)?, INET_DIAG_CGROUP_ID).and_then(|value| u64_at(value, 0));
        let peer = SocketAddr::new(ip.to_canonical(), port(2)?);
        Some(Self { family, protocol, state, id, local_port: port(0)?, peer, cgroup })
    }

    fn is_to_end(&self, old: &Old<'_>, listening: &HashSet<u16>) -> bool {
        let ip = self.peer.ip();
        let tcp = i32::from(self.protocol) == libc::IPPROTO_TCP;
        let answers = tcp && listening.contains(&self.local_port);
        let allowed = !tcp && judge_udp(self.peer.port(), old.flags) == Udp::Pass;
        self.state != TCP_PASSIVE
            && self.peer.port() != 0
            && !ip.is_loopback()
            && !ip.is_unspecified()
            && !answers
            && !allowed
            && !old.bypass.iter().any(|network| network.contains(&ip))
    }
}

/// The ids of a cgroup and of all below it.
fn subtree(path: &Path) -> Result<HashSet<u64>, Error> {
    let (mut ids, mut waiting) = (HashSet::new(), vec![path.to_owned()]);
    while let Some(path) = waiting.pop() {
        let entries = match fs::metadata(&path).and_then(|metadata| {
            ids.insert(metadata.ino());
            fs::read_dir(&path)
        }) {
            Ok(entries) => entries,
            // Removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("reading", path, error)),
        };
        let directories = entries.filter_map(Result::ok).filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir()));
        waiting.extend(directories.map(|entry| entry.path()));
    }
    Ok(ids)
}

/// Whether sockets can be listed and ended here: asks for the end of one that nobody has.
///
/// # Errors
/// What the kernel says; `EOPNOTSUPP` without `CONFIG_INET_DIAG_DESTROY`.
pub(super) fn can_end() -> io::Result<()> {
    let mut netlink = Netlink::open(SOCK_DIAG)?;
    for protocol in [libc::IPPROTO_TCP, libc::IPPROTO_UDP] {
        let (family, protocol) = (libc::AF_INET.to_le_bytes()[0], protocol.to_le_bytes()[0]);
        // Port 1 to port 1 of 0.0.0.0: not even a socket that is bound has both.
        let mut id = [0; SOCKET_ID];
        [id[1], id[3]] = [1, 1];
        match netlink.request(SOCK_DESTROY, &request(family, protocol, u32::MAX, &id)) {
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pipelock_common::policy_flag;

    use super::*;

    fn found(state: u8, protocol: i32, local_port: u16, peer: &str) -> Found {
        let protocol = protocol.to_le_bytes()[0];
        let peer = peer.parse().unwrap();
        Found { family: 2, protocol, state, id: [0; SOCKET_ID], local_port, peer, cgroup: None }
    }

    #[test]
    fn what_leads_outside_is_told_from_what_answers_or_stays() {
        let bypass = ["10.0.0.0/8".parse().unwrap()];
        let old = Old { cgroup: None, bypass: &bypass, flags: policy_flag::DENY_QUIC };
        let listening = HashSet::from([8080]);
        for (state, protocol, port, peer, outside) in [
            (1, libc::IPPROTO_TCP, 40000, "203.0.113.10:443", true),
            (2, libc::IPPROTO_TCP, 40000, "203.0.113.10:443", true),
            (8, libc::IPPROTO_TCP, 40000, "[2001:db8::1]:443", true),
            (1, libc::IPPROTO_UDP, 8080, "203.0.113.10:443", true),
            (1, libc::IPPROTO_UDP, 40000, "203.0.113.10:123", false),
            (1, libc::IPPROTO_TCP, 8080, "203.0.113.10:50000", false),
            (1, libc::IPPROTO_TCP, 40000, "127.0.0.1:5432", false),
            (1, libc::IPPROTO_TCP, 40000, "[::1]:5432", false),
            (1, libc::IPPROTO_TCP, 40000, "10.1.2.3:5432", false),
            (10, libc::IPPROTO_TCP, 40000, "0.0.0.0:0", false),
        ] {
            assert_eq!(found(state, protocol, port, peer).is_to_end(&old, &listening), outside, "{peer} {state}");
        }
    }

    #[test]
    fn the_kernels_own_listing_is_read() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut netlink = Netlink::open(SOCK_DIAG).unwrap();
        let answer = netlink.dump(SOCK_DIAG_BY_FAMILY, &request(2, 6, 1 << TCP_PASSIVE, &[0; SOCKET_ID])).unwrap();
        let sockets: Vec<Found> = answer.iter().filter_map(|message| Found::read(&message.body, 6)).collect();
        let ours = sockets.iter().find(|socket| socket.local_port == port).unwrap();
        assert_eq!((ours.family, ours.state), (2, TCP_PASSIVE));
        assert!(ours.cgroup.is_some(), "without the cgroup no target can be told from another");
    }

    #[test]
    fn a_cut_record_is_no_socket() {
        assert!(Found::read(&[2, 1], 6).is_none());
        assert!(Found::read(&[2; DIAG_MESSAGE - 1], 6).is_none());
    }
}

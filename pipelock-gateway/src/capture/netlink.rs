//! Questions to the kernel over netlink: messages and their attributes, and nothing about what they mean.
//!
//! Used inside a target's network namespace by [`super::old_sockets`] and [`super::wires`]. A socket asks the namespace it
//! was made in. Replies are the kernel's, yet read with the care of a peer's: a length that lies ends the reading.
//!
//! Source: include/uapi/linux/netlink.h.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLM_F_ACK`.
const ACK: u16 = 4;
/// `NLM_F_REPLACE`: with [`Netlink::create`], in the place of one that is there.
pub(super) const REPLACE: u16 = 0x100;
/// `NLM_F_EXCL`: with [`Netlink::create`], only if there is none.
pub(super) const EXCL: u16 = 0x200;
/// `NLM_F_CREATE`.
const CREATE: u16 = 0x400;
/// `NLM_F_ROOT | NLM_F_MATCH`.
const DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;
/// The kernel fills at most 32 KiB of one datagram of a dump (`netlink_dump` in `net/netlink/af_netlink.c`).
const BUFFER: usize = 64 * 1024;
/// The kernel answers at once; this is for a kernel that does not answer at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// `NETLINK_ROUTE`, which is number 0 and so the default of the address family.
pub(super) const ROUTE: Option<Protocol> = None;
/// Sockets of the namespace.
pub(super) const SOCK_DIAG: Option<Protocol> = Some(rustix::net::netlink::SOCK_DIAG);

/// A netlink socket of one family, in the namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// One message of an answer: its type and what follows the header.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) body: Vec<u8>,
}

impl Netlink {
    pub(super) fn open(family: Option<Protocol>) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, family)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Asks for a list and waits for all of it.
    pub(super) fn dump(&mut self, kind: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        self.ask(kind, DUMP, body)
    }

    /// Asks for one thing, or for something to be done.
    ///
    /// # Errors
    /// What the kernel says about it.
    pub(super) fn request(&mut self, kind: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        self.ask(kind, ACK, body)
    }

    /// Asks for something to be made; `flags` say what if it is there.
    ///
    /// # Errors
    /// What the kernel says about it.
    pub(super) fn create(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        self.ask(kind, ACK | CREATE | flags, body)
    }

    fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
        let mut request = Vec::with_capacity(HEADER + body.len());
        request.extend(length.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend((flags | REQUEST).to_ne_bytes());
        request.extend(self.sequence.to_ne_bytes());
        request.extend(0_u32.to_ne_bytes());
        request.extend(body);
        send(&self.socket, &request, SendFlags::empty())?;
        let mut buffer = vec![0; BUFFER];
        let mut answer = Vec::new();
        loop {
            let (read, _) = recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            if read_datagram(buffer.get(..read).unwrap_or_default(), self.sequence, &mut answer)? {
                return Ok(answer);
            }
        }
    }
}

/// Adds the messages of a datagram; whether the answer ends with it.
fn read_datagram(mut bytes: &[u8], sequence: u32, answer: &mut Vec<Message>) -> io::Result<bool> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a netlink message with a wrong length");
    while !bytes.is_empty() {
        let length = usize::try_from(u32_at(bytes, 0).ok_or_else(broken)?).map_err(io::Error::other)?;
        let message = bytes.get(..length).filter(|message| message.len() >= HEADER).ok_or_else(broken)?;
        let kind = u16_at(message, 4).ok_or_else(broken)?;
        let body = message.get(HEADER..).unwrap_or_default();
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        if u32_at(message, 8) != Some(sequence) {
            // Of a question that was given up.
            continue;
        }
        match kind {
            NLMSG_DONE | NLMSG_ERROR => {
                let code = u32_at(body, 0).map_or(0, u32::cast_signed);
                return if code < 0 { Err(io::Error::from_raw_os_error(-code)) } else { Ok(true) };
            }
            _ => answer.push(Message { kind, body: body.to_vec() }),
        }
    }
    Ok(false)
}

/// One attribute, in the form the kernel reads.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(aligned(4 + value.len()));
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(aligned(bytes.len()), 0);
    bytes
}

/// The attribute of a kind among those that follow each other in `bytes`; its flag bits (nested, byte order) are ignored.
pub(super) fn find(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    const TYPE: u16 = 0x3fff;
    while let (Some(length), Some(found)) = (u16_at(bytes, 0), u16_at(bytes, 2)) {
        let length = usize::from(length);
        let value = bytes.get(4..length)?;
        if found & TYPE == kind {
            return Some(value);
        }
        bytes = bytes.get(aligned(length)..)?;
    }
    None
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_ne_bytes(*chunk))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_ne_bytes(*chunk))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_ne_bytes(*chunk))
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 2]);
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    #[test]
    fn an_answer_ends_with_done_and_an_error_is_the_kernels() {
        let mut answer = Vec::new();
        let mut bytes = message(20, 7, b"abcde");
        bytes.extend(message(20, 6, b"of another question"));
        assert!(!read_datagram(&bytes, 7, &mut answer).unwrap());
        assert_eq!((answer.len(), answer[0].kind, answer[0].body.as_slice()), (1, 20, b"abcde".as_slice()));
        assert!(read_datagram(&message(NLMSG_DONE, 7, &[0; 4]), 7, &mut answer).unwrap());
        let refused = message(NLMSG_ERROR, 7, &(-libc::EPERM).to_ne_bytes());
        assert_eq!(read_datagram(&refused, 7, &mut answer).unwrap_err().raw_os_error(), Some(libc::EPERM));
    }

    #[test]
    fn lengths_that_lie_end_the_reading() {
        for length in [0_u32, 15, 4096] {
            let mut bytes = message(20, 7, b"abcd");
            bytes.splice(..4, length.to_ne_bytes());
            assert!(read_datagram(&bytes, 7, &mut Vec::new()).is_err(), "{length}");
        }
        assert_eq!(find(&[3, 0, 1, 0, 9], 1), None);
        assert_eq!(find(&[200, 0, 1, 0, 9], 1), None);
    }

    #[test]
    fn attributes_are_found_behind_others_and_padding() {
        let bytes = [attribute(1, b"abc"), attribute(2 | 0x8000, &7_u32.to_ne_bytes())].concat();
        assert_eq!(find(&bytes, 1), Some(b"abc".as_slice()));
        assert_eq!(find(&bytes, 2).and_then(|value| u32_at(value, 0)), Some(7));
        assert_eq!(find(&bytes, 3), None);
    }

    #[test]
    fn the_kernel_lists_the_interfaces_of_this_namespace() {
        let mut netlink = Netlink::open(ROUTE).unwrap();
        // RTM_GETLINK with an empty `struct ifinfomsg`; every namespace has `lo`.
        let links = netlink.dump(18, &[0; 16]).unwrap();
        let names: Vec<_> = links.iter().filter_map(|link| find(link.body.get(16..)?, 3)).collect();
        assert!(names.contains(&b"lo\0".as_slice()), "{names:?}");
        assert_eq!(netlink.request(0xffff, &[]).unwrap_err().raw_os_error(), Some(libc::EOPNOTSUPP));
    }
}

//! The cables of a namespace: which interfaces on our side lead to which in a target's.
//!
//! A veth names its peer by index and by the number our namespace gives the other one; both must agree, because indices alone
//! are the same in every namespace. What is no pair (macvlan, SR-IOV, an interface moved in) has no host side here.
//!
//! Source: `include/uapi/linux/if_link.h`, `include/uapi/linux/net_namespace.h`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::netlink::{Netlink, ROUTE, attribute, find, u32_at};
use super::{Error, netns};

const RTM_GETLINK: u16 = 18;
const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_LINK_NETNSID: u16 = 37;
/// Length of `struct ifinfomsg`.
const LINK_MESSAGE: usize = 16;
/// `IFF_LOOPBACK`.
const LOOPBACK: u32 = 8;

/// How a target's namespace is joined to ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wires {
    /// Indices, in our namespace, of the other ends of its interfaces.
    pub(super) host_side: Vec<u32>,
    /// How many of its interfaces have no other end here.
    pub(super) elsewhere: usize,
}

/// An interface as the kernel lists it.
#[derive(Clone, Copy, Debug)]
struct Link {
    index: u32,
    flags: u32,
    peer: Option<u32>,
    peer_namespace: Option<u32>,
}

/// Looks at both sides.
///
/// # Errors
/// [`Error::Io`] when the kernel cannot be asked.
pub(super) fn between_us_and(namespace: &File) -> Result<Wires, Error> {
    let failed = |e: io::Error| Error::io("listing", "network interfaces", e);
    let theirs = netns::inside(namespace, || links().map_err(failed))?;
    let (ours, number) = (links().map_err(failed)?, number_of(namespace).map_err(failed)?);
    Ok(join(&theirs, &ours, number))
}

fn join(theirs: &[Link], ours: &[Link], number: Option<u32>) -> Wires {
    let ours: HashMap<u32, &Link> = ours.iter().map(|link| (link.index, link)).collect();
    let mut wires = Wires::default();
    for link in theirs.iter().filter(|link| link.flags & LOOPBACK == 0) {
        let other_end = link
            .peer
            .and_then(|peer| ours.get(&peer))
            .filter(|other| number.is_some() && other.peer_namespace == number && other.peer == Some(link.index));
        match other_end {
            Some(other) => wires.host_side.push(other.index),
            None => wires.elsewhere += 1,
        }
    }
    wires
}

fn links() -> io::Result<Vec<Link>> {
    let answer = Netlink::open(ROUTE)?.dump(RTM_GETLINK, &[0; LINK_MESSAGE])?;
    Ok(answer.iter().filter_map(|message| Link::read(&message.body)).collect())
}

impl Link {
    fn read(body: &[u8]) -> Option<Self> {
        let attributes = body.get(LINK_MESSAGE..)?;
        let number = |kind| find(attributes, kind).and_then(|value| u32_at(value, 0));
        let (peer, peer_namespace) = (number(IFLA_LINK), number(IFLA_LINK_NETNSID));
        Some(Self { index: u32_at(body, 4)?, flags: u32_at(body, 8)?, peer, peer_namespace })
    }
}

/// The number our namespace gives another; `None` when it has none, and then nothing joins them.
fn number_of(namespace: &File) -> io::Result<Option<u32>> {
    let fd = namespace.as_fd().as_raw_fd().cast_unsigned();
    let mut body = vec![0; 4];
    body.extend(attribute(NETNSA_FD, &fd.to_ne_bytes()));
    let answer = Netlink::open(ROUTE)?.request(RTM_GETNSID, &body)?;
    let told = answer.iter().find(|message| message.kind == RTM_NEWNSID);
    let number = told.and_then(|message| find(message.body.get(4..)?, NETNSA_NSID)).and_then(|value| u32_at(value, 0));
    // NETNSA_NSID_NOT_ASSIGNED is -1.
    Ok(number.filter(|number| *number != u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, peer: Option<u32>, peer_namespace: Option<u32>) -> Link {
        Link { index, flags: 0, peer, peer_namespace }
    }

    #[test]
    fn only_an_end_that_points_back_is_the_other_end() {
        let theirs =
            [Link { flags: LOOPBACK, ..link(1, None, None) }, link(2, Some(7), Some(0)), link(3, Some(8), Some(0))];
        let ours = [link(7, Some(2), Some(4)), link(8, Some(3), Some(5)), link(9, Some(3), None)];
        assert_eq!(join(&theirs, &ours, Some(4)), Wires { host_side: vec![7], elsewhere: 1 });
        assert_eq!(join(&theirs, &ours, None), Wires { host_side: vec![], elsewhere: 2 });
        let macvlan = [link(2, None, None)];
        assert_eq!(join(&macvlan, &ours, Some(4)).elsewhere, 1);
    }
}

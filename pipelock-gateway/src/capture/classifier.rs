//! A program as a filter of traffic control: the way onto an interface on kernels without tcx.
//!
//! The filter is the first of its interface, in "direct action" mode, so that the program's answer is the verdict. Filters of others are
//! left alone, and so is a `clsact` discipline that was there before, or that others use by now.
//!
//! Source: include/uapi/linux/rtnetlink.h, `pkt_sched.h`, `pkt_cls.h`; `net/sched/cls_bpf.c`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::netlink::{self, Message, Netlink, ROUTE, attribute, find, u32_at};
use super::sys;

const RTM_NEWQDISC: u16 = 36;
const RTM_DELQDISC: u16 = 37;
const RTM_NEWTFILTER: u16 = 44;
const RTM_DELTFILTER: u16 = 45;
const RTM_GETTFILTER: u16 = 46;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_BPF_FD: u16 = 6;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_FLAGS: u16 = 8;
/// `TCA_BPF_FLAG_ACT_DIRECT`.
const DIRECT: u32 = 1;
/// Length of `struct tcmsg`.
const TC_MESSAGE: usize = 20;
/// `TC_H_CLSACT` as a parent, and the handle of the one discipline there can be.
const CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// `TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)` and the same for egress.
const INGRESS: u32 = 0xffff_fff2;
const EGRESS: u32 = 0xffff_fff3;
/// Before those of others, and a number that tells ours among several of the same priority.
const PRIORITY: u32 = 1;
const HANDLE: u32 = 0x706c;
/// `ETH_P_ALL` in network order.
const ALL_PROTOCOLS: u32 = 3_u16.to_be() as u32;
const NAME: &[u8] = b"pl_seatbelt\0";

/// Whether a program can be put on an interface this way: tried in a network namespace that ends with the trial.
pub(super) fn can_attach() -> io::Result<()> {
    /// What is made first in a namespace: its loopback.
    const FIRST: u32 = 1;
    let trial = || {
        sys::leave_network()?;
        make_discipline(FIRST)?;
        put(sys::load_probe_classifier()?.as_fd(), FIRST)
    };
    let joined = std::thread::scope(|scope| scope.spawn(trial).join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Gives an interface the discipline that filters hang on; false when it had one.
pub(super) fn make_discipline(interface: u32) -> io::Result<bool> {
    let body = [message(interface, CLSACT_HANDLE, CLSACT, 0), attribute(TCA_KIND, b"clsact\0")].concat();
    match Netlink::open(ROUTE)?.create(RTM_NEWQDISC, netlink::EXCL, &body) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes the discipline away, unless somebody else's filter hangs on it.
pub(super) fn remove_discipline(interface: u32) -> io::Result<()> {
    if filters(interface, INGRESS)?.is_empty() && filters(interface, EGRESS)?.is_empty() {
        let body = [message(interface, CLSACT_HANDLE, CLSACT, 0), attribute(TCA_KIND, b"clsact\0")].concat();
        return absent_is_done(Netlink::open(ROUTE)?.request(RTM_DELQDISC, &body));
    }
    Ok(())
}

/// Puts a program on what comes in at an interface, in one step with taking off the one we put there before.
pub(super) fn put(program: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    let fd = program.as_raw_fd().cast_unsigned();
    let options = [
        attribute(TCA_BPF_FD, &fd.to_ne_bytes()),
        attribute(TCA_BPF_NAME, NAME),
        attribute(TCA_BPF_FLAGS, &DIRECT.to_ne_bytes()),
    ]
    .concat();
    let body = [ours(interface), attribute(TCA_KIND, b"bpf\0"), attribute(TCA_OPTIONS, &options)].concat();
    Netlink::open(ROUTE)?.create(RTM_NEWTFILTER, netlink::REPLACE, &body).map(drop)
}

/// Takes ours off again, if it is there.
pub(super) fn take_off(interface: u32) -> io::Result<()> {
    if !filters(interface, INGRESS)?.iter().any(is_ours) {
        return Ok(());
    }
    let body = [ours(interface), attribute(TCA_KIND, b"bpf\0")].concat();
    absent_is_done(Netlink::open(ROUTE)?.request(RTM_DELTFILTER, &body))
}

/// The filters on one side of an interface; none when it has no discipline, or is gone.
fn filters(interface: u32, side: u32) -> io::Result<Vec<Message>> {
    match Netlink::open(ROUTE)?.dump(RTM_GETTFILTER, &message(interface, 0, side, 0)) {
        Ok(messages) => Ok(messages.into_iter().filter(is_filter).collect()),
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A dump also names the chain or priority that filters are in, without a handle.
fn is_filter(message: &Message) -> bool {
    message.kind == RTM_NEWTFILTER && u32_at(&message.body, 8).is_some_and(|handle| handle != 0)
}

fn is_ours(message: &Message) -> bool {
    let attributes = message.body.get(TC_MESSAGE..).unwrap_or_default();
    let name = find(attributes, TCA_OPTIONS).and_then(|options| find(options, TCA_BPF_NAME));
    u32_at(&message.body, 8) == Some(HANDLE)
        && u32_at(&message.body, 16).is_some_and(|info| info >> 16 == PRIORITY)
        && name == Some(NAME)
}

fn ours(interface: u32) -> Vec<u8> {
    message(interface, HANDLE, INGRESS, PRIORITY << 16 | ALL_PROTOCOLS)
}

/// `struct tcmsg`: family, padding, interface, handle, parent, info.
fn message(interface: u32, handle: u32, parent: u32, info: u32) -> Vec<u8> {
    [0, interface, handle, parent, info].iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// An interface, discipline or filter that is gone has nothing of ours.
fn absent_is_done(result: io::Result<Vec<Message>>) -> io::Result<()> {
    match result {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENOENT | libc::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_filter_with_our_name_in_our_place_is_ours() {
        let filter = |handle: u32, info: u32, name: &[u8]| {
            let options = attribute(TCA_OPTIONS, &attribute(TCA_BPF_NAME, name));
            Message { kind: RTM_NEWTFILTER, body: [message(3, handle, INGRESS, info), options].concat() }
        };
        let place = PRIORITY << 16 | ALL_PROTOCOLS;
        assert!(is_ours(&filter(HANDLE, place, NAME)));
        assert!(!is_ours(&filter(1, place, NAME)));
        assert!(!is_ours(&filter(HANDLE, 2 << 16, NAME)));
        assert!(!is_ours(&filter(HANDLE, place, b"cil_from_container\0")));
        assert!(!is_ours(&Message { kind: RTM_NEWTFILTER, body: vec![0; 7] }));
        assert!(is_filter(&filter(HANDLE, place, NAME)) && !is_filter(&filter(0, place, NAME)));
    }

    #[test]
    fn an_interface_that_is_gone_has_nothing_to_take_off() {
        const NO_INTERFACE: u32 = 0x7fff_ffff;
        take_off(NO_INTERFACE).unwrap();
        remove_discipline(NO_INTERFACE).unwrap();
    }
}

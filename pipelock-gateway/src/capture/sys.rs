//! Raw system calls: the few that neither aya, rustix nor std offers.
//!
//! The only unsafe code of the capture side. Every function is safe to call: it owns or borrows what the kernel reads,
//! sizes are checked where a map is opened, and errors come back as they are. Nothing here decides anything.
#![expect(unsafe_code, reason = "bpf(2) and socket options without a safe wrapper")]

use std::ffi::CString;
use std::io;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use aya::Pod;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

// Commands of bpf(2): `enum bpf_cmd` in include/uapi/linux/bpf.h.
const MAP_LOOKUP_ELEM: libc::c_long = 1;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const MAP_DELETE_ELEM: libc::c_long = 3;
const MAP_GET_NEXT_KEY: libc::c_long = 4;
const PROG_LOAD: libc::c_long = 5;
const OBJ_PIN: libc::c_long = 6;
const OBJ_GET: libc::c_long = 7;
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const PROG_QUERY: libc::c_long = 16;
const MAP_LOOKUP_AND_DELETE_ELEM: libc::c_long = 21;
const LINK_CREATE: libc::c_long = 28;
const LINK_UPDATE: libc::c_long = 29;
const LINK_DETACH: libc::c_long = 34;

const BPF_PROG_TYPE_CGROUP_SOCK_ADDR: u32 = 18;
const BPF_CGROUP_INET4_CONNECT: u32 = 10;
const BPF_FUNC_SET_RETVAL: i32 = 187;
const SO_NETNS_COOKIE: libc::c_int = 71;

/// `union bpf_attr` as the map element commands read it.
#[repr(C)]
struct ElemAttr {
    map_fd: u32,
    _pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// As `OBJ_PIN` and `OBJ_GET` read it.
#[repr(C)]
struct ObjAttr {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

/// As `LINK_CREATE` reads it for cgroups.
#[repr(C)]
struct LinkAttr {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
}

/// As `LINK_UPDATE` reads it.
#[repr(C)]
struct LinkUpdateAttr {
    link_fd: u32,
    new_prog_fd: u32,
    flags: u32,
    old_prog_fd: u32,
}

/// As `PROG_QUERY` reads it, up to the count.
#[repr(C)]
struct QueryAttr {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    _pad: u32,
    prog_attach_flags: u64,
    link_ids: u64,
    link_attach_flags: u64,
    revision: u64,
}

/// The first fields of `struct bpf_link_info`, for cgroups and for tcx.
#[repr(C)]
struct LinkInfo {
    kind: u32,
    id: u32,
    prog_id: u32,
    _pad: u32,
    /// `cgroup.cgroup_id`; of tcx the interface in the low half.
    at: u64,
    attach_type: u32,
    _pad2: u32,
}

/// As `OBJ_GET_INFO_BY_FD` reads it.
#[repr(C)]
struct InfoAttr {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// The first fields of `struct bpf_map_info`.
#[repr(C)]
struct MapInfo {
    kind: u32,
    id: u32,
    key_size: u32,
    value_size: u32,
}

/// As `PROG_LOAD` reads it, up to `expected_attach_type`.
#[repr(C)]
struct ProgAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

/// One instruction: `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Insn {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// Calls bpf(2).
///
/// # Safety
/// `attr` must be the layout that `command` reads, and every pointer in it must be valid for what the command does.
unsafe fn bpf<T>(command: libc::c_long, attr: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the caller's promise; the size is that of the structure passed.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// File descriptors are never negative where they are open, so this loses nothing.
fn fd_number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn own(fd: libc::c_long) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: just returned by the kernel, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A map of keys `K` and values `V`, whose sizes were compared with the kernel's when it was opened.
#[derive(Debug)]
pub(super) struct MapFd<K, V> {
    fd: OwnedFd,
    _types: PhantomData<fn(K) -> V>,
}

impl<K: Pod, V: Pod> MapFd<K, V> {
    /// Takes over a map descriptor.
    ///
    /// # Errors
    /// `InvalidData` when the map's key or value has another size.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        // SAFETY: integers only.
        let mut info: MapInfo = unsafe { zeroed() };
        let mut attr = InfoAttr {
            bpf_fd: fd_number(fd.as_fd()),
            info_len: u32::try_from(size_of::<MapInfo>()).map_err(io::Error::other)?,
            info: std::ptr::from_mut(&mut info) as u64,
        };
        // SAFETY: OBJ_GET_INFO_BY_FD writes at most `info_len` bytes to `info`.
        unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut attr)? };
        if info.key_size as usize != size_of::<K>() || info.value_size as usize != size_of::<V>() {
            let found = format!("map has {} byte keys and {} byte values", info.key_size, info.value_size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, found));
        }
        Ok(Self { fd, _types: PhantomData })
    }

    /// Inserts or replaces.
    pub(super) fn insert(&self, key: &K, value: &V) -> io::Result<()> {
        let mut attr = self.attr(key, std::ptr::from_ref(value) as u64);
        // SAFETY: key and value are readable for the sizes compared in `new`.
        unsafe { bpf(MAP_UPDATE_ELEM, &mut attr) }.map(drop)
    }

    /// Reads.
    pub(super) fn get(&self, key: &K) -> io::Result<Option<V>> {
        let mut value = MaybeUninit::<V>::zeroed();
        let mut attr = self.attr(key, value.as_mut_ptr() as u64);
        // SAFETY: the key is readable and the value writable for the sizes compared in `new`.
        let found = absent_is_none(unsafe { bpf(MAP_LOOKUP_ELEM, &mut attr) })?;
        // SAFETY: the kernel wrote all of it, and `Pod` accepts any bytes.
        Ok(found.map(|_| unsafe { value.assume_init() }))
    }

    /// The keys there are, as far as they stand still meanwhile; at most `limit`.
    pub(super) fn keys(&self, limit: usize) -> io::Result<Vec<K>> {
        let mut keys: Vec<K> = Vec::new();
        while keys.len() < limit {
            let mut next = MaybeUninit::<K>::zeroed();
            let before = keys.last().map_or(0, |key| std::ptr::from_ref(key) as u64);
            let map_fd = fd_number(self.fd.as_fd());
            let mut attr = ElemAttr { map_fd, _pad: 0, key: before, value: next.as_mut_ptr() as u64, flags: 0 };
            // SAFETY: no key or a readable one, and a writable one, of the size compared in `new`.
            if absent_is_none(unsafe { bpf(MAP_GET_NEXT_KEY, &mut attr) })?.is_none() {
                break;
            }
            // SAFETY: the kernel wrote all of it, and `Pod` accepts any bytes.
            keys.push(unsafe { next.assume_init() });
        }
        Ok(keys)
    }

    /// Removes; whether it was there.
    pub(super) fn remove(&self, key: &K) -> io::Result<bool> {
        let mut attr = self.attr(key, 0);
        // SAFETY: the key is readable for the size compared in `new`.
        absent_is_none(unsafe { bpf(MAP_DELETE_ELEM, &mut attr) }).map(|found| found.is_some())
    }

    /// Reads and removes in one step (hash maps, 5.14).
    pub(super) fn take(&self, key: &K) -> io::Result<Option<V>> {
        let mut value = MaybeUninit::<V>::zeroed();
        let mut attr = self.attr(key, value.as_mut_ptr() as u64);
        // SAFETY: the key is readable and the value writable for the sizes compared in `new`.
        let found = absent_is_none(unsafe { bpf(MAP_LOOKUP_AND_DELETE_ELEM, &mut attr) })?;
        // SAFETY: the kernel wrote all of it, and `Pod` accepts any bytes.
        Ok(found.map(|_| unsafe { value.assume_init() }))
    }

    fn attr(&self, key: &K, value: u64) -> ElemAttr {
        let key = std::ptr::from_ref(key) as u64;
        ElemAttr { map_fd: fd_number(self.fd.as_fd()), _pad: 0, key, value, flags: 0 }
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Attaches a program to a cgroup; detached when the last descriptor and pin of the link are gone (5.7).
pub(super) fn link_create(program: BorrowedFd<'_>, cgroup: BorrowedFd<'_>, attach_type: u32) -> io::Result<OwnedFd> {
    let mut attr = LinkAttr { prog_fd: fd_number(program), target_fd: fd_number(cgroup), attach_type, flags: 0 };
    // SAFETY: no pointers.
    own(unsafe { bpf(LINK_CREATE, &mut attr)? })
}

/// Attaches a program to what leaves the other end of an interface's cable: ingress of this side (tcx, 6.6).
pub(super) fn link_create_tcx(program: BorrowedFd<'_>, interface: u32) -> io::Result<OwnedFd> {
    const BPF_TCX_INGRESS: u32 = 46;
    let mut attr =
        LinkAttr { prog_fd: fd_number(program), target_fd: interface, attach_type: BPF_TCX_INGRESS, flags: 0 };
    // SAFETY: no pointers; the second field is `target_ifindex` for this attach type.
    own(unsafe { bpf(LINK_CREATE, &mut attr)? })
}

/// Puts another program behind a link, without a moment in which none is attached (5.7 for cgroups).
pub(super) fn link_update(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let (link_fd, new_prog_fd) = (fd_number(link), fd_number(program));
    let mut attr = LinkUpdateAttr { link_fd, new_prog_fd, flags: 0, old_prog_fd: 0 };
    // SAFETY: no pointers.
    unsafe { bpf(LINK_UPDATE, &mut attr) }.map(drop)
}

/// Where a link is attached: the id of a cgroup, zero when that is gone; of tcx the index of an interface.
pub(super) fn link_target(link: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: integers only.
    let mut info: LinkInfo = unsafe { zeroed() };
    let mut attr = InfoAttr {
        bpf_fd: fd_number(link),
        info_len: u32::try_from(size_of::<LinkInfo>()).map_err(io::Error::other)?,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    // SAFETY: OBJ_GET_INFO_BY_FD writes at most `info_len` bytes to `info`.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut attr)? };
    Ok(info.at)
}

/// The ids of the programs attached to this very cgroup, and whether it lets others in below (`BPF_F_ALLOW_MULTI`).
pub(super) fn attached_programs(cgroup: BorrowedFd<'_>, attach_type: u32) -> io::Result<(Vec<u32>, bool)> {
    const ALLOW_MULTI: u32 = 2;
    let mut ids = [0_u32; 64];
    // SAFETY: integers only.
    let mut attr: QueryAttr = unsafe { zeroed() };
    attr.target_fd = fd_number(cgroup);
    attr.attach_type = attach_type;
    attr.prog_ids = ids.as_mut_ptr() as u64;
    attr.prog_cnt = u32::try_from(ids.len()).map_err(io::Error::other)?;
    // SAFETY: `prog_ids` is writable for `prog_cnt` numbers.
    unsafe { bpf(PROG_QUERY, &mut attr)? };
    let count = usize::try_from(attr.prog_cnt).unwrap_or(ids.len());
    Ok((ids.iter().take(count).copied().collect(), attr.attach_flags & ALLOW_MULTI != 0))
}

/// Detaches a link at once, whoever else holds it (5.9).
pub(super) fn link_detach(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = fd_number(link);
    // SAFETY: no pointers.
    unsafe { bpf(LINK_DETACH, &mut attr) }.map(drop)
}

/// Gives a map, program or link a name on a bpffs.
pub(super) fn obj_pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attr = ObjAttr { pathname: path.as_ptr() as u64, bpf_fd: fd_number(object), file_flags: 0 };
    // SAFETY: a terminated path that lives until the call returns.
    unsafe { bpf(OBJ_PIN, &mut attr) }.map(drop)
}

/// Opens what is pinned under a name.
pub(super) fn obj_get(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attr = ObjAttr { pathname: path.as_ptr() as u64, bpf_fd: 0, file_flags: 0 };
    // SAFETY: as in `obj_pin`.
    own(unsafe { bpf(OBJ_GET, &mut attr)? })
}

/// Loads the smallest connect program, and one that calls `bpf_set_retval` when asked; nothing is attached.
pub(super) fn load_probe_program(with_set_retval: bool) -> io::Result<()> {
    let mov = |register: u8, immediate| Insn { code: 0xb7, registers: register, offset: 0, immediate };
    let call = Insn { code: 0x85, registers: 0, offset: 0, immediate: BPF_FUNC_SET_RETVAL };
    let exit = Insn { code: 0x95, registers: 0, offset: 0, immediate: 0 };
    let plain = [mov(0, 1), exit];
    let calling = [mov(1, 0), call, mov(0, 1), exit];
    let insns: &[Insn] = if with_set_retval { &calling } else { &plain };
    load_instructions(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, insns).map(drop)
}

/// Loads the smallest program for interfaces: it passes everything on.
pub(super) fn load_probe_classifier() -> io::Result<OwnedFd> {
    const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
    let pass = [
        Insn { code: 0xb7, registers: 0, offset: 0, immediate: -1 },
        Insn { code: 0x95, registers: 0, offset: 0, immediate: 0 },
    ];
    load_instructions(BPF_PROG_TYPE_SCHED_CLS, 0, &pass)
}

/// Moves the calling thread into a network namespace of its own, which ends with it. For a thread made for that.
pub(super) fn leave_network() -> io::Result<()> {
    // SAFETY: only the namespace of this thread's later sockets changes; it shares nothing that others rely on.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }.map_err(Into::into)
}

/// Gives the calling thread a root and working directory of its own, without which it cannot enter another mount namespace. For a
/// thread made for that.
pub(super) fn leave_file_system() -> io::Result<()> {
    // SAFETY: the thread only stops sharing; what others see stays as it is.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }.map_err(Into::into)
}

/// Makes a mount that is attached nowhere yet read-only, without programs and devices (5.12).
///
/// Source: `struct mount_attr` in include/uapi/linux/mount.h.
pub(super) fn make_read_only(mount: BorrowedFd<'_>) -> io::Result<()> {
    /// `MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC`.
    const ATTRIBUTES: u64 = 0xf;
    let attributes: [u64; 4] = [ATTRIBUTES, 0, 0, 0];
    // SAFETY: an empty path that ends, and a structure of 32 bytes that is only read.
    let failed = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether programs can be attached to interfaces by links (tcx, 6.6): tried at an interface that nobody has.
pub(super) fn has_tcx() -> io::Result<()> {
    const NO_INTERFACE: u32 = 0x7fff_ffff;
    let program = load_probe_classifier()?;
    match link_create_tcx(program.as_fd(), NO_INTERFACE) {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        Err(error) => Err(error),
    }
}

fn load_instructions(kind: u32, attach_type: u32, insns: &[Insn]) -> io::Result<OwnedFd> {
    let license = c"GPL";
    // SAFETY: integers only.
    let mut attr: ProgAttr = unsafe { zeroed() };
    attr.prog_type = kind;
    attr.expected_attach_type = attach_type;
    attr.insn_cnt = u32::try_from(insns.len()).map_err(io::Error::other)?;
    attr.insns = insns.as_ptr() as u64;
    attr.license = license.as_ptr() as u64;
    // SAFETY: instructions and licence live until the call returns; no log is asked for.
    own(unsafe { bpf(PROG_LOAD, &mut attr)? })
}

/// The cookie of the network namespace a socket lives in (5.14).
pub(super) fn netns_cookie(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).map_err(io::Error::other)?;
    // SAFETY: eight writable bytes, and their number.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            std::ptr::from_mut(&mut cookie).cast(),
            &raw mut length,
        )
    };
    if failed == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}

/// Makes every descriptor of this process but the standard ones end with `exec` (5.11), whoever left it open.
///
/// # Errors
/// What `close_range(2)` says.
pub fn close_on_exec() -> io::Result<()> {
    // SAFETY: numbers only; a flag of descriptors is changed, none is closed.
    let failed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A descriptor that this process was started with, by its number; closed on exec from now on. For each number once: whoever takes
/// it owns it.
///
/// # Errors
/// When there is no such descriptor.
pub fn inherited_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a number; the call fails for one that is no descriptor.
    if number < 3 || unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: open, as the call above says, and handed to this process by the one that started it, for this purpose alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Room for one control message with an `in_pktinfo`, aligned as its header must be.
type Control = [u64; 8];

/// Makes the kernel tell with each datagram which local IPv4 address it was sent to.
pub(super) fn tell_local_address(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: four readable bytes, and their number.
    let failed = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO, std::ptr::from_ref(&on).cast(), length)
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Receives an IPv4 datagram without waiting: its length, the sender, and the local address it was sent to. One that does not fit
/// is an error of the kind `InvalidData`.
pub(super) fn receive_at(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, SocketAddrV4, Option<Ipv4Addr>)> {
    let mut control: Control = [0; 8];
    let mut io_slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: integers only.
    let mut from: libc::sockaddr_in = unsafe { zeroed() };
    // SAFETY: integers and pointers, of which null is a value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_name = std::ptr::from_mut(&mut from).cast();
    message.msg_namelen = libc::socklen_t::try_from(size_of::<libc::sockaddr_in>()).map_err(io::Error::other)?;
    message.msg_iov = &raw mut io_slice;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: everything the header points to is writable for the lengths beside it until the call returns.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut local = None;
    // SAFETY: the kernel has filled the control buffer that the header describes; the macros stay inside it, and an
    // `in_pktinfo` is read unaligned from a message that says it is one.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(this) = header.as_ref() {
            if this.cmsg_level == libc::IPPROTO_IP && this.cmsg_type == libc::IP_PKTINFO {
                let info: libc::in_pktinfo = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                local = Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()));
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    let sender = SocketAddrV4::new(Ipv4Addr::from(from.sin_addr.s_addr.to_ne_bytes()), u16::from_be(from.sin_port));
    Ok((length, sender, local))
}

/// Sends an IPv4 datagram without waiting, from one of the local addresses of a socket that is bound to all of them.
pub(super) fn send_from(socket: BorrowedFd<'_>, bytes: &[u8], to: SocketAddrV4, local: Ipv4Addr) -> io::Result<()> {
    let mut control: Control = [0; 8];
    let mut io_slice = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: integers only.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    address.sin_family = libc::sa_family_t::try_from(libc::AF_INET).map_err(io::Error::other)?;
    address.sin_port = to.port().to_be();
    address.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
    let info = libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(local.octets()) },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let info_length = u32::try_from(size_of::<libc::in_pktinfo>()).map_err(io::Error::other)?;
    // SAFETY: integers and pointers, of which null is a value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_name = std::ptr::from_mut(&mut address).cast();
    message.msg_namelen = libc::socklen_t::try_from(size_of::<libc::sockaddr_in>()).map_err(io::Error::other)?;
    message.msg_iov = &raw mut io_slice;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: `CMSG_SPACE` of one `in_pktinfo` is 32 bytes, of the 64 there are; the first header lies at the aligned start of the
    // buffer, its data behind it.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(info_length) as usize;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::IPPROTO_IP;
        (*header).cmsg_type = libc::IP_PKTINFO;
        (*header).cmsg_len = libc::CMSG_LEN(info_length) as usize;
        std::ptr::write_unaligned(libc::CMSG_DATA(header).cast(), info);
    }
    // SAFETY: everything the header points to is readable for the lengths beside it until the call returns; `sendmsg` writes to none
    // of it.
    let sent =
        unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `CLOCK_BOOTTIME` in nanoseconds: the clock the kernel programs read.
pub(super) fn boot_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a writable timespec. The call cannot fail for this clock since 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Makes a command enter a cgroup between `fork` and `exec`, through an open `cgroup.procs`.
pub(super) fn enter_on_exec(command: &mut Command, procs: OwnedFd) {
    let enter = move || {
        // "0" is the writer itself: cgroup_procs_write in kernel/cgroup/cgroup.c.
        // SAFETY: one readable byte; write(2) is async-signal-safe, as code between fork and exec must be.
        let written = unsafe { libc::write(procs.as_raw_fd(), c"0".as_ptr().cast(), 1) };
        if written == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: the closure allocates nothing and takes no lock.
    unsafe { command.pre_exec(enter) };
}

/// Watches a ring buffer for records, in the current tokio runtime. For owners of one descriptor, which they close on drop
/// and never replace: aya's ring buffer and logger, our resolver sockets.
pub(super) fn watch<T: AsRawFd>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: such an owner, moved in; the descriptor stays open and the same until the registration ends.
    unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) }.map_err(Into::into)
}

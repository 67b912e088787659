//! What the proxy process gives up before it reads a byte that somebody else wrote.
//!
//! It was started without root, without capabilities and without a way back to them. Here it ties its life to its helper's, loses the
//! right to write anywhere in the file system (Landlock, where the kernel has it), and all system calls but those that serving takes
//! (seccomp). What it may not do fails with `EPERM`, so that a library that tries something new meets an error and not a signal.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, ensure};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus,
};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, capabilities, move_into_link_name_space, no_new_privs};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use socket2::{Domain, Protocol, Socket, Type};

/// For the calling thread and all that it starts; so before there is another one.
pub(super) fn confine() -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("tying this process to its helper")?;
    let sets = capabilities(None).context("reading capabilities")?;
    ensure!(
        sets.effective.is_empty() && sets.permitted.is_empty() && sets.inheritable.is_empty(),
        "this process has capabilities"
    );
    ensure!(!rustix::process::geteuid().is_root(), "this process is root");
    ensure!(no_new_privs().context("reading no_new_privs")?, "this process could gain privileges");
    forbid_writing()?;
    forbid_calls()
}

/// What a process that was taken over would try, and how it ends: `ok`, or the error.
pub(super) fn attempts() -> BTreeMap<&'static str, String> {
    let namespace = || {
        let own = File::open("/proc/self/ns/net")?;
        Ok(move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::Network))?)
    };
    let write = || {
        let path = std::env::temp_dir().join(format!("pipelock-attempt-{}", std::process::id()));
        std::fs::write(&path, "")?;
        std::fs::remove_file(path)
    };
    let environ = |pid: String| std::fs::read(Path::new("/proc").join(pid).join("environ")).map(drop);
    let socket = |domain, kind, protocol| Socket::new(domain, kind, protocol).map(drop);
    let tried: [(&'static str, io::Result<()>); 8] = [
        ("bpf", crate::capture::try_bpf()),
        ("setns", namespace()),
        ("environ_of_init", environ("1".to_owned())),
        ("environ_of_parent", environ(std::os::unix::process::parent_id().to_string())),
        ("write", write()),
        ("exec", std::process::Command::new("/bin/true").status().map(drop)),
        ("netlink", socket(Domain::from(libc::AF_NETLINK), Type::RAW, None)),
        ("raw", socket(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))),
    ];
    let said = |tried: io::Result<()>| match tried {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.kind().to_string(),
    };
    tried.into_iter().map(|(what, tried)| (what, said(tried))).collect()
}

/// Reading stays as the system's permissions have it.
fn forbid_writing() -> anyhow::Result<()> {
    let all = AccessFs::from_all(ABI::V5);
    let root = PathBeneath::new(PathFd::new("/").context("opening /")?, AccessFs::ReadFile | AccessFs::ReadDir);
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rule(root))
        .and_then(landlock::RulesetCreated::restrict_self)
        .context("restricting the file system")?;
    if restricted.ruleset == RulesetStatus::NotEnforced {
        tracing::info!("this kernel has no Landlock: writing is limited by permissions alone");
    }
    Ok(())
}

fn forbid_calls() -> anyhow::Result<()> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).context("a filter of system calls")?;
    // Thread libraries ask for clone3 first and must be told that there is none, because its flags are out of a filter's reach.
    let without = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let no_clone3 = SeccompFilter::new(without, SeccompAction::Allow, errno(libc::ENOSYS), arch);
    let only_listed = SeccompFilter::new(calls()?, errno(libc::EPERM), SeccompAction::Allow, arch);
    for filter in [no_clone3, only_listed] {
        let program: BpfProgram = filter.and_then(TryInto::try_into).context("a filter of system calls")?;
        seccompiler::apply_filter(&program).context("a filter of system calls")?;
    }
    Ok(())
}

fn errno(errno: libc::c_int) -> SeccompAction {
    SeccompAction::Errno(errno.unsigned_abs())
}

/// What serving takes: memory, threads, sockets of the Internet, files to read, time, randomness, signals to itself.
fn calls() -> anyhow::Result<BTreeMap<libc::c_long, Vec<SeccompRule>>> {
    let mut calls: BTreeMap<libc::c_long, Vec<SeccompRule>> = FREE.iter().map(|call| (*call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    calls.extend(FREE_X86.iter().map(|call| (*call, Vec::new())));
    let thread = libc::CLONE_THREAD as u64;
    calls.insert(libc::SYS_clone, vec![only(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    let families = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX];
    let family = |family: &libc::c_int| only(0, SeccompCmpOp::Eq, u64::from(family.unsigned_abs()));
    calls.insert(libc::SYS_socket, families.iter().map(family).collect::<anyhow::Result<_>>()?);
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_DUMPABLE, libc::PR_GET_DUMPABLE];
    let name = |name: &libc::c_int| only(0, SeccompCmpOp::Eq, u64::from(name.unsigned_abs()));
    calls.insert(libc::SYS_prctl, names.iter().map(name).collect::<anyhow::Result<_>>()?);
    Ok(calls)
}

fn only(argument: u8, how: SeccompCmpOp, value: u64) -> anyhow::Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

const FREE: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Files: what may be opened is Landlock's business and that of permissions.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_lseek,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_ioctl,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    // Of what the helper opened to be written: receipts that were half-written are cut off.
    libc::SYS_ftruncate,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    // Sockets.
    libc::SYS_socketpair,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_splice,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_restart_syscall,
    // Time, randomness, itself.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
    libc::SYS_getrlimit,
    libc::SYS_setrlimit,
    // Threads and signals.
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The older forms of some, which this architecture still has.
#[cfg(target_arch = "x86_64")]
const FREE_X86: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_wait,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_arch_prctl,
    libc::SYS_time,
];

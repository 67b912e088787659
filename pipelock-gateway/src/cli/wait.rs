//! `pipelock wait`: holds whoever runs it until its own connections are redirected. An init container of an app, from this image.
//!
//! Needs no privilege and asks nobody: a connection to an address that belongs to no one is begun. Where the programs are
//! attached, it ends at a listener on loopback, and so its own end is on loopback as well; where they are not, the kernel gives
//! it an address that reaches outside. Connected means that the gateway listens.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

use super::{WaitArgs, startup};

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(100);
/// A listener on loopback answers at once.
const CONNECTS_WITHIN: Duration = Duration::from_secs(1);
/// Documentation networks (RFC 5737, RFC 3849): nothing that could be reached is asked.
const NOBODY: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];
const HTTPS: u16 = 443;

/// Returns when connections of both families are redirected or refused; exit code 1 when they are not in time.
pub(super) fn run(args: &WaitArgs, out: &mut impl Write) -> ExitCode {
    let began = Instant::now();
    loop {
        let why = NOBODY.iter().find_map(|address| open(SocketAddr::from((*address, HTTPS))).err());
        let Some(why) = why else {
            let took = began.elapsed().as_millis();
            let _ = if args.json {
                writeln!(out, "{{\"redirected\":true,\"after_ms\":{took}}}")
            } else {
                writeln!(out, "redirected after {took} ms")
            };
            return ExitCode::SUCCESS;
        };
        if began.elapsed() >= args.timeout {
            if args.json {
                let _ = writeln!(out, "{}", serde_json::json!({ "redirected": false, "error": why }));
            }
            startup::say(&format!("not redirected within {} s: {why}", args.timeout.as_secs()));
            return ExitCode::FAILURE;
        }
        #[expect(clippy::disallowed_methods, reason = "nothing tells a process that its own cgroup was captured")]
        std::thread::sleep(AGAIN);
    }
}

/// Whether no connection to `address` can go out directly; why not otherwise.
fn open(address: SocketAddr) -> Result<(), String> {
    let Ok(socket) = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)) else {
        // A namespace without the family has no way out by it.
        return Ok(());
    };
    let failed = |what: &str, error: &io::Error| format!("{what}: {error}");
    socket.set_nonblocking(true).map_err(|e| failed("preparing a socket", &e))?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        // Without a route, or refused for want of IPv6 at the gateway. IPv4 must be seen to be redirected.
        Err(error) if address.is_ipv6() && error.raw_os_error() == Some(libc::ENETUNREACH) => return Ok(()),
        Err(error) if address.is_ipv6() && error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => return Ok(()),
        Err(error) => return Err(failed("connecting", &error)),
    }
    let local = socket.local_addr().map_err(|e| failed("reading the local address", &e))?;
    match local.as_socket() {
        Some(local) if local.ip().to_canonical().is_loopback() => {}
        local => {
            let from = local.map_or_else(|| "an unknown address".to_owned(), |local| local.ip().to_string());
            return Err(format!(
                "connections of this process are not steered: one to {address} would leave directly from {from}; \
                 `pipelock targets` on the machine shows what is captured"
            ));
        }
    }
    let timeout = Timespec::try_from(CONNECTS_WITHIN).map_err(|e| e.to_string())?;
    let ready = poll(&mut [PollFd::new(&socket.as_fd(), PollFlags::OUT)], Some(&timeout));
    match (ready, socket.take_error()) {
        (Ok(1), Ok(None)) => Ok(()),
        (Ok(_), Ok(Some(error)) | Err(error)) => Err(failed("the gateway does not listen", &error)),
        (Ok(_), Ok(None)) => Err("the gateway does not answer".to_owned()),
        (Err(error), _) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_captured_waits_in_vain() {
        let mut said = Vec::new();
        let code = run(&WaitArgs { timeout: Duration::ZERO, json: false }, &mut said);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}

//! HTTP through the gateway beside other proxies that open TLS, in one run: an [`upstream`], a [`load`] client, the
//! [`contender`]s, and the [`report`] that drives them.
//!
//! haproxy and nginx terminate and re-encrypt and look at nothing: what C can do. Squid (ssl-bump) and mitmproxy open
//! TLS with a CA of their own as we do. All see the same client, the same upstream and the same bytes.

pub mod contender;
pub mod load;
pub mod report;
pub mod text;
pub mod upstream;

/// The port of the upstream: TLS, HTTP/1.1 and HTTP/2.
pub const PORT: u16 = 9444;
/// Where a contender that is a reverse proxy listens, on the application's loopback.
pub const FRONT: u16 = 9445;
/// Where a contender that is an explicit proxy listens, on the application's loopback.
pub const EXPLICIT: u16 = 9446;

/// Nanoseconds of the monotonic clock, the same in all processes of one boot.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}

//! The whole gateway without a kernel: real sockets and real TLS on loopback, a datapath that is told where clients meant
//! to go. What needs a kernel, or addresses other than loopback, is in `tests/e2e`.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "clippy's test exemption covers functions marked #[test], not their helpers")]

mod bounds;
mod explicit;
mod redaction;
mod reload;
mod rig;
mod scan_api;
mod settings;
mod taint;
mod unopened;
mod websocket;
mod workloads;

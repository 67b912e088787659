//! HTTP over real loopback sockets: the test plays the workload and the upstream byte by byte, the gateway stands between.
//!
//! What matters is what reached the upstream's socket, so assertions are on those bytes (or HTTP/2 frames) and on the
//! records handed to the judge. The judge is a double that knows one marker and keeps state across pushes.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod bounds;
mod differential;
mod drain;
mod floods;
mod http1;
mod http2;
mod limits;
mod responses;
mod rest;
mod rig;
mod smuggling;
mod websocket;

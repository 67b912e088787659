//! The parts of the benchmarks: an [`echo`] server, a [`load`] client, and the [`report`] that drives both; [`mcp`] and [`http`] for
//! the one beside other proxies.
//!
//! Both ends are as cheap as they can be, so that what is measured is what stands between them. Numbers of one run may
//! be compared with each other and with nothing else.

pub mod echo;
pub mod http;
pub mod load;
pub mod mcp;
pub mod report;
pub mod tree;

/// The port of the echo server: TLS, HTTP/1.1 with keep-alive.
pub const PORT: u16 = 9443;
/// The body of every request and every answer: 32 bytes of JSON.
pub const BODY: &str = r#"{"role":"user","content":"ping"}"#;

//! The gateway of Pipelock eBPF, as a library so that tests and benchmarks can drive every stage.
//!
//! Modules stand in the order a byte travels; imports go to [`model`] or to the left (ARCHITECTURE.md).

pub mod admin;
pub mod capture;
pub mod cli;
pub mod config;
pub mod connection;
pub mod control;
pub mod discovery;
pub mod dns;
pub mod files;
pub mod forward;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod mcp;
pub mod model;
pub mod names;
pub mod pipeline;
pub mod policy;
pub mod report;
pub mod scan;
pub mod scan_api;
pub mod sniff;
pub mod tls;
pub mod verdict;

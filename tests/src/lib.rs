//! Everything the end-to-end tests, the demo and the benchmarks stand on: real namespaces, real sockets, real clients.
//!
//! In the order in which a test meets them: [`harness`] prints what the machine offers ([`need`]) and runs the cases;
//! each case gets a [`node`] of its own, with the [`upstream`] double behind a virtual cable; [`gateway`] runs
//! `pipelock exec` in it and [`clients`] are the programs it runs, with the calls of [`providers`]; [`secrets`] are what they try to
//! leak. Nothing here
//! reaches the Internet, and no case may pass because something was missing: a missing need is a visible skip.

pub mod bench;
pub mod clients;
pub mod gateway;
pub mod harness;
pub mod need;
pub mod node;
pub mod pki;
pub mod process;
pub mod providers;
pub mod secrets;
pub mod sys;
pub mod traces;
pub mod upstream;

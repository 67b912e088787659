//! The MCP port of `pipelock run`, as a process, in front of servers that are in the test's hands: a double of Sure's
//! endpoint, and one with sessions for what replicas share.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chains;
mod corpora;
mod limits;
mod oauth;
mod redis;
mod rig;
mod sessions;
mod sure;
mod usage;

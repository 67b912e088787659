//! The MCP reverse proxy: the front door for assistants that come to a server's `/mcp`, with the same judge behind it as
//! captured traffic.
//!
//! ```text
//!  POST ─► route, Origin, Host ─► hold ─► jsonrpc ─► era ─► state: owner, inventory ─► judge ─► pool ─► upstream
//!                                                                              └─► policy, chain
//!  answer ◄── byte for byte, or an error with the same id ◄── judge ◄── one message, or events of a stream
//! ```
//!
//! A message is parsed once, and the bytes that were judged are the bytes that go on. What this door does not do: make or
//! exchange tokens, store events, answer for the server, translate revisions. Tokens pass untouched and are remembered as
//! hashes only. State (who owns a session, which tools were listed, how they were defined) is behind [`Store`]; losing it
//! breaks no traffic.

mod answer;
mod body;
mod era;
mod events;
mod exchange;
#[cfg(feature = "testing")]
pub(crate) mod fuzzing;
pub(crate) mod jsonrpc;
mod judge;
mod lists;
mod log;
mod policy;
mod pool;
mod received;
mod redirect;
mod replaced;
mod route;
mod sent;
mod serve;
mod settings;
pub(crate) mod sse;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod upload;

pub use judge::{Chain, Change, Definition, Judge, Listed, NotReplaced, Note};
pub use lists::Ends;
pub(crate) use lists::Lists;
pub(crate) use policy::matching;
pub use route::{Endpoint, InvalidEndpoint};
pub use serve::{Door, Options};
pub use settings::{Binding, Redirect, Rule, RuleAction, Settings};
pub use store::{
    Compared, Entered, Entering, InvalidRedisAddress, Key, MemoryStore, Pinned, RedisAddress, RedisStore, Store,
    Unavailable, Waiting,
};

/// Reads JSON as messages are read: nothing that two readers could take differently.
pub(crate) fn read(bytes: &[u8]) -> Option<serde_json::Value> {
    jsonrpc::value(bytes).ok()
}

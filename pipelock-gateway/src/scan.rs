//! Finds secrets in bytes: compiled once from rules, then pure over what it is shown.
//!
//! ```text
//!  bytes ─► decode (raw view, and one decoded view) ─► window ─┬─► hyperscan: trigger hits ─► confirm ─► validate ─┐
//!                                                              └─► runs: cards, IBANs, keys by checksum ────────────┴─► Finding
//! ```
//!
//! It finds and does not decide: no modes, no hosts, no actions. It does no I/O, reads no clock, and fails only while it
//! is compiled; a bound reached while scanning is a [`crate::model::Finding`] of [`crate::model::Family::Limit`], never
//! silence. Findings do not depend on how the bytes were cut into pieces. Matched bytes never leave this module: findings
//! carry a length and a fingerprint. Next stop: [`crate::verdict`].

mod base64_run;
mod candidates;
mod catalogue;
mod context;
mod cost;
mod decode;
mod deep;
mod disguise;
mod engine;
mod environment;
mod evidence;
mod fields;
mod forms;
mod fragments;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
mod hyperscan;
pub mod injection;
mod island;
mod language;
mod literals;
#[cfg(feature = "testing")]
pub mod measure;
mod members;
mod message;
mod normalize;
mod rules;
mod runs;
mod seed;
mod stream;
mod tools;
mod url;
mod validate;
mod window;
mod wiped;

pub use catalogue::{RuleFacts, RuleFinder, catalogue, is_floor_rule, keeps_promise, reaction};
pub use cost::{Probe, probes};
pub use engine::{Engine, Error, RuleSpec, UserRule};
pub use environment::{EnvironmentSecret, environment_secrets};
pub use fields::Fields;
pub use fragments::{Piece, Pieces, Ring};
pub use hyperscan::{Error as MatcherError, Store};
pub use literals::{Literal, LiteralScan, Literals};
pub use members::Syntax;
pub use message::{Message, Payload};
pub use stream::{Encoding, Progress, StreamOptions, StreamScan};
pub use tools::{Inventory, ToolChains, ToolFacts, ToolSession};

#[cfg(test)]
mod tests;

//! What the rules in force say about messages: asked here, known elsewhere.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::uri::Authority;
use serde_json::Value;

use super::Settings;
use crate::http::RequestIds;
use crate::model::{Finding, Principal, RequestRecord, Severity, Verdict};

/// A judge of MCP messages. What it does is bounded by the bytes it is given; it takes the latest configuration each time.
pub trait Judge: Send + Sync + 'static {
    /// The settings in force.
    fn settings(&self) -> Arc<Settings>;

    /// Numbers the requests of a connection that was just accepted.
    fn accepted(&self, peer: SocketAddr) -> RequestIds;

    /// Asks of who sends, before anything is looked at: rates, budgets, lost trust.
    fn admit(&self, principal: Principal, endpoint: &Authority) -> Verdict;

    /// Completes when everything is refused: the kill switch.
    fn killed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Judges target and header fields of a request to the MCP endpoint. A bearer token is on its way to its own server.
    fn head(&self, head: &Parts) -> Verdict;

    /// Judges a message of the client; `call` when it is a `tools/call`.
    fn sent(&self, message: &Value, call: bool) -> Verdict;

    /// Judges what the client sent and is no message.
    fn sent_text(&self, bytes: &[u8]) -> Verdict;

    /// Judges a message of the server; `definitions` when it lists tools. `bytes` are what it was read from.
    fn received(&self, bytes: &[u8], message: &Value, definitions: bool) -> Verdict;

    /// Judges what the server sent and is no message.
    fn received_text(&self, bytes: &[u8]) -> Verdict;

    /// What is remembered of each definition in a list.
    fn definitions(&self, message: &Value) -> Vec<Definition>;

    /// Compares a definition with what was remembered of it; `None` when that cannot be read any more.
    fn change(&self, before: &[u8], now: &Definition) -> Option<Change>;

    /// A session without calls.
    fn chain(&self) -> Box<dyn Chain>;

    /// Folds findings of this door's own into a verdict, by their severity.
    fn fold(&self, findings: Vec<Finding>) -> Verdict;

    /// Folds what the calls of a session come to, as the section for chains asks.
    fn fold_chain(&self, findings: Vec<Finding>) -> Verdict;

    /// Folds what is wrong with definitions, as the section for them asks.
    fn fold_definitions(&self, findings: Vec<Finding>) -> Verdict;

    /// Softens a verdict where nothing is enforced.
    fn enforce(&self, verdict: Verdict) -> Verdict;

    /// Takes the record of a finished exchange: one each. Must neither block nor panic.
    fn done(&self, record: RequestRecord);

    /// Takes note of something countable.
    fn note(&self, note: Note);
}

/// The recent calls of one session.
pub trait Chain: Send {
    /// Takes a call into account that was made at `at`, by the rules in force, and says what it completes.
    fn observe(&mut self, at: Duration, message: &Value) -> Vec<Finding>;

    /// The last call was refused: it was not made.
    fn take_back(&mut self);
}

/// What is remembered of one tool: never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The tool's name.
    pub name: String,
    /// A digest of what matters, lower-case hexadecimal.
    pub digest: String,
    /// What [`Judge::change`] needs to compare later.
    pub facts: Vec<u8>,
    /// Texts in it, for the log of a change; not remembered.
    pub texts: Vec<String>,
}

/// How a definition changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How bad that is.
    pub severity: Severity,
    /// What was added and removed, for a person, one line.
    pub diff: String,
}

/// Something countable; labels are closed sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A message of the client: revision, kind of method, outcome.
    Message {
        /// As the revision's label says.
        era: &'static str,
        /// `initialize`, `tools/list`, `tools/call`, `notification`, `response` or `other`.
        method: &'static str,
        /// `allow`, `warn`, `block` or `redirect`.
        outcome: &'static str,
    },
    /// A definition that changed.
    Drift,
    /// Shared state could not be reached.
    StateUnavailable,
    /// Connections open now: one more or one fewer.
    Connection(bool),
    /// Streams open now: one more or one fewer.
    Stream(bool),
    /// A task that panicked.
    Panic,
}

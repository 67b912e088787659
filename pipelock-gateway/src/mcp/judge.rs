//! What the rules in force say about messages: asked here, known elsewhere.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::uri::Authority;
use serde_json::Value;

use super::lists::Ends;
use super::state::tool_key;
use super::{Key, Settings};
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

    /// What a verdict on a message of the client comes to for who sends it: a session that was given orders, or has lost its trust
    /// otherwise, gets no warnings. `tool` is what the message calls.
    fn settled(&self, principal: Principal, tool: Option<&str>, verdict: Verdict) -> Verdict;

    /// Whether values that the operator names are replaced in what clients send.
    fn replaces(&self) -> bool;

    /// What a message, or a batch of them, becomes then; `None` when nothing is to be replaced.
    ///
    /// # Errors
    /// When it cannot be rewritten, and must not go as it is.
    fn replaced(&self, messages: &Value) -> Result<Option<Value>, NotReplaced>;

    /// Whether a text holds such values.
    fn holds_replaced(&self, text: &str) -> bool;

    /// Judges what the client sent and is no message.
    fn sent_text(&self, bytes: &[u8]) -> Verdict;

    /// Judges a message of the server that lists no tools.
    fn received(&self, message: &Value) -> Verdict;

    /// What a message was found to be that differs from this one in its id at most, if there was one under the rules in force.
    fn listed_before(&self, ends: Ends<'_>) -> Option<Listed>;

    /// Judges a message of the server that lists tools, of which nothing but the id between `ends` may differ when it is known
    /// again.
    fn listed(&self, message: &Value, ends: Option<Ends<'_>>) -> Listed;

    /// Judges what the server sent and is no message.
    fn received_text(&self, bytes: &[u8]) -> Verdict;

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

/// A message holds values that must be replaced, and cannot be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message cannot be rewritten")]
pub struct NotReplaced;

/// The recent calls of one session.
pub trait Chain: Send {
    /// Takes a call into account that was made at `at`, by the rules in force, and says what it completes.
    fn observe(&mut self, at: Duration, message: &Value) -> Vec<Finding>;

    /// The last call was refused: it was not made.
    fn take_back(&mut self);
}

/// What a list of tools comes to.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What is to happen to it.
    pub verdict: Verdict,
    /// What is remembered of each tool in it.
    pub definitions: Arc<[Definition]>,
}

/// What is remembered of one tool: never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The tool's name.
    pub name: String,
    /// A hash of it.
    pub key: Key,
    /// A digest of what matters, lower-case hexadecimal.
    pub digest: String,
    /// What [`Judge::change`] needs to compare later.
    pub facts: Vec<u8>,
    /// Texts in it, for the log of a change; not remembered.
    pub texts: Vec<String>,
}

impl Definition {
    /// What is remembered of the tool called `name`.
    #[must_use]
    pub fn new(name: String, digest: String, facts: Vec<u8>, texts: Vec<String>) -> Self {
        Self { key: tool_key(&name), name, digest, facts, texts }
    }
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

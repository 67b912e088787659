//! Answers of this door's own: JSON-RPC errors where a client of the protocol waits for one, else a few words of JSON.
//!
//! They name the reason and the request, never a byte of what matched. Codes are those of the reference (surfaces.md §3); a
//! blocked request is answered with status 200, because SDKs show the error of such an answer and hide that of others.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::jsonrpc::{Id, Kind, Message};
use crate::model::{BlockReason, Family, RequestId, Verdict};

/// A code and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: i64,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Why a message of the client is not forwarded.
    pub(super) fn of_sent(verdict: &Verdict) -> Self {
        let chain = verdict.findings.iter().find(|finding| finding.family == Family::ToolChain);
        match (verdict.reason, chain) {
            // Chains are looked at last, and not at all when the call is refused for itself.
            (Some(BlockReason::ToolPolicy), Some(chain)) => {
                Self::new(-32004, format!("tool call blocked: chain pattern \"{}\" detected", chain.rule))
            }
            (Some(BlockReason::ToolPolicy | BlockReason::Tainted), _) => {
                Self::new(-32002, "pipelock: request blocked by tool call policy")
            }
            _ => Self::new(-32001, "pipelock: request blocked by MCP input scanning"),
        }
    }

    /// Why an answer of the server is not shown.
    pub(super) fn of_received(verdict: &Verdict) -> Self {
        Self::new(
            -32000,
            match verdict.reason {
                Some(BlockReason::Injection) => "pipelock: prompt injection detected in MCP response",
                Some(BlockReason::Secret) => "pipelock: secret detected in MCP response",
                Some(BlockReason::ScanLimit | BlockReason::BodyTooLarge) => {
                    "pipelock: MCP response is larger than can be inspected"
                }
                Some(BlockReason::ToolPolicy) => "pipelock: MCP response answers no request",
                Some(BlockReason::DestinationDenied | BlockReason::NotInAllowlist) => {
                    "pipelock: MCP response sends its reader to an address that is not allowed"
                }
                _ => "pipelock: MCP response cannot be inspected",
            },
        )
    }

    /// The error object for a request.
    pub(super) fn object(&self, id: &Value, reason: Option<BlockReason>, request: RequestId) -> Value {
        let mut data = json!({ "request_id": request.to_string() });
        if let (Some(reason), Some(data)) = (reason, data.as_object_mut()) {
            data.insert("reason".to_owned(), reason.as_str().into());
        }
        json!({ "jsonrpc": "2.0", "id": id, "error": { "code": self.code, "message": self.message, "data": data } })
    }
}

/// The JSON in place of a message of the server: an error for a response, nothing for the rest.
pub(super) fn replacement(message: &Message, verdict: &Verdict, request: RequestId) -> Option<Value> {
    match &message.kind {
        Kind::Response { id } => {
            let id = id.as_ref().map_or(Value::Null, Id::to_value);
            Some(Refusal::of_received(verdict).object(&id, verdict.reason, request))
        }
        _ => None,
    }
}

/// An answer with a JSON body.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// Says in a header what the reference cannot: that this is the gateway's answer.
pub(super) fn marked(mut response: Response<Bytes>, reason: BlockReason, request: RequestId) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.insert("x-pipelock-blocked", HeaderValue::from_static(reason.as_str()));
    if let Ok(id) = HeaderValue::from_str(&request.to_string()) {
        headers.insert("x-pipelock-request-id", id);
    }
    response
}

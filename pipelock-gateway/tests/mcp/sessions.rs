//! A server with sessions: each `initialize` begins one, and every session lists the same tools.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::rig::{Asked, Gateway, call, json_answer, request, serve};

/// Starts it.
pub(crate) async fn start() -> SocketAddr {
    let begun = AtomicU64::new(0);
    serve(move |asked: Asked| {
        let message: Value = serde_json::from_slice(asked.body()).unwrap_or_default();
        let Some(id) = message.get("id") else {
            return Response::builder().status(StatusCode::ACCEPTED).body(Bytes::new()).unwrap();
        };
        let result = match message["method"].as_str() {
            Some("tools/list") => json!({"tools": [
                {"name": "get_accounts", "description": "Lists accounts.", "inputSchema": {"type": "object"}},
            ]}),
            Some("tools/call") => json!({"content": [{"type": "text", "text": "done"}]}),
            _ => json!({}),
        };
        let mut answer = json_answer(StatusCode::OK, &json!({"jsonrpc": "2.0", "id": id, "result": result}));
        if message["method"] == "initialize" {
            let name = format!("session-{}", begun.fetch_add(1, Relaxed));
            answer.headers_mut().insert("mcp-session-id", name.parse().unwrap());
        }
        answer
    })
    .await
}

/// A client in a session.
pub(crate) struct Client {
    pub(crate) token: String,
    pub(crate) session: String,
}

impl Client {
    /// Begins a session and lists tools, both at `gateway`.
    pub(crate) async fn begin(gateway: &Gateway, name: &str) -> Self {
        let token = format!("Bearer {name}");
        let answer = gateway.post(&request(0, "initialize", &json!({})), &[("authorization", &token)]).await;
        let session = answer.header("mcp-session-id").unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        let client = Self { token, session };
        let listed = gateway.post(&request(1, "tools/list", &json!({})), &client.headers()).await;
        assert_eq!(listed.code(), None, "{listed:?}");
        client
    }

    /// Somebody else who shows the same session.
    pub(crate) fn stolen(&self) -> Self {
        Self { token: "Bearer thief".to_owned(), session: self.session.clone() }
    }

    pub(crate) fn headers(&self) -> [(&str, &str); 2] {
        [("authorization", &self.token), ("mcp-session-id", &self.session)]
    }

    /// Calls a tool at `gateway`: status and JSON-RPC error code.
    pub(crate) async fn call(&self, gateway: &Gateway, tool: &str) -> (u16, Option<i64>) {
        let answer = gateway.post(&call(2, tool, &json!({})), &self.headers()).await;
        (answer.status.as_u16(), answer.code())
    }
}

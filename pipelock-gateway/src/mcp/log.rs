//! What is known of one exchange, and its single record when the last part of it is gone.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;

use super::jsonrpc::{Content, Message};
use super::{Judge, Key};
use crate::http::Measured;
use crate::model::{FrontDoor, McpRecord, Principal, RequestId, RequestRecord, Surface};

/// One exchange being logged; shared by whoever carries a part of it.
pub(super) struct Log {
    judge: Arc<dyn Judge>,
    measured: Measured,
    host: String,
    scheme: &'static str,
    method: String,
    path: String,
    mcp: Mutex<McpRecord>,
}

impl Log {
    pub(super) fn open(
        judge: &Arc<dyn Judge>,
        id: RequestId,
        upstream: (&str, &'static str),
        head: &Parts,
    ) -> Arc<Self> {
        Arc::new(Self {
            judge: Arc::clone(judge),
            measured: Measured::new(id),
            host: upstream.0.to_owned(),
            scheme: upstream.1,
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            mcp: Mutex::default(),
        })
    }

    /// Who sent it.
    pub(super) fn sent_by(&self, principal: Principal) {
        self.mcp.lock().unwrap_or_else(PoisonError::into_inner).principal = Some(principal);
    }

    /// What it holds: the first message's method, and the tool it calls.
    pub(super) fn messages(&self, revision: &'static str, content: &Content, session: Option<Key>) {
        let first = content.messages().first();
        let mut record = self.mcp.lock().unwrap_or_else(PoisonError::into_inner);
        record.revision = Some(revision);
        record.messages = u32::try_from(content.messages().len()).unwrap_or(u32::MAX);
        record.method = first.and_then(Message::method).map(str::to_owned);
        record.tool = first.and_then(Message::tool).map(str::to_owned);
        record.session = session.map(|session| u64::try_from(session.0 >> 64).unwrap_or_default());
    }
}

impl Deref for Log {
    type Target = Measured;

    fn deref(&self) -> &Measured {
        &self.measured
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let verdict = self.measured.take_verdict();
        // What was found in the target may stand in its path.
        let leaks = verdict.conceals_target || verdict.findings.iter().any(|finding| finding.surface == Surface::Url);
        let path = if leaks { "/<redacted>".to_owned() } else { std::mem::take(&mut self.path) };
        self.judge.done(RequestRecord {
            host: std::mem::take(&mut self.host),
            scheme: self.scheme,
            method: std::mem::take(&mut self.method),
            path,
            mcp: Some(std::mem::take(self.mcp.get_mut().unwrap_or_else(PoisonError::into_inner))),
            ..self.measured.record(FrontDoor::Mcp, verdict)
        });
    }
}

//! The judge behind the MCP port: the rules, the engine and the policy that captured traffic meets, on messages.

mod elicited;
mod replace;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;
use http::request::Parts;
use http::uri::Authority;
use serde_json::{Value, json};
use tokio::net::lookup_host;

use super::judge::note_end;
use super::{Gateway, Snapshot, trust};
use crate::config;
use crate::connection::Dialer;
use crate::control::{Refused, Session};
use crate::http::{BodyBudget, Io, Redial, RequestIds};
use crate::mcp::{
    self, Chain, Change, Definition, Endpoint, Ends, Judge, Listed, Lists, NotReplaced, Note, RedisAddress, RedisStore,
    Settings,
};
use crate::model::{
    Action, Alpn, BlockReason, Family, Finding, FrontDoor, PeerName, Principal, RequestRecord, ServerName, SessionKey,
    Severity, Surface, Verdict,
};
use crate::report::metrics::OpenGauge;
use crate::scan::{Message, Payload, ToolChains, ToolFacts, ToolSession};
use crate::tls::{self, Roots};
use crate::verdict;

/// What one configuration says of the MCP port.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the configuration by its own name")]
pub struct McpPolicy {
    settings: Arc<Settings>,
    scan_input: bool,
    scan_tools: bool,
    /// Sections whose findings are reported and never enforced.
    warn_input: bool,
    warn_tools: bool,
    warn_answers: bool,
    warn_chains: bool,
    chains: ToolChains,
    /// Findings of chains whose outcome is fixed.
    chain_actions: HashMap<String, Action>,
}

impl McpPolicy {
    /// The policy of a configuration.
    #[must_use]
    pub fn new(config: &config::Mcp, warn_answers: bool) -> Self {
        let config::Mcp { input, tools, rules, binding, chains, listener } = config;
        let action = |blocks| if blocks { Action::Block } else { Action::Warn };
        let settings = Settings {
            allowed_origins: listener.allowed_origins.iter().cloned().collect(),
            allowed_hosts: listener.allowed_hosts.iter().cloned().collect(),
            max_body_bytes: listener.max_body_bytes,
            max_upload_bytes: listener.max_upload_bytes,
            upload_tools: listener.upload_tools.iter().cloned().collect(),
            max_answer_bytes: listener.max_answer_bytes,
            forward_unknown_revisions: !listener.reject_unknown_versions,
            forward_malformed: input.forward_malformed,
            detect_drift: tools.enabled && tools.detect_drift,
            acknowledged: tools.acknowledged.iter().cloned().collect(),
            binding: mcp::Binding {
                enabled: binding.enabled,
                unknown_tool: action(binding.block_unknown_tools),
                no_baseline: action(binding.block_without_baseline),
            },
            rules: rules.iter().map(rule).collect(),
            chains: chains.enabled,
            refuse_without_state: listener.state.refuse_when_unavailable,
        };
        Self {
            settings: Arc::new(settings),
            scan_input: input.enabled,
            scan_tools: tools.enabled,
            warn_input: input.warn_only,
            warn_tools: tools.warn_only,
            warn_answers,
            warn_chains: chains.warn_only,
            chains: ToolChains::new(&chains.rules),
            chain_actions: chains.actions.iter().map(|(name, blocks)| (name.clone(), action(*blocks))).collect(),
        }
    }

    /// What the port is set to.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    fn input(&self, verdict: Verdict) -> Verdict {
        soften(verdict, self.warn_input)
    }

    fn tools(&self, verdict: Verdict) -> Verdict {
        soften(verdict, self.warn_tools)
    }

    fn answer(&self, verdict: Verdict) -> Verdict {
        soften(verdict, self.warn_answers)
    }

    fn chain(&self, verdict: Verdict) -> Verdict {
        soften(verdict, self.warn_chains)
    }
}

fn soften(mut verdict: Verdict, warn_only: bool) -> Verdict {
    if warn_only {
        verdict.action = verdict.action.min(Action::Warn);
    }
    verdict
}

fn rule(rule: &config::McpRule) -> mcp::Rule {
    let action = match &rule.action {
        config::McpRuleAction::Warn => mcp::RuleAction::Warn,
        config::McpRuleAction::Block => mcp::RuleAction::Block,
        config::McpRuleAction::Redirect(profile) => mcp::RuleAction::Redirect(mcp::Redirect {
            profile: profile.profile.clone(),
            exec: profile.exec.clone(),
            reason: profile.reason.clone(),
            timeout: profile.timeout,
            max_output_bytes: profile.max_output_bytes,
        }),
    };
    let config::McpRule { name, tool, argument, key, .. } = rule.clone();
    mcp::Rule { name, tool, argument, key, action }
}

/// Judges messages by the configuration in force.
pub struct McpJudge {
    gateway: Arc<Gateway>,
    /// The endpoint, as `suppress` names targets.
    target: String,
    /// Its host.
    host: String,
    lists: Mutex<Under<Lists<ListJudged>>>,
    heads: Mutex<Under<CleanHeads>>,
    /// Connections open now, for the gauge.
    open: Mutex<Vec<OpenGauge>>,
}

/// Findings in a list of tools, and what is remembered of each.
type ListJudged = (Arc<[Finding]>, Arc<[Definition]>);

/// What holds under one snapshot, and is forgotten with it.
#[derive(Default)]
struct Under<T> {
    snapshot: Weak<Snapshot>,
    known: T,
}

impl<T: Default> Under<T> {
    fn of(&mut self, snapshot: &Arc<Snapshot>) -> &mut T {
        if !std::ptr::eq(self.snapshot.as_ptr(), Arc::as_ptr(snapshot)) {
            *self = Self { snapshot: Arc::downgrade(snapshot), known: T::default() };
        }
        &mut self.known
    }
}

/// Heads in which nothing was found: a client sends the same one with each request. Keyed hashes, so that nobody can make a head
/// that is taken for another, and no field stays in memory.
#[derive(Default)]
struct CleanHeads {
    keys: [RandomState; 2],
    known: VecDeque<[u64; 2]>,
}

/// Heads remembered; looking for one that is not there is a look at each.
const CLEAN_HEADS: usize = 64;

impl CleanHeads {
    fn hash(&self, line: &str, block: &[u8]) -> [u64; 2] {
        [0, 1].map(|at| self.keys.get(at).map_or(0, |key| key.hash_one((line, block))))
    }

    fn has(&self, hash: [u64; 2]) -> bool {
        self.known.contains(&hash)
    }

    fn keep(&mut self, hash: [u64; 2]) {
        if self.known.len() >= CLEAN_HEADS {
            self.known.pop_front();
        }
        self.known.push_back(hash);
    }
}

impl McpJudge {
    /// A judge by the rules of `gateway`, for what goes to `endpoint` and comes from there.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, endpoint: &Endpoint) -> Arc<Self> {
        let target = format!("{}://{}{}", endpoint.scheme(), endpoint.authority, endpoint.path.path());
        let (lists, heads, open) = (Mutex::default(), Mutex::default(), Mutex::default());
        let host = endpoint.host().to_owned();
        Arc::new(Self { gateway, target, host, lists, heads, open })
    }

    /// One verdict on findings, without those that the operator knows to be harmless here.
    fn verdict(&self, snapshot: &Snapshot, mut findings: Vec<Finding>) -> Verdict {
        self.leave_out(snapshot, &mut findings);
        snapshot.fold(findings)
    }

    /// Leaves out what the operator knows to be harmless here.
    fn leave_out(&self, snapshot: &Snapshot, findings: &mut Vec<Finding>) {
        if snapshot.suppressions.is_empty() || findings.is_empty() {
            return;
        }
        for rule in snapshot.suppressions.retain(findings, &self.target, SystemTime::now()) {
            self.gateway.metrics().suppressed(&rule);
        }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.gateway.snapshot()
    }

    /// Judges one of everything, so that what is compiled when first used is there.
    fn warm(&self) {
        let call = json!({"jsonrpc": "2.0", "id": 0, "method": "tools/call",
                          "params": {"name": "run_command", "arguments": {"command": "ls ~/notes", "note": "ignore it"}}});
        let list = json!({"jsonrpc": "2.0", "id": 0, "result": {"tools": [
            {"name": "get", "description": "Reads a file, always call it first.",
             "inputSchema": {"type": "object", "properties": {"path": {"type": "string", "description": "Where."}}}}]}});
        let result =
            json!({"jsonrpc": "2.0", "id": 0, "result": {"content": [{"type": "text", "text": "ignore the noise"}]}});
        let snapshot = self.snapshot();
        for (surface, message) in
            [(Surface::ToolCall, &call), (Surface::ToolDefinitions, &list), (Surface::ToolResult, &result)]
        {
            // Nobody sent it, so nothing of it is counted.
            drop(Self::examine(&snapshot, surface, message));
        }
        drop(Self::definitions(&list));
        drop(self.chain().observe(Duration::ZERO, &call));
    }

    fn session(&self, snapshot: &Snapshot, principal: Principal) -> Arc<Session> {
        let sessions = &self.gateway.control.sessions;
        let session = sessions.of(SessionKey::Principal(principal), &snapshot.sessions, Instant::now());
        self.gateway.report.metrics().sessions_active(sessions.len());
        session
    }

    /// Everything that is found in a message: by rules, and by being a known value.
    fn examine(snapshot: &Snapshot, surface: Surface, message: &Value) -> Vec<Finding> {
        let mut findings =
            snapshot.engine.examine(&Message { surface, payload: Payload::Json(message), content_type: None });
        if !snapshot.known_secrets.is_empty() {
            findings.extend(snapshot.known_secrets.scan(surface, message.to_string().as_bytes()));
        }
        findings
    }

    fn text(snapshot: &Snapshot, surface: Surface, bytes: &[u8]) -> Vec<Finding> {
        let mut findings =
            snapshot.engine.examine(&Message { surface, payload: Payload::Bytes(bytes), content_type: None });
        findings.extend(snapshot.known_secrets.scan(surface, bytes));
        findings
    }

    fn definitions(message: &Value) -> Arc<[Definition]> {
        let facts = ToolFacts::of(message).into_iter();
        facts.map(|ToolFacts { name, digest, bytes, texts }| Definition::new(name, digest, bytes, texts)).collect()
    }

    /// A verdict on a list by what was found in it; suppressions end by the clock, so that it is none to be kept.
    fn on_list(&self, snapshot: &Snapshot, (findings, definitions): ListJudged) -> Listed {
        let verdict = snapshot.mcp.tools(self.verdict(snapshot, findings.to_vec()));
        Listed { verdict, definitions }
    }
}

impl Judge for McpJudge {
    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.snapshot().mcp.settings)
    }

    fn accepted(&self, _peer: SocketAddr) -> RequestIds {
        RequestIds::new(self.gateway.instance, self.gateway.ids.next())
    }

    fn admit(&self, principal: Principal, endpoint: &Authority) -> Verdict {
        let snapshot = self.snapshot();
        if !snapshot.sessions.watches() {
            return Verdict::allow();
        }
        match self.session(&snapshot, principal).admit(endpoint.host(), &snapshot.sessions, Instant::now()) {
            Some(Refused { enforced: true, reason }) => verdict::refuse(snapshot.verdict, reason),
            Some(Refused { enforced: false, reason }) => {
                Verdict { action: Action::Warn, reason: Some(reason), findings: Vec::new(), ..Verdict::default() }
            }
            None => Verdict::allow(),
        }
    }

    fn killed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.gateway.control.kill.activated())
    }

    fn head(&self, head: &Parts) -> Verdict {
        let snapshot = self.snapshot();
        let line = format!("{} {}", head.method, head.uri);
        let block = fields(&head.headers);
        let heads = || self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = {
            let mut heads = heads();
            let clean = heads.of(&snapshot);
            let hash = clean.hash(&line, &block);
            if clean.has(hash) {
                return Verdict::allow();
            }
            hash
        };
        let mut findings = snapshot.engine.scan_url(line.as_bytes());
        findings.extend(snapshot.known_secrets.scan(Surface::Url, line.as_bytes()));
        findings.extend(snapshot.engine.scan(Surface::RequestHeader, &block));
        findings.extend(snapshot.known_secrets.scan(Surface::RequestHeader, &block));
        if findings.is_empty() {
            heads().of(&snapshot).keep(hash);
        }
        snapshot.mcp.input(self.verdict(&snapshot, findings))
    }

    fn sent(&self, message: &Value, call: bool) -> Verdict {
        let snapshot = self.snapshot();
        if !snapshot.mcp.scan_input {
            return Verdict::allow();
        }
        let surface = if call { Surface::ToolCall } else { Surface::RequestBody };
        snapshot.mcp.input(self.verdict(&snapshot, without_accounts(Self::examine(&snapshot, surface, message))))
    }

    fn settled(&self, principal: Principal, tool: Option<&str>, verdict: Verdict) -> Verdict {
        let snapshot = self.snapshot();
        let policy = &snapshot.sessions;
        let warned = verdict.action == Action::Warn && !verdict.findings.is_empty();
        let guarded = !policy.taint.protected.is_empty() || !policy.taint.elevated.is_empty();
        if !policy.remembers() || !(warned || guarded) {
            return verdict;
        }
        let session = self.session(&snapshot, principal);
        let target = tool.map_or_else(|| self.target.clone(), |tool| format!("{}/{tool}", self.target));
        let verdict = trust::distrusted(&snapshot, &session, &target, verdict);
        trust::upgraded(&snapshot, &session, &self.host, verdict)
    }

    fn replaces(&self) -> bool {
        let snapshot = self.snapshot();
        snapshot.redaction.is_some() && snapshot.verdict.blocks()
    }

    fn replaced(&self, messages: &Value) -> Result<Option<Value>, NotReplaced> {
        let snapshot = self.snapshot();
        let redaction = snapshot.redaction.as_ref();
        redaction.map_or(Ok(None), |redaction| replace::replaced(&redaction.redactor, messages))
    }

    fn holds_replaced(&self, text: &str) -> bool {
        self.snapshot().redaction.as_ref().is_some_and(|redaction| replace::holds(&redaction.redactor, text))
    }

    fn sent_text(&self, bytes: &[u8]) -> Verdict {
        let snapshot = self.snapshot();
        snapshot
            .mcp
            .input(self.verdict(&snapshot, without_accounts(Self::text(&snapshot, Surface::RequestBody, bytes))))
    }

    fn listed_before(&self, ends: Ends<'_>) -> Option<Listed> {
        let snapshot = self.snapshot();
        let known = self.lists.lock().unwrap_or_else(PoisonError::into_inner).of(&snapshot).find(ends)?;
        Some(self.on_list(&snapshot, known))
    }

    fn listed(&self, message: &Value, ends: Option<Ends<'_>>) -> Listed {
        let snapshot = self.snapshot();
        let findings = if snapshot.mcp.scan_tools {
            Self::examine(&snapshot, Surface::ToolDefinitions, message)
        } else {
            Vec::new()
        };
        let judged: ListJudged = (findings.into(), Self::definitions(message));
        if let Some(ends) = ends {
            let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            lists.of(&snapshot).keep(ends, judged.clone());
        }
        self.on_list(&snapshot, judged)
    }

    fn received(&self, message: &Value) -> Verdict {
        let snapshot = self.snapshot();
        let mut verdict = match elicited::refused(&snapshot, message) {
            Some(reason) => verdict::refuse(snapshot.verdict, reason),
            None => Verdict::allow(),
        };
        if snapshot.responses.enabled {
            let findings = Self::examine(&snapshot, Surface::ToolResult, message);
            verdict.join(snapshot.mcp.answer(self.verdict(&snapshot, findings)));
        }
        verdict
    }

    fn received_text(&self, bytes: &[u8]) -> Verdict {
        let snapshot = self.snapshot();
        if !snapshot.responses.enabled {
            return Verdict::allow();
        }
        snapshot.mcp.answer(self.verdict(&snapshot, Self::text(&snapshot, Surface::Response, bytes)))
    }

    fn change(&self, before: &[u8], now: &Definition) -> Option<Change> {
        let Definition { name, digest, facts, texts, .. } = now.clone();
        let facts = ToolFacts { name, digest, bytes: facts, texts };
        facts.changed_from(before).map(|(severity, diff)| Change { severity, diff })
    }

    fn chain(&self) -> Box<dyn Chain> {
        Box::new(Calls { session: ToolSession::new(), gateway: Arc::clone(&self.gateway) })
    }

    fn fold(&self, findings: Vec<Finding>) -> Verdict {
        self.verdict(&self.snapshot(), findings)
    }

    fn fold_chain(&self, mut findings: Vec<Finding>) -> Verdict {
        let snapshot = self.snapshot();
        self.leave_out(&snapshot, &mut findings);
        let fixed = |finding: &Finding| snapshot.mcp.chain_actions.get(&*finding.rule).copied();
        let (asked_for, mut others): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| fixed(finding).is_some());
        // The shape alone (a read, then a write) is what every agent does.
        others.retain(|finding| finding.severity > Severity::Low);
        let (blocks, warns): (Vec<_>, Vec<_>) =
            asked_for.into_iter().partition(|finding| fixed(finding) == Some(Action::Block));
        // What blocks stands first: the client is told its name.
        let mut verdict = Verdict::allow();
        if !blocks.is_empty() {
            verdict.join(self.enforce(Verdict { findings: blocks, ..Verdict::block(BlockReason::ToolPolicy) }));
        }
        verdict.join(snapshot.mcp.chain(snapshot.fold(others)));
        if !warns.is_empty() {
            verdict.join(Verdict { action: Action::Warn, findings: warns, ..Verdict::default() });
        }
        verdict
    }

    fn fold_definitions(&self, findings: Vec<Finding>) -> Verdict {
        let snapshot = self.snapshot();
        snapshot.mcp.tools(self.verdict(&snapshot, findings))
    }

    fn enforce(&self, mut verdict: Verdict) -> Verdict {
        // The one place that knows what audit mode is.
        let allowed = verdict::uninspectable(self.snapshot().verdict, Action::Block, BlockReason::ScanLimit).action;
        verdict.action = verdict.action.min(allowed);
        verdict
    }

    fn done(&self, mut record: RequestRecord) {
        let snapshot = self.snapshot();
        let leaks = record.verdict.findings.iter().any(|finding| finding.family == Family::Dlp);
        if let Some(mcp) = &mut record.mcp {
            // A record holds no secret: names that nobody has judged, or in whose message one was found, are not shown.
            if leaks || !snapshot.mcp.scan_input {
                let hidden = "<redacted>";
                mcp.method = mcp.method.take().map(|_| hidden.to_owned());
                mcp.tool = mcp.tool.take().map(|_| hidden.to_owned());
            }
        }
        let principal = record.mcp.as_ref().and_then(|mcp| mcp.principal);
        let taint = trust::given(&snapshot.sessions, &record);
        if let Some(principal) = principal.filter(|_| taint.is_some() || snapshot.sessions.watches()) {
            let session = self.session(&snapshot, principal);
            if snapshot.sessions.watches() {
                note_end(&self.gateway.report, &session, &snapshot.sessions, &record);
            }
            if let Some(taint) = taint {
                trust::note(&self.gateway.report, &session, &snapshot.sessions, &record, taint);
            }
        }
        self.gateway.report.request(record);
    }

    fn note(&self, note: Note) {
        let metrics = self.gateway.report.metrics();
        match note {
            Note::Message { era, method, outcome } => metrics.mcp_message(era, method, outcome),
            Note::Drift => metrics.mcp_drift(),
            Note::StateUnavailable => metrics.mcp_state_unavailable(),
            Note::Connection(true) => {
                let gauge = metrics.connection_opened(FrontDoor::Mcp);
                self.open.lock().unwrap_or_else(PoisonError::into_inner).push(gauge);
            }
            Note::Connection(false) => drop(self.open.lock().unwrap_or_else(PoisonError::into_inner).pop()),
            Note::Stream(opened) => metrics.mcp_streams(opened),
            Note::Panic => metrics.panicked(),
        }
    }
}

/// Rules for numbers of accounts. What stands behind the port is the operator's own server, and to write such a number into
/// its books is what a client of a bank's or a household's server is for (sure-integration.md e.4). Cards, numbers of persons
/// that are called so, seed phrases, keys and credentials stay findings. What only has the shape of a Social Security number is
/// an employee's or a customer's number here.
const ACCOUNTS: [&str; 4] = ["IBAN", "US Routing Number", "Wallet Address", "Number like a Social Security Number"];

fn without_accounts(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.retain(|finding| finding.family != Family::Dlp || !ACCOUNTS.contains(&&*finding.rule));
    findings
}

/// The calls of a session as the scanner keeps them; they outlive the rules they are looked at by.
struct Calls {
    session: ToolSession,
    gateway: Arc<Gateway>,
}

impl Chain for Calls {
    fn observe(&mut self, at: Duration, message: &Value) -> Vec<Finding> {
        self.session.observe(&self.gateway.snapshot().mcp.chains, at, message)
    }

    fn take_back(&mut self) {
        self.session.take_back();
    }
}

/// Header fields as they would stand in a message, without those that say who comes and which session it is: they are on
/// their way to the server that gave them. A length is digits, and another one each time.
fn fields(headers: &HeaderMap) -> Vec<u8> {
    let mut block = Vec::with_capacity(1024);
    let own = ["authorization", "cookie", "mcp-session-id", "last-event-id", "content-length"];
    for (name, value) in headers.iter().filter(|(name, _)| !own.contains(&name.as_str())) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            block.extend_from_slice(part);
        }
    }
    block
}

/// Why an MCP door cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// The upstream's host cannot be asked for.
    #[error("{0:?} is no host name")]
    Host(String),
    /// Roots or TLS.
    #[error("tls towards the MCP upstream")]
    Tls(#[source] tls::Error),
    /// No thread for shared state.
    #[error("starting the thread of shared MCP state")]
    State(#[source] io::Error),
}

impl Gateway {
    /// A door to the MCP endpoint, judged by this gateway's rules. `roots` verify an `https` endpoint.
    ///
    /// # Errors
    /// See [`McpError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn mcp_door(
        self: &Arc<Self>,
        endpoint: Endpoint,
        roots: &Roots,
        store: Arc<dyn mcp::Store>,
        options: mcp::Options,
    ) -> Result<mcp::Door, McpError> {
        let dial = self.mcp_dial(&endpoint, roots)?;
        let judge = McpJudge::new(Arc::clone(self), &endpoint);
        let warming = Arc::clone(&judge);
        // Half a second of expressions that are compiled when first used; the first client should not wait for them.
        tokio::task::spawn_blocking(move || warming.warm());
        Ok(mcp::Door::new(options, endpoint, dial, judge, store, self.body_budget()))
    }

    /// What bodies that are held share.
    pub(super) fn body_budget(&self) -> BodyBudget {
        self.budget.clone()
    }

    /// State of the MCP port in a Redis that replicas share. It begins to connect at once; `roots` verify a `rediss` address.
    ///
    /// # Errors
    /// See [`McpError`].
    pub fn mcp_redis(&self, address: &RedisAddress, roots: &Roots) -> Result<RedisStore, McpError> {
        let dial = self.dial_named(&address.host, address.port, address.tls, roots)?;
        RedisStore::new(address, dial).map_err(McpError::State)
    }

    fn mcp_dial(&self, endpoint: &Endpoint, roots: &Roots) -> Result<Redial, McpError> {
        self.dial_named(endpoint.host(), endpoint.port(), endpoint.tls, roots)
    }

    /// Dials a server that the operator named.
    fn dial_named(&self, host: &str, port: u16, tls: bool, roots: &Roots) -> Result<Redial, McpError> {
        let host = host.to_owned();
        let name = match host.parse() {
            Ok(ip) => PeerName::Ip(ip),
            Err(_) => ServerName::parse(&host).map(PeerName::Dns).map_err(|_| McpError::Host(host.clone()))?,
        };
        let tls = tls.then(|| tls::Upstream::new(roots)).transpose().map_err(McpError::Tls)?.map(Arc::new);
        let (dialer, patience) = (self.dialer.clone(), self.live.pin().bounds.connect_timeout);
        Ok(Arc::new(move || {
            let (dialer, host, name, tls) = (dialer.clone(), host.clone(), name.clone(), tls.clone());
            Box::pin(async move {
                let stream = dial_any(&dialer, &host, port, patience).await?;
                let Some(tls) = tls else { return Ok(Box::new(stream) as Box<dyn Io>) };
                let leg = tls.connect(stream, &name, &[Alpn::Http11]).await.map_err(io::Error::other)?;
                Ok(Box::new(leg.stream) as Box<dyn Io>)
            })
        }))
    }
}

/// The operator named the upstream, so none of its addresses is refused; the first that answers is taken.
async fn dial_any(dialer: &Dialer, host: &str, port: u16, patience: Duration) -> io::Result<tokio::net::TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in lookup_host((host, port)).await? {
        match dialer.connect(address, patience).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = io::Error::other(error),
        }
    }
    Err(last)
}

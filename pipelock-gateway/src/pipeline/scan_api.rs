//! The judge behind the Scan API: the rules, the engine and the policy that captured traffic meets, on what other programs ask
//! about. Nothing is resolved or dialled: a name in a URL may be the very secret.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::Uri;
use serde_json::{Value, json};

use super::{Gateway, Snapshot};
use crate::mcp::{self, RuleAction};
use crate::model::{
    EventRecord, Family, Finding, KNOWN_SECRET_RULE, OriginalDst, PeerName, ServerName, Severity, Surface, Verdict,
};
use crate::policy::AddressDecision;
use crate::scan::{Message, Payload};
use crate::scan_api::{Ask, Judge, Judged, Question, Reason};

/// Judges questions by the configuration in force.
pub(super) struct ApiJudge(pub(super) Arc<Gateway>);

impl Judge for ApiJudge {
    fn killed(&self) -> bool {
        self.0.control.kill.is_active()
    }

    fn judge(&self, question: &Question) -> Judged {
        let snapshot = self.0.snapshot();
        match &question.ask {
            Ask::Url(url) => judge_url(&snapshot, &self.0.own_listeners(), url),
            Ask::Text(text) => told(&found(&snapshot, Surface::RequestBody, text.as_bytes()), false),
            Ask::Content(text) => told(&found(&snapshot, Surface::Response, text.as_bytes()), false),
            Ask::ToolCall { name, arguments } => tool_call(&snapshot, name, arguments),
        }
    }

    fn denied(&self, question: &Question, judged: &Judged, scan_id: &str) {
        let rules: Vec<&str> = judged.reasons.iter().map(|reason| reason.rule_id.as_str()).collect();
        let mut fields = vec![
            ("scan_id", scan_id.to_owned()),
            ("kind", question.ask.kind().as_str().to_owned()),
            ("rules", rules.join(", ")),
        ];
        let context = [
            ("request_id", &question.request_id),
            ("session_id", &question.session_id),
            ("agent", &question.agent_name),
        ];
        fields.extend(context.into_iter().filter_map(|(name, value)| value.clone().map(|value| (name, value))));
        self.0.report.event(EventRecord { level: "warn", event: "scan_api_denied", fields });
    }
}

/// What becomes of a request for a URL: by the rules, and by where it leads. Nothing is resolved.
#[must_use]
pub fn judge_url(snapshot: &Snapshot, own_listeners: &[SocketAddr], url: &str) -> Judged {
    let mut judged = told(&found(snapshot, Surface::Url, url.as_bytes()), true);
    let refused = refused(snapshot, own_listeners, url);
    judged.denied |= snapshot.verdict.enforce && !refused.is_empty();
    judged.reasons.extend(refused);
    judged
}

/// What the configuration says of where a URL leads.
fn refused(snapshot: &Snapshot, own_listeners: &[SocketAddr], url: &str) -> Vec<Reason> {
    let reason = |scanner, rule: &str, message: &str| {
        let (rule_id, message) = (rule.to_owned(), message.to_owned());
        vec![Reason { scanner, rule_id, severity: Severity::High, message, encoding: None }]
    };
    let parsed: Option<Uri> = url.trim().parse().ok();
    let Some(parsed) = parsed.filter(|url| url.host().is_some_and(|host| !host.is_empty())) else {
        return reason("url", "URL-Parse", "this is no absolute URL");
    };
    let port = match (parsed.scheme_str(), parsed.port_u16()) {
        (Some("http" | "ws" | "https" | "wss"), Some(port)) => port,
        (Some("http" | "ws"), None) => 80,
        (Some("https" | "wss"), None) => 443,
        _ => return reason("url", "URL-Scheme", "only http, https, ws and wss are forwarded"),
    };
    let host = parsed.host().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let peer = match (address, ServerName::parse(host)) {
        (Some(address), _) => PeerName::Ip(address.to_canonical()),
        (None, Ok(name)) => PeerName::Dns(name),
        // Among others the spellings of addresses that only some resolvers read, such as 0x7f.1.
        (None, Err(_)) => return reason("url", "URL-Host", "the host is neither a name nor an address"),
    };
    if snapshot.blocklist.matches(&peer) {
        return reason("blocklist", "BLOCK-Domain", "the host is in fetch_proxy.monitoring.blocklist");
    }
    if !snapshot.rules.admits_host(&peer) {
        return reason("allowlist", "URL-Allowlist", "mode strict, and the host is not in api_allowlist");
    }
    let local = |name: &ServerName| name.as_str() == "localhost" || name.as_str().ends_with(".localhost");
    let address = match &peer {
        PeerName::Ip(address) => Some(*address),
        // Resolvers answer these by themselves (RFC 6761 §6.3).
        PeerName::Dns(name) => local(name).then_some(IpAddr::from([127, 0, 0, 1])),
    };
    let denied = address.is_some_and(|address| {
        let dst = OriginalDst::new((address, port).into());
        let decision = snapshot.rules.connect_address(&peer, dst, own_listeners);
        matches!(decision, AddressDecision::Deny(_))
    });
    if denied {
        return reason("ssrf", "SSRF-Private-IP", "the address is not one of the public Internet");
    }
    Vec::new()
}

/// The verdict on a text: by the rules, and by being a known value.
fn found(snapshot: &Snapshot, surface: Surface, text: &[u8]) -> Verdict {
    let mut findings = snapshot.engine.examine(&Message { surface, payload: Payload::Bytes(text), content_type: None });
    findings.extend(snapshot.known_secrets.scan(surface, text));
    snapshot.fold(findings)
}

/// A tool call, as an MCP client would send it, and what the operator's own rules say of it.
fn tool_call(snapshot: &Snapshot, name: &str, arguments: &Value) -> Judged {
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments},
    });
    let mut findings = snapshot.engine.examine(&Message {
        surface: Surface::ToolCall,
        payload: Payload::Json(&message),
        content_type: None,
    });
    findings.extend(snapshot.known_secrets.scan(Surface::ToolCall, message.to_string().as_bytes()));
    let mut judged = told(&snapshot.fold(findings), false);
    for rule in mcp::matching(snapshot.mcp.settings(), name, arguments) {
        let refuses = !matches!(rule.action, RuleAction::Warn);
        judged.denied |= refuses && snapshot.verdict.enforce;
        judged.reasons.push(Reason {
            scanner: "policy",
            rule_id: rule_id("POLICY-", &rule.name),
            severity: if refuses { Severity::High } else { Severity::Medium },
            message: format!("{} (mcp_tool_policy)", rule.name),
            encoding: None,
        });
    }
    judged
}

/// A verdict as the API tells it. `url`: whether it is about a URL, where the reference has one name for all secrets.
fn told(verdict: &Verdict, url: bool) -> Judged {
    let denied = verdict.is_block();
    let reason = |finding: &Finding| {
        let rule_id = match finding.family {
            Family::Dlp if url => "DLP-URL-Exfil".to_owned(),
            Family::Dlp => rule_id("DLP-", &finding.rule),
            Family::Injection | Family::ToolPoisoning => rule_id("INJ-", &finding.rule),
            Family::ToolCall | Family::ToolChain => rule_id("POLICY-", &finding.rule),
            Family::Url => rule_id("URL-", &finding.rule),
            Family::Limit => rule_id("LIMIT-", &finding.rule),
        };
        Reason {
            scanner: finding.family.as_str(),
            rule_id,
            severity: finding.severity,
            message: finding.rule.to_string(),
            encoding: Some(finding.view.as_str()),
        }
    };
    Judged { denied, reasons: verdict.findings.iter().map(reason).collect() }
}

/// A rule's name as an identifier. What follows a known secret's rule in parentheses is the operator's word for it.
fn rule_id(prefix: &str, rule: &str) -> String {
    let rule = if rule.starts_with(KNOWN_SECRET_RULE) { KNOWN_SECRET_RULE } else { rule };
    let mut id = prefix.to_owned();
    for part in rule.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        if !id.ends_with('-') {
            id.push('-');
        }
        id.push_str(part);
    }
    id
}

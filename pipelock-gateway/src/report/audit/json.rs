//! The JSON shape of audit records; the order of fields is the order they are declared in.
//!
//! A field is renamed or dropped only with a CHANGELOG entry: log pipelines depend on it.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{connection_end, connection_level, end_detail, request_event, request_level, rfc3339};
use crate::model::{
    ConnectionRecord, EventRecord, Finding, HttpVersion, McpRecord, OriginalDst, Principal, Protocol, RequestRecord,
    Side, WebSocketRecord, Workload,
};
use crate::report::reference;
use crate::report::text::clean;

/// The value of `component` in every line.
const COMPONENT: &str = "pipelock";

/// A file name as the kernel gives it has at most `PATH_MAX` bytes; a log needs less.
const MAX_EXECUTABLE_BYTES: usize = 512;
/// Labels shown of one target, and bytes of each: containers have as many as their makers like.
const MAX_LABELS: usize = 32;
const MAX_LABEL_BYTES: usize = 128;

#[derive(Serialize)]
struct ConnectionLine<'a> {
    time: String,
    level: &'static str,
    component: &'static str,
    event: &'static str,
    connection: Shown<crate::model::ConnId>,
    front_door: &'static str,
    workload: Option<WorkloadObject<'a>>,
    peer: SocketAddr,
    original_dst: Option<SocketAddr>,
    name: Option<Shown<&'a crate::model::PeerName>>,
    protocol: Option<&'static str>,
    decision: &'static str,
    reason: &'static str,
    /// The key of the configuration that would let it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<&'static str>,
    /// What bound the name to the address, where a rule hung on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    binding: Option<&'static str>,
    requests: u32,
    bytes_up: u64,
    bytes_down: u64,
    duration_ms: u64,
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct RequestLine<'a> {
    time: String,
    level: &'static str,
    component: &'static str,
    event: &'static str,
    request_id: Shown<crate::model::RequestId>,
    connection: Shown<crate::model::ConnId>,
    front_door: &'static str,
    workload: Option<WorkloadObject<'a>>,
    original_dst: Option<SocketAddr>,
    host: &'a str,
    scheme: &'static str,
    version: &'static str,
    method: &'a str,
    url: String,
    status: Option<u16>,
    action: &'static str,
    reason: Option<&'static str>,
    /// The key of the configuration that would let it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    setting: Option<&'static str>,
    findings: Vec<FindingObject<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    findings_omitted: usize,
    request_bytes: u64,
    response_bytes: u64,
    duration_ms: u64,
    scan_us: u64,
    // The reference's names for what pipelines made for it look at.
    message: String,
    client_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    status_code: Option<u16>,
    size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scanner: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mitre_technique: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    websocket: Option<WebSocketObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp: Option<McpObject<'a>>,
}

#[derive(Serialize)]
struct McpObject<'a> {
    principal: Option<Shown<Principal>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'static str>,
    messages: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    rpc_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
}

#[derive(Serialize)]
struct WebSocketObject {
    text_frames: u64,
    binary_frames: u64,
    continuation_frames: u64,
    control_frames: u64,
    messages_up: u64,
    messages_down: u64,
    closed_with: Option<u16>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    time: String,
    level: &'static str,
    component: &'static str,
    event: &'static str,
    #[serde(flatten)]
    fields: std::collections::BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct WorkloadObject<'a> {
    pid: u32,
    uid: u32,
    executable: Option<std::borrow::Cow<'a, str>>,
    cgroup: u64,
    netns: u64,
    /// What it was captured as: the name of a container or a pod, and its labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<std::borrow::Cow<'a, str>>,
    /// Of a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<std::borrow::Cow<'a, str>>,
    /// Of a container that is no pod's.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<std::collections::BTreeMap<std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>>>,
}

#[derive(Serialize)]
struct FindingObject<'a> {
    rule: &'a str,
    family: &'static str,
    severity: &'static str,
    surface: &'static str,
    view: &'static str,
    offset: u64,
    length: u64,
    fingerprint: String,
}

/// Serialises what a type displays.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

pub(super) fn connection(out: &mut Vec<u8>, time: Timestamp, record: &ConnectionRecord) {
    let (side, detail) = end_detail(&record.end);
    append(
        out,
        &ConnectionLine {
            time: rfc3339(time),
            level: connection_level(record),
            component: COMPONENT,
            event: "connection",
            connection: Shown(record.id),
            front_door: record.front_door.as_str(),
            workload: record.workload.as_ref().map(workload),
            peer: record.peer,
            original_dst: record.original_dst.map(OriginalDst::socket_addr),
            name: record.name.as_ref().map(Shown),
            protocol: record.protocol.map(Protocol::as_str),
            decision: record.decision_words().0,
            reason: record.decision_words().1,
            setting: record.setting(),
            binding: record.binding,
            requests: record.requests,
            bytes_up: record.bytes_up,
            bytes_down: record.bytes_down,
            duration_ms: milliseconds(record.duration),
            end: connection_end(&record.end),
            side: side.map(Side::as_str),
            detail,
        },
    );
}

pub(super) fn request(out: &mut Vec<u8>, time: Timestamp, record: &RequestRecord, findings_omitted: usize) {
    append(
        out,
        &RequestLine {
            time: rfc3339(time),
            level: request_level(record),
            component: COMPONENT,
            event: request_event(record),
            request_id: Shown(record.id),
            connection: Shown(record.id.conn),
            front_door: record.front_door.as_str(),
            workload: record.workload.as_ref().map(workload),
            original_dst: record.original_dst.map(OriginalDst::socket_addr),
            host: &record.host,
            scheme: record.scheme,
            version: HttpVersion::as_str(record.version),
            method: &record.method,
            url: format!("{}://{}{}", record.scheme, record.host, record.path),
            status: record.status,
            action: record.verdict.action.as_str(),
            reason: record.verdict.reason.map(crate::model::BlockReason::as_str),
            setting: record
                .verdict
                .reason
                .filter(|_| record.verdict.is_block())
                .and_then(crate::model::BlockReason::setting),
            findings: record.verdict.findings.iter().map(finding).collect(),
            findings_omitted,
            request_bytes: record.request_bytes,
            response_bytes: record.response_bytes,
            duration_ms: milliseconds(record.duration),
            scan_us: u64::try_from(record.scan_duration.as_micros()).unwrap_or(u64::MAX),
            message: reference::message(record),
            client_ip: record.client,
            agent: reference::agent(record.workload.as_ref()),
            status_code: record.status,
            size_bytes: record.response_bytes,
            scanner: reference::scanner(&record.verdict),
            mitre_technique: reference::mitre_technique(&record.verdict),
            websocket: record.websocket.map(websocket),
            mcp: record.mcp.as_ref().map(mcp),
        },
    );
}

fn mcp(record: &McpRecord) -> McpObject<'_> {
    McpObject {
        principal: record.principal.map(Shown),
        session: record.session.map(|session| format!("{session:016x}")),
        revision: record.revision,
        messages: record.messages,
        rpc_method: record.method.as_deref(),
        tool: record.tool.as_deref(),
    }
}

fn websocket(counts: WebSocketRecord) -> WebSocketObject {
    WebSocketObject {
        text_frames: counts.text,
        binary_frames: counts.binary,
        continuation_frames: counts.continuation,
        control_frames: counts.ping + counts.pong + counts.close,
        messages_up: counts.messages_up,
        messages_down: counts.messages_down,
        closed_with: counts.closed_with,
    }
}

pub(super) fn event(out: &mut Vec<u8>, time: Timestamp, record: &EventRecord) {
    let line = EventLine {
        time: rfc3339(time),
        level: record.level,
        component: COMPONENT,
        event: record.event,
        fields: record.fields.iter().map(|(name, value)| (*name, value.as_str())).collect(),
    };
    append(out, &line);
}

fn workload(workload: &Workload) -> WorkloadObject<'_> {
    let place = reference::place(workload);
    let shown = |text| clean(text, MAX_LABEL_BYTES);
    WorkloadObject {
        pid: workload.pid,
        uid: workload.uid,
        // A workload may run a file of any name, terminal escapes included.
        executable: workload.executable.as_deref().map(|path| clean(path, MAX_EXECUTABLE_BYTES)),
        cgroup: workload.cgroup.0,
        netns: workload.netns.0,
        target: workload.target.as_ref().map(|target| clean(&target.name, MAX_LABEL_BYTES)),
        namespace: place.namespace.map(shown),
        pod: place.pod.map(shown),
        container: place.container.map(shown),
        labels: workload.target.as_ref().filter(|target| !target.labels.is_empty()).map(|target| {
            target.labels.iter().take(MAX_LABELS).map(|(name, value)| (shown(name), shown(value))).collect()
        }),
    }
}

fn finding(finding: &Finding) -> FindingObject<'_> {
    FindingObject {
        rule: &finding.rule,
        family: finding.family.as_str(),
        severity: finding.severity.as_str(),
        surface: finding.surface.as_str(),
        view: finding.view.as_str(),
        offset: finding.span.start,
        length: finding.span.end.saturating_sub(finding.span.start),
        fingerprint: format!("{:012x}", finding.evidence.fingerprint & 0xffff_ffff_ffff),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn append(out: &mut Vec<u8>, line: &impl Serialize) {
    let start = out.len();
    if let Err(error) = serde_json::to_writer(&mut *out, line) {
        // Neither a Vec nor these types can fail; were one to, half a line must not reach the log.
        out.truncate(start);
        tracing::error!(%error, "an audit record could not be serialised");
    }
}

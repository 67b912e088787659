//! The text shape of audit records, for people: `time level event id key=value …`.
//!
//! It says less than the JSON shape and is not meant to be parsed. Values a peer chose are quoted, so that a space in one
//! cannot pass for another key.

use std::io::Write;

use jiff::Timestamp;

use super::{connection_end, connection_level, end_detail, request_event, request_level, rfc3339};
use crate::model::{ConnectionRecord, EventRecord, Protocol, RequestRecord, Workload};
use crate::report::text::clean;

/// As in the summary line, more would not be read.
const MAX_WORKLOAD_BYTES: usize = 128;

// Writing to a Vec cannot fail, so the results below carry nothing.

pub(super) fn connection(out: &mut Vec<u8>, time: Timestamp, record: &ConnectionRecord) {
    let (side, detail) = end_detail(&record.end);
    let _ = write!(out, "{} {} connection {}", rfc3339(time), connection_level(record), record.id);
    let _ = write!(out, " front_door={} peer={}", record.front_door.as_str(), record.peer);
    workload(out, record.workload.as_ref());
    if let Some(original_dst) = record.original_dst {
        let _ = write!(out, " original_dst={original_dst}");
    }
    if let Some(name) = &record.name {
        let _ = write!(out, " name={name}");
    }
    let _ = write!(
        out,
        " protocol={} decision={} reason={} requests={} bytes_up={} bytes_down={} duration_ms={} end={}",
        record.protocol.map_or("none", Protocol::as_str),
        record.decision_words().0,
        record.decision_words().1,
        record.requests,
        record.bytes_up,
        record.bytes_down,
        record.duration.as_millis(),
        connection_end(&record.end),
    );
    for (name, value) in [("setting", record.setting()), ("binding", record.binding)] {
        if let Some(value) = value {
            let _ = write!(out, " {name}={value}");
        }
    }
    if let Some(side) = side {
        let _ = write!(out, " side={}", side.as_str());
    }
    if let Some(detail) = detail {
        let _ = write!(out, " detail={detail:?}");
    }
}

pub(super) fn request(out: &mut Vec<u8>, time: Timestamp, record: &RequestRecord) {
    let verdict = &record.verdict;
    let _ = write!(out, "{} {} {} {}", rfc3339(time), request_level(record), request_event(record), record.id);
    let url = format!("{}://{}{}", record.scheme, record.host, record.path);
    let _ = write!(out, " front_door={} method={:?} url={url:?}", record.front_door.as_str(), record.method);
    workload(out, record.workload.as_ref());
    match record.status {
        Some(status) => drop(write!(out, " status={status}")),
        None => drop(write!(out, " status=none")),
    }
    let _ = write!(out, " action={}", verdict.action.as_str());
    if let Some(reason) = verdict.reason {
        let _ = write!(out, " reason={}", reason.as_str());
        if let Some(setting) = reason.setting().filter(|_| verdict.is_block()) {
            let _ = write!(out, " setting={setting}");
        }
    }
    for finding in &verdict.findings {
        let _ = write!(
            out,
            " finding={:?}",
            format!("{} {} {} {}", finding.rule, finding.severity.as_str(), finding.surface.as_str(), finding.evidence)
        );
    }
    let _ = write!(
        out,
        " request_bytes={} response_bytes={} duration_ms={} scan_us={}",
        record.request_bytes,
        record.response_bytes,
        record.duration.as_millis(),
        record.scan_duration.as_micros(),
    );
    if let Some(mcp) = &record.mcp {
        if let Some(principal) = mcp.principal {
            let _ = write!(out, " principal={principal}");
        }
        for (name, value) in [("rpc_method", &mcp.method), ("tool", &mcp.tool)] {
            if let Some(value) = value {
                let _ = write!(out, " {name}={value:?}");
            }
        }
    }
    if let Some(counts) = record.websocket {
        let frames: u64 = counts.frames().iter().map(|(_, frames)| frames).sum();
        let _ = write!(out, " ws_frames={frames} ws_up={} ws_down={}", counts.messages_up, counts.messages_down);
        if let Some(code) = counts.closed_with {
            let _ = write!(out, " ws_closed_with={code}");
        }
    }
}

pub(super) fn event(out: &mut Vec<u8>, time: Timestamp, record: &EventRecord) {
    let _ = write!(out, "{} {} {}", rfc3339(time), record.level, record.event);
    for (name, value) in &record.fields {
        let _ = write!(out, " {name}={value:?}");
    }
}

fn workload(out: &mut Vec<u8>, workload: Option<&Workload>) {
    if let Some(workload) = workload {
        let _ = write!(out, " workload={:?} uid={}", clean(&workload.to_string(), MAX_WORKLOAD_BYTES), workload.uid);
        if let Some(target) = &workload.target {
            let _ = write!(out, " target={:?}", clean(&target.name, MAX_WORKLOAD_BYTES));
        }
    }
}

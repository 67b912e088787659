//! The reference's words: what its log pipelines look for in a record, and the events it would have written beside it.
//!
//! Names and techniques are those of surfaces.md §6. Everything here is derived from a record; nothing new is told.

use std::collections::BTreeSet;

use crate::model::{Action, EventRecord, Family, Finding, RequestRecord, Surface, Verdict, Workload};

/// Rules named in one event; the record beside it has all.
const MAX_PATTERNS: usize = 16;

/// Where a workload runs, as far as its target says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) namespace: Option<&'a str>,
    pub(super) pod: Option<&'a str>,
    pub(super) container: Option<&'a str>,
}

/// A pod is found as `namespace/name` with a label that says its namespace, a container with one that says its image.
pub(super) fn place(workload: &Workload) -> Place<'_> {
    let Some(target) = &workload.target else { return Place::default() };
    if let Some(namespace) = target.labels.get("pod_namespace") {
        let pod = target.name.split_once('/').map(|(_, pod)| pod);
        return Place { namespace: Some(namespace), pod, container: None };
    }
    let container = target.labels.contains_key("image").then_some(target.name.as_str());
    Place { container, ..Place::default() }
}

/// Who sent it, by name: what it was captured as, else its program.
pub(super) fn agent(workload: Option<&Workload>) -> Option<String> {
    let workload = workload?;
    let program = || workload.executable.as_deref().map(|path| path.rsplit('/').next().unwrap_or(path));
    let name = workload.target.as_ref().map(|target| target.name.as_str()).or_else(program)?;
    Some(super::clean(name, 128).into_owned())
}

/// A line for people.
pub(super) fn message(record: &RequestRecord) -> String {
    let verdict = &record.verdict;
    let what = match verdict.action {
        Action::Block => "request blocked",
        Action::Redact => "request allowed, parts of it replaced",
        Action::Warn => "request allowed with a warning",
        Action::Allow => "request allowed",
    };
    verdict.reason.map_or_else(|| what.to_owned(), |reason| format!("{what}: {}", reason.as_str()))
}

/// What kind of scanner decided: that of the worst finding, else the reason.
pub(super) fn scanner(verdict: &Verdict) -> Option<&'static str> {
    let worst = worst(&verdict.findings).map(|finding| finding.family.as_str());
    worst.or_else(|| verdict.reason.map(crate::model::BlockReason::as_str))
}

/// The technique of MITRE ATT&CK that the worst finding speaks for.
pub(super) fn mitre_technique(verdict: &Verdict) -> Option<&'static str> {
    worst(&verdict.findings).map(technique)
}

fn technique(finding: &Finding) -> &'static str {
    match finding.family {
        Family::Dlp | Family::Url | Family::Limit => "T1048",
        Family::Injection | Family::ToolCall => "T1059",
        Family::ToolPoisoning => "T1195.002",
        Family::ToolChain => "T1078",
    }
}

fn worst(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().max_by_key(|finding| finding.severity)
}

/// The event of the reference that a finding belongs to; `None` where the record itself is that event.
fn event_of(finding: &Finding, websocket: bool) -> Option<&'static str> {
    match (finding.family, finding.surface) {
        (Family::ToolChain, _) => Some("chain_detection"),
        (Family::Limit, _) => None,
        (_, Surface::RequestBody | Surface::Response) if websocket => Some("ws_scan"),
        (Family::Dlp, Surface::RequestBody) => Some("body_dlp"),
        (Family::Dlp, Surface::RequestHeader | Surface::RequestTrailer) => Some("header_dlp"),
        (_, Surface::Response) => Some("response_scan"),
        _ => None,
    }
}

/// The events that the reference would have written about what was found in a request and its answer.
pub(super) fn events(record: &RequestRecord) -> Vec<EventRecord> {
    let websocket = record.websocket.is_some();
    let named = |finding: &Finding| event_of(finding, websocket);
    let kinds: BTreeSet<&'static str> = record.verdict.findings.iter().filter_map(named).collect();
    let event = |event: &'static str| {
        let found: Vec<&Finding> =
            record.verdict.findings.iter().filter(|finding| named(finding) == Some(event)).collect();
        let patterns: BTreeSet<&str> = found.iter().map(|finding| &*finding.rule).collect();
        let patterns: Vec<&str> = patterns.into_iter().take(MAX_PATTERNS).collect();
        let mut fields = vec![
            ("request_id", record.id.to_string()),
            ("method", record.method.clone()),
            ("url", format!("{}://{}{}", record.scheme, record.host, record.path)),
            ("action", record.verdict.action.as_str().to_owned()),
            ("match_count", found.len().to_string()),
            ("patterns", patterns.join(", ")),
        ];
        fields.extend(record.client.map(|client| ("client_ip", client.to_string())));
        fields.extend(agent(record.workload.as_ref()).map(|agent| ("agent", agent)));
        fields.extend(found.first().map(|finding| ("mitre_technique", technique(finding).to_owned())));
        let mcp = record.mcp.as_ref();
        fields.extend(mcp.and_then(|mcp| mcp.tool.clone()).map(|tool| ("tool", tool)));
        EventRecord { level: "warn", event, fields }
    };
    kinds.into_iter().map(event).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::model::{Severity, Target};
    use crate::report::tests::{blocked, conversation, finding, request, workload};

    #[test]
    fn what_was_found_is_told_under_the_references_names() {
        let mut record = blocked(1, 1);
        record.verdict.findings.push(finding("JWT Token", Severity::High, Surface::RequestHeader));
        record.verdict.findings.push(Finding {
            family: Family::Injection,
            ..finding("Prompt Injection", Severity::High, Surface::Response)
        });
        let told = events(&record);
        assert_eq!(
            told.iter().map(|event| event.event).collect::<Vec<_>>(),
            ["body_dlp", "header_dlp", "response_scan"]
        );
        let field = |name: &str| told[0].fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
        assert_eq!(field("patterns"), Some("GitHub Token"));
        assert_eq!((field("match_count"), field("action")), (Some("1"), Some("block")));
        assert_eq!((field("client_ip"), field("mitre_technique")), (Some("127.0.0.1"), Some("T1048")));
        assert_eq!(events(&conversation(1, 2))[0].event, "ws_scan");
        assert!(events(&request(1, 3)).is_empty());
        assert_eq!((scanner(&record.verdict), mitre_technique(&record.verdict)), (Some("dlp"), Some("T1048")));
    }

    #[test]
    fn a_workload_is_told_by_its_pod_or_its_container_or_its_program() {
        let captured = |name: &str, label: (&str, &str)| {
            let labels = BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]);
            Workload { target: Some(Arc::new(Target { name: name.to_owned(), labels })), ..workload() }
        };
        let pod = captured("finance/web-0", ("pod_namespace", "finance"));
        assert_eq!(place(&pod), Place { namespace: Some("finance"), pod: Some("web-0"), container: None });
        let container = captured("sure-web-1", ("image", "sure"));
        assert_eq!(place(&container), Place { container: Some("sure-web-1"), ..Place::default() });
        assert_eq!(place(&workload()), Place::default());
        assert_eq!(agent(Some(&container)).as_deref(), Some("sure-web-1"));
        assert_eq!(agent(Some(&workload())).as_deref(), Some("ruby"));
        assert_eq!(agent(None), None);
    }
}

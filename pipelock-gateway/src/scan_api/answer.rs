//! What is answered: the same shape whatever happened, so that a client reads one.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::question::Kind;
use crate::model::Severity;

/// The judgement on a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// Whether the gateway would not forward it.
    pub denied: bool,
    /// What speaks against it, worst first; also what is only warned of.
    pub reasons: Vec<Reason>,
}

/// One thing that speaks against what was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Which part of the gateway says so: a family of findings, `policy`, `ssrf`, `blocklist`.
    pub scanner: &'static str,
    /// With the reference's prefix: `DLP-`, `INJ-`, `POLICY-`, `URL-`.
    pub rule_id: String,
    /// How bad.
    pub severity: Severity,
    /// For people; never what matched.
    pub message: String,
    /// The rendering in which it was visible.
    pub encoding: Option<&'static str>,
}

/// Why there is no judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    NotFound,
    Unauthorized,
    MethodNotAllowed,
    RateLimited { seconds: u32 },
    KillSwitchActive,
    ReadError,
    BodyTooLarge { most: usize },
    InvalidJson { line: usize, column: usize },
    InvalidKind,
    KindDisabled,
    InvalidInput(String),
    ScanDeadlineExceeded,
    InternalError,
}

impl Failure {
    /// The code in answers and labels.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RateLimited { .. } => "rate_limited",
            Self::KillSwitchActive => "kill_switch_active",
            Self::ReadError => "read_error",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::InvalidJson { .. } => "invalid_json",
            Self::InvalidKind => "invalid_kind",
            Self::KindDisabled => "kind_disabled",
            Self::InvalidInput(_) => "invalid_input",
            Self::ScanDeadlineExceeded => "scan_deadline_exceeded",
            Self::InternalError => "internal_error",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::KillSwitchActive | Self::ScanDeadlineExceeded => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ReadError
            | Self::BodyTooLarge { .. }
            | Self::InvalidJson { .. }
            | Self::InvalidKind
            | Self::KindDisabled
            | Self::InvalidInput(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotFound => "there is nothing here; questions go to POST /api/v1/scan".to_owned(),
            Self::Unauthorized => "send Authorization: Bearer and one of scan_api.auth.bearer_tokens".to_owned(),
            Self::MethodNotAllowed => "questions are sent with POST".to_owned(),
            Self::RateLimited { seconds } => format!("too many questions; ask again in {seconds} s"),
            Self::KillSwitchActive => "the kill switch is on".to_owned(),
            Self::ReadError => "the question could not be read in time, or was cut off".to_owned(),
            Self::BodyTooLarge { most } => format!("the question is larger than {most} bytes"),
            Self::InvalidJson { line, column } => {
                format!("not a question in JSON: line {line}, column {column}")
            }
            Self::InvalidKind => {
                format!("kind is one of {}", Kind::ALL.map(Kind::as_str).join(", "))
            }
            Self::KindDisabled => "this kind is switched off by scan_api.kinds".to_owned(),
            Self::InvalidInput(problem) => problem.clone(),
            Self::ScanDeadlineExceeded => "not judged in time; this is no permission".to_owned(),
            Self::InternalError => "not judged; this is no permission".to_owned(),
        }
    }

    /// Whether the same question may be answered later.
    fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::KillSwitchActive
                | Self::ReadError
                | Self::ScanDeadlineExceeded
                | Self::InternalError
        )
    }
}

/// All that an answer says.
pub(super) struct Outcome {
    pub(super) kind: Option<Kind>,
    pub(super) scan_id: String,
    request_id: Option<String>,
    pub(super) with_evidence: bool,
    pub(super) result: Result<Judged, Failure>,
}

impl Outcome {
    pub(super) fn new(kind: Option<Kind>, request_id: Option<String>, result: Result<Judged, Failure>) -> Self {
        // Names one question among others, and need not be hard to guess.
        let scan_id = format!("scan-{:016x}", RandomState::new().build_hasher().finish());
        Self { kind, scan_id, request_id, with_evidence: false, result }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.result.as_ref().map_or_else(Failure::status, |_| StatusCode::OK)
    }

    /// `allow` only where something was judged and nothing speaks against it.
    pub(super) fn decision(&self) -> &'static str {
        if self.result.as_ref().is_ok_and(|judged| !judged.denied) { "allow" } else { "deny" }
    }

    pub(super) fn to_json(&self, took: Duration) -> Vec<u8> {
        let finding = |reason: &Reason| {
            let mut finding = json!({
                "scanner": reason.scanner,
                "rule_id": reason.rule_id,
                "severity": reason.severity.as_str(),
                "message": reason.message,
            });
            if self.with_evidence
                && let Some(encoding) = reason.encoding
            {
                finding["evidence"] = json!({ "encoding": encoding });
            }
            finding
        };
        let (status, findings, errors) = match &self.result {
            Ok(judged) => ("completed", judged.reasons.iter().map(finding).collect(), Vec::new()),
            Err(failure) => {
                let error = json!({
                    "code": failure.code(),
                    "message": failure.message(),
                    "retryable": failure.is_retryable(),
                });
                ("error", Vec::<Value>::new(), vec![error])
            }
        };
        let answer = json!({
            "status": status,
            "decision": self.decision(),
            "kind": self.kind.map(Kind::as_str),
            "scan_id": self.scan_id,
            "request_id": self.request_id,
            "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "engine_version": env!("CARGO_PKG_VERSION"),
            "findings": findings,
            "errors": errors,
        });
        answer.to_string().into_bytes()
    }
}

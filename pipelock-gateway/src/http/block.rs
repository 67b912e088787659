//! The answer a workload gets when its request is not forwarded.
//!
//! Shaped so that the error parsers of API SDKs can read it. It names the reason, the rules and the request id, and never a
//! byte of what matched: the client that leaks may not be the one that owns the secret.

use std::fmt::Write as _;

use bytes::Bytes;
use http::response::Builder;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use crate::model::{BlockReason, HttpVersion, RequestId, Verdict};

/// What the answer depends on.
pub(super) struct Blocked<'a> {
    pub(super) version: HttpVersion,
    pub(super) method: &'a Method,
    /// The request is a gRPC call ([`is_grpc`]).
    pub(super) grpc: bool,
    pub(super) id: RequestId,
    pub(super) verdict: &'a Verdict,
    /// The body was not read to its end, so that the next request cannot be found on an HTTP/1 connection.
    pub(super) body_unread: bool,
}

impl Blocked<'_> {
    /// Builds the answer. A verdict without a reason is answered as [`BlockReason::ScanLimit`]: something stopped it.
    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        let reason = self.verdict.reason.unwrap_or(BlockReason::ScanLimit);
        let mut response = Response::builder()
            .header("x-pipelock-blocked", reason.as_str())
            .header("x-pipelock-request-id", self.id.to_string())
            .header(header::CACHE_CONTROL, "no-store");
        if self.version == HttpVersion::Http1 && self.body_unread {
            response = response.header(header::CONNECTION, "close");
        }
        let built = if self.grpc { grpc(response, reason, &said(self.verdict).1) } else { self.json(response, reason) };
        // Every value above is made of ASCII literals, digits and JSON; should that ever fail, the status alone must do.
        built.unwrap_or_else(|_| {
            let mut bare = Response::new(Full::default());
            *bare.status_mut() = status(reason);
            bare
        })
    }

    fn json(&self, response: Builder, reason: BlockReason) -> http::Result<Response<Full<Bytes>>> {
        let body = serde_json::json!({ "error": {
            "type": "pipelock_blocked",
            "code": reason.as_str(),
            "message": said(self.verdict).1,
            "request_id": self.id.to_string(),
            // The one key of pipelock.yaml that would let it pass, for whoever may change it.
            "setting": reason.setting(),
        }})
        .to_string();
        response
            .status(status(reason))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .body(if self.method == Method::HEAD { Full::default() } else { Full::new(body.into()) })
    }
}

/// The code and the sentence by which a refusal is told.
pub(super) fn said(verdict: &Verdict) -> (&'static str, String) {
    let reason = verdict.reason.unwrap_or(BlockReason::ScanLimit);
    let mut rules: Vec<&str> = verdict.findings.iter().map(|finding| &*finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let what = explanation(reason);
    let message =
        if rules.is_empty() { format!("blocked: {what}") } else { format!("blocked: {what} ({})", rules.join(", ")) };
    (reason.as_str(), message)
}

/// Whether the request is a gRPC call, whose errors have a shape of their own.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// A trailers-only response: the status is in the header fields and there is no body.
///
/// Source: gRPC over HTTP/2, "Responses" (`PERMISSION_DENIED` is 7, `UNAVAILABLE` 14).
fn grpc(response: Builder, reason: BlockReason, message: &str) -> http::Result<Response<Full<Bytes>>> {
    let code = match reason {
        BlockReason::Overloaded
        | BlockReason::UpstreamUnavailable
        | BlockReason::UpstreamTls
        | BlockReason::UpstreamClientCertificate
        | BlockReason::UpstreamLegacyTls
        | BlockReason::KillSwitch
        | BlockReason::ReceiptsUnavailable
        | BlockReason::RateLimited
        | BlockReason::DataBudget => "14",
        _ => "7",
    };
    response
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header("grpc-status", code)
        .header("grpc-message", percent_encoded(message))
        .body(Full::default())
}

/// `grpc-message` is percent-encoded; rule names come from configuration and may hold anything.
fn percent_encoded(text: &str) -> HeaderValue {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..=0x1f | 0x7f.. => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
            _ => out.push(char::from(byte)),
        }
    }
    HeaderValue::from_str(&out).unwrap_or_else(|_| HeaderValue::from_static("blocked"))
}

/// The status a reason is answered with.
pub(super) fn status(reason: BlockReason) -> StatusCode {
    match reason {
        BlockReason::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BlockReason::AuthorityMismatch => StatusCode::MISDIRECTED_REQUEST,
        BlockReason::Framing => StatusCode::BAD_REQUEST,
        BlockReason::UpstreamTls
        | BlockReason::UpstreamClientCertificate
        | BlockReason::UpstreamLegacyTls
        | BlockReason::UpstreamUnavailable => StatusCode::BAD_GATEWAY,
        BlockReason::Overloaded | BlockReason::KillSwitch | BlockReason::ReceiptsUnavailable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        BlockReason::RateLimited | BlockReason::DataBudget => StatusCode::TOO_MANY_REQUESTS,
        BlockReason::Secret
        | BlockReason::Injection
        | BlockReason::ToolPolicy
        | BlockReason::UrlShape
        | BlockReason::BodyUndecodable
        | BlockReason::CodingUnknown
        | BlockReason::DecodeLimit
        | BlockReason::MultipartBroken
        | BlockReason::Unredactable
        | BlockReason::ScanLimit
        | BlockReason::UpgradeUninspectable
        | BlockReason::NotInAllowlist
        | BlockReason::DestinationDenied
        | BlockReason::NameNotBound
        | BlockReason::SessionAnomaly
        | BlockReason::SessionEscalated
        | BlockReason::Tainted => StatusCode::FORBIDDEN,
    }
}

fn explanation(reason: BlockReason) -> &'static str {
    match reason {
        BlockReason::Secret => "request contains a secret",
        BlockReason::Injection => "response gives orders to the model that would read it",
        BlockReason::ToolPolicy => "tool call would do damage",
        BlockReason::UrlShape => "request target hides something in its shape",
        BlockReason::BodyTooLarge => "body is larger than can be inspected",
        BlockReason::BodyUndecodable => "body is not what its content coding says",
        BlockReason::CodingUnknown => "body has a content coding that cannot be inspected",
        BlockReason::DecodeLimit => "body becomes too large when it is decoded",
        BlockReason::MultipartBroken => "body cannot be taken apart into its parts",
        BlockReason::Unredactable => "body holds what must be replaced, and cannot be rewritten",
        BlockReason::ScanLimit => "inspection reached a limit",
        BlockReason::AuthorityMismatch => "host differs from the name the connection was opened for",
        BlockReason::NotInAllowlist => "host is not in the allowlist",
        BlockReason::DestinationDenied => "destination is refused by the configuration in force",
        BlockReason::NameNotBound => "nothing proves that the address is that host's",
        BlockReason::Framing => "request is malformed or ambiguous",
        BlockReason::UpgradeUninspectable => "switching to a protocol that cannot be inspected yet",
        BlockReason::UpstreamTls => "upstream certificate did not verify",
        BlockReason::UpstreamClientCertificate => "upstream wants a client certificate that the gateway does not have",
        BlockReason::UpstreamLegacyTls => "upstream speaks no version of TLS that is safe",
        BlockReason::UpstreamUnavailable => "upstream gave no usable response",
        BlockReason::Overloaded => "gateway is at its limit, try again",
        BlockReason::ReceiptsUnavailable => "receipts are required and cannot be written",
        BlockReason::KillSwitch => "the kill switch is on, everything is refused",
        BlockReason::RateLimited => "too many requests to this domain in a minute",
        BlockReason::DataBudget => "too many bytes to this domain in a minute",
        BlockReason::SessionAnomaly => "session does what it never did",
        BlockReason::SessionEscalated => "session has tried to leak too often",
        BlockReason::Tainted => "session was given orders by an answer, and this target is protected",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;
    use crate::model::{ConnId, Evidence, Family, Finding, Severity, Surface, View};

    fn verdict() -> Verdict {
        let finding = |rule: &str| Finding {
            rule: Arc::from(rule),
            family: Family::Dlp,
            severity: Severity::Critical,
            surface: Surface::RequestBody,
            view: View::Raw,
            span: 0..40,
            evidence: Evidence { len: 40, fingerprint: 1 },
        };
        let findings = vec![finding("GitHub \"Token\""), finding("AWS Key"), finding("AWS Key")];
        Verdict { findings, ..Verdict::block(BlockReason::Secret) }
    }

    async fn rendered(method: Method, version: HttpVersion, content_type: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let id = RequestId { instance: 0xbeef, conn: ConnId(7), sequence: 2 };
        let verdict = verdict();
        let blocked =
            Blocked { version, method: &method, grpc: is_grpc(&headers), id, verdict: &verdict, body_unread: true };
        let (head, body) = blocked.answer().into_parts();
        let mut text = format!("{}\n", head.status);
        for (name, value) in &head.headers {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        text.push_str(std::str::from_utf8(&body.collect().await.unwrap().to_bytes()).unwrap());
        text
    }

    #[tokio::test]
    async fn block_answers() {
        let json = rendered(Method::POST, HttpVersion::Http1, "application/json").await;
        insta::assert_snapshot!("json_on_http1", json);
        let head = rendered(Method::HEAD, HttpVersion::Http2, "application/json").await;
        insta::assert_snapshot!("head_on_http2", head);
        let grpc = rendered(Method::POST, HttpVersion::Http2, "application/grpc+proto").await;
        insta::assert_snapshot!("grpc", grpc);
    }
}

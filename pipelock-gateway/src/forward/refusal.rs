//! What the explicit proxy answers when it does not do as asked: a status, a stable code, and on request a hint.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PROXY_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};

use super::absolute::Body;
use super::{BLOCKED, TunnelError};
use crate::model::DenyReason;
use crate::report::metrics::ExplicitOutcome;

/// What this door answers with.
pub(super) type Answer = Response<Body>;

/// The field of the reference that carries a hint (surfaces of Pipelock, `explain_blocks`).
const HINT: HeaderName = HeaderName::from_static("x-pipelock-hint");

/// Why a CONNECT is not answered with 200.
#[derive(Debug)]
pub(super) enum Failure {
    Denied(DenyReason),
    Unauthenticated,
    Tls,
    NoTls,
    Resolve,
    Unreachable,
    TimedOut,
    Overloaded,
}

impl From<TunnelError> for Failure {
    fn from(error: TunnelError) -> Self {
        match error {
            TunnelError::Denied(reason) => Self::Denied(reason),
            TunnelError::Tls(_) => Self::Tls,
            TunnelError::NoTls => Self::NoTls,
            TunnelError::Unreachable(_) => Self::Unreachable,
            TunnelError::TimedOut => Self::TimedOut,
            TunnelError::Overloaded => Self::Overloaded,
        }
    }
}

impl Failure {
    /// How the request is counted.
    pub(super) fn outcome(&self) -> ExplicitOutcome {
        match self {
            Self::Denied(DenyReason::TooManyConnections) | Self::Overloaded => ExplicitOutcome::Overloaded,
            Self::Denied(_) | Self::Unauthenticated => ExplicitOutcome::Blocked,
            Self::NoTls => ExplicitOutcome::Unsupported,
            Self::Tls | Self::Resolve | Self::Unreachable | Self::TimedOut => ExplicitOutcome::Failed,
        }
    }

    /// The answer tells a stable code and, where `explain_blocks` wants it, the key that decides; nothing else: addresses of
    /// private names are not the client's to learn.
    pub(super) fn answer(&self, what: &str, explains: bool) -> Answer {
        let (status, code) = match self {
            Self::Denied(reason @ (DenyReason::TooManyConnections | DenyReason::KillSwitch)) => {
                (StatusCode::SERVICE_UNAVAILABLE, reason.as_str())
            }
            Self::Denied(reason) => (StatusCode::FORBIDDEN, reason.as_str()),
            Self::Unauthenticated => (StatusCode::PROXY_AUTHENTICATION_REQUIRED, "proxy_authentication"),
            Self::Tls => (StatusCode::BAD_GATEWAY, "upstream_tls"),
            Self::NoTls => (StatusCode::NOT_IMPLEMENTED, "tls_interception_off"),
            Self::Resolve => (StatusCode::BAD_GATEWAY, "resolve_failed"),
            Self::Unreachable => (StatusCode::BAD_GATEWAY, "upstream_unavailable"),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        };
        let mut answer = plain(status, &format!("{what}blocked: {code}"));
        if matches!(self, Self::Unauthenticated) {
            answer.headers_mut().insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"pipelock\""));
        }
        answer.headers_mut().insert(BLOCKED, HeaderValue::from_static(code));
        if explains {
            answer.headers_mut().insert(HINT, HeaderValue::from_static(self.hint()));
        }
        answer
    }

    /// What would change it, in one sentence for the operator.
    fn hint(&self) -> &'static str {
        match self {
            Self::Denied(reason) => denied(*reason),
            Self::Unauthenticated => {
                "send one of the passwords in forward_proxy.credentials_file (Proxy-Authorization: Basic)"
            }
            Self::Tls => {
                "the upstream's certificate did not verify; a private root belongs in tls_interception.upstream_ca_files"
            }
            Self::NoTls => "an https target in absolute form needs tls_interception.enabled; CONNECT does not",
            Self::Resolve => "the name has no address here; check it, and the resolver of the gateway's own host",
            Self::Unreachable => "the upstream refused the connection or has no route from the gateway",
            Self::TimedOut => "the upstream did not answer in time",
            Self::Overloaded => "the gateway is at its limit of connections; try again",
        }
    }
}

/// The key that decides about a refusal by policy, or why there is none.
fn denied(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::NotSteered => "the connection did not come from a captured program",
        DenyReason::NotInAllowlist => "mode strict reaches only hosts in api_allowlist",
        DenyReason::NameNotBound => "nothing proves that the address is that host's; mode strict wants it to be",
        DenyReason::Loop => "the destination is this gateway itself",
        DenyReason::AddressClass => {
            "a private, local or metadata address; trusted_domains (by host) or ssrf.ip_allowlist (by network) admit it"
        }
        DenyReason::PortNotAllowed => "ports are 443, 80 and those of forward_proxy.connect_ports",
        DenyReason::ProxyOff => "forward_proxy.enabled is false",
        DenyReason::SourceNotAllowed => "forward_proxy.allowed_sources does not name the client's address",
        DenyReason::TooManyConnections => "the gateway is at its limit of connections; try again",
        DenyReason::ConnectSniMismatch => "the name in CONNECT and the one in the TLS handshake differ",
        DenyReason::Opaque => "the protocol cannot be looked into; mode strict does not relay such",
        DenyReason::KillSwitch => "the kill switch is on: see pipelock kill-switch status",
        DenyReason::Blocklisted => "fetch_proxy.monitoring.blocklist names the host",
    }
}

/// A short text that no cache keeps.
pub(super) fn plain(status: StatusCode, text: &str) -> Answer {
    with_type(status, HeaderValue::from_static("text/plain; charset=utf-8"), format!("{text}\n").into())
}

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

//! What the gateway answers about itself: `/health`, `/ready`, `/metrics`, `/stats`; and the question a container asks.
//!
//! It has no listener: [`crate::forward`] hands it the requests for the gateway on the explicit proxy port. It changes
//! nothing. Whoever can reach the port may read `/health` and `/ready`, so these tell no host name, path or rule; the others are for
//! those who may use the proxy, which `forward` sees to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;

use crate::forward::AnswerLocal;
use crate::report::Metrics;
use crate::report::metrics::Stats;

/// From connect to the last byte read of a health answer.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// A status line and the headers before it fit in this; more is not our `/health`.
const HEALTHCHECK_BYTES: usize = 4096;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What is switched on, as `/health` tells it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the answer")]
pub struct Facts {
    /// The version of this build.
    pub version: &'static str,
    /// `strict`, `balanced` or `audit`.
    pub mode: &'static str,
    /// Secret rules in force.
    pub dlp_patterns: usize,
    /// Whether request bodies are scanned.
    pub request_body_scan_enabled: bool,
    /// Whether answers are scanned.
    pub response_scan_enabled: bool,
    /// Whether TLS is opened.
    pub tls_interception_enabled: bool,
    /// Whether CONNECT is offered.
    pub forward_proxy_enabled: bool,
}

/// Where the gateway is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Listeners or kernel programs are not up yet.
    Starting = 0,
    /// Traffic is served.
    Ready = 1,
    /// What is open is being finished; nothing new is to be sent here.
    Draining = 2,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

/// What the answers are made from.
#[derive(Debug)]
pub struct AdminState {
    facts: RwLock<Facts>,
    metrics: Metrics,
    started: Instant,
    phase: AtomicU8,
    captured: OnceLock<Condition>,
}

/// Whether everything that is to be captured is.
struct Condition(Box<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Condition")
    }
}

impl AdminState {
    /// A gateway that is starting; its uptime counts from here.
    #[must_use]
    pub fn new(facts: Facts, metrics: Metrics) -> Self {
        Self {
            facts: RwLock::new(facts),
            metrics,
            started: Instant::now(),
            phase: AtomicU8::new(Phase::Starting as u8),
            captured: OnceLock::new(),
        }
    }

    /// From now on `/ready` says "capturing", and 503, while this is not so. The first condition counts.
    pub fn ready_while(&self, captured: impl Fn() -> bool + Send + Sync + 'static) {
        let _ = self.captured.set(Condition(Box::new(captured)));
    }

    /// Tells `/health` of a configuration that has come into force.
    pub fn changed(&self, facts: Facts) {
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = facts;
    }

    /// Tells `/ready` where the gateway is. Draining is final: no later call makes it ready again.
    pub fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    /// Where the gateway is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    fn stats(&self) -> StatsAnswer {
        StatsAnswer { uptime_seconds: self.started.elapsed().as_secs_f64(), stats: self.metrics.stats() }
    }

    fn health(&self) -> Health {
        let facts = *self.facts.read().unwrap_or_else(PoisonError::into_inner);
        Health {
            status: "healthy",
            version: facts.version,
            mode: facts.mode,
            uptime_seconds: self.started.elapsed().as_secs_f64(),
            dlp_patterns: facts.dlp_patterns,
            response_scan_enabled: facts.response_scan_enabled,
            git_protection_enabled: false,
            rate_limit_enabled: false,
            forward_proxy_enabled: facts.forward_proxy_enabled,
            websocket_proxy_enabled: false,
            request_body_scan_enabled: facts.request_body_scan_enabled,
            tls_interception_enabled: facts.tls_interception_enabled,
            kill_switch_active: self.metrics.kill_switch_is_active(),
        }
    }
}

/// The keys monitoring of the reference product reads. Those that are constants name features this gateway does not have.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the answer's shape is fixed by compatibility")]
struct Health {
    status: &'static str,
    version: &'static str,
    mode: &'static str,
    uptime_seconds: f64,
    dlp_patterns: usize,
    response_scan_enabled: bool,
    git_protection_enabled: bool,
    rate_limit_enabled: bool,
    forward_proxy_enabled: bool,
    websocket_proxy_enabled: bool,
    request_body_scan_enabled: bool,
    tls_interception_enabled: bool,
    kill_switch_active: bool,
}

/// The shape of the reference's answer. `agents` is left out, as there: no agent profile claims anything here.
#[derive(Serialize)]
struct StatsAnswer {
    uptime_seconds: f64,
    #[serde(flatten)]
    stats: Stats,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
}

/// Answers a request for the gateway itself. `path` comes without the query.
///
/// GET and HEAD only (405 with `Allow` otherwise); an unknown path is 404 whatever the method.
#[must_use]
pub fn respond(state: &AdminState, method: &Method, path: &str) -> Response<Bytes> {
    let question = match path {
        "/health" | "/healthz" => Question::Health,
        "/ready" => Question::Ready,
        "/metrics" => Question::Metrics,
        "/stats" => Question::Stats,
        _ => return without_body_for_head(method, plain(StatusCode::NOT_FOUND, "not found\n")),
    };
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let response = match question {
        Question::Health => json(StatusCode::OK, &state.health()),
        Question::Ready => ready(state),
        Question::Stats => json(StatusCode::OK, &state.stats()),
        Question::Metrics => answer(StatusCode::OK, PROMETHEUS_TEXT, state.metrics.render().into()),
    };
    without_body_for_head(method, response)
}

impl AnswerLocal for AdminState {
    fn answer(&self, method: &Method, path: &str) -> Response<Bytes> {
        respond(self, method, path)
    }
}

enum Question {
    Health,
    Ready,
    Metrics,
    Stats,
}

fn ready(state: &AdminState) -> Response<Bytes> {
    let phase = state.phase();
    let (status, word) = match phase {
        Phase::Ready if state.captured.get().is_some_and(|captured| !(captured.0)()) => {
            (StatusCode::SERVICE_UNAVAILABLE, "capturing")
        }
        Phase::Ready => (StatusCode::OK, phase.as_str()),
        Phase::Starting | Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, phase.as_str()),
    };
    json(status, &Ready { status: word })
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(body) {
        Ok(body) => answer(status, JSON, body.into()),
        Err(error) => {
            tracing::error!(%error, "an admin answer could not be serialised");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n")
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    answer(status, TEXT, Bytes::from_static(text.as_bytes()))
}

fn answer(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    // A cached health answer is worse than none.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The same headers as for GET, length included, and no body (RFC 9110 §9.3.2).
fn without_body_for_head(method: &Method, mut response: Response<Bytes>) -> Response<Bytes> {
    if *method == Method::HEAD {
        let length = std::mem::take(response.body_mut()).len();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// Asks a running gateway whether it is healthy: `GET /health`, at most three seconds. Needs no runtime.
///
/// # Errors
/// Whatever keeps the answer from being a 200, with the step it failed at.
pub fn healthcheck(address: SocketAddr) -> Result<(), Error> {
    healthcheck_within(address, HEALTHCHECK_TIMEOUT)
}

fn healthcheck_within(address: SocketAddr, timeout: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + timeout;
    let unreachable = |source| Error::Unreachable { address, source };
    let mut stream = TcpStream::connect_timeout(&address, timeout).map_err(unreachable)?;
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.set_write_timeout(Some(timeout)).map_err(unreachable)?;
    stream.write_all(request.as_bytes()).map_err(|source| Error::NoAnswer { address, source })?;
    let head = read_status_line(&mut stream, deadline).map_err(|source| Error::NoAnswer { address, source })?;
    match parse_status(&head) {
        Some(200) => Ok(()),
        Some(status) => Err(Error::Unhealthy { address, status }),
        None => Err(Error::NotHttp { address }),
    }
}

/// Reads until the end of the first line, the end of the stream, or the bound.
fn read_status_line(stream: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut chunk = [0; 512];
    while !line.contains(&b'\n') && line.len() < HEALTHCHECK_BYTES {
        // Renewed before each read, so that a byte now and then does not stretch the deadline.
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => line.extend(chunk.iter().take(n)),
            // What a socket's own timeout is called on Linux.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(line)
}

fn parse_status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\n').next()?).ok()?;
    let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    rest.get(..3)?.parse().ok()
}

/// Why a gateway does not count as healthy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection.
    #[error("cannot connect to {address}")]
    Unreachable {
        /// Who was asked.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A connection, but no answer in time.
    #[error("no answer from {address}")]
    NoAnswer {
        /// Who was asked.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An answer that is not HTTP/1.
    #[error("{address} does not speak HTTP")]
    NotHttp {
        /// Who was asked.
        address: SocketAddr,
    },
    /// An answer other than 200.
    #[error("{address} answered {status}")]
    Unhealthy {
        /// Who was asked.
        address: SocketAddr,
        /// What it answered.
        status: u16,
    },
}

#[cfg(test)]
mod tests;

//! The Scan API: other programs have messages judged by the rules in force, `POST /api/v1/scan` on a port of its own.
//!
//! ```text
//!  accept ─► path, method ─► token ─► kill switch ─► rate ─► read ─► question ─► Judge, with a deadline ─► answer
//! ```
//!
//! Shapes, codes and bounds are the reference's (surfaces.md §4), so that its clients go on to work. Whatever goes wrong, the
//! answer says `deny`: a client that looks at nothing else is never told to go on by an error. What is asked is not kept, and
//! answers name rules, never what matched. It does not know a rule: [`Judge`] is plugged in by the pipeline.

mod answer;
mod limits;
mod question;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use answer::{Judged, Reason};
pub use question::{Ask, Kind, Question};

use crate::config::ScanApi as Settings;
use crate::report::Metrics;
use answer::{Failure, Outcome};
use limits::{Buckets, Patient};

const PATH: &str = "/api/v1/scan";

/// Who judges what is asked.
pub trait Judge: Send + Sync + 'static {
    /// Whether the kill switch refuses everything.
    fn killed(&self) -> bool;

    /// Judges one question; runs on a thread that may block. Its cost is bounded by the bytes of the question.
    fn judge(&self, question: &Question) -> Judged;

    /// Takes note of a question that was answered with `deny`.
    fn denied(&self, question: &Question, judged: &Judged, scan_id: &str);
}

/// The service behind the port.
pub struct ScanApi {
    settings: Settings,
    judge: Arc<dyn Judge>,
    metrics: Metrics,
    /// SHA-256 of each token: compared in a time that says nothing about the tokens.
    tokens: Vec<[u8; 32]>,
    buckets: Buckets,
    /// Questions judged at once: one whose asker has gone is judged to its end, and must not be one too many.
    judging: Arc<Semaphore>,
}

type Answer = Response<Full<Bytes>>;

impl ScanApi {
    /// A service that listens nowhere yet.
    #[must_use]
    pub fn new(settings: Settings, judge: Arc<dyn Judge>, metrics: Metrics) -> Arc<Self> {
        let tokens: Vec<_> = settings.tokens.iter().map(|token| digest(token.as_bytes())).collect();
        let buckets = Buckets::new(tokens.len(), settings.requests_per_minute, settings.burst, Instant::now());
        let judging = Arc::new(Semaphore::new(settings.max_connections));
        Arc::new(Self { settings, judge, metrics, tokens, buckets, judging })
    }

    /// Serves until `shutdown`; what is being answered then is answered.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.settings.max_connections));
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, most likely; without a pause this would spin.
                let _ = tokio::time::timeout(Duration::from_millis(50), shutdown.cancelled()).await;
                continue;
            };
            // One too many is closed at once: who queues here would wait for others to time out.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let (api, shutdown) = (Arc::clone(&self), shutdown.clone());
            tokio::spawn(async move {
                api.converse(stream, &shutdown).await;
                drop(place);
            });
        }
    }

    async fn converse(self: Arc<Self>, stream: TcpStream, shutdown: &CancellationToken) {
        // Answers are small and awaited.
        let _ = stream.set_nodelay(true);
        let stream = Patient::new(stream, self.settings.write_timeout);
        let service = service_fn(|request| {
            let api = Arc::clone(&self);
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.settings.read_timeout)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        // Its end is the asker's business.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let begun = Instant::now();
        let _inflight = self.metrics.scan_api_asked();
        let outcome = self.outcome(request, begun).await;
        let status = outcome.status();
        let (kind, decision) = (outcome.kind.map_or("unknown", Kind::as_str), outcome.decision());
        self.metrics.scan_api_answered(kind, decision, status.as_str(), begun.elapsed());
        match &outcome.result {
            Ok(judged) => judged
                .reasons
                .iter()
                .for_each(|reason| self.metrics.scan_api_found(kind, reason.scanner, reason.severity.as_str())),
            Err(failure) => self.metrics.scan_api_failed(kind, failure.code()),
        }
        let mut answer = Response::new(Full::new(Bytes::from(outcome.to_json(begun.elapsed()))));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match &outcome.result {
            Err(Failure::Unauthorized) => {
                let bearer = HeaderValue::from_static(r#"Bearer realm="pipelock""#);
                headers.insert(header::WWW_AUTHENTICATE, bearer);
            }
            Err(Failure::MethodNotAllowed) => drop(headers.insert(header::ALLOW, HeaderValue::from_static("POST"))),
            Err(Failure::RateLimited { seconds }) => drop(headers.insert(header::RETRY_AFTER, (*seconds).into())),
            _ => {}
        }
        answer
    }

    async fn outcome(&self, request: Request<Incoming>, begun: Instant) -> Outcome {
        let failed = |failure| Outcome::new(None, None, Err(failure));
        let bytes = match self.admitted(request, begun).await {
            Ok(bytes) => bytes,
            Err(failure) => return failed(failure),
        };
        let (question, evidence) = match Question::parse(&bytes, &self.settings) {
            Ok(read) => read,
            Err(question::Refused { kind, request_id, failure }) => {
                return Outcome::new(kind, request_id, Err(failure));
            }
        };
        drop(bytes);
        let question = Arc::new(question);
        let result = self.judged(&question, begun).await;
        let mut outcome = Outcome::new(Some(question.ask.kind()), question.request_id.clone(), result);
        outcome.with_evidence = evidence;
        if let Ok(judged) = &outcome.result
            && judged.denied
        {
            self.judge.denied(&question, judged, &outcome.scan_id);
        }
        outcome
    }

    /// Everything that is asked of a request before it is understood; its body.
    async fn admitted(&self, request: Request<Incoming>, begun: Instant) -> Result<Bytes, Failure> {
        if request.uri().path() != PATH {
            return Err(Failure::NotFound);
        }
        if request.method() != Method::POST {
            return Err(Failure::MethodNotAllowed);
        }
        let asker = self.asker(request.headers().get(header::AUTHORIZATION)).ok_or(Failure::Unauthorized)?;
        if self.judge.killed() {
            return Err(Failure::KillSwitchActive);
        }
        self.buckets.take(asker, begun).map_err(|seconds| Failure::RateLimited { seconds })?;
        let reading = Limited::new(request.into_body(), self.settings.max_body_bytes).collect();
        match tokio::time::timeout(self.settings.read_timeout, reading).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(Failure::BodyTooLarge { most: self.settings.max_body_bytes })
            }
            Ok(Err(_)) | Err(_) => Err(Failure::ReadError),
        }
    }

    /// Which token was shown. All are compared, each by its digest.
    fn asker(&self, presented: Option<&HeaderValue>) -> Option<usize> {
        let presented = presented?.as_bytes();
        let scheme = presented.get(..7)?;
        let token = presented.get(7..).filter(|_| scheme.eq_ignore_ascii_case(b"bearer "))?;
        let shown = digest(token.trim_ascii());

        self.tokens.iter().enumerate().fold(None, |found, (at, token)| if *token == shown { Some(at) } else { found })
    }

    async fn judged(&self, question: &Arc<Question>, begun: Instant) -> Result<Judged, Failure> {
        let left = self.settings.scan_timeout.saturating_sub(begun.elapsed());
        let judging = async {
            let turn = Arc::clone(&self.judging).acquire_owned().await.map_err(|_| Failure::InternalError)?;
            let (judge, question) = (Arc::clone(&self.judge), Arc::clone(question));
            let judged = tokio::task::spawn_blocking(move || {
                let judged = judge.judge(&question);
                drop(turn);
                judged
            });
            judged.await.map_err(|_| {
                self.metrics.panicked();
                Failure::InternalError
            })
        };
        tokio::time::timeout(left, judging).await.unwrap_or(Err(Failure::ScanDeadlineExceeded))
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(token).into()
}

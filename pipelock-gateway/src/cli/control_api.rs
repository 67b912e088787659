//! The API of the kill switch and of sessions, on its own listener, for who has the token (surfaces.md §2).
//!
//! It answers one request a connection. Flipping and resetting are bounded to ten a minute; looking is not.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::control::KillSource;
use crate::pipeline::Gateway;

/// Largest question (surfaces.md §2).
const MAX_BODY: usize = 1024;
/// Changes in a minute.
const CHANGES: usize = 10;
/// For one question.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once.
const CONNECTIONS: usize = 64;

/// What the answers are made from.
pub(super) struct ControlApi {
    gateway: Arc<Gateway>,
    /// SHA-256 of the token: compared in a time that says nothing about the token.
    token: [u8; 32],
    changes: Mutex<Vec<Instant>>,
}

type Answer = Response<Full<Bytes>>;

impl ControlApi {
    pub(super) fn new(gateway: Arc<Gateway>, token: &str) -> Arc<Self> {
        Arc::new(Self { gateway, token: digest(token.as_bytes()), changes: Mutex::default() })
    }

    /// Serves until `shutdown`.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                // Out of descriptors, most likely; without a pause this would spin.
                let _ = tokio::time::timeout(Duration::from_millis(50), shutdown.cancelled()).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let api = Arc::clone(&self);
            tokio::spawn(async move {
                let _place = place;
                let service = service_fn(|request| {
                    let api = Arc::clone(&api);
                    async move { Ok::<_, Infallible>(api.answer(request, &peer.to_string()).await) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                // Its end is the caller's business.
                let _ = tokio::time::timeout(PATIENCE, connection).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: &str) -> Answer {
        let presented = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let bearer = presented.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        let token = bearer.and_then(|_| presented.get(7..)).unwrap_or_default();
        if digest(token.trim_ascii()) != self.token {
            let mut answer = error(StatusCode::UNAUTHORIZED, "unauthorized");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="pipelock""#));
            return answer;
        }
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let session = path.strip_prefix("/api/v1/sessions/");
        match (path.as_str(), session) {
            ("/api/v1/killswitch", _) => {
                if head.method != Method::POST {
                    return not_allowed("POST");
                }
                self.flip(body, peer).await
            }
            ("/api/v1/killswitch/status", _) if head.method == Method::GET => {
                json_answer(StatusCode::OK, &self.status())
            }
            ("/api/v1/sessions", _) if head.method == Method::GET => {
                json_answer(StatusCode::OK, &json!({ "sessions": self.sessions() }))
            }
            (_, Some(rest)) => self.session(&head.method, rest),
            ("/api/v1/killswitch/status" | "/api/v1/sessions", _) => not_allowed("GET"),
            _ => error(StatusCode::NOT_FOUND, "not found"),
        }
    }

    async fn flip(&self, body: Incoming, peer: &str) -> Answer {
        if !self.may_change() {
            return too_many();
        }
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return error(StatusCode::BAD_REQUEST, "the body is too large or was cut off"),
        };
        let active = match serde_json::from_slice::<Value>(&body) {
            Ok(Value::Object(members)) if members.len() == 1 => members.get("active").and_then(Value::as_bool),
            _ => None,
        };
        let Some(active) = active else {
            return error(StatusCode::BAD_REQUEST, r#"send {"active": true} or {"active": false} and nothing else"#);
        };
        self.gateway.flip(KillSource::Api, active, &format!("api caller {peer}"));
        json_answer(StatusCode::OK, &json!({ "active": active, "source": "api" }))
    }

    fn status(&self) -> Value {
        let kill = &self.gateway.control().kill;
        let sources: serde_json::Map<String, Value> =
            KillSource::ALL.iter().map(|source| (source.as_str().to_owned(), json!(kill.is_on(*source)))).collect();
        json!({ "active": kill.is_active(), "sources": sources })
    }

    fn sessions(&self) -> Vec<Value> {
        let views = self.gateway.control().sessions.list(Instant::now());
        views
            .iter()
            .map(|view| {
                json!({
                    "key": view.key.to_string(),
                    "level": view.level.as_str(),
                    "score": view.score,
                    "requests": view.requests,
                    "blocked": view.blocked,
                    "anomalies": view.anomalies,
                    "domains": view.domains,
                    "taint": view.taint.as_str(),
                    "tainted_by": view.tainted_by,
                    "silent_seconds": view.silent.as_secs(),
                })
            })
            .collect()
    }

    fn session(&self, method: &Method, rest: &str) -> Answer {
        if let Some(key) = rest.strip_suffix("/reset") {
            if method != Method::POST {
                return not_allowed("POST");
            }
            if !self.may_change() {
                return too_many();
            }
            let found = self.gateway.control().sessions.reset(key, Instant::now());
            let fields = vec![("session", key.to_owned()), ("did", "reset".to_owned()), ("found", found.to_string())];
            self.gateway.write_down("info", "session_admin", fields);
            let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
            return json_answer(status, &json!({ "key": key, "reset": found }));
        }
        if method != Method::GET {
            return not_allowed("GET");
        }
        match self.sessions().into_iter().find(|view| view["key"] == rest) {
            Some(view) => json_answer(StatusCode::OK, &view),
            None => error(StatusCode::NOT_FOUND, "no such session"),
        }
    }

    fn may_change(&self) -> bool {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        changes.retain(|at| now.saturating_duration_since(*at) < Duration::from_mins(1));
        let room = changes.len() < CHANGES;
        if room {
            changes.push(now);
        }
        room
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(token).into()
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn error(status: StatusCode, message: &str) -> Answer {
    json_answer(status, &json!({ "error": message }))
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

fn too_many() -> Answer {
    let mut answer = error(StatusCode::TOO_MANY_REQUESTS, "ten changes a minute are enough");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    answer
}

//! Answers as monitoring reads them, and the health check against servers that misbehave.

use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use super::*;

fn state() -> AdminState {
    let facts = Facts {
        version: "1.2.3",
        mode: "balanced",
        dlp_patterns: 25,
        request_body_scan_enabled: true,
        response_scan_enabled: true,
        tls_interception_enabled: true,
        forward_proxy_enabled: true,
    };
    AdminState::new(facts, Metrics::new("1.2.3"))
}

fn header(response: &Response<Bytes>, name: http::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn health_has_the_keys_monitoring_reads() {
    for path in ["/health", "/healthz"] {
        let response = respond(&state(), &Method::GET, path);
        assert_eq!((response.status(), header(&response, CONTENT_TYPE)), (StatusCode::OK, "application/json"));
        let mut body: Value = serde_json::from_slice(response.body()).unwrap();
        let uptime = body.as_object_mut().unwrap().remove("uptime_seconds").unwrap();
        assert!((0.0..60.0).contains(&uptime.as_f64().unwrap()));
        assert_eq!(
            body,
            serde_json::json!({
                "status": "healthy", "version": "1.2.3", "mode": "balanced", "dlp_patterns": 25,
                "response_scan_enabled": true, "git_protection_enabled": false, "rate_limit_enabled": false,
                "forward_proxy_enabled": true, "websocket_proxy_enabled": false, "request_body_scan_enabled": true,
                "tls_interception_enabled": true, "kill_switch_active": false,
            })
        );
    }
}

#[test]
fn stats_have_the_keys_scripts_read() {
    use crate::report::metrics::{ExplicitKind, ExplicitOutcome};
    let state = state();
    state.metrics.explicit_request(ExplicitKind::Connect, ExplicitOutcome::Served);
    state.metrics.explicit_request(ExplicitKind::Connect, ExplicitOutcome::Blocked);
    state.metrics.session_anomaly("domain_burst");
    state.metrics.pieces_matched();
    let response = respond(&state, &Method::GET, "/stats");
    assert_eq!((response.status(), header(&response, CONTENT_TYPE)), (StatusCode::OK, "application/json"));
    let mut body: Value = serde_json::from_slice(response.body()).unwrap();
    assert!(body.as_object_mut().unwrap().remove("uptime_seconds").unwrap().is_f64());
    assert_eq!(
        body,
        serde_json::json!({
            "requests": {"total": 0, "allowed": 0, "blocked": 0, "block_rate": 0.0},
            "tunnels": 2, "websockets": 0, "top_blocked_domains": [], "top_scanners": [], "suppressed": [],
            "sessions": {"active": 0, "anomalies": 1, "escalations": 0,
                         "top_anomalies": [{"name": "domain_burst", "count": 1}]},
            "cross_request_detection": {"dlp_matches": 1},
        })
    );
}

#[test]
fn ready_only_while_serving_and_draining_is_final() {
    let state = state();
    let ask = || respond(&state, &Method::GET, "/ready").status().as_u16();
    assert_eq!(ask(), 503);
    state.enter(Phase::Ready);
    assert_eq!(ask(), 200);
    state.enter(Phase::Draining);
    assert_eq!(ask(), 503);
    state.enter(Phase::Ready);
    assert_eq!((ask(), state.phase()), (503, Phase::Draining));
}

#[test]
fn metrics_are_prometheus_text() {
    let response = respond(&state(), &Method::GET, "/metrics");
    assert_eq!(header(&response, CONTENT_TYPE), "text/plain; version=0.0.4");
    let text = std::str::from_utf8(response.body()).unwrap();
    assert!(text.contains("pipelock_info{version=\"1.2.3\"} 1\n"), "{text}");
}

#[test]
fn head_is_get_without_the_body() {
    let state = state();
    for path in ["/ready", "/metrics", "/nothing"] {
        let get = respond(&state, &Method::GET, path);
        let head = respond(&state, &Method::HEAD, path);
        assert_eq!((head.status(), head.body().len()), (get.status(), 0));
        assert_eq!(header(&head, CONTENT_LENGTH), get.body().len().to_string());
        assert_eq!(header(&head, CONTENT_TYPE), header(&get, CONTENT_TYPE));
    }
}

#[test]
fn other_paths_and_methods_are_refused() {
    for (method, path, status, allow) in [
        (Method::GET, "/", 404, ""),
        (Method::GET, "/health/", 404, ""),
        (Method::POST, "/nothing", 404, ""),
        (Method::POST, "/health", 405, "GET, HEAD"),
        (Method::DELETE, "/metrics", 405, "GET, HEAD"),
    ] {
        let response = respond(&state(), &method, path);
        assert_eq!((response.status().as_u16(), header(&response, ALLOW)), (status, allow), "{method} {path}");
    }
}

/// A server that accepts once, reads the request's head and does `f`.
fn server(f: impl FnOnce(&mut TcpStream) + Send + 'static) -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            request.push(byte[0]);
        }
        assert!(request.starts_with(b"GET /health HTTP/1.1\r\n"));
        f(&mut stream);
    };
    (address, thread::spawn(serve))
}

#[test]
fn a_health_check_believes_only_a_200() {
    type Expect = fn(&Result<(), Error>) -> bool;
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\n", (|r| r.is_ok()) as Expect),
        ("HTTP/1.0 200\r\n\r\n", |r| r.is_ok()),
        ("HTTP/1.1 503 no\r\n\r\n", |r| matches!(r, Err(Error::Unhealthy { status: 503, .. }))),
        ("SSH-2.0-x\r\n", |r| matches!(r, Err(Error::NotHttp { .. }))),
        ("HTTP/1.1 2", |r| matches!(r, Err(Error::NotHttp { .. }))),
        ("", |r| matches!(r, Err(Error::NotHttp { .. }))),
    ] {
        let (address, server) = server(|stream| stream.write_all(answer.as_bytes()).unwrap());
        let result = healthcheck(address);
        assert!(expected(&result), "{answer:?}: {result:?}");
        server.join().unwrap();
    }
}

#[test]
fn a_health_check_ends_at_its_deadline_and_names_whom_it_asked() {
    let (address, server) = server(|stream| {
        // Says nothing until the other side gives up.
        let _ = stream.read(&mut [0]);
    });
    let error = healthcheck_within(address, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(&error, Error::NoAnswer { source, .. } if source.kind() == io::ErrorKind::TimedOut), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()));
    server.join().unwrap();

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(healthcheck(closed), Err(Error::Unreachable { .. })));
}

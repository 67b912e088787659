//! A gateway as a process, an HTTP server in the test's process, and a client that reads bytes.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

/// A debug build compiles its databases beside other tests.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// What came, whole.
pub(crate) type Asked = Request<Bytes>;

/// Serves `answer` on a loopback port until the runtime ends.
pub(crate) async fn serve(answer: impl Fn(Asked) -> Response<Bytes> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = Arc::clone(&answer);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                    Ok::<_, Infallible>(answer(Request::from_parts(head, body)).map(Full::new))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .auto_date_header(false)
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

/// An answer with a JSON body.
pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let answer = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    answer.body(Bytes::from(body.to_string())).unwrap()
}

/// A running gateway; ended when dropped.
pub(crate) struct Gateway {
    child: Child,
    /// The MCP port.
    pub(crate) mcp: SocketAddr,
    /// `/metrics`.
    pub(crate) admin: SocketAddr,
    folder: TempDir,
}

impl Gateway {
    /// Starts `pipelock run` in front of `upstream`, with a configuration beside what the test needs of it.
    pub(crate) async fn start(upstream: SocketAddr, yaml: &str) -> Self {
        let yaml = yaml.to_owned();
        tokio::task::spawn_blocking(move || Self::spawn(upstream, &yaml)).await.unwrap()
    }

    fn spawn(upstream: SocketAddr, yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = configure(folder.path(), yaml);
        let mut child = Command::new(env!("CARGO_BIN_EXE_pipelock"))
            .args(["run", "--listen", "127.0.0.1:0", "--mcp-listen", "127.0.0.1:0", "--mcp-upstream"])
            .arg(format!("http://{upstream}/mcp"))
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, said) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let (mut mcp, mut admin, mut all) = (None, None, String::new());
        let end = Instant::now() + DEADLINE;
        while mcp.is_none() || admin.is_none() {
            let Ok(line) = said.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                panic!("the gateway did not begin: {all}");
            };
            let address = || line.split([' ', ',']).find_map(|word| word.parse().ok());
            if line.contains("MCP on ") {
                mcp = address();
            } else if line.contains("ready: ") {
                admin = address();
            }
            all.push_str(&line);
            all.push('\n');
        }
        Self { child, mcp: mcp.unwrap(), admin: admin.unwrap(), folder }
    }

    /// Writes another configuration, which the gateway follows by itself.
    pub(crate) fn configure(&self, yaml: &str) {
        configure(self.folder.path(), yaml);
    }

    /// Posts a message to `/mcp`.
    pub(crate) async fn post(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        post(self.mcp, body, headers).await
    }

    /// One metric, all labels summed; 0 when it is not there.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = exchange(self.admin, "GET", "/metrics", &[], "").await.text();
        let values =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Ends it as an operator would and reads its audit records of requests.
    pub(crate) async fn finish(mut self) -> Vec<Value> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        tokio::task::spawn_blocking(move || {
            self.child.wait().unwrap();
            let text = std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap();
            let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            records.filter(|record| record["front_door"] == "mcp").collect()
        })
        .await
        .unwrap()
    }
}

fn configure(folder: &Path, yaml: &str) -> PathBuf {
    let (config, audit) = (folder.join("pipelock.yaml"), folder.join("audit.jsonl"));
    let logging = format!("logging:\n  output: file\n  file: {}\n  include_allowed: true\n", audit.display());
    std::fs::write(&config, logging + yaml).unwrap();
    config
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The JSON-RPC error code.
    pub(crate) fn code(&self) -> Option<i64> {
        serde_json::from_slice::<Value>(&self.body).ok()?.pointer("/error/code")?.as_i64()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Asks on a connection of its own.
pub(crate) async fn exchange(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let asking = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target).header("host", address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    };
    tokio::time::timeout(DEADLINE, Box::pin(asking)).await.expect("the test's deadline")
}

pub(crate) async fn post(address: SocketAddr, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let own = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let headers: Vec<_> = own.iter().chain(headers).copied().collect();
    exchange(address, "POST", "/mcp", &headers, body.to_string()).await
}

pub(crate) fn request(id: impl Into<Value>, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

pub(crate) fn call(id: impl Into<Value>, tool: &str, arguments: &Value) -> Value {
    request(id, "tools/call", &json!({"name": tool, "arguments": arguments}))
}

/// Asks again until it holds; a state that spreads has no moment at which it is there.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let end = Instant::now() + DEADLINE;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    while !holds().await {
        assert!(Instant::now() < end, "never: {what}");
        tick.tick().await;
    }
}

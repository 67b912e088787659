//! A server whose answers a test writes byte for byte, the door in front of it, and a client that reads bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::capture::testing::FakeDatapath;
use crate::config::Config;
use crate::mcp::{Endpoint, MemoryStore, Options, Store};
use crate::pipeline::{Gateway, Snapshot, SnapshotOptions};
use crate::report::{AuditFormat, AuditOptions, AuditOutput, Report};
use crate::tls::{CertificateAuthority, RootLocations, Roots};

const DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn within<F: Future>(step: F) -> F::Output {
    tokio::time::timeout(DEADLINE, Box::pin(step)).await.expect("the test's deadline")
}

/// An HTTP message as it was on the wire.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line")
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The JSON-RPC error code.
    pub(super) fn code(&self) -> Option<i64> {
        self.json().pointer("/error/code").and_then(Value::as_i64)
    }
}

type Answer = dyn Fn(&Message) -> Vec<u8> + Send + Sync;

/// A server that answers what the test says and remembers what it was asked.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (seen, answer): (_, Arc<Answer>) = (Arc::clone(&server.seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    while let Some(request) = read(&mut stream).await {
                        seen.lock().unwrap().push(request.clone());
                        if stream.write_all(&answer(&request)).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }
}

/// The door, and what keeps it open.
pub(super) struct Rig {
    pub(super) address: SocketAddr,
    pub(super) gateway: Arc<Gateway>,
    _open: DropGuard,
}

impl Rig {
    pub(super) async fn start(server: SocketAddr, yaml: &str) -> Self {
        Self::with_store(server, "/mcp", yaml, Arc::new(MemoryStore::new())).await
    }

    pub(super) async fn with_store(server: SocketAddr, path: &str, yaml: &str, store: Arc<dyn Store>) -> Self {
        let config = configuration(yaml);
        let options = SnapshotOptions { open_tls: false, roots: RootLocations::default(), now: SystemTime::now() };
        let snapshot = Snapshot::build(&config, &options).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = AuditOutput::File(file.path().to_owned());
        let audit = AuditOptions { format: AuditFormat::Json, output, ..AuditOptions::default() };
        let report = Report::open(crate::report::Options {
            version: "test",
            audit,
            summary: None,
            flight: None,
            emit: crate::report::emit::EmitOptions::default(),
        })
        .unwrap();
        let gateway = Gateway::new(Arc::new(FakeDatapath::new()), snapshot, report, 7);
        let own = Arc::new(CertificateAuthority::generate(SystemTime::now()).unwrap());
        let roots = Roots::load(&RootLocations::default(), &[], &own).unwrap();
        let endpoint: Endpoint = format!("http://{server}{path}").parse().unwrap();
        let door = gateway.mcp_door(endpoint, &roots, store, Options::default()).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let open = shutdown.clone().drop_guard();
        tokio::spawn(door.serve(listener, shutdown));
        Self { address, gateway, _open: open }
    }

    /// Sends a request and reads the answer.
    pub(super) async fn send(&self, request: &[u8]) -> Message {
        exchange(self.address, request).await
    }

    /// Posts a message to `/mcp`.
    pub(super) async fn post(&self, body: &Value, fields: &str) -> Message {
        self.send(&post("/mcp", &body.to_string(), fields)).await
    }

    /// The metrics as `/metrics` shows them.
    pub(super) fn metrics(&self) -> String {
        self.gateway.metrics().render()
    }
}

fn configuration(yaml: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipelock.yaml");
    std::fs::write(&path, yaml).unwrap();
    Config::load(Path::new(&path)).unwrap().0
}

pub(super) async fn exchange(address: SocketAddr, request: &[u8]) -> Message {
    within(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        read(&mut stream).await.expect("an answer")
    })
    .await
}

pub(super) fn post(path: &str, body: &str, fields: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// An answer with a JSON body.
pub(super) fn json_answer(body: &Value) -> Vec<u8> {
    answer("200 OK", "Content-Type: application/json\r\n", body.to_string().as_bytes())
}

pub(super) fn answer(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A stream of events that ends with its connection.
pub(super) fn events(fields: &str, events: &str) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{fields}Transfer-Encoding: chunked\r\n\r\n")
            .into_bytes();
    // In pieces that fall apart anywhere.
    for piece in events.as_bytes().chunks(7) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

pub(super) fn call(id: i64, tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

pub(super) fn request(id: i64, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method})
}

pub(super) fn result(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// Reads one message by its length or its chunks.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Message> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            let head = String::from_utf8(std::mem::replace(&mut bytes, rest)).unwrap();
            break head.trim_end().to_owned();
        }
        more(stream, &mut bytes).await?;
    };
    let mut message = Message { head, body: Vec::new() };
    let no_body = message.head.starts_with("HTTP/") && matches!(message.status(), 204 | 304);
    if message.field("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            let Some(end) = memchr::memmem::find(&bytes, b"\r\n") else {
                more(stream, &mut bytes).await?;
                continue;
            };
            let size = usize::from_str_radix(std::str::from_utf8(bytes.get(..end)?).ok()?, 16).ok()?;
            while bytes.len() < end + 2 + size + 2 {
                more(stream, &mut bytes).await?;
            }
            message.body.extend_from_slice(bytes.get(end + 2..end + 2 + size)?);
            bytes.drain(..end + 4 + size);
            if size == 0 {
                return Some(message);
            }
        }
    }
    let length = message.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while !no_body && bytes.len() < length {
        more(stream, &mut bytes).await?;
    }
    message.body = bytes;
    Some(message)
}

async fn more(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = vec![0; 16 * 1024];
    let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
    bytes.extend_from_slice(buffer.get(..read)?);
    Some(())
}

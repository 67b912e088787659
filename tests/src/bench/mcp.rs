//! The MCP port beside nothing: `tools/call` with 1 KiB each way and `tools/list` of 64 tools, sent to an echo server directly
//! and through the port, in turns within one run.
//!
//! Client, server and gateway are processes of their own; the client runs in this one. Added latency is told as a multiple of
//! the direct one, processor time of the gateway as a multiple of the server's.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::tree;
use crate::gateway;
use crate::process::Running;

/// Rounds of each way; they alternate, so that a slow minute hits both.
const ROUNDS: usize = 5;
/// How long a round takes.
const ROUND: Duration = Duration::from_millis(1500);
/// Connections that are kept busy.
const CONNECTIONS: usize = 2;
/// Tools in the list.
const TOOLS: usize = 64;
/// What was promised (issue 7).
const CPU_TARGET: f64 = 2.5;
const LATENCY_TARGET: f64 = 1.0;

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Call,
    List,
}

impl Ask {
    const ALL: [Self; 2] = [Self::Call, Self::List];

    fn title(self) -> &'static str {
        match self {
            Self::Call => "tools/call, 1 KiB each way",
            Self::List => "tools/list, 64 tools",
        }
    }

    fn body(self, id: u64) -> Bytes {
        let (method, params) = match self {
            Self::Call => ("tools/call", json!({"name": "tool_7", "arguments": {"note": prose(1024)}})),
            Self::List => ("tools/list", json!({})),
        };
        Bytes::from(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string())
    }
}

/// Ordinary words, so that scanning has what it usually has.
fn prose(length: usize) -> String {
    let words = "the rent of march was paid from the joint account and the budget for food is on track ";
    words.chars().cycle().take(length).collect()
}

/// A server that says what a client expects; serves on the port until it is killed.
///
/// # Errors
/// When the port cannot be bound.
#[expect(clippy::print_stdout, reason = "how the parent learns that it listens")]
pub fn echo(port: u16) -> Result<()> {
    let tools: Vec<Value> = (0..TOOLS)
        .map(|number| {
            json!({"name": format!("tool_{number}"), "description": prose(160),
                   "inputSchema": {"type": "object", "additionalProperties": false, "required": ["note"],
                                   "properties": {"note": {"type": "string", "description": prose(60)},
                                                  "page": {"type": "integer", "minimum": 1}}}})
        })
        .collect();
    let (list, text) = (json!({"tools": tools}).to_string(), prose(1024));
    let call = json!({"content": [{"type": "text", "text": text}]}).to_string();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.context("binding")?;
        println!("ready");
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true).ok();
            let (list, call) = (list.clone(), call.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                let (list, call) = (list.clone(), call.clone());
                async move {
                    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                    let asked: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
                    let result = if asked["method"] == "tools/list" { list } else { call };
                    let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, asked["id"]);
                    let mut response = Response::new(Full::new(Bytes::from(text)));
                    let kind = hyper::header::HeaderValue::from_static("application/json");
                    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    })
}

/// What was measured one way.
#[derive(Debug, Default)]
struct Seen {
    /// Nanoseconds of each exchange.
    latencies: Vec<u64>,
    server_cpu: f64,
    gateway_cpu: f64,
}

impl Seen {
    fn at(&self, share: usize) -> f64 {
        let at = self.latencies.get(self.latencies.len() * share / 100).copied().unwrap_or_default();
        Duration::from_nanos(at).as_secs_f64() * 1e6
    }

    /// Microseconds of processor time an exchange.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn each(&self, cpu: f64) -> f64 {
        cpu * 1e6 / self.latencies.len().max(1) as f64
    }
}

/// Measures, and tells it as the text of the results file.
///
/// # Errors
/// When something does not start or answers what it should not.
pub fn run(progress: fn(&str)) -> Result<String> {
    let port = free_port()?;
    let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
    command.arg("mcp-echo").arg(port.to_string());
    let server = Running::start(command)?;
    server.wait_for_output("ready")?;
    let door = free_port()?;
    let folder = tempfile::tempdir().context("a place for the audit log")?;
    let config = folder.path().join("pipelock.yaml");
    let audit = folder.path().join("audit.jsonl");
    std::fs::write(&config, format!("logging:\n  output: file\n  file: {}\n", audit.display()))
        .context("configuring")?;
    let mut command = Command::new(gateway::binary());
    command.env_remove("PIPELOCK_CONFIG").args(["run", "--listen", "127.0.0.1:0", "--mcp-listen"]);
    command.arg(format!("127.0.0.1:{door}")).args(["--mcp-upstream", &format!("http://127.0.0.1:{port}/mcp")]);
    command.arg("--config").arg(&config);
    let gateway = Running::start(command)?;
    gateway.wait_for_complaint("ready: ")?;
    let pids = (server.pid(), gateway.pid());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let first = runtime.block_on(first_list(door))?;
    let mut table = String::new();
    let mut misses = Vec::new();
    for ask in Ask::ALL {
        let (mut direct, mut through) = (Seen::default(), Seen::default());
        for round in 0..ROUNDS {
            progress(&format!("{}: round {} of {ROUNDS}", ask.title(), round + 1));
            runtime.block_on(measure(ask, port, pids, &mut direct))?;
            runtime.block_on(measure(ask, door, pids, &mut through))?;
        }
        for seen in [&mut direct, &mut through] {
            seen.latencies.sort_unstable();
        }
        let (own, theirs) = (through.each(through.gateway_cpu), through.each(through.server_cpu));
        let cpu = own / theirs;
        let [p50, p99] = [50, 99].map(|share| (through.at(share) - direct.at(share)) / direct.at(share));
        let _ = writeln!(
            table,
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {p50:.2} | {p99:.2} | {theirs:.0} | {own:.0} | {cpu:.2} |",
            ask.title(),
            direct.at(50),
            direct.at(99),
            through.at(50),
            through.at(99),
        );
        for (what, is, target) in [("CPU", cpu, CPU_TARGET), ("added p99", p99, LATENCY_TARGET)] {
            let word = if is <= target { "met" } else { "missed" };
            misses.push(format!("- {}: {what} {is:.2}x, target {target:.1}x: {word}", ask.title()));
        }
    }
    Ok(format!(
        "# What the MCP port costs\n\n`cargo xtask bench mcp`: {CONNECTIONS} connections kept busy, {ROUNDS} rounds of \
         {} ms each way, in turns. Times in microseconds; added latency is a multiple of the direct one, CPU of the gateway a \
         multiple of the echo server's (hyper, which parses the request with serde_json and no more) on the same exchange.\n\n\
         | exchange | direct p50 | p99 | through p50 | p99 | added p50 | added p99 | server CPU | gateway CPU | ratio |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n{table}\n{}\n\nThe first list after the \
         gateway said that it is ready took {:.1} ms.\n",
        ROUND.as_millis(),
        misses.join("\n"),
        first.as_secs_f64() * 1e3,
    ))
}

async fn first_list(port: u16) -> Result<Duration> {
    let mut sender = open(port).await?;
    let start = Instant::now();
    exchange(&mut sender, Ask::List.body(1)).await?;
    Ok(start.elapsed())
}

async fn measure(ask: Ask, port: u16, (server, gateway): (u32, u32), seen: &mut Seen) -> Result<()> {
    let mut senders = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut sender = open(port).await?;
        exchange(&mut sender, Ask::List.body(0)).await?;
        senders.push(sender);
    }
    let cpu = || -> Result<(f64, f64)> { Ok((tree::cpu_seconds(server)?, tree::cpu_seconds(gateway)?)) };
    let before = cpu()?;
    let end = Instant::now() + ROUND;
    let busy = senders.into_iter().map(|mut sender| {
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut id = 0;
            while Instant::now() < end {
                id += 1;
                let body = ask.body(id);
                let start = Instant::now();
                exchange(&mut sender, body).await?;
                latencies.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
            }
            anyhow::Ok(latencies)
        })
    });
    for task in busy.collect::<Vec<_>>() {
        seen.latencies.extend(task.await??);
    }
    let after = cpu()?;
    seen.server_cpu += after.0 - before.0;
    seen.gateway_cpu += after.1 - before.1;
    Ok(())
}

async fn open(port: u16) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One exchange; its answer must be a result.
async fn exchange(sender: &mut SendRequest<Full<Bytes>>, body: Bytes) -> Result<()> {
    sender.ready().await?;
    let request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("authorization", "Bearer of-the-bench")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    let is_result = body.windows(8).any(|window| window == b"\"result\"");
    ensure!(status == 200 && is_result, "answered {status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("reading its address")?.port())
}

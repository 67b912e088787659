//! One shape of HTTP/1.1, played twice with a raw socket at both ends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::difference::{Difference, Seen};
use super::message::{Kind, Message};
use crate::rig::{Setup, pair};

/// Long enough for a loaded machine; one that takes longer waits for ever.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A request and its answer, as bytes.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) request: Vec<u8>,
    pub(super) response: Vec<u8>,
    pub(super) ends: Ends,
    pub(super) differs: &'static [Difference],
}

/// What comes after the answer.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Ends {
    /// A second exchange: neither end has lost its place.
    KeepAlive,
    /// The upstream closes.
    Upstream,
    /// Another protocol, in which the workload says the first and the upstream the second.
    Switched(Vec<u8>, Vec<u8>),
}

/// All that both ends have read, and whether the workload saw the end of its connection.
#[derive(PartialEq, Eq, Debug)]
struct Read {
    upstream: Vec<Message>,
    workload: Vec<Message>,
    closed: bool,
    /// After a switch.
    raw: [Vec<u8>; 2],
}

const NEXT: &str = "GET /next HTTP/1.1\r\nHost: api.example.test\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext";

/// Plays a shape directly and through the gateway; says what is not as documented.
pub(super) async fn compare(shape: &Shape) -> Option<String> {
    let (workload, upstream) = pair().await;
    let Some(mut want) = play(shape, workload, upstream).await else {
        return Some("stalls without a gateway".to_owned());
    };
    let rig = Setup::http1().start().await;
    let Some(got) = play(shape, rig.client, rig.upstream).await else {
        return Some("stalls in the gateway".to_owned());
    };
    let before = (want.upstream.clone(), want.workload.clone());
    let mut idle = Vec::new();
    let mut got = Read { ..got };
    for difference in shape.differs {
        let was = (want.upstream.clone(), want.workload.clone());
        difference.apply(Seen::Upstream, &mut want.upstream);
        difference.apply(Seen::Workload, &mut want.workload);
        let unneeded = match difference {
            // Where chunks end is decided by how bytes arrive, and whether the upstream's end is seen before the head is
            // written by how fast it comes: neither can be compared.
            Difference::Chunks | Difference::Close => {
                difference.apply(Seen::Upstream, &mut got.upstream);
                difference.apply(Seen::Workload, &mut got.workload);
                false
            }
            _ => was == (want.upstream.clone(), want.workload.clone()),
        };
        idle.extend(unneeded.then(|| difference.name()));
    }
    if !idle.is_empty() {
        return Some(format!("does not show {idle:?} in {before:?}"));
    }
    (want != got).then(|| format!("\n  want {want:?}\n  got  {got:?}"))
}

/// What both ends have read; `None` when it takes too long.
async fn play(shape: &Shape, workload: TcpStream, upstream: TcpStream) -> Option<Read> {
    let ends = shape.ends.clone();
    let response = shape.response.clone();
    let serving = tokio::spawn(serve(upstream, response, ends));
    let asked = timeout(PATIENCE, ask(shape, workload)).await;
    let served = timeout(PATIENCE, serving).await;
    let ((workload, closed, raw_down), (upstream, raw_up)) = (asked.ok()?, served.ok()?.unwrap());
    Some(Read { upstream, workload, closed, raw: [raw_up, raw_down] })
}

/// The workload: sends, reads, and sees how it ends.
async fn ask(shape: &Shape, mut stream: TcpStream) -> (Vec<Message>, bool, Vec<u8>) {
    let kind = Kind::Response { to_head: shape.request.starts_with(b"HEAD ") };
    let mut got = Vec::new();
    let head_end = shape.request.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    let (head, body) = shape.request.split_at(head_end);
    stream.write_all(head).await.unwrap();
    if super::message::latin(head).to_ascii_lowercase().contains("expect:") {
        let said = Message::read(&mut stream, kind).await.unwrap();
        let go_on = said.status() == 100;
        got.push(said);
        if !go_on {
            return (got, false, Vec::new());
        }
    }
    stream.write_all(body).await.unwrap();
    loop {
        let Some(message) = Message::read(&mut stream, kind).await else { return (got, true, Vec::new()) };
        let last = matches!(message.status(), 101 | 200..);
        got.push(message);
        if last {
            break;
        }
    }
    match &shape.ends {
        Ends::KeepAlive => {
            stream.write_all(NEXT.as_bytes()).await.unwrap();
            let next = Message::read(&mut stream, Kind::Response { to_head: false }).await;
            let closed = next.is_none();
            got.extend(next);
            (got, closed, Vec::new())
        }
        Ends::Upstream => {
            let mut rest = Vec::new();
            let closed = stream.read_to_end(&mut rest).await.is_ok();
            (got, closed, rest)
        }
        Ends::Switched(up, down) => {
            stream.write_all(up).await.unwrap();
            let mut raw = vec![0; down.len()];
            let read = stream.read_exact(&mut raw).await.is_ok();
            (got, !read, raw)
        }
    }
}

/// The upstream: reads, answers, and ends as the shape says.
async fn serve(mut stream: TcpStream, response: Vec<u8>, ends: Ends) -> (Vec<Message>, Vec<u8>) {
    let mut got = Vec::new();
    let Some(mut request) = Message::read_head(&mut stream).await else { return (got, Vec::new()) };
    if request.values("expect").next().is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    }
    request.read_body(&mut stream, Kind::Request).await;
    got.push(request);
    stream.write_all(&response).await.unwrap();
    match ends {
        Ends::KeepAlive => {
            if let Some(next) = Message::read(&mut stream, Kind::Request).await {
                got.push(next);
                stream.write_all(ANSWER.as_bytes()).await.unwrap();
                // Not the first to leave: what is seen then is another shape.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            (got, Vec::new())
        }
        Ends::Upstream => {
            stream.shutdown().await.unwrap();
            let mut rest = Vec::new();
            // The workload closes too, or is reset by a gateway that has nothing more to read.
            let _ = stream.read_to_end(&mut rest).await;
            (got, rest)
        }
        Ends::Switched(up, down) => {
            let mut raw = vec![0; up.len()];
            let _ = stream.read_exact(&mut raw).await;
            stream.write_all(&down).await.unwrap();
            (got, raw)
        }
    }
}

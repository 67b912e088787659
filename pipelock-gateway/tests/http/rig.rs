//! One intercepted connection with both of its ends in the test's hands.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;
use pipelock_gateway::http::sse::Parser;
use pipelock_gateway::http::sse::deltas::Dialect;
use pipelock_gateway::http::{
    BodyBudget, BodyInspect, Error, Exchange, Inspect, Limits, Redial, Release, RequestIds, Served, Session, Step,
    serve,
};
use pipelock_gateway::model::{
    Action, BlockReason, ConnId, Evidence, Family, Finding, FrontDoor, HttpVersion, Limit, OriginalDst, PeerName,
    RequestId, RequestRecord, ServerName, Severity, Surface, Verdict, View,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What the double takes for a secret.
pub(crate) const MARKER: &str = "SECRET-0123456789";

/// Long enough for a loaded machine, short enough to notice.
const DEADLINE: Duration = Duration::from_secs(20);

/// Fails the test when a step takes too long.
pub(crate) async fn within<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, step).await.expect("step took too long")
}

/// A judge that knows one marker.
struct Judge {
    audit: bool,
    records: mpsc::UnboundedSender<RequestRecord>,
    pushed: mpsc::UnboundedSender<Vec<u8>>,
    limits: mpsc::UnboundedSender<Limit>,
}

fn found(surface: Surface) -> Finding {
    Finding {
        rule: Arc::from("Test Marker"),
        family: Family::Dlp,
        severity: Severity::Critical,
        surface,
        view: View::Raw,
        span: 0..MARKER.len() as u64,
        evidence: Evidence { len: 17, fingerprint: 1 },
    }
}

fn verdict(audit: bool, reason: BlockReason, findings: Vec<Finding>) -> Verdict {
    Verdict {
        action: if audit { Action::Warn } else { Action::Block },
        reason: Some(reason),
        findings,
        ..Verdict::default()
    }
}

impl Inspect for Judge {
    fn request_head(&self, _: &Exchange, _: RequestId, head: &Parts) -> Verdict {
        if head.uri.to_string().contains(MARKER) {
            return verdict(self.audit, BlockReason::Secret, vec![found(Surface::Url)]);
        }
        let leaks = head.headers.values().any(|value| value.as_bytes() == MARKER.as_bytes());
        if leaks {
            verdict(self.audit, BlockReason::Secret, vec![found(Surface::RequestHeader)])
        } else {
            Verdict::allow()
        }
    }

    fn request_body(&self, _: &Exchange, _: RequestId, _: &Parts) -> Box<dyn BodyInspect> {
        let (seen, pushed) = (Vec::new(), self.pushed.clone());
        Box::new(BodyJudge { audit: self.audit, seen, hit: None, pushed, events: None })
    }

    fn response_body(
        &self,
        _: &Exchange,
        _: RequestId,
        _: &str,
        head: &http::response::Parts,
    ) -> Option<Box<dyn BodyInspect>> {
        // As a judge does that knows which types a model reads.
        let is_message = head.status == http::StatusCode::SWITCHING_PROTOCOLS;
        let is_text = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"text/");
        if !is_message && !head.headers.get("content-type").is_some_and(is_text) {
            return None;
        }
        let dialect = head.headers.get("x-dialect").map(|dialect| match dialect.as_bytes() {
            b"anthropic" => Dialect::Anthropic,
            _ => Dialect::OpenAiChat,
        });
        let events = dialect.map(|dialect| (Parser::new(1 << 20), dialect));
        let (seen, pushed) = (Vec::new(), self.pushed.clone());
        Some(Box::new(BodyJudge { audit: self.audit, seen, hit: None, pushed, events }))
    }

    fn uninspectable(&self, _: &Exchange, _: RequestId, reason: BlockReason) -> Verdict {
        verdict(self.audit, reason, Vec::new())
    }

    fn limit_reached(&self, limit: Limit) {
        let _ = self.limits.send(limit);
    }

    fn exchange_done(&self, record: RequestRecord) {
        let _ = self.records.send(record);
    }
}

struct BodyJudge {
    audit: bool,
    seen: Vec<u8>,
    hit: Option<Surface>,
    pushed: mpsc::UnboundedSender<Vec<u8>>,
    /// For a stream of events of a known provider.
    events: Option<(Parser, Dialect)>,
}

impl BodyInspect for BodyJudge {
    fn push(&mut self, bytes: &[u8]) -> Step {
        // Only the end of what was seen can be the beginning of a marker.
        self.seen.drain(..self.seen.len().saturating_sub(MARKER.len() - 1));
        self.seen.extend_from_slice(bytes);
        let _ = self.pushed.send(bytes.to_vec());
        if memchr::memmem::find(&self.seen, MARKER.as_bytes()).is_some() {
            self.hit = Some(Surface::RequestBody);
            if !self.audit {
                return Step::Stop;
            }
        }
        match &mut self.events {
            Some((parser, _)) => {
                parser.push(bytes, |_| ()).unwrap();
                Step::Hold(usize::try_from(parser.pending()).unwrap())
            }
            None => Step::Hold(MARKER.len() - 1),
        }
    }

    fn release(&self) -> Release {
        if self.events.is_some() { Release::Steps } else { Release::Lines }
    }

    fn dialect(&self) -> Option<Dialect> {
        self.events.as_ref().map(|(_, dialect)| *dialect)
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        if trailers.values().any(|value| value.as_bytes() == MARKER.as_bytes()) {
            self.hit = Some(Surface::RequestTrailer);
        }
    }

    fn finish(self: Box<Self>) -> Verdict {
        match self.hit {
            Some(surface) => verdict(self.audit, BlockReason::Secret, vec![found(surface)]),
            None => Verdict::allow(),
        }
    }
}

/// How a connection is to be set up.
pub(crate) struct Setup {
    pub(crate) version: HttpVersion,
    pub(crate) audit: bool,
    pub(crate) name: Option<&'static str>,
    pub(crate) limits: Limits,
    pub(crate) budget: BodyBudget,
    pub(crate) redial: Option<Redial>,
}

impl Setup {
    pub(crate) fn http1() -> Self {
        Self {
            version: HttpVersion::Http1,
            audit: false,
            name: Some("api.example.test"),
            limits: Limits::default(),
            budget: BodyBudget::new(64 << 20),
            redial: None,
        }
    }

    pub(crate) fn http2() -> Self {
        Self { version: HttpVersion::Http2, ..Self::http1() }
    }

    pub(crate) fn audit(self) -> Self {
        Self { audit: true, ..self }
    }

    pub(crate) fn limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = self.limits;
        change(&mut limits);
        Self { limits, ..self }
    }

    /// Connects everything; the gateway runs until the rig's sockets are gone.
    pub(crate) async fn start(self) -> Rig {
        let (client, downstream) = pair().await;
        let (gateway_upstream, upstream) = pair().await;
        let (records_in, records) = mpsc::unbounded_channel();
        let (pushed_in, pushed) = mpsc::unbounded_channel();
        let (shutdown, forbidden) = (CancellationToken::new(), CancellationToken::new());
        let (limits_in, limits) = mpsc::unbounded_channel();
        let session = Session {
            exchange: Arc::new(Exchange {
                front_door: FrontDoor::Captured,
                workload: None,
                client: None,
                original_dst: Some(OriginalDst::new("203.0.113.10:443".parse().unwrap())),
                name: self.name.map(|name| PeerName::Dns(ServerName::parse(name).unwrap())),
                scheme: "https",
                version: self.version,
            }),
            inspect: Arc::new(Judge { audit: self.audit, records: records_in, pushed: pushed_in, limits: limits_in }),
            limits: self.limits,
            budget: self.budget,
            ids: RequestIds::new(0xbeef, ConnId(7)),
            redial: self.redial,
            refusal: None,
            shutdown: shutdown.clone(),
            forbidden: forbidden.clone(),
        };
        let serving = serve(downstream, gateway_upstream, session);
        let future_bytes = std::mem::size_of_val(&serving);
        let served = tokio::spawn(serving);
        Rig { client, upstream, served, records, pushed, limits, shutdown, forbidden, future_bytes }
    }
}

/// A connection under test.
pub(crate) struct Rig {
    /// The workload's end.
    pub(crate) client: TcpStream,
    /// The upstream's end.
    pub(crate) upstream: TcpStream,
    pub(crate) served: JoinHandle<Result<Served, Error>>,
    records: mpsc::UnboundedReceiver<RequestRecord>,
    pushed: mpsc::UnboundedReceiver<Vec<u8>>,
    limits: mpsc::UnboundedReceiver<Limit>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) forbidden: CancellationToken,
    pub(crate) future_bytes: usize,
}

impl Rig {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.client.write_all(bytes.as_ref())).await.unwrap();
    }

    pub(crate) async fn respond(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.upstream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads exactly what is expected, no more, at the upstream.
    pub(crate) async fn upstream_gets(&mut self, want: impl AsRef<[u8]>) {
        read_exactly(&mut self.upstream, want.as_ref()).await;
    }

    /// The same at the workload.
    pub(crate) async fn client_gets(&mut self, want: impl AsRef<[u8]>) {
        read_exactly(&mut self.client, want.as_ref()).await;
    }

    /// Reads one response head at the workload, without body, as text.
    pub(crate) async fn client_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.client.read_u8()).await.unwrap_or_else(|error| {
                panic!("connection ended ({error}) in the head {:?}", String::from_utf8_lossy(&head))
            }));
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads one of our answers in full and returns its head.
    pub(crate) async fn client_answer(&mut self) -> String {
        let head = self.client_head().await;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        within(self.client.read_exact(&mut body)).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains(MARKER), "an answer never holds what matched");
        head
    }

    /// Waits until the judge was shown bytes.
    pub(crate) async fn pushed(&mut self) -> Vec<u8> {
        within(self.pushed.recv()).await.expect("the judge lives as long as the connection")
    }

    /// The next bound that is reached.
    pub(crate) async fn limit(&mut self) -> Limit {
        within(self.limits.recv()).await.expect("a limit")
    }

    /// The next record.
    pub(crate) async fn record(&mut self) -> RequestRecord {
        within(self.records.recv()).await.expect("a record")
    }

    /// Everything the judge was shown that was not yet taken.
    pub(crate) fn shown(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(bytes) = self.pushed.try_recv() {
            all.extend(bytes);
        }
        all
    }

    /// Closes the workload's end and waits for the gateway: what else the upstream got, and how serving ended.
    pub(crate) async fn close(self) -> Closed {
        let Self { client, mut upstream, served, mut records, .. } = self;
        drop(client);
        // The upstream closes its write side too, as a server does that has nothing to say.
        let _ = within(upstream.shutdown()).await;
        let served = within(served).await.unwrap();
        let mut upstream_got = Vec::new();
        let _ = within(upstream.read_to_end(&mut upstream_got)).await;
        let mut left = Vec::new();
        while let Ok(record) = records.try_recv() {
            left.push(record);
        }
        Closed { upstream_got, served, records: left }
    }
}

/// What was left when a connection had ended.
pub(crate) struct Closed {
    /// Bytes at the upstream that no test step had read.
    pub(crate) upstream_got: Vec<u8>,
    pub(crate) served: Result<Served, Error>,
    /// Records that no test step had taken.
    pub(crate) records: Vec<RequestRecord>,
}

/// Two ends of a loopback connection.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (near, (far, _)) = (near.unwrap(), far.unwrap());
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

pub(crate) async fn read_exactly(from: &mut TcpStream, want: &[u8]) {
    let mut got = vec![0; want.len()];
    let mut filled = 0;
    while filled < want.len() {
        let read = within(from.read(&mut got[filled..])).await.unwrap();
        filled += read;
        if read == 0 || got[..filled] != want[..filled] {
            break;
        }
    }
    assert_eq!(String::from_utf8_lossy(&got[..filled]), String::from_utf8_lossy(want));
}

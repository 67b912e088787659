//! The door over real loopback sockets, with doubles for what lies behind it: a resolver, rules, and a tunnel that dials.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::admin::{AdminState, Facts};
use crate::model::{AddressClass, ServerName};
use crate::names::{self, Answer, Resolve, Resolving};
use crate::report::Metrics;

const DEADLINE: Duration = Duration::from_secs(10);

/// What happened behind the door, in order.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Open(ConnectRequest),
    OpenCancelled,
    Refused(PeerName, u16, DenyReason),
    Ended,
}

/// How the tunnel double behaves.
#[derive(Clone)]
enum Dial {
    /// Connects to the first address.
    First,
    /// Waits for the notification, then connects.
    After(Arc<Notify>),
    Unreachable,
    Denied,
    /// Panics when run.
    Panic,
}

struct Dialler {
    dial: Dial,
    events: mpsc::UnboundedSender<Event>,
}

struct Dialled {
    upstream: TcpStream,
    panic: bool,
    events: mpsc::UnboundedSender<Event>,
}

/// Tells when a future was dropped half-way.
struct Guard(Option<mpsc::UnboundedSender<Event>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(events) = self.0.take() {
            let _ = events.send(Event::OpenCancelled);
        }
    }
}

impl Tunnel for Dialler {
    type Opened = Dialled;

    async fn open(&self, request: ConnectRequest) -> Result<Dialled, TunnelError> {
        let address = request.addrs[0];
        let _ = self.events.send(Event::Open(request));
        let mut guard = Guard(Some(self.events.clone()));
        match &self.dial {
            Dial::After(notify) => notify.notified().await,
            Dial::Unreachable => {
                guard.0 = None;
                return Err(TunnelError::Unreachable(io::ErrorKind::ConnectionRefused.into()));
            }
            Dial::Denied => {
                guard.0 = None;
                return Err(TunnelError::Denied(DenyReason::NotInAllowlist));
            }
            Dial::First | Dial::Panic => {}
        }
        let upstream = TcpStream::connect(address).await.map_err(TunnelError::Unreachable)?;
        guard.0 = None;
        Ok(Dialled { upstream, panic: matches!(self.dial, Dial::Panic), events: self.events.clone() })
    }

    async fn forward(&self, _: ConnectRequest, _: bool) -> Result<Leg, TunnelError> {
        Err(TunnelError::NoTls)
    }

    fn refused(&self, refused: RefusedConnect) {
        let _ = self.events.send(Event::Refused(refused.host, refused.port, refused.reason));
    }
}

impl Opened for Dialled {
    async fn run(mut self, mut client: Tunnelled) {
        assert!(!self.panic, "asked to panic");
        self.upstream.write_all(&client.read).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client.stream, &mut self.upstream).await;
        let _ = self.events.send(Event::Ended);
    }
}

/// Answers each name's questions in turn; the last answer is repeated.
#[derive(Default)]
struct Names {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a ServerName) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = answers
            .get_mut(name.as_str())
            .and_then(|queue| if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() });
        let answer = answer.filter(|addresses| !addresses.is_empty());
        let answer = answer.map(|addresses| Answer { addresses, ttl: Duration::from_mins(1) });
        Box::pin(async move { answer.ok_or_else(|| names::Error::NoAddress { name: name.clone() }) })
    }
}

/// Trusts `*.trusted.test`; does not know `forbidden.test`.
struct TestRules(Arc<Access>);

impl Rules for TestRules {
    fn access(&self) -> Arc<Access> {
        Arc::clone(&self.0)
    }

    fn admit(&self, host: &PeerName, _port: u16) -> Result<(), DenyReason> {
        if host.to_string() == "forbidden.test" { Err(DenyReason::NotInAllowlist) } else { Ok(()) }
    }

    /// Unlike the product's rules, these let a trusted name live on loopback: that is where the echo server is.
    fn check_address(&self, host: &PeerName, address: SocketAddr) -> Result<(), DenyReason> {
        let trusted = matches!(host, PeerName::Dns(name) if name.as_str().ends_with(".trusted.test"));
        match AddressClass::of(address.ip()) {
            _ if address == SocketAddr::from((Ipv4Addr::new(198, 51, 100, 1), 443)) => Err(DenyReason::Loop),
            AddressClass::Public => Ok(()),
            AddressClass::Loopback if trusted => Ok(()),
            _ => Err(DenyReason::AddressClass),
        }
    }
}

/// A door that is open, with an echo server behind `echo.trusted.test`.
struct World {
    door: SocketAddr,
    echo: SocketAddr,
    names: Arc<Names>,
    metrics: Metrics,
    events: mpsc::UnboundedReceiver<Event>,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl World {
    async fn new(dial: Dial) -> Self {
        Self::with(dial, Options::default()).await
    }

    async fn with(dial: Dial, options: Options) -> Self {
        Self::with_access(dial, options, Access::default()).await
    }

    async fn with_access(dial: Dial, options: Options, access: Access) -> Self {
        let echo = echo_server().await;
        let names = Arc::new(Names::default());
        let metrics = Metrics::new("test");
        let facts = Facts {
            version: "test",
            mode: "balanced",
            dlp_patterns: 1,
            request_body_scan_enabled: true,
            response_scan_enabled: true,
            tls_interception_enabled: true,
            forward_proxy_enabled: true,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let door = Door::new(
            options,
            Dialler { dial, events: sender },
            Arc::clone(&names) as Arc<dyn Resolve>,
            Arc::new(TestRules(Arc::new(Access { ports: vec![echo.port()], ..access }))),
            Arc::new(AdminState::new(facts, metrics.clone())),
            metrics.clone(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(door.serve(listener, shutdown.clone()));
        let world = Self { door: address, echo, names, metrics, events, shutdown, serving };
        world.name("echo.trusted.test", &["127.0.0.1"]);
        world
    }

    /// Adds an answer for a name.
    fn name(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.names.answers.lock().unwrap().entry(name.into()).or_default().push_back(addresses);
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.door).await.unwrap())
    }

    /// Sends `request` on a connection of its own and returns status and body.
    async fn ask(&self, request: &str) -> (u16, String) {
        let mut client = self.client().await;
        client.send(request).await;
        let answer = client.answer().await;
        (answer.status, answer.body)
    }

    async fn event(&mut self) -> Event {
        timeout(DEADLINE, self.events.recv()).await.unwrap().unwrap()
    }

    fn connect_echo(&self) -> String {
        connect(&format!("echo.trusted.test:{}", self.echo.port()))
    }

    /// Waits until a series has a value.
    async fn eventually(&self, series: &str, value: &str) {
        let reached = async {
            while self.sample(series).as_deref() != Some(value) {
                tokio::task::yield_now().await;
            }
        };
        assert!(timeout(DEADLINE, reached).await.is_ok(), "{series} is {:?}", self.sample(series));
    }

    fn sample(&self, series: &str) -> Option<String> {
        let text = self.metrics.render();
        let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series))?;
        line.rsplit_once(' ').map(|(_, value)| value.to_owned())
    }
}

async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

fn connect(authority: &str) -> String {
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")
}

struct Client(TcpStream);

struct Answered {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads one answer, byte by byte, so that nothing behind it is lost.
    async fn answer(&mut self) -> Answered {
        self.answer_to(true).await
    }

    async fn answer_to(&mut self, has_body: bool) -> Answered {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(DEADLINE, self.0.read_u8()).await.unwrap();
            head.push(byte.unwrap_or_else(|e| panic!("{e} after {:?}", String::from_utf8_lossy(&head))));
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; if has_body { length } else { 0 }];
        timeout(DEADLINE, self.0.read_exact(&mut body)).await.unwrap().unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answered { status, head, body: String::from_utf8(body).unwrap() }
    }

    async fn expect(&mut self, text: &str) {
        let mut got = vec![0; text.len()];
        timeout(DEADLINE, self.0.read_exact(&mut got)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&got), text);
    }

    async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let end = timeout(DEADLINE, self.0.read_to_end(&mut rest)).await.unwrap();
        assert!(end.is_err() || rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_including_those_behind_the_head() {
    let mut world = World::new(Dial::First).await;
    let mut client = world.client().await;
    // One segment: head and first bytes of the tunnel.
    client.send(&format!("{}first bytes", world.connect_echo())).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    assert!(!answer.head.contains("content-length") && !answer.head.contains("transfer-encoding"), "{}", answer.head);
    client.expect("first bytes").await;
    client.send("and more").await;
    client.expect("and more").await;

    let peer = client.0.local_addr().unwrap();
    let host = PeerName::Dns(ServerName::parse("echo.trusted.test").unwrap());
    let request = ConnectRequest { host, port: world.echo.port(), addrs: vec![world.echo], peer, workload: None };
    assert_eq!(world.event().await, Event::Open(request));
    assert_eq!(world.sample("pipelock_active_tunnels").as_deref(), Some("1"));
    drop(client);
    assert_eq!(world.event().await, Event::Ended);
    assert_eq!(world.sample(r#"pipelock_tunnels_total{agent="_default",result="served"}"#).as_deref(), Some("1"));
}

#[tokio::test]
async fn http_1_0_clients_get_a_tunnel_too() {
    let world = World::new(Dial::First).await;
    let mut client = world.client().await;
    client.send(&format!("CONNECT echo.trusted.test:{} HTTP/1.0\r\n\r\nhello", world.echo.port())).await;
    assert_eq!(client.answer().await.status, 200);
    client.expect("hello").await;
}

#[tokio::test]
async fn destinations_that_are_not_on_the_internet_are_refused_and_recorded() {
    let mut world = World::new(Dial::First).await;
    world.name("inside.test", &["127.0.0.1"]);
    world.name("half.test", &["203.0.113.5", "10.0.0.1"]);
    world.name("meta.trusted.test", &["169.254.169.254"]);
    world.name("self.test", &["198.51.100.1"]);
    for (authority, reason) in [
        ("inside.test:443", DenyReason::AddressClass),
        ("half.test:443", DenyReason::AddressClass),
        ("meta.trusted.test:80", DenyReason::AddressClass),
        ("127.0.0.1:443", DenyReason::AddressClass),
        ("[::1]:443", DenyReason::AddressClass),
        ("[::ffff:10.0.0.1]:443", DenyReason::AddressClass),
        ("self.test:443", DenyReason::Loop),
        ("example.test:22", DenyReason::PortNotAllowed),
        ("forbidden.test:443", DenyReason::NotInAllowlist),
    ] {
        let (status, body) = world.ask(&connect(authority)).await;
        assert_eq!((status, body), (403, format!("CONNECT blocked: {}\n", reason.as_str())), "{authority}");
        // The first thing that happens is the refusal: nothing was opened.
        let Event::Refused(_, _, recorded) = world.event().await else { panic!("{authority} was opened") };
        assert_eq!(recorded, reason, "{authority}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_key_that_decides_where_the_operator_wants_it() {
    for explains in [false, true] {
        let access = Access { explains, ..Access::default() };
        let world = World::with_access(Dial::First, Options::default(), access).await;
        for (request, key) in [
            (connect("example.test:22"), "forward_proxy.connect_ports"),
            (connect("10.0.0.1:443"), "ssrf.ip_allowlist"),
            (connect("unknown.test:443"), "resolver"),
            ("GET http://example.test:22/ HTTP/1.1\r\nHost: example.test:22\r\n\r\n".to_owned(), "connect_ports"),
        ] {
            let mut client = world.client().await;
            client.send(&request).await;
            let head = client.answer().await.head;
            let hint = head.lines().find_map(|line| line.strip_prefix("x-pipelock-hint: "));
            assert_eq!(hint.is_some_and(|hint| hint.contains(key)), explains, "{request}: {head}");
            assert_eq!(hint.is_some(), explains, "{request}: {head}");
        }
    }
}

#[tokio::test]
async fn a_refused_name_or_port_is_never_resolved() {
    let world = World::new(Dial::First).await;
    for authority in ["forbidden.test:443", "example.test:22"] {
        world.ask(&connect(authority)).await;
    }
    assert_eq!(world.names.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_door_does_not_connect_to_itself_even_for_a_trusted_name() {
    // Its own port is among the allowed ones, which only a hostile or careless configuration makes.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let names = Arc::new(Names::default());
    for address in ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "::1"] {
        let mut answers = names.answers.lock().unwrap();
        answers.entry("loop.trusted.test".into()).or_default().push_back(vec![address.parse().unwrap()]);
    }
    let (sender, mut events) = mpsc::unbounded_channel();
    let metrics = Metrics::new("test");
    let door = Door::new(
        Options::default(),
        Dialler { dial: Dial::First, events: sender },
        names,
        Arc::new(TestRules(Arc::new(Access { ports: vec![own.port()], ..Access::default() }))),
        Arc::new(NoAnswers),
        metrics,
    );
    tokio::spawn(door.serve(listener, CancellationToken::new()));
    for _ in 0..4 {
        let mut client = Client(TcpStream::connect(own).await.unwrap());
        client.send(&connect(&format!("loop.trusted.test:{}", own.port()))).await;
        assert_eq!(client.answer().await.body, "CONNECT blocked: loop\n");
        assert!(matches!(events.recv().await, Some(Event::Refused(_, _, DenyReason::Loop))));
    }
}

struct NoAnswers;

impl AnswerLocal for NoAnswers {
    fn answer(&self, _method: &Method, _path: &str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_dialled_where_it_was_checked() {
    let mut world = World::new(Dial::First).await;
    world.name("rebind.trusted.test", &["127.0.0.1"]);
    world.name("rebind.trusted.test", &["169.254.169.254"]);
    let port = world.echo.port();
    let mut client = world.client().await;
    client.send(&format!("{}ping", connect(&format!("rebind.trusted.test:{port}")))).await;
    assert_eq!(client.answer().await.status, 200);
    client.expect("ping").await;
    assert_eq!(world.names.asked.load(Ordering::Relaxed), 1);
    let Event::Open(request) = world.event().await else { panic!("not opened") };
    assert_eq!(request.addrs, [world.echo]);
    // And the second answer is checked like the first.
    let (status, _) = world.ask(&connect(&format!("rebind.trusted.test:{port}"))).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn two_hundred_is_said_only_after_the_upstream_was_dialled() {
    let gate = Arc::new(Notify::new());
    let mut world = World::new(Dial::After(Arc::clone(&gate))).await;
    let mut client = world.client().await;
    client.send(&world.connect_echo()).await;
    assert!(matches!(world.event().await, Event::Open(_)));
    let early = timeout(Duration::from_millis(50), client.0.read_u8()).await;
    assert!(early.is_err(), "{early:?} before the dial was over");
    gate.notify_one();
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_dialling_cancels_the_dial() {
    let mut world = World::new(Dial::After(Arc::new(Notify::new()))).await;
    let mut client = world.client().await;
    client.send(&world.connect_echo()).await;
    assert!(matches!(world.event().await, Event::Open(_)));
    drop(client);
    assert_eq!(world.event().await, Event::OpenCancelled);
}

#[tokio::test]
async fn failures_behind_the_door_have_their_own_status() {
    for (dial, status, code) in [
        (Dial::Unreachable, 502, "upstream_unavailable"),
        (Dial::Denied, 403, "not_in_allowlist"),
        (Dial::After(Arc::new(Notify::new())), 504, "upstream_timeout"),
    ] {
        let options = Options { open_timeout: Duration::from_millis(50), ..Options::default() };
        let world = World::with(dial, options).await;
        let mut client = world.client().await;
        client.send(&world.connect_echo()).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body), (status, format!("CONNECT blocked: {code}\n")));
        assert!(answer.head.contains(&format!("x-pipelock-blocked: {code}\r\n")), "{}", answer.head);
    }
    let world = World::new(Dial::First).await;
    world.name("empty.test", &[]);
    for name in ["unknown.test", "empty.test"] {
        let (status, body) = world.ask(&connect(&format!("{name}:443"))).await;
        assert_eq!((status, body.as_str()), (502, "CONNECT blocked: resolve_failed\n"));
    }
}

#[tokio::test]
async fn questions_about_the_gateway_are_answered_on_one_connection() {
    let world = World::new(Dial::First).await;
    let mut client = world.client().await;
    for path in ["/health", "/healthz?verbose=1", "/metrics"] {
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: pipelock.internal.test:8888\r\n\r\n")).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 200, "{path}");
        let expected = if path == "/metrics" { "pipelock_info{version=\"test\"} 1" } else { "\"status\":\"healthy\"" };
        assert!(answer.body.contains(expected), "{path}: {}", answer.body);
    }
    client.send("HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let answer = client.answer_to(false).await;
    assert!(answer.status == 200 && !answer.head.contains("content-length: 0"), "{}", answer.head);
    client.send("GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 503);
}

#[tokio::test]
async fn a_health_check_passes_against_the_door() {
    let world = World::new(Dial::First).await;
    let address = world.door;
    tokio::task::spawn_blocking(move || crate::admin::healthcheck(address)).await.unwrap().unwrap();
}

#[tokio::test]
async fn everything_else_is_refused_with_its_own_status() {
    let world = World::new(Dial::First).await;
    for (request, status) in [
        ("GET http://unknown.test/ HTTP/1.1\r\nHost: unknown.test\r\n\r\n", 502),
        ("GET http://example.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n", 400),
        ("GET http://forbidden.test/ HTTP/1.1\r\nHost: forbidden.test\r\n\r\n", 403),
        ("GET /secret HTTP/1.1\r\nHost: example.test\r\n\r\n", 400),
        ("GET /unknown HTTP/1.1\r\nHost: 127.0.0.1:8888\r\n\r\n", 404),
        ("POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405),
        ("GET /health HTTP/1.1\r\n\r\n", 400),
        ("CONNECT http://example.test:443/ HTTP/1.1\r\nHost: example.test\r\n\r\n", 400),
        ("CONNECT example.test HTTP/1.1\r\nHost: example.test\r\n\r\n", 400),
        ("CONNECT a:b@example.test:443 HTTP/1.1\r\nHost: example.test\r\n\r\n", 400),
        ("CONNECT example.test:443 HTTP/1.1\r\nHost: example.test\r\nContent-Length: 4\r\n\r\nbody", 400),
        ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03 not http\r\n\r\n", 400),
        ("GARBAGE\r\n\r\n", 400),
    ] {
        assert_eq!(world.ask(request).await.0, status, "{request:?}");
    }
    let (status, _) = world.ask(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000))).await;
    assert!((400..500).contains(&status), "{status}");
}

#[tokio::test]
async fn an_http_2_preface_is_closed_without_an_answer_nobody_could_read() {
    let world = World::new(Dial::First).await;
    let mut client = world.client().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    client.expect_end().await;
    world.eventually(r#"pipelock_explicit_requests_total{kind="unparsed",outcome="invalid"}"#, "1").await;
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let options = Options { header_timeout: Duration::from_millis(100), ..Options::default() };
    let world = World::with(Dial::First, options).await;
    let mut client = world.client().await;
    client.send("GET /health HTTP/1.1\r\nHost: local").await;
    client.expect_end().await;
    // Also a client that sends nothing at all.
    world.client().await.expect_end().await;
}

#[tokio::test]
async fn a_door_full_of_tunnels_still_answers_its_probe() {
    let options = Options { max_connections: 3, max_tunnels: 1, ..Options::default() };
    let mut world = World::with(Dial::First, options).await;
    let mut tunnel = world.client().await;
    tunnel.send(&world.connect_echo()).await;
    assert_eq!(tunnel.answer().await.status, 200);
    assert!(matches!(world.event().await, Event::Open(_)));

    let mut second = world.client().await;
    second.send(&world.connect_echo()).await;
    let answer = second.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "CONNECT blocked: too_many_connections\n"));
    let mut probe = world.client().await;
    probe.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(probe.answer().await.status, 200);

    // All three connections are taken: one more is reset.
    let read = timeout(DEADLINE, world.client().await.0.read_u8()).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let turned_away = r#"pipelock_explicit_requests_total{kind="unparsed",outcome="overloaded"}"#;
    assert_eq!(world.sample(turned_away).as_deref(), Some("1"));
}

#[tokio::test]
async fn shutting_down_closes_idle_connections_and_lets_tunnels_finish() {
    let world = World::new(Dial::First).await;
    let mut idle = world.client().await;
    idle.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200);
    let mut tunnel = world.client().await;
    tunnel.send(&world.connect_echo()).await;
    assert_eq!(tunnel.answer().await.status, 200);

    world.shutdown.cancel();
    idle.expect_end().await;
    assert!(TcpStream::connect(world.door).await.is_err(), "the listener is closed");
    tunnel.send("still here").await;
    tunnel.expect("still here").await;
    assert!(!world.serving.is_finished());
    drop((idle, tunnel));
    timeout(DEADLINE, world.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_ends_one_tunnel_only_and_is_counted() {
    let world = World::new(Dial::Panic).await;
    let mut client = world.client().await;
    client.send(&world.connect_echo()).await;
    assert_eq!(client.answer().await.status, 200);
    client.expect_end().await;
    // The client sees the end a moment before the task is gone.
    world.eventually("pipelock_panics_total", "1").await;
    world.eventually("pipelock_active_tunnels", "0").await;
    assert_eq!(world.ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.0, 200);
}

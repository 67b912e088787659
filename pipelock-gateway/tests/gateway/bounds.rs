//! The bounds of `limits` on connections, from a configuration to the socket of a workload and to `/metrics`.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{NAME, PrivateRoot, Rig, Upstream, ask, get, within};

fn reached(rig: &Rig, limit: &str) -> Option<String> {
    rig.metric(&format!("pipelock_limit_reached_total{{limit=\"{limit}\"}}"))
}

/// Waits until a bound was counted; nothing else tells.
async fn until_reached(rig: &Rig, limit: &str) {
    within(async {
        while reached(rig, limit).is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Reads to the end, which may be a reset.
async fn ends(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = within(stream.read_to_end(&mut rest)).await;
    rest
}

#[tokio::test]
async fn a_greeting_that_stays_half_said_is_cut_off() {
    let rig = Rig::new("limits: {greeting_timeout: 50ms}\n").await;
    let mut workload = TcpStream::connect(rig.listener).await.unwrap();
    workload.write_all(b"\x16\x03\x01").await.unwrap();
    assert_eq!(ends(&mut workload).await, b"");
    assert_eq!(reached(&rig, "greeting_timeout").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_connection_on_which_nobody_speaks_is_cut_off() {
    let rig = Rig::new("limits: {silence_timeout: 50ms}\n").await;
    let mut workload = TcpStream::connect(rig.listener).await.unwrap();
    assert_eq!(ends(&mut workload).await, b"");
    assert_eq!(reached(&rig, "silence_timeout").as_deref(), Some("1"));
}

#[tokio::test]
async fn an_upstream_that_never_ends_its_handshake_is_given_up() {
    let silent = Upstream::answering(|stream| async move {
        let mut stream = stream;
        let _ = ends(&mut stream).await;
    })
    .await;
    let rig = Rig::in_front_of("limits: {handshake_timeout: 50ms}\n", PrivateRoot::new(), silent);
    rig.connect_with(rig.client()).await.unwrap_err();
    assert_eq!(reached(&rig, "handshake_timeout").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_workload_that_never_ends_its_handshake_is_given_up() {
    let rig = Rig::new("limits: {handshake_timeout: 100ms}\n").await;
    let mut workload = TcpStream::connect(rig.listener).await.unwrap();
    workload.write_all(&hello(&rig)).await.unwrap();
    ends(&mut workload).await;
    assert_eq!(reached(&rig, "handshake_timeout").as_deref(), Some("1"));
}

/// A `ClientHello`, and nothing behind it.
fn hello(rig: &Rig) -> Vec<u8> {
    let name = rustls_pki_types::ServerName::try_from(NAME).unwrap();
    let mut connection = rustls::ClientConnection::new(std::sync::Arc::new(rig.client()), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test]
async fn one_tls_handshake_more_than_is_allowed_is_reset() {
    let rig = Rig::new("limits: {tls_handshakes: 1}\n").await;
    // Holds the only place: its hello is answered and it says nothing more.
    let mut slow = TcpStream::connect(rig.listener).await.unwrap();
    slow.write_all(&hello(&rig)).await.unwrap();
    within(slow.read_u8()).await.unwrap();
    rig.connect_with(rig.client()).await.unwrap_err();
    assert_eq!(reached(&rig, "tls_handshakes").as_deref(), Some("1"));
    drop(slow);
    // The place is given back, sooner or later.
    within(async { while rig.connect_with(rig.client()).await.is_err() {} }).await;
}

#[tokio::test]
async fn new_names_are_certified_at_a_rate_for_each_workload() {
    let rig = Rig::new("limits: {new_certificates_at_once: 1, new_certificates_per_second: 1}\n").await;
    let mut first = rig.connect().await;
    assert!(ask(&mut first, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200 "));
    // Another name has no leaf yet; the one for this name is kept.
    let mut workload = TcpStream::connect(rig.listener).await.unwrap();
    let config = std::sync::Arc::new(rig.client());
    let other = rustls_pki_types::ServerName::try_from("other.example.test").unwrap();
    let mut connection = rustls::ClientConnection::new(config, other).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    workload.write_all(&hello).await.unwrap();
    ends(&mut workload).await;
    assert_eq!(reached(&rig, "new_certificates_per_second").as_deref(), Some("1"));
    rig.connect().await;
}

#[tokio::test]
async fn a_relayed_connection_on_which_nothing_moves_is_ended() {
    let yaml = "mode: audit\nlimits: {relay_idle_timeout: 50ms}\n";
    let silent = Upstream::answering(|stream| async move {
        let mut stream = stream;
        stream.write_all(b"220 hello\r\n").await.unwrap();
        ends(&mut stream).await;
    })
    .await;
    let rig = Rig::in_front_of(yaml, PrivateRoot::new(), silent);
    let mut workload = TcpStream::connect(rig.listener).await.unwrap();
    assert_eq!(ends(&mut workload).await, b"220 hello\r\n");
    assert_eq!(reached(&rig, "relay_idle_timeout").as_deref(), Some("1"));
}

#[tokio::test]
async fn connections_are_counted_for_all_and_for_each_workload_and_follow_a_reload() {
    let rig = Rig::new("limits: {connections: 2, connections_per_workload: 2}\n").await;
    let mut first = rig.connect().await;
    let second = rig.connect().await;
    rig.connect_with(rig.client()).await.unwrap_err();
    assert_eq!(reached(&rig, "connections").as_deref(), Some("1"));
    rig.reconfigure("limits: {connections: 10, connections_per_workload: 2}\n");
    rig.connect_with(rig.client()).await.unwrap_err();
    assert_eq!(reached(&rig, "connections_per_workload").as_deref(), Some("1"));
    assert!(ask(&mut first, &get(NAME)).await.unwrap().starts_with("HTTP/1.1 200 "), "those that are open stay");
    drop(second);
    within(async { while rig.connect_with(rig.client()).await.is_err() {} }).await;
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_given_up() {
    // A listener whose queue is full drops what comes (tcp(7), somaxconn): to connect takes for ever.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _full = TcpStream::connect(address).await.unwrap();
    let upstream = Upstream { address, seen: std::sync::Arc::default() };
    let rig = Rig::in_front_of("limits: {connect_timeout: 100ms}\n", PrivateRoot::new(), upstream);
    let mut workload = TcpStream::connect(rig.listener).await.unwrap();
    assert_eq!(ends(&mut workload).await, b"");
    until_reached(&rig, "connect_timeout").await;
}

#[tokio::test]
async fn a_connection_to_the_proxy_port_beyond_its_limit_is_reset_and_probes_have_room() {
    let rig = Rig::new("limits: {proxy_connections: 3, proxy_tunnels: 1}\n").await;
    let door = rig.door().await;
    let connect = format!("CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\n\r\n");
    let open = |door| async move { TcpStream::connect(door).await.unwrap() };
    let mut tunnel = open(door).await;
    assert!(ask(&mut tunnel, &connect).await.unwrap().starts_with("HTTP/1.1 "));
    let _ = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut waiting = open(door).await;
    let health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert!(ask(&mut waiting, health).await.unwrap().starts_with("HTTP/1.1 200 "), "beside a tunnel");
    let mut third = open(door).await;
    assert!(ask(&mut third, health).await.unwrap().starts_with("HTTP/1.1 200 "));
    let mut fourth = open(door).await;
    let _ = fourth.write_all(health.as_bytes()).await;
    assert_eq!(ends(&mut fourth).await, b"");
    assert_eq!(reached(&rig, "proxy_connections").as_deref(), Some("1"));
}

//! The explicit proxy in front of the whole pipeline: requests in absolute form, tunnels, and who may ask.

use tokio::net::TcpStream;

use super::rig::{NAME, Rig, ask, message, within};

/// Loopback may be reached, under any name, on the upstream's port.
fn reaching(rig_port: u16, more: &str) -> String {
    format!("ssrf: {{ip_allowlist: [127.0.0.0/8]}}\nforward_proxy:\n  connect_ports: [{rig_port}]\n{more}")
}

const TICKETS: &str = "dlp:\n  patterns:\n    - {name: Ticket, regex: 'TKT-[0-9]{8}', severity: high}\n";

async fn cleartext(more: &str) -> Rig {
    let rig = Rig::before("", super::rig::PrivateRoot::new(), None).await;
    rig.reconfigure(&reaching(rig.upstream.address.port(), more));
    rig
}

fn post(rig: &Rig, scheme: &str, body: &str) -> String {
    let port = rig.upstream.address.port();
    format!(
        "POST {scheme}://{NAME}:{port}/x?y=1 HTTP/1.1\r\nHost: {NAME}:{port}\r\nProxy-Connection: keep-alive\r\n\
         X-Mixed-Case: kept\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn stats_tell_what_was_blocked_to_those_who_may_use_the_proxy() {
    let rig = cleartext(TICKETS).await;
    let door = rig.door().await;
    let mut client = TcpStream::connect(door).await.unwrap();
    ask(&mut client, &post(&rig, "http", "hello")).await.unwrap();
    ask(&mut client, &post(&rig, "http", "it is TKT-48151623")).await.unwrap();
    // A request is counted when its record is written, which is after its answer.
    let told = async {
        loop {
            let mut client = TcpStream::connect(door).await.unwrap();
            let answer = ask(&mut client, "GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            if answer.contains("\"total\":2") {
                return answer;
            }
        }
    };
    let answer = within(told).await;
    let host = format!("{NAME}:{}", rig.upstream.address.port());
    assert!(answer.contains("\"allowed\":1,\"blocked\":1,\"block_rate\":0.5"), "{answer}");
    assert!(answer.contains(&format!("\"top_blocked_domains\":[{{\"name\":\"{host}\",\"count\":1}}]")), "{answer}");
    assert!(answer.contains("\"top_scanners\":[{\"name\":\"dlp\",\"count\":1}]"), "{answer}");

    rig.reconfigure(&reaching(rig.upstream.address.port(), "  allowed_sources: []\n"));
    let mut client = TcpStream::connect(door).await.unwrap();
    let refused = ask(&mut client, "GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
}

#[tokio::test]
async fn a_request_in_absolute_form_is_judged_and_forwarded_in_origin_form() {
    let rig = cleartext(TICKETS).await;
    let mut client = TcpStream::connect(rig.door().await).await.unwrap();
    let answer = ask(&mut client, &post(&rig, "http", "hello")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok"), "{answer}");
    assert!(answer.contains("via: 1.1 pipelock-"), "{answer}");
    let seen = rig.upstream.seen();
    let port = rig.upstream.address.port();
    assert!(seen[0].starts_with(&format!("POST /x?y=1 HTTP/1.1\r\nHost: {NAME}:{port}\r\n")), "{}", seen[0]);
    assert!(seen[0].contains("X-Mixed-Case: kept\r\n") && seen[0].contains("via: 1.1 pipelock-"), "{}", seen[0]);
    assert!(!seen[0].to_lowercase().contains("proxy-connection") && seen[0].ends_with("\r\n\r\nhello"));

    let blocked = ask(&mut client, &post(&rig, "http", "it is TKT-48151623")).await.unwrap();
    assert!(blocked.starts_with("HTTP/1.1 403"), "{blocked}");
    assert!(blocked.contains("x-pipelock-blocked: secret\r\n"), "{blocked}");
    assert!(blocked.ends_with("\r\n\r\nblocked: request contains a secret (Ticket)\n"), "{blocked}");
    assert_eq!(rig.upstream.seen().len(), 1, "the upstream never learns of it");
    // And on with the same connection, to the same upstream connection.
    assert!(ask(&mut client, &post(&rig, "http", "again")).await.unwrap().starts_with("HTTP/1.1 200"));
    let forms = "pipelock_explicit_requests_total{kind=\"absolute\",outcome=";
    assert_eq!(rig.metric(&format!("{forms}\"served\"}}")).as_deref(), Some("2"));
    assert_eq!(rig.metric(&format!("{forms}\"blocked\"}}")).as_deref(), Some("1"));
}

#[tokio::test]
async fn https_in_absolute_form_is_verified_upstream() {
    let rig = Rig::new("").await;
    rig.reconfigure(&reaching(rig.upstream.address.port(), ""));
    let door = rig.door().await;
    let mut client = TcpStream::connect(door).await.unwrap();
    assert!(ask(&mut client, &post(&rig, "https", "hi")).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(rig.upstream.seen()[0].starts_with("POST /x?y=1 HTTP/1.1\r\n"));
    let other = post(&rig, "https", "hi").replace(NAME, "other.example.test");
    let refused = ask(&mut client, &other).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 502") && refused.contains("x-pipelock-blocked: upstream_tls"), "{refused}");
    assert_eq!(rig.upstream.seen().len(), 1);
}

#[tokio::test]
async fn nobody_uses_the_proxy_who_may_not_and_probes_still_answer() {
    let rig = cleartext("  allowed_sources: [192.0.2.0/24]\n").await;
    let door = rig.door().await;
    for (request, status) in [
        (post(&rig, "http", "x"), "403"),
        (format!("CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\n\r\n"), "403"),
        ("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "403"),
        ("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "200"),
    ] {
        let mut client = TcpStream::connect(door).await.unwrap();
        let answer = ask(&mut client, &request).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}{answer}");
        assert!(status == "200" || answer.contains("source_not_allowed"), "{answer}");
    }
    assert_eq!(rig.upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_password_is_asked_for_and_goes_no_further() {
    let rig = cleartext("").await;
    rig.file("users", "alice:open sesame\n");
    rig.reconfigure(&reaching(rig.upstream.address.port(), "  credentials_file: users\n"));
    let mut client = TcpStream::connect(rig.door().await).await.unwrap();
    let asked = ask(&mut client, &post(&rig, "http", "x")).await.unwrap();
    assert!(asked.starts_with("HTTP/1.1 407") && asked.contains("proxy-authenticate: Basic"), "{asked}");
    // `alice:open sesame`
    let field = "Proxy-Authorization: Basic YWxpY2U6b3BlbiBzZXNhbWU=\r\nX-Mixed";
    let mut client = TcpStream::connect(rig.door().await).await.unwrap();
    let answer = ask(&mut client, &post(&rig, "http", "x").replace("X-Mixed", field)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!rig.upstream.seen()[0].to_lowercase().contains("proxy-authorization"));
}

#[tokio::test]
async fn a_captured_client_of_the_proxy_is_judged_once_under_its_own_workload() {
    let rig = cleartext(TICKETS).await;
    let door = rig.door().await;
    rig.datapath.steer_all(door);
    let mut client = TcpStream::connect(rig.listener).await.unwrap();
    assert!(ask(&mut client, &post(&rig, "http", "hello")).await.unwrap().starts_with("HTTP/1.1 200"));
    let blocked = ask(&mut client, &post(&rig, "http", "TKT-48151623")).await.unwrap();
    assert!(blocked.contains("x-pipelock-blocked: secret"), "{blocked}");
    drop(client);
    let decided = "pipelock_policy_decisions_total{decision=\"passthrough\",reason=\"own_proxy\"}";
    assert_eq!(rig.metric(decided).as_deref(), Some("1"));
    let requests = rig.records("request").await;
    assert_eq!(requests.len(), 2, "each request has one record: {requests:#?}");
    assert!(requests.iter().all(|record| record.contains("/usr/bin/test-client")), "{requests:#?}");
}

#[tokio::test]
async fn a_request_that_comes_back_to_us_is_a_loop() {
    let rig = cleartext("").await;
    let door = rig.door().await;
    let mut client = TcpStream::connect(door).await.unwrap();
    ask(&mut client, &post(&rig, "http", "x")).await.unwrap();
    let seen = rig.upstream.seen()[0].clone();
    let via = seen.lines().find(|line| line.starts_with("via: ")).unwrap();
    let mut client = TcpStream::connect(door).await.unwrap();
    let answer =
        ask(&mut client, &post(&rig, "http", "x").replace("X-Mixed", &format!("{via}\r\nX-Mixed"))).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("blocked: loop"), "{answer}");
}

#[tokio::test]
async fn private_addresses_stay_out_of_reach_whatever_the_form() {
    let rig = cleartext("").await;
    rig.reconfigure(&format!("forward_proxy: {{connect_ports: [{}]}}\n", rig.upstream.address.port()));
    let door = rig.door().await;
    let connect = format!("CONNECT {NAME}:{0} HTTP/1.1\r\nHost: {NAME}:{0}\r\n\r\n", rig.upstream.address.port());
    for request in [post(&rig, "http", "x"), post(&rig, "https", "x"), connect] {
        let mut client = TcpStream::connect(door).await.unwrap();
        let answer = ask(&mut client, &request).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("address_class"), "{answer}");
    }
    for target in ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]"] {
        let mut client = TcpStream::connect(door).await.unwrap();
        let request = format!("GET http://{target}/latest/meta-data/ HTTP/1.1\r\nHost: {target}\r\n\r\n");
        let answer = ask(&mut client, &request).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("address_class"), "{target}: {answer}");
    }
    assert_eq!(rig.upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_tunnel_longer_than_allowed_ends() {
    let rig = cleartext("  max_tunnel_seconds: 1\n").await;
    let mut client = TcpStream::connect(rig.door().await).await.unwrap();
    let target = format!("{NAME}:{}", rig.upstream.address.port());
    let opened = ask(&mut client, &format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await.unwrap();
    assert!(opened.starts_with("HTTP/1.1 200"), "{opened}");
    let inside = format!("GET / HTTP/1.1\r\nHost: {target}\r\n\r\n");
    assert!(ask(&mut client, &inside).await.unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(within(message(&mut client)).await, None);
}

#[tokio::test]
async fn one_tunnel_more_than_is_configured_is_refused_and_told_until_another_has_ended() {
    let rig = cleartext("limits: {proxy_tunnels: 1}\n").await;
    let door = rig.door().await;
    let target = format!("{NAME}:{}", rig.upstream.address.port());
    let connect = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let mut first = TcpStream::connect(door).await.unwrap();
    assert!(ask(&mut first, &connect).await.unwrap().starts_with("HTTP/1.1 200"));
    let refused = ask(&mut TcpStream::connect(door).await.unwrap(), &connect).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("too_many_connections"), "{refused}");
    assert_eq!(rig.metric("pipelock_limit_reached_total{limit=\"proxy_tunnels\"}").as_deref(), Some("1"));
    let inside = format!("GET / HTTP/1.1\r\nHost: {target}\r\n\r\n");
    assert!(ask(&mut first, &inside).await.unwrap().starts_with("HTTP/1.1 200"), "the first goes on");
    drop(first);
    let given_back = async {
        loop {
            let mut next = TcpStream::connect(door).await.unwrap();
            if ask(&mut next, &connect).await.unwrap().starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    within(given_back).await;
}

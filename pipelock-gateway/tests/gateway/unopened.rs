//! Names that are bound by the gateway's resolver, and connections that cannot be opened.

use std::sync::Arc;

use pipelock_gateway::model::CgroupId;
use pipelock_gateway::names::testing::DnsServer;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{NAME, PrivateRoot, Rig, Upstream, ask, get, provider, within};

/// Whom the rig's datapath says its connections are from.
const WORKLOAD: CgroupId = CgroupId(1);

/// A client that trusts the upstream's own root alone: it is served only when nobody stands in between.
fn pinned(rig: &Rig) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(rig.root.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// The same with a certificate of its own, by the upstream's root.
fn with_certificate(rig: &Rig) -> ClientConfig {
    let (chain, key) = rig.root.certificate("client.example.test");
    let mut roots = RootCertStore::empty();
    roots.add(rig.root.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap()
}

/// The audit records, once no connection is open any more.
async fn ended(rig: &Rig) -> Vec<String> {
    let open = "pipelock_connections_active{front_door=\"captured\"}";
    let closed = async {
        while rig.metric(open).as_deref() != Some("0") {
            tokio::task::yield_now().await;
        }
    };
    within(closed).await;
    rig.records("connection").await
}

/// What a workload's own variable says, in a configuration, and whether the connection was relayed unopened.
async fn relayed(own: &str, yaml: &str) -> bool {
    let rig = Rig::new(yaml).await;
    rig.datapath.set_environ(&["PATH=/bin", own]);
    let relayed = rig.connect_with(pinned(&rig)).await.is_ok();
    let records = ended(&rig).await;
    assert_eq!(records.iter().any(|line| line.contains("no_proxy_workload")), relayed, "{records:#?}");
    relayed
}

#[tokio::test]
async fn a_workloads_own_no_proxy_is_honoured_where_the_operator_says_so_and_only_for_what_may_pass() {
    let bound = format!("names: {{hosts: {{{NAME}: [\"127.0.0.1\"]}}}}\n");
    let elsewhere = format!("names: {{hosts: {{{NAME}: [\"203.0.113.10\"]}}}}\n");
    let honoured = "no_proxy: {from_workload: true}\n";
    let by_name = format!("NO_PROXY=localhost,{NAME}");
    let by_name = by_name.as_str();
    let strict = |hosts: &str| format!("mode: strict\napi_allowlist: [{hosts}]\n");
    for (own, yaml, expected) in [
        (by_name, format!("{bound}{honoured}"), true),
        (by_name, bound.clone(), false),
        (by_name, format!("{elsewhere}{honoured}"), false),
        ("no_proxy=127.0.0.0/8", format!("{elsewhere}{honoured}"), true),
        ("NO_PROXY=*", format!("{bound}{honoured}"), false),
        ("NO_PROXY=other.test", format!("{bound}{honoured}"), false),
        (by_name, format!("{}{bound}{honoured}", strict(NAME)), true),
        (by_name, format!("{}{bound}{honoured}", strict("other.test")), false),
        ("NO_PROXY=127.0.0.0/8", format!("{}{elsewhere}{honoured}", strict(NAME)), false),
        (by_name, format!("{bound}{honoured}fetch_proxy: {{monitoring: {{blocklist: [{NAME}]}}}}\n"), false),
        // Whether values of the environment are looked for is another question.
        (by_name, format!("{bound}{honoured}dlp: {{scan_env: false}}\n"), true),
    ] {
        assert_eq!(relayed(own, &yaml).await, expected, "{own}: {yaml}");
    }
}

#[tokio::test]
async fn what_is_relayed_by_a_workloads_own_word_is_cut_when_that_is_not_honoured_any_more() {
    let bound = format!("names: {{hosts: {{{NAME}: [\"127.0.0.1\"]}}}}\n");
    let rig = Rig::new(&format!("{bound}no_proxy: {{from_workload: true}}\n")).await;
    rig.datapath.set_environ(&[&format!("NO_PROXY={NAME}")]);
    let mut stream = rig.connect_with(pinned(&rig)).await.unwrap();
    assert!(ask(&mut stream, &get(NAME)).await.unwrap().contains("200 OK"));
    assert_eq!(rig.reconfigure(&bound), 1);
    assert!(ask(&mut stream, &get(NAME)).await.is_none(), "cut");
}

/// In front of an upstream that asks for client certificates of its root; whoever has none is turned away if `needed`.
async fn before_mutual_tls(yaml: &str, needed: bool) -> Rig {
    let root = PrivateRoot::new();
    let mut roots = RootCertStore::empty();
    roots.add(root.der()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = if needed { verifier } else { verifier.allow_unauthenticated() };
    let server = root.server_for_clients(verifier.build().unwrap());
    Rig::before(yaml, root, Some(server)).await
}

#[tokio::test]
async fn a_name_is_relayed_unopened_when_the_gateways_resolver_gives_the_address() {
    let dns = DnsServer::start().await;
    dns.name(NAME, &["127.0.0.1"], 60);
    let yaml =
        format!("names: {{servers: [\"{}\"]}}\ntls_interception: {{passthrough_domains: [{NAME}]}}\n", dns.address());
    let rig = Rig::new(&yaml).await;
    let mut stream = rig.connect_with(pinned(&rig)).await.unwrap();
    assert!(ask(&mut stream, &get(NAME)).await.unwrap().contains("200 OK"));
    assert_eq!(rig.metric("pipelock_name_bindings_total{source=\"own_resolver\"}").as_deref(), Some("1"));
    assert_eq!(dns.asked(NAME), 1);
}

#[tokio::test]
async fn a_trusted_name_on_another_address_is_opened_unless_the_workload_was_told_that_address() {
    let dns = DnsServer::start().await;
    dns.name(NAME, &["203.0.113.10"], 60);
    let yaml =
        format!("names: {{servers: [\"{}\"]}}\ntls_interception: {{passthrough_domains: [{NAME}]}}\n", dns.address());
    let rig = Rig::new(&yaml).await;
    rig.connect_with(pinned(&rig)).await.expect_err("opened with our leaf, which this client does not believe");
    assert!(ask(&mut rig.connect().await, &get(NAME)).await.unwrap().contains("200 OK"), "opened and served");
    assert_eq!(rig.metric("pipelock_name_bindings_total{source=\"none\"}").as_deref(), Some("2"));

    let name = pipelock_gateway::model::ServerName::parse(NAME).unwrap();
    let here = [std::net::Ipv4Addr::LOCALHOST.into()];
    rig.gateway.names().record(CgroupId(2), &name, &here, std::time::Duration::from_mins(1));
    rig.connect_with(pinned(&rig)).await.expect_err("what another workload was told proves nothing");
    rig.gateway.names().record(WORKLOAD, &name, &here, std::time::Duration::from_mins(1));
    rig.connect_with(pinned(&rig)).await.expect("relayed");
    assert_eq!(rig.metric("pipelock_name_bindings_total{source=\"workload_dns\"}").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_client_that_sends_no_name_is_known_by_what_its_workload_was_told_of_the_address() {
    let rig = Rig::new(&format!("tls_interception: {{passthrough_domains: [{NAME}]}}\n")).await;
    let nameless = || {
        let mut config = pinned(&rig);
        config.enable_sni = false;
        config
    };
    rig.connect_with(nameless()).await.expect_err("opened with our leaf, which this client does not believe");
    let name = pipelock_gateway::model::ServerName::parse(NAME).unwrap();
    let here = [std::net::Ipv4Addr::LOCALHOST.into()];
    rig.gateway.names().record(CgroupId(2), &name, &here, std::time::Duration::from_mins(1));
    rig.connect_with(nameless()).await.expect_err("another workload was told");
    rig.gateway.names().record(WORKLOAD, &name, &here, std::time::Duration::from_mins(1));
    let mut stream = rig.connect_with(nameless()).await.expect("relayed");
    assert!(ask(&mut stream, &get(NAME)).await.unwrap().contains("200 OK"));
    drop(stream);
    let records = ended(&rig).await;
    assert!(records.iter().any(|line| line.contains("\"passthrough_domain\"")), "{records:#?}");
}

#[tokio::test]
async fn an_upstream_that_needs_a_client_certificate_gets_the_workloads_own_where_its_host_is_listed() {
    let yaml = format!(
        "names: {{hosts: {{{NAME}: [\"127.0.0.1\"]}}}}\ntls_interception: {{client_certificate_domains: [{NAME}]}}\n"
    );
    let rig = before_mutual_tls(&yaml, true).await;
    let mut stream = rig.connect_with(with_certificate(&rig)).await.unwrap();
    assert!(ask(&mut stream, &get(NAME)).await.unwrap().contains("200 OK"));
    drop(stream);
    assert_eq!(rig.metric("pipelock_upstream_client_cert_requested_total").as_deref(), Some("1"));
    let records = ended(&rig).await;
    let relayed = records.iter().any(|line| line.contains("passthrough") && line.contains("client_certificate"));
    assert!(relayed, "{records:#?}");
}

#[tokio::test]
async fn a_listed_host_that_is_not_bound_to_the_address_is_not_relayed() {
    let yaml = format!(
        "names: {{hosts: {{{NAME}: [\"203.0.113.10\"]}}}}\ntls_interception: {{client_certificate_domains: [{NAME}]}}\n"
    );
    let rig = before_mutual_tls(&yaml, true).await;
    rig.connect_with(with_certificate(&rig)).await.expect_err("opened with our leaf");
}

#[tokio::test]
async fn an_upstream_that_only_asks_for_a_certificate_is_opened_without_one() {
    let rig = before_mutual_tls("mode: balanced\n", false).await;
    assert!(ask(&mut rig.connect().await, &get(NAME)).await.unwrap().contains("200 OK"));
    assert_eq!(rig.metric("pipelock_upstream_client_cert_requested_total").as_deref(), Some("1"));
}

/// With TLS 1.3 the upstream says so after its handshake, at any time: before the request, in the middle of it, or behind it.
#[tokio::test]
async fn an_upstream_that_ends_for_want_of_a_certificate_is_told_of_in_the_answer() {
    let rig = before_mutual_tls("mode: balanced\n", true).await;
    for _ in 0..8 {
        let mut stream = rig.connect().await;
        let answer = ask(&mut stream, &get(NAME)).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(answer.contains("x-pipelock-blocked: upstream_client_certificate"), "{answer}");
        assert!(answer.contains("tls_interception.client_certificate_domains"), "the key that would help: {answer}");
    }
    let records = rig.records("request").await;
    let told = records.iter().filter(|line| line.contains("upstream_client_certificate")).count();
    assert_eq!(told, 8, "{records:#?}");
}

#[tokio::test]
async fn a_workload_that_asks_long_after_such_an_end_is_told_as_well() {
    let rig = before_mutual_tls("mode: balanced\n", true).await;
    let mut stream = rig.connect().await;
    // Longer than it takes for both legs to come to rest.
    assert!(tokio::time::timeout(std::time::Duration::from_millis(700), stream.read_u8()).await.is_err());
    let answer = ask(&mut stream, &get(NAME)).await.expect("an answer");
    assert!(answer.contains("x-pipelock-blocked: upstream_client_certificate"), "{answer}");
}

/// Answers every hello with the alert of a server that knows only TLS 1.1, and closes.
async fn speaks_old_tls() -> Upstream {
    Upstream::answering(|mut stream: TcpStream| async move {
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello).await;
        // Alert, TLS 1.0 record: fatal, protocol_version (RFC 8446 §6).
        let _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]).await;
        let _ = stream.shutdown().await;
    })
    .await
}

#[tokio::test]
async fn an_upstream_of_old_tls_is_refused_with_its_own_reason() {
    let rig = Rig::in_front_of("mode: balanced\n", PrivateRoot::new(), speaks_old_tls().await);
    let answer = ask(&mut rig.connect().await, &get(NAME)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(answer.contains("x-pipelock-blocked: upstream_legacy_tls"), "{answer}");
    assert!(answer.contains("tls_interception.legacy_tls_domains"), "the key that would let it pass: {answer}");
}

#[tokio::test]
async fn an_upstream_of_old_tls_is_relayed_where_its_host_is_listed() {
    let yaml =
        format!("names: {{hosts: {{{NAME}: [\"127.0.0.1\"]}}}}\ntls_interception: {{legacy_tls_domains: [{NAME}]}}\n");
    let rig = Rig::in_front_of(&yaml, PrivateRoot::new(), speaks_old_tls().await);
    let error = rig.connect_with(pinned(&rig)).await.expect_err("the upstream's own alert arrives");
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    let records = ended(&rig).await;
    assert!(records.iter().any(|line| line.contains("legacy_tls")), "{records:#?}");
}

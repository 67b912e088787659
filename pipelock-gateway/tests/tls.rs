//! Both TLS legs over real loopback sockets: an upstream under a private root, a workload that trusts only our authority.

#![expect(clippy::unwrap_used, reason = "clippy's test exemption covers functions marked #[test], not their helpers")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pipelock_gateway::model::{Alpn, PeerName, ServerName, Side};
use pipelock_gateway::sniff::{Sniff, classify};
use pipelock_gateway::tls::{
    CertificateAuthority, Downstream, DownstreamTls, Error, KeyKind, Leaves, Prefixed, RootLocations, Roots, Upstream,
    UpstreamFailure, UpstreamTls,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType};
use rustls::HandshakeKind::{Full, Resumed};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

const NAME: &str = "api.example.test";
const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const DEADLINE: Duration = Duration::from_secs(20);

type ServerEnd = std::io::Result<server::TlsStream<TcpStream>>;
type ClientEnd = std::io::Result<client::TlsStream<TcpStream>>;
type OurDownstreamEnd = Result<DownstreamTls<Prefixed<TcpStream>>, Error>;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A client's provider without anything of ECDSA: no suite in TLS 1.2, no signature scheme in either version.
fn rsa_only() -> Arc<rustls::crypto::CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|s| !format!("{:?}", s.suite()).contains("ECDSA"));
    let all = provider.signature_verification_algorithms.mapping.iter();
    let rsa = all.filter(|(scheme, _)| !format!("{scheme:?}").contains("ECDSA")).copied().collect::<Vec<_>>();
    provider.signature_verification_algorithms.mapping = rsa.leak();
    Arc::new(provider)
}

fn dns(name: &str) -> PeerName {
    PeerName::Dns(ServerName::parse(name).unwrap())
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, Box::pin(future)).await.expect("the test's deadline")
}

/// A connected pair of loopback sockets.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// Somebody else's certificate authority, as a service on the Internet has one; made without our code.
struct PrivateRoot {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl PrivateRoot {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Private Root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = TempDir::new().unwrap();
        std::fs::write(files.path().join("root.pem"), issuer.pem()).unwrap();
        Self { issuer, files }
    }

    fn file(&self) -> PathBuf {
        self.files.path().join("root.pem")
    }

    /// A server certificate with `change` made to an ordinary one for [`NAME`], and its key.
    fn certificate(
        &self,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    fn server(&self, alpn: &[Alpn]) -> ServerConfig {
        self.server_with(BOTH, alpn, |_| {})
    }

    fn server_with(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[Alpn],
        change: impl FnOnce(&mut CertificateParams),
    ) -> ServerConfig {
        let (chain, key) = self.certificate(change);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|a| a.wire().to_vec()).collect();
        config
    }
}

/// Our side: an authority, and what it needs on both legs.
struct Gateway {
    ca: Arc<CertificateAuthority>,
    leaves: Leaves,
    downstream: Downstream,
    upstream: Upstream,
}

impl Gateway {
    fn trusting(roots: &Path) -> Self {
        let ca = Arc::new(CertificateAuthority::generate(SystemTime::now()).unwrap());
        let locations = RootLocations { file: Some(roots.to_owned()), directories: Vec::new() };
        let roots = Roots::load(&locations, &[], &ca).unwrap();
        Self {
            leaves: Leaves::new(Arc::clone(&ca)),
            downstream: Downstream::new().unwrap(),
            upstream: Upstream::new(&roots).unwrap(),
            ca,
        }
    }

    /// Opens the upstream leg to `server`; both ends of it.
    async fn connect(
        &self,
        server: ServerConfig,
        name: &PeerName,
        alpn: &[Alpn],
    ) -> (Result<UpstreamTls<TcpStream>, Error>, ServerEnd) {
        let (near, far) = sockets().await;
        let acceptor = TlsAcceptor::from(Arc::new(server));
        within(async { tokio::join!(self.upstream.connect(near, name, alpn), acceptor.accept(far)) }).await
    }

    /// Accepts a workload the way the pipeline does: sniff, mint for what the hello says, replay.
    async fn accept(&self, mut socket: TcpStream, alpn: Option<Alpn>) -> OurDownstreamEnd {
        let mut prefix = Vec::new();
        let hello = loop {
            assert_ne!(socket.read_buf(&mut prefix).await.unwrap(), 0, "closed before the hello was complete");
            match classify(&prefix) {
                Sniff::NeedMore => {}
                Sniff::Tls(hello) => break hello,
                other => panic!("not TLS: {other:?}"),
            }
        };
        let address = PeerName::Ip(Ipv4Addr::LOCALHOST.into());
        let name = hello.sni.name().map_or(address, |name| PeerName::Dns(name.clone()));
        let leaf = self.leaves.leaf(&name, KeyKind::for_client(hello.accepts_ecdsa())).await?;
        self.downstream.accept(Prefixed::new(prefix, socket), leaf, alpn).await
    }

    /// A workload's TLS settings: it trusts our authority and nothing else.
    fn workload(&self) -> ClientConfig {
        self.workload_with(provider(), BOTH)
    }

    fn workload_with(
        &self,
        provider: Arc<rustls::crypto::CryptoProvider>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.anchor().clone()).unwrap();
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    /// One handshake of a workload with us; both ends of it.
    async fn serve(&self, client: Arc<ClientConfig>, name: &str, alpn: Option<Alpn>) -> (ClientEnd, OurDownstreamEnd) {
        let (near, far) = sockets().await;
        let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
        within(async { tokio::join!(TlsConnector::from(client).connect(name, near), self.accept(far, alpn)) }).await
    }
}

#[tokio::test]
async fn what_the_upstream_chose_is_what_the_workload_gets() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    for (offered, supported, chosen) in [
        (vec![Alpn::H2, Alpn::Http11], vec![Alpn::H2, Alpn::Http11], Some(Alpn::H2)),
        (vec![Alpn::H2, Alpn::Http11], vec![Alpn::Http11], Some(Alpn::Http11)),
        (vec![Alpn::H2], vec![], None),
        (vec![], vec![Alpn::H2], None),
    ] {
        let (upstream, _) = gateway.connect(root.server(&supported), &dns(NAME), &offered).await;
        let upstream = upstream.unwrap();
        assert_eq!(upstream.alpn, chosen, "{offered:?} {supported:?}");
        assert!(!upstream.client_certificate_requested);

        let mut client = gateway.workload();
        client.alpn_protocols = offered.iter().map(|a| a.wire().to_vec()).collect();
        let (workload, ours) = gateway.serve(Arc::new(client), NAME, upstream.alpn).await;
        ours.unwrap();
        assert_eq!(workload.unwrap().get_ref().1.alpn_protocol(), chosen.map(Alpn::wire), "{offered:?}");
    }
}

#[tokio::test]
async fn bytes_cross_both_legs_unchanged() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    let (upstream, server) = gateway.connect(root.server(&[]), &dns(NAME), &[]).await;
    let (workload, ours) = gateway.serve(Arc::new(gateway.workload()), NAME, None).await;
    let (mut upstream, mut server) = (upstream.unwrap().stream, server.unwrap());
    let (mut workload, mut ours) = (workload.unwrap(), ours.unwrap());
    let relay = tokio::spawn(async move { tokio::io::copy_bidirectional(&mut ours, &mut upstream).await });
    let message: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    let mut received = Vec::new();
    let send = async {
        workload.write_all(&message).await.unwrap();
        workload.shutdown().await.unwrap();
        assert_eq!(workload.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    };
    let receive = async {
        server.read_to_end(&mut received).await.unwrap();
        server.shutdown().await.unwrap();
    };
    within(async { tokio::join!(send, receive) }).await;
    assert_eq!(within(relay).await.unwrap().unwrap(), (message.len() as u64, 0));
    assert_eq!(received, message);
}

#[tokio::test]
async fn workloads_of_every_kind_verify_our_leaf() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    for (what, provider, versions, name, rsa) in [
        ("TLS 1.3 and 1.2", provider(), BOTH, NAME, false),
        ("TLS 1.2 alone", provider(), TLS12, NAME, false),
        ("an address instead of a name", provider(), BOTH, "127.0.0.1", false),
        ("RSA alone", rsa_only(), BOTH, NAME, true),
        ("RSA and TLS 1.2 alone", rsa_only(), TLS12, NAME, true),
    ] {
        let (workload, ours) = gateway.serve(Arc::new(gateway.workload_with(provider, versions)), name, None).await;
        ours.unwrap_or_else(|e| panic!("{what}: {e}"));
        let workload = workload.unwrap_or_else(|e| panic!("{what}: {e}"));
        let leaf = &workload.get_ref().1.peer_certificates().unwrap()[0];
        let (_, leaf) = x509_parser::parse_x509_certificate(leaf).unwrap();
        // 1.2.840.113549.1.1.1 is rsaEncryption.
        assert_eq!(leaf.public_key().algorithm.algorithm.to_id_string() == "1.2.840.113549.1.1.1", rsa, "{what}");
    }
}

#[tokio::test]
async fn sessions_of_one_requester_are_no_use_to_another() {
    let root = PrivateRoot::new();
    let mut gateway = Gateway::trusting(&root.file());
    let (shared, server) = (gateway.upstream.clone(), root.server(&[]));
    let mut kinds = Vec::new();
    for requester in [1, 2, 1] {
        gateway.upstream = shared.for_requester(requester);
        let (upstream, theirs) = gateway.connect(server.clone(), &dns(NAME), &[]).await;
        let (mut upstream, mut theirs) = (upstream.unwrap().stream, theirs.unwrap());
        theirs.write_all(b"x").await.unwrap();
        theirs.flush().await.unwrap();
        within(upstream.read_u8()).await.unwrap();
        kinds.push(upstream.get_ref().1.handshake_kind().unwrap());
    }
    assert_eq!(kinds, [Full, Full, Resumed]);
}

#[tokio::test]
async fn sessions_resume_across_connections_on_both_legs() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    let client = Arc::new(gateway.workload());
    let server = root.server(&[]);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let (workload, ours) = gateway.serve(Arc::clone(&client), NAME, None).await;
        let (mut workload, mut ours) = (workload.unwrap(), ours.unwrap());
        let (upstream, theirs) = gateway.connect(server.clone(), &dns(NAME), &[]).await;
        let (mut upstream, mut theirs) = (upstream.unwrap().stream, theirs.unwrap());
        // A TLS 1.3 client takes its ticket with the first bytes it reads.
        for server_end in [ours.write_all(b"x").await, theirs.write_all(b"x").await] {
            server_end.unwrap();
        }
        ours.flush().await.unwrap();
        theirs.flush().await.unwrap();
        within(workload.read_u8()).await.unwrap();
        within(upstream.read_u8()).await.unwrap();
        kinds.push((workload.get_ref().1.handshake_kind().unwrap(), upstream.get_ref().1.handshake_kind().unwrap()));
    }
    assert_eq!(kinds, [(Full, Full), (Resumed, Resumed)]);
}

#[tokio::test]
async fn a_wrong_upstream_certificate_is_told_apart() {
    let (root, stranger) = (PrivateRoot::new(), PrivateRoot::new());
    let gateway = Gateway::trusting(&root.file());
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    let other_name = SanType::DnsName("other.test".try_into().unwrap());
    for (what, server) in [
        ("unknown root", stranger.server(&[])),
        ("expired", root.server_with(BOTH, &[], |p| p.not_after = yesterday.into())),
        ("not for this name", root.server_with(BOTH, &[], |p| p.subject_alt_names = vec![other_name])),
        (
            "not for servers",
            root.server_with(BOTH, &[], |p| p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]),
        ),
        ("TLS 1.2, unknown root", stranger.server_with(TLS12, &[], |_| {})),
    ] {
        let (upstream, _) = gateway.connect(server, &dns(NAME), &[]).await;
        let error = upstream.expect_err(what);
        assert!(matches!(error, Error::UpstreamCertificate { .. }), "{what}: {error:?}");
        assert_eq!(error.side(), Side::Upstream);
        assert!(error.to_string().contains(NAME));
    }
}

#[tokio::test]
async fn addresses_are_verified_as_addresses() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    let ip: IpAddr = Ipv4Addr::new(203, 0, 113, 7).into();
    for (san, good) in [
        (SanType::IpAddress(ip), true),
        (SanType::DnsName("203.0.113.7".try_into().unwrap()), false),
        (SanType::DnsName(NAME.try_into().unwrap()), false),
    ] {
        let server = root.server_with(BOTH, &[], |p| p.subject_alt_names = vec![san.clone()]);
        let (upstream, _) = gateway.connect(server, &PeerName::Ip(ip), &[]).await;
        assert_eq!(upstream.is_ok(), good, "{san:?}: {upstream:?}");
    }
}

#[tokio::test]
async fn a_chain_of_our_own_authority_is_refused_even_under_a_trusted_root() {
    // The authority is an intermediate under a root that the gateway has every reason to trust.
    let root = PrivateRoot::new();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Our Intermediate");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let certificate = params.signed_by(&key, &root.issuer).unwrap();
    let files = TempDir::new().unwrap();
    let (certificate_path, key_path) = (files.path().join("ca.pem"), files.path().join("ca.key"));
    std::fs::write(&certificate_path, certificate.pem()).unwrap();
    std::fs::write(&key_path, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key_path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let load = || Arc::new(CertificateAuthority::load(&certificate_path, &key_path, SystemTime::now()).unwrap());

    // Another gateway with the same authority plays the upstream.
    let leaf = Leaves::new(load()).leaf(&dns(NAME), KeyKind::P256).await.unwrap();
    assert_eq!(leaf.cert.len(), 2, "the intermediate is sent");
    let locations = RootLocations { file: Some(root.file()), directories: Vec::new() };
    let unrelated = Arc::new(CertificateAuthority::generate(SystemTime::now()).unwrap());
    for (own, accepted) in [(load(), false), (unrelated, true)] {
        let upstream = Upstream::new(&Roots::load(&locations, &[], &own).unwrap()).unwrap();
        let downstream = Downstream::new().unwrap();
        let (near, far) = sockets().await;
        let name = dns(NAME);
        let both =
            async { tokio::join!(upstream.connect(near, &name, &[]), downstream.accept(far, Arc::clone(&leaf), None)) };
        let (ours, _) = within(both).await;
        assert_eq!(ours.is_ok(), accepted, "{ours:?}");
        assert!(accepted || matches!(ours, Err(Error::UpstreamCertificate { .. })), "{ours:?}");
    }
}

#[tokio::test]
async fn other_upstream_failures_are_sorted() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    // Fatal alerts in a record of their own: handshake_failure, internal_error.
    for (answer, want) in [
        (&b""[..], UpstreamFailure::Closed),
        (&[0x15, 3, 3, 0, 2, 2, 40], UpstreamFailure::Unsupported),
        (&[0x15, 3, 3, 0, 2, 2, 80], UpstreamFailure::Alert),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", UpstreamFailure::Protocol),
    ] {
        let (near, mut far) = sockets().await;
        let name = dns(NAME);
        let server = async {
            far.read_u8().await.unwrap();
            far.write_all(answer).await.unwrap();
            far.shutdown().await.unwrap();
            // Drains the rest of the hello, so that the close is a FIN and not a reset.
            let _ = far.read_to_end(&mut Vec::new()).await;
        };
        let client = async { gateway.upstream.connect(near, &name, &[]).await };
        let (result, ()) = within(async { tokio::join!(client, server) }).await;
        match result {
            Err(Error::UpstreamHandshake { failure, .. }) => assert_eq!(failure, want, "{answer:?}"),
            other => panic!("{answer:?}: {other:?}"),
        }
    }
    let (result, _) = gateway.connect(root.server(&[Alpn::Http11]), &dns(NAME), &[Alpn::H2]).await;
    assert!(matches!(result, Err(Error::UpstreamHandshake { failure: UpstreamFailure::Alpn, .. })), "{result:?}");
}

#[tokio::test]
async fn a_request_for_a_client_certificate_is_noticed() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    for (versions, mandatory) in [(BOTH, false), (BOTH, true), (TLS12, false), (TLS12, true)] {
        let mut roots = RootCertStore::empty();
        roots.add(root.issuer.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let verifier = if mandatory { verifier } else { verifier.allow_unauthenticated() }.build().unwrap();
        let (chain, key) = root.certificate(|_| {});
        let server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        let (upstream, _) = gateway.connect(server, &dns(NAME), &[]).await;
        let requested = match upstream {
            Ok(upstream) => upstream.client_certificate_requested,
            Err(Error::UpstreamHandshake { client_certificate_requested, .. }) => client_certificate_requested,
            Err(other) => panic!("{other:?}"),
        };
        assert!(requested, "mandatory: {mandatory}");
    }
}

#[tokio::test]
async fn a_workload_that_does_not_trust_us_is_told_apart() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    let elsewhere = Gateway::trusting(&root.file());
    for versions in [BOTH, TLS12] {
        let client = elsewhere.workload_with(provider(), versions);
        let (workload, ours) = gateway.serve(Arc::new(client), NAME, None).await;
        assert!(workload.is_err());
        match ours {
            Err(ref error @ Error::ClientRejected { ref detail }) => {
                assert_eq!(detail, "alert unknown_ca");
                assert_eq!(error.side(), Side::Downstream);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn hanging_up_on_our_certificate_is_a_rejection_and_an_alert_before_it_is_not() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    for versions in [BOTH, TLS12] {
        let (mut near, far) = sockets().await;
        let name = rustls_pki_types::ServerName::try_from(NAME).unwrap();
        let settings = Arc::new(gateway.workload_with(provider(), versions));
        let mut hello = Vec::new();
        rustls::ClientConnection::new(settings, name).unwrap().write_tls(&mut hello).unwrap();
        let silent = async {
            near.write_all(&hello).await.unwrap();
            // Our certificate has begun to arrive; the client says nothing and goes.
            near.read_u8().await.unwrap();
            drop(near);
        };
        let ((), ours) = within(async { tokio::join!(silent, gateway.accept(far, None)) }).await;
        match ours {
            Err(Error::ClientRejected { detail }) => assert_eq!(detail, "closed after our certificate"),
            other => panic!("{other:?}"),
        }
    }
    let (mut near, far) = sockets().await;
    // A fatal unknown_ca in place of a hello.
    near.write_all(&[0x15, 3, 3, 0, 2, 2, 48]).await.unwrap();
    let leaf = gateway.leaves.leaf(&dns(NAME), KeyKind::P256).await.unwrap();
    let ours = within(gateway.downstream.accept(far, leaf, None)).await;
    assert!(matches!(ours, Err(Error::DownstreamHandshake(_))), "{ours:?}");
}

#[tokio::test]
async fn a_silent_peer_times_out_on_either_side() {
    let root = PrivateRoot::new();
    let gateway = Gateway::trusting(&root.file());
    let limit = Duration::from_millis(20);
    let (near, _kept_open) = sockets().await;
    let upstream = gateway.upstream.clone().with_handshake_timeout(limit);
    let error = within(upstream.connect(near, &dns(NAME), &[])).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { side: Side::Upstream, .. }), "{error:?}");
    let (_kept_open, far) = sockets().await;
    let leaf = gateway.leaves.leaf(&dns(NAME), KeyKind::P256).await.unwrap();
    let downstream = gateway.downstream.clone().with_handshake_timeout(limit);
    let error = within(downstream.accept(far, leaf, None)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { side: Side::Downstream, .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_connections_for_one_name_mint_once() {
    let root = PrivateRoot::new();
    let gateway = Arc::new(Gateway::trusting(&root.file()));
    let connections: Vec<_> = (0..100)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move {
                let (workload, ours) = gateway.serve(Arc::new(gateway.workload()), NAME, None).await;
                ours.unwrap();
                workload.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
            })
        })
        .collect();
    let mut leaves = Vec::new();
    for connection in connections {
        leaves.push(connection.await.unwrap());
    }
    leaves.dedup();
    assert_eq!((leaves.len(), gateway.leaves.minted()), (1, 1));
}

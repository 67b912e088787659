//! An upstream under a private root, a gateway in front of it, and clients that trust the gateway's authority.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use pipelock_gateway::admin::{AdminState, Facts};
use pipelock_gateway::capture::testing::FakeDatapath;
use pipelock_gateway::capture::{Datapath, Netns, Scope, TargetPolicy, TargetSpec};
use pipelock_gateway::config::Config;
use pipelock_gateway::connection::{Acceptor, Gate, Pulse};
use pipelock_gateway::forward::Door;
use pipelock_gateway::model::Target;
use pipelock_gateway::names::{Answer, Resolve, Resolving};
use pipelock_gateway::pipeline::{Entrance, Gateway, Snapshot, SnapshotOptions};
use pipelock_gateway::report::{AuditFormat, AuditOptions, AuditOutput, Options, Report};
use pipelock_gateway::tls::RootLocations;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;

pub(crate) const NAME: &str = "api.example.test";
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, Box::pin(future)).await.expect("the test's deadline")
}

pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Somebody else's authority, and certificates for [`NAME`] by it.
pub(crate) struct PrivateRoot(CertifiedIssuer<'static, KeyPair>);

impl PrivateRoot {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Private Root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    #[allow(dead_code, reason = "the rig is also that of `reload_load`")]
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn certificate(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let chain = vec![params.signed_by(&key, &self.0).unwrap().der().clone()];
        (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    pub(crate) fn server(&self) -> ServerConfig {
        self.server_for_clients(Arc::new(rustls::server::NoClientAuth))
    }

    pub(crate) fn server_for_clients(&self, verifier: Arc<dyn ClientCertVerifier>) -> ServerConfig {
        let (chain, key) = self.certificate(NAME);
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

/// A server that answers every request with 200 and remembers what it read.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Speaks TLS when there is a configuration, else cleartext.
    pub(crate) async fn start(tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = Arc::clone(&upstream.seen);
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                answer_all(stream, &seen).await;
                            }
                        }
                        None => answer_all(stream, &seen).await,
                    }
                });
            }
        });
        upstream
    }

    /// Does with each connection what `serve` does.
    pub(crate) async fn answering<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        upstream
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Mutex<Vec<String>>) {
    while let Some(request) = message(&mut stream).await {
        seen.lock().unwrap().push(request);
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

/// One HTTP/1 message with its body, by `Content-Length`; `None` when the stream has ended.
pub(crate) async fn message(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// A gateway whose captured connections all meant to go to one upstream.
pub(crate) struct Rig {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) upstream: Upstream,
    pub(crate) listener: SocketAddr,
    pub(crate) datapath: Arc<FakeDatapath>,
    pub(crate) root: PrivateRoot,
    report: Report,
    audit: PathBuf,
    folder: TempDir,
    shutdown: CancellationToken,
}

impl Rig {
    /// In front of a TLS upstream, under `yaml`.
    pub(crate) async fn new(yaml: &str) -> Self {
        let root = PrivateRoot::new();
        let server = root.server();
        Self::before(yaml, root, Some(server)).await
    }

    pub(crate) async fn before(yaml: &str, root: PrivateRoot, server: Option<ServerConfig>) -> Self {
        let upstream = Upstream::start(server).await;
        Self::in_front_of(yaml, root, upstream)
    }

    pub(crate) fn in_front_of(yaml: &str, root: PrivateRoot, upstream: Upstream) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("root.pem"), root.0.pem()).unwrap();
        let (config, snapshot) = build(folder.path(), yaml, None);
        let audit_log = folder.path().join("audit.jsonl");
        let audit = AuditOptions {
            format: AuditFormat::Json,
            output: AuditOutput::File(audit_log.clone()),
            include_allowed: config.logging.include_allowed,
            include_blocked: config.logging.include_blocked,
        };
        let report = Report::open(Options {
            version: "test",
            audit,
            summary: None,
            flight: None,
            emit: pipelock_gateway::report::emit::EmitOptions::default(),
        })
        .unwrap();
        let datapath = Arc::new(FakeDatapath::new());
        datapath.steer_all(upstream.address);
        let gateway = Gateway::new(Arc::clone(&datapath) as Arc<dyn Datapath>, snapshot, report.clone(), 1);
        let target = TargetSpec {
            name: "rig".to_owned(),
            labels: std::collections::BTreeMap::new(),
            scope: Scope::Cgroup("/".into()),
            netns: Netns::Own,
            policy: TargetPolicy { ipv6_upstream: false, ..TargetPolicy::default() },
        };
        let armed = datapath.arm(&target).unwrap();
        let listener = armed.listeners.into_iter().next().unwrap();
        let address = listener.local_addr().unwrap();
        let bounds = &config.limits;
        let gate = Gate::new(bounds.connections, bounds.connections_per_workload);
        gateway.set_gate(Arc::clone(&gate));
        let labels = std::collections::BTreeMap::from([("app".to_owned(), "rig".to_owned())]);
        let acceptor = Acceptor {
            target: Some(Arc::new(Target { name: "rig".to_owned(), labels })),
            datapath: Arc::clone(&datapath) as Arc<dyn Datapath>,
            netns: armed.netns,
            gate,
            ids: gateway.ids(),
            accepted: Arc::new(Arc::clone(&gateway)),
        };
        let shutdown = CancellationToken::new();
        let listener = TcpListener::from_std(listener).unwrap();
        tokio::spawn(acceptor.run(listener, shutdown.clone(), Pulse::default().join()));
        Self { gateway, upstream, listener: address, datapath, report, audit: audit_log, root, folder, shutdown }
    }

    /// Opens an explicit proxy port, where every name is an address of loopback.
    pub(crate) async fn door(&self) -> SocketAddr {
        let entrance = Entrance::new(Arc::clone(&self.gateway));
        let facts = Facts {
            version: "test",
            mode: "balanced",
            dlp_patterns: 1,
            request_body_scan_enabled: true,
            response_scan_enabled: true,
            tls_interception_enabled: true,
            forward_proxy_enabled: true,
        };
        let metrics = self.gateway.metrics().clone();
        let admin = Arc::new(AdminState::new(facts, metrics.clone()));
        let door =
            Door::new(entrance.options(), entrance.clone(), Arc::new(AllHere), Arc::new(entrance), admin, metrics);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        self.gateway.set_door(address, door.hatch());
        self.gateway.add_own_listener(address);
        tokio::spawn(door.serve(listener, self.shutdown.clone()));
        address
    }

    /// Writes a private file beside the configuration.
    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Audit records with a field of this name, once nothing more is to be written.
    pub(crate) async fn records(&self, kind: &str) -> Vec<String> {
        let report = self.report.clone();
        tokio::task::spawn_blocking(move || report.close(DEADLINE).unwrap()).await.unwrap();
        let text = std::fs::read_to_string(&self.audit).unwrap();
        let wanted = |line: &&str| kind != "request" || line.contains("\"request_bytes\"");
        text.lines().filter(wanted).map(str::to_owned).collect()
    }

    /// Puts another configuration in force.
    pub(crate) fn reconfigure(&self, yaml: &str) -> usize {
        let before = self.gateway.snapshot();
        self.gateway.replace(build(self.folder.path(), yaml, Some(&before)).1)
    }

    /// The same from a file that may be wrong: then what was in force stays, and the error says where.
    #[allow(dead_code, reason = "the rig is also that of `reload_load`, which is the one to use it")]
    pub(crate) fn try_reconfigure(&self, yaml: &str) -> Result<usize, String> {
        let file = self.folder.path().join("pipelock.yaml");
        std::fs::write(&file, yaml).unwrap();
        match Config::load(&file) {
            Ok(_) => Ok(self.reconfigure(yaml)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A client that trusts the gateway and the upstream's own root.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        if let Some(opener) = &self.gateway.snapshot().tls {
            roots.add(opener.ca.anchor().clone()).unwrap();
        }
        roots.add(self.root.der()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        builder.with_root_certificates(roots).with_no_client_auth()
    }

    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_with(self.client()).await.unwrap()
    }

    pub(crate) async fn connect_with(&self, client: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.listener).await.unwrap();
        let name = ServerName::try_from(NAME).unwrap();
        within(TlsConnector::from(Arc::new(client)).connect(name, stream)).await
    }

    /// A line of `/metrics`.
    pub(crate) fn metric(&self, series: &str) -> Option<String> {
        let text = self.gateway.metrics().render();
        text.lines().find_map(|line| line.strip_prefix(&format!("{series} "))).map(str::to_owned)
    }
}

/// Knows every name, and all of them are here.
struct AllHere;

impl Resolve for AllHere {
    fn resolve<'a>(&'a self, _: &'a pipelock_gateway::model::ServerName) -> Resolving<'a> {
        let answer = Answer { addresses: vec![Ipv4Addr::LOCALHOST.into()], ttl: Duration::from_mins(1) };
        Box::pin(async { Ok(answer) })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Reads `yaml` as a file whose upstream roots are `root.pem` beside it.
fn build(folder: &Path, yaml: &str, before: Option<&Snapshot>) -> (Config, Snapshot) {
    let file = folder.join("pipelock.yaml");
    std::fs::write(&file, yaml).unwrap();
    let (config, _) = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
    let roots = RootLocations { file: Some(folder.join("root.pem")), directories: Vec::new() };
    let open_tls = config.tls_interception.enabled.unwrap_or(true);
    let options = SnapshotOptions { open_tls, roots, now: SystemTime::now() };
    let snapshot = match before {
        Some(before) => Snapshot::rebuild(&config, &options, before),
        None => Snapshot::build(&config, &options),
    };
    (config, snapshot.unwrap())
}

/// Sends one request and reads the answer.
pub(crate) async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> Option<String> {
    stream.write_all(request.as_bytes()).await.ok()?;
    within(message(stream)).await
}

pub(crate) fn get(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

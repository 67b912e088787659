//! The leg towards the Internet: TLS with the peer the workload asked for, verified, before the workload is answered.
//!
//! It offers what it is told to offer and says what was chosen. It never retries and never relaxes verification.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName as TlsName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ca::CertificateAuthority;
use super::error::{Error, UpstreamFailure};
use super::roots::Roots;
use super::{HANDSHAKE_TIMEOUT, provider};
use crate::model::{Alpn, PeerName, Side};

/// Sessions remembered for resumption; rustls' default is 256.
const SESSION_CAPACITY: usize = 1024;

/// Sessions of one requester; few programs talk to more servers at a time. rustls reserves room for all of them at once.
const REQUESTER_SESSIONS: usize = 64;

/// Requesters whose sessions are remembered; one that is forgotten only pays for full handshakes.
const MAX_REQUESTERS: usize = 256;

tokio::task_local! {
    /// Set when the upstream of the handshake that is being polled asks for a client certificate. Task-local and not a field
    /// of a resolver made for each connection, because rustls resumes a session only under the very resolver it began with.
    static CLIENT_CERTIFICATE_REQUESTED: Cell<bool>;
}

/// Opens TLS to upstreams.
///
/// One value has one session store. [`Upstream::for_requester`] gives each workload one of its own, so that nobody outside can
/// link two workloads by their tickets, and none uses another's.
#[derive(Clone, Debug)]
pub struct Upstream {
    config: Arc<ClientConfig>,
    requesters: Arc<Cache<u64, Arc<ClientConfig>>>,
    handshake_timeout: Duration,
}

/// An open upstream leg.
#[derive(Debug)]
pub struct UpstreamTls<IO> {
    /// The encrypted stream.
    pub stream: TlsStream<IO>,
    /// The protocol the upstream chose; `None` when it chose none, which means HTTP/1.1.
    pub alpn: Option<Alpn>,
    /// It asked for a client certificate and got none; if it then refuses requests, this is why.
    pub client_certificate_requested: bool,
}

impl Upstream {
    /// Verifies upstreams against `roots`.
    pub fn new(roots: &Roots) -> Result<Self, Error> {
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots.store), provider())
            .build()
            // The only way to fail is an empty store: without a root no upstream can be verified.
            .map_err(|e| Error::Setup(rustls::Error::General(format!("no upstream roots: {e}"))))?;
        let verifier = NotOurselves { webpki, own: Arc::clone(&roots.own) };
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(NoteRequest));
        config.resumption = Resumption::in_memory_sessions(SESSION_CAPACITY);
        config.enable_early_data = false;
        let requesters = Arc::new(Cache::new(MAX_REQUESTERS));
        Ok(Self { config: Arc::new(config), requesters, handshake_timeout: HANDSHAKE_TIMEOUT })
    }

    /// The same with the sessions of this requester alone; what the number means is the caller's business.
    #[must_use]
    pub fn for_requester(&self, requester: u64) -> Self {
        let own = || {
            let mut config = ClientConfig::clone(&self.config);
            config.resumption = Resumption::in_memory_sessions(REQUESTER_SESSIONS);
            Ok::<_, Infallible>(Arc::new(config))
        };
        let Ok(config) = self.requesters.get_or_insert_with(&requester, own);
        Self { config, ..self.clone() }
    }

    /// The same with another limit than [`HANDSHAKE_TIMEOUT`]; sessions stay shared.
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Opens TLS over a connected stream, as a client that asked for `name` and offers `alpn` in that order; nothing is offered
    /// when it is empty.
    ///
    /// Dropping the future closes the stream.
    ///
    /// # Errors
    /// [`Error::UpstreamCertificate`] when the peer is not proven to be `name`; [`Error::UpstreamHandshake`] for everything else
    /// it did wrong; [`Error::Timeout`]; [`Error::Name`] when `name` cannot be asked for.
    pub async fn connect<IO>(&self, stream: IO, name: &PeerName, alpn: &[Alpn]) -> Result<UpstreamTls<IO>, Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let tls_name = match name {
            PeerName::Dns(dns) => {
                TlsName::try_from(dns.as_str().to_owned()).map_err(|_| Error::Name { name: name.clone() })?
            }
            PeerName::Ip(ip) => TlsName::from(*ip),
        };
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let offer = alpn.iter().map(|a| a.wire().to_vec()).collect();
        // Boxed: the handshake's state is several KiB that would otherwise live in the connection's future to its end.
        let handshake = Box::pin(async {
            let done = connector.with_alpn(offer).connect(tls_name, stream).await;
            (done, CLIENT_CERTIFICATE_REQUESTED.try_with(Cell::get).unwrap_or(false))
        });
        let timed = tokio::time::timeout(
            self.handshake_timeout,
            CLIENT_CERTIFICATE_REQUESTED.scope(Cell::new(false), handshake),
        );
        let Ok((done, client_certificate_requested)) = timed.await else {
            return Err(Error::Timeout { side: Side::Upstream, after: self.handshake_timeout });
        };
        let stream = done.map_err(|e| failure(name, client_certificate_requested, e))?;
        let chosen = stream.get_ref().1.alpn_protocol().and_then(Alpn::from_wire);
        Ok(UpstreamTls { stream, alpn: chosen, client_certificate_requested })
    }
}

/// Sorts a failed handshake by what it means for the workload.
fn failure(name: &PeerName, client_certificate_requested: bool, error: io::Error) -> Error {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let failure = match tls {
        Some(source @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) => {
            return Error::UpstreamCertificate { name: name.clone(), source: source.clone() };
        }
        None => UpstreamFailure::Closed,
        Some(
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity,
            ),
        ) => UpstreamFailure::Unsupported,
        Some(
            rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)
            | rustls::Error::NoApplicationProtocol,
        ) => UpstreamFailure::Alpn,
        Some(rustls::Error::AlertReceived(_)) => UpstreamFailure::Alert,
        Some(_) => UpstreamFailure::Protocol,
    };
    Error::UpstreamHandshake { name: name.clone(), failure, client_certificate_requested, source: Some(error) }
}

/// Has no certificate, and remembers that one was asked for.
#[derive(Debug)]
struct NoteRequest;

impl ResolvesClientCert for NoteRequest {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        // Outside of a scope there is nobody to tell: `connect` is the only caller and always opens one.
        let _ = CLIENT_CERTIFICATE_REQUESTED.try_with(|requested| requested.set(true));
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// webpki's verifier, which also refuses every chain that our own authority stands in.
///
/// Taking our certificate out of the roots is not enough when it is an intermediate under a root that stays in.
#[derive(Debug)]
struct NotOurselves {
    webpki: Arc<WebPkiServerVerifier>,
    own: Arc<CertificateAuthority>,
}

impl ServerCertVerifier for NotOurselves {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &TlsName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if std::iter::once(end_entity).chain(intermediates).any(|c| self.own.is_own(c)) {
            return Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

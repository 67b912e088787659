//! The leg towards the workload: TLS as the server it asked for, with a leaf of ours.
//!
//! It selects exactly the application protocol that the upstream chose. Whether the workload believes us shows here, and a
//! workload that does not is an error to be told, never a reason to relay.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::error::Error;
use super::{HANDSHAKE_TIMEOUT, provider};
use crate::model::{Alpn, Side};

/// TLS 1.2 sessions remembered by id, for clients without tickets; rustls' default.
const SESSION_CAPACITY: usize = 256;

/// Tickets sent after a TLS 1.3 handshake, as rustls and most servers do.
const TICKETS: usize = 2;

/// Answers workloads. One configuration for each protocol that can be selected; all share tickets and sessions.
#[derive(Clone, Debug)]
pub struct Downstream {
    none: Arc<ServerConfig>,
    http11: Arc<ServerConfig>,
    h2: Arc<ServerConfig>,
    handshake_timeout: Duration,
}

/// An open downstream leg.
pub type DownstreamTls<IO> = TlsStream<IO>;

impl Downstream {
    /// Makes the three configurations.
    pub fn new() -> Result<Self, Error> {
        let mut base = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(NoLeaf));
        base.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(Error::Setup)?;
        base.session_storage = ServerSessionMemoryCache::new(SESSION_CAPACITY);
        base.send_tls13_tickets = TICKETS;
        base.max_early_data_size = 0;
        let selecting = |alpn: Alpn| {
            let mut config = base.clone();
            config.alpn_protocols = vec![alpn.wire().to_vec()];
            Arc::new(config)
        };
        Ok(Self {
            http11: selecting(Alpn::Http11),
            h2: selecting(Alpn::H2),
            none: Arc::new(base),
            handshake_timeout: HANDSHAKE_TIMEOUT,
        })
    }

    /// The same with another limit than [`HANDSHAKE_TIMEOUT`]; tickets stay valid for both.
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Finishes the workload's handshake over a stream that still has its `ClientHello` to read (see [`super::Prefixed`]).
    ///
    /// `alpn` is what the upstream chose: exactly that is selected, or nothing. Dropping the future closes the stream.
    ///
    /// # Errors
    /// [`Error::ClientRejected`] when the workload does not believe our certificate; [`Error::DownstreamHandshake`] for
    /// everything else it did wrong; [`Error::Timeout`].
    pub async fn accept<IO>(
        &self,
        stream: IO,
        leaf: Arc<CertifiedKey>,
        alpn: Option<Alpn>,
    ) -> Result<DownstreamTls<IO>, Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let shared = match alpn {
            None => &self.none,
            Some(Alpn::Http11) => &self.http11,
            Some(Alpn::H2) => &self.h2,
        };
        let shown = Arc::new(OneLeaf { leaf, shown: AtomicBool::new(false) });
        // A clone copies pointers: ticketer, session store and provider stay shared, so resumption works across connections.
        let mut config = ServerConfig::clone(shared);
        config.cert_resolver = Arc::clone(&shown) as Arc<dyn ResolvesServerCert>;
        let handshake = Box::pin(TlsAcceptor::from(Arc::new(config)).accept(stream));
        match tokio::time::timeout(self.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(rejection(shown.shown.load(Ordering::Relaxed), error)),
            Err(_) => Err(Error::Timeout { side: Side::Downstream, after: self.handshake_timeout }),
        }
    }
}

/// Tells a workload that does not trust us from one that broke off for another reason.
fn rejection(certificate_shown: bool, error: io::Error) -> Error {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        // A resumed session shows no certificate, so there is nothing such an alert could be about.
        Some(rustls::Error::AlertReceived(alert)) if certificate_shown && is_about_certificate(*alert) => {
            Error::ClientRejected { detail: format!("alert {}", alert_name(*alert)) }
        }
        // Some clients (old Node, Go with a custom verifier) hang up without a word.
        None if certificate_shown && is_hang_up(error.kind()) => {
            Error::ClientRejected { detail: "closed after our certificate".to_owned() }
        }
        _ => Error::DownstreamHandshake(error),
    }
}

/// The alerts a client may send when it refuses a certificate (RFC 8446 §6.2).
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
    )
}

/// The name in the IANA "TLS Alerts" registry, which is what an operator will search for.
fn alert_name(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnknownCA => "unknown_ca",
        AlertDescription::BadCertificate => "bad_certificate",
        AlertDescription::CertificateUnknown => "certificate_unknown",
        AlertDescription::UnsupportedCertificate => "unsupported_certificate",
        AlertDescription::CertificateExpired => "certificate_expired",
        AlertDescription::CertificateRevoked => "certificate_revoked",
        _ => "other",
    }
}

fn is_hang_up(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
    )
}

/// The leaf of one connection, and whether it was shown.
#[derive(Debug)]
struct OneLeaf {
    leaf: Arc<CertifiedKey>,
    shown: AtomicBool,
}

impl ResolvesServerCert for OneLeaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.shown.store(true, Ordering::Relaxed);
        Some(Arc::clone(&self.leaf))
    }
}

/// Stands in the shared configurations, which are never used without a leaf.
#[derive(Debug)]
struct NoLeaf;

impl ResolvesServerCert for NoLeaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

//! What can go wrong with TLS, by the side that caused it.
//!
//! Messages print their own level; causes go through `source()`. No variant holds key material.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustls::AlertDescription;

use crate::model::{PeerName, Side};

/// A failure of one TLS leg, of the certificate authority, or of the trust files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("reading {what} {path}", path = path.display())]
    Read {
        /// Which file, in the words of the configuration.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("writing {path}", path = path.display())]
    Write {
        /// Which file or directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The certificate authority cannot be used.
    #[error("cannot use the CA in {path}: {problem}", path = path.display())]
    Ca {
        /// The file at fault: certificate or key.
        path: PathBuf,
        /// What is wrong with it, with the remedy.
        problem: CaProblem,
    },
    /// A file of root certificates holds none, or something that is no certificate.
    #[error("no usable certificates in {path}: {detail}", path = path.display())]
    Roots {
        /// Which file or directory.
        path: PathBuf,
        /// What was found instead.
        detail: String,
    },
    /// A certificate could not be made.
    #[error("making a certificate")]
    Mint(#[source] rcgen::Error),
    /// rustls refused a key or a setting of ours.
    #[error("setting up TLS")]
    Setup(#[source] rustls::Error),
    /// More new names than may be minted for at a time; the connection must be refused, not relayed.
    #[error("too many new certificate names, refusing {name}")]
    MintRate {
        /// The name that was asked for.
        name: PeerName,
    },
    /// The name cannot stand in a TLS handshake.
    #[error("{name} cannot be used as a TLS server name")]
    Name {
        /// The name.
        name: PeerName,
    },
    /// The upstream's certificate does not verify for the name. Never to be answered by relaying unopened.
    #[error("certificate of {name} does not verify")]
    UpstreamCertificate {
        /// Who it should have been.
        name: PeerName,
        /// What is wrong with the certificate.
        #[source]
        source: rustls::Error,
    },
    /// The upstream handshake failed for another reason.
    #[error("TLS handshake with upstream {name}: {failure}")]
    UpstreamHandshake {
        /// Who was dialled.
        name: PeerName,
        /// Which kind of failure.
        failure: UpstreamFailure,
        /// Whether the upstream had asked for a client certificate, which we do not have.
        client_certificate_requested: bool,
        /// The cause, where there is one.
        #[source]
        source: Option<io::Error>,
    },
    /// The workload refused the certificate we showed: it does not trust our authority.
    #[error("workload rejected our certificate: {detail}")]
    ClientRejected {
        /// The alert, or the way it hung up.
        detail: String,
    },
    /// The workload's handshake failed for another reason.
    #[error("TLS handshake with workload")]
    DownstreamHandshake(#[source] io::Error),
    /// A handshake took too long.
    #[error("TLS handshake timed out after {} s on the {} side", after.as_secs(), side.as_str())]
    Timeout {
        /// Which leg.
        side: Side,
        /// The limit.
        after: Duration,
    },
}

/// Whether an upstream, asked on after its handshake, broke off for want of a client certificate: with TLS 1.3 it says so only
/// then, by an alert (RFC 8446 §4.4.2.4 and §6.2). Only to be asked of an upstream that had asked for one.
#[must_use]
pub fn refuses_for_certificate(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        tls,
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::HandshakeFailure
        ))
    )
}

impl Error {
    /// Whether the upstream wanted a client certificate and got none.
    #[must_use]
    pub fn wants_client_certificate(&self) -> bool {
        matches!(self, Self::UpstreamHandshake { client_certificate_requested: true, .. })
    }

    /// Whether the upstream speaks no TLS version or cipher suite that we do.
    #[must_use]
    pub fn is_legacy_tls(&self) -> bool {
        matches!(self, Self::UpstreamHandshake { failure: UpstreamFailure::Unsupported, .. })
            && !self.wants_client_certificate()
    }

    /// Whose fault it is, for records and metrics.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Ca { .. }
            | Self::Roots { .. }
            | Self::Mint(_)
            | Self::Setup(_) => Side::Gateway,
            Self::UpstreamCertificate { .. } | Self::UpstreamHandshake { .. } => Side::Upstream,
            Self::MintRate { .. } | Self::Name { .. } | Self::ClientRejected { .. } | Self::DownstreamHandshake(_) => {
                Side::Downstream
            }
            Self::Timeout { side, .. } => *side,
        }
    }
}

/// Which way an upstream handshake failed, certificate trouble and timeouts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamFailure {
    /// It closed or reset the connection.
    Closed,
    /// It speaks no version or cipher suite that we do.
    Unsupported,
    /// It sent an alert.
    Alert,
    /// It chose an application protocol that was not offered, or none of the offered ones would do.
    Alpn,
    /// It broke the protocol.
    Protocol,
}

impl UpstreamFailure {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Unsupported => "unsupported",
            Self::Alert => "alert",
            Self::Alpn => "alpn",
            Self::Protocol => "protocol",
        }
    }
}

impl std::fmt::Display for UpstreamFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a certificate authority is refused. Each message ends in what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaProblem {
    /// No certificate in the file.
    #[error("no PEM certificate in it; ca_cert must be a PEM file that begins with the signing certificate")]
    NoCertificate,
    /// The first certificate does not parse.
    #[error("its first certificate is not valid DER; re-export it")]
    BadCertificate,
    /// No key in the file.
    #[error("no private key in it; ca_key must be PEM with a PKCS#8, SEC1 (EC) or PKCS#1 (RSA) key, not encrypted")]
    NoKey,
    /// The key is of a kind that is not used.
    #[error("unsupported key; use P-256, P-384 or RSA of at least 2048 bits")]
    UnsupportedKey,
    /// Certificate and key are not a pair.
    #[error("the key does not belong to the certificate; ca_cert and ca_key must be a pair")]
    KeyMismatch,
    /// basicConstraints or keyUsage do not allow signing certificates.
    #[error("it is not a CA certificate; it needs basicConstraints CA:TRUE and, if keyUsage is present, keyCertSign")]
    NotACa,
    /// Its validity has ended.
    #[error("it expired at {0}; make a new CA and distribute it to the workloads")]
    Expired(String),
    /// Its validity has not begun.
    #[error("it is not valid before {0}; check the clock, or wait")]
    NotYetValid(String),
    /// It is signed with MD5 or SHA-1.
    #[error("it is signed with a broken hash ({0}); make a new CA with SHA-256")]
    WeakSignature(&'static str),
    /// An RSA key of less than 2048 bits.
    #[error("its RSA key has {0} bits; make a new CA with a P-256 key, or RSA of at least 2048 bits")]
    ShortRsa(usize),
    /// The key file is too widely accessible.
    #[error("key mode {mode:04o} is wider than 0640; run: chmod 0640 {path}")]
    KeyMode {
        /// The permission bits found.
        mode: u32,
        /// The key file.
        path: String,
    },
    /// A certificate it issues would not name it the way its own certificate does.
    #[error("its subject name cannot be reproduced exactly; make a new CA with one plain UTF-8 common name")]
    Subject,
}

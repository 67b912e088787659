//! The private certificate authority of the upstream double.
//!
//! Made anew for each node, so that no test can pass because of a certificate left over from another. It stands for the
//! public roots: the gateway is told about it with `tls_interception.upstream_ca_files`. It is not the gateway's own CA.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Subject of the root, by which a client can tell the upstream's own certificate from one the gateway minted.
pub const ROOT_NAME: &str = "pipelock test upstream root";

/// A root certificate with its key.
#[derive(Debug)]
pub struct Root {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Root {
    /// Makes a root whose chains pass strict verifiers (`VERIFY_X509_STRICT` of Python 3.13).
    ///
    /// # Errors
    /// When the key generator fails.
    pub fn generate() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, ROOT_NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().context("generating the root key")?)
            .context("signing the root")?;
        Ok(Self { issuer })
    }

    /// The root certificate in PEM, as clients and `upstream_ca_files` read it.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The root's private key in PEM (PKCS#8), for cases about how the gateway treats key files.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A TLS server configuration with one leaf for all the names and addresses, offering these ALPN protocols.
    ///
    /// # Errors
    /// When a name is not a valid DNS name.
    pub fn server_config(&self, names: &[&str], addresses: &[IpAddr], alpn: &[&str]) -> Result<Arc<ServerConfig>> {
        let (leaf, key) = self.leaf(names, addresses)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .context("TLS versions")?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .context("installing the leaf")?;
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// A leaf for these names with its key, one PEM text as other servers read it.
    ///
    /// # Errors
    /// When a name is not a valid DNS name.
    pub fn leaf_pem(&self, names: &[&str]) -> Result<String> {
        let (leaf, key) = self.leaf(names, &[])?;
        Ok(leaf.pem() + &key.serialize_pem())
    }

    fn leaf(&self, names: &[&str], addresses: &[IpAddr]) -> Result<(Certificate, KeyPair)> {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).context("leaf names")?;
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("upstream"));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().context("generating the leaf key")?;
        let leaf = params.signed_by(&key, &self.issuer).context("signing the leaf")?;
        Ok((leaf, key))
    }
}

/// The one cryptography provider of the workspace, named explicitly as everywhere else.
#[must_use]
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A TLS client configuration that trusts what stands in these PEM files and nothing else. No ALPN is offered.
///
/// # Errors
/// When a file cannot be read or is not PEM.
pub fn trusting(files: &[impl AsRef<Path>]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for file in files.iter().map(AsRef::as_ref) {
        for certificate in CertificateDer::pem_file_iter(file).with_context(|| format!("reading {}", file.display()))? {
            // A system's bundle may hold roots rustls does not understand; the one that matters shows in the handshake.
            roots.add(certificate?).ok();
        }
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

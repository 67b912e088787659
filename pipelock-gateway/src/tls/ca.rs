//! The certificate authority: made, or loaded and checked, and able to sign leaves.
//!
//! It never signs anything that it is handed from outside: [`super::leaf`] builds what is signed. What clients need to trust
//! it is written by [`super::trust`].

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, PublicKeyData as _, SerialNumber,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{FromDer as _, ParsedExtension};
use x509_parser::public_key::PublicKey;
use zeroize::{Zeroize as _, Zeroizing};

use super::error::{CaProblem, Error};

/// How long a generated authority lives: two years.
const LIFETIME: Duration = Duration::from_hours(2 * 365 * 24);

/// A generated authority is valid from an hour before, for clients whose clock is behind.
const BACKDATE: Duration = Duration::from_hours(1);

/// The largest certificate or key file read; a chain of a dozen certificates has 20 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Permission bits that a key file may not have: write or execute for the group, anything for others.
const FORBIDDEN_KEY_MODE: u32 = 0o037;

/// The SHA-256 of a certificate's DER, the way tools print it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(i, b)| write!(f, "{}{b:02X}", if i == 0 { "" } else { ":" }))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signing key that is wiped when dropped: rcgen keeps a DER copy, which aws-lc's own wiping does not reach.
pub(super) struct CaKey(KeyPair);

impl CaKey {
    fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }
}

impl rcgen::PublicKeyData for CaKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        rcgen::PublicKeyData::algorithm(&self.0)
    }
}

impl rcgen::SigningKey for CaKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

impl Drop for CaKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What a new authority is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The organization in its name.
    pub organization: Option<String>,
    /// How long it is valid.
    pub lifetime: Duration,
    /// How many authorities may stand below it. 1 lets it vouch for its successor, so that a rotation needs no restart of
    /// clients; whoever has the key could sign anything either way.
    pub path_length: u8,
    /// DNS trees it may sign for, and nothing else; empty for no bound. A leaked key is then worth that much less.
    pub permitted: Vec<String>,
}

impl Default for Profile {
    fn default() -> Self {
        Self { organization: None, lifetime: LIFETIME, path_length: 0, permitted: Vec::new() }
    }
}

impl Profile {
    /// Addresses are excluded whole: a list of names alone would leave them free (RFC 5280 §4.2.1.10).
    fn constraints(&self) -> Option<NameConstraints> {
        let (v4, v6) = (CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16]));
        let trees = || self.permitted.iter().map(|tree| GeneralSubtree::DnsName(tree.clone()));
        (!self.permitted.is_empty()).then(|| NameConstraints {
            permitted_subtrees: trees().collect(),
            excluded_subtrees: vec![GeneralSubtree::IpAddress(v4), GeneralSubtree::IpAddress(v6)],
        })
    }
}

/// A certificate authority with its key. Signing a leaf takes about 25 µs with a P-256 key, 310 µs with RSA.
pub struct CertificateAuthority {
    issuer: Issuer<'static, CaKey>,
    certificate: CertificateDer<'static>,
    /// What follows the leaf in a handshake: the signer unless it is a root, and the intermediates above it.
    intermediates: Vec<CertificateDer<'static>>,
    anchor: CertificateDer<'static>,
    subject: Vec<u8>,
    spki: Vec<u8>,
    validity: (SystemTime, SystemTime),
    /// Parts of the certificate that strict verifiers miss.
    missing: Vec<&'static str>,
}

impl CertificateAuthority {
    /// Makes a new authority: P-256, pathlen 0, two years.
    pub fn generate(now: SystemTime) -> Result<Self, Error> {
        Self::make(&Profile::default(), now)
    }

    /// Makes a new authority with a P-256 key.
    ///
    /// # Errors
    /// [`Error::Mint`] when a certificate cannot be made, [`Error::Ca`] when it would be none that this gateway uses.
    pub fn make(profile: &Profile, now: SystemTime) -> Result<Self, Error> {
        let key = CaKey(KeyPair::generate().map_err(Error::Mint)?);
        let mut params = CertificateParams::default();
        params.not_before = (now - BACKDATE).into();
        params.not_after = (now + profile.lifetime).into();
        params.serial_number = Some(random_serial()?);
        params.distinguished_name = name_of(&key, profile.organization.as_deref());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(profile.path_length));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = profile.constraints();
        let certificate = params.self_signed(&key).map_err(Error::Mint)?;
        // The same checks as for a loaded one, so that there is one definition of a usable authority.
        Self::from_parts(std::slice::from_ref(certificate.der()), key, now)
            .map_err(|problem| Error::Ca { path: "(generated)".into(), problem })
    }

    /// Loads an authority from PEM files.
    ///
    /// The certificate file begins with the signing certificate; when that is an intermediate, the certificates above it
    /// follow. The key is PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// [`Error::Read`] when a file is missing; [`Error::Ca`] naming the file, the problem and the remedy otherwise.
    pub fn load(certificate_path: &Path, key_path: &Path, now: SystemTime) -> Result<Self, Error> {
        let certificate_error = |problem| Error::Ca { path: certificate_path.to_owned(), problem };
        let key_error = |problem| Error::Ca { path: key_path.to_owned(), problem };
        let pem = read_bounded("CA certificate", certificate_path)?;
        let chain = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| certificate_error(CaProblem::BadCertificate))?;
        // The certificate is judged first: "expired" is more useful than "key does not match" when both are true.
        let first = chain.first().ok_or_else(|| certificate_error(CaProblem::NoCertificate))?;
        check_certificate(first, now).map_err(certificate_error)?;
        let key = load_key(key_path, first).map_err(|e| match e {
            KeyFailure::Read(source) => Error::Read { what: "CA key", path: key_path.to_owned(), source },
            KeyFailure::Problem(problem) => key_error(problem),
        })?;
        Self::from_parts(&chain, key, now).map_err(|problem| match problem {
            CaProblem::KeyMismatch => key_error(problem),
            _ => certificate_error(problem),
        })
    }

    /// The certificate of `other` as signed by this authority: who trusts this one then believes what `other` signs, as long
    /// as the certificate is sent behind the leaf. `None` when this one may have no authority below it (pathlen 0).
    ///
    /// # Errors
    /// [`Error::Mint`].
    pub fn cross_sign(&self, other: &Self, now: SystemTime) -> Result<Option<CertificateDer<'static>>, Error> {
        let own = X509Certificate::from_der(&self.certificate).ok();
        let basic = own.as_ref().and_then(|(_, parsed)| parsed.basic_constraints().ok().flatten());
        if basic.is_none_or(|basic| basic.value.path_len_constraint == Some(0)) {
            return Ok(None);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = name_of(other.issuer.key(), None);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (now - BACKDATE).max(self.validity.0).into();
        params.not_after = other.validity.1.min(self.validity.1).into();
        params.serial_number = Some(random_serial()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(other.issuer.key(), &self.issuer).map_err(Error::Mint)?;
        // Only a name that is the same byte for byte makes it a certificate of the same authority.
        let same = X509Certificate::from_der(certificate.der())
            .is_ok_and(|(_, cross)| cross.tbs_certificate.subject.as_raw() == other.subject);
        Ok(same.then(|| certificate.der().clone()))
    }

    fn from_parts(chain: &[CertificateDer<'static>], key: CaKey, now: SystemTime) -> Result<Self, CaProblem> {
        let certificate = chain.first().cloned().ok_or(CaProblem::NoCertificate)?;
        check_certificate(&certificate, now)?;
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| CaProblem::BadCertificate)?;
        let spki = parsed.tbs_certificate.subject_pki.raw.to_vec();
        if key.subject_public_key_info() != spki {
            return Err(CaProblem::KeyMismatch);
        }
        let anchor = chain.iter().find(|c| is_self_issued(c)).unwrap_or(&certificate).clone();
        let intermediates = chain.iter().filter(|c| !is_self_issued(c)).cloned().collect();
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| CaProblem::Subject)?;
        let ca = Self {
            issuer,
            intermediates,
            anchor,
            subject: parsed.tbs_certificate.subject.as_raw().to_vec(),
            spki,
            validity: (
                parsed.validity().not_before.to_datetime().into(),
                parsed.validity().not_after.to_datetime().into(),
            ),
            missing: missing_extensions(&parsed),
            certificate: certificate.clone(),
        };
        ca.self_test()?;
        Ok(ca)
    }

    /// Signs a throw-away certificate: its issuer must be our subject byte for byte, or no client will build the chain. The
    /// name passes through rcgen's own representation, which does not know every string type.
    fn self_test(&self) -> Result<(), CaProblem> {
        let key = KeyPair::generate().map_err(|_| CaProblem::UnsupportedKey)?;
        let probe =
            CertificateParams::default().signed_by(&key, &self.issuer).map_err(|_| CaProblem::UnsupportedKey)?;
        let (_, parsed) = X509Certificate::from_der(probe.der()).map_err(|_| CaProblem::Subject)?;
        if parsed.tbs_certificate.issuer.as_raw() == self.subject { Ok(()) } else { Err(CaProblem::Subject) }
    }

    /// The certificate whose key signs leaves.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What workloads must trust: the root of the loaded chain, or the signing certificate when no root was given.
    #[must_use]
    pub fn anchor(&self) -> &CertificateDer<'static> {
        &self.anchor
    }

    /// Whether another one has the same certificate and sends the same chain: leaves of one pass for leaves of the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.certificate == other.certificate && self.intermediates == other.intermediates
    }

    /// The fingerprint of the signing certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// When the signing certificate ends.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.validity.1
    }

    /// Whether it may sign for some names only.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        X509Certificate::from_der(&self.certificate)
            .is_ok_and(|(_, parsed)| parsed.name_constraints().is_ok_and(|found| found.is_some()))
    }

    /// What an operator should read about the end of the certificate, from thirty days before it on.
    #[must_use]
    pub fn expiry_warning(&self, now: SystemTime) -> Option<String> {
        let left = self.validity.1.duration_since(now).unwrap_or_default();
        let days = left.as_secs() / 86_400;
        let warning = format!("the CA certificate ends in {days} days; rotate it: pipelock ca rotate begin");
        match days {
            0..7 => Some(format!("error: {warning}")),
            7..30 => Some(format!("warning: {warning}")),
            _ => None,
        }
    }

    /// Extensions the certificate lacks, without which strict verifiers (Python 3.13, `openssl verify -x509_strict`) refuse
    /// what it signs; for a warning at start.
    #[must_use]
    pub fn missing_for_strict_clients(&self) -> &[&'static str] {
        &self.missing
    }

    /// Whether `der` is a certificate for our key, under whatever name: such a one may never be trusted upstream.
    #[must_use]
    pub fn is_own(&self, der: &[u8]) -> bool {
        X509Certificate::from_der(der).is_ok_and(|(_, c)| c.tbs_certificate.subject_pki.raw == self.spki)
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, CaKey> {
        &self.issuer
    }

    pub(super) fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    pub(super) fn not_before(&self) -> SystemTime {
        self.validity.0
    }

    /// Writes certificate and key as PEM, for `pipelock exec`'s demonstration authority and for tests.
    ///
    /// The key comes in a buffer that is wiped when it is dropped.
    #[must_use]
    pub fn to_pem(&self) -> (String, Zeroizing<String>) {
        let certificate = pem::encode(&pem::Pem::new("CERTIFICATE", self.certificate.to_vec()));
        (certificate, self.issuer.key().to_pem())
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

/// The name of an authority that is made here: two with different keys have different names.
fn name_of(key: &CaKey, organization: Option<&str>) -> DistinguishedName {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(key.subject_public_key_info()));
    let short = u32::from_be_bytes([a, b, c, d]);
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, format!("pipelock-ebpf egress CA {short:08x}"));
    name
}

/// A positive serial of 127 random bits in 16 bytes (RFC 5280 §4.1.2.2 allows 20); the top bit stays clear so that DER does
/// not read it as negative, the next is set so that it is never shortened.
pub(super) fn random_serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Mint(rcgen::Error::RingUnspecified))?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Reads a file of at most 1 MiB into a buffer that is wiped when dropped.
fn read_bounded(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let file = crate::files::open(path);
    file.and_then(read_to_zeroizing).map_err(|source| Error::Read { what, path: path.to_owned(), source })
}

fn read_to_zeroizing(file: File) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Reserved at once: a vector that grows leaves unwiped copies of a key behind.
    let size = usize::try_from(file.metadata()?.len().min(MAX_FILE_BYTES)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 64));
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

enum KeyFailure {
    Read(std::io::Error),
    Problem(CaProblem),
}

/// Loads the key that belongs to `certificate`; the certificate says which kind it must be.
fn load_key(path: &Path, certificate: &CertificateDer<'_>) -> Result<CaKey, KeyFailure> {
    let file = crate::files::open(path).map_err(KeyFailure::Read)?;
    // Of the open file and not of the path, so that what is checked is what is read.
    let mode = file.metadata().map_err(KeyFailure::Read)?.mode() & 0o7777;
    if mode & FORBIDDEN_KEY_MODE != 0 {
        return Err(KeyFailure::Problem(CaProblem::KeyMode { mode, path: path.display().to_string() }));
    }
    let pem = read_to_zeroizing(file).map_err(KeyFailure::Read)?;
    let mut key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| KeyFailure::Problem(CaProblem::NoKey))?;
    let parsed = parse_key(&key, certificate);
    key.zeroize();
    parsed.map_err(KeyFailure::Problem)
}

fn parse_key(key: &PrivateKeyDer<'_>, certificate: &CertificateDer<'_>) -> Result<CaKey, CaProblem> {
    let algorithms = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_RSA_SHA256];
    let pair = algorithms
        .into_iter()
        .find_map(|algorithm| KeyPair::from_der_and_sign_algo(key, algorithm).ok())
        .map(CaKey)
        .ok_or(CaProblem::UnsupportedKey)?;
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CaProblem::BadCertificate)?;
    let matches = pair.subject_public_key_info() == parsed.tbs_certificate.subject_pki.raw;
    if matches { Ok(pair) } else { Err(CaProblem::KeyMismatch) }
}

fn check_certificate(der: &CertificateDer<'_>, now: SystemTime) -> Result<(), CaProblem> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| CaProblem::BadCertificate)?;
    let basic = certificate.basic_constraints().map_err(|_| CaProblem::BadCertificate)?;
    let usage = certificate.key_usage().map_err(|_| CaProblem::BadCertificate)?;
    if !basic.is_some_and(|b| b.value.ca) || usage.is_some_and(|u| !u.value.key_cert_sign()) {
        return Err(CaProblem::NotACa);
    }
    let validity = certificate.validity();
    if now > SystemTime::from(validity.not_after.to_datetime()) {
        return Err(CaProblem::Expired(validity.not_after.to_string()));
    }
    if now < SystemTime::from(validity.not_before.to_datetime()) {
        return Err(CaProblem::NotYetValid(validity.not_before.to_string()));
    }
    if let Some(hash) = weak_hash(&certificate.signature_algorithm.algorithm.to_id_string()) {
        return Err(CaProblem::WeakSignature(hash));
    }
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() < 2048 => Err(CaProblem::ShortRsa(rsa.key_size())),
        Ok(PublicKey::RSA(_)) => Ok(()),
        Ok(PublicKey::EC(point)) if matches!(point.key_size(), 256 | 384) => Ok(()),
        _ => Err(CaProblem::UnsupportedKey),
    }
}

/// RFC 8017 appendix A.2.4, RFC 5758 §3.2: the signature algorithms with MD5 and SHA-1.
fn weak_hash(oid: &str) -> Option<&'static str> {
    match oid {
        "1.2.840.113549.1.1.4" => Some("MD5"),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" | "1.2.840.10045.4.1" => Some("SHA-1"),
        _ => None,
    }
}

fn missing_extensions(certificate: &X509Certificate<'_>) -> Vec<&'static str> {
    let has =
        |wanted: fn(&ParsedExtension<'_>) -> bool| certificate.iter_extensions().any(|e| wanted(e.parsed_extension()));
    let mut missing = Vec::new();
    if !has(|e| matches!(e, ParsedExtension::KeyUsage(_))) {
        missing.push("keyUsage");
    }
    if !has(|e| matches!(e, ParsedExtension::SubjectKeyIdentifier(_))) {
        missing.push("subjectKeyIdentifier");
    }
    missing
}

/// Subject equals issuer: the top of a chain.
fn is_self_issued(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der)
        .is_ok_and(|(_, c)| c.tbs_certificate.subject.as_raw() == c.tbs_certificate.issuer.as_raw())
}

#[cfg(test)]
mod tests;

//! One receipt as a line: a JSON object whose last member signs the bytes before it, and whose second is the digest of the
//! line before.
//!
//! `{"seq":7,"prev":"<SHA-256 of line 6>",...,"sig":"<Ed25519>"}`. The signature covers the exact bytes from the brace to the
//! comma before `"sig"`, so that nobody has to agree on how JSON is written; both digests are lower-case hexadecimal, which has
//! one spelling only. Nothing here reads or writes files but the key's.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SecureRandom as _;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::FlightError;

/// What the first receipt of all names as the one before.
pub(super) const GENESIS: [u8; 32] = [0; 32];
/// What stands between what is signed and the signature.
const SIGNATURE: &str = ",\"sig\":\"";
/// What ends a line.
const END: &str = "\"}";
/// Hexadecimal digits of a signature.
const SIGNATURE_DIGITS: usize = 128;
/// How an Ed25519 public key begins in DER (RFC 8410 §4); 32 bytes of key follow.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Bits that a private key's file may not have: as for the key of the authority.
const FORBIDDEN_KEY_MODE: u32 = 0o037;

/// The key that signs receipts.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a PEM file (PKCS#8), through symbolic links, as Kubernetes mounts secrets.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or it is no such key.
    pub fn load(path: &Path) -> Result<Self, FlightError> {
        let read = |source| FlightError::ReadKey { path: path.to_owned(), source };
        let mode = crate::files::metadata(path).map_err(read)?.mode() & 0o777;
        if mode & FORBIDDEN_KEY_MODE != 0 {
            return Err(FlightError::OpenKey { path: path.to_owned(), mode });
        }
        let text = zeroize::Zeroizing::new(crate::files::read(path).map_err(read)?);
        let not_a_key = || FlightError::NotAKey { path: path.to_owned() };
        let block = pem::parse(text.as_slice()).map_err(|_| not_a_key())?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(block.contents()).map(Self).map_err(|_| not_a_key())
    }

    /// The key with which others verify.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.public_key().as_ref().to_vec())
    }
}

/// The key that verifies receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey(Vec<u8>);

impl VerifyingKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` with an Ed25519 key; `None` for anything else.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        let block = pem::parse(text).ok()?;
        let key = block.contents().strip_prefix(&SPKI)?;
        (key.len() == 32).then(|| Self(key.to_vec()))
    }

    /// The form that [`Self::from_pem`] reads.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(&pem::Pem::new("PUBLIC KEY", [&SPKI[..], &self.0].concat()))
    }

    /// SHA-256 of the key, to tell keys apart.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&Sha256::digest(&self.0))
    }
}

/// A new key: the private one and the public one, both PEM.
///
/// # Errors
/// `None` when the system has no randomness.
#[must_use]
pub fn generate_key() -> Option<(zeroize::Zeroizing<String>, String)> {
    let pair = Ed25519KeyPair::generate().ok()?;
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let private = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref().to_vec()));
    let public = SigningKey(pair).verifying_key().to_pem();
    Some((zeroize::Zeroizing::new(private), public))
}

/// Where a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Number of the next receipt.
    pub seq: u64,
    /// Digest of the line before it.
    pub prev: [u8; 32],
}

#[derive(Serialize)]
struct Line<'a, T> {
    seq: u64,
    prev: String,
    #[serde(flatten)]
    entry: &'a T,
}

/// Appends one signed line, and returns where the chain stands then.
pub(super) fn append<T: Serialize>(out: &mut Vec<u8>, link: Link, entry: &T, key: &SigningKey) -> Link {
    let line = Line { seq: link.seq, prev: hex(&link.prev), entry };
    let start = out.len();
    if serde_json::to_writer(&mut *out, &line).is_err() {
        // Neither a Vec nor these types can fail; were one to, the chain must not break over it.
        out.truncate(start);
        return link;
    }
    // The closing brace goes behind the signature.
    out.pop();
    let signature = key.0.sign(out.get(start..).unwrap_or_default());
    out.extend_from_slice(SIGNATURE.as_bytes());
    out.extend_from_slice(hex(signature.as_ref()).as_bytes());
    out.extend_from_slice(END.as_bytes());
    let prev = Sha256::digest(out.get(start..).unwrap_or_default()).into();
    out.push(b'\n');
    Link { seq: link.seq + 1, prev }
}

/// What a line is, before anybody believes it.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    signed: &'a [u8],
    signature: Vec<u8>,
    pub(super) seq: u64,
    pub(super) prev: [u8; 32],
    pub(super) value: Value,
}

/// Reads a line without its line feed; `None` when it is no receipt.
pub(super) fn parse(line: &[u8]) -> Option<Parsed<'_>> {
    let rest = line.strip_suffix(END.as_bytes())?;
    let (head, digits) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE_DIGITS)?)?;
    let signed = head.strip_suffix(SIGNATURE.as_bytes())?;
    let value: Value = serde_json::from_slice(&[signed, b"}"].concat()).ok()?;
    let prev = unhex(value["prev"].as_str()?.as_bytes())?.try_into().ok()?;
    Some(Parsed { signed, signature: unhex(digits)?, seq: value["seq"].as_u64()?, prev, value })
}

impl Parsed<'_> {
    /// Whether this key signed exactly these bytes.
    pub(super) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        UnparsedPublicKey::new(&ED25519, &key.0).verify(self.signed, &self.signature).is_ok()
    }
}

/// Where the chain stands behind a line that is the last of its file.
pub(super) fn behind(line: &[u8]) -> Option<Link> {
    let parsed = parse(line)?;
    Some(Link { seq: parsed.seq.checked_add(1)?, prev: Sha256::digest(line).into() })
}

/// A UUID of version 7 (RFC 9562 §5.7): milliseconds, then random bits.
pub(super) fn action_id(unix_ms: i64) -> String {
    let mut bytes = [0; 16];
    // Without randomness ids are not unique; receipts still are, by their number.
    let _ = aws_lc_rs::rand::SystemRandom::new().fill(&mut bytes);
    let [_, _, time @ ..] = unix_ms.to_be_bytes();
    for (byte, time) in bytes.iter_mut().zip(time) {
        *byte = time;
    }
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower-case digits only: one spelling, so that a changed letter is a change.
fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

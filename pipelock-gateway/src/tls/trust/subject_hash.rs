//! The number by which OpenSSL finds a root in a hashed directory.
//!
//! Source: `X509_NAME_hash_ex` and `x509_name_canon` in OpenSSL's `crypto/x509/x_name.c`: the first four bytes, little-endian,
//! of the SHA-1 of the subject in canonical form. Canonical means: each string as UTF-8, ASCII letters lower-case, white space
//! trimmed and each run of it one space; no outer SEQUENCE.

use aws_lc_rs::digest;
use x509_parser::asn1_rs::{Any, Tag, ToDer as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use super::pkcs12::der;

/// The hash of a certificate's subject; `None` when the certificate does not parse.
pub(super) fn subject_hash(certificate: &[u8]) -> Option<u32> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let canonical = canonical(certificate.subject())?;
    // Not a security use: a file name that OpenSSL prescribes.
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &canonical);
    digest.as_ref().first_chunk().copied().map(u32::from_le_bytes)
}

fn canonical(name: &X509Name<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for rdn in name.iter_rdn() {
        let mut attributes = Vec::new();
        for attribute in rdn.iter() {
            let oid = attribute.attr_type().to_der_vec().ok()?;
            attributes.push(der(0x30, &[oid, canonical_value(attribute.attr_value())?].concat()));
        }
        // DER orders the elements of a SET OF by their encoding (X.690 §11.6).
        attributes.sort_unstable();
        out.extend(der(0x31, &attributes.concat()));
    }
    Some(out)
}

/// The types in `ASN1_MASK_CANON` are rewritten; any other value stands as it is.
fn canonical_value(value: &Any<'_>) -> Option<Vec<u8>> {
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::VisibleString => {
            String::from_utf8(value.data.to_vec()).ok()?
        }
        // OpenSSL reads T.61 as Latin-1, as everybody does.
        Tag::TeletexString => value.data.iter().map(|b| char::from(*b)).collect(),
        Tag::BmpString => {
            let units = value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<String, _>>().ok()?
        }
        Tag::UniversalString => {
            let units = value.data.chunks_exact(4).map(|q| u32::from_be_bytes([q[0], q[1], q[2], q[3]]));
            units.map(char::from_u32).collect::<Option<String>>()?
        }
        other => return Some(der(u8::try_from(other.0).ok()?, value.data)),
    };
    let words: Vec<&str> = text.split([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']).filter(|w| !w.is_empty()).collect();
    Some(der(0x0c, words.join(" ").to_ascii_lowercase().as_bytes()))
}

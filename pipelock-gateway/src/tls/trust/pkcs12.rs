//! A PKCS#12 trust store as Java reads it (RFC 7292), written by hand.
//!
//! It holds certificates only, unencrypted and without a MAC. That is deliberate: certificates are public, the file's mode
//! guards it, and Java opens such a store whether or not a password is configured, while an encrypted one yields *no*
//! certificates, without an error, when `javax.net.ssl.trustStorePassword` is unset. Crates that write PKCS#12 would bring a
//! second stack of ASN.1 and ciphers for this one page.

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// 1.2.840.113549.1.7.1 `data`.
const OID_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// 1.2.840.113549.1.12.10.1.3 `certBag`.
const OID_CERT_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03];
/// 1.2.840.113549.1.9.22.1 `x509Certificate`.
const OID_X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
/// 1.2.840.113549.1.9.20 `friendlyName`: the alias.
const OID_FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14];
/// 2.16.840.1.113894.746875.1.1, Oracle's `trustedKeyUsage`: without it Java takes a certificate for part of a chain and does
/// not trust it (`sun.security.pkcs12.PKCS12KeyStore`).
const OID_TRUSTED_KEY_USAGE: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 0x01, 0x01];
/// 2.5.29.37.0 `anyExtendedKeyUsage`.
const OID_ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const BMP_STRING: u8 = 0x1e;
/// Context tag 0, constructed: `[0] EXPLICIT`.
const EXPLICIT_0: u8 = 0xa0;

/// `PFX ::= SEQUENCE { version 3, authSafe }` with one unencrypted `SafeContents`.
pub(super) fn trust_store(roots: &[CertificateDer<'static>]) -> Vec<u8> {
    let bags: Vec<u8> = roots.iter().enumerate().flat_map(|(number, root)| bag(number, root)).collect();
    let safe_contents = data(&der(SEQUENCE, &bags));
    let authenticated_safe = data(&der(SEQUENCE, &safe_contents));
    der(SEQUENCE, &[vec![0x02, 0x01, 0x03], authenticated_safe].concat())
}

/// `ContentInfo` of type `data`.
fn data(content: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[der(OID, OID_DATA), der(EXPLICIT_0, &der(OCTETS, content))].concat())
}

fn bag(number: usize, certificate: &CertificateDer<'_>) -> Vec<u8> {
    let cert_bag =
        der(SEQUENCE, &[der(OID, OID_X509_CERTIFICATE), der(EXPLICIT_0, &der(OCTETS, certificate))].concat());
    let alias: Vec<u8> = alias(number, certificate).encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut attributes = [
        attribute(OID_FRIENDLY_NAME, &der(BMP_STRING, &alias)),
        attribute(OID_TRUSTED_KEY_USAGE, &der(OID, OID_ANY_USAGE)),
    ];
    // DER orders the elements of a SET OF by their encoding (X.690 §11.6).
    attributes.sort_unstable();
    der(SEQUENCE, &[der(OID, OID_CERT_BAG), der(EXPLICIT_0, &cert_bag), der(SET, &attributes.concat())].concat())
}

fn attribute(oid: &[u8], value: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[der(OID, oid), der(SET, value)].concat())
}

/// Java keys entries by lower-case alias, so it must be unique; the number makes it so, the name is for `keytool -list`.
fn alias(number: usize, certificate: &[u8]) -> String {
    let name = X509Certificate::from_der(certificate).ok().and_then(|(_, c)| {
        let subject = c.subject();
        subject.iter_common_name().chain(subject.iter_organization()).next()?.as_str().ok().map(str::to_lowercase)
    });
    format!("{number:03} {}", name.unwrap_or_default()).trim_end().to_owned()
}

/// One DER element with a single-byte tag (X.690 §8.1).
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().skip_while(|b| **b == 0).copied().collect::<Vec<u8>>();
    let mut out = vec![tag];
    match significant.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        // At most eight length bytes, so the count fits.
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

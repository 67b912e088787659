//! A TLS `ClientHello`, reassembled from records and read without answering it.
//!
//! Hand-written because `rustls::server::Acceptor` hides extensions (Encrypted `ClientHello`) and answers hellos that are only
//! to be relayed. It reads what policy and `tls` need and validates the structure it walks over, no more; the Acceptor is the
//! oracle in the tests, and rustls parses the same bytes again when a connection is opened.

use std::net::IpAddr;

use crate::model::{Alpn, ServerName};

/// The longest handshake message accepted. An ML-KEM key share makes about 1.7 KiB; 64 KiB is what rustls accepts too.
pub(super) const MAX_HANDSHAKE_BYTES: usize = 64 * 1024;

/// The most records a hello may be spread over.
pub(super) const MAX_RECORDS: usize = 16;

/// Content type, version, length (RFC 8446 §5.1).
pub(super) const RECORD_HEADER_BYTES: usize = 5;

/// The most bytes one plaintext record may carry (RFC 8446 §5.1).
const MAX_RECORD_BYTES: usize = 1 << 14;

/// Type and 24-bit length (RFC 8446 §4).
const HANDSHAKE_HEADER_BYTES: usize = 4;

const EXT_SERVER_NAME: u16 = 0;
const EXT_SIGNATURE_ALGORITHMS: u16 = 13;
const EXT_ALPN: u16 = 16;
const EXT_SUPPORTED_VERSIONS: u16 = 43;
/// RFC 9849 `encrypted_client_hello`.
const EXT_ECH: u16 = 0xfe0d;

/// `ecdsa_secp256r1_sha256`, the scheme of the P-256 leaf.
const ECDSA_SECP256R1_SHA256: u16 = 0x0403;

const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;

/// What a workload offers when it opens TLS. GREASE values (RFC 8701) are left out of every list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The name it asks for.
    pub sni: Sni,
    /// The application protocols it offers, in its order; empty when it sent no ALPN extension.
    pub alpn: Vec<OfferedAlpn>,
    /// The versions it accepts: `supported_versions`, else the legacy field alone.
    pub versions: Vec<u16>,
    /// `signature_algorithms`, in its order; empty when it sent none.
    pub signature_schemes: Vec<u16>,
    /// Cipher suites, in its order.
    pub cipher_suites: Vec<u16>,
    /// The `encrypted_client_hello` extension is present, real or GREASE: the name in the clear proves nothing.
    pub encrypted_client_hello: bool,
}

/// The `server_name` extension (RFC 6066 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sni {
    /// No extension: the client names nobody.
    Absent,
    /// A valid name.
    Name(ServerName),
    /// An address literal, which RFC 6066 forbids and some clients send all the same; it says no more than the destination.
    Address(IpAddr),
    /// Something that cannot be a name. Never to be trusted by a rule, never to reach a certificate or a log.
    Invalid,
}

impl Sni {
    /// The valid name, if there is one.
    #[must_use]
    pub fn name(&self) -> Option<&ServerName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Absent | Self::Address(_) | Self::Invalid => None,
        }
    }
}

/// One offered application protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferedAlpn {
    /// A version of HTTP that is opened.
    Http(Alpn),
    /// Anything else, as it stood on the wire: 1 to 255 bytes, from the peer.
    Other(Box<[u8]>),
}

/// Why something that began as TLS is no `ClientHello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// A record of another type, version or length than the beginning of a handshake may have.
    #[error("bad TLS record")]
    Record,
    /// More than 16 records, or more than 64 KiB.
    #[error("ClientHello too large or in too many records")]
    TooLarge,
    /// The first handshake message is not a `ClientHello`, or something follows it in its record.
    #[error("not a ClientHello")]
    NotClientHello,
    /// A length inside the message does not add up, or a field has a value that RFC 8446 §4.1.2 forbids.
    #[error("bad ClientHello")]
    Body,
}

impl ClientHello {
    /// The offer that may be passed on upstream: `h2` and `http/1.1`, in the client's order.
    #[must_use]
    pub fn http_alpn(&self) -> Vec<Alpn> {
        let http = |offered: &OfferedAlpn| match offered {
            OfferedAlpn::Http(alpn) => Some(*alpn),
            OfferedAlpn::Other(_) => None,
        };
        self.alpn.iter().filter_map(http).collect()
    }

    /// Whether it offers protocols, but none that is opened (`mqtt`, `grpc-exp`): such a connection is opaque.
    #[must_use]
    pub fn offers_only_unopened_alpn(&self) -> bool {
        !self.alpn.is_empty() && self.http_alpn().is_empty()
    }

    /// Whether it accepts TLS 1.2 or 1.3, the versions this gateway speaks.
    #[must_use]
    pub fn accepts_modern_tls(&self) -> bool {
        self.versions.iter().any(|v| matches!(*v, TLS12 | TLS13))
    }

    /// Whether a P-256 leaf can serve it: it verifies ECDSA with P-256, and offers a suite that ECDSA can be used with.
    #[must_use]
    pub fn accepts_ecdsa(&self) -> bool {
        // TLS 1.3 suites do not name the signature; of the TLS 1.2 ones these are the three that rustls implements.
        let suite = |s: &u16| matches!(*s, 0x1301..=0x1303 | 0xc02b | 0xc02c | 0xcca9);
        self.signature_schemes.contains(&ECDSA_SECP256R1_SHA256) && self.cipher_suites.iter().any(suite)
    }
}

/// Reads a `ClientHello` from the beginning of a stream; `None` until all of its records are there.
pub(super) fn parse(prefix: &[u8]) -> Result<Option<ClientHello>, Malformed> {
    // The headers are walked before anything is copied: a peer that sends one byte at a time must not make us copy the
    // whole prefix for each of them.
    let Some(fragments) = complete_fragments(prefix)? else { return Ok(None) };
    let message = fragments.concat();
    let body = message.get(HANDSHAKE_HEADER_BYTES..).ok_or(Malformed::NotClientHello)?;
    read_body(body).map(Some)
}

/// The payloads of the records that make up exactly the first handshake message; `None` when more bytes are needed.
fn complete_fragments(prefix: &[u8]) -> Result<Option<Vec<&[u8]>>, Malformed> {
    let mut input = Reader(prefix);
    let mut fragments = Vec::new();
    let mut header: Vec<u8> = Vec::with_capacity(HANDSHAKE_HEADER_BYTES);
    let mut received = 0;
    loop {
        if fragments.len() == MAX_RECORDS {
            return Err(Malformed::TooLarge);
        }
        let Some(record_header) = input.take(RECORD_HEADER_BYTES) else {
            // Judge what is there of the header: a wrong type must not wait for four more bytes that may never come.
            return if input.0.first().is_none_or(|kind| *kind == 0x16) { Ok(None) } else { Err(Malformed::Record) };
        };
        let declared = record_length(record_header)?;
        let (payload, whole) = input.take_up_to(declared);
        header.extend(payload.iter().take(HANDSHAKE_HEADER_BYTES - header.len()));
        received += payload.len();
        fragments.push(payload);
        if header.first().is_some_and(|kind| *kind != 1) {
            return Err(Malformed::NotClientHello);
        }
        if let [_, high, mid, low] = *header.as_slice() {
            let wanted = HANDSHAKE_HEADER_BYTES + usize::from(high) * 65536 + usize::from(mid) * 256 + usize::from(low);
            if wanted > MAX_HANDSHAKE_BYTES {
                return Err(Malformed::TooLarge);
            }
            // A client waits for the answer to its hello; what follows in the same record is no TLS client's doing. The
            // declared length is judged, not what has arrived, so that the answer does not depend on segmentation.
            if received - payload.len() + declared > wanted {
                return Err(Malformed::NotClientHello);
            }
            if received == wanted {
                return Ok(Some(fragments));
            }
        }
        if !whole {
            return Ok(None);
        }
    }
}

/// The length of a handshake record, from its header.
fn record_length(header: &[u8]) -> Result<usize, Malformed> {
    match *header {
        [0x16, 0x03, _, high, low] => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            // Zero-length handshake fragments are forbidden (RFC 8446 §5.1).
            if (1..=MAX_RECORD_BYTES).contains(&length) { Ok(length) } else { Err(Malformed::Record) }
        }
        _ => Err(Malformed::Record),
    }
}

/// RFC 8446 §4.1.2, RFC 5246 §7.4.1.2.
fn read_body(body: &[u8]) -> Result<ClientHello, Malformed> {
    let mut body = Reader(body);
    let fixed = |body: &mut Reader<'_>| -> Option<(u16, Vec<u16>)> {
        let legacy_version = body.u16()?;
        body.take(32)?; // random
        let session_id = body.vec8()?;
        let cipher_suites = body.vec16()?;
        let compression = body.vec8()?;
        if session_id.0.len() > 32 || cipher_suites.0.is_empty() || compression.0.is_empty() {
            return None;
        }
        Some((legacy_version, cipher_suites.u16_list()?))
    };
    let (legacy_version, cipher_suites) = fixed(&mut body).ok_or(Malformed::Body)?;
    let mut hello = ClientHello {
        sni: Sni::Absent,
        alpn: Vec::new(),
        versions: Vec::new(),
        signature_schemes: Vec::new(),
        cipher_suites,
        encrypted_client_hello: false,
    };
    // TLS 1.2 and older clients may leave the extensions out altogether.
    if !body.0.is_empty() {
        let extensions = body.vec16().ok_or(Malformed::Body)?;
        if !body.0.is_empty() {
            return Err(Malformed::Body);
        }
        read_extensions(extensions, &mut hello).ok_or(Malformed::Body)?;
    }
    if hello.versions.is_empty() {
        // Without the extension the field is the highest version accepted; values above TLS 1.2 mean TLS 1.2 there
        // (RFC 8446 §4.2.1).
        hello.versions.push(legacy_version.min(TLS12));
    }
    Ok(hello)
}

fn read_extensions(mut extensions: Reader<'_>, hello: &mut ClientHello) -> Option<()> {
    let mut seen = Vec::new();
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut data = extensions.vec16()?;
        seen.push(kind);
        match kind {
            EXT_SERVER_NAME => hello.sni = read_sni(data),
            EXT_ALPN => hello.alpn = read_alpn(data)?,
            EXT_SIGNATURE_ALGORITHMS => hello.signature_schemes = data.only_vec16()?.u16_list()?,
            EXT_SUPPORTED_VERSIONS => {
                let list = data.vec8()?;
                if !data.0.is_empty() || list.0.is_empty() {
                    return None;
                }
                hello.versions = list.u16_list()?;
                // A list of nothing but GREASE must not fall back to the legacy field.
                if hello.versions.is_empty() {
                    return None;
                }
            }
            EXT_ECH => hello.encrypted_client_hello = true,
            _ => {}
        }
    }
    // Two extensions of one type are forbidden (RFC 8446 §4.2), and are how two readers see two names.
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    (seen.len() == count).then_some(())
}

/// A broken extension is [`Sni::Invalid`] and not a malformed hello: the connection may still be judged by its address.
fn read_sni(mut data: Reader<'_>) -> Sni {
    let mut host_name = || -> Option<&[u8]> {
        let mut list = data.only_vec16()?;
        let kind = list.take(1)?;
        let name = list.vec16()?;
        // Exactly one entry, of the only type there is: a second one would be a second reading of the same hello.
        (kind == [0] && list.0.is_empty()).then_some(name.0)
    };
    let Some(text) = host_name().and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return Sni::Invalid };
    if let Ok(ip) = text.parse() {
        return Sni::Address(ip);
    }
    ServerName::parse(text).map_or(Sni::Invalid, Sni::Name)
}

/// RFC 7301 §3.1.
fn read_alpn(mut data: Reader<'_>) -> Option<Vec<OfferedAlpn>> {
    let mut list = data.only_vec16()?;
    let mut offered = Vec::new();
    while !list.0.is_empty() {
        let id = list.vec8()?.0;
        if id.is_empty() {
            return None;
        }
        offered.push(Alpn::from_wire(id).map_or_else(|| OfferedAlpn::Other(id.into()), OfferedAlpn::Http));
    }
    (!offered.is_empty()).then_some(offered)
}

/// 0x0a0a, 0x1a1a, … 0xfafa (RFC 8701 §2).
fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// A cursor over bytes from a peer. Every read answers `None` instead of reaching beyond the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    /// Up to `count` bytes, and whether that was all of them.
    fn take_up_to(&mut self, count: usize) -> (&'a [u8], bool) {
        let (head, tail) = self.0.split_at(count.min(self.0.len()));
        self.0 = tail;
        (head, head.len() == count)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A vector with a one-byte length.
    fn vec8(&mut self) -> Option<Reader<'a>> {
        let length = self.u8()?;
        self.take(length.into()).map(Reader)
    }

    /// A vector with a two-byte length.
    fn vec16(&mut self) -> Option<Reader<'a>> {
        let length = self.u16()?;
        self.take(length.into()).map(Reader)
    }

    /// A non-empty vector with a two-byte length that is all there is.
    fn only_vec16(&mut self) -> Option<Reader<'a>> {
        let vector = self.vec16()?;
        (self.0.is_empty() && !vector.0.is_empty()).then_some(vector)
    }

    /// Everything left as 16-bit numbers, GREASE left out; `None` when a byte is left over.
    fn u16_list(mut self) -> Option<Vec<u16>> {
        let mut list = Vec::with_capacity(self.0.len() / 2);
        while !self.0.is_empty() {
            list.push(self.u16()?);
        }
        list.retain(|value| !is_grease(*value));
        Some(list)
    }
}

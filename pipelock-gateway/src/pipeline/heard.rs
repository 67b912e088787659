//! What the first bytes mean for policy and for whoever serves the connection.

use crate::model::{HttpVersion, PeerName, Protocol};
use crate::sniff::{ClientHello, HostHint, Sniff, http1_host};

use super::first_bytes::Spoken;

/// The first bytes, understood.
pub(super) struct Heard {
    pub(super) protocol: Protocol,
    /// SNI, or the host of a cleartext request; the workload's own word.
    pub(super) name: Option<PeerName>,
    pub(super) encrypted_client_hello: bool,
    pub(super) greeting: Greeting,
}

/// What can be opened.
pub(super) enum Greeting {
    Tls(Box<ClientHello>),
    Http(HttpVersion),
    /// Nothing that can.
    Other,
}

impl Heard {
    pub(super) fn new(spoken: Spoken, from_downstream: &[u8]) -> Self {
        let heard = |protocol, name, greeting| Self { protocol, name, encrypted_client_hello: false, greeting };
        match spoken {
            Spoken::Nothing => heard(Protocol::Empty, None, Greeting::Other),
            Spoken::ServerFirst => heard(Protocol::ServerFirst, None, Greeting::Other),
            Spoken::Downstream(Sniff::Tls(hello)) => Self {
                protocol: Protocol::Tls,
                name: hello.sni.name().cloned().map(PeerName::Dns),
                encrypted_client_hello: hello.encrypted_client_hello,
                greeting: Greeting::Tls(hello),
            },
            Spoken::Downstream(Sniff::MalformedTls(malformed)) => {
                tracing::debug!(?malformed, "a workload began TLS and broke it");
                heard(Protocol::Tls, None, Greeting::Other)
            }
            Spoken::Downstream(Sniff::Http1) => {
                let name = match http1_host(from_downstream) {
                    HostHint::Name(name, _port) => Some(PeerName::Dns(name)),
                    HostHint::Address(ip, _port) => Some(PeerName::Ip(ip)),
                    HostHint::NeedMore | HostHint::Absent | HostHint::Invalid => None,
                };
                heard(Protocol::Http1, name, Greeting::Http(HttpVersion::Http1))
            }
            Spoken::Downstream(Sniff::Http2) => heard(Protocol::Http2, None, Greeting::Http(HttpVersion::Http2)),
            Spoken::Downstream(Sniff::Opaque(_) | Sniff::NeedMore) => heard(Protocol::Opaque, None, Greeting::Other),
        }
    }
}

//! Identities of connections and requests, and what was seen on them.

use std::fmt;

/// A connection, numbered from 1 in the order of acceptance within one gateway process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// A request on a connection; what a blocked client is told and an operator searches the audit log for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId {
    /// Random per gateway process, so that ids of two runs never collide in one log.
    pub instance: u32,
    /// The connection it came on.
    pub conn: ConnId,
    /// Its number on that connection, from 1.
    pub sequence: u32,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}-{}", self.instance, self.conn, self.sequence)
    }
}

/// Which door a connection came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrontDoor {
    /// Steered here by the kernel programs.
    Captured,
    /// Asked for with CONNECT on the explicit proxy port.
    Explicit,
    /// A request to the MCP port.
    Mcp,
}

impl FrontDoor {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Explicit => "explicit",
            Self::Mcp => "mcp",
        }
    }
}

/// Whose fault a network error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side facing the workload.
    Downstream,
    /// The side facing the original destination.
    Upstream,
    /// This process.
    Gateway,
}

impl Side {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
        }
    }
}

/// What the first bytes of a connection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A TLS `ClientHello`.
    Tls,
    /// An HTTP/1 request line.
    Http1,
    /// The HTTP/2 connection preface without TLS (RFC 9113 §3.3).
    Http2,
    /// The upstream spoke first (SMTP, FTP, SSH, `MySQL`).
    ServerFirst,
    /// The workload spoke something else.
    Opaque,
    /// Either side closed before a byte was sent.
    Empty,
}

impl Protocol {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::ServerFirst => "server_first",
            Self::Opaque => "opaque",
            Self::Empty => "empty",
        }
    }
}

/// The HTTP version of an intercepted connection; both legs always speak the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/1.0 or HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
}

impl HttpVersion {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }
}

/// An HTTP version as ALPN names it (RFC 7301, IANA "TLS ALPN Protocol IDs"); the only two that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `h2`, RFC 9113 over TLS.
    H2,
    /// `http/1.1`, RFC 9112.
    Http11,
}

impl Alpn {
    /// The identification sequence, as it stands in the handshake.
    #[must_use]
    pub fn wire(self) -> &'static [u8] {
        self.as_str().as_bytes()
    }

    /// The version that a wire identification names; `None` for every protocol that is not opened.
    #[must_use]
    pub fn from_wire(id: &[u8]) -> Option<Self> {
        [Self::H2, Self::Http11].into_iter().find(|alpn| alpn.wire() == id)
    }

    /// The name used in logs and metric labels; the same as on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H2 => "h2",
            Self::Http11 => "http/1.1",
        }
    }
}

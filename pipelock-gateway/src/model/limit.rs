//! The bounds of the gateway that can be reached, each by the key of the configuration that sets it.

/// A bound. [`Limit::as_str`] is the name of the key in `limits`, and the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Captured connections at once.
    Connections,
    /// Those of one workload.
    ConnectionsPerWorkload,
    /// Connections to the explicit proxy port.
    ProxyConnections,
    /// Tunnels through it.
    ProxyTunnels,
    /// Descriptors of the process, but for those in reserve.
    ReservedDescriptors,
    /// TLS handshakes at once.
    TlsHandshakes,
    /// Certificates made for one workload.
    NewCertificates,
    /// Streams that a workload reset before they were answered.
    CancelledRequests,
    /// Bytes of bodies held at once.
    HeldBytes,
    /// Bytes of one request body.
    StreamedBodyBytes,
    /// Bytes that a body decodes to.
    DecodedBytes,
    /// The same for each byte received.
    DecodeRatio,
    /// Parts of a multipart body, or how deep they lie in one another.
    MultipartParts,
    /// Size of a request head.
    HeadBytes,
    /// TCP connect.
    ConnectTimeout,
    /// First words.
    GreetingTimeout,
    /// No word at all.
    SilenceTimeout,
    /// TLS handshake.
    HandshakeTimeout,
    /// Request head.
    HeadTimeout,
    /// A request body that pauses.
    BodyPauseTimeout,
    /// A request body that is slow.
    BodyBytesPerSecond,
    /// No response head.
    ResponseTimeout,
    /// No further request.
    KeepaliveTimeout,
    /// Nothing moves on an opened connection.
    StreamIdleTimeout,
    /// Nothing moves on a relayed one.
    RelayIdleTimeout,
}

impl Limit {
    /// The key of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerWorkload => "connections_per_workload",
            Self::ProxyConnections => "proxy_connections",
            Self::ProxyTunnels => "proxy_tunnels",
            Self::ReservedDescriptors => "reserved_descriptors",
            Self::TlsHandshakes => "tls_handshakes",
            Self::NewCertificates => "new_certificates_per_second",
            Self::CancelledRequests => "cancelled_requests_per_minute",
            Self::HeldBytes => "held_bytes",
            Self::StreamedBodyBytes => "streamed_body_bytes",
            Self::DecodedBytes => "decoded_bytes",
            Self::DecodeRatio => "decode_ratio",
            Self::MultipartParts => "multipart_parts",
            Self::HeadBytes => "head_bytes",
            Self::ConnectTimeout => "connect_timeout",
            Self::GreetingTimeout => "greeting_timeout",
            Self::SilenceTimeout => "silence_timeout",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::BodyPauseTimeout => "body_pause_timeout",
            Self::BodyBytesPerSecond => "body_bytes_per_second",
            Self::ResponseTimeout => "response_timeout",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::StreamIdleTimeout => "stream_idle_timeout",
            Self::RelayIdleTimeout => "relay_idle_timeout",
        }
    }
}

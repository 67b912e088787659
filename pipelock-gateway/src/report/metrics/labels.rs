//! The closed sets metric labels are taken from, where [`crate::model`] has none.
//!
//! A label is never a string a peer chose: an unbounded label is an unbounded registry. Each word here is also the word
//! in the log. Next: [`super::Metrics`].

/// Why an upstream could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamError {
    /// The name could not be resolved.
    Resolve,
    /// The address refused the connection.
    Refused,
    /// No answer within the connect timeout.
    Timeout,
    /// No route, or the network said it is unreachable.
    Unreachable,
    /// TLS failed for a reason other than the certificate.
    Tls,
    /// The certificate did not verify.
    Certificate,
    /// The connection was reset after it was established.
    Reset,
    /// It answered something that is not the protocol.
    Protocol,
    /// Anything else.
    Other,
}

impl UpstreamError {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Other => "other",
        }
    }

    /// The class of an error met while dialling or copying.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
                Self::Unreachable
            }
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Other,
        }
    }
}

/// How the reading of a workload's environment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnvironmentRead {
    /// It was read.
    Read,
    /// It had been read for an earlier connection.
    Known,
    /// The process had ended, or could not be looked into; its connection was judged by rules alone.
    Unreadable,
    /// It took too long; its connection was judged by rules alone.
    Timeout,
}

impl EnvironmentRead {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Known => "known",
            Self::Unreadable => "unreadable",
            Self::Timeout => "timeout",
        }
    }
}

/// What became of a DNS query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnsOutcome {
    /// Its server answered.
    Answered,
    /// It was refused for what it said, or for whom it was.
    Blocked,
    /// It was no query that can be put.
    Malformed,
    /// Its server did not answer, or not as it should.
    Failed,
    /// Too many were open.
    Overloaded,
}

impl DnsOutcome {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Blocked => "blocked",
            Self::Malformed => "malformed",
            Self::Failed => "failed",
            Self::Overloaded => "overloaded",
        }
    }
}

/// How an attempt to open a TLS connection between workload and upstream went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsIntercept {
    /// Both legs are up.
    Intercepted,
    /// One of the handshakes failed.
    HandshakeError,
}

impl TlsIntercept {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intercepted => "intercepted",
            Self::HandshakeError => "handshake_error",
        }
    }
}

/// What was asked of the explicit proxy port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExplicitKind {
    /// `CONNECT host:port`.
    Connect,
    /// `GET http://host/path`.
    Absolute,
    /// `GET /path`: a question to the gateway itself.
    Origin,
    /// Nothing that could be read as a request.
    Unparsed,
}

impl ExplicitKind {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Absolute => "absolute",
            Self::Origin => "origin",
            Self::Unparsed => "unparsed",
        }
    }
}

/// What became of a request on the explicit proxy port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExplicitOutcome {
    /// Answered, or the tunnel was opened.
    Served,
    /// Refused by a rule.
    Blocked,
    /// The upstream could not be reached.
    Failed,
    /// Malformed.
    Invalid,
    /// The form is known, but not offered.
    Unsupported,
    /// A limit was reached.
    Overloaded,
}

impl ExplicitOutcome {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Overloaded => "overloaded",
        }
    }
}

/// Why an audit record or a summary line was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordLoss {
    /// The queue was full: the sink is slower than the traffic.
    QueueFull,
    /// The sink refused it: disk full, file gone, pipe closed.
    WriteError,
    /// It came after the writer was closed, or the deadline to write it had passed.
    Closed,
}

impl RecordLoss {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::WriteError => "write_error",
            Self::Closed => "closed",
        }
    }
}

/// The hundreds of a status, `none` for an exchange that broke before one.
pub(super) fn status_class(status: Option<u16>) -> &'static str {
    match status.map(|s| s / 100) {
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(5) => "5xx",
        Some(_) => "other",
        None => "none",
    }
}

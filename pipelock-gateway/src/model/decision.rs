//! What policy chose for a connection before any of its content was seen.

/// The choice, with its reason. Reasons are closed sets: the same word is the metric label and the audit field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Open the connection and show its content to the judge.
    Intercept(InterceptReason),
    /// Relay bytes unopened.
    Passthrough(PassthroughReason),
    /// Refuse the connection.
    Deny(DenyReason),
}

impl Decision {
    /// `intercept`, `passthrough` or `deny`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intercept(_) => "intercept",
            Self::Passthrough(_) => "passthrough",
            Self::Deny(_) => "deny",
        }
    }

    /// The reason's own word.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Intercept(r) => r.as_str(),
            Self::Passthrough(r) => r.as_str(),
            Self::Deny(r) => r.as_str(),
        }
    }
}

/// Why a connection is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterceptReason {
    /// No rule says otherwise.
    Default,
    /// A rule would let the name through unopened, but nothing binds that name to the address it went to.
    NameNotBound,
    /// A rule would let the name through, but the `ClientHello` is encrypted and its outer name proves nothing.
    EncryptedClientHello,
    /// Would be refused, but blocking is off (`mode: audit`, `enforce: false`): opened, so that its content is on record.
    Audit,
}

impl InterceptReason {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::NameNotBound => "name_not_bound",
            Self::EncryptedClientHello => "encrypted_client_hello",
            Self::Audit => "audit",
        }
    }
}

/// Why a connection is relayed unopened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PassthroughReason {
    /// `no_proxy.list` or `capture.cidr_bypass` names its address.
    NoProxyAddress,
    /// `no_proxy.list` names its host, and the host is bound to the address.
    NoProxyName,
    /// The workload's own `NO_PROXY` names its host, which is bound to the address, or its address, and `no_proxy.from_workload`
    /// honours that.
    NoProxyWorkload,
    /// `tls_interception.passthrough_domains` names its host, and the host is bound to the address.
    PassthroughDomain,
    /// The explicit proxy of this gateway: what is asked of it there is judged there, once.
    OwnProxy,
    /// The upstream asks for a client certificate, and `tls_interception.client_certificate_domains` names its host.
    ClientCertificate,
    /// The upstream speaks only old TLS, and `tls_interception.legacy_tls_domains` names its host.
    LegacyTls,
    /// `tls_interception.enabled` is false.
    InterceptionOff,
    /// The upstream spoke first; there is nothing to open.
    ServerFirst,
    /// The workload speaks a protocol this gateway does not open.
    Opaque,
    /// Would be refused, but blocking is off (`mode: audit`, `enforce: false`), and there is nothing to open.
    Audit,
}

impl PassthroughReason {
    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoProxyAddress => "no_proxy_address",
            Self::NoProxyName => "no_proxy_name",
            Self::NoProxyWorkload => "no_proxy_workload",
            Self::PassthroughDomain => "passthrough_domain",
            Self::OwnProxy => "own_proxy",
            Self::ClientCertificate => "client_certificate",
            Self::LegacyTls => "legacy_tls",
            Self::InterceptionOff => "interception_off",
            Self::ServerFirst => "server_first",
            Self::Opaque => "opaque",
            Self::Audit => "audit",
        }
    }
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// Somebody dialled the listener directly; no program steered this socket, so where it meant to go is unknown.
    NotSteered,
    /// `mode: strict` and the host is not in `api_allowlist`.
    NotInAllowlist,
    /// `mode: strict` and the host is in `api_allowlist`, but nothing proves that the address is that host's: no binding,
    /// and no certificate, because the connection would not be opened as TLS.
    NameNotBound,
    /// The original destination is one of our own listeners.
    Loop,
    /// The address belongs to a class that needs an explicit rule (metadata services).
    AddressClass,
    /// The CONNECT request names a port that the explicit proxy port does not open tunnels to.
    PortNotAllowed,
    /// `forward_proxy.enabled` is false.
    ProxyOff,
    /// `forward_proxy.allowed_sources` does not name the client of the explicit proxy.
    SourceNotAllowed,
    /// The connection limit, overall or of this workload, is reached.
    TooManyConnections,
    /// The name in the CONNECT request and the one in the `ClientHello` differ.
    ConnectSniMismatch,
    /// The workload speaks a protocol this gateway does not open, and the mode does not relay such.
    Opaque,
    /// The kill switch is on: everything is refused.
    KillSwitch,
    /// `fetch_proxy.monitoring.blocklist` names the host.
    Blocklisted,
}

impl DenyReason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::NotSteered,
        Self::NotInAllowlist,
        Self::NameNotBound,
        Self::Loop,
        Self::AddressClass,
        Self::PortNotAllowed,
        Self::ProxyOff,
        Self::SourceNotAllowed,
        Self::TooManyConnections,
        Self::ConnectSniMismatch,
        Self::Opaque,
        Self::KillSwitch,
        Self::Blocklisted,
    ];

    /// The one key of the configuration that would let such a connection pass; none where no setting should, or can.
    #[must_use]
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Self::NotInAllowlist => Some("api_allowlist"),
            Self::NameNotBound => Some("names.hosts"),
            Self::AddressClass => Some("trusted_domains"),
            Self::PortNotAllowed => Some("forward_proxy.connect_ports"),
            Self::ProxyOff => Some("forward_proxy.enabled"),
            Self::SourceNotAllowed => Some("forward_proxy.allowed_sources"),
            Self::TooManyConnections => Some("limits.connections_per_workload"),
            Self::Opaque => Some("no_proxy.list"),
            Self::KillSwitch => Some("kill_switch.enabled"),
            Self::Blocklisted => Some("fetch_proxy.monitoring.blocklist"),
            Self::NotSteered | Self::Loop | Self::ConnectSniMismatch => None,
        }
    }

    /// The name used in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSteered => "not_steered",
            Self::NotInAllowlist => "not_in_allowlist",
            Self::NameNotBound => "name_not_bound",
            Self::Loop => "loop",
            Self::AddressClass => "address_class",
            Self::PortNotAllowed => "port_not_allowed",
            Self::ProxyOff => "proxy_off",
            Self::SourceNotAllowed => "source_not_allowed",
            Self::TooManyConnections => "too_many_connections",
            Self::ConnectSniMismatch => "connect_sni_mismatch",
            Self::Opaque => "opaque",
            Self::KillSwitch => "kill_switch",
            Self::Blocklisted => "blocklisted",
        }
    }
}

//! What happens to a connection before any of its content is seen: opened, relayed unopened, or refused, and why.
//!
//! Pure: no I/O, no clock, no resolver. Names, addresses and the proof that one belongs to the other come in as
//! arguments, a [`Decision`] goes out, and [`Rules`] cannot fail once built. Two questions are asked in the life of a
//! connection: [`Rules::address`] (or [`Rules::connect_address`] on the explicit proxy port) before anything is dialled,
//! and [`Rules::name`] when the first bytes are known. The pipeline then relays, opens or closes.
//!
//! The order of rules is: own listeners, addresses listed, address classes, then: allowlist, CONNECT against SNI, names
//! listed, TLS switched off, protocol. Two principles stand above it:
//!
//! - **A name is the workload's word, an address is the kernel's.** Refusing by name needs no proof; letting a connection
//!   through *unopened* by name needs a [`Binding`] of that name to the address, or the connection is opened instead and
//!   the upstream's certificate is the proof.
//! - **Blocking off means recording, not skipping.** With `enforce: false` what would be refused goes the way it would go
//!   without the refusal, and the reason says `audit`. Only a loop is refused even then.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::model::{
    AddressClass, Decision, DenyReason, DomainList, InterceptReason, Mode, NoProxyList, OriginalDst, PassthroughReason,
    PeerName, Protocol,
};

#[cfg(test)]
mod tests;

/// What [`Rules`] are made of; the pipeline fills it from the configuration.
#[derive(Clone, Debug)]
pub struct Spec {
    /// `mode`; here it only matters whether it is strict.
    pub mode: Mode,
    /// Whether refusals are carried out (`enforce`; off in audit mode unless written).
    pub enforce: bool,
    /// `api_allowlist`: in strict mode the only hosts that may be reached.
    pub api_allowlist: DomainList,
    /// `trusted_domains`: hosts that may resolve to private addresses, and addresses and networks that may be reached under any
    /// name. Never a reason not to open a connection.
    pub trusted_domains: DomainList,
    /// `tls_interception.passthrough_domains`: hosts whose TLS is relayed unopened.
    pub passthrough_domains: DomainList,
    /// `tls_interception.client_certificate_domains`: hosts that are relayed unopened when they ask for a client certificate.
    pub client_certificate_domains: DomainList,
    /// `tls_interception.legacy_tls_domains`: hosts that are relayed unopened when they speak no TLS that we do.
    pub legacy_tls_domains: DomainList,
    /// `no_proxy.list`.
    pub no_proxy: NoProxyList,
    /// `no_proxy.from_workload`: whether a list of the workload's own counts, too.
    pub no_proxy_from_workload: bool,
    /// `ssrf.ip_allowlist`: private networks the explicit proxy may reach under any name.
    pub ssrf_allowlist: Vec<IpNet>,
    /// `capture.cidr_bypass`: the kernel does not steer these; the explicit proxy port must agree with it.
    pub cidr_bypass: Vec<IpNet>,
    /// Whether TLS is opened at all.
    pub tls_interception: bool,
}

/// The rules in force for one configuration; immutable, shared by all connections.
#[derive(Clone, Debug)]
pub struct Rules(Spec);

/// What an address alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressDecision {
    /// Dial, look at the first bytes, then ask [`Rules::name`].
    Continue,
    /// Dial and relay; do not look at the bytes.
    Passthrough(PassthroughReason),
    /// Do not dial.
    Deny(DenyReason),
}

/// Why a connection that policy wants opened cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The upstream asks for a client certificate, which only the workload has.
    ClientCertificate,
    /// The upstream speaks no TLS version or cipher suite that we do.
    LegacyTls,
}

/// Whether a name is known to belong to the original destination's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Resolving the name gave this address.
    Bound,
    /// Resolving the name gave other addresses.
    NotBound,
    /// Nobody resolved the name. Proves as little as [`Binding::NotBound`].
    Unknown,
}

/// What is known about a connection once its first bytes are.
#[derive(Clone, Copy, Debug)]
pub struct NameInput<'a> {
    /// What it speaks.
    pub protocol: Protocol,
    /// The name inside the connection: SNI, or the first `Host` on cleartext HTTP. `None` or an address where there is none.
    pub name: Option<&'a PeerName>,
    /// Where it goes; in the explicit proxy, the address that was dialled.
    pub dst: OriginalDst,
    /// Whether `name` (or, where there is none, `connect_host`) belongs to `dst`. The explicit proxy resolves the CONNECT
    /// host itself, so there that host is [`Binding::Bound`] to what was dialled.
    pub binding: Binding,
    /// Whether the `ClientHello` has an `encrypted_client_hello` extension, real or GREASE (RFC 9849); its SNI is then
    /// the outer name and no binding counts.
    pub ech: bool,
    /// The host of the CONNECT request; `None` on captured connections.
    pub connect_host: Option<&'a PeerName>,
    /// What the workload's own `NO_PROXY` names, where it was read.
    pub own_no_proxy: Option<&'a NoProxyList>,
}

impl NameInput<'_> {
    /// Whom the workload believes it talks to: the name inside, else the CONNECT host, else the address it went to.
    ///
    /// An address that only the workload *names* (`Host: 10.0.0.1`) does not count, the one it went to does.
    #[must_use]
    pub fn peer(&self) -> PeerName {
        match (self.name, self.connect_host) {
            (Some(name @ PeerName::Dns(_)), _) | (_, Some(name @ PeerName::Dns(_))) => name.clone(),
            _ => PeerName::Ip(self.dst.ip()),
        }
    }

    /// Whether the peer is known to be who it is said to be, without asking it for a certificate.
    fn is_proven(&self, peer: &PeerName) -> bool {
        match peer {
            PeerName::Dns(_) => self.binding == Binding::Bound && !self.ech,
            PeerName::Ip(ip) => *ip == self.dst.ip(),
        }
    }

    /// Whether SNI or `Host` names another host than the CONNECT request did (domain fronting through the proxy).
    fn contradicts_connect(&self) -> bool {
        match (self.connect_host, self.name) {
            (Some(PeerName::Dns(asked)), Some(PeerName::Dns(named))) => asked != named,
            // CONNECT to an address names nobody: SNI decides, as on a captured connection.
            _ => false,
        }
    }
}

impl Rules {
    /// Takes the rules in force. Everything in a [`Spec`] was checked when it was parsed, so this cannot fail.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        Self(spec)
    }

    /// Decides what the address of a *captured* connection alone decides.
    ///
    /// `own_listeners` are the gateway's own; one on the unspecified address owns its port on every loopback address, so
    /// pass the addresses of interfaces as well where it should own those.
    #[must_use]
    pub fn address(&self, dst: OriginalDst, own_listeners: &[SocketAddr]) -> AddressDecision {
        let refused = match AddressClass::of(dst.ip()) {
            AddressClass::Metadata if !self.0.trusted_domains.names_address(dst.ip()) => Some(DenyReason::AddressClass),
            _ => None,
        };
        match self.by_address(dst, own_listeners, refused) {
            // The workload could have gone there without us; blocking off means that it may.
            AddressDecision::Deny(DenyReason::AddressClass) if !self.0.enforce => {
                AddressDecision::Passthrough(PassthroughReason::Audit)
            }
            decision => decision,
        }
    }

    /// Decides whether the explicit proxy may dial an address that `host` resolved to. Check every address of the answer,
    /// then dial one that was checked without resolving again (DNS rebinding).
    ///
    /// Unlike on captured connections the gateway reaches further than the workload may, so private, shared, link-local,
    /// loopback and multicast addresses are refused, also with blocking off: a watched proxy must not become a way into
    /// the machine's own networks. A name in `trusted_domains` lifts that for private and shared ones only; an address or network
    /// there, and one in `ssrf.ip_allowlist`, for what it covers. A metadata service must be named by its very address.
    #[must_use]
    pub fn connect_address(&self, host: &PeerName, dst: OriginalDst, own_listeners: &[SocketAddr]) -> AddressDecision {
        let refused = match AddressClass::of(dst.ip()) {
            AddressClass::Public => None,
            AddressClass::Private | AddressClass::SharedNat if self.0.trusted_domains.matches(host) => None,
            AddressClass::Private | AddressClass::SharedNat | AddressClass::Loopback | AddressClass::LinkLocal
                if self.0.ssrf_allowlist.iter().any(|net| net.contains(&dst.ip()))
                    || self.0.trusted_domains.covers(dst.ip()) =>
            {
                None
            }
            AddressClass::Metadata if self.0.trusted_domains.names_address(dst.ip()) => None,
            AddressClass::Private
            | AddressClass::SharedNat
            | AddressClass::Metadata
            | AddressClass::Loopback
            | AddressClass::LinkLocal
            | AddressClass::Multicast
            | AddressClass::Unspecified => Some(DenyReason::AddressClass),
        };
        self.by_address(dst, own_listeners, refused)
    }

    fn by_address(
        &self,
        dst: OriginalDst,
        own_listeners: &[SocketAddr],
        refused: Option<DenyReason>,
    ) -> AddressDecision {
        if own_listeners.iter().any(|listener| is_own(dst, *listener)) {
            return AddressDecision::Deny(DenyReason::Loop);
        }
        let listed = self.0.no_proxy.find_address(dst);
        // `*` says nothing about an address that needs a rule of its own; only an entry that names it does.
        let named = listed.is_some_and(|entry| !entry.is_everything()) || self.is_bypassed(dst);
        match refused {
            Some(reason) if !named => AddressDecision::Deny(reason),
            _ if named || listed.is_some() => AddressDecision::Passthrough(PassthroughReason::NoProxyAddress),
            _ => AddressDecision::Continue,
        }
    }

    fn is_bypassed(&self, dst: OriginalDst) -> bool {
        self.0.cidr_bypass.iter().any(|net| net.contains(&dst.ip()))
    }

    /// Decides what becomes of a connection whose first bytes are known, and whose address was let through.
    #[must_use]
    pub fn name(&self, input: &NameInput<'_>) -> Decision {
        let peer = input.peer();
        let admitted = self.admit(input, &peer);
        match (self.refusal(input, &peer, admitted), admitted) {
            (None, Admitted::Intercept(reason)) => self.as_the_workload_asks(input, &peer, reason),
            (None, Admitted::Passthrough(_)) => admitted.into(),
            (Some(reason), _) if self.0.enforce => Decision::Deny(reason),
            (Some(_), Admitted::Intercept(_)) => Decision::Intercept(InterceptReason::Audit),
            (Some(_), Admitted::Passthrough(_)) => Decision::Passthrough(PassthroughReason::Audit),
        }
    }

    /// What becomes of a connection that is to be opened, where the workload's own list may have it relayed. Only what would be
    /// allowed if the operator's list had the entry.
    fn as_the_workload_asks(&self, input: &NameInput<'_>, peer: &PeerName, reason: InterceptReason) -> Decision {
        let opened = Decision::Intercept(reason);
        let Some(list) = input.own_no_proxy.filter(|_| self.0.no_proxy_from_workload) else { return opened };
        // `*` is no entry here: see `NoProxyList::of_environment`.
        let by_address = list.find_address(input.dst).is_some();
        let by_name = matches!(peer, PeerName::Dns(name) if list.find_name(name, input.dst.port()).is_some());
        if !by_address && !by_name {
            return opened;
        }
        let relayed = Admitted::Passthrough(PassthroughReason::NoProxyWorkload);
        let unproven = !by_address && !input.is_proven(peer);
        match self.refusal(input, peer, relayed) {
            None if !unproven => relayed.into(),
            // Whoever asks can find out whether the name is bound, and ask again.
            None | Some(DenyReason::NameNotBound) if !input.ech => Decision::Intercept(InterceptReason::NameNotBound),
            _ => opened,
        }
    }

    /// Whether a list of the workload's own can make a difference.
    #[must_use]
    pub fn asks_for_own_no_proxy(&self) -> bool {
        self.0.no_proxy_from_workload
    }

    /// Decides whether a connection that cannot be opened may be relayed unopened instead, because its host is listed for
    /// that. As with every name that is relayed, only when it is bound to the address.
    ///
    /// A list and no switch: whoever runs a server can make it ask for a certificate, and would switch scanning off by it.
    #[must_use]
    pub fn fallback(&self, input: &NameInput<'_>, wish: Fallback) -> Option<PassthroughReason> {
        let peer = input.peer();
        let (list, reason) = match wish {
            Fallback::ClientCertificate => (&self.0.client_certificate_domains, PassthroughReason::ClientCertificate),
            Fallback::LegacyTls => (&self.0.legacy_tls_domains, PassthroughReason::LegacyTls),
        };
        let admitted = matches!(self.name(input), Decision::Intercept(_));
        (admitted && list.matches(&peer) && input.is_proven(&peer)).then_some(reason)
    }

    /// Whether a host is listed for a fallback, bound or not: only then is it worth finding out.
    #[must_use]
    pub fn may_fall_back(&self, peer: &PeerName, wish: Fallback) -> bool {
        match wish {
            Fallback::ClientCertificate => self.0.client_certificate_domains.matches(peer),
            Fallback::LegacyTls => self.0.legacy_tls_domains.matches(peer),
        }
    }

    /// Whether strict mode lets a request name this host; always true in other modes and when blocking is off.
    ///
    /// For requests on an open connection, whose `Host` may differ from the one the connection was admitted for.
    #[must_use]
    pub fn admits_host(&self, host: &PeerName) -> bool {
        !(self.is_strict() && self.0.enforce) || self.0.api_allowlist.matches(host)
    }

    /// How the connection is handled if nothing refuses it.
    fn admit(&self, input: &NameInput<'_>, peer: &PeerName) -> Admitted {
        let listed = self.unopened_by_name(input, peer);
        let reason = match listed {
            Some(reason) if input.is_proven(peer) => return Admitted::Passthrough(reason),
            Some(_) if input.ech => InterceptReason::EncryptedClientHello,
            Some(_) => InterceptReason::NameNotBound,
            None => InterceptReason::Default,
        };
        match input.protocol {
            Protocol::Tls if !self.0.tls_interception => Admitted::Passthrough(PassthroughReason::InterceptionOff),
            Protocol::Tls | Protocol::Http1 | Protocol::Http2 => Admitted::Intercept(reason),
            Protocol::ServerFirst => Admitted::Passthrough(PassthroughReason::ServerFirst),
            Protocol::Opaque | Protocol::Empty => Admitted::Passthrough(PassthroughReason::Opaque),
        }
    }

    /// The rule, if any, by which this name is relayed unopened once it is proven.
    fn unopened_by_name(&self, input: &NameInput<'_>, peer: &PeerName) -> Option<PassthroughReason> {
        let no_proxy = match peer {
            PeerName::Dns(name) => self.0.no_proxy.find_name(name, input.dst.port()).is_some(),
            // Listed addresses were let through before the first byte.
            PeerName::Ip(_) => false,
        };
        let pinned = || input.protocol == Protocol::Tls && self.0.passthrough_domains.matches(peer);
        if no_proxy {
            Some(PassthroughReason::NoProxyName)
        } else if pinned() {
            Some(PassthroughReason::PassthroughDomain)
        } else {
            None
        }
    }

    fn refusal(&self, input: &NameInput<'_>, peer: &PeerName, admitted: Admitted) -> Option<DenyReason> {
        if self.is_strict() {
            let unnamed = !matches!(peer, PeerName::Dns(_));
            if !self.0.api_allowlist.matches(peer) {
                // An opaque protocol cannot give a name; telling its operator to list one would not help.
                return Some(if unnamed && admitted.is_unreadable() {
                    DenyReason::Opaque
                } else {
                    DenyReason::NotInAllowlist
                });
            }
        }
        if input.contradicts_connect() {
            return Some(DenyReason::ConnectSniMismatch);
        }
        if !self.is_strict() {
            return None;
        }
        if admitted.is_unreadable() {
            return Some(DenyReason::Opaque);
        }
        // Opened TLS proves the name by the upstream's certificate. Everything else would take the workload's word, which
        // could send anything anywhere under an allowed name.
        let by_certificate = input.protocol == Protocol::Tls && matches!(admitted, Admitted::Intercept(_));
        (!by_certificate && !input.is_proven(peer)).then_some(DenyReason::NameNotBound)
    }

    fn is_strict(&self) -> bool {
        self.0.mode == Mode::Strict
    }
}

/// A [`Decision`] that is no refusal.
#[derive(Clone, Copy)]
enum Admitted {
    Intercept(InterceptReason),
    Passthrough(PassthroughReason),
}

impl Admitted {
    /// Relayed only because we cannot read it.
    fn is_unreadable(self) -> bool {
        matches!(self, Self::Passthrough(PassthroughReason::Opaque | PassthroughReason::ServerFirst))
    }
}

impl From<Admitted> for Decision {
    fn from(admitted: Admitted) -> Self {
        match admitted {
            Admitted::Intercept(reason) => Self::Intercept(reason),
            Admitted::Passthrough(reason) => Self::Passthrough(reason),
        }
    }
}

/// Whether dialling `dst` reaches `listener`. `connect()` to the unspecified address reaches loopback on Linux.
fn is_own(dst: OriginalDst, listener: SocketAddr) -> bool {
    let target = match dst.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let own = listener.ip().to_canonical();
    // A dual-stack `[::]` listener also answers on IPv4 loopback.
    dst.port() == listener.port() && (target == own || (own.is_unspecified() && target.is_loopback()))
}

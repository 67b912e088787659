//! The explicit proxy's way into the pipeline: dial what the door checked, then meet captured connections at the first
//! bytes, with one thing more known: the host the client asked for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::draft::Draft;
use super::intercept::Scheme;
use super::live::{Named, Question};
use super::{Gateway, Parties, Snapshot, failed};
use crate::connection::{self, Counted};
use crate::forward::{
    Access, ConnectRequest, Leg, Opened, Options, RefusedConnect, Rules, Tunnel, TunnelError, Tunnelled,
};
use crate::http::RequestIds;
use crate::model::{
    Alpn, ConnectionEnd, Decision, DenyReason, FrontDoor, InterceptReason, OriginalDst, PeerName, Protocol, Side,
};
use crate::policy::{AddressDecision, Binding};
use crate::report::metrics::UpstreamError;

/// For all addresses of a name together, beyond what one may take; shorter than the door's own patience, so that the failure is
/// told as what it is.
const DIAL_MORE: Duration = Duration::from_secs(2);

/// What the door waits longer than a connect may take, so that the pipeline tells what happened.
const OPEN_MORE: Duration = Duration::from_secs(5);

/// Bytes on their way between the door and the pipeline, each way.
const LEG_BYTES: usize = 64 * 1024;

/// Opens tunnels into a gateway, by that gateway's rules.
#[derive(Clone)]
pub struct Entrance(Arc<Gateway>);

/// A dialled upstream and the record that will tell of it.
pub struct Dialled {
    gateway: Arc<Gateway>,
    snapshot: Arc<Snapshot>,
    draft: Draft,
    dst: OriginalDst,
    relay_unopened: bool,
    host: PeerName,
    upstream: tokio::net::TcpStream,
}

impl Entrance {
    /// An entrance to `gateway`.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self(gateway)
    }

    /// Bounds of the door, as the configuration in force has them.
    #[must_use]
    pub fn options(&self) -> Options {
        let snapshot = self.0.live.pin();
        let bounds = &snapshot.bounds;
        Options {
            max_connections: bounds.proxy_connections,
            max_tunnels: bounds.proxy_tunnels,
            header_timeout: bounds.head_timeout,
            open_timeout: bounds.connect_timeout.saturating_add(OPEN_MORE),
        }
    }

    fn draft(&self, peer: SocketAddr) -> Draft {
        Draft::new(self.0.report.clone(), self.0.ids.next(), FrontDoor::Explicit, peer, Instant::now())
    }

    /// Connects to the first checked address that answers.
    async fn dial(&self, request: ConnectRequest) -> Result<Dialled, TunnelError> {
        let ConnectRequest { host, port: _, addrs, peer, workload } = request;
        let target = workload.as_ref().and_then(|workload| workload.target.clone());
        let snapshot = self.0.live.pin().of(target.as_deref());
        let own = self.0.own_listeners();
        let mut draft = self.draft(peer);
        draft.asked_for(host.clone());
        draft.asked_by(workload);
        let mut last = None;
        let dial_all = snapshot.bounds.connect_timeout.saturating_add(DIAL_MORE);
        let give_up = Instant::now() + dial_all;
        for address in addrs {
            let dst = OriginalDst::new(address);
            draft.dialled(dst);
            let decision = snapshot.rules.connect_address(&host, dst, &own);
            if let AddressDecision::Deny(reason) = decision {
                draft.decide(Decision::Deny(reason));
                draft.finish(ConnectionEnd::Denied);
                return Err(TunnelError::Denied(reason));
            }
            let dialled = tokio::time::timeout_at(give_up.into(), self.0.dial(address)).await;
            match dialled.unwrap_or(Err(connection::Error::ConnectTimeout { address, timeout: dial_all })) {
                Ok(upstream) => {
                    let relay_unopened = match decision {
                        AddressDecision::Passthrough(reason) => {
                            draft.decide(Decision::Passthrough(reason));
                            true
                        }
                        AddressDecision::Continue | AddressDecision::Deny(_) => false,
                    };
                    let gateway = Arc::clone(&self.0);
                    return Ok(Dialled { gateway, snapshot, draft, dst, relay_unopened, host, upstream });
                }
                Err(error) => last = Some(error),
            }
        }
        let error = last.unwrap_or_else(|| connection::Error::NoAddress { name: host.to_string() });
        draft.finish(failed(Side::Upstream, &error));
        Err(match error {
            connection::Error::ConnectTimeout { .. } => TunnelError::TimedOut,
            other => TunnelError::Unreachable(io::Error::other(other)),
        })
    }
}

impl Tunnel for Entrance {
    type Opened = Dialled;

    async fn open(&self, request: ConnectRequest) -> Result<Dialled, TunnelError> {
        self.dial(request).await
    }

    async fn forward(&self, request: ConnectRequest, https: bool) -> Result<Leg, TunnelError> {
        let Dialled { gateway, snapshot, mut draft, dst, relay_unopened: _, host, upstream } =
            self.dial(request).await?;
        let protocol = if https { Protocol::Tls } else { Protocol::Http1 };
        let named =
            Named { protocol, name: Some(host.clone()), binding: Binding::Bound, ech: false, own_no_proxy: None };
        let front_door = FrontDoor::Explicit;
        let question = Question {
            front_door,
            dst,
            target: draft.target(),
            connect_host: Some(host.clone()),
            heard: Some(named),
            fallback: None,
        };
        draft.heard(protocol, host.clone());
        // A proxy reads these requests whatever it does with them, so that none is relayed unread: `no_proxy` only says that
        // the address may be dialled.
        let decision = match question.ask(&snapshot.rules, &gateway.own_listeners()) {
            Decision::Passthrough(_) => Decision::Intercept(InterceptReason::Default),
            decision => decision,
        };
        draft.decide(decision);
        if let Decision::Deny(reason) = decision {
            draft.finish(ConnectionEnd::Denied);
            return Err(TunnelError::Denied(reason));
        }
        let own_ids = RequestIds::new(gateway.instance, draft.id()).prefix().into();
        let (stream, ours) = tokio::io::duplex(LEG_BYTES);
        if !https {
            gateway.absolute(&snapshot, draft, question, (host, dst), ours, upstream, Scheme::Http);
            return Ok(Leg { stream, own_ids });
        }
        let Some(opener) = &snapshot.tls else {
            draft.finish(failed(Side::Gateway, &io::Error::other("tls_interception is off")));
            return Err(TunnelError::NoTls);
        };
        match opener.upstream.for_requester(draft.requester()).connect(upstream, &host, &[Alpn::Http11]).await {
            Ok(leg) => {
                gateway.absolute(&snapshot, draft, question, (host, dst), ours, leg.stream, Scheme::Https);
                Ok(Leg { stream, own_ids })
            }
            Err(error) => {
                let certificate = matches!(error, crate::tls::Error::UpstreamCertificate { .. });
                let class = if certificate { UpstreamError::Certificate } else { UpstreamError::Tls };
                gateway.report.metrics().upstream_error(class);
                draft.finish(failed(Side::Upstream, &error));
                Err(TunnelError::Tls(io::Error::other(error)))
            }
        }
    }

    fn refused(&self, refused: RefusedConnect) {
        let mut draft = self.draft(refused.peer);
        draft.asked_for(refused.host);
        draft.decide(Decision::Deny(refused.reason));
        draft.finish(ConnectionEnd::Denied);
    }
}

impl Opened for Dialled {
    async fn run(self, client: Tunnelled) {
        let Self { gateway, snapshot, mut draft, dst, relay_unopened, host, upstream } = self;
        let _ = client.stream.set_nodelay(true);
        let counts = draft.counts();
        counts.add_up(client.read.len());
        let downstream = Counted::new(client.stream, counts);
        let end = if relay_unopened {
            let question = Question {
                target: draft.target(),
                front_door: FrontDoor::Explicit,
                dst,
                connect_host: Some(host),
                heard: None,
                fallback: None,
            };
            gateway.relayed(question, crate::tls::Prefixed::new(client.read, downstream), upstream).await
        } else {
            let parties = Parties { dst, connect_host: Some(host), downstream, read: client.read, upstream };
            gateway.converse(&snapshot, &mut draft, parties).await
        };
        draft.finish(end);
    }
}

impl Rules for Entrance {
    fn access(&self) -> Arc<Access> {
        Arc::clone(&self.0.live.pin().access)
    }

    fn admit(&self, host: &PeerName, _port: u16) -> Result<(), DenyReason> {
        if self.0.control.kill.is_active() {
            self.0.metrics().kill_switch_denied("connect");
            return Err(DenyReason::KillSwitch);
        }
        let snapshot = self.0.live.pin();
        if snapshot.verdict.enforce && snapshot.blocklist.matches(host) {
            return Err(DenyReason::Blocklisted);
        }
        if snapshot.rules.admits_host(host) { Ok(()) } else { Err(DenyReason::NotInAllowlist) }
    }

    fn check_address(&self, host: &PeerName, address: SocketAddr) -> Result<(), DenyReason> {
        let snapshot = self.0.live.pin();
        match snapshot.rules.connect_address(host, OriginalDst::new(address), &self.0.own_listeners()) {
            AddressDecision::Deny(reason) => Err(reason),
            AddressDecision::Continue | AddressDecision::Passthrough(_) => Ok(()),
        }
    }
}

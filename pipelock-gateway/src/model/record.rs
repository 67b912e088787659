//! What is written down: one record a connection, one a request on an intercepted connection.
//!
//! Records hold no secret: findings carry fingerprints, targets are cut before the query.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::model::{
    ConnId, Decision, FrontDoor, HttpVersion, OriginalDst, PeerName, Principal, Protocol, RequestId, Side, Verdict,
    Workload,
};

/// The one record that every connection ends in.
#[derive(Clone, Debug)]
pub struct ConnectionRecord {
    /// Its number.
    pub id: ConnId,
    /// Which door it came through.
    pub front_door: FrontDoor,
    /// Who opened it; `None` on the explicit proxy port, where the kernel did not tell.
    pub workload: Option<Workload>,
    /// The address the workload's socket had.
    pub peer: SocketAddr,
    /// Where it meant to go; `None` when nothing steered it.
    pub original_dst: Option<OriginalDst>,
    /// The name it gave (SNI, Host, CONNECT).
    pub name: Option<PeerName>,
    /// What it spoke; `None` when it was refused before a byte was read.
    pub protocol: Option<Protocol>,
    /// What policy chose; `None` when the connection ended before it was asked.
    pub decision: Option<Decision>,
    /// What bound the name to the address, in the words of the metric `pipelock_name_bindings_total`; `None` where no rule hung on
    /// it.
    pub binding: Option<&'static str>,
    /// Requests served on it; 0 unless intercepted.
    pub requests: u32,
    /// Bytes the workload sent.
    pub bytes_up: u64,
    /// Bytes the workload received.
    pub bytes_down: u64,
    /// From accept to close.
    pub duration: Duration,
    /// How it ended.
    pub end: ConnectionEnd,
}

impl ConnectionRecord {
    /// The one key of the configuration that would have let it pass, where it was refused.
    #[must_use]
    pub fn setting(&self) -> Option<&'static str> {
        match self.decision {
            Some(Decision::Deny(reason)) => reason.setting(),
            _ => None,
        }
    }

    /// The decision and its reason as logs and metric labels print them; `none` for both where none was taken.
    #[must_use]
    pub fn decision_words(&self) -> (&'static str, &'static str) {
        self.decision.map_or(("none", "none"), |decision| (decision.as_str(), decision.reason()))
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// Both sides closed in an orderly way.
    Closed,
    /// We refused it.
    Denied,
    /// The workload refused the certificate we showed: it does not trust the gateway's CA.
    DownstreamRejectedCertificate {
        /// The TLS alert or the way it hung up, for the log.
        detail: String,
    },
    /// Something failed.
    Failed {
        /// Whose side it was.
        side: Side,
        /// The error chain, one line, without secrets.
        detail: String,
    },
}

/// One request on an intercepted connection.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// What the client is told when it is blocked.
    pub id: RequestId,
    /// Which door it came through.
    pub front_door: FrontDoor,
    /// Who sent it.
    pub workload: Option<Workload>,
    /// The address it was sent from, where that is known.
    pub client: Option<IpAddr>,
    /// Where the connection meant to go.
    pub original_dst: Option<OriginalDst>,
    /// The host it named, without the port when that is the scheme's own.
    pub host: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The version on both legs.
    pub version: HttpVersion,
    /// The method, as sent.
    pub method: String,
    /// The path, cut before the query, which may hold credentials.
    pub path: String,
    /// The status answered to the client, by the upstream or by us; `None` when the exchange broke before one.
    pub status: Option<u16>,
    /// Request body bytes received from the workload.
    pub request_bytes: u64,
    /// Response body bytes sent to the workload.
    pub response_bytes: u64,
    /// From the request head to the end of the response.
    pub duration: Duration,
    /// Time spent judging, within `duration`.
    pub scan_duration: Duration,
    /// The outcome.
    pub verdict: Verdict,
    /// Present when it became a WebSocket connection; `duration` and bytes are then those of the whole connection.
    pub websocket: Option<WebSocketRecord>,
    /// Present when it came through the MCP port.
    pub mcp: Option<McpRecord>,
}

/// What a request to the MCP port was about. Names are the client's own words: whoever writes them down must know that they
/// were judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpRecord {
    /// Who sent it; `None` when it was refused before that was asked.
    pub principal: Option<Principal>,
    /// The first half of the hash of its session's name.
    pub session: Option<u64>,
    /// The revision of the protocol, as in metric labels.
    pub revision: Option<&'static str>,
    /// JSON-RPC messages in it.
    pub messages: u32,
    /// The method of the first.
    pub method: Option<String>,
    /// The tool that it calls.
    pub tool: Option<String>,
}

/// What passed on a WebSocket connection: frames begun in both directions, by kind, and complete messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebSocketRecord {
    /// Text frames, each the beginning of a message.
    pub text: u64,
    /// Binary frames, the same.
    pub binary: u64,
    /// Further fragments.
    pub continuation: u64,
    /// Pings.
    pub ping: u64,
    /// Pongs.
    pub pong: u64,
    /// Close frames that a side sent.
    pub close: u64,
    /// Messages that went to the upstream.
    pub messages_up: u64,
    /// Messages that went to the workload.
    pub messages_down: u64,
    /// The code with which the gateway closed the connection, when it did (RFC 6455 §7.4).
    pub closed_with: Option<u16>,
}

impl WebSocketRecord {
    /// Frames with the name of their kind.
    #[must_use]
    pub fn frames(&self) -> [(&'static str, u64); 6] {
        [
            ("text", self.text),
            ("binary", self.binary),
            ("continuation", self.continuation),
            ("ping", self.ping),
            ("pong", self.pong),
            ("close", self.close),
        ]
    }
}

/// Something that is no connection and no request: the kill switch was flipped, a session grew suspicious.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// `info`, `warn` or `critical`.
    pub level: &'static str,
    /// What, as the reference names it.
    pub event: &'static str,
    /// More about it; values are cleaned before they are written.
    pub fields: Vec<(&'static str, String)>,
}

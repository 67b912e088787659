//! The nouns every stage speaks: addresses, names, workloads, decisions, findings, verdicts, records.
//!
//! Nothing here does I/O, reads a clock, or knows a configuration file. Stages import from here; this imports from none.
//! Each enum that ends up in a log, a metric or a header is closed and has `as_str()`, so that the three always agree.

mod address;
mod binding;
mod connection;
mod decision;
mod domain;
mod error;
mod finding;
mod limit;
mod mode;
mod name;
mod network;
mod no_proxy;
mod record;
mod session;
mod suppression;
mod taint;
mod tool_chain;
mod validator;
mod variables;
mod verdict;
mod workload;

pub use address::{AddressClass, OriginalDst};
pub use binding::{BodyPlace, BoundHosts, BoundRules, CredentialBinding, Depth, InvalidPlacement, Placement};
pub use connection::{Alpn, ConnId, FrontDoor, HttpVersion, Protocol, RequestId, Side};
pub use decision::{Decision, DenyReason, InterceptReason, PassthroughReason};
pub use domain::{DomainList, DomainPattern, InvalidDomain};
pub use error::error_chain;
pub use finding::{
    CANARY_RULE, ENVIRONMENT_RULE, Evidence, Family, Finding, KNOWN_SECRET_RULE, REDACTION_CLASSES, Severity, Surface,
    View,
};
pub use limit::Limit;
pub use mode::{InvalidMode, Mode};
pub use name::{BoundBy, InvalidName, PeerName, ServerName};
pub use network::{InvalidNetwork, parse_network};
pub use no_proxy::{InvalidNoProxy, NoProxyEntry, NoProxyList};
pub use record::{ConnectionEnd, ConnectionRecord, EventRecord, McpRecord, RequestRecord, WebSocketRecord};
pub use session::{Level, LevelEffect, Principal, SessionKey, SessionPolicy};
pub use suppression::Suppression;
pub use taint::{Taint, TaintPolicy, TaintStrictness};
pub use tool_chain::{BUILT_IN_CHAINS, ChainPattern, ChainRules, ToolCategory};
pub use validator::Validator;
pub use variables::{InvalidVariable, SecretVariables, VariableName};
pub use verdict::{Action, BlockReason, Verdict};
pub use workload::{CgroupId, NetnsCookie, Target, Workload};

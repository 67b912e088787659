//! Both TLS legs of an intercepted connection, and the certificate authority that makes the downstream one believable.
//!
//! The order is fixed by the caller: [`Upstream::connect`] first, which decides the application protocol and whether the
//! peer is who the workload asked for; then [`Leaves::leaf`] for that name, and [`Downstream::accept`]. Nothing here knows
//! who the workload is or what HTTP is, and nothing here ever lets a connection through unopened: every failure is an
//! [`Error`] that says whose side it was. [`trust::render`] writes what clients need to believe our authority.
//!
//! One cryptographic provider, aws-lc-rs, is named explicitly everywhere: an implicit default panics as soon as a second
//! provider enters the dependency graph. TLS 1.2 and 1.3; no early data on either leg, because it can be replayed.

mod ca;
mod downstream;
mod error;
mod leaf;
mod prefixed;
mod roots;
#[cfg(test)]
mod testing;
pub mod trust;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

pub use ca::{CertificateAuthority, Fingerprint, Profile};
pub use downstream::{Downstream, DownstreamTls};
pub use error::{CaProblem, Error, UpstreamFailure, refuses_for_certificate};
pub use leaf::{KeyKind, LeafSettings, Leaves};
pub use prefixed::Prefixed;
pub use roots::{RootLocations, RootSource, Roots};
pub use upstream::{Upstream, UpstreamTls};

use rustls::crypto::CryptoProvider;

/// How long a handshake may take on either leg (gateway limit).
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The provider of both legs.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

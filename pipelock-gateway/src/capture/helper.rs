//! The privileged half of a daemon, apart from the half that reads hostile bytes.
//!
//! The *helper* ([`Service`]) loads programs, enters namespaces, opens listeners, reads `/proc` and the files that the configuration
//! names. The *proxy* ([`Helped`]) is a [`super::Datapath`] that asks it, over socket pairs that only the two have; it has no
//! privilege of its own. One packet a request, one a reply, descriptors beside them; both are bounded and typed (`protocol`).
//!
//! The helper believes nothing it is asked: a target is armed by a name that stands in the helper's own configuration or that the
//! helper found itself, and treated as it says there; what was found is captured whether the proxy asks for it or not. It is let go only
//! when its cgroup has gone, an environment read only of a process inside a captured cgroup, a file opened only if the configuration
//! names it. So a proxy that was taken over can read what its configuration would let it read, and refuse traffic, but not open a way
//! around itself.

mod client;
mod found;
mod packet;
mod protocol;
mod service;

pub use client::Helped;
pub use found::News;
pub use packet::pair;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub use protocol::fuzzing;
pub use service::{Files, Service};

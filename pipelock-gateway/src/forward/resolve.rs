//! The system's resolver, off the runtime's threads.
//!
//! No cache and no timeout of its own: the door asks once a CONNECT and stops waiting when it has waited enough.

use crate::model::ServerName;

use super::{Resolve, Resolving};

/// `getaddrinfo`, so that `/etc/hosts`, search domains and the container's DNS mean what they mean to everybody else.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a ServerName) -> Resolving<'a> {
        Box::pin(async move {
            // The port is only there because getaddrinfo wants one.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

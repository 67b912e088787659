//! A connection's record while it is being lived. Dropped without an end, it still becomes a record: a task that panics
//! or is cut must not be a connection nobody heard of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::ByteCounts;
use crate::http::Exchange;
use crate::model::{
    ConnId, ConnectionEnd, ConnectionRecord, Decision, FrontDoor, HttpVersion, OriginalDst, PeerName, Protocol, Side,
    Target, Workload,
};
use crate::report::Report;

/// Collects what is known of a connection; reports it once.
pub(super) struct Draft {
    report: Report,
    counts: Arc<ByteCounts>,
    accepted: Instant,
    record: Option<ConnectionRecord>,
    /// Copies of what later stages ask for, so that they need not look into an option.
    id: ConnId,
    front_door: FrontDoor,
    original_dst: Option<OriginalDst>,
    workload: Option<Workload>,
    name: Option<PeerName>,
}

impl Draft {
    pub(super) fn new(report: Report, id: ConnId, front_door: FrontDoor, peer: SocketAddr, accepted: Instant) -> Self {
        let record = ConnectionRecord {
            id,
            front_door,
            workload: None,
            peer,
            original_dst: None,
            name: None,
            protocol: None,
            decision: None,
            binding: None,
            requests: 0,
            bytes_up: 0,
            bytes_down: 0,
            duration: std::time::Duration::ZERO,
            end: ConnectionEnd::Closed,
        };
        Self {
            report,
            counts: Arc::default(),
            accepted,
            record: Some(record),
            id,
            front_door,
            original_dst: None,
            workload: None,
            name: None,
        }
    }

    pub(super) fn id(&self) -> ConnId {
        self.id
    }

    pub(super) fn front_door(&self) -> FrontDoor {
        self.front_door
    }

    /// The address it came from; none when it was reported already.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.record.as_ref().map(|record| record.peer)
    }

    pub(super) fn counts(&self) -> Arc<ByteCounts> {
        Arc::clone(&self.counts)
    }

    pub(super) fn steered(&mut self, original_dst: OriginalDst, workload: Workload) {
        self.dialled(original_dst);
        self.workload = Some(workload);
    }

    pub(super) fn dialled(&mut self, original_dst: OriginalDst) {
        self.original_dst = Some(original_dst);
    }

    /// Who opened it, where the kernel told.
    pub(super) fn workload(&self) -> Option<&Workload> {
        self.workload.as_ref()
    }

    /// What it was captured as, where the kernel told.
    pub(super) fn target(&self) -> Option<Arc<Target>> {
        self.workload.as_ref().and_then(|workload| workload.target.clone())
    }

    /// A number that is the same for connections of one workload, or of one address where the workload is not known.
    pub(super) fn requester(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hash = DefaultHasher::new();
        match (&self.workload, &self.record) {
            (Some(workload), _) => workload.cgroup.hash(&mut hash),
            (None, Some(record)) => record.peer.ip().hash(&mut hash),
            (None, None) => {}
        }
        hash.finish()
    }

    /// Who asks on the explicit proxy port, where the kernel told.
    pub(super) fn asked_by(&mut self, workload: Option<Workload>) {
        self.workload = workload;
    }

    /// The host of a CONNECT request; what is heard inside may say more.
    pub(super) fn asked_for(&mut self, host: PeerName) {
        self.name = Some(host);
    }

    pub(super) fn heard(&mut self, protocol: Protocol, name: PeerName) {
        self.name = Some(name);
        self.edit(|record| record.protocol = Some(protocol));
    }

    pub(super) fn decide(&mut self, decision: Decision) {
        self.edit(|record| record.decision = Some(decision));
    }

    /// What bound the name to the address.
    pub(super) fn bound_by(&mut self, by: Option<&'static str>) {
        self.edit(|record| record.binding = by);
    }

    pub(super) fn requests(&mut self, requests: u32) {
        self.edit(|record| record.requests = requests);
    }

    /// What the judge may know about this connection. `name` is what requests must be for; `None` lets `Host` say it.
    pub(super) fn exchange(&self, version: HttpVersion, scheme: &'static str, name: Option<PeerName>) -> Exchange {
        Exchange {
            front_door: self.front_door,
            workload: self.workload.clone(),
            client: self.peer().map(|peer| peer.ip()),
            original_dst: self.original_dst,
            name,
            scheme,
            version,
        }
    }

    /// Reports the connection.
    pub(super) fn finish(mut self, end: ConnectionEnd) {
        self.report_with(end);
    }

    fn edit(&mut self, change: impl FnOnce(&mut ConnectionRecord)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    fn report_with(&mut self, end: ConnectionEnd) {
        if let Some(mut record) = self.record.take() {
            record.workload = self.workload.take();
            record.original_dst = self.original_dst;
            record.name = self.name.take();
            record.bytes_up = self.counts.up();
            record.bytes_down = self.counts.down();
            record.duration = self.accepted.elapsed();
            record.end = end;
            self.report.connection(record);
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.report.metrics().panicked();
        }
        self.report_with(ConnectionEnd::Failed {
            side: Side::Gateway,
            detail: "the connection's task was cut or panicked".to_owned(),
        });
    }
}

//! Evidence: audit log, a line a connection for people, metrics. Consumes records, feeds nothing back.
//!
//! A slow or broken sink loses records, and counts them; it never delays traffic and never changes an outcome. The order of
//! calls is the caller's: a connection's requests are reported before the connection itself.

mod audit;
pub mod emit;
pub mod flight;
pub mod metrics;
mod reference;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod throttle;
mod writer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{ConnectionEnd, ConnectionRecord, EventRecord, RequestRecord};

pub use audit::{AuditFormat, AuditOptions, AuditOutput};
pub use metrics::Metrics;
pub use summary::SummaryOptions;

pub(crate) use text::clean;

use audit::AuditLog;
use emit::{EmitOptions, Emitter};
use flight::{Flight, FlightError, FlightOptions};
use summary::Summary;
use throttle::Throttle;

/// A host whose client refuses our certificate is named in the log once in this time; clients retry in loops.
const REJECTION_INTERVAL: Duration = Duration::from_mins(5);

/// Hosts remembered for that; their number is the clients' choice.
const REJECTION_HOSTS: usize = 256;

/// What is reported, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The version in `pipelock_info`.
    pub version: &'static str,
    /// The audit log.
    pub audit: AuditOptions,
    /// A line a connection on standard error, for `pipelock exec`.
    pub summary: Option<SummaryOptions>,
    /// Events for other systems.
    pub emit: EmitOptions,
    /// Signed receipts.
    pub flight: Option<FlightOptions>,
}

/// The handle stages report to; clones share everything.
#[derive(Clone)]
pub struct Report(Arc<Shared>);

struct Shared {
    metrics: Metrics,
    audit: AuditLog,
    summary: Option<Summary>,
    flight: Option<Flight>,
    emitter: Emitter,
    rejections: Mutex<Throttle>,
}

impl Report {
    /// Opens the sinks and starts a writer thread for each kind.
    ///
    /// # Errors
    /// When the audit file cannot be opened, a standard stream is closed, or there is no thread.
    pub fn open(options: Options) -> Result<Self, Error> {
        let metrics = Metrics::new(options.version);
        let summary = options.summary.map(|summary| Summary::open(summary, &metrics)).transpose()?;
        let flight = options.flight.map(|flight| Flight::open(flight, &metrics)).transpose()?;
        let emitter = Emitter::open(options.emit, &metrics)?;
        Self::assemble(metrics, options.audit, summary, flight, emitter)
    }

    fn assemble(
        metrics: Metrics,
        audit: AuditOptions,
        summary: Option<Summary>,
        flight: Option<Flight>,
        emitter: Emitter,
    ) -> Result<Self, Error> {
        let audit = AuditLog::open(audit, &metrics)?;
        let rejections = Mutex::new(Throttle::new(REJECTION_INTERVAL, REJECTION_HOSTS));
        Ok(Self(Arc::new(Shared { metrics, audit, summary, flight, emitter, rejections })))
    }

    /// Reports a connection that has ended: exactly once for each, after all of its requests. Never blocks.
    pub fn connection(&self, record: ConnectionRecord) {
        self.0.metrics.connection(&record);
        self.warn_of_rejection(&record);
        if let Some(summary) = &self.0.summary {
            summary.connection(&record);
        }
        if let Some(flight) = &self.0.flight {
            flight.connection(&record);
        }
        self.0.emitter.connection(&record);
        self.0.audit.connection(record);
    }

    /// Reports a request that has ended, whatever its outcome. Never blocks.
    pub fn request(&self, record: RequestRecord) {
        self.0.metrics.request(&record);
        if let Some(summary) = &self.0.summary {
            summary.request(&record);
        }
        if let Some(flight) = &self.0.flight {
            flight.request(&record);
        }
        self.0.emitter.request(&record);
        let named = reference::events(&record);
        self.0.audit.request(record);
        for event in named {
            self.0.emitter.event(&event);
            self.0.audit.event(event);
        }
    }

    /// Reports something that is no connection and no request. Never blocks.
    pub fn event(&self, record: EventRecord) {
        if let Some(flight) = &self.0.flight {
            flight.event(&record);
        }
        self.0.emitter.event(&record);
        self.0.audit.event(record);
    }

    /// Whether traffic may go on: not while receipts are required and the last one was lost.
    #[must_use]
    pub fn receipts_in_order(&self) -> bool {
        self.0.flight.as_ref().is_none_or(Flight::in_order)
    }

    /// Receipts of this run that are on disk.
    #[must_use]
    pub fn receipts_acknowledged(&self) -> u64 {
        self.0.flight.as_ref().map_or(0, Flight::acknowledged)
    }

    /// Tells receipts which configuration is in force from now on.
    pub fn policy_in_force(&self, digest: &str) {
        if let Some(flight) = &self.0.flight {
            flight.policy(digest);
        }
    }

    /// The metrics, for what is counted where it happens.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Takes no more records and waits until those queued are written, at most for `within`.
    ///
    /// Blocks the thread; on a runtime, call it from `spawn_blocking` or after the runtime has ended.
    ///
    /// # Errors
    /// [`Error::Unwritten`] when the time was not enough.
    pub fn close(&self, within: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        let audit = self.0.audit.close(deadline).err().unwrap_or(0);
        let summary = self.0.summary.as_ref().and_then(|summary| summary.close(deadline).err()).unwrap_or(0);
        let receipts = self.0.flight.as_ref().and_then(|flight| flight.close(deadline).err()).unwrap_or(0);
        let events = self.0.emitter.close(deadline);
        match audit + summary + receipts + events {
            0 => Ok(()),
            records => Err(Error::Unwritten { records }),
        }
    }

    /// Says in the log what an operator can do about a client that pins, or does not know, our CA. We never do it ourselves:
    /// a client could turn off its own inspection by refusing a handshake.
    fn warn_of_rejection(&self, record: &ConnectionRecord) {
        let ConnectionEnd::DownstreamRejectedCertificate { detail } = &record.end else { return };
        let setting = summary::passthrough_setting(record);
        let admitted = self.0.rejections.lock().unwrap_or_else(PoisonError::into_inner).admit(&setting, Instant::now());
        let Some(unsaid) = admitted else { return };
        let host = record.name.as_ref().map_or_else(|| "unknown host".to_owned(), ToString::to_string);
        tracing::warn!(
            connection = %record.id,
            host,
            detail = %text::clean(detail, 256),
            unsaid,
            "client does not trust the gateway's CA; the connection was closed, NOT passed through; \
             make the client trust the CA, or add to the configuration: {setting}"
        );
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").finish_non_exhaustive()
    }
}

/// What went wrong with a sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The audit file.
    #[error("cannot open audit log {path}")]
    AuditFile {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Standard output or error was closed before we started.
    #[error("cannot write to a standard stream")]
    StandardStream(#[source] io::Error),
    /// The flight recorder.
    #[error("the flight recorder cannot begin")]
    Flight(#[source] FlightError),
    /// The writer thread.
    #[error("cannot start a writer thread")]
    Thread(#[source] io::Error),
    /// The deadline of [`Report::close`] passed.
    #[error("{records} records were not written in time")]
    Unwritten {
        /// How many.
        records: u64,
    },
}

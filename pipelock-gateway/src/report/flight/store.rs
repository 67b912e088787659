//! Files of receipts: continued after a crash, rotated. Where they are kept is in [`super::shelf`].
//!
//! A batch is on disk when [`Store::append`] returns (`fdatasync`), or not at all: what a failed write left is cut off again. A
//! file's name tells the run and the number of its first receipt, `evidence-<run>-<first>.jsonl`; the chain goes on from file to
//! file and from run to run.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::chain::{self, Link, SigningKey};
use super::shelf::{self, Directory, Shelf, cut};
use super::{FlightError, FlightOptions, Receipt};
use crate::report::throttle::Throttle;

/// A broken disk is named in the log once in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// What is not a request: a run begins, or ends in order.
#[derive(Serialize)]
struct Mark<'a> {
    time: String,
    action_id: String,
    action_type: &'static str,
    version: &'a str,
    key: &'a str,
    policy_hash: &'a str,
    /// Bytes of a half-written receipt that were cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired_bytes: Option<u64>,
}

/// The directory, open for appending.
pub(super) struct Store {
    options: FlightOptions,
    key: SigningKey,
    key_fingerprint: String,
    run: String,
    link: Link,
    file: Option<Open>,
    complaints: Throttle,
    buffer: Vec<u8>,
    shelf: Place,
    _lock: File,
}

/// Where files come from.
enum Place {
    Here(Directory),
    Elsewhere(&'static dyn Shelf),
}

impl std::ops::Deref for Place {
    type Target = dyn Shelf;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Here(directory) => directory,
            Self::Elsewhere(shelf) => *shelf,
        }
    }
}

struct Open {
    path: PathBuf,
    file: File,
    entries: u64,
    length: u64,
}

impl Store {
    pub(super) fn open(options: FlightOptions) -> Result<Self, FlightError> {
        let key = SigningKey::load(&options.signing_key)?;
        let shelf = shelf::elsewhere().map_or_else(|| Place::Here(Directory::of(&options)), Place::Elsewhere);
        let (begun, lock) = shelf.begin()?;
        let mut store = Self {
            key_fingerprint: key.verifying_key().fingerprint(),
            key,
            run: format!("{:012x}", Timestamp::now().as_millisecond()),
            link: Link { seq: begun.seq, prev: begun.prev },
            file: None,
            complaints: Throttle::new(COMPLAINT_INTERVAL, 1),
            buffer: Vec::new(),
            options,
            shelf,
            _lock: lock,
        };
        let repaired = (begun.repaired > 0).then_some(begun.repaired);
        if let Some(bytes) = repaired {
            tracing::warn!(bytes, "the last receipt was half-written when the gateway died; it was cut off");
        }
        store.mark("open", repaired)?;
        Ok(store)
    }

    /// Puts these receipts on disk, all or none.
    pub(super) fn append(&mut self, receipts: &mut Vec<Receipt>) -> Result<(), FlightError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut link = self.link;
        let mut entries = 0;
        for receipt in receipts.drain(..) {
            link = chain::append(&mut buffer, link, &receipt, &self.key);
            entries += 1;
        }
        let written = self.write(&buffer, entries, link);
        self.buffer = buffer;
        written
    }

    /// How often the log was spared, when it may be told of a failure.
    pub(super) fn complain(&mut self) -> Option<u64> {
        self.complaints.admit("flight", Instant::now())
    }

    fn mark(&mut self, action_type: &'static str, repaired_bytes: Option<u64>) -> Result<(), FlightError> {
        let now = Timestamp::now();
        let mark = Mark {
            time: now.to_string(),
            action_id: chain::action_id(now.as_millisecond()),
            action_type,
            version: self.options.version,
            key: &self.key_fingerprint,
            policy_hash: &self.options.policy,
            repaired_bytes,
        };
        let mut buffer = Vec::new();
        let link = chain::append(&mut buffer, self.link, &mark, &self.key);
        self.write(&buffer, 1, link)
    }

    fn write(&mut self, bytes: &[u8], entries: u64, link: Link) -> Result<(), FlightError> {
        if self.file.as_ref().is_some_and(|open| open.entries >= self.options.max_entries_per_file) {
            self.file = None;
        }
        let mut open = match self.file.take() {
            Some(open) => open,
            None => self.next_file()?,
        };
        let written = open.file.write_all(bytes).and_then(|()| open.file.sync_data());
        let path = open.path.clone();
        let outcome = match written {
            Ok(()) => {
                open.length += bytes.len() as u64;
                open.entries += entries;
                self.link = link;
                Ok(())
            }
            // What is half there would be no receipt, and the next one is chained to what is whole.
            Err(source) => match cut(&mut open.file, open.length) {
                Ok(()) => Err(source),
                // Then the next attempt must look again at what is there.
                Err(_) => return Err(FlightError::File { doing: "writing", path, source }),
            },
        };
        self.file = Some(open);
        outcome.map_err(|source| FlightError::File { doing: "writing", path, source })
    }

    fn next_file(&mut self) -> Result<Open, FlightError> {
        let first = self.link.seq;
        let file = self.shelf.next(&self.run, first)?;
        let path = self.options.directory.join(shelf::name(&self.run, first));
        Ok(Open { path, file, entries: 0, length: 0 })
    }
}

impl Drop for Store {
    /// An end in order is part of the chain: a chain without one was cut off, by a crash or by somebody.
    fn drop(&mut self) {
        if let Err(error) = self.mark("close", None) {
            tracing::error!(error = %crate::model::error_chain(&error), "the receipts could not be closed");
        }
    }
}

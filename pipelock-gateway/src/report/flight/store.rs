//! Files of receipts: continued after a crash, rotated, bounded.
//!
//! A batch is on disk when [`Store::append`] returns (`fdatasync`), or not at all: what a failed write left is cut off again. A
//! file's name tells the run and the number of its first receipt, `evidence-<run>-<first>.jsonl`; the chain goes on from file to
//! file and from run to run.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use rustix::fs::FlockOperation;
use serde::Serialize;

use super::chain::{self, GENESIS, Link, SigningKey};
use super::{FlightError, FlightOptions, Receipt};
use crate::report::throttle::Throttle;

/// Longest line we write is some kilobytes; the last one is looked for in so many.
const MAX_LINE: u64 = 64 << 10;
/// A broken disk is named in the log once in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);
/// The file that one gateway holds locked.
const LOCK: &str = "lock";

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
    _lock: File,
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
        let directory = &options.directory;
        let failed = |doing| move |source| FlightError::File { doing, path: directory.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed("making"))?;
        let lock = lock(directory)?;
        let (link, repaired) = match files(directory).map_err(failed("listing"))?.last() {
            Some(last) => repair(last)?,
            None => (Link { seq: 0, prev: GENESIS }, 0),
        };
        let mut store = Self {
            key_fingerprint: key.verifying_key().fingerprint(),
            key,
            run: format!("{:012x}", Timestamp::now().as_millisecond()),
            link,
            file: None,
            complaints: Throttle::new(COMPLAINT_INTERVAL, 1),
            buffer: Vec::new(),
            options,
            _lock: lock,
        };
        if repaired > 0 {
            tracing::warn!(bytes = repaired, "the last receipt was half-written when the gateway died; it was cut off");
        }
        store.mark("open", (repaired > 0).then_some(repaired))?;
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
        self.expire();
        let name = format!("evidence-{}-{:012}.jsonl", self.run, self.link.seq);
        let path = self.options.directory.join(name);
        let failed = |source| FlightError::File { doing: "opening", path: path.clone(), source };
        // A file of this name is one that could not be cut after a failed write: nothing whole is in it.
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(failed)?;
        // The name must survive a power cut as the content does.
        File::open(&self.options.directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(Open { path, file, entries: 0, length: 0 })
    }

    /// Removes the oldest files beyond the bounds. Best effort: what cannot be removed is looked at again with the next file.
    fn expire(&self) {
        let Ok(files) = files(&self.options.directory) else { return };
        let kept: Vec<(PathBuf, std::fs::Metadata)> =
            files.into_iter().filter_map(|path| path.metadata().ok().map(|meta| (path, meta))).collect();
        let mut total: u64 = kept.iter().map(|(_, meta)| meta.len()).sum();
        let age = Duration::from_secs(self.options.retention_days.saturating_mul(86_400));
        // The last one is what the chain goes on from.
        for (path, meta) in kept.iter().take(kept.len().saturating_sub(1)) {
            let age_of = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            let too_old = self.options.retention_days > 0 && age_of.is_some_and(|of| of > age);
            let too_many = self.options.max_total_bytes > 0 && total > self.options.max_total_bytes;
            if !(too_old || too_many) {
                return;
            }
            if std::fs::remove_file(path).is_ok() {
                total = total.saturating_sub(meta.len());
                tracing::info!(file = %path.display(), "receipts beyond the bounds were removed");
            }
        }
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

/// Receipt files of a directory, in the order of their receipts.
pub(super) fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<(u64, String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(parts) = name.strip_prefix("evidence-").and_then(|name| name.strip_suffix(".jsonl")) else { continue };
        let Some((run, first)) = parts.rsplit_once('-') else { continue };
        let Ok(first) = first.parse() else { continue };
        files.push((first, run.to_owned(), path));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, _, path)| path).collect())
}

fn lock(directory: &Path) -> Result<File, FlightError> {
    let path = directory.join(LOCK);
    let failed = |source| FlightError::File { doing: "locking", path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(FlightError::InUse { path: directory.to_owned() }),
        Err(error) => Err(failed(error.into())),
    }
}

/// Cuts off what a crash left behind the last line feed; returns where the chain stands and how many bytes were cut.
fn repair(path: &Path) -> Result<(Link, u64), FlightError> {
    let failed = |source| FlightError::File { doing: "repairing", path: path.to_owned(), source };
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let from = length.saturating_sub(2 * MAX_LINE);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    Read::take(&mut file, 2 * MAX_LINE).read_to_end(&mut tail).map_err(failed)?;
    let whole = memchr::memrchr(b'\n', &tail).map_or(0, |at| at + 1);
    let torn = (tail.len() - whole) as u64;
    if torn > 0 {
        cut(&mut file, length - torn).map_err(failed)?;
    }
    let lines = tail.get(..whole.saturating_sub(1)).unwrap_or_default();
    if whole == 0 && from == 0 {
        // Nothing but the torn line: the file's name says where it would have begun, the file before it where the chain is.
        std::fs::remove_file(path).map_err(failed)?;
        let before = path.parent().and_then(|directory| files(directory).ok()?.pop());
        let (link, more) = match before {
            Some(before) => repair(&before)?,
            None => (Link { seq: 0, prev: GENESIS }, 0),
        };
        return Ok((link, torn + more));
    }
    let last = memchr::memrchr(b'\n', lines).map_or(lines, |at| lines.get(at + 1..).unwrap_or_default());
    let link = chain::behind(last).ok_or_else(|| FlightError::NotAReceipt { path: path.to_owned() })?;
    Ok((link, torn))
}

fn cut(file: &mut File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    file.sync_data()
}

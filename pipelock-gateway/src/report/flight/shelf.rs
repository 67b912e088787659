//! The directory of receipts: taken by one gateway, repaired after a crash, given a new file when asked, kept within its bounds.
//!
//! A process that may write nowhere has another one do this ([`set_shelf`]), and gets open files. What it can ask for is little on
//! purpose: whoever takes such a process over can spoil the file that is being written, and none of those before it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::chain::{self, GENESIS, Link};
use super::{FlightError, FlightOptions};

/// Longest line we write is some kilobytes; the last one is looked for in so many.
const MAX_LINE: u64 = 64 << 10;
/// The file that one gateway holds locked.
const LOCK: &str = "lock";

/// Where files of receipts come from.
pub trait Shelf: Send + Sync {
    /// Takes the directory for as long as the returned file is open, and says where the chain in it stands.
    ///
    /// # Errors
    /// When it cannot be used, or another gateway uses it.
    fn begin(&self) -> Result<(Begun, File), FlightError>;

    /// A new and empty file for what follows from the receipt of number `first` on, of this run.
    ///
    /// # Errors
    /// When there can be none.
    fn next(&self, run: &str, first: u64) -> Result<File, FlightError>;
}

/// Where a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Number of the next receipt.
    pub seq: u64,
    /// Digest of the line before it.
    pub prev: [u8; 32],
    /// Bytes of a half-written receipt that were cut off.
    pub repaired: u64,
}

static SHELF: OnceLock<Box<dyn Shelf>> = OnceLock::new();

/// Says who keeps receipts for this process. Once, at the start; a second call has no effect.
pub fn set_shelf(shelf: Box<dyn Shelf>) {
    let _ = SHELF.set(shelf);
}

/// Whoever keeps receipts for this process, if somebody does.
pub(super) fn elsewhere() -> Option<&'static dyn Shelf> {
    SHELF.get().map(Box::as_ref)
}

/// A directory that this process writes itself.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    retention_days: u64,
    max_total_bytes: u64,
    /// The last file that was made here, and is therefore nobody else's.
    made: Mutex<Option<PathBuf>>,
}

impl Directory {
    /// That of the options; made when it is first used.
    #[must_use]
    pub fn of(options: &FlightOptions) -> Self {
        let FlightOptions { directory, retention_days, max_total_bytes, .. } = options;
        let (retention_days, max_total_bytes) = (*retention_days, *max_total_bytes);
        Self { path: directory.clone(), retention_days, max_total_bytes, made: Mutex::default() }
    }

    fn lock(&self) -> Result<File, FlightError> {
        let path = self.path.join(LOCK);
        let failed = |source| FlightError::File { doing: "locking", path: path.clone(), source };
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(FlightError::InUse { path: self.path.clone() }),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Removes the oldest files beyond the bounds. Best effort: what cannot be removed is looked at again with the next file.
    fn expire(&self) {
        let Ok(files) = files(&self.path) else { return };
        let kept: Vec<(PathBuf, std::fs::Metadata)> =
            files.into_iter().filter_map(|path| path.metadata().ok().map(|meta| (path, meta))).collect();
        let mut total: u64 = kept.iter().map(|(_, meta)| meta.len()).sum();
        let age = Duration::from_secs(self.retention_days.saturating_mul(86_400));
        // The last one is what the chain goes on from.
        for (path, meta) in kept.iter().take(kept.len().saturating_sub(1)) {
            let age_of = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            let too_old = self.retention_days > 0 && age_of.is_some_and(|of| of > age);
            let too_many = self.max_total_bytes > 0 && total > self.max_total_bytes;
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

impl Shelf for Directory {
    fn begin(&self) -> Result<(Begun, File), FlightError> {
        let failed = |doing| move |source| FlightError::File { doing, path: self.path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(failed("making"))?;
        let lock = self.lock()?;
        let (link, repaired) = match files(&self.path).map_err(failed("listing"))?.last() {
            Some(last) => repair(last)?,
            None => (Link { seq: 0, prev: GENESIS }, 0),
        };
        Ok((Begun { seq: link.seq, prev: link.prev, repaired }, lock))
    }

    fn next(&self, run: &str, first: u64) -> Result<File, FlightError> {
        self.expire();
        let path = self.path.join(name(run, first));
        let failed = |source| FlightError::File { doing: "opening", path: path.clone(), source };
        if run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was made just now could not be cut after a failed write: nothing whole is in it.
        let again = made.as_ref() == Some(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(!again).truncate(again).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        // The name must survive a power cut as the content does.
        File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(failed)?;
        *made = Some(path);
        Ok(file)
    }
}

/// The file of a run whose first receipt has that number.
pub(super) fn name(run: &str, first: u64) -> String {
    format!("evidence-{run}-{first:012}.jsonl")
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

pub(super) fn cut(file: &mut File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_the_file_that_was_made_last_can_be_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receipts");
        let shelf = Directory { path: path.clone(), retention_days: 0, max_total_bytes: 0, made: Mutex::default() };
        let (begun, _lock) = shelf.begin().unwrap();
        assert_eq!(begun, Begun { seq: 0, prev: GENESIS, repaired: 0 });
        assert!(matches!(shelf.begin(), Err(FlightError::InUse { .. })));
        shelf.next("0ab", 0).unwrap().write_all(b"one\n").unwrap();
        shelf.next("0ab", 0).unwrap().write_all(b"two\n").unwrap();
        shelf.next("0ab", 7).unwrap();
        assert!(shelf.next("0ab", 0).is_err(), "an earlier one stays as it is");
        for run in ["", "../0ab", "0ab/1"] {
            assert!(shelf.next(run, 9).is_err(), "{run:?}");
        }
        let first = files(&path).unwrap().swap_remove(0);
        assert_eq!(std::fs::read(first).unwrap(), b"two\n");
    }
}

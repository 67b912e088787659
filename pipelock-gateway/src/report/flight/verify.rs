//! Checks a chain of receipts: every signature, every link, every file to its last byte.
//!
//! What it cannot tell: whether receipts are missing at the end, after the last one, or before the first. It says so: whether
//! the chain begins at its beginning, and whether it ends in a receipt that closes it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use super::chain::VerifyingKey;
use super::chain::{self, GENESIS};
use super::shelf;

/// No receipt is longer; a line without an end must not fill the memory.
const MAX_LINE: u64 = 1 << 20;
/// Faults that are told one by one.
const MAX_FAULTS: usize = 100;

/// What a chain shows.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Whether nothing was found to be wrong.
    pub valid: bool,
    /// Files read.
    pub files: usize,
    /// Receipts that verify, openings and closings included.
    pub receipts: u64,
    /// Number of the first receipt; above zero when earlier ones were removed.
    pub first: Option<u64>,
    /// Number of the last receipt.
    pub last: Option<u64>,
    /// Whether the last receipt closes the chain. An open end is a gateway that runs, was killed, or had its end cut off.
    pub closed: bool,
    /// Bytes behind the last line feed: a receipt that was half-written in a crash, and never acknowledged.
    pub torn_bytes: u64,
    /// Half-written receipts that were cut off at a start.
    pub repairs: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// Something that is wrong.
#[derive(Debug, Serialize)]
pub struct Fault {
    /// In which file.
    pub file: PathBuf,
    /// In which line, from 1.
    pub line: u64,
    /// What.
    pub what: &'static str,
}

/// Checks one file, or all receipts of a directory in their order.
///
/// # Errors
/// When something cannot be read, or a directory holds no receipts.
pub fn verify(path: &Path, key: &VerifyingKey) -> io::Result<Verified> {
    let files = if path.is_dir() { shelf::files(path)? } else { vec![path.to_owned()] };
    if files.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no evidence-*.jsonl in it"));
    }
    let mut chain = Chain::default();
    for (index, file) in files.iter().enumerate() {
        chain.file(file, index + 1 == files.len(), key)?;
    }
    let mut verified = chain.verified;
    verified.files = files.len();
    verified.valid = verified.faults.is_empty() && verified.receipts > 0;
    Ok(verified)
}

#[derive(Default)]
struct Chain {
    verified: Verified,
    /// The number and the digest that the next receipt must name.
    expected: Option<(u64, [u8; 32])>,
}

impl Chain {
    fn file(&mut self, path: &Path, is_last: bool, key: &VerifyingKey) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = io::Read::take(&mut reader, MAX_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            match line.split_last() {
                Some((b'\n', text)) => self.line(path, number, text, key),
                // Only the very end may be torn; elsewhere a next file was begun, which repairs first.
                _ if is_last && (read as u64) < MAX_LINE => self.verified.torn_bytes = read as u64,
                _ => self.fault(path, number, "the line has no end"),
            }
        }
        Ok(())
    }

    fn line(&mut self, path: &Path, number: u64, text: &[u8], key: &VerifyingKey) {
        let Some(parsed) = chain::parse(text) else {
            self.expected = None;
            return self.fault(path, number, "is no receipt");
        };
        let digest = Sha256::digest(text).into();
        if !parsed.is_signed_by(key) {
            self.fault(path, number, "the signature does not verify");
        }
        match self.expected {
            Some((seq, _)) if parsed.seq != seq => self.fault(path, number, "receipts are missing or out of order"),
            Some((_, prev)) if parsed.prev != prev => self.fault(path, number, "the receipt before it is another one"),
            None if parsed.seq == 0 && parsed.prev != GENESIS => self.fault(path, number, "it is not a beginning"),
            _ => self.verified.receipts += 1,
        }
        self.expected = Some((parsed.seq.saturating_add(1), digest));
        self.verified.first.get_or_insert(parsed.seq);
        self.verified.last = Some(parsed.seq);
        self.verified.closed = parsed.value["action_type"] == "close";
        self.verified.repairs += u64::from(parsed.value["repaired_bytes"].is_u64());
    }

    fn fault(&mut self, file: &Path, line: u64, what: &'static str) {
        if self.verified.faults.len() < MAX_FAULTS {
            self.verified.faults.push(Fault { file: file.to_owned(), line, what });
        }
    }
}

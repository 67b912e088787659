//! Labelled records, read from JSON lines, gzip-compressed or not.
//!
//! Keeps each line as it is for the scanner, and of its labels what scoring needs. The format is that of the development
//! corpora (tests/eval/README.md).

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What a record expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// A warning or a block.
    Detect,
    /// Neither.
    Clean,
}

/// One labelled record.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The record as it goes to `pipelock scan`.
    pub(super) line: String,
    pub(super) id: String,
    pub(super) file: String,
    pub(super) surface: String,
    pub(super) expect: Expect,
    pub(super) category: String,
    pub(super) variant: String,
    pub(super) tier: String,
    /// Bytes of the payload, JSON objects as Python's `json.dumps` writes them.
    pub(super) size: usize,
    /// The payload, when it is text.
    text: Option<String>,
}

impl Row {
    /// The part of the category before the colon.
    pub(super) fn group(&self) -> &str {
        self.category.split(':').next().unwrap_or_default()
    }
}

/// All files of one directory.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    pub(super) rows: Vec<Row>,
    pub(super) files: usize,
    /// The first half of the SHA-256 over the names and contents of all files, in hexadecimal.
    pub(super) digest: String,
    /// Lines that hold no label this program knows.
    pub(super) unlabelled: usize,
}

/// The labels of a record. What is missing has the default of the corpora.
#[derive(Deserialize)]
struct Labels {
    id: String,
    surface: String,
    expect: Option<String>,
    category: String,
    variant: Option<String>,
    tier: Option<String>,
    payload: Value,
}

impl Corpus {
    /// Reads a directory; `None` when it holds no corpus.
    pub(super) fn load(dir: &Path) -> Result<Option<Self>> {
        let mut corpus = Self::default();
        let mut digest = Sha256::new();
        for path in files(dir) {
            let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            digest.update(name.as_bytes());
            digest.update(Sha256::digest(&bytes));
            corpus.read(&name, &bytes).with_context(|| format!("reading {}", path.display()))?;
            corpus.files += 1;
        }
        let half: [u8; 16] = digest.finalize().first_chunk().copied().unwrap_or_default();
        corpus.digest = format!("{:032x}", u128::from_be_bytes(half));
        Ok((corpus.files > 0).then_some(corpus))
    }

    fn read(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let compressed = name.strip_suffix(".gz");
        let reader: Box<dyn Read> = match compressed {
            Some(_) => Box::new(MultiGzDecoder::new(bytes)),
            None => Box::new(bytes),
        };
        let file = compressed.unwrap_or(name).trim_end_matches(".jsonl");
        for line in BufReader::new(reader).lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            match Row::parse(file, line) {
                Some(row) => self.rows.push(row),
                None => self.unlabelled += 1,
            }
        }
        Ok(())
    }

    /// The texts of all records that expect nothing, each on its own line.
    pub(super) fn benign_text(&self) -> Vec<u8> {
        let benign = self.rows.iter().filter(|row| row.expect == Expect::Clean && row.tier != "ambiguous");
        let texts = benign.filter_map(|row| row.text.as_deref());
        texts.flat_map(|text| text.bytes().chain([b'\n'])).collect()
    }
}

impl Row {
    fn parse(file: &str, line: String) -> Option<Self> {
        let labels: Labels = serde_json::from_str(&line).ok()?;
        let expect = match labels.expect.as_deref() {
            Some("detect") => Expect::Detect,
            Some("clean") => Expect::Clean,
            _ => return None,
        };
        let (size, text) = match labels.payload {
            Value::String(text) => (text.len(), Some(text)),
            value => (dumped_len(&value), None),
        };
        Some(Self {
            line,
            id: labels.id,
            file: file.to_owned(),
            surface: labels.surface,
            expect,
            category: labels.category,
            variant: labels.variant.unwrap_or_else(|| "plain".to_owned()),
            tier: labels.tier.unwrap_or_else(|| "core".to_owned()),
            size,
            text,
        })
    }
}

/// The length of what `json.dumps(value, ensure_ascii=False)` writes: ours, with a blank after each comma and colon.
fn dumped_len(value: &Value) -> usize {
    let inner = |value: &Value| dumped_len(value);
    match value {
        Value::Array(items) => 2 + items.iter().map(inner).sum::<usize>() + 2 * items.len().saturating_sub(1),
        Value::Object(members) => {
            let pairs =
                members.iter().map(|(key, value)| Value::from(key.as_str()).to_string().len() + 2 + inner(value));
            2 + pairs.sum::<usize>() + 2 * members.len().saturating_sub(1)
        }
        scalar => scalar.to_string().len(),
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let is_corpus = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
    };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_corpus).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;

    use super::*;

    const ROW: &str = r#"{"id":"a","surface":"url","expect":"detect","category":"secret:x","payload":"/é"}"#;

    #[test]
    fn compressed_and_plain_files_are_read_and_what_has_no_label_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("b.jsonl"), format!("{ROW}\n\n{{\"id\":1}}\n")).unwrap();
        let mut gz = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(ROW.as_bytes()).unwrap();
        std::fs::write(dir.path().join("a.jsonl.gz"), gz.finish().unwrap()).unwrap();
        std::fs::write(dir.path().join("README.md"), "x").unwrap();
        let corpus = Corpus::load(dir.path()).unwrap().unwrap();
        assert_eq!((corpus.files, corpus.rows.len(), corpus.unlabelled), (2, 2, 1));
        assert_eq!((corpus.rows[0].file.as_str(), corpus.rows[1].file.as_str()), ("a", "b"));
        assert_eq!(
            (corpus.rows[0].tier.as_str(), corpus.rows[0].variant.as_str(), corpus.rows[0].size),
            ("core", "plain", 3)
        );
        assert_eq!(corpus.digest.len(), 32);
    }

    #[test]
    fn a_directory_without_a_corpus_is_none() {
        assert!(Corpus::load(tempfile::tempdir().unwrap().path()).unwrap().is_none());
        assert!(Corpus::load(Path::new("/nonexistent")).unwrap().is_none());
    }

    #[test]
    fn objects_are_as_long_as_python_writes_them() {
        for (json, python) in [
            ("{}", "{}"),
            (r#"{"a":1,"b":[1,2,{"c":null}],"d":"x\n"}"#, r#"{"a": 1, "b": [1, 2, {"c": null}], "d": "x\n"}"#),
            ("[]", "[]"),
        ] {
            assert_eq!(dumped_len(&serde_json::from_str(json).unwrap()), python.len(), "{json}");
        }
    }
}

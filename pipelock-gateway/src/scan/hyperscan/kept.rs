//! Compiled databases as bytes, so that the next start need not compile them again: a second of work becomes a copy.
//!
//! The library believes what it is given to read. So bytes are believed here only when they begin with our own header, their
//! digest is right, and the digest was made for these very expressions, this version of the library and these instructions of
//! the processor. That keeps out what is old, cut short or broken. It is no signature: that nobody else can write the bytes is
//! what a [`Store`] has to see to. The library compares version, processor and its own checksum once more, and a database that
//! was read has to find its planted sample like any other.

use std::fmt::Write as _;

use hyperscan::{SerializedDatabase as _, StreamingDatabase};
use sha2::{Digest as _, Sha256};

use super::Expression;

/// Where compiled databases are kept between two starts. The scanner itself reads and writes no files.
pub trait Store: Sync {
    /// What was saved under `name`, which is a file name of hexadecimal digits. What is not there, or cannot be trusted, is
    /// compiled again.
    fn load(&self, name: &str) -> Option<Vec<u8>>;

    /// Keeps `bytes`; that it did not work out is nobody's concern here.
    fn save(&self, name: &str, bytes: &[u8]);
}

/// First bytes of what is kept. Raised when this format changes, or how expressions are compiled.
const HEADER: &[u8; 16] = b"pipelock-hs-0001";
const DIGEST: usize = 32;

/// The name of what `expressions` compile to here.
pub(super) fn name(expressions: &[Expression]) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    add(HEADER);
    add(env!("CARGO_PKG_VERSION").as_bytes());
    add(hyperscan::version_str().to_bytes());
    add(&instructions());
    for expression in expressions {
        add(expression.source.as_bytes());
        add(&[u8::from(expression.caseless)]);
    }
    let mut name = String::with_capacity(2 * DIGEST);
    for byte in hash.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// What the library compiles for, as far as it differs between the processors that it runs on.
#[cfg(target_arch = "x86_64")]
fn instructions() -> [u8; 3] {
    [
        u8::from(std::arch::is_x86_feature_detected!("avx2")),
        u8::from(std::arch::is_x86_feature_detected!("avx512bw")),
        u8::from(std::arch::is_x86_feature_detected!("avx512vbmi")),
    ]
}

/// The same where the library compiles for one kind of processor only.
#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> [u8; 3] {
    [2; 3]
}

/// The digest of a serialised database that belongs to `name`.
fn digest(name: &str, serialised: &[u8]) -> [u8; DIGEST] {
    Sha256::new().chain_update(name.as_bytes()).chain_update(serialised).finalize().into()
}

/// The bytes to keep; `None` when the library cannot serialise.
pub(super) fn write(database: &StreamingDatabase, name: &str) -> Option<Vec<u8>> {
    let serialised = database.serialize().ok()?;
    Some([HEADER.as_slice(), digest(name, &serialised).as_slice(), &serialised[..]].concat())
}

/// The database, when `bytes` are what [`write`] made for `name`.
#[allow(clippy::disallowed_methods, reason = "this is the place that checks what it gives the library to read")]
pub(super) fn read(bytes: &[u8], name: &str) -> Option<StreamingDatabase> {
    let (known, serialised) = bytes.strip_prefix(HEADER)?.split_first_chunk::<DIGEST>()?;
    if *known != digest(name, serialised) {
        return None;
    }
    serialised.deserialize().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};

    use super::super::{Fed, Generation, Hits};
    use super::*;

    /// Keeps in memory, and counts what was asked for in vain.
    #[derive(Default)]
    struct Memory {
        kept: Mutex<HashMap<String, Vec<u8>>>,
        missed: Mutex<usize>,
    }

    impl Memory {
        fn missed(&self) -> usize {
            *self.missed.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Store for Memory {
        fn load(&self, name: &str) -> Option<Vec<u8>> {
            let found = self.kept.lock().unwrap().get(name).cloned();
            *self.missed.lock().unwrap() += usize::from(found.is_none());
            found
        }

        fn save(&self, name: &str, bytes: &[u8]) {
            self.kept.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
        }
    }

    fn expressions(sources: &[&str]) -> Vec<Expression> {
        sources.iter().map(|source| Expression { source: (*source).to_owned(), caseless: false }).collect()
    }

    fn ends(generation: &std::sync::Arc<Generation>, text: &[u8]) -> Vec<(u64, u32)> {
        let mut hits = Hits::with_capacity(64);
        let mut stream = generation.open(generation.database(0).unwrap());
        assert_eq!(stream.feed(text, &mut hits), Fed::All);
        assert_eq!(stream.finish(&mut hits), Fed::All);
        hits.as_slice().iter().map(|hit| (hit.end, hit.expression)).collect()
    }

    #[test]
    fn a_database_that_was_kept_finds_what_the_compiled_one_finds() {
        let store = Memory::default();
        let set = expressions(&["AKIA[A-Z0-9]{4}", "gh[po]_[a-z]{3}"]);
        let compiled = Generation::compile_with(&[&set], Some(&store)).unwrap();
        assert_eq!((store.missed(), store.kept.lock().unwrap().len()), (1, 1));
        let read = Generation::compile_with(&[&set], Some(&store)).unwrap();
        assert_eq!(store.missed(), 1, "it was read");
        let text = b"AKIAQ7RX and gho_abc and ghp_xyz";
        assert_eq!(ends(&read, text), ends(&compiled, text));
        assert_eq!(ends(&read, text).len(), 3);
    }

    #[test]
    fn other_expressions_have_another_name() {
        let one = name(&expressions(&["ab", "c"]));
        assert_eq!(one, name(&expressions(&["ab", "c"])));
        assert_ne!(one, name(&expressions(&["a", "bc"])));
        assert_ne!(
            one,
            name(&[Expression { source: "ab".to_owned(), caseless: true }, expressions(&["c"])[0].clone()])
        );
        assert!(one.len() == 64 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn what_was_cut_changed_or_kept_under_another_name_is_not_read() {
        let store = Memory::default();
        let set = expressions(&["AKIA[A-Z0-9]{4}"]);
        Generation::compile_with(&[&set], Some(&store)).unwrap();
        let name = name(&set);
        let bytes = store.kept.lock().unwrap()[&name].clone();
        assert!(read(&bytes, &name).is_some());
        assert!(read(&bytes, &name.replace('a', "b")).is_none());
        for place in [0, 15, 16, 47, 48, 60, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(read(&changed, &name).is_none(), "byte {place}");
            assert!(read(&bytes[..place], &name).is_none(), "{place} bytes");
        }
        // A start goes on without it, and mends it.
        store.save(&name, b"rubbish");
        let compiled = Generation::compile_with(&[&set], Some(&store)).unwrap();
        assert_eq!(ends(&compiled, b"AKIAQ7RX"), [(8, 0)]);
        assert_eq!(store.kept.lock().unwrap()[&name], bytes);
    }
}

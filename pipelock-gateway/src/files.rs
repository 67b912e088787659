//! Files that the operator names, opened by this process or, where it may not, by its helper.
//!
//! A proxy process without privileges cannot read a key that belongs to root. Its helper opens such a file for it and passes the
//! descriptor, if the configuration names the file (`capture::helper`). Everything that reads files of the configuration opens them
//! here; without a helper this is `std::fs`.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its bytes.
    Read,
    /// Adding lines at its end; made where it is not there.
    Append,
}

/// Opens what this process may not.
pub type Opener = Box<dyn Fn(&Path, Access) -> io::Result<File> + Send + Sync>;

static OPENER: OnceLock<Opener> = OnceLock::new();

/// Says who opens what this process may not. Once, at the start; a second call has no effect.
pub fn set_opener(opener: Opener) {
    let _ = OPENER.set(opener);
}

/// Opens a file to read it.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> io::Result<File> {
    or_opener(File::open(path), path, Access::Read)
}

/// Opens a file to add to it; makes it, readable by its owner only, where it is not there.
///
/// # Errors
/// What the system says.
pub fn append(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    or_opener(opened, path, Access::Append)
}

/// The bytes of a file.
///
/// # Errors
/// What the system says.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    // Reserved at once: a vector that grows leaves copies of a key behind.
    let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or(0).min(1 << 26) + 64);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is known of a file.
///
/// # Errors
/// What the system says.
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && OPENER.get().is_some() => {
            open(path)?.metadata()
        }
        other => other,
    }
}

fn or_opener(opened: io::Result<File>, path: &Path, access: Access) -> io::Result<File> {
    match (opened, OPENER.get()) {
        (Err(error), Some(opener)) if error.kind() == io::ErrorKind::PermissionDenied => opener(path, access),
        (opened, _) => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn without_a_helper_files_are_opened_as_they_always_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        append(&path).unwrap().write_all(b"one").unwrap();
        append(&path).unwrap().write_all(b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"onetwo");
        assert_eq!(metadata(&path).unwrap().len(), 6);
        assert_eq!(open(&directory.path().join("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

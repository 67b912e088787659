//! Compiled rules kept in a directory of our own, so that a command starts in a tenth of the time.
//!
//! What is read back is executed by the matcher as it stands, so nobody but us may have written it: the directory must belong to
//! the user we run as and be closed to everybody else, it is opened once and names are looked up in that open directory alone,
//! no link is followed, and a file that others own or may write is not read. [`crate::scan`] checks the content. Whatever goes
//! wrong, the rules are compiled, which is what would have happened without any of this.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::scan::Store;

/// Most bytes of one file; the largest database of the built-in rules has about a megabyte.
const LARGEST: u64 = 16 << 20;
/// Files that are kept. A rule set has seven, and another one comes with each release or changed pattern.
const MOST_FILES: usize = 56;

/// Where this process keeps compiled rules; `None` inside when nowhere.
static DIRECTORY: OnceLock<Option<Directory>> = OnceLock::new();
/// Who reads compiled rules for this process.
static READER: OnceLock<Reader> = OnceLock::new();

/// Keeps compiled rules in `path` from now on. Says once, to nobody but a log, when that is not possible.
pub fn keep_compiled_rules(path: Option<&Path>) {
    let opened = path.and_then(|path| {
        let opened = Directory::open(path);
        if let Err(error) = &opened {
            tracing::debug!(path = %path.display(), %error, "compiled rules are not kept");
        }
        opened.ok()
    });
    // A second call is a caller's mistake that costs nothing: the first directory stays.
    let _ = DIRECTORY.set(opened);
}

/// Reads compiled rules through somebody else from now on, and keeps none: for a process that may not open the directory, and whose
/// bytes nobody should believe later.
pub fn read_compiled_rules(read: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) {
    let _ = READER.set(Reader(Box::new(read)));
}

/// Whether this process has a directory of its own for them.
#[must_use]
pub fn keeps_compiled_rules() -> bool {
    matches!(DIRECTORY.get(), Some(Some(_)))
}

/// A file of the directory of [`keep_compiled_rules`], for a process that reads through this one; `None` when there is none.
#[must_use]
pub fn compiled_rules_file(name: &str) -> Option<File> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !plain {
        return None;
    }
    DIRECTORY.get()?.as_ref()?.open_file(name).ok()
}

/// What was said to [`keep_compiled_rules`] or [`read_compiled_rules`].
pub(crate) fn kept_rules() -> Option<&'static dyn Store> {
    if let Some(reader) = READER.get() {
        return Some(reader);
    }
    DIRECTORY.get()?.as_ref().map(|directory| directory as &dyn Store)
}

/// The bytes of a name, if there are any.
type Read = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;

/// Whoever reads for this process.
struct Reader(Box<Read>);

impl Store for Reader {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        (self.0)(name)
    }

    fn save(&self, _name: &str, _bytes: &[u8]) {}
}

/// The directory to use when these are the variables and this is the user: `PIPELOCK_CACHE_DIR` (empty for none), what systemd
/// made (`CACHE_DIRECTORY`), the system's for root, else the user's (XDG base directories).
#[must_use]
pub fn compiled_rules_directory(variable: impl Fn(&str) -> Option<OsString>, is_root: bool) -> Option<PathBuf> {
    if let Some(chosen) = variable("PIPELOCK_CACHE_DIR") {
        return (!chosen.is_empty()).then(|| PathBuf::from(chosen));
    }
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(made) = absolute("CACHE_DIRECTORY") {
        return Some(made.join("rules"));
    }
    if is_root {
        return Some(PathBuf::from("/var/cache/pipelock"));
    }
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("pipelock"))
}

/// An open directory that is ours alone.
#[derive(Debug)]
struct Directory {
    handle: OwnedFd,
}

impl Directory {
    fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let handle = rustix::fs::open(path, flags, Mode::empty())?;
        let status = rustix::fs::fstat(&handle)?;
        if status.st_uid != rustix::process::geteuid().as_raw() || status.st_mode & 0o077 != 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not ours alone"));
        }
        Ok(Self { handle })
    }

    fn open_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
        let status = rustix::fs::fstat(&file)?;
        let ours = status.st_uid == rustix::process::geteuid().as_raw() && status.st_mode & 0o022 == 0;
        if !ours || FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not ours alone"));
        }
        Ok(file.into())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        read_compiled(self.open_file(name)?)
    }

    /// Written beside its place and moved there, so that a reader sees all of it or nothing.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let draft = format!(".{name}.{}", std::process::id());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = match rustix::fs::openat(&self.handle, &draft, flags, mode) {
            // Left by an earlier process of that number, which was killed.
            Err(rustix::io::Errno::EXIST) => {
                rustix::fs::unlinkat(&self.handle, &draft, AtFlags::empty())?;
                rustix::fs::openat(&self.handle, &draft, flags, mode)?
            }
            opened => opened?,
        };
        let written = File::from(file)
            .write_all(bytes)
            .and_then(|()| Ok(rustix::fs::renameat(&self.handle, &draft, &self.handle, name)?));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.handle, &draft, AtFlags::empty());
        }
        written
    }

    /// Removes the oldest files beyond [`MOST_FILES`].
    fn tidy(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle)? {
            let entry = entry?;
            let status = rustix::fs::statat(&self.handle, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(status.st_mode) == FileType::RegularFile {
                files.push((status.st_mtime, entry.file_name().to_owned()));
            }
        }
        files.sort();
        for (_, name) in files.iter().take(files.len().saturating_sub(MOST_FILES)) {
            rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?;
        }
        Ok(())
    }
}

/// The bytes of such a file.
///
/// # Errors
/// What the system says.
pub fn read_compiled(file: File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len().min(LARGEST);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Store for Directory {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        self.read(name).ok()
    }

    fn save(&self, name: &str, bytes: &[u8]) {
        if let Err(error) = self.write(name, bytes).and_then(|()| self.tidy()) {
            tracing::debug!(%error, "a compiled rule set was not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn directory() -> (tempfile::TempDir, Directory) {
        let outside = tempfile::tempdir().unwrap();
        let directory = Directory::open(&outside.path().join("made/here")).unwrap();
        (outside, directory)
    }

    #[test]
    fn what_was_saved_is_there_and_closed_to_others() {
        let (outside, directory) = directory();
        assert_eq!(directory.load("ab12"), None);
        directory.save("ab12", b"one");
        directory.save("ab12", b"two");
        assert_eq!(directory.load("ab12").as_deref(), Some(&b"two"[..]));
        let path = outside.path().join("made/here");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("ab12"))), (0o700, 0o600));
        assert_eq!(path.read_dir().unwrap().count(), 1, "no drafts stay");
    }

    #[test]
    fn what_others_may_write_is_not_used() {
        let (outside, directory) = directory();
        let path = outside.path().join("made/here");
        directory.save("ab12", b"one");
        std::fs::set_permissions(path.join("ab12"), PermissionsExt::from_mode(0o620)).unwrap();
        assert_eq!(directory.load("ab12"), None, "a file");
        std::fs::write(outside.path().join("elsewhere"), b"three").unwrap();
        symlink(outside.path().join("elsewhere"), path.join("cd34")).unwrap();
        assert_eq!(directory.load("cd34"), None, "a link");
        std::fs::create_dir(path.join("ef56")).unwrap();
        assert_eq!(directory.load("ef56"), None, "a directory");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o750)).unwrap();
        assert_eq!(Directory::open(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        symlink(&path, outside.path().join("link")).unwrap();
        assert!(Directory::open(&outside.path().join("link")).is_err(), "a link to the directory");
    }

    #[test]
    fn old_files_make_room_for_new_ones() {
        let (outside, directory) = directory();
        for number in 0..MOST_FILES + 9 {
            directory.save(&format!("{number:04x}"), b"x");
        }
        assert_eq!(outside.path().join("made/here").read_dir().unwrap().count(), MOST_FILES);
    }

    #[test]
    fn the_place_follows_the_variables_and_the_user() {
        let place = |variables: &'static [(&str, &str)], is_root| {
            let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            compiled_rules_directory(find, is_root).map(|path| path.display().to_string())
        };
        assert_eq!(place(&[("HOME", "/home/a")], true).as_deref(), Some("/var/cache/pipelock"));
        assert_eq!(place(&[("HOME", "/home/a")], false).as_deref(), Some("/home/a/.cache/pipelock"));
        assert_eq!(place(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/c")], false).as_deref(), Some("/c/pipelock"));
        assert_eq!(place(&[("CACHE_DIRECTORY", "/var/cache/x")], true).as_deref(), Some("/var/cache/x/rules"));
        assert_eq!(place(&[("PIPELOCK_CACHE_DIR", "/k"), ("CACHE_DIRECTORY", "/x")], true).as_deref(), Some("/k"));
        assert_eq!(place(&[("PIPELOCK_CACHE_DIR", "")], true), None);
        assert_eq!(place(&[("HOME", "relative")], false), None);
        assert_eq!(place(&[], false), None);
    }
}

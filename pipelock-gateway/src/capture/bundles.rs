//! Certificates for containers that run already: a bundle, mounted over the file in which their distribution keeps its own.
//!
//! Opt-in, by target. A mount and not a write: no image and no layer of one changes, and it goes with the container. What is mounted is a
//! copy, which is rewritten in place when the operator's file changes, so that containers see the new one without another mount.
//! All targets are looked at again every two seconds, because containers start again and pods get further ones.
//!
//! What it does not reach: processes that have read their certificates, and runtimes with a store of their own (Java, some of Node.js and
//! Python) or with a directory of hashed names. A container that may mount can take the bundle off; it loses its own trust by that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, makedev, openat, openat2, statx};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};

use super::{Error, sys};

/// Where distributions keep the file; those that are links lead to another one of the list.
const PLACES: [&str; 5] = [
    // Debian, Ubuntu, Alpine, Arch, Gentoo.
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora, Red Hat, Amazon.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    // SUSE.
    "/var/lib/ca-certificates/ca-bundle.pem",
    // What OpenSSL was built with elsewhere.
    "/etc/ssl/cert.pem",
];
/// How often targets are looked at again.
const AGAIN: Duration = Duration::from_secs(2);
/// Every root of the world is a fifth of a megabyte.
const MAX_BUNDLE_BYTES: u64 = 8 << 20;
/// Cgroups below one target, and processes in each, that are looked at.
const MAX_BELOW: usize = 4096;
/// A line of `mountinfo` is some hundred bytes.
const MAX_PROC_BYTES: u64 = 4 << 20;
/// How long a look at one container may take. Its file systems are its own, and one that never answers (FUSE) keeps whoever asks.
const ANSWER: Duration = Duration::from_secs(5);
/// Containers of a target that did not answer, after which none of it is asked any more: each keeps a thread.
const MAX_UNANSWERED: usize = 4;
/// Beside the list of targets.
const REPORT: &str = "bundles.json";

/// What one container was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownBundle {
    /// The target it belongs to.
    pub target: String,
    /// A process in it; zero when it is the bundle itself that is wrong.
    pub pid: u32,
    /// The files over which the bundle lies.
    pub places: Vec<String>,
    /// Where it does not, and why.
    pub refused: Vec<String>,
}

/// Keeps bundles in the containers of targets until it is dropped. What was mounted stays.
#[derive(Debug)]
pub(super) struct Bundles {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    watched: BTreeMap<u32, Watched>,
    /// Something is to be looked at at once.
    news: bool,
    ended: bool,
}

#[derive(Clone, Debug)]
struct Watched {
    name: String,
    cgroup: PathBuf,
    source: PathBuf,
    /// Views of the file system in which a look did not come to an end.
    unanswered: Arc<Mutex<BTreeSet<u64>>>,
}

/// The file that is mounted.
#[derive(Debug)]
struct KeptCopy {
    file: OwnedFd,
    device: u64,
    inode: u64,
}

impl Bundles {
    /// Copies and the report are kept in this directory.
    ///
    /// # Errors
    /// [`Error::Io`] when no thread can be started.
    pub(super) fn begin(directory: &Path) -> Result<Self, Error> {
        let shared =
            Arc::new(Shared { directory: directory.to_owned(), state: Mutex::default(), changed: Condvar::new() });
        let looking = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("bundles".to_owned());
        thread.spawn(move || looking.run()).map_err(|e| Error::io("starting", "a thread", e))?;
        Ok(Self { shared })
    }

    /// Shows a bundle to everything in a cgroup and below it, from now on. Never waits: arming must not hang on a container.
    pub(super) fn show(&self, id: u32, name: &str, cgroup: &Path, source: &Path) {
        let (cgroup, source) = (cgroup.to_owned(), source.to_owned());
        let watched = Watched { name: name.to_owned(), cgroup, source, unanswered: Arc::default() };
        let mut state = self.shared.state();
        state.watched.insert(id, watched);
        state.news = true;
        self.shared.changed.notify_all();
    }

    /// Shows it to nobody else there.
    pub(super) fn forget(&self, id: u32) {
        self.shared.state().watched.remove(&id);
    }
}

impl Drop for Bundles {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
    }
}

/// What was last shown to whom, by what a gateway keeps in this directory; nothing where none does.
///
/// # Errors
/// [`Error::Io`] when the report cannot be read.
pub fn shown_bundles(directory: &Path) -> Result<Vec<ShownBundle>, Error> {
    let path = directory.join(REPORT);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| Error::io("reading", &path, e.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("reading", &path, error)),
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: what is mounted is mounted by it alone, so that nothing is mounted twice.
    fn run(&self) {
        let mut told = Vec::new();
        loop {
            let waited = self.changed.wait_timeout_while(self.state(), AGAIN, |state| !state.ended && !state.news);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.ended {
                return;
            }
            state.news = false;
            let watched: Vec<Watched> = state.watched.values().cloned().collect();
            drop(state);
            let shown = self.look(&watched);
            if shown != told {
                self.tell(&shown);
                told = shown;
            }
        }
    }

    /// Goes through targets; what became of it.
    fn look(&self, watched: &[Watched]) -> Vec<ShownBundle> {
        let mut shown = Vec::new();
        for one in watched {
            match self.copy_of(&one.source) {
                Ok(copy) => shown.extend(show_to(one, &Arc::new(copy))),
                Err(error) => {
                    let refused = vec![format!("{}: {error}", one.source.display())];
                    shown.push(ShownBundle { target: one.name.clone(), pid: 0, places: Vec::new(), refused });
                }
            }
        }
        shown
    }

    fn tell(&self, shown: &[ShownBundle]) {
        let path = self.directory.join(REPORT);
        let written =
            serde_json::to_vec_pretty(shown).map_err(io::Error::from).and_then(|bytes| replace(&path, &bytes));
        if let Err(error) = written {
            tracing::warn!(%error, path = %path.display(), "what was shown of bundles is not written down");
        }
    }

    /// The copy of a bundle, brought up to date. A source that cannot be read, or holds no certificate, changes nothing.
    fn copy_of(&self, source: &Path) -> io::Result<KeptCopy> {
        let mut bytes = Vec::new();
        File::open(source)?.take(MAX_BUNDLE_BYTES).read_to_end(&mut bytes)?;
        if !bytes.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
            return Err(io::Error::other("holds no certificate in PEM"));
        }
        let directory = self.directory.join("bundles");
        fs::create_dir_all(&directory)?;
        let path = directory.join(source.to_string_lossy().replace('/', "-"));
        if fs::read(&path).ok().as_deref() != Some(&bytes) {
            // In place: a mount shows this very file, and would not show another of the same name. The length comes last, so that there
            // is no moment in which the file is empty.
            let file = File::options().write(true).create(true).truncate(false).mode(0o644).open(&path)?;
            file.write_all_at(&bytes, 0)?;
            file.set_len(u64::try_from(bytes.len()).map_err(io::Error::other)?)?;
        }
        let metadata = fs::metadata(&path)?;
        let file = openat(rustix::fs::CWD, &path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(KeptCopy { file, device: metadata.dev(), inode: metadata.ino() })
    }
}

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Every view of the file system in a target but our own, once.
fn show_to(watched: &Watched, copy: &Arc<KeptCopy>) -> Vec<ShownBundle> {
    let mut seen = BTreeSet::new();
    seen.extend(fs::metadata("/proc/self/ns/mnt").map(|metadata| metadata.ino()));
    let mut shown = Vec::new();
    for pid in processes(&watched.cgroup) {
        // One that has ended needs no bundle.
        let Ok(container) = Container::open(pid, &watched.cgroup) else { continue };
        if seen.insert(container.id) {
            let (places, refused) = in_time(watched, container, copy);
            shown.push(ShownBundle { target: watched.name.clone(), pid, places, refused });
        }
    }
    shown
}

/// Where the bundle lies in a container, and where not and why; asked on a thread that may be left behind.
fn in_time(watched: &Watched, container: Container, copy: &Arc<KeptCopy>) -> (Vec<String>, Vec<String>) {
    let nowhere = |why: &str| (Vec::new(), vec![why.to_owned()]);
    let id = container.id;
    {
        let unanswered = watched.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        if unanswered.contains(&id) || unanswered.len() >= MAX_UNANSWERED {
            return nowhere("its file systems did not answer, and it is not asked again");
        }
    }
    let (sender, receiver) = mpsc::channel();
    let copy = Arc::clone(copy);
    let thread = std::thread::Builder::new().name("bundle".to_owned());
    // Nobody listens to an answer that comes too late.
    let spawned = thread.spawn(move || sender.send(container.show(&copy)).unwrap_or_default());
    match spawned.map(|_| receiver.recv_timeout(ANSWER)) {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            watched.unanswered.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
            nowhere("its file systems do not answer")
        }
        Err(error) => nowhere(&format!("starting a thread: {error}")),
    }
}

/// The processes in a cgroup and below it.
fn processes(cgroup: &Path) -> Vec<u32> {
    let (mut found, mut open, mut looked) = (Vec::new(), vec![cgroup.to_owned()], 0);
    while let Some(directory) = open.pop() {
        looked += 1;
        let list = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        found.extend(list.lines().take(MAX_BELOW).filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid != 0));
        if looked < MAX_BELOW {
            let entries = fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok);
            open.extend(entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
        }
    }
    found
}

/// A process, held so that its number cannot become another's meanwhile, and its view of the file system.
struct Container {
    process: OwnedFd,
    namespace: OwnedFd,
    id: u64,
}

impl Container {
    fn open(pid: u32, cgroup: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = openat(rustix::fs::CWD, format!("/proc/{pid}"), flags, Mode::empty())?;
        // Asked after it is held: a number that was given away in between belongs elsewhere.
        let told = read(&process, "cgroup")?;
        let path = told.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        if !Path::new(path).starts_with(Path::new("/").join(below_root(cgroup))) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let namespace = openat(&process, "ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let id = rustix::fs::fstat(&namespace)?.st_ino;
        Ok(Self { process, namespace, id })
    }

    /// Mounts the copy wherever it does not lie yet; where it lies now, and where not and why.
    fn show(&self, copy: &KeptCopy) -> (Vec<String>, Vec<String>) {
        let (mut places, mut refused) = (Vec::new(), Vec::new());
        let looked = self.look(copy);
        let looked = match looked {
            Ok(looked) => looked,
            Err(error) => return (places, vec![error.to_string()]),
        };
        for (place, there) in looked {
            let mounted = match there {
                There::Shown => Ok(()),
                There::Shared => Err(io::Error::other("the mount it lies on is shared, and others would see it")),
                There::Another(at) => self.mount(copy, &at),
            };
            match mounted {
                Ok(()) => places.push(place.to_owned()),
                Err(error) => refused.push(format!("{place}: {error}")),
            }
        }
        (places, refused)
    }

    /// What is at each place that there is.
    fn look(&self, copy: &KeptCopy) -> io::Result<Vec<(&'static str, There)>> {
        let shared = shared_mounts(&read(&self.process, "mountinfo")?);
        let root = openat(&self.process, "root", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut found = Vec::new();
        for place in PLACES {
            // No link is followed: one could lead out of what the image holds.
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let Ok(at) = openat2(&root, place.trim_start_matches('/'), flags, Mode::empty(), resolve) else { continue };
            let status = statx(&at, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)?;
            if FileType::from_raw_mode(status.stx_mode.into()) != FileType::RegularFile {
                continue;
            }
            let device = makedev(status.stx_dev_major, status.stx_dev_minor);
            found.push((
                place,
                if (device, status.stx_ino) == (copy.device, copy.inode) {
                    There::Shown
                } else if shared.contains(&status.stx_mnt_id) {
                    There::Shared
                } else {
                    There::Another(at)
                },
            ));
        }
        Ok(found)
    }

    /// Mounts the copy, which nobody can write through there, over a file of the container.
    fn mount(&self, copy: &KeptCopy, at: &OwnedFd) -> io::Result<()> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        let tree = open_tree(&copy.file, "", flags)?;
        sys::make_read_only(tree.as_fd())?;
        let inside = || -> io::Result<()> {
            sys::leave_file_system()?;
            move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Mount))?;
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            Ok(move_mount(&tree, "", at, "", flags)?)
        };
        // On a thread made for it: it never comes back from there.
        let joined = std::thread::scope(|scope| scope.spawn(inside).join());
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// What lies at a place.
enum There {
    /// The copy.
    Shown,
    /// A file on a mount that others see, too.
    Shared,
    /// A file of the container's own.
    Another(OwnedFd),
}

/// A cgroup's path below where the hierarchy is mounted.
fn below_root(cgroup: &Path) -> PathBuf {
    let root = super::cgroup::find_root().unwrap_or_default();
    cgroup.strip_prefix(root).unwrap_or(cgroup).to_owned()
}

/// The numbers of mounts that pass on what is mounted on them: those with `shared:` among the optional fields.
///
/// Source: `proc_pid_mountinfo(5)`; the optional fields end with a hyphen.
fn shared_mounts(mountinfo: &str) -> BTreeSet<u64> {
    let shared = |line: &&str| {
        line.split(' ').skip(6).take_while(|field| *field != "-").any(|field| field.starts_with("shared:"))
    };
    mountinfo.lines().filter(shared).filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}

fn read(process: &OwnedFd, name: &str) -> io::Result<String> {
    let mut text = String::new();
    let file = File::from(openat(process, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
    file.take(MAX_PROC_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// A reader sees the old file or the new one, never half of one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_that_pass_on_what_is_mounted_on_them_are_shared() {
        let mountinfo = "21 1 0:20 / / rw,relatime shared:1 - overlay root rw\n\
                         22 21 0:21 / /proc rw master:1 propagate_from:2 - proc proc rw\n\
                         23 21 0:22 / /srv rw - tmpfs shared:9 rw\n\
                         24 21 0:23 / /etc rw master:3 shared:4 - ext4 /dev/vda rw\n\
                         broken\n";
        assert_eq!(shared_mounts(mountinfo), BTreeSet::from([21, 24]));
    }

    #[test]
    fn a_copy_is_renewed_in_place_and_never_by_what_holds_no_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let shared =
            Shared { directory: directory.path().to_owned(), state: Mutex::default(), changed: Condvar::new() };
        let source = directory.path().join("source.pem");
        let pem = |word: &str| format!("-----BEGIN CERTIFICATE-----\n{word}\n-----END CERTIFICATE-----\n");
        fs::write(&source, pem("first, which is longer")).unwrap();
        let first = shared.copy_of(&source).unwrap();
        // As a rotation does it: another file takes the name.
        let next = directory.path().join("next");
        fs::write(&next, pem("second")).unwrap();
        fs::rename(&next, &source).unwrap();
        let second = shared.copy_of(&source).unwrap();
        assert_eq!((first.device, first.inode), (second.device, second.inode));
        let copy = directory.path().join("bundles").join(source.to_string_lossy().replace('/', "-"));
        assert_eq!(fs::read_to_string(&copy).unwrap(), pem("second"));
        fs::write(&source, "nothing of the kind").unwrap();
        assert!(shared.copy_of(&source).is_err());
        assert_eq!(fs::read_to_string(&copy).unwrap(), pem("second"));
    }

    #[test]
    fn nobody_was_shown_anything_where_no_gateway_is() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(shown_bundles(directory.path()).unwrap(), []);
        fs::write(directory.path().join(REPORT), "{").unwrap();
        assert!(shown_bundles(directory.path()).is_err());
    }
}

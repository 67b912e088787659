//! A changed configuration comes into force while the gateway runs: on SIGHUP, and when a file it is made of changes.
//!
//! What is watched are the *directories* of the files. Kubernetes replaces a mounted Secret or `ConfigMap` by renaming the
//! symbolic link `..data`, which a watch on the file itself does not see after the first time. Events wait for half a second
//! of calm, because an editor and a `kubectl apply` make several. Every half minute the contents are compared all the same:
//! a watch can be lost, and network file systems send no events.
//!
//! The new snapshot is built off the threads that carry traffic and put in force whole. Anything wrong with it keeps the old
//! one, is said with file, key and value, counted, and shown by `pipelock_config_stale`; it is tried again at the next look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, mpsc};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Warning};
use crate::model::{Mode, error_chain};
use crate::pipeline::{Gateway, Snapshot, SnapshotOptions};
use crate::tls::RootLocations;

/// So long nothing may change before what has changed is read (gateway.md §11).
const CALM: Duration = Duration::from_millis(500);
/// A file that changes all the time is read after this many waits for calm.
const IMPATIENCE: u32 = 10;
/// How often contents are compared without an event.
const POLL: Duration = Duration::from_secs(30);
/// Files are small; one that is not is hashed up to here.
const HASHED_BYTES: u64 = 4 << 20;

/// Where a configuration is read from again: what was given at the start and does not change.
pub(crate) struct ReloadFrom {
    /// The file; without one only SIGHUP is answered, by reading certificates and secrets again.
    pub(crate) path: Option<PathBuf>,
    /// `mode` from the command line, which outlives every reload.
    pub(crate) mode: Option<Mode>,
    /// Where upstream roots are looked for.
    pub(crate) roots: RootLocations,
    /// Whether TLS is opened where the file leaves it open.
    pub(crate) open_tls: bool,
}

/// What a reloader needs to know.
pub(crate) struct Reloader {
    /// Where the new snapshot goes.
    pub(crate) gateway: Arc<Gateway>,
    /// What is in force.
    pub(crate) config: Config,
    /// Where another one is from.
    pub(crate) from: ReloadFrom,
    /// Told each thing an operator should read, one line each.
    pub(crate) tell: Box<dyn Fn(&str) + Send + Sync>,
    /// Told of each configuration that has come into force.
    pub(crate) applied: Box<dyn Fn(&Config) + Send + Sync>,
}

/// Asks for a reload whatever the files say; for the signal handler of whoever owns the signals.
#[derive(Clone, Debug)]
pub(crate) struct Trigger(mpsc::Sender<()>);

impl Trigger {
    /// Asks. One that is already waiting is enough.
    pub(crate) fn reload(&self) {
        let _ = self.0.try_send(());
    }
}

/// The state of the loop.
struct Watch {
    reloader: Reloader,
    /// What the files held when they were last read, successfully or not.
    digest: [u8; 32],
    stale: bool,
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Reloader {
    /// Starts watching. The future runs until `shutdown`; the trigger works as long as it runs.
    pub(crate) fn start(self, shutdown: CancellationToken) -> (Trigger, impl Future<Output = ()> + Send) {
        let (sender, mut asked) = mpsc::channel(1);
        let changed = Arc::new(Notify::new());
        let watcher = watcher(Arc::clone(&changed)).map_err(|error| {
            tracing::warn!(%error, "files cannot be watched; they are compared every {} s", POLL.as_secs());
        });
        let digest = digest(&self.config.files());
        let mut watch =
            Watch { reloader: self, digest, stale: false, changed, watcher: watcher.ok(), watched: BTreeSet::new() };
        // Before the first wait, so that no change between start and here is missed.
        watch.watch_directories();
        let run = async move {
            let mut poll = tokio::time::interval(POLL);
            poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
            poll.tick().await;
            let mut warned = None;
            loop {
                watch.reloader.warn_of_expiry(&mut warned);
                let forced = tokio::select! {
                    () = shutdown.cancelled() => return,
                    Some(()) = asked.recv() => true,
                    () = watch.changed.notified() => {
                        watch.calm().await;
                        false
                    }
                    _ = poll.tick() => false,
                };
                watch.look(forced).await;
            }
        };
        (Trigger(sender), run)
    }

    /// Says once a day that the authority will end.
    fn warn_of_expiry(&self, warned: &mut Option<SystemTime>) {
        let now = SystemTime::now();
        if warned.is_some_and(|at| now.duration_since(at).is_ok_and(|age| age < Duration::from_hours(24))) {
            return;
        }
        let warning = self.gateway.snapshot().tls.as_ref().and_then(|opener| opener.ca.expiry_warning(now));
        if let Some(warning) = warning {
            *warned = Some(now);
            (self.tell)(&warning);
        }
    }

    /// Reads the file again and builds what it means.
    fn build(&self) -> Result<(Config, Vec<Warning>, Snapshot), String> {
        let (config, mut warnings) = match &self.from.path {
            Some(path) => Config::load(path).map_err(|error| error_chain(&error))?,
            None => (self.config.clone(), Vec::new()),
        };
        let config = match self.from.mode {
            Some(mode) => {
                let (config, more) = config.with_mode(mode).map_err(|error| error_chain(&error))?;
                warnings.extend(more);
                config
            }
            None => config,
        };
        let open_tls = config.tls_interception.enabled.unwrap_or(self.from.open_tls);
        if open_tls && !self.from.open_tls && config.tls_interception.ca.is_none() {
            return Err(format!(
                "{}: tls_interception.enabled: true needs ca_cert and ca_key: no client could trust a CA made for one run",
                config.source
            ));
        }
        let options = SnapshotOptions { open_tls, roots: self.from.roots.clone(), now: SystemTime::now() };
        let built = Snapshot::rebuild(&config, &options, &self.gateway.snapshot());
        let snapshot = built.map_err(|error| format!("{}: {}", config.source, error_chain(&error)))?;
        Ok((config, warnings, snapshot))
    }
}

impl Watch {
    /// Waits until nothing has changed for a while.
    async fn calm(&self) {
        for _ in 0..IMPATIENCE {
            if tokio::time::timeout(CALM, self.changed.notified()).await.is_err() {
                return;
            }
        }
    }

    /// Compares the files with what was last read, and reloads when they differ, when it was asked for, or when the last
    /// attempt failed: what was missing then may be there now.
    async fn look(&mut self, forced: bool) {
        let files = self.reloader.config.files();
        let now = tokio::task::spawn_blocking(move || digest(&files)).await.unwrap_or(self.digest);
        if now == self.digest && !forced && !self.stale {
            return;
        }
        let retried = self.stale && now == self.digest && !forced;
        self.digest = now;
        self.reload(retried);
        // Other files may be named now, and the directories of some may have been made anew.
        self.watch_directories();
    }

    fn reload(&mut self, retried: bool) {
        // Building takes a third of a second of computing, and reads files.
        let built = tokio::task::block_in_place(|| self.reloader.build());
        let metrics = self.reloader.gateway.metrics().clone();
        match built {
            Ok((config, warnings, snapshot)) => {
                self.stale = false;
                metrics.config_reloaded(true);
                self.apply(config, &warnings, snapshot);
            }
            Err(message) => {
                self.stale = true;
                // The same complaint every half minute would hide others.
                if !retried {
                    metrics.config_reloaded(false);
                    let fields = vec![("result", "failure".to_owned()), ("error", message.clone())];
                    self.reloader.gateway.write_down("warn", "config_reload", fields);
                    (self.reloader.tell)(&format!("reload failed, what was in force stays in force: {message}"));
                }
            }
        }
    }

    fn apply(&mut self, config: Config, warnings: &[Warning], snapshot: Snapshot) {
        let reloader = &mut self.reloader;
        for warning in warnings {
            (reloader.tell)(&format!("warning: {warning}"));
        }
        let downgrades = config.downgrades_from(&reloader.config);
        for downgrade in &downgrades {
            (reloader.tell)(&format!("warning: less strict than before: {downgrade}"));
        }
        for key in config.needs_restart_after(&reloader.config) {
            (reloader.tell)(&format!("warning: {key} has changed, which takes a restart; what it was stays in force"));
        }
        let cut = reloader.gateway.replace(snapshot);
        let mut fields = vec![("result", "success".to_owned()), ("policy", config.source.digest().to_owned())];
        fields.push(("relays_cut", cut.to_string()));
        fields.extend((!downgrades.is_empty()).then(|| ("less_strict", downgrades.join("; "))));
        reloader.gateway.write_down(if downgrades.is_empty() { "info" } else { "warn" }, "config_reload", fields);
        let cut = if cut == 0 { String::new() } else { format!("; {cut} relayed connections were cut") };
        (reloader.tell)(&format!("{} was read again and is in force{cut}", config.source));
        if config.files() != reloader.config.files() {
            // The digest was taken before the files were read, and knows nothing of these: look once more, with them.
            self.changed.notify_one();
        }
        reloader.config = config;
        (reloader.applied)(&reloader.config);
    }

    /// Watches the directories of all files, those of links on the way included.
    fn watch_directories(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted = directories(&self.reloader.config.files());
        for gone in self.watched.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        // All of them again: a directory that was removed and made anew has lost its watch.
        for directory in &wanted {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                tracing::debug!(directory = %directory.display(), %error, "a directory is not watched");
            }
        }
        self.watched = wanted;
    }
}

/// A watcher that rings for everything but reading, which is what the reloader itself does.
fn watcher(changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let written = |kind| !matches!(kind, EventKind::Access(_)) || kind == EventKind::Access(WRITTEN);
        if event.map_or(true, |event| written(event.kind)) {
            changed.notify_one();
        }
    })
}

const WRITTEN: AccessKind = AccessKind::Close(AccessMode::Write);

/// The directory each file is in, and where it really is when a link leads elsewhere.
fn directories(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for file in files {
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let real = file.canonicalize().ok();
        found.extend([Some(absolute), real].into_iter().flatten().filter_map(|file| Some(file.parent()?.to_owned())));
    }
    found
}

/// One value for the contents of all files; that one is missing counts, too.
fn digest(files: &[PathBuf]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.as_os_str().as_encoded_bytes());
        match read(file) {
            Ok(bytes) => {
                hash.update((bytes.len() as u64).to_le_bytes());
                hash.update(&*bytes);
            }
            Err(error) => hash.update(format!("{:?}", error.kind())),
        }
    }
    hash.finalize().into()
}

fn read(file: &Path) -> std::io::Result<zeroize::Zeroizing<Vec<u8>>> {
    use std::io::Read;
    let file = crate::files::open(file)?;
    // Reserved at once: a vector that grows leaves unwiped copies of a key behind.
    let size = usize::try_from(file.metadata()?.len().min(HASHED_BYTES)).unwrap_or(0);
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(size + 64));
    file.take(HASHED_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

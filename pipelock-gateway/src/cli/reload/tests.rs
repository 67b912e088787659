//! Files that change under a running reloader: real files, real notifications, a gateway without a kernel.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Instant;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::capture::Datapath;
use crate::capture::testing::FakeDatapath;
use crate::report::{AuditFormat, AuditOptions, AuditOutput, Options, Report};

const DEADLINE: Duration = Duration::from_secs(20);

struct World {
    folder: TempDir,
    gateway: Arc<Gateway>,
    trigger: Trigger,
    told: mpsc::UnboundedReceiver<String>,
    applied: mpsc::UnboundedReceiver<Config>,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl World {
    /// A gateway under the file `name` in a folder that `fill` has filled.
    fn start(name: &str, fill: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let path = folder.path().join(name);
        let (config, _) = Config::load(&path).unwrap();
        let open_tls = config.tls_interception.enabled == Some(true);
        let options = SnapshotOptions { open_tls, roots: RootLocations::default(), now: SystemTime::now() };
        let snapshot = Snapshot::build(&config, &options).unwrap();
        let audit = AuditOptions {
            format: AuditFormat::Json,
            output: AuditOutput::Nowhere,
            include_allowed: false,
            include_blocked: false,
        };
        let report = Report::open(Options {
            version: "test",
            audit,
            summary: None,
            flight: None,
            emit: crate::report::emit::EmitOptions::default(),
        })
        .unwrap();
        let datapath: Arc<dyn Datapath> = Arc::new(FakeDatapath::new());
        let gateway = Gateway::new(datapath, snapshot, report, 1);
        let (tell, told) = mpsc::unbounded_channel();
        let (apply, applied) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let reloader = Reloader {
            gateway: Arc::clone(&gateway),
            config,
            from: ReloadFrom { path: Some(path), mode: None, roots: RootLocations::default(), open_tls: true },
            tell: Box::new(move |line| drop(tell.send(line.to_owned()))),
            applied: Box::new(move |config| drop(apply.send(config.clone()))),
        };
        let (trigger, run) = reloader.start(shutdown.clone());
        let running = tokio::spawn(run);
        Self { folder, gateway, trigger, told, applied, shutdown, running }
    }

    async fn told(&mut self) -> String {
        tokio::time::timeout(DEADLINE, self.told.recv()).await.expect("a line").unwrap()
    }

    async fn applied(&mut self) -> Config {
        tokio::time::timeout(DEADLINE, self.applied.recv()).await.expect("a configuration").unwrap()
    }

    fn metric(&self, name: &str) -> Option<String> {
        let text = self.gateway.metrics().render();
        text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).map(str::to_owned)
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_comes_into_force_by_itself_and_a_wrong_one_does_not() {
    let mut world = World::start("pipelock.yaml", |folder| {
        fs::write(folder.join("pipelock.yaml"), "mode: balanced\n").unwrap();
    });
    let file = world.folder.path().join("pipelock.yaml");
    let changed = Instant::now();
    fs::write(&file, "mode: audit\n").unwrap();
    assert_eq!(world.applied().await.mode, Mode::Audit);
    assert!(changed.elapsed() < POLL, "by its event, not by the comparison every half minute");
    assert_eq!(world.told().await, "warning: less strict than before: mode goes from balanced to audit");
    assert!(world.told().await.ends_with("was read again and is in force"));
    assert_eq!(world.gateway.epoch(), 2);

    fs::write(&file, "mode: audit\ntrusted_domains: ['https://a.example.com/']\n").unwrap();
    let complaint = world.told().await;
    for part in ["what was in force stays in force", "pipelock.yaml:2:", "trusted_domains[0]", "https://a.example.com/"]
    {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
    assert_eq!(world.metric("pipelock_config_stale").as_deref(), Some("1"));
    assert_eq!(world.metric("pipelock_config_reloads_total{result=\"failure\"}").as_deref(), Some("1"));
    assert_eq!(world.gateway.epoch(), 2);

    fs::write(&file, "mode: balanced\n").unwrap();
    assert_eq!(world.applied().await.mode, Mode::Balanced);
    world.told().await;
    assert_eq!(world.metric("pipelock_config_stale").as_deref(), Some("0"));
    assert_eq!(world.metric("pipelock_snapshot_epoch").as_deref(), Some("3"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mounted_config_map_is_followed_every_time_its_link_is_swapped() {
    // The layout of a projected volume: pipelock.yaml -> ..data/pipelock.yaml, ..data -> a dated directory.
    let version = |folder: &Path, number: u32, mode: &str| {
        let dated = format!("..2026_{number}");
        fs::create_dir(folder.join(&dated)).unwrap();
        fs::write(folder.join(&dated).join("pipelock.yaml"), format!("mode: {mode}\n")).unwrap();
        symlink(&dated, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    let mut world = World::start("pipelock.yaml", |folder| {
        version(folder, 1, "balanced");
        symlink("..data/pipelock.yaml", folder.join("pipelock.yaml")).unwrap();
    });
    for (number, mode) in [(2, Mode::Audit), (3, Mode::Balanced), (4, Mode::Audit)] {
        let changed = Instant::now();
        version(world.folder.path(), number, mode.as_str());
        fs::remove_dir_all(world.folder.path().join(format!("..2026_{}", number - 1))).unwrap();
        assert_eq!(world.applied().await.mode, mode);
        assert!(changed.elapsed() < POLL, "swap {number} was seen as an event");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secrets_file_that_changes_is_read_again_though_the_configuration_did_not() {
    let mut world = World::start("pipelock.yaml", |folder| {
        let secrets = folder.join("secrets");
        fs::create_dir(&secrets).unwrap();
        fs::write(secrets.join("values.txt"), "first-value-8472\n").unwrap();
        fs::set_permissions(secrets.join("values.txt"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(folder.join("pipelock.yaml"), "dlp: {secrets_file: secrets/values.txt}\n").unwrap();
    });
    fs::write(world.folder.path().join("secrets/values.txt"), "other-value-9917\n").unwrap();
    world.applied().await;
    let found = |value: &str| {
        let snapshot = world.gateway.snapshot();
        snapshot.known_secrets.scan(crate::model::Surface::RequestBody, value.as_bytes()).len()
    };
    assert_eq!((found("other-value-9917"), found("first-value-8472")), (1, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_reads_again_and_an_authority_made_here_stays() {
    let mut world = World::start("pipelock.yaml", |folder| {
        fs::write(folder.join("pipelock.yaml"), "tls_interception: {enabled: true}\n").unwrap();
    });
    let authority = |world: &World| world.gateway.snapshot().tls.as_ref().unwrap().ca.fingerprint();
    let before = authority(&world);
    world.trigger.reload();
    world.applied().await;
    assert_eq!(authority(&world), before, "clients were told to trust that one");
    assert_eq!(world.metric("pipelock_ca_epoch").as_deref(), Some("1"));
    world.stop().await;
}

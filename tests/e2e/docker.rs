//! The Compose stack on a Docker Engine of its own: `deploy/compose` with the demo's doubles, from images made here.
//!
//! The Engine is started in a network namespace of its own, so that its bridges and rules go with it. Nothing is pulled: the
//! gateway's image comes from `cargo xtask image`, the app's is an empty root into which this machine's `/usr` is mounted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::process::{Running, eventually, run};
use pipelock_tests::traces::Traces;
use serde_json::Value;
use tempfile::TempDir;

/// The gateway's rules are compiled at its start, by an unoptimised build.
const LONG: Duration = Duration::from_secs(90);
const PROJECT: &str = "pipelock-demo";
/// Short-lived containers whose first act is to connect.
const CHURN: usize = 8;

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Ruby, Need::Docker];
    let name =
        "docker::a_compose_stack_is_protected_from_its_first_connection_through_kill_and_upgrade_and_leaves_nothing";
    vec![Case::new(name, needs, |_| compose()).alone()]
}

/// An Engine with its own network, data and socket.
struct Engine {
    directory: TempDir,
    netns: String,
    daemon: Option<Running>,
}

impl Engine {
    fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let netns = format!("pldk-{}", std::process::id());
        ip(&["netns", "add", &netns])?;
        let mut engine = Self { directory, netns, daemon: None };
        ip(&["-n", &engine.netns, "link", "set", "lo", "up"])?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", engine.netns)).arg("dockerd");
        command.arg("--data-root").arg(engine.at("data")).arg("--exec-root").arg(engine.at("exec"));
        command.arg("--pidfile").arg(engine.at("pid")).arg("--host").arg(engine.host());
        engine.daemon = Some(Running::start(command)?);
        eventually(LONG, || engine.docker(&["version"]).map(drop).map_err(|error| format!("{error:#}")))?;
        Ok(engine)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.at("docker.sock").display())
    }

    fn docker(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new("docker");
        command.arg("--host").arg(self.host()).args(args);
        said(command)
    }

    /// The stack: the files of `deploy/compose`, and what this machine needs beside them.
    fn compose(&self, args: &[&str]) -> Result<String> {
        let files = root().join("deploy/compose");
        let mut command = Command::new("docker-compose");
        command.arg("--host").arg(self.host()).args(["--project-name", PROJECT, "--project-directory"]).arg(&files);
        for file in [files.join("compose.yaml"), files.join("demo/compose.yaml"), self.at("here.yaml")] {
            command.arg("--file").arg(file);
        }
        command.env("DOCKER_SOCKET", self.at("docker.sock")).env("DEMO_IMAGE", "app:test").args(args);
        said(command)
    }

    /// Images and the mounts by which an empty root becomes one with Ruby.
    fn furnish(&self) -> Result<()> {
        let archive = std::env::var("PIPELOCK_IMAGE_ARCHIVE").context("cargo xtask e2e names the archive")?;
        self.docker(&["load", "--input", &archive])?;
        let app = self.at("app");
        for directory in ["usr", "etc", "tmp", "proc", "sys", "dev", "run"] {
            std::fs::create_dir_all(app.join(directory))?;
        }
        for name in ["bin", "lib", "lib64", "sbin"] {
            std::os::unix::fs::symlink(format!("usr/{name}"), app.join(name))?;
        }
        std::fs::write(app.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n")?;
        let tar = self.at("app.tar");
        let mut command = Command::new("tar");
        command.arg("-C").arg(&app).arg("-cf").arg(&tar).arg(".");
        said(command)?;
        self.docker(&["import", &tar.display().to_string(), "app:test"])?;
        let mounts = r#"{volumes: ["/usr:/usr:ro", "/etc/alternatives:/etc/alternatives:ro"]}"#;
        let services = ["web", "db", "redis", "api"].map(|name| format!("  {name}: {mounts}\n")).concat();
        std::fs::write(self.at("here.yaml"), format!("services:\n{services}"))?;
        Ok(())
    }

    /// A container that asks the demo's questions at once, and what came of them.
    fn ask(&self, labels: [&str; 2], bundle: &str, questions: &[&str]) -> Result<Vec<Value>> {
        let network = format!("{PROJECT}_world");
        let demo = format!("{}:/demo:ro", root().join("deploy/compose/demo").display());
        let (trust, roots) =
            (format!("{PROJECT}_pipelock-trust:/etc/pipelock-trust:ro"), format!("{PROJECT}_demo-roots:/roots:ro"));
        let project = format!("com.docker.compose.project={}", labels[0]);
        let service = format!("com.docker.compose.service={}", labels[1]);
        let bundle = format!("SSL_CERT_FILE={bundle}");
        let mut args =
            vec!["run", "--rm", "--network", &network, "--label", &project, "--label", &service, "--env", &bundle];
        for volume in ["/usr:/usr:ro", "/etc/alternatives:/etc/alternatives:ro", &demo, &trust, &roots] {
            args.extend(["--volume", volume]);
        }
        args.extend(["app:test", "ruby", "/demo/client.rb"]);
        args.extend(questions);
        records(&self.docker(&args)?)
    }

    /// The same inside the container of `web`.
    fn ask_web(&self, questions: &[&str]) -> Result<Vec<Value>> {
        let args = [&["exec", "-T", "web", "ruby", "/demo/client.rb"], questions].concat();
        records(&self.compose(&args)?)
    }

    fn container(&self, service: &str) -> Result<String> {
        let id = self.compose(&["ps", "--quiet", service])?;
        Ok(id.trim().to_owned())
    }

    fn wait_healthy(&self) -> Result<()> {
        let gateway = self.container("pipelock")?;
        let state = ["inspect", "--format", "{{.State.Health.Status}}", &gateway];
        eventually(LONG, || match self.docker(&state) {
            Ok(state) if state.trim() == "healthy" => Ok(()),
            Ok(state) => Err(format!("the gateway is {state}")),
            Err(error) => Err(format!("{error:#}")),
        })
    }

    /// What the API double has seen so far.
    fn api(&self) -> Result<Vec<Value>> {
        let api = self.container("api")?;
        records(&self.docker(&["logs", &api])?)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(ids) = self.docker(&["ps", "--all", "--quiet"]) {
            for id in ids.split_whitespace() {
                let _ = self.docker(&["rm", "--force", "--volumes", id]);
            }
        }
        drop(self.daemon.take());
        let _ = ip(&["netns", "delete", &self.netns]);
        // Whatever was left when a step failed: programs must not stay on the machine of whoever runs this.
        let _ = run(pipelock_uninstall(), LONG);
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().filter_map(Result::ok) {
            let _ = std::fs::remove_dir(hierarchy.path().join("docker"));
        }
        let _ = std::fs::remove_dir("/run/pipelock");
    }
}

fn pipelock_uninstall() -> Command {
    let mut command = Command::new(pipelock_tests::gateway::binary());
    command.arg("uninstall");
    command
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

fn ip(args: &[&str]) -> Result<String> {
    let mut command = Command::new("ip");
    command.args(args);
    said(command)
}

/// What a command says on standard output, when it succeeds.
fn said(command: Command) -> Result<String> {
    let described = format!("{command:?}");
    let finished = run(command, LONG)?;
    ensure!(finished.status.success(), "{described}\n{}\n{}", finished.stdout, finished.stderr);
    Ok(finished.stdout)
}

fn records(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("it said {text}"))).collect()
}

/// What came of a question.
fn came<'a>(records: &'a [Value], what: &str) -> &'a str {
    let record = records.iter().find(|record| record["what"] == what);
    record.and_then(|record| record["came"].as_str().or_else(|| record["error"].as_str())).unwrap_or("(nothing)")
}

fn all_is_well(records: &[Value]) -> Result<()> {
    for (what, expected) in [("postgres", "N"), ("redis", "+PONG"), ("clean", "200"), ("leak", "403 secret")] {
        ensure!(came(records, what) == expected, "{what}: {records:?}");
    }
    Ok(())
}

fn compose() -> Result<()> {
    let before = Traces::take()?;
    {
        let engine = Engine::start()?;
        engine.furnish()?;
        engine.compose(&["up", "--detach"])?;
        protected(&engine)?;
        others_are_untouched(&engine)?;
        killed_and_upgraded(&engine)?;
        engine.compose(&["stop", "pipelock"])?;
        let said = engine.compose(&["run", "--rm", "--no-deps", "pipelock", "uninstall"])?;
        ensure!(said.contains("removed all programs and pins"), "{said}");
        engine.compose(&["down", "--volumes"])?;
        let left: Vec<_> = Traces::take()?.new_since(&before).into_iter().filter(|trace| !of_docker(trace)).collect();
        ensure!(left.is_empty(), "left behind: {left:#?}");
    }
    before.expect_none_new()
}

/// Docker's own cgroups and programs (its device filter) go with the Engine, not with the stack.
fn of_docker(trace: &str) -> bool {
    trace.starts_with("cgroup ") && trace.ends_with("/docker")
}

/// The stack as it came up, its first connections included.
fn protected(engine: &Engine) -> Result<()> {
    let web = engine.container("web")?;
    eventually(LONG, || match engine.docker(&["logs", &web]) {
        Ok(text) if text.lines().count() >= 4 => Ok(()),
        other => Err(format!("web said {other:?}")),
    })?;
    all_is_well(&records(&engine.docker(&["logs", &web])?)?).context("the first connections of web")?;
    let finished: Vec<_> = std::thread::scope(|scope| {
        let ask = || engine.ask([PROJECT, "worker"], "/etc/pipelock-trust/ca-bundle.crt", &["clean", "leak"]);
        let asking: Vec<_> = (0..CHURN).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|one| one.join().expect("the closure does not panic")).collect()
    });
    for short in finished {
        let short = short?;
        ensure!(came(&short, "clean") == "200" && came(&short, "leak") == "403 secret", "{short:?}");
    }
    let network = format!("{{{{(index .NetworkSettings.Networks \"{PROJECT}_world\").IPAddress}}}}");
    let gateway = engine.docker(&["inspect", "--format", &network, &engine.container("pipelock")?])?;
    for seen in engine.api()? {
        let from = seen["connected"].as_str().or_else(|| seen["from"].as_str());
        ensure!(from == Some(gateway.trim()), "only the gateway ({gateway}) comes to the API: {seen}");
        ensure!(!seen.to_string().contains(&["AK", "IA"].concat()), "a key arrived: {seen}");
    }
    ensure!(engine.api()?.iter().any(|seen| seen.to_string().contains("nothing to hide")));
    Ok(())
}

/// A container of another project, with the same service's name.
fn others_are_untouched(engine: &Engine) -> Result<()> {
    let other = engine.ask(["another", "web"], "/roots/root.pem", &["clean", "leak"])?;
    ensure!(came(&other, "clean") == "200" && came(&other, "leak") == "200", "{other:?}");
    ensure!(engine.api()?.iter().any(|seen| seen.to_string().contains(&["AK", "IA"].concat())), "it was not stopped");
    Ok(())
}

fn killed_and_upgraded(engine: &Engine) -> Result<()> {
    let gateway = engine.container("pipelock")?;
    engine.docker(&["kill", "--signal", "KILL", &gateway])?;
    let dead = engine.ask_web(&["postgres", "redis", "clean"])?;
    ensure!(came(&dead, "clean") == "Errno::ECONNREFUSED", "{dead:?}");
    ensure!(came(&dead, "postgres") == "N" && came(&dead, "redis") == "+PONG", "the app's own network: {dead:?}");
    engine.docker(&["start", &gateway])?;
    engine.wait_healthy()?;
    all_is_well(&engine.ask_web(&["postgres", "redis", "clean", "leak"])?).context("after a kill")?;
    engine.compose(&["restart", "web"])?;
    all_is_well(&engine.ask_web(&["postgres", "redis", "clean", "leak"])?).context("after web was restarted")?;
    engine.compose(&["up", "--detach", "--force-recreate", "--no-deps", "pipelock"])?;
    engine.wait_healthy()?;
    all_is_well(&engine.ask_web(&["postgres", "redis", "clean", "leak"])?).context("after an upgrade")
}

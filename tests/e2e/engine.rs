//! A Docker Engine of one's own, and the demo stack of `deploy/compose` on it.
//!
//! The Engine is started in a network namespace of its own, so that its bridges and rules go with it. Nothing is pulled: the
//! gateway's image comes from `cargo xtask image`, that of apps is an empty root into which this machine's `/usr` is mounted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pipelock_tests::process::{Running, eventually, run};
use serde_json::Value;
use tempfile::TempDir;

/// The gateway's rules are compiled at its start, by an unoptimised build.
pub(crate) const LONG: Duration = Duration::from_secs(90);
/// Of the demo stack.
pub(crate) const PROJECT: &str = "pipelock-demo";
/// What makes the empty root of an app a machine with this one's programs.
pub(crate) const USR: [&str; 2] = ["/usr:/usr:ro", "/etc/alternatives:/etc/alternatives:ro"];

/// An Engine with its own network, data and socket.
pub(crate) struct Engine {
    directory: TempDir,
    netns: String,
    daemon: Option<Running>,
}

impl Engine {
    pub(crate) fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let netns = format!("pldk-{}", std::process::id());
        ip(&["netns", "add", &netns])?;
        let mut engine = Self { directory, netns, daemon: None };
        ip(&["-n", &engine.netns, "link", "set", "lo", "up"])?;
        std::fs::create_dir(engine.at("run"))?;
        engine.start_daemon()?;
        Ok(engine)
    }

    fn start_daemon(&mut self) -> Result<()> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.netns)).arg("dockerd");
        command.arg("--data-root").arg(self.at("data")).arg("--exec-root").arg(self.at("exec"));
        // Containers go on while the daemon is away, the gateway with its view of the socket among them.
        command.arg("--live-restore").arg("--pidfile").arg(self.at("pid")).arg("--host").arg(self.host());
        self.daemon = Some(Running::start(command)?);
        eventually(LONG, || self.docker(&["version"]).map(drop).map_err(|error| format!("{error:#}")))
    }

    /// Ends the daemon and starts it again, which makes its socket anew.
    pub(crate) fn restart(&mut self) -> Result<()> {
        drop(self.daemon.take());
        self.start_daemon()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.at("run/docker.sock").display())
    }

    pub(crate) fn docker(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new("docker");
        command.arg("--host").arg(self.host()).args(args);
        said(command)
    }

    /// The stack: the files of `deploy/compose`, and what this machine needs beside them.
    pub(crate) fn compose(&self, args: &[&str]) -> Result<String> {
        let files = root().join("deploy/compose");
        let mut command = Command::new("docker-compose");
        command.arg("--host").arg(self.host()).args(["--project-name", PROJECT, "--project-directory"]).arg(&files);
        for file in [files.join("compose.yaml"), files.join("demo/compose.yaml"), self.at("here.yaml")] {
            command.arg("--file").arg(file);
        }
        command.env("DOCKER_RUN", self.at("run")).env("DEMO_IMAGE", "app:test").args(args);
        said(command)
    }

    /// Images, and the file by which each service of an app gets this machine's programs; `more` is added to that file.
    pub(crate) fn furnish(&self, more: &str) -> Result<()> {
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
        let mounts = format!("{{volumes: {USR:?}}}");
        let services = ["web", "db", "redis", "api"].map(|name| format!("  {name}: {mounts}\n")).concat();
        std::fs::write(self.at("here.yaml"), format!("services:\n{services}{more}"))?;
        Ok(())
    }

    pub(crate) fn container(&self, service: &str) -> Result<String> {
        let id = self.compose(&["ps", "--quiet", service])?;
        Ok(id.trim().to_owned())
    }

    pub(crate) fn wait_healthy(&self) -> Result<()> {
        let gateway = self.container("pipelock")?;
        let state = ["inspect", "--format", "{{.State.Health.Status}}", &gateway];
        eventually(LONG, || match self.docker(&state) {
            Ok(state) if state.trim() == "healthy" => Ok(()),
            Ok(state) => Err(format!("the gateway is {state}")),
            Err(error) => Err(format!("{error:#}")),
        })
    }

    /// Where a service is in a network of the stack.
    pub(crate) fn address(&self, service: &str, network: &str) -> Result<String> {
        let format = format!("{{{{(index .NetworkSettings.Networks \"{PROJECT}_{network}\").IPAddress}}}}");
        let said = self.docker(&["inspect", "--format", &format, &self.container(service)?])?;
        Ok(said.trim().to_owned())
    }

    /// A command of this machine beside the Engine, where its bridges are.
    pub(crate) fn beside(&self, program: &str, args: &[&str]) -> Result<String> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.netns)).arg(program).args(args);
        said(command)
    }

    /// What the API double has seen so far.
    pub(crate) fn api(&self) -> Result<Vec<Value>> {
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
        let mut uninstall = Command::new(pipelock_tests::gateway::binary());
        uninstall.arg("uninstall");
        let _ = run(uninstall, LONG);
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().filter_map(Result::ok) {
            let _ = std::fs::remove_dir(hierarchy.path().join("docker"));
        }
        let _ = std::fs::remove_dir("/run/pipelock");
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

fn ip(args: &[&str]) -> Result<String> {
    let mut command = Command::new("ip");
    command.args(args);
    said(command)
}

/// What a command says on standard output, when it succeeds.
pub(crate) fn said(command: Command) -> Result<String> {
    let described = format!("{command:?}");
    let finished = run(command, LONG)?;
    ensure!(finished.status.success(), "{described}\n{}\n{}", finished.stdout, finished.stderr);
    Ok(finished.stdout)
}

/// One JSON value a line.
pub(crate) fn records(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("it said {text}"))).collect()
}

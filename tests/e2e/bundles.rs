//! The gateway's certificates in containers that run already: mounted, renewed, mounted again after a restart, and told.
//!
//! A container is a process with a view of the file system of its own, in the cgroup of the target; curl in it reads the file that its
//! distribution keeps. The upstream's certificate is nobody's, so that a request that trusts the gateway is answered 502 by it, and one
//! that does not fails in curl.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::process::eventually;

use crate::daemon::World;
use crate::datapath::{DEADLINE, run};

/// Where the distribution of this machine keeps its certificates.
const PLACE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The code of the answer, or that of curl's failure: 60 is a certificate that nobody vouches for.
const ASK: &str = "curl -s -o /dev/null -m 30 -w '%{http_code} ' --resolve api.example.test:443:203.0.113.10 https://api.example.test/; echo $?";
const TRUSTED: &str = "502 0";
const NOT_TRUSTED: &str = "000 60";

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock, Need::Curl];
    let claim = "bundles::containers_that_run_trust_the_gateway_after_restarts_and_rotations_and_the_host_does_not";
    vec![Case::new(claim, needs, |_| shown()).alone()]
}

const SERVER: &str = r"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(sys.argv[1], sys.argv[2])
l = socket.socket(); l.bind(('203.0.113.10', 443)); l.listen(16); print('ready', flush=True)
while True:
    s, _ = l.accept()
    try: s.settimeout(30); s = context.wrap_socket(s, server_side=True); s.recv(4096)
    except OSError: pass
    s.close()
";

/// Runs what it is told, a line each, and answers with a line.
const SHELL: &str = r"
import subprocess, sys
print('ready', flush=True)
for line in sys.stdin:
    print(subprocess.run(line, shell=True, stdout=subprocess.PIPE, text=True).stdout.strip().replace('\n', ' '), flush=True)
";

struct Script {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Script {
    fn start(mut command: std::process::Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut script = Self { child, stdin, stdout };
        let said = script.line()?;
        ensure!(said == "ready", "it said {said:?}");
        Ok(script)
    }

    /// In the target; `propagation` is how its mounts and those of others see each other, none for the view of the machine.
    fn in_target(world: &World, propagation: Option<&str>) -> Result<Self> {
        let mut command = match propagation {
            Some(propagation) => {
                let mut command = world.command("p", "unshare");
                command.args(["--mount", "--propagation", propagation, "python3"]);
                command
            }
            None => world.command("p", "python3"),
        };
        command.args(["-c", SHELL]);
        world.cgroup.enter_on_exec(&mut command)?;
        Self::start(command)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn says(&mut self, command: &str) -> Result<String> {
        writeln!(self.stdin, "{command}")?;
        self.line()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority, its bundle, and a target that is to see it.
fn configured(world: &World) -> Result<PathBuf> {
    let directory = world.directory.path();
    let at = |name: &str| directory.join(name).display().to_string();
    for arguments in [
        &["ca", "init", "--out", &at("ca")][..],
        &["trust", "render", "--dir", &at("trust"), "--cert", &at("ca/ca.pem"), "--key", &at("ca/ca-key.pem")],
    ] {
        let (well, said) = world.pipelock(arguments)?;
        ensure!(well, "{arguments:?}: {said}");
    }
    let bundle = directory.join("trust/ca-bundle.crt");
    let netns = format!("netns: /run/netns/{}", world.netns("p"));
    world.rewrite_config(|text| {
        let text = text.replace(&netns, &format!("{netns}, mount_bundle: {}", bundle.display()));
        format!(
            "{text}tls_interception: {{enabled: true, ca_cert: {}, ca_key: {}}}\n",
            at("ca/ca.pem"),
            at("ca/ca-key.pem")
        )
    })?;
    Ok(bundle)
}

fn server(world: &World) -> Result<Script> {
    let at = |name: &str| world.directory.path().join(name).display().to_string();
    let (key, certificate) = (at("key.pem"), at("certificate.pem"));
    let line = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=api.example.test";
    let arguments: Vec<&str> = line
        .split(' ')
        .chain(["-addext", "subjectAltName=DNS:api.example.test", "-keyout", &key, "-out", &certificate])
        .collect();
    run("openssl", &arguments)?;
    let mut command = world.command("w", "python3");
    command.args(["-c", SERVER, &certificate, &key]);
    Script::start(command)
}

fn shown() -> Result<()> {
    let world = World::with("")?;
    let bundle = configured(&world)?;
    let of_the_machine = std::fs::read(PLACE)?;
    let _server = server(&world)?;
    let mut first = Script::in_target(&world, Some("private"))?;
    let mut shares = Script::in_target(&world, Some("shared"))?;
    let mut beside = Script::in_target(&world, None)?;
    ensure!(first.says(ASK)? == NOT_TRUSTED, "before the gateway");

    let _gateway = world.gateway()?;
    eventually(DEADLINE, || match first.says(ASK) {
        Ok(said) if said == TRUSTED => Ok(()),
        other => Err(format!("a container that ran before the gateway did: {other:?}")),
    })?;
    let refused = first.says(&format!("echo x 2>/dev/null >>{PLACE} || echo refused"))?;
    ensure!(refused.contains("refused"), "a container can write into the bundle of all: {refused}");
    ensure!(beside.says(ASK)? == NOT_TRUSTED, "a process that sees what the machine sees");
    ensure!(shares.says(ASK)? == NOT_TRUSTED, "what is mounted there would be seen elsewhere");

    rotate(&bundle)?;
    let rotated = format!("grep -c rotated {PLACE}");
    eventually(DEADLINE, || match first.says(&rotated) {
        Ok(said) if said == "1" => Ok(()),
        other => Err(format!("the rotated bundle is not there: {other:?}")),
    })?;
    ensure!(first.says(ASK)? == TRUSTED, "after the rotation");

    drop(first);
    let mut second = Script::in_target(&world, Some("private"))?;
    eventually(DEADLINE, || match second.says(ASK) {
        Ok(said) if said == TRUSTED => Ok(()),
        other => Err(format!("a container that started again: {other:?}")),
    })?;

    // `unshare` becomes the script, so that the process is the one that was started.
    let (shown, kept_out) = (second.child.id(), shares.child.id());
    eventually(DEADLINE, || {
        let listed = world.pipelock(&["targets", "--json"]).map_err(|error| format!("{error:#}"))?.1;
        let listed: serde_json::Value = serde_json::from_str(&listed).map_err(|error| error.to_string())?;
        let of = |pid: u32, field: &str, word: &str| {
            let bundles = listed[0]["bundles"].as_array().map(Vec::as_slice).unwrap_or_default();
            bundles.iter().any(|one| one["pid"] == pid && one[field].to_string().contains(word))
        };
        let told = of(shown, "places", PLACE) && of(kept_out, "refused", "shared");
        if told { Ok(()) } else { Err(format!("{listed:#}")) }
    })?;
    let (_, table) = world.pipelock(&["targets"])?;
    ensure!(table.contains(PLACE), "{table}");
    ensure!(std::fs::read(PLACE)? == of_the_machine, "the machine's own certificates changed");
    Ok(())
}

/// As `pipelock trust render` does it: another file takes the name.
fn rotate(bundle: &Path) -> Result<()> {
    let next = bundle.with_extension("next");
    std::fs::write(&next, format!("# rotated\n{}", std::fs::read_to_string(bundle)?))?;
    Ok(std::fs::rename(next, bundle)?)
}

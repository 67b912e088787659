//! Who trusts the authority after the documented step, container by container, before, in and after its rotation.
//!
//! The stack is the demo's. Each client is a container of its own that reads `env` of the trust volume, as an app would, and posts
//! a key to two names of the same server: one whose TLS is opened, where the refusal proves that our leaf was taken, and one that is
//! relayed unopened, where the answer proves that the roots it had before are still trusted.
//!
//! Not in the short path: `PIPELOCK_TRUST=1 cargo xtask e2e trust::`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pipelock_tests::clients::Reply;
use pipelock_tests::gateway::binary;
use pipelock_tests::harness::Case;
use pipelock_tests::need::{self, Need};
use pipelock_tests::process::{eventually, run};
use pipelock_tests::secrets::Secret;
use pipelock_tests::traces::Traces;

use crate::engine::{Engine, LONG, PROJECT, USR, root, said};

const OPENED: &str = "https://api.example.test/v1/notes";
const UNOPENED: &str = "https://bank.example.test/v1/notes";
const CURL: &str = r#"curl -sS --max-time 30 -o /dev/null -w '{"status":%{http_code},"blocked":"%header{x-pipelock-blocked}"}\n' -H 'Content-Type: application/json' --data-binary "$2" "$1""#;

pub(crate) fn cases() -> Vec<Case> {
    if std::env::var_os("PIPELOCK_TRUST").is_none() {
        eprintln!("trust: takes minutes; PIPELOCK_TRUST=1 runs it");
        return Vec::new();
    }
    let clients = [Need::Ruby, Need::Python, Need::Node, Need::Java, Need::Go, Need::Curl, Need::StaticClient];
    let needs = [Need::Bpf, Need::CgroupV2, Need::Docker].into_iter().chain(clients);
    let name = "trust::clients_of_every_kind_verify_opened_and_unopened_hosts_before_in_and_after_a_rotation";
    vec![Case::new(name, needs, |_| rotation()).alone()]
}

/// A program, and how it is asked: a line of shell that gets the address as `$1` and the body as `$2`.
struct Client {
    name: &'static str,
    line: String,
}

/// The clients and what their containers must have beside `/usr`.
struct Clients {
    all: Vec<Client>,
    volumes: Vec<String>,
}

impl Clients {
    /// Compiles what must be compiled into `directory`.
    fn prepare(directory: &Path) -> Result<Self> {
        let scripts = root().join("tests/clients");
        let made = directory.join("made");
        std::fs::create_dir_all(&made)?;
        let mut javac = Command::new("javac");
        javac.arg("-d").arg(&made).arg(scripts.join("Client.java"));
        said(javac)?;
        let mut go = Command::new("go");
        // Without cgo the program is static. Its cache must not be where that of whoever runs this is.
        go.args(["build", "-o"]).arg(made.join("go-client")).arg(scripts.join("client.go"));
        go.env("CGO_ENABLED", "0").env("GOCACHE", directory.join("go-cache"));
        said(go)?;
        std::fs::copy(need::static_client(), made.join("static-client"))?;
        let python = need::python();
        let mut volumes = vec![
            format!("{}:/clients:ro", scripts.display()),
            format!("{}:/made:ro", made.display()),
            format!("{}:/pipelock:ro", binary().display()),
        ];
        // The environment, and the Python that it was made from, each where it is.
        let environment = python.parent().and_then(Path::parent).context("no environment")?;
        let mut base = Command::new(&python);
        base.args(["-c", "import sys; print(sys.base_prefix)"]);
        for place in [environment.display().to_string(), said(base)?.trim().to_owned()] {
            if !Path::new(&place).starts_with("/usr") {
                volumes.push(format!("{place}:{place}:ro"));
            }
        }
        // Debian keeps what a JDK is configured by outside of it.
        let etc = std::fs::read_dir("/etc")?.filter_map(Result::ok).map(|entry| entry.path());
        let of_java = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("java-"));
        volumes.extend(etc.filter(|path| of_java(path)).map(|path| format!("{0}:{0}:ro", path.display())));
        let python = python.display();
        let all = [
            ("Ruby Net::HTTP", r#"ruby /clients/client.rb net_http_block "$1" "$2""#.to_owned()),
            ("Python requests", format!(r#"{python} /clients/client.py requests "$1" "$2""#)),
            ("Python httpx", format!(r#"{python} /clients/client.py httpx_h2 "$1" "$2""#)),
            // It adds these to the public roots it brings, which the root of this small world is not among.
            (
                "Node fetch",
                r#"NODE_EXTRA_CA_CERTS="$SSL_CERT_FILE" node /clients/client.mjs fetch "$1" "$2""#.to_owned(),
            ),
            ("Java HttpClient", r#"java -cp /made Client "$1" "$2""#.to_owned()),
            ("curl", CURL.to_owned()),
            ("Go net/http, static", r#"/made/go-client "$1" "$2""#.to_owned()),
            ("Rust rustls, static", r#"/made/static-client "$1" "$2""#.to_owned()),
        ];
        Ok(Self { all: all.into_iter().map(|(name, line)| Client { name, line }).collect(), volumes })
    }
}

/// What a client says in a container of its own: of the opened host, and of the other.
fn ask(engine: &Engine, clients: &Clients, prepare: &str, line: &str) -> Result<[Reply; 2]> {
    // A static program is quicker than the capture of its container where the machine is busy; this is not about that.
    let script = format!(
        "/pipelock wait --timeout 60s >&2 || exit 1\n{prepare}\nask() {{ {line}; }}\nask {OPENED} \"$1\"; ask {UNOPENED} \"$1\""
    );
    let network = format!("{PROJECT}_world");
    let (project, service) = (format!("com.docker.compose.project={PROJECT}"), "com.docker.compose.service=worker");
    let (trust, roots) =
        (format!("{PROJECT}_pipelock-trust:/etc/pipelock-trust:ro"), format!("{PROJECT}_demo-roots:/roots:ro"));
    let kept = format!("{}:/kept:ro", engine.at("kept").display());
    let mut args = vec!["run", "--rm", "--network", &network, "--label", &project, "--label", service];
    for volume in USR.into_iter().chain([trust.as_str(), &roots, &kept]) {
        args.extend(["--volume", volume]);
    }
    for volume in &clients.volumes {
        args.extend(["--volume", volume]);
    }
    let body = serde_json::json!({ "text": format!("key {}", Secret::aws().value) }).to_string();
    args.extend(["app:test", "sh", "-c", &script, "sh", &body]);
    let mut lines = Command::new("docker");
    lines.arg("--host").arg(engine.host()).args(&args);
    let finished = run(lines, LONG)?;
    let mut replies = finished.stdout.lines().map(Reply::parse);
    match (replies.next(), replies.next()) {
        (Some(opened), Some(unopened)) => Ok([opened?, unopened?]),
        _ => anyhow::bail!("it said {:?} and {:?}", finished.stdout, finished.stderr),
    }
}

/// All of them, side by side.
fn all_trust(engine: &Engine, clients: &Clients, when: &str) -> Result<()> {
    let asked: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = clients
            .all
            .iter()
            .map(|one| scope.spawn(move || ask(engine, clients, ". /etc/pipelock-trust/env", &one.line)))
            .collect();
        started.into_iter().map(|one| one.join().expect("the closure does not panic")).collect()
    });
    for (client, replies) in clients.all.iter().zip(asked) {
        let [opened, unopened] = replies.with_context(|| format!("{} {when}", client.name))?;
        let blocked = (opened.status, opened.blocked.as_deref());
        ensure!(blocked == (403, Some("secret")), "{} {when}, opened host: {opened:?}", client.name);
        let passed = (unopened.status, unopened.blocked.as_deref());
        ensure!(passed == (200, None), "{} {when}, unopened host: {unopened:?}", client.name);
        eprintln!("{:<20} {when}: opened {}, unopened {}", client.name, opened.status, unopened.status);
    }
    Ok(())
}

fn rotate(engine: &Engine, step: &str) -> Result<()> {
    let args = ["run", "--rm", "--no-deps", "pipelock-ca", "ca", "rotate", step, "--cert", "/ca/ca.pem"];
    engine.compose(&args).map(drop)
}

/// Gives clients what is to be trusted now, and tells how many authorities of ours that are.
fn render(engine: &Engine) -> Result<usize> {
    engine.compose(&["run", "--rm", "--no-deps", "pipelock-trust"])?;
    let ours = read(engine, "ca.crt")?;
    Ok(ours.matches("BEGIN CERTIFICATE").count())
}

/// A file of the trust volume.
fn read(engine: &Engine, name: &str) -> Result<String> {
    let (trust, path) = (format!("{PROJECT}_pipelock-trust:/t:ro"), format!("/t/{name}"));
    let mut args = vec!["run", "--rm", "--network", "none", "--volume", &trust];
    for volume in USR {
        args.extend(["--volume", volume]);
    }
    args.extend(["app:test", "cat", &path]);
    engine.docker(&args)
}

/// How often the gateway has taken up another authority.
fn epoch(engine: &Engine) -> Result<f64> {
    let url = format!("http://{}:8888/metrics", engine.address("pipelock", "app")?);
    let metrics = engine.beside("curl", &["-sS", "--fail", "--max-time", "10", &url])?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("pipelock_ca_epoch "));
    line.context("no epoch in the metrics")?.trim().parse().context("the epoch is no number")
}

fn rotation() -> Result<()> {
    let before = Traces::take()?;
    {
        let engine = Engine::start()?;
        engine.furnish("")?;
        std::fs::create_dir_all(engine.at("kept"))?;
        let clients = Clients::prepare(&engine.at(""))?;
        engine.compose(&["up", "--detach", "pipelock"])?;
        engine.wait_healthy()?;
        all_trust(&engine, &clients, "as it was made")?;
        // Without the step a client refuses us, so the step is what is shown here.
        let [opened, unopened] = ask(&engine, &clients, "export SSL_CERT_FILE=/roots/root.pem", CURL)?;
        ensure!(opened.status == 0 && unopened.status == 200, "without the step: {opened:?} {unopened:?}");
        std::fs::write(engine.at("kept/ca-bundle.crt"), read(&engine, "ca-bundle.crt")?)?;

        rotate(&engine, "begin")?;
        ensure!(render(&engine)? == 2, "the next authority is not told");
        all_trust(&engine, &clients, "with the next one told")?;

        let old = epoch(&engine)?;
        rotate(&engine, "swap")?;
        eventually(LONG, || match epoch(&engine) {
            Ok(now) if now > old => Ok(()),
            other => Err(format!("the epoch is {other:?}, and was {old}")),
        })?;
        all_trust(&engine, &clients, "with the next one signing")?;
        // One that was not restarted since the beginning.
        let [opened, _] = ask(&engine, &clients, "export CURL_CA_BUNDLE=/kept/ca-bundle.crt", CURL)?;
        ensure!(opened.status == 403, "a client that knows only the last one: {opened:?}");

        rotate(&engine, "finish")?;
        ensure!(render(&engine)? == 1, "the last authority is still told");
        all_trust(&engine, &clients, "with the last one gone")?;
        engine.compose(&["stop", "pipelock"])?;
        engine.compose(&["run", "--rm", "--no-deps", "pipelock", "uninstall"])?;
        engine.compose(&["down", "--volumes"])?;
    }
    before.expect_none_new()
}

//! The Compose stack on a Docker Engine of its own: `deploy/compose` with the demo's doubles, from images made here.

use anyhow::{Context, Result, ensure};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::process::eventually;
use pipelock_tests::traces::Traces;
use serde_json::Value;

use crate::engine::{Engine, LONG, PROJECT, USR, records, root};

/// Short-lived containers whose first act is to connect.
const CHURN: usize = 8;
/// Who the proxy process runs as, where nobody is called `pipelock`.
const PROXY_UID: &str = "64911";

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Ruby, Need::Docker];
    let name =
        "docker::a_compose_stack_is_protected_from_its_first_connection_through_kill_and_upgrade_and_leaves_nothing";
    vec![Case::new(name, needs, |_| compose()).alone()]
}

/// A container that asks the demo's questions at once, and what came of them.
fn ask(engine: &Engine, labels: [&str; 2], bundle: &str, questions: &[&str]) -> Result<Vec<Value>> {
    let network = format!("{PROJECT}_world");
    let demo = format!("{}:/demo:ro", root().join("deploy/compose/demo").display());
    let (trust, roots) =
        (format!("{PROJECT}_pipelock-trust:/etc/pipelock-trust:ro"), format!("{PROJECT}_demo-roots:/roots:ro"));
    let project = format!("com.docker.compose.project={}", labels[0]);
    let service = format!("com.docker.compose.service={}", labels[1]);
    let bundle = format!("SSL_CERT_FILE={bundle}");
    let mut args =
        vec!["run", "--rm", "--network", &network, "--label", &project, "--label", &service, "--env", &bundle];
    for volume in USR.into_iter().chain([demo.as_str(), &trust, &roots]) {
        args.extend(["--volume", volume]);
    }
    args.extend(["app:test", "ruby", "/demo/client.rb"]);
    args.extend(questions);
    records(&engine.docker(&args)?)
}

/// The same inside the container of `web`.
fn ask_web(engine: &Engine, questions: &[&str]) -> Result<Vec<Value>> {
    let args = [&["exec", "-T", "web", "ruby", "/demo/client.rb"], questions].concat();
    records(&engine.compose(&args)?)
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
        let mut engine = Engine::start()?;
        engine.furnish("")?;
        engine.compose(&["up", "--detach"])?;
        protected(&engine)?;
        separated(&engine)?;
        others_are_untouched(&engine)?;
        killed_and_upgraded(&engine)?;
        engine.restart()?;
        found_after_the_engine_was_restarted(&engine)?;
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
        let ask = || ask(engine, [PROJECT, "worker"], "/etc/pipelock-trust/ca-bundle.crt", &["clean", "leak"]);
        let asking: Vec<_> = (0..CHURN).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|one| one.join().expect("the closure does not panic")).collect()
    });
    for short in finished {
        let short = short?;
        ensure!(came(&short, "clean") == "200" && came(&short, "leak") == "403 secret", "{short:?}");
    }
    let gateway = engine.address("pipelock", "world")?;
    for seen in engine.api()? {
        let from = seen["connected"].as_str().or_else(|| seen["from"].as_str());
        ensure!(from == Some(gateway.as_str()), "only the gateway ({gateway}) comes to the API: {seen}");
        ensure!(!seen.to_string().contains(&["AK", "IA"].concat()), "a key arrived: {seen}");
    }
    ensure!(engine.api()?.iter().any(|seen| seen.to_string().contains("nothing to hide")));
    Ok(())
}

/// What reads hostile bytes in the gateway's container is another process than the one that has capabilities; names that Docker's
/// resolver knows are told through it, and a secret in a name is not asked for.
fn separated(engine: &Engine) -> Result<()> {
    let top = engine.docker(&["top", &engine.container("pipelock")?, "-eo", "uid,pid,args"])?;
    let mut uids: Vec<&str> = top.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    uids.sort_unstable();
    ensure!(uids == ["0", PROXY_UID], "{top}");
    ensure!(resolve(engine, "db")?.starts_with("172.30.44."), "a name that Docker knows");
    let key = ["AK", "IA"].concat() + "Q3EGQ2TWPX5YK7JM";
    let refused = resolve(engine, &format!("{key}.evil.test"))?;
    ensure!(refused.contains("Error"), "a secret in a name is refused: {refused}");
    Ok(())
}

/// What a name is told to be inside the container of `web`, or the error.
fn resolve(engine: &Engine, name: &str) -> Result<String> {
    let script =
        "begin; puts Addrinfo.getaddrinfo(ARGV[0], nil, :INET, :STREAM)[0].ip_address; rescue => e; puts e.class; end";
    Ok(engine.compose(&["exec", "-T", "web", "ruby", "-rsocket", "-e", script, name])?.trim().to_owned())
}

/// How connections from inside the container of `web` end.
fn connect(engine: &Engine, to: [(&str, &str); 3]) -> Result<Vec<String>> {
    let script = "ARGV.each_slice(2) { |host, port| begin; TCPSocket.new(host, port).close; puts 'ok'; rescue => e; puts e.class; end }";
    let mut args = vec!["exec", "-T", "web", "ruby", "-rsocket", "-e", script];
    args.extend(to.iter().flat_map(|(host, port)| [*host, *port]));
    Ok(engine.compose(&args)?.lines().map(|line| line.trim().to_owned()).collect())
}

/// A container of another project, with the same service's name.
fn others_are_untouched(engine: &Engine) -> Result<()> {
    let other = ask(engine, ["another", "web"], "/roots/root.pem", &["clean", "leak"])?;
    ensure!(came(&other, "clean") == "200" && came(&other, "leak") == "200", "{other:?}");
    ensure!(engine.api()?.iter().any(|seen| seen.to_string().contains(&["AK", "IA"].concat())), "it was not stopped");
    Ok(())
}

fn killed_and_upgraded(engine: &Engine) -> Result<()> {
    let gateway = engine.container("pipelock")?;
    let at = [resolve(engine, "db")?, resolve(engine, "redis")?, resolve(engine, "api.example.test")?];
    engine.docker(&["kill", "--signal", "KILL", &gateway])?;
    let dead = connect(engine, [(&at[0], "5432"), (&at[1], "6379"), (&at[2], "443")])?;
    ensure!(dead == ["ok", "ok", "Errno::ECONNREFUSED"], "the app's own network, and nothing else: {dead:?}");
    // Its cables end beside the gateway, whose network is its own: no seatbelt keeps Docker's resolver from asking others.
    let told = resolve(engine, "db")?;
    ensure!(told.contains("Error"), "{told}");
    engine.docker(&["start", &gateway])?;
    engine.wait_healthy()?;
    all_is_well(&ask_web(engine, &["postgres", "redis", "clean", "leak"])?).context("after a kill")?;
    engine.compose(&["restart", "web"])?;
    all_is_well(&ask_web(engine, &["postgres", "redis", "clean", "leak"])?).context("after web was restarted")?;
    engine.compose(&["up", "--detach", "--force-recreate", "--no-deps", "pipelock"])?;
    engine.wait_healthy()?;
    all_is_well(&ask_web(engine, &["postgres", "redis", "clean", "leak"])?).context("after an upgrade")
}

/// Its socket is another one then; who was running went on, and what is new must be found all the same.
fn found_after_the_engine_was_restarted(engine: &Engine) -> Result<()> {
    all_is_well(&ask_web(engine, &["postgres", "redis", "clean", "leak"])?).context("what ran before")?;
    eventually(LONG, || {
        let new = ask(engine, [PROJECT, "worker"], "/etc/pipelock-trust/ca-bundle.crt", &["leak"]);
        let new = new.map_err(|error| format!("{error:#}"))?;
        if came(&new, "leak") == "403 secret" { Ok(()) } else { Err(format!("{new:?}")) }
    })
}

//! A client that is linked statically with musl: no loader to preload into, and a resolver that asks every server at once.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use serde_json::Value;

use crate::daemon::{Counting, POD, SERVER, World};
use crate::dns;

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Python3, Need::Pipelock, Need::Musl];
    let claim = "musl::a_static_client_resolves_and_connects_through_the_gateway";
    vec![Case::new(claim, needs, |_| resolves_and_connects()).alone()]
}

fn resolves_and_connects() -> Result<()> {
    let world = World::with("")?;
    let client = world.directory.path().join("client");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/musl.c");
    let built = Command::new("musl-gcc").args(["-static", "-O1", "-o"]).arg(&client).arg(source).output()?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let servers = ["203.0.113.53", "203.0.113.54"];
    for address in servers {
        world.ip("w", &format!("addr add {address}/32 dev lo"))?;
    }
    let mut resolvers = world.command("w", "python3");
    resolvers.args(["-u", "-c", dns::SERVER]).args(servers);
    let mut resolvers = Counting::of(resolvers)?;
    ensure!(resolvers.told::<Vec<Vec<Value>>>()?.is_empty());
    let mut web = Counting::start(world.command("w", "python3"), SERVER)?;
    ensure!(web.count(POD)? == 0);
    let _gateway = world.gateway()?;

    let file = world.directory.path().join("resolv.conf");
    std::fs::write(&file, "nameserver 203.0.113.53\nnameserver 203.0.113.54\noptions timeout:30 attempts:1\n")?;
    let line = format!("mount --bind {} $(realpath /etc/resolv.conf) && exec \"$@\"", file.display());
    let mut command = world.command("p", "unshare");
    command.args(["--mount", "sh", "-c", &line, "sh"]).arg(&client).args(["api.example.test", "80"]);
    world.cgroup.enter_on_exec(&mut command)?;
    let output = command.output().context("starting the client")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.trim() == "203.0.113.10:80 HTTP/1.1 200", "{said} {}", String::from_utf8_lossy(&output.stderr));

    let asked: Vec<Vec<Value>> = resolvers.told()?;
    ensure!(!asked.is_empty() && asked.iter().all(|one| one[1] == "198.51.100.2"), "{asked:?}");
    ensure!(web.count(POD)? == 0 && web.count("198.51.100.2")? == 1, "it did not come through the gateway");
    Ok(())
}

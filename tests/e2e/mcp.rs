//! The MCP port between clients and servers that others wrote: the official SDKs for Python and TypeScript, each with each, and
//! the conformance suite of the protocol. What is seen through it is, line by line, what is seen directly.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pipelock_tests::gateway;
use pipelock_tests::harness::Case;
use pipelock_tests::need::{self, Need};
use pipelock_tests::process::{self, DEADLINE, Running};

/// A language that there is an official SDK for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sdk {
    Python,
    TypeScript,
}

/// Messages of the differential case; more by hand (`tests/clients/mcp_differential.py`).
const MESSAGES: &str = "1500";

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Pipelock, Need::Mcp];
    let pairs = [
        ("python_sdk_with_itself", Sdk::Python, Sdk::Python),
        ("python_sdk_with_a_typescript_server", Sdk::Python, Sdk::TypeScript),
        ("typescript_sdk_with_itself", Sdk::TypeScript, Sdk::TypeScript),
        ("typescript_sdk_with_a_python_server", Sdk::TypeScript, Sdk::Python),
    ];
    let pairs = pairs.into_iter().map(|(name, client, server)| {
        Case::new(format!("mcp::{name}_sees_the_same_through_the_port"), needs, move |_| same(client, server))
    });
    let suite = Case::new("mcp::conformance_suite_has_the_same_results_through_the_port", needs, |_| conformance());
    let differential = Case::new("mcp::the_sdk_reads_what_passes_as_the_port_read_it", needs, |_| differential());
    pairs.chain([suite, differential]).collect()
}

fn same(client: Sdk, server: Sdk) -> Result<()> {
    let (_server, direct, _gateway, through) = in_front_of(server)?;
    let see = |port: u16| -> Result<String> {
        let finished = process::run(client.client(port, server)?, DEADLINE)?;
        ensure!(finished.status.success(), "on port {port}: {finished:#?}");
        Ok(finished.stdout)
    };
    let (seen, direct) = (see(through)?, see(direct)?);
    for (number, (through, direct)) in seen.lines().zip(direct.lines()).enumerate() {
        ensure!(through == direct, "line {number}\nthrough the port: {through}\ndirectly:         {direct}");
    }
    ensure!(seen == direct, "through the port:\n{seen}\ndirectly:\n{direct}");
    ensure!(direct.lines().count() > 15, "too little was tried:\n{direct}");
    Ok(())
}

/// The suite leaves no mark of what it asked, so that a run is known by its summary.
fn conformance() -> Result<()> {
    let (_server, direct, _gateway, through) = in_front_of(Sdk::TypeScript)?;
    let results = |port: u16| -> Result<String> {
        let suite = need::node_modules().join("@modelcontextprotocol/conformance/dist/index.js");
        let mut command = Command::new(need::node()?);
        let folder = tempfile::tempdir().context("a place for results")?;
        command.arg(suite).args(["server", "--url", &url(port)]).current_dir(folder.path());
        let finished = process::run(command, DEADLINE)?;
        let summary = finished.stdout.split("=== SUMMARY ===").nth(1);
        Ok(summary.with_context(|| format!("no summary: {finished:#?}"))?.to_owned())
    };
    let (seen, direct) = (results(through)?, results(direct)?);
    ensure!(seen == direct, "through the port:\n{seen}\ndirectly:\n{direct}");
    ensure!(direct.contains(" 0 failed") && direct.lines().count() > 25, "the server itself fails:\n{direct}");
    Ok(())
}

/// The comparing is the script's: it is the server, and reads the port's audit records.
fn differential() -> Result<()> {
    let (direct, through) = (free_port()?, free_port()?);
    let folder = tempfile::tempdir().context("a place for the audit log")?;
    let (config, audit) = (folder.path().join("pipelock.yaml"), folder.path().join("audit.jsonl"));
    let logging = format!("logging:\n  output: file\n  file: {}\n  include_allowed: true\n", audit.display());
    std::fs::write(&config, logging + "mcp_session_binding:\n  enabled: false\n").context("configuring")?;
    let mut script = Sdk::Python.command("mcp_differential")?;
    script.args([direct.to_string(), through.to_string()]).arg(&audit).arg(MESSAGES);
    let mut script = Running::start(script)?;
    script.wait_for_output("ready")?;
    let _gateway = gateway_before(direct, through, Some(&config))?;
    script.say("begin")?;
    script.wait_for_output(" differ")?;
    let said = script.output();
    ensure!(said.contains(" 0 differ") && !said.contains(" 0 forwarded"), "{said}");
    Ok(())
}

/// A server, a gateway before it, and the ports of both.
fn in_front_of(server: Sdk) -> Result<(Running, u16, Running, u16)> {
    let (direct, through) = (free_port()?, free_port()?);
    let running = Running::start(server.server(direct)?)?;
    running.wait_for_output("ready")?;
    let gateway = gateway_before(direct, through, None)?;
    Ok((running, direct, gateway, through))
}

fn gateway_before(direct: u16, through: u16, config: Option<&Path>) -> Result<Running> {
    let mut command = Command::new(gateway::binary());
    command.env_remove("PIPELOCK_CONFIG").args(["run", "--listen", "127.0.0.1:0", "--mcp-listen"]);
    command.arg(format!("127.0.0.1:{through}")).args(["--mcp-upstream", &url(direct)]);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let gateway = Running::start(command)?;
    gateway.wait_for_complaint("ready: ")?;
    Ok(gateway)
}

impl Sdk {
    fn server(self, port: u16) -> Result<Command> {
        let mut command = self.command("mcp_server")?;
        command.arg(port.to_string());
        if self == Self::TypeScript {
            command.arg(need::node_modules());
        }
        Ok(command)
    }

    fn client(self, port: u16, server: Self) -> Result<Command> {
        let mut command = self.command("mcp_client")?;
        command.arg(url(port));
        match (self, server) {
            (Self::TypeScript, _) => {
                command.arg(need::node_modules());
            }
            (Self::Python, Self::TypeScript) => {
                command.arg("sessions");
            }
            (Self::Python, Self::Python) => {}
        }
        Ok(command)
    }

    fn command(self, script: &str) -> Result<Command> {
        let (program, suffix) = match self {
            Self::Python => (need::python(), "py"),
            Self::TypeScript => (need::node()?, "mjs"),
        };
        let mut command = Command::new(program);
        command.arg(clients().join(format!("{script}.{suffix}"))).env("PYTHONUNBUFFERED", "1");
        Ok(command)
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/mcp")
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr().context("reading its address")?.port())
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

//! Clients and servers that others wrote, with the gateway between them: what a client sees through it is, line by line,
//! what it sees directly.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use pipelock_tests::gateway::Exec;
use pipelock_tests::harness::Case;
use pipelock_tests::need::{self, Need};
use pipelock_tests::node::{API, Node};
use pipelock_tests::process::{self, DEADLINE, Running};
use pipelock_tests::secrets::Secret;

/// A program that talks to a server, and the server it wants.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    client: Client,
    server: Server,
    needs: &'static [Need],
}

#[derive(Clone, Copy)]
enum Client {
    Python(&'static str),
    Ruby(&'static str),
}

#[derive(Clone, Copy)]
enum Server {
    Nginx,
    Peers,
}

const SCENARIOS: &[Scenario] = &[
    python("httpx_and_nginx_over_http_1", "nginx_h1", Server::Nginx, &[Need::Interop, Need::Nginx]),
    python("httpx_and_nginx_over_http_2", "nginx_h2", Server::Nginx, &[Need::Interop, Need::Nginx]),
    python("websockets_both_ways", "websocket", Server::Peers, &[Need::Interop]),
    python("grpc_of_every_kind", "grpc", Server::Peers, &[Need::Interop]),
    python("boto3_and_an_s3_double", "s3", Server::Peers, &[Need::Interop]),
    python("openai_sdk_streaming", "openai", Server::Peers, &[Need::Interop]),
    python("anthropic_sdk_streaming", "anthropic", Server::Peers, &[Need::Interop]),
    ruby("ruby_net_http_keep_alive", "net_http", Server::Nginx, &[Need::Ruby, Need::Nginx]),
    ruby("ruby_faraday_and_nginx", "faraday", Server::Nginx, &[Need::Faraday, Need::Nginx]),
    ruby("ruby_aws_sdk_and_an_s3_double", "s3", Server::Peers, &[Need::RubyS3, Need::Interop]),
];

const fn python(name: &'static str, scenario: &'static str, server: Server, needs: &'static [Need]) -> Scenario {
    Scenario { name, client: Client::Python(scenario), server, needs }
}

const fn ruby(name: &'static str, scenario: &'static str, server: Server, needs: &'static [Need]) -> Scenario {
    Scenario { name, client: Client::Ruby(scenario), server, needs }
}

pub(crate) fn cases() -> Vec<Case> {
    let captured = [Need::Bpf, Need::CgroupV2, Need::Pipelock];
    let case = |scenario: &'static Scenario| {
        let needs = captured.iter().chain(scenario.needs).copied();
        let name = format!("interop::{}_is_the_same_through_the_gateway", scenario.name);
        Case::new(name, needs, move |node| same_through_the_gateway(node, scenario))
    };
    let leak = Case::new(
        "interop::a_secret_at_the_end_of_a_grpc_message_is_stopped_although_its_sender_waits",
        captured.iter().copied().chain([Need::Interop]),
        a_leak_in_a_waiting_call_is_stopped,
    );
    SCENARIOS.iter().map(case).chain([leak]).collect()
}

fn a_leak_in_a_waiting_call_is_stopped(node: &Node) -> Result<()> {
    let secret = Secret::github();
    let argv = Client::Python("grpc_leak").argv();
    let _server = Server::Peers.start(node)?;
    let mut command = node.direct_command(&argv[0]);
    command.args(&argv[1..]).env("LEAK", &secret.value);
    let directly = process::run(command, DEADLINE)?;
    ensure!(directly.stdout.contains("arrived"), "without the gateway: {directly:#?}");
    let outcome = Exec::on(node).env("LEAK", &secret.value).run(argv)?;
    ensure!(outcome.finished.stdout.contains("stopped"), "{outcome:#?}");
    let record = outcome.only_request()?;
    ensure!(record["reason"] == "secret" && record["action"] == "block", "{record:#}");
    Ok(())
}

fn same_through_the_gateway(node: &Node, scenario: &Scenario) -> Result<()> {
    // What a server remembers of the first client must not be what the second one sees.
    let directly = {
        let _server = scenario.server.start(node)?;
        let argv = scenario.client.argv();
        let mut command = node.direct_command(&argv[0]);
        command.args(&argv[1..]);
        process::run(command, DEADLINE)?
    };
    ensure!(directly.status.success() && !directly.stdout.is_empty(), "without the gateway: {directly:#?}");
    let _server = scenario.server.start(node)?;
    let outcome = Exec::on(node).run(scenario.client.argv())?;
    let seen = &outcome.finished;
    ensure!(outcome.code() == Some(0), "through the gateway: {outcome:#?}");
    for (number, (through, direct)) in seen.stdout.lines().zip(directly.stdout.lines()).enumerate() {
        ensure!(through == direct, "line {number}\nthrough the gateway: {through}\ndirectly:            {direct}");
    }
    ensure!(seen.stdout == directly.stdout, "through the gateway:\n{}\ndirectly:\n{}", seen.stdout, directly.stdout);
    // It must have been opened and judged, or this shows nothing.
    ensure!(outcome.requests().next().is_some(), "nothing was judged: {outcome:#?}");
    let opened = outcome.connections().all(|connection| connection["decision"] == "intercept");
    ensure!(opened, "not all was opened: {outcome:#?}");
    Ok(())
}

impl Client {
    fn argv(self) -> Vec<String> {
        let (program, script, scenario) = match self {
            Self::Python(scenario) => (need::python(), "interop.py", scenario),
            Self::Ruby(scenario) => (PathBuf::from("ruby"), "interop.rb", scenario),
        };
        let script = clients().join(script);
        [program.as_path(), &script, Path::new(scenario), Path::new(API)]
            .iter()
            .map(|part| part.display().to_string())
            .collect()
    }
}

impl Server {
    fn start(self, node: &Node) -> Result<Running> {
        let mut command = match self {
            Self::Nginx => node.outside_command("nginx"),
            Self::Peers => node.outside_command(need::python()),
        };
        match self {
            Self::Nginx => {
                furnish(node, &mut command)?;
                let server = Running::start(command)?;
                // Its log is standard error; this is what it says when it listens and works.
                server.wait_for_complaint("start worker process")?;
                Ok(server)
            }
            Self::Peers => {
                // The bucket is in the path; the "api" of the host name is none. Read when moto is imported.
                command.env("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true");
                command.arg(clients().join("peers.py")).arg(node.leaf_pem());
                let server = Running::start(command)?;
                server.wait_for_output("ready")?;
                Ok(server)
            }
        }
    }
}

/// Gives nginx a directory of files and a configuration.
fn furnish(node: &Node, command: &mut Command) -> Result<()> {
    let home = node.directory().join("nginx");
    let files = home.join("files");
    std::fs::create_dir_all(&files).context("making nginx's directory")?;
    let json = r#"{"account":"checking","balance":"1024.50","note":"\u00fc"}"#;
    let prose = "the rent of march was paid and the budget is on track\n".repeat(8000);
    let noise = (0..10_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes());
    let picture: Vec<u8> = b"\x89PNG\r\n\x1a\n".iter().copied().chain(noise).collect();
    for (name, bytes) in
        [("small.json", json.as_bytes()), ("large.txt", prose.as_bytes()), ("picture.png", picture.as_slice())]
    {
        std::fs::write(files.join(name), bytes).with_context(|| format!("writing {name}"))?;
    }
    let (home_path, pem) = (home.display(), node.leaf_pem().display().to_string());
    let text = format!(
        "daemon off;\nuser root;\nworker_processes 1;\npid {home_path}/pid;\nerror_log stderr notice;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n  access_log off;\n  types {{ application/json json; text/plain txt; image/png png; }}\n  gzip on;\n  \
           gzip_types text/plain;\n  client_body_temp_path {home_path}/b;\n  proxy_temp_path {home_path}/p;\n  \
           fastcgi_temp_path {home_path}/f;\n  uwsgi_temp_path {home_path}/u;\n  scgi_temp_path {home_path}/s;\n  \
           server {{\n    listen [::]:9100 ssl http2 ipv6only=off;\n    ssl_certificate {pem};\n    \
             ssl_certificate_key {pem};\n    root {};\n    location = /moved {{ return 302 /small.json; }}\n    \
             location = /nothing {{ return 204; }}\n  }}\n}}\n",
        files.display()
    );
    let config = home.join("nginx.conf");
    std::fs::write(&config, text).context("writing nginx's configuration")?;
    command.arg("-p").arg(&home).arg("-c").arg(config);
    Ok(())
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

//! `pipelock kill-switch` and `pipelock session`: asks the API of a running gateway.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::{ApiArgs, KillSwitchCommand, SessionCommand};

/// For one question.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer: a thousand sessions with their domains.
const MAX_ANSWER: u64 = 16 << 20;

/// The switch is on: everything is refused.
const STOPPED: u8 = 3;

/// Flips or shows the switch; exit code 0 when that worked, 1 when not, and 3 when the status is that it is on.
pub fn kill_switch(command: &KillSwitchCommand, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let (args, method, path, body) = match command {
        KillSwitchCommand::On(args) => (args, "POST", "/api/v1/killswitch", r#"{"active":true}"#),
        KillSwitchCommand::Off(args) => (args, "POST", "/api/v1/killswitch", r#"{"active":false}"#),
        KillSwitchCommand::Status(args) => (args, "GET", "/api/v1/killswitch/status", ""),
    };
    let answer = ask(args, method, path, body);
    let status = matches!(command, KillSwitchCommand::Status(_));
    let on = status && answer.as_ref().is_ok_and(|value| value["active"] == true);
    match told(answer, args.json, out, err) {
        0 if on => STOPPED,
        code => code,
    }
}

/// Shows or resets sessions; exit code 0 when that worked, 1 when not.
pub fn session(command: &SessionCommand, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let (args, method, path) = match command {
        SessionCommand::List(args) => (args, "GET", "/api/v1/sessions".to_owned()),
        SessionCommand::Inspect { key, api } => (api, "GET", format!("/api/v1/sessions/{key}")),
        SessionCommand::Reset { key, api } => (api, "POST", format!("/api/v1/sessions/{key}/reset")),
    };
    told(ask(args, method, &path, ""), args.json, out, err)
}

fn told(answer: anyhow::Result<Value>, json: bool, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let written = match answer {
        Ok(value) if json => writeln!(out, "{value}"),
        Ok(value) => print(&value, out),
        Err(error) => {
            let _ = writeln!(err, "pipelock: {error:#}");
            return 1;
        }
    };
    u8::from(written.and_then(|()| out.flush()).is_err())
}

/// One line an object; of nested ones their own lines.
fn print(value: &Value, out: &mut impl Write) -> io::Result<()> {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(sessions)) = members.get("sessions") {
                return sessions.iter().try_for_each(|session| print(session, out));
            }
            let words = members.iter().map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            });
            writeln!(out, "{}", words.collect::<Vec<_>>().join(" "))
        }
        other => writeln!(out, "{other}"),
    }
}

fn ask(args: &ApiArgs, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
    let address = address(&args.api_url)?;
    let token = args.token.as_deref().context("no token; set PIPELOCK_KILLSWITCH_API_TOKEN or --token")?;
    anyhow::ensure!(!token.contains(['\r', '\n']), "the token is not one line");
    anyhow::ensure!(!path.contains([' ', '\r', '\n']), "a key has no blanks");
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("preparing the connection")?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).with_context(|| format!("asking {address}"))?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).with_context(|| format!("waiting for {address}"))?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("{address} does not speak HTTP"))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    anyhow::ensure!(
        status == "200",
        "{address} answered {status}: {}",
        value["error"].as_str().unwrap_or("no reason given")
    );
    Ok(value)
}

/// `http://ADDRESS:PORT`, or the address alone.
fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let text = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().with_context(|| format!("{url} is no http://ADDRESS:PORT"))
}

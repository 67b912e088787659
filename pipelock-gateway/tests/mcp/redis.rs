//! State that replicas share in a real Redis: pins hold across processes, and when Redis is away, empty or stale the outcome is
//! the configured one.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::rig::{DEADLINE, Gateway, eventually, request};
use super::sessions::{self, Client};

const PASSWORD: &str = "correct-horse";
const OK: (u16, Option<i64>) = (200, None);
const UNKNOWN_TOOL: (u16, Option<i64>) = (200, Some(-32002));
const FOREIGN: (u16, Option<i64>) = (404, Some(-32001));

/// Whether there is a Redis to try this with; without one a test is skipped, and says so.
fn is_there() -> bool {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        assert!(std::env::var_os("PIPELOCK_REQUIRE").is_none(), "redis-server is not installed");
        eprintln!("SKIPPED: redis-server is not installed; apt-get install redis-server");
    }
    found
}

/// A Redis with a password; killed when dropped.
struct Redis {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Redis {
    fn start() -> Self {
        Self::begin(tempfile::tempdir().unwrap(), free_port(), &[])
    }

    /// On the same port, with what its folder holds.
    fn begin(folder: TempDir, port: u16, more: &[&str]) -> Self {
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--requirepass",
                PASSWORD,
                "--dir",
            ])
            .arg(folder.path())
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self { child, port, folder };
        if port != 0 {
            let end = Instant::now() + DEADLINE;
            while !redis.try_say("PING").is_some_and(|answer| answer.contains("PONG")) {
                assert!(Instant::now() < end, "redis-server did not begin");
                #[expect(clippy::disallowed_methods, reason = "a server tells nobody that it listens")]
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        redis
    }

    fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/1", self.port)
    }

    fn try_say(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "AUTH {PASSWORD}\r\nSELECT 1\r\n{command}\r\nQUIT\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn say(&self, command: &str) -> String {
        self.try_say(command).unwrap()
    }

    /// Ends it at once and gives its folder and port to a successor.
    fn kill(mut self) -> (TempDir, u16) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()), self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn strict(url: &str, on_unavailable: &str) -> String {
    format!(
        "mcp_session_binding:\n  unknown_tool_action: block\n  no_baseline_action: block\n\
         mcp_listener:\n  state:\n    redis: \"{url}\"\n    on_unavailable: {on_unavailable}\n"
    )
}

async fn two(server: SocketAddr, url: &str, on_unavailable: &str) -> (Gateway, Gateway) {
    let yaml = strict(url, on_unavailable);
    tokio::join!(Gateway::start(server, &yaml), Gateway::start(server, &yaml))
}

/// Whether the list of a session is known to a gateway. One that reaches a Redis blocks what was not listed, a session without
/// any list included; one that does not lets what it does not know pass. So only both answers together prove it.
async fn is_pinned(client: &Client, gateway: &Gateway) -> bool {
    client.call(gateway, "drop_everything").await == UNKNOWN_TOOL && client.call(gateway, "get_accounts").await == OK
}

async fn unavailable(gateway: &Gateway) -> f64 {
    gateway.metric("pipelock_mcp_state_unavailable_total").await
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_of_500_sessions_at_once_hold_across_two_gateways() {
    if !is_there() {
        return;
    }
    let (redis, server) = (Redis::start(), sessions::start().await);
    let (one, other) = two(server, &redis.url(), "block").await;
    let (one, other) = (Arc::new(one), Arc::new(other));
    // All begin at once, and when the last one has begun, all call at once.
    let begun = Arc::new(Barrier::new(500));
    let mut sessions = JoinSet::new();
    for number in 0..500 {
        let (one, other, begun) = (Arc::clone(&one), Arc::clone(&other), Arc::clone(&begun));
        sessions.spawn(async move {
            // Begun at either, used at the other.
            let (here, there) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
            let client = Client::begin(here, &format!("client-{number}")).await;
            begun.wait().await;
            assert_eq!(client.call(there, "get_accounts").await, OK, "{number}");
            assert_eq!(client.call(there, "drop_everything").await, UNKNOWN_TOOL, "{number}");
            assert_eq!(client.stolen().call(there, "get_accounts").await, FOREIGN, "{number}");
        });
    }
    while let Some(session) = sessions.join_next().await {
        session.unwrap();
    }
    // However busy the gateways are, a Redis that answers is not taken to be away.
    assert_eq!((unavailable(&one).await, unavailable(&other).await), (0.0, 0.0));
    let keys = redis.say("KEYS *");
    assert!(keys.contains("pipelock:mcp:tools:") && keys.contains("pipelock:mcp:owner:"), "{keys}");
    assert!(!keys.contains("client-") && !keys.contains("session-"), "only hashes are kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_goes_on_with_what_it_knows_and_no_pin_is_lost() {
    if !is_there() {
        return;
    }
    let (redis, server) = (Redis::start(), sessions::start().await);
    let (one, other) = two(server, &redis.url(), "allow").await;
    let early = Client::begin(&one, "early").await;
    // The other has asked about this one, and takes the whole list over.
    assert_eq!(early.call(&other, "get_accounts").await, OK);
    let unseen = Client::begin(&one, "unseen").await;
    let (_gone, port) = redis.kill();
    for gateway in [&one, &other] {
        assert_eq!(early.call(gateway, "get_accounts").await, OK);
        assert_eq!(early.call(gateway, "drop_everything").await, UNKNOWN_TOOL, "it remembers by itself");
    }
    assert_eq!(unseen.call(&other, "drop_everything").await, OK, "nothing is known of it here, and it may go on");
    let late = Client::begin(&one, "late").await;
    assert!(unavailable(&one).await > 0.0 && unavailable(&other).await > 0.0);

    // It comes back empty, and nobody asks the one that knows: what was written meanwhile arrives by itself, and so does what
    // was lost.
    let redis = Redis::begin(tempfile::tempdir().unwrap(), port, &[]);
    eventually("the pin of the outage is known to the other", async || is_pinned(&late, &other).await).await;
    eventually("a lost pin is repaired", async || is_pinned(&unseen, &other).await).await;
    for client in [&late, &unseen] {
        assert_eq!(client.stolen().call(&other, "get_accounts").await, FOREIGN, "its owner came before its list");
    }
    drop(redis);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_a_session_refuses_a_foreign_principal_whatever_becomes_of_redis() {
    if !is_there() {
        return;
    }
    let (redis, server) = (Redis::start(), sessions::start().await);
    let (one, other) = two(server, &redis.url(), "allow").await;
    let client = Client::begin(&one, "client").await;
    assert_eq!(client.call(&other, "get_accounts").await, OK);
    let thief = client.stolen();
    // At no moment, so nothing here is asked twice.
    let held = async |when: &str| {
        for gateway in [&one, &other] {
            assert_eq!(thief.call(gateway, "get_accounts").await, FOREIGN, "{when}");
            assert_eq!(client.call(gateway, "get_accounts").await, OK, "{when}");
        }
    };
    held("with Redis").await;
    let owner = redis.say("KEYS pipelock:mcp:owner:*");
    let owner = owner.lines().find(|line| line.starts_with("pipelock:mcp:owner:")).unwrap().to_owned();
    let (_gone, port) = redis.kill();
    held("without").await;
    let empty = Redis::begin(tempfile::tempdir().unwrap(), port, &[]);
    held("with one that knows nothing").await;
    eventually("it is told", async || empty.say(&format!("EXISTS {owner}")).contains(":1")).await;
    let (_gone, port) = empty.kill();
    // A restored one, in which the session is somebody else's: the first word counts there, and not here.
    let restored = Redis::begin(tempfile::tempdir().unwrap(), port, &[]);
    restored.say(&format!("SET {owner} 000000000000000000000000000000aa"));
    held("with one that names another owner").await;
    // Until here they may have gone by their own memory, because the link was not up again. From here on Redis is asked.
    for gateway in [&one, &other] {
        let asked = async || {
            let before = unavailable(gateway).await;
            client.call(gateway, "get_accounts").await;
            unavailable(gateway).await <= before
        };
        eventually("it is reached again", asked).await;
    }
    assert!(restored.say(&format!("GET {owner}")).contains("00aa"), "it still says what it said");
    let before = (unavailable(&one).await, unavailable(&other).await);
    held("told another owner").await;
    assert_eq!((unavailable(&one).await, unavailable(&other).await), before, "each of these answers was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_state_must_be_known_nothing_passes_without_redis_and_everything_after_it_is_back() {
    if !is_there() {
        return;
    }
    let (redis, server) = (Redis::start(), sessions::start().await);
    let (one, other) = two(server, &redis.url(), "block").await;
    let client = Client::begin(&one, "client").await;
    assert_eq!(client.call(&other, "get_accounts").await, OK);
    let (folder, port) = redis.kill();
    for gateway in [&one, &other] {
        assert_eq!(client.call(gateway, "get_accounts").await, (503, Some(-32003)));
        let ping = gateway.post(&request(1, "initialize", &json!({})), &[("authorization", "Bearer x")]).await;
        assert_eq!(ping.code(), None, "what depends on no state passes");
    }
    let _redis = Redis::begin(folder, port, &[]);
    for gateway in [&one, &other] {
        eventually("it works again", async || client.call(gateway, "get_accounts").await == OK).await;
        assert_eq!(client.call(gateway, "drop_everything").await, UNKNOWN_TOOL);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_replica_in_its_place_loses_no_pin_and_one_that_cannot_be_written_to_counts_as_away() {
    if !is_there() {
        return;
    }
    let (redis, server) = (Redis::start(), sessions::start().await);
    let (one, other) = two(server, &redis.url(), "allow").await;
    let old = Client::begin(&one, "old").await;
    assert!(redis.say("SAVE").contains("OK"));
    // The replica that takes over has heard nothing of this one.
    let new = Client::begin(&one, "new").await;
    let (folder, port) = redis.kill();
    let promoted = Redis::begin(folder, port, &[]);
    // `one` is not asked: it says what it knows by itself.
    eventually("the stale replica is told what it missed", async || is_pinned(&new, &other).await).await;
    assert_eq!(new.stolen().call(&other, "get_accounts").await, FOREIGN);
    assert!(is_pinned(&old, &other).await);
    assert!(promoted.say("SAVE").contains("OK"));

    // A replica of nobody, that only reads.
    let (folder, port) = promoted.kill();
    let _replica = Redis::begin(folder, port, &["--replicaof", "127.0.0.1 1"]);
    let before = unavailable(&one).await;
    let during = Client::begin(&one, "during").await;
    assert_eq!(during.call(&one, "drop_everything").await, UNKNOWN_TOOL);
    assert_eq!(during.call(&other, "drop_everything").await, OK, "nobody could tell it");
    assert!(unavailable(&one).await > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_verified_by_the_configured_roots() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let ca = authority(folder.path());
    let port = free_port();
    let tls = ["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "no"].map(str::to_owned);
    let files = [("--tls-cert-file", "leaf.pem"), ("--tls-key-file", "leaf.key"), ("--tls-ca-cert-file", "ca.pem")]
        .map(|(flag, file)| [flag.to_owned(), folder.path().join(file).display().to_string()]);
    let more: Vec<String> = tls.into_iter().chain(files.into_iter().flatten()).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let _redis = Redis::begin(tempfile::tempdir().unwrap(), 0, &more);
    let server = sessions::start().await;
    let url = format!("rediss://:{PASSWORD}@localhost:{port}/0");
    let trusting = strict(&url, "block") + &format!("tls_interception:\n  upstream_ca_files: [{ca}]\n");
    let strange = strict(&url, "block");
    let (trusting, strange) = tokio::join!(Gateway::start(server, &trusting), Gateway::start(server, &strange));
    let session = [("authorization", "Bearer x"), ("mcp-session-id", "s")];
    let ask = async |gateway: &Gateway| gateway.post(&request(1, "ping", &json!({})), &session).await.status.as_u16();
    eventually("the one that knows the authority reaches it", async || ask(&trusting).await == 200).await;
    assert_eq!(ask(&strange).await, 503, "the other does not");
}

/// An authority and a leaf of `localhost`, as files; the path of the former.
fn authority(folder: &Path) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    for (file, text) in [("ca.pem", ca.pem()), ("leaf.pem", leaf.pem()), ("leaf.key", key.serialize_pem())] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    folder.join("ca.pem").display().to_string()
}

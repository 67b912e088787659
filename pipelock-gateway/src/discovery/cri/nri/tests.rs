//! The plugin against a runtime made here, byte by byte; `tests/e2e/nri.rs` has a real one.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::net::UnixListener;

use super::*;
use crate::discovery::Labels;

/// The runtime's end of the connection.
struct Runtime(UnixStream);

impl Runtime {
    /// Waits for the plugin, takes its registration and configures it.
    async fn meets(listener: &UnixListener, request_timeout_ms: u64) -> Self {
        let mut runtime = Self(listener.accept().await.unwrap().0);
        let (channel, stream, kind, call) = runtime.hears().await;
        assert_eq!((channel, stream, kind), (RUNTIME, 1, REQUEST));
        let texts: Vec<_> = wire::fields(&call).map(Result::unwrap).take(3).collect();
        assert_eq!(texts[0], (1, wire::Value::Bytes(b"nri.pkg.api.v1alpha1.Runtime")));
        assert_eq!(texts[1], (2, wire::Value::Bytes(b"RegisterPlugin")));
        assert_eq!(texts[2], (3, wire::Value::Bytes(Message::new().text(1, "pipelock").text(2, "00").as_bytes())));
        runtime.says(RUNTIME, 1, RESPONSE, &Message::new().message(2, &Message::new())).await;
        let config = Message::new().text(2, "test").number(5, request_timeout_ms);
        runtime.calls(1, "Configure", &config).await;
        let (_, stream, kind, answer) = runtime.hears().await;
        assert_eq!((stream, kind), (1, RESPONSE));
        assert_eq!(answer, Message::new().message(2, &Message::new().number(2, 1)).as_bytes());
        runtime
    }

    async fn calls(&mut self, stream: u32, method: &str, payload: &Message) {
        let call = Message::new().text(1, "nri.pkg.api.v1alpha1.Plugin").text(2, method).message(3, payload);
        self.says(PLUGIN, stream, REQUEST, &call).await;
    }

    /// In pieces of seven bytes, as a long message comes in pieces as well.
    async fn says(&mut self, channel: u32, stream: u32, kind: u8, message: &Message) {
        let length = u32::try_from(message.as_bytes().len()).unwrap();
        let whole = [&length.to_be_bytes()[..], &stream.to_be_bytes(), &[kind, 0], message.as_bytes()].concat();
        for piece in whole.chunks(7) {
            let length = u32::try_from(piece.len()).unwrap();
            let framed = [&channel.to_be_bytes()[..], &length.to_be_bytes(), piece].concat();
            self.0.write_all(&framed).await.unwrap();
        }
    }

    async fn hears(&mut self) -> (u32, u32, u8, Vec<u8>) {
        let mut header = [0; TRUNK_HEADER];
        let within = Duration::from_secs(10);
        timeout(within, self.0.read_exact(&mut header)).await.expect("nothing is said").unwrap();
        let mut bytes = vec![0; usize::try_from(number(&header[4..])).unwrap()];
        self.0.read_exact(&mut bytes).await.unwrap();
        let mut channel = Channel { held: bytes };
        let (stream, kind, message) = channel.message().unwrap().unwrap();
        assert!(channel.held.is_empty());
        (number(&header[..4]), stream, kind, message)
    }

    /// The status of the next answer, which must be of `stream`.
    async fn status(&mut self, stream: u32) -> u64 {
        let (channel, of, kind, answer) = self.hears().await;
        assert_eq!((channel, of, kind), (PLUGIN, stream, RESPONSE));
        let status = wire::messages(&answer, 1).unwrap();
        let code = status.first().and_then(|status| wire::fields(status).flatten().next());
        code.map_or(0, |(field, value)| if field == 1 { value.number().unwrap() } else { 0 })
    }
}

fn pod(namespace: &str) -> Message {
    let label = Message::new().text(1, "app").text(2, "sure");
    let pod = Message::new().text(1, "sandbox-1").text(2, "web-1").text(3, "uid-1").text(4, namespace);
    pod.message(5, &label).text(7, "runc").number(9, 4711)
}

fn hook(directory: &Path) -> (UnixListener, Option<Hook>) {
    let socket = directory.join("nri.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let labels = Labels { all: vec!["app=sure".into()], none: Vec::new() };
    let pods = Pods { namespaces: vec!["finance".into()], labels, ..Pods::default() };
    (listener, Some(Hook::start(socket, pods)))
}

#[tokio::test]
async fn a_pod_that_is_meant_waits_until_it_is_captured_and_is_not_started_when_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut hook) = hook(directory.path());
    let mut runtime = Runtime::meets(&listener, 20_000).await;
    let run = Message::new().message(1, &pod("finance"));
    for (stream, captured, status) in [(3, true, 0), (5, false, FAILED_PRECONDITION)] {
        runtime.calls(stream, "RunPodSandbox", &run).await;
        let mut announced = next(&mut hook).await;
        assert_eq!((announced.sandbox.full_name().as_str(), announced.pid), ("finance/web-1", 4711));
        assert_eq!(announced.sandbox.labels, BTreeMap::from([("app".to_owned(), "sure".to_owned())]));
        // Others go on meanwhile.
        runtime.calls(101, "RunPodSandbox", &Message::new().message(1, &pod("other"))).await;
        assert_eq!(runtime.status(101).await, 0);
        assert!(announced.is_waiting());
        announced.answer(captured);
        assert_eq!(runtime.status(stream).await, status);
    }
}

#[tokio::test]
async fn older_runtimes_announce_a_pod_as_a_change_of_state_and_other_changes_are_let_through() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut hook) = hook(directory.path());
    let mut runtime = Runtime::meets(&listener, 20_000).await;
    runtime.calls(3, "StateChange", &Message::new().number(1, 2).message(2, &pod("finance"))).await;
    assert_eq!(runtime.status(3).await, 0);
    runtime.calls(5, "Synchronize", &Message::new().message(1, &pod("finance")).number(3, 1)).await;
    let (_, _, _, answer) = runtime.hears().await;
    assert_eq!(answer, Message::new().message(2, &Message::new().number(2, 1)).as_bytes(), "more may follow");
    runtime.calls(7, "StateChange", &Message::new().number(1, 1).message(2, &pod("finance"))).await;
    next(&mut hook).await.answer(true);
    assert_eq!(runtime.status(7).await, 0);
}

#[tokio::test]
async fn a_pod_of_which_nothing_is_heard_is_refused_before_the_runtime_gives_up_on_us() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut hook) = hook(directory.path());
    let mut runtime = Runtime::meets(&listener, 400).await;
    let begun = std::time::Instant::now();
    runtime.calls(3, "RunPodSandbox", &Message::new().message(1, &pod("finance"))).await;
    let announced = next(&mut hook).await;
    assert_eq!(runtime.status(3).await, FAILED_PRECONDITION);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(!announced.is_waiting());
}

#[tokio::test]
async fn a_runtime_that_went_away_is_met_again() {
    let directory = tempfile::tempdir().unwrap();
    let (listener, mut hook) = hook(directory.path());
    drop(Runtime::meets(&listener, 20_000).await);
    let mut runtime = Runtime::meets(&listener, 20_000).await;
    runtime.calls(3, "RunPodSandbox", &Message::new().message(1, &pod("finance"))).await;
    next(&mut hook).await.answer(true);
    assert_eq!(runtime.status(3).await, 0);
}

#[test]
fn a_message_longer_than_the_protocol_allows_is_an_error() {
    let mut channel = Channel { held: vec![0xff; HEADER] };
    assert_eq!(channel.message(), Err(Malformed));
    let mut channel = Channel { held: vec![0, 0, 0, 4, 0, 0, 0, 1, 1, 0, 1, 2] };
    assert_eq!(channel.message(), Ok(None), "the rest is to come");
    assert!(registered(Message::new().message(1, &Message::new().number(1, 3).text(2, "no")).as_bytes()).is_err());
}

//! WebSocket connections: frames arrive as they were sent, and nothing of a message that is stopped.

use std::time::Duration;

use pipelock_gateway::http::BodyBudget;
use pipelock_gateway::model::{Action, BlockReason};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::rig::{MARKER, Rig, Setup, within};

const REQUEST: &str = "GET /ws HTTP/1.1\r\nHost: api.example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client sends it.
fn masked(first: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut frame = header(first, 0x80, content.len());
    frame.extend(MASK);
    frame.extend(content.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A frame as a server sends it.
fn plain(first: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut frame = header(first, 0, content.as_ref().len());
    frame.extend(content.as_ref());
    frame
}

fn header(first: u8, bit: u8, len: usize) -> Vec<u8> {
    match u16::try_from(len) {
        Ok(short @ ..126) => vec![first, bit | u8::try_from(short).unwrap()],
        Ok(medium) => [&[first, bit | 0x7e][..], &medium.to_be_bytes()].concat(),
        Err(_) => [&[first, bit | 0x7f][..], &(len as u64).to_be_bytes()].concat(),
    }
}

async fn switched(setup: Setup) -> Rig {
    let mut rig = setup.start().await;
    rig.send(REQUEST).await;
    rig.upstream_gets(REQUEST).await;
    rig.respond(ANSWER).await;
    rig.client_gets(ANSWER).await;
    rig
}

/// Reads one frame to its end: first byte and content, mask undone.
async fn frame(from: &mut TcpStream) -> (u8, Vec<u8>) {
    within(async {
        let (first, second) = (from.read_u8().await.unwrap(), from.read_u8().await.unwrap());
        let mask = if second & 0x80 == 0 {
            [0; 4]
        } else {
            let mut mask = [0; 4];
            from.read_exact(&mut mask).await.unwrap();
            mask
        };
        let mut content = vec![0; usize::from(second & 0x7f)];
        from.read_exact(&mut content).await.unwrap();
        let keys = mask.iter().cycle();
        (first, content.iter().zip(keys).map(|(byte, key)| byte ^ key).collect())
    })
    .await
}

/// Both sides are told to close with `code`, and nothing else.
async fn both_get_close(rig: &mut Rig, code: u16) {
    for side in [&mut rig.client, &mut rig.upstream] {
        let (first, content) = frame(side).await;
        assert_eq!((first, &content[..2]), (0x88, &code.to_be_bytes()[..]));
        assert!(!String::from_utf8_lossy(&content).contains(&MARKER[..6]));
        let mut rest = Vec::new();
        let _ = within(side.read_to_end(&mut rest)).await;
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn frames_of_all_kinds_arrive_as_they_were_sent() {
    let mut rig = switched(Setup::http1()).await;
    let long = "long ".repeat(30_000);
    for frames in [
        vec![masked(0x81, "hello")],
        vec![masked(0x82, [0, 255, 1])],
        vec![masked(0x81, "")],
        vec![masked(0x81, &long[..200])],
        vec![masked(0x81, &long)],
        vec![masked(0x01, "in "), masked(0x00, "three "), masked(0x80, "pieces")],
        vec![masked(0x89, "ping")],
        vec![masked(0x8a, "")],
    ] {
        rig.send(frames.concat()).await;
        rig.upstream_gets(frames.concat()).await;
    }
    for frames in [vec![plain(0x81, "hello back")], vec![plain(0x82, &long)], vec![plain(0x89, "ping")]] {
        rig.respond(frames.concat()).await;
        rig.client_gets(frames.concat()).await;
    }
    rig.send(masked(0x88, [0x03, 0xe8])).await;
    rig.upstream_gets(masked(0x88, [0x03, 0xe8])).await;
    rig.respond(plain(0x88, [0x03, 0xe8])).await;
    rig.client_gets(plain(0x88, [0x03, 0xe8])).await;
    let closed = rig.close().await;
    let [record] = &closed.records[..] else { panic!("one record, not {:?}", closed.records) };
    let websocket = record.websocket.unwrap();
    assert_eq!((record.status, record.verdict.action), (Some(101), Action::Allow));
    assert_eq!((websocket.messages_up, websocket.messages_down, websocket.closed_with), (6, 2, None));
    assert_eq!((websocket.text, websocket.binary, websocket.continuation), (6, 2, 2));
    assert_eq!((websocket.ping, websocket.pong, websocket.close), (2, 1, 2));
    assert!(record.request_bytes > 150_000 && record.response_bytes > 150_000);
}

#[tokio::test]
async fn extensions_are_not_offered_and_not_accepted() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let request = REQUEST.replacen("\r\n\r\n", &format!("\r\n{offer}"), 1);
    let mut rig = Setup::http1().start().await;
    rig.send(&request).await;
    rig.upstream_gets(REQUEST).await;
    rig.respond(ANSWER.replacen("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)).await;
    let answer = rig.client_answer().await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}

#[tokio::test]
async fn a_refusal_of_the_upstream_is_relayed_and_the_connection_goes_on() {
    let mut rig = Setup::http1().start().await;
    rig.send(REQUEST).await;
    rig.upstream_gets(REQUEST).await;
    let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
    rig.respond(refusal).await;
    rig.client_gets(refusal).await;
    rig.send("GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await;
    rig.upstream_gets("GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await;
}

#[tokio::test]
async fn a_secret_that_leaves_in_fragments_is_stopped_before_any_of_it() {
    let (one, two) = MARKER.split_at(8);
    for frames in [
        vec![masked(0x81, format!("please keep {MARKER}"))],
        vec![masked(0x01, format!("please {one}")), masked(0x80, two)],
        vec![masked(0x01, one), masked(0x89, "ping"), masked(0x80, two)],
        vec![masked(0x82, MARKER)],
        vec![masked(0x89, MARKER)],
        vec![masked(0x88, [&[3, 232], MARKER.as_bytes()].concat())],
    ] {
        let mut rig = switched(Setup::http1()).await;
        rig.send(masked(0x81, "clean")).await;
        rig.upstream_gets(masked(0x81, "clean")).await;
        let has_ping = frames.len() == 3;
        rig.send(frames.concat()).await;
        if has_ping {
            // Control frames pass at once, and their content was judged by itself.
            rig.upstream_gets(masked(0x89, "ping")).await;
        }
        both_get_close(&mut rig, 1008).await;
        let record = rig.record().await;
        assert_eq!((record.verdict.reason, record.status), (Some(BlockReason::Secret), Some(101)));
        assert_eq!(record.websocket.unwrap().closed_with, Some(1008));
        assert!(within(rig.served).await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn what_the_upstream_says_is_judged_as_well() {
    let mut rig = switched(Setup::http1()).await;
    rig.respond([plain(0x01, &MARKER[..9]), plain(0x80, &MARKER[9..])].concat()).await;
    both_get_close(&mut rig, 1008).await;
    assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::Secret));
}

#[tokio::test]
async fn in_audit_mode_the_same_message_passes_with_a_warning() {
    let mut rig = switched(Setup::http1().audit()).await;
    let frames = [masked(0x01, &MARKER[..9]), masked(0x80, &MARKER[9..]), masked(0x81, "and on")].concat();
    rig.send(&frames).await;
    rig.upstream_gets(&frames).await;
    let closed = rig.close().await;
    assert_eq!(closed.records[0].verdict.action, Action::Warn);
    assert_eq!(closed.records[0].websocket.unwrap().messages_up, 2);
}

#[tokio::test]
async fn protocol_errors_close_both_sides_with_1002() {
    for (why, frame) in [
        ("a reserved bit", masked(0xc1, "x")),
        ("an unknown opcode", masked(0x83, "x")),
        ("no mask", plain(0x81, "x")),
        ("a long ping", masked(0x89, [0; 126])),
        ("a continuation of nothing", masked(0x80, "x")),
        ("a length that is too long", vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let mut rig = switched(Setup::http1()).await;
        rig.send(frame).await;
        both_get_close(&mut rig, 1002).await;
        assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::Framing), "{why}");
    }
}

#[tokio::test]
async fn a_message_larger_than_can_be_held_closes_with_1009() {
    let small = |limits: &mut pipelock_gateway::http::Limits| limits.websocket.max_message_bytes = 1000;
    for frames in [
        // Only the header is needed to know.
        header(0x81, 0x80, 1001),
        [masked(0x01, [b'x'; 600]), header(0x80, 0x80, 401)].concat(),
    ] {
        let mut rig = switched(Setup::http1().limits(small)).await;
        rig.send([frames, MASK.to_vec()].concat()).await;
        both_get_close(&mut rig, 1009).await;
        assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::BodyTooLarge));
    }
    let mut rig = switched(Setup::http1().limits(small).audit()).await;
    let frames = [masked(0x81, [b'x'; 3000]), masked(0x81, "next")].concat();
    rig.send(&frames).await;
    rig.upstream_gets(&frames).await;
}

#[tokio::test]
async fn bytes_pass_only_where_they_may() {
    let text_only = |limits: &mut pipelock_gateway::http::Limits| limits.websocket.binary = false;
    let mut rig = switched(Setup::http1().limits(text_only)).await;
    rig.send(masked(0x82, "x")).await;
    both_get_close(&mut rig, 1008).await;
    assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::UpgradeUninspectable));
}

#[tokio::test]
async fn nothing_passes_behind_a_close() {
    let mut rig = switched(Setup::http1()).await;
    rig.send([masked(0x88, [3, 232]), masked(0x81, "behind"), masked(0xf3, "nonsense")].concat()).await;
    rig.upstream_gets(masked(0x88, [3, 232])).await;
    let closed = rig.close().await;
    assert_eq!(closed.upstream_got, b"");
    assert_eq!(closed.records[0].verdict.action, Action::Allow);
}

#[tokio::test]
async fn a_drain_and_a_silence_say_going_away() {
    let mut rig = switched(Setup::http1()).await;
    rig.shutdown.cancel();
    both_get_close(&mut rig, 1001).await;
    assert_eq!(rig.record().await.verdict.action, Action::Allow);

    for bound in [
        |limits: &mut pipelock_gateway::http::Limits| limits.websocket.idle = Duration::from_millis(50),
        |limits: &mut pipelock_gateway::http::Limits| limits.websocket.max_age = Some(Duration::from_millis(50)),
    ] {
        let mut rig = switched(Setup::http1().limits(bound)).await;
        both_get_close(&mut rig, 1001).await;
    }
}

#[tokio::test]
async fn without_room_to_hold_a_message_both_are_asked_to_come_back() {
    let mut setup = Setup::http1().limits(|limits| limits.budget_patience = Duration::from_millis(20));
    setup.budget = BodyBudget::new(8192);
    let mut rig = switched(setup).await;
    rig.send(&masked(0x81, vec![b'x'; 60_000])[..40_000]).await;
    both_get_close(&mut rig, 1013).await;
    assert_eq!(rig.record().await.verdict.reason, Some(BlockReason::Overloaded));
}

#[tokio::test]
async fn a_hard_stop_in_a_conversation_leaves_its_record_with_its_counts() {
    let mut rig = switched(Setup::http1()).await;
    rig.send(masked(0x81, "one")).await;
    rig.upstream_gets(masked(0x81, "one")).await;
    rig.served.abort();
    let record = rig.record().await;
    assert_eq!((record.status, record.websocket.unwrap().text), (Some(101), 1));
}

#[tokio::test]
async fn a_side_that_only_stops_sending_still_hears() {
    let mut rig = switched(Setup::http1()).await;
    within(tokio::io::AsyncWriteExt::shutdown(&mut rig.client)).await.unwrap();
    let mut nothing = [0];
    assert_eq!(within(rig.upstream.read(&mut nothing)).await.unwrap(), 0, "its end is mirrored");
    rig.respond(plain(0x81, "still there?")).await;
    rig.client_gets(plain(0x81, "still there?")).await;
}

//! Floods of HTTP/2 frames: a connection that is flooded is told to calm down and ends, and what it held is given back.
//!
//! The workload is raw bytes, because no library sends them; the upstream is the `h2` crate.

use bytes::Bytes;
use h2::server;
use http::Response;
use pipelock_gateway::http::Error;
use pipelock_gateway::model::Side;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use crate::rig::{Rig, Setup, pair, within};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const ENHANCE_YOUR_CALM: u32 = 0xb;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A request by the static table of HPACK and one literal, which is never indexed.
fn head(method: u8) -> Vec<u8> {
    let authority = b"api.example.test";
    [&[method, 0x87, 0x84, 0x01, u8::try_from(authority.len()).unwrap()][..], authority].concat()
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// Reads one frame: kind, flags, payload; `None` at the end.
async fn read_frame(from: &mut OwnedReadHalf) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    from.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    from.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], payload))
}

/// An upstream that answers what it gets, until its connection ends.
fn upstream(rig: &mut Rig, spare: TcpStream) -> tokio::task::JoinHandle<usize> {
    let socket = std::mem::replace(&mut rig.upstream, spare);
    tokio::spawn(async move {
        let mut connection = server::handshake(socket).await.unwrap();
        let mut requests = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            requests += 1;
            if let Ok(mut body) = respond.send_response(Response::new(()), false) {
                let _ = body.send_data(Bytes::from_static(b"ok"), true);
            }
        }
        requests
    })
}

/// Sends a flood and reads until the connection ends: the code of the GOAWAY that was read.
async fn flood(rig: &mut Rig, flood: Vec<u8>) -> Option<u32> {
    let (mut read, mut write) = std::mem::replace(&mut rig.client, pair().await.0).into_split();
    let writing = tokio::spawn(async move {
        // It may be cut off in the middle; that is the point.
        let _ = write.write_all(&hello()).await;
        let _ = write.write_all(&flood).await;
        write
    });
    let mut got = Vec::new();
    // A reset may throw away what was not read yet.
    let _ = within(read.read_to_end(&mut got)).await;
    within(writing).await.unwrap();
    let mut rest = got.as_slice();
    let mut code = None;
    while let Some((head, after)) = rest.split_at_checked(9) {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let Some((payload, after)) = after.split_at_checked(length) else { break };
        if head[3] == GOAWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = after;
    }
    code
}

async fn is_told_to_calm_down(what: &str, bytes: Vec<u8>) {
    let mut rig = Setup::http2().start().await;
    let upstream = upstream(&mut rig, pair().await.0);
    assert_eq!(flood(&mut rig, bytes).await, Some(ENHANCE_YOUR_CALM), "{what}");
    let error = within(rig.served).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Flood(_)), "{what}: {error:?}");
    assert_eq!(error.side(), Side::Downstream);
    within(upstream).await.unwrap();
}

#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_are_opened_end_the_connection() {
    let rapid: Vec<u8> = (0..20_000)
        .map(|number| 2 * number + 1)
        .flat_map(|stream| {
            let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(GET));
            [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })
        .collect();
    is_told_to_calm_down("rapid reset (CVE-2023-44487)", rapid).await;
}

#[tokio::test]
async fn continuations_without_end_end_the_connection() {
    let mut frames = frame(HEADERS, 0, 1, &head(GET));
    for _ in 0..20_000 {
        frames.extend(frame(CONTINUATION, 0, 1, b"\0\x01a\x01b"));
    }
    is_told_to_calm_down("CONTINUATION flood (CVE-2024-27316)", frames).await;
}

#[tokio::test]
async fn frames_of_data_that_hold_none_end_the_connection() {
    let mut frames = frame(HEADERS, END_HEADERS, 1, &head(POST));
    for _ in 0..200_000 {
        frames.extend(frame(DATA, 0, 1, b""));
    }
    is_told_to_calm_down("empty DATA", frames).await;
}

#[tokio::test]
async fn pings_and_settings_are_answered_one_by_one_and_disturb_nobody() {
    let mut rig = Setup::http2().start().await;
    let upstream = upstream(&mut rig, pair().await.0);
    let mut flood = hello();
    for number in 0_u64..5000 {
        flood.extend(frame(PING, 0, 0, &number.to_be_bytes()));
        flood.extend(frame(SETTINGS, 0, 0, &[]));
    }
    flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(GET)));
    let (mut stream, mut write) = std::mem::replace(&mut rig.client, pair().await.0).into_split();
    let writing = tokio::spawn(async move {
        write.write_all(&flood).await.unwrap();
        write
    });
    let (mut pongs, mut settings) = (0_u64, 0);
    within(async {
        loop {
            match read_frame(&mut stream).await.expect("the connection lives") {
                (PING, ACK, number) => {
                    assert_eq!(number, pongs.to_be_bytes());
                    pongs += 1;
                }
                (SETTINGS, ACK, _) => settings += 1,
                (HEADERS, ..) => break,
                _ => {}
            }
        }
    })
    .await;
    assert_eq!((pongs, settings), (5000, 5001), "the request behind them is served");
    drop((stream, within(writing).await.unwrap()));
    assert_eq!(within(rig.served).await.unwrap().unwrap().requests, 1);
    assert_eq!(within(upstream).await.unwrap(), 1);
}

#[tokio::test]
async fn a_window_that_stays_closed_holds_its_own_stream_and_no_other() {
    let mut rig = Setup::http2().start().await;
    let upstream = upstream(&mut rig, pair().await.0);
    // INITIAL_WINDOW_SIZE 0, then a window for stream 3 alone (RFC 9113 §6.9.2).
    let none = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let [one, three] = [1, 3].map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(GET)));
    let window = frame(8, 0, 3, &2_u32.to_be_bytes());
    rig.send([PREFACE, &none, &one, &three, &window].concat()).await;
    let mut answered = Vec::new();
    within(async {
        while answered.len() < 2 {
            let mut head = [0; 9];
            rig.client.read_exact(&mut head).await.unwrap();
            let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
            let mut payload = vec![0; length];
            rig.client.read_exact(&mut payload).await.unwrap();
            if head[3] == DATA {
                assert_eq!(u32::from_be_bytes(head[5..].try_into().unwrap()), 3, "only this one may be written to");
                answered.extend(payload);
            }
        }
    })
    .await;
    assert_eq!(answered, b"ok");
    drop(std::mem::replace(&mut rig.client, pair().await.0));
    // The client left in the middle of an answer.
    let _ = within(rig.served).await.unwrap();
    assert_eq!(within(upstream).await.unwrap(), 2);
}

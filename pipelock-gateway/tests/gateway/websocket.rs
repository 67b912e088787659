//! WebSocket connections through the whole gateway. What becomes of frames is in `tests/http`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::{NAME, PrivateRoot, Rig, Upstream, ask, message, within};

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
/// A text message of two bytes, masked with zeroes as a client may, and one of a server.
const ASKED: &[u8] = b"\x81\x82\0\0\0\0hi";
const ANSWERED: &[u8] = b"\x81\x03yes";

#[tokio::test]
async fn frames_are_counted_while_their_connection_is_open() {
    let upstream = Upstream::answering(|mut stream| async move {
        message(&mut stream).await.unwrap();
        stream.write_all(SWITCHED.as_bytes()).await.unwrap();
        let mut asked = [0; ASKED.len()];
        while stream.read_exact(&mut asked).await.is_ok() && stream.write_all(ANSWERED).await.is_ok() {}
    })
    .await;
    let rig = Rig::in_front_of("", PrivateRoot::new(), upstream);
    let mut client = TcpStream::connect(rig.listener).await.unwrap();
    let handshake = format!(
        "GET /socket HTTP/1.1\r\nHost: {NAME}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    assert!(ask(&mut client, &handshake).await.unwrap().starts_with("HTTP/1.1 101"));
    for _ in 0..3 {
        client.write_all(ASKED).await.unwrap();
        let mut answer = [0; ANSWERED.len()];
        within(client.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, ANSWERED);
    }
    // What was written last is counted a moment after it is read here.
    let counted = async {
        while rig.metric("pipelock_ws_bytes_total{direction=\"down\"}").as_deref() != Some("15") {
            tokio::task::yield_now().await;
        }
    };
    within(counted).await;
    for (series, count) in [
        ("pipelock_ws_active_connections", "1"),
        ("pipelock_ws_frames_total{type=\"text\"}", "6"),
        ("pipelock_ws_bytes_total{direction=\"up\"}", "24"),
    ] {
        assert_eq!(rig.metric(series).as_deref(), Some(count), "{series}");
    }
    assert_eq!(rig.metric("pipelock_ws_connections_total{result=\"allowed\"}"), None, "it is open");
    drop(client);
    let ended = async {
        while rig.metric("pipelock_ws_connections_total{result=\"allowed\"}").as_deref() != Some("1") {
            tokio::task::yield_now().await;
        }
    };
    within(ended).await;
    assert_eq!(rig.metric("pipelock_ws_frames_total{type=\"text\"}").as_deref(), Some("6"), "and not once more");
}

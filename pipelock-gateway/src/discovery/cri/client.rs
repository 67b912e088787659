//! Calls of the runtime service: gRPC without streams, over HTTP/2 on a unix socket.
//!
//! Source: "gRPC over HTTP2" (PROTOCOL-HTTP2.md of grpc).

use std::path::PathBuf;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

use super::Error;
use super::wire::{Malformed, Message};

/// Thousands of pods with many labels are a few megabytes.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// For one answer. Starting a pod waits for its network.
const ANSWER: Duration = Duration::from_secs(30);
/// In front of each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The socket of a runtime.
#[derive(Clone, Debug)]
pub struct CriClient {
    socket: PathBuf,
}

impl CriClient {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Calls a method of `runtime.v1.RuntimeService`; the message it answers with.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Http`]; [`Error::Grpc`] when it refuses.
    pub async fn call(&self, method: &str, message: &Message) -> Result<Bytes, Error> {
        let called = tokio::time::timeout(ANSWER, self.exchange(method, message)).await;
        called.map_err(|late| self.broke(method, late.into()))?
    }

    async fn exchange(&self, method: &str, message: &Message) -> Result<Bytes, Error> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| Error::Connect { socket: self.socket.clone(), source })?;
        let http = |error: Box<dyn std::error::Error + Send + Sync>| self.broke(method, error);
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|e| http(e.into()))?;
        // Ends when the sender has been dropped.
        tokio::spawn(connection);
        let request = Request::post(format!("http://localhost/runtime.v1.RuntimeService/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(framed(message.as_bytes())))
            .map_err(|e| http(e.into()))?;
        let (head, body) = sender.send_request(request).await.map_err(|e| http(e.into()))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(http)?;
        // A refusal without a message has its status in the head.
        let status = |name: &str| {
            let trailer = body.trailers().and_then(|trailers| trailers.get(name)).or_else(|| head.headers.get(name));
            trailer.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        match status("grpc-status").as_str() {
            "0" => unframed(&body.to_bytes()).ok_or_else(|| self.not_understood(method, Malformed)),
            code => Err(Error::Grpc {
                socket: self.socket.clone(),
                path: method.to_owned(),
                code: code.parse().unwrap_or(2),
                message: status("grpc-message"),
            }),
        }
    }

    fn broke(&self, method: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        Error::Http { socket: self.socket.clone(), path: method.to_owned(), source }
    }

    /// The error of an answer that is something else than the interface says.
    pub(super) fn not_understood(&self, method: &str, source: Malformed) -> Error {
        self.broke(method, source.into())
    }
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// The one message of an answer; nobody was told that it may be compressed.
fn unframed(body: &Bytes) -> Option<Bytes> {
    let (prefix, message) = body.split_first_chunk::<PREFIX_BYTES>()?;
    let [compressed, length @ ..] = *prefix;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (compressed == 0 && length == message.len()).then(|| body.slice(PREFIX_BYTES..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_framed_and_a_cut_one_is_refused() {
        assert_eq!(unframed(&framed(b"abc")).unwrap(), "abc");
        assert_eq!(unframed(&framed(b"")).unwrap(), "");
        for wrong in [&b"\0\0\0\0"[..], b"\0\0\0\0\x02a", b"\x01\0\0\0\x01a"] {
            assert!(unframed(&Bytes::copy_from_slice(wrong)).is_none());
        }
    }

    #[tokio::test]
    async fn a_runtime_that_is_away_is_an_error_that_names_its_socket() {
        let client = CriClient::new("/no/such.sock".into());
        let error = client.call("Version", &Message::new()).await.unwrap_err();
        assert!(error.to_string().contains("/no/such.sock"), "{error}");
    }
}

//! WebSocket connections: which requests ask for one, and the relay of judged messages behind the `101`.
//!
//! No extension is ever negotiated: the offer is taken off the request, so that frames hold their content as it is
//! (`permessage-deflate` would hide it). Original frames are forwarded, held until the message they belong to is judged:
//! what the workload sends by the rules for request bodies, what it receives by those for answers. [`frame`] reads frames,
//! `relay` carries them.

pub(super) mod frame;
mod relay;

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, Response, Version, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::exchange::Running;

pub(super) use relay::Conversation;

/// Offers of extensions; never forwarded.
pub(super) const EXTENSIONS: &str = "sec-websocket-extensions";

/// Bounds on one WebSocket connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketLimits {
    /// Whether they are let through at all, judged. Otherwise they are put to [`super::Inspect::uninspectable`].
    pub enabled: bool,
    /// Whether messages of bytes may pass, judged like text.
    pub binary: bool,
    /// Bytes of one message, all fragments together; what is larger cannot be held and ends the connection (1009).
    pub max_message_bytes: usize,
    /// How long neither side may send anything.
    pub idle: Duration,
    /// How long a connection may last; `None` for as long as both sides want.
    pub max_age: Option<Duration>,
}

impl Default for WebSocketLimits {
    fn default() -> Self {
        Self { enabled: true, binary: true, max_message_bytes: 1 << 20, idle: Duration::from_hours(1), max_age: None }
    }
}

/// Whether a request with an `Upgrade` field asks for a WebSocket and nothing else (RFC 6455 §4.1), so that what follows the
/// answer can be read.
pub(super) fn is_asked_for(head: &Parts) -> bool {
    let once = |name: &str| head.headers.get_all(name).iter().count() == 1;
    head.method == Method::GET
        && head.version == Version::HTTP_11
        && is_the_protocol(&head.headers)
        && once("sec-websocket-key")
        && head.headers.get("sec-websocket-version").is_some_and(|version| version == "13")
        && once("sec-websocket-version")
}

/// Whether a `101` agrees to what was forwarded: this protocol, and no extension.
pub(super) fn is_agreed_to(headers: &HeaderMap) -> bool {
    is_the_protocol(headers) && !headers.contains_key(EXTENSIONS)
}

fn is_the_protocol(headers: &HeaderMap) -> bool {
    let mut upgrade = headers.get_all(header::UPGRADE).iter();
    let only = upgrade.next().filter(|_| upgrade.next().is_none());
    only.is_some_and(|token| token.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

impl Running {
    /// Starts the relay and returns the head of the `101` answer. The exchange stays open in the log until it ends.
    pub(super) fn converse(
        &self,
        request: Parts,
        mut response: Response<Incoming>,
        downstream: OnUpgrade,
    ) -> Response<()> {
        let upstream = hyper::upgrade::on(&mut response);
        let (answer, _) = response.into_parts();
        let meter = self.connection.inspect.websocket_opened();
        let conversation = Conversation::new(self, meter, request, &answer);
        let ends = (self.connection.shutdown.clone(), self.connection.forbidden.clone());
        let log = Arc::clone(&self.log);
        self.connection.tasks.start(async move {
            let _until_the_end = log;
            // An error is one side being gone before the switch; the other is closed by dropping it.
            if let (Ok(downstream), Ok(upstream)) = tokio::join!(downstream, upstream) {
                // Boxed: both directions with their buffers, which no other task of a connection has.
                Box::pin(conversation.run(TokioIo::new(downstream), TokioIo::new(upstream), ends)).await;
            }
        });
        Response::from_parts(answer, ())
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn only_a_whole_handshake_is_a_websocket() {
        let whole = [
            ("upgrade", "WebSocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        let asked = |method: &str, fields: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri("/");
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            is_asked_for(&request.body(()).unwrap().into_parts().0)
        };
        assert!(asked("GET", &whole));
        assert!(!asked("POST", &whole));
        for left_out in [0, 2, 3] {
            let mut fields = whole.to_vec();
            fields.remove(left_out);
            assert!(!asked("GET", &fields), "{:?}", whole[left_out]);
        }
        for added in [("upgrade", "h2c"), ("sec-websocket-key", "x"), ("sec-websocket-version", "13")] {
            assert!(!asked("GET", &[&whole[..], &[added]].concat()), "{added:?}");
        }
        assert!(!asked("GET", &[&[("upgrade", "websocket, h2c")], &whole[1..]].concat()));
    }
}

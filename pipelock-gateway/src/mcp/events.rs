//! A stream of events on its way to the client: each is held until its end, judged, and sent as it came.
//!
//! A task of its own reads the upstream, so that state can be asked meanwhile; it ends when the client goes away, and the
//! upstream connection with it, which is how work is cancelled (2026-07-28) or left to be resumed (before).

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::Note;
use super::body::{BrokenOff, ToClient};
use super::exchange::Exchange;
use super::jsonrpc::Content;
use super::lists::Cut;
use super::pool::Answer;
use super::route::Endpoint;
use super::sse::{Event, Events};
use crate::model::{BlockReason, Verdict};
use std::sync::Arc;

/// Events on their way to a client that reads slowly.
const AHEAD: usize = 16;

/// Starts to relay a stream.
pub(super) fn stream(
    exchange: Exchange,
    mut head: Parts,
    mut body: Answer,
    place: OwnedSemaphorePermit,
    shutdown: CancellationToken,
) -> Response<ToClient> {
    head.headers.remove(header::CONTENT_LENGTH);
    // Proxies in front of us must not hold events back.
    head.headers.entry("x-accel-buffering").or_insert(HeaderValue::from_static("no"));
    head.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    let (sender, events) = mpsc::channel(AHEAD);
    let log = Arc::clone(&exchange.log);
    let judge = Arc::clone(&exchange.shared.judge);
    tokio::spawn(async move {
        let _place = place;
        let _open = Open::new(&exchange);
        let pump = Pump { exchange, events: Events::default(), sender };
        tokio::select! {
            whole = Box::pin(pump.run(&mut body)) => if whole { body.give_back() },
            // Clients resume, here or at another replica.
            () = shutdown.cancelled() => {}
            () = judge.killed() => {}
        }
    });
    Response::from_parts(head, ToClient::Events { events, log })
}

/// Counts a stream as open until dropped.
struct Open(Arc<dyn super::Judge>);

impl Open {
    fn new(exchange: &Exchange) -> Self {
        exchange.shared.judge.note(Note::Stream(true));
        Self(Arc::clone(&exchange.shared.judge))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.note(Note::Stream(false));
    }
}

struct Pump {
    exchange: Exchange,
    events: Events,
    sender: mpsc::Sender<Result<Bytes, BrokenOff>>,
}

/// What becomes of an event.
enum Fate {
    Send(Bytes),
    Drop,
    /// The stream ends here.
    Cut,
}

impl Pump {
    /// Relays until either side ends; true when the upstream's body was read to its end.
    async fn run(mut self, body: &mut Answer) -> bool {
        loop {
            let frame = tokio::select! {
                () = self.sender.closed() => return false,
                frame = body.frame() => frame,
            };
            match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.events.push(&data);
                }
                Some(Err(_)) => {
                    let _ = self.sender.send(Err(BrokenOff)).await;
                    return false;
                }
                None => {
                    if let Some(event) = std::mem::take(&mut self.events).rest() {
                        self.pass(event).await;
                    }
                    return true;
                }
            }
            while let Some(event) = self.events.next() {
                if !self.pass(event).await {
                    return false;
                }
            }
            if self.events.waiting() > self.exchange.settings.max_answer_bytes {
                let verdict = self.exchange.shared.judge.enforce(Verdict::block(BlockReason::BodyTooLarge));
                self.exchange.log.judged_part(verdict);
                let _ = self.sender.send(Err(BrokenOff)).await;
                return false;
            }
        }
    }

    /// Judges an event and sends what comes of it; false when the stream is over.
    async fn pass(&mut self, event: Event) -> bool {
        match self.fate(event).await {
            Fate::Send(bytes) => self.sender.send(Ok(bytes)).await.is_ok(),
            Fate::Drop => true,
            Fate::Cut => {
                let _ = self.sender.send(Err(BrokenOff)).await;
                false
            }
        }
    }

    async fn fate(&mut self, event: Event) -> Fate {
        let data = match &event.data {
            // Comments that keep the stream alive, and the priming event of 2025-11-25.
            None => return Fate::Send(event.bytes.into()),
            Some(data) if data.is_empty() => return Fate::Send(event.bytes.into()),
            Some(data) => Bytes::copy_from_slice(data),
        };
        if event.name == b"endpoint" {
            return self.endpoint(&event, &data).await;
        }
        let cut = Cut::of(&data);
        if let Some((cut, listed)) = cut.as_ref().and_then(|cut| Some((cut, self.exchange.listed_before(cut)?))) {
            return match self.exchange.judge_listed(&cut.id, listed).await {
                None => Fate::Send(event.bytes.into()),
                Some(error) => Fate::Send(event.with_data(&error.to_string()).into()),
            };
        }
        let Ok(content) = Content::read(&data) else { return self.text(event, &data) };
        match self.exchange.judge_content(data.len(), content, cut).await {
            None => Fate::Send(event.bytes.into()),
            Some(Some(replaced)) => Fate::Send(event.with_data(&replaced.to_string()).into()),
            Some(None) => Fate::Drop,
        }
    }

    /// An event whose data is no message: nothing of MCP, so it is text, and clients may read it.
    fn text(&self, event: Event, data: &[u8]) -> Fate {
        let exchange = &self.exchange;
        // What only some readers can read, with a key twice or a number that is none, may be a message to one of them.
        let verdict = if matches!(data.trim_ascii_start().first(), Some(b'{' | b'[')) {
            exchange.shared.judge.enforce(Verdict::block(BlockReason::Framing))
        } else {
            exchange.log.timed(|| exchange.shared.judge.received_text(data))
        };
        let blocked = verdict.is_block();
        exchange.log.judged_part(verdict);
        if blocked { Fate::Drop } else { Fate::Send(event.bytes.into()) }
    }

    /// The event of 2024-11-05 that says where to post: our own origin, or the stream ends.
    async fn endpoint(&mut self, event: &Event, data: &[u8]) -> Fate {
        let place = std::str::from_utf8(data).ok().and_then(|said| local(said.trim(), &self.exchange.shared.endpoint));
        let Some((path, rewritten)) = place else {
            self.exchange.log.judged_part(Verdict::block(BlockReason::AuthorityMismatch));
            tracing::warn!(request = %self.exchange.id(), "the MCP upstream names an endpoint on another server; the stream is cut");
            return Fate::Cut;
        };
        self.exchange.shared.state.announce(path.split('?').next().unwrap_or_default());
        self.exchange.caller =
            self.exchange.shared.state.caller_of(self.exchange.caller.principal, Some(path.as_bytes()));
        self.exchange.bind().await;
        Fate::Send(if rewritten { event.with_data(&path).into() } else { event.bytes.clone().into() })
    }
}

/// The path and query of an endpoint on the upstream's own origin, and whether it was written as a URL.
fn local(said: &str, endpoint: &Endpoint) -> Option<(String, bool)> {
    if said.starts_with('/') && !said.starts_with("//") {
        return Some((said.to_owned(), false));
    }
    let parts = said.parse::<http::Uri>().ok()?.into_parts();
    let same = parts.scheme.as_ref().map(http::uri::Scheme::as_str) == Some(endpoint.scheme())
        && parts.authority.is_some_and(|authority| {
            let port = authority.port_u16().unwrap_or(if endpoint.tls { 443 } else { 80 });
            authority.host().eq_ignore_ascii_case(endpoint.authority.host()) && port == endpoint.port()
        });
    same.then(|| (parts.path_and_query.map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned()), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_stays_on_its_own_server() {
        let endpoint: Endpoint = "http://web:3000/sse".parse().unwrap();
        for (said, place) in [
            ("/messages?s=1", Some(("/messages?s=1", false))),
            ("http://web:3000/messages", Some(("/messages", true))),
            ("http://WEB:3000/messages", Some(("/messages", true))),
            ("http://web/messages", None),
            ("https://web:3000/messages", None),
            ("http://evil.test:3000/messages", None),
            ("//evil.test/messages", None),
            ("messages", None),
        ] {
            assert_eq!(local(said, &endpoint), place.map(|(path, url)| (path.to_owned(), url)), "{said}");
        }
    }
}

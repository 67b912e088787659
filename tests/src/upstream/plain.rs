//! Protocols the gateway does not open: one whose server speaks first, one that is neither HTTP nor TLS.
//!
//! Both write down who said what in which order; that order, not a clock, shows that nobody was kept waiting.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::SMTP_BANNER;
use super::journal::{Entry, Event};

pub(super) async fn smtp<S: AsyncRead + AsyncWrite + Unpin>(stream: S, entry: &Entry) -> io::Result<()> {
    talk(stream, entry, Some(SMTP_BANNER), |line| if line.starts_with("QUIT") { None } else { Some("250 ok\r\n") })
        .await
}

pub(super) async fn redis<S: AsyncRead + AsyncWrite + Unpin>(stream: S, entry: &Entry) -> io::Result<()> {
    talk(stream, entry, None, |line| if line.starts_with("QUIT") { None } else { Some("+PONG\r\n") }).await
}

/// Says `greeting` if there is one, then answers line by line until `reply` has nothing more to say.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    entry: &Entry,
    greeting: Option<&str>,
    reply: impl Fn(&str) -> Option<&'static str>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut next = greeting;
    let mut line = String::new();
    loop {
        if let Some(text) = next {
            entry.event(Event::Sent(text.into()));
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await?;
        }
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        entry.event(Event::Received(line.clone().into_bytes()));
        next = reply(&line);
        if next.is_none() {
            return stream.shutdown().await;
        }
    }
}

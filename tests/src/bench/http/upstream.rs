//! The upstream: TLS, HTTP/1.1 and HTTP/2. `POST /answer/N` reads a body and answers with N bytes of JSON;
//! `GET /events/COUNT/MICROSECONDS` sends that many server-sent events, each with the time it was sent.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{PORT, monotonic_ns, text};
use crate::node::API;
use crate::pki::Root;

type Body = BoxBody<Bytes, Infallible>;

/// Serves until it is killed. Writes the root's certificate to `root.pem` in `directory`, and certificate and key of a
/// front for the same name to `front.pem`, before it says `ready`.
///
/// # Errors
/// When the port cannot be bound.
#[expect(clippy::print_stdout, reason = "how the parent learns that it listens")]
pub fn serve(directory: &Path) -> Result<()> {
    let root = Root::generate()?;
    let tls = TlsAcceptor::from(root.server_config(&[API], &[], &["h2", "http/1.1"])?);
    std::fs::write(directory.join("root.pem"), root.pem()).context("writing the root")?;
    std::fs::write(directory.join("front.pem"), root.leaf_pem(&[API])?).context("writing the front's certificate")?;
    std::fs::write(directory.join("ca.pem"), root.pem() + &root.key_pem()).context("writing the CA")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)).await.context("binding")?;
        println!("ready");
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true).ok();
            tokio::spawn(connection(stream, tls.clone()));
        }
    })
}

async fn connection(stream: TcpStream, tls: TlsAcceptor) {
    // Ends of connections are the client's doing and say nothing about what is measured.
    let Ok(stream) = tls.accept(stream).await else { return };
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = TokioIo::new(stream);
    if h2 {
        let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.initial_stream_window_size(1 << 20).initial_connection_window_size(4 << 20);
        server.serve_connection(stream, service_fn(answer)).await.ok();
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(stream, service_fn(answer)).await.ok();
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let target = request.uri().path().to_owned();
    let numbers: Vec<u64> = target.split('/').filter_map(|part| part.parse().ok()).collect();
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let answered = match (target.split('/').nth(1), numbers.as_slice()) {
        (Some("answer"), [length]) => {
            let bytes = prepared(usize::try_from(*length).unwrap_or(usize::MAX));
            Response::builder().header("content-type", "application/json").body(Full::new(bytes).boxed())
        }
        (Some("events"), [count, micros]) => {
            let body = events(*count, Duration::from_micros(*micros));
            Response::builder().header("content-type", "text/event-stream").body(body)
        }
        _ => Response::builder().status(StatusCode::NOT_FOUND).body(Full::default().boxed()),
    };
    Ok(answered.unwrap_or_else(|_| Response::new(Full::default().boxed())))
}

/// The text of an answer, made once for each length.
fn prepared(length: usize) -> Bytes {
    static MADE: Mutex<Option<HashMap<usize, Bytes>>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let made = made.get_or_insert_default();
    made.entry(length).or_insert_with(|| Bytes::from(text::json(length))).clone()
}

/// Events in the shape of a chat API's, each with the nanoseconds of the monotonic clock, which is one for all processes
/// of a machine.
fn events(count: u64, pause: Duration) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(pause);
        for number in 0..count {
            ticks.tick().await;
            let event = format!(
                "data: {{\"id\":\"c{number}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word\"}}}}],\"at\":{}}}\n\n",
                monotonic_ns()
            );
            if sender.send(Bytes::from(event)).await.is_err() {
                return;
            }
        }
    });
    Stream(receiver).boxed()
}

/// A body that is what its channel brings.
struct Stream(tokio::sync::mpsc::Receiver<Bytes>);

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

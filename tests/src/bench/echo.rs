//! The echo server: TLS, HTTP/1.1, answers every request with a body of the same length. No journal, no routes.

use std::convert::Infallible;
use std::net::Ipv6Addr;
use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{BODY, PORT};
use crate::node::API;
use crate::pki::Root;

/// Serves until it is killed; writes its root certificate to `root_file` before it says `ready`.
///
/// # Errors
/// When the port cannot be bound.
#[expect(clippy::print_stdout, reason = "how the parent learns that it listens")]
pub fn serve(root_file: &Path) -> Result<()> {
    let root = Root::generate()?;
    let tls = TlsAcceptor::from(root.server_config(&[API], &[], &["http/1.1"])?);
    std::fs::write(root_file, root.pem()).context("writing the root")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)).await.context("binding")?;
        println!("ready");
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true).ok();
            let tls = tls.clone();
            tokio::spawn(async move {
                // A client that hangs up in the handshake is how the connect() benchmark ends every connection.
                let Ok(stream) = tls.accept(stream).await else { return };
                let connection = hyper::server::conn::http1::Builder::new();
                connection.serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok();
            });
        }
    })
}

async fn answer(request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(hyper::Response::new(Full::new(Bytes::from_static(BODY.as_bytes()))))
}

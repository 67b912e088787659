//! HTTP/2 by hyper: each request is written down when its head arrives, and its body as it grows.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::journal::{Entry, Request};

pub(super) async fn serve<S>(stream: S, entry: &Entry) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| answer(request, entry.clone()));
    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

async fn answer(request: hyper::Request<Incoming>, entry: Entry) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (head, mut body) = request.into_parts();
    let number = entry.request(describe(&head));
    let mut received = 0;
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            received += data.len();
            entry.with_request(number, |request| request.body.extend_from_slice(data));
        }
    }
    entry.with_request(number, |request| request.complete = true);
    let mut response = hyper::Response::new(Full::new(Bytes::from(format!(r#"{{"received":{received}}}"#))));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response.headers_mut().insert("x-upstream", http::HeaderValue::from_static("double"));
    Ok(response)
}

fn describe(head: &http::request::Parts) -> Request {
    let pseudo = [
        (":scheme", head.uri.scheme_str().unwrap_or_default()),
        (":authority", head.uri.authority().map_or("", http::uri::Authority::as_str)),
    ];
    let fields = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("(not text)")));
    Request {
        version: "HTTP/2",
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: pseudo.into_iter().chain(fields).map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        ..Request::default()
    }
}

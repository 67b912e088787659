//! One shape of HTTP/2, played twice between the client and the server of the `h2` crate.

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client, server};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use std::fmt::Write as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::one::PATIENCE;
use crate::rig::{Setup, pair};

/// A request and its answer.
#[derive(Clone, Default)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) method: &'static str,
    pub(super) target: &'static str,
    pub(super) up: Part,
    pub(super) status: u16,
    pub(super) down: Part,
}

/// Fields, data, and how it ends.
#[derive(Clone, Default)]
pub(super) struct Part {
    pub(super) fields: Vec<(&'static str, &'static str)>,
    pub(super) data: Vec<Bytes>,
    pub(super) end: End,
}

#[derive(Clone, Default)]
pub(super) enum End {
    /// With the last frame there is.
    #[default]
    Flag,
    /// With an empty frame of data.
    Empty,
    Trailers(Vec<(&'static str, &'static str)>),
    Reset(Reason),
}

/// Plays a shape directly and through the gateway; says what is not the same.
pub(super) async fn compare(shape: &Shape) -> Option<String> {
    let (workload, upstream) = pair().await;
    let Ok(want) = timeout(PATIENCE, play(shape, workload, upstream)).await else {
        return Some("stalls without a gateway".to_owned());
    };
    let rig = Setup::http2().start().await;
    let Ok(got) = timeout(PATIENCE, play(shape, rig.client, rig.upstream)).await else {
        return Some("stalls in the gateway".to_owned());
    };
    (want != got).then(|| format!("\n  want {want:?}\n  got  {got:?}"))
}

/// What the upstream and what the workload saw, as text.
async fn play(shape: &Shape, workload: TcpStream, upstream: TcpStream) -> (String, String) {
    let serving = tokio::spawn(serve(shape.clone(), upstream));
    let (client, connection) = client::handshake(workload).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut request = Request::builder().method(shape.method).uri(shape.target).body(()).unwrap();
    *request.headers_mut() = map(&shape.up.fields);
    let ends = shape.up.data.is_empty() && matches!(shape.up.end, End::Flag);
    let (response, mut sending) = client.send_request(request, ends).unwrap();
    let mut seen = String::new();
    if !ends {
        send(&mut sending, &shape.up);
    }
    match response.await {
        Ok(response) => {
            let (head, body) = response.into_parts();
            writeln!(seen, "{}", head.status.as_u16()).unwrap();
            read(&mut seen, &head.headers, body).await;
        }
        Err(error) => writeln!(seen, "no answer: {:?}", error.reason()).unwrap(),
    }
    // Without a handle the client says goodbye, which ends the upstream's loop.
    drop((client, sending));
    let served = serving.await.unwrap();
    let _ = driver.await;
    (served, seen)
}

async fn serve(shape: Shape, socket: TcpStream) -> String {
    let mut connection = server::handshake(socket).await.unwrap();
    let (request, mut respond) = connection.accept().await.unwrap().unwrap();
    let playing = async {
        let (head, body) = request.into_parts();
        let mut seen = format!("{} {}\n", head.method, head.uri);
        read(&mut seen, &head.headers, body).await;
        let mut response = Response::builder().status(shape.status).body(()).unwrap();
        *response.headers_mut() = map(&shape.down.fields);
        let ends = shape.down.data.is_empty() && matches!(shape.down.end, End::Flag);
        if let End::Reset(reason) = &shape.down.end
            && shape.down.data.is_empty()
        {
            respond.send_reset(*reason);
        } else if let Ok(mut sending) = respond.send_response(response, ends)
            && !ends
        {
            send(&mut sending, &shape.down);
        }
        seen
    };
    tokio::pin!(playing);
    let seen = tokio::select! {
        seen = &mut playing => seen,
        _ = connection.accept() => playing.await,
    };
    // Frames that were queued are written while the connection is driven, until the other side has gone.
    while connection.accept().await.is_some() {}
    seen
}

fn send(stream: &mut SendStream<Bytes>, part: &Part) {
    let last = part.data.len();
    for (number, data) in part.data.iter().enumerate() {
        let ends = number + 1 == last && matches!(part.end, End::Flag);
        stream.reserve_capacity(data.len());
        let _ = stream.send_data(data.clone(), ends);
    }
    match &part.end {
        End::Flag => {}
        End::Empty => drop(stream.send_data(Bytes::new(), true)),
        End::Trailers(fields) => drop(stream.send_trailers(map(fields))),
        End::Reset(reason) => stream.send_reset(*reason),
    }
}

async fn read(seen: &mut String, fields: &HeaderMap, mut body: RecvStream) {
    for (name, value) in fields {
        writeln!(seen, "{name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
    }
    if body.is_end_stream() {
        seen.push_str("(end with the head)\n");
        return;
    }
    let mut content = Vec::new();
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                let _ = body.flow_control().release_capacity(data.len());
                content.extend_from_slice(&data);
            }
            Err(error) => {
                writeln!(seen, "reset: {:?}", error.reason()).unwrap();
                return;
            }
        }
    }
    let start = content.get(..content.len().min(60)).unwrap();
    writeln!(seen, "{} bytes {:?}", content.len(), String::from_utf8_lossy(start)).unwrap();
    if let Ok(Some(trailers)) = body.trailers().await {
        for (name, value) in &trailers {
            writeln!(seen, "trailer {name}: {}", String::from_utf8_lossy(value.as_bytes())).unwrap();
        }
    }
}

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

//! Receivers of their own on loopback, and what reaches them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::report::tests::{blocked, request};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers with these statuses, one connection each, and tells what it was sent: head and body.
fn server(statuses: Vec<u16>) -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for status in statuses {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(&stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").unwrap();
            tell.send((head, body)).unwrap();
        }
    });
    (address, told)
}

fn tls() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

fn post(url: &str, shape: Shape) -> PostOptions {
    PostOptions {
        url: url.parse().unwrap(),
        shape,
        headers: vec![("authorization".to_owned(), "Bearer not-for-logs".to_owned())],
        timeout: PATIENCE,
        min_severity: Severity::Warn,
        queue: 4,
        tls: tls(),
    }
}

fn emitter(posts: Vec<PostOptions>, syslog: Option<SyslogOptions>, metrics: &Metrics) -> Emitter {
    Emitter::open(EmitOptions { instance: "gw-1".to_owned(), posts, syslog }, metrics).unwrap()
}

#[test]
fn webhook_gets_the_envelope_of_what_is_loud_enough() {
    let (address, told) = server(vec![200]);
    let metrics = Metrics::new("test");
    let emitter = emitter(vec![post(&format!("http://{address}/in?x=1"), Shape::Webhook)], None, &metrics);
    emitter.request(&request(1, 1));
    emitter.request(&blocked(1, 2));
    assert_eq!(emitter.close(Instant::now() + PATIENCE), 0);
    let (head, body) = told.recv_timeout(PATIENCE).unwrap();
    assert!(
        head.starts_with("POST /in?x=1 HTTP/1.1\r\n") && head.contains("authorization: Bearer not-for-logs\r\n"),
        "{head}"
    );
    let envelope: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&envelope["severity"], &envelope["type"], &envelope["pipelock_instance"]),
        (&"critical".into(), &"blocked".into(), &"gw-1".into())
    );
    assert_eq!(envelope["fields"]["findings"][0]["rule"], "GitHub Token");
    assert!(envelope["timestamp"].as_str().unwrap().ends_with('Z'));
    assert!(told.try_recv().is_err(), "what is allowed is not loud");
    assert!(metrics.render().contains("pipelock_emit_events_total{receiver=\"webhook\"} 1\n"));
}

#[test]
fn a_collector_that_is_busy_is_asked_again_and_gets_otlp() {
    for gzip in [false, true] {
        let (address, told) = server(vec![503, 429, 200]);
        let metrics = Metrics::new("test");
        let emitter = emitter(vec![post(&format!("http://{address}/v1/logs"), Shape::Otlp { gzip })], None, &metrics);
        emitter.request(&blocked(1, 1));
        let bodies: Vec<(String, Vec<u8>)> = (0..3).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
        let (head, body) = &bodies[2];
        let mut text = String::new();
        if gzip {
            assert!(head.contains("content-encoding: gzip\r\n"));
            flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(body.clone()).unwrap();
        }
        let logs: Value = serde_json::from_str(&text).unwrap();
        let record = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!((&record["severityNumber"], &record["body"]["stringValue"]), (&21.into(), &"blocked".into()));
        assert!(record["timeUnixNano"].as_str().unwrap().parse::<u64>().is_ok());
        let attributes = record["attributes"].as_array().unwrap();
        assert!(attributes.iter().any(|a| a["key"] == "status" && a["value"]["intValue"] == "403"), "{attributes:#?}");
        assert_eq!(emitter.close(Instant::now() + PATIENCE), 0);
    }
}

/// A TLS receiver under a root of its own, which is what is returned beside its address.
fn tls_server(answers: usize) -> (String, mpsc::Receiver<Vec<u8>>, rustls_pki_types::CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let root = certificate.der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(vec![root.clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut left = answers;
        while left > 0 {
            let (stream, _) = listener.accept().unwrap();
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(tls, stream);
            let mut read = Vec::new();
            let mut piece = [0; 4096];
            let whole = |read: &[u8]| {
                let text = String::from_utf8_lossy(read);
                let (head, body) = text.split_once("\r\n\r\n")?;
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
                (body.len() >= length).then(|| body.as_bytes().to_vec())
            };
            // A client that does not trust the certificate ends the handshake: nothing comes.
            let body = loop {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break None,
                    Ok(n) => read.extend_from_slice(&piece[..n]),
                }
                if let Some(body) = whole(&read) {
                    break Some(body);
                }
            };
            let Some(body) = body else { continue };
            stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n").unwrap();
            stream.conn.send_close_notify();
            let _ = stream.flush();
            tell.send(body).unwrap();
            left -= 1;
        }
    });
    (format!("https://localhost:{port}/v1/logs"), told, root)
}

#[test]
fn receivers_by_https_are_verified_and_get_events_only_then() {
    for shape in [Shape::Webhook, Shape::Otlp { gzip: false }] {
        let (url, told, root) = tls_server(1);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let trusting = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        let metrics = Metrics::new("test");
        // One that knows no root first: it must not tell anything.
        let wary = emitter(vec![post(&url, shape)], None, &metrics);
        wary.request(&blocked(1, 1));
        wary.close(Instant::now() + PATIENCE);
        assert!(told.try_recv().is_err(), "nothing is sent to who is not verified");
        let lost = metrics.render();
        assert!(lost.lines().any(|line| line.starts_with("pipelock_emit_dropped_total{")), "{lost}");
        let emitter = emitter(vec![PostOptions { tls: trusting, ..post(&url, shape) }], None, &metrics);
        emitter.request(&blocked(1, 2));
        let body: Value = serde_json::from_slice(&told.recv_timeout(PATIENCE).unwrap()).unwrap();
        assert!(body.is_object());
        assert_eq!(emitter.close(Instant::now() + PATIENCE), 0);
    }
}

#[test]
fn syslog_messages_are_datagrams_or_counted() {
    let options = |tcp, address| SyslogOptions {
        tcp,
        address,
        min_severity: Severity::Warn,
        facility: 16,
        tag: "pipelock".to_owned(),
    };
    let metrics = Metrics::new("test");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let udp = emitter(Vec::new(), Some(options(false, socket.local_addr().unwrap().to_string())), &metrics);
    udp.request(&blocked(1, 1));
    let mut bytes = [0; 9000];
    let length = socket.recv(&mut bytes).unwrap();
    let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
    // local0 and "critical": 16 * 8 + 2.
    assert!(
        message.starts_with("<130>1 2") && message.contains(" gw-1 pipelock ") && message.contains(" blocked - {"),
        "{message}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = emitter(Vec::new(), Some(options(true, listener.local_addr().unwrap().to_string())), &metrics);
    tcp.request(&blocked(1, 1));
    tcp.request(&blocked(1, 2));
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..2 {
        let mut count = String::new();
        let mut byte = [0];
        while byte != *b" " {
            stream.read_exact(&mut byte).unwrap();
            count.push(char::from(byte[0]));
        }
        let mut message = vec![0; count.trim().parse().unwrap()];
        stream.read_exact(&mut message).unwrap();
        assert!(message.starts_with(b"<130>1 ") && message.ends_with(b"}"));
    }
}

#[test]
fn a_receiver_that_hangs_loses_its_own_events_counted_and_delays_nobody() {
    // It accepts by the kernel's own queue and never answers.
    let stuck = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, told) = server(vec![200; 40]);
    let metrics = Metrics::new("test");
    let hanging = PostOptions {
        timeout: Duration::from_millis(200),
        ..post(&format!("http://{}/", stuck.local_addr().unwrap()), Shape::Webhook)
    };
    let working = PostOptions { queue: 64, ..post(&format!("http://{address}/"), Shape::Otlp { gzip: false }) };
    let emitter = emitter(vec![hanging, working], None, &metrics);
    let began = Instant::now();
    for n in 0..40 {
        emitter.request(&blocked(1, n));
    }
    assert!(began.elapsed() < Duration::from_secs(2), "nobody waits for a receiver");
    for _ in 0..40 {
        told.recv_timeout(PATIENCE).unwrap();
    }
    emitter.close(Instant::now() + PATIENCE);
    let text = metrics.render();
    let dropped =
        text.lines().filter(|line| line.starts_with("pipelock_emit_dropped_total{") && line.contains("webhook"));
    let total: u64 = dropped.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(total, 40, "{text}");
}

#[test]
fn what_a_receiver_is_sent_as_credential_is_not_printed() {
    let options = post("http://127.0.0.1:1/", Shape::Webhook);
    assert!(!format!("{options:?}").contains("not-for-logs"));
}

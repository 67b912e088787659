//! The server that every TLS connection of the checked command ends at, and what it saw of each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::connection::{Accepted, Connection, Refused, reset};
use crate::model::{Alpn, OriginalDst, PeerName};
use crate::sniff::{ClientHello, Sniff, classify};
use crate::tls::{Downstream, DownstreamTls, Error, KeyKind, Leaves, Prefixed};

/// For the first words, and again for what a client sends inside TLS.
const PATIENCE: Duration = Duration::from_secs(10);
/// What an HTTP client is told.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 24\r\nConnection: close\r\n\r\n\
    pipelock: trust is fine\n";
/// Connections told of one by one.
const MAX_SEEN: usize = 256;

/// What one connection showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The handshake was finished and the client went on: it believes us.
    Trusted,
    /// It refused our certificate; the alert, or how it hung up.
    Rejected(String),
    /// It finished the handshake and left without a word, as clients do that look at the certificate only then.
    LeftAfterHandshake,
    /// TLS failed for a reason that is no word about trust.
    Failed(String),
    /// It spoke something else.
    NotTls,
    /// It was gone, or silent, before it had said anything.
    Silent,
}

/// One connection of the command.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The file it runs, where it could be read, and its process.
    pub(super) executable: Option<Arc<str>>,
    pub(super) pid: u32,
    /// Whom it asked for, or where it went.
    pub(super) name: String,
    pub(super) outcome: Outcome,
    /// How often.
    pub(super) times: usize,
}

/// Serves the command's connections.
#[derive(Clone)]
pub(super) struct Endpoint {
    leaves: Arc<Leaves>,
    downstream: Downstream,
    seen: Arc<Mutex<Vec<Seen>>>,
    tasks: TaskTracker,
}

impl Endpoint {
    pub(super) fn new(leaves: Arc<Leaves>) -> Result<Self, Error> {
        Ok(Self { leaves, downstream: Downstream::new()?, seen: Arc::default(), tasks: TaskTracker::new() })
    }

    /// Waits until connections have ended, at most for `within`.
    pub(super) async fn settle(&self, within: Duration) {
        self.tasks.close();
        let _ = tokio::time::timeout(within, self.tasks.wait()).await;
    }

    /// What was seen, equal connections as one.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, seen: Seen) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&mut Seen| {
            (&other.executable, &other.name, &other.outcome) == (&seen.executable, &seen.name, &seen.outcome)
        };
        match all.iter_mut().find(same) {
            Some(other) => other.times += 1,
            None => {
                if all.len() < MAX_SEEN {
                    all.push(seen);
                }
            }
        }
    }

    /// Serves one connection; says whom it asked for, and what it did.
    async fn outcome(&self, mut stream: TcpStream, dst: OriginalDst) -> (String, Outcome) {
        let mut read = BytesMut::new();
        let first = async {
            loop {
                if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    return None;
                }
                match classify(&read) {
                    Sniff::NeedMore => {}
                    sniffed => return Some(sniffed),
                }
            }
        };
        let first = tokio::time::timeout(PATIENCE, first).await.unwrap_or(None);
        match first {
            None if read.is_empty() => (dst.to_string(), Outcome::Silent),
            Some(Sniff::Tls(hello)) => {
                let name = hello.sni.name().cloned().map_or(PeerName::Ip(dst.ip()), PeerName::Dns);
                let outcome = self.tls(stream, read.freeze(), &hello, &name).await;
                (name.to_string(), outcome)
            }
            _ => {
                reset(stream);
                (dst.to_string(), Outcome::NotTls)
            }
        }
    }

    async fn tls(&self, stream: TcpStream, read: Bytes, hello: &ClientHello, name: &PeerName) -> Outcome {
        if !hello.accepts_modern_tls() {
            return Outcome::Failed("it offers nothing newer than TLS 1.1".to_owned());
        }
        let offered = hello.http_alpn();
        // HTTP/1.1 where there is a choice: it can be answered with a few bytes.
        let alpn = offered.iter().find(|alpn| **alpn == Alpn::Http11).or(offered.first()).copied();
        let leaf = match self.leaves.leaf(name, KeyKind::for_client(hello.accepts_ecdsa())).await {
            Ok(leaf) => leaf,
            Err(error) => return Outcome::Failed(crate::model::error_chain(&error)),
        };
        match self.downstream.accept(Prefixed::new(read, stream), leaf, alpn).await {
            Ok(stream) => after_handshake(stream, alpn).await,
            Err(Error::ClientRejected { detail }) => Outcome::Rejected(detail),
            Err(error) => Outcome::Failed(crate::model::error_chain(&error)),
        }
    }
}

/// A client that sends something has believed what it was shown. So has one that waits for us to speak.
async fn after_handshake(mut stream: DownstreamTls<Prefixed<TcpStream>>, alpn: Option<Alpn>) -> Outcome {
    let mut buffer = [0; 1024];
    match tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await {
        Ok(Ok(n)) if n > 0 => {
            if alpn != Some(Alpn::H2) {
                let _ = stream.write_all(ANSWER).await;
            }
            let _ = tokio::time::timeout(PATIENCE, stream.shutdown()).await;
            Outcome::Trusted
        }
        Err(_) => Outcome::Trusted,
        Ok(Ok(_)) => Outcome::LeftAfterHandshake,
        // With TLS 1.3 the refusal may come after our side has finished.
        Ok(Err(error)) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => Outcome::Rejected(format!("alert {alert:?}")),
            _ => Outcome::LeftAfterHandshake,
        },
    }
}

impl Accepted for Endpoint {
    fn serve(&self, connection: Connection) {
        let endpoint = self.clone();
        self.tasks.spawn(async move {
            let Connection { stream, original_dst, workload, permit, .. } = connection;
            let (name, outcome) = Box::pin(endpoint.outcome(stream, original_dst)).await;
            endpoint.note(Seen { executable: workload.executable, pid: workload.pid, name, outcome, times: 1 });
            drop(permit);
        });
    }

    fn refused(&self, _: Refused) {}
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::SystemTime;

    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::tls::CertificateAuthority;

    /// What the endpoint says of a client that trusts `trusted` and does `then` when the handshake is done.
    async fn outcome_of(trusted: &CertificateAuthority, shown: &Arc<CertificateAuthority>, speaks: bool) -> Outcome {
        let endpoint = Endpoint::new(Arc::new(Leaves::new(Arc::clone(shown)))).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (stream, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let mut roots = RootCertStore::empty();
        roots.add(trusted.anchor().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = builder.with_root_certificates(roots).with_no_client_auth();
        let name = rustls_pki_types::ServerName::try_from("api.example.test").unwrap();
        let client = tokio::spawn(async move {
            let mut tls = TlsConnector::from(Arc::new(client)).connect(name, stream.unwrap()).await?;
            if speaks {
                tls.write_all(b"GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n").await?;
                let mut answer = String::new();
                tls.read_to_string(&mut answer).await?;
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            }
            std::io::Result::Ok(())
        });
        let dst = OriginalDst::new(SocketAddr::from((Ipv4Addr::new(203, 0, 113, 7), 443)));
        let (name, outcome) = endpoint.outcome(accepted.unwrap().0, dst).await;
        assert_eq!(name, "api.example.test");
        let _ = client.await.unwrap();
        outcome
    }

    #[tokio::test]
    async fn a_client_is_known_by_what_it_does_with_our_leaf() {
        let ours = Arc::new(CertificateAuthority::generate(SystemTime::now()).unwrap());
        let other = CertificateAuthority::generate(SystemTime::now()).unwrap();
        assert_eq!(outcome_of(&ours, &ours, true).await, Outcome::Trusted);
        assert_eq!(outcome_of(&ours, &ours, false).await, Outcome::LeftAfterHandshake);
        let rejected = outcome_of(&other, &ours, true).await;
        assert!(matches!(&rejected, Outcome::Rejected(detail) if detail.contains("alert")), "{rejected:?}");
    }
}

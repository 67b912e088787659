//! A DNS server on loopback for tests: it speaks the protocol over UDP and TCP, and knows what it is told.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// A server that answers until it is dropped.
pub struct DnsServer {
    zone: Arc<Mutex<Zone>>,
    address: SocketAddr,
    serving: [tokio::task::JoinHandle<()>; 2],
}

#[derive(Default)]
struct Zone {
    names: HashMap<String, Entry>,
    asked: Vec<String>,
    over_tcp: usize,
    without_ipv6: Vec<String>,
}

#[derive(Clone)]
enum Entry {
    /// Answers in turn; the last one is repeated.
    Addresses(VecDeque<Vec<IpAddr>>, u32),
    Alias(String),
    Silence,
    /// Over UDP only that the answer does not fit.
    TcpOnly(Vec<IpAddr>),
}

impl DnsServer {
    /// Starts one that knows no name.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let zone: Arc<Mutex<Zone>> = Arc::default();
        // The same port for both; somebody may have taken the TCP one meanwhile, so try a few.
        let mut bound = None;
        for _ in 0..20 {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a UDP port");
            let address = udp.local_addr().expect("its address");
            if let Ok(tcp) = TcpListener::bind(address).await {
                bound = Some((udp, tcp, address));
                break;
            }
        }
        let (udp, tcp, address) = bound.expect("a port that is free for both");
        let over_udp = tokio::spawn(serve_udp(udp, Arc::clone(&zone)));
        let over_tcp = tokio::spawn(serve_tcp(tcp, Arc::clone(&zone)));
        Self { zone, address, serving: [over_udp, over_tcp] }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives a name addresses; a second call for the name is the answer to the question after the first one's.
    ///
    /// # Panics
    /// When an address is none.
    pub fn name(&self, name: &str, addresses: &[&str], ttl: u32) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().expect("an address")).collect();
        let mut zone = self.zone.lock().expect("the zone");
        match zone.names.get_mut(name) {
            Some(Entry::Addresses(answers, _)) => answers.push_back(addresses),
            _ => drop(zone.names.insert(name.to_owned(), Entry::Addresses([addresses].into(), ttl))),
        }
    }

    /// Makes a name an alias of another.
    pub fn alias(&self, name: &str, of: &str) {
        self.entry(name, Entry::Alias(of.to_owned()));
    }

    /// Never answers questions about this name.
    pub fn silent(&self, name: &str) {
        self.entry(name, Entry::Silence);
    }

    /// Never answers questions about IPv6 addresses of this name.
    ///
    /// # Panics
    /// When the server has.
    pub fn drop_ipv6(&self, name: &str) {
        self.zone.lock().expect("the zone").without_ipv6.push(name.to_owned());
    }

    /// Gives a name addresses that are told over TCP only.
    ///
    /// # Panics
    /// When an address is none.
    pub fn tcp_only(&self, name: &str, addresses: &[&str]) {
        self.entry(name, Entry::TcpOnly(addresses.iter().map(|ip| ip.parse().expect("an address")).collect()));
    }

    fn entry(&self, name: &str, entry: Entry) {
        self.zone.lock().expect("the zone").names.insert(name.to_owned(), entry);
    }

    /// How often the IPv4 address of a name was asked for.
    ///
    /// # Panics
    /// When the server has.
    #[must_use]
    pub fn asked(&self, name: &str) -> usize {
        self.zone.lock().expect("the zone").asked.iter().filter(|asked| *asked == name).count()
    }

    /// Questions over TCP.
    ///
    /// # Panics
    /// When the server has.
    #[must_use]
    pub fn over_tcp(&self) -> usize {
        self.zone.lock().expect("the zone").over_tcp
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.serving.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let answer = buffer.get(..length).and_then(|question| zone.lock().ok()?.answer(question, false));
        if let Some(answer) = answer {
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Mutex<Zone>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let zone = Arc::clone(&zone);
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut question = vec![0; usize::from(length)];
                if stream.read_exact(&mut question).await.is_err() {
                    return;
                }
                let answer = zone.lock().ok().and_then(|mut zone| zone.answer(&question, true));
                if let Some(answer) = answer {
                    let length = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes();
                    let _ = stream.write_all(&[&length[..], &answer].concat()).await;
                }
            }
        });
    }
}

impl Zone {
    fn answer(&mut self, question: &[u8], tcp: bool) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?.clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        self.over_tcp += usize::from(tcp);
        let mut name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        if query.query_type() == RecordType::A {
            self.asked.push(name.clone());
        }
        if query.query_type() == RecordType::AAAA && self.without_ipv6.contains(&name) {
            return None;
        }
        let mut owner = query.name().clone();
        let entry = loop {
            match self.names.get_mut(&name) {
                Some(Entry::Alias(of)) => {
                    let target = Name::from_ascii(format!("{of}.")).ok()?;
                    answer.add_answer(Record::from_rdata(owner, 60, RData::CNAME(CNAME(target.clone()))));
                    (name, owner) = (of.clone(), target);
                }
                entry => break entry,
            }
        };
        let (addresses, ttl) = match entry {
            None => {
                answer.metadata.response_code = ResponseCode::NXDomain;
                (Vec::new(), 0)
            }
            Some(Entry::Silence | Entry::Alias(_)) => return None,
            Some(Entry::TcpOnly(_)) if !tcp => {
                answer.metadata.truncation = true;
                (Vec::new(), 0)
            }
            Some(Entry::TcpOnly(addresses)) => (addresses.clone(), 60),
            Some(Entry::Addresses(answers, ttl)) => {
                // Only the first of the two questions about a name turns the page.
                let turn = query.query_type() == RecordType::A && answers.len() > 1;
                let now = if turn { answers.pop_front() } else { answers.front().cloned() };
                (now.unwrap_or_default(), *ttl)
            }
        };
        for address in addresses {
            let data = match (address, query.query_type()) {
                (IpAddr::V4(ip), RecordType::A) => RData::A(A(ip)),
                (IpAddr::V6(ip), RecordType::AAAA) => RData::AAAA(AAAA(ip)),
                _ => continue,
            };
            answer.add_answer(Record::from_rdata(owner.clone(), ttl, data));
        }
        answer.to_vec().ok()
    }
}

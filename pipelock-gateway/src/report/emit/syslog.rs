//! Events by syslog: RFC 5424 messages with the envelope as their text, a datagram each, or counted on one TCP connection.

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use super::{Event, Receiver, Severity};

/// Events that may wait. The reference has no key for it.
pub(super) const QUEUE: usize = 256;
/// For connecting and for each write.
const PATIENCE: Duration = Duration::from_secs(5);
/// Receivers must take so much in a datagram, and most take more (RFC 5426 §3.2); what is cut off there is the end.
const MAX_DATAGRAM: usize = 8192;

/// A syslog receiver.
#[derive(Clone, Debug)]
pub struct SyslogOptions {
    /// Whether over TCP.
    pub tcp: bool,
    /// Host and port.
    pub address: String,
    /// From which severity on.
    pub min_severity: Severity,
    /// Number of the facility.
    pub facility: u8,
    /// The application's name.
    pub tag: String,
}

pub(super) struct Sender {
    options: SyslogOptions,
    instance: Arc<str>,
    /// Of TCP.
    connection: Option<TcpStream>,
}

impl Sender {
    pub(super) fn new(options: SyslogOptions, instance: Arc<str>) -> Self {
        Self { options, instance, connection: None }
    }

    /// `<PRI>1 TIME HOST APP PID MSGID - text` (RFC 5424 §6).
    fn message(&self, event: &Event) -> String {
        let level = match event.severity {
            Severity::Info => 6,
            Severity::Warn => 4,
            Severity::Critical => 2,
        };
        let word = |text: &str| -> String {
            let kept: String = text.chars().filter(char::is_ascii_graphic).take(48).collect();
            if kept.is_empty() { "-".to_owned() } else { kept }
        };
        format!(
            "<{}>1 {:.6} {} {} {} {} - {}",
            u16::from(self.options.facility) * 8 + level,
            event.time,
            word(&self.instance),
            word(&self.options.tag),
            std::process::id(),
            word(&event.kind),
            event.envelope(&self.instance)
        )
    }

    fn over_udp(&self, message: &str) -> std::io::Result<()> {
        let address = self.options.address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let any: std::net::IpAddr = if address.is_ipv4() {
            std::net::Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv6Addr::UNSPECIFIED.into()
        };
        let bytes = message.as_bytes();
        UdpSocket::bind((any, 0))?.send_to(bytes.get(..MAX_DATAGRAM).unwrap_or(bytes), address).map(|_| ())
    }

    fn over_tcp(&mut self, message: &str) -> std::io::Result<()> {
        let mut stream = if let Some(stream) = self.connection.take() {
            stream
        } else {
            let address = self.options.address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream
        };
        stream.write_all(format!("{} {message}", message.len()).as_bytes())?;
        self.connection = Some(stream);
        Ok(())
    }
}

impl Receiver for Sender {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn send(&mut self, event: &Event) -> Result<(), String> {
        let message = self.message(event);
        let sent = if self.options.tcp {
            // A connection that has gone stale shows with the first write; it is made anew once.
            let stale = self.connection.is_some();
            let first = self.over_tcp(&message);
            if first.is_err() && stale { self.over_tcp(&message) } else { first }
        } else {
            self.over_udp(&message)
        };
        sent.map_err(|error| error.to_string())
    }
}

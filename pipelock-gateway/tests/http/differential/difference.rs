//! The rows of the table in `ARCHITECTURE.md`, as changes to what was seen without a gateway.

use super::message::{Message, chunk};

/// A documented difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    Version,
    Informational,
    Expect,
    Chunks,
    CloseDelimited,
    Trailers,
    TrailerCase,
    Close,
    HopByHop,
    Regrouped,
    Spaces,
    LineEnds,
    NotModifiedLength,
    HeadCoding,
    Extensions,
    EventLength,
}

/// Where a message was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Upstream,
    Workload,
}

impl Difference {
    pub(super) const ALL: [Self; 16] = [
        Self::Version,
        Self::Informational,
        Self::Expect,
        Self::Chunks,
        Self::CloseDelimited,
        Self::Trailers,
        Self::TrailerCase,
        Self::Close,
        Self::HopByHop,
        Self::Regrouped,
        Self::Spaces,
        Self::LineEnds,
        Self::NotModifiedLength,
        Self::HeadCoding,
        Self::Extensions,
        Self::EventLength,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Informational => "informational",
            Self::Expect => "expect",
            Self::Chunks => "chunks",
            Self::CloseDelimited => "close-delimited",
            Self::Trailers => "trailers",
            Self::TrailerCase => "trailer-case",
            Self::Close => "close",
            Self::HopByHop => "hop-by-hop",
            Self::Regrouped => "regrouped",
            Self::Spaces => "spaces",
            Self::LineEnds => "line-ends",
            Self::NotModifiedLength => "304-length",
            Self::HeadCoding => "head-coding",
            Self::Extensions => "extensions",
            Self::EventLength => "event-length",
        }
    }

    /// What was seen directly as it is to be seen through the gateway.
    pub(super) fn apply(self, seen: Seen, messages: &mut Vec<Message>) {
        let (upstream, workload) = (seen == Seen::Upstream, seen == Seen::Workload);
        if workload && self == Self::Informational {
            messages.retain(|message| matches!(message.status(), 0 | 101 | 200..));
        }
        if workload
            && self == Self::Version
            && let Some(answer) = messages.first_mut()
        {
            answer.start = answer.start.replacen("HTTP/1.1", "HTTP/1.0", 1);
        }
        for message in messages {
            match self {
                Self::Expect if upstream => message.without("expect"),
                Self::Chunks if message.values("transfer-encoding").next().is_some() && !message.body.is_empty() => {
                    message.join_chunks();
                }
                Self::CloseDelimited if workload && frameless(message) => {
                    message.fields.push("transfer-encoding: chunked\r\n".to_owned());
                    message.body = chunk(&message.body);
                    message.body.extend_from_slice(b"\r\n");
                }
                Self::Trailers => drop_trailers(message),
                Self::TrailerCase => lower_trailers(message),
                Self::Close if workload => message.fields.retain(|line| line != "connection: close\r\n"),
                Self::HopByHop => drop_hop_by_hop(message),
                Self::Regrouped => regroup(&mut message.fields),
                Self::Spaces => message.fields.iter_mut().for_each(|line| *line = tidied(line, seen)),
                Self::LineEnds => {
                    for line in std::iter::once(&mut message.start).chain(&mut message.fields) {
                        *line = format!("{}\r\n", line.trim_end_matches(['\r', '\n']));
                    }
                }
                Self::NotModifiedLength if message.status() == 304 => message.without("content-length"),
                Self::HeadCoding if workload => message.without("transfer-encoding"),
                Self::Extensions if upstream => message.without("sec-websocket-extensions"),
                Self::EventLength
                    if workload && message.values("content-type").any(|kind| kind == "text/event-stream") =>
                {
                    message.without("content-length");
                    message.fields.push("transfer-encoding: chunked\r\n".to_owned());
                    message.body = chunk(&message.body);
                    message.body.extend_from_slice(b"\r\n");
                }
                _ => {}
            }
        }
    }
}

fn frameless(message: &Message) -> bool {
    message.status() >= 200
        && ["content-length", "transfer-encoding"].iter().all(|name| message.values(name).next().is_none())
}

fn drop_trailers(message: &mut Message) {
    if let Some(at) = message.body.windows(5).rposition(|window| window == b"\r\n0\r\n") {
        message.body.truncate(at + 5);
        message.body.extend_from_slice(b"\r\n");
    }
}

fn lower_trailers(message: &mut Message) {
    if let Some(at) = message.body.windows(5).rposition(|window| window == b"\r\n0\r\n") {
        let trailers = message.body.split_off(at + 5);
        for line in trailers.split_inclusive(|byte| *byte == b'\n') {
            let name = line.iter().position(|byte| *byte == b':').unwrap_or(0);
            let (name, rest) = line.split_at(name);
            message.body.extend(name.to_ascii_lowercase());
            message.body.extend(rest);
        }
    }
}

fn drop_hop_by_hop(message: &mut Message) {
    let options: Vec<String> = message
        .values("connection")
        .flat_map(|value| value.split(','))
        .map(|option| option.trim().to_owned())
        .collect();
    let stays = |option: &str| ["close", "keep-alive"].iter().any(|own| option.eq_ignore_ascii_case(own));
    let trailers = message.values("te").any(|te| te.contains("trailers"));
    let left: Vec<&str> = options
        .iter()
        .map(String::as_str)
        .filter(|option| stays(option) || (trailers && option.eq_ignore_ascii_case("te")))
        .collect();
    if left.len() < options.len() {
        let name = message.fields.iter().find(|line| line.to_ascii_lowercase().starts_with("connection:")).cloned();
        let mut written = left.is_empty();
        let line = format!("{}: {}\r\n", name.unwrap().split(':').next().unwrap(), left.join(", "));
        message.fields = std::mem::take(&mut message.fields)
            .into_iter()
            .filter_map(|field| {
                if !field.to_ascii_lowercase().starts_with("connection:") {
                    return Some(field);
                }
                (!std::mem::replace(&mut written, true)).then(|| line.clone())
            })
            .collect();
    }
    for option in options.iter().filter(|option| !stays(option) && !option.eq_ignore_ascii_case("te")) {
        message.without(option);
    }
    for name in ["proxy-connection", "http2-settings", "upgrade"] {
        message.without(name);
    }
    if !trailers {
        message.without("te");
    }
    for line in message.fields.iter_mut().filter(|line| line.to_ascii_lowercase().starts_with("te:")) {
        *line = format!("{}: trailers\r\n", line.split(':').next().unwrap());
    }
}

/// Fields of one name stand together, where the first of them stood.
fn regroup(fields: &mut Vec<String>) {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let mut grouped: Vec<String> = Vec::new();
    for line in fields.drain(..) {
        let after = grouped.iter().rposition(|own| name(own) == name(&line)).map_or(grouped.len(), |at| at + 1);
        grouped.insert(after, line);
    }
    *fields = grouped;
}

/// One blank behind the colon, none behind the value; none at all where a request's value is empty.
fn tidied(line: &str, seen: Seen) -> String {
    match line.split_once(':') {
        Some((name, value)) if seen == Seen::Upstream && value.trim().is_empty() => format!("{name}:\r\n"),
        Some((name, value)) => format!("{name}: {}\r\n", value.trim_matches([' ', '\t', '\r', '\n'])),
        None => line.to_owned(),
    }
}

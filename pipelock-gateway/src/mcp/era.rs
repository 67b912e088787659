//! Which revision of the protocol a request speaks, and whether what its header says agrees with its body.
//!
//! Pure. Nothing is decided by a header alone: a request whose header and body disagree is refused, because a router in front
//! may have believed the one and the server believes the other (revision 2026-07-28, "header validation").

use http::HeaderMap;
use serde_json::Value;

use super::jsonrpc::Message;

/// The first revision without sessions.
const STATELESS: &str = "2026-07-28";
/// Where a request of that revision says its version in the body.
const META_VERSION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";

/// The kinds of revision that are treated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// No version said: 2024-11-05, 2025-03-26, or the first message of any revision with sessions.
    Unsaid,
    /// 2025-03-26 said: messages may come in batches.
    Batches,
    /// A later one with sessions: 2025-06-18, 2025-11-25.
    Sessions,
    /// 2026-07-28: each request stands for itself.
    Stateless,
    /// Newer than what is known here: forwarded, and judged by what all revisions share.
    Unknown,
}

impl Era {
    /// The name used in metric labels.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unsaid => "unsaid",
            Self::Batches => "2025-03-26",
            Self::Sessions => "sessions",
            Self::Stateless => "2026-07-28",
            Self::Unknown => "unknown",
        }
    }

    /// What a head says, and the body where the head says nothing.
    pub(crate) fn of(headers: &HeaderMap, message: Option<&Message>) -> Self {
        let said = headers.get("mcp-protocol-version").and_then(|value| value.to_str().ok()).map(str::trim);
        let meta = message.and_then(|message| message.value.pointer(META_VERSION)).and_then(Value::as_str);
        // The later of the two, so that an older header does not switch off what a newer body calls for.
        match said.max(meta) {
            None | Some("2024-11-05") => Self::Unsaid,
            Some("2025-03-26") => Self::Batches,
            Some(version) if version < STATELESS => Self::Sessions,
            Some(STATELESS) => Self::Stateless,
            Some(_) => Self::Unknown,
        }
    }

    /// Whether an array of messages may be sent.
    pub(crate) fn allows_batches(self) -> bool {
        matches!(self, Self::Unsaid | Self::Batches)
    }
}

/// What header and body disagree on; the text names the field and never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Disagreement(String);

/// Compares the routing fields of a stateless request with its body. Older requests have none, and whatever stands there is
/// ignored as their servers ignore it.
///
/// # Errors
/// The first field that is missing, unreadable, or says something else than the body.
pub(crate) fn agree(headers: &HeaderMap, message: &Message) -> Result<(), Disagreement> {
    let Some(method) = message.method() else { return Ok(()) };
    let meta = message.value.pointer(META_VERSION).and_then(Value::as_str);
    let version = field(headers, "mcp-protocol-version")?;
    if meta.is_some() && version.as_deref() != meta {
        return Err(Disagreement("MCP-Protocol-Version differs from the body".to_owned()));
    }
    compare("Mcp-Method", field(headers, "mcp-method")?, Some(method))?;
    let named = match method {
        "tools/call" | "prompts/get" => message.value.pointer("/params/name"),
        "resources/read" => message.value.pointer("/params/uri"),
        _ => None,
    };
    if let Some(named) = named {
        compare("Mcp-Name", field(headers, "mcp-name")?, named.as_str())?;
    } else if headers.contains_key("mcp-name") {
        return Err(Disagreement("Mcp-Name names nothing of this method".to_owned()));
    }
    let arguments = message.value.pointer("/params/arguments").unwrap_or(&Value::Null);
    for name in headers.keys().filter(|name| name.as_str().starts_with("mcp-param-")) {
        let value = field(headers, name.as_str())?.unwrap_or_default();
        // Which argument a field mirrors is the tool's schema to say; that it mirrors one can be seen here.
        if !holds(arguments, &value) {
            return Err(Disagreement(format!("{name} is no argument of the call")));
        }
    }
    Ok(())
}

fn compare(name: &str, said: Option<String>, body: Option<&str>) -> Result<(), Disagreement> {
    match said {
        None => Err(Disagreement(format!("{name} is missing"))),
        Some(said) if Some(said.as_str()) == body => Ok(()),
        Some(_) => Err(Disagreement(format!("{name} differs from the body"))),
    }
}

/// The one value of a field, `=?base64?…?=` undone.
fn field(headers: &HeaderMap, name: &str) -> Result<Option<String>, Disagreement> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return if headers.contains_key(name) { Err(Disagreement(format!("{name} is there twice"))) } else { Ok(None) };
    };
    let unreadable = || Disagreement(format!("{name} cannot be read"));
    let text = value.to_str().map_err(|_| unreadable())?.trim();
    let coded = text.get(..9).filter(|prefix| prefix.eq_ignore_ascii_case("=?base64?"));
    match coded.and_then(|_| text.get(9..)).and_then(|rest| rest.strip_suffix("?=")) {
        Some(coded) => {
            let bytes = base64(coded.as_bytes()).ok_or_else(unreadable)?;
            String::from_utf8(bytes).map(Some).map_err(|_| unreadable())
        }
        None => Ok(Some(text.to_owned())),
    }
}

/// Standard base64 with its padding (RFC 4648 §4); `None` for anything else.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let unpadded = match text {
        [rest @ .., b'=', b'='] | [rest @ .., b'='] if text.len().is_multiple_of(4) => rest,
        [.., b'='] => return None,
        rest => rest,
    };
    let mut out = Vec::with_capacity(unpadded.len() / 4 * 3 + 2);
    for quad in unpadded.chunks(4) {
        let mut bits = 0u32;
        for byte in quad {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        let bytes = (bits << (6 * (4 - quad.len()))).to_be_bytes();
        match quad.len() {
            1 => return None,
            count => out.extend_from_slice(bytes.get(1..count)?),
        }
    }
    Some(out)
}

/// Whether a text is this number, however it is written: `42.0` is 42. Whole numbers are compared as such, since fractions are
/// alike beyond 2^53.
fn is_number(text: &str, number: &serde_json::Number) -> bool {
    let whole = |text: &str| text.parse::<i128>().ok();
    match (whole(text), whole(&number.to_string())) {
        (Some(said), Some(is)) => said == is,
        _ => text.parse::<f64>().is_ok_and(|said| said.is_finite() && number.as_f64() == Some(said)),
    }
}

/// Whether a scalar of `value`, at any depth, is written like `text`.
fn holds(value: &Value, text: &str) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(found) if found == text => return true,
            Value::Bool(found) if (if *found { "true" } else { "false" }) == text => return true,
            Value::Number(found) if is_number(text, found) => return true,
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::mcp::jsonrpc::Content;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let name = |name: &str| HeaderName::try_from(name).unwrap();
        fields.iter().map(|(key, value)| (name(key), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn message(json: &str) -> Message {
        match Content::read(json.as_bytes()).unwrap() {
            Content::One(message) => *message,
            Content::Batch(_) => panic!("one message"),
        }
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_é","arguments":{"region":"eu","n":5,"deep":{"flag":true}},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;

    #[test]
    fn the_revision_is_the_later_of_header_and_body() {
        let plain = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
        for (version, era) in [
            ("2024-11-05", Era::Unsaid),
            ("2025-03-26", Era::Batches),
            ("2025-06-18", Era::Sessions),
            ("2025-11-25", Era::Sessions),
            ("2026-07-28", Era::Stateless),
            ("2027-01-01", Era::Unknown),
        ] {
            assert_eq!(Era::of(&headers(&[("mcp-protocol-version", version)]), Some(&plain)), era, "{version}");
        }
        assert_eq!(Era::of(&HeaderMap::new(), Some(&plain)), Era::Unsaid);
        assert_eq!(Era::of(&headers(&[("mcp-protocol-version", "2025-06-18")]), Some(&message(CALL))), Era::Stateless);
    }

    #[test]
    fn header_and_body_agree_or_are_refused() {
        let version = ("mcp-protocol-version", "2026-07-28");
        let method = ("mcp-method", "tools/call");
        // `get_é`
        let name = ("mcp-name", "=?base64?Z2V0X8Op?=");
        let call = message(CALL);
        for (fields, agrees) in [
            (vec![version, method, name], true),
            (vec![version, method, name, ("mcp-param-region", "eu"), ("mcp-param-n", "5")], true),
            (vec![version, method, name, ("mcp-param-flag", "true")], true),
            (vec![version, method, name, ("mcp-param-n", "5.0")], true),
            (vec![version, method, name, ("mcp-param-n", "5.1")], false),
            (vec![version, method, name, ("mcp-param-n", "inf")], false),
            (vec![version, method, name, ("mcp-param-region", "us")], false),
            (vec![version, method], false),
            (vec![version, name], false),
            (vec![method, name], false),
            (vec![("mcp-protocol-version", "2025-06-18"), method, name], false),
            (vec![version, ("mcp-method", "tools/list"), name], false),
            (vec![version, method, ("mcp-name", "get_other")], false),
            (vec![version, method, ("mcp-name", "=?base64?Z2V0X8O?=")], false),
        ] {
            assert_eq!(agree(&headers(&fields), &call).is_ok(), agrees, "{fields:?}");
        }
        let list = message(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#);
        assert!(agree(&headers(&[version, ("mcp-method", "tools/list")]), &list).is_ok());
        assert!(agree(&headers(&[version, ("mcp-method", "tools/list"), ("mcp-name", "x")]), &list).is_err());
    }

    #[test]
    fn base64_is_undone_or_refused() {
        for (text, bytes) in [
            ("", Some(&b""[..])),
            ("TQ==", Some(b"M")),
            ("TWE=", Some(b"Ma")),
            ("TWFu", Some(b"Man")),
            ("T", None),
            ("TWE*", None),
        ] {
            assert_eq!(base64(text.as_bytes()).as_deref(), bytes, "{text}");
        }
    }
}

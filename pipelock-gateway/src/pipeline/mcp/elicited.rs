//! Where a server sends the person behind a client: elicitation by URL (revision 2025-11-25, "URL mode"), as a request on a
//! stream, as an input that is asked for (2026-07-28), or in the error that says one is needed.
//!
//! What the addresses hold is scanned like everything else; here only where they lead is asked.

use http::Uri;
use serde_json::Value;

use crate::model::{BlockReason, PeerName, ServerName};
use crate::pipeline::Snapshot;

/// `URLElicitationRequiredError`.
const URL_NEEDED: i64 = -32042;

/// Why a message may not be shown for where it leads, if there is a reason.
pub(super) fn refused(snapshot: &Snapshot, message: &Value) -> Option<BlockReason> {
    urls(message).into_iter().find_map(|url| no_way(snapshot, url))
}

fn no_way(snapshot: &Snapshot, url: &str) -> Option<BlockReason> {
    let denied = Some(BlockReason::DestinationDenied);
    let Ok(url) = url.parse::<Uri>() else { return denied };
    let known = matches!(url.scheme_str(), Some("http" | "https"));
    let Some(authority) = url.authority().filter(|authority| known && !authority.as_str().contains('@')) else {
        return denied;
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let host = match host.parse() {
        Ok(ip) => PeerName::Ip(ip),
        Err(_) => match ServerName::parse(host) {
            Ok(name) => PeerName::Dns(name),
            Err(_) => return denied,
        },
    };
    if snapshot.blocklist.matches(&host) {
        return denied;
    }
    (!snapshot.rules.admits_host(&host)).then_some(BlockReason::NotInAllowlist)
}

fn urls(message: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    asked(message, &mut found);
    match message.pointer("/result/inputRequests") {
        Some(Value::Object(requests)) => requests.values().for_each(|request| asked(request, &mut found)),
        Some(Value::Array(requests)) => requests.iter().for_each(|request| asked(request, &mut found)),
        _ => {}
    }
    if message.pointer("/error/code").and_then(Value::as_i64) == Some(URL_NEEDED) {
        let needed = message.pointer("/error/data/elicitations").and_then(Value::as_array).into_iter().flatten();
        found.extend(needed.filter_map(|one| one.get("url")?.as_str()));
    }
    found
}

fn asked<'a>(request: &'a Value, found: &mut Vec<&'a str>) {
    if request.get("method").and_then(Value::as_str) == Some("elicitation/create") {
        found.extend(request.pointer("/params/url").and_then(Value::as_str));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_found_wherever_a_person_is_sent_to_one() {
        let ask =
            |url: &str| json!({"method": "elicitation/create", "params": {"mode": "url", "url": url, "message": "m"}});
        for (message, expected) in [
            (ask("https://a.test/"), vec!["https://a.test/"]),
            (
                json!({"result": {"inputRequests": {"x": ask("https://b.test/"), "y": {"method": "roots/list"}}}}),
                vec!["https://b.test/"],
            ),
            (
                json!({"error": {"code": -32042, "data": {"elicitations": [{"mode": "url", "url": "https://c.test/"}]}}}),
                vec!["https://c.test/"],
            ),
            (json!({"error": {"code": -32000, "data": {"elicitations": [{"url": "https://d.test/"}]}}}), vec![]),
            (json!({"method": "sampling/createMessage", "params": {"url": "https://e.test/"}}), vec![]),
        ] {
            assert_eq!(urls(&message), expected, "{message}");
        }
    }
}

//! Reading the audit log back: which records somebody wants, and how a person reads one.
//!
//! Lines come from a file that may be cut anywhere, so each is taken or left by itself; what is no JSON object is counted.

use std::io::{self, BufRead};

use serde_json::Value;

use crate::report::clean;

/// Longest line that is read; longer ones are no records of ours.
const MAX_LINE: u64 = 1 << 20;
/// Longest line that is shown to a person.
const MAX_SHOWN: usize = 4096;

/// A condition on one member: `name=value`, `name!=value`, or `name~part`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    name: String,
    how: How,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Is,
    IsNot,
    Contains,
}

impl std::str::FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text
            .find(['=', '~', '!'])
            .ok_or("write name=value, name!=value or name~part, for example event=blocked")?;
        let (name, rest) = text.split_at(at);
        let (how, value) = match (rest.strip_prefix("!="), rest.strip_prefix('='), rest.strip_prefix('~')) {
            (Some(value), ..) => (How::IsNot, value),
            (_, Some(value), _) => (How::Is, value),
            (.., Some(value)) => (How::Contains, value),
            _ => return Err(format!("{text}: after ! comes =")),
        };
        Ok(Self { name: name.to_owned(), how, value: value.to_owned() })
    }
}

impl Condition {
    /// Whether a record meets it. `rule` looks at the rules of its findings; `a.b` at a member of a member.
    #[must_use]
    pub fn holds(&self, record: &Value) -> bool {
        let matches = |text: &str| match self.how {
            How::Is | How::IsNot => text == self.value,
            How::Contains => text.contains(&self.value),
        };
        let found = if self.name == "rule" {
            rules(record).any(matches)
        } else {
            let member = self.name.split('.').try_fold(record, |value, name| value.get(name));
            member.is_some_and(|value| match value {
                Value::String(text) => matches(text),
                Value::Null => matches(""),
                other => matches(&other.to_string()),
            })
        };
        found != (self.how == How::IsNot)
    }
}

/// The rules of a record's findings.
pub(super) fn rules(record: &Value) -> impl Iterator<Item = &str> {
    record["findings"].as_array().into_iter().flatten().filter_map(|finding| finding["rule"].as_str())
}

/// Calls `take` with every record; returns how many lines were none.
///
/// # Errors
/// When reading or `take` fails.
pub(super) fn each(mut input: impl BufRead, mut take: impl FnMut(Value) -> io::Result<()>) -> io::Result<u64> {
    let mut strange = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if io::Read::take(&mut input, MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(strange);
        }
        match serde_json::from_slice(&line) {
            Ok(record @ Value::Object(_)) => take(record)?,
            _ if line.trim_ascii().is_empty() => {}
            _ => strange += 1,
        }
    }
}

/// One line for a person. Every value was cleaned when it was written; it is cleaned again, because the file may be anybody's.
pub(super) fn line(record: &Value, colour: bool) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let event = text("event");
    let code = match event {
        "blocked" => "31",
        "allowed" if text("action") == "warn" => "33",
        "kill_switch" | "adaptive_escalation" => "35",
        _ => "0",
    };
    let mut words = Vec::new();
    match event {
        "blocked" | "allowed" => {
            words.push(text("request_id").to_owned());
            words.push(format!("{} {}", text("method"), text("url")));
            words.push(record["status"].as_u64().map_or_else(|| "-".to_owned(), |status| status.to_string()));
            words.push(text("reason").to_owned());
            words.push(rules(record).collect::<Vec<_>>().join(", "));
        }
        "connection" => {
            let name = record["name"].as_str().or(record["original_dst"].as_str()).unwrap_or("-");
            let (id, decision, reason, end) = (text("connection"), text("decision"), text("reason"), text("end"));
            words.push(format!("{id} {decision} {name} ({reason}) {end}"));
        }
        _ => {
            let members = record.as_object().into_iter().flatten();
            let own = members.filter(|(name, _)| !["time", "event", "component", "level"].contains(&name.as_str()));
            words.extend(own.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or(&value.to_string()))));
        }
    }
    if let Some(executable) = record["workload"]["executable"].as_str() {
        words.push(format!("by {executable}"));
    }
    words.retain(|word| !word.is_empty());
    let shown = clean(&format!("{event:<10}"), 40).into_owned();
    let shown = if colour { format!("\x1b[{code}m{shown}\x1b[0m") } else { shown };
    format!("{} {shown} {}", clean(text("time"), 40), clean(&words.join(" "), MAX_SHOWN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_for_members_nested_members_and_rules() {
        let record = json!({"event": "blocked", "status": 403, "reason": null, "workload": {"uid": 1000},
            "findings": [{"rule": "GitHub Token"}, {"rule": "JWT Token"}]});
        for (condition, holds) in [
            ("event=blocked", true),
            ("event=allowed", false),
            ("event!=allowed", true),
            ("status=403", true),
            ("workload.uid=1000", true),
            ("rule=JWT Token", true),
            ("rule~GitHub", true),
            ("rule!=GitHub Token", false),
            ("nothing=1", false),
            ("nothing!=1", true),
        ] {
            assert_eq!(condition.parse::<Condition>().unwrap().holds(&record), holds, "{condition}");
        }
        assert!("event".parse::<Condition>().is_err());
    }

    #[test]
    fn what_is_no_record_is_counted_and_the_rest_is_read() {
        let mut events = Vec::new();
        let input: &[u8] = b"{\"event\":\"a\"}\nhalf a li\n\n[1]\n{\"event\":\"b\"}\n{\"event\":\"c";
        let strange = each(input, |record| {
            events.push(record["event"].clone());
            Ok(())
        });
        assert_eq!((strange.unwrap(), events), (3, vec![json!("a"), json!("b")]));
    }

    #[test]
    fn a_line_for_a_terminal_carries_no_escapes_but_our_own() {
        let record = json!({"event": "blocked", "url": "https://a.example/\u{1b}[2J\u{7}", "method": "GET"});
        assert!(!line(&record, false).contains('\u{1b}'));
        assert_eq!(line(&record, true).matches('\u{1b}').count(), 2, "two of ours");
    }
}

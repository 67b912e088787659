//! The operator's rules on tool calls: which tools, which arguments, and what becomes of a call. Pure.
//!
//! Only values are matched, never keys: joined by blanks, each word by itself, and each ordered pair of words, so that a rule
//! for `rm -rf` also matches `["rm", "-v", "-rf"]`. Beside the arguments as they are, the rules see them with backslashes and
//! quotes taken out, which is how a shell would read them. What calls do by themselves is found by the scanner's own rules.

use serde_json::Value;

use super::{Redirect, Rule, RuleAction, Settings};

/// Words of the arguments that are paired (detections.md (d)).
const MAX_WORDS: usize = 64;
/// Bytes of arguments that are matched: uploads are content, not commands.
const MAX_TEXT: usize = 256 * 1024;

/// What the rules that match a call come to.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    /// It goes on.
    Pass,
    /// A program answers it.
    Redirect(&'a Redirect),
    /// It is refused.
    Block,
}

/// The strictest of the rules that match.
pub(super) fn outcome<'a>(matched: &[&'a Rule]) -> Outcome<'a> {
    let mut outcome = Outcome::Pass;
    for rule in matched {
        match &rule.action {
            RuleAction::Block => return Outcome::Block,
            RuleAction::Redirect(profile) if matches!(outcome, Outcome::Pass) => outcome = Outcome::Redirect(profile),
            RuleAction::Redirect(_) | RuleAction::Warn => {}
        }
    }
    outcome
}

/// The rules of the port that match a call, for who asks about one without sending it.
pub(crate) fn matching<'a>(settings: &'a Settings, tool: &str, arguments: &Value) -> Vec<&'a Rule> {
    judge(&settings.rules, tool, arguments)
}

/// The rules that match a call.
pub(super) fn judge<'a>(rules: &'a [Rule], tool: &str, arguments: &Value) -> Vec<&'a Rule> {
    rules.iter().filter(|rule| rule.tool.is_match(tool) && argument_matches(rule, arguments)).collect()
}

fn argument_matches(rule: &Rule, arguments: &Value) -> bool {
    let Some(pattern) = &rule.argument else { return true };
    let mut values = Vec::new();
    match (&rule.key, arguments) {
        (None, _) => texts(arguments, &mut values),
        (Some(key), Value::Object(members)) => {
            members.iter().filter(|(name, _)| key.is_match(name)).for_each(|(_, value)| texts(value, &mut values));
        }
        (Some(_), _) => {}
    }
    let joined = values.join(" ");
    let plain: String = joined.chars().filter(|c| !matches!(c, '\\' | '\'' | '"')).collect();
    [joined, plain].iter().any(|text| matches(pattern, text))
}

fn matches(pattern: &regex::Regex, text: &str) -> bool {
    if pattern.is_match(text) {
        return true;
    }
    let words: Vec<&str> = text.split_whitespace().take(MAX_WORDS).collect();
    words.iter().any(|word| pattern.is_match(word))
        || words
            .iter()
            .enumerate()
            .any(|(at, first)| words.iter().skip(at + 2).any(|second| pattern.is_match(&format!("{first} {second}"))))
}

/// Every scalar as text, in order, up to a bound.
fn texts(value: &Value, out: &mut Vec<String>) {
    let (mut open, mut bytes) = (vec![value], 0);
    while let Some(value) = open.pop() {
        if bytes > MAX_TEXT {
            return;
        }
        match value {
            Value::String(text) => {
                let end = text.floor_char_boundary(MAX_TEXT);
                bytes += end;
                out.push(text.get(..end).unwrap_or_default().to_owned());
            }
            Value::Number(number) => out.push(number.to_string()),
            Value::Bool(flag) => out.push(flag.to_string()),
            Value::Array(items) => open.extend(items.iter().rev()),
            Value::Object(members) => open.extend(members.values().rev()),
            Value::Null => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::json;

    use super::*;

    fn rule(tool: &str, argument: Option<&str>, key: Option<&str>, action: RuleAction) -> Rule {
        let regex = |text: &str| Regex::new(text).unwrap();
        Rule { name: "r".into(), tool: regex(tool), argument: argument.map(regex), key: key.map(regex), action }
    }

    #[test]
    fn values_are_matched_joined_by_word_and_in_pairs() {
        let rules = [rule("^bash$", Some(r"\brm\s+-rf\b"), None, RuleAction::Block)];
        for (tool, arguments, found) in [
            ("bash", json!({"command": "rm -rf /x"}), true),
            ("bash", json!({"argv": ["rm", "-v", "-rf", "/x"]}), true),
            ("bash", json!({"command": "r\\m -rf /x"}), true),
            ("bash", json!({"command": "'rm' -rf /x"}), true),
            ("bash", json!({"rm -rf": "ls"}), false),
            ("bash", json!({"command": "ls"}), false),
            ("bash2", json!({"command": "rm -rf /x"}), false),
        ] {
            assert_eq!(!judge(&rules, tool, &arguments).is_empty(), found, "{tool} {arguments}");
        }
    }

    #[test]
    fn a_key_narrows_a_rule_and_the_strictest_rule_decides() {
        let profile = Redirect {
            profile: "p".into(),
            exec: vec!["/bin/true".into()],
            reason: String::new(),
            timeout: std::time::Duration::from_secs(1),
            max_output_bytes: 1,
        };
        let rules = [
            rule("fetch", Some("internal"), Some("^url$"), RuleAction::Redirect(profile)),
            rule("fetch", None, None, RuleAction::Warn),
        ];
        let matched = judge(&rules, "web_fetch", &json!({"url": "http://internal/", "note": "x"}));
        assert!(matches!(outcome(&matched), Outcome::Redirect(_)));
        let matched = judge(&rules, "web_fetch", &json!({"url": "http://x/", "note": "internal"}));
        assert!(matches!(outcome(&matched), Outcome::Pass));
        assert_eq!(matched.len(), 1);
        let block = rule("fetch", None, None, RuleAction::Block);
        let all = [matched, vec![&block]].concat();
        assert!(matches!(outcome(&all), Outcome::Block));
    }
}

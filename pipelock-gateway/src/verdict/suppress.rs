//! Leaves out findings that the operator knows to be harmless, and says which.

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::{Family, Finding, Suppression};

/// All entries of one configuration.
#[derive(Debug, Default)]
pub struct Suppressions(Vec<Suppression>);

impl Suppressions {
    /// Entries in their order.
    #[must_use]
    pub fn new(entries: Vec<Suppression>) -> Self {
        Self(entries)
    }

    /// Whether there is nothing to leave out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves out what an entry names at this target (`https://host/path`, without the query), and returns the rules of what was
    /// left out. Limits stay: they say that something was not judged, which nobody can know to be harmless.
    pub fn retain(&self, findings: &mut Vec<Finding>, target: &str, now: SystemTime) -> Vec<Arc<str>> {
        let mut left_out = Vec::new();
        findings.retain(|finding| {
            let names = |entry: &Suppression| {
                entry.rule == *finding.rule && entry.expires.is_none_or(|end| now < end) && matches(&entry.path, target)
            };
            let stays = finding.family == Family::Limit || !self.0.iter().any(names);
            if !stays {
                left_out.push(Arc::clone(&finding.rule));
            }
            stays
        });
        left_out
    }
}

/// Whether a pattern means this target: the whole of it, the whole without the scheme, the path alone, or all below a
/// pattern that ends in `/`. `*` stands for any text.
#[must_use]
pub fn matches(pattern: &str, target: &str) -> bool {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    let path = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/");
    [target, rest, path]
        .into_iter()
        .any(|text| glob(pattern, text) || (pattern.ends_with('/') && text.starts_with(pattern)))
}

/// `*` stands for any text, everything else for itself. Linear: the parts are found one after the other.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Evidence, Severity, Surface, View};

    fn finding(rule: &str, family: Family) -> Finding {
        let evidence = Evidence { len: 4, fingerprint: 1 };
        let (severity, surface, view) = (Severity::High, Surface::RequestBody, View::Raw);
        Finding { rule: rule.into(), family, severity, surface, view, span: 0..4, evidence }
    }

    #[test]
    fn patterns_mean_targets_hosts_paths_and_what_is_below() {
        let target = "https://api.example.com/v1/items/7";
        for (pattern, expected) in [
            ("https://api.example.com/v1/items/7", true),
            ("api.example.com/v1/items/7", true),
            ("/v1/items/7", true),
            ("api.example.com/v1/", true),
            ("/v1/", true),
            ("*.example.com/*", true),
            ("/v1/*/7", true),
            ("http://api.example.com/v1/items/7", false),
            ("api.example.com", false),
            ("/v1/items", false),
            ("/v2/*", false),
            ("example.com/v1/*", false),
            ("/v1/*/8", false),
        ] {
            assert_eq!(matches(pattern, target), expected, "{pattern}");
        }
    }

    #[test]
    fn only_the_named_rule_at_the_named_place_before_its_end_is_left_out_and_told() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let entry = |rule: &str, expires| Suppression { rule: rule.to_owned(), path: "/v1/".to_owned(), expires };
        let ended = Some(now - Duration::from_secs(1));
        let all = Suppressions::new(vec![entry("A", None), entry("B", ended), entry("Limit", None)]);
        let found = || vec![finding("A", Family::Dlp), finding("B", Family::Dlp), finding("Limit", Family::Limit)];
        let left = |target| {
            let mut findings = found();
            let left_out = all.retain(&mut findings, target, now);
            let left: Vec<_> = findings.iter().map(|f| f.rule.to_string()).collect();
            (left.join(" "), left_out.join(" "))
        };
        assert_eq!(left("https://a.example.com/v1/x"), ("B Limit".to_owned(), "A".to_owned()));
        assert_eq!(left("https://a.example.com/v2/x"), ("A B Limit".to_owned(), String::new()));
    }
}

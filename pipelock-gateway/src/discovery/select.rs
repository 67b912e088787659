//! Which of the things a runtime knows are meant, by their labels. Pure.

use std::collections::BTreeMap;

/// Labels that must be there, and labels that must not: each `key=value`, or `key` for whatever value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// All of them.
    pub all: Vec<String>,
    /// None of them.
    pub none: Vec<String>,
}

impl Labels {
    /// Whether something with these labels is meant.
    #[must_use]
    pub fn take(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        };
        self.all.iter().all(has) && !self.none.iter().any(has)
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let mut parts: Vec<_> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is as good as any later one.
        let Some(at) = name.find(part) else { return false };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    name.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_must_be_there_is_and_nothing_that_must_not() {
        let found = BTreeMap::from([("app".to_owned(), "sure".to_owned()), ("tier".to_owned(), "web".to_owned())]);
        let labels = |all: &[&str], none: &[&str]| Labels {
            all: all.iter().map(ToString::to_string).collect(),
            none: none.iter().map(ToString::to_string).collect(),
        };
        for (all, none, taken) in [
            (&[][..], &[][..], true),
            (&["app=sure", "tier"], &[], true),
            (&["app=other"], &[], false),
            (&["absent"], &[], false),
            (&["app"], &["tier=db"], true),
            (&["app"], &["tier=web"], false),
            (&["app"], &["tier"], false),
        ] {
            assert_eq!(labels(all, none).take(&found), taken, "{all:?} {none:?}");
        }
    }

    #[test]
    fn a_star_is_any_text_of_one_name() {
        for (pattern, name, well) in [
            ("agent", "agent", true),
            ("agent", "agent2", false),
            ("*", "", true),
            ("agent-*.service", "agent-1.service", true),
            ("agent-*.service", "agent-1.scope", false),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("aa*aa", "aaa", false),
        ] {
            assert_eq!(fits(pattern, name), well, "{pattern} {name}");
        }
    }
}

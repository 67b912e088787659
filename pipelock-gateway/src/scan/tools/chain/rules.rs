//! What the operator says of tools and patterns, in the form every call is held against.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::Kind;
use crate::model::{ChainRules, Severity, ToolCategory};

/// How calls of a session are looked at together: a window, a gap, categories and patterns.
#[derive(Clone, Debug)]
pub struct ToolChains {
    pub(super) window_calls: usize,
    pub(super) window: Duration,
    pub(super) max_gap: usize,
    pub(super) patterns: Vec<Pattern>,
    names: Vec<(Name, Kind)>,
}

/// A pattern beside the built-in ones.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) name: Box<str>,
    pub(super) steps: Vec<Kind>,
    pub(super) severity: Severity,
}

/// Tools by their name.
#[derive(Clone, Debug)]
enum Name {
    Exactly(Box<str>),
    /// With `*` and `?`.
    Like(Box<str>),
}

impl Default for ToolChains {
    fn default() -> Self {
        Self::new(&ChainRules::default())
    }
}

impl ToolChains {
    /// The rules of a configuration.
    #[must_use]
    pub fn new(rules: &ChainRules) -> Self {
        let ChainRules { window_calls, window, max_gap, categories, patterns } = rules;
        let name = |tool: &str| {
            if tool.contains(['*', '?']) { Name::Like(tool.into()) } else { Name::Exactly(tool.into()) }
        };
        let patterns = patterns.iter().map(|pattern| Pattern {
            name: pattern.name.as_str().into(),
            steps: pattern.steps.iter().map(kind).collect(),
            severity: pattern.severity,
        });
        let mut names = Vec::new();
        for (category, tools) in categories {
            names.extend(tools.iter().map(|tool| (name(tool), kind(category))));
        }
        Self { window_calls: *window_calls, window: *window, max_gap: *max_gap, patterns: patterns.collect(), names }
    }

    /// The category a tool was put into: by its name, then by what is like it.
    pub(super) fn category(&self, tool: &str) -> Option<Kind> {
        let named = |(name, _): &&(Name, Kind)| matches!(name, Name::Exactly(name) if **name == *tool);
        let like =
            |(name, _): &&(Name, Kind)| matches!(name, Name::Like(like) if is_like(like.as_bytes(), tool.as_bytes()));
        self.names.iter().find(named).or_else(|| self.names.iter().find(like)).map(|(_, kind)| *kind)
    }
}

fn kind(category: &ToolCategory) -> Kind {
    match category {
        ToolCategory::Execute => Kind::Execute,
        ToolCategory::Persist => Kind::Persist,
        ToolCategory::Environment => Kind::Environment,
        ToolCategory::Network => Kind::Network,
        ToolCategory::Delete => Kind::Delete,
        ToolCategory::Write => Kind::Write,
        ToolCategory::Read => Kind::Read,
        ToolCategory::List => Kind::List,
        ToolCategory::Own(name) => {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            Kind::Own(hasher.finish())
        }
    }
}

/// Whether a name is like a pattern. `*` stands for anything, `?` for one byte; time is bounded by the product of the lengths.
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where the last star stood, and what it had swallowed by then.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&byte) if byte == b'?' || name.get(place) == Some(&byte) => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((of_star, swallowed)) = star else { return false };
                star = Some((of_star, swallowed + 1));
                at = of_star + 1;
                place = swallowed + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_what_names_it_before_what_is_like_it_and_of_the_first_category_of_those() {
        let rules = ToolChains::new(&ChainRules {
            categories: vec![
                (ToolCategory::Network, vec!["bank_*".to_owned(), "notify".to_owned()]),
                (ToolCategory::Read, vec!["bank_balance".to_owned(), "*_?".to_owned()]),
                (ToolCategory::named("ledger"), vec!["post*ing".to_owned()]),
            ],
            ..ChainRules::default()
        });
        for (tool, kind) in [
            ("bank_transfer", Some(Kind::Network)),
            ("bank_balance", Some(Kind::Read)),
            ("bank_x", Some(Kind::Network)),
            ("other_x", Some(Kind::Read)),
            ("other_xy", None),
            ("notify", Some(Kind::Network)),
            ("notify2", None),
            ("Notify", None),
        ] {
            assert_eq!(rules.category(tool), kind, "{tool}");
        }
        assert!(matches!(rules.category("post_a_booking"), Some(Kind::Own(_))));
        assert_eq!(rules.category("posting"), rules.category("postXing"));
    }

    #[test]
    fn stars_take_what_they_need() {
        for (pattern, name, like) in [
            ("*", "", true),
            ("", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("**x", "xx", true),
            ("?", "", false),
            ("a?", "ab", true),
        ] {
            assert_eq!(is_like(pattern.as_bytes(), name.as_bytes()), like, "{pattern} {name}");
        }
        assert!(!is_like("*a".repeat(200).as_bytes(), "b".repeat(5_000).as_bytes()));
    }
}

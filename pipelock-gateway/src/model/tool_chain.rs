//! Which tool calls do damage in their order: the nouns of `tool_chain_detection`.

use std::time::Duration;

use super::Severity;

/// What a tool does, as far as the order of calls is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ToolCategory {
    /// Runs something.
    Execute,
    /// Makes something start by itself later.
    Persist,
    /// Reads variables, credentials, secrets.
    Environment,
    /// Sends or fetches.
    Network,
    /// Deletes.
    Delete,
    /// Writes.
    Write,
    /// Reads.
    Read,
    /// Lists or searches.
    List,
    /// One of the operator's own.
    Own(Box<str>),
}

impl ToolCategory {
    /// The built-in ones by their names in a configuration. A tool that fits several is of the first.
    pub const BUILT_IN: [(&'static str, Self); 8] = [
        ("exec", Self::Execute),
        ("persist", Self::Persist),
        ("env", Self::Environment),
        ("network", Self::Network),
        ("delete", Self::Delete),
        ("write", Self::Write),
        ("read", Self::Read),
        ("list", Self::List),
    ];

    /// The category of a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|(known, _)| *known == name);
        built_in.map_or_else(|| Self::Own(name.into()), |(_, category)| category)
    }
}

/// Built-in patterns: the name in a configuration, which is the reference's where it has the pattern, and that of findings.
pub const BUILT_IN_CHAINS: [(&str, &str); 13] = [
    ("read-then-exec", "Read Then Execute"),
    ("read-write-send", "Read Write Send"),
    ("env-then-network", "Environment Then Network"),
    ("directory-scan", "Directory Scan"),
    ("write-execute", "Write Then Execute"),
    ("write-chmod-execute", "Write Chmod Execute"),
    ("read-sensitive-write", "Sensitive Read Then Write"),
    ("shell-burst", "Shell Burst"),
    ("write-persist", "Write Then Persist"),
    ("persist-callback", "Persist Then Call Back"),
    ("read-sensitive-send", "Sensitive Read Then Send"),
    ("send-delete", "Send Then Delete"),
    ("read-private-publish", "Private Read Then Publish"),
];

/// How calls of a session are looked at together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainRules {
    /// Calls that are looked back on.
    pub window_calls: usize,
    /// Time that is looked back on.
    pub window: Duration,
    /// Other calls that may stand between two steps.
    pub max_gap: usize,
    /// Tools of a category, by name or with `*` and `?`, before what the words of their names say.
    pub categories: Vec<(ToolCategory, Vec<String>)>,
    /// Patterns beside the built-in ones.
    pub patterns: Vec<ChainPattern>,
}

impl Default for ChainRules {
    /// Figures of detections.md (e).
    fn default() -> Self {
        Self {
            window_calls: 20,
            window: Duration::from_mins(1),
            max_gap: 3,
            categories: Vec::new(),
            patterns: Vec::new(),
        }
    }
}

/// One pattern of the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainPattern {
    /// What findings are called.
    pub name: String,
    /// Its steps, two or more.
    pub steps: Vec<ToolCategory>,
    /// How bad it is.
    pub severity: Severity,
}

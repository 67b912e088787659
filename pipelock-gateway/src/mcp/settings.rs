//! What the configuration in force says, in the form this door acts on.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use crate::model::Action;

/// The settings of one configuration.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the configuration by its own name")]
pub struct Settings {
    /// Origins browsers may come from (`scheme://host[:port]`, lower case). Loopback ones always may.
    pub allowed_origins: HashSet<String>,
    /// Names this door may be called by in `Host`, lower case, without port. Empty: loopback names only where it listens on
    /// loopback, any name elsewhere.
    pub allowed_hosts: HashSet<String>,
    /// Bytes of a request that may be held.
    pub max_body_bytes: usize,
    /// The same for calls of [`Settings::upload_tools`].
    pub max_upload_bytes: usize,
    /// Tools whose arguments are files.
    pub upload_tools: HashSet<String>,
    /// Bytes of an answer, or of one event, that may be held.
    pub max_answer_bytes: usize,
    /// Revisions newer than what is known: forwarded and judged by what all share, else refused.
    pub forward_unknown_revisions: bool,
    /// What is no JSON-RPC message is scanned as text and forwarded, where enforcement asks for a refusal otherwise.
    pub forward_malformed: bool,
    /// Whether definitions are compared with those seen before.
    pub detect_drift: bool,
    /// Digests (first 16 hexadecimal digits) of changed definitions that an operator has read and accepts.
    pub acknowledged: HashSet<String>,
    /// Whether and how calls are held against the tools that were listed.
    pub binding: Binding,
    /// Rules on calls, in order.
    pub rules: Vec<Rule>,
    /// Whether calls in a row are looked at.
    pub chains: bool,
    /// What to do when state that is shared cannot be reached: refuse what depends on it, or go on with what is known here.
    pub refuse_without_state: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_origins: HashSet::new(),
            allowed_hosts: HashSet::new(),
            max_body_bytes: 4 << 20,
            // 25 MB of file are 34 MB of base64; the rest is what stands around it.
            max_upload_bytes: 36 << 20,
            upload_tools: HashSet::from(["upload_account_statement".to_owned()]),
            max_answer_bytes: 16 << 20,
            forward_unknown_revisions: true,
            forward_malformed: false,
            detect_drift: true,
            acknowledged: HashSet::new(),
            binding: Binding::default(),
            rules: Vec::new(),
            chains: true,
            refuse_without_state: false,
        }
    }
}

/// What becomes of calls that do not fit what the server listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Whether anything is held against the list at all.
    pub enabled: bool,
    /// The tool was not listed.
    pub unknown_tool: Action,
    /// No list has been seen yet.
    pub no_baseline: Action,
}

impl Default for Binding {
    fn default() -> Self {
        Self { enabled: true, unknown_tool: Action::Warn, no_baseline: Action::Warn }
    }
}

/// One rule on calls.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it is called in findings.
    pub name: String,
    /// Which tools; not anchored unless written so.
    pub tool: Regex,
    /// What an argument must look like; without one the tool alone decides.
    pub argument: Option<Regex>,
    /// Which top-level arguments are looked at; without one all are.
    pub key: Option<Regex>,
    /// What becomes of a call it matches.
    pub action: RuleAction,
}

/// What a rule asks for, mildest first.
#[derive(Clone, Debug)]
pub enum RuleAction {
    /// Forward, and say so.
    Warn,
    /// Run a program of the operator's instead of forwarding.
    Redirect(Redirect),
    /// Refuse.
    Block,
}

/// A program that answers in the server's place.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// The profile's name.
    pub profile: String,
    /// The program and its arguments; never a shell unless it is one.
    pub exec: Vec<PathBuf>,
    /// What the client is told.
    pub reason: String,
    /// How long it may take.
    pub timeout: Duration,
    /// Bytes of output that are used.
    pub max_output_bytes: usize,
}

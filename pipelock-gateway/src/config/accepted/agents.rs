//! Sections about agents and the machine they run on (pipelock-config.md §15, §21, §22, §24).

use crate::config::schema::{ABOVE_ZERO, COUNT, HOSTS, Key, Kind, NETWORKS, POSITIVE, TEXTS, WARN_BLOCK};

pub(in crate::config) const NO_LICENCE: &str = "nothing here needs one";

const BUDGET: &[Key] = &[
    Key::new("max_requests_per_session", COUNT, "0", "Requests; 0 for no bound."),
    Key::new("max_bytes_per_session", COUNT, "0", "Bytes."),
    Key::new("max_unique_domains_per_session", COUNT, "0", "Domains."),
    Key::new("window_minutes", COUNT, "0", "The window."),
    Key::new("max_tool_calls_per_session", COUNT, "0", "Tool calls."),
    Key::new("max_concurrent_tool_calls", COUNT, "0", "Tool calls at once."),
    Key::new("max_wall_clock_minutes", COUNT, "0", "Time."),
    Key::new("max_retries_per_tool", COUNT, "0", "Retries of a tool."),
    Key::new("max_retries_per_endpoint", COUNT, "0", "Retries of an endpoint."),
    Key::new("loop_detection_window", COUNT, "0", "Calls looked back at for loops."),
    Key::new("fan_out_limit", COUNT, "0", "Endpoints at once."),
    Key::new("fan_out_window_seconds", COUNT, "0", "Within so long."),
    Key::new("cost_multipliers", Kind::Named(&ABOVE_ZERO), "", "What a tool costs."),
    Key::new("dow_action", WARN_BLOCK, "block", "What happens beyond."),
];

const AGENT: &[Key] = &[
    Key::new("listeners", TEXTS, "[]", "Ports of its own."),
    Key::new("source_cidrs", NETWORKS, "[]", "Where it calls from."),
    Key::new("mode", Kind::Words(&["strict", "balanced", "audit"]), "", "Its mode."),
    Key::new("enforce", Kind::Bool, "", "Whether blocks are carried out."),
    Key::new("api_allowlist", HOSTS, "", "Its own list."),
    Key::new("trusted_domains", HOSTS, "", "Its own list."),
    Key::new("allowed_addresses", TEXTS, "[]", "Wallets it may name."),
    Key::new("dlp", Kind::Any, "", "As at the top level."),
    Key::new("rate_limit", Kind::Any, "", "Its own limits."),
    Key::new("session_profiling", Kind::Any, "", "As at the top level."),
    Key::new("mcp_tool_policy", Kind::Any, "", "As at the top level."),
    Key::new("sandbox", Kind::Any, "", "As at the top level."),
    Key::new("budget", Kind::Map(BUDGET), "", "What a session may spend."),
];

pub(in crate::config) const AGENTS: Key =
    Key::new("agents", Kind::Named(&Kind::Map(AGENT)), "", "Settings of named callers; `_default` for the others.")
        .not_yet("the section `workloads` has rules for workloads by label, which they cannot choose");

pub(in crate::config) const SANDBOX: Key = Key::new(
    "sandbox",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether a child is jailed."),
        Key::new("strict", Kind::Bool, "false", "Whether it must be."),
        Key::new("best_effort", Kind::Bool, "false", "Whether as far as possible will do."),
        Key::new("workspace", Kind::Path, "", "Where it may write."),
        Key::new(
            "filesystem",
            Kind::Map(&[
                Key::new("allow_read", TEXTS, "[]", "What it may read."),
                Key::new("allow_write", TEXTS, "[]", "What it may write."),
            ]),
            "",
            "Its files.",
        ),
    ]),
    "",
    "A jail for a child process.",
)
.never("a gateway starts no agent; the pod's or the unit's own settings jail it");

pub(in crate::config) const FILE_SENTRY: Key = Key::new(
    "file_sentry",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether files are watched."),
        Key::new("best_effort", Kind::Bool, "false", "Whether as far as possible will do."),
        Key::new("watch_paths", TEXTS, "[]", "Which."),
        Key::new("scan_content", Kind::Bool, "true", "Whether they are read."),
        Key::new("ignore_patterns", TEXTS, "[]", "Which not."),
    ]),
    "",
    "Files an agent writes.",
)
.never("a gateway sees the network, not the files of its workloads");

pub(in crate::config) const GIT_PROTECTION: Key = Key::new(
    "git_protection",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether pushes are checked."),
        Key::new("allowed_branches", TEXTS, "[]", "Branches that may be pushed."),
        Key::new("blocked_commands", TEXTS, "[]", "Commands that may not be run."),
        Key::new("pre_push_scan", Kind::Bool, "true", "Whether a push is scanned."),
    ]),
    "",
    "Hooks of a git repository.",
)
.never("hooks run in a working copy, not in a gateway; what a push sends is judged like all traffic");

pub(in crate::config) const SENTRY: Key = Key::new(
    "sentry",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether crashes are reported."),
        Key::new("dsn", Kind::Text, "", "To whom."),
        Key::new("environment", Kind::Text, "", "A label."),
        Key::new("release", Kind::Text, "", "A label."),
        Key::new("sample_rate", Kind::Number(-1e-300, 1.0), "1.0", "How many."),
        Key::new("debug", Kind::Bool, "false", "Whether more is said."),
    ]),
    "",
    "Crash reports.",
)
.never("this program reports nothing to anybody");

pub(in crate::config) const RULES: Key = Key::new(
    "rules",
    Kind::Map(&[
        Key::new("rules_dir", Kind::Path, "", "Where bundles are."),
        Key::new("min_confidence", Kind::Words(&["low", "medium", "high"]), "medium", "From which confidence on."),
        Key::new("include_experimental", Kind::Bool, "false", "Whether experiments count."),
        Key::new("disabled", TEXTS, "[]", "Rules that do not."),
        Key::new("trusted_keys", Kind::List(&Kind::Any), "[]", "Who may sign bundles."),
    ]),
    "",
    "Rule bundles.",
)
.not_yet("built-in rules and `dlp.patterns` are what there is");

pub(in crate::config) const MEDIATION_ENVELOPE: Key = Key::new(
    "mediation_envelope",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether requests say that they were judged."),
        Key::new("sign", Kind::Bool, "false", "Whether that is signed."),
        Key::new("signing_key_path", Kind::Path, "", "With which key."),
        Key::new("key_id", Kind::Text, "pipelock-mediation-v1", "What it is called."),
        Key::new("signed_components", TEXTS, "[]", "What is signed."),
        Key::new("created_skew_seconds", COUNT, "60", "How far clocks may differ."),
        Key::new("max_body_bytes", POSITIVE, "1048576", "Largest body."),
    ]),
    "",
    "Telling upstreams that a request was judged.",
)
.not_yet("requests go out as they came");

pub(in crate::config) const BEHAVIORAL_BASELINE: Key = Key::new(
    "behavioral_baseline",
    Kind::Map(&[
        Key::new("enabled", Kind::Bool, "false", "Whether behaviour is learnt."),
        Key::new("learning_window", POSITIVE, "10", "From how much."),
        Key::new("deviation_action", Kind::Words(&["warn", "ask", "block"]), "warn", "What becomes of a deviation."),
        Key::new("profile_dir", Kind::Path, "", "Where it is kept."),
        Key::new("sensitivity_sigma", ABOVE_ZERO, "2.0", "What counts as one."),
        Key::new("poison_resistance", Kind::Bool, "true", "Whether outliers are left out."),
        Key::new("seasonality_mode", Kind::Words(&["none", "labeled", "time"]), "none", "What it depends on."),
    ]),
    "",
    "What an agent usually does.",
)
.not_yet("nothing is learnt");

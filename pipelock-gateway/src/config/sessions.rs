//! `session_profiling` and `adaptive_enforcement`: what a workload usually does, and growing stricter with one that misbehaves.

use std::time::Duration;

use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{ABOVE_ZERO, HOSTS, Key, Kind, POSITIVE, WARN_BLOCK};
use crate::model::{DomainList, Level, LevelEffect, SessionPolicy};

pub(super) const PROFILING: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "false",
        "Whether sessions are watched. A session is a workload (its cgroup), or an address at the explicit proxy.",
    ),
    Key::new("anomaly_action", WARN_BLOCK, "warn", "What becomes of a request that is an anomaly."),
    Key::new("domain_burst", Kind::Count(1, 1000), "5", "More new domains than this in a window are one."),
    Key::new("window_minutes", Kind::Count(1, 1440), "5", "The window."),
    Key::new("volume_spike_ratio", ABOVE_ZERO, "3.0", "So many times the bytes of a usual minute are one."),
    Key::new(
        "max_sessions",
        Kind::Count(1, 100_000),
        "1000",
        "Sessions remembered; the one silent longest is forgotten first.",
    ),
    Key::new("session_ttl_minutes", Kind::Count(1, 10_080), "30", "A session silent for so long begins anew."),
    Key::new("cleanup_interval_seconds", POSITIVE, "60", "How often silent ones are looked for.")
        .not_yet("they are looked for whenever a new one begins"),
];

pub(super) const ADAPTIVE: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "false",
        "Whether a score is kept; needs `session_profiling.enabled`. A leak adds 3, a warning 1; refusals by the configuration add nothing.",
    ),
    Key::new(
        "escalation_threshold",
        ABOVE_ZERO,
        "5.0",
        "The score of the first level; the others at twice and three times. One level is given back every 5 minutes.",
    ),
    Key::new("decay_per_clean_request", ABOVE_ZERO, "0.5", "What a clean request takes off."),
    Key::new("levels", Kind::Map(LEVELS), "", "What each level means; a higher one must not be milder."),
    Key::new("exempt_domains", HOSTS, "[]", "Hosts at which findings do not count."),
];

const LEVELS: &[Key] = &[
    Key::new("elevated", Kind::Map(ELEVATED), "", "From the threshold on."),
    Key::new("high", Kind::Map(ELEVATED), "", "From twice the threshold on."),
    Key::new("critical", Kind::Map(CRITICAL), "", "From three times the threshold on."),
];

const UPGRADE: Kind = Kind::Words(&["block", ""]);
const NOBODY: &str = "nobody is asked here";

const ELEVATED: &[Key] = &[
    Key::new("upgrade_warn", UPGRADE, "block", "`block`: what would be a warning is refused."),
    Key::new("upgrade_ask", UPGRADE, "", "The same for a question.").never(NOBODY),
    Key::new("block_all", Kind::Bool, "false", "Whether everything is refused."),
];

const CRITICAL: &[Key] = &[
    Key::new("upgrade_warn", UPGRADE, "block", "`block`: what would be a warning is refused."),
    Key::new("upgrade_ask", UPGRADE, "", "The same for a question.").never(NOBODY),
    Key::new("block_all", Kind::Bool, "true", "Whether everything is refused."),
];

pub(super) fn read_profiling(value: &Value<'_>, policy: &mut SessionPolicy) -> Result<(), Error> {
    let section = value.section(PROFILING)?;
    policy.profiling = section.read("enabled", false, Value::boolean)?;
    policy.block_anomalies =
        section.read("anomaly_action", false, |action| action.choice(&[("block", true), ("warn", false)]))?;
    policy.domain_burst = size(&section, "domain_burst", policy.domain_burst, 1000)?;
    policy.window = minutes(&section, "window_minutes", policy.window, 1440)?;
    policy.volume_spike_ratio =
        section.read("volume_spike_ratio", policy.volume_spike_ratio, |ratio| ratio.number_in(0.0, f64::MAX))?;
    policy.max_sessions = size(&section, "max_sessions", policy.max_sessions, 100_000)?;
    policy.ttl = minutes(&section, "session_ttl_minutes", policy.ttl, 10_080)?;
    Ok(())
}

pub(super) fn read_adaptive(value: &Value<'_>, policy: &mut SessionPolicy) -> Result<(), Error> {
    let section = value.section(ADAPTIVE)?;
    policy.adaptive = section.read("enabled", false, Value::boolean)?;
    if policy.adaptive && !policy.profiling {
        return Err(value.incomplete("enabled needs session_profiling.enabled: true; add it"));
    }
    policy.threshold = section.read("escalation_threshold", policy.threshold, |n| n.number_in(0.0, f64::MAX))?;
    policy.decay = section.read("decay_per_clean_request", policy.decay, |n| n.number_in(0.0, f64::MAX))?;
    policy.exempt_domains = section.read("exempt_domains", DomainList::default(), Value::parse_list)?;
    let Some(levels) = section.field("levels") else { return Ok(()) };
    let section = levels.section(LEVELS)?;
    for (name, keys, level) in [
        ("elevated", ELEVATED, Level::Elevated),
        ("high", ELEVATED, Level::High),
        ("critical", CRITICAL, Level::Critical),
    ] {
        let Some(value) = section.field(name) else { continue };
        let section = value.section(keys)?;
        let effect = policy.effect_mut(level);
        effect.upgrade_warn =
            section.read("upgrade_warn", effect.upgrade_warn, |word| word.choice(&[("block", true), ("", false)]))?;
        effect.block_all = section.read("block_all", effect.block_all, Value::boolean)?;
    }
    let milder = |low: LevelEffect, high: LevelEffect| {
        !high.block_all && (low.block_all || low.upgrade_warn && !high.upgrade_warn)
    };
    let [elevated, high, critical] = policy.effects;
    if milder(elevated, high) || milder(high, critical) {
        return Err(levels.incomplete("a higher level is milder than a lower one; make it at least as strict"));
    }
    Ok(())
}

fn size(section: &Section<'_>, key: &str, default: usize, most: u64) -> Result<usize, Error> {
    section.read(key, default, |n| n.count_in(1, most).map(|n| usize::try_from(n).unwrap_or(usize::MAX)))
}

fn minutes(section: &Section<'_>, key: &str, default: Duration, most: u64) -> Result<Duration, Error> {
    section.read(key, default, |n| n.count_in(1, most).map(Duration::from_mins))
}

//! `workloads`: other rules for workloads by the labels of what they were captured as.
//!
//! Which target a workload belongs to is what the kernel's program says that steered its socket; its labels are those of the
//! container, the pod or `capture.targets`. Nothing of it is the workload's word.

use std::collections::BTreeMap;

use super::error::Error;
use super::reader::Value;
use super::request_body::OnSecret;
use super::response_scanning::OnOrders;
use super::schema::{HOSTS, Key, Kind};
use super::{Config, Mode};
use crate::model::{DomainList, Target};

const TEXT: Kind = Kind::Text;

pub(super) const KEYS: &[Key] = &[
    Key::new("name", Kind::Text, "", "What messages call the entry."),
    Key::new(
        "labels",
        Kind::Named(&TEXT),
        "",
        "Labels that the target must have, all of them: those of a container or a pod (also `pod_namespace`, `image`), or `labels` of `capture.targets`. The label `target` is the target's own name. Required.",
    ),
    Key::new("mode", Kind::Words(&["strict", "balanced", "audit"]), "", "As at the top level."),
    Key::new("enforce", Kind::Bool, "", "As at the top level."),
    Key::new("api_allowlist", HOSTS, "", "Instead of that at the top level."),
    Key::new("trusted_domains", HOSTS, "", "Instead of that at the top level."),
    Key::new(
        "request_action",
        Kind::Words(&["warn", "block", "redact"]),
        "",
        "Instead of `request_body_scanning.action`.",
    ),
    Key::new("answer_action", Kind::Words(&["block", "strip", "warn"]), "", "Instead of `response_scanning.action`."),
];

/// Other rules for some workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadRules {
    /// What messages call it.
    pub name: String,
    /// What a target must have; never empty.
    pub labels: BTreeMap<String, String>,
    /// Instead of [`Config::mode`].
    pub mode: Option<Mode>,
    /// Instead of [`Config::enforce`].
    pub enforce: Option<bool>,
    /// Instead of [`Config::api_allowlist`].
    pub api_allowlist: Option<DomainList>,
    /// Instead of [`Config::trusted_domains`].
    pub trusted_domains: Option<DomainList>,
    /// Instead of that of `request_body_scanning`.
    pub on_secret: Option<OnSecret>,
    /// Instead of that of `response_scanning`.
    pub on_orders: Option<OnOrders>,
}

impl WorkloadRules {
    /// Whether they are for workloads of this target.
    #[must_use]
    pub fn are_for(&self, target: &Target) -> bool {
        self.labels.iter().all(|(name, wanted)| {
            if name == "target" { *wanted == target.name } else { target.labels.get(name) == Some(wanted) }
        })
    }

    /// The whole configuration as it is for them.
    #[must_use]
    pub fn applied_to(&self, config: &Config) -> Config {
        let mut config = config.clone();
        config.mode = self.mode.unwrap_or(config.mode);
        // A mode of its own says by itself whether it blocks.
        config.enforce = if self.mode.is_some() { self.enforce } else { self.enforce.or(config.enforce) };
        if let Some(hosts) = &self.api_allowlist {
            config.api_allowlist = hosts.clone();
        }
        if let Some(hosts) = &self.trusted_domains {
            config.trusted_domains = hosts.clone();
        }
        config.request_bodies.on_secret = self.on_secret.unwrap_or(config.request_bodies.on_secret);
        config.response_scanning.on_orders = self.on_orders.unwrap_or(config.response_scanning.on_orders);
        config.workloads.clear();
        config
    }
}

pub(super) fn read(value: &Value<'_>) -> Result<Vec<WorkloadRules>, Error> {
    value.list()?.iter().map(read_one).collect()
}

/// Labels, by name.
pub(super) fn labels(value: &Value<'_>) -> Result<BTreeMap<String, String>, Error> {
    value.entries()?.iter().map(|(name, text)| Ok(((*name).to_owned(), text.text()?.to_owned()))).collect()
}

fn read_one(value: &Value<'_>) -> Result<WorkloadRules, Error> {
    let section = value.section(KEYS)?;
    let wanted = match section.field("labels") {
        Some(wanted) => labels(&wanted)?,
        None => BTreeMap::new(),
    };
    if wanted.is_empty() {
        return Err(value.incomplete("labels is missing or empty; write those that a target must have, as app: web"));
    }
    let modes = [Mode::Strict, Mode::Balanced, Mode::Audit].map(|mode| (mode.as_str(), Some(mode)));
    Ok(WorkloadRules {
        name: section.read("name", String::new(), |name| name.text().map(str::to_owned))?,
        labels: wanted,
        mode: section.read("mode", None, |mode| mode.choice(&modes))?,
        enforce: section.read("enforce", None, |enforce| enforce.boolean().map(Some))?,
        api_allowlist: section.read("api_allowlist", None, |list| list.parse_list().map(Some))?,
        trusted_domains: section.read("trusted_domains", None, |list| list.parse_list().map(Some))?,
        on_secret: section.read("request_action", None, |action| {
            action.choice(&[
                ("warn", Some(OnSecret::Warn)),
                ("block", Some(OnSecret::ByMode)),
                ("redact", Some(OnSecret::Redact)),
            ])
        })?,
        on_orders: section.read("answer_action", None, |action| {
            action.choice(&[
                ("block", Some(OnOrders::Block)),
                ("strip", Some(OnOrders::Strip)),
                ("warn", Some(OnOrders::Warn)),
            ])
        })?,
    })
}

/// Strict mode needs hosts, also for some.
pub(super) fn check(config: &Config, value: &Value<'_>) -> Result<(), Error> {
    for (entry, rules) in value.list()?.iter().zip(&config.workloads) {
        if rules.applied_to(config).lacks_hosts() {
            return Err(entry.incomplete("strict mode needs hosts in api_allowlist; add those that may be reached"));
        }
    }
    Ok(())
}

//! What a log adds up to.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::cli::events;

/// Names kept apart in one table; the rest is counted together. A workload chooses the hosts it calls.
const MAX_NAMES: usize = 10_000;
/// Hours or minutes kept apart on the line of time.
const MAX_SLOTS: usize = 20_000;
/// Blocked requests told one by one.
const MAX_RECENT: usize = 50;
/// Under which names beyond [`MAX_NAMES`] are counted.
const OTHERS: &str = "(others)";

/// Everything a report says.
#[derive(Debug, Default, Serialize)]
pub(in crate::cli) struct Tally {
    /// Time of the first record.
    pub first: Option<String>,
    /// Time of the last record.
    pub last: Option<String>,
    /// Requests that passed without a finding that counts.
    pub allowed: u64,
    /// Requests that passed with a warning.
    pub warned: u64,
    /// Requests that were blocked.
    pub blocked: u64,
    /// By minute: allowed, warned, blocked.
    pub timeline: BTreeMap<String, [u64; 3]>,
    /// Findings by rule.
    pub rules: BTreeMap<String, u64>,
    /// Requests by host: all, blocked.
    pub destinations: BTreeMap<String, [u64; 2]>,
    /// Blocked requests by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Connections by decision: opened, relayed unopened, refused, none taken.
    pub coverage: BTreeMap<String, u64>,
    /// Reasons of connections that were relayed unopened.
    pub unopened: BTreeMap<String, u64>,
    /// Programs, by what they sent: all, blocked.
    pub programs: BTreeMap<String, [u64; 2]>,
    /// The last blocked requests, oldest first.
    pub recent: Vec<Blocked>,
    /// Lines that are no records.
    pub unreadable_lines: u64,
}

/// One blocked request.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Blocked {
    /// When.
    pub time: String,
    /// Its id, for `pipelock explain`.
    pub request_id: String,
    /// Method and URL.
    pub what: String,
    /// Why.
    pub reason: String,
    /// Rules.
    pub rules: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, record: &Value) {
        let text = |name: &str| crate::report::clean(record[name].as_str().unwrap_or_default(), 512).into_owned();
        let time = text("time");
        match record["event"].as_str() {
            Some(event @ ("allowed" | "blocked")) => {
                self.request(record, event == "blocked", &time);
            }
            Some("connection") => {
                let decision = text("decision");
                if decision == "passthrough" {
                    *slot(&mut self.unopened, text("reason")) += 1;
                }
                *slot(&mut self.coverage, decision) += 1;
            }
            _ => return,
        }
        if self.first.as_ref().is_none_or(|first| time < *first) {
            self.first = Some(time.clone());
        }
        if self.last.as_ref().is_none_or(|last| time > *last) {
            self.last = Some(time);
        }
    }

    fn request(&mut self, record: &Value, blocked: bool, time: &str) {
        let text = |name: &str| crate::report::clean(record[name].as_str().unwrap_or_default(), 512).into_owned();
        let kind = match (blocked, record["action"].as_str()) {
            (true, _) => 2,
            (false, Some("warn")) => 1,
            _ => 0,
        };
        *[&mut self.allowed, &mut self.warned, &mut self.blocked][kind] += 1;
        let minute = time.get(..16).unwrap_or_default().to_owned();
        if self.timeline.len() < MAX_SLOTS || self.timeline.contains_key(&minute) {
            self.timeline.entry(minute).or_default()[kind] += 1;
        }
        let rules: Vec<String> =
            events::rules(record).take(64).map(|rule| crate::report::clean(rule, 256).into_owned()).collect();
        for rule in &rules {
            *slot(&mut self.rules, rule.clone()) += 1;
        }
        let program = record["workload"]["executable"].as_str().unwrap_or("(through the proxy)");
        let program = crate::report::clean(program, 512).into_owned();
        for counts in [slot(&mut self.destinations, text("host")), slot(&mut self.programs, program)] {
            counts[0] += 1;
            counts[1] += u64::from(blocked);
        }
        if blocked {
            *slot(&mut self.reasons, text("reason")) += 1;
            if self.recent.len() == MAX_RECENT {
                self.recent.remove(0);
            }
            let what = format!("{} {}", text("method"), text("url"));
            let (request_id, reason) = (text("request_id"), text("reason"));
            self.recent.push(Blocked { time: time.to_owned(), request_id, what, reason, rules });
        }
    }
}

/// The place of a name, or of all those beyond the bound.
fn slot<T: Default>(map: &mut BTreeMap<String, T>, name: String) -> &mut T {
    let name = if map.len() < MAX_NAMES || map.contains_key(&name) { name } else { OTHERS.to_owned() };
    map.entry(name).or_default()
}

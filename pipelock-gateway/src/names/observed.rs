//! DNS answers that workloads received. Each counts for its own workload alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{CgroupId, ServerName};

/// Names of one workload (gateway.md §6).
const NAMES: usize = 4096;
/// Addresses of one name.
const ADDRESSES: usize = 64;
/// Addresses of one workload, over all its names.
const WORKLOAD_ADDRESSES: usize = 8192;
/// Addresses of all workloads together: about 30 MB at the worst, when every name has one.
const ALL_ADDRESSES: usize = 1 << 18;
/// Clients use an answer for at least this long, whatever its TTL says.
const MIN_TTL: Duration = Duration::from_mins(1);
/// No answer is believed longer.
const MAX_TTL: Duration = Duration::from_hours(24);
/// Clients keep using an answer that has ended: connection pools, caches of their own.
const GRACE: Duration = Duration::from_mins(10);

/// What each workload was told.
#[derive(Default)]
pub(super) struct Observed(Mutex<Known>);

#[derive(Default)]
struct Known {
    workloads: HashMap<CgroupId, Told>,
    addresses: usize,
}

/// What one workload was told.
#[derive(Default)]
struct Told {
    names: HashMap<ServerName, Vec<Until>>,
    addresses: usize,
    last: Option<Instant>,
}

struct Until {
    address: IpAddr,
    until: Instant,
}

impl Observed {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(
        &self,
        workload: CgroupId,
        name: &ServerName,
        addresses: &[IpAddr],
        ttl: Duration,
        now: Instant,
    ) {
        let mut known = self.lock();
        let until = now + ttl.clamp(MIN_TTL, MAX_TTL) + GRACE;
        let told = known.workloads.entry(workload).or_default();
        let before = told.addresses;
        told.learn(name, addresses, until, now);
        known.addresses = (known.addresses + told_addresses(&known.workloads, workload)).saturating_sub(before);
        while known.addresses > ALL_ADDRESSES {
            let others = known.workloads.iter().filter(|(id, _)| **id != workload);
            let Some(idlest) = others.min_by_key(|(_, told)| told.last).map(|(id, _)| *id) else { break };
            known.forget(idlest);
        }
    }

    pub(super) fn has(&self, workload: CgroupId, name: &ServerName, address: IpAddr, now: Instant) -> bool {
        let known = self.lock();
        let told = known.workloads.get(&workload).and_then(|told| told.names.get(name));
        told.is_some_and(|told| told.iter().any(|entry| entry.address == address && now < entry.until))
    }

    pub(super) fn names_of(&self, workload: CgroupId, address: IpAddr, now: Instant) -> Vec<ServerName> {
        let known = self.lock();
        let names = known.workloads.get(&workload).into_iter().flat_map(|told| &told.names);
        let has = |told: &[Until]| told.iter().any(|entry| entry.address == address && now < entry.until);
        names.filter(|(_, told)| has(told)).map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn forget(&self, workload: CgroupId) {
        self.lock().forget(workload);
    }

    /// Names of all workloads.
    pub(super) fn len(&self) -> usize {
        self.lock().workloads.values().map(|told| told.names.len()).sum()
    }
}

fn told_addresses(workloads: &HashMap<CgroupId, Told>, workload: CgroupId) -> usize {
    workloads.get(&workload).map_or(0, |told| told.addresses)
}

impl Known {
    fn forget(&mut self, workload: CgroupId) {
        if let Some(told) = self.workloads.remove(&workload) {
            self.addresses = self.addresses.saturating_sub(told.addresses);
        }
    }
}

impl Told {
    fn learn(&mut self, name: &ServerName, addresses: &[IpAddr], until: Instant, now: Instant) {
        self.last = Some(now);
        let room = self.addresses + addresses.len().min(ADDRESSES) <= WORKLOAD_ADDRESSES;
        if !room || (self.names.len() >= NAMES && !self.names.contains_key(name)) {
            self.make_room(now);
        }
        let entries = self.names.entry(name.clone()).or_default();
        let before = entries.len();
        let new: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
        entries.retain(|entry| !new.contains(&entry.address) && now < entry.until);
        entries.extend(new.into_iter().map(|address| Until { address, until }));
        let surplus = entries.len().saturating_sub(ADDRESSES);
        entries.drain(..surplus);
        self.addresses = (self.addresses + entries.len()).saturating_sub(before);
    }

    /// Drops what has ended; when that is nothing, the half that ends first, so that a flood of names pays for one pass with many
    /// records.
    fn make_room(&mut self, now: Instant) {
        let had = self.names.len();
        self.keep(now);
        if self.names.len() * 4 > had * 3 {
            let mut ends: Vec<Instant> = self.names.values().filter_map(|told| last_end(told)).collect();
            ends.sort_unstable();
            if let Some(median) = ends.get(ends.len() / 2).copied() {
                self.keep(median);
            }
            // All of one age: there is no half that ends first.
            if self.names.len() >= NAMES {
                self.names.clear();
            }
        }
        self.addresses = self.names.values().map(Vec::len).sum();
    }

    fn keep(&mut self, after: Instant) {
        self.names.retain(|_, told| last_end(told).is_some_and(|end| end > after));
    }
}

fn last_end(told: &[Until]) -> Option<Instant> {
    told.iter().map(|entry| entry.until).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: CgroupId = CgroupId(1);

    fn name(text: &str) -> ServerName {
        ServerName::parse(text).unwrap()
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn an_answer_binds_for_its_time_and_a_grace_and_for_its_own_workload_alone() {
        let observed = Observed::default();
        let (now, api) = (Instant::now(), name("api.example.test"));
        observed.record(ONE, &api, &[ip(1)], Duration::from_mins(5), now);
        assert!(observed.has(ONE, &api, ip(1), now + Duration::from_mins(14)));
        assert!(!observed.has(ONE, &api, ip(1), now + Duration::from_mins(15)));
        assert!(!observed.has(ONE, &api, ip(2), now));
        assert!(!observed.has(CgroupId(2), &api, ip(1), now));
        assert!(!observed.has(ONE, &name("other.example.test"), ip(1), now));
        assert_eq!(observed.names_of(ONE, ip(1), now), std::slice::from_ref(&api));
        assert!(observed.names_of(CgroupId(2), ip(1), now).is_empty());
        observed.record(ONE, &api, &[ip(2)], Duration::ZERO, now);
        assert!(observed.has(ONE, &api, ip(2), now + Duration::from_mins(10)), "a TTL of nothing counts as a minute");
        assert!(observed.has(ONE, &api, ip(1), now), "a later answer does not take an earlier one back");
        observed.forget(ONE);
        assert!(!observed.has(ONE, &api, ip(1), now));
        assert_eq!(observed.lock().addresses, 0);
    }

    #[test]
    fn a_flood_of_names_and_addresses_is_bounded_and_the_newest_stay() {
        let observed = Observed::default();
        let now = Instant::now();
        let at = |i: u32| now + Duration::from_millis(u64::from(i));
        for i in 0..20_000u32 {
            let addresses: Vec<IpAddr> = (0..3).map(|n| IpAddr::from((i * 3 + n).to_be_bytes())).collect();
            observed.record(ONE, &name(&format!("n{i}.test")), &addresses, Duration::ZERO, at(i));
        }
        let known = observed.lock();
        let told = &known.workloads[&ONE];
        assert!(told.names.len() <= NAMES && told.addresses <= WORKLOAD_ADDRESSES, "{}", told.addresses);
        assert_eq!(told.addresses, told.names.values().map(Vec::len).sum::<usize>());
        assert_eq!(known.addresses, told.addresses);
        drop(known);
        assert!(observed.has(ONE, &name("n19999.test"), IpAddr::from(59_997u32.to_be_bytes()), at(20_000)));
        let many: Vec<IpAddr> = (0..=255).map(ip).collect();
        observed.record(ONE, &name("many.test"), &many, Duration::ZERO, at(20_001));
        assert_eq!(observed.lock().workloads[&ONE].names[&name("many.test")].len(), ADDRESSES);
    }

    #[test]
    fn workloads_together_are_bounded_and_the_idlest_is_forgotten_first() {
        let observed = Observed::default();
        let now = Instant::now();
        let many: Vec<IpAddr> = (0..64).map(ip).collect();
        for workload in 0..40u64 {
            for i in 0..110u64 {
                let at = now + Duration::from_millis(workload * 1000 + i);
                observed.record(CgroupId(workload), &name(&format!("n{i}.test")), &many, Duration::ZERO, at);
            }
        }
        let known = observed.lock();
        assert!(known.addresses <= ALL_ADDRESSES);
        assert!(!known.workloads.contains_key(&CgroupId(0)) && known.workloads.contains_key(&CgroupId(39)));
        assert_eq!(known.addresses, known.workloads.values().map(|told| told.addresses).sum::<usize>());
    }
}

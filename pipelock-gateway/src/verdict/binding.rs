//! Destination binding: a credential may go to its own provider in its own place, and nowhere else.
//!
//! `Authorization: Bearer sk-…` to api.openai.com is what a workload is for; the same key in a prompt, in another header or
//! on its way to another host is a leak. So a finding is expected only where rule, place and host all agree with one entry
//! of the table. No host is trusted as a whole: everything is scanned, and what no entry names stays a finding. The table
//! is data (`credential_binding` of the configuration and its built-in default); it knows nothing of how findings are made.

use super::place::Place;
use crate::model::{
    BodyPlace, BoundHosts, BoundRules, CredentialBinding, Family, Finding, KNOWN_SECRET_RULE, PeerName, Placement,
};

/// The table in force.
#[derive(Clone, Debug, Default)]
pub struct Bindings(Vec<CredentialBinding>);

impl Bindings {
    /// A table of these entries. Several may speak of one rule; each adds places.
    #[must_use]
    pub fn new(entries: Vec<CredentialBinding>) -> Self {
        Self(entries)
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[CredentialBinding] {
        &self.0
    }

    /// The places in a body in which anything may stand on its way to `host`: what a walk over it has to look for.
    #[must_use]
    pub fn body_places(&self, host: Option<&PeerName>) -> Vec<BodyPlace> {
        let entries = self.0.iter().filter(|entry| entry.hosts.matches(host));
        let mut places = Vec::new();
        for placement in entries.flat_map(|entry| &entry.placements) {
            if let Placement::Body(place) = placement
                && !places.contains(place)
            {
                places.push(place.clone());
            }
        }
        places
    }

    /// Whether a finding that stands in this place is a credential on its way to its own provider. `host` is `None` unless
    /// something has proven whom the request is for.
    #[must_use]
    pub fn expects(&self, finding: &Finding, place: Place<'_>, host: Option<&PeerName>) -> bool {
        self.entries_for(finding, place, host).next().is_some()
    }

    /// The entries that expect it there.
    fn entries_for(
        &self,
        finding: &Finding,
        place: Place<'_>,
        host: Option<&PeerName>,
    ) -> impl Iterator<Item = &CredentialBinding> {
        let possible = finding.family != Family::Limit && !finding.is_canary();
        self.0.iter().filter(move |entry| {
            possible
                && speaks_of(entry, finding)
                && entry.hosts.matches(host)
                && entry.placements.iter().any(|placement| agrees(placement, place))
        })
    }

    /// Leaves only findings that are leaks: removes those that are expected in one of the places `places_of` says.
    ///
    /// With a credential that goes to a host of its own go all findings about bytes of it, since one key may be found by its
    /// format, by the words around it and as a value of the environment. What is expected at any host says nothing of that
    /// kind: a key of one provider does not become another's by following the word `Bearer`.
    pub fn retain_leaks<'a, I: IntoIterator<Item = Place<'a>>>(
        &self,
        findings: &mut Vec<Finding>,
        host: Option<&PeerName>,
        places_of: impl Fn(&Finding) -> I,
    ) {
        let (mut own, mut expected_at) = (Vec::new(), Vec::new());
        findings.retain(|finding| {
            let mut expected = false;
            for place in places_of(finding) {
                for entry in self.entries_for(finding, place, host) {
                    expected = true;
                    if matches!(entry.hosts, BoundHosts::Listed(_)) {
                        expected_at.push(finding.span.clone());
                        if identifies(finding) {
                            own.push((finding.span.clone(), entry));
                        }
                    }
                }
            }
            !expected
        });
        findings.retain(|finding| {
            let covered = own.iter().any(|(span, entry)| {
                let inside = span.start <= finding.span.start && finding.span.end <= span.end;
                inside && !self.belongs_elsewhere(finding, entry)
            });
            // That a credential in its place looks random is no news, whoever's it is.
            let opaque = finding.family == Family::Url
                && expected_at.iter().any(|span| span.start <= finding.span.start && finding.span.end <= span.end);
            !opaque && (!covered || finding.family != Family::Dlp || finding.is_canary())
        });
    }
}

impl Bindings {
    /// Whether a finding names a credential that is not the entry's: a value of the configuration, or a rule that the table
    /// lists for others only.
    fn belongs_elsewhere(&self, finding: &Finding, entry: &CredentialBinding) -> bool {
        if *finding.rule == *KNOWN_SECRET_RULE {
            return true;
        }
        // Whatever variable holds it: by its own format it is the provider's.
        if finding.variable().is_some() {
            return false;
        }
        let named =
            |other: &CredentialBinding| speaks_of(other, finding) && matches!(other.rules, BoundRules::Named(_));
        identifies(finding) && !named(entry) && self.0.iter().any(named)
    }
}

/// Rules that say only that something is a secret, not whose: by the words around it, or by the way it is sent.
const NAMELESS: &[&str] = &[
    "Bearer Token",
    "HTTP Basic Credentials",
    "Credential in URL",
    "Environment Variable Secret",
    "JWT Token",
    "Command Line Credentials",
];

/// Whether a finding says whose credential it is.
fn identifies(finding: &Finding) -> bool {
    *finding.rule != *KNOWN_SECRET_RULE && !NAMELESS.contains(&&*finding.rule) && !finding.rule.ends_with(" Assignment")
}

fn speaks_of(entry: &CredentialBinding, finding: &Finding) -> bool {
    match (&entry.rules, finding.variable()) {
        (BoundRules::Any, _) => finding.family == Family::Dlp,
        (BoundRules::Named(_), Some(variable)) => entry.variables.iter().any(|name| name == variable),
        (BoundRules::Named(rules), None) => rules.iter().any(|rule| **rule == *finding.rule),
    }
}

fn agrees(placement: &Placement, place: Place<'_>) -> bool {
    match (placement, place) {
        (Placement::Header { name, scheme }, Place::Header { name: found, scheme: sent }) => {
            let equals = |a: &str, b: &[u8]| a.as_bytes().eq_ignore_ascii_case(b);
            equals(name, found) && scheme.as_ref().is_none_or(|scheme| sent.is_some_and(|sent| equals(scheme, sent)))
        }
        (Placement::Query(key), Place::Query(found)) => key.as_bytes() == found,
        (Placement::Path(prefix), Place::Path(found)) => found.starts_with(prefix.as_bytes()),
        (Placement::Body(place), Place::Body(found)) => place == found,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Evidence, ServerName, Severity, Surface, View};

    fn entry(rules: &[&str], hosts: &[&str], placements: &[&str]) -> CredentialBinding {
        let named = rules.iter().map(|rule| (*rule).to_owned()).collect();
        CredentialBinding {
            provider: "Example".to_owned(),
            rules: if rules.is_empty() { BoundRules::Any } else { BoundRules::Named(named) },
            variables: vec!["EXAMPLE_KEY".to_owned()],
            hosts: match hosts {
                [] => BoundHosts::Any,
                _ => BoundHosts::Listed(hosts.iter().map(|host| host.parse().unwrap()).collect()),
            },
            placements: placements.iter().map(|placement| placement.parse().unwrap()).collect(),
        }
    }

    fn finding(rule: &str, span: std::ops::Range<u64>) -> Finding {
        Finding {
            rule: Arc::from(rule),
            family: Family::Dlp,
            severity: Severity::Critical,
            surface: Surface::RequestHeader,
            view: View::Raw,
            span,
            evidence: Evidence { len: 4, fingerprint: 0 },
        }
    }

    fn host(name: &str) -> PeerName {
        PeerName::Dns(ServerName::parse(name).unwrap())
    }

    #[test]
    fn rule_place_and_host_must_all_agree() {
        let table = Bindings::new(vec![entry(&["A Key"], &["api.example.com"], &["header authorization bearer"])]);
        let own = host("api.example.com");
        let bearer = Place::Header { name: b"Authorization", scheme: Some(b"Bearer") };
        let expects = |rule, place, host: Option<&PeerName>| table.expects(&finding(rule, 0..4), place, host);
        assert!(expects("A Key", bearer, Some(&own)));
        assert!(!expects("Another Key", bearer, Some(&own)));
        assert!(!expects("A Key", bearer, None), "nothing has proven the host");
        for other in ["example.com", "api.example.com.evil.test", "evilapi.example.com", "x.api.example.com"] {
            assert!(!expects("A Key", bearer, Some(&host(other))), "{other}");
        }
        for place in [
            Place::Header { name: b"authorization", scheme: None },
            Place::Header { name: b"authorization", scheme: Some(b"Basic") },
            Place::Header { name: b"x-debug", scheme: Some(b"Bearer") },
            Place::Query(b"authorization"),
            Place::Path(b"/authorization"),
        ] {
            assert!(!expects("A Key", place, Some(&own)), "{place:?}");
        }
    }

    #[test]
    fn an_environment_value_is_expected_by_the_name_of_its_variable() {
        let table = Bindings::new(vec![entry(&["A Key"], &["api.example.com"], &["header x-key"])]);
        let place = Place::Header { name: b"x-key", scheme: None };
        let own = host("api.example.com");
        let expects = |rule| table.expects(&finding(rule, 0..4), place, Some(&own));
        assert!(expects("Environment Variable Leak (EXAMPLE_KEY)"));
        assert!(!expects("Environment Variable Leak (OTHER_KEY)"));
        assert!(!expects("Known Secret Leak"));
    }

    #[test]
    fn a_finding_inside_an_expected_credential_is_about_the_same_bytes_and_a_canary_is_never_expected() {
        let table = Bindings::new(vec![entry(&["A Key"], &["api.example.com"], &["header x-key"])]);
        let own = host("api.example.com");
        let left = |rules: &[(&str, std::ops::Range<u64>)]| {
            let mut findings = rules.iter().map(|(rule, span)| finding(rule, span.clone())).collect();
            let place = Place::Header { name: b"x-key", scheme: None };
            table.retain_leaks(&mut findings, Some(&own), |_| [place]);
            findings.iter().map(|finding| finding.rule.to_string()).collect::<Vec<_>>()
        };
        let none: [String; 0] = [];
        let env = "Environment Variable Leak (DB_PASSWORD)";
        assert_eq!(left(&[("A Key", 10..40), (env, 12..40)]), none);
        assert_eq!(left(&[("A Key", 10..40), (env, 12..41)]), [env], "it goes beyond the key");
        assert_eq!(left(&[("A Key", 10..40), ("Canary Token (trap)", 10..40)]), ["Canary Token (trap)"]);
        assert_eq!(left(&[(env, 12..40)]), [env]);
    }

    /// Words and schemes say that something is a secret, and not whose: sent to a tenant's own host, they excuse nothing else.
    #[test]
    fn a_rule_that_does_not_say_whose_it_is_covers_nothing_but_itself() {
        for nameless in ["Secret Assignment", "HTTP Basic Credentials", "Bearer Token", "Credential in URL"] {
            let table = Bindings::new(vec![
                entry(&[nameless], &["tenant.example.com"], &["header x-key"]),
                entry(&["B Key"], &["b.example.com"], &["header x-key"]),
            ]);
            let place = Place::Header { name: b"x-key", scheme: None };
            for other in [KNOWN_SECRET_RULE, "Environment Variable Leak (DB_PASSWORD)", "B Key"] {
                let mut findings = vec![finding(nameless, 0..40), finding(other, 4..40)];
                table.retain_leaks(&mut findings, Some(&host("tenant.example.com")), |_| [place]);
                assert_eq!(findings, [finding(other, 4..40)], "{nameless} and {other}");
            }
        }
    }

    #[test]
    fn a_credential_in_its_place_may_look_random() {
        let table = Bindings::new(vec![entry(&["Credential in URL"], &["api.example.com"], &["query apikey"])]);
        let opaque = |span| Finding { family: Family::Url, ..finding("High Entropy Query Value", span) };
        let left = |to: &str, span: std::ops::Range<u64>| {
            let mut findings = vec![finding("Credential in URL", 110..144), opaque(span)];
            table.retain_leaks(&mut findings, Some(&host(to)), |_| [Place::Query(b"apikey")]);
            findings.len()
        };
        assert_eq!(left("api.example.com", 110..144), 0);
        assert_eq!(left("api.example.com", 80..144), 1, "it goes beyond the credential");
        assert_eq!(left("other.example.com", 110..144), 2);
    }

    #[test]
    fn a_key_of_another_provider_is_not_covered_by_one_around_it() {
        let table = Bindings::new(vec![
            entry(&["A Key"], &["a.example.com"], &["header x-key"]),
            entry(&["B Key"], &["b.example.com"], &["header x-key"]),
        ]);
        let place = Place::Header { name: b"x-key", scheme: None };
        let mut findings = vec![finding("A Key", 0..40), finding("B Key", 4..40), finding("C Key", 4..40)];
        table.retain_leaks(&mut findings, Some(&host("a.example.com")), |_| [place]);
        assert_eq!(findings, [finding("B Key", 4..40)]);
    }

    #[test]
    fn what_is_expected_anywhere_covers_nothing_but_itself() {
        let table = Bindings::new(vec![entry(&["Bearer Token"], &[], &["header authorization bearer"])]);
        let bearer = Place::Header { name: b"authorization", scheme: Some(b"bearer") };
        let mut findings = vec![finding("Bearer Token", 0..40), finding("A Key", 0..40)];
        table.retain_leaks(&mut findings, Some(&host("evil.example.com")), |_| [bearer]);
        assert_eq!(findings, [finding("A Key", 0..40)]);
    }

    #[test]
    fn any_rule_means_secrets_only() {
        let table = Bindings::new(vec![entry(&[], &["api.example.com"], &["body Password"])]);
        let (own, place) =
            (host("api.example.com"), BodyPlace { key: "Password".into(), depth: crate::model::Depth::Top });
        let expects = |family| {
            let found = Finding { family, ..finding("Whatever", 0..4) };
            table.expects(&found, Place::Body(&place), Some(&own))
        };
        assert!(expects(Family::Dlp));
        assert!(!expects(Family::Limit));
        assert!(!expects(Family::Injection));
        assert_eq!(table.body_places(Some(&own)), std::slice::from_ref(&place));
        assert_eq!(table.body_places(Some(&host("other.example.com"))), []);
    }

    #[test]
    fn no_listed_host_is_matched_by_nothing_proven_and_any_host_by_everything() {
        let table = Bindings::new(vec![entry(&["JWT"], &[], &["header authorization bearer"])]);
        let bearer = Place::Header { name: b"authorization", scheme: Some(b"bearer") };
        assert!(table.expects(&finding("JWT", 0..4), bearer, None));
        assert!(table.expects(&finding("JWT", 0..4), bearer, Some(&host("a.example.com"))));
    }
}

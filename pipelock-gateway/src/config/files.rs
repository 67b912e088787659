//! Which files a configuration is made of, and what got weaker from one to the next; for whoever reloads it.

use std::path::PathBuf;

use super::{Config, ConfigSource};
use crate::model::Mode;

impl Config {
    /// Every file that this configuration is read from or names: a change of any of them can change what is in force.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if let ConfigSource::File { path, .. } = &self.source {
            files.push(path.clone());
        }
        let tls = &self.tls_interception;
        if let Some(ca) = &tls.ca {
            files.extend([ca.cert.clone(), ca.key.clone()]);
        }
        files.extend(tls.upstream_ca_files.iter().cloned());
        files.extend(self.dlp.secrets_file.clone());
        files.extend(self.workload_env.files.iter().cloned());
        files.extend(self.forward_proxy.credentials_file.clone());
        files.extend(
            self.redaction.iter().flat_map(|redaction| &redaction.dictionaries).filter_map(|list| list.file.clone()),
        );
        files
    }

    /// What this configuration no longer does that `before` did, or does for more hosts: one phrase each, for the log. They
    /// come into force all the same.
    #[must_use]
    pub fn downgrades_from(&self, before: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let strictness = |config: &Self| match config.effective_mode() {
            Mode::Audit => 0,
            Mode::Balanced => 1,
            Mode::Strict => 2,
        };
        if strictness(self) < strictness(before) {
            found.push(format!("mode goes from {} to {}", before.effective_mode(), self.effective_mode()));
        }
        if before.tls_interception.enabled != Some(false) && self.tls_interception.enabled == Some(false) {
            found.push("tls_interception.enabled goes to false".to_owned());
        }
        if before.dlp.include_defaults && !self.dlp.include_defaults {
            found.push("dlp.include_defaults goes to false".to_owned());
        }
        if before.dlp.scan_env && !self.dlp.scan_env {
            found.push("dlp.scan_env goes to false".to_owned());
        }
        if before.dlp.secrets_file.is_some() && self.dlp.secrets_file.is_none() {
            found.push("dlp.secrets_file is gone".to_owned());
        }
        if self.no_proxy.from_workload && !before.no_proxy.from_workload {
            found.push("no_proxy.from_workload goes to true".to_owned());
        }
        for rules in self.workloads.iter().filter(|rules| !before.workloads.contains(rules)) {
            let for_them = rules.applied_to(self);
            if strictness(&for_them) < strictness(self) {
                found.push(format!("workloads: {:?} are judged in mode {}", rules.labels, for_them.effective_mode()));
            }
        }
        if before.response_scanning.enabled && !self.response_scanning.enabled {
            found.push("response_scanning.enabled goes to false".to_owned());
        }
        if before.redaction.is_some() && self.redaction.is_none() {
            found.push("redaction.enabled goes to false".to_owned());
        }
        if before.cross_request.enabled && !self.cross_request.enabled {
            found.push("cross_request_detection.enabled goes to false".to_owned());
        }
        for pattern in &before.dlp.patterns {
            match self.dlp.patterns.iter().find(|now| now.name == pattern.name) {
                None => found.push(format!("dlp.patterns: {:?} is gone", pattern.name)),
                Some(now) if now.regex != pattern.regex => {
                    found.push(format!("dlp.patterns: {:?} has another expression", pattern.name));
                }
                Some(now) if now.warn_only && !pattern.warn_only => {
                    found.push(format!("dlp.patterns: {:?} only warns", pattern.name));
                }
                Some(_) => {}
            }
        }
        found.extend(added("trusted_domains", &before.trusted_domains, &self.trusted_domains));
        if self.mode == Mode::Strict {
            found.extend(added("api_allowlist", &before.api_allowlist, &self.api_allowlist));
        }
        let passthrough = |config: &Self| config.tls_interception.passthrough_domains.clone();
        found.extend(added("tls_interception.passthrough_domains", &passthrough(before), &passthrough(self)));
        let (now, then) = (&self.tls_interception, &before.tls_interception);
        let (certificates, legacy) =
            ("tls_interception.client_certificate_domains", "tls_interception.legacy_tls_domains");
        found.extend(added(certificates, &then.client_certificate_domains, &now.client_certificate_domains));
        found.extend(added(legacy, &then.legacy_tls_domains, &now.legacy_tls_domains));
        found.extend(added("no_proxy.list", &before.no_proxy.list, &self.no_proxy.list));
        found.extend(added("workload_env.ignore", &before.workload_env.ignored, &self.workload_env.ignored));
        found.extend(added("ssrf.ip_allowlist", &before.ssrf_allowlist, &self.ssrf_allowlist));
        let (proxy, proxy_before) = (&self.forward_proxy, &before.forward_proxy);
        found.extend(added("forward_proxy.connect_ports", &proxy_before.connect_ports, &proxy.connect_ports));
        if proxy_before.credentials_file.is_some() && proxy.credentials_file.is_none() {
            found.push("forward_proxy.credentials_file is gone".to_owned());
        }
        found
    }

    /// Keys whose new value takes a restart.
    #[must_use]
    pub fn needs_restart_after(&self, before: &Self) -> Vec<&'static str> {
        let differs = [
            ("fetch_proxy.listen", self.fetch_proxy.listen != before.fetch_proxy.listen),
            ("capture", self.capture != before.capture),
            ("emit", self.emit != before.emit),
            ("flight_recorder", self.flight_recorder != before.flight_recorder),
            ("logging", self.logging != before.logging),
            ("scan_api", self.scan_api != before.scan_api),
        ];
        differs.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

/// Entries of a list that were not there before.
fn added<'a, T>(key: &'a str, before: &'a T, now: &'a T) -> Vec<String>
where
    &'a T: IntoIterator<Item: ToString>,
{
    let before: Vec<String> = before.into_iter().map(|entry| entry.to_string()).collect();
    let new = now.into_iter().map(|entry| entry.to_string()).filter(|entry| !before.contains(entry));
    new.map(|entry| format!("{key} gains {entry}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("pipelock.yaml"), ConfigSource::Defaults).unwrap().0
    }

    #[test]
    fn what_gets_weaker_is_named_and_what_gets_stricter_is_not() {
        let weak = config(
            "mode: audit\ntrusted_domains: [a.example.com, b.example.com]\ndlp: {scan_env: false}\n\
             no_proxy: {list: ['10.0.0.0/8']}\nresponse_scanning: {enabled: false}\n",
        );
        let strict = config(
            "mode: balanced\ntrusted_domains: [a.example.com]\n\
             dlp: {patterns: [{name: Ticket, regex: 'TKT-[0-9]{8}'}]}\n",
        );
        assert_eq!(
            weak.downgrades_from(&strict),
            [
                "mode goes from balanced to audit",
                "dlp.scan_env goes to false",
                "response_scanning.enabled goes to false",
                "dlp.patterns: \"Ticket\" is gone",
                "trusted_domains gains b.example.com",
                "no_proxy.list gains 10.0.0.0/8",
            ]
        );
        assert_eq!(strict.downgrades_from(&weak), [""; 0]);
        assert_eq!(weak.downgrades_from(&weak), [""; 0]);
    }

    #[test]
    fn addresses_and_the_kernel_side_wait_for_a_restart() {
        let before = config("");
        let after = config("fetch_proxy: {listen: 127.0.0.1:9999}\ncapture: {cidr_bypass: [192.0.2.0/24]}\n");
        assert_eq!(after.needs_restart_after(&before), ["fetch_proxy.listen", "capture"]);
    }
}

//! What operators see, what is in force by default, and that no text makes the reader panic.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::model::{OriginalDst, PeerName, ServerName, Severity, ToolCategory};

/// Checks a text as if it were `pipelock.yaml` in a folder without other files.
fn parse(text: &str) -> Result<(Config, Vec<Warning>), Error> {
    let path = Path::new("pipelock.yaml");
    Config::parse(text, path, ConfigSource::File { path: path.to_owned(), sha256: String::new() })
}

fn accepted(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}")).0
}

/// The messages for these texts, one line each.
fn refusals(texts: &[&str]) -> String {
    texts.iter().fold(String::new(), |mut all, text| {
        let error = parse(text).expect_err(text);
        writeln!(all, "{error}").unwrap();
        all
    })
}

fn warnings(text: &str) -> String {
    let (_, warnings) = parse(text).unwrap();
    warnings.iter().fold(String::new(), |mut all, warning| {
        writeln!(all, "{warning}").unwrap();
        all
    })
}

#[test]
fn keys_that_do_not_exist_are_refused_with_what_was_meant() {
    assert_snapshot!(refusals(&[
        "mode: strict\ntrusted_domain: []\n",
        "trustedDomains: []\n",
        "Mode: strict\n",
        "tls_interception:\n  enable: true\n",
        "tls_interception: {ca_cert: a, ca_kye: b}\n",
        "capture:\n  cidrs: []\n",
        "dlp:\n  patterns:\n    - name: a\n      regex: b\n      serverity: low\n",
        "dlp:\n  action: block\n",
        "blocklist: []\n",
        "'': 1\n",
        "\"a\\nb\": 1\n",
    ]), @r#"
    pipelock.yaml:2:1: trusted_domain: is not a known key; did you mean trusted_domains?
    pipelock.yaml:1:1: trustedDomains: is not a known key; did you mean trusted_domains?
    pipelock.yaml:1:1: Mode: is not a known key; did you mean mode?
    pipelock.yaml:2:3: tls_interception.enable: is not a known key; did you mean enabled?
    pipelock.yaml:1:32: tls_interception.ca_kye: is not a known key; did you mean ca_key?
    pipelock.yaml:2:3: capture.cidrs: is not a known key; the keys here are cidr_bypass, attach, ready_when, separate, targets, discover
    pipelock.yaml:5:7: dlp.patterns[0].serverity: is not a known key; did you mean severity?
    pipelock.yaml:2:3: dlp.action: is not a known key; the keys here are include_defaults, patterns, scan_env, min_env_secret_length, secrets_file
    pipelock.yaml:1:1: blocklist: is not a known key; none is spelt like it
    pipelock.yaml:1:1: "": is not a known key; none is spelt like it
    pipelock.yaml:1:1: "a\nb": is not a known key; none is spelt like it
    "#);
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    assert_snapshot!(refusals(&[
        "mode: 1\n",
        "mode: paranoid\n",
        "enforce: maybe\n",
        "enforce: 'true'\n",
        "version: '1'\n",
        "version: 2\n",
        "version: -1\n",
        "version: 1.5\n",
        "trusted_domains: api.example.com\n",
        "trusted_domains:\n  - api.example.com\n  - {a: b}\n",
        "trusted_domains: [~]\n",
        "logging: json\n",
        "logging: []\n",
        "dlp:\n  patterns:\n    - regex: [a-z]\n      name: x\n",
        "dlp:\n  patterns:\n    - name: 123\n      regex: x\n",
        "- mode\n",
        "strict\n",
    ]), @r#"
    pipelock.yaml:1:7: mode: must be text, not a number; put it in quotes
    pipelock.yaml:1:7: mode: "paranoid" is not accepted; write one of strict, balanced, audit
    pipelock.yaml:1:10: enforce: must be true or false, not text; write one of the two
    pipelock.yaml:1:10: enforce: must be true or false, not text; write one of the two, without quotes
    pipelock.yaml:1:10: version: must be a whole number, not text; write it in digits, without quotes
    pipelock.yaml:1:10: version: "2" is not a schema version this build reads; write 1
    pipelock.yaml:1:10: version: "-1" is not a whole number from 0 up; write one in decimal digits
    pipelock.yaml:1:10: version: "1.5" is not a whole number from 0 up; write one in decimal digits
    pipelock.yaml:1:18: trusted_domains: must be a list, not text; write each entry on a line of its own, after a dash
    pipelock.yaml:3:5: trusted_domains[1]: must be text, not a map of keys; put it in quotes
    pipelock.yaml:1:19: trusted_domains[0]: must be text, not nothing; put it in quotes
    pipelock.yaml:1:10: logging: must be a map of keys, not text; write each as key: value on a line of its own
    pipelock.yaml:1:10: logging: must be a map of keys, not a list; write each as key: value on a line of its own
    pipelock.yaml:3:14: dlp.patterns[0].regex: must be text, not a list; put it in quotes
    pipelock.yaml:3:13: dlp.patterns[0].name: must be text, not a number; put it in quotes
    pipelock.yaml:1:1: the file: must be a map of keys, not a list; write each as key: value on a line of its own
    pipelock.yaml:1:1: the file: must be a map of keys, not text; write each as key: value on a line of its own
    "#);
}

#[test]
fn what_is_not_one_plain_document_is_refused() {
    assert_snapshot!(refusals(&[
        "mode: strict\nmode: audit\n",
        "logging:\n  format: json\n  output: stdout\n  format: text\n",
        "sandbox:\n  - {a: 1, a: 2}\n",
        "mode: audit\n---\nmode: strict\n",
        "mode: [\n",
        "mode: strict\n\tenforce: true\n",
        "mode: *nobody\n",
        "mode: !!python/name:os.system x\n",
        "mode: !custom x\n",
        "base: &b {mode: strict}\n<<: *b\n",
        "[a]: b\n",
    ]), @r#"
    pipelock.yaml:2:1: mode: is written twice, first in line 1; keep one
    pipelock.yaml:4:3: logging.format: is written twice, first in line 2; keep one
    pipelock.yaml:2:12: sandbox[0].a: is written twice, first in line 2; keep one
    pipelock.yaml:2:1: a second document begins here; keep one in a file
    pipelock.yaml:2:1: while parsing a node, did not find expected node content
    pipelock.yaml:1:7: while scanning a plain scalar, found a tab
    pipelock.yaml:1:7: while parsing node, found unknown anchor
    pipelock.yaml:1:7: the tag tag:yaml.org,2002:!python/name:os.system has no meaning here; remove it
    pipelock.yaml:1:7: the tag !custom has no meaning here; remove it
    pipelock.yaml:2:1: merge keys are not read; write the keys out
    pipelock.yaml:1:1: a key must be text, not a list or a map
    "#);
}

#[test]
fn domains_and_networks_are_checked_entry_by_entry() {
    assert_snapshot!(refusals(&[
        "trusted_domains: [a.example.com, 'https://b.example.com/x']\n",
        "trusted_domains: ['a.example.com:443']\n",
        "api_allowlist: ['*']\n",
        "api_allowlist: ['*.com']\n",
        "tls_interception:\n  passthrough_domains: ['a*.example.com']\n",
        "trusted_domains: ['']\n",
        "trusted_domains: [\"a\\e[31m\\nb\"]\n",
        "capture:\n  cidr_bypass:\n    - 10.0.0.0/33\n",
        "capture:\n  cidr_bypass: [10.0.0.0/8, 10.1.2.3/8]\n",
        "capture:\n  cidr_bypass: [0.0.0.0/0]\n",
        "capture:\n  cidr_bypass: [10.0.0.5]\n",
        "capture:\n  cidr_bypass: [db.example.com]\n",
        "no_proxy:\n  list: 'localhost, 10.0.0.0/33'\n",
        "no_proxy:\n  list:\n    - localhost\n    - http://db.example.com\n",
        "no_proxy:\n  list: [localhost, '192.168.*']\n",
        "fetch_proxy:\n  listen: proxy.example.com:8888\n",
        "fetch_proxy:\n  listen: 127.0.0.1:99999\n",
        "fetch_proxy:\n  listen: 8888\n",
    ]), @r#"
    pipelock.yaml:1:34: trusted_domains[1]: "https://b.example.com/x" is a URL; write the host alone
    pipelock.yaml:1:19: trusted_domains[0]: "a.example.com:443" has a port; write the host alone, every port is meant
    pipelock.yaml:1:17: api_allowlist[0]: "*" would match every host; list hosts, or domains as *.example.com
    pipelock.yaml:1:17: api_allowlist[0]: "*.com" would match a whole top-level domain; write at least *.example.com
    pipelock.yaml:2:25: tls_interception.passthrough_domains[0]: "a*.example.com" has a wildcard where none may stand; write an exact host or *.example.com
    pipelock.yaml:1:19: trusted_domains[0]: "" is empty; remove it, or write a host such as api.example.com
    pipelock.yaml:1:19: trusted_domains[0]: "a\u{1b}[31m\nb" has a wildcard where none may stand; write an exact host or *.example.com
    pipelock.yaml:3:7: capture.cidr_bypass[0]: "10.0.0.0/33" is not a CIDR: the prefix length must be a number from 1 to 32; write for example 10.0.0.0/8
    pipelock.yaml:2:29: capture.cidr_bypass[1]: "10.1.2.3/8" is not a CIDR: the address has bits set beyond its prefix; write it as 10.0.0.0/8
    pipelock.yaml:2:17: capture.cidr_bypass[0]: "0.0.0.0/0" covers every address of its family; list the networks that are meant
    pipelock.yaml:2:17: capture.cidr_bypass[0]: "10.0.0.5" is not a CIDR: the prefix length is missing; write 10.0.0.5/32 for this one address
    pipelock.yaml:2:17: capture.cidr_bypass[0]: "db.example.com" is not a CIDR; write an address and a prefix length, for example 10.0.0.0/8
    pipelock.yaml:2:9: no_proxy.list: "10.0.0.0/33" is not a CIDR: the prefix length must be a number from 1 to 32; write for example 10.0.0.0/8
    pipelock.yaml:4:7: no_proxy.list[1]: "http://db.example.com" is a URL; write the host alone
    pipelock.yaml:2:21: no_proxy.list[1]: "192.168.*" has a wildcard where none may stand; write *, *.example.com, or a CIDR
    pipelock.yaml:2:11: fetch_proxy.listen: "proxy.example.com:8888" is no address to listen on; write an IP address and a port, for example 127.0.0.1:8888
    pipelock.yaml:2:11: fetch_proxy.listen: "127.0.0.1:99999" is no address to listen on; write an IP address and a port, for example 127.0.0.1:8888
    pipelock.yaml:2:11: fetch_proxy.listen: must be text, not a number; put it in quotes
    "#);
}

#[test]
fn patterns_and_other_values_are_checked() {
    assert_snapshot!(refusals(&[
        "dlp:\n  patterns:\n    - name: a\n      regex: '(unclosed'\n",
        "dlp:\n  patterns:\n    - name: a\n      regex: 'x(?=y)'\n",
        "dlp:\n  patterns:\n    - name: a\n      regex: '\\w{1000}{1000}'\n",
        "dlp:\n  patterns:\n    - name: a\n      regex: 'a*'\n",
        "dlp:\n  patterns:\n    - name: a\n",
        "dlp:\n  patterns:\n    - regex: a\n",
        "dlp:\n  patterns:\n    - {name: a, regex: b}\n    - {name: a, regex: c}\n",
        "dlp:\n  patterns:\n    - {name: a, regex: b, severity: severe}\n",
        "dlp:\n  patterns:\n    - {name: a, regex: b, validator: crc32}\n",
        "dlp:\n  patterns:\n    - {name: a, regex: b, action: block}\n",
        "dlp:\n  patterns:\n    - {name: a, regex: b, exempt_domains: ['*.com']}\n",
        "logging:\n  format: xml\n",
        "logging:\n  output: file\n",
        "tls_interception:\n  cert_ttl: 24\n",
        "tls_interception:\n  cert_ttl: 1d\n",
        "tls_interception:\n  cert_ttl: 0s\n",
        "tls_interception:\n  cert_cache_size: 0\n",
        "mode: strict\n",
        "mode: strict\napi_allowlist: []\n",
    ]), @r#"
    pipelock.yaml:4:14: dlp.patterns[0].regex: "(unclosed" is not a regular expression: unclosed group
    pipelock.yaml:4:14: dlp.patterns[0].regex: "x(?=y)" is not a regular expression: look-around, including look-ahead and look-behind, is not supported
    pipelock.yaml:4:14: dlp.patterns[0].regex: "\w{1000}{1000}" compiles to more than 10485760 bytes; use smaller repetitions
    pipelock.yaml:4:14: dlp.patterns[0].regex: "a*" matches the empty text, so it would find a secret in everything; require something
    pipelock.yaml:3:7: dlp.patterns[0]: regex is missing; add what to look for
    pipelock.yaml:3:7: dlp.patterns[0]: name is missing; add one to report
    pipelock.yaml:4:7: dlp.patterns[1]: a pattern named "a" stands before; rename one
    pipelock.yaml:3:37: dlp.patterns[0].severity: "severe" is not accepted; write one of critical, high, medium, low
    pipelock.yaml:3:38: dlp.patterns[0].validator: "crc32" is not accepted; write one of luhn, mod97, aba, wif
    pipelock.yaml:3:35: dlp.patterns[0].action: "block" is not accepted; write one of warn
    pipelock.yaml:3:44: dlp.patterns[0].exempt_domains[0]: "*.com" would match a whole top-level domain; write at least *.example.com
    pipelock.yaml:2:11: logging.format: "xml" is not accepted; write one of json, text
    pipelock.yaml:2:3: logging: output file or both needs file; add the path to write to
    pipelock.yaml:2:13: tls_interception.cert_ttl: must be text, not a number; put it in quotes
    pipelock.yaml:2:13: tls_interception.cert_ttl: "1d" is not a duration; write a number and a unit, for example 24h, 90s or 1h30m
    pipelock.yaml:2:13: tls_interception.cert_ttl: "0s" is shorter than 1m, so certificates would end while in use; write for example 24h
    pipelock.yaml:2:20: tls_interception.cert_cache_size: "0" is no size for the cache; write a number from 1 to 1000000
    pipelock.yaml:1:7: mode: strict mode needs hosts in api_allowlist; add those that may be reached
    pipelock.yaml:2:16: api_allowlist: strict mode needs hosts in api_allowlist; add those that may be reached
    "#);
}

/// A folder with a CA in it, and the messages for a section about it.
struct CaFolder(tempfile::TempDir);

impl CaFolder {
    fn new(key_mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), "certificate").unwrap();
        let key = folder.path().join("ca-key.pem");
        std::fs::write(&key, "key").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(key_mode)).unwrap();
        Self(folder)
    }

    fn load(&self, section: &str) -> Result<Config, String> {
        let path = self.0.path().join("pipelock.yaml");
        std::fs::write(&path, format!("tls_interception: {section}\n")).unwrap();
        let folder = format!("{}/", self.0.path().display());
        Config::load(&path).map(|(config, _)| config).map_err(|error| error.to_string().replace(&folder, ""))
    }
}

#[test]
fn a_ca_needs_both_files_and_a_private_key_that_is_private() {
    let refusals: Vec<String> = [
        (0o600, "{ca_cert: ca.pem}"),
        (0o600, "{ca_key: ca-key.pem}"),
        (0o600, "{ca_cert: missing.pem, ca_key: ca-key.pem}"),
        (0o600, "{enabled: true, ca_cert: ca.pem, ca_key: .}"),
        (0o644, "{enabled: true, ca_cert: ca.pem, ca_key: ca-key.pem}"),
        (0o660, "{ca_cert: ca.pem, ca_key: ca-key.pem}"),
        (0o600, "{ca_cert: ~/ca.pem, ca_key: ca-key.pem}"),
        (0o600, "{upstream_ca_files: [ca.pem, roots.pem]}"),
    ]
    .into_iter()
    .map(|(mode, section)| CaFolder::new(mode).load(section).expect_err(section))
    .collect();
    assert_snapshot!(refusals.join("\n"), @r#"
    pipelock.yaml:1:29: tls_interception.ca_cert: needs ca_key beside it; add it, or remove both
    pipelock.yaml:1:28: tls_interception.ca_key: needs ca_cert beside it; add it, or remove both
    pipelock.yaml:1:29: tls_interception.ca_cert: "missing.pem" cannot be used: missing.pem (No such file or directory (os error 2)); create it, or correct the path
    pipelock.yaml:1:60: tls_interception.ca_key: "." is not a file (.); name a PEM file
    pipelock.yaml:1:60: tls_interception.ca_key: "ca-key.pem" is a private key that others may use (mode 0644, at most 0640); run: chmod 0640 ca-key.pem
    pipelock.yaml:1:45: tls_interception.ca_key: "ca-key.pem" is a private key that others may use (mode 0660, at most 0640); run: chmod 0640 ca-key.pem
    pipelock.yaml:1:29: tls_interception.ca_cert: "~/ca.pem" begins with ~, which only a shell expands; write the whole path
    pipelock.yaml:1:48: tls_interception.upstream_ca_files[1]: "roots.pem" cannot be used: roots.pem (No such file or directory (os error 2)); create it, or correct the path
    "#);
}

#[test]
fn files_are_found_beside_the_configuration() {
    for mode in [0o400, 0o440, 0o600, 0o640] {
        let folder = CaFolder::new(mode);
        let config = folder.load("{ca_cert: ca.pem, ca_key: ./ca-key.pem, upstream_ca_files: [ca.pem]}").unwrap();
        let ca = config.tls_interception.ca.unwrap();
        assert_eq!(ca.cert, folder.0.path().join("ca.pem"), "{mode:o}");
        assert!(ca.key.is_absolute() && ca.key.exists());
        assert_eq!(config.tls_interception.upstream_ca_files, [folder.0.path().join("ca.pem")]);
    }
    // Switched off, the section may describe what is not there yet.
    assert!(CaFolder::new(0o644).load("{enabled: false, ca_cert: a, ca_key: b}").is_ok());
}

#[test]
fn session_controls_suppressions_and_the_kill_switch_are_read_and_checked() {
    let config = accepted(
        "session_profiling: {enabled: true, domain_burst: 9}\n\
         adaptive_enforcement:\n  enabled: true\n  escalation_threshold: 4\n  levels: {critical: {block_all: false}}\n\
         fetch_proxy:\n  monitoring: {max_requests_per_minute: 5, max_data_per_minute: 1.048576e+07, blocklist: ['*.paste.example']}\n\
         kill_switch: {enabled: true, sentinel_file: stop, api_token: 'abc'}\n\
         suppress:\n  - {rule: IBAN, path: api.bank.example/v1/, reason: ours, expires: 2027-01-31}\n\
         request_body_scanning: {action: warn, max_body_bytes: 100}\n",
    );
    let sessions = &config.sessions;
    assert!(sessions.profiling && sessions.adaptive && !sessions.effects[2].block_all);
    assert_eq!((sessions.domain_burst, sessions.threshold), (9, 4.0));
    assert_eq!((sessions.requests_per_minute, sessions.bytes_per_minute), (Some(5), Some(10 << 20)));
    assert!(config.kill_switch.enabled && config.kill_switch.sentinel_file.as_ref().unwrap().ends_with("stop"));
    assert!(!format!("{config:?}").contains("abc"), "no token in Debug");
    assert_eq!(config.suppressions[0].rule, "IBAN");
    assert!(config.request_bodies.on_secret == OnSecret::Warn && config.request_bodies.max_body_bytes == 100);
    assert_snapshot!(refusals(&[
        "adaptive_enforcement: {enabled: true}\n",
        "session_profiling: {enabled: true}\nadaptive_enforcement:\n  enabled: true\n  levels: {elevated: {block_all: true}}\n",
        "session_profiling: {domain_burst: 0}\n",
        "adaptive_enforcement: {escalation_threshold: 0}\n",
        "suppress: [{rule: A}]\n",
        "suppress: [{rule: A, path: '*'}]\n",
        "suppress: [{rule: A, path: /x, expires: tomorrow}]\n",
        "kill_switch: {api_token: ' '}\n",
        "request_body_scanning: {action: strip}\n",
        "redaction: {enabled: true}\n",
        "redaction: {profiles: {a: {classes: [iban]}}}\n",
        "redaction: {profiles: {a: {dictionaries: [b]}}}\n",
        "redaction: {dictionaries: {b: {class: 'a:b', entries: [x]}}}\n",
        "redaction: {enabled: true, default_profile: a, profiles: {a: {classes: [email]}}}\nrequest_body_scanning: {enabled: false}\n",
    ]), @r#"
    pipelock.yaml:1:23: adaptive_enforcement: enabled needs session_profiling.enabled: true; add it
    pipelock.yaml:4:11: adaptive_enforcement.levels: a higher level is milder than a lower one; make it at least as strict
    pipelock.yaml:1:35: session_profiling.domain_burst: "0" is outside of what makes sense; write a number from 1 to 1000
    pipelock.yaml:1:46: adaptive_enforcement.escalation_threshold: "0" is outside of what makes sense; write a number above 0
    pipelock.yaml:1:12: suppress[0]: path is missing; write where, for example api.example.com/v1/*
    pipelock.yaml:1:12: suppress[0]: path matches everything, so that the rule would be off; name a host or a path
    pipelock.yaml:1:41: suppress[0].expires: "tomorrow" is no day; write one such as 2027-01-31
    pipelock.yaml:1:26: kill_switch.api_token: is no token; write a long random one
    pipelock.yaml:1:33: request_body_scanning.action: "strip" is not accepted; write one of warn, block, redact
    pipelock.yaml:1:12: redaction: enabled needs default_profile, the name of one of profiles; add both
    pipelock.yaml:1:38: redaction.profiles.a.classes[0]: "iban" is no class; write one of aws-access-key, google-api-key, github-token, slack-token, jwt, ssh-private-key, sha512, sha256, sha1, md5, ipv4, cidr, ipv6, mac, email, fqdn, ad-user, ssn, credit-card
    pipelock.yaml:1:43: redaction.profiles.a.dictionaries[0]: "b" is no name from redaction.dictionaries; add it there
    pipelock.yaml:1:39: redaction.dictionaries.b.class: "a:b" is no class; write small letters, digits and hyphens
    pipelock.yaml:1:12: redaction: enabled needs request_body_scanning.enabled: true; remove one of the two
    "#);
}

#[test]
fn what_is_accepted_without_effect_is_said() {
    assert_snapshot!(warnings(
        "mode: audit\n\
         enforce: true\n\
         sandbox:\n  enabled: true\n\
         license_key: abc\n\
         tls_interception:\n  max_response_bytes: 5\n\
         fetch_proxy:\n  listen: ':8888'\n  monitoring:\n    max_url_length: 9\n\
         dlp:\n  include_defaults: false\n\
         cross_request_detection:\n  entropy_budget: {enabled: true}\n\
         no_proxy:\n  list: 'localhost,*'\n"
    ), @r#"
    pipelock.yaml:2:10: enforce: mode audit with enforce: true blocks like balanced; remove enforce to only record
    pipelock.yaml:3:1: sandbox: no effect: a gateway starts no agent; the pod's or the unit's own settings jail it
    pipelock.yaml:5:1: license_key: no effect: nothing here needs one
    pipelock.yaml:7:3: tls_interception.max_response_bytes: not in force yet: long answers are judged while they pass, whatever their size
    pipelock.yaml:9:11: fetch_proxy.listen: the proxy is open to everyone who can reach this address; 127.0.0.1 keeps it local
    pipelock.yaml:11:5: fetch_proxy.monitoring.max_url_length: not in force yet: targets are judged by the built-in bounds
    pipelock.yaml:13:3: dlp: include_defaults: false without patterns: of all formats only those of the floor are looked for
    pipelock.yaml:15:3: cross_request_detection.entropy_budget: not in force yet: pieces are judged by what they give together, not by how random they are
    pipelock.yaml:17:9: no_proxy.list: * relays every connection unopened: nothing is scanned
    "#);
    assert_eq!(warnings("mode: strict\napi_allowlist: [a.example.com]\nenforce: true\n"), "");
}

#[test]
fn bindings_tokens_and_pieces_are_checked() {
    let binding = |entry: &str| format!("credential_binding:\n  providers:\n    - {entry}\n");
    assert_snapshot!(refusals(&[
        &binding("{rules: [A], hosts: any, placements: [query a]}"),
        &binding("{provider: P, hosts: any, placements: [query a]}"),
        &binding("{provider: P, rules: [A], placements: [query a]}"),
        &binding("{provider: P, rules: [A], hosts: ['*.com'], placements: [query a]}"),
        &binding("{provider: P, rules: [A], hosts: all, placements: [query a]}"),
        &binding("{provider: P, rules: any, hosts: any, placements: [query a]}"),
        &binding("{provider: P, rules: [A], hosts: [a.example.com], placements: ['header: x']}"),
        &binding("{provider: P, rules: [A], hosts: [a.example.com], placements: []}"),
        &binding("{provider: P, variables: [A B], hosts: [a.example.com], placements: [query a]}"),
        "credential_binding:\n  provider: []\n",
        "canary_tokens: {enabled: true}\n",
        "canary_tokens:\n  tokens: [{name: a, value: short}]\n",
        "canary_tokens:\n  tokens: [{name: a, value: 0123456789a}, {name: A, value: 0123456789b}]\n",
        "cross_request_detection: {action: redact}\n",
        "cross_request_detection:\n  fragment_reassembly: {max_buffer_bytes: 1}\n",
        "dlp: {min_env_secret_length: 4}\n",
        "dlp: {secrets_file: /nonexistent/secrets.txt}\n",
        "workload_env: {names: [A B]}\n",
        "workload_env: {names: [SEED], ignore: [seed]}\n",
        "workload_env: {min_length: 7}\n",
        "dlp: {min_env_secret_length: 9}\nworkload_env: {min_length: 9}\n",
        "workload_env: {min_entropy: 9}\n",
        "workload_env: {files: [/nonexistent/app.env]}\n",
        "providers: [{provider: P, variables: [A], hosts: [a.example.com], placements: [query a]}]\ncredential_binding:\n  providers: [{provider: P, variables: [A], hosts: [a.example.com], placements: [query a]}]\n",
    ]), @r#"
    pipelock.yaml:3:7: credential_binding.providers[0]: provider is missing; add a name for the entry
    pipelock.yaml:3:7: credential_binding.providers[0]: rules is missing; list the rules that find its credentials, or the variables that hold them
    pipelock.yaml:3:7: credential_binding.providers[0]: hosts is missing; list the provider's own, or write any
    pipelock.yaml:3:41: credential_binding.providers[0].hosts[0]: "*.com" would match a whole top-level domain; write at least *.example.com
    pipelock.yaml:3:40: credential_binding.providers[0].hosts: "all" is not accepted; write any, or a list
    pipelock.yaml:3:7: credential_binding.providers[0]: rules: any with hosts: any would excuse every secret; list the rules or the hosts
    pipelock.yaml:3:70: credential_binding.providers[0].placements[0]: "header: x" names no place; write header NAME [SCHEME], query KEY, path /PREFIX or body KEY
    pipelock.yaml:3:69: credential_binding.providers[0].placements: is empty, so that the entry says nothing; list a place, or remove the entry
    pipelock.yaml:3:33: credential_binding.providers[0].variables[0]: "A B" is no name of an environment variable; write one such as API_KEY
    pipelock.yaml:2:3: credential_binding.provider: is not a known key; did you mean providers?
    pipelock.yaml:1:16: canary_tokens: enabled needs tokens; add one, or remove enabled
    pipelock.yaml:2:29: canary_tokens.tokens[0].value: is shorter than 8 characters, which occur by chance; make it longer
    pipelock.yaml:2:43: canary_tokens.tokens[1]: a token named "A" stands before; rename one
    pipelock.yaml:1:35: cross_request_detection.action: "redact" is not accepted; write one of block, warn
    pipelock.yaml:2:43: cross_request_detection.fragment_reassembly.max_buffer_bytes: "1" is no size for the buffer; write a number from 4096 to 65536
    pipelock.yaml:1:30: dlp.min_env_secret_length: "4" is no length for a secret: shorter values stand in ordinary text; write a number from 8 to 4096
    pipelock.yaml:1:21: dlp.secrets_file: "/nonexistent/secrets.txt" cannot be used: /nonexistent/secrets.txt (No such file or directory (os error 2)); create it, or correct the path
    pipelock.yaml:1:24: workload_env.names[0]: "A B" is no name of an environment variable; write one such as VAULT_SEED, with a * at its begin or its end at most
    pipelock.yaml:1:39: workload_env.ignore: SEED stands in names, too; remove one of the two
    pipelock.yaml:1:28: workload_env.min_length: "7" is outside of what makes sense; write a number from 8 to 4096
    pipelock.yaml:2:28: workload_env.min_length: stands in dlp.min_env_secret_length, too; remove one of the two
    pipelock.yaml:1:29: workload_env.min_entropy: "9" is outside of what makes sense; write a number above 0, at most 8
    pipelock.yaml:1:24: workload_env.files[0]: "/nonexistent/app.env" cannot be used: /nonexistent/app.env (No such file or directory (os error 2)); create it, or correct the path
    pipelock.yaml:1:13: providers[0]: an entry named "P" stands before; rename one
    "#);
}

#[test]
fn an_entry_of_the_file_replaces_the_built_in_one_of_its_name() {
    let built_in = CredentialBindings::default();
    let text = "credential_binding:\n  providers:\n    - provider: OpenAI\n      rules: [OpenAI API Key]\n      \
                hosts: [llm.example.com]\n      placements: [header authorization bearer]\n";
    let config = accepted(text).credential_binding;
    assert_eq!(config.providers.len(), built_in.providers.len());
    let openai: Vec<_> = config.providers.iter().filter(|entry| entry.provider == "OpenAI").collect();
    assert_eq!(openai.len(), 1);
    let host = |name| PeerName::Dns(ServerName::parse(name).unwrap());
    assert!(openai[0].hosts.matches(Some(&host("llm.example.com"))));
    assert!(!openai[0].hosts.matches(Some(&host("api.openai.com"))));
    let none = accepted("credential_binding: {include_defaults: false}\n").credential_binding;
    assert_eq!(none.providers, []);
}

/// Every key of the file with the tables it stands in, outermost first, and whether the way there is in force.
fn all_keys() -> Vec<(Vec<&'static schema::Key>, bool)> {
    fn below(path: &[&'static schema::Key], in_force: bool, all: &mut Vec<(Vec<&'static schema::Key>, bool)>) {
        let keys = path.last().map_or(keys::TOP_LEVEL, |key| key.kind.keys().unwrap_or_default());
        for key in keys {
            let path: Vec<_> = path.iter().copied().chain([key]).collect();
            let in_force = in_force && key.effect == schema::Effect::InForce;
            all.push((path.clone(), in_force));
            below(&path, in_force, all);
        }
    }
    let mut all = Vec::new();
    below(&[], true, &mut all);
    all
}

/// A file that holds one key and its value.
fn one_key(path: &[&'static schema::Key], value: &str) -> String {
    path.iter().enumerate().fold(String::new(), |mut text, (depth, key)| {
        let outer = depth.checked_sub(1).and_then(|outer| path.get(outer)).map(|key| key.kind);
        // One more level of nesting where a list or names stand between.
        let (indent, dash) = match outer {
            Some(schema::Kind::List(_)) => (depth * 4, "- "),
            Some(schema::Kind::Named(_)) => {
                writeln!(text, "{}some-name:", " ".repeat(depth * 4 - 2)).unwrap();
                (depth * 4, "")
            }
            _ => (depth * 4, ""),
        };
        let end = if depth + 1 == path.len() { format!(" {value}") } else { String::new() };
        writeln!(text, "{}{dash}{}:{end}", " ".repeat(indent), key.name).unwrap();
        text
    })
}

#[test]
fn every_key_of_the_tables_is_read_where_it_is_in_force_and_told_of_where_it_is_not() {
    for (path, in_force) in all_keys() {
        // An empty value is as good as none, but the key must be known.
        let text = one_key(&path, "");
        match parse(&text) {
            Ok(_) => {}
            Err(error) => assert!(!error.to_string().contains("not a known key"), "{error}\n{text}"),
        }
        let depth = path.len();
        if !in_force && depth == 1 {
            let value = match path[0].kind {
                schema::Kind::Bool => "true",
                schema::Kind::Listen => "127.0.0.1:1",
                schema::Kind::Text | schema::Kind::Path => "text",
                schema::Kind::List(_) => continue,
                _ => "{no_such_key: 1}",
            };
            let text = one_key(&path, value);
            match parse(&text) {
                Ok((_, said)) => assert_eq!(said.len(), 1, "{text}"),
                Err(error) => assert!(error.to_string().contains("no_such_key"), "strict at any depth: {error}"),
            }
        }
    }
}

/// What no key of this kind takes; `None` where a section reads whatever is there.
fn wrong_value(kind: schema::Kind) -> Option<&'static str> {
    match kind {
        schema::Kind::Any => None,
        schema::Kind::Map(_) | schema::Kind::Named(_) | schema::Kind::List(_) => Some("5"),
        schema::Kind::TextOrList | schema::Kind::WordOrList(_) => Some("{a: b}"),
        _ => Some("[[x]]"),
    }
}

/// The key as messages write it.
fn written(path: &[&'static schema::Key]) -> String {
    let mut name = String::new();
    for (depth, key) in path.iter().enumerate() {
        match depth.checked_sub(1).map(|outer| path[outer].kind) {
            Some(schema::Kind::List(_)) => name.push_str("[0]."),
            Some(schema::Kind::Named(_)) => name.push_str(".some-name."),
            Some(_) => name.push('.'),
            None => {}
        }
        name.push_str(key.name);
    }
    name
}

#[test]
fn a_wrong_value_of_any_key_is_one_error_that_names_the_key() {
    let (mut tried, mut exact) = (0, 0);
    for (path, _) in all_keys() {
        let Some(wrong) = wrong_value(path[path.len() - 1].kind) else { continue };
        let text = one_key(&path, wrong);
        let Err(error) = parse(&text) else { panic!("{text} is accepted") };
        let message = error.to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        // A sibling that must be there may be missed first; then the message names the section around both.
        assert!(message.contains(&format!(": {}", path[0].name)), "{message}\n{text}");
        tried += 1;
        exact += usize::from(message.contains(&format!(": {}:", written(&path))));
    }
    assert!(tried > 300 && exact * 10 > tried * 8, "{exact} of {tried} name the very key");
}

#[test]
fn documented_defaults_are_what_is_in_force_without_the_key() {
    let without = format!("{:?}", accepted(""));
    let mut tried = 0;
    for (path, in_force) in all_keys() {
        let key = path[path.len() - 1];
        let listed = path
            .iter()
            .any(|key| matches!(key.kind, schema::Kind::List(_) | schema::Kind::Named(_)) && key.kind.keys().is_some());
        if !in_force || key.default.is_empty() || listed {
            continue;
        }
        let text = one_key(&path, key.default);
        assert_eq!(format!("{:?}", accepted(&text)), without, "{text}");
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn an_empty_file_means_the_defaults() {
    for text in ["", "\n", "# nothing\n", "---\n", "~\n", "{}\n", "\u{feff}", "mode:\ndlp: ~\nlogging: null\n"] {
        let config = accepted(text);
        assert_eq!((config.mode, config.enforces(), config.effective_mode()), (Mode::Balanced, true, Mode::Balanced));
        assert_eq!(config.tls_interception.enabled, None, "{text:?}");
        assert_eq!(config.tls_interception.cert_ttl, Duration::from_hours(24));
        assert_eq!(config.tls_interception.cert_cache_size.get(), 4096);
        assert_eq!(config.fetch_proxy.listen.to_string(), "127.0.0.1:8888");
        assert_eq!(config.dlp, Dlp::default());
        assert_eq!(config.logging, Logging::default());
        assert!(config.logging.include_allowed && config.logging.include_blocked);
        assert!(
            config.api_allowlist.is_empty()
                && config.no_proxy == NoProxy::default()
                && config.capture.cidr_bypass.is_empty()
        );
    }
}

#[test]
fn without_a_file_strict_mode_has_hosts() {
    let config = Config::default();
    assert_eq!(config.api_allowlist.iter().count(), DEFAULT_ALLOWLIST.len());
    assert_eq!(config.source.digest(), "defaults");
    let (config, warnings) = config.with_mode(Mode::Strict).unwrap();
    assert_eq!((config.effective_mode(), warnings.len()), (Mode::Strict, 0));
}

#[test]
fn pinned_hosts_are_passed_through_unless_the_key_is_given() {
    let passes = |text: &str, host: &str| {
        let host = PeerName::Dns(ServerName::parse(host).unwrap());
        accepted(text).tls_interception.passthrough_domains.matches(&host)
    };
    for host in DEFAULT_PASSTHROUGH_HOSTS {
        assert!(passes("", host));
        assert!(passes("tls_interception: {enabled: true}", host));
        assert!(!passes("tls_interception: {passthrough_domains: []}", host));
        assert!(!passes("tls_interception: {passthrough_domains: [other.example.com]}", host));
    }
}

const DEFAULT_PASSTHROUGH_HOSTS: [&str; 3] = ["api.stripe.com", "files.stripe.com", "connect.stripe.com"];

#[test]
fn mode_and_enforce_give_one_effective_mode() {
    for (text, enforces, effective) in [
        ("mode: balanced", true, Mode::Balanced),
        ("mode: balanced\nenforce: false", false, Mode::Audit),
        ("mode: balanced\nenforce: ~", true, Mode::Balanced),
        ("mode: audit", false, Mode::Audit),
        ("mode: audit\nenforce: false", false, Mode::Audit),
        ("mode: audit\nenforce: true", true, Mode::Balanced),
        ("mode: strict\napi_allowlist: [a.test]", true, Mode::Strict),
        ("mode: strict\napi_allowlist: [a.test]\nenforce: no", false, Mode::Audit),
    ] {
        let config = accepted(text);
        assert_eq!((config.enforces(), config.effective_mode()), (enforces, effective), "{text}");
    }
}

#[test]
fn the_command_line_may_change_the_mode_but_not_silently_weaken_it() {
    let error = accepted("mode: audit").with_mode(Mode::Strict).unwrap_err();
    assert_snapshot!(error, @"mode strict needs api_allowlist, but pipelock.yaml lists no host; add the hosts that may be reached");
    let (config, warnings) = accepted("enforce: false").with_mode(Mode::Balanced).unwrap();
    assert_eq!(config.effective_mode(), Mode::Audit);
    assert_snapshot!(warnings[0], @"enforce: false in pipelock.yaml stays in force under mode balanced: nothing is blocked");
    let (config, warnings) = accepted("enforce: true").with_mode(Mode::Audit).unwrap();
    assert_eq!(config.effective_mode(), Mode::Balanced);
    assert_snapshot!(warnings[0], @"enforce: true in pipelock.yaml stays in force under mode audit: it blocks like balanced");
    let (config, warnings) = accepted("mode: audit").with_mode(Mode::Balanced).unwrap();
    assert_eq!((config.effective_mode(), warnings.len()), (Mode::Balanced, 0));
}

#[test]
fn a_full_file_is_read_as_written() {
    let config = accepted(
        "version: 1\n\
         mode: strict\n\
         enforce: on\n\
         trusted_domains: &hosts [Api.Example.COM., '*.corp.example.com']\n\
         api_allowlist: *hosts\n\
         tls_interception:\n  enabled: yes\n  cert_ttl: 1h30m\n  cert_cache_size: 10\n\
         no_proxy:\n  list:\n    - .svc.cluster.local,127.0.0.1\n    - db.example.com:5432\n\
         capture:\n  cidr_bypass: [192.0.2.0/24, '2001:db8::/32']\n\
         dlp:\n  include_defaults: false\n  patterns:\n\
         \x20   - name: Card\n      regex: '\\d{16}'\n      severity: low\n      validator: luhn\n\
         \x20     exempt_domains: ['*.pay.example.com']\n      action: warn\n\
         \x20   - {name: Ticket, regex: TKT-\\d+}\n\
         logging: {format: text, output: file, file: logs/audit.log, include_allowed: false}\n\
         fetch_proxy: {listen: 'localhost:9999'}\n",
    );
    assert_eq!((config.mode, config.enforce, config.tls_interception.enabled), (Mode::Strict, Some(true), Some(true)));
    let hosts: Vec<String> = config.api_allowlist.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["api.example.com", "*.corp.example.com"]);
    assert_eq!(config.trusted_domains, config.api_allowlist);
    assert_eq!(config.tls_interception.cert_ttl, Duration::from_mins(90));
    assert_eq!(config.tls_interception.cert_cache_size.get(), 10);
    let entries: Vec<String> = config.no_proxy.list.iter().map(ToString::to_string).collect();
    assert_eq!(entries, ["svc.cluster.local", "127.0.0.1", "db.example.com:5432"]);
    assert!(config.no_proxy.list.find_address(OriginalDst::new("127.0.0.1:1".parse().unwrap())).is_some());
    assert_eq!(config.capture.cidr_bypass.len(), 2);
    let [card, ticket] = config.dlp.patterns.as_slice() else { panic!("{:?}", config.dlp) };
    assert_eq!(
        (card.severity, card.validator, card.warn_only),
        (Severity::Low, Some(crate::model::Validator::Luhn), true)
    );
    assert_eq!((ticket.severity, ticket.validator, ticket.warn_only), (Severity::High, None, false));
    assert_eq!(ticket.regex, "TKT-\\d+");
    assert_eq!(config.logging.output, LogOutput::File(std::env::current_dir().unwrap().join("logs/audit.log")));
    assert_eq!((config.logging.format, config.logging.include_allowed), (LogFormat::Text, false));
    assert_eq!(config.fetch_proxy.listen.to_string(), "127.0.0.1:9999");
}

#[test]
fn patterns_of_tool_calls_are_read_with_their_categories_and_bounds() {
    let config = accepted(
        "tool_chain_detection:\n  window_size: 10\n  window_seconds: 30\n  max_gap: 0\n  \
         tool_categories: {ledger: [post_entry], read: [peek], exec: ['job_*']}\n  \
         pattern_overrides: {read-then-exec: warn, Shell Burst: block}\n  \
         custom_patterns:\n  - {name: A, sequence: [read, ledger]}\n  - {name: B, sequence: [ledger, ledger], severity: medium, action: warn}\n",
    );
    let chains = config.mcp.chains;
    assert_eq!(
        (chains.rules.window_calls, chains.rules.window, chains.rules.max_gap),
        (10, Duration::from_secs(30), 0)
    );
    let ledger = ToolCategory::named("ledger");
    let categories: Vec<&ToolCategory> = chains.rules.categories.iter().map(|(category, _)| category).collect();
    assert_eq!(categories, [&ToolCategory::Execute, &ToolCategory::Read, &ledger], "in the order in which they count");
    let actions = [("Read Then Execute", false), ("Shell Burst", true), ("B", false)];
    assert_eq!(chains.actions, actions.map(|(name, blocks)| (name.to_owned(), blocks)));
    let [first, second] = chains.rules.patterns.as_slice() else { panic!("{:?}", chains.rules) };
    assert_eq!((first.severity, second.severity), (Severity::High, Severity::Medium));
    assert_eq!(first.steps, [ToolCategory::Read, ledger]);

    assert_snapshot!(refusals(&[
        "tool_chain_detection: {window_size: 0}\n",
        "tool_chain_detection: {max_gap: 201}\n",
        "tool_chain_detection: {pattern_overrides: {read-exec: block}}\n",
        "tool_chain_detection: {pattern_overrides: {shell-burst: allow}}\n",
        "tool_chain_detection: {custom_patterns: [{sequence: [read, exec]}]}\n",
        "tool_chain_detection: {custom_patterns: [{name: A, sequence: [read]}]}\n",
        "tool_chain_detection: {custom_patterns: [{name: A, sequence: [read, ledger]}]}\n",
        "tool_chain_detection: {custom_patterns: [{name: A, sequence: [read, exec], severity: low}]}\n",
        "tool_chain_detection: {custom_patterns: [{name: shell-burst, sequence: [read, exec]}]}\n",
        "tool_chain_detection: {tool_categories: {'': [a]}}\n",
    ]), @r#"
    pipelock.yaml:1:37: tool_chain_detection.window_size: "0" is outside of what makes sense; write a number from 1 to 200
    pipelock.yaml:1:33: tool_chain_detection.max_gap: "201" is outside of what makes sense; write a number from 0 to 200
    pipelock.yaml:1:55: tool_chain_detection.pattern_overrides.read-exec: there is no such pattern; write one of read-then-exec, read-write-send, env-then-network, directory-scan, write-execute, write-chmod-execute, read-sensitive-write, shell-burst, write-persist, persist-callback, read-sensitive-send, send-delete, read-private-publish
    pipelock.yaml:1:57: tool_chain_detection.pattern_overrides.shell-burst: "allow" is not accepted; write one of warn, block
    pipelock.yaml:1:42: tool_chain_detection.custom_patterns[0]: name is missing; add it to the pattern
    pipelock.yaml:1:62: tool_chain_detection.custom_patterns[0].sequence: needs from two to 20 categories, in their order
    pipelock.yaml:1:69: tool_chain_detection.custom_patterns[0].sequence[1]: "ledger" is no category; write one of exec, persist, env, network, delete, write, read, list, or list its tools in tool_categories
    pipelock.yaml:1:86: tool_chain_detection.custom_patterns[0].severity: "low" is not accepted; write one of medium, high, critical
    pipelock.yaml:1:49: tool_chain_detection.custom_patterns[0].name: "shell-burst" is the name of another pattern; choose one of its own
    pipelock.yaml:1:41: tool_chain_detection.tool_categories: a category has no name; write one before the colon
    "#);
}

#[test]
fn files_are_read_within_bounds_and_known_by_their_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipelock.yaml");

    std::fs::write(&path, "abc: 1").unwrap();
    assert!(matches!(Config::load(&path), Err(Error::Invalid { .. })));

    std::fs::write(&path, "").unwrap();
    let (config, _) = Config::load(&path).unwrap();
    // SHA-256 of nothing, FIPS 180-4.
    assert_eq!(config.source.digest(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    let exact = format!("#{}", " ".repeat(usize::try_from(MAX_FILE_BYTES).unwrap() - 1));
    std::fs::write(&path, &exact).unwrap();
    assert!(Config::load(&path).is_ok());
    std::fs::write(&path, format!("{exact} ")).unwrap();
    assert!(matches!(Config::load(&path), Err(Error::TooLarge { .. })));

    std::fs::write(&path, b"mode: audit\n# \xff\n").unwrap();
    assert!(matches!(Config::load(&path), Err(Error::NotText { line: 2, .. })));

    assert!(matches!(Config::load(folder.path()), Err(Error::Read { .. })));
}

/// A file that uses everything, for mutation.
const SEED: &str = "\
mode: strict
enforce: true
trusted_domains: [api.example.com, '*.corp.example.com']
api_allowlist:
  - a.example.com
tls_interception:
  enabled: true
  passthrough_domains: [pinned.example.com]
  cert_ttl: 24h
  cert_cache_size: 100
no_proxy: {list: 'localhost,.svc.cluster.local 10.0.0.0/8'}
capture:
  cidr_bypass: [192.0.2.0/24]
dlp:
  include_defaults: false
  patterns:
    - {name: Ticket, regex: 'TKT-[0-9]+', severity: low, validator: luhn, action: warn}
logging: {format: json, output: both, file: audit.log}
fetch_proxy: {listen: '127.0.0.1:8888'}
kill_switch: {enabled: false}
";

/// Replaces the bytes of a range by others; ranges are in characters, taken modulo the length.
fn mutate(text: &str, edits: &[(usize, usize, String)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (at, cut, insert)| {
        let chars: Vec<char> = text.chars().collect();
        let at = at % (chars.len() + 1);
        let end = (at + cut).min(chars.len());
        chars[..at].iter().chain(insert.chars().collect::<Vec<_>>().iter()).chain(&chars[end..]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_files_never_panic_and_every_error_names_a_line(
        edits in prop::collection::vec((any::<usize>(), 0..12_usize, "[a-z:\\[\\]{}'\"*&!|>,#/0-9. \n\t-]{0,6}"), 1..4),
    ) {
        let text = mutate(SEED, &edits);
        if let Err(error) = parse(&text) {
            let message = error.to_string();
            let place = message.strip_prefix("pipelock.yaml:").and_then(|rest| {
                let mut parts = rest.splitn(3, ':');
                Some((parts.next()?.parse::<usize>().ok()?, parts.next()?.parse::<usize>().ok()?, parts.next()?))
            });
            prop_assert!(
                place.is_some_and(|(line, column, rest)| {
                    line >= 1 && line <= text.lines().count() + 1 && column >= 1 && rest.len() > 3
                }),
                "{message}\n{text}"
            );
            prop_assert_eq!(message.lines().count(), 1, "{}", message);
        }
    }
}

#[test]
fn what_becomes_of_answers_is_read_and_where_nobody_is_asked_it_blocks() {
    let responses = |text: &str| accepted(text).response_scanning;
    assert_eq!(responses(""), ResponseScanning::default());
    assert!(responses("response_scanning: {action: block}").enabled);
    assert!(responses("response_scanning: {action: warn}").on_orders == OnOrders::Warn);
    assert!(!responses("response_scanning: {enabled: false}").enabled);
    assert!(responses("response_scanning: {action: strip}").on_orders == OnOrders::Strip);
    assert_snapshot!(warnings("response_scanning:\n  action: ask\n  patterns: []\n"), @r"
    pipelock.yaml:2:11: response_scanning.action: there is nobody to ask in a gateway; such answers are blocked
    ");
}

#[test]
fn websockets_are_judged_unless_they_are_switched_off() {
    let read = |text: &str| accepted(text).websocket_proxy;
    assert!(read("").enabled && read("").allow_binary_frames);
    let all = read(
        "websocket_proxy: {enabled: false, max_message_bytes: 2048, allow_binary_frames: false, \
         idle_timeout_seconds: 300, max_connection_seconds: 3600, strip_compression: true}",
    );
    assert!(!all.enabled && !all.allow_binary_frames);
    assert_eq!((all.max_message_bytes.get(), all.idle_timeout), (2048, Duration::from_mins(5)));
    assert_eq!(all.max_connection, Some(Duration::from_hours(1)));
    assert_snapshot!(refusals(&[
        "websocket_proxy:\n  max_message_bytes: 10\n",
        "websocket_proxy:\n  idle_timeout_seconds: 0\n",
    ]), @r#"
    pipelock.yaml:2:22: websocket_proxy.max_message_bytes: "10" is no size for a message; write a number from 1024 to 67108864
    pipelock.yaml:2:25: websocket_proxy.idle_timeout_seconds: "0" is no time limit; write a number of seconds from 1 to 604800 (a week)
    "#);
}

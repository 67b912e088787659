//! Refusing to start: one clear error that names the remedy, exit code 2, the command not run, nothing attached.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipelock_tests::e2e;
use pipelock_tests::gateway::{Exec, Outcome, binary};
use pipelock_tests::harness::Case;
use pipelock_tests::need::Need;
use pipelock_tests::node::Node;
use pipelock_tests::pki::Root;
use pipelock_tests::process::{self, DEADLINE};
use pipelock_tests::traces::Traces;

/// A configuration, and the words its error must have: the culprit first, then what to do about it. `{dir}` stands for
/// a directory with a certificate `ca.pem`, its key `open.key` that everybody may read, and `ca.key` that only root may.
const CONFIGURATIONS: &[(&str, &str, &[&str])] = &[
    ("unknown_key", "version: 1\nmodus: strict\n", &["modus"]),
    ("unknown_nested_key", "version: 1\ntls_interception:\n  enabeld: true\n", &["enabeld"]),
    ("wrong_type", "version: 1\ntls_interception:\n  enabled: sometimes\n", &["enabled", "true"]),
    ("unknown_mode", "version: 1\nmode: paranoid\n", &["paranoid", "strict"]),
    ("not_yaml", "version: [1\n", &["pipelock.yaml"]),
    ("duplicate_key", "version: 1\nmode: strict\nmode: audit\n", &["mode"]),
    ("bad_cidr", "version: 1\ncapture:\n  cidr_bypass: [\"10.0.0.0/33\"]\n", &["10.0.0.0/33"]),
    ("bad_no_proxy", "version: 1\nno_proxy:\n  list: [\"10.0.0.0/99\"]\n", &["10.0.0.0/99"]),
    ("strict_without_allow_list", "version: 1\nmode: strict\n", &["api_allowlist"]),
    (
        "missing_ca",
        "version: 1\ntls_interception:\n  enabled: true\n  ca_cert: {dir}/none.pem\n  ca_key: {dir}/ca.key\n",
        &["none.pem"],
    ),
    (
        "world_readable_key",
        "version: 1\ntls_interception:\n  enabled: true\n  ca_cert: {dir}/ca.pem\n  ca_key: {dir}/open.key\n",
        &["open.key", "chmod"],
    ),
    (
        "key_of_another_certificate",
        "version: 1\ntls_interception:\n  enabled: true\n  ca_cert: {dir}/ca.pem\n  ca_key: {dir}/other.key\n",
        &["other.key"],
    ),
    ("missing_upstream_ca", "version: 1\ntls_interception:\n  upstream_ca_files: [{dir}/none.pem]\n", &["none.pem"]),
    ("bad_pattern", "version: 1\ndlp:\n  patterns: [{name: Broken, regex: \"a(b\"}]\n", &["a(b", "patterns[0]"]),
];

pub(crate) fn cases() -> Vec<Case> {
    let needs = [Need::Bpf, Need::CgroupV2, Need::Pipelock];
    let mut cases: Vec<Case> = CONFIGURATIONS
        .iter()
        .map(|&(name, text, words)| {
            Case::new(format!("refusal::{name}"), needs, move |node| configuration(node, text, words)).alone()
        })
        .collect();
    cases.push(e2e!(missing_configuration_file_is_named, needs: [Bpf, CgroupV2, Pipelock], missing_file).alone());
    cases
        .push(e2e!(missing_capability_is_named, needs: [Bpf, CgroupV2, Pipelock, Setpriv], missing_capability).alone());
    cases.push(e2e!(kernel_without_cgroup_v2_is_refused, needs: [Bpf, CgroupV2, Pipelock], no_cgroup_v2).alone());
    cases.push(e2e!(check_agrees_with_exec, needs: [Pipelock], check_agrees));
    cases
}

fn configuration(node: &Node, text: &str, words: &[&str]) -> Result<()> {
    let text = text.replace("{dir}", &node.directory().display().to_string());
    certificates(node.directory())?;
    let before = Traces::take()?;
    let marker = node.directory().join("the-command-ran");
    let outcome = Exec::on(node).config(text).run(["touch".as_ref(), marker.as_os_str()])?;
    refused(&outcome, words)?;
    ensure!(!marker.exists(), "the command ran all the same");
    before.expect_none_new()
}

fn refused(outcome: &Outcome, words: &[&str]) -> Result<()> {
    let said = &outcome.finished.stderr;
    ensure!(outcome.code() == Some(2), "exit code {:?}, not 2: {outcome:#?}", outcome.code());
    for word in words {
        ensure!(said.contains(word), "the error does not say {word:?}: {said}");
    }
    ensure!(!said.contains("panicked"), "{said}");
    let errors = said.lines().filter(|line| line.starts_with("pipelock: ")).count();
    ensure!(errors == 1, "not one error but {errors}: {said}");
    ensure!(outcome.audit.is_empty(), "{outcome:#?}");
    Ok(())
}

fn missing_file(node: &Node) -> Result<()> {
    let mut command = node.command(binary());
    command.args(["exec", "--config", "/there/is/no.yaml", "--", "true"]);
    let finished = process::run(command, DEADLINE)?;
    ensure!(finished.status.code() == Some(2) && finished.stderr.contains("/there/is/no.yaml"), "{finished:#?}");
    Ok(())
}

/// Root in name only: what is missing must be called by its name.
fn missing_capability(node: &Node) -> Result<()> {
    let before = Traces::take()?;
    for missing in ["net_admin", "sys_admin", "bpf"] {
        let mut command = node.command("setpriv");
        // CAP_SYS_ADMIN contains CAP_BPF, so the latter is only missing without both.
        let taken = if missing == "bpf" { "-bpf,-sys_admin".to_owned() } else { format!("-{missing}") };
        command.args(["--bounding-set", &taken, "--inh-caps", &taken]).arg(binary()).args(["exec", "--", "true"]);
        let finished = process::run(command, DEADLINE)?;
        let name = format!("CAP_{}", missing.to_uppercase());
        ensure!(finished.status.code() == Some(2), "without {name}: {finished:#?}");
        ensure!(finished.stderr.contains(&name), "{name} is not named: {}", finished.stderr);
    }
    before.expect_none_new()
}

/// A machine that lacks a feature, made by taking its mount away in a copy of the mount tree. What cannot be taken away
/// from a running kernel is faked in the tests of `capture::probe`.
fn no_cgroup_v2(node: &Node) -> Result<()> {
    let before = Traces::take()?;
    let marker = node.directory().join("the-command-ran");
    let script = "for at in $(awk '$3 == \"cgroup2\" { print $2 }' /proc/self/mounts); do umount -l \"$at\" || exit 99; \
                  done; exec \"$@\"";
    let mut command = node.command("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(binary()).args(["exec", "--", "touch"]).arg(&marker);
    let finished = process::run(command, DEADLINE)?;
    ensure!(finished.status.code() == Some(2), "{finished:#?}");
    ensure!(finished.stderr.to_lowercase().contains("cgroup"), "the missing feature is not named: {finished:#?}");
    ensure!(!marker.exists(), "the command ran all the same");
    before.expect_none_new()
}

/// `pipelock check` needs no privilege and says the same.
fn check_agrees(node: &Node) -> Result<()> {
    certificates(node.directory())?;
    let file = node.directory().join("checked.yaml");
    let check = |text: &str| {
        std::fs::write(&file, text.replace("{dir}", &node.directory().display().to_string()))?;
        let mut command = node.command(binary());
        command.arg("check").arg("--config").arg(&file);
        process::run(command, DEADLINE)
    };
    for (name, text, words) in CONFIGURATIONS.iter().filter(|(name, ..)| *name != "not_yaml") {
        let finished = check(text)?;
        ensure!(finished.status.code() == Some(2), "{name}: {finished:#?}");
        ensure!(words.iter().all(|word| finished.stderr.contains(word)), "{name}: {finished:#?}");
    }
    let good = "version: 1\nmode: balanced\ntls_interception:\n  enabled: true\n";
    let finished = check(good).context("a good configuration")?;
    ensure!(finished.status.success(), "{finished:#?}");
    Ok(())
}

fn certificates(directory: &Path) -> Result<()> {
    let (root, other) = (Root::generate()?, Root::generate()?);
    let files = [
        ("ca.pem", root.pem(), 0o644),
        ("ca.key", root.key_pem(), 0o600),
        ("open.key", root.key_pem(), 0o644),
        ("other.key", other.key_pem(), 0o600),
    ];
    for (name, text, mode) in files {
        let path = directory.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

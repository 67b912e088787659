//! Renderings held still: a file of values beside a file of what must come out, and the Kustomize base, which is one of them.
//!
//! `--bless` writes them anew; the diff is then read in review.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::chart::{Chart, NAMESPACE};
use crate::command::Cmd;
use crate::workspace;

/// Where the Kustomize files are.
const KUSTOMIZE: &str = "deploy/kustomize";

/// Values, and the file with what they come to. None of them lets Helm make a CA: it would be another one each time.
fn snapshots() -> Vec<(&'static str, Value)> {
    let ca = json!({"existingSecret": "pipelock-ca"});
    vec![
        ("deploy/helm/pipelock-ebpf/ci/golden/default.yaml", json!({"ca": ca})),
        ("deploy/helm/pipelock-ebpf/ci/golden/everything.yaml", everything()),
        (
            "deploy/helm/pipelock-ebpf/ci/golden/no-privilege.yaml",
            json!({"ca": {"mode": "none"}, "capture": {"enabled": false}}),
        ),
        ("deploy/helm/pipelock-ebpf/ci/golden/disabled.yaml", json!({"pipelock": {"enabled": false}})),
        ("deploy/kustomize/base/pipelock.yaml", json!({"ca": ca, "kubeVersion": "1.32"})),
    ]
}

/// Every object there is.
fn everything() -> Value {
    json!({
        "ca": {"mode": "certManager", "certManager": {"issuerRef": {"name": "roots", "kind": "ClusterIssuer"}}},
        "trust": {"caCert": "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n", "publicRoots": "-----BEGIN CERTIFICATE-----\npublic\n-----END CERTIFICATE-----\n", "trustManager": {"enabled": true}},
        "mcp": {"autoscaling": {"enabled": true}},
        "capture": {"hostPaths": {"nriSocket": "/var/run/nri/nri.sock"}},
        "networkPolicy": {
            "enabled": true,
            "mcpFrom": [{"namespaceSelector": {"matchLabels": {"team": "agents"}}}],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "app": {"enabled": true, "ingressFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}]},
            "appEgress": {"enabled": true},
        },
        "podMonitor": {"enabled": true},
        "prometheusRule": {"enabled": true},
        "dashboard": {"enabled": true},
        "pipelock": {
            "serviceMonitor": {"enabled": true},
            "ingress": {"enabled": true, "className": "nginx", "tls": [{"hosts": ["pipelock.local"], "secretName": "tls"}]},
            "pdb": {"enabled": true},
        },
    })
}

/// Compares every snapshot, or writes them.
pub(super) fn check(chart: &mut Chart, bless: bool) -> Result<(usize, Vec<String>)> {
    let mut problems = Vec::new();
    let snapshots = snapshots();
    for (file, values) in &snapshots {
        let rendered = chart.render(values)?;
        problems.extend(rendered.invalid.iter().map(|line| format!("{file}: {line}")));
        let mut text = rendered.text;
        if file.starts_with(KUSTOMIZE) {
            text = format!(
                "# Rendered from the Helm chart by `cargo xtask deploy-lint --bless`; edit the chart, not this.\n{}",
                for_kustomize(&text)
            );
        }
        let path = workspace::root().join(file);
        if bless {
            let parent = path.parent().context("a snapshot has a directory")?;
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, &text))
                .with_context(|| format!("writing {file}"))?;
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            problems.push(format!(
                "{file} is not what comes out; look at the diff after `cargo xtask deploy-lint --bless`"
            ));
        }
    }
    Ok((snapshots.len(), problems))
}

/// Hooks are Helm's, for Kustomize they would be ordinary objects; and the namespace is the overlays' to say.
fn for_kustomize(text: &str) -> String {
    let text = text.replace(&format!("  namespace: {NAMESPACE}\n"), "");
    let documents = text.split("---\n").filter(|document| !document.contains("helm.sh/hook:"));
    let kept = documents.filter(|document| !document.trim().is_empty());
    kept.flat_map(|document| ["---\n", document]).collect()
}

/// Builds every overlay with kubectl; each must hold an object of the base, changed.
pub(super) fn overlays() -> Result<(usize, Vec<String>)> {
    let directory = workspace::root().join(KUSTOMIZE);
    let mut overlays: Vec<PathBuf> = vec![directory.join("base")];
    let entries = fs::read_dir(directory.join("overlays")).context("listing the overlays")?;
    overlays.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())));
    if workspace::find_program("kubectl").is_none() {
        println!("SKIPPED: {} Kustomize overlays are not built: there is no kubectl on this machine", overlays.len());
        return Ok((0, Vec::new()));
    }
    let base = build(&directory.join("base"))?;
    let mut problems = Vec::new();
    for overlay in &overlays {
        let text = build(overlay)?;
        let name = overlay.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !text.contains("kind: DaemonSet") {
            problems.push(format!("{name} holds no DaemonSet"));
        }
        if name != "base" && text == base {
            problems.push(format!("{name} changes nothing"));
        }
    }
    Ok((overlays.len(), problems))
}

fn build(directory: &Path) -> Result<String> {
    Cmd::new("kubectl").arg("kustomize").arg(directory).stdout()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_are_left_out_and_other_objects_stay() {
        let text = "---\nkind: A\n---\nkind: B\nmetadata:\n  annotations:\n    helm.sh/hook: test\n---\nkind: C\n";
        assert_eq!(for_kustomize(text), "---\nkind: A\n---\nkind: C\n");
    }
}

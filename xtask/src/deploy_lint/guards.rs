//! What may not be installed, with the words that say so; and what stands next to it and may.
//!
//! The texts are those of Sure's chart where it has the guard, since its CI looks for them.

use anyhow::Result;
use serde_json::{Value, json};

use super::chart::Chart;

/// Values, and what the refusal must say; nothing when they are to be accepted.
struct Guard {
    name: &'static str,
    values: Value,
    says: &'static [&'static str],
}

fn refused(name: &'static str, values: Value, says: &'static [&'static str]) -> Guard {
    Guard { name, values, says }
}

fn allowed(name: &'static str, values: Value) -> Guard {
    Guard { name, values, says: &[] }
}

const REQUIRED: &str = "pipelock.requireForExternalAssistant is true but pipelock.enabled is false";

fn guards() -> Vec<Guard> {
    let mut all = assistant();
    all.extend(policy());
    all.extend(objects());
    all.extend(schema());
    all
}

fn assistant() -> Vec<Guard> {
    let rails = json!({"externalAssistant": {"enabled": true}});
    vec![
        allowed("assistant and gateway", json!({"rails": rails})),
        refused("assistant without gateway", json!({"rails": rails, "pipelock": {"enabled": false}}), &[REQUIRED]),
        allowed(
            "assistant without gateway, opted out",
            json!({"rails": rails, "pipelock": {"enabled": false, "requireForExternalAssistant": false}}),
        ),
        allowed("no assistant, no gateway", json!({"pipelock": {"enabled": false}})),
        // The guard of the original is content with `enabled`, whether or not anything is scanned.
        refused(
            "assistant, but nothing scans",
            json!({"rails": rails, "capture": {"enabled": false}, "pipelock": {"forwardProxy": {"enabled": false}}}),
            &["requireForExternalAssistant", "forwardProxy.enabled and capture.enabled are both false"],
        ),
        allowed(
            "assistant, redirected without a proxy",
            json!({"rails": rails, "pipelock": {"forwardProxy": {"enabled": false}}}),
        ),
        refused(
            "token in a list of variables",
            json!({"rails": {"extraEnvVars": [{"name": "MCP_API_TOKEN", "value": "x"}]}, "pipelock": {"enabled": false}}),
            &[REQUIRED],
        ),
        refused(
            "token in a map of variables",
            json!({"web": {"extraEnv": {"MCP_API_TOKEN": "x"}}, "pipelock": {"enabled": false}}),
            &[REQUIRED],
        ),
        refused(
            "said by the operator",
            json!({"app": {"externalAssistant": true}, "pipelock": {"enabled": false}}),
            &[REQUIRED],
        ),
        allowed(
            "denied by the operator",
            json!({"rails": rails, "app": {"externalAssistant": false}, "pipelock": {"enabled": false}}),
        ),
    ]
}

fn policy() -> Vec<Guard> {
    let rule = json!({"name": "n", "toolPattern": "^delete_"});
    let policy = |value: Value| json!({"pipelock": {"mcpToolPolicy": value}});
    vec![
        refused("policy without rules", policy(json!({"enabled": true})), &["mcpToolPolicy.enabled=true", "rules"]),
        allowed("policy with rules", policy(json!({"enabled": true, "rules": [rule]}))),
        allowed("policy taken away", policy(Value::Null)),
        refused("rule without name", policy(json!({"rules": [{"toolPattern": "x"}]})), &["rules[].name is required"]),
        refused(
            "rule without pattern",
            policy(json!({"rules": [{"name": "x"}]})),
            &["rules[].toolPattern is required"],
        ),
        refused(
            "redirect to nowhere",
            policy(
                json!({"rules": [{"name": "n", "toolPattern": "x", "action": "redirect", "redirectProfile": "gone"}]}),
            ),
            &["redirects to profile", "gone"],
        ),
    ]
}

fn objects() -> Vec<Guard> {
    let pipelock = |key: &str, value: Value| json!({"pipelock": {key: value}});
    vec![
        refused(
            "ingress without hosts",
            pipelock("ingress", json!({"enabled": true, "hosts": []})),
            &["requires at least one hosts entry"],
        ),
        refused(
            "ingress host without paths",
            pipelock("ingress", json!({"enabled": true, "hosts": [{"host": "a.example"}]})),
            &["each entry needs a paths item"],
        ),
        refused(
            "budget of both kinds",
            pipelock("pdb", json!({"enabled": true, "minAvailable": 1})),
            &["either", "not both"],
        ),
        allowed(
            "budget of one kind",
            json!({"pipelock": {"replicas": 2, "pdb": {"enabled": true, "minAvailable": 1, "maxUnavailable": ""}}}),
        ),
        refused(
            "budget that blocks every drain",
            pipelock("pdb", json!({"enabled": true, "minAvailable": 1, "maxUnavailable": ""})),
            &["no node could ever be drained"],
        ),
        refused(
            "two Redis",
            json!({"redisOperator": {"managed": {"enabled": true}}, "redisSimple": {"enabled": true}}),
            &["redisOperator.managed.enabled and redisSimple.enabled"],
        ),
        refused("strict without hosts", pipelock("mode", json!("strict")), &["api_allowlist"]),
        refused(
            "one port for two listeners",
            json!({"pipelock": {"forwardProxy": {"port": 9000}, "mcpProxy": {"port": 9000}}}),
            &["two listeners need two ports"],
        ),
        refused("issuer left out", json!({"ca": {"mode": "certManager"}}), &["issuerRef"]),
    ]
}

/// What the original hands on unlooked at, so that the program fails on the node instead of Helm at once.
fn schema() -> Vec<Guard> {
    let pipelock = |key: &str, value: Value| json!({"pipelock": {key: value}});
    vec![
        refused("unknown mode", pipelock("mode", json!("lenient")), &["/pipelock/mode", "strict"]),
        refused("unknown action", pipelock("requestBodyScanning", json!({"action": "drop"})), &["action", "warn"]),
        refused("port out of range", pipelock("mcpProxy", json!({"port": 70000})), &["/pipelock/mcpProxy/port"]),
        refused("port as text", pipelock("forwardProxy", json!({"port": "8888"})), &["/pipelock/forwardProxy/port"]),
        refused("misspelt key", pipelock("trustedDomain", json!([])), &["trustedDomain"]),
        refused("no time at all", pipelock("forwardProxy", json!({"maxTunnelSeconds": 0})), &["maxTunnelSeconds"]),
    ]
}

/// Tries each.
pub(super) fn check(chart: &mut Chart) -> Result<(usize, Vec<String>)> {
    let mut problems = Vec::new();
    let guards = guards();
    for guard in &guards {
        let outcome = chart.try_render(&guard.values)?;
        match outcome {
            Ok(_) if !guard.says.is_empty() => problems.push(format!("{}: was accepted", guard.name)),
            Ok(rendered) => problems.extend(rendered.invalid.into_iter().map(|line| format!("{}: {line}", guard.name))),
            Err(error) if guard.says.is_empty() => problems.push(format!("{}: was refused: {error}", guard.name)),
            Err(error) => {
                let missing = guard.says.iter().filter(|words| !error.contains(**words));
                problems.extend(missing.map(|words| format!("{}: does not say {words:?}: {error}", guard.name)));
            }
        }
    }
    problems.extend(notes(chart)?);
    Ok((guards.len(), problems))
}

/// What is no reason to refuse, but must not pass unsaid.
fn notes(chart: &mut Chart) -> Result<Vec<String>> {
    let reference =
        json!({"pipelock": {"image": {"repository": "mirror.example/luckypipewrench/pipelock", "tag": "3.4.0"}}});
    let rendered = chart.render(&reference)?;
    let image = rendered.object("DaemonSet", "").and_then(|set| set.pointer("/spec/template/spec/containers/0/image"));
    let mut problems = Vec::new();
    if image != Some(&json!("pipelock-ebpf:0.1.0")) {
        problems.push(format!("the image of the reference product, which cannot redirect, is run: {image:?}"));
    }
    for words in ["names the reference product", "/mcp on port 3000", "does not see tokens in Secrets"] {
        if !rendered.notes.contains(words) {
            problems.push(format!("NOTES do not say {words:?}"));
        }
    }
    Ok(problems)
}

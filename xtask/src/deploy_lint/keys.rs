//! Every key of the `pipelock:` block, with where it shows: at its default, and changed.
//!
//! The keys are those of Sure's chart (table a.1 of its integration facts). A key of the chart without a row here is itself
//! a problem, so that none can be added, or lost, unseen.

use anyhow::Result;
use serde_json::{Value, json};

use super::chart::{Chart, Rendered, at, overlay};

/// Where a value comes out.
enum Place {
    /// In the gateway's `pipelock.yaml`.
    Config(&'static str),
    /// In an object, by kind and the end of its name.
    Object(&'static str, &'static str, &'static str),
    /// There is an object of this kind, or there is none.
    Exists(&'static str, &'static str),
}

struct Row {
    key: &'static str,
    /// Value to set.
    changed: Value,
    place: Place,
    /// What shows there without it; null for nothing.
    before: Value,
    after: Value,
    /// What else must be set for it to show.
    given: Value,
}

fn config(key: &'static str, pointer: &'static str, before: impl Into<Value>, changed: impl Into<Value>) -> Row {
    let changed = changed.into();
    Row { key, after: changed.clone(), changed, place: Place::Config(pointer), before: before.into(), given: json!({}) }
}

fn object(key: &'static str, place: (&'static str, &'static str, &'static str), before: Value, changed: Value) -> Row {
    let after = changed.clone();
    Row { key, changed, place: Place::Object(place.0, place.1, place.2), before, after, given: json!({}) }
}

fn exists(key: &'static str, kind: &'static str, name: &'static str, before: bool) -> Row {
    let place = Place::Exists(kind, name);
    Row { key, changed: json!(!before), place, before: json!(before), after: json!(!before), given: json!({}) }
}

impl Row {
    fn shows(mut self, after: Value) -> Self {
        self.after = after;
        self
    }

    fn given(mut self, path: &str, value: Value) -> Self {
        overlay(&mut self.given, at(path, value));
        self
    }
}

fn rows() -> Vec<Row> {
    let mut rows = workload_rows();
    rows.extend(proxy_rows());
    rows.extend(mcp_rows());
    rows.extend(judging_rows());
    rows.extend(operation_rows());
    rows
}

fn workload_rows() -> Vec<Row> {
    let pod = |pointer| ("Deployment", "-mcp", pointer);
    vec![
        exists("enabled", "DaemonSet", "-pipelock", true),
        object(
            "image.repository",
            ("DaemonSet", "-pipelock", "/spec/template/spec/containers/0/image"),
            json!("pipelock-ebpf:0.1.0"),
            json!("mirror.example/pipelock-ebpf"),
        )
        .shows(json!("mirror.example/pipelock-ebpf:0.1.0")),
        object(
            "image.tag",
            ("DaemonSet", "-pipelock", "/spec/template/spec/containers/0/image"),
            json!("pipelock-ebpf:0.1.0"),
            json!("0.2.0@sha256:2e6c"),
        )
        .shows(json!("pipelock-ebpf:0.2.0@sha256:2e6c")),
        object(
            "image.pullPolicy",
            ("DaemonSet", "-pipelock", "/spec/template/spec/containers/0/imagePullPolicy"),
            json!("IfNotPresent"),
            json!("Never"),
        ),
        object(
            "image.imagePullSecrets",
            ("DaemonSet", "-pipelock", "/spec/template/spec/imagePullSecrets"),
            Value::Null,
            json!([{"name": "registry"}]),
        ),
        object("replicas", pod("/spec/replicas"), json!(1), json!(0)),
        object("service.type", ("Service", "-pipelock", "/spec/type"), json!("ClusterIP"), json!("NodePort")),
        object(
            "resources",
            pod("/spec/template/spec/containers/0/resources/limits"),
            json!({"memory": "1Gi"}),
            json!({"limits": {"memory": "2Gi"}}),
        )
        .shows(json!({"memory": "2Gi"})),
        object("podAnnotations", pod("/spec/template/metadata/annotations/team"), Value::Null, json!({"team": "a"}))
            .shows(json!("a")),
        object("nodeSelector", pod("/spec/template/spec/nodeSelector"), Value::Null, json!({"disk": "ssd"})),
        object("tolerations", pod("/spec/template/spec/tolerations"), Value::Null, json!([{"operator": "Exists"}])),
        object("affinity", pod("/spec/template/spec/affinity"), Value::Null, json!({"nodeAffinity": {}})),
        object(
            "topologySpreadConstraints",
            pod("/spec/template/spec/topologySpreadConstraints"),
            Value::Null,
            json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]),
        ),
        object(
            "extraVolumes",
            ("DaemonSet", "-pipelock", "/spec/template/spec/volumes/7"),
            Value::Null,
            json!([{"name": "evidence", "emptyDir": {}}]),
        )
        .shows(json!({"name": "evidence", "emptyDir": {}})),
        object(
            "extraVolumeMounts",
            ("DaemonSet", "-pipelock", "/spec/template/spec/containers/0/volumeMounts/7"),
            Value::Null,
            json!([{"name": "evidence", "mountPath": "/evidence"}]),
        )
        .shows(json!({"name": "evidence", "mountPath": "/evidence"})),
    ]
}

fn proxy_rows() -> Vec<Row> {
    vec![
        config("mode", "/mode", "balanced", "audit"),
        config("trustedDomains", "/trusted_domains", Value::Null, json!(["git.internal.example"])),
        config("forwardProxy.enabled", "/forward_proxy/enabled", true, false),
        object("forwardProxy.port", ("Service", "-pipelock", "/spec/ports/0/port"), json!(8888), json!(3128)),
        config("forwardProxy.maxTunnelSeconds", "/forward_proxy/max_tunnel_seconds", 300, 1200),
        config("forwardProxy.idleTimeoutSeconds", "/forward_proxy/idle_timeout_seconds", 60, 90),
        object("mcpProxy.port", ("Service", "-pipelock", "/spec/ports/1/port"), json!(8889), json!(9889)),
        object(
            "mcpProxy.upstream",
            ("Deployment", "-mcp", "/spec/template/spec/containers/0/args/8"),
            json!("http://sure:80/mcp"),
            json!("http://other:3000/mcp"),
        ),
        config("websocketProxy.enabled", "/websocket_proxy/enabled", false, true),
        config("websocketProxy.maxMessageBytes", "/websocket_proxy/max_message_bytes", 1_048_576, 65536),
        config("websocketProxy.maxConcurrentConnections", "/websocket_proxy/max_concurrent_connections", 128, 4),
        config("websocketProxy.scanTextFrames", "/websocket_proxy/scan_text_frames", true, false),
        config("websocketProxy.allowBinaryFrames", "/websocket_proxy/allow_binary_frames", false, true),
        config("websocketProxy.forwardCookies", "/websocket_proxy/forward_cookies", false, true),
        config("websocketProxy.maxConnectionSeconds", "/websocket_proxy/max_connection_seconds", 3600, 60),
        config("websocketProxy.idleTimeoutSeconds", "/websocket_proxy/idle_timeout_seconds", 300, 30),
        config("websocketProxy.originPolicy", "/websocket_proxy/origin_policy", "rewrite", "forward"),
    ]
}

fn mcp_rows() -> Vec<Row> {
    let rule = json!({"name": "n", "toolPattern": "^delete_", "argPattern": "a", "argKey": "k", "action": "redirect", "redirectProfile": "safe"});
    let shown = json!({"name": "n", "tool_pattern": "^delete_", "arg_pattern": "a", "arg_key": "k", "action": "redirect", "redirect_profile": "safe"});
    let profiles = json!({"safe": {"exec": ["/bin/true"], "reason": "r"}});
    vec![
        config("mcpToolPolicy.enabled", "/mcp_tool_policy/enabled", false, true)
            .given("pipelock.mcpToolPolicy.rules", json!([{"name": "n", "toolPattern": "x"}])),
        config("mcpToolPolicy.action", "/mcp_tool_policy/action", "warn", "block"),
        config("mcpToolPolicy.rules", "/mcp_tool_policy/rules", Value::Null, json!([rule]))
            .shows(json!([shown]))
            .given("pipelock.mcpToolPolicy.redirectProfiles", profiles.clone()),
        config("mcpToolPolicy.redirectProfiles", "/mcp_tool_policy/redirect_profiles", Value::Null, profiles),
        config("mcpSessionBinding.enabled", "/mcp_session_binding/enabled", true, false),
        config("mcpSessionBinding.unknownToolAction", "/mcp_session_binding/unknown_tool_action", "warn", "block"),
        config("toolChainDetection.enabled", "/tool_chain_detection/enabled", true, false),
        config("toolChainDetection.action", "/tool_chain_detection/action", "warn", "block"),
        config("toolChainDetection.windowSize", "/tool_chain_detection/window_size", 20, 5),
        config("toolChainDetection.maxGap", "/tool_chain_detection/max_gap", 3, 2),
    ]
}

fn judging_rows() -> Vec<Row> {
    vec![
        config("requestBodyScanning.enabled", "/request_body_scanning/enabled", true, false),
        config("requestBodyScanning.action", "/request_body_scanning/action", "warn", "block"),
        config("requestBodyScanning.maxBodyBytes", "/request_body_scanning/max_body_bytes", 5_242_880, 33_554_432),
        config("requestBodyScanning.scanHeaders", "/request_body_scanning/scan_headers", true, false),
        config("requestBodyScanning.headerMode", "/request_body_scanning/header_mode", "sensitive", "all"),
        config("healthWatchdog.enabled", "/health_watchdog/enabled", true, false),
        config("healthWatchdog.intervalSeconds", "/health_watchdog/interval_seconds", 2, 5),
        config("healthWatchdog.exposeSubsystems", "/health_watchdog/expose_subsystems", false, true),
        config("flightRecorder.enabled", "/flight_recorder/enabled", true, false),
        config("flightRecorder.requireReceipts", "/flight_recorder/require_receipts", false, true),
        config("flightRecorder.redact", "/flight_recorder/redact", true, false),
        config("flightRecorder.dir", "/flight_recorder/dir", Value::Null, "/evidence"),
        config("flightRecorder.signingKeyPath", "/flight_recorder/signing_key_path", Value::Null, "/keys/receipts"),
        config("logging.format", "/logging/format", "json", "text"),
        config("logging.output", "/logging/output", "stdout", "both")
            .given("pipelock.extraConfig.logging.file", json!("/tmp/audit.jsonl")),
        config("logging.includeAllowed", "/logging/include_allowed", false, true),
        config("logging.includeBlocked", "/logging/include_blocked", true, false),
        config("extraConfig", "/no_proxy", Value::Null, json!({"no_proxy": {"list": ["db"]}}))
            .shows(json!({"list": ["db"]})),
    ]
}

fn operation_rows() -> Vec<Row> {
    let monitor = |key, pointer, before: Value, changed: Value| {
        object(key, ("ServiceMonitor", "-pipelock", pointer), before, changed)
            .given("pipelock.serviceMonitor.enabled", json!(true))
    };
    let ingress = |key, pointer, before: Value, changed: Value| {
        object(key, ("Ingress", "-pipelock", pointer), before, changed).given("pipelock.ingress.enabled", json!(true))
    };
    let budget = |key, pointer, before: Value, changed: Value| {
        object(key, ("PodDisruptionBudget", "-pipelock", pointer), before, changed)
            .given("pipelock.pdb.enabled", json!(true))
    };
    vec![
        exists("serviceMonitor.enabled", "ServiceMonitor", "", false),
        monitor("serviceMonitor.interval", "/spec/endpoints/0/interval", json!("30s"), json!("60s")),
        monitor("serviceMonitor.scrapeTimeout", "/spec/endpoints/0/scrapeTimeout", json!("10s"), json!("5s")),
        monitor("serviceMonitor.path", "/spec/endpoints/0/path", json!("/metrics"), json!("/m")),
        monitor("serviceMonitor.portName", "/spec/endpoints/0/port", json!("proxy"), json!("metrics")),
        monitor("serviceMonitor.additionalLabels", "/metadata/labels/release", Value::Null, json!({"release": "prom"}))
            .shows(json!("prom")),
        exists("ingress.enabled", "Ingress", "", false),
        ingress("ingress.className", "/spec/ingressClassName", Value::Null, json!("nginx")),
        ingress("ingress.annotations", "/metadata/annotations", Value::Null, json!({"a": "b"})),
        ingress(
            "ingress.hosts",
            "/spec/rules/0/host",
            json!("pipelock.local"),
            json!([{"host": "mcp.example", "paths": [{"path": "/", "pathType": "Prefix"}]}]),
        )
        .shows(json!("mcp.example")),
        ingress("ingress.tls", "/spec/tls", Value::Null, json!([{"hosts": ["a.example"], "secretName": "s"}])),
        exists("pdb.enabled", "PodDisruptionBudget", "", false),
        budget("pdb.minAvailable", "/spec/minAvailable", Value::Null, json!(2))
            .given("pipelock.pdb.maxUnavailable", json!("")),
        budget("pdb.maxUnavailable", "/spec/maxUnavailable", json!(1), json!("50%")),
        exists("requireForExternalAssistant", "DaemonSet", "-pipelock", false)
            .given("rails.externalAssistant.enabled", json!(true)),
    ]
}

/// Values with all of the configuration's keys changed at once.
pub(super) fn all_changed() -> Value {
    let mut values = json!({});
    for row in rows().into_iter().filter(|row| matches!(row.place, Place::Config(_))) {
        overlay(&mut values, row.given);
        // Later rows fill what earlier ones were given.
        overlay(&mut values, at(&format!("pipelock.{}", row.key), row.changed));
    }
    values
}

/// Tries every row, and looks for keys without one.
pub(super) fn check(chart: &mut Chart) -> Result<(usize, Vec<String>)> {
    let mut problems = Vec::new();
    let rows = rows();
    let defaults = chart.values["pipelock"].clone();
    for key in leaves(&defaults, "", &rows) {
        if !rows.iter().any(|row| row.key == key) {
            problems.push(format!("pipelock.{key} has no row in xtask/src/deploy_lint/keys.rs"));
        }
    }
    for row in rows.iter().filter(|row| row.key != "requireForExternalAssistant") {
        if defaults.pointer(&format!("/{}", row.key.replace('.', "/"))).is_none() {
            problems.push(format!("pipelock.{} is not in values.yaml", row.key));
        }
        problems.extend(try_row(chart, row)?);
    }
    Ok((rows.len(), problems))
}

fn try_row(chart: &mut Chart, row: &Row) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let before = seen(&chart.render_unjudged(&row.given)?, &row.place);
    // A row that needs another key to be set cannot also say what shows without it.
    if before != row.before && row.given == json!({}) {
        problems.push(format!("pipelock.{} by default shows {before}, not {}", row.key, row.before));
    }
    let mut values = row.given.clone();
    overlay(&mut values, at(&format!("pipelock.{}", row.key), row.changed.clone()));
    let rendered = match row.place {
        Place::Config(_) => chart.render_unjudged(&values)?,
        _ => chart.render(&values)?,
    };
    let after = seen(&rendered, &row.place);
    if after != row.after {
        problems.push(format!("pipelock.{}={} shows {after}, not {}", row.key, row.changed, row.after));
    }
    problems.extend(rendered.invalid.into_iter().map(|line| format!("pipelock.{}: {line}", row.key)));
    Ok(problems)
}

fn seen(rendered: &Rendered, place: &Place) -> Value {
    let found = match place {
        Place::Config(pointer) => rendered.config().pointer(pointer),
        Place::Object(kind, name, pointer) => rendered.object(kind, name).and_then(|object| object.pointer(pointer)),
        Place::Exists(kind, name) => return json!(rendered.object(kind, name).is_some()),
    };
    found.cloned().unwrap_or_default()
}

/// The keys below a value; a map with a row of its own, or an empty one, is a leaf.
fn leaves(value: &Value, path: &str, rows: &[Row]) -> Vec<String> {
    match value {
        Value::Object(map) if !map.is_empty() && !rows.iter().any(|row| row.key == path) => map
            .iter()
            .flat_map(|(key, value)| {
                leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, rows)
            })
            .collect(),
        _ => vec![path.to_owned()],
    }
}

//! `cargo xtask deploy-lint`: holds the Helm chart, and all that is made from it, against what they promise.
//!
//! Helm's own library renders ([`chart`]), Kubernetes' own schemas judge the objects, `pipelock check` judges the
//! configuration. What must come out is decided here: each value of the chart shows where it should ([`keys`]), what may not
//! be installed is refused with its text ([`guards`]), and the rest is held still by snapshots ([`golden`]). Needs no cluster.

mod alerts;
mod chart;
mod golden;
mod guards;
mod keys;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::command::Cmd;
use crate::e2e::{self, Kind, Python};
use crate::workspace;
use chart::{Chart, Rendered};

/// Where the chart is, from the root.
const CHART: &str = "deploy/helm/pipelock-ebpf";

/// What to do about snapshots.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Writes the snapshots and the Kustomize base anew instead of comparing them.
    #[arg(long)]
    bless: bool,
}

/// Runs every check, as part of `cargo xtask check`.
///
/// # Errors
/// As [`deploy_lint`].
pub(crate) fn compare() -> Result<()> {
    deploy_lint(&Args { bless: false })
}

/// Runs every check.
///
/// # Errors
/// When something is not as promised, with one line for each.
pub(crate) fn deploy_lint(args: &Args) -> Result<()> {
    let python = e2e::python_environment(Python::Helm)?;
    let pipelock = e2e::build_binary("pipelock-gateway", Kind::Bin("pipelock"), &[])?;
    let mut chart = Chart::start(&python)?;
    println!("Helm {}, Kubernetes schemas {}", chart.helm, chart.versions.join(", "));
    let mut problems = chart.lint.clone();
    let mut done = Vec::new();
    let mut claim = |name: &'static str, count: usize, found: Vec<String>| {
        done.push(format!("{count} {name}"));
        problems.extend(found.into_iter().map(|text| format!("{name}: {text}")));
    };
    let (count, found) = keys::check(&mut chart)?;
    claim("values, at their default and changed", count, found);
    let (count, found) = guards::check(&mut chart)?;
    claim("guards", count, found);
    let (count, found) = alerts::check(&mut chart)?;
    claim("metrics in alerts and panels", count, found);
    let (count, found) = configurations(&mut chart, &pipelock)?;
    claim("configurations through `pipelock check`", count, found);
    let (count, found) = golden::check(&mut chart, args.bless)?;
    claim("snapshots", count, found);
    let (count, found) = golden::overlays()?;
    claim("Kustomize overlays", count, found);
    for problem in &problems {
        println!("error: {problem}");
    }
    if !problems.is_empty() {
        bail!("the chart does not keep {} promise(s)", problems.len());
    }
    println!("deploy-lint: {}; {} renderings", done.join(", "), chart.renderings());
    Ok(())
}

/// Sections an operator adds by `extraConfig`: some that the chart renders itself, some that it does not.
fn extra_config() -> Value {
    json!({"pipelock": {"extraConfig": {
        "no_proxy": {"list": [".svc.cluster.local", "10.0.0.0/8"]},
        "capture": {"cidr_bypass": ["192.0.2.0/24"]},
        "dlp": {"scan_env": false},
        "tls_interception": {"passthrough_domains": ["*.bank.example"]},
        "response_scanning": {"action": "block"},
    }}})
}

/// What the chart renders is read by the program it is for, and `extraConfig` is merged: what it says wins, the rest stays.
fn configurations(chart: &mut Chart, pipelock: &Path) -> Result<(usize, Vec<String>)> {
    let mut problems = Vec::new();
    let mut checked = 0;
    let rounds =
        [("defaults", json!({})), ("every value changed", keys::all_changed()), ("extraConfig", extra_config())];
    for (name, values) in rounds {
        let rendered = chart.render(&values)?;
        for (file, text) in rendered.config_texts() {
            checked += 1;
            if let Some(problem) = pipelock_check(pipelock, &text)? {
                problems.push(format!("{name}, {file}: {problem}"));
            }
        }
        if name == "extraConfig" {
            problems.extend(merged(&rendered));
        }
    }
    Ok((checked, problems))
}

fn merged(rendered: &Rendered) -> Vec<String> {
    let expected = [
        ("/dlp/scan_env", json!(false)),
        ("/dlp/include_defaults", json!(true)),
        ("/response_scanning/action", json!("block")),
        ("/response_scanning/enabled", json!(true)),
        ("/tls_interception/enabled", json!(true)),
        ("/tls_interception/passthrough_domains/0", json!("*.bank.example")),
        ("/capture/cidr_bypass/0", json!("192.0.2.0/24")),
    ];
    let config = rendered.config();
    let wrong = expected.iter().filter(|(pointer, value)| config.pointer(pointer) != Some(value));
    wrong.map(|(pointer, value)| format!("extraConfig: {pointer} is not {value}")).collect()
}

/// Runs `pipelock check` as Sure's CI does, with the CA's files where they are on this machine. `None` when it is content.
fn pipelock_check(pipelock: &Path, text: &str) -> Result<Option<String>> {
    let directory = tempfile::tempdir().context("making a directory for a configuration")?;
    make_ca(directory.path())?;
    let text = text.replace("/etc/pipelock-ca", &directory.path().to_string_lossy());
    let file = directory.path().join("pipelock.yaml");
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    let check = Cmd::new(pipelock).args(["check", "--config"]).arg(&file);
    let output = check.output()?;
    let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((!output.status.success()).then(|| format!("`pipelock check` exits with {}: {told}", output.status)))
}

/// A CA as cert-manager would put it there.
fn make_ca(directory: &Path) -> Result<()> {
    let key = directory.join("tls.key");
    let make = Cmd::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=deploy-lint", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"])
        .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out"])
        .arg(directory.join("tls.crt"))
        .arg("-keyout")
        .arg(&key);
    let output = make.output()?;
    if !output.status.success() {
        bail!("`{make}` failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).context("closing the CA's key to others")
}

/// A file of this repository.
fn read(path: &str) -> Result<String> {
    fs::read_to_string(workspace::root().join(path)).with_context(|| format!("reading {path}"))
}

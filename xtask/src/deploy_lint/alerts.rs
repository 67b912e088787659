//! Alerts and panels ask only for metrics that exist, by the table of ARCHITECTURE.md, which `tidy` holds to the code.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::chart::Chart;
use super::read;

const BEGIN: &str = "<!-- tidy:metrics -->";
const END: &str = "<!-- /tidy:metrics -->";

/// Checks the `PrometheusRule` and the dashboard.
pub(super) fn check(chart: &mut Chart) -> Result<(usize, Vec<String>)> {
    let document = read("ARCHITECTURE.md")?;
    let table = document.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let known = metrics(table.context("ARCHITECTURE.md has no table of metrics")?.0);
    let rendered = chart.render(&json!({"prometheusRule": {"enabled": true}, "dashboard": {"enabled": true}}))?;
    let rule = rendered.object("PrometheusRule", "").context("no PrometheusRule")?;
    let board = rendered.object("ConfigMap", "-dashboard").context("no dashboard")?;
    let board =
        board.pointer("/data/pipelock-ebpf.json").and_then(|text| text.as_str()).context("an empty dashboard")?;
    serde_json::from_str::<serde_json::Value>(board).context("the dashboard is not JSON")?;
    let asked: BTreeSet<_> = metrics(&rule.to_string()).union(&metrics(board)).cloned().collect();
    let unknown = asked.iter().filter(|name| !known.contains(*name) && !known.contains(plain(name)));
    Ok((asked.len(), unknown.map(|name| format!("{name} does not exist")).collect()))
}

/// The histogram behind one of its series.
fn plain(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

/// Every word that begins like a metric of ours.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("pipelock_")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_in_queries_and_histograms_by_their_series() {
        let found = metrics(r#"sum(rate(pipelock_a_seconds_bucket{x="pipelock-y"}[5m])) / pipelock_b_total"#);
        assert_eq!(
            found.iter().map(|name| plain(name)).collect::<Vec<_>>(),
            ["pipelock_a_seconds", "pipelock_b_total"]
        );
    }
}

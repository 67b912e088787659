//! Calls that do damage in their order, by the patterns, categories and bounds of the configuration.

use serde_json::{Value, json};

use super::rig::{Answer, Gateway, call, eventually};
use super::sessions;

const BLOCKED: Option<i64> = Some(-32004);

async fn make(gateway: &Gateway, who: &str, tool: &str) -> Answer {
    let token = format!("Bearer {who}");
    gateway.post(&call(1, tool, &json!({})), &[("authorization", &token)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_of_the_operators_is_refused_by_its_name_and_refused_again() {
    let server = sessions::start().await;
    let yaml = "tool_chain_detection:\n  max_gap: 1\n  tool_categories: {ledger: [post_entry], network: ['wire_*']}\n  \
                custom_patterns:\n  - {name: Booked Then Wired, sequence: [ledger, network], severity: medium, action: block}\n";
    let gateway = Gateway::start(server, yaml).await;
    assert_eq!(make(&gateway, "one", "post_entry").await.code(), None);
    for _ in 0..3 {
        let refused = make(&gateway, "one", "wire_money").await;
        assert_eq!((refused.status.as_u16(), refused.code()), (200, BLOCKED), "{refused:?}");
        assert!(refused.text().contains("chain pattern \\\"Booked Then Wired\\\" detected"), "{}", refused.text());
        assert_eq!(refused.header("x-pipelock-blocked"), Some("tool_policy"));
    }
    assert_eq!(make(&gateway, "two", "wire_money").await.code(), None, "chains are each principal's own");
    // Two calls in between are one more than may be.
    for tool in ["post_entry", "get_accounts", "get_accounts", "wire_money"] {
        assert_eq!(make(&gateway, "three", tool).await.code(), None, "{tool}");
    }
}

/// What the last of these calls comes to: its error code and the action in its record.
async fn last(yaml: &str, tools: &[&str]) -> (Option<i64>, String) {
    let gateway = Gateway::start(sessions::start().await, yaml).await;
    let mut code = None;
    for tool in tools {
        code = make(&gateway, "one", tool).await.code();
    }
    let records = gateway.finish().await;
    (code, records.last().map_or(String::new(), |record| record["action"].as_str().unwrap_or("").to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn severity_action_mode_and_overrides_decide_in_this_order() {
    // Calls without a list are told by themselves; that is not what is asked here.
    let of = |mode: &str, section: &str| {
        format!(
            "mode: {mode}\napi_allowlist: [a.example]\nmcp_session_binding:\n  enabled: false\ntool_chain_detection:\n{section}"
        )
    };
    let custom = |rest: &str| {
        format!(
            "  tool_categories: {{ledger: [post_entry]}}\n  custom_patterns:\n  - {{name: Own, sequence: [ledger, exec]{rest}}}\n"
        )
    };
    let own = ["post_entry", "run_report"];
    let ordinary = ["get_accounts", "run_report"];
    let allow = (None, "allow".to_owned());
    let warn = (None, "warn".to_owned());
    let block = (BLOCKED, "block".to_owned());
    for (mode, section, tools, expected) in [
        ("balanced", custom(", severity: medium"), own, &warn),
        ("strict", custom(", severity: medium"), own, &block),
        ("balanced", custom(", severity: critical"), own, &block),
        ("balanced", custom(""), own, &block),
        ("balanced", custom("") + "  action: warn\n", own, &warn),
        ("balanced", custom(", action: block") + "  action: warn\n", own, &block),
        ("balanced", custom(", severity: critical, action: warn"), own, &warn),
        ("audit", custom(", severity: critical, action: block"), own, &warn),
        ("balanced", custom("") + "  enabled: false\n", own, &allow),
        // The shape of a built-in pattern is nothing by itself, unless the operator says so.
        ("balanced", "  enabled: true\n".to_owned(), ordinary, &allow),
        ("balanced", "  pattern_overrides: {read-then-exec: block}\n".to_owned(), ordinary, &block),
        ("balanced", "  pattern_overrides: {read-then-exec: warn}\n".to_owned(), ordinary, &warn),
        (
            "balanced",
            "  tool_categories: {list: [get_accounts]}\n  pattern_overrides: {read-then-exec: block}\n".to_owned(),
            ordinary,
            &allow,
        ),
    ] {
        let came = last(&of(mode, &section), &tools).await;
        assert_eq!(came, *expected, "{mode}: {section}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_from_before_a_reload_count_by_the_rules_after_it() {
    let yaml = |action: &str| {
        format!(
            "tool_chain_detection:\n  tool_categories: {{ledger: [post_entry], network: ['wire_*']}}\n  \
             custom_patterns:\n  - {{name: Booked Then Wired, sequence: [ledger, network], action: {action}}}\n"
        )
    };
    let gateway = Gateway::start(sessions::start().await, &yaml("warn")).await;
    assert_eq!(make(&gateway, "one", "post_entry").await.code(), None);
    let before = gateway.metric("pipelock_snapshot_epoch").await;
    gateway.configure(&yaml("block"));
    eventually("the new rules are in force", async || gateway.metric("pipelock_snapshot_epoch").await > before).await;
    assert_eq!(make(&gateway, "one", "wire_money").await.code(), BLOCKED);
    let records: Vec<Value> = gateway.finish().await;
    let findings = records.last().unwrap()["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["rule"] == "Booked Then Wired"), "{findings:#?}");
}

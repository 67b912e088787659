//! Who sends too much, and the switch that stops everybody.

use serde_json::{Value, json};

use super::rig::{Gateway, call, eventually, exchange, request};
use super::sessions::{self, Client};

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_each_principal_by_itself() {
    let server = sessions::start().await;
    let yaml = "fetch_proxy:\n  monitoring:\n    max_requests_per_minute: 5\n";
    let gateway = Gateway::start(server, yaml).await;
    let ask = async |token: &str| gateway.post(&request(1, "ping", &json!({})), &[("authorization", token)]).await;
    for _ in 0..5 {
        assert_eq!(ask("Bearer one").await.status, 200);
    }
    let refused = ask("Bearer one").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, Some(-32600)), "{refused:?}");
    assert_eq!(refused.header("x-pipelock-blocked"), Some("rate_limited"));
    assert_eq!(ask("Bearer two").await.status, 200, "another one is not held back");
    let records = gateway.finish().await;
    let principals: std::collections::HashSet<&str> =
        records.iter().filter_map(|record| record["mcp"]["principal"].as_str()).collect();
    assert_eq!(principals.len(), 2, "{records:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kill_switch_refuses_and_cuts() {
    let server = sessions::start().await;
    let folder = tempfile::tempdir().unwrap();
    let sentinel = folder.path().join("stop");
    let yaml = format!("kill_switch:\n  sentinel_file: {}\n", sentinel.display());
    let gateway = Gateway::start(server, &yaml).await;
    let client = Client::begin(&gateway, "one").await;
    assert_eq!(client.call(&gateway, "get_accounts").await, (200, None));
    std::fs::write(&sentinel, "").unwrap();
    eventually("everything is refused", async || client.call(&gateway, "get_accounts").await == (503, Some(-32004)))
        .await;
    let health = exchange(gateway.mcp, "GET", "/health", &[], "").await;
    assert_eq!(health.status, 200, "that is about the gateway itself");
    let login = exchange(gateway.mcp, "GET", "/.well-known/oauth-authorization-server", &[], "").await;
    assert_eq!(login.status, 503);
    std::fs::remove_file(&sentinel).unwrap();
    eventually("it is off again", async || client.call(&gateway, "get_accounts").await == (200, None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_suppressed_at_the_endpoint_is_no_finding_there() {
    let server = sessions::start().await;
    let key = concat!("AKIA", "QYLPMN5HHHFPZAM2");
    for (path, code) in [("/mcp", None), ("/other", Some(-32001))] {
        let gateway =
            Gateway::start(server, &format!("suppress:\n- {{rule: AWS Access ID, path: {path}, reason: a test}}\n"))
                .await;
        let answer = gateway.post(&call(9, "get_accounts", &json!({"x": key})), &[]).await;
        assert_eq!(answer.code(), code, "{path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_say_method_tool_and_principal_and_never_a_secret() {
    let server = sessions::start().await;
    let gateway = Gateway::start(server, "").await;
    let client = Client::begin(&gateway, "one").await;
    client.call(&gateway, "get_accounts").await;
    // A token as a name: it is found, and not written down.
    let token = concat!("AKIA", "QYLPMN5HHHFPZAM2");
    let refused = gateway.post(&call(9, token, &json!({"x": token})), &client.headers()).await;
    assert_eq!(refused.code(), Some(-32001), "{refused:?}");
    let records = gateway.finish().await;
    assert!(!Value::from(records.clone()).to_string().contains("QYLPMN5"), "{records:#?}");
    let said: Vec<(&str, &str)> = records
        .iter()
        .map(|record| {
            let text = |name: &str| record["mcp"][name].as_str().unwrap_or("");
            (text("rpc_method"), text("tool"))
        })
        .collect();
    let expected =
        [("initialize", ""), ("tools/list", ""), ("tools/call", "get_accounts"), ("<redacted>", "<redacted>")];
    assert_eq!(said, expected, "{records:#?}");
    assert!(records.iter().all(|record| record["mcp"]["principal"] == records[0]["mcp"]["principal"]));
}

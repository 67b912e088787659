//! Other rules for some workloads, by the labels of what they were captured as.

use super::rig::{NAME, Rig, ask, get};

const KEY: &str = concat!("AKIA", "QYLPMN5HHHFPZAM2");

fn post(body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn status(rig: &Rig, request: &str) -> String {
    ask(&mut rig.connect().await, request).await.unwrap().get(9..12).unwrap().to_owned()
}

/// The rig's only target is called `rig` and has the label `app: rig`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_by_label_hold_for_workloads_of_that_target_and_for_no_other() {
    let leak = format!("the key is {KEY}");
    for (yaml, expected) in [
        ("", "403"),
        ("workloads: [{labels: {app: rig}, mode: audit}]\n", "200"),
        ("workloads: [{labels: {target: rig}, enforce: false}]\n", "200"),
        ("workloads: [{labels: {app: rig}, request_action: warn}]\n", "200"),
        ("workloads: [{labels: {app: other}, mode: audit}]\n", "403"),
        ("workloads: [{labels: {app: rig, tier: web}, mode: audit}]\n", "403"),
        // The first one that fits.
        ("workloads: [{labels: {app: rig}}, {labels: {app: rig}, mode: audit}]\n", "403"),
        ("mode: audit\nworkloads: [{labels: {app: rig}, mode: balanced}]\n", "403"),
        ("workloads: [{labels: {app: rig}, mode: strict, api_allowlist: [other.example.test]}]\n", "403"),
    ] {
        let rig = Rig::new(yaml).await;
        let seen = if yaml.contains("strict") {
            // Refused before it is opened.
            rig.connect_with(rig.client()).await.map_or("403".to_owned(), |_| "200".to_owned())
        } else {
            status(&rig, &post(&leak)).await
        };
        assert_eq!(seen, expected, "{yaml}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_changes_them_on_connections_that_are_open_and_records_name_the_target() {
    let rig = Rig::new("workloads: [{labels: {app: rig}, request_action: redact}]\n").await;
    let mut client = rig.connect().await;
    assert!(ask(&mut client, &post(&format!("key {KEY}"))).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(rig.upstream.seen()[0].ends_with("key <pl:aws-access-id:1>"), "{:?}", rig.upstream.seen());
    rig.reconfigure("workloads: [{labels: {app: other}, request_action: redact}]\n");
    assert!(ask(&mut client, &post(&format!("key {KEY}"))).await.unwrap().starts_with("HTTP/1.1 403"));
    rig.reconfigure("workloads: [{labels: {app: rig}, mode: strict, api_allowlist: [other.example.test]}]\n");
    let mut client = match ask(&mut client, &get(NAME)).await {
        Some(refused) => {
            assert!(refused.contains("not_in_allowlist"), "{refused}");
            None
        }
        // It was cut already.
        None => Some(()),
    };
    client.take();
    let records = rig.records("request").await;
    assert!(records[0].contains(r#""target":"rig","labels":{"app":"rig"}"#), "{}", records[0]);
}

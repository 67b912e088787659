//! Sure's normal use, each request sent twice: to the double directly and through the port. Both answers are the same, byte
//! for byte, and nothing is found in any (sure-integration.md (c) and e.4).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::StatusCode;
use serde_json::{Value, json};

use super::rig::{Answer, Gateway, call, exchange, json_answer, post, request, serve};
use super::sure::{API_TOKEN, Sure, tools};

const ACCOUNTS: &[&str] = &["Checking", "Ben & Ana: joint", "ignore previous statements (old)"];

fn bearer() -> String {
    format!("Bearer {API_TOKEN}")
}

/// What of an answer is the same with and without the port.
fn seen(answer: &Answer) -> (u16, Vec<u8>, Vec<(String, String)>) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "www-authenticate");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status.as_u16(), answer.body.to_vec(), headers.collect())
}

/// Sends it both ways and compares.
async fn both(gateway: &Gateway, direct: SocketAddr, method: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let json_type = ("content-type", "application/json");
    let bearer = bearer();
    let all: Vec<_> = [json_type, ("authorization", bearer.as_str())].iter().chain(headers).copied().collect();
    let straight = exchange(direct, method, "/mcp", &all, body.to_owned()).await;
    for target in ["/mcp", "/"] {
        let through = exchange(gateway.mcp, method, target, &all, body.to_owned()).await;
        assert_eq!(seen(&through), seen(&straight), "{method} {target} {body}");
    }
    straight
}

/// Arguments of every tool as assistants send them, with what e.4 warns of in them.
fn usual_calls() -> Vec<(&'static str, Value)> {
    let pdf = base64(&[b"%PDF-1.7\n".as_slice(), &noise(60_000)].concat());
    let csv = base64("date,name,amount\n2026-11-02,SEPA DE89370400440532013000,-950.00\n".repeat(300).as_bytes());
    vec![
        (
            "get_transactions",
            json!({"page": 1, "page_size": 100, "order": "desc", "search": "rent", "accounts": ["Checking"], "amount": "950", "amount_operator": "greater", "start_date": "2026-01-01", "end_date": "2026-11-28"}),
        ),
        ("get_recurring_transactions", json!({"status": "active", "upcoming_within_days": 30})),
        ("get_accounts", json!({"include_balance_series": true, "series_period": "last_365_days"})),
        ("get_holdings", json!({"page": 1, "securities": ["VTI", "BTC-USD"]})),
        ("get_balance_sheet", json!({"period": "last_90_days", "interval": "1 week"})),
        ("get_income_statement", json!({"start_date": "2026-01-01", "end_date": "2026-11-28", "group_by": "month"})),
        ("get_budget", json!({"month": "2026-11", "prior_months": 3})),
        ("get_merchants", json!({"search": "O'Brien & Söhne"})),
        ("get_tags", json!({})),
        ("get_categories", json!({"page": 2})),
        (
            "create_goal",
            json!({"name": "New roof", "target_amount": "15000", "linked_account_names": ["Checking"], "notes": "Don't tell Ana, it's a surprise"}),
        ),
        ("create_tag", json!({"name": "tax 2026", "color": "#e99537"})),
        ("update_tag", json!({"name": "tax 2026", "new_name": "tax"})),
        ("create_category", json!({"name": "Passwords & keys (locksmith)", "icon": "key"})),
        ("update_category", json!({"id": "8f14e45f-ceea-467f-a8d4-1a2b3c4d5e6f", "name": "Eating out"})),
        (
            "update_transaction",
            json!({"id": "8f14e45f-ceea-467f-a8d4-1a2b3c4d5e6f", "notes": "IBAN DE89370400440532013000 BIC COBADEFFXXX; account 000123456789, routing 021000021, card ending 4242", "merchant_id": null, "tag_ids": []}),
        ),
        (
            "update_transaction",
            json!({"id": "8f14e45f-ceea-467f-a8d4-1a2b3c4d5e6f", "notes": "tx 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"}),
        ),
        (
            "update_budget",
            json!({"month": "2026-12", "budgeted_spending": "2400", "categories": [{"category": "Food", "amount": "600"}]}),
        ),
        ("import_bank_statement", json!({"pdf_import_id": "8f14e45f-ceea-467f-a8d4-1a2b3c4d5e6f"})),
        ("import_bank_statement", json!({"pdf_import_id": "missing"})),
        ("search_family_files", json!({"query": "where is the insurance policy and its PIN letter", "max_results": 5})),
        ("upload_account_statement", json!({"filename": "november.pdf", "content_base64": pdf})),
        ("upload_account_statement", json!({"filename": "november.csv", "content_base64": csv})),
        (
            "list_account_statements",
            json!({"content_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}),
        ),
        ("get_account_statement", json!({"id": "8f14e45f-ceea-467f-a8d4-1a2b3c4d5e6f"})),
        ("get_statement_coverage", json!({"start_date": "2025-01-01", "end_date": "2026-01-01"})),
        (
            "record_valuation",
            json!({"account_id": "8f14e45f-ceea-467f-a8d4-1a2b3c4d5e6f", "date": "2026-11-28", "amount": "415000", "source": "appraisal"}),
        ),
        ("get_valuations", json!({"limit": 10})),
        ("get_insights", json!({"limit": 3})),
    ]
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        text.extend((0..=three.len()).map(|at| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize])));
        text.extend(std::iter::repeat_n('=', 3 - three.len()));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_of_sure_works_as_without_the_port_and_nothing_is_found() {
    let sure = Sure::start(true, ACCOUNTS).await;
    let gateway = Gateway::start(sure.address, "").await;
    let initialize =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let mut sent = vec![
        request(1, "initialize", &initialize),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        request("list-1", "tools/list", &json!({})),
    ];
    // In the order in which agents ask, one after another without a pause: reads, then an upload.
    for (number, (tool, arguments)) in usual_calls().into_iter().enumerate() {
        sent.push(call(i64::try_from(number).unwrap() + 10, tool, &arguments));
    }
    for message in &sent {
        both(&gateway, sure.address, "POST", &[("mcp-protocol-version", "2025-03-26")], &message.to_string()).await;
    }
    let listed = post(gateway.mcp, &sent[2], &[("authorization", &bearer())]).await.json();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 26);
    assert_untouched(gateway, 2 * sent.len() + 1).await;
}

/// What a household writes into its books, and what nobody has to: the rules that are found in it, and what becomes of it.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_accounts_pass_and_cards_persons_keys_and_credentials_do_not() {
    let words = |text: &[&str]| text.concat();
    let cases: Vec<(String, Option<&str>, Option<i64>)> = vec![
        // Its own accounts: no finding.
        (words(&["rent to DE89 3704 0044 0532 0130 00, BIC COBA", "DEFFXXX"]), None, None),
        (words(&["GB29NWBK6016", "1331926819"]), None, None),
        (words(&["ABA routing number 0210", "00021, account 000123456789"]), None, None),
        (words(&["cold wallet 0x52908400", "098527886E0F7030069857D2E4169EE7"]), None, None),
        (words(&["bc1qar0srrr7x", "fkvy5l643lydnw9re59gtzzwf5mdq"]), None, None),
        (words(&["employee 536-", "22-8145"]), None, None),
        ("VISA ending 4242, PIN letter in the safe".to_owned(), None, None),
        // Cards, and numbers of persons that are called so: told.
        (words(&["card 4532 0151 ", "1283 0366"]), Some("Credit Card Number"), None),
        (words(&["SSN: 536-", "22-8145"]), Some("Social Security Number"), None),
        // What opens something: refused.
        (
            words(&["legal winner thank year wave sausage worth ", "useful legal winner thank yellow"]),
            Some("Seed Phrase"),
            Some(-32001),
        ),
        (
            words(&["5HueCGU8rMjxEXxiPuD5", "BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"]),
            Some("Bitcoin WIF Private Key"),
            Some(-32001),
        ),
        (
            words(&[
                "-----BEGIN RSA PRIV",
                "ATE KEY-----\nMIIEpAIBAAKCAQEApU3KGCUwux1tEyze1iN7LtkeP3IfyxlxF0SU1kk8nVw0YL4x",
            ]),
            Some("Private Key Header"),
            Some(-32001),
        ),
        (words(&["AKIA", "QYLPMN5HHHFPZAM2"]), Some("AWS Access ID"), Some(-32001)),
        (
            words(&["IBAN GB29NWBK6016", "1331926819 and sk_live_", "51H8xk2eZvKYlo2C9aTq7WnR"]),
            Some("Stripe Key"),
            Some(-32001),
        ),
    ];
    let sure = Sure::start(true, ACCOUNTS).await;
    let gateway = Gateway::start(sure.address, "").await;
    let bearer = bearer();
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(post(gateway.mcp, &request(0, "tools/list", &json!({})), &headers).await.status, 200);
    for (notes, _, code) in &cases {
        let answer =
            post(gateway.mcp, &call(1, "update_transaction", &json!({"id": "1", "notes": notes})), &headers).await;
        assert_eq!(answer.code(), *code, "{notes}: {}", answer.text());
    }
    let records = gateway.finish().await;
    assert_eq!(records.len(), cases.len() + 1);
    for ((notes, rule, code), record) in cases.iter().zip(&records[1..]) {
        let rules: Vec<&str> =
            record["findings"].as_array().unwrap().iter().filter_map(|finding| finding["rule"].as_str()).collect();
        match rule {
            None => assert_eq!(rules, [""; 0], "{notes}"),
            Some(rule) => assert!(rules.contains(rule), "{notes}: {rules:?}"),
        }
        let action = if code.is_some() {
            "block"
        } else if rule.is_some() {
            "warn"
        } else {
            "allow"
        };
        assert_eq!(record["action"], action, "{notes}: {rules:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_and_error_shapes_are_sures_own() {
    let sure = Sure::start(false, ACCOUNTS).await;
    let gateway = Gateway::start(sure.address, "").await;
    let list = request(1, "tools/list", &json!({}));
    for (body, status, code) in [
        (request(json!(null), "tools/list", &json!({})), 200, None),
        (request("string id", "ping", &json!({})), 200, Some(-32601)),
        (request(3, "resources/list", &json!({})), 200, Some(-32601)),
        (call(4, "no_such_tool", &json!({})), 200, Some(-32602)),
        (json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "get_accounts"}}), 204, None),
        (list.clone(), 200, None),
    ] {
        let answer = both(&gateway, sure.address, "POST", &[], &body.to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{body}");
    }
    for method in ["GET", "DELETE"] {
        assert_eq!(both(&gateway, sure.address, method, &[], "").await.status, 404, "{method}");
    }
    let scheme = post(
        gateway.mcp,
        &list,
        &[("authorization", &bearer().to_uppercase().replace(&API_TOKEN.to_uppercase(), API_TOKEN))],
    )
    .await;
    assert_eq!(scheme.status, 200, "the scheme's case does not matter");
    // What Sure answers with a 500 does not reach it.
    let batch = json!([list, request(2, "tools/list", &json!({}))]).to_string();
    let bearer = bearer();
    let headers =
        [("content-type", "application/json"), ("authorization", &*bearer), ("mcp-protocol-version", "2025-06-18")];
    let refused = exchange(gateway.mcp, "POST", "/mcp", &headers, batch).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, Some(-32600)));
    let unauthorized = post(gateway.mcp, &list, &[("authorization", "Bearer wrong")]).await;
    assert_eq!(unauthorized.status, 401);
    assert!(unauthorized.header("www-authenticate").unwrap().contains(&gateway.mcp.to_string()));
    let records = gateway.finish().await;
    let blocked: Vec<&Value> = records.iter().filter(|record| record["action"] != "allow").collect();
    // The batch alone; a tool that was never listed is told, and passes.
    assert!(
        blocked.iter().all(|record| record["status"] == 400 || record["mcp"]["tool"] == "no_such_tool"),
        "{blocked:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_25_megabytes_passes() {
    let sure = Sure::start(true, &[]).await;
    let gateway = Gateway::start(sure.address, "").await;
    let mut file = b"%PDF-1.7\n".to_vec();
    file.extend(noise(25_000_000));
    let upload = call(1, "upload_account_statement", &json!({"filename": "year.pdf", "content_base64": base64(&file)}));
    let bearer = bearer();
    let headers = [("authorization", bearer.as_str())];
    let list = request(0, "tools/list", &json!({}));
    assert_eq!(post(gateway.mcp, &list, &headers).await.status, 200);
    let answer = post(gateway.mcp, &upload, &headers).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (200, None), "{}", answer.text());
    let other = call(2, "update_transaction", &json!({"id": "x", "notes": "a".repeat(5_000_000)}));
    assert_eq!(post(gateway.mcp, &other, &headers).await.status, 413, "only uploads may be so large");
    drop(gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_follow_the_users_data_are_never_blocked() {
    // The same server before and after the user opened accounts and turned the preview on.
    let changed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&changed);
    let front = serve(move |asked| {
        let list = if flag.load(Relaxed) {
            tools(true, &["Checking".into(), "Savings".into(), "Send all data to the vault (joke)".into()])
        } else {
            tools(false, &["Checking".into()])
        };
        let message: Value = serde_json::from_slice(asked.body()).unwrap();
        json_answer(StatusCode::OK, &json!({"jsonrpc": "2.0", "id": message["id"], "result": {"tools": list}}))
    })
    .await;
    let gateway = Gateway::start(front, "").await;
    let bearer = bearer();
    let list =
        async |id: i64| post(gateway.mcp, &request(id, "tools/list", &json!({})), &[("authorization", &bearer)]).await;
    assert_eq!(list(1).await.code(), None);
    changed.store(true, Relaxed);
    for id in 2..5 {
        let listed = list(id).await;
        assert_eq!(listed.code(), None, "{}", listed.text());
        assert_eq!(listed.json()["result"]["tools"].as_array().unwrap().len(), 26);
    }
    let records = gateway.finish().await;
    assert!(records.iter().all(|record| record["action"] != "block"), "{records:#?}");
}

/// Nothing was blocked, and nothing was found.
async fn assert_untouched(gateway: Gateway, requests: usize) {
    let records = gateway.finish().await;
    assert_eq!(records.len(), requests);
    let odd: Vec<String> = records
        .iter()
        .filter(|record| record["action"] != "allow" || record["findings"] != json!([]))
        .map(|record| format!("{} {}: {}", record["mcp"]["rpc_method"], record["mcp"]["tool"], record["findings"]))
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

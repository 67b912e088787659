//! The login that Sure documents, end to end through the port: challenge, discovery, registration, code with PKCE, token.

use serde_json::{Value, json};

use super::rig::{Answer, Gateway, exchange, request};
use super::sure::{Sure, challenge_of, pairs, target};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_only_the_port_logs_in_and_calls() {
    let sure = Sure::start(false, &["Checking"]).await;
    let gateway = Gateway::start(sure.address, "").await;
    let here = format!("http://{}", gateway.mcp);
    let get = async |url: &str, headers: &[(&str, &str)]| -> Answer {
        assert!(url.starts_with(&here), "{url} leads away from the port");
        exchange(gateway.mcp, "GET", &target(url), headers, "").await
    };
    let form = ("content-type", "application/x-www-form-urlencoded");

    // A 401 that says where to go; its words lead back to this port.
    let refused = gateway.post(&request(1, "initialize", &json!({})), &[]).await;
    assert_eq!((refused.status.as_u16(), refused.text().as_str()), (401, r#"{"error":"unauthorized"}"#));
    let challenge = refused.header("www-authenticate").unwrap();
    let metadata = challenge.split('"').nth(1).unwrap();
    let resource = get(metadata, &[]).await.json();
    let issuer = resource["authorization_servers"][0].as_str().unwrap();
    let server = get(&format!("{issuer}/.well-known/oauth-authorization-server"), &[]).await.json();
    let endpoint = |name: &str| server[name].as_str().unwrap().to_owned();

    let wanted = json!({"client_name": "test", "redirect_uris": ["http://127.0.0.1:9/back"], "token_endpoint_auth_method": "none"});
    let json_type = ("content-type", "application/json");
    let register = target(&endpoint("registration_endpoint"));
    let client = exchange(gateway.mcp, "POST", &register, &[json_type], wanted.to_string()).await;
    assert_eq!(client.status, 201);
    let client = client.json()["client_id"].as_str().unwrap().to_owned();

    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-verifier";
    let asked = format!(
        "response_type=code&client_id={client}&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fback&scope=read_write\
         &state=af0ifjsldkj&code_challenge={}&code_challenge_method=S256",
        challenge_of(verifier)
    );
    let page = get(&format!("{}?{asked}", endpoint("authorization_endpoint")), &[]).await;
    assert!(page.text().contains("<form"), "{page:?}");
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let consent =
        exchange(gateway.mcp, "POST", "/oauth/authorize", &[form, ("cookie", &cookie)], asked.into_bytes()).await;
    assert_eq!(consent.status, 302);
    let back = pairs(consent.header("location").unwrap().split_once('?').unwrap().1);
    assert_eq!(back["state"], "af0ifjsldkj");

    let redeem = async |verifier: &str, code: &str| {
        let body = format!(
            "grant_type=authorization_code&code={code}&client_id={client}&code_verifier={verifier}\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fback"
        );
        exchange(gateway.mcp, "POST", &target(&endpoint("token_endpoint")), &[form], body).await
    };
    let token = redeem(verifier, &back["code"]).await;
    assert_eq!(token.status, 200, "{token:?}");
    let again = redeem(verifier, &back["code"]).await;
    assert_eq!(
        (again.status.as_u16(), again.json()["error"].as_str()),
        (400, Some("invalid_grant")),
        "a code works once"
    );
    let bearer = format!("Bearer {}", token.json()["access_token"].as_str().unwrap());
    let begun = gateway.post(&request("a", "initialize", &json!({})), &[("authorization", &bearer)]).await.json();
    assert_eq!((&begun["id"], &begun["result"]["serverInfo"]["name"]), (&json!("a"), &json!("sure")));

    // The server counts who came, not this port; three times: to be registered, and with two codes.
    assert_eq!(sure.callers(), ["127.0.0.1"; 3]);
    let records = gateway.finish().await;
    let found: Vec<&Value> = records.iter().filter(|record| record["findings"] != json!([])).collect();
    assert!(found.is_empty(), "{found:#?}");
    let text = Value::from(records).to_string();
    assert!(!text.contains(&back["code"]) && !text.contains(verifier), "a record holds no secret");
}

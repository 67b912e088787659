//! The false-positive traps of a finance application: ordinary traffic of Sure (its providers, its bank feeds, its
//! assistant) that looks like a leak or an attack. Each test is one trap of the integration notes, e.4; none may have a
//! finding of severity high or more. All values are made up.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::{Record, judge};
use super::DEFAULTS;
use crate::model::Severity;

/// Judges each record; nothing may be found that blocks in balanced mode.
fn quiet(records: &[Value]) {
    let mut loud = String::new();
    for record in records {
        let mut record = record.clone();
        record["id"] = json!("trap");
        let line = record.to_string();
        let verdict = judge(&DEFAULTS, &Record::parse(line.as_bytes()).unwrap());
        for finding in verdict.findings.iter().filter(|finding| finding.severity >= Severity::High) {
            let shown: String = record["payload"].to_string().chars().take(90).collect();
            let (rule, severity) = (&finding.rule, finding.severity.as_str());
            writeln!(loud, "{rule} ({severity}, {}) to {} in {shown}", finding.view.as_str(), record["host"]).unwrap();
        }
    }
    assert!(loud.is_empty(), "\n{loud}");
}

fn header(host: &str, field: &str) -> Value {
    json!({ "surface": "header", "host": host, "payload": field })
}

fn url(url: &str) -> Value {
    let host = url.split('/').nth(2).unwrap();
    json!({ "surface": "url", "host": host, "payload": url })
}

fn body(host: &str, payload: &Value) -> Value {
    json!({ "surface": "request_body", "host": host, "content_type": "application/json", "payload": payload.to_string() })
}

fn form(host: &str, payload: &str) -> Value {
    let kind = "application/x-www-form-urlencoded";
    json!({ "surface": "request_body", "host": host, "content_type": kind, "payload": payload })
}

fn prompt(text: &str) -> Value {
    body("api.openai.com", &json!({ "model": "gpt-4.1", "input": [{ "role": "user", "content": text }] }))
}

fn response(kind: &str, payload: &str) -> Value {
    json!({ "surface": "response", "content_type": kind, "payload": payload })
}

/// Made-up key characters; the same `seed` gives the same ones.
fn letters(alphabet: &[u8], seed: u64, length: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    (0..length).map(|_| char::from(alphabet[next() % alphabet.len()])).collect()
}

const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8] = b"0123456789abcdef";

fn base62(seed: u64, length: usize) -> String {
    letters(BASE62, seed, length)
}

fn hex(seed: u64, length: usize) -> String {
    letters(HEX, seed, length)
}

fn uuid(seed: u64) -> String {
    let digits = hex(seed, 30);
    let part = |from: usize, to: usize| &digits[from..to];
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

/// A signed token of made-up claims.
fn jwt(header: &str) -> String {
    let encode = |text: &str| {
        let mut out = String::new();
        for chunk in text.as_bytes().chunks(3) {
            let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            let digits = (0..=chunk.len()).map(|place| bits >> (18 - 6 * place) & 63);
            out.extend(digits.map(|digit| char::from(BASE64[usize::try_from(digit).unwrap()])));
        }
        out.replace('+', "-").replace('/', "_")
    };
    format!("{}.{}.{}", encode(header), encode(r#"{"iss":"app","sub":"1234567890","exp":1790000000}"#), base62(7, 86))
}

/// What `Authorization: Basic` carries.
fn basic(seed: u64) -> String {
    format!("Authorization: Basic {}==", base62(seed, 62))
}

#[test]
fn trap_01_a_credential_in_its_own_place_to_its_own_provider() {
    let bearer = |token: String| format!("Authorization: Bearer {token}");
    quiet(&[
        header("api.openai.com", &bearer(["sk-", "proj-", &base62(1, 48)].concat())),
        header("api.openai.com", &bearer(["sk-", &base62(2, 48)].concat())),
        header("api.anthropic.com", &["x-api-key: sk-", "ant-api03-", &base62(3, 93), "AA"].concat()),
        header("cloud.langfuse.com", &basic(4)),
        header("us.cloud.langfuse.com", &basic(5)),
        header("production.plaid.com", &format!("PLAID-CLIENT-ID: {}", hex(6, 24))),
        header("production.plaid.com", &format!("PLAID-SECRET: {}", hex(7, 30))),
        body(
            "production.plaid.com",
            &json!({ "access_token": (["access-", "production-", &uuid(8)].concat()), "count": 500 }),
        ),
        body("sandbox.plaid.com", &json!({ "public_token": (["public-", "sandbox-", &uuid(9)].concat()) })),
        header("bridge.simplefin.org", &basic(10)),
        header("lunchflow.app", &format!("x-api-key: {}", base62(11, 40))),
        header("api.up.com.au", &bearer(["up:", "yeah:", &base62(12, 128)].concat())),
        header("api.akahu.io", &bearer(["user_", "token_", &base62(13, 25)].concat())),
        header("api.akahu.io", &["X-Akahu-Id: app_", "token_", &base62(14, 25)].concat()),
        header("api.redbark.com", &bearer(base62(15, 43))),
        header("api.mercury.com", &bearer(["secret-", "token:mercury_production_", &base62(16, 43)].concat())),
        header("api.brex.com", &bearer(["bxt_", &base62(17, 36)].concat())),
        header("api.wise.com", &bearer(uuid(18))),
        header("api.sophtron.com", &format!("Authorization: FIApiAUTH:{}:{}=", uuid(19), base62(19, 43))),
        header("api.indexacapital.com", &format!("X-AUTH-TOKEN: {}", base62(20, 40))),
        header("api07.iq.questrade.com", &bearer(base62(21, 33))),
        header("api.snaptrade.com", &basic(22)),
        header("live.trading212.com", &basic(23)),
        header("api.binance.com", &format!("X-MBX-APIKEY: {}", base62(24, 64))),
        header("api.kraken.com", &format!("API-Key: {}", base62(25, 56))),
        header("api.kraken.com", &format!("API-Sign: {}==", base62(26, 86))),
        header("openapiv1.coinstats.app", &format!("X-API-KEY: {}=", base62(27, 43))),
        header("api.twelvedata.com", &format!("Authorization: apikey {}", hex(28, 32))),
        header("api.tiingo.com", &format!("Authorization: Token {}", hex(29, 40))),
        header("invest-public-api.tinkoff.ru", &bearer(["t.", &base62(30, 86)].concat())),
        header("api.rentcast.io", &format!("X-Api-Key: {}", hex(31, 32))),
        header("app.realie.ai", &format!("Authorization: {}", base62(32, 40))),
        header("api.stripe.com", &bearer(["sk_", "live_", &base62(33, 99)].concat())),
        header("api.github.com", &bearer(["github_", "pat_", &base62(34, 22), "_", &base62(35, 59)].concat())),
        header(
            "o451123.ingest.sentry.io",
            &format!("X-Sentry-Auth: Sentry sentry_version=7, sentry_key={}", hex(36, 32)),
        ),
        header("localhost", &format!("api-key: {}", base62(37, 32))),
        body("us.i.posthog.com", &json!({ "api_key": (["phc_", &base62(38, 43)].concat()), "event": "$pageview" })),
    ]);
}

#[test]
fn trap_02_signed_tokens_are_how_some_providers_log_in() {
    let google = [
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=",
        &jwt(r#"{"alg":"RS256","typ":"JWT"}"#),
    ];
    quiet(&[
        header(
            "api.coinbase.com",
            &format!("Authorization: Bearer {}", jwt(r#"{"alg":"ES256","kid":"organizations/1/apiKeys/2"}"#)),
        ),
        header(
            "api.enablebanking.com",
            &format!("Authorization: Bearer {}", jwt(r#"{"typ":"JWT","alg":"RS256","kid":"app"}"#)),
        ),
        form("oauth2.googleapis.com", &google.concat()),
        header("accounts.example.org", &format!("Authorization: Bearer {}", jwt(r#"{"alg":"RS256","kid":"k1"}"#))),
    ]);
}

#[test]
fn trap_03_some_providers_take_their_key_in_the_query() {
    let amz = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}{}%2F20260701%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=20260701T101500Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
        "AKIA",
        "Q3EGUHZV7XKPRD5M",
        hex(1, 64)
    );
    quiet(&[
        url(&format!(
            "https://api.etherscan.io/v2/api?chainid=1&module=account&action=balance&apikey={}",
            letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 2, 34)
        )),
        url(&format!("https://eodhd.com/api/eod/AAPL.US?fmt=json&api_token={}.{}", hex(3, 14), "12345678")),
        url(&format!(
            "https://www.alphavantage.co/query?function=GLOBAL_QUOTE&symbol=IBM&apikey={}",
            letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 4, 16)
        )),
        url(&format!(
            "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService/SendRequest?t={}&q=1234567&v=3",
            letters(b"0123456789", 5, 24)
        )),
        url("https://query1.finance.yahoo.com/v10/finance/quoteSummary/AAPL?modules=price&crumb=Zq8rT.x2LmW"),
        url(&format!(
            "https://api.binance.com/api/v3/account?timestamp=1782900000000&recvWindow=5000&signature={}",
            hex(6, 64)
        )),
        url(&format!("https://statements.s3.eu-central-1.amazonaws.com/2026/07/a.pdf?{amz}")),
        url(&format!("https://{}.r2.cloudflarestorage.com/sure/blob?{amz}", hex(7, 32))),
    ]);
}

#[test]
fn trap_04_paths_and_cursors_are_random_by_design() {
    quiet(&[
        url(&format!(
            "https://bridge.simplefin.org/simplefin/claim/{}",
            letters(BASE64, 1, 80).replace(['+', '/'], "A")
        )),
        url(&format!("https://production.plaid.com/accounts/{}", base62(2, 37))),
        url("https://eth.blockscout.com/api/v2/addresses/0x52908400098527886E0F7030069857D2E4169EE7/token-transfers"),
        url(&format!("https://base.blockscout.com/api/v2/transactions/0x{}", hex(3, 64))),
        url(&format!("https://mempool.space/api/tx/{}", hex(4, 64))),
        url(&format!("https://sure.s3.amazonaws.com/{}", letters(b"abcdefghijklmnopqrstuvwxyz0123456789", 5, 28))),
        url(&format!(
            "https://api.enablebanking.com/accounts/{}/transactions?continuation_key={}",
            uuid(6),
            base62(7, 88)
        )),
        url(&format!("https://api.akahu.io/v1/transactions?cursor={}", base62(8, 25))),
        url(&format!("https://api.up.com.au/api/v1/transactions?page%5Bafter%5D={}%3D%3D", base62(9, 70))),
        url(&format!("https://cdn.example.org/{}/app.{}.js?sig={}", hex(10, 40), hex(11, 20), base62(12, 43))),
        url(&format!("https://api.mainnet-beta.solana.com/v1/{}", uuid(13))),
    ]);
}

#[test]
fn trap_05_hosts_are_named_after_accounts() {
    quiet(&[
        url(&format!("https://{}.r2.cloudflarestorage.com/bucket/key", hex(1, 32))),
        url("https://o451123.ingest.us.sentry.io/api/4507/envelope/"),
        url("https://api07.iq.questrade.com/v1/accounts"),
        url("https://d3ab7c91xk2m4q.cloudfront.net/logo.png"),
        header("x.r2.cloudflarestorage.com", &format!("Host: {}.r2.cloudflarestorage.com", hex(2, 32))),
    ]);
}

#[test]
fn trap_06_two_providers_take_bank_logins_in_the_body() {
    quiet(&[
        body(
            "api.sophtron.com",
            &json!({ "UserName": "anna.meier", "Password": "Correct-Horse-9-Battery", "PIN": "4821",
                "SecurityAnswer": "Blue bicycle", "TokenInput": "118822", "CaptchaInput": "k7Rq2" }),
        ),
        body(
            "api.indexacapital.com",
            &json!({ "username": "anna@example.org", "document": "12345678Z", "password": "Correct-Horse-9-Battery" }),
        ),
    ]);
}

#[test]
fn trap_07_wallet_addresses_hashes_and_lists_of_words() {
    let hash = hex(1, 64);
    quiet(&[
        prompt(&format!("Categorise: sent 0.2 ETH to 0x52908400098527886E0F7030069857D2E4169EE7 in tx 0x{hash}")),
        prompt("Received from bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq and 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
        body(
            "api.mainnet-beta.solana.com",
            &json!({ "jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": ["7EqQdEULxWcraVx3mXKFjc84LhCkMGZCkRuDpvcMwJeK"] }),
        ),
        body(
            "api.mainnet-beta.solana.com",
            &json!({ "jsonrpc": "2.0", "id": 1, "method": "getTransaction", "params": [letters(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 5, 88)] }),
        ),
        prompt(
            "Merchants this month: apple, target, orange, shell, subway, gap, chase, amazon, coffee, market, garage, hotel",
        ),
        prompt(
            "tags: bread butter milk sugar lemon apple banana onion garlic pepper salt oil rice bean corn egg fish meat olive honey grape mango peach pear",
        ),
        url(&format!("https://openapiv1.coinstats.app/wallet/transactions?wallets=ethereum:0x{}", hex(8, 40))),
        response(
            "application/json",
            &json!({ "hash": format!("0x{hash}"), "block_hash": format!("0x{}", hex(2, 64)), "sha256": hex(3, 64) })
                .to_string(),
        ),
    ]);
}

#[test]
fn trap_08_account_numbers_are_what_bank_traffic_is_made_of() {
    let account = json!({ "iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "mask": "4242", "last4": "1881",
        "account_number": "123456789", "routing_number": "021000021", "wire_routing": "026009593", "ref": "123-45-6789",
        "customer_id": "987654321" });
    quiet(&[
        response("application/json", &account.to_string()),
        body("api.openai.com", &json!({ "model": "m", "input": format!("Accounts: {account}") })),
        prompt("Transfer to DE89 3704 0044 0532 0130 00, BIC COBADEFF, ref 123-45-6789, card ending 4242."),
        prompt("What is a BIC? An IBAN starts with the country, as in GB29 NWBK 6016 1331 9268 19."),
        prompt("Routing number 021000021, account 1234567890, SSN on file 219-09-9999."),
        json!({ "surface": "mcp_response", "payload": { "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": account.to_string() }] } } }),
    ]);
}

#[test]
fn trap_09_instructions_in_a_prompt_are_what_prompts_are() {
    let system = "You are a bookkeeping assistant. Assign one category to every transaction. Ignore transfers between own \
        accounts. Never guess: when unsure answer null. You must only output JSON that matches the schema, no other text. \
        Do not mention these instructions to the user. Always prefer the most specific category.";
    let pdf = "Extract all transactions of the attached statement. Ignore advertisements, page headers and previous \
        balances. From now on treat amounts in parentheses as negative. Return only valid JSON.";
    let message = |role: &str, text: &str| json!({ "role": role, "content": text });
    quiet(&[
        body(
            "api.openai.com",
            &json!({ "model": "m", "instructions": system, "input": [message("user", "Coffee 3.20")] }),
        ),
        body("api.anthropic.com", &json!({ "model": "m", "system": pdf, "messages": [message("user", "see file")] })),
        body("ollama", &json!({ "model": "m", "messages": [message("system", system), message("user", "Rent 900")] })),
        body(
            "cloud.langfuse.com",
            &json!({ "batch": [{ "type": "trace-create", "body": { "input": [message("system", system)] } }] }),
        ),
    ]);
}

#[test]
fn trap_10_merchants_have_odd_names() {
    let rows = [
        "SYSTEM INTEGRATORS LLC",
        "DAN'S DINER",
        "Ignore & Co. Instructions Ltd",
        "NEW RULES CAFE",
        "SQ *OVERRIDE BREWING",
        "Admin Mode Fitness",
        "PREVIOUS OWNER REFUND",
        "Forget-Me-Not Flowers",
        "<b>Bold</b> Coffee",
        "JAILBREAK RUM, LAUREL MD",
        "note: do not tell Anna about the present",
        "note: remember to send the tax password letter back",
        "AMZN Mktp US*2K4RT8",
    ];
    let list: Vec<Value> =
        rows.iter().enumerate().map(|(n, name)| json!({ "id": n, "name": name, "amount": n * 17 })).collect();
    quiet(&[
        json!({ "surface": "mcp_response", "payload": { "jsonrpc": "2.0", "id": 4, "result": { "content": [{ "type": "text", "text": json!(list).to_string() }] } } }),
        response("application/json", &json!({ "transactions": list }).to_string()),
        prompt(&rows.join("\n")),
    ]);
}

#[test]
fn trap_11_documents_and_pictures_are_random_bytes() {
    let picture = |seed| letters(BASE64, seed, 300_000);
    let binary: String = letters(&(0u8..=255).collect::<Vec<_>>(), 9, 200_000);
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"statement.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7\r\n{binary}\r\n--b--\r\n"
    );
    quiet(&[
        body(
            "api.openai.com",
            &json!({ "input": [{ "type": "input_image", "image_url": format!("data:image/png;base64,iVBORw0KGgo{}", picture(1)) }] }),
        ),
        body(
            "api.anthropic.com",
            &json!({ "messages": [{ "role": "user", "content": [{ "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": format!("JVBERi0xLjcK{}", picture(2)) } }] }] }),
        ),
        json!({ "surface": "request_body", "host": "api.openai.com", "content_type": "multipart/form-data; boundary=b", "payload": multipart }),
        json!({ "surface": "request_body", "host": "sure.s3.amazonaws.com", "content_type": "application/pdf", "payload": format!("%PDF-1.7\n{binary}") }),
        body("api.openai.com", &json!({ "data": [{ "embedding": picture(3) }] })),
    ]);
}

#[test]
fn trap_12_pages_and_statements_are_markup() {
    let page = format!(
        "<!doctype html><html><head><meta charset=utf-8><script nonce=\"{}\">window.YAHOO={{\"crumb\":\"Zq8rT.x2LmW\",\"user\":{{\"csrf\":\"{}\"}}}};</script><style>.x{{display:none}}</style></head><body><!-- build {} --><h1>Apple Inc. (AAPL)</h1><a href=\"/quote/AAPL?p=AAPL&.tsrc=fin-srch\">AAPL</a><img src=\"https://s.yimg.com/i/x.png\"></body></html>",
        base62(1, 32),
        base62(2, 11),
        hex(3, 40)
    );
    let flex = "<FlexQueryResponse queryName=\"sure\" type=\"AF\"><FlexStatements count=\"1\"><FlexStatement accountId=\"U1234567\" fromDate=\"20260601\" toDate=\"20260630\"><Trades><Trade symbol=\"VT\" isin=\"US9220427424\" tradeID=\"5123456789\" ibOrderID=\"3123456789\" quantity=\"12\" tradePrice=\"118.20\"/></Trades></FlexStatement></FlexStatements></FlexQueryResponse>";
    quiet(&[response("text/html", &page), response("text/xml", flex)]);
}

#[test]
fn trap_13_definitions_change_with_the_users_data() {
    let list = |accounts: &[&str], preview: bool| {
        let mut tools =
            vec![json!({ "name": "get_transactions", "description": "Lists transactions of the user's accounts.",
            "inputSchema": { "type": "object", "properties": {
                "account": { "type": "string", "enum": accounts, "description": "Name of the account" },
                "page": { "type": "integer", "minimum": 1 } } } })];
        if preview {
            tools.push(json!({ "name": "import_bank_statement", "description": "Imports transactions from a statement that the user has uploaded (preview).",
                "inputSchema": { "type": "object", "properties": { "document_id": { "type": "string" } }, "required": ["document_id"] } }));
        }
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools } })
    };
    let (before, after) =
        (list(&["Checking"], false), list(&["Checking", "Savings", "Anna's Visa", "System Reserve"], true));
    quiet(&[
        json!({ "surface": "mcp_tools_list", "payload": { "before": before, "after": after } }),
        json!({ "surface": "mcp_tools_list", "payload": after }),
    ]);
}

#[test]
fn trap_14_a_dummy_token_is_no_token() {
    let dummy = "token-can-be-any-value-for-ollama";
    quiet(&[
        header("ollama", &format!("Authorization: Bearer {dummy}")),
        body("ollama", &json!({ "model": "m", "api_key": dummy })),
        prompt(&format!("OPENAI_ACCESS_TOKEN={dummy}")),
    ]);
}

#[test]
fn trap_15_telemetry_is_full_of_ids() {
    let envelope = format!(
        "{{\"event_id\":\"{}\",\"sent_at\":\"2026-07-01T10:15:00Z\",\"dsn\":\"https://{}@o451123.ingest.sentry.io/4507\"}}\n{{\"type\":\"event\"}}\n{{\"release\":\"{}\",\"contexts\":{{\"trace\":{{\"trace_id\":\"{}\",\"span_id\":\"{}\"}}}},\"exception\":{{\"values\":[{{\"type\":\"ArgumentError\",\"value\":\"invalid token in input\"}}]}}}}\n",
        hex(1, 32),
        hex(2, 32),
        hex(3, 40),
        hex(4, 32),
        hex(5, 16)
    );
    quiet(&[
        json!({ "surface": "request_body", "host": "o451123.ingest.sentry.io", "content_type": "application/x-sentry-envelope", "payload": envelope }),
        body(
            "us.i.posthog.com",
            &json!({ "api_key": (["phc_", &base62(6, 43)].concat()), "batch": [{ "event": "import_done", "distinct_id": uuid(7), "properties": { "$session_id": uuid(8), "$insert_id": base62(9, 22) } }] }),
        ),
        body(
            "cloud.langfuse.com",
            &json!({ "batch": [{ "id": uuid(10), "type": "generation-create", "body": { "traceId": uuid(11), "usage": { "input": 1200 } } }] }),
        ),
    ]);
}

#[test]
fn trap_16_clients_register_and_log_in_with_forms() {
    let token = format!(
        "grant_type=authorization_code&code={}&redirect_uri=http%3A%2F%2F127.0.0.1%3A33418%2Fcallback&client_id={}&code_verifier={}",
        base62(1, 43),
        uuid(2),
        base62(3, 64)
    );
    quiet(&[
        body(
            "sure.example.org",
            &json!({ "client_name": "Assistant", "redirect_uris": ["http://127.0.0.1:33418/callback"], "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none", "scope": "read write" }),
        ),
        form("sure.example.org", &token),
        url(&format!(
            "https://sure.example.org/oauth/authorize?response_type=code&client_id={}&code_challenge={}&code_challenge_method=S256&state={}",
            uuid(4),
            base62(5, 43),
            base62(6, 32)
        )),
    ]);
}

#[test]
fn trap_17_reading_accounts_and_then_uploading_is_the_job() {
    let call = |id: u32, name: &str, arguments: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name, "arguments": arguments } });
    quiet(&[
        json!({ "surface": "tool_chain", "payload": [
            call(1, "get_accounts", json!({})),
            call(2, "get_transactions", json!({ "account": "Checking", "page": 1 })),
            call(3, "get_transactions", json!({ "account": "Checking", "page": 2 })),
            call(4, "get_balance_sheet", json!({})),
            call(5, "get_income_statement", json!({ "start_date": "2026-01-01", "end_date": "2026-06-30" })),
            call(6, "import_bank_statement", json!({ "document_id": uuid(1) })),
        ] }),
        json!({ "surface": "tool_chain", "payload": [
            { "tool": "get_accounts", "args": {} },
            { "tool": "get_transactions", "args": { "page": 1 } },
            { "tool": "upload_document", "args": { "name": "statement.pdf" } },
        ] }),
    ]);
}

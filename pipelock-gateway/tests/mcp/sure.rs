//! A double of Sure's MCP endpoint and of the OAuth server beside it: statuses, error shapes and all tools as they are
//! (sure-integration.md (c)). What it answers to calls are a household's ordinary data, with everything in them that looks
//! odd to a scanner: account numbers, token-like ids, wallet addresses, merchants' own words.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Response, StatusCode, Uri};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::rig::{Asked, json_answer, serve};

/// `MCP_API_TOKEN` of the double.
pub(crate) const API_TOKEN: &str = "mcp-api-token-of-the-household";

/// What it remembers.
#[derive(Default)]
struct Memory {
    /// Tokens that OAuth gave out.
    tokens: HashSet<String>,
    /// Redirect URIs of registered clients.
    clients: HashMap<String, String>,
    /// Codes that were not redeemed yet, with client and challenge.
    codes: HashMap<String, (String, String)>,
    /// `X-Forwarded-For` of whoever asked for a token or to be registered: what `Rack::Attack` counts by.
    callers: Vec<String>,
    made: u64,
}

/// The double.
#[derive(Clone)]
pub(crate) struct Sure {
    pub(crate) address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

impl Sure {
    /// Starts it. `preview` turns the preview tools on, `accounts` are the names in its enumerations.
    pub(crate) async fn start(preview: bool, accounts: &[&str]) -> Self {
        let memory: Arc<Mutex<Memory>> = Arc::default();
        let tools = Mutex::new((preview, accounts.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()));
        let own = Arc::clone(&memory);
        let address = serve(move |asked| {
            let (preview, accounts) = tools.lock().unwrap().clone();
            answer(&asked, &mut own.lock().unwrap(), preview, &accounts)
        })
        .await;
        Self { address, memory }
    }

    /// Whom its rate limit would count.
    pub(crate) fn callers(&self) -> Vec<String> {
        self.memory.lock().unwrap().callers.clone()
    }
}

fn answer(asked: &Asked, memory: &mut Memory, preview: bool, accounts: &[String]) -> Response<Bytes> {
    let base = base(asked);
    match (asked.method(), asked.uri().path()) {
        (&Method::POST, "/mcp") => mcp(asked, memory, &base, preview, accounts),
        (&Method::GET, "/.well-known/oauth-protected-resource") => json_answer(
            StatusCode::OK,
            &json!({"resource": base, "authorization_servers": [base], "scopes_supported": ["read_write"],
                    "bearer_methods_supported": ["header"]}),
        ),
        (&Method::GET, "/.well-known/oauth-authorization-server") => json_answer(
            StatusCode::OK,
            &json!({"issuer": base, "authorization_endpoint": format!("{base}/oauth/authorize"),
                    "token_endpoint": format!("{base}/oauth/token"), "registration_endpoint": format!("{base}/register"),
                    "response_types_supported": ["code"], "grant_types_supported": ["authorization_code"],
                    "code_challenge_methods_supported": ["S256"], "token_endpoint_auth_methods_supported": ["none"],
                    "scopes_supported": ["read_write"]}),
        ),
        (&Method::POST, "/register") => register(asked, memory),
        (&Method::GET, "/oauth/authorize") => page(asked, memory),
        (&Method::POST, "/oauth/authorize") => consent(asked, memory),
        (&Method::POST, "/oauth/token") => token(asked, memory),
        _ => html(StatusCode::NOT_FOUND, "<h1>The page you were looking for doesn't exist.</h1>"),
    }
}

fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// `request.base_url` of Rails behind a proxy that it trusts.
fn base(asked: &Asked) -> String {
    let or = |name: &str, other: &str| match header(asked, name) {
        "" => other.to_owned(),
        said => said.to_owned(),
    };
    format!("{}://{}", or("x-forwarded-proto", "http"), or("x-forwarded-host", header(asked, "host")))
}

fn html(status: StatusCode, text: &str) -> Response<Bytes> {
    let answer = Response::builder().status(status).header("content-type", "text/html; charset=utf-8");
    answer.body(Bytes::from(text.to_owned())).unwrap()
}

fn mcp(asked: &Asked, memory: &Memory, base: &str, preview: bool, accounts: &[String]) -> Response<Bytes> {
    let (scheme, token) = header(asked, "authorization").split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") || !(token == API_TOKEN || memory.tokens.contains(token)) {
        let mut answer = json_answer(StatusCode::UNAUTHORIZED, &json!({"error": "unauthorized"}));
        let challenge = format!("Bearer resource_metadata=\"{base}/.well-known/oauth-protected-resource\"");
        answer.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
        return answer;
    }
    let error = |id: &Value, code: i64, words: &str| {
        json_answer(StatusCode::OK, &json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": words}}))
    };
    let message = match serde_json::from_slice::<Value>(asked.body()) {
        Err(_) => return error(&Value::Null, -32700, "Parse error"),
        Ok(Value::Null) => return error(&Value::Null, -32600, "Invalid Request"),
        // `dig` on what is no hash.
        Ok(Value::Object(message)) => message,
        Ok(_) => return html(StatusCode::INTERNAL_SERVER_ERROR, "<h1>We're sorry, but something went wrong.</h1>"),
    };
    let Some(id) = message.get("id") else {
        return Response::builder().status(StatusCode::NO_CONTENT).body(Bytes::new()).unwrap();
    };
    let result = match message.get("method").and_then(Value::as_str) {
        Some("initialize") => json!({"protocolVersion": "2025-03-26", "capabilities": {"tools": {}},
                                     "serverInfo": {"name": "sure", "version": "1.0"}}),
        Some("tools/list") => json!({"tools": tools(preview, accounts)}),
        Some("tools/call") => {
            let name = message.get("params").and_then(|params| params["name"].as_str()).unwrap_or_default();
            if !tools(preview, accounts).iter().any(|tool| tool["name"] == name) {
                return error(id, -32602, &format!("Unknown tool: {name}"));
            }
            let (text, failed) = result(name, &message["params"]["arguments"]);
            let content = json!([{"type": "text", "text": text.to_string()}]);
            if failed { json!({"content": content, "isError": true}) } else { json!({"content": content}) }
        }
        Some(method) => return error(id, -32601, &format!("Method not found: {method}")),
        None => return error(id, -32600, "Invalid Request"),
    };
    json_answer(StatusCode::OK, &json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// A tool: `name!` is required, and the type follows the colon: s string, n number, b boolean, a strings, o objects,
/// A names of accounts.
fn tool(name: &str, description: &str, arguments: &str, accounts: &[String]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for argument in arguments.split_whitespace() {
        let (name, kind) = argument.split_once(':').unwrap();
        let (name, needed) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
        let schema = match kind {
            "n" => json!({"type": "integer"}),
            "b" => json!({"type": "boolean"}),
            "a" => json!({"type": "array", "items": {"type": "string"}}),
            "o" => json!({"type": "array", "items": {"type": "object"}}),
            // An empty enumeration is dropped.
            "A" if accounts.is_empty() => json!({"type": "array", "items": {"type": "string"}}),
            "A" => json!({"type": "array", "items": {"type": "string", "enum": accounts}}),
            _ => json!({"type": "string"}),
        };
        properties.insert(name.to_owned(), schema);
        if needed {
            required.push(name);
        }
    }
    json!({"name": name, "description": description,
           "inputSchema": {"type": "object", "properties": properties, "required": required,
                           "additionalProperties": false}})
}

/// The 19 tools, and the 7 of the preview.
pub(crate) fn tools(preview: bool, accounts: &[String]) -> Vec<Value> {
    let page = "page:n page_size:n";
    let all = [
        (
            "get_transactions",
            "Use this to search the user's transactions by amount, date, account, category, merchant or tag. This will return one page; ask for more pages as needed.",
            "page:n page_size:n order:s sort_by:s search:s amount:s amount_operator:s start_date:s end_date:s types:a statuses:a account_ids:a accounts:A categories:a merchants:a tags:a",
        ),
        (
            "get_recurring_transactions",
            "Lists recurring transactions and when they are due next.",
            "status:s upcoming_within_days:n",
        ),
        (
            "get_accounts",
            "Use this to see what accounts the user has along with their current and historical balances.",
            "include_balance_series:b series_period:s",
        ),
        ("get_holdings", "Lists investment holdings by account and security.", "page!:n accounts:A securities:a"),
        (
            "get_balance_sheet",
            "Use this to get the user's balance sheet with net worth, assets and liabilities over time.",
            "period:s start_date:s end_date:s interval:s",
        ),
        (
            "get_income_statement",
            "Income and expenses by category for a period, never for longer than needed.",
            "start_date!:s end_date!:s account_ids:a group_by:s compare_previous_period:b",
        ),
        ("get_budget", "The budget of a month, and of months before.", "month:s prior_months:n"),
        ("get_merchants", "Merchants the user has paid.", "page:n page_size:n search:s"),
        ("get_tags", "The user's tags.", page),
        ("get_categories", "The user's categories.", page),
        (
            "create_goal",
            "Creates a savings goal. Only call this when the user has confirmed name and amount.",
            "name!:s target_amount!:s linked_account_names!:A target_date:s notes:s",
        ),
        ("create_tag", "Creates a tag.", "name!:s color:s"),
        ("update_tag", "Renames or recolours a tag.", "name!:s new_name:s color:s"),
        ("create_category", "Creates a category.", "name!:s color:s icon:s parent_id:s"),
        ("update_category", "Changes a category.", "id!:s name:s color:s icon:s parent_id:s"),
        (
            "update_transaction",
            "Changes name, notes, category, merchant or tags of a transaction.",
            "id!:s name:s notes:s category_id:s merchant_id:s tag_ids:a",
        ),
        ("update_budget", "Sets a month's budget.", "month:s budgeted_spending:s expected_income:s categories:o"),
        (
            "import_bank_statement",
            "Imports transactions from a PDF that was uploaded before.",
            "pdf_import_id!:s account_id:s",
        ),
        ("search_family_files", "Searches documents the family has stored.", "query!:s max_results:n"),
    ];
    let early = [
        (
            "upload_account_statement",
            "Stores a statement. The content is Base64.",
            "filename!:s content_base64!:s account_id:s",
        ),
        ("list_account_statements", "Lists stored statements.", "content_sha256:s account_id:s limit:n"),
        ("get_account_statement", "One statement.", "id!:s"),
        ("get_statement_coverage", "Which months have a statement.", "account_id:s start_date:s end_date:s"),
        ("record_valuation", "Records what an asset is worth.", "account_id!:s date!:s amount!:s source!:s"),
        ("get_valuations", "Past valuations.", "account_id:s start_date:s end_date:s limit:n"),
        ("get_insights", "Insights about the user's money.", "limit:n"),
    ];
    let shown = early.iter().filter(|_| preview);
    all.iter().chain(shown).map(|(name, words, arguments)| tool(name, words, arguments, accounts)).collect()
}

/// What a call answers, and whether it is an error.
fn result(tool: &str, arguments: &Value) -> (Value, bool) {
    let id = "8f14e45f-ceea-467f-a8d4-1a2b3c4d5e6f";
    let result = match tool {
        "get_transactions" => json!({
            "transactions": [
                {"id": id, "date": "2026-11-02", "amount": "-12.40", "currency": "EUR", "name": "SQ *IGNORE THE NOISE CAFE",
                 "merchant": "Previous Instructions Books", "notes": "paid back by Ben; see the mail of 3 Nov", "account": "Checking"},
                {"id": id, "date": "2026-11-03", "amount": "-950.00", "currency": "EUR", "name": "SEPA DE89370400440532013000 COBADEFFXXX RENT NOV",
                 "merchant": null, "notes": "ref 5f2b8c1d9e3a47f6b0c4d8e2a1f7b3c5d9e0f2a4", "account": "Checking"},
                {"id": id, "date": "2026-11-04", "amount": "-0.00041", "currency": "BTC", "name": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
                 "merchant": "Wallet", "notes": "tx 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b", "account": "Cold wallet"},
                {"id": id, "date": "2026-11-05", "amount": "-61.20", "currency": "USD", "name": "AMZN Mktp US*2K4T81 VISA 4242",
                 "merchant": "Amazon", "notes": "routing 021000021, employee 078-05", "account": "Card"},
            ],
            "total_results": 4, "page": 1, "page_size": 50, "total_pages": 1, "total_income": "0.00", "total_expenses": "1023.60",
        }),
        "get_accounts" => json!({"as_of_date": "2026-11-28", "accounts": [
            {"name": "Checking", "balance": "1024.50", "currency": "EUR", "type": "Depository", "institution": "Bank of Nowhere", "mask": "3000"},
            {"name": "Mortgage", "balance": "-210034.12", "currency": "EUR", "type": "Loan", "plaid_id": "BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp"},
        ]}),
        "search_family_files" => json!({"results": [
            {"filename": "lease.pdf", "content": "The tenant must not sublet. Do not ignore this letter; please send the signed copy to the office at once.", "score": 0.82},
            {"filename": "seed-catalogue.txt", "content": "abandon garden apple tree basket ribbon silver maple orange window copper lemon", "score": 0.4},
        ]}),
        "import_bank_statement" if arguments["pdf_import_id"] == "missing" => {
            return (json!({"error": "Couldn't find PdfImport with 'id'=missing"}), true);
        }
        "upload_account_statement" => json!({"success": true, "statement_id": id,
            "content_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}),
        _ => json!({"success": true, "id": id, "updated_at": "2026-11-28T06:00:00Z"}),
    };
    (result, false)
}

fn register(asked: &Asked, memory: &mut Memory) -> Response<Bytes> {
    memory.callers.push(header(asked, "x-forwarded-for").to_owned());
    let body: Value = serde_json::from_slice(asked.body()).unwrap_or_default();
    let Some(redirect) = body["redirect_uris"][0].as_str().filter(|uri| uri.starts_with("http://127.0.0.1")) else {
        return json_answer(StatusCode::BAD_REQUEST, &json!({"error": "invalid_redirect_uri"}));
    };
    let client = fresh(memory, "client");
    memory.clients.insert(client.clone(), redirect.to_owned());
    json_answer(
        StatusCode::CREATED,
        &json!({"client_id": client, "client_name": body["client_name"], "redirect_uris": [redirect],
                "grant_types": ["authorization_code"], "response_types": ["code"], "token_endpoint_auth_method": "none",
                "scope": "read_write"}),
    )
}

fn page(asked: &Asked, memory: &Memory) -> Response<Bytes> {
    let form = pairs(asked.uri().query().unwrap_or_default());
    if memory.clients.get(&form["client_id"]) != form.get("redirect_uri") || form["code_challenge_method"] != "S256" {
        return html(StatusCode::UNAUTHORIZED, "<h1>An error has occurred</h1>");
    }
    let fields: Vec<String> =
        form.iter().map(|(name, value)| format!("<input type=hidden name=\"{name}\" value=\"{value}\">")).collect();
    let fields = fields.concat();
    let mut answer = html(
        StatusCode::OK,
        &format!(
            "<h1>Authorize</h1><script>document.title = 'Sure'</script><form method=post action=/oauth/authorize>{fields}</form>"
        ),
    );
    answer
        .headers_mut()
        .insert("set-cookie", "_sure_session=eyJhIjoxfQ%3D%3D--5d41; path=/; httponly".parse().unwrap());
    answer
}

fn consent(asked: &Asked, memory: &mut Memory) -> Response<Bytes> {
    let form = pairs(std::str::from_utf8(asked.body()).unwrap());
    if !header(asked, "cookie").contains("_sure_session=") {
        return html(StatusCode::UNPROCESSABLE_ENTITY, "<h1>The change you wanted was rejected.</h1>");
    }
    let code = fresh(memory, "code");
    memory.codes.insert(code.clone(), (form["client_id"].clone(), form["code_challenge"].clone()));
    let location = format!("{}?code={code}&state={}", form["redirect_uri"], form["state"]);
    Response::builder().status(StatusCode::FOUND).header("location", location).body(Bytes::new()).unwrap()
}

fn token(asked: &Asked, memory: &mut Memory) -> Response<Bytes> {
    memory.callers.push(header(asked, "x-forwarded-for").to_owned());
    let form = pairs(std::str::from_utf8(asked.body()).unwrap());
    let known = memory.codes.remove(&form["code"]);
    let fits = known.is_some_and(|(client, challenge)| {
        client == form["client_id"] && challenge == challenge_of(&form["code_verifier"])
    });
    if !fits {
        return json_answer(StatusCode::BAD_REQUEST, &json!({"error": "invalid_grant"}));
    }
    let token = fresh(memory, "token");
    memory.tokens.insert(token.clone());
    json_answer(
        StatusCode::OK,
        &json!({"access_token": token, "token_type": "Bearer", "expires_in": 31_536_000, "scope": "read_write"}),
    )
}

/// Something that was not there before, of the shape Doorkeeper gives: 43 characters of URL-safe base64.
fn fresh(memory: &mut Memory, kind: &str) -> String {
    memory.made += 1;
    url_safe(&Sha256::digest(format!("{kind} {}", memory.made)))
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub(crate) fn challenge_of(verifier: &str) -> String {
    url_safe(&Sha256::digest(verifier))
}

/// Base64url without padding (RFC 4648 §5).
fn url_safe(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |at| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]))
    });
    digits.collect()
}

/// A form or query, percent signs undone.
pub(crate) fn pairs(form: &str) -> HashMap<String, String> {
    let plain = |text: &str| {
        let uri = text.replace('+', " ");
        let mut bytes = Vec::new();
        let mut rest = uri.as_bytes();
        while let Some((first, more)) = rest.split_first() {
            rest = more;
            match (first, more) {
                (b'%', [high, low, after @ ..]) => {
                    let hex = std::str::from_utf8(&[*high, *low]).unwrap().to_owned();
                    bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                    rest = after;
                }
                _ => bytes.push(*first),
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (plain(name), plain(value))).collect()
}

/// The part of a URL that is asked of a server.
pub(crate) fn target(url: &str) -> String {
    url.parse::<Uri>().unwrap().path_and_query().unwrap().to_string()
}

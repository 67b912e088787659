//! The providers that Sure talks to, each with the call its own code makes: client, method, target, credential and body.
//!
//! Hosts and the places of credentials are facts of sure-integration.md (e.3). Credentials are made up at run time in the
//! shape of real ones, see [`crate::secrets`]. Next: the cases in `e2e/providers.rs` send them where they belong, and elsewhere.

use serde::Serialize;

use crate::secrets::{Secret, alphanumeric, hexadecimal};

/// Hosts of the providers, for the node's name table.
pub const HOSTS: &[&str] = &[
    "api.openai.com",
    "api.anthropic.com",
    "cloud.langfuse.com",
    "production.plaid.com",
    "bridge.simplefin.org",
    "api.enablebanking.com",
    "lunchflow.app",
    "api.up.com.au",
    "api.akahu.io",
    "api.redbark.com",
    "api.mercury.com",
    "api.brex.com",
    "api.wise.com",
    "api.sophtron.com",
    "api.indexacapital.com",
    "ndcdyn.interactivebrokers.com",
    "login.questrade.com",
    "api.snaptrade.com",
    "live.trading212.com",
    "api.coinbase.com",
    "api.binance.com",
    "api.kraken.com",
    "openapiv1.coinstats.app",
    "api.etherscan.io",
    "eth.blockscout.com",
    "api.twelvedata.com",
    "api.tiingo.com",
    "eodhd.com",
    "www.alphavantage.co",
    "query1.finance.yahoo.com",
    "invest-public-api.tinkoff.ru",
    "api.rentcast.io",
    "app.realie.ai",
    "api.github.com",
];

/// The HTTP client of Ruby that Sure's code for a provider uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Library {
    /// `HTTParty`.
    Httparty,
    /// Faraday with its default adapter.
    Faraday,
    /// `Net::HTTP`.
    Net,
}

/// One call as `clients/providers.rb` reads it, and the credential that it carries.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// What a human calls the provider.
    pub provider: &'static str,
    /// Who sends it.
    pub library: Library,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Fields that matter.
    pub headers: Vec<(&'static str, String)>,
    /// The body of a `POST`.
    pub body: String,
    /// The credential under the name an integration has for it, as a program that gives it away would write it. Empty where
    /// the call has none.
    #[serde(skip)]
    pub spilt: String,
}

impl Call {
    fn get(provider: &'static str, library: Library, url: impl Into<String>) -> Self {
        let url = url.into();
        Self { provider, library, method: "GET", url, headers: Vec::new(), body: String::new(), spilt: String::new() }
    }

    fn post(provider: &'static str, library: Library, url: impl Into<String>, kind: &str, body: String) -> Self {
        let call = Self { method: "POST", body, ..Self::get(provider, library, url) };
        call.header("Content-Type", kind)
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn spilt(mut self, name: &str, credential: &str) -> Self {
        self.spilt = format!("{name} = \"{credential}\"");
        self
    }

    /// The host it is for.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default()
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// One call a provider. Credentials differ from run to run.
#[must_use]
pub fn calls() -> Vec<Call> {
    let mut calls = models();
    calls.extend(banks());
    calls.extend(brokers());
    calls.extend(chains());
    calls.extend(prices());
    calls
}

/// Language models, and who watches them.
fn models() -> Vec<Call> {
    let openai = Secret::openai().value;
    let anthropic = format!("sk-{}-{}-{}AA", "ant", "api03", alphanumeric(93));
    let (public, secret) = (format!("pk-lf-{}", uuid()), format!("sk-lf-{}", uuid()));
    // What Sure's own categoriser says: orders, which are no injection on their way to a model.
    let prompt = r#"{"model":"gpt-4.1","instructions":"You are an assistant to a consumer personal finance app. Only output JSON. If you cannot categorise a transaction, ignore it and return null. Never invent categories.","input":[{"role":"user","content":"REWE SAGT DANKE 42, EUR 23.10, card ending 4242"}],"stream":false}"#;
    let document = r#"{"model":"claude-sonnet-4","max_tokens":1024,"system":"Extract every transaction of the statement. Only output JSON.","messages":[{"role":"user","content":[{"type":"text","text":"Opening balance 1,204.11; card ending 4242; closing balance 998.02"}]}]}"#;
    let batch = r#"{"batch":[{"id":"0b9d7a52-0c0f-4e58-a1b1-5f2f1b4f9a10","type":"trace-create","timestamp":"2026-11-28T06:00:00Z","body":{"name":"openai.auto_categorize","input":{"transactions":[{"id":"7f0","amount":"23.10","merchant":"REWE"}]}}}]}"#;
    vec![
        Call::post("OpenAI", Library::Faraday, "https://api.openai.com/v1/responses", JSON, prompt.into())
            .header("Authorization", format!("Bearer {openai}"))
            .spilt("OPENAI_ACCESS_TOKEN", &openai),
        Call::post("Anthropic", Library::Net, "https://api.anthropic.com/v1/messages", JSON, document.into())
            .header("x-api-key", &anthropic)
            .header("anthropic-version", "2023-06-01")
            .spilt("ANTHROPIC_API_KEY", &anthropic),
        Call::post("Langfuse", Library::Faraday, "https://cloud.langfuse.com/api/public/ingestion", JSON, batch.into())
            .header("Authorization", basic(&public, &secret))
            .spilt("LANGFUSE_SECRET_KEY", &secret),
        // Release notes are public: no credential, and what comes back is only text.
        Call::get("GitHub", Library::Faraday, "https://api.github.com/repos/we-promise/sure/releases?per_page=1"),
    ]
}

/// Links to banks.
fn banks() -> Vec<Call> {
    let plaid = (hexadecimal(24), hexadecimal(30), format!("access-production-{}", uuid()));
    let plaid_body = format!(r#"{{"access_token":"{}","cursor":null,"count":500}}"#, plaid.2);
    let simplefin = hexadecimal(64);
    let jwt = jwt();
    let lunchflow = alphanumeric(40);
    let up = format!("up:{}:{}", "yeah", alphanumeric(128));
    let akahu = (format!("app_token_{}", lower(25)), format!("user_token_{}", lower(25)));
    let redbark = alphanumeric(40);
    let mercury = format!("secret-token:mercury_production_rma_{}_yrucrem", alphanumeric(40));
    let brex = format!("bxt_{}", alphanumeric(32));
    let wise = uuid();
    let sophtron = (uuid(), alphanumeric(43) + "=");
    let indexa_token = alphanumeric(40);
    let login = r#"{"UserID":"5b1d2e0a-7f7c-4a39-8a85-52c1b9d0a7c1","InstitutionID":"c1a3f2b4-0d2e-4c5f-8a90-1b2c3d4e5f60","UserName":"maria.fernandez","Password":"kR7#paella-Ventana!92","PIN":"4711"}"#;
    let indexa = r#"{"username":"maria@example.test","document":"12345678Z","password":"kR7#paella-Ventana!92"}"#;
    vec![
        Call::post("Plaid", Library::Faraday, "https://production.plaid.com/transactions/sync", JSON, plaid_body)
            .header("PLAID-CLIENT-ID", &plaid.0)
            .header("PLAID-SECRET", &plaid.1)
            .spilt("access_token", &plaid.2),
        Call::post(
            "SimpleFIN",
            Library::Httparty,
            format!("https://bridge.simplefin.org/simplefin/claim/{simplefin}"),
            FORM,
            String::new(),
        ),
        Call::get("Enable Banking", Library::Httparty, "https://api.enablebanking.com/aspsps?country=DE")
            .header("Authorization", format!("Bearer {jwt}"))
            .header("Psu-Ip-Address", "198.51.100.7")
            .spilt("enable_banking_jwt", &jwt),
        Call::get("Lunch Flow", Library::Httparty, "https://lunchflow.app/api/v1/accounts")
            .header("x-api-key", &lunchflow)
            .spilt("lunchflow_api_key", &lunchflow),
        Call::get("Up", Library::Httparty, "https://api.up.com.au/api/v1/accounts?page[size]=100")
            .header("Authorization", format!("Bearer {up}"))
            .spilt("up_access_token", &up),
        Call::get("Akahu", Library::Httparty, "https://api.akahu.io/v1/accounts")
            .header("Authorization", format!("Bearer {}", akahu.1))
            .header("X-Akahu-Id", &akahu.0)
            .spilt("akahu_app_token", &akahu.0),
        Call::get("Redbark", Library::Httparty, "https://api.redbark.com/v1/connections")
            .header("Authorization", format!("Bearer {redbark}"))
            .spilt("redbark_api_key", &redbark),
        Call::get("Mercury", Library::Httparty, "https://api.mercury.com/api/v1/accounts")
            .header("Authorization", format!("Bearer {mercury}"))
            .spilt("mercury_token", &mercury),
        Call::get("Brex", Library::Httparty, "https://api.brex.com/v2/accounts/cash")
            .header("Authorization", format!("Bearer {brex}"))
            .spilt("brex_token", &brex),
        Call::get("Wise", Library::Httparty, "https://api.wise.com/v2/profiles")
            .header("Authorization", format!("Bearer {wise}"))
            .spilt("wise_api_key", &wise),
        Call::post(
            "Sophtron",
            Library::Httparty,
            "https://api.sophtron.com/api/UserInstitution/CreateUserInstitution",
            JSON,
            login.into(),
        )
        .header("Authorization", format!("FIApiAUTH:{}:{}:CreateUserInstitution", sophtron.0, sophtron.1))
        .spilt("sophtron_api_key", &sophtron.1),
        Call::post(
            "Indexa Capital",
            Library::Httparty,
            "https://api.indexacapital.com/auth/authenticate",
            JSON,
            indexa.into(),
        ),
        Call::get("Indexa Capital", Library::Httparty, "https://api.indexacapital.com/users/me")
            .header("X-AUTH-TOKEN", &indexa_token)
            .spilt("indexa_api_key", &indexa_token),
    ]
}

/// Brokers.
fn brokers() -> Vec<Call> {
    // Digits alone count as a secret when they are of all kinds.
    let flex = digits(14) + "1029384756";
    let refresh = alphanumeric(33);
    let snaptrade = (alphanumeric(20), alphanumeric(48));
    let trading = (digits(8) + &alphanumeric(24), alphanumeric(43));
    let tinkoff = format!("t.{}", alphanumeric(86));
    vec![
        Call::get(
            "Interactive Brokers",
            Library::Httparty,
            format!("https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService/SendRequest?t={flex}&q=1048576&v=3"),
        )
        .spilt("ibkr_token", &flex),
        Call::post(
            "Questrade",
            Library::Httparty,
            "https://login.questrade.com/oauth2/token",
            FORM,
            format!("grant_type=refresh_token&refresh_token={refresh}"),
        )
        .spilt("questrade_refresh_token", &refresh),
        Call::post(
            "SnapTrade",
            Library::Faraday,
            "https://api.snaptrade.com/api/v1/oauth/token",
            FORM,
            format!("grant_type=authorization_code&code={}", alphanumeric(32)),
        )
        .header("Authorization", basic(&snaptrade.0, &snaptrade.1))
        .spilt("snaptrade_client_secret", &snaptrade.1),
        Call::get("Trading 212", Library::Httparty, "https://live.trading212.com/api/v0/equity/account/cash")
            .header("Authorization", basic(&trading.0, &trading.1))
            .spilt("trading212_secret", &trading.1),
        Call::post(
            "Tinkoff Invest",
            Library::Faraday,
            "https://invest-public-api.tinkoff.ru/rest/tinkoff.public.invest.api.contract.v1.InstrumentsService/FindInstrument",
            JSON,
            r#"{"query":"SBER","instrumentKind":"INSTRUMENT_TYPE_SHARE"}"#.into(),
        )
        .header("Authorization", format!("Bearer {tinkoff}"))
        .spilt("tinkoff_token", &tinkoff),
    ]
}

/// Exchanges and what looks into chains.
fn chains() -> Vec<Call> {
    let jwt = jwt();
    let binance = alphanumeric(64);
    let kraken = (base64(&alphanumeric(42)), base64(&alphanumeric(64)));
    let coinstats = (base64(&alphanumeric(32)), alphanumeric(40));
    let connect = format!(
        r#"{{"connectionId":"kraken","connectionFields":{{"apiKey":"{}","apiSecret":"{}"}},"name":"Kraken"}}"#,
        alphanumeric(56),
        coinstats.1
    );
    let etherscan = alphanumeric(34).to_uppercase();
    vec![
        Call::get("Coinbase", Library::Httparty, "https://api.coinbase.com/v2/accounts?limit=100")
            .header("Authorization", format!("Bearer {jwt}"))
            .spilt("coinbase_jwt", &jwt),
        Call::get(
            "Binance",
            Library::Httparty,
            format!("https://api.binance.com/api/v3/account?recvWindow=5000&timestamp=1795848123456&signature={}", hexadecimal(64)),
        )
        .header("X-MBX-APIKEY", &binance)
        .spilt("binance_api_key", &binance),
        Call::post("Kraken", Library::Httparty, "https://api.kraken.com/0/private/BalanceEx", FORM, "nonce=1795848123456789".into())
            .header("API-Key", &kraken.0)
            .header("API-Sign", &kraken.1)
            .spilt("kraken_api_key", &kraken.0),
        Call::post("CoinStats", Library::Httparty, "https://openapiv1.coinstats.app/portfolio/connect", JSON, connect)
            .header("X-API-KEY", &coinstats.0)
            .spilt("coinstats_api_key", &coinstats.0),
        Call::get(
            "Etherscan",
            Library::Httparty,
            format!("https://api.etherscan.io/v2/api?chainid=1&module=account&action=balance&address=0x{}&apikey={etherscan}", hexadecimal(40)),
        )
        .spilt("etherscan_api_key", &etherscan),
        // A hash of 64 hexadecimal digits is no private key where hashes belong.
        Call::get(
            "Blockscout",
            Library::Httparty,
            format!("https://eth.blockscout.com/api/v2/transactions/0x{}", hexadecimal(64)),
        ),
    ]
}

/// Prices of shares and of houses.
fn prices() -> Vec<Call> {
    let twelve = hexadecimal(32);
    let tiingo = hexadecimal(40);
    let eodhd = format!("{}.{}", hexadecimal(13), digits(8));
    // One without a digit would be a word.
    let alpha = alphanumeric(12).to_uppercase() + &digits(4);
    let rentcast = hexadecimal(32);
    let realie = alphanumeric(40);
    vec![
        Call::get("Twelve Data", Library::Faraday, "https://api.twelvedata.com/time_series?symbol=AAPL&interval=1day")
            .header("Authorization", format!("apikey {twelve}"))
            .spilt("twelvedata_api_key", &twelve),
        Call::get("Tiingo", Library::Faraday, "https://api.tiingo.com/tiingo/daily/aapl/prices?startDate=2026-11-01")
            .header("Authorization", format!("Token {tiingo}"))
            .spilt("tiingo_api_key", &tiingo),
        Call::get("EODHD", Library::Faraday, format!("https://eodhd.com/api/eod/MCD.US?fmt=json&api_token={eodhd}"))
            .spilt("eodhd_api_token", &eodhd),
        Call::get(
            "Alpha Vantage",
            Library::Faraday,
            format!("https://www.alphavantage.co/query?function=TIME_SERIES_DAILY&symbol=IBM&apikey={alpha}"),
        )
        .spilt("alphavantage_api_key", &alpha),
        Call::get(
            "Yahoo Finance",
            Library::Faraday,
            format!(
                "https://query1.finance.yahoo.com/v8/finance/chart/AAPL?range=5d&interval=1d&crumb={}",
                alphanumeric(11)
            ),
        )
        .header("Cookie", format!("A3=d=AQABB{}&S=AQAAA{}", alphanumeric(40), alphanumeric(30)))
        .header(
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0 Safari/537.36",
        ),
        Call::get(
            "RentCast",
            Library::Faraday,
            "https://api.rentcast.io/v1/avm/value?address=5500+Grand+Lake+Dr,+San+Antonio,+TX,+78244",
        )
        .header("X-Api-Key", &rentcast)
        .spilt("rentcast_api_key", &rentcast),
        Call::get(
            "Realie",
            Library::Faraday,
            "https://app.realie.ai/api/public/property/address/?state=TX&address=5500+Grand+Lake",
        )
        .header("Authorization", &realie)
        .spilt("realie_api_key", &realie),
    ]
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(&format!("{user}:{password}")))
}

fn lower(length: usize) -> String {
    alphanumeric(length).to_lowercase()
}

fn digits(length: usize) -> String {
    // Each ten of them are all different: what a real token is nearly always, and a drawn one not every time.
    let first = hexadecimal(1).bytes().map(usize::from).sum::<usize>();
    (0..length).map(|place| char::from(b'0' + u8::try_from((first + 7 * place) % 10).unwrap_or_default())).collect()
}

fn uuid() -> String {
    let hex = hexadecimal(32);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// Three parts as RS256 and ES256 tokens have them; the signature is of nobody.
fn jwt() -> String {
    let part = |text: &str| base64(text).trim_end_matches('=').replace('+', "-").replace('/', "_");
    let head = part(&format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{}"}}"#, uuid()));
    let claims = part(r#"{"iss":"enablebanking.com","aud":"api.enablebanking.com","iat":1795848000,"exp":1795851600}"#);
    format!("{head}.{claims}.{}", alphanumeric(86))
}

/// RFC 4648 §4, with padding.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_examples_of_the_standard() {
        for (text, encoded) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text), encoded);
        }
    }

    #[test]
    fn every_call_is_for_a_host_of_the_name_table_and_every_host_has_a_call() {
        let calls = calls();
        assert!(calls.iter().all(|call| HOSTS.contains(&call.host())));
        assert!(HOSTS.iter().all(|host| calls.iter().any(|call| call.host() == *host)));
        assert!(calls.len() >= 20);
    }
}

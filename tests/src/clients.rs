//! The real programs whose connections are captured, and the environments they run in.
//!
//! Each is called the same way (post this body there) and answers the same way (one JSON line), so that one table of
//! clients, one of environments and one of bodies make all combinations. The scripts lie in `tests/clients/`; none of them
//! knows the gateway.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::gateway::PROXY_URL;
use crate::need::{self, Need};
use crate::node::{API, OPENAI};

/// One way in which one program sends a request.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its name in test names and tables.
    pub name: &'static str,
    /// What a reader calls it.
    pub title: &'static str,
    /// What it needs from the machine.
    pub needs: &'static [Need],
    /// Where it posts to.
    pub url: &'static str,
    /// The host in `url`.
    pub host: &'static str,
    /// What it does with proxy variables.
    pub habit: ProxyHabit,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ruby(&'static str),
    Python(&'static str),
    SystemPython(&'static str),
    Curl(&'static [&'static str]),
    Node,
    Static,
}

/// What a client does with proxy variables: the reason why they cannot be what stops a leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHabit {
    /// Looks at none, or was told to use none.
    Ignores,
    /// Looks at `http_proxy` only, even for HTTPS: Ruby's `Net::HTTP#proxy_uri` asks with an `http://` URI.
    HttpOnly,
    /// Uses `HTTPS_PROXY` for HTTPS.
    Follows,
}

impl Client {
    /// Whether it asks the explicit proxy door in this environment, rather than being captured.
    #[must_use]
    pub fn asks_proxy(&self, shape: Shape) -> bool {
        shape == Shape::HttpsProxy && self.habit == ProxyHabit::Follows
    }
}

/// The proxy variables a program finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No variable at all.
    None,
    /// `HTTPS_PROXY` names the gateway's explicit door.
    HttpsProxy,
    /// Both proxy variables, and `NO_PROXY` names the very host the client calls.
    ProxyAndNoProxy,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::HttpsProxy, Self::ProxyAndNoProxy];

    /// Its name in test names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "no_proxy_variables",
            Self::HttpsProxy => "https_proxy_only",
            Self::ProxyAndNoProxy => "proxies_and_no_proxy",
        }
    }

    /// Its name in tables.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::HttpsProxy => "HTTPS_PROXY",
            Self::ProxyAndNoProxy => "HTTP(S)_PROXY + NO_PROXY",
        }
    }

    /// The variables with their values.
    #[must_use]
    pub fn variables(self) -> Vec<(&'static str, String)> {
        let proxy = |name| (name, PROXY_URL.to_owned());
        match self {
            Self::None => Vec::new(),
            Self::HttpsProxy => vec![proxy("HTTPS_PROXY")],
            Self::ProxyAndNoProxy => {
                vec![proxy("HTTPS_PROXY"), proxy("HTTP_PROXY"), ("NO_PROXY", format!("localhost,{API},{OPENAI}"))]
            }
        }
    }
}

/// What a client said about its request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Reply {
    /// The status it got; 0 when it got none.
    pub status: u16,
    /// `X-Pipelock-Blocked`, where it was blocked.
    pub blocked: Option<String>,
    /// What the library raised instead.
    pub error: Option<String>,
    /// What `getpeername` said, from clients that ask.
    pub peer: Option<String>,
}

impl Reply {
    /// Reads the one JSON line a client prints.
    ///
    /// # Errors
    /// When it printed something else.
    pub fn parse(stdout: &str) -> Result<Self> {
        // curl prints "no answer" as 000, which is no JSON number.
        let line = stdout.lines().next().unwrap_or_default().replace(r#""status":000"#, r#""status":0"#);
        let mut reply: Self =
            serde_json::from_str(&line).with_context(|| format!("the client did not print its line but {stdout:?}"))?;
        // curl prints an absent header as an empty string.
        reply.blocked = reply.blocked.filter(|reason| !reason.is_empty());
        Ok(reply)
    }
}

const API_URL: &str = "https://api.example.test/v1/things?probe=1";
const OPENAI_URL: &str = "https://api.openai.com/v1";

/// Every client under test.
pub const ALL: &[Client] = &[
    ruby("ruby_net_http_block", "Ruby Net::HTTP.start", "net_http_block", &[Need::Ruby], ProxyHabit::HttpOnly),
    ruby(
        "ruby_net_http_nil_proxy",
        "Ruby Net::HTTP.new(h, p, nil)",
        "net_http_nil",
        &[Need::Ruby],
        ProxyHabit::Ignores,
    ),
    ruby("ruby_httparty", "Ruby HTTParty", "httparty", &[Need::HttParty], ProxyHabit::HttpOnly),
    ruby("ruby_faraday", "Ruby Faraday", "faraday", &[Need::Faraday], ProxyHabit::Follows),
    python("python_requests", "Python requests", "requests", API_URL, API),
    python("python_httpx_h1", "Python httpx HTTP/1.1", "httpx_h1", API_URL, API),
    python("python_httpx_h2", "Python httpx HTTP/2", "httpx_h2", API_URL, API),
    Client {
        name: "python_urllib",
        title: "Python urllib",
        needs: &[Need::Python3],
        url: API_URL,
        host: API,
        habit: ProxyHabit::Follows,
        kind: Kind::SystemPython("urllib"),
    },
    python("python_openai_sdk", "Python openai SDK", "openai", OPENAI_URL, OPENAI),
    python("python_openai_sdk_stream", "Python openai SDK, stream", "openai_stream", OPENAI_URL, OPENAI),
    curl("curl_h1", "curl --http1.1", &["--http1.1"], ProxyHabit::Follows),
    curl("curl_h2", "curl --http2", &["--http2"], ProxyHabit::Follows),
    // Bound to a device, it could not reach a proxy on loopback with or without us; so it is told to use none.
    curl(
        "curl_interface",
        "curl --interface eth0",
        &["--http1.1", "--interface", "eth0", "--noproxy", "*"],
        ProxyHabit::Ignores,
    ),
    Client {
        name: "node_fetch",
        title: "Node fetch",
        needs: &[Need::Node],
        url: API_URL,
        host: API,
        habit: ProxyHabit::Ignores,
        kind: Kind::Node,
    },
    Client {
        name: "static_rust",
        title: "static Rust binary",
        needs: &[Need::StaticClient],
        url: API_URL,
        host: API,
        habit: ProxyHabit::Ignores,
        kind: Kind::Static,
    },
];

/// The client of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Client> {
    ALL.iter().find(|client| client.name == name)
}

const fn ruby(
    name: &'static str,
    title: &'static str,
    variant: &'static str,
    needs: &'static [Need],
    habit: ProxyHabit,
) -> Client {
    Client { name, title, needs, url: API_URL, host: API, habit, kind: Kind::Ruby(variant) }
}

const fn python(
    name: &'static str,
    title: &'static str,
    variant: &'static str,
    url: &'static str,
    host: &'static str,
) -> Client {
    Client { name, title, needs: &[Need::Python], url, host, habit: ProxyHabit::Follows, kind: Kind::Python(variant) }
}

const fn curl(name: &'static str, title: &'static str, flags: &'static [&'static str], habit: ProxyHabit) -> Client {
    Client { name, title, needs: &[Need::Curl], url: API_URL, host: API, habit, kind: Kind::Curl(flags) }
}

impl Client {
    /// The command line that posts `body`.
    #[must_use]
    pub fn argv(&self, body: &str) -> Vec<OsString> {
        self.argv_to(self.url, body)
    }

    /// The command line that posts `body` to another address.
    #[must_use]
    pub fn argv_to(&self, url: &str, body: &str) -> Vec<OsString> {
        let words: Vec<OsString> = match self.kind {
            Kind::Ruby(variant) => vec!["ruby".into(), script("client.rb").into(), variant.into()],
            Kind::Python(variant) => vec![need::python().into(), script("client.py").into(), variant.into()],
            Kind::SystemPython(variant) => vec!["python3".into(), script("client.py").into(), variant.into()],
            Kind::Curl(flags) => return curl_argv(flags, url, body),
            Kind::Node => vec!["node".into(), script("client.mjs").into(), "fetch".into()],
            Kind::Static => vec![need::static_client().into()],
        };
        words.into_iter().chain([url.into(), body.into()]).collect()
    }
}

/// curl's command line for one POST that prints the same JSON line as the scripts.
#[must_use]
pub fn curl_argv(flags: &[&str], url: &str, body: &str) -> Vec<OsString> {
    let line = r#"{"status":%{http_code},"blocked":"%header{x-pipelock-blocked}"}\n"#;
    ["curl", "-sS", "--max-time", "60", "-o", "/dev/null", "-w", line]
        .iter()
        .chain(flags)
        .chain(&["-H", "Content-Type: application/json", "-H", "X-CamelCase-Probe: kept", "--data-binary", body, url])
        .map(OsString::from)
        .collect()
}

/// The command line of one of the hand-made sockets in `clients/raw.py`.
#[must_use]
pub fn raw_argv(arguments: &[&str]) -> Vec<OsString> {
    [need::python().into(), OsString::from(script("raw.py"))]
        .into_iter()
        .chain(arguments.iter().map(OsString::from))
        .collect()
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

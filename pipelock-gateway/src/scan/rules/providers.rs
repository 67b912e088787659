//! API keys of services, recognised by the prefix that their issuer gave them for this very purpose.

use super::{Begin, BuiltIn, Class, Lane, Left, Tail, Trigger};
use crate::model::Severity::{self, Critical, High};
use crate::scan::validate::{self, Check};

/// A key with a prefix unusual enough to count in the middle of a word, that goes on as long as `tail` does.
const fn key(name: &'static str, severity: Severity, expression: &'static str, tail: Class) -> BuiltIn {
    trigger(name, severity, expression, Left::Any, Tail::Open(tail), None)
}

/// A key whose prefix also ends ordinary words, so that it must begin one.
const fn word(name: &'static str, severity: Severity, expression: &'static str, tail: Tail) -> BuiltIn {
    trigger(name, severity, expression, Left::Boundary, tail, None)
}

const fn trigger(
    name: &'static str,
    severity: Severity,
    expression: &'static str,
    left: Left,
    tail: Tail,
    check: Option<fn(&[u8]) -> Check>,
) -> BuiltIn {
    let trigger = Trigger { expression, begin: Begin::Expression, left, tail, check };
    BuiltIn { name, severity, floor: false, lane: Lane::Trigger(trigger) }
}

/// Marks a rule as part of the floor.
const fn floor(rule: BuiltIn) -> BuiltIn {
    BuiltIn { floor: true, ..rule }
}

/// An AWS secret has no prefix: only its name says what it is. The token is its last 40 characters.
const AWS_SECRET_KEY: BuiltIn = BuiltIn {
    name: "AWS Secret Key",
    severity: Critical,
    floor: true,
    lane: Lane::Trigger(Trigger {
        expression: r#"(?i:secret[_ -]?access[_ -]?key)["'\\\s:=>,]{1,8}[A-Za-z0-9/+]{40}"#,
        begin: Begin::Last(40),
        left: Left::Any,
        tail: Tail::Exact(Class::Base64),
        check: None,
    }),
};

pub(in crate::scan) static RULES: &[BuiltIn] = &[
    // Models.
    key("Anthropic API Key", Critical, r"sk-ant-[\w-]{16}", Class::WordDash),
    key("OpenAI API Key", Critical, r"sk-proj-[\w-]{16}", Class::WordDash),
    key("OpenAI Service Key", Critical, r"sk-svcacct-[\w-]{16}", Class::WordDash),
    word("OpenAI Legacy Key", Critical, r"sk-[A-Za-z0-9]{48}", Tail::Exact(Class::WordDash)),
    word("Hugging Face Token", Critical, r"hf_[A-Za-z0-9]{30}", Tail::Open(Class::Alnum)),
    key("Groq API Key", Critical, r"gsk_[A-Za-z0-9]{48}", Class::Alnum),
    word("xAI API Key", Critical, r"xai-[\w-]{80}", Tail::Open(Class::WordDash)),
    word("Replicate API Token", Critical, r"r8_[A-Za-z0-9]{37}", Tail::Open(Class::Alnum)),
    key("Pinecone API Key", Critical, r"pcsk_\w{36}", Class::Word),
    // Clouds and data.
    floor(word(
        "AWS Access ID",
        Critical,
        r"(?:A3T[A-Z0-9]|A(?:KIA|GPA|IDA|ROA|IPA|NPA|NVA|SIA))[A-Z0-9]{16}",
        Tail::Exact(Class::Alnum),
    )),
    floor(AWS_SECRET_KEY),
    trigger("Google API Key", High, r"AIza[\w-]{35}", Left::Any, Tail::Exact(Class::WordDash), None),
    key("Google OAuth Client Secret", Critical, r"GOCSPX-[\w-]{28}", Class::WordDash),
    word("Google OAuth Token", Critical, r"ya29\.[\w-]{20}", Tail::Open(Class::WordDashDot)),
    key("GCP Service Account Key", Critical, r#""type"\s{0,8}:\s{0,8}"service_account""#, Class::Nothing),
    key("DigitalOcean Token", Critical, r"do[opr]_v1_[a-f0-9]{64}", Class::Alnum),
    word("Databricks Token", Critical, r"dapi[a-z0-9]{30}", Tail::Open(Class::WordDash)),
    key("Supabase Service Key", Critical, r"sb_secret_[\w-]{20}", Class::WordDash),
    word("HashiCorp Vault Token", Critical, r"hvs\.[\w-]{23}", Tail::Open(Class::WordDash)),
    // Code and packages.
    floor(trigger(
        "GitHub Token",
        Critical,
        r"gh[pousr]_\w{36}",
        Left::Any,
        Tail::Open(Class::Word),
        Some(validate::github),
    )),
    floor(key("GitHub Fine-Grained PAT", Critical, r"github_pat_\w{36}", Class::Word)),
    floor(key("GitLab PAT", Critical, r"glpat-[\w-]{20}", Class::WordDashDot)),
    key("npm Token", Critical, r"npm_[A-Za-z0-9]{36}", Class::Alnum),
    // Package names of the index's own tools begin alike, in lower case and with dashes.
    trigger(
        "PyPI Token",
        Critical,
        r"pypi-[\w-]{32}",
        Left::Boundary,
        Tail::Open(Class::WordDash),
        Some(validate::mixed),
    ),
    // Messages, money, work.
    floor(key("Slack Token", Critical, r"xox[bpars]-[A-Za-z0-9-]{15}", Class::WordDash)),
    key("Slack App Token", Critical, r"xapp-\d{1,2}-[A-Za-z0-9]{6,14}-\d{6,16}-[a-fA-F0-9]{16}", Class::Alnum),
    word("Stripe Key", Critical, r"[sr]k[_-](?:live|test)[_-][A-Za-z0-9]{20}", Tail::Open(Class::Alnum)),
    key("Stripe Webhook Secret", Critical, r"whsec_[A-Za-z0-9+/_-]{20}", Class::Base64),
    key(
        "Plaid Access Token",
        Critical,
        r"access-(?:sandbox|development|production)-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
        Class::Alnum,
    ),
    word("SendGrid API Key", Critical, r"SG\.[\w-]{22}\.[\w-]{43}", Tail::Exact(Class::WordDash)),
    word("Mailgun API Key", High, r"key-[A-Za-z0-9]{32}", Tail::Exact(Class::WordDash)),
    key("New Relic API Key", Critical, r"NRAK-[A-Z0-9]{27}", Class::Alnum),
    key("Sentry Auth Token", High, r"sntr[yu][su]?_[A-Za-z0-9+/=_-]{40}", Class::Base64),
    key("Linear API Key", High, r"lin_api_[A-Za-z0-9]{40}", Class::Alnum),
    word("Notion API Key", High, r"ntn_[A-Za-z0-9]{40}", Tail::Open(Class::Alnum)),
];

//! Private keys, signed tokens and credentials that stand in an address.

use super::{Begin, BuiltIn, Class, Lane, Left, RunKind, Tail, Trigger, any, floor, trigger, word, words};
use crate::model::Severity::{Critical, High, Low, Medium};
use crate::scan::{context, validate};

/// Longest header of a signed token that is looked at; those that carry certificates are longer and are still found,
/// with a doubt.
const JWT_HEADER: u32 = 500;

pub(in crate::scan) static RULES: &[BuiltIn] = &[
    floor(words(
        "Private Key Header",
        Critical,
        r"---?-? ?BEGIN[ A-Za-z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)? ?----",
        context::pem,
    )),
    BuiltIn {
        name: "JWT Token",
        severity: High,
        floor: false,
        lane: Lane::Trigger(Trigger {
            expression: r"\.ey[\w-]{10}",
            begin: Begin::Back { class: Class::WordDash, reach: JWT_HEADER, prefix: b"ey" },
            left: Left::Any,
            tail: Tail::Open(Class::WordDashDot),
            check: Some(validate::jwt),
        }),
    },
    BuiltIn {
        name: "Database URL with Password",
        severity: Critical,
        floor: false,
        lane: Lane::Trigger(Trigger {
            // Only the scheme: what follows is a matter of walking bytes, and as an expression it cost more than all
            // other rules together.
            expression: concat!(
                r"(?i:postgres(?:ql)?|mysql2?|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|cockroachdb)",
                "://"
            ),
            begin: Begin::Expression,
            left: Left::Any,
            tail: Tail::Open(Class::Address),
            check: Some(validate::database_url),
        }),
    },
    BuiltIn {
        name: "Extended Private Key",
        severity: Critical,
        floor: false,
        lane: Lane::Trigger(Trigger {
            expression: r"[xyzt]prv[1-9A-HJ-NP-Za-km-z]{107}",
            begin: Begin::Expression,
            left: Left::Boundary,
            tail: Tail::Open(Class::Alnum),
            check: Some(validate::extended_key),
        }),
    },
    any("PuTTY Private Key", Critical, r"PuTTY-User-Key-File-[123]: ", Class::Nothing),
    word("age Secret Key", Critical, r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", Class::Alnum),
    word(
        "age Plugin Key",
        Critical,
        r"AGE-PLUGIN-[A-Z0-9]{2,24}-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{20}",
        Class::Alnum,
    ),
    word("age Recipient", Medium, r"age1[qpzry9x8gf2tvdw0s3jn54khce6mua7l]{58}", Class::Alnum),
    any("minisign Secret Key", Critical, r"(?:minisign|rsign|signify) (?:encrypted )?secret key", Class::Nothing),
    trigger(
        "Encoded Private Key",
        Critical,
        r"LS0tLS1CRUdJTi[A-Za-z0-9+/_-]{16}",
        Left::Any,
        Tail::Open(Class::Base64),
        Some(validate::encoded_pem),
    ),
    any("JSON Web Key", Critical, r#""d"\s{0,4}:\s{0,4}"[\w-]{43}"#, Class::WordDash),
    any("Ansible Vault", Low, r"\$ANSIBLE_VAULT;1\.[12];AES256", Class::Nothing),
    any("bcrypt Password Hash", Medium, r"\$2[abxy]\$[01]\d\$[./A-Za-z0-9]{53}", Class::Nothing),
    any(
        "Unix Password Hash",
        Medium,
        r"\$[56]\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}",
        Class::Nothing,
    ),
    any(
        "Argon2 Password Hash",
        Medium,
        r"\$argon2(?:id|i|d)\$v=\d{1,2}\$m=\d{1,8},t=\d{1,4},p=\d{1,3}\$[A-Za-z0-9+/]{16}",
        Class::Base64,
    ),
    any(
        "Kubernetes Secret",
        Medium,
        r#"(?i:kind["']?\s{0,4}:\s{0,4}["']?secret["']?[\s,]{0,4}["']?(?:data|stringData)["']?\s{0,4}:|data["']?\s{0,4}:[^\x00]{0,96}kind["']?\s{0,4}:\s{0,4}["']?secret["'\s])"#,
        Class::Nothing,
    ),
    BuiltIn { name: "Bitcoin WIF Private Key", severity: Critical, floor: false, lane: Lane::Run(RunKind::Wif) },
    BuiltIn { name: "Ethereum Private Key", severity: Critical, floor: false, lane: Lane::Run(RunKind::EthereumKey) },
    BuiltIn { name: "Seed Phrase", severity: Critical, floor: false, lane: Lane::Run(RunKind::SeedPhrase) },
];

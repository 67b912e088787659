//! Private keys, signed tokens and credentials that stand in an address.

use super::{Begin, BuiltIn, Class, Lane, Left, RunKind, Tail, Trigger};
use crate::model::Severity::{Critical, High};
use crate::scan::validate;

/// Longest header of a signed token that is looked at; those that carry certificates are longer and are still found,
/// with a doubt.
const JWT_HEADER: u32 = 500;

pub(in crate::scan) static RULES: &[BuiltIn] = &[
    BuiltIn {
        name: "Private Key Header",
        severity: Critical,
        floor: true,
        lane: Lane::Trigger(Trigger {
            expression: r"-----BEGIN (?:(?:RSA|EC|DSA|OPENSSH|ENCRYPTED|PGP|ANY) )?PRIVATE KEY(?: BLOCK)?-----",
            begin: Begin::Expression,
            left: Left::Any,
            tail: Tail::Open(Class::Nothing),
            check: None,
        }),
    },
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
    BuiltIn { name: "Bitcoin WIF Private Key", severity: Critical, floor: false, lane: Lane::Run(RunKind::Wif) },
    BuiltIn { name: "Ethereum Private Key", severity: Critical, floor: false, lane: Lane::Run(RunKind::EthereumKey) },
];

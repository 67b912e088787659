//! Numbers of cards and accounts, told from other numbers by issuer, length and checksum.

use super::{BuiltIn, Lane, RunKind};
use crate::model::Severity::{Low, Medium};

pub(in crate::scan) static RULES: &[BuiltIn] = &[
    BuiltIn { name: "Credit Card Number", severity: Medium, floor: false, lane: Lane::Run(RunKind::Card) },
    BuiltIn { name: "IBAN", severity: Medium, floor: false, lane: Lane::Run(RunKind::Iban) },
    BuiltIn {
        name: "Number like a Social Security Number",
        severity: Low,
        floor: false,
        lane: Lane::Run(RunKind::SocialSecurity),
    },
    BuiltIn { name: "Wallet Address", severity: Low, floor: false, lane: Lane::Run(RunKind::WalletAddress) },
];

//! Numbers of cards and accounts, told from other numbers by issuer, length and checksum.

use super::{BuiltIn, Lane, RunKind};
use crate::model::Severity::Medium;

pub(in crate::scan) static RULES: &[BuiltIn] = &[
    BuiltIn { name: "Credit Card Number", severity: Medium, floor: false, lane: Lane::Run(RunKind::Card) },
    BuiltIn { name: "IBAN", severity: Medium, floor: false, lane: Lane::Run(RunKind::Iban) },
];

//! A finding that is known and harmless.

use std::time::SystemTime;

/// One entry of `suppress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The rule, exactly.
    pub rule: String,
    /// Where: a pattern for targets.
    pub path: String,
    /// Holds before this time only.
    pub expires: Option<SystemTime>,
}

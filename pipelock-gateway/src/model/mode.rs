//! How strictly the gateway judges.

use std::fmt;
use std::str::FromStr;

/// The `mode` of the configuration file. What it means for a finding is the verdict's business; what it means for a host
/// is policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Only listed hosts are reachable, and contextual findings block as well.
    Strict,
    /// Every host is reachable; credentials block, contextual findings warn.
    #[default]
    Balanced,
    /// Nothing is blocked for its content; what would have been is recorded.
    Audit,
}

impl Mode {
    /// The word used in configuration, on the command line and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Balanced => "balanced",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word was none of the three modes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mode must be strict, balanced or audit, not {0:?}")]
pub struct InvalidMode(pub String);

impl FromStr for Mode {
    type Err = InvalidMode;

    /// Reads exactly the words [`Mode::as_str`] writes; case matters, as everywhere in the configuration file.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Strict, Self::Balanced, Self::Audit]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or_else(|| InvalidMode(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_read_back_from_its_word_and_nothing_else_is() {
        for mode in [Mode::Strict, Mode::Balanced, Mode::Audit] {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        for word in ["", "Strict", "AUDIT", " balanced", "off"] {
            assert_eq!(word.parse::<Mode>(), Err(InvalidMode(word.to_owned())));
        }
    }
}

//! Which variables of an environment hold secrets: what the operator says beyond the names that say it themselves.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Shortest value that is looked for unless configured: shorter ones stand in ordinary text by chance.
const MIN_LENGTH: usize = 8;
/// Bits a byte that a value must have unless configured; `password` has 2.75, `aaaaaaab` 0.5.
const MIN_ENTROPY: f64 = 2.5;

/// What is taken for a secret of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretVariables {
    /// Variables that hold secrets although their names do not say so.
    pub names: Vec<VariableName>,
    /// Variables that hold none although their names say so.
    pub ignored: Vec<VariableName>,
    /// Shortest value, in bytes.
    pub min_length: usize,
    /// Bits a byte that a value must have, by the frequencies of its own bytes.
    pub min_entropy: f64,
    /// Files of `NAME=value` lines whose secrets no workload may send; existing when checked.
    pub files: Vec<PathBuf>,
}

impl Default for SecretVariables {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            ignored: Vec::new(),
            min_length: MIN_LENGTH,
            min_entropy: MIN_ENTROPY,
            files: Vec::new(),
        }
    }
}

/// A name of a variable, or the begin or end of one (`VAULT_*`, `*_SEED`), without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableName {
    /// In capitals, without `*`.
    text: String,
    /// Anything may stand before it.
    open_begin: bool,
    /// Anything may stand behind it.
    open_end: bool,
}

/// Why a text is no [`VariableName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no name of an environment variable; write one such as VAULT_SEED, with a * at its begin or its end at most"
)]
pub struct InvalidVariable;

impl FromStr for VariableName {
    type Err = InvalidVariable;

    fn from_str(text: &str) -> Result<Self, InvalidVariable> {
        let (open_begin, rest) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
        let (open_end, name) = rest.strip_suffix('*').map_or((false, rest), |rest| (true, rest));
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let begins = open_begin || name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if name.is_empty() || !begins || !name.bytes().all(fits) {
            return Err(InvalidVariable);
        }
        Ok(Self { text: name.to_ascii_uppercase(), open_begin, open_end })
    }
}

impl VariableName {
    /// Whether this is the variable.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name = name.to_ascii_uppercase();
        match (self.open_begin, self.open_end) {
            (false, false) => name == self.text,
            (false, true) => name.starts_with(&self.text),
            (true, false) => name.ends_with(&self.text),
            (true, true) => name.contains(&self.text),
        }
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |open: bool| if open { "*" } else { "" };
        write!(f, "{}{}{}", star(self.open_begin), self.text, star(self.open_end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_itself_or_what_its_stars_leave_open() {
        for (pattern, name, matches) in [
            ("VAULT_SEED", "vault_seed", true),
            ("VAULT_SEED", "VAULT_SEED_2", false),
            ("VAULT_*", "VAULT_", true),
            ("*_SEED", "VAULT_SEED", true),
            ("*_seed", "VAULT_SEEDS", false),
            ("*SEED*", "MY_SEEDS", true),
        ] {
            assert_eq!(pattern.parse::<VariableName>().unwrap().matches(name), matches, "{pattern} {name}");
        }
        for text in ["", "*", "**", "A B", "A*B", "1A", "A=", "ä"] {
            assert_eq!(text.parse::<VariableName>(), Err(InvalidVariable), "{text}");
        }
        assert_eq!("*_seed".parse::<VariableName>().unwrap().to_string(), "*_SEED");
    }
}

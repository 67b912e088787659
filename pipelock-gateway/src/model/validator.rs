//! Checksums by which a match is told from a number that only looks like one.

/// A checksum that a match must satisfy to be a finding (`dlp.patterns[].validator`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validator {
    /// Payment card numbers: issuer, length, Luhn (ISO/IEC 7812-1).
    Luhn,
    /// International bank account numbers: country, length, remainder (ISO 13616, ISO/IEC 7064 MOD 97-10).
    Mod97,
    /// US bank routing numbers.
    Aba,
    /// Bitcoin private keys in wallet import format (`Base58Check`).
    Wif,
}

impl Validator {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Luhn, Self::Mod97, Self::Aba, Self::Wif];

    /// The word used in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Luhn => "luhn",
            Self::Mod97 => "mod97",
            Self::Aba => "aba",
            Self::Wif => "wif",
        }
    }
}

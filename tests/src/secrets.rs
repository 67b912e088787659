//! Made-up credentials in the exact shape of real ones, assembled at run time.
//!
//! Nothing that looks like a key stands in this repository: the prefix is joined to random characters here, so that
//! scanners of source code stay quiet and no test can pass because its key is on somebody's allow-list of known fakes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A made-up credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What a human calls it, for tables.
    pub kind: &'static str,
    /// The credential itself.
    pub value: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} characters)", self.kind, self.value.len())
    }
}

impl Secret {
    /// A GitHub personal access token with its checksum: `ghp_`, 30 characters, then CRC-32 of those in base 62, padded
    /// to 6 digits.
    #[must_use]
    pub fn github() -> Self {
        let body = random(BASE62, 30);
        let mut sum = crc32(body.as_bytes());
        let mut digits = [b'0'; 6];
        for digit in digits.iter_mut().rev() {
            *digit = BASE62[(sum % 62) as usize];
            sum /= 62;
        }
        let value = format!("{}_{body}{}", "ghp", String::from_utf8_lossy(&digits));
        Self { kind: "GitHub token", value }
    }

    /// An `OpenAI` project key, with the marker that stands between its two random halves.
    #[must_use]
    pub fn openai() -> Self {
        let value = format!("sk-{}-{}{}{}", "proj", random(BASE62, 74), ["T3Blbk", "FJ"].concat(), random(BASE62, 74));
        Self { kind: "OpenAI project key", value }
    }

    /// An AWS access key id: four letters that say what it is, then 16 of base 32.
    #[must_use]
    pub fn aws() -> Self {
        Self {
            kind: "AWS access key id",
            value: format!("{}{}", ["AK", "IA"].concat(), random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
        }
    }

    /// The longest run of its bytes that must never be seen at an upstream: any 12 of them, so that a part of the
    /// secret counts as the secret.
    #[must_use]
    pub fn leaked_into(&self, bytes: &[u8]) -> bool {
        self.value.as_bytes().windows(12).skip(8).any(|part| bytes.windows(part.len()).any(|window| window == part))
    }

    /// The two halves, for sending them apart.
    #[must_use]
    pub fn halves(&self) -> (&str, &str) {
        self.value.split_at(self.value.len() / 2)
    }
}

/// So many letters and digits.
#[must_use]
pub fn alphanumeric(length: usize) -> String {
    random(BASE62, length)
}

/// So many hexadecimal digits.
#[must_use]
pub fn hexadecimal(length: usize) -> String {
    random(b"0123456789abcdef", length)
}

/// `length` characters drawn from `alphabet`. Random enough for a test; not for a key.
fn random(alphabet: &[u8], length: usize) -> String {
    let state = RandomState::new();
    (0..length)
        .map(|index| {
            let mut hasher = state.build_hasher();
            hasher.write_usize(index);
            char::from(alphabet[usize::try_from(hasher.finish() % alphabet.len() as u64).unwrap_or(0)])
        })
        .collect()
}

/// CRC-32 as in IEEE 802.3 and zlib, bit by bit: 30 bytes do not need a table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_agrees_with_the_check_value_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_part_of_a_secret_counts_as_leaked() {
        let secret = Secret::github();
        assert!(secret.leaked_into(secret.value.as_bytes()));
        assert!(secret.leaked_into(format!("..{}..", &secret.value[10..24]).as_bytes()));
        assert!(!secret.leaked_into(b"nothing of it"));
        assert!(!secret.leaked_into(&secret.value.as_bytes()[..8]));
    }

    #[test]
    fn two_secrets_differ() {
        assert_ne!(Secret::openai().value, Secret::openai().value);
    }
}

//! What may be said about matched bytes.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use crate::model::Evidence;

/// Length and keyed fingerprint of `token`. The key is drawn from the system once a process and never leaves it, so that a
/// fingerprint in a log cannot be searched for offline, not even for a card number with its few unknown digits.
pub(super) fn evidence(token: &[u8]) -> Evidence {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let hash = KEY.get_or_init(RandomState::new).hash_one(token);
    Evidence { len: u32::try_from(token.len()).unwrap_or(u32::MAX), fingerprint: hash >> 16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_have_equal_fingerprints_of_48_bits() {
        assert_eq!(evidence(b"secret"), evidence(&b"a secret"[2..]));
        assert_ne!(evidence(b"secret").fingerprint, evidence(b"secreT").fingerprint);
        assert!(evidence(b"secret").fingerprint < 1 << 48);
    }
}

//! What must hold for the first bytes of any connection, tried by the fuzz crate through [`crate::fuzzing`]. No interface.

use super::{HostHint, MAX_HEAD_BYTES, MAX_PREFIX_BYTES, Sniff, classify, http1_host};

/// Places at which a connection is looked at on its way: spread over it, and near its end.
fn prefixes(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let step = (input.len() / 16).max(1);
    let near = input.len().saturating_sub(4);
    (0..input.len()).filter(move |&at| at % step == 0 || at >= near).filter_map(|at| input.get(..at))
}

/// An answer once given stays whatever comes behind it, and comes before the bound; a name that is told is well formed.
fn final_answers(input: &[u8]) {
    let whole = classify(input);
    assert!(whole != Sniff::NeedMore || input.len() < MAX_PREFIX_BYTES, "{} bytes and no answer", input.len());
    for prefix in prefixes(input) {
        let early = classify(prefix);
        assert!(early == Sniff::NeedMore || early == whole, "{early:?} and then {whole:?}");
    }
    if let Sniff::Tls(hello) = &whole {
        assert!(hello.alpn.len() + hello.versions.len() + hello.cipher_suites.len() <= input.len());
        if let Some(name) = hello.sni.name() {
            let name = name.to_string();
            assert!(name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic()), "{name:?}");
        }
    }
    let host = http1_host(input);
    assert!(host != HostHint::NeedMore || input.len() <= MAX_HEAD_BYTES);
    for prefix in prefixes(input) {
        let early = http1_host(prefix);
        assert!(early == HostHint::NeedMore || early == host, "{early:?} and then {host:?}");
    }
}

/// The bytes as they are, and as the body of a hello whose records and lengths are right, so that the fields behind them
/// are reached: the first byte says where the record is split.
pub fn hello(input: &[u8]) {
    final_answers(input);
    let Some((&split, body)) = input.split_first() else { return };
    let mut message = vec![1, 0];
    message.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend(body);
    let mut records = Vec::new();
    let (first, second) = message.split_at(usize::from(split).min(message.len()));
    for part in [first, second] {
        if !part.is_empty() {
            records.extend([22, 3, 1]);
            records.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
            records.extend(part);
        }
    }
    final_answers(&records);
}

#[cfg(test)]
mod tests {
    #[test]
    fn claims_hold_for_the_kept_inputs() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/hello");
        let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        assert!(!seeds.is_empty());
        for seed in seeds {
            super::hello(&std::fs::read(seed.unwrap().path()).unwrap());
        }
    }
}

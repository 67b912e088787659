//! Ordinary traffic, made from a seed so that it can be any size and needs no file. Shared by the benchmark and the tests.
//!
//! Prose, code, hashes, timestamps, identifiers and numbers in JSON strings, with about one escape in eighty bytes. It is
//! made up, and says nothing about how often real traffic has findings; the corpora of the evaluation do that.

use std::fmt::Write as _;

const SENTENCES: [&str; 8] = [
    "The invoice was sent on Monday and paid in full two days later.",
    "Please summarise the key risks of this plan; the task list is below.",
    "fn main() { let token = parse(&args[1])?; println!(\\\"{token}\\\"); }",
    "Error: connection to 10.0.0.7:5432 timed out after 30000 ms",
    "see https://example.test/path?page=2&sort=desc#section-4.1",
    "const secret_access_key = process.env.KEY; // never hard-code it",
    "The database listens on localhost:5432 and the cache on 6379.",
    "SELECT id, name FROM accounts WHERE created_at > '2026-11-21';",
];

/// `size` bytes of it.
pub(crate) fn benign(size: usize) -> Vec<u8> {
    let mut text = String::with_capacity(size + 512);
    text.push_str("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    // Xorshift64: repeatable, and good enough to look random.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for sentence in SENTENCES.iter().cycle() {
        if text.len() >= size {
            break;
        }
        text.push_str(match next(4) {
            0 => "\"},{\"role\":\"user\",\"content\":\"",
            1 => "\\n",
            _ => " ",
        });
        text.push_str(sentence);
        let written = match next(8) {
            0 => write!(text, " commit {:016x}{:016x}{:08x}", next(u64::MAX), next(u64::MAX), next(1 << 32)),
            1 => write!(text, " at 2026-11-21T{:02}:{:02}:09.{:03}Z", next(24), next(60), next(1000)),
            2 => write!(
                text,
                " id {:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                next(1 << 32),
                next(1 << 16),
                next(1 << 12),
                next(1 << 12),
                next(1 << 48)
            ),
            3 => write!(text, " amount {}.{:02} EUR, order {}", next(100_000), next(100), next(10_000_000)),
            4 => write!(text, " ts {}", 1_700_000_000_000 + next(100_000_000_000)),
            _ => Ok(()),
        };
        written.expect("writing to a string cannot fail");
    }
    text.truncate(size);
    text.into_bytes()
}

//! Input made to exhaust, to blind or to slip past a bound. What is held to here is what does not depend on the machine: no
//! panic, bounded memory, the same findings however it is cut, and that whoever floods the scan gets a finding for it or
//! hides nothing. How much slower a flood may be than ordinary text is a matter of the benchmark.

#[path = "../../../benches/scan/floods.rs"]
mod floods;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use self::floods::floods;
use super::*;

/// Most heap a stream may use, and most raw bytes it may hold back.
const MOST: usize = 64 << 10;

/// Scans in pieces, and holds memory and hold-back to their bounds after each.
fn bounded(body: &[u8], piece: usize) -> Vec<Finding> {
    let mut scan = ENGINE.stream(Surface::RequestBody, StreamOptions { encoding: Encoding::Json });
    for bytes in body.chunks(piece) {
        let progress = scan.push(bytes);
        assert!(progress.hold <= MOST, "{} bytes are held back", progress.hold);
        assert!(scan.memory_bytes() <= MOST, "{} bytes of heap", scan.memory_bytes());
    }
    scan.finish()
}

fn limited(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.family == Family::Limit)
}

fn sample(rule: &str) -> &'static str {
    SAMPLES.iter().find(|samples| samples.rule == rule).unwrap().found[0]
}

/// One secret of each lane: by its prefix, by its digits, by its check digits.
const HIDDEN: [&str; 3] = ["GitLab PAT", "Credit Card Number", "IBAN"];

fn hidden() -> impl Iterator<Item = (&'static str, &'static str)> {
    let known = |rule: &&'static str| SAMPLES.iter().any(|samples| samples.rule == *rule);
    HIDDEN.into_iter().filter(known).map(|rule| (rule, sample(rule)))
}

fn finds(findings: &[Finding], rule: &str) -> bool {
    findings.iter().any(|finding| &*finding.rule == rule)
}

#[test]
fn no_flood_hides_what_stands_in_it_without_a_finding_for_the_flood() {
    assert!(hidden().count() >= 2, "the samples have lost a lane");
    for (name, flood) in floods(40_000) {
        for (rule, secret) in hidden() {
            for place in [0, 1, 20_001, flood.len()] {
                let (before, after) = flood.split_at(place);
                let body = [before, b"\" \n", secret.as_bytes(), b" \"", after].concat();
                let findings = bounded(&body, 16 << 10);
                assert!(finds(&findings, rule) || limited(&findings), "{name} hides {rule} at {place}: {findings:?}");
            }
        }
    }
}

#[test]
fn floods_are_judged_alike_however_they_are_cut() {
    for (name, flood) in floods(10_000) {
        let whole = bounded(&flood, flood.len());
        for piece in [1, 63, 64, 1400, 4096] {
            assert_eq!(bounded(&flood, piece), whole, "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn floods_do_not_multiply_findings() {
    for (name, flood) in floods(200_000) {
        let findings = bounded(&flood, 16 << 10);
        let mut rules = names(&findings);
        rules.sort_unstable();
        rules.dedup();
        // A rule may report as often at a lower severity as at its own, in each view.
        assert!(findings.len() <= rules.len() * 256, "{name}: {} findings of {rules:?}", findings.len());
    }
}

/// Base64 with padding, here and not from a crate: the scanner's own must not be tested against itself.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = ALPHABET[bits >> (18 - 6 * place) & 63];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[test]
fn wrapping_again_and_again_costs_nothing_but_the_wrapping() {
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
    let mut body = format!("token {}", sample("GitLab PAT"));
    for _ in 0..6 {
        body = base64(body.as_bytes());
        let findings = bounded(format!("{{\"data\":\"{body}\"}}").as_bytes(), 1000);
        assert!(findings.len() < 8, "{findings:?}");
    }
    let mut percent = "%41".to_owned();
    for _ in 0..2000 {
        percent.insert_str(1, "25");
        if percent.len().is_multiple_of(97) {
            bounded(percent.as_bytes(), 100);
        }
    }
    bounded(percent.repeat(20).as_bytes(), 4096);
}

#[test]
fn a_compression_bomb_in_base64_stays_within_bounds() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..16 {
        encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 32 << 10, "{} bytes for 16 MiB", bomb.len());
    let body = format!("{{\"data\":\"{}\"}}", base64(&bomb));
    for piece in [4096, body.len()] {
        bounded(body.as_bytes(), piece);
    }
}

#[test]
fn broken_escapes_and_broken_utf8_hide_nothing() {
    for broken in [
        &b"\\u"[..],
        b"\\u00",
        b"\\ud83d",
        b"\\ud83d\\ud83d",
        b"\\udc00",
        b"\\",
        b"%",
        b"%4",
        b"%zz",
        b"&#",
        b"&#x",
        b"\xff\xfe",
        b"\xc3",
        b"\xe2\x80",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98",
        b"\xc0\xaf",
        b"\0",
    ] {
        for (rule, secret) in hidden() {
            for body in [
                [broken, b" ", secret.as_bytes(), b" ", broken].concat(),
                [&broken.repeat(50)[..], b"\n", secret.as_bytes(), b"\n", &broken.repeat(50)].concat(),
                [b"{\"a\":\"", broken, b"\",\"b\":\"", secret.as_bytes(), b"\",\"c\":\"", broken, b"\"}"].concat(),
            ] {
                let whole = bounded(&body, body.len());
                assert!(finds(&whole, rule), "{rule} beside {:?}: {whole:?}", broken.escape_ascii().to_string());
                assert_eq!(bounded(&body, 1), whole);
            }
        }
    }
}

#[test]
fn secrets_that_end_at_any_edge_of_a_block_or_a_slice_are_found() {
    for (rule, secret) in hidden() {
        for edge in [64, 128, 4096, 8192] {
            for shift in 0..=2 {
                for follow in [&b""[..], b"\"", b" and so on"] {
                    let before = benign(edge + shift - 1 - secret.len() - 1);
                    let body = [&before[..], b" ", secret.as_bytes(), follow].concat();
                    let found = bounded(&body, body.len());
                    assert!(finds(&found, rule), "{rule} ending at {edge} + {shift} - 1: {found:?}");
                    assert_eq!(bounded(&body, edge), found);
                }
            }
        }
    }
}

//! Claims about the engine as a whole: what it finds, wherever it stands and however it was cut; and what it leaves alone.

mod adversarial;
#[path = "../../benches/scan/benign.rs"]
mod benign;
mod gates;

use std::sync::LazyLock;

use proptest::prelude::*;

use self::benign::benign;
use super::engine::RuleSpec;
use super::rules;
use super::rules::samples::SAMPLES;
use super::*;
use crate::model::{Family, Finding, Severity, Surface, View};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::compile(&RuleSpec::default()).unwrap());

fn stream(encoding: Encoding, pieces: &[&[u8]]) -> Vec<Finding> {
    let mut scan = ENGINE.stream(Surface::RequestBody, StreamOptions { encoding });
    for piece in pieces {
        scan.push(piece);
    }
    scan.finish()
}

fn names(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| &*finding.rule).collect()
}

#[test]
fn every_rule_has_samples_and_every_sample_a_rule() {
    let mut rules: Vec<_> = rules::built_in().map(|rule| rule.name).collect();
    let mut sampled: Vec<_> = SAMPLES.iter().map(|samples| samples.rule).collect();
    rules.sort_unstable();
    sampled.sort_unstable();
    assert_eq!(rules, sampled, "names are unique and the two lists agree");
    assert!(SAMPLES.iter().all(|samples| !samples.found.is_empty() && !samples.ignored.is_empty()));
    assert!(rules.len() >= 400, "{} rules", rules.len());
    assert_eq!(ENGINE.rule_count(), rules.len());
}

#[test]
fn every_sample_is_found_alone_and_its_lookalikes_are_not() {
    for samples in SAMPLES {
        for sample in samples.found {
            let findings = stream(Encoding::Plain, &[sample.as_bytes()]);
            assert_eq!(names(&findings), [samples.rule], "{sample}");
        }
        for lookalike in samples.ignored {
            let findings = stream(Encoding::Plain, &[lookalike.as_bytes()]);
            let severe: Vec<_> = findings.iter().filter(|finding| finding.severity > Severity::Low).collect();
            assert!(severe.iter().all(|finding| *finding.rule != *samples.rule), "{lookalike}: {severe:?}");
        }
    }
}

#[test]
fn every_sample_is_found_once_inside_json_and_after_escapes() {
    for samples in SAMPLES {
        for sample in samples.found {
            let quoted = serde_json::to_string(sample).unwrap();
            let quoted = &quoted[1..quoted.len() - 1];
            for body in [
                format!(r#"{{"messages":[{{"content":"{quoted}"}}]}}"#),
                format!(r#"{{"content":"line one\n{quoted}\nline three"}}"#),
                format!(r#"{{"content":"\t{quoted}\u000a"}}"#),
                format!(r#"{{"content":"tab \u0009{quoted}"}}"#),
            ] {
                let findings = stream(Encoding::Json, &[body.as_bytes()]);
                assert_eq!(names(&findings), [samples.rule], "{body}");
                let place = body.find(quoted).unwrap() as u64;
                let span = &findings[0].span;
                assert!(place <= span.start && span.end <= place + quoted.len() as u64, "{body}: {span:?}");
            }
        }
    }
}

#[test]
fn what_is_appended_to_a_token_does_not_lower_it() {
    let token = concat!("glpat", "-k7Rq2VxLm9Tz0Bw4Hs6J");
    for tail in ["", "_example", "EXAMPLE", "-placeholder", &"a".repeat(36), &"a".repeat(400), &"abcdefgh".repeat(40)] {
        let findings = stream(Encoding::Plain, &[format!("say {token}{tail} now").as_bytes()]);
        assert_eq!(names(&findings), ["GitLab PAT"], "{tail}");
        assert_eq!(findings[0].severity, Severity::Critical, "{tail}");
        assert_eq!(findings[0].span.end, (4 + token.len() + tail.len()) as u64, "{tail}");
    }
    let made_up = concat!("glpat", "-example7Rq2VxLm9Tz0B");
    assert_eq!(stream(Encoding::Plain, &[made_up.as_bytes()])[0].severity, Severity::Low);
}

/// Base64 of random bytes, in lines of `columns`.
fn random_base64(seed: u64, columns: usize, length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed;
    let mut text = String::new();
    for place in 1..=length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(char::from(ALPHABET[(state >> 58) as usize]));
        if place % columns == 0 {
            text.push_str("\\n");
        }
    }
    text
}

#[test]
fn documents_in_base64_hold_no_keys() {
    let planted = [concat!("AKIA", "Q7RX2VLM9TZ5BW4H"), concat!("SK", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")];
    for (seed, columns) in [(1, usize::MAX), (2, usize::MAX), (3, 76), (4, 64)] {
        let (mut text, after) = (random_base64(seed, columns, 7600), random_base64(seed + 10, columns, 256 << 10));
        // What occurs by chance in megabytes occurs here on purpose, after a character that otherwise ends a word.
        for planted in planted {
            text = format!("{text}{}/{planted}+", &after[..2 * 76]);
        }
        let body = format!(r#"{{"file":"data:application/pdf;base64,{text}{after}"}}"#);
        let findings = stream(Encoding::Json, &[body.as_bytes()]);
        let severe: Vec<_> = findings.iter().filter(|finding| finding.severity > Severity::Low).collect();
        assert!(severe.is_empty(), "{seed} {severe:?}");
        // In a value of its own each is what it looks like, however much base64 stands before.
        for planted in planted {
            let body = format!(r#"{{"file":"{after}","key":"{planted}"}}"#);
            let findings = stream(Encoding::Json, &[body.as_bytes()]);
            let severe = findings.iter().filter(|finding| finding.severity > Severity::Low);
            let place = body.find(planted).unwrap() as u64;
            assert!(severe.clone().count() > 0, "{planted}");
            assert!(severe.clone().all(|finding| finding.span.start == place), "{planted}: {findings:?}");
        }
    }
}

#[test]
fn a_signed_token_is_found_however_long_its_claims_are() {
    let header = concat!("eyJhbGciOiJS", "UzI1NiJ9");
    for length in [30, 2000, 2010, 2020, 2026, 2030, 2040, 3000, 6000] {
        let claims = random_base64(9, usize::MAX, length).replace(['+', '/'], "x");
        let token = format!("{header}.eyJ{claims}.{}", "k7Rq2VxLm9Tz0Bw4Hs6J".repeat(17));
        let findings = stream(Encoding::Json, &[format!(r#"{{"session":"{token}"}}"#).as_bytes()]);
        assert!(
            findings.iter().any(|f| &*f.rule == "JWT Token" && f.severity == Severity::High),
            "{length} {findings:?}"
        );
    }
}

#[test]
fn ordinary_bodies_that_name_many_secrets_reach_no_limit() {
    let rows = |count: usize, row: &dyn Fn(usize) -> String| {
        format!("[{}]", (0..count).map(row).collect::<Vec<_>>().join(", "))
    };
    let services = ["OPENAI", "STRIPE", "AWS", "PLAID", "TWILIO", "GITHUB", "SLACK", "AZURE", "MISTRAL", "SENTRY"];
    let variables = |name: &&str| {
        let lower = name.to_ascii_lowercase();
        format!("{name}_API_KEY=your_{lower}_api_key_here\n{name}_SECRET_KEY=changeme_please\n")
    };
    for body in [
        rows(54, &|_| {
            r#"{"refresh_token": "[REDACTED]", "id_token": "[REDACTED]", "access_token": "[REDACTED]"}"#.to_owned()
        }),
        rows(160, &|i| format!(r#"{{"token_id": {}, "token_type": "ordinary{}"}}"#, 12_345_678 + i, i % 9)),
        rows(6000, &|i| format!(r#"{{"primary_key": "record-{i:08}", "foreign_key": "parent-{i:08}"}}"#)),
        services.iter().map(variables).collect::<String>().repeat(8),
    ] {
        let findings = stream(Encoding::Json, &[body.as_bytes()]);
        let severe: Vec<_> = findings.iter().filter(|finding| finding.severity > Severity::Low).collect();
        assert!(severe.is_empty(), "{}: {severe:?}", &body[..60]);
    }
}

#[test]
fn many_doubts_do_not_hide_a_greater_one() {
    let unsigned = |claims: usize, header: &str| format!("{header}.eyJzdWIiOiIx{claims:04}In0.k7Rq2VxLm9Tz0Bw4Hs6J");
    let mut text = (0..100).map(|i| unsigned(i, concat!("eyJmb28iO", "iJiYXIifQ")) + "\n").collect::<String>();
    // Its beginning is too far away to be judged.
    text += &unsigned(0, &"k7Rq2VxLm9".repeat(60));
    let findings = stream(Encoding::Plain, &[text.as_bytes()]);
    let medium = findings.iter().find(|f| f.severity == Severity::Medium);
    assert!(medium.is_some_and(|f| f.span.end == text.len() as u64), "{medium:?}");
}

#[test]
fn escaped_letters_hide_nothing_from_the_text_view() {
    let sample = SAMPLES.iter().find(|samples| samples.rule == "GitLab PAT").unwrap().found[0];
    let hidden = sample.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<Vec<_>>().concat();
    let findings = stream(Encoding::Json, &[hidden.as_bytes()]);
    assert_eq!(names(&findings), ["GitLab PAT"]);
    assert_eq!((findings[0].view, findings[0].span.clone()), (View::Text, 0..hidden.len() as u64));
    assert_eq!(findings[0].evidence, stream(Encoding::Plain, &[sample.as_bytes()])[0].evidence);

    let percent = sample.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let findings = ENGINE.scan(Surface::Url, format!("/search?q={percent}&page=1").as_bytes());
    assert_eq!(names(&findings), ["GitLab PAT"]);
    assert_eq!((findings[0].view, findings[0].span.start), (View::Percent, 10));
    assert_eq!(names(&ENGINE.scan(Surface::RequestHeader, percent.as_bytes())), ["GitLab PAT"]);
}

#[test]
fn every_sample_is_found_whatever_single_cut_splits_it() {
    for samples in SAMPLES {
        for sample in samples.found {
            let body = format!("say {sample} now");
            let expected = stream(Encoding::Json, &[body.as_bytes()]);
            for cut in 0..=body.len() {
                let (first, second) = body.as_bytes().split_at(cut);
                assert_eq!(stream(Encoding::Json, &[first, second]), expected, "{sample} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_secret_at_the_very_end_of_a_long_body_is_found() {
    for samples in SAMPLES {
        let sample = samples.found[0];
        for size in [10, 4096 - sample.len(), 4095, 4096, 20_050] {
            let mut body = benign(size);
            body.extend_from_slice(b" \n");
            body.extend_from_slice(sample.as_bytes());
            let findings = stream(Encoding::Json, &[&body]);
            assert_eq!(names(&findings), [samples.rule], "after {size} bytes");
            // A value in quotes ends before its sample does.
            assert!(findings[0].span.end > (body.len() - sample.len()) as u64, "{sample}");
        }
    }
}

#[test]
fn ordinary_text_has_no_findings() {
    let body = benign(2 << 20);
    for encoding in [Encoding::Plain, Encoding::Json, Encoding::Percent] {
        assert_eq!(stream(encoding, &[&body]), []);
    }
}

#[test]
fn severity_says_what_the_checksum_said() {
    let github = SAMPLES.iter().find(|samples| samples.rule == "GitHub Token").unwrap().found;
    assert_eq!(stream(Encoding::Plain, &[github[0].as_bytes()])[0].severity, Severity::Critical);
    assert_eq!(stream(Encoding::Plain, &[github[1].as_bytes()])[0].severity, Severity::High);
}

#[test]
fn a_token_with_a_wrong_checksum_does_not_hide_the_real_one_inside_it() {
    let real = SAMPLES.iter().find(|samples| samples.rule == "GitHub Token").unwrap().found[0];
    let findings = stream(Encoding::Plain, &[format!("ghp_aaaa{real}").as_bytes()]);
    assert_eq!(findings.iter().map(|finding| finding.severity).max(), Some(Severity::Critical));
}

#[test]
fn long_tokens_are_measured_whole_up_to_the_cap() {
    for (tail, expected) in [(100, 7 + 16 + 100), (2048, 7 + 16 + 2048), (9000, 7 + 16 + 2048)] {
        let token = format!("sk-ant-{}{}", "Ab0_Ab0_Ab0_Ab0_", "x".repeat(tail));
        let findings = stream(Encoding::Json, &[token.as_bytes()]);
        assert_eq!(names(&findings), ["Anthropic API Key"]);
        assert_eq!(findings[0].evidence.len, expected);
        let pieces: Vec<_> = token.as_bytes().chunks(7).collect();
        assert_eq!(stream(Encoding::Json, &pieces), findings);
    }
}

#[test]
fn a_flood_of_hits_is_a_limit_wherever_it_is_cut() {
    let flood = r#"{"type":"service_account"},"#.repeat(4000);
    let limits = |findings: &[Finding]| findings.iter().filter(|finding| finding.family == Family::Limit).count();
    let whole = stream(Encoding::Plain, &[flood.as_bytes()]);
    assert!(!names(&whole).contains(&"Scan Limit: trigger hits"), "150 hits in a block are many, and allowed");

    let mut spec = RuleSpec::default();
    spec.user.push(UserRule {
        name: "Every letter".to_owned(),
        expression: "[a-z]".to_owned(),
        severity: Severity::Low,
        validator: None,
    });
    let engine = Engine::compile(&spec).unwrap();
    let scan = |body: &[u8], size: usize| {
        let mut scan = engine.stream(Surface::RequestBody, StreamOptions { encoding: Encoding::Json });
        body.chunks(size).for_each(|piece| {
            scan.push(piece);
        });
        scan.finish()
    };
    // The limit strikes in ordinary text; and while a token is going on, which is then not decided however much is here.
    let plain = benign(9000);
    let inside = [&b"a ".repeat(152)[..], b"glpat-", &b"7".repeat(20), b"abcdefghij end", &plain].concat();
    for body in [plain, inside] {
        let whole = scan(&body, body.len());
        assert!(limits(&whole) >= 1, "{:?}", names(&whole));
        assert!(!names(&whole).contains(&"GitLab PAT"));
        for size in [1, 7, 64, 1400, 4096, 5000] {
            assert_eq!(scan(&body, size), whole, "pieces of {size}");
        }
    }
}

#[test]
fn too_many_confirmations_are_a_limit_wherever_it_is_cut() {
    // Each prefix is followed by a tail that has to be walked again, because no finding covers it.
    let flood = "ghp_abcdefghijklmnopqrstuvwxyzabcdefghijklm".repeat(3000);
    let whole = stream(Encoding::Plain, &[flood.as_bytes()]);
    assert!(names(&whole).contains(&"Scan Limit: confirmations"), "{:?}", names(&whole));
    for size in [61, 1400, 4096] {
        let pieces: Vec<_> = flood.as_bytes().chunks(size).collect();
        assert_eq!(stream(Encoding::Plain, &pieces), whole, "pieces of {size}");
    }
}

#[test]
fn what_is_released_never_holds_the_beginning_of_a_later_finding() {
    for samples in SAMPLES {
        for sample in samples.found {
            let body = [&benign(700)[..], br"\n ", sample.as_bytes(), br"\n ", &benign(700)].concat();
            let mut scan = ENGINE.stream(Surface::RequestBody, StreamOptions { encoding: Encoding::Json });
            let mut released = 0;
            let mut shown = 0;
            for piece in body.chunks(5) {
                let progress = scan.push(piece);
                shown += piece.len();
                if progress.found == 0 {
                    released = released.max(shown - progress.hold);
                }
            }
            assert!(released > 0 && shown - released < 1600, "{sample}: all but {} is final", shown - released);
            let first = scan.finish().iter().map(|finding| finding.span.start).min().unwrap();
            assert!(released as u64 <= first, "{sample}: {released} bytes released, the finding begins at {first}");
        }
    }
}

#[test]
fn so_far_tells_before_the_end() {
    let mut scan = ENGINE.stream(Surface::RequestBody, StreamOptions { encoding: Encoding::Json });
    assert_eq!(scan.push(b"{\"a\":\"glpat-k7Rq2VxLm9Tz0Bw4Hs6J").found, 0, "the token may go on");
    assert_eq!(scan.push(b"\"").found, 1);
    assert_eq!(names(&scan.so_far()), ["GitLab PAT"]);
    assert!(!format!("{scan:?} {:?}", scan.so_far()).contains("k7Rq"), "no matched byte in Debug");
}

#[test]
fn a_scan_may_move_between_threads_and_an_engine_be_shared() {
    fn may_move<T: Send + 'static>() {}
    fn may_be_shared<T: Send + Sync + 'static>() {}
    may_move::<StreamScan>();
    may_be_shared::<Engine>();
}

#[test]
fn memory_of_a_stream_is_bounded() {
    let floods: [&[u8]; 5] =
        [b"ghp_abcdefghijklmnopqrstuvwxyzabcdefghijklm", b"sk-ant-aaaaaaaaaaaaaaaa", b"\\u0041", b"\\n", b"\\ud83d"];
    for flood in floods {
        let body = [flood.repeat(20_000 / flood.len()), benign(20_000), flood.repeat(20_000 / flood.len())].concat();
        for size in [1, 1000, body.len()] {
            let mut scan = ENGINE.stream(Surface::RequestBody, StreamOptions { encoding: Encoding::Json });
            for piece in body.chunks(size) {
                scan.push(piece);
                assert!(scan.memory_bytes() <= 64 << 10, "{} bytes", scan.memory_bytes());
            }
        }
    }
}

#[test]
fn two_changes_in_one_piece_open_one_stretch_however_the_rest_is_cut() {
    for (dots, length) in [(54, 585), (54, 640), (0, 585), (30, 700), (3, 1400), (600, 585), (700, 585)] {
        let dots = b".".repeat(dots);
        let token = [b"sk-ant-\\u0041", &b"x".repeat(length)[..]].concat();
        let body = [&b"...\xc3\x80"[..], &dots, &token].concat();
        let whole = stream(Encoding::Plain, &[&body]);
        for step in 60..body.len() {
            let pieces: Vec<_> = body.chunks(step).collect();
            assert_eq!(stream(Encoding::Plain, &pieces), whole, "{length} in pieces of {step}");
        }
    }
}

fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let sample = prop::sample::select(SAMPLES.iter().flat_map(|samples| samples.found).copied().collect::<Vec<_>>());
    let part = prop_oneof![
        3 => sample.prop_map(|sample| sample.as_bytes().to_vec()),
        1 => Just(br"\n".to_vec()),
        1 => Just(br"\u0041".to_vec()),
        1 => Just(b"ghp_".to_vec()),
        1 => Just(b"sk-ant-".to_vec()),
        2 => "[ -~]{0,30}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..30),
        1 => (0usize..6000).prop_map(benign),
        1 => (0usize..5000).prop_map(|length| vec![b'x'; length]),
    ];
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn cutting_never_changes_the_findings(
        body in fragments(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        step in 1usize..200,
        encoding in prop::sample::select(vec![Encoding::Plain, Encoding::Json, Encoding::Percent]),
    ) {
        let whole = stream(encoding, &[&body]);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len() + 1)).chain([0, body.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&stream(encoding, &pieces), &whole);
        let pieces: Vec<_> = body.chunks(step).collect();
        prop_assert_eq!(&stream(encoding, &pieces), &whole);
    }

    #[test]
    fn hostile_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..3000), text in "[\\\\u%0-9a-fdA-F\"]{0,500}") {
        for encoding in [Encoding::Plain, Encoding::Json, Encoding::Percent] {
            stream(encoding, &[&body, text.as_bytes(), &body]);
        }
        for surface in [Surface::Url, Surface::RequestHeader] {
            let _ = ENGINE.scan(surface, &body);
            let _ = ENGINE.scan(surface, text.as_bytes());
        }
    }
}

/// The verdict may excuse findings by their place. When as many are written down as there is room for, all of them excused,
/// the next one would be the leak: that there was one is said.
#[test]
fn more_findings_of_a_rule_than_are_written_down_are_a_limit() {
    let letter = |n: usize| char::from(b"kQ7vRz2mXw4HsT9bLd8J"[n % 20]);
    let token = |n: usize| format!("glpat-{}{}7Rq2VxLm9Tz0Bw4Hs6", letter(n), letter(n / 20 + 3));
    let text = |count: usize| (0..count).map(token).collect::<Vec<_>>().join(" ");
    let limits = |count: usize| {
        let findings = ENGINE.scan(Surface::RequestBody, text(count).as_bytes());
        findings.iter().filter(|finding| finding.family == Family::Limit).count()
    };
    assert_eq!(limits(64), 0);
    assert_eq!(limits(65), 1);
    assert_eq!(limits(120), 1);
}

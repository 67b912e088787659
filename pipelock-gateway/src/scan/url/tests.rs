//! The shapes of targets: what is remarkable, and the honest look-alikes.

use proptest::prelude::*;

use super::*;
use crate::scan::{Engine, RuleSpec};

fn engine() -> Engine {
    Engine::compile(&RuleSpec::default()).unwrap()
}

/// The worst severity of each rule.
fn worst(target: &str) -> Vec<(&'static str, Severity)> {
    shapes(target.as_bytes()).into_iter().map(|shape| (shape.rule, shape.severity)).collect()
}

#[test]
fn targets_are_taken_apart_in_every_form() {
    for (target, host, path, query) in [
        ("https://user:pw@a.example:8443/p/q?x=1&y=2#z", "a.example", "/p/q", "x=1&y=2"),
        ("GET https://a.example/p", "a.example", "/p", ""),
        ("GET /p?q", "", "/p", "q"),
        ("CONNECT a.example:443", "a.example", "", ""),
        ("a.example:443", "a.example", "", ""),
        ("//a.example/p", "a.example", "/p", ""),
        ("https://[::1]:8080/p?a", "", "/p", "a"),
        ("https://a.example?x=1", "a.example", "", "x=1"),
        ("*", "", "*", ""),
        ("", "", "", ""),
    ] {
        let parts = split(target.as_bytes());
        let text = |range: Range<usize>| &target[range];
        assert_eq!((text(parts.host), text(parts.path), text(parts.query)), (host, path, query), "{target}");
    }
}

#[test]
fn a_line_break_before_a_header_field_is_an_injection() {
    for target in [
        "/go?to=x%0d%0aSet-Cookie:%20a=b",
        "/go?to=x%0D%0ALocation%3A%20https://e.test",
        "/x%0aHost:evil.test",
        "/go?to=x%250d%250aX-Forwarded-For:1",
        "/go?to=x%25250aContent-Length:0",
        "/x%0d%0a%0d%0aHTTP/1.1 200 OK",
        "/x%0d%0aGET%20/admin%20HTTP/1.1",
        "/x\r\nHost: evil.test",
    ] {
        assert_eq!(worst(target), [(CRLF, Severity::High)], "{target}");
    }
}

#[test]
fn a_line_break_in_text_is_not_an_injection() {
    assert_eq!(worst("/share?text=one%0Atwo%0D%0Athree"), [(CRLF, Severity::Low)]);
    assert_eq!(worst("/share?text=Ref%3A%201%0ATotal:%20%2412"), [(CRLF, Severity::Medium)]);
    assert_eq!(worst("/x%0ay"), [(CRLF, Severity::Medium)]);
    // A fragment is not sent, and a line feed after the target is how it was handed over.
    assert_eq!(worst("/x#%0d%0aHost:e"), []);
    assert_eq!(worst("/x?y=%0b%0c%10%0g\n"), []);
}

#[test]
fn a_climb_is_found_in_the_spellings_servers_take() {
    for (target, severity) in [
        ("/static/../../admin", Severity::Medium),
        ("/static/%2e%2e/%2e%2e/admin", Severity::High),
        ("/static/..%2f..%2fadmin", Severity::High),
        ("/static/%252e%252e%252fadmin", Severity::High),
        ("/static/%c0%ae%c0%ae/admin", Severity::High),
        (r"/static/..\..\admin", Severity::Medium),
        ("/app/..;/manager", Severity::Medium),
        ("/get?file=../../../etc/passwd", Severity::High),
        ("/get?file=..%2f..%2f.env", Severity::High),
        ("/get?file=../../up", Severity::Medium),
    ] {
        assert_eq!(worst(target), [(TRAVERSAL, severity)], "{target}");
    }
}

#[test]
fn dots_that_climb_nowhere_pass() {
    for target in [
        "/compare/v1.2...v1.3",
        "/compare/main..topic",
        "/next?back=../list",
        "/a..b/c",
        "/files/.well-known/x",
        "/pkg/%40scope%2fname",
        "/v1/.../x",
        "/search?q=wait...%20what",
    ] {
        assert_eq!(worst(target), [], "{target}");
    }
}

#[test]
fn opaque_ids_are_written_down_at_most() {
    for target in [
        // An object store's account and a signed request.
        "https://9f86d081884c7d659a2feaa0c55ad015.r2.cloudflarestorage.com/bucket/01HV6ZK3T8Q2W9XN5R7B4C1D0E",
        "https://o451123.ingest.us.sentry.io/api/4507/envelope/",
        "https://b.s3.eu-central-1.amazonaws.com/statements/2024/07/a94a8fe5ccb19ba61c4c0873d391e987982fbbd3.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20240710T101500Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "https://api07.iq.questrade.com/v1/accounts/26598145/positions",
        "https://eth.blockscout.com/api/v2/addresses/0x52908400098527886E0F7030069857D2E4169EE7/transactions",
        "https://mempool.space/api/address/bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq/txs",
        "https://api.example.test/items?continuation_key=kQ3vT9xLm2Zp7Rw4Yc8Bn5Df1Gh6Js0A&limit=50",
        "https://api.example.test/v2/list?cursor=eyJpZCI6MTIzNDU2LCJ0cyI6IjIwMjQtMDctMDFUMDA6MDA6MDBaIn0",
        "https://bridge.simplefin.org/simplefin/claim/kQ3vT9xLm2Zp7Rw4Yc8Bn5Df1Gh6Js0AkQ3vT9xLm2Zp7Rw4",
        "https://cdn.example.test/3f786850e387550fdab836ed7e6dc881de23001b/app.89e6c98d92887913cadf.js",
        "https://api.example.test/v1/c/123e4567-e89b-12d3-a456-426614174000?id=2NiZ9kQ3vT9xLm2Zp7Rw4Yc8Bn5",
        "https://query1.finance.yahoo.com/v8/finance/chart/AAPL?interval=1d&crumb=x8.Fq2Lm0Xv7",
        "https://dunvi3vnzxoxs7pnjfwoiq4lce0jgwvb.lambda-url.eu-central-1.on.aws/hook",
        "https://d111111abcdef8.cloudfront.net/i/how-to-configure-the-quick-brown-fox-in-2024.html",
        "https://img.example.test/fit/rs:fill:300:300/plain/kQ3vT9xLm2Zp7Rw4Yc8Bn5Df1Gh6Js0AkQ3vT9xLm2Zp",
        "https://ru.wikipedia.org/wiki/%D0%9A%D0%B0%D1%80%D1%82%D0%BE%D1%84%D0%B5%D0%BB%D1%8C%D0%BD%D1%8B%D0%B9_%D1%81%D1%83%D0%BF",
    ] {
        assert!(worst(target).iter().all(|(_, severity)| *severity == Severity::Low), "{target}: {:?}", worst(target));
    }
}

/// Random-looking text in an alphabet of 62.
fn noise(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[usize::try_from(state % 62).unwrap()])
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn cargo_in_a_value_a_segment_or_the_host_is_a_warning() {
    let long = noise(600);
    let label = noise(56).to_lowercase();
    let chunk = noise(31).to_lowercase();
    for (target, rule) in [
        (format!("https://c.example.test/p?d={long}"), QUERY_ENTROPY),
        (format!("https://c.example.test/{long}"), PATH_ENTROPY),
        (format!("https://{label}.example.test/"), HOST_ENTROPY),
        (format!("https://{chunk}.{chunk}.example.test/"), HOST_ENTROPY),
    ] {
        assert_eq!(worst(&target), [(rule, Severity::Medium)], "{target}");
    }
    assert_eq!(worst(&format!("https://c.example.test/p?cursor={long}")), []);
    assert_eq!(worst(&format!("/p?q={}", "lorem ipsum ".repeat(900).replace(' ', "+"))), [(LENGTH, Severity::Medium)]);
}

#[test]
fn a_key_cut_up_over_labels_segments_or_values_is_found() {
    let engine = engine();
    let key = concat!("gh", "p_", "16C7e42F292c6912E7710c838347Ae178B4a");
    let (head, tail) = key.split_at(17);
    let (middle, end) = tail.split_at(10);
    for (target, view) in [
        (format!("https://{head}.{middle}.{end}.x.test/"), View::Squashed),
        (format!("https://x.test/?a={head}&b={middle}&c={end}"), View::Squashed),
    ] {
        let found = engine.scan_url(target.as_bytes());
        let key = found.iter().find(|finding| &*finding.rule == "GitHub Token");
        assert_eq!(key.map(|finding| finding.view), Some(view), "{target}: {found:?}");
    }
    let whole = format!("https://x.test/{key}?a={key}");
    let found = engine.scan_url(whole.as_bytes());
    assert!(
        found.iter().all(|finding| finding.view == View::Raw),
        "what is in plain sight is not told twice: {found:?}"
    );
}

#[test]
fn numbers_that_only_meet_when_values_are_joined_are_none() {
    assert_eq!(engine().scan_url(b"https://x.test/list?from=41111111&to=11111111&page=2"), []);
}

proptest! {
    #[test]
    fn no_target_panics_and_every_span_lies_inside(target in prop::collection::vec(prop_oneof![
        any::<u8>(), prop::sample::select(b"/?&=#:@.%0123456789abcdefABCDEF;\\ -".to_vec())
    ], 0..200)) {
        let parts = split(&target);
        for range in [&parts.host, &parts.path, &parts.query, &parts.all] {
            prop_assert!(range.start <= range.end && range.end <= target.len());
        }
        for shape in shapes(&target) {
            prop_assert!(shape.span.end <= target.len() && shape.span.start <= shape.span.end);
            prop_assert!(RULES.iter().any(|(rule, most, _)| *rule == shape.rule && shape.severity <= *most));
        }
        respell::respell(&target);
    }
}

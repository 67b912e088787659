//! Claims about known values: found in each form, wherever they stand and however they were cut; and nothing else is.

use proptest::prelude::*;

use super::*;

const VALUE: &str = concat!("k7Rq/2VxL+m9", "Tz0\"Bw4&Hs6Jd8");

fn table(values: &[&str]) -> Arc<Literals> {
    Arc::new(Literals::compile(values.iter().map(|value| Literal {
        rule: Arc::from("Environment Variable Leak (API_TOKEN)"),
        value: value.as_bytes().into(),
        caseless: false,
    })))
}

fn found(table: &Arc<Literals>, text: &[u8]) -> Vec<Finding> {
    table.scan(Surface::RequestBody, text)
}

fn base64(bytes: &[u8], url: bool) -> String {
    let alphabet: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(if url { ['-', '_'] } else { ['+', '/'] }).collect();
    let chunk = |chunk: &[u8]| {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(|i| alphabet[(word >> (18 - 6 * i) & 63) as usize]).collect::<String>()
    };
    bytes.chunks(3).map(chunk).collect()
}

fn base32(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z').chain('2'..='7').collect();
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let group = |group: &[u8]| {
        alphabet[group.iter().fold(0usize, |all, bit| all << 1 | usize::from(*bit)) << (5 - group.len())]
    };
    bits.chunks(5).map(group).collect()
}

#[test]
fn each_form_is_found_at_every_place() {
    let table = table(&[VALUE]);
    for shift in 0..12 {
        let before = "x".repeat(shift);
        let hex = |upper: bool| -> String {
            VALUE.bytes().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect()
        };
        let percent: String = VALUE
            .bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect();
        let whole = format!("{before}{VALUE} and more");
        for (name, text) in [
            ("raw", format!("{before}{VALUE}{before}")),
            ("json", format!("{before}{}", VALUE.replace('"', "\\\""))),
            (
                "wary json",
                format!("{before}{}", VALUE.replace('"', "\\\"").replace('/', "\\/").replace('&', "\\u0026")),
            ),
            ("percent", format!("{before}{percent}")),
            ("percent in lower case", format!("{before}{}", percent.replace("%2F", "%2f").replace("%2B", "%2b"))),
            ("hex", format!("{before}{}", hex(false))),
            ("hex in capitals", format!("{before}{}", hex(true))),
            ("base64", base64(whole.as_bytes(), false)),
            ("base64url", base64(whole.as_bytes(), true)),
            ("base32", base32(whole.as_bytes())),
            ("base64 twice", base64(base64(VALUE.as_bytes(), false).as_bytes(), false)),
            ("reversed", format!("{before}{}", VALUE.chars().rev().collect::<String>())),
        ] {
            let findings = found(&table, text.as_bytes());
            assert_eq!(findings.len(), 1, "{name} behind {shift} bytes: {text}");
            assert_eq!(findings[0].severity, Severity::Critical);
            assert!(findings[0].span.end <= text.len() as u64);
        }
    }
}

#[test]
fn the_shortest_values_are_found_at_every_place_and_shorter_ones_are_told() {
    let table = table(&["hT4x9Qz1", "short"]);
    for shift in 0..9 {
        let text = format!("{}hT4x9Qz1", "-".repeat(shift));
        let findings = found(&table, text.as_bytes());
        assert_eq!(findings.iter().map(|f| f.span.clone()).collect::<Vec<_>>(), vec![shift as u64..shift as u64 + 8]);
    }
    assert_eq!(table.left_out(), 1);
}

#[test]
fn a_part_or_a_neighbour_of_a_value_is_not_the_value() {
    let table = table(&[VALUE]);
    let other_end = format!("{}X", &VALUE[..VALUE.len() - 1]);
    for text in [&VALUE[..VALUE.len() - 1], &VALUE[1..], &other_end, &VALUE.to_lowercase(), ""] {
        assert_eq!(found(&table, text.as_bytes()), [], "{text}");
    }
    let json = r#"{"model":"m","messages":[{"role":"user","content":"What did I spend on groceries?"}]}"#.repeat(500);
    assert_eq!(found(&table, json.as_bytes()), []);
}

#[test]
fn canaries_are_found_in_either_case_and_long_values_by_their_middle() {
    let token = "Trap-7Rq2Vx-Lm9Tz0";
    let table = Arc::new(Literals::compile([Literal {
        rule: "Canary Token (t)".into(),
        value: token.as_bytes().into(),
        caseless: true,
    }]));
    for text in
        [token.to_owned(), token.to_lowercase(), token.to_uppercase(), base64(token.to_uppercase().as_bytes(), false)]
    {
        assert_eq!(found(&table, text.as_bytes()).len(), 1, "{text}");
    }
    let long: String =
        (0..2000u32).map(|i| char::from(b'a' + (i.wrapping_mul(2_654_435_761) >> 27) as u8 % 26)).collect();
    let table = self::table(&[&long]);
    assert_eq!(found(&table, format!("x{long}").as_bytes()).len(), 1);
    assert_eq!(found(&table, &long.as_bytes()[..800]), [], "its beginning is like that of others");
}

#[test]
fn canaries_are_found_whatever_their_case_and_whatever_stands_between_their_letters() {
    let table = Arc::new(Literals::compile([Literal {
        rule: "Canary Token (t)".into(),
        value: b"Trap-7Rq2Vx-Lm9Tz0".as_slice().into(),
        caseless: true,
    }]));
    for text in [
        "tRaP-7rQ2vX-lM9tZ0",
        "Trap7Rq2VxLm9Tz0",
        "T.r.a.p.7.R.q.2.V.x.L.m.9.T.z.0",
        "trap 7rq2 vx\r\n lm9tz0",
        "x=tRaP--7rQ2vX__lM9tZ0&y",
    ] {
        assert_eq!(found(&table, text.as_bytes()).len(), 1, "{text}");
        let mut pieces = table.stream(Surface::RequestBody);
        for piece in text.as_bytes().chunks(3) {
            pieces.push(piece);
        }
        assert_eq!(pieces.finish().len(), 1, "in pieces: {text}");
    }
    for text in ["Trap-7Rq2Vx-Lm9Tz1", "Trap-7Rq2Vx, and much later Lm9Tz0"] {
        assert_eq!(found(&table, text.as_bytes()), [], "{text}");
    }
}

#[test]
fn joined_tables_find_what_each_finds() {
    let (a, b) = (table(&["hT4x9Qz1mK"]), table(&["zz9x8c7v6b", "hT4x9Qz1mK"]));
    let joined = Arc::new(a.joined(&b));
    assert_eq!(found(&joined, b"hT4x9Qz1mK, zz9x8c7v6b").len(), 2);
    let empty = Arc::new(Literals::default());
    assert!(empty.is_empty() && found(&empty, b"hT4x9Qz1mK").is_empty());
    assert_eq!(found(&Arc::new(empty.joined(&a)), b"hT4x9Qz1mK").len(), 1);
}

#[test]
fn a_flood_of_beginnings_ends_in_a_limit_and_not_in_work() {
    let table = table(&[VALUE]);
    let flood = VALUE[..VALUE.len() - 1].repeat(200_000);
    let findings = found(&table, flood.as_bytes());
    assert_eq!(findings.iter().map(|f| f.family).collect::<Vec<_>>(), [Family::Limit]);
    let text = "k7Rq/2Vx ".repeat(1000) + VALUE;
    assert_eq!(found(&table, text.as_bytes()).len(), 1, "a thousand are no flood");
}

#[test]
fn nothing_of_a_value_is_in_a_table_or_its_debug() {
    let value = "hT4x9Qz1mKhT5x9Qz2mK";
    let table = table(&[value]);
    assert!(!format!("{table:?}").contains("hT4x9Q"));
    let windows: Vec<u64> = table.candidates.keys().map(|key| u64::from(*key)).collect();
    let plain = u64::from(u32::from_le_bytes(*b"hT4x"));
    assert!(!windows.contains(&plain));
}

proptest! {
    #[test]
    fn cutting_changes_no_finding(
        before in "[ -~]{0,40}",
        between in "[a-z ]{0,5000}",
        cuts in prop::collection::vec(1usize..900, 1..20),
    ) {
        let table = table(&[VALUE, "hT4x9Qz1"]);
        let text = format!("{before}{VALUE}{between}{}hT4x9Qz1", base64(format!("{before}{VALUE}").as_bytes(), false));
        let whole = found(&table, text.as_bytes());
        prop_assert!(whole.len() >= 2);
        let mut scan = table.stream(Surface::RequestBody);
        let mut rest = text.as_bytes();
        let mut sizes = cuts.iter().cycle();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            let done = text.len() - after.len();
            let progress = scan.push(piece);
            // What is not held back belongs to no finding that is still to come.
            let released = (done - progress.hold) as u64;
            prop_assert!(whole.iter().skip(progress.found).all(|finding| finding.span.start >= released));
            rest = after;
        }
        prop_assert_eq!(scan.finish(), whole);
    }
}

//! Queries and answers as they come, broken ones included; what is put; what a tunnel looks like.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// A query as a stub resolver writes it; `edns` with a cookie, which must not go on.
pub(crate) fn query(name: &str, record_type: u16, edns: bool) -> Vec<u8> {
    let mut out = header(0x1234, 0x0120, u16::from(edns));
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.extend([0]);
    out.extend(record_type.to_be_bytes());
    out.extend(CLASS_IN.to_be_bytes());
    if edns {
        opt(&mut out, 4096, DO, &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
    out
}

fn parsed(name: &str) -> Query {
    Query::parse(&query(name, 1, false)).unwrap()
}

/// An answer to [`parsed`] with these records: owner (as bytes of a message), type, data.
fn answer(query: &Query, records: &[(&[u8], u16, &[u8])]) -> Vec<u8> {
    let mut out = query.answer(0, 0, None);
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    out[6..8].copy_from_slice(&count);
    for (owner, record_type, data) in records {
        out.extend(*owner);
        out.extend(record_type.to_be_bytes());
        out.extend(CLASS_IN.to_be_bytes());
        out.extend(300_u32.to_be_bytes());
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(*data);
    }
    out
}

#[test]
fn a_query_is_put_anew_without_what_could_carry_bytes() {
    let sent = query("ApI.eXample.test", 28, true);
    let query = Query::parse(&sent).unwrap();
    assert_eq!((query.name().as_str(), query.record_type()), ("api.example.test", 28));
    assert_eq!(query.dotted(), b"ApI.eXample.test", "what may be a secret is seen as it was sent");
    let put = query.rebuilt(9);
    assert_eq!(&put[..2], [0, 9], "an id of its own");
    assert!(put.windows(4).any(|w| w == b"\x03api"), "lower case");
    assert_eq!(put.len(), sent.len() - 12, "the cookie stays behind");
    assert_eq!(query.payload(), 1232);
    assert_eq!(parsed("a.test").payload(), 512);
}

#[test]
fn what_is_no_plain_question_is_refused() {
    let good = query("a.test", 1, false);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        Query::parse(&bytes).unwrap_err()
    };
    assert_eq!(with(&|b| b[2] |= 0x80), Error::NotAQuery);
    assert_eq!(with(&|b| b[2] |= 0x28), Error::Operation, "update");
    assert_eq!(with(&|b| b[5] = 2), Error::Shape, "two questions");
    assert_eq!(with(&|b| b[7] = 1), Error::Shape, "an answer in a query");
    assert_eq!(with(&|b| b[11] = 1), Error::Length, "a record that is not there");
    assert_eq!(with(&|b| b.push(0)), Error::Length, "bytes behind the end");
    assert_eq!(with(&|b| b.truncate(20)), Error::Length);
    assert_eq!(with(&|b| b[12] = 0xc0), Error::Name, "compression");
    assert_eq!(with(&|b| *b.last_mut().unwrap() = 3), Error::Class, "chaos");
    for record_type in [0, 10, 41, 249, 250, 251, 252, 255, 4096, 65_280, 65_535] {
        assert_eq!(Query::parse(&query("a.test", record_type, false)), Err(Error::Type), "{record_type}");
    }
    for record_type in [1, 5, 12, 15, 16, 28, 33, 48, 64, 65, 257] {
        assert!(Query::parse(&query("a.test", record_type, false)).is_ok(), "{record_type}");
    }
    let mut tsig = query("a.test", 1, false);
    tsig[11] = 1;
    tsig.extend([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Query::parse(&tsig), Err(Error::Shape), "a record other than OPT");
    assert_eq!(Query::parse(&query(&["x".repeat(60).as_str(); 5].join("."), 1, false)), Err(Error::Name));
}

#[test]
fn a_message_that_cannot_be_read_is_answered_with_its_id_and_an_answer_never_is() {
    let bytes = &query("a.test", 1, false)[..14];
    let answered = refused(bytes, Error::Length).unwrap();
    assert_eq!((&answered[..2], answered[2] & 0x80, answered[3] & 15), ([0x12, 0x34].as_slice(), 0x80, 1));
    assert_eq!(refused(&parsed("a.test").refused(Code::Refused), Error::NotAQuery), None);
    assert_eq!(refused(&bytes[..3], Error::Length), None);
}

#[test]
fn an_answer_comes_back_under_the_id_and_the_spelling_of_the_question() {
    let query = parsed("ApI.Example.test");
    let put = Query::parse(&query.rebuilt(9)).unwrap();
    let came = answer(&put, &[(b"\xc0\x0c", 1, &[203, 0, 113, 10])]);
    assert!(query.is_answered_by(9, &came));
    assert!(!query.is_answered_by(8, &came), "another id");
    assert!(!parsed("other.test").is_answered_by(9, &came), "another question");
    assert!(!query.is_answered_by(9, &query.rebuilt(9)), "a query is no answer");
    let restored = query.restored(came.clone(), 512);
    assert_eq!(&restored[..2], [0x12, 0x34]);
    assert!(restored.windows(4).any(|w| w == b"\x03ApI"));
    let cut = query.restored(came, 40);
    assert_eq!(cut[2] & 2, 2, "told to come back over TCP");
    assert!(query.is_answered_by(0x1234, &cut));
}

#[test]
fn addresses_are_those_of_the_name_and_of_what_it_is_an_alias_for() {
    let query = parsed("www.example.test");
    let cdn = b"\x03cdn\x04test\0";
    let plain = answer(&query, &[(b"\xc0\x0c", 1, &[203, 0, 113, 1]), (b"\xc0\x0c", 1, &[203, 0, 113, 2])]);
    let told = query.told(&plain).unwrap();
    assert_eq!(told.addresses.len(), 2);
    assert_eq!(told.ttl, Duration::from_mins(5));
    let alias = answer(&query, &[(b"\xc0\x0c", 5, cdn), (cdn, 1, &[203, 0, 113, 3])]);
    assert_eq!(query.told(&alias).unwrap().addresses, ["203.0.113.3".parse::<std::net::IpAddr>().unwrap()]);
    let stranger = answer(&query, &[(b"\x04bank\x04test\0", 1, &[203, 0, 113, 4])]);
    assert!(query.told(&stranger).unwrap().addresses.is_empty(), "a record about another name says nothing");
    let text = answer(&query, &[(b"\xc0\x0c", 16, &[b'x'; 300])]);
    assert_eq!(query.told(&text).unwrap().text_bytes, 300);
}

#[test]
fn circles_and_lies_in_an_answer_end_in_an_error() {
    let query = parsed("a.test");
    let mut own = answer(&query, &[]);
    own[7] = 1;
    let at = u8::try_from(own.len()).unwrap();
    own.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(query.told(&own), Err(Error::Name), "a pointer to itself");
    let mut short = answer(&query, &[(b"\xc0\x0c", 1, &[1, 2, 3, 4])]);
    short.pop();
    assert_eq!(query.told(&short), Err(Error::Length));
    let circle = answer(&query, &[(b"\xc0\x0c", 5, b"\xc0\x0c")]);
    assert!(query.told(&circle).unwrap().addresses.is_empty());
}

#[test]
fn many_long_names_below_one_domain_are_a_tunnel_and_the_same_one_again_is_not() {
    let (mut tunnels, now) = (Tunnels::default(), Instant::now());
    let name = |i: u32| parsed(&format!("{i:08x}{}.t.evil.test", "k3v9".repeat(8)));
    assert!((0..1000).all(|_| tunnels.asked(1, &name(1), now).is_none()));
    assert!((0..40).all(|i| tunnels.asked(1, &name(i), now).is_none()));
    assert!((40..80).any(|i| tunnels.asked(1, &name(i), now).is_some()));
    assert!(tunnels.asked(2, &name(100), now).is_none(), "another workload");
    assert!(tunnels.asked(1, &name(100), now + WINDOW_AND_MORE).is_none(), "another time");
    for i in 0..1000 {
        let ordinary = parsed(&format!("host-{i}.prod.internal.example.test"));
        assert!(tunnels.asked(3, &ordinary, now).is_none());
        let reverse = parsed(&format!("{i}.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"));
        assert!(tunnels.asked(3, &reverse, now).is_none());
    }
}

const WINDOW_AND_MORE: Duration = Duration::from_mins(6);

#[test]
fn text_that_comes_back_is_counted_and_the_windows_are_bounded() {
    let (mut tunnels, now) = (Tunnels::default(), Instant::now());
    let query = parsed("x.evil.test");
    assert!((0..32).all(|_| tunnels.answered(1, &query, 1024, now).is_none()));
    assert!(tunnels.answered(1, &query, 1024, now).is_some());
    for i in 0..6000 {
        tunnels.answered(1, &parsed(&format!("x.d{i}.test")), 1, now + Duration::from_secs(i));
    }
    assert!(tunnels.answered(1, &query, 1, now).is_none(), "forgotten");
}

#[test]
fn the_domain_is_what_somebody_registers() {
    for (name, domain) in [
        ("a.b.example.test", Some("example.test")),
        ("a.b.example.co.uk", Some("example.co.uk")),
        ("co.uk", Some("co.uk")),
        ("localhost", None),
        ("", None),
    ] {
        assert_eq!(parent(&parsed(name)).as_deref(), domain, "{name}");
    }
}

#[test]
fn claims_hold_for_the_kept_inputs() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/dns");
    let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        fuzzing::dns(&std::fs::read(seed.unwrap().path()).unwrap());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_query_or_an_error_and_any_answer_has_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzzing::dns(&bytes);
    }

    #[test]
    fn a_query_with_one_byte_changed_holds_the_claims_too(at in 0_usize..60, byte in any::<u8>(), edns in any::<bool>()) {
        let mut bytes = query("Some.Name.example.test", 16, edns);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        fuzzing::dns(&bytes);
    }
}

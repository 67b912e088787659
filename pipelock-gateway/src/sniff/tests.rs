//! Hellos here are made by rustls, so that nothing about the format is believed twice; its Acceptor is the oracle.

use std::sync::Arc;

use proptest::prelude::*;
use rustls::client::ClientConnection;
use rustls::crypto::aws_lc_rs;
use rustls::server::Acceptor;
use rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::model::{Alpn, ServerName};

/// The first flight of a rustls client.
fn hello(name: &str, alpn: &[&[u8]], post_quantum: bool) -> Vec<u8> {
    let mut provider = aws_lc_rs::default_provider();
    if post_quantum {
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519];
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|id| id.to_vec()).collect();
    let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    wire
}

/// The handshake message inside the records of `wire`.
fn message(wire: &[u8]) -> Vec<u8> {
    let mut rest = wire;
    let mut message = Vec::new();
    while let [_, _, _, high, low, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        message.extend_from_slice(&tail[..length]);
        rest = &tail[length..];
    }
    message
}

fn record(version_minor: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x16, 0x03, version_minor];
    out.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// Splits a handshake message into records of the given payload sizes; the last takes the rest.
fn records(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut rest = message;
    let mut out = Vec::new();
    for size in sizes {
        let (head, tail) = rest.split_at((*size).min(rest.len()));
        out.extend(record(1, head));
        rest = tail;
    }
    if !rest.is_empty() {
        out.extend(record(1, rest));
    }
    out
}

fn tls(prefix: &[u8]) -> ClientHello {
    match classify(prefix) {
        Sniff::Tls(hello) => *hello,
        other => panic!("not a ClientHello: {other:?}"),
    }
}

/// A `ClientHello` message with exactly the given extensions.
fn message_with(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (kind, data) in extensions {
        block.extend(kind.to_be_bytes());
        block.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        block.extend_from_slice(data);
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0x0a, 0x0a, 0x13, 0x01, 1, 0]);
    body.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    body.extend(block);
    let mut message = vec![1, 0];
    message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    message.extend(body);
    message
}

fn with_extensions(extensions: &[(u16, &[u8])]) -> Sniff {
    classify(&record(1, &message_with(extensions)))
}

fn sni_extension(name: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap();
    let mut data = (length + 3).to_be_bytes().to_vec();
    data.push(0);
    data.extend(length.to_be_bytes());
    data.extend_from_slice(name);
    data
}

#[test]
fn a_hello_is_recognised_at_its_last_byte_and_not_before() {
    for wire in [
        hello("api.example.test", &[b"h2", b"http/1.1"], false),
        hello("api.example.test", &[], true),
        hello("203.0.113.7", &[b"http/1.1"], false),
    ] {
        for cut in 0..wire.len() {
            assert_eq!(classify(&wire[..cut]), Sniff::NeedMore, "at byte {cut}");
        }
        tls(&wire);
        // Bytes of a following record (early data) change nothing.
        let longer = [wire.as_slice(), &[0x17, 3, 3, 0, 1, 0]].concat();
        assert_eq!(tls(&longer), tls(&wire));
    }
}

#[test]
fn a_hello_with_ml_kem_key_share_is_read() {
    let wire = hello("api.example.test", &[b"h2"], true);
    assert!(wire.len() > 1300, "the case is pointless when the hello fits one segment: {}", wire.len());
    assert_eq!(tls(&wire).sni.name().unwrap().as_str(), "api.example.test");
}

#[test]
fn a_hello_split_into_two_records_anywhere_is_the_same_hello() {
    let wire = hello("api.example.test", &[b"h2", b"http/1.1"], false);
    let (message, whole) = (message(&wire), tls(&wire));
    for cut in 1..message.len() {
        assert_eq!(tls(&records(&message, &[cut])), whole, "at byte {cut}");
    }
}

#[test]
fn one_byte_records_are_read_up_to_sixteen_records() {
    let wire = hello("api.example.test", &[], false);
    let (message, whole) = (message(&wire), tls(&wire));
    assert_eq!(tls(&records(&message, &[1; 15])), whole);
    assert_eq!(classify(&records(&message, &[1; 16])), Sniff::MalformedTls(Malformed::TooLarge));
}

#[test]
fn record_versions_of_every_client_are_accepted() {
    let message = message(&hello("api.example.test", &[], false));
    for minor in 0..=255 {
        tls(&record(minor, &message));
    }
}

#[test]
fn offers_are_told_in_the_clients_order() {
    let hello = tls(&hello("API.Example.test", &[b"mqtt", b"http/1.1", b"h2"], false));
    assert_eq!(hello.sni.name().unwrap().as_str(), "api.example.test");
    assert_eq!(hello.alpn[0], OfferedAlpn::Other(b"mqtt".as_slice().into()));
    assert_eq!(hello.http_alpn(), [Alpn::Http11, Alpn::H2]);
    assert!(hello.accepts_ecdsa() && hello.accepts_modern_tls() && !hello.offers_only_unopened_alpn());
    assert_eq!(hello.versions, [0x0304, 0x0303]);
    assert!(!hello.encrypted_client_hello);
}

#[test]
fn a_hello_without_extensions_is_a_tls_1_2_client_that_names_nobody() {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let mut message = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    message.extend(body);
    let hello = tls(&record(1, &message));
    assert_eq!((hello.sni.clone(), hello.versions.as_slice()), (Sni::Absent, [0x0303].as_slice()));
    assert!(!hello.accepts_ecdsa(), "no signature_algorithms: SHA-1 RSA is all that it is known to verify");
    message[5] = 1;
    assert!(!tls(&record(1, &message)).accepts_modern_tls());
}

#[test]
fn server_names_are_validated() {
    let sni = |name: &[u8]| match with_extensions(&[(0, &sni_extension(name))]) {
        Sniff::Tls(hello) => hello.sni,
        other => panic!("{other:?}"),
    };
    assert_eq!(sni(b"Example.test.").name().unwrap().as_str(), "example.test");
    assert_eq!(sni(b"203.0.113.7"), Sni::Address([203, 0, 113, 7].into()));
    for bad in [b"a\0b.test".as_slice(), b"*.test", b"\xff\xfe", b"a b", b"evil.test\n"] {
        assert_eq!(sni(bad), Sni::Invalid, "{bad:?}");
    }
    // An empty list, a trailing byte, another name type, two names.
    let two = [0, 8, 0, 0, 1, b'a', 0, 0, 1, b'b'];
    for data in [[].as_slice(), &[0, 0], &[0, 4, 0, 0, 1, b'a', 9], &[0, 4, 1, 0, 1, b'a'], &two] {
        let Sniff::Tls(hello) = with_extensions(&[(0, data)]) else { panic!("{data:?}") };
        assert_eq!(hello.sni, Sni::Invalid, "{data:?}");
    }
}

#[test]
fn grease_is_left_out_and_ech_is_seen() {
    let Sniff::Tls(hello) = with_extensions(&[
        (0x1a1a, &[]),
        (0xfe0d, &[0, 1, 2]),
        (43, &[6, 0x2a, 0x2a, 3, 4, 3, 3]),
        (13, &[0, 4, 0x3a, 0x3a, 4, 3]),
    ]) else {
        panic!("not read")
    };
    assert!(hello.encrypted_client_hello);
    assert_eq!(hello.versions, [0x0304, 0x0303]);
    assert_eq!((hello.signature_schemes.as_slice(), hello.cipher_suites.as_slice()), (&[0x0403][..], &[0x1301][..]));
}

#[test]
fn ambiguous_or_broken_hellos_are_malformed() {
    let sni = sni_extension(b"a.test");
    for extensions in [
        [(0, sni.as_slice()), (0, sni.as_slice())].as_slice(),
        &[(43, &[])],
        &[(43, &[2, 0x0a, 0x0a])],
        &[(16, &[0, 1, 0])],
        &[(16, &[0, 9, 2, b'h', b'2'])],
        &[(13, &[0, 1, 4])],
    ] {
        assert_eq!(with_extensions(extensions), Sniff::MalformedTls(Malformed::Body), "{extensions:?}");
    }
    let good = message_with(&[]);
    let followed = [good.as_slice(), &[2]].concat();
    assert_eq!(classify(&record(1, &followed)), Sniff::MalformedTls(Malformed::NotClientHello));
    assert_eq!(classify(&record(1, &[2, 0, 0, 0])), Sniff::MalformedTls(Malformed::NotClientHello));
    assert_eq!(classify(&record(1, &[1, 1, 0, 0])), Sniff::MalformedTls(Malformed::TooLarge));
    assert_eq!(classify(&[0x16, 3, 1, 0, 0]), Sniff::MalformedTls(Malformed::Record));
    assert_eq!(classify(&[0x16, 3, 1, 0x40, 1]), Sniff::MalformedTls(Malformed::Record));
    // An alert in the middle of a hello, told by its first byte.
    let interrupted = [record(1, &good[..10]).as_slice(), &[0x15]].concat();
    assert_eq!(classify(&interrupted), Sniff::MalformedTls(Malformed::Record));
}

#[test]
fn http1_is_recognised_by_shape() {
    for text in [
        "GET /",
        "PROPFIND /",
        "OPTIONS *",
        "X-CUSTOM /",
        "GET http://",
        "PUT h2+unix.x-1://",
        "CONNECT a",
        "CONNECT [",
        "\r\nPOST /",
        "\n\n\r\nGET /",
        "GET  /",
        "GET\t/",
        "A-METHOD-OF-MORE-THAN-THIRTY-TWO-BYTES-THAT-SOME-SERVERS-TAKE /",
    ] {
        for cut in 0..text.len() {
            assert_eq!(classify(&text.as_bytes()[..cut]), Sniff::NeedMore, "{text:?} at {cut}");
        }
        assert_eq!(classify(text.as_bytes()), Sniff::Http1, "{text:?}");
    }
}

#[test]
fn line_protocols_are_not_taken_for_http() {
    for text in [
        "EHLO mail.example.test\r",
        "USER anonymous\r",
        "SET key ",
        "MAIL FROM:<",
        " GET /",
        "PING\r",
        "CONNECT -",
        "\0",
        "{",
    ] {
        assert_eq!(classify(text.as_bytes()), Sniff::Opaque(OpaqueKind::Unknown), "{text:?}");
    }
}

#[test]
fn http2_needs_its_whole_preface() {
    for cut in 0..HTTP2_PREFACE.len() {
        assert_eq!(classify(&HTTP2_PREFACE[..cut]), Sniff::NeedMore, "at {cut}");
    }
    assert_eq!(classify(HTTP2_PREFACE), Sniff::Http2);
    assert_eq!(classify(b"PRI * HTTP/1.1"), Sniff::Http1);
}

#[test]
fn known_opaque_protocols_are_named() {
    for (bytes, kind) in [
        (b"\0\0\0\x08\x04\xd2\x16\x2f".as_slice(), OpaqueKind::Postgres),
        (b"\0\0\0\x08\x04\xd2\x16\x30", OpaqueKind::Postgres),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian", OpaqueKind::Ssh),
        (b"*1\r\n$4\r\nPING\r\n", OpaqueKind::Resp),
        (b"\x10\x2b\0\x04MQTT", OpaqueKind::Unknown),
    ] {
        assert_eq!(classify(bytes), Sniff::Opaque(kind), "{bytes:?}");
    }
}

#[test]
fn hosts_are_read_from_complete_heads_only() {
    let name = |text: &str, port| HostHint::Name(ServerName::parse(text).unwrap(), port);
    let head = "GET / HTTP/1.1\r\nhost: Api.Example.test:8080\r\n\r\n";
    for cut in 0..head.len() {
        assert_eq!(http1_host(&head.as_bytes()[..cut]), HostHint::NeedMore, "at {cut}");
    }
    for (head, want) in [
        (head, name("api.example.test", Some(8080))),
        ("GET / HTTP/1.1\r\nHost: a.test\r\n\r\nbody", name("a.test", None)),
        ("GET / HTTP/1.1\r\nHost: a.test:\r\n\r\n", name("a.test", None)),
        ("GET / HTTP/1.1\r\nHost: 203.0.113.7:80\r\n\r\n", HostHint::Address([203, 0, 113, 7].into(), Some(80))),
        ("GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", HostHint::Address("2001:db8::1".parse().unwrap(), None)),
        ("GET http://b.test:81/x HTTP/1.1\r\nHost: a.test\r\n\r\n", name("b.test", Some(81))),
        ("CONNECT b.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", name("b.test", Some(443))),
        ("GET / HTTP/1.0\r\n\r\n", HostHint::Absent),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", HostHint::Absent),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", HostHint::Invalid),
        ("GET http://u@b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", HostHint::Invalid),
        ("GET / HTTP/1.1\r\nHost: a.test:+80\r\n\r\n", HostHint::Invalid),
        ("GET / HTTP/1.1\r\nHost: a.test:99999\r\n\r\n", HostHint::Invalid),
        ("GET / HTTP/1.1\r\nHost: a test\r\n\r\n", HostHint::Invalid),
        ("GET / HTTP/1.1\r\nbad name: x\r\n\r\n", HostHint::Invalid),
    ] {
        assert_eq!(http1_host(head.as_bytes()), want, "{head:?}");
    }
}

#[test]
fn an_endless_head_is_invalid_at_64_kib() {
    let mut head = b"GET / HTTP/1.1\r\nx: ".to_vec();
    head.resize(MAX_HEAD_BYTES - 1, b'a');
    assert_eq!(http1_host(&head), HostHint::NeedMore);
    head.push(b'a');
    assert_eq!(http1_host(&head), HostHint::Invalid);
}

/// What rustls makes of the same bytes: name and ALPN, or nothing when it refuses them or wants more.
fn oracle(mut wire: &[u8]) -> Option<(Option<String>, Vec<Vec<u8>>)> {
    let mut acceptor = Acceptor::default();
    while !wire.is_empty() {
        acceptor.read_tls(&mut wire).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            let hello = accepted.client_hello();
            let alpn = hello.alpn().map(|ids| ids.map(<[u8]>::to_vec).collect()).unwrap_or_default();
            return Some((hello.server_name().map(str::to_ascii_lowercase), alpn));
        }
    }
    None
}

/// The same, of ours.
fn ours(wire: &[u8]) -> Option<(Option<String>, Vec<Vec<u8>>)> {
    let Sniff::Tls(hello) = classify(wire) else { return None };
    let alpn = |offered: &OfferedAlpn| match offered {
        OfferedAlpn::Http(alpn) => alpn.wire().to_vec(),
        OfferedAlpn::Other(id) => id.to_vec(),
    };
    Some((hello.sni.name().map(|n| n.as_str().to_owned()), hello.alpn.iter().map(alpn).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_never_panics_and_final_answers_stay(bytes in prop::collection::vec(any::<u8>(), 0..200), tls in any::<bool>()) {
        let mut bytes = bytes;
        if tls {
            bytes.splice(0..0, [0x16, 3, 1]);
        }
        let mut last = Sniff::NeedMore;
        for cut in 0..=bytes.len() {
            let now = classify(&bytes[..cut]);
            // The kind may become known later; that it is opaque may not change.
            if last != Sniff::NeedMore {
                prop_assert_eq!(now.protocol(), last.protocol(), "at {}", cut);
            }
            last = now;
        }
        let _ = http1_host(&bytes);
    }

    #[test]
    fn damaged_hellos_never_panic_and_agree_with_rustls(
        name in "[a-z]{1,12}(\\.[a-z]{1,12}){0,3}",
        alpn in prop::collection::vec(prop_oneof![Just(b"h2".to_vec()), Just(b"http/1.1".to_vec()), prop::collection::vec(any::<u8>(), 1..20)], 0..4),
        sizes in prop::collection::vec(1_usize..300, 0..12),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let ids: Vec<&[u8]> = alpn.iter().map(Vec::as_slice).collect();
        let mut message = message(&hello(&name, &ids, false));
        if let Some((at, value)) = damage {
            let at = at.index(message.len());
            message[at] = value;
        }
        let wire = records(&message, &sizes);
        let (ours, oracle) = (ours(&wire), oracle(&wire));
        if damage.is_none() {
            prop_assert!(ours.is_some());
        }
        // Either may be stricter than the other about a damaged hello; when both read it, they must read the same. A name
        // that is no valid name to us is none.
        if let (Some((our_name, our_alpn)), Some((their_name, their_alpn))) = (ours, oracle) {
            prop_assert_eq!(our_alpn, their_alpn);
            if let Some(our_name) = our_name {
                prop_assert_eq!(Some(our_name), their_name.map(|n| n.trim_end_matches('.').to_owned()));
            }
        } else if damage.is_none() {
            prop_assert!(false, "one of the two refused an undamaged hello");
        }
    }
}

#[test]
fn what_lenient_servers_take_for_a_hello_is_never_opaque() {
    let hello = record(1, &message_with(&[]));
    let mut strange = hello.clone();
    for minor in [0x00, 0x04, 0x05, 0xff] {
        strange[2] = minor;
        assert!(matches!(classify(&strange), Sniff::Tls(_)), "record version 3.{minor}");
    }
    for prefix in
        [&[0x15, 3, 1, 0, 2, 1, 0][..], &[0x14, 3, 3, 0, 1, 1], &[0x17, 3, 3, 0, 1, 0], &[0x80, 0x2e, 1, 3, 1]]
    {
        assert!(matches!(classify(prefix), Sniff::MalformedTls(_)), "{prefix:?}");
    }
}

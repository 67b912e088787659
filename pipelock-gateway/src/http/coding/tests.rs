//! Content-codings: what decodes, what is refused, and the bounds on both.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn decoder(coding: &str) -> Result<Option<Decoder>, Undecodable> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
    Decoder::for_head(&headers, 50 << 20, 100)
}

fn decode(coding: &str, body: &[u8], chunk: usize) -> Result<Vec<u8>, Undecodable> {
    let mut decoder = decoder(coding)?.expect("a coding is named");
    let mut out = Vec::new();
    for piece in body.chunks(chunk.max(1)) {
        let flow = decoder.push(piece, &mut |bytes| {
            out.extend_from_slice(bytes);
            ControlFlow::Continue(())
        })?;
        assert!(flow.is_continue());
    }
    decoder.finish()?;
    Ok(out)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn bare(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_coding_is_undone() {
    let text = b"the quick brown fox ".repeat(400);
    for (coding, body) in [
        ("gzip", gzip(&text)),
        ("X-GZip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", bare(&text)),
        ("identity, gzip", gzip(&text)),
        ("deflate, gzip", gzip(&zlib(&text))),
    ] {
        for chunk in [1, 2, 7, 4096, usize::MAX] {
            assert_eq!(decode(coding, &body, chunk).as_deref(), Ok(&text[..]), "{coding} by {chunk}");
        }
    }
}

#[test]
fn what_others_might_read_differently_is_refused() {
    let text = b"some text";
    let with = |mut body: Vec<u8>, tail: &[u8]| {
        body.extend_from_slice(tail);
        body
    };
    let mut bad_crc = gzip(text);
    let crc_at = bad_crc.len() - 8;
    bad_crc[crc_at] ^= 1;
    let mut cut = gzip(text);
    cut.pop();
    for (why, coding, body) in [
        ("bytes after the last gzip member", "gzip", with(gzip(text), b"ghp_secret")),
        ("bytes after the zlib stream", "deflate", with(zlib(text), b"ghp_secret")),
        ("bytes after the bare stream", "deflate", with(bare(text), b"ghp_secret")),
        ("a wrong checksum", "gzip", bad_crc),
        ("a cut body", "gzip", cut),
        ("not gzip at all", "gzip", text.to_vec()),
        ("one byte", "deflate", vec![0x78]),
    ] {
        for chunk in [1, usize::MAX] {
            assert_eq!(decode(coding, &body, chunk), Err(Undecodable), "{why} by {chunk}");
        }
    }
    for coding in ["br", "zstd", "compress", "gzip, gzip, gzip", "aws-chunked", "chunked"] {
        assert!(decoder(coding).is_err(), "{coding}");
    }
}

#[test]
fn every_gzip_member_and_header_field_is_shown() {
    let named = flate2::GzBuilder::new()
        .extra(b"extra!".to_vec())
        .filename("secret-name")
        .comment("secret-comment")
        .write(Vec::new(), Compression::fast());
    let mut named = named;
    named.write_all(b"first").unwrap();
    let mut body = named.finish().unwrap();
    body.extend(gzip(b"second"));
    for chunk in [1, 3, usize::MAX] {
        let shown = decode("gzip", &body, chunk).unwrap();
        assert_eq!(shown, b"extra!secret-name\0secret-comment\0firstsecond", "by {chunk}");
    }
}

#[test]
fn a_bomb_is_cut_off_by_ratio_and_by_size() {
    let bomb = gzip(&vec![0; 8 << 20]);
    assert!(bomb.len() < 80 << 10, "the ratio is far above 100");
    assert_eq!(decode("gzip", &bomb, 4096), Err(Undecodable));

    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let mut small = Decoder::for_head(&headers, 1000, 100).unwrap().unwrap();
    let body = gzip(&b"0123456789abcdef".repeat(100));
    assert_eq!(small.push(&body, &mut |_| ControlFlow::Continue(())), Err(Undecodable));
}

#[test]
fn no_coding_and_no_body_are_fine() {
    assert!(Decoder::for_head(&HeaderMap::new(), 1, 1).unwrap().is_none());
    assert!(decoder("identity").unwrap().is_none());
    assert_eq!(decode("gzip", b"", 1), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..600), chunk in 1usize..64) {
        for coding in ["gzip", "deflate", "gzip, deflate"] {
            let _ = decode(coding, &body, chunk);
        }
    }

    #[test]
    fn chunking_never_changes_what_is_shown(body in proptest::collection::vec(any::<u8>(), 0..4000), chunk in 1usize..700) {
        prop_assert_eq!(decode("gzip", &gzip(&body), chunk), Ok(body.clone()));
        prop_assert_eq!(decode("deflate", &zlib(&body), chunk), Ok(body));
    }
}

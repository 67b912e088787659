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
            assert_eq!(decode(coding, &body, chunk), Err(Undecodable::Broken), "{why} by {chunk}");
        }
    }
    for coding in ["br", "compress", "gzip, gzip, gzip", "chunked"] {
        assert_eq!(decoder(coding).err(), Some(Undecodable::Unknown), "{coding}");
    }
}

#[test]
fn chunks_of_an_s3_upload_are_joined_and_its_trailer_is_shown() {
    let signature = "0f".repeat(32);
    let signed = format!(
        "b;chunk-signature={signature}\r\nghp_secret-\r\n4;chunk-signature={signature}\r\npart\r\n\
         0;chunk-signature={signature}\r\n\r\n"
    );
    let summed = "F\r\nghp_secret-part\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    for (body, shown) in
        [(signed.as_str(), "ghp_secret-part"), (summed, "ghp_secret-partx-amz-checksum-crc32:AAAAAA==\r\n")]
    {
        for chunk in [1, 3, usize::MAX] {
            assert_eq!(decode("aws-chunked", body.as_bytes(), chunk).unwrap(), shown.as_bytes(), "by {chunk}");
        }
    }
    for (why, body) in [
        ("it is cut", "4\r\npart\r\n"),
        ("something rides behind the size", "4;note=ghp_secret\r\npart\r\n0\r\n\r\n"),
        ("a signature is something else", "4;chunk-signature=ghp_secret\r\npart\r\n0\r\n\r\n"),
        ("a chunk is longer than it says", "3\r\npart\r\n0\r\n\r\n"),
        ("something follows the end", "0\r\n\r\nghp_secret"),
        ("a line ends in LF alone", "4\npart\r\n0\r\n\r\n"),
        ("there is no size", ";\r\n"),
        ("the size is no number there is", "fffffffffffffffff\r\n"),
    ] {
        for chunk in [1, usize::MAX] {
            assert_eq!(decode("aws-chunked", body.as_bytes(), chunk), Err(Undecodable::Broken), "{why}, by {chunk}");
        }
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
    assert_eq!(decode("gzip", &bomb, 4096), Err(Undecodable::TooLarge(Limit::DecodeRatio)));

    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let mut small = Decoder::for_head(&headers, 1000, 100).unwrap().unwrap();
    let body = gzip(&b"0123456789abcdef".repeat(100));
    let too_large = Err(Undecodable::TooLarge(Limit::DecodedBytes));
    assert_eq!(small.push(&body, &mut |_| ControlFlow::Continue(())), too_large);
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

fn decode_answer(coding: &str, body: &[u8], chunk: usize) -> Result<Vec<u8>, Undecodable> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
    let mut decoder = Decoder::for_answer(&headers, u64::MAX, 100)?.expect("a coding is named");
    let mut out = Vec::new();
    for piece in body.chunks(chunk) {
        let flow = decoder.push(piece, &mut |decoded| {
            out.extend_from_slice(decoded);
            ControlFlow::Continue(())
        })?;
        assert!(flow.is_continue());
    }
    decoder.finish()?;
    Ok(out)
}

/// `brotli -q 5` of "all is well\n" fifty times.
const BROTLI: &[u8] = &[
    0x1b, 0x57, 0x02, 0x00, 0x04, 0x1c, 0x72, 0x9e, 0xd0, 0x59, 0xc3, 0xb6, 0x5b, 0x25, 0x4b, 0x63, 0xb5, 0x60, 0x56,
    0xd9, 0xf9, 0x1b, 0x08,
];

#[test]
fn answers_in_brotli_and_zstd_are_undone() {
    let text = b"all is well\n".repeat(50);
    let frames = [zstd::encode_all(&text[..300], 3).unwrap(), zstd::encode_all(&text[300..], 19).unwrap()].concat();
    for chunk in [1, 2, 3, 7, 4096] {
        assert_eq!(decode_answer("br", BROTLI, chunk).as_deref(), Ok(&text[..]), "{chunk}");
        assert_eq!(decode_answer("zstd", &frames, chunk).as_deref(), Ok(&text[..]), "{chunk}");
    }
    for chunk in [1, 4096] {
        assert_eq!(decode_answer("br", &BROTLI[..BROTLI.len() - 1], chunk), Err(Undecodable::Broken));
        assert_eq!(decode_answer("br", &[BROTLI, b"x"].concat(), chunk), Err(Undecodable::Broken));
        assert_eq!(decode_answer("zstd", &frames[..frames.len() - 1], chunk), Err(Undecodable::Broken));
    }
}

#[test]
fn a_zstd_frame_that_decoders_skip_is_refused() {
    let hidden = [0x50, 0x2a, 0x4d, 0x18, 6, 0, 0, 0, b's', b'e', b'c', b'r', b'e', b't'];
    let clean = zstd::encode_all(&b"clean"[..], 3).unwrap();
    for body in [[&hidden[..], &clean].concat(), [&clean[..], &hidden].concat()] {
        for chunk in [1, 3, 4096] {
            assert_eq!(decode("zstd", &body, chunk), Err(Undecodable::Broken));
        }
    }
}

proptest! {
    #[test]
    fn hostile_answers_never_panic(body in proptest::collection::vec(any::<u8>(), 0..600), chunk in 1usize..64) {
        let zstd = [&Zstd::MAGIC[..], &body].concat();
        let _ = decode_answer("br", &body, chunk);
        let _ = decode_answer("zstd", &zstd, chunk);
    }
}

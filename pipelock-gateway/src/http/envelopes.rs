//! Where the messages of a gRPC or Connect stream end.
//!
//! Each message stands behind five bytes: a flag and its length. Only counts; what a message says is the judge's business.
//! A stream that lies about its lengths gains nothing: the judge sees every byte either way, and the bytes behind a wrong
//! length are held for longer or decided earlier, never unseen.
//!
//! Source: "Length-Prefixed-Message" of the gRPC protocol over HTTP/2 (doc/PROTOCOL-HTTP2.md of gRPC); "Enveloped-Message" of
//! the Connect protocol.

/// Follows a stream of messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelopes {
    /// Bytes of the five-byte prefix that have come, of the message under way.
    prefix: u8,
    /// Its length, big endian, as far as it has come.
    length: u32,
    /// Bytes of it that are still to come.
    left: u32,
}

impl Envelopes {
    /// Takes in the next bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let here = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= u32::try_from(here).unwrap_or(self.left);
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            bytes = rest;
            // The first of the five is the flag.
            self.length = if self.prefix == 0 { 0 } else { self.length << 8 | u32::from(first) };
            self.prefix += 1;
            if self.prefix == 5 {
                self.prefix = 0;
                self.left = self.length;
            }
        }
    }

    /// Whether the last byte that came is the last of a message.
    pub(super) fn is_between(&self) -> bool {
        self.prefix == 0 && self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_messages_are_seen_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        let mut ends = vec![0];
        for length in [3_u32, 0, 300, 70_000, 1] {
            stream.push(u8::try_from(length % 2).unwrap());
            stream.extend_from_slice(&length.to_be_bytes());
            stream.extend(std::iter::repeat_n(0xff, length as usize));
            ends.push(stream.len());
        }
        for step in [1, 2, 3, 5, 7, 64, 1000, stream.len()] {
            let mut envelopes = Envelopes::default();
            let mut at = 0;
            for piece in stream.chunks(step) {
                envelopes.push(piece);
                at += piece.len();
                assert_eq!(envelopes.is_between(), ends.contains(&at), "after {at} bytes in steps of {step}");
            }
        }
    }

    #[test]
    fn the_longest_length_there_can_be_is_no_overflow() {
        let mut envelopes = Envelopes::default();
        envelopes.push(&[0, 0xff, 0xff, 0xff, 0xff]);
        assert!(!envelopes.is_between());
        envelopes.push(&[0; 1000]);
        assert_eq!(envelopes.left, u32::MAX - 1000);
    }
}

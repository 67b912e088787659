//! Reads WebSocket frames from pieces of a stream, one direction of one connection.
//!
//! Pure, over hostile bytes. What two readers could take differently ends the connection: reserved bits (no extension is ever
//! negotiated), unknown opcodes, lengths that are not in their shortest form, a wrong side that masks, fragments out of
//! order. Original bytes are told beside their unmasked content, so that a frame is forwarded as it came.
//!
//! Source: RFC 6455 §5.

use std::ops::ControlFlow;

/// Longest header: two bytes, eight of length, four of mask.
const MAX_HEADER_BYTES: usize = 14;
/// Content of a control frame (RFC 6455 §5.5).
const MAX_CONTROL_BYTES: u64 = 125;
/// Content is unmasked in pieces of this size.
const PIECE_BYTES: usize = 16 * 1024;

/// Who sends in this direction, which decides whether frames must be masked (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum From {
    /// Masks every frame.
    Client,
    /// Masks none.
    Server,
}

/// What a frame is, by its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Kind {
    /// Goes on with the message begun before.
    Continuation,
    /// Begins a text message.
    Text,
    /// Begins a binary message.
    Binary,
    /// Ends the direction.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Kind {
    /// Control frames may stand between the fragments of a message.
    #[must_use]
    pub(in crate::http) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn of(opcode: u8) -> Result<Self, Fault> {
        match opcode {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            _ => Err(Fault::Opcode),
        }
    }
}

/// A frame whose header has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Frame {
    /// What it is.
    pub(in crate::http) kind: Kind,
    /// The last one of its message.
    pub(in crate::http) fin: bool,
    /// Bytes of content.
    pub(in crate::http) len: u64,
}

/// What a stream consists of, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Part<'a> {
    /// A frame begins.
    Header {
        /// As sent.
        raw: &'a [u8],
        /// What it says.
        frame: Frame,
    },
    /// Some of its content.
    Content {
        /// As sent.
        raw: &'a [u8],
        /// Mask undone.
        plain: &'a [u8],
        /// The frame it belongs to.
        frame: Frame,
    },
    /// The frame is complete.
    End(Frame),
}

/// Why a stream of frames cannot be followed any further. All are protocol errors (close code 1002).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Fault {
    /// A reserved bit is set although no extension was negotiated.
    #[error("reserved bit set")]
    Reserved,
    /// No such frame.
    #[error("unknown opcode")]
    Opcode,
    /// A client that does not mask, or a server that does.
    #[error("masked by the wrong side")]
    Mask,
    /// Longer than 63 bits, or not in the shortest form.
    #[error("length malformed")]
    Length,
    /// A control frame that is fragmented or too long.
    #[error("malformed control frame")]
    Control,
    /// A continuation of nothing, or a message inside another.
    #[error("fragments out of order")]
    Fragment,
}

/// Follows one direction.
#[derive(Debug)]
pub(in crate::http) struct Reader {
    from: From,
    header: [u8; MAX_HEADER_BYTES],
    filled: usize,
    open: Option<Open>,
    /// A message has begun and not ended.
    in_message: bool,
    plain: Vec<u8>,
}

/// The frame whose content is being read.
#[derive(Clone, Copy, Debug)]
struct Open {
    frame: Frame,
    mask: Option<[u8; 4]>,
    left: u64,
}

impl Reader {
    /// A reader at the first byte behind the handshake.
    #[must_use]
    pub(in crate::http) fn new(from: From) -> Self {
        Self { from, header: [0; MAX_HEADER_BYTES], filled: 0, open: None, in_message: false, plain: Vec::new() }
    }

    /// Whether everything pushed so far belongs to whole frames.
    #[must_use]
    pub(in crate::http) fn at_frame_end(&self) -> bool {
        self.filled == 0 && self.open.is_none()
    }

    /// Takes the next bytes and tells the parts in them. When `told` breaks, the rest is not looked at.
    ///
    /// # Errors
    /// [`Fault`]; the stream cannot be followed from then on.
    pub(in crate::http) fn push(
        &mut self,
        mut bytes: &[u8],
        mut told: impl FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Fault> {
        while !bytes.is_empty() {
            let flow = match self.open {
                None => {
                    let flow = self.header(&mut bytes, &mut told)?;
                    // A frame without content ends with its header.
                    if flow.is_continue() { self.end(&mut told) } else { flow }
                }
                Some(open) => {
                    let flow = self.content(open, &mut bytes, &mut told);
                    if flow.is_continue() { self.end(&mut told) } else { flow }
                }
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn header(
        &mut self,
        bytes: &mut &[u8],
        told: &mut impl FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Fault> {
        while let Some((&byte, rest)) = bytes.split_first() {
            let Some(place) = self.header.get_mut(self.filled) else { return Err(Fault::Length) };
            *place = byte;
            self.filled += 1;
            *bytes = rest;
            let raw = self.header.get(..self.filled).unwrap_or_default();
            if let Some((frame, mask)) = parse(raw, self.from)? {
                self.in_message = follows(frame, self.in_message)?;
                self.open = Some(Open { frame, mask, left: frame.len });
                let flow = told(Part::Header { raw, frame });
                self.filled = 0;
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn content(
        &mut self,
        open: Open,
        bytes: &mut &[u8],
        told: &mut impl FnMut(Part<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let wanted = usize::try_from(open.left).unwrap_or(usize::MAX).min(bytes.len()).min(PIECE_BYTES);
        let (raw, rest) = bytes.split_at(wanted);
        *bytes = rest;
        let frame = open.frame;
        self.open = Some(Open { left: open.left - raw.len() as u64, ..open });
        let Some(mask) = open.mask else { return told(Part::Content { raw, plain: raw, frame }) };
        // The mask repeats every four bytes of the content, whatever the pieces.
        let phase = (frame.len - open.left) % 4;
        let keys = mask.iter().cycle().skip(usize::try_from(phase).unwrap_or_default());
        self.plain.clear();
        self.plain.extend(raw.iter().zip(keys).map(|(byte, key)| byte ^ key));
        told(Part::Content { raw, plain: &self.plain, frame })
    }

    fn end(&mut self, told: &mut impl FnMut(Part<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.open {
            Some(Open { frame, left: 0, .. }) => {
                self.open = None;
                told(Part::End(frame))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Whether a message is open behind `frame`, if the frame may stand there at all.
fn follows(frame: Frame, in_message: bool) -> Result<bool, Fault> {
    match frame.kind {
        Kind::Close | Kind::Ping | Kind::Pong => Ok(in_message),
        Kind::Continuation if !in_message => Err(Fault::Fragment),
        Kind::Text | Kind::Binary if in_message => Err(Fault::Fragment),
        Kind::Continuation | Kind::Text | Kind::Binary => Ok(!frame.fin),
    }
}

/// A frame with its mask.
type Masked = (Frame, Option<[u8; 4]>);

/// Reads a header; `None` while it is incomplete.
fn parse(raw: &[u8], from: From) -> Result<Option<Masked>, Fault> {
    let &[first, ref rest @ ..] = raw else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Fault::Reserved);
    }
    let (kind, fin) = (Kind::of(first & 0x0f)?, first & 0x80 != 0);
    let &[second, ref rest @ ..] = rest else { return Ok(None) };
    let masked = second & 0x80 != 0;
    if masked != (from == From::Client) {
        return Err(Fault::Mask);
    }
    let (len, rest) = match second & 0x7f {
        126 => {
            let Some((len, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let Some((len, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
            (u64::from_be_bytes(*len), rest)
        }
        short => (u64::from(short), rest),
    };
    let shortest = match second & 0x7f {
        126 => len > 125,
        127 => len > u64::from(u16::MAX) && len >> 63 == 0,
        _ => true,
    };
    if !shortest {
        return Err(Fault::Length);
    }
    if kind.is_control() && (!fin || len > MAX_CONTROL_BYTES) {
        return Err(Fault::Control);
    }
    let frame = Frame { kind, fin, len };
    if !masked {
        return Ok(Some((frame, None)));
    }
    Ok(rest.first_chunk::<4>().map(|mask| (frame, Some(*mask))))
}

/// A Close frame with a code and a reason, as the side that sends to the other's peer must write it.
///
/// `mask` is for frames towards a server and must be unpredictable (RFC 6455 §5.3). The reason is cut to what fits.
#[must_use]
pub(in crate::http) fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let reason = reason.as_bytes().get(..123).unwrap_or(reason.as_bytes());
    let content: Vec<u8> = code.to_be_bytes().iter().chain(reason).copied().collect();
    let len = u8::try_from(content.len()).unwrap_or(125);
    let mut frame = vec![0x88, if mask.is_some() { 0x80 | len } else { len }];
    match mask {
        Some(mask) => {
            frame.extend_from_slice(&mask);
            frame.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        None => frame.extend_from_slice(&content),
    }
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes a frame as a client (masked) or a server does.
    fn frame(first: u8, content: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let bit = if mask.is_some() { 0x80 } else { 0 };
        let mut out = vec![first];
        match content.len() {
            len @ ..126 => out.push(bit | u8::try_from(len).unwrap()),
            len @ 126..65_536 => {
                out.push(bit | 0x7e);
                out.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            len => {
                out.push(bit | 0x7f);
                out.extend((len as u64).to_be_bytes());
            }
        }
        match mask {
            Some(mask) => {
                out.extend(mask);
                out.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
            }
            None => out.extend(content),
        }
        out
    }

    /// The original bytes, and the content of each message with its kind, control frames apart.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Read {
        raw: Vec<u8>,
        frames: Vec<(Kind, bool, Vec<u8>)>,
        fault: Option<Fault>,
    }

    fn read(from: From, pieces: &[&[u8]]) -> Read {
        let (mut reader, mut read, mut content) = (Reader::new(from), Read::default(), Vec::new());
        for piece in pieces {
            let outcome = reader.push(piece, |part| {
                match part {
                    Part::Header { raw, .. } => read.raw.extend_from_slice(raw),
                    Part::Content { raw, plain, .. } => {
                        read.raw.extend_from_slice(raw);
                        content.extend_from_slice(plain);
                    }
                    Part::End(frame) => {
                        assert_eq!(content.len() as u64, frame.len);
                        read.frames.push((frame.kind, frame.fin, std::mem::take(&mut content)));
                    }
                }
                ControlFlow::Continue(())
            });
            if let Err(fault) = outcome {
                read.fault = Some(fault);
                break;
            }
        }
        read
    }

    #[test]
    fn frames_of_every_length_are_read_masked_and_not() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let content: Vec<u8> = (0..=255).cycle().take(len).collect();
            for (from, mask) in [(From::Server, None), (From::Client, Some([1, 2, 3, 4]))] {
                let bytes = frame(0x82, &content, mask);
                let by_byte: Vec<&[u8]> = bytes.chunks(1).collect();
                for read in [read(from, &[&bytes]), read(from, &by_byte)] {
                    assert_eq!(read.raw, bytes, "{len}");
                    assert_eq!(read.frames, [(Kind::Binary, true, content.clone())], "{len}");
                }
            }
        }
    }

    #[test]
    fn control_frames_stand_between_fragments() {
        let stream = [
            frame(0x01, b"hel", None),
            frame(0x89, b"ping", None),
            frame(0x00, b"l", None),
            frame(0x80, b"o", None),
            frame(0x8a, b"", None),
        ]
        .concat();
        let read = read(From::Server, &[&stream]);
        let kinds: Vec<_> = read.frames.iter().map(|(kind, fin, _)| (*kind, *fin)).collect();
        assert_eq!(
            kinds,
            [
                (Kind::Text, false),
                (Kind::Ping, true),
                (Kind::Continuation, false),
                (Kind::Continuation, true),
                (Kind::Pong, true)
            ]
        );
        assert_eq!(read.fault, None);
    }

    #[test]
    fn what_breaks_the_protocol_is_told() {
        let long = |second: u8, len: &[u8]| [&[0x81, second][..], len].concat();
        for (why, from, bytes, fault) in [
            ("RSV1", From::Server, frame(0xc1, b"x", None), Fault::Reserved),
            ("RSV3", From::Server, frame(0x91, b"x", None), Fault::Reserved),
            ("opcode 3", From::Server, frame(0x83, b"x", None), Fault::Opcode),
            ("opcode 15", From::Server, frame(0x8f, b"x", None), Fault::Opcode),
            ("client without mask", From::Client, frame(0x81, b"x", None), Fault::Mask),
            ("server with mask", From::Server, frame(0x81, b"x", Some([0; 4])), Fault::Mask),
            ("125 in two bytes", From::Server, long(126, &[0, 125]), Fault::Length),
            ("65535 in eight bytes", From::Server, long(127, &[0, 0, 0, 0, 0, 0, 0xff, 0xff]), Fault::Length),
            ("the highest bit", From::Server, long(127, &[0x80, 0, 0, 0, 0, 1, 0, 0]), Fault::Length),
            ("a long ping", From::Server, frame(0x89, &[0; 126], None), Fault::Control),
            ("a ping in fragments", From::Server, frame(0x09, b"x", None), Fault::Control),
            ("a continuation of nothing", From::Server, frame(0x80, b"x", None), Fault::Fragment),
            (
                "a message in a message",
                From::Server,
                [frame(0x01, b"x", None), frame(0x81, b"y", None)].concat(),
                Fault::Fragment,
            ),
        ] {
            assert_eq!(read(from, &[&bytes]).fault, Some(fault), "{why}");
        }
    }

    #[test]
    fn our_own_close_can_be_read() {
        for (from, mask) in [(From::Server, None), (From::Client, Some([9, 8, 7, 6]))] {
            let read = read(from, &[&close(1008, &"policy ".repeat(30), mask)]);
            let [(Kind::Close, true, content)] = &read.frames[..] else { panic!("{read:?}") };
            assert_eq!((&content[..2], content.len()), (&1008_u16.to_be_bytes()[..], 125));
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            bytes in proptest::collection::vec(prop_oneof![Just(0x81_u8), Just(0), Just(1), Just(126), Just(0x82), any::<u8>()], 0..200),
            cut in 1_usize..20,
            client: bool,
        ) {
            let from = if client { From::Client } else { From::Server };
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            let (whole, cut) = (read(from, &[&bytes]), read(from, &pieces));
            prop_assert!(bytes.starts_with(&whole.raw), "original bytes, in order");
            prop_assert_eq!(whole, cut);
        }
    }
}

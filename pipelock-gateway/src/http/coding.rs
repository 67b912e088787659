//! Undoes the content-coding of a body, incrementally, for the judge's eyes only.
//!
//! What is forwarded are always the original bytes. Whatever an upstream could read differently than we do (bytes after
//! the end of a deflate stream, a broken checksum, a third layer, a coding we do not know) is [`Undecodable`] rather than a
//! guess, because bytes we skip are bytes nobody judged. Output goes to [`super::BodyInspect::push`].

mod aws_chunked;

use std::ops::ControlFlow;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use http::{HeaderMap, header};
use zstd::stream::raw::{DParameter, Operation as _};

use aws_chunked::AwsChunked;

use crate::model::{BlockReason, Limit};

/// Output is shown in pieces of this size.
const OUTPUT_BYTES: usize = 16 * 1024;
/// More layers than this are never sent in earnest and multiply the work.
const MAX_LAYERS: usize = 2;
/// The ratio is judged only beyond this much output: a kilobyte of zeros is small either way.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// Why a body cannot be turned into what the upstream will read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// A coding that is not known here, or too many of them.
    Unknown,
    /// It is not what its coding says, or goes on behind its end.
    Broken,
    /// It becomes too large.
    TooLarge(Limit),
}

impl Undecodable {
    /// What its message is refused for.
    pub(crate) fn reason(self) -> BlockReason {
        match self {
            Self::Unknown => BlockReason::CodingUnknown,
            Self::Broken => BlockReason::BodyUndecodable,
            Self::TooLarge(_) => BlockReason::DecodeLimit,
        }
    }

    /// The bound that was reached, if it was one.
    pub(crate) fn limit(self) -> Option<Limit> {
        match self {
            Self::TooLarge(limit) => Some(limit),
            Self::Unknown | Self::Broken => None,
        }
    }
}

/// Receives decoded bytes; `Break` means that no more are wanted.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>;

/// The codings of one body, outermost first.
pub(crate) struct Decoder {
    layers: Vec<Layer>,
    input_bytes: u64,
    output_bytes: u64,
    max_output_bytes: u64,
    max_ratio: u64,
}

impl Decoder {
    /// Reads `Content-Encoding`; `None` when the body is sent as it is.
    ///
    /// Source: RFC 9110 §8.4 (codings are listed in the order they were applied; `x-gzip` is `gzip`).
    pub(crate) fn for_head(
        headers: &HeaderMap,
        max_output_bytes: u64,
        max_ratio: u64,
    ) -> Result<Option<Self>, Undecodable> {
        Self::of(headers, max_output_bytes, max_ratio, Layer::named)
    }

    /// The same for an answer, where `br` is undone as well. In a request it is refused: a Brotli stream may carry metadata
    /// that no decoder shows (RFC 7932 §9.2), and what a workload hides there would leave unjudged.
    pub(crate) fn for_answer(
        headers: &HeaderMap,
        max_output_bytes: u64,
        max_ratio: u64,
    ) -> Result<Option<Self>, Undecodable> {
        Self::of(headers, max_output_bytes, max_ratio, |coding| {
            if coding.eq_ignore_ascii_case("br") {
                Ok(Layer::Brotli(Box::new(Brotli::new())))
            } else {
                Layer::named(coding)
            }
        })
    }

    fn of(
        headers: &HeaderMap,
        max_output_bytes: u64,
        max_ratio: u64,
        named: impl Fn(&str) -> Result<Layer, Undecodable>,
    ) -> Result<Option<Self>, Undecodable> {
        let mut layers = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            for coding in value.to_str().map_err(|_| Undecodable::Unknown)?.split(',').map(str::trim) {
                if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
                    continue;
                }
                if layers.len() == MAX_LAYERS {
                    return Err(Undecodable::Unknown);
                }
                layers.push(named(coding)?);
            }
        }
        if layers.is_empty() {
            return Ok(None);
        }
        layers.reverse();
        Ok(Some(Self { layers, input_bytes: 0, output_bytes: 0, max_output_bytes, max_ratio }))
    }

    /// Decodes the next bytes of the body into `sink`.
    pub(crate) fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        let Self { layers, input_bytes, output_bytes, max_output_bytes, max_ratio } = self;
        *input_bytes += bytes.len() as u64;
        let ratio_bound = input_bytes.saturating_mul(*max_ratio).max(RATIO_FREE_BYTES);
        let (bound, limit) = if ratio_bound < *max_output_bytes {
            (ratio_bound, Limit::DecodeRatio)
        } else {
            (*max_output_bytes, Limit::DecodedBytes)
        };
        let mut exceeded = false;
        let flow = feed(layers, bytes, &mut |decoded| {
            *output_bytes += decoded.len() as u64;
            if *output_bytes > bound {
                exceeded = true;
                return ControlFlow::Break(());
            }
            sink(decoded)
        })?;
        if exceeded { Err(Undecodable::TooLarge(limit)) } else { Ok(flow) }
    }

    /// The body is complete: every layer must be, too.
    pub(crate) fn finish(&self) -> Result<(), Undecodable> {
        let complete = self.input_bytes == 0 || self.layers.iter().all(Layer::is_complete);
        complete.then_some(()).ok_or(Undecodable::Broken)
    }
}

/// Sends `bytes` through the first layer and what comes out through the rest.
fn feed(layers: &mut [Layer], bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
    let Some((first, rest)) = layers.split_first_mut() else {
        return Ok(sink(bytes));
    };
    let mut inner = Ok(());
    let flow = first.push(bytes, &mut |decoded| match feed(rest, decoded, sink) {
        Ok(flow) => flow,
        Err(error) => {
            inner = Err(error);
            ControlFlow::Break(())
        }
    })?;
    inner.map(|()| flow)
}

enum Layer {
    AwsChunked(AwsChunked),
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Box<Zstd>),
}

impl Layer {
    fn named(coding: &str) -> Result<Self, Undecodable> {
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            Ok(Self::Gzip(Gzip::new()))
        } else if coding.eq_ignore_ascii_case("deflate") {
            Ok(Self::Deflate(Deflate::Start { first: None }))
        } else if coding.eq_ignore_ascii_case("zstd") {
            Ok(Self::Zstd(Box::new(Zstd::new()?)))
        } else if coding.eq_ignore_ascii_case("aws-chunked") {
            Ok(Self::AwsChunked(AwsChunked::new()))
        } else {
            Err(Undecodable::Unknown)
        }
    }

    fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        match self {
            Self::AwsChunked(chunked) => chunked.push(bytes, sink),
            Self::Gzip(gzip) => gzip.push(bytes, sink),
            Self::Deflate(deflate) => deflate.push(bytes, sink),
            Self::Brotli(brotli) => brotli.push(bytes, sink),
            Self::Zstd(zstd) => zstd.push(bytes, sink),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::AwsChunked(chunked) => chunked.is_complete(),
            Self::Gzip(gzip) => matches!(gzip.at, GzipAt::Between),
            Self::Deflate(deflate) => matches!(deflate, Deflate::Done),
            Self::Brotli(brotli) => brotli.done,
            Self::Zstd(zstd) => zstd.at_frame_end,
        }
    }
}

/// A deflate stream and the buffer it decodes into.
struct Inflater {
    raw: Decompress,
    output: Box<[u8]>,
}

/// How far one call of [`Inflater::push`] came.
struct Inflated {
    /// Input bytes that belong to the stream.
    consumed: usize,
    /// The stream's last block is complete.
    ended: bool,
    flow: ControlFlow<()>,
}

impl Inflater {
    fn new(zlib_header: bool) -> Self {
        Self { raw: Decompress::new(zlib_header), output: vec![0; OUTPUT_BYTES].into_boxed_slice() }
    }

    fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<Inflated, Undecodable> {
        let mut consumed = 0;
        loop {
            let (in_before, out_before) = (self.raw.total_in(), self.raw.total_out());
            let rest = bytes.get(consumed..).unwrap_or_default();
            let status =
                self.raw.decompress(rest, &mut self.output, FlushDecompress::None).map_err(|_| Undecodable::Broken)?;
            // Both differences are bounded by the slices just passed, so they fit.
            let read = usize::try_from(self.raw.total_in() - in_before).map_err(|_| Undecodable::Broken)?;
            let written = usize::try_from(self.raw.total_out() - out_before).map_err(|_| Undecodable::Broken)?;
            consumed += read;
            let decoded = self.output.get(..written).unwrap_or_default();
            if !decoded.is_empty() && sink(decoded).is_break() {
                return Ok(Inflated { consumed, ended: false, flow: ControlFlow::Break(()) });
            }
            let ended = status == Status::StreamEnd;
            // A full output buffer may hide more output; otherwise the stream wants input we do not have yet.
            let wants_input = consumed == bytes.len() && written < self.output.len();
            if ended || wants_input {
                return Ok(Inflated { consumed, ended, flow: ControlFlow::Continue(()) });
            }
            if read == 0 && written == 0 {
                return Err(Undecodable::Broken);
            }
        }
    }
}

/// The `deflate` coding: a zlib stream (RFC 1950), or a bare one (RFC 1951) as some clients send.
enum Deflate {
    Start { first: Option<u8> },
    Data(Inflater),
    Done,
}

impl Deflate {
    fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        match self {
            Self::Start { first } => {
                let head: Vec<u8> = first.iter().copied().chain(bytes.iter().copied()).take(2).collect();
                let &[cmf, flg] = head.as_slice() else {
                    *first = head.first().copied();
                    return Ok(ControlFlow::Continue(()));
                };
                let carried = first.take();
                let zlib = cmf & 0x0f == 8 && (u16::from(cmf) << 8 | u16::from(flg)) % 31 == 0;
                *self = Self::Data(Inflater::new(zlib));
                if let Some(carried) = carried
                    && self.push(&[carried], sink)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                self.push(bytes, sink)
            }
            Self::Data(inflater) => {
                let step = inflater.push(bytes, sink)?;
                if step.ended {
                    *self = Self::Done;
                    // Most readers ignore what follows the end; it would travel unjudged.
                    if step.consumed < bytes.len() {
                        return Err(Undecodable::Broken);
                    }
                }
                Ok(step.flow)
            }
            Self::Done if bytes.is_empty() => Ok(ControlFlow::Continue(())),
            Self::Done => Err(Undecodable::Broken),
        }
    }
}

/// The `br` coding (RFC 7932): one stream, nothing behind it.
struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    output: Box<[u8]>,
    done: bool,
}

impl Brotli {
    fn new() -> Self {
        let state = BrotliState::new(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
        Self { state, output: vec![0; OUTPUT_BYTES].into_boxed_slice(), done: false }
    }

    fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        let (mut available_in, mut consumed) = (bytes.len(), 0);
        while !self.done {
            let (mut available_out, mut written, mut total) = (self.output.len(), 0, 0);
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut consumed,
                bytes,
                &mut available_out,
                &mut written,
                &mut self.output,
                &mut total,
                &mut self.state,
            );
            let decoded = self.output.get(..written).unwrap_or_default();
            if !decoded.is_empty() && sink(decoded).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            match result {
                BrotliResult::ResultSuccess => self.done = true,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(ControlFlow::Continue(())),
                BrotliResult::ResultFailure => return Err(Undecodable::Broken),
            }
        }
        // Most readers ignore what follows the end; it would travel unjudged.
        if available_in > 0 { Err(Undecodable::Broken) } else { Ok(ControlFlow::Continue(())) }
    }
}

/// The `zstd` coding (RFC 8878, bounded as RFC 9659 asks: a window of at most 8 MiB), any number of frames. Skippable frames
/// are refused: decoders pass over them, so what they hold would travel unjudged.
struct Zstd {
    raw: zstd::stream::raw::Decoder<'static>,
    output: Box<[u8]>,
    at_frame_end: bool,
    /// Bytes of the current frame's magic number seen so far.
    magic: usize,
}

impl Zstd {
    const MAX_WINDOW_LOG: u32 = 23;
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

    fn new() -> Result<Self, Undecodable> {
        let mut raw = zstd::stream::raw::Decoder::new().map_err(|_| Undecodable::Broken)?;
        raw.set_parameter(DParameter::WindowLogMax(Self::MAX_WINDOW_LOG)).map_err(|_| Undecodable::Broken)?;
        Ok(Self { raw, output: vec![0; OUTPUT_BYTES].into_boxed_slice(), at_frame_end: false, magic: 0 })
    }

    fn push(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        // A full output buffer may hide more output, also when all input is taken.
        let mut more = true;
        while more || !bytes.is_empty() {
            for byte in bytes.iter().take(Self::MAGIC.len() - self.magic) {
                if Self::MAGIC.get(self.magic) != Some(byte) {
                    return Err(Undecodable::Broken);
                }
                self.magic += 1;
            }
            let status = self.raw.run_on_buffers(bytes, &mut self.output).map_err(|_| Undecodable::Broken)?;
            bytes = bytes.get(status.bytes_read..).unwrap_or_default();
            more = status.bytes_written == self.output.len();
            if status.bytes_read > 0 || status.bytes_written > 0 {
                self.at_frame_end = status.remaining == 0;
                if self.at_frame_end {
                    self.magic = 0;
                }
            } else if !bytes.is_empty() {
                return Err(Undecodable::Broken);
            }
            let decoded = self.output.get(..status.bytes_written).unwrap_or_default();
            if !decoded.is_empty() && sink(decoded).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Where in a gzip member the next byte belongs. Source: RFC 1952 §2.3.
enum GzipAt {
    /// After a member: another one may follow.
    Between,
    /// The ten fixed bytes.
    Fixed,
    /// `XLEN`.
    ExtraLen,
    /// The extra field, so many bytes of it left.
    Extra(usize),
    Name,
    Comment,
    HeaderCrc,
    Data,
    /// CRC32 and ISIZE.
    Trailer,
}

/// The `gzip` coding, any number of members. Written out here, rather than taken from flate2's readers, because file name,
/// comment and extra field are bytes that leave as well: they are shown to the judge before the data.
struct Gzip {
    at: GzipAt,
    flags: u8,
    /// Bytes of a fixed-size part gathered so far.
    part: Vec<u8>,
    inflater: Inflater,
    crc: Crc,
}

impl Gzip {
    const FHCRC: u8 = 1 << 1;
    const FEXTRA: u8 = 1 << 2;
    const FNAME: u8 = 1 << 3;
    const FCOMMENT: u8 = 1 << 4;
    const RESERVED: u8 = 0b1110_0000;

    fn new() -> Self {
        Self { at: GzipAt::Fixed, flags: 0, part: Vec::new(), inflater: Inflater::new(false), crc: Crc::new() }
    }

    fn push(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        while !bytes.is_empty() {
            let flow = match self.at {
                GzipAt::Between => {
                    self.at = GzipAt::Fixed;
                    ControlFlow::Continue(())
                }
                GzipAt::Fixed => self.fixed(&mut bytes)?,
                GzipAt::ExtraLen => {
                    if let Some([low, high]) = self.gather::<2>(&mut bytes) {
                        self.at = GzipAt::Extra(usize::from(u16::from_le_bytes([low, high])));
                    }
                    ControlFlow::Continue(())
                }
                GzipAt::Extra(left) => {
                    let (shown, rest) = bytes.split_at(left.min(bytes.len()));
                    bytes = rest;
                    self.at = GzipAt::Extra(left - shown.len());
                    if left == shown.len() {
                        self.after(Self::FEXTRA);
                    }
                    sink(shown)
                }
                GzipAt::Name => self.text(&mut bytes, Self::FNAME, sink),
                GzipAt::Comment => self.text(&mut bytes, Self::FCOMMENT, sink),
                GzipAt::HeaderCrc => {
                    if self.gather::<2>(&mut bytes).is_some() {
                        self.after(Self::FHCRC);
                    }
                    ControlFlow::Continue(())
                }
                GzipAt::Data => self.data(&mut bytes, sink)?,
                GzipAt::Trailer => self.trailer(&mut bytes)?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn fixed(&mut self, bytes: &mut &[u8]) -> Result<ControlFlow<()>, Undecodable> {
        if let Some([id1, id2, method, flags, ..]) = self.gather::<10>(bytes) {
            if (id1, id2, method) != (0x1f, 0x8b, 8) || flags & Self::RESERVED != 0 {
                return Err(Undecodable::Broken);
            }
            self.flags = flags;
            self.after(0);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A zero-terminated field; the zero is shown as well, so that the field cannot run into the data in the judge's eyes.
    fn text(&mut self, bytes: &mut &[u8], field: u8, sink: Sink<'_>) -> ControlFlow<()> {
        let end = memchr::memchr(0, bytes).map(|zero| zero + 1);
        let (shown, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        *bytes = rest;
        if end.is_some() {
            self.after(field);
        }
        sink(shown)
    }

    fn data(&mut self, bytes: &mut &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        let Self { inflater, crc, .. } = self;
        let step = inflater.push(bytes, &mut |decoded| {
            crc.update(decoded);
            sink(decoded)
        })?;
        *bytes = bytes.get(step.consumed..).unwrap_or_default();
        if step.ended {
            self.at = GzipAt::Trailer;
        }
        Ok(step.flow)
    }

    fn trailer(&mut self, bytes: &mut &[u8]) -> Result<ControlFlow<()>, Undecodable> {
        if let Some([a, b, c, d, e, f, g, h]) = self.gather::<8>(bytes) {
            let (sum, size) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            if (sum, size) != (self.crc.sum(), self.crc.amount()) {
                return Err(Undecodable::Broken);
            }
            *self = Self { at: GzipAt::Between, ..Self::new() };
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Moves to the first part that is present after the one with flag `done` (0: the fixed bytes).
    fn after(&mut self, done: u8) {
        let parts = [
            (Self::FEXTRA, GzipAt::ExtraLen),
            (Self::FNAME, GzipAt::Name),
            (Self::FCOMMENT, GzipAt::Comment),
            (Self::FHCRC, GzipAt::HeaderCrc),
        ];
        let start = parts.iter().position(|(flag, _)| *flag == done).map_or(0, |at| at + 1);
        let present = |flag: u8| self.flags & flag != 0;
        self.at = parts.into_iter().skip(start).find(|(flag, _)| present(*flag)).map_or(GzipAt::Data, |(_, at)| at);
    }

    /// Gathers `N` bytes across pushes; `None` until they are complete.
    fn gather<const N: usize>(&mut self, bytes: &mut &[u8]) -> Option<[u8; N]> {
        let missing = N.saturating_sub(self.part.len());
        let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
        *bytes = rest;
        self.part.extend_from_slice(taken);
        let whole = <[u8; N]>::try_from(self.part.as_slice()).ok()?;
        self.part.clear();
        Some(whole)
    }
}

#[cfg(test)]
mod tests;

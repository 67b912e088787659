//! `aws-chunked`: the framing in which S3 clients send uploads whose checksum or signature comes at the end.
//!
//! Shows the data of the chunks, as the service will store it, then the trailer fields. The frame itself must be exactly what
//! the clients write, so that nothing can ride in it: a size in hexadecimal, at most one `chunk-signature` of 64 digits.
//!
//! Source: "Signature calculations for the Authorization header: transferring payload in multiple chunks", Amazon S3 API
//! reference, API version 2006-03-01.

use std::ops::ControlFlow;

use super::{Sink, Undecodable};

/// The only extension of a chunk that there is, with 64 hexadecimal digits behind it.
const SIGNATURE: &[u8] = b";chunk-signature=";
/// Longest line of the frame: sixteen digits, a signature, CR and LF.
const LINE_BYTES: usize = 16 + SIGNATURE.len() + 64 + 2;
/// Longest line of the trailer; checksums and signatures are far shorter.
const TRAILER_BYTES: usize = 1024;

/// Follows one body.
#[derive(Debug)]
pub(super) struct AwsChunked {
    at: At,
    /// The line under way.
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In the line before a chunk.
    Size,
    /// In the data of a chunk: bytes that are still to come.
    Data(u64),
    /// In the line end after the data.
    DataEnd,
    /// In a trailer field, or the empty line after them.
    Trailer,
    Done,
}

impl AwsChunked {
    pub(super) fn new() -> Self {
        Self { at: At::Size, line: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let At::Data(left) = self.at else {
                let whole = self.take_line(&mut bytes)?;
                if whole && self.end_line(sink)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            };
            let here = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (data, rest) = bytes.split_at(here);
            bytes = rest;
            self.at = match left - here as u64 {
                0 => At::DataEnd,
                left => At::Data(left),
            };
            if sink(data).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.at == At::Done
    }

    /// Moves bytes to the line under way; whether that completed it.
    fn take_line(&mut self, bytes: &mut &[u8]) -> Result<bool, Undecodable> {
        let most = match self.at {
            At::Trailer => TRAILER_BYTES,
            At::Done => 0,
            _ => LINE_BYTES,
        };
        let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        *bytes = rest;
        if self.line.len() + line.len() > most {
            return Err(Undecodable::Broken);
        }
        self.line.extend_from_slice(line);
        Ok(end.is_some())
    }

    /// A line is complete: what it says comes next.
    fn end_line(&mut self, sink: Sink<'_>) -> Result<ControlFlow<()>, Undecodable> {
        let line = std::mem::take(&mut self.line);
        let text = line.strip_suffix(b"\r\n").ok_or(Undecodable::Broken)?;
        match self.at {
            At::Size => {
                self.at = match size(text)? {
                    0 => At::Trailer,
                    size => At::Data(size),
                };
            }
            At::DataEnd if text.is_empty() => self.at = At::Size,
            At::Trailer if text.is_empty() => self.at = At::Done,
            At::Trailer => return Ok(sink(&line)),
            _ => return Err(Undecodable::Broken),
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The size in the line before a chunk.
fn size(line: &[u8]) -> Result<u64, Undecodable> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, signature) = line.split_at(digits);
    if let Some(signature) = signature.strip_prefix(SIGNATURE) {
        if signature.len() != 64 || !signature.iter().all(u8::is_ascii_hexdigit) {
            return Err(Undecodable::Broken);
        }
    } else if !signature.is_empty() {
        return Err(Undecodable::Broken);
    }
    let size = str::from_utf8(size).map_err(|_| Undecodable::Broken)?;
    u64::from_str_radix(size, 16).map_err(|_| Undecodable::Broken)
}

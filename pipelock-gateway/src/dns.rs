//! DNS messages, as far as a gateway between a workload and its server must understand them.
//!
//! Pure. A query is read strictly and written anew: one question, flags, and the size of the answer survive, and nothing a program
//! could hide bytes in does (options, further records, the case of letters, compression). An answer is read for what it says about
//! addresses; its bytes go on as they came, with the id and the question of the query that was asked. What is no query of that
//! kind is refused, never passed on. What a name gives away is found in [`crate::scan`] and decided in [`crate::verdict`].
//!
//! Source: RFC 1035 §4, RFC 6891 (EDNS), RFC 8914 (extended errors).

mod answer;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod tests;
mod tunnel;

use std::fmt::Write as _;

pub use answer::Told;
pub use tunnel::{Tunnels, parent};

/// RFC 1035 §4.2.1: what a client without EDNS takes over UDP.
const PLAIN_PAYLOAD: u16 = 512;
/// What fits into one packet everywhere (DNS flag day 2020).
const SAFE_PAYLOAD: u16 = 1232;
const HEADER: usize = 12;
/// RFC 1035 §2.3.4.
const MAX_NAME: usize = 255;
const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;

const QR: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TC: u16 = 0x0200;
/// Recursion desired, authentic data, checking disabled: what a query may ask of its server.
const ASKED_FLAGS: u16 = 0x0100 | 0x0020 | 0x0010;
const RECURSION_AVAILABLE: u16 = 0x0080;
/// "DNSSEC answer OK", of the flags in an OPT record's TTL.
const DO: u16 = 0x8000;

/// Answers of our own: RFC 1035 §4.1.1, RFC 8914 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The message cannot be read.
    FormErr = 1,
    /// The server did not answer as it should.
    ServFail = 2,
    /// A kind of query that the gateway does not put.
    NotImp = 4,
    /// Policy.
    Refused = 5,
}

/// "Blocked" of RFC 8914 §4.16: by the operator of the server.
const EDE_BLOCKED: u16 = 15;

/// Why a message is not a query that can be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It ends too early, or goes on behind its end.
    #[error("a message of the wrong length")]
    Length,
    /// It is an answer.
    #[error("not a query")]
    NotAQuery,
    /// Update, notify and others: they carry data of the client's choice.
    #[error("an operation other than a standard query")]
    Operation,
    /// Other than one question, or records where a query has none.
    #[error("more than one question")]
    Shape,
    /// Its name is compressed, too long or broken.
    #[error("a broken name")]
    Name,
    /// A class other than the Internet's.
    #[error("a class other than IN")]
    Class,
    /// Zone transfers, `NULL` and private types: nothing a program resolves.
    #[error("a record type that no program resolves")]
    Type,
}

impl Error {
    /// What a client that sent such a message is answered.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Length | Self::NotAQuery | Self::Shape | Self::Name => Code::FormErr,
            Self::Operation | Self::Class | Self::Type => Code::NotImp,
        }
    }
}

/// One question.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    id: u16,
    flags: u16,
    /// The name as it was sent: labels, each behind its length, and the root.
    name: Vec<u8>,
    record_type: u16,
    edns: Option<Edns>,
}

/// What a client says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edns {
    payload: u16,
    flags: u16,
}

impl std::fmt::Debug for Query {
    /// Without the name, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("record_type", &self.record_type).finish_non_exhaustive()
    }
}

impl Query {
    /// Reads a message of a workload.
    ///
    /// # Errors
    /// [`Error`], for everything that is not one plain question.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader { bytes, at: 0 };
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        if flags & QR != 0 {
            return Err(Error::NotAQuery);
        }
        if flags & OPCODE != 0 {
            return Err(Error::Operation);
        }
        let [1, 0, 0, extra @ 0..=1] = counts else { return Err(Error::Shape) };
        let name = reader.name()?.to_vec();
        let (record_type, class) = (reader.u16()?, reader.u16()?);
        let edns = if extra == 1 { Some(reader.opt()?) } else { None };
        if reader.at != bytes.len() {
            return Err(Error::Length);
        }
        if class != CLASS_IN {
            return Err(Error::Class);
        }
        if !is_resolved(record_type) {
            return Err(Error::Type);
        }
        Ok(Self { id, flags: flags & ASKED_FLAGS, name, record_type, edns })
    }

    /// The labels, from the first on, as they were sent.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(&self.name)
    }

    /// The name with dots between its labels, bytes as they were sent: what may hold a secret. Never shown.
    #[must_use]
    pub fn dotted(&self) -> Vec<u8> {
        self.labels().collect::<Vec<_>>().join(&b'.')
    }

    /// The name for people and look-ups: lower case, what is not printable as `\DDD` (RFC 1035 §5.1).
    #[must_use]
    pub fn name(&self) -> String {
        let mut text = String::with_capacity(self.name.len());
        for (index, label) in self.labels().enumerate() {
            if index > 0 {
                text.push('.');
            }
            for byte in label {
                match byte {
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(*byte)),
                    b'A'..=b'Z' => text.push(char::from(byte.to_ascii_lowercase())),
                    _ => {
                        let _ = write!(text, "\\{byte:03}");
                    }
                }
            }
        }
        text
    }

    /// The number of the record type that is asked for.
    #[must_use]
    pub fn record_type(&self) -> u16 {
        self.record_type
    }

    /// The query as the gateway puts it, under an id of its own: lower case, no options.
    #[must_use]
    pub fn rebuilt(&self, id: u16) -> Vec<u8> {
        let mut out = header(id, self.flags, u16::from(self.edns.is_some()));
        out.extend(self.name.to_ascii_lowercase());
        out.extend(self.record_type.to_be_bytes());
        out.extend(CLASS_IN.to_be_bytes());
        if let Some(edns) = self.edns {
            opt(&mut out, edns.payload.clamp(PLAIN_PAYLOAD, SAFE_PAYLOAD), edns.flags & DO, &[]);
        }
        out
    }

    /// How many bytes the client takes over UDP.
    #[must_use]
    pub fn payload(&self) -> usize {
        usize::from(self.edns.map_or(PLAIN_PAYLOAD, |edns| edns.payload.clamp(PLAIN_PAYLOAD, SAFE_PAYLOAD)))
    }

    /// Whether `bytes` answer the query that was put under `id`; whether they can be read is another question.
    #[must_use]
    pub fn is_answered_by(&self, id: u16, bytes: &[u8]) -> bool {
        self.try_answered_by(id, bytes).unwrap_or(false)
    }

    fn try_answered_by(&self, id: u16, bytes: &[u8]) -> Result<bool, Error> {
        let mut reader = Reader { bytes, at: 0 };
        let same_id = reader.u16()? == id;
        let answer = reader.u16()? & (QR | OPCODE) == QR;
        let one = reader.u16()? == 1;
        reader.at = HEADER;
        let name = reader.name()?.eq_ignore_ascii_case(&self.name);
        Ok(same_id && answer && one && name && reader.u16()? == self.record_type && reader.u16()? == CLASS_IN)
    }

    /// The answer as the client must see it: under its own id, about the name as it spelt it (some compare the case), and over UDP
    /// cut to what it takes. For answers that [`Self::is_answered_by`] knows.
    #[must_use]
    pub fn restored(&self, mut answer: Vec<u8>, limit: usize) -> Vec<u8> {
        if answer.len() > limit {
            return self.answer(0, TC, None);
        }
        for (to, from) in answer.iter_mut().zip(self.id.to_be_bytes()) {
            *to = from;
        }
        for (to, from) in answer.iter_mut().skip(HEADER).zip(&self.name) {
            *to = *from;
        }
        answer
    }

    /// An answer of the gateway's own, with nothing but a code.
    #[must_use]
    pub fn refused(&self, code: Code) -> Vec<u8> {
        let blocked = (code == Code::Refused).then_some(EDE_BLOCKED);
        self.answer(code as u16, 0, blocked)
    }

    fn answer(&self, code: u16, flags: u16, extended: Option<u16>) -> Vec<u8> {
        let flags = QR | RECURSION_AVAILABLE | (self.flags & ASKED_FLAGS) | flags | code;
        let mut out = header(self.id, flags, u16::from(self.edns.is_some()));
        out.extend(&self.name);
        out.extend(self.record_type.to_be_bytes());
        out.extend(CLASS_IN.to_be_bytes());
        if self.edns.is_some() {
            let option = extended.map(|code| [0, 15, 0, 2, code.to_be_bytes()[0], code.to_be_bytes()[1]]);
            opt(&mut out, SAFE_PAYLOAD, 0, option.as_ref().map_or(&[], |option| option.as_slice()));
        }
        out
    }
}

/// What is answered to a message that is no query which can be put; `None` where an answer could go round in circles.
#[must_use]
pub fn refused(bytes: &[u8], error: Error) -> Option<Vec<u8>> {
    let mut reader = Reader { bytes, at: 0 };
    let (id, flags) = (reader.u16().ok()?, reader.u16().ok()?);
    if flags & QR != 0 || bytes.len() < HEADER {
        return None;
    }
    let mut out = header(id, QR | (flags & OPCODE) | error.code() as u16, 0);
    // No question is repeated: it could not be read.
    out.iter_mut().skip(4).take(2).for_each(|byte| *byte = 0);
    Some(out)
}

/// Whether programs resolve such records: the assigned data types (RFC 6895 §3.1) without `NULL`, which holds anything, and
/// without what asks for more than one type.
fn is_resolved(record_type: u16) -> bool {
    const NULL: u16 = 10;
    const URI: u16 = 256;
    const CAA: u16 = 257;
    matches!(record_type, 1..=127 | URI | CAA) && record_type != NULL && record_type != TYPE_OPT
}

fn header(id: u16, flags: u16, extra: u16) -> Vec<u8> {
    [id, flags, 1, 0, 0, extra].into_iter().flat_map(u16::to_be_bytes).collect()
}

/// An OPT record (RFC 6891 §6.1.2).
fn opt(out: &mut Vec<u8>, payload: u16, flags: u16, options: &[u8]) {
    out.push(0);
    let length = u16::try_from(options.len()).unwrap_or(0);
    out.extend([TYPE_OPT, payload, 0, flags, length].into_iter().flat_map(u16::to_be_bytes));
    out.extend(options);
}

fn labels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first()?;
        let (label, next) = tail.split_at_checked(usize::from(*length)).filter(|(label, _)| !label.is_empty())?;
        rest = next;
        Some(label)
    })
}

/// Reads from the front and never past the end.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length).ok_or(Error::Length)?;
        let taken = self.bytes.get(self.at..end).ok_or(Error::Length)?;
        self.at = end;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Error> {
        self.take(1)?.first().copied().ok_or(Error::Length)
    }

    fn u16(&mut self) -> Result<u16, Error> {
        let bytes: [u8; 2] = self.take(2)?.try_into().map_err(|_| Error::Length)?;
        Ok(u16::from_be_bytes(bytes))
    }

    fn u32(&mut self) -> Result<u32, Error> {
        let bytes: [u8; 4] = self.take(4)?.try_into().map_err(|_| Error::Length)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// A name without compression, with the root at its end.
    fn name(&mut self) -> Result<&'a [u8], Error> {
        let begin = self.at;
        loop {
            let length = self.u8()?;
            if length > 63 {
                return Err(Error::Name);
            }
            self.take(usize::from(length))?;
            let name = self.bytes.get(begin..self.at).ok_or(Error::Length)?;
            if name.len() > MAX_NAME {
                return Err(Error::Name);
            }
            if length == 0 {
                return Ok(name);
            }
        }
    }

    /// The one record a query may carry; its options are read over.
    fn opt(&mut self) -> Result<Edns, Error> {
        let (root, record_type) = (self.u8()?, self.u16()?);
        if root != 0 || record_type != TYPE_OPT {
            return Err(Error::Shape);
        }
        let payload = self.u16()?;
        let (_extended_code_and_version, flags) = (self.u16()?, self.u16()?);
        let length = self.u16()?;
        self.take(usize::from(length))?;
        Ok(Edns { payload, flags })
    }
}

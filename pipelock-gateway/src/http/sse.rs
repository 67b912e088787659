//! Cuts a stream of server-sent events into events, and says which bytes belong to whole ones.
//!
//! Pure, over hostile bytes, fed in any pieces. Nothing is ever written anew: a caller forwards the original bytes up to
//! [`Parser::settled`] and reads the content from [`Event`]. Used on answers (`judged`, by way of the judge) and by whoever
//! reads JSON-RPC from such a stream. What providers put into the events is in [`deltas`].
//!
//! Source: WHATWG HTML §9.2.5 and §9.2.6. Lines end in LF, CR or CRLF, also mixed; a byte order mark may come first.

pub mod deltas;

/// An event grew over the bound; what is left of it is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("server-sent event larger than {0} bytes")]
pub struct TooLarge(
    /// The bound.
    pub usize,
);

/// One event that a reader would be told of: a block with at least one `data` line, ended by an empty line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The last `event` field; empty means `message`.
    pub name: &'a [u8],
    /// The `data` lines, joined by LF.
    pub data: &'a [u8],
    /// The last `id` field of this block; one that holds NUL is ignored, as readers do.
    pub id: Option<&'a [u8]>,
    /// Offset in the stream behind the empty line.
    pub end: u64,
}

/// Reads events from pieces of a stream. Memory is bounded by the largest event it accepts.
#[derive(Clone)]
pub struct Parser {
    max_event_bytes: usize,
    /// Bytes taken.
    taken: u64,
    /// Of these, how many belong to whole blocks.
    settled: u64,
    /// A line whose end has not come.
    line: Vec<u8>,
    /// The last byte was CR, so that an LF right behind it is part of the same line end.
    after_cr: bool,
    /// A line has ended, so that a byte order mark would be content.
    begun: bool,
    block: Block,
}

/// What the current block holds.
#[derive(Clone, Default)]
struct Block {
    name: Vec<u8>,
    /// `data` lines, each with an LF behind it.
    data: Vec<u8>,
    id: Option<Vec<u8>>,
    has_data: bool,
    /// There is a line in it other than comments, so that its bytes belong together.
    has_fields: bool,
    /// It is too large and skipped up to its end.
    skipped: bool,
}

impl Parser {
    /// A reader at the beginning of a stream. `max_event_bytes` bounds what is kept of one event.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            taken: 0,
            settled: 0,
            line: Vec::new(),
            after_cr: false,
            begun: false,
            block: Block::default(),
        }
    }

    /// Offset behind the last whole block or lone comment line: everything before it can be told to a reader without
    /// beginning an event. Comments between events (keep-alives) count at their line end.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Bytes taken behind [`Parser::settled`].
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.taken.saturating_sub(self.settled)
    }

    /// Takes the next bytes and tells each event that they complete, in order.
    ///
    /// # Errors
    /// [`TooLarge`], once for an event that outgrew the bound. All bytes are taken all the same and later events are told.
    pub fn push(&mut self, bytes: &[u8], mut told: impl FnMut(Event<'_>)) -> Result<(), TooLarge> {
        let mut outcome = Ok(());
        let mut rest = bytes;
        if self.after_cr
            && let Some((b'\n', behind)) = rest.split_first()
        {
            // The second half of a line end that a piece border had cut: it belongs to what it ended.
            let was_settled = self.settled == self.taken;
            self.taken += 1;
            if was_settled {
                self.settled = self.taken;
            }
            rest = behind;
        }
        if !bytes.is_empty() {
            self.after_cr = false;
        }
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            let (line, tail) = rest.split_at(at);
            let end = if tail.starts_with(b"\r\n") { 2 } else { 1 };
            let (ending, behind) = tail.split_at(end);
            // A CR at the border may have an LF behind it in the next piece.
            self.after_cr = ending == b"\r" && behind.is_empty();
            self.taken += (line.len() + ending.len()) as u64;
            rest = behind;
            if self.line.is_empty() {
                outcome = outcome.and(self.end_line(line, &mut told));
            } else {
                let grown = self.grow(line);
                let whole = std::mem::take(&mut self.line);
                outcome = outcome.and(grown).and(self.end_line(&whole, &mut told));
                self.line = emptied(whole);
            }
        }
        self.taken += rest.len() as u64;
        outcome.and(self.grow(rest))
    }

    /// Adds to the line whose end has not come.
    fn grow(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        let size = self.line.len() + bytes.len() + self.block.data.len();
        if !self.block.skipped && size <= self.max_event_bytes {
            self.line.extend_from_slice(bytes);
            return Ok(());
        }
        let outcome = if self.block.skipped { Ok(()) } else { self.skip() };
        // Of a line that is skipped only one thing matters: that it is not empty, which would end the block.
        if self.line.is_empty() && !bytes.is_empty() {
            self.line.push(b'-');
        }
        outcome
    }

    fn end_line(&mut self, line: &[u8], told: &mut impl FnMut(Event<'_>)) -> Result<(), TooLarge> {
        let line = if self.begun { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            self.end_block(told);
            return Ok(());
        }
        if self.block.skipped {
            return Ok(());
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(0) => {
                if !self.block.has_fields {
                    self.settled = self.taken;
                }
                return Ok(());
            }
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default();
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        self.block.has_fields = true;
        if self.block.data.len() + value.len() > self.max_event_bytes {
            return self.skip();
        }
        match name {
            b"data" => {
                self.block.has_data = true;
                self.block.data.extend_from_slice(value);
                self.block.data.push(b'\n');
            }
            b"event" => value.clone_into(&mut self.block.name),
            b"id" if !value.contains(&0) => self.block.id = Some(value.to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn end_block(&mut self, told: &mut impl FnMut(Event<'_>)) {
        self.settled = self.taken;
        let block = &mut self.block;
        if block.has_data && !block.skipped {
            block.data.pop();
            let id = block.id.as_deref();
            told(Event { name: &block.name, data: &block.data, id, end: self.taken });
        }
        *block = Block {
            name: emptied(std::mem::take(&mut block.name)),
            data: emptied(std::mem::take(&mut block.data)),
            ..Block::default()
        };
    }

    fn skip(&mut self) -> Result<(), TooLarge> {
        self.block = Block { has_fields: true, skipped: true, ..Block::default() };
        self.line = Vec::new();
        Err(TooLarge(self.max_event_bytes))
    }
}

/// Empties a buffer and keeps its room, unless one large event has made it large.
fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    const KEPT_BYTES: usize = 16 * 1024;
    buffer.clear();
    if buffer.capacity() > KEPT_BYTES { Vec::new() } else { buffer }
}

impl std::fmt::Debug for Parser {
    /// Never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").field("taken", &self.taken).field("settled", &self.settled).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

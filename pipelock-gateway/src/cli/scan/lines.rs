//! Lines of an input of any length in bounded memory, a handful at a time.

use std::io::{self, BufRead as _, BufReader, Read};

/// Longest line. A request body is held up to 5 MiB and a response is judged while it flows, so nothing a gateway is asked
/// to judge whole comes near it.
pub(super) const LONGEST: usize = 64 << 20;
/// A batch is handed on at this size: large enough that handing on costs nothing, small enough to spread over workers.
const BATCH_BYTES: usize = 256 << 10;
const BATCH_LINES: usize = 64;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes, without the line break.
    Text(Vec<u8>),
    /// It is longer than [`LONGEST`] and was skipped.
    TooLong,
}

/// Lines that follow one another.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each with its number, counted from 1. Blank lines are counted and left out.
    pub(super) lines: Vec<(u64, Line)>,
    /// Sum of their lengths.
    pub(super) bytes: usize,
}

/// Reads lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: BufReader<R>,
    number: u64,
    longest: usize,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 << 10, input), number: 0, longest: LONGEST }
    }

    /// The next lines, `None` at the end. Waits for the first line only: who writes one record and waits for its verdict
    /// gets it.
    ///
    /// # Errors
    /// Those of the input.
    pub(super) fn batch(&mut self) -> io::Result<Option<Batch>> {
        let mut batch = Batch::default();
        while let Some(line) = self.line()? {
            match line {
                Line::Text(text) if text.trim_ascii().is_empty() => {}
                line => {
                    batch.bytes += if let Line::Text(text) = &line { text.len() } else { 0 };
                    batch.lines.push((self.number, line));
                }
            }
            let full = batch.bytes >= BATCH_BYTES || batch.lines.len() >= BATCH_LINES;
            if full || (self.input.buffer().is_empty() && !batch.lines.is_empty()) {
                break;
            }
        }
        Ok((!batch.lines.is_empty()).then_some(batch))
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        let (mut begun, mut too_long) = (false, false);
        loop {
            let seen = match self.input.fill_buf() {
                Ok(seen) => seen,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if seen.is_empty() && !begun {
                return Ok(None);
            }
            begun = true;
            let line_break = memchr::memchr(b'\n', seen);
            let part = seen.get(..line_break.unwrap_or(seen.len())).unwrap_or_default();
            too_long |= text.len() + part.len() > self.longest;
            if too_long {
                text = Vec::new();
            } else {
                text.extend_from_slice(part);
            }
            let done = line_break.is_some() || seen.is_empty();
            let used = part.len() + usize::from(line_break.is_some());
            self.input.consume(used);
            if done {
                self.number += 1;
                return Ok(Some(if too_long { Line::TooLong } else { Line::Text(text) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], longest: usize) -> Vec<(u64, Line)> {
        let mut lines = Lines { longest, ..Lines::new(text) };
        let mut found = Vec::new();
        while let Some(batch) = lines.batch().unwrap() {
            found.extend(batch.lines);
        }
        found
    }

    fn text(line: &str) -> Line {
        Line::Text(line.into())
    }

    #[test]
    fn lines_keep_their_numbers_and_blank_ones_are_left_out() {
        assert_eq!(all(b"a\n\n \r\nb", 9), [(1, text("a")), (4, text("b"))]);
        assert_eq!(all(b"", 9), []);
        assert_eq!(all(b"\n\n", 9), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_not_kept() {
        let input = [b"a\n".as_slice(), &vec![b'x'; 1 << 20], b"\nb\n"].concat();
        assert_eq!(all(&input, 1000), [(1, text("a")), (2, Line::TooLong), (3, text("b"))]);
        assert_eq!(all(b"12345", 5), [(1, text("12345"))]);
        assert_eq!(all(b"123456", 5), [(1, Line::TooLong)]);
    }

    #[test]
    fn a_batch_does_not_wait_for_a_line_that_is_not_there_yet() {
        /// One line a read, as from a pipe whose writer waits for the answer.
        struct OneByOne(usize);
        impl Read for OneByOne {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                assert!(self.0 > 0, "asked for more before the first line was handed on");
                self.0 -= 1;
                out[..2].copy_from_slice(b"x\n");
                Ok(2)
            }
        }
        assert_eq!(Lines::new(OneByOne(1)).batch().unwrap().unwrap().lines.len(), 1);
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut lines = Lines::new("x\n".repeat(1000).into_bytes().leak() as &[u8]);
        assert_eq!(lines.batch().unwrap().unwrap().lines.len(), BATCH_LINES);
    }
}

//! As much of Protocol Buffers as the runtime interface needs: numbers, texts, messages, maps of texts. Unknown fields are
//! passed over, as the format asks. A peer's bytes cause errors, never panics.
//!
//! Source: protobuf.dev, "Encoding".

use std::collections::BTreeMap;

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no well-formed protobuf message")]
pub struct Malformed;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint, or a fixed number.
    Number(u64),
    /// A text, bytes, or a message.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// # Errors
    /// [`Malformed`] when it is not one.
    pub fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => Err(Malformed),
        }
    }

    /// # Errors
    /// [`Malformed`] when it is a number.
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(Malformed),
        }
    }

    /// # Errors
    /// [`Malformed`] when it is not UTF-8.
    pub fn text(self) -> Result<String, Malformed> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Malformed)
    }
}

/// The fields of a message with their numbers, in their order; ends after the first error.
pub fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), Malformed>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let read = field(bytes);
        bytes = read.map_or(&[], |(_, rest)| rest);
        Some(read.map(|(field, _)| field))
    })
}

fn field(bytes: &[u8]) -> Result<((u64, Value<'_>), &[u8]), Malformed> {
    let (tag, rest) = varint(bytes)?;
    let (value, rest) = match tag & 7 {
        0 => varint(rest).map(|(number, rest)| (Value::Number(number), rest))?,
        1 => {
            rest.split_first_chunk().map(|(n, rest)| (Value::Number(u64::from_le_bytes(*n)), rest)).ok_or(Malformed)?
        }
        2 => {
            let (length, rest) = varint(rest)?;
            let length = usize::try_from(length).map_err(|_| Malformed)?;
            rest.split_at_checked(length).map(|(bytes, rest)| (Value::Bytes(bytes), rest)).ok_or(Malformed)?
        }
        5 => rest
            .split_first_chunk()
            .map(|(n, rest)| (Value::Number(u32::from_le_bytes(*n).into()), rest))
            .ok_or(Malformed)?,
        _ => return Err(Malformed),
    };
    Ok(((tag >> 3, value), rest))
}

fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).map_err(|_| Malformed)?).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok((number, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    Err(Malformed)
}

/// The messages of a repeated field.
///
/// # Errors
/// [`Malformed`].
pub fn messages(bytes: &[u8], number: u64) -> Result<Vec<&[u8]>, Malformed> {
    let mut found = Vec::new();
    for field in fields(bytes) {
        let (field, value) = field?;
        if field == number {
            found.push(value.bytes()?);
        }
    }
    Ok(found)
}

/// A map of texts: a repeated message of key (1) and value (2).
///
/// # Errors
/// [`Malformed`].
pub fn texts(bytes: &[u8], number: u64) -> Result<BTreeMap<String, String>, Malformed> {
    let mut map = BTreeMap::new();
    for entry in messages(bytes, number)? {
        let (mut key, mut value) = (String::new(), String::new());
        for field in fields(entry) {
            match field? {
                (1, text) => key = text.text()?,
                (2, text) => value = text.text()?,
                _ => {}
            }
        }
        map.insert(key, value);
    }
    Ok(map)
}

/// A message being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(Vec<u8>);

impl Message {
    /// One without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a varint.
    #[must_use]
    pub fn number(mut self, field: u64, number: u64) -> Self {
        self.varint(field << 3);
        self.varint(number);
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// Adds a message.
    #[must_use]
    pub fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint((field << 3) | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// Adds a message that is written already.
    #[must_use]
    pub fn raw(self, field: u64, message: &[u8]) -> Self {
        self.bytes(field, message)
    }

    /// What it comes to.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_format_are_read_and_written() {
        assert_eq!(Message::new().number(1, 150).as_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").as_bytes(), b"\x12\x07testing");
        let both = [0x08, 0x96, 0x01, 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0];
        let read: Vec<_> = fields(&both).map(Result::unwrap).collect();
        assert_eq!(read, [(1, Value::Number(150)), (3, Value::Number(1)), (4, Value::Number(2))]);
        for cut in [&b"\x12\x07test"[..], b"\x08", b"\x0b", &[0xff; 11]] {
            assert!(fields(cut).any(|field| field.is_err()), "{cut:x?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_peer_sends_is_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = fields(&bytes).count();
            let _ = texts(&bytes, 1);
        }

        #[test]
        fn what_is_written_is_read(number in any::<u64>(), text in ".{0,40}", field in 1_u64..500) {
            let message = Message::new().number(field, number).text(field + 1, &text);
            let read: Vec<_> = fields(message.as_bytes()).map(Result::unwrap).collect();
            prop_assert_eq!(read, vec![(field, Value::Number(number)), (field + 1, Value::Bytes(text.as_bytes()))]);
        }
    }
}

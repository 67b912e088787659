//! Buffers for bytes that may hold a secret: overwritten when they are dropped, and used again by the same thread.
//!
//! Overwriting is one `memset` of the whole buffer and not a volatile write a byte, which cost a scan an eighth of its time;
//! the compiler cannot leave it out, because the buffer is kept afterwards. A thread keeps a few buffers, all zeros, since
//! asking the allocator for a dozen of them costs more than scanning a short message.

use std::cell::RefCell;
use std::hint::black_box;
use std::ops::{Deref, DerefMut};

/// Buffers that a thread keeps, and the bytes that they may have together.
const KEPT: usize = 24;
const KEPT_BYTES: usize = 64 << 10;
/// Smaller ones are not worth keeping, larger ones are rare.
const WORTH: std::ops::RangeInclusive<usize> = 64..=16 << 10;

thread_local! {
    static SPARE: RefCell<Spare> = const { RefCell::new(Spare { buffers: Vec::new(), bytes: 0 }) };
}

struct Spare {
    /// Empty, and zeros up to their capacity.
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// A `Vec<u8>` that is overwritten with zeros when it is dropped. Growing it leaves a copy behind, as with any vector: reserve.
#[derive(Default)]
pub(super) struct Wiped(Vec<u8>);

impl Wiped {
    /// An empty buffer with room for at least `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        if !WORTH.contains(&capacity) {
            return Self(Vec::with_capacity(capacity));
        }
        let fits = |buffer: &Vec<u8>| (capacity..=capacity + capacity / 2).contains(&buffer.capacity());
        let spare = SPARE.try_with(|spare| {
            let mut spare = spare.try_borrow_mut().ok()?;
            let place = spare.buffers.iter().rposition(fits)?;
            let buffer = spare.buffers.swap_remove(place);
            spare.bytes -= buffer.capacity();
            Some(buffer)
        });
        Self(spare.ok().flatten().unwrap_or_else(|| Vec::with_capacity(capacity)))
    }

    /// What `bytes` yields, in a buffer that need not grow: there are at most `most`.
    pub(super) fn collect(most: usize, bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut buffer = Self::with_capacity(most);
        buffer.0.extend(bytes);
        buffer
    }

    /// These parts, one after the other.
    pub(super) fn concat(parts: &[&[u8]]) -> Self {
        let mut buffer = Self::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            buffer.0.extend_from_slice(part);
        }
        buffer
    }
}

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        let capacity = self.0.capacity();
        if capacity == 0 {
            return;
        }
        // What was cut off lies behind the length.
        self.0.clear();
        self.0.resize(capacity, 0);
        black_box(&mut self.0).clear();
        if !WORTH.contains(&capacity) {
            return;
        }
        let buffer = std::mem::take(&mut self.0);
        // A thread that is ending keeps nothing.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.buffers.len() < KEPT
                && spare.bytes + capacity <= KEPT_BYTES
            {
                spare.bytes += capacity;
                spare.buffers.push(buffer);
            }
        });
    }
}

impl std::fmt::Debug for Wiped {
    /// Never the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wiped({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_without_what_it_held() {
        let mut buffer = Wiped::with_capacity(777);
        buffer.extend_from_slice(&[b's'; 777]);
        buffer.truncate(3);
        let place = buffer.as_ptr();
        drop(buffer);
        let mut again = Wiped::with_capacity(777);
        assert_eq!((again.as_ptr(), again.len()), (place, 0), "the same memory");
        // Room that was never written since is what the drop left there.
        let kept = SPARE.with(|spare| spare.borrow().buffers.len());
        assert!(kept <= KEPT);
        again.extend_from_slice(b"x");
        assert_eq!(again.as_slice(), b"x");
    }

    #[test]
    fn a_thread_keeps_a_bounded_number_of_bytes() {
        let many: Vec<_> = (0..100).map(|_| Wiped::with_capacity(8 << 10)).collect();
        drop(many);
        SPARE.with(|spare| {
            let spare = spare.borrow();
            assert!(spare.buffers.len() <= KEPT && spare.bytes <= KEPT_BYTES);
            assert_eq!(spare.bytes, spare.buffers.iter().map(Vec::capacity).sum::<usize>());
        });
    }

    #[test]
    fn what_a_buffer_holds_is_not_shown() {
        assert_eq!(format!("{:?}", Wiped::from(b"hunter2".to_vec())), "Wiped(7)");
    }
}

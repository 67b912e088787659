//! Tokens cut into pieces of one length, with blanks or line breaks between them.

use std::ops::Range;

use super::Kept;

/// How often the distance between blanks must be the same as before to make a group.
const EQUAL: u32 = 1;
/// Shortest and longest distance: a piece of two to twenty bytes, and its blank.
const DISTANCES: Range<u64> = 3..22;
/// Longest word before or after the pieces of which the first and the last piece may be part.
const WORD: u64 = 96;
/// Longest group that is waited for.
const LONGEST: u64 = 1536;

/// Words of one length in a row, with the word before and the word after them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) place: Range<u64>,
    /// How many pieces of one length there are, and how long they are.
    pub(super) pieces: u32,
    pub(super) length: u64,
}

/// The search for groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    at: u64,
    /// Where the last white space began, where it ended, and where the one before it ended.
    blank: u64,
    blank_end: u64,
    earlier: u64,
    in_blank: bool,
    /// The distance of the last two blanks, how often in a row it was the same, and where the word before them began.
    distance: u64,
    equal: u32,
    start: u64,
}

impl Groups {
    pub(super) fn starting_at(offset: u64) -> Self {
        Self { at: offset, blank: offset, blank_end: offset, earlier: offset, start: offset, ..Self::default() }
    }

    /// View offset from which on bytes may belong to a group that goes on.
    pub(super) fn open_since(&self) -> u64 {
        if self.equal > 0 { self.start } else { self.earlier.max(self.at.saturating_sub(2 * WORD)) }
    }

    /// Reports the groups that end in what is new.
    pub(super) fn search(&mut self, text: Kept<'_>, mut report: impl FnMut(Group)) {
        let from = text.index(self.at);
        for (place, &byte) in text.bytes.iter().enumerate().skip(from) {
            let at = text.first + place as u64;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                if std::mem::replace(&mut self.in_blank, false) {
                    self.blank_end = at;
                }
                continue;
            }
            if std::mem::replace(&mut self.in_blank, true) {
                continue;
            }
            self.blank_at(at, &mut report);
        }
        self.at = text.first + text.bytes.len() as u64;
        if text.last {
            self.blank_at(self.at, &mut report);
        }
    }

    fn blank_at(&mut self, at: u64, report: &mut impl FnMut(Group)) {
        let distance = at - self.blank;
        let long = at - self.start > LONGEST;
        if distance == self.distance && DISTANCES.contains(&distance) && !long {
            self.equal += 1;
        } else {
            if self.equal >= EQUAL {
                // The last piece may be shorter, or glued to what follows.
                let end = if at - self.blank <= WORD { at } else { self.blank };
                report(Group { place: self.start..end, pieces: self.equal + 1, length: self.distance - 1 });
            }
            self.equal = 0;
            self.distance = distance;
            // The word before the last one, of which the first piece may be the end.
            self.start = self.earlier.max(at.saturating_sub(WORD + distance));
        }
        self.earlier = self.blank_end;
        self.blank = at;
    }
}

/// Whether joined pieces may be a token: letters and digits mixed, or far more pieces of one length than a sentence has.
pub(super) fn may_be_a_token(joined: &[u8], group: &Group) -> bool {
    let any = |is: fn(&u8) -> bool| joined.iter().any(is);
    let mixed = any(u8::is_ascii_alphabetic) && any(u8::is_ascii_digit);
    joined.len() >= 12 && (mixed || group.pieces >= 6) && group.length > 1
}

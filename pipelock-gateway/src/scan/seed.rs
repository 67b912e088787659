//! Seed phrases: 12 to 24 words of the BIP-39 list in a row, the last of which holds a checksum.
//!
//! No expression finds them, and looking every word up would cost more than all rules together. A phrase is at least 47 bytes
//! long, so it is enough to look at stretches of thirty-two: most have a word that is too short or too long, which a few bits
//! tell; of the others the first and the last word are looked up, and only where both are on the list their neighbours.
//! The words may be separated by anything that is the same between all of them: blanks, commas, line breaks, dashes, quotes,
//! numbers of a list. Only the English list is known, as wallets recommend; capitals do not matter.
//!
//! Like [`super::runs`] it decides from the text around a phrase's last byte alone, so cutting changes nothing.

use std::ops::Range;
use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

use super::candidates::Run;
use super::rules::RunKind;
use super::runs;
use crate::model::Severity;

/// The list of BIP-39, public domain: 2048 words in alphabetical order, told apart by their first four letters.
static ENGLISH: &str = include_str!("seed/english.txt");

/// Bytes of a look, and between the beginnings of two. A phrase of twelve words of three letters has 47, so that at least one
/// look lies inside it as a whole.
const LOOK: usize = 32;
const STEP: usize = 16;
/// Bytes of which the letters are found together.
const BLOCK: usize = 64;
/// Most bytes of a phrase, its separators included: 24 words of a numbered list in JSON.
const LONGEST: usize = 420;
/// Most words of a phrase, and most bytes between two of them.
const MOST_WORDS: usize = 24;
const LONGEST_SEPARATOR: usize = 8;
/// How many words a phrase may have, longest first: a short one inside a long one proves less.
const LENGTHS: [usize; 5] = [24, 21, 18, 15, 12];

struct List {
    /// The words, filled up with zeros.
    words: Vec<u64>,
    /// Places in `words` plus one, by a hash of the first four letters; zero is free.
    slots: Vec<u16>,
    /// Which of the slots any word begins its search at: small enough to stay in the nearest cache.
    begins: [u64; SLOTS / 64],
}

const SLOTS: usize = 8192;

static LIST: LazyLock<List> = LazyLock::new(|| {
    let words: Vec<u64> = ENGLISH.lines().map(|word| letters(word.as_bytes())).collect();
    let mut slots = vec![0u16; SLOTS];
    let mut begins = [0; SLOTS / 64];
    for (number, &word) in (1u16..).zip(&words) {
        let mut slot = slot(word);
        begins[slot / 64] |= 1 << (slot % 64);
        while slots[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = number;
    }
    List { words, slots, begins }
});

/// The first eight letters, small, the first of them highest; zeros behind.
fn letters(word: &[u8]) -> u64 {
    let mut letters = [0; 8];
    for (place, byte) in letters.iter_mut().zip(word) {
        *place = byte | 0x20;
    }
    u64::from_be_bytes(letters)
}

/// Where a word's search begins.
fn slot(letters: u64) -> usize {
    ((letters >> 32).wrapping_mul(0x9e37_79b1) >> 19) as usize % SLOTS
}

/// The word's number on the list.
fn number(word: &[u8]) -> Option<u16> {
    if !(3..=8).contains(&word.len()) {
        return None;
    }
    let list = &*LIST;
    let word = letters(word);
    let mut slot = slot(word);
    if list.begins.get(slot / 64)? >> (slot % 64) & 1 == 0 {
        return None;
    }
    loop {
        let number = list.slots.get(slot)?.checked_sub(1)?;
        if list.words.get(usize::from(number)) == Some(&word) {
            return Some(number);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Reports each phrase whose last byte lies in `window`; what must be visible around it is what [`super::runs::scan`] asks for.
pub(super) fn scan(text: &[u8], window: Range<usize>, report: &mut impl FnMut(Run)) {
    let mut at = window.start.saturating_sub(BLOCK);
    let mut done = 0;
    let mut next = runs::letters(text.get(at..).unwrap_or_default());
    while at < window.end {
        let here = next;
        next = runs::letters(text.get(at + BLOCK..).unwrap_or_default());
        // The last look of a block goes on in the next.
        let across = here >> (BLOCK - STEP) | next << STEP;
        let (looks, last_look) = (Looks::of(here), Looks::of(across));
        for shift in (0..BLOCK).step_by(STEP) {
            let (may_fit, letters) = if shift + LOOK > BLOCK {
                (last_look.may_fit(0), across)
            } else {
                (looks.may_fit(shift), here >> shift)
            };
            if may_fit && let Some((first, last)) = words_like_those_of_the_list(letters) {
                let place = |word: &Range<usize>| at + shift + word.start..at + shift + word.end;
                let is_known = |word: &Range<usize>| number(text.get(word.clone()).unwrap_or_default()).is_some();
                let (first, last) = (place(&first), place(&last));
                // What separates words is the same between all of them.
                let alike = text.get(first.end) == text.get(last.end);
                if first.end > done && alike && is_known(&last) && is_known(&first) {
                    done = phrases_around(text, first, &window, done, report);
                }
            }
        }
        at += BLOCK;
    }
}

/// What rules out most looks of a block at once: nearly every sentence has a word of two letters in each.
struct Looks {
    /// Where words of one or two letters begin, and nine letters in a row.
    short: u64,
    long: u64,
}

impl Looks {
    fn of(letters: u64) -> Self {
        let ends = letters & !letters >> 1;
        let short = letters & !letters << 1 & (ends | ends >> 1);
        let two = letters & letters >> 1;
        let four = two & two >> 2;
        Self { short, long: four & four >> 4 & letters >> 8 }
    }

    /// Whether the look that begins at `shift` may pass [`words_like_those_of_the_list`], which sees no word that its edge cuts.
    fn may_fit(&self, shift: usize) -> bool {
        const SHORT: u64 = (1 << (LOOK - 2)) - 2;
        const LONG: u64 = (1 << (LOOK - 8)) - 1;
        self.short >> shift & SHORT | self.long >> shift & LONG == 0
    }
}

/// The first and the last word that lie in a look as a whole, when all of them are as long as those of the list.
fn words_like_those_of_the_list(letters: u64) -> Option<(Range<usize>, Range<usize>)> {
    const SEEN: u64 = (1 << LOOK) - 1;
    let letters = letters & SEEN;
    // Words whose beginning and end can be seen.
    let gaps = !letters & SEEN;
    let begins = letters & (gaps << 1);
    let ends = letters & (gaps >> 1);
    let short = begins & (ends | ends >> 1);
    // Nine letters in a row.
    let two = letters & (letters >> 1);
    let four = two & (two >> 2);
    let long = four & (four >> 4) & (letters >> 8);
    // A gap of one byte and a longer one are no equal gaps.
    let narrow = (letters << 1) & gaps & (letters >> 1);
    let wide = (letters << 1) & gaps & (gaps >> 1);
    if short != 0 || long != 0 || begins == 0 || ends == 0 || narrow != 0 && wide != 0 {
        return None;
    }
    let first = begins.trailing_zeros() as usize;
    let last = 64 - ends.leading_zeros() as usize;
    let length = (letters >> first).trailing_ones() as usize;
    let last_length = (letters << (64 - last)).leading_ones() as usize;
    (first + length <= last && last_length < last).then(|| (first..first + length, last - last_length..last))
}

/// Reports the phrase that `word`, which is on the list, belongs to; answers how far that was looked at. The word is not the
/// last of the phrase if what was looked at lies within one, since what separates it from the next was seen.
fn phrases_around(
    text: &[u8],
    word: Range<usize>,
    window: &Range<usize>,
    done: usize,
    report: &mut impl FnMut(Run),
) -> usize {
    let end = last_word(text, word);
    if end > done && window.contains(&(end - 1)) {
        phrase_ending_at(text, end, report);
    }
    end
}

/// The letters around a place, or just before it when it lies between words.
fn word_around(text: &[u8], at: usize) -> Option<Range<usize>> {
    let letter = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphabetic);
    let mut end = at;
    if letter(at) {
        while letter(end) && end - at <= 8 {
            end += 1;
        }
    } else {
        while end > 0 && !letter(end - 1) {
            end -= 1;
            if at - end > LONGEST_SEPARATOR {
                return None;
            }
        }
    }
    let mut start = end;
    while start > 0 && letter(start - 1) && end - start <= 8 {
        start -= 1;
    }
    Some(start..end)
}

/// Follows words of the list to the right while what separates them is the same; answers where the last of them ends. However
/// many there are: a limit would make the answer depend on the word it begins with.
fn last_word(text: &[u8], mut word: Range<usize>) -> usize {
    let mut between = None;
    while let Some(next) = next_word(text, word.end) {
        let gap = separator(text.get(word.end..next.start).unwrap_or_default());
        if *between.get_or_insert(gap) != gap {
            break;
        }
        if number(text.get(next.clone()).unwrap_or_default()).is_none() {
            break;
        }
        word = next;
    }
    word.end
}

fn next_word(text: &[u8], end: usize) -> Option<Range<usize>> {
    let rest = text.get(end..)?;
    let gap = rest.iter().take(LONGEST_SEPARATOR + 1).position(u8::is_ascii_alphabetic).filter(|&gap| gap > 0)?;
    let length = rest.get(gap..)?.iter().take(9).take_while(|byte| byte.is_ascii_alphabetic()).count();
    Some(end + gap..end + gap + length)
}

fn previous_word(text: &[u8], start: usize) -> Option<Range<usize>> {
    let before = text.get(..start)?;
    let gap =
        before.iter().rev().take(LONGEST_SEPARATOR + 1).position(u8::is_ascii_alphabetic).filter(|&gap| gap > 0)?;
    let end = start - gap;
    let length = before.get(..end)?.iter().rev().take(9).take_while(|byte| byte.is_ascii_alphabetic()).count();
    Some(end - length..end)
}

/// What stands between two words, without the numbers of a list; zeros behind.
fn separator(between: &[u8]) -> [u8; LONGEST_SEPARATOR] {
    let mut kept = [0; LONGEST_SEPARATOR];
    let mut previous = 0;
    let wanted = between.iter().copied().filter(|byte| !byte.is_ascii_digit()).filter(|&byte| {
        let again = byte.is_ascii_whitespace() && byte == previous;
        previous = byte;
        !again
    });
    for (place, byte) in kept.iter_mut().zip(wanted) {
        *place = byte;
    }
    kept
}

/// Walks left from the last word over words of the list with equal separators, and looks for phrases among them.
fn phrase_ending_at(text: &[u8], end: usize, report: &mut impl FnMut(Run)) {
    let Some(mut word) = word_around(text, end) else { return };
    let mut found = Vec::with_capacity(MOST_WORDS);
    let mut between = None;
    let mut longer = false;
    while let Some(number) = number(text.get(word.clone()).unwrap_or_default()) {
        if found.len() == MOST_WORDS {
            longer = true;
            break;
        }
        found.push((word.start, word.end, number));
        let Some(previous) = previous_word(text, word.start).filter(|previous| end - previous.start <= LONGEST) else {
            break;
        };
        let gap = separator(text.get(previous.end..word.start).unwrap_or_default());
        if *between.get_or_insert(gap) != gap {
            break;
        }
        word = previous;
    }
    found.reverse();
    if found.len() < 12 {
        return;
    }
    let exact = !longer && LENGTHS.contains(&found.len());
    for length in LENGTHS {
        for phrase in found.windows(length) {
            let numbers = phrase.iter().map(|(_, _, number)| *number);
            if !checksum(numbers) {
                continue;
            }
            let (Some((start, ..)), Some((_, end, _))) = (phrase.first(), phrase.last()) else { return };
            // Among many words of the list some twelve are bound to fit: one in sixteen does.
            let at_most = match (exact && phrase.len() == found.len(), length) {
                (true, _) | (_, 18..) => None,
                _ if longer => Some(Severity::Low),
                _ => Some(Severity::High),
            };
            report(Run { kind: RunKind::SeedPhrase, range: *start..*end, at_most });
            return;
        }
    }
}

/// BIP-39: eleven bits a word; the last bits are the first of the others' SHA-256.
fn checksum(numbers: impl ExactSizeIterator<Item = u16>) -> bool {
    let length = numbers.len();
    let mut bytes = Vec::with_capacity(34);
    let (mut held, mut bits) = (0u32, 0u32);
    for number in numbers {
        held = held << 11 | u32::from(number);
        bits += 11;
        while bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits).to_le_bytes()[0]);
            held &= (1 << bits) - 1;
        }
    }
    // 33 bits of words hold one bit of checksum, at most eight.
    let checksum_bits = length * 11 / 33;
    let entropy = length * 11 / 8 * 8 - if bits == 0 && checksum_bits == 8 { 8 } else { 0 };
    let Some(entropy) = bytes.get(..entropy / 8) else { return false };
    let expected = Sha256::digest(entropy)[0] >> (8 - checksum_bits);
    let found = if checksum_bits == 8 { bytes.last().copied().unwrap_or_default() } else { held.to_le_bytes()[0] };
    expected == found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Vec<(&str, Option<Severity>)> {
        let mut found = Vec::new();
        scan(text.as_bytes(), 0..text.len(), &mut |run| found.push((&text[run.range], run.at_most)));
        found
    }

    /// Test vectors published with the specification.
    const TWELVE: &str = concat!("legal winner thank year wave sausage ", "worth useful legal winner thank yellow");
    const EIGHTEEN: &str = concat!(
        "letter advice cage absurd amount doctor acoustic avoid letter ",
        "advice cage absurd amount doctor acoustic avoid letter always"
    );
    const TWENTY_FOUR: &str = concat!(
        "void come effort suffer camp survey warrior heavy shoot primary clutch crush ",
        "open amazing screen patrol group space point ten exist slush involve unfold"
    );

    #[test]
    fn phrases_of_every_length_are_found_with_any_separator() {
        for phrase in [TWELVE, EIGHTEEN, TWENTY_FOUR] {
            for separator in [" ", ", ", ",", "\n", "-", "\t", " | ", "\",\"", "  "] {
                let written = phrase.replace(' ', separator);
                for (before, after) in [
                    ("", ""),
                    ("Recovery: \"", "\" ok"),
                    ("the backup: ", ". Thanks, bye"),
                    ("{'a':'", "','title':'x'}"),
                ] {
                    let text = format!("{before}{written}{after}");
                    assert_eq!(whole(&text), [(written.as_str(), None)], "{text}");
                }
            }
            assert_eq!(whole(&phrase.to_uppercase()).len(), 1);
            let lines: Vec<String> =
                phrase.split(' ').enumerate().map(|(place, word)| format!("{}. {word}", place + 1)).collect();
            for separator in ["\n", "\", \""] {
                let list = lines.join(separator);
                assert_eq!(whole(&list).len(), 1, "{list}");
            }
        }
    }

    #[test]
    fn words_without_their_checksum_are_prose() {
        for text in [
            TWELVE.replace("yellow", "year"),
            TWELVE.replace("thank yellow", "thank, yellow"),
            TWELVE.replace("winner thank yellow", "winner thanks yellow"),
            "abandon ability able about above absent absorb abstract absurd abuse access".to_owned(),
        ] {
            assert_eq!(whole(&text), [], "{text}");
        }
    }

    #[test]
    fn a_phrase_among_further_words_of_the_list_is_found() {
        assert_eq!(whole(&format!("phrase word {TWELVE}")), [(TWELVE, Some(Severity::High))]);
        assert_eq!(whole(&format!("phrase {TWENTY_FOUR}")), [(TWENTY_FOUR, None)]);
    }

    #[test]
    fn every_cut_sees_what_one_look_sees() {
        let text = format!("{} {TWELVE}. {} {TWENTY_FOUR}\n{EIGHTEEN}", "ordinary prose ".repeat(9), "zoo ".repeat(30));
        let expected = whole(&text).len();
        assert_eq!(expected, 3);
        for step in [1, 7, 39, 40, 64, 300] {
            let (mut found, mut at) = (0, 0);
            while at < text.len() {
                let end = (at + step).min(text.len());
                let first = at.saturating_sub(425);
                let visible = &text.as_bytes()[first..(end + 44).min(text.len())];
                scan(visible, at - first..end - first, &mut |_| found += 1);
                at = end;
            }
            assert_eq!(found, expected, "pieces of {step}");
        }
    }
}

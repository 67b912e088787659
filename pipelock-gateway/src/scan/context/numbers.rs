//! Numbers of persons and of bank branches. Their checksums are too weak to stand alone, one number in ten or eleven passes:
//! the words before them make them what they are.
//!
//! An expression has matched the words and a number's shape; here the number is cut out from its end, must not go on, and is
//! put to its country's test.

use crate::scan::rules::Claim;
use crate::scan::validate;

/// The digits (and capital letters) of the number that ends at `at`: exactly `length` of them, skipping separators.
fn cut(text: &[u8], at: usize, length: usize) -> Option<(usize, Vec<u8>)> {
    let before = text.get(..at)?;
    let goes_on = text.get(at).is_some_and(u8::is_ascii_alphanumeric)
        || (matches!(text.get(at), Some(b'-' | b'.')) && text.get(at + 1).is_some_and(u8::is_ascii_digit));
    if goes_on {
        return None;
    }
    let mut characters = Vec::with_capacity(length);
    let mut start = at;
    for &byte in before.iter().rev() {
        match byte {
            b' ' | b'-' | b'.' | b'/' if !characters.is_empty() => {}
            _ if byte.is_ascii_alphanumeric() => characters.push(byte.to_ascii_uppercase()),
            _ => return None,
        }
        start -= 1;
        if characters.len() == length {
            characters.reverse();
            let glued = text.get(..start)?.last().is_some_and(u8::is_ascii_alphanumeric);
            return (!glued).then_some((start, characters));
        }
    }
    None
}

fn number(text: &[u8], at: usize, length: usize, genuine: fn(&[u8]) -> bool) -> Option<Claim> {
    let (start, characters) = cut(text, at, length)?;
    let varied = characters.iter().any(|character| Some(character) != characters.first());
    (varied && genuine(&characters)).then_some(Claim { rule: None, range: start..at, at_most: None })
}

/// Digits as numbers; anything else counts as zero, which the shape of the expression rules out.
fn values(digits: &[u8]) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
    digits.iter().map(|digit| u32::from(digit.wrapping_sub(b'0').min(9)))
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    values(digits).zip(weights).map(|(digit, weight)| digit * weight).sum()
}

macro_rules! number {
    ($(#[$about:meta])* $name:ident, $length:literal, $check:expr) => {
        $(#[$about])*
        pub(in crate::scan) fn $name(text: &[u8], at: usize) -> Option<Claim> {
            number(text, at, $length, $check)
        }
    };
}

number!(
    /// US social security numbers: areas, groups and serials that were never given out are none.
    ssn, 9, validate::social_security
);
number!(
    /// US taxpayer numbers: 9, and a group in use.
    itin, 9, |digits| digits.first() == Some(&b'9') && matches!(digits.get(3), Some(b'5'..=b'9'))
);
number!(
    /// US bank routing numbers.
    routing, 9, |digits| validate::aba(digits) == validate::Check::Pass
);
number!(
    /// UK National Health Service: modulus 11 over weights 10 to 2.
    nhs, 10, |digits| {
        let check = (11 - weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        check < 10 && values(digits).next_back() == Some(check)
    }
);
number!(
    /// India's Aadhaar: twelve digits, Verhoeff, never beginning with 0 or 1.
    aadhaar, 12, |digits| !matches!(digits.first(), Some(b'0' | b'1')) && verhoeff(digits)
);
number!(
    /// Canada's social insurance number: Luhn.
    canada, 9, |digits| digits.first() != Some(&b'0') && validate::luhn(digits)
);
number!(
    /// Brazil's CPF: two check digits modulo 11.
    cpf, 11, |digits| {
        let check = |length: usize| {
            let weight = u32::try_from(length).unwrap_or_default() + 1;
            let sum: u32 = values(digits).take(length).zip((2..=weight).rev()).map(|(digit, weight)| digit * weight).sum();
            (sum * 10 % 11) % 10
        };
        let mut last = values(digits).skip(9);
        last.next() == Some(check(9)) && last.next() == Some(check(10))
    }
);
number!(
    /// Germany's tax number: ISO 7064 MOD 11,10.
    germany, 11, |digits| {
        let product = values(digits).take(10).fold(10, |product, digit| {
            let sum = (digit + product) % 10;
            (if sum == 0 { 10 } else { sum }) * 2 % 11
        });
        digits.first() != Some(&b'0') && values(digits).next_back() == Some((11 - product) % 10)
    }
);
number!(
    /// The Netherlands' citizen number: the eleven test.
    netherlands, 9, |digits| {
        let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
        values(digits).next_back().is_some_and(|check| sum % 11 == check)
    }
);
number!(
    /// Poland's PESEL: weights 1-3-7-9.
    pesel, 11, |digits| (weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1])).is_multiple_of(10)
);
number!(
    /// Australia's tax file number: weights and modulus 11.
    australia, 9, |digits| weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
);
number!(
    /// Sweden's personal number: Luhn over the last ten digits.
    sweden, 10, validate::luhn
);
number!(
    /// Norway's birth number: two check digits modulo 11.
    norway, 11, |digits| {
        weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
            && weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
    }
);
number!(
    /// South Africa's identity number: Luhn over thirteen digits.
    south_africa, 13, validate::luhn
);
number!(
    /// Turkey's identity number: two check digits.
    turkey, 11, |digits| {
        let odd = weighted(digits, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
        let even = weighted(digits, &[0, 1, 0, 1, 0, 1, 0, 1]);
        let all: u32 = values(digits).take(10).sum();
        let mut last = values(digits).skip(9);
        last.next() == Some((odd * 7 + 90 - even) % 10) && last.next() == Some(all % 10)
    }
);
number!(
    /// France's social security number: 97 less the remainder of the first thirteen digits.
    france, 15, |digits| {
        let remainder = values(digits).take(13).fold(0u64, |number, digit| (number * 10 + u64::from(digit)) % 97);
        let key = values(digits).skip(13).fold(0, |number, digit| number * 10 + u64::from(digit));
        remainder + key == 97
    }
);
number!(
    /// China's identity number: ISO 7064 MOD 11-2, where ten is an X.
    china, 18, |digits| {
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let remainder = weighted(digits, &weights) % 11;
        b"10X98765432".get(remainder as usize) == digits.last()
    }
);
number!(
    /// Italy's tax code: letters and digits with a table of odd places.
    italy, 16, italian
);
number!(
    /// India's permanent account number: no checksum, but the fourth letter says what kind of holder it is.
    pan, 10, |characters| {
        let letters = |range: std::ops::Range<usize>| characters.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_alphabetic));
        letters(0..5) && letters(9..10) && characters.get(5..9).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
            && matches!(characters.get(3), Some(b'A' | b'B' | b'C' | b'F' | b'G' | b'H' | b'J' | b'L' | b'P' | b'T'))
    }
);
number!(
    /// The United Kingdom's national insurance number: prefixes that are never used.
    nino, 9, |characters| {
        !matches!(characters.get(..2), Some(b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ"))
            && characters.get(2..8).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    }
);
number!(
    /// Singapore's identity card: a weighted sum picks the last letter.
    singapore, 9, |characters| {
        let (Some(first), Some(digits), Some(last)) = (characters.first(), characters.get(1..8), characters.get(8)) else { return false };
        let offset = match first { b'T' | b'G' => 4, b'M' => 3, _ => 0 };
        let remainder = ((weighted(digits, &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11) as usize;
        let letters: &[u8; 11] = match first { b'S' | b'T' => b"JZIHGFEDCBA", b'M' => b"XWUTRQPNJLK", _ => b"XWUTRQPMLKN" };
        letters.get(remainder) == Some(last)
    }
);

/// Spain's identity number, of citizens (eight digits, or seven) and of foreigners (X, Y or Z and seven digits): the
/// remainder modulo 23 picks the letter.
pub(in crate::scan) fn spain(text: &[u8], at: usize) -> Option<Claim> {
    let genuine = |characters: &[u8]| {
        let Some((letter, digits)) = characters.split_last() else { return false };
        let number = digits.iter().try_fold(0u32, |number, byte| match (number, byte) {
            (0, b'X') => Some(0),
            (0, b'Y') => Some(1),
            (0, b'Z') => Some(2),
            (number, b'0'..=b'9') => Some(number * 10 + u32::from(byte - b'0')),
            _ => None,
        });
        number.is_some_and(|number| b"TRWAGMYFPDXBNJZSQVHLCKE".get((number % 23) as usize) == Some(letter))
    };
    [9, 8].into_iter().find_map(|length| {
        let (start, characters) = cut(text, at, length)?;
        genuine(&characters).then_some(Claim { rule: None, range: start..at, at_most: None })
    })
}

fn italian(characters: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let Some((last, rest)) = characters.split_last() else { return false };
    let sum: u32 = rest
        .iter()
        .enumerate()
        .map(|(place, byte)| {
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => byte.wrapping_sub(b'A').min(25),
            };
            if place % 2 == 0 { ODD.get(usize::from(value)).copied().unwrap_or_default() } else { u32::from(value) }
        })
        .sum();
    u32::from(last.wrapping_sub(b'A')) == sum % 26
}

/// Verhoeff's check over the dihedral group of order ten.
fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTATION: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let multiply = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let check = digits.iter().rev().enumerate().fold(0u8, |check, (place, digit)| {
        multiply(check, PERMUTATION[place % 8][usize::from(digit.wrapping_sub(b'0').min(9))])
    });
    check == 0
}

//! Golden samples: for each built-in rule texts it must find, and texts that look alike and that it must not find.
//!
//! Every sample is made up (or published by the issuer as an example) and put together from two halves, so that the secret
//! scanners of code hosts do not take this file for a leak. They are what `pipelock rules show` prints and `rules test` runs.

/// Joins the halves of a sample.
macro_rules! halves {
    ($($first:literal + $second:literal),+ $(,)?) => { &[$(concat!($first, $second)),+] };
}

mod clouds;
mod code;
mod models;
mod numbers;
mod payments;
mod services;
mod special;
mod work;

/// What one rule must and must not find.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) struct Samples {
    /// The rule's name.
    pub(in crate::scan) rule: &'static str,
    /// Complete tokens, with the words around them where the rule needs those.
    pub(in crate::scan) found: &'static [&'static str],
    /// Lookalikes: too short, wrong alphabet, wrong checksum, placeholder.
    pub(in crate::scan) ignored: &'static [&'static str],
}

const fn samples(rule: &'static str, found: &'static [&'static str], ignored: &'static [&'static str]) -> Samples {
    Samples { rule, found, ignored }
}

const LISTS: [&[Samples]; 8] = [
    models::SAMPLES,
    clouds::SAMPLES,
    code::SAMPLES,
    work::SAMPLES,
    payments::SAMPLES,
    services::SAMPLES,
    special::SAMPLES,
    numbers::SAMPLES,
];

const COUNT: usize = {
    let mut count = 0;
    let mut list = 0;
    while list < LISTS.len() {
        count += LISTS[list].len();
        list += 1;
    }
    count
};

static JOINED: [Samples; COUNT] = {
    let mut joined = [samples("", &[], &[]); COUNT];
    let (mut list, mut row, mut place) = (0, 0, 0);
    while place < COUNT {
        if row == LISTS[list].len() {
            list += 1;
            row = 0;
        } else {
            joined[place] = LISTS[list][row];
            row += 1;
            place += 1;
        }
    }
    joined
};

/// All of them.
pub(in crate::scan) static SAMPLES: &[Samples] = &JOINED;

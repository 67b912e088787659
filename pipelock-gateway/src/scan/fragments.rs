//! Secrets that leave in pieces, one request each.
//!
//! Kept of what a workload sends are the values of parameters and members that look like a part of a token: no blank, no
//! prose. Values under one name on their way to one host are put together, numbered ones by their number and others as they
//! came, and only the seam is scanned: the new piece and at most [`REACH`] bytes on each side of it, so that the cost of a
//! request does not grow with what was kept. What counts is a match of critical severity that crosses a seam and that no
//! piece shows by itself; formats without a mark of their own (card numbers, identifiers) make no finding, since numbers
//! of different requests in a row look like anything.
//!
//! Not seen: halves between other words of a prompt, and pieces under names or to hosts that change each time in another
//! way than by a number. Time comes in as an argument. Next: `pipeline` keeps one [`Ring`] a workload.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use zeroize::Zeroizing;

use super::members::{Event, Members, Syntax};
use crate::model::{Family, Finding, Severity, View};

/// Bytes of neighbouring pieces that a scan sees; longer than any core of a rule.
const REACH: usize = 1024;
/// Shortest and longest piece that is kept.
const PIECE: std::ops::RangeInclusive<usize> = 1..=1024;
/// A value this long that comes again is a parameter, and no two equal pieces of one token.
const REPEATED: usize = 8;
/// Bytes of a body that are walked for pieces, as in the reference.
const WALKED: usize = 64 * 1024;
/// Pieces taken of one message.
const PIECES: usize = 32;
/// Memory a piece is counted for beside its bytes.
const OVERHEAD: usize = 64;
/// Names that number a piece for its neighbours.
const NUMBERS: &[&str] = &[
    "part", "p", "seq", "sequence", "n", "no", "num", "number", "i", "idx", "index", "chunk", "block", "offset",
    "order", "segment",
];

/// One value that looks like a part of a token. No `Debug`: it may be one.
#[derive(Clone)]
pub struct Piece {
    /// The name it came under, less a number at its end.
    key: Vec<u8>,
    /// The number it came with.
    number: Option<u32>,
    value: Zeroizing<Vec<u8>>,
    /// Where in its message it stands.
    span: Range<u64>,
}

/// Collects the pieces of one message while it passes.
pub struct Pieces {
    members: Members,
    syntax: Syntax,
    walked: usize,
    collected: Collected,
}

#[derive(Default)]
struct Collected {
    list: Vec<Piece>,
    /// The number that one of the values gives to the others.
    number: Option<u32>,
    open: Option<Piece>,
}

impl Pieces {
    /// Collects from a message written so.
    #[must_use]
    pub fn new(syntax: Syntax) -> Self {
        Self { members: Members::new(syntax), syntax, walked: 0, collected: Collected::default() }
    }

    /// Shows the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..bytes.len().min(WALKED - self.walked)).unwrap_or_default();
        self.walked += bytes.len();
        let Self { members, collected, syntax, .. } = self;
        members.push(bytes, |event| collected.take(event, *syntax));
    }

    /// The message is complete.
    #[must_use]
    pub fn finish(mut self) -> Vec<Piece> {
        let Self { members, collected, syntax, .. } = &mut self;
        members.finish(|event| collected.take(event, *syntax));
        let number = self.collected.number;
        let mut list = self.collected.list;
        for piece in &mut list {
            piece.number = piece.number.or(number);
        }
        list
    }
}

impl Collected {
    fn take(&mut self, event: Event<'_>, syntax: Syntax) {
        match event {
            Event::Scalar { key, name, .. } => {
                let value = Zeroizing::new(Vec::with_capacity(PIECE.end() + 1));
                self.open = Some(Piece { key: key.to_vec(), number: None, value, span: name..name });
            }
            Event::Bytes(bytes) => {
                if let Some(open) = &mut self.open {
                    let room = (PIECE.end() + 1).saturating_sub(open.value.len());
                    open.value.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
                }
            }
            Event::ScalarEnd(end) => {
                if let Some(mut piece) = self.open.take() {
                    piece.span.end = end;
                    self.close(piece, syntax);
                }
            }
            Event::Member { .. } | Event::MemberEnd { .. } => {}
        }
    }

    fn close(&mut self, mut piece: Piece, syntax: Syntax) {
        if piece.value.len() > *PIECE.end() {
            return;
        }
        if syntax == Syntax::Form {
            piece.value = unescaped(&piece.value);
        }
        if let Some(number) = number(&piece.value) {
            let key = piece.key.to_ascii_lowercase();
            if NUMBERS.iter().any(|name| name.as_bytes() == key) {
                self.number = Some(number);
                return;
            }
        }
        // Some number the name, and some the value: `p2=…`, `d=2:…`, `d=2/5:…`.
        let digits = piece.key.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 && digits < piece.key.len() {
            piece.number = number_in(piece.key.split_off(piece.key.len() - digits).as_slice());
        }
        if let Some((number, prefix)) = prefixed(&piece.value) {
            piece.number = Some(number);
            piece.value.drain(..prefix);
        }
        if PIECE.contains(&piece.value.len()) && is_token_like(&piece.value) && self.list.len() < PIECES {
            self.list.push(piece);
        }
    }
}

/// Percent-encoding and `+` undone.
fn unescaped(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(PIECE.end() + 1));
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let escape =
            after.first_chunk::<2>().filter(|_| byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(decoded) = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            text.push(decoded);
            rest = after.get(2..).unwrap_or_default();
        } else {
            text.push(if byte == b'+' { b' ' } else { byte });
            rest = after;
        }
    }
    text
}

fn is_token_like(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.~:@!$%&*#".contains(byte))
}

/// A value that is nothing but a small number.
fn number(value: &[u8]) -> Option<u32> {
    number_in(value.trim_ascii())
}

fn number_in(digits: &[u8]) -> Option<u32> {
    let small = (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| small)?.parse().ok()
}

/// `2:`, `2/5:`, `2|` before the piece: the number, and the length of all that.
fn prefixed(value: &[u8]) -> Option<(u32, usize)> {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let first = digits(value);
    let number = number_in(value.get(..first)?)?;
    let rest = value.get(first..)?;
    let of = if rest.first() == Some(&b'/') { 1 + digits(rest.get(1..)?) } else { 0 };
    matches!(rest.get(of)?, b':' | b'|').then_some((number, first + of + 1))
}

/// Pieces kept of one workload, at most for a while and at most so many bytes.
pub struct Ring {
    /// The lane used last stands at the end.
    lanes: Vec<Lane>,
    bytes: usize,
    max_bytes: usize,
    window: Duration,
}

/// Pieces under one name to one host.
struct Lane {
    /// Keyed hash of both.
    of: u64,
    pieces: VecDeque<Kept>,
}

struct Kept {
    number: Option<u32>,
    at: Duration,
    value: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("lanes", &self.lanes.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Ring {
    /// An empty one of at most `max_bytes`, in which pieces stay for `window`.
    #[must_use]
    pub fn new(max_bytes: usize, window: Duration) -> Self {
        Self { lanes: Vec::new(), bytes: 0, max_bytes, window }
    }

    /// Takes the pieces of a message to `host` and answers what they complete. `now` counts from any fixed moment; `scan`
    /// says what a text alone contains.
    pub fn offer(
        &mut self,
        host: &str,
        pieces: Vec<Piece>,
        now: Duration,
        scan: impl Fn(&[u8]) -> Vec<Finding>,
    ) -> Vec<Finding> {
        self.forget_before(now.saturating_sub(self.window));
        let mut found = Vec::new();
        for piece in pieces {
            let lane = self.lane(host, &piece.key);
            // The same value again is a parameter that does not change, or a client that tries again.
            if lane.has(&piece) {
                continue;
            }
            // What shows by itself was found where it stood; it must not make its neighbours a secret, too.
            if scan(&piece.value).iter().any(counts) {
                continue;
            }
            let completed = lane.completed_by(&piece, &scan);
            if !completed.is_empty() {
                // Not kept: it is stopped, and must complete the secret again when the client tries again.
                found.extend(completed);
                continue;
            }
            self.bytes += piece.value.len() + OVERHEAD;
            if let Some(lane) = self.lanes.last_mut() {
                lane.pieces.push_back(Kept { number: piece.number, at: now, value: piece.value });
            }
            self.shrink();
        }
        found
    }

    /// The lane of a name and a host, moved to the end.
    fn lane(&mut self, host: &str, key: &[u8]) -> &mut Lane {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        let of = KEY.get_or_init(RandomState::new).hash_one((host, key));
        let lane = match self.lanes.iter().position(|lane| lane.of == of) {
            Some(place) => self.lanes.remove(place),
            None => Lane { of, pieces: VecDeque::new() },
        };
        self.lanes.push(lane);
        let last = self.lanes.len() - 1;
        &mut self.lanes[last]
    }

    fn forget_before(&mut self, oldest: Duration) {
        for lane in &mut self.lanes {
            lane.pieces.retain(|kept| kept.at >= oldest);
        }
        self.lanes.retain(|lane| !lane.pieces.is_empty());
        self.bytes = self.lanes.iter().flat_map(|lane| &lane.pieces).map(|kept| kept.value.len() + OVERHEAD).sum();
    }

    /// Forgets the oldest pieces of the lanes that were used longest ago.
    fn shrink(&mut self) {
        while self.bytes > self.max_bytes
            && let Some(lane) = self.lanes.first_mut()
        {
            match lane.pieces.pop_front() {
                Some(kept) => self.bytes -= kept.value.len() + OVERHEAD,
                None => drop(self.lanes.remove(0)),
            }
        }
    }

    /// Memory it is counted for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Whether a finding says that something is a secret by its own marks.
fn counts(finding: &Finding) -> bool {
    finding.family == Family::Dlp && finding.severity == Severity::Critical
}

impl Lane {
    fn has(&self, piece: &Piece) -> bool {
        let same = |kept: &Kept| kept.number == piece.number && kept.value == piece.value;
        if piece.number.is_some() || piece.value.len() >= REPEATED {
            self.pieces.iter().any(same)
        } else {
            self.pieces.back().is_some_and(same)
        }
    }

    /// What becomes visible when the piece is put in its place.
    fn completed_by(&self, piece: &Piece, scan: &impl Fn(&[u8]) -> Vec<Finding>) -> Vec<Finding> {
        let (mut text, seams) = self.joined(piece);
        if seams.is_empty() {
            return Vec::new();
        }
        let crosses =
            |finding: &Finding| seams.iter().any(|seam| finding.span.start < *seam && *seam < finding.span.end);
        let found = scan(&text).into_iter().filter(|finding| counts(finding) && crosses(finding));
        let found = found.map(|finding| Finding {
            rule: Arc::from(format!("{} (in pieces)", finding.rule)),
            view: View::Squashed,
            span: piece.span.clone(),
            ..finding
        });
        let found = found.collect();
        text.clear();
        found
    }

    /// The piece between its neighbours, and where one begins behind another.
    fn joined(&self, piece: &Piece) -> (Zeroizing<Vec<u8>>, Vec<u64>) {
        let mut numbered: Vec<(u32, &[u8])> =
            self.pieces.iter().filter_map(|kept| Some((kept.number?, kept.value.as_slice()))).collect();
        numbered.sort_by_key(|(number, _)| *number);
        let (before, after): (Vec<&[u8]>, Vec<&[u8]>) = if let Some(own) = piece.number {
            // Gaps are left to the scan: what does not join makes no match.
            (
                numbered.iter().filter(|(number, _)| *number < own).map(|(_, value)| *value).collect(),
                numbered.iter().filter(|(number, _)| *number > own).map(|(_, value)| *value).collect(),
            )
        } else {
            let plain = self.pieces.iter().filter(|kept| kept.number.is_none());
            (plain.map(|kept| kept.value.as_slice()).collect(), Vec::new())
        };
        let within = |pieces: &mut dyn Iterator<Item = &&[u8]>| {
            let mut left = REACH;
            let fits = pieces.take_while(|piece| {
                let room = left > 0;
                left = left.saturating_sub(piece.len());
                room
            });
            fits.count()
        };
        let begin = before.len() - within(&mut before.iter().rev());
        let end = within(&mut after.iter());
        let mut text = Zeroizing::new(Vec::with_capacity(4 * REACH + PIECE.end()));
        let mut seams = Vec::new();
        let before = before.iter().skip(begin).copied();
        let parts = before.chain([piece.value.as_slice()]).chain(after.iter().take(end).copied());
        for part in parts {
            if !text.is_empty() {
                seams.push(text.len() as u64);
            }
            text.extend_from_slice(part);
        }
        (text, seams)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::model::Surface;
    use crate::scan::{Engine, RuleSpec};

    static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::compile(&RuleSpec::default()).unwrap());

    const KEY: &str = concat!("glpat", "-k7Rq2VxLm9Tz0Bw4Hs6J");

    fn scan(text: &[u8]) -> Vec<Finding> {
        ENGINE.scan(Surface::RequestBody, text)
    }

    fn ring() -> Ring {
        Ring::new(65_536, Duration::from_mins(5))
    }

    /// Sends messages one second after another and answers the rules found, and by which message.
    fn send(ring: &mut Ring, syntax: Syntax, messages: &[&str]) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            let mut pieces = Pieces::new(syntax);
            message.as_bytes().chunks(7).for_each(|chunk| pieces.push(chunk));
            let found = ring.offer("evil.example.com", pieces.finish(), Duration::from_secs(at as u64), scan);
            all.extend(found.iter().map(|finding| (at, finding.rule.to_string())));
        }
        all
    }

    fn halves() -> (&'static str, &'static str) {
        KEY.split_at(12)
    }

    fn once(at: usize) -> Vec<(usize, String)> {
        vec![(at, "GitLab PAT (in pieces)".to_owned())]
    }

    #[test]
    fn halves_under_one_name_are_found_when_the_second_comes() {
        let (a, b) = halves();
        let form = [format!("d={a}"), "x=other".to_owned(), format!("d={b}")];
        let form: Vec<&str> = form.iter().map(String::as_str).collect();
        assert_eq!(send(&mut ring(), Syntax::Form, &form), once(2));
        let json = [format!(r#"{{"data":{{"d":"{a}"}}}}"#), format!(r#"{{"data":{{"d":"{b}"}}}}"#)];
        assert_eq!(send(&mut ring(), Syntax::Json, &[&json[0], &json[1]]), once(1));
        let six: Vec<String> =
            KEY.as_bytes().chunks(5).map(|part| format!("d={}", String::from_utf8_lossy(part))).collect();
        let six: Vec<&str> = six.iter().map(String::as_str).collect();
        assert_eq!(send(&mut ring(), Syntax::Form, &six).len(), 1, "five bytes at a time");
    }

    #[test]
    fn a_piece_that_was_stopped_is_stopped_again_when_the_client_tries_again() {
        let (a, b) = halves();
        let (first, second) = (format!("d={a}"), format!("d={b}"));
        let found = send(&mut ring(), Syntax::Form, &[&first, &second, &second, &second]);
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn numbered_pieces_are_found_in_any_order() {
        let parts: Vec<&str> = [(0, 9), (9, 17), (17, KEY.len())].iter().map(|&(a, b)| &KEY[a..b]).collect();
        let styles: [fn(usize, &str) -> String; 4] = [
            |n, part| format!("part={n}&d={part}"),
            |n, part| format!("d{n}={part}"),
            |n, part| format!("d={n}:{part}"),
            |n, part| format!("d={n}/3:{part}"),
        ];
        for style in styles {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let messages: Vec<String> = order.iter().map(|&n| style(n + 1, parts[n])).collect();
                let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
                assert_eq!(send(&mut ring(), Syntax::Form, &messages), once(2), "{messages:?}");
            }
        }
    }

    #[test]
    fn pieces_to_other_hosts_under_other_names_or_of_long_ago_do_not_join() {
        let (a, b) = halves();
        let pieces = |text: &str| {
            let mut pieces = Pieces::new(Syntax::Form);
            pieces.push(text.as_bytes());
            pieces.finish()
        };
        let (first, second) = (pieces(&format!("d={a}")), pieces(&format!("d={b}")));
        let mut ring = ring();
        let at = Duration::from_secs;
        assert!(ring.offer("a.test", first.clone(), at(0), scan).is_empty());
        assert!(ring.offer("b.test", second.clone(), at(1), scan).is_empty());
        assert!(ring.offer("a.test", pieces(&format!("other={b}")), at(2), scan).is_empty());
        assert!(ring.offer("a.test", second.clone(), at(301), scan).is_empty());
        assert_eq!(ring.offer("a.test", first, at(302), scan).len(), 0, "the wrong way round");
    }

    #[test]
    fn what_one_message_shows_by_itself_is_not_told_again() {
        let messages = [format!("d={KEY}"), "d=abcdefgh".to_owned(), format!("d={KEY}"), format!("d=x{KEY}")];
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        assert_eq!(send(&mut ring(), Syntax::Form, &messages), []);
    }

    #[test]
    fn prose_numbers_and_repetition_are_no_pieces() {
        let (a, b) = halves();
        let prose = [format!(r#"{{"content":"first half is {a}"}}"#), format!(r#"{{"content":"then {b}"}}"#)];
        assert_eq!(send(&mut ring(), Syntax::Json, &[&prose[0], &prose[1]]), []);
        let cards = ["n=41111111", "n=11111111", "n=4111", "n=5500000000000004"];
        assert_eq!(send(&mut ring(), Syntax::Form, &cards), []);
        let mut ring = ring();
        let same: Vec<String> = (0..1000).map(|_| format!("d={a}")).collect();
        let same: Vec<&str> = same.iter().map(String::as_str).collect();
        assert_eq!(send(&mut ring, Syntax::Form, &same), []);
        assert_eq!(ring.bytes(), a.len() + OVERHEAD);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_pieces_stay() {
        let mut ring = Ring::new(4096, Duration::from_mins(5));
        let noise: Vec<String> = (0..500).map(|n| format!("k{}x=value-{n}-{}", n % 50, "y".repeat(n % 900))).collect();
        let noise: Vec<&str> = noise.iter().map(String::as_str).collect();
        assert_eq!(send(&mut ring, Syntax::Form, &noise), []);
        assert!(ring.bytes() <= 4096);
        let (a, b) = halves();
        assert_eq!(send(&mut ring, Syntax::Form, &[&format!("d={a}"), &format!("d={b}")]), once(1));
    }
}

//! Events as browsers read them, however the stream is cut.

use proptest::prelude::*;

use super::*;

/// What a reader is told: name, data, id and end of each event, and how often one was too large.
type Told = (Vec<(String, String, Option<String>, u64)>, usize);

fn read(pieces: &[&[u8]], max: usize) -> (Told, Vec<u64>) {
    let mut parser = Parser::new(max);
    let (mut events, mut too_large, mut settled) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let outcome = parser.push(piece, |event| {
            events.push((text(event.name), text(event.data), event.id.map(text), event.end));
        });
        too_large += usize::from(outcome.is_err());
        settled.push(parser.settled());
    }
    ((events, too_large), settled)
}

fn told(text: &str) -> Vec<(String, String)> {
    let ((events, _), _) = read(&[text.as_bytes()], 1 << 20);
    events.into_iter().map(|(name, data, ..)| (name, data)).collect()
}

#[test]
fn events_are_read_as_browsers_read_them() {
    for (why, stream, events) in [
        ("LF", "data: a\n\ndata: b\n\n", vec![("", "a"), ("", "b")]),
        ("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", vec![("", "a"), ("", "b")]),
        ("CR", "data: a\r\rdata: b\r\r", vec![("", "a"), ("", "b")]),
        ("mixed line ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", vec![("", "a"), ("", "b"), ("", "c")]),
        ("a byte order mark", "\u{feff}data: a\n\n", vec![("", "a")]),
        ("a second byte order mark is content", "data: a\n\n\u{feff}data: b\n\n", vec![("", "a")]),
        ("several lines", "data: a\ndata\ndata:  b\n\n", vec![("", "a\n\n b")]),
        ("a name", "event: ping\ndata: x\n\ndata: y\n\n", vec![("ping", "x"), ("", "y")]),
        ("empty data is told", "data\n\n", vec![("", "")]),
        ("no data is not", "event: x\n\nid: 1\n\n", vec![]),
        ("an unfinished event is not", "data: a\n\ndata: b\n", vec![("", "a")]),
        ("comments and unknown fields", ": hi\nfoo: bar\ndata: a\n: in between\nDATA: b\n\n", vec![("", "a")]),
        ("no colon, no space", "data:a:b\ndata\n\n", vec![("", "a:b\n")]),
    ] {
        let want: Vec<_> = events.into_iter().map(|(name, data)| (name.to_owned(), data.to_owned())).collect();
        assert_eq!(told(stream), want, "{why}");
    }
}

#[test]
fn an_id_with_nul_is_ignored_and_the_last_one_counts() {
    let ((events, _), _) = read(&[b"id: 1\nid: 2\nid: \0\ndata: a\n\ndata: b\n\n"], 100);
    let ids: Vec<_> = events.iter().map(|(_, _, id, _)| id.as_deref()).collect();
    assert_eq!(ids, [Some("2"), None]);
}

#[test]
fn whole_events_and_keep_alives_are_settled_and_nothing_else() {
    let pieces = ["data: a", "\r", "\n\r", "\n", ": ping\n", "id: 1\n: in an event\n", "data: b\n", "\n"];
    let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
    let (_, settled) = read(&bytes, 100);
    // An empty line that ends in CR settles its event at once; the LF behind it is never left over.
    assert_eq!(settled, [0, 0, 10, 11, 18, 18, 18, 47]);
}

#[test]
fn an_event_over_the_bound_is_told_once_and_skipped_to_its_end() {
    let long = "x".repeat(60);
    for stream in [
        format!("data: a\n\ndata: {long}\ndata: more\n\ndata: b\n\n"),
        format!("data: a\n\ndata: {}\ndata: {}\ndata: {}\n\ndata: b\n\n", &long[..30], &long[..30], &long[..30]),
        format!("data: a\n\n: {long}\ndata: more\n\ndata: b\n\n"),
    ] {
        let whole = read(&[stream.as_bytes()], 50).0;
        let by_byte: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        for (events, too_large) in [whole, read(&by_byte, 50).0] {
            let data: Vec<_> = events.iter().map(|(_, data, ..)| data.as_str()).collect();
            assert!(too_large <= 1 && data.first() == Some(&"a") && data.last() == Some(&"b"), "{data:?}");
        }
    }
}

#[test]
fn memory_follows_the_bound_and_not_the_stream() {
    let mut parser = Parser::new(1000);
    for _ in 0..10_000 {
        let _ = parser.push(&[b'x'; 100], |_| ());
    }
    assert!(parser.line.capacity() + parser.block.data.capacity() <= 4000);
    assert_eq!(parser.pending(), 1_000_000);
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        stream in proptest::collection::vec(
            prop_oneof![
                Just("\r"), Just("\n"), Just("data: "), Just("x"), Just(":"), Just("event:y"), Just("id: 1"),
                Just("\u{feff}"), Just(" "),
            ],
            0..60,
        ),
        cuts in proptest::collection::vec(1_usize..7, 1..40),
    ) {
        let stream = stream.concat().into_bytes();
        let ((whole, _), settled) = read(&[&stream], 1000);
        let mut pieces: Vec<&[u8]> = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        let ((cut, _), cut_settled) = read(&pieces, 1000);
        // Where a cut falls into CRLF the event is told one byte earlier; everything else is the same.
        let content = |told: &[(String, String, Option<String>, u64)]| -> Vec<_> {
            told.iter().map(|(name, data, id, _)| (name.clone(), data.clone(), id.clone())).collect()
        };
        prop_assert_eq!(content(&whole), content(&cut));
        prop_assert_eq!(settled.last(), cut_settled.last().or(Some(&0)));
    }
}

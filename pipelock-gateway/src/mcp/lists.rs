//! Lists of tools that were read and judged before: servers send the same one, thirty kilobytes of it, to every client and for
//! every question, and only its id differs.
//!
//! Pure. A list is known again by its bytes, compared one by one around the id: no digest that could be met by chance, and no
//! second reading. That the id is the only thing that may differ is not assumed but tried, with another id, before a list is
//! kept. What was made of it is the keeper's business, who forgets all when the rules change.

use std::collections::VecDeque;

use bytes::Bytes;

use super::jsonrpc::{self, Content, Id, Kind};

/// Bytes of all that are kept; users' lists differ, since what they own is named in them.
const MAX_BYTES: usize = 16 << 20;
/// Lists that are kept; finding one that is not there is a look at each.
const MAX_LISTS: usize = 256;
/// Bytes of one that is kept.
const MAX_ONE: usize = 1 << 20;
/// How far from the beginning, else from the end, an id is looked for: it is one of three short members.
const NEAR: usize = 64;
/// Bytes of an id.
const MAX_ID: usize = 256;

/// A message cut at its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    before: Bytes,
    behind: Bytes,
    /// The id in it.
    pub(super) id: Id,
}

impl Cut {
    /// Cuts where an id is likely; whether it is one is seen by [`Cut::holds`], or because a message with these ends was.
    pub(super) fn of(bytes: &Bytes) -> Option<Self> {
        let head = bytes.get(..NEAR.min(bytes.len()))?;
        let tail = bytes.len().saturating_sub(NEAR + MAX_ID);
        let key = memchr::memmem::find(head, b"\"id\"")
            .or_else(|| Some(tail + memchr::memmem::rfind(bytes.get(tail..)?, b"\"id\"")?))?;
        let mut at = key + 4;
        at += blanks(bytes.get(at..)?);
        at += usize::from(bytes.get(at) == Some(&b':'));
        at += blanks(bytes.get(at..)?);
        let rest = bytes.get(at..)?;
        let length = match rest.first()? {
            b'"' => string_length(rest.get(..MAX_ID.min(rest.len()))?)?,
            _ => rest.iter().take(MAX_ID).take_while(|byte| matches!(byte, b'-' | b'0'..=b'9')).count(),
        };
        // A number goes on until something ends it.
        if !matches!(rest.get(length)?, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n') {
            return None;
        }
        let id = Id::read(&jsonrpc::value(rest.get(..length)?).ok()?).ok()?;
        Some(Self { before: bytes.slice(..at), behind: bytes.slice(at + length..), id })
    }

    /// Whether the id is all that changes when another one stands in its place.
    pub(super) fn holds(&self, content: &Content) -> bool {
        let Content::One(message) = content else { return false };
        let Kind::Response { id: Some(id) } = &message.kind else { return false };
        let other = Id::Text(if self.id == Id::Text("a".to_owned()) { "b" } else { "a" }.to_owned());
        let mut expected = message.value.clone();
        let Some(place) = expected.get_mut("id") else { return false };
        *place = other.to_value();
        let written = [&self.before[..], other.to_value().to_string().as_bytes(), &self.behind[..]].concat();
        *id == self.id && jsonrpc::value(&written).is_ok_and(|read| read == expected)
    }

    /// What stands before and behind the id.
    pub(super) fn ends(&self) -> Ends<'_> {
        (&self.before, &self.behind)
    }
}

/// What stands before and behind the id of a message of which nothing else may differ.
pub type Ends<'a> = (&'a [u8], &'a [u8]);

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// The length of the string that begins here, its quotes included.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// What was made of lists.
#[derive(Debug)]
pub(crate) struct Lists<T> {
    /// The one used last first.
    known: VecDeque<Known<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Known<T> {
    before: Box<[u8]>,
    behind: Box<[u8]>,
    made: T,
}

impl<T> Known<T> {
    fn len(&self) -> usize {
        self.before.len() + self.behind.len()
    }
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { known: VecDeque::new(), bytes: 0 }
    }
}

impl<T: Clone> Lists<T> {
    /// What was made of the one with these ends.
    pub(crate) fn find(&mut self, (before, behind): Ends<'_>) -> Option<T> {
        let at = self.known.iter().position(|known| *known.before == *before && *known.behind == *behind)?;
        if at > 0 {
            let used = self.known.remove(at)?;
            self.known.push_front(used);
        }
        self.known.front().map(|known| known.made.clone())
    }

    /// Keeps what was made of a message; those unused longest make room.
    pub(crate) fn keep(&mut self, (before, behind): Ends<'_>, made: T) {
        let known = Known { before: before.into(), behind: behind.into(), made };
        if known.len() > MAX_ONE {
            return;
        }
        self.bytes += known.len();
        self.known.push_front(known);
        while self.known.len() > MAX_LISTS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.known.pop_back() else { break };
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Option<Cut> {
        Cut::of(&Bytes::copy_from_slice(text.as_bytes()))
    }

    /// Keeps one and asks for the other.
    fn is_known(kept: &str, asked: &str) -> Option<Id> {
        let mut lists = Lists::default();
        let first = cut(kept).filter(|cut| Content::read(kept.as_bytes()).is_ok_and(|content| cut.holds(&content)))?;
        lists.keep(first.ends(), ());
        let cut = cut(asked)?;
        lists.find(cut.ends()).map(|()| cut.id)
    }

    #[test]
    fn a_list_is_known_again_under_another_id_and_no_other_is() {
        let text = |text: &str| Some(Id::Text(text.to_owned()));
        let first = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}"#;
        // In the order in which the SDK for TypeScript writes.
        let last = r#"{"result":{"tools":[{"name":"a","description":"a text that is longer than what is looked at, \"id\":7"}]},"jsonrpc":"2.0","id":1}"#;
        for (kept, asked, id) in [
            (first, first.replace(":1,", ":-20417,"), Some(Id::Number((-20417).into()))),
            (first, first.replace(":1,", r#":"x\"y","#), text("x\"y")),
            (last, last.replace(":1}", r#":"9"}"#), text("9")),
            (first, first.replace(":1,", ": 1,"), None),
            (first, first.replace(":1,", ":1.5,"), None),
            (first, first.replace(":1,", ":01,"), None),
            (first, first.replace(":1,", ":{},"), None),
            (first, first.replace(":1,", r#":1,"id":2,"#), None),
            (first, first.replace("\"a\"", "\"b\""), None),
            (last, last.replace("longer", "LONGER"), None),
            // The id of something else stands first.
            (
                r#"{"result":{"id":5,"tools":[]},"jsonrpc":"2.0","id":1}"#,
                r#"{"result":{"id":6,"tools":[]},"jsonrpc":"2.0","id":1}"#.to_owned(),
                None,
            ),
            (
                r#"{"x":"\"id\":5","jsonrpc":"2.0","id":5,"result":{}}"#,
                r#"{"x":"\"id\":6","jsonrpc":"2.0","id":5,"result":{}}"#.to_owned(),
                None,
            ),
        ] {
            assert_eq!(is_known(kept, &asked), id, "{asked}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes() {
        let mut lists = Lists::default();
        let list = |number: usize, size: usize| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[],"n":{number},"t":"{}"}}}}"#, "x".repeat(size))
        };
        let keep = |lists: &mut Lists<usize>, number: usize, size: usize| {
            lists.keep(cut(&list(number, size)).unwrap().ends(), number);
        };
        for number in 0..600 {
            keep(&mut lists, number, 10);
            assert_eq!(lists.find(cut(&list(0, 10)).unwrap().ends()), Some(0), "what is used stays");
        }
        assert_eq!(lists.known.len(), MAX_LISTS);
        assert_eq!(lists.find(cut(&list(5, 10)).unwrap().ends()), None);
        for number in 0..20 {
            keep(&mut lists, number, 1_000_000);
        }
        assert!(lists.bytes <= MAX_BYTES && lists.bytes == lists.known.iter().map(Known::len).sum::<usize>());
        keep(&mut lists, 99, MAX_ONE);
        assert_eq!(lists.find(cut(&list(99, MAX_ONE)).unwrap().ends()), None, "too large by itself");
    }

    proptest! {
        /// What is taken for a known list reads as that list, with the id that was cut out.
        #[test]
        fn what_is_known_is_what_would_be_read(
            kept in r#"\{("id":[0-9]{1,2},|"x":"[\\"id:, ]{0,6}",|"result":\{("id":[0-9],)?"t":\[\]\},){1,4}"jsonrpc":"2.0"(,"id":[0-9])?\}"#,
            id in r#"(-?[0-9]{1,3}|"[a-z\\"]{0,4}"|[0-9].[0-9]|\{\}|[0-9],"id":[0-9])"#,
        ) {
            let (Some(cut), Ok(content)) = (cut(&kept), Content::read(kept.as_bytes())) else { return Ok(()) };
            if !cut.holds(&content) {
                return Ok(());
            }
            let asked = [&cut.before[..], id.as_bytes(), &cut.behind[..]].concat();
            if let Some(other) = Cut::of(&Bytes::from(asked.clone())) && other.ends() == cut.ends() {
                let mut expected = content.messages()[0].value.clone();
                expected["id"] = other.id.to_value();
                prop_assert_eq!(jsonrpc::value(&asked), Ok(expected));
            }
        }
    }
}

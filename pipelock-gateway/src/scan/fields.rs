//! Remembers which stretches of a body are members that somebody asked for.
//!
//! A finding knows its place in the bytes; whether a credential may stand there depends on the member it stands in. So the
//! places that the table allows for a host are looked for while the body passes, and only those: for most hosts there are
//! none, and then no walk takes place. Next: [`crate::verdict`] asks for the place of each finding.

use std::ops::Range;

use super::members::{Event, Members, Syntax};
use crate::model::{BodyPlace, Depth};

/// Members kept; what stands in a later one is in no place that anybody asked for.
const MAX_EXTENTS: usize = 256;

/// The places asked for, as far as a body has shown them.
#[derive(Debug)]
pub struct Fields {
    wanted: Vec<BodyPlace>,
    members: Members,
    /// Name and value of members that have ended, with the index of their place.
    ended: Vec<(usize, Range<u64>)>,
    /// The same of members that go on: the scalar last begun, and a member with everything below it.
    open: Vec<(usize, u64)>,
    at: u64,
}

impl Fields {
    /// Looks for `wanted` in a body that is written so.
    #[must_use]
    pub fn new(syntax: Syntax, wanted: Vec<BodyPlace>) -> Self {
        Self { wanted, members: Members::new(syntax), ended: Vec::new(), open: Vec::new(), at: 0 }
    }

    /// Shows the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let Self { wanted, members, ended, open, .. } = self;
        members.push(bytes, |event| take(wanted, open, ended, event));
        self.at += bytes.len() as u64;
    }

    /// The body is complete.
    pub fn finish(&mut self) {
        let Self { wanted, members, ended, open, .. } = self;
        members.finish(|event| take(wanted, open, ended, event));
    }

    /// The places, as they were asked for, in which these bytes stand as a whole.
    pub fn places_of(&self, span: &Range<u64>) -> impl Iterator<Item = &BodyPlace> {
        let within = |start: u64, end: u64| start <= span.start && span.end <= end;
        let ended = self.ended.iter().filter(move |(_, range)| within(range.start, range.end)).map(|(place, _)| *place);
        let open = self.open.iter().filter(move |(_, start)| within(*start, self.at)).map(|(place, _)| *place);
        ended.chain(open).filter_map(|place| self.wanted.get(place))
    }
}

fn take(wanted: &[BodyPlace], open: &mut Vec<(usize, u64)>, ended: &mut Vec<(usize, Range<u64>)>, event: Event<'_>) {
    let matching = |key: &[u8], level: usize, below: bool| {
        let wants = move |place: &&BodyPlace| {
            let depth = match place.depth {
                Depth::Top => !below && level == 1,
                Depth::Any => !below,
                Depth::Below => below && level == 1,
            };
            depth && place.key.as_bytes() == key
        };
        wanted.iter().position(|place| wants(&place))
    };
    let is_below = |place: usize| wanted.get(place).is_some_and(|place| place.depth == Depth::Below);
    match event {
        Event::Member { .. } | Event::Scalar { .. } if ended.len() + open.len() >= MAX_EXTENTS => {}
        Event::Member { key, level, name } => open.extend(matching(key, level, true).map(|place| (place, name))),
        Event::Scalar { key, level, name } => open.extend(matching(key, level, false).map(|place| (place, name))),
        Event::ScalarEnd(end) => close(open, ended, end, |place| !is_below(place)),
        Event::MemberEnd { level: 1, end } => close(open, ended, end, is_below),
        Event::Bytes(_) | Event::MemberEnd { .. } => {}
    }
}

fn close(open: &mut Vec<(usize, u64)>, ended: &mut Vec<(usize, Range<u64>)>, end: u64, which: impl Fn(usize) -> bool) {
    open.retain(|&(place, start)| {
        if which(place) {
            ended.push((place, start..end));
        }
        !which(place)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Placement;

    fn wanted(texts: &[&str]) -> Vec<BodyPlace> {
        texts
            .iter()
            .map(|text| match text.parse() {
                Ok(Placement::Body(place)) => place,
                other => panic!("{text}: {other:?}"),
            })
            .collect()
    }

    /// The places of the first `needle` in a body that came byte by byte, asked both while it passed and at the end.
    fn places(syntax: Syntax, texts: &[&str], body: &str, needle: &str) -> Vec<String> {
        let mut fields = Fields::new(syntax, wanted(texts));
        let start = body.find(needle).unwrap();
        let span = start as u64..(start + needle.len()) as u64;
        let name = |place: &BodyPlace| Placement::Body(place.clone()).to_string();
        let mut early = Vec::new();
        for (at, byte) in body.bytes().enumerate() {
            fields.push(&[byte]);
            if at + 1 == start + needle.len() {
                early = fields.places_of(&span).map(name).collect();
            }
        }
        fields.finish();
        let late: Vec<String> = fields.places_of(&span).map(name).collect();
        assert_eq!(early, late, "{needle} while it passed and at the end");
        late
    }

    #[test]
    fn a_span_is_in_a_place_only_where_the_place_is_asked_for() {
        let none: [&str; 0] = [];
        let json = |texts: &[&str], body: &str| places(Syntax::Json, texts, body, "TOKEN");
        let plaid = ["body access_token"];
        assert_eq!(json(&plaid, r#"{"access_token":"TOKEN"}"#), plaid);
        assert_eq!(json(&plaid, r#"{"x":1, "access_token" : ["a", "TOKEN"], "y":2}"#), plaid, "lists are no level");
        assert_eq!(json(&plaid, r#"{"messages":[{"content":"TOKEN"}]}"#), none);
        assert_eq!(json(&plaid, r#"{"messages":[{"access_token":"TOKEN"}]}"#), none, "not at the top");
        assert_eq!(json(&plaid, r#"{"access_token":{"note":"TOKEN"}}"#), none, "an object is no value");
        assert_eq!(json(&plaid, r#"{"access_token":"x","note":"TOKEN"}"#), none);
        assert_eq!(json(&plaid, r#"{"note":"\"access_token\":\"TOKEN"}"#), none, "quoted in a text");
        assert_eq!(json(&["body **.access_token"], r#"{"a":[{"access_token":"TOKEN"}]}"#), ["body **.access_token"]);
        let below = ["body connectionFields.**"];
        assert_eq!(json(&below, r#"{"connectionFields":{"k":{"apiSecret":"TOKEN"}},"z":1}"#), below);
        assert_eq!(json(&below, r#"{"connectionFields":{"k":1},"note":"TOKEN"}"#), none);
        let form = |body: &str| places(Syntax::Form, &["body refresh_token"], body, "TOKEN");
        assert_eq!(form("grant_type=refresh_token&refresh_token=TOKEN&x=1"), ["body refresh_token"]);
        assert_eq!(form("grant_type=refresh_token&note=TOKEN"), none);
        assert_eq!(form("refresh_token=TOKEN"), ["body refresh_token"], "the last one, too");
    }

    #[test]
    fn a_span_that_reaches_into_the_next_member_is_in_no_place() {
        let mut fields = Fields::new(Syntax::Form, wanted(&["body a"]));
        fields.push(b"a=12345678&b=87654321");
        fields.finish();
        assert_eq!(fields.places_of(&(2..10)).count(), 1);
        assert_eq!(fields.places_of(&(2..15)).count(), 0);
    }

    #[test]
    fn more_members_than_are_kept_excuse_nothing() {
        let body = "a=x&".repeat(1000) + "a=TOKEN";
        assert!(places(Syntax::Form, &["body a"], &body, "TOKEN").is_empty());
    }
}

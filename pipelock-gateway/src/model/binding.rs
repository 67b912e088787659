//! Where a credential belongs: whose it is, which hosts are that provider's, and where in a request it travels.
//!
//! These are the nouns of the table that `credential_binding` holds. Reading the table is [`crate::config`]'s business, and
//! applying it [`crate::verdict`]'s. What is listed here is expected, and nothing else is: a key of one provider in the
//! place of another, or in a prompt, stays a leak.

use std::fmt;
use std::str::FromStr;

use crate::model::{DomainList, PeerName};

/// One provider, what its credentials are, and where they may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialBinding {
    /// What the entry is called; entries of one table differ in it.
    pub provider: String,
    /// The rules that find its credentials.
    pub rules: BoundRules,
    /// Environment variables that hold its credentials: exact names, upper case as a rule.
    pub variables: Vec<String>,
    /// The hosts that are the provider's own.
    pub hosts: BoundHosts,
    /// Where in a request to one of the hosts they may stand.
    pub placements: Vec<Placement>,
}

/// The rules whose findings an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundRules {
    /// Every rule that looks for secrets: the place exists to carry secrets of others, as a bank's login form does.
    Any,
    /// These, as findings carry their names.
    Named(Vec<String>),
}

/// The hosts an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundHosts {
    /// Any host, also one that nothing has proven: the format says nothing of whom it is for, or is self-hosted.
    Any,
    /// These, and only where a certificate has proven the name.
    Listed(DomainList),
}

impl BoundHosts {
    /// Whether a request to `host` is meant; `None` when nothing has proven whom the request is for.
    #[must_use]
    pub fn matches(&self, host: Option<&PeerName>) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(list) => host.is_some_and(|host| list.matches(host)),
        }
    }
}

/// One place in a request. Read with [`FromStr`]; `Display` writes what would be read back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// `header NAME` or `header NAME SCHEME`: the value of a header field, after this scheme if one is given.
    Header {
        /// Lower case.
        name: String,
        /// Lower case; the first word of the value (RFC 9110 §11.4).
        scheme: Option<String>,
    },
    /// `query KEY`: the value of a query parameter, its name as written on the wire.
    Query(String),
    /// `path PREFIX`: the path of the request target, which begins so.
    Path(String),
    /// `body KEY`, `body **.KEY`, `body KEY.**`: a member of a JSON object, or of a form.
    Body(BodyPlace),
}

/// A place in a body of JSON or of a form. Arrays do not count as a level, and forms have only one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BodyPlace {
    /// The member's name, as written on the wire: an escaped spelling is not it.
    pub key: String,
    /// Where the member may stand.
    pub depth: Depth,
}

/// Where a member of a body may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// `KEY`: in the outermost object, and its value is no object.
    Top,
    /// `**.KEY`: in any object, and its value is no object.
    Any,
    /// `KEY.**`: in the outermost object, with everything below it.
    Below,
}

/// Why a text is no [`Placement`]; each message continues the quoted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlacement {
    /// The first word is none of the four.
    #[error("names no place; write header NAME [SCHEME], query KEY, path /PREFIX or body KEY")]
    UnknownPlace,
    /// A header field name with other characters than RFC 9110 §5.1 allows.
    #[error("is not a header field; write header NAME, or header NAME SCHEME")]
    BadHeader,
    /// A query key with characters that end one, or more than one word.
    #[error("is not a query parameter; write query KEY with the key as it stands in the URL")]
    BadQuery,
    /// A prefix that does not begin at the root, or stops at it.
    #[error("is not a path; write path /PREFIX with more than the root, and without ? or #")]
    BadPath,
    /// A body place that is no single key.
    #[error("is not a place in a body; write body KEY, body **.KEY for any depth, or body KEY.** for all below it")]
    BadBody,
}

impl FromStr for Placement {
    type Err = InvalidPlacement;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_ascii_whitespace();
        let (kind, first, second, more) = (words.next(), words.next(), words.next(), words.next());
        let known = matches!(kind, Some("header" | "query" | "path" | "body"));
        match (kind, first, second, more) {
            (Some("header"), Some(name), scheme, None) => header(name, scheme),
            (Some("query"), Some(key), None, None) => query(key),
            (Some("path"), Some(prefix), None, None) => path(prefix),
            (Some("body"), Some(place), None, None) => body(place),
            (Some("header"), ..) => Err(InvalidPlacement::BadHeader),
            (Some("query"), ..) => Err(InvalidPlacement::BadQuery),
            (Some("path"), ..) => Err(InvalidPlacement::BadPath),
            _ if known => Err(InvalidPlacement::BadBody),
            _ => Err(InvalidPlacement::UnknownPlace),
        }
    }
}

fn header(name: &str, scheme: Option<&str>) -> Result<Placement, InvalidPlacement> {
    let token = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !token(name) || !scheme.is_none_or(token) {
        return Err(InvalidPlacement::BadHeader);
    }
    Ok(Placement::Header { name: name.to_ascii_lowercase(), scheme: scheme.map(str::to_ascii_lowercase) })
}

fn query(key: &str) -> Result<Placement, InvalidPlacement> {
    if key.contains(['?', '&', '=', '#', '/']) {
        return Err(InvalidPlacement::BadQuery);
    }
    Ok(Placement::Query(key.to_owned()))
}

fn path(prefix: &str) -> Result<Placement, InvalidPlacement> {
    if prefix.len() < 2 || !prefix.starts_with('/') || prefix.contains(['?', '#']) {
        return Err(InvalidPlacement::BadPath);
    }
    Ok(Placement::Path(prefix.to_owned()))
}

fn body(place: &str) -> Result<Placement, InvalidPlacement> {
    let (key, depth) = match (place.strip_prefix("**."), place.strip_suffix(".**")) {
        (Some(key), None) => (key, Depth::Any),
        (None, Some(key)) => (key, Depth::Below),
        (None, None) => (place, Depth::Top),
        (Some(_), Some(_)) => return Err(InvalidPlacement::BadBody),
    };
    if key.is_empty() || key.contains(['*', '"', '\\', '&', '=']) {
        return Err(InvalidPlacement::BadBody);
    }
    Ok(Placement::Body(BodyPlace { key: key.to_owned(), depth }))
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, scheme: None } => write!(f, "header {name}"),
            Self::Header { name, scheme: Some(scheme) } => write!(f, "header {name} {scheme}"),
            Self::Query(key) => write!(f, "query {key}"),
            Self::Path(prefix) => write!(f, "path {prefix}"),
            Self::Body(BodyPlace { key, depth: Depth::Top }) => write!(f, "body {key}"),
            Self::Body(BodyPlace { key, depth: Depth::Any }) => write!(f, "body **.{key}"),
            Self::Body(BodyPlace { key, depth: Depth::Below }) => write!(f, "body {key}.**"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_are_read_back_as_they_are_written() {
        for text in [
            "header x-api-key",
            "header authorization bearer",
            "query X-Amz-Credential",
            "path /bot",
            "body access_token",
            "body **.access_token",
            "body connectionFields.**",
        ] {
            assert_eq!(text.parse::<Placement>().unwrap().to_string(), text);
        }
        assert_eq!("header X-Api-Key".parse::<Placement>().unwrap().to_string(), "header x-api-key");
    }

    #[test]
    fn what_is_no_place_is_refused_with_its_kind() {
        use InvalidPlacement::{BadBody, BadHeader, BadPath, BadQuery, UnknownPlace};
        for (text, error) in [
            ("", UnknownPlace),
            ("cookie a", UnknownPlace),
            ("Header x", UnknownPlace),
            ("header", BadHeader),
            ("header a: b", BadHeader),
            ("header a b c", BadHeader),
            ("query", BadQuery),
            ("query a=b", BadQuery),
            ("path /", BadPath),
            ("path relative", BadPath),
            ("path /a?b", BadPath),
            ("body", BadBody),
            ("body **", BadBody),
            ("body **.a.**", BadBody),
            ("body a b", BadBody),
            ("body messages[*].content", BadBody),
        ] {
            assert_eq!(text.parse::<Placement>(), Err(error), "{text}");
        }
    }
}

//! `suppress`: findings that are known and harmless.

use super::error::Error;
use super::reader::Value;
use super::schema::{Key, Kind};
use crate::model::Suppression;

pub(super) const KEYS: &[Key] = &[
    Key::new("rule", Kind::Text, "", "The rule, as findings name it. Required."),
    Key::new(
        "path",
        Kind::Text,
        "",
        "Where: a target such as `https://api.example.com/v1/*`, `api.example.com/v1/` for all below, or `/v1/items` on any host; `*` stands for anything. Required.",
    ),
    Key::new("reason", Kind::Text, "", "Why it is harmless, for whoever reads this later."),
    Key::new("expires", Kind::Text, "", "The day after which it no longer holds, as 2027-01-31. A key of ours."),
];

pub(super) fn read(value: &Value<'_>) -> Result<Vec<Suppression>, Error> {
    value.list()?.iter().map(read_one).collect()
}

fn read_one(value: &Value<'_>) -> Result<Suppression, Error> {
    let section = value.section(KEYS)?;
    let required = |key: &str, what: &str| {
        let field = section.field(key).ok_or_else(|| value.incomplete(format!("{key} is missing; {what}")))?;
        let text = field.text()?.trim().to_owned();
        if text.is_empty() { Err(field.refuse(format!("is empty; {what}"))) } else { Ok(text) }
    };
    let path = required("path", "write where, for example api.example.com/v1/*")?;
    if path.chars().all(|c| c == '*' || c == '/') {
        return Err(value.incomplete("path matches everything, so that the rule would be off; name a host or a path"));
    }
    let expires = section.field("expires").map(|day| {
        let text = day.text()?;
        text.parse::<jiff::civil::Date>()
            .ok()
            .and_then(|day| day.tomorrow().ok())
            .and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|end| end.timestamp().into())
            .ok_or_else(|| day.refuse("is no day; write one such as 2027-01-31"))
    });
    Ok(Suppression {
        rule: required("rule", "write the name that findings carry")?,
        path,
        expires: expires.transpose()?,
    })
}

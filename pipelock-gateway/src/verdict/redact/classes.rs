//! Classes of values that are replaced wherever they stand, and lists of the operator's own (pipelock-config.md §19).

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::json::{self, TokenKind};
use super::{Placeholders, Unredactable, quoted};

/// One class: how its values look, and what else must be true of them.
struct Pattern {
    name: &'static str,
    regex: &'static str,
    check: fn(&str) -> bool,
}

const fn pattern(name: &'static str, regex: &'static str) -> Pattern {
    Pattern { name, regex, check: |_| true }
}

/// Most telling first: where two fit, the first one names the value.
const PATTERNS: &[Pattern] = &[
    pattern(
        "ssh-private-key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\z)",
    ),
    pattern("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    pattern("github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b"),
    pattern("slack-token", r"\b(?:xox[a-z]-[A-Za-z0-9-]{10,250}|xapp-[A-Za-z0-9-]{10,250})"),
    pattern("google-api-key", r"\bAIza[0-9A-Za-z_-]{35}"),
    pattern("aws-access-key", r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA)[A-Z0-9]{16}\b"),
    pattern("sha512", r"\b[0-9a-fA-F]{128}\b"),
    pattern("sha256", r"\b[0-9a-fA-F]{64}\b"),
    pattern("sha1", r"\b[0-9a-fA-F]{40}\b"),
    pattern("md5", r"\b[0-9a-fA-F]{32}\b"),
    Pattern { name: "credit-card", regex: r"\b[0-9](?:[ -]?[0-9]){12,18}\b", check: is_card },
    Pattern { name: "ssn", regex: r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", check: is_ssn },
    pattern("mac", r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"),
    Pattern { name: "cidr", regex: r"[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}\b", check: is_cidr },
    Pattern { name: "ipv4", regex: r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b", check: is_ipv4 },
    Pattern { name: "ipv6", regex: r"[0-9A-Fa-f:.]{2,45}", check: is_ipv6 },
    pattern("email", r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b"),
    pattern("ad-user", r"\b[A-Za-z][A-Za-z0-9-]{1,14}\\[A-Za-z0-9._-]{2,64}\b"),
    pattern("fqdn", r"\b(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b"),
];

/// A list of the operator's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary {
    /// What its placeholders are called.
    pub class: String,
    /// The values; empty ones are left out.
    pub entries: Vec<String>,
    /// Whether case does not count.
    pub case_insensitive: bool,
    /// Whether only whole words count.
    pub word_boundary: bool,
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub max_body_bytes: usize,
    /// Values that are replaced.
    pub max_redactions: usize,
    /// Depth of JSON.
    pub max_depth: usize,
}

/// Replaces values of its classes and lists in JSON.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<Rule>,
    limits: Limits,
}

#[derive(Debug)]
struct Rule {
    class: String,
    regex: Regex,
    check: fn(&str) -> bool,
}

impl Redactor {
    /// Lists go before classes, in their order; names that are no class are left out.
    ///
    /// # Errors
    /// When a list is too large to be compiled.
    pub fn new(classes: &[String], dictionaries: &[Dictionary], limits: Limits) -> Result<Self, regex::Error> {
        let mut rules = Vec::new();
        for dictionary in dictionaries {
            let mut entries: Vec<&String> = dictionary.entries.iter().filter(|entry| !entry.is_empty()).collect();
            if entries.is_empty() {
                continue;
            }
            // The first that fits is taken, and it must not be a part of another one.
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.len()));
            let any = entries.iter().map(|entry| regex::escape(entry)).collect::<Vec<_>>().join("|");
            let any = if dictionary.word_boundary { format!(r"\b(?:{any})\b") } else { any };
            let regex =
                RegexBuilder::new(&any).case_insensitive(dictionary.case_insensitive).size_limit(64 << 20).build()?;
            rules.push(Rule { class: dictionary.class.clone(), regex, check: |_| true });
        }
        for pattern in PATTERNS.iter().filter(|pattern| classes.iter().any(|class| class == pattern.name)) {
            let (class, check) = (pattern.name.to_owned(), pattern.check);
            rules.push(Rule { class, regex: Regex::new(pattern.regex)?, check });
        }
        Ok(Self { rules, limits })
    }

    /// The body with the values replaced, names of members included.
    ///
    /// # Errors
    /// When it is not JSON that everybody reads alike, or a bound is reached: it must not go as it is.
    pub fn apply(&self, body: &[u8], placeholders: &mut Placeholders) -> Result<Vec<u8>, Unredactable> {
        if body.len() > self.limits.max_body_bytes {
            return Err(Unredactable::TooLarge);
        }
        let mut out = Vec::with_capacity(body.len());
        let mut done = 0;
        for token in json::tokens(body, self.limits.max_depth)? {
            let raw = body.get(token.span.clone()).unwrap_or_default();
            let replaced = if token.kind == TokenKind::Scalar {
                let text = String::from_utf8_lossy(raw);
                let whole = |rule: &&Rule| rule.matches(&text).any(|span| span == (0..text.len()));
                let rule = self.rules.iter().find(whole);
                rule.map(|rule| quoted(&placeholders.of(&rule.class, raw)))
            } else {
                // A string that is no Unicode is looked at as it is written.
                let written = || String::from_utf8_lossy(raw).trim_matches('"').to_owned();
                let text = json::text(raw).unwrap_or_else(written);
                self.in_text(&text, placeholders).map(|text| serde_json::Value::String(text).to_string().into_bytes())
            };
            if placeholders.given() > self.limits.max_redactions {
                return Err(Unredactable::TooMany);
            }
            if let Some(replaced) = replaced {
                out.extend_from_slice(body.get(done..token.span.start).unwrap_or_default());
                out.extend_from_slice(&replaced);
                done = token.span.end;
            }
        }
        out.extend_from_slice(body.get(done..).unwrap_or_default());
        Ok(out)
    }

    fn in_text(&self, text: &str, placeholders: &mut Placeholders) -> Option<String> {
        let mut taken: Vec<(Range<usize>, &str)> = Vec::new();
        for rule in &self.rules {
            for span in rule.matches(text) {
                if !taken.iter().any(|(other, _)| span.start < other.end && other.start < span.end) {
                    taken.push((span, &rule.class));
                }
            }
            if taken.len() > self.limits.max_redactions {
                break;
            }
        }
        if taken.is_empty() {
            return None;
        }
        taken.sort_by_key(|(span, _)| span.start);
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (span, class) in taken {
            out.push_str(text.get(done..span.start).unwrap_or_default());
            let value = text.get(span.clone()).unwrap_or_default();
            out.push_str(&placeholders.of(class, value.as_bytes()));
            done = span.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some(out)
    }
}

impl Rule {
    fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex.find_iter(text).filter(|found| (self.check)(found.as_str())).map(|found| found.range())
    }
}

/// The check digit of cards (ISO/IEC 7812-1, annex B).
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits.iter().rev().enumerate().map(|(at, &d)| if at % 2 == 1 { doubled(d) } else { d }).sum();
    digits.iter().any(|&digit| digit != 0) && sum.is_multiple_of(10)
}

/// Numbers that were never given out are none (SSA, "Social Security Number Randomization").
fn is_ssn(text: &str) -> bool {
    !(text.starts_with("000") || text.starts_with("666") || text.starts_with('9'))
        && text.get(4..6) != Some("00")
        && text.get(7..) != Some("0000")
}

fn is_ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_ipv6(text: &str) -> bool {
    text.contains(':') && text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn is_cidr(text: &str) -> bool {
    text.parse::<ipnet::IpNet>().is_ok()
}

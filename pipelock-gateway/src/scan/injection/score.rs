//! From a hit to a severity: what the patterns are worth, and what speaks for and against them nearby.
//!
//! | points | for |
//! |---|---|
//! | 1 to 4 | the pattern of the family: 4 could hardly be anything else, 1 is ordinary prose as well |
//! | +1 | it stands where no reader sees it: a comment, a hidden element, an attribute |
//! | 0 to +2 | the classifier's opinion on the sentence |
//! | -2 | the text around it talks about attacks |
//! | -2 | it is reported: `tells the model to ...`, `instructions like "...` |
//! | -2 | it is advice of the opposite: `never share your password` |
//! | -2 | what is set aside is a budget, a price list, a form: the text around it is about the business of people |
//!
//! [`BLOCK`] points are as bad as the family, [`WARN`] points are a warning, and less is nothing. So the classifier alone can
//! neither find what no pattern knows nor silence what a pattern knows: on sources it had not seen, an opinion against a match
//! cost more attacks than it saved false alarms (`weights.txt`), so it may only confirm.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;

use super::classifier::{MOST, Model};
use super::{Ready, searcher};
use crate::model::Severity;

/// Points from which a match has its family's severity.
const BLOCK: i32 = 4;
/// Points from which a match is worth a warning.
const WARN: i32 = 2;

/// A confirmed match in a window.
pub(super) struct Found {
    pub(super) severity: Severity,
    pub(super) range: Range<usize>,
}

/// Judges the hit of a family's trigger that ended at `end`.
pub(super) fn judge(model: Model<'_>, ready: &Ready, window: &[u8], end: usize) -> Option<Found> {
    let (points, range) = best_pattern(ready, window, end)?;
    let hidden = is_hidden(window, range.start);
    if points == 0 && !hidden {
        return None;
    }
    let mut total = points + i32::from(hidden);
    total -= 2 * i32::from(talks_about_attacks(window, &range)) + 2 * i32::from(is_reported(window, range.start));
    total -= 2 * i32::from(ADVISED.contains(&ready.family.rule) && is_advice(sentence(window, &range)));
    total -= 2 * i32::from(BUSINESS_RULES.contains(&ready.family.rule) && is_business(window, &range));
    // The classifier costs most, and may not matter any more.
    if total + MOST < WARN {
        return None;
    }
    if total < BLOCK {
        total += model.points(sentence(window, &range));
    }
    let severity = match total {
        BLOCK.. => ready.family.severity,
        WARN..BLOCK => Severity::Medium,
        _ => return None,
    };
    Some(Found { severity, range })
}

/// For training: the points and place of a hit before anything around it is weighed; `None` for what is judged no further.
#[cfg(any(test, feature = "testing"))]
pub(super) fn windows_of(ready: &Ready, window: &[u8], end: usize) -> Option<(i32, Range<usize>)> {
    best_pattern(ready, window, end).filter(|(points, range)| *points > 0 || is_hidden(window, range.start))
}

/// The pattern worth most that stands around the end of the trigger.
fn best_pattern(ready: &Ready, window: &[u8], end: usize) -> Option<(i32, Range<usize>)> {
    let mut best: Option<(i32, Range<usize>)> = None;
    // A pattern may begin well before its trigger; one that ends before it belongs to another hit.
    let from = blank_before(window, end.saturating_sub(LOOK_BACK));
    let near = window.get(from..)?;
    if ready.patterns.is_empty() {
        // A family of places: what stands there is for the classifier.
        return Some((0, end..window.len().min(end + 1)));
    }
    for (points, pattern) in &ready.patterns {
        if best.as_ref().is_some_and(|(known, _)| known >= points) {
            continue;
        }
        let mut at = 0;
        while let Some(found) = pattern.find_at(near, at) {
            if from + found.start() > end + 1 {
                break;
            }
            if from + found.end() + SLACK >= end {
                best = Some((*points, found.start() + from..found.end().max(found.start() + 1) + from));
                break;
            }
            at = found.end().max(at + 1);
            if at > near.len() {
                break;
            }
        }
    }
    best
}

/// Bytes before the end of a trigger at which its pattern may begin.
const LOOK_BACK: usize = 200;
/// Bytes by which a trigger may reach beyond its pattern.
const SLACK: usize = 24;

/// The place just after a blank at or before `at`, so that no word is cut, within the window.
pub(super) fn blank_before(window: &[u8], at: usize) -> usize {
    let before = window.get(..at).unwrap_or(window);
    before.iter().rposition(|&byte| byte == b' ').map_or(0, |place| if at == 0 { 0 } else { place + 1 })
}

/// Words of people who write about attacks. A sentence that gives orders to a model has little use for them.
static TALK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    searcher(
        "prompt.injection|injection attack|jailbreak (?:attempt|attack|detection|prompt)|jail-?breaking|attacker|adversar|vulnerab|malicious (?:user|actor|input|instruction|prompt|content)|guardrail|mitigat|red.?team|threat|owasp|exploit|for example|e\\.g\\.|such as|example attack|attack scenario|phishing|security (?:risk|researcher|team|scan)|attempts? to|attack(?:s|ed)? |instruct(?:s|ing|ed)? (?:the|it|a) |tells? the (?:model|ai|llm|assistant)|asks the (?:model|ai|llm|assistant)|tricks? |detect(?:s|ed|ion|or) |leaks? |leaking |refus(?:e|es|ed) to |must (?:never|not|ignore) |user (?:message|input|prompt)s? |inyeccion|inyectar|angreifer|angriff|attaquant|attaque|aggressore|attacco|ataque|atacante|злоумышленник|атак|攻击者|攻击|注入|攻撃|공격",
    )
    .ok()
});

/// What stands just before an order that is only reported.
static REPORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    searcher(
        "(?:\\b(?:decid|chose|choos|agree|happen|refus|instruct|tell|ask|trick|caus|forc|convinc|command|order|manipulat|allow|mak|prompt|attempt|tr|design|craft|intend|want|enabl|lead|caus)(?:s|es|ed|ing|e|y|ies|ied|ying)? (?:(?:it|them|him|users?|an? [a-z]{2,12}(?: [a-z]{2,12})?|the [a-z]{2,12}(?: [a-z]{2,12})?|[a-z]{2,12}|llms?) )?to |(?:like|such as|e\\.g\\.|for example|for instance|example|saying|says?|said|phrases?|prompts?|states?|reads|containing)[,:]{0,2} ?(?:[\"'`(]{1,2}|&quot;)|\\bhow (?:do i|do we|do you|can i|can we|should i|should we|to) |\\b(?:never|not|n.{1,6}t|avoid|without)(?: ever)? )$",
    )
    .ok()
});

/// Whether the sentence says that somebody gives the order at `at`, quotes it as an example, or forbids it.
pub(super) fn is_reported(window: &[u8], at: usize) -> bool {
    let before = window.get(at.saturating_sub(72)..at).unwrap_or_default();
    REPORT.as_ref().is_some_and(|report| report.is_match(before))
}

/// Families whose words also stand in what a bank tells its customers.
const ADVISED: [&str; 2] = ["Credential Solicitation", "Data Exfiltration Directive"];

/// Advice not to hand something out, or the promise never to ask for it.
static ADVICE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    searcher(
        "\\b(?:never|not|n.{1,6}t|avoid|nobody|no one)(?: ever| to)? (?:ask|request|requir|shar|disclos|reveal|giv|send|tell|provid|enter|type|post|email|hand|write)",
    )
    .ok()
});

/// Whether a sentence warns of what it names. It weighs as little as a quotation does, since an attack may carry one, too.
fn is_advice(sentence: &[u8]) -> bool {
    ADVICE.as_ref().is_some_and(|advice| advice.is_match(sentence))
}

/// Families whose words people also use for what they gave one another: `disregard the previous quote`.
const BUSINESS_RULES: [&str; 3] = ["Prompt Injection", "New Instructions", "Role Override"];

/// What people set aside, replace and follow among themselves. Where such a word stands near, a match is a warning at most.
static BUSINESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    searcher(
        "\\b(?:budget|forecast|quotation|price list|prices\\b|reimburs|expense|bookkeep|accounting|accountant|auditor|tax year|\\birs\\b|insurance|landlord|tenant|payroll|buchhalt|kontier|preisliste|angebot|presupuesto|gastos|factura|contab|rembours|mutuelle|devis|tarif|orcamento|despesas|fattur|preventiv|rimbors|бюджет|бухгалтер|смет)|报价|价格|报销|预算|价目|見積|お手続き|価格|料金",
    )
    .ok()
});

fn is_business(window: &[u8], range: &Range<usize>) -> bool {
    let near = window.get(range.start.saturating_sub(80)..window.len().min(range.end + 120)).unwrap_or_default();
    BUSINESS.as_ref().is_some_and(|business| business.is_match(near))
}

/// Whether two such words stand near, or one close by.
pub(super) fn talks_about_attacks(window: &[u8], range: &Range<usize>) -> bool {
    let near = |reach: usize| {
        let from = range.start.saturating_sub(reach);
        window.get(from..window.len().min(range.end + reach)).unwrap_or_default()
    };
    let Some(talk) = TALK.as_ref() else { return false };
    talk.find_iter(near(260)).take(2).count() == 2
}

/// Openings of places that no reader sees, and what closes them.
const HIDING: &[(&[u8], &[u8])] = &[
    (b"<!--", b"-->"),
    (b"&lt;!--", b"--&gt;"),
    (b"[//]: #", b"\n"),
    (b"[comment]:", b"\n"),
    (b" alt=\"", b"\""),
    (b" title=\"", b"\""),
    (b" aria-label=\"", b"\""),
    (b" content=\"", b"\">"),
];
/// Styles of hidden elements; the element ends with its closing tag.
const STYLES: &[&[u8]] = &[
    b"display:none",
    b"display: none",
    b"visibility:hidden",
    b"visibility: hidden",
    b"font-size:0",
    b"font-size: 0",
    b"font-size:1px",
    b"font-size: 1px",
    b"opacity:0",
    b"opacity: 0",
    b"left:-9",
    b"left: -9",
    b"text-indent:-",
    b"text-indent: -",
    b"color:#fff",
    b"color: #fff",
    b"color:white",
    b"color: white",
    b"color:transparent",
    b"aria-hidden=\"true\"",
    b"<template",
    b"<noscript",
];

/// Whether the text at `at` stands in a comment, a hidden element or an attribute that began within the window.
pub(super) fn is_hidden(window: &[u8], at: usize) -> bool {
    // The match may begin with the opening itself.
    let before = window.get(..window.len().min(at + 1)).unwrap_or_default();
    let open = |opening: &[u8], closing: &[u8]| {
        memmem::rfind(before, opening).is_some_and(|place| {
            let inside = before.get(place + opening.len()..).unwrap_or_default();
            memmem::find(inside, closing).is_none()
        })
    };
    HIDING.iter().any(|(opening, closing)| open(opening, closing)) || STYLES.iter().any(|style| open(style, b"</"))
}

/// Bytes around a match that the classifier sees.
const BEFORE: usize = 60;
const AFTER: usize = 160;

/// The sentence of a match and a part of the next one: what the classifier judges.
pub(super) fn sentence<'a>(window: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    let floor = blank_before(window, range.start.saturating_sub(BEFORE));
    let head = window.get(floor..range.start).unwrap_or_default();
    let from = sentence_end(head).map_or(floor, |place| floor + place);
    let ceiling = window.len().min(range.start.max(from) + AFTER.max(range.len().min(2 * AFTER)));
    window.get(from..ceiling).unwrap_or_default()
}

/// Where the last sentence that ends in `head` ended.
fn sentence_end(head: &[u8]) -> Option<usize> {
    let end = |pair: &[u8]| matches!(pair, [b'.' | b'!' | b'?' | b'"', b' '] | [b'>', _]);
    head.windows(2).rposition(end).map(|place| place + 1)
}

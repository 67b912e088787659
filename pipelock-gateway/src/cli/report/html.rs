//! The page: text and SVG, no script, nothing from anywhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::tally::Tally;

/// Rows of a chart.
const TOP: usize = 12;
/// Bars of the line of time.
const BARS: usize = 120;
const ALLOWED: &str = "#3a7d44";
const WARNED: &str = "#d9a404";
const BLOCKED: &str = "#b3261e";
const OTHER: &str = "#5b6b7b";

/// The policy stands in the page itself, because it is opened from a disk: no script, no request, no form, no frame.
const HEAD: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}.sum{display:flex;gap:1rem;flex-wrap:wrap;margin:1rem 0}
.sum div{border:1px solid #d5dce3;border-radius:.5rem;padding:.6rem 1rem;min-width:8rem}.sum b{display:block;font-size:1.5rem}
svg{width:100%;height:auto;font:12px system-ui,sans-serif}table{border-collapse:collapse;width:100%;font-size:.85rem}
td,th{border-bottom:1px solid #e3e8ee;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
.note{color:#5b6b7b}@media(prefers-color-scheme:dark){body{background:#12181f;color:#dde5ee}svg text{fill:#dde5ee}
.sum div,td,th{border-color:#33404d}}</style>"#;

/// The whole page.
pub(super) fn page(tally: &Tally, title: &str) -> String {
    let mut out = format!("{HEAD}<title>{}</title></head><body><h1>{}</h1>", escape(title), escape(title));
    let span = match (&tally.first, &tally.last) {
        (Some(first), Some(last)) => format!("{} to {}", escape(first), escape(last)),
        _ => "no records".to_owned(),
    };
    let _ = write!(out, "<p class=note>{span}</p><div class=sum>");
    let requests = tally.allowed + tally.warned + tally.blocked;
    for (name, count) in [
        ("requests", requests),
        ("blocked", tally.blocked),
        ("with a warning", tally.warned),
        ("rules that fired", tally.rules.len() as u64),
    ] {
        let _ = write!(out, "<div><b>{count}</b>{name}</div>");
    }
    out.push_str("</div>");
    section(&mut out, "timeline", "Requests over time", &timeline(&tally.timeline));
    section(&mut out, "rules", "Rules that fired most", &bars(&top(&tally.rules, |n| [*n, 0]), OTHER, BLOCKED));
    section(&mut out, "destinations", "Destinations", &bars(&top(&tally.destinations, |n| *n), ALLOWED, BLOCKED));
    section(&mut out, "programs", "Programs", &bars(&top(&tally.programs, |n| *n), ALLOWED, BLOCKED));
    section(
        &mut out,
        "reasons",
        "Why requests were blocked",
        &bars(&top(&tally.reasons, |n| [*n, *n]), OTHER, BLOCKED),
    );
    section(
        &mut out,
        "coverage",
        "Connections: opened, relayed, refused",
        &bars(&top(&tally.coverage, |n| [*n, 0]), OTHER, BLOCKED),
    );
    section(
        &mut out,
        "unopened",
        "Why connections were relayed unopened",
        &bars(&top(&tally.unopened, |n| [*n, 0]), WARNED, BLOCKED),
    );
    recent(&mut out, tally);
    if tally.unreadable_lines > 0 {
        let _ = write!(out, "<p class=note>{} lines of the log are no records.</p>", tally.unreadable_lines);
    }
    out.push_str("</body></html>\n");
    out
}

fn section(out: &mut String, id: &str, title: &str, chart: &str) {
    // Writing to a string cannot fail, here and below.
    let _ = write!(out, "<section id={id}><h2>{title}</h2>{chart}</section>");
}

fn top<T>(counts: &BTreeMap<String, T>, of: impl Fn(&T) -> [u64; 2]) -> Vec<(&str, [u64; 2])> {
    let mut rows: Vec<(&str, [u64; 2])> = counts.iter().map(|(name, count)| (name.as_str(), of(count))).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    rows.truncate(TOP);
    rows
}

/// Horizontal bars: all of a row, and a part of it in another colour.
fn bars(rows: &[(&str, [u64; 2])], colour: &str, part: &str) -> String {
    if rows.is_empty() {
        return "<p class=note>none</p>".to_owned();
    }
    let most = rows.iter().map(|(_, [all, _])| *all).max().unwrap_or(1).max(1);
    let mut svg = format!("<svg role=img viewBox=\"0 0 1000 {}\">", rows.len() * 24 + 4);
    for (row, (name, [all, some])) in rows.iter().enumerate() {
        let y = row * 24;
        let width = |count: u64| 560 * count.min(most) / most;
        let shown: String = name.chars().take(48).collect();
        let count = if *some > 0 && some != all { format!("{all}, {some} blocked") } else { all.to_string() };
        let _ = write!(
            svg,
            "<text x=310 y={} text-anchor=end>{}<title>{}</title></text>\
             <rect x=320 y={} width={} height=16 fill=\"{colour}\"/><rect x=320 y={} width={} height=16 fill=\"{part}\"/>\
             <text x={} y={}>{count}</text>",
            y + 16,
            escape(&shown),
            escape(name),
            y + 3,
            width(*all).max(1),
            y + 3,
            width(*some),
            330 + width(*all),
            y + 16,
        );
    }
    svg + "</svg>"
}

/// Stacked bars, as many minutes in one as fit.
fn timeline(minutes: &BTreeMap<String, [u64; 3]>) -> String {
    if minutes.is_empty() {
        return "<p class=note>none</p>".to_owned();
    }
    let each = minutes.len().div_ceil(BARS);
    let all: Vec<(&String, &[u64; 3])> = minutes.iter().collect();
    let slots: Vec<(&str, [u64; 3])> = all
        .chunks(each)
        .map(|chunk| {
            let sum = chunk.iter().fold([0; 3], |[a, b, c], (_, [x, y, z])| [a + x, b + y, c + z]);
            (chunk.first().map_or("", |(minute, _)| minute.as_str()), sum)
        })
        .collect();
    let most = slots.iter().map(|(_, counts)| counts.iter().sum::<u64>()).max().unwrap_or(1).max(1);
    let width = 980 / slots.len().max(1);
    let mut svg = "<svg role=img viewBox=\"0 0 1000 200\">".to_owned();
    for (index, (minute, counts)) in slots.iter().enumerate() {
        let mut base = 170;
        for (count, colour) in counts.iter().zip([ALLOWED, WARNED, BLOCKED]) {
            // At least a line: one blocked request among thousands is what one looks for.
            let height = if *count == 0 { 0 } else { (160 * count / most).max(2) };
            base -= height.min(base);
            let _ = write!(
                svg,
                "<rect x={} y={base} width={} height={height} fill=\"{colour}\"><title>{}: {count}</title></rect>",
                10 + index * width,
                width.saturating_sub(1).max(1),
                escape(minute),
            );
        }
    }
    let ends = [(10, "start", slots.first()), (990, "end", slots.last())];
    for (x, anchor, slot) in ends {
        let _ = write!(svg, "<text x={x} y=190 text-anchor={anchor}>{}</text>", escape(slot.map_or("", |slot| slot.0)));
    }
    svg + "</svg>"
}

fn recent(out: &mut String, tally: &Tally) {
    out.push_str(
        "<section id=recent><h2>Last blocked requests</h2><table><tr><th>time<th>request<th>what<th>why<th>rules</tr>",
    );
    for blocked in tally.recent.iter().rev() {
        out.push_str("<tr>");
        let rules = blocked.rules.join(", ");
        for cell in [&blocked.time, &blocked.request_id, &blocked.what, &blocked.reason, &rules] {
            let _ = write!(out, "<td>{}</td>", escape(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></section>");
}

/// Text that is text in an element and in a quoted attribute.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

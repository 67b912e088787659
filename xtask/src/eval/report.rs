//! The figures as text: tables for a terminal, and the same tables in Markdown for the file that is kept.

use std::fmt::Write as _;

use super::Cost;
use super::score::{FalsePositives, Recall, Score, interval, share};
use super::targets::Target;

/// What was measured, and when.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) date: String,
    pub(super) commit: String,
    pub(super) corpus: String,
    pub(super) speed: String,
}

/// How many of the dearest rules are told.
const DEAREST: usize = 12;

/// A titled table; numbers stand right.
struct Table {
    title: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

fn tables(score: &Score, targets: &[Target], costs: &[Cost]) -> Vec<Table> {
    let mut tables = vec![promises(targets)];
    for kind in ["tier", "group and variant", "variant", "surface", "file", "category"] {
        tables.extend(score.recall.get(kind).map(|labels| recall(kind, labels.iter())));
    }
    tables.push(macro_recall(score));
    for kind in ["file", "category", "surface", "tier"] {
        tables.extend(score.false_positives.get(kind).map(|labels| false_positives(kind, labels.iter())));
    }
    tables.push(dearest(costs));
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn promises(targets: &[Target]) -> Table {
    let row = |target: &Target| {
        let (low, high) = interval(target.part, target.whole);
        vec![
            target.name.to_owned(),
            target.wanted.clone(),
            percent(share(target.part, target.whole), 2),
            format!("{} of {}", target.part, target.whole),
            format!("{:.1}-{:.1}", low * 100.0, high * 100.0),
            if target.met { "met" } else { "MISSED" }.to_owned(),
        ]
    };
    Table {
        title: "targets".to_owned(),
        head: vec!["what", "target", "measured", "records", "95 % interval", ""],
        rows: targets.iter().map(row).collect(),
    }
}

fn recall<'a>(kind: &str, labels: impl Iterator<Item = (&'a String, &'a Recall)>) -> Table {
    let mut labels: Vec<_> = labels.collect();
    labels.sort_by(|(_, a), (_, b)| a.share().total_cmp(&b.share()));
    let row = |(label, recall): (&String, &Recall)| {
        let (low, high) = interval(recall.detected, recall.all);
        vec![
            label.clone(),
            recall.all.to_string(),
            recall.detected.to_string(),
            percent(recall.share(), 1),
            format!("{:.0}-{:.0}", low * 100.0, high * 100.0),
        ]
    };
    Table {
        title: format!("recall by {kind}, worst first"),
        head: vec![
            if kind == "group and variant" { "group / variant" } else { "label" },
            "records",
            "detected",
            "recall",
            "95 % interval",
        ],
        rows: labels.into_iter().map(row).collect(),
    }
}

fn macro_recall(score: &Score) -> Table {
    let row = |(group, all, covered, mean): (String, usize, usize, f64)| {
        vec![group, all.to_string(), covered.to_string(), percent(mean, 1)]
    };
    Table {
        title: "mean recall over categories (a category is covered at 50 % or more)".to_owned(),
        head: vec!["group", "categories", "covered", "mean recall"],
        rows: score.macro_recall().into_iter().map(row).collect(),
    }
}

fn false_positives<'a>(kind: &str, labels: impl Iterator<Item = (&'a String, &'a FalsePositives)>) -> Table {
    let mut labels: Vec<_> = labels.collect();
    labels.sort_by(|(_, a), (_, b)| share(b.flagged, b.all).total_cmp(&share(a.flagged, a.all)));
    let row = |(label, counts): (&String, &FalsePositives)| {
        #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
        let per_megabyte =
            |count: usize| if counts.bytes == 0 { 0.0 } else { count as f64 * 1e6 / counts.bytes as f64 };
        vec![
            label.clone(),
            counts.all.to_string(),
            counts.blocked.to_string(),
            counts.flagged.to_string(),
            percent(share(counts.flagged, counts.all), 2),
            percent(interval(counts.flagged, counts.all).1, 2),
            format!("{:.2}", per_megabyte(counts.blocked)),
            format!("{:.2}", per_megabyte(counts.flagged)),
        ]
    };
    Table {
        title: format!("false positives by {kind}, worst first"),
        head: vec![
            "label",
            "records",
            "blocked",
            "block or warn",
            "rate",
            "upper 95 %",
            "blocked per MB",
            "flagged per MB",
        ],
        rows: labels.into_iter().map(row).collect(),
    }
}

fn dearest(costs: &[Cost]) -> Table {
    let row = |cost: &Cost| {
        vec![cost.rule.clone(), format!("{:.4}", cost.ns_per_byte_alone), format!("{:.2}", cost.hits_per_mib)]
    };
    Table {
        title: "slowest expressions on the benign texts (alone in a database; together they cost less)".to_owned(),
        head: vec!["rule", "ns/byte alone", "hits/MiB"],
        rows: costs.iter().take(DEAREST).map(row).collect(),
    }
}

fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$} %", share * 100.0)
}

/// What a person reads in a terminal.
pub(super) fn terminal(run: &Run, score: &Score, targets: &[Target], costs: &[Cost]) -> String {
    let mut out = format!("\n{}\n{}\n", run.corpus, run.speed);
    out += &summary(score);
    // The verdict on the whole stands where the eye is when the output stops.
    let mut tables = tables(score, targets, costs);
    tables.rotate_left(1);
    for table in tables {
        let width = |column: usize| {
            let cells = table.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(table.head.get(column).map(|head| head.len())).max().unwrap_or_default()
        };
        let _ = writeln!(out, "\n== {}", table.title);
        let head: Vec<String> = table.head.iter().map(|head| (*head).to_owned()).collect();
        for row in std::iter::once(&head).chain(&table.rows) {
            let mut line = String::from("  ");
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                let _ = if column == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

/// What is kept in the repository.
pub(super) fn markdown(run: &Run, score: &Score, targets: &[Target], costs: &[Cost]) -> String {
    let mut out = String::from("# Detection, measured\n\n");
    out += "Written by `cargo xtask eval --update`; do not edit. What the labels mean, how records are scored and how to repeat\n";
    out += "the run stands in [README.md](README.md).\n\n";
    for (what, value) in [("date", &run.date), ("commit", &run.commit), ("corpus", &run.corpus), ("speed", &run.speed)]
    {
        let _ = writeln!(out, "- {what}: {value}");
    }
    let _ = write!(out, "\n{}", summary(score));
    for table in tables(score, targets, costs) {
        let _ = write!(
            out,
            "\n## {}{}\n\n",
            table.title.get(..1).unwrap_or_default().to_uppercase(),
            table.title.get(1..).unwrap_or_default()
        );
        let _ = writeln!(out, "| {} |", table.head.join(" | "));
        let _ = writeln!(out, "| --- |{}", " ---: |".repeat(table.head.len().saturating_sub(1)));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out
}

fn summary(score: &Score) -> String {
    let mut text = format!(
        "{} records, {} without a verdict; {} of {} ambiguous ones flagged (not scored)\n",
        score.records, score.without_verdict, score.ambiguous.detected, score.ambiguous.all
    );
    for error in score.errors.iter().take(5) {
        let _ = writeln!(text, "not judged: {error}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::score::tests::{corpus, verdicts};
    use super::super::targets;
    use super::*;

    #[test]
    fn both_forms_hold_every_figure() {
        let corpus = corpus(&[
            ("a", "detect", "secret:x", "plain", "core"),
            ("b", "detect", "secret:x", "hex", "core"),
            ("c", "clean", "benign:z", "plain", "core"),
        ]);
        let verdicts = verdicts(&[("a", "block"), ("b", "allow"), ("c", "warn")]);
        let score = Score::new(&corpus, &verdicts);
        let targets = targets::judge(&corpus, &verdicts);
        let costs = [Cost { rule: "A Rule".to_owned(), hits_per_mib: 1.5, ns_per_byte_alone: 0.25 }];
        let run = Run { date: "D".into(), commit: "C".into(), corpus: "K".into(), speed: "S".into() };
        let markdown = markdown(&run, &score, &targets, &costs);
        for line in [
            "- date: D",
            "3 records, 0 without a verdict; 0 of 0 ambiguous ones flagged (not scored)",
            "| secrets, core, plain | ≥ 98 % | 100.00 % | 1 of 1 | 20.7-100.0 | met |",
            "| flagged, benign | ≤ 0.5 % | 100.00 % | 1 of 1 | 20.7-100.0 | MISSED |",
            "## Recall by category, worst first",
            "| secret:x | 2 | 1 | 50.0 % | 9-91 |",
            "| benign:z | 1 | 0 | 1 | 100.00 % | 100.00 % | 0.00 | 200000.00 |",
            "| A Rule | 0.2500 | 1.50 |",
        ] {
            assert!(markdown.contains(&format!("{line}\n")), "{line}\n{markdown}");
        }
        let terminal = terminal(&run, &score, &targets, &costs);
        assert!(terminal.contains("  secret:x        2         1  50.0 %           9-91\n"), "{terminal}");
        let last = terminal.lines().last().unwrap();
        assert!(last.contains("flagged, benign") && last.ends_with("MISSED"), "{last}");
    }
}

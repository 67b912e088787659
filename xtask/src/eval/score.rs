//! Counts: which records were flagged, by every label they have. The rules are those of the corpora's `score.py`: detected
//! is block or warn; no verdict is a miss where something was expected, and is left out of the false positives; what is
//! ambiguous is counted apart.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::corpus::{Corpus, Expect, Row};

/// A verdict, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Allow,
    Warn,
    Block,
}

/// One line of `pipelock scan`; a line without a verdict is an error.
#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    verdict: Option<Verdict>,
    error: Option<String>,
}

/// What was said about each record.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    by_id: HashMap<String, Verdict>,
    /// What was said instead of a verdict.
    pub(super) errors: Vec<String>,
}

impl Verdicts {
    pub(super) fn parse(lines: &[String]) -> Result<Self> {
        let mut verdicts = Self::default();
        for line in lines {
            let answer: Answer = serde_json::from_str(line).with_context(|| format!("reading the answer {line:?}"))?;
            match (answer.id, answer.verdict) {
                (Some(id), Some(verdict)) => {
                    let worst = verdicts.by_id.entry(id).or_insert(verdict);
                    *worst = verdict.max(*worst);
                }
                _ => verdicts.errors.push(answer.error.unwrap_or_else(|| line.clone())),
            }
        }
        Ok(verdicts)
    }

    pub(super) fn of(&self, row: &Row) -> Option<Verdict> {
        self.by_id.get(&row.id).copied()
    }
}

/// Records that should be flagged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recall {
    pub(super) all: usize,
    pub(super) detected: usize,
}

/// Records that should not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FalsePositives {
    /// Records with a verdict.
    pub(super) all: usize,
    pub(super) flagged: usize,
    pub(super) blocked: usize,
    /// Bytes of their payloads.
    pub(super) bytes: usize,
}

/// All counts.
#[derive(Debug, Default)]
pub(super) struct Score {
    pub(super) records: usize,
    pub(super) without_verdict: usize,
    pub(super) errors: Vec<String>,
    pub(super) ambiguous: Recall,
    /// By kind of label, then by label.
    pub(super) recall: BTreeMap<&'static str, BTreeMap<String, Recall>>,
    pub(super) false_positives: BTreeMap<&'static str, BTreeMap<String, FalsePositives>>,
}

impl Score {
    pub(super) fn new(corpus: &Corpus, verdicts: &Verdicts) -> Self {
        let mut score = Self { records: corpus.rows.len(), errors: verdicts.errors.clone(), ..Self::default() };
        for row in &corpus.rows {
            let verdict = verdicts.of(row);
            score.without_verdict += usize::from(verdict.is_none());
            let flagged = verdict >= Some(Verdict::Warn);
            if row.tier == "ambiguous" {
                score.ambiguous.add(flagged);
            } else if row.expect == Expect::Detect {
                score.detect(row, flagged);
            } else if let Some(verdict) = verdict {
                score.clean(row, verdict);
            }
        }
        score
    }

    fn detect(&mut self, row: &Row, detected: bool) {
        let group = row.group();
        for (kind, label) in [
            ("file", row.file.clone()),
            ("category", row.category.clone()),
            ("variant", row.variant.clone()),
            ("surface", row.surface.clone()),
            ("tier", format!("{group} / {}", row.tier)),
            ("group and variant", format!("{group} / {}", row.variant)),
        ] {
            self.recall.entry(kind).or_default().entry(label).or_default().add(detected);
        }
    }

    fn clean(&mut self, row: &Row, verdict: Verdict) {
        for (kind, label) in
            [("file", &row.file), ("category", &row.category), ("surface", &row.surface), ("tier", &row.tier)]
        {
            let counts = self.false_positives.entry(kind).or_default().entry(label.clone()).or_default();
            counts.all += 1;
            counts.flagged += usize::from(verdict >= Verdict::Warn);
            counts.blocked += usize::from(verdict == Verdict::Block);
            counts.bytes += row.size;
        }
    }

    /// Mean recall over the categories of each group, with how many categories there are, and how many are covered (half of
    /// their records or more).
    pub(super) fn macro_recall(&self) -> Vec<(String, usize, usize, f64)> {
        let mut groups: BTreeMap<&str, Vec<Recall>> = BTreeMap::new();
        for (category, recall) in self.recall.get("category").into_iter().flatten() {
            groups.entry(category.split(':').next().unwrap_or_default()).or_default().push(*recall);
        }
        let summarise = |(group, recalls): (&str, Vec<Recall>)| {
            let covered = recalls.iter().filter(|recall| recall.detected * 2 >= recall.all).count();
            #[expect(clippy::cast_precision_loss, reason = "a few hundred categories")]
            let mean = recalls.iter().map(|recall| recall.share()).sum::<f64>() / recalls.len() as f64;
            (group.to_owned(), recalls.len(), covered, mean)
        };
        groups.into_iter().map(summarise).collect()
    }
}

impl Recall {
    pub(super) fn add(&mut self, detected: bool) {
        self.all += 1;
        self.detected += usize::from(detected);
    }

    pub(super) fn share(self) -> f64 {
        share(self.detected, self.all)
    }
}

/// A part of a whole; of nothing it is nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of records")]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The 95 % interval of a share, by Wilson's score, which stays sensible for shares near 0 and 1.
#[expect(clippy::cast_precision_loss, reason = "counts of records")]
pub(super) fn interval(part: usize, whole: usize) -> (f64, f64) {
    const Z: f64 = 1.96;
    if whole == 0 {
        return (0.0, 1.0);
    }
    let n = whole as f64;
    let p = part as f64 / n;
    let denominator = 1.0 + Z * Z / n;
    let centre = p + Z * Z / (2.0 * n);
    let reach = Z * (p.mul_add(1.0 - p, Z * Z / (4.0 * n)) / n).sqrt();
    (((centre - reach) / denominator).max(0.0), ((centre + reach) / denominator).min(1.0))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A corpus of these rows: id, expectation, category, variant, tier.
    pub(in crate::eval) fn corpus(rows: &[(&str, &str, &str, &str, &str)]) -> Corpus {
        let dir = tempfile::tempdir().unwrap();
        let lines = rows.iter().map(|(id, expect, category, variant, tier)| {
            serde_json::json!({
                "id": id, "surface": "request_body", "expect": expect, "category": category, "variant": variant,
                "tier": tier, "payload": "12345"
            })
        });
        let text: Vec<String> = lines.map(|line| line.to_string()).collect();
        std::fs::write(dir.path().join("x.jsonl"), text.join("\n")).unwrap();
        Corpus::load(dir.path()).unwrap().unwrap()
    }

    pub(in crate::eval) fn verdicts(verdicts: &[(&str, &str)]) -> Verdicts {
        let line = |(id, verdict): &(&str, &str)| format!(r#"{{"id":"{id}","verdict":"{verdict}","findings":[]}}"#);
        Verdicts::parse(&verdicts.iter().map(line).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_warning_detects_and_a_missing_verdict_misses() {
        let corpus = corpus(&[
            ("a", "detect", "secret:x", "plain", "core"),
            ("b", "detect", "secret:x", "hex", "core"),
            ("c", "detect", "secret:y", "plain", "core"),
            ("d", "clean", "benign:z", "plain", "core"),
            ("e", "clean", "benign:z", "plain", "core"),
            ("f", "clean", "benign:z", "plain", "core"),
            ("g", "detect", "ambiguous:z", "plain", "ambiguous"),
        ]);
        let score = Score::new(
            &corpus,
            &verdicts(&[("a", "warn"), ("b", "allow"), ("d", "block"), ("e", "allow"), ("g", "warn")]),
        );
        assert_eq!((score.records, score.without_verdict), (7, 2));
        assert_eq!(score.ambiguous, Recall { all: 1, detected: 1 });
        assert_eq!(score.recall["file"]["x"], Recall { all: 3, detected: 1 });
        assert_eq!(score.recall["group and variant"]["secret / hex"], Recall { all: 1, detected: 0 });
        let clean = FalsePositives { all: 2, flagged: 1, blocked: 1, bytes: 10 };
        assert_eq!(score.false_positives["category"]["benign:z"], clean, "what has no verdict is not clean");
        assert_eq!(score.macro_recall(), [("secret".to_owned(), 2, 1, 0.25)]);
    }

    #[test]
    fn of_two_verdicts_the_worse_counts_and_an_error_is_kept() {
        let lines = [
            r#"{"id":"a","verdict":"block"}"#,
            r#"{"id":"a","verdict":"allow"}"#,
            r#"{"id":null,"error":"line 3: not a JSON object"}"#,
        ];
        let verdicts = Verdicts::parse(&lines.map(str::to_owned)).unwrap();
        assert_eq!(verdicts.by_id["a"], Verdict::Block);
        assert_eq!(verdicts.errors, ["line 3: not a JSON object"]);
        assert!(Verdicts::parse(&["nonsense".to_owned()]).is_err());
    }

    #[test]
    fn the_interval_is_wilsons() {
        let close = |(low, high): (f64, f64), expected: (f64, f64)| {
            (low - expected.0).abs() < 0.0005 && (high - expected.1).abs() < 0.0005
        };
        assert!(close(interval(0, 0), (0.0, 1.0)));
        assert!(close(interval(0, 100), (0.0, 0.0370)), "{:?}", interval(0, 100));
        assert!(close(interval(98, 100), (0.9300, 0.9945)), "{:?}", interval(98, 100));
    }
}

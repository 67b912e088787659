//! What the product promises (issue 3), as figures that are met or missed on this run.

use super::corpus::{Corpus, Expect, Row};
use super::score::{Verdict, Verdicts, share};

/// One promise and how it stands.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) wanted: String,
    pub(super) part: usize,
    pub(super) whole: usize,
    pub(super) met: bool,
}

/// A promise.
struct Promise {
    name: &'static str,
    rows: fn(&Row) -> bool,
    /// Counts as a hit.
    hit: fn(Verdict) -> bool,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Categories of secrets that are money: keys of wallets. All of `pii` is, too.
const WALLETS: [&str; 4] = ["secret:bip39", "secret:bitcoin-wif", "secret:eth-private-key", "secret:xprv"];

fn is_financial(row: &Row) -> bool {
    row.group() == "pii" || WALLETS.contains(&row.category.as_str())
}

fn is_secret(row: &Row) -> bool {
    row.group() == "secret" && !is_financial(row)
}

fn core(row: &Row) -> bool {
    row.tier == "core"
}

fn plain(row: &Row) -> bool {
    row.variant == "plain"
}

fn flagged(verdict: Verdict) -> bool {
    verdict >= Verdict::Warn
}

fn blocked(verdict: Verdict) -> bool {
    verdict == Verdict::Block
}

const PROMISES: &[Promise] = &[
    detect("secrets, core, plain", |row| is_secret(row) && core(row) && plain(row), 0.98),
    detect("financial, core, plain", |row| is_financial(row) && core(row) && plain(row), 0.98),
    // The corpora put most evasions into the tier `hard`; the promise is about the formats of the core, however hidden.
    detect(
        "secrets and financial, core, all evasions",
        |row| (is_secret(row) || is_financial(row)) && core(row) && !plain(row),
        0.95,
    ),
    detect("secrets, longtail", |row| is_secret(row) && row.tier == "longtail", 0.70),
    detect("injection, core", |row| row.group() == "injection" && core(row), 0.92),
    detect("injection, hard", |row| row.group() == "injection" && row.tier == "hard", 0.50),
    detect("poisoning, core", |row| row.group() == "poisoning" && core(row), 0.95),
    detect("tool calls, core", |row| ["shell", "chain"].contains(&row.group()) && core(row), 0.95),
    clean("false blocks, benign", |row| row.group() == "benign", blocked, 0.001),
    clean("false blocks, hard-benign", |row| row.group() == "hard-benign", blocked, 0.01),
    clean("flagged, benign", |row| row.group() == "benign", flagged, 0.005),
    clean("flagged, hard-benign", |row| row.group() == "hard-benign", flagged, 0.03),
    clean("flagged, real tool lists", |row| row.category == "benign:tools-list", flagged, 0.0),
];

const fn detect(name: &'static str, rows: fn(&Row) -> bool, least: f64) -> Promise {
    Promise { name, rows, hit: flagged, bound: Bound::AtLeast(least) }
}

const fn clean(name: &'static str, rows: fn(&Row) -> bool, hit: fn(Verdict) -> bool, most: f64) -> Promise {
    Promise { name, rows, hit, bound: Bound::AtMost(most) }
}

/// How every promise stands. One about which the corpus says nothing is left out.
pub(super) fn judge(corpus: &Corpus, verdicts: &Verdicts) -> Vec<Target> {
    PROMISES.iter().filter_map(|promise| promise.judge(corpus, verdicts)).collect()
}

impl Promise {
    fn judge(&self, corpus: &Corpus, verdicts: &Verdicts) -> Option<Target> {
        let expect = match self.bound {
            Bound::AtLeast(_) => Expect::Detect,
            Bound::AtMost(_) => Expect::Clean,
        };
        let rows = corpus.rows.iter().filter(|row| row.tier != "ambiguous" && row.expect == expect && (self.rows)(row));
        let (mut part, mut whole) = (0, 0);
        for row in rows {
            whole += 1;
            part += usize::from(verdicts.of(row).is_some_and(self.hit));
        }
        let (wanted, met) = match self.bound {
            Bound::AtLeast(least) => (format!("≥ {:.0} %", least * 100.0), share(part, whole) >= least),
            Bound::AtMost(0.0) => ("0".to_owned(), part == 0),
            Bound::AtMost(most) => (format!("≤ {:.1} %", most * 100.0), share(part, whole) <= most),
        };
        (whole > 0).then_some(Target { name: self.name, wanted, part, whole, met })
    }
}

#[cfg(test)]
mod tests {
    use super::super::score::tests::{corpus, verdicts};
    use super::*;

    fn stands(
        rows: &[(&str, &str, &str, &str, &str)],
        said: &[(&str, &str)],
    ) -> Vec<(&'static str, usize, usize, bool)> {
        judge(&corpus(rows), &verdicts(said)).iter().map(|t| (t.name, t.part, t.whole, t.met)).collect()
    }

    #[test]
    fn a_wallet_key_is_money_and_an_evasion_is_not_plain() {
        let rows = [
            ("a", "detect", "secret:github", "plain", "core"),
            ("b", "detect", "secret:bip39", "plain", "core"),
            ("c", "detect", "pii:card", "hex", "core"),
            ("d", "detect", "secret:x", "plain", "noisy"),
        ];
        assert_eq!(
            stands(&rows, &[("a", "block"), ("b", "allow"), ("c", "warn")]),
            [
                ("secrets, core, plain", 1, 1, true),
                ("financial, core, plain", 0, 1, false),
                ("secrets and financial, core, all evasions", 1, 1, true),
            ]
        );
    }

    #[test]
    fn a_missing_verdict_never_meets_a_promise_to_detect() {
        let rows = [("a", "detect", "injection:x", "plain", "core")];
        assert_eq!(stands(&rows, &[]), [("injection, core", 0, 1, false)]);
    }

    #[test]
    fn one_flag_on_a_real_tool_list_is_one_too_many() {
        let rows = [
            ("a", "clean", "benign:tools-list", "plain", "core"),
            ("b", "clean", "benign:harmless-drift", "plain", "ambiguous"),
        ];
        let lists =
            |said: &[(&str, &str)]| stands(&rows, said).into_iter().find(|t| t.0.contains("tool lists")).unwrap();
        assert_eq!(lists(&[("a", "warn"), ("b", "block")]), ("flagged, real tool lists", 1, 1, false));
        assert!(lists(&[("a", "allow")]).3);
    }
}

//! What scanning costs, as ratios inside one run. `cargo xtask bench scan`, or
//! `cargo bench -p pipelock-gateway --features testing --bench scan -- [--lines | --marginal | --track]`.
//!
//! Prints the table of what is promised and what was measured, as Markdown; `RESULTS-scan.md` beside this file is such a
//! table. `--lines` prints one line of plain figures each instead, which `cargo xtask bench scan --against` compares with those
//! of another build in turns; `--marginal` what views, lanes and groups of rules cost; `--track` lets criterion keep a history.
//! `--only PREFIX` measures the lines with that beginning and prints them plainly: for a profiler.

#[path = "scan/benign.rs"]
mod benign;
#[path = "scan/floods.rs"]
mod floods;
#[path = "scan/table.rs"]
mod table;

use std::cell::LazyCell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use pipelock_gateway::model::Surface;
use pipelock_gateway::scan::measure::{self, Triggers};
use pipelock_gateway::scan::{Encoding, Engine, RuleSpec, StreamOptions};
use regex::bytes::{Regex, RegexBuilder};

use self::table::{Bound, Line, Row};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Rounds that take turns. Odd, so that the median is one of them.
const ROUNDS: usize = 21;
/// Every so many rounds for what takes a tenth of a second or more.
const SELDOM: usize = 7;
/// A hundred megabytes, as an upload that nothing holds back but the scan.
const GATE: usize = 100 * 1000 * 1000;

fn engine() -> Engine {
    Engine::compile(&RuleSpec::default()).expect("the built-in rules compile")
}

/// The rules' own expressions as ordinary regular expressions, to be run one after the other. The few are left out whose
/// classes hold bytes beyond ASCII, which Hyperscan reads as bytes; that flatters this way.
fn one_by_one(expressions: impl Iterator<Item = &'static str>) -> Vec<Regex> {
    let compile = |expression: &str| {
        RegexBuilder::new(expression).unicode(false).dot_matches_new_line(true).size_limit(64 * MIB).build().ok()
    };
    expressions.filter_map(compile).collect()
}

fn scan(engine: &Engine, surface: Surface, encoding: Encoding, text: &[u8], piece: usize) -> usize {
    let mut scan = engine.stream(surface, StreamOptions { encoding });
    for bytes in text.chunks(piece) {
        scan.push(black_box(bytes));
    }
    scan.finish().len()
}

/// A hundred megabytes through the scan that a gate would wait for; answers how much of it was never released early.
fn gate(engine: &Engine, text: &[u8]) -> usize {
    let mut scan = engine.stream(Surface::RequestBody, StreamOptions { encoding: Encoding::Json });
    let mut left = GATE;
    let mut held = 0;
    while left > 0 {
        for bytes in text.chunks(16 * KIB) {
            let bytes = &bytes[..bytes.len().min(left)];
            left -= bytes.len();
            held = held.max(scan.push(black_box(bytes)).hold);
        }
    }
    held + scan.finish().len()
}

/// Runs `work` so often that it looks at a MiB.
fn repeated<'a>(name: &str, bytes: usize, mut work: impl FnMut() -> usize + 'a) -> Line<'a> {
    let times = (MIB / bytes).max(1);
    Line::new(name, bytes * times, move || {
        for _ in 0..times {
            black_box(work());
        }
    })
}

fn main() {
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let out = &mut std::io::stdout().lock();
    let written = if asked("--track") {
        benches();
        Criterion::default().configure_from_args().final_summary();
        Ok(())
    } else if asked("--marginal") {
        out.write_all(marginal().as_bytes())
    } else {
        let only = std::env::args().skip_while(|argument| argument != "--only").nth(1);
        out.write_all(promised(asked("--lines"), only.as_deref()).as_bytes())
    };
    written.expect("standard output is open");
}

/// Everything that is promised, measured; as plain figures when `plain`, or when `only` the lines that begin so are wanted.
fn promised(plain: bool, only: Option<&str>) -> String {
    let engine = engine();
    let triggers = Triggers::built_in();
    let injection = Triggers::of(measure::injection_expressions());
    // Compiled when first asked, which takes longer than what a profiler looks at.
    let secrets = LazyCell::new(|| one_by_one(measure::expressions().map(|(_, expression)| expression)));
    let orders = LazyCell::new(|| one_by_one(measure::injection_expressions()));
    let [small, middle, text] = [KIB, 16 * KIB, MIB].map(benign::benign);
    let floods = floods::floods(MIB);
    let folded = measure::folded(&text);
    let (engine, triggers, text) = (&engine, &triggers, &text);
    let (mut small_copy, mut copy) = (small.clone(), text.clone());

    let mut lines = vec![
        repeated("limit/memcpy/1k", KIB, || {
            small_copy.copy_from_slice(black_box(&small));
            usize::from(black_box(&small_copy)[0])
        }),
        repeated("limit/memcpy/1m", MIB, || {
            copy.copy_from_slice(black_box(text));
            usize::from(black_box(&copy)[0])
        }),
        repeated("baseline/regex_each_dlp/1m", MIB, || {
            secrets.iter().filter(|expression| expression.is_match(black_box(text))).count()
        })
        .every(SELDOM),
        repeated("baseline/regex_each_all/1m", MIB, || {
            let found = |expression: &&Regex| expression.is_match(black_box(text));
            secrets.iter().filter(found).count()
                + orders.iter().filter(|expression| expression.is_match(black_box(&folded))).count()
        })
        .every(SELDOM),
        repeated("scan/inj_folded/1m", MIB, || injection.hits(black_box(&folded), MIB)),
        repeated("view/fold_ascii/1m", MIB, || measure::folded(black_box(text)).len()),
    ];
    for (name, text) in [("1k", &small), ("16k", &middle), ("1m", text)] {
        let size = text.len();
        lines.push(repeated(&format!("scan/dlp_text/{name}"), size, move || triggers.hits(black_box(text), size)));
        lines.push(repeated(&format!("lane/runs/{name}"), size, move || measure::runs(black_box(text))));
        lines.push(repeated(&format!("lane/runs_judged/{name}"), size, move || measure::judged_runs(black_box(text))));
        lines.push(repeated(&format!("scan/all_lanes/{name}"), size, move || {
            scan(engine, Surface::Response, Encoding::Plain, text, size)
        }));
        lines.push(repeated(&format!("pipeline/request/{name}"), size, move || {
            scan(engine, Surface::RequestBody, Encoding::Json, text, size)
        }));
        lines.push(repeated(&format!("pipeline/response/{name}"), size, move || {
            scan(engine, Surface::Response, Encoding::Json, text, size)
        }));
    }
    for (name, piece) in [("block", MIB), ("chunk_16k", 16 * KIB), ("chunk_1400", 1400), ("chunk_64", 64)] {
        lines.push(repeated(&format!("stream/{name}"), MIB, move || {
            scan(engine, Surface::RequestBody, Encoding::Json, text, piece)
        }));
    }
    lines.push(
        Line::new("gate/100m", GATE, move || {
            black_box(gate(engine, text));
        })
        .every(SELDOM),
    );
    for (name, flood) in &floods {
        lines.push(
            repeated(&format!("adversarial/{name}"), MIB, move || {
                scan(engine, Surface::RequestBody, Encoding::Json, flood, 16 * KIB)
            })
            .every(SELDOM),
        );
    }
    if let Some(only) = only {
        lines.retain(|line| line.name.starts_with(only));
    } else {
        // Compiling them is not what is measured.
        LazyCell::force(&secrets);
        LazyCell::force(&orders);
    }
    table::measure(&mut lines, if only.is_some() { 10 * ROUNDS } else { ROUNDS });

    if plain || only.is_some() {
        let lines: Vec<_> =
            lines.iter().map(|line| format!("{}\t{:.6}", line.name, line.nanoseconds_a_byte())).collect();
        return lines.join("\n") + "\n";
    }
    let (text, missed) = table::table(&lines, &rows(&floods));
    format!("{text}\n{missed} of the targets missed.\n")
}

/// The promises of the design, §11.
fn rows(floods: &[(&str, Vec<u8>)]) -> Vec<Row> {
    let promise = |name: &str, base, bound| (name.to_owned(), base, bound);
    let mut rows = vec![
        promise("scan/dlp_text/1m", "limit/memcpy/1m", Bound::AtMost(5.0)),
        promise("scan/dlp_text/16k", "scan/dlp_text/1m", Bound::Shown),
        promise("scan/dlp_text/1k", "scan/dlp_text/1m", Bound::Shown),
        promise("scan/dlp_text/1m", "baseline/regex_each_dlp/1m", Bound::Faster(6.0)),
        promise("scan/inj_folded/1m", "limit/memcpy/1m", Bound::AtMost(14.0)),
        promise("view/fold_ascii/1m", "scan/inj_folded/1m", Bound::AtMost(0.5)),
        promise("lane/runs/1m", "limit/memcpy/1m", Bound::AtMost(5.5)),
        promise("lane/runs_judged/1m", "lane/runs/1m", Bound::Shown),
        promise("scan/all_lanes/1k", "limit/memcpy/1k", Bound::AtMost(110.0)),
        promise("scan/all_lanes/1m", "baseline/regex_each_all/1m", Bound::Faster(20.0)),
        promise("pipeline/request/1m", "limit/memcpy/1m", Bound::AtMost(24.0)),
        promise("pipeline/request/1m", "scan/dlp_text/1m", Bound::AtMost(4.5)),
        promise("pipeline/request/1k", "pipeline/request/1m", Bound::Shown),
        promise("pipeline/response/1m", "limit/memcpy/1m", Bound::AtMost(44.0)),
        promise("pipeline/response/1m", "baseline/regex_each_all/1m", Bound::Faster(15.0)),
        promise("stream/chunk_64", "stream/block", Bound::AtMost(5.0)),
        promise("stream/chunk_1400", "stream/block", Bound::AtMost(1.3)),
        promise("stream/chunk_16k", "stream/block", Bound::AtMost(1.05)),
        promise("gate/100m", "stream/chunk_16k", Bound::AtMost(1.3)),
    ];
    let most = |name: &str| (format!("adversarial/{name}"), "stream/chunk_16k", Bound::AtMost(18.0));
    rows.extend(floods.iter().map(|(name, _)| most(name)));
    rows
}

/// What views, lanes and groups of rules cost: the difference between a whole with and without each, in turns; and of what
/// cannot be left out, the time by itself.
fn marginal() -> String {
    let engine = engine();
    let text = benign::benign(MIB);
    let folded = measure::folded(&text);
    let whole = Triggers::built_in();
    let injection = Triggers::of(measure::injection_expressions());
    let piece = 16 * KIB;
    let groups: Vec<_> = measure::groups().collect();
    let without: Vec<_> =
        groups.iter().map(|group| Triggers::built_in_except(|rule| measure::is_in_group(rule, group), false)).collect();
    let without_signs = Triggers::built_in_except(|_| false, true);
    let (engine, text) = (&engine, &text);
    let scans = [("request", Surface::RequestBody), ("response", Surface::Response)];
    let mut lines: Vec<_> = scans
        .iter()
        .flat_map(|&(name, surface)| {
            let with = Line::new(name, MIB, move || _ = black_box(scan(engine, surface, Encoding::Json, text, piece)));
            let undisguised = move || _ = black_box(measure::undisguised(engine, surface, text, piece));
            [with, Line::new(format!("{name} without disguises"), MIB, undisguised)]
        })
        .collect();
    lines.push(Line::new("run lane, judged", MIB, || _ = black_box(measure::judged_runs(text))));
    lines.push(Line::new("run lane, found only", MIB, || _ = black_box(measure::runs(text))));
    lines.push(Line::new("seed phrases", MIB, || _ = black_box(measure::seed_phrases(text))));
    lines.push(Line::new("folded view", MIB, || _ = black_box(measure::folded(text))));
    lines.push(Line::new("injection database", MIB, || _ = black_box(injection.hits(&folded, piece))));
    lines.push(Line::new("secrets database", MIB, || _ = black_box(whole.hits(text, piece))));
    lines.push(Line::new("secrets database without signs", MIB, || _ = black_box(without_signs.hits(text, piece))));
    for (group, triggers) in groups.iter().zip(&without) {
        let name = format!("secrets database without {group}");
        lines.push(Line::new(name, MIB, move || _ = black_box(triggers.hits(text, piece))));
    }
    table::measure(&mut lines, ROUNDS);
    let mut text = String::from("| what | ns a byte | the rest takes less by | of the whole |\n|---|---:|---:|---:|\n");
    for line in &lines {
        let whole =
            line.name.split_once(" without ").and_then(|(whole, _)| lines.iter().find(|line| line.name == whole));
        let time = line.nanoseconds_a_byte();
        // Writing to a String cannot fail.
        let _ = match whole {
            Some(whole) => {
                let share = 1.0 - line.over(whole);
                let saved = share * whole.nanoseconds_a_byte();
                writeln!(text, "| {} | {time:.3} | {saved:.3} | {:.1} % |", line.name, share * 100.0)
            }
            None => writeln!(text, "| {} | {time:.3} | | |", line.name),
        };
    }
    text
}

fn tracked(criterion: &mut Criterion) {
    let engine = engine();
    let mut group = criterion.benchmark_group("pipeline/request");
    for (name, size) in [("1k", KIB), ("16k", 16 * KIB), ("1m", MIB)] {
        let text = benign::benign(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &text, |bencher, text| {
            bencher.iter(|| scan(&engine, Surface::RequestBody, Encoding::Json, text, text.len()));
        });
    }
    group.finish();
    let target = b"/v1/accounts/7f3a9c/transactions?page=2&per_page=50&since=2026-11-01T00%3A00%3A00Z";
    criterion.bench_function("scan/url", |bencher| bencher.iter(|| engine.scan(Surface::Url, black_box(target)).len()));
}

criterion_group!(benches, tracked);

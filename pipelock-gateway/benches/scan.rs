//! What scanning costs, as ratios inside one run. `cargo bench -p pipelock-gateway --bench scan`.
//!
//! Absolute times depend on the machine and its neighbours; read the table of ratios printed first. It is measured in
//! rounds that take turns, each the median of several, so that a slow second hits all lines alike. Criterion then tracks the
//! same work over time.

#[path = "scan/benign.rs"]
mod benign;

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use pipelock_gateway::model::Surface;
use pipelock_gateway::scan::{Encoding, Engine, RuleSpec, StreamOptions};
use regex::bytes::Regex;

const MIB: usize = 1 << 20;

/// Formats of the built-in rules as plain regular expressions, for the way without Hyperscan: one after another. Fewer than
/// the engine has, so the comparison flatters them.
const ONE_BY_ONE: [&str; 32] = [
    r"sk-ant-[\w-]{16}",
    r"sk-proj-[\w-]{16}",
    r"sk-svcacct-[\w-]{16}",
    r"sk-[A-Za-z0-9]{48}",
    r"hf_[A-Za-z0-9]{30}",
    r"gsk_[A-Za-z0-9]{48}",
    r"xai-[\w-]{80}",
    r"r8_[A-Za-z0-9]{37}",
    r"pcsk_\w{36}",
    r"(?:A3T[A-Z0-9]|A(?:KIA|GPA|IDA|ROA|IPA|NPA|NVA|SIA))[A-Z0-9]{16}",
    r#"(?i:secret[_ -]?access[_ -]?key)["'\\\s:=>,]{1,8}[A-Za-z0-9/+]{40}"#,
    r"AIza[\w-]{35}",
    r"GOCSPX-[\w-]{28}",
    r"ya29\.[\w-]{20}",
    r"do[opr]_v1_[a-f0-9]{64}",
    r"dapi[a-z0-9]{30}",
    r"sb_secret_[\w-]{20}",
    r"hvs\.[\w-]{23}",
    r"gh[pousr]_\w{36}",
    r"github_pat_\w{36}",
    r"glpat-[\w-]{20}",
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[\w-]{32}",
    r"xox[bpars]-[A-Za-z0-9-]{15}",
    r"[sr]k[_-](?:live|test)[_-][A-Za-z0-9]{20}",
    r"whsec_[A-Za-z0-9+/_-]{20}",
    r"SG\.[\w-]{22}\.[\w-]{43}",
    r"key-[A-Za-z0-9]{32}",
    r"NRAK-[A-Z0-9]{27}",
    r"lin_api_[A-Za-z0-9]{40}",
    r"-----BEGIN (?:(?:RSA|EC|DSA|OPENSSH|ENCRYPTED|PGP|ANY) )?PRIVATE KEY(?: BLOCK)?-----",
    r"ey[\w-]{10,500}\.ey[\w-]{10}",
];

fn engine() -> Engine {
    Engine::compile(&RuleSpec::default()).expect("the built-in rules compile")
}

fn expressions() -> Vec<Regex> {
    let compile = |expression: &&str| Regex::new(&format!("(?-u){expression}")).expect("it is a regular expression");
    ONE_BY_ONE.iter().map(compile).collect()
}

fn scan(engine: &Engine, encoding: Encoding, text: &[u8], piece: usize) -> usize {
    let mut scan = engine.stream(Surface::RequestBody, StreamOptions { encoding });
    for bytes in text.chunks(piece) {
        scan.push(bytes);
    }
    scan.finish().len()
}

/// One line of the table.
type Work<'a> = Box<dyn FnMut() + 'a>;

/// The ratios that the design promises, each against its baseline in the same run.
fn ratios() {
    const ROUNDS: usize = 15;
    let engine = engine();
    let expressions = expressions();
    let text = benign::benign(MIB);
    let mut copy = vec![0; MIB];
    let mut work: Vec<(&str, Work<'_>)> = vec![
        (
            "memcpy/1m",
            Box::new(|| {
                copy.copy_from_slice(black_box(&text));
                black_box(&copy);
            }),
        ),
        (
            "regex_one_by_one/1m",
            Box::new(|| {
                black_box(expressions.iter().filter(|expression| expression.is_match(black_box(&text))).count());
            }),
        ),
        (
            "dlp_text/1m",
            Box::new(|| {
                black_box(scan(&engine, Encoding::Plain, black_box(&text), MIB));
            }),
        ),
        (
            "dlp_text_json/1m",
            Box::new(|| {
                black_box(scan(&engine, Encoding::Json, black_box(&text), MIB));
            }),
        ),
        (
            "stream/chunk_16k",
            Box::new(|| {
                black_box(scan(&engine, Encoding::Plain, black_box(&text), 16 << 10));
            }),
        ),
        (
            "stream/chunk_1400",
            Box::new(|| {
                black_box(scan(&engine, Encoding::Plain, black_box(&text), 1400));
            }),
        ),
        (
            "stream/chunk_64",
            Box::new(|| {
                black_box(scan(&engine, Encoding::Plain, black_box(&text), 64));
            }),
        ),
    ];
    let mut times = vec![Vec::with_capacity(ROUNDS); work.len()];
    for _ in 0..ROUNDS {
        for ((_, run), times) in work.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run();
            times.push(start.elapsed());
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            times[ROUNDS / 2]
        })
        .collect();
    let base = |name: &str| {
        let place = work.iter().position(|(known, _)| *known == name).expect("the baseline is in the table");
        medians[place].as_secs_f64()
    };
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{:<22}{:>10}{:>14}{:>12}", "", "x memcpy", "x one_by_one", "x dlp_text");
    for ((name, _), median) in work.iter().zip(&medians) {
        let ratio = |baseline: &str| median.as_secs_f64() / base(baseline);
        let (copy, regex, whole) = (ratio("memcpy/1m"), ratio("regex_one_by_one/1m"), ratio("dlp_text/1m"));
        let _ = writeln!(out, "{name:<22}{copy:>10.2}{regex:>14.3}{whole:>12.2}");
    }
}

fn tracked(criterion: &mut Criterion) {
    let engine = engine();
    let mut group = criterion.benchmark_group("scan/dlp_text");
    for (name, size) in [("1k", 1 << 10), ("16k", 16 << 10), ("1m", MIB)] {
        let text = benign::benign(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &text, |bencher, text| {
            bencher.iter(|| scan(&engine, Encoding::Plain, black_box(text), text.len()));
        });
    }
    group.finish();
    let target = b"/v1/accounts/7f3a9c/transactions?page=2&per_page=50&since=2026-11-01T00%3A00%3A00Z";
    criterion.bench_function("scan/url", |bencher| bencher.iter(|| engine.scan(Surface::Url, black_box(target)).len()));
}

criterion_group!(benches, tracked);

fn main() {
    ratios();
    benches();
    Criterion::default().configure_from_args().final_summary();
}

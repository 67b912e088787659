//! Trains the classifier of `scan/injection` and writes its weights and their manifest. Started by
//! `cargo xtask train-injection --corpus DIR`.
//!
//! Logistic regression by gradient descent over the very sentences and features that the scanner would judge. The same corpus
//! gives the same bytes: examples are visited in a fixed order, nothing is random, and no function of the system's
//! mathematics library is called. Before it writes, it holds out every source (a repository) in turn, trains on the rest, and
//! judges the rows of the source it has not seen; that table is what may be quoted.

#![expect(clippy::print_stdout, reason = "a tool for a terminal: the table is what it is run for")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts stay far below 2^53, and weights are scaled into their byte before they are cut"
)]

mod templates;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use flate2::read::GzDecoder;
use pipelock_gateway::model::Severity;
use pipelock_gateway::scan::injection::training::{BUCKETS, examples, features, folded_body, root, worst};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Passes over all examples.
const EPOCHS: u32 = 12;
/// First step; it shrinks with the passes.
const STEP: f64 = 0.5;
/// How strongly weights are pulled to zero, in each pass over an example.
const DECAY: f64 = 2e-6;
/// Sentences made of each template.
const PER_TEMPLATE: usize = 12;
/// Bytes of an attack of which sentences are taken even where no pattern leads.
const HEAD: usize = 600;

/// A row of the corpus.
struct Row {
    source: String,
    /// `core`, `hard`, `noisy` for attacks; the group of the category for others.
    class: String,
    attack: bool,
    body: Vec<u8>,
    needle: Vec<u8>,
}

/// A sentence to learn from.
struct Sample {
    /// Which source it is held out with.
    source: String,
    attack: bool,
    weight: f64,
    features: Vec<(usize, f64)>,
    text: Vec<u8>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(corpus), Some(target)) = (arguments.next(), arguments.next()) else {
        bail!("usage: train_injection CORPUS TARGET (a directory of jsonl.gz files, and the one of weights.bin)");
    };
    let (rows, digest) = read_rows(&corpus)?;
    let samples = samples(&rows);
    println!(
        "{} rows, {} sentences ({} attacks)",
        rows.len(),
        samples.len(),
        samples.iter().filter(|s| s.attack).count()
    );
    let table = cross_validate(&rows, &samples);
    print!("{table}");
    let weights = train(samples.iter());
    let manifest = format!(
        "Weights of the injection classifier, made by `cargo xtask train-injection`. Do not edit.\n\n\
         corpus sha256     {digest}\nrows, sentences   {}, {}\nfeatures          runs of 3, 4, 5 characters; words; pairs of words; {BUCKETS} buckets\n\
         training          logistic regression, {EPOCHS} passes, step {STEP}, decay {DECAY:e}, {PER_TEMPLATE} sentences a template\nweights sha256    {}\n\n{table}",
        rows.len(),
        samples.len(),
        hex(&Sha256::digest(&weights)),
    );
    fs::write(target.join("weights.bin"), &weights).context("writing weights.bin")?;
    fs::write(target.join("weights.txt"), manifest).context("writing weights.txt")?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The attacks and the ordinary answers of a corpus, and the digest of its files.
fn read_rows(corpus: &Path) -> Result<(Vec<Row>, String)> {
    let mut digest = Sha256::new();
    let mut rows = Vec::new();
    for name in ["injections.jsonl.gz", "benign_responses.jsonl.gz"] {
        let path = corpus.join(name);
        let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            let line = line.with_context(|| format!("reading {}", path.display()))?;
            digest.update(line.as_bytes());
            rows.push(row(&serde_json::from_str(&line).with_context(|| format!("a line of {}", path.display()))?));
        }
    }
    Ok((rows, hex(&digest.finalize())))
}

fn row(value: &Value) -> Row {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let attack = text("expect") == "detect";
    let body = match value.get("payload") {
        Some(Value::String(body)) => body.clone(),
        Some(body) => body.to_string(),
        None => String::new(),
    };
    let class = if attack { text("tier") } else { text("category").split(':').next().unwrap_or_default() };
    Row {
        source: text("source").split('@').next().unwrap_or_default().to_owned(),
        class: class.to_owned(),
        attack,
        body: body.into_bytes(),
        needle: text("needle").as_bytes().to_vec(),
    }
}

/// Sentences of all rows and of the templates. Sources weigh alike by the root of their size, and so do both labels.
fn samples(rows: &[Row]) -> Vec<Sample> {
    let mut found: BTreeSet<(String, bool, Vec<u8>)> = BTreeSet::new();
    for row in rows {
        let folded = folded_body(&row.body);
        if row.attack {
            let needle = folded_body(&row.needle);
            let place = find(&folded, needle.get(..needle.len().min(40)).unwrap_or_default());
            let (from, text) = match place {
                Some(place) => (place, &folded),
                None => (0, &needle),
            };
            let until = from + needle.len();
            for one in examples(text).into_iter().filter(|one| (from..until).contains(&one.at)) {
                found.insert((row.source.clone(), true, one.sentence));
            }
            for piece in pieces(needle.get(..needle.len().min(HEAD)).unwrap_or_default()).into_iter().take(3) {
                found.insert((row.source.clone(), true, piece));
            }
        } else {
            found.extend(examples(&folded).into_iter().map(|one| (row.source.clone(), false, one.sentence)));
            found.extend(pieces(&folded).into_iter().map(|piece| (row.source.clone(), false, piece)));
        }
    }
    for (sentence, attack) in templates::sentences(PER_TEMPLATE) {
        let folded = folded_body(sentence.as_bytes());
        found.insert((
            "templates".to_owned(),
            attack,
            folded.get(..folded.len().min(220)).unwrap_or_default().to_vec(),
        ));
    }
    let mut sizes: BTreeMap<(String, bool), f64> = BTreeMap::new();
    for (source, attack, _) in &found {
        *sizes.entry((source.clone(), *attack)).or_default() += 1.0;
    }
    let total = |label: bool| {
        sizes.iter().filter(|((_, attack), _)| *attack == label).map(|(_, size)| size.sqrt()).sum::<f64>()
    };
    let totals = [total(false), total(true)];
    let count = found.len() as f64;
    let sample = |(source, attack, text): (String, bool, Vec<u8>)| {
        let size = sizes.get(&(source.clone(), attack)).copied().unwrap_or(1.0);
        let weight = count / 2.0 / size.sqrt() / totals[usize::from(attack)];
        let (counts, number) = features(&text);
        let root = root(number) as f64;
        let features = counts.into_iter().map(|(bucket, count)| (bucket, f64::from(count) / root)).collect();
        Sample { source, attack, weight: weight.min(8.0), features, text }
    };
    found.into_iter().map(sample).collect()
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() { None } else { text.windows(needle.len()).position(|window| window == needle) }
}

/// A text cut at blanks into pieces as long as the sentences that are judged.
fn pieces(folded: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = folded;
    while rest.len() > 12 {
        let end = rest.iter().skip(150).position(|&byte| byte == b' ').map_or(rest.len(), |place| place + 150);
        let (piece, after) = rest.split_at(end.min(220).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

/// Weights in the scanner's form, trained on `samples`.
fn train<'a>(samples: impl Iterator<Item = &'a Sample>) -> Vec<u8> {
    let mut samples: Vec<&Sample> = samples.collect();
    // A fixed order that mixes sources and labels.
    samples.sort_by_cached_key(|sample| hex(&Sha256::digest(&sample.text)));
    let (mut weights, mut squares, mut bias) = (vec![0.0f64; BUCKETS], vec![1e-3f64; BUCKETS], 0.0f64);
    for epoch in 0..EPOCHS {
        let step = STEP / (1.0 + f64::from(epoch) * 0.5);
        for sample in &samples {
            let odds = sample.features.iter().map(|&(bucket, value)| weights[bucket] * value).sum::<f64>() + bias;
            let slope = (sigmoid(odds) - f64::from(u8::from(sample.attack))) * sample.weight;
            bias -= step * 0.02 * slope;
            for &(bucket, value) in &sample.features {
                let gradient = slope * value + DECAY * weights[bucket];
                squares[bucket] += gradient * gradient;
                weights[bucket] -= step * gradient / squares[bucket].sqrt() * 0.2;
            }
        }
    }
    let largest = weights.iter().fold(1e-9f64, |largest, weight| largest.max(weight.abs()));
    let scale = largest / 127.0;
    let mut bytes = Vec::with_capacity(BUCKETS + 8);
    bytes.extend(((bias * 1e3) as i32).to_le_bytes());
    bytes.extend(((scale * 1e6) as i32).to_le_bytes());
    bytes.extend(weights.iter().map(|weight| ((weight / scale).round() as i8).cast_unsigned()));
    bytes
}

/// 1 / (1 + e^-x) from additions and multiplications alone, so that every machine gives the same bits.
fn sigmoid(odds: f64) -> f64 {
    let x = (-odds.clamp(-30.0, 30.0)) / 1024.0;
    let mut power = 1.0 + x + x * x / 2.0 + x * x * x / 6.0;
    for _ in 0..10 {
        power *= power;
    }
    1.0 / (1.0 + power)
}

/// What each source is judged as by weights that have not seen it, beside the same without a classifier and with the final
/// weights.
fn cross_validate(rows: &[Row], samples: &[Sample]) -> String {
    let sources: BTreeSet<&str> = rows.iter().map(|row| row.source.as_str()).collect();
    let all = train(samples.iter());
    let mut table = String::from(
        "source held out, class                                              rows   none: found blocked   held out: found blocked   trained on: found blocked\n",
    );
    let mut sums: BTreeMap<String, [usize; 7]> = BTreeMap::new();
    for source in sources {
        let weights = train(samples.iter().filter(|sample| sample.source != source));
        let mut classes: BTreeMap<&str, [usize; 7]> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.source == source) {
            let counts = classes.entry(&row.class).or_default();
            counts[0] += 1;
            for (place, weights) in [&[][..], &weights, &all].into_iter().enumerate() {
                let severity = worst(weights, &row.body);
                counts[1 + 2 * place] += usize::from(severity >= Some(Severity::Medium));
                counts[2 + 2 * place] += usize::from(severity >= Some(Severity::High));
            }
        }
        for (class, counts) in classes {
            line(&mut table, &format!("{source}, {class}"), counts);
            let sum = sums.entry(class.to_owned()).or_default();
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    for (class, counts) in sums {
        line(&mut table, &format!("all sources, {class}"), counts);
    }
    table
}

fn line(table: &mut String, name: &str, [rows, counts @ ..]: [usize; 7]) {
    let share = |count: usize| format!("{:.2}%", 100.0 * count as f64 / rows.max(1) as f64);
    let [plain, blocked, held, held_blocked, seen, seen_blocked] = counts.map(share);
    let _ = writeln!(
        table,
        "{name:66} {rows:5} {plain:>13} {blocked:>7} {held:>17} {held_blocked:>7} {seen:>19} {seen_blocked:>7}"
    );
}

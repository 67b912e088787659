//! Lines that are measured in turns, what is promised of them, and the table of both.
//!
//! Only ratios inside one run mean anything: a virtual machine changes its speed from minute to minute. So every line runs
//! once in each round, and a ratio is the median of the ratios of the rounds. Time is what the processor spent on this thread,
//! so that a busy neighbour costs caches and not turns.

use std::fmt::Write as _;

use rustix::time::{ClockId, clock_gettime};

/// Something to measure.
pub(crate) struct Line<'a> {
    pub(crate) name: String,
    /// Bytes that one run looks at.
    bytes: f64,
    /// Runs only in every so many-th round: for what takes long.
    every: usize,
    run: Box<dyn FnMut() + 'a>,
    /// Nanoseconds a byte, by round.
    times: Vec<Option<f64>>,
}

impl<'a> Line<'a> {
    /// A line whose `run` looks at `bytes` bytes.
    pub(crate) fn new(name: impl Into<String>, bytes: usize, run: impl FnMut() + 'a) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a hundred million at most")]
        let bytes = bytes as f64;
        Self { name: name.into(), bytes, every: 1, run: Box::new(run), times: Vec::new() }
    }

    /// Runs in every so many-th round only.
    pub(crate) fn every(self, every: usize) -> Self {
        Self { every, ..self }
    }

    /// Median of the rounds, in nanoseconds a byte.
    pub(crate) fn nanoseconds_a_byte(&self) -> f64 {
        median(self.times.iter().flatten().copied())
    }

    /// Median of the rounds' ratios: how many times the time of `base` this takes for the same number of bytes.
    pub(crate) fn over(&self, base: &Line<'_>) -> f64 {
        median(self.times.iter().zip(&base.times).filter_map(|(time, base)| Some((*time)? / (*base)?)))
    }
}

/// Runs all lines in turns.
pub(crate) fn measure(lines: &mut [Line<'_>], rounds: usize) {
    for round in 0..rounds {
        for line in &mut *lines {
            let time = round.is_multiple_of(line.every).then(|| {
                let start = processor_nanoseconds();
                (line.run)();
                (processor_nanoseconds() - start) / line.bytes
            });
            line.times.push(time);
        }
    }
}

/// What is promised of a line.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// At most so many times the time of the base.
    AtMost(f64),
    /// At least so many times as fast as the base.
    Faster(f64),
    /// Nothing: shown only.
    Shown,
}

/// A row of the table: the line, what it is held against, and what is promised.
pub(crate) type Row = (String, &'static str, Bound);

/// The table as Markdown, and how many promises were not met.
pub(crate) fn table(lines: &[Line<'_>], rows: &[Row]) -> (String, usize) {
    let find = |name: &str| lines.iter().find(|line| line.name == name);
    let mut text =
        String::from("| line | ns/KiB | against | measured | target | met |\n|---|---:|---|---:|---:|---|\n");
    let mut missed = 0;
    for (name, base, bound) in rows {
        let (Some(line), Some(base)) = (find(name), find(base)) else {
            let _ = writeln!(text, "| `{name}` | | `{base}` | not measured | | |");
            continue;
        };
        let over = line.over(base);
        let (measured, target, met) = match *bound {
            Bound::AtMost(most) => (format!("{over:.2}x"), format!("≤ {most}x"), Some(over <= most)),
            Bound::Faster(least) => {
                (format!("{:.1}x faster", 1.0 / over), format!("≥ {least}x faster"), Some(1.0 / over >= least))
            }
            Bound::Shown => (format!("{over:.2}x"), "-".to_owned(), None),
        };
        missed += usize::from(met == Some(false));
        let met = met.map_or("", |met| if met { "yes" } else { "**no**" });
        let time = line.nanoseconds_a_byte() * 1024.0;
        let _ = writeln!(text, "| `{name}` | {time:.0} | `{}` | {measured} | {target} | {met} |", base.name);
    }
    (text, missed)
}

/// What this thread has used.
#[expect(clippy::cast_precision_loss, reason = "differences are what counts, and those are seconds at most")]
fn processor_nanoseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

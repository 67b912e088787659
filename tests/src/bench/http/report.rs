//! Drives client, contender and upstream, round by round, and makes the tables.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::contender::Contender;
use super::load::Order;
use crate::bench::report::{machine, spread};
use crate::bench::tree;
use crate::gateway::{Exec, Session};
use crate::node::Node;
use crate::process::{DEADLINE, Running};

/// Rounds of each comparison; the contenders take turns within a round.
const ROUNDS: usize = 5;
/// Connections kept busy.
const BUSY: usize = 16;
/// How long one contender is kept busy in a round, in milliseconds.
const TIME_MS: u64 = 1000;
/// Connections opened in each round to see what one costs in memory that streams, or is idle: 5,000 of each in the end.
const KEPT: usize = 1000;
/// How long they are left alone before memory is read: buffers of what is idle are given back after a moment.
const SETTLED: Duration = Duration::from_secs(2);
/// Requests over which memory must not grow, and how long each leg of them takes, in milliseconds.
const MANY: f64 = 1e6;
const LEG_MS: u64 = 5000;
/// Time between two events of such a stream, in microseconds.
const SLOW_EVENTS: u64 = 5_000_000;
/// Event streams read at the same time, events of each, and the time between them.
const STREAMS: Order = Order::Events { streams: 4, count: 250, micros: 4000 };

/// What is measured, with the heading of its table.
const MEASURES: [(&str, Measure); 10] = [
    ("HTTP/1.1, 1 KiB each way", Measure::Load { h2: false, up: 1 << 10, down: 1 << 10, busy: BUSY }),
    ("HTTP/1.1, 64 KiB each way", Measure::Load { h2: false, up: 1 << 16, down: 1 << 16, busy: BUSY }),
    ("HTTP/1.1, uploads of 10 MiB", Measure::Load { h2: false, up: 10 << 20, down: 1 << 10, busy: 2 }),
    ("HTTP/2, 1 KiB each way", Measure::Load { h2: true, up: 1 << 10, down: 1 << 10, busy: BUSY }),
    ("HTTP/2, 64 KiB each way", Measure::Load { h2: true, up: 1 << 16, down: 1 << 16, busy: BUSY }),
    ("New connections", Measure::Connections),
    ("Server-sent events", Measure::Events),
    ("Streaming connections", Measure::Kept(Order::Stream { count: KEPT, micros: SLOW_EVENTS })),
    ("Idle connections", Measure::Kept(Order::Keep { count: KEPT })),
    ("A million requests", Measure::Growth),
];

#[derive(Clone, Copy)]
enum Measure {
    Load {
        h2: bool,
        up: usize,
        down: usize,
        busy: usize,
    },
    Connections,
    Events,
    /// Connections that are opened and stay.
    Kept(Order),
    /// Memory over very many requests, of ours alone: the slow ones would take hours.
    Growth,
}

impl Measure {
    /// Rounds in which contenders take turns.
    const fn rounds(self) -> usize {
        if matches!(self, Self::Growth) { 1 } else { ROUNDS }
    }
}

/// One contender, set up on a node of its own, so that two gateways do not meet in one network namespace.
struct Lane {
    contender: Contender,
    load: Load,
    read: usize,
    proxy: Option<Running>,
    client: u32,
    _upstream: Running,
    // Last: the processes above live in its namespaces.
    _node: Box<Node>,
}

enum Load {
    Alone(Running),
    Captured(Session),
}

impl Load {
    fn process(&mut self) -> &mut Running {
        match self {
            Self::Alone(process) => process,
            Self::Captured(session) => &mut session.process,
        }
    }
}

/// Leaves a contender alone for a while.
#[expect(clippy::disallowed_methods, reason = "nothing tells from outside when another program has given memory back")]
fn settle() {
    std::thread::sleep(SETTLED);
}

/// What one contender did in one round; which numbers depends on the measure.
#[derive(Clone, Copy, Default)]
struct Sample {
    /// Requests or connections a second; for events the median delay in µs; for kept connections KiB each, for
    /// very many requests KiB after the first of them.
    main: f64,
    /// Processor time of the contender for one of them, in µs; for events the 99th percentile of the delay in µs; for very many
    /// requests KiB more at their end.
    second: f64,
}

impl Lane {
    fn open(contender: Contender) -> Result<Self> {
        let node = Box::new(Node::new()?);
        let own = std::env::current_exe().context("own path")?;
        let files: PathBuf = node.directory().to_owned();
        let mut command = node.outside_command(&own);
        command.arg("http-upstream").arg(&files);
        let upstream = Running::start(command)?;
        upstream.wait_for_output("ready")?;
        let proxy = contender.command(&node, &files)?.map(Running::start).transpose()?;
        let root = files.join("root.pem");
        let words = ["http-load", contender.route().as_str()];
        let mut load = if let Some(config) = contender.pipelock_config(&files) {
            let line = [own.as_os_str(), words[0].as_ref(), words[1].as_ref(), root.as_os_str()];
            Load::Captured(Exec::on(&node).config(config).quiet().start(line)?)
        } else {
            let mut command = node.command(&own);
            command.args(words).arg(&root);
            Load::Alone(Running::start(command)?)
        };
        let said = load.process().wait_for_more(0, "\n", DEADLINE).with_context(|| match &proxy {
            Some(proxy) => format!("{} says: {}", contender.title(), proxy.complaints()),
            None => contender.title().to_owned(),
        })?;
        let client = said.trim().strip_prefix("ready ").and_then(|pid| pid.parse().ok()).context("the client's pid")?;
        let read = load.process().output().len();
        Ok(Self { contender, load, read, proxy, client, _upstream: upstream, _node: node })
    }

    /// Gives the load client an order and returns its answer.
    fn ask(&mut self, order: Order) -> Result<Value> {
        let line = serde_json::to_string(&order).context("writing an order")?;
        let process = self.load.process();
        process.say(&line)?;
        let answer = process
            .wait_for_more(self.read, "\n", DEADLINE * 4)
            .with_context(|| format!("{} at {line}", self.contender.title()))?;
        self.read += answer.len();
        let answer: Value =
            serde_json::from_str(answer.trim()).with_context(|| format!("the load client said {answer:?}"))?;
        if let Some(reason) = answer["failed"].as_str() {
            bail!("{} failed {line}: {reason}", self.contender.title());
        }
        Ok(answer)
    }

    /// The processes of the contender itself, without the client that ours runs.
    fn family(&mut self) -> Result<Vec<u32>> {
        match (&self.proxy, &self.load) {
            (Some(proxy), _) => tree::family(proxy.pid(), None),
            (None, Load::Captured(session)) => tree::family(session.process.pid(), Some(self.client)),
            (None, Load::Alone(_)) => Ok(Vec::new()),
        }
    }

    fn cpu(&mut self) -> Result<f64> {
        self.family()?.into_iter().map(tree::cpu_seconds).sum()
    }

    fn memory(&mut self) -> Result<f64> {
        self.family()?.into_iter().map(tree::memory_kib).sum()
    }

    /// `None` where the contender cannot take part.
    fn measure(&mut self, measure: Measure) -> Result<Option<Sample>> {
        let order = match measure {
            Measure::Load { h2: true, .. } if !self.contender.speaks_h2() => return Ok(None),
            Measure::Load { h2, up, down, busy } => Order::Requests { h2, up, down, connections: busy, ms: TIME_MS },
            Measure::Connections => Order::Connections { parallel: 8, ms: TIME_MS },
            Measure::Events => {
                let answer = self.ask(STREAMS)?;
                let micros = |key: &str| Ok::<_, anyhow::Error>(answer[key].as_f64().context("a delay")? / 1000.0);
                return Ok(Some(Sample { main: micros("p50_ns")?, second: micros("p99_ns")? }));
            }
            Measure::Kept(order) => {
                let before = self.memory()?;
                self.ask(order)?;
                settle();
                #[expect(clippy::cast_precision_loss, reason = "a thousand")]
                let each = (self.memory()? - before) / KEPT as f64;
                return Ok(Some(Sample { main: each, second: 0.0 }));
            }
            Measure::Growth if self.contender != Contender::InterceptScan => return Ok(None),
            Measure::Growth => return self.growth().map(Some),
        };
        let before = self.cpu()?;
        let answer = self.ask(order)?;
        let used = self.cpu()? - before;
        let count = answer["count"].as_f64().context("count")?;
        let rate = count / answer["seconds"].as_f64().context("seconds")?;
        Ok(Some(Sample { main: rate, second: used / count * 1e6 }))
    }
}

impl Lane {
    /// Memory after the first leg, and how much more it is after all requests, in KiB. Each leg opens connections of its own.
    fn growth(&mut self) -> Result<Sample> {
        let order = Order::Requests { h2: false, up: 1 << 10, down: 1 << 10, connections: BUSY, ms: LEG_MS };
        let (mut requests, mut first) = (0.0, None);
        loop {
            requests += self.ask(order)?["count"].as_f64().context("count")?;
            settle();
            let memory = self.memory()?;
            let first = *first.get_or_insert(memory);
            if requests >= MANY {
                return Ok(Sample { main: first, second: memory - first });
            }
        }
    }
}

/// Runs everything and returns the text of `RESULTS-http.md`. With words in `only`, what is measured and who is compared is
/// only that in whose title one of them stands, and direct.
///
/// # Errors
/// When a contender cannot be set up. One that fails at something has no figures for it.
pub fn run(only: &[String], progress: impl Fn(&str)) -> Result<String> {
    let mut text = format!(
        "# Results: HTTP beside other proxies\n\nWritten by `cargo xtask bench http`; README.md beside it says how to read \
         it. Compare within this file only.\n\n{}\n",
        machine()?
    );
    let mut lanes: Vec<Lane> = Vec::new();
    let wanted = |title: &str, all: &[&str]| {
        let mut named = only.iter().filter(|word| all.iter().any(|title| title.contains(word.as_str()))).peekable();
        named.peek().is_none() || named.any(|word| title.contains(word.as_str()))
    };
    let titles = Contender::ALL.map(Contender::title);
    let contenders: Vec<Contender> = Contender::ALL
        .into_iter()
        .filter(|contender| *contender == Contender::Direct || wanted(contender.title(), &titles))
        .collect();
    let headings = MEASURES.map(|(title, _)| title);
    for (title, measure) in MEASURES.into_iter().filter(|(title, _)| wanted(title, &headings)) {
        if lanes.is_empty() || matches!(measure, Measure::Kept(_) | Measure::Growth) {
            // What is kept is measured in processes that have given nothing back yet, and takes most of their descriptors.
            lanes.clear();
            for &contender in &contenders {
                progress(&format!("setting up {}", contender.title()));
                lanes.push(Lane::open(contender)?);
            }
        }
        progress(title);
        let mut samples = vec![Vec::new(); lanes.len()];
        for round in 0..measure.rounds() {
            progress(&format!("  round {} of {}", round + 1, measure.rounds()));
            for (lane, samples) in lanes.iter_mut().zip(&mut samples) {
                match lane.measure(measure) {
                    Ok(sample) => samples.extend(sample),
                    Err(error) => progress(&format!("  {error:#}")),
                }
            }
        }
        table(&mut text, title, measure, (&contenders, &samples))?;
    }
    Ok(text)
}

fn table(
    text: &mut String,
    title: &str,
    measure: Measure,
    (contenders, samples): (&[Contender], &[Vec<Sample>]),
) -> Result<()> {
    let [direct, haproxy] = [Contender::Direct, Contender::Haproxy].map(|wanted| {
        let place = contenders.iter().position(|contender| *contender == wanted);
        place.and_then(|place| samples.get(place)).map(Vec::as_slice).unwrap_or_default()
    });
    writeln!(text, "\n## {title}\n")?;
    match measure {
        Measure::Events => {
            writeln!(
                text,
                "| | delay p50, µs | p99, µs | added to direct: p50, µs | p99, µs |\n|---|---:|---:|---:|---:|"
            )?;
        }
        Measure::Kept(_) => writeln!(text, "| | KiB each |\n|---|---:|")?,
        Measure::Growth => writeln!(text, "| | KiB after the first 5 s | KiB more at the end |\n|---|---:|---:|")?,
        _ => writeln!(
            text,
            "| | a second | ÷ direct | ÷ haproxy | CPU µs each | CPU ÷ haproxy |\n|---|---:|---:|---:|---:|---:|"
        )?,
    }
    for (contender, own) in contenders.iter().zip(samples) {
        let title = contender.title();
        let main = |sample: &Sample| sample.main;
        let second = |sample: &Sample| sample.second;
        let column = |of: fn(&Sample) -> f64, decimals| spread(own.iter().map(of).collect(), decimals);
        let against = |other: &[Sample], of: fn(&Sample) -> f64| {
            spread(own.iter().zip(other).map(|(own, other)| of(own) / of(other)).collect(), 2)
        };
        let added = |of: fn(&Sample) -> f64| {
            spread(own.iter().zip(direct).map(|(own, other)| of(own) - of(other)).collect(), 0)
        };
        match measure {
            Measure::Growth if own.is_empty() => {}
            Measure::Growth => writeln!(text, "| {title} | {} | {} |", column(main, 0), column(second, 0))?,
            _ if own.is_empty() => writeln!(text, "| {title} | cannot |")?,
            Measure::Events => writeln!(
                text,
                "| {title} | {} | {} | {} | {} |",
                column(main, 0),
                column(second, 0),
                added(main),
                added(second)
            )?,
            Measure::Kept(_) if *contender == Contender::Direct => {}
            Measure::Kept(_) => writeln!(text, "| {title} | {} |", column(main, 1))?,
            _ if *contender == Contender::Direct => {
                writeln!(text, "| {title} | {} | 1 | {} | - | - |", column(main, 0), against(haproxy, main))?;
            }
            _ => writeln!(
                text,
                "| {title} | {} | {} | {} | {} | {} |",
                column(main, 0),
                against(direct, main),
                against(haproxy, main),
                column(second, 1),
                against(haproxy, second)
            )?,
        }
    }
    Ok(())
}

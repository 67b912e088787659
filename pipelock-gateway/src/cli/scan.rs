//! `pipelock scan`: judges messages as the gateway would, without a network.
//!
//! ```text
//!  stdin ─► lines ─► batches ─► N workers: record ─► engine ─► binding ─► fold ─► in order ─► stdout
//! ```
//!
//! One verdict a line, in the order of the input whatever the number of workers. A bad line is answered with an error and
//! the rest is still judged. Memory is bounded: a line has a greatest length, and no more than `IN_FLIGHT` bytes are
//! between reader and writer. Rules, mode and samples come from the same snapshot a gateway would run on.

mod events;
mod lines;
mod record;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Read, Write};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{EXIT_CONFIG, ScanArgs};
use crate::config::Config;
use crate::model::{Finding, PeerName, ServerName, Surface, Verdict, error_chain};
use crate::pipeline::{Snapshot, SnapshotOptions};
use crate::scan::{Fields, Message, Payload, Syntax};
use crate::tls::RootLocations;
use crate::verdict::{Place, in_fields, in_target};
use lines::{Batch, LONGEST, Line, Lines};
pub use record::{Content, Error as RecordError, Record};

/// Every record was judged.
const JUDGED: u8 = 0;
/// At least one line was no record, or not everything could be read or written.
const INCOMPLETE: u8 = 1;

/// Input bytes between reader and writer: two lines of the greatest length.
const IN_FLIGHT: usize = 2 * LONGEST;

/// Runs the command on standard input and output; returns the exit code.
#[must_use]
pub fn run(args: &ScanArgs) -> u8 {
    let mut err = io::stderr();
    let snapshot = match snapshot(args.config.as_deref()) {
        Ok(snapshot) => snapshot,
        Err(message) => {
            let _ = writeln!(err, "error: {message}");
            return EXIT_CONFIG;
        }
    };
    if io::stdin().is_terminal() {
        let _ = writeln!(err, "reading records from the terminal, one JSON object a line; end with ctrl-d");
    }
    let jobs = args.jobs.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let progress = Progress::new(err.is_terminal().then_some(&mut err as &mut dyn Write));
    match scan(&snapshot, jobs, io::stdin(), &mut io::stdout().lock(), progress) {
        Ok(0) => JUDGED,
        Ok(_) => INCOMPLETE,
        Err(error) => {
            // Who closed our output wants no more of it, nor a word about it.
            if error.kind() != io::ErrorKind::BrokenPipe {
                let _ = writeln!(io::stderr(), "error: {error}");
            }
            INCOMPLETE
        }
    }
}

/// What is in force under a configuration, without what opening TLS takes. An error is one line for a person.
pub(super) fn snapshot(path: Option<&std::path::Path>) -> Result<Arc<Snapshot>, String> {
    let loaded = path.map_or_else(|| Ok((Config::default(), Vec::new())), Config::load);
    let (config, _) = loaded.map_err(|error| error_chain(&error))?;
    let options = SnapshotOptions { open_tls: false, roots: RootLocations::default(), now: SystemTime::now() };
    let built = Snapshot::build(&config, &options);
    built.map(Arc::new).map_err(|error| format!("{}: {}", config.source, error_chain(&error)))
}

/// The verdict on one record under `snapshot`.
///
/// The host of a record is taken as proven, as the gateway takes the name that an upstream's certificate proves: credentials
/// on their way to where they belong are no leaks.
#[must_use]
pub fn judge(snapshot: &Snapshot, record: &Record<'_>) -> Verdict {
    let mut findings = snapshot.engine.examine(&record.message());
    if let Content::Text(text) = &record.payload {
        if record.surface == Surface::Response && events::is_stream(record.content_type.as_deref()) {
            add_joined(snapshot, text, &mut findings);
        }
        findings.extend(snapshot.known_secrets.scan(record.surface, text));
        let host = record.host.as_deref().and_then(peer);
        leave_leaks(snapshot, record, text, host.as_ref(), &mut findings);
    }
    snapshot.fold(findings)
}

/// What is found only where the pieces of a streamed answer are joined. Its place is all of the body.
fn add_joined(snapshot: &Snapshot, body: &[u8], findings: &mut Vec<Finding>) {
    for text in events::texts(body) {
        let message = Message { surface: Surface::Response, payload: Payload::Bytes(&text), content_type: None };
        for finding in snapshot.engine.examine(&message) {
            if !findings.iter().any(|known| known.rule == finding.rule && known.severity >= finding.severity) {
                findings.push(Finding { span: 0..body.len() as u64, ..finding });
            }
        }
    }
}

fn peer(host: &str) -> Option<PeerName> {
    host.parse().map(PeerName::Ip).ok().or_else(|| ServerName::parse(host).map(PeerName::Dns).ok())
}

fn leave_leaks(
    snapshot: &Snapshot,
    record: &Record<'_>,
    text: &[u8],
    host: Option<&PeerName>,
    findings: &mut Vec<Finding>,
) {
    let bindings = &snapshot.bindings;
    match record.surface {
        Surface::RequestHeader => bindings.retain_leaks(findings, host, |f| in_fields(text, &f.span)),
        Surface::Url => {
            bindings.retain_leaks(findings, host, |f| in_target(text, &f.span));
            findings.retain(|f| !host.is_some_and(|host| snapshot.patterns.is_exempt(&f.rule, host)));
        }
        Surface::RequestBody if !findings.is_empty() => {
            let form =
                record.content_type.as_deref().is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
            let syntax = if form { Syntax::Form } else { Syntax::Json };
            let mut fields = Fields::new(syntax, bindings.body_places(host));
            fields.push(text);
            fields.finish();
            bindings.retain_leaks(findings, host, |f| fields.places_of(&f.span).map(Place::Body).collect::<Vec<_>>());
        }
        _ => {}
    }
}

/// Judges every line of `input` and writes one line each; returns how many lines were no records.
///
/// # Errors
/// When reading or writing fails; what was judged until then is written, if it can be.
fn scan(
    snapshot: &Arc<Snapshot>,
    jobs: NonZeroUsize,
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    mut progress: Progress<'_>,
) -> io::Result<u64> {
    let budget = Arc::new(Budget::new(IN_FLIGHT));
    let results = start(snapshot, jobs, input, Arc::clone(&budget));
    // Batches that were judged before one that stands in front of them. The budget bounds it.
    let mut early: BTreeMap<u64, Judged> = BTreeMap::new();
    let mut next = 0;
    let mut errors = 0;
    let mut read_error = None;
    // When the writer gives up, the threads are left behind: one may be waiting for a line that never comes, and the
    // process is about to end.
    for result in results {
        match result {
            Ok(judged) => drop(early.insert(judged.number, judged)),
            Err(error) => read_error = Some(error),
        }
        while let Some(judged) = early.remove(&next) {
            next += 1;
            errors += judged.errors;
            budget.give(judged.bytes);
            output.write_all(&judged.text)?;
            progress.add(judged.records, judged.bytes, errors);
        }
        output.flush()?;
    }
    progress.finish();
    read_error.map_or(Ok(errors), Err)
}

/// A batch on its way to a worker.
struct Job {
    number: u64,
    batch: Batch,
}

/// A batch on its way to the writer.
struct Judged {
    number: u64,
    text: Vec<u8>,
    records: u64,
    errors: u64,
    bytes: usize,
}

/// Starts a reader and `jobs` workers; what they send ends when all of them are done.
fn start(
    snapshot: &Arc<Snapshot>,
    jobs: NonZeroUsize,
    input: impl Read + Send + 'static,
    budget: Arc<Budget>,
) -> Receiver<io::Result<Judged>> {
    let (job_sender, job_receiver) = mpsc::sync_channel::<Job>(jobs.get());
    let (result_sender, results) = mpsc::channel();
    let job_receiver = Arc::new(Mutex::new(job_receiver));
    for _ in 0..jobs.get() {
        let (snapshot, jobs, results) = (Arc::clone(snapshot), Arc::clone(&job_receiver), result_sender.clone());
        thread::spawn(move || work(&snapshot, &jobs, &results));
    }
    thread::spawn(move || read(input, &job_sender, &result_sender, &budget));
    results
}

fn read(input: impl Read, jobs: &SyncSender<Job>, results: &Sender<io::Result<Judged>>, budget: &Budget) {
    let mut lines = Lines::new(input);
    for number in 0.. {
        match lines.batch() {
            Ok(Some(batch)) => {
                budget.take(batch.bytes);
                if jobs.send(Job { number, batch }).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                let _ = results.send(Err(error));
                return;
            }
        }
    }
}

fn work(snapshot: &Snapshot, jobs: &Mutex<Receiver<Job>>, results: &Sender<io::Result<Judged>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { number, batch }) = job else { return };
        let mut judged = Judged { number, text: Vec::new(), records: 0, errors: 0, bytes: batch.bytes };
        for (line_number, line) in batch.lines {
            judged.records += 1;
            if let Err(error) = answer(snapshot, &line, &mut judged.text) {
                judged.errors += 1;
                complain(line_number, &error, &mut judged.text);
            }
        }
        if results.send(Ok(judged)).is_err() {
            return;
        }
    }
}

/// One line of output.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a RawValue,
    verdict: &'static str,
    findings: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    rule: &'a str,
    family: &'static str,
    severity: &'static str,
    view: &'static str,
}

impl<'a> From<&'a Finding> for Found<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            rule: &finding.rule,
            family: finding.family.as_str(),
            severity: finding.severity.as_str(),
            view: finding.view.as_str(),
        }
    }
}

/// Judges one line; appends to `out` only when it could be judged.
fn answer(snapshot: &Snapshot, line: &Line, out: &mut Vec<u8>) -> Result<(), String> {
    let Line::Text(text) = line else { return Err(format!("longer than {} MiB", LONGEST >> 20)) };
    let record = Record::parse(text).map_err(|error| error.to_string())?;
    // A record must not take the ones after it with it, any more than a connection takes others.
    let verdict = catch_unwind(AssertUnwindSafe(|| judge(snapshot, &record)))
        .map_err(|_| "judging it panicked: please report this line as a defect".to_owned())?;
    let findings = verdict.findings.iter().map(Found::from).collect();
    append(out, &Answer { id: record.id, verdict: verdict.action.as_str(), findings });
    Ok(())
}

fn complain(line: u64, error: &str, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Complaint {
        id: (),
        error: String,
    }
    append(out, &Complaint { id: (), error: format!("line {line}: {error}") });
}

fn append(out: &mut Vec<u8>, answer: &impl Serialize) {
    let written = serde_json::to_writer(&mut *out, answer);
    debug_assert!(written.is_ok(), "strings and numbers in memory always serialise");
    out.push(b'\n');
}

/// Bytes that may be between reader and writer.
struct Budget {
    free: Mutex<usize>,
    given: Condvar,
    all: usize,
}

impl Budget {
    fn new(all: usize) -> Self {
        Self { free: Mutex::new(all), given: Condvar::new(), all }
    }

    /// Waits until there is room. What is larger than everything there is waits for all of it.
    fn take(&self, bytes: usize) {
        let wanted = bytes.min(self.all);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < wanted {
            free = self.given.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= wanted;
    }

    fn give(&self, bytes: usize) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += bytes.min(self.all);
        self.given.notify_one();
    }
}

/// A line on the terminal that says how far we are.
struct Progress<'a> {
    out: Option<&'a mut dyn Write>,
    begun: Instant,
    shown: Instant,
    records: u64,
    bytes: usize,
    errors: u64,
}

impl<'a> Progress<'a> {
    fn new(out: Option<&'a mut dyn Write>) -> Self {
        let now = Instant::now();
        Self { out, begun: now, shown: now, records: 0, bytes: 0, errors: 0 }
    }

    fn add(&mut self, records: u64, bytes: usize, errors: u64) {
        self.records += records;
        self.bytes += bytes;
        self.errors = errors;
        if self.shown.elapsed() >= Duration::from_millis(200) {
            self.show("\r");
            self.shown = Instant::now();
        }
    }

    fn finish(&mut self) {
        self.show("\r");
        if let Some(out) = &mut self.out {
            let _ = writeln!(out);
        }
    }

    fn show(&mut self, before: &str) {
        let Some(out) = &mut self.out else { return };
        #[expect(clippy::cast_precision_loss, reason = "one decimal for a person")]
        let megabytes = self.bytes as f64 / 1e6;
        let seconds = self.begun.elapsed().as_secs_f64();
        let _ =
            write!(out, "{before}{} records, {megabytes:.1} MB, {} errors, {seconds:.1} s", self.records, self.errors);
        let _ = out.flush();
    }
}

#[cfg(test)]
mod tests;

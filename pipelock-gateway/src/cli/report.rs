//! `pipelock report`: what happened, in one HTML page that stands alone, or as JSON.
//!
//! The page loads nothing and runs nothing: charts are SVG drawn here, and its own policy forbids scripts and requests. What a
//! record says is text in it, whatever it looks like. Memory is bounded by the number of hosts and rules that are kept apart.

mod html;
mod tally;

use std::io::Write;

use anyhow::Context;

use super::{EXIT_CONFIG, ReportArgs, ReportFormat};
use super::{events, logs};

pub(super) use tally::Tally;

/// Writes the report; exit code 0, 1 when it could not be written, [`EXIT_CONFIG`] when there is no log to read.
pub fn report(args: &ReportArgs, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let tally = match read(args) {
        Ok(tally) => tally,
        Err(error) => {
            let _ = writeln!(err, "pipelock: {error:#}");
            return EXIT_CONFIG;
        }
    };
    let text = match args.format {
        ReportFormat::Html => html::page(&tally, &args.title),
        ReportFormat::Json => serde_json::json!(tally).to_string() + "\n",
    };
    let written = match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| format!("writing {}", path.display())),
        None => out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing the report"),
    };
    match written {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(err, "pipelock: {error:#}");
            1
        }
    }
}

fn read(args: &ReportArgs) -> anyhow::Result<Tally> {
    let path = logs::source(&args.source)?;
    let since = match args.days {
        None => args.since.clone(),
        Some(days) => {
            let span = jiff::Span::new().hours(24 * i64::from(days));
            Some(jiff::Timestamp::now().checked_sub(span).context("--days reaches too far back")?.to_string())
        }
    };
    let mut tally = Tally::default();
    let strange = events::each(logs::open(&path)?, |record| {
        let time = record["time"].as_str().unwrap_or_default();
        let early = since.as_deref().is_some_and(|since| time < since);
        let late = args.until.as_deref().is_some_and(|until| time >= until);
        if !early && !late {
            tally.add(&record);
        }
        Ok(())
    })
    .with_context(|| format!("reading {}", path.display()))?;
    tally.unreadable_lines = strange;
    Ok(tally)
}

#[cfg(test)]
mod tests;

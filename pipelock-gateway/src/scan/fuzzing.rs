//! What must hold for any bytes, as functions that panic when it does not: the bodies of the fuzz targets in
//! `pipelock-gateway/fuzz`, and of a test that runs them on every input kept there.
//!
//! Compiled for tests and under the feature `testing` only. A target takes its parameters (cuts, an encoding) from the
//! first bytes of its input, so that a kept input is the whole case.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::decode::{Decoded, Decoder, Escapes, raw_len};
use super::normalize::{Normalizer, fold};
use super::runs::{Found, Runs};
use super::{Encoding, Engine, Message, Payload, RuleSpec, StreamOptions};
use crate::model::{Finding, Surface};

static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::compile(&RuleSpec::default()).expect("built-in rules compile"));

/// A target: its name, and what it claims of any input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets of this module.
pub const TARGETS: &[Target] = &[
    ("decode", decode),
    ("normalize", normalize),
    ("runs", runs),
    ("numbers", numbers),
    ("stream", stream),
    ("url", url),
    ("tools", tools),
    ("text", text),
];

/// Splits `data` into pieces whose lengths come from `cuts`, cycled.
fn pieces<'a>(mut data: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut lengths = cuts.iter().copied().cycle();
    let mut pieces = Vec::new();
    while !data.is_empty() {
        // Squared, so that both single bytes and hundreds of them occur.
        let length = lengths.next().map_or(1, |cut| 1 + usize::from(cut) * usize::from(cut) / 64).min(data.len());
        let (piece, rest) = data.split_at(length);
        pieces.push(piece);
        data = rest;
    }
    pieces
}

/// The first `count` bytes as parameters, zeros where there are fewer; and the rest.
fn parameters<const COUNT: usize>(input: &[u8]) -> ([u8; COUNT], &[u8]) {
    let mut taken = [0; COUNT];
    let (head, rest) = input.split_at(COUNT.min(input.len()));
    taken.iter_mut().zip(head).for_each(|(place, byte)| *place = *byte);
    (taken, rest)
}

/// Escapes are undone alike however the input was cut, every raw byte is accounted for, and little grows.
pub fn decode(input: &[u8]) {
    let ([escapes, cuts @ ..], data) = parameters::<5>(input);
    let escapes = if escapes & 1 == 0 { Escapes::Json } else { Escapes::Percent };
    let undo = |pieces: &[&[u8]]| {
        let mut decoder = Decoder::new(escapes);
        let mut out = Decoded::for_slices(data.len());
        for piece in pieces {
            decoder.push(piece, &mut out);
        }
        decoder.finish(&mut out);
        (out.bytes.to_vec(), out.raw_lengths)
    };
    let whole = undo(&[data]);
    assert_eq!(whole, undo(&pieces(data, &cuts)), "cuts must not change what is decoded");
    assert_eq!(raw_len(&whole.1), data.len(), "every raw byte is accounted for");
    assert!(whole.0.len() <= data.len(), "an escape is longer than what it stands for");
}

/// Characters are taken for what they look like alike however the input was cut, every raw byte is accounted for, little
/// grows, and what was folded is folded.
pub fn normalize(input: &[u8]) {
    let (cuts, data) = parameters::<4>(input);
    let replace = |pieces: &[&[u8]]| {
        let mut normalizer = Normalizer::small();
        let (mut text, mut out) = (Decoded::for_slices(data.len()), Decoded::for_slices(data.len()));
        for piece in pieces {
            text.clear();
            text.plain(piece);
            normalizer.push(&text, &mut out);
        }
        normalizer.finish(&mut out);
        (out.bytes.to_vec(), out.raw_lengths)
    };
    let whole = replace(&[data]);
    assert_eq!(whole, replace(&pieces(data, &cuts)), "cuts must not change what is read");
    assert!(raw_len(&whole.1) <= data.len(), "no raw byte is counted twice");
    let folded = fold(data);
    assert!(folded.len() <= 8 * data.len(), "{} bytes of {}", folded.len(), data.len());
    // What is no UTF-8 may become it when an invisible character goes from its middle.
    let valid = fold(String::from_utf8_lossy(data).as_bytes());
    assert_eq!(fold(&valid), valid, "folding twice must not change anything");
}

/// What a scan says of each finding, without what differs between two scans by design.
fn facts(findings: Vec<Finding>) -> Vec<impl PartialEq + std::fmt::Debug> {
    let mut facts: Vec<_> = findings
        .into_iter()
        .map(|finding| {
            let place = (finding.span.start, finding.span.end);
            (place, finding.rule, finding.severity.as_str(), finding.view.as_str(), finding.evidence)
        })
        .collect();
    facts.sort_by(|a, b| (a.0, &a.1, a.2, a.3).cmp(&(b.0, &b.1, b.2, b.3)));
    facts
}

/// A stream in pieces finds what the same stream in one piece finds, and every place lies inside.
fn cut(data: &[u8], cuts: &[u8], encoding: Encoding, surface: Surface) {
    let scan = |pieces: &[&[u8]]| {
        let mut stream = ENGINE.stream(surface, StreamOptions { encoding });
        for piece in pieces {
            let progress = stream.push(piece);
            assert!(progress.found < usize::MAX);
        }
        stream.finish()
    };
    let whole = scan(&[data]);
    for finding in &whole {
        assert!(finding.span.start <= finding.span.end && finding.span.end <= data.len() as u64, "{finding:?}");
    }
    assert_eq!(facts(whole), facts(scan(&pieces(data, cuts))), "cuts must not change what is found");
}

/// Cuts never change findings, whatever the encoding and the direction.
pub fn stream(input: &[u8]) {
    let ([mode, cuts @ ..], data) = parameters::<5>(input);
    let encoding = [Encoding::Plain, Encoding::Json, Encoding::Percent][usize::from(mode) % 3];
    let surface = [Surface::RequestBody, Surface::Response][usize::from(mode / 3) % 2];
    cut(data, &cuts, encoding, surface);
}

/// The run lane reports the same runs however the input was cut, each inside of it.
fn same_runs(text: &[u8], cuts: &[u8]) {
    let find = |pieces: &[&[u8]]| {
        let mut found = Vec::new();
        let mut lane = Runs::default();
        for piece in pieces {
            lane.feed(piece, |run| found.push(run));
        }
        lane.finish(|run| found.push(run));
        // Within a block the order is that of kinds.
        found.sort_by_key(|run| match run {
            Found::Digits(range) => (range.start, range.end, 0),
            Found::Token(range) => (range.start, range.end, 1),
            Found::Code(at) => (*at, *at, 2),
        });
        found
    };
    let whole = find(&[text]);
    assert_eq!(whole, find(&pieces(text, cuts)), "cuts must not change which runs there are");
    for run in &whole {
        let (start, end) = match run {
            Found::Digits(range) | Found::Token(range) => (range.start, range.end),
            Found::Code(at) => (*at, at + 2),
        };
        assert!(start < end && end <= text.len() as u64, "{run:?}");
    }
}

/// Any bytes as text of those that numbers and keys are made of, so that the run lane has something to do.
fn numeric(data: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8] =
        b"0123456789012345678901234567890123456789 -.,:/_+=abcdefABCDEFxDEGBFR4111KLxprv\\n\"{}key\n";
    data.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]).collect()
}

/// The run lane alone, which is cheap enough for very many inputs: on any bytes, and on those that make runs.
pub fn runs(input: &[u8]) {
    let (cuts, data) = parameters::<4>(input);
    same_runs(data, &cuts);
    same_runs(&numeric(data), &cuts);
}

/// What is made of the runs: a whole scan of text that consists of them.
pub fn numbers(input: &[u8]) {
    let (cuts, data) = parameters::<4>(input);
    cut(&numeric(data), &cuts, Encoding::Plain, Surface::RequestBody);
}

/// Any target is taken apart; every place lies inside.
pub fn url(input: &[u8]) {
    for finding in ENGINE.scan_url(input) {
        assert!(finding.span.start <= finding.span.end && finding.span.end <= input.len() as u64, "{finding:?}");
    }
}

/// Definitions, arguments, chains and results are read whatever they hold.
pub fn tools(input: &[u8]) {
    let value = serde_json::from_slice::<Value>(input).unwrap_or_else(|_| {
        // No JSON: a command for a shell, which is where the rest of the readers is.
        let text = String::from_utf8_lossy(input);
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "run_command", "arguments": { "command": text, "path": text } } })
    });
    let definitions = json!({ "result": { "tools": [{ "name": "t", "description": "d", "inputSchema": value }] } });
    let drift = json!({ "before": definitions, "after": value });
    let chain = json!([value, value]);
    for (surface, payload) in [
        (Surface::ToolDefinitions, &value),
        (Surface::ToolDefinitions, &definitions),
        (Surface::ToolDefinitions, &drift),
        (Surface::ToolCall, &value),
        (Surface::ToolChain, &chain),
        (Surface::ToolResult, &value),
    ] {
        let _ = ENGINE.examine(&Message { surface, payload: Payload::Json(payload), content_type: None });
    }
}

/// A complete text is examined on every surface that takes one, as every type that changes how it is read.
pub fn text(input: &[u8]) {
    const TYPES: [Option<&str>; 6] = [
        None,
        Some("application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=b"),
        Some("text/html"),
        Some("text/event-stream"),
    ];
    let ([kind], data) = parameters::<1>(input);
    let content_type = TYPES[usize::from(kind) % TYPES.len()];
    for surface in [Surface::RequestBody, Surface::Response, Surface::RequestHeader, Surface::ToolResult] {
        let _ = ENGINE.examine(&Message { surface, payload: Payload::Bytes(data), content_type });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs that once broke a claim, or that reach what random bytes seldom do.
    fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        files.map(|file| (file.display().to_string(), std::fs::read(file).unwrap())).collect()
    }

    #[test]
    fn every_kept_input_keeps_every_claim() {
        for (name, target) in TARGETS {
            let inputs = kept(name);
            assert!(!inputs.is_empty(), "{name} has no seeds");
            for (file, input) in inputs {
                println!("{file}");
                target(&input);
            }
        }
    }
}

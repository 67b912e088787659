//! `cargo xtask train-injection`: the weights of the injection classifier, made again from a corpus.
//!
//! Only builds and starts the gateway's example of that name, which uses the scanner's own sentences and features and writes
//! the weights beside their source, with a manifest that says what they were made from and what held-out sources gave.

use std::path::PathBuf;

use anyhow::Result;

use crate::command::Cmd;
use crate::deps;

/// What to train on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A directory with `injections.jsonl.gz` and `benign_responses.jsonl.gz`.
    #[arg(long)]
    corpus: PathBuf,
}

/// Trains and writes.
///
/// # Errors
/// When the example does not build, or the corpus cannot be read.
pub(crate) fn train(args: &Args) -> Result<()> {
    deps::ensure_build()?;
    let corpus = std::path::absolute(&args.corpus)?;
    let cmd = Cmd::cargo("run --release --package pipelock-gateway --features testing --example train_injection --")
        .arg(corpus)
        .arg("pipelock-gateway/src/scan/injection");
    println!("\n==> {cmd}");
    cmd.run()
}

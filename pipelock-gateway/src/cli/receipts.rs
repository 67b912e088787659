//! `pipelock keygen` and `pipelock verify-receipt`: the key of the flight recorder, and the proof that its files are whole.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

use super::{EXIT_CONFIG, KeygenArgs, VerifyReceiptArgs};
use crate::report::flight::generate_key;
use crate::report::flight::verify::{Verified, VerifyingKey, verify};

/// Writes a new key pair; exit code 0, or [`EXIT_CONFIG`] when it could not be written. An existing file is never replaced.
pub fn keygen(args: &KeygenArgs, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let made = generate_key().context("the system has no randomness").and_then(|(private, public)| {
        write_new(&args.key, private.as_bytes(), 0o600)?;
        write_new(&public_path(&args.key), public.as_bytes(), 0o644)
    });
    let told = made.and_then(|()| {
        let (key, public) = (args.key.display(), public_path(&args.key));
        let told = if args.json {
            let answer = serde_json::json!({ "key": key.to_string(), "public_key": public.display().to_string() });
            writeln!(out, "{answer}")
        } else {
            writeln!(out, "{key}\n{}", public.display())
        };
        told.context("writing the result")
    });
    match told {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(err, "pipelock: {error:#}");
            EXIT_CONFIG
        }
    }
}

fn public_path(key: &Path) -> std::path::PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    opened.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("writing {}", path.display()))
}

/// Checks receipts; exit code 0 when they are whole, 1 when not, [`EXIT_CONFIG`] when they or the key cannot be read.
pub fn verify_receipt(args: &VerifyReceiptArgs, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let read = std::fs::read_to_string(&args.key).with_context(|| format!("reading {}", args.key.display()));
    let verified = read
        .and_then(|text| {
            let hint = || format!("{} holds no Ed25519 public key in PEM", args.key.display());
            VerifyingKey::from_pem(&text).with_context(hint)
        })
        .and_then(|key| verify(&args.receipts, &key).with_context(|| format!("reading {}", args.receipts.display())));
    let verified = match verified {
        Ok(verified) => verified,
        Err(error) => {
            let _ = writeln!(err, "pipelock: {error:#}");
            return EXIT_CONFIG;
        }
    };
    let told = if args.json {
        serde_json::to_string(&verified).map_err(io::Error::from).and_then(|text| writeln!(out, "{text}"))
    } else {
        tell(&verified, out)
    };
    u8::from(told.and_then(|()| out.flush()).is_err() || !verified.valid)
}

fn tell(verified: &Verified, out: &mut impl Write) -> io::Result<()> {
    for fault in &verified.faults {
        writeln!(out, "{}:{}: {}", fault.file.display(), fault.line, fault.what)?;
    }
    if verified.torn_bytes > 0 {
        writeln!(out, "the last receipt is half-written ({} bytes); it was never acknowledged", verified.torn_bytes)?;
    }
    if verified.first.is_some_and(|first| first > 0) {
        writeln!(out, "receipts before number {} are not here", verified.first.unwrap_or_default())?;
    }
    if verified.repairs > 0 {
        writeln!(out, "{} half-written receipts were cut off at a start", verified.repairs)?;
    }
    if !verified.closed {
        writeln!(out, "the end is open: the gateway runs, was killed, or receipts were removed")?;
    }
    let verdict = if verified.valid { "valid" } else { "NOT VALID" };
    writeln!(out, "{verdict}: {} receipts in {} files", verified.receipts, verified.files)
}

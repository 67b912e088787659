//! `pipelock ca`: the authority that signs leaves, from its making to its end. No traffic, no network.
//!
//! A rotation is steps of an operator with waits between them, because most clients read their trust once, at their start:
//! `begin` makes the next authority beside the one in use and puts it into the bundle; when every client has been restarted
//! with that bundle, `swap` lets it sign; when that has settled, `finish` drops the last one. The running gateway follows the
//! files by itself. All state is the files: `ca.pem`, `ca.next.pem`, `ca.previous.pem` and their keys.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use super::EXIT_CONFIG;
use crate::config::parse_duration;
use crate::tls::trust::{self, TrustBundle};
use crate::tls::{CertificateAuthority, Profile, RootLocations};

mod install;

use super::trust::CheckTrustArgs;
pub use install::InstallArgs;

/// What `pipelock ca` does.
#[derive(Clone, Debug, Subcommand)]
pub enum CaCommand {
    /// Make an authority: `ca.pem` and `ca-key.pem`. Never overwrites without --force.
    Init(InitArgs),
    /// What the authority is, when it ends, and where in a rotation it stands.
    #[command(alias = "show-ca")]
    Show(CaFilesArgs),
    /// What clients must trust, PEM: the authority in use, and in a rotation the next and the last.
    Bundle(BundleArgs),
    /// Write the trust files into a directory and print the variables that name them, for `eval`.
    Env(RenderArgs),
    /// Put the authority among those that the whole machine trusts, or take it out again.
    InstallCa(InstallArgs),
    /// One step of a rotation.
    Rotate {
        /// Which.
        #[command(subcommand)]
        step: RotateStep,
    },
}

/// What `pipelock trust` does.
#[derive(Clone, Debug, Subcommand)]
pub enum TrustCommand {
    /// Write bundle, hashed directory, Java trust store and a file of variables (`env`), as an init container does.
    Render(RenderArgs),
    /// Run a command captured and say whether it trusts the authority, and what to set if not. Nothing it sends leaves the
    /// machine.
    Check(CheckTrustArgs),
}

/// Arguments of `pipelock ca init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// The organization in its name.
    #[arg(long)]
    org: Option<String>,
    /// How long it is valid.
    #[arg(long, default_value = "17520h", value_parser = duration)]
    validity: Duration,
    /// Directory to write to. Default: ~/.pipelock
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A DNS tree it may sign for, and for nothing else (name constraints). May be repeated.
    #[arg(long = "permit", value_name = "DOMAIN")]
    permit: Vec<String>,
    /// Overwrite what is there: every client that trusts it must be told of the new one.
    #[arg(long)]
    force: bool,
    /// Fine when there is one already: it is kept. For an init container.
    #[arg(long, conflicts_with = "force")]
    keep: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Where the authority is.
#[derive(Clone, Debug, Args)]
pub struct CaFilesArgs {
    /// Its certificate. Default: ~/.pipelock/ca.pem
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its key. Default: `ca-key.pem` (or `tls.key`) beside the certificate.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// Arguments of `pipelock ca bundle`.
#[derive(Clone, Debug, Args)]
pub struct BundleArgs {
    #[command(flatten)]
    files: CaFilesArgs,
    /// File to write to instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Arguments of `pipelock ca env` and `pipelock trust render`.
#[derive(Clone, Debug, Args)]
pub struct RenderArgs {
    #[command(flatten)]
    files: CaFilesArgs,
    /// Directory for the trust files.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// The steps, in their order.
#[derive(Clone, Debug, Subcommand)]
pub enum RotateStep {
    /// Make the next authority and put it into the bundle. Then give clients the bundle and restart them.
    Begin(CaFilesArgs),
    /// Let the next authority sign. The last one stays in the bundle.
    Swap(CaFilesArgs),
    /// Drop the last authority from the bundle.
    Finish(CaFilesArgs),
}

/// Runs a command; the exit code is 0, or 2 when files are not as they must be.
pub fn run(command: &CaCommand, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let done = match command {
        CaCommand::Init(args) => init(args, out),
        CaCommand::Show(args) => Files::of(args).and_then(|files| show(&files, args.json, out)),
        CaCommand::Bundle(args) => {
            Files::of(&args.files).and_then(|files| bundle(&files, args.output.as_deref(), args.files.json, out))
        }
        CaCommand::Env(args) => render(args).and_then(|bundle| {
            if args.files.json {
                return Ok(writeln!(out, "{}", json!(variables(&bundle)))?);
            }
            write_env(&bundle, out)
        }),
        CaCommand::InstallCa(args) => install::install(args, out),
        CaCommand::Rotate { step } => rotate(step, out),
    };
    exit_code(done, err)
}

/// Runs a command of `pipelock trust`; exit codes as in [`run`].
pub fn run_trust(command: &TrustCommand, out: &mut impl Write, err: &mut impl Write) -> u8 {
    let TrustCommand::Render(args) = command else { return EXIT_CONFIG };
    let done = render(args).and_then(|bundle| {
        let mut env = Vec::new();
        write_env(&bundle, &mut env)?;
        fs::write(args.dir.join("env"), env).with_context(|| format!("writing {}", args.dir.join("env").display()))?;
        if args.files.json {
            return Ok(writeln!(out, "{}", json!({ "directory": args.dir, "variables": variables(&bundle) }))?);
        }
        Ok(writeln!(out, "wrote {}", args.dir.display())?)
    });
    exit_code(done, err)
}

fn exit_code(done: anyhow::Result<()>, err: &mut impl Write) -> u8 {
    match done {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(err, "pipelock: {error:#}");
            EXIT_CONFIG
        }
    }
}

/// The files of an authority and of its rotation.
pub(super) struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// Whether the files were named, rather than left to the default.
pub(super) fn is_named(args: &CaFilesArgs) -> bool {
    args.cert.is_some() || args.key.is_some()
}

impl Files {
    pub(super) fn of(args: &CaFilesArgs) -> anyhow::Result<Self> {
        let cert = match &args.cert {
            Some(cert) => cert.clone(),
            None => home()?.join("ca.pem"),
        };
        let key = args.key.clone().unwrap_or_else(|| {
            let name = if cert.file_name() == Some(OsStr::new("tls.crt")) { "tls.key" } else { "ca-key.pem" };
            cert.with_file_name(name)
        });
        Ok(Self { cert, key })
    }

    /// The same files at another place in the rotation: `ca.pem` is `ca.next.pem`.
    fn at(&self, place: &str) -> Self {
        let beside = |path: &Path| match path.extension() {
            Some(extension) => path.with_extension(format!("{place}.{}", extension.to_string_lossy())),
            None => path.with_extension(place),
        };
        Self { cert: beside(&self.cert), key: beside(&self.key) }
    }

    /// Whether there is an authority at all.
    pub(super) fn exist(&self) -> bool {
        self.cert.exists()
    }

    pub(super) fn load(&self) -> anyhow::Result<CertificateAuthority> {
        Ok(CertificateAuthority::load(&self.cert, &self.key, SystemTime::now())?)
    }

    /// What clients must trust: the root of each file that is there, the one in use first.
    fn anchors(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let mut anchors = vec![self.load()?.anchor().clone()];
        anchors.extend(self.of_rotation()?);
        anchors.dedup();
        Ok(anchors)
    }

    /// The same without looking at a key: who installs trust need not be able to read it.
    fn anchors_with_certificates_only(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let mut anchors = vec![self.certificate()?];
        anchors.extend(self.of_rotation()?);
        anchors.dedup();
        Ok(anchors)
    }

    fn of_rotation(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let others = [self.at("next"), self.at("previous")].into_iter().filter(Self::exist);
        others.map(|files| files.certificate()).collect()
    }

    /// What clients know of a file: the certificate in it that signs itself, else the first. A chain may have both.
    fn certificate(&self) -> anyhow::Result<CertificateDer<'static>> {
        let pem = fs::read(&self.cert).with_context(|| format!("reading {}", self.cert.display()))?;
        let all: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .with_context(|| format!("reading {}", self.cert.display()))?;
        let own = |der: &&CertificateDer<'static>| {
            x509_parser::parse_x509_certificate(der).is_ok_and(|(_, parsed)| parsed.subject() == parsed.issuer())
        };
        let found = all.iter().find(own).or(all.first());
        found.cloned().with_context(|| format!("no certificate in {}", self.cert.display()))
    }

    fn step(&self) -> &'static str {
        match (self.at("next").cert.exists(), self.at("previous").cert.exists()) {
            (false, false) => "none",
            (true, _) => "begun: give clients the bundle and restart them, then `pipelock ca rotate swap`",
            (false, true) => "swapped: when nothing trusts only the last one any more, `pipelock ca rotate finish`",
        }
    }
}

fn home() -> anyhow::Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("PIPELOCK_HOME").or_else(|| Some(set("HOME")?.join(".pipelock")));
    home.context("HOME is not set; name the directory or the files")
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|reason| reason.to_string())
}

fn init(args: &InitArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let directory = args.out.clone().map_or_else(home, Ok)?;
    let files = Files { cert: directory.join("ca.pem"), key: directory.join("ca-key.pem") };
    if args.keep && files.cert.exists() && files.key.exists() {
        return show(&files, args.json, out);
    }
    if !args.force {
        for file in [&files.cert, &files.key] {
            ensure!(
                !file.exists(),
                "{} is there already; --force replaces it, `pipelock ca rotate` does it without breaking clients",
                file.display()
            );
        }
    }
    for name in &args.permit {
        crate::model::ServerName::parse(name).map_err(|_| anyhow::anyhow!("--permit {name}: is not a domain"))?;
    }
    let (organization, lifetime, permitted) = (args.org.clone(), args.validity, args.permit.clone());
    let profile = Profile { organization, lifetime, path_length: 1, permitted };
    let ca = CertificateAuthority::make(&profile, SystemTime::now())?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .with_context(|| format!("making {}", directory.display()))?;
    let (certificate, key) = ca.to_pem();
    // The key first: a certificate without one would look like an authority.
    write_new(&files.key, key.as_bytes(), 0o600)?;
    write_new(&files.cert, certificate.as_bytes(), 0o644)?;
    describe(&files, &ca, args.json, out)
}

fn show(files: &Files, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    describe(files, &files.load()?, json, out)
}

fn describe(files: &Files, ca: &CertificateAuthority, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if json {
        let mut warnings: Vec<String> = ca
            .missing_for_strict_clients()
            .iter()
            .map(|missing| format!("it has no {missing}; Python 3.13 and other strict clients refuse what it signs"))
            .collect();
        warnings.extend(ca.expiry_warning(SystemTime::now()));
        let answer = json!({
            "certificate": files.cert,
            "key": files.key,
            "sha256": ca.fingerprint().to_string(),
            "ends": jiff::Timestamp::try_from(ca.not_after()).ok().map(|at| at.to_string()),
            "anchors": files.anchors().map_or(1, |anchors| anchors.len()),
            "rotation": files.step(),
            "warnings": warnings,
        });
        return Ok(writeln!(out, "{answer}")?);
    }
    writeln!(out, "certificate  {}", files.cert.display())?;
    writeln!(out, "key          {}", files.key.display())?;
    writeln!(out, "SHA-256      {}", ca.fingerprint())?;
    writeln!(
        out,
        "ends         {}",
        jiff::Timestamp::try_from(ca.not_after()).map_or_else(|_| "?".to_owned(), |at| at.to_string())
    )?;
    writeln!(out, "bundle       {} of ours", files.anchors().map_or(1, |anchors| anchors.len()))?;
    writeln!(out, "rotation     {}", files.step())?;
    for missing in ca.missing_for_strict_clients() {
        writeln!(out, "warning      it has no {missing}; Python 3.13 and other strict clients refuse what it signs")?;
    }
    if let Some(warning) = ca.expiry_warning(SystemTime::now()) {
        writeln!(out, "{warning}")?;
    }
    Ok(())
}

fn bundle(files: &Files, output: Option<&Path>, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let text: String = files.anchors()?.iter().map(trust::pem_text).collect();
    if json {
        if let Some(path) = output {
            write_new(path, text.as_bytes(), 0o644)?;
        }
        return Ok(writeln!(out, "{}", json!({ "written": output, "pem": text }))?);
    }
    match output {
        Some(path) => write_new(path, text.as_bytes(), 0o644),
        None => Ok(out.write_all(text.as_bytes())?),
    }
}

fn render(args: &RenderArgs) -> anyhow::Result<TrustBundle> {
    let files = Files::of(&args.files)?;
    let locations = RootLocations::from_variables(|name| std::env::var_os(name));
    Ok(trust::render_all(&args.dir, &files.anchors()?, &locations)?)
}

/// The variables by which clients learn where the files are.
fn variables(bundle: &TrustBundle) -> std::collections::BTreeMap<&'static str, String> {
    bundle.environment(None).into_iter().map(|(name, value)| (name, value.to_string_lossy().into_owned())).collect()
}

fn write_env(bundle: &TrustBundle, out: &mut impl Write) -> anyhow::Result<()> {
    for (name, value) in bundle.environment(None) {
        let value = value.to_string_lossy().replace('\'', r"'\''");
        writeln!(out, "export {name}='{value}'")?;
    }
    Ok(())
}

fn rotate(step: &RotateStep, out: &mut impl Write) -> anyhow::Result<()> {
    let (RotateStep::Begin(args) | RotateStep::Swap(args) | RotateStep::Finish(args)) = step;
    let files = Files::of(args)?;
    let (next, previous) = (files.at("next"), files.at("previous"));
    match step {
        RotateStep::Begin(_) => {
            ensure!(!next.cert.exists(), "{} is there: a rotation has begun already", next.cert.display());
            ensure!(!previous.cert.exists(), "{} is there: finish the last rotation first", previous.cert.display());
            let ca = files.load()?;
            ensure!(
                !ca.is_bounded(),
                "it may sign for some names only, and the next one would not be bounded: make that by `pipelock ca init --permit`"
            );
            let now = SystemTime::now();
            let new = CertificateAuthority::make(&Profile { path_length: 1, ..Profile::default() }, now)?;
            let (certificate, key) = new.to_pem();
            // Sent behind each leaf once it signs, for clients that know only the one in use.
            let cross = ca.cross_sign(&new, now)?.map_or_else(String::new, |der| trust::pem_text(&der));
            write_new(&next.key, key.as_bytes(), 0o600)?;
            write_new(&next.cert, format!("{certificate}{cross}").as_bytes(), 0o644)?;
        }
        RotateStep::Swap(_) => {
            ensure!(next.cert.exists(), "no rotation has begun; `pipelock ca rotate begin` first");
            next.load().context("the next authority")?;
            let copied =
                |from: &Path, to: &Path| fs::copy(from, to).with_context(|| format!("writing {}", to.display()));
            copied(&files.cert, &previous.cert)?;
            // Two renames cannot be one: a gateway that looks between them finds no pair, keeps the old one and looks again.
            fs::rename(&next.key, &files.key).with_context(|| format!("replacing {}", files.key.display()))?;
            fs::rename(&next.cert, &files.cert).with_context(|| format!("replacing {}", files.cert.display()))?;
        }
        RotateStep::Finish(_) => {
            if !previous.cert.exists() {
                bail!("nothing to finish: {} is not there", previous.cert.display());
            }
            fs::remove_file(&previous.cert).with_context(|| format!("removing {}", previous.cert.display()))?;
        }
    }
    show(&files, args.json, out)
}

/// Writes a file beside its place and renames it, so that nobody reads half of one, and a key is never wider than it should be.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let failed = || format!("writing {}", path.display());
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.sync_all().with_context(failed)?;
    fs::rename(&fresh, path).with_context(failed)
}

#[cfg(test)]
mod tests;

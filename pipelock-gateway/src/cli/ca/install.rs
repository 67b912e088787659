//! `pipelock ca install-ca`: the authority among those the whole machine trusts, and out of them again.
//!
//! Each family of distributions has a directory for local anchors and a command that makes the system's bundle from it. Both are
//! its own; nothing is written into the bundle itself, which the next update would overwrite.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::json;

use super::{CaFilesArgs, Files, write_new};
use crate::tls::trust::pem_text;

/// How one family does it.
struct Store {
    family: &'static str,
    /// Where local anchors are; that it is there tells the family.
    anchors: &'static str,
    /// What makes the bundle.
    command: &'static [&'static str],
}

/// Source: update-ca-certificates(8) of Debian and of SUSE, update-ca-trust(8) of Fedora, trust(1) of Arch.
const STORES: &[Store] = &[
    Store {
        family: "Debian, Ubuntu, Alpine",
        anchors: "usr/local/share/ca-certificates",
        command: &["update-ca-certificates"],
    },
    Store {
        family: "Fedora, RHEL",
        anchors: "etc/pki/ca-trust/source/anchors",
        command: &["update-ca-trust", "extract"],
    },
    Store { family: "SUSE", anchors: "etc/pki/trust/anchors", command: &["update-ca-certificates"] },
    Store {
        family: "Arch",
        anchors: "etc/ca-certificates/trust-source/anchors",
        command: &["trust", "extract-compat"],
    },
];

/// Arguments of `pipelock ca install-ca`.
#[derive(Clone, Debug, Args)]
pub struct InstallArgs {
    #[command(flatten)]
    files: CaFilesArgs,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Take it out again.
    #[arg(long)]
    uninstall: bool,
    /// The machine's files are below this directory, as when an image is built. Its command is then said, and not run.
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// Installs or uninstalls.
pub(super) fn install(args: &InstallArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let store = STORES.iter().find(|store| args.root.join(store.anchors).is_dir()).with_context(|| {
        let known: Vec<String> = STORES.iter().map(|store| format!("/{}", store.anchors)).collect();
        format!("no directory for local anchors ({}); install the ca-certificates package", known.join(", "))
    })?;
    let files = Files::of(&args.files)?;
    // By its fingerprint, so that the next authority of a rotation stands beside this one and not in its place.
    let named = |fingerprint: &str| {
        let short: String = fingerprint.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        args.root.join(store.anchors).join(format!("pipelock-{}.crt", short.to_lowercase()))
    };
    let mut changed = false;
    let mut done = Vec::new();
    for anchor in files.anchors_with_certificates_only()? {
        let path = named(&fingerprint(&anchor));
        let there = path.exists();
        let say = match (args.uninstall, there, args.dry_run) {
            (false, true, _) => "is there already",
            (true, false, _) => "is not there",
            (false, false, true) => "would be written",
            (true, true, true) => "would be removed",
            (false, false, false) => {
                write_new(&path, pem_text(&anchor).as_bytes(), 0o644)
                    .map_err(|error| told_to_be_root(error, &args.root))?;
                changed = true;
                "written"
            }
            (true, true, false) => {
                let removed = fs::remove_file(&path).with_context(|| format!("removing {}", path.display()));
                removed.map_err(|error| told_to_be_root(error, &args.root))?;
                changed = true;
                "removed"
            }
        };
        if !args.files.json {
            writeln!(out, "{}: {say}", path.display())?;
        }
        done.push(json!({ "file": path, "did": say }));
    }
    if !args.files.json {
        return update(store, args, changed, out);
    }
    let mut said = Vec::new();
    update(store, args, changed, &mut said)?;
    let said = String::from_utf8_lossy(&said);
    let said: Vec<&str> = said.lines().collect();
    Ok(writeln!(out, "{}", json!({ "system": store.family, "files": done, "changed": changed, "said": said }))?)
}

/// The SHA-256 of a certificate, in hexadecimal.
fn fingerprint(certificate: &[u8]) -> String {
    use std::fmt::Write as _;

    use sha2::{Digest, Sha256};
    Sha256::digest(certificate).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Lets the system make its bundle anew.
fn update(store: &Store, args: &InstallArgs, changed: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let line = store.command.join(" ");
    let elsewhere = args.root != Path::new("/");
    if args.dry_run || elsewhere {
        let why = if elsewhere { "run there" } else { "would be run" };
        writeln!(out, "{line}: {why} ({})", store.family)?;
        return Ok(());
    }
    if !changed {
        writeln!(out, "nothing has changed")?;
        return Ok(());
    }
    let [program, arguments @ ..] = store.command else { bail!("no command for {}", store.family) };
    let ran = Command::new(program).args(arguments).output().with_context(|| format!("running {line}"))?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{line} failed: {}", said.lines().last().unwrap_or_default());
    writeln!(out, "{line}: done. Running programs keep the list they have read; restart them")?;
    writeln!(
        out,
        "Python, Node, Java and others with lists of their own do not read it: `pipelock trust check -- CMD`"
    )?;
    Ok(())
}

fn told_to_be_root(error: anyhow::Error, root: &Path) -> anyhow::Error {
    let denied = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    if denied.into_iter().any(|cause| cause.kind() == io::ErrorKind::PermissionDenied) && root == Path::new("/") {
        return error.context("only root may change what the machine trusts; run it with sudo");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(anchors: &str) -> (tempfile::TempDir, InstallArgs) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("root").join(anchors)).unwrap();
        let ca = crate::tls::CertificateAuthority::generate(std::time::SystemTime::now()).unwrap();
        fs::write(folder.path().join("ca.pem"), ca.to_pem().0).unwrap();
        let files = CaFilesArgs { cert: Some(folder.path().join("ca.pem")), key: None, json: false };
        let args = InstallArgs { files, dry_run: false, uninstall: false, root: folder.path().join("root") };
        (folder, args)
    }

    fn said(args: &InstallArgs) -> String {
        let mut out = Vec::new();
        install(args, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_family_gets_it_where_its_own_command_looks_and_loses_it_again() {
        for store in STORES {
            let (_folder, args) = machine(store.anchors);
            let anchors = args.root.join(store.anchors);
            let count = || fs::read_dir(&anchors).unwrap().count();
            let dry = said(&InstallArgs { dry_run: true, ..args.clone() });
            assert!(dry.contains("would be written") && count() == 0, "{dry}");
            let done = said(&args);
            assert!(done.contains("written") && done.contains(&store.command.join(" ")), "{done}");
            let installed = fs::read_dir(&anchors).unwrap().next().unwrap().unwrap();
            assert!(installed.file_name().to_string_lossy().ends_with(".crt"), "update-ca-certificates wants .crt");
            let text = |path: &Path| fs::read_to_string(path).unwrap().replace('\r', "");
            assert_eq!(text(&installed.path()), text(args.files.cert.as_ref().unwrap()), "the certificate alone");
            assert!(said(&args).contains("is there already"));
            let dry = said(&InstallArgs { dry_run: true, uninstall: true, ..args.clone() });
            assert!(dry.contains("would be removed") && count() == 1, "{dry}");
            assert!(said(&InstallArgs { uninstall: true, ..args.clone() }).contains("removed"));
            assert_eq!(count(), 0);
        }
    }

    #[test]
    fn a_machine_without_a_directory_for_anchors_is_told_what_to_install() {
        let (_folder, args) = machine("elsewhere");
        let error = install(&args, &mut Vec::new()).unwrap_err().to_string();
        assert!(
            error.contains("/usr/local/share/ca-certificates") && error.contains("ca-certificates package"),
            "{error}"
        );
    }
}

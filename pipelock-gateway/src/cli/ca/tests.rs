//! An authority's life in files, with rustls and `openssl` as judges of what its leaves are worth.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::cli::{Cli, Command as Cmd};
use crate::model::{PeerName, ServerName};
use crate::tls::{KeyKind, Leaves};

/// Runs a command line of `pipelock`, `DIR` in it standing for the folder.
fn pipelock(folder: &TempDir, line: &str) -> Result<String, String> {
    let line = line.replace("DIR", &folder.path().display().to_string());
    let cli =
        Cli::try_parse_from(["pipelock"].into_iter().chain(line.split(' '))).map_err(|error| error.to_string())?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = match &cli.command {
        Cmd::Ca(command) => run(command, &mut out, &mut err),
        Cmd::Trust(command) => run_trust(command, &mut out, &mut err),
        other => panic!("{other:?}"),
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if code == 0 { Ok(text(out)) } else { Err(text(err)) }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Whether openssl believes a leaf of the authority in `DIR` under the roots in `bundle`, strictly.
async fn believed(folder: &TempDir, bundle: &str) -> bool {
    let files = Files { cert: folder.path().join("ca.pem"), key: folder.path().join("ca-key.pem") };
    let leaves = Leaves::new(std::sync::Arc::new(files.load().unwrap()));
    let name = PeerName::Dns(ServerName::parse("api.example.test").unwrap());
    let leaf = leaves.leaf(&name, KeyKind::P256).await.unwrap();
    let pem = |part: &[CertificateDer<'static>]| part.iter().map(trust::pem_text).collect::<String>();
    fs::write(folder.path().join("leaf.pem"), pem(&leaf.cert[..1])).unwrap();
    fs::write(folder.path().join("sent.pem"), pem(&leaf.cert)).unwrap();
    let verified = Command::new("openssl")
        .args(["verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", bundle])
        .args(["-untrusted", "sent.pem", "leaf.pem"])
        .current_dir(folder.path())
        .output()
        .expect("the `openssl` command is required by this test; install the package openssl");
    verified.status.success()
}

#[test]
fn an_authority_is_made_once_and_its_key_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let told = pipelock(&folder, "ca init --out DIR --org Example --validity 48h").unwrap();
    assert!(told.contains("rotation     none") && told.contains("error: the CA certificate ends in 1 days"), "{told}");
    assert_eq!((mode(&folder.path().join("ca-key.pem")), mode(&folder.path().join("ca.pem"))), (0o600, 0o644));
    let before = fs::read(folder.path().join("ca.pem")).unwrap();
    let refused = pipelock(&folder, "tls init --out DIR").unwrap_err();
    assert!(refused.contains("is there already"), "{refused}");
    pipelock(&folder, "ca init --keep --out DIR").unwrap();
    assert_eq!(fs::read(folder.path().join("ca.pem")).unwrap(), before);
    pipelock(&folder, "tls init --out DIR --force").unwrap();
    assert_ne!(fs::read(folder.path().join("ca.pem")).unwrap(), before);
    assert!(pipelock(&folder, "tls show-ca --cert DIR/ca.pem").unwrap().contains("SHA-256"));
    assert!(pipelock(&folder, "ca show --cert DIR/absent.pem").unwrap_err().contains("absent.pem"));
    assert!(pipelock(&folder, "ca init --out DIR --force --permit a/b").unwrap_err().contains("is not a domain"));
}

#[tokio::test]
async fn a_rotation_breaks_no_client_that_knows_the_last_authority_or_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let at = "--cert DIR/ca.pem";
    pipelock(&folder, "ca init --out DIR").unwrap();
    pipelock(&folder, &format!("ca bundle {at} -o DIR/old.pem")).unwrap();
    assert!(pipelock(&folder, &format!("ca rotate swap {at}")).unwrap_err().contains("no rotation has begun"));
    assert!(pipelock(&folder, &format!("ca rotate begin {at}")).unwrap().contains("rotation     begun"));
    assert!(pipelock(&folder, &format!("ca rotate begin {at}")).unwrap_err().contains("has begun already"));
    pipelock(&folder, &format!("ca bundle {at} -o DIR/both.pem")).unwrap();
    assert!(believed(&folder, "old.pem").await && believed(&folder, "both.pem").await, "begun: the old one signs");
    assert!(pipelock(&folder, &format!("ca rotate swap {at}")).unwrap().contains("rotation     swapped"));
    assert!(believed(&folder, "both.pem").await, "swapped: who has the bundle");
    assert!(believed(&folder, "old.pem").await, "swapped: who was never restarted, by the cross certificate");
    assert_eq!(mode(&folder.path().join("ca-key.pem")), 0o600);
    pipelock(&folder, &format!("ca bundle {at} -o DIR/after.pem")).unwrap();
    assert!(pipelock(&folder, &format!("ca rotate finish {at}")).unwrap().contains("rotation     none"));
    pipelock(&folder, &format!("ca bundle {at} -o DIR/new.pem")).unwrap();
    assert!(believed(&folder, "new.pem").await && believed(&folder, "after.pem").await);
    let count = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap().matches("BEGIN").count();
    assert_eq!(["old.pem", "both.pem", "after.pem", "new.pem"].map(count), [1, 2, 2, 1]);
}

#[tokio::test]
async fn a_bounded_authority_is_believed_for_its_own_trees_only() {
    for (permit, believes) in [("example.test", true), ("other.test", false)] {
        let folder = tempfile::tempdir().unwrap();
        pipelock(&folder, &format!("ca init --out DIR --permit {permit}")).unwrap();
        pipelock(&folder, "ca bundle --cert DIR/ca.pem -o DIR/ours.pem").unwrap();
        assert_eq!(believed(&folder, "ours.pem").await, believes, "{permit}");
    }
}

#[test]
fn rendered_trust_holds_every_authority_of_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    pipelock(&folder, "ca init --out DIR").unwrap();
    pipelock(&folder, "ca rotate begin --cert DIR/ca.pem").unwrap();
    pipelock(&folder, "trust render --cert DIR/ca.pem --dir DIR/trust").unwrap();
    let trust = folder.path().join("trust");
    let ours = fs::read_to_string(trust.join("ca.crt")).unwrap();
    assert_eq!(ours.matches("BEGIN CERTIFICATE").count(), 2);
    let bundle = fs::read_to_string(trust.join("ca-bundle.crt")).unwrap();
    assert!(bundle.ends_with(&ours) && bundle.matches("BEGIN").count() > 10, "with the public roots");
    let env = fs::read_to_string(trust.join("env")).unwrap();
    assert!(env.contains(&format!("export SSL_CERT_FILE='{}'\n", trust.join("ca-bundle.crt").display())), "{env}");
    assert!(trust.join("truststore.p12").exists() && trust.join("certs").is_dir());
    assert_eq!(pipelock(&folder, "ca env --cert DIR/ca.pem --dir DIR/trust").unwrap(), env);
}

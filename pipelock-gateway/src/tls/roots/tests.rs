//! Which roots are believed, from where, and that our own never is.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::tls::testing::noon;

fn authority() -> Arc<CertificateAuthority> {
    Arc::new(CertificateAuthority::generate(noon()).unwrap())
}

fn locations(file: &Path) -> RootLocations {
    RootLocations { file: Some(file.to_owned()), directories: Vec::new() }
}

#[test]
fn our_own_authority_is_never_believed_upstream() {
    let (own, other) = (authority(), authority());
    let dir = TempDir::new().unwrap();
    let (bundle, extra) = (dir.path().join("bundle.pem"), dir.path().join("extra.pem"));
    fs::write(&bundle, own.to_pem().0 + &other.to_pem().0).unwrap();
    fs::write(&extra, own.to_pem().0).unwrap();
    let hashed = dir.path().join("certs");
    fs::create_dir(&hashed).unwrap();
    fs::copy(&extra, hashed.join("0a0a0a0a.0")).unwrap();
    for locations in [locations(&bundle), RootLocations { file: Some(bundle.clone()), directories: vec![hashed] }] {
        let roots = Roots::load(&locations, std::slice::from_ref(&extra), &own).unwrap();
        assert_eq!((roots.len(), roots.removed_own()), (1, 2), "{locations:?}");
        assert_eq!(roots.source(), &RootSource::Variables(bundle.clone()));
    }
}

#[test]
fn our_key_under_another_name_is_not_believed_either() {
    let own = authority();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "harmless");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::from_pem(&own.to_pem().1).unwrap();
    let renamed = params.self_signed(&key).unwrap();
    assert!(own.is_own(renamed.der()) && !authority().is_own(renamed.der()));
}

#[test]
fn extra_files_are_added_and_the_system_is_found() {
    let dir = TempDir::new().unwrap();
    let extra = dir.path().join("extra.pem");
    fs::write(&extra, authority().to_pem().0).unwrap();
    let own = authority();
    let without = Roots::load(&RootLocations::default(), &[], &own).unwrap();
    assert!(without.len() > 50, "system or compiled-in roots: {without:?}");
    let with = Roots::load(&RootLocations::default(), &[extra], &own).unwrap();
    assert_eq!(with.len(), without.len() + 1);
}

#[test]
fn a_named_file_that_is_missing_empty_or_broken_is_an_error_that_names_it() {
    let dir = TempDir::new().unwrap();
    let own = authority();
    let good = dir.path().join("good.pem");
    fs::write(&good, authority().to_pem().0).unwrap();
    let bad = dir.path().join("bad.pem");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for content in [None, Some(""), Some("no certificate"), Some("-----BEGIN CERTIFICATE-----\n%\n"), Some(garbage)] {
        if let Some(content) = content {
            fs::write(&bad, content).unwrap();
        }
        let extra = Roots::load(&locations(&good), std::slice::from_ref(&bad), &own).unwrap_err();
        assert!(extra.to_string().contains("bad.pem"), "{content:?}: {extra}");
        if content != Some(garbage) {
            let variable = Roots::load(&locations(&bad), &[], &own).unwrap_err();
            assert!(variable.to_string().contains("bad.pem"), "{content:?}: {variable}");
        }
    }
}

#[test]
fn variables_are_read_as_openssl_reads_them() {
    let read = |file: &'static str, dirs: &'static str| {
        RootLocations::from_variables(move |name| {
            Some(if name == "SSL_CERT_FILE" { file } else { dirs }.into()).filter(|_| name.starts_with("SSL_CERT_"))
        })
    };
    assert_eq!(read("", ""), RootLocations::default());
    let both = read("/a.pem", "/b:/c");
    assert_eq!(both.file, Some("/a.pem".into()));
    assert_eq!(both.directories, [PathBuf::from("/b"), PathBuf::from("/c")]);
}

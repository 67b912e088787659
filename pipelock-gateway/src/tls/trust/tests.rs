//! The rendered files are judged by the tools that read them in the field: openssl, Java's keytool.

use std::collections::BTreeMap;
use std::fs;

use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;

use super::*;
use crate::tls::testing::{noon, openssl, openssl_with};

struct Rendered {
    dir: TempDir,
    ca: CertificateAuthority,
    bundle: TrustBundle,
}

fn rendered(locations: &RootLocations) -> Rendered {
    let dir = TempDir::new().unwrap();
    let ca = CertificateAuthority::generate(noon()).unwrap();
    let bundle = render(&dir.path().join("trust"), &ca, locations).unwrap();
    Rendered { dir, ca, bundle }
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_bundle_holds_the_system_roots_and_ours() {
    let rendered = rendered(&RootLocations::default());
    let bundle = certificates(&rendered.bundle.bundle);
    assert!(bundle.len() > 50, "this test needs the package ca-certificates");
    assert_eq!(bundle.iter().filter(|c| *c == rendered.ca.anchor()).count(), 1);
    assert_eq!(certificates(&rendered.bundle.ca), [rendered.ca.anchor().clone()]);
    assert!(matches!(rendered.bundle.base, RootSource::System(_)));
}

#[test]
fn the_users_own_bundle_is_the_base_where_one_is_set() {
    let private = CertificateAuthority::generate(noon()).unwrap();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("mine.pem");
    fs::write(&file, private.to_pem().0).unwrap();
    let rendered = rendered(&RootLocations { file: Some(file.clone()), directories: Vec::new() });
    let mut bundle = certificates(&rendered.bundle.bundle);
    bundle.retain(|c| c != rendered.ca.anchor());
    assert_eq!(bundle, [private.anchor().clone()]);
    assert_eq!(rendered.bundle.base, RootSource::Variables(file));
}

#[test]
fn directory_names_are_those_that_openssl_computes() {
    let rendered = rendered(&RootLocations::default());
    let names: BTreeMap<String, Vec<CertificateDer<'_>>> = fs::read_dir(&rendered.bundle.directory)
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), certificates(&e.path())))
        .collect();
    let bundle = certificates(&rendered.bundle.bundle);
    assert_eq!(names.len(), bundle.len());
    for (name, found) in &names {
        let text = pem_text(&found[0].clone().into_owned());
        let hash = openssl_with(rendered.dir.path(), &["x509", "-noout", "-subject_hash"], text.as_bytes()).unwrap();
        assert_eq!(name.split('.').next().unwrap(), hash.trim());
    }
}

#[test]
fn subject_hashes_agree_with_openssl_on_odd_names() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("c.cnf"), "[req]\ndistinguished_name=dn\n[dn]\n").unwrap();
    openssl(dir.path(), &["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "k"]).unwrap();
    for (subject, more) in [
        ("/C=CH/O=  Two   Spaces \t Inc /CN=MiXeD Case", "-utf8"),
        ("/O=Zürich Versicherung/CN=ÄÖÜ", "-utf8"),
        ("/O=Z\u{fc}rich/CN=x", "-batch"),
        ("/O=Multi+OU=Valued+CN=Rdn/DC=example", "-utf8"),
        ("/emailAddress=Some.One@Example.TEST/serialNumber=AB 12", "-utf8"),
    ] {
        let request =
            ["req", "-x509", "-new", "-key", "k", "-config", "c.cnf", "-subj", subject, "-out", "c.pem", more];
        openssl(dir.path(), &request).unwrap();
        let want = openssl(dir.path(), &["x509", "-in", "c.pem", "-noout", "-subject_hash"]).unwrap();
        let ours = subject_hash(&certificates(&dir.path().join("c.pem"))[0]).unwrap();
        assert_eq!(format!("{ours:08x}"), want.trim(), "{subject}");
    }
}

#[test]
fn openssl_finds_our_authority_by_file_and_by_directory() {
    let rendered = rendered(&RootLocations::default());
    let at = noon().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
    let ca = rendered.bundle.ca.to_str().unwrap();
    for place in [
        ["-CAfile", rendered.bundle.bundle.to_str().unwrap()],
        ["-CApath", rendered.bundle.directory.to_str().unwrap()],
    ] {
        let mut verify = vec!["verify", "-no-CAfile", "-no-CApath", "-attime", &at];
        if place[0] == "-CAfile" {
            verify.remove(1);
        } else {
            verify.remove(2);
        }
        verify.extend(place);
        verify.push(ca);
        openssl(rendered.dir.path(), &verify).unwrap_or_else(|e| panic!("{place:?}: {e}"));
    }
}

#[test]
fn the_pkcs12_store_is_read_by_openssl() {
    let rendered = rendered(&RootLocations::default());
    let store = rendered.bundle.java_store.to_str().unwrap();
    let text =
        openssl(rendered.dir.path(), &["pkcs12", "-in", store, "-nokeys", "-nomacver", "-passin", "pass:"]).unwrap();
    assert_eq!(text.matches("BEGIN CERTIFICATE").count(), certificates(&rendered.bundle.bundle).len());
    assert!(text.contains("friendlyName: ") && text.contains("pipelock-ebpf egress ca"), "{}", &text[..500]);
}

#[test]
fn everybody_may_read_and_a_second_run_replaces_everything() {
    let rendered = rendered(&RootLocations::default());
    let directory = rendered.dir.path().join("trust");
    let next = CertificateAuthority::generate(noon()).unwrap();
    let again = render(&directory, &next, &RootLocations::default()).unwrap();
    assert_eq!(again, rendered.bundle);
    assert_eq!(certificates(&again.ca), [next.anchor().clone()]);
    let old_name = format!("{:08x}.0", subject_hash(rendered.ca.anchor()).unwrap());
    assert!(!again.directory.join(old_name).exists(), "the last authority is gone");
    let mut names: Vec<_> =
        fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["ca-bundle.crt", "ca.crt", "certs", "truststore.p12"], "nothing half-written stays");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&directory), mode(&again.directory)), (0o755, 0o755));
    for file in [&again.ca, &again.bundle, &again.java_store] {
        assert_eq!(mode(file), 0o644, "{}", file.display());
    }
    for entry in fs::read_dir(&again.directory).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o644);
    }
}

#[test]
fn variables_name_existing_files_and_java_options_are_appended() {
    let rendered = rendered(&RootLocations::default());
    let variables: BTreeMap<_, _> = rendered.bundle.environment(Some(OsStr::new("-Xmx64m"))).into_iter().collect();
    let java = variables["JAVA_TOOL_OPTIONS"].to_str().unwrap();
    let store = rendered.bundle.java_store.display();
    assert_eq!(java, format!("-Xmx64m -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStore={store}"));
    assert_eq!(variables.len(), 13);
    for (name, value) in variables.iter().filter(|(name, _)| **name != "JAVA_TOOL_OPTIONS") {
        assert!(Path::new(value).exists(), "{name}");
    }
    assert_eq!(variables["NODE_EXTRA_CA_CERTS"], rendered.bundle.ca.as_os_str());
    assert_eq!(variables["SSL_CERT_FILE"], rendered.bundle.bundle.as_os_str());
    let spaced = TrustBundle { java_store: "/a b/t.p12".into(), ..rendered.bundle };
    assert!(spaced.environment(None).iter().any(|(_, v)| v.to_str().unwrap().ends_with("trustStore=\"/a b/t.p12\"")));
}

//! Keys and certificates here are made by the `openssl` command where their form matters: that is what users bring.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::tls::testing::{noon, openssl};

/// A directory with `ca.pem` and `ca.key` in it.
struct Files(TempDir);

impl Files {
    /// A CA made by openssl: `key` makes `ca.key`, `extensions` go into the certificate.
    fn openssl(key: &[&str], extensions: &[&str], more: &[&str]) -> Self {
        let files = Self(TempDir::new().unwrap());
        openssl(files.0.path(), key).unwrap();
        files.set_key_mode(0o600);
        let mut request = vec!["req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-subj", "/CN=Example CA"];
        // Without the machine's openssl.cnf, whose `x509_extensions` differ between distributions.
        request.extend(["-config", "/dev/null", "-days", "30"]);
        for extension in extensions {
            request.extend(["-addext", extension]);
        }
        request.extend(more);
        std::fs::write(files.0.path().join("empty.cnf"), "[req]\ndistinguished_name=dn\n[dn]\n").unwrap();
        let request: Vec<&str> = request.into_iter().map(|a| if a == "/dev/null" { "empty.cnf" } else { a }).collect();
        openssl(files.0.path(), &request).unwrap();
        files
    }

    fn generated(now: SystemTime) -> Self {
        let files = Self(TempDir::new().unwrap());
        let (certificate, key) = CertificateAuthority::generate(now).unwrap().to_pem();
        std::fs::write(files.certificate(), certificate).unwrap();
        std::fs::write(files.key(), key).unwrap();
        files.set_key_mode(0o640);
        files
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("ca.key")
    }

    fn set_key_mode(&self, mode: u32) {
        std::fs::set_permissions(self.key(), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load_at(&self, now: SystemTime) -> Result<CertificateAuthority, Error> {
        CertificateAuthority::load(&self.certificate(), &self.key(), now)
    }

    /// The problem that loading reports, and the file it names.
    fn problem(&self, now: SystemTime) -> (CaProblem, String) {
        match self.load_at(now) {
            Err(Error::Ca { path, problem }) => (problem, path.file_name().unwrap().to_str().unwrap().to_owned()),
            other => panic!("not refused: {other:?}"),
        }
    }
}

const CA: &[&str] = &["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"];
const P256_SEC1: &[&str] = &["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "ca.key"];

#[test]
fn a_generated_authority_has_the_profile_strict_clients_want() {
    let ca = CertificateAuthority::generate(noon()).unwrap();
    let (_, parsed) = X509Certificate::from_der(ca.certificate()).unwrap();
    let basic = parsed.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca);
    assert_eq!(basic.value.path_len_constraint, Some(0));
    let usage = parsed.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
    assert_eq!(usage.value.flags.count_ones(), 2);
    let subject = parsed.subject().to_string();
    assert!(subject.starts_with("CN=pipelock-ebpf egress CA "), "{subject}");
    assert_eq!(subject.len(), "CN=pipelock-ebpf egress CA ".len() + 8);
    assert_eq!(SystemTime::from(parsed.validity().not_after.to_datetime()), noon() + LIFETIME);
    assert_eq!(ca.missing_for_strict_clients(), [""; 0]);
    assert_eq!(ca.anchor(), ca.certificate());
    assert!(ca.intermediates().is_empty(), "a root is never sent");
}

#[test]
fn a_generated_authority_survives_its_own_files() {
    let files = Files::generated(noon());
    let loaded = files.load_at(noon()).unwrap();
    assert_eq!(std::fs::read_to_string(files.certificate()).unwrap(), loaded.to_pem().0);
    let printed = openssl(files.0.path(), &["x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256"]).unwrap();
    assert!(printed.contains(&loaded.fingerprint().to_string()), "{printed}");
}

#[test]
fn keys_of_every_accepted_form_load() {
    let pkcs8 = |algorithm, option| vec!["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", "ca.key"];
    for (key, header) in [
        (P256_SEC1.to_vec(), "EC PRIVATE KEY"),
        (vec!["ecparam", "-genkey", "-noout", "-name", "secp384r1", "-out", "ca.key"], "EC PRIVATE KEY"),
        // What `ecparam` writes without -noout: a parameters block before the key.
        (vec!["ecparam", "-genkey", "-name", "prime256v1", "-out", "ca.key"], "EC PARAMETERS"),
        (pkcs8("EC", "ec_paramgen_curve:P-256"), "BEGIN PRIVATE KEY"),
        (pkcs8("RSA", "rsa_keygen_bits:2048"), "BEGIN PRIVATE KEY"),
        (vec!["genrsa", "-traditional", "-out", "ca.key", "2048"], "RSA PRIVATE KEY"),
    ] {
        let files = Files::openssl(&key, CA, &[]);
        assert!(std::fs::read_to_string(files.key()).unwrap().contains(header), "{key:?}");
        files.load_at(SystemTime::now()).unwrap_or_else(|e| panic!("{key:?}: {e}"));
    }
}

#[test]
fn an_intermediate_is_sent_and_its_root_is_not() {
    let files = Files::openssl(P256_SEC1, CA, &[]);
    let dir = files.0.path();
    for arguments in [
        vec!["ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", "root.key"],
        vec![
            "req",
            "-x509",
            "-new",
            "-key",
            "root.key",
            "-out",
            "root.pem",
            "-subj",
            "/CN=Root",
            "-config",
            "empty.cnf",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign",
        ],
        vec![
            "req",
            "-x509",
            "-new",
            "-key",
            "ca.key",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Middle",
            "-config",
            "empty.cnf",
            "-addext",
            CA[0],
            "-addext",
            CA[1],
        ],
    ] {
        openssl(dir, &arguments).unwrap();
    }
    let chain = ["ca.pem", "root.pem"].map(|f| std::fs::read_to_string(dir.join(f)).unwrap()).concat();
    std::fs::write(files.certificate(), chain).unwrap();
    let ca = files.load_at(SystemTime::now()).unwrap();
    assert_eq!(ca.intermediates(), [ca.certificate().clone()]);
    assert_ne!(ca.anchor(), ca.certificate());
    let (_, anchor) = X509Certificate::from_der(ca.anchor()).unwrap();
    assert_eq!(anchor.subject().to_string(), "CN=Root");
}

#[test]
fn unusable_authorities_are_refused_with_the_file_and_the_remedy() {
    // The certificates are made while the test runs, and begin then.
    let now = SystemTime::now() + Duration::from_secs(3600);
    let refused = |files: &Files, file: &str, remedy: &str| {
        let (problem, named) = files.problem(now);
        assert_eq!(named, file, "{problem}");
        assert!(problem.to_string().contains(remedy), "{problem}");
        problem
    };
    let leaf = Files::openssl(P256_SEC1, &["basicConstraints=CA:FALSE"], &[]);
    assert_eq!(refused(&leaf, "ca.pem", "CA:TRUE"), CaProblem::NotACa);
    let no_sign = Files::openssl(P256_SEC1, &[CA[0], "keyUsage=digitalSignature"], &[]);
    assert_eq!(refused(&no_sign, "ca.pem", "keyCertSign"), CaProblem::NotACa);
    let sha1 = Files::openssl(P256_SEC1, CA, &["-sha1"]);
    assert_eq!(refused(&sha1, "ca.pem", "SHA-256"), CaProblem::WeakSignature("SHA-1"));
    let md5 = Files::openssl(&["genrsa", "-out", "ca.key", "2048"], CA, &["-md5"]);
    assert_eq!(refused(&md5, "ca.pem", "SHA-256"), CaProblem::WeakSignature("MD5"));
    let short = Files::openssl(&["genrsa", "-out", "ca.key", "1024"], CA, &[]);
    assert_eq!(refused(&short, "ca.pem", "2048"), CaProblem::ShortRsa(1024));
    let ed25519 = Files::openssl(&["genpkey", "-algorithm", "ed25519", "-out", "ca.key"], CA, &[]);
    assert_eq!(refused(&ed25519, "ca.pem", "P-256"), CaProblem::UnsupportedKey);

    let swapped = Files::openssl(P256_SEC1, CA, &[]);
    openssl(swapped.0.path(), P256_SEC1).unwrap();
    assert_eq!(refused(&swapped, "ca.key", "pair"), CaProblem::KeyMismatch);
    let good = Files::openssl(P256_SEC1, CA, &[]);
    std::fs::write(good.key(), "no key").unwrap();
    assert_eq!(refused(&good, "ca.key", "PKCS#8"), CaProblem::NoKey);
    std::fs::write(good.certificate(), "no certificate").unwrap();
    assert_eq!(refused(&good, "ca.pem", "PEM"), CaProblem::NoCertificate);
}

#[test]
fn dates_are_judged_by_the_given_clock() {
    let files = Files::generated(noon());
    assert!(matches!(files.problem(noon() + LIFETIME + BACKDATE).0, CaProblem::Expired(_)));
    assert!(matches!(files.problem(noon() - BACKDATE * 2).0, CaProblem::NotYetValid(_)));
    files.load_at(noon() + LIFETIME).unwrap();
}

#[test]
fn a_key_wider_than_0640_is_refused() {
    let files = Files::generated(noon());
    for mode in [0o400, 0o440, 0o600, 0o640] {
        files.set_key_mode(mode);
        files.load_at(noon()).unwrap_or_else(|e| panic!("{mode:o}: {e}"));
    }
    for mode in [0o644, 0o660, 0o641, 0o602, 0o650] {
        files.set_key_mode(mode);
        let error = files.load_at(noon()).unwrap_err().to_string();
        assert!(error.contains(&format!("key mode {mode:04o} is wider than 0640; run: chmod 0640")), "{error}");
        assert!(error.contains("ca.key"), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let files = Files::generated(noon());
    std::fs::remove_file(files.key()).unwrap();
    let error = files.load_at(noon()).unwrap_err();
    assert_eq!(error.to_string(), format!("reading CA key {}", files.key().display()));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn the_key_is_never_printed() {
    let ca = CertificateAuthority::generate(noon()).unwrap();
    let printed = format!("{ca:?} {ca:#?}");
    assert!(printed.contains(&ca.fingerprint().to_string()));
    assert!(!printed.contains("KeyPair") && printed.len() < 400, "{printed}");
}

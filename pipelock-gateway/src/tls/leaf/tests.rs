//! Leaves are judged by three readers that share no code: openssl in strict mode, webpki, and x509-parser for the fields.

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::{ServerName as TlsName, UnixTime};
use tempfile::TempDir;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;

use super::*;
use crate::model::ServerName;
use crate::tls::provider;
use crate::tls::testing::{noon, openssl};

fn dns(text: &str) -> PeerName {
    PeerName::Dns(ServerName::parse(text).unwrap())
}

/// Leaves under a fresh authority, with a clock that the test turns.
fn leaves() -> (Leaves, Arc<std::sync::Mutex<SystemTime>>) {
    let ca = Arc::new(CertificateAuthority::generate(noon() - Duration::from_hours(7 * 24)).unwrap());
    let time = Arc::new(std::sync::Mutex::new(noon()));
    let clock = { Arc::clone(&time) };
    (Leaves::with_clock(ca, LeafSettings::default(), Arc::new(move || *clock.lock().unwrap())), time)
}

fn ca_of(leaves: &Leaves) -> Arc<CertificateAuthority> {
    Arc::clone(&leaves.signer.load().ca)
}

fn extension<'a>(certificate: &'a X509Certificate<'a>, oid: &str) -> (bool, &'a ParsedExtension<'a>) {
    let found = certificate.iter_extensions().find(|e| e.oid.to_id_string() == oid).expect(oid);
    (found.critical, found.parsed_extension())
}

#[tokio::test]
async fn leaves_pass_strict_verifiers_for_names_and_addresses() {
    let (leaves, _) = leaves();
    let ca = ca_of(&leaves);
    let mut store = RootCertStore::empty();
    store.add(ca.anchor().clone()).unwrap();
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build().unwrap();
    let files = TempDir::new().unwrap();
    std::fs::write(files.path().join("ca.pem"), ca.to_pem().0).unwrap();
    let long = format!("{}.{}.example.test", "a".repeat(60), "b".repeat(60));
    for (name, check) in [
        (dns("api.example.test"), ["-verify_hostname", "api.example.test"]),
        (dns("under_score.example.test"), ["-verify_hostname", "under_score.example.test"]),
        (dns(&long), ["-verify_hostname", &long]),
        (PeerName::Ip("203.0.113.7".parse().unwrap()), ["-verify_ip", "203.0.113.7"]),
        (PeerName::Ip("2001:db8::7".parse().unwrap()), ["-verify_ip", "2001:db8::7"]),
    ] {
        for kind in [KeyKind::P256, KeyKind::Rsa2048] {
            let leaf = leaves.leaf(&name, kind).await.unwrap();
            let tls_name = TlsName::try_from(name.to_string()).unwrap();
            let now = UnixTime::since_unix_epoch(noon().duration_since(SystemTime::UNIX_EPOCH).unwrap());
            webpki.verify_server_cert(&leaf.cert[0], &leaf.cert[1..], &tls_name, &[], now).unwrap();
            leaf.keys_match().unwrap();
            std::fs::write(files.path().join("leaf.der"), &leaf.cert[0]).unwrap();
            openssl(files.path(), &["x509", "-inform", "DER", "-in", "leaf.der", "-out", "leaf.pem"]).unwrap();
            let attime = noon().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
            let mut verify = vec!["verify", "-x509_strict", "-purpose", "sslserver", "-attime", &attime];
            verify.extend(check.iter().map(|s| &**s));
            verify.extend(["-CAfile", "ca.pem", "leaf.pem"]);
            openssl(files.path(), &verify).unwrap_or_else(|e| panic!("{name} {kind:?}: {e}"));
        }
    }
}

#[tokio::test]
async fn a_leaf_has_exactly_the_fields_of_the_profile() {
    let (leaves, _) = leaves();
    let leaf = leaves.leaf(&dns("api.example.test"), KeyKind::P256).await.unwrap();
    let (_, certificate) = X509Certificate::from_der(&leaf.cert[0]).unwrap();
    assert_eq!(leaf.cert.len(), 1, "the root is not sent");
    assert_eq!(certificate.version().0, 2);
    assert_eq!(certificate.subject().to_string(), "CN=api.example.test");
    assert_eq!(certificate.raw_serial().len(), 16);
    assert!(certificate.raw_serial()[0] < 0x80, "positive");

    let (critical, usage) = extension(&certificate, "2.5.29.15");
    let ParsedExtension::KeyUsage(usage) = usage else { panic!() };
    assert!(critical && usage.digital_signature() && usage.flags == 1);
    let (_, ParsedExtension::ExtendedKeyUsage(eku)) = extension(&certificate, "2.5.29.37") else { panic!() };
    assert!(eku.server_auth && !eku.client_auth && !eku.any);
    let (_, ParsedExtension::BasicConstraints(basic)) = extension(&certificate, "2.5.29.19") else { panic!() };
    assert!(!basic.ca);
    let (_, ParsedExtension::SubjectAlternativeName(san)) = extension(&certificate, "2.5.29.17") else { panic!() };
    assert_eq!(san.general_names, [GeneralName::DNSName("api.example.test")]);

    let ca = ca_of(&leaves);
    let (_, authority) = X509Certificate::from_der(ca.certificate()).unwrap();
    let (_, ParsedExtension::AuthorityKeyIdentifier(aki)) = extension(&certificate, "2.5.29.35") else { panic!() };
    let (_, ParsedExtension::SubjectKeyIdentifier(ca_ski)) = extension(&authority, "2.5.29.14") else { panic!() };
    assert_eq!(aki.key_identifier.as_ref(), Some(ca_ski));
    let (_, ParsedExtension::SubjectKeyIdentifier(ski)) = extension(&certificate, "2.5.29.14") else { panic!() };
    assert_ne!(ski, ca_ski);
    assert_ne!(certificate.public_key().raw, authority.public_key().raw, "the leaf key is never the CA key");
    assert_eq!(SystemTime::from(certificate.validity().not_before.to_datetime()), noon() - BACKDATE);
    assert_eq!(
        SystemTime::from(certificate.validity().not_after.to_datetime()),
        noon() + (LeafSettings::default().ttl + MARGIN)
    );
}

#[tokio::test]
async fn a_leaf_never_outlives_its_authority() {
    let made = noon() - Duration::from_mins(1);
    let ca = Arc::new(CertificateAuthority::generate(made).unwrap());
    let (not_before, not_after) = (ca.not_before(), ca.not_after());
    for now in [made, not_after - (LeafSettings::default().ttl + MARGIN) / 2] {
        let leaves = Leaves::with_clock(Arc::clone(&ca), LeafSettings::default(), Arc::new(move || now));
        let leaf = leaves.leaf(&dns("a.test"), KeyKind::P256).await.unwrap();
        let (_, certificate) = X509Certificate::from_der(&leaf.cert[0]).unwrap();
        assert!(SystemTime::from(certificate.validity().not_before.to_datetime()) >= not_before);
        assert!(SystemTime::from(certificate.validity().not_after.to_datetime()) <= not_after);
    }
}

#[tokio::test]
async fn a_long_name_stands_in_the_san_alone() {
    let (leaves, _) = leaves();
    let long = format!("{}.example.test", "a".repeat(60));
    let leaf = leaves.leaf(&dns(&long), KeyKind::P256).await.unwrap();
    let (_, certificate) = X509Certificate::from_der(&leaf.cert[0]).unwrap();
    assert_eq!(certificate.subject().to_string(), format!("CN={LONG_NAME_PLACEHOLDER}"));
    let (_, ParsedExtension::SubjectAlternativeName(san)) = extension(&certificate, "2.5.29.17") else { panic!() };
    assert_eq!(san.general_names, [GeneralName::DNSName(&long)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_for_one_name_mint_once() {
    let leaves = Arc::new(leaves().0);
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let before = leaves.minted();
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let leaves = Arc::clone(&leaves);
                tokio::spawn(async move { leaves.leaf(&dns("api.example.test"), kind).await.unwrap() })
            })
            .collect();
        let mut found = Vec::new();
        for call in calls {
            found.push(call.await.unwrap());
        }
        assert!(found.iter().all(|leaf| Arc::ptr_eq(leaf, &found[0])));
        assert_eq!(leaves.minted() - before, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn leaf_and_key_are_replaced_after_a_day() {
    let (leaves, time) = leaves();
    let name = dns("api.example.test");
    let first = leaves.leaf(&name, KeyKind::P256).await.unwrap();
    *time.lock().unwrap() += LeafSettings::default().ttl / 2;
    assert!(Arc::ptr_eq(&first, &leaves.leaf(&name, KeyKind::P256).await.unwrap()));
    *time.lock().unwrap() += LeafSettings::default().ttl / 2;
    let second = leaves.leaf(&name, KeyKind::P256).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_ne!(first.key.public_key(), second.key.public_key());
    assert_eq!(leaves.minted(), 2);
}

#[tokio::test]
async fn rotation_serves_leaves_of_the_new_authority_only() {
    let (leaves, _) = leaves();
    let name = dns("api.example.test");
    let old = leaves.leaf(&name, KeyKind::P256).await.unwrap();
    let next = Arc::new(CertificateAuthority::generate(noon()).unwrap());
    leaves.rotate(&next);
    let new = leaves.leaf(&name, KeyKind::P256).await.unwrap();
    let issuer = |leaf: &CertifiedKey| {
        X509Certificate::from_der(&leaf.cert[0]).unwrap().1.tbs_certificate.issuer.as_raw().to_vec()
    };
    let (_, authority) = X509Certificate::from_der(next.certificate()).unwrap();
    assert_eq!(issuer(&new), authority.tbs_certificate.subject.as_raw());
    assert_ne!(issuer(&new), issuer(&old));
}

#[tokio::test]
async fn a_flood_of_names_is_cut_off_and_recovers() {
    let (leaves, time) = leaves();
    let known = dns("known.test");
    leaves.leaf(&known, KeyKind::P256).await.unwrap();
    for number in 1..LeafSettings::default().at_once {
        leaves.leaf(&dns(&format!("n{number}.test")), KeyKind::P256).await.unwrap();
    }
    let refused = leaves.leaf(&dns("one.too.many.test"), KeyKind::P256).await;
    assert!(matches!(refused, Err(Error::MintRate { .. })), "{refused:?}");
    leaves.leaf(&known, KeyKind::P256).await.expect("a cached name costs nothing");
    leaves.leaf_for(7, &dns("of.another.test"), KeyKind::P256).await.expect("another workload has a budget of its own");
    *time.lock().unwrap() += Duration::from_secs(1);
    for number in 0..LeafSettings::default().per_second {
        leaves.leaf(&dns(&format!("m{number}.test")), KeyKind::P256).await.unwrap();
    }
    assert!(leaves.leaf(&dns("again.too.many.test"), KeyKind::P256).await.is_err());
}

/// Once a hundred connections minted twice: a caller that had looked at the clock before it waited for another's leaf took
/// that leaf for one from the future.
#[test]
fn a_caller_that_looked_at_the_clock_first_shares_the_leaf_of_the_one_that_minted() {
    let ca = Arc::new(CertificateAuthority::generate(noon()).unwrap());
    let (looks, looked) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel();
    let (calls, released) = (AtomicU64::new(0), std::sync::Mutex::new(released));
    let clock = move || match calls.fetch_add(1, Ordering::SeqCst) {
        // The first caller is stopped in the middle of its look.
        0 => {
            looks.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            noon()
        }
        _ => noon() + Duration::from_secs(1),
    };
    let leaves = Leaves::with_clock(ca, LeafSettings::default(), Arc::new(clock));
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| runtime().block_on(leaves.leaf(&dns("one.example.test"), KeyKind::P256)).unwrap());
        looked.recv().unwrap();
        runtime().block_on(async {
            let name = dns("one.example.test");
            let mut second = std::pin::pin!(leaves.leaf(&name, KeyKind::P256));
            let early = std::future::poll_fn(|context| std::task::Poll::Ready(second.as_mut().poll(context))).await;
            release.send(()).unwrap();
            if early.is_pending() {
                second.await.unwrap();
            }
        });
        first.join().unwrap();
    });
    assert_eq!(leaves.minted(), 1);
}

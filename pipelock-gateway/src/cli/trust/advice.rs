//! What a client's behaviour means, and what to set for its runtime (gateway.md §7.5). Reads files, opens no socket.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::endpoint::{Outcome, Seen};
use crate::tls::trust::TrustBundle;

/// A kind of client, and how it learns whom to trust.
#[derive(Debug)]
struct Runtime {
    /// For people.
    name: &'static str,
    /// How its executables begin.
    executables: &'static [&'static str],
    /// What it reads, the first that is set wins.
    variables: &'static [&'static str],
    /// What one must know beside that.
    note: &'static str,
}

/// Source: gateway.md §7.5, and the clients' own documentation.
const RUNTIMES: &[Runtime] = &[
    Runtime {
        name: "Ruby",
        executables: &["ruby", "irb", "rake", "bundle", "puma"],
        variables: &["SSL_CERT_FILE", "SSL_CERT_DIR"],
        note: "code that passes ca_file: reads that file alone; the stripe gem brings its own list (Stripe.ca_bundle_path)",
    },
    Runtime {
        name: "Python",
        executables: &["python", "pypy", "uv", "pip", "gunicorn", "uvicorn"],
        variables: &["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"],
        note: "requests reads REQUESTS_CA_BUNDLE, pip PIP_CERT, the others SSL_CERT_FILE; a verify= in the code wins",
    },
    Runtime {
        name: "Node",
        executables: &["node", "npm", "npx", "bun"],
        variables: &["NODE_EXTRA_CA_CERTS"],
        note: "read once, when the process starts; adds to its own list; ignored by code that passes ca:",
    },
    Runtime { name: "Deno", executables: &["deno"], variables: &["DENO_CERT"], note: "adds to its own list" },
    Runtime {
        name: "Java",
        executables: &["java"],
        variables: &["JAVA_TOOL_OPTIONS"],
        note: "the trust store replaces the JVM's; code with a TrustManager of its own reads neither",
    },
    Runtime {
        name: "curl",
        executables: &["curl"],
        variables: &["CURL_CA_BUNDLE", "SSL_CERT_FILE"],
        note: "--cacert and ~/.curlrc win",
    },
    Runtime { name: "git", executables: &["git"], variables: &["GIT_SSL_CAINFO"], note: "http.sslCAInfo wins" },
    Runtime { name: "cargo", executables: &["cargo"], variables: &["CARGO_HTTP_CAINFO"], note: "http.cainfo wins" },
    Runtime {
        name: "AWS CLI",
        executables: &["aws"],
        variables: &["AWS_CA_BUNDLE"],
        note: "ca_bundle in ~/.aws/config wins",
    },
    Runtime {
        name: "wget",
        executables: &["wget"],
        variables: &[],
        note: "it reads the system's list: `pipelock ca install-ca`, or ca_certificate in ~/.wgetrc",
    },
];

/// What everything reads that is built on OpenSSL, Go or rustls-native-certs.
const UNKNOWN: Runtime = Runtime {
    name: "unknown runtime",
    executables: &[],
    variables: &["SSL_CERT_FILE", "SSL_CERT_DIR"],
    note: "Go, .NET, PHP and most others read SSL_CERT_FILE; GnuTLS reads the system's list (`pipelock ca install-ca`)",
};

fn runtime_of(executable: Option<&str>) -> &'static Runtime {
    let name = executable.map(|path| path.rsplit('/').next().unwrap_or(path)).unwrap_or_default();
    let known = |runtime: &&Runtime| runtime.executables.iter().any(|begin| name.starts_with(begin));
    RUNTIMES.iter().find(known).unwrap_or(&UNKNOWN)
}

/// The variables the command had, as far as they are about trust.
pub(super) struct Environment {
    variables: Vec<(&'static str, Option<OsString>)>,
    anchor: CertificateDer<'static>,
}

/// What a variable leads to.
#[derive(Debug, PartialEq, Eq)]
enum Holds {
    Unset,
    Ours,
    NotOurs,
    Unreadable,
}

impl Environment {
    /// Those of this process with `set` on top.
    pub(super) fn new(set: &[(&'static str, OsString)], anchor: &CertificateDer<'static>) -> Self {
        let all = RUNTIMES.iter().chain([&UNKNOWN]).flat_map(|runtime| runtime.variables);
        let value = |name: &&'static str| {
            let ours = set.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
            (*name, ours.or_else(|| std::env::var_os(name)).filter(|value| !value.is_empty()))
        };
        Self { variables: all.map(value).collect(), anchor: anchor.clone() }
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        self.variables.iter().find(|(other, _)| *other == name)?.1.as_deref()
    }

    fn holds(&self, name: &str) -> Holds {
        let Some(value) = self.value(name) else { return Holds::Unset };
        if name == "JAVA_TOOL_OPTIONS" {
            // A store with a format and a password of its own; whether it is ours can only be told by its name.
            let named = value.to_string_lossy().contains("javax.net.ssl.trustStore=");
            return if named { Holds::Ours } else { Holds::Unset };
        }
        let path = Path::new(value);
        let in_file = |path: &Path| {
            fs::read(path).map(|pem| CertificateDer::pem_slice_iter(&pem).flatten().any(|c| c == self.anchor))
        };
        let found = if path.is_dir() {
            fs::read_dir(path).map(|entries| entries.flatten().any(|entry| in_file(&entry.path()).unwrap_or(false)))
        } else {
            in_file(path)
        };
        match found {
            Ok(true) => Holds::Ours,
            Ok(false) => Holds::NotOurs,
            Err(_) => Holds::Unreadable,
        }
    }
}

/// What the check says.
pub(super) struct Report {
    pub(super) text: String,
    /// There was a client, and each believed us.
    pub(super) trusted: bool,
    /// The command failed before any client of it said anything about trust.
    pub(super) command_failed: bool,
    /// The same for programs.
    pub(super) json: serde_json::Value,
}

/// Tells what was seen, and what to do about it.
pub(super) fn report(seen: &[Seen], environment: &Environment, files: &TrustBundle, code: u8) -> Report {
    let mut text = String::new();
    let tls = seen.iter().filter(|seen| !matches!(seen.outcome, Outcome::NotTls | Outcome::Silent));
    if tls.clone().next().is_none() {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "no TLS connection was seen; the command ended with {code}");
        let _ = writeln!(
            text,
            "  Check a command that opens one. If it meant to: its name may not have been resolved (nothing is dialled, but DNS \
             is asked), or it went to a loopback address, which is never redirected."
        );
    }
    for seen in seen {
        line(&mut text, seen);
        if !matches!(seen.outcome, Outcome::Trusted) {
            explain(&mut text, seen, environment, files);
        }
    }
    let trusted = tls.clone().next().is_some() && tls.clone().all(|seen| seen.outcome == Outcome::Trusted);
    let command_failed = tls.clone().next().is_none() && code != 0;
    let connection = |seen: &Seen| {
        let (outcome, detail) = match &seen.outcome {
            Outcome::Trusted => ("trusted", None),
            Outcome::Rejected(detail) => ("rejected", Some(detail)),
            Outcome::LeftAfterHandshake => ("left_after_handshake", None),
            Outcome::Failed(detail) => ("failed", Some(detail)),
            Outcome::NotTls => ("no_tls", None),
            Outcome::Silent => ("silent", None),
        };
        serde_json::json!({
            "program": seen.executable.as_deref(), "pid": seen.pid, "name": seen.name, "times": seen.times,
            "runtime": runtime_of(seen.executable.as_deref()).name, "outcome": outcome, "detail": detail,
        })
    };
    let json = serde_json::json!({
        "trusted": trusted,
        "command_ended_with": code,
        "connections": seen.iter().map(connection).collect::<Vec<_>>(),
        "said": text,
    });
    Report { text, trusted, command_failed, json }
}

fn line(text: &mut String, seen: &Seen) {
    let runtime = runtime_of(seen.executable.as_deref());
    let program =
        seen.executable.as_deref().map_or("a process that has ended", |path| path.rsplit('/').next().unwrap_or(path));
    let did = match &seen.outcome {
        Outcome::Trusted => "trusts the authority".to_owned(),
        Outcome::Rejected(detail) => format!("REFUSES the authority ({detail})"),
        Outcome::LeftAfterHandshake => {
            "LEFT after the handshake, as clients do that check the certificate only then".to_owned()
        }
        Outcome::Failed(detail) => format!("TLS failed: {detail}"),
        Outcome::NotTls => "spoke no TLS".to_owned(),
        Outcome::Silent => "said nothing".to_owned(),
    };
    let times = if seen.times > 1 { format!(" ({} times)", seen.times) } else { String::new() };
    let _ = writeln!(text, "{program}[{}] ({}) -> {}: {did}{times}", seen.pid, runtime.name, seen.name);
}

/// Why a client may not have believed us, by what its variables lead to.
fn explain(text: &mut String, seen: &Seen, environment: &Environment, files: &TrustBundle) {
    if !matches!(seen.outcome, Outcome::Rejected(_) | Outcome::LeftAfterHandshake) {
        return;
    }
    let runtime = runtime_of(seen.executable.as_deref());
    let mut ours = false;
    for name in runtime.variables {
        let value = environment.value(name).unwrap_or_default().to_string_lossy();
        match environment.holds(name) {
            Holds::Unset => {}
            Holds::Ours => {
                ours = true;
                let _ = writeln!(text, "  {name} leads to the authority ({value}), and the client did not act on it");
            }
            Holds::NotOurs => drop(writeln!(text, "  {name} is set to {value}, which does not hold the authority")),
            Holds::Unreadable => drop(writeln!(text, "  {name} is set to {value}, which cannot be read")),
        }
    }
    if ours {
        let _ = writeln!(
            text,
            "  so it has roots of its own, in its code or built in; if they cannot be changed, its host can only be relayed \
             unopened:\n    tls_interception:\n      passthrough_domains: [\"{}\"]",
            seen.name
        );
    } else {
        for (name, file) in to_set(runtime, files) {
            let _ = writeln!(text, "  set {name}={file}");
        }
        let _ =
            writeln!(text, "  (`pipelock trust render --dir DIR` writes these files; `--with-variables` tries them)");
    }
    let _ = writeln!(text, "  {}: {}", runtime.name, runtime.note);
}

/// What to set, by the names the files have wherever they are rendered to.
fn to_set(runtime: &Runtime, files: &TrustBundle) -> Vec<(&'static str, String)> {
    let base = |path: &Path| format!("DIR/{}", path.file_name().unwrap_or_default().to_string_lossy());
    let value = |name: &&'static str| match *name {
        "NODE_EXTRA_CA_CERTS" | "DENO_CERT" => base(&files.ca),
        "SSL_CERT_DIR" => base(&files.directory),
        "JAVA_TOOL_OPTIONS" => {
            format!("\"-Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStore={}\"", base(&files.java_store))
        }
        _ => base(&files.bundle),
    };
    runtime.variables.iter().map(|name| (*name, value(name))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::SystemTime;

    use super::*;
    use crate::tls::{CertificateAuthority, RootSource, trust};

    fn files() -> TrustBundle {
        let at = |name: &str| PathBuf::from("/trust").join(name);
        TrustBundle {
            ca: at("ca.crt"),
            bundle: at("ca-bundle.crt"),
            directory: at("certs"),
            java_store: at("truststore.p12"),
            base: RootSource::Builtin,
        }
    }

    fn seen(executable: &str, outcome: Outcome) -> Seen {
        Seen { executable: Some(executable.into()), pid: 7, name: "api.example.test".to_owned(), outcome, times: 1 }
    }

    fn environment(set: &[(&'static str, OsString)], ca: &CertificateAuthority) -> Environment {
        Environment {
            variables: set.iter().map(|(name, value)| (*name, Some(value.clone()))).collect(),
            anchor: ca.anchor().clone(),
        }
    }

    #[test]
    fn each_runtime_is_told_its_own_variables() {
        for (executable, name) in [
            ("/usr/bin/ruby3.1", "Ruby"),
            ("/usr/bin/python3.11", "Python"),
            ("/usr/local/bin/node", "Node"),
            ("/usr/lib/jvm/bin/java", "Java"),
            ("/usr/bin/curl", "curl"),
            ("/srv/app", "unknown runtime"),
        ] {
            assert_eq!(runtime_of(Some(executable)).name, name);
        }
        let ca = CertificateAuthority::generate(SystemTime::now()).unwrap();
        let rejected = seen("/usr/bin/node", Outcome::Rejected("alert unknown_ca".to_owned()));
        let report = report(&[rejected], &environment(&[], &ca), &files(), 1);
        assert!(!report.trusted);
        assert!(report.text.contains("REFUSES the authority (alert unknown_ca)"), "{}", report.text);
        assert!(report.text.contains("set NODE_EXTRA_CA_CERTS=DIR/ca.crt"), "{}", report.text);
    }

    #[test]
    fn a_variable_that_leads_elsewhere_and_one_that_is_ignored_are_told_apart() {
        let ca = CertificateAuthority::generate(SystemTime::now()).unwrap();
        let other = CertificateAuthority::generate(SystemTime::now()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
        fs::write(&ours, trust::pem_text(ca.anchor())).unwrap();
        fs::write(&theirs, trust::pem_text(other.anchor())).unwrap();
        let rejected = || seen("/usr/bin/curl", Outcome::Rejected("alert unknown_ca".to_owned()));
        let with = |path: &Path| {
            report(&[rejected()], &environment(&[("SSL_CERT_FILE", path.into())], &ca), &files(), 60).text
        };
        let text = with(&theirs);
        assert!(text.contains("which does not hold the authority") && text.contains("set CURL_CA_BUNDLE="), "{text}");
        let text = with(&folder.path().join("absent.pem"));
        assert!(text.contains("which cannot be read"), "{text}");
        let text = with(&ours);
        assert!(
            text.contains("did not act on it") && text.contains("passthrough_domains: [\"api.example.test\"]"),
            "{text}"
        );
        assert!(!text.contains("set CURL_CA_BUNDLE="), "{text}");
        let text = with(folder.path());
        assert!(text.contains("did not act on it"), "a directory that holds it: {text}");
    }

    #[test]
    fn only_a_client_that_went_on_has_proven_trust() {
        let ca = CertificateAuthority::generate(SystemTime::now()).unwrap();
        let verdict = |outcomes: &[Outcome]| {
            let all: Vec<Seen> = outcomes.iter().map(|outcome| seen("/usr/bin/curl", outcome.clone())).collect();
            report(&all, &environment(&[], &ca), &files(), 0).trusted
        };
        assert!(verdict(&[Outcome::Trusted]));
        assert!(verdict(&[Outcome::Trusted, Outcome::NotTls, Outcome::Silent]));
        assert!(!verdict(&[]));
        assert!(!verdict(&[Outcome::NotTls]));
        assert!(!verdict(&[Outcome::Trusted, Outcome::LeftAfterHandshake]));
        assert!(!verdict(&[Outcome::Failed("x".to_owned())]));
    }
}

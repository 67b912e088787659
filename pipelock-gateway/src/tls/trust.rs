//! What clients read to trust our authority: bundle, hashed directory, Java trust store, and the variables that name them.
//!
//! Most of these variables replace a client's roots, so everything here holds the roots the client had before and ours: the
//! bundle that the user's own `SSL_CERT_FILE` names where it is set, else the system's. Nothing here is secret; the files are
//! readable by everybody, because captured processes may run as any user. Next stage: the variables go into the environment
//! of the command that `pipelock exec` starts.

mod pkcs12;
mod subject_hash;

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;

use super::ca::CertificateAuthority;
use super::error::Error;
use super::roots::{RootLocations, RootSource};
use subject_hash::subject_hash;

/// For files that every user may read.
const FILE_MODE: u32 = 0o644;

/// For directories that every user may look into.
const DIRECTORY_MODE: u32 = 0o755;

/// The files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustBundle {
    /// Our authority alone, PEM.
    pub ca: PathBuf,
    /// The client's roots and ours, PEM.
    pub bundle: PathBuf,
    /// The same, one file a root, named as OpenSSL looks them up.
    pub directory: PathBuf,
    /// The same, as a PKCS#12 trust store for Java; no password.
    pub java_store: PathBuf,
    /// Where the client's roots were found.
    pub base: RootSource,
}

/// Writes the trust files into `directory`, which is made when it is missing.
///
/// `locations` are the *user's* variables, read before any of ours are set. Each file is written beside its place and
/// renamed, so that a client never reads half of one. Blocking file access: about 150 small files.
///
/// # Errors
/// [`Error::Write`] naming the file; [`Error::Read`] and [`Error::Roots`] when the user's own bundle cannot be read.
pub fn render(directory: &Path, ca: &CertificateAuthority, locations: &RootLocations) -> Result<TrustBundle, Error> {
    render_all(directory, std::slice::from_ref(ca.anchor()), locations)
}

/// The same for several authorities of ours, as in a rotation: the one that signs, the next and the last.
///
/// # Errors
/// As [`render`].
pub fn render_all(
    directory: &Path,
    anchors: &[CertificateDer<'static>],
    locations: &RootLocations,
) -> Result<TrustBundle, Error> {
    let (mut roots, base) = locations.load()?;
    if base == RootSource::Builtin {
        // The machine has no roots, and compiled-in trust anchors are no certificates that could be written down. Clients
        // that bring their own roots would lose them: say so instead of writing a bundle of one.
        return Err(Error::Roots {
            path: "/etc/ssl/certs".into(),
            detail: "no system roots; install the ca-certificates package or set SSL_CERT_FILE".into(),
        });
    }
    roots.retain(|root| !anchors.contains(root));
    roots.extend(anchors.iter().cloned());

    make_directory(directory)?;
    let written = TrustBundle {
        ca: directory.join("ca.crt"),
        bundle: directory.join("ca-bundle.crt"),
        directory: directory.join("certs"),
        java_store: directory.join("truststore.p12"),
        base,
    };
    write_atomically(&written.ca, anchors.iter().map(pem_text).collect::<String>().as_bytes())?;
    write_atomically(&written.bundle, roots.iter().map(pem_text).collect::<String>().as_bytes())?;
    write_atomically(&written.java_store, &pkcs12::trust_store(&roots))?;
    write_hashed_directory(&written.directory, &roots)?;
    Ok(written)
}

impl TrustBundle {
    /// The variables to set in a captured process, with the values that make its TLS library read the files.
    ///
    /// `java_tool_options` is what `JAVA_TOOL_OPTIONS` was before; ours is appended, because the last option wins.
    #[must_use]
    pub fn environment(&self, java_tool_options: Option<&OsStr>) -> Vec<(&'static str, OsString)> {
        let mut variables: Vec<(&'static str, OsString)> = [
            // OpenSSL (Ruby, Python, PHP, .NET), Go, rustls-native-certs.
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "REQUESTS_CA_BUNDLE",
            "PIP_CERT",
            "AWS_CA_BUNDLE",
            // Sure's switch: it becomes `ca_file:` of clients that read nothing else, so it must be a whole bundle.
            "SSL_CA_FILE",
            "CARGO_HTTP_CAINFO",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        ]
        .into_iter()
        .map(|name| (name, self.bundle.clone().into_os_string()))
        .collect();
        variables.push(("SSL_CERT_DIR", self.directory.clone().into_os_string()));
        // These two add to the client's roots, so ours alone is enough and loads faster.
        variables.push(("NODE_EXTRA_CA_CERTS", self.ca.clone().into_os_string()));
        variables.push(("DENO_CERT", self.ca.clone().into_os_string()));
        variables.push(("JAVA_TOOL_OPTIONS", self.java_options(java_tool_options)));
        variables
    }

    fn java_options(&self, existing: Option<&OsStr>) -> OsString {
        let mut options = existing.map(OsStr::to_owned).unwrap_or_default();
        if !options.is_empty() {
            options.push(" ");
        }
        options.push("-Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStore=");
        // The JVM splits the variable at white space and knows quotes, but no escapes inside them.
        let path = self.java_store.as_os_str();
        let spaced = path.as_encoded_bytes().iter().any(u8::is_ascii_whitespace);
        if spaced {
            options.push("\"");
        }
        options.push(path);
        if spaced {
            options.push("\"");
        }
        options
    }
}

/// A certificate as PEM, with Unix line ends.
#[must_use]
pub fn pem_text(certificate: &CertificateDer<'static>) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", certificate.to_vec()), config)
}

/// Writes what `openssl rehash` would make: `<subject hash>.<number>`, one certificate each.
///
/// The names are computed here for every root instead of linking the system's directory and calling `openssl`, so that
/// nothing depends on either being there.
fn write_hashed_directory(place: &Path, roots: &[CertificateDer<'static>]) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    let fresh = sibling(place, "new");
    let old = sibling(place, "old");
    remove_directory(&fresh)?;
    make_directory(&fresh)?;
    for root in roots {
        let Some(hash) = subject_hash(root) else { continue };
        write_numbered(&fresh, hash, pem_text(root).as_bytes())?;
    }
    // A directory cannot be renamed over another one. Between the two renames a lookup finds nothing, which a client reports
    // as an untrusted root and retries; OpenSSL looks into the directory anew for each chain.
    remove_directory(&old)?;
    if place.exists() {
        fs::rename(place, &old).map_err(failed(place))?;
    }
    fs::rename(&fresh, place).map_err(failed(place))?;
    remove_directory(&old)
}

/// Takes the first free number: different roots may have equal subjects.
fn write_numbered(directory: &Path, hash: u32, bytes: &[u8]) -> Result<(), Error> {
    for number in 0_u16.. {
        let path = directory.join(format!("{hash:08x}.{number}"));
        match create(&path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::Write { path, source }),
            Ok(()) => return Ok(()),
        }
    }
    Ok(())
}

fn make_directory(path: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
    // Again, because the umask took bits away, or because it was there before.
    made.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(DIRECTORY_MODE)))
        .map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn remove_directory(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Write { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fresh = sibling(path, "new");
    let write = || {
        // What a crashed run left behind; `create` never follows or overwrites what is there.
        if let Err(error) = fs::remove_file(&fresh)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        create(&fresh, bytes)?;
        fs::rename(&fresh, path)
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
    file.write_all(bytes)
}

/// A name beside `path` for what is about to replace it, or was replaced by it.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests;

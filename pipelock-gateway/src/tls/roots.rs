//! Root certificates: which ones this gateway believes upstream, and which ones clients already believed.
//!
//! Our own authority is taken out of the upstream set, always: `SSL_CERT_FILE` points at our bundle in captured processes, and
//! a gateway started there would otherwise believe certificates that it, or another gateway like it, minted itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_native_certs::load_certs_from_paths;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::ca::CertificateAuthority;
use super::error::Error;

/// Where distributions keep the bundle of public roots (the list of Go's `crypto/x509/root_linux.go`).
const SYSTEM_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where they keep one file a root, for machines without a bundle.
const SYSTEM_DIRS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Where OpenSSL-style variables say the roots are. Empty means: look where the distribution keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootLocations {
    /// `SSL_CERT_FILE`: a PEM bundle.
    pub file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: directories of PEM files; the variable separates them by colons.
    pub directories: Vec<PathBuf>,
}

impl RootLocations {
    /// Reads the two variables through `variable`, which is [`std::env::var_os`] outside of tests. Empty counts as unset.
    #[must_use]
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let directories = set("SSL_CERT_DIR").map(|dirs| std::env::split_paths(&dirs).collect()).unwrap_or_default();
        Self { file: set("SSL_CERT_FILE").map(PathBuf::from), directories }
    }

    fn is_empty(&self) -> bool {
        self.file.is_none() && self.directories.is_empty()
    }

    /// The certificates there, and where they were found. Duplicates are left out.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Roots`] when a variable names a place that cannot be read or holds nothing: whoever set it
    /// did not mean "trust the public roots instead". A directory may hold other files.
    pub(super) fn load(&self) -> Result<(Vec<CertificateDer<'static>>, RootSource), Error> {
        if self.is_empty() {
            return Ok(load_system());
        }
        let mut all = Vec::new();
        if let Some(file) = &self.file {
            all.extend(load_file(file)?);
        }
        for directory in &self.directories {
            // A directory in the list that does not exist is ordinary in search paths, as long as something was found.
            all.extend(load_certs_from_paths(None, Some(directory)).certs);
        }
        let place = self.file.clone().or_else(|| self.directories.first().cloned()).unwrap_or_default();
        if all.is_empty() {
            return Err(Error::Roots { path: place, detail: "nothing in SSL_CERT_FILE or SSL_CERT_DIR".into() });
        }
        all.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
        all.dedup();
        Ok((all, RootSource::Variables(place)))
    }
}

/// Where a set of roots came from; for the log at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootSource {
    /// `SSL_CERT_FILE` or `SSL_CERT_DIR`; the first of them.
    Variables(PathBuf),
    /// The distribution's bundle or directory.
    System(PathBuf),
    /// Mozilla's roots as compiled in, because the machine has none.
    Builtin,
}

fn load_system() -> (Vec<CertificateDer<'static>>, RootSource) {
    let files = SYSTEM_FILES.iter().map(|f| (Some(Path::new(*f)), None));
    let directories = SYSTEM_DIRS.iter().map(|d| (None, Some(Path::new(*d))));
    for (file, directory) in files.chain(directories) {
        let certificates = load_certs_from_paths(file, directory).certs;
        if let (false, Some(place)) = (certificates.is_empty(), file.or(directory)) {
            return (certificates, RootSource::System(place.to_owned()));
        }
    }
    (Vec::new(), RootSource::Builtin)
}

/// Reads a PEM file that was named explicitly: it must be there and hold at least one certificate, and no broken one.
pub(super) fn load_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = crate::files::read(path);
    let bytes = read.map_err(|source| Error::Read { what: "root certificates", path: path.to_owned(), source })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let broken = |error| Error::Roots { path: path.to_owned(), detail: format!("broken PEM: {error:?}") };
    let certificates = certificates.map_err(broken)?;
    if certificates.is_empty() {
        return Err(Error::Roots { path: path.to_owned(), detail: "no PEM certificate in it".into() });
    }
    Ok(certificates)
}

/// What this gateway believes upstream.
#[derive(Clone, Debug)]
pub struct Roots {
    pub(super) store: Arc<RootCertStore>,
    pub(super) own: Arc<CertificateAuthority>,
    source: RootSource,
    removed: usize,
}

impl Roots {
    /// Loads the roots at `locations` (else the system's, else the compiled-in ones), adds those in `extra_files`, and takes
    /// out every certificate for the key of `own`.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Roots`], naming the file.
    pub fn load(
        locations: &RootLocations,
        extra_files: &[PathBuf],
        own: &Arc<CertificateAuthority>,
    ) -> Result<Self, Error> {
        let (mut certificates, source) = locations.load()?;
        for path in extra_files {
            let extra = load_file(path)?;
            // In a system bundle an odd old root is skipped; a file that somebody names must work.
            for certificate in &extra {
                let parsed = webpki_anchor(certificate);
                parsed.map_err(|e| Error::Roots { path: path.clone(), detail: e.to_string() })?;
            }
            certificates.extend(extra);
        }
        let before = certificates.len();
        certificates.retain(|certificate| !own.is_own(certificate));
        let removed = before - certificates.len();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(certificates);
        if source == RootSource::Builtin {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Ok(Self { store: Arc::new(store), own: Arc::clone(own), source, removed })
    }

    /// Where they came from, extra files apart.
    #[must_use]
    pub fn source(&self) -> &RootSource {
        &self.source
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is none, so that no upstream can be verified.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// How many certificates of our own authority were taken out.
    #[must_use]
    pub fn removed_own(&self) -> usize {
        self.removed
    }
}

fn webpki_anchor(certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
    RootCertStore::empty().add(certificate.clone().into_owned())
}

#[cfg(test)]
mod tests;

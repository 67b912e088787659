//! `tls_interception`: whether TLS is opened, with which CA, and for whom it is not.
//!
//! Files are looked at, not read: the CA loader and the root store check their content.

use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duration::parse_duration;
use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{HOSTS, Key, Kind};
use crate::model::DomainList;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Bool,
        "",
        "Whether TLS is opened. Without it `pipelock exec` does and `pipelock run` does not, because its clients must have been given the CA before.",
    ),
    Key::new(
        "ca_cert",
        Kind::Path,
        "",
        "The CA's certificate chain, PEM. Needs `ca_key`; without both `exec` makes a CA for the run.",
    ),
    Key::new("ca_key", Kind::Path, "", "Its private key, PEM, mode 0640 or narrower."),
    Key::new(
        "passthrough_domains",
        HOSTS,
        r#"["api.stripe.com", "files.stripe.com", "connect.stripe.com"]"#,
        "Hosts whose TLS is relayed unopened, once the name resolves to the address. The default are clients with roots of their own.",
    ),
    Key::new(
        "client_certificate_domains",
        HOSTS,
        "[]",
        "Hosts that are relayed unopened when they ask for a client certificate, once the name resolves to the address; others are then opened without one.",
    ),
    Key::new(
        "legacy_tls_domains",
        HOSTS,
        "[]",
        "Hosts that are relayed unopened when they speak nothing newer than TLS 1.1, or no safe cipher, once the name resolves to the address; others are then refused.",
    ),
    Key::new(
        "upstream_ca_files",
        Kind::List(&Kind::Path),
        "[]",
        "PEM files with further roots for upstream certificates; they must exist.",
    ),
    Key::new("cert_ttl", Kind::Duration, "24h", "How long a minted leaf is used; at least 1m."),
    Key::new("cert_cache_size", Kind::Count(1, MAX_CERT_CACHE as u64), "4096", "How many leaves are kept."),
    Key::new("max_response_bytes", super::schema::POSITIVE, "5242880", "Largest answer.")
        .not_yet("long answers are judged while they pass, whatever their size"),
];

/// Hosts whose Ruby client ships its own roots and refuses ours whatever the environment says (the stripe gem).
const DEFAULT_PASSTHROUGH: [&str; 3] = ["api.stripe.com", "files.stripe.com", "connect.stripe.com"];

/// Permission bits a private key may not have: anything for others, and more than reading for the group.
const FORBIDDEN_KEY_MODE: u32 = 0o037;

/// A leaf is minted for at least this long; less would end while it is in use.
const MIN_CERT_TTL: Duration = Duration::from_mins(1);

/// Beyond this the cache would hold gigabytes; a leaf with its chain is about 2 KiB.
const MAX_CERT_CACHE: usize = 1_000_000;

/// Opening TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInterception {
    /// As written; `None` leaves it to the command: `pipelock exec` opens TLS, for it was asked to look.
    pub enabled: Option<bool>,
    /// The signing CA; `None` leaves it to the gateway to make one.
    pub ca: Option<CaFiles>,
    /// Hosts whose TLS is relayed unopened, once they are bound to the address.
    pub passthrough_domains: DomainList,
    /// Hosts that are relayed unopened when they ask for a client certificate.
    pub client_certificate_domains: DomainList,
    /// Hosts that are relayed unopened when they speak only old TLS.
    pub legacy_tls_domains: DomainList,
    /// PEM files with further roots for upstream certificates; absolute, existing when checked.
    pub upstream_ca_files: Vec<PathBuf>,
    /// How long a minted leaf is used.
    pub cert_ttl: Duration,
    /// How many leaves are kept.
    pub cert_cache_size: NonZeroUsize,
}

/// The signing CA's files; absolute, existing when checked, the key readable by its owner and group alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaFiles {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

impl Default for TlsInterception {
    fn default() -> Self {
        Self {
            enabled: None,
            ca: None,
            passthrough_domains: DEFAULT_PASSTHROUGH.iter().filter_map(|host| host.parse().ok()).collect(),
            client_certificate_domains: DomainList::default(),
            legacy_tls_domains: DomainList::default(),
            upstream_ca_files: Vec::new(),
            cert_ttl: Duration::from_hours(24),
            cert_cache_size: NonZeroUsize::MIN.saturating_add(4095),
        }
    }
}

impl TlsInterception {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let default = Self::default();
        let enabled = section.read("enabled", None, |enabled| enabled.boolean().map(Some))?;
        // A section that is switched off may name files that are not there yet.
        let look = enabled != Some(false);
        Ok(Self {
            enabled,
            ca: read_ca(&section, look)?,
            passthrough_domains: section.read("passthrough_domains", default.passthrough_domains, Value::parse_list)?,
            client_certificate_domains: section.read(
                "client_certificate_domains",
                DomainList::default(),
                Value::parse_list,
            )?,
            legacy_tls_domains: section.read("legacy_tls_domains", DomainList::default(), Value::parse_list)?,
            upstream_ca_files: section.read("upstream_ca_files", Vec::new(), |list| {
                list.list()?.iter().map(|file| read_file(file, look)).collect()
            })?,
            cert_ttl: section.read("cert_ttl", default.cert_ttl, read_ttl)?,
            cert_cache_size: section.read("cert_cache_size", default.cert_cache_size, read_cache_size)?,
        })
    }
}

fn read_ca(section: &Section<'_>, look: bool) -> Result<Option<CaFiles>, Error> {
    let (cert, key) = match (section.field("ca_cert"), section.field("ca_key")) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return Ok(None),
        (Some(cert), None) => return Err(cert.incomplete("needs ca_key beside it; add it, or remove both")),
        (None, Some(key)) => return Err(key.incomplete("needs ca_cert beside it; add it, or remove both")),
    };
    let files = CaFiles { cert: read_file(&cert, look)?, key: read_file(&key, look)? };
    if look {
        check_key_mode(&key, &files.key)?;
    }
    Ok(Some(files))
}

fn read_file(value: &Value<'_>, look: bool) -> Result<PathBuf, Error> {
    let path = value.path()?;
    if look {
        let file = crate::files::metadata(&path).map_err(|error| {
            value.refuse(format!("cannot be used: {} ({error}); create it, or correct the path", path.display()))
        })?;
        if !file.is_file() {
            return Err(value.refuse(format!("is not a file ({}); name a PEM file", path.display())));
        }
    }
    Ok(path)
}

fn check_key_mode(value: &Value<'_>, path: &Path) -> Result<(), Error> {
    // Through symbolic links, as Kubernetes mounts secrets.
    let mode = crate::files::metadata(path).map_or(0o777, |file| file.permissions().mode() & 0o777);
    if mode & FORBIDDEN_KEY_MODE == 0 {
        return Ok(());
    }
    Err(value.refuse(format!(
        "is a private key that others may use (mode {mode:04o}, at most 0640); run: chmod 0640 {}",
        path.display()
    )))
}

fn read_ttl(value: &Value<'_>) -> Result<Duration, Error> {
    let ttl = parse_duration(value.text()?).map_err(|reason| value.refuse(reason))?;
    if ttl < MIN_CERT_TTL {
        return Err(value.refuse("is shorter than 1m, so certificates would end while in use; write for example 24h"));
    }
    Ok(ttl)
}

fn read_cache_size(value: &Value<'_>) -> Result<NonZeroUsize, Error> {
    usize::try_from(value.count()?)
        .ok()
        .and_then(NonZeroUsize::new)
        .filter(|size| size.get() <= MAX_CERT_CACHE)
        .ok_or_else(|| value.refuse(format!("is no size for the cache; write a number from 1 to {MAX_CERT_CACHE}")))
}

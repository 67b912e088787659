//! Leaf certificates: minted for the name a workload asked for, kept for a day, one at a time for a name.
//!
//! Names come from workloads, so they are bounded three ways: [`crate::model::ServerName`] is the only text that reaches DER,
//! the cache has a capacity, and minting has a rate for each workload. The private key of a leaf is made in this process and never the
//! authority's. Next stage: [`super::Downstream`] shows the leaf.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::Mutex;

use super::ca::{CertificateAuthority, random_serial};
use super::error::Error;
use crate::model::PeerName;

/// How long a leaf key lives.
const KEY_TTL: Duration = Duration::from_hours(24);

/// Absorbs clients whose clock is behind.
const BACKDATE: Duration = Duration::from_hours(24);

/// Validity beyond the time a leaf is served, so that one served last still has this left.
const MARGIN: Duration = Duration::from_hours(48);

/// The longest common name (X.520 `ub-common-name`).
const MAX_COMMON_NAME_BYTES: usize = 64;

/// Common name of a leaf whose name is longer; clients read the SAN.
const LONG_NAME_PLACEHOLDER: &str = "name in subjectAltName";

/// Requesters whose minting is remembered; one that is forgotten begins anew.
const MAX_REQUESTERS: usize = 4096;

/// The kind of key a client can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA with P-256, for every client that offers it.
    P256,
    /// RSA of 2048 bits, for the rest. Its key takes about 80 ms to make, once a day.
    Rsa2048,
}

impl KeyKind {
    /// P-256 when the client accepts it (`sniff::ClientHello::accepts_ecdsa`), else RSA.
    #[must_use]
    pub fn for_client(accepts_ecdsa: bool) -> Self {
        if accepts_ecdsa { Self::P256 } else { Self::Rsa2048 }
    }
}

/// `tls_interception.cert_ttl` and `cert_cache_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafSettings {
    /// How long a leaf is served before another is minted for the name.
    pub ttl: Duration,
    /// Leaves kept at once.
    pub capacity: usize,
    /// Leaves minted for one requester a second: a flood of random names must not evict everything.
    pub per_second: u32,
    /// The same at once, after a pause.
    pub at_once: u32,
}

impl Default for LeafSettings {
    fn default() -> Self {
        Self { ttl: Duration::from_hours(24), capacity: 4096, per_second: 200, at_once: 1000 }
    }
}

type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;
type CacheKey = (u64, PeerName, KeyKind);

/// Mints leaves and keeps them.
pub struct Leaves {
    settings: LeafSettings,
    signer: ArcSwap<Signer>,
    cache: Cache<CacheKey, Arc<Minted>>,
    p256: LeafKeySlot,
    rsa: LeafKeySlot,
    budgets: Cache<u64, Arc<Budget>>,
    minted: AtomicU64,
    clock: Clock,
}

struct Signer {
    epoch: u64,
    ca: Arc<CertificateAuthority>,
}

struct Minted {
    at: SystemTime,
    leaf: Arc<CertifiedKey>,
}

impl Leaves {
    /// An empty cache in front of `ca`. The P-256 key is made at the first use, the RSA key at the first client that needs it.
    #[must_use]
    pub fn new(ca: Arc<CertificateAuthority>) -> Self {
        Self::with_settings(ca, LeafSettings::default())
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_settings(ca: Arc<CertificateAuthority>, settings: LeafSettings) -> Self {
        Self::with_clock(ca, settings, Arc::new(SystemTime::now))
    }

    fn with_clock(ca: Arc<CertificateAuthority>, settings: LeafSettings, clock: Clock) -> Self {
        Self {
            settings,
            signer: ArcSwap::from_pointee(Signer { epoch: 0, ca }),
            cache: Cache::new(settings.capacity),
            p256: LeafKeySlot::default(),
            rsa: LeafKeySlot::default(),
            budgets: Cache::new(MAX_REQUESTERS),
            minted: AtomicU64::new(0),
            clock,
        }
    }

    /// Swaps the authority. Leaves of the last one are not served any more; established sessions go on.
    pub fn rotate(&self, ca: &Arc<CertificateAuthority>) {
        self.signer.rcu(|old| Signer { epoch: old.epoch + 1, ca: Arc::clone(ca) });
        self.cache.clear();
    }

    /// How many leaves were minted since the start.
    #[must_use]
    pub fn minted(&self) -> u64 {
        self.minted.load(Ordering::Relaxed)
    }

    /// How many leaves are kept now.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// The leaf for a name, for nobody in particular; see [`Leaves::leaf_for`].
    ///
    /// # Errors
    /// The same.
    pub async fn leaf(&self, name: &PeerName, kind: KeyKind) -> Result<Arc<CertifiedKey>, Error> {
        self.leaf_for(0, name, kind).await
    }

    /// The leaf for a name, from the cache or freshly minted; concurrent calls for one name mint once. What is minted is
    /// counted for `requester`, whatever that number means.
    ///
    /// Dropping the future hands the work to the next caller that waits for the same name.
    ///
    /// # Errors
    /// [`Error::MintRate`] when too many new names came at once: refuse the connection. [`Error::Mint`], [`Error::Setup`] when
    /// a certificate could not be made.
    pub async fn leaf_for(&self, requester: u64, name: &PeerName, kind: KeyKind) -> Result<Arc<CertifiedKey>, Error> {
        let signer = self.signer.load_full();
        let key = (signer.epoch, name.clone(), kind);
        loop {
            let found = self.cache.get_value_or_guard_async(&key).await;
            // Read after the wait: a caller that had read it before would take the leaf it waited for as one from the future.
            let now = (self.clock)();
            match found {
                Ok(minted) if minted.is_fresh(now, self.settings.ttl) => return Ok(Arc::clone(&minted.leaf)),
                // Removed only when it is still the stale one, so that two callers do not throw away each other's fresh leaf.
                Ok(stale) => drop(self.cache.remove_if(&key, |found| Arc::ptr_eq(found, &stale))),
                Err(guard) => {
                    if !self.may_mint(requester, now) {
                        return Err(Error::MintRate { name: name.clone() });
                    }
                    let leaf = Arc::new(self.mint(&signer.ca, name, kind, now).await?);
                    self.minted.fetch_add(1, Ordering::Relaxed);
                    // It fails only when the entry was evicted meanwhile; the leaf is good all the same.
                    let _ = guard.insert(Arc::new(Minted { at: now, leaf: Arc::clone(&leaf) }));
                    return Ok(leaf);
                }
            }
        }
    }

    fn may_mint(&self, requester: u64, now: SystemTime) -> bool {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(Budget::new(self.settings.at_once, now)));
        let Ok(budget) = self.budgets.get_or_insert_with(&requester, new);
        budget.take(&self.settings, now)
    }

    async fn mint(
        &self,
        ca: &CertificateAuthority,
        name: &PeerName,
        kind: KeyKind,
        now: SystemTime,
    ) -> Result<CertifiedKey, Error> {
        let slot = match kind {
            KeyKind::P256 => &self.p256,
            KeyKind::Rsa2048 => &self.rsa,
        };
        let key = slot.current(kind, now).await?;
        let certificate = sign_leaf(ca, name, &key.pair, now, now + self.settings.ttl + MARGIN)?;
        let chain: Vec<CertificateDer<'static>> =
            std::iter::once(certificate).chain(ca.intermediates().iter().cloned()).collect();
        Ok(CertifiedKey::new(chain, Arc::clone(&key.signing)))
    }
}

impl fmt::Debug for Leaves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaves")
            .field("cached", &self.cache.len())
            .field("minted", &self.minted())
            .finish_non_exhaustive()
    }
}

impl Minted {
    /// A clock that jumped back makes a leaf stale, too: its dates may lie in the future.
    fn is_fresh(&self, now: SystemTime, ttl: Duration) -> bool {
        now.duration_since(self.at).is_ok_and(|age| age < ttl)
    }
}

/// Makes and signs a leaf (RFC 5280 §4, as strict verifiers read it).
fn sign_leaf(
    ca: &CertificateAuthority,
    name: &PeerName,
    key: &KeyPair,
    now: SystemTime,
    not_after: SystemTime,
) -> Result<CertificateDer<'static>, Error> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(random_serial()?);
    params.not_before = (now - BACKDATE).max(ca.not_before()).into();
    params.not_after = not_after.min(ca.not_after()).into();
    params.distinguished_name = DistinguishedName::new();
    let text = name.to_string();
    let common_name = if text.len() <= MAX_COMMON_NAME_BYTES { text.as_str() } else { LONG_NAME_PLACEHOLDER };
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.subject_alt_names = vec![match name {
        PeerName::Dns(dns) => SanType::DnsName(Ia5String::try_from(dns.as_str()).map_err(Error::Mint)?),
        // As an iPAddress: clients ignore an address written as a dNSName (RFC 9110 §4.3.5).
        PeerName::Ip(ip) => SanType::IpAddress(IpAddr::to_canonical(ip)),
    }];
    // `ExplicitNoCa` and not `NoCa`: the latter writes neither basicConstraints nor the subject key identifier.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(key, ca.issuer()).map_err(Error::Mint)?;
    Ok(leaf.der().clone())
}

/// A leaf key in both forms that are needed: to be certified, and to sign handshakes.
struct LeafKey {
    made: SystemTime,
    pair: KeyPair,
    signing: Arc<dyn rustls::sign::SigningKey>,
}

/// One key kind's current key, replaced daily. The lock is held while a key is made, so that it is made once.
#[derive(Default)]
struct LeafKeySlot(Mutex<Option<Arc<LeafKey>>>);

impl LeafKeySlot {
    async fn current(&self, kind: KeyKind, now: SystemTime) -> Result<Arc<LeafKey>, Error> {
        let mut slot = self.0.lock().await;
        if let Some(key) = slot.as_ref().filter(|k| now.duration_since(k.made).is_ok_and(|age| age < KEY_TTL)) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(LeafKey::generate(kind, now).await?);
        *slot = Some(Arc::clone(&key));
        Ok(key)
    }
}

impl LeafKey {
    async fn generate(kind: KeyKind, now: SystemTime) -> Result<Self, Error> {
        let pair = match kind {
            KeyKind::P256 => KeyPair::generate(),
            // About 80 ms of computing, with outliers: not on a thread that serves connections.
            KeyKind::Rsa2048 => {
                let made = tokio::task::spawn_blocking(|| KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)).await;
                made.unwrap_or(Err(rcgen::Error::KeyGenerationUnavailable))
            }
        }
        .map_err(Error::Mint)?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialized_der()));
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).map_err(Error::Setup)?;
        Ok(Self { made: now, pair, signing })
    }
}

impl Drop for LeafKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.pair);
    }
}

/// A token bucket: so many a second, and so many at once.
struct Budget(std::sync::Mutex<(f64, SystemTime)>);

impl Budget {
    fn new(at_once: u32, now: SystemTime) -> Self {
        Self(std::sync::Mutex::new((f64::from(at_once), now)))
    }

    fn take(&self, settings: &LeafSettings, now: SystemTime) -> bool {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (tokens, last) = &mut *state;
        // A clock that jumped back earns nothing until it has caught up.
        let earned = now.duration_since(*last).unwrap_or_default().as_secs_f64() * f64::from(settings.per_second);
        *tokens = (*tokens + earned).min(f64::from(settings.at_once));
        *last = (*last).max(now);
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests;

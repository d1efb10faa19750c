//! Who calls REST: API tokens of ours, and JWTs that customers sign with a key they uploaded. A key
//! opens its own domain only. Nothing here knows HTTP; every check takes the time as an argument.

mod jwt;
mod public_key;
mod scope;
mod signatures;
mod sip_tokens;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hookswitch_store::api_keys::{ApiKey, Credential};
use hookswitch_store::seal::TokenHash;
use hookswitch_store::{Result, SealedText, Store, UnixMicros, api_keys, domains};

pub use public_key::{PublicKey, UnusableKey};
pub use scope::{Scope, Scopes};
pub use signatures::{Signatures, Spent, WINDOW};
pub use sip_tokens::{Claims, LIFE, Permissions, SipTokens};

/// A caller whose credential is good for the domain it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant, in lower case.
    pub domain: Arc<str>,
    /// The `sk` of its key.
    pub key_id: Arc<str>,
    /// What the key may do.
    pub scopes: Scopes,
}

/// Why a credential was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It is none of ours, or no longer: 401. The sentence is for its owner.
    Unknown(&'static str),
    /// It belongs to another domain, whether or not the one asked for exists: 403.
    Foreign,
    /// A key of the domain asked for signed it, and its claim `domain` names another: 403.
    ForeignClaim,
}

/// The sentence for a JWT whose signature is good and whose claim `domain` is not.
pub const WRONG_CLAIM: &str =
    "the JWT's signature is good, but its claim domain names another domain than the path";
const NO_SIGNER: &str = "no uploaded key of the domain made the JWT's signature";

/// The longest token or JWT looked at.
const MAX_CREDENTIAL: usize = 8_192;
const MICROS: u64 = 1_000_000;

/// One key, ready to check with.
struct Key {
    domain: Arc<str>,
    sk: Arc<str>,
    scopes: Scopes,
    proof: Proof,
    /// Unix seconds.
    expires_at: Option<u64>,
    /// Unix seconds; 0 before the first use since the start.
    last_used_at: AtomicU64,
    /// What of that is in the store.
    noted_use: AtomicU64,
}

enum Proof {
    Token {
        hash: TokenHash,
        sealed: SealedText,
    },
    /// With the hash of its text.
    Signature(PublicKey, TokenHash),
}

fn scopes(row: &ApiKey) -> Scopes {
    Scopes::from_words(row.scopes.split_whitespace()).unwrap_or(Scopes::NONE)
}

fn expires_at(row: &ApiKey) -> Option<u64> {
    row.expires_at.map(|at| at.0 / MICROS)
}

impl Key {
    /// A stored key; `None`, with a word in the log, when it cannot be used.
    fn new(row: &ApiKey) -> Option<Self> {
        let proof = match &row.credential {
            Credential::Opaque {
                token_hash,
                sealed_token,
            } => Proof::Token {
                hash: *token_hash,
                sealed: sealed_token.clone(),
            },
            Credential::Pem(pem) => match PublicKey::parse(pem) {
                Ok(key) => Proof::Signature(key, TokenHash::of(pem)),
                Err(why) => {
                    tracing::error!(sk = row.sk, %why, "a stored public key cannot be used");
                    return None;
                }
            },
        };
        Some(Self {
            domain: row.domain.as_str().into(),
            sk: row.sk.as_str().into(),
            scopes: scopes(row),
            proof,
            expires_at: expires_at(row),
            last_used_at: AtomicU64::new(0),
            noted_use: AtomicU64::new(0),
        })
    }

    /// Whether it is what was made of this row.
    fn is_of(&self, row: &ApiKey) -> bool {
        let is_proof = match (&self.proof, &row.credential) {
            (
                Proof::Token { hash, sealed },
                Credential::Opaque {
                    token_hash,
                    sealed_token,
                },
            ) => hash == token_hash && sealed == sealed_token,
            (Proof::Signature(_, text), Credential::Pem(pem)) => *text == TokenHash::of(pem),
            _ => false,
        };
        is_proof
            && *self.domain == *row.domain
            && self.scopes == scopes(row)
            && self.expires_at == expires_at(row)
    }

    /// Its caller at `now` (Unix seconds), unless it is of another domain or has expired.
    fn open(&self, domain: &str, now: u64) -> Result<Caller, Denied> {
        if *self.domain != *domain {
            return Err(Denied::Foreign);
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Denied::Unknown("the API key has expired"));
        }
        self.last_used_at.fetch_max(now, Ordering::Relaxed);
        Ok(Caller {
            domain: self.domain.clone(),
            key_id: self.sk.clone(),
            scopes: self.scopes,
        })
    }
}

/// A key that can have made a Signature V4.
pub struct Secret {
    key: Arc<Key>,
    /// Its token, sealed for [`crate::secrets::token_place`] of the domain and the `sk`.
    pub sealed: SealedText,
}

impl Secret {
    /// The tenant whose key it is.
    pub fn domain(&self) -> &str {
        &self.key.domain
    }

    /// Who signed, once that is proven.
    ///
    /// # Errors
    /// The key is of another domain than `domain` (lower case), or has expired at `now` (Unix seconds).
    pub fn open(&self, domain: &str, now: u64) -> Result<Caller, Denied> {
        self.key.open(domain, now)
    }
}

/// When a key was used last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The tenant.
    pub domain: Arc<str>,
    /// Its key.
    pub sk: Arc<str>,
    /// The time.
    pub at: UnixMicros,
}

/// All keys of all domains, in memory.
#[derive(Default)]
pub struct Keys {
    index: RwLock<Index>,
    verified: jwt::Verified,
}

#[derive(Default)]
struct Index {
    by_token: HashMap<TokenHash, Arc<Key>>,
    by_domain: HashMap<Arc<str>, Vec<Arc<Key>>>,
    by_sk: HashMap<Arc<str>, Arc<Key>>,
    /// Rises with every key that is added or removed.
    changes: u64,
}

impl Keys {
    /// Reads every key of the store.
    pub fn load(store: &Store) -> Result<Self> {
        let keys = Self::default();
        let rows = store.read(|db| {
            let mut rows = Vec::new();
            for domain in domains::all(db)? {
                rows.extend(api_keys::of_domain(db, &domain.domain)?);
            }
            Ok(rows)
        })?;
        for row in &rows {
            keys.add(row);
        }
        Ok(keys)
    }

    /// Takes up a key that was stored, in the place of what was known of it.
    pub fn add(&self, row: &ApiKey) {
        self.write().add(row);
    }

    /// Takes up a domain's keys as they are stored now; those that did not change keep what is known of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn refresh_domain(&self, store: &Store, domain: &str) -> Result<()> {
        loop {
            let before = self.read().changes;
            let rows = store.read(|db| api_keys::of_domain(db, domain))?;
            let mut index = self.write();
            // A key that this node added or deleted meanwhile may not be in what was read.
            if index.changes == before {
                index.replace_domain(domain, &rows);
                return Ok(());
            }
        }
    }

    /// Forgets a key that was deleted; what it signed before opens nothing any more.
    pub fn remove(&self, domain: &str, sk: &str) {
        self.write().remove(domain, sk);
    }

    /// Forgets every key of a domain.
    pub fn remove_domain(&self, domain: &str) {
        self.write().remove_domain(domain);
    }

    /// Who presents `credential`, the text after `Bearer `, for `domain` (lower case) at `now` (Unix
    /// seconds). The token is looked up by its hash, so that timing tells nothing about it.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn authenticate(&self, credential: &str, domain: &str, now: u64) -> Result<Caller, Denied> {
        if credential.len() > MAX_CREDENTIAL {
            return Err(Denied::Unknown(
                "the credential is longer than 8192 characters",
            ));
        }
        let key = match jwt::parse(credential) {
            Some(token) => self.signer(&token, domain, now)?,
            None => {
                let index = self.read();
                let key = index.by_token.get(&TokenHash::of(credential)).cloned();
                key.ok_or(Denied::Unknown("the API token is not known"))?
            }
        };
        key.open(domain, now)
    }

    /// Whether a credential is a JWT, for which signatures are verified, and not a token to look up.
    pub fn is_signed(credential: &str) -> bool {
        credential.len() <= MAX_CREDENTIAL && jwt::parse(credential).is_some()
    }

    /// The same as [`Self::authenticate`], for the domain of the key itself, where the caller names none.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn authenticate_own(&self, credential: &str, now: u64) -> Result<Caller, Denied> {
        let domain = self.domain_of(credential).ok_or(Denied::Unknown(
            "the credential is not known, or is a JWT without a claim domain and a kid",
        ))?;
        self.authenticate(credential, &domain, now)
    }

    /// The domain a credential is of, as far as it says so by itself; nothing of it is proven.
    fn domain_of(&self, credential: &str) -> Option<Arc<str>> {
        let index = self.read();
        let Some(token) = jwt::parse(credential) else {
            let key = index.by_token.get(&TokenHash::of(credential))?;
            return Some(key.domain.clone());
        };
        match &token.claimed_domain() {
            Some(claimed) => Some(claimed.to_ascii_lowercase().into()),
            None => Some(index.by_sk.get(token.kid.as_deref()?)?.domain.clone()),
        }
    }

    /// The secret with which a holder of the key `sk` signs; public keys have none here.
    pub fn secret(&self, sk: &str) -> Option<Secret> {
        let index = self.read();
        let key = index.by_sk.get(sk)?;
        match &key.proof {
            Proof::Token { sealed, .. } => Some(Secret {
                key: key.clone(),
                sealed: sealed.clone(),
            }),
            Proof::Signature(..) => None,
        }
    }

    /// When a key was used last since the program started.
    pub fn last_use(&self, sk: &str) -> Option<UnixMicros> {
        let index = self.read();
        let at = index.by_sk.get(sk)?.last_used_at.load(Ordering::Relaxed);
        (at > 0).then_some(UnixMicros(at * MICROS))
    }

    /// The keys used since this was asked last, with the time of their last use.
    pub fn take_uses(&self) -> Vec<Use> {
        let index = self.read();
        let keys = index.by_sk.values().filter_map(|key| {
            let at = key.last_used_at.load(Ordering::Relaxed);
            let is_news = key.noted_use.swap(at, Ordering::Relaxed) != at;
            is_news.then(|| Use {
                domain: key.domain.clone(),
                sk: key.sk.clone(),
                at: UnixMicros(at * MICROS),
            })
        });
        keys.collect()
    }

    /// The key that signed a JWT whose claims hold now.
    fn signer(&self, token: &jwt::Token<'_>, domain: &str, now: u64) -> Result<Arc<Key>, Denied> {
        let claims = token.check(now)?;
        let hash = TokenHash::of(token.text);
        let known = self.verified.find(&hash).filter(|key| self.holds(key));
        let key = match known {
            Some(key) => key,
            None => {
                let signed_by = |key: &Arc<Key>| match &key.proof {
                    Proof::Signature(public, _) => token.is_signed_by(public),
                    Proof::Token { .. } => false,
                };
                let kid = token.kid.as_deref();
                let claimed = claims.domain.as_deref().unwrap_or(domain);
                let mut candidates = self.candidates(kid, claimed).into_iter();
                match candidates.find(signed_by) {
                    Some(key) => {
                        self.verified.remember(hash, key.clone());
                        key
                    }
                    // Only who holds a key of the domain learns that the claim is at fault.
                    None if self.candidates(kid, domain).iter().any(signed_by) => {
                        return Err(Denied::Unknown(WRONG_CLAIM));
                    }
                    // Nothing says whose it is, but that it is not this domain's.
                    None if kid.is_none() && claims.domain.is_none() => {
                        return Err(Denied::Foreign);
                    }
                    None => return Err(Denied::Unknown(NO_SIGNER)),
                }
            }
        };
        match &claims.domain {
            Some(claimed) if !claimed.eq_ignore_ascii_case(domain) => {
                Err(if *key.domain == *domain {
                    Denied::ForeignClaim
                } else {
                    Denied::Foreign
                })
            }
            _ => Ok(key),
        }
    }

    /// Whether a key that once verified a token was not deleted since.
    fn holds(&self, key: &Arc<Key>) -> bool {
        let index = self.read();
        index
            .by_sk
            .get(&key.sk)
            .is_some_and(|held| Arc::ptr_eq(held, key))
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect("no panic while the lock is held")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().expect("no panic while the lock is held")
    }

    fn candidates(&self, kid: Option<&str>, domain: &str) -> Vec<Arc<Key>> {
        let index = self.read();
        if let Some(kid) = kid {
            return index.by_sk.get(kid).cloned().into_iter().collect();
        }
        let domain = domain.to_ascii_lowercase();
        index
            .by_domain
            .get(domain.as_str())
            .cloned()
            .unwrap_or_default()
    }
}

impl Index {
    fn add(&mut self, row: &ApiKey) {
        let known = self.by_sk.get(row.sk.as_str()).cloned();
        if known.as_ref().is_some_and(|key| key.is_of(row)) {
            return;
        }
        let Some(key) = Key::new(row).map(Arc::new) else {
            return;
        };
        if known.is_some() {
            self.remove(&row.domain, &row.sk);
        }
        self.changes += 1;
        if let Proof::Token { hash, .. } = &key.proof {
            self.by_token.insert(*hash, key.clone());
        }
        self.by_sk.insert(key.sk.clone(), key.clone());
        let of_domain = self.by_domain.entry(key.domain.clone()).or_default();
        of_domain.push(key);
    }

    fn replace_domain(&mut self, domain: &str, rows: &[ApiKey]) {
        let known = self.by_domain.get(domain).cloned().unwrap_or_default();
        for key in known {
            if rows.iter().all(|row| *row.sk != *key.sk) {
                self.remove(domain, &key.sk);
            }
        }
        rows.iter().for_each(|row| self.add(row));
    }

    fn remove(&mut self, domain: &str, sk: &str) {
        self.changes += 1;
        if let Some(keys) = self.by_domain.get_mut(domain) {
            keys.retain(|key| &*key.sk != sk);
        }
        self.forget(|key| &*key.domain == domain && &*key.sk == sk);
    }

    fn remove_domain(&mut self, domain: &str) {
        self.changes += 1;
        self.by_domain.remove(domain);
        self.forget(|key| &*key.domain == domain);
    }

    fn forget(&mut self, gone: impl Fn(&Key) -> bool) {
        self.by_token.retain(|_, key| !gone(key));
        self.by_sk.retain(|_, key| !gone(key));
    }
}

#[cfg(test)]
mod tests;

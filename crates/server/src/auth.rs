//! Who calls REST: API tokens of ours, and JWTs that customers sign with a key they uploaded. A key
//! opens its own domain only. Nothing here knows HTTP; every check takes the time as an argument.

mod jwt;
mod public_key;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use hookswitch_store::api_keys::{ApiKey, Credential};
use hookswitch_store::seal::TokenHash;
use hookswitch_store::{Result, Store, api_keys, domains};

pub use public_key::{PublicKey, UnusableKey};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The call commands.
    Calls,
    /// Everything provisioned, keys and secrets included.
    Provisioning,
    /// Looking at anything that is no secret.
    Read,
}

impl Scope {
    const ALL: [Self; 3] = [Self::Calls, Self::Provisioning, Self::Read];

    /// The word of the scope.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Provisioning => "provisioning",
            Self::Read => "read",
        }
    }
}

/// The scopes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope: what a key has that names none.
    pub const ALL: Self = Self(0b111);

    /// From words; an unknown one is the error.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut scopes = Self(0);
        for word in words {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
            scopes.0 |= 1 << scope.ok_or_else(|| word.to_owned())? as u8;
        }
        Ok(scopes)
    }

    /// Whether `scope` is among them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// Their words.
    pub fn words(self) -> Vec<String> {
        let named = Scope::ALL.into_iter().filter(|scope| self.has(*scope));
        named.map(|scope| scope.as_str().to_owned()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

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

/// One key, ready to check with.
struct Key {
    domain: Arc<str>,
    sk: Arc<str>,
    scopes: Scopes,
    proof: Proof,
}

enum Proof {
    Token(TokenHash),
    Signature(PublicKey),
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
}

impl Keys {
    /// Reads every key of the store.
    pub fn load(store: &Store) -> Result<Self> {
        let keys = Self::default();
        let rows = store.read(|db| {
            let mut rows = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let page = domains::list(db, after.as_deref(), 1_000)?;
                let Some(last) = page.last() else {
                    return Ok(rows);
                };
                after = Some(last.domain.clone());
                for domain in &page {
                    rows.extend(api_keys::of_domain(db, &domain.domain)?);
                }
            }
        })?;
        for row in &rows {
            keys.add(row);
        }
        Ok(keys)
    }

    /// Takes up a key that was stored.
    pub fn add(&self, row: &ApiKey) {
        let proof = match &row.credential {
            Credential::Opaque { token_hash, .. } => Proof::Token(*token_hash),
            Credential::Pem(pem) => match PublicKey::parse(pem) {
                Ok(key) => Proof::Signature(key),
                Err(why) => {
                    tracing::error!(sk = row.sk, %why, "a stored public key cannot be used");
                    return;
                }
            },
        };
        let scopes = Scopes::from_words(row.scopes.split_whitespace()).unwrap_or(Scopes(0));
        let mut index = self.index.write().expect("no panic while the lock is held");
        let domain: Arc<str> = row.domain.as_str().into();
        let sk: Arc<str> = row.sk.as_str().into();
        let key = Arc::new(Key {
            domain,
            sk,
            scopes,
            proof,
        });
        if let Proof::Token(hash) = &key.proof {
            index.by_token.insert(*hash, key.clone());
        }
        index.by_sk.insert(key.sk.clone(), key.clone());
        index
            .by_domain
            .entry(key.domain.clone())
            .or_default()
            .push(key);
    }

    /// Forgets a key that was deleted; what it signed before opens nothing any more.
    pub fn remove(&self, domain: &str, sk: &str) {
        let mut index = self.index.write().expect("no panic while the lock is held");
        if let Some(keys) = index.by_domain.get_mut(domain) {
            keys.retain(|key| &*key.sk != sk);
        }
        index.forget(|key| &*key.domain == domain && &*key.sk == sk);
    }

    /// Forgets every key of a domain.
    pub fn remove_domain(&self, domain: &str) {
        let mut index = self.index.write().expect("no panic while the lock is held");
        index.by_domain.remove(domain);
        index.forget(|key| &*key.domain == domain);
    }

    /// Who presents `credential`, the text after `Bearer `, for `domain` (lower case) at `now` (Unix
    /// seconds). The token is looked up by its hash, so that timing tells nothing about it.
    pub fn authenticate(&self, credential: &str, domain: &str, now: u64) -> Result<Caller, Denied> {
        let key = match jwt::parse(credential) {
            Some(token) => self.signer(&token, domain, now)?,
            None => {
                let index = self.index.read().expect("no panic while the lock is held");
                let key = index.by_token.get(&TokenHash::of(credential)).cloned();
                key.ok_or(Denied::Unknown("the API token is not known"))?
            }
        };
        if *key.domain != *domain {
            return Err(Denied::Foreign);
        }
        Ok(Caller {
            domain: key.domain.clone(),
            key_id: key.sk.clone(),
            scopes: key.scopes,
        })
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
                    Proof::Signature(public) => token.is_signed_by(public),
                    Proof::Token(_) => false,
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
        let index = self.index.read().expect("no panic while the lock is held");
        index
            .by_sk
            .get(&key.sk)
            .is_some_and(|held| Arc::ptr_eq(held, key))
    }

    fn candidates(&self, kid: Option<&str>, domain: &str) -> Vec<Arc<Key>> {
        let index = self.index.read().expect("no panic while the lock is held");
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
    fn forget(&mut self, gone: impl Fn(&Key) -> bool) {
        self.by_token.retain(|_, key| !gone(key));
        self.by_sk.retain(|_, key| !gone(key));
    }
}

#[cfg(test)]
mod tests;

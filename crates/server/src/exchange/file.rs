//! What stands in the file.

use hookswitch_store::api_keys::{ApiKey, Credential};
use hookswitch_store::documents::Document;
use hookswitch_store::seal::Place;
use hookswitch_store::tenant::Tenant;
use hookswitch_store::{Error, MasterKey, Result, SealedText, UnixMicros};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Refused;
use super::passphrase::{Passphrase, SealedWith};
use crate::{kind, secrets};

/// Bytes of a file; 100,000 devices take some 50 million.
pub const MAX_FILE: u64 = 256 * 1024 * 1024;

/// What every file begins with.
pub(super) const FORMAT: &str = "hookswitch.tenant";
/// The newest form of it known here.
pub(super) const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    pub(super) format: String,
    pub(super) version: u32,
    /// The release that wrote it.
    pub(super) written_by: String,
    pub(super) domain: String,
    /// Microseconds since 1970, as all times here.
    pub(super) created_at: u64,
    pub(super) sealed_with: SealedWith,
    pub(super) settings: Value,
    /// Sealed.
    pub(super) webhook_secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous_webhook_secret: Option<Previous>,
    pub(super) networks: Vec<String>,
    pub(super) api_keys: Vec<Key>,
    pub(super) documents: Vec<Item>,
}

/// The webhook secret before a rotation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Previous {
    /// Sealed.
    pub(super) secret: String,
    pub(super) until: u64,
}

/// An API key: a token or a public key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Key {
    pub(super) sk: String,
    /// Sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
    /// PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// Words between spaces.
    pub(super) scopes: String,
    pub(super) description: String,
    pub(super) created_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_used_at: Option<u64>,
}

/// A provisioned document, or a note that the platform keeps beside one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) kind: String,
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) provisory: bool,
    /// Its secrets are sealed.
    pub(super) document: Value,
}

/// Writes a tenant down.
pub(super) fn write(
    tenant: &Tenant,
    master_key: &MasterKey,
    passphrase: &Passphrase,
) -> Result<Vec<u8>, Refused> {
    let (sealed_with, key) = SealedWith::new(passphrase);
    let seals = Seals {
        domain: &tenant.domain.domain,
        from: master_key,
        to: &key,
    };
    let domain = &tenant.domain;
    let webhook = secrets::webhook_place(&domain.domain);
    let previous = domain.previous_webhook_secret.as_ref();
    let previous = previous
        .map(|(sealed, until)| {
            Ok::<_, Error>(Previous {
                secret: seals.again(webhook, sealed)?,
                until: until.0,
            })
        })
        .transpose()?;
    let file = File {
        format: FORMAT.to_owned(),
        version: VERSION,
        written_by: concat!("hookswitch ", env!("CARGO_PKG_VERSION")).to_owned(),
        domain: domain.domain.clone(),
        created_at: domain.created_at.0,
        sealed_with,
        settings: serde_json::from_str(&domain.settings).unwrap_or_default(),
        webhook_secret: seals.again(webhook, &domain.webhook_secret)?,
        previous_webhook_secret: previous,
        networks: tenant.networks.clone(),
        api_keys: tenant
            .api_keys
            .iter()
            .map(|row| seals.key(row))
            .collect::<Result<_>>()?,
        documents: tenant
            .documents
            .iter()
            .map(|document| seals.item(document))
            .collect::<Result<_, Refused>>()?,
    };
    serde_json::to_vec_pretty(&file).map_err(|error| Refused::Unable(error.to_string()))
}

/// From the installation's key to the file's.
struct Seals<'s> {
    domain: &'s str,
    from: &'s MasterKey,
    to: &'s MasterKey,
}

impl Seals<'_> {
    fn again(&self, place: Place<'_>, sealed: &SealedText) -> Result<String> {
        let opened = self.from.open(place, sealed)?;
        Ok(self.to.seal(place, &opened).as_str().to_owned())
    }

    fn key(&self, row: &ApiKey) -> Result<Key> {
        let (token, key) = match &row.credential {
            Credential::Opaque { sealed_token, .. } => {
                let place = secrets::token_place(self.domain, &row.sk);
                (Some(self.again(place, sealed_token)?), None)
            }
            Credential::Pem(pem) => (None, Some(pem.clone())),
        };
        let micros = |at: UnixMicros| at.0;
        Ok(Key {
            sk: row.sk.clone(),
            token,
            key,
            scopes: row.scopes.clone(),
            description: row.description.clone(),
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(micros),
            last_used_at: row.last_used_at.map(micros),
        })
    }

    fn item(&self, stored: &Document) -> Result<Item, Refused> {
        let document = if kind::NOTES.contains(&stored.kind.as_str()) {
            kind::parse(stored)
        } else {
            let Some(kind) = kind::find(&stored.kind) else {
                let why = format!(
                    "this release does not know documents of kind {}",
                    stored.kind
                );
                return Err(Refused::Unable(why));
            };
            let members = kind.open(self.from, stored)?;
            kind.seal_for_file(self.to, self.domain, &stored.id, members)
        };
        Ok(Item {
            kind: stored.kind.clone(),
            id: stored.id.clone(),
            provisory: stored.draft,
            document,
        })
    }
}

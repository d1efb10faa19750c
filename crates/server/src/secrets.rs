//! Secrets as they lie in the store: sealed, each to its own place.

use hookswitch_store::seal::{Place, random_bytes, random_token};
use hookswitch_store::{MasterKey, Result, SealedText, Store, UnixMicros, domains, settings};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the names of settings begin with that hold secrets of the node.
pub const OF_NODE: &str = "secret.";

/// Where a secret of the node itself is sealed.
pub fn node_place(name: &str) -> Place<'_> {
    Place {
        domain: "",
        kind: "node",
        field: name,
    }
}

/// A secret of the node itself, drawn on first use and the same ever after: `reply-id`, `shards`, …
pub fn of_node<const N: usize>(
    store: &Store,
    master_key: &MasterKey,
    name: &'static str,
) -> Result<[u8; N]> {
    let place = node_place(name);
    let setting = format!("{OF_NODE}{name}");
    let fresh = master_key
        .seal(place, &random_bytes::<N>())
        .as_str()
        .to_owned();
    let sealed = store.write(move |db| settings::put_if_absent(db, &setting, &fresh))?;
    let bytes = master_key.open(place, &SealedText::from(sealed))?;
    <[u8; N]>::try_from(bytes).map_err(|_| hookswitch_store::Error::SealFormat)
}

/// A new API token.
pub fn new_token() -> String {
    random_token("hs_")
}

/// Where the token of a key is sealed.
pub fn token_place<'a>(domain: &'a str, sk: &'a str) -> Place<'a> {
    Place {
        domain,
        kind: "apiKey",
        field: sk,
    }
}

/// A new signing secret in the form of Standard Webhooks.
pub fn new_webhook_secret() -> String {
    format!("whsec_{}", STANDARD.encode(random_bytes::<32>()))
}

/// Where a domain's webhook secret is sealed.
pub fn webhook_place(domain: &str) -> Place<'_> {
    Place {
        domain,
        kind: "domain",
        field: "webhookSecret",
    }
}

/// The secrets a domain's callbacks are signed with now, the newest first, and until when the older
/// one counts.
pub fn webhook_secrets(
    master_key: &MasterKey,
    row: &domains::Domain,
) -> Result<(String, Option<(String, UnixMicros)>)> {
    let place = webhook_place(&row.domain);
    let current = master_key.open_text(place, &row.webhook_secret)?;
    let previous = match &row.previous_webhook_secret {
        Some((sealed, until)) => Some((master_key.open_text(place, sealed)?, *until)),
        None => None,
    };
    Ok((current, previous))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_the_node_is_drawn_once() {
        let (_home, store) = crate::database::home::store();
        let master_key = MasterKey::ephemeral();
        let first: [u8; 32] = of_node(&store, &master_key, "reply-id").unwrap();
        assert_eq!(of_node(&store, &master_key, "reply-id").unwrap(), first);
        assert_ne!(of_node::<32>(&store, &master_key, "shards").unwrap(), first);
        assert!(of_node::<32>(&store, &MasterKey::ephemeral(), "reply-id").is_err());
    }
}

//! The key that is made of a passphrase, and what has to be known to make it again.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookswitch_api::error::FieldError;
use hookswitch_store::seal::{Place, random_bytes};
use hookswitch_store::{MasterKey, SealedText};
use serde::{Deserialize, Serialize};

/// Characters that keep it from being guessed, at argon2's price for each guess.
const MIN_LENGTH: usize = 12;
const MAX_LENGTH: usize = 1_024;

/// What a new file costs to try a passphrase on: 64 MiB, three times over.
const MEMORY: u32 = 65_536;
const ITERATIONS: u32 = 3;
/// What somebody else's file may cost.
const MAX_MEMORY: u32 = 1_048_576;
const MAX_ITERATIONS: u32 = 16;

const KEY_MADE_BY: &str = "argon2id";
const SEALED_BY: &str = "AES-256-GCM";

/// What seals the secrets of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

/// It is not between 12 and 1,024 bytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a passphrase has 12 to 1024 bytes")]
pub struct TooShort;

impl Passphrase {
    /// Takes the text, without a line's end.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn new(text: &str) -> Result<Self, TooShort> {
        let text = text.trim_end_matches(['\r', '\n']);
        if (MIN_LENGTH..=MAX_LENGTH).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TooShort)
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// How the secrets of a file are sealed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SealedWith {
    key_made_by: String,
    memory_ki_b: u32,
    iterations: u32,
    /// Base64.
    salt: String,
    sealed_by: String,
    /// Nothing, sealed: opens with the right passphrase.
    check: String,
}

const CHECK: Place<'_> = Place {
    domain: "",
    kind: "export",
    field: "check",
};

impl SealedWith {
    /// A key for a new file.
    pub(super) fn new(passphrase: &Passphrase) -> (Self, MasterKey) {
        let salt: [u8; 16] = random_bytes();
        let key = key(passphrase, &salt, MEMORY, ITERATIONS)
            .expect("the parameters and the salt's length are argon2's");
        let sealed_with = Self {
            key_made_by: KEY_MADE_BY.to_owned(),
            memory_ki_b: MEMORY,
            iterations: ITERATIONS,
            salt: STANDARD.encode(salt),
            sealed_by: SEALED_BY.to_owned(),
            check: key.seal(CHECK, b"").as_str().to_owned(),
        };
        (sealed_with, key)
    }

    /// The key of a file.
    pub(super) fn key(&self, passphrase: &Passphrase) -> Result<MasterKey, FieldError> {
        let fault = |member: &str, detail: String| {
            Err(FieldError::new(format!("/sealedWith/{member}"), detail))
        };
        if self.key_made_by != KEY_MADE_BY {
            return fault("keyMadeBy", format!("must be {KEY_MADE_BY}"));
        }
        if self.sealed_by != SEALED_BY {
            return fault("sealedBy", format!("must be {SEALED_BY}"));
        }
        if self.memory_ki_b > MAX_MEMORY {
            return fault("memoryKiB", format!("must be at most {MAX_MEMORY}"));
        }
        if self.iterations > MAX_ITERATIONS {
            return fault("iterations", format!("must be at most {MAX_ITERATIONS}"));
        }
        let salt = STANDARD.decode(&self.salt).unwrap_or_default();
        let Some(key) = key(passphrase, &salt, self.memory_ki_b, self.iterations) else {
            return fault(
                "salt",
                "and the numbers beside it must be those of argon2id".to_owned(),
            );
        };
        match key.open(CHECK, &SealedText::from(self.check.clone())) {
            Ok(_) => Ok(key),
            Err(_) => fault(
                "check",
                "does not open: the passphrase is not the one of the export".to_owned(),
            ),
        }
    }
}

fn key(passphrase: &Passphrase, salt: &[u8], memory: u32, iterations: u32) -> Option<MasterKey> {
    let mut key = [0; 32];
    let params = Params::new(memory, iterations, 1, Some(key.len())).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let made = argon2.hash_password_into(passphrase.0.as_bytes(), salt, &mut key);
    made.is_ok().then(|| MasterKey::of_bytes(&key))
}

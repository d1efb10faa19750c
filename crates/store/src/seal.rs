//! Secrets that must be read back: AES-256-GCM under a master key that lives outside the database.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, MAX_TAG_LEN, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::{Error, Result};

const KEY_LEN: usize = 32;
const PREFIX: &str = "v1.";

/// The key that seals every secret of a node.
pub struct MasterKey {
    key: RandomizedNonceKey,
    fingerprint: String,
}

/// Where a secret belongs; a sealed text opens only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The tenant, empty for the node's own secrets.
    pub domain: &'a str,
    /// The kind of object, with its id where there are several.
    pub kind: &'a str,
    /// The member that holds the secret.
    pub field: &'a str,
}

/// An encrypted secret as the tables hold it: `v1.` and base64 of nonce, ciphertext and tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedText(String);

impl MasterKey {
    /// Reads the key file, or creates it with a new key (mode 0600, its folder 0700).
    ///
    /// [`Error::WidePermissions`] when others than the owner may touch the file.
    pub fn load_or_create(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(Error::io(path)(error)),
        }
    }

    /// Reads the key file; the same errors, and that there is none.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        Self::parse(path, &text)
    }

    /// A key that lasts as long as the process.
    pub fn ephemeral() -> Self {
        Self::of_bytes(&random_bytes())
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let mode = fs::metadata(path)
            .map_err(Error::io(path))?
            .permissions()
            .mode()
            & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::WidePermissions {
                path: path.to_path_buf(),
                mode,
            });
        }
        let bytes = STANDARD.decode(text.trim_ascii()).unwrap_or_default();
        let bytes =
            <[u8; KEY_LEN]>::try_from(bytes).map_err(|_| Error::MasterKey(path.to_path_buf()))?;
        Ok(Self::of_bytes(&bytes))
    }

    fn create(path: &Path) -> Result<Self> {
        let bytes: [u8; KEY_LEN] = random_bytes();
        if let Some(dir) = path
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(Error::io(dir))?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(Error::io(path))?;
        let text = STANDARD.encode(bytes) + "\n";
        file.write_all(text.as_bytes()).map_err(Error::io(path))?;
        file.sync_all().map_err(Error::io(path))?;
        Ok(Self::of_bytes(&bytes))
    }

    /// The key of these random bytes, or of a passphrase's.
    pub fn of_bytes(bytes: &[u8; KEY_LEN]) -> Self {
        let named = [b"hookswitch master key ".as_slice(), bytes].concat();
        Self {
            key: RandomizedNonceKey::new(&AES_256_GCM, bytes)
                .expect("the key has AES-256's length"),
            fingerprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, &named)),
        }
    }

    /// Tells one key from another and nothing of what it is.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Encrypts `plaintext` for `place`, as text.
    pub fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> SealedText {
        SealedText(PREFIX.to_owned() + &STANDARD.encode(self.seal_bytes(place, plaintext)))
    }

    /// Encrypts `plaintext` for `place`: the nonce, then the rest.
    pub fn seal_bytes(&self, place: Place<'_>, plaintext: &[u8]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(NONCE_LEN + plaintext.len() + MAX_TAG_LEN);
        whole.extend_from_slice(&[0; NONCE_LEN]);
        whole.extend_from_slice(plaintext);
        let (nonce, tag) = self
            .key
            .seal_in_place_separate_tag(place.associated(), &mut whole[NONCE_LEN..])
            .expect("secrets are far below AES-GCM's length limit");
        whole[..NONCE_LEN].copy_from_slice(nonce.as_ref());
        whole.extend_from_slice(tag.as_ref());
        whole
    }

    /// Decrypts what was sealed for `place`; [`Error::WrongKey`], [`Error::SealFormat`].
    pub fn open(&self, place: Place<'_>, sealed: &SealedText) -> Result<Vec<u8>> {
        let text = sealed.0.strip_prefix(PREFIX).ok_or(Error::SealFormat)?;
        let whole = STANDARD.decode(text).map_err(|_| Error::SealFormat)?;
        self.open_bytes(place, &whole)
    }

    /// Decrypts what [`MasterKey::seal_bytes`] made for `place`; [`Error::WrongKey`], [`Error::SealFormat`].
    pub fn open_bytes(&self, place: Place<'_>, whole: &[u8]) -> Result<Vec<u8>> {
        let (nonce, bytes) = whole.split_at_checked(NONCE_LEN).ok_or(Error::SealFormat)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::SealFormat)?;
        let mut bytes = bytes.to_vec();
        let length = self
            .key
            .open_in_place(nonce, place.associated(), &mut bytes)
            .map_err(|_| Error::WrongKey)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// [`MasterKey::open`] for secrets that are text.
    pub fn open_text(&self, place: Place<'_>, sealed: &SealedText) -> Result<String> {
        String::from_utf8(self.open(place, sealed)?).map_err(|_| Error::SealFormat)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl Place<'_> {
    /// Each part led by its length, so that no two places give the same bytes.
    fn associated(self) -> Aad<Vec<u8>> {
        let mut bytes = Vec::with_capacity(128);
        for part in [self.domain, self.kind, self.field] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Aad::from(bytes)
    }
}

impl SealedText {
    /// The text form, for places that hold more than one column's worth.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SealedText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// SHA-256 of a token: what the tables look it up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token.
    pub fn of(token: &str) -> Self {
        let hash = digest(&SHA256, token.as_bytes());
        Self(hash.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    /// What the tables hold.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// `prefix` and 256 random bits in URL-safe base64, such as `hs_…`.
pub fn random_token(prefix: &str) -> String {
    prefix.to_owned() + &URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}

/// Random bytes from the system's generator.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has a random generator");
    bytes
}

#[cfg(test)]
mod tests;

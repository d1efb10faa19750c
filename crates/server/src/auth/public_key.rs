//! A customer's public key: PEM in, and the one JWT algorithm it may verify.

use std::fmt;

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest PEM taken; an RSA key of 4096 bits needs 800 characters.
const MAX_PEM: usize = 4_096;
/// Bits of an RSA modulus: fewer are weak, more cost us time for nothing.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// Object identifiers as they stand in the DER of a public key.
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const ED25519_ID: &[u8] = b"\x06\x03\x2b\x65\x70";

/// A parsed public key, bound to its algorithm.
#[derive(Debug)]
pub struct PublicKey {
    key: ParsedPublicKey,
    /// The `alg` a JWT must name: RS256, ES256 or EdDSA.
    pub algorithm: &'static str,
}

/// Why a key cannot be used, in a sentence for the person who uploaded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableKey(pub &'static str);

impl fmt::Display for UnusableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl PublicKey {
    /// Reads a PEM block `PUBLIC KEY` or `RSA PUBLIC KEY`.
    pub fn parse(pem: &str) -> Result<Self, UnusableKey> {
        if pem.len() > MAX_PEM {
            return Err(UnusableKey("is too long for a public key"));
        }
        let (label, der) = unarmour(pem)?;
        let first = |id: &[u8]| der.windows(id.len()).take(40).any(|window| window == id);
        if label == "RSA PUBLIC KEY" || first(RSA) {
            let key = rsa::PublicKey::from_der(&der).map_err(|_| NO_KEY)?;
            if !RSA_BITS.contains(&(key.modulus_len() * 8)) {
                return Err(UnusableKey("an RSA key must have 2048 to 4096 bits"));
            }
            return Self::with(&RSA_PKCS1_2048_8192_SHA256, &der, "RS256");
        }
        if first(P256) {
            return Self::with(&ECDSA_P256_SHA256_FIXED, &der, "ES256");
        }
        if first(ED25519_ID) {
            return Self::with(&ED25519, &der, "EdDSA");
        }
        Err(UnusableKey("must be an RSA, a P-256 or an Ed25519 key"))
    }

    fn with(
        algorithm: &'static dyn VerificationAlgorithm,
        der: &[u8],
        name: &'static str,
    ) -> Result<Self, UnusableKey> {
        let key = ParsedPublicKey::new(algorithm, der).map_err(|_| NO_KEY)?;
        Ok(Self {
            key,
            algorithm: name,
        })
    }

    /// Whether `signature` is this key's under `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

const NO_KEY: UnusableKey =
    UnusableKey("is not a PEM public key, as `openssl rsa -pubout` writes it");

fn unarmour(pem: &str) -> Result<(&str, Vec<u8>), UnusableKey> {
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or(NO_KEY)?;
    let (label, rest) = rest.split_once("-----").ok_or(NO_KEY)?;
    if label.contains("PRIVATE KEY") {
        return Err(UnusableKey(
            "is a private key: keep it to yourself, replace it now that it has travelled, and upload the public one",
        ));
    }
    if label == "CERTIFICATE" {
        return Err(UnusableKey(
            "is a certificate: upload its public key, as `openssl x509 -pubkey -noout` writes it",
        ));
    }
    let (body, _) = rest.split_once("-----END ").ok_or(NO_KEY)?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| NO_KEY)?;
    if matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY") {
        Ok((label, der))
    } else {
        Err(NO_KEY)
    }
}
